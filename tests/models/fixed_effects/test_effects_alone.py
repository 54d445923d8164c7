"""Fixed effects without regressors, against means of groups and statsmodels' dummies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf

import workbench as wb

# Newton's method ends within this of the maximum.
AGREEMENT = 1e-6


@pytest.fixture(scope="module")
def panel():
    """Return 150 rows in 6 groups and 5 periods, drawn with seed 8."""
    rng = np.random.default_rng(8)
    frame = pd.DataFrame({"g": np.arange(150) % 6, "t": np.arange(150) % 5})
    frame["y"] = frame.g + 0.5 * frame.t + rng.normal(size=150)
    frame["c"] = rng.poisson(np.exp(0.1 * frame.g)) + 1
    frame["b"] = (rng.random(150) < 0.3 + 0.05 * frame.g) * 1
    return frame.assign(w=rng.integers(1, 4, 150), f=rng.integers(0, 12, 150))


@pytest.mark.parametrize("formula", ["y ~ 1 | g", "y ~ 0 | g"])
def test_one_factor_alone_has_the_means_of_its_groups(formula, panel):
    fit = wb.fit("feols", formula, panel)
    means = panel.groupby("g").y.mean()

    np.testing.assert_allclose(fit.fixed_effects()["g"], means, rtol=1e-10)
    np.testing.assert_allclose(fit.predict(panel), means[panel.g], rtol=1e-10)
    assert fit.outcome.converged
    assert len(fit.params) == len(fit.standard_errors()) == 0


@pytest.mark.parametrize("effects", ["g", "g + t"])
@pytest.mark.parametrize("options", [{}, {"weights": "w"}, {"cluster": "f"}, {"se": "HC3"}])
def test_r_squared_and_likelihood_are_those_of_dummies(effects, options, panel):
    dummies = "y ~ " + " + ".join(f"C({name})" for name in effects.split(" + "))
    weights = panel.w / panel.w.mean() if "weights" in options else np.ones(len(panel))
    theirs = smf.wls(dummies, panel, weights=weights).fit()

    fit = wb.fit("feols", f"y ~ 1 | {effects}", panel, **options)

    assert fit.r2 == pytest.approx(theirs.rsquared, rel=1e-10)
    np.testing.assert_allclose(fit.predict(), theirs.fittedvalues, rtol=1e-8)
    squares = float(weights @ theirs.resid**2)
    gaussian = -len(panel) / 2 * (np.log(2 * np.pi * squares / len(panel)) + 1)
    assert fit.loglik == pytest.approx(gaussian, rel=1e-10)


@pytest.mark.parametrize("effects", ["g", "g + t"])
@pytest.mark.parametrize(
    ("model", "outcome", "family"),
    [("fepois", "c", sm.families.Poisson()), ("felogit", "b", sm.families.Binomial())],
)
def test_glms_of_effects_alone_are_those_of_dummies(model, outcome, family, effects, panel):
    dummies = " + ".join(f"C({name})" for name in effects.split(" + "))
    theirs = smf.glm(f"{outcome} ~ {dummies}", panel, family=family).fit(tol=1e-12)

    fit = wb.fit(model, f"{outcome} ~ 1 | {effects}", panel, cluster="f")

    assert fit.outcome.converged
    assert fit.loglik == pytest.approx(theirs.llf, rel=1e-10)
    np.testing.assert_allclose(fit.predict(panel), theirs.fittedvalues, rtol=AGREEMENT)


def test_a_fit_of_effects_alone_is_shown_and_compared(panel):
    alone = wb.fit("feols", "y ~ 1 | g", panel, name="effects alone")
    both = wb.fit("feols", "y ~ w | g", panel, name="with w")

    compared = wb.compare(alone, both)

    assert "R²" in str(alone.summary())
    assert "effects alone" in compared.to_markdown()
    assert compared.to_latex().count("tabular") == 2


@pytest.mark.parametrize("se", ["iid", "robust", "CRV3", "cluster"])
def test_every_kind_of_errors_is_empty(se, panel):
    options = {"cluster": "f"} if se in {"CRV3", "cluster"} else {}

    assert wb.fit("feols", "y ~ 1 | g", panel, se=se, **options).standard_errors().empty
