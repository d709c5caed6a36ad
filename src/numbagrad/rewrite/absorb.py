"""Sums over all steps of a loop are taken in the loop: its values need not be kept for them.

``sum(log(h) + e**2 / h)`` with ``h`` a trace becomes a state that each step adds to. That is done
where it saves a trace, so not if other work needs all values as well, as a derivative mostly does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from ..graph.basic import Apply, Variable
from ..graph.registry import OPS
from ..graph.tensor import TensorConstant, TensorType
from ..graph.traverse import rebuild_graph, toposort
from ..graph.where import on_behalf_of
from ..records import field, record, replace
from .fold import plain_constant
from .loop import Given, Loop, State, is_scan
from .shapes import ShapeEnv

__all__ = ["absorbed"]

#: Reductions that are taken step by step: what they begin with, and how a step goes on.
_STEPWISE = {"Sum": (0, "add"), "Prod": (1, "mul"), "VecVec": (0, "add")}


def absorbed(outputs: Sequence[Variable], keep: Collection[Variable] = ()) -> list[Variable]:
    """The graph with sums over traces as states, where that saves a trace.

    Parameters
    ----------
    outputs : sequence of Variable
    keep : collection of Variable
        Variables that stay themselves, with all behind them.

    Examples
    --------
    >>> from numbagrad import tensor
    >>> absorbed([tensor.dscalar("x") + 1])
    [Add.0]
    """
    found = list(outputs)
    seen: set[Any] = set()
    while True:
        order: list[Any] = toposort(found, keep)
        node = next((n for n in order if is_scan(n) and n.op.n_traced and n not in seen), None)
        if node is None:
            return found
        seen.add(node)
        memo = _Absorbing(node, order, found).run()
        if memo:
            seen.update(v.owner for v in memo.values())
            found = rebuild_graph(found, {v: v for v in keep} | memo)


@record()
class _Absorbing:
    """What is done about the sums over the traces of one loop."""

    node: Apply
    order: Sequence[Apply]
    outputs: Sequence[Variable]
    #: What depends on the loop at all.
    behind: set[Any] = field(default_factory=set)
    users: dict[Any, list[Apply]] = field(default_factory=lambda: defaultdict(list))
    env: ShapeEnv = field(default_factory=ShapeEnv)

    def run(self) -> dict[Variable, Variable]:
        """What stands for the outputs of the loop and for the sums."""
        self.loop = Loop.of(self.node, fresh=True)
        self._look()
        first = len(self.loop.states)
        memo: dict[Variable, State] = {}
        for trace in self.node.outputs[first : first + len(self.loop.traced)]:
            memo |= self._instead_of(trace, memo)
        if not memo:
            return {}
        with on_behalf_of(self.node.where):
            made = replace(self.loop, states=(*self.loop.states, *memo.values())).node().outputs
        after = [*made[:first], *made[first + len(memo) :]]
        new = zip(memo, made[first : first + len(memo)], strict=True)
        return dict(zip(self.node.outputs, after, strict=True)) | dict(new)

    def _look(self) -> None:
        self.behind.update(self.node.outputs)
        for n in self.order:
            for v in n.inputs:
                self.users[v].append(n)
            if not self.behind.isdisjoint(n.inputs):
                self.behind.update(n.outputs)

    # -- which sums ------------------------------------------------------------------------

    def _instead_of(
        self, trace: Variable, known: Mapping[Variable, State]
    ) -> dict[Variable, State]:
        """States for all sums that need the trace, if nothing else does and all can be made."""
        before, found = self.loop, {}
        for total in self._ends(trace) or ():
            if total.outputs[0] in known:
                continue
            with on_behalf_of(total.where):
                state = self._state(total)
            if state is None:
                self.loop = before
                return {}
            found[total.outputs[0]] = state
        return found

    def _ends(self, trace: Variable) -> list[Apply] | None:
        """The sums to which all uses of a trace lead, or None."""
        wanted = set(self.outputs)
        ends: dict[Apply, None] = {}
        stack, seen = [trace], {trace}
        while stack:
            v = stack.pop()
            if v in wanted or not self.users[v]:
                return None
            for user in self.users[v]:
                if _is_end(user):
                    ends[user] = None
                elif not _is_stepwise(user):
                    return None
                elif user.outputs[0] not in seen:
                    seen.add(user.outputs[0])
                    stack.append(user.outputs[0])
        return list(ends)

    # -- inside the loop -------------------------------------------------------------------

    def _state(self, total: Any) -> State | None:
        """The state that each step adds to."""
        name = type(total.op).__name__
        begin, combine = _STEPWISE[name]
        out = total.outputs[0]
        values = self._values(total.inputs)
        if values is None:
            return None
        value = OPS["mul"](*values) if name == "VecVec" else values[0]
        rest = tuple(k - 1 for k in total.op.axes if k)
        if rest:
            value = type(total.op)(axes=rest)(value)
        if value.type.dtype != out.type.dtype:
            value = OPS["cast"](value, out.type.dtype)
        start = plain_constant(begin, out.type.dtype)
        sizes = self.env.shape(out)
        if sizes:
            start = OPS["alloc"](start, *sizes)
        inside = out.type.make_variable(out.name)
        after = OPS[combine](inside, value)
        if not _alike(start.type, after.type) or after.type.dtype != out.type.dtype:
            return None
        return State(start, inside, after)

    def _values(self, wanted: Sequence[Variable]) -> list[Any] | None:
        """Elements of arrays around the loop at one step, in the body."""
        first = len(self.loop.states)
        memo: dict[Variable, Any] = dict(
            zip(self.node.outputs[first:], self.loop.traced, strict=False)
        )
        leaves: dict[Variable, None] = {}
        nodes = []
        stack = [(v, False) for v in wanted]
        while stack:
            v, ready = stack.pop()
            if ready:
                nodes.append(v.owner)
            elif v not in memo and v not in leaves:
                if self._goes_inside(v):
                    assert v.owner is not None
                    stack.append((v, True))
                    stack += [(x, False) for x in v.owner.inputs]
                else:
                    leaves[v] = None
        for v in leaves:
            element = self._element(v)
            if element is None:
                return None
            memo[v] = element
        for node in nodes:
            if node is not None and node.outputs[0] not in memo:
                memo[node.outputs[0]] = _at_one_step(node, [memo[x] for x in node.inputs])
        return [memo[v] for v in wanted]

    def _goes_inside(self, v: Variable) -> bool:
        """Whether ``v`` is computed in the loop, and is not an array given to it."""
        if v.owner is None or not _is_stepwise(v.owner):
            return False
        # What nothing else needs is not stored, either.
        return v in self.behind or (len(self.users[v]) == 1 and v not in self.outputs)

    def _element(self, v: Any) -> Any:
        """The part of ``v`` for one step, as an input of the body or a constant."""
        if v in self.behind:
            return None
        if v.type.shape[0] != 1:
            if self.loop.condition is not None:
                return None  # it is as long as the steps made, and a sequence may not be shorter
            inside = TensorType(v.type.dtype, v.type.shape[1:])(v.name)
            self.loop = replace(self.loop, sequences=(*self.loop.sequences, Given(v, inside)))
            return inside
        if isinstance(v, TensorConstant):
            return plain_constant(np.asarray(v.data)[0], v.type.dtype)
        outside = OPS["dimshuffle"](v, list(range(1, v.type.ndim)))
        inside = outside.type.make_variable(v.name)
        self.loop = replace(self.loop, others=(*self.loop.others, Given(outside, inside)))
        return inside


def _is_end(node: Any) -> bool:
    """Whether it is a reduction over the steps that can be taken step by step."""
    return type(node.op).__name__ in _STEPWISE and 0 in node.op.axes


def _is_stepwise(node: Any) -> bool:
    """Whether each part of its result along the first dimension comes from such parts alone."""
    out = node.outputs[0]
    if getattr(node.op, "kind", None) == "Elementwise":
        return out.type.ndim > 0 and not node.op.checks(*node.inputs)
    name = type(node.op).__name__
    if name == "DimShuffle":
        order = node.op.new_order
        return (
            bool(order)
            and order[0] == 0
            and node.inputs[0].type.ndim == sum(k != "x" for k in order)
        )
    return name == "Sum" and 0 not in node.op.axes


def _at_one_step(node: Any, inputs: Sequence[Any]) -> Any:
    """The node for one step: without the first dimension."""
    name = type(node.op).__name__
    if name == "DimShuffle":
        order = [k if k == "x" else k - 1 for k in node.op.new_order[1:]]
        return OPS["dimshuffle"](inputs[0], order)
    if name == "Sum":
        return type(node.op)(axes=tuple(k - 1 for k in node.op.axes))(inputs[0])
    return node.op(*inputs)


def _alike(a: TensorType, b: TensorType) -> bool:
    return a.broadcastable == b.broadcastable
