"""Special functions of SciPy's names: error functions, the gamma family, x log y.

SciPy is their reference, looked up when it is first used.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..graph.registry import OPS, register
from ..kernels import elementary, special
from ..testing.samples import data, grid, pairs, points, sample, specials
from .arithmetic import sqr
from .comparison import neq, or_
from .dtypes import float_of
from .kinds import Elementwise
from .mathematics import exp, log, log1p
from .selection import masked

__all__ = [
    "digamma",
    "erf",
    "erfc",
    "erfcinv",
    "erfcx",
    "erfinv",
    "gamma",
    "gammaln",
    "polygamma",
    "psi",
    "tri_gamma",
    "xlog1py",
    "xlogy",
]


def _scipy(name: str) -> Callable[..., Any]:
    """``scipy.special.name``, imported when it is called."""

    def reference(*arrays: Any) -> Any:
        return getattr(importlib.import_module("scipy.special"), name)(*arrays)

    return reference


# -- error functions ---------------------------------------------------------------------------

_ROOT_PI = math.sqrt(math.pi)


class Erf(Elementwise):
    """The error function, ``2 / sqrt(pi)`` times the integral of ``exp(-t**2)`` from 0 to ``x``.

    >>> erf([0.0, 1.0]).eval()
    array([0.        , 0.84270079])
    """

    dtype, reference, odd, accepts, cost = float_of, _scipy("erf"), True, "biuf", 30
    samples = [grid(-3, 3), points(1e-20, 6.0, -30.0), specials]

    def template(x):
        return elementary.erf(x)

    def partials(y, x):
        return [exp(-sqr(x)) * (2 / _ROOT_PI)]


class Erfc(Elementwise):
    """``1 - erf(x)``, exact where that is small.

    >>> erfc([0.0, 5.0]).eval()
    array([1.00000000e+00, 1.53745979e-12])
    """

    dtype, reference, accepts, cost = float_of, _scipy("erfc"), "biuf", 40
    samples = [grid(-3, 3), points(26.0, -30.0, 30.0), specials]

    def template(x):
        return elementary.erfc(x)

    def partials(y, x):
        return [exp(-sqr(x)) * (-2 / _ROOT_PI)]


class Erfcx(Elementwise):
    """``exp(x**2) * erfc(x)``, without overflow of the factors.

    >>> erfcx([0.0, 100.0]).eval()
    array([1.        , 0.00564161])
    """

    dtype, reference, accepts, cost = float_of, _scipy("erfcx"), "biuf", 40
    samples = [grid(-2, 4), points(1e3, -30.0), specials]

    def template(x):
        return elementary.erfcx(x)

    def partials(y, x):
        return [2 * x * y - 2 / _ROOT_PI]


class Erfinv(Elementwise):
    """The inverse of the error function; infinite at -1 and 1, NaN beyond.

    >>> erfinv([0.0, 0.5]).eval()
    array([0.        , 0.47693628])
    """

    dtype, reference, odd, accepts, cost = float_of, _scipy("erfinv"), True, "biuf", 40
    samples = [grid(-0.9, 0.9), points(1e-20, 1.0, -1.0, 2.0), specials]

    def template(x):
        return elementary.erfinv(x)

    def partials(y, x):
        return [exp(sqr(y)) * (_ROOT_PI / 2)]


class Erfcinv(Elementwise):
    """The inverse of ``erfc``; infinite at 0 and 2, NaN beyond.

    >>> erfcinv([1.5, 0.5]).eval()
    array([-0.47693628,  0.47693628])
    """

    dtype, reference, accepts, cost = float_of, _scipy("erfcinv"), "biuf", 40
    samples = [grid(0.1, 1.9), points(1e-200, 0.0, 2.0, 3.0), specials]

    def template(x):
        return special.erfcinv(x)

    def partials(y, x):
        return [exp(sqr(y)) * (-_ROOT_PI / 2)]


OPS["erf"] = erf = Erf()
OPS["erfc"] = erfc = Erfc()
OPS["erfcx"] = erfcx = Erfcx()
OPS["erfinv"] = erfinv = Erfinv()
OPS["erfcinv"] = erfcinv = Erfcinv()


# -- the gamma family --------------------------------------------------------------------------

_BOTH_SIDES = [grid(0.2, 6), grid(-0.9, -0.1), grid(-3.9, -3.1)]


class Gamma(Elementwise):
    """The gamma function, ``(x - 1)!`` of whole ``x``.

    >>> gamma([1.0, 5.0]).eval()
    array([ 1., 24.])
    """

    dtype, reference, accepts, cost = float_of, _scipy("gamma"), "biuf", 60
    samples = [*_BOTH_SIDES, points(171.0, 172.0, -170.5, 1e-10), specials]

    def template(x):
        return special.gamma(x)

    def partials(y, x):
        return [y * psi(x)]


def _gammaln(x: Any) -> Any:
    """SciPy's, which overflows where ``1 / x`` does: there it is ``-log(abs(x))``."""
    whole = np.asarray(_scipy("gammaln")(x))
    with np.errstate(divide="ignore"):
        return np.where(np.abs(x) < 1e-300, -np.log(np.abs(x)), whole).astype(whole.dtype)


class Gammaln(Elementwise):
    """``log(abs(gamma(x)))``, without overflow.

    >>> gammaln([1.0, 200.0]).eval()
    array([  0.        , 857.93366983])
    """

    dtype, reference, accepts, cost = float_of, _gammaln, "biuf", 40
    samples = [*_BOTH_SIDES, points(1e10, -170.5, 1e-10), specials]

    def template(x):
        return elementary.gammaln(x)

    def partials(y, x):
        return [psi(x)]


class Psi(Elementwise):
    """The digamma function, the derivative of ``gammaln``.

    >>> psi([1.0, 2.0]).eval()
    array([-0.57721566,  0.42278434])
    """

    dtype, reference, accepts, cost = float_of, _scipy("psi"), "biuf", 60
    samples = [*_BOTH_SIDES, points(1e10, 1e-10), specials]

    def template(x):
        return elementary.digamma(x)

    def partials(y, x):
        return [tri_gamma(x)]


class TriGamma(Elementwise):
    """The trigamma function, the derivative of ``psi``.

    >>> tri_gamma([1.0, 2.0]).eval()
    array([1.64493407, 0.64493407])
    """

    dtype, accepts, cost = float_of, "biuf", 60
    samples = [*_BOTH_SIDES, points(1e10, 1e-10, 0.0, -3.0, np.inf, np.nan)]

    def reference(x):
        return _scipy("polygamma")(1, x).astype(x.dtype)

    def template(x):
        return elementary.trigamma(x)

    def partials(y, x):
        return [polygamma(2, x)]


class Polygamma(Elementwise):
    """The derivative of order ``n`` of ``psi``; ``n`` is a static parameter, at least 2.

    >>> polygamma(2, [1.0, 2.0]).eval()
    array([-2.40411381, -0.40411381])
    """

    __props__ = ("n",)
    dtype, accepts, cost = float_of, "biuf", 200
    samples = [
        sample(data(5, low=0.2, high=6), n=2),
        sample(data(5, low=-3.9, high=-3.1), n=2),
        sample(data(5, low=0.2, high=30), n=5),
        sample(np.array([1e10, 1e-10, -2.0, 0.0, np.inf, np.nan]), n=3, smooth=False),
    ]

    def reference(x, n):
        scipy_zeta = _scipy("zeta")
        made = (-1.0) ** (n + 1) * math.factorial(n) * scipy_zeta(n + 1, x.astype("float64"))
        return np.where(x > -np.inf, made, np.nan)

    # psi_n(x) = (-1)**(n + 1) n! zeta(n + 1, x), with Hurwitz' zeta(s, q) = sum of (q + i)**-s.
    # Its sum from q >= 16 + s on is Euler and Maclaurin's: Abramowitz and Stegun, 6.4.11. The
    # negative terms of a negative x = f - m, 0 < f < 1, are a difference of two such sums:
    # zeta(s, x) = zeta(s, f) + (-1)**s (zeta(s, 1 - f) - zeta(s, 1 - x)).
    def template(x, n):
        if x == np.inf:
            return 0.0
        s = n + 1.0
        fraction = x - np.floor(x)
        if x <= 0.0 and fraction == 0.0:
            return np.inf if n % 2 == 1 else -np.inf
        total = 0.0
        for part in range(1 if x > 0.0 else 3):
            if part == 0:
                q = x if x > 0.0 else fraction
            else:
                q = 1.0 - fraction if part == 1 else 1.0 - x
            zeta = 0.0
            while q < 16.0 + s:
                zeta += q**-s
                q += 1.0
            term = q**-s
            zeta += term * (q / (s - 1.0) + 0.5)
            term *= s / q
            u = 1.0 / (q * q)
            zeta += term / 12.0
            term *= (s + 1.0) * (s + 2.0) * u
            zeta -= term / 720.0
            term *= (s + 3.0) * (s + 4.0) * u
            zeta += term / 30240.0
            term *= (s + 5.0) * (s + 6.0) * u
            zeta -= term / 1209600.0
            term *= (s + 7.0) * (s + 8.0) * u
            zeta += term / 47900160.0
            if part == 0 or (part == 1) == (n % 2 == 1):
                total += zeta
            else:
                total -= zeta
        return total * math.gamma(s) if n % 2 == 1 else -total * math.gamma(s)

    def partials(self, y, x):
        return [polygamma(self.n + 1, x)]


OPS["gamma"] = gamma = Gamma()
OPS["gammaln"] = gammaln = Gammaln()
OPS["psi"] = OPS["digamma"] = psi = digamma = Psi()
OPS["tri_gamma"] = tri_gamma = TriGamma()


@register
def polygamma(n: int, x: Any) -> Any:
    """The derivative of order ``n`` of the digamma function.

    Parameters
    ----------
    n : int
        At least 0; a Python integer, since it is part of the compiled code.
    x : array_like or TensorVariable

    Raises
    ------
    TypeError
        If ``n`` is no Python integer.
    ValueError
        If ``n`` is negative.

    Examples
    --------
    >>> polygamma(1, 1.0).eval()
    array(1.64493407)
    """
    if not isinstance(n, (int, np.integer)) or isinstance(n, bool):
        raise TypeError(f"polygamma: the order n must be a Python integer; got {n!r}")
    if n < 0:
        raise ValueError(f"polygamma: the order n must be at least 0; got {n}")
    if n < 2:
        return tri_gamma(x) if n else psi(x)
    return Polygamma(n=int(n))(x)


# -- x log y -----------------------------------------------------------------------------------

_ZEROS = sample(
    np.array([0.0, 0.0, 0.0, 1.0, 2.0, np.nan]),
    np.array([0.0, 1.0, np.nan, 0.0, np.inf, 0.0]),
    smooth=False,
)


class Xlogy(Elementwise):
    """``x * log(y)``, and 0 where ``x`` is 0.

    >>> xlogy([0.0, 2.0], [0.0, 3.0]).eval()
    array([0.        , 2.19722458])
    """

    dtype, reference, accepts, cost = float_of, _scipy("xlogy"), "biuf", 25
    samples = [pairs(-3, 3, 0.2, 4), sample(data(2, 3), data(1, 3, seed=5, low=0.3)), _ZEROS]

    def template(x, y):
        return 0.0 if x == 0.0 and y == y else x * np.log(y)

    def partials(z, x, y):
        # Only 0/0 is taken out: elsewhere x makes the 0, and its own derivative must stay.
        return [log(y), masked(or_(neq(x, 0), neq(y, 0)), x / y)]


class Xlog1py(Elementwise):
    """``x * log(1 + y)``, and 0 where ``x`` is 0.

    >>> xlog1py([0.0, 2.0], [-1.0, 3.0]).eval()
    array([0.        , 2.77258872])
    """

    dtype, reference, accepts, cost = float_of, _scipy("xlog1py"), "biuf", 25
    samples = [
        pairs(-3, 3, -0.7, 4),
        sample(data(2, 3), data(1, 3, seed=5, low=-0.5)),
        sample([0.0, 0.0, 1.0, np.nan], [-1.0, np.nan, -1.0, 0.0], smooth=False),
    ]

    def template(x, y):
        return 0.0 if x == 0.0 and y == y else x * np.log1p(y)

    def partials(z, x, y):
        return [log1p(y), masked(or_(neq(x, 0), neq(y, -1)), x / (1 + y))]


OPS["xlogy"] = xlogy = Xlogy()
OPS["xlog1py"] = xlog1py = Xlog1py()
