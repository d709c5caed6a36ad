"""Random number generators between the user and compiled code.

In a graph a draw changes nothing: the next generator is another value. Compiled code advances the
generator it is given in place. So a generator that a call must not change is copied before, and one
that several draws begin with is copied for each, by `separate`. What a call does with each is a
`Plan`: only shared generators that the call updates are advanced where they are, under their locks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..graph.basic import Apply, Variable
from ..graph.traverse import toposort
from ..ops.chains import generator_before, generator_root, is_generator, refuse_second_uses
from ..records import field, record

__all__ = ["Plan", "Separated", "ends_of", "is_generator", "locked", "plan_of", "separate"]


# -- one chain of draws for each generator --------------------------------------------------------


@record()
class Separated:
    """A graph in which no generator is used twice.

    Attributes
    ----------
    outputs : list of Variable
    copies : list of Variable
        Further inputs: generators in the state of others.
    sources : list of int
        The input that each of them is a copy of.
    """

    outputs: list[Variable]
    copies: list[Variable] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)


def separate(inputs: Sequence[Variable], outputs: Sequence[Variable]) -> Separated:
    """Give each use of a generator but the first one a copy of its own.

    A use in the middle of a chain of draws repeats the draws before it on its copy. A graph without
    such uses is returned as it is.

    Raises
    ------
    ValueError
        If there is one within a step of a loop or a branch.
    """
    if not any(is_generator(v) for v in inputs):
        return Separated(list(outputs))
    for node in toposort(outputs):
        for graph in getattr(node.op, "graphs", ()):
            refuse_second_uses(graph.outputs)
    uses: dict[Variable, int] = {}
    for v in [*outputs, *(v for node in toposort(outputs) for v in node.inputs)]:
        if is_generator(v):
            uses[v] = uses.get(v, 0) + 1
    if all(count == 1 for count in uses.values()):
        return Separated(list(outputs))
    return _Separation(inputs).run(outputs)


class _Separation:
    def __init__(self, inputs: Sequence[Variable]):
        self.place = {v: k for k, v in enumerate(inputs)}
        self.made = Separated([])
        self.new: dict[Variable, Variable] = {}
        self.taken: set[Variable] = set()

    def run(self, outputs: Sequence[Variable]) -> Separated:
        """Walk from the inputs on; draws first, then what is asked for."""
        for node in toposort(outputs):
            inputs = [self._use(self.new.get(v, v)) for v in node.inputs]
            if any(a is not b for a, b in zip(inputs, node.inputs, strict=True)):
                fresh = _like(node, inputs)
                self.new.update(zip(node.outputs, fresh.outputs, strict=True))
        self.made.outputs = [self._use(self.new.get(v, v)) for v in outputs]
        return self.made

    def _use(self, variable: Variable) -> Variable:
        if not is_generator(variable):
            return variable
        if variable in self.taken:
            variable = self._again(variable)
        self.taken.add(variable)
        return variable

    def _again(self, variable: Variable) -> Variable:
        """Another generator in the same state, by the same draws from a copy."""
        chain = []
        while variable.owner is not None:
            chain.append(variable)
            variable = generator_before(variable)
        copy = variable.clone() if not hasattr(variable, "container") else variable.type()
        root = variable
        self.made.copies.append(copy)
        self.made.sources.append(self._source(root))
        self.place[copy] = self._source(root)
        new: Variable = copy
        for old in reversed(chain):
            node = old.owner
            assert node is not None
            before = generator_before(old)
            self.taken.add(new)
            inputs = [
                new if v is before else self._use(v) if is_generator(v) else v for v in node.inputs
            ]
            new = _like(node, inputs).outputs[node.outputs.index(old)]
        return new

    def _source(self, root: Variable) -> int:
        return self.place[root]


def _like(node: Apply, inputs: Sequence[Variable]) -> Apply:
    made = Apply(node.op, list(inputs), [v.type.make_variable(v.name) for v in node.outputs])
    made.where = node.where
    return made


# -- what a call does ------------------------------------------------------------------------------


@record()
class Plan:
    """What a call does with generators.

    Attributes
    ----------
    arguments : dict
        For the position of each generator among the arguments of compiled code: the position it is
        a copy of (its own, if it is none), and whether it is advanced where it is.
    results : list
        For each result None if it is no generator, else ``(position, whether it is copied)``.
    """

    arguments: dict[int, tuple[int, bool]]
    results: list[tuple[int, bool] | None]


def ends_of(arguments: Sequence[Variable], results: Sequence[Variable]) -> list[int | None]:
    """For each result the position of the generator whose draws end in it; None for others."""
    place = {v: k for k, v in enumerate(arguments)}
    return [place[generator_root(v)] if is_generator(v) else None for v in results]


def plan_of(
    arguments: Sequence[bool],
    sources: Sequence[int],
    ends: Sequence[int | None],
    kept: Sequence[bool],
    targets: Sequence[int | None],
) -> Plan | None:
    """How generators are passed and returned.

    Parameters
    ----------
    arguments : sequence of bool
        For each input and shared variable, in order, whether it is a generator.
    sources : sequence of int
        What each of the copies, which come behind them, is a copy of.
    ends : sequence
        As of `ends_of`.
    kept : sequence of bool
        For each argument, whether the user allows that it is advanced where it is.
    targets : sequence
        For each result the position of the shared variable that it is stored into, or None.
    """
    first_copy = len(arguments)
    in_place = {e for e, t in zip(ends, targets, strict=True) if e is not None and e == t}
    rows: dict[int, tuple[int, bool]] = {}
    for k, drawn in enumerate(arguments):
        if drawn:
            rows[k] = k, k in in_place or kept[k]
    for k, source in enumerate(sources, first_copy):
        rows[k] = source, k in in_place
    if not rows:
        return None
    # An object is handed out once: to its shared variable, else to the first that asks.
    given = set(in_place)
    made: list[tuple[int, bool] | None] = []
    for end, target in zip(ends, targets, strict=True):
        if end is None:
            made.append(None)
            continue
        again = end in given and end != target
        given.add(end)
        made.append((end, again))
    return Plan(rows, made)


class _Locks:
    """The locks of several generators, each once, in an order that all threads share."""

    def __init__(self, locks: Sequence[Any]):
        self.locks = sorted({id(lock): lock for lock in locks}.values(), key=id)

    def __enter__(self) -> None:
        for lock in self.locks:
            lock.acquire()

    def __exit__(self, *_: object) -> None:
        for lock in reversed(self.locks):
            lock.release()


def locked(*generators: Any) -> Any:
    """A context in which no other thread advances the generators."""
    locks = [g.bit_generator.lock for g in generators]
    return locks[0] if len(locks) == 1 else _Locks(locks)
