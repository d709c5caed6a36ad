"""Elements by their positions or by a condition: take, choose, compress, nonzero, permutations.

Only `FlatNonzero` is an Op; everything else is indexing of the kind in ``subtensor``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..graph.basic import Variable
from ..graph.registry import OPS, register
from ..graph.tensor import as_tensor, constant
from ..testing.samples import sample
from .axes import normalize_axis
from .dtypes import always
from .index_patterns import ARRAY, FULL, IN
from .kinds import UNKNOWN, Block
from .sizes import as_lengths, shape_tuple, size_at
from .structure import broadcast_arrays, dimshuffle
from .subtensor import AdvancedSubtensor, Subtensor

__all__ = [
    "FlatNonzero",
    "choose",
    "compress",
    "flatnonzero",
    "inverse_permutation",
    "nonzero",
    "nonzero_values",
    "permute_row_elements",
    "ravel_multi_index",
    "take",
    "take_along_axis",
    "unravel_index",
]


class FlatNonzero(Block):
    """The positions at which a boolean vector is true; how many depends on the values."""

    dtype = always("int64")
    signature = "(n)->(k)"
    samples = [
        sample(np.array([True, False, True])),
        sample(np.zeros(3, bool)),
        sample(np.zeros(0, bool)),
        sample(np.ones(1, bool)),
    ]

    def reference(x):
        return np.flatnonzero(x)

    def template(x):
        count = 0
        for i in range(x.shape[0]):
            if x[i]:
                count += 1
        places = np.empty(count, np.int64)
        count = 0
        for i in range(x.shape[0]):
            if x[i]:
                places[count] = i
                count += 1
        return places

    def prepare(self, x):
        x = as_tensor(x)
        if x.ndim != 1 or x.dtype != "bool":
            raise TypeError(f"FlatNonzero takes a boolean vector; got {x.type}")
        return [x]

    def argument_dtypes(self, inputs, output):
        return ["bool"]

    def sizes(self, shapes, x):
        return (UNKNOWN,)

    def connection_pattern(self, node):
        return [[False]]

    def pullback(self, gy, y, x):
        return [None]

    def pushforward(self, tangents, y, x):
        return None


@register
def flatnonzero(a: Any) -> Any:
    """The positions, counted in C order, of the elements that are not zero.

    >>> flatnonzero([0, 5, 0, 7]).eval()
    array([1, 3])
    """
    x = as_tensor(a)
    if x.ndim != 1:
        x = OPS["flatten"](x)
    return FlatNonzero()(x if x.dtype == "bool" else OPS["neq"](x, 0))


@register
def nonzero(a: Any, return_matrix: bool = False) -> Any:
    """The positions of the elements that are not zero.

    Parameters
    ----------
    a : tensor
        Of at least one dimension.
    return_matrix : bool
        Return one matrix with a row for each dimension, in the place of a tuple of vectors.

    Examples
    --------
    >>> [v.eval() for v in nonzero([[0, 1], [1, 0]])]
    [array([0, 1]), array([1, 0])]
    """
    x = as_tensor(a)
    if x.ndim == 0:
        raise ValueError("nonzero takes an array of at least 1 dimension; got a scalar")
    places = unravel_index(flatnonzero(x), shape_tuple(x))
    return OPS["stack"](places) if return_matrix else places


@register
def nonzero_values(a: Any) -> Any:
    """The elements that are not zero, in C order.

    >>> nonzero_values([0, 5, 0, 7]).eval()
    array([5, 7])
    """
    x = OPS["flatten"](as_tensor(a))
    return x[flatnonzero(x)]


@register
def take(a: Any, indices: Any, axis: int | None = None, mode: str = "raise") -> Any:
    """Elements of ``a`` along ``axis`` by their positions.

    Parameters
    ----------
    a : tensor
    indices : integer tensor
        Its dimensions take the place of ``axis`` in the result.
    axis : int, optional
        By default ``a`` is flattened.
    mode : {"raise", "wrap", "clip"}
        What is done with a position outside: an IndexError, counting on from the other end, or
        the nearest one inside.

    Examples
    --------
    >>> take([[1, 2], [3, 4]], [1, 0], axis=1).eval()
    array([[2, 1],
           [4, 3]])
    """
    x = as_tensor(a)
    if isinstance(indices, (list, tuple)) and not indices:
        indices = np.zeros(0, "int64")
    places = as_tensor(indices)
    if places.dtype.startswith(("float", "complex", "bool")):
        raise TypeError(f"take: positions must be integers; got dtype {places.dtype}")
    if axis is None:
        x, axis = OPS["flatten"](x), 0
    axis = normalize_axis(axis, x.ndim, "take")
    places = _in_mode(places, size_at(x, axis), mode, "take")
    pattern: list[Any] = [FULL] * x.ndim
    pattern[axis] = ARRAY if places.ndim else IN
    make = AdvancedSubtensor if places.ndim else Subtensor
    return make(pattern=tuple(pattern))(x, places)


def _in_mode(places: Any, n: Any, mode: str, where: str) -> Any:
    """Positions as ``mode`` says."""
    if mode == "raise":
        return places
    if mode == "wrap":
        return OPS["mod"](OPS["cast"](places, "int64"), n)
    if mode == "clip":
        return OPS["clip"](OPS["cast"](places, "int64"), 0, n - 1)
    raise ValueError(f"{where}: mode must be 'raise', 'wrap' or 'clip'; got {mode!r}")


@register
def take_along_axis(arr: Any, indices: Any, axis: int | None = 0) -> Any:
    """For each place of ``indices`` the element of ``arr`` that it names along ``axis``.

    Parameters
    ----------
    arr : tensor
    indices : integer tensor
        With the same number of dimensions; sizes other than along ``axis`` agree or are 1.
    axis : int, optional
        ``None`` flattens ``arr``.

    Examples
    --------
    >>> take_along_axis([[3, 1], [2, 4]], [[1], [0]], axis=1).eval()
    array([[1],
           [2]])
    """
    x, places = as_tensor(arr), as_tensor(indices)
    if places.dtype.startswith(("float", "complex", "bool")):
        raise TypeError(f"take_along_axis: positions must be integers; got dtype {places.dtype}")
    if axis is None:
        x, axis = OPS["flatten"](x), 0
    if x.ndim != places.ndim:
        raise ShapeError(
            f"take_along_axis: the array of shape {x.type.shape} and the positions of shape "
            f"{places.type.shape} must have the same number of dimensions"
        )
    axis = normalize_axis(axis, x.ndim, "take_along_axis")
    index: list[Any] = []
    for k in range(x.ndim):
        if k == axis:
            index.append(places)
        elif x.type.shape[k] == 1:
            index.append(constant(np.zeros((1,) * x.ndim, "int64")))
        else:
            along = OPS["arange"](size_at(x, k))
            index.append(dimshuffle(along, [0 if j == k else "x" for j in range(x.ndim)]))
    return x[tuple(index)]


@register
def choose(a: Any, choices: Any, mode: str = "raise") -> Any:
    """For each element ``k`` of ``a`` the corresponding element of ``choices[k]``.

    Parameters
    ----------
    a : integer tensor
    choices : sequence of tensor, or tensor whose first dimension counts the choices
        They and ``a`` spread to one shape.
    mode : {"raise", "wrap", "clip"}
        As in `take`; a negative number counts from the end in mode "raise".

    Examples
    --------
    >>> choose([1, 0], [[1, 2], [3, 4]]).eval()
    array([3, 2])
    """
    which = as_tensor(a)
    if isinstance(choices, (list, tuple)):
        which, *options = broadcast_arrays(which, *choices)
        table = OPS["stack"](options)
    else:
        table = as_tensor(choices)
        more = max(which.ndim - (table.ndim - 1), 0)
        table = dimshuffle(table, [0, *["x"] * more, *range(1, table.ndim)])
        which = OPS["shape_padleft"](which, table.ndim - 1 - which.ndim)
    which = _in_mode(which, size_at(table, 0), mode, "choose")
    if which.ndim == 0:
        return table[which]
    return take_along_axis(table, OPS["shape_padleft"](which), 0)[0]


@register
def compress(condition: Any, x: Any, axis: int | None = None) -> Any:
    """The slices of ``x`` along ``axis`` where ``condition`` holds.

    Parameters
    ----------
    condition : vector
        It may be shorter than ``x``.
    x : tensor
    axis : int, optional
        By default ``x`` is flattened.

    Examples
    --------
    >>> compress([0, 1], [[1, 2], [3, 4]], axis=0).eval()
    array([[3, 4]])
    """
    holds = as_tensor(condition)
    if holds.ndim != 1:
        raise ShapeError(f"compress: the condition must be a vector; got {holds.type}")
    return take(x, flatnonzero(holds), axis=axis)


# -- positions in several dimensions and in one ------------------------------------------------


def _order(dims: Sequence[Any], order: str, where: str) -> list[int]:
    """The dimensions from the one that changes fastest."""
    if order not in ("C", "F"):
        raise ValueError(f"{where}: order must be 'C' or 'F'; got {order!r}")
    axes = list(range(len(dims)))
    return axes[::-1] if order == "C" else axes


@register
def ravel_multi_index(
    multi_index: Sequence[Any], dims: Any, mode: str = "raise", order: str = "C"
) -> Any:
    """The position in the flat array for a position in each dimension.

    Parameters
    ----------
    multi_index : sequence of integer tensor
        One for each dimension.
    dims : sequence of int and integer scalars, or integer vector
        The shape.
    mode : {"raise", "wrap", "clip"}
        As in `take`.
    order : {"C", "F"}

    Examples
    --------
    >>> ravel_multi_index(([0, 1], [1, 2]), (2, 3)).eval()
    array([1, 5])
    """
    places = [as_tensor(i) for i in multi_index]
    sizes = as_lengths(dims, "ravel_multi_index", len(places))
    made: Any = None
    stride: Any = 1
    for axis in _order(sizes, order, "ravel_multi_index"):
        n = sizes[axis]
        if mode == "raise":  # reading the positions themselves by these makes them checked
            place = OPS["arange"](n)[places[axis]]
        else:
            place = _in_mode(places[axis], n, mode, "ravel_multi_index")
        term = place if isinstance(stride, int) and stride == 1 else OPS["mul"](place, stride)
        made = term if made is None else OPS["add"](term, made)
        stride = stride * n if isinstance(n, int) or isinstance(stride, Variable) else n * stride
    return made


@register
def unravel_index(indices: Any, dims: Any, order: str = "C") -> tuple[Any, ...]:
    """The position in each dimension for a position in the flat array.

    Parameters
    ----------
    indices : integer tensor
        Positions that exist: they are not checked.
    dims : sequence of int and integer scalars, or integer vector
        The shape.
    order : {"C", "F"}

    Examples
    --------
    >>> [v.eval() for v in unravel_index([1, 5], (2, 3))]
    [array([0, 1]), array([1, 2])]
    """
    rest = as_tensor(indices)
    if rest.dtype.startswith(("float", "complex", "bool")):
        raise TypeError(f"unravel_index: positions must be integers; got dtype {rest.dtype}")
    rest = OPS["cast"](rest, "int64") if rest.dtype != "int64" else rest
    sizes = as_lengths(dims, "unravel_index")
    made: dict[int, Any] = {}
    axes = _order(sizes, order, "unravel_index")
    for axis in axes[:-1]:
        made[axis] = OPS["mod"](rest, sizes[axis])
        rest = OPS["floor_div"](rest, sizes[axis])
    if axes:
        made[axes[-1]] = rest
    return tuple(made[axis] for axis in range(len(sizes)))


@register
def permute_row_elements(x: Any, y: Any, inverse: bool = False) -> Any:
    """The elements of each row of ``x`` in the order that the same row of ``y`` gives.

    Parameters
    ----------
    x : tensor
    y : integer tensor
        Rows are permutations; dimensions in front spread.
    inverse : bool
        Undo the permutations instead.

    Examples
    --------
    >>> permute_row_elements([5, 6, 7], [2, 0, 1]).eval()
    array([7, 5, 6])
    """
    x, y = as_tensor(x), as_tensor(y)
    if inverse:
        y = inverse_permutation(y)
    ndim = max(x.ndim, y.ndim)
    x, y = (OPS["shape_padleft"](v, ndim - v.ndim) for v in (x, y))
    return take_along_axis(x, y, -1)


@register
def inverse_permutation(perm: Any) -> Any:
    """The permutation that undoes ``perm``, for each row of a stack.

    >>> inverse_permutation([2, 0, 1]).eval()
    array([1, 2, 0])
    """
    perm = as_tensor(perm)
    if perm.dtype.startswith(("float", "complex", "bool")) or perm.ndim == 0:
        raise TypeError(f"inverse_permutation takes integer vectors; got {perm.type}")
    places = OPS["arange"](size_at(perm, -1))
    index: list[Any] = [
        dimshuffle(
            OPS["arange"](size_at(perm, k)), [0 if j == k else "x" for j in range(perm.ndim)]
        )
        for k in range(perm.ndim - 1)
    ]
    empty = OPS["zeros_like"](perm)
    return OPS["set_subtensor"](empty[(*index, perm)], OPS["cast"](places, perm.dtype))
