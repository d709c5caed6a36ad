"""Matrices that a loop adds up: one product of all steps instead of a sum of small ones.

A gradient with respect to a matrix of weights is ``sum_t outer(x[t], g[t])``, added up in each
step. With the ``g[t]`` as the rows of a matrix it is ``x.T @ g``, which BLAS computes without going
through the whole result once a step.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from ..config import config
from ..graph.basic import Variable
from ..graph.registry import OPS
from ..graph.traverse import toposort
from ..ops.index_patterns import FULL, Span
from ..ops.products import dot_tn
from ..records import record, replace
from .loop import Loop, State
from .loops import new_dimensions
from .pattern import Local, Node, Scope, on

__all__ = ["GATHER"]

_BACKWARDS = slice(None, None, -1)
_REVERSED = Span(None, None, -1)
#: A matrix known to have fewer elements is added up in the loop.
SMALL = 64


@record(frozen=True)
class _Sum:
    """A state that adds ``left.T @ right`` in each step, or the outer product of two vectors."""

    state: State
    left: Any
    right: Any
    sign: str


@on("Scan")
def products_after(node: Node, scope: Scope) -> Any:
    """scan(s + outer(x[t], g[t])) = s + x.T @ g"""
    loop = Loop.of(node)
    if loop.condition is not None or not config.fastmath:
        return None
    found = _sums(loop)
    if not found:
        return None
    kept = [s for s in loop.states if s.inside not in found]
    rows = dict.fromkeys(v for f in found.values() for v in (f.left, f.right))
    made = replace(loop, states=tuple(kept), traced=(*loop.traced, *rows)).node()
    n, m = len(kept), len(loop.traced)
    elements = {g.inside: g.outside for g in loop.sequences}
    traces = zip(rows, made.outputs[n + m :], strict=True)
    all_rows = {v: elements.get(v, trace) for v, trace in traces}
    states = iter(made.outputs)
    last = [
        _total(found[s.inside], all_rows) if s.inside in found else next(states)
        for s in loop.states
    ]
    return [*last, *made.outputs[n : n + m]]


def _sums(loop: Loop) -> dict[Variable, _Sum]:
    nodes = toposort(loop.outputs, loop.inside)
    if any(getattr(n.op, "kind", None) == "Control" for n in nodes):
        return {}  # a loop around others takes a segment of the steps at a time to save memory
    uses = Counter(v for n in nodes for v in n.inputs)
    uses.update(loop.outputs)
    stored = {g.inside for g in loop.sequences} | set(loop.traced)
    found = {}
    for s in loop.states:
        if uses[s.inside] == 1 and uses[s.after] == 1:
            made = _sum(s)
            # One of the two has to be kept anew, at most.
            if made is not None and not stored.isdisjoint([made.left, made.right]):
                found[s.inside] = made
    return found


def _sum(s: State) -> _Sum | None:
    node = s.after.owner
    name = None if node is None else type(node.op).__name__
    if name not in {"Add", "Sub"} or s.after.type.ndim != 2 or _is_small(s):
        return None
    x, y = node.inputs
    if y is s.inside and name == "Add":
        x, y = y, x
    product = _product(y) if x is s.inside else None
    if product is None or any(v.type.dtype != s.after.type.dtype for v in product):
        return None
    return _Sum(s, *product, "add" if name == "Add" else "sub")


def _is_small(s: State) -> bool:
    shape = s.after.type.shape
    return None not in shape and math.prod(shape) < SMALL


def _product(v: Any) -> tuple[Any, Any] | None:
    """The vectors of an outer product, or matrices with as many rows."""
    node = v.owner
    name = None if node is None else type(node.op).__name__
    if name == "DotTN":
        return tuple(node.inputs)
    if name != "Mul":
        return None
    parts = {}
    for x in node.inputs:
        order = new_dimensions(x)
        if order is None:
            return None
        parts[tuple(order)] = x.owner.inputs[0]
    column, row = parts.get((0, "x")), parts.get(("x", 0))
    return None if column is None or row is None else (column, row)


def _total(found: _Sum, rows: dict[Variable, Any]) -> Any:
    left, right = rows[found.left], rows[found.right]
    # Elements that are read from the last one on: nothing is turned around, or the new rows, which
    # may be part of several products.
    forward, back = (_turned_back(x) for x in (left, right))
    if forward is not None and back is not None:
        left, right = forward, back
    elif forward is not None:
        left, right = forward, OPS["subtensor"](right, _BACKWARDS)
    elif back is not None:
        left, right = OPS["subtensor"](left, _BACKWARDS), back
    return OPS[found.sign](found.state.outside, dot_tn(_as_rows(left), _as_rows(right)))


def _turned_back(x: Any) -> Any:
    """What ``x`` has the rows of, from the last to the first."""
    node = x.owner
    if node is None or type(node.op).__name__ != "Subtensor":
        return None
    first, *rest = node.op.pattern
    return node.inputs[0] if first == _REVERSED and all(e == FULL for e in rest) else None


def _as_rows(x: Any) -> Any:
    """The rows of a stack of matrices as those of one."""
    if x.type.ndim == 2:
        return x
    sizes = [OPS["shape_i"](x, k) for k in range(3)]
    return OPS["reshape"](x, [OPS["mul"](sizes[0], sizes[1]), sizes[2]])


GATHER: list[Local] = [products_after]
