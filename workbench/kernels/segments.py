"""Compiled passes over rows: threads, and the order of groups.

Kernels release Python's lock and take a range of groups, so that a pass runs on several of the
process's own threads.  numba's own threading layers are not used: two fits at once would abort
the process under ``workqueue`` (numba 0.65), and a fork would under OpenMP.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from workbench.kernels.factors import Int32
from workbench.kernels.prefetch import prefetch

Int64 = npt.NDArray[np.int64]

# Waking a thread costs about as much as this many simple operations.
_WORTH_A_THREAD = 50_000
AHEAD = 32
"""Rows between asking for the memory of a row anywhere and using it."""

# Groups a drawer, as a power of two.
_DRAWER = 9
_SAFE_MATH = {"reassoc", "contract", "nsz"}  # keeps NaN and infinity


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile with numba, cached on disk, without Python's lock."""
    made: Callable[..., Any] = numba.njit(nogil=True, cache=True, fastmath=_SAFE_MATH)(function)
    return made


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(numba.get_num_threads(), thread_name_prefix="segments")


os.register_at_fork(after_in_child=_pool.cache_clear)  # a child process has none of the threads


def parts(work: int) -> int:
    """Return how many threads that many simple operations deserve."""
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
    """Cut rows into even ranges, one for each thread that so many simple operations deserve."""
    pieces = parts(work)
    return [rows * piece // pieces for piece in range(pieces + 1)]


def unsigned(numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """View whole numbers, none negative, as unsigned ones.

    numba tests a signed index for its sign at each use, which takes half of a pass over cells.
    """
    return numbers.view(np.dtype(f"u{numbers.itemsize}"))


@dataclass(frozen=True, eq=False)
class Grouping:
    """Rows in the order of their group.

    Attributes
    ----------
    starts
        Where each group begins in ``order``, shape ``(g + 1,)``.
    order
        The rows, group after group, and within a group as they came, shape ``(n,)``; empty where
        they stand in that order already.
    """

    starts: Int64
    order: npt.NDArray[np.uint32]

    @property
    def in_place(self) -> bool:
        """Whether the rows stand in the order of their groups."""
        return not len(self.order)

    def take(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return ``values (n, ...)`` in group order."""
        if self.in_place or not values.size:
            return np.ascontiguousarray(values)
        wide = values if values.ndim == 2 else values[:, None]
        taken = np.empty(wide.shape, wide.dtype)
        bounds = row_bounds(len(wide), 4 * wide.size)
        together(lambda low, high: _take(low, high, self.order, wide, taken), bounds)
        return taken.reshape(values.shape)


@compiled
def _take(low: int, high: int, order: Any, values: Any, taken: Any) -> None:
    for row in range(low, high):
        if row + AHEAD < high:
            prefetch(values, order[row + AHEAD])
        for column in range(values.shape[1]):
            taken[row, column] = values[order[row], column]


def group(codes: Int32, levels: int) -> Grouping:
    """Sort rows by code, by counting."""
    starts, in_place = _counted(unsigned(codes), levels)
    order = np.empty(0, np.uint32) if in_place else _ordered(unsigned(codes), starts)
    return Grouping(starts, order)


@compiled
def _counted(codes: Any, levels: int) -> Any:
    """Find where each group begins, and whether the rows are in their order."""
    starts = np.zeros(levels + 1, dtype=np.int64)
    in_place = True
    previous = codes.dtype.type(0)
    for code in codes:
        starts[code + 1] += 1
        in_place = in_place and code >= previous
        previous = code
    for level in range(levels):
        starts[level + 1] += starts[level]
    return starts, in_place


@compiled
def _ordered(codes: Any, starts: Any) -> Any:
    """Put rows into drawers of many groups first, so that all drawers being filled are in cache."""
    drawers = ((len(starts) - 2) >> _DRAWER) + 1
    to = np.empty(drawers, dtype=np.uint64)
    for drawer in range(drawers):
        to[drawer] = starts[drawer << _DRAWER]
    drawn = np.empty((len(codes), 2), dtype=np.uint32)
    for row in range(len(codes)):
        place = to[codes[row] >> _DRAWER]
        drawn[place, 0], drawn[place, 1] = codes[row], row
        to[codes[row] >> _DRAWER] += np.uint64(1)
    free = starts[:-1].astype(np.uint64)
    order = np.empty(len(codes), dtype=np.uint32)
    for row in range(len(codes)):
        code = drawn[row, 0]
        order[free[code]] = drawn[row, 1]
        free[code] += np.uint64(1)
    return order


@compiled
def longer(values: Any, needed: int) -> Any:
    """Copy a full buffer into one with room for twice what is needed."""
    grown = np.empty(2 * needed, dtype=values.dtype)
    grown[: len(values)] = values
    return grown
