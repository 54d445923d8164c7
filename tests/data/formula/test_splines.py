"""Splines evaluated outside their range."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.errors import DataError

NEW = pd.DataFrame({"x": [0.5, 1.5], "my x": [0.5, -3.0]})


@pytest.fixture(scope="module")
def frame():
    """Return 80 rows of x between 0.1 and 0.9 with a linear outcome, drawn with seed 3."""
    rng = np.random.default_rng(3)
    x = np.r_[0.1, 0.9, rng.uniform(0.1, 0.9, 78)]
    return pd.DataFrame({"x": x, "my x": x, "y": x + rng.normal(size=80)})


@pytest.mark.parametrize(
    ("term", "shown", "low", "high", "value"),
    [
        ("bs(x, df=5)", "bs(x, df=5)", "0.1", "0.9", "1.5"),
        ("bs(log(x), df=5)", "bs(log(x), df=5)", "-2.30259", "-0.105361", "0.405465"),
        ("bs(`my x`, df=4)", "bs(my x, df=4)", "0.1", "0.9", "-3"),
        ("bs(x, df=5):`my x`", "bs(x, df=5)", "0.1", "0.9", "1.5"),
    ],
)
def test_a_prediction_outside_a_spline_names_term_range_and_value(
    term, shown, low, high, value, frame
):
    fit = wb.fit("ols", f"y ~ {term}", frame)

    with pytest.raises(DataError) as caught:
        fit.predict(NEW)

    assert (caught.value.code, caught.value.where) == ("outside-range", shown)
    assert f"{shown} covers the range from {low} to {high} of the rows" in caught.value.problem
    assert f"not {value}, the first value of 1 row" in caught.value.problem
    assert f'{shown[:-1]}, extrapolation="extend")' in caught.value.hint


def test_bounds_narrower_than_the_data_are_named_at_the_fit(frame):
    with pytest.raises(DataError, match=r"from 0\.1 to 0\.5 that its bounds give, and not"):
        wb.fit("ols", "y ~ bs(x, df=4, upper_bound=0.5)", frame)


@pytest.mark.parametrize(
    "term",
    [
        'bs(x, df=5, extrapolation="clip")',
        'bs(x, df=5, extrapolation="extend")',
        "bs(x, df=5, lower_bound=0, upper_bound=2)",
        "poly(x, 3)",
        "scale(x)",
        "center(x)",
        "standardize(x)",
    ],
)
def test_terms_with_values_outside_the_fit_are_predicted(term, frame):
    assert np.isfinite(wb.fit("ols", f"y ~ {term}", frame).predict(NEW)).all()
