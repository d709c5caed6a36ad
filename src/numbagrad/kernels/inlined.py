"""The names under which printed code calls what is in `elementary`.

A template says ``np.exp(x)`` or ``math.exp(x)``; for real floats printed code says ``exp(x)``, and
the name stands for an `Inlined`. As it is, that is NumPy's function; compiled code gets the
intrinsic of the same name. Printing needs no Numba, so neither does this file.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ..lazy import lazy_module
from ..records import record
from ._elementary import (
    KERNELS,
    called_attribute,
    called_declarations,
    called_symbol,
    kernel_text,
    symbol,
)

__all__ = ["EXTREMES", "FUNCTIONS", "Inlined", "inlined"]

_elementary = lazy_module("numbagrad.kernels.elementary")

#: Other names of NumPy and math for the same functions.
_OTHERS = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "asinh": "arcsinh",
    "acosh": "arccosh", "atanh": "arctanh", "pow": "power",
}  # fmt: skip


@record(frozen=True)
class Inlined:
    """A function of real numbers that compiled code inlines, or calls where that is much.

    Attributes
    ----------
    name : str
    reference : callable
        The same on arrays, in NumPy.
    ulp : float
        A bound on the error of a double, in units of the last place of the right result.
    single : float
        The same of single precision; what is rounded from a double is next to exact.

    Examples
    --------
    >>> float(inlined("exp")(0.0))
    1.0
    """

    name: str
    reference: Callable[..., Any]
    ulp: float = 2.0
    single: float = 0.6

    def ulps(self, dtype: Any) -> float:
        """The bound for a dtype.

        >>> inlined("tan").ulps("float64"), inlined("tan").ulps("float32")
        (2.0, 0.6)
        """
        return self.single if np.dtype(dtype) == np.float32 else self.ulp

    def __call__(self, *numbers: Any) -> Any:
        with np.errstate(all="ignore"):
            return self.reference(*numbers)

    def code(self, single: bool) -> tuple[str, str]:
        """The name of the function in LLVM IR, and the module that defines it.

        >>> inlined("exp").code(single=False)[0]
        'numbagrad_inlined_exp_f64'
        """
        return _code(self.name, single)

    def call(self, single: bool, widths: tuple[int, ...]) -> tuple[str, dict[int, str], str]:
        """The name of the form that is called, declarations by width, and the call's attribute.

        >>> inlined("exp").call(False, (4,))[1][4]
        'declare <4 x double> @numbagrad_called_exp_f64_4(<4 x double>)'
        """
        declared = called_declarations(self.name, single, widths)
        attribute = called_attribute(self.name, single, widths)
        return called_symbol(self.name, single), declared, attribute

    @property
    def compiled(self) -> Any:
        """What Numba is given."""
        return getattr(_elementary, self.name)


@cache
def _code(name: str, single: bool) -> tuple[str, str]:
    kernel = KERNELS[name]
    return symbol(kernel, single), kernel_text(kernel, single)


def _sigmoid(x: Any) -> Any:
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small) / (1 + small)


def _logit(x: Any) -> Any:
    middle = 2 * np.arctanh(2 * x - 1)
    return np.where(np.abs(x - 0.5) < 0.25, middle, np.log(x / (1 - x)))


def _log1mexp(x: Any) -> Any:
    return np.where(x > -np.log(2.0), np.log(-np.expm1(x)), np.log1p(-np.exp(x)))


def _trigamma(x: Any) -> Any:
    polygamma = importlib.import_module("scipy.special").polygamma
    # SciPy's function takes a step for each whole number below 0: reflected instead.
    sine = np.sin(np.pi * (x - np.rint(x)))
    below = (np.pi / sine) ** 2 - polygamma(1, 1 - np.minimum(x, 0))
    return np.where(x < 0, below, polygamma(1, np.maximum(x, 0)))


def _from_scipy(name: str) -> Callable[..., Any]:
    return lambda x: getattr(importlib.import_module("scipy.special"), name)(x)


#: How many units in the last place they may be off, where that is not two.
_UNITS = {
    **dict.fromkeys(("log", "log2", "log10", "log1p", "sin", "cos", "arctan", "power"), 1.0),
    **dict.fromkeys(("exp", "exp2", "erf"), 1.5),
    "sinh": 2.5,
    **dict.fromkeys(("digamma", "erfcx", "trigamma"), 3.0),
    **dict.fromkeys(("erfinv", "gammaln"), 4.0),
}
#: The same of what is computed in single precision throughout: the largest error at one in eleven
#: of all numbers, rounded up.
_SINGLE_UNITS = {
    **dict.fromkeys(("exp", "exp2", "log", "logit"), 1.1),
    **dict.fromkeys(("log2", "log10", "tanh", "arcsinh"), 1.4),
    **dict.fromkeys(("log1p", "arccosh", "erfinv"), 1.6),
    **dict.fromkeys(("erf", "sigmoid", "softplus", "logaddexp", "erfc"), 2.0),
}
_OF_NUMPY = (
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "logaddexp", "power",
    "sin", "cos", "tan", "arcsin", "arccos", "arctan", "arctan2",
    "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh",
)  # fmt: skip
_OWN = {
    "sigmoid": _sigmoid,
    "softplus": lambda x: np.logaddexp(0, x),
    "log1mexp": _log1mexp,
    "logit": _logit,
    "erf": _from_scipy("erf"),
    "erfc": _from_scipy("erfc"),
    "erfcx": _from_scipy("erfcx"),
    "erfinv": _from_scipy("erfinv"),
    "gammaln": _from_scipy("gammaln"),
    "digamma": _from_scipy("psi"),
    "trigamma": _trigamma,
}
_REFERENCES = {n: getattr(np, n) for n in _OF_NUMPY} | _OWN
#: All of them, by name. The error of ``logaddexp`` is one in units of the larger of the result and
#: the larger argument: where they cancel, no digit of the arguments is left to tell more.
FUNCTIONS = {
    name: Inlined(name, reference, _UNITS.get(name, 2.0), _SINGLE_UNITS.get(name, 0.6))
    for name, reference in _REFERENCES.items()
}

#: What loops combine elements with: exact, and of integers as well.
EXTREMES = {n: Inlined(n, getattr(np, n), 0.0) for n in ("maximum", "minimum")}


def inlined(name: str) -> Inlined | None:
    """The function of that name in NumPy or math, if it is one of ours.

    >>> inlined("atan2").name
    'arctan2'
    >>> inlined("floor") is None
    True
    """
    return FUNCTIONS.get(_OTHERS.get(name, name))
