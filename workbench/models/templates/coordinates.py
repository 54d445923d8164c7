"""Coordinates of a likelihood template."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from workbench.kernels.likelihood.parameters import Scale
from workbench.likelihoods.base import Likelihood
from workbench.models.templates.equations import EquationColumns
from workbench.protocols import Numpy


@dataclass(frozen=True, eq=False)
class TemplateCoordinates:
    r"""Coordinates of a likelihood template.

    Unconstrained are the coefficients of scaled columns and the other parameters on their
    unconstrained scale; reported are coefficients of the columns as they came and natural
    parameters.  With a scaled outcome :math:`y^* = (y - c)/s`, :math:`\beta = s\beta^* + c\,e_0`.

    Attributes
    ----------
    template
        States ``natural``, ``unconstrained`` and the Jacobian between them.
    parts
        The columns of each equation.
    scale
        Of the parameters that are not coefficients.
    outcome_centre, outcome_sd
        ``c`` and ``s``; 0 and 1 where the outcome is taken as it is.
    """

    template: Likelihood
    parts: tuple[EquationColumns, ...]
    scale: Scale
    outcome_centre: float = 0.0
    outcome_sd: float = 1.0

    @property
    def size(self) -> int:
        """The number of parameters ``k``."""
        return self.scale.size

    def _places(self) -> Iterator[tuple[slice, EquationColumns]]:
        """Yield the place of each equation's coefficients."""
        at = 0
        for part in self.parts:
            yield slice(at, at + len(part.names)), part
            at += len(part.names)

    @property
    def bounded(self) -> list[int]:
        """The positions of the parameters with a scale other than the natural one."""
        pairs = zip(self.scale.slices, self.scale.blocks, strict=True)
        return [
            i
            for place, block in pairs
            if not block.transform.linear
            for i in range(place.start, place.stop)
        ]

    @property
    def vanishing(self) -> list[tuple[int, range]]:
        """The constants of equations that may vanish, with the places of their coefficients."""
        return [
            (place.start + part.intercept, range(place.start, place.stop))
            for place, part in self._places()
            if part.equation.vanishes and part.intercept is not None
        ]

    @property
    def _thresholds(self) -> slice:
        """The place of the thresholds: the first block."""
        return self.scale.slices[0]

    @cached_property
    def raw(self) -> Numpy:
        """Matrix ``(k, k)`` from unconstrained parameters to those of the kernel."""
        matrix = np.eye(self.size)
        for place, part in self._places():
            matrix[place, place] = part.scaling.matrix
            if part.equation.thresholds:
                matrix[self._thresholds.start, place] = part.means
        return matrix

    @cached_property
    def _to_params(self) -> Numpy:
        """Linear part ``(k, k)`` from the template's natural parameters to those reported."""
        matrix = np.eye(self.size) * self.outcome_sd
        for place, part in self._places():
            matrix[place, place] = self.outcome_sd * part.columns.to_coefficients
            if part.equation.thresholds:
                matrix[self._thresholds, place] += part.columns.of_shifts
        return matrix

    @property
    def _centre(self) -> Numpy:
        centre = np.zeros(self.size)
        intercept = self.parts[0].intercept
        if intercept is not None:
            centre[intercept] = self.outcome_centre
        return centre

    def natural(self, theta: Numpy) -> Numpy:
        """Return natural parameters, shape ``(k,)``."""
        params = self.scale.natural(self.raw @ theta)
        return self._to_params @ self.template.natural(params) + self._centre

    def unconstrained(self, params: Numpy) -> Numpy:
        """Return unconstrained parameters, shape ``(k,)``."""
        natural = np.asarray(
            np.linalg.solve(self._to_params, params - self._centre), dtype=np.float64
        )
        inner = self.scale.unconstrained(self.template.unconstrained(natural))
        return np.asarray(np.linalg.solve(self.raw, inner))

    def jacobian(self, theta: Numpy) -> Numpy:
        """Return the derivative of `natural`, shape ``(k, k)``."""
        raw, inner = self.raw, self.raw @ theta
        own = self.template.natural_jacobian(self.scale.natural(inner))
        if not self.scale.linear:
            own = own @ self.scale.jacobian(inner)
        return np.asarray(self._to_params @ own @ raw)
