r"""The matrix of a Schur complement: applied from cells, or formed and factored.

:math:`S_{LL} = N - U^\top M^{-1} U` and its border, in the notation of
:mod:`workbench.kernels.absorption.schur`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from workbench.kernels.absorption.approximate_cholesky import factor_laplacian
from workbench.kernels.absorption.cells import Cells, Turned, merge_cells, through, to_groups, turn
from workbench.kernels.absorption.conjugate_gradients import Jacobi, Operator, Preconditioner
from workbench.kernels.absorption.grouping import Grouping, group
from workbench.kernels.absorption.schur import Border, Reduced, generalized_inverse
from workbench.kernels.parallel.compiled import (
    compiled,
    even_bounds,
    longer,
    parts,
    together,
)
from workbench.protocols import Numpy

DENSE = 200
"""A matrix of no more rows than this is formed at once and solved exactly."""
# The share of cells alone in their group from which leaving them out saves time.
_LONELY = 0.1


@dataclass(frozen=True, eq=False)
class ByCells:
    r"""Apply :math:`N - U^\top M^{-1} U` without forming it.

    Attributes
    ----------
    diagonal, cross
        :math:`N`: its diagonal, ``(m,)``, and its other entries.
    cells, inverse_mass
        :math:`U`, ``(g, m)``, and the diagonal of :math:`M^{-1}`, ``(g,)``.
    whole_diagonal
        The diagonal of the whole matrix, ``(m,)``; somewhat more where cells are not merged.
    """

    diagonal: Numpy
    cross: Cells | None
    cells: Cells
    inverse_mass: Numpy
    whole_diagonal: Numpy

    @property
    def work(self) -> int:
        """The entries that one product reads."""
        return 2 * len(self.cells.index) + (0 if self.cross is None else len(self.cross.index))

    @property
    def fill(self) -> int:
        """The sum of squared cells per group: the work of forming, and a bound on the entries."""
        counts = np.diff(self.cells.starts)
        return int(counts @ counts)

    @cached_property
    def turned(self) -> Turned:
        """The cells by column."""
        return turn(self.cells, len(self.diagonal))

    @cached_property
    def likely_entries(self) -> int:
        """The entries of the formed matrix, estimated from some of its rows, evenly spaced."""
        size = len(self.diagonal)
        rows = np.unique(np.linspace(0, size - 1, 64).astype(np.int64))
        begins, _, groups = self.turned.arrays
        found = _count(rows, size, begins, groups, *self.cells.arrays[:2])
        return int(found * size / len(rows))

    def multiply(self, x: Numpy) -> Numpy:
        """Return the product with ``x (m, P)``."""
        total = through(self.cells, self.inverse_mass, self.diagonal, x)
        if self.cross is not None:
            total += to_groups(self.cross, x)
        return total


@dataclass(frozen=True, eq=False)
class Formed:
    """A sparse symmetric matrix with its diagonal stored separately."""

    diagonal: Numpy
    rest: Cells

    def multiply(self, x: Numpy) -> Numpy:
        """Return the product with ``x (m, P)``."""
        return self.diagonal[:, None] * x + to_groups(self.rest, x)


@dataclass(frozen=True, eq=False)
class Bordered:
    r"""Apply :math:`S_{LL} - S_{LB} S_{BB}^{+} S_{BL}`."""

    inner: Operator
    border: Border

    def multiply(self, x: Numpy) -> Numpy:
        """Return the product with ``x (m, P)``."""
        product = self.inner.multiply(x)
        coupling = self.border.coupling
        if coupling.shape[1]:
            product -= coupling @ (self.border.inverse @ (coupling.T @ x))
        return product


def by_cells(system: Reduced) -> ByCells:
    """Collect the arrays for applying :math:`S_{LL}`."""
    cells, inverse = system.cells, system.inverse_mass
    if system.large == 1 and not system.values.size:
        if np.count_nonzero(np.diff(cells.starts) == 1) > _LONELY * len(cells.index):
            starts, index, value, groups = _without_singletons(*cells.arrays)
            cells, inverse = Cells(starts, index, value), inverse[groups]
        diagonal, taken = _diagonals(*cells.arrays, inverse, system.split)
        return ByCells(diagonal, None, cells, inverse, diagonal - taken)
    _, taken = _diagonals(*cells.arrays, inverse, system.split)
    diagonal, cross = _crossed(system)
    return ByCells(diagonal, cross, cells, inverse, diagonal - taken)


@compiled
def _without_singletons(starts: Any, index: Any, value: Any) -> Any:
    """Leave out groups with one cell, whose contributions to the matrix cancel.

    The last array returned says which groups are left.
    """
    begins, groups = np.zeros(len(starts), dtype=np.int64), np.empty(len(starts), dtype=np.int64)
    kept_index, kept_value = np.empty(len(index), dtype=np.int32), np.empty(len(value))
    left, used = 0, 0
    for g in range(len(starts) - 1):
        if starts[g + 1] - starts[g] <= 1:
            continue
        for entry in range(starts[g], starts[g + 1]):
            kept_index[used], used = index[entry], used + 1
            if value.size:
                kept_value[used - 1] = value[entry]
        groups[left], left = g, left + 1
        begins[left] = used
    return begins[: left + 1], kept_index[:used], kept_value[:used], groups[:left]


@compiled
def _diagonals(starts: Any, index: Any, value: Any, inverse: Any, size: int) -> Any:
    """Sum the cells and their scaled squares by column."""
    sums, squares = np.zeros(size), np.zeros(size)
    for g in range(len(starts) - 1):
        for entry in range(starts[g], starts[g + 1]):
            amount = value[entry] if value.size else 1.0
            sums[index[entry]] += amount
            squares[index[entry]] += inverse[g] * amount * amount
    return sums, squares


def _cells(matrix: sparse.csr_array) -> Cells:
    return Cells(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data)


def _scipy(cells: Cells, size: int) -> sparse.csr_array:
    value = cells.value if cells.value.size else np.ones(len(cells.index))
    return sparse.csr_array((value, cells.index, cells.starts), shape=(size, size))


def _crossed(system: Reduced) -> tuple[Numpy, Cells | None]:
    """Cross the terms of :math:`L` with each other: the diagonal of :math:`N`, and the rest."""
    size, weights = system.split, system.weights
    diagonal = np.zeros(size)
    blocks = []
    for a in range(system.large):
        codes, slopes = system.codes[:, a], system.values[:, a]
        amounts = slopes**2 * weights if slopes.size and weights.size else slopes**2
        masses = amounts if slopes.size else (weights if weights.size else None)
        diagonal += np.bincount(codes, weights=masses, minlength=size)
        later = slice(a + 1, system.large)
        if a + 1 < system.large:
            scales = slopes[:, None] * system.values[:, later]
            rows = group(codes, size)
            taken = [_taken(rows, part) for part in (system.codes[:, later], scales, weights)]
            merged = merge_cells(rows.starts, taken[0], taken[1], taken[2], size)
            blocks.append(_scipy(merged, size))
    if not blocks:
        return diagonal, None
    half = sum(blocks[1:], start=blocks[0])
    return diagonal, _cells((half + half.T).tocsr())


def _taken(rows: Grouping, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return rows.take(values) if values.size else values


def form(matrix: ByCells) -> Formed:
    r"""Form :math:`N - U^\top M^{-1} U`: each pair of a group's cells once, then mirrored."""
    size = len(matrix.diagonal)
    bounds = even_bounds(matrix.turned.starts, parts(matrix.fill))
    turned, cells = matrix.turned, matrix.cells

    def formed(low: int, high: int) -> Any:
        arrays = (*turned.arrays, *cells.arrays, matrix.inverse_mass, size)
        return _form(low, high, *arrays)

    found = together(formed, bounds)
    half = sparse.vstack(
        [
            sparse.csr_array((value, index, starts), shape=(len(starts) - 1, size))
            for starts, index, value, _ in found
        ],
        format="csr",
    )
    taken = np.concatenate([squares for *_, squares in found])
    whole = half + half.T
    if matrix.cross is not None:
        whole += _scipy(matrix.cross, size)
    return Formed(matrix.diagonal - taken, _cells(whole.tocsr()))


@compiled
def _form(
    low: int,
    high: int,
    begins: Any,
    places: Any,
    groups: Any,
    starts: Any,
    index: Any,
    value: Any,
    inverse: Any,
    size: int,
) -> Any:
    """Sum, for each column of the cells, its products with the later cells of its groups."""
    ends = np.zeros(high - low + 1, dtype=np.int32)
    columns = np.empty(16 * (high - low) + size, dtype=np.int32)
    amounts = np.empty(len(columns))
    sums = np.zeros(size)
    touched = np.empty(size, dtype=np.uint32)
    known = np.zeros(size, dtype=np.bool_)
    squares = np.zeros(high - low)
    used = 0
    for row in range(low, high):
        count, once = 0, 0.0
        for entry in range(begins[row], begins[row + 1]):
            g, place = groups[entry], places[entry]
            amount = value[place] if value.size else 1.0
            scale = amount * inverse[g]
            once += scale * amount
            for other in range(place, starts[g + np.uint32(1)]):
                column = index[other]
                sums[column] -= scale * value[other] if value.size else scale
                if not known[column]:
                    known[column] = True
                    touched[count] = column
                    count += 1
        if used + count > len(columns):
            columns, amounts = longer(columns, used + count), longer(amounts, used + count)
        for place in range(count):
            column = touched[place]
            if column == row:  # of entries in the same place, each pair was visited once
                squares[row - low] = -2 * sums[column] - once
            else:
                columns[used], amounts[used] = column, sums[column]
                used += 1
            sums[column] = 0.0
            known[column] = False
        ends[row - low + 1] = used
    return ends, columns[:used].copy(), amounts[:used].copy(), squares


@compiled
def _count(rows: Any, size: int, begins: Any, groups: Any, starts: Any, index: Any) -> int:
    last = np.full(size, -1, dtype=np.int64)
    count = 0
    for row in rows:
        for entry in range(begins[row], begins[row + 1]):
            g = groups[entry]
            for other in range(starts[g], starts[g + np.uint32(1)]):
                if last[index[other]] != row:
                    last[index[other]] = row
                    count += 1
    return count


def factor(formed: Formed, system: Reduced, samples: int, seed: int) -> Preconditioner:
    """Factor the diagonal blocks of plain terms approximately, and scale the rest."""
    size = len(formed.diagonal)
    if size <= DENSE:
        return Dense(formed)
    term = np.searchsorted(system.offsets[1:], np.arange(size), side="right").astype(np.int32)
    graph = Cells(*_graph(*formed.rest.arrays, term, system.plain))
    factors = factor_laplacian(graph, samples, seed)
    if system.plain[: system.large].all():
        return factors
    return Blocks(factors, Jacobi(formed.diagonal), system.plain[term])


class Dense:
    """The generalized inverse of a small matrix."""

    def __init__(self, formed: Formed) -> None:
        size = len(formed.diagonal)
        full = _scipy(formed.rest, size).toarray()
        full[np.diag_indices(size)] += formed.diagonal
        self._inverse = generalized_inverse(full)

    def solve(self, right: Numpy) -> Numpy:
        """Return the least-squares solution of least length, ``(m, K)``."""
        return self._inverse @ right


@dataclass(frozen=True, eq=False)
class Blocks:
    """Two preconditioners, each for its own rows."""

    first: Preconditioner
    second: Preconditioner
    chosen: npt.NDArray[np.bool_]

    def solve(self, right: Numpy) -> Numpy:
        """Return the approximate solution, ``(m, K)``."""
        mask = self.chosen[:, None]
        return np.where(mask, self.first.solve(right * mask), self.second.solve(right))


@compiled
def _graph(starts: Any, index: Any, value: Any, term: Any, plain: Any) -> Any:
    """Keep the negative entries between levels of one plain term, as positive weights."""
    begins = np.zeros(len(starts), dtype=np.int64)
    columns = np.empty(len(index), dtype=np.int32)
    weights = np.empty(len(index))
    used = 0
    for row in range(len(starts) - 1):
        for entry in range(starts[row], starts[row + 1]):
            same = term[row] == term[index[entry]] and plain[term[row]]
            if same and value[entry] < 0.0:
                columns[used], weights[used] = index[entry], -value[entry]
                used += 1
        begins[row + 1] = used
    return begins, columns[:used], weights[:used]
