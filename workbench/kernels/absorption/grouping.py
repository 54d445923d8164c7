"""Rows in the order of their group: a counting sort, on threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from workbench.kernels.absorption.factors import Int32
from workbench.kernels.parallel.compiled import Int64, compiled, row_bounds, together, unsigned
from workbench.kernels.parallel.prefetch import prefetch

UInt32 = npt.NDArray[np.uint32]

# Rows between prefetching a row in any place and using it.
_AHEAD = 32
# Groups per bucket, as a power of two: the write positions of all buckets fit in cache, and so
# does one bucket.
_BUCKET = np.uint32(9)
_IN_BUCKET = np.uint32((1 << _BUCKET) - 1)
# Rows between checks of whether they are in order.
_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class Grouping:
    """Rows in the order of their group.

    Attributes
    ----------
    starts
        Where each group begins in ``order``, shape ``(g + 1,)``.
    order
        The rows, group after group, and within a group in their original order, shape ``(n,)``;
        empty where the rows are sorted already.
    """

    starts: Int64
    order: UInt32

    @classmethod
    def of(cls, codes: Int32, levels: int, starts: Int64 | None) -> Self:
        """Sort rows by code; with ``starts`` they are in order already."""
        if starts is not None:
            return cls(starts, np.empty(0, dtype=np.uint32))
        return cls(*carry(codes, levels, np.arange(len(codes), dtype=np.uint32)))

    @property
    def in_place(self) -> bool:
        """Whether the rows are sorted by group."""
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
        if row + _AHEAD < high:
            prefetch(values, order[row + _AHEAD])
        for column in range(values.shape[1]):
            taken[row, column] = values[order[row], column]


def group(codes: Int32, levels: int) -> Grouping:
    """Sort rows by code, by counting."""
    return Grouping.of(codes, levels, starts_in_order(codes, levels))


def starts_in_order(codes: Int32, levels: int) -> Int64 | None:
    """Find where each group begins, ``(g + 1,)``, if rows are in the order of their codes."""
    starts, in_order = _starts(unsigned(codes), levels)
    return starts if in_order else None


def carry(codes: Int32, levels: int, load: UInt32) -> tuple[Int64, UInt32]:
    """Sort one number per row by the rows' codes.

    Returns
    -------
    tuple of arrays
        Where each group begins, ``(g + 1,)``, and the numbers in that order, ``(n,)``.
    """
    given, buckets = unsigned(codes), (levels - 1 >> int(_BUCKET)) + 1
    bounds = row_bounds(len(codes), 4 * len(codes))
    counts = together(lambda low, high: _count(given[low:high], buckets), bounds)
    begins = np.append(0, np.cumsum(np.sum(counts, axis=0)))
    before = np.cumsum([0 * counts[0], *counts[:-1]], axis=0)
    free = dict(zip(bounds, (begins[:-1] + before).astype(np.uint32), strict=False))
    drawn = np.empty(len(codes), dtype=np.uint64)
    together(lambda low, high: _draw(low, high, given, load, free[low], drawn), bounds)
    starts, carried = np.zeros(levels + 1, dtype=np.int64), np.empty(len(codes), dtype=np.uint32)
    together(
        lambda low, high: _empty(low, high, unsigned(begins), drawn, starts, carried),
        row_bounds(buckets, 4 * len(codes)),
    )
    return starts, carried


@compiled
def _starts(codes: Any, levels: int) -> Any:
    """Find where each group begins, and whether rows are in order; stop early if not."""
    starts = np.zeros(levels + 1, dtype=np.int64)
    in_order = True
    previous = np.uint32(0)
    for first in range(0, len(codes), _BLOCK):
        for code in codes[first : first + _BLOCK]:
            starts[code + np.uint32(1)] += 1
            in_order = in_order and code >= previous
            previous = code
        if not in_order:
            return starts, False
    for level in range(levels):
        starts[level + 1] += starts[level]
    return starts, True


@compiled
def _count(codes: Any, buckets: int) -> Any:
    """Count the rows of each bucket."""
    counts = np.zeros(buckets, dtype=np.int64)
    for code in codes:
        counts[code >> _BUCKET] += 1
    return counts


@compiled
def _draw(low: int, high: int, codes: Any, load: Any, free: Any, drawn: Any) -> None:
    """Put the code and load of each row into the next free place of its bucket."""
    free = free.copy()  # in cache lines of this thread alone
    for row in range(low, high):
        bucket = codes[row] >> _BUCKET
        place = free[bucket]
        free[bucket] = place + np.uint32(1)
        drawn[place] = np.uint64(load[row]) << np.uint64(32) | np.uint64(codes[row])


@compiled
def _empty(low: int, high: int, begins: Any, drawn: Any, starts: Any, carried: Any) -> None:
    """Sort the rows of some buckets, and write where their groups begin."""
    free = np.empty(_IN_BUCKET + 2, dtype=np.uint32)
    for bucket in range(low, high):
        first = bucket << _BUCKET
        groups = min(len(starts) - 1 - first, 1 << _BUCKET)
        free[:] = 0
        for place in range(begins[bucket], begins[bucket + 1]):
            free[(np.uint32(drawn[place]) & _IN_BUCKET) + np.uint32(1)] += np.uint32(1)
        free[0] = begins[bucket]
        for level in range(groups):
            free[level + 1] += free[level]
            starts[first + level + 1] = free[level + 1]
        for place in range(begins[bucket], begins[bucket + 1]):
            code = np.uint32(drawn[place]) & _IN_BUCKET
            carried[free[code]] = drawn[place] >> np.uint64(32)
            free[code] += np.uint32(1)
