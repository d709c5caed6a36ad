"""Stable sorting of vectors in NumPy's order: NaN last, complex numbers by real, then imaginary.

A merge sort from the bottom up: short runs are sorted by insertion, then neighbouring runs are
merged from one buffer into another and back. About n log2(n) comparisons whatever the data.
Only one-dimensional sorting lives here.

>>> import numpy as np
>>> sort(np.array([3.0, np.nan, 1.0]))
array([ 1.,  3., nan])
>>> argsort(np.array([2, 1, 2, 1]))
array([1, 3, 0, 2])
"""

from numba import njit, types
from numba.extending import intrinsic

from ._arrays import new_array
from ._inner import call_inner, inner

_OPTIONS = {"nogil": True, "error_model": "numpy"}

# Below this length insertion does less work than merging.
_RUN = 16


@njit(**_OPTIONS)
def sort(x):
    """The elements of ``x`` in ascending order, NaN last; equal ones keep their order."""
    n = x.size
    source = new_array(x, n)
    for start in range(0, n, _RUN):
        for i in range(start, min(start + _RUN, n)):
            value = x[i]
            j = i
            while j > start and _less(value, source[j - 1]):
                source[j] = source[j - 1]
                j -= 1
            source[j] = value
    if n <= _RUN:
        return source
    target = new_array(x, n)
    width = _RUN
    while width < n:
        for start in range(0, n, 2 * width):
            _merge(source, target, start, min(start + width, n), min(start + 2 * width, n))
        source, target = target, source
        width *= 2
    return source


@njit(**_OPTIONS)
def argsort(x):
    """The int64 indices that sort ``x``, NaN last; indices of equal elements ascend."""
    n = x.size
    source = new_array(n, n)
    for start in range(0, n, _RUN):
        for i in range(start, min(start + _RUN, n)):
            value = x[i]
            j = i
            while j > start and _less(value, x[source[j - 1]]):
                source[j] = source[j - 1]
                j -= 1
            source[j] = i
    if n <= _RUN:
        return source
    target = new_array(n, n)
    width = _RUN
    while width < n:
        for start in range(0, n, 2 * width):
            stop = min(start + 2 * width, n)
            _merge_indices(x, source, target, start, min(start + width, n), stop)
        source, target = target, source
        width *= 2
    return source


@inner(types.none)
def _merge(source, target, start, middle, stop):
    """Merge the sorted ``source[start:middle]`` and ``source[middle:stop]`` into ``target``."""
    left, right = start, middle
    for k in range(start, stop):
        # The left one goes first unless the right one is smaller: equal elements keep their order.
        if right < stop and (left >= middle or _less(source[right], source[left])):
            target[k] = source[right]
            right += 1
        else:
            target[k] = source[left]
            left += 1


@inner(types.none)
def _merge_indices(x, source, target, start, middle, stop):
    """As `_merge`, for indices into ``x`` that are compared by what they point to."""
    left, right = start, middle
    for k in range(start, stop):
        if right < stop and (left >= middle or _less(x[source[right]], x[source[left]])):
            target[k] = source[right]
            right += 1
        else:
            target[k] = source[left]
            left += 1


@intrinsic
def _less(typingctx, x, y):
    """Whether ``x`` stands before ``y``: a strict order in which NaN is the greatest."""
    body = _less_plain
    if isinstance(x, types.Complex):
        body = _less_complex
    elif isinstance(x, types.Float):
        body = _less_float

    def codegen(context, builder, signature, values):
        return call_inner(context, builder, body, signature, values)

    return types.boolean(x, y), codegen


def _less_plain(x, y):
    return x < y


def _less_float(x, y):
    return x < y or (y != y and x == x)


def _less_complex(x, y):
    # NumPy: first numbers, then a NaN imaginary part, then a NaN real part, then both NaN; inside
    # a group by the parts that are numbers.
    x_real_nan, y_real_nan = x.real != x.real, y.real != y.real
    if x_real_nan != y_real_nan:
        return y_real_nan
    x_imag_nan, y_imag_nan = x.imag != x.imag, y.imag != y.imag
    if x_imag_nan != y_imag_nan:
        return y_imag_nan
    if x.real < y.real:
        return True
    return (x_real_nan or x.real == y.real) and x.imag < y.imag
