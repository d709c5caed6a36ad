"""Products of matrices: BLAS for floats and complex numbers, loops for the others.

Both operands are C-contiguous and have one dtype, which the result has too. A C-contiguous matrix
is what Fortran reads as its transpose, so ``c = a @ b`` is computed as ``c.T = b.T @ a.T`` and
nothing is copied. Lengths must be below 2**31. Products with vectors are loops of printed code,
solvers are in ``lapack``. Kernels whose names end in ``into`` write to their first argument, which
must share no memory with the others.

>>> import numpy as np
>>> gemm(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
array([[11.]])
"""

import numpy as np

from ._kernel import (
    by_dtype,
    call_blas,
    cast_like,
    clear,
    inner,
    kernel,
    new_array,
    small_product,
)
from ._small import ROOM

# Global uint8: characters chosen while the code runs.
_PLAIN = np.uint8(ord("N"))
_TRANSPOSED = np.uint8(ord("T"))

#: Up to so many multiplications BLAS takes longer to be called; it is slower for ``a @ b.T``.
SMALL, SMALL_NT = 600, 8000


@kernel
def gemm(a, b):
    """``a @ b`` of two matrices; ValueError if their shapes do not fit."""
    c = new_array(a, (a.shape[0], b.shape[1]))
    gemm_into(c, a, b)
    return c


@kernel
def gemm_into(c, a, b):
    """Write ``a @ b`` to ``c``; ValueError if their shapes do not fit."""
    if a.shape[1] != b.shape[0] or c.shape[0] != a.shape[0] or c.shape[1] != b.shape[1]:
        raise ValueError("gemm: the inner lengths of the two matrices differ")
    _write_product(c, a, False, b, False, a.shape[1])


@kernel
def gemm_tn(a, b):
    """``a.T @ b`` of two matrices; ValueError if their shapes do not fit."""
    c = new_array(a, (a.shape[1], b.shape[1]))
    gemm_tn_into(c, a, b)
    return c


@kernel
def gemm_tn_into(c, a, b):
    """Write ``a.T @ b`` to ``c``; ValueError if their shapes do not fit."""
    if a.shape[0] != b.shape[0] or c.shape[0] != a.shape[1] or c.shape[1] != b.shape[1]:
        raise ValueError("gemm_tn: the inner lengths of the two matrices differ")
    _write_product(c, a, True, b, False, a.shape[0])


@kernel
def gemm_tn_add(c, a, b):
    """Add ``a.T @ b`` to ``c``, all of floats; ValueError if their shapes do not fit."""
    if a.shape[0] != b.shape[0] or c.shape[0] != a.shape[1] or c.shape[1] != b.shape[1]:
        raise ValueError("gemm_tn: the inner lengths of the two matrices differ")
    m, n = c.shape
    k = a.shape[0]
    call_blas("gemm", "N", "T", n, m, k, 1.0, b, max(1, n), a, max(1, m), 1.0, c, max(1, n))


#: A block of rows has about so many numbers, and its product takes about so many multiplications:
#: OpenBLAS copies no operand for so few. Where the second operand is larger, blocks do not pay.
_BLOCK, _WORK, _LARGE = 16384, 1 << 19, 1 << 16
#: Nor do they pay for large products of more columns than this, which BLAS shares out.
_COLUMNS, _SHARED = 32, 1 << 28


@kernel
def rows_at_once(rows, width, columns):
    """How many rows of tall matrices of some width are multiplied at a time, at most ``rows``.

    All at once, where the product has so many columns that BLAS is at its best; see
    ``codegen.panels``.
    """
    each = max(1, width * columns)
    if each > _LARGE or (columns > _COLUMNS and rows * each > _SHARED):
        return rows
    return min(rows, max(32, min(512, min(_BLOCK // max(1, width), _WORK // each))))


@kernel
def gemm_nt(a, b):
    """``a @ b.T`` of two matrices; ValueError if their shapes do not fit."""
    c = new_array(a, (a.shape[0], b.shape[0]))
    gemm_nt_into(c, a, b)
    return c


@kernel
def gemm_nt_into(c, a, b):
    """Write ``a @ b.T`` to ``c``; ValueError if their shapes do not fit."""
    if a.shape[1] != b.shape[1] or c.shape[0] != a.shape[0] or c.shape[1] != b.shape[0]:
        raise ValueError("gemm_nt: the inner lengths of the two matrices differ")
    _write_product(c, a, False, b, True, a.shape[1])


@kernel
def turn_into(c, a):
    """Write the first columns of ``a`` to the rows of ``c``, as many as there are."""
    for j in range(c.shape[0]):
        for i in range(a.shape[0]):
            c[j, i] = a[i, j]


@kernel
def turn_back_into(a, c):
    """Write the rows of ``c`` to the first columns of ``a``, each as long as a column."""
    for j in range(c.shape[0]):
        for i in range(a.shape[0]):
            a[i, j] = c[j, i]


#: Rows of about this many numbers are scaled at a time: they stay in the cache.
_SCALED = 32768
#: So many columns of a symmetric product are computed together; what lies below them is mirrored.
_PANEL = 48


@kernel
def gram(x, w):
    """``x.T @ (w[:, None] * x)`` of a float matrix and a vector, half of it computed.

    ValueError if the vector's length is not the matrix's number of rows.
    """
    c = new_array(x, (x.shape[1], x.shape[1]))
    gram_into(c, x, w)
    return c


@kernel
def gram_into(c, x, w):
    """Write ``x.T @ (w[:, None] * x)`` to ``c``; ValueError if shapes do not fit."""
    n, d = x.shape
    if w.size != n or c.shape[0] != d or c.shape[1] != d:
        raise ValueError("gram: the vector's length is not the matrix's number of rows")
    clear(c)
    rows = max(16, _SCALED // max(d, 1))
    scaled = new_array(x, (min(rows, n), d))
    for block in range(n // rows + (1 if n % rows > 0 else 0)):
        begin = block * rows
        count = min(rows, n - begin)
        for i in range(count):
            weight = w[begin + i]
            for j in range(d):
                scaled[i, j] = weight * x[begin + i, j]
        for panel in range(d // _PANEL + (1 if d % _PANEL > 0 else 0)):
            left = panel * _PANEL
            _add_panel(c, x, begin, scaled, count, left, min(_PANEL, d - left))
    for i in range(d):
        for j in range(i):
            c[i, j] = c[j, i]


@inner("none")
def _add_panel(c, x, begin, scaled, count, left, width):
    """Add to some rows of ``c``, from the diagonal on, what ``count`` rows of ``x`` contribute."""
    d = c.shape[1]
    # What Fortran reads is transposed: the panel's columns, from the diagonal on, by its width.
    here = c.reshape(-1)[left * d + left :]
    columns = x.reshape(-1)[begin * d + left :]
    beside = scaled.reshape(-1)[left:]
    call_blas("gemm", "N", "T", d - left, width, count, 1.0, beside, d, columns, d, 1.0, here, d)


def _product(c, a, a_transposed, b, b_transposed, k):
    """Write the product into ``c``, whose elements are overwritten unread."""
    m, n = c.shape
    if m * n * k <= (SMALL_NT if b_transposed else SMALL) and n * k <= ROOM:
        small_product(c, a, a_transposed, b, b_transposed, k)
    else:
        call_blas(
            "gemm",
            _TRANSPOSED if b_transposed else _PLAIN,
            _TRANSPOSED if a_transposed else _PLAIN,
            n, m, k, 1.0, b, max(1, b.shape[1]), a, max(1, a.shape[1]), 0.0, c, max(1, n),
        )  # fmt: skip


def _product_integer(c, a, a_transposed, b, b_transposed, k):
    clear(c)
    for i in range(c.shape[0]):
        for p in range(k):
            factor = a[p, i] if a_transposed else a[i, p]
            for j in range(c.shape[1]):
                other = b[j, p] if b_transposed else b[p, j]
                c[i, j] = cast_like(c, c[i, j] + factor * other)


def _product_bool(c, a, a_transposed, b, b_transposed, k):
    clear(c)
    for i in range(c.shape[0]):
        for p in range(k):
            factor = a[p, i] if a_transposed else a[i, p]
            if factor:
                for j in range(c.shape[1]):
                    c[i, j] |= b[j, p] if b_transposed else b[p, j]


_write_product = by_dtype(_product, _product_bool, _product_integer)
