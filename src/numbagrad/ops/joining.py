"""Arrays put together and taken apart: join, stack, split, tile, repeat, roll, flip, pack.

Padding is in ``padding``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..graph.basic import Constant, Variable
from ..graph.registry import OPS, register
from ..graph.tensor import as_tensor
from ..testing.samples import data, sample
from .axes import normalize_axes, normalize_axis
from .dtypes import upcast
from .indexing import part
from .kinds import UNKNOWN, View
from .shape import reshape, specify_shape
from .sizes import as_length, as_lengths, product, shape_tuple, size_at, unknown_in
from .structure import broadcast_to, dimshuffle, expand_dims

__all__ = [
    "Join",
    "concatenate",
    "flip",
    "horizontal_stack",
    "hstack",
    "join",
    "pack",
    "repeat",
    "roll",
    "split",
    "stack",
    "stacklists",
    "tile",
    "unpack",
    "vertical_stack",
    "vstack",
]


class Join(View):
    """``count`` arrays one behind the other along ``axis``."""

    __props__ = ("axis", "count")
    dtype = upcast
    samples = [
        sample(data(2, 3), data(1, 3, seed=1), data(2, 3, seed=2), axis=0, count=3),
        sample(data(2, 2), data(2, 0), data(2, 3, seed=1), axis=1, count=3),
        sample(data(3), axis=0, count=1),
        sample(data(1, 2), data(1, 2, seed=1), axis=0, count=2),
    ]

    def reference(*arguments):
        *arrays, axis, _ = arguments
        return np.concatenate(arrays, axis)

    def prepare(self, *inputs):
        arrays = [as_tensor(x) for x in inputs]
        if len(arrays) != self.count or not arrays:
            raise ValueError(f"{self} takes {self.count} arrays, at least one; got {len(arrays)}")
        if len({v.ndim for v in arrays}) != 1 or not arrays[0].ndim:
            shapes = ", ".join(str(v.type.shape) for v in arrays)
            raise ShapeError(
                f"join: all arrays must have the same number of dimensions, at least 1; "
                f"got the shapes {shapes}"
            )
        dtype = upcast(*(v.dtype for v in arrays))
        return [v if v.dtype == dtype else OPS["cast"](v, dtype) for v in arrays]

    def sizes(self, shapes, *inputs):
        made = []
        for k, sizes in enumerate(zip(*shapes, strict=True)):
            if k == self.axis:
                total = UNKNOWN if unknown_in(*sizes) else sizes[0]
                for s in sizes[1:] if total is not UNKNOWN else ():
                    total = s + total if isinstance(total, int) else total + s
                made.append(total)
            else:
                made.append(next((s for s in sizes if isinstance(s, int)), sizes[0]))
        return tuple(made)

    def same_sizes(self, shapes, *inputs):
        return [
            (sizes[0], s)
            for k, sizes in enumerate(zip(*shapes, strict=True))
            if k != self.axis
            for s in sizes[1:]
        ]

    def _starts(self, sizes):
        starts: list[Any] = [0]
        for k in range(self.count - 1):
            starts.append(starts[-1] + sizes(k)[self.axis])
        return starts

    def parts(self, sizes):
        ndim = len(sizes(0))
        return [
            (k, tuple(start if d == self.axis else 0 for d in range(ndim)))
            for k, start in enumerate(self._starts(sizes))
        ]

    def element(self, index, read, sizes):
        starts = self._starts(sizes)

        def within(k):
            place = list(index)
            place[self.axis] = place[self.axis] - starts[k]
            return read(k, tuple(place))

        made = within(self.count - 1)
        for k in range(self.count - 2, -1, -1):
            made = read.choose(index[self.axis] < starts[k + 1], within(k), made)
        return made

    def pullback(self, gy, y, *inputs):
        made, start = [], 0
        for x in inputs:
            length = size_at(x, self.axis)
            made.append(part(gy, self.axis, start, length))
            start = length + start if isinstance(start, int) else start + length
        return made


@register
def join(axis: Any, *tensors: Any) -> Any:
    """Arrays one behind the other along ``axis``; their other sizes have to agree.

    Raises
    ------
    ShapeError
        If the arrays have different numbers of dimensions, or other sizes do not agree.

    Examples
    --------
    >>> join(0, [1, 2], [3]).eval()
    array([1, 2, 3])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    if not tensors:
        raise ValueError("join: at least one array is needed")
    arrays = [as_tensor(x) for x in tensors]
    if any(v.ndim == 0 for v in arrays):
        raise ShapeError("join: scalars can not be joined; use stack")
    axis = normalize_axis(axis, arrays[0].ndim, "join")
    return arrays[0] if len(arrays) == 1 else Join(axis=axis, count=len(arrays))(*arrays)


@register
def concatenate(tensor_list: Any, axis: Any = 0) -> Any:
    """`join` with NumPy's arguments.

    >>> concatenate([[1, 2], [3]]).eval()
    array([1, 2, 3])
    """
    if isinstance(tensor_list, Variable) and tensor_list.type.ndim == 0:
        raise TypeError("concatenate takes a sequence of arrays; got a scalar variable")
    return join(axis, *tensor_list)


@register
def stack(tensors: Sequence[Any], axis: int = 0) -> Any:
    """Arrays of one shape along a new dimension, which is ``axis`` of the result.

    >>> stack([[1, 2], [3, 4]], axis=1).eval()
    array([[1, 3],
           [2, 4]])
    """
    arrays = [as_tensor(x) for x in tensors]
    if not arrays:
        raise ValueError("stack: at least one array is needed")
    if len({v.ndim for v in arrays}) != 1:
        shapes = ", ".join(str(v.type.shape) for v in arrays)
        raise ShapeError(f"stack: all arrays must have the same shape; got {shapes}")
    if arrays[0].ndim == 0:
        normalize_axis(axis, 1, "stack")
        return OPS["make_vector"](*arrays)
    return join(
        normalize_axis(axis, arrays[0].ndim + 1, "stack"), *(expand_dims(v, axis) for v in arrays)
    )


@register
def stacklists(arg: Any) -> Any:
    """Nested lists of variables as one array.

    >>> stacklists([[1, 2], [as_tensor(3), 4]]).eval()
    array([[1, 2],
           [3, 4]])
    """
    if isinstance(arg, (list, tuple)):
        return stack([stacklists(item) for item in arg])
    return as_tensor(arg)


OPS["stack_lists"] = stacklists


@register
def horizontal_stack(*args: Any) -> Any:
    """Matrices side by side.

    >>> horizontal_stack([[1], [2]], [[3], [4]]).eval()
    array([[1, 3],
           [2, 4]])
    """
    return join(1, *_matrices(args, "horizontal_stack"))


@register
def vertical_stack(*args: Any) -> Any:
    """Matrices one below the other.

    >>> vertical_stack([[1, 2]], [[3, 4]]).eval()
    array([[1, 2],
           [3, 4]])
    """
    return join(0, *_matrices(args, "vertical_stack"))


def _matrices(args: Sequence[Any], where: str) -> list[Any]:
    arrays = [as_tensor(x) for x in args]
    if len(arrays) < 2:
        raise ValueError(f"{where}: at least two matrices are needed")
    for v in arrays:
        if v.ndim != 2:
            raise ShapeError(f"{where} takes matrices; got an array of shape {v.type.shape}")
    return arrays


@register
def hstack(tup: Sequence[Any]) -> Any:
    """Arrays side by side: along the second dimension, vectors along their only one.

    >>> hstack([[1], [2, 3]]).eval()
    array([1, 2, 3])
    """
    arrays = [OPS["atleast_1d"](x) for x in tup]
    return join(0 if arrays and arrays[0].ndim == 1 else 1, *arrays)


@register
def vstack(tup: Sequence[Any]) -> Any:
    """Arrays one below the other: along the first dimension, vectors as rows.

    >>> vstack([[1, 2], [3, 4]]).eval()
    array([[1, 2],
           [3, 4]])
    """
    return join(0, *[OPS["atleast_2d"](x) for x in tup])


@register
def split(x: Any, splits_size: Any, n_splits: int | None = None, axis: int = 0) -> list[Any]:
    """``x`` taken apart along ``axis`` into pieces of the sizes ``splits_size``.

    Parameters
    ----------
    x : tensor
    splits_size : sequence of int and integer scalars, or integer vector
        The sizes have to sum up to the size of ``x`` along ``axis``.
    n_splits : int, optional
        How many, when ``splits_size`` is a vector of unknown length.
    axis : int

    Returns
    -------
    list of tensor

    Raises
    ------
    ShapeError
        If the sizes do not sum up to that of ``x``.
    ValueError
        If a size is negative.

    Examples
    --------
    >>> [v.eval() for v in split([1, 2, 3], [1, 2])]
    [array([1]), array([2, 3])]
    """
    x = as_tensor(x)
    axis = normalize_axis(axis, x.ndim, "split")
    lengths = as_lengths(splits_size, "split", n_splits)
    if any(isinstance(n, int) and n < 0 for n in lengths):
        raise ValueError(f"split: sizes must be at least 0; got {tuple(lengths)}")
    starts, total = [], 0
    for n in lengths:
        starts.append(total)
        total = n + total if isinstance(total, int) else total + n
    known = x.type.shape[axis]
    if isinstance(total, int) and known is not None and total != known:
        raise ShapeError(
            f"split: the sizes {tuple(lengths)} sum up to {total}, which is not the size of "
            f"dimension {axis} of an array of shape {x.type.shape}"
        )
    whole = specify_shape(x, [total if k == axis else None for k in range(x.ndim)])
    return [part(whole, axis, s, n) for s, n in zip(starts, lengths, strict=True)]


# -- the same elements several times, or in another order --------------------------------------


@register
def tile(A: Any, reps: Any) -> Any:
    """``A`` repeated as a whole, ``reps`` times along each dimension, as in NumPy.

    Parameters
    ----------
    A : tensor
    reps : int or sequence of int and integer scalars
        With fewer entries than dimensions they are for the last ones; with more, ``A`` gets new
        dimensions in front.

    Examples
    --------
    >>> tile([1, 2], 2).eval()
    array([1, 2, 1, 2])
    """
    x = as_tensor(A)
    times = as_lengths(reps, "tile")
    x = OPS["shape_padleft"](x, max(len(times) - x.ndim, 0))
    times = [1] * (x.ndim - len(times)) + times
    return _multiplied(x, times, before=True, where="tile")


def _multiplied(x: Any, times: Sequence[Any], before: bool, where: str) -> Any:
    """Each dimension ``times`` as long: the whole repeated (before) or each element (behind)."""
    pattern: list[Any] = []
    spread: list[Any] = []
    final: list[Any] = []
    for k, (n, t) in enumerate(zip(shape_tuple(x), times, strict=True)):
        if isinstance(t, int) and t < 0:
            raise ValueError(f"{where}: a number of repetitions must be at least 0; got {t}")
        final.append(product([t, n]))
        if isinstance(t, int) and t == 1:
            pattern.append(k)
            spread.append(n)
        else:
            pattern += ["x", k] if before else [k, "x"]
            spread += [t, n] if before else [n, t]
    if len(pattern) == x.ndim:
        return x
    return reshape(broadcast_to(dimshuffle(x, pattern), spread), final)


@register
def repeat(a: Any, repeats: Any, axis: int | None = None) -> Any:
    """Each element of ``a`` several times in a row, along ``axis``.

    Parameters
    ----------
    a : tensor
    repeats : int or integer scalar, or an integer vector with a number for each element
    axis : int, optional
        By default ``a`` is flattened.

    Examples
    --------
    >>> repeat([1, 2], 2).eval()
    array([1, 1, 2, 2])
    >>> repeat([1, 2], [0, 3]).eval()
    array([2, 2, 2])
    """
    x = as_tensor(a)
    if axis is None:
        x, axis = OPS["flatten"](x), 0
    axis = normalize_axis(axis, x.ndim, "repeat")
    repeats = as_tensor(repeats)
    if repeats.dtype.startswith(("float", "complex")):
        raise TypeError(f"repeat: repeats must be integers; got dtype {repeats.dtype}")
    if repeats.ndim > 1:
        raise ShapeError(f"repeat: repeats must be a scalar or a vector; got {repeats.type}")
    if repeats.ndim == 1 and repeats.type.shape[0] == 1:
        repeats = repeats[0]
    if repeats.ndim == 0:
        times: list[Any] = [1] * x.ndim
        times[axis] = as_length(repeats, "repeat")
        return _multiplied(x, times, before=False, where="repeat")
    known, given = x.type.shape[axis], repeats.type.shape[0]
    if None not in (known, given) and known != given:
        raise ShapeError(f"repeat: {given} numbers of repetitions for {known} elements")
    if isinstance(repeats, Constant):
        places = np.repeat(np.arange(given or 0), repeats.data)
        x = specify_shape(x, [given if k == axis else None for k in range(x.ndim)])
        return OPS["take"](x, places, axis=axis)
    repeats = specify_shape(OPS["cast"](repeats, "int64"), [size_at(x, axis)])
    # Place i of the result belongs to the first element whose repetitions end behind i.
    ends = OPS["cumsum"](repeats)
    places = OPS["searchsorted"](ends, OPS["arange"](OPS["sum"](repeats)), side="right")
    return OPS["take"](x, places, axis=axis)


@register
def roll(x: Any, shift: Any, axis: Any = None) -> Any:
    """The elements moved by ``shift`` places; those that leave at the end come in at the front.

    Parameters
    ----------
    x : tensor
    shift : int or integer scalar, or a tuple of these for several axes
    axis : int or tuple of int, optional
        By default ``x`` is rolled as if it were flat.

    Examples
    --------
    >>> roll([1, 2, 3], 1).eval()
    array([3, 1, 2])
    """
    x = as_tensor(x)
    if axis is None:
        if x.ndim == 0:
            return x
        return reshape(roll(OPS["flatten"](x), shift, 0), shape_tuple(x), ndim=x.ndim)
    axes = list(axis) if isinstance(axis, (tuple, list)) else [axis]
    shifts = list(shift) if isinstance(shift, (tuple, list)) else [shift] * len(axes)
    if len(shifts) == 1:
        shifts *= len(axes)
    axes *= len(shifts) if len(axes) == 1 else 1
    if len(shifts) != len(axes):
        raise ValueError(f"roll: {len(shifts)} shifts for {len(axes)} axes")
    for k, by in zip(axes, shifts, strict=True):
        x = _rolled(x, as_length(by, "roll"), normalize_axis(k, x.ndim, "roll"))
    return x


def _rolled(x: Any, by: Any, axis: int) -> Any:
    n = size_at(x, axis)
    if isinstance(n, int):
        if n < 2:
            return x
        by = by % n
    else:
        by = OPS["mod"](by, OPS["maximum"](n, 1))
    if isinstance(by, int) and by == 0:
        return x
    # by of an empty array is 0: both pieces are empty
    rest = n - by if isinstance(n, int) and isinstance(by, int) else OPS["sub"](n, by)
    return join(axis, part(x, axis, rest, by), part(x, axis, 0, rest))


@register
def flip(arr: Any, axis: Any = None) -> Any:
    """The elements in reverse order along ``axis``, by default along all.

    >>> flip([1, 2, 3]).eval()
    array([3, 2, 1])
    """
    x = as_tensor(arr)
    axes = normalize_axes(axis, x.ndim, "flip")
    if not axes:
        return x
    return x[tuple(slice(None, None, -1 if k in axes else None) for k in range(x.ndim))]


# -- several arrays as one -----------------------------------------------------------------------


def _kept(keep_axes: Any, ndims: Sequence[int], where: str) -> tuple[int, int]:
    """How many dimensions are kept in front and behind."""
    if keep_axes is None:
        return 0, 0
    given = list(keep_axes) if isinstance(keep_axes, (list, tuple)) else [keep_axes]
    front = sorted(a for a in given if a >= 0)
    back = sorted(a for a in given if a < 0)
    if isinstance(keep_axes, (list, tuple)):
        if front != list(range(len(front))) or back != list(range(-len(back), 0)):
            raise ValueError(
                f"{where}: keep_axes={keep_axes} must be the first dimensions (0, 1, ...), the "
                "last ones (..., -2, -1), or both"
            )
        before, behind = len(front), len(back)
    else:
        before, behind = (keep_axes + 1, 0) if keep_axes >= 0 else (0, -keep_axes)
    if any(n < before + behind for n in ndims):
        raise ValueError(f"{where}: keep_axes={keep_axes} needs more dimensions than {min(ndims)}")
    return before, behind


@register
def pack(*tensors: Any, keep_axes: Any = None) -> tuple[Any, list[tuple[Any, ...]]]:
    """Several arrays as one: all dimensions are flattened but ``keep_axes``, then joined.

    Parameters
    ----------
    *tensors : tensor
    keep_axes : int or sequence of int, optional
        Dimensions that all arrays share: the first ones, the last ones (negative) or both. One
        integer stands for all dimensions up to it (from it on, if negative).

    Returns
    -------
    packed : tensor
    packed_shapes : list of tuple
        The sizes that were flattened, which `unpack` wants.

    Examples
    --------
    >>> packed, shapes = pack([[1, 2], [3, 4]], [5])
    >>> packed.eval(), shapes
    (array([1, 2, 3, 4, 5]), [(2, 2), (1,)])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    arrays = [as_tensor(x) for x in tensors]
    if not arrays:
        raise ValueError("pack: at least one array is needed")
    before, behind = _kept(keep_axes, [v.ndim for v in arrays], "pack")
    flat, shapes = [], []
    for v in arrays:
        sizes = shape_tuple(v)
        stop = v.ndim - behind
        shapes.append(sizes[before:stop])
        flat.append(
            reshape(v, [*sizes[:before], product(sizes[before:stop]), *sizes[stop:]])
            if stop - before != 1
            else v
        )
    return join(before, *flat), shapes


@register
def unpack(packed_input: Any, packed_shapes: Sequence[Any], keep_axes: Any = None) -> list[Any]:
    """The arrays that `pack` put together.

    >>> packed, shapes = pack([[1, 2], [3, 4]], [5])
    >>> [v.eval() for v in unpack(packed, shapes)]
    [array([[1, 2],
           [3, 4]]), array([5])]
    """
    x = as_tensor(packed_input)
    before, behind = _kept(keep_axes, [x.ndim], "unpack")
    if x.ndim != before + behind + 1:
        raise ValueError(
            f"unpack: keep_axes={keep_axes} leaves {x.ndim - before - behind} dimensions of the "
            f"packed array of shape {x.type.shape}; one is needed"
        )
    shapes = [tuple(as_lengths(s, "unpack")) for s in packed_shapes]
    pieces = split(x, [product(s) for s in shapes], axis=before)
    sizes = shape_tuple(x)
    return [
        piece if len(s) == 1 else reshape(piece, [*sizes[:before], *s, *sizes[before + 1 :]])
        for piece, s in zip(pieces, shapes, strict=True)
    ]
