"""The error functions, without branches, as code for `_ir`.

A polynomial near 0; beyond, ``erfc(x) = exp(-x**2) Q((x - 2) / (x + 2)) / (x + 2)``, after Shepherd
and Laframboise, "Chebyshev approximation of (1 + 2x) exp(x**2) erfc(x) in 0 <= x < inf", 1981. The
inverse is ``x`` times a polynomial in ``w = -log(1 - x**2)``, or its root where it is large: Giles,
"Approximating the erfinv function", 2012.
"""

from __future__ import annotations

from . import _coefficients as c
from ._exponentials import clamp, exp, exp_pair, exp_pair_parts, scaled
from ._ir import Value, copysign, fma, muladd, polynomial, select, sqrt
from ._logarithms import INF, NAN, log

__all__ = ["erf", "erfc", "erfcx", "erfinv"]

_ROOT_PI = 1.772453850905516
#: Of ``sqrt(pi) a erfcx(a)`` in powers of ``1 / a**2``: Abramowitz and Stegun, 7.1.23.
_FAR = [1.0, -0.5, 0.75, -1.875, 6.5625, -29.53125, 162.421875]


def _scaled_tail(a: Value) -> tuple[Value, Value]:
    """``exp(a**2) erfc(a)`` for ``1/2 <= a <= 27.3``, as a sum of two."""
    below = a + 2.0
    inverse = 1.0 / below
    # What rounding took from the divisor and from the quotient; the last difference is exact.
    less = inverse * (muladd(-below, inverse, 1.0) - inverse * (a - (below - 2.0)))
    t = muladd(less, -4.0, muladd(inverse, -4.0, 1.0))
    slope = muladd(t, polynomial(t, c.ERFCX[2:]), c.ERFCX[1])
    near = muladd(slope, t, c.ERFCX[0])
    value = near * inverse
    lost = muladd(slope, t, c.ERFCX[0] - near)
    return value, muladd(near, less, muladd(lost, inverse, muladd(near, inverse, -value)))


def _tail(a: Value) -> Value:
    """``erfc(a)`` for ``1/2 <= a <= 27.3``."""
    value, rest = _scaled_tail(a)
    square = a * a
    n, q = exp_pair_parts(-square, fma(-a, a, square))
    return scaled(value + muladd(q, value, muladd(q, rest, rest)), n)


def erf(x: Value, single: bool) -> Value:
    """Error function."""
    a = abs(x)
    b = clamp(a, 1.0, 6.0)
    # Next to 1 the tail need not be exact to its own last bit.
    t = (b - 4.0) / (b + 4.0)
    tail = exp(-(b * b), False) * polynomial(t, c.ERF_FAR)
    near = muladd(a, polynomial(a * a, c.ERF), a)
    made = select(a <= 1.0, near, 1.0 - tail)
    return copysign(made, x)


def erfc(x: Value, single: bool) -> Value:
    """``1 - erf(x)``, exact where that is small."""
    a = abs(x)
    tail = _tail(clamp(a, 0.5, 27.3))
    near = 1.0 - muladd(x, polynomial(x * x, c.ERF_NEAR), x)
    return select(a < 0.5, near, select(x < 0.0, 2.0 - tail, tail))


def erfcx(x: Value, single: bool) -> Value:
    """``exp(x**2) * erfc(x)``."""
    a = abs(x)
    b = clamp(a, 0.5, 27.3)
    value, rest = _scaled_tail(b)
    inverse = 1.0 / a
    far = inverse / _ROOT_PI * polynomial(inverse * inverse, _FAR)
    tail = select(a > 27.0, far, value + rest)
    square = b * b
    power = exp_pair(square, fma(b, b, -square))
    near = exp(x * x, single) * (1.0 - muladd(x, polynomial(x * x, c.ERF_NEAR), x))
    # Below -27 it is infinite.
    return select(a < 0.5, near, select(x < 0.0, 2.0 * power - tail, tail))


def erfinv(x: Value, single: bool) -> Value:
    """The inverse of `erf`; infinite at -1 and 1, NaN beyond."""
    a = abs(x)
    w = -log((1.0 - a) * (1.0 + a), False)
    far = w >= 6.25
    near = polynomial(select(far, 0.0, w) - 3.125, c.ERFINV)
    # Up to the largest number below 1.
    tail = polynomial(sqrt(clamp(w, 6.25, 40.0)) - 4.275, c.ERFINV_FAR)
    made = x * select(far, tail, near)
    edge = select(a.equals(1.0), copysign(x.body.constant(INF, "f"), x), NAN)
    return select(a < 1.0, made, edge)
