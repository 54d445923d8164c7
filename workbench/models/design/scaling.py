"""The way between the coordinates an optimizer walks in and the parameters a person reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from workbench.kernels.linear.moments import Moments
from workbench.likelihoods import LinearIndex, Parameter
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
    spreads
        Standard deviation of each column, shape ``(p,)``; 1 for the intercept.
    """

    matrix: Numpy
    spreads: Numpy


def scaling_of(moments: Moments, names: Sequence[str]) -> Scaling:
    """Derive the scaling from second moments; without an intercept columns are not centred."""
    p, count = len(names), moments.count
    if INTERCEPT not in names:
        spreads = _positive(np.sqrt(np.diag(moments.gram) / count))
        return Scaling(np.diag(1 / spreads), spreads)
    i = names.index(INTERCEPT)
    means = moments.gram[i] / count
    spreads = np.sqrt(np.maximum(np.diag(moments.gram) / count - means**2, 0.0))
    spreads[i], means[i] = 1.0, 0.0
    spreads = _positive(spreads)
    matrix = np.diag(1 / spreads) if p else np.empty((0, 0))
    matrix[i] -= means / spreads
    return Scaling(matrix, spreads)


def deviations(names: Sequence[str], columns: Numpy) -> dict[str, float]:
    """Return the standard deviation of each column by its name."""
    return dict(zip(names, columns.std(axis=0).tolist(), strict=True))


def _positive(values: Numpy) -> Numpy:
    return np.where(values > 0, values, 1.0)


@dataclass(frozen=True)
class TemplateCoordinates:
    r"""Coordinates of a linear-index template.

    Walked are the coefficients of scaled columns in the template's own coordinates; shown are
    coefficients of the columns as they came.  With a scaled outcome :math:`y^* = (y - c)/s`,
    :math:`\beta = s\beta^* + c\,e_0`.

    Attributes
    ----------
    template
        States ``natural``, ``walked`` and the Jacobian between them.
    scaling
        Of the columns.
    outcome_centre, outcome_spread
        ``c`` and ``s``; 0 and 1 where the outcome is taken as it is.
    intercept
        Position of the intercept, or None.
    shifts
        What was subtracted from each column before anything else, shape ``(p,)``.
    """

    template: LinearIndex
    scaling: Scaling
    shifts: Numpy
    intercept: int | None = None
    outcome_centre: float = 0.0
    outcome_spread: float = 1.0

    @property
    def raw(self) -> Numpy:
        """Matrix ``(k, k)`` from walked coordinates to those of the kernel."""
        k = len(self.scaling.spreads) + len(self.template.nuisance)
        matrix = np.eye(k)
        p = len(self.scaling.spreads)
        matrix[:p, :p] = self.scaling.matrix
        return matrix

    @property
    def _onwards(self) -> Numpy:
        """Linear part ``(k, k)`` from the template's natural parameters to those shown."""
        matrix = np.eye(len(self.raw)) * self.outcome_spread
        if self.intercept is not None:
            p = len(self.shifts)
            matrix[self.intercept, :p] -= self.outcome_spread * self.shifts
        return matrix

    @property
    def _centre(self) -> Numpy:
        centre = np.zeros(len(self.raw))
        if self.intercept is not None:
            centre[self.intercept] = self.outcome_centre
        return centre

    def shown(self, theta: Numpy) -> Numpy:
        """Return the parameters shown, shape ``(k,)``."""
        return self._onwards @ self.template.natural(self.raw @ theta) + self._centre

    def walked(self, params: Numpy) -> Numpy:
        """Return the coordinates walked, shape ``(k,)``."""
        natural = np.asarray(
            np.linalg.solve(self._onwards, params - self._centre), dtype=np.float64
        )
        return np.asarray(np.linalg.solve(self.raw, self.template.walked(natural)))

    def jacobian(self, theta: Numpy) -> Numpy:
        """Return the derivative of `shown`, shape ``(k, k)``."""
        raw = self.raw
        return np.asarray(self._onwards @ self.template.natural_jacobian(raw @ theta) @ raw)


@dataclass(frozen=True)
class DeclaredCoordinates:
    """Coordinates of declared parameters: log for one bound, logistic for two.

    Coefficients of a formula's scaled columns, if there are any, come first.
    """

    parameters: Mapping[str, Parameter]
    scaling: Scaling
    shifts: Numpy
    intercept: int | None = None

    @property
    def coefficients(self) -> int:
        """The number ``p`` of the formula's coefficients."""
        return len(self.shifts)

    @property
    def start(self) -> Numpy:
        """Declared start values in walked coordinates, the formula's coefficients at zero."""
        declared = [unbounded(parameter.start, parameter) for parameter in self.parameters.values()]
        return np.concatenate([np.zeros(self.coefficients), declared])

    def shown(self, theta: Numpy) -> Numpy:
        """Return the parameters shown, shape ``(k,)``."""
        p = self.coefficients
        pairs = zip(theta[p:], self.parameters.values(), strict=True)
        return np.concatenate([self._slopes @ theta[:p], [bounded_value(u, q) for u, q in pairs]])

    def walked(self, params: Numpy) -> Numpy:
        """Return the coordinates walked, shape ``(k,)``."""
        p = self.coefficients
        pairs = zip(params[p:], self.parameters.values(), strict=True)
        slopes = np.linalg.solve(self._slopes, params[:p]) if p else np.empty(0)
        return np.concatenate([slopes, [unbounded(value, q) for value, q in pairs]])

    def jacobian(self, theta: Numpy) -> Numpy:
        """Return the derivative of `shown`, shape ``(k, k)``."""
        p = self.coefficients
        pairs = zip(theta[p:], self.parameters.values(), strict=True)
        matrix = np.diag(np.concatenate([np.ones(p), [bound_slope(u, q) for u, q in pairs]]))
        matrix[:p, :p] = self._slopes
        return matrix

    @property
    def _slopes(self) -> Numpy:
        slopes = self.scaling.matrix.copy()
        if self.intercept is not None:
            slopes[self.intercept] -= self.shifts @ self.scaling.matrix
        return slopes


def bounded_value(u: float, parameter: Parameter) -> float:
    """Map a number of the line into the parameter's interval."""
    lower, upper = parameter.lower, parameter.upper
    if np.isfinite(lower) and np.isfinite(upper):
        return float(lower + (upper - lower) * expit(u))
    if np.isfinite(lower):
        return float(lower + np.exp(u))
    return float(upper - np.exp(-u)) if np.isfinite(upper) else float(u)


def unbounded(value: float, parameter: Parameter) -> float:
    """Map a value of the parameter's interval onto the line; the inverse of `bounded_value`."""
    lower, upper = parameter.lower, parameter.upper
    if np.isfinite(lower) and np.isfinite(upper):
        return float(np.log(value - lower) - np.log(upper - value))
    if np.isfinite(lower):
        return float(np.log(value - lower))
    return float(-np.log(upper - value)) if np.isfinite(upper) else float(value)


def bound_slope(u: float, parameter: Parameter) -> float:
    """Return the derivative of `bounded_value`."""
    lower, upper = parameter.lower, parameter.upper
    if np.isfinite(lower) and np.isfinite(upper):
        return float((upper - lower) * expit(u) * expit(-u))
    if np.isfinite(lower):
        return float(np.exp(u))
    return float(np.exp(-u)) if np.isfinite(upper) else 1.0


@dataclass(frozen=True)
class SeparateCoordinates:
    """Each parameter shown from the one walked: ``slope * f(walked) + shift``.

    Attributes
    ----------
    slopes, shifts
        Of each parameter, ``(k,)``.
    positive
        Whether ``f`` is the exponential function, or none, ``(k,)``.
    """

    slopes: Numpy
    shifts: Numpy
    positive: Any

    def shown(self, theta: Numpy) -> Numpy:
        """Return the parameters shown, ``(k,)``."""
        moved = np.where(self.positive, np.exp(np.where(self.positive, theta, 0.0)), theta)
        return np.asarray(self.slopes * moved + self.shifts)

    def walked(self, params: Numpy) -> Numpy:
        """Return walked coordinates from parameters shown."""
        moved = (params - self.shifts) / self.slopes
        return np.where(self.positive, np.log(np.where(self.positive, moved, 1.0)), moved)

    def jacobian(self, theta: Numpy) -> Numpy:
        """Return the derivative of `shown`, ``(k, k)``."""
        slope = np.where(self.positive, np.exp(np.where(self.positive, theta, 0.0)), 1.0)
        return np.diag(self.slopes * slope)


def unscaled(slopes: Numpy) -> SeparateCoordinates:
    """Return coordinates that are multiples of the parameters shown."""
    return SeparateCoordinates(slopes, np.zeros(len(slopes)), np.zeros(len(slopes), dtype=bool))
