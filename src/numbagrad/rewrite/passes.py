"""The passes, each once and in order, and the two ways to run them.

A pass is one walk with one list of rules; the rules themselves stand in the tables.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from ..graph.basic import Variable
from .algebra import ALGEBRA, CASTS
from .fold import FOLD
from .merge import Rewriter
from .pattern import Local, Node, Scope, on
from .shapes import SHAPES
from .spread import SPREAD
from .stabilize import STABILIZE
from .structure import STRUCTURE

__all__ = ["LEVELS", "PASSES", "rewrite", "stabilized"]

#: From the least to the most.
LEVELS = ("none", "fast_compile", "default")


@dataclass(frozen=True)
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
    """

    name: str
    rules: list[Any]
    level: str
    only: bool = False
    merge: bool = True

    def runs_at(self, level: str) -> bool:
        """Whether it belongs to ``level``."""
        wanted, own = LEVELS.index(level), LEVELS.index(self.level)
        return wanted == own if self.only else wanted >= own


@on("gone_when_compiled", "Identity")
def gone_when_compiled(node: Node, scope: Scope) -> Any:
    """control(x) = x: what only steers derivatives has done so"""
    return node.inputs[0]


CONTROLS: list[Local] = [gone_when_compiled]

PASSES: list[Pass] = [
    Pass("controls", CONTROLS, "none", only=True, merge=False),
    Pass("tidy", [*CONTROLS, *SHAPES, *SPREAD, *FOLD], "fast_compile", only=True),
    # First what only makes values finite: algebra would hide some of its patterns.
    Pass("stabilize", [*CONTROLS, *STABILIZE], "default", merge=False),
    Pass(
        "simplify",
        [*SHAPES, *SPREAD, *FOLD, *CASTS, *STRUCTURE, *STABILIZE, *ALGEBRA],
        "default",
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
    found = list(outputs)
    for step in PASSES:
        if step.runs_at(level):
            found = Rewriter(step.rules, keep, step.merge).run(found)
    return found


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
    return Rewriter(STABILIZE, keep, merge=False).run(outputs)
