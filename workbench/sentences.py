"""Counts and powers of ten as sentences write them."""

from __future__ import annotations

from collections.abc import Mapping

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def counted(count: int, noun: str) -> str:
    """Write a count with its noun.

    >>> counted(1, "row"), counted(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def in_rows(counts: Mapping[str, int]) -> str:
    """Say in how many rows each of some texts stands.

    >>> in_rows({'"NA"': 2, '"?"': 1})
    '"NA" in 2 rows and "?" in 1 row'
    """
    *others, last = [f"{text} in {counted(count, 'row')}" for text, count in counts.items()]
    return " and ".join([", ".join(others), last] if others else [last])


def power_of_ten(exponent: int) -> str:
    """Write ``10`` to the power of ``exponent``.

    >>> power_of_ten(-8)
    '10⁻⁸'
    """
    return "10" + str(exponent).translate(_SUPERSCRIPTS)
