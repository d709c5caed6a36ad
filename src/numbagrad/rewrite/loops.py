"""Identities of loops, at one node each: what a Scan need not do in each step, or not at all.

What needs to be known of the whole graph, such as which results are wanted, is in ``around``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..graph.basic import Apply, Constant, Variable
from ..graph.registry import OPS
from ..graph.tensor import TensorConstant, TensorType
from ..graph.traverse import graph_inputs, rebuild_graph, toposort
from ..ops.index_patterns import FULL, NEW, Part, Span
from ..ops.stepped import after_steps
from ..records import replace
from .fold import plain_constant
from .loop import Given, Loop, State, is_scan, numbered
from .pattern import Local, Node, Scope, on

__all__ = ["LOOPS", "last_state", "new_dimensions"]


# -- inputs ----------------------------------------------------------------------------------------


@on("Scan")
def numbers_inside(node: Node, scope: Scope) -> Any:
    """scan(f, other=2.0) = scan(f with 2.0 inside): data is not code, so only single numbers"""
    loop = Loop.of(node)
    memo = {
        g.inside: g.outside
        for g in loop.others
        if isinstance(g.outside, TensorConstant) and g.outside.data.size == 1
    }
    spread = _spread_numbers(loop, scope)
    if not memo and not spread:
        return None
    others = tuple(g for g in loop.others if g.inside not in memo)
    return replace(loop.replaced(memo | spread), others=others).node().outputs


def _spread_numbers(loop: Loop, scope: Scope) -> dict[Variable, Variable]:
    """What is the same in each step and in each place: of the arrays only their sizes are used."""
    candidates = {}
    for g in loop.others:
        if g.outside.owner is not None and (value := scope.value(g.outside)) is not None:
            candidates[g.inside] = plain_constant(value, g.inside.type.dtype)
    if not candidates:
        return {}
    nodes = toposort(loop.outputs, loop.inside)
    read = {v for n in nodes if getattr(n.op, "kind", None) != "Size" for v in n.inputs}
    read.update(loop.outputs)
    return {
        v: OPS["broadcast_to"](number, [OPS["shape_i"](v, k) for k in range(v.type.ndim)])
        for v, number in candidates.items()
        if v in read
    }


@on("Scan")
def inputs_once(node: Node, scope: Scope) -> Any:
    """scan(f, [x, x]) = scan(f, [x]), for sequences and what is the same in each step"""
    loop = Loop.of(node)
    memo: dict[Variable, Variable] = {}
    kept = []
    for group in (loop.sequences, loop.others):
        first: dict[Any, Any] = {}
        for g in group:
            there = first.setdefault((g.outside, g.inside.type), g.inside)
            if there is not g.inside:
                memo[g.inside] = there
        kept.append(tuple(g for g in group if g.inside not in memo))
    if not memo:
        return None
    sequences, others = kept
    return replace(loop.replaced(memo), sequences=sequences, others=others).node().outputs


@on("Scan")
def spread_sequence(node: Node, scope: Scope) -> Any:
    """scan(f, sequences=broadcast_to(x, n)) = scan(f, other=x)"""
    loop = Loop.of(node)
    same: dict[Variable, Given] = {}
    for g in loop.sequences:
        value = _each_element(g.outside, loop.steps, scope)
        if value is not None and value.type.ndim == g.inside.type.ndim:
            same[g.inside] = Given(value, value.type.make_variable(g.inside.name))
    if not same:
        return None
    loop = loop.replaced({v: g.inside for v, g in same.items()})
    sequences = tuple(g for g in loop.sequences if g.inside not in same)
    return replace(loop, sequences=sequences, others=(*loop.others, *same.values())).node().outputs


def _each_element(sequence: Any, steps: Any, scope: Scope) -> Any:
    """What stands in each place of a sequence as long as the loop, if it was spread."""
    node = scope.owner(sequence)
    if node is None or type(node.op).__name__ not in {"BroadcastTo", "Alloc"}:
        return None
    source, *sizes = node.inputs
    if len(sizes) != sequence.type.ndim or not scope.env.same(sizes[0], steps):
        return None
    missing = len(sizes) - source.type.ndim
    if missing == 0:
        if source.type.shape[0] != 1:
            return None
        source = OPS["dimshuffle"](source, list(range(1, source.type.ndim)))
    if all(
        a == b
        for a, b in zip(source.type.broadcastable, sequence.type.broadcastable[1:], strict=False)
    ):
        return source
    return OPS["broadcast_to"](source, sizes[1:])


@on("Scan")
def plain_sequence(node: Node, scope: Scope) -> Any:
    """scan(f, sequences=x[:, :, None]) = scan(f(x[t][:, None])), and so for x[i:j, :, None]"""
    loop = Loop.of(node)
    memo: dict[Variable, Any] = {}
    sequences = []
    for g in loop.sequences:
        source, order = _without_new_dimensions(g.outside, scope)
        if source is not None:
            element = TensorType(source.type.dtype, source.type.shape[1:])(g.inside.name)
            memo[g.inside] = OPS["dimshuffle"](
                element, [k if k == "x" else k - 1 for k in order[1:]]
            )
            g = Given(source, element)
        sequences.append(g)
    if not memo:
        return None
    return replace(loop.replaced(memo), sequences=tuple(sequences)).node().outputs


def _without_new_dimensions(x: Any, scope: Scope) -> tuple[Any, Any]:
    """What ``x`` has new dimensions beside, cut along the first one as ``x`` is, and its order."""
    node, cuts = scope.owner(x), []
    while node is not None and _cuts_first(node):
        cuts.append(node)
        node = scope.owner(node.inputs[0])
    order = None if node is None else new_dimensions(node.outputs[0])
    if order is None or "x" not in order or order[0] != 0:
        return None, None
    source = node.inputs[0]
    for cut in reversed(cuts):
        pattern = (cut.op.pattern[0], *[FULL] * (source.type.ndim - 1))
        source = type(cut.op)(pattern=pattern)(source, *cut.inputs[1:])
    return source, order


def _cuts_first(node: Node) -> bool:
    """Whether it takes a part along the first dimension and nothing else."""
    if type(node.op).__name__ != "Subtensor" or not node.op.pattern:
        return False
    first, *rest = node.op.pattern
    return isinstance(first, (Span, Part)) and all(e == FULL for e in rest)


# -- states ----------------------------------------------------------------------------------------


@on("Scan")
def states_once(node: Node, scope: Scope) -> Any:
    """Equal states are one, a state that never changes is none, and equal traces are one"""
    loop = Loop.of(node)
    number = numbered(loop)
    at_rest = {number[s.inside] for s in loop.states if number[s.after] == number[s.inside]}
    first = _firsts(number[s.inside] for s in loop.states)
    traced = _firsts(number[v] for v in loop.traced)
    if not at_rest and len(first) == len(loop.states) and len(traced) == len(loop.traced):
        return None
    fewer = loop.replaced(
        {s.inside: loop.states[first[number[s.inside]]].inside for s in loop.states}
    )
    kept = [k for k in first.values() if number[loop.states[k].inside] not in at_rest]
    rest = [loop.states[k] for k in first.values() if k not in kept]
    made = replace(
        fewer,
        states=tuple(fewer.states[k] for k in kept),
        others=(*fewer.others, *(Given(s.outside, s.inside) for s in rest)),
        traced=tuple(fewer.traced[k] for k in traced.values()),
    ).node()
    place = {number[loop.states[k].inside]: p for p, k in enumerate(kept)}
    outputs: list[Any] = []
    for s in loop.states:
        p = place.get(number[s.inside])
        outputs.append(s.outside if p is None else made.outputs[p])
    order = list(traced)
    outputs += [made.outputs[len(kept) + order.index(number[v])] for v in loop.traced]
    return outputs + ([] if loop.condition is None else [made.outputs[-1]])


def _firsts(keys: Iterable[int]) -> dict[int, int]:
    """For each key the place where it stands first."""
    found: dict[int, int] = {}
    for place, key in enumerate(keys):
        found.setdefault(key, place)
    return found


# -- results ---------------------------------------------------------------------------------------


@on("Scan")
def trace_of_input(node: Node, scope: Scope) -> Any:
    """The trace of a sequence's elements is the sequence; of what never changes, it is spread"""
    loop = Loop.of(node)
    elements = {g.inside: g.outside for g in loop.sequences}
    others = {g.inside: g.outside for g in loop.others}
    known: dict[int, Any] = {}
    length = loop.length(node)
    for k, v in enumerate(loop.traced):
        if v in elements:
            full = loop.condition is None
            known[k] = elements[v] if full else OPS["subtensor"](elements[v], slice(0, length))
        elif v in others or isinstance(v, Constant):
            each = others.get(v, v)
            sizes = [length, *scope.env.shape(each)]
            known[k] = OPS["broadcast_to"](each, sizes)
    n = len(loop.states)
    known = {k: v for k, v in known.items() if _fits(node.outputs[n + k], v)}
    if not known:
        return None
    kept = tuple(v for k, v in enumerate(loop.traced) if k not in known)
    made = iter(replace(loop, traced=kept).node().outputs)
    return [known[k - n] if k - n in known else next(made) for k in range(len(node.outputs))]


@on("Scan")
def trace_of_view(node: Node, scope: Scope) -> Any:
    """A trace of values that are spread or have new dimensions: that comes after the loop"""
    loop = Loop.of(node)
    sources = {v: v.owner.inputs[0] for v in loop.traced if _is_wider(v)}
    if not sources:
        return None
    made = replace(loop, traced=tuple(sources.get(v, v) for v in loop.traced)).node()
    outputs: list[Any] = list(made.outputs)
    n = len(loop.states)
    for k, v in enumerate(loop.traced):
        if v in sources:
            outputs[n + k] = _widened(v, outputs[n + k], node.outputs[n + k], scope)
    return outputs


def _is_wider(v: Any) -> bool:
    """Whether ``v`` has the elements of another variable, in their order, some of them often."""
    name = None if v.owner is None else type(v.owner.op).__name__
    return name == "BroadcastTo" or new_dimensions(v) is not None


def new_dimensions(v: Any) -> list[Any] | None:
    """The order, as of a dimshuffle, if ``v`` has new dimensions and is otherwise its source."""
    if v.owner is None:
        return None
    name = type(v.owner.op).__name__
    if name == "Subtensor" and all(e in (FULL, NEW) for e in v.owner.op.pattern):
        axes = iter(range(v.type.ndim))
        return ["x" if e == NEW else next(axes) for e in v.owner.op.pattern]
    if name != "DimShuffle":
        return None
    order = list(v.owner.op.new_order)
    kept = [k for k in order if k != "x"]
    return order if kept == list(range(v.owner.inputs[0].type.ndim)) else None


def _widened(v: Any, trace: Any, wanted: Any, scope: Scope) -> Any:
    """What the values of ``v`` together are, from those of its source together."""
    order = new_dimensions(v)
    if order is not None:
        return OPS["dimshuffle"](trace, [0, *(k if k == "x" else k + 1 for k in order)])
    missing = wanted.type.ndim - trace.type.ndim
    trace = OPS["dimshuffle"](trace, [0, *"x" * missing, *range(1, trace.type.ndim)])
    return OPS["broadcast_to"](trace, scope.env.shape(wanted))


def _fits(old: Any, new: Any) -> bool:
    """Whether ``new`` is known as well as ``old``, with the same dimensions known to be 1."""
    same: bool = old.type.broadcastable == new.type.broadcastable
    return same and old.type.is_super(new.type)


@on("Subtensor")
def last_state(node: Node, scope: Scope) -> Any:
    """scan(f).trace[-1] = the last state, if there is a step at all"""
    return _instead_of_last(node, scope, _state_after)


@on("Subtensor")
def last_of_trace(node: Node, scope: Scope) -> Any:
    """scan(f).trace[-1] = f(the last states), or a state that holds the last value"""
    return _instead_of_last(node, scope, _last_value)


def _instead_of_last(node: Node, scope: Scope, find: Callable[..., Any]) -> Any:
    trace, *rest = node.inputs
    made_in = scope.owner(trace)
    pattern = node.op.pattern
    if not is_scan(made_in) or pattern[0] != -1 or isinstance(pattern[0], str):
        return None
    loop = Loop.of(made_in)
    place = trace.index - len(loop.states)
    if not 0 <= place < len(loop.traced):
        return None
    last = find(loop, made_in, loop.traced[place], trace, scope)
    if last is None:
        return None
    count = scope.value(loop.steps)
    if count is None or count < 1:
        last = after_steps(last, loop.steps)
    if all(e == FULL for e in pattern[1:]):
        return last
    return type(node.op)(pattern=pattern[1:])(last, *rest)


def _state_after(loop: Loop, node: Apply, value: Any, trace: Any, scope: Scope) -> Any:
    """The last state that a traced value is."""
    for s, out in zip(loop.states, node.outputs, strict=False):
        if s.after is value:
            return out
    return None


def _last_value(loop: Loop, node: Apply, value: Any, trace: Any, scope: Scope) -> Any:
    """The value of the last step of a traced variable that is used for nothing else."""
    if scope.uses(trace) > 1:
        return None
    computed = _from_last_states(loop, node, value)
    return _as_state(loop, node, value, trace, scope) if computed is None else computed


def _from_last_states(loop: Loop, node: Apply, value: Any) -> Any:
    """The last value computed behind the loop, if the last states are enough for that."""
    memo: dict[Variable, Any] = {
        s.after: out
        for s, out in zip(loop.states, node.outputs, strict=False)
        if not isinstance(s.after, Constant)
    }
    needed = set(graph_inputs([value], memo)) - set(memo)
    if any(s.inside in needed for s in loop.states):
        return None
    for g in loop.others:
        memo.setdefault(g.inside, g.outside)
    at = -1 if loop.condition is None else loop.length(node) - 1
    for g in loop.sequences:
        if g.inside in needed:
            memo.setdefault(g.inside, OPS["subtensor"](g.outside, at))
    return rebuild_graph([value], memo, _anew)[0]


def _anew(node: Apply, inputs: list[Any]) -> list[Variable]:
    return node.clone_with_new_inputs(inputs).outputs


def _as_state(loop: Loop, node: Apply, value: Any, trace: Any, scope: Scope) -> Any:
    """The last value as a further state of the loop."""
    sizes = scope.env.shape(trace)[1:]
    if any(node in toposort([s]) for s in sizes if isinstance(s, Variable)):
        return None
    zero = plain_constant(0, value.type.dtype)
    first = OPS["alloc"](zero, *sizes) if sizes else zero
    if not isinstance(first.type, TensorType) or not _alike(first.type, value.type):
        return None
    held = State(first, value.type.make_variable(), value)
    return replace(loop, states=(*loop.states, held), traced=()).node().outputs[len(loop.states)]


def _alike(a: TensorType, b: TensorType) -> bool:
    return a.broadcastable == b.broadcastable


# -- few steps -------------------------------------------------------------------------------------


@on("Scan")
def no_step(node: Node, scope: Scope) -> Any:
    """A loop of no steps: the states are the initial ones"""
    loop = Loop.of(node)
    if scope.value(loop.steps) != 0:
        return None
    made = [s.outside for s in loop.states]
    for out in node.outputs[len(made) : len(made) + len(loop.traced)]:
        sizes = [0, *scope.env.shape(out)[1:]]
        if any(node in toposort([s]) for s in sizes if isinstance(s, Variable)):
            return None
        made.append(OPS["alloc"](plain_constant(0, out.type.dtype), *sizes))
    return made + ([] if loop.condition is None else [plain_constant(0, "int64")])


@on("Scan")
def one_step(node: Node, scope: Scope) -> Any:
    """A loop of one step: the step"""
    loop = Loop.of(node)
    if scope.value(loop.steps) != 1 or loop.condition is not None:
        return None
    elements = []
    for g in loop.sequences:
        x = g.outside
        if x.type.shape[0] != 1:
            x = OPS["specify_shape"](x, [1, *[None] * (x.type.ndim - 1)])
        elements.append(OPS["subtensor"](x, 0))
    given = [*elements, *loop.outside[len(elements) :]]
    values: list[Any] = node.op.body.over(given)
    n = len(loop.states)
    traces = [OPS["dimshuffle"](v, ["x", *range(v.type.ndim)]) for v in values[n:]]
    return [*values[:n], *traces]


LOOPS: list[Local] = [
    no_step,
    one_step,
    numbers_inside,
    inputs_once,
    spread_sequence,
    plain_sequence,
    states_once,
    trace_of_input,
    trace_of_view,
    last_state,
    last_of_trace,
]
