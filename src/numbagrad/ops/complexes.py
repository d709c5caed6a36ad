"""Complex numbers: parts, conjugate, angle; and the absolute value and sign, of real ones too.

The gradient of a real cost C with respect to z = a + ib is dC/da + i dC/db, as in PyTensor. These
functions are not holomorphic, so each states both its rules.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph.registry import OPS, register
from ..graph.tensor import as_tensor
from ..testing.samples import data, grid, pairs, sample, specials
from .arithmetic import mul, sqr, true_div
from .casting import cast
from .comparison import neq
from .dtypes import float_of, is_complex, real_of, upcast
from .kinds import Elementwise, no_partials
from .mathematics import cos, sin
from .selection import masked, scale

__all__ = [
    "Abs",
    "Angle",
    "Complex",
    "Conj",
    "Imag",
    "Real",
    "Sign",
    "abs_",
    "angle",
    "complex_",
    "complex_from_polar",
    "conj",
    "imag",
    "real",
    "sgn",
    "sign",
]

_POINTS = sample(data(5) + 1j * data(5, seed=4))
_EDGES = sample(
    np.array([0j, 1 + 0j, -1 + 0j, complex(np.inf, 0), complex(0, -np.inf), complex(np.nan, 1)]),
    smooth=False,
)
_OWN = no_partials("it is not holomorphic: it states its own rules")


class Sign(Elementwise):
    """-1, 0 or 1 as ``x`` is negative, 0 or positive; NaN for NaN.

    >>> sign([-3.0, 0.0, 2.0]).eval()
    array([-1.,  0.,  1.])
    """

    dtype, reference, odd, accepts = upcast, np.sign, True, "iuf"
    partials = no_partials("it is constant on both sides of its jump")
    samples = [grid(-3, 3), specials, sample(np.array([-3, 0, 5]))]

    def template(x):
        return (x > 0) - (x < 0) if x == x else x


_sign = Sign()


@register
def sign(x: Any) -> Any:
    """-1, 0 or 1 as ``x`` is negative, 0 or positive; ``x / abs(x)`` of complex ``x``.

    Raises
    ------
    TypeError
        If ``x`` holds truth values.

    Examples
    --------
    >>> sign([-3.0, 0.0, 2.0]).eval()
    array([-1.,  0.,  1.])
    """
    x = as_tensor(x)
    if not is_complex(x.type.dtype):
        return _sign(x)
    size = abs_(x)
    return masked(neq(size, 0), true_div(x, size))


OPS["sgn"] = sgn = sign


class Abs(Elementwise):
    """The absolute value; its derivative at 0 is taken to be 0.

    >>> abs_([-3.0, 2.0]).eval()
    array([3., 2.])
    """

    dtype, reference, even, inputs_as = real_of, np.absolute, True, "given"
    samples = [grid(-3, 3), specials, _POINTS, _EDGES, sample(np.array([-3, 0, 5]))]

    def template(x):
        return abs(x)

    def partials(y, x):
        return [sign(x)]

    def pullback(self, gy, y, x):
        if not is_complex(x.type.dtype):
            return super().pullback(gy, y, x)
        return [scale(cast(gy, x.type.dtype), sign(x))]  # d|z|/da + i d|z|/db = z / |z|

    def pushforward(self, tangents, y, x):
        if not is_complex(x.type.dtype):
            return super().pushforward(tangents, y, x)
        return real(mul(conj(sign(x)), tangents[0]))


OPS["abs"] = abs_ = Abs()


class Real(Elementwise):
    """The real part.

    >>> real([1.0 + 2.0j]).eval()
    array([1.])
    """

    dtype, reference, accepts, inputs_as, cost = real_of, np.real, "c", "given", 0
    partials = _OWN
    samples = [_POINTS, _EDGES]

    def template(x):
        return x.real

    def pullback(self, gy, y, x):
        return [cast(gy, x.type.dtype)]

    def pushforward(self, tangents, y, x):
        return real(tangents[0])


class Imag(Elementwise):
    """The imaginary part.

    >>> imag([1.0 + 2.0j]).eval()
    array([2.])
    """

    dtype, reference, accepts, inputs_as, cost = real_of, np.imag, "c", "given", 0
    partials = _OWN
    samples = [_POINTS, _EDGES]

    def template(x):
        return x.imag

    def pullback(self, gy, y, x):
        return [complex_(OPS["zeros_like"](gy), gy)]

    def pushforward(self, tangents, y, x):
        return imag(tangents[0])


class Conj(Elementwise):
    """The complex conjugate.

    >>> conj([1.0 + 2.0j]).eval()
    array([1.-2.j])
    """

    dtype, reference, accepts, odd = upcast, np.conjugate, "c", True
    partials = _OWN
    samples = [_POINTS, _EDGES]

    def template(x):
        return np.conj(x)

    def pullback(self, gy, y, x):
        return [conj(gy)]

    def pushforward(self, tangents, y, x):
        return conj(tangents[0])


class Angle(Elementwise):
    """The angle of a complex number, in radians, from -pi to pi.

    >>> angle([1.0j, -1.0]).eval()
    array([1.57079633, 3.14159265])
    """

    dtype, reference, accepts, inputs_as, cost = real_of, np.angle, "c", "given", 30
    partials = _OWN
    samples = [_POINTS, _EDGES]

    def template(x):
        return np.arctan2(x.imag, x.real)

    def pullback(self, gy, y, x):
        # angle = atan2(b, a): d/da + i d/db = (-b + i a) / |z|**2 = i z / |z|**2
        return [mul(cast(gy, x.type.dtype), mul(1j, x)) / sqr(abs_(x))]

    def pushforward(self, tangents, y, x):
        return imag(mul(conj(x), tangents[0])) / sqr(abs_(x))


class Complex(Elementwise):
    """The complex number with real part ``x`` and imaginary part ``y``.

    >>> complex_([1.0, 2.0], [3.0, 4.0]).eval()
    array([1.+3.j, 2.+4.j])
    """

    inputs_as, accepts = "given", "biuf"
    partials = _OWN
    samples = [pairs(-3, 3), sample(data(2, 3), data(1, 3, seed=5))]

    def dtype(x, y):
        return {"float32": "complex64", "float64": "complex128"}[float_of(x, y)]

    def argument_dtypes(self, inputs, output):
        return ["float32" if output == "complex64" else "float64"] * 2

    def reference(x, y):
        made = np.empty(np.broadcast_shapes(x.shape, y.shape), np.result_type(x, np.complex64))
        made.real, made.imag = x, y
        return made

    def template(x, y):
        return complex(x, y)

    def pullback(self, gy, y, *inputs):
        parts = real(gy), imag(gy)
        return [OPS["unbroadcast"](g, x) for g, x in zip(parts, inputs, strict=True)]

    def pushforward(self, tangents, y, *inputs):
        still = OPS["zeros_like"](real(y))
        return complex_(*(still if t is None else t for t in tangents))


_real, _imag, _conj, _angle = Real(), Imag(), Conj(), Angle()
complex_ = Complex()
OPS["complex"] = complex_


@register
def real(x: Any) -> Any:
    """The real part of ``x``; a real ``x`` itself.

    >>> real([1.0 + 2.0j]).eval()
    array([1.])
    """
    x = as_tensor(x)
    return _real(x) if is_complex(x.type.dtype) else x


@register
def imag(x: Any) -> Any:
    """The imaginary part of ``x``; zeros for a real ``x``.

    >>> imag([1.0 + 2.0j]).eval()
    array([2.])
    """
    x = as_tensor(x)
    return _imag(x) if is_complex(x.type.dtype) else OPS["zeros_like"](x)


@register
def conj(x: Any) -> Any:
    """The complex conjugate of ``x``; a real ``x`` itself.

    >>> conj([1.0 + 2.0j]).eval()
    array([1.-2.j])
    """
    x = as_tensor(x)
    return _conj(x) if is_complex(x.type.dtype) else x


@register
def angle(x: Any) -> Any:
    """The angle of ``x`` in the complex plane, in radians; 0 or pi for real ``x``.

    >>> angle([1.0j, -1.0]).eval()
    array([1.57079633, 3.14159265])
    """
    x = as_tensor(x)
    if is_complex(x.type.dtype):
        return _angle(x)
    return OPS["arctan2"](OPS["zeros_like"](x), x)


@register
def complex_from_polar(r: Any, theta: Any) -> Any:
    """The complex number with absolute value ``r`` and angle ``theta``.

    >>> complex_from_polar(2.0, [0.0]).eval()
    array([2.+0.j])
    """
    return complex_(mul(r, cos(theta)), mul(r, sin(theta)))


OPS["conjugate"] = conj
