"""The error functions, without branches, as code for `_ir`.

A polynomial near 0; beyond, ``erfc(x) = exp(-x**2) Q((x - 4) / (x + 4)) / (1 + 2x)``: Shepherd and
Laframboise, "Chebyshev approximation of (1 + 2x) exp(x**2) erfc(x) in 0 <= x < inf", 1981. The
inverse is ``x`` times a polynomial in ``w = -log(1 - x**2)``, or its root where it is large: Giles,
"Approximating the erfinv function", 2012.
"""

from __future__ import annotations

from . import _coefficients as c
from ._exponentials import clamp, exp, exp_pair
from ._ir import Value, copysign, fma, muladd, polynomial, select, sqrt
from ._logarithms import INF, NAN, log

__all__ = ["erf", "erfc", "erfcx", "erfinv"]

_ROOT_PI = 1.772453850905516
#: Of ``sqrt(pi) a erfcx(a)`` in powers of ``1 / a**2``: Abramowitz and Stegun, 7.1.23.
_FAR = [1.0, -0.5, 0.75, -1.875, 6.5625, -29.53125, 162.421875]


def _near(x: Value, single: bool) -> Value:
    """``erf(x) - x`` for ``|x| <= 1``."""
    return x * polynomial(x * x, c.ERF_SINGLE if single else c.ERF)


def _tail(a: Value, single: bool) -> Value:
    """``erfc(a)`` for ``1/2 <= a <= 28``."""
    t = (a - 4.0) / (a + 4.0)
    if single:
        return exp(-(a * a), single) * polynomial(t, c.ERFCX_SINGLE) / muladd(a, 2.0, 1.0)
    square = a * a
    power = exp_pair(-square, fma(-a, a, square))
    return power * (polynomial(t, c.ERFCX) / muladd(a, 2.0, 1.0))


def erf(x: Value, single: bool) -> Value:
    """Error function."""
    a = abs(x)
    b = clamp(a, 1.0, 6.0)
    # Next to 1 the tail need not be exact to its own last bit.
    t = (b - 4.0) / (b + 4.0)
    tail = exp(-(b * b), single) * polynomial(t, c.ERF_FAR_SINGLE if single else c.ERF_FAR)
    made = select(a <= 1.0, a + _near(a, single), 1.0 - tail)
    return copysign(made, x)


def erfc(x: Value, single: bool) -> Value:
    """``1 - erf(x)``, exact where that is small."""
    a = abs(x)
    tail = _tail(clamp(a, 0.5, 28.0), single)
    near = 1.0 - (x + _near(x, single))
    return select(a < 0.5, near, select(x < 0.0, 2.0 - tail, tail))


def erfcx(x: Value, single: bool) -> Value:
    """``exp(x**2) * erfc(x)``."""
    a, edge = abs(x), 12.0 if single else 28.0
    b = clamp(a, 0.5, 28.0)
    t = (b - 4.0) / (b + 4.0)
    middle = polynomial(t, c.ERFCX_SINGLE if single else c.ERFCX) / muladd(b, 2.0, 1.0)
    inverse = 1.0 / a
    far = inverse / _ROOT_PI * polynomial(inverse * inverse, _FAR)
    tail = select(a > edge, far, middle)
    square = b * b
    power = exp_pair(square, fma(b, b, -square))
    near = exp(x * x, single) * (1.0 - (x + _near(x, single)))
    # Below -27 it is infinite.
    return select(a < 0.5, near, select(x < 0.0, 2.0 * power - tail, tail))


def erfinv(x: Value, single: bool) -> Value:
    """The inverse of `erf`; infinite at -1 and 1, NaN beyond."""
    a = abs(x)
    w = -log((1.0 - a) * (1.0 + a), single)
    far = w >= 6.25
    near = polynomial(select(far, 0.0, w) - 3.125, c.ERFINV_SINGLE if single else c.ERFINV)
    # Up to the largest number below 1.
    root = sqrt(clamp(w, 6.25, 40.0))
    tail = (
        polynomial(root - 3.3, c.ERFINV_FAR_SINGLE)
        if single
        else polynomial(root - 4.275, c.ERFINV_FAR)
    )
    made = x * select(far, tail, near)
    edge = select(a.equals(1.0), copysign(x.body.constant(INF, "f"), x), NAN)
    return select(a < 1.0, made, edge)
