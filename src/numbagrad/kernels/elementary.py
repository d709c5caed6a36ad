"""Elementary functions of real numbers that LLVM vectorises: what printed code calls ``exp``.

Each is a Numba intrinsic of one or two numbers: ``float32`` in, ``float32`` out; anything else is
computed in ``float64``. Its code has no branches, is inlined wherever it is called, and is text
made once in a process, so that compiling a call costs no type inference. Results depend on nothing
but the arguments, except that a machine with fused multiplication may round the last bit otherwise.

How exact they are stands with their names, in `inlined`; special values are C99's. The code itself
is `_elementary`'s.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.core.registry import cpu_target
from numba.extending import intrinsic

from ._elementary import KERNELS, Kernel, kernel_text, symbol


class _Library:
    """What Numba links into a module that calls the function; it is parsed once."""

    _reload_init = frozenset[Any]()

    def __init__(self, text: str):
        self._text = text
        self._module: Any = None

    def _ensure_finalized(self) -> None:
        """There is nothing to do before it is linked."""

    def _get_module_for_linking(self) -> Any:
        if self._module is None:
            self._module = llvm.parse_assembly(self._text)
            self._module.verify()
        return self._module


@cache
def _library(kernel: Kernel, single: bool) -> _Library:
    return _Library(kernel_text(kernel, single))


def _lower(kernel: Kernel, single: bool, context: Any, builder: Any, numbers: list[Any]) -> Any:
    context.active_code_library.add_linking_library(_library(kernel, single))
    number = ir.FloatType() if single else ir.DoubleType()
    kind = ir.FunctionType(number, [number] * kernel.arity)
    function = cgutils.get_or_insert_function(builder.module, kind, symbol(kernel, single))
    return builder.call(function, numbers)


def _typed(kernel: Kernel, arguments: tuple[Any, ...]) -> Any:
    """Signature and code generator for arguments of these types."""
    for given in arguments:
        if not isinstance(given, (types.Float, types.Integer, types.Boolean)):
            raise TypingError(f"{kernel.name} takes real numbers, not {given}")
    single = all(given == types.float32 for given in arguments)
    number = types.float32 if single else types.float64

    def codegen(context, builder, signature, values):
        pairs = zip(values, signature.args, strict=True)
        numbers = [context.cast(builder, v, t, number) for v, t in pairs]
        return _lower(kernel, single, context, builder, numbers)

    return number(*(types.unliteral(given) for given in arguments)), codegen


def _intrinsic(kernel: Kernel) -> Any:
    def one(typingctx, x):
        return _typed(kernel, (x,))

    def two(typingctx, x, y):
        return _typed(kernel, (x, y))

    made = one if kernel.arity == 1 else two
    made.__name__ = made.__qualname__ = kernel.name
    made.__doc__ = kernel.write.__doc__
    return intrinsic(made)


def _extreme(kernel_name: str, order: str, x: Any, y: Any) -> Any:
    """Signature and code generator of the larger or smaller of two numbers of one dtype."""
    if x != y or not isinstance(x, (types.Float, types.Integer, types.Boolean)):
        raise TypingError(f"{kernel_name} takes two real numbers of one dtype, not {x} and {y}")

    def codegen(context, builder, signature, values):
        a, b = values
        if not isinstance(x, types.Float):
            unsigned = not isinstance(x, types.Integer) or not x.signed
            compare = builder.icmp_unsigned if unsigned else builder.icmp_signed
            return builder.select(compare(order, b, a), b, a)
        if llvm.llvm_version_info[0] < 17:  # which can not make code of llvm.maximum everywhere
            other = builder.fcmp_ordered(order, b, a)
            nan = builder.fcmp_unordered("uno", b, b)
            return builder.select(builder.or_(other, nan), b, a)
        kind = ir.FunctionType(a.type, [a.type, a.type])
        name = f"llvm.{kernel_name}.f{x.bitwidth}"
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), values)

    return x(x, y), codegen


@intrinsic
def maximum(typingctx, x, y):
    """The larger of two numbers of one dtype; NaN if one is."""
    return _extreme("maximum", ">", types.unliteral(x), types.unliteral(y))


@intrinsic
def minimum(typingctx, x, y):
    """The smaller of two numbers of one dtype; NaN if one is."""
    return _extreme("minimum", "<", types.unliteral(x), types.unliteral(y))


globals().update({name: _intrinsic(kernel) for name, kernel in KERNELS.items()})

# The module is executed when the first of its names is looked up, which may be in the middle of
# Numba's type inference: that knows only intrinsics that were there when it began.
cpu_target.typing_context.refresh()
