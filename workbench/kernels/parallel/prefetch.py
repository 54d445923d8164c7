"""Ask the processor for memory before it is needed."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

_READ, _KEEP, _DATA = 0, 3, 1  # LLVM's arguments: to read, to stay in every cache, not code


@intrinsic  # type: ignore[untyped-decorator]
def prefetch(_context: Any, array: Any, row: Any) -> Any:
    """Begin to bring both ends of ``array[row]`` into the cache, from within a kernel.

    Otherwise each row visited out of order is waited for; a row of a dozen numbers spans two cache
    lines, and both are requested.  ``row`` is unsigned.

    References
    ----------
    LLVM Language Reference Manual, "llvm.prefetch".
    """

    def generated(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        made = context.make_array(signature.args[0])(context, builder, arguments[0])
        word, byte = ir.IntType(64), ir.IntType(8).as_pointer()
        stride = cgutils.unpack_tuple(builder, made.strides)[0]
        offset = builder.mul(context.cast(builder, arguments[1], row, types.uint64), stride)
        place = builder.add(builder.ptrtoint(made.data, word), offset)
        kind = ir.FunctionType(ir.VoidType(), [byte, *[ir.IntType(32)] * 3])
        call = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        hints = [ir.IntType(32)(hint) for hint in (_READ, _KEEP, _DATA)]
        last = builder.sub(builder.add(place, stride), word(1))
        for end in (place, last):
            builder.call(call, [builder.inttoptr(end, byte), *hints])
        return context.get_dummy_value()

    return types.void(array, row), generated
