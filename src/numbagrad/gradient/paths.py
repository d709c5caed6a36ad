"""Which variables a derivative can reach, and where a path is cut when it can not.

Only questions about connectedness live here; no gradient is built.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from ..graph.basic import Apply, Variable
from ..graph.printing import pp
from ..graph.traverse import ancestors, toposort
from ..graph.type import DisconnectedType, NullType
from ..ops.dtypes import is_discrete

__all__ = [
    "active_variables",
    "is_disconnected",
    "is_null",
    "made_at",
    "moves_in_steps",
    "pattern_of",
    "shown",
    "why_disconnected",
    "why_null",
]


def is_null(variable: Any) -> bool:
    """Whether this is a derivative that can not be computed."""
    return isinstance(variable, Variable) and isinstance(variable.type, NullType)


def why_null(variable: Any) -> str:
    """The reason that a variable of NullType carries."""
    return str(variable.type.why_null)


def is_disconnected(variable: Any) -> bool:
    """Whether this is a derivative through which no path leads."""
    return isinstance(variable, Variable) and isinstance(variable.type, DisconnectedType)


def moves_in_steps(variable: Variable) -> bool:
    """Whether the values are integers or truth values, through which no derivative flows."""
    dtype = getattr(variable.type, "dtype", None)
    return dtype is not None and is_discrete(dtype)


def made_at(node: Apply) -> str:
    """The Op and the user's line, for messages."""
    return f"{node.op} ({'line unknown' if node.where is None else f'made at {node.where}'})"


def shown(variable: Variable) -> str:
    """A variable in a message: its name, else its expression as far as it is short."""
    return variable.name or pp(variable, 60)


def pattern_of(node: Apply) -> list[list[bool]]:
    """The connection pattern of a node, checked.

    Raises
    ------
    ValueError
        If it does not have one row for each input and one column for each output.
    """
    pattern = node.op.connection_pattern(node)
    rows, columns = len(node.inputs), len(node.outputs)
    if len(pattern) != rows or any(len(row) != columns for row in pattern):
        raise ValueError(
            f"The connection_pattern of {made_at(node)} must be {rows} lists (one for each input) "
            f"of {columns} truth values (one for each output); got {pattern!r}"
        )
    return pattern


def active_variables(
    order: Sequence[Apply],
    patterns: dict[Apply, list[list[bool]]],
    wrt: Collection[Variable],
    stop: Collection[Variable] = (),
) -> set[Variable]:
    """The variables that depend differentiably on any of ``wrt``, these included.

    Parameters
    ----------
    order : sequence of Apply
        Nodes in the order of computation.
    patterns : dict
        The connection pattern of each.
    wrt : collection of Variable
    stop : collection of Variable
        Variables taken as constant.
    """
    active = set(wrt)
    for node in order:
        moved = [k for k, x in enumerate(node.inputs) if x in active]
        for o, out in enumerate(node.outputs):
            if out in stop or moves_in_steps(out):
                continue
            if any(patterns[node][k][o] for k in moved):
                active.add(out)
    return active


def why_disconnected(
    variable: Variable,
    outputs: Sequence[Variable],
    stop: Collection[Variable] = (),
    silent: Collection[tuple[Apply, int]] = (),
) -> str:
    """Why no derivative of ``outputs`` reaches ``variable``, in the user's terms.

    Parameters
    ----------
    variable : Variable
    outputs : sequence of Variable
        What was differentiated.
    stop : collection of Variable
        Variables taken as constant.
    silent : collection of (Apply, int)
        Inputs of nodes whose Op answered that they are disconnected.
    """
    needed = set(ancestors(outputs))
    if variable not in needed:
        return "it is not in that graph"
    reached, cuts = {variable}, []
    for node in toposort(outputs):
        moved = [k for k, x in enumerate(node.inputs) if x in reached]
        pattern = pattern_of(node) if moved else []
        for o, out in enumerate(node.outputs):
            if not moved or out not in needed:
                continue
            found = [_cut(node, k, o, pattern, stop, silent) for k in moved]
            if None in found:
                reached.add(out)
            else:
                cuts += [words for words in found if words is not None and words not in cuts]
    if not cuts:
        return "the gradient that the walk started from is itself disconnected"
    if len(cuts) > 3:
        cuts = [*cuts[:3], f"and {len(cuts) - 3} more"]
    return "every path is cut: " + "; ".join(cuts)


def _cut(
    node: Apply,
    k: int,
    o: int,
    pattern: list[list[bool]],
    stop: Collection[Variable],
    silent: Collection[tuple[Apply, int]],
) -> str | None:
    """Why nothing flows from output ``o`` to input ``k``, or None if something does."""
    out: Any = node.outputs[o]
    if out in stop:
        return f"consider_constant holds {shown(out)}, the result of {made_at(node)}"
    if not pattern[k][o]:
        why = getattr(node.op, "why_unconnected", "its connection_pattern says so")
        return f"{made_at(node)} does not pass derivatives on to its input {k} ({why})"
    if moves_in_steps(out):
        return f"{made_at(node)} gives integers or truth values (dtype {out.type.dtype})"
    if (node, k) in silent:
        return f"{made_at(node)} answered that its input {k} is disconnected"
    return None
