"""Coordinates of the models of discrete choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.protocols import Numpy


@dataclass(frozen=True)
class SeparateCoordinates:
    """Natural from unconstrained parameters, one by one: ``slope * f(unconstrained) + shift``.

    Attributes
    ----------
    slopes, shifts
        Of each parameter, ``(k,)``.
    positive
        Whether ``f`` is the exponential function, and else the identity, ``(k,)``.
    """

    slopes: Numpy
    shifts: Numpy
    positive: Any

    def natural(self, theta: Numpy) -> Numpy:
        """Return the natural parameters, ``(k,)``."""
        moved = np.where(self.positive, np.exp(np.where(self.positive, theta, 0.0)), theta)
        return np.asarray(self.slopes * moved + self.shifts)

    def unconstrained(self, params: Numpy) -> Numpy:
        """Return unconstrained from natural parameters, ``(k,)``."""
        moved = (params - self.shifts) / self.slopes
        return np.where(self.positive, np.log(np.where(self.positive, moved, 1.0)), moved)

    def jacobian(self, theta: Numpy) -> Numpy:
        """Return the derivative of `natural`, ``(k, k)``."""
        slope = np.where(self.positive, np.exp(np.where(self.positive, theta, 0.0)), 1.0)
        return np.diag(self.slopes * slope)


def unscaled(slopes: Numpy) -> SeparateCoordinates:
    """Return coordinates that are multiples of the natural parameters."""
    return SeparateCoordinates(slopes, np.zeros(len(slopes)), np.zeros(len(slopes), dtype=bool))
