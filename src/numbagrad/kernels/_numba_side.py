"""What Numba makes of the names in ``_kernel``. Nothing else lives here."""

from numba import njit, types
from numba.core.errors import TypingError
from numba.core.registry import cpu_target
from numba.extending import intrinsic

from . import _inner
from ._arrays import clear, new_array, new_copy
from ._inner import call_inner
from ._pointers import call_blas, call_lapack, call_special, draw
from ._scalars import cast_like, float_like, floor, fmod, round_from_zero, rounded

__all__ = [
    "by_dtype",
    "call_blas",
    "call_lapack",
    "call_special",
    "cast_like",
    "clear",
    "dispatcher",
    "draw",
    "float_like",
    "floor",
    "fmod",
    "inner",
    "new_array",
    "new_copy",
    "round_from_zero",
    "rounded",
    "small_product",
    "stands_before",
    "type_of",
]


def type_of(compiled):
    """Numba's type of a dispatcher or an intrinsic."""
    context = cpu_target.typing_context
    context.refresh()
    return context.resolve_value_type(compiled)


def dispatcher(function, exact):
    """A kernel as a function of Numba's."""
    # Without a word about it, Numba takes over the fast mathematics of the first caller.
    options = {"fastmath": False} if exact else {}
    return njit(nogil=True, error_model="numpy", **options)(function)


def _number_and_its_size(array, *others):
    dtype = array.dtype
    return types.Tuple((dtype, getattr(dtype, "underlying_float", dtype)))


#: What inner functions return, in words and as Numba's types.
_RETURNS = {
    "none": types.none,
    "boolean": types.boolean,
    "integer": types.int32,
    "number and its size": _number_and_its_size,
}


def inner(function, returns):
    """A function linked into the kernels that call it."""
    return _inner.inner(_RETURNS[returns])(function)


def by_dtype(inexact, boolean, integer):
    """An intrinsic that is one of three functions by the dtype of the arrays."""

    def typed(typingctx, *args):
        found = {arg.dtype for arg in args if isinstance(arg, types.Array)}
        if len(found) != 1:
            raise TypingError(f"all operands must have one dtype, got {sorted(map(str, found))}")
        function = _one_of(found.pop(), inexact, boolean, integer)

        def codegen(context, builder, signature, values):
            given = signature.args[0].types
            arguments = [builder.extract_value(values[0], i) for i in range(len(given))]
            return call_inner(context, builder, function, types.none(*given), arguments)

        return types.none(types.StarArgTuple.from_types(args)), codegen

    typed.__name__, typed.__doc__ = inexact.__name__, inexact.__doc__
    return intrinsic(typed)


def _small_product(c, a, a_transposed, b, b_transposed, k):
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            total = cast_like(c, 0)
            for p in range(k):
                x = a[p, i] if a_transposed else a[i, p]
                total += x * (b[j, p] if b_transposed else b[p, j])
            c[i, j] = total


#: Plain loops: of the user's own jitted code only those parts are compiled by Numba.
small_product = _inner.inner(types.none)(_small_product)


def _one_of(dtype, inexact, boolean, integer):
    if isinstance(dtype, types.Float | types.Complex):
        return inexact
    if isinstance(dtype, types.Boolean):
        return boolean
    if isinstance(dtype, types.Integer):
        return integer
    raise TypingError(f"no product of arrays of {dtype}")


@intrinsic
def stands_before(typingctx, x, y):
    """Whether ``x`` is sorted before ``y``."""
    body = _less
    if isinstance(x, types.Complex):
        body = _less_complex
    elif isinstance(x, types.Float):
        body = _less_float

    def codegen(context, builder, signature, values):
        return call_inner(context, builder, body, signature, values)

    return types.boolean(x, y), codegen


def _less(x, y):
    return x < y


def _less_float(x, y):
    return x < y or (y != y and x == x)


def _less_complex(x, y):
    # NumPy: first numbers, then a NaN imaginary part, then a NaN real part, then both NaN; inside
    # a group by the parts that are numbers.
    x_real_nan, y_real_nan = x.real != x.real, y.real != y.real
    if x_real_nan != y_real_nan:
        return y_real_nan
    x_imag_nan, y_imag_nan = x.imag != x.imag, y.imag != y.imag
    if x_imag_nan != y_imag_nan:
        return y_imag_nan
    if x.real < y.real:
        return True
    return (x_real_nan or x.real == y.real) and x.imag < y.imag
