"""Compiled steps of one draw: coefficients, exponentials, and derivatives by coefficients.

All steps work on one block of persons, one person per lane, and share these arrays of vectors:

- ``x``, the differences: row after row, ``p`` vectors each, so a row's columns begin at
  ``row * p``.  Rows are counted over all blocks; those of a situation are ``low`` to ``high``, and
  ``origin`` is the first of the block.
- ``s``, the workspace of the block, filled again for each.  The fields of ``o``, a
  :data:`~workbench.kernels.choice.passes.workspace.PLAN`, say where in ``s`` a part begins: the
  utility of a row is at ``o.base + row - origin``, a score at ``o.g + column``, and a
  Hessian at ``o.q``, as the rows of its lower triangle, see :func:`pair`.
- ``draws``, the variates: draw after draw, ``o.variates`` vectors each.

``plan`` holds integers, the lists of a
:class:`~workbench.kernels.choice.passes.structure.Structure`, at offsets that are fields of ``o``:
``plan[o.fixed + i]`` is the column of the fixed coefficient ``i``, ``plan[o.varying + k]`` that of
the varying one ``k``, and ``plan[o.moved + i]`` the varying coefficient and
``plan[o.variate + i]`` the variate (0 is the mean) of the parameter ``i`` that enters one.
"""

from __future__ import annotations

from typing import Any

from workbench.kernels.choice.coefficients import EXPONENTIAL, MINUS_EXPONENTIAL, POSITIVE
from workbench.kernels.choice.passes.simd import (
    add,
    everywhere,
    exp,
    larger,
    load,
    minus,
    plus_times,
    store,
    times,
    where_positive,
)
from workbench.kernels.parallel.compiled import compiled


@compiled
def pair(i: int, j: int) -> int:
    """Return where a lower triangle has the element of two places."""
    high, low = max(i, j), min(i, j)
    return high * (high + 1) // 2 + low


@compiled
def fill(s: Any, first: int, count: int) -> None:
    """Write zeros."""
    for i in range(first, first + count):
        store(s, i, everywhere(0.0))


@compiled
def set_coefficients(at: int, o: Any, draws: Any, plan: Any, theta: Any, s: Any) -> None:
    """Form the varying coefficients of one draw, and their derivatives by the index."""
    store(s, o.factor, everywhere(1.0))
    for j in range(o.variates):
        store(s, o.factor + 1 + j, load(draws, at * o.variates + j))
    fill(s, o.gamma, o.varying_count)
    for i in range(o.moved_count):
        place = o.gamma + plan[o.moved + i]
        factor = load(s, o.factor + plan[o.variate + i])
        amount = everywhere(theta[o.fixed_count + i])
        store(s, place, plus_times(load(s, place), factor, amount))
    for k in range(o.varying_count):
        _transform(k, plan[o.shapes + k], o, s)


@compiled
def _transform(k: int, shape: int, o: Any, s: Any) -> None:
    one, zero, u = everywhere(1.0), everywhere(0.0), load(s, o.gamma + k)
    value, slope, curvature = u, one, zero
    if shape in (EXPONENTIAL, MINUS_EXPONENTIAL):
        sign = one if shape == EXPONENTIAL else minus(zero, one)
        value = times(sign, exp(u))
        slope, curvature = value, value
    elif shape == POSITIVE:
        value, slope = larger(u, zero), where_positive(u, one, zero)
    store(s, o.gamma + k, value)
    store(s, o.slope + k, slope)
    store(s, o.curvature + k, curvature)
    store(s, o.beta + k, value)


@compiled
def to_utility(o: Any, s: Any) -> None:
    """Turn willingness to pay into coefficients of utility."""
    alpha = load(s, o.gamma + o.price)
    for k in range(o.varying_count):
        if k != o.price:
            store(s, o.beta + k, minus(everywhere(0.0), times(alpha, load(s, o.gamma + k))))


@compiled
def utility(at: int, base: Any, o: Any, x: Any, plan: Any, s: Any) -> Any:
    """Add the varying columns, which begin at ``at``, to the fixed part of a row's utility."""
    for i in range(o.varying_count):
        base = plus_times(base, load(x, at + plan[o.varying + i]), load(s, o.beta + i))
    return base


@compiled
def exponentials(
    low: int, high: int, origin: int, shift: Any, o: Any, x: Any, plan: Any, s: Any
) -> Any:
    """Store exp of the utilities less a shift; return the sum, the chosen one included."""
    p, base, place = o.columns, o.base - origin, o.e - origin
    total = exp(minus(everywhere(0.0), shift))
    for row in range(low, high):
        relative = utility(row * p, minus(load(s, base + row), shift), o, x, plan, s)
        e = exp(relative)
        store(s, place + row, e)
        total = add(total, e)
    return total


@compiled
def one_exponentials(low: int, high: int, origin: int, column: int, o: Any, x: Any, s: Any) -> Any:
    """Do as :func:`exponentials`, unshifted, for one varying column, its coefficient read once."""
    p, base, place, beta = o.columns, o.base - origin, o.e - origin, load(s, o.beta)
    total = everywhere(1.0)
    for row in range(low, high):
        e = exp(plus_times(load(s, base + row), load(x, row * p + column), beta))
        store(s, place + row, e)
        total = add(total, e)
    return total


@compiled
def highest(low: int, high: int, origin: int, o: Any, x: Any, plan: Any, s: Any) -> Any:
    """Return the largest utility of a situation, at least 0, that of the chosen alternative."""
    top = everywhere(0.0)
    for row in range(low, high):
        base = load(s, o.base + row - origin)
        top = larger(top, utility(row * o.columns, base, o, x, plan, s))
    return top


@compiled
def add_moments(
    low: int,
    high: int,
    origin: int,
    order: int,
    alone: bool,
    inverse: Any,
    o: Any,
    x: Any,
    plan: Any,
    s: Any,
) -> None:
    """Add a situation's score to ``g`` and its part of the Hessian to ``q``.

    Where it is a person's only one, this includes the outer product of the score.
    """
    _means(low, high, origin, inverse, o, x, s)
    for k in range(o.columns):
        mean = load(s, o.m + k)
        store(s, o.g + k, minus(load(s, o.g + k), mean))
        factor = add(mean, mean) if alone else mean
        start = o.q + k * (k + 1) // 2
        for j in range(k + 1 if order == 2 else 0):
            store(s, start + j, plus_times(load(s, start + j), factor, load(s, o.m + j)))
    if order == 2:
        _take_squares(low, high, origin, inverse, o, x, plan, s)


@compiled
def _means(low: int, high: int, origin: int, inverse: Any, o: Any, x: Any, s: Any) -> None:
    """Average the columns by the probabilities, two at a time; the last may be computed twice."""
    p, place = o.columns, o.e - origin
    for k in range(0, p, 2):
        other = min(k + 1, p - 1)
        first, second = everywhere(0.0), everywhere(0.0)
        for row in range(low, high):
            e = load(s, place + row)
            first = plus_times(first, load(x, row * p + k), e)
            second = plus_times(second, load(x, row * p + other), e)
        store(s, o.m + k, times(first, inverse))
        store(s, o.m + other, times(second, inverse))


@compiled
def _take_squares(
    low: int, high: int, origin: int, inverse: Any, o: Any, x: Any, plan: Any, s: Any
) -> None:
    """Subtract the second moments of varying columns from ``q``."""
    p, place = o.columns, o.e - origin
    for i in range(o.varying_count):
        k = plan[o.varying + i]
        for j in range(i + 1):
            other = plan[o.varying + j]
            total = everywhere(0.0)
            for row in range(low, high):
                product = times(load(x, row * p + k), load(x, row * p + other))
                total = plus_times(total, product, load(s, place + row))
            at = o.q + pair(k, other)
            store(s, at, minus(load(s, at), times(total, inverse)))


@compiled
def add_outer(o: Any, s: Any) -> None:
    """Add the outer product of a draw's score to its Hessian."""
    for k in range(o.columns):
        score, start = load(s, o.g + k), o.q + k * (k + 1) // 2
        for j in range(k + 1):
            store(s, start + j, plus_times(load(s, start + j), score, load(s, o.g + j)))


@compiled
def to_wtp(order: int, o: Any, s: Any) -> None:
    """Turn derivatives by coefficients of utility into those by willingness to pay."""
    c, alpha, zero = o.price, load(s, o.gamma + o.price), everywhere(0.0)
    score = load(s, o.g + c)
    for k in range(o.columns):
        if k != c:
            score = minus(score, times(load(s, o.gamma + k), load(s, o.g + k)))
    if order == 2:
        _wtp_hessian(alpha, o, s)
    for k in range(o.columns):
        store(s, o.g + k, minus(zero, times(alpha, load(s, o.g + k))))
    store(s, o.g + c, score)


@compiled
def _wtp_hessian(alpha: Any, o: Any, s: Any) -> None:
    r"""Transform the Hessian: with ``w`` the wtp, ``d beta_k = -w_k d alpha - alpha d w_k``."""
    c, p, zero = o.price, o.columns, everywhere(0.0)
    own = load(s, o.q + pair(c, c))
    for k in range(p):
        side = load(s, o.q + pair(k, c))
        inner = side
        for j in range(p):
            if j != c:
                inner = minus(inner, times(load(s, o.gamma + j), load(s, o.q + pair(k, j))))
        store(s, o.scratch + k, inner)
        if k != c:
            own = minus(own, times(load(s, o.gamma + k), add(side, inner)))
    for at in range(o.q, o.q + p * (p + 1) // 2):
        store(s, at, times(load(s, at), times(alpha, alpha)))
    for k in range(p):
        side = plus_times(load(s, o.g + k), alpha, load(s, o.scratch + k))
        store(s, o.q + pair(k, c), minus(zero, side))
    store(s, o.q + pair(c, c), own)


@compiled
def add_draw(weight: Any, order: int, o: Any, plan: Any, s: Any) -> None:
    """Add the score and the curvature of one draw to the person's averages."""
    f = o.fixed_count
    for i in range(f):
        k = plan[o.fixed + i]
        place = o.first + i
        store(s, place, plus_times(load(s, place), weight, load(s, o.g + k)))
        start = o.second + i * (i + 1) // 2
        for j in range(i + 1 if order == 2 else 0):
            second = load(s, o.q + pair(k, plan[o.fixed + j]))
            store(s, start + j, plus_times(load(s, start + j), weight, second))
    for i in range(o.moved_count):
        k = plan[o.moved + i]
        factor = load(s, o.factor + plan[o.variate + i])
        weighted = times(weight, times(load(s, o.slope + k), factor))
        place, score = o.first + f + i, load(s, o.g + plan[o.varying + k])
        store(s, place, plus_times(load(s, place), weighted, score))
        if order == 2:
            _add_row(times(weight, factor), weighted, i, o, plan, s)


@compiled
def _add_row(weight: Any, weighted: Any, i: int, o: Any, plan: Any, s: Any) -> None:
    """Add the row of second derivatives of one parameter of a varying coefficient."""
    f, k = o.fixed_count, plan[o.moved + i]
    column = plan[o.varying + k]
    start = o.second + (f + i) * (f + i + 1) // 2
    for j in range(f):
        second = load(s, o.q + pair(column, plan[o.fixed + j]))
        store(s, start + j, plus_times(load(s, start + j), weighted, second))
    curved = times(times(weight, load(s, o.curvature + k)), load(s, o.g + column))
    for j in range(i + 1):
        kj, factor = plan[o.moved + j], load(s, o.factor + plan[o.variate + j])
        second = load(s, o.q + pair(column, plan[o.varying + kj]))
        amount = times(weighted, times(load(s, o.slope + kj), second))
        if kj == k:
            amount = add(amount, curved)
        place = start + f + j
        store(s, place, plus_times(load(s, place), amount, factor))
