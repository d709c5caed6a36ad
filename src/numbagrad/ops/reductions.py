"""Elements combined over axes: sum, product, largest, smallest, their positions, all, any.

What is composed of these (mean, variance, ...) is in ``statistics``.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..graph.registry import OPS, register
from ..graph.tensor import as_tensor
from ..kernels import elementary
from ..testing.samples import data, sample
from .axes import from_last, keep_dims, normalize_axes, to_last
from .dtypes import always, bool_of, first, is_complex, is_continuous, upcast
from .kinds import LINEAR, Reduction

__all__ = [
    "All",
    "Any_",
    "Argmax",
    "Argmin",
    "Max",
    "Min",
    "Prod",
    "Sum",
    "all_",
    "any_",
    "argmax",
    "argmin",
    "max_",
    "max_and_argmax",
    "min_",
    "prod",
    "sum_",
]


def summed(*dtypes: str) -> str:
    """NumPy's dtype of a sum: small integers and truth values become 64-bit integers."""
    dtype = np.dtype(dtypes[0])
    if dtype.kind == "u":
        return "uint64"
    return "int64" if dtype.kind in "bi" else dtype.name


def _spread(g: Any, x: Any, axes: tuple[int, ...]) -> Any:
    """``g`` repeated along ``axes`` to the shape of ``x``."""
    return OPS["second"](x, keep_dims(g, x.ndim, axes))


class _OverAxes(Reduction, abstract=True):
    """A reduction of one array over the static parameter ``axes``, ascending and not empty."""

    __props__ = ("axes",)

    def prepare(self, x: Any) -> list[Any]:
        x = as_tensor(x)
        if not self.axes or normalize_axes(self.axes, x.ndim, str(self)) != self.axes:
            raise ValueError(
                f"{self}: axes must be ascending, from 0 on, and at least one; "
                "the function of the same name takes them in every form"
            )
        return [x]


_SHAPES = [
    sample(data(3, 4), axes=(0,)),
    sample(data(3, 4), axes=(1,)),
    sample(data(3, 4), axes=(0, 1)),
    sample(data(2, 3, 4), axes=(0, 2)),
    sample(data(2, 3, 4), axes=(1,)),
    sample(data(1, 5), axes=(0,)),
    sample(data(5, 1), axes=(0,)),
    sample(data(1), axes=(0,)),
]
_EMPTY = [
    sample(np.zeros((0,)), axes=(0,)),
    sample(np.zeros((0, 3)), axes=(0,)),
    sample(np.zeros((0, 3)), axes=(0, 1)),
]
_NO_ROWS = [sample(np.zeros((0, 3)), axes=(1,))]
_NANS = [
    sample(np.array([[np.nan, 1.0, 2.0], [1.0, np.nan, np.nan]]), axes=(1,), smooth=False),
    sample(np.array([np.inf, 1.0, -np.inf]), axes=(0,), smooth=False),
    sample(np.array([-np.inf, -np.inf]), axes=(0,), smooth=False),
    sample(np.array([np.inf, np.inf]), axes=(0,), smooth=False),
]
_TIES = [
    sample(np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]), axes=(1,), smooth=False),
    sample(np.array([[1.0, 3.0, 3.0], [3.0, 2.0, 2.0]]), axes=(0, 1), smooth=False),
    sample(np.array([0.0, -0.0]), axes=(0,), smooth=False),
]


class Sum(_OverAxes):
    """Sum over ``axes``, accumulated in the dtype of the result.

    >>> Sum(axes=(0,))([[1.0, 2.0], [3.0, 4.0]]).eval()
    array([4., 6.])
    """

    dtype = summed
    samples = _SHAPES + _EMPTY + _NO_ROWS + _NANS
    pushforward = LINEAR

    def identity(dtype):
        return 0

    def combine(acc, x):
        return acc + x

    def reference(x, axes):
        return np.sum(x, axis=axes)

    def pullback(self, gy, y, x):
        return [_spread(gy, x, self.axes)]


class Prod(_OverAxes):
    """Product over ``axes``.

    >>> Prod(axes=(0,))([[1.0, 2.0], [3.0, 4.0]]).eval()
    array([3., 8.])
    """

    dtype = summed
    samples = [
        *_SHAPES,
        *_EMPTY,
        *_NO_ROWS,
        *_NANS,
        sample(np.array([2.0, 0.0, 3.0]), axes=(0,)),
        sample(np.array([[2.0, 0.0, 3.0], [0.0, 1.5, 0.0]]), axes=(1,)),
    ]

    def identity(dtype):
        return 1

    def combine(acc, x):
        return acc * x

    def reference(x, axes):
        return np.prod(x, axis=axes)

    def others(self, x):
        """For each element the product of the others along ``axes``; nothing is divided.

        d(x1···xn) = Σi (x1···x(i-1)) (x(i+1)···xn) dxi: the products of those before times the
        products of those behind, exact with zeros among them.
        """
        rows = to_last(x, self.axes)
        before, behind = OPS["products_before"](rows), OPS["products_behind"](rows)
        return from_last(OPS["mul"](before, behind), x, self.axes)

    def pullback(self, gy, y, x):
        others = self.others(x)
        if is_complex(x.type.dtype):
            others = OPS["conj"](others)
        return [OPS["mul"](keep_dims(gy, x.ndim, self.axes), others)]

    def pushforward(self, tangents, y, x):
        if tangents[0] is None:
            return None
        return Sum(axes=self.axes)(OPS["mul"](tangents[0], self.others(x)))


class _Extreme(_OverAxes, abstract=True):
    """The largest or smallest element; complex numbers have no order here.

    Where several elements tie, each gets an equal share of the derivative. A NaN among the
    elements is the result, and the NaNs count as tied.
    """

    dtype = first
    samples = _SHAPES + _NO_ROWS + _NANS + _TIES

    def prepare(self, x: Any) -> list[Any]:
        (x,) = super().prepare(x)
        if is_complex(x.type.dtype):
            raise TypeError(f"{self}: complex numbers have no order; got dtype {x.type.dtype}")
        return [x]

    def _tied(self, y, x):
        """Which elements equal the result, and how many do, with the reduced dimensions kept."""
        tied = OPS["eq"](x, keep_dims(y, x.ndim, self.axes))
        if is_continuous(x.type.dtype):
            tied = OPS["or"](tied, OPS["isnan"](x))
        number = Sum(axes=self.axes)(OPS["cast"](tied, "int64"))
        number = OPS["maximum"](number, 1)  # where nothing is allowed, nothing is divided by 0
        return tied, OPS["cast"](number, y.type.dtype)

    def pullback(self, gy, y, x):
        tied, number = self._tied(y, x)
        share = OPS["true_div"](gy, number)
        return [OPS["masked"](tied, _spread(share, x, self.axes))]

    def pushforward(self, tangents, y, x):
        if tangents[0] is None:
            return None
        tied, number = self._tied(y, x)
        return OPS["true_div"](Sum(axes=self.axes)(OPS["masked"](tied, tangents[0])), number)


class Max(_Extreme):
    """Largest element over ``axes``.

    >>> Max(axes=(1,))([[1.0, 2.0], [4.0, 3.0]]).eval()
    array([2., 4.])
    """

    nonempty: ClassVar[str | None] = "max of an empty array: there is no largest element"

    def identity(dtype):
        return _lowest(dtype)

    def combine(acc, x):
        return elementary.maximum(acc, x)  # which LLVM knows how to do in vectors

    def reference(x, axes):
        return np.max(x, axis=axes)


class Min(_Extreme):
    """Smallest element over ``axes``.

    >>> Min(axes=(1,))([[1.0, 2.0], [4.0, 3.0]]).eval()
    array([1., 3.])
    """

    nonempty = "min of an empty array: there is no smallest element"

    def identity(dtype):
        return _highest(dtype)

    def combine(acc, x):
        return elementary.minimum(acc, x)

    def reference(x, axes):
        return np.min(x, axis=axes)


def _lowest(dtype: Any) -> Any:
    """The number below all others of a dtype."""
    kind = np.dtype(dtype).kind
    if kind == "f":
        return -np.inf
    return False if kind == "b" else int(np.iinfo(dtype).min)


def _highest(dtype: Any) -> Any:
    """The number above all others of a dtype."""
    kind = np.dtype(dtype).kind
    if kind == "f":
        return np.inf
    return True if kind == "b" else int(np.iinfo(dtype).max)


class _Position(_OverAxes, abstract=True):
    """Where the extreme element stands: its position in C order over ``axes``, the first if tied.

    A NaN counts as the extreme.
    """

    dtype = always("int64")
    samples = _SHAPES + _NO_ROWS + _NANS + _TIES
    no_derivative = "a position is an integer, constant wherever it does not jump"

    def prepare(self, x: Any) -> list[Any]:
        (x,) = super().prepare(x)
        if is_complex(x.type.dtype):
            raise TypeError(f"{self}: complex numbers have no order; got dtype {x.type.dtype}")
        return [x]

    def combine(acc, x):
        return acc

    def connection_pattern(self, node):
        return [[False]]

    def pullback(self, gy, y, x):
        return [None]

    def pushforward(self, tangents, y, x):
        return None


def _flat_last(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    moved = np.moveaxis(x, axes, range(x.ndim - len(axes), x.ndim))
    kept = moved.shape[: x.ndim - len(axes)]
    return moved.reshape(*kept, int(np.prod(moved.shape[len(kept) :])))


class Argmax(_Position):
    """Position of the largest element over ``axes``.

    >>> Argmax(axes=(1,))([[1.0, 2.0], [4.0, 3.0]]).eval()
    array([1, 0])
    """

    nonempty = "argmax of an empty array: there is no largest element"

    def identity(dtype):
        return _lowest(dtype)

    def better(x, best):
        return x > best or (x != x and best == best)

    def reference(x, axes):
        return np.argmax(_flat_last(x, axes), axis=-1)


class Argmin(_Position):
    """Position of the smallest element over ``axes``.

    >>> Argmin(axes=(1,))([[1.0, 2.0], [4.0, 3.0]]).eval()
    array([0, 1])
    """

    nonempty = "argmin of an empty array: there is no smallest element"

    def identity(dtype):
        return _highest(dtype)

    def better(x, best):
        return x < best or (x != x and best == best)

    def reference(x, axes):
        return np.argmin(_flat_last(x, axes), axis=-1)


class _Truth(_OverAxes, abstract=True):
    """A combination of truth values; the functions `all_` and `any_` take every dtype."""

    dtype = bool_of
    no_derivative = "a truth value is constant wherever it does not jump"
    samples = [
        sample(np.array([[True, False, True], [True, True, True]]), axes=(1,)),
        sample(np.array([[True, False, True], [False, False, True]]), axes=(0,)),
        sample(np.array([[True, True], [False, False]]), axes=(0, 1)),
        sample(np.array([False]), axes=(0,)),
        sample(np.zeros((0, 2), bool), axes=(0,)),
        sample(np.zeros((0, 2), bool), axes=(1,)),
    ]

    def prepare(self, x: Any) -> list[Any]:
        (x,) = super().prepare(x)
        if x.type.dtype != "bool":
            raise TypeError(f"{self} combines truth values; got dtype {x.type.dtype}")
        return [x]

    def connection_pattern(self, node):
        return [[False]]

    def pullback(self, gy, y, x):
        return [None]

    def pushforward(self, tangents, y, x):
        return None


class All(_Truth):
    """Whether all elements over ``axes`` are true.

    >>> All(axes=(1,))([[True, False], [True, True]]).eval()
    array([False,  True])
    """

    def identity(dtype):
        return True

    def combine(acc, x):
        return acc & x

    def reference(x, axes):
        return np.all(x, axis=axes)


class Any_(_Truth):
    """Whether any element over ``axes`` is true.

    >>> Any_(axes=(1,))([[True, False], [False, False]]).eval()
    array([ True, False])
    """

    def identity(dtype):
        return False

    def combine(acc, x):
        return acc | x

    def reference(x, axes):
        return np.any(x, axis=axes)


# -- the functions ------------------------------------------------------------------------------


def _cast(x: Any, dtype: str) -> Any:
    return x if x.type.dtype == dtype else OPS["cast"](x, dtype)


def accumulation_dtype(dtype: str) -> str:
    """The dtype in which sums of ``dtype`` are accumulated."""
    return {"float32": "float64", "complex64": "complex128"}.get(dtype) or summed(dtype)


def _reduce(op: Any, x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """Apply ``op`` over ``axes``; over no axes an element stands for itself."""
    if not axes:
        return x
    made = op(axes=axes)(x)
    return keep_dims(made, x.ndim, axes) if keepdims else made


def _accumulate(
    op: Any, name: str, x: Any, axis: Any, dtype: Any, keepdims: bool, acc_dtype: Any
) -> Any:
    """Cast, combine, cast back; the casts are elementwise and join the loop of the sum."""
    x = as_tensor(x)
    axes = normalize_axes(axis, x.ndim, name)
    result = summed(x.type.dtype) if dtype is None else np.dtype(dtype).name
    if not np.can_cast(x.type.dtype, result, "same_kind"):
        raise TypeError(
            f"{name}: {x.type.dtype} can not be summed up as dtype={result!r}; cast it first"
        )
    if acc_dtype is None:
        accumulator = upcast(accumulation_dtype(x.type.dtype), result)
    else:
        accumulator = np.dtype(acc_dtype).name
    made = _reduce(op, _cast(x, accumulator), axes, keepdims)
    return _cast(made, result)


@register
def sum_(
    x: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False, acc_dtype: Any = None
) -> Any:
    """Sum over ``axis``, as `numpy.sum`.

    Parameters
    ----------
    x : array_like or TensorVariable
        Of any shape and dtype.
    axis : int, tuple of int, or None
        What to sum over; everything by default.
    dtype : str, optional
        Of the result; by default that of ``x``, and int64 or uint64 for small integers.
    keepdims : bool
        Keep the summed dimensions with size 1.
    acc_dtype : str, optional
        What is accumulated in: float64 for float32, complex128 for complex64, unless given.

    Raises
    ------
    ValueError
        If an axis does not exist or is named twice.
    TypeError
        If ``dtype`` is of a lower kind than that of ``x``.

    Examples
    --------
    >>> sum_([[1.0, 2.0], [3.0, 4.0]], axis=0).eval()
    array([4., 6.])
    """
    return _accumulate(Sum, "sum", x, axis, dtype, keepdims, acc_dtype)


@register
def prod(
    x: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    acc_dtype: Any = None,
    no_zeros_in_input: bool = False,
) -> Any:
    """Product over ``axis``, as `numpy.prod`; derivatives are exact with zeros in ``x``.

    Parameters are those of `sum_`; ``no_zeros_in_input`` is accepted and not needed.

    >>> prod([[1.0, 2.0], [3.0, 4.0]], axis=0).eval()
    array([3., 8.])
    """
    return _accumulate(Prod, "prod", x, axis, dtype, keepdims, acc_dtype)


@register
def max_(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Largest element over ``axis``, as `numpy.max`: NaN if there is one.

    Tied elements share the derivative equally.

    Raises
    ------
    TypeError
        If ``x`` is complex.
    ValueError
        If an axis does not exist; when computing, if there are no elements.

    Examples
    --------
    >>> max_([[1.0, 2.0], [4.0, 3.0]], axis=1).eval()
    array([2., 4.])
    """
    x = as_tensor(x)
    return _reduce(Max, x, normalize_axes(axis, x.ndim, "max"), keepdims)


@register
def min_(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Smallest element over ``axis``, as `numpy.min`; see `max_`.

    >>> min_([[1.0, 2.0], [4.0, 3.0]], axis=1).eval()
    array([1., 3.])
    """
    x = as_tensor(x)
    return _reduce(Min, x, normalize_axes(axis, x.ndim, "min"), keepdims)


def _position(op: Any, name: str, x: Any, axis: Any, keepdims: bool) -> Any:
    x = as_tensor(x)
    axes = normalize_axes(axis, x.ndim, name)
    return _reduce(op, x, axes, keepdims) if axes else OPS["zeros_like"](x, dtype="int64")


@register
def argmax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Position of the largest element over ``axis``, the first of several, as `numpy.argmax`.

    Parameters
    ----------
    x : array_like or TensorVariable
        Of integers or floats; a NaN counts as the largest.
    axis : int, tuple of int, or None
        Several axes count as one, flattened in C order.
    keepdims : bool
        Keep the reduced dimensions with size 1.

    Returns
    -------
    TensorVariable
        Of dtype int64.

    Examples
    --------
    >>> argmax([[1.0, 2.0], [4.0, 3.0]]).eval()
    array(2)
    """
    return _position(Argmax, "argmax", x, axis, keepdims)


@register
def argmin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Position of the smallest element over ``axis``, as `numpy.argmin`; see `argmax`.

    >>> argmin([[1.0, 2.0], [4.0, 3.0]], axis=0).eval()
    array([0, 0])
    """
    return _position(Argmin, "argmin", x, axis, keepdims)


@register
def max_and_argmax(a: Any, axis: Any = None, keepdims: bool = False) -> tuple[Any, Any]:
    """The largest element over ``axis`` and its position.

    >>> [v.eval() for v in max_and_argmax([1.0, 5.0, 3.0])]
    [array(5.), array(1)]
    """
    return max_(a, axis, keepdims), argmax(a, axis, keepdims)


def _truth(op: Any, name: str, x: Any, axis: Any, keepdims: bool) -> Any:
    x = as_tensor(x)
    truth = x if x.type.dtype == "bool" else OPS["neq"](x, 0)
    return _reduce(op, truth, normalize_axes(axis, x.ndim, name), keepdims)


@register
def all_(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether all elements over ``axis`` are not zero, as `numpy.all`; true of none.

    >>> all_([[1, 0], [2, 3]], axis=1).eval()
    array([False,  True])
    """
    return _truth(All, "all", x, axis, keepdims)


@register
def any_(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether any element over ``axis`` is not zero, as `numpy.any`; false of none.

    >>> any_([[1, 0], [0, 0]], axis=1).eval()
    array([ True, False])
    """
    return _truth(Any_, "any", x, axis, keepdims)
