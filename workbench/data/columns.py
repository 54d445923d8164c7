"""Single columns: their content, and their values as numbers, levels or groups."""

from __future__ import annotations

import re
from numbers import Number
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api import types

from workbench.data.names import shown
from workbench.data.plain_types import EXACT_INTEGERS, number_and_text
from workbench.errors import DataError
from workbench.protocols import Numpy

Content = Literal["number", "text", "date", "mixed", "other"]
Codes = npt.NDArray[np.int64]

# Integers are counted where their range is at most so many times the rows.
_WIDE = 4
_NUMBERS_IN_OBJECTS = {"integer", "floating", "mixed-integer-float", "decimal", "boolean", "empty"}
_DATES = {"datetime64", "datetime", "date", "timedelta64", "timedelta", "time", "period"}
_LOOKS_LIKE_A_DATE = re.compile(r"\s*\d{1,4}([./-])\d{1,2}\1\d{1,4}(?:[ T][\d:.]+)?\s*")
_LOOKS_LIKE_A_NUMBER = re.compile(r"\s*[+-]?\d+(?:[.,]\d*)?(?:[eE][+-]?\d+)?\s*")


def content(column: pd.Series) -> Content:
    """Return the content of a column, by its dtype and, for objects, by its values."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype | pd.StringDtype) or dtype.type is str:
        return "text"
    if types.is_complex_dtype(dtype):
        return "other"
    if types.is_numeric_dtype(dtype) or types.is_bool_dtype(dtype):
        return "number"
    return _content_of_values(column)


def _content_of_values(column: pd.Series) -> Content:
    kind = types.infer_dtype(column, skipna=True)
    if kind in _NUMBERS_IN_OBJECTS:
        return "number"
    if kind in _DATES:
        return "date"
    if kind == "string":
        return "text"
    has_text = any(isinstance(value, str) for value in column)
    return "mixed" if has_text else "other"


def numbers(column: pd.Series, name: str, *, may_be_levels: bool = False) -> Numpy:
    """Return a column as float64 ``(n,)`` with NaN where it is missing.

    Booleans become 0 and 1; integers, nullable, sparse, Arrow and Decimal numbers their value;
    a category of numbers the number of its level.

    Raises
    ------
    DataError
        When the column holds text, dates or complex numbers, naming the dtype or the first row
        and value that is not a number.
    """
    if column.dtype == np.float64:
        return column.to_numpy()
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if content(column) != "number":
        raise _not_numbers(column, name, may_be_levels=may_be_levels)
    if isinstance(column.dtype, pd.SparseDtype):
        column = pd.Series(np.asarray(column))
    if column.dtype == object:
        column = column.where(column.notna(), np.nan)
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def is_rounded(column: pd.Series) -> bool:
    """Whether a column of integers has values that float64 cannot hold exactly."""
    whole = types.is_integer_dtype(column.dtype)
    if column.dtype == object:  # beyond 64 bits
        whole = types.infer_dtype(column, skipna=True) == "integer"
    if not whole or (present := column.dropna()).empty:
        return False
    return max(int(present.max()), -int(present.min())) > EXACT_INTEGERS


def refuse_mixed(column: pd.Series, name: str) -> None:
    """Refuse numbers next to text that reads as a number, such as 7 and "07", and dates likewise.

    Whether the two are one level or two cannot be known.

    Raises
    ------
    DataError
        With the count of numbers or dates and of texts, and the first such text.
    """
    values = column.cat.categories.to_series() if hasattr(column, "cat") else column
    if values.dtype != object:
        return
    kind = content(values.reset_index(drop=True))
    values = column.astype(object)
    if kind == "other":
        _refuse_mixed_truth(values, name)
    if kind != "mixed":
        return
    others, texts = number_and_text(values)
    dates = content(values[values.map(lambda value: not isinstance(value, str))]) == "date"
    pattern = _LOOKS_LIKE_A_DATE if dates else _LOOKS_LIKE_A_NUMBER
    like = (v for v in values if isinstance(v, str) and pattern.fullmatch(v))
    if others and (text := next(like, None)) is not None:
        kinds = "dates" if dates else "numbers"
        raise DataError(
            f"{shown(name)} mixes {others:,} {kinds} and {texts:,} texts, such as "
            f"{shown(repr(text))}, so that one level may have two names.",
            hint=f"make them all {kinds}, or all text: df[{name!r}] = df[{name!r}].astype(str).",
            code="mixed-levels",
            where=name,
        )


def _refuse_mixed_truth(values: pd.Series, name: str) -> None:
    """Refuse True and False next to numbers, of which True and 1 would be one level."""
    truth = values.map(lambda value: isinstance(value, bool | np.bool_)).astype(bool)
    others = values[~truth & values.notna()]
    if truth.any() and others.map(lambda value: isinstance(value, Number)).any():
        raise DataError(
            f"{shown(name)} mixes {int(truth.sum()):,} truth values and {len(others):,} numbers, "
            "where True and 1 would be one level.",
            hint=f"make them all text, df[{name!r}] = df[{name!r}].astype(str), or all numbers.",
            code="mixed-levels",
            where=name,
        )


def groups(column: pd.Series, name: str) -> Codes:
    """Return the group of each row, numbered from 0 by first appearance, and -1 where missing."""
    refuse_mixed(column, name)
    codes = _counted(column)
    if codes is not None and (codes[1:] >= codes[:-1]).all():
        return codes
    try:
        return pd.factorize(column)[0].astype(np.int64)
    except TypeError as error:
        raise DataError(
            f"{shown(name)} holds values of the type {column.dtype}, which cannot name groups.",
            hint="name groups by text or numbers.",
            code="not-a-group",
            where=name,
        ) from error


def sorted_codes(column: pd.Series) -> Codes:
    """Give values numbers from 0 in sorted order, -1 where missing; mixed types sort as text."""
    refuse_mixed(column, str(column.name))
    if (codes := _counted(column)) is not None:
        return codes
    try:
        return pd.factorize(column, sort=True)[0].astype(np.int64)
    except TypeError:
        texts = column.astype(str).where(column.notna())
        return pd.factorize(texts, sort=True)[0].astype(np.int64)


def _counted(column: pd.Series) -> Codes | None:
    """Give integers numbers in sorted order, if they are sorted or in a narrow range."""
    if not isinstance(column.dtype, np.dtype) or column.dtype.kind != "i" or column.empty:
        return None
    values = column.to_numpy(dtype=np.int64)
    if (values[1:] >= values[:-1]).all():
        return np.concatenate([[0], np.cumsum(values[1:] != values[:-1])])
    low, high = int(values.min()), int(values.max())
    if high - low > _WIDE * len(values):
        return None
    ranks = np.cumsum(np.bincount(values - low) > 0) - 1
    return np.asarray(ranks[values - low])


def may_be_rounded(column: pd.Series) -> bool:
    """Whether a column of float64 has whole numbers so large that neighbours became one."""
    if column.dtype != np.float64:
        return False
    values = column.to_numpy()
    return bool(np.any(np.isfinite(values) & (np.abs(values) > EXACT_INTEGERS)))


def first_rows(codes: Codes) -> Codes:
    """Return the first row of each number from 0, ``(numbers,)``; -1 is skipped."""
    rows = np.zeros(int(codes.max(initial=-1)) + 1, dtype=np.int64)
    known = np.flatnonzero(codes >= 0)[::-1]
    rows[codes[known]] = known
    return rows


def differ_by_spaces(values: pd.Index) -> list[str]:
    """Return the texts among ``values`` that become equal once spaces at the ends are cut."""
    texts = pd.Series([value for value in values if isinstance(value, str)], dtype=object)
    twins = texts.map(str.strip).duplicated(keep=False) if len(texts) else texts
    return [repr(text) for text in sorted(texts[twins.astype(bool)])]


def refuse_numbers_as_text(column: pd.Series, name: str) -> None:
    """Refuse a text column most of whose levels are numbers, naming a row that shows it.

    Coding such a column as a factor would replace one slope by one coefficient per level.
    """
    if not isinstance(column.cat.categories.dtype, pd.StringDtype | np.dtypes.ObjectDType):
        return
    texts = [str(level) for level in column.cat.categories]
    numeric = [bool(_LOOKS_LIKE_A_NUMBER.fullmatch(text)) for text in texts]
    if sum(numeric) * 2 > len(texts):
        row, value = _first_text(column)
        raise DataError(
            f"{shown(name)} is a category of numbers as text: row {row} has {shown(repr(value))}.",
            hint=f"write C(...) around it to give each level a coefficient, or make it numbers: "
            f"df[{name!r}] = pd.to_numeric(df[{name!r}].astype(str)).",
            code="not-a-number",
            where=name,
        )


def _not_numbers(column: pd.Series, name: str, *, may_be_levels: bool) -> DataError:
    if content(column) in {"text", "mixed"}:
        return _numbers_as_text(column, name)
    hint = "turn it into one or more columns of numbers first"
    if content(column) == "date":
        hint = f"turn it into a number first, for instance {_as_number(column, name)}"
        hint += f", or write C({name}) to give each date a coefficient" if may_be_levels else ""
    return DataError(
        f"{shown(name)} has the type {column.dtype}, where a number is needed.",
        hint=f"{hint}.",
        code="not-a-number",
        where=name,
    )


def _as_number(column: pd.Series, name: str) -> str:
    """Return code for the year or the month of dates that all begin one, else for days."""
    own = f"df[{name!r}]"
    days = f"days: ({own} - {own}.min()) / pd.Timedelta(days=1)"
    if not types.is_datetime64_any_dtype(column.dtype):
        return days
    dates = column.dropna().dt
    if (dates.day_of_year == 1).all():
        return f"the year: {own}.dt.year"
    if (dates.day == 1).all():
        return f"months: {own}.dt.year * 12 + {own}.dt.month"
    return days


def _numbers_as_text(column: pd.Series, name: str) -> DataError:
    row, value = _first_text(column)
    return DataError(
        f"{shown(name)} holds text where a number is needed: row {row} has {shown(repr(value))}.",
        hint=(
            f"convert it first, df[{name!r}] = pd.to_numeric(df[{name!r}]), which stops at a cell "
            "that is no number."
        ),
        code="not-a-number",
        where=name,
    )


def _first_text(column: pd.Series) -> tuple[int, object]:
    """Return position and value of the first text that is not a number, else of the first text."""
    texts = [
        (row, value) for row, value in enumerate(column.astype(object)) if isinstance(value, str)
    ]
    for row, value in texts:
        if not _is_float(value):
            return row, value
    return texts[0]


def _is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text == text.strip()
