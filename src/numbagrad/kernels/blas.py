"""Products of matrices and vectors: BLAS for floats and complex numbers, loops for the others.

Both operands are C-contiguous and have one dtype, which the result has too. A C-contiguous matrix
is what Fortran reads as its transpose, so ``c = a @ b`` is computed as ``c.T = b.T @ a.T`` and
nothing is copied. Lengths must be below 2**31. Only products live here; solvers are in ``lapack``.

>>> import numpy as np
>>> gemm(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
array([[11.]])
"""

from llvmlite import ir
from numba import njit, types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from ._arrays import clear, new_array
from ._inner import call_inner, inner
from ._pointers import emit_call, prepare_call
from ._scalars import cast_like

_OPTIONS = {"nogil": True, "error_model": "numpy"}


@njit(**_OPTIONS)
def gemm(a, b):
    """``a @ b`` of two matrices; ValueError if their shapes do not fit."""
    m, k = a.shape
    rows, n = b.shape
    if k != rows:
        raise ValueError("gemm: the inner lengths of the two matrices differ")
    c = new_array(a, (m, n))
    _write_product(c, a, False, b, False, k)
    return c


@njit(**_OPTIONS)
def gemm_tn(a, b):
    """``a.T @ b`` of two matrices; ValueError if their shapes do not fit."""
    k, m = a.shape
    rows, n = b.shape
    if k != rows:
        raise ValueError("gemm_tn: the inner lengths of the two matrices differ")
    c = new_array(a, (m, n))
    _write_product(c, a, True, b, False, k)
    return c


@njit(**_OPTIONS)
def gemm_nt(a, b):
    """``a @ b.T`` of two matrices; ValueError if their shapes do not fit."""
    m, k = a.shape
    n, columns = b.shape
    if k != columns:
        raise ValueError("gemm_nt: the inner lengths of the two matrices differ")
    c = new_array(a, (m, n))
    _write_product(c, a, False, b, True, k)
    return c


@njit(**_OPTIONS)
def gemm_tt(a, b):
    """``a.T @ b.T`` of two matrices; ValueError if their shapes do not fit."""
    k, m = a.shape
    n, columns = b.shape
    if k != columns:
        raise ValueError("gemm_tt: the inner lengths of the two matrices differ")
    c = new_array(a, (m, n))
    _write_product(c, a, True, b, True, k)
    return c


#: Rows of about this many numbers are scaled at a time: they stay in the cache.
_SCALED = 32768
#: So many columns of a symmetric product are computed together; what lies below them is mirrored.
_PANEL = 48


@njit(**_OPTIONS)
def gram(x, w):
    """``x.T @ (w[:, None] * x)`` of a float matrix and a vector, half of it computed.

    ValueError if the vector's length is not the matrix's number of rows.
    """
    n, d = x.shape
    if w.size != n:
        raise ValueError("gram: the vector's length is not the matrix's number of rows")
    c = new_array(x, (d, d))
    clear(c)
    rows = max(16, _SCALED // max(d, 1))
    scaled = new_array(x, (min(rows, n), d))
    for begin in range(0, n, rows):
        count = min(rows, n - begin)
        for i in range(count):
            weight = w[begin + i]
            for j in range(d):
                scaled[i, j] = weight * x[begin + i, j]
        for left in range(0, d, _PANEL):
            _add_panel(c, x, begin, scaled, count, left, min(_PANEL, d - left))
    for i in range(d):
        for j in range(i):
            c[i, j] = c[j, i]
    return c


@njit(**_OPTIONS)
def gemv(a, x):
    """``a @ x`` of a matrix and a vector; ValueError if their shapes do not fit."""
    m, k = a.shape
    if x.size != k:
        raise ValueError("gemv: the vector's length is not the matrix's number of columns")
    y = new_array(a, m)
    clear(y)
    _add_matvec(y, a, True, x)
    return y


@njit(**_OPTIONS)
def gevm(x, a):
    """``x @ a`` of a vector and a matrix; ValueError if their shapes do not fit."""
    k, n = a.shape
    if x.size != k:
        raise ValueError("gevm: the vector's length is not the matrix's number of rows")
    y = new_array(a, n)
    clear(y)
    _add_matvec(y, a, False, x)
    return y


@njit(**_OPTIONS)
def vdot(x, y):
    """Sum of the products of two vectors' elements; nothing is conjugated."""
    if x.size != y.size:
        raise ValueError("vdot: the vectors' lengths differ")
    return _inner(x, y)


# The rest chooses by dtype at compile time. They are intrinsics and no overloads, because an
# overload is one more function to type, optimise and link, which took most of the compile time.


def _one_of(array, other, blas, boolean, integer):
    """The choice for the one dtype of the two arrays."""
    dtype = array.dtype
    if dtype != other.dtype:
        raise TypingError(f"both operands must have one dtype, got {dtype} and {other.dtype}")
    if isinstance(dtype, types.Float | types.Complex):
        return blas
    if isinstance(dtype, types.Boolean):
        return boolean
    if isinstance(dtype, types.Integer):
        return integer
    raise TypingError(f"no product of arrays of {dtype}")


def _compiled(loops):
    """Code generator that compiles the function ``loops`` and calls it."""

    def codegen(context, builder, signature, values):
        return call_inner(context, builder, loops, signature, values)

    return codegen


def _flag(builder, transposed):
    letters = [ir.Constant(ir.IntType(8), ord(letter)) for letter in "TN"]
    return types.uint8, builder.select(transposed, *letters)


def _lengths(context, builder, array_type, array):
    """Rows and columns as arguments, and the leading dimension, which must not be zero."""
    shape = context.make_array(array_type)(context, builder, array).shape
    rows, columns = builder.extract_value(shape, 0), builder.extract_value(shape, 1)
    one = ir.Constant(columns.type, 1)
    leading = builder.select(builder.icmp_signed("<", columns, one), one, columns)
    return (types.intp, rows), (types.intp, columns), (types.intp, leading)


def _number(context, value):
    return types.float64, context.get_constant(types.float64, value)


@intrinsic
def _write_product(typingctx, c, a, a_transposed, b, b_transposed, k):
    """Write the product into ``c``, whose elements are overwritten unread."""
    args = c, a, a_transposed, b, b_transposed, k
    codegen = _one_of(a, b, _product_blas, _compiled(_product_bool), _compiled(_product_integer))
    if codegen is _product_blas:
        prepare_call("gemm", args)
    return types.none(*args), codegen


def _product_blas(context, builder, signature, values):
    c_type, a_type, _, b_type, _, k_type = signature.args
    c, a, a_transposed, b, b_transposed, k = values
    m, n, ldc = _lengths(context, builder, c_type, c)
    lda = _lengths(context, builder, a_type, a)[2]
    ldb = _lengths(context, builder, b_type, b)[2]
    flags = _flag(builder, b_transposed), _flag(builder, a_transposed)
    operands = (b_type, b), ldb, (a_type, a), lda
    one, zero = _number(context, 1.0), _number(context, 0.0)
    sizes = n, m, (k_type, k)
    arguments = (*flags, *sizes, one, *operands, zero, (c_type, c), ldc)
    work = builder.mul(builder.mul(m[1], n[1]), k)
    emit_call(context, builder, "gemm", a_type.dtype, arguments, work=work)
    return context.get_dummy_value()


@intrinsic
def _add_panel(typingctx, c, x, begin, scaled, count, left, width):
    """Add to some rows of ``c``, from the diagonal on, what ``count`` rows of ``x`` contribute."""
    args = c, x, begin, scaled, count, left, width
    prepare_call("gemm", args)
    return types.none(*args), _panel_blas


def _panel_blas(context, builder, signature, values):
    c_type, x_type, *_ = signature.args
    c, x, begin, scaled, count, left, width = values
    d = builder.extract_value(context.make_array(c_type)(context, builder, c).shape, 1)
    # What Fortran reads is transposed: the panel's columns, from the diagonal on, by its width.
    length = builder.sub(d, left)
    here = builder.add(builder.mul(left, d), left)
    at_c = _from(context, builder, c_type, c, here)
    at_x = _from(context, builder, x_type, x, builder.add(builder.mul(begin, d), left))
    at_scaled = _from(context, builder, x_type, scaled, left)
    flags = [(types.uint8, ir.Constant(ir.IntType(8), ord(letter))) for letter in "NT"]
    sizes = [(types.intp, size) for size in (length, width, count)]
    one, stride = _number(context, 1.0), (types.intp, d)
    arguments = (*flags, *sizes, one, at_scaled, stride, at_x, stride, one, at_c, stride)
    work = builder.mul(builder.mul(length, width), count)
    emit_call(context, builder, "gemm", x_type.dtype, arguments, work=work)
    return context.get_dummy_value()


def _from(context, builder, array_type, array, position):
    """The array from a position on, as far as BLAS looks at it: where it begins."""
    made = context.make_array(array_type)(context, builder, array)
    made.data = builder.gep(made.data, [position])
    return array_type, made._getvalue()


def _product_integer(c, a, a_transposed, b, b_transposed, k):
    first = _transpose(a) if a_transposed else a
    second = _transpose(b) if b_transposed else b
    clear(c)
    for i in range(c.shape[0]):
        for p in range(k):
            factor = first[i, p]
            for j in range(c.shape[1]):
                c[i, j] = cast_like(c, c[i, j] + factor * second[p, j])


def _product_bool(c, a, a_transposed, b, b_transposed, k):
    first = _transpose(a) if a_transposed else a
    second = _transpose(b) if b_transposed else b
    clear(c)
    for i in range(c.shape[0]):
        for p in range(k):
            if first[i, p]:
                for j in range(c.shape[1]):
                    c[i, j] |= second[p, j]


@inner(lambda a: types.Array(a.dtype, 2, "C"))
def _transpose(a):
    """The transpose of a matrix, copied: one loop nest then serves all four products."""
    m, n = a.shape
    result = new_array(a, (n, m))
    for i in range(m):
        for j in range(n):
            result[j, i] = a[i, j]
    return result


@intrinsic
def _add_matvec(typingctx, y, a, by_rows, x):
    """Add ``a @ x`` (``by_rows``) or ``x @ a`` to ``y``.

    Added to zeros and not written, because BLAS implementations differ in how a factor 0 treats
    a NaN that an unset ``y`` may hold.
    """
    args = y, a, by_rows, x
    codegen = _one_of(a, x, _matvec_blas, _compiled(_matvec_bool), _compiled(_matvec_integer))
    if codegen is _matvec_blas:
        prepare_call("gemv", args)
    return types.none(*args), codegen


def _matvec_blas(context, builder, signature, values):
    y_type, a_type, _, x_type = signature.args
    y, a, by_rows, x = values
    m, n, lda = _lengths(context, builder, a_type, a)
    one, step = _number(context, 1.0), (types.intp, ir.Constant(ir.IntType(64), 1))
    arguments = (_flag(builder, by_rows), n, m, one, (a_type, a), lda, (x_type, x), step)
    emit_call(context, builder, "gemv", a_type.dtype, (*arguments, one, (y_type, y), step))
    return context.get_dummy_value()


def _matvec_integer(y, a, by_rows, x):
    m, n = a.shape
    for i in range(m):
        for j in range(n):
            if by_rows:
                y[i] = cast_like(y, y[i] + a[i, j] * x[j])
            else:
                y[j] = cast_like(y, y[j] + a[i, j] * x[i])


def _matvec_bool(y, a, by_rows, x):
    m, n = a.shape
    for i in range(m):
        for j in range(n):
            if by_rows:
                y[i] |= a[i, j] & x[j]
            else:
                y[j] |= a[i, j] & x[i]


@intrinsic
def _inner(typingctx, x, y):
    """Sum of products of two vectors of one length."""
    # Compilers disagree on how a Fortran function returns a complex number: a loop does it.
    blas = _inner_blas if isinstance(x.dtype, types.Float) else _compiled(_inner_loop)
    codegen = _one_of(x, y, blas, _compiled(_inner_bool), _compiled(_inner_loop))
    if codegen is _inner_blas:
        prepare_call("dot", (x, y))
    return x.dtype(x, y), codegen


def _inner_blas(context, builder, signature, values):
    (x_type, y_type), (x, y) = signature.args, values
    size = builder.extract_value(context.make_array(x_type)(context, builder, x).shape, 0)
    step = types.intp, ir.Constant(ir.IntType(64), 1)
    arguments = (types.intp, size), (x_type, x), step, (y_type, y), step
    returns = context.get_value_type(x_type.dtype)
    return emit_call(context, builder, "dot", x_type.dtype, arguments, returns)


def _inner_loop(x, y):
    total = cast_like(x, 0)
    for i in range(x.size):
        total = cast_like(x, total + x[i] * y[i])
    return total


def _inner_bool(x, y):
    for i in range(x.size):
        if x[i] and y[i]:
            return True
    return False
