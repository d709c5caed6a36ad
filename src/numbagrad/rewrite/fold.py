"""What is constant: the number behind a variable, and nodes computed once and for all.

Values are computed here, by the Ops' own references; which identities use them is told elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..graph.basic import Apply, Constant, Variable
from ..graph.tensor import TensorConstant, TensorType
from .pattern import Argument, Local, Node, Scope, effective_arguments, on

__all__ = ["FOLD", "constant_value", "plain_constant"]

#: Ops whose every element is an element of one input: the class, and which input.
SPREADING = {
    "BroadcastTo": 0,
    "Cast": 0,
    "DimShuffle": 0,
    "Alloc": 0,
    "Reshape": 0,
    "Second": 1,
    "SpecifyShape": 0,
}
#: Kinds that are functions of their inputs and nothing else, as a user's own Op need not be.
PURE_KINDS = frozenset({"Elementwise", "View", "Reduction", "Scatter", "Block", "Size"})
#: A result with more elements is kept symbolic, unless an input is as large.
FOLDED_SIZE = 64


def constant_value(
    variable: Variable, owner: Callable[[Variable], Apply | None] = lambda v: v.owner
) -> Any:
    """The number that stands in every place of ``variable``, or None if that is not known.

    Casts are applied on the way; ``owner`` may hide the nodes behind some variables.
    """
    casts: list[np.dtype] = []
    while not isinstance(variable, Constant):
        node = owner(variable)
        position = None if node is None else SPREADING.get(type(node.op).__name__)
        if node is None or position is None:
            return None
        made: Any = node.outputs[0]
        casts.append(made.type.numpy_dtype)
        variable = node.inputs[position]
    if not isinstance(variable, TensorConstant) or variable.data.size != 1:
        return None
    value = variable.data.reshape(())
    with np.errstate(all="ignore"):
        for dtype in reversed(casts):
            value = value.astype(dtype)
    return value.item()


def plain_constant(data: Any, dtype: str) -> TensorConstant:
    """A constant that does not remember how it was written."""
    array = np.asarray(data).astype(dtype)
    return TensorConstant(TensorType(dtype, array.shape), array)


@on(*sorted(PURE_KINDS), seeing=lambda seen: all(g.constant for g in seen))
def fold(node: Node, scope: Scope) -> Any:
    """f(constants) = its value"""
    if not all(isinstance(v, TensorConstant) for v in node.inputs):
        return None
    largest = max([FOLDED_SIZE, *(v.data.size for v in node.inputs)])
    if type(node.op).__name__ in {"BroadcastTo", "Alloc", "Second"}:
        largest = 1  # a number spread over an array is best left a number
    known = [v.type.shape for v in node.outputs]
    if any(math.prod(s) > largest for s in known if None not in s):
        return None
    storage: list[list[Any]] = [[None] for _ in node.outputs]
    try:
        node.op.perform(node, [v.data for v in node.inputs], storage)
        made = [
            TensorConstant(v.type.clone(shape=np.shape(s[0])), v.type.filter(s[0]))
            for v, s in zip(node.outputs, storage, strict=True)
        ]
    except Exception:  # whatever is wrong with the values is said at run time
        return None
    return None if any(c.data.size > largest for c in made) else made


@on("Elementwise", seeing=lambda seen: any(g.constant for g in seen))
def plain_arguments(node: Node, scope: Scope) -> Any:
    """f(x, 2) = f(2.0, x): constants have the dtype of the computation, and come first"""
    if not any(isinstance(v, TensorConstant) for v in node.inputs):
        return None
    inputs = [_plain(a) for a in effective_arguments(node)]
    if getattr(node.op, "commutative", False) and isinstance(inputs[-1], TensorConstant):
        inputs.sort(key=lambda v: not isinstance(v, TensorConstant))
    if all(a is b for a, b in zip(inputs, node.inputs, strict=True)):
        return None
    if {v.type for v in inputs} == {v.type for v in node.inputs}:
        return Apply(node.op, inputs, [v.type.make_variable() for v in node.outputs]).outputs
    made = node.op.make_node(*inputs)
    same = [v.type for v in made.outputs] == [v.type for v in node.outputs]
    return list(made.outputs) if same else None


def _plain(argument: Argument) -> Variable:
    """A constant as a template gets it; any other variable as it is."""
    v, dtype = argument
    if not isinstance(v, TensorConstant) or v.data.size > FOLDED_SIZE:
        return v
    return v if v.literal is None and v.type.dtype == dtype else plain_constant(v.data, dtype)


FOLD: list[Local] = [fold, plain_arguments]
