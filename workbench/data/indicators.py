"""Columns of yes and no, as people write them: numbers, booleans, or pairs of words."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.data import columns as reading
from workbench.data.names import shown
from workbench.errors import DataError
from workbench.protocols import Numpy

PAIRS = (("0", "1"), ("0.0", "1.0"), ("no", "yes"), ("n", "y"), ("false", "true"), ("f", "t"))
"""The words for no and yes, in small letters; a column of text has words of one pair."""


def indicator(column: pd.Series, name: str) -> Numpy:
    """Return a column of yes and no as 1.0 and 0.0, ``(n,)``, and NaN where it is missing.

    Raises
    ------
    DataError
        When a value is neither, or words of several pairs are mixed, naming the row and the value.

    Examples
    --------
    >>> indicator(pd.Series(["yes", "no"]), "open").tolist()
    [1.0, 0.0]
    """
    if _holds_words(column):
        return _from_words(column, name)
    values = reading.numbers(column, name)
    strange = np.flatnonzero(~np.isnan(values) & (values != 0) & (values != 1))
    if len(strange):
        raise _neither(name, int(strange[0]), f"{values[strange[0]]:g}")
    return values


def whole_indicator(column: pd.Series, name: str) -> Numpy:
    """Return a column of yes and no as `indicator` does; refuse missing values by their row."""
    values = indicator(column, name)
    if len(missing := np.flatnonzero(np.isnan(values))):
        raise DataError(
            f"{shown(name)} has no value in row {missing[0]}, where it needs 0 or 1.",
            hint=f"fill the gap: df[{name!r}] = df[{name!r}].fillna(0), or 1.",
            code="not-yes-or-no",
            where=name,
        )
    return values


def _holds_words(column: pd.Series) -> bool:
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.cat.categories.to_series()
    return reading.content(column) in {"text", "mixed"}


def _from_words(column: pd.Series, name: str) -> Numpy:
    values = column.astype(object)
    words = values.map(lambda value: str(value).strip().casefold(), na_action="ignore")
    present = words.dropna()
    pair = next((pair for pair in PAIRS if present.isin(pair).all()), None)
    if pair is None:
        known = next((pair for pair in PAIRS if present.iloc[0] in pair), ())
        row = int(np.flatnonzero(words.notna() & ~words.isin(known))[0])
        raise _neither(name, row, repr(values.iloc[row]))
    return np.where(words.isna(), np.nan, (words == pair[1]).to_numpy(dtype=np.float64))


def _neither(name: str, row: int, value: str) -> DataError:
    return DataError(
        f"{shown(name)} has {shown(value)} in row {row}, where it needs 0 or 1.",
        hint="0 and 1 throughout, or one pair of words such as no and yes, or False and True.",
        code="not-yes-or-no",
        where=name,
    )
