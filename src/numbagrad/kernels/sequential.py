"""Loops whose every step needs the one before: running sums, products and linear recurrences.

Vectors in, a new vector out, accumulated in the dtype of the first argument. Only one-dimensional
loops without a function argument live here; a general ``scan`` is printed code.

>>> import numpy as np
>>> cumsum(np.array([1, 2, 3]))
array([1, 3, 6])
>>> linear_recurrence(np.array([0.0, 2.0, 2.0]), np.array([1.0, 1.0, 1.0]))
array([1., 3., 7.])
"""

from numba import njit

from ._arrays import new_array
from ._scalars import cast_like

_OPTIONS = {"nogil": True, "error_model": "numpy"}


@njit(**_OPTIONS)
def cumsum(x):
    """``y[i] = x[0] + ... + x[i]``, in the dtype of ``x``."""
    y = new_array(x, x.size)
    total = cast_like(x, 0)
    for i in range(x.size):
        total = cast_like(x, total + x[i])
        y[i] = total
    return y


@njit(**_OPTIONS)
def cumprod(x):
    """``y[i] = x[0] * ... * x[i]``, in the dtype of ``x``."""
    y = new_array(x, x.size)
    product = cast_like(x, 1)
    for i in range(x.size):
        product = cast_like(x, product * x[i])
        y[i] = product
    return y


@njit(**_OPTIONS)
def linear_recurrence(a, b):
    """``y[0] = b[0]``, ``y[i] = a[i] * y[i-1] + b[i]``, in the dtype of ``b``.

    ``a[0]`` is not used. ValueError if the lengths differ.
    """
    if a.size != b.size:
        raise ValueError("linear_recurrence: a and b must have the same length")
    y = new_array(b, b.size)
    if b.size > 0:
        state = b[0]
        y[0] = state
        for i in range(1, b.size):
            state = cast_like(b, a[i] * state + b[i])
            y[i] = state
    return y
