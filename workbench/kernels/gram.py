"""Passes over the rows of a design, X'X, X'WX, Xv and X'v, on several threads.

BLAS has one call for a symmetric sum, at half the cost of a product; scipy's wrapper of it holds
Python's lock, so it is called here through its address.  Threads are the process's own: those of
BLAS wait for each other in loops, which on a busy machine made X'X ten times slower.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
from scipy.linalg import cython_blas

from workbench.kernels.threads import by_rows
from workbench.protocols import Numpy

_STRETCH = 1024
"""Rows scaled at a time, so that they stay in cache."""
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
    total: Numpy = np.sum(sums, axis=0)
    return np.tril(total) + np.tril(total, -1).T


def weighted_gram(x: Numpy, weights: Numpy) -> Numpy:
    r"""Return :math:`\sum_i w_i x_i x_i^\top`, shape ``(p, p)``, for weights of either sign."""
    if (weights <= 0).all():
        return -gram(x, np.sqrt(-weights))
    if (weights >= 0).all():
        return gram(x, np.sqrt(weights))
    above, below = np.maximum(weights, 0), np.maximum(-weights, 0)
    return gram(x, np.sqrt(above)) - gram(x, np.sqrt(below))


def times(x: Numpy, vector: Numpy) -> Numpy:
    """Return ``X v``, shape ``(n,)``, for a vector ``(p,)``."""
    parts = by_rows(lambda low, high: x[low:high] @ vector, len(x), x.size, _WORTH_A_READING)
    return np.concatenate(parts)


def pull(x: Numpy, rows: Numpy) -> Numpy:
    """Return ``X'v``, shape ``(p,)``, for one number a row ``(n,)``."""

    def part(low: int, high: int) -> Numpy:
        return np.asarray(rows[low:high] @ x[low:high])

    return np.asarray(np.sum(by_rows(part, len(x), x.size, _WORTH_A_READING), axis=0))


def _part(x: Numpy, factor: Numpy | None, low: int, high: int) -> Numpy:
    """Sum over the rows from ``low`` to ``high``; the lower triangle alone is filled."""
    total = np.zeros((x.shape[1],) * 2)
    if factor is None:
        _add(x[low:high], total)
        return total
    with np.errstate(invalid="ignore"):  # what is not finite is judged by who asked
        for begin in range(low, high, _STRETCH):
            rows = slice(begin, min(begin + _STRETCH, high))
            _add(x[rows] * factor[rows, None], total)
    return total


def _add(rows: Numpy, total: Numpy) -> None:
    """Add the outer products of contiguous rows to the lower triangle of ``total``."""
    count, width = (ctypes.byref(ctypes.c_int(size)) for size in rows.shape)
    one = ctypes.byref(ctypes.c_double(1.0))
    # BLAS counts by columns: our rows in C order are its columns, our lower triangle its upper.
    _syrk()(b"U", b"N", width, count, one, rows.ctypes.data, width, one, total.ctypes.data, width)


@lru_cache(maxsize=1)
def _syrk() -> Callable[..., None]:
    """Return BLAS's symmetric update; a call through ctypes lets go of Python's lock."""
    capsule = cython_blas.__pyx_capi__["dsyrk"]
    name, address = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    address.restype, address.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    text, number, array = ctypes.c_char_p, ctypes.POINTER(ctypes.c_int), ctypes.c_void_p
    real = ctypes.POINTER(ctypes.c_double)
    signature = (text, text, number, number, real, array, number, real, array, number)
    made: Callable[..., None] = ctypes.CFUNCTYPE(None, *signature)(address(capsule, name(capsule)))
    return made
