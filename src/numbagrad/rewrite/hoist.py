"""What a loop need not do in each step: work that is the same every time, and matrix products.

A value that depends only on what is the same in each step is computed before the loop, if that
saves something: not if it is a single number that takes one or two operations, nor a view, which
would have to be stored to become an input. Work on elements of sequences stays inside, where its
results need no array; only products of all elements with one matrix become one large product.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..graph.basic import Apply, Constant, Variable
from ..graph.registry import OPS
from ..graph.tensor import TensorType
from ..graph.traverse import rebuild_graph, toposort
from ..records import replace
from .fold import PURE_KINDS
from .loop import Given, Loop
from .pattern import Local, Node, Scope, on

__all__ = ["HOIST"]

#: What computing a single number costs at least that is not computed anew in each step.
DEAR_NUMBER = 4
#: The same for each element of an array, which has to be stored and read instead.
DEAR_ELEMENT = 10
#: A sum of costs that stands for more than arithmetic on each element.
MUCH = 1000
#: Kinds whose arguments are stored in any case.
_OF_WHOLE_ARRAYS = ("Block", "Scatter")


@on("Scan")
def out_of_the_loop(node: Node, scope: Scope) -> Any:
    """scan(f(g(other))) = scan(f(x)) with x = g(other) before the loop"""
    loop = Loop.of(node)
    nodes = toposort(loop.outputs, loop.inside)
    made = _worth_moving(loop, nodes, scope)
    if not made:
        return None
    outside = _outside(loop, made)
    new = {
        v: Given(x, v.type.make_variable(v.name))
        for v, x in zip(made, outside, strict=True)
        if _alike(x.type, v.type)
    }
    if not new:
        return None
    loop = loop.replaced({v: g.inside for v, g in new.items()})
    return replace(loop, others=(*loop.others, *new.values())).node().outputs


def _worth_moving(loop: Loop, nodes: Sequence[Apply], scope: Scope) -> list[Variable]:
    """The values that are the same in each step and used where others are not."""
    certain = (scope.value(loop.steps) or 0) >= 1
    fixed: set[Any] = {g.inside for g in loop.others}
    costs: dict[Variable, int] = {}
    for node in nodes:
        # A check that fails is an error only if there is a step.
        if _is_fixed(node, fixed) and (certain or not _has_checks(node)):
            fixed.update(node.outputs)
            cost = _cost(node) + sum(costs.get(v, 0) for v in set(node.inputs))
            costs |= dict.fromkeys(node.outputs, cost)
    found: dict[Variable, None] = {}
    traced = set(loop.traced)
    for v in loop.outputs:
        _consider(v, v in traced, fixed, costs, found)
    for node in nodes:
        if node.outputs[0] not in fixed:
            whole = getattr(node.op, "kind", None) in _OF_WHOLE_ARRAYS
            for v in node.inputs:
                _consider(v, whole, fixed, costs, found)
    # A number in many places is best left a number.
    return [v for v in found if scope.value(v) is None]


def _consider(
    variable: Any, stored: bool, fixed: set[Any], costs: dict[Any, int], found: dict[Any, None]
) -> None:
    """Add ``variable``, or what it is a view of, if it is fixed and worth it."""
    stack = [(variable, stored)]
    while stack:
        v, stored = stack.pop()
        if v not in fixed or v.owner is None or v in found:
            continue
        view = v.owner.op.kind in {"View", "Size"}
        if _moves(v, view, stored, costs[v]):
            found[v] = None
        elif view or v.owner.op.kind == "Elementwise":
            stack += [(x, False) for x in v.owner.inputs]


def _moves(v: Any, view: bool, stored: bool, cost: int) -> bool:
    if v.type.ndim == 0:
        return stored or cost >= DEAR_NUMBER
    if view:
        # One that only counts elements anew is the same memory inside, too.
        return stored and not getattr(v.owner.op, "same_elements", False)
    return stored or cost >= DEAR_ELEMENT


def _cost(node: Any) -> int:
    if node.op.kind == "Elementwise":
        return int(node.op.cost)
    if node.op.kind == "View":
        # A number that is read out of an array is kept in a register.
        return DEAR_NUMBER if node.outputs[0].type.ndim == 0 and node.inputs[0].type.ndim else 0
    return 0 if node.op.kind == "Size" else MUCH


def _is_fixed(node: Any, fixed: set[Any]) -> bool:
    return all(v in fixed or isinstance(v, Constant) for v in node.inputs) and _pure(node)


def _has_checks(node: Any) -> bool:
    return bool(node.op.checks(*node.inputs))


def _pure(node: Any) -> bool:
    tensors = all(isinstance(v.type, TensorType) for v in (*node.inputs, *node.outputs))
    return tensors and getattr(node.op, "kind", None) in PURE_KINDS | {"Control"}


def _outside(loop: Loop, wanted: Sequence[Variable]) -> list[Any]:
    """Values of the body that depend only on what is the same in each step, around the loop."""
    memo = {g.inside: g.outside for g in loop.others}
    return rebuild_graph(wanted, memo, lambda node, new: node.clone_with_new_inputs(new).outputs)


def _alike(a: Any, b: Any) -> bool:
    same: bool = a.broadcastable == b.broadcastable
    return same


# -- products --------------------------------------------------------------------------------------


@on("Scan")
def products_at_once(node: Node, scope: Scope) -> Any:
    """scan(f(x[t] @ w)) = scan(f(y[t])) with y = x @ w before the loop"""
    loop = Loop.of(node)
    if loop.condition is not None or loop.op.checkpoint is not None:
        return None  # it may end long before the last element, or memory is dear
    nodes = toposort(loop.outputs, loop.inside)
    # A loop around others takes a segment of the steps at a time: what that saves is not undone.
    most = 1 if any(getattr(n.op, "kind", None) == "Control" for n in nodes) else 2
    elements = {g.inside: g.outside for g in loop.sequences if g.inside.type.ndim <= most}
    fixed: set[Any] = {g.inside for g in loop.others}
    new: dict[Variable, Given] = {}
    for inner in nodes:
        if _is_fixed(inner, fixed):
            fixed.update(inner.outputs)
            continue
        out = inner.outputs[0]
        made = _all_products(inner, elements, fixed, loop)
        if made is not None and _alike(TensorType("int8", made.type.shape[1:]), out.type):
            new[out] = Given(made, out.type.make_variable(out.name))
    if not new:
        return None
    loop = loop.replaced({v: g.inside for v, g in new.items()})
    return replace(loop, sequences=(*loop.sequences, *new.values())).node().outputs


def _all_products(node: Any, elements: dict[Any, Any], fixed: set[Any], loop: Loop) -> Any:
    """The products of all elements of a sequence with one matrix, if ``node`` is one of them."""
    name = type(node.op).__name__
    if name not in {"VecMat", "MatVec", "Dot", "DotNT"} or node.inputs[0].type.ndim > 2:
        return None
    x, matrix = node.inputs[::-1] if name == "MatVec" else node.inputs
    if x not in elements or not (matrix in fixed or isinstance(matrix, Constant)):
        return None
    rows = elements[x]
    (w,) = _outside(loop, [matrix])
    product = OPS["dot"] if name in {"VecMat", "Dot"} else _with_transposed
    if rows.type.ndim == 2:
        return product(rows, w)
    many, each, inner = (OPS["shape_i"](rows, k) for k in range(3))
    flat = product(OPS["reshape"](rows, [many * each, inner]), w)
    return OPS["reshape"](flat, [many, each, OPS["shape_i"](flat, 1)])


def _with_transposed(a: Any, b: Any) -> Any:
    return OPS["dot"](a, OPS["matrix_transpose"](b))


HOIST: list[Local] = [out_of_the_loop, products_at_once]
