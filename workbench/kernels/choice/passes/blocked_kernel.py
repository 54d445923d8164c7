r"""The pass over persons in torch or JAX: blocks of persons, and draws within a block.

Derivatives are written by hand as in ``compiled_kernel``, and averaged over draws one chunk at a
time: with :math:`\ell` the log of the average likelihood so far, a chunk of draws changes it to
:math:`\ell' = \log(e^{\ell} + \sum_r \pi_r L_r)`, and every average is scaled by
:math:`e^{\ell - \ell'}`.  Memory is that of one block and one chunk.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from workbench.backends import Array, Backend
from workbench.kernels.choice.coefficients import EXPONENTIAL, LINEAR, MINUS_EXPONENTIAL
from workbench.kernels.choice.passes.structure import Structure
from workbench.protocols import Order

Averages = tuple[Array, ...]
"""The log-likelihood ``(L,)``, mean coefficients ``(v, L)``, score ``(L, k)``, second
derivatives ``(L, k, k)`` and averages of probabilities ``(a, T, J, L)``, as far as requested."""


class Form(NamedTuple):
    """A structure as hashable tuples, for which JAX compiles once."""

    varying: tuple[int, ...]
    fixed: tuple[int, ...]
    shapes: tuple[int, ...]
    moved: tuple[int, ...]
    variate: tuple[int, ...]
    average: tuple[int, ...]
    average_of: tuple[int, ...]
    average_by: tuple[int, ...]
    price: int


def form_of(structure: Structure) -> Form:
    """Write a structure in tuples."""
    lists = (structure.varying, structure.fixed, structure.shapes, structure.moved)
    arrays = (*lists, structure.variate, *structure.averages())
    fields = [*(tuple(array.tolist()) for array in arrays), structure.price]
    return Form._make(fields)


class Block(NamedTuple):
    """Columns ``(T, J, p, L)``, mask ``(T, J, L)``, weights ``(L,)``, variates ``(., c, q, L)``."""

    x: Array
    mask: Array
    weights: Array
    draws: Array


class Coefficients(NamedTuple):
    """Of a chunk of draws: factors and coefficients by place, ``(c, L)`` each."""

    factor: list[Array]
    gamma: list[Array]
    slope: list[Array]
    curvature: list[Array]
    beta: list[Array]


@lru_cache(maxsize=64)
def compiled_blocks(xp: Backend, form: Form, order: Order) -> Callable[..., Any]:
    """Return the function that sums over all blocks, one for equal models."""
    if xp.name == "jax":
        return xp.compile(partial(_scan_blocks, xp, form, order))
    return partial(_loop_blocks, xp, form, order)


def _scan_blocks(
    xp: Backend, form: Form, order: Order, blocks: Block, logs: Array, theta: Array
) -> Any:
    import jax

    def chunk(block: Block, state: Averages, each: tuple[Array, Array]) -> tuple[Averages, None]:
        return _add_chunk(xp, form, order, block, each, theta, state), None

    def one(_: None, block: Block) -> tuple[None, Averages]:
        start = _start(xp, form, order, block)
        state, _ = jax.lax.scan(partial(chunk, block), start, (block.draws, logs))
        return None, _finish(form, order, block, state)

    return jax.lax.scan(one, None, blocks)[1]


def _loop_blocks(
    xp: Backend, form: Form, order: Order, blocks: Block, logs: Array, theta: Array
) -> Any:
    found = []
    for b in range(len(blocks.x)):
        block = Block(*(part[b] for part in blocks))
        state = _start(xp, form, order, block)
        for each in zip(block.draws, logs, strict=True):
            state = _add_chunk(xp, form, order, block, each, theta, state)
        found.append(_finish(form, order, block, state))
    return tuple(xp.stack(parts) for parts in zip(*found, strict=True))


def _start(xp: Backend, form: Form, order: Order, block: Block) -> Averages:
    """Begin with a likelihood of zero."""
    zero = 0 * block.mask[0, 0]
    size = len(form.fixed) + len(form.moved)
    vectors = zero[:, None] + xp.array(np.zeros(size))
    means = xp.array(np.zeros(len(form.varying)))[:, None] + zero
    state: Averages = (zero - xp.array(np.float64(np.inf)), means)
    if order > 0:
        state += (vectors,)
    if order == 2:
        averages = xp.array(np.zeros(len(form.average_of)))[:, None, None, None]
        state += (vectors[:, :, None] + 0 * vectors[:, None], averages + 0 * block.mask)
    return state


def _add_chunk(
    xp: Backend,
    form: Form,
    order: Order,
    block: Block,
    each: tuple[Array, Array],
    theta: Array,
    state: Averages,
) -> Averages:
    """Update the averages by a chunk of draws ``(c, q, L)`` with logs of weights ``(c,)``."""
    draws, logs = each
    at = _coefficients(xp, form, draws, theta, block)
    utility = _utility(form, block, at, theta)
    sums = xp.softplus(xp.logsumexp(utility, 2))
    values = logs[:, None] - sums.sum(1)
    total = xp.logaddexp(state[0], xp.logsumexp(values, 0))
    weights, scale = xp.exp(values - total), xp.exp(state[0] - total)
    gamma = _stacked(xp, at.gamma, weights)
    found: Averages = (total, scale * state[1] + (weights[:, None] * gamma).sum(0))
    if order == 0:
        return found
    chances = xp.exp(utility - sums[:, :, None])
    columns = [(chances * block.x[:, :, k]).sum(2) for k in range(block.x.shape[2])]
    means = _behind(xp.stack(columns)).swapaxes(1, 2)  # (c, L, T, p)
    return found + _derivatives(
        xp, form, order, block, at, weights, scale, chances, means, state[2:]
    )


def _coefficients(
    xp: Backend, form: Form, draws: Array, theta: Array, block: Block
) -> Coefficients:
    """Form the varying coefficients of each draw, and their derivatives by the index."""
    one = 1 + 0 * (draws[:, 0] if draws.shape[1] else block.mask[0, :1])
    factor = [one, *(draws[:, j] for j in range(draws.shape[1]))]
    kept: tuple[list[Array], ...] = ([], [], [])
    for k, shape in enumerate(form.shapes):
        moves = [i for i, moved in enumerate(form.moved) if moved == k]
        index = sum(theta[len(form.fixed) + i] * factor[form.variate[i]] for i in moves)
        value = (index, one, 0 * one)
        if shape in (EXPONENTIAL, MINUS_EXPONENTIAL):
            sign = 1 if shape == EXPONENTIAL else -1
            value = (sign * xp.exp(index),) * 3
        elif shape != LINEAR:
            value = (xp.maximum(index, 0 * index), xp.where(index > 0, one, 0 * one), 0 * one)
        for parts, part in zip(kept, value, strict=True):
            parts.append(part)
    gamma, slope, curvature = kept
    beta = list(gamma)
    if form.price >= 0:
        alpha = gamma[form.price]
        beta = [alpha if k == form.price else -alpha * g for k, g in enumerate(gamma)]
    return Coefficients(factor, gamma, slope, curvature, beta)


def _utility(form: Form, block: Block, at: Coefficients, theta: Array) -> Array:
    """Return the utility of each row relative to that of the chosen one, ``(c, T, J, L)``."""
    total = block.mask
    for i, column in enumerate(form.fixed):
        total = total + block.x[:, :, column] * theta[i]
    total = total + 0 * at.factor[0][:, None, None]
    for k, column in enumerate(form.varying):
        total = total + block.x[:, :, column] * at.beta[k][:, None, None]
    return total


def _stacked(xp: Backend, parts: list[Array], like: Array) -> Array:
    """Stack ``(c, L)`` arrays along axis 1; none give ``(c, 0, L)``."""
    return xp.stack(parts).swapaxes(0, 1) if parts else like[:, None][:, :0]


def _derivatives(
    xp: Backend,
    form: Form,
    order: Order,
    block: Block,
    at: Coefficients,
    weights: Array,
    scale: Array,
    chances: Array,
    means: Array,
    state: Averages,
) -> Averages:
    """Update the averages of scores and second derivatives."""
    g = -means.sum(2)
    jacobian = _jacobian(xp, form, at, g)
    score = (g[:, :, None] @ jacobian)[:, :, 0]
    found: Averages = (scale[:, None] * state[0] + (weights[:, :, None] * score).sum(0),)
    if order < 2:
        return found
    q = means.swapaxes(2, 3) @ means + g[..., None] * g[:, :, None]
    q = q - _squares(xp, form, block, chances)
    second = jacobian.swapaxes(2, 3) @ q @ jacobian + _curvature_terms(xp, form, at, g)
    curved = scale[:, None, None] * state[1] + (weights[:, :, None, None] * second).sum(0)
    averages = []
    for of, by in zip(form.average_of, form.average_by, strict=True):
        factor = weights * at.factor[by]
        factor = factor if of < 0 else factor * at.slope[of]
        averages.append((factor[:, None, None] * chances).sum(0))
    return (*found, curved, scale * state[2] + xp.stack(averages))


def _jacobian(xp: Backend, form: Form, at: Coefficients, g: Array) -> Array:
    """Return the derivatives of utility's coefficients by the parameters, ``(c, L, p, k)``."""
    zero, f = 0 * g[..., 0], len(form.fixed)
    columns = []
    for i in range(f + len(form.moved)):
        parts = [zero] * (len(form.fixed) + len(form.varying))
        if i < f:
            parts[form.fixed[i]] = zero + 1
        else:
            place = form.moved[i - f]
            moved = at.slope[place] * at.factor[form.variate[i - f]]
            _move(form, at, place, moved, parts)
        columns.append(xp.stack(parts))
    return _behind(_behind(xp.stack(columns))).swapaxes(2, 3)


def _move(form: Form, at: Coefficients, place: int, moved: Array, parts: list[Array]) -> None:
    """Set the derivatives of the coefficients of utility by one varying coefficient."""
    if form.price < 0:
        parts[form.varying[place]] = moved
    elif place == form.price:
        for k in range(len(parts)):
            parts[k] = moved if k == place else -at.gamma[k] * moved
    else:
        parts[place] = -at.gamma[form.price] * moved


def _squares(xp: Backend, form: Form, block: Block, chances: Array) -> Array:
    """Return the second moments of varying columns, ``(c, L, p, p)``, 0 for the others."""
    p = block.x.shape[2]
    zero = 0 * chances[:, 0, 0]
    rows = [[zero] * p for _ in range(p)]
    for i, k in enumerate(form.varying):
        scaled = chances * block.x[:, :, k]
        for j in form.varying[: i + 1]:
            rows[k][j] = rows[j][k] = (scaled * block.x[:, :, j]).sum((1, 2))
    stacked = xp.stack([xp.stack(row) for row in rows])
    return _behind(_behind(stacked))


def _curvature_terms(xp: Backend, form: Form, at: Coefficients, g: Array) -> Array:
    """Return the term of the second derivatives of the coefficients, ``(c, L, k, k)``."""
    f, size = len(form.fixed), len(form.fixed) + len(form.moved)
    rows = [[0 * g[..., 0]] * size for _ in range(size)]
    for i in range(len(form.moved)):
        for j in range(len(form.moved)):
            factor = at.factor[form.variate[i]] * at.factor[form.variate[j]]
            curvature = _second_derivative(form, at, g, form.moved[i], form.moved[j])
            rows[f + i][f + j] = rows[f + i][f + j] + factor * curvature
    stacked = xp.stack([xp.stack(row) for row in rows])
    return _behind(_behind(stacked))


def _second_derivative(form: Form, at: Coefficients, g: Array, a: int, b: int) -> Array:
    """Sum the second derivatives of utility's coefficients by two indices, times the score."""
    total: Array = 0
    if a == b:
        total = at.curvature[a] * _by_gamma(form, at, g, a)
    if form.price in (a, b) and a != b:
        other = a if b == form.price else b
        total = total - at.slope[a] * at.slope[b] * g[..., other]
    return total


def _by_gamma(form: Form, at: Coefficients, g: Array, place: int) -> Array:
    """Return the score by one varying coefficient."""
    if form.price < 0:
        return g[..., form.varying[place]]
    if place != form.price:
        return -at.gamma[form.price] * g[..., place]
    others = [k for k in range(len(form.varying)) if k != place]
    return g[..., place] - sum(at.gamma[k] * g[..., k] for k in others)


def _finish(form: Form, order: Order, block: Block, state: Averages) -> Averages:
    """Sum over persons: value, means and scores of each, Hessian, outer products, second moments.

    The second moments ``(k, f)``, of all parameters with fixed columns, come from averages of
    probabilities and are still to be subtracted from the Hessian.
    """
    if order < 2:
        return state
    value, means, score, second, averages = state
    outer = score[:, :, None] * score[:, None]
    weights = block.weights[:, None, None]
    taken = (value, means, score, (weights * (second - outer)).sum(0), (weights * outer).sum(0))
    columns = [*form.fixed, *(form.varying[moved] for moved in form.moved)]
    which = [0] * len(form.fixed) + list(form.average)
    products = [
        [
            (block.x[:, :, k] * block.x[:, :, j] * averages[a] * block.weights).sum()
            for j in form.fixed
        ]
        for k, a in zip(columns, which, strict=True)
    ]
    return *taken, *(product for row in products for product in row)


def _behind(array: Array) -> Array:
    """Move the first axis behind the others."""
    for axis in range(array.ndim - 1):
        array = array.swapaxes(axis, axis + 1)
    return array
