"""The line styles of runs on a chart: a colour, a dash and a marker each.

The colours are Okabe and Ito's (2008), adjusted to a contrast of 3:1 on white and on ``#111``,
since the theme in which a saved picture will be seen is not known.
"""

from __future__ import annotations

from dataclasses import dataclass

GREY = "#7a7a7a"
"""Text and lines of a saved picture: 4.3:1 on white, 4.4:1 on ``#111``."""


@dataclass(frozen=True)
class Series:
    """How one run is drawn; ``sample`` draws it in letters, for a table without pictures."""

    color: str
    dash: str | tuple[int, tuple[int, ...]]
    marker: str
    hollow: bool
    sample: str


SERIES = (
    Series("#0072B2", "solid", "o", hollow=False, sample="─●─"),
    Series("#D55E00", (0, (6, 3)), "^", hollow=True, sample="╌△╌"),
    Series("#009E73", (0, (2, 3)), "s", hollow=False, sample="┈■┈"),
    Series("#B5519A", (0, (9, 3, 2, 3)), "D", hollow=True, sample="╴◇╶"),
    Series(GREY, "solid", "x", hollow=False, sample="─✕─"),
)
