"""Why no maximum exists: the columns that predict an outcome, in a sentence and a table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from workbench.estimation.separation_evidence import SeparationEvidence
from workbench.kernels.likelihood.separation import Separation, single_separator
from workbench.likelihoods.base import Likelihood, Support
from workbench.models.design.scaling import INTERCEPT
from workbench.models.templates.equations import EquationColumns
from workbench.protocols import Numpy

# The separating direction's elements are at most 1; smaller ones than this are rounding.
_IN_DIRECTION = 1e-5


def evidence(
    template: Likelihood, equation: int, y: Numpy, part: EquationColumns, outcome: str
) -> SeparationEvidence | None:
    """Say which columns of an equation predict the outcome, if any do.

    Parameters
    ----------
    template, equation
        The likelihood, and the position of the equation.
    y, outcome
        The outcome ``(n,)`` and its name.
    part
        The columns of the equation.
    """
    found = template.separating(equation, y, part.columns.shifted)
    if found is None:
        return None
    found = _by_one_column(template, equation, y, part, found)
    moved = [
        j
        for j, d in enumerate(found.direction)
        if abs(d) > _IN_DIRECTION and part.columns.names[j] != INTERCEPT
    ]
    for j in moved if found.complete and template.support is Support.ZERO_ONE else ():
        if gap := single_separator(y, part.columns.shifted[:, j]):
            return _split_by(part, j, gap, y, outcome)
    listed = tuple(part.names[j] for j in moved)
    what = "= 0 exactly" if template.counts else "exactly"
    rows = f"{found.rows} of {len(y)} rows" if found.rows else "some rows"
    how = what if found.complete else f"{what} in {rows}"
    together = " and ".join(listed) + (" together predict" if len(listed) > 1 else " predicts")
    return SeparationEvidence(listed, f"{together} {outcome} {how}.", found.complete)


def _by_one_column(
    template: Likelihood, equation: int, y: Numpy, part: EquationColumns, found: Separation
) -> Separation:
    """Return the direction of a single column, where one alone predicts ordered levels."""
    x = part.columns.shifted
    if not found.complete or not part.equation.thresholds:
        return found
    for j in np.flatnonzero(np.abs(found.direction) > _IN_DIRECTION):
        alone = template.separating(equation, y, x[:, [j]])
        if alone is not None and alone.complete:
            direction = np.zeros(x.shape[1])
            direction[j] = alone.direction[0]
            return replace(alone, direction=direction)
    return found


def _split_by(
    part: EquationColumns, j: int, gap: tuple[float, float], y: Numpy, outcome: str
) -> SeparationEvidence:
    """Show in a cross table how one column splits an outcome of 0 and 1."""
    name, shift = part.names[j], part.columns.shifts[j]
    column = part.columns.shifted[:, j] + shift
    below = column <= gap[0] + shift
    low, high = _span(column[below]), _span(column[~below])
    counts = [[int(((y == value) & side).sum()) for side in (below, ~below)] for value in (0, 1)]
    table = {
        "columns": [f"{name} {low}", f"{name} {high}"],
        "rows": [[f"{outcome} = {value}", *row] for value, row in enumerate(counts)],
    }
    return SeparationEvidence((name,), f"{name} predicts {outcome} exactly.", True, table)


def _span(values: Numpy) -> str:
    low, high = float(values.min()), float(values.max())
    return f"= {low:g}" if low == high else f"{low:g} to {high:,g}"
