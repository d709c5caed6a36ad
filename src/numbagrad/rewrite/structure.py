"""Views and reductions of each other: two steps that are one, and steps that do nothing.

Values spread over arrays are in ``spread``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..config import config
from ..graph.registry import OPS
from ..graph.tensor import constant
from ..ops.dtypes import is_complex, is_continuous
from ..ops.index_patterns import FULL, NEW, Part, Span
from ..ops.products import dot_nt, dot_tn, gram
from ..ops.subtensor import Subtensor
from .pattern import Local, Node, Scope, made_by, on
from .shapes import ShapeEnv

__all__ = ["STRUCTURE"]

_BACKWARDS = Span(None, None, -1)

#: Reductions of one array over ``axes`` for which one element stands for itself.
_FOLDING = ("Sum", "Prod", "Max", "Min", "All", "Any_", "Peak")


# -- dimensions ------------------------------------------------------------------------------------


@on("DimShuffle")
def shuffle_to_itself(node: Node, scope: Scope) -> Any:
    """dimshuffle(x, 0, 1, ...) = x"""
    (x,) = node.inputs
    order = node.op.new_order
    return x if order == tuple(range(x.type.ndim)) else None


@on("DimShuffle")
def shuffle_twice(node: Node, scope: Scope) -> Any:
    """dimshuffle(dimshuffle(x, a), b) = dimshuffle(x, a[b])"""
    inner = made_by(node.inputs[0], "DimShuffle", scope)
    if inner is None:
        return None
    first, then = inner.op.new_order, node.op.new_order
    order = ["x" if k == "x" else first[k] for k in then]
    return OPS["dimshuffle"](inner.inputs[0], order)


@on("Reshape")
def reshape_to_own_shape(node: Node, scope: Scope) -> Any:
    """reshape(x, shape(x)) = x"""
    x, *sizes = node.inputs
    if x.type.ndim != len(sizes):
        return None
    return x if all(map(scope.env.same, scope.env.shape(x), sizes)) else None


@on("Reshape")
def reshape_twice(node: Node, scope: Scope) -> Any:
    """reshape(reshape(x, s), t) = reshape(x, t)"""
    inner = made_by(node.inputs[0], "Reshape", scope)
    return None if inner is None else node.op(inner.inputs[0], *node.inputs[1:])


@on("SpecifyShape")
def shape_known_already(node: Node, scope: Scope) -> Any:
    """specify_shape(x, shape(x)) = x"""
    x, *sizes = node.inputs
    known = scope.env.shape(x)
    dims = node.op.dims
    return x if all(scope.env.same(known[d], s) for d, s in zip(dims, sizes, strict=True)) else None


# -- reductions ------------------------------------------------------------------------------------


@on(*_FOLDING)
def over_single_elements(node: Node, scope: Scope) -> Any:
    """sum(x, axis) = squeeze(x, axis) where x has size 1"""
    (x,) = node.inputs
    axes = node.op.axes
    single = [k for k in axes if x.type.shape[k] == 1]
    if not single:
        return None
    kept = [k for k in range(x.type.ndim) if k not in single]
    made = OPS["dimshuffle"](x, kept)
    rest = tuple(kept.index(k) for k in axes if k not in single)
    if rest:
        return type(node.op)(axes=rest)(made)
    return OPS["cast"](made, node.outputs[0].type.dtype)


@on(*_FOLDING)
def twice_the_same(node: Node, scope: Scope) -> Any:
    """sum(sum(x, a), b) = sum(x, a + b)"""
    inner = scope.owner(node.inputs[0])
    if inner is None or type(inner.op) is not type(node.op):
        return None
    (x,) = inner.inputs
    if node.inputs[0].type.dtype != node.outputs[0].type.dtype or not _may_reorder(node):
        return None
    first, then = inner.op.axes, node.op.axes
    left = [k for k in range(x.type.ndim) if k not in first]
    return type(node.op)(axes=tuple(sorted({*first, *(left[k] for k in then)})))(x)


def _may_reorder(node: Node) -> bool:
    """Whether rounding may change: sums of floats are taken in another order."""
    exact = type(node.op).__name__ not in {"Sum", "Prod"}
    return exact or config.fastmath or _is_integer(node.outputs[0])


@on("Sum")
def sum_of_negative(node: Node, scope: Scope) -> Any:
    """sum(-x) = -sum(x)"""
    inner = made_by(node.inputs[0], "Neg", scope)
    if inner is None or (inner.inputs[0].type.dtype != node.outputs[0].type.dtype):
        return None
    return OPS["neg"](node.op(inner.inputs[0]))


@on("Sum")
def sum_of_multiple(node: Node, scope: Scope) -> Any:
    """sum(c * x) = c * sum(x), for floats where abs(c) >= 1, so that nothing new overflows"""
    inner = made_by(node.inputs[0], "Mul", scope)
    if inner is None or node.inputs[0].type.dtype != node.outputs[0].type.dtype:
        return None
    for factor, x in (inner.inputs, inner.inputs[::-1]):
        value = scope.value(factor)
        if value is None or x.type.dtype != node.outputs[0].type.dtype:
            continue
        if x.type.broadcastable != node.inputs[0].type.broadcastable:
            continue
        exact = _is_integer(node.outputs[0])
        if exact or (config.fastmath and np.isfinite(value) and abs(value) >= 1):
            dtype = node.outputs[0].type.dtype
            number = OPS["cast"](np.asarray(value), dtype)
            return OPS["mul"](number, node.op(x))
    return None


@on("Sum")
def sum_backwards(node: Node, scope: Scope) -> Any:
    """sum(x[::-1]) = sum(x)"""
    inner = made_by(node.inputs[0], "Subtensor", scope)
    if inner is None or not _may_reorder(node):
        return None
    axes, pattern = node.op.axes, inner.op.pattern
    if all(e == FULL or (e == _BACKWARDS and k in axes) for k, e in enumerate(pattern)):
        return node.op(inner.inputs[0])
    return None


@on("Sum")
def sum_of_increment(node: Node, scope: Scope) -> Any:
    """sum(x[i:j].inc(y)) = sum(x) + sum(y), over all dimensions"""
    inner = made_by(node.inputs[0], "IncSubtensor", scope)
    if inner is None or inner.op.set or not _may_reorder(node):
        return None
    x, y, *index = inner.inputs
    if len(node.op.axes) != x.type.ndim or x.type.dtype != node.outputs[0].type.dtype:
        return None
    if not all(isinstance(e, (Span, Part)) for e in inner.op.pattern):
        return None
    part = Subtensor(pattern=inner.op.pattern)(x, *index)
    # Sizes are compared here for the last time: they are known to be equal without this node.
    env = ShapeEnv()
    if not all(map(env.same, env.shape(part), env.shape(y))):
        return None
    return OPS["add"](node.op(x), type(node.op)(axes=tuple(range(y.type.ndim)))(y))


def _is_integer(variable: Any) -> bool:
    return variable.type.numpy_dtype.kind in "biu"


# -- products --------------------------------------------------------------------------------------


@on("Dot")
def product_with_transposed(node: Node, scope: Scope) -> Any:
    """dot(transpose(a), b) = dot_tn(a, b), dot(a, transpose(b)) = dot_nt(a, b): no copy is made"""
    a, b = node.inputs
    plain_a, plain_b = (_untransposed(x, scope) for x in (a, b))
    if plain_a is not None and plain_b is not None:
        return OPS["matrix_transpose"](node.op(plain_b, plain_a))
    if plain_a is not None:
        return dot_tn(plain_a, b)
    return dot_nt(a, plain_b) if plain_b is not None else None


def _untransposed(x: Any, scope: Scope) -> Any:
    """The matrices that ``x`` are the transposes of, if it is made that way."""
    made = made_by(x, "DimShuffle", scope)
    last = x.type.ndim - 1
    if made is None or made.op.new_order != (*range(last - 1), last, last - 1):
        return None
    # One that also drops a dimension of size 1 is no mere transpose.
    return made.inputs[0] if made.inputs[0].type.ndim == last + 1 else None


@on("Dot", "DotTN")
def symmetric_product(node: Node, scope: Scope) -> Any:
    """dot(transpose(x) * w, x) = x.T @ diag(w) @ x: only half of it has to be computed"""
    a, b = node.inputs
    dtype = node.outputs[0].type.dtype
    if a.type.ndim != 2 or is_complex(dtype) or not is_continuous(dtype):
        return None
    across = type(node.op).__name__ == "Dot"
    for scaled, x in [(a, b)] if across else [(a, b), (b, a)]:
        weights = _weights(scaled, x, across, scope)
        if weights is not None:
            return gram(x, weights)
    return None


def _weights(product: Any, x: Any, across: bool, scope: Scope) -> Any:
    """``w`` if ``product`` is ``w[:, None] * x`` (``across``: its transpose), else None."""
    found, weights = False, constant(np.ones((), x.type.dtype))
    single, length = (0, 1) if across else (1, 0)
    for factor in _factors(product, scope):
        plain = _untransposed(factor, scope) if across else factor
        if plain is x and not found:
            found = True
        elif factor.type.shape[single] != 1:
            return None
        else:
            kept = [] if factor.type.shape[length] == 1 else [length]
            weights = OPS["mul"](weights, OPS["dimshuffle"](factor, kept))
    if not found or x.type.shape[0] == 1:
        return None
    if weights.ndim == 0:
        return OPS["broadcast_to"](weights, (OPS["shape_tuple"](x)[0],))
    return weights


def _factors(product: Any, scope: Scope) -> list[Any]:
    """What is multiplied, the innermost factors of products of products."""
    stack, found = [product], []
    while stack:
        v = stack.pop()
        made = made_by(v, "Mul", scope)
        if made is not None and all(f.type.dtype == v.type.dtype for f in made.inputs):
            stack.extend(reversed(made.inputs))
        else:
            found.append(v)
    return found


# -- indexing --------------------------------------------------------------------------------------


@on("Subtensor")
def whole_slice(node: Node, scope: Scope) -> Any:
    """x[:, :] = x"""
    return node.inputs[0] if all(e == FULL for e in node.op.pattern) else None


@on("Subtensor")
def turned_twice(node: Node, scope: Scope) -> Any:
    """x[::-1][::-1] = x"""
    inner = made_by(node.inputs[0], "Subtensor", scope)
    if inner is None:
        return None
    first, then = inner.op.pattern, node.op.pattern
    if not all(e in (FULL, _BACKWARDS) for e in (*first, *then)):
        return None
    left = tuple(FULL if a == b else _BACKWARDS for a, b in zip(first, then, strict=True))
    return Subtensor(pattern=left)(inner.inputs[0])


@on("Add")
def add_into(node: Node, scope: Scope) -> Any:
    """x + zeros[i].inc(y) = x[i].inc(y): one array less"""
    for x, other in (node.inputs, node.inputs[::-1]):
        written = scope.owner(other)
        if written is None or getattr(written.op, "set", True) or written.op.kind != "Scatter":
            continue
        base = written.inputs[0]
        if scope.value(base) == 0 and x.type == base.type and config.fastmath:
            return written.op(x, *written.inputs[1:])
    return None


@on("IncSubtensor")
def add_everywhere(node: Node, scope: Scope) -> Any:
    """x[:, None].inc(y) = x + y[:, 0]"""
    x, y = node.inputs[:2]
    pattern = node.op.pattern
    if node.op.set or not all(e in (FULL, NEW) for e in pattern):
        return None
    kept = [k for k, e in enumerate(pattern) if e != NEW]
    if not all(y.type.broadcastable[k] for k in range(y.type.ndim) if k not in kept):
        return None
    return OPS["add"](x, OPS["dimshuffle"](y, kept))


@on("IncSubtensor")
def add_twice(node: Node, scope: Scope) -> Any:
    """x[i].inc(a)[i].inc(b) = x[i].inc(a + b): one loop instead of two"""
    base, second, *index = node.inputs
    inner = made_by(base, "IncSubtensor", scope)
    if inner is None or inner.op != node.op or node.op.set or not config.fastmath:
        return None
    first = inner.inputs[1]
    if inner.inputs[2:] != index or first.type != second.type:
        return None
    return node.op(inner.inputs[0], OPS["add"](first, second), *index)


STRUCTURE: list[Local] = [
    shuffle_to_itself,
    shuffle_twice,
    reshape_to_own_shape,
    reshape_twice,
    shape_known_already,
    over_single_elements,
    twice_the_same,
    sum_of_negative,
    sum_of_multiple,
    sum_backwards,
    sum_of_increment,
    symmetric_product,
    product_with_transposed,
    whole_slice,
    turned_twice,
    add_into,
    add_everywhere,
    add_twice,
]
