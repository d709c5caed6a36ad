"""Sorting along an axis and searching in sorted vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph.registry import OPS, register
from ..graph.tensor import as_tensor
from ..kernels import sorting
from ..testing.samples import data, sample
from .axes import from_last, normalize_axis, to_last
from .dtypes import always, first, is_complex, upcast
from .kinds import Block

__all__ = ["Argsort", "SearchSorted", "Sort", "argsort", "searchsorted", "sort"]

_SAMPLES = [
    sample(data(7)),
    sample(data(1)),
    sample(np.zeros(0)),
    sample(data(2, 5)),
    sample(np.array([2.0, 1.0, 2.0, 1.0, 1.0, 0.0, -0.0]), smooth=False),
    sample(np.array([np.nan, 1.0, np.inf, np.nan, -np.inf]), smooth=False),
    sample(np.round(data(40, seed=5)), smooth=False),
]


class Sort(Block):
    """The elements in ascending order along the last dimension, NaN last.

    >>> Sort()([3.0, 1.0, 2.0]).eval()
    array([1., 2., 3.])
    """

    dtype = first
    signature = "(n)->(n)"
    samples = _SAMPLES

    def template(x):
        return sorting.sort(x)

    def reference(x):
        return np.sort(x, kind="stable")

    # y[i] = x[p[i]] with the stable order p. Forward takes by p, reverse by its inverse: the same
    # permutation at ties, so the two are adjoint there too.
    def pullback(self, gy, y, x):
        places = OPS["inverse_permutation"](argsort_last(x))
        return [OPS["take_along_axis"](gy, places, -1)]

    def pushforward(self, tangents, y, x):
        if tangents[0] is None:
            return None
        return OPS["take_along_axis"](tangents[0], argsort_last(x), -1)


class Argsort(Block):
    """The positions that sort the last dimension, NaN last; equal elements keep their order.

    >>> Argsort()([3.0, 1.0, 2.0]).eval()
    array([1, 2, 0])
    """

    dtype = always("int64")
    signature = "(n)->(n)"
    no_derivative = "a position is an integer, constant wherever it does not jump"
    samples = _SAMPLES

    def argument_dtypes(self, inputs, output):
        return [inputs[0].type.dtype]

    def template(x):
        return sorting.argsort(x)

    def reference(x):
        return np.argsort(x, kind="stable")

    def connection_pattern(self, node):
        return [[False]]

    def pullback(self, gy, y, x):
        return [None]

    def pushforward(self, tangents, y, x):
        return None


sort_last, argsort_last = Sort(), Argsort()


class SearchSorted(Block):
    """Where each of ``v`` would be inserted into the sorted vector ``x``.

    ``right`` says behind equal elements, else before them; a NaN stands behind all numbers.

    >>> SearchSorted(right=False)([1.0, 2.0, 3.0], [2.0, 2.5]).eval()
    array([1, 2])
    """

    __props__ = ("right",)
    dtype = always("int64")
    signature = "(n),(m)->(m)"
    no_derivative = "a position is an integer, constant wherever it does not jump"
    samples = [
        sample(x, v, right=right, smooth=False)
        for right in (False, True)
        for x, v in [
            (np.sort(data(9)), data(6, seed=5)),
            (np.array([1.0, 2.0, 2.0, 3.0]), np.array([2.0, 0.0, 9.0, 1.0, np.nan, np.inf])),
            (np.array([1.0, np.nan, np.nan]), np.array([np.nan, 2.0])),
            (np.zeros(0), np.array([1.0])),
            (np.array([1.0]), np.zeros(0)),
        ]
    ]

    def prepare(self, x: Any, v: Any) -> list[Any]:
        variables = super().prepare(x, v)
        if any(is_complex(u.type.dtype) for u in variables):
            raise TypeError("searchsorted: complex numbers are not searched; take a real part")
        return variables

    def argument_dtypes(self, inputs, output):
        return [upcast(*(v.type.dtype for v in inputs))] * 2

    def template(x, v, right):
        y = np.empty(v.size, np.int64)
        for k in range(v.size):
            value = v[k]
            low, high = 0, x.size
            while low < high:
                middle = (low + high) // 2
                if right:
                    # x <= value, where NaN counts as the largest
                    before = x[middle] <= value or value != value
                else:
                    before = x[middle] < value or (value != value and x[middle] == x[middle])
                if before:
                    low = middle + 1
                else:
                    high = middle
            y[k] = low
        return y

    def reference(x, v, right):
        return np.searchsorted(x, v, side="right" if right else "left")

    def connection_pattern(self, node):
        return [[False], [False]]

    def pullback(self, gy, y, x, v):
        return [None, None]

    def pushforward(self, tangents, y, x, v):
        return None


# -- the functions ------------------------------------------------------------------------------


def _sorted(op: Any, name: str, a: Any, axis: Any, kind: Any, order: Any) -> Any:
    if order is not None:
        raise ValueError(f"{name}: order is for arrays with fields, which tensors are not")
    if kind not in (None, "quicksort", "mergesort", "heapsort", "stable"):
        raise ValueError(
            f"{name}: kind must be 'quicksort', 'mergesort', 'heapsort' or 'stable'; got {kind!r}"
        )
    a = as_tensor(a)
    if axis is None:
        return op(a if a.ndim == 1 else OPS["flatten"](a, 1))
    axes = (normalize_axis(axis, a.ndim, name),)
    return from_last(op(to_last(a, axes)), a, axes)


@register
def sort(
    a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: bool | None = None
) -> Any:
    """The elements in ascending order along ``axis``, NaN last, as `numpy.sort`.

    Parameters
    ----------
    a : array_like or TensorVariable
    axis : int, optional
        ``None`` flattens first.
    kind, stable
        Accepted as in NumPy; sorting is always stable.
    order : None
        Accepted as in NumPy; tensors have no fields.

    Raises
    ------
    ValueError
        If ``axis`` does not exist, for an unknown ``kind``, or if ``order`` is given.

    Examples
    --------
    >>> sort([[3.0, 1.0], [0.0, 2.0]], axis=0).eval()
    array([[0., 1.],
           [3., 2.]])
    """
    return _sorted(sort_last, "sort", a, axis, kind, order)


@register
def argsort(
    a: Any, axis: Any = -1, kind: Any = None, order: Any = None, stable: bool | None = None
) -> Any:
    """The positions that would sort along ``axis``, as `numpy.argsort` with ``kind="stable"``.

    >>> argsort([3.0, 1.0, 2.0]).eval()
    array([1, 2, 0])
    """
    return _sorted(argsort_last, "argsort", a, axis, kind, order)


@register
def searchsorted(x: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    """Where the elements of ``v`` would be inserted into the sorted ``x``, as NumPy's.

    Parameters
    ----------
    x : array_like or TensorVariable
        A vector in ascending order, or in the order that ``sorter`` gives it.
    v : array_like or TensorVariable
        Of any shape, which is that of the result.
    side : {"left", "right"}
        Before or behind elements that are equal.
    sorter : optional
        Positions that sort ``x``.

    Raises
    ------
    ValueError
        If ``x`` is no vector or ``side`` is neither word.
    TypeError
        For complex numbers.

    Examples
    --------
    >>> searchsorted([1.0, 2.0, 3.0], [2.0, 2.5]).eval()
    array([1, 2])
    """
    x, v = as_tensor(x), as_tensor(v)
    if x.ndim != 1:
        raise ValueError(f"searchsorted: x must be a vector; it has {x.ndim} dimensions")
    if side not in ("left", "right"):
        raise ValueError(f"searchsorted: side must be 'left' or 'right'; got {side!r}")
    if sorter is not None:
        x = OPS["take"](x, sorter, axis=0)
    axes = tuple(range(v.ndim))
    flat = to_last(v, axes) if v.ndim else OPS["dimshuffle"](v, ["x"])
    made = SearchSorted(right=side == "right")(x, flat)
    return from_last(made, v, axes) if v.ndim else OPS["dimshuffle"](made, [])
