"""Cells of a factor with others: a sparse matrix, and its products with a few columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.kernels.absorption.factors import Int32
from workbench.kernels.parallel.compiled import (
    Int64,
    compiled,
    even_bounds,
    lean,
    parts,
    row_bounds,
    together,
    unsigned,
)
from workbench.protocols import Numpy

# Merging the rows of cells costs as much as several products with unmerged rows.
_LOOKED_AT, _MOSTLY_APART = 1000, 0.8


@dataclass(frozen=True, eq=False)
class Cells:
    """A sparse matrix by rows: groups against levels of other factors.

    Entries in the same place add up.

    Attributes
    ----------
    starts
        Where each row begins, shape ``(g + 1,)``.
    index
        The column of each entry.
    value
        Its value: the summed weight (times slope) of the observations in the cell; empty where
        each entry is an observation of weight one.
    """

    starts: Int64
    index: Int32 | npt.NDArray[np.uint8]
    value: Numpy

    @property
    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """The arrays as kernels read them."""
        return unsigned(self.starts), unsigned(self.index), self.value

    def part(self, low: int, high: int) -> tuple[npt.NDArray[Any], ...]:
        """Return the arrays of some rows, whose entries stay where they are."""
        starts, index, value = self.arrays
        return starts[low : high + 1], index, value

    def bounds(self, width: int) -> list[int]:
        """Cut the rows into a range for each thread, for a pass with so many columns."""
        return even_bounds(self.starts, parts(len(self.index) * width))


def merge_cells(starts: Int64, codes: Int32, values: Numpy, weights: Numpy, size: int) -> Cells:
    """Sum the rows of each group that have the same code, unless few have.

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
    ones = not values.size and not weights.size
    if ones and not _worth_merging(unsigned(starts), unsigned(codes), size):
        return Cells(starts * codes.shape[1], np.ascontiguousarray(codes).ravel(), np.empty(0))

    def merged(low: int, high: int) -> Any:
        return _merge(low, high, unsigned(starts), unsigned(codes), values, weights, size)

    found = together(merged, even_bounds(starts, parts(4 * codes.size)))
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
def _worth_merging(starts: Any, codes: Any, size: int) -> bool:
    """Judge by some groups, evenly spaced, whether many of their rows share a cell."""
    last = np.full(size, -1, dtype=np.int64)
    rows, cells = 0, 0
    for g in range(0, len(starts) - 1, max(1, (len(starts) - 1) // _LOOKED_AT)):
        for row in range(starts[g], starts[g + 1]):
            for term in range(codes.shape[1]):
                rows += 1
                if last[codes[row, term]] != g:
                    last[codes[row, term]] = g
                    cells += 1
    return cells < _MOSTLY_APART * rows


@compiled
def _merge(
    low: int, high: int, starts: Any, codes: Any, values: Any, weights: Any, size: int
) -> Any:
    begins = np.zeros(high - low + 1, dtype=np.int64)
    capacity = (starts[high] - starts[low]) * codes.shape[1]
    index = np.empty(capacity, dtype=np.int32)
    value = np.empty(capacity)
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
    """Find the entries of each of ``size`` columns, by counting."""
    starts, index, _ = cells.arrays
    bounds = cells.bounds(4)
    counts = together(lambda low, high: _count_columns(low, high, starts, index, size), bounds)
    begins = np.zeros(size + 1, dtype=np.int64)
    np.cumsum(sum(counts[1:], start=counts[0]), out=begins[1:])
    before = np.cumsum([0 * counts[0], *counts[:-1]], axis=0)
    free = dict(zip(bounds, begins[:-1] + before, strict=False))
    places = np.empty(len(index), dtype=np.int32)
    groups = np.empty(len(index), dtype=np.int32)
    together(
        lambda low, high: _turn(low, high, starts, index, unsigned(free[low]), places, groups),
        bounds,
    )
    return Turned(begins, places, groups)


@compiled
def _count_columns(low: int, high: int, starts: Any, index: Any, size: int) -> Any:
    counts = np.zeros(size, dtype=np.int64)
    for entry in range(starts[low], starts[high]):
        counts[index[entry]] += 1
    return counts


@compiled
def _turn(
    low: int, high: int, starts: Any, index: Any, free: Any, places: Any, groups: Any
) -> None:
    """Write each entry to the first free place of its column."""
    for g in range(low, high):
        for entry in range(starts[g], starts[g + 1]):
            place = free[index[entry]]
            places[place], groups[place] = entry, g
            free[index[entry]] = place + np.uint64(1)


def to_groups(cells: Cells, x: Numpy) -> Numpy:
    """Return the product with ``x (m, P)``, ``(g, P)``."""
    y = np.empty((len(cells.starts) - 1, x.shape[1]))
    run = _to_groups_one if x.shape[1] == 1 else _to_groups_many
    together(
        lambda low, high: run(*cells.part(low, high), *lean(x, y[low:high])),
        cells.bounds(x.shape[1]),
    )
    return y


def to_columns(cells: Cells, x: Numpy, size: int) -> Numpy:
    """Return the product of the transpose with ``x (g, P)``, ``(size, P)``."""
    run = _to_columns_one if x.shape[1] == 1 else _to_columns_many

    def summed(low: int, high: int) -> Numpy:
        y = np.zeros((size, x.shape[1]))
        run(*cells.part(low, high), *lean(x[low:high], y))
        return y

    found = together(summed, cells.bounds(x.shape[1]))
    total: Numpy = sum(found[1:], start=found[0])
    return total


def through(cells: Cells, inverse: Numpy, diagonal: Numpy, x: Numpy) -> Numpy:
    r"""Return :math:`(N - U^\top M^{-1} U)\,x` for ``x (m, P)``, by diagonals of N and M^-1."""
    run = _through_one if x.shape[1] == 1 else _through_many

    def passed(low: int, high: int) -> Numpy:
        y = np.zeros_like(x)
        run(*cells.part(low, high), inverse[low:high], *lean(x, y))
        return y

    total, *others = together(passed, cells.bounds(x.shape[1]))
    rest = sum(others[1:], start=others[0]) if others else np.empty((0, x.shape[1]))
    less = _less_one if x.shape[1] == 1 else _less_many
    together(
        lambda low, high: less(
            diagonal[low:high], *lean(x[low:high], rest[low:high], total[low:high])
        ),
        row_bounds(len(x), x.size),
    )
    product: Numpy = total
    return product


@compiled
def _less_one(diagonal: Any, x: Any, rest: Any, total: Any) -> None:
    """Replace a total by the product with the diagonal less the total and its rest."""
    for j in range(len(x)):
        total[j] = diagonal[j] * x[j] - total[j] - (rest[j] if rest.size else 0.0)


@compiled
def _less_many(diagonal: Any, x: Any, rest: Any, total: Any) -> None:
    """Do the same for several columns."""
    for j in range(len(x)):
        for k in range(x.shape[1]):
            other = rest[j, k] if rest.size else 0.0
            total[j, k] = diagonal[j] * x[j, k] - total[j, k] - other


@compiled
def _to_groups_one(starts: Any, index: Any, value: Any, x: Any, y: Any) -> None:
    for row in range(len(y)):
        total = 0.0
        for entry in range(starts[row], starts[row + 1]):
            total += (value[entry] if value.size else 1.0) * x[index[entry]]
        y[row] = total


@compiled
def _to_groups_many(starts: Any, index: Any, value: Any, x: Any, y: Any) -> None:
    width = x.shape[1]
    for row in range(len(y)):
        target = y[row]
        target[:] = 0.0
        for entry in range(starts[row], starts[row + 1]):
            source, amount = x[index[entry]], value[entry] if value.size else 1.0
            for k in range(width):
                target[k] += amount * source[k]


@compiled
def _to_columns_one(starts: Any, index: Any, value: Any, x: Any, y: Any) -> None:
    for g in range(len(x)):
        for entry in range(starts[g], starts[g + 1]):
            y[index[entry]] += (value[entry] if value.size else 1.0) * x[g]


@compiled
def _to_columns_many(starts: Any, index: Any, value: Any, x: Any, y: Any) -> None:
    for g in range(len(x)):
        source = x[g]
        for entry in range(starts[g], starts[g + 1]):
            target, amount = y[index[entry]], value[entry] if value.size else 1.0
            for k in range(len(source)):
                target[k] += amount * source[k]


@compiled
def _through_one(starts: Any, index: Any, value: Any, inverse: Any, x: Any, y: Any) -> None:
    for g in range(len(inverse)):
        total = 0.0
        for entry in range(starts[g], starts[g + 1]):
            total += (value[entry] if value.size else 1.0) * x[index[entry]]
        total *= inverse[g]
        for entry in range(starts[g], starts[g + 1]):
            y[index[entry]] += (value[entry] if value.size else 1.0) * total


@compiled
def _through_many(starts: Any, index: Any, value: Any, inverse: Any, x: Any, y: Any) -> None:
    width = x.shape[1]
    total = np.empty(width)
    for g in range(len(inverse)):
        total[:] = 0.0
        for entry in range(starts[g], starts[g + 1]):
            source, amount = x[index[entry]], (value[entry] if value.size else 1.0)
            for k in range(width):
                total[k] += amount * source[k]
        for k in range(width):
            total[k] *= inverse[g]
        for entry in range(starts[g], starts[g + 1]):
            target, amount = y[index[entry]], (value[entry] if value.size else 1.0)
            for k in range(width):
                target[k] += amount * total[k]
