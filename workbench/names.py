"""Names in messages: the nearest known one, and several as a choice."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

_LONGEST_COMPARED = 100  # letters; difflib's time grows with the square of the length


def nearest(name: str, names: Iterable[str]) -> str:
    """Return the name most like ``name``, or ``""`` when none is near.

    >>> nearest("kidslt5", ["kidslt6", "age"])
    'kidslt6'
    """
    if len(name) > _LONGEST_COMPARED:
        return ""
    short = [other for other in names if len(other) <= _LONGEST_COMPARED]
    same_but_case = [other for other in short if other.casefold() == name.casefold()]
    close = same_but_case or difflib.get_close_matches(name, short, n=1, cutoff=0.6)
    return close[0] if close else ""


def either(names: Sequence[str]) -> str:
    """Return names as a choice, each in quotation marks.

    >>> either(["ols", "feols", "fepois"])
    '"ols", "feols" or "fepois"'
    """
    marked = [f'"{name}"' for name in names]
    return " or ".join(filter(None, [", ".join(marked[:-1]), *marked[-1:]]))
