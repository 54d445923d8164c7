"""Counts and powers of ten as sentences write them."""

from __future__ import annotations

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def counted(count: int, noun: str) -> str:
    """Write a count with its noun.

    >>> counted(1, "row"), counted(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def power_of_ten(exponent: int) -> str:
    """Write ``10`` to the power of ``exponent``.

    >>> power_of_ten(-8)
    '10⁻⁸'
    """
    return "10" + str(exponent).translate(_SUPERSCRIPTS)
