r"""One pass over persons in compiled code: value, score, exact Hessian and outer products.

For one draw :math:`\beta` varies linearly with parameters up to a transform of each coefficient,
so derivatives are formed by the coefficients that vary and carried to the parameters afterwards:
with chances :math:`P_j` of the alternatives not chosen and :math:`m = \sum_j P_j x_j`,

.. math::
    \nabla \log P = -m, \qquad \nabla^2 \log P = -\sum_j P_j x_j x_j^\top + m m^\top .

A person's score and Hessian are averages over draws with weights :math:`w_r \propto L_r`,

.. math::
    s = \sum_r w_r g_r, \qquad H = \sum_r w_r (H_r + g_r g_r^\top) - s s^\top .

The second moments of coefficients that do not vary take the averages of chances over draws, so
that a draw costs one exponential and a few multiplications per alternative.

References
----------
Train (2009), "Discrete Choice Methods with Simulation", chapter 6 and section 8.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.kernels.choice.passes.draw_kernel import (
    add_draw,
    add_moments,
    add_outer,
    exponentials,
    fill,
    highest,
    one_exponentials,
    set_coefficients,
    to_utility,
    to_wtp,
)
from workbench.kernels.choice.passes.simd import (
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
)
from workbench.kernels.parallel.compiled import compiled

# Sums of exponentials above this are formed again relative to the largest utility, and products
# of them above the other are kept as logarithms: together they stay below the largest number.
_STEEP, _LONG = 1e130, 1e100
# Weights relative to a reference may grow by exp(this) before the reference moves.
_LEAD = 100.0


@compiled
def _set_base(
    low: int, high: int, o: Any, x: Any, mask: Any, plan: Any, theta: Any, s: Any
) -> None:
    """Add up the part of utility that does not vary over draws."""
    for row in range(low, high):
        total = load(mask, row) if mask.size else everywhere(0.0)
        for i in range(o.fixed_count):
            value = load(x, row * o.columns + plan[o.fixed + i])
            total = plus_times(total, value, everywhere(theta[i]))
        store(s, o.base + row - low, total)


@compiled
def _add_averages(
    low: int, high: int, origin: int, rows: int, scale: Any, o: Any, plan: Any, s: Any
) -> None:
    """Average the probabilities over draws, times the factor of each parameter."""
    for a in range(o.average_count):
        weight = times(scale, load(s, o.factor + plan[o.average_by + a]))
        of = plan[o.average_of + a]
        if of >= 0:
            weight = times(weight, load(s, o.slope + of))
        averages, place = o.averages + a * rows, o.e
        for row in range(low - origin, high - origin):
            average = load(s, averages + row)
            store(s, averages + row, plus_times(average, weight, load(s, place + row)))


@compiled
def _take_averages(low: int, high: int, o: Any, x: Any, plan: Any, s: Any) -> None:
    """Take the second moments of fixed columns, with all others, from the Hessian."""
    f, rows = o.fixed_count, high - low
    for i in range(f + o.moved_count):
        k, average = plan[o.fixed + i], 0
        if i >= f:
            k = plan[o.varying + plan[o.moved + i - f]]
            average = plan[o.average + i - f]
        for row in range(rows):
            chance = load(s, o.averages + average * rows + row)
            store(s, o.scaled + row, times(load(x, (low + row) * o.columns + k), chance))
        for j in range(min(i + 1, f)):
            total, other = everywhere(0.0), plan[o.fixed + j]
            for row in range(rows):
                value = load(x, (low + row) * o.columns + other)
                total = plus_times(total, value, load(s, o.scaled + row))
            at = o.second + i * (i + 1) // 2 + j
            store(s, at, minus(load(s, at), total))


@compiled
def _multiply(s: Any, first: int, count: int, factor: Any) -> None:
    for i in range(first, first + count):
        store(s, i, times(load(s, i), factor))


@compiled
def _likelihood(
    begin: int, end: int, order: int, o: Any, x: Any, row_first: Any, plan: Any, s: Any
) -> Any:
    """Go through the situations of one draw.

    Returns the product of the sums of exponentials, which is one over the likelihood, the
    log-likelihood of the factors taken out of that product before it grew too large, and whether
    there are any.
    """
    origin, one, zero = row_first[begin], everywhere(1.0), everywhere(0.0)
    product, logs, logged = one, zero, False
    for t in range(begin, end):
        low, high = row_first[t], row_first[t + 1]
        if o.varying_count == 1:
            total = one_exponentials(low, high, origin, plan[o.varying], o, x, s)
        else:
            total = exponentials(low, high, origin, zero, o, x, plan, s)
        if largest(total) > _STEEP:
            shift = highest(low, high, origin, o, x, plan, s)
            total = exponentials(low, high, origin, shift, o, x, plan, s)
            logs, logged = minus(logs, shift), True
        inverse = over(one, total)
        store(s, o.inverse + t - begin, inverse)
        product = times(product, total)
        if t + 1 < end and largest(product) > _LONG:
            logs, product, logged = minus(logs, log(product)), one, True
        if order > 0:
            add_moments(low, high, origin, order, begin + 1 == end, inverse, o, x, plan, s)
    return product, logs, logged


@compiled
def _finish_draw(
    begin: int, end: int, order: int, weight: Any, o: Any, row_first: Any, plan: Any, s: Any
) -> None:
    """Add one draw to the averages."""
    for k in range(o.varying_count):
        mean = load(s, o.means + k)
        store(s, o.means + k, plus_times(mean, weight, load(s, o.gamma + k)))
    if order == 2:
        if begin + 1 < end:
            add_outer(o, s)
        origin, last = row_first[begin], row_first[end]
        if o.average_count > 0:
            for t in range(begin, end):
                low, high = row_first[t], row_first[t + 1]
                scale = times(weight, load(s, o.inverse + t - begin))
                _add_averages(low, high, origin, last - origin, scale, o, plan, s)
    if order > 0:
        if o.price >= 0:
            to_wtp(order, o, s)
        add_draw(weight, order, o, plan, s)


@compiled
def _refer(logs: Any, sums: Any, reference: Any, first: bool, o: Any, rows: int, s: Any) -> Any:
    """Raise the unit of weights where a draw exceeds it by far; return the sums and the unit."""
    if first:
        return sums, logs
    if largest(minus(logs, reference)) > _LEAD:
        moved = larger(reference, logs)
        factor = exp(minus(reference, moved))
        _multiply(s, o.first, o.end - o.first, factor)
        _multiply(s, o.averages, o.average_count * rows, factor)
        return times(sums, factor), moved
    return sums, reference


@compiled
def _block(
    b: int, order: int, o: Any, persons: Any, plan: Any, theta: Any, s: Any, values: Any
) -> Any:
    """Average one block over its draws; return the summed weights."""
    x, mask, first, row_first, draws, chances = persons
    begin, end = first[b], first[b + 1]
    origin, last = row_first[begin], row_first[end]
    _set_base(origin, last, o, x, mask, plan, theta, s)
    fill(s, o.first, o.end - o.first)
    fill(s, o.averages, o.average_count * (last - origin))
    sums, reference, referred = everywhere(0.0), everywhere(0.0), False
    for r in range(o.draws):
        at = r if o.shared else b * o.draws + r
        set_coefficients(at, o, draws, plan, theta, s)
        if o.price >= 0:
            to_utility(o, s)
        fill(s, o.g, o.scratch - o.g if order > 0 else 0)
        product, logs, logged = _likelihood(begin, end, order, o, x, row_first, plan, s)
        chance = everywhere(chances[r])
        weight = over(chance, product)
        if logged or referred:
            logs, referred = minus(logs, log(product)), True
            sums, reference = _refer(logs, sums, reference, r == 0, o, last - origin, s)
            weight = times(chance, exp(minus(logs, reference)))
        sums = add(sums, weight)
        _finish_draw(begin, end, order, weight, o, row_first, plan, s)
    store(values, b, add(reference, log(sums)))
    if order == 2 and o.average_count:
        _take_averages(origin, last, o, x, plan, s)
    return sums


@compiled
def run(
    low: int,
    high: int,
    order: int,
    o: Any,
    persons: Any,
    weights: Any,
    plan: Any,
    theta: Any,
    s: Any,
    values: Any,
    scores: Any,
    means: Any,
) -> Any:
    """Go through the blocks from ``low`` to ``high``.

    ``persons`` are the flat arrays of a block's rows, lanes last: columns, the mask, where the
    situations of blocks and the rows of situations begin, base variates, weights of draws.
    Fills log-likelihoods ``(blocks, lanes)``, and, unless these arrays are empty, scores
    ``(blocks, k, lanes)`` and mean coefficients ``(blocks, v, lanes)``; returns the weighted sums
    of scores, Hessians and outer products, separately for each lane.
    """
    size, v = o.fixed_count + o.moved_count, o.varying_count
    pairs = size * (size + 1) // 2
    gradient = np.zeros(size * LANES)
    hessian, outer = np.zeros(pairs * LANES), np.zeros(pairs * LANES)
    for b in range(low, high):
        inverse = over(everywhere(1.0), _block(b, order, o, persons, plan, theta, s, values))
        weight = load(weights, b)
        for k in range(v if means.size else 0):
            store(means, b * v + k, times(load(s, o.means + k), inverse))
        for i in range(size if order > 0 else 0):
            score = times(load(s, o.first + i), inverse)
            store(s, o.first + i, score)
            store(gradient, i, plus_times(load(gradient, i), weight, score))
            if scores.size:
                store(scores, b * size + i, score)
        if order == 2:
            _add_person(size, inverse, weight, o, s, hessian, outer)
    return gradient, hessian, outer


@compiled
def _add_person(
    size: int, inverse: Any, weight: Any, o: Any, s: Any, hessian: Any, outer: Any
) -> None:
    """Turn averages over draws into the Hessian of a person, and add it up."""
    scale, at = times(weight, inverse), 0
    for i in range(size):
        score = times(weight, load(s, o.first + i))
        for j in range(i + 1):
            product = times(score, load(s, o.first + j))
            store(outer, at, add(load(outer, at), product))
            second = minus(times(scale, load(s, o.second + at)), product)
            store(hessian, at, add(load(hessian, at), second))
            at += 1
