"""The objective that an optimizer minimizes: the mean negative log-likelihood, scaled."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from workbench.kernels.totals import Totals
from workbench.protocols import Evaluation, Numpy, Order


class Kernel(Protocol):
    """What sums a log-likelihood over the data."""

    def totals(self, theta: Numpy, order: Order = 0) -> Totals:
        """Sum the log-likelihood and its derivatives up to ``order``."""
        ...

    def hessian_vector(self, theta: Numpy, vector: Numpy) -> Numpy:
        """Multiply the Hessian of the sum with a vector."""
        ...


class ScaledObjective:
    """Minus the kernel's sum, divided by the observations, in unconstrained parameters.

    Parameters
    ----------
    kernel
        Sums the log-likelihood in its own coordinates.
    raw
        Matrix ``(k, k)`` from unconstrained parameters to the kernel's.
    observations
        The divisor: rows, or the sum of the weights.
    backend_name
        The library that computes, for optimizers that exist in several.
    """

    def __init__(self, kernel: Kernel, raw: Numpy, observations: float, backend_name: str) -> None:
        self.size = len(raw)
        self.observations = observations
        self.backend_name = backend_name
        self._kernel = kernel
        self._raw = raw
        self._last: tuple[Numpy, Order, Evaluation] | None = None

    def evaluate(self, theta: Numpy, order: Order = 0) -> Evaluation:
        """Evaluate the mean negative log-likelihood; ``inf`` where it is not finite.

        The last point is remembered, since the verdict evaluates again where the steps ended.
        """
        last = self._last
        if last is not None and last[1] >= order and np.array_equal(last[0], theta):
            return last[2]
        found = self._evaluate(theta, order)
        self._last = (np.array(theta, dtype=np.float64), order, found)
        return found

    def _evaluate(self, theta: Numpy, order: Order) -> Evaluation:
        if not np.isfinite(theta).all():
            return _nowhere(self.size, order)
        # A step too far overflows; its value says so, and numpy need not warn as well.
        with np.errstate(over="ignore", invalid="ignore"):
            totals = self._kernel.totals(self._raw @ theta, order)
        value = -totals.value / self.observations
        if not np.isfinite(value):
            return _nowhere(self.size, order)
        gradient, hessian = totals.gradient, totals.hessian
        return Evaluation(
            value,
            None if gradient is None else -(self._raw.T @ gradient) / self.observations,
            None if hessian is None else -(self._raw.T @ hessian @ self._raw) / self.observations,
        )

    def hessian_vector(self, theta: Numpy, vector: Numpy) -> Numpy:
        """Multiply the Hessian at ``theta`` with ``vector``, both of shape ``(k,)``."""
        product = self._kernel.hessian_vector(self._raw @ theta, self._raw @ vector)
        return np.asarray(-(self._raw.T @ product) / self.observations)


def _nowhere(size: int, order: Order) -> Evaluation:
    gradient = np.full(size, np.nan) if order >= 1 else None
    hessian = np.full((size, size), np.nan) if order == 2 else None
    return Evaluation(np.inf, gradient, hessian)
