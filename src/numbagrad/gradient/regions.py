"""Which parts of a graph serve branches alone, and what a derivative of two branches is.

A branch is a node that hands on one or the other of two results, made by nodes around it. A walk
that differentiates has to know which of them only serve sides that may not be taken: then nothing
of them may be computed, nor of their derivatives.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..graph.basic import Apply, Variable
from ..graph.registry import OPS
from ..graph.tensor import TensorType
from ..graph.traverse import toposort
from ..graph.where import Line
from ..ops.branching import IfElse, any_of, select

__all__ = ["Part", "chosen", "parts"]


class Part:
    """A branch with the nodes that only serve one of its sides, or nodes that serve several.

    Attributes
    ----------
    condition : Variable
    where : Line or None
    outputs : list of Variable
        Through which the part is used.
    results : tuple of list
        What each output is if the one or the other side is taken; ``None`` for a side on which
        there is nothing.
    nodes : tuple of dict
        The nodes of each side.
    given : tuple of dict
        The variables that they take from elsewhere, and results that they do not make.
    shared : bool
        Whether these are nodes that several branches need.
    """

    def __init__(self, condition: Variable, where: Line | None, shared: bool):
        self.condition = condition
        self.where = where
        self.shared = shared
        self.outputs: list[Variable] = []
        self.results: tuple[list[Any], list[Any]] = ([], [])
        self.nodes: tuple[dict[Apply, None], dict[Apply, None]] = ({}, {})
        self.given: tuple[dict[Variable, None], dict[Variable, None]] = ({}, {})

    def close(self) -> None:
        """Find what is given, when all nodes are known."""
        for results, nodes, given in zip(self.results, self.nodes, self.given, strict=True):
            needed = [*results, *(v for node in nodes for v in node.inputs)]
            given |= dict.fromkeys(v for v in needed if v is not None and v.owner not in nodes)


#: A side of a part; None for all that is no part.
Side = tuple[Part, int] | None


class parts:
    """The outermost parts of a graph; what is nested within them belongs to these.

    Parameters
    ----------
    order : sequence of Apply
        Nodes in the order of computation.
    patterns : mapping
        The connection pattern of each.
    elsewhere : collection of Variable
        Variables that something else needs as well.

    Attributes
    ----------
    of : dict
        The part of each node that belongs to one.
    """

    def __init__(
        self,
        order: Sequence[Apply],
        patterns: Mapping[Apply, list[list[bool]]],
        elsewhere: Collection[Variable] = (),
    ):
        self.of: dict[Apply, Part] = {}
        self._users: dict[Variable, dict[Side, None]] = {v: {None: None} for v in elsewhere}
        self._shared: dict[Any, tuple[Part, int]] = {}
        self._behind: dict[Variable, set[Apply]] = {}
        if not any(isinstance(node.op, IfElse) for node in order):
            return
        for node in reversed(order):
            self._place(node, patterns[node])
        for part in dict.fromkeys(self.of.values()):
            part.close()

    def _place(self, node: Apply, pattern: list[list[bool]]) -> None:
        home = self._home(node)
        if home is None:
            results = _sides(node)
            if results is not None:
                part = self.of[node] = Part(node.inputs[0], node.where, shared=False)
                part.outputs, part.results = list(node.outputs), results
                for side in (0, 1):
                    self._note(results[side], (part, side))
                return
        else:
            part, side = home
            self.of[node] = part
            part.nodes[side][node] = None
            for v in node.outputs:
                if part.shared and any(user != home for user in self._users.get(v, ())):
                    part.outputs.append(v)
                    part.results[side].append(v)
                    part.results[1 - side].append(None)
        moved = [v for v, row in zip(node.inputs, pattern, strict=True) if any(row)]
        self._note(moved, home)

    def _note(self, variables: Sequence[Variable], user: Side) -> None:
        for v in variables:
            self._users.setdefault(v, {})[user] = None

    def _home(self, node: Apply) -> Side:
        """The part that a node belongs to, when all that uses it has been placed."""
        users = dict.fromkeys(u for v in node.outputs for u in self._users.get(v, ()))
        if len(users) == 1:
            return next(iter(users))
        taken = [u for u in users if u is not None]
        if len(taken) < len(users) or any((part, 1 - side) in users for part, side in taken):
            return None
        if not taken or any(not isinstance(v.type, TensorType) for v in node.outputs):
            return None
        if any(node in self._all_behind(part.condition) for part, _ in taken):
            return None
        key = frozenset(taken)
        if key not in self._shared:
            condition, side = any_of([(part.condition, side) for part, side in taken])
            self._shared[key] = Part(condition, node.where, shared=True), side
        return self._shared[key]

    def _all_behind(self, variable: Variable) -> set[Apply]:
        if variable not in self._behind:
            self._behind[variable] = set(toposort([variable]))
        return self._behind[variable]


def _sides(node: Apply) -> tuple[list[Any], list[Any]] | None:
    """The results of a branch's two sides, or None if they are made inside it."""
    if not isinstance(node.op, IfElse) or any(graph.nodes for graph in node.op.graphs):
        return None
    then, orelse = node.op.taken(node)
    return then, orelse


def chosen(
    condition: Variable, then: Sequence[Any], orelse: Sequence[Any], like: Sequence[Any]
) -> list[Any]:
    """One node that hands on ``then`` or ``orelse``; ``None`` on one side is zeros of ``like``.

    What is ``None`` on both sides, or undefined on one, is so in the result.
    """
    made: list[Any] = [None] * len(like)
    rows: list[tuple[int, Any, Any]] = []
    for k, (a, b, x) in enumerate(zip(then, orelse, like, strict=True)):
        present = [v for v in (a, b) if v is not None]
        strange = [v for v in present if not isinstance(v.type, TensorType)]
        if strange or not present:
            made[k] = strange[0] if strange else None
            continue
        zeros = OPS["zeros_like"](x, dtype=present[0].type.dtype)
        rows.append((k, zeros if a is None else a, zeros if b is None else b))
    if rows:
        outputs = select(condition, [a for _, a, _ in rows], [b for _, _, b in rows])
        for (k, _, _), variable in zip(rows, outputs, strict=True):
            made[k] = variable
    return made
