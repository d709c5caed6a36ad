"""Exponentials, logarithms, trigonometric and hyperbolic functions, and their stable relatives.

Each is a real function of floats (integers become floats), most of complex numbers too.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..graph.registry import OPS, register
from ..graph.tensor import as_tensor
from ..kernels import elementary
from ..testing.samples import data, grid, pairs, points, sample, specials
from .arithmetic import sqr, sqrt
from .dtypes import float_of, is_complex
from .kinds import Elementwise

__all__ = [
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "cos",
    "cosh",
    "deg2rad",
    "exp",
    "exp2",
    "expit",
    "expm1",
    "log",
    "log1mexp",
    "log1p",
    "log1pexp",
    "log2",
    "log10",
    "logaddexp",
    "logit",
    "rad2deg",
    "sigmoid",
    "sin",
    "sinh",
    "softplus",
    "tan",
    "tanh",
]

_LOG_2, _LOG_10 = math.log(2.0), math.log(10.0)


# -- exponentials and logarithms ---------------------------------------------------------------


class Exp(Elementwise):
    """``e ** x``.

    >>> exp([0.0, 1.0]).eval()
    array([1.        , 2.71828183])
    """

    dtype, reference, cost = float_of, np.exp, 20
    samples = [grid(-3, 3), points(-800.0, -745.0, 709.5, 800.0), specials]

    def template(x):
        return np.exp(x)

    def partials(y, x):
        return [y]


class Exp2(Elementwise):
    """``2 ** x``.

    >>> exp2([0.0, 3.0]).eval()
    array([1., 8.])
    """

    dtype, reference, cost = float_of, np.exp2, 20
    samples = [grid(-3, 3), points(-1080.0, 1030.0), specials]

    def template(x):
        return 2.0**x  # NumPy's exp2 is nothing that Numba has for complex numbers

    def partials(y, x):
        return [y * _LOG_2]


class Expm1(Elementwise):
    """``exp(x) - 1``, exact for small ``x``.

    >>> expm1([0.0, 1.0]).eval()
    array([0.        , 1.71828183])
    """

    dtype, reference, cost = float_of, np.expm1, 25
    samples = [grid(-3, 3), points(1e-20, -1e-9, -800.0, 800.0), specials]

    def template(x):
        return np.expm1(x)

    def partials(y, x):
        return [exp(x)]  # y + 1 would lose small values


class Log(Elementwise):
    """The natural logarithm, NaN for negative ``x``.

    >>> log([1.0, 2.0]).eval()
    array([0.        , 0.69314718])
    """

    dtype, reference, cost = float_of, np.log, 20
    samples = [grid(0.1, 5), specials]

    def template(x):
        return np.log(x)

    def partials(y, x):
        return [1 / x]


class Log2(Elementwise):
    """The logarithm to base 2.

    >>> log2([1.0, 8.0]).eval()
    array([0., 3.])
    """

    dtype, reference, accepts, cost = float_of, np.log2, "biuf", 20
    samples = [grid(0.1, 5), specials]

    def template(x):
        return math.log2(x)

    def partials(y, x):
        return [1 / (x * _LOG_2)]


class Log10(Elementwise):
    """The logarithm to base 10.

    >>> log10([1.0, 100.0]).eval()
    array([0., 2.])
    """

    dtype, reference, cost = float_of, np.log10, 20
    samples = [grid(0.1, 5), specials]

    def template(x):
        return np.log10(x)

    def partials(y, x):
        return [1 / (x * _LOG_10)]


class Log1p(Elementwise):
    """``log(1 + x)``, exact for small ``x``.

    >>> log1p([0.0, 1.0]).eval()
    array([0.        , 0.69314718])
    """

    dtype, reference, cost = float_of, np.log1p, 22
    samples = [grid(-0.7, 4), points(1e-20, -1e-9, -1.0, -2.0), specials]

    def template(x):
        return np.log1p(x)

    def partials(y, x):
        return [1 / (1 + x)]


OPS["exp"] = exp = Exp()
OPS["exp2"] = exp2 = Exp2()
OPS["expm1"] = expm1 = Expm1()
OPS["log"] = log = Log()
OPS["log10"] = log10 = Log10()
OPS["log1p"] = log1p = Log1p()
_log2 = Log2()


@register
def log2(x: Any) -> Any:
    """The logarithm to base 2, of complex numbers too.

    >>> log2([1.0, 8.0]).eval()
    array([0., 3.])
    """
    x = as_tensor(x)
    return log(x) * (1 / _LOG_2) if is_complex(x.type.dtype) else _log2(x)


# -- trigonometric functions -------------------------------------------------------------------


class Sin(Elementwise):
    """Sine of ``x``, in radians.

    >>> sin([0.0, 1.0]).eval()
    array([0.        , 0.84147098])
    """

    dtype, reference, odd, cost = float_of, np.sin, True, 20
    samples = [grid(-3, 3), specials]

    def template(x):
        return np.sin(x)

    def partials(y, x):
        return [cos(x)]


class Cos(Elementwise):
    """Cosine of ``x``, in radians.

    >>> cos([0.0, 1.0]).eval()
    array([1.        , 0.54030231])
    """

    dtype, reference, even, cost = float_of, np.cos, True, 20
    samples = [grid(-3, 3), specials]

    def template(x):
        return np.cos(x)

    def partials(y, x):
        return [-sin(x)]


class Tan(Elementwise):
    """Tangent of ``x``, in radians.

    >>> tan([0.0, 1.0]).eval()
    array([0.        , 1.55740772])
    """

    dtype, reference, odd, cost = float_of, np.tan, True, 30
    samples = [grid(-1.3, 1.3), specials]

    def template(x):
        return np.tan(x)

    def partials(y, x):
        return [1 + sqr(y)]


class Arcsin(Elementwise):
    """The angle in ``[-pi/2, pi/2]`` whose sine is ``x``; NaN outside of ``[-1, 1]``.

    >>> arcsin([0.0, 1.0]).eval()
    array([0.        , 1.57079633])
    """

    dtype, reference, odd, cost = float_of, np.arcsin, True, 25
    samples = [grid(-0.9, 0.9), specials]

    def template(x):
        return np.arcsin(x)

    def partials(y, x):
        return [1 / sqrt(1 - sqr(x))]


class Arccos(Elementwise):
    """The angle in ``[0, pi]`` whose cosine is ``x``; NaN outside of ``[-1, 1]``.

    >>> arccos([0.0, 1.0]).eval()
    array([1.57079633, 0.        ])
    """

    dtype, reference, cost = float_of, np.arccos, 25
    samples = [grid(-0.9, 0.9), specials]

    def template(x):
        return np.arccos(x)

    def partials(y, x):
        return [-(1 / sqrt(1 - sqr(x)))]


class Arctan(Elementwise):
    """The angle in ``(-pi/2, pi/2)`` whose tangent is ``x``.

    >>> arctan([0.0, 1.0]).eval()
    array([0.        , 0.78539816])
    """

    dtype, reference, odd, cost = float_of, np.arctan, True, 25
    samples = [grid(-3, 3), specials]

    def template(x):
        return np.arctan(x)

    def partials(y, x):
        return [1 / (1 + sqr(x))]


class Arctan2(Elementwise):
    """The angle in ``[-pi, pi]`` of the point with coordinates ``(x, y)``; ``y`` comes first.

    >>> arctan2(1.0, [1.0, -1.0]).eval()
    array([0.78539816, 2.35619449])
    """

    dtype, reference, accepts, cost = float_of, np.arctan2, "biuf", 30
    samples = [
        pairs(0.3, 3),
        pairs(-3, -0.3),
        sample(data(2, 3), data(1, 3, seed=5, low=0.5)),
        sample([0.0, -0.0, 0.0, -0.0, 1.0], [1.0, 1.0, -1.0, -1.0, np.inf], smooth=False),
    ]

    def template(y, x):
        return np.arctan2(y, x)

    def partials(z, y, x):
        square = sqr(x) + sqr(y)
        return [x / square, -(y / square)]


OPS["sin"] = sin = Sin()
OPS["cos"] = cos = Cos()
OPS["tan"] = tan = Tan()
OPS["arcsin"] = arcsin = Arcsin()
OPS["arccos"] = arccos = Arccos()
OPS["arctan"] = arctan = Arctan()
OPS["arctan2"] = arctan2 = Arctan2()


class Deg2rad(Elementwise):
    """Degrees to radians.

    >>> deg2rad([0.0, 180.0]).eval()
    array([0.        , 3.14159265])
    """

    dtype, reference, odd, accepts = float_of, np.deg2rad, True, "biuf"
    samples = [grid(-300, 300), specials]

    def template(x):
        return x * 0.017453292519943295

    def partials(y, x):
        return [math.pi / 180]


class Rad2deg(Elementwise):
    """Radians to degrees.

    >>> rad2deg([0.0, math.pi]).eval()
    array([  0., 180.])
    """

    dtype, reference, odd, accepts = float_of, np.rad2deg, True, "biuf"
    samples = [grid(-3, 3), specials]

    def template(x):
        return x * 57.29577951308232

    def partials(y, x):
        return [180 / math.pi]


OPS["deg2rad"] = deg2rad = Deg2rad()
OPS["rad2deg"] = rad2deg = Rad2deg()


# -- hyperbolic functions ----------------------------------------------------------------------


class Sinh(Elementwise):
    """Hyperbolic sine.

    >>> sinh([0.0, 1.0]).eval()
    array([0.        , 1.17520119])
    """

    dtype, reference, odd, cost = float_of, np.sinh, True, 30
    samples = [grid(-3, 3), specials]

    def template(x):
        return np.sinh(x)

    def partials(y, x):
        return [cosh(x)]


class Cosh(Elementwise):
    """Hyperbolic cosine.

    >>> cosh([0.0, 1.0]).eval()
    array([1.        , 1.54308063])
    """

    dtype, reference, even, cost = float_of, np.cosh, True, 30
    samples = [grid(-3, 3), specials]

    def template(x):
        return np.cosh(x)

    def partials(y, x):
        return [sinh(x)]


class Tanh(Elementwise):
    """Hyperbolic tangent.

    >>> tanh([0.0, 1.0]).eval()
    array([0.        , 0.76159416])
    """

    dtype, reference, odd, cost = float_of, np.tanh, True, 30
    samples = [grid(-3, 3), points(1e-20, 20.0, -400.0), specials]

    def template(x):
        return np.tanh(x)

    def partials(y, x):
        return [1 - sqr(y)]


class Arcsinh(Elementwise):
    """The inverse of the hyperbolic sine.

    >>> arcsinh([0.0, 1.0]).eval()
    array([0.        , 0.88137359])
    """

    dtype, reference, odd, cost = float_of, np.arcsinh, True, 30
    samples = [grid(-3, 3), specials]

    def template(x):
        return np.arcsinh(x)

    def partials(y, x):
        return [1 / sqrt(sqr(x) + 1)]


class Arccosh(Elementwise):
    """The inverse of the hyperbolic cosine; NaN below 1.

    >>> arccosh([1.0, 2.0]).eval()
    array([0.        , 1.3169579])
    """

    dtype, reference, cost = float_of, np.arccosh, 30
    samples = [grid(1.2, 5), specials]

    def template(x):
        return np.arccosh(x)

    def partials(y, x):
        # Not sqrt(x**2 - 1), which has another branch for complex x with a negative real part.
        return [1 / (sqrt(x - 1) * sqrt(x + 1))]


class Arctanh(Elementwise):
    """The inverse of the hyperbolic tangent; NaN outside of ``[-1, 1]``.

    >>> arctanh([0.0, 0.5]).eval()
    array([0.        , 0.54930614])
    """

    dtype, reference, odd, cost = float_of, np.arctanh, True, 30
    samples = [grid(-0.9, 0.9), specials]

    def template(x):
        return np.arctanh(x)

    def partials(y, x):
        return [1 / (1 - sqr(x))]


OPS["sinh"] = sinh = Sinh()
OPS["cosh"] = cosh = Cosh()
OPS["tanh"] = tanh = Tanh()
OPS["arcsinh"] = arcsinh = Arcsinh()
OPS["arccosh"] = arccosh = Arccosh()
OPS["arctanh"] = arctanh = Arctanh()


# -- stable compositions -----------------------------------------------------------------------

_FAR = points(-1000.0, -745.0, -37.0, -1e-10, 37.0, 745.0, 1000.0)


class Sigmoid(Elementwise):
    """``1 / (1 + exp(-x))``, without overflow.

    >>> sigmoid([0.0, 2.0]).eval()
    array([0.5       , 0.88079708])
    """

    dtype, accepts, cost = float_of, "biuf", 30
    samples = [grid(-3, 3), _FAR, specials]

    def reference(x):
        small = np.exp(-np.abs(x))
        return np.where(x >= 0, 1, small) / (1 + small)

    def template(x):
        return elementary.sigmoid(x)

    def partials(y, x):
        return [y * (1 - y)]


class Softplus(Elementwise):
    """``log(1 + exp(x))``, without overflow.

    >>> softplus([0.0, 1000.0]).eval()
    array([6.93147181e-01, 1.00000000e+03])
    """

    dtype, accepts, cost = float_of, "biuf", 45
    samples = [grid(-3, 3), _FAR, specials]

    def reference(x):
        return np.logaddexp(0, x)

    def template(x):
        return elementary.softplus(x)

    def partials(y, x):
        return [sigmoid(x)]


class Logaddexp(Elementwise):
    """``log(exp(x) + exp(y))``, without overflow.

    >>> logaddexp(1000.0, [1000.0, 0.0]).eval()
    array([1000.69314718, 1000.        ])
    """

    dtype, reference, accepts, cost = float_of, np.logaddexp, "biuf", 45
    commutative, associative = True, True
    samples = [
        pairs(-3, 3),
        sample(data(2, 3), data(1, 3, seed=5)),
        sample([1000.0, -np.inf, np.inf, np.nan], [-1000.0, -np.inf, 0.0, 1.0], smooth=False),
    ]

    def template(x, y):
        return elementary.logaddexp(x, y)

    def partials(z, x, y):
        return [sigmoid(x - y), sigmoid(y - x)]


class Log1mexp(Elementwise):
    """``log(1 - exp(x))`` for negative ``x``, exact near 0 and far from it.

    >>> log1mexp([-1.0, -1e-20]).eval()
    array([ -0.45867515, -46.05170186])
    """

    dtype, accepts, cost = float_of, "biuf", 45
    samples = [grid(-4, -0.2), _FAR, specials]

    def reference(x):
        return np.where(x > -_LOG_2, np.log(-np.expm1(x)), np.log1p(-np.exp(x)))

    def template(x):
        return elementary.log1mexp(x)

    def partials(y, x):
        return [-(1 / expm1(-x))]


class Logit(Elementwise):
    """``log(x / (1 - x))``, the inverse of the sigmoid.

    >>> logit([0.5, 0.9]).eval()
    array([0.        , 2.19722458])
    """

    dtype, accepts, cost = float_of, "biuf", 25
    samples = [grid(0.05, 0.95), points(1e-300, 0.5, 0.5000001, 1.0, 0.0, -1.0), specials]

    def reference(x):
        middle = 2 * np.arctanh(2 * x - 1)
        return np.where(np.abs(x - 0.5) < 0.25, middle, np.log(x / (1 - x)))

    def template(x):
        return elementary.logit(x)

    def partials(y, x):
        return [1 / (x * (1 - x))]


OPS["sigmoid"] = OPS["expit"] = sigmoid = expit = Sigmoid()
OPS["softplus"] = OPS["log1pexp"] = softplus = log1pexp = Softplus()
OPS["logaddexp"] = logaddexp = Logaddexp()
OPS["log1mexp"] = log1mexp = Log1mexp()
OPS["logit"] = logit = Logit()
