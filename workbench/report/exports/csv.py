"""Rows of numbers as CSV, with every digit, and safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def harmless(text: str) -> str:
    """Return ``text`` with an apostrophe before what a spreadsheet would take for a formula.

    References
    ----------
    OWASP, "CSV injection".

    >>> harmless("=cmd()")
    "'=cmd()"
    """
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else text


def render(rows: Iterable[Sequence[object]]) -> str:
    """Return rows as CSV: numbers with 17 digits, missing ones blank, names escaped."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([_field(value) for value in row] for row in rows)
    return buffer.getvalue()


def _field(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float):
        return f"{value:.17g}"
    return harmless(str(value))
