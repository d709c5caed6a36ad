"""The reverse rule of `Scan`: a loop the other way round."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from ...graph.basic import Apply, Variable
from ...graph.registry import OPS
from ...ops.control import carries
from ...ops.declared import size_of, undefined
from ...ops.indexing import part
from ...ops.scanning import Scan
from ...ops.sizes import smallest
from ..paths import is_disconnected, made_at
from ..sweep import zeros_for
from .checkpoints import by_segments, can_be_cut
from .linearise import Step, linearised
from .maker import LoopMaker, added
from .tape import Taped, taped

__all__ = ["Gradients", "backwards", "pulled"]

#: Gradients of a node's inputs, by position; what is absent has none.
Gradients = dict[int, Variable]


def pulled(node: Apply, given: Sequence[Variable], wanted: Collection[int]) -> list[Any]:
    """The reverse rule: see `Derivatives`."""
    op: Any = node.op
    live = [not is_disconnected(g) and carries(v) for g, v in zip(given, node.outputs, strict=True)]
    step = linearised(
        op,
        [i - 1 for i in wanted if i > 0],
        [k for k in range(op.n_states) if live[k]],
        [j for j in range(op.n_traced) if live[op.n_states + j]],
    )
    made: list[Any] = [None] * len(node.inputs)
    if step.gradients or step.states:
        if can_be_cut(op):
            found = by_segments(node, step, given, pulled)
        else:
            found = backwards(node, step, taped(node, step), given)
        made = [found.get(i) if i in wanted else None for i in range(len(made))]
    for i, why in step.undefined.items():
        made[1 + i] = undefined(f"in a step of {made_at(node)}: {why}")
    return made


def backwards(node: Apply, step: Step, tape: Taped, given: Sequence[Variable]) -> Gradients:
    """The loop the other way round.

    Its states are the gradients of states, the values of states after the step, and for each input
    that is the same in each step the sum of its gradients so far; gradients of elements are traced.

    Parameters
    ----------
    node : Apply
    step, tape
        What `linearised` and `taped` made of it.
    given : sequence of Variable
        The gradients of the outputs; disconnected where there is none.

    Returns
    -------
    dict
        Gradients of the node's inputs, by position.
    """
    op: Any = node.op
    first = op.n_sequences
    span = Span(tape.node, op)
    loop = LoopMaker()
    for j, g in step.traces.items():
        loop.sequence(g, span.back(given[op.n_states + j]))
    for v, trace in tape.tape.items():
        loop.sequence(v, span.back(trace))
    for k, g in step.states.items():
        start = given[k] if not is_disconnected(given[k]) else zeros_for(tape.node.outputs[k])
        loop.state(g, start, tape.gradients.get(first + k, None))
    for v, k in tape.after.items():
        loop.state(v, tape.node.outputs[k], op.body.inputs[first + k])
    sums = {}
    for i in (i for i in tape.gradients if i >= op.inner.others.start):
        x = op.body.inputs[i]
        sums[i] = x.type.make_variable(x.name and f"d{x.name}")
        loop.state(sums[i], zeros_for(node.inputs[1 + i]), added(sums[i], tape.gradients[i]))
    traced = {i: g for i, g in tape.gradients.items() if i < first}
    for i, v in enumerate(op.body.inputs):
        if i < first:
            loop.sequence(v, span.back(node.inputs[1 + i]))
        elif i >= op.inner.others.start:
            loop.other(v, node.inputs[1 + i])
    for v, size in tape.sizes.items():
        loop.other(v, size)
    last, traces = loop.run(span.count, list(traced.values()))
    made: Gradients = {}
    for i, g in zip(traced, traces, strict=True):
        made[1 + i] = span.spread(g, node.inputs[1 + i])
    for k, g in step.states.items():
        made[1 + first + k] = span.at_start(last[g])
    for i, total in sums.items():
        made[1 + i] = last[total]
    return made


class Span:
    """The steps that derivatives pass, from ``start`` on ``count`` of them, ``stop`` the last.

    Sizes are ints where they are known.
    """

    def __init__(self, node: Apply, op: Scan):
        self.stop: Any = node.outputs[-1] if op.until else size_of(node.inputs[0])
        self.start: Any = 0
        self.count = self.stop
        self.whole = not op.until and op.truncate is None
        if op.truncate is not None:
            self.count = smallest(self.stop, op.truncate)
            known = isinstance(self.count, int)
            self.start = self.stop - self.count if known else OPS["sub"](self.stop, self.count)

    def back(self, x: Any) -> Any:
        """The elements that belong to these steps, the last one first."""
        there = x if self.whole else part(x, 0, self.start, self.count)
        return OPS["subtensor"](there, slice(None, None, -1))

    def spread(self, g: Any, x: Any) -> Any:
        """Gradients of elements, the last one first, as the gradient of the sequence ``x``."""
        forth = OPS["subtensor"](g, slice(None, None, -1))
        if self.whole:
            return forth
        return OPS["set_subtensor"](part(zeros_for(x), 0, self.start, self.count), forth)

    def at_start(self, g: Any) -> Any:
        """The gradient of an initial value: nothing, if derivatives do not pass all steps."""
        if isinstance(self.start, int):
            return g if self.start == 0 else zeros_for(g)
        return OPS["switch"](OPS["eq"](self.start, 0), g, zeros_for(g))
