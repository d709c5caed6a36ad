"""Dimensions permuted, added, dropped and spread: dimshuffle, broadcast_to and what follows.

No element is computed here. Joining arrays is in ``joining``, indexing in ``indexing``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..config import config
from ..errors import ShapeError
from ..graph.basic import Variable
from ..graph.registry import OPS, register
from ..graph.tensor import as_tensor, constant
from ..testing.samples import data, sample
from .axes import normalize_axes, normalize_axis
from .dtypes import first
from .kinds import View, size_of
from .sizes import as_lengths, as_scalar, is_one, shape_tuple

__all__ = [
    "BroadcastTo",
    "DimShuffle",
    "alloc",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "atleast_Nd",
    "broadcast_arrays",
    "broadcast_batches",
    "broadcast_shape",
    "broadcast_to",
    "dimshuffle",
    "empty_like",
    "expand_dims",
    "full_like",
    "matrix_transpose",
    "moveaxis",
    "ones_like",
    "shape_padaxis",
    "shape_padleft",
    "shape_padright",
    "squeeze",
    "swapaxes",
    "transpose",
    "unbroadcast",
    "zeros_like",
]


class DimShuffle(View):
    """The dimensions of ``x`` in the order ``new_order``; ``"x"`` is a new one of size 1.

    Dimensions that are not named are dropped; their size has to be 1.
    """

    __props__ = ("new_order",)
    dtype = first
    samples = [
        sample(data(2, 3), new_order=(1, 0)),
        sample(data(2, 1, 3), new_order=(2, "x", 0)),
        sample(data(), new_order=("x", "x")),
        sample(data(0, 3), new_order=(1, 0, "x")),
        sample(data(1, 1), new_order=()),
        sample(data(4), new_order=(0,)),
    ]

    def reference(x, new_order):
        kept = [k for k in new_order if k != "x"]
        dropped = [k for k in range(x.ndim) if k not in kept]
        if any(x.shape[k] != 1 for k in dropped):
            raise ShapeError(f"dimshuffle{new_order}: a dropped dimension of {x.shape} is not 1")
        shape = tuple(1 if k == "x" else x.shape[k] for k in new_order)
        return np.transpose(x, kept + dropped).reshape(shape)

    def prepare(self, x):
        x = as_tensor(x)
        kept = [k for k in self.new_order if k != "x"]
        for k in kept:
            if not 0 <= k < x.ndim:
                raise ValueError(
                    f"dimshuffle{self.new_order}: dimension {k} does not exist in an array of "
                    f"{x.ndim} dimensions"
                )
        if len(set(kept)) != len(kept):
            raise ValueError(f"dimshuffle{self.new_order}: a dimension is named twice")
        for k in self._dropped(x.ndim):
            if x.type.shape[k] not in (1, None):
                raise ShapeError(
                    f"dimshuffle{self.new_order}: dimension {k} is dropped, so its size must be "
                    f"1; the shape is {x.type.shape}"
                )
        return [x]

    def _dropped(self, ndim):
        return [k for k in range(ndim) if k not in self.new_order]

    def sizes(self, shapes, x):
        return tuple(1 if k == "x" else shapes[0][k] for k in self.new_order)

    def same_sizes(self, shapes, x):
        return [(shapes[0][k], 1) for k in self._dropped(len(shapes[0]))]

    def element(self, index, read, sizes):
        place: list[Any] = [0] * len(sizes(0))
        for k, i in zip(self.new_order, index, strict=True):
            if k != "x":
                place[k] = i
        return read(0, tuple(place))

    def pullback(self, gy, y, x):
        # Dimensions that were dropped come back, those that were added (of size 1) go.
        back: list[Any] = ["x"] * x.ndim
        for place, k in enumerate(self.new_order):
            if k != "x":
                back[k] = place
        return [dimshuffle(gy, back)]

    def pretty(self, node):
        """Nothing where only dimensions of size 1 come and go, ``.T`` where the order turns."""
        x, kept = node.inputs[0], [k for k in self.new_order if k != "x"]
        if kept == sorted(kept):
            return [x]
        turned = kept == sorted(kept, reverse=True)
        return [x, ".T" if turned else f".dimshuffle{self.new_order}"]


@register
def dimshuffle(x: Any, *pattern: Any) -> Any:
    """Dimensions permuted, dropped, and (``"x"``) added with size 1.

    Parameters
    ----------
    x : tensor
    *pattern : int or "x", or one sequence of them
        For each dimension of the result, the dimension of ``x`` it is. Dimensions that are not
        named are dropped; their size has to be 1.

    Raises
    ------
    ValueError
        If a dimension does not exist or is named twice.
    ShapeError
        If a dimension is dropped whose size is not 1.

    Examples
    --------
    >>> dimshuffle([1, 2], "x", 0).eval()
    array([[1, 2]])
    """
    x = as_tensor(x)
    if len(pattern) == 1 and isinstance(pattern[0], (list, tuple)):
        pattern = tuple(pattern[0])
    order: list[Any] = []
    for k in pattern:
        if isinstance(k, str):
            if k != "x":
                raise ValueError(f"dimshuffle: expected an integer or 'x'; got {k!r}")
            order.append(k)
        else:
            order.append(normalize_axis(k, x.ndim, f"dimshuffle{tuple(pattern)}"))
    if order == list(range(x.ndim)):
        return x
    return DimShuffle(new_order=tuple(order))(x)


@register
def transpose(x: Any, axes: Sequence[int] | None = None) -> Any:
    """The dimensions in another order, by default reversed.

    Raises
    ------
    ValueError
        If ``axes`` is no permutation of the dimensions.

    Examples
    --------
    >>> transpose([[1, 2], [3, 4]]).eval()
    array([[1, 3],
           [2, 4]])
    """
    x = as_tensor(x)
    if axes is None:
        return dimshuffle(x, list(range(x.ndim))[::-1])
    order = [normalize_axis(a, x.ndim, "transpose") for a in axes]
    if sorted(order) != list(range(x.ndim)):
        raise ValueError(
            f"transpose: axes={tuple(axes)} is no permutation of the {x.ndim} dimensions of an "
            f"array of shape {x.type.shape}"
        )
    return dimshuffle(x, order)


@register
def matrix_transpose(x: Any) -> Any:
    """The last two dimensions swapped.

    >>> matrix_transpose([[[1, 2]]]).type.shape
    (1, 2, 1)
    """
    x = as_tensor(x)
    if x.ndim < 2:
        raise ValueError(f"matrix_transpose: at least 2 dimensions are needed; got {x.ndim}")
    return swapaxes(x, -1, -2)


@register
def swapaxes(y: Any, axis1: int, axis2: int) -> Any:
    """Two dimensions swapped.

    >>> swapaxes([[1, 2]], 0, 1).eval()
    array([[1],
           [2]])
    """
    y = as_tensor(y)
    a, b = (normalize_axis(k, y.ndim, "swapaxes") for k in (axis1, axis2))
    order = list(range(y.ndim))
    order[a], order[b] = b, a
    return dimshuffle(y, order)


@register
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    """Dimensions moved to other places; the others keep their order.

    >>> moveaxis([[[1, 2]]], 2, 0).type.shape
    (2, 1, 1)
    """
    a = as_tensor(a)
    sources, targets = (
        [normalize_axis(k, a.ndim, "moveaxis") for k in _listed(v)] for v in (source, destination)
    )
    if len(sources) != len(targets):
        raise ValueError(f"moveaxis: {len(sources)} sources and {len(targets)} destinations")
    if len(set(sources)) != len(sources) or len(set(targets)) != len(targets):
        raise ValueError(f"moveaxis: an axis is named twice in {source} or {destination}")
    order = [k for k in range(a.ndim) if k not in sources]
    for target, k in sorted(zip(targets, sources, strict=True)):
        order.insert(target, k)
    return dimshuffle(a, order)


def _listed(axes: Any) -> list[Any]:
    return list(axes) if isinstance(axes, (list, tuple, np.ndarray)) else [axes]


@register
def squeeze(x: Any, axis: Any = None) -> Any:
    """Without the dimensions of size 1.

    Parameters
    ----------
    x : tensor
    axis : int or sequence of int, optional
        Which; their size is checked when the function runs. By default all that are known to be 1
        from the type.

    Examples
    --------
    >>> squeeze([[1, 2]]).eval()
    array([1, 2])
    """
    x = as_tensor(x)
    if axis is None:
        drop: Any = [k for k, s in enumerate(x.type.shape) if s == 1]
    else:
        drop = normalize_axes(axis, x.ndim, "squeeze")
        for k in drop:
            if x.type.shape[k] not in (1, None):
                raise ShapeError(
                    f"squeeze: dimension {k} of an array of shape {x.type.shape} is not of size 1"
                )
    return dimshuffle(x, [k for k in range(x.ndim) if k not in drop])


@register
def expand_dims(a: Any, axis: Any) -> Any:
    """New dimensions of size 1, which are ``axis`` in the result.

    >>> expand_dims([1, 2], 0).eval()
    array([[1, 2]])
    """
    a = as_tensor(a)
    count = len(axis) if isinstance(axis, (list, tuple)) else 1
    if not count:
        return a
    new = normalize_axes(axis, a.ndim + count, "expand_dims")
    old = iter(range(a.ndim))
    return dimshuffle(a, ["x" if k in new else next(old) for k in range(a.ndim + count)])


@register
def shape_padleft(t: Any, n_ones: int = 1) -> Any:
    """``n_ones`` new dimensions of size 1 in front.

    >>> shape_padleft([1, 2]).type.shape
    (1, 2)
    """
    t = as_tensor(t)
    return dimshuffle(t, ["x"] * n_ones + list(range(t.ndim)))


@register
def shape_padright(t: Any, n_ones: int = 1) -> Any:
    """``n_ones`` new dimensions of size 1 behind.

    >>> shape_padright([1, 2]).type.shape
    (2, 1)
    """
    t = as_tensor(t)
    return dimshuffle(t, list(range(t.ndim)) + ["x"] * n_ones)


@register
def shape_padaxis(t: Any, axis: int) -> Any:
    """A new dimension of size 1, which is ``axis`` in the result.

    >>> shape_padaxis([1, 2], 0).type.shape
    (1, 2)
    """
    return expand_dims(t, axis)


def atleast_Nd(*arys: Any, n: int = 1, left: bool = True) -> Any:
    """At least ``n`` dimensions: new ones of size 1 in front (or behind, if not ``left``).

    >>> atleast_Nd(1.0, n=2).type.shape
    (1, 1)
    """
    made = []
    for x in map(as_tensor, arys):
        more = max(n - x.ndim, 0)
        made.append(shape_padleft(x, more) if left else shape_padright(x, more))
    return made[0] if len(made) == 1 else made


OPS["atleast_Nd"] = atleast_Nd


@register
def atleast_1d(*arys: Any) -> Any:
    """Scalars as vectors of one element, arrays as they are.

    >>> atleast_1d(1.0).type.shape
    (1,)
    """
    return atleast_Nd(*arys, n=1)


@register
def atleast_2d(*arys: Any) -> Any:
    """New dimensions of size 1 in front up to two.

    >>> atleast_2d([1.0, 2.0]).type.shape
    (1, 2)
    """
    return atleast_Nd(*arys, n=2)


@register
def atleast_3d(*arys: Any) -> Any:
    """At least three dimensions, as in NumPy: a matrix gets its new one behind.

    >>> atleast_3d([1.0, 2.0]).type.shape
    (1, 2, 1)
    """
    made = [x if x.ndim >= 3 else shape_padright(atleast_2d(x)) for x in map(as_tensor, arys)]
    return made[0] if len(made) == 1 else made


class BroadcastTo(View):
    """``x`` spread to the sizes given by the scalars behind it.

    A dimension is spread if it is known to be of size 1; others have to agree.
    """

    __props__ = ()
    dtype = first
    samples = [
        sample(data(3), np.int64(2), np.int64(3)),
        sample(data(2, 1), np.int64(2), np.int64(4)),
        sample(data(), np.int64(3)),
        sample(data(1, 3), np.int64(0), np.int64(3)),
        sample(data()),
    ]

    def reference(x, *sizes):
        return np.broadcast_to(x, tuple(int(s) for s in sizes))

    def prepare(self, x, *sizes):
        x = as_tensor(x)
        if x.ndim > len(sizes):
            raise ShapeError(
                f"broadcast_to: an array of {x.ndim} dimensions can not be spread to {len(sizes)}"
            )
        return [x, *(as_tensor(s) for s in sizes)]

    def sizes(self, shapes, x, *sizes):
        return tuple(size_of(s) for s in sizes)

    def same_sizes(self, shapes, x, *sizes):
        wanted = [size_of(s) for s in sizes][len(sizes) - len(shapes[0]) :]
        return [(s, w) for s, w in zip(shapes[0], wanted, strict=True) if not is_one(s)]

    def element(self, index, read, sizes):
        have = sizes(0)
        place = index[len(index) - len(have) :]
        return read(0, tuple(0 if is_one(s) else i for s, i in zip(have, place, strict=True)))

    def connection_pattern(self, node):
        return [[True]] + [[False] for _ in node.inputs[1:]]

    def pullback(self, gy, y, x, *sizes):
        return [unbroadcast(gy, x), *(None for _ in sizes)]


def _spread(x: Any, sizes: list[Any], where: str) -> Any:
    if x.ndim > len(sizes):
        raise ShapeError(
            f"{where}: an array of shape {x.type.shape} has more dimensions than {tuple(sizes)}"
        )
    for known, wanted in zip(x.type.shape[::-1], sizes[::-1], strict=False):
        if isinstance(wanted, int) and known not in (None, 1, wanted):
            raise ShapeError(
                f"{where}: an array of shape {x.type.shape} can not be spread to {tuple(sizes)}"
            )
    for wanted in sizes:
        if isinstance(wanted, int) and wanted < 0:
            raise ValueError(f"{where}: a size must be at least 0; got {tuple(sizes)}")
    if x.type.shape == tuple(sizes):
        return x
    return BroadcastTo()(x, *(as_scalar(s) for s in sizes))


@register
def broadcast_to(x: Any, shape: Any) -> Any:
    """``x`` spread to ``shape``.

    Parameters
    ----------
    x : tensor
        A dimension is spread if it is known to be of size 1; others have to agree.
    shape : int, sequence of int and integer scalars, or integer vector

    Raises
    ------
    ShapeError
        If ``x`` can not be spread to ``shape``.

    Examples
    --------
    >>> broadcast_to([1, 2], (2, 2)).eval()
    array([[1, 2],
           [1, 2]])
    """
    return _spread(as_tensor(x), as_lengths(shape, "broadcast_to"), "broadcast_to")


@register
def alloc(value: Any, *shape: Any) -> Any:
    """An array of the sizes ``shape`` filled with ``value``, which may be an array that spreads.

    >>> alloc(2.0, 3).eval()
    array([2., 2., 2.])
    """
    if len(shape) == 1 and not (isinstance(shape[0], Variable) and shape[0].type.ndim == 0):
        shape = tuple(as_lengths(shape[0], "alloc"))
    return _spread(as_tensor(value), as_lengths(shape, "alloc"), "alloc")


@register
def unbroadcast(g: Any, x: Any) -> Any:
    """``g`` summed over the dimensions in which ``x`` was spread, so that it has its shape.

    >>> unbroadcast([[1.0, 2.0], [3.0, 4.0]], [0.0]).eval()
    array([10.])
    """
    g, x = as_tensor(g), as_tensor(x)
    lead = g.ndim - x.ndim
    if lead > 0:
        g = OPS["sum"](g, axis=tuple(range(lead)))
    axes = tuple(
        k
        for k, (size, wanted) in enumerate(zip(g.type.shape, x.type.shape, strict=True))
        if wanted == 1 and size != 1
    )
    return OPS["sum"](g, axis=axes, keepdims=True) if axes else g


@register
def broadcast_shape(*arrays: Any, arrays_are_shapes: bool = False) -> tuple[Any, ...]:
    """The shape that ``arrays`` have together: ints where known, else integer scalars.

    Parameters
    ----------
    *arrays : tensor
    arrays_are_shapes : bool
        Whether shapes are given in their place. Sizes that are no known number are taken to agree.

    Raises
    ------
    ShapeError
        If two sizes that are known are different and none is 1.

    Examples
    --------
    >>> broadcast_shape([[1], [2]], [1, 2, 3])
    (2, 3)
    """
    if arrays_are_shapes:
        shapes = [tuple(as_lengths(s, "broadcast_shape")) for s in arrays]
    else:
        shapes = [shape_tuple(x) for x in arrays]
    ndim = max((len(s) for s in shapes), default=0)
    made = []
    for sizes in zip(*((1,) * (ndim - len(s)) + s for s in shapes), strict=True):
        wide = [s for s in sizes if not is_one(s)]
        known = {s for s in wide if isinstance(s, int)}
        if len(known) > 1:
            raise ShapeError(f"The shapes {', '.join(map(str, shapes))} do not broadcast together")
        made.append(known.pop() if known else wide[0] if wide else 1)
    return tuple(made)


@register
def broadcast_arrays(*args: Any) -> list[Any]:
    """All arrays spread to the shape that they have together.

    >>> [v.type.shape for v in broadcast_arrays([[1], [2]], [1, 2, 3])]
    [(2, 3), (2, 3)]
    """
    variables = [as_tensor(x) for x in args]
    sizes = broadcast_shape(*variables)
    return [_spread(v, list(sizes), "broadcast_arrays") for v in variables]


@register
def broadcast_batches(variables: Sequence[Any], core_ndims: Sequence[int], batch: int) -> list[Any]:
    """Inputs of a function of matrices (or vectors) with the same leading dimensions.

    Parameters
    ----------
    variables : sequence of tensor
    core_ndims : sequence of int
        How many of the last dimensions the function works on, for each.
    batch : int
        How many dimensions in front they shall have. Missing ones are added; those known to be 1
        are spread to the size of the others.
    """
    padded = [
        shape_padleft(v, batch + core - v.ndim)
        for v, core in zip(variables, core_ndims, strict=True)
    ]
    if len(padded) < 2 or not batch:
        return padded
    lead = broadcast_shape(*(shape_tuple(v)[:batch] for v in padded), arrays_are_shapes=True)
    made = []
    for v in padded:
        narrow = any(
            s == 1 and not is_one(size) for s, size in zip(v.type.shape[:batch], lead, strict=True)
        )
        sizes = [*lead, *shape_tuple(v)[batch:]]
        made.append(_spread(v, sizes, "broadcast_batches") if narrow else v)
    return made


# -- arrays of the shape of another ----------------------------------------------------------


@register
def full_like(a: Any, fill_value: Any, dtype: Any = None) -> Any:
    """``fill_value`` in every place of the shape of ``a``, by default with its dtype.

    >>> full_like([1.0, 2.0], 7).eval()
    array([7., 7.])
    """
    a = as_tensor(a)
    dtype = _dtype(dtype) or a.dtype
    if isinstance(fill_value, Variable):
        value = as_tensor(fill_value, dtype=dtype)
    else:
        value = constant(fill_value, dtype=dtype)
    if value.ndim > a.ndim:
        raise ShapeError(
            f"full_like: the value has {value.ndim} dimensions, more than the array's {a.ndim}"
        )
    return OPS["second"](a, value)


def _dtype(dtype: Any) -> str | None:
    if dtype is None:
        return None
    return config.floatX if isinstance(dtype, str) and dtype == "floatX" else np.dtype(dtype).name


@register
def zeros_like(model: Any, dtype: Any = None, opt: bool = False) -> Any:
    """Zeros of the shape of ``model``; ``opt`` is accepted for Theano's sake.

    >>> zeros_like([1.0, 2.0]).eval()
    array([0., 0.])
    """
    return _numbers_like(model, 0, dtype)


@register
def ones_like(model: Any, dtype: Any = None, opt: bool = False) -> Any:
    """Ones of the shape of ``model``; ``opt`` is accepted for Theano's sake.

    >>> ones_like([1.0, 2.0]).eval()
    array([1., 1.])
    """
    return _numbers_like(model, 1, dtype)


def _numbers_like(model: Any, number: int, dtype: Any) -> Any:
    model = as_tensor(model)
    dtype = _dtype(dtype) or model.dtype
    # A Python number of the kind of the dtype, so that it is printed as 1.0, not as 1.
    value = np.dtype(dtype).type(number).item()
    return OPS["second"](model, constant(value, dtype=dtype))


@register
def empty_like(prototype: Any, dtype: Any = None) -> Any:
    """An array of the shape of ``prototype`` whose content does not matter (it is zeros).

    >>> empty_like([1.0, 2.0]).type.shape
    (2,)
    """
    return zeros_like(prototype, dtype)
