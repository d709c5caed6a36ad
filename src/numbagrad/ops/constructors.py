"""Arrays made from numbers: arange, full, eye, tri, linspace, grids; diagonals read and written.

Arrays of the shape of another (``zeros_like``) are in ``structure``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..config import config
from ..errors import ShapeError
from ..graph.basic import Constant, Variable
from ..graph.registry import OPS, register
from ..graph.tensor import as_tensor, constant
from ..testing.samples import sample
from .dtypes import always, convert_together
from .kinds import LINEAR, View, size_of
from .sizes import as_length, as_lengths, as_scalar, largest, size_at
from .structure import alloc, dimshuffle

__all__ = [
    "Iota",
    "arange",
    "empty",
    "eye",
    "full",
    "geomspace",
    "identity_like",
    "linspace",
    "logspace",
    "mgrid",
    "ogrid",
    "ones",
    "tri",
    "tril",
    "tril_indices",
    "tril_indices_from",
    "triu",
    "triu_indices",
    "triu_indices_from",
    "zeros",
]


class Iota(View):
    """The integers from 0 up to, but without, a scalar that is not negative."""

    __props__ = ()
    dtype = always("int64")
    pushforward = LINEAR
    samples = [sample(np.int64(4)), sample(np.int64(0)), sample(np.int64(1))]

    def reference(n):
        return np.arange(int(n))

    def sizes(self, shapes, n):
        return (size_of(n),)

    def element(self, index, read, sizes):
        return index[0]

    def connection_pattern(self, node):
        return [[False]]

    def pullback(self, gy, y, n):
        return [None]


def _dtype(dtype: Any) -> str:
    if dtype is None or (isinstance(dtype, str) and dtype == "floatX"):
        return config.floatX
    return np.dtype(dtype).name


@register
def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Any:
    """Numbers from ``start`` up to, but without, ``stop`` in equal steps.

    Parameters
    ----------
    start, stop, step : scalar
        With one argument it is ``stop``, and ``start`` is 0.
    dtype : str, optional
        By default the common one of the arguments.

    Raises
    ------
    TypeError
        If an argument is no real scalar.
    ValueError
        If ``step`` is known to be 0.

    Examples
    --------
    >>> arange(3).eval()
    array([0, 1, 2])
    >>> arange(1, 2, 0.25).eval()
    array([1.  , 1.25, 1.5 , 1.75])
    """
    if stop is None:
        start, stop = 0, start
    start, stop, step = convert_together([start, stop, step])
    for v in (start, stop, step):
        if v.ndim or v.dtype.startswith(("complex", "bool")):
            raise TypeError(f"arange takes real scalars; got {v!r} of type {v.type}")
    if isinstance(step, Constant) and step.data == 0:
        raise ValueError("arange: the step can not be 0")
    common = np.result_type(start.dtype, stop.dtype, step.dtype)
    common = np.dtype("int64") if common.kind in "iu" else common
    dtype = common.name if dtype is None else _dtype(dtype)
    count = _count(start, stop, step, common)
    places = Iota()(as_scalar(count))
    if common.kind == "i":
        made = _affine(places, start, step)
        return made if made.dtype == dtype else OPS["cast"](made, dtype)
    # As NumPy: the distance of the first two elements is what is added.
    first = OPS["cast"](start, dtype)
    delta = OPS["sub"](OPS["cast"](OPS["add"](start, step), dtype), first)
    return OPS["add"](first, OPS["mul"](OPS["cast"](places, dtype), delta))


def _affine(places: Any, start: Any, step: Any) -> Any:
    if not (isinstance(step, Constant) and step.data == 1):
        places = OPS["mul"](places, OPS["cast"](step, "int64"))
    if isinstance(start, Constant) and start.data == 0:
        return places
    return OPS["add"](places, OPS["cast"](start, "int64"))


def _count(start: Any, stop: Any, step: Any, common: np.dtype) -> Any:
    """How many numbers there are: an int or a scalar variable."""
    if all(isinstance(v, Constant) for v in (start, stop, step)):
        length = (stop.data.item() - start.data.item()) / step.data.item()
        if common.kind == "i":
            return len(range(int(start.data), int(stop.data), int(step.data)))
        return max(int(np.ceil(length)), 0)
    if common.kind != "i":
        length = OPS["true_div"](OPS["sub"](stop, start), step)
        return OPS["maximum"](OPS["cast"](OPS["ceil"](length), "int64"), 0)
    first, last, by = (as_length(v, "arange") for v in (start, stop, step))
    distance = last if isinstance(first, int) and first == 0 else last - first
    if isinstance(by, int) and by == 1:
        return largest(distance, 0)
    # ceil(a / b) = -(-a // b)
    return OPS["maximum"](-((-distance) // by), 0)


# -- one number in every place ---------------------------------------------------------------------


@register
def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """``fill_value`` in every place of ``shape``.

    Parameters
    ----------
    shape : int, sequence of int and integer scalars, or integer vector
    fill_value : scalar or array that spreads
    dtype : str, optional
        By default that of ``fill_value``.

    Examples
    --------
    >>> full((2,), 3.0).eval()
    array([3., 3.])
    """
    value = as_tensor(fill_value)
    if dtype is not None and value.dtype != _dtype(dtype):
        if isinstance(fill_value, Variable):
            value = OPS["cast"](value, _dtype(dtype))
        else:
            value = constant(np.asarray(fill_value).astype(_dtype(dtype)))
    return alloc(value, *as_lengths(shape, "full"))


def _numbers(shape: Any, number: int, dtype: Any, where: str) -> Any:
    value = np.dtype(_dtype(dtype)).type(number)
    return alloc(constant(value.item(), dtype=_dtype(dtype)), *as_lengths(shape, where))


@register
def zeros(shape: Any, dtype: Any = None) -> Any:
    """Zeros, of dtype floatX unless told another.

    >>> zeros(2).eval()
    array([0., 0.])
    """
    return _numbers(shape, 0, dtype, "zeros")


@register
def ones(shape: Any, dtype: Any = None) -> Any:
    """Ones, of dtype floatX unless told another.

    >>> ones((1, 2)).eval()
    array([[1., 1.]])
    """
    return _numbers(shape, 1, dtype, "ones")


@register
def empty(shape: Any, dtype: Any = None) -> Any:
    """An array whose content does not matter (it is zeros).

    >>> empty((2, 3)).type.shape
    (2, 3)
    """
    return _numbers(shape, 0, dtype, "empty")


# -- matrices of ones and zeros --------------------------------------------------------------------


def _rows_and_columns(n: Any, m: Any, where: str) -> tuple[Any, Any]:
    """The number of the row and of the column, for every place of an n by m matrix."""
    rows, columns = (Iota()(as_scalar(_length(s, where))) for s in (n, n if m is None else m))
    return dimshuffle(rows, 0, "x"), dimshuffle(columns, "x", 0)


def _length(size: Any, where: str) -> Any:
    size = as_length(size, where)
    if isinstance(size, int) and size < 0:
        raise ValueError(f"{where}: a size must be at least 0; got {size}")
    return size


@register
def eye(n: Any, m: Any = None, k: Any = 0, dtype: Any = None) -> Any:
    """Ones on diagonal ``k`` of an ``n`` by ``m`` matrix, zeros elsewhere.

    >>> eye(2, 3, 1).eval()
    array([[0., 1., 0.],
           [0., 0., 1.]])
    """
    rows, columns = _rows_and_columns(n, m, "eye")
    k = as_length(k, "eye")
    diagonal = rows if isinstance(k, int) and k == 0 else OPS["add"](rows, k)
    return OPS["cast"](OPS["eq"](diagonal, columns), _dtype(dtype))


@register
def identity_like(x: Any, dtype: Any = None) -> Any:
    """`eye` of the shape of the matrix ``x``.

    >>> identity_like([[5.0, 6.0], [7.0, 8.0]]).eval()
    array([[1., 0.],
           [0., 1.]])
    """
    x = as_tensor(x)
    if x.ndim != 2:
        raise ShapeError(f"identity_like takes a matrix; got an array of shape {x.type.shape}")
    return eye(size_at(x, 0), size_at(x, 1), dtype=dtype or x.dtype)


def _lower(n: Any, m: Any, k: Any, where: str) -> Any:
    rows, columns = _rows_and_columns(n, m, where)
    k = as_length(k, where)
    return OPS["ge"](rows if isinstance(k, int) and k == 0 else OPS["add"](rows, k), columns)


@register
def tri(N: Any, M: Any = None, k: Any = 0, dtype: Any = None) -> Any:
    """Ones on and below diagonal ``k`` of an ``N`` by ``M`` matrix, zeros above.

    >>> tri(2).eval()
    array([[1., 0.],
           [1., 1.]])
    """
    return OPS["cast"](_lower(N, M, k, "tri"), _dtype(dtype))


def _triangle(m: Any, k: Any, lower: bool, where: str) -> Any:
    x = as_tensor(m)
    if x.ndim == 0:
        raise ShapeError(f"{where} takes an array of at least 1 dimension")
    if x.ndim == 1:  # as NumPy: the vector in every row
        x = OPS["broadcast_to"](x, [size_at(x, 0)] * 2)
    below = _lower(size_at(x, -2), size_at(x, -1), k if lower else k - 1, where)
    keep = below if lower else OPS["invert"](below)
    keep = OPS["shape_padleft"](keep, x.ndim - 2)
    return OPS["switch"](keep, x, constant(np.zeros((), x.dtype)))


@register
def tril(m: Any, k: Any = 0) -> Any:
    """``m`` with zeros above diagonal ``k``, for each matrix of a stack.

    >>> tril([[1, 2], [3, 4]]).eval()
    array([[1, 0],
           [3, 4]])
    """
    return _triangle(m, k, True, "tril")


@register
def triu(m: Any, k: Any = 0) -> Any:
    """``m`` with zeros below diagonal ``k``, for each matrix of a stack.

    >>> triu([[1, 2], [3, 4]]).eval()
    array([[1, 2],
           [0, 4]])
    """
    return _triangle(m, k, False, "triu")


@register
def tril_indices(n: Any, k: Any = 0, m: Any = None) -> tuple[Any, Any]:
    """Rows and columns of the places on and below diagonal ``k`` of an ``n`` by ``m`` matrix.

    >>> [v.eval() for v in tril_indices(2)]
    [array([0, 1, 1]), array([0, 0, 1])]
    """
    rows, columns = OPS["nonzero"](_lower(n, m, k, "tril_indices"))
    return rows, columns


@register
def triu_indices(n: Any, k: Any = 0, m: Any = None) -> tuple[Any, Any]:
    """Rows and columns of the places on and above diagonal ``k`` of an ``n`` by ``m`` matrix.

    >>> [v.eval() for v in triu_indices(2)]
    [array([0, 0, 1]), array([0, 1, 1])]
    """
    rows, columns = OPS["nonzero"](OPS["invert"](_lower(n, m, k - 1, "triu_indices")))
    return rows, columns


def _sizes_of_matrix(arr: Any, where: str) -> tuple[Any, Any]:
    x = as_tensor(arr)
    if x.ndim != 2:
        raise ShapeError(f"{where} takes a matrix; got an array of shape {x.type.shape}")
    return size_at(x, 0), size_at(x, 1)


@register
def tril_indices_from(a: Any, k: Any = 0) -> tuple[Any, Any]:
    """`tril_indices` for the shape of the matrix ``a``.

    >>> [v.eval() for v in tril_indices_from([[1, 2], [3, 4]], -1)]
    [array([1]), array([0])]
    """
    n, m = _sizes_of_matrix(a, "tril_indices_from")
    return tril_indices(n, k, m)


@register
def triu_indices_from(a: Any, k: Any = 0) -> tuple[Any, Any]:
    """`triu_indices` for the shape of the matrix ``a``.

    >>> [v.eval() for v in triu_indices_from([[1, 2], [3, 4]], 1)]
    [array([0]), array([1])]
    """
    n, m = _sizes_of_matrix(a, "triu_indices_from")
    return triu_indices(n, k, m)


# -- points in an interval -------------------------------------------------------------------------


@register
def linspace(
    start: Any,
    stop: Any = None,
    num: Any = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    end: Any = None,
    steps: Any = None,
) -> Any:
    """``num`` points at equal distances from ``start`` to ``stop``.

    Parameters
    ----------
    start, stop : tensor
        Arrays give a row of points for each of their elements, along ``axis`` of the result.
    num : int or integer scalar
    endpoint : bool
        Whether ``stop`` is the last point; else it would be the one behind the last.
    retstep : bool
        Return the pair of the points and their distance.
    dtype : str, optional
        By default the float dtype of the arguments; integers are rounded down.
    axis : int
    end, steps : optional
        Other names of ``stop`` and ``num``.

    Examples
    --------
    >>> linspace(0.0, 1.0, 5).eval()
    array([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    stop = end if stop is None else stop
    num = steps if steps is not None else num
    if stop is None:
        raise TypeError("linspace needs stop")
    num = _length(num, "linspace")
    start, stop = convert_together([start, stop])
    work = np.result_type(start.dtype, stop.dtype, np.float32).name
    work = "float64" if np.dtype(start.dtype).kind in "iub" and work != "complex128" else work
    start, stop = OPS["cast"](start, work), OPS["cast"](stop, work)
    ndim = max(start.ndim, stop.ndim)
    if isinstance(num, int):
        gaps: Any = max(num - 1, 0) if endpoint else num
        step = OPS["true_div"](OPS["sub"](stop, start), gaps) if gaps else _nan(start, stop)
    else:
        gaps = num - 1 if endpoint else num
        step = OPS["true_div"](OPS["sub"](stop, start), OPS["cast"](gaps, work))
    places = Iota()(as_scalar(num))
    places = dimshuffle(places, [0, *["x"] * ndim])
    start, stop, by = (OPS["shape_padleft"](v, ndim + 1 - v.ndim) for v in (start, stop, step))
    reached = OPS["mul"](OPS["cast"](places, work), by)
    # With one point its distance does not matter, and it may be 0 / 0.
    made = OPS["add"](start, OPS["switch"](OPS["eq"](places, 0), _zero(work), reached))
    if endpoint and not (isinstance(num, int) and num < 2):
        # The last point is stop itself, whatever the rounding.
        last = OPS["and"](OPS["eq"](places, num - 1), OPS["gt"](places, 0))
        made = OPS["switch"](last, stop, made)
    if dtype is not None:
        if np.dtype(_dtype(dtype)).kind in "iu":
            made = OPS["floor"](made)
        made = OPS["cast"](made, _dtype(dtype))
    made = OPS["moveaxis"](made, 0, axis) if ndim else made
    return (made, step) if retstep else made


def _zero(dtype: str) -> Any:
    return constant(np.zeros((), dtype))


def _nan(start: Any, stop: Any) -> Any:
    return OPS["mul"](OPS["sub"](stop, start), np.nan)


@register
def logspace(
    start: Any,
    stop: Any = None,
    num: Any = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: int = 0,
    end: Any = None,
    steps: Any = None,
) -> Any:
    """Points whose logarithms are at equal distances: ``base`` to the powers of `linspace`.

    >>> logspace(0.0, 2.0, 3).eval()
    array([  1.,  10., 100.])
    """
    powers = linspace(start, stop, num, endpoint, axis=axis, end=end, steps=steps)
    made = OPS["pow"](base, powers)
    return made if dtype is None else OPS["cast"](made, _dtype(dtype))


@register
def geomspace(
    start: Any,
    stop: Any = None,
    num: Any = 50,
    endpoint: bool = True,
    dtype: Any = None,
    axis: int = 0,
    base: Any = 10.0,
    end: Any = None,
    steps: Any = None,
) -> Any:
    """Points from ``start`` to ``stop``, each the same multiple of the one before.

    Both have to be real, different from 0 and of one sign. ``base`` is accepted for PyTensor's
    sake; the result does not depend on it.

    >>> geomspace(1.0, 8.0, 4).eval()
    array([1., 2., 4., 8.])
    """
    stop = end if stop is None else stop
    num = steps if steps is not None else num
    if stop is None:
        raise TypeError("geomspace needs stop")
    start, stop = convert_together([start, stop])
    for v in (start, stop):
        if v.dtype.startswith("complex"):
            raise TypeError("geomspace takes real start and stop")
        if isinstance(v, Constant) and not np.all(v.data):
            raise ValueError("geomspace: start and stop must not be 0")
    work = "float32" if {start.dtype, stop.dtype} == {"float32"} else "float64"
    start, stop = OPS["cast"](start, work), OPS["cast"](stop, work)
    ratio = OPS["true_div"](stop, start)
    powers = linspace(OPS["zeros_like"](ratio), OPS["log"](ratio), num, endpoint, axis=0)
    ndim = max(start.ndim, stop.ndim)
    wide = [OPS["shape_padleft"](v, ndim + 1 - v.ndim) for v in (start, stop)]
    made = OPS["mul"](wide[0], OPS["exp"](powers))
    count = as_length(num, "geomspace")
    if endpoint and not (isinstance(count, int) and count < 2):
        places = dimshuffle(Iota()(as_scalar(count)), [0, *["x"] * ndim])
        last = OPS["and"](OPS["eq"](places, count - 1), OPS["gt"](places, 0))
        made = OPS["switch"](last, wide[1], made)
    made = OPS["moveaxis"](made, 0, axis) if ndim else made
    return made if dtype is None else OPS["cast"](made, _dtype(dtype))


# -- grids -----------------------------------------------------------------------------------------


class _Grid:
    """What ``mgrid`` and ``ogrid`` are: coordinates by slices, as in NumPy.

    >>> ogrid[0:2, 0:3][1].eval()
    array([[0, 1, 2]])
    >>> mgrid[0:2, 0:2].eval()
    array([[[0, 0],
            [1, 1]],
    <BLANKLINE>
           [[0, 1],
            [0, 1]]])
    """

    def __init__(self, dense: bool):
        self.dense = dense

    def __getitem__(self, slices: Any) -> Any:
        if not isinstance(slices, tuple):
            return self._axis(slices)
        axes = [self._axis(s) for s in slices]
        dtype = np.result_type(*(a.dtype for a in axes)).name
        made = [
            dimshuffle(OPS["cast"](a, dtype), [0 if k == j else "x" for j in range(len(axes))])
            for k, a in enumerate(axes)
        ]
        return OPS["stack"](OPS["broadcast_arrays"](*made)) if self.dense else tuple(made)

    @staticmethod
    def _axis(s: Any) -> Any:
        if not isinstance(s, slice):
            raise TypeError(f"mgrid and ogrid take slices, such as mgrid[0:3, 0:4]; got {s!r}")
        start = 0 if s.start is None else s.start
        if s.stop is None:
            raise TypeError("mgrid and ogrid need the stop of each slice")
        if isinstance(s.step, complex):
            return linspace(OPS["cast"](start, "float64"), s.stop, int(abs(s.step)))
        return arange(start, s.stop, 1 if s.step is None else s.step)

    def __repr__(self) -> str:
        return "mgrid" if self.dense else "ogrid"


mgrid = _Grid(dense=True)
ogrid = _Grid(dense=False)
