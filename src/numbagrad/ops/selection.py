"""Choices between values, elementwise: switch, largest and smallest of two, clip.

Also what derivatives are put together with: masked, scale, second.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..config import config
from ..graph.basic import Apply
from ..graph.registry import OPS, register
from ..graph.tensor import TensorConstant, as_tensor, is_scalar_number
from ..testing.samples import data, pairs, sample
from .arithmetic import Add, Mul, Neg, TrueDiv, mul, neg, true_div
from .casting import Cast
from .comparison import and_, eq, ge, gt, invert, isnan, le, lt, neq, or_
from .dtypes import convert_together, is_complex, is_continuous, is_discrete, number_of, upcast
from .kinds import Elementwise

__all__ = [
    "Clip",
    "Masked",
    "Maximum",
    "Minimum",
    "Second",
    "Switch",
    "clip",
    "fill",
    "masked",
    "maximum",
    "minimum",
    "nan_to_num",
    "scale",
    "second",
    "switch",
    "where",
]


def _condition(cond: Any) -> Any:
    """``cond`` as truth values."""
    cond = as_tensor(cond)
    return cond if cond.type.dtype == "bool" else neq(cond, 0)


class Switch(Elementwise):
    """``a`` where ``cond`` holds and ``b`` elsewhere; only the branch taken has a gradient.

    >>> switch([True, False], [1.0, 2.0], 0.0).eval()
    array([1., 0.])
    """

    inputs_as = "given"
    samples = [
        sample(np.array([True, False, True]), data(3), data(3, seed=4)),
        sample(np.array([[True], [False]]), data(1, 3), data(2, 3, seed=4)),
        sample([True, False], np.array([1.0, np.nan]), np.array([np.inf, 2.0]), smooth=False),
        sample(np.array([1, 0, 2]), np.array([1, 2, 3]), np.array([4, 5, 6])),
    ]
    reference = np.where

    def dtype(cond, a, b):
        return upcast(a, b)

    def prepare(self, *inputs: Any) -> list[Any]:
        if len(inputs) != 3:
            raise TypeError(f"{self} takes cond, a and b; got {len(inputs)} arguments")
        return self.align([_condition(inputs[0]), *convert_together(inputs[1:])])

    def argument_dtypes(self, inputs, output):
        return ["bool", output, output]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[False], [True], [True]]

    def template(cond, a, b):
        return a if cond else b

    def partials(y, cond, a, b):
        return [None, masked(cond, 1), masked(invert(cond), 1)]


OPS["switch"] = switch = Switch()


@register
def where(cond: Any, a: Any = None, b: Any = None) -> Any:
    """``a`` where ``cond`` holds, ``b`` elsewhere; with ``cond`` alone, where it is not zero.

    Parameters
    ----------
    cond : array_like or TensorVariable
    a, b : array_like or TensorVariable, optional
        Both or none.

    Raises
    ------
    TypeError
        If only one of ``a`` and ``b`` is given.

    Examples
    --------
    >>> where([True, False], 1.0, 0.0).eval()
    array([1., 0.])
    """
    if (a is None) != (b is None):
        raise TypeError("where takes either both a and b or neither")
    return OPS["nonzero"](cond) if a is None else switch(cond, a, b)


# -- what derivatives are made of --------------------------------------------------------------


class Masked(Elementwise):
    """``v`` where ``cond`` holds, exactly 0 elsewhere, whatever ``v`` is there.

    >>> masked([True, False], [1.0, float("nan")]).eval()
    array([1., 0.])
    """

    inputs_as = "given"
    samples = [
        sample(np.array([True, False, True]), data(3)),
        sample(np.array([True, False, False]), np.array([np.inf, np.nan, np.inf]), smooth=False),
        sample(np.array([[True], [False]]), data(1, 3)),
    ]

    def dtype(cond, v):
        return v

    def prepare(self, *inputs: Any) -> list[Any]:
        if len(inputs) != 2:
            raise TypeError(f"{self} takes cond and v; got {len(inputs)} arguments")
        value = as_tensor(inputs[1])
        if is_discrete(value.type.dtype):
            value = OPS["cast"](value, config.floatX)
        return self.align([_condition(inputs[0]), value])

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[False], [True]]

    def reference(cond, v):
        return np.where(cond, v, v.dtype.type(0))

    def template(cond, v):
        return v if cond else 0.0

    def partials(y, cond, v):
        return [None, masked(cond, 1)]


OPS["masked"] = masked = Masked()


class Second(Elementwise):
    """``b`` spread to the common shape of ``a`` and ``b``; the values of ``a`` play no part.

    >>> second([1.0, 2.0], 5.0).eval()
    array([5., 5.])
    """

    inputs_as, cost, shown = "given", 0, "fill"
    samples = [sample(data(2, 3), data(1, 3)), sample(data(2, 1), data(2, 3)), sample(0.5, 2.0)]

    def dtype(a, b):
        return b

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[False], [True]]

    def reference(a, b):
        return np.broadcast_arrays(a, b)[1]

    def template(a, b):
        return b

    def partials(y, a, b):
        return [None, 1]


OPS["second"] = OPS["fill"] = second = fill = Second()


def _mask_of(v: Any, depth: int = 4) -> tuple[Any, Any] | None:
    """``(cond, value)`` such that ``v`` equals ``masked(cond, value)``, if ``v`` is so made."""
    node = getattr(v, "owner", None)
    if node is None or depth == 0:
        return None
    if isinstance(node.op, Masked):
        cond, value = node.inputs
        inner = _mask_of(value, depth - 1)
        return (cond, value) if inner is None else (and_(cond, inner[0]), inner[1])
    if isinstance(node.op, (Cast, Neg)):
        inner = _mask_of(node.inputs[0], depth - 1)
        return inner and (inner[0], node.op(inner[1]))
    if isinstance(node.op, Add):
        left, right = (_mask_of(x, depth - 1) for x in node.inputs)
        if left is not None and right is not None:
            # Outside both conditions each term is 0; inside, each keeps its own mask.
            same = left[0] is right[0]
            return (left[0], left[1] + right[1]) if same else (or_(left[0], right[0]), v)
    return None


def _plain(v: Any) -> Any:
    """A value of `masked` as a Python number again, if it was made from one."""
    if isinstance(v, TensorConstant) and v.literal is not None and v.data.size == 1:
        return v.data.item()
    return v


def _is_one(v: Any) -> bool:
    return isinstance(v, TensorConstant) and v.literal is not None and bool((v.data == 1).all())


@register
def scale(g: Any, p: Any) -> Any:
    """``g * p`` for a derivative ``g`` that flows on and a partial derivative ``p``.

    Exact zeros of `masked` stay zero, whatever they are multiplied by, so that branches which are
    not taken contribute nothing. A product is multiplied in from left to right, and ``1 / b`` and
    ``-q`` become a division and a change of sign.

    Parameters
    ----------
    g : TensorVariable
    p : TensorVariable or number

    Examples
    --------
    >>> scale(as_tensor([1.0, 2.0]), masked([True, False], math.inf)).eval()
    array([inf,  0.])
    """
    if is_scalar_number(p) and p == 1:
        return g
    flow, factor = _mask_of(g), _mask_of(p)
    if flow is None and factor is None:
        return _times(g, p)
    conditions = [mask[0] for mask in (flow, factor) if mask is not None]
    inside = _times(_plain(flow[1]) if flow else g, _plain(factor[1]) if factor else p)
    return masked(and_(*conditions), inside)


def _times(g: Any, p: Any) -> Any:
    """`scale` without regard to masks."""
    if is_scalar_number(p):
        return _times_number(g, p)
    node = p.owner
    if node is not None and isinstance(node.op, Mul):
        return mul(mul(g, node.inputs[0]), node.inputs[1])
    if node is not None and isinstance(node.op, Neg):
        return neg(_times(g, node.inputs[0]))
    if node is not None and isinstance(node.op, TrueDiv) and _is_one(node.inputs[0]):
        return true_div(g, node.inputs[1])
    return mul(g, p)


def _times_number(g: Any, p: Any) -> Any:
    if is_scalar_number(g):
        return g * p
    if p == 1:
        return g
    if p == -1:
        return neg(g)
    return OPS["zeros_like"](g) if p == 0 else mul(g, p)


# -- largest and smallest ----------------------------------------------------------------------


def _share(wins: Any, x: Any, y: Any, like: Any) -> Any:
    """The partial of the larger (smaller) of two: 1 where ``x`` wins, half at a tie."""
    dtype = like.type.dtype if is_continuous(like.type.dtype) else config.floatX
    half, whole = (as_tensor(v, dtype=dtype) for v in (0.5, 1.0))
    return masked(wins, switch(eq(x, y), half, whole))


_TIES = [
    pairs(-3, 3),
    sample(data(2, 3), data(1, 3, seed=5)),
    sample([1.0, np.nan, 2.0, -np.inf], [1.0, 1.0, np.nan, np.inf], smooth=False),
    sample(np.array([3, -5, 2]), np.array([3, 4, 1])),
]


class Maximum(Elementwise):
    """The larger of ``x`` and ``y``; NaN if one is NaN.

    At a tie each has half of the gradient.

    >>> maximum([1.0, 5.0], 3.0).eval()
    array([3., 5.])
    """

    dtype, reference, accepts = upcast, np.maximum, "biuf"
    commutative, associative, idempotent = True, True, True
    samples = _TIES

    def template(x, y):
        return x if (x >= y or x != x) else y

    def whole_template(x, y):
        return max(x, y)

    def partials(z, x, y):
        return [_share(ge(x, y), x, y, z), _share(ge(y, x), x, y, z)]


class Minimum(Elementwise):
    """The smaller of ``x`` and ``y``; NaN if one is NaN.

    At a tie each has half of the gradient.

    >>> minimum([1.0, 5.0], 3.0).eval()
    array([1., 3.])
    """

    dtype, reference, accepts = upcast, np.minimum, "biuf"
    commutative, associative, idempotent = True, True, True
    samples = _TIES

    def template(x, y):
        return x if (x <= y or x != x) else y

    def whole_template(x, y):
        return min(x, y)

    def partials(z, x, y):
        return [_share(le(x, y), x, y, z), _share(le(y, x), x, y, z)]


OPS["maximum"] = maximum = Maximum()
OPS["minimum"] = minimum = Minimum()


class Clip(Elementwise):
    """``minimum(maximum(x, low), high)``; its derivative by ``x`` is 1 on the closed interval.

    >>> clip([-1.0, 0.5, 2.0], 0.0, 1.0).eval()
    array([0. , 0.5, 1. ])
    """

    dtype, accepts, cost = number_of, "biuf", 2
    samples = [
        sample(data(2, 4), -0.73, data(2, 1, low=0.2)),
        sample(np.array([-1.0, 0.0, 1.0, 2.0, np.nan, np.inf]), 0.0, 1.0, smooth=False),
        sample([-1.0, 0.5, 2.0], [np.nan, 0.0, 1.0], [1.0, np.nan, 0.0], smooth=False),
        sample(np.array([-5, 1, 9]), 0, 4),
    ]

    def reference(x, low, high):
        return np.minimum(np.maximum(x, low), high)

    def template(x, low, high):
        # The larger of x and low, then the smaller of that and high; a NaN is passed on.
        return (
            (x if x <= high or x != x else high)
            if x >= low or x != x
            else (low if low <= high or low != low else high)
        )

    def partials(y, x, low, high):
        below = and_(lt(x, low), le(low, high))
        above = gt(maximum(x, low), high)
        inside = and_(ge(x, low), le(x, high))
        return [masked(inside, 1), masked(below, 1), masked(above, 1)]


_clip = Clip()


@register
def clip(x: Any, a_min: Any = None, a_max: Any = None) -> Any:
    """``x`` limited to ``[a_min, a_max]``; a limit that is ``None`` does not limit.

    Raises
    ------
    TypeError
        If ``x`` is complex.

    Examples
    --------
    >>> clip([-1.0, 0.5, 2.0], 0.0, 1.0).eval()
    array([0. , 0.5, 1. ])
    """
    x = as_tensor(x)
    given = [v for v in (a_min, a_max) if v is not None]
    if not given:
        return OPS["identity"](x)
    dtype = np.dtype(number_of(*(v.type.dtype for v in convert_together([x, *given]))))
    if dtype.kind == "f":
        lowest, highest = -math.inf, math.inf
    elif dtype.kind in "iu":
        lowest, highest = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    else:
        lowest, highest = 0, 0  # complex: refused below
    return _clip(x, lowest if a_min is None else a_min, highest if a_max is None else a_max)


@register
def nan_to_num(
    x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Any:
    """``x`` with numbers in the place of NaN and infinities; elsewhere its derivative is 1.

    Parameters
    ----------
    x : array_like or TensorVariable
        Integers are returned as they are.
    nan, posinf, neginf : float
        What to put in; by default 0 and the largest and smallest finite numbers.

    Raises
    ------
    TypeError
        If ``x`` is complex.

    Examples
    --------
    >>> nan_to_num([1.0, float("nan")]).eval()
    array([1., 0.])
    """
    x = as_tensor(x)
    if is_discrete(x.type.dtype):
        return x
    if is_complex(x.type.dtype):
        raise TypeError("nan_to_num of a complex tensor: take it of x.real and x.imag")
    limits = np.finfo(x.type.dtype)
    high = float(limits.max) if posinf is None else posinf
    low = float(limits.min) if neginf is None else neginf
    finite = switch(eq(x, math.inf), high, switch(eq(x, -math.inf), low, x))
    return switch(isnan(x), nan, finite)
