"""Sums, products, quotients and powers, elementwise.

Two-argument Ops and the functions over them that take any number of arguments. Exponentials and
other mathematics are in ``mathematics``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..graph.registry import OPS, register
from ..graph.tensor import TensorConstant
from ..kernels import integer, special
from ..testing.samples import data, grid, pairs, sample, specials
from .checks import Check
from .dtypes import convert_together, float_of, is_discrete, number_of, quotient_of, upcast
from .kinds import Elementwise, no_partials

__all__ = [
    "Add",
    "FloorDiv",
    "IntFloorDiv",
    "IntMod",
    "IntPow",
    "Mod",
    "Mul",
    "Neg",
    "Pow",
    "Reciprocal",
    "Sqr",
    "Sqrt",
    "Sub",
    "TrueDiv",
    "add",
    "cbrt",
    "divmod_",
    "floor_div",
    "hypot",
    "int_div",
    "inv",
    "mod",
    "mul",
    "neg",
    "pow_",
    "reciprocal",
    "sqr",
    "sqrt",
    "square",
    "sub",
    "true_div",
]

_INTEGERS = sample(np.array([7, -7, 7, -7, 3, 0, 5]), np.array([2, 2, -2, -2, 7, 4, 1]))
_BROADCAST = sample(data(2, 3), data(1, 3, seed=5, low=0.5))
_EMPTY = sample(np.zeros(0), np.zeros(0))


def fold(op: Any, values: Any, name: str) -> Any:
    """A two-argument Op applied from left to right to any number of values."""
    if not values:
        raise TypeError(f"{name} needs at least one argument")
    first, *rest = convert_together(values)
    for value in rest:
        first = op(first, value)
    return first


class Add(Elementwise):
    """``x + y``; of truth values it is the logical or, as in NumPy.

    >>> add([1.0, 2.0], 3.0, 4.0).eval()
    array([8., 9.])
    """

    dtype, reference, infix = upcast, np.add, "+"
    commutative, associative, unit = True, True, 0
    samples = [pairs(-3, 3), _BROADCAST, _EMPTY, _INTEGERS]

    def template(x, y):
        return x + y

    def partials(z, x, y):
        return [1, 1]


_add = Add()


@register
def add(*xs: Any) -> Any:
    """The sum of all arguments.

    >>> add(1.0, 2.0, 3.0).eval()
    array(6.)
    """
    return _add(*xs) if len(xs) == 2 else fold(_add, xs, "add")


class Sub(Elementwise):
    """``x - y``; truth values can not be subtracted, as in NumPy.

    >>> sub([1.0, 2.0], 3.0).eval()
    array([-2., -1.])
    """

    dtype, reference, infix, accepts = upcast, np.subtract, "-", "iufc"
    samples = [pairs(-3, 3), _BROADCAST, _INTEGERS]

    def template(x, y):
        return x - y

    def partials(z, x, y):
        return [1, -1]


OPS["sub"] = sub = Sub()


class Mul(Elementwise):
    """``x * y``; of truth values it is the logical and, as in NumPy.

    >>> mul([1.0, 2.0], 3.0).eval()
    array([3., 6.])
    """

    dtype, reference, infix = upcast, np.multiply, "*"
    commutative, associative, unit, zero = True, True, 1, 0
    samples = [pairs(-3, 3), _BROADCAST, _EMPTY, _INTEGERS]

    def template(x, y):
        return x * y

    def partials(z, x, y):
        return [y, x]


_mul = Mul()


@register
def mul(*xs: Any) -> Any:
    """The product of all arguments.

    >>> mul(2.0, 3.0, 4.0).eval()
    array(24.)
    """
    return _mul(*xs) if len(xs) == 2 else fold(_mul, xs, "mul")


class TrueDiv(Elementwise):
    """``x / y``; float64 for integers.

    >>> true_div([1, 2], 4).eval()
    array([0.25, 0.5 ])
    """

    dtype, reference, infix, cost = quotient_of, np.true_divide, "/", 4
    samples = [pairs(-3, 3, 0.5, 2), _BROADCAST, _INTEGERS]

    def template(x, y):
        return x / y

    def partials(z, x, y):
        return [1 / y, -(z / y)]


OPS["true_div"] = true_div = TrueDiv()


class Neg(Elementwise):
    """``-x``.

    >>> neg([1.0, -2.0]).eval()
    array([-1.,  2.])
    """

    dtype, reference, odd, accepts = upcast, np.negative, True, "iufc"
    samples = [grid(-3, 3), specials]

    def template(x):
        return -x

    def partials(y, x):
        return [-1]


OPS["neg"] = neg = Neg()


class Reciprocal(Elementwise):
    """``1 / x``, a float for integers too.

    >>> reciprocal([1, 2, 4]).eval()
    array([1.  , 0.5 , 0.25])
    """

    dtype, odd, cost = quotient_of, True, 4
    samples = [grid(0.3, 3), grid(-3, -0.3), specials]

    def reference(x):
        return np.true_divide(1, x)

    def template(x):
        return 1.0 / x

    def partials(y, x):
        return [-(y * y)]


OPS["reciprocal"] = OPS["inv"] = reciprocal = inv = Reciprocal()


class Sqr(Elementwise):
    """``x * x``.

    >>> sqr([1.0, -2.0]).eval()
    array([1., 4.])
    """

    dtype, reference, even = number_of, np.square, True
    samples = [grid(-3, 3), specials]

    def template(x):
        return x * x

    def partials(y, x):
        return [2 * x]


OPS["sqr"] = OPS["square"] = sqr = square = Sqr()


class Sqrt(Elementwise):
    """The square root of ``x``, NaN for negative ``x``.

    Its derivative at 0 is infinite.

    >>> sqrt([1.0, 4.0]).eval()
    array([1., 2.])
    """

    dtype, reference, cost = float_of, np.sqrt, 5
    samples = [grid(0.1, 9), specials]

    def template(x):
        return np.sqrt(x)

    def partials(y, x):
        return [0.5 / y]


OPS["sqrt"] = sqrt = Sqrt()


class Cbrt(Elementwise):
    """The real cube root of ``x``.

    >>> cbrt([8.0, -27.0]).eval()
    array([ 2., -3.])
    """

    dtype, reference, odd, accepts, cost = float_of, np.cbrt, True, "biuf", 20
    samples = [grid(0.1, 9), grid(-9, -0.1), specials]

    def template(x):
        if x == 0.0 or x - x != 0.0:
            return x
        # One step of Newton's method makes up for the rounding of Numba's cbrt; the smallest
        # numbers are scaled by 2**162 on the way, so that no square is subnormal.
        small = abs(x) < 1e-280
        a = x * 5.846006549323611e48 if small else x
        y = np.cbrt(a)
        y -= (y - a / (y * y)) / 3.0
        return y * 5.551115123125783e-17 if small else y

    def partials(y, x):
        return [1 / (3 * (y * y))]


OPS["cbrt"] = cbrt = Cbrt()


class Hypot(Elementwise):
    """``sqrt(x**2 + y**2)`` without overflow.

    >>> hypot(3.0, 4.0).eval()
    array(5.)
    """

    dtype, reference, commutative, accepts, cost = float_of, np.hypot, True, "biuf", 12
    samples = [pairs(0.5, 3), _BROADCAST]

    def template(x, y):
        return math.hypot(x, y)

    def partials(z, x, y):
        return [x / z, y / z]


OPS["hypot"] = hypot = Hypot()


# -- integer quotients -------------------------------------------------------------------------

_JUMPS = "the quotient is a whole number, constant between its jumps"
_REMAINDERS = [
    sample(np.array([7.3, -7.3, 7.3, -7.3, 0.2]), np.array([2.0, 2.0, -2.0, -2.0, 0.3])),
    sample(
        np.array([1.0, 0.0, -0.0, np.inf, np.nan, 1.0, -1.0, 6.0]),
        np.array([0.0, 0.0, 2.0, 2.0, 2.0, np.inf, np.inf, -3.0]),
        smooth=False,
    ),
    _EMPTY,
]
_WHOLE = [
    sample(np.array([7, -7, 7, -7, 5, 0, -128]), np.array([2, 2, -2, -2, 0, 0, -1]), smooth=False)
]


class FloorDiv(Elementwise):
    """``floor(x / y)`` of floats, consistent with the remainder.

    >>> floor_div([7.0, -7.0], 2.0).eval()
    array([ 3., -4.])
    """

    dtype, reference, infix, accepts, cost = upcast, np.floor_divide, "//", "f", 10
    partials = no_partials(_JUMPS)
    samples = _REMAINDERS

    def template(x, y):
        return special.floor_divide_float(x, y)


class IntFloorDiv(Elementwise):
    """``floor(x / y)`` of integers; 0 where ``y`` is 0, as in NumPy.

    >>> floor_div([7, -7], 2).eval()
    array([ 3, -4])
    """

    dtype, reference, infix, accepts, cost = number_of, np.floor_divide, "//", "biu", 10
    partials = no_partials(_JUMPS)
    samples = _WHOLE

    def template(x, y):
        return integer.floor_divide(x, y)


class Mod(Elementwise):
    """The remainder of ``floor_div`` of floats; it has the sign of ``y``.

    >>> mod([7.0, -7.0], 3.0).eval()
    array([1., 2.])
    """

    dtype, reference, infix, accepts, cost = upcast, np.mod, "%", "f", 10
    samples = _REMAINDERS

    def template(x, y):
        return special.remainder_float(x, y)

    def partials(z, x, y):
        return [1, -floor_div(x, y)]  # z = x - y * (x // y)


class IntMod(Elementwise):
    """The remainder of ``floor_div`` of integers; 0 where ``y`` is 0, as in NumPy.

    >>> mod([7, -7], 3).eval()
    array([1, 2])
    """

    dtype, reference, infix, accepts, cost = number_of, np.mod, "%", "biu", 10
    partials = no_partials("its results are integers")
    samples = _WHOLE

    def template(x, y):
        return integer.remainder(x, y)


_floor_div, _int_floor_div, _mod, _int_mod = FloorDiv(), IntFloorDiv(), Mod(), IntMod()


def _discrete(variables: Any) -> bool:
    return is_discrete(upcast(*(v.type.dtype for v in variables)))


@register
def floor_div(x: Any, y: Any) -> Any:
    """The largest whole number not above ``x / y``.

    Parameters
    ----------
    x, y : array_like or TensorVariable
        Integers or floats of shapes that broadcast.

    Raises
    ------
    TypeError
        If one is complex.

    Examples
    --------
    >>> floor_div(-7, 2).eval()
    array(-4)
    """
    x, y = convert_together((x, y))
    return (_int_floor_div if _discrete((x, y)) else _floor_div)(x, y)


OPS["int_div"] = int_div = floor_div


@register
def mod(x: Any, y: Any) -> Any:
    """``x - y * floor_div(x, y)``, with the sign of ``y``.

    Parameters
    ----------
    x, y : array_like or TensorVariable
        Integers or floats of shapes that broadcast.

    Raises
    ------
    TypeError
        If one is complex.

    Examples
    --------
    >>> mod(-7, 2).eval()
    array(1)
    """
    x, y = convert_together((x, y))
    return (_int_mod if _discrete((x, y)) else _mod)(x, y)


@register
def divmod_(x: Any, y: Any) -> tuple[Any, Any]:
    """``(floor_div(x, y), mod(x, y))``.

    >>> [v.eval().item() for v in divmod_(-7, 2)]
    [-4, 1]
    """
    return floor_div(x, y), mod(x, y)


# -- powers ------------------------------------------------------------------------------------


class Pow(Elementwise):
    """``x ** y`` of floats and complex numbers.

    The derivative by ``x`` is ``y * x**(y - 1)``, which is 0 where ``y`` is 0, at ``x = 0`` too.
    That by ``y`` is ``x**y * log(x)``, and 0 where ``x**y`` is.

    >>> pow_([2.0, 3.0], 2).eval()
    array([4., 9.])
    """

    dtype, reference, infix, accepts, cost = upcast, np.power, "**", "fc", 40
    samples = [
        pairs(0.3, 3, -2, 2),
        sample(data(4, low=0.1), np.array([0.0, 1.0, 2.0, 3.0])),
        sample(data(4), np.array([0.0, 1.0, 2.0, -3.0]), smooth=False),
        sample(
            np.array([0.0, 0.0, 0.0, -8.0, np.inf, np.nan, 1.0, -0.0]),
            np.array([0.0, 1.0, -1.0, 0.5, 0.0, 0.0, np.nan, 3.0]),
            smooth=False,
        ),
    ]

    def template(x, y):
        return x**y

    def partials(z, x, y):
        return [_power_by_base(x, y), OPS["masked"](OPS["neq"](z, 0), z * OPS["log"](x))]


def _power_by_base(x: Any, y: Any) -> Any:
    slope = y * x ** (y - 1)
    if isinstance(y, TensorConstant):
        if not y.data.any():
            return 0
        if y.data.all():
            return slope
    # Only the point 0**0 is taken out: elsewhere the factor y makes the 0, and its own
    # derivative, 1/x, must stay.
    return OPS["masked"](OPS["or"](OPS["neq"](x, 0), OPS["neq"](y, 0)), slope)


class IntPow(Elementwise):
    """``x ** y`` of integers, wrapping at the dtype's width; ``y`` must not be negative.

    >>> pow_([2, -3], 3).eval()
    array([  8, -27])
    """

    dtype, reference, infix, accepts, cost = number_of, np.power, "**", "biu", 20
    partials = no_partials("its results are integers")
    samples = [sample(np.array([2, -3, 0, 7, -1]), np.array([3, 3, 0, 1, 5]))]

    def template(x, y):
        return integer.power(x, y)

    def checks(self, x, y):
        if y.type.dtype.startswith(("u", "b")):
            return []
        return [
            Check(
                over=1,
                holds=lambda index, read, sizes: read(1, index) >= 0,
                error=ValueError,
                message="Integers can not be raised to negative integer powers; "
                "make one of them a float",
            )
        ]


_pow, _int_pow = Pow(), IntPow()


@register
def pow_(x: Any, y: Any) -> Any:
    """``x ** y``.

    Parameters
    ----------
    x, y : array_like or TensorVariable
        Of shapes that broadcast.

    Raises
    ------
    ValueError
        When computed, if both are integers and one exponent is negative.

    Examples
    --------
    >>> pow_([2.0, 3.0], 2).eval()
    array([4., 9.])
    """
    x, y = convert_together((x, y))
    return (_int_pow if _discrete((x, y)) else _pow)(x, y)
