"""What the graph inside a loop means in terms of the variables around it.

The step of a loop is built anew over the outer variables themselves, so that expressions and sizes
go through the border as if there were none. Only what changes from step to step is a leaf of its
own: the elements of the sequences and the states.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from ..graph.basic import Apply, Variable
from ..rewrite.shapes import ShapeEnv

__all__ = ["LoopBody", "State", "open_loop"]


@dataclass(frozen=True)
class State:
    """A value that each step takes and hands on.

    Attributes
    ----------
    number : int
        Which of the loop's states.
    leaf : Variable
        Its value before a step, a leaf of the step's graph.
    initial : Variable
        Its value before the first step, outside.
    following : Variable
        Its value after a step.
    """

    number: int
    leaf: Variable
    initial: Variable
    following: Variable


@dataclass(frozen=True)
class LoopBody:
    """The step of a loop, with as much of it as something needs.

    Attributes
    ----------
    node : Apply
    wanted : frozenset of int
        The outputs of the node that are needed.
    elements : dict
        The sequence behind each leaf that is an element of one.
    states : list of State
        Those that change and that something depends on.
    constant : dict
        For each output that is a state no step changes, its value.
    traced : dict
        For each output that collects a value of each step, that value.
    condition : Variable or None
        What ends the loop.
    env : ShapeEnv
        What is known of sizes inside.
    """

    node: Apply
    wanted: frozenset[int]
    elements: dict[Variable, Variable]
    states: list[State]
    constant: dict[int, Variable]
    traced: dict[int, Variable]
    condition: Variable | None
    env: ShapeEnv

    @property
    def outputs(self) -> list[Variable]:
        """What a step has to compute."""
        made = [s.following for s in self.states] + list(self.traced.values())
        return made if self.condition is None else [*made, self.condition]

    @property
    def leaves(self) -> set[Variable]:
        """What changes from step to step by itself."""
        return {*self.elements, *(s.leaf for s in self.states)}

    @property
    def steps(self) -> Variable:
        """How many steps there are, at most."""
        return self.node.inputs[0]


def open_loop(node: Apply, wanted: Collection[int], env: ShapeEnv) -> LoopBody:
    """The step of a loop over the variables around it.

    Parameters
    ----------
    node : Apply
        Of an Op of the form of ``Scan``.
    wanted : collection of int
        The outputs that are needed.
    env : ShapeEnv
        What is known of sizes around the node; it is not changed.
    """
    op: Any = node.op
    inside, before = op.body.inputs, node.inputs[op.outer.states]
    elements = [v.clone() for v in inside[op.inner.sequences]]
    leaves = [v.clone() for v in inside[op.inner.states]]
    same = [a is b for a, b in zip(inside[op.inner.states], op.next_states, strict=True)]
    states = [x if fixed else v for x, v, fixed in zip(before, leaves, same, strict=True)]
    outputs = op.body.over([*elements, *states, *node.inputs[op.outer.others]])
    n = op.n_states
    traced = {k: outputs[k] for k in range(n, n + op.n_traced) if k in wanted}
    ends = [len(outputs) - 1] if op.until else []
    needed = _needed_states(op, [k for k in wanted if k < n], [*traced, *ends])
    body = LoopBody(
        node,
        frozenset(wanted),
        dict(zip(elements, node.inputs[op.outer.sequences], strict=True)),
        [State(k, leaves[k], before[k], outputs[k]) for k in needed if not same[k]],
        {k: before[k] for k in wanted if k < n and same[k]},
        traced,
        outputs[-1] if op.until else None,
        env.fork(),
    )
    _tell_sizes(body, env)
    return body


def _needed_states(op: Any, last: Iterable[int], others: Iterable[int]) -> list[int]:
    """The states whose last value is asked for, and those on which a needed value depends."""
    roots = {*last, *others}
    while True:
        leaves = op.body.needs(sorted(roots)) if roots else set()
        more = {k - op.n_sequences for k in leaves} & set(range(op.n_states))
        if more <= roots:
            return sorted(k for k in roots if k < op.n_states)
        roots |= more


def _tell_sizes(body: LoopBody, env: ShapeEnv) -> None:
    """Give the leaves their sizes; what is computed from them has to keep them."""
    inside = body.env
    for leaf, sequence in body.elements.items():
        inside.declare(leaf, env.shape(sequence)[1:])
    for state in body.states:
        inside.declare(state.leaf, env.shape(state.initial))
    for variable in body.outputs:
        inside.shape(variable)
    pairs = [(inside.shape(s.following), inside.shape(s.leaf)) for s in body.states]
    pairs += [
        (inside.shape(v), env.shape(body.node.outputs[k])[1:]) for k, v in body.traced.items()
    ]
    for after, before in pairs:
        for a, b in zip(after, before, strict=True):
            inside.equate(a, b, body.node)
