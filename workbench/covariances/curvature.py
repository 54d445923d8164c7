"""What every covariance reads: the curvature of the log-likelihood at the estimate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from workbench.errors import SingularHessianError
from workbench.protocols import Numpy

# Rounding in an exact float64 Hessian leaves eigenvalues of about k times 1e-16 in scaled form.
FLAT_IN_FLOAT64 = 1e-12
# Sums of float32 rows leave about 1e-7 times the root of k.
FLAT_IN_FLOAT32 = 1e-5
# Half of float64's digits are lost in such a direction.
_BARELY_CURVED = 1e-8
_PART_OF_A_DIRECTION = 1e-3
# In the same scaled form, rounding of a float32 score leaves about 1e-7 times the root of k.
_PUSH_OF_ROUNDING = 1e-4


@dataclass(frozen=True)
class ClusterMeat:
    """A sum of products of scores, ``(k, k)``, and the number of its clusters or periods."""

    meat: Numpy
    groups: int


@dataclass(frozen=True)
class Curvature:
    """Second-order facts at the estimate, in unconstrained parameters.

    Attributes
    ----------
    information
        Minus the Hessian of the total log-likelihood, shape ``(k, k)``, in nats.
    jacobian
        Derivative of the natural parameters by the unconstrained ones, shape ``(k, k)``.
    opg
        Sum of the outer products of the scores of each row, shape ``(k, k)``, or None.
    clusters
        The same with scores summed by cluster first, by the cluster column's name.
    observations
        The number of rows or the sum of frequency weights.
    flat_below
        Scaled eigenvalues up to this share of the largest count as zero.
    at_bound
        Positions of the parameters that lie at a bound, where Wald errors mean nothing.
    kept
        Further sums that the run's standard errors need, by their key; see
        `workbench.covariances.base.meat_key`.
    """

    information: Numpy
    jacobian: Numpy
    observations: float
    opg: Numpy | None = None
    clusters: Mapping[str, ClusterMeat] = field(default_factory=dict)
    flat_below: float = FLAT_IN_FLOAT64
    at_bound: tuple[int, ...] = ()
    kept: Mapping[str, ClusterMeat] = field(default_factory=dict)

    @cached_property
    def _scale(self) -> Numpy:
        diagonal = np.abs(np.diag(self.information))
        return np.sqrt(np.where(diagonal > 0, diagonal, 1.0))

    @cached_property
    def _spectrum(self) -> tuple[Numpy, Numpy]:
        values, vectors = np.linalg.eigh(self.information / np.outer(self._scale, self._scale))
        return np.asarray(values), np.asarray(vectors)

    @property
    def eigenvalues(self) -> Numpy:
        """Eigenvalues ``(k,)`` of the information scaled to a unit diagonal, ascending."""
        return self._spectrum[0]

    @cached_property
    def _null(self) -> npt.NDArray[np.bool_]:
        """Mark the eigenvectors along which the likelihood is flat."""
        values = self.eigenvalues
        return np.asarray(np.abs(values) <= self.flat_below * values.max(initial=1.0))

    @cached_property
    def flat_directions(self) -> Numpy:
        """Directions ``(k, f)`` of no curvature, of natural parameters, unit length.

        Each parameter is measured in units of its precision when the others are known.
        """
        way_back = np.linalg.inv(self.jacobian)
        precision = np.diag(way_back.T @ self.information @ way_back)
        unit = np.sqrt(np.where(precision > 0, precision, 1.0))
        unconstrained = self._spectrum[1][:, self._null] / self._scale[:, None]
        directions = unit[:, None] * (self.jacobian @ unconstrained)
        return np.asarray(directions / np.linalg.norm(directions, axis=0))

    @cached_property
    def flat(self) -> tuple[int, ...]:
        """Positions of the parameters that take part in a flat direction."""
        if not self._null.any():
            return ()
        part = np.abs(self.flat_directions).max(axis=1)
        return tuple(int(i) for i in np.flatnonzero(part > _PART_OF_A_DIRECTION))

    @property
    def nearly_flat(self) -> tuple[int, ...]:
        """Positions of the parameters in the least curved direction, where it is barely curved.

        Below `_BARELY_CURVED` standard errors keep four digits or fewer.
        """
        values, vectors = self._spectrum
        ratio = values.min(initial=np.inf) / values.max(initial=1.0)
        if self._null.any() or not 0 < ratio < _BARELY_CURVED:
            return ()
        part = np.abs(vectors[:, 0])
        return tuple(int(i) for i in np.flatnonzero(part > 0.1 * part.max()))

    @property
    def withheld(self) -> tuple[int, ...]:
        """Positions of the parameters without standard errors."""
        return tuple(sorted({*self.flat, *self.at_bound}))

    @property
    def negative(self) -> bool:
        """Whether the log-likelihood curves upwards in some direction."""
        return bool((self.eigenvalues[~self._null] < 0).any())

    @cached_property
    def bread(self) -> Numpy:
        """The inverse of the information across the directions that are not flat, ``(k, k)``.

        Raises
        ------
        SingularHessianError
            When the log-likelihood curves upwards, so that this is no maximum.
        """
        if self.negative:
            raise SingularHessianError(
                "The Hessian is not that of a maximum: an eigenvalue has the wrong sign "
                f"({self.eigenvalues[0]:.2g} after scaling).",
                hint="go on with the trust region, or start elsewhere.",
                code="not-a-maximum",
            )
        values, vectors = self._spectrum
        kept = vectors[:, ~self._null]
        inverse = (kept / values[~self._null]) @ kept.T
        return np.asarray(inverse / np.outer(self._scale, self._scale))

    def decrement(self, score: Numpy) -> float:
        r"""Return :math:`s^\top I^{-1} s` of a total score ``(k,)``: twice the expected gain.

        It is infinite where the score points along a direction of no curvature.
        """
        values, vectors = self._spectrum
        pushed = vectors.T @ (score / self._scale)
        if np.abs(pushed[self._null]).max(initial=0.0) > _PUSH_OF_ROUNDING:
            return np.inf
        with np.errstate(over="ignore"):
            return float(np.sum(pushed[~self._null] ** 2 / np.abs(values[~self._null])))

    def natural(self, covariance: Numpy) -> Numpy:
        """Carry a covariance to natural parameters; those without errors become NaN."""
        shown = self.jacobian @ covariance @ self.jacobian.T
        withheld = list(self.withheld)
        shown[withheld, :] = np.nan
        shown[:, withheld] = np.nan
        return np.asarray((shown + shown.T) / 2)
