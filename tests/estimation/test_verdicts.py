"""How a run may end, and what its message says."""

from __future__ import annotations

from importlib import import_module

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import workbench as wb
from workbench.errors import InferenceError, SingularHessianError, WorkbenchError
from workbench.estimation.outcome import Outcome


@pytest.fixture(scope="module")
def mroz():
    return wb.load("mroz")


@pytest.fixture
def sample():
    """Return 200 rows of y = 1 + x + a standard normal draw, seed 0, x around 10."""
    rng = np.random.default_rng(0)
    x = rng.normal(10, 1, 200)
    return pd.DataFrame({"x": x, "y": 1 + x + rng.normal(size=200)})


# Separation ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["logit", "probit"])
@pytest.mark.parametrize("optimizer", ["newton", "trust-region", "l-bfgs-b", "bfgs", "adam"])
def test_complete_separation_is_named_whatever_the_optimizer(model, optimizer, library, mroz):
    options = {"optimizer": optimizer, "backend": library}

    fit = wb.fit(model, "inlf ~ educ + hours", mroz, **options)

    # Adam's small steps may meet their limit before any probability saturates.
    assert fit.outcome is Outcome.SEPARATED or optimizer == "adam"
    assert not fit.converged
    assert fit.se.isna().all()
    if fit.outcome is Outcome.SEPARATED:
        assert fit.evidence["regressor"] == "hours"
        assert fit.evidence["table"]["rows"] == [["inlf = 0", 325, 0], ["inlf = 1", 0, 428]]
        assert not fit.outcome.comparable


@pytest.mark.parametrize("model", ["logit", "probit"])
@pytest.mark.parametrize("optimizer", ["newton", "l-bfgs-b", "torchmin:newton-exact"])
def test_separation_in_part_is_named(model, optimizer, mroz):
    only_ones = (mroz["inlf"] == 1) & (mroz.index % 40 == 0)
    data = mroz.assign(club=only_ones.astype(float))

    fit = wb.fit(model, "inlf ~ educ + club", data, optimizer=optimizer, backend="torch")

    assert fit.outcome is Outcome.SEPARATED
    assert fit.evidence["regressors"] == ["club"]
    assert not fit.evidence["complete"]
    assert f"in {int(only_ones.sum())} of 753 rows" in fit.message


@pytest.mark.parametrize("optimizer", ["newton", "trust-region", "bfgs", "l-bfgs-b"])
def test_counts_that_are_zero_wherever_a_dummy_is_one_have_no_maximum(optimizer, library):
    rng = np.random.default_rng(3)
    x = rng.normal(size=200)
    y = rng.poisson(np.exp(0.3 * x)) * 1.0
    data = pd.DataFrame({"y": y, "x": x, "d": ((y == 0) & (x > 0)).astype(float)})

    fit = wb.fit("poisson", "y ~ x + d", data, optimizer=optimizer, backend=library)

    assert fit.outcome is Outcome.SEPARATED
    assert fit.evidence["regressors"] == ["d"]
    assert f"y = 0 exactly in {int(data['d'].sum())} of 200 rows" in fit.message


# Flat directions, saddles, what is not finite -----------------------------------------------------


def test_two_constants_are_named_and_only_they_have_no_standard_errors(library, sample):
    model = wb.likelihood("params: a, c, s > 0 = 1\nloglik = normal_logpdf(y, a + c, s)")

    fit = wb.fit(model, None, sample, backend=library)

    assert fit.outcome is Outcome.FLAT
    assert fit.flat == ("a", "c")
    assert "a and c" in fit.message
    assert fit.se[["a", "c"]].isna().all()
    assert fit.se["s"] == pytest.approx(fit.params["s"] / np.sqrt(400), rel=1e-4)
    with pytest.raises(InferenceError, match="no standard error"):
        fit.test("a = 0")


def test_what_is_identified_next_to_a_flat_direction_keeps_its_error(library, sample):
    model = wb.likelihood("params: g, s > 0 = 1\nloglik = normal_logpdf(y, eta + g*x, s)")
    expected = sm.OLS(sample["y"], sm.add_constant(sample["x"])).fit()

    fit = wb.fit(model, "y ~ x", sample, backend=library)

    assert fit.outcome is Outcome.FLAT
    assert fit.flat == ("x", "g")
    assert fit.params["x"] + fit.params["g"] == pytest.approx(expected.params["x"], rel=1e-4)
    error = expected.bse["const"] * np.sqrt(198 / 200)
    assert fit.se["Intercept"] == pytest.approx(error, rel=1e-5)


def test_minus_the_log_likelihood_is_no_maximum_and_the_message_says_why(library, sample):
    model = wb.likelihood("params: a, s > 0 = 1\nloglik = -normal_logpdf(y, a, s)")

    fit = wb.fit(model, None, sample, backend=library)

    assert not fit.converged
    assert "minus the log-likelihood" in fit.message
    assert fit.se.isna().all()
    with pytest.raises((SingularHessianError, InferenceError)):
        fit.standard_errors("hessian")


def test_a_start_on_a_saddle_is_not_called_a_maximum(library):
    data = pd.DataFrame({"y": np.linspace(-1, 1, 50)})
    model = wb.likelihood("params: a\nloglik = a**2 / 2 - a**4 / 4 + 0*y")

    stays = wb.fit(model, None, data, backend=library, optimizer="bfgs")
    leaves = wb.fit(model, None, data, backend=library, start={"a": 0.1})

    assert stays.outcome is Outcome.SADDLE
    assert leaves.converged
    assert abs(leaves.params["a"]) == pytest.approx(1.0)


def test_an_unbounded_log_likelihood_does_not_converge(library, sample):
    model = wb.likelihood("params: a, d\nloglik = normal_logpdf(y, a, 1) + 0.1*d")

    fit = wb.fit(model, None, sample, backend=library, max_steps=20)

    assert fit.outcome is Outcome.STEP_LIMIT
    assert not fit.converged


def test_a_learning_rate_far_too_large_keeps_the_last_finite_point(library, sample):
    data = sample.assign(k=np.random.default_rng(1).poisson(np.exp(sample["x"] / 10)))

    fit = wb.fit("poisson", "k ~ x", data, optimizer=wb.SGD(lr=1e4), backend=library)

    assert fit.outcome is Outcome.NOT_FINITE
    assert np.isfinite(fit.params).all()
    assert np.isfinite(fit.loglik)
    assert "learning rate" in fit.message
    assert fit.se.isna().all()


def test_float32_at_its_limit_is_never_called_converged(library):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20_000, 3))
    y = rng.poisson(np.exp(1 + x @ [0.3, -0.2, 0.1]))
    data = pd.DataFrame(x, columns=list("abc")).assign(y=y)
    # Gradients at one rate move within the rounding of the value long before the maximum.
    options = {"optimizer": wb.SGD(lr=1e-4), "backend": library}

    fit = wb.fit("poisson", "y ~ a + b + c", data, dtype="float32", **options)

    assert fit.outcome is Outcome.PRECISION
    assert "float32" in fit.message
    assert fit.se.isna().all()


@pytest.mark.parametrize("model", ["gaussian", "logit", "probit", "poisson"])
def test_float32_converges_only_where_float64_agrees(model, library, people):
    outcome = {"gaussian": "wage", "poisson": "visits"}.get(model, "works")
    formula = f"{outcome} ~ educ + exper"

    fit = wb.fit(model, formula, people, dtype="float32", backend=library)
    exact = wb.fit(model, formula, people, backend=library)

    # Rounding the data to float32 moves the maximum by far less than the tolerance.
    if fit.converged:
        assert np.abs((fit.params - exact.params) / exact.se).max() < 2e-4
    else:
        assert fit.outcome is Outcome.PRECISION
        assert fit.se.isna().all()


# Collinear columns --------------------------------------------------------------------------------

# NIST Statistical Reference Datasets, Longley (1967), certified values.
LONGLEY = {
    "Intercept": (-3482258.63459582, 890420.383607373),
    "GNPDEFL": (15.0618722713733, 84.9149257747669),
    "GNP": (-0.358191792925910e-01, 0.334910077722432e-01),
    "UNEMP": (-2.02022980381683, 0.488399681651699),
    "ARMED": (-1.03322686717359, 0.214274163161675),
    "POP": (-0.511041056535807e-01, 0.226073200069370),
    "YEAR": (1829.15146461355, 455.478499142212),
}
# Refinement against the rows gives least squares seven digits of the certified ones; optimizing the
# likelihood ends within 1e-7 standard errors, and that of POP is four times its estimate.
LONGLEY_DIGITS = {"ols": 1e-7, "gaussian": 1e-6}


@pytest.mark.parametrize("model", ["ols", "gaussian"])
def test_longley_has_the_certified_digits(model, library):
    data = sm.datasets.longley.load_pandas().data
    terms = " + ".join(name for name in LONGLEY if name != "Intercept")

    fit = wb.fit(model, f"TOTEMP ~ {terms}", data, backend=library)

    certified = pd.DataFrame(LONGLEY, index=["b", "se"]).T
    names = list(certified.index)
    np.testing.assert_allclose(fit.params[names], certified["b"], rtol=LONGLEY_DIGITS[model])
    factor = 1.0 if model == "ols" else np.sqrt(9 / 16)
    np.testing.assert_allclose(fit.se[names], factor * certified["se"], rtol=LONGLEY_DIGITS[model])
    assert fit.left_out == ()


@pytest.mark.parametrize("model", ["ols", "gaussian", "logit", "probit", "poisson"])
def test_a_collinear_column_is_left_out_and_its_set_is_named(model, library, people):
    outcome = {"poisson": "visits", "logit": "works", "probit": "works"}.get(model, "wage")
    data = people.assign(both=people["educ"] - 2 * people["exper"])

    fit = wb.fit(model, f"{outcome} ~ educ + exper + both", data, backend=library)
    plain = wb.fit(model, f"{outcome} ~ educ + exper", data, backend=library)
    shuffled = wb.fit(model, f"{outcome} ~ educ + exper + both", data[::-1], backend=library)

    assert fit.left_out == (
        "both is a combination of educ and exper and was left out of the model.",
    )
    assert list(fit.params.index) == list(plain.params.index)
    np.testing.assert_allclose(fit.params, plain.params, rtol=1e-9)
    np.testing.assert_allclose(fit.predict(data), plain.predict(data), rtol=1e-9)
    assert shuffled.left_out == fit.left_out


def test_a_constant_column_is_named_where_there_is_an_intercept(people):
    fit = wb.fit("logit", "works ~ educ + one", people.assign(one=3.0))

    assert fit.left_out == ("one is the same in every row, like the intercept, and was left out.",)


def test_collinear_columns_are_refused_with_collinear_refuse(people):
    data = people.assign(twice=2 * people["educ"])

    with pytest.raises(WorkbenchError, match="twice is collinear with educ") as refused:
        wb.fit("logit", "works ~ educ + twice", data, collinear="refuse")
    assert refused.value.where == "twice"


def test_nearly_collinear_columns_keep_the_t_values_of_their_difference(people):
    rng = np.random.default_rng(4)
    near = people.assign(near=people["educ"] + 1e-4 * rng.normal(size=len(people)))
    apart = near.assign(near=(near["near"] - near["educ"]) * 1e4)

    fit = wb.fit("logit", "works ~ educ + near", near)
    plain = wb.fit("logit", "works ~ educ + near", apart)

    assert fit.converged
    # The Hessian's smallest scaled eigenvalue is 2e-9, known to sixteen digits less nine.
    assert fit.tvalues["near"] == pytest.approx(plain.tvalues["near"], rel=2e-5)


# Where a standard error does not exist ------------------------------------------------------------


def test_a_stopped_run_gives_hessian_errors_only_on_request_and_says_where(mroz):
    fit = wb.fit("logit", "inlf ~ educ + age", mroz, max_steps=1, start={"educ": 1.0})

    assert fit.outcome is Outcome.STEP_LIMIT
    assert fit.se.isna().all()
    assert "not at a maximum" in fit.standard_errors("hessian").name
    for kind in ("robust", "opg"):
        with pytest.raises(InferenceError, match="did not end at a maximum"):
            fit.standard_errors(kind)
    with pytest.raises(InferenceError, match="so tests mean nothing") as refused:
        fit.test("educ = 0")
    assert refused.value.hint == "continue the run first."


def test_a_separated_fit_has_no_errors_and_is_not_to_be_continued(mroz):
    fit = wb.fit("logit", "inlf ~ educ + hours", mroz)

    assert fit.outcome is Outcome.SEPARATED
    for ask in (lambda: fit.test("educ = 0"), lambda: fit.standard_errors("hessian")):
        with pytest.raises(InferenceError, match="did not end at a maximum") as refused:
            ask()
        assert "another model" in refused.value.hint


def test_a_closed_form_is_solved_and_labelled_in_float64(mroz):
    fit = wb.fit("ols", "hours ~ educ", mroz, dtype="float32")

    assert fit.specification.dtype == fit.provenance["dtype"] == "float64"


def test_a_function_with_a_root_at_zero_names_the_trap(library):
    module = jnp if library == "jax" else import_module("torch")
    data = pd.DataFrame({"y": np.arange(5.0)})
    model = wb.custom(lambda p, d: -module.sqrt(p["a"] ** 2 + 0 * d["y"]), {"a": 0.0})

    with pytest.raises(WorkbenchError, match="derivative by a is not") as refused:
        wb.fit(model, None, data, backend=library)

    assert refused.value.code == "gradient-not-finite"


def test_nearly_collinear_columns_are_named_with_the_digits_left():
    rng = np.random.default_rng(0)
    x = rng.normal(size=500)
    nearly = x + 1e-5 * rng.normal(size=500)
    frame = pd.DataFrame({"x": x, "nearly": nearly, "y": x + rng.normal(size=500)})

    fit = wb.fit("ols", "y ~ x + nearly", frame)

    columns = np.column_stack([np.ones(500), x, nearly])
    expected = np.linalg.lstsq(columns, frame.y.to_numpy(), rcond=None)[0]
    assert fit.converged
    assert any(
        note.startswith("nearly is almost a combination of x:") and "10 digits" in note
        for note in fit.notes
    )
    # Ten of sixteen digits are left, and the coefficients are about 1e4 times the outcome.
    np.testing.assert_allclose(fit.params, expected, rtol=1e-8)
