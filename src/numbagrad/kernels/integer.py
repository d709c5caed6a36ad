"""Arithmetic on single integers with NumPy's results, in the dtype of the first operand.

Both operands have one integer dtype. Nothing traps: division by zero gives 0 and the one quotient
that does not fit (the smallest number by -1) wraps, as in NumPy. Only integers live here.

>>> import numpy as np
>>> floor_divide(np.int8(-7), np.int8(2)), remainder(np.int8(-7), np.int8(2))
(-4, 1)
>>> power(np.int64(3), np.int64(4))
81
"""

from numba import njit, uint64

from ._scalars import cast_like

_OPTIONS = {"nogil": True, "error_model": "numpy"}


@njit(**_OPTIONS)
def floor_divide(x, y):
    """``x // y`` rounded down; 0 for a zero ``y``."""
    if y == 0:
        return cast_like(x, 0)
    if y == -1:
        # The processor's division traps at the smallest number by -1; the negation wraps.
        return cast_like(x, -x)
    return cast_like(x, x // y)


@njit(**_OPTIONS)
def remainder(x, y):
    """``x - y * floor(x / y)``, with the sign of ``y``; 0 for a zero ``y``."""
    if y == 0 or y == -1:
        return cast_like(x, 0)
    return cast_like(x, x % y)


@njit(**_OPTIONS)
def power(x, n):
    """``x ** n`` by repeated squaring, wrapping at the dtype's width.

    Raises
    ------
    ValueError
        ``n`` is negative.
    """
    if n < 0:
        raise ValueError("Integers to negative integer powers are not allowed.")
    one = uint64(1)
    left = uint64(n)
    result = cast_like(x, 1)
    square = x
    while left > 0:
        if left & one:
            result = cast_like(x, result * square)
        left >>= one
        square = cast_like(x, square * square)
    return result
