"""Products of vectors and matrices, batched where NumPy's are.

Products with a vector are Reductions, so that they join the loops of what surrounds them; products
of two matrices are Blocks that call BLAS. What is composed of these (tensordot, einsum) is in
``contractions``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError
from ..graph.registry import OPS, register
from ..graph.tensor import as_tensor
from ..kernels import blas
from ..testing.samples import data, sample
from .dtypes import float_of, is_complex, upcast
from .kinds import BILINEAR, Block, Reduction

__all__ = [
    "Dot",
    "DotNT",
    "DotTN",
    "Gram",
    "MatVec",
    "VecMat",
    "VecVec",
    "contract",
    "dot_",
    "gram",
    "matmul",
    "matvec",
    "outer",
    "vecdot",
    "vecmat",
]


def conjugate(x: Any) -> Any:
    """The complex conjugate; real numbers are their own."""
    return OPS["conj"](x) if is_complex(x.type.dtype) else x


def column(x: Any) -> Any:
    """The vectors of a stack as matrices of one column."""
    return OPS["dimshuffle"](x, [*range(x.ndim), "x"])


def row(x: Any) -> Any:
    """The vectors of a stack as matrices of one row."""
    return OPS["dimshuffle"](x, [*range(x.ndim - 1), "x", x.ndim - 1])


def outer_products(a: Any, b: Any) -> Any:
    """The outer product of each pair of vectors of two stacks."""
    return OPS["mul"](column(a), row(b))


class _Contraction(Reduction, abstract=True):
    """A sum of products over one dimension, of operands with ``batch`` dimensions in front."""

    __props__ = ("batch",)
    infix = "@"
    #: How many dimensions each operand has behind the batch.
    core: tuple[int, int] = (1, 1)
    pushforward = BILINEAR
    dtype = upcast

    def prepare(self, a: Any, b: Any) -> list[Any]:
        operands = [as_tensor(a), as_tensor(b)]
        dtype = upcast(*(v.type.dtype for v in operands))
        if dtype == "bool":
            raise TypeError(f"{self}: cast truth values first, as matmul does")
        for position, (v, core) in enumerate(zip(operands, self.core, strict=True)):
            if v.ndim < core or v.ndim > self.batch + core:
                raise ValueError(
                    f"{self}: argument {position} must have {core} to {self.batch + core} "
                    f"dimensions; got {v.ndim}"
                )
        operands = [v if v.type.dtype == dtype else OPS["cast"](v, dtype) for v in operands]
        if self.batch:
            operands = OPS["broadcast_batches"](operands, list(self.core), self.batch)
        return operands

    def identity(dtype):
        return 0

    def combine(acc, x):
        return acc + x

    def same_sizes(self, shapes, *inputs):
        batch = self.batch
        pairs = list(zip(shapes[0][:batch], shapes[1][:batch], strict=True))
        # The summed dimension: the last of the first operand (or its only one), the first of the
        # second one behind the batch.
        return [*pairs, self.summed(shapes)]


def _batched(*shapes, **params):
    """A sample of two operands."""
    arrays = [data(*shape, seed=3 + k) for k, shape in enumerate(shapes)]
    return sample(*arrays, **params)


class MatVec(_Contraction):
    """Matrix times vector: ``y[i] = sum_k a[i, k] v[k]``.

    >>> MatVec(batch=0)([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0]).eval()
    array([3., 7.])
    """

    core = (2, 1)
    samples = [
        _batched((3, 4), (4,), batch=0),
        _batched((1, 4), (4,), batch=0),
        _batched((3, 1), (1,), batch=0),
        _batched((0, 4), (4,), batch=0),
        _batched((3, 0), (0,), batch=0),
        _batched((2, 3, 4), (2, 4), batch=1),
    ]

    @property
    def axes(self):
        return (self.batch + 1,)

    def space(self, shapes, *inputs):
        return shapes[0]

    def summed(self, shapes):
        return shapes[0][-1], shapes[1][-1]

    def element(self, index, read, sizes):
        return read(0, index) * read(1, (*index[:-2], index[-1]))

    def reference(a, v, batch):
        return np.matmul(a, v[..., None])[..., 0]

    def pullback(self, gy, y, a, v):
        back = VecMat(batch=self.batch)(gy, conjugate(a))
        return [outer_products(gy, conjugate(v)), back]


class VecMat(_Contraction):
    """Vector times matrix: ``y[j] = sum_i v[i] a[i, j]``, walking along the rows of ``a``.

    >>> VecMat(batch=0)([1.0, 1.0], [[1.0, 2.0], [3.0, 4.0]]).eval()
    array([4., 6.])
    """

    core = (1, 2)
    samples = [
        _batched((3,), (3, 4), batch=0),
        _batched((1,), (1, 4), batch=0),
        _batched((3,), (3, 1), batch=0),
        _batched((0,), (0, 4), batch=0),
        _batched((3,), (3, 0), batch=0),
        _batched((2, 3), (2, 3, 4), batch=1),
    ]

    @property
    def axes(self):
        return (self.batch,)

    def space(self, shapes, *inputs):
        return shapes[1]

    def summed(self, shapes):
        return shapes[0][-1], shapes[1][-2]

    def element(self, index, read, sizes):
        return read(0, index[:-1]) * read(1, index)

    def reference(v, a, batch):
        return np.matmul(v[..., None, :], a)[..., 0, :]

    def pullback(self, gy, y, v, a):
        back = MatVec(batch=self.batch)(conjugate(a), gy)
        return [back, outer_products(conjugate(v), gy)]


class VecVec(_Contraction):
    """Inner product of two vectors, without conjugation: ``y = sum_k u[k] v[k]``.

    >>> VecVec(batch=0)([1.0, 2.0], [3.0, 4.0]).eval()
    array(11.)
    """

    core = (1, 1)
    samples = [
        _batched((5,), (5,), batch=0),
        _batched((1,), (1,), batch=0),
        _batched((0,), (0,), batch=0),
        _batched((2, 3), (2, 3), batch=1),
    ]

    @property
    def axes(self):
        return (self.batch,)

    def space(self, shapes, *inputs):
        return shapes[0]

    def summed(self, shapes):
        return shapes[0][-1], shapes[1][-1]

    def element(self, index, read, sizes):
        return read(0, index) * read(1, index)

    def reference(u, v, batch):
        return np.matmul(u[..., None, :], v[..., None])[..., 0, 0]

    def pullback(self, gy, y, u, v):
        g = column(gy)
        return [OPS["mul"](g, conjugate(v)), OPS["mul"](g, conjugate(u))]


class Dot(Block):
    """Matrix times matrix, through BLAS: ``a @ b``.

    >>> Dot()([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [0.0, 2.0]]).eval()
    array([[1., 4.],
           [3., 8.]])
    """

    dtype = upcast
    infix, signature = "@", "(m,k),(k,n)->(m,n)"
    pushforward = BILINEAR
    samples = [
        _batched((3, 4), (4, 2)),
        _batched((1, 4), (4, 1)),
        _batched((3, 1), (1, 2)),
        _batched((0, 4), (4, 2)),
        _batched((3, 0), (0, 2)),
        _batched((2, 3, 4), (2, 4, 2)),
    ]

    def template(a, b):
        return blas.gemm(a, b)

    def into(out, a, b):
        return blas.gemm_into(out, a, b)

    def reference(a, b):
        return np.matmul(a, b)

    def pullback(self, gy, y, a, b):
        return [dot_nt(gy, conjugate(b)), dot_tn(conjugate(a), gy)]


class DotTN(Block):
    """``a.T @ b`` without a transposed copy of ``a``.

    >>> DotTN()([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [0.0, 2.0]]).eval()
    array([[1., 6.],
           [2., 8.]])
    """

    dtype = upcast
    signature = "(k,m),(k,n)->(m,n)"
    pushforward = BILINEAR
    samples = [
        _batched((4, 3), (4, 2)),
        _batched((1, 3), (1, 2)),
        _batched((0, 3), (0, 2)),
        _batched((2, 4, 3), (2, 4, 2)),
    ]

    def template(a, b):
        return blas.gemm_tn(a, b)

    def into(out, a, b):
        return blas.gemm_tn_into(out, a, b)

    def reference(a, b):
        return np.matmul(np.swapaxes(a, -1, -2), b)

    def pullback(self, gy, y, a, b):
        return [dot_nt(conjugate(b), gy), dot(conjugate(a), gy)]

    def pretty(self, node):
        """As the product it is."""
        return ["(", node.inputs[0], ".T @ ", node.inputs[1], ")"]


class DotNT(Block):
    """``a @ b.T`` without a transposed copy of ``b``.

    >>> DotNT()([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [0.0, 2.0]]).eval()
    array([[1., 4.],
           [3., 8.]])
    """

    dtype = upcast
    signature = "(m,k),(n,k)->(m,n)"
    pushforward = BILINEAR
    samples = [
        _batched((3, 4), (2, 4)),
        _batched((3, 1), (2, 1)),
        _batched((3, 0), (2, 0)),
        _batched((2, 3, 4), (2, 2, 4)),
    ]

    def template(a, b):
        return blas.gemm_nt(a, b)

    def into(out, a, b):
        return blas.gemm_nt_into(out, a, b)

    def reference(a, b):
        return np.matmul(a, np.swapaxes(b, -1, -2))

    def pullback(self, gy, y, a, b):
        return [dot(gy, conjugate(b)), dot_tn(gy, conjugate(a))]

    def pretty(self, node):
        """As the product it is."""
        return ["(", node.inputs[0], " @ ", node.inputs[1], ".T)"]


class Gram(Block):
    """``x.T @ (w[:, None] * x)``, which is symmetric: half of it is computed, half is mirrored.

    Hessians of models that are linear in their parameters are made of these.

    >>> Gram()([[1.0, 2.0], [3.0, 4.0]], [1.0, 10.0]).eval()
    array([[ 91., 122.],
           [122., 164.]])
    """

    dtype = float_of
    signature = "(n,d),(n)->(d,d)"
    samples = [
        _batched((4, 3), (4,)),
        _batched((1, 3), (1,)),
        _batched((4, 1), (4,)),
        _batched((0, 2), (0,)),
        _batched((2, 4, 3), (2, 4)),
    ]

    def template(x, w):
        return blas.gram(x, w)

    def into(out, x, w):
        return blas.gram_into(out, x, w)

    def reference(x, w):
        return np.matmul(x.T, w[:, None] * x)

    def prepare(self, x, w):
        operands = super().prepare(x, w)
        if any(is_complex(v.type.dtype) for v in operands):
            raise TypeError("Gram: complex numbers have a product of their own, which is Hermitian")
        return operands

    def pullback(self, gy, y, x, w):
        both = OPS["add"](gy, OPS["matrix_transpose"](gy))
        into = OPS["mul"](column(w), dot(x, both))
        return [into, OPS["sum"](OPS["mul"](dot(x, gy), x), axis=-1)]

    def pushforward(self, tangents, y, x, w):
        dx, dw = tangents
        total = None if dw is None else self(x, dw)
        if dx is not None:
            half = dot_tn(OPS["mul"](column(w), x), dx)
            moved = OPS["add"](half, OPS["matrix_transpose"](half))
            total = moved if total is None else OPS["add"](total, moved)
        return total

    def pretty(self, node):
        """As the product it is."""
        x, w = node.inputs
        return ["(", x, ".T @ diag(", w, ") @ ", x, ")"]


dot, dot_tn, dot_nt, gram = Dot(), DotTN(), DotNT(), Gram()


# -- the functions ------------------------------------------------------------------------------


def _operands(name: str, a: Any, b: Any, core: tuple[int, int], dtype: Any = None) -> list[Any]:
    """Both as tensors, of ``dtype`` if one is asked for, with at least ``core`` dimensions."""
    operands = [as_tensor(a), as_tensor(b)]
    for position, (v, least) in enumerate(zip(operands, core, strict=True)):
        if v.ndim < least:
            raise ValueError(
                f"{name}: argument {position} must have at least {least} dimensions; got {v.ndim}"
            )
    if dtype is not None:
        operands = [OPS["cast"](v, dtype) for v in operands]
    return operands


def contract(op: Any, a: Any, b: Any) -> Any:
    """Apply a product with a vector; of truth values whether any product is true."""
    batch = max(a.ndim - op.core[0], b.ndim - op.core[1])
    if a.type.dtype == b.type.dtype == "bool":
        made = op(batch=batch)(OPS["cast"](a, "int64"), OPS["cast"](b, "int64"))
        return OPS["neq"](made, 0)
    return op(batch=batch)(a, b)


@register
def vecdot(x1: Any, x2: Any, dtype: Any = None) -> Any:
    """Inner products of the vectors along the last axis, as `numpy.vecdot`.

    ``x1`` is conjugated if complex; leading dimensions broadcast.

    >>> vecdot([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0]).eval()
    array([3., 7.])
    """
    a, b = _operands("vecdot", x1, x2, (1, 1), dtype)
    return contract(VecVec, conjugate(a), b)


@register
def matvec(x1: Any, x2: Any, dtype: Any = None) -> Any:
    """Matrices times vectors, leading dimensions broadcasting, as `numpy.matvec`.

    >>> matvec([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0]).eval()
    array([3., 7.])
    """
    a, v = _operands("matvec", x1, x2, (2, 1), dtype)
    if a.ndim == 2 and v.ndim > 1:
        return dot_nt(v, a)  # one matrix for all vectors: a product of matrices
    return contract(MatVec, a, v)


@register
def vecmat(x1: Any, x2: Any, dtype: Any = None) -> Any:
    """Vectors, conjugated if complex, times matrices, as `numpy.vecmat`.

    >>> vecmat([1.0, 1.0], [[1.0, 2.0], [3.0, 4.0]]).eval()
    array([4., 6.])
    """
    v, a = _operands("vecmat", x1, x2, (1, 2), dtype)
    return _product(conjugate(v), a) if a.ndim == 2 else contract(VecMat, conjugate(v), a)


def _product(a: Any, b: Any) -> Any:
    """`matmul` of two tensors of at least one dimension."""
    if a.ndim == b.ndim == 1:
        return contract(VecVec, a, b)
    if b.ndim == 1:
        return contract(MatVec, a, b)
    if a.ndim == 1:
        return contract(VecMat, a, b)
    return dot(a, b)


@register
def matmul(x1: Any, x2: Any, dtype: Any = None) -> Any:
    """The matrix product ``x1 @ x2``, as `numpy.matmul`.

    Parameters
    ----------
    x1, x2 : array_like or TensorVariable
        Of at least one dimension. With more than two they are stacks of matrices in the last two
        dimensions, and the leading ones broadcast. A vector counts as a row (``x1``) or a column
        (``x2``), and that dimension is not part of the result.
    dtype : str, optional
        Cast the operands to it first.

    Raises
    ------
    ValueError
        For a scalar, or (`ShapeError`) if sizes do not fit.

    Examples
    --------
    >>> matmul([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0]).eval()
    array([3., 7.])
    """
    a, b = (as_tensor(x) for x in (x1, x2))
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError("matmul: operands must have at least 1 dimension; use * for scalars")
    a, b = _operands("matmul", a, b, (1, 1), dtype)
    return _product(a, b)


@register
def dot_(l: Any, r: Any) -> Any:  # noqa: E741 - PyTensor's names
    """The dot product, as `numpy.dot`.

    A scalar multiplies; vectors and matrices multiply as matrices; of operands with more
    dimensions the last of ``l`` and the last but one of ``r`` are summed over.

    Raises
    ------
    ShapeError
        If the sizes of the summed dimensions differ.

    Examples
    --------
    >>> dot_([1.0, 2.0], [3.0, 4.0]).eval()
    array(11.)
    """
    a, b = as_tensor(l), as_tensor(r)
    if a.ndim == 0 or b.ndim == 0:
        return OPS["mul"](a, b)
    if a.ndim > 2 or b.ndim > 2:
        return OPS["tensordot"](a, b, [[a.ndim - 1], [max(0, b.ndim - 2)]])
    known = a.type.shape[-1], b.type.shape[max(0, b.ndim - 2)]
    if None not in known and known[0] != known[1]:
        raise ShapeError(
            f"dot: the last size of the first operand ({known[0]}) and the "
            f"{'only' if b.ndim == 1 else 'first'} size of the second ({known[1]}) have to be "
            f"equal; the shapes are {a.type.shape} and {b.type.shape}"
        )
    return _product(a, b)


@register
def outer(x: Any, y: Any) -> Any:
    """The product of each element of ``x`` with each of ``y``; both are flattened first.

    >>> outer([1.0, 2.0], [3.0, 4.0]).eval()
    array([[3., 4.],
           [6., 8.]])
    """
    a, b = (v if v.ndim == 1 else OPS["flatten"](v, 1) for v in (as_tensor(x), as_tensor(y)))
    return OPS["mul"](column(a), row(b))
