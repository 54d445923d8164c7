"""The columns of a design that are estimated, without collinear ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.errors import DataError
from workbench.kernels.linear.collinear import dependent_columns
from workbench.kernels.linear.moments import Moments, second_moments
from workbench.protocols import Numpy

# Squares of a column with a mean that exceeds its standard deviation by more than this lose half
# their digits.
_FAR_FROM_ZERO = 1e-8


@dataclass(frozen=True)
class Columns:
    """The columns of a design that are estimated, without collinear ones.

    Attributes
    ----------
    x
        Shape ``(n, p)``; columns far from zero are shifted by their mean.
    names, kept
        Names ``(p,)`` and positions in the design.
    shifts
        What was subtracted, ``(p,)``.
    moments
        Second moments of ``x`` and the outcome.
    left_out
        A sentence for each column left out.
    """

    x: Numpy
    names: tuple[str, ...]
    kept: tuple[int, ...]
    shifts: Numpy
    moments: Moments
    left_out: tuple[str, ...] = ()


def prepare_columns(
    x: Numpy, y: Numpy, weights: Numpy | None, names: Sequence[str], collinear: str
) -> Columns:
    """Form the second moments once, shift far columns, and leave out collinear ones.

    Raises
    ------
    DataError
        With ``collinear="refuse"``, when columns are collinear.
    """
    shifts = np.zeros(len(names))
    moments = second_moments(x, y, weights)
    far = _far_columns(moments, names.index("Intercept"), x) if "Intercept" in names else None
    if far is not None and far.any():
        shifts[far] = x[:, far].mean(axis=0)
        x = x - shifts
        moments = second_moments(x, y, weights)
    dependent = dependent_columns(x, moments.gram)
    if not dependent:
        return Columns(x, tuple(names), tuple(range(len(names))), shifts, moments)
    left_out = tuple(
        _is_collinear(names[d.column], [names[j] for j in d.partners]) for d in dependent
    )
    if collinear == "refuse":
        raise DataError(
            left_out[0],
            hint='leave it out of the formula, or collinear="drop".',
            code="collinear",
            where=names[dependent[0].column],
        )
    gone = {d.column for d in dependent}
    kept = [j for j in range(len(names)) if j not in gone]
    x = np.ascontiguousarray(x[:, kept])
    fewer = Moments(
        moments.gram[np.ix_(kept, kept)], moments.cross[kept], moments.outcome, moments.count
    )
    return Columns(x, tuple(names[j] for j in kept), tuple(kept), shifts[kept], fewer, left_out)


def _far_columns(moments: Moments, intercept: int, x: Numpy) -> np.ndarray:
    """Mark the columns that vary little around a mean far from zero, but do vary."""
    means = moments.gram[intercept] / moments.count
    squares = np.diag(moments.gram) / moments.count
    far = squares - means**2 < _FAR_FROM_ZERO * squares
    far[far] = np.ptp(x[:, far], axis=0) > 0
    return np.asarray(far)


def _is_collinear(name: str, partners: Sequence[str]) -> str:
    if not partners:
        return f"{name} is zero in every row and was left out of the model."
    if partners == ["Intercept"]:
        return f"{name} is the same in every row, like the intercept, and was left out."
    if len(partners) == 1:
        return f"{name} is collinear with {partners[0]} and was left out of the model."
    listed = ", ".join(partners[:-1]) + f" and {partners[-1]}"
    return f"{name} is a combination of {listed} and was left out of the model."
