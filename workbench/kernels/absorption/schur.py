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

from workbench.kernels.absorption import row_passes
from workbench.kernels.absorption.cells import Cells, merge_cells, to_columns, to_groups
from workbench.kernels.absorption.factors import Factor, Int32
from workbench.kernels.absorption.grouping import Grouping, UInt32, carry, starts_in_order
from workbench.kernels.absorption.row_passes import Rows
from workbench.kernels.parallel.compiled import (
    Int64,
    compiled,
    even_bounds,
    parts,
    row_bounds,
    together,
    unsigned,
)
from workbench.protocols import Numpy

UInt8 = npt.NDArray[np.uint8]

# Factors with at most so many levels together are eliminated as one dense block; that is the
# number of bits by which `_take_means` identifies them.
_BORDER = 64
# Directions of a small matrix with a smaller share of the largest eigenvalue count as none.
_SMALL_RANK = 1e-12
# The bits of the number that is sorted along with each row.
_LOAD = 32
# Rows whose middle stands for that of all.
_LOOKED_AT = 15


@dataclass(frozen=True, eq=False)
class Reduced:
    """The rows in the order of the eliminated factor, with codes of all other terms.

    Attributes
    ----------
    terms
        The other terms: the members of :math:`L`, then those of :math:`B`.
    rows
        The rows in their original order.
    starts
        Where each level of the eliminated factor begins in the arrays below, ``(g + 1,)``.
    codes, small
        The columns of :math:`L` that rows have, and those of :math:`B`, each counted from 0, in
        the order of the eliminated factor.
    values, weights
        The slopes of all terms, and weights, in that order.
    inverse_mass
        One over the summed weight of each level of the eliminated factor, ``(g,)``.
    offsets
        Where the columns of each term begin, shape ``(t + 1,)``.
    """

    terms: tuple[Factor, ...]
    rows: Rows
    starts: Int64
    codes: Int32
    small: UInt8
    values: Numpy
    weights: Numpy
    inverse_mass: Numpy
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
    """Sort the rows of all other terms by the eliminated factor.

    Without one, all rows are one group whose mean is taken as zero.
    """
    count = len((eliminated or others[0]).codes)
    whole = eliminated or Factor("", np.zeros(count, dtype=np.int32), 1)
    large, small = _divided(others, count)
    terms = (*large, *small)
    offsets = np.cumsum([0, *(term.levels for term in terms)])
    codes = _joined_codes(terms, offsets, count)
    sloped = any(term.slope is not None for term in terms)
    values = np.ones((count if sloped else 0, len(terms)))
    for column, term in enumerate(terms):
        if term.slope is not None:
            values[:, column] = term.slope
    given = np.empty(0) if weights is None else weights
    rows = Rows(whole.codes, codes, values, given, starts_in_order(whole.codes, whole.levels))
    ordered = _in_order(rows, terms, len(large), whole.levels, offsets)
    mass = _level_weights(whole, ordered[0], weights)
    return Reduced(terms, rows, *ordered, np.zeros(1) if eliminated is None else 1 / mass, offsets)


def _joined_codes(terms: tuple[Factor, ...], offsets: Int64, rows: int) -> Int32:
    """Return the codes of all terms as columns, each numbered from the end of the last."""
    if len(terms) == 1:
        return terms[0].codes.reshape(-1, 1)
    codes = np.empty((rows, len(terms)), dtype=np.int32)
    for column, term in enumerate(terms):
        np.add(term.codes, np.int32(offsets[column]), out=codes[:, column])
    return codes


def _in_order(
    rows: Rows, terms: tuple[Factor, ...], large: int, levels: int, offsets: Int64
) -> tuple[Int64, Int32, UInt8, Numpy, Numpy]:
    """Sort rows by the eliminated factor.

    Returns
    -------
    tuple of arrays
        Where each level begins; then, of the rows in that order, the columns of :math:`L`, those
        of :math:`B` from 0, the slopes and the weights.
    """
    widths = [int(term.levels - 1).bit_length() for term in terms]
    ones = not rows.values.size and not rows.weights.size
    if terms and ones and rows.starts is None and sum(widths) <= _LOAD:
        starts, packed = carry(rows.level, levels, _packed(terms, widths))
        codes, small = _unpacked(packed, widths, large, offsets)
        return starts, codes, small, rows.values, rows.weights
    order = Grouping.of(rows.level, levels, rows.starts)
    codes = order.take(rows.codes)
    small = (codes[:, large:] - np.int32(offsets[large])).astype(np.uint8)
    codes = np.ascontiguousarray(codes[:, :large])
    return order.starts, codes, small, order.take(rows.values), order.take(rows.weights)


def _packed(terms: tuple[Factor, ...], widths: list[int]) -> UInt32:
    """Pack the codes of each row into one number, the last term's in its lowest bits."""
    packed, *others = (unsigned(term.codes) for term in terms)
    for codes, width in zip(others, widths[1:], strict=True):
        packed = packed << np.uint32(width)
        packed |= codes
    return packed


def _unpacked(packed: UInt32, widths: list[int], large: int, offsets: Int64) -> tuple[Int32, UInt8]:
    """Unpack such numbers into the columns of :math:`L`, and those of :math:`B` from 0."""
    codes = np.empty((len(packed), large), dtype=np.int32)
    small = np.empty((len(packed), len(widths) - large), dtype=np.uint8)
    columns = [*unsigned(codes).T, *small.T]
    begins = [*offsets[:large], *(offsets[large:-1] - offsets[large])]
    for term, column in enumerate(columns):
        _take_bits(packed, sum(widths[term + 1 :]), widths[term], begins[term], column)
    return codes, small


def _take_bits(
    packed: UInt32, shift: int, width: int, first: int, column: npt.NDArray[Any]
) -> None:
    numbers = [np.uint32(number) for number in (shift, (1 << width) - 1, first)]
    together(
        lambda low, high: _bits(packed[low:high], *numbers, column[low:high]),
        row_bounds(len(packed), 4 * len(packed)),
    )


@compiled
def _bits(packed: Any, shift: int, mask: int, first: int, column: Any) -> None:
    for row in range(len(column)):
        column[row] = (packed[row] >> shift & mask) + first


def _level_weights(member: Factor, starts: Int64, weights: Numpy | None) -> Numpy:
    """Sum the weights of each level, ``(g,)``."""
    if weights is None:
        return np.diff(starts).astype(np.float64)
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
    """Columns less their means by level of the eliminated factor, as sums.

    Attributes
    ----------
    means
        The means, ``(g, P)``, less the shift.
    shift
        What was subtracted from each column first, ``(P,)``.
    right
        The sums of the rest over the other terms, ``(size, P)``.
    original, remaining
        The squared lengths of the columns before and after, ``(P,)``.
    """

    means: Numpy
    shift: Numpy
    right: Numpy
    original: Numpy
    remaining: Numpy


def project(system: Reduced, columns: Numpy) -> Projected:
    """Subtract the means of the eliminated factor from ``columns (n, K)``.

    Sums of a column far from zero would lose digits.  So its middle, which is part of the means,
    is subtracted first.
    """
    inverse = system.inverse_mass
    shift = np.zeros(row_passes.padded(columns.shape[1]))
    if inverse.any():
        shift[: columns.shape[1]] = np.median(columns[:: len(columns) // _LOOKED_AT + 1], axis=0)
    rows, size, split = system.rows, system.size, system.split
    if rows.starts is not None:
        means, right, squares = row_passes.centred_sums(rows, columns, shift, inverse, size)
        total, explained = _to_means(means, inverse)
    else:
        means, right, squares = row_passes.sums(rows, columns, shift, len(inverse), size)
        total, explained = _to_means(means, inverse)
        right[:split] -= to_columns(system.cells, means, split)
        if system.small.size:
            right[split:] -= to_columns(system.small_cells, means, size - split)
    mass = np.sum(1 / inverse) if inverse.any() else 0.0
    original = squares + shift * (2 * total + mass * shift)
    return Projected(means, shift, right, original, squares - explained)


@compiled
def _to_means(groups: Any, inverse: Any) -> Any:
    """Replace sums by means; return the totals and the squared lengths of the means."""
    width = groups.shape[1]
    total, explained = np.zeros(width), np.zeros(width)
    for g in range(len(inverse)):
        for k in range(width):
            mean = inverse[g] * groups[g, k]
            total[k] += groups[g, k]
            explained[k] += mean * groups[g, k]
            groups[g, k] = mean
    return total, explained


def residuals(
    system: Reduced, projected: Projected, columns: Numpy, effects: Numpy
) -> tuple[Numpy, Numpy]:
    """Return the residuals of ``columns (n, K)``, and the effects of the eliminated factor.

    The latter have the shape ``(g, P)``; ``effects (size, P)`` are those of all others.
    """
    if system.rows.starts is not None:
        return row_passes.centred_residuals(system.rows, columns, system.inverse_mass, effects)
    taken = to_groups(system.cells, effects[: system.split])
    if system.small.size:
        taken += to_groups(system.small_cells, effects[system.split :])
    means, inverse, shift = projected.means, system.inverse_mass, projected.shift
    together(
        lambda low, high: _remaining(means[low:high], shift, inverse[low:high], taken[low:high]),
        row_bounds(len(taken), taken.size),
    )
    return row_passes.residuals(system.rows, columns, taken, effects), taken


@compiled
def _remaining(means: Any, shift: Any, inverse: Any, taken: Any) -> None:
    """Replace sums of effects by the means less these."""
    for g in range(len(means)):
        for k in range(len(shift)):
            taken[g, k] = means[g, k] + shift[k] - inverse[g] * taken[g, k]


def border(system: Reduced) -> Border:
    """Sum the small factors' part of the normal equations."""
    split, width = system.split, system.size - system.split
    ones = not system.values.size and not system.weights.size
    add = _count_border if ones else _sum_border
    groups = (unsigned(system.starts), system.inverse_mass, *system.cells.arrays)

    def summed(low: int, high: int) -> tuple[Numpy, Numpy]:
        coupling, block = np.zeros((split, width)), np.zeros((width, width))
        if width and low < high:
            add(system, groups, low, high, coupling, block)
        return coupling, block

    found = together(summed, even_bounds(system.starts, parts(4 * len(system.codes))))
    coupling, lower = (sum(piece[1:], start=piece[0]) for piece in zip(*found, strict=True))
    return Border(coupling, generalized_inverse(lower + np.tril(lower, -1).T))


def _sum_border(
    system: Reduced, groups: tuple[Any, ...], low: int, high: int, coupling: Numpy, block: Numpy
) -> None:
    """Add the rows of some groups, less the means of these; of the block, the lower triangle."""
    rows = (unsigned(system.codes), system.small, system.values, system.weights)
    _sum_rows(low, high, *groups, *rows, coupling, block)


def _count_border(
    system: Reduced, groups: tuple[Any, ...], low: int, high: int, coupling: Numpy, block: Numpy
) -> None:
    """Do the same for rows of ones, by counting pairs of columns."""
    large, small = system.codes.shape[1], system.small.shape[1]
    rows = slice(*system.starts[[low, high]])
    codes, few = unsigned(system.codes[rows]), system.small[rows]
    for b in range(small):
        for a in range(large):
            coupling += _pairs(codes, a, few, b, np.zeros(coupling.shape, dtype=np.uint32))
        for a in range(b + 1):
            block += _pairs(few, b, few, a, np.zeros(block.shape, dtype=np.uint32))
    of_one_term = system.terms[large].levels
    _take_means(low, high, *groups, system.small, of_one_term, coupling, block)


@compiled
def _pairs(codes: Any, a: int, others: Any, b: int, counts: Any) -> Any:
    for row in range(len(codes)):
        counts[codes[row, a], others[row, b]] += np.uint32(1)
    return counts


@compiled
def _take_means(
    low: int,
    high: int,
    starts: Any,
    inverse: Any,
    begins: Any,
    index: Any,
    value: Any,
    small: Any,
    of_one_term: int,
    coupling: Any,
    block: Any,
) -> None:
    """Subtract the means of groups from sums of rows of ones.

    In a balanced panel groups have the same columns, each once, and so the same mean, which is
    subtracted at the end from all groups like the first.  Their sum in a column of L is then what
    is left in the columns ``of_one_term``, the first small one: a row has one of them.
    """
    mean = np.zeros(coupling.shape[1])
    pattern, alike = np.uint64(0), 0.0
    for g in range(low, high):
        seen, again = np.uint64(0), np.uint64(0)
        for row in range(starts[g], starts[g + 1]):
            for term in range(small.shape[1]):
                bit = np.uint64(1) << small[row, term]
                again |= seen & bit
                seen |= bit
        if g == low and not again:
            pattern = seen
        if seen == pattern and not again:
            alike += 1.0
            continue
        mean[:] = 0.0
        for row in range(starts[g], starts[g + 1]):
            for term in range(small.shape[1]):
                mean[small[row, term]] += 1.0
        _take_square(inverse[g], mean, block)
        _take_mean(begins[g], begins[g + 1], index, value, inverse[g], mean, coupling)
    for k in range(len(mean)):
        mean[k] = np.float64(pattern >> np.uint64(k) & np.uint64(1))
    _take_square(alike * inverse[low], mean, block)
    for j in range(len(coupling)):
        coupling[j] -= coupling[j, :of_one_term].sum() * inverse[low] * mean


@compiled
def _sum_rows(
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
    coupling: Any,
    block: Any,
) -> None:
    large = codes.shape[1]
    total = np.zeros(coupling.shape[1])
    for g in range(low, high):
        total[:] = 0.0
        for row in range(starts[g], starts[g + 1]):
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
        _take_square(inverse[g], total, block)
        _take_mean(begins[g], begins[g + 1], index, value, inverse[g], total, coupling)


@compiled
def _take_square(inverse: float, total: Any, block: Any) -> None:
    """Subtract the outer product of one group's mean from the lower triangle of a block of sums.

    That is the square of its ``total`` over its mass.
    """
    for a in range(len(total)):
        if total[a] != 0.0:
            for other in range(a + 1):
                block[a, other] -= inverse * total[a] * total[other]


@compiled
def _take_mean(
    low: int, high: int, index: Any, value: Any, inverse: float, total: Any, coupling: Any
) -> None:
    """Subtract the mean of their group from the rows of some cells."""
    for entry in range(low, high):
        amount, target = value[entry] if value.size else 1.0, coupling[index[entry]]
        for k in range(len(total)):
            target[k] -= amount * inverse * total[k]


def generalized_inverse(matrix: Numpy) -> Numpy:
    """Invert the independent part of a small positive semi-definite matrix; the rest gets zeros.

    The part is found by a Cholesky factorization with pivots, scaled to a unit diagonal.  It is
    compiled here because waking a library's threads takes longer.
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
