"""A person's own log-likelihood on both libraries, right and wrong."""

from __future__ import annotations

import sys
import threading
from importlib import import_module

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import optimize, special, stats

import workbench as wb
from workbench.errors import LikelihoodError, OptionError, WorkbenchError
from workbench.models.custom.output_limit import LINES, OutputLimit, limited
from workbench.runs.run import record_ended_runs


@pytest.fixture
def waits():
    """Return 200 durations of a Weibull with shape 1.5 and scale 2, drawn with seed 7."""
    return pd.DataFrame({"t": 2 * np.random.default_rng(7).weibull(1.5, 200)})


@pytest.fixture
def m(library):
    """The module whose functions a person would write in."""
    return jnp if library == "jax" else import_module("torch")


def weibull(m):
    def loglik(params, data):
        z = data.t / params.scale
        return m.log(params.shape / params.scale) + (params.shape - 1) * m.log(z) - z**params.shape

    return loglik


def test_a_likelihood_without_a_formula_has_the_estimates_of_scipy(m, library, waits):
    model = wb.custom(weibull(m), {"shape": wb.positive(1.0), "scale": wb.positive(1.0)})

    fit = wb.fit(model, None, waits, backend=library)

    shape, _, scale = stats.weibull_min.fit(waits["t"], floc=0)
    # scipy's own search ends at about 1e-5.
    np.testing.assert_allclose(fit.params, [shape, scale], rtol=1e-4)
    expected = stats.weibull_min.logpdf(waits["t"], fit.params["shape"], 0, fit.params["scale"])
    assert fit.loglik == pytest.approx(expected.sum(), rel=1e-12)
    assert fit.converged


def test_errors_of_bounded_parameters_are_those_of_the_natural_scale(m, library, waits):
    model = wb.custom(weibull(m), {"shape": wb.positive(1.0), "scale": wb.bounded(0.5, 9)})

    fit = wb.fit(model, None, waits, backend=library, se="robust")

    def total(theta):
        return stats.weibull_min.logpdf(waits["t"], theta[0], 0, theta[1])

    at, h = fit.params.to_numpy(), 1e-4
    steps = h * np.eye(2)
    scores = np.array([(total(at + e) - total(at - e)) / (2 * h) for e in steps]).T
    cross = [
        [
            np.sum(total(at + a + b) - total(at + a - b) - total(at - a + b) + total(at - a - b))
            / (4 * h**2)
            for a in steps
        ]
        for b in steps
    ]
    bread = np.linalg.inv(-np.array(cross))
    expected = {
        "hessian": bread,
        "opg": np.linalg.inv(scores.T @ scores),
        "robust": bread @ scores.T @ scores @ bread,
    }
    for kind, covariance in expected.items():
        # Differences of second order hold about six digits.
        np.testing.assert_allclose(
            fit.standard_errors(kind), np.sqrt(np.diag(covariance)), rtol=1e-5
        )


def test_a_formula_gives_eta_with_coefficients_of_its_own(m, library, people):
    def logit(params, data):
        return -m.log1p(m.exp(-(2 * data["y"] - 1) * data["eta"])) + 0 * params["nothing"] ** 2 / 2

    def no_nothing(params, data):
        return -m.log1p(m.exp(-(2 * data["y"] - 1) * (data["eta"] + params["shift"])))

    flat = wb.fit(
        wb.custom(no_nothing, {"shift": 0.0}), "works ~ educ - 1", people, backend=library
    )
    expected = wb.fit("logit", "works ~ educ", people, backend=library)

    assert flat.params["educ"] == pytest.approx(expected.params["educ"], rel=1e-6)
    assert flat.params["shift"] == pytest.approx(expected.params["Intercept"], rel=1e-6)
    with pytest.raises(LikelihoodError, match="does not depend on nothing"):
        wb.fit(wb.custom(logit, {"nothing": 1.0}), "works ~ educ", people, backend=library)


def test_a_body_with_a_formula_is_the_template(library, people):
    body = "params: sigma > 0 = 1\nloglik = normal_logpdf(y, eta, sigma)"
    spec = "wage ~ educ + exper"
    options = {"se": "cluster", "cluster": "town", "backend": library}

    fit = wb.fit(wb.likelihood(body), spec, people, **options)
    expected = wb.fit("gaussian", spec, people, **options)

    np.testing.assert_allclose(fit.params, expected.params, rtol=1e-7)
    np.testing.assert_allclose(fit.se, expected.se, rtol=1e-6)
    assert fit.loglik == pytest.approx(expected.loglik, rel=1e-12)


@pytest.mark.parametrize("se", ["opg", "robust"])
def test_a_body_of_normal_probabilities_is_the_probit_of_statsmodels(se, library, people):
    body = "params: a, slope\nloglik = log_ndtr((2 * works - 1) * (a + slope * educ))"
    X = sm.add_constant(people["educ"].to_numpy())
    expected = sm.Probit(people["works"].to_numpy(), X).fit(disp=0, tol=1e-13)
    scores = expected.model.score_obs(expected.params)
    bread = np.linalg.inv(-expected.model.hessian(expected.params))
    meat = scores.T @ scores
    covariance = np.linalg.inv(meat) if se == "opg" else bread @ meat @ bread

    fit = wb.fit(wb.likelihood(body), None, people, se=se, backend=library)

    np.testing.assert_allclose(fit.params, expected.params, rtol=1e-7)
    np.testing.assert_allclose(fit.se, np.sqrt(np.diag(covariance)), rtol=1e-6)


def test_a_body_by_unit_has_one_value_per_unit(library, people):
    body = "params: a, s > 0 = 3\nloglik = unit_sum(normal_logpdf(wage, a, s))"
    by_unit = wb.likelihood(body, by="town")
    rows = wb.likelihood("params: a, s > 0 = 3\nloglik = normal_logpdf(wage, a, s)")

    fit = wb.fit(by_unit, None, people, se="robust", backend=library)
    plain = wb.fit(rows, None, people, se="cluster", cluster="town", ssc="none", backend=library)

    assert fit.nobs == people["town"].nunique()
    np.testing.assert_allclose(fit.params, plain.params, rtol=1e-7)
    np.testing.assert_allclose(fit.se, plain.se, rtol=1e-6)


def test_frequency_weights_are_repeated_rows_for_an_own_likelihood(m, library, waits):
    model = wb.custom(weibull(m), {"shape": wb.positive(1.0), "scale": wb.positive(1.0)}, ["t"])
    data = waits.assign(w=np.arange(200) % 3 + 1)
    repeated = data.loc[data.index.repeat(data["w"])].reset_index(drop=True)

    weighted = wb.fit(model, None, data, weights="w", se="robust", backend=library)
    plain = wb.fit(model, None, repeated, se="robust", backend=library)

    np.testing.assert_allclose(weighted.params, plain.params, rtol=1e-8)
    np.testing.assert_allclose(weighted.se, plain.se, rtol=1e-6)
    assert weighted.loglik == pytest.approx(plain.loglik, rel=1e-10)


def test_clusters_of_an_own_likelihood_are_those_of_statsmodels(m, library, people):
    def poisson(params, data):
        eta = params["a"] + params["b"] * data["educ"]
        return data["visits"] * eta - m.exp(eta)

    groups = {"groups": people["town"].to_numpy()}
    X = sm.add_constant(people["educ"].to_numpy())
    expected = sm.Poisson(people["visits"].to_numpy(), X).fit(
        disp=0, tol=1e-13, cov_type="cluster", cov_kwds={**groups, "use_correction": False}
    )
    model = wb.custom(poisson, {"a": 0.0, "b": 0.0}, columns=["visits", "educ"])

    fit = wb.fit(model, None, people, cluster="town", ssc="none", backend=library)

    np.testing.assert_allclose(fit.params, expected.params, rtol=1e-7)
    np.testing.assert_allclose(fit.se, expected.bse, rtol=1e-6)


# What goes wrong ----------------------------------------------------------------------------------


def refused(function, library, data, params=None):
    model = wb.custom(function, params or {"a": 1.0})
    with pytest.raises(WorkbenchError) as caught:
        wb.fit(model, None, data, backend=library)
    assert isinstance(caught.value, LikelihoodError)
    return caught.value


def test_the_library_is_the_one_that_the_function_is_written_in(m, library, waits):
    model = wb.custom(weibull(m), {"shape": wb.positive(1.0), "scale": wb.positive(1.0)}, "t")

    fit = wb.fit(model, None, waits)

    assert fit.specification.backend == library
    assert fit.converged


def test_arrays_of_fewer_digits_that_a_function_brings_are_named(waits, torch):
    tenth = torch.full((200,), 0.1)

    def loglik(params, data):
        return -((data["t"] - params["a"] - tenth) ** 2)

    fit = wb.fit(wb.custom(loglik, {"a": 0.0}), None, waits)

    assert any("tenth in float32" in note for note in fit.notes)


def test_a_function_of_other_arguments_is_refused_with_them():
    with pytest.raises(LikelihoodError, match=r"takes \(a, b, c\)"):
        wb.custom(lambda a, b, c: a + b + c, {"a": 0.0})


def test_an_offset_without_eta_is_refused(waits):
    with pytest.raises(OptionError, match='offset "t" would have no effect'):
        wb.fit(wb.custom(lambda p, d: -d.t * p.a, {"a": 1.0}), None, waits, offset="t")


def test_a_start_beyond_a_bound_is_named(m, waits):
    model = wb.custom(weibull(m), {"shape": wb.positive(1.0), "scale": wb.positive(1.0)})

    with pytest.raises(OptionError, match="scale is -2"):
        wb.fit(model, None, waits, start={"scale": -2.0})


def test_parameters_without_names_are_refused():
    with pytest.raises(OptionError, match="need names"):
        wb.custom(lambda p, d: d.t * p.a, ["a"])


def test_a_sum_instead_of_rows_is_refused_with_the_shape(library, waits):
    error = refused(lambda p, d: (d.t * p.a).sum(), library, waits)

    assert error.code == "loglik-shape"
    assert "(200,)" in error.problem


def test_a_matrix_instead_of_rows_is_refused_with_both_shapes(library, waits):
    error = refused(lambda p, d: d.t[:, None] * p.a, library, waits)

    assert "(200, 1)" in error.problem
    assert "(200,)" in error.problem


def test_arrays_of_another_library_are_refused(library, waits, torch):
    other = {"torch": jnp, "jax": torch}[library]

    error = refused(lambda *_: other.zeros(200), library, waits)

    assert error.code == "wrong-library"
    assert library in error.problem


def test_a_parameter_without_effect_is_named(m, library, waits):
    error = refused(lambda p, d: -d.t * m.exp(p.a) + p.a, library, waits, {"a": 0.0, "b": 0.0})

    assert error.code == "no-dependence"
    assert error.where == "b"


@pytest.mark.parametrize("cut", ["detach", "item", "numpy"])
def test_a_graph_that_was_cut_in_torch_is_named(cut, waits, torch):
    def loglik(params, data):
        a = params.a.detach()
        a = {"detach": a, "item": a.item(), "numpy": torch.tensor(a.numpy())}[cut]
        return -data.t * a

    error = refused(loglik, "torch", waits)

    assert error.where == "a"
    assert ".detach()" in error.hint


def test_float_of_a_traced_number_in_jax_is_explained(waits):
    error = refused(lambda p, d: -d.t * float(p.a), "jax", waits)

    assert error.code in {"function-failed", "no-dependence"}
    assert "Traceback" not in str(error)


def test_an_exception_shows_the_persons_own_line(library, waits):
    def loglik(params, data):
        return data["tt"] * params["a"]

    error = refused(loglik, library, waits)

    assert "there is no 'tt' among t" in error.problem
    assert 'data["tt"] * params["a"]' in error.hint


def test_leaving_python_from_a_likelihood_is_only_an_error(library, waits):
    error = refused(lambda *_: sys.exit(3), library, waits)

    assert "SystemExit" in error.problem


@pytest.mark.parametrize("later", [False, True])
def test_an_error_in_mid_fit_is_the_persons_error(later, waits):
    calls = []

    def loglik(params, data):
        calls.append(1)
        if len(calls) > (12 if later else 0):
            raise RuntimeError("the fourth wall")
        return -((data.t - params.a) ** 2)

    with pytest.raises(LikelihoodError, match="the fourth wall"):
        wb.fit(
            wb.custom(loglik, {"a": 100.0}),
            None,
            waits,
            backend="torch",
            optimizer=wb.SGD(lr=1e-3),
        )


@pytest.mark.parametrize("raised", [KeyboardInterrupt, GeneratorExit, SystemExit])
def test_whatever_a_likelihood_raises_in_mid_fit_ends_the_run(raised, waits):
    calls = []

    def loglik(params, data):
        calls.append(1)
        if len(calls) > 8:
            raise raised
        return -((data.t - params.a) ** 2)

    run = wb.start(wb.custom(loglik, {"a": 100.0}), None, waits, backend="torch", optimizer="bfgs")

    assert run.wait(60)
    assert run.status == "failed"
    with pytest.raises(WorkbenchError, match=raised.__name__):
        run.result()


def test_a_start_without_a_likelihood_names_the_row_and_the_parameter(m, library, waits):
    data = waits.assign(t=np.where(np.arange(200) == 17, -1.0, waits["t"]))

    error = refused(lambda p, d: p.a * m.log(d.t), library, data)

    assert error.code == "start-not-finite"
    assert "row 17 with no number" in error.problem
    assert "a = 1" in error.problem


def test_a_start_on_or_beyond_a_bound_is_refused():
    for start in (0.0, -1.0, float("nan")):
        with pytest.raises(OptionError, match="does not lie between"):
            wb.positive(start)


def test_a_function_that_writes_into_its_data_is_refused_and_the_frame_stays_as_it_was(waits):
    before = waits.copy()

    def loglik(params, data):
        data["t"] *= 2.0
        return -((data["t"] - params["a"]) ** 2)

    error = refused(loglik, "torch", waits, {"a": 0.0})

    assert error.code == "changes-data"
    assert error.where == "t"
    pd.testing.assert_frame_equal(waits, before)


def test_a_float32_array_in_the_function_is_reported(waits):
    single = jnp.ones(200, dtype=jnp.float32)

    def loglik(params, data):
        return -((single - params["a"].astype(jnp.float32)) ** 2)

    assert refused(loglik, "jax", waits).code == "lost-precision"


def test_a_mixture_is_found_by_derivative_free_search_too(m, library, waits):
    y = np.concatenate([np.random.default_rng(1).normal(-2, 1, 150), np.full(50, 3.0)])
    data = pd.DataFrame({"y": y + np.random.default_rng(2).normal(0, 0.5, 200)})

    def mixture(params, d):
        one = m.log(params.share) - (d.y - params.low) ** 2 / 2
        two = m.log(1 - params.share) - (d.y - params.high) ** 2 / 2
        return m.logaddexp(one, two)

    params = {"share": wb.bounded(0, 1), "low": -1.0, "high": 1.0}
    fit = wb.fit(wb.custom(mixture, params), None, data, backend=library)

    def minus(theta):
        share = special.expit(theta[0])
        one = np.log(share) - (data["y"] - theta[1]) ** 2 / 2
        return -np.logaddexp(one, np.log1p(-share) - (data["y"] - theta[2]) ** 2 / 2).sum()

    found = optimize.minimize(minus, [0, -1, 1], method="Nelder-Mead", options={"xatol": 1e-8})
    assert fit.loglik == pytest.approx(-found.fun, rel=1e-9)
    assert fit.params["share"] == pytest.approx(special.expit(found.x[0]), abs=1e-4)


def test_what_a_likelihood_prints_is_cut_with_a_sentence_and_output_is_as_before(waits, capsys):
    before = sys.stdout

    def talkative(params, data):
        for line in range(1000):
            print("line", line)  # noqa: T201
        return -((data.t - params.mu) ** 2)

    fit = wb.fit(wb.custom(talkative, {"mu": 1.0}, columns=["t"]), waits, backend="torch")

    record_ended_runs()  # which may look at the likelihood once more

    said = capsys.readouterr().out
    assert fit.converged
    assert said.count("line ") == LINES
    assert said.count("what it prints from here on is not shown") == 1
    assert sys.stdout is before


def test_many_likelihoods_print_at_once_while_a_cell_prints():
    def print_often():
        for _ in range(300):
            with limited(OutputLimit(lines=5)):
                print("mine")  # noqa: T201

    threads = [threading.Thread(target=print_often) for _ in range(4)]
    before = sys.stdout
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        print("cell")  # noqa: T201
    for thread in threads:
        thread.join()

    assert sys.stdout is before


def test_other_threads_print_while_a_likelihood_has_said_enough(capsys):
    limit = OutputLimit(lines=1)

    with limited(limit):
        print("mine\nand more")  # noqa: T201
        other = threading.Thread(target=print, args=("yours",))
        other.start()
        other.join()
        print("mine again")  # noqa: T201

    said = capsys.readouterr().out
    assert "yours" in said
    assert "and more" not in said
    assert "mine again" not in said
