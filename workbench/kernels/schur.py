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
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.kernels.factors import Factor, Int32
from workbench.kernels.row_passes import Rows
from workbench.kernels.segments import (
    Cells,
    Int64,
    compiled,
    even_bounds,
    group,
    merge_cells,
    parts,
    together,
    unsigned,
)
from workbench.protocols import Numpy

# Factors with so few levels together are eliminated as one dense block.
_BORDER = 64
# Directions of a small matrix with a smaller share of the largest eigenvalue do not exist.
_SMALL_RANK = 1e-12


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
    codes, values, weights
        What the rows read, in the order of the eliminated factor.
    offsets
        Where the columns of each term begin, shape ``(t + 1,)``.
    large
        The number of terms, and of columns, that belong to :math:`L`.
    """

    terms: tuple[Factor, ...]
    rows: Rows
    starts: Int64
    codes: Int32
    values: Numpy
    weights: Numpy
    offsets: Int64
    large: int

    @property
    def inverse_mass(self) -> Numpy:
        """One over the summed weight of each level of the eliminated factor, ``(g,)``."""
        return self.rows.inverse_mass

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

    def cells(self) -> Cells:
        """Sum weights over cells of the eliminated factor and :math:`L`."""
        codes, values = self.codes[:, : self.large], self.values[:, : self.large]
        return merge_cells(self.starts, codes, values, self.weights, self.split)


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
        np.add(term.codes, offsets[column], out=codes[:, column], casting="unsafe")
        if term.slope is not None:
            values[:, column] = term.slope
    given = np.empty(0) if weights is None else weights
    mass = np.bincount(whole.codes, weights=weights, minlength=whole.levels)
    inverse = np.zeros(1) if eliminated is None else 1 / mass
    order = group(whole.codes, whole.levels)
    starts = order.starts if order.in_place else None
    rows = Rows(whole.codes, codes, values, given, inverse, starts)
    return Reduced(
        terms,
        rows,
        order.starts,
        order.take(codes),
        order.take(values) if sloped else values,
        given if weights is None else order.take(given),
        offsets,
        len(large),
    )


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


def border(system: Reduced) -> Border:
    """Sum up the small factors' part of the normal equations."""
    bounds = even_bounds(system.starts, parts(4 * len(system.codes)))
    split, width = system.split, system.size - system.split

    def summed(low: int, high: int) -> tuple[Numpy, Numpy]:
        coupling, block = np.zeros((split, width)), np.zeros((width, width))
        read = (unsigned(system.codes), system.values, system.weights, system.large)
        if width:
            starts = unsigned(system.starts)
            _sum_border(low, high, starts, system.inverse_mass, *read, coupling, block)
        return coupling, block

    found = together(summed, bounds)
    coupling, block = (sum(piece[1:], start=piece[0]) for piece in zip(*found, strict=True))
    return Border(coupling, generalized_inverse(block))


@compiled
def _sum_border(  # noqa: C901  (one walk over the rows)
    low: int,
    high: int,
    starts: Any,
    inverse: Any,
    codes: Any,
    values: Any,
    weights: Any,
    large: int,
    coupling: Any,
    block: Any,
) -> None:
    """Sum rows as departures from the mean of the first group, which a balanced panel lacks."""
    split, width = np.uint64(coupling.shape[0]), coupling.shape[1]
    common = np.zeros(width)
    mean = np.zeros(width)
    amounts = np.zeros(coupling.shape[0])
    balanced = 0.0
    for g in range(low, high):
        mean[:] = 0.0
        for row in range(starts[g], starts[g + 1]):
            weight = weights[row] if weights.size else 1.0
            for term in range(large, codes.shape[1]):
                slope = values[row, term] if values.size else 1.0
                a = codes[row, term] - split
                mean[a] += weight * slope
                block[a, a] += weight * slope * slope
                for other in range(large, term):
                    b = codes[row, other] - split
                    pair = weight * slope * (values[row, other] if values.size else 1.0)
                    block[a, b] += pair
                    block[b, a] += pair
        departs = False
        for k in range(width):
            mean[k] *= inverse[g]
            if g == low:
                common[k] = mean[k]
            departs = departs or mean[k] != common[k]
        mass = 1 / inverse[g] if inverse[g] > 0.0 else 0.0
        if departs:
            for k in range(width):
                if mean[k] != 0.0:
                    for other in range(width):
                        block[k, other] -= mass * mean[k] * mean[other]
        else:
            balanced += mass
        for row in range(starts[g], starts[g + 1]):
            weight = weights[row] if weights.size else 1.0
            for term in range(large):
                amount = weight * (values[row, term] if values.size else 1.0)
                j = codes[row, term]
                target = coupling[j]
                if departs:
                    for k in range(width):
                        target[k] -= amount * mean[k]
                else:
                    amounts[j] += amount
                for other in range(large, codes.shape[1]):
                    slope = values[row, other] if values.size else 1.0
                    target[codes[row, other] - split] += amount * slope
    for j in range(len(amounts)):
        for k in range(width):
            coupling[j, k] -= amounts[j] * common[k]
    for k in range(width):
        for other in range(width):
            block[k, other] -= balanced * common[k] * common[other]


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
