"""Values that stand in many places: where spreading them can wait, or need not be done at all.

``second(a, b)`` (Theano's fill) becomes ``broadcast_to(b, shape(a))``, so that ``a`` need not be
computed; an elementwise Op that meets it takes ``b`` itself; a sum over it is a product. Sizes come
from the shape environment and are never guessed.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..graph.registry import OPS
from ..ops.index_patterns import NEW, Part, Span
from ..ops.kinds import Declared
from ..ops.sizes import product
from .pattern import Local, Node, Scope, made_of, on

__all__ = ["SPREAD"]


@on("Second")
def fill(node: Node, scope: Scope) -> Any:
    """second(a, b) = b, or b spread to the shape they have together"""
    _, b = node.inputs
    out = node.outputs[0]
    if b.type.broadcastable == out.type.broadcastable:
        return b
    return OPS["broadcast_to"](b, scope.env.shape(out))


@on("BroadcastTo")
def spread_to_own_shape(node: Node, scope: Scope) -> Any:
    """broadcast_to(x, shape(x)) = x"""
    x, *sizes = node.inputs
    if x.type.ndim != len(sizes):
        return None
    known = scope.env.shape(x)
    return x if all(map(scope.env.same, known, sizes)) else None


@on("BroadcastTo")
def spread_twice(node: Node, scope: Scope) -> Any:
    """broadcast_to(broadcast_to(x, s), t) = broadcast_to(x, t)"""
    source = spread_source(node.inputs[0], scope)
    return None if source is None else OPS["broadcast_to"](source, node.inputs[1:])


def spread_source(variable: Any, scope: Scope) -> Any:
    """What ``variable`` is spread from, with as many dimensions; None if it is not spread."""
    node = scope.owner(variable)
    if node is None or type(node.op).__name__ != "BroadcastTo":
        return None
    source = node.inputs[0]
    missing = variable.type.ndim - source.type.ndim
    if missing:
        source = OPS["dimshuffle"](source, [*"x" * missing, *range(source.type.ndim)])
    return source


@on("Elementwise", seeing=made_of("BroadcastTo"))
def spread_later(node: Node, scope: Scope) -> Any:
    """f(broadcast_to(x), y) = f(x, y), spread afterwards if y is not wide enough"""
    if type(node.op).__name__ == "Second" or type(node.op).checks is not Declared.checks:
        return None
    sources = [spread_source(v, scope) for v in node.inputs]
    if all(s is None for s in sources):
        return None
    narrow = [v if s is None else s for v, s in zip(node.inputs, sources, strict=True)]
    made = node.op.make_node(*narrow).outputs[0]
    out = node.outputs[0]
    if made.type.broadcastable == out.type.broadcastable:
        return made
    return OPS["broadcast_to"](made, scope.env.shape(out))


@on("DimShuffle")
def shuffle_before_spreading(node: Node, scope: Scope) -> Any:
    """dimshuffle(broadcast_to(x)) = broadcast_to(dimshuffle(x))"""
    source = spread_source(node.inputs[0], scope)
    if source is None:
        return None
    return OPS["broadcast_to"](node.op(source), scope.env.shape(node.outputs[0]))


@on("Subtensor")
def part_of_spread(node: Node, scope: Scope) -> Any:
    """broadcast_to(x, n)[i:j] = broadcast_to(x, j - i) where x is one number"""
    source = spread_source(node.inputs[0], scope)
    if source is None or not all(source.type.broadcastable):
        return None
    # An integer may be out of range, which is an error whatever stands there.
    if not all(isinstance(e, (Span, Part)) or e == NEW for e in node.op.pattern):
        return None
    number = OPS["dimshuffle"](source, [])
    return OPS["broadcast_to"](number, scope.env.shape(node.outputs[0]))


@on("Sum")
def sum_of_spread(node: Node, scope: Scope) -> Any:
    """sum(broadcast_to(x, n)) = x * n where nothing infinite can meet n = 0"""
    source = spread_source(node.inputs[0], scope)
    if source is None:
        return None
    sizes = scope.env.shape(node.inputs[0])
    axes = node.op.axes
    counts = [s for k, s in enumerate(sizes) if k in axes and source.type.shape[k] == 1]
    if not counts or not _may_multiply(source, counts, scope):
        return None
    out = node.outputs[0]
    total = node.op(source)
    made = total
    if scope.value(source) != 0:
        made = OPS["mul"](OPS["cast"](product(counts), out.type.dtype), total)
    if made.type.broadcastable == out.type.broadcastable:
        return made
    return OPS["broadcast_to"](made, scope.env.shape(out))


def _may_multiply(source: Any, counts: list[Any], scope: Scope) -> bool:
    """Whether ``n`` times a value is the sum of ``n`` of them, for n = 0, too."""
    if source.type.numpy_dtype.kind in "biu":
        return True
    if all(isinstance(size, int) for size in counts):
        return math.prod(counts) > 0
    value = scope.value(source)
    return value is not None and bool(np.isfinite(value))


SPREAD: list[Local] = [
    fill,
    spread_to_own_shape,
    spread_twice,
    spread_later,
    shuffle_before_spreading,
    part_of_spread,
    sum_of_spread,
]
