"""Functions of matrices: inverse, determinant, trace, norms, powers, Kronecker products.

Factors and linear systems are in ``solving``. Stacks of matrices have theirs in the last two
dimensions.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from ..graph.registry import OPS, register
from ..graph.tensor import as_tensor
from ..graph.type import DisconnectedType
from ..kernels import lapack
from ..testing.samples import sample
from .axes import normalize_axes
from .dtypes import is_complex, quotient_of, real_of
from .kinds import Block
from .products import conjugate, dot, dot_nt, dot_tn
from .reductions import max_, min_, sum_
from .sizes import size_at
from .solving import adjoint, regular, transposed

__all__ = [
    "Det",
    "MatrixInverse",
    "SLogDet",
    "det",
    "inv",
    "kron",
    "linalg_norm",
    "matrix_dot",
    "matrix_inverse",
    "matrix_power",
    "norm",
    "slogdet",
    "trace",
]

_MATRICES = [
    sample(regular(3)),
    sample(regular(1)),
    sample(np.zeros((0, 0))),
    sample(regular(3, seed=8, batch=(2,))),
    sample(np.array([[1.0, 2.0], [3.0, -4.0]])),
]


class MatrixInverse(Block):
    """The inverse of each matrix.

    >>> MatrixInverse()([[2.0, 0.0], [0.0, 4.0]]).eval()
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """

    dtype = quotient_of
    signature = "(m,m)->(m,m)"
    samples = _MATRICES

    def template(a):
        return lapack.inv(a)

    def reference(a):
        return np.linalg.inv(a)

    # M. Giles (2008), 2.2.3: A Y = 1 gives dY = -Y dA Y, and backwards Ā = -Yᴴ Ȳ Yᴴ.
    def pullback(self, gy, y, a):
        other = conjugate(y)
        return [OPS["neg"](dot_nt(dot_tn(other, gy), other))]

    def pushforward(self, tangents, y, a):
        return None if tangents[0] is None else OPS["neg"](dot(dot(y, tangents[0]), y))


matrix_inverse = inv = OPS["matrix_inverse"] = MatrixInverse()


def _as_matrix(g: Any) -> Any:
    """A number for each matrix, to be multiplied with its elements."""
    return OPS["dimshuffle"](g, [*range(g.ndim), "x", "x"])


def _relative(a: Any, da: Any) -> Any:
    """``tr(A⁻¹ dA)``, what the logarithm of the determinant changes by."""
    product = OPS["mul"](transposed(matrix_inverse(a)), da)
    return sum_(product, (a.ndim - 2, a.ndim - 1))


class Det(Block):
    """The determinant of each matrix.

    The derivatives need the inverse and therefore a regular matrix.

    >>> Det()([[1.0, 2.0], [3.0, 4.0]]).eval()
    array(-2.)
    """

    dtype = quotient_of
    signature = "(m,m)->()"
    samples = _MATRICES

    def template(a):
        return lapack.det(a)

    def reference(a):
        return np.linalg.det(a)

    # Jacobi's formula: d det A = det A tr(A⁻¹ dA).
    def pullback(self, gy, y, a):
        factor = _as_matrix(OPS["mul"](gy, conjugate(y)))
        return [OPS["mul"](factor, adjoint(matrix_inverse(a)))]

    def pushforward(self, tangents, y, a):
        return None if tangents[0] is None else OPS["mul"](y, _relative(a, tangents[0]))


det = OPS["det"] = Det()


class SLogDet(Block):
    """The sign of each real determinant, and the logarithm of its absolute value.

    >>> [v.eval() for v in SLogDet()([[1.0, 2.0], [2.0, 1.0]])]
    [array(-1.), array(1.09861229)]
    """

    nout = 2
    signature = "(m,m)->(),()"
    samples = _MATRICES

    def dtype(d):
        return [quotient_of(d)] * 2

    def prepare(self, a: Any) -> list[Any]:
        (a,) = super().prepare(a)
        if is_complex(a.type.dtype):
            raise TypeError("slogdet is defined for real matrices; use log(abs(det(x)))")
        return [a]

    def template(a):
        return lapack.slogdet(a)

    def reference(a):
        return tuple(np.linalg.slogdet(a))

    def connection_pattern(self, node):
        return [[False, True]]  # the sign is constant wherever it does not jump

    # d log |det A| = tr(A⁻¹ dA): Jacobi's formula divided by the determinant.
    def pullback(self, gy, y, a):
        if isinstance(gy[1].type, DisconnectedType):
            return [None]
        return [OPS["mul"](_as_matrix(gy[1]), adjoint(matrix_inverse(a)))]

    def pushforward(self, tangents, y, a):
        return [None, None if tangents[0] is None else _relative(a, tangents[0])]


@register
def slogdet(x: Any) -> tuple[Any, Any]:
    """Sign and logarithm of the absolute value of the determinant, as `numpy.linalg.slogdet`.

    Raises
    ------
    TypeError
        If ``x`` is complex.
    ValueError
        If ``x`` is no square matrix or stack of them.

    Examples
    --------
    >>> [v.eval() for v in slogdet([[1.0, 2.0], [2.0, 1.0]])]
    [array(-1.), array(1.09861229)]
    """
    sign, logarithm = SLogDet()(x)
    return sign, logarithm


def _matrix(x: Any, name: str) -> Any:
    x = as_tensor(x)
    if x.ndim < 2:
        raise ValueError(f"{name}: a matrix has at least 2 dimensions; got {x.ndim}")
    return x


@register
def trace(X: Any) -> Any:
    """The sum of the diagonal of each matrix, as `numpy.linalg.trace`.

    >>> trace([[1.0, 2.0], [3.0, 4.0]]).eval()
    array(5.)
    """
    x = _matrix(X, "trace")
    return sum_(OPS["diagonal"](x, 0, x.ndim - 2, x.ndim - 1), -1)


@register
def matrix_power(M: Any, n: int) -> Any:
    """``M`` multiplied with itself ``n`` times; of the inverse for negative ``n``.

    About log2(n) products, by repeated squaring.

    Raises
    ------
    ValueError
        If ``M`` is no matrix or stack of them, or is known not to be square.
    TypeError
        If ``n`` is no integer.

    Examples
    --------
    >>> matrix_power([[1.0, 1.0], [0.0, 1.0]], 5).eval()
    array([[1., 5.],
           [0., 1.]])
    """
    m = _matrix(M, "matrix_power")
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)):
        raise TypeError(f"matrix_power: the exponent must be an integer; got {n!r}")
    rows, columns = m.type.shape[-2:]
    if rows is not None and columns is not None and rows != columns:
        raise ValueError(f"matrix_power: the matrices must be square; the shape is {m.type.shape}")
    if n == 0:
        return OPS["second"](m, OPS["eye"](size_at(m, m.ndim - 1), dtype=m.type.dtype))
    square, left, made = (matrix_inverse(m) if n < 0 else m), abs(int(n)), None
    while True:
        if left % 2:
            made = square if made is None else dot(made, square)
        left //= 2
        if not left:
            return made
        square = dot(square, square)


@register
def matrix_dot(*args: Any) -> Any:
    """The product of several matrices, from left to right.

    >>> matrix_dot([[1.0, 2.0]], [[1.0], [1.0]], [[2.0]]).eval()
    array([[6.]])
    """
    if not args:
        raise ValueError("matrix_dot: at least one matrix is needed")
    return reduce(OPS["dot"], [as_tensor(a) for a in args])


@register
def kron(a: Any, b: Any) -> Any:
    """The Kronecker product, as `numpy.kron`.

    >>> kron([[1.0, 2.0]], [[1.0], [3.0]]).eval()
    array([[1., 2.],
           [3., 6.]])
    """
    a, b = as_tensor(a), as_tensor(b)
    ndim = max(a.ndim, b.ndim)
    a, b = (OPS["dimshuffle"](v, ["x"] * (ndim - v.ndim) + list(range(v.ndim))) for v in (a, b))
    if ndim == 0:
        return OPS["mul"](a, b)
    left = OPS["dimshuffle"](a, [d for k in range(ndim) for d in (k, "x")])
    right = OPS["dimshuffle"](b, [d for k in range(ndim) for d in ("x", k)])
    sizes = [size_at(a, k) * size_at(b, k) for k in range(ndim)]
    return OPS["reshape"](OPS["mul"](left, right), sizes, ndim=ndim)


# -- norms --------------------------------------------------------------------------------------


def _plain(x: Any) -> Any:
    """``x`` as floats or complex numbers."""
    dtype = quotient_of(x.type.dtype)
    return x if x.type.dtype == dtype else OPS["cast"](x, dtype)


def _magnitudes(x: Any) -> Any:
    return OPS["abs"](_plain(x))


def _vector_norm(x: Any, order: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """``(sum |x|**order)**(1/order)`` and its limits."""
    size = _magnitudes(x)
    if order in (np.inf, "inf"):
        return max_(size, axes, keepdims)
    if order in (-np.inf, "-inf"):
        return min_(size, axes, keepdims)
    if order == 0:
        nonzero = OPS["cast"](OPS["neq"](x, 0), real_of(size.type.dtype))
        return sum_(nonzero, axes, keepdims=keepdims)
    if order == 1:
        return sum_(size, axes, keepdims=keepdims)
    if order == 2:
        return OPS["sqrt"](sum_(_square(_plain(x)), axes, keepdims=keepdims))
    return OPS["pow"](sum_(OPS["pow"](size, order), axes, keepdims=keepdims), 1.0 / order)


def _square(x: Any) -> Any:
    """``|x|**2`` without a root."""
    if not is_complex(x.type.dtype):
        return OPS["sqr"](x)
    return OPS["add"](OPS["sqr"](OPS["real"](x)), OPS["sqr"](OPS["imag"](x)))


@register
def norm(x: Any, ord: Any = 2, axis: Any = None, keepdims: bool = False) -> Any:
    """The vector norm of order ``ord`` over ``axis``: ``sum(|x|**ord)**(1/ord)``.

    All axes together count as one vector; norms of matrices are `linalg_norm`'s.

    Parameters
    ----------
    x : array_like or TensorVariable
    ord : float
        Also ``inf``, ``-inf`` and 0 (the number of elements that are not zero).
    axis : int, tuple of int, or None
        Everything by default.
    keepdims : bool
        Keep the reduced dimensions with size 1.

    Examples
    --------
    >>> norm([3.0, 4.0]).eval()
    array(5.)
    """
    x = as_tensor(x)
    return _vector_norm(x, _order(ord), normalize_axes(axis, x.ndim, "norm"), keepdims)


def _order(order: Any) -> Any:
    if isinstance(order, str) or not np.isscalar(order):
        raise ValueError(f"norm: the order of a vector norm must be a number; got {order!r}")
    return order


@register
def linalg_norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Norms of vectors or matrices, as `numpy.linalg.norm`.

    Parameters
    ----------
    x : array_like or TensorVariable
    ord : float or {"fro"}, optional
        Of a vector: any order. Of a matrix: ``"fro"``, 1, -1, ``inf`` or ``-inf``. By default the
        square root of the sum of squares.
    axis : int, pair of int, or None
        Along which the vectors, or the rows and columns of the matrices lie. By default ``x`` is
        one vector or matrix; without ``ord`` all its elements are one vector.
    keepdims : bool
        Keep the reduced dimensions with size 1.

    Raises
    ------
    ValueError
        For an order that is not defined. The norms that need singular values (2, -2, ``"nuc"``
        of a matrix) are not.

    Examples
    --------
    >>> linalg_norm([[1.0, -2.0], [3.0, 4.0]], 1).eval()
    array(6.)
    """
    x = as_tensor(x)
    if axis is None and ord is not None and x.ndim not in (1, 2):
        raise ValueError(
            f"norm: with ord, x must have 1 or 2 dimensions or axis be given; it has {x.ndim}"
        )
    axes = normalize_axes(axis, x.ndim, "norm")
    if ord is None or (len(axes) == 2 and ord in ("fro", "f")):
        return _vector_norm(x, 2, axes, keepdims)
    if len(axes) == 1:
        return _vector_norm(x, _order(ord), axes, keepdims)
    if len(axes) != 2:
        raise ValueError(f"norm: axis must name one dimension or two; got {axis!r}")
    given = list(axes) if axis is None else [a % x.ndim for a in axis]
    return _matrix_norm(x, ord, given, keepdims)


def _matrix_norm(x: Any, order: Any, axes: list[int], keepdims: bool) -> Any:
    """The largest or smallest sum of magnitudes of a column (1) or row (inf)."""
    rows, columns = axes
    words = {"inf": np.inf, "-inf": -np.inf}
    order = words.get(order, order) if isinstance(order, str) else order
    if order not in (1, -1, np.inf, -np.inf):
        raise ValueError(
            f"norm: ord={order!r} is not defined for matrices here; choose 'fro', 1, -1, inf "
            "or -inf (2, -2 and 'nuc' need singular values)"
        )
    inner, outer = (rows, columns) if abs(order) == 1 else (columns, rows)
    sums = sum_(_magnitudes(x), inner, keepdims=True)
    made = (max_ if order > 0 else min_)(sums, outer, keepdims=True)
    if keepdims:
        return made
    return OPS["dimshuffle"](made, [k for k in range(x.ndim) if k not in axes])
