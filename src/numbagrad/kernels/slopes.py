"""How a draw moves with a shape parameter while its probability stays: implicit derivatives.

Only derivatives of inverse distribution functions live here.

>>> round(gamma_slope(1.0, 2.0), 9)  # of an exponential draw, as the shape grows from 1
1.631691462
"""

import math

import numpy as np

from ._kernel import call_special, exact_kernel, float_like

_EPSILON = 2.0**-53
_MOST = 1_000_000


@exact_kernel
def gamma_slope(a, x):
    """``dx/da`` for gamma draws of shape ``a``: with P(a, x) fixed it is -(dP/da) / (dP/dx).

    From the power series of P below the mean and the continued fraction of 1 - P above it
    (W. Gautschi, "A computational procedure for incomplete gamma functions", ACM Trans. Math.
    Softw. 5, 1979), differentiated term by term.
    NaN for ``a <= 0``; 0 at ``x = 0``.
    """
    shape, value = np.float64(a), np.float64(x)
    if not (shape > 0.0 and value >= 0.0):
        return float_like(x, math.nan)
    if value == 0.0:
        return float_like(x, 0.0)
    offset = math.log(value) - call_special("psi", shape)
    if value < shape + 1.0:
        return float_like(x, _by_series(shape, value, offset))
    return float_like(x, _by_fraction(shape, value, offset))


@exact_kernel
def _by_series(a, x, offset):
    """With s[n] = x**n / (a (a+1) ... (a+n)) and h[n] = 1/a + ... + 1/(a+n), P is x f sum(s).

    Here f = dP/dx, and d s[n]/da = -s[n] h[n].
    """
    term, harmonic = 1.0 / a, 1.0 / a
    total = term * (harmonic - offset)
    size = term
    for n in range(1, _MOST):
        term *= x / (a + n)
        harmonic += 1.0 / (a + n)
        total += term * (harmonic - offset)
        size += term
        if term * (1.0 + abs(harmonic - offset)) < _EPSILON * min(size, abs(total)):
            break
    return x * total


@exact_kernel
def _by_fraction(a, x, offset):
    """With 1 - P = x f h, and h a continued fraction by Lentz's method, with its derivative."""
    b = x + 1.0 - a
    c, dc = 1e300, 0.0
    d = 1.0 / b
    dd = d * d
    h, dh = d, dd
    for i in range(1, _MOST):
        factor = -i * (i - a)
        b += 2.0
        raw, draw = factor * d + b, i * d + factor * dd - 1.0
        c, dc = b + factor / c, i / c - factor * dc / (c * c) - 1.0
        d = 1.0 / raw
        dd = -draw * d * d
        step, dstep = d * c, dd * c + d * dc
        h, dh = h * step, dh * step + h * dstep
        if abs(step - 1.0) < 4.0 * _EPSILON and abs(dstep * h) <= 4.0 * _EPSILON * abs(dh):
            break
    return x * (h * offset + dh)
