"""The record of the iterations within a step, as of a demeaner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from workbench.demeaners.base import DemeanStep
from workbench.estimation.observable import Observable
from workbench.protocols import Numpy

if TYPE_CHECKING:
    import pandas as pd

COUNTS = ("round", "number", "seconds")
"""What a row of :meth:`Demeaning.rows` begins with; the residuals of the columns follow."""


@dataclass(frozen=True, slots=True)
class Iteration:
    """One iteration of a demeaner over ``K`` columns.

    Attributes
    ----------
    round
        Which demeaning it belongs to, from 1: a model that is fitted by weighted least squares
        demeans once per step.
    number
        The iteration within its round, from 1.
    seconds
        Since the start of the run.
    residuals
        The relative residual of each column's normal equations, shape ``(K,)``.
    figures
        What else the demeaner measures, each ``(K,)``; see `DemeanStep`.
    """

    round: int
    number: int
    seconds: float
    residuals: Numpy
    figures: Mapping[str, Numpy] = field(default_factory=dict)

    @property
    def worst(self) -> float:
        """The largest residual of any column."""
        return float(self.residuals.max(initial=0.0))


class Demeaning(Observable[Iteration]):
    """Every iteration over the columns that fixed effects are taken out of; empty without them.

    Attributes
    ----------
    column_names
        The columns, outcome first.
    tol
        The relative residual at which a column is done.
    rounds
        How many demeanings there were.
    """

    def __init__(self, column_names: Sequence[str] = (), tol: float = 0.0) -> None:
        super().__init__()
        self.column_names = tuple(column_names)
        self.tol = tol
        self.rounds = 0

    def begin(self, column_names: Sequence[str], tol: float) -> None:
        """Open a round over these columns, the same in every round."""
        self.column_names, self.tol = tuple(column_names), tol
        self.rounds += 1

    def take(self, step: DemeanStep, seconds: float) -> None:
        """Record an iteration of the round that is open."""
        figures = step.figures
        self.record(Iteration(self.rounds, step.iteration, seconds, step.residuals, figures))

    @property
    def figure_names(self) -> tuple[str, ...]:
        """What is measured besides the residual, as in LSMR's ``normr``."""
        last = self.last
        return () if last is None else tuple(last.figures)

    def rows(self, first: int = 0, *, figures: bool = False) -> Numpy:
        """Return the iterations from ``first`` on as an array ``(iterations, 3 + K)``.

        `COUNTS` come first, then the residual of each column; with ``figures``, ``K`` columns
        for each of `figure_names` follow.
        """
        return rows_of(self.since(first), self.figure_names if figures else (), self._width)

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each iteration and column: the residual and all other figures.

        Examples
        --------
        >>> Demeaning(["y", "x"], 1e-8).to_frame().columns.tolist()
        ['round', 'iteration', 'seconds', 'column', 'residual']
        """
        import pandas as pd

        table, names, width = self.rows(figures=True), self.figure_names, self._width
        counts = np.repeat(table[:, : len(COUNTS)], width, axis=0)
        frame = pd.DataFrame(
            {
                "round": counts[:, 0].astype(int),
                "iteration": counts[:, 1].astype(int),
                "seconds": counts[:, 2],
                "column": np.tile(np.array(self.column_names, dtype=object), len(table)),
            }
        )
        for place, name in enumerate(("residual", *names)):
            first = len(COUNTS) + place * width
            frame[name] = table[:, first : first + width].ravel()
        return frame

    def heading(self) -> dict[str, Any]:
        """Return what rows need to be read again, as plain JSON."""
        names, figures = list(self.column_names), list(self.figure_names)
        return {"columns": names, "figures": figures, "tol": self.tol}

    def extend(self, heading: Mapping[str, Any], rows: Numpy) -> None:
        """Add what was kept of a record: its `heading`, and `rows` with figures."""
        self.column_names, self.tol = tuple(heading["columns"]), heading["tol"]
        names = heading["figures"]
        for row in rows:
            parts = np.split(row[len(COUNTS) :], 1 + len(names))
            found = dict(zip(names, parts[1:], strict=True))
            self.rounds = int(row[0])
            self.record(Iteration(self.rounds, int(row[1]), float(row[2]), parts[0], found))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types, except that figures may be NaN or infinite."""
        return {"heading": self.heading(), "rows": self.rows(figures=True).tolist()}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """Rebuild the record from `to_dict`."""
        made = cls()
        made.extend(stored["heading"], np.array(stored["rows"], dtype=np.float64))
        return made

    @property
    def _width(self) -> int:
        return len(self.column_names)

    def __repr__(self) -> str:
        return f"Demeaning of {len(self.column_names)} columns, {len(self)} iterations"


def rows_of(steps: Sequence[Iteration], figures: Sequence[str], width: int) -> Numpy:
    """Return iterations as rows: `COUNTS`, residuals, and the figures named."""
    rows = np.empty((len(steps), len(COUNTS) + width * (1 + len(figures))))
    for row, step in zip(rows, steps, strict=True):
        row[: len(COUNTS)] = step.round, step.number, step.seconds
        unknown = np.full(width, np.nan)
        measured = (step.residuals, *(step.figures.get(name, unknown) for name in figures))
        row[len(COUNTS) :] = np.concatenate(measured)
    return rows
