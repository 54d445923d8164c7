"""Columns of any type keep their values in a few plain types."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from workbench.data.columns import content
from workbench.data.plain_types import plain
from workbench.data.table import as_table

LARGE = 2**60 + 1
"""A whole number that float64 rounds to 2**60."""


def arrow(values, kind=None):
    pa = pytest.importorskip("pyarrow")
    return pd.arrays.ArrowExtensionArray(pa.array(values, kind and getattr(pa, kind)()))


WITH_A_GAP = {
    "objects": lambda: pd.Series([LARGE, None], dtype=object),
    "objects with NaN": lambda: pd.Series([LARGE, np.nan], dtype=object),
    "nullable": lambda: pd.array([LARGE, None], dtype="Int64"),
    "Arrow": lambda: arrow([LARGE, None]),
    "Arrow, unsigned": lambda: arrow([LARGE, None], "uint64"),
    "Decimal": lambda: pd.Series([Decimal(LARGE), None], dtype=object),
    "Arrow's Decimal": lambda: arrow([Decimal(LARGE), None]),
}


@pytest.mark.parametrize("make", WITH_A_GAP.values(), ids=WITH_A_GAP)
def test_whole_numbers_with_a_gap_stay_exact(make):
    column = plain(pd.Series(make(), name="id")).column

    assert column.dtype.name in {"Int64", "UInt64"}
    assert [column.iloc[0], column.isna().tolist()] == [LARGE, [False, True]]


@pytest.mark.parametrize("make", WITH_A_GAP.values(), ids=WITH_A_GAP)
def test_equal_whole_numbers_have_equal_fingerprints(make):
    expected = as_table({"id": pd.array([LARGE, None], dtype="Int64")}).fingerprint()

    assert as_table({"id": pd.Series(make())}).fingerprint() == expected


def test_numbers_that_need_more_than_64_bits_stay_apart():
    column = plain(pd.Series([2**70, 2**70 + 1, None], dtype=object)).column

    assert column.nunique() == 2


def test_decimals_become_float64_unless_that_merges_some():
    exact = pd.Series([Decimal("0.10000000000000000001"), Decimal("0.1")])

    assert plain(pd.Series([Decimal("1.5"), None])).column.dtype == np.float64
    assert plain(exact).column.nunique() == 2


def test_whole_numbers_and_their_text_are_one_number_and_that_is_said():
    found = plain(pd.Series([7, "7", 8.0, "-3", None], dtype=object, name="id"))

    assert found.column.dropna().tolist() == [7, 7, 8, -3]
    assert found.note == "id holds 2 whole numbers and 2 more as text; all are read as numbers."


@pytest.mark.parametrize("text", ["07", "7.0", " 7", "1e1", "x"])
def test_text_that_is_written_otherwise_is_not_read_as_a_number(text):
    assert content(plain(pd.Series([7, text], dtype=object)).column) == "mixed"


DATES = {
    "objects": lambda: [dt.date(2003, 5, 1), None],
    "Arrow": lambda: arrow([dt.date(2003, 5, 1), None]),
    "months": lambda: pd.PeriodIndex(["2003-05", None], freq="M"),
    "periods as objects": lambda: pd.Series([pd.Period("2003-05-01", "D"), None], dtype=object),
}


@pytest.mark.parametrize("make", DATES.values(), ids=DATES)
def test_dates_of_every_type_become_dates(make):
    column = plain(pd.Series(make())).column

    assert column.dtype.kind == "M"
    assert [column.iloc[0], column.isna().tolist()] == [pd.Timestamp("2003-05-01"), [False, True]]


def test_text_in_a_dictionary_of_arrow_is_a_category():
    pa = pytest.importorskip("pyarrow")
    values = pd.arrays.ArrowExtensionArray(pa.array(["b", "a", None]).dictionary_encode())

    column = plain(pd.Series(values)).column

    assert isinstance(column.dtype, pd.CategoricalDtype)
    assert column.dropna().tolist() == ["b", "a"]


def test_a_table_of_arrow_keeps_whole_numbers_truth_values_and_the_order_of_its_columns():
    pa = pytest.importorskip("pyarrow")
    columns = {"a": [LARGE, None], "b": [True, None], "c": [1.5, None], "d": [1, 2]}

    table = as_table(pa.table(columns))

    assert table.names == ("a", "b", "c", "d")
    assert table.column("a").iloc[0] == LARGE
    assert [table.column(name).isna().sum() for name in table.names] == [1, 1, 1, 0]


def test_a_list_of_whole_numbers_with_a_gap_is_exact():
    assert as_table({"id": [LARGE, None]}).column("id").iloc[0] == LARGE
