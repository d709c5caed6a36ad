"""The derivatives of `Scan`: from a loop to a larger loop, in phases that are pure functions.

Reverse mode
    `linearised`: the gradients of one step, as a graph. `taped`: what the step needs of the way
    there, chosen by ``tape``, and the loop that saves it. `backwards`: the loop the other way.
Forward mode
    `pushed`: the loop that carries tangents next to its states.

How loops merge. The loop that saves has the inputs of the given one and the same body inputs, next
states and traced values in the same order, with more traced values behind them; where nothing has
to be saved it is the given node itself. The loop that carries tangents has the sequences, states
and other inputs of the given one first, each followed by the new ones, and the same next states
first; of traced values it has those of tangents only. So in both cases the states of the given loop
are the first states of the new one, from the same initial values by the same graphs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..graph.basic import Apply, Variable
from ..graph.frozen import FrozenGraph
from ..graph.registry import OPS
from ..graph.tensor import TensorType
from ..graph.traverse import ancestors, rebuild_graph, toposort
from ..ops.arithmetic import Add
from ..ops.control import Derivatives, carries, connections
from ..ops.declared import size_of, undefined
from ..ops.indexing import part
from ..ops.scanning import Scan, conforming
from ..ops.sizes import as_scalar, size_at, smallest
from ..ops.subtensor import AdvancedIncSubtensor, IncSubtensor
from ..rewrite import simplified, stabilized
from ..rewrite.fold import constant_value
from .forward import carry
from .paths import is_disconnected, is_null, made_at, why_null
from .sweep import Sweep, zeros_for
from .tape import choose

__all__ = ["LOOPS", "Step", "Taped", "backwards", "linearised", "pulled", "pushed", "taped"]

#: Gradients of a node's inputs, by position; what is absent has none.
Gradients = dict[int, Variable]


# -- linearise -------------------------------------------------------------------------------


@dataclass
class Step:
    """The gradients of one step.

    Attributes
    ----------
    states : dict
        For each state that takes part (by number) the variable that stands for the gradient of its
        next value, which is an input of the reverse step.
    traces : dict
        For each traced value that has a gradient the variable that stands for it.
    gradients : dict
        For each body input that has one (by position) its gradient, a graph over these variables
        and the inputs of the body.
    undefined : dict
        For each body input whose gradient does not exist why that is.
    """

    states: dict[int, Variable] = field(default_factory=dict)
    traces: dict[int, Variable] = field(default_factory=dict)
    gradients: dict[int, Any] = field(default_factory=dict)
    undefined: dict[int, str] = field(default_factory=dict)


def linearised(
    op: Any, wanted: Collection[int], last: Collection[int], traced: Collection[int]
) -> Step:
    """The gradients of one step.

    Parameters
    ----------
    op : Scan
    wanted : collection of int
        Body inputs whose gradients are asked for; of a state that of its initial value.
    last, traced : collection of int
        Which last states and which traced values have gradients.

    Returns
    -------
    Step
        Only states on a path from what is asked for to what has a gradient take part.
    """
    links, first = connections(op.body), op.n_sequences
    moved = {k for k in range(op.n_states) if any(op.flows[i][k] for i in wanted)}
    reaching = {
        k
        for k in range(op.n_states)
        if k in last or any(links[first + k][op.n_states + j] for j in traced)
    }
    for k in list(reaching):
        reaching.update(m for m in range(op.n_states) if op.flows[first + m][k])
    taking = sorted(moved & reaching)
    bodies = stabilized(op.body.outputs, op.body.inputs)
    made = _one_step(op, bodies, wanted, taking, traced)
    bad = _without_value(op, links, made, taking)
    if bad:
        left = [k for k in taking if first + k not in bad]
        made = _one_step(op, bodies, [i for i in wanted if i not in bad], left, traced)
        made.undefined |= {i: why for i, why in bad.items() if i in wanted}
    return made


def _one_step(
    op: Scan,
    bodies: Sequence[Variable],
    wanted: Collection[int],
    taking: Collection[int],
    traced: Collection[int],
) -> Step:
    made = Step()
    for k in taking:
        made.states[k] = _cotangent(op.body.inputs[op.n_sequences + k])
    for j in traced:
        made.traces[j] = _cotangent(op.traced[j])
    seeds = [(bodies[k], g) for k, g in made.states.items()]
    seeds += [(bodies[op.n_states + j], g) for j, g in made.traces.items()]
    asked = {op.n_sequences + k for k in taking}
    asked |= {i for i in wanted if not _is_state(op, i) and carries(op.body.inputs[i])}
    found = Sweep(seeds, [op.body.inputs[i] for i in sorted(asked)]).total
    for i in sorted(asked):
        g = found.get(op.body.inputs[i])
        if is_null(g):
            made.undefined[i] = why_null(g)
        elif g is not None:
            made.gradients[i] = g
    return made


def _is_state(op: Scan, i: int) -> bool:
    return op.inner.states.start <= i < op.inner.states.stop


def _cotangent(x: Any) -> Variable:
    made: Variable = x.type.make_variable(f"d{x.name}" if x.name else None)
    return made


def _without_value(
    op: Scan, links: list[list[bool]], step: Step, taking: Collection[int]
) -> dict[int, str]:
    """The inputs whose gradients are undefined, in this step or in one before it."""
    bad, first = dict(step.undefined), op.n_sequences
    line = [i - first for i in bad if _is_state(op, i)]
    while line:
        k = line.pop()
        for i in range(len(op.body.inputs)):
            if links[i][k] and i not in bad:
                bad[i] = bad[first + k]
                if _is_state(op, i) and i - first in taking:
                    line.append(i - first)
    return bad


# -- choose what to save -----------------------------------------------------------------------


@dataclass
class Taped:
    """The reverse step over what is there on the way back, and the loop that saves it.

    Attributes
    ----------
    node : Apply
        The loop with more traced values.
    gradients : dict
        Of body inputs, as graphs over cotangents, ``tape``, ``after``, ``sizes`` and body inputs.
    tape : dict
        From a variable in these graphs to the output of ``node`` that has its values.
    after : dict
        From a variable that stands for the value of a state after the step to the state's number.
    sizes : dict
        From a variable that stands for a size in the step to that size, outside of the loop.
    """

    node: Apply
    gradients: dict[int, Any]
    tape: dict[Variable, Variable]
    after: dict[Variable, int]
    sizes: dict[Variable, Variable]


def taped(node: Apply, step: Step) -> Taped:
    """Choose what to save, and make the loop that does it.

    The value of a state after the step needs no tape of its own where that before it is saved: on
    the way back it is the one that was read a step earlier.
    """
    op: Any = node.op
    states = list(op.body.inputs[op.inner.states])
    next_of = _next_values(op)
    raw = rebuild_graph(list(step.gradients.values()), {b: v for v, (_, b) in next_of.items()})
    graphs, inner, sizes = _sizes_from_outside(simplified(raw), node)
    saved = choose(
        graphs,
        [*step.states.values(), *step.traces.values()],
        states,
        [*op.body.inputs[op.inner.others], *sizes],
        next_of,
    )
    leaves = {v: v if v.owner is None else v.type.make_variable(v.name) for v in saved}
    made = rebuild_graph(graphs, dict(leaves))
    used = set(ancestors(made))
    read = {v: k for v, (k, _) in next_of.items() if v in used}
    after = {v: k for v, k in read.items() if states[k] in leaves}
    # On the way there next values and sizes are the real ones.
    real: dict[Variable, Variable] = {v: op.next_states[k] for v, (k, _) in next_of.items()}
    alone = [v for v in read if v not in after]
    values = rebuild_graph([*saved, *alone], {**inner, **real})
    saving, traces = saving_loop(node, values)
    tape = dict(zip([*leaves.values(), *alone], traces, strict=True))
    return Taped(saving, dict(zip(step.gradients, made, strict=True)), tape, after, sizes)


def _next_values(op: Any) -> dict[Variable, tuple[int, Variable]]:
    """Variables that stand for states after the step, with their numbers and their graphs."""
    found: dict[Variable, tuple[int, Variable]] = {}
    bodies = stabilized(op.body.outputs, op.body.inputs)[: op.n_states]
    for k, (graph, x) in enumerate(zip(bodies, op.body.inputs[op.inner.states], strict=True)):
        if isinstance(x.type, TensorType) and graph.owner is not None and graph not in bodies[:k]:
            found[x.type.make_variable(x.name and f"{x.name}_next")] = (k, graph)
    return found


def _sizes_from_outside(
    graphs: Sequence[Variable], node: Apply
) -> tuple[list[Variable], dict[Variable, Variable], dict[Variable, Variable]]:
    """The graphs with the sizes of body inputs as variables: they are the same in each step.

    Also what each of these variables is inside of the loop and outside.
    """
    op: Any = node.op
    around = dict(zip(op.body.inputs, node.inputs[1:], strict=True))
    elements = set(op.body.inputs[op.inner.sequences])
    inside: dict[Variable, Variable] = {}
    outside: dict[Variable, Variable] = {}
    memo: dict[Variable, Variable] = {}
    for n in toposort(graphs):
        if getattr(n.op, "kind", "") == "Size" and n.inputs[0] in around:
            x, axis = n.inputs[0], n.op.axis  # type: ignore[attr-defined]
            size = n.outputs[0].type.make_variable()
            memo[n.outputs[0]], inside[size] = size, n.outputs[0]
            outside[size] = as_scalar(size_at(around[x], axis + (x in elements)))
    return rebuild_graph(graphs, memo), inside, outside


def saving_loop(node: Apply, values: Sequence[Variable]) -> tuple[Apply, list[Variable]]:
    """The loop of ``node`` with more traced values, and the outputs that have them.

    Parameters
    ----------
    node : Apply
    values : sequence of Variable
        Graphs over the body inputs of the loop's Op. One that is traced already is traced once.
    """
    op: Any = node.op
    traced = list(op.traced)
    traced += [v for v in dict.fromkeys(values) if v not in traced]
    made = node
    if len(traced) > op.n_traced:
        ends = [op.condition] if op.until else []
        body = FrozenGraph(op.body.inputs, [*op.next_states, *traced, *ends])
        made = op.changed(body=body).make_node(*node.inputs)
    return made, [made.outputs[op.n_states + traced.index(v)] for v in values]


# -- reverse -----------------------------------------------------------------------------------


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
    span = _Span(tape.node, op)
    loop = _Loop()
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


class _Span:
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


class _Loop:
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
        found = backwards(node, step, taped(node, step), given)
        made = [found.get(i) if i in wanted else None for i in range(len(made))]
    for i, why in step.undefined.items():
        made[1 + i] = undefined(f"in a step of {made_at(node)}: {why}")
    return made


# -- forward -------------------------------------------------------------------------------------


def pushed(node: Apply, tangents: Sequence[Any]) -> list[Any]:
    """The forward rule: see `Derivatives`."""
    op: Any = node.op
    first, count = op.n_sequences, op.n_states
    moving = {i: t for i, t in enumerate(tangents[1:]) if t is not None}
    bodies = stabilized(op.body.outputs, op.body.inputs)
    states = [k for k in range(count) if any(op.flows[i][k] for i in moving)]
    inside: dict[int, Any] = {}
    for i in sorted({*moving, *(first + k for k in states)}):
        x = op.body.inputs[i]
        if carries(x):
            inside[i] = x.type.make_variable(x.name and f"{x.name}_t")
    found = carry(bodies, {op.body.inputs[i]: t for i, t in inside.items()})
    moved = [found.get(v) for v in bodies]
    bad = _unknown_tangents(op, moved)
    states = [k for k in states if k not in bad and first + k in inside]
    traced = [o for o in range(count, count + op.n_traced) if moved[o] is not None and o not in bad]
    made = _carrying_loop(node, tangents, inside, moved, (states, traced))
    results: list[Any] = [None] * len(node.outputs)
    for o, t in zip([*states, *traced], made, strict=True):
        results[o] = t
    for o, why in bad.items():
        results[o] = undefined(f"in a step of {made_at(node)}: {why}")
    return results


def _unknown_tangents(op: Any, moved: Sequence[Any]) -> dict[int, str]:
    """The outputs whose tangents are undefined, in this step or in one after it, and why."""
    links, first = connections(op.body), op.n_sequences
    bad = {o: why_null(t) for o, t in enumerate(moved) if is_null(t)}
    line = [o for o in bad if o < op.n_states]
    while line:
        k = line.pop()
        for o in range(op.n_states + op.n_traced):
            if links[first + k][o] and o not in bad:
                bad[o] = bad[k]
                line += [o] if o < op.n_states else []
    return bad


def _carrying_loop(
    node: Apply,
    tangents: Sequence[Any],
    inside: Mapping[int, Any],
    moved: Sequence[Any],
    chosen: tuple[list[int], list[int]],
) -> list[Variable]:
    """The tangents of the chosen last states and traces, by a loop with more states."""
    op: Any = node.op
    first, (states, traced) = op.n_sequences, chosen
    inputs, given = list(op.body.inputs), list(node.inputs[1:])
    parts: list[tuple[list[Any], list[Any]]] = []
    for role in (op.inner.sequences, op.inner.states, op.inner.others):
        new = [i for i in range(role.start, role.stop) if i in inside]
        if role == op.inner.states:
            new = [first + k for k in states]
        starts = [zeros_for(given[i]) if tangents[1 + i] is None else tangents[1 + i] for i in new]
        parts.append(
            (
                [*inputs[role], *(inside[i] for i in new)],
                [
                    *given[role],
                    *(conforming(t, given[i]) for t, i in zip(starts, new, strict=True)),
                ],
            )
        )
    ahead = []
    for k in states:
        t = inside[first + k]
        ahead.append(zeros_for(t) if moved[k] is None else conforming(moved[k], t))
    ends = [op.condition] if op.until else []
    outputs = [*op.next_states, *ahead, *(moved[o] for o in traced), *ends]
    made = op.changed(
        body=FrozenGraph([v for vs, _ in parts for v in vs], outputs),
        n_sequences=len(parts[0][0]),
        n_states=len(parts[1][0]),
    ).make_node(node.inputs[0], *(x for _, xs in parts for x in xs))
    start = op.n_states
    return list(made.outputs[start : start + len(states) + len(traced)])


#: The rules of `Scan`.
LOOPS = Derivatives(pulled, pushed)
