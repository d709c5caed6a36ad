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
from numpy.linalg import LinAlgError

from ._kernel import (
    call_blas,
    call_lapack,
    cast_like,
    clear,
    inner,
    kernel,
    new_array,
    new_copy,
)

# Global uint8: characters chosen while the code runs.
_PLAIN = np.uint8(ord("N"))
_TRANSPOSED = np.uint8(ord("T"))
_CONJUGATE = np.uint8(ord("C"))
_UPPER = np.uint8(ord("U"))
_LOWER = np.uint8(ord("L"))
_UNIT = np.uint8(ord("U"))

# Columns that LAPACK works on at once, at most; larger work arrays bring nothing.
_BLOCK = 64
#: Up to these sizes loops take less time than LAPACK: for Cholesky factors and triangles, for LU.
SMALL, SMALL_LU = 12, 24


# ---- Cholesky factor ----


@kernel
def cholesky(a, lower):
    """The factor of a positive definite matrix: ``l @ l.conj().T``, or ``u.conj().T @ u``.

    Only the triangle named by ``lower`` is read; the other one of the result is zero. If the
    triangle holds a NaN the result's triangle may be NaN in places or everywhere.

    Raises
    ------
    LinAlgError
        ``a`` is not positive definite.
    """
    factor = new_array(a, a.shape)
    cholesky_into(factor, a, lower, False)
    return factor


@kernel
def cholesky_or_nan(a, lower):
    """As `cholesky`, but all NaN where that raises."""
    factor = new_array(a, a.shape)
    cholesky_into(factor, a, lower, True)
    return factor


@kernel
def cholesky_into(factor, a, lower, nan_on_error):
    """Write the factor to an array, which may be ``a`` itself; see `cholesky`."""
    n = a.shape[0]
    if a.shape[1] != n or factor.shape[0] != n or factor.shape[1] != n:
        raise ValueError("cholesky: the matrix is not square")
    nan = _write_triangle(factor, a, lower)
    if not _factor_posdef(factor, lower):
        if nan:
            _spoil_triangle(factor, lower)
        elif nan_on_error:
            _fill_nan(factor)
        else:
            raise LinAlgError("the matrix is not positive definite")


@inner("boolean")
def _factor_posdef(a, lower):
    """Replace a triangle by its Cholesky factor, the other one is zero; could that be done?"""
    n = a.shape[0]
    if n > SMALL:
        return call_lapack("potrf", _UPPER if lower else _LOWER, n, a, max(1, n)) == 0
    # Row by row of the lower factor; the upper one is its adjoint.
    for i in range(n):
        for j in range(i + 1):
            total = a[i, j] if lower else a[j, i].conjugate()
            for k in range(j):
                if lower:
                    total -= a[i, k] * a[j, k].conjugate()
                else:
                    total -= a[k, i].conjugate() * a[k, j]
            if i == j:
                if not total.real > 0:
                    return False
                a[i, i] = math.sqrt(total.real)
            elif lower:
                a[i, j] = total / a[j, j].real
            else:
                a[j, i] = total.conjugate() / a[j, j].real
    return True


# ---- solving ----


@kernel
def solve(a, b):
    """``x`` in ``a @ x = b`` for a matrix ``b``; LinAlgError if ``a`` is singular."""
    x = new_array(b, b.shape)
    solve_into(x, a, b)
    return x


@kernel
def solve_into(x, a, b):
    """Write the solution to an array, which may be ``b`` itself; see `solve`."""
    n, k = b.shape
    if a.shape[0] != n or a.shape[1] != n or x.shape[0] != n or x.shape[1] != k:
        raise ValueError("solve: a is not square or b has another number of rows")
    factors = new_copy(a)
    pivots = new_array(np.int32(0), n)
    info = _factor(factors, pivots)
    if info != 0 and not _has_nan(a):
        raise LinAlgError("the matrix is singular")
    if info != 0:
        _fill_nan(x)
    else:
        _write(x, b)
        _solve_with(factors, pivots, x)


@inner("integer")
def _factor(a, pivots):
    """Replace ``a`` by the factors of ``a.T``, as LAPACK's getrf; 0 if that could be done.

    Partial pivoting: row operations of ``a.T`` are column operations here.
    """
    n = a.shape[0]
    if n > SMALL_LU:
        return call_lapack("getrf", n, n, a, max(1, n), pivots)
    for c in range(n):
        best = c
        size = abs(a[c, c])
        for i in range(c + 1, n):
            other = abs(a[c, i])
            if other > size:
                best = i
                size = other
        if size == 0:
            return np.int32(c + 1)
        pivots[c] = best + 1
        if best != c:
            for j in range(n):
                a[j, c], a[j, best] = a[j, best], a[j, c]
        pivot = a[c, c]
        for i in range(c + 1, n):
            a[c, i] = a[c, i] / pivot
        for j in range(c + 1, n):
            factor = a[j, c]
            for i in range(c + 1, n):
                a[j, i] -= factor * a[c, i]
    return np.int32(0)


@inner("none")
def _solve_with(factors, pivots, x):
    """Replace ``x`` by the solution; ``a.T`` is P L U."""
    # Multiply x.T by the inverses of U, of L and of P.
    _solve_from_right(_UPPER, _PLAIN, _PLAIN, factors, x)
    _solve_from_right(_LOWER, _PLAIN, _UNIT, factors, x)
    # Exchange rows of x: P is P1 P2 ... Pn, so its inverse is Pn ... P2 P1.
    n, k = x.shape
    for i in range(n - 1, -1, -1):
        p = pivots[i] - 1
        if i < p < n:
            for j in range(k):
                x[i, j], x[p, j] = x[p, j], x[i, j]


@kernel
def solve_vec(a, b):
    """`solve` for a vector ``b``."""
    n = a.shape[0]
    if a.shape[1] != n or b.size != n:
        raise ValueError("solve_vec: a is not square or b has another length")
    factors = new_copy(a)
    pivots = new_array(np.int32(0), n)
    info = _factor(factors, pivots)
    if info != 0 and not _has_nan(a):
        raise LinAlgError("the matrix is singular")
    x = new_copy(b)
    if info != 0:
        for i in range(n):
            x[i] = math.nan
        return x
    _solve_with(factors, pivots, x.reshape((n, 1)))
    return x


@kernel
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


@kernel
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


@kernel
def solve_triangular(a, b, lower, trans, unit_diagonal):
    """`solve` for a triangle of ``a``; the other one is not read, nor a diagonal of ones.

    ``trans`` is 0 for ``a @ x = b``, 1 for ``a.T @ x = b``, 2 for ``a.conj().T @ x = b``.
    LinAlgError if there is a zero on the diagonal.
    """
    x = new_array(b, b.shape)
    solve_triangular_into(x, a, b, lower, trans, unit_diagonal)
    return x


@kernel
def solve_triangular_into(x, a, b, lower, trans, unit_diagonal):
    """Write the solution to an array, which may be ``b`` itself; see `solve_triangular`."""
    n, k = b.shape
    if a.shape[0] != n or a.shape[1] != n or x.shape[0] != n or x.shape[1] != k:
        raise ValueError("solve_triangular: a is not square or b has another number of rows")
    if not unit_diagonal and _zero_on_diagonal(a):
        raise LinAlgError("the triangular matrix is singular: a zero on its diagonal")
    _write(x, b)
    _solve_triangle(x, a, lower, trans, unit_diagonal)


@kernel
def solve_triangular_vec(a, b, lower, trans, unit_diagonal):
    """`solve_triangular` for a vector ``b``."""
    n = a.shape[0]
    if a.shape[1] != n or b.size != n:
        raise ValueError("solve_triangular_vec: a is not square or b has another length")
    if not unit_diagonal and _zero_on_diagonal(a):
        raise LinAlgError("the triangular matrix is singular: a zero on its diagonal")
    x = new_copy(b)
    _solve_triangle(x.reshape((n, 1)), a, lower, trans, unit_diagonal)
    return x


@inner("boolean")
def _zero_on_diagonal(a):
    for i in range(a.shape[0]):
        if a[i, i] == 0:
            return True
    return False


@inner("none")
def _solve_triangle(x, a, lower, trans, unit_diagonal):
    """Replace ``x`` by the solution, see `solve_triangular`."""
    operation = _PLAIN
    if trans == 1:
        operation = _TRANSPOSED
    elif trans == 2:
        operation = _CONJUGATE
    diagonal = _UNIT if unit_diagonal else _PLAIN
    _solve_from_right(_UPPER if lower else _LOWER, operation, diagonal, a, x)


@inner("none")
def _solve_from_right(triangle, operation, diagonal, a, x):
    """Replace ``x``: Fortran's view of it times the inverse of Fortran's view of ``a``."""
    n, k = x.shape
    if n > SMALL:
        call_blas("trsm", "R", triangle, operation, diagonal, k, n, 1.0, a, max(1, n), x, max(1, k))
    elif operation == _PLAIN:
        _substitute(triangle == _UPPER, diagonal == _UNIT, a, x)
    else:
        _substitute_back(triangle == _UPPER, diagonal == _UNIT, operation == _CONJUGATE, a, x)


@inner("none")
def _substitute(lower, unit, a, x):
    """Replace ``x`` by the solution with a triangle of ``a``."""
    n, k = x.shape
    for step in range(n):
        i = step if lower else n - 1 - step
        for p in range(0 if lower else i + 1, i if lower else n):
            factor = a[i, p]
            for j in range(k):
                x[i, j] -= factor * x[p, j]
        if not unit:
            pivot = a[i, i]
            for j in range(k):
                x[i, j] = x[i, j] / pivot


@inner("none")
def _substitute_back(lower, unit, conjugate, a, x):
    """Replace ``x`` by the solution with the transpose of a triangle of ``a``, or the adjoint."""
    n, k = x.shape
    for step in range(n):
        i = n - 1 - step if lower else step
        if not unit:
            pivot = a[i, i].conjugate() if conjugate else a[i, i]
            for j in range(k):
                x[i, j] = x[i, j] / pivot
        for p in range(0 if lower else i + 1, i if lower else n):
            factor = a[i, p].conjugate() if conjugate else a[i, p]
            for j in range(k):
                x[p, j] -= factor * x[i, j]


# ---- inverse and determinant ----


@kernel
def inv(a):
    """Inverse of a matrix; LinAlgError if it is singular."""
    n = a.shape[0]
    if a.shape[1] != n:
        raise ValueError("inv: the matrix is not square")
    # The inverse of a.T is the inverse's transpose, which Fortran leaves in the same place.
    inverse = new_copy(a)
    pivots = new_array(np.int32(0), n)
    info = _factor(inverse, pivots)
    if info == 0 and n <= SMALL_LU:
        factors = inverse
        inverse = new_array(a, (n, n))
        clear(inverse)
        for i in range(n):
            inverse[i, i] = 1
        _solve_with(factors, pivots, inverse)
    elif info == 0:
        work = new_array(a, n * _BLOCK + 1)
        info = call_lapack("getri", n, inverse, max(1, n), pivots, work, work.size)
    if info != 0:
        if not _has_nan(a):
            raise LinAlgError("the matrix is singular")
        _fill_nan(inverse)
    return inverse


@kernel
def det(a):
    """Determinant; 0 for a singular matrix."""
    n = a.shape[0]
    if a.shape[1] != n:
        raise ValueError("det: the matrix is not square")
    factors = new_copy(a)
    pivots = new_array(np.int32(0), n)
    info = _factor(factors, pivots)
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


@kernel
def slogdet(a):
    """Sign (a number of modulus 1) and ``log(abs(det))``; (0, -inf) for a singular matrix."""
    n = a.shape[0]
    if a.shape[1] != n:
        raise ValueError("slogdet: the matrix is not square")
    factors = new_copy(a)
    pivots = new_array(np.int32(0), n)
    info = _factor(factors, pivots)
    if info != 0:
        nan = _has_nan(a)
        size = cast_like(abs(cast_like(a, 0)), math.nan if nan else -math.inf)
        return cast_like(a, math.nan if nan else 0.0), size
    return _sign_and_log(factors, pivots)


@inner("number and its size")
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


@inner("none")
def _write(target, a):
    """Copy all elements; the target may be ``a`` itself."""
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            target[i, j] = a[i, j]


@inner("boolean")
def _write_triangle(target, a, lower):
    """Copy a triangle of ``a``, which the target may be, zero elsewhere; was there a NaN?"""
    n = a.shape[0]
    nan = False
    for i in range(n):
        for j in range(0 if lower else i, i + 1 if lower else n):
            entry = a[i, j]
            nan |= entry != entry
            target[i, j] = entry
        for j in range(i + 1 if lower else 0, n if lower else i):
            target[i, j] = 0
    return nan


@inner("none")
def _spoil_triangle(target, lower):
    """NaN in the named triangle."""
    n = target.shape[0]
    for i in range(n):
        for j in range(0 if lower else i, i + 1 if lower else n):
            target[i, j] = math.nan


@inner("boolean")
def _has_nan(a):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            if a[i, j] != a[i, j]:
                return True
    return False


@inner("boolean")
def _triangle_has_nan(a, lower):
    for i in range(a.shape[0]):
        for j in range(i + 1):
            entry = a[i, j] if lower else a[j, i]
            if entry != entry:
                return True
    return False


@inner("none")
def _fill_nan(a):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            a[i, j] = math.nan
