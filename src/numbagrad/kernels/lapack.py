"""Solving with matrices through LAPACK: factors, solutions, inverse, determinant.

``a`` is square, C-contiguous and of a float or complex dtype, which ``b`` has too and the result.
What Fortran reads in a C-contiguous ``a`` is ``a.T``. So the lower triangle is Fortran's upper one,
and for ``a @ x = b`` Fortran holds ``x.T @ a.T = b.T``: with factors of ``a.T`` two triangular
solutions *from the right* (``trsm``) give ``x.T``, and no matrix is ever transposed in memory.

NaN in gives NaN out and no error; a matrix that cannot be solved with is ``LinAlgError``.
Lengths must be below 2**31. Matrix products are in ``blas``.

>>> import numpy as np
>>> a = np.array([[4.0, 2.0], [2.0, 5.0]])
>>> cholesky(a, True)
array([[2., 0.],
       [1., 2.]])
>>> solve_vec(a, np.array([2.0, 1.0]))
array([0.5, 0. ])
"""

import math

import numpy as np
from numba import njit, types
from numpy.linalg import LinAlgError

from ._arrays import clear, new_array, new_copy
from ._inner import inner
from ._pointers import call_blas, call_lapack
from ._scalars import cast_like

_OPTIONS = {"nogil": True, "error_model": "numpy"}

# Global uint8: characters chosen while the code runs.
_PLAIN = np.uint8(ord("N"))
_TRANSPOSED = np.uint8(ord("T"))
_CONJUGATE = np.uint8(ord("C"))
_UPPER = np.uint8(ord("U"))
_LOWER = np.uint8(ord("L"))
_UNIT = np.uint8(ord("U"))

# Columns that LAPACK works on at once, at most; larger work arrays bring nothing.
_BLOCK = 64


# ---- Cholesky factor ----


@njit(**_OPTIONS)
def cholesky(a, lower):
    """The factor of a positive definite matrix: ``l @ l.conj().T``, or ``u.conj().T @ u``.

    Only the triangle named by ``lower`` is read; the other one of the result is zero. If the
    triangle holds a NaN the result's triangle may be NaN in places or everywhere.

    Raises
    ------
    LinAlgError
        ``a`` is not positive definite.
    """
    n = a.shape[0]
    if a.shape[1] != n:
        raise ValueError("cholesky: the matrix is not square")
    factor = new_array(a, (n, n))
    nan = _write_triangle(factor, a, lower, False)
    info = call_lapack("potrf", _UPPER if lower else _LOWER, n, factor, max(1, n))
    if info != 0:
        if not nan:
            raise LinAlgError("the matrix is not positive definite")
        _write_triangle(factor, a, lower, True)
    return factor


@njit(**_OPTIONS)
def cholesky_or_nan(a, lower):
    """As `cholesky`, but all NaN where that raises."""
    n = a.shape[0]
    if a.shape[1] != n:
        raise ValueError("cholesky_or_nan: the matrix is not square")
    factor = new_array(a, (n, n))
    nan = _write_triangle(factor, a, lower, False)
    info = call_lapack("potrf", _UPPER if lower else _LOWER, n, factor, max(1, n))
    if info != 0:
        if nan:
            _write_triangle(factor, a, lower, True)
        else:
            _fill_nan(factor)
    return factor


# ---- solving ----


@njit(**_OPTIONS)
def solve(a, b):
    """``x`` in ``a @ x = b`` for a matrix ``b``; LinAlgError if ``a`` is singular."""
    n = a.shape[0]
    if a.shape[1] != n or b.shape[0] != n:
        raise ValueError("solve: a is not square or b has another number of rows")
    factors = new_copy(a)
    pivots = new_array(np.int32(0), n)
    info = call_lapack("getrf", n, n, factors, max(1, n), pivots)
    if info != 0 and not _has_nan(a):
        raise LinAlgError("the matrix is singular")
    x = new_copy(b)
    if info != 0:
        _fill_nan(x)
        return x
    # a.T is P L U: multiply x.T by the inverses of U, of L and of P.
    _solve_from_right(_UPPER, _PLAIN, _PLAIN, factors, x)
    _solve_from_right(_LOWER, _PLAIN, _UNIT, factors, x)
    _undo_exchanges(pivots, x)
    return x


@inner(types.none)
def _undo_exchanges(pivots, x):
    """Exchange rows of ``x``: P is P1 P2 ... Pn, so its inverse is Pn ... P2 P1."""
    n, k = x.shape
    for i in range(n - 1, -1, -1):
        p = pivots[i] - 1
        if i < p < n:
            for j in range(k):
                x[i, j], x[p, j] = x[p, j], x[i, j]


@njit(**_OPTIONS)
def solve_vec(a, b):
    """`solve` for a vector ``b``."""
    n = a.shape[0]
    if a.shape[1] != n or b.size != n:
        raise ValueError("solve_vec: a is not square or b has another length")
    factors = new_copy(a)
    pivots = new_array(np.int32(0), n)
    info = call_lapack("getrf", n, n, factors, max(1, n), pivots)
    if info != 0 and not _has_nan(a):
        raise LinAlgError("the matrix is singular")
    x = new_copy(b)
    if info != 0:
        for i in range(n):
            x[i] = math.nan
        return x
    call_lapack("getrs", "T", n, 1, factors, max(1, n), pivots, x, max(1, n))
    return x


@njit(**_OPTIONS)
def solve_posdef(a, b, lower):
    """`solve` for a positive definite (Hermitian) ``a``, of which one triangle is read.

    LinAlgError if ``a`` is not positive definite.
    """
    n = a.shape[0]
    if a.shape[1] != n or b.shape[0] != n:
        raise ValueError("solve_posdef: a is not square or b has another number of rows")
    factor = cholesky(a, lower)
    x = new_copy(b)
    # a.T is U^H U (lower) or L L^H in Fortran's eyes: first the right factor, then the left one.
    triangle = _UPPER if lower else _LOWER
    _solve_from_right(triangle, _PLAIN if lower else _CONJUGATE, _PLAIN, factor, x)
    _solve_from_right(triangle, _CONJUGATE if lower else _PLAIN, _PLAIN, factor, x)
    return x


@njit(**_OPTIONS)
def solve_sym(a, b, lower):
    """`solve` for a symmetric ``a`` (also if complex), of which one triangle is read.

    LinAlgError if ``a`` is singular.
    """
    n = a.shape[0]
    if a.shape[1] != n or b.shape[0] != n:
        raise ValueError("solve_sym: a is not square or b has another number of rows")
    k = b.shape[1]
    factors = new_copy(a)
    pivots = new_array(np.int32(0), n)
    work = new_array(a, n * _BLOCK + 1)
    # LAPACK has no symmetric solution from the right: here b.T is made, and x from x.T.
    columns = new_array(a, (k, n))
    for i in range(n):
        for j in range(k):
            columns[j, i] = b[i, j]
    lead = max(1, n)
    triangle = _UPPER if lower else _LOWER
    info = call_lapack(
        "sysv", triangle, n, k, factors, lead, pivots, columns, lead, work, work.size
    )
    if info != 0 and not _triangle_has_nan(a, lower):
        raise LinAlgError("the matrix is singular")
    x = new_array(a, (n, k))
    for i in range(n):
        for j in range(k):
            x[i, j] = columns[j, i]
    if info != 0:
        _fill_nan(x)
    return x


@njit(**_OPTIONS)
def solve_triangular(a, b, lower, trans, unit_diagonal):
    """`solve` for a triangle of ``a``; the other one is not read, nor a diagonal of ones.

    ``trans`` is 0 for ``a @ x = b``, 1 for ``a.T @ x = b``, 2 for ``a.conj().T @ x = b``.
    LinAlgError if there is a zero on the diagonal.
    """
    n = a.shape[0]
    if a.shape[1] != n or b.shape[0] != n:
        raise ValueError("solve_triangular: a is not square or b has another number of rows")
    if not unit_diagonal and _zero_on_diagonal(a):
        raise LinAlgError("the triangular matrix is singular: a zero on its diagonal")
    x = new_copy(b)
    operation = _PLAIN
    if trans == 1:
        operation = _TRANSPOSED
    elif trans == 2:
        operation = _CONJUGATE
    diagonal = _UNIT if unit_diagonal else _PLAIN
    _solve_from_right(_UPPER if lower else _LOWER, operation, diagonal, a, x)
    return x


@njit(**_OPTIONS)
def solve_triangular_vec(a, b, lower, trans, unit_diagonal):
    """`solve_triangular` for a vector ``b``."""
    n = a.shape[0]
    if a.shape[1] != n or b.size != n:
        raise ValueError("solve_triangular_vec: a is not square or b has another length")
    if not unit_diagonal and _zero_on_diagonal(a):
        raise LinAlgError("the triangular matrix is singular: a zero on its diagonal")
    x = new_copy(b)
    # Fortran sees a.T and can conjugate only what it transposes: for trans == 2 all is conjugated,
    # a.T @ x.conj() = b.conj().
    if trans == 2:
        _conjugate(x)
    operation = _TRANSPOSED if trans == 0 else _PLAIN
    diagonal = _UNIT if unit_diagonal else _PLAIN
    call_blas("trsv", _UPPER if lower else _LOWER, operation, diagonal, n, a, max(1, n), x, 1)
    if trans == 2:
        _conjugate(x)
    return x


@inner(types.boolean)
def _zero_on_diagonal(a):
    for i in range(a.shape[0]):
        if a[i, i] == 0:
            return True
    return False


@inner(types.none)
def _conjugate(x):
    for i in range(x.size):
        x[i] = x[i].conjugate()


@inner(types.none)
def _solve_from_right(triangle, operation, diagonal, a, x):
    """Replace ``x``: Fortran's view of it times the inverse of Fortran's view of ``a``."""
    n, k = x.shape
    call_blas("trsm", "R", triangle, operation, diagonal, k, n, 1.0, a, max(1, n), x, max(1, k))


# ---- inverse and determinant ----


@njit(**_OPTIONS)
def inv(a):
    """Inverse of a matrix; LinAlgError if it is singular."""
    n = a.shape[0]
    if a.shape[1] != n:
        raise ValueError("inv: the matrix is not square")
    # The inverse of a.T is the inverse's transpose, which Fortran leaves in the same place.
    inverse = new_copy(a)
    pivots = new_array(np.int32(0), n)
    info = call_lapack("getrf", n, n, inverse, max(1, n), pivots)
    if info == 0:
        work = new_array(a, n * _BLOCK + 1)
        info = call_lapack("getri", n, inverse, max(1, n), pivots, work, work.size)
    if info != 0:
        if not _has_nan(a):
            raise LinAlgError("the matrix is singular")
        _fill_nan(inverse)
    return inverse


@njit(**_OPTIONS)
def det(a):
    """Determinant; 0 for a singular matrix."""
    n = a.shape[0]
    if a.shape[1] != n:
        raise ValueError("det: the matrix is not square")
    factors = new_copy(a)
    pivots = new_array(np.int32(0), n)
    info = call_lapack("getrf", n, n, factors, max(1, n), pivots)
    if info != 0:
        return cast_like(a, math.nan if _has_nan(a) else 0.0)
    product = cast_like(a, 1)
    for i in range(n):
        product *= factors[i, i] if pivots[i] == i + 1 else -factors[i, i]
    # An intermediate product may have overflowed or vanished: add logarithms instead.
    if product == 0 or product - product != 0:
        sign, log = _sign_and_log(factors, pivots)
        product = sign * cast_like(sign, math.exp(log))
    return product


@njit(**_OPTIONS)
def slogdet(a):
    """Sign (a number of modulus 1) and ``log(abs(det))``; (0, -inf) for a singular matrix."""
    n = a.shape[0]
    if a.shape[1] != n:
        raise ValueError("slogdet: the matrix is not square")
    factors = new_copy(a)
    pivots = new_array(np.int32(0), n)
    info = call_lapack("getrf", n, n, factors, max(1, n), pivots)
    if info != 0:
        nan = _has_nan(a)
        size = cast_like(abs(cast_like(a, 0)), math.nan if nan else -math.inf)
        return cast_like(a, math.nan if nan else 0.0), size
    return _sign_and_log(factors, pivots)


def _sign_and_log_type(factors, pivots):
    dtype = factors.dtype
    return types.Tuple((dtype, getattr(dtype, "underlying_float", dtype)))


@inner(_sign_and_log_type)
def _sign_and_log(factors, pivots):
    """Sign and logarithm of the determinant; no pivot is zero."""
    sign = cast_like(factors, 1)
    log = abs(cast_like(factors, 0))
    for i in range(factors.shape[0]):
        entry = factors[i, i] if pivots[i] == i + 1 else -factors[i, i]
        size = abs(entry)
        sign *= entry / size
        log += math.log(size)
    return sign, log


# ---- shared steps ----


@inner(types.boolean)
def _write_triangle(target, a, lower, spoil):
    """Copy the named triangle of ``a`` (or NaN, to ``spoil``), zero elsewhere; was there a NaN?"""
    clear(target)
    nan = False
    for i in range(a.shape[0]):
        for j in range(i + 1):
            row, column = (i, j) if lower else (j, i)
            entry = a[row, column]
            nan |= entry != entry
            target[row, column] = math.nan if spoil else entry
    return nan


@inner(types.boolean)
def _has_nan(a):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            if a[i, j] != a[i, j]:
                return True
    return False


@inner(types.boolean)
def _triangle_has_nan(a, lower):
    for i in range(a.shape[0]):
        for j in range(i + 1):
            entry = a[i, j] if lower else a[j, i]
            if entry != entry:
                return True
    return False


@inner(types.none)
def _fill_nan(a):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            a[i, j] = math.nan
