"""Value, gradient and Hessian of any log-likelihood, by automatic differentiation."""

from __future__ import annotations

from collections.abc import Callable

from workbench.backends import Array, Backend
from workbench.kernels.totals import FormsHessian, Totals
from workbench.protocols import Numpy, Order


class GenericKernel(FormsHessian):
    """The sums of a log-likelihood written as a function of all parameters at once.

    Parameters
    ----------
    rows
        ``rows(theta)``: the log-likelihood of each unit, shape ``(n,)``, in the backend's arrays.
    xp
        The backend that computes.
    size
        The number of parameters ``k``.
    weights
        One weight per unit, ``(n,)``, or None.
    """

    def __init__(
        self, rows: Callable[[Array], Array], xp: Backend, size: int, weights: Numpy | None = None
    ) -> None:
        self.xp = xp
        self.size = size
        with xp.scope():
            factor = None if weights is None else xp.array(weights)

        def total(theta: Array) -> Array:
            values = rows(theta)
            return xp.sum(values if factor is None else factor * values)

        self._rows = xp.compile(rows)
        self._passes = (
            xp.compile(total),
            xp.compile(lambda theta: xp.gradient(total, theta)),
            xp.compile(lambda theta: (*xp.gradient(total, theta), xp.hessian(total, theta))),
        )
        self._scores = xp.compile(lambda theta: xp.jacobian(rows, theta))

    def totals(self, theta: Numpy, order: Order = 0) -> Totals:
        """Sum the log-likelihood and its derivatives up to ``order`` at ``theta (k,)``."""
        with self.xp.scope():
            found = self._passes[order](self.xp.array(theta))
            parts = [self.xp.numpy(part) for part in (found if order else (found,))]
        return Totals(float(parts[0]), *parts[1:])

    def rows(self, theta: Numpy) -> Numpy:
        """Return the log-likelihood of each unit, unweighted, shape ``(n,)``."""
        with self.xp.scope():
            return self.xp.numpy(self._rows(self.xp.array(theta)))

    def scores(self, theta: Numpy) -> Numpy:
        """Return the derivatives of each unit's log-likelihood, unweighted, shape ``(n, k)``."""
        with self.xp.scope():
            return self.xp.numpy(self._scores(self.xp.array(theta)))
