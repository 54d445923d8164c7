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

# Rows between asking for the memory of a row anywhere and using it.
_AHEAD = 32
# Groups a drawer, as a power of two: all drawers being filled fit in cache, and so does one.
_DRAWER = np.uint32(9)
_IN_DRAWER = np.uint32((1 << _DRAWER) - 1)
# Rows between looks at whether they are in order.
_BLOCK = 4096


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
    order: UInt32

    @classmethod
    def of(cls, codes: Int32, levels: int, starts: Int64 | None) -> Self:
        """Sort rows by code; with ``starts`` they are in order already."""
        if starts is not None:
            return cls(starts, np.empty(0, dtype=np.uint32))
        return cls(*carry(codes, levels, np.arange(len(codes), dtype=np.uint32)))

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
    """Bring one number a row into the order of the rows' codes.

    Returns
    -------
    tuple of arrays
        Where each group begins, ``(g + 1,)``, and the numbers in that order, ``(n,)``.
    """
    given, drawers = unsigned(codes), (levels - 1 >> int(_DRAWER)) + 1
    bounds = row_bounds(len(codes), 4 * len(codes))
    counts = together(lambda low, high: _count(given[low:high], drawers), bounds)
    begins = np.append(0, np.cumsum(np.sum(counts, axis=0)))
    before = np.cumsum([0 * counts[0], *counts[:-1]], axis=0)
    free = dict(zip(bounds, (begins[:-1] + before).astype(np.uint32), strict=False))
    drawn = np.empty(len(codes), dtype=np.uint64)
    together(lambda low, high: _draw(low, high, given, load, free[low], drawn), bounds)
    starts, carried = np.zeros(levels + 1, dtype=np.int64), np.empty(len(codes), dtype=np.uint32)
    together(
        lambda low, high: _empty(low, high, unsigned(begins), drawn, starts, carried),
        row_bounds(drawers, 4 * len(codes)),
    )
    return starts, carried


@compiled
def _starts(codes: Any, levels: int) -> Any:
    """Find where each group begins, and whether rows are in order; it ends soon if not."""
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
def _count(codes: Any, drawers: int) -> Any:
    """Count the rows of each drawer."""
    counts = np.zeros(drawers, dtype=np.int64)
    for code in codes:
        counts[code >> _DRAWER] += 1
    return counts


@compiled
def _draw(low: int, high: int, codes: Any, load: Any, free: Any, drawn: Any) -> None:
    """Put the code and load of each row into the next free place of its drawer."""
    free = free.copy()  # in cache lines of this thread alone
    for row in range(low, high):
        drawer = codes[row] >> _DRAWER
        place = free[drawer]
        free[drawer] = place + np.uint32(1)
        drawn[place] = np.uint64(load[row]) << np.uint64(32) | np.uint64(codes[row])


@compiled
def _empty(low: int, high: int, begins: Any, drawn: Any, starts: Any, carried: Any) -> None:
    """Sort what each of some drawers holds, and note where its groups begin."""
    free = np.empty(_IN_DRAWER + 2, dtype=np.uint32)
    for drawer in range(low, high):
        first = drawer << _DRAWER
        groups = min(len(starts) - 1 - first, 1 << _DRAWER)
        free[:] = 0
        for place in range(begins[drawer], begins[drawer + 1]):
            free[(np.uint32(drawn[place]) & _IN_DRAWER) + np.uint32(1)] += np.uint32(1)
        free[0] = begins[drawer]
        for level in range(groups):
            free[level + 1] += free[level]
            starts[first + level + 1] = free[level + 1]
        for place in range(begins[drawer], begins[drawer + 1]):
            code = np.uint32(drawn[place]) & _IN_DRAWER
            carried[free[code]] = drawn[place] >> np.uint64(32)
            free[code] += np.uint32(1)
