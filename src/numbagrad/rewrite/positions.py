"""Positions of extremes as two reductions, which LLVM does in vectors."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from ..graph.basic import Apply, Variable
from ..graph.registry import OPS
from ..graph.traverse import rebuild_graph, toposort
from ..graph.where import on_behalf_of
from ..ops.axes import keep_dims
from ..ops.constructors import Iota
from ..ops.reductions import Argmax, Argmin, Max, Min

__all__ = ["positions_in_vectors"]

_EXTREMES: dict[type, type] = {Argmax: Max, Argmin: Min}


def positions_in_vectors(
    outputs: Sequence[Variable], keep: Collection[Variable] = ()
) -> list[Variable]:
    """The graph with positions found in a second loop, where the first finds what stands there.

    ``argmax(x) = min(switch(x == max(x), position, size))``, and a NaN equals, too. A loop that
    remembers the position of the best so far takes one element at a time. The second loop meets the
    very numbers of the first only where both read them from memory: what is computed twice may be
    rounded in two ways. So this is for arrays that are given, or views of such, and is done last,
    when nothing will take their place any more.

    Parameters
    ----------
    outputs : sequence of Variable
    keep : collection of Variable
        Variables that stay themselves, with all behind them.

    Examples
    --------
    >>> from numbagrad import tensor
    >>> x = tensor.dvector("x")
    >>> positions_in_vectors([tensor.argmax(x)])[0].owner.op
    Min{axes=(0,)}
    """
    nodes = toposort(outputs, keep)
    found = [node for node in nodes if type(node.op) in _EXTREMES and _is_worth_it(node)]
    if not found:
        return list(outputs)
    known = {
        (type(node.op), node.op.axes, node.inputs[0]): node.outputs[0]  # type: ignore[attr-defined]
        for node in nodes
        if type(node.op) in (Max, Min)
    }
    memo: dict[Variable, Variable] = {}
    for node in found:
        with on_behalf_of(node.where):
            memo[node.outputs[0]] = _first_equal(node, known)
    return rebuild_graph(outputs, memo)


def _is_worth_it(node: Apply) -> bool:
    x = node.inputs[0]
    kind = x.type.numpy_dtype.kind
    # Of all integers the position is found as fast as they are read.
    whole = len(node.op.axes) == x.type.ndim  # type: ignore[attr-defined]
    return (kind == "f" or (kind in "iu" and not whole)) and _is_stored(x)


def _is_stored(x: Variable) -> bool:
    """Whether its elements are those of an array that is given."""
    while x.owner is not None and getattr(x.owner.op, "kind", None) == "View":
        if len(x.owner.inputs) != 1:
            return False
        x = x.owner.inputs[0]
    return x.owner is None


def _first_equal(node: Apply, known: dict[Any, Variable]) -> Any:
    """The least position at which the extreme stands."""
    x: Any = node.inputs[0]
    axes = node.op.axes  # type: ignore[attr-defined]
    extreme = _EXTREMES[type(node.op)]
    key = (extreme, axes, x)
    if key not in known:
        known[key] = extreme(axes=axes)(x)
    hit = OPS["eq"](x, keep_dims(known[key], x.ndim, axes))
    if x.type.numpy_dtype.kind == "f":
        hit = OPS["or"](hit, OPS["isnan"](x))
    position, size = None, None
    for k in axes:
        length = x.shape[k]
        order = tuple(0 if d == k else "x" for d in range(x.ndim))
        here = OPS["dimshuffle"](Iota()(length), order)
        position = here if position is None else position * length + here
        size = length if size is None else size * length
    return Min(axes=axes)(OPS["switch"](hit, position, size))
