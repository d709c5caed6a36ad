"""The forward rule of `Scan`: a loop that carries tangents next to its states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...graph.basic import Apply, Variable
from ...graph.frozen import FrozenGraph
from ...ops.control import carries, connections
from ...ops.declared import undefined
from ...ops.scanning import conforming
from ...rewrite import stabilized
from ..forward import carry
from ..paths import is_null, made_at, why_null
from ..sweep import zeros_for

__all__ = ["pushed"]


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
