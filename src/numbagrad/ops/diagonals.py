"""Diagonals: read, written, and matrices made of one. Reading and writing are adjoint."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError
from ..graph.registry import OPS, register
from ..graph.tensor import as_tensor
from ..testing.samples import data, sample
from .axes import normalize_axis
from .dtypes import first
from .kinds import LINEAR, UNKNOWN, Scatter, View
from .sizes import as_length, largest, size_at, smallest, unknown_in
from .structure import alloc, dimshuffle

__all__ = [
    "Diagonal",
    "SetDiagonal",
    "diag",
    "diagonal",
    "fill_diagonal",
    "fill_diagonal_offset",
    "trace",
]


def _length(n: Any, m: Any, offset: int) -> Any:
    """How long a diagonal of an n by m matrix is."""
    if unknown_in(n, m):
        return UNKNOWN
    if offset > 0:
        m = m - offset
    elif offset < 0:
        n = n + offset
    return smallest(n, m) if offset == 0 else largest(smallest(n, m), 0)


class Diagonal(View):
    """Diagonal ``offset`` of the last two dimensions."""

    __props__ = ("offset",)
    dtype = first
    pushforward = LINEAR
    samples = [
        sample(data(3, 4), offset=0),
        sample(data(2, 3, 4), offset=2),
        sample(data(4, 3), offset=-2),
        sample(data(2, 2), offset=5),
        sample(data(0, 3), offset=0),
        sample(data(1, 1), offset=0),
    ]

    def reference(x, offset):
        return np.diagonal(x, offset, -2, -1)

    def prepare(self, x):
        x = as_tensor(x)
        if x.ndim < 2:
            raise ShapeError(f"diagonal takes at least 2 dimensions; got shape {x.type.shape}")
        return [x]

    def sizes(self, shapes, x):
        *lead, n, m = shapes[0]
        return (*lead, _length(n, m, self.offset))

    def element(self, index, read, sizes):
        *lead, i = index
        return read(0, (*lead, i + max(-self.offset, 0), i + max(self.offset, 0)))

    def pullback(self, gy, y, x):
        zeros = OPS["zeros_like"](x, dtype=gy.type.dtype)
        return [SetDiagonal(offset=self.offset, set=False)(zeros, gy)]


class SetDiagonal(Scatter):
    """``x`` with ``d`` written or added to diagonal ``offset`` of the last two dimensions."""

    __props__ = ("offset", "set")
    samples = [
        sample(data(3, 4), data(3, seed=1), offset=0, set=True),
        sample(data(2, 3, 4), data(2, 2, seed=1), offset=2, set=False),
        sample(data(4, 3), data(), offset=-2, set=True),
        sample(data(2, 2), data(0), offset=5, set=True),
        sample(data(1, 1), data(1), offset=0, set=False),
    ]

    @property
    def accumulates(self):
        """Whether elements are added."""
        return not self.set

    def reference(x, d, offset, set_):
        made = np.array(x)
        n, m = max(-offset, 0), max(offset, 0)
        i = np.arange(np.diagonal(x, offset, -2, -1).shape[-1])
        made[..., i + n, i + m] = d if set_ else made[..., i + n, i + m] + d
        return made

    def prepare(self, x, d):
        x, d = as_tensor(x), as_tensor(d)
        if x.ndim < 2:
            raise ShapeError(f"{self} takes at least 2 dimensions; got shape {x.type.shape}")
        if d.ndim > x.ndim - 1:
            raise ShapeError(
                f"{self}: values of shape {d.type.shape} do not fit the diagonal of an array of "
                f"shape {x.type.shape}"
            )
        if not np.can_cast(d.dtype, x.dtype, "same_kind"):
            raise TypeError(
                f"{self}: values of dtype {d.dtype} can not be written into an array of dtype "
                f"{x.dtype}; cast one of them"
            )
        d = OPS["shape_padleft"](d, x.ndim - 1 - d.ndim)
        return [x, d if d.dtype == x.dtype else OPS["cast"](d, x.dtype)]

    def region(self, shapes, x, d):
        *lead, n, m = shapes[0]
        return (*lead, _length(n, m, self.offset))

    def target(self, index, read, sizes):
        *lead, i = index
        return (*lead, i + max(-self.offset, 0), i + max(self.offset, 0))

    def pullback(self, gz, z, x, d):
        part = OPS["unbroadcast"](Diagonal(offset=self.offset)(gz), d)
        if not self.set:
            return [gz, part]
        return [SetDiagonal(offset=self.offset, set=True)(gz, np.zeros((), gz.type.dtype)), part]


@register
def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The diagonal of each matrix that ``axis1`` and ``axis2`` make, as the last dimension.

    >>> diagonal([[1, 2], [3, 4]]).eval()
    array([1, 4])
    """
    x = as_tensor(a)
    if x.ndim < 2:
        raise ShapeError(f"diagonal takes at least 2 dimensions; got shape {x.type.shape}")
    one, two = (normalize_axis(k, x.ndim, "diagonal") for k in (axis1, axis2))
    if one == two:
        raise ValueError(f"diagonal: axis1 and axis2 are both {one}")
    others = [k for k in range(x.ndim) if k not in (one, two)]
    return Diagonal(offset=_offset(offset, "diagonal"))(dimshuffle(x, [*others, one, two]))


def _offset(offset: Any, where: str) -> int:
    number = as_length(offset, where)
    if not isinstance(number, int):
        raise TypeError(f"{where}: the offset must be known when the graph is built")
    return number


def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum of the diagonal of each matrix that ``axis1`` and ``axis2`` make.

    >>> trace([[1.0, 2.0], [3.0, 4.0]]).eval()
    array(5.)
    """
    return OPS["sum"](diagonal(a, offset, axis1, axis2), axis=-1)


OPS.setdefault("trace", trace)


@register
def diag(v: Any, k: int = 0) -> Any:
    """A matrix with ``v`` on diagonal ``k``; or, of a matrix, that diagonal.

    >>> diag([1, 2]).eval()
    array([[1, 0],
           [0, 2]])
    """
    x = as_tensor(v)
    k = _offset(k, "diag")
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ShapeError(f"diag takes a vector or a matrix; got shape {x.type.shape}")
    n = size_at(x, 0)
    n = n if k == 0 else n + abs(k)
    return SetDiagonal(offset=k, set=True)(alloc(np.zeros((), x.dtype), n, n), x)


@register
def fill_diagonal(a: Any, val: Any) -> Any:
    """``a`` with ``val`` on its main diagonal.

    Parameters
    ----------
    a : tensor
        A matrix, or an array of more dimensions all of which have the same size.
    val : scalar or vector

    Examples
    --------
    >>> fill_diagonal([[1, 2], [3, 4]], 0).eval()
    array([[0, 2],
           [3, 0]])
    """
    x = as_tensor(a)
    if x.ndim < 2:
        raise ShapeError(f"fill_diagonal takes at least 2 dimensions; got shape {x.type.shape}")
    if x.ndim == 2:
        return SetDiagonal(offset=0, set=True)(x, _value(val, x))
    n = size_at(x, 0)
    x = OPS["specify_shape"](x, [n] * x.ndim)
    return OPS["set_subtensor"](x[(OPS["arange"](n),) * x.ndim], val)


@register
def fill_diagonal_offset(a: Any, val: Any, offset: int) -> Any:
    """The matrix ``a`` with ``val`` on diagonal ``offset``.

    >>> fill_diagonal_offset([[1, 2], [3, 4]], 0, 1).eval()
    array([[1, 0],
           [3, 4]])
    """
    x = as_tensor(a)
    if x.ndim != 2:
        raise ShapeError(f"fill_diagonal_offset takes a matrix; got shape {x.type.shape}")
    return SetDiagonal(offset=_offset(offset, "fill_diagonal_offset"), set=True)(x, _value(val, x))


def _value(val: Any, x: Any) -> Any:
    """A Python number takes the dtype of the array it is written into, where its kind fits."""
    if type(val) in (bool, int, float, complex) and np.can_cast(
        np.asarray(val).dtype, x.dtype, "same_kind"
    ):
        return np.asarray(val, x.dtype)
    return as_tensor(val)
