"""Helpers to put loops together: one that takes only what it needs, and sums that grow in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...graph.basic import Variable
from ...graph.frozen import FrozenGraph
from ...graph.registry import OPS
from ...graph.traverse import ancestors
from ...ops.arithmetic import Add
from ...ops.scanning import Scan, conforming
from ...ops.sizes import as_scalar
from ...ops.subtensor import AdvancedIncSubtensor, IncSubtensor
from ...rewrite.fold import constant_value
from ..sweep import zeros_for

__all__ = ["LoopMaker", "added"]


class LoopMaker:
    """A loop while it is put together; of what is offered only what is needed is taken."""

    def __init__(self) -> None:
        self.sequences: dict[Variable, Variable] = {}
        self.states: dict[Variable, tuple[Variable, Variable]] = {}
        self.others: dict[Variable, Variable] = {}

    def sequence(self, element: Variable, values: Variable) -> None:
        """Offer a sequence."""
        self.sequences[element] = values

    def other(self, inside: Variable, value: Variable) -> None:
        """Offer what is the same in each step."""
        self.others[inside] = value

    def state(self, before: Any, initial: Any, after: Any) -> None:
        """Add a state; with ``after=None`` its next value is zero."""
        after = zeros_for(before) if after is None else conforming(after, before)
        self.states[before] = (conforming(initial, before), after)

    def run(
        self, steps: Any, traced: Sequence[Variable]
    ) -> tuple[dict[Variable, Variable], list[Variable]]:
        """The last value of each state, and the traces."""
        ends = [after for _, after in self.states.values()] + list(traced)
        needed = set(ancestors(ends))
        sequences = {v: x for v, x in self.sequences.items() if v in needed}
        others = {v: x for v, x in self.others.items() if v in needed}
        body = FrozenGraph([*sequences, *self.states, *others], ends)
        op = Scan(body=body, n_sequences=len(sequences), n_states=len(self.states))
        initial = [start for start, _ in self.states.values()]
        node = op.make_node(as_scalar(steps), *sequences.values(), *initial, *others.values())
        last = dict(zip(self.states, node.outputs, strict=False))
        return last, list(node.outputs[len(self.states) :])


def added(total: Variable, g: Any) -> Any:
    """``total + g``; what is added to zeros at some places is added to the total right there."""
    node = g.owner
    if node is not None and type(node.op) is Add and g.type == total.type:
        for term in node.inputs:
            total = added(total, conforming(term, total))
        return total
    if node is not None and isinstance(node.op, (IncSubtensor, AdvancedIncSubtensor)):
        base, *rest = node.inputs
        if not node.op.set and constant_value(base) == 0:
            return node.op(total, *rest)
    return OPS["add"](total, g)
