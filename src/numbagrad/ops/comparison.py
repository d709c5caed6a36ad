"""Comparisons, tests for NaN and infinity, logic of truth values and of bits.

Nothing here has a derivative other than zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph.registry import OPS, register
from ..graph.tensor import as_tensor
from ..testing.samples import data, sample, specials
from .arithmetic import fold
from .dtypes import bool_of, upcast
from .kinds import Elementwise, no_partials

__all__ = [
    "And",
    "Eq",
    "Ge",
    "Gt",
    "Invert",
    "IsFinite",
    "IsInf",
    "IsNan",
    "Le",
    "Lt",
    "Neq",
    "Or",
    "Xor",
    "and_",
    "eq",
    "ge",
    "gt",
    "invert",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "le",
    "lt",
    "neq",
    "or_",
    "xor",
]

_TRUTH = no_partials("its results are truth values")
_BITS = no_partials("its results are integers")
_PAIRS = [
    sample(data(2, 3), data(1, 3, seed=5)),
    sample(np.array([1.0, 2.0, 2.0]), np.array([2.0, 2.0, 1.0]), smooth=False),
    sample(
        np.array([np.nan, 1.0, np.inf, -np.inf, 0.0]),
        np.array([np.nan, np.nan, np.inf, np.inf, -0.0]),
        smooth=False,
    ),
    sample(np.array([1, 2, 3]), np.array([3, 2, 1]), smooth=False),
    sample(np.zeros(0), np.zeros(0)),
]


class _Comparison(Elementwise, abstract=True):
    """Two values in their common dtype give a truth value."""

    dtype, inputs_as, accepts = bool_of, "common", "biuf"
    partials = _TRUTH
    samples = _PAIRS

    def __call__(self, *inputs: Any, **kwargs: Any) -> Any:
        made = super().__call__(*inputs, **kwargs)
        x, y = (made[0] if isinstance(made, list) else made).owner.inputs
        dtypes = {x.type.dtype, y.type.dtype}
        if "uint64" not in dtypes or not any(d.startswith("int") for d in dtypes):
            return made
        made = self._exact(x, y, kwargs.get("name"))
        return [made] if kwargs.get("return_list") else made

    def _exact(self, x: Any, y: Any, name: str | None) -> Any:
        # float64, the common dtype, does not hold all of int64 and uint64. Below 0 the answer is
        # always the same; from there on both are compared as uint64.
        cast = OPS["cast"]
        if x.type.dtype == "uint64":
            negative, below = y < 0, type(self).reference(0, -1)
        else:
            negative, below = x < 0, type(self).reference(-1, 0)
        above = super().__call__(cast(x, "uint64"), cast(y, "uint64"))
        made = or_(negative, above) if below else and_(invert(negative), above)
        made.name = name
        return made


class Eq(_Comparison):
    """``x == y``, false for NaN.

    >>> eq([1.0, 2.0], 2.0).eval()
    array([False,  True])
    """

    reference, infix, commutative, accepts = np.equal, "==", True, "biufc"

    def template(x, y):
        return x == y


class Neq(_Comparison):
    """``x != y``, true for NaN.

    >>> neq([1.0, 2.0], 2.0).eval()
    array([ True, False])
    """

    reference, infix, commutative, accepts = np.not_equal, "!=", True, "biufc"

    def template(x, y):
        return x != y


class Lt(_Comparison):
    """``x < y``.

    >>> lt([1.0, 2.0], 2.0).eval()
    array([ True, False])
    """

    reference, infix = np.less, "<"

    def template(x, y):
        return x < y


class Le(_Comparison):
    """``x <= y``.

    >>> le([1.0, 3.0], 2.0).eval()
    array([ True, False])
    """

    reference, infix = np.less_equal, "<="

    def template(x, y):
        return x <= y


class Gt(_Comparison):
    """``x > y``.

    >>> gt([1.0, 3.0], 2.0).eval()
    array([False,  True])
    """

    reference, infix = np.greater, ">"

    def template(x, y):
        return x > y


class Ge(_Comparison):
    """``x >= y``.

    >>> ge([1.0, 2.0], 2.0).eval()
    array([False,  True])
    """

    reference, infix = np.greater_equal, ">="

    def template(x, y):
        return x >= y


OPS["eq"] = eq = Eq()
OPS["neq"] = neq = Neq()
OPS["lt"] = lt = Lt()
OPS["le"] = le = Le()
OPS["gt"] = gt = Gt()
OPS["ge"] = ge = Ge()


# -- kinds of numbers --------------------------------------------------------------------------


class _Test(Elementwise, abstract=True):
    """One value gives a truth value."""

    dtype, inputs_as = bool_of, "given"
    partials = _TRUTH
    samples = [specials, sample(np.array([1, 0, -3]), smooth=False)]


class IsNan(_Test):
    """Whether ``x`` is NaN; of a complex number, whether a part of it is.

    >>> isnan([1.0, float("nan")]).eval()
    array([False,  True])
    """

    reference = np.isnan

    def template(x):
        return x != x


class IsInf(_Test):
    """Whether ``x`` is infinite; of a complex number, whether a part of it is.

    >>> isinf([1.0, float("-inf")]).eval()
    array([False,  True])
    """

    reference = np.isinf

    def template(x):
        return np.isinf(x)


class IsFinite(_Test):
    """Whether ``x`` is neither infinite nor NaN.

    >>> isfinite([1.0, float("inf")]).eval()
    array([ True, False])
    """

    reference = np.isfinite

    def template(x):
        return np.isfinite(x)


OPS["isnan"] = isnan = IsNan()
OPS["isinf"] = isinf = IsInf()
OPS["isfinite"] = isfinite = IsFinite()


@register
def isclose(
    a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Any:
    """Whether ``a`` and ``b`` agree up to ``atol + rtol * abs(b)``.

    Parameters
    ----------
    a, b : array_like or TensorVariable
        Of shapes that broadcast.
    rtol, atol : float
        The relative and the absolute tolerance.
    equal_nan : bool
        Whether two NaN count as equal.

    Examples
    --------
    >>> isclose([1.0, 2.0], [1.0 + 1e-9, 2.1]).eval()
    array([ True, False])
    """
    a, b = as_tensor(a), as_tensor(b)
    near = le(OPS["abs"](OPS["sub"](a, b)), atol + rtol * OPS["abs"](b))
    close = or_(and_(near, isfinite(b)), eq(a, b))
    return or_(close, and_(isnan(a), isnan(b))) if equal_nan else close


# -- logic -------------------------------------------------------------------------------------

_LOGIC = [
    sample(np.array([True, True, False, False]), np.array([True, False, True, False])),
    sample(np.array([12, 10, -1, 0]), np.array([10, 3, 5, -8])),
]


class And(Elementwise):
    """The logical and of truth values, bit by bit of integers.

    >>> and_([True, False], True).eval()
    array([ True, False])
    """

    dtype, reference, infix, accepts = upcast, np.bitwise_and, "&", "biu"
    commutative, associative, zero = True, True, 0
    partials = _BITS
    samples = _LOGIC

    def template(x, y):
        return x & y


class Or(Elementwise):
    """The logical or of truth values, bit by bit of integers.

    >>> or_([True, False], False).eval()
    array([ True, False])
    """

    dtype, reference, infix, accepts = upcast, np.bitwise_or, "|", "biu"
    commutative, associative, unit = True, True, 0
    partials = _BITS
    samples = _LOGIC

    def template(x, y):
        return x | y


class Xor(Elementwise):
    """The exclusive or of truth values, bit by bit of integers.

    >>> xor([True, False], True).eval()
    array([False,  True])
    """

    dtype, reference, infix, accepts = upcast, np.bitwise_xor, "^", "biu"
    commutative, associative, unit = True, True, 0
    partials = _BITS
    samples = _LOGIC

    def template(x, y):
        return x ^ y


class Invert(Elementwise):
    """The logical not of truth values, every bit turned of integers.

    >>> invert([True, False]).eval()
    array([False,  True])
    """

    dtype, reference, accepts = upcast, np.invert, "biu"
    partials = _BITS
    samples = [sample(np.array([True, False])), sample(np.array([5, -1, 0]))]

    def template(x):
        return ~x


_and, _or, _xor = And(), Or(), Xor()
OPS["invert"] = invert = Invert()


@register
def and_(*xs: Any) -> Any:
    """The logical (or bitwise) and of all arguments.

    >>> and_(True, True, False).eval()
    array(False)
    """
    return fold(_and, xs, "and_")


@register
def or_(*xs: Any) -> Any:
    """The logical (or bitwise) or of all arguments.

    >>> or_(False, False, True).eval()
    array(True)
    """
    return fold(_or, xs, "or_")


@register
def xor(*xs: Any) -> Any:
    """The logical (or bitwise) exclusive or of all arguments.

    >>> xor(True, True, True).eval()
    array(True)
    """
    return fold(_xor, xs, "xor")
