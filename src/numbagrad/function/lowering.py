"""From a graph to printed source: what a function goes through if the disk cache knows nothing."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from ..codegen.emit import Emitted, emit
from ..codegen.outline import STRAIGHT
from ..codegen.plan import plan
from ..codegen.portions import in_portions
from ..codegen.program import Program
from ..config import config
from ..errors import ObjectModeWarning
from ..graph.basic import Variable
from ..graph.fgraph import FunctionGraph
from ..graph.traverse import toposort
from ..ops.kinds import Declared
from ..records import record
from ..rewrite import rewrite
from ..rewrite.branches import enclosed
from .generators import ends_of, separate
from .modes import Mode

__all__ = ["Lowered", "lower"]


@record()
class Lowered:
    """What is made of a graph.

    Attributes
    ----------
    fgraph : FunctionGraph
        The rewritten graph; copies of generators are its last inputs.
    copies : sequence of int
        What each of these is a copy of.
    ends : list
        For each result the argument that it is the generator of, after its draws; None for others.
    program : Program or None
        ``None`` in reference mode.
    emitted : Emitted or None
    """

    fgraph: FunctionGraph
    copies: Sequence[int]
    ends: list[int | None]
    program: Program | None = None
    emitted: Emitted | None = None


def lower(
    inputs: Sequence[Variable],
    outputs: Sequence[Variable],
    name: str | None,
    mode: Mode,
    clock: Callable[..., Any],
    quiet: bool = False,
) -> Lowered:
    """Rewrite a graph, plan its loops and print them.

    Parameters
    ----------
    inputs, outputs, name, mode
        As for `compile_graph`.
    clock : callable
        ``clock(stage, function, *arguments)`` calls the function and takes the time.
    quiet : bool
        Whether the user has been warned already.
    """
    outputs = enclosed(outputs, inputs)
    optimized = clock("rewriting", rewrite, list(outputs), list(inputs), mode.optimize)
    copies: Sequence[int] = ()
    if mode.linker != "reference":
        separated = separate(inputs, optimized)
        inputs, optimized = [*inputs, *separated.copies], separated.outputs
        copies = separated.sources
    fgraph = FunctionGraph(list(inputs), list(optimized), clone=False)
    made = Lowered(fgraph, copies, ends_of(inputs, optimized))
    if mode.linker == "reference":
        return made
    if not quiet:
        _warn_of_callbacks(optimized)
    planned = clock("planning", plan, inputs, optimized, name, config.statement_cap, outputs)
    made.program = in_portions(planned) if mode.parallel else planned
    straight = STRAIGHT if config.compiler == "direct" else 1
    vectors = mode.optimize != "fast_compile"
    made.emitted = clock("printing", emit, made.program, config.statement_cap, straight, vectors)
    return made


def _warn_of_callbacks(outputs: Sequence[Variable]) -> None:
    for node in toposort(outputs):
        if not isinstance(node.op, Declared) and getattr(node.op, "kind", None) is None:
            warnings.warn(
                f"{node.op} has no Numba template: the compiled function calls its perform "
                "through the interpreter, which takes microseconds a call, holds the GIL and "
                "keeps loops around it from being fused. Declare it as one of the kinds in "
                "numbagrad.ops.kinds to avoid that.",
                ObjectModeWarning,
                stacklevel=8,
            )
