"""Identities of arithmetic that hold to the last bit, or to the rounding that reordering costs.

No row changes a dtype, a shape, or whether a result is NaN or infinite, with two exceptions that
can only turn an overflow into the finite result that exact arithmetic gives (gathered constants),
or follow NumPy's ``**`` (the square root). The sign of a zero is not kept. What is not here, and
why:

* ``x - x = 0``, ``x / x = 1``, ``x * 0 = 0`` for floats: wrong where x is NaN or infinite, also for
  zeros that ``zeros_like`` made. Zeros that must win over everything are made by ``masked``, and
  derivatives multiply with care (``scale``).
* ``(x * y) / y = x``, ``exp(x) * exp(y) = exp(x + y)``: wrong where something overflows.
* ``x**-0.5 = 1 / sqrt(x)``: wrong at -0.0.

Identities that make something finite that was not are in ``stabilize``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..config import config
from ..graph.registry import OPS
from .pattern import Local, Node, Rule, Scope, constants, on, operations, rule, variables

__all__ = ["ALGEBRA", "CASTS"]

x, y, z = variables("x y z")
c, d = constants("c d")
neg, sqr, sqrt, reciprocal, cos, cosh = operations("neg sqr sqrt reciprocal cos cosh")
maximum, minimum, switch, masked = operations("maximum minimum switch masked")
and_, or_, invert = operations("and or invert")
zeros_like, ones_like = operations("zeros_like ones_like")


# -- conditions ------------------------------------------------------------------------------------


def finite_product(c: Any, d: Any, node: Node) -> bool:
    """Whether two constants may become their product: it neither overflows nor underflows."""
    return _harmless(node, lambda a, b: a * b, c, d)


def finite_quotient(c: Any, d: Any, node: Node) -> bool:
    """Whether two constants may become their quotient."""
    return _harmless(node, lambda a, b: a / b, c, d)


def no_cancellation(c: Any, d: Any, node: Node) -> bool:
    """Whether two constants may become their sum: of one sign, so that no digit is lost."""
    same_sign = c == 0 or d == 0 or (isinstance(c, (int, float)) and (c > 0) == (d > 0))
    return _is_integer(node) or (same_sign and _harmless(node, lambda a, b: a + b, c, d))


def of_reals(x: Any) -> bool:
    """Whether ``x``, a variable or a number, is not complex: ``abs(x)`` has its dtype."""
    return np.dtype(getattr(x, "dtype", type(x))).kind != "c"


def _is_integer(node: Node) -> bool:
    return node.outputs[0].type.numpy_dtype.kind in "iu"


def _harmless(node: Node, combine: Any, a: Any, b: Any) -> bool:
    dtype = node.outputs[0].type.numpy_dtype
    if dtype.kind not in "fc":
        return True
    with np.errstate(all="ignore"):
        made = abs(combine(dtype.type(a), dtype.type(b)))
    return config.fastmath and bool(np.finfo(dtype).tiny <= made < math.inf)


def _multiplied(n: int) -> Any:
    """``x**n`` as products, whose halves are the same for several exponents."""
    if n == 1:
        return x
    return x * _multiplied(n - 1) if n % 2 else sqr(_multiplied(n // 2))


#: Powers up to this, and their reciprocals, are products: a general power takes as long as twenty
#: of them. Each product adds half a unit in the last place at worst, and a reciprocal below the
#: smallest normal number becomes zero.
_LARGEST = 16


# -- the table -------------------------------------------------------------------------------------

ALGEBRA: list[Rule] = [
    # Neutral and absorbing constants.
    rule(x + 0, x),
    rule(x - 0, x, kinds="iufc"),
    rule(0 - x, -x, kinds="iufc"),
    rule(x * 1, x),
    rule(x * -1, -x, kinds="ifc"),
    rule(x * 0, zeros_like(x), kinds="iu"),
    rule(x / 1, x),
    rule(1 / x, reciprocal(x)),
    # Signs move outwards, where they meet.
    rule(neg(neg(x)), x),
    rule(x + -y, x - y, kinds="iufc"),
    rule(x - -y, x + y, kinds="iufc"),
    rule(-(x - y), y - x),
    rule(-(c * x), -c * x),
    rule(x * -y, -(x * y), kinds="iufc"),
    rule(-x / y, -(x / y), kinds="fc"),
    rule(x / -y, -(x / y), kinds="fc"),
    rule(abs(-x), abs(x), kinds="if"),
    rule(sqr(-x), sqr(x)),
    rule(cos(-x), cos(x)),
    rule(cosh(-x), cosh(x)),
    # Powers. NumPy's ** takes the square root for 1/2, too, which differs at -inf alone.
    rule(x**0, ones_like(x)),
    rule(x**1, x),
    rule(x**2, sqr(x), kinds="iufc"),
    *[rule(x**n, _multiplied(n), kinds="iuf") for n in range(3, _LARGEST + 1)],
    rule(x**0.5, sqrt(x), kinds="f", domain=(0.0, 3.0)),
    rule(x**-1, reciprocal(x), kinds="f"),
    rule(x**-2, reciprocal(sqr(x)), kinds="f"),
    *[rule(x**-n, reciprocal(_multiplied(n)), kinds="f") for n in range(3, _LARGEST + 1)],
    rule(x * x, sqr(x), kinds="iufc"),
    rule(sqr(abs(x)), sqr(x), where=of_reals, kinds="if"),
    # Constants gather.
    rule(c + (d + x), (c + d) + x, where=no_cancellation, kinds="iufc"),
    rule((x - c) - d, x - (c + d), where=no_cancellation, kinds="iufc"),
    rule(c * (d * x), (c * d) * x, where=finite_product, kinds="iufc"),
    rule(c * (x / d), (c / d) * x, where=finite_quotient, kinds="f"),
    rule((c * x) / d, (c / d) * x, where=finite_quotient, kinds="f"),
    rule((x / c) / d, x / (c * d), where=finite_product, kinds="f"),
    # Twice the same.
    rule(abs(abs(x)), abs(x), kinds="biuf"),
    rule(maximum(x, x), x),
    rule(minimum(x, x), x),
    # Truth values.
    rule(invert(invert(x)), x),
    rule(and_(x, x), x),
    rule(or_(x, x), x),
    rule(and_(x, True), x, kinds="b"),
    rule(or_(x, False), x, kinds="b"),
    rule(and_(x, False), zeros_like(x), kinds="b"),
    rule(or_(x, True), ones_like(x), kinds="b"),
    # Choices that are made already.
    rule(switch(True, x, y), x),
    rule(switch(False, x, y), y),
    rule(switch(z, x, x), x),
    rule(masked(True, x), x),
    rule(masked(False, x), zeros_like(x)),
    rule(masked(z, masked(z, x)), masked(z, x)),
]


# -- casts -----------------------------------------------------------------------------------------


@on("Cast")
def cast_to_own_dtype(node: Node, scope: Scope) -> Any:
    """cast(x, its own dtype) = x"""
    (source,) = node.inputs
    return source if source.type.dtype == node.outputs[0].type.dtype else None


@on("Cast")
def cast_of_cast(node: Node, scope: Scope) -> Any:
    """cast(cast(x, wide), to) = cast(x, to)"""
    inner = scope.owner(node.inputs[0])
    if inner is None or type(inner.op) is not type(node.op):
        return None
    source = inner.inputs[0]
    if not holds_all(inner.outputs[0].type.dtype, source.type.dtype):
        return None
    return OPS["cast"](source, node.outputs[0].type.dtype)


def holds_all(wide: str, small: str) -> bool:
    """Whether every value of ``small`` is one of ``wide``, exactly and reversibly.

    >>> holds_all("float64", "int32"), holds_all("float64", "int64"), holds_all("int8", "bool")
    (True, False, True)
    """
    to, of = np.dtype(wide), np.dtype(small)
    if not np.can_cast(of, to, "safe"):
        return False
    if of.kind in "iu" and to.kind in "fc":
        return np.finfo(to).nmant + 1 >= np.iinfo(of).bits
    return to.kind != "b" or of.kind == "b"


CASTS: list[Local] = [cast_to_own_dtype, cast_of_cast]
