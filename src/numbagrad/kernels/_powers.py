"""Powers, without branches, as code for `_ir`.

The logarithm of ``x`` as a sum of two numbers, good to some 65 bits, times ``y``, exponentiated:
Muller, "Elementary Functions", 2016, chapter 11; Dekker, "A floating-point technique for extending
the available precision", 1971, for the arithmetic of such sums.
"""

from __future__ import annotations

from . import _coefficients as c
from ._exponentials import exp, exp_pair
from ._ir import Value, copysign, fma, muladd, polynomial, rint, select
from ._logarithms import INF, NAN, log, normal, split

__all__ = ["power"]

#: log(2) in two parts of which the first has 32 bits, so that its multiples are exact.
_LN2_HIGH, _LN2_LOW = 0.6931471803691238, 1.9082149292705877e-10
_TWO_THIRDS, _TWO_THIRDS_LOW = 0.6666666666666666, 3.700743415417188e-17


def log_pair(x: Value) -> tuple[Value, Value]:
    """``log(x)`` of a positive finite number as a sum of two.

    ``log(m) = s (2 + s**2 (2/3 + s**2 (2/5 + ...)))``; all but the last terms in two parts.
    """
    before, x = normal(x)
    k, m = split(x)
    k = k + before
    f, g = m - 1.0, m + 1.0
    g_low = m - (g - 1.0)
    one_over = 1.0 / g
    s = f * one_over
    s_low = one_over * muladd(-s, g_low, fma(-s, g, f))
    z = s * s
    z_low = muladd(2.0 * s, s_low, fma(s, s, -z))
    last = z * polynomial(z, c.LOG_FAR)
    t = _TWO_THIRDS + last
    t_low = (last - (t - _TWO_THIRDS)) + _TWO_THIRDS_LOW
    w = z * t
    w_low = muladd(z, t_low, muladd(z_low, t, fma(z, t, -w)))
    u = 2.0 + w
    u_low = (w - (u - 2.0)) + w_low
    near = s * u
    near_low = muladd(s, u_low, muladd(s_low, u, fma(s, u, -near)))
    base = k * _LN2_HIGH
    high = base + near
    low = muladd(k, _LN2_LOW, near_low) + (near - (high - base))
    made = high + low
    return made, low - (made - high)


def power(x: Value, y: Value, single: bool) -> Value:
    """``x**y`` with C99's special values."""
    a = abs(x)
    if single:
        size = exp(y * log(a, False), False)
    else:
        high, low = log_pair(a)
        high = select(a.equals(0.0), -INF, select(a < INF, high, a))
        product = high * y
        rest = muladd(low, y, fma(high, y, -product))
        inside = abs(product) < 800.0
        size = exp_pair(product, select(inside, rest, 0.0))
    whole = rint(y).equals(y)
    half = 0.5 * y
    odd = whole & ~rint(half).equals(half)
    negative = copysign(x.body.constant(1.0, "f"), x) < 0.0
    made = select(negative & odd, -size, size)
    # A root of a negative number; of -0 and -inf there is a limit.
    made = select((x < 0.0) & (x > -INF) & ~whole, NAN, made)
    # A power of 1 is 1, also where the exponent is infinite or NaN; -1 has infinite powers too.
    one = x.equals(1.0) | y.equals(0.0) | (a.equals(1.0) & abs(y).equals(INF))
    made = select(x.is_nan() | y.is_nan(), x + y, made)
    return select(one, 1.0, made)
