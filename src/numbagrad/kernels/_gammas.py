"""The logarithm of the gamma function and its derivatives, without branches, as code for `_ir`.

For large ``x`` Stirling's series, whose remainder is a polynomial in ``1 / x**2`` down to 2 or 3;
below, a polynomial around the minimum of the gamma function, times the distances to the zeros, so
that results are exact to their own last place there; next to 0 the recurrence: Abramowitz and
Stegun, 6.1.15, 6.1.41, 6.3.5, 6.3.18, 6.4.6, 6.4.12. Negative numbers are reflected (6.1.17, 6.3.7,
6.4.7) from what is found for ``|x|``, out of line.
"""

from __future__ import annotations

from . import _coefficients as c
from ._angles import cosine, sine
from ._ir import Value, copysign, fma, muladd, polynomial, rint, select
from ._logarithms import INF, LN2_PARTS, NAN, log, parts, split_all

__all__ = [
    "digamma",
    "digamma_below",
    "gammaln",
    "gammaln_below",
    "is_negative",
    "trigamma",
    "trigamma_below",
]

_PI, _PI_LOW = 3.141592653589793, 1.2246467991473532e-16
#: (log(2 pi) - 1) / 2.
_STIRLING = 0.4189385332046727
#: The zero of the digamma function in two parts, the first of 29 bits.
_ZERO, _ZERO_LOW = 1.4616321437060833, 1.2622790435331673e-09
#: Next to 0 these functions are what their poles are.
_NEAR_POLE = 2.0**-60


def is_negative(x: Value) -> Value:
    """Whether an argument has to be reflected."""
    return x < 0.0


def _log_pair(a: Value, single: bool) -> tuple[Value, Value]:
    """``log(a)`` of a positive finite number as a sum of two, good to some 3 bits more."""
    k, m = split_all(a, single)
    f = m - 1.0
    h, r = parts(f, single)
    base = k * LN2_PARTS[0]
    tail = f - (h - muladd(k, LN2_PARTS[1], r))
    made = base + tail
    return made, tail - (made - base)


def gammaln(x: Value, single: bool) -> Value:
    """``log(abs(gamma(x)))``."""
    a = abs(x)
    near, small = a < 3.0, a < 0.6
    y = select(small, a + 1.0, a)
    middle = c.LGAMMA_MIDDLE
    # (y - middle) / (y + middle) for the one polynomial, 1/a for the other.
    t = select(near, y - middle, 1.0) / select(near, y + middle, a)
    high, low = _log_pair(a, single)
    beside = (y - 1.0) * (y - 2.0) * polynomial(t, c.LGAMMA_SINGLE if single else c.LGAMMA)
    beside = beside + select(small, -high, 0.0)  # 0 at 1 has no sign
    tail = muladd(t, polynomial(t * t, c.STIRLING_SINGLE if single else c.STIRLING), _STIRLING)
    half, less = a - 0.5, high - 1.0
    product = half * less
    rest = muladd(half, low, fma(half, less, -product))
    made = select(near, beside, product + (rest + tail))
    edge = select(a.equals(0.0), INF, product)  # which is infinite or NaN
    return select((a > 0.0) & (product < INF), made, edge)


def digamma(x: Value, single: bool) -> Value:
    """The derivative of `gammaln`, of a positive number."""
    a = abs(x)
    near, small = a < 2.0, a < 1.0
    y = select(small, a + 1.0, a)
    inverse = 1.0 / a
    beside = ((y - _ZERO) - _ZERO_LOW) * polynomial(
        y - 1.5, c.DIGAMMA_SINGLE if single else c.DIGAMMA
    )
    beside = beside - select(small, inverse, 0.0)
    u = inverse * inverse
    tail = u * polynomial(u, c.DIGAMMA_FAR_SINGLE if single else c.DIGAMMA_FAR)
    high, low = _log_pair(a, single)
    made = select(near, beside, high + (low - muladd(inverse, 0.5, tail)))
    edge = select(a.equals(0.0), -copysign(x.body.constant(INF, "f"), x), a)
    return select((a > 0.0) & (a < INF), made, edge)


def trigamma(x: Value, single: bool) -> Value:
    """The derivative of `digamma`, of a positive number."""
    a = abs(x)
    near, small = a < 2.0, a < 1.0
    y = select(small, a + 1.0, a)
    inverse = 1.0 / a
    u = inverse * inverse
    beside = polynomial(y - 1.5, c.TRIGAMMA_SINGLE if single else c.TRIGAMMA)
    beside = select(small, u, 0.0) + beside
    tail = u * polynomial(u, c.TRIGAMMA_FAR_SINGLE if single else c.TRIGAMMA_FAR)
    return select(near, beside, inverse + inverse * muladd(inverse, 0.5, tail))


# -- negative numbers --------------------------------------------------------------------------


def _sine_and_cosine_of_pi(a: Value) -> tuple[Value, Value, Value]:
    """``(r, sin(pi |r|), cos(pi |r|))`` of the distance ``r`` of ``a`` to a whole number."""
    r = a - rint(a)
    size = abs(r)
    steep = size > 0.25
    w = select(steep, 0.5 - size, size)
    angle = w * _PI
    low = muladd(w, _PI_LOW, fma(w, w.body.constant(_PI, "f"), -angle))
    s, c_ = sine(angle, low, False), cosine(angle, low, False)
    return r, select(steep, c_, s), select(steep, s, c_)


def gammaln_below(x: Value, y: Value) -> Value:
    """`gammaln` of a negative number from ``y``, that of ``-x``."""
    a = abs(x)
    r, s, _ = _sine_and_cosine_of_pi(a)
    made = log(_PI / (a * s), False) - y
    made = select(a < _NEAR_POLE, y, made)
    made = select(r.equals(0.0) & (a < INF), INF, made)
    return select(a.equals(INF), -INF, made)


def digamma_below(x: Value, y: Value) -> Value:
    """`digamma` of a negative number from ``y``, that of ``-x``."""
    a = abs(x)
    r, s, c_ = _sine_and_cosine_of_pi(a)
    made = (y + 1.0 / a) + copysign(c_ / s, r) * _PI
    return select(a < _NEAR_POLE, -y, select(r.equals(0.0), NAN, made))


def trigamma_below(x: Value, y: Value) -> Value:
    """`trigamma` of a negative number from ``y``, that of ``-x``."""
    a = abs(x)
    r, s, _ = _sine_and_cosine_of_pi(a)
    ratio, inverse = _PI / s, 1.0 / a
    made = muladd(ratio, ratio, -(y - inverse * inverse))
    made = select(a < _NEAR_POLE, y, made)
    return select(r.equals(0.0) & (a < INF), INF, made)
