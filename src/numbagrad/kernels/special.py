"""Mathematics on single numbers that Python's operators and ``math`` lack or treat otherwise.

``float32`` in, ``float32`` out; any other real number gives ``float64``. Inside, all but rounding
and division work in double precision. Special values follow C99 and NumPy or SciPy; nothing raises.
Only functions of one or two real scalars live here; those that are vectorised are `elementary`'s.

>>> floor_divide_float(-7.0, 2.0), remainder_float(-7.0, 2.0)
(-4.0, 1.0)
"""

import math

import numpy as np

from ._kernel import call_special, cast_like, float_like, floor, fmod, kernel, round_from_zero


@kernel
def round_half_away(x):
    """The nearest whole number, halves away from zero; keeps the dtype and the sign of zero."""
    return round_from_zero(x)


@kernel
def floor_divide_float(x, y):
    """``np.floor_divide`` of two floats of one dtype.

    Where the quotient is finite it is a whole number consistent with `remainder_float`; dividing
    by zero gives an infinity or NaN as ``x / y`` does.
    """
    if y == 0:
        return cast_like(x, x / y)
    rest = fmod(x, y)
    quotient = (x - rest) / y
    # fmod has the sign of x; Python's remainder has that of y.
    if rest != 0 and (rest < 0) != (y < 0):
        quotient -= 1
    if quotient == 0:
        return cast_like(x, math.copysign(0.0, x / y))
    # The quotient is a whole number up to rounding errors: take the nearest, not the floor.
    whole = floor(quotient)
    if quotient - whole > 0.5:
        whole += 1
    return cast_like(x, whole)


@kernel
def remainder_float(x, y):
    """``np.mod`` of two floats of one dtype: the remainder with the sign of ``y``."""
    rest = fmod(x, y)
    if rest == 0:
        return cast_like(x, math.copysign(0.0, y))
    if (rest < 0) != (y < 0):
        # A NaN stays one. Dividing by zero gives NaN, which the addition of a zero keeps.
        rest += y
    return cast_like(x, rest)


@kernel
def erfcinv(x):
    """Inverse of `erfc`; infinite at 0 and 2, NaN beyond."""
    return float_like(x, call_special("erfcinv", np.float64(x)))


@kernel
def gamma(x):
    """Gamma function."""
    return float_like(x, call_special("gamma", np.float64(x)))
