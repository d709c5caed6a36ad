"""Logarithms and inverse hyperbolic functions, without branches, as code for `_ir`.

``x = 2**k m`` with ``m`` between the square roots of 1/2 and 2 by its bits, then
``log(1 + f) = 2 atanh(s)``, ``s = f / (2 + f)``, arranged so that ``f`` itself is exact: Cody and
Waite, "Software Manual for the Elementary Functions", 1980; Tang, "Table-driven implementation of
the logarithm function in IEEE floating-point arithmetic", 1990.
"""

from __future__ import annotations

from . import _coefficients as c
from ._ir import Value, bits, copysign, floats, like, muladd, polynomial, select, sqrt

__all__ = [
    "LN2_PARTS",
    "arccosh",
    "arcsinh",
    "arctanh",
    "log",
    "log1p",
    "log1p_of",
    "log1p_small",
    "log2",
    "log10",
    "logit",
    "parts",
    "split_all",
]

INF, NAN = float("inf"), float("nan")
LN2 = 0.6931471805599453
#: log(2) in two parts; a whole number up to 2**11 times the first is exact.
LN2_PARTS = _LN2_HIGH, _LN2_LOW = 0.6931471803691238, 1.9082149292705877e-10
_ROOT = 0x3FE6A09E667F3BCD  # the bits of the square root of 1/2
_ONE = 0x3FF0000000000000
_MANTISSA = 0x000FFFFFFFFFFFFF
_BIASED = 6755399441055744.0 + 1023.0  # the low bits of a whole number more are those of 2**n
_TINY = 2.2250738585072014e-308


def split(x: Value) -> tuple[Value, Value]:
    """``(k, m)`` with ``x = 2**k m``, ``m`` in [sqrt(1/2), sqrt(2)), ``k`` a float.

    ``x`` is positive and normal; else both mean nothing.
    """
    shifted = bits(x) + (_ONE - _ROOT)
    m = floats((shifted & _MANTISSA) + _ROOT)
    # The exponent as a float: its bits behind those of 2**52.
    k = floats((shifted >> 52) | 0x4330000000000000) - (4503599627370496.0 + 1023.0)
    return k, m


def normal(x: Value) -> tuple[Value, Value]:
    """``(k, y)`` with ``x = 2**k y`` and ``y`` normal where ``x`` is subnormal."""
    tiny = x < _TINY
    return select(tiny, -54.0, 0.0), select(tiny, x * 18014398509481984.0, x)


def limits(x: Value, made: Value) -> Value:
    """``made``, but what every logarithm is at 0, infinity, below 0 and of NaN."""
    # One comparison finds all of them: x > 0 and finite is the common case.
    edge = select(x.equals(0.0), -INF, select(x < 0.0, NAN, x))
    return select((x > 0.0) & (x < INF), made, edge)


def parts(f: Value, single: bool) -> tuple[Value, Value]:
    """``(h, r)`` with ``log(1 + f) = f - (h - r)``, ``h = f**2 / 2``."""
    s = f / (2.0 + f)
    z = s * s
    h = 0.5 * f * f
    tail = z * polynomial(z, c.LOG_SINGLE if single else c.LOG)
    return h, s * (h + tail)


def split_all(x: Value, single: bool) -> tuple[Value, Value]:
    """``(k, m)`` of any positive number."""
    if single:  # as a double none is subnormal
        return split(x)
    before, x = normal(x)
    k, m = split(x)
    return k + before, m


def log(x: Value, single: bool) -> Value:
    """The natural logarithm."""
    k, m = split_all(x, single)
    f = m - 1.0
    h, r = parts(f, single)
    if single:
        return limits(x, muladd(k, LN2, f - (h - r)))
    made = muladd(k, _LN2_HIGH, f - (h - muladd(k, _LN2_LOW, r)))
    return limits(x, made)


def _based(x: Value, single: bool, high: float, low: float, unit: tuple[float, float]) -> Value:
    """A logarithm to another base, whose 1/log(base) is ``high + low``; ``unit`` is log(2)."""
    k, m = split_all(x, single)
    f = m - 1.0
    h, r = parts(f, single)
    if single:
        return limits(x, muladd(k, unit[0] + unit[1], (f - (h - r)) * (high + low)))
    # log(1 + f) as a sum of which the first term has 21 bits to spare.
    first = floats(bits(f - h) & -0x100000000)
    second = ((f - first) - h) + r
    top = first * high
    rest = muladd(first + second, low, second * high)
    base = k * unit[0]
    total = base + top
    rest = muladd(k, unit[1], rest) + ((base - total) + top)
    return limits(x, total + rest)


def log2(x: Value, single: bool) -> Value:
    """The logarithm to base 2."""
    return _based(x, single, 1.4426950407214463, 1.6751713164886512e-10, (1.0, 0.0))


def log10(x: Value, single: bool) -> Value:
    """The logarithm to base 10."""
    unit = 0.30102999566361177, 3.694239077158931e-13
    return _based(x, single, 0.4342944818781689, 2.5082946711645275e-11, unit)


def logit(x: Value, single: bool) -> Value:
    """``log(x / (1 - x))``; infinite at 0 and 1, NaN beyond."""
    high = x > 0.5
    a = select(high, 1.0 - x, x)  # exact
    # The quotient is 2**k (1 + f); for k of 0 and -1, f is found from differences without error.
    zero, near = a > 0.4142135623730950, a > 0.2612038749637414
    twice = muladd(a, 2.0, -1.0)
    below = 1.0 - a
    quotient = select(zero, twice, select(near, twice + a, a)) / below
    # What rounding took from the divisor, over it: 1 / d is near 2.914 - 2 d from 1/2 to 1.
    lost = (1.0 - below) - a
    quotient = muladd(-(quotient * lost), muladd(below, -2.0, 2.914), quotient)
    k, m = split_all(quotient, single)
    f = select(near, quotient, m - 1.0)
    k = select(near, select(zero, like(a, 0.0), -1.0), k)
    h, r = parts(f, single)
    made = muladd(k, _LN2_HIGH, f - (h - muladd(k, _LN2_LOW, r)))
    made = select(a > 0.0, made, select(a.equals(0.0), like(a, -INF), NAN))
    return select(high, -made, made)


def one_plus_small(x: Value) -> tuple[Value, Value]:
    """``1 + x``, rounded, and what rounding took away, for ``|x| <= 1``."""
    u = 1.0 + x
    return u, x - (u - 1.0)


def one_plus(x: Value) -> tuple[Value, Value]:
    """``1 + x``, rounded, and what rounding took away."""
    u = 1.0 + x
    there = u - 1.0
    return u, select(there < 1.0, x - there, 1.0 - (u - x))


def log_of_sum(u: Value, lost: Value, single: bool) -> Value:
    """``log(u + lost)`` of a positive normal ``u`` and what is below its last bit.

    d log(u) = du / u.
    """
    k, m = split(u)
    f = m - 1.0
    h, r = parts(f, single)
    if single:  # what is lost is only seen next to 1
        return muladd(k, LN2, f - (h - (r + select(k.equals(0.0), lost, 0.0))))
    # 1/u = 2**-k / (1 + f), by three terms: exact where u is 1, and enough where f counts more.
    part = lost * floats(bits(_BIASED - select(k > 1000.0, 1000.0, k)) << 52)
    low = muladd(k, _LN2_LOW, part * muladd(f, f - 1.0, 1.0))
    return muladd(k, _LN2_HIGH, f - (h - (r + low)))


def log1p_of(x: Value, single: bool) -> Value:
    """``log(1 + x)`` of a finite ``x > -1``."""
    return log_of_sum(*one_plus(x), single)


def log1p_small(x: Value, single: bool) -> Value:
    """``log(1 + x)`` of ``-1 < x <= 1``."""
    return log_of_sum(*one_plus_small(x), single)


def log1p(x: Value, single: bool) -> Value:
    """``log(1 + x)``, exact for small ``x``."""
    made = log1p_of(x, single)
    edge = select(x.equals(-1.0), -INF, select(x < -1.0, NAN, x))
    inside = (x > -1.0) & (x < INF) & ~x.equals(0.0)
    return select(inside, made, edge)


def arcsinh(x: Value, single: bool) -> Value:
    """The inverse of the hyperbolic sine."""
    a = abs(x)
    # asinh(a) = log1p(a + a**2 / (1 + sqrt(1 + a**2))), and log(2 a) where squares are too much.
    far = ~(a <= 1e9)  # and so is a NaN
    b = select(far, 1.0, a)
    near = log1p_of(b + b * b / (1.0 + sqrt(muladd(b, b, 1.0))), single)
    made = select(far, log(a, single) + LN2, near)
    return select(a.equals(0.0), x, copysign(made, x))


def arccosh(x: Value, single: bool) -> Value:
    """The inverse of the hyperbolic cosine; NaN below 1."""
    far = ~(x <= 1e9)  # and so is a NaN
    t = select(far, 1.0, x - 1.0)
    near = log1p_of(t + sqrt(muladd(t, t, 2.0 * t)), single)
    return select(x < 1.0, NAN, select(far, log(x, single) + LN2, near))


def arctanh(x: Value, single: bool) -> Value:
    """The inverse of the hyperbolic tangent; infinite at -1 and 1, NaN beyond."""
    a = abs(x)
    made = 0.5 * log1p_of(2.0 * a / (1.0 - a), single)
    made = select(a.equals(1.0), INF, select(a < 1.0, made, NAN))
    return select(a.equals(0.0), x, copysign(made, x))
