"""Words with which a user steers derivatives, and small helpers of the whole package.

The Ops here are identities whose derivative is another one; a rewrite removes them when a function
is compiled (``gone_when_compiled``). No graph is walked here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph.basic import Apply, Variable
from ..graph.registry import OPS, register
from ..graph.tensor import is_scalar_number
from ..graph.type import NullType
from ..ops.dtypes import first
from ..ops.kinds import Elementwise
from ..testing.samples import data, sample

__all__ = [
    "ConsiderConstant",
    "DisconnectedGrad",
    "GradClip",
    "GradScale",
    "UndefinedGrad",
    "ZeroGrad",
    "as_list_or_tuple",
    "consider_constant",
    "disconnected_grad",
    "format_as",
    "grad_clip",
    "grad_not_implemented",
    "grad_scale",
    "grad_undefined",
    "undefined_grad",
    "zero_grad",
]

# -- derivatives that do not exist -----------------------------------------------------------


def grad_not_implemented(op: Any, x_pos: int, x: Variable, comment: str = "") -> Variable:
    """What an Op answers where nobody has written its derivative yet.

    Parameters
    ----------
    op : Op
    x_pos : int
        The position of the input.
    x : Variable
        The input.
    comment : str
        Why, for the message.

    Returns
    -------
    Variable
        Of `NullType`; ``grad`` and ``function`` raise where its value is needed.

    Examples
    --------
    >>> from numbagrad import tensor
    >>> grad_not_implemented("Gadget", 0, tensor.dscalar("x"), "patience").type.why_null
    'the derivative of Gadget for its input 0 (x) is not implemented. patience'
    """
    return _null(op, x_pos, x, "not implemented", comment)


def grad_undefined(op: Any, x_pos: int, x: Variable, comment: str = "") -> Variable:
    """What an Op answers where the derivative does not exist mathematically.

    The parameters and the result are those of `grad_not_implemented`.

    >>> from numbagrad import tensor
    >>> grad_undefined("Gadget", 0, tensor.dscalar("x")).type.why_null
    'the derivative of Gadget for its input 0 (x) is undefined'
    """
    return _null(op, x_pos, x, "undefined", comment)


def _null(op: Any, x_pos: int, x: Variable, state: str, comment: str) -> Variable:
    why = f"the derivative of {op} for its input {x_pos} ({x!r}) is {state}"
    return NullType(f"{why}. {comment}" if comment else why).make_variable()


# -- identities with another derivative ------------------------------------------------------


class _Steering(Elementwise, abstract=True):
    """An identity; the subclass says what passes back through it, and so what passes on."""

    dtype, cost = first, 0
    gone_when_compiled = True

    def template(x):
        return x

    def reference(x):
        return np.array(x)


class ConsiderConstant(_Steering):
    """``x``, with a zero derivative; see `consider_constant`."""

    samples = [sample(data(4), smooth=False)]

    def partials(y, x):
        return [0]


class ZeroGrad(_Steering):
    """``x``, with a zero derivative; see `zero_grad`."""

    samples = [sample(data(4), smooth=False)]

    def partials(y, x):
        return [0]


class DisconnectedGrad(_Steering):
    """``x``, cut off from derivatives; see `disconnected_grad`."""

    samples = [sample(data(4), smooth=False)]
    why_unconnected = "that is what disconnected_grad is for"

    def partials(y, x):
        return [None]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[False]]


class UndefinedGrad(_Steering):
    """``x``, whose derivative is an error; see `undefined_grad`."""

    samples = [sample(data(4), smooth=False)]

    def partials(self, y, x):
        return [grad_undefined(self, 0, x, "undefined_grad was applied to it.")]


class GradClip(_Steering):
    """``x``, with limited derivatives; see `grad_clip`."""

    __props__ = ("clip_lower_bound", "clip_upper_bound")
    samples = [sample(data(4), smooth=False, clip_lower_bound=-1.0, clip_upper_bound=1.0)]

    def template(x, clip_lower_bound, clip_upper_bound):
        return x

    def reference(x, clip_lower_bound, clip_upper_bound):
        return np.array(x)

    def partials(y, x):
        return [1]

    def _limited(self, d):
        return OPS["clip"](d, self.clip_lower_bound, self.clip_upper_bound)

    def pullback(self, gy, y, *inputs):
        return [self._limited(gy)]

    def pushforward(self, tangents, y, *inputs):
        return None if tangents[0] is None else self._limited(tangents[0])


class GradScale(_Steering):
    """``x``, with multiplied derivatives; see `grad_scale`."""

    __props__ = ("multiplier",)
    samples = [sample(data(4), smooth=False, multiplier=3.0)]

    def template(x, multiplier):
        return x

    def reference(x, multiplier):
        return np.array(x)

    def partials(self, y, x):
        return [1]

    def pullback(self, gy, y, *inputs):
        return [OPS["mul"](gy, self.multiplier)]

    def pushforward(self, tangents, y, *inputs):
        return None if tangents[0] is None else OPS["mul"](tangents[0], self.multiplier)


def consider_constant(x: Any) -> Any:
    """``x``, through which a zero passes back instead of a gradient.

    What is behind it stays connected: its gradient is zero and no error.

    Parameters
    ----------
    x : array_like
        Of any shape and dtype.

    Returns
    -------
    Variable
        The same values; nothing of this is left in a compiled function.

    Examples
    --------
    >>> from numbagrad import grad, tensor
    >>> x = tensor.dscalar("x")
    >>> grad(x * consider_constant(x), x).eval({x: 3.0})
    array(3.)
    """
    return ConsiderConstant()(x)


def zero_grad(x: Any) -> Any:
    """``x``, through which a zero passes back instead of a gradient, as `consider_constant`.

    >>> from numbagrad import grad, tensor
    >>> x = tensor.dscalar("x")
    >>> grad(x + zero_grad(x**2), x).eval({x: 3.0})
    array(1.)
    """
    return ZeroGrad()(x)


@register
def disconnected_grad(x: Any) -> Any:
    """``x``, cut off: what is behind it is disconnected.

    Parameters
    ----------
    x : array_like
        Of any shape and dtype.

    Returns
    -------
    Variable
        The same values. ``grad`` raises DisconnectedInputError for a variable that the cost
        depends on only through this.

    Examples
    --------
    >>> from numbagrad import grad, tensor
    >>> x = tensor.dscalar("x")
    >>> grad(x * disconnected_grad(x), x).eval({x: 3.0})
    array(3.)
    """
    return DisconnectedGrad()(x)


def undefined_grad(x: Any) -> Any:
    """``x``; a gradient or tangent that would pass through it is an error.

    >>> from numbagrad import grad, tensor
    >>> x = tensor.dscalar("x")
    >>> grad(undefined_grad(x), x)
    Traceback (most recent call last):
    ...
    numbagrad.errors.NullTypeGradError: The gradient with respect to x can not be computed: ...
    """
    return UndefinedGrad()(x)


def grad_clip(x: Any, lower_bound: float, upper_bound: float) -> Any:
    """``x``; a gradient that passes back through it is limited to an interval.

    Parameters
    ----------
    x : array_like
    lower_bound, upper_bound : float
        Numbers, no variables. A tangent in forward mode is limited, too.

    Returns
    -------
    Variable
        The same values.

    Raises
    ------
    TypeError
        If a bound is no number.
    ValueError
        If the lower bound exceeds the upper one.

    Examples
    --------
    >>> from numbagrad import grad, tensor
    >>> x = tensor.dscalar("x")
    >>> grad(10.0 * grad_clip(x, -1, 1), x).eval({x: 3.0})
    array(1.)
    """
    lower, upper = _number("lower_bound", lower_bound), _number("upper_bound", upper_bound)
    if not lower <= upper:
        raise ValueError(f"lower_bound must not exceed upper_bound; got {lower} and {upper}")
    return GradClip(clip_lower_bound=lower, clip_upper_bound=upper)(x)


def grad_scale(x: Any, multiplier: float) -> Any:
    """``x``; a gradient that passes back through it (or a tangent) is multiplied by a number.

    >>> from numbagrad import grad, tensor
    >>> x = tensor.dscalar("x")
    >>> grad(grad_scale(x, -1) ** 2, x).eval({x: 3.0})
    array(-6.)
    """
    return GradScale(multiplier=_number("multiplier", multiplier))(x)


def _number(what: str, value: Any) -> float:
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, bool) or not (
        is_scalar_number(value) or isinstance(value, (np.integer, np.floating))
    ):
        raise TypeError(f"{what} must be a number; got {value!r}")
    return float(value)


# -- what is returned in the form it was asked for -------------------------------------------


def as_list_or_tuple(use_list: bool, use_tuple: bool, outputs: Any) -> Any:
    """``outputs`` as a list, as a tuple, or as the single item it holds.

    Raises
    ------
    ValueError
        If both flags are set, or neither is and there is not exactly one item.

    Examples
    --------
    >>> as_list_or_tuple(False, True, ["a"]), as_list_or_tuple(False, False, ["a"])
    (('a',), 'a')
    """
    if use_list and use_tuple:
        raise ValueError("use_list and use_tuple exclude each other")
    several = isinstance(outputs, (list, tuple))
    if use_list:
        return list(outputs) if several else [outputs]
    if use_tuple:
        return tuple(outputs) if several else (outputs,)
    if not several:
        return outputs
    if len(outputs) != 1:
        raise ValueError(f"A single item was to be returned, but there are {len(outputs)}")
    return outputs[0]


format_as = as_list_or_tuple
