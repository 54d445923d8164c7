"""Columns measured from their mean in units of their standard deviation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from workbench.kernels.linear.moments import Moments
from workbench.models.design.columns import Columns
from workbench.protocols import Numpy

INTERCEPT = "Intercept"


@dataclass(frozen=True)
class Scaling:
    """Columns measured from their mean in units of their standard deviation.

    The design itself is never copied: the index of scaled columns is ``X (A gamma)`` with the
    small matrix ``A``, so scaling costs nothing per pass.

    Attributes
    ----------
    matrix
        ``A``, shape ``(p, p)``: coefficients of the columns from those of the scaled columns.
    sd
        Standard deviation of each column, shape ``(p,)``; 1 for the intercept.
    """

    matrix: Numpy
    sd: Numpy


def scaling_of(moments: Moments, names: Sequence[str]) -> Scaling:
    """Derive the scaling from second moments; without an intercept columns are not centred."""
    p, count = len(names), moments.count
    if INTERCEPT not in names:
        sd = _positive(np.sqrt(np.diag(moments.gram) / count))
        return Scaling(np.diag(1 / sd), sd)
    i = names.index(INTERCEPT)
    means = moments.gram[i] / count
    sd = np.sqrt(np.maximum(np.diag(moments.gram) / count - means**2, 0.0))
    sd[i], means[i] = 1.0, 0.0
    sd = _positive(sd)
    matrix = np.diag(1 / sd) if p else np.empty((0, 0))
    matrix[i] -= means / sd
    return Scaling(matrix, sd)


def scaling_of_columns(columns: Columns) -> Scaling:
    """Return the scaling of columns, with the standard deviations of those that they stand for."""
    scaling = scaling_of(columns.moments, columns.names)
    if columns.own is None:
        return scaling
    return replace(scaling, sd=scaling_of(columns.own, columns.names).sd)


def deviations(names: Sequence[str], columns: Numpy) -> dict[str, float]:
    """Return the standard deviation of each column by its name."""
    return dict(zip(names, columns.std(axis=0).tolist(), strict=True))


def _positive(values: Numpy) -> Numpy:
    return np.where(values > 0, values, 1.0)


def outcome_scale(y: Numpy, names: Sequence[str]) -> tuple[float, float]:
    """Return what is subtracted from an outcome, and what it is then divided by."""
    centre = float(y.mean()) if INTERCEPT in names else 0.0
    return centre, float(np.sqrt(np.mean((y - centre) ** 2))) or 1.0


@dataclass(frozen=True)
class LinearCoordinates:
    r"""Coordinates of the coefficients of one design.

    An optimizer moves those of scaled columns; reported are those of the columns as they
    came.  With a scaled outcome :math:`y^* = (y - c)/s`, :math:`\beta = s\beta^* + c\,e_0`.

    Attributes
    ----------
    scaling
        Of the columns.
    prepared
        Coefficients of the columns as they came from those of the prepared ones, ``(p, p)``.
    intercept
        Position of the intercept, or None.
    outcome_centre, outcome_sd
        ``c`` and ``s``; 0 and 1 where the outcome is taken as it is.
    """

    scaling: Scaling
    prepared: Numpy
    intercept: int | None = None
    outcome_centre: float = 0.0
    outcome_sd: float = 1.0

    @property
    def raw(self) -> Numpy:
        """Matrix ``(p, p)`` from unconstrained parameters to those of the kernel."""
        return self.scaling.matrix

    @property
    def to_coefficients(self) -> Numpy:
        """Linear part ``(p, p)`` from the kernel's coordinates to the reported coefficients."""
        return self.prepared * self.outcome_sd

    @property
    def centre(self) -> Numpy:
        """What is added to the coefficients, ``(p,)``."""
        centre = np.zeros(len(self.prepared))
        if self.intercept is not None:
            centre[self.intercept] = self.outcome_centre
        return centre

    def natural(self, theta: Numpy) -> Numpy:
        """Return the coefficients of the unscaled columns, shape ``(p,)``."""
        return self.to_coefficients @ (self.raw @ theta) + self.centre

    def unconstrained(self, params: Numpy) -> Numpy:
        """Return unconstrained parameters, shape ``(p,)``."""
        return np.asarray(
            np.linalg.solve(self.raw, np.linalg.solve(self.to_coefficients, params - self.centre))
        )

    def jacobian(self) -> Numpy:
        """Return the derivative of `natural`, shape ``(p, p)``."""
        return np.asarray(self.to_coefficients @ self.raw)


def linear_coordinates(
    columns: Columns, outcome: tuple[float, float] = (0.0, 1.0)
) -> LinearCoordinates:
    """Return the coordinates of prepared columns."""
    intercept = columns.names.index(INTERCEPT) if INTERCEPT in columns.names else None
    scaling = scaling_of_columns(columns)
    return LinearCoordinates(scaling, columns.to_coefficients, intercept, *outcome)
