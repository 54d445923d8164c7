r"""Normal equations of absorbed factors after eliminating the largest one.

With :math:`D = (E, L, B)`, where :math:`E` are the dummies of the eliminated factor, :math:`B`
those of factors with few levels and :math:`L` all others, the fitted effects solve

.. math:: S\,\beta = (L, B)^\top W (I - P_E)\, y, \qquad
          S = (L, B)^\top W (I - P_E)\,(L, B).

:math:`S_{BB}` is small and dense and is eliminated too.  :math:`S_{LL} = N - U^\top M^{-1} U`
is applied from the cells :math:`U = E^\top W L` and the masses :math:`M = E^\top W E`, or formed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.kernels import row_passes
from workbench.kernels.cells import Cells, merge_cells, to_columns, to_groups
from workbench.kernels.factors import Factor, Int32
from workbench.kernels.prefetch import prefetch
from workbench.kernels.row_passes import Rows
from workbench.kernels.segments import (
    AHEAD,
    Grouping,
    Int64,
    compiled,
    even_bounds,
    group,
    parts,
    row_bounds,
    together,
    unsigned,
)
from workbench.protocols import Numpy

# Factors with so few levels together are eliminated as one dense block.
_BORDER = 64
# Directions of a small matrix with a smaller share of the largest eigenvalue do not exist.
_SMALL_RANK = 1e-12
# Rows of which the middle is taken for that of all.
_LOOKED_AT = 15


@dataclass(frozen=True, eq=False)
class Reduced:
    """The rows in the order of the eliminated factor, with codes of all other terms.

    Attributes
    ----------
    terms
        What else there is: the members of :math:`L`, then those of :math:`B`.
    rows
        The rows as they came.
    starts
        Where each level of the eliminated factor begins in the arrays below, ``(g + 1,)``.
    inverse_mass
        One over the summed weight of each level of the eliminated factor, ``(g,)``.
    codes, small
        The columns of :math:`L` that rows have, and those of :math:`B`, each counted from 0, in
        the order of the eliminated factor.
    values, weights
        The slopes of all terms, and weights, in that order.
    offsets
        Where the columns of each term begin, shape ``(t + 1,)``.
    """

    terms: tuple[Factor, ...]
    rows: Rows
    starts: Int64
    inverse_mass: Numpy
    codes: Int32
    small: npt.NDArray[np.uint8]
    values: Numpy
    weights: Numpy
    offsets: Int64

    @property
    def large(self) -> int:
        """The number of terms of :math:`L`."""
        return int(self.codes.shape[1])

    @property
    def plain(self) -> npt.NDArray[np.bool_]:
        """Whether each term is one of intercepts, shape ``(t,)``."""
        return np.array([term.slope is None for term in self.terms], dtype=bool)

    @property
    def split(self) -> int:
        """The number of columns of :math:`L`."""
        return int(self.offsets[self.large])

    @property
    def size(self) -> int:
        """The number of columns of :math:`(L, B)`."""
        return int(self.offsets[-1])

    @cached_property
    def cells(self) -> Cells:
        """The weights of the cells of the eliminated factor and :math:`L`."""
        values = self.values[:, : self.large]
        return merge_cells(self.starts, self.codes, values, self.weights, self.split)

    @cached_property
    def small_cells(self) -> Cells:
        """The rows as cells of the eliminated factor and :math:`B`, not merged."""
        amounts = self.values[:, self.large :]
        if self.weights.size:
            amounts = self.weights[:, None] * (
                amounts if amounts.size else np.ones(self.small.shape)
            )
        return Cells(self.starts * self.small.shape[1], self.small.ravel(), amounts.ravel())


def reduce(eliminated: Factor | None, others: list[Factor], weights: Numpy | None) -> Reduced:
    """Bring the rows of all other terms into the order of the eliminated factor.

    Without one, all rows are one group whose mean is taken as zero.
    """
    count = len((eliminated or others[0]).codes)
    whole = eliminated or Factor("", np.zeros(count, dtype=np.int32), 1)
    large, small = _divided(others, count)
    terms = (*large, *small)
    offsets = np.cumsum([0, *(term.levels for term in terms)])
    codes = np.empty((count, len(terms)), dtype=np.int32)
    sloped = any(term.slope is not None for term in terms)
    values = np.ones((count if sloped else 0, len(terms)))
    for column, term in enumerate(terms):
        np.add(term.codes, np.int32(offsets[column]), out=codes[:, column])
        if term.slope is not None:
            values[:, column] = term.slope
    given = np.empty(0) if weights is None else weights
    order = group(whole.codes, whole.levels)
    rows = Rows(whole.codes, codes, values, given, order.starts if order.in_place else None)
    return Reduced(
        terms,
        rows,
        order.starts,
        np.zeros(1) if eliminated is None else 1 / _mass(whole, order, weights),
        *_in_order(order, codes, len(large), int(offsets[len(large)])),
        order.take(values) if sloped else values,
        given if weights is None else order.take(given),
        offsets,
    )


def _in_order(
    order: Grouping, codes: Int32, terms: int, split: int
) -> tuple[Int32, npt.NDArray[np.uint8]]:
    """Take the codes of the first terms in the order of groups, and of the others from 0."""
    if order.in_place:
        small = (codes[:, terms:] - np.int32(split)).astype(np.uint8)
        return np.ascontiguousarray(codes[:, :terms]), small
    large = np.empty((len(codes), terms), dtype=np.int32)
    small = np.empty((len(codes), codes.shape[1] - terms), dtype=np.uint8)
    together(
        lambda low, high: _take_codes(low, high, order.order, codes, split, large, small),
        row_bounds(len(codes), 4 * codes.size),
    )
    return large, small


@compiled
def _take_codes(
    low: int, high: int, order: Any, codes: Any, split: int, large: Any, small: Any
) -> None:
    terms = large.shape[1]
    for place in range(low, high):
        row = order[place]
        if place + AHEAD < high:
            prefetch(codes, order[place + AHEAD])
        for term in range(terms):
            large[place, term] = codes[row, term]
        for term in range(small.shape[1]):
            small[place, term] = codes[row, terms + term] - split


def _mass(member: Factor, order: Grouping, weights: Numpy | None) -> Numpy:
    """Sum the weights of each level, ``(g,)``."""
    if weights is None:
        return np.diff(order.starts).astype(np.float64)
    found: Numpy = np.bincount(member.codes, weights, member.levels)  # type: ignore[assignment]
    return found


def _divided(others: list[Factor], rows: int) -> tuple[list[Factor], list[Factor]]:
    """Split terms into large ones and the few smallest that make up a dense border."""
    ranked = sorted(others, key=lambda term: term.levels)
    levels = np.cumsum([term.levels for term in ranked])
    count = int(np.searchsorted(levels, _BORDER, side="right"))
    while count and levels[count - 1] * (levels[-1] - levels[count - 1]) > 4 * rows:
        count -= 1
    return ranked[count:][::-1], ranked[:count][::-1]


@dataclass(frozen=True, eq=False)
class Border:
    r"""The small factors, eliminated: :math:`S_{LB}`, and a generalized inverse of S_BB."""

    coupling: Numpy
    inverse: Numpy

    def fold(self, right: Numpy, split: int) -> tuple[Numpy, Numpy]:
        """Return the right-hand side of :math:`L` alone, and the squared length explained."""
        solved = self.inverse @ right[split:]
        explained = np.sum(right[split:] * solved, axis=0)
        return right[:split] - self.coupling @ solved, explained

    def unfold(self, right: Numpy, effects: Numpy, split: int) -> Numpy:
        """Return the effects of both parts, ``(m, K)``, from those of :math:`L`."""
        rest = right[split:] - self.coupling.T @ effects
        return np.concatenate([effects, self.inverse @ rest])


@dataclass(frozen=True, eq=False)
class Projected:
    """Columns whose means by level of the eliminated factor are taken off, as sums.

    Attributes
    ----------
    means
        The means, ``(g, P)``.
    right
        The sums of what is left over the other terms, ``(size, P)``.
    original, remaining
        The squared lengths of the columns before and after, ``(P,)``.
    """

    means: Numpy
    right: Numpy
    original: Numpy
    remaining: Numpy


def project(system: Reduced, columns: Numpy) -> Projected:
    """Take the means of the eliminated factor from ``columns (n, K)``.

    Sums of a column far from zero would lose digits.  So its middle is taken off first, which
    the means would take off anyway.
    """
    inverse = system.inverse_mass
    shift = np.zeros(row_passes.padded(columns.shape[1]))
    if inverse.any():
        shift[: columns.shape[1]] = np.median(columns[:: len(columns) // _LOOKED_AT + 1], axis=0)
    groups, right, squares = _centred_sums(system, columns, shift)
    means = inverse[:, None] * groups
    mass = np.sum(1 / inverse) if inverse.any() else 0.0
    return Projected(
        means + shift,
        right,
        squares + shift * (2 * groups.sum(axis=0) + mass * shift),
        squares - np.einsum("gk,gk->k", means, groups),
    )


def _centred_sums(system: Reduced, columns: Numpy, shift: Numpy) -> tuple[Numpy, Numpy, Numpy]:
    """Sum columns by level, and over the other terms less the levels' means; and their squares."""
    rows, inverse, split = system.rows, system.inverse_mass, system.split
    if rows.starts is not None:
        return row_passes.centred_sums(rows, columns, shift, inverse, system.size)
    groups, right, squares = row_passes.sums(rows, columns, shift, len(inverse), system.size)
    means = inverse[:, None] * groups
    right[:split] -= to_columns(system.cells, means, split)
    if system.small.size:
        right[split:] -= to_columns(system.small_cells, means, system.size - split)
    return groups, right, squares


def residuals(
    system: Reduced, projected: Projected, columns: Numpy, effects: Numpy
) -> tuple[Numpy, Numpy]:
    """Return what all effects leave of ``columns (n, K)``, and those of the eliminated factor.

    The latter have the shape ``(g, P)``; ``effects (size, P)`` are those of all others.
    """
    if system.rows.starts is not None:
        return row_passes.centred_residuals(system.rows, columns, system.inverse_mass, effects)
    taken = to_groups(system.cells, effects[: system.split])
    if system.small.size:
        taken += to_groups(system.small_cells, effects[system.split :])
    taken *= system.inverse_mass[:, None]
    means = np.subtract(projected.means, taken, out=taken)
    return row_passes.residuals(system.rows, columns, means, effects), means


def border(system: Reduced) -> Border:
    """Sum up the small factors' part of the normal equations."""
    bounds = even_bounds(system.starts, parts(4 * len(system.codes)))
    split, width = system.split, system.size - system.split
    order = (unsigned(system.starts), system.inverse_mass, *system.cells.arrays)
    read = (unsigned(system.codes), system.small, system.values, system.weights)
    plain = _plain_columns(system)

    def summed(low: int, high: int) -> tuple[Numpy, Numpy]:
        coupling, block = np.zeros((split, width)), np.zeros((width, width))
        if width:
            _sum_border(low, high, *order, *read, plain.start, plain.stop, coupling, block)
        return coupling, block

    found = together(summed, bounds)
    coupling, block = (sum(piece[1:], start=piece[0]) for piece in zip(*found, strict=True))
    return Border(coupling, generalized_inverse(block))


def _plain_columns(system: Reduced) -> range:
    """Return the columns of a small term of intercepts; each row has one.  Empty without one."""
    for term in range(system.large, len(system.terms)):
        if system.terms[term].slope is None:
            first, end = system.offsets[term : term + 2] - system.split
            return range(first, end)
    return range(0)


@compiled
def _sum_border(
    low: int,
    high: int,
    starts: Any,
    inverse: Any,
    begins: Any,
    index: Any,
    value: Any,
    codes: Any,
    small: Any,
    values: Any,
    weights: Any,
    first: int,
    end: int,
    coupling: Any,
    block: Any,
) -> None:
    """Sum rows less the means of their groups, those of the first group at the end.

    In a balanced panel all groups have the mean of the first.  What they have in a column of L is
    what is left then in a plain term's columns ``first`` to ``end``, as a row has one of them.
    """
    width = coupling.shape[1]
    common, mean, counts, balanced = np.zeros(width), np.zeros(width), np.zeros(width), 0.0
    for g in range(low, high):
        mean[:] = 0.0
        if values.size or weights.size:
            _sum_rows(
                starts[g], starts[g + 1], codes, small, values, weights, mean, coupling, block
            )
        else:
            _count_rows(starts[g], starts[g + 1], codes, small, mean, coupling, block)
            for k in range(width):
                counts[k] += mean[k]
        distance = 0.0
        if g == low:
            common[:] = mean * inverse[g]
        for k in range(width):
            mean[k] *= inverse[g]
            distance += abs(mean[k] - common[k])
        mass = 1 / inverse[g] if inverse[g] > 0.0 else 0.0
        if distance == 0.0 and first < end:
            balanced += mass
        else:
            _take_square(mass, mean, block)
            _take_mean(begins[g], begins[g + 1], index, value, mean, coupling)
    _take_square(balanced, common, block)
    for j in range(len(coupling)):
        coupling[j] -= coupling[j, first:end].sum() * common
    for a in range(width):
        block[a, a] += counts[a]
        block[:a, a] = block[a, :a]


@compiled
def _take_square(mass: float, mean: Any, block: Any) -> None:
    """Take from the lower triangle of a block of sums that of the means."""
    for a in range(len(mean)):
        if mean[a] != 0.0:
            for other in range(a + 1):
                block[a, other] -= mass * mean[a] * mean[other]


@compiled
def _take_mean(low: int, high: int, index: Any, value: Any, mean: Any, coupling: Any) -> None:
    """Take from the rows of some cells the mean of their group."""
    for entry in range(low, high):
        amount, target = value[entry] if value.size else 1.0, coupling[index[entry]]
        for k in range(len(mean)):
            target[k] -= amount * mean[k]


@compiled
def _sum_rows(
    low: int,
    high: int,
    codes: Any,
    small: Any,
    values: Any,
    weights: Any,
    total: Any,
    coupling: Any,
    block: Any,
) -> None:
    large = codes.shape[1]
    for row in range(low, high):
        weight = weights[row] if weights.size else 1.0
        for term in range(small.shape[1]):
            a = small[row, term]
            amount = weight * values[row, large + term] if values.size else weight
            total[a] += amount
            for other in range(term + 1):
                slope = values[row, large + other] if values.size else 1.0
                block[a, small[row, other]] += amount * slope
            for other in range(large):
                slope = values[row, other] if values.size else 1.0
                coupling[codes[row, other], a] += amount * slope


@compiled
def _count_rows(
    low: int, high: int, codes: Any, small: Any, total: Any, coupling: Any, block: Any
) -> None:
    """Sum rows of ones, in a third of the time."""
    for row in range(low, high):
        for term in range(small.shape[1]):
            a = small[row, term]
            total[a] += 1.0
            for other in range(codes.shape[1]):
                coupling[codes[row, other], a] += 1.0
    for term in range(1, small.shape[1]):
        for row in range(low, high):
            for other in range(term):
                block[small[row, term], small[row, other]] += 1.0


def generalized_inverse(matrix: Numpy) -> Numpy:
    """Invert the independent part of a small positive semi-definite matrix; the rest gets zeros.

    The part is found by a Cholesky factorization with pivots, scaled to a unit diagonal.  It is
    compiled here because a library's threads take longer to wake than this takes.
    """
    length = np.sqrt(np.maximum(np.diag(matrix), 0))
    scale = np.where(length > 0, 1 / np.where(length > 0, length, 1), 0)
    scales = np.outer(scale, scale)
    inverse: Numpy = _inverse_of_pivots(matrix * scales, _SMALL_RANK) * scales
    return inverse


@compiled
def _inverse_of_pivots(matrix: Any, least: float) -> Any:
    """Sweep the largest remaining pivot until none is above ``least``; sweeps leave minus it."""
    size = len(matrix)
    swept = matrix.copy()
    free = np.ones(size, dtype=np.bool_)
    for _ in range(size):
        pivot, largest = -1, least
        for j in range(size):
            if free[j] and swept[j, j] > largest:
                pivot, largest = j, swept[j, j]
        if pivot < 0:
            break
        free[pivot] = False
        row = swept[pivot].copy()
        for i in range(size):
            share, target = row[i] / largest, swept[i]
            for j in range(size):
                target[j] -= share * row[j]
        for j in range(size):
            swept[pivot, j] = swept[j, pivot] = row[j] / largest
        swept[pivot, pivot] = -1 / largest
    for i in range(size):
        for j in range(size):
            swept[i, j] = 0.0 if free[i] or free[j] else -swept[i, j]
    return swept
