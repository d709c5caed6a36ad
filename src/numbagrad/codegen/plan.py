"""The whole way from a graph to a Program."""

from __future__ import annotations

from collections.abc import Sequence

from ..graph.basic import Variable
from ..rewrite.shapes import ShapeEnv
from .fuse import contract, fuse
from .lower import lower, reserved_names
from .names import Names, clean
from .program import Program
from .roots import Demand
from .tasks import TaskList

__all__ = ["plan"]


def plan(
    inputs: Sequence[Variable], outputs: Sequence[Variable], name: str | None, cap: int
) -> Program:
    """The Program that computes ``outputs`` from ``inputs``.

    Parameters
    ----------
    inputs : sequence of Variable
        Arguments in order; shared variables among them.
    outputs : sequence of Variable
        A rewritten graph.
    name : str or None
        What the user calls the function.
    cap : int
        About how many operations one nest of loops may have.
    """
    title = clean(name, "fused")
    names = Names(reserved_names() | {title})
    demand = Demand(outputs, ShapeEnv(outputs))
    tasks = TaskList(demand, inputs, names)
    tree = fuse(tasks, cap)
    contract(tree, tasks)
    return lower(tasks, tree, names, title, _doc(tasks))


def _doc(tasks: TaskList) -> str:
    given = ", ".join(b.name for b in tasks.inputs) or "nothing"
    made = ", ".join(b.name for b in tasks.outputs) or "nothing"
    line = f"{made} from {given}"
    return (
        line
        if len(line) <= 90
        else f"{len(tasks.outputs)} results of {len(tasks.inputs)} arguments"
    )
