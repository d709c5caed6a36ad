"""The reverse mode of a loop that keeps few states: what lies between is computed again.

The steps are cut into segments of equal length and a rest. The loop keeps the states before each
segment. On the way back a loop over the segments, the last one first, makes the steps of a segment
once more, as a loop of its own that keeps all it needs, and passes its gradients on (Griewank,
Achieving logarithmic growth of temporal and spatial complexity in reverse automatic
differentiation, 1992, with one level). What is kept is then as much as there are segments and
steps in one of them: least, like the square root, if both are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from ...graph.basic import Apply, Variable
from ...graph.frozen import FrozenGraph
from ...graph.registry import OPS
from ...graph.tensor import TensorType, constant
from ...graph.type import disconnected_type
from ...ops.declared import size_of
from ...ops.indexing import part
from ...ops.scanning import conforming
from ...ops.sizes import as_scalar, product, shape_tuple
from ...records import record
from ..paths import is_disconnected
from ..sweep import zeros_for
from .linearise import Step
from .maker import LoopMaker, added

__all__ = ["by_segments", "can_be_cut", "segment_length"]

#: A reverse rule: of a node, the gradients of its outputs and the positions that are wanted.
Rule = Callable[[Apply, Sequence[Variable], Collection[int]], list[Any]]


def can_be_cut(op: Any) -> bool:
    """Whether states are kept before each segment only.

    What is no tensor can not be kept in an array. Gradients through the last steps only have few
    steps anyway.
    """
    states = op.body.inputs[op.inner.states]
    tensors = all(isinstance(x.type, TensorType) for x in states)
    return op.checkpoint is not None and op.truncate is None and tensors


def segment_length(checkpoint: int | str, steps: Any) -> Any:
    """How many steps a segment has; an int if it is known, else a scalar variable.

    >>> segment_length("sqrt", 10), segment_length(3, 10), segment_length("sqrt", 0)
    (4, 3, 1)
    """
    if isinstance(checkpoint, int):
        return checkpoint
    if isinstance(steps, int):
        root = int(max(steps, 1) ** 0.5)
        return root if root * root >= steps else root + 1
    root = OPS["ceil"](OPS["sqrt"](OPS["cast"](OPS["maximum"](steps, 1), "float64")))
    return OPS["cast"](root, "int64")


def by_segments(node: Apply, step: Step, given: Sequence[Variable], rule: Rule) -> dict[int, Any]:
    """Gradients of the node's inputs, by position.

    Parameters
    ----------
    node : Apply
    step : Step
        What `linearised` made of it: which states and inputs take part.
    given : sequence of Variable
        The gradients of the outputs; disconnected where there is none.
    rule : callable
        How a loop of a few steps is differentiated.
    """
    cut = _Segments(node)
    first, asked = cut.op.n_sequences, list(step.gradients)
    states = list(step.states)
    wanted = [i for i in asked if not first <= i < first + cut.op.n_states]
    wanted += [first + k for k in states]
    ends = {
        k: zeros_for(node.outputs[k]) if is_disconnected(given[k]) else given[k] for k in states
    }
    traces = {j: given[cut.op.n_states + j] for j in step.traces}
    ends, sums, tails = cut.rest(ends, traces, wanted, rule)
    ends, sums, heads = cut.segments(ends, traces, wanted, sums, rule)
    made: dict[int, Any] = {1 + first + k: g for k, g in ends.items()}
    made |= {1 + i: g for i, g in sums.items()}
    for i in {**heads, **tails}:
        made[1 + i] = cut.whole(heads.get(i), tails.get(i), node.inputs[1 + i])
    return made


@record()
class _Kept:
    """The loop that keeps states before segments, and for each state the array of them."""

    node: Apply
    arrays: list[Any]


class _Segments:
    """A loop cut into segments.

    Attributes
    ----------
    op : Scan
        That of a segment: without condition and checkpoints.
    steps, length, count : int or Variable
        How many steps were made, how many a segment has, and how many segments there are.
    """

    def __init__(self, node: Apply):
        op: Any = node.op
        self.node = node
        bound = size_of(node.inputs[0])
        self.length = segment_length(op.checkpoint, bound)
        kept = keeping_loop(node, self.length)
        self.kept = kept.arrays
        self.steps: Any = kept.node.outputs[-1] if op.until else bound
        body = FrozenGraph(op.body.inputs, [*op.next_states, *op.traced])
        self.op = op.changed(body=body, until=False, checkpoint=None)
        self.count = _divided(self.steps, self.length)
        self.covered = product([self.count, self.length])
        self.left = _minus(self.steps, self.covered)

    def rest(
        self, ends: dict[int, Any], traces: dict[int, Any], wanted: list[int], rule: Rule
    ) -> tuple[dict[int, Any], dict[int, Any], dict[int, Any]]:
        """Gradients over the steps behind the last segment.

        Of the states before them, of what is the same in each step, and of elements.
        """
        op, node = self.op, self.node
        zeros = {i: zeros_for(node.inputs[1 + i]) for i in wanted if i >= op.inner.others.start}
        if isinstance(self.left, int) and self.left == 0:
            return ends, zeros, {}
        sequences = [part(x, 0, self.covered, self.left) for x in node.inputs[op.outer.sequences]]
        begin = [OPS["subtensor"](kept, self.count) for kept in self.kept]
        segment = op.make_node(
            as_scalar(self.left), *sequences, *begin, *node.inputs[op.outer.others]
        )
        later = {j: part(g, 0, self.covered, self.left) for j, g in traces.items()}
        found = _ask(rule, segment, ends, later, wanted)
        first = op.n_sequences
        return (
            {k: found.get(first + k, zeros_for(ends[k])) for k in ends},
            {i: found.get(i, zero) for i, zero in zeros.items()},
            {i: found[i] for i in wanted if i < first and i in found},
        )

    def segments(
        self,
        ends: dict[int, Any],
        traces: dict[int, Any],
        wanted: list[int],
        sums: dict[int, Any],
        rule: Rule,
    ) -> tuple[dict[int, Any], dict[int, Any], dict[int, Any]]:
        """The same over all segments, the last one first, on top of what came behind them."""
        if isinstance(self.count, int) and self.count == 0:
            return ends, sums, {}
        op, loop, first = self.op, LoopMaker(), self.op.n_sequences
        inside = [x.type.make_variable(x.name) for x in op.body.inputs]
        length = self.length
        if isinstance(length, Variable):
            length = length.type.make_variable()
            loop.other(length, self.length)
        for i in range(first):
            inside[i] = self._folded(loop, self.node.inputs[1 + i], inside[i].name)
        for k, kept in enumerate(self.kept):
            before = part(kept, 0, 0, self.count)
            kind = TensorType(kept.type.dtype, kept.type.shape[1:])
            inside[first + k] = kind.make_variable(op.body.inputs[first + k].name)
            loop.sequence(inside[first + k], OPS["subtensor"](before, slice(None, None, -1)))
        for i in range(op.inner.others.start, len(inside)):
            loop.other(inside[i], self.node.inputs[1 + i])
        later = {j: self._folded(loop, g, None) for j, g in traces.items()}
        behind = {k: op.body.inputs[first + k].type.make_variable() for k in ends}
        totals = {i: inside[i].type.make_variable() for i in sums}
        segment = op.make_node(as_scalar(length), *inside)
        found = _ask(rule, segment, behind, later, wanted)
        for k, g in behind.items():
            loop.state(g, ends[k], found.get(first + k))
        for i, total in totals.items():
            loop.state(total, sums[i], added(total, found[i]) if i in found else total)
        elements = [i for i in wanted if i < first and i in found]
        last, made = loop.run(self.count, [found[i] for i in elements])
        return (
            {k: last[g] for k, g in behind.items()},
            {i: last[total] for i, total in totals.items()},
            dict(zip(elements, made, strict=True)),
        )

    def _folded(self, loop: LoopMaker, x: Any, name: str | None) -> Any:
        """The elements of ``x`` in one segment, which become a sequence of ``loop``."""
        whole = part(x, 0, 0, self.covered)
        shape = (self.count, self.length, *shape_tuple(x)[1:])
        folded = OPS["reshape"](whole, shape, ndim=len(shape))
        element = TensorType(folded.type.dtype, folded.type.shape[1:]).make_variable(name)
        loop.sequence(element, OPS["subtensor"](folded, slice(None, None, -1)))
        return element

    def whole(self, heads: Any, tails: Any, x: Any) -> Any:
        """The gradient of a sequence from those in segments, the last one first, and behind."""
        made = tails
        if heads is not None:
            shape = (self.covered, *shape_tuple(x)[1:])
            forth = OPS["subtensor"](heads, slice(None, None, -1))
            made = OPS["reshape"](forth, shape, ndim=len(shape))
            made = made if tails is None else OPS["join"](0, made, tails)
        if not self.node.op.until:  # type: ignore[attr-defined]
            return made
        return OPS["set_subtensor"](part(zeros_for(x), 0, 0, self.steps), made)


def keeping_loop(node: Apply, length: Any) -> _Kept:
    """The loop of ``node`` with more states: arrays of the states before each segment.

    Each step writes the states before it into the row of the segment that begins at it or next:
    the last step to write a row is the one that a segment begins with. Behind the states of the
    loop there is a counter of steps, and then these arrays.
    """
    op: Any = node.op
    inputs = list(op.body.inputs)
    before, same = inputs[op.inner.states], inputs[op.inner.others]
    size, outer = length, []
    if isinstance(length, Variable):
        size, outer = length.type.make_variable(), [length]
    rows = _divided(size_of(node.inputs[0]), length)
    # Steps behind the last segment write into a row that is never read, too.
    rows = rows + 2 if isinstance(rows, int) else OPS["add"](rows, 2)
    counter: Any = TensorType("int64", ())()
    row = OPS["floor_div"](OPS["add"](counter, _minus(size, 1)), size)
    start: list[Any] = [constant(0, dtype="int64")]
    inside: list[Any] = [counter]
    after: list[Any] = [OPS["add"](counter, 1)]
    for x, initial in zip(before, node.inputs[op.outer.states], strict=True):
        zero = constant(0, dtype=x.type.dtype)
        start.append(OPS["alloc"](zero, rows, *shape_tuple(initial)))
        inside.append(start[-1].type.make_variable())
        after.append(OPS["set_subtensor"](OPS["subtensor"](inside[-1], row), x))
    n = op.n_states
    body = FrozenGraph(
        [*inputs[op.inner.sequences], *before, *inside, *same, *([size] if outer else [])],
        [*op.next_states, *after, *op.body.outputs[n:]],
    )
    made = op.changed(body=body, n_states=n + len(inside), checkpoint=None).make_node(
        *node.inputs[: op.outer.states.stop], *start, *node.inputs[op.outer.others], *outer
    )
    arrays = made.outputs[n + 1 : n + len(inside)]
    return _Kept(made, list(arrays))


def _ask(
    rule: Rule, segment: Apply, ends: dict[int, Any], traces: dict[int, Any], wanted: list[int]
) -> dict[int, Any]:
    """The gradients of a segment, by position of the body's input."""
    op: Any = segment.op
    given: list[Any] = [disconnected_type() for _ in segment.outputs]
    for k, g in ends.items():
        given[k] = conforming(g, segment.outputs[k])
    for j, g in traces.items():
        given[op.n_states + j] = g
    made = rule(segment, given, [1 + i for i in wanted])
    return {i: made[1 + i] for i in wanted if made[1 + i] is not None}


def _divided(a: Any, b: Any) -> Any:
    if isinstance(a, int) and isinstance(b, int):
        return a // b
    return a if isinstance(b, int) and b == 1 else OPS["floor_div"](a, b)


def _minus(a: Any, b: Any) -> Any:
    if isinstance(a, int) and isinstance(b, int):
        return a - b
    return OPS["sub"](a, b)
