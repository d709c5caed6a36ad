"""Arithmetic on single integers with NumPy's results, in the dtype of the first operand.

Both operands have one integer dtype. Nothing traps: division by zero gives 0 and the one quotient
that does not fit (the smallest number by -1) wraps, as in NumPy. Only integers live here.

>>> import numpy as np
>>> floor_divide(np.int8(-7), np.int8(2)), remainder(np.int8(-7), np.int8(2))
(-4, 1)
>>> power(np.int64(3), np.int64(4))
81
"""

import numpy as np

from ._kernel import cast_like, kernel


@kernel
def floor_divide(x, y):
    """``x // y`` rounded down; 0 for a zero ``y``."""
    # The processor's division traps at zero, and at the smallest number by -1, whose negation
    # wraps. Choosing the divisor leaves no branch, so that loops may be computed in vectors.
    zero, negated = cast_like(x, 0), cast_like(x, -x)
    made = cast_like(x, x // _safe(y))
    return zero if y == 0 else negated if y == -1 else made


@kernel
def remainder(x, y):
    """``x - y * floor(x / y)``, with the sign of ``y``; 0 for a zero ``y``."""
    return cast_like(x, x % _safe(y))


@kernel
def _safe(y):
    """A divisor that does not trap: 1 for 0 and -1."""
    one = cast_like(y, 1)
    return one if y == 0 or y == -1 else y


@kernel
def power(x, n):
    """``x ** n`` by repeated squaring, wrapping at the dtype's width.

    Raises
    ------
    ValueError
        ``n`` is negative.
    """
    if n < 0:
        raise ValueError("Integers to negative integer powers are not allowed.")
    one = np.uint64(1)
    left = np.uint64(n)
    result = cast_like(x, 1)
    square = x
    while left > 0:
        if left & one:
            result = cast_like(x, result * square)
        left >>= one
        square = cast_like(x, square * square)
    return result
