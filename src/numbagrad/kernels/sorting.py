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

from ._kernel import inner, kernel, new_array, stands_before

# Below this length insertion does less work than merging.
_RUN = 16


@kernel
def sort(x):
    """The elements of ``x`` in ascending order, NaN last; equal ones keep their order."""
    n = x.size
    source = new_array(x, n)
    for start in range(0, n, _RUN):
        for i in range(start, min(start + _RUN, n)):
            value = x[i]
            j = i
            while j > start and stands_before(value, source[j - 1]):
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


@kernel
def argsort(x):
    """The int64 indices that sort ``x``, NaN last; indices of equal elements ascend."""
    n = x.size
    source = new_array(n, n)
    values = new_array(x, n)
    for start in range(0, n, _RUN):
        for i in range(start, min(start + _RUN, n)):
            value = x[i]
            j = i
            while j > start and stands_before(value, values[j - 1]):
                source[j] = source[j - 1]
                values[j] = values[j - 1]
                j -= 1
            source[j] = i
            values[j] = value
    if n <= _RUN:
        return source
    target = new_array(n, n)
    merged = new_array(x, n)
    width = _RUN
    while width < n:
        for start in range(0, n, 2 * width):
            stop = min(start + 2 * width, n)
            _merge_both(source, values, target, merged, start, min(start + width, n), stop)
        source, target = target, source
        values, merged = merged, values
        width *= 2
    return source


@inner("none")
def _merge(source, target, start, middle, stop):
    """Merge the sorted ``source[start:middle]`` and ``source[middle:stop]`` into ``target``."""
    left, right = start, middle
    for k in range(start, stop):
        # The left one goes first unless the right one is smaller: equal elements keep their order.
        if right < stop and (left >= middle or stands_before(source[right], source[left])):
            target[k] = source[right]
            right += 1
        else:
            target[k] = source[left]
            left += 1


@inner("none")
def _merge_both(source, values, target, merged, start, middle, stop):
    """As `_merge`, for indices and the values that they are compared by."""
    left, right = start, middle
    for k in range(start, stop):
        if right < stop and (left >= middle or stands_before(values[right], values[left])):
            target[k] = source[right]
            merged[k] = values[right]
            right += 1
        else:
            target[k] = source[left]
            merged[k] = values[left]
            left += 1
