"""Passes over the rows of a design, X'X, X'WX, Xv and X'v, on several threads.

These are not BLAS's threads, which wait for each other in loops: on a busy machine that made X'X
ten times slower.  ``np.dot`` and ``X @ v`` release the GIL, ``v @ X`` does not;
``np.dot(X.T, X)`` is BLAS's symmetric update, at half the cost of a product.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from workbench.kernels.parallel.threads import by_rows
from workbench.protocols import Numpy

_STRETCH = 128_000
"""Numbers scaled at a time, so that they stay in cache."""
_WORTH_A_THREAD, _WORTH_A_READING = 1_000_000, 250_000
"""Multiplications that take longer than waking a thread, in cache and from memory."""


def gram(x: Numpy, factor: Numpy | None = None) -> Numpy:
    r"""Return :math:`\sum_i f_i^2 x_i x_i^\top`, shape ``(p, p)``.

    Parameters
    ----------
    x
        Rows ``(n, p)``, float64 in C order.
    factor
        What each row is multiplied by, ``(n,)``; ones by default.
    """
    n, p = x.shape
    sums = by_rows(partial(_part, x, factor), n, n * p * p, _WORTH_A_THREAD)
    return np.asarray(np.sum(sums, axis=0))


def weighted_gram(x: Numpy, weights: Numpy) -> Numpy:
    r"""Return :math:`\sum_i w_i x_i x_i^\top`, shape ``(p, p)``, for weights of either sign."""
    if (weights <= 0).all():
        return -gram(x, np.sqrt(-weights))
    if (weights >= 0).all():
        return gram(x, np.sqrt(weights))
    above, below = np.maximum(weights, 0), np.maximum(-weights, 0)
    return gram(x, np.sqrt(above)) - gram(x, np.sqrt(below))


def cross_gram(x: Numpy, weights: Numpy, z: Numpy) -> Numpy:
    r"""Return :math:`\sum_i w_i x_i z_i^\top`, ``(p, q)``, of two designs of the same rows."""
    n, p = x.shape

    def part(low: int, high: int) -> Numpy:
        total = np.zeros((p, z.shape[1]))
        stretch = max(1, _STRETCH // max(1, z.shape[1]))
        for begin in range(low, high, stretch):
            rows = slice(begin, min(begin + stretch, high))
            total += np.dot(x[rows].T, z[rows] * weights[rows, None])
        return total

    return np.asarray(np.sum(by_rows(part, n, n * p * z.shape[1], _WORTH_A_THREAD), axis=0))


def times(x: Numpy, vector: Numpy) -> Numpy:
    """Return ``X v``, shape ``(n,)``, for a vector ``(p,)``."""
    parts = by_rows(lambda low, high: x[low:high] @ vector, len(x), x.size, _WORTH_A_READING)
    return np.concatenate(parts)


def cross_product(x: Numpy, rows: Numpy) -> Numpy:
    """Return ``X'v``, shape ``(p,)``, for one number per row ``(n,)``."""

    def part(low: int, high: int) -> Numpy:
        return np.asarray(np.dot(rows[low:high], x[low:high]))

    return np.asarray(np.sum(by_rows(part, len(x), x.size, _WORTH_A_READING), axis=0))


def _part(x: Numpy, factor: Numpy | None, low: int, high: int) -> Numpy:
    """Sum over the rows from ``low`` to ``high``."""
    if factor is None:
        return np.asarray(np.dot(x[low:high].T, x[low:high]))
    total = np.zeros((x.shape[1],) * 2)
    with np.errstate(invalid="ignore"):  # the caller checks for values that are not finite
        stretch = max(1, _STRETCH // max(1, x.shape[1]))
        for begin in range(low, high, stretch):
            rows = slice(begin, min(begin + stretch, high))
            scaled = x[rows] * factor[rows, None]
            total += np.dot(scaled.T, scaled)
    return total
