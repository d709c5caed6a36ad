"""To whole numbers: ceil, floor, trunc and the two ways of rounding.

Integers and truth values are whole already and returned as they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph.registry import OPS, register
from ..graph.tensor import as_tensor
from ..kernels import special
from ..testing.samples import grid, points, specials
from .casting import cast
from .dtypes import is_discrete, upcast
from .kinds import Elementwise, no_partials

__all__ = [
    "Ceil",
    "Floor",
    "RoundHalfAway",
    "RoundHalfToEven",
    "Trunc",
    "ceil",
    "floor",
    "iround",
    "round_",
    "trunc",
]

_HALVES = points(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49999999999999994, 4503599627370497.5)


class _Rounding(Elementwise, abstract=True):
    """From floats to whole numbers."""

    dtype, accepts, cost = upcast, "f", 2
    partials = no_partials("its results are whole numbers, constant between the jumps")
    samples = [grid(-3, 3), _HALVES, specials]


class Ceil(_Rounding):
    """The smallest whole number not below ``x``.

    >>> ceil([-1.5, 1.5]).eval()
    array([-1.,  2.])
    """

    reference = np.ceil

    def template(x):
        return np.ceil(x)


class Floor(_Rounding):
    """The largest whole number not above ``x``.

    >>> floor([-1.5, 1.5]).eval()
    array([-2.,  1.])
    """

    reference = np.floor

    def template(x):
        return np.floor(x)


class Trunc(_Rounding):
    """The whole part of ``x``.

    >>> trunc([-1.5, 1.5]).eval()
    array([-1.,  1.])
    """

    reference, odd = np.trunc, True

    def template(x):
        return np.trunc(x)


class RoundHalfToEven(_Rounding):
    """The nearest whole number, the even one for halves.

    >>> round_([0.5, 1.5, -2.5]).eval()
    array([ 0.,  2., -2.])
    """

    reference, odd = np.rint, True

    def template(x):
        return np.rint(x)


class RoundHalfAway(_Rounding):
    """The nearest whole number, the one farther from 0 for halves.

    >>> round_([0.5, 1.5, -2.5], "half_away_from_zero").eval()
    array([ 1.,  2., -3.])
    """

    odd = True

    def reference(x):
        whole = np.trunc(x)
        away = whole + np.copysign(1, x)
        return np.copysign(np.where(np.abs(x - whole) >= 0.5, away, whole), x)

    def template(x):
        return special.round_half_away(x)


_ceil, _floor, _trunc = Ceil(), Floor(), Trunc()
_MODES = {
    None: RoundHalfToEven(),
    "half_to_even": RoundHalfToEven(),
    "half_away_from_zero": RoundHalfAway(),
}


def _whole(op: Any, x: Any) -> Any:
    x = as_tensor(x)
    return x if is_discrete(x.type.dtype) else op(x)


@register
def ceil(x: Any) -> Any:
    """The smallest whole number not below ``x``; integers are returned as they are.

    Raises
    ------
    TypeError
        If ``x`` is complex.

    Examples
    --------
    >>> ceil([-1.5, 1.5]).eval()
    array([-1.,  2.])
    """
    return _whole(_ceil, x)


@register
def floor(x: Any) -> Any:
    """The largest whole number not above ``x``; integers are returned as they are.

    Raises
    ------
    TypeError
        If ``x`` is complex.

    Examples
    --------
    >>> floor([-1.5, 1.5]).eval()
    array([-2.,  1.])
    """
    return _whole(_floor, x)


@register
def trunc(x: Any) -> Any:
    """The whole part of ``x``; integers are returned as they are.

    Raises
    ------
    TypeError
        If ``x`` is complex.

    Examples
    --------
    >>> trunc([-1.5, 1.5]).eval()
    array([-1.,  1.])
    """
    return _whole(_trunc, x)


@register
def round_(x: Any, mode: str | None = None) -> Any:
    """The nearest whole number.

    Parameters
    ----------
    x : array_like or TensorVariable
        Integers are returned as they are.
    mode : {"half_to_even", "half_away_from_zero"}, optional
        Where a half goes; by default to the even neighbour, as in NumPy.

    Raises
    ------
    ValueError
        If there is no such mode.
    TypeError
        If ``x`` is complex.

    Examples
    --------
    >>> round_([0.5, 1.5]).eval()
    array([0., 2.])
    """
    if mode not in _MODES:
        names = " or ".join(repr(m) for m in _MODES if m)
        raise ValueError(f"round: mode must be {names}; got {mode!r}")
    return _whole(_MODES[mode], x)


@register
def iround(x: Any, mode: str | None = None) -> Any:
    """The nearest whole number as an int64.

    >>> iround([0.5, 1.7]).eval()
    array([0, 2])
    """
    return cast(round_(x, mode), "int64")


OPS["around"] = round_
