r"""Value, gradient and Hessian of a likelihood that reads the data through a linear index.

The derivatives of row :math:`i` by its index :math:`\eta_i` and by the nuisance parameters come
from automatic differentiation of one scalar formula; the design matrix enters only through
:math:`X^\top w` and :math:`X^\top W X`.  On a device the library forms these too; on the CPU, in
float64, BLAS does on our own threads, two to three times as fast as either library, and the
library sees the linear index alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from itertools import chain
from typing import Any

import numpy as np

from workbench.backends import Array, Backend
from workbench.kernels.linear.gram import pull, times, weighted_gram
from workbench.kernels.totals import Totals
from workbench.protocols import Numpy, Order

Contributions = Callable[[Array, Array, Sequence[Array], Backend], Array]


class LinearIndexKernel:
    """The sums of one template over one data set on one device.

    Parameters
    ----------
    contributions
        The template's formula.
    xp
        The backend that computes.
    y, x
        Outcome ``(n,)`` and design ``(n, p)``, float64.
    offset, weights
        Columns ``(n,)`` or None.
    nuisance
        The number ``m`` of parameters besides the coefficients; ``k = p + m``.
    """

    def __init__(
        self,
        contributions: Contributions,
        xp: Backend,
        y: Numpy,
        x: Numpy,
        offset: Numpy | None = None,
        weights: Numpy | None = None,
        nuisance: int = 0,
    ) -> None:
        self.xp = xp
        self.coefficients = x.shape[1]
        self.size = self.coefficients + nuisance
        self._contributions = contributions
        with xp.scope():
            move = xp.array
            zeros = np.zeros_like(y) if offset is None else offset
            ones = np.ones_like(y) if weights is None else weights
            self._columns = (move(y), move(zeros), move(ones))
            self._last: tuple[Numpy, Array] | None = None
            self._x = x if xp.device == "cpu" and xp.dtype == "float64" else move(x)

    @property
    def _on_host(self) -> bool:
        return isinstance(self._x, np.ndarray)

    def totals(self, theta: Numpy, order: Order = 0) -> Totals:
        """Sum the log-likelihood and its derivatives up to ``order`` at ``theta (k,)``."""
        with self.xp.scope():
            if self._on_host:
                value, first, second = self._at_index(_weighted, order, theta)
                pieces = (value, *_spread(first, second, self._pull, self._square))
            else:
                pieces = self._on_device(_sums, order, theta)
            return self._assemble([_host(self.xp, piece) for piece in pieces], order)

    def hessian_vector(self, theta: Numpy, vector: Numpy) -> Numpy:
        """Multiply the Hessian of the summed log-likelihood with ``vector (k,)``."""
        with self.xp.scope():
            if self._on_host:
                own, *others = self._at_index(_pushed, 2, theta, vector)
                pieces = [self._pull(own), *others]
            else:
                pieces = self._on_device(_curved, 2, theta, vector)
            return np.concatenate([np.atleast_1d(_host(self.xp, piece)) for piece in pieces])

    def rows(self, theta: Numpy, order: Order = 1) -> tuple[Numpy, list[Numpy]]:
        """Return each row's log-likelihood ``(n,)`` and derivatives, unweighted.

        The derivatives are by the index and then by each nuisance parameter, ``(n,)`` each.
        """
        with self.xp.scope():
            values, first, _ = self._at_index(_rowwise, order, theta)
            return self.xp.numpy(values), [self.xp.numpy(d) for d in first]

    def index(self, theta: Numpy) -> Numpy:
        """Return the linear index of each row, offset included, shape ``(n,)``."""
        with self.xp.scope():
            _, offset, _ = self._columns
            return self.xp.numpy(self._moved(theta) + offset)

    def _at_index(self, function: Callable[..., Any], order: Order, *points: Numpy) -> Any:
        """Call a function of the rows at the linear index of each point."""
        run = _compiled(function, self._contributions, self.xp, order)
        return run(self._columns, *chain(*((self._moved(u), self._others(u)) for u in points)))

    def _on_device(self, function: Callable[..., Any], order: Order, *points: Numpy) -> Any:
        """Call a function of the design at points."""
        run, p = _compiled(function, self._contributions, self.xp, order), self.coefficients
        y, offset, weights = self._columns
        places = chain(*((self.xp.array(u[:p]), self._others(u)) for u in points))
        return run((y, self._x, offset, weights), *places)

    def _moved(self, theta: Numpy) -> Array:
        """Return ``X`` times the coefficients, ``(n,)``, kept for the coefficients asked last."""
        coefficients = theta[: self.coefficients]
        last = self._last
        if last is None or not np.array_equal(last[0], coefficients):
            x, xp = self._x, self.xp
            on_host = self._on_host
            moved = xp.array(times(x, coefficients)) if on_host else x @ xp.array(coefficients)
            self._last = last = (coefficients.copy(), moved)
        return last[1]

    def _others(self, theta: Numpy) -> list[Array]:
        return [self.xp.array(np.float64(value)) for value in theta[self.coefficients :]]

    def _pull(self, rows: Array) -> Numpy:
        return pull(self._x, self.xp.numpy(rows))

    def _square(self, rows: Array) -> Numpy:
        return weighted_gram(self._x, self.xp.numpy(rows))

    def _assemble(self, pieces: list[Any], order: Order) -> Totals:
        value, first, second = float(pieces[0]), pieces[1], pieces[2]
        if order == 0:
            return Totals(value)
        gradient = np.concatenate([np.atleast_1d(piece) for piece in first])
        if order == 1:
            return Totals(value, gradient)
        return Totals(value, gradient, _fill(second, self.coefficients, self.size))


def _fill(second: list[list[Any]], p: int, k: int) -> Numpy:
    """Put the blocks of the upper triangle into one symmetric matrix."""
    hessian = np.empty((k, k))
    hessian[:p, :p] = (second[0][0] + second[0][0].T) / 2
    for j in range(1, k - p + 1):
        hessian[:p, p + j - 1] = hessian[p + j - 1, :p] = second[0][j]
        for i in range(1, j + 1):
            hessian[p + i - 1, p + j - 1] = hessian[p + j - 1, p + i - 1] = second[i][j - i]
    return hessian


@lru_cache(maxsize=256)
def _compiled(
    function: Callable[..., Any], contributions: Contributions, xp: Backend, order: Order
) -> Callable[..., Any]:
    """Compile once for equal templates, so that a second fit of the same shape starts warm."""
    return xp.compile(partial(function, contributions, xp, order))


Rows = tuple[Array, list[Array], list[list[Array]]]
"""Values and derivatives of rows ``(n,)``, or their sums where the design plays no part."""


def _rowwise(
    contributions: Contributions,
    xp: Backend,
    order: Order,
    columns: tuple[Array, ...],
    index: Array,
    nuisance: list[Array],
) -> Rows:
    """Differentiate each row at its linear index."""
    y, offset, _ = columns
    index = index + offset

    def formula(index: Array, *others: Array) -> Array:
        return contributions(y, index, others, xp)

    spread = [value + 0 * index for value in nuisance]
    return xp.row_derivatives(formula, (index, *spread), order)


def _weighted(
    contributions: Contributions,
    xp: Backend,
    order: Order,
    columns: tuple[Array, ...],
    index: Array,
    nuisance: list[Array],
) -> Rows:
    """Weight the rows, and sum those that the design does not multiply."""
    _, _, weights = columns
    values, first, second = _rowwise(contributions, xp, order, columns, index, nuisance)

    def carried(derivatives: list[Array], *, keep: bool) -> list[Array]:
        rows = [weights * d for d in derivatives]
        return rows if keep else [xp.sum(row) for row in rows]

    gradient = [*carried(first[:1], keep=True), *carried(first[1:], keep=False)]
    blocks = [carried(row, keep=i == 0) for i, row in enumerate(second)]
    return xp.sum(weights * values), gradient, blocks


def _spread(
    first: list[Array],
    second: list[list[Array]],
    pull: Callable[[Array], Array],
    square: Callable[[Array], Array],
) -> tuple[list[Array], list[list[Array]]]:
    """Multiply weighted rows by the design: X'w, and in the first block X'WX."""
    gradient = [*(pull(row) for row in first[:1]), *first[1:]]
    corner = [[square(row[0]), *(pull(w) for w in row[1:])] for row in second[:1]]
    return gradient, [*corner, *second[1:]]


def _sums(
    contributions: Contributions,
    xp: Backend,
    order: Order,
    data: tuple[Array, ...],
    coefficients: Array,
    nuisance: list[Array],
) -> Rows:
    """Sum over the rows, the design included."""
    y, x, offset, weights = data
    value, first, second = _weighted(
        contributions, xp, order, (y, offset, weights), x @ coefficients, nuisance
    )

    # Not x.T @ v: XLA on a CPU takes eight times as long over it.
    def pulled(rows: Array) -> Array:
        return rows @ x

    def squared(rows: Array) -> Array:
        return x.T @ (x * rows[:, None])

    return value, *_spread(first, second, pulled, squared)


def _pushed(
    contributions: Contributions,
    xp: Backend,
    order: Order,
    columns: tuple[Array, ...],
    index: Array,
    nuisance: list[Array],
    direction: Array,
    others: list[Array],
) -> list[Array]:
    """Multiply the second derivatives of the rows with a move of index and nuisance."""
    _, _, weights = columns
    _, _, second = _rowwise(contributions, xp, order, columns, index, nuisance)
    moves = [direction, *others]
    sides = range(len(moves))
    own, *rest = (
        weights * sum(second[min(i, j)][abs(i - j)] * moves[j] for j in sides) for i in sides
    )
    return [own, *(xp.sum(push) for push in rest)]


def _curved(
    contributions: Contributions,
    xp: Backend,
    order: Order,
    data: tuple[Array, ...],
    coefficients: Array,
    nuisance: list[Array],
    direction: Array,
    others: list[Array],
) -> list[Array]:
    """Multiply the Hessian with a vector, without forming X'WX."""
    y, x, offset, weights = data
    columns, index = (y, offset, weights), x @ coefficients
    own, *rest = _pushed(contributions, xp, order, columns, index, nuisance, x @ direction, others)
    return [own @ x, *rest]


def _host(xp: Backend, piece: Any) -> Any:
    """Bring a nest of lists of arrays to numpy."""
    if isinstance(piece, (list, tuple)):
        return [_host(xp, part) for part in piece]
    return piece if isinstance(piece, np.ndarray) else xp.numpy(piece)
