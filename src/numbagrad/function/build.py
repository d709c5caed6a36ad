"""From outputs to something callable on arrays: rewrite, plan, print, compile, with times taken.

Where the disk cache knows the graph as the user gave it none of that is done, and nothing that does
it is imported, until somebody asks for what only it can tell.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from numpy.random import Generator

from ..config import Settings, config, using
from ..graph.basic import Variable
from ..graph.generators import copy_generator
from ..graph.traverse import rebuild_graph
from ..jit import build as jit
from ..jit import simd
from ..lazy import lazy_module
from ..ops.interpret import interpret
from .collection import uncollected
from .identity import Identity, identify
from .modes import Mode
from .wrapper import fail, refuse

if TYPE_CHECKING:
    from ..codegen.emit import Emitted
    from ..codegen.program import Program
    from ..graph.fgraph import FunctionGraph
    from ..jit.build import Built
    from .lowering import Lowered

__all__ = ["CompileReport", "Compiled", "compile_graph", "simd_report"]

#: Executed when a graph is rewritten and printed: not where what became of it is found on disk.
lowering = lazy_module("numbagrad.function.lowering")
kept = lazy_module("numbagrad.function.kept")

_lock = threading.RLock()


@dataclass
class CompileReport:
    """Seconds that compiling took, stage by stage.

    Attributes
    ----------
    seconds : dict
        ``lookup`` (whether the disk cache knows the graph), ``rewriting``, ``planning``,
        ``printing``, ``typing``, ``llvm``. Stages that were not necessary took 0.
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
    source : str or None
        The printed source; ``None`` in reference mode.
    lowered : Lowering
        The rewritten graph, its Program and what was printed, made when they are first asked for.
    constants : list of ndarray
        The arrays that are passed behind everything else.
    copies : sequence of int
        For each argument behind the shared values the generator that it is a copy of.
    ends : sequence
        For each result the argument that it is the generator of, after its draws; None for others.
    """

    core: Callable[..., Any] | None
    built: Built | None
    source: str | None
    report: CompileReport
    later: _Later
    constants: Sequence[Any] = ()
    copies: Sequence[int] = ()
    ends: Sequence[int | None] = ()

    @property
    def called(self) -> tuple[Callable[..., Any], bool]:
        """What takes exactly what compiled code takes, and whether it returns arrays only."""
        if self.core is not None:
            return self.core, False
        assert self.built is not None
        own = self.built.enter is not None
        return _core(self.built, own), own

    @property
    def fgraph(self) -> FunctionGraph:
        """The rewritten graph."""
        made: FunctionGraph = self.later.now.fgraph
        return made

    @property
    def program(self) -> Program | None:
        """What was printed; ``None`` in reference mode."""
        made: Program | None = None if self.built is None else self.later.now.program
        return made

    @property
    def emitted(self) -> Emitted | None:
        """As it was printed; ``None`` in reference mode."""
        made: Emitted | None = None if self.built is None else self.later.now.emitted
        return made

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
    outputs = rebuild_graph(outputs, given) if given else list(outputs)
    report = CompileReport()
    clock = _Clock(report)
    later = _Later(inputs, outputs, name, mode)
    identity = None
    if config.cache and mode.linker == "numba":
        identity = clock("lookup", identify, inputs, outputs, name, mode, strict, as_list)
        found = clock("lookup", _found, identity, later, report)
        if found is not None:
            made: Compiled = found
            return made
    lowered = later.made = lowering.lower(inputs, outputs, name, mode, clock)
    report.nodes = len(lowered.fgraph.apply_nodes)
    if mode.linker == "reference":
        core = _Interpreted(inputs, lowered.fgraph.outputs)
        return Compiled(core, None, None, report, later, ends=lowered.ends)
    program, emitted = lowered.program, lowered.emitted
    _count(report, emitted.source, emitted.helpers)
    shapes = [*(v.type.shape for v in lowered.fgraph.inputs), *(c.shape for c in program.constants)]
    exact = [*strict, *[False] * (len(shapes) - len(strict))]
    built = jit.build(program, emitted, mode.fastmath, shapes, exact, as_list, _level(mode))
    report.seconds.update(built.seconds)
    report.cache = built.cache
    if identity is not None and built.key is not None:
        row = emitted.source, emitted.name, list(emitted.helpers), report.nodes
        ends = list(lowered.copies), lowered.ends
        kept.remember(identity, kept.Kept(built.key, *row, *ends, program.constants))
    return Compiled(
        None, built, emitted.source, report, later, program.constants, lowered.copies, lowered.ends
    )


def _found(identity: Identity | None, later: _Later, report: CompileReport) -> Compiled | None:
    """What the disk cache has of a graph, machine code and all else that a call needs."""
    known = kept.look_up(identity) if identity is not None else None
    if known is None:
        return None
    mode = later.mode
    built = jit.again(known.code, lambda: (later.now.program, later.now.emitted, mode.fastmath))
    if built is None:
        return None
    _count(report, known.source, known.helpers)
    report.nodes = known.nodes
    report.seconds.update(dict.fromkeys(("rewriting", "planning", "printing"), 0.0))
    report.seconds.update(built.seconds)
    report.cache = built.cache
    return Compiled(
        None, built, known.source, report, later, known.constants, known.sources, known.ends
    )


def _count(report: CompileReport, source: str, helpers: Sequence[str]) -> None:
    report.functions = 1 + len(helpers)
    report.lines = source.count("\n")


class _Later:
    """A graph that is rewritten and printed when that is first asked for, as it was to be then.

    The settings are those with which it was compiled.
    """

    def __init__(
        self, inputs: Sequence[Variable], outputs: Sequence[Variable], name: str | None, mode: Mode
    ):
        self.inputs = inputs
        self.outputs = outputs
        self.name = name
        self.mode = mode
        self.settings = {f.name: getattr(config, f.name) for f in fields(Settings)}
        self.made: Lowered | None = None

    @property
    def now(self) -> Lowered:
        """What is made of it."""
        with _lock:
            if self.made is None:
                clock = _Clock(CompileReport())
                with using(**self.settings):
                    self.made = lowering.lower(
                        self.inputs, self.outputs, self.name, self.mode, clock, quiet=True
                    )
        return self.made


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
    return simd.simd_report(compiled.program, compiled.emitted, mode.fastmath, _level(mode))


def _level(mode: Mode) -> int:
    """How much LLVM does."""
    return 1 if mode.optimize == "fast_compile" else 3


class _Clock:
    """Takes the time of stages."""

    def __init__(self, report: CompileReport):
        self.report = report

    def __call__(self, stage: str, function: Callable[..., Any], *arguments: Any) -> Any:
        seconds = self.report.seconds
        begin = time.perf_counter()
        made = function(*arguments)
        seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - begin
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
