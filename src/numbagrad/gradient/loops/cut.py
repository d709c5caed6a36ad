"""What a loop saves for its way back, and what is computed again there: a minimum cut.

The reverse of a step needs values of the step itself. Each is either saved in every step, or
computed again from what is saved and from what is there anyway. `choose` weighs saving against
computing again for the whole step at once. Nothing is differentiated here and no loop is built.

The cut: every value is an edge whose capacity is the price of saving it, every value may be reached
from the source at the price of computing it again, and what the reverse step reads is tied to the
sink (the partition of a program by minimum cut: Stone, Multiprocessor scheduling with the aid of
network flow algorithms, 1977). The flow is found as by Dinic, Algorithm for solution of a problem
of maximum flow in a network with power estimation, 1970.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from typing import Any

from ...graph.basic import Apply, Constant, Variable
from ...graph.tensor import TensorType
from ...graph.traverse import toposort
from ...ops.kinds import Block, Elementwise, Reduction, View

__all__ = ["choose", "dependent", "price_of_saving"]

#: Multiplications that take as long as storing a number and reading it again.
SAVE = 16.0
#: A size that is not known.
SIZE = 32.0
#: How many elements of an array are computed in the time of one scalar.
LANES = 4.0
#: What a graph inside a step costs for each number that goes in.
INNER = 1000.0
INFINITE = float("inf")


def dependent(order: Sequence[Apply], given: Collection[Variable]) -> set[Variable]:
    """The variables that depend on any of ``given``, these included."""
    found = set(given)
    for node in order:
        if any(x in found for x in node.inputs):
            found.update(node.outputs)
    return found


def choose(
    outputs: Sequence[Variable],
    cotangents: Collection[Variable],
    states: Collection[Variable],
    fixed: Collection[Variable],
    ready: Collection[Variable] = (),
) -> list[Variable]:
    """The values of a step that have to be saved so that ``outputs`` can be computed later.

    Parameters
    ----------
    outputs : sequence of Variable
        What the reverse step computes, as graphs over the inputs of the step and ``cotangents``.
    cotangents : collection of Variable
        What is not known before the way back.
    states : collection of Variable
        Inputs of the step that are gone on the way back unless they are saved.
    fixed : collection of Variable
        Inputs that are the same in each step: what depends on them alone is computed once.
    ready : collection of Variable
        Values of the step that are there on the way back.

    Returns
    -------
    list of Variable
        In the order of computation, states first.
    """
    ready, fixed = set(ready), set(fixed)
    order = toposort(outputs, {*states, *ready})
    late = dependent(order, cotangents)
    leaves = [x for node in order for x in node.inputs if x.owner is None or x in ready]
    steady = {x for x in leaves if x in fixed or isinstance(x, Constant)}
    moving = dependent(order, [x for x in [*leaves, *states] if x not in steady])
    early = [n for n in order if not any(x in late for x in n.inputs) and _moves(n, moving)]
    read = {x for n in order if any(i in late for i in n.inputs) for x in n.inputs}
    read.update(outputs)
    net = _Net()
    kept = {*states, *(v for node in early for v in node.outputs)}
    for x in states:
        net.link(_SOURCE, (x, 0), INFINITE)
    for node in early:
        again = price_of_computing(node) / len(node.outputs)
        for v in node.outputs:
            net.link(_SOURCE, (v, 0), again)
            for x in node.inputs:
                if x in kept and x not in ready:
                    net.link((x, 1), (v, 0), INFINITE)
    candidates = [*states, *(v for node in early for v in node.outputs)]
    for v in candidates:
        net.link((v, 0), (v, 1), price_of_saving(v) * _leaning(v))
        if v in read:
            net.link((v, 1), _SINK, INFINITE)
    behind = net.behind_the_cut()
    return [v for v in candidates if (v, 1) in behind and (v, 0) not in behind]


def _leaning(v: Variable) -> float:
    """What decides between equal prices.

    A state serves as the value after the step as well; a view is no better than what it looks at.
    """
    if v.owner is None:
        return 0.9
    return 1.05 if isinstance(v.owner.op, View) else 1.0


def _moves(node: Apply, moving: set[Variable]) -> bool:
    return any(x in moving for x in node.inputs)


# -- prices, in multiplications ----------------------------------------------------------------


def _size(v: Any) -> float:
    made = 1.0
    for n in v.type.shape:
        made *= SIZE if n is None else max(n, 1)
    return made


def price_of_saving(v: Variable) -> float:
    """What it costs to store a value in each step and to read it again."""
    return SAVE * _size(v) if isinstance(v.type, TensorType) else INFINITE


def price_of_computing(node: Apply) -> float:
    """About what it costs to compute the outputs of a node again."""
    tensors = [v for v in node.inputs if isinstance(v.type, TensorType)]
    out = node.outputs[0]
    if len(tensors) < len(node.inputs) or not isinstance(out.type, TensorType):
        return INNER
    most = max(map(_size, [*tensors, out]))
    op: Any = node.op
    if isinstance(op, Elementwise):
        return float(op.cost * most / (LANES if out.type.ndim else 1.0))
    if isinstance(op, View):
        return most / LANES if out.type.ndim else 0.5
    if isinstance(op, Reduction):
        return most
    if isinstance(op, Block):
        # A product (m, k) (k, n) takes m n k: the root of the product of the three sizes.
        return float(max(_size(tensors[0]) * _size(tensors[-1]) * _size(out), most)) ** 0.5 * 4
    if getattr(op, "kind", "") == "Scatter":
        return most
    return INNER * most


# -- the flow ----------------------------------------------------------------------------------

_SOURCE, _SINK = "source", "sink"


class _Net:
    """A network with capacities.

    Attributes
    ----------
    ends, left : list
        Of each edge where it leads and how much still fits through; edge ``k ^ 1`` is edge ``k``
        the other way round.
    out : dict
        The numbers of the edges that leave a place.
    """

    def __init__(self) -> None:
        self.ends: list[Any] = []
        self.left: list[float] = []
        self.out: dict[Any, list[int]] = {_SOURCE: [], _SINK: []}

    def link(self, a: Any, b: Any, capacity: float) -> None:
        """An edge from ``a`` to ``b``."""
        for start, end, fits in ((a, b, capacity), (b, a, 0.0)):
            self.out.setdefault(start, []).append(len(self.ends))
            self.ends.append(end)
            self.left.append(fits)

    def behind_the_cut(self) -> set[Any]:
        """The places from which the sink is reached when the flow is largest.

        Of all minimum cuts this is the one closest to the sink.
        """
        level = self._levels()
        while _SINK in level:
            self._fill(level)
            level = self._levels()
        found, stack = {_SINK}, [_SINK]
        while stack:
            for k in self.out[stack.pop()]:
                if self.left[k ^ 1] > 0 and self.ends[k] not in found:
                    found.add(self.ends[k])
                    stack.append(self.ends[k])
        return found

    def _levels(self) -> dict[Any, int]:
        """How many edges lead from the source to each place."""
        level, line = {_SOURCE: 0}, deque([_SOURCE])
        while line:
            at = line.popleft()
            for k in self.out[at]:
                if self.left[k] > 0 and self.ends[k] not in level:
                    level[self.ends[k]] = level[at] + 1
                    line.append(self.ends[k])
        return level

    def _fill(self, level: dict[Any, int]) -> None:
        """Send as much as fits along paths on which the level grows."""
        tried = dict.fromkeys(level, 0)
        path: list[int] = []
        at: Any = _SOURCE
        while True:
            if at == _SINK:
                amount = min(self.left[k] for k in path)
                if amount == INFINITE:
                    raise NotImplementedError(
                        "the way back of a loop needs a value that is no tensor, which can not "
                        "be saved"
                    )
                for k in path:
                    self.left[k] -= amount
                    self.left[k ^ 1] += amount
                path, at = [], _SOURCE
            edges = self.out[at]
            while tried[at] < len(edges) and not self._grows(edges[tried[at]], at, level):
                tried[at] += 1
            if tried[at] < len(edges):
                path.append(edges[tried[at]])
                at = self.ends[path[-1]]
            elif path:
                at = self.ends[path.pop() ^ 1]
                tried[at] += 1
            else:
                return

    def _grows(self, k: int, at: Any, level: dict[Any, int]) -> bool:
        return self.left[k] > 0 and level.get(self.ends[k]) == level[at] + 1
