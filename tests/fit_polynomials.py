"""Prints ``numbagrad/kernels/_coefficients.py``: where the polynomials come from.

Each row is a smooth function, what is left of an elementary one when its leading terms are taken
away, on the interval to which arguments are reduced. It is interpolated at the Chebyshev points of
the interval in arithmetic of 60 digits, which comes within a small factor of the best polynomial
(Powell, "On the maximum errors of polynomial approximations", 1967), and the coefficients are
rounded to double precision. For single precision the sum of squares at four times as many such
points is made least, weighted as the error weighs in the result; a coefficient is rounded, and
those of higher powers are found anew beside it, so that they make up for what it lost. The
reductions are those of Cody and Waite, "Software Manual for the
Elementary Functions", 1980, and Muller, "Elementary Functions", 2016.
"""

import struct

from mpmath import mp

mp.dps = 60


def horner(coefficients, x):
    """A polynomial's value; coefficients from the constant one on."""
    made = mp.mpf(0)
    for coefficient in reversed(coefficients):
        made = made * x + coefficient
    return made


def _tail(f, first):
    """Of a function's Taylor series at 0 the terms from x**first on, divided by x**first."""
    terms = mp.taylor(f, 0, first + 30)[first:]
    return lambda x: horner(terms, x)


def _series(term, count=60):
    """The sum of ``term(n) x**n``."""
    return lambda x: mp.fsum(term(n) * x**n for n in range(count))


def _beyond(f, count):
    """What a function has beyond its first Taylor terms at 0, divided by the power of the next."""
    terms = mp.taylor(f, 0, count + 40)

    def rest(x):
        if abs(x) < 0.05:
            return horner(terms[count:], x)
        return (f(x) - horner(terms[:count], x)) / x**count

    return rest


def _over_root(f):
    """``f(x) / x`` of an odd function, as one of ``u = x**2``, for `_beyond`."""
    return lambda u: f(mp.sqrt(u)) / mp.sqrt(u) if u else mp.mpf(1)


def _erfcx_far(t):
    """``exp(x**2) erfc(x)`` of ``x`` for ``t = (x - 4) / (x + 4)``."""
    x = 4 * (1 + t) / (1 - t)
    return mp.exp(x * x) * mp.erfc(x)


def _erfcx(middle):
    """``(x + m) exp(x**2) erfc(x)`` of ``x`` for ``t = (x - m) / (x + m)``."""

    def near(t):
        x = middle * (1 + t) / (1 - t)
        return (x + middle) * mp.exp(x * x) * mp.erfc(x)

    return near


def _erfinv(w):
    """``erfinv(x) / x`` of ``x`` for ``w = -log(1 - x**2)``."""
    x = mp.sqrt(-mp.expm1(-w))
    return mp.erfinv(x) / x


#: The middle of the interval around the minimum of gamma in logarithmic measure.
_MIDDLE = mp.sqrt(mp.mpf("0.6") * 3)


def _lgamma(t):
    """``log(gamma(x)) / ((x - 1) (x - 2))`` of ``x`` for ``t = (x - m) / (x + m)``."""
    x = mp.mpf(repr(float(_MIDDLE))) * (1 + t) / (1 - t)
    return mp.loggamma(x) / ((x - 1) * (x - 2))


def _far(f):
    """A function of ``x`` as one of ``1 / x**2``."""
    return lambda u: f(1 / mp.sqrt(u))


def _stirling(x):
    """What Stirling's formula lacks, times ``x``."""
    lead = (x - 0.5) * (mp.log(x) - 1) + (mp.log(2 * mp.pi) - 1) / 2
    return x * (mp.loggamma(x) - lead)


def _digamma(s):
    """``psi(x) / (x - zero)`` of ``x = 3/2 + s``."""
    x = s + 1.5
    return mp.psi(0, x) / (x - _ZERO)


_ZERO = mp.findroot(lambda x: mp.psi(0, x), 1.46)
_HALF = mp.log(2) / 2 * mp.mpf("1.001")
_EIGHTH = (mp.pi / 4 * mp.mpf("1.0001")) ** 2
_ATANH = (3 - 2 * mp.sqrt(2)) ** 2 * mp.mpf("1.001")
_TAN = mp.tan(mp.pi / 8) ** 2 * mp.mpf("1.001")
#: Name: function, interval, number of coefficients.
_EXP = (_tail(mp.exp, 2), -_HALF, _HALF)
_LOG = (_series(lambda n: mp.mpf(2) / (2 * n + 3)), 0, _ATANH)
_SIN = (_series(lambda n: (-1) ** (n + 1) / mp.factorial(2 * n + 3)), 0, _EIGHTH)
_COS = (_series(lambda n: mp.mpf(-1) ** n / mp.factorial(2 * n + 4)), 0, _EIGHTH)
_ATAN = (_series(lambda n: mp.mpf((-1) ** (n + 1)) / (2 * n + 3), 200), 0, _TAN)
_ASIN = (
    _series(lambda n: mp.binomial(2 * n + 2, n + 1) / 4 ** (n + 1) / (2 * n + 3), 300),
    0, mp.mpf("0.2501"),
)  # fmt: skip
_ERF = (
    lambda u: (mp.erf(mp.sqrt(u)) / mp.sqrt(u) if u else 2 / mp.sqrt(mp.pi)) - 1,
    0, mp.mpf("1.0001"),
)  # fmt: skip
_ERFINV = (lambda t: _erfinv(t + 3.125), mp.mpf("-3.125"), mp.mpf("3.125"))
_LGAMMA = (_lgamma, mp.mpf("-0.382"), mp.mpf("0.382"))
_STIRLING = (_far(_stirling), 0, mp.mpf(1) / 9)
_DIGAMMA = (_digamma, mp.mpf("-0.5"), mp.mpf("0.5"))
_DIGAMMA_FAR = (
    _far(lambda x: x * x * (mp.log(x) - 1 / (2 * x) - mp.psi(0, x))), 0, mp.mpf("0.25")
)  # fmt: skip
_TRIGAMMA = (lambda s: mp.psi(1, s + 1.5), mp.mpf("-0.5"), mp.mpf("0.5"))
_TRIGAMMA_FAR = (
    _far(lambda x: x**3 * (mp.psi(1, x) - 1 / x - 1 / (2 * x * x))), 0, mp.mpf("0.25")
)  # fmt: skip
FITS = {
    "EXP": (*_EXP, 10),
    "EXP_SINGLE": (*_EXP, 6),
    "LOG": (*_LOG, 7),
    "LOG_SINGLE": (*_LOG, 4),
    "LOG_FAR": (_series(lambda n: mp.mpf(2) / (2 * n + 5)), 0, _ATANH, 7),
    "SIN": (*_SIN, 6),
    "SIN_SINGLE": (*_SIN, 4),
    "COS": (*_COS, 6),
    "COS_SINGLE": (*_COS, 3),
    "ATAN": (*_ATAN, 12),
    "ATAN_SINGLE": (*_ATAN, 6),
    "ASIN": (*_ASIN, 14),
    "ASIN_SINGLE": (*_ASIN, 7),
    "ERF": (*_ERF, 15),
    "ERF_NEAR": (_ERF[0], 0, mp.mpf("0.2501"), 11),
    "ERF_FAR": (_erfcx_far, mp.mpf("-0.6001"), mp.mpf("0.2001"), 17),
    "ERFCX": (_erfcx(2), mp.mpf("-0.6001"), mp.mpf("0.8638"), 24),
    "ERFINV": (*_ERFINV, 25),
    "ERFINV_FAR": (
        lambda t: _erfinv((t + mp.mpf("4.275")) ** 2),
        mp.mpf("-1.776"),
        mp.mpf("1.776"),
        30,
    ),
    "LGAMMA": (*_LGAMMA, 23),
    "LGAMMA_SINGLE": (*_LGAMMA, 12),
    "STIRLING": (*_STIRLING, 12),
    "STIRLING_SINGLE": (*_STIRLING, 4),
    "DIGAMMA": (*_DIGAMMA, 22),
    "DIGAMMA_SINGLE": (*_DIGAMMA, 11),
    "DIGAMMA_FAR": (*_DIGAMMA_FAR, 18),
    "DIGAMMA_FAR_SINGLE": (*_DIGAMMA_FAR, 6),
    "TRIGAMMA": (*_TRIGAMMA, 24),
    "TRIGAMMA_SINGLE": (*_TRIGAMMA, 13),
    "TRIGAMMA_FAR": (*_TRIGAMMA_FAR, 21),
    "TRIGAMMA_FAR_SINGLE": (*_TRIGAMMA_FAR, 7),
}


def _erfc_root(t):
    """The fourth root of ``erfc(t + 5/2)``."""
    return mp.sqrt(mp.sqrt(mp.erfc(t + mp.mpf("2.5"))))


_ROOT = mp.sqrt(2) * mp.mpf("1.0001")
#: For single precision: function, interval, number of coefficients, weight of an error.
FLOATS = {
    "EXP_FLOAT": (_beyond(mp.exp, 2), -_HALF, _HALF, 5, lambda r: r * r * mp.exp(-r)),
    "EXP2_FLOAT": (
        _beyond(lambda r: mp.mpf(2) ** r, 1), mp.mpf("-0.5"), mp.mpf("0.5"), 6,
        lambda r: r * mp.mpf(2) ** -r,
    ),
    "LOG_FLOAT": (_beyond(mp.log1p, 3), 1 / _ROOT - 1, _ROOT - 1, 8, lambda f: f * f),
    "TANH_FLOAT": (_beyond(_over_root(mp.tanh), 1), 0, mp.mpf("0.625") ** 2, 5, lambda u: u),
    "ASINH_FLOAT": (_beyond(_over_root(mp.asinh), 1), 0, 1, 9, lambda u: u),
    "ASINH_FAR_FLOAT": (
        _beyond(lambda v: mp.log((1 + mp.sqrt(1 + v)) / 2), 1), 0, 1, 8, lambda v: v
    ),
    "ERFCX_FLOAT": (
        _erfcx(mp.mpf("1.5")), mp.mpf("-0.5001"), mp.mpf("0.7415"), 12,
        lambda t: 1 / _erfcx(mp.mpf("1.5"))(t),
    ),
    "ERFINV_FLOAT": (
        lambda t: (_erfinv(t + 1.75) - mp.sqrt(mp.pi) / 2) / (t + 1.75),
        mp.mpf("-1.75"), mp.mpf("1.75"), 8, lambda t: (t + 1.75) / _erfinv(t + 1.75),
    ),
    "ERFINV_FAR_FLOAT": (
        lambda t: _erfinv((t + 2.5) ** 2), mp.mpf("-0.63"), mp.mpf("1.59"), 13,
        lambda t: 1 / _erfinv((t + 2.5) ** 2),
    ),
    "ERF_FLOAT": (*_ERF, 7, lambda u: 1),
    "ERF_FAR_FLOAT": (
        _erfc_root, mp.mpf("-1.5"), mp.mpf("1.43"), 10, lambda t: 4 * _erfc_root(t) ** 3
    ),
}  # fmt: skip
#: Single numbers.
NUMBERS = {"LGAMMA_MIDDLE": _MIDDLE}


def chebyshev_points(a, b, count):
    return [(a + b) / 2 + (b - a) / 2 * mp.cos((2 * k + 1) * mp.pi / (2 * count))
            for k in range(count)]  # fmt: skip


def fit(f, a, b, count):
    """The coefficients, from the constant one on."""
    points = chebyshev_points(mp.mpf(a), mp.mpf(b), count)
    matrix = mp.matrix([[x**k for k in range(count)] for x in points])
    return [float(c) for c in mp.lu_solve(matrix, mp.matrix([f(x) for x in points]))]


def fit_floats(f, a, b, count, weight):
    """Coefficients that are numbers of single precision, from the constant one on."""
    points = chebyshev_points(mp.mpf(a), mp.mpf(b), 4 * count)
    weights, values = [weight(x) for x in points], [f(x) for x in points]
    made = []
    for first in range(count):
        matrix = mp.matrix(
            [[w * x**k for k in range(first, count)] for x, w in zip(points, weights)]
        )
        rest = [w * (y - horner(made, x)) for x, y, w in zip(points, values, weights)]
        lowest = mp.lu_solve(matrix.T * matrix, matrix.T * mp.matrix(rest))[0]
        made.append(struct.unpack("f", struct.pack("f", float(lowest)))[0])
    return made


def largest_error(f, a, b, coefficients):
    """On a fine grid, in exact arithmetic."""
    a, b = mp.mpf(a), mp.mpf(b)
    grid = [a + (b - a) * k / 200 for k in range(201)]
    return max(abs(f(x) - horner(coefficients, x)) for x in grid)


def text():
    """The module of coefficients."""
    lines = [
        '"""Coefficients of polynomials, lowest degree first, printed by tests/fit_polynomials.py.',
        "",
        "That file says of which functions and how they were found.",
        '"""',
        "",
    ]
    lines += [f"{name} = {float(value)!r}" for name, value in NUMBERS.items()]
    for name, row in FITS.items():
        lines += [f"{name} = (", *(f"    {c!r}," for c in fit(*row)), ")"]
    for name, row in FLOATS.items():
        lines += [f"{name} = (", *(f"    {c!r}," for c in fit_floats(*row)), ")"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(text(), end="")
