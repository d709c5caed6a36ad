"""The error functions, without branches, as code for `_ir`.

A polynomial near 0; beyond, ``erfc(x) = exp(-x**2) Q((x - 4) / (x + 4)) / (1 + 2x)``: Shepherd and
Laframboise, "Chebyshev approximation of (1 + 2x) exp(x**2) erfc(x) in 0 <= x < inf", 1981.
"""

from __future__ import annotations

from . import _coefficients as c
from ._exponentials import clamp, exp, exp_pair
from ._ir import Value, copysign, fma, muladd, polynomial, select

__all__ = ["erf", "erfc"]


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
