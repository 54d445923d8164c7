"""Preconditioned conjugate gradients for several right-hand sides of one matrix.

The vectors are updated in compiled passes: numpy's would make an array of their size for each
operation, and with many levels and columns take as long as the products.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from workbench.kernels.absorption.factors import ROUNDING
from workbench.kernels.parallel.compiled import compiled, lean, row_bounds, together
from workbench.protocols import Numpy

# The slowest contraction of squared lengths that is estimated from two steps.
_SLOWEST = 0.98


class Operator(Protocol):
    """A symmetric positive semi-definite matrix that multiplies ``(m, K)`` arrays."""

    def multiply(self, x: Numpy) -> Numpy:
        """Return the product, ``(m, K)``."""
        ...


class Preconditioner(Protocol):
    """An approximate inverse of such a matrix."""

    def solve(self, right: Numpy) -> Numpy:
        """Return the approximate solution, ``(m, K)``."""
        ...


class Jacobi:
    """Divide by the diagonal; rows without one get zero."""

    def __init__(self, diagonal: Numpy) -> None:
        positive = diagonal > 0
        self._inverse = (positive / np.where(positive, diagonal, 1))[:, None]

    def solve(self, right: Numpy) -> Numpy:
        """Return the scaled right-hand side, ``(m, K)``."""
        return right * self._inverse


class ConjugateGradients:
    r"""Minimize :math:`|y - D\beta|^2` from its normal equations, one step at a time.

    The relative residual of a column is :math:`\sqrt{r^\top M^{-1} r} / |y - D\beta|`, with the
    preconditioner :math:`M`.  Each step shortens the squared length by a known amount; where the
    remaining steps, extrapolated from the last two, would shorten it by more than
    :math:`r^\top M^{-1} r`, that amount replaces it: in a slow contraction the residual
    understates the error.

    Parameters
    ----------
    operator, preconditioner
        The matrix ``(m, m)`` and its approximate inverse.
    right
        The right-hand sides, ``(m, K)``.
    remaining, original
        Squared lengths of the columns at zero effects, and as given, ``(K,)``.
    tolerance
        The relative residual at which a column has converged.  A column has also converged when
        its residual is within rounding of its original length.

    References
    ----------
    Hestenes and Stiefel (1952), theorem 6:1 for the length.
    """

    def __init__(
        self,
        operator: Operator,
        preconditioner: Preconditioner,
        right: Numpy,
        remaining: Numpy,
        original: Numpy,
        tolerance: float,
    ) -> None:
        self.effects = np.zeros_like(right)
        self._operator, self._preconditioner = operator, preconditioner
        self._residual = right.copy()
        self._remaining = remaining.copy()
        self._floor = ROUNDING**2 * original
        self._tolerance = tolerance
        self._direction = right
        self._gain = self._shortened = self._ahead = remaining
        self._restart()

    def switch(self, operator: Operator, preconditioner: Preconditioner) -> None:
        """Continue from the present effects with another form of the matrix."""
        self._operator, self._preconditioner = operator, preconditioner
        self._restart()

    def step(self) -> None:
        """Take a step in every column that has not converged."""
        moved = self._operator.multiply(self._direction)
        curvature = _dots(self._direction, moved)
        active = ~self.done & (curvature > 0)
        length = np.where(active, self._gain, 0) / np.where(active, curvature, 1)
        advance = _advance_one if len(length) == 1 else _advance_many
        state = (self._direction, moved, self.effects, self._residual)
        _by_rows(lambda *parts: advance(length, *parts), *state)
        shortened = length * self._gain
        self._remaining -= shortened
        self._ahead = _tail(self._shortened, shortened)
        self._shortened = shortened
        turned = self._preconditioner.solve(self._residual)
        gain = _dots(self._residual, turned)
        kept = np.where(active, gain / np.where(active, self._gain, 1), 0)
        redirect = _redirect_one if len(kept) == 1 else _redirect_many
        _by_rows(lambda *parts: redirect(kept, *parts), turned, self._direction)
        self._gain = gain

    @property
    def residuals(self) -> Numpy:
        """The relative residual of each column, ``(K,)``; zero for one that is zero."""
        left = np.where(self._left <= self._floor, 0, self._left)
        smallest = np.maximum(self._floor, np.finfo(np.float64).tiny)
        return np.sqrt(left / np.maximum(self._remaining, smallest))

    @property
    def done(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether each column has reached the tolerance, ``(K,)``."""
        enough = np.maximum(self._tolerance**2 * self._remaining, self._floor)
        finished: np.ndarray[tuple[int], np.dtype[np.bool_]] = self._left <= enough
        return finished

    @property
    def _left(self) -> Numpy:
        """The squared length that is estimated to remain, ``(K,)``."""
        return np.maximum(self._gain, self._ahead)

    def _restart(self) -> None:
        self._direction = self._preconditioner.solve(self._residual)
        self._gain = self._shortened = self._ahead = _dots(self._residual, self._direction)


def _dots(a: Numpy, b: Numpy) -> Numpy:
    """Multiply columns with each other, ``(K,)``."""
    found = _by_rows(_dot_one if a.shape[1] == 1 else _dot_many, a, b)
    total: Numpy = sum(found[1:], start=found[0])
    return total


def _by_rows(kernel: Callable[..., Any], *arrays: Numpy) -> list[Any]:
    """Run a kernel over ranges of the rows of arrays ``(m, K)``."""
    return together(
        lambda low, high: kernel(*lean(*(array[low:high] for array in arrays))),
        row_bounds(len(arrays[0]), arrays[0].size),
    )


@compiled
def _dot_one(a: Any, b: Any) -> Any:
    total = np.zeros(1)
    for i in range(len(a)):
        total[0] += a[i] * b[i]
    return total


@compiled
def _dot_many(a: Any, b: Any) -> Any:
    total = np.zeros(a.shape[1])
    for i in range(len(a)):
        for k in range(a.shape[1]):
            total[k] += a[i, k] * b[i, k]
    return total


@compiled
def _advance_one(length: Any, direction: Any, moved: Any, effects: Any, residual: Any) -> None:
    for i in range(len(moved)):
        effects[i] += length[0] * direction[i]
        residual[i] -= length[0] * moved[i]


@compiled
def _advance_many(length: Any, direction: Any, moved: Any, effects: Any, residual: Any) -> None:
    for i in range(len(moved)):
        for k in range(len(length)):
            effects[i, k] += length[k] * direction[i, k]
            residual[i, k] -= length[k] * moved[i, k]


@compiled
def _redirect_one(kept: Any, turned: Any, direction: Any) -> None:
    for i in range(len(turned)):
        direction[i] = turned[i] + kept[0] * direction[i]


@compiled
def _redirect_many(kept: Any, turned: Any, direction: Any) -> None:
    for i in range(len(turned)):
        for k in range(len(kept)):
            direction[i, k] = turned[i, k] + kept[k] * direction[i, k]


def _tail(before: Numpy, last: Numpy) -> Numpy:
    """Sum the rest of a geometric series from its last two terms."""
    ratio = np.minimum(last / np.where(before > 0, before, 1), _SLOWEST)
    tail: Numpy = last * ratio / (1 - ratio)
    return tail
