"""Every optimizer on every template: the maximum, or an outcome that says it is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import workbench as wb
from tests.models.event_study.independent import decrement
from workbench.estimation.outcome import Outcome
from workbench.optimizers import OPTIMIZERS

# pytorch-minimize 0.1.0 calls what torch 2.13 deprecates.
pytestmark = [
    pytest.mark.filterwarnings("ignore:torch.triangular_solve is deprecated:UserWarning"),
]

# A decrement of 1e-8 nats leaves a distance of at most 1e-4 standard errors in any direction.
DISTANCE = 1.01e-4
# What the optimization measured and what numpy measures at natural parameters differ by rounding.
AGREED = 1.1e-8
OUTCOMES = {"gaussian": "wage", "logit": "works", "probit": "works", "poisson": "visits"}
FAMILIES = {
    "logit": sm.families.Binomial(),
    "probit": sm.families.Binomial(sm.families.links.Probit()),
    "poisson": sm.families.Poisson(),
}
HONEST = {
    Outcome.CONVERGED,
    Outcome.STEP_LIMIT,
    Outcome.NO_PROGRESS,
    Outcome.NOT_FINITE,
    Outcome.SADDLE,
}

every_model = pytest.mark.parametrize("model", OUTCOMES)
every_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS)


@pytest.fixture(scope="module")
def small(people):
    """Return the first 150 people."""
    return people.head(150)


@pytest.fixture(scope="module")
def optima(small):
    """Return estimates and standard errors of statsmodels by template."""
    X = sm.add_constant(small[["educ", "exper"]].to_numpy())
    found = {}
    for model, family in FAMILIES.items():
        fit = sm.GLM(small[OUTCOMES[model]], X, family=family).fit(tol=1e-14, maxiter=100)
        found[model] = fit.params.to_numpy(), fit.bse.to_numpy()
    least = sm.OLS(small["wage"], X).fit()
    sigma = np.sqrt(least.ssr / 150)
    errors = np.append(least.bse * sigma / np.sqrt(least.scale), sigma / np.sqrt(300))
    found["gaussian"] = np.append(least.params, sigma), errors
    return found


def formula(model):
    return f"{OUTCOMES[model]} ~ educ + exper"


def check(fit, model, data, terms=("educ", "exper")):
    """Assert that what is called converged is a maximum, as numpy sees it."""
    assert fit.outcome in HONEST
    X = sm.add_constant(data[list(terms)].to_numpy(), has_constant="add")
    independent = decrement(model, fit.params, data[OUTCOMES[model]].to_numpy(), X)
    if fit.converged:
        assert independent <= AGREED
        assert np.isfinite(fit.se).all()
    else:
        assert np.isnan(fit.se).all()
        assert "onverged after" not in fit.message


@every_optimizer
@every_model
def test_the_same_maximum_is_found_from_the_templates_start(
    optimizer, model, library, small, optima
):
    fit = wb.fit(model, formula(model), small, optimizer=optimizer, backend=library)

    check(fit, model, small)
    assert fit.converged
    params, errors = optima[model]
    assert np.abs((fit.params - params) / errors).max() < DISTANCE


@every_optimizer
@every_model
def test_a_start_ten_standard_errors_away_reaches_the_maximum(optimizer, model, small, optima):
    params, errors = optima[model]
    names = ["Intercept", "educ", "exper", "sigma"][: len(params)]
    start = dict(zip(names, params + 10 * errors, strict=True))
    options = {"start": start, "optimizer": optimizer, "backend": "torch", "max_steps": 1500}

    fit = wb.fit(model, formula(model), small, **options)

    check(fit, model, small)
    # Gradients at one rate and a simplex take their time; scipy's Newton-CG gives up where the
    # Hessian nearly vanishes, as at the saturated probabilities of such a start.
    slow = {"adam", "sgd", "nelder-mead", "cg", "torchmin:cg", "newton-cg"}
    assert fit.converged or optimizer in slow
    assert not fit.converged or np.abs((fit.params - params) / errors).max() < DISTANCE


@every_optimizer
@every_model
@pytest.mark.parametrize("value", [50.0, -50.0])
def test_a_start_far_away_ends_at_the_maximum_or_says_that_it_does_not(
    optimizer, model, value, small
):
    names = ("Intercept", "educ", "exper")
    # exp(50 + 50 * 16 + 50 * 30) is infinite: Poisson is started where it can be evaluated.
    start = dict.fromkeys(names, value if model != "poisson" else value / 10)
    if model == "gaussian":
        start["sigma"] = 50.0
    options = {"start": start, "optimizer": optimizer, "backend": "torch", "max_steps": 200}

    fit = wb.fit(model, formula(model), small, **options)

    check(fit, model, small)


@pytest.mark.parametrize("optimizer", ["newton", "trust-region"])
@pytest.mark.parametrize("model", ["gaussian", "logit", "probit"])
@pytest.mark.parametrize("value", [50.0, -50.0, 500.0])
def test_our_own_optimizers_come_back_from_far_away(optimizer, model, value, library, small):
    start = dict.fromkeys(("Intercept", "educ", "exper"), value)
    options = {"start": start, "optimizer": optimizer, "backend": library}

    assert wb.fit(model, formula(model), small, **options).converged


@every_optimizer
@pytest.mark.parametrize("model", ["logit", "poisson"])
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_step_limit_is_kept_and_never_called_converged(optimizer, model, limit, small, optima):
    names = ("Intercept", "educ", "exper")
    start = dict(zip(names, optima[model][0] + 5 * optima[model][1], strict=True))
    options = {"start": start, "optimizer": optimizer, "backend": "torch", "max_steps": limit}

    fit = wb.fit(model, formula(model), small, **options)

    check(fit, model, small)
    assert fit.steps <= limit
    assert fit.outcome is not Outcome.NOT_FINITE
    assert len(fit.trace) == fit.steps + 1


@pytest.mark.parametrize("optimizer", ["newton", "trust-region", "l-bfgs-b", "bfgs", "adam"])
@every_model
def test_badly_scaled_columns_give_the_t_values_of_well_scaled_ones(
    optimizer, model, library, small
):
    scaled = small.assign(educ=small["educ"] * 1e-6, exper=small["exper"] * 1e6)
    options = {"optimizer": optimizer, "backend": library}

    plain = wb.fit(model, formula(model), small, **options)
    fit = wb.fit(model, formula(model), scaled, **options)

    check(fit, model, scaled)
    assert fit.converged
    np.testing.assert_allclose(fit.tvalues, plain.tvalues, atol=2e-4)


@pytest.mark.parametrize("model", ["ols", *OUTCOMES])
def test_a_column_far_from_zero_is_estimated_as_its_centred_self(model, library, small):
    rng = np.random.default_rng(8)
    noise = rng.normal(size=len(small))
    far = small.assign(educ=1e9 + noise)
    centred = small.assign(educ=far["educ"] - 1e9)
    spec = formula(model if model in OUTCOMES else "gaussian")

    fit = wb.fit(model, spec, far, backend=library)
    plain = wb.fit(model, spec, centred, backend=library)

    assert fit.converged
    # The column holds 1e9 + x to 1e-7; the same rounded column, centred, is the reference.
    for name in ("educ", "exper"):
        assert fit.params[name] == pytest.approx(plain.params[name], rel=1e-7)
        assert fit.se[name] == pytest.approx(plain.se[name], rel=1e-6)


@every_optimizer
@pytest.mark.parametrize("model", ["logit", "probit"])
def test_near_separation_is_no_separation(optimizer, model):
    x = np.linspace(-3, 3, 60)
    y = (x > 0).astype(float)
    y[[29, 30]] = y[[30, 29]]
    data = pd.DataFrame({"works": y, "x": x})
    expected = sm.GLM(y, sm.add_constant(x), family=FAMILIES[model]).fit(tol=1e-13, maxiter=200)
    options = {"optimizer": optimizer, "backend": "torch", "max_steps": 2000}

    fit = wb.fit(model, "works ~ x", data, **options)

    check(fit, model, data, ("x",))
    assert not fit.converged or fit.params["x"] == pytest.approx(
        expected.params[1], abs=DISTANCE * expected.bse[1] * 1.1
    )


def test_an_optimizer_that_loops_without_a_step_is_ended(small):
    start = dict.fromkeys(("Intercept", "educ", "exper"), 8.0)
    options = {"start": start, "optimizer": "torchmin:trust-ncg", "backend": "torch"}

    fit = wb.fit("poisson", formula("poisson"), small, **options)

    check(fit, "poisson", small)


@every_optimizer
def test_the_same_seed_gives_the_same_trace(optimizer, library, small):
    options = {"optimizer": optimizer, "backend": library, "max_steps": 15}

    one, other = (wb.fit("logit", formula("logit"), small, **options) for _ in range(2))

    figures = [column for column in one.trace.to_frame() if column != "seconds"]
    pd.testing.assert_frame_equal(one.trace.to_frame()[figures], other.trace.to_frame()[figures])
    assert one.params.tolist() == other.params.tolist()
