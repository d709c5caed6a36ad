"""Mean, variance, median and other figures, composed of reductions; and counting into bins."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph.registry import OPS, register
from ..graph.tensor import as_tensor, constant
from ..testing.samples import data, sample
from .axes import count, normalize_axes, to_last
from .checks import Check
from .dtypes import is_complex, is_continuous, is_discrete, quotient_of, real_of, upcast
from .kinds import Scatter
from .products import conjugate
from .reductions import accumulation_dtype, max_, min_, sum_
from .sizes import largest, size_at

__all__ = ["BinCount", "bincount", "cov", "mean", "median", "ptp", "std", "var"]


def _cast(x: Any, dtype: str) -> Any:
    return x if x.type.dtype == dtype else OPS["cast"](x, dtype)


def _divided(total: Any, number: Any) -> Any:
    """``total`` divided by a count, in the dtype of ``total``."""
    if not isinstance(number, int):
        number = OPS["cast"](number, real_of(total.type.dtype))
    return OPS["true_div"](total, number)


@register
def mean(
    x: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False, acc_dtype: Any = None
) -> Any:
    """Arithmetic mean over ``axis``, as `numpy.mean`; NaN of nothing.

    Parameters
    ----------
    x : array_like or TensorVariable
    axis : int, tuple of int, or None
        Everything by default.
    dtype : str, optional
        Of the result; by default that of ``x``, float64 for integers.
    keepdims : bool
        Keep the reduced dimensions with size 1.
    acc_dtype : str, optional
        What is accumulated in; float64 for float32, unless given.

    Raises
    ------
    TypeError
        If ``dtype`` is one of integers.

    Examples
    --------
    >>> mean([[1.0, 2.0], [3.0, 4.0]], axis=0).eval()
    array([2., 3.])
    """
    x = as_tensor(x)
    axes = normalize_axes(axis, x.ndim, "mean")
    result = quotient_of(x.type.dtype) if dtype is None else np.dtype(dtype).name
    if is_discrete(result):
        raise TypeError(f"mean: dtype must be one of floats or complex numbers; got {result!r}")
    if acc_dtype is None:
        acc_dtype = upcast(accumulation_dtype(quotient_of(x.type.dtype)), result)
    total = sum_(_cast(x, np.dtype(acc_dtype).name), axes, acc_dtype, keepdims, acc_dtype)
    return _cast(_divided(total, count(x, axes)), result)


def _variance(x: Any, axis: Any, ddof: int, keepdims: bool, corrected: bool, name: str) -> Any:
    """The variance in the dtype it is accumulated in."""
    axes = normalize_axes(axis, x.ndim, name)
    x = _cast(x, accumulation_dtype(quotient_of(x.type.dtype)))
    number = count(x, axes)
    deviation = OPS["sub"](x, mean(x, axes, keepdims=True))
    if is_complex(x.type.dtype):
        squares = OPS["add"](OPS["sqr"](OPS["real"](deviation)), OPS["sqr"](OPS["imag"](deviation)))
    else:
        squares = OPS["sqr"](deviation)
    total = sum_(squares, axes, keepdims=keepdims)
    if corrected:
        # What rounding left of the sum of deviations is taken off again.
        rest = sum_(deviation, axes, keepdims=keepdims)
        square = (
            OPS["real"](OPS["mul"](rest, conjugate(rest)))
            if is_complex(rest.dtype)
            else (OPS["sqr"](rest))
        )
        total = OPS["sub"](total, _divided(square, number))
    freedom = number if ddof == 0 else largest(number - ddof, 0)
    return _divided(total, freedom)


@register
def var(
    x: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False, corrected: bool = False
) -> Any:
    """Variance over ``axis``, as `numpy.var`: the mean is subtracted before squaring.

    Parameters
    ----------
    x : array_like or TensorVariable
    axis : int, tuple of int, or None
        Everything by default.
    ddof : int
        The sum of squares of ``n`` elements is divided by ``n - ddof``.
    keepdims : bool
        Keep the reduced dimensions with size 1.
    corrected : bool
        Subtract the rounding error of the mean (the corrected two-pass algorithm of T. Chan,
        G. Golub and R. LeVeque, 1983).

    Examples
    --------
    >>> var([1.0, 2.0, 3.0, 4.0]).eval()
    array(1.25)
    """
    x = as_tensor(x)
    made = _variance(x, axis, ddof, keepdims, corrected, "var")
    return _cast(made, real_of(quotient_of(x.type.dtype)))


@register
def std(
    x: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False, corrected: bool = False
) -> Any:
    """Standard deviation over ``axis``, the square root of `var`, as `numpy.std`.

    >>> std([1.0, 3.0]).eval()
    array(1.)
    """
    x = as_tensor(x)
    made = OPS["sqrt"](_variance(x, axis, ddof, keepdims, corrected, "std"))
    return _cast(made, real_of(quotient_of(x.type.dtype)))


@register
def median(x: Any, axis: Any = None) -> Any:
    """The middle of the sorted elements over ``axis``, as `numpy.median`; NaN if there is one.

    Of an even number of elements it is the mean of the two in the middle.

    Raises
    ------
    IndexError
        When computing, if there are no elements.

    Examples
    --------
    >>> median([3.0, 1.0, 2.0, 10.0]).eval()
    array(2.5)
    """
    x = as_tensor(x)
    axes = normalize_axes(axis, x.ndim, "median")
    x = _cast(x, quotient_of(x.type.dtype))
    if not axes:
        return x
    rows = OPS["sort"](to_last(x, axes), -1)
    number = size_at(rows, rows.ndim - 1)
    low, high, last = (rows[..., k] for k in ((number - 1) // 2, number // 2, -1))
    middle = OPS["mul"](0.5, OPS["add"](low, high))
    return OPS["switch"](OPS["isnan"](last), last, middle)


@register
def ptp(a: Any, axis: Any = None) -> Any:
    """Largest minus smallest element over ``axis``, as `numpy.ptp`.

    >>> ptp([3.0, 1.0, 7.0]).eval()
    array(6.)
    """
    return OPS["sub"](max_(a, axis), min_(a, axis))


@register
def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
) -> Any:
    """Covariance matrix, as `numpy.cov`.

    Parameters
    ----------
    m : array_like or TensorVariable
        Variables in the rows and observations in the columns, or a vector of observations.
    y : array_like or TensorVariable, optional
        Further variables in the same form.
    rowvar : bool
        ``False`` says that variables are in the columns.
    bias : bool
        Divide by ``n`` instead of ``n - 1``, unless ``ddof`` is given.
    ddof : int, optional
        Divide by ``n - ddof``.
    fweights, aweights : array_like or TensorVariable, optional
        How often each observation occurred, and how much each counts.

    Raises
    ------
    ValueError
        If ``m`` has more than two dimensions, a weight is no vector, or ``ddof`` no integer.

    Examples
    --------
    >>> cov([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]).eval()
    array([[ 1., -1.],
           [-1.,  1.]])
    """
    if ddof is not None and ddof != int(ddof):
        raise ValueError(f"cov: ddof must be an integer; got {ddof!r}")
    x = _as_rows(m, rowvar)
    if y is not None:
        x = OPS["join"](0, x, _as_rows(y, rowvar))
    x = _cast(x, quotient_of(x.type.dtype))
    if ddof is None:
        ddof = 0 if bias else 1
    weights, total, lost = _weights(x, fweights, aweights, ddof)
    if weights is None:
        centre, weighted = mean(x, 1, keepdims=True), None
    else:
        row = OPS["dimshuffle"](weights, ["x", 0])
        centre = OPS["true_div"](sum_(OPS["mul"](x, row), 1, keepdims=True), total)
        weighted = row
    deviation = OPS["sub"](x, centre)
    other = deviation if weighted is None else OPS["mul"](deviation, weighted)
    made = OPS["dot"](deviation, OPS["transpose"](conjugate(other)))
    freedom = largest(total - lost, 0) if weights is None else OPS["maximum"](total - lost, 0.0)
    made = _divided(made, freedom)
    return OPS["squeeze"](made) if made.type.shape == (1, 1) else made


def _as_rows(m: Any, rowvar: bool) -> Any:
    m = as_tensor(m)
    if m.ndim > 2:
        raise ValueError(f"cov: at most 2 dimensions are allowed; got {m.ndim}")
    if m.ndim < 2:
        return OPS["dimshuffle"](m, ["x"] * (2 - m.ndim) + list(range(m.ndim)))
    return m if rowvar or m.type.shape[0] == 1 else OPS["transpose"](m)


def _weights(x: Any, fweights: Any, aweights: Any, ddof: int) -> tuple[Any, Any, Any]:
    """The weight of each observation, their sum, and what is taken off it in the divisor."""
    given = {"fweights": fweights, "aweights": aweights}
    made = {k: as_tensor(w) for k, w in given.items() if w is not None}
    for name, w in made.items():
        if w.ndim != 1:
            raise ValueError(f"cov: {name} must be a vector; it has {w.ndim} dimensions")
    if not made:
        return None, size_at(x, 1), ddof
    dtype = real_of(x.type.dtype)
    made = {k: _cast(w, dtype) for k, w in made.items()}
    weights = OPS["mul"](*made.values()) if len(made) == 2 else next(iter(made.values()))
    total = sum_(weights)
    if ddof == 0 or aweights is None:
        return weights, total, ddof
    squares = sum_(OPS["mul"](weights, made["aweights"]))
    return weights, total, OPS["true_div"](OPS["mul"](ddof, squares), total)


class BinCount(Scatter):
    """``base`` with ``weights[i]`` added at ``places[i]``, which must not be negative.

    >>> BinCount()([0.0, 0.0, 0.0], [1.0, 2.0, 5.0], [2, 0, 2]).eval()
    array([2., 0., 6.])
    """

    samples = [
        sample(np.zeros(4), data(6), np.array([0, 3, 3, 1, 0, 0])),
        sample(data(2), data(3), np.array([0, 1, 1])),
        sample(data(3), np.zeros(0), np.zeros(0, np.int64)),
    ]

    @property
    def accumulates(self):
        return True

    def reference(base, weights, places):
        if np.any(places < 0) or np.any(places >= base.size):
            raise ValueError(BinCount.message)
        made = base.copy()
        np.add.at(made, places, weights)
        return made

    message = "bincount: the places must not be negative"

    def prepare(self, base, weights, places):
        return [as_tensor(v) for v in (base, weights, places)]

    def region(self, shapes, *inputs):
        return shapes[2]

    def target(self, index, read, sizes):
        return (read(2, index),)

    def checks(self, *inputs):
        return [
            Check(2, lambda index, read, sizes: read(2, index) >= 0, ValueError, self.message),
            Check(
                2,
                lambda index, read, sizes: read(2, index) < sizes(0)[0],
                ValueError,
                "bincount: a place lies behind the last bin",
            ),
        ]

    def pullback(self, gy, y, base, weights, places):
        there = OPS["take"](gy, places, axis=0)
        return [gy, OPS["unbroadcast"](there, weights), None]

    def connection_pattern(self, node):
        return [[True], [True], [False]]


@register
def bincount(
    x: Any, weights: Any = None, minlength: int | None = None, assert_nonneg: bool = False
) -> Any:
    """How often each of 0, 1, 2, ... occurs in ``x``, as `numpy.bincount`.

    Parameters
    ----------
    x : array_like or TensorVariable
        A vector of integers that are not negative.
    weights : array_like or TensorVariable, optional
        What each element adds to its bin; 1 by default.
    minlength : int, optional
        The least number of bins; else there are as many as the largest element needs.
    assert_nonneg : bool
        Accepted as in PyTensor; negative elements are always an error.

    Returns
    -------
    TensorVariable
        Of int64, or of the dtype of ``weights`` (float64 if that is one of integers).

    Raises
    ------
    TypeError
        If ``x`` is no vector of integers.
    ValueError
        When computing, if an element is negative.

    Examples
    --------
    >>> bincount([1, 3, 1]).eval()
    array([0, 2, 0, 1])
    """
    x = as_tensor(x)
    if x.ndim != 1 or is_continuous(x.type.dtype) or x.type.dtype == "bool":
        raise TypeError(f"bincount: x must be a vector of integers; got {x.type}")
    x = _cast(x, "int64")
    least = 0 if minlength is None else int(minlength)
    if least < 0:
        raise ValueError(f"bincount: minlength must not be negative; got {minlength!r}")
    bins = max_(OPS["join"](0, x, constant(np.array([least - 1])))) + 1
    if weights is None:
        added = constant(np.ones(1, np.int64))
    else:
        added = as_tensor(weights)
        added = _cast(added, quotient_of(added.type.dtype))
    return BinCount()(OPS["alloc"](constant(0, dtype=added.type.dtype), bins), added, x)
