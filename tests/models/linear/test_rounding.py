"""Least squares that leave nothing, or rounding, or an outcome with nothing to explain."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.errors import DataError
from workbench.estimation.outcome import Outcome

ROWS = 4_000


@pytest.fixture(scope="module")
def frame():
    """Draw two crossed factors and two regressors of different size."""
    rng = np.random.default_rng(12)
    a, b = rng.integers(0, 300, ROWS), rng.integers(0, 20, ROWS)
    return pd.DataFrame({"a": a, "b": b, "x": rng.normal(size=ROWS), "z": 1e3 * rng.random(ROWS)})


@pytest.mark.parametrize(("model", "effects"), [("ols", ""), ("feols", ""), ("feols", " | b")])
def test_an_outcome_without_error_has_its_coefficients_and_no_standard_errors(
    frame, model, effects
):
    level = frame.b if effects else 7
    data = frame.assign(y=3 * frame.x - 0.5 * frame.z + level)

    fit = wb.fit(model, f"y ~ x + z{effects}", data)

    assert fit.outcome is Outcome.CONVERGED
    np.testing.assert_allclose(fit.params[["x", "z"]], [3, -0.5], rtol=1e-12)
    assert fit.se.isna().all()
    assert "y is fitted exactly, so there are no standard errors." in fit.notes


@pytest.mark.parametrize("noise", [1e-10, 1e-8, 1e-6, 1e-3])
@pytest.mark.parametrize(("model", "effects"), [("ols", ""), ("feols", " | a + b")])
def test_an_error_however_small_leaves_a_fit_that_has_converged(frame, model, effects, noise):
    rng = np.random.default_rng(3)
    level = frame.a + frame.b if effects else 7
    data = frame.assign(y=3 * frame.x - 0.5 * frame.z + level + noise * rng.normal(size=ROWS))

    fit = wb.fit(model, f"y ~ x + z{effects}", data, demeaner=wb.Schur(tol=1e-13))

    assert fit.converged
    assert fit.params["x"] == pytest.approx(3, abs=1e-12 + noise)
    assert (fit.se > 0).all()


@pytest.mark.parametrize("demeaner", ["schur", "lsmr", "alternating", "within"])
def test_an_outcome_that_the_effects_explain_is_refused_by_name(frame, demeaner):
    data = frame.assign(y=np.sin(frame.a) * 1e6 + frame.b, constant=4.0)

    with pytest.raises(DataError, match=r"No variation of y is left after absorbing a \+ b"):
        wb.fit("feols", "y ~ x | a + b", data, demeaner=demeaner)
    with pytest.raises(DataError, match="No variation of constant is left after absorbing a"):
        wb.fit("feols", "constant ~ x | a", data, demeaner=demeaner)
