"""What the way back of a loop needs of the way there, and the loop that saves it.

Which values are saved and which are computed again is decided in ``cut``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...graph.basic import Apply, Variable
from ...graph.frozen import FrozenGraph
from ...graph.tensor import TensorType
from ...graph.traverse import ancestors, rebuild_graph, toposort
from ...ops.sizes import as_scalar, size_at
from ...records import record
from ...rewrite import simplified, stabilized
from .cut import choose
from .linearise import Step

__all__ = ["Taped", "saving_loop", "taped"]


@record()
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
    after_step = {v: states[k] for v, (k, _) in next_of.items()}
    graphs, inner, sizes = _sizes_from_outside(simplified(raw), node, after_step)
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
    graphs: Sequence[Variable], node: Apply, after_step: Mapping[Variable, Variable]
) -> tuple[list[Variable], dict[Variable, Variable], dict[Variable, Variable]]:
    """The graphs with the sizes of body inputs as variables: they are the same in each step.

    So are those of states ``after_step``, which have the sizes of the states before it. Also what
    each of these variables is inside of the loop and outside.
    """
    op: Any = node.op
    around = dict(zip(op.body.inputs, node.inputs[1:], strict=True))
    elements = set(op.body.inputs[op.inner.sequences])
    inside: dict[Variable, Variable] = {}
    outside: dict[Variable, Variable] = {}
    memo: dict[Variable, Variable] = {}
    for n in toposort(graphs):
        if getattr(n.op, "kind", "") != "Size":
            continue
        x, axis = after_step.get(n.inputs[0], n.inputs[0]), n.op.axis  # type: ignore[attr-defined]
        if x in around:
            size = n.outputs[0].type.make_variable()
            memo[n.outputs[0]], inside[size] = size, as_scalar(size_at(x, axis))
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
