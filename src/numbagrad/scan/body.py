"""The step as a graph of its own: what it needs from outside is found and becomes an input."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from ..errors import MissingInputError
from ..graph.basic import Apply, Constant, Variable, toposort
from ..graph.frozen import FrozenGraph
from ..graph.traverse import graph_inputs, rebuild_graph
from ..ops.structure import DimShuffle
from .arguments import complaint

__all__ = ["close_over"]


def close_over(
    inside: Sequence[Variable],
    hidden: dict[Variable, Variable],
    outputs: Sequence[Variable],
    passed: Sequence[Variable],
    strict: bool,
) -> tuple[FrozenGraph, list[Any]]:
    """The graph from the loop's variables to ``outputs``, and what else it needs.

    Whatever does not change in the loop is computed before it, once, and is one of the others.

    Parameters
    ----------
    inside : sequence of Variable
        What changes in each step.
    hidden : dict
        Shared variables, and which of ``inside`` stand for them.
    outputs : sequence of Variable
    passed : sequence of Variable
        The user's non_sequences; they come first among the others.
    strict : bool
        Whether nothing may be needed but these.

    Raises
    ------
    MissingInputError
        If ``strict`` and something else is needed.
    """
    changing = {*inside, *hidden}
    others = _others(outputs, changing, passed)
    if strict:
        _refuse_closures(others, {*passed, *hidden})
    memo: dict[Variable, Variable] = dict(hidden)
    memo |= {v: v.type.make_variable(v.name) for v in others}
    body = rebuild_graph(outputs, memo)
    return FrozenGraph([*inside, *(memo[v] for v in others)], body), others


def _others(
    outputs: Sequence[Variable], changing: Collection[Variable], passed: Sequence[Variable]
) -> list[Variable]:
    """The variables at the border of what is computed in each step."""
    stays = _Borders(changing)
    for node in toposort(outputs, changing):
        stays.look_at(node)
    wanted: list[Variable] = []
    todo = [v for node in stays.inner for v in node.inputs] + list(outputs)
    seen: set[Variable] = set()
    while todo:
        variable = todo.pop(0)
        if variable in seen or variable in changing or isinstance(variable, Constant):
            continue
        seen.add(variable)
        if variable.owner in stays.inner:
            continue
        if variable.owner is not None and variable.owner in stays.inlined:
            todo.extend(variable.owner.inputs)
        else:
            wanted.append(variable)
    first = [v for v in dict.fromkeys(passed) if v in seen and v in set(wanted)]
    return first + [v for v in wanted if v not in set(first)]


class _Borders:
    """Which nodes are computed in each step, and which may as well be."""

    def __init__(self, changing: Collection[Variable]):
        self._moves: set[Variable] = set(changing)
        self._fixed: set[Variable] = set()
        self.inner: dict[Apply, None] = {}
        self.inlined: set[Apply] = set()

    def look_at(self, node: Apply) -> None:
        """Decide on a node; those that it needs have been decided on."""
        if any(v in self._moves for v in node.inputs):
            self.inner[node] = None
            self._moves.update(node.outputs)
        elif all(isinstance(v, Constant) or v in self._fixed for v in node.inputs):
            # Of constants alone: rewriting makes it one, or prints it in place.
            self.inlined.add(node)
            self._fixed.update(node.outputs)
        elif isinstance(node.op, DimShuffle):
            self.inlined.add(node)  # nothing is computed, and what it is of is the better argument


def _refuse_closures(others: Sequence[Variable], allowed: Collection[Variable]) -> None:
    for leaf in graph_inputs(others, allowed):
        if leaf not in allowed and not isinstance(leaf, Constant):
            words = (
                f"strict=True: the step function uses {leaf!r}, which is not passed; add it to "
                "non_sequences and to the arguments of the step function"
            )
            raise MissingInputError(complaint(words))
