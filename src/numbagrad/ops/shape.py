"""Shapes as values, and the same elements in another shape: shape, reshape, specify_shape.

Dimensions permuted or repeated are in ``structure``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError
from ..graph.registry import OPS, register
from ..graph.tensor import TensorConstant, as_tensor, constant
from ..testing.samples import data, sample
from .axes import normalize_axis
from .dtypes import always, first, upcast
from .kinds import LINEAR, UNKNOWN, Declared, View, size_of
from .sizes import (
    as_length,
    as_lengths,
    as_scalar,
    product,
    quotient,
    shape_tuple,
    unknown_in,
)

__all__ = [
    "MakeVector",
    "Reshape",
    "ShapeI",
    "SpecifyShape",
    "flatten",
    "join_dims",
    "make_vector",
    "ravel",
    "reshape",
    "shape",
    "shape_i",
    "size",
    "specify_broadcastable",
    "specify_shape",
    "split_dims",
]


class ShapeI(Declared):
    """The size of one dimension of ``x``; it needs the shape of ``x`` and never its values."""

    __props__ = ("axis",)
    kind = "Size"
    dtype = always("int64")
    samples = [
        sample(data(2, 3), axis=1),
        sample(data(0, 3), axis=0),
        sample(data(1), axis=0),
    ]

    def reference(x, axis):
        return np.int64(np.shape(x)[axis])

    def pretty(self, node):
        """As an entry of the shape."""
        return [node.inputs[0], f".shape[{self.axis}]"]

    def sizes(self, shapes, *inputs):
        return ()

    def connection_pattern(self, node):
        return [[False]]

    def pullback(self, gy, y, x):
        return [None]

    def pushforward(self, tangents, y, x):
        return None


class MakeVector(View):
    """``count`` scalars of one dtype as the elements of a vector."""

    __props__ = ("count",)
    dtype = first
    pushforward = LINEAR
    samples = [
        sample(1.5, -2.0, 4.0, count=3),
        sample(3.0, count=1),
        sample(np.int64(3), np.int64(4), count=2),
    ]

    def reference(*arguments):
        return np.array(arguments[:-1])

    def pretty(self, node):
        """As a list."""
        first_, *others = node.inputs
        return ["[", first_, *(piece for v in others for piece in (", ", v)), "]"]

    def prepare(self, *inputs):
        scalars = [as_tensor(x) for x in inputs]
        if len(scalars) != self.count or not scalars:
            raise ValueError(f"{self} takes {self.count} scalars, at least one; got {len(scalars)}")
        for v in scalars:
            if v.ndim:
                raise ShapeError(f"MakeVector takes scalars; got an array of {v.type}")
        dtype = upcast(*(v.dtype for v in scalars))
        return [v if v.dtype == dtype else OPS["cast"](v, dtype) for v in scalars]

    def sizes(self, shapes, *inputs):
        return (self.count,)

    def parts(self, sizes):
        return [(k, (k,)) for k in range(self.count)]

    def element(self, index, read, sizes):
        (i,) = index
        made = read(self.count - 1, ())
        for k in range(self.count - 2, -1, -1):
            made = read.choose(i == k, read(k, ()), made)
        return made

    def pullback(self, gy, y, *inputs):
        return [gy[k] for k in range(len(inputs))]


def make_vector(*scalars: Any) -> Any:
    """Scalars as a vector; constants give a constant.

    Parameters
    ----------
    *scalars : scalar
        They are cast to their common dtype. Without any, an empty int64 vector is made.

    Examples
    --------
    >>> make_vector(1, 2.5).eval()
    array([1. , 2.5])
    """
    variables = [as_tensor(s) for s in scalars]
    if not variables:
        return constant(np.zeros(0, "int64"))
    if all(isinstance(v, TensorConstant) and v.ndim == 0 for v in variables):
        return constant(np.array([v.data for v in variables]))
    return MakeVector(count=len(variables))(*variables)


OPS["make_vector"] = make_vector


@register
def shape_i(x: Any, axis: int) -> Any:
    """The size of dimension ``axis`` as an int64 scalar.

    Examples
    --------
    >>> shape_i([[1, 2, 3]], 1).eval()
    array(3)
    """
    x = as_tensor(x)
    axis = normalize_axis(axis, x.ndim, "shape_i")
    known = x.type.shape[axis]
    return ShapeI(axis=axis)(x) if known is None else constant(known, dtype="int64")


@register
def shape(x: Any) -> Any:
    """The sizes of ``x``, an int64 vector.

    Examples
    --------
    >>> shape([[1.0, 2.0, 3.0]]).eval()
    array([1, 3])
    """
    x = as_tensor(x)
    return make_vector(*(as_scalar(s) for s in shape_tuple(x)))


@register
def size(x: Any, axis: int | None = None) -> Any:
    """The number of elements of ``x``, or its size along ``axis``, an int64 scalar.

    Examples
    --------
    >>> size([[1.0, 2.0, 3.0]]).eval()
    array(3)
    """
    if axis is not None:
        return shape_i(x, axis)
    return as_scalar(product(shape_tuple(x)))


class Reshape(View):
    """The elements of ``x``, in C order, in the shape given by the scalars behind it."""

    __props__ = ()
    dtype = first
    flat_inputs = (0,)
    same_elements = True
    samples = [
        sample(data(2, 6), np.int64(4), np.int64(3)),
        sample(data(6), np.int64(2), np.int64(1), np.int64(3)),
        sample(data(1, 1)),
        sample(data(0, 3), np.int64(5), np.int64(0)),
        sample(data(2, 3, 2), np.int64(12)),
    ]

    def reference(x, *sizes):
        return np.reshape(x, tuple(int(s) for s in sizes))

    def sizes(self, shapes, x, *sizes):
        return tuple(size_of(s) for s in sizes)

    def same_sizes(self, shapes, x, *sizes):
        wanted = [size_of(s) for s in sizes]
        if unknown_in(*shapes[0]):
            return []  # the check at entry has all the sizes
        return [(product(shapes[0]), product(wanted))]

    def element(self, index, read, sizes):
        if not sizes(0):
            return read(0, ())
        place: Any = 0
        for k, i in enumerate(index):
            place = i if k == 0 else place * read(1 + k, ()) + i
        return read(0, (place,))

    def connection_pattern(self, node):
        return [[True]] + [[False] for _ in node.inputs[1:]]

    def pullback(self, gy, y, x, *sizes):
        return [reshape(gy, shape_tuple(x)), *(None for _ in sizes)]


def _missing(x: Any, wanted: list[Any], where: str) -> list[Any]:
    """``wanted`` with the size that stands for -1."""
    for s in wanted:
        if isinstance(s, int) and s < -1:
            raise ValueError(f"{where}: a size must be at least 0, or -1 once; got {s}")
    free = [k for k, s in enumerate(wanted) if isinstance(s, int) and s == -1]
    if not free:
        return wanted
    if len(free) > 1:
        raise ValueError(f"{where}: only one size can be -1; got {tuple(wanted)}")
    others = [s for s in wanted if not (isinstance(s, int) and s == -1)]
    have = shape_tuple(x)
    if any(isinstance(s, int) and s == 0 for s in others):
        raise ShapeError(
            f"{where}: -1 stands for no definite size when another size is 0; got {tuple(wanted)}"
        )
    total, rest = product(have), product(others)
    if isinstance(total, int) and isinstance(rest, int) and total % rest:
        raise ShapeError(
            f"{where}: an array of shape {x.type.shape} has {total} elements, "
            f"which do not fill the shape {tuple(wanted)}"
        )
    wanted = list(wanted)
    wanted[free[0]] = quotient(have, others)
    return wanted


@register
def reshape(x: Any, newshape: Any, ndim: int | None = None) -> Any:
    """The elements of ``x``, in C order, in another shape.

    Parameters
    ----------
    x : tensor
    newshape : int, sequence of int and integer scalars, or integer vector
        One size may be written -1: it is computed from the others. A size that is only known
        when the function runs must not be negative.
    ndim : int, optional
        The number of sizes, when ``newshape`` is a vector of unknown length.

    Raises
    ------
    ShapeError
        If the number of elements differs; when the graph is built if it is known then.

    Examples
    --------
    >>> reshape([1, 2, 3, 4, 5, 6], (2, -1)).eval()
    array([[1, 2, 3],
           [4, 5, 6]])
    """
    x = as_tensor(x)
    wanted = _missing(x, as_lengths(newshape, "reshape", ndim), "reshape")
    known = x.type.shape
    if all(isinstance(s, int) for s in (*known, *wanted)):
        if np.prod(known, dtype=object) != np.prod(wanted, dtype=object):
            raise ShapeError(
                f"reshape: an array of shape {known} can not take the shape {tuple(wanted)}: "
                f"{product(known)} elements against {product(wanted)}"
            )
        if tuple(wanted) == known:
            return x
    if x.ndim == 0:
        return OPS["specify_shape"](OPS["dimshuffle"](x, ["x"] * len(wanted)), wanted)
    return Reshape()(x, *(as_scalar(s) for s in wanted))


@register
def flatten(x: Any, ndim: int = 1) -> Any:
    """The elements of ``x`` in C order; the first ``ndim - 1`` dimensions are kept.

    Raises
    ------
    ValueError
        If ``ndim`` is not from 1 to ``x.ndim`` (0-d arrays allow 1).

    Examples
    --------
    >>> flatten([[1, 2], [3, 4]]).eval()
    array([1, 2, 3, 4])
    """
    x = as_tensor(x)
    if not 1 <= ndim <= max(x.ndim, 1):
        raise ValueError(f"flatten: ndim must be from 1 to {max(x.ndim, 1)}; got {ndim}")
    if x.ndim == ndim:
        return x
    sizes = shape_tuple(x)
    return reshape(x, [*sizes[: ndim - 1], product(sizes[ndim - 1 :])])


@register
def ravel(x: Any) -> Any:
    """The elements of ``x`` in C order, as a vector.

    >>> ravel([[1, 2], [3, 4]]).eval()
    array([1, 2, 3, 4])
    """
    return flatten(x)


@register
def join_dims(x: Any, start_axis: int = 0, n_axes: int | None = None) -> Any:
    """``n_axes`` dimensions from ``start_axis`` on as one.

    Parameters
    ----------
    x : tensor
    start_axis : int
    n_axes : int, optional
        By default all that follow. With 0 a dimension of size 1 is inserted.

    Examples
    --------
    >>> join_dims([[[1, 2]], [[3, 4]]], 1).eval()
    array([[1, 2],
           [3, 4]])
    """
    x = as_tensor(x)
    sizes = shape_tuple(x)
    start = start_axis + x.ndim if start_axis < 0 else start_axis
    if not 0 <= start <= x.ndim:
        raise ValueError(f"join_dims: axis {start_axis} does not exist in {x.ndim} dimensions")
    stop = x.ndim if n_axes is None else start + n_axes
    if not start <= stop <= x.ndim:
        raise ValueError(
            f"join_dims: {n_axes} dimensions from axis {start_axis} on do not exist; "
            f"the array has {x.ndim}"
        )
    if stop == start + 1:
        return x
    return reshape(x, [*sizes[:start], product(sizes[start:stop]), *sizes[stop:]])


@register
def split_dims(x: Any, shape: Any, axis: int = 0) -> Any:
    """Dimension ``axis`` as several, of the sizes in ``shape``; one may be -1.

    Examples
    --------
    >>> split_dims([1, 2, 3, 4], (2, 2)).eval()
    array([[1, 2],
           [3, 4]])
    """
    x = as_tensor(x)
    axis = normalize_axis(axis, x.ndim, "split_dims")
    sizes = shape_tuple(x)
    wanted = as_lengths(shape, "split_dims")
    if not wanted:
        return OPS["squeeze"](x, axis=axis)
    if any(isinstance(s, int) and s == -1 for s in wanted):
        others = [s for s in wanted if not (isinstance(s, int) and s == -1)]
        if len(others) != len(wanted) - 1:
            raise ValueError(f"split_dims: only one size can be -1; got {tuple(wanted)}")
        wanted = [
            quotient([sizes[axis]], others) if isinstance(s, int) and s == -1 else s for s in wanted
        ]
    return reshape(x, [*sizes[:axis], *wanted, *sizes[axis + 1 :]])


class SpecifyShape(View):
    """``x``, whose sizes along ``dims`` are said, and checked, to be the scalars behind it."""

    __props__ = ("dims",)
    dtype = first
    samples = [
        sample(data(2, 3), np.int64(3), dims=(1,)),
        sample(data(0, 1), np.int64(0), np.int64(1), dims=(0, 1)),
        sample(data(), dims=()),
    ]

    def reference(x, *rest):
        *sizes, dims = rest
        for axis, wanted in zip(dims, sizes, strict=True):
            if x.shape[axis] != wanted:
                raise ShapeError(
                    f"specify_shape: dimension {axis} was said to be {wanted}; "
                    f"the array has shape {x.shape}"
                )
        return x

    def sizes(self, shapes, x, *sizes):
        made = list(shapes[0])
        for axis, wanted in zip(self.dims, sizes, strict=True):
            known = size_of(wanted)
            if isinstance(known, int) or made[axis] is UNKNOWN:
                made[axis] = known
        return tuple(made)

    def same_sizes(self, shapes, x, *sizes):
        return [(shapes[0][a], size_of(s)) for a, s in zip(self.dims, sizes, strict=True)]

    def element(self, index, read, sizes):
        return read(0, index)

    def connection_pattern(self, node):
        return [[True]] + [[False] for _ in node.inputs[1:]]

    def pullback(self, gy, y, x, *sizes):
        return [gy, *(None for _ in sizes)]


@register
def specify_shape(x: Any, shape: Any) -> Any:
    """``x`` with more known about its shape; checked when the function runs.

    Parameters
    ----------
    x : tensor
    shape : sequence of None, int or integer scalars
        ``None`` says nothing about that dimension; ``...`` about as many as are left.

    Raises
    ------
    ShapeError
        If the number of sizes or a size known now does not fit. A size that turns out not to fit
        is an error of the same class when the function runs.

    Examples
    --------
    >>> specify_shape([1.0, 2.0], (2,)).type.shape
    (2,)
    """
    x = as_tensor(x)
    items = list(shape) if isinstance(shape, (list, tuple)) else as_lengths(shape, "specify_shape")
    if any(s is Ellipsis for s in items):
        at = next(k for k, s in enumerate(items) if s is Ellipsis)
        items[at : at + 1] = [None] * (x.ndim - len(items) + 1)
    if len(items) != x.ndim:
        raise ShapeError(f"specify_shape: {len(items)} sizes for an array of {x.ndim} dimensions")
    dims, sizes = [], []
    for axis, item in enumerate(items):
        if item is None:
            continue
        wanted, known = as_length(item, "specify_shape"), x.type.shape[axis]
        if isinstance(wanted, int) and known is not None:
            if wanted != known:
                raise ShapeError(
                    f"specify_shape: dimension {axis} is known to be {known}, not {wanted}"
                )
            continue
        dims.append(axis)
        sizes.append(as_scalar(wanted))
    return SpecifyShape(dims=tuple(dims))(x, *sizes) if dims else x


@register
def specify_broadcastable(x: Any, *axes: int) -> Any:
    """``x``, whose dimensions ``axes`` are said to have size 1, so that they broadcast.

    >>> specify_broadcastable([[1.0], [2.0]], 1).type.shape
    (2, 1)
    """
    x = as_tensor(x)
    wanted = [normalize_axis(a, x.ndim, "specify_broadcastable") for a in axes]
    return specify_shape(x, [1 if k in wanted else None for k in range(x.ndim)])
