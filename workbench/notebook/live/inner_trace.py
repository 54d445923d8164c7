"""The iterations of demeaning for the page: thinned rows of numbers, and column names."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.estimation.inner_trace import COUNTS, Demeaning, rows_of
from workbench.notebook.live.thinning import positions
from workbench.report import numbers
from workbench.sentences import power_of_ten

if TYPE_CHECKING:
    from workbench.runs.run import Run

_BYTES = 400_000
_FEWEST_ROWS = 50


def rows_since(demeaning: Demeaning, first: int, most: int) -> tuple[dict[str, Any], bytes]:
    """Return the iterations from ``first`` on, at most ``most`` rows of them.

    A row has the position in the record, round, iteration, seconds, and one residual per column.

    Returns
    -------
    tuple
        The header of a message (first, n, width, decimated), and the bytes of the rows.
    """
    steps = demeaning.since(first)
    width = 1 + len(COUNTS) + len(demeaning.column_names)
    most = min(most, max(_FEWEST_ROWS, _BYTES // (8 * width)))
    kept = positions(np.array([step.worst for step in steps]), most)
    rows = rows_of([steps[at] for at in kept], (), len(demeaning.column_names))
    rows = np.column_stack([first + kept, rows])
    header = {"first": first, "n": len(steps), "width": width, "decimated": len(kept) < len(steps)}
    return header, rows.tobytes()


def about(run: Run) -> dict[str, Any] | None:
    """Return the columns and the tolerance of a run's demeaning, for its card."""
    if not len(run.demeaning):
        return None
    return {"columns": list(run.demeaning.column_names), "tol": run.demeaning.tol}


def distance(demeaning: Demeaning) -> str:
    """Return the card's sentence on the distance to convergence."""
    last = demeaning.last
    if last is None:
        return ""
    names = demeaning.column_names
    slowest = names[int(np.argmax(last.residuals))]
    among = f", the slowest of {numbers.count(len(names))} columns" if len(names) > 1 else ""
    where = f"round {last.round}, iteration" if last.round > 1 else "iteration"
    return (
        f"Demeaning, {where} {numbers.count(last.number)}: residual "
        f"{numbers.figure(last.worst, 2)} in {slowest}{among}, to fall below "
        f"{_power(demeaning.tol)}."
    )


def _power(tol: float) -> str:
    """Write a tolerance, a whole power of ten without its factor."""
    exponent = math.log10(tol) if tol > 0 else 0.5
    whole = math.isclose(exponent, round(exponent), abs_tol=1e-9)
    return power_of_ten(round(exponent)) if whole else numbers.figure(tol, 2)
