r"""LSMR: sparse least squares by Golub-Kahan bidiagonalization, several columns at once.

Solves :math:`\min_x \lVert b - A x \rVert` for each column of ``b``, from products with
:math:`A` alone.  One step is written once, in the operations of a backend; in an eager step the
scalars of each column stay on the host in numpy, in a compiled one on the device.

References
----------
Fong and Saunders (2011), "LSMR: an iterative algorithm for sparse least-squares problems",
SIAM J. Sci. Comput. 33(5): the algorithm in section 2, without damping; the norms in section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from workbench.backends import Array, Backend
from workbench.kernels.absorption.factors import ROUNDING
from workbench.protocols import Numpy

FIGURES = ("normr", "normar", "normA", "condA", "normx")
"""The figures of a step for each column; a sixth row says whether it continues."""
# Far below what unit columns can reach in float32, and its inverse is still a float32.
_TINY = 1e-30
_SMALLEST = np.finfo(np.float64).tiny
# The estimate of the recurrence may be off in its last digits, and another pass is expensive.
_MARGIN = 0.9
# How far one pass can reduce the residual before rounding errors dominate.
_REACH = {"float64": 0.0, "float32": 1e-5}
# A pass that does not reduce the residual by this factor was the last.
_PROGRESS = 0.5


class Operator(Protocol):
    """The products with :math:`A`, of shape ``(n, p)``; both may overwrite their last array.

    Attributes
    ----------
    xp
        The backend whose arrays it takes.
    compiled
        Whether the scalars of a step stay on the device, rather than on the host.
    steps
        How many steps one call makes.
    width
        The number of columns ``p``.
    """

    xp: Backend
    compiled: bool
    steps: int
    width: int

    def forward(self, v: Array, a: Array, u: Array, b: Array) -> Array:
        r"""Return :math:`A v a + u b`, shape ``(n, K)``, with factors ``(K,)``."""
        ...

    def backward(self, u: Array, a: Array, v: Array, b: Array) -> Array:
        r"""Return :math:`A^\top u a + v b`, shape ``(p, K)``, with factors ``(K,)``."""
        ...

    def rotate(self, old: Numbers, beta: Array, alpha: Array, limits: Limits) -> Numbers:
        """Do what :func:`rotate` does."""
        ...

    def run(self, function: Callable[..., Any], *arrays: Any) -> Any:
        """Call ``function(operator, *arrays)``, compiled where that pays."""
        ...


class Numbers(NamedTuple):
    """The scalars of the recurrence of each column, each ``(K,)``; names as in the paper.

    ``turn`` and ``stride`` scale the next direction and the step along it; ``theta`` over
    ``rho`` scales the direction after that.
    """

    alpha: Array
    beta: Array
    alphabar: Array
    theta: Array
    rho: Array
    rhobar: Array
    cbar: Array
    sbar: Array
    zeta: Array
    zetabar: Array
    turn: Array
    stride: Array
    betaddot: Array
    betadot: Array
    rhodot: Array
    tautilde: Array
    thetatilde: Array
    squares: Array
    largest: Array
    smallest: Array
    normr: Array
    normar: Array
    norm_a: Array
    cond_a: Array
    active: Array


class State(NamedTuple):
    """The state of the iteration: ``u (n, K)``, the others ``(p, K)``, and the scalars.

    ``u`` and ``v`` are kept without dividing them by their norms ``beta`` and ``alpha``: the
    next product includes the factor, which saves two passes over memory.
    """

    u: Array
    v: Array
    h: Array
    hbar: Array
    x: Array
    numbers: Numbers


class Limits(NamedTuple):
    r"""When a column is done: :math:`\lVert A^\top r\rVert \le` ``tol`` :math:`\lVert r\rVert`.

    ``floor`` is the smallest :math:`\lVert A^\top r \rVert` that the precision can resolve; both
    have shape ``(K,)``.
    """

    tol: Array
    floor: Array


def rotate(old: Numbers, beta: Array, alpha: Array, limits: Limits, xp: Any) -> Numbers:
    """Take the new ``beta`` and ``alpha`` into the two QR factorizations and the norms.

    ``xp`` is numpy, or a backend.  The stride of a column that has converged is zero from then on.
    """
    rho = _hypotenuse(old.alphabar, beta, xp)
    c, s = _ratio(old.alphabar, rho, xp), _ratio(beta, rho, xp)
    theta, alphabar = s * alpha, c * alpha
    thetabar, rhotemp = old.sbar * rho, old.cbar * rho
    rhobar = _hypotenuse(rhotemp, theta, xp)
    cbar, sbar = _ratio(rhotemp, rhobar, xp), _ratio(theta, rhobar, xp)
    zeta, zetabar = cbar * old.zetabar, -sbar * old.zetabar

    rhotilde = _hypotenuse(old.rhodot, thetabar, xp)
    ctilde, stilde = _ratio(old.rhodot, rhotilde, xp), _ratio(thetabar, rhotilde, xp)
    thetatilde, rhodot = stilde * rhobar, ctilde * rhobar
    betadot = ctilde * c * old.betaddot - stilde * old.betadot
    betaddot = -s * old.betaddot
    tautilde = _ratio(old.zeta - old.thetatilde * old.tautilde, rhotilde, xp)
    taudot = _ratio(zeta - thetatilde * tautilde, rhodot, xp)
    normr, normar = _hypotenuse(betadot - taudot, betaddot, xp), xp.abs(zetabar)

    squares = old.squares + beta**2
    high, low = xp.maximum(old.largest, rhotemp), xp.minimum(old.smallest, rhotemp)
    live = xp.where(old.active, 1.0, 0.0)
    return Numbers(
        alpha=alpha,
        beta=beta,
        alphabar=alphabar,
        theta=theta,
        rho=rho,
        rhobar=rhobar,
        cbar=cbar,
        sbar=sbar,
        zeta=zeta,
        zetabar=zetabar,
        turn=_ratio(thetabar * rho, old.rho * old.rhobar, xp),
        stride=live * _ratio(zeta, rho * rhobar, xp),
        betaddot=betaddot,
        betadot=betadot,
        rhodot=rhodot,
        tautilde=tautilde,
        thetatilde=thetatilde,
        squares=squares + alpha**2,
        largest=xp.maximum(old.largest, rhobar),
        smallest=xp.minimum(old.smallest, rhobar),
        normr=xp.where(old.active, normr, old.normr),
        normar=xp.where(old.active, normar, old.normar),
        norm_a=xp.where(old.active, xp.sqrt(squares), old.norm_a),
        cond_a=xp.where(old.active, _ratio(high, low, xp), old.cond_a),
        active=old.active & (normar > xp.maximum(limits.tol * normr, limits.floor)),
    )


def step(operator: Operator, state: State, limits: Limits) -> State:
    """Make one step of every column."""
    xp, old = operator.xp, state.numbers
    host = _numbers(operator)
    by_alpha = _ratio(1.0, old.alpha, host)
    u = operator.forward(state.v, by_alpha, state.u, -_ratio(old.alpha, old.beta, host))
    beta = _measured(operator, u)
    v = operator.backward(u, _ratio(1.0, beta, host), state.v, -beta * by_alpha)
    alpha = _measured(operator, v)
    new = operator.rotate(old, beta, alpha, limits)
    one = 1.0 + 0.0 * alpha
    hbar = xp.blend(one, state.h, -new.turn, state.hbar)
    x = xp.blend(new.stride, hbar, one, state.x)
    h = xp.blend(_ratio(1.0, alpha, host), v, -_ratio(new.theta, new.rho, host), state.h)
    return State(u, v, h, hbar, x, new)


def begin(operator: Operator, u: Array, v: Array, limits: Limits) -> State:
    r"""Return the state at ``x = 0``, from ``u`` with unit columns and ``v`` :math:`= A^\top u`."""
    xp = _numbers(operator)
    alpha = _measured(operator, v)
    zero, one = 0.0 * alpha, 1.0 + 0.0 * alpha
    fields = dict.fromkeys(Numbers._fields, zero)
    fields |= dict.fromkeys(("beta", "rho", "rhobar", "cbar", "betaddot", "rhodot"), one)
    fields |= dict.fromkeys(("normr", "cond_a"), one)
    fields |= dict.fromkeys(("alpha", "alphabar", "zetabar", "normar", "norm_a"), alpha)
    fields |= {"squares": alpha**2, "smallest": one / _TINY}
    fields |= {"active": alpha > xp.maximum(limits.tol, limits.floor)}
    h = operator.xp.blend(_ratio(1.0, alpha, xp), v, zero, 0.0 * v)
    return State(u, v, h, 0.0 * v, 0.0 * v, Numbers(**fields))


def advance(operator: Operator, state: State, limits: Limits) -> tuple[State, Array]:
    """Make the steps of one call, and return their reports, ``(steps, 6, K)``."""

    def once(state: State) -> tuple[State, Array]:
        state = step(operator, state, limits)
        return state, _report(operator, state)

    if operator.steps > 1:
        return operator.xp.repeat(once, state, operator.steps)
    state, figures = once(state)
    return state, figures[None]


def lsmr(
    operator: Operator, u: Array, v: Array, limits: Limits, max_iterations: int
) -> Generator[Numpy, None, Array]:
    r"""Yield the figures of each step, ``(5, K)``, and return ``x (p, K)``.

    Parameters
    ----------
    operator
        The products with :math:`A`.
    u, v
        The right-hand sides with unit columns, ``(n, K)``, and :math:`A^\top u`, ``(p, K)``; both
        may be overwritten.
    limits
        When a column has converged; it stays as it is while others continue.
    max_iterations
        The step limit.
    """
    xp, iteration = operator.xp, 0
    with xp.scope():
        limits = Limits(*(_placed(operator, bound) for bound in limits))
        state = operator.run(begin, u, v, limits)
        going = bool(xp.numpy(state.numbers.active).any())
    while going and iteration < max_iterations:
        with xp.scope():
            state, reports = operator.run(advance, state, limits)
            found = xp.numpy(reports)
        last = int(np.argmin(found[:, -1].any(axis=1))) if not found[-1, -1].any() else len(found)
        for figures in found[: min(last + 1, max_iterations - iteration), :-1]:
            iteration += 1
            yield figures
        going = last == len(found)
    return state.x


@dataclass(frozen=True)
class Solved:
    r"""The result of :func:`refined`.

    Attributes
    ----------
    x
        The solution of least norm, shape ``(p, K)``.
    residual
        :math:`r = b - A x`, shape ``(n, K)``.
    measure
        :math:`\lVert A^\top r\rVert / \lVert r\rVert`, computed from ``residual``, ``(K,)``.
    converged
        Whether a column is within the tolerance, or at the floor of float64, shape ``(K,)``.
    passes
        How often the iteration was started.
    """

    x: Numpy
    residual: Numpy
    measure: Numpy
    converged: npt.NDArray[np.bool_]
    passes: int


def refined(
    exact: Operator, inner: Operator, b: Numpy, tol: float, max_iterations: int
) -> Generator[Numpy, None, Solved]:
    """Iterate, compute the residual in float64, and repeat from it until it is within ``tol``.

    In float64 one pass usually suffices.  In float32 a pass ends where rounding dominates, and
    the next one starts from a residual computed in float64.

    Parameters
    ----------
    exact, inner
        The operator in float64, and the one that iterates, which may be the same.
    b
        The right-hand sides, shape ``(n, K)``.
    tol
        The bound of ``Solved.measure``.
    max_iterations
        The bound of the steps of all passes together.

    Yields
    ------
    Numpy
        The figures of a step, ``(5, K)``, in the units of ``b``.
    """
    xp, passes, iteration, before = exact.xp, 0, 0, np.full(b.shape[1], np.inf)
    with xp.scope():
        right, x = xp.array(b), xp.array(np.zeros((exact.width, b.shape[1])))
        floor = ROUNDING * xp.numpy(xp.norms(right))
    while True:
        with xp.scope():
            r, g = exact.run(_residual, right, x, _placed(exact, np.ones(b.shape[1])))
            normr, normar = xp.numpy(xp.norms(r)), xp.numpy(xp.norms(g))
            measure = normar / np.maximum(normr, _SMALLEST)
            converged = (measure <= tol) | (normar <= floor)
            hopeful = ~converged & (normar < _PROGRESS * before)
            if not hopeful.any() or iteration >= max_iterations:
                return Solved(xp.numpy(x), xp.numpy(r), measure, converged, passes)
            by_norm = xp.array(1.0 / np.maximum(normr, _SMALLEST))
            u, v = (_moved(part * by_norm, xp, inner.xp) for part in (r, g))
            del r, g
        limits = _limits(tol, floor / np.maximum(normr, _SMALLEST), measure, hopeful, inner.xp)
        scale = np.stack([normr, normr, np.ones_like(normr), np.ones_like(normr), normr])
        steps = lsmr(inner, u, v, limits, max_iterations - iteration)
        correction, taken = yield from _scaled(steps, scale)
        with xp.scope():
            x = x + _moved(correction, inner.xp, xp) * xp.array(normr)
        passes, iteration, before = passes + 1, iteration + taken, normar


def _limits(
    tol: float, floor: Numpy, measure: Numpy, hopeful: npt.NDArray[np.bool_], xp: Backend
) -> Limits:
    """Set the limits of one pass from its start; columns that have converged do not start."""
    reach = _REACH[xp.dtype] * measure
    aim = np.where(hopeful, np.maximum(_MARGIN * tol, reach), 1.0 / _TINY)
    return Limits(aim, np.maximum(floor, reach))


def _residual(operator: Operator, b: Array, x: Array, one: Array) -> tuple[Array, Array]:
    r"""Return :math:`r = b - A x` and :math:`A^\top r`."""
    r = operator.forward(x, -one, 1.0 * b, one)
    return r, operator.backward(r, one, 0.0 * x, one)


def _scaled(
    steps: Generator[Numpy, None, Array], scale: Numpy
) -> Generator[Numpy, None, tuple[Array, int]]:
    """Yield the figures in other units, and return the result with the number of steps."""
    taken = 0
    while True:
        try:
            figures = next(steps)
        except StopIteration as end:
            return end.value, taken
        taken += 1
        yield figures * scale


def _measured(operator: Operator, x: Array) -> Array:
    norms = operator.xp.norms(x)
    return norms if operator.compiled else operator.xp.numpy(norms)


def _numbers(operator: Operator) -> Any:
    """Return what computes the scalars of a step: the backend, or numpy."""
    return operator.xp if operator.compiled else np


def _placed(operator: Operator, numbers: Numpy) -> Array:
    return operator.xp.array(numbers) if operator.compiled else numbers


def _moved(values: Array, source: Backend, target: Backend) -> Array:
    return values if source is target else target.array(source.numpy(values))


def _report(operator: Operator, state: State) -> Array:
    """Stack the figures of each column, ``(6, K)``: those of ``FIGURES``, and if it is live."""
    xp, new = _numbers(operator), state.numbers
    live = xp.where(new.active, 1.0, 0.0)
    normx = _measured(operator, state.x)
    return xp.stack([new.normr, new.normar, new.norm_a, new.cond_a, normx, live])


def _hypotenuse(a: Array, b: Array, xp: Any) -> Array:
    """Return ``sqrt(a^2 + b^2)``; with unit columns nothing can overflow."""
    return xp.sqrt(a * a + b * b)


def _ratio(a: Any, b: Array, xp: Any) -> Array:
    """Return ``a / b`` for ``b >= 0``; where ``b`` is zero, ``a`` is, and so is the ratio."""
    return a / xp.maximum(b, _TINY)
