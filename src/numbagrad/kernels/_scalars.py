"""Small intrinsics on numbers: conversion to the dtype of a sample, rounding.

They exist because the plain Python spelling would change the dtype (``int8 + int8`` is ``int64``
in Numba, ``math.floor`` gives an integer) or takes long to compile. No mathematics lives here.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic


@intrinsic
def cast_like(typingctx, sample, value):
    """``value`` in the dtype of ``sample``, an array or a number; integers wrap."""
    dtype = sample.dtype if isinstance(sample, types.Array) else types.unliteral(sample)

    def codegen(context, builder, signature, values):
        return context.cast(builder, values[1], signature.args[1], dtype)

    return dtype(sample, types.unliteral(value)), codegen


@intrinsic
def float_like(typingctx, sample, value):
    """``value`` as ``float32`` if ``sample`` is one, else as ``float64``."""
    dtype = types.float32 if sample == types.float32 else types.float64

    def codegen(context, builder, signature, values):
        return context.cast(builder, values[1], signature.args[1], dtype)

    return dtype(sample, types.unliteral(value)), codegen


def _unary(name, x):
    if not isinstance(x, types.Float):
        raise TypingError(f"{name} is for floats, got {x}")

    def codegen(context, builder, signature, values):
        number = values[0].type
        suffix = "f32" if isinstance(number, ir.FloatType) else "f64"
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(number, [number]), f"llvm.{name}.{suffix}"
        )
        return builder.call(function, values)

    return x(x), codegen


@intrinsic
def floor(typingctx, x):
    """The largest whole number not above ``x``, as a float of the same dtype."""
    return _unary("floor", x)


@intrinsic
def round_from_zero(typingctx, x):
    """The nearest whole number, halves away from zero, as a float of the same dtype."""
    return _unary("round", x)


@intrinsic
def fmod(typingctx, x, y):
    """C's ``fmod`` of two floats of one dtype: the exact remainder with the sign of ``x``."""
    if not isinstance(x, types.Float) or x != y:
        raise TypingError(f"fmod is for two floats of one dtype, got {x} and {y}")

    def codegen(context, builder, signature, values):
        return builder.frem(*values)

    return x(x, y), codegen


@intrinsic
def rounded(typingctx, x):
    """``x`` as it is, with nothing before or behind it contracted into one rounding.

    LLVM fuses a product and a sum wherever it finds them; NumPy rounds each.
    """

    def codegen(context, builder, signature, values):
        number = values[0].type
        suffix = "f32" if isinstance(number, ir.FloatType) else "f64"
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(number, [number]), f"llvm.arithmetic.fence.{suffix}"
        )
        return builder.call(function, values)

    return x(x), codegen
