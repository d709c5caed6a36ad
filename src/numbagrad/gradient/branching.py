"""The derivative rules of a branch: those of its sides, in a branch on the same condition."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from ..graph.basic import Apply, Variable
from ..graph.frozen import FrozenGraph
from ..graph.traverse import clone_replace
from ..ops.branching import IfElse
from ..ops.control import Derivatives, carries
from .forward import carry
from .paths import is_disconnected
from .regions import chosen
from .sweep import Sweep

__all__ = ["BRANCHES", "ahead", "back"]


def reverse(
    node: Apply, cotangents: Sequence[Variable], wanted: Collection[int]
) -> Sequence[Variable | None]:
    """The gradient of each input: from the side that is taken."""
    inputs = node.inputs[1:]
    positions = [k - 1 for k in wanted if k]
    made = [back(g, cotangents, positions, inputs) for g in _graphs(node)]
    return [None, *chosen(node.inputs[0], made[0], made[1], inputs)]


def forward(node: Apply, tangents: Sequence[Any]) -> Sequence[Variable | None]:
    """The tangent of each output: from the side that is taken."""
    made = [ahead(g, tangents[1:], node.inputs[1:]) for g in _graphs(node)]
    return chosen(node.inputs[0], made[0], made[1], node.outputs)


def _graphs(node: Apply) -> tuple[FrozenGraph, ...]:
    assert isinstance(node.op, IfElse)
    return node.op.graphs


def back(
    graph: FrozenGraph,
    cotangents: Sequence[Variable],
    positions: Sequence[int],
    inputs: Sequence[Variable],
) -> list[Any]:
    """The gradients of a graph's inputs at some positions, in terms of what it is given."""
    given, made = graph.fresh()
    pairs = zip(made, cotangents, strict=True)
    seeds = [(v, g) for v, g in pairs if carries(v) and not is_disconnected(g)]
    total = Sweep(seeds, [given[k] for k in positions]).total
    return _over([total.get(v) for v in given], given, inputs)


def ahead(graph: FrozenGraph, tangents: Sequence[Any], inputs: Sequence[Variable]) -> list[Any]:
    """The tangents of a graph's outputs, in terms of what it is given."""
    given, made = graph.fresh()
    moved = {v: t for v, t in zip(given, tangents, strict=True) if t is not None}
    found = carry(made, moved)
    return _over([found.get(v) for v in made], given, inputs)


def _over(found: Sequence[Any], given: Sequence[Variable], inputs: Sequence[Variable]) -> list[Any]:
    """Variables over a graph's own inputs as ones over the variables that it is given."""
    present = [v for v in found if v is not None]
    replaced = iter(clone_replace(present, dict(zip(given, inputs, strict=True))))
    return [None if v is None else next(replaced) for v in found]


BRANCHES = Derivatives(reverse, forward)
