"""Trigonometric functions and their inverses, without branches, as code for `_ir`.

``x = q pi/2 + r`` with pi/2 in three parts whose products with ``q`` are kept exactly, good to
`FAR`; what is beyond goes to the C library (see `elementary`). Sine and cosine of ``r``:
polynomials. Cody and Waite, "Software Manual for the Elementary Functions", 1980; Muller,
"Elementary Functions", 2016, chapter 11; the exact sum of two numbers is Knuth's.
"""

from __future__ import annotations

from . import _coefficients as c
from ._ir import Value, bits, copysign, floats, fma, muladd, polynomial, select, sqrt

__all__ = [
    "FAR",
    "arccos",
    "arcsin",
    "arctan",
    "arctan2",
    "cos",
    "cosine",
    "is_far",
    "sin",
    "sine",
    "tan",
]

NAN = float("nan")
#: Arguments up to here are reduced without branches.
FAR = 2.0**30
_MAGIC = 6755399441055744.0
_TWO_OVER_PI = 0.6366197723675814
#: pi/2 in three parts of 53 bits.
_HALF_PI = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591833e-33)
_PI = 3.141592653589793


def is_far(x: Value) -> Value:
    """Whether an argument is too large for the reduction; NaN is not."""
    return abs(x) >= FAR


def two_sum(a: Value, b: Value) -> tuple[Value, Value]:
    """``a + b``, rounded, and what rounding took away."""
    total = a + b
    second = total - a
    return total, (a - (total - second)) + (b - second)


def _reduced(x: Value, single: bool) -> tuple[Value, Value, Value | float]:
    """``(q, r, low)``: ``x = q pi/2 + r + low``; of the integer ``q`` the low bits."""
    shifted = muladd(x, _TWO_OVER_PI, _MAGIC)
    q = shifted - _MAGIC
    # The first product is a multiple of 2**-52 and what is left is below 1: it is exact.
    rest = fma(q, -_HALF_PI[0], x)
    if single:
        return bits(shifted), fma(q, -_HALF_PI[1], rest), 0.0
    product = q * -_HALF_PI[1]
    r, low = two_sum(rest, product)
    low = low + fma(q, -_HALF_PI[1], -product)
    return bits(shifted), r, fma(q, -_HALF_PI[2], low)


def sine(r: Value, low: Value | float, single: bool) -> Value:
    """``sin(r + low)`` for ``|r| <= pi/4``: sin(r) + low cos(r)."""
    u = r * r
    if single:
        return muladd(r * u, polynomial(u, c.SIN_SINGLE), r)
    turned = low * muladd(u, -0.5, 1.0)
    return r + muladd(r * u, polynomial(u, c.SIN), turned)


def cosine(r: Value, low: Value | float, single: bool) -> Value:
    """``cos(r + low)`` for ``|r| <= pi/4``: cos(r) - low r."""
    u = r * r
    if single:
        return muladd(u * u, polynomial(u, c.COS_SINGLE), muladd(u, -0.5, 1.0))
    half = 0.5 * u
    first = 1.0 - half
    # first + half is not 1: what its rounding took away is put back.
    back = (1.0 - first) - half
    return first + muladd(u * u, polynomial(u, c.COS), back - r * low)


def _quadrant(x: Value, single: bool) -> tuple[Value, Value, Value]:
    """The bits of the quadrant, and sine and cosine of what is left."""
    q, r, low = _reduced(x, single)
    return q, sine(r, low, single), cosine(r, low, single)


def _signed(y: Value, flip: Value) -> Value:
    """``y`` with its sign turned where bit 1 of ``flip`` is set."""
    return floats(bits(y) ^ ((flip & 2) << 62))


def sin(x: Value, single: bool) -> Value:
    """Sine."""
    q, s, c_ = _quadrant(x, single)
    made = _signed(select((q & 1).equals(0), s, c_), q)
    return select(x.equals(0.0), x, made)


def cos(x: Value, single: bool) -> Value:
    """Cosine."""
    q, s, c_ = _quadrant(x, single)
    return _signed(select((q & 1).equals(0), c_, s), q + 1)


def tan(x: Value, single: bool) -> Value:
    """Tangent."""
    q, s, c_ = _quadrant(x, single)
    even = (q & 1).equals(0)
    made = select(even, s, -c_) / select(even, c_, s)
    return select(x.equals(0.0), x, made)


# -- inverses ----------------------------------------------------------------------------------

_TAN_EIGHTH, _TAN_THREE_EIGHTHS = 0.4142135623730951, 2.414213562373095


def _arctan_near(t: Value, single: bool) -> Value:
    """What ``arctan(t)`` has beyond ``t``, for ``|t| <= tan(pi/8)``."""
    u = t * t
    return t * u * polynomial(u, c.ATAN_SINGLE if single else c.ATAN)


def _angle(y: Value, x: Value, single: bool) -> Value:
    """``arctan(y / x)`` of numbers that are not negative, at most one 0 or infinite.

    The angle to the nearest of 0, pi/4 and pi/2, so that the tangent is small.
    """
    steep = y > x * _TAN_THREE_EIGHTHS
    flat = y <= x * _TAN_EIGHTH
    above = select(steep, -x, select(flat, y, y - x))
    below = select(steep, y, select(flat, x, y + x))
    t = above / below
    base = select(steep, _HALF_PI[0], select(flat, 0.0, _HALF_PI[0] / 2))
    low = select(steep, _HALF_PI[1], select(flat, 0.0, _HALF_PI[1] / 2))
    return base + (t + (_arctan_near(t, single) + low))


def arctan(x: Value, single: bool) -> Value:
    """The angle whose tangent is ``x``."""
    made = _angle(abs(x), x.body.constant(1.0, "f"), single)
    return copysign(select(x.equals(0.0), 0.0, made), x)


def arctan2(y: Value, x: Value, single: bool) -> Value:
    """The angle of the point ``(x, y)``, with C99's values where both are 0 or infinite."""
    a, b = abs(y), abs(x)
    # Both infinite count as equal, both 0 as an angle of 0; huge ones are halved before they meet.
    infinite = a.equals(float("inf")) & b.equals(float("inf"))
    a, b = select(infinite, 1.0, a), select(infinite, 1.0, b)
    big = (a > 1e300) | (b > 1e300)
    small = (a < 1e-290) & (b < 1e-290)
    scale = select(big, 2.0**-20, select(small, 2.0**100, 1.0))
    a, b = a * scale, b * scale
    nothing = a.equals(0.0)
    angle = select(nothing, 0.0, _angle(a, b, single))
    behind = copysign(x.body.constant(1.0, "f"), x) < 0.0
    made = select(behind, (_PI - angle) + 2.0 * _HALF_PI[1], angle)
    return select(x.is_nan() | y.is_nan(), x + y, copysign(made, y))


def _arcsine_parts(x: Value, single: bool) -> tuple[Value, Value, Value]:
    """``(near, t, p)``: arcsin(t) = t + p of ``t = |x|`` below 1/2, else of sqrt((1 - |x|) / 2)."""
    a = abs(x)
    near = a <= 0.5
    u = select(near, a * a, muladd(a, -0.5, 0.5))
    t = select(near, a, sqrt(u))
    return near, t, t * u * polynomial(u, c.ASIN_SINGLE if single else c.ASIN)


def arcsin(x: Value, single: bool) -> Value:
    """The angle whose sine is ``x``; NaN outside of [-1, 1]."""
    near, t, p = _arcsine_parts(x, single)
    # pi/2 - 2 (t + p) beyond 1/2, the first subtraction from pi/4 so that it loses nothing.
    quarter = 0.5 * _HALF_PI[0]
    far = quarter - (2.0 * p - (_HALF_PI[1] + (quarter - 2.0 * t)))
    return copysign(select(near, t + p, far), x)


def arccos(x: Value, single: bool) -> Value:
    """The angle whose cosine is ``x``; NaN outside of [-1, 1]."""
    near, t, p = _arcsine_parts(x, single)
    negative = x < 0.0
    signed_t, signed_p = select(negative, -t, t), select(negative, -p, p)
    middle = _HALF_PI[0] - (signed_t - (_HALF_PI[1] - signed_p))
    beside = 2.0 * (t + p)
    far = select(negative, _PI - (beside - 2.0 * _HALF_PI[1]), beside)
    return select(near, middle, far)
