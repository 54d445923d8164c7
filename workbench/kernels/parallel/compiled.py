"""Compiled passes over rows, on threads.

Kernels release the GIL and take a range of groups, so that a pass runs on several
threads of the process.  numba's own threading layers are not used: two fits at once would abort
the process under ``workqueue`` (numba 0.65), and a fork would under OpenMP.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]

# Waking a thread costs about as much as this many simple operations.
_WORTH_A_THREAD = 50_000
_SAFE_MATH = {"reassoc", "contract", "nsz"}  # keeps NaN and infinity


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile with numba, cached on disk, without the GIL."""
    made: Callable[..., Any] = numba.njit(nogil=True, cache=True, fastmath=_SAFE_MATH)(function)
    return made


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(numba.get_num_threads(), thread_name_prefix="segments")


os.register_at_fork(after_in_child=_pool.cache_clear)  # a child process has none of the threads


def parts(work: int) -> int:
    """Return the number of threads for so many simple operations."""
    return int(max(1, min(numba.get_num_threads(), work // _WORTH_A_THREAD)))


def together(task: Callable[[int, int], Any], bounds: list[int]) -> list[Any]:
    """Run ``task(low, high)`` for each pair of neighbours in ``bounds``, on threads."""
    pieces = list(pairwise(bounds))
    waiting = [_pool().submit(task, *piece) for piece in pieces[1:]]
    return [task(*pieces[0]), *(future.result() for future in waiting)]


def even_bounds(starts: Int64, pieces: int) -> list[int]:
    """Cut groups into ``pieces`` ranges of about as many rows each."""
    shares = np.arange(1, pieces) * (starts[-1] / pieces)
    return [0, *np.searchsorted(starts, shares).tolist(), len(starts) - 1]


def row_bounds(rows: int, work: int) -> list[int]:
    """Cut rows into even ranges, one for each thread used for so many simple operations."""
    pieces = parts(work)
    return [rows * piece // pieces for piece in range(pieces + 1)]


def unsigned(numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """View nonnegative integers as unsigned ones.

    numba tests a signed index for its sign at each use, which takes half of a pass over cells.
    """
    return numbers.view(np.dtype(f"u{numbers.itemsize}"))


def lean(*arrays: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], ...]:
    """View arrays of one column as vectors, which compile to faster kernels."""
    return tuple(array[:, 0] for array in arrays) if arrays[0].shape[1] == 1 else arrays


@compiled
def longer(values: Any, needed: int) -> Any:
    """Copy a full buffer into one of twice the size needed."""
    grown = np.empty(2 * needed, dtype=values.dtype)
    grown[: len(values)] = values
    return grown
