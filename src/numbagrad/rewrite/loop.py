"""A Scan taken apart: what belongs together side by side, and which of its values are equal.

Rules change this form and put it together again; they stand in other files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..graph.basic import Apply, Constant, Variable
from ..graph.frozen import FrozenGraph
from ..graph.traverse import rebuild_graph, toposort
from ..ops.scanning import Scan
from ..records import record, replace

__all__ = ["Given", "Loop", "State", "is_scan", "numbered"]


class Given(NamedTuple):
    """A sequence, or what is the same in each step: around the loop and inside."""

    outside: Any
    inside: Any


class State(NamedTuple):
    """A state: before the loop, inside, and after a step."""

    outside: Any
    inside: Any
    after: Any


def is_scan(node: Any) -> bool:
    """Whether a node (or None) is a loop."""
    return node is not None and isinstance(node.op, Scan)


@record(frozen=True)
class Loop:
    """A Scan and its inputs.

    Attributes
    ----------
    op : Scan
        Where everything else about it comes from.
    steps : Variable
    sequences, others : tuple of Given
    states : tuple of State
    traced : tuple of Variable
        Of the body.
    condition : Variable or None
        Of the body.
    """

    op: Scan
    steps: Variable
    sequences: tuple[Given, ...]
    states: tuple[State, ...]
    others: tuple[Given, ...]
    traced: tuple[Any, ...]
    condition: Any

    @classmethod
    def of(cls, node: Apply, fresh: bool = False) -> Loop:
        """The loop of a node; ``fresh`` if its body may share no variable with other graphs."""
        op: Any = node.op
        inside: Sequence[Any] = op.body.inputs
        outputs: Sequence[Any] = op.body.outputs
        if fresh:
            inside, outputs = op.body.fresh()
        outer, inner, n = op.outer, op.inner, op.n_states
        pairs = [
            tuple(map(Given, node.inputs[a], inside[b]))
            for a, b in ((outer.sequences, inner.sequences), (outer.others, inner.others))
        ]
        states = tuple(map(State, node.inputs[outer.states], inside[inner.states], outputs))
        traced = tuple(outputs[n : n + op.n_traced])
        condition = outputs[-1] if op.until else None
        return cls(op, node.inputs[0], pairs[0], states, pairs[1], traced, condition)

    @property
    def changing(self) -> list[Any]:
        """The inputs that differ from step to step."""
        return [*self.sequences, *self.states]

    @property
    def inputs(self) -> list[Any]:
        """All inputs behind the number of steps."""
        return [*self.changing, *self.others]

    @property
    def inside(self) -> list[Any]:
        """The inputs of the body."""
        return [g.inside for g in self.inputs]

    @property
    def outputs(self) -> list[Any]:
        """The outputs of the body."""
        until = [] if self.condition is None else [self.condition]
        return [*(s.after for s in self.states), *self.traced, *until]

    def node(self) -> Apply:
        """The node of the loop."""
        body = FrozenGraph(self.inside, self.outputs)
        op = self.op.changed(body=body, n_sequences=len(self.sequences), n_states=len(self.states))
        made: Apply = op.make_node(self.steps, *self.outside)
        return made

    @property
    def outside(self) -> list[Any]:
        """The inputs of the node behind the number of steps."""
        return [g.outside for g in self.inputs]

    def around(self, memo: Mapping[Variable, Variable]) -> Loop:
        """The loop on other inputs."""

        def of(g: Any) -> Any:
            return g._replace(outside=memo.get(g.outside, g.outside))

        return replace(
            self,
            steps=memo.get(self.steps, self.steps),
            sequences=tuple(map(of, self.sequences)),
            states=tuple(map(of, self.states)),
            others=tuple(map(of, self.others)),
        )

    def length(self, node: Apply) -> Any:
        """How many steps are made."""
        return self.steps if self.condition is None else node.outputs[-1]

    def replaced(self, memo: Mapping[Variable, Variable]) -> Loop:
        """The loop with other variables in the place of some in its body."""
        if not memo:
            return self
        made: list[Any] = rebuild_graph(self.outputs, dict(memo))
        n = len(self.states)
        return replace(
            self,
            states=tuple(s._replace(after=v) for s, v in zip(self.states, made, strict=False)),
            traced=tuple(made[n : n + len(self.traced)]),
            condition=None if self.condition is None else made[-1],
        )


# -- equal values ----------------------------------------------------------------------------------


def numbered(loop: Loop, also: Iterable[Variable] = ()) -> dict[Variable, int]:
    """A number for each variable in the body; those with equal ones are equal in each step.

    Two states are equal if they begin with the same value and equal states have equal successors:
    all that begin alike are taken as equal until a step tells them apart. (The refinement of
    partitions by which Hopcroft's algorithm finds equal states of automata, in its plain form.)
    """
    roots = [*loop.outputs, *also]
    nodes = toposort(roots, loop.inside)
    classes: list[Any] = [(s.outside, s.inside.type) for s in loop.states]
    while True:
        names: dict[Any, int] = {}
        found = _numbers(loop, nodes, classes, names)
        for v in roots:  # some may be constants
            _number_of(v, found, names)
        refined = [
            (kind, _number_of(s.after, found, names))
            for kind, s in zip(_compact(classes), loop.states, strict=True)
        ]
        if len(set(refined)) == len(set(classes)):
            return found
        classes = refined


def _compact(classes: list[Any]) -> list[int]:
    seen: dict[Any, int] = {}
    return [seen.setdefault(c, len(seen)) for c in classes]


def _numbers(
    loop: Loop, nodes: Sequence[Apply], classes: list[Any], names: dict[Any, int]
) -> dict[Variable, int]:
    def named(key: Any) -> int:
        return names.setdefault(key, len(names))

    found: dict[Variable, int] = {}
    for what, group in (("element", loop.sequences), ("other", loop.others)):
        for g in group:
            found[g.inside] = named((what, g.outside, g.inside.type))
    for s, kind in zip(loop.states, classes, strict=True):
        found[s.inside] = named(("state", kind))
    for node in nodes:
        inputs = [_number_of(v, found, names) for v in node.inputs]
        if getattr(node.op, "commutative", False):
            inputs.sort()
        for k, v in enumerate(node.outputs):
            found[v] = named((node.op, tuple(inputs), k))
    for v in loop.outputs:
        _number_of(v, found, names)  # a constant
    return found


def _number_of(variable: Any, found: dict[Variable, int], names: dict[Any, int]) -> int:
    if variable in found:
        return found[variable]
    assert isinstance(variable, Constant)
    literal = getattr(variable, "literal", None)
    key = ("constant", variable.signature(), literal)
    number = found[variable] = names.setdefault(key, len(names))
    return number
