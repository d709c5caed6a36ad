"""Branches take in what only they need: from ``ifelse(c, f(x), g(x))`` to code that runs f or g.

One walk from the end of the graph to its beginning tells for each node in which branches it is
needed, as a path of branches from the outermost in. A node needed on one path moves there. One that
is needed on several, and not in any case, is copied if it is cheap; otherwise it is computed in a
branch of its own on the condition that any of them is taken, so that nothing is done in vain and
nothing twice. Branches on the same condition that do not need each other become one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import RewriteError
from ..graph.basic import Apply, Constant, Variable
from ..graph.frozen import FrozenGraph
from ..graph.tensor import TensorType, as_tensor
from ..graph.traverse import rebuild_graph, toposort
from ..graph.where import on_behalf_of
from ..ops.branching import IfElse, any_of, select
from ..ops.control import Control
from ..ops.from_graph import OpFromGraph
from ..ops.kinds import Elementwise
from .merge import Rewriter

__all__ = ["enclosed"]

#: Elementwise Ops of at least this many multiplications are not computed twice.
DEAR = 10

#: The branches around a place, the outermost first; the empty path is the graph itself.
Path = tuple[tuple["_Branch", int], ...]


def enclosed(outputs: Sequence[Variable], keep: Collection[Variable] = ()) -> list[Variable]:
    """The graph with all that only one branch needs inside that branch.

    Users' graphs are put in the place of their Ops before.

    Parameters
    ----------
    outputs : sequence of Variable
    keep : collection of Variable
        Variables that are given: what is behind them is left alone.

    Returns
    -------
    list of Variable
        Of the same types. The very same objects where there is no branch.

    Examples
    --------
    >>> from numbagrad import ifelse, tensor
    >>> c, x = tensor.lscalar("c"), tensor.dvector("x")
    >>> (y,) = enclosed([ifelse(c, tensor.exp(x), x)])
    >>> y.owner.op
    IfElse{then=<1 -> 1, 1 nodes>, orelse=<1 -> 1, 0 nodes>}
    """
    if not any(isinstance(node.op, (Control, OpFromGraph)) for node in toposort(outputs, keep)):
        return list(outputs)
    found = rebuild_graph(outputs, {v: v for v in keep}, _opened)
    if not any(isinstance(node.op, IfElse) for node in toposort(found, keep)):
        return found
    found = Rewriter([], keep).run(found)  # equal conditions are one
    return _Enclosing(found, keep).run()


def _opened(node: Apply, inputs: list[Variable]) -> Sequence[Variable]:
    """A user's graph in the place of its Op, and branches enclosed in the graphs of other Ops.

    A branch that has taken in something gives it out again.
    """
    op = node.op
    if isinstance(op, OpFromGraph):
        with on_behalf_of(node.where):
            return _again(op.graph, inputs)
    if isinstance(op, IfElse) and any(graph.nodes for graph in op.graphs):
        condition, *given = inputs
        with on_behalf_of(node.where):
            made = select(condition, *(_again(graph, given) for graph in op.graphs))
        return made
    if isinstance(op, Control) and not isinstance(op, IfElse):
        graphs = [FrozenGraph(g.inputs, enclosed(g.outputs, g.inputs)) for g in op.graphs]
        if any(a.outputs != b.outputs for a, b in zip(graphs, op.graphs, strict=True)):
            changed = op.with_graphs(graphs)
            outputs = [v.type.make_variable(v.name) for v in node.outputs]
            return Apply(changed, inputs, outputs, node.where).outputs
    if all(a is b for a, b in zip(inputs, node.inputs, strict=True)):
        return node.outputs
    return node.clone_with_new_inputs(inputs).outputs


def _again(graph: FrozenGraph, given: Sequence[Variable]) -> list[Variable]:
    memo = dict(zip(graph.inputs, given, strict=True))
    return rebuild_graph(
        graph.outputs,
        memo,
        lambda node, new: _opened(node.clone_with_new_inputs(new), new),
    )


class _Branch:
    """Nodes that choose on one condition at one place, to become a single one.

    A guard hands on what several other branches share; it does nothing where its condition does
    not hold.

    Attributes
    ----------
    condition : Variable
    home : Path
        The branches around it.
    rows : dict
        What it hands on: a variable of the given graph, and what that is in the one and in the
        other branch; ``None`` in a guard's branch that does nothing.
    where : Line or None
    captured : list of Variable
        What its graphs need from around it.
    """

    def __init__(self, condition: Variable, home: Path, where: Any):
        self.condition = condition
        self.home = home
        self.where = where
        self.rows: dict[Variable, tuple[Variable | None, Variable | None]] = {}
        self.captured: list[Variable] = []
        self.op: IfElse | None = None

    def path(self, side: int) -> Path:
        """The place inside one of its branches."""
        return (*self.home, (self, side))


class _Enclosing:
    """One walk over a graph, and the graph that is built by what it found."""

    def __init__(self, outputs: Sequence[Variable], keep: Collection[Variable]):
        self.outputs = list(outputs)
        self.keep = frozenset(keep)
        self.order = toposort(outputs, self.keep)
        self.rank = self._ranks()
        self.level = self._levels()
        #: The places where a variable is needed, and where a node is computed.
        self.needed: dict[Variable, dict[Path, None]] = {}
        self.homes: dict[Apply, tuple[Path, ...]] = {}
        self.branches: dict[Any, _Branch] = {}
        self.branch_of: dict[Apply, _Branch] = {}

    def run(self) -> list[Variable]:
        """The outputs of the graph with its branches enclosed."""
        for v in self.outputs:
            self._need(v, [()])
        for node in reversed(self.order):
            self._place(node)
        for branch in sorted(self.branches.values(), key=lambda b: -len(b.home)):
            self._freeze(branch)
        made, captured = self._built((), self.outputs)
        assert not captured
        return made

    def _ranks(self) -> dict[Apply, int]:
        """For each node how many branches at most are on a way that leads to it."""
        rank: dict[Apply, int] = {}
        for node in self.order:
            before = [rank.get(v.owner, 0) for v in node.inputs if v.owner is not None]
            rank[node] = max(before, default=0) + isinstance(node.op, IfElse)
        return rank

    def _levels(self) -> dict[Variable, int]:
        """For each variable a number that never falls along the graph and rises at each branch.

        It is as low as possible for what conditions need, for other things as high as possible.
        """
        conditions = [node.inputs[0] for node in self.order if isinstance(node.op, IfElse)]
        early = set(toposort(conditions, self.keep))
        level: dict[Variable, int] = {}
        for node in reversed(self.order):
            is_branch = isinstance(node.op, IfElse)
            own = min(level.get(v, len(self.order)) for v in node.outputs)
            if is_branch or node in early:
                own = self.rank[node]
            level |= dict.fromkeys(node.outputs, own)
            for v in node.inputs:
                before = own - is_branch if self._is_made(v) else 0
                level[v] = min(before, level.get(v, before))
        return level

    def _is_made(self, variable: Variable) -> bool:
        return variable.owner is not None and variable not in self.keep

    # -- where things are needed -----------------------------------------------------------

    def _need(self, variable: Variable, paths: Iterable[Path]) -> None:
        self.needed.setdefault(variable, {}).update(dict.fromkeys(paths))

    def _place(self, node: Apply) -> None:
        """Decide where a node is computed; all that needs it has been decided before."""
        paths = _outermost([p for v in node.outputs for p in self.needed.get(v, ())])
        if not paths:
            return
        if len(paths) > 1 and not _is_cheap(node):
            paths = self._together(node, paths)
        self.homes[node] = tuple(paths)
        if not isinstance(node.op, IfElse):
            for v in node.inputs:
                self._need(v, paths)
            return
        condition, *given = node.inputs
        home = paths[0]
        key = (condition, self.rank[node], home)
        branch = self.branches.setdefault(key, _Branch(condition, home, node.where))
        self.branch_of[node] = branch
        self._need(condition, [home])
        position = {v: k for k, v in enumerate(node.op.then.inputs)}
        other = {v: k for k, v in enumerate(node.op.orelse.inputs)}
        for out, a, b in zip(node.outputs, node.op.then.outputs, node.op.orelse.outputs):
            if out in self.needed:
                pair = _given(a, position, given), _given(b, other, given)
                branch.rows[out] = pair
                self._need(pair[0], [branch.path(0)])
                self._need(pair[1], [branch.path(1)])

    def _together(self, node: Apply, paths: list[Path]) -> list[Path]:
        """One place for what is needed on several paths that do not include each other."""
        around = paths[0][: _common(paths)]
        steps = dict.fromkeys(p[len(around)] for p in paths)
        if any((branch, 1 - side) in steps for branch, side in steps):
            return [around]
        if any(not isinstance(v.type, TensorType) for v in node.outputs):
            return [around]
        level = min(self.level[v] for v in node.outputs)
        if any(self.level[branch.condition] > level for branch, _ in steps):
            # A condition may need the very thing. Where levels do not fall no circle can close.
            return [around] if isinstance(node.op, IfElse) else paths
        guard, side = self._guard(around, steps, node)
        inner = guard.path(side)
        for v in node.outputs:
            if v in self.needed:
                guard.rows[v] = (v, None) if side == 0 else (None, v)
        return [inner]

    def _guard(
        self, around: Path, steps: Mapping[tuple[_Branch, int], None], node: Apply
    ) -> tuple[_Branch, int]:
        """The branch that is taken where any of ``steps`` is, and the side on which it is."""
        choices = [(branch.condition, side) for branch, side in steps]
        condition, side = any_of(choices)
        key = (around, frozenset(steps))
        if key not in self.branches:
            for made in toposort([condition], [c for c, _ in choices]):
                self.homes[made] = (around,)
                self.level[made.outputs[0]] = max(self.level[c] for c, _ in choices)
            self.branches[key] = _Branch(condition, around, node.where)
        return self.branches[key], side

    # -- building --------------------------------------------------------------------------

    def _freeze(self, branch: _Branch) -> None:
        """Make the graphs of a branch; those inside it have been made."""
        made, needed = [], []
        for side in (0, 1):
            wanted = [pair[side] for pair in branch.rows.values()]
            present = [v for v in wanted if v is not None]
            built, captured = self._built(branch.path(side), present)
            results = iter(built)
            made.append(
                [
                    _nothing_like(out) if v is None else next(results)
                    for v, out in zip(wanted, branch.rows, strict=True)
                ]
            )
            needed.append(captured)
        branch.captured = list(dict.fromkeys([*needed[0], *needed[1]]))
        inputs = [v.type.make_variable(v.name) for v in branch.captured]
        graphs = []
        for outputs, captured in zip(made, needed, strict=True):
            memo = {captured[v]: x for v, x in zip(branch.captured, inputs) if v in captured}
            graphs.append(FrozenGraph(inputs, rebuild_graph(outputs, memo)))
        branch.op = IfElse(then=graphs[0], orelse=graphs[1])

    def _built(
        self, path: Path, wanted: Sequence[Variable]
    ) -> tuple[list[Variable], dict[Variable, Variable]]:
        """Variables computed at a place, and what stands there for those from around it."""
        memo: dict[Variable, Variable] = {}
        captured: dict[Variable, Variable] = {}
        waiting: set[Any] = set()
        stack: list[tuple[Variable, Any]] = [(v, None) for v in reversed(wanted)]
        while stack:
            variable, ready = stack.pop()
            if variable in memo:
                continue
            if ready is not None:
                self._make(ready, memo)
                waiting.discard(ready)
                continue
            item = self._maker(variable, path)
            if item is None:
                outside = path and not isinstance(variable, Constant)
                memo[variable] = variable.type.make_variable() if outside else variable
                if outside:
                    captured[variable] = memo[variable]
                continue
            if item in waiting:
                raise RewriteError(f"Branches need each other around {variable!r}")
            waiting.add(item)
            stack.append((variable, item))
            stack.extend((v, None) for v in reversed(_needs(item)))
        return [memo[v] for v in wanted], captured

    def _maker(self, variable: Variable, path: Path) -> Apply | _Branch | None:
        """What makes a variable at a place: a node, a branch, or something around the place."""
        node = variable.owner
        if node is None or not self._is_made(variable):
            return None
        for home in self.homes.get(node, ()):
            if home == path:
                return self.branch_of.get(node, node)
            if home[: len(path)] == path and variable in home[len(path)][0].rows:
                return home[len(path)][0]
        return None

    def _make(self, item: Apply | _Branch, memo: dict[Variable, Variable]) -> None:
        inputs = [memo[v] for v in _needs(item)]
        if isinstance(item, _Branch):
            assert item.op is not None
            with on_behalf_of(item.where):
                outputs: Sequence[Variable] = item.op(*inputs, return_list=True)
            for old, new in zip(item.rows, outputs, strict=True):
                new.name = old.name
            memo.update(zip(item.rows, outputs, strict=True))
            return
        same = all(a is b for a, b in zip(inputs, item.inputs, strict=True))
        made = item.outputs if same else item.clone_with_new_inputs(inputs).outputs
        for old, new in zip(item.outputs, made, strict=True):
            memo.setdefault(old, new)


def _needs(item: Apply | _Branch) -> list[Variable]:
    return [item.condition, *item.captured] if isinstance(item, _Branch) else item.inputs


def _given(
    inside: Variable, position: Mapping[Variable, int], given: Sequence[Variable]
) -> Variable:
    """What an output of a branch without nodes is: one of its inputs, or a constant."""
    return given[position[inside]] if inside in position else inside


def _outermost(paths: Sequence[Path]) -> list[Path]:
    """Without those that are within others."""
    known = set(paths)
    return [
        p for p in dict.fromkeys(paths) if not any(p[:k] in known for k in range(len(p)))
    ]  # fmt: skip


def _common(paths: Sequence[Path]) -> int:
    """How many steps all paths begin with."""
    shortest = min(len(p) for p in paths)
    return next(
        (k for k in range(shortest) if any(p[k] != paths[0][k] for p in paths)), shortest
    )  # fmt: skip


def _is_cheap(node: Apply) -> bool:
    """Whether it may be computed twice."""
    op = node.op
    if isinstance(op, Elementwise):
        return op.cost < DEAR
    return getattr(op, "kind", None) in ("View", "Size")


def _nothing_like(variable: Any) -> Variable:
    """What stands for an array that is not there: of its type, and empty where that is possible."""
    shape = [0 if size is None else size for size in variable.type.shape]
    made: Variable = as_tensor(np.zeros(shape, variable.type.dtype))
    return made
