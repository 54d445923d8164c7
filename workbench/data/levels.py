"""Levels of a column: their order, their names, and the same levels in other data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from pandas.api import types

from workbench.data.columns import Codes, content, is_rounded, refuse_mixed
from workbench.data.names import level_text, shown
from workbench.data.plain_types import plain
from workbench.errors import DataError

Form = Literal["year", "quarter", "month", "day"]

_FORMS: dict[Form, re.Pattern[str]] = {
    "year": re.compile(r"\d{4}"),
    "quarter": re.compile(r"\d{4}q[1-4]"),
    "month": re.compile(r"\d{4}-\d\d"),
}
_QUARTERS = {1, 4, 7, 10}


def is_coded_exactly(column: pd.Series) -> bool:
    """Tell whether a column has levels that float64 cannot hold: dates and large whole numbers."""
    return content(column) == "date" or is_rounded(column)


def as_levels(column: pd.Series, name: str) -> pd.Series:
    """Return a column as categories, those without rows left out.

    The levels of a category keep their order; others are sorted.  Levels that are neither text nor
    numbers, such as dates and intervals, are replaced by their text.

    Raises
    ------
    DataError
        When numbers and text that reads as a number are among the levels.
    """
    refuse_mixed(column, name)
    coded = column if isinstance(column.dtype, pd.CategoricalDtype) else _sorted(column)
    coded = coded.cat.remove_unused_categories()
    kind = types.infer_dtype(coded.cat.categories, skipna=False)
    if kind in {"string", "integer", "floating"}:
        return coded
    return coded.cat.rename_categories(labels(coded.cat.categories))


def _sorted(column: pd.Series) -> pd.Series:
    if content(column) in {"date", "number"}:
        try:
            return column.astype("category")
        except TypeError:  # dates of several types have no order
            pass
    return column.astype(object).where(column.notna(), None).astype("category")


def labels(values: Iterable[Any], form: Form | None = None) -> list[str]:
    """Name levels: dates as ``2003``, ``2003q2``, ``2003-05`` or ``2003-05-01``, or by the time.

    ``form`` is how other dates are named; without it that of the coarsest period at whose
    beginning all are.

    >>> labels(pd.to_datetime(["2003-01-01", "2003-04-01"]))
    ['2003q1', '2003q2']
    """
    values = list(values)
    if not all(isinstance(value, pd.Timestamp) for value in values):
        return [level_text(value) for value in values]
    form = form or _form_of_dates(values)
    return [_date_label(value, form) for value in values]


def _form_of_dates(dates: Sequence[pd.Timestamp]) -> Form:
    if not all(date.day == 1 and date == date.normalize() for date in dates):
        return "day"
    months = {date.month for date in dates}
    if months <= {1}:
        return "year"
    return "quarter" if months <= _QUARTERS and months & {4, 10} else "month"


def _form_of_labels(known: Iterable[str]) -> Form:
    known = list(known)
    fitting = (form for form, mark in _FORMS.items() if all(map(mark.fullmatch, known)))
    return next(fitting, "day")


def _date_label(date: pd.Timestamp, form: Form) -> str:
    if date != date.normalize():
        return str(date)
    if form == "day" or date.day != 1:
        return f"{date.year:04d}-{date.month:02d}-{date.day:02d}"
    if form == "year" and date.month == 1:
        return f"{date.year:04d}"
    if form == "quarter" and date.month in _QUARTERS:
        return f"{date.year:04d}q{(date.month + 2) // 3}"
    return f"{date.year:04d}-{date.month:02d}"


def named_level(wanted: Any, known: Sequence[Any]) -> Any:
    """Return the level that a person means by a number or a text; None where there is none."""
    names = {level_text(level): level for level in known}
    return names.get(level_text(wanted))


def positions(column: pd.Series, known: Iterable[Any], name: str, *, strict: bool = True) -> Codes:
    """Find the values of a column among the levels of a fit.

    Levels are compared by value, whole numbers exactly; where the types differ, as those of 7 and
    "7", by their text.  Nothing else is guessed: "07" and "7 " are not "7".

    Parameters
    ----------
    column, known
        The values ``(n,)``, and the levels.
    strict
        Whether to refuse values that are none of the levels and have another type, or differ from
        a level by blanks and zeros only.

    Returns
    -------
    The position of each value among the levels, ``(n,)``; -1 where it is missing or not there.

    Raises
    ------
    DataError
        With ``strict``, naming the value and the levels.
    """
    codes, found = pd.factorize(column)
    values = pd.Series(found).astype(object)
    levels = plain(pd.Series(known)).column.astype(object)
    kinds = content(values), content(levels)
    if kinds in {("number", "number"), ("text", "text")}:
        wanted, there = list(values), list(levels)
    else:
        there = labels(levels)
        wanted = labels(values, _form_of_labels(there))
    places = pd.Index(there, dtype=object).get_indexer(pd.Index(wanted, dtype=object))
    if strict and (places < 0).any():
        unknown = values[places < 0]
        if kinds[0] != kinds[1]:
            raise _of_other_type(unknown.iloc[0], levels, kinds, name)
        _refuse_near(unknown, levels, name)
    return np.append(places, -1)[codes].astype(np.int64)


def _refuse_near(unknown: pd.Series, levels: pd.Series, name: str) -> None:
    """Refuse text that differs from a level only by blanks, or as a number by its zeros."""
    known = {_stripped(level): level for level in levels if isinstance(level, str)}
    for value in unknown:
        if isinstance(value, str) and (near := known.get(_stripped(value))) is not None:
            raise DataError(
                f"{shown(name)} has {shown(repr(value))}, where the fit has {shown(repr(near))}.",
                hint=f"write the levels of {shown(name)} as in the data of the fit.",
                code="other-spelling",
                where=name,
            )


def _stripped(text: str) -> str:
    text = text.strip()
    number = re.fullmatch(r"([+-]?)0*(\d+)(?:\.0*)?", text)
    return f"{number[1].strip('+')}{number[2]}" if number else text


def _of_other_type(value: Any, levels: pd.Series, kinds: tuple[str, str], name: str) -> DataError:
    words = {"number": "numbers", "date": "dates", "mixed": "numbers and text"}
    new, old = (words.get(kind, kind) for kind in kinds)
    example = levels.iloc[0]
    return DataError(
        f"{shown(name)} holds {new} here and {old} in the fit; {shown(repr(value))} is none of "
        f"the levels, such as {shown(repr(example))}.",
        hint=f"give {shown(name)} the type that it has in the data of the fit.",
        code="other-type",
        where=name,
    )
