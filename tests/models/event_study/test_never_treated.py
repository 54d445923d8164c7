"""Cohorts as people code them, against dummies of every cohort and event time by numpy."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.errors import DataError

FORMULA = "y ~ sunab(g, year) | unit + year"
# Both sides solve least squares of well-conditioned dummies.
CLOSE = 1e-8


def panel(cohorts, years, units=24):
    """Draw units of cohorts (0 is never) whose effect grows by a half in each year since."""
    rng = np.random.default_rng(20240801)
    frame = pd.MultiIndex.from_product([range(units), years], names=["unit", "year"])
    frame = frame.to_frame(index=False)
    frame["g"] = np.array(cohorts)[frame.unit % len(cohorts)]
    since = frame.year - frame.g
    frame["treated"] = ((frame.g > 0) & (since >= 0)).astype(int)
    noise = rng.normal(size=(2, len(frame)))
    frame["y"] = noise[0, frame.unit] + 0.2 * frame.year + frame.treated * (1 + 0.5 * since)
    return frame.assign(y=frame.y + 0.1 * noise[1])


def cells(frame, cohorts, references):
    """Estimate each cohort at each event time by dummies, as ``{(cohort, time): effect}``."""
    since = (frame.year - frame.g).to_numpy()
    names = [
        (g, e)
        for g in cohorts
        for e in np.unique(since[frame.g == g])
        if e != references.get(g, -1)
    ]
    columns = [((frame.g == g) & (since == e)).to_numpy(float) for g, e in names]
    dummies = pd.get_dummies(frame[["unit", "year"]].astype(str), dtype=float).to_numpy()
    x = np.column_stack([*columns, dummies])
    return dict(zip(names, np.linalg.lstsq(x, frame.y, rcond=None)[0], strict=False))


def assert_cells(fit, expected):
    """Compare every cell of a fit with those of the dummies."""
    found = fit.aggregate("cells").params
    assert len(found) == len(expected)
    for (g, e), value in expected.items():
        assert found[f"year::{e:g}:cohort::{g:g}"] == pytest.approx(value, abs=CLOSE)


@pytest.fixture(scope="module")
def biennial():
    return panel([2003, 2006, 0], range(2000, 2010, 2))


def test_a_cohort_between_two_waves_keeps_its_own_event_times(biennial):
    fit = wb.fit("feols", FORMULA, biennial)

    expected = cells(biennial, [2003, 2006], {2006: -2})
    assert_cells(fit, expected)
    assert any("2003" in note for note in fit.notes)
    assert any("-2 for the cohort 2006" in note for note in fit.notes)


def test_the_average_effect_of_a_biennial_panel_weighs_treated_cells_by_their_rows(biennial):
    att = wb.fit("feols", FORMULA, biennial).aggregate("att").params["ATT"]

    treated = biennial[biennial.treated == 1]
    sizes = treated.groupby(["g", treated.year - treated.g]).size()
    expected = cells(biennial, [2003, 2006], {2006: -2})
    average = sum(expected[cell] * n for cell, n in sizes.items()) / sizes.sum()
    assert att == pytest.approx(average, abs=CLOSE)


NEVER = {
    "no value": np.nan,
    "0": 0,
    "an infinite value": np.inf,
    "10000": 10_000,
    "-1": -1,
    "1000": 1000,
    '"never"': "never",
    '"Never treated"': "Never treated",
}


@pytest.mark.parametrize("how", NEVER)
def test_never_treated_may_be_coded_in_many_ways_and_is_said(how):
    frame = panel([2003, 2005, 0], range(2000, 2008))
    codes = [NEVER[how] if g == 0 else g for g in frame.g]

    fit = wb.fit("feols", FORMULA, frame.assign(g=pd.Series(codes)))

    assert_cells(fit, cells(frame, [2003, 2005], {}))
    assert f"g has {how} in 64 rows, which are taken as never treated." in fit.notes
    assert fit.nobs == len(frame)


def test_cohorts_of_a_nullable_or_a_text_column_are_read_as_numbers():
    frame = panel([2003, 2005, 0], range(2000, 2008))
    expected = cells(frame, [2003, 2005], {})

    nullable = frame.g.where(frame.g > 0).astype("Int64")
    assert_cells(wb.fit("feols", FORMULA, frame.assign(g=nullable)), expected)
    text = frame.g.astype(str).replace("0", "never").astype("category")
    assert_cells(wb.fit("feols", FORMULA, frame.assign(g=text)), expected)


def test_periods_counted_from_one_have_zero_for_never():
    frame = panel([4, 6, 0], range(1, 9))

    fit = wb.fit("feols", FORMULA, frame)

    assert_cells(fit, cells(frame, [4, 6], {}))


def test_a_cohort_after_the_last_period_is_a_control():
    frame = panel([2003, 2005, 2009], range(2000, 2008))

    fit = wb.fit("feols", FORMULA, frame)

    assert_cells(fit, cells(frame, [2003, 2005], {}))
    assert any("64 rows of cohorts that are not treated" in note for note in fit.notes)


def test_a_missing_cohort_is_left_out_where_another_code_stands_for_never():
    frame = panel([2003, 2005, 0], range(2000, 2008))
    frame["g"] = frame.g.mask(frame.unit == 5)

    fit = wb.fit("feols", FORMULA, frame)

    assert fit.dropped == {"missing g": 8}
    assert_cells(fit, cells(frame.dropna(), [2003, 2005], {}))


@pytest.mark.parametrize("early", [[1999], [2000], [1990, 1998]])
def test_cohorts_treated_in_every_period_are_refused_by_name_with_their_rows(early):
    frame = panel([2003, 0, *early], range(2000, 2008))
    rows = frame.g.isin(early).sum()

    with pytest.raises(DataError, match=f"{early[-1]} of g .* in every period .{rows} rows"):
        wb.fit("feols", FORMULA, frame)


@pytest.mark.parametrize(
    ("cohorts", "years", "code"),
    [
        ([3, 5, 0], range(8), "always-treated"),
        ([3, 5, -1], range(1, 9), "always-treated"),
        ([-1, 1, 0], range(-4, 5), "two-readings"),
        (["2003", "later", "never"], range(2000, 2008), "not-a-number"),
    ],
)
def test_a_code_that_may_be_a_period_is_refused(cohorts, years, code):
    frame = panel([3, 5, 0], years)
    frame["g"] = np.array(cohorts, dtype=object)[frame.unit % 3]

    with pytest.raises(DataError) as caught:
        wb.fit("feols", FORMULA, frame.infer_objects())

    assert caught.value.code == code


def test_relative_periods_may_be_missing_for_the_never_treated():
    frame = panel([2003, 2005, 0], range(2000, 2008))
    expected = wb.fit("feols", FORMULA, frame)
    frame["since"] = (frame.year - frame.g).where(frame.g > 0)

    fit = wb.fit("feols", "y ~ sunab(g, since) | unit + year", frame)

    np.testing.assert_allclose(fit.params, expected.params, atol=CLOSE)
    assert fit.nobs == len(frame)
    assert any("since has no value" in note and "64 rows" in note for note in fit.notes)


def test_predictions_know_the_codes_of_the_fit():
    frame = panel([2003, 2005, 0], range(2000, 2008))
    frame["g"] = frame.g.where(frame.g > 0)
    fit = wb.fit("feols", FORMULA, frame)

    np.testing.assert_allclose(fit.predict(frame), fit.predict(), atol=CLOSE)
    assert fit.predict(frame.head(2)).notna().all()


def test_an_interaction_keeps_controls_without_an_event_time():
    frame = panel([2003, 2005, 0], range(2000, 2008))
    frame["ever"] = (frame.g > 0).astype(int)
    frame["since"] = np.where(frame.ever, frame.year - frame.g, -1)
    formula = "y ~ i(since, ever, ref=-1) | unit + year"
    coded = wb.fit("feols", formula, frame)
    gaps = frame.assign(since=frame.since.where(frame.ever == 1))

    fit = wb.fit("feols", formula, gaps)

    pd.testing.assert_series_equal(fit.params, coded.params)
    pd.testing.assert_series_equal(fit.se, coded.se)
    assert "since has no value and ever is 0 in 64 rows, which are taken as never treated." in (
        fit.notes
    )
    np.testing.assert_allclose(fit.predict(gaps), fit.predict(), atol=CLOSE)


def test_an_event_time_that_treated_rows_miss_is_still_left_out():
    frame = panel([2003, 2005, 0], range(2000, 2008))
    frame["ever"] = (frame.g > 0).astype(int)
    frame["since"] = np.where(frame.ever, frame.year - frame.g, -1.0)
    frame.loc[frame.index[:3], "since"] = np.nan

    fit = wb.fit("feols", "y ~ i(since, ever, ref=-1) | unit + year", frame)

    assert frame.ever[0] == 1
    assert fit.dropped == {"missing since": 3}


def test_a_cohort_missing_in_some_rows_of_a_unit_is_refused_by_unit_and_row():
    frame = panel([2003, 2005, 0], range(2000, 2008))
    frame["g"] = frame.g.where(frame.g > 0)
    frame.loc[10, "g"] = np.nan

    with pytest.raises(DataError, match="no value in row 10, and has one in other rows of unit 1"):
        wb.fit("feols", FORMULA, frame)


def test_regions_may_have_both_treated_and_never_treated_units():
    frame = panel([2003, 2005, 0], range(2000, 2008))
    frame["g"] = frame.g.where(frame.g > 0)
    region = frame.unit // 6

    fit = wb.fit("feols", FORMULA, frame.assign(region=region), cluster="region")

    assert fit.nobs == len(frame)


@pytest.mark.parametrize("code", [0, 2005])
def test_units_with_several_cohorts_are_noted_and_regions_are_not(code):
    frame = panel([2003, 2005, 0], range(2000, 2008))
    frame["region"] = frame.unit // 6
    frame.loc[1:2, "g"] = code

    fit = wb.fit("feols", FORMULA, frame, cluster="region")

    said = [note for note in fit.notes if "differs between rows" in note]
    assert said == [
        "g differs between rows of one unit in 1 of them, first unit 0; a unit has one cohort."
    ]


def test_units_with_one_cohort_each_are_not_noted():
    frame = panel([2003, 2005, 0], range(2000, 2008))

    fit = wb.fit("feols", FORMULA, frame.assign(g=frame.g.where(frame.g > 0)))

    assert not any("differs" in note for note in fit.notes)


@pytest.mark.parametrize(
    ("dates", "way"),
    [
        (lambda years: pd.to_datetime(years.astype(str)), r"df\['year'\].dt.year\.$"),
        (lambda years: pd.to_datetime(years.astype(str) + "-07-01"), r"dt.year \* 12 \+ "),
        (lambda years: pd.to_datetime(years.astype(str) + "-12-31"), "days: "),
    ],
)
def test_periods_that_are_dates_are_refused_with_the_number_to_take(dates, way):
    frame = panel([2003, 2005, 0], range(2000, 2008))

    with pytest.raises(DataError, match="year has the type datetime64") as caught:
        wb.fit("feols", FORMULA, frame.assign(year=dates(frame.year)))

    assert re.search(way, caught.value.hint)
