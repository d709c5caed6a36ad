"""The passes, each once and in order, and the two ways to run them.

A pass is one walk with one list of rules; the rules themselves stand in the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

from ..graph.basic import Variable
from ..graph.frozen import FrozenGraph
from ..records import record
from .absorb import absorbed
from .algebra import ALGEBRA, CASTS
from .around import pruned
from .choices import CHOICES
from .fold import FOLD
from .gather import GATHER
from .hoist import HOIST
from .loops import LOOPS, last_state
from .merge import Rewriter, Rules
from .pattern import Local, Node, Scope, on
from .positions import positions_in_vectors
from .shapes import SHAPES
from .spread import SPREAD
from .stabilize import STABILIZE
from .structure import STRUCTURE
from .unite import chained, united

__all__ = ["LEVELS", "PASSES", "rewrite", "simplified", "stabilized"]

#: From the least to the most.
LEVELS = ("none", "fast_compile", "default")


@record(frozen=True)
class Pass:
    """One walk.

    Attributes
    ----------
    name : str
    rules : list
        Tried in this order at each node.
    level : str
        The lowest level at which it runs.
    only : bool
        Whether it runs at that level alone.
    merge : bool
        Whether equal nodes become one.
    whole : bool
        Whether graphs inside Ops are rewritten by all passes when the walk meets them; if not, only
        the rules for what derivatives are taken of are applied to them.
    around : tuple of callable
        If there are loops: what is done about them after the walk, with the whole graph in view.
    rounds : int
        How often that is done at most; the walk is repeated in between, as long as it changes
        something.
    """

    name: str
    rules: list[Any]
    level: str
    only: bool = False
    merge: bool = True
    whole: bool = True
    around: tuple[Callable[..., list[Variable]], ...] = ()
    rounds: int = 1

    @cached_property
    def table(self) -> Rules:
        """The rules, and what was found out about where they apply."""
        return Rules([inside, *self.rules])

    def runs_at(self, level: str) -> bool:
        """Whether it belongs to ``level``."""
        wanted, own = LEVELS.index(level), LEVELS.index(self.level)
        return wanted == own if self.only else wanted >= own


@on("gone_when_compiled", "Identity")
def gone_when_compiled(node: Node, scope: Scope) -> Any:
    """control(x) = x: what only steers derivatives has done so"""
    return node.inputs[0]


@on("Control")
def inside(node: Node, scope: Scope) -> Any:
    """An Op around simpler graphs"""
    graphs = [scope.graph(g) for g in node.op.graphs]
    if all(a is b for a, b in zip(graphs, node.op.graphs, strict=True)):
        return None
    return node.op.with_graphs(graphs).make_node(*node.inputs).outputs


def _like(graph: FrozenGraph, outputs: Sequence[Variable]) -> FrozenGraph:
    """The graph itself if these are its outputs, else one of them."""
    if all(a is b for a, b in zip(outputs, graph.outputs, strict=True)):
        return graph
    return FrozenGraph(graph.inputs, outputs)


#: Stabilised graphs inside Ops, None for one that is so already: derivatives of derivatives ask
#: again and again.
_STABLE: WeakKeyDictionary[FrozenGraph, FrozenGraph | None] = WeakKeyDictionary()


def _stable(graph: FrozenGraph) -> FrozenGraph:
    if graph not in _STABLE:
        made = _like(graph, stabilized(graph.outputs))
        _STABLE[graph] = None if made is graph else made
    return _STABLE[graph] or graph


#: What is done before derivatives are taken. A gradient of ``trace[-1]`` is one of the last state;
#: of the trace it would be zero nearly everywhere.
STABLE: list[Any] = [*STABILIZE, last_state]
_STABLE_RULES = Rules([inside, *STABLE])

CONTROLS: list[Local] = [gone_when_compiled]

PASSES: list[Pass] = [
    Pass("controls", CONTROLS, "none", only=True, merge=False),
    Pass("tidy", [*CONTROLS, *SHAPES, *SPREAD, *FOLD], "fast_compile", only=True),
    # First what only makes values finite: algebra would hide some of its patterns. Loops become one
    # as they were made, before each is simplified in its own way.
    Pass(
        "stabilize",
        [*CONTROLS, *STABLE],
        "default",
        merge=False,
        whole=False,
        around=(pruned, united),
    ),
    Pass(
        "simplify",
        [
            *SHAPES,
            *SPREAD,
            *FOLD,
            *CASTS,
            *STRUCTURE,
            *STABILIZE,
            *ALGEBRA,
            *LOOPS,
            *CHOICES,
            *HOIST,
            *GATHER,
        ],
        "default",
        around=(pruned, united, chained, absorbed),
        rounds=4,
    ),
]


def rewrite(
    outputs: Sequence[Variable], keep: Collection[Variable] = (), level: str = "default"
) -> list[Variable]:
    """A graph that computes the same values by fewer and safer steps.

    Parameters
    ----------
    outputs : sequence of Variable
    keep : collection of Variable
        Variables that stay themselves, with all behind them; no rule looks through them.
    level : {"default", "fast_compile", "none"}
        ``"fast_compile"`` merges, folds constants and simplifies sizes; ``"none"`` only takes out
        what has no code.

    Returns
    -------
    list of Variable
        One for each output, of a type at least as static. The given graph is not changed.

    Examples
    --------
    >>> import numbagrad.tensor as T
    >>> from numbagrad.printing import pp
    >>> x = T.dscalar("x")
    >>> pp(rewrite([(x + 0) ** 2 * 3.0 * 2.0])[0])
    '(6.0 * sqr(x))'
    """
    if level not in LEVELS:
        raise ValueError(f"level must be one of {', '.join(map(repr, LEVELS))}; got {level!r}")
    made = _Rewriting(level).run(outputs, keep)
    return positions_in_vectors(made, keep) if level == "default" else made


class _Rewriting:
    """Rewriting at one level: of a graph, and once of each graph inside its Ops."""

    def __init__(self, level: str):
        self.passes = [step for step in PASSES if step.runs_at(level)]
        self.done: dict[FrozenGraph, FrozenGraph] = {}

    def run(self, outputs: Sequence[Variable], keep: Collection[Variable]) -> list[Variable]:
        """The outputs of the rewritten graph."""
        found = list(outputs)
        for step in self.passes:
            found, has_loops = self._walk(step, found, keep)
            if has_loops:
                found = self._around_loops(step, found, keep)
        return found

    def _walk(
        self, step: Pass, outputs: Sequence[Variable], keep: Collection[Variable]
    ) -> tuple[list[Variable], bool]:
        graph = self.graph if step.whole else _stable
        walk = Rewriter(step.table, keep, step.merge, graph)
        return walk.run(outputs), walk.met_loops

    def _around_loops(
        self, step: Pass, outputs: list[Variable], keep: Collection[Variable]
    ) -> list[Variable]:
        """With what is done about loops after a walk; then it is walked again, if it has rounds."""
        for _ in range(step.rounds):
            before = outputs
            for change in step.around:
                outputs = change(outputs, keep)
            if all(a is b for a, b in zip(outputs, before, strict=True)):
                break
            if step.rounds > 1:
                outputs, _ = self._walk(step, outputs, keep)
        return outputs

    def graph(self, graph: FrozenGraph) -> FrozenGraph:
        """The rewritten form of a graph inside an Op."""
        made = self.done.get(graph)
        if made is None:
            made = _like(graph, self.run(graph.outputs, ()))
            self.done |= {graph: made, made: made}
        return made


def stabilized(outputs: Sequence[Variable], keep: Collection[Variable] = ()) -> list[Variable]:
    """The graph whose derivatives are taken: only rows of ``stabilize`` are applied.

    Parameters
    ----------
    outputs : sequence of Variable
    keep : collection of Variable
        Variables that stay themselves, with all behind them; no rule looks through them.

    Returns
    -------
    list of Variable
        The very same objects where no row applies.

    Examples
    --------
    >>> import numbagrad.tensor as T
    >>> from numbagrad.printing import pp
    >>> x = T.dscalar("x")
    >>> pp(stabilized([T.log(1 + T.exp(x))])[0])
    'softplus(x)'
    """
    return Rewriter(_STABLE_RULES, keep, merge=False, graph=_stable).run(outputs)


def simplified(outputs: Sequence[Variable], keep: Collection[Variable] = ()) -> list[Variable]:
    """The same values by fewer steps, with all that steers derivatives left in its place.

    The result may be differentiated again, as that of `rewrite` may not.

    Parameters
    ----------
    outputs : sequence of Variable
    keep : collection of Variable
        Variables that stay themselves, with all behind them; no rule looks through them.

    Returns
    -------
    list of Variable

    Examples
    --------
    >>> import numbagrad as ng
    >>> import numbagrad.tensor as T
    >>> from numbagrad.printing import pp
    >>> x = T.dscalar("x")
    >>> pp(simplified([ng.gradient.zero_grad(x + 0) ** 2])[0])
    'sqr(zero_grad(x))'
    """
    return Rewriter(PASSES[-1].table, keep).run(outputs)
