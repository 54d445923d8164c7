"""Texts that hold dates: by ISO 8601, or with day, month and year in another order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

_ISO = r"^\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)?$"
_TIME = r"(?P<time>[ T]\d\d:\d\d(?::\d\d)?)?$"
_WRITTEN = r"^(?P<first>\d{1,2})(?P<mark>[./-])(?P<second>\d{1,2})(?P<again>[./-])(?P<year>\d{4})"
_YEAR_FIRST = (
    r"^(?P<year>\d{4})(?P<mark>[./-])(?P<first>\d{1,2})(?P<again>[./-])(?P<second>\d{1,2})"
)
_NAMED = r"^(?P<first>\d{1,2})[ -]?(?P<month>[A-Za-z]{3})[ -]?(?P<year>\d{4})"
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]


@dataclass(frozen=True)
class DateTexts:
    """What an array of texts was read as.

    Attributes
    ----------
    moments
        The dates, shape ``(u,)``, NaT where a text is missing; None when it is not known whether
        days or months come first.
    example
        A text that shows the order.
    order
        The order, in words; empty for ISO 8601.
    """

    moments: np.ndarray[Any, np.dtype[np.datetime64]] | None
    example: str = ""
    order: str = ""

    def note(self, name: str) -> str:
        """Return a sentence on the order of days, months and years in a column."""
        if self.moments is None:
            return (
                f'{name} is text: "{self.example}" may be {self.order}, and no cell decides; '
                "year-month-day is read as a date."
            )
        return f'{name} has dates such as "{self.example}": {self.order}.' if self.order else ""


def read_dates(texts: Any, missing: Iterable[str]) -> DateTexts | None:
    """Read texts as dates, with or without a time, or return None when one of them is none.

    Understood are ``2020-01-31``, ``2020/1/31``, ``31.01.2020``, ``31jan2020`` as of SAS and
    Stata, and ``31/01/2020`` or ``01/31/2020`` where some number is above 12.

    Parameters
    ----------
    texts
        Distinct texts of Arrow, ``(u,)``.
    missing
        Texts that stand for a missing value.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    absent = pc.is_in(texts, pa.array(sorted(missing), texts.type))
    present = texts.filter(pc.invert(absent))
    if not len(present):
        return None
    if _all(pc.match_substring_regex(present, _ISO)):
        return _read(texts, absent, present, "", "")
    found = _named(present) or _year_first(present) or _written(present)
    if found is None:
        return None
    dates, example, order = found
    return (
        DateTexts(None, example, order)
        if dates is None
        else _read(texts, absent, dates, example, order)
    )


def _all(flags: Any) -> bool:
    import pyarrow.compute as pc

    return pc.all(flags).as_py() is True


def _read(texts: Any, absent: Any, dates: Any, example: str, order: str) -> DateTexts | None:
    """Return the moments of dates in ISO 8601, which stand where texts are not absent."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        found = pc.cast(dates, pa.timestamp("us")).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return None
    moments = np.full(len(texts), np.datetime64("NaT", "us"))
    moments[~absent.to_numpy(zero_copy_only=False)] = found
    return DateTexts(moments, example, order)


def _parts(texts: Any, pattern: str) -> dict[str, Any] | None:
    import pyarrow.compute as pc

    found = pc.extract_regex(texts, pattern + _TIME)
    if not _all(pc.is_valid(found)):
        return None
    return {field.name: pc.struct_field(found, field.name) for field in found.type}


def _with_one_mark(texts: Any, pattern: str) -> dict[str, Any] | None:
    parts = _parts(texts, pattern)
    if parts is None or len({*parts["mark"].to_pylist(), *parts["again"].to_pylist()}) > 1:
        return None
    return parts


def _year_first(texts: Any) -> tuple[Any, str, str] | None:
    """Return dates such as ``2020/1/31`` as ISO 8601."""
    parts = _with_one_mark(texts, _YEAR_FIRST)
    if parts is None:
        return None
    return _iso(parts, parts["first"], parts["second"]), texts[0].as_py(), "year, month, day"


def _written(texts: Any) -> tuple[Any, str, str] | None:
    """Return dates in numbers as ISO 8601, None where the order is not known, and the order."""
    import pyarrow.compute as pc

    parts = _with_one_mark(texts, _WRITTEN)
    if parts is None:
        return None
    first, second = (pc.cast(parts[name], "int64").to_numpy() for name in ("first", "second"))
    day_first = parts["mark"][0].as_py() == "." or first.max() > 12
    if not day_first and second.max() <= 12:
        return None, texts[0].as_py(), "day and month or month and day"
    place = int(np.argmax(first if day_first else second))
    names = ("second", "first") if day_first else ("first", "second")
    dates = _iso(parts, *(parts[name] for name in names))
    return dates, texts[place].as_py(), "day, month, year" if day_first else "month, day, year"


def _named(texts: Any) -> tuple[Any, str, str] | None:
    """Return dates with English months in three letters as ISO 8601."""
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = _parts(texts, _NAMED)
    if parts is None:
        return None
    places = pc.index_in(pc.utf8_lower(parts["month"]), pa.array(_MONTHS, texts.type))
    if places.null_count:
        return None
    month = pc.cast(pc.add(places, 1), texts.type)
    return _iso(parts, month, parts["first"]), texts[0].as_py(), "day, month, year"


def _iso(parts: dict[str, Any], month: Any, day: Any) -> Any:
    import pyarrow.compute as pc

    padded = [pc.utf8_lpad(part, 2, "0") for part in (month, day)]
    dates = pc.binary_join_element_wise(parts["year"], *padded, "-")
    return pc.binary_join_element_wise(dates, parts["time"], "")
