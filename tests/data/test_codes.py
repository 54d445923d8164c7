"""Numbers for values: those of pandas, however they are found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.data.columns import first_rows, groups, sorted_codes

COLUMNS = {
    "sorted": [-3, -3, 0, 0, 0, 9],
    "shuffled": [7, 2, 7, -5, 2, 0],
    "far apart": [10**15, -(10**15), 4, 10**15],
    "the ends of eight bits": np.array([127, -128, 0, 127], dtype=np.int8),
    "the ends of 64 bits": [2**63 - 1, -(2**63), 0],
    "unsigned": np.array([2**64 - 1, 0, 2**64 - 1], dtype=np.uint64),
    "missing": [2.0, np.nan, 1.0],
    "nullable": pd.array([5, None, 5, 3], dtype="Int64"),
    "text": ["b", "a", None, "b"],
    "alone": [4],
}
every_column = pytest.mark.parametrize("values", COLUMNS.values(), ids=COLUMNS)


@every_column
def test_sorted_numbers_are_those_of_pandas(values):
    column = pd.Series(values)

    assert sorted_codes(column).tolist() == pd.factorize(column, sort=True)[0].tolist()


@every_column
def test_groups_are_numbered_as_pandas_numbers_them(values):
    column = pd.Series(values)

    assert groups(column, "x").tolist() == pd.factorize(column)[0].tolist()


def test_the_first_row_of_each_number_passes_over_missing_ones():
    assert first_rows(np.array([-1, 1, 0, 1, -1, 0])).tolist() == [2, 1]
