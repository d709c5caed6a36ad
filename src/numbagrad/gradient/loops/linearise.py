"""The gradients of one step of a loop."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from ...graph.basic import Variable
from ...ops.control import carries, connections
from ...records import field, record
from ...rewrite import stabilized
from ..paths import is_null, why_null
from ..sweep import Sweep

__all__ = ["Step", "linearised"]


@record()
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
    op: Any,
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


def _is_state(op: Any, i: int) -> bool:
    return op.inner.states.start <= i < op.inner.states.stop


def _cotangent(x: Any) -> Variable:
    made: Variable = x.type.make_variable(f"d{x.name}" if x.name else None)
    return made


def _without_value(
    op: Any, links: list[list[bool]], step: Step, taking: Collection[int]
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
