"""From outputs to something callable on arrays: rewrite, plan, print, compile, with times taken."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from numpy.random import Generator

from ..codegen.emit import Emitted, emit
from ..codegen.outline import STRAIGHT
from ..codegen.plan import plan
from ..codegen.portions import in_stages
from ..codegen.program import Program
from ..config import config
from ..errors import ObjectModeWarning
from ..graph.basic import Variable
from ..graph.fgraph import FunctionGraph
from ..graph.generators import copy_generator
from ..graph.traverse import rebuild_graph, toposort
from ..jit import build as jit
from ..jit import simd
from ..lazy import lazy_module
from ..ops.interpret import interpret
from ..ops.kinds import Declared
from ..rewrite import rewrite
from ..rewrite.branches import enclosed
from .collection import uncollected
from .generators import separate
from .modes import Mode
from .wrapper import fail, refuse

if TYPE_CHECKING:
    from ..jit.build import Built
    from .threads import Staged

__all__ = ["CompileReport", "Compiled", "compile_graph", "simd_report"]

#: Executed when a function is first shared out.
threads = lazy_module("numbagrad.function.threads")


@dataclass
class CompileReport:
    """Seconds that compiling took, stage by stage.

    Attributes
    ----------
    seconds : dict
        ``rewriting``, ``planning``, ``printing``, ``typing``, ``llvm``; with threads ``stages``,
        what is done for them.
    nodes : int
        How many nodes the rewritten graph has.
    functions : int
        How many functions were printed.
    lines : int
        How many lines of source.
    cache : {"hit", "miss", "off"}
        Whether the machine code came from the disk cache.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    nodes: int = 0
    functions: int = 0
    lines: int = 0
    cache: str = "off"

    @property
    def total(self) -> float:
        """All of it."""
        return sum(self.seconds.values())

    def __getitem__(self, stage: str) -> float:
        return self.total if stage == "total" else self.seconds[stage]

    def __str__(self) -> str:
        rows = [f"{stage:>10}  {seconds:8.4f} s" for stage, seconds in self.seconds.items()]
        rows.append(f"{'total':>10}  {self.total:8.4f} s")
        rows.append(f"{self.nodes} nodes, {self.functions} functions, {self.lines} lines of source")
        rows.append(f"disk cache: {self.cache}")
        return "\n".join(rows)


@dataclass
class Compiled:
    """A graph that can be called on arrays.

    Attributes
    ----------
    core : callable or None
        Takes numbers and arrays for the inputs, the shared values, copies of generators, then
        ``constants``; in reference mode only.
    built : Built or None
        Machine code.
    fgraph : FunctionGraph
        The rewritten graph.
    program : Program or None
        ``None`` in reference mode.
    staged : Staged or None
        The same in stages that several threads share, if that was asked for.
    """

    core: Callable[..., Any] | None
    built: Built | None
    fgraph: FunctionGraph
    program: Program | None
    emitted: Emitted | None
    report: CompileReport
    #: For each argument behind the shared values the generator that it is a copy of.
    copies: Sequence[int] = ()
    staged: Staged | None = None

    @property
    def called(self) -> tuple[Callable[..., Any], bool]:
        """What takes exactly what compiled code takes, and whether it returns arrays only."""
        if self.staged is not None:
            return self.staged, self.staged.own
        if self.core is not None:
            return self.core, False
        assert self.built is not None
        own = self.built.enter is not None
        return _core(self.built, own), own

    @property
    def constants(self) -> list[Any]:
        """The arrays that are passed behind everything else."""
        return self.program.constants if self.program is not None else []

    @property
    def failures(self) -> list[Any]:
        """What the codes of failed checks mean."""
        return self.program.failures if self.program is not None else []


@uncollected()
def compile_graph(
    inputs: Sequence[Variable],
    outputs: Sequence[Variable],
    name: str | None,
    mode: Mode,
    strict: Sequence[bool],
    as_list: bool,
) -> Compiled:
    """Make a graph callable.

    Parameters
    ----------
    inputs : sequence of Variable
        All arguments: the user's, then the shared variables.
    outputs : sequence of Variable
        All results: the user's, then the updates.
    name : str or None
    mode : Mode
    strict : sequence of bool
        For each of the user's arguments whether only an ndarray will do.
    as_list : bool
        Whether the results are always a list.
    """
    # An input may be computed in the user's graph; here it is given, and nothing is behind it.
    given = {v: v.clone() for v in inputs if v.owner is not None}
    inputs = [given.get(v, v) for v in inputs]
    outputs = enclosed(rebuild_graph(outputs, given), inputs)
    report = CompileReport()
    clock = _Clock(report)
    optimized = clock("rewriting", rewrite, list(outputs), list(inputs), mode.optimize)
    copies: Sequence[int] = ()
    if mode.linker != "reference":
        separated = separate(inputs, optimized)
        inputs, optimized = [*inputs, *separated.copies], separated.outputs
        copies = separated.sources
    fgraph = FunctionGraph(list(inputs), list(optimized), clone=False)
    report.nodes = len(fgraph.apply_nodes)
    if mode.linker == "reference":
        return Compiled(_Interpreted(inputs, optimized), None, fgraph, None, None, report)
    _warn_of_callbacks(optimized)
    program = clock("planning", plan, inputs, optimized, name, config.statement_cap, outputs)
    straight = STRAIGHT if config.compiler == "direct" else 1
    emitted = clock("printing", emit, program, config.statement_cap, straight)
    report.functions = 1 + len(emitted.helpers)
    report.lines = emitted.source.count("\n")
    shapes = [*(v.type.shape for v in inputs), *(c.shape for c in program.constants)]
    exact = [*strict, *[False] * (len(shapes) - len(strict))]
    level = 1 if mode.optimize == "fast_compile" else 3
    built = jit.build(program, emitted, mode.fastmath, shapes, exact, as_list, level)
    report.seconds.update(built.seconds)
    report.cache = built.cache
    staged = None
    if mode.parallel:
        staged = clock("stages", _in_stages, program, mode, built, as_list)
    return Compiled(None, built, fgraph, program, emitted, report, copies, staged)


def _in_stages(program: Program, mode: Mode, whole: Built, as_list: bool) -> Staged | None:
    """The Program for several threads, or None where nothing in it can be shared out."""
    stages = in_stages(program)
    if stages is None:
        return None
    made = []
    for stage in stages:
        part = stage.program
        shapes = [(None,) * ndim for _, _, ndim in part.parameters]
        # The last one's results are those of the call.
        several = as_list if stage is stages[-1] else len(part.results) != 1
        emitted = emit(part, config.statement_cap)
        strict = [False] * len(shapes)
        made.append(jit.build(part, emitted, mode.fastmath, shapes, strict, several))
    own = all(built.enter is not None for built in [whole, *made])
    rows = [(stage, _core(built, own)) for stage, built in zip(stages, made, strict=True)]
    names = [name for name, _, _ in program.parameters]
    return threads.Staged(rows, names, _core(whole, own), own)


def _core(built: Built, own: bool) -> Callable[..., Any]:
    """The function that takes exactly what compiled code takes, by its own entry or by Numba's."""
    if not own or built.enter is None:
        core: Callable[..., Any] = built.dispatcher
        return core
    entered: Callable[..., Any] = built.enter(refuse, fail)
    return entered


def bind_constants(compiled: Compiled, constants: Sequence[Any], mode: Mode) -> Any:
    """The jitted core without the arguments for constants."""
    assert compiled.built is not None
    core = compiled.built.dispatcher
    return jit.bind_constants(compiled.program, core, constants, mode.fastmath)


def simd_report(compiled: Compiled, mode: Mode) -> Any:
    """What LLVM made of the loops, a `numbagrad.jit.simd.SimdReport`."""
    if compiled.program is None or compiled.emitted is None:
        raise ValueError("simd_report: a function in reference mode has no compiled loops")
    return simd.simd_report(compiled.program, compiled.emitted, mode.fastmath)


class _Clock:
    """Takes the time of stages."""

    def __init__(self, report: CompileReport):
        self.report = report

    def __call__(self, stage: str, function: Callable[..., Any], *arguments: Any) -> Any:
        begin = time.perf_counter()
        made = function(*arguments)
        self.report.seconds[stage] = time.perf_counter() - begin
        return made


class _Interpreted:
    """The core of a function in reference mode."""

    def __init__(self, inputs: Sequence[Variable], outputs: Sequence[Variable]):
        self.inputs = list(inputs)
        self.outputs = list(outputs)

    def __call__(self, *values: Any) -> Any:
        given = {
            variable: variable.type.filter(value, allow_downcast=True)
            for variable, value in zip(self.inputs, values, strict=True)
        }
        made = [_own(value) for value in interpret(self.outputs, given)]
        return made[0] if len(made) == 1 else tuple(made)


def _own(value: Any) -> Any:
    """A value that later calls do not change."""
    return copy_generator(value) if isinstance(value, Generator) else value.copy()


def _warn_of_callbacks(outputs: Sequence[Variable]) -> None:
    for node in toposort(outputs):
        if not isinstance(node.op, Declared) and getattr(node.op, "kind", None) is None:
            warnings.warn(
                f"{node.op} has no Numba template: the compiled function calls its perform "
                "through the interpreter, which takes microseconds a call, holds the GIL and "
                "keeps loops around it from being fused. Declare it as one of the kinds in "
                "numbagrad.ops.kinds to avoid that.",
                ObjectModeWarning,
                stacklevel=6,
            )
