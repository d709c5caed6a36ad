"""The derivative rules of a user's graph: those of the graph, or those that the user gave."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from ..graph.basic import Apply, Variable
from ..ops.control import Derivatives
from ..ops.from_graph import OpFromGraph
from .branching import ahead, back
from .paths import is_disconnected, moves_in_steps
from .sweep import zeros_for

__all__ = ["FROM_GRAPH"]


def reverse(
    node: Apply, cotangents: Sequence[Variable], wanted: Collection[int]
) -> Sequence[Variable | None]:
    """The gradient of each input, by the user's rule where there is one."""
    op = node.op
    assert isinstance(op, OpFromGraph)
    made: list[Any] = ["default"] * len(node.inputs)
    if op.reverse_rule is not None:
        outputs = list(node.outputs)
        pairs = zip(outputs, cotangents, strict=True)
        given = [zeros_for(y) if is_disconnected(g) else g for y, g in pairs]
        inputs = node.inputs[: op.n_given]
        lists = [inputs, outputs, given] if op.reverse_rule.with_outputs else [inputs, given]
        made[: op.n_given] = op.reverse_rule.answers(op.n_given, lists)
    plain = [k for k in wanted if isinstance(made[k], str)]
    if plain:
        found = back(op.graph, cotangents, plain, node.inputs)
        for k in plain:
            made[k] = found[k]
    return [None if isinstance(g, str) else g for g in made]


def forward(node: Apply, tangents: Sequence[Any]) -> Sequence[Variable | None]:
    """The tangent of each output, by the user's rule where there is one."""
    op = node.op
    assert isinstance(op, OpFromGraph)
    made: list[Any] = ["default"] * len(node.outputs)
    if op.forward_rule is not None:
        inputs = node.inputs[: op.n_given]
        pairs = zip(inputs, tangents, strict=False)
        given = [zeros_for(x) if t is None else t for x, t in pairs]
        made = op.forward_rule.answers(len(node.outputs), [inputs, given])
    if any(isinstance(t, str) for t in made):
        found = ahead(op.graph, tangents, node.inputs)
        made = [f if isinstance(t, str) else t for f, t in zip(found, made, strict=True)]
    return [
        None if t is None or moves_in_steps(v) else t
        for t, v in zip(made, node.outputs, strict=True)
    ]


FROM_GRAPH = Derivatives(reverse, forward)
