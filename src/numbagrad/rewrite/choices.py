"""Identities of branches, at one node each."""

from __future__ import annotations

from typing import Any

from ..graph.basic import Variable
from ..graph.frozen import FrozenGraph
from ..graph.tensor import TensorConstant
from ..graph.traverse import rebuild_graph
from .pattern import Local, Node, Scope, on

__all__ = ["CHOICES"]


@on("IfElse")
def known_condition(node: Node, scope: Scope) -> Any:
    """ifelse(True, a, b) = a"""
    value = scope.value(node.inputs[0])
    if value is None:
        return None
    made: list[Variable] = node.op.graphs[0 if value else 1].over(node.inputs[1:])
    return made


@on("IfElse")
def inputs_of_branches(node: Node, scope: Scope) -> Any:
    """Branches are handed what one of them needs, once, and no numbers that are known"""
    then, orelse = node.op.graphs
    given = node.inputs[1:]
    needed = {k for graph in (then, orelse) for k in graph.needs(range(len(graph.outputs)))}
    memos: tuple[dict[Variable, Variable], ...] = ({}, {})
    kept: dict[Variable, int] = {}
    for k, v in enumerate(given):
        first = kept.get(v)
        for memo, graph in zip(memos, (then, orelse), strict=True):
            if isinstance(v, TensorConstant) and v.data.size == 1:
                memo[graph.inputs[k]] = v
            elif first is not None and graph.inputs[k].type == graph.inputs[first].type:
                memo[graph.inputs[k]] = graph.inputs[first]
        if k in needed and then.inputs[k] not in memos[0]:
            kept.setdefault(v, k)
            if kept[v] != k:  # the same variable in another type
                return None
    if len(kept) == len(given):
        return None
    graphs = [
        FrozenGraph([graph.inputs[k] for k in kept.values()], rebuild_graph(graph.outputs, memo))
        for graph, memo in zip((then, orelse), memos, strict=True)
    ]
    return node.op.with_graphs(graphs).make_node(node.inputs[0], *kept).outputs


CHOICES: list[Local] = [known_condition, inputs_of_branches]
