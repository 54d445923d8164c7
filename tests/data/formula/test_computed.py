"""Columns that options compute: the values are those of pandas, and nothing else is run."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from workbench.data.complete_cases import read_numeric
from workbench.data.formula.computed import columns_in
from workbench.data.table import as_table
from workbench.errors import WorkbenchError

FRAME = pd.DataFrame(
    {
        "firm": ["a", "b", "a", None, "b", "a"],
        "year": [1, 1, 2, 2, 1, 1],
        "w": [1.0, 2.0, 4.0, 0.5, np.nan, 1.5],
        "hours per day": [1.0, 2.0, 0.0, 4.0, 5.0, 6.0],
        "x-y": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
    }
)


@pytest.fixture
def table():
    return as_table(FRAME)


@pytest.mark.parametrize("text", ["firm^year", "firm:year", " firm ^ year ", "`firm`^`year`"])
def test_a_combination_groups_the_rows_as_pandas_does(table, text):
    known = FRAME.firm.notna()
    expected = FRAME[known].groupby(["firm", "year"]).ngroup()

    found = table.column(text)

    assert found.notna().tolist() == known.tolist()
    together = pd.crosstab(found[known].astype(str), expected) > 0
    assert together.shape == (expected.nunique(), expected.nunique())
    assert (together.sum(axis=1) == 1).all()


def test_a_combination_of_three_columns_is_named_by_its_values(table):
    found = table.column("firm^year^w")

    assert list(found[:3]) == ["a^1^1", "b^1^2", "a^2^4"]


def test_a_column_that_is_named_like_an_expression_is_that_column():
    table = as_table({"1/w": [5.0, 6.0], "w": [1.0, 2.0], "a^b": [7, 8], "a": [1, 1], "b": [1, 2]})

    assert read_numeric(table, "1/w").tolist() == [5.0, 6.0]
    assert table.column("a^b").tolist() == [7, 8]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1/w", 1 / FRAME.w),
        ("2*w - 1", 2 * FRAME.w - 1),
        ("-w**2", -(FRAME.w**2)),
        ("log(1 + `hours per day`)", np.log1p(FRAME["hours per day"])),
        ("sqrt(abs(w - 1)) + I(year)", np.sqrt(np.abs(FRAME.w - 1)) + FRAME.year),
        ("log10(`x-y`) / log2(w + 1)", np.log10(FRAME["x-y"]) / np.log2(FRAME.w + 1)),
    ],
)
def test_an_expression_gives_the_numbers_of_numpy(table, text, expected):
    np.testing.assert_allclose(read_numeric(table, text), expected, rtol=1e-15)


def test_what_cannot_be_computed_is_infinite_and_what_is_missing_is_missing():
    table = as_table({"x": [-1.0, 0.0, 1.0, np.nan]})

    found = read_numeric(table, "log(x)")

    assert np.isinf(found).tolist() == [True, True, False, False]
    assert np.isnan(found[3])


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('echo')",
        "w.__class__",
        "(lambda: w)()",
        "[w for w in w]",
        "eval('w')",
        "open('file')",
        "9**9**9**9 + w",
        "w if w else w",
        "poly(w, 2)",
        "C(w)",
        "w[0]",
        "(w := 1)",
        "f'{w}'",
        "{w}",
        "log(w, w)",
        "w^2",
        "1",
        "",
    ],
)
def test_everything_else_is_refused(table, text):
    with pytest.raises(WorkbenchError):
        read_numeric(table, text)
    with pytest.raises(WorkbenchError):
        table.column(text)


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("1/ww", "w"),
        ("firm^yera", "year"),
        ("log(yeer)", "year"),
        ("hours per dy", "hours per day"),
    ],
)
def test_an_unknown_column_is_answered_with_the_nearest_name(table, text, nearest):
    read = table.column if "^" in text else partial(read_numeric, table)

    with pytest.raises(WorkbenchError) as refusal:
        read(text)

    assert refusal.value.suggestion == nearest


@pytest.mark.parametrize("text", ["firm + year", "firm*year", "firm year", "firm, year"])
def test_several_columns_to_group_by_are_answered_with_both_readings(table, text):
    with pytest.raises(WorkbenchError, match=r'"firm\^year".*\["firm", "year"\]'):
        table.column(text)


def test_a_power_written_as_a_combination_is_answered_with_the_power(table):
    with pytest.raises(WorkbenchError, match=r"w\*\*2"):
        read_numeric(table, "w^2")


def test_the_columns_of_an_expression_are_known():
    names = ["firm", "year", "w"]

    assert columns_in("log(w) - year", names) == ("w", "year")
    assert columns_in("firm^year", names) == ("firm", "year")
    assert columns_in("firm^month", names) == ()
