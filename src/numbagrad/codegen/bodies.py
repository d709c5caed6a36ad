"""What the graph inside a loop or a branch means in terms of the variables around it.

The graph is built anew over the outer variables themselves, so that expressions and sizes
go through the border as if there were none. Only what changes from step to step is a leaf of its
own: the elements of the sequences and the states. Of a branch all that it computes is its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from ..graph.basic import Apply, Variable
from ..graph.traverse import toposort
from ..records import record
from ..rewrite.shapes import ShapeEnv

__all__ = ["Body", "BranchBody", "LoopBody", "State", "open_graphs"]


@record(frozen=True)
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


@record(frozen=True)
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
    def own(self) -> set[Variable]:
        """What changes from step to step by itself."""
        return {*self.elements, *(s.leaf for s in self.states)}

    def needs(self, env: ShapeEnv) -> list[Any]:
        """What it needs besides what the step reads, in terms of the sizes around."""
        starts = [s.initial for s in self.states]
        return [self.steps, env.canonical(self.steps), *self.constant.values(), *starts]

    @property
    def steps(self) -> Variable:
        """How many steps there are, at most."""
        return self.node.inputs[0]


@record(frozen=True)
class BranchBody:
    """One of two branches, with as much of it as something needs.

    Attributes
    ----------
    node : Apply
    wanted : frozenset of int
        The outputs of the node that are needed.
    results : dict
        The value of each of them.
    own : set of Variable
        All that the branch computes: nothing of it is done if the other one is taken.
    env : ShapeEnv
        What is known of sizes inside.
    """

    node: Apply
    wanted: frozenset[int]
    results: dict[int, Variable]
    own: set[Variable]
    env: ShapeEnv

    @property
    def outputs(self) -> list[Variable]:
        """What the branch has to compute."""
        return list(self.results.values())

    @property
    def elements(self) -> dict[Variable, Variable]:
        """A branch goes through no sequences."""
        return {}

    def needs(self, env: ShapeEnv) -> list[Any]:
        """What it needs besides what its nodes read."""
        return [self.node.inputs[0]]


Body = LoopBody | BranchBody


def open_graphs(node: Apply, wanted: Collection[int], env: ShapeEnv) -> list[Body]:
    """The graphs inside a node over the variables around it.

    Parameters
    ----------
    node : Apply
        Of a Control Op.
    wanted : collection of int
        The outputs that are needed.
    env : ShapeEnv
        What is known of sizes around the node; it is not changed.
    """
    op: Any = node.op
    if op.form == "loop":
        return [_open_loop(node, wanted, env)]
    return [_open_branch(node, outputs, wanted, env) for outputs in op.taken(node)]


def _open_branch(
    node: Apply, outputs: list[Variable], wanted: Collection[int], env: ShapeEnv
) -> BranchBody:
    results = {k: v for k, v in enumerate(outputs) if k in wanted}
    own = {v for made in toposort(list(results.values()), node.inputs) for v in made.outputs}
    inside = env.fork()
    for k, v in results.items():
        around = env.shape(node.outputs[k])
        for a, b in zip(inside.shape(v), around, strict=True):
            if not _is_own(b, node.outputs[k]):
                inside.equate(a, b, node)
    return BranchBody(node, frozenset(wanted), results, own, inside)


def _is_own(size: Any, variable: Variable) -> bool:
    """Whether a size is only known as that of the variable itself."""
    owner = getattr(size, "owner", None)
    return owner is not None and owner.inputs[:1] == [variable]


def _open_loop(node: Apply, wanted: Collection[int], env: ShapeEnv) -> LoopBody:
    """The step of a loop over the variables around it."""
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
