"""Functions in single precision throughout, without branches, as code for `_ir`.

Twice as many numbers fit into a vector as there are doubles, and a division costs a quarter. What
is not here is computed in double precision and rounded, which is more exact and, where JAX and the
like are far behind, fast enough.

The methods are those of `_exponentials`, `_logarithms` and `_errors`, with polynomials in place of
divisions. Errors are kept below two units of the last place by adding the small to the large last,
and by reductions whose products are exact without fused multiplication as well: Cody and Waite,
"Software Manual for the Elementary Functions", 1980; Muller, "Elementary Functions", 2016.
"""

from __future__ import annotations

from . import _coefficients as c
from ._exponentials import clamp, over_one_plus
from ._ir import Value, bits, copysign, floats, like, muladd, polynomial, rint, select, sqrt, whole
from ._logarithms import INF, NAN, limits

__all__ = [
    "arccosh",
    "arcsinh",
    "erf",
    "erfc",
    "erfinv",
    "exp",
    "exp2",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logit",
    "sigmoid",
    "softplus",
    "tanh",
]

LN2, LOG2_E = 0.6931471805599453, 1.4426950408889634
#: log(2) in two parts; a whole number up to 2**9 times the first is exact.
_LN2_HIGH, _LN2_LOW = 0.693145751953125, 1.4286068203094172e-06
#: log10(2) likewise.
_LOG2_HIGH, _LOG2_LOW = 0.301025390625, 4.605038981195214e-06
#: Adding it puts a whole number below 2**22 into the low bits; with 127 more, those of 2**n.
_MAGIC = 12582912.0
_BIASED = _MAGIC + 127.0
_ROOT, _ONE, _MANTISSA = 0x3F3504F3, 0x3F800000, 0x007FFFFF
_TINY = 2.0**-126
#: The slope of erfinv at 0 in two parts.
_SLOPE, _SLOPE_LOW = 0.8862269520759583, -2.662320023830404e-08


# -- exponentials --------------------------------------------------------------------------------


def _exp_parts(x: Value) -> tuple[Value, Value]:
    """``(n, q)`` with ``exp(x) = 2**n (1 + q)``."""
    n = muladd(x, LOG2_E, _MAGIC) - _MAGIC
    r = muladd(n, -_LN2_LOW, muladd(n, -_LN2_HIGH, x))
    return n, muladd(r * r, polynomial(r, c.EXP_FLOAT), r)


def _exp_pair_parts(x: Value, low: Value) -> tuple[Value, Value]:
    """``(n, q)`` with ``exp(x + low) = 2**n (1 + q)``; the second is small."""
    n = muladd(x, LOG2_E, _MAGIC) - _MAGIC
    high = muladd(n, -_LN2_HIGH, x)
    low = muladd(n, -_LN2_LOW, low)
    r = high + low
    return n, r + muladd(r * r, polynomial(r, c.EXP_FLOAT), low - (r - high))


def _scaled(p: Value, n: Value) -> Value:
    """``p 2**n`` in two steps, each a normal number; it overflows and underflows as it should."""
    shifted = muladd(n, 0.5, _BIASED)
    half = shifted - _BIASED
    return p * floats(bits(shifted) << 23) * _power_of_two(n - half)


def _power_of_two(n: Value) -> Value:
    return floats(bits(n + _BIASED) << 23)


def exp(x: Value) -> Value:
    """``e**x``."""
    n, q = _exp_parts(clamp(x, -104.0, 89.0))
    return _scaled(1.0 + q, n)


def exp2(x: Value) -> Value:
    """``2**x``."""
    bound = clamp(x, -151.0, 129.0)
    n = rint(bound)
    r = bound - n
    return _scaled(muladd(r, polynomial(r, c.EXP2_FLOAT), 1.0), n)


def tanh(x: Value) -> Value:
    """Hyperbolic tangent."""
    a = abs(x)
    u = a * a
    near = muladd(a * u, polynomial(u, c.TANH_FLOAT), a)
    # 1 - 2 / (exp(2a) + 1), which is 1 from 9.1 on.
    n, q = _exp_parts(clamp(2.0 * a, 0.0, 20.0))
    s = _power_of_two(n)
    far = 1.0 - 2.0 / muladd(s, q, s + 1.0)
    return copysign(select(a < 0.625, near, far), x)


def sigmoid(x: Value) -> Value:
    """``1 / (1 + exp(-x))``, exact to rounding at both ends."""
    return over_one_plus(x, exp(-abs(x)))


# -- logarithms ----------------------------------------------------------------------------------


def _near_one(f: Value) -> Value:
    """``log(1 + f) - f``, for ``1 + f`` between the square roots of 1/2 and 2."""
    return f * f * muladd(f, polynomial(f, c.LOG_FLOAT), -0.5)


def _split(x: Value) -> tuple[Value, Value]:
    """``(k, f)`` with ``x = 2**k (1 + f)``; ``x`` is positive, else both mean nothing."""
    tiny = x < _TINY
    shifted = bits(select(tiny, x * 2.0**24, x)) + (_ONE - _ROOT)
    k = whole((shifted >> 23) - select(tiny, like(shifted, 127 + 24), 127))
    return k, floats((shifted & _MANTISSA) + _ROOT) - 1.0


def _log_of(k: Value, f: Value, more: Value | float = 0.0) -> Value:
    """``log(2**k (1 + f)) + more``; the last is small."""
    return muladd(k, _LN2_HIGH, f + (muladd(k, _LN2_LOW, _near_one(f)) + more))


def log(x: Value) -> Value:
    """The natural logarithm."""
    return limits(x, _log_of(*_split(x)))


def log2(x: Value) -> Value:
    """The logarithm to base 2."""
    k, f = _split(x)
    low = muladd(f, LOG2_E - 1.0, _near_one(f) * LOG2_E)
    return limits(x, k + (f + low))


def log10(x: Value) -> Value:
    """The logarithm to base 10."""
    k, f = _split(x)
    # 0.5 f is exact; what it is too much is small.
    low = muladd(f, 0.4342944819032518 - 0.5, _near_one(f) * 0.4342944819032518)
    return limits(x, muladd(k, _LOG2_HIGH, muladd(f, 0.5, muladd(k, _LOG2_LOW, low))))


def _log1p_small(y: Value) -> Value:
    """``log(1 + y)`` of ``0 <= y <= 1``."""
    far = y > 0.41421356
    f = select(far, muladd(y, 0.5, -0.5), y)
    return select(far, like(y, LN2), 0.0) + (f + _near_one(f))


def log1p(x: Value) -> Value:
    """``log(1 + x)``, exact for small ``x``."""
    u = 1.0 + x
    exponent = (bits(u) + (_ONE - _ROOT)) & -0x00800000
    k = whole((exponent >> 23) - 127)
    # x 2**-k and 2**-k - 1 are exact; s is four times 2**-k, which may be no normal number.
    s = floats(-0x80000000 - exponent)
    f = muladd(x * s, 0.25, muladd(s, 0.25, -1.0))
    made = _log_of(k, f)
    edge = select(x.equals(-1.0), -INF, select(x < -1.0, NAN, x))
    return select((x > -1.0) & (x < INF) & ~x.equals(0.0), made, edge)


def softplus(x: Value) -> Value:
    """``log(1 + exp(x))``."""
    return select(x < 0.0, 0.0, x) + _log1p_small(exp(-abs(x)))  # a NaN is not below 0 and stays


def logaddexp(x: Value, y: Value) -> Value:
    """``log(exp(x) + exp(y))``."""
    larger = select(x > y, x, y)
    # Equal infinities have no difference; a NaN anywhere must stay.
    gap = select(x.equals(y), 0.0, abs(x - y))
    made = larger + _log1p_small(exp(-gap))
    return select(gap.is_nan(), x + y, made)


def logit(x: Value) -> Value:
    """``log(x / (1 - x))``; infinite at 0 and 1, NaN beyond."""
    high = x > 0.5
    a = select(high, 1.0 - x, x)  # exact
    # The quotient is 2**k (1 + f): next to 1 and to 1/2, f is found from differences without error.
    one, half = a > 0.41421356, a > 0.26120387
    twice = muladd(a, 2.0, -1.0)
    below = 1.0 - a
    over = select(one, twice, select(half, twice + a, a))
    quotient = over / below
    # What rounding took from the quotient: 1 / d is near 2.914 - 2 d from 1/2 to 1.
    lost = (1.0 - below) - a
    lost = muladd(-quotient, lost, muladd(-quotient, below, over))
    lost = lost * muladd(below, -2.0, 2.914)
    k, f = _split(quotient + select(half, 0.0, lost))
    k = select(half, select(one, like(a, 0.0), -1.0), k)
    f = select(half, quotient, f)
    # Its share of the logarithm: 1 / (1 + f) is near 1 - f + f**2.
    lost = lost * muladd(f, f - 1.0, 1.0)
    made = _log_of(k, f, select(half, lost, 0.0))
    made = select(a > 0.0, made, select(a.equals(0.0), like(a, -INF), NAN))
    return select(high, -made, made)


# -- inverse hyperbolic functions ----------------------------------------------------------------


def arcsinh(x: Value) -> Value:
    """The inverse of the hyperbolic sine."""
    a = abs(x)
    far = a > 1.0
    u = a * a
    near = muladd(a * u, polynomial(u, c.ASINH_FLOAT), a)
    # log(2 a) + v P(v) with v = 1 / a**2.
    v = 1.0 / select(far, u, 1.0)
    k, f = _split(a)
    beyond = _log_of(k + 1.0, f, v * polynomial(v, c.ASINH_FAR_FLOAT))
    made = select(far, select(a < INF, beyond, a), near)
    return copysign(made, x)


def arccosh(x: Value) -> Value:
    """The inverse of the hyperbolic cosine; NaN below 1."""
    # Twice the inverse hyperbolic sine of the square root of u.
    t = x - 1.0
    u = 0.5 * t
    far = u > 1.0
    root = sqrt(u)
    near = muladd(root * u, polynomial(u, c.ASINH_FLOAT), root)
    v = 1.0 / select(far, u, 1.0)
    k, f = _split(t)
    beyond = _log_of(k + 1.0, f, 2.0 * v * polynomial(v, c.ASINH_FAR_FLOAT))
    return select(far, select(x < INF, beyond, x), 2.0 * near)


# -- error functions -----------------------------------------------------------------------------


def erf(x: Value) -> Value:
    """Error function."""
    a = abs(x)
    near = muladd(a, polynomial(a * a, c.ERF_FLOAT), a)
    # The fourth root of erfc is a polynomial, good enough where 1 is so much more.
    root = polynomial(clamp(a, 1.0, 3.93) - 2.5, c.ERF_FAR_FLOAT)
    square = root * root
    return copysign(select(a < 1.0, near, muladd(-square, square, 1.0)), x)


def erfc(x: Value) -> Value:
    """``1 - erf(x)``, exact where that is small."""
    a = abs(x)
    near = 1.0 - muladd(x, polynomial(a * a, c.ERF_FLOAT), x)
    tail = _tail(clamp(a, 0.5, 10.1))
    return select(a < 0.5, near, select(x < 0.0, 2.0 - tail, tail))


def _tail(a: Value) -> Value:
    """``erfc(a)`` for ``1/2 <= a <= 10.1``, as in `_errors`, products in two parts."""
    below = a + 1.5
    inverse = 1.0 / below
    less = inverse * (muladd(-below, inverse, 1.0) - inverse * (a - (below - 1.5)))
    t = muladd(less, -3.0, muladd(inverse, -3.0, 1.0))
    first, second = c.ERFCX_FLOAT[:2]
    slope = muladd(t, polynomial(t, c.ERFCX_FLOAT[2:]), second)
    near = muladd(slope, t, first)
    lost = muladd(slope, t, first - near)
    value = near * inverse
    rest = muladd(near, less, muladd(lost, inverse, muladd(near, inverse, -value)))
    # The square of the leading 12 bits is exact, and the difference to a**2 a product.
    head = floats(bits(a) & -0x1000)
    n, q = _exp_pair_parts(-(head * head), (head - a) * (head + a))
    return _scaled(value + muladd(q, value, muladd(q, rest, rest)), n)


def erfinv(x: Value) -> Value:
    """The inverse of `erf`; infinite at -1 and 1, NaN beyond."""
    a = abs(x)
    above, below = 1.0 + a, 1.0 - a
    w = -_log_of(*_split(muladd(below, above, below * (a - (above - 1.0)))))
    far = w >= 3.5
    b = select(far, 0.0, w)
    near = muladd(b, polynomial(b - 1.75, c.ERFINV_FLOAT), _SLOPE_LOW)
    # Up to the largest number below 1.
    bound = clamp(w, 3.5, 17.0)
    root = sqrt(bound)
    # And what rounding took from it: 1 / (2 r) is near 0.37 - r / 16 from 1.8 to 4.2.
    root = muladd(muladd(-root, root, bound), muladd(root, -0.0625, 0.37), root - 2.5)
    first, second = c.ERFINV_FAR_FLOAT[:2]
    tail = root * muladd(root, polynomial(root, c.ERFINV_FAR_FLOAT[2:]), second)
    lead = select(far, like(x, first), _SLOPE)
    made = copysign(muladd(x, lead, x * select(far, tail, near)), x)
    edge = select(a.equals(1.0), copysign(like(x, INF), x), NAN)
    return select(a < 1.0, made, edge)
