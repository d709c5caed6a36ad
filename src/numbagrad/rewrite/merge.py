"""The walk: a graph is rebuilt from its inputs on, and on the way equal nodes become one.

A node is settled once: its inputs are settled before it, an equal node that is settled already
takes its place, and otherwise the rules are tried in order. What a rule makes is settled in the
same way, so that every variable of the result has been looked at in its final surroundings, and the
work is proportional to the size of the graph. Nothing of the given graph is changed. Which rules
there are is told in the tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import RewriteError
from ..graph.basic import Apply, Constant, Variable
from ..graph.frozen import FrozenGraph
from ..graph.registry import OPS
from ..graph.tensor import TensorType
from ..graph.where import on_behalf_of
from .fold import SPREADING, constant_value
from .pattern import glance
from .shapes import ShapeEnv

__all__ = ["Rewriter", "Rules", "fitting"]

#: How many rules may follow one another in one place.
CHAIN_LIMIT = 40
#: No pattern has more arguments.
GLANCED_INPUTS = 3


class Rules:
    """A list of rules, and which of them are worth trying at nodes that look alike.

    What was found out stays with the list, for all walks that are made with it.

    Parameters
    ----------
    rules : sequence
        Each has ``applies_to(op class)`` and ``may_fit``; called with a node and a `Rewriter`.
    """

    def __init__(self, rules: Sequence[Any]):
        self.rules = tuple(rules)
        self._by_class: dict[type, tuple[Any, ...]] = {}
        self._by_sight: dict[Any, tuple[Any, ...]] = {}

    def of(self, node: Apply, scope: Any) -> tuple[Any, ...]:
        """The rules worth trying: the same for all nodes that look alike at first sight."""
        cls = type(node.op)
        by_class = self._by_class.get(cls)
        if by_class is None:
            by_class = self._by_class[cls] = tuple(r for r in self.rules if r.applies_to(cls))
        if not by_class or len(node.inputs) > GLANCED_INPUTS:
            return by_class
        seen = tuple(glance(v, scope) for v in node.inputs)
        found = self._by_sight.get((cls, seen))
        if found is None:
            found = tuple(r for r in by_class if r.may_fit(node.op, seen))
            self._by_sight[cls, seen] = found
        return found


class Rewriter:
    """One walk with one list of rules.

    Parameters
    ----------
    rules : Rules or sequence
    keep : collection of Variable
        Variables that stay themselves, with all behind them; no rule looks through them.
    merge : bool
        Whether equal nodes become one. Without it a graph that no rule changes is returned as it
        is, the very same objects.
    graph : callable, optional
        What becomes of a graph inside an Op; by default it stays as it is.

    Attributes
    ----------
    met_loops : bool
        Whether there is an Op with graphs inside.
    """

    def __init__(
        self,
        rules: Rules | Sequence[Any],
        keep: Collection[Variable] = (),
        merge: bool = True,
        graph: Callable[[FrozenGraph], FrozenGraph] = lambda graph: graph,
    ):
        self.rules = rules if isinstance(rules, Rules) else Rules(rules)
        self.keep = frozenset(keep)
        self._graph = graph
        self.met_loops = False
        self.merge = merge
        self._final: dict[Variable, Variable] = {v: v for v in self.keep}
        self._settled: dict[Any, list[Variable]] = {}
        self._constants: dict[Any, Variable] = {}
        self._uses: Counter[Variable] = Counter()
        self._values: dict[Variable, Any] = {}

    def run(self, outputs: Sequence[Variable]) -> list[Variable]:
        """The outputs of the rewritten graph."""
        for node in self._unsettled(outputs):
            self._uses.update(node.inputs)
        self._settle_all(outputs, 0)
        return [self.settled(v) for v in outputs]

    # -- what rules may ask ----------------------------------------------------------------

    def owner(self, variable: Variable) -> Apply | None:
        """The node that makes ``variable``, or None for inputs and for what is kept."""
        return None if variable in self.keep else variable.owner

    def value(self, variable: Variable) -> Any:
        """The number that stands in every place of ``variable``, or None."""
        node = variable.owner
        if node is None and not isinstance(variable, Constant):
            return None
        if node is not None and type(node.op).__name__ not in SPREADING:
            return None
        try:
            return self._values[variable]
        except KeyError:
            made = self._values[variable] = constant_value(variable, self.owner)
            return made

    def uses(self, variable: Variable) -> int:
        """How many places of the given graph need ``variable``."""
        return self._uses[variable]

    def graph(self, graph: FrozenGraph) -> FrozenGraph:
        """What becomes of a graph inside an Op; itself if nothing does."""
        self.met_loops = True
        return self._graph(graph)

    @cached_property
    def env(self) -> ShapeEnv:
        """Sizes of variables of the new graph."""
        return ShapeEnv()

    # -- the walk --------------------------------------------------------------------------

    def settled(self, variable: Variable) -> Variable:
        """What stands for ``variable`` in the result."""
        found = self._final.get(variable)
        if found is None:
            found = variable
            if self.merge and isinstance(variable, Constant):
                found = self._constants.setdefault(_bits(variable), variable)
            self._final[variable] = found
        return found

    def _unsettled(self, outputs: Sequence[Variable]) -> list[Apply]:
        """The nodes behind ``outputs`` that have not been settled, inputs first."""
        order: list[Apply] = []
        seen: set[Apply] = set()
        stack = [(v.owner, False) for v in reversed(outputs) if self._is_new(v)]
        while stack:
            node, ready = stack.pop()
            assert node is not None
            if ready:
                order.append(node)
            elif node not in seen:
                seen.add(node)
                stack.append((node, True))
                stack.extend((v.owner, False) for v in reversed(node.inputs) if self._is_new(v))
        return order

    def _is_new(self, variable: Variable) -> bool:
        return variable.owner is not None and variable not in self._final

    def _settle_all(self, outputs: Sequence[Variable], depth: int) -> None:
        for node in self._unsettled(outputs):
            for old, new in zip(node.outputs, self._settle(node, depth), strict=True):
                if old not in self._final:
                    self._final[old] = new
                    self._uses[new] += self._uses[old] if new is not old else 0

    def _settle(self, node: Apply, depth: int) -> list[Variable]:
        inputs = [self.settled(v) for v in node.inputs]
        key: Any = node
        if self.merge:
            key = _key(node, inputs)
            found = self._settled.get(key)
            if found is not None and _known_as_well(node.outputs, found):
                return found
        with on_behalf_of(node.where):
            here = _over(node, inputs)
            made = self._rewritten(here, depth)
        self._settled[key] = made
        return made

    def _rewritten(self, node: Apply, depth: int) -> list[Variable]:
        if depth < CHAIN_LIMIT:
            for rule in self.rules.of(node, self):
                made = rule(node, self)
                if made is None:
                    continue
                wanted = self._wanted(node, made, rule)
                if wanted is not None:
                    self._settle_all(wanted, depth + 1)
                    return [self.settled(v) for v in wanted]
        for v in node.outputs:  # final as they are: results of rules may refer to them
            self._final[v] = v
        return node.outputs

    def _wanted(self, node: Apply, made: Any, rule: Any) -> list[Variable] | None:
        """What a rule made, in the types it has to have; None if it says nothing new."""
        made = [made] if isinstance(made, Variable) else list(made)
        fitted: list[Variable] = []
        for old, new in zip(node.outputs, made, strict=True):
            fit = old if new is None or new is old else fitting(old, new, rule)
            if fit is None:
                return None
            if self._is_new(fit) and fit.name is None and fit is not old:
                fit.name = old.name
            fitted.append(fit)
        return None if all(a is b for a, b in zip(fitted, node.outputs, strict=True)) else fitted


def fitting(old: Variable, new: Variable, rule: Any) -> Variable | None:
    """``new`` with the dtype of ``old``; None if it has not the same static shape, at least.

    A dimension is known to be 1 in both or in neither: the type decides what broadcasts, and sizes
    that are not known to be 1 have been found equal where they met.

    Raises
    ------
    RewriteError
        If the types have nothing to do with each other, which is a defect of the rule.
    """
    if not (isinstance(old.type, TensorType) and isinstance(new.type, TensorType)):
        if old.type != new.type:
            raise RewriteError(f"{rule}: {old.type} became {new.type}")
        return new
    if old.type.ndim != new.type.ndim:
        raise RewriteError(f"{rule}: {old.type} became {new.type}")
    for before, after in zip(old.type.shape, new.type.shape, strict=True):
        if (before == 1) != (after == 1) or (before is not None and before != after):
            return None
    if old.type.dtype == new.type.dtype:
        return new
    if not np.can_cast(new.type.numpy_dtype, old.type.numpy_dtype, "safe"):
        raise RewriteError(f"{rule}: {old.type} became {new.type}, which can not be cast to it")
    made: Variable = OPS["cast"](new, old.type.dtype)
    return made


def _key(node: Apply, inputs: Sequence[Variable]) -> Any:
    """Equal exactly for nodes that compute the same."""
    if getattr(node.op, "commutative", False):
        inputs = sorted(inputs, key=id)
    return (node.op, *inputs)


def _known_as_well(wanted: Sequence[Variable], found: Sequence[Variable]) -> bool:
    """Whether types say as much: sizes may have become known after one of two equal nodes."""
    return all(
        a.type is b.type or a.type.is_super(b.type) for a, b in zip(wanted, found, strict=True)
    )


def _bits(variable: Constant) -> Any:
    return (variable.signature(), getattr(variable, "literal", None))


def _over(node: Apply, inputs: list[Variable]) -> Apply:
    """The node over other inputs, or itself over its own."""
    if all(a is b for a, b in zip(inputs, node.inputs, strict=True)):
        return node
    made = node.clone_with_new_inputs(inputs)
    for old, new in zip(node.outputs, made.outputs, strict=True):
        if old.type is not new.type and not old.type.is_super(new.type):
            raise RewriteError(f"{node.op}: {old.type} became {new.type} over simpler inputs")
    return made
