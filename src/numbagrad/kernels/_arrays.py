"""Intrinsics that make, copy and clear C-contiguous arrays. Nothing else lives here.

They do what ``np.empty``, ``copy`` and ``fill`` do, at a fraction of the compile time: Numba types
and compiles a function for each of those.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic
from numba.np.arrayobj import _empty_nd_impl


def _lengths(context, builder, shape_type, shape):
    if isinstance(shape_type, types.Integer):
        return [context.cast(builder, shape, shape_type, types.intp)]
    return [
        context.cast(builder, builder.extract_value(shape, i), typ, types.intp)
        for i, typ in enumerate(shape_type.types)
    ]


def _new(context, builder, array_type, lengths):
    return _empty_nd_impl(context, builder, array_type, lengths)


def _number_of_bytes(builder, array):
    size = array.itemsize
    for length in cgutils.unpack_tuple(builder, array.shape):
        size = builder.mul(size, length)
    return size


@intrinsic
def new_array(typingctx, sample, shape):
    """An uninitialised array; ``sample`` is an array or number of the wanted dtype.

    ``shape`` is an integer or a tuple of integers.
    """
    dtype = sample.dtype if isinstance(sample, types.Array) else types.unliteral(sample)
    ndim = 1 if isinstance(shape, types.Integer) else len(shape)
    array_type = types.Array(dtype, ndim, "C")

    def codegen(context, builder, signature, values):
        lengths = _lengths(context, builder, signature.args[1], values[1])
        return _new(context, builder, array_type, lengths)._getvalue()

    return array_type(sample, shape), codegen


@intrinsic
def new_copy(typingctx, array):
    """A writable copy of a C-contiguous array."""
    if array.layout != "C":
        raise TypingError(f"the array must be C-contiguous, its type is {array}")
    array_type = types.Array(array.dtype, array.ndim, "C")

    def codegen(context, builder, signature, values):
        source = context.make_array(signature.args[0])(context, builder, values[0])
        lengths = cgutils.unpack_tuple(builder, source.shape)
        target = _new(context, builder, array_type, lengths)
        number = _number_of_bytes(builder, source)
        cgutils.raw_memcpy(builder, target.data, source.data, number, ir.Constant(number.type, 1))
        return target._getvalue()

    return array_type(array), codegen


@intrinsic
def clear(typingctx, array):
    """Set all elements of a C-contiguous array to zero (``False``)."""
    if array.layout != "C":
        raise TypingError(f"the array must be C-contiguous, its type is {array}")

    def codegen(context, builder, signature, values):
        target = context.make_array(signature.args[0])(context, builder, values[0])
        cgutils.memset(builder, target.data, _number_of_bytes(builder, target), 0)
        return context.get_dummy_value()

    return types.none(array), codegen
