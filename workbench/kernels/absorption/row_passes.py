"""Passes over the rows: sum columns over all terms, and subtract all effects from them.

Rows are read once in each pass, in the order in which they are stored.
"""

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
from workbench.kernels.parallel.prefetch import prefetch
from workbench.protocols import Numpy

LANES = 4
"""Several columns are padded to a multiple of the float64 numbers in a register (AVX2)."""
# Rows between asking for a level's memory and using it; where rows are in no order, 8 halved the
# time of a pass over ten columns, and 16 helped less.
_AHEAD = 8


@dataclass(frozen=True, eq=False)
class Rows:
    """The levels, slopes and weights of each row.

    Attributes
    ----------
    level
        The level of the eliminated factor, ``(n,)``.
    codes
        The columns of all other terms, ``(n, t)``.
    values
        The slopes of those terms, ``(n, t)``, or ``(0, t)`` when all are ones.
    weights
        One per row, ``(n,)``, or empty for ones.
    starts
        Where each level begins, ``(g + 1,)``, or None where rows are not in their order.
    """

    level: Int32
    codes: Int32
    values: Numpy
    weights: Numpy
    starts: Int64 | None

    def part(self, low: int, high: int) -> tuple[npt.NDArray[Any], ...]:
        """Return level, codes, values and weights of some rows, as kernels read them."""
        rows = slice(low, high)
        codes = unsigned(self.codes)[rows]
        return unsigned(self.level)[rows], codes, self.values[rows], self.weights[rows]


def padded(width: int) -> int:
    """Return the columns that arrays of the reduced problem have for so many right-hand sides."""
    return width if width == 1 else -(-width // LANES) * LANES


def sums(
    rows: Rows, columns: Numpy, shift: Numpy, levels: int, size: int
) -> tuple[Numpy, Numpy, Numpy]:
    """Sum weighted ``columns (n, K)`` over the eliminated factor and over all other terms.

    A ``shift (P,)`` is subtracted from them first.

    Returns
    -------
    tuple of Numpy
        The sums over its levels, ``(g, P)``, those over the other terms, ``(size, P)``, and the
        columns' squared lengths, ``(P,)``.
    """
    width = padded(columns.shape[1])
    run = _sum_one if width == 1 else _sum_many

    def summed(low: int, high: int) -> tuple[Numpy, Numpy, Numpy]:
        groups, right, squares = np.zeros((levels, width)), np.zeros((size, width)), np.zeros(width)
        run(*rows.part(low, high), shift, squares, *lean(columns[low:high], groups, right))
        return groups, right, squares

    bounds = row_bounds(len(columns), 4 * columns.size)
    groups, right, squares = _added(together(summed, bounds))
    return groups, right, squares


def centred_sums(
    rows: Rows, columns: Numpy, shift: Numpy, inverse: Numpy, size: int
) -> tuple[Numpy, Numpy, Numpy]:
    """Sum as :func:`sums` does, over rows sorted by the eliminated factor.

    The sums over the other terms are less the means of its levels, whose masses' inverses are
    ``inverse (g,)``.
    """
    assert rows.starts is not None
    starts, width = unsigned(rows.starts), padded(columns.shape[1])
    groups = np.zeros((len(inverse), width))
    run = _sum_centred_one if width == 1 else _sum_centred_many
    _, *read = rows.part(0, len(columns))

    def summed(low: int, high: int) -> tuple[Numpy, Numpy]:
        right, squares = np.zeros((size, width)), np.zeros(width)
        levels = (starts[low : high + 1], inverse[low:high], shift, squares)
        run(*read, *levels, *lean(columns, groups[low:high], right))
        return right, squares

    right, squares = _added(together(summed, even_bounds(rows.starts, parts(4 * columns.size))))
    return groups, right, squares


def _added(found: list[tuple[Numpy, ...]]) -> tuple[Numpy, ...]:
    """Add up the sums of threads, in place: new arrays cost more than the sums."""
    first, *others = found
    for other in others:
        for total, part in zip(first, other, strict=True):
            np.add(total, part, out=total)
    return first


def residuals(rows: Rows, columns: Numpy, means: Numpy, effects: Numpy) -> Numpy:
    """Subtract effects of the eliminated factor and of all other terms from ``columns (n, K)``.

    Their shapes are ``(g, P)`` and ``(size, P)``.
    """
    left = np.empty_like(columns)
    run = _take_one if effects.shape[1] == 1 else _take_many

    def taken(low: int, high: int) -> None:
        level, codes, values, _ = rows.part(low, high)
        run(level, codes, values, *lean(columns[low:high], means, effects, left[low:high]))

    together(taken, row_bounds(len(columns), 4 * columns.size))
    return left


def centred_residuals(
    rows: Rows, columns: Numpy, inverse: Numpy, effects: Numpy
) -> tuple[Numpy, Numpy]:
    """Subtract the effects ``(size, P)`` of all other terms, then the means of levels.

    The rows are sorted by the eliminated factor.

    Returns
    -------
    tuple of Numpy
        What is left, ``(n, K)``, and the means, ``(g, P)``.
    """
    assert rows.starts is not None
    left, means = np.empty_like(columns), np.zeros((len(inverse), effects.shape[1]))
    run = _take_centred_one if effects.shape[1] == 1 else _take_centred_many
    starts, (_, *read) = unsigned(rows.starts), rows.part(0, len(columns))

    def taken(low: int, high: int) -> None:
        levels = (starts[low : high + 1], inverse[low:high])
        run(*read, *levels, *lean(columns, effects, means[low:high], left))

    together(taken, even_bounds(rows.starts, parts(4 * columns.size)))
    return left, means


@compiled
def _sum_one(
    level: Any,
    codes: Any,
    values: Any,
    weights: Any,
    shift: Any,
    squares: Any,
    columns: Any,
    groups: Any,
    right: Any,
) -> None:
    middle, square = shift[0], 0.0
    for i in range(len(level)):
        given = columns[i] - middle
        value = weights[i] * given if weights.size else given
        square += value * given
        groups[level[i]] += value
        for term in range(codes.shape[1]):
            right[codes[i, term]] += values[i, term] * value if values.size else value
    squares[0] += square


@compiled
def _sum_many(
    level: Any,
    codes: Any,
    values: Any,
    weights: Any,
    shift: Any,
    squares: Any,
    columns: Any,
    groups: Any,
    right: Any,
) -> None:
    width, rows = columns.shape[1], len(level)
    for i in range(rows):
        if i + _AHEAD < rows:
            prefetch(groups, level[i + _AHEAD])
        weight, given, target = weights[i] if weights.size else 1.0, columns[i], groups[level[i]]
        for k in range(width):
            value = given[k] - shift[k]
            squares[k] += weight * value * value
            target[k] += weight * value
        for term in range(codes.shape[1]):
            amount = weight * values[i, term] if values.size else weight
            target = right[codes[i, term]]
            for k in range(width):
                target[k] += amount * (given[k] - shift[k])


@compiled
def _sum_centred_one(
    codes: Any,
    values: Any,
    weights: Any,
    starts: Any,
    inverse: Any,
    shift: Any,
    squares: Any,
    columns: Any,
    groups: Any,
    right: Any,
) -> None:
    middle, square = shift[0], 0.0
    for g in range(len(groups)):
        total = 0.0
        for i in range(starts[g], starts[g + 1]):
            given = columns[i] - middle
            value = weights[i] * given if weights.size else given
            total += value
            square += value * given
        groups[g] = total
        mean = middle + inverse[g] * total
        for i in range(starts[g], starts[g + 1]):
            value = columns[i] - mean
            if weights.size:
                value *= weights[i]
            for term in range(codes.shape[1]):
                right[codes[i, term]] += values[i, term] * value if values.size else value
    squares[0] += square


@compiled
def _sum_centred_many(
    codes: Any,
    values: Any,
    weights: Any,
    starts: Any,
    inverse: Any,
    shift: Any,
    squares: Any,
    columns: Any,
    groups: Any,
    right: Any,
) -> None:
    width = columns.shape[1]
    mean = np.empty(width)
    for g in range(len(groups)):
        total = groups[g]
        for i in range(starts[g], starts[g + 1]):
            weight, given = weights[i] if weights.size else 1.0, columns[i]
            for k in range(width):
                value = given[k] - shift[k]
                squares[k] += weight * value * value
                total[k] += weight * value
        for k in range(width):
            mean[k] = shift[k] + inverse[g] * total[k]
        for i in range(starts[g], starts[g + 1]):
            weight, given = weights[i] if weights.size else 1.0, columns[i]
            for term in range(codes.shape[1]):
                amount = weight * values[i, term] if values.size else weight
                target = right[codes[i, term]]
                for k in range(width):
                    target[k] += amount * (given[k] - mean[k])


@compiled
def _take_one(
    level: Any, codes: Any, values: Any, columns: Any, means: Any, effects: Any, left: Any
) -> None:
    for i in range(len(level)):
        value = columns[i] - means[level[i]]
        for term in range(codes.shape[1]):
            effect = effects[codes[i, term]]
            value -= values[i, term] * effect if values.size else effect
        left[i] = value


@compiled
def _take_many(
    level: Any, codes: Any, values: Any, columns: Any, means: Any, effects: Any, left: Any
) -> None:
    width, rows = columns.shape[1], len(level)
    for i in range(rows):
        if i + _AHEAD < rows:
            prefetch(means, level[i + _AHEAD])
        given, mean, result = columns[i], means[level[i]], left[i]
        for k in range(width):
            result[k] = given[k] - mean[k]
        for term in range(codes.shape[1]):
            slope, effect = values[i, term] if values.size else 1.0, effects[codes[i, term]]
            for k in range(width):
                result[k] -= slope * effect[k]


@compiled
def _take_centred_one(
    codes: Any,
    values: Any,
    weights: Any,
    starts: Any,
    inverse: Any,
    columns: Any,
    effects: Any,
    means: Any,
    left: Any,
) -> None:
    for g in range(len(means)):
        total = 0.0
        for i in range(starts[g], starts[g + 1]):
            value = columns[i]
            for term in range(codes.shape[1]):
                effect = effects[codes[i, term]]
                value -= values[i, term] * effect if values.size else effect
            left[i] = value
            total += weights[i] * value if weights.size else value
        mean = inverse[g] * total
        means[g] = mean
        for i in range(starts[g], starts[g + 1]):
            left[i] -= mean


@compiled
def _take_centred_many(
    codes: Any,
    values: Any,
    weights: Any,
    starts: Any,
    inverse: Any,
    columns: Any,
    effects: Any,
    means: Any,
    left: Any,
) -> None:
    width = columns.shape[1]
    for g in range(len(means)):
        mean = means[g]
        for i in range(starts[g], starts[g + 1]):
            weight, given, result = weights[i] if weights.size else 1.0, columns[i], left[i]
            for k in range(width):
                result[k] = given[k]
            for term in range(codes.shape[1]):
                slope, effect = values[i, term] if values.size else 1.0, effects[codes[i, term]]
                for k in range(width):
                    result[k] -= slope * effect[k]
            for k in range(width):
                mean[k] += weight * result[k]
        for k in range(width):
            mean[k] *= inverse[g]
        for i in range(starts[g], starts[g + 1]):
            result = left[i]
            for k in range(width):
                result[k] -= mean[k]
