"""Columns of any type in one of a few plain types, with their values unchanged.

Whole numbers stay whole: with a gap they become nullable integers, never float64, which would
merge neighbours beyond 2^53.
"""

from __future__ import annotations

import re
from contextlib import suppress
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pandas.api import types

from workbench.data.arrow import series_of
from workbench.data.names import shown

WHOLE = re.compile(r"0|-?[1-9]\d*")
"""Text that is exactly how a whole number is written."""

EXACT_INTEGERS = 2**53
"""Whole numbers beyond this are rounded by float64."""

_DATES = {"date", "datetime", "datetime64"}


class Plain(NamedTuple):
    """A column in a plain type, and a sentence where its values had to be interpreted."""

    column: pd.Series
    note: str = ""


def plain(column: pd.Series) -> Plain:
    """Return a column as numpy or nullable numbers, dates, text or categories.

    Arrow types, periods, intervals, and objects that hold numbers, truth values or dates become the
    type of their values; whole numbers and their text in one column become numbers.
    """
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind != "O":
        return Plain(column)
    if isinstance(dtype, pd.ArrowDtype):
        return plain(_like(column, _from_arrow(column))) if _leaves_arrow(dtype) else Plain(column)
    if isinstance(dtype, pd.PeriodDtype):
        return Plain(_from_periods(column))
    if isinstance(dtype, pd.IntervalDtype):
        return Plain(_as_ordered_text(column))
    if isinstance(dtype, pd.CategoricalDtype):
        return _from_categories(column)
    if isinstance(dtype, pd.SparseDtype):
        return plain(_like(column, np.asarray(column)))
    if types.is_object_dtype(dtype):
        return _from_objects(column)
    return Plain(_from_nullable(column))


def plain_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame of objects or nullable columns with each column in a plain type."""
    columns = [plain(frame.iloc[:, j]).column.infer_objects() for j in range(frame.shape[1])]
    found = pd.concat(columns, axis=1) if columns else frame
    return found.set_axis(frame.columns, axis=1)


def number_and_text(column: pd.Series) -> tuple[int, int]:
    """Count the values of a column that are numbers, and those that are text."""
    text = column.map(lambda value: isinstance(value, str)).astype(bool)
    return int((column.notna() & ~text).sum()), int(text.sum())


# Extension types ---------------------------------------------------------------------------------
def _like(column: pd.Series, values: Any) -> pd.Series:
    """Return values under the name and the index of a column."""
    array = values.array if isinstance(values, pd.Series) else values
    return pd.Series(array, index=column.index, name=column.name, copy=False)


def _leaves_arrow(dtype: pd.ArrowDtype) -> bool:
    return str(dtype.pyarrow_dtype) not in {"string", "large_string"}


def _from_arrow(column: pd.Series) -> pd.Series:
    return series_of(column.array.__arrow_array__())


def _from_nullable(column: pd.Series) -> pd.Series:
    """Return numpy's numbers in place of nullable ones that have no gap, or are not whole."""
    if types.is_bool_dtype(column.dtype) or types.is_integer_dtype(column.dtype):
        gap = column.isna().any()
        return column if gap else column.astype(column.dtype.numpy_dtype)  # type: ignore[union-attr]
    if types.is_float_dtype(column.dtype):
        return _like(column, column.to_numpy(dtype=np.float64, na_value=np.nan))
    return column


def _from_periods(column: pd.Series) -> pd.Series:
    """Return calendar periods as the dates on which they begin, and others as ordered text."""
    if str(column.dtype) in {f"period[{each}]" for each in ("D", "M", "Q-DEC", "Y-DEC", "A-DEC")}:
        return pd.Series(column.dt.to_timestamp())
    return _as_ordered_text(column)


def _as_ordered_text(column: pd.Series) -> pd.Series:
    """Return values as categories by their text, in the order of the values."""
    names = {value: str(value) for value in sorted(column.dropna().unique())}
    return _like(column, pd.Categorical(column.map(names), list(names.values())))


def _from_categories(column: pd.Series) -> Plain:
    """Return categories unchanged, unless whole numbers are there both as numbers and as text."""
    categories = column.dtype.categories  # type: ignore[union-attr]
    if isinstance(categories.dtype, pd.ArrowDtype | pd.PeriodDtype):
        levels = plain(pd.Series(categories)).column
        if not isinstance(levels.dtype, pd.CategoricalDtype):
            return Plain(column.cat.rename_categories(levels.tolist()))
        return Plain(column.cat.rename_categories(levels.astype(str).tolist()))
    if categories.dtype == object and "mixed" in types.infer_dtype(categories, skipna=True):
        return _from_mixed(column.astype(object), column)
    return Plain(column)


# Objects -----------------------------------------------------------------------------------------
def _from_objects(column: pd.Series) -> Plain:
    kind = types.infer_dtype(column, skipna=True)
    if kind == "integer":
        return Plain(_from_integers(column))
    if kind == "boolean":
        return Plain(_from_nullable(column.astype("boolean")))
    if kind in {"floating", "mixed-integer-float"}:
        return Plain(_from_floats(column))
    if kind == "decimal":
        return Plain(_from_decimals(column))
    if kind in _DATES:
        return Plain(_from_dates(column))
    if kind == "period":
        with suppress(ValueError, TypeError):  # periods of several frequencies stay objects
            return plain(column.astype(pd.PeriodDtype(column.dropna().iloc[0].freq)))
    if kind in {"mixed", "mixed-integer"}:
        return _from_mixed(column, column)
    return Plain(column)


def _from_integers(column: pd.Series) -> pd.Series:
    """Return integers in 64 bits; those that need more stay objects."""
    values = column.where(column.notna(), None)
    for dtype in ("Int64", "UInt64"):
        with suppress(OverflowError, TypeError, ValueError):
            return _from_nullable(_like(column, pd.array(values.to_numpy(), dtype=dtype)))
    return column


def _as_integers(column: pd.Series) -> pd.Series:
    """Return Python's integers of the values, None where missing; `Series.map` would round them."""
    pairs = zip(column, column.notna(), strict=True)
    return _like(column, pd.array([int(v) if there else None for v, there in pairs], dtype=object))


def _from_floats(column: pd.Series) -> pd.Series:
    whole = (value for value in column if isinstance(value, int | np.integer))
    if any(abs(int(value)) > EXACT_INTEGERS for value in whole):
        return column
    return column.where(column.notna(), np.nan).astype(np.float64)


def _from_decimals(column: pd.Series) -> pd.Series:
    """Return whole Decimals as integers, and others as float64 unless that would merge some."""
    present = column.dropna()
    if not present.map(Decimal.is_finite).all():
        return column
    if (present == present.map(Decimal.to_integral_value)).all():
        return _from_integers(_as_integers(column))
    if present.astype(np.float64).nunique() < present.nunique():
        return column
    return column.where(column.notna(), np.nan).astype(np.float64)


def _from_dates(column: pd.Series) -> pd.Series:
    with suppress(ValueError, TypeError, OverflowError):  # several time zones, or the year 12000
        return pd.to_datetime(column)
    return column


def _from_mixed(values: pd.Series, column: pd.Series) -> Plain:
    """Return numbers where whole numbers stand next to the text of whole numbers, else a column."""
    texts = values.map(lambda value: isinstance(value, str)).astype(bool)
    numbers = values[values.notna() & ~texts]
    if not (texts.any() and len(numbers) and all(map(_is_whole, numbers))):
        return Plain(column)
    if not all(WHOLE.fullmatch(text) for text in values[texts].unique()):
        return Plain(column)
    note = (
        f"{shown(str(column.name))} holds {len(numbers):,} whole numbers and {int(texts.sum()):,} "
        "more as text; all are read as numbers."
    )
    return Plain(_from_integers(_as_integers(values)), note)


def _is_whole(value: object) -> bool:
    if isinstance(value, bool | np.bool_):
        return False
    if isinstance(value, float | np.floating):
        return bool(np.isfinite(value)) and float(value).is_integer()
    return isinstance(value, int | np.integer)
