"""Columns of yes and no: words and numbers are understood in clear pairs, and else refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.data.indicators import indicator
from workbench.errors import DataError


@pytest.mark.parametrize(
    "values",
    [
        [0, 1, 1],
        [0.0, 1.0, 1.0],
        [False, True, True],
        ["0", "1", "1"],
        ["0.0", "1.0", "1.0"],
        ["no", "yes", "YES"],
        ["N", "Y", "Y"],
        ["False", "True", " true "],
        pd.array([0, 1, 1], dtype="Int64"),
        pd.Categorical(["no", "yes", "yes"]),
        np.array([False, True, "True"], dtype=object),
    ],
)
def test_a_clear_pair_of_no_and_yes_is_understood(values):
    assert indicator(pd.Series(values), "open").tolist() == [0.0, 1.0, 1.0]


@pytest.mark.parametrize("values", [[0, 1, np.nan], ["no", "yes", None]])
def test_a_missing_value_stays_missing(values):
    np.testing.assert_array_equal(indicator(pd.Series(values), "open"), [0, 1, np.nan])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0, 0.5, 1], "open has 0.5 in row 1"),
        ([0, 1, -1], "open has -1 in row 2"),
        ([1, 2, 1], "open has 2 in row 1"),
        (["no", "yes", "maybe"], "open has 'maybe' in row 2"),
        (["no", "1", "yes"], "open has '1' in row 1"),
        (["shut", "open", "open"], "open has 'shut' in row 0"),
        (["yes", "", "no"], "open has '' in row 1"),
    ],
)
def test_what_is_neither_yes_nor_no_is_refused_with_its_row(values, said):
    with pytest.raises(DataError, match=said):
        indicator(pd.Series(values), "open")
