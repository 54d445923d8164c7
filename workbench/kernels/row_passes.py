"""Passes over the rows: project columns off one factor, and take all effects from them.

Rows are read in the order in which they stand.  Where that is the order of the eliminated
factor, a block of its levels is finished while it is in the processor's cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.kernels.factors import Int32
from workbench.kernels.segments import (
    Int64,
    compiled,
    even_bounds,
    parts,
    together,
    unsigned,
)
from workbench.protocols import Numpy

LANES = 4
"""Several columns are padded to a multiple of what a register holds in float64 (AVX2)."""
# Levels that are finished before the next ones are begun, where rows stand in their order.
_BLOCK = 64


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
    inverse_mass
        One over the summed weight of each level of the eliminated factor, ``(g,)``.
    starts
        Where each of those levels begins, ``(g + 1,)``, or None where rows are not in order.
    """

    level: Int32
    codes: Int32
    values: Numpy
    weights: Numpy
    inverse_mass: Numpy
    starts: Int64 | None


def padded(width: int) -> int:
    """Return the columns that arrays of the reduced problem have for so many right-hand sides."""
    return width if width == 1 else -(-width // LANES) * LANES


def right_hand_side(rows: Rows, columns: Numpy, size: int) -> tuple[Numpy, Numpy]:
    """Project ``columns (n, K)`` off the eliminated factor and sum them over the other terms.

    Returns
    -------
    tuple of Numpy
        The sums, ``(size, P)``, and squared lengths before and after the projection, ``(2, P)``.
    """
    width = padded(columns.shape[1])
    means = _level_means(rows, columns, width) if rows.starts is None else None
    read = (unsigned(rows.codes), rows.values, rows.weights, columns)

    def summed(low: int, high: int) -> tuple[Numpy, Numpy]:
        right, lengths = np.zeros((size, width)), np.zeros((2, width))
        if rows.starts is None:
            run = _right_one if width == 1 else _right_many
            run(low, high, unsigned(rows.level), means, *read, right, lengths)
        else:
            run = _right_sorted_one if width == 1 else _right_sorted_many
            order = (unsigned(rows.starts), unsigned(rows.level), rows.inverse_mass)
            run(low, high, *order, *read, right, lengths)
        return right, lengths

    found = together(summed, _bounds(rows, columns))
    right, lengths = (sum(piece[1:], start=piece[0]) for piece in zip(*found, strict=True))
    return right, lengths


def residuals(rows: Rows, columns: Numpy, effects: Numpy) -> tuple[Numpy, Numpy]:
    """Take effects ``(m, P)`` of the other terms, and then level means, from ``columns (n, K)``.

    Returns
    -------
    tuple of Numpy
        What remains, ``(n, K)``, and the means: effects of the eliminated factor, ``(g, P)``.
    """
    left, width = np.empty_like(columns), effects.shape[1]
    read = (unsigned(rows.codes), rows.values, rows.weights, columns, effects, left)
    level, levels = unsigned(rows.level), len(rows.inverse_mass)
    if rows.starts is not None:
        means = np.zeros((levels, width))
        run = _left_sorted_one if width == 1 else _left_sorted_many
        order = (unsigned(rows.starts), level, rows.inverse_mass)
        together(lambda low, high: run(low, high, *order, *read, means), _bounds(rows, columns))
        return left, means
    take = _left_one if width == 1 else _left_many
    centre = _centre_one if width == 1 else _centre_many

    def taken(low: int, high: int) -> Numpy:
        sums = np.zeros((levels, width))
        take(low, high, level, *read, sums)
        return sums

    means = sum(together(taken, _bounds(rows, columns)), start=np.zeros((levels, width)))
    means *= rows.inverse_mass[:, None]
    together(lambda low, high: centre(low, high, level, means, left), _bounds(rows, columns))
    return left, means


def _level_means(rows: Rows, columns: Numpy, width: int) -> Numpy:
    run = _sums_one if width == 1 else _sums_many

    def summed(low: int, high: int) -> Numpy:
        sums = np.zeros((len(rows.inverse_mass), width))
        run(low, high, unsigned(rows.level), rows.weights, columns, sums)
        return sums

    total: Numpy = sum(together(summed, _bounds(rows, columns)))
    return total * rows.inverse_mass[:, None]


def _bounds(rows: Rows, columns: Numpy) -> list[int]:
    """Cut levels, or rows that are not in their order, into a range for each thread."""
    pieces = parts(4 * columns.size)
    if rows.starts is not None:
        return even_bounds(rows.starts, pieces)
    return [len(columns) * piece // pieces for piece in range(pieces + 1)]


@compiled
def _sums_one(low: int, high: int, level: Any, weights: Any, columns: Any, sums: Any) -> None:
    for i in range(low, high):
        weight = weights[i] if weights.size else 1.0
        sums[level[i], 0] += weight * columns[i, 0]


@compiled
def _sums_many(low: int, high: int, level: Any, weights: Any, columns: Any, sums: Any) -> None:
    width = columns.shape[1]
    for i in range(low, high):
        weight, given, target = weights[i] if weights.size else 1.0, columns[i], sums[level[i]]
        for k in range(width):
            target[k] += weight * given[k]


@compiled
def _right_one(
    low: int,
    high: int,
    level: Any,
    means: Any,
    codes: Any,
    values: Any,
    weights: Any,
    columns: Any,
    right: Any,
    lengths: Any,
) -> None:
    before, after = 0.0, 0.0
    for i in range(low, high):
        weight, given = weights[i] if weights.size else 1.0, columns[i, 0]
        value = given - means[level[i], 0]
        before += weight * given * given
        after += weight * value * value
        for term in range(codes.shape[1]):
            slope = values[i, term] if values.size else 1.0
            right[codes[i, term], 0] += weight * slope * value
    lengths[0, 0] += before
    lengths[1, 0] += after


@compiled
def _right_many(
    low: int,
    high: int,
    level: Any,
    means: Any,
    codes: Any,
    values: Any,
    weights: Any,
    columns: Any,
    right: Any,
    lengths: Any,
) -> None:
    width, wide = columns.shape[1], right.shape[1]
    value = np.zeros(wide)
    before, after = lengths[0], lengths[1]
    for i in range(low, high):
        weight, given, mean = weights[i] if weights.size else 1.0, columns[i], means[level[i]]
        for k in range(width):
            value[k] = given[k]
        for k in range(wide):
            before[k] += weight * value[k] * value[k]
            value[k] -= mean[k]
            after[k] += weight * value[k] * value[k]
        for term in range(codes.shape[1]):
            amount = weight * values[i, term] if values.size else weight
            target = right[codes[i, term]]
            for k in range(wide):
                target[k] += amount * value[k]


@compiled
def _left_one(
    low: int,
    high: int,
    level: Any,
    codes: Any,
    values: Any,
    weights: Any,
    columns: Any,
    effects: Any,
    left: Any,
    sums: Any,
) -> None:
    for i in range(low, high):
        value = columns[i, 0]
        for term in range(codes.shape[1]):
            slope = values[i, term] if values.size else 1.0
            value -= slope * effects[codes[i, term], 0]
        left[i, 0] = value
        sums[level[i], 0] += (weights[i] if weights.size else 1.0) * value


@compiled
def _left_many(
    low: int,
    high: int,
    level: Any,
    codes: Any,
    values: Any,
    weights: Any,
    columns: Any,
    effects: Any,
    left: Any,
    sums: Any,
) -> None:
    width, wide = columns.shape[1], effects.shape[1]
    value = np.zeros(wide)
    for i in range(low, high):
        given, result, target = columns[i], left[i], sums[level[i]]
        for k in range(width):
            value[k] = given[k]
        for term in range(codes.shape[1]):
            slope = values[i, term] if values.size else 1.0
            effect = effects[codes[i, term]]
            for k in range(wide):
                value[k] -= slope * effect[k]
        weight = weights[i] if weights.size else 1.0
        for k in range(wide):
            target[k] += weight * value[k]
        for k in range(width):
            result[k] = value[k]


@compiled
def _centre_one(low: int, high: int, level: Any, means: Any, left: Any) -> None:
    for i in range(low, high):
        left[i, 0] -= means[level[i], 0]


@compiled
def _centre_many(low: int, high: int, level: Any, means: Any, left: Any) -> None:
    width = left.shape[1]
    for i in range(low, high):
        result, mean = left[i], means[level[i]]
        for k in range(width):
            result[k] -= mean[k]


@compiled
def _scale(low: int, high: int, inverse: Any, means: Any) -> None:
    for g in range(low, high):
        for k in range(means.shape[1]):
            means[g, k] *= inverse[g]


@compiled
def _right_sorted_one(
    low: int,
    high: int,
    starts: Any,
    level: Any,
    inverse: Any,
    codes: Any,
    values: Any,
    weights: Any,
    columns: Any,
    right: Any,
    lengths: Any,
) -> None:
    means = np.zeros((len(inverse), right.shape[1]))
    for g in range(low, high, _BLOCK):
        end = min(g + _BLOCK, high)
        first, last = int(starts[g]), int(starts[end])
        _sums_one(first, last, level, weights, columns, means)
        _scale(g, end, inverse, means)
        _right_one(first, last, level, means, codes, values, weights, columns, right, lengths)


@compiled
def _left_sorted_one(
    low: int,
    high: int,
    starts: Any,
    level: Any,
    inverse: Any,
    codes: Any,
    values: Any,
    weights: Any,
    columns: Any,
    effects: Any,
    left: Any,
    means: Any,
) -> None:
    for g in range(low, high, _BLOCK):
        end = min(g + _BLOCK, high)
        first, last = int(starts[g]), int(starts[end])
        _left_one(first, last, level, codes, values, weights, columns, effects, left, means)
        _scale(g, end, inverse, means)
        _centre_one(first, last, level, means, left)


@compiled
def _right_sorted_many(
    low: int,
    high: int,
    starts: Any,
    level: Any,
    inverse: Any,
    codes: Any,
    values: Any,
    weights: Any,
    columns: Any,
    right: Any,
    lengths: Any,
) -> None:
    means = np.zeros((len(inverse), right.shape[1]))
    for g in range(low, high, _BLOCK):
        end = min(g + _BLOCK, high)
        first, last = int(starts[g]), int(starts[end])
        _sums_many(first, last, level, weights, columns, means)
        _scale(g, end, inverse, means)
        _right_many(first, last, level, means, codes, values, weights, columns, right, lengths)


@compiled
def _left_sorted_many(
    low: int,
    high: int,
    starts: Any,
    level: Any,
    inverse: Any,
    codes: Any,
    values: Any,
    weights: Any,
    columns: Any,
    effects: Any,
    left: Any,
    means: Any,
) -> None:
    for g in range(low, high, _BLOCK):
        end = min(g + _BLOCK, high)
        first, last = int(starts[g]), int(starts[end])
        _left_many(first, last, level, codes, values, weights, columns, effects, left, means)
        _scale(g, end, inverse, means)
        _centre_many(first, last, level, means, left)
