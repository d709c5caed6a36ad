"""Loops that do the same work become one loop.

A gradient's forward loop is the user's own with more traces, and one that carries tangents is the
user's own with more states. Where both are wanted, what they have in common is computed once.
A loop over the trace of another follows it step by step, so that the trace need not be kept. Loops
that have nothing in common stay apart, as do those of which one needs the other to be over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from ..graph.basic import Apply, Variable
from ..graph.traverse import toposort
from ..graph.where import on_behalf_of
from ..records import record, replace
from .loop import Loop, is_scan, numbered
from .shapes import ShapeEnv

__all__ = ["chained", "united"]

#: With how many others a loop is compared at most.
TRIED = 8
#: What a value has to cost (see `Elementwise.cost`) for loops to be united for it alone.
WORTH_SHARING = 4


def united(outputs: Sequence[Variable], keep: Collection[Variable] = ()) -> list[Variable]:
    """The graph in which loops that share a state, or dear values, are one.

    What they share is still computed twice in the loop that is made: rules for single loops and
    merging in its body see to that.

    Parameters
    ----------
    outputs : sequence of Variable
    keep : collection of Variable
        Variables that stay themselves, with all behind them.

    Examples
    --------
    >>> from numbagrad import tensor
    >>> united([tensor.dscalar("x") + 1])
    [Add.0]
    """
    return _as_few(outputs, keep, False)


def chained(outputs: Sequence[Variable], keep: Collection[Variable] = ()) -> list[Variable]:
    """The graph in which, besides, a loop over the trace of another is one with it.

    This is done last: a trace that is multiplied with a matrix is better multiplied as a whole.

    Parameters
    ----------
    outputs : sequence of Variable
    keep : collection of Variable
        Variables that stay themselves, with all behind them.

    Examples
    --------
    >>> from numbagrad import tensor
    >>> chained([tensor.dscalar("x") + 1])
    [Add.0]
    """
    return _as_few(outputs, keep, True)


def _as_few(
    outputs: Sequence[Variable], keep: Collection[Variable], chains: bool
) -> list[Variable]:
    order = toposort(outputs, keep)
    scans = [node for node in order if is_scan(node)]
    if len(scans) < 2:
        return list(outputs)
    clusters = _Clusters(order, scans, chains)
    env = ShapeEnv()
    alike: dict[Any, list[_Cluster]] = defaultdict(list)
    for number, node in enumerate(scans):
        new = _Cluster(Loop.of(node, fresh=True), 1 << number, [node])
        steps = env.canonical(node.inputs[0])
        tried = alike[steps, new.loop.condition is None]
        for place, cluster in enumerate(reversed(tried[-TRIED:]), 1):
            both = clusters.union(cluster, new)
            if both is not None:
                tried[-place] = both
                break
        else:
            tried.append(new)
    joined = [c for group in alike.values() for c in group if len(c.nodes) > 1]
    return _rebuilt(outputs, keep, joined) if joined else list(outputs)


@record()
class _Cluster:
    """Nodes that become one.

    Attributes
    ----------
    loop : Loop
        Of all of them together: states and traced values follow each other as the nodes do.
    bits : int
        Which nodes, by number.
    nodes : list of Apply
    """

    loop: Loop
    bits: int
    nodes: list[Apply]


class _Clusters:
    """Which loops need which, while some of them become one."""

    def __init__(self, order: Sequence[Apply], scans: Sequence[Apply], chains: bool):
        self.chains = chains
        number = {node: k for k, node in enumerate(scans)}
        #: For each node the loops that it is or needs, as bits; for each loop those it needs.
        behind: dict[Any, int] = {}
        self.behind_node = behind
        self.behind: list[int] = []
        for node in order:
            bits = 0
            for v in node.inputs:
                bits |= 0 if v.owner is None else behind.get(v.owner, 0)
            if node in number:
                self.behind.append(bits)
                bits |= 1 << number[node]
            behind[node] = bits

    def union(self, a: _Cluster, b: _Cluster) -> _Cluster | None:
        """Both as one, if that saves work and makes no circle."""
        if self._behind(a) & b.bits:
            return None
        if not self._behind(b) & a.bits:
            loop = _union(a.loop, b.loop)
        else:
            loop = _chain(a, b) if self.chains and self._follows(a, b) else None
        if loop is None:
            return None
        made = _Cluster(loop, a.bits | b.bits, [*a.nodes, *b.nodes])
        needed = (self._behind(a) | self._behind(b)) & ~made.bits
        for k, bits in enumerate(self.behind):
            if made.bits >> k & 1:
                self.behind[k] = needed
            elif bits & made.bits:
                self.behind[k] |= needed | made.bits
        return made

    def _follows(self, a: _Cluster, b: _Cluster) -> bool:
        """Whether all that ``b`` needs of ``a`` are its traces, element by element."""
        (node,) = b.nodes
        op: Any = node.op
        v: Any
        for k, v in enumerate(node.inputs):
            if v.owner in a.nodes:
                trace = v.index >= v.owner.op.n_states
                if not (trace and 1 <= k <= op.n_sequences):
                    return False
            elif self._all_behind(v) & a.bits:
                return False
        return a.loop.condition is None

    def _all_behind(self, variable: Variable) -> int:
        own = found = self.behind_node.get(variable.owner, 0)
        for k, bits in enumerate(self.behind):
            if own >> k & 1:
                found |= bits
        return found

    def _behind(self, cluster: _Cluster) -> int:
        found = 0
        for k, bits in enumerate(self.behind):
            if cluster.bits >> k & 1:
                found |= bits
        return found


def _union(a: Loop, b: Loop) -> Loop | None:
    """The loop that does the work of both, if they have some in common."""
    if not _may_share(a, b):
        return None
    both = _together(a, b)
    number = numbered(both, [] if b.condition is None else [b.condition])
    if a.condition is not None and number[a.condition] != number[b.condition]:
        return None
    return both if _share(a, b, number) else None


def _together(a: Loop, b: Loop) -> Loop:
    # Derivatives have been taken, but who asks for few states to be kept has little memory.
    checkpoint = a.op.checkpoint or b.op.checkpoint
    return replace(
        a,
        op=a.op.changed(checkpoint=checkpoint),
        sequences=(*a.sequences, *b.sequences),
        states=(*a.states, *b.states),
        others=(*a.others, *b.others),
        traced=(*a.traced, *b.traced),
    )


def _chain(a: _Cluster, b: _Cluster) -> Loop:
    """The loop that makes a step of ``b`` on what a step of ``a`` has given."""
    made: dict[Any, Any] = {}
    traced = iter(a.loop.traced)
    for node in a.nodes:
        op: Any = node.op
        made |= zip(node.outputs[op.n_states : op.n_states + op.n_traced], traced, strict=False)
    follower = b.loop.replaced(
        {g.inside: made[g.outside] for g in b.loop.sequences if g.outside in made}
    )
    rest = tuple(g for g in b.loop.sequences if g.outside not in made)
    return _together(a.loop, replace(follower, sequences=rest))


def _may_share(a: Loop, b: Loop) -> bool:
    """A look at the inputs: values that differ from step to step come from them alone."""
    mine = {g.outside for g in a.changing}
    return any(g.outside in mine for g in b.changing)


def _share(a: Loop, b: Loop, number: dict[Variable, int]) -> bool:
    """Whether a state or a value that is worth it is the same in both loops."""
    mine = {number[s.inside] for s in a.states if number[s.after] != number[s.inside]}
    if any(number[s.inside] in mine for s in b.states):
        return True
    mine = {number[v] for v in _dear(a)}
    return any(number[v] in mine for v in _dear(b))


def _dear(loop: Loop) -> list[Variable]:
    """Values in the body that differ from step to step and that one would not compute twice."""
    varying = {g.inside for g in loop.changing}
    found = []
    for node in toposort(loop.outputs, loop.inside):
        if varying.isdisjoint(node.inputs):
            continue
        varying.update(node.outputs)
        kind = getattr(node.op, "kind", None)
        cheap = kind == "Elementwise" and getattr(node.op, "cost", 0) < WORTH_SHARING
        if not cheap and kind not in {"View", "Size"}:
            found += node.outputs
    return found


# -- the graph around them -------------------------------------------------------------------------


def _rebuilt(
    outputs: Sequence[Variable], keep: Collection[Variable], clusters: Sequence[_Cluster]
) -> list[Variable]:
    """The graph with one node for each cluster."""
    cluster_of = {node: cluster for cluster in clusters for node in cluster.nodes}
    memo: dict[Variable, Variable] = {v: v for v in keep}
    stack = [v.owner for v in outputs][::-1]
    while stack:
        node = stack.pop()
        if node is None or all(v in memo for v in node.outputs):
            continue
        cluster = cluster_of.get(node)
        nodes = [node] if cluster is None else cluster.nodes
        missing = [
            v.owner
            for n in nodes
            for v in reversed(n.inputs)
            if v.owner is not None and v not in memo and v.owner not in nodes
        ]
        if missing:
            stack += [node, *missing]
        elif cluster is not None:
            with on_behalf_of(node.where):
                memo |= _as_one(cluster, memo)
        else:
            inputs = [memo.get(v, v) for v in node.inputs]
            same = all(a is b for a, b in zip(inputs, node.inputs, strict=True))
            made = node if same else node.clone_with_new_inputs(inputs)
            memo |= zip(node.outputs, made.outputs, strict=True)
    return [memo.get(v, v) for v in outputs]


def _as_one(cluster: _Cluster, memo: dict[Variable, Variable]) -> dict[Variable, Variable]:
    """For the outputs of all nodes those of the one that takes their place."""
    made = cluster.loop.around(memo).node()
    states = iter(made.outputs)
    traces = iter(made.outputs[len(cluster.loop.states) :])
    found: dict[Variable, Variable] = {}
    for node in cluster.nodes:
        n, m = node.op.n_states, node.op.n_traced  # type: ignore[attr-defined]
        found |= zip(node.outputs[:n], states, strict=False)
        found |= zip(node.outputs[n : n + m], traces, strict=False)
        found |= {v: made.outputs[-1] for v in node.outputs[n + m :]}
    return found
