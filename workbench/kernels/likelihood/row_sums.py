"""What the library computes of the rows of a likelihood, compiled once for equal formulas."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Literal, NamedTuple

from workbench.backends import Array, Backend
from workbench.protocols import Order

Contributions = Callable[
    [Array, Sequence[Array], Sequence[Array], Mapping[str, Array], Backend], Array
]
"""``f(y, predictors, parameters, columns, xp)``: the log-likelihood of each row, ``(n,)``."""
Kind = Literal["design", "shared", "picked"]


@dataclass(frozen=True)
class Formula:
    """The scalar function of a row, and what each of its arguments is.

    Compiled code is found again by this object, so it holds nothing that depends on the data.
    """

    contributions: Contributions
    kinds: tuple[Kind, ...]


class Rows(NamedTuple):
    """The columns that a formula reads, as arrays of the library.

    ``offsets`` has one ``(n,)`` or None for each design, ``codes`` one ``(n,)`` for each picked
    argument, ``designs`` the ``(n, p)`` where the library multiplies by them.
    """

    y: Array
    weights: Array
    offsets: tuple[Array | None, ...]
    codes: tuple[Array, ...] = ()
    columns: Mapping[str, Array] = {}
    designs: tuple[Array, ...] = ()


@lru_cache(maxsize=256)
def compiled(
    function: Callable[..., Any], formula: Formula, xp: Backend, order: Order
) -> Callable[..., Any]:
    """Compile once for equal formulas, so that a second fit of the same shape starts warm."""
    return xp.compile(partial(function, formula, xp, order))


Derivatives = tuple[Array, list[Array], list[list[Array]]]
"""Values and derivatives of rows ``(n,)``, or their sums where no design plays a part."""


def _values(formula: Formula, xp: Backend, rows: Rows, places: Sequence[Array]) -> list[Array]:
    """Return the arguments of each row, ``(n,)`` each."""
    offsets, codes = iter(rows.offsets), iter(rows.codes)
    found: list[Array] = []
    for kind, place in zip(formula.kinds, places, strict=True):
        if kind == "design":
            offset = next(offsets)
            found.append(place if offset is None else place + offset)
        elif kind == "picked":
            found.append(xp.take(place, next(codes)))
        else:
            found.append(place + 0 * found[0])
    return found


def rowwise(
    formula: Formula, xp: Backend, order: Order, rows: Rows, places: Sequence[Array]
) -> Derivatives:
    """Differentiate each row by its arguments."""
    first = len(rows.offsets)

    def row(*arguments: Array) -> Array:
        read = arguments[:first], arguments[first:]
        return formula.contributions(rows.y, *read, rows.columns, xp)

    return xp.row_derivatives(row, _values(formula, xp, rows, places), order)


def weighted(
    formula: Formula, xp: Backend, order: Order, rows: Rows, places: Sequence[Array]
) -> Derivatives:
    """Weight the rows, and sum those that no design multiplies."""
    values, first, second = rowwise(formula, xp, order, rows, places)
    sizes = [place.shape[0] if place.shape else 1 for place in places]
    codes = _codes(formula, rows)

    def reduced(i: int, derivative: Array) -> Array:
        product = rows.weights * derivative
        if formula.kinds[i] == "design":
            return product
        return xp.sum(product) if codes[i] is None else _by(xp, product, codes[i], sizes[i])

    def paired(i: int, j: int, derivative: Array) -> Array:
        down, across = codes[i], codes[j]
        if formula.kinds[i] == "design" or across is None:
            return reduced(i, derivative)
        if down is None:
            return reduced(j, derivative)
        both = down * sizes[j] + across
        return _by(xp, rows.weights * derivative, both, sizes[i] * sizes[j])

    gradient = [reduced(i, d) for i, d in enumerate(first)]
    blocks = [[paired(i, i + j, d) for j, d in enumerate(row)] for i, row in enumerate(second)]
    return xp.sum(rows.weights * values), gradient, blocks


def _codes(formula: Formula, rows: Rows) -> list[Array | None]:
    """Return the codes of each argument, None where it picks nothing."""
    codes = iter(rows.codes)
    return [next(codes) if kind == "picked" else None for kind in formula.kinds]


def _by(xp: Backend, rows: Array, codes: Array, size: int) -> Array:
    return xp.segment_sum(rows, codes, size)


def sums(
    formula: Formula, xp: Backend, order: Order, rows: Rows, places: Sequence[Array]
) -> Derivatives:
    """Sum over the rows, the designs included."""
    designs, codes = rows.designs, _codes(formula, rows)
    value, first, second = weighted(formula, xp, order, rows, _multiplied(rows, places))

    def block(i: int, j: int, d: Array) -> Array:
        if formula.kinds[i] != "design":
            return d
        x = designs[i]
        if formula.kinds[j] == "design":
            return x.T @ (designs[j] * d[:, None])
        if codes[j] is None:
            return d @ x
        return _by(xp, x * d[:, None], codes[j], places[j].shape[0]).T

    blocks = [[block(i, i + j, d) for j, d in enumerate(row)] for i, row in enumerate(second)]
    return value, _multiplied_back(formula, rows, first), blocks


def _multiplied(rows: Rows, places: Sequence[Array]) -> list[Array]:
    """Multiply the designs with their coefficients; the designs come first."""
    count = len(rows.designs)
    return [*(x @ b for x, b in zip(rows.designs, places, strict=False)), *places[count:]]


def _multiplied_back(formula: Formula, rows: Rows, first: Sequence[Array]) -> list[Array]:
    # Not x.T @ v: XLA on a CPU takes eight times as long over it.
    kinds = enumerate(zip(formula.kinds, first, strict=False))
    return [d @ rows.designs[i] if kind == "design" else d for i, (kind, d) in kinds]


def pushed(
    formula: Formula,
    xp: Backend,
    order: Order,
    rows: Rows,
    places: Sequence[Array],
    moves: Sequence[Array],
) -> list[Array]:
    """Multiply the second derivatives of the rows with a move of every argument."""
    _, _, second = rowwise(formula, xp, order, rows, places)
    still = rows._replace(offsets=(None,) * len(rows.offsets))
    steps, codes = _values(formula, xp, still, moves), _codes(formula, rows)
    sides = range(len(moves))
    products = [
        rows.weights * sum(second[min(i, j)][abs(i - j)] * steps[j] for j in sides) for i in sides
    ]
    return [
        push
        if formula.kinds[i] == "design"
        else xp.sum(push)
        if codes[i] is None
        else _by(xp, push, codes[i], moves[i].shape[0])
        for i, push in enumerate(products)
    ]


def curved(
    formula: Formula,
    xp: Backend,
    order: Order,
    rows: Rows,
    places: Sequence[Array],
    moves: Sequence[Array],
) -> list[Array]:
    """Multiply the Hessian with a vector, without forming the blocks ``X_a'W X_b``."""
    both = _multiplied(rows, places), _multiplied(rows, moves)
    return _multiplied_back(formula, rows, pushed(formula, xp, order, rows, *both))
