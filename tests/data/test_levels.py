"""Levels: their names and order, and the same levels in other data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.data.levels import as_levels, labels, positions
from workbench.errors import DataError

LARGE = 2**60


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        (["2003-01-01", "2004-01-01"], ["2003", "2004"]),
        (["2003-01-01", "2003-04-01"], ["2003q1", "2003q2"]),
        (["2003-01-01", "2003-02-01"], ["2003-01", "2003-02"]),
        (["2003-01-01", "2003-07-01"], ["2003-01", "2003-07"]),
        (["2003-05-01", "2003-05-02"], ["2003-05-01", "2003-05-02"]),
        (["2003-05-01 00:00", "2003-05-01 12:30"], ["2003-05-01", "2003-05-01 12:30:00"]),
    ],
)
def test_dates_are_named_by_the_coarsest_period_that_tells_them(dates, expected):
    assert labels(pd.to_datetime(dates)) == expected


def test_dates_are_levels_in_their_order():
    column = pd.Series(pd.to_datetime(["2003-12-01", "2003-02-01", "2003-10-01"]))

    assert list(as_levels(column, "month").cat.categories) == ["2003-02", "2003-10", "2003-12"]


SEVEN = {
    "int": 7,
    "float": 7.0,
    "text": "7",
    "nullable": pd.array([7], dtype="Int64")[0],
}


@pytest.mark.parametrize("known", SEVEN)
@pytest.mark.parametrize("new", SEVEN)
def test_seven_is_the_same_level_in_every_type(known, new):
    column = pd.Series([SEVEN[new], None, SEVEN[new]], dtype=object)

    assert positions(column, [SEVEN[known]], "id").tolist() == [0, -1, 0]


def test_large_whole_numbers_are_compared_exactly():
    known = pd.array([LARGE, LARGE + 2], dtype="Int64")

    assert positions(pd.Series([LARGE + 1, LARGE + 2]), known, "id").tolist() == [-1, 1]
    assert positions(pd.Series([str(LARGE + 2)]), known, "id").tolist() == [1]


@pytest.mark.parametrize("new", ["07", "7.0", " 7"])
@pytest.mark.parametrize("known", [7, "7"])
def test_a_level_that_is_only_written_otherwise_is_refused_by_name(known, new):
    with pytest.raises(DataError, match=f"'{new}'"):
        positions(pd.Series([new]), [known], "id")


def test_a_new_level_of_the_same_type_has_no_position():
    assert positions(pd.Series(["c", "a"]), ["a", "b"], "id").tolist() == [-1, 0]


def test_years_match_dates_on_which_they_begin():
    dates = pd.to_datetime(["2003-01-01", "2004-01-01"])

    assert positions(pd.Series([2004, 2003]), dates, "year").tolist() == [1, 0]
    assert positions(pd.Series(dates), [2003, 2004], "year").tolist() == [0, 1]


def test_text_that_reads_as_a_number_next_to_numbers_is_refused_with_both_counts():
    column = pd.Series([7, "07", 8, 8, None], dtype=object)

    with pytest.raises(DataError, match="mixes 3 numbers and 1 texts, such as '07'"):
        as_levels(column, "id")


@pytest.mark.parametrize("text", ["2020-01-02", "02.01.2020", "1/2/2020", "2020-01-02 00:00:00"])
def test_text_that_reads_as_a_date_next_to_dates_is_refused_with_both_counts(text):
    column = pd.Series([pd.Timestamp("2020-01-02"), pd.Timestamp("2020-01-03"), text], dtype=object)

    with pytest.raises(DataError, match=f"mixes 2 dates and 1 texts, such as '{text}'"):
        as_levels(column, "day")


def test_numbers_next_to_plain_words_are_levels_by_their_text():
    column = pd.Series([1, "other", 2], dtype=object)

    assert list(as_levels(column, "id").cat.categories) == ["1", "2", "other"]


def test_categories_of_numbers_keep_their_order():
    column = pd.Series(pd.Categorical([3, 1, 3], [3, 2, 1]))

    assert list(as_levels(column, "id").cat.categories) == [3, 1]
    assert np.array_equal(positions(column, [1.0, 3.0], "id"), [1, 0, 1])


@pytest.mark.parametrize("effects", ["| id", "+ C(id)"])
def test_truth_values_next_to_numbers_are_refused_by_name(effects):
    rng = np.random.default_rng(8)
    frame = pd.DataFrame(rng.normal(size=(60, 2)), columns=["x", "y"])
    frame["id"] = pd.Series([True if i % 3 == 0 else i for i in range(60)], dtype=object)

    with pytest.raises(DataError) as refused:
        wb.fit("feols" if "|" in effects else "ols", f"y ~ x {effects}", frame)

    assert refused.value.where == "id"


@pytest.mark.parametrize("level", ["None", "nan", "True", "1"])
def test_a_level_may_be_called_as_a_value_of_python(level):
    rng = np.random.default_rng(9)
    frame = pd.DataFrame({"c": [level, "b", "z"] * 20, "y": rng.normal(size=60)})

    fit = wb.fit("ols", "y ~ C(c)", frame)

    means = frame.groupby("c").y.mean()
    assert fit.params["Intercept"] == pytest.approx(means.iloc[0])
    assert fit.params["C(c)[T.z]"] == pytest.approx(means["z"] - means.iloc[0])
