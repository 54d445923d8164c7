"""Passes over the rows: sum columns over all terms, and take all effects from them.

Rows are read once in each pass, in the order in which they stand, whatever that is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.kernels.factors import Int32
from workbench.kernels.prefetch import prefetch
from workbench.kernels.segments import (
    Int64,
    compiled,
    even_bounds,
    parts,
    row_bounds,
    together,
    unsigned,
)
from workbench.protocols import Numpy

LANES = 4
"""Several columns are padded to a multiple of what a register holds in float64 (AVX2)."""
# Rows between asking for a level's memory and using it; where rows are in no order, 8 halved the
# time of a pass over ten columns, and 16 helped less.
_AHEAD = 8


@dataclass(frozen=True, eq=False)
class Rows:
    """What each row reads.

    Attributes
    ----------
    level
        The level of the eliminated factor, ``(n,)``.
    codes
        The columns of all other terms, ``(n, t)``.
    values
        The slopes of those terms, ``(n, t)``, or ``(0, t)`` when all are ones.
    weights
        One a row, ``(n,)``, or empty for ones.
    starts
        Where each level begins, ``(g + 1,)``, or None where rows are not in their order.
    """

    level: Int32
    codes: Int32
    values: Numpy
    weights: Numpy
    starts: Int64 | None


def padded(width: int) -> int:
    """Return the columns that arrays of the reduced problem have for so many right-hand sides."""
    return width if width == 1 else -(-width // LANES) * LANES


def sums(
    rows: Rows, columns: Numpy, shift: Numpy, levels: int, size: int
) -> tuple[Numpy, Numpy, Numpy]:
    """Sum weighted ``columns (n, K)`` over the eliminated factor and over all other terms.

    A ``shift (P,)`` is taken from them first.

    Returns
    -------
    tuple of Numpy
        The sums over its levels, ``(g, P)``, those over the other terms, ``(size, P)``, and the
        columns' squared lengths, ``(P,)``.
    """
    width = padded(columns.shape[1])
    shared = None if rows.starts is None else np.zeros((levels, width))
    run = _sum_one if width == 1 else _sum_many
    read = (unsigned(rows.level), unsigned(rows.codes), rows.values, rows.weights, columns, shift)

    def summed(low: int, high: int) -> tuple[Numpy, Numpy, Numpy]:
        groups = np.zeros((levels, width)) if shared is None else shared
        right, squares = np.zeros((size, width)), np.zeros(width)
        run(low, high, *read, groups, right, squares)
        return groups, right, squares

    found = together(summed, _bounds(rows, columns))
    groups, right, squares = found[0]
    for more in found[1:]:
        right += more[1]
        squares += more[2]
        if shared is None:
            groups += more[0]
    return groups, right, squares


def residuals(rows: Rows, columns: Numpy, means: Numpy, effects: Numpy) -> Numpy:
    """Take from ``columns (n, K)`` effects of the eliminated factor and of all other terms.

    Their shapes are ``(g, P)`` and ``(size, P)``.
    """
    left = np.empty_like(columns)
    run = _take_one if effects.shape[1] == 1 else _take_many
    read = (unsigned(rows.level), unsigned(rows.codes), rows.values, columns, means, effects)
    together(lambda low, high: run(low, high, *read, left), _bounds(rows, columns))
    return left


def _bounds(rows: Rows, columns: Numpy) -> list[int]:
    """Cut the rows into a range for each thread, between levels where they are in order."""
    if rows.starts is None:
        return row_bounds(len(columns), 4 * columns.size)
    bounds: list[int] = rows.starts[even_bounds(rows.starts, parts(4 * columns.size))].tolist()
    return bounds


@compiled
def _sum_one(
    low: int,
    high: int,
    level: Any,
    codes: Any,
    values: Any,
    weights: Any,
    columns: Any,
    shift: Any,
    groups: Any,
    right: Any,
    squares: Any,
) -> None:
    square = 0.0
    for i in range(low, high):
        given = columns[i, 0] - shift[0]
        value = weights[i] * given if weights.size else given
        square += value * given
        groups[level[i], 0] += value
        for term in range(codes.shape[1]):
            right[codes[i, term], 0] += values[i, term] * value if values.size else value
    squares[0] += square


@compiled
def _sum_many(
    low: int,
    high: int,
    level: Any,
    codes: Any,
    values: Any,
    weights: Any,
    columns: Any,
    shift: Any,
    groups: Any,
    right: Any,
    squares: Any,
) -> None:
    width = columns.shape[1]
    for i in range(low, high):
        if i + _AHEAD < high:
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
def _take_one(
    low: int,
    high: int,
    level: Any,
    codes: Any,
    values: Any,
    columns: Any,
    means: Any,
    effects: Any,
    left: Any,
) -> None:
    for i in range(low, high):
        value = columns[i, 0] - means[level[i], 0]
        for term in range(codes.shape[1]):
            effect = effects[codes[i, term], 0]
            value -= values[i, term] * effect if values.size else effect
        left[i, 0] = value


@compiled
def _take_many(
    low: int,
    high: int,
    level: Any,
    codes: Any,
    values: Any,
    columns: Any,
    means: Any,
    effects: Any,
    left: Any,
) -> None:
    width = columns.shape[1]
    for i in range(low, high):
        if i + _AHEAD < high:
            prefetch(means, level[i + _AHEAD])
        given, mean, result = columns[i], means[level[i]], left[i]
        for k in range(width):
            result[k] = given[k] - mean[k]
        for term in range(codes.shape[1]):
            slope, effect = values[i, term] if values.size else 1.0, effects[codes[i, term]]
            for k in range(width):
                result[k] -= slope * effect[k]
