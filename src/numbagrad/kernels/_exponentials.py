"""Exponentials and what is made of them, without branches, as code for `_ir`.

``x = n log(2) + r`` with ``|r| <= log(2) / 2``, a polynomial for ``exp(r) - 1``, the bits of
``2**n``: Cody and Waite, "Software Manual for the Elementary Functions", 1980; Tang, "Table-driven
implementation of the exponential function in IEEE floating-point arithmetic", 1989.
"""

from __future__ import annotations

from . import _coefficients as c
from ._ir import Value, bits, copysign, floats, muladd, polynomial, rint, select
from ._logarithms import INF, LN2, NAN, log1p_small, log_of_sum, normal, one_plus_small

__all__ = [
    "cosh",
    "exp",
    "exp2",
    "expm1",
    "log1mexp",
    "logaddexp",
    "sigmoid",
    "sinh",
    "softplus",
    "tanh",
]

LOG2_E = 1.4426950408889634
#: log(2) in two parts; a whole number up to 2**11 times the first is exact.
LN2_HIGH, LN2_LOW = 0.6931471803691238, 1.9082149292705877e-10
#: Adding it puts a whole number below 2**51 into the low bits; with 1023 more, those of 2**n.
MAGIC = 6755399441055744.0
_BIASED = MAGIC + 1023.0


def clamp(x: Value, low: float, high: float) -> Value:
    """``x`` between two bounds; a NaN stays one."""
    return select(x < low, low, select(x > high, high, x))


def power_of_two(n: Value) -> Value:
    """``2**n`` of a whole number, -1022 <= n <= 1023, given as a float."""
    return floats(bits(n + _BIASED) << 52)


def _reduced(x: Value) -> tuple[Value, Value, Value]:
    """``(n, r, low)`` with ``x = n log(2) + r + low``; ``n`` a whole float."""
    n = muladd(x, LOG2_E, MAGIC) - MAGIC
    high = muladd(n, -LN2_HIGH, x)
    r = high - n * LN2_LOW
    return n, r, (high - r) - n * LN2_LOW


def expm1_near(r: Value, low: Value | float, single: bool) -> Value:
    """``exp(r + low) - 1`` for ``|r| <= log(2) / 2``."""
    if single:
        return muladd(r * r, polynomial(r, c.EXP_SINGLE), r)
    return r + muladd(r * r, polynomial(r, c.EXP), low)


def _exp_parts(x: Value, single: bool) -> tuple[Value, Value]:
    """``(n, q)`` with ``exp(x) = 2**n (1 + q)``."""
    n, r, low = _reduced(x)
    return n, expm1_near(r, muladd(low, r, low), single)


def scaled(p: Value, n: Value) -> Value:
    """``p 2**n`` in two steps, each a normal number; it overflows and underflows as it should."""
    shifted = muladd(n, 0.5, _BIASED)
    half = shifted - _BIASED
    return p * floats(bits(shifted) << 52) * power_of_two(n - half)


def exp(x: Value, single: bool) -> Value:
    """``e**x``."""
    bound = clamp(x, -746.0, 710.0)
    n = muladd(bound, LOG2_E, MAGIC) - MAGIC
    r = muladd(n, -LN2_LOW, muladd(n, -LN2_HIGH, bound))
    return scaled(1.0 + expm1_near(r, 0.0, single), n)


def exp_pair_parts(high: Value, low: Value) -> tuple[Value, Value]:
    """``(n, q)`` with ``exp(high + low) = 2**n (1 + q)``, the first from -746 to 710."""
    n, near, rest = _reduced(high)
    rest = rest + low
    r = near + rest
    rest = rest - (r - near)
    return n, expm1_near(r, muladd(rest, r, rest), False)


def exp_pair(high: Value, low: Value) -> Value:
    """``exp(high + low)`` of a number in two parts, the first at most some 1000."""
    n, q = exp_pair_parts(clamp(high, -746.0, 710.0), low)
    return scaled(1.0 + q, n)


def exp2(x: Value, single: bool) -> Value:
    """``2**x``."""
    bound = clamp(x, -1077.0, 1025.0)
    n = rint(bound)
    return scaled(1.0 + expm1_near((bound - n) * LN2, 0.0, single), n)


def _expm1_over(x: Value, halves: int, single: bool) -> Value:
    """``(exp(x) - 1) / 2**halves``, with ``x`` up to 710 where ``halves`` is 1."""
    n, q = _exp_parts(x, single)
    s = power_of_two(n - float(halves))
    return muladd(s, q, s - 0.5**halves)


def expm1(x: Value, single: bool) -> Value:
    """``exp(x) - 1``, exact for small ``x``."""
    made = 2.0 * _expm1_over(clamp(x, -50.0, 710.0), 1, single)
    return select(x.equals(0.0), x, made)


def sinh(x: Value, single: bool) -> Value:
    """Hyperbolic sine."""
    a = clamp(abs(x), 0.0, 100.0 if single else 710.5)
    # Half and half again: 2**n itself overflows before the result does.
    e = 2.0 * _expm1_over(a, 2, single)
    return copysign(e + e / muladd(e, 2.0, 1.0), x) if single else copysign(_sinh(a), x)


def _sinh(a: Value) -> Value:
    n, q = _exp_parts(a, False)
    s = power_of_two(n - 2.0)
    quarter = muladd(s, q, s - 0.25)  # a quarter of exp(a) - 1
    half = 2.0 * quarter
    # (e + e / (1 + e)) / 2 with e / 2 = half; inf / inf is avoided.
    other = half / muladd(select(half > 1e300, 1e300, half), 2.0, 1.0)
    return select(a < 2.0**-27, a, half + other)  # a quarter of a subnormal number is none


def cosh(x: Value, single: bool) -> Value:
    """Hyperbolic cosine."""
    n, q = _exp_parts(clamp(abs(x), 0.0, 710.5), single)
    s = power_of_two(n - 2.0)
    half = 2.0 * muladd(s, q, s)
    return half + 0.25 / half


def tanh(x: Value, single: bool) -> Value:
    """Hyperbolic tangent."""
    # tanh(a) = e / (e + 2) with e = exp(2a) - 1; beyond 22 it is 1.
    n, r, low = _reduced(clamp(2.0 * abs(x), 0.0, 44.0))
    s = power_of_two(n)
    tail = muladd(r * r, polynomial(r, c.EXP), muladd(low, r, low))
    q = r + tail
    e = muladd(s, q, s - 1.0)
    below = e + 2.0
    # What the roundings of e, of e + 2 and of the quotient took away.
    e_low = muladd(s, tail - (q - r), muladd(s, q, (s - 1.0) - e))
    below_low = e - (below - 2.0)
    inverse = 1.0 / below
    y = e * inverse
    rest = muladd(-y, below, e) + muladd(-y, below_low + e_low, e_low)
    return copysign(muladd(rest, inverse, y), x)


def sigmoid(x: Value, single: bool) -> Value:
    """``1 / (1 + exp(-x))``, exact to rounding at both ends."""
    return over_one_plus(x, exp(-abs(x), single))


def over_one_plus(x: Value, small: Value) -> Value:
    """The sigmoid of ``x`` from ``exp(-abs(x))``."""
    below = 1.0 + small
    y = select(x < 0.0, small, 1.0) / below
    # What rounding took from the divisor, over it: 1 / d is near 1.457 - d / 2 from 1 to 2.
    lost = small - (below - 1.0)
    return muladd(-(y * lost), muladd(below, -0.5, 1.457), y)


def softplus(x: Value, single: bool) -> Value:
    """``log(1 + exp(x))``."""
    tail = log1p_small(exp(-abs(x), single), single)
    return select(x < 0.0, 0.0, x) + tail  # a NaN is not below 0 and stays


def logaddexp(x: Value, y: Value, single: bool) -> Value:
    """``log(exp(x) + exp(y))``."""
    larger = select(x > y, x, y)
    # Equal infinities have no difference; a NaN anywhere must stay.
    gap = select(x.equals(y), 0.0, abs(x - y))
    made = larger + log1p_small(exp(-gap, single), single)
    return select(gap.is_nan(), x + y, made)


def log1mexp(x: Value, single: bool) -> Value:
    """``log(1 - exp(x))`` for negative ``x``.

    ``log(-expm1(x))`` near 0 and ``log1p(-exp(x))`` far from it: Mächler, "Accurately computing
    log(1 - exp(-|a|))", 2012. The logarithm of ``1 + u`` serves both, with ``u`` in two parts.
    """
    n, q = _exp_parts(clamp(x, -746.0, 1.0), single)
    power = scaled(1.0 + q, n)
    s = power_of_two(select(n < -60.0, -60.0, n))
    minus = muladd(-s, q, 1.0 - s)  # 1 - exp(x), exact near 0
    sum_, lost = one_plus_small(-power)
    near = x > -LN2
    before, u = normal(select(near, minus, sum_))
    made = muladd(before, LN2, log_of_sum(u, select(near, 0.0, lost), single))
    edge = select(x.equals(0.0), -INF, NAN)
    return select(x < 0.0, -abs(made), edge)  # what rounds to 0 is a negative number
