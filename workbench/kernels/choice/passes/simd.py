r"""Sixteen numbers at a time in compiled passes: a numba type that is one LLVM vector.

A pass treats sixteen persons at a time, so that each operation is one vector operation for
registers of any width (LLVM splits the vector accordingly), and sums stay in registers.  Array
bounds are not checked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import llvmlite.ir as ir
import numpy as np
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.extending import intrinsic, register_model

LANES = 16
"""How many persons a pass treats at a time."""

_built: Callable[[Callable[..., Any]], Callable[..., Any]] = intrinsic

_DOUBLE, _LONG = ir.DoubleType(), ir.IntType(64)
_VECTOR, _LONGS = ir.VectorType(_DOUBLE, LANES), ir.VectorType(_LONG, LANES)


class _Lanes(types.Type):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(name=f"Lanes{LANES}")


_lanes = _Lanes()


@register_model(_Lanes)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


def _constant(value: float) -> Any:
    return ir.Constant(_VECTOR, [ir.Constant(_DOUBLE, value)] * LANES)


def _call(builder: Any, name: str, *values: Any) -> Any:
    """Call one of LLVM's functions of vectors."""
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * len(values))
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{LANES}f64")
    return builder.call(function, values)


def _fused(builder: Any, a: Any, b: Any, c: Any) -> Any:
    return _call(builder, "fmuladd", a, b, c)


def _elementwise(count: int, build: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function of so many vectors from how LLVM builds it."""

    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return build(builder, *values)

    def one(_typing: Any, a: Any) -> Any:
        return _lanes(a), generate

    def two(_typing: Any, a: Any, b: Any) -> Any:
        return _lanes(a, b), generate

    def three(_typing: Any, a: Any, b: Any, c: Any) -> Any:
        return _lanes(a, b, c), generate

    return _built((one, two, three)[count - 1])


def _place(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    """Point at the vector number ``values[1]`` of a flat array."""
    array = context.make_array(signature.args[0])(context, builder, values[0])
    index = context.cast(builder, values[1], signature.args[1], types.intp)
    first = builder.mul(index, ir.Constant(index.type, LANES))
    place = builder.gep(array.data, [first])
    return builder.bitcast(place, _VECTOR.as_pointer())


@_built
def load(_typing: Any, array: Any, number: Any) -> Any:
    """Read the sixteen numbers that begin at ``16 * number`` of a flat array."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load(_place(context, builder, signature, values), align=8)

    return _lanes(array, number), generate


@_built
def store(_typing: Any, array: Any, number: Any, value: Any) -> Any:
    """Write sixteen numbers where ``load`` reads them."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.store(values[2], _place(context, builder, signature, values), align=8)
        return context.get_dummy_value()

    return types.void(array, number, value), generate


@_built
def everywhere(_typing: Any, value: Any) -> Any:
    """Repeat one number."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        number = context.cast(builder, values[0], signature.args[0], types.float64)
        empty = ir.Constant(_VECTOR, ir.Undefined)
        first = builder.insert_element(empty, number, ir.Constant(ir.IntType(32), 0))
        mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return builder.shuffle_vector(first, empty, mask)

    return _lanes(value), generate


@_built
def largest(_typing: Any, value: Any) -> Any:
    """Return the largest of sixteen numbers."""

    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        vector, width = values[0], LANES
        while width > 1:
            width //= 2
            vector = _larger(builder, *(_half(builder, vector, width, i) for i in (0, width)))
        return builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))

    return types.float64(value), generate


def _half(builder: Any, vector: Any, width: int, first: int) -> Any:
    """Take so many neighbours out of a vector."""
    mask = ir.Constant(ir.VectorType(ir.IntType(32), width), list(range(first, first + width)))
    return builder.shuffle_vector(vector, vector, mask)


def _larger(builder: Any, a: Any, b: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


def _where(builder: Any, test: Any, yes: Any, no: Any) -> Any:
    positive = builder.fcmp_ordered(">", test, _constant(0.0))
    return builder.select(positive, yes, no)


# exp: x = n log 2 + r with |r| <= log(2) / 2 (Cody and Waite 1980, chapter 6).  n sits in the last
# bits of x / log 2 + 1.5 * 2^52, and is added to the exponent.
_LOG2_HIGH, _LOG2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_ROUNDER = 1.5 * 2.0**52
_LOWEST, _HIGHEST = -708.0, 709.0
# (exp(r) - 1 - r) / r^2 at ten Chebyshev nodes in exact arithmetic: exp is within 1.7e-17.
_POLYNOMIAL = (
    (0.5000000000000001, 0.16666666666666669),
    (0.041666666666624136, 0.008333333333330063),
    (0.001388888891720967, 0.00019841269863050506),
    (2.4801521302241082e-05, 2.7557268464831627e-06),
    (2.7620085455018414e-07, 2.510038319586702e-08),
)


def _exp(builder: Any, x: Any) -> Any:
    lowest, highest = _constant(_LOWEST), _constant(_HIGHEST)
    x = builder.select(builder.fcmp_unordered("<", x, lowest), lowest, x)
    x = builder.select(builder.fcmp_unordered(">", x, highest), highest, x)
    shifted = _fused(builder, x, _constant(1 / np.log(2.0)), _constant(_ROUNDER))
    n = builder.fsub(shifted, _constant(_ROUNDER))
    r = _fused(builder, n, _constant(-_LOG2_HIGH), x)
    r = _fused(builder, n, _constant(-_LOG2_LOW), r)
    power = _power(builder, r)
    bits = builder.shl(
        builder.bitcast(shifted, _LONGS), ir.Constant(_LONGS, [ir.Constant(_LONG, 52)] * LANES)
    )
    return builder.bitcast(builder.add(builder.bitcast(power, _LONGS), bits), _VECTOR)


def _power(builder: Any, r: Any) -> Any:
    """Build ``1 + r + r^2 q(r)``, the terms of q in pairs, which shortens the chain."""
    square, one = builder.fmul(r, r), _constant(1.0)
    even, odd = _POLYNOMIAL[-1]
    total = _fused(builder, _constant(odd), r, _constant(even))
    for even, odd in reversed(_POLYNOMIAL[:-1]):
        pair = _fused(builder, _constant(odd), r, _constant(even))
        total = _fused(builder, total, square, pair)
    return _fused(builder, total, square, builder.fadd(r, one))


add = _elementwise(2, lambda builder, a, b: builder.fadd(a, b))
minus = _elementwise(2, lambda builder, a, b: builder.fsub(a, b))
times = _elementwise(2, lambda builder, a, b: builder.fmul(a, b))
over = _elementwise(2, lambda builder, a, b: builder.fdiv(a, b))
plus_times = _elementwise(3, lambda builder, total, a, b: _fused(builder, a, b, total))
larger = _elementwise(2, _larger)
where_positive = _elementwise(3, _where)
exp = _elementwise(1, _exp)
log = _elementwise(1, lambda builder, x: _call(builder, "log", x))
