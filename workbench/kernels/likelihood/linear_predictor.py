r"""Sums of a likelihood with rows that depend on the data through a few scalars.

A row's log-likelihood is a function of scalars: the linear predictors :math:`x_{ai}^\top\beta_a`
of one or several equations, and further parameters, which every row reads or which a row picks by
a code of its own.  The library differentiates that scalar function row by row, and the pass over
the rows assembles the rest: :math:`X_a^\top w_a` for the gradient and the blocks
:math:`X_a^\top W_{ab} X_b` for the Hessian.  On the CPU, in float64, BLAS does that on our own
threads, two to three times as fast as either library, and the library sees the scalars alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from workbench.backends import Array, Backend
from workbench.kernels.likelihood.outcomes import Outcomes
from workbench.kernels.likelihood.parameters import Block, OutcomeTerm, Scale
from workbench.kernels.likelihood.row_sums import (
    Contributions,
    Formula,
    Rows,
    compiled,
    curved,
    pushed,
    rowwise,
    sums,
    weighted,
)
from workbench.kernels.likelihood.scores import Argument, RowScores, sum_by_code
from workbench.kernels.linear.gram import cross_gram, cross_product, times, weighted_gram
from workbench.kernels.totals import Totals
from workbench.protocols import Numpy, Order


class LinearPredictorKernel:
    """The sums of one likelihood over one data set on one device.

    Parameters
    ----------
    contributions
        The likelihood's formula, of natural parameters.
    xp
        The backend that computes.
    y
        The outcome ``(n,)``, float64.
    designs
        One ``(n, p_a)`` for each equation, float64.
    offsets
        For each equation a column ``(n,)`` or None; none by default.
    weights
        A column ``(n,)`` or None.
    blocks
        The parameters besides the coefficients; ``k`` is the sum of all sizes.
    columns
        Further columns ``(n,)`` by role.
    outcome_term
        ``f(y, parameters)``: a part of the log-likelihood of distinct outcomes, or None.
    """

    def __init__(
        self,
        contributions: Contributions,
        xp: Backend,
        y: Numpy,
        designs: Sequence[Numpy],
        *,
        offsets: Sequence[Numpy | None] = (),
        weights: Numpy | None = None,
        blocks: Sequence[Block] = (),
        columns: Mapping[str, Numpy] | None = None,
        outcome_term: Callable[[Numpy, Numpy], OutcomeTerm | None] | None = None,
    ) -> None:
        self.xp = xp
        self._term = None if outcome_term is None else Outcomes(outcome_term, y, weights)
        self.scale = Scale(sum(x.shape[1] for x in designs), tuple(blocks))
        self.size = self.scale.size
        self.arguments = _arguments(designs, blocks, self.scale)
        self._formula = Formula(contributions, tuple(a.kind for a in self.arguments))
        self._designs = tuple(designs)
        self._last: list[tuple[Numpy, Array] | None] = [None] * len(designs)
        self._on_host = xp.device == "cpu" and xp.dtype == "float64"
        with xp.scope():
            self._rows = self._moved(y, offsets or [None] * len(designs), weights, columns or {})

    def _moved(
        self,
        y: Numpy,
        offsets: Sequence[Numpy | None],
        weights: Numpy | None,
        columns: Mapping[str, Numpy],
    ) -> Rows:
        """Bring the columns to the device, and the designs where the library multiplies."""
        move = self.xp.array
        return Rows(
            move(y),
            move(np.ones_like(y) if weights is None else weights),
            tuple(None if offset is None else move(offset) for offset in offsets),
            tuple(move(a.codes) for a in self.arguments if a.codes is not None),
            {role: move(column) for role, column in columns.items()},
            () if self._on_host else tuple(move(x) for x in self._designs),
        )

    # Sums ---------------------------------------------------------------------------------------

    def totals(self, theta: Numpy, order: Order = 0) -> Totals:
        """Sum the log-likelihood and its derivatives up to ``order`` at ``theta (k,)``."""
        params = self.scale.natural(theta)
        with self.xp.scope():
            if self._on_host:
                found = self._call(weighted, order, self._predicted(params))
                pieces = self._times_designs(*found)
            else:
                pieces = self._call(sums, order, self._places(params))
            value, first, second = [_host(self.xp, piece) for piece in pieces]
        found = self._assembled(float(value), first, second, order)
        if self._term is not None:
            found = self._term.added(found, params, self.scale.first)
        return self.scale.carried(theta, found)

    def hessian_vector(self, theta: Numpy, vector: Numpy) -> Numpy:
        """Multiply the Hessian of the summed log-likelihood with ``vector (k,)``."""
        params, scale = self.scale.natural(theta), self.scale
        jacobian = None if scale.linear else scale.jacobian(theta)
        move = vector if jacobian is None else jacobian @ vector
        with self.xp.scope():
            if self._on_host:
                places = self._predicted(params), self._predicted(move, keep=False)
                pieces = self._cross_products(self._call(pushed, 2, *places))
            else:
                pieces = self._call(curved, 2, self._places(params), self._places(move))
            found = self._gathered([_host(self.xp, piece) for piece in pieces])
        if self._term is not None:
            first = scale.first
            found[first:] += self._term.hessian(params[first:]) @ move[first:]
        if jacobian is None:
            return found
        gradient = self._natural_gradient(theta)
        return np.asarray(jacobian.T @ found + scale.second(theta, gradient) @ vector)

    def _natural_gradient(self, theta: Numpy) -> Numpy:
        """Return the gradient by natural parameters, ``(k,)``."""
        gradient = self.totals(theta, 1).gradient
        assert gradient is not None
        return np.asarray(np.linalg.solve(self.scale.jacobian(theta).T, gradient))

    # Rows ---------------------------------------------------------------------------------------

    def rows(self, theta: Numpy, order: Order = 1) -> tuple[Numpy, list[Numpy]]:
        """Return each row's log-likelihood ``(n,)`` and derivatives, unweighted.

        The derivatives are by the arguments of the formula, ``(n,)`` each: the linear predictors,
        and then the natural parameters as the row reads them.
        """
        params = self.scale.natural(theta)
        with self.xp.scope():
            values, first, _ = self._call(rowwise, order, self._predicted(params))
            found = self.xp.numpy(values), [self.xp.numpy(d) for d in first]
        return found if self._term is None else self._term.by_row(*found, params, self.scale.first)

    def scores(self, theta: Numpy) -> tuple[Numpy, RowScores]:
        """Return each row's log-likelihood ``(n,)``, and its score by unconstrained parameters."""
        values, first = self.rows(theta)
        change = None if self.scale.linear else self.scale.jacobian(theta)
        return values, RowScores(self.arguments, tuple(first), self.size, change)

    def predictors(self, theta: Numpy) -> list[Numpy]:
        """Return the linear predictor of each equation, offsets included, ``(n,)`` each."""
        with self.xp.scope():
            places = self._predicted(self.scale.natural(theta))
            pairs = zip(places, self._rows.offsets, strict=False)
            return [self.xp.numpy(p if offset is None else p + offset) for p, offset in pairs]

    # Arguments at a point -----------------------------------------------------------------------

    def _call(self, function: Callable[..., Any], order: Order, *places: Any) -> Any:
        return compiled(function, self._formula, self.xp, order)(self._rows, *places)

    def _predicted(self, params: Numpy, *, keep: bool = True) -> tuple[Array, ...]:
        """Return each argument's place with the designs multiplied: ``(n,)``, or parameters."""
        return tuple(
            self._times(a, params, keep) if a.kind == "design" else self._read(a, params)
            for a in self.arguments
        )

    def _places(self, params: Numpy) -> tuple[Array, ...]:
        """Return each argument's place as parameters alone."""
        return tuple(self._read(a, params) for a in self.arguments)

    def _read(self, argument: Argument, params: Numpy) -> Array:
        values = params[argument.start : argument.stop]
        return self.xp.array(np.float64(values[0]) if argument.kind == "shared" else values)

    def _times(self, argument: Argument, params: Numpy, keep: bool) -> Array:
        """Return ``X`` times the coefficients, ``(n,)``, kept for the last coefficients."""
        at, xp = argument.design_number, self.xp
        coefficients = params[argument.start : argument.stop]
        last = self._last[at]
        if last is not None and np.array_equal(last[0], coefficients):
            return last[1]
        if self._on_host:
            found = xp.array(times(self._designs[at], coefficients))
        else:
            found = self._rows.designs[at] @ xp.array(coefficients)
        if keep:
            self._last[at] = (coefficients.copy(), found)
        return found

    # Assembly on the host -----------------------------------------------------------------------

    def _times_designs(
        self, value: Array, first: list[Array], second: list[list[Array]]
    ) -> tuple[Array, list[Numpy], list[list[Any]]]:
        """Multiply weighted rows by the designs: ``X'w``, and the blocks ``X_a'W X_b``."""
        blocks = [
            [self._block(i, i + j, rows) for j, rows in enumerate(row)]
            for i, row in enumerate(second)
        ]
        return value, self._cross_products(first), blocks

    def _cross_products(self, first: Sequence[Array]) -> list[Any]:
        pairs = zip(self.arguments, first, strict=False)
        return [
            cross_product(a.design, self.xp.numpy(d)) if a.kind == "design" else d for a, d in pairs
        ]

    def _block(self, i: int, j: int, rows: Array) -> Any:
        one, other = self.arguments[i], self.arguments[j]
        if one.kind != "design":
            return rows
        weights = self.xp.numpy(rows)
        if i == j:
            return weighted_gram(one.design, weights)
        if other.kind == "design":
            return cross_gram(one.design, weights, other.design)
        if other.kind == "shared":
            return cross_product(one.design, weights)[:, None]
        return sum_by_code(self._members[j], one.design, weights).T

    @cached_property
    def _members(self) -> dict[int, sparse.csr_array]:
        """The rows that pick each parameter, one ``(m, n)`` matrix for each picked argument."""
        found = enumerate(self.arguments)
        return {j: a.members() for j, a in found if a.kind == "picked"}

    def _gathered(self, first: Sequence[Any]) -> Numpy:
        """Add up derivatives by argument into one vector of all parameters."""
        found = np.zeros(self.size)
        for argument, piece in zip(self.arguments, first, strict=True):
            found[argument.start : argument.stop] += piece
        return found

    def _assembled(
        self, value: float, first: Sequence[Any], second: Sequence[Any], order: Order
    ) -> Totals:
        if order == 0:
            return Totals(value)
        gradient = self._gathered(first)
        if order == 1:
            return Totals(value, gradient)
        hessian = np.zeros((self.size, self.size))
        for i, row in enumerate(second):
            for j, block in enumerate(row, start=i):
                self._add(hessian, i, j, block)
        return Totals(value, gradient, (hessian + hessian.T) / 2)

    def _add(self, hessian: Numpy, i: int, j: int, block: Any) -> None:
        one, other = self.arguments[i], self.arguments[j]
        down, across = slice(one.start, one.stop), slice(other.start, other.stop)
        shaped = np.reshape(block, (one.size, other.size))
        hessian[down, across] += shaped
        if i != j:
            hessian[across, down] += shaped.T


def _arguments(
    designs: Sequence[Numpy], blocks: Sequence[Block], scale: Scale
) -> tuple[Argument, ...]:
    """List the arguments of the formula: predictors, and then parameters block by block."""
    found, at = [], 0
    for number, x in enumerate(designs):
        found.append(Argument("design", at, at + x.shape[1], design=x, design_number=number))
        at += x.shape[1]
    for place, block in zip(scale.slices, blocks, strict=True):
        if block.reads:
            picked = [Argument("picked", place.start, place.stop, codes=c) for c in block.reads]
            found.extend(picked)
        else:
            each = range(place.start, place.stop)
            found.extend(Argument("shared", j, j + 1) for j in each)
    return tuple(found)


def _host(xp: Backend, piece: Any) -> Any:
    """Bring a nest of lists of arrays to numpy."""
    if isinstance(piece, (list, tuple)):
        return [_host(xp, part) for part in piece]
    return piece if isinstance(piece, np.ndarray) else xp.numpy(piece)
