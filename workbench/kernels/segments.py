"""Compiled passes over rows in group order: sorting, sums over groups, merged cells.

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
from workbench.protocols import Numpy

Int64 = npt.NDArray[np.int64]

# Waking a thread costs about as much as this many simple operations.
_WORTH_A_THREAD = 50_000
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
        The rows, group after group, and within a group as they came, shape ``(n,)``.
    in_place
        Whether the rows stand in that order already.
    """

    starts: Int64
    order: Int32
    in_place: bool

    def take(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return ``values (n, ...)`` in group order."""
        if self.in_place:
            return values
        return _take(unsigned(self.order), values) if values.ndim == 2 else values[self.order]


@compiled
def _take(order: Any, values: Any) -> Any:
    taken = np.empty_like(values)
    for row in range(len(order)):
        for column in range(values.shape[1]):
            taken[row, column] = values[order[row], column]
    return taken


def group(codes: Int32, levels: int) -> Grouping:
    """Sort rows by code, by counting."""
    starts, order, in_place = _counting_sort(unsigned(codes), levels)
    return Grouping(starts, order, bool(in_place))


@compiled
def _counting_sort(codes: Any, levels: int) -> Any:
    starts = np.zeros(levels + 1, dtype=np.int64)
    in_place = True
    previous = codes.dtype.type(0)
    for code in codes:
        starts[code + 1] += 1
        in_place = in_place and code >= previous
        previous = code
    for level in range(levels):
        starts[level + 1] += starts[level]
    order = np.empty(len(codes), dtype=np.int32)
    if in_place:
        for row in range(len(codes)):
            order[row] = row
        return starts, order, in_place
    place = starts[:-1].copy()
    for row in range(len(codes)):
        order[place[codes[row]]] = row
        place[codes[row]] += 1
    return starts, order, in_place


@dataclass(frozen=True, eq=False)
class Cells:
    """A sparse matrix by rows, without duplicates: groups against levels of other factors.

    Attributes
    ----------
    starts
        Where each row begins, shape ``(g + 1,)``.
    index
        The column of each entry.
    value
        Its value: the summed weight (times slope) of the observations in the cell.
    """

    starts: Int64
    index: Int32
    value: Numpy


def merge_cells(starts: Int64, codes: Int32, values: Numpy, weights: Numpy, size: int) -> Cells:
    """Sum the rows of each group that have the same code.

    Parameters
    ----------
    starts
        Of groups, ``(g + 1,)``.
    codes
        Columns below ``size`` of the ``t`` terms of each row, in group order, ``(n, t)``.
    values
        The slopes of those terms, ``(n, t)``, or empty for ones.
    weights
        Of rows in group order, ``(n,)``, or empty for ones.
    """
    bounds = even_bounds(starts, parts(4 * codes.size))

    def merged(low: int, high: int) -> Any:
        return _merge(low, high, unsigned(starts), unsigned(codes), values, weights, size)

    found = together(merged, bounds)
    if len(found) == 1:
        return Cells(*found[0])
    offsets = np.cumsum([0, *(len(index) for _, index, _ in found)])
    pieces = [begins[:-1] + offset for (begins, _, _), offset in zip(found, offsets, strict=False)]
    return Cells(
        np.concatenate([*pieces, offsets[-1:]]),
        np.concatenate([index for _, index, _ in found]),
        np.concatenate([value for _, _, value in found]),
    )


@compiled
def _merge(
    low: int, high: int, starts: Any, codes: Any, values: Any, weights: Any, size: int
) -> Any:
    begins = np.zeros(high - low + 1, dtype=np.int64)
    room = (starts[high] - starts[low]) * codes.shape[1]
    index = np.empty(room, dtype=np.int32)
    value = np.empty(room)
    last = np.full(size, -1, dtype=np.int64)
    used = 0
    for g in range(low, high):
        first = used
        for row in range(starts[g], starts[g + 1]):
            weight = weights[row] if weights.size else 1.0
            for term in range(codes.shape[1]):
                code = codes[row, term]
                amount = weight * values[row, term] if values.size else weight
                place = last[code]
                if place >= first:
                    value[place] += amount
                else:
                    last[code] = used
                    index[used] = code
                    value[used] = amount
                    used += 1
        begins[g - low + 1] = used
    return begins, index[:used], value[:used]


@dataclass(frozen=True, eq=False)
class Turned:
    """Where the entries of each column of cells are.

    Attributes
    ----------
    starts
        Where each column begins, shape ``(m + 1,)``.
    places
        The position of the entry among the cells.
    groups
        Its row.
    """

    starts: Int64
    places: Int32
    groups: Int32

    @property
    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """The arrays as kernels read them."""
        return unsigned(self.starts), unsigned(self.places), unsigned(self.groups)


def turn(cells: Cells, size: int) -> Turned:
    """Find the entries of each of ``size`` columns."""
    return Turned(*_turn(unsigned(cells.starts), unsigned(cells.index), size))


@compiled
def _turn(starts: Any, index: Any, size: int) -> Any:
    begins = np.zeros(size + 1, dtype=np.int64)
    for column in index:
        begins[column + np.uint32(1)] += 1
    for column in range(size):
        begins[column + 1] += begins[column]
    to = begins[:-1].copy()
    places = np.empty(len(index), dtype=np.int32)
    groups = np.empty(len(index), dtype=np.int32)
    for g in range(len(starts) - 1):
        for entry in range(starts[g], starts[g + 1]):
            column = index[entry]
            places[to[column]] = entry
            groups[to[column]] = g
            to[column] += 1
    return begins, places, groups


@compiled
def longer(values: Any, needed: int) -> Any:
    """Copy a full buffer into one with room for twice what is needed."""
    grown = np.empty(2 * needed, dtype=values.dtype)
    grown[: len(values)] = values
    return grown
