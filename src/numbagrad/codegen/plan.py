"""The whole way from a graph to a Program."""

from __future__ import annotations

from collections.abc import Sequence

from ..graph.basic import Variable
from ..rewrite.shapes import ShapeEnv
from .fuse import contract, fuse
from .lower import reserved_names
from .lower_loops import lower
from .names import Names
from .nest import Graph
from .panels import in_panels
from .program import Program
from .roots import Demand

__all__ = ["plan"]

#: A nest of loops may be this many times as long as a function: its body is then several functions
#: that hand each other numbers, which is cheaper than whole arrays between two nests.
NEST = 100


def plan(
    inputs: Sequence[Variable],
    outputs: Sequence[Variable],
    name: str | None,
    cap: int,
    written: Sequence[Variable] = (),
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
        About how many statements one function may have.
    written : sequence of Variable
        The outputs as the user wrote them: sizes that they require are checked even where
        rewriting has made the values unnecessary.
    """
    names = Names(reserved_names())
    title = names.new(name, "fused")
    demand = Demand(outputs, ShapeEnv([*written, *outputs]))
    tasks = Graph(demand, inputs, names, NEST * cap)
    tree = fuse(tasks, NEST * cap)
    contract(tree, tasks)
    return in_panels(lower(tasks, tree, names, title, _doc(tasks)))


def _doc(tasks: Graph) -> str:
    given = ", ".join(b.name for b in tasks.inputs) or "nothing"
    made = ", ".join(b.name for b in tasks.outputs) or "nothing"
    line = f"{made} from {given}"
    return (
        line
        if len(line) <= 90
        else f"{len(tasks.outputs)} results of {len(tasks.inputs)} arguments"
    )
