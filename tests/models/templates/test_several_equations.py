"""Likelihoods with several equations, or with parameters of their own, against statsmodels."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.miscmodels.ordinal_model import OrderedModel

import workbench as wb
from workbench.backends import BACKENDS
from workbench.errors import OptionError, WorkbenchError
from workbench.estimation.outcome import Outcome
from workbench.likelihoods.counts.negative_binomial import NegativeBinomial
from workbench.optimizers import OPTIMIZERS

# Both sides solve the same equations in float64; statsmodels differentiates the Hessian of its
# ordered model numerically.
ESTIMATES, ERRORS, NUMERICAL = 1e-7, 1e-6, 1e-4
KINDS = ("hessian", "opg", "robust", "cluster")

every_library = pytest.mark.parametrize("library", BACKENDS)
every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def counts():
    """Return 600 people with overdispersed and zero-inflated counts, drawn with seed 8."""
    rng = np.random.default_rng(8)
    n = 600
    x, z = rng.normal(size=(2, n))
    mean = np.exp(0.4 + 0.5 * x)
    inflated = rng.uniform(size=n) < 1 / (1 + np.exp(0.5 - 0.8 * z))
    return pd.DataFrame(
        {
            "x": x,
            "z": z,
            "nb": rng.poisson(mean * rng.gamma(1.5, 1 / 1.5, n)),
            "zi": np.where(inflated, 0, rng.poisson(mean)),
            "level": np.digitize(0.9 * x - 0.4 * z + rng.logistic(size=n), [-1.5, 0.2, 1.4]),
            "town": rng.integers(0, 40, n),
        }
    )


def errors_of(information, scores, groups, kind):
    """Return standard errors without any small-sample factor."""
    inverse = np.linalg.inv(information)
    if kind == "cluster":
        scores = np.array([scores[groups == g].sum(axis=0) for g in np.unique(groups)])
    meat = scores.T @ scores
    if kind == "hessian":
        return np.sqrt(np.diag(inverse))
    found = np.linalg.inv(meat) if kind == "opg" else inverse @ meat @ inverse
    return np.sqrt(np.diag(found))


def options(kind):
    """Ask for a kind of error without small-sample factors."""
    return {"se": kind, "cluster": "town" if kind == "cluster" else None, "ssc": "none"}


@every_library
@every_kind
def test_negative_binomials_are_those_of_statsmodels(counts, library, kind):
    X = sm.add_constant(counts[["x", "z"]].to_numpy())
    built = sm.NegativeBinomial(counts["nb"].to_numpy(), X)
    at = built.fit(method="bfgs", gtol=1e-9, maxiter=500, disp=0).params
    at = built.fit(start_params=at, method="newton", tol=1e-13, maxiter=100, disp=0).params

    fit = wb.fit("negbin2", "nb ~ x + z", counts, backend=library, **options(kind))

    names = ["Intercept", "x", "z", "alpha"]
    np.testing.assert_allclose(fit.params[names], at, rtol=ESTIMATES, atol=ESTIMATES)
    expected = errors_of(-built.hessian(at), built.score_obs(at), counts["town"].to_numpy(), kind)
    np.testing.assert_allclose(fit.se[names], expected, rtol=ERRORS)
    assert fit.loglik == pytest.approx(built.loglike(at), rel=1e-12)


@every_library
@every_kind
def test_zero_inflated_counts_are_those_of_statsmodels(counts, library, kind):
    X, Z = (sm.add_constant(counts[[name]].to_numpy()) for name in "xz")
    built = sm.ZeroInflatedPoisson(counts["zi"].to_numpy(), X, exog_infl=Z)
    at = built.fit(method="bfgs", gtol=1e-8, maxiter=2000, disp=0).params
    at = built.fit(start_params=at, method="newton", tol=1e-13, maxiter=100, disp=0).params

    fit = wb.fit("zip", "zi ~ x", counts, inflation="~ z", backend=library, **options(kind))

    names = ["inflation:Intercept", "inflation:z", "Intercept", "x"]
    np.testing.assert_allclose(fit.params[names], at, rtol=1e-6, atol=1e-6)
    # statsmodels 0.15 leaves the block between the equations out of its Hessian.
    information = -differences(lambda p: built.score_obs(p).sum(axis=0), np.asarray(at))
    expected = errors_of(information, built.score_obs(at), counts["town"].to_numpy(), kind)
    np.testing.assert_allclose(fit.se[names], expected, rtol=ERRORS)
    assert fit.loglik == pytest.approx(built.loglike(at), rel=1e-12)
    mean = built.predict(at)
    np.testing.assert_allclose(fit.predict(), mean, rtol=1e-5)
    np.testing.assert_allclose(fit.residuals, counts["zi"] - mean, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(fit.predict(counts), fit.predict(), rtol=1e-12)


@every_library
def test_ordered_logits_are_those_of_statsmodels(counts, library):
    built = OrderedModel(counts["level"], counts[["x", "z"]], distr="logit")
    found = built.fit(method="bfgs", gtol=1e-9, maxiter=500, disp=0)
    cutpoints = built.transform_threshold_params(found.params)[1:-1]

    fit = wb.fit("ordered_logit", "level ~ x + z", counts, backend=library)

    names = ["0|1", "1|2", "2|3"]
    np.testing.assert_allclose(fit.params[["x", "z"]], found.params[:2], atol=1e-6)
    np.testing.assert_allclose(fit.params[names], cutpoints, atol=1e-6)
    np.testing.assert_allclose(fit.se[["x", "z"]], found.bse[:2], rtol=NUMERICAL)
    # statsmodels moves the log of each increment: carry its covariance over to the cutpoints.
    steps = np.exp(found.params.to_numpy()[3:])
    change = np.array([[1, 0, 0], [1, steps[0], 0], [1, *steps]])
    carried = change @ found.cov_params().to_numpy()[2:, 2:] @ change.T
    np.testing.assert_allclose(fit.se[names], np.sqrt(np.diag(carried)), rtol=NUMERICAL)
    assert fit.loglik == pytest.approx(found.llf, rel=1e-10)
    np.testing.assert_allclose(fit.predict(), found.predict(), atol=1e-6)


MODELS = {
    "negbin2": ("nb ~ x + z", {}),
    "zip": ("zi ~ x", {"inflation": "~ z"}),
    "ordered_logit": ("level ~ x + z", {}),
}
every_model = pytest.mark.parametrize("model", MODELS)


def fitted(model, data, **options):
    formula, own = MODELS[model]
    return wb.fit(model, formula, data, **own, **options)


@every_model
@pytest.mark.parametrize("kind", ["opg", "robust", "cluster"])
def test_errors_are_sums_of_numerical_scores(counts, model, kind):
    problem = fitted(model, counts, backend="torch").live
    fit = fitted(model, counts, backend="torch", **options(kind))
    theta = problem.unconstrained(fit.params.to_numpy())

    scores = differences(lambda t: problem.kernel.rows(problem.coordinates.raw @ t, 0)[0], theta)
    change = np.linalg.inv(differences(problem.natural, theta))
    information = -differences(problem.score, theta)

    by_shown = change.T @ information @ change
    expected = errors_of(by_shown, scores @ change, counts["town"].to_numpy(), kind)
    np.testing.assert_allclose(fit.se, expected, rtol=1e-5)


def differences(function, at):
    """Return central differences, one column per coordinate."""
    steps = 1e-5 * np.eye(len(at))
    return np.array([(function(at + h) - function(at - h)) / 2e-5 for h in steps]).T


@every_model
@pytest.mark.filterwarnings("ignore:torch.triangular_solve is deprecated:UserWarning")
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_finds_the_maximum_or_says_that_it_does_not(counts, model, optimizer):
    small = counts.head(200)
    best = fitted(model, small, backend="torch")

    fit = fitted(model, small, optimizer=optimizer, backend="torch", max_steps=1500)

    if fit.converged:
        assert np.abs((fit.params - best.params) / best.se).max() < 1e-3
    else:
        assert fit.loglik <= best.loglik + 1e-8
    assert fit.converged or optimizer in {"sgd", "adam", "nelder-mead"}


@every_model
@every_library
def test_single_precision_comes_near_or_says_so(counts, model, library):
    fit = fitted(model, counts, dtype="float32", backend=library)
    best = fitted(model, counts, backend=library)

    assert fit.outcome in {Outcome.CONVERGED, Outcome.PRECISION, Outcome.NO_PROGRESS}
    assert np.abs((fit.params - best.params) / best.se).max() < 0.05


@every_model
def test_a_column_far_from_zero_is_estimated_as_its_centred_self(counts, model):
    noise = np.random.default_rng(4).normal(size=len(counts))
    far = counts.assign(x=counts["x"] + 1e9, z=counts["z"] * 1e-6 + noise * 0)
    near = far.assign(x=far["x"] - 1e9)

    fit, plain = fitted(model, far), fitted(model, near)

    slopes = [name for name in fit.params.index if name.rpartition(":")[2] in {"x", "z"}]
    np.testing.assert_allclose(fit.params[slopes], plain.params[slopes], rtol=1e-6)
    np.testing.assert_allclose(fit.se[slopes], plain.se[slopes], rtol=1e-6)
    assert fit.loglik == pytest.approx(plain.loglik, rel=1e-10)


@every_model
def test_weights_and_offsets_take_part(counts, model):
    rng = np.random.default_rng(5)
    data = counts.assign(w=rng.integers(1, 4, len(counts)), o=rng.normal(0, 0.3, len(counts)))
    longer = data.loc[data.index.repeat(data["w"])]

    weighted = fitted(model, data, weights="w", offset="o")
    repeated = fitted(model, longer, offset="o")

    np.testing.assert_allclose(weighted.params, repeated.params, rtol=1e-7)
    np.testing.assert_allclose(weighted.se, repeated.se, rtol=1e-7)
    assert weighted.loglik == pytest.approx(repeated.loglik, rel=1e-12)
    assert weighted.loglik_null == pytest.approx(repeated.loglik_null, rel=1e-10)
    np.testing.assert_allclose(weighted.predict(data), weighted.predict(), rtol=1e-12)


@every_model
def test_start_values_by_name_lead_to_the_same_maximum(counts, model):
    best = fitted(model, counts)
    start = {name: float(value) for name, value in (best.params + 0.1 * best.se).items()}

    fit = fitted(model, counts, start=start)

    np.testing.assert_allclose(fit.params, best.params, rtol=1e-7)
    assert fit.trace.to_frame()["objective"].iloc[0] == pytest.approx(
        -best.loglik / len(counts), abs=0.01
    )


@pytest.mark.parametrize(
    ("model", "start"), [("negbin2", {"alpha": -1.0}), ("ordered_logit", {"0|1": 5.0})]
)
def test_a_start_out_of_range_is_refused_by_name(counts, model, start):
    with pytest.raises(OptionError) as refused:
        fitted(model, counts, start=start)

    assert refused.value.where in start


@every_model
def test_the_code_of_a_run_repeats_it(counts, model):
    fit = fitted(model, counts, se="robust", name="mine")

    code = fit.code()
    names = {"data": counts, "counts": counts}
    exec(code.python, names)

    again = next(value for value in names.values() if isinstance(value, type(fit)))
    pd.testing.assert_series_equal(again.params, fit.params)
    own = MODELS[model][1]
    assert all(f'{name}="{value}"' in code.python for name, value in own.items())
    assert all(f"--{name}" in code.magic for name in own)


@every_model
def test_a_stored_fit_predicts_as_it_did(counts, model):
    fit = fitted(model, counts)

    stored = json.loads(json.dumps(fit.to_dict()))
    again = type(fit).from_dict(stored)

    np.testing.assert_allclose(again.predict(counts), fit.predict(), rtol=1e-12)
    np.testing.assert_allclose(again.se, fit.se, rtol=1e-14)


@every_model
def test_a_comparison_lists_the_coefficients_of_each_equation_together(counts, model):
    fit = fitted(model, counts)

    names = wb.compare(fit).parameters

    expected = {
        "negbin2": ("x", "z", "Intercept", "alpha"),
        "zip": ("x", "Intercept", "inflation:z", "inflation:Intercept"),
        "ordered_logit": ("x", "z", "0|1", "1|2", "2|3"),
    }
    assert names == expected[model]
    assert all(name in repr(fit) for name in names)


def test_residuals_of_levels_are_refused(counts):
    fit = fitted("ordered_logit", counts)

    with pytest.raises(WorkbenchError) as refused:
        _ = fit.residuals

    assert refused.value.code == "no-residuals"


def test_two_ordered_levels_are_a_logit(counts):
    data = counts.assign(high=(counts["level"] > 1) * 1)

    ordered, logit = wb.fit("ordered_logit", "high ~ x", data), wb.fit("logit", "high ~ x", data)

    assert ordered.params["x"] == pytest.approx(logit.params["x"], rel=1e-8)
    assert ordered.params["0|1"] == pytest.approx(-logit.params["Intercept"], rel=1e-7)
    np.testing.assert_allclose(ordered.se, logit.se[["x", "Intercept"]], rtol=1e-7)
    assert ordered.loglik == pytest.approx(logit.loglik, rel=1e-12)


def test_the_log_of_alpha_has_the_error_of_stata(counts):
    fit = wb.fit("negbin2", "nb ~ x", counts, se="robust")

    shown = fit.unconstrained.loc["log(alpha)"]

    assert shown["estimate"] == pytest.approx(np.log(fit.params["alpha"]))
    assert shown["std_error"] == pytest.approx(fit.se["alpha"] / fit.params["alpha"])
    assert fitted("ordered_logit", counts).unconstrained.empty


def test_slopes_that_differ_between_cutpoints_are_not_parallel(counts):
    rng = np.random.default_rng(9)
    latent = rng.logistic(size=600)
    level = (latent > -0.5 - 1.2 * counts["x"]) * 1 + (latent > 1 + 0.8 * counts["x"].abs())
    fit = wb.fit("ordered_logit", "level ~ x", counts.assign(level=level))

    apart = fit.parallel_lines()

    assert apart.pvalue < 1e-6
    assert fitted("ordered_logit", counts).parallel_lines().pvalue > 0.01
    assert "Parallel lines: chi2(1)" in repr(apart)


def test_the_test_of_parallel_lines_is_refused_for_another_model_or_two_levels(counts):
    two = wb.fit("ordered_logit", "high ~ x", counts.assign(high=(counts["level"] > 1) * 1))

    for fit in (two, fitted("negbin2", counts)):
        with pytest.raises(OptionError) as refused:
            fit.parallel_lines()
        assert refused.value.code == "no-cutpoints"


@pytest.mark.parametrize(("model", "said"), [("negbin2", "half of that"), ("zip", "a guide")])
def test_a_ratio_against_poisson_says_that_the_bound_is_tested(counts, model, said):
    plain = wb.fit("poisson", MODELS[model][0], counts)

    ratio = fitted(model, counts).likelihood_ratio(plain)

    assert ratio.statistic > 0
    assert said in ratio.note


def test_a_body_of_the_page_has_the_likelihood_of_its_template(counts):
    template = wb.fit("negbin2", "nb ~ x", counts)

    own = wb.fit(wb.likelihood(NegativeBinomial.body), "nb ~ x", counts)

    np.testing.assert_allclose(own.params, template.params, rtol=1e-6)
    assert own.loglik == pytest.approx(template.loglik, rel=1e-11)
