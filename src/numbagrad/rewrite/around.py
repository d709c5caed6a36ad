"""What is done about loops with the whole graph in view: only what is wanted of them is computed.

Uniting loops is in ``unite``. Each of these is a function from outputs to outputs, and gives back
the very same ones where there is nothing to do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from ..graph.basic import Apply, Variable
from ..graph.traverse import rebuild_graph, toposort
from ..graph.where import on_behalf_of
from ..records import replace
from .loop import Loop, is_scan

__all__ = ["pruned"]

Variables = Sequence[Variable]


def pruned(outputs: Variables, keep: Collection[Variable] = ()) -> list[Variable]:
    """The graph with loops that compute only what is wanted of them.

    Traces and states that nothing needs are left out, also those that only need each other, and
    then sequences and other inputs that only they needed.

    Parameters
    ----------
    outputs : sequence of Variable
    keep : collection of Variable
        Variables that stay themselves, with all behind them.

    Examples
    --------
    >>> from numbagrad import tensor
    >>> pruned([tensor.dscalar("x") + 1])
    [Add.0]
    """
    order = toposort(outputs, keep)
    live: set[Any] = set(outputs)
    parts: dict[Apply, tuple[Loop, list[int]]] = {}
    for node in reversed(order):
        if live.isdisjoint(node.outputs):
            continue
        if not is_scan(node):
            live.update(node.inputs)
            continue
        loop = Loop.of(node)
        part, places = _part(loop, [v in live for v in node.outputs])
        live.update([part.steps, *part.outside])
        if len(places) < len(node.outputs) or len(part.inside) < len(loop.inside):
            parts[node] = part, places

    def make(node: Apply, inputs: list[Variable]) -> Variables:
        if node in parts:
            with on_behalf_of(node.where):
                return _smaller(node, *parts[node], inputs)
        same = all(a is b for a, b in zip(inputs, node.inputs, strict=True))
        return node.outputs if same else node.clone_with_new_inputs(inputs).outputs

    return rebuild_graph(outputs, {v: v for v in keep}, make) if parts else list(outputs)


def _part(loop: Loop, wanted: Sequence[bool]) -> tuple[Loop, list[int]]:
    """The loop without what the wanted outputs of its node do not need, and its outputs' places."""
    n, m = len(loop.states), len(loop.traced)
    until = [] if loop.condition is None else [loop.condition]
    traced = [k for k in range(m) if wanted[n + k]]
    whole = {s.inside: s for s in loop.states}
    needed: set[Any] = set()
    _visit([*(loop.traced[k] for k in traced), *until], needed)
    todo = [s for s, w in zip(loop.states, wanted, strict=False) if w or s.inside in needed]
    used: set[Any] = set()
    while todo:
        s = todo.pop()
        if s.inside not in used:
            used.add(s.inside)
            todo += [whole[v] for v in _visit([s.after], needed) if v in whole]
    states = [k for k, s in enumerate(loop.states) if s.inside in used]
    part = replace(
        loop,
        sequences=tuple(g for g in loop.sequences if g.inside in needed),
        states=tuple(loop.states[k] for k in states),
        others=tuple(g for g in loop.others if g.inside in needed),
        traced=tuple(loop.traced[k] for k in traced),
    )
    return part, [*states, *(n + k for k in traced), *([n + m] if until else [])]


def _visit(roots: Iterable[Any], seen: set[Any]) -> list[Any]:
    """What ``roots`` depend on and was not seen before, which is seen now."""
    new: list[Any] = []
    stack = list(roots)
    while stack:
        variable = stack.pop()
        if variable not in seen:
            seen.add(variable)
            new.append(variable)
            stack.extend(variable.owner.inputs if variable.owner is not None else ())
    return new


def _smaller(
    node: Apply, part: Loop, places: Sequence[int], inputs: Sequence[Variable]
) -> list[Variable]:
    """The outputs of the part in the places of the node's; those not wanted are the old ones."""
    outputs = list(node.outputs)
    made = part.around(dict(zip(node.inputs, inputs, strict=True))).node()
    for place, new in zip(places, made.outputs, strict=True):
        outputs[place] = new
    return outputs
