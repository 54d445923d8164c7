r"""One pass over people in compiled code: value, score, exact Hessian and outer products.

For one draw :math:`\beta` varies linearly with parameters up to a transform of each coefficient,
so derivatives are formed by the coefficients that vary and carried to the parameters afterwards:
with chances :math:`P_j` of the alternatives not chosen and :math:`m = \sum_j P_j x_j`,

.. math::
    \nabla \log P = -m, \qquad \nabla^2 \log P = -\sum_j P_j x_j x_j^\top + m m^\top .

A person's score and Hessian are averages over draws with weights :math:`w_r \propto L_r`,

.. math::
    s = \sum_r w_r g_r, \qquad H = \sum_r w_r (H_r + g_r g_r^\top) - s s^\top .

The second moments of coefficients that do not vary take the averages of chances over draws, so
that a draw costs one exponential and a few multiplications an alternative.

References
----------
Train (2009), "Discrete Choice Methods with Simulation", chapter 6 and section 8.2.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from workbench.kernels.choice.coefficients import EXPONENTIAL, MINUS_EXPONENTIAL, POSITIVE
from workbench.kernels.choice.lanes import (
    LANES,
    add,
    everywhere,
    exp,
    larger,
    largest,
    load,
    log,
    minus,
    over,
    plus_times,
    store,
    times,
    where_positive,
)
from workbench.kernels.segments import compiled

# Sums of exponentials above this are formed again relative to the largest utility, and products
# of them above the other are kept as logarithms: together they stay below the largest number.
_STEEP, _LONG = 1e130, 1e100
# Weights relative to a reference may grow by exp(this) before the reference moves.
_LEAD = 100.0


class People(NamedTuple):
    """What people chose from, lanes last and flat."""

    x: Any
    shut: Any
    first: Any
    row_first: Any
    weights: Any


class Draws(NamedTuple):
    """Base variates, flat ``(blocks, R, l, lanes)``; of one block only where people share them."""

    values: Any
    chance: Any
    variates: int
    shared: bool


class Model(NamedTuple):
    """How the coefficients of the columns arise from parameters.

    Parameters are ordered: those of fixed columns, then those that move varying coefficients.

    Attributes
    ----------
    varying, fixed
        Columns.
    shapes
        The transform of each varying coefficient.
    moved, variate
        The varying coefficient that each parameter moves, and the variate that multiplies it
        plus one (0 for a mean).
    average, average_of, average_by
        For each of those parameters, which average of the chances it needs; and of each average
        the coefficient whose slope multiplies it (or -1) and the variate plus one.
    price
        The place of the price among the varying coefficients, or -1 outside of
        willingness-to-pay space.
    """

    varying: Any
    fixed: Any
    shapes: Any
    moved: Any
    variate: Any
    average: Any
    average_of: Any
    average_by: Any
    price: int


class Scratch(NamedTuple):
    """Room for one block, in vectors."""

    base: Any
    e: Any
    scaled: Any
    averages: Any
    inverse: Any
    factor: Any
    gamma: Any
    slope: Any
    bend: Any
    beta: Any
    m: Any
    square: Any
    g: Any
    q: Any
    held: Any
    first: Any
    second: Any
    means: Any


def scratch(rows: int, situations: int, columns: int, model: Model, variates: int) -> Scratch:
    """Make room for the largest block."""
    f, v, size = len(model.fixed), len(model.varying), len(model.fixed) + len(model.moved)
    averages = len(model.average_of) * rows if f else 0
    lengths = (
        *(rows, rows, rows, averages, situations),
        *(
            1 + variates,
            v,
            v,
            v,
            v,
            columns,
            v * (v + 1) // 2,
            columns,
            columns * (columns + 1) // 2,
            v,
        ),
        *(size, size * (size + 1) // 2, v),
    )
    return Scratch(*(np.zeros(length * LANES) for length in lengths))


@compiled
def _set_base(low: int, high: int, p: int, people: Any, fixed: Any, theta: Any, base: Any) -> None:
    """Add up what does not vary over draws."""
    for row in range(low, high):
        total = load(people.shut, row) if people.shut.size else everywhere(0.0)
        for i in range(len(fixed)):
            total = plus_times(total, load(people.x, row * p + fixed[i]), everywhere(theta[i]))
        store(base, row - low, total)


@compiled
def _set_coefficients(at: int, draws: Any, model: Any, theta: Any, s: Any) -> None:
    """Form the coefficients of one draw, and their first and second derivatives by the index."""
    f, v = len(model.fixed), len(model.varying)
    for j in range(draws.variates):
        store(s.factor, 1 + j, load(draws.values, at * draws.variates + j))
    for k in range(v):
        store(s.gamma, k, everywhere(0.0))
    for i in range(len(model.moved)):
        k = model.moved[i]
        moved = plus_times(
            load(s.gamma, k), load(s.factor, model.variate[i]), everywhere(theta[f + i])
        )
        store(s.gamma, k, moved)
    for k in range(v):
        _transform(k, model.shapes[k], s)
    _to_utility(model.price, v, s)


@compiled
def _transform(k: int, shape: int, s: Any) -> None:
    one, zero, u = everywhere(1.0), everywhere(0.0), load(s.gamma, k)
    value, slope, bend = u, one, zero
    if shape == EXPONENTIAL:
        value = exp(u)
        slope = value
        bend = value
    elif shape == MINUS_EXPONENTIAL:
        value = minus(zero, exp(u))
        slope = value
        bend = value
    elif shape == POSITIVE:
        value = larger(u, zero)
        slope = where_positive(u, one, zero)
    store(s.gamma, k, value)
    store(s.slope, k, slope)
    store(s.bend, k, bend)


@compiled
def _to_utility(price: int, v: int, s: Any) -> None:
    """Turn willingness to pay into coefficients of utility."""
    if price < 0:
        for k in range(v):
            store(s.beta, k, load(s.gamma, k))
        return
    alpha = load(s.gamma, price)
    for k in range(v):
        store(s.beta, k, minus(everywhere(0.0), times(alpha, load(s.gamma, k))))
    store(s.beta, price, alpha)


@compiled
def _situation(
    low: int,
    high: int,
    origin: int,
    p: int,
    order: int,
    shift: Any,
    people: Any,
    varying: Any,
    s: Any,
) -> Any:
    """Add up exp of the utilities, less a shift, and of their products with columns.

    Stores each exponential; returns the sum, that of the chosen alternative included.
    """
    v = len(varying)
    for k in range(p if order > 0 else 0):
        store(s.m, k, everywhere(0.0))
    for at in range(v * (v + 1) // 2 if order == 2 else 0):
        store(s.square, at, everywhere(0.0))
    total = exp(minus(everywhere(0.0), shift))
    for row in range(low, high):
        utility = minus(load(s.base, row - origin), shift)
        for i in range(v):
            utility = plus_times(utility, load(people.x, row * p + varying[i]), load(s.beta, i))
        e = exp(utility)
        store(s.e, row - origin, e)
        total = add(total, e)
        for k in range(p if order > 0 else 0):
            store(s.m, k, plus_times(load(s.m, k), load(people.x, row * p + k), e))
        for i in range(v if order == 2 else 0):
            scaled = times(load(people.x, row * p + varying[i]), e)
            for j in range(i + 1):
                at = i * (i + 1) // 2 + j
                x = load(people.x, row * p + varying[j])
                store(s.square, at, plus_times(load(s.square, at), scaled, x))
    return total


@compiled
def _highest(low: int, high: int, origin: int, p: int, people: Any, varying: Any, s: Any) -> Any:
    """Return the largest utility of a situation, at least 0, that of the chosen alternative."""
    top = everywhere(0.0)
    for row in range(low, high):
        utility = load(s.base, row - origin)
        for i in range(len(varying)):
            utility = plus_times(utility, load(people.x, row * p + varying[i]), load(s.beta, i))
        top = larger(top, utility)
    return top


@compiled
def _close_situation(p: int, order: int, alone: bool, inverse: Any, varying: Any, s: Any) -> None:
    """Add a situation's score to ``g`` and its part of the Hessian to ``q``.

    Where it is a person's only one, the outer product of the score comes with it.
    """
    for k in range(p):
        mean = times(load(s.m, k), inverse)
        store(s.m, k, mean)
        store(s.g, k, minus(load(s.g, k), mean))
        if order == 2:
            factor = add(mean, mean) if alone else mean
            for j in range(k + 1):
                at = k * (k + 1) // 2 + j
                store(s.q, at, plus_times(load(s.q, at), factor, load(s.m, j)))
    for i in range(len(varying) if order == 2 else 0):
        for j in range(i + 1):
            k, other = max(varying[i], varying[j]), min(varying[i], varying[j])
            at = k * (k + 1) // 2 + other
            square = times(load(s.square, i * (i + 1) // 2 + j), inverse)
            store(s.q, at, minus(load(s.q, at), square))


@compiled
def _add_outer(p: int, s: Any) -> None:
    """Add the outer product of a draw's score to its Hessian."""
    for k in range(p):
        score = load(s.g, k)
        for j in range(k + 1):
            at = k * (k + 1) // 2 + j
            store(s.q, at, plus_times(load(s.q, at), score, load(s.g, j)))


@compiled
def _to_willingness(price: int, p: int, order: int, s: Any) -> None:
    """Carry derivatives by coefficients of utility to willingness to pay, all columns varying."""
    alpha, c = load(s.gamma, price), price
    score = load(s.g, c)
    for k in range(p):
        if k != c:
            score = plus_times(score, minus(everywhere(0.0), load(s.gamma, k)), load(s.g, k))
    if order == 2:
        _willing_curvature(c, p, alpha, s)
    for k in range(p):
        if k != c:
            store(s.g, k, minus(everywhere(0.0), times(alpha, load(s.g, k))))
    store(s.g, c, score)


@compiled
def _willing_curvature(c: int, p: int, alpha: Any, s: Any) -> None:
    own = load(s.q, c * (c + 1) // 2 + c)
    for k in range(p):
        if k != c:
            side = load(s.q, max(k, c) * (max(k, c) + 1) // 2 + min(k, c))
            inner = side
            for j in range(p):
                if j != c:
                    at = max(k, j) * (max(k, j) + 1) // 2 + min(k, j)
                    inner = minus(inner, times(load(s.gamma, j), load(s.q, at)))
            own = minus(own, times(load(s.gamma, k), add(side, inner)))
            store(s.held, k, inner)
    for k in range(p):
        for j in range(k + 1):
            if k != c and j != c:
                at = k * (k + 1) // 2 + j
                store(s.q, at, times(load(s.q, at), times(alpha, alpha)))
    for k in range(p):
        if k != c:
            at = max(k, c) * (max(k, c) + 1) // 2 + min(k, c)
            side = plus_times(load(s.g, k), alpha, load(s.held, k))
            store(s.q, at, minus(everywhere(0.0), side))
    store(s.q, c * (c + 1) // 2 + c, own)


@compiled
def _add_draw(weight: Any, order: int, model: Any, s: Any) -> None:
    """Add the score and the curvature of one draw to the person's averages."""
    f = len(model.fixed)
    for i in range(f):
        k = model.fixed[i]
        store(s.first, i, plus_times(load(s.first, i), weight, load(s.g, k)))
        if order == 2:
            for j in range(i + 1):
                at, from_ = i * (i + 1) // 2 + j, k * (k + 1) // 2 + model.fixed[j]
                store(s.second, at, plus_times(load(s.second, at), weight, load(s.q, from_)))
    for i in range(len(model.moved)):
        k = model.moved[i]
        column = model.varying[k]
        slope = times(load(s.slope, k), load(s.factor, model.variate[i]))
        weighted = times(weight, slope)
        store(s.first, f + i, plus_times(load(s.first, f + i), weighted, load(s.g, column)))
        if order == 2:
            _add_curvature(weight, weighted, i, model, s)


@compiled
def _add_curvature(weight: Any, weighted: Any, i: int, model: Any, s: Any) -> None:
    """Add the row of second derivatives of one parameter that moves a varying coefficient."""
    f, k = len(model.fixed), model.moved[i]
    column = model.varying[k]
    start = (f + i) * (f + i + 1) // 2
    for j in range(f):
        other = model.fixed[j]
        at = max(column, other) * (max(column, other) + 1) // 2 + min(column, other)
        store(s.second, start + j, plus_times(load(s.second, start + j), weighted, load(s.q, at)))
    for j in range(i + 1):
        kj = model.moved[j]
        other = model.varying[kj]
        at = max(column, other) * (max(column, other) + 1) // 2 + min(column, other)
        factor = load(s.factor, model.variate[j])
        total = plus_times(
            load(s.second, start + f + j),
            weighted,
            times(times(load(s.slope, kj), factor), load(s.q, at)),
        )
        if kj == k and model.shapes[k]:
            bend = times(times(weight, load(s.bend, k)), load(s.factor, model.variate[i]))
            total = plus_times(total, bend, times(factor, load(s.g, column)))
        store(s.second, start + f + j, total)


@compiled
def _add_averages(
    low: int, high: int, origin: int, rows: int, scale: Any, model: Any, s: Any
) -> None:
    """Average the chances over draws, times what each parameter multiplies them with."""
    for a in range(len(model.average_of)):
        weight = times(scale, load(s.factor, model.average_by[a]))
        if model.average_of[a] >= 0:
            weight = times(weight, load(s.slope, model.average_of[a]))
        for row in range(low, high):
            at = a * rows + row - origin
            store(s.averages, at, plus_times(load(s.averages, at), weight, load(s.e, row - origin)))


@compiled
def _add_fixed_moments(low: int, high: int, p: int, people: Any, model: Any, s: Any) -> None:
    """Take the second moments that averages of the chances give from the Hessian."""
    f, rows = len(model.fixed), high - low
    for i in range(f + len(model.moved)):
        k = model.fixed[i] if i < f else model.varying[model.moved[i - f]]
        average = 0 if i < f else model.average[i - f]
        for row in range(rows):
            x = load(people.x, (low + row) * p + k)
            store(s.scaled, row, times(x, load(s.averages, average * rows + row)))
        for j in range(min(i + 1, f)):
            total = everywhere(0.0)
            for row in range(rows):
                x = load(people.x, (low + row) * p + model.fixed[j])
                total = plus_times(total, x, load(s.scaled, row))
            at = i * (i + 1) // 2 + j
            store(s.second, at, minus(load(s.second, at), total))


@compiled
def _clear(lengths: Any, s: Any) -> None:
    """Begin the averages of a block."""
    for values, length in zip((s.first, s.second, s.means, s.averages), lengths):
        for i in range(length):
            store(values, i, everywhere(0.0))


@compiled
def _clear_draw(p: int, s: Any) -> None:
    """Begin the score and the Hessian of a draw."""
    for k in range(p):
        store(s.g, k, everywhere(0.0))
    for at in range(p * (p + 1) // 2):
        store(s.q, at, everywhere(0.0))


@compiled
def _rescale(lengths: Any, factor: Any, s: Any) -> None:
    """Move the averages of a block to another unit."""
    for values, length in zip((s.first, s.second, s.means, s.averages), lengths):
        for i in range(length):
            store(values, i, times(load(values, i), factor))


@compiled
def run(
    low: int,
    high: int,
    p: int,
    order: int,
    people: Any,
    draws: Any,
    model: Any,
    theta: Any,
    s: Any,
    values: Any,
    scores: Any,
    means: Any,
) -> Any:
    """Go through the blocks from ``low`` to ``high``.

    Fills log-likelihoods ``(blocks, lanes)``, and where there is room scores
    ``(blocks, k, lanes)`` and mean coefficients ``(blocks, v, lanes)``; returns the weighted sums
    of scores, Hessians and outer products, their lanes apart.
    """
    f, v = len(model.fixed), len(model.varying)
    size, count = f + len(model.moved), len(draws.chance)
    pairs, averages = size * (size + 1) // 2, order == 2 and f > 0
    one, zero = everywhere(1.0), everywhere(0.0)
    gradient = np.zeros(size * LANES)
    hessian, outer = np.zeros(pairs * LANES), np.zeros(pairs * LANES)
    store(s.factor, 0, one)
    for b in range(low, high):
        begin, end = people.first[b], people.first[b + 1]
        origin, last = people.row_first[begin], people.row_first[end]
        rows = last - origin
        lengths = (size, pairs, v, len(model.average_of) * rows if averages else 0)
        _set_base(origin, last, p, people, model.fixed, theta, s.base)
        _clear(lengths, s)
        sums, reference, referred = zero, zero, False
        for r in range(count):
            _set_coefficients(r if draws.shared else b * count + r, draws, model, theta, s)
            if order > 0:
                _clear_draw(p, s)
            product, logs, logged = one, zero, False
            for t in range(begin, end):
                here, there = people.row_first[t], people.row_first[t + 1]
                shift = zero
                total = _situation(here, there, origin, p, order, shift, people, model.varying, s)
                if largest(total) > _STEEP:
                    shift = _highest(here, there, origin, p, people, model.varying, s)
                    total = _situation(
                        here, there, origin, p, order, shift, people, model.varying, s
                    )
                    logs, logged = minus(logs, shift), True
                inverse = over(one, total)
                store(s.inverse, t - begin, inverse)
                product = times(product, total)
                if t + 1 < end and largest(product) > _LONG:
                    logs, product, logged = minus(logs, log(product)), one, True
                if order > 0:
                    _close_situation(p, order, begin + 1 == end, inverse, model.varying, s)
            weight = over(everywhere(draws.chance[r]), product)
            if logged or referred:
                logs = minus(logs, log(product))
                moved = larger(reference, logs)
                if r == 0:
                    reference = logs
                elif largest(minus(logs, reference)) > _LEAD:
                    factor = exp(minus(reference, moved))
                    sums, reference = times(sums, factor), moved
                    _rescale(lengths, factor, s)
                referred = True
                weight = times(everywhere(draws.chance[r]), exp(minus(logs, reference)))
            sums = add(sums, weight)
            for k in range(v):
                store(s.means, k, plus_times(load(s.means, k), weight, load(s.gamma, k)))
            if order == 2 and begin + 1 < end:
                _add_outer(p, s)
            for t in range(begin, end if averages else begin):
                here, there = people.row_first[t], people.row_first[t + 1]
                scale = times(weight, load(s.inverse, t - begin))
                _add_averages(here, there, origin, rows, scale, model, s)
            if order > 0:
                if model.price >= 0:
                    _to_willingness(model.price, p, order, s)
                _add_draw(weight, order, model, s)
        if averages:
            _add_fixed_moments(origin, last, p, people, model, s)
        store(values, b, add(reference, log(sums)))
        inverse, weight = over(one, sums), load(people.weights, b)
        for k in range(v if means.size else 0):
            store(means, b * v + k, times(load(s.means, k), inverse))
        for i in range(size if order > 0 else 0):
            score = times(load(s.first, i), inverse)
            store(s.first, i, score)
            store(gradient, i, plus_times(load(gradient, i), weight, score))
            if scores.size:
                store(scores, b * size + i, score)
        if order == 2:
            _add_person(size, inverse, weight, s, hessian, outer)
    return gradient, hessian, outer


@compiled
def _add_person(size: int, inverse: Any, weight: Any, s: Any, hessian: Any, outer: Any) -> None:
    scale = times(weight, inverse)
    for i in range(size):
        score = times(weight, load(s.first, i))
        for j in range(i + 1):
            at = i * (i + 1) // 2 + j
            product = times(score, load(s.first, j))
            store(outer, at, add(load(outer, at), product))
            second = minus(times(scale, load(s.second, at)), product)
            store(hessian, at, add(load(hessian, at), second))
