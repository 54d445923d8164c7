"""Dates are levels of factors and fixed effects, in their order and by their names."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb

STARTS = {
    "2001": pd.date_range("2000-01-01", periods=6, freq="YS"),
    "2003q2": pd.date_range("2003-01-01", periods=6, freq="QS"),
    "2003-02": pd.date_range("2003-01-01", periods=6, freq="MS"),
    "2003-05-02": pd.date_range("2003-05-01", periods=6, freq="D"),
    "2003-05-02 ": pd.date_range("2003-05-01", periods=6, freq="D", tz="Europe/Berlin"),
    "2003q1": pd.period_range("2002Q4", periods=6, freq="Q"),
    "(0, 1]": pd.IntervalIndex.from_breaks([-1, 0, 1, 2, 3, 4, 5]),
}
"""Six levels of each type, by the name of the second."""


@pytest.fixture
def panel():
    """Return twelve units over six periods, whose outcomes depend on the period."""
    rng = np.random.default_rng(13)
    period = np.tile(np.arange(6), 12)
    x = rng.normal(size=72)
    return pd.DataFrame({"x": x, "period": period, "y": x + period + rng.normal(size=72)})


def slope(panel):
    columns = np.column_stack([panel.x, np.eye(6)[panel.period]])
    return np.linalg.lstsq(columns, panel.y, rcond=None)[0][0]


@pytest.mark.parametrize("second", STARTS)
@pytest.mark.parametrize("term", ["C(when)", "i(when)"])
def test_dates_are_coded_in_order_and_predicted_again(panel, second, term):
    dated = panel.assign(when=STARTS[second].take(panel.period))

    fit = wb.fit("ols", f"y ~ x + {term}", dated)

    assert fit.params["x"] == pytest.approx(slope(panel))
    assert second.strip() in fit.params.index[2]
    some = dated.iloc[4:9]
    assert fit.predict(some).to_numpy() == pytest.approx(fit.predict(dated).iloc[4:9].to_numpy())


@pytest.mark.parametrize("second", STARTS)
def test_dates_are_fixed_effects(panel, second):
    dated = panel.assign(when=STARTS[second].take(panel.period))

    fit = wb.fit("feols", "y ~ x | when", dated)

    assert fit.params["x"] == pytest.approx(slope(panel))
    assert fit.predict(dated.iloc[4:9]).notna().all()


def test_a_year_is_the_reference_among_dates(panel):
    dated = panel.assign(when=STARTS["2001"].take(panel.period))

    assert "when::2003" not in wb.fit("ols", "y ~ x + i(when, ref=2003)", dated).params
    contrast = "C(when, contr.treatment(base=2003))"
    assert f"{contrast}[T.2003]" not in wb.fit("ols", f"y ~ x + {contrast}", dated).params


@pytest.mark.parametrize(
    ("second", "form"), [("2001", "ty"), ("2003q2", "tq"), ("2003-02", "tm"), ("2003-05-02", "td")]
)
def test_dates_in_a_file_of_stata_are_levels(panel, tmp_path, second, form):
    dated = panel.assign(when=STARTS[second].take(panel.period))
    path = tmp_path / "panel.dta"
    dated.to_stata(path, write_index=False, convert_dates={"when": form})

    fit = wb.fit("ols", "y ~ x + C(when)", path)

    assert fit.params["x"] == pytest.approx(slope(panel))
    assert fit.params.index[2] == f"C(when)[T.{second}]"
