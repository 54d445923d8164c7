"""Coordinates of a likelihood template."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.likelihoods.base import LinearIndex
from workbench.models.design.scaling import Scaling
from workbench.protocols import Numpy


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
