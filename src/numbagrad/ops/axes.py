"""What functions over axes share: checking axes, keeping or moving dimensions, counting elements.

No Op is defined here.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..graph.basic import Constant, Variable
from ..graph.registry import OPS
from .sizes import product, size_at

__all__ = [
    "count",
    "from_last",
    "inverse_order",
    "keep_dims",
    "normalize_axes",
    "normalize_axis",
    "to_last",
]


def normalize_axis(axis: Any, ndim: int, name: str) -> int:
    """``axis`` counted from the front.

    Raises
    ------
    numpy.exceptions.AxisError
        A ValueError and an IndexError: there is no such axis.
    TypeError
        If it is no integer.
    """
    if isinstance(axis, Constant):
        axis = axis.data[()]
    if isinstance(axis, Variable):
        raise TypeError(f"{name}: an axis must be known when the graph is built; got {axis!r}")
    try:
        number = operator.index(axis)
    except TypeError:
        raise TypeError(
            f"{name}: axis must be None, an integer or a tuple of integers; got {axis!r}"
        ) from None
    if not -ndim <= number < ndim:
        raise np.exceptions.AxisError(
            f"{name}: axis {number} is out of range for an array of {ndim} dimensions"
        )
    return number % ndim


def normalize_axes(axis: Any, ndim: int, name: str) -> tuple[int, ...]:
    """All axes that ``axis`` stands for, counted from the front, in ascending order.

    >>> normalize_axes(None, 2, "sum"), normalize_axes((-1, 0), 3, "sum")
    ((0, 1), (0, 2))

    Raises
    ------
    ValueError
        If an axis does not exist (`numpy.exceptions.AxisError`) or stands there twice.
    """
    if isinstance(axis, Constant):
        axis = axis.data.tolist()
    if axis is None:
        return tuple(range(ndim))
    if isinstance(axis, np.ndarray):
        axis = axis.tolist()
    given = axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = sorted(normalize_axis(a, ndim, name) for a in given)
    for a, b in pairwise(axes):
        if a == b:
            raise ValueError(
                f"{name}: axis {a} is named twice in axis={axis!r} "
                f"(the array has {ndim} dimensions)"
            )
    return tuple(axes)


def keep_dims(reduced: Any, ndim: int, axes: Sequence[int]) -> Any:
    """``reduced`` with dimensions of size 1 where ``axes`` of an array of ``ndim`` were removed."""
    kept = iter(range(ndim))
    pattern = ["x" if k in axes else next(kept) for k in range(ndim)]
    return OPS["dimshuffle"](reduced, pattern) if axes else reduced


def count(x: Any, axes: Sequence[int]) -> Any:
    """How many elements of ``x`` lie along ``axes``: an int where it is known."""
    return product(size_at(x, axis) for axis in axes)


def inverse_order(order: Sequence[int]) -> list[int]:
    """The permutation that undoes ``order``."""
    return [int(k) for k in np.argsort(order)]


def to_last(x: Any, axes: Sequence[int]) -> Any:
    """``x`` with ``axes`` flattened, in C order, into one last dimension."""
    kept = [k for k in range(x.ndim) if k not in axes]
    order = kept + list(axes)
    moved = x if order == list(range(x.ndim)) else OPS["dimshuffle"](x, order)
    if len(axes) == 1:
        return moved
    sizes = [size_at(x, k) for k in kept] + [count(x, axes)]
    return OPS["reshape"](moved, sizes, ndim=len(sizes))


def from_last(made: Any, x: Any, axes: Sequence[int]) -> Any:
    """The inverse of `to_last` for an array made from ``to_last(x, axes)``."""
    kept = [k for k in range(x.ndim) if k not in axes]
    order = kept + list(axes)
    if len(axes) != 1:
        made = OPS["reshape"](made, [size_at(x, k) for k in order], ndim=x.ndim)
    return made if order == list(range(x.ndim)) else OPS["dimshuffle"](made, inverse_order(order))
