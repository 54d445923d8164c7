"""Coordinates of parameters that a person declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from workbench.models.custom.parameters import Parameter
from workbench.models.design.scaling import Scaling
from workbench.protocols import Numpy


@dataclass(frozen=True)
class DeclaredCoordinates:
    """Coordinates of declared parameters: log for one bound, logistic for two.

    Coefficients of a formula's scaled columns, if there are any, come first.
    """

    parameters: Mapping[str, Parameter]
    scaling: Scaling
    prepared: Numpy
    """Coefficients of the columns as they came from those of the prepared ones, ``(p, p)``."""

    @property
    def coefficients(self) -> int:
        """The number ``p`` of the formula's coefficients."""
        return len(self.prepared)

    @property
    def start(self) -> Numpy:
        """Declared start values in unconstrained parameters, the formula's coefficients at zero."""
        declared = [unbounded(parameter.start, parameter) for parameter in self.parameters.values()]
        return np.concatenate([np.zeros(self.coefficients), declared])

    def natural(self, theta: Numpy) -> Numpy:
        """Return natural parameters, shape ``(k,)``."""
        p = self.coefficients
        pairs = zip(theta[p:], self.parameters.values(), strict=True)
        return np.concatenate([self._slopes @ theta[:p], [bounded_value(u, q) for u, q in pairs]])

    def unconstrained(self, params: Numpy) -> Numpy:
        """Return the unconstrained parameters, shape ``(k,)``."""
        p = self.coefficients
        pairs = zip(params[p:], self.parameters.values(), strict=True)
        slopes = np.linalg.solve(self._slopes, params[:p]) if p else np.empty(0)
        return np.concatenate([slopes, [unbounded(value, q) for value, q in pairs]])

    def jacobian(self, theta: Numpy) -> Numpy:
        """Return the derivative of `natural`, shape ``(k, k)``."""
        p = self.coefficients
        pairs = zip(theta[p:], self.parameters.values(), strict=True)
        matrix = np.diag(np.concatenate([np.ones(p), [bound_slope(u, q) for u, q in pairs]]))
        matrix[:p, :p] = self._slopes
        return matrix

    @property
    def _slopes(self) -> Numpy:
        return np.asarray(self.prepared @ self.scaling.matrix)


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
