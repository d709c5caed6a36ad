"""The reverse sweep: one walk over a graph from its end to its beginning.

Each Op on the way is asked for its rule once, and its answer is checked. Forward variables are
reused, never copied; nothing recurses. What users call is in ``reverse``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from ..config import config
from ..graph.basic import Apply, Variable
from ..graph.registry import OPS
from ..graph.tensor import TensorType
from ..graph.traverse import toposort
from ..graph.type import disconnected_type
from ..graph.where import on_behalf_of
from ..ops.control import Control
from ..ops.dtypes import is_complex, is_continuous, is_discrete
from .paths import (
    active_variables,
    is_disconnected,
    is_null,
    made_at,
    moves_in_steps,
    pattern_of,
)
from .regions import Part, chosen, parts

__all__ = ["Seeds", "Sweep", "ask", "checked", "with_dtype_of", "zeros_for"]

#: Expressions and the gradients that a walk starts with.
Seeds = Sequence[tuple[Variable, Variable]]


# -- one rule --------------------------------------------------------------------------------


def ask(node: Apply, given: Sequence[Variable], wanted: Collection[int] | None = None) -> list[Any]:
    """What a node's Op answers for the gradients of its inputs.

    A Control Op is told which are ``wanted``, by default all.

    Raises
    ------
    TypeError
        If the answer is no list.
    ValueError
        If it has the wrong length.
    NotImplementedError
        If the Op has no rule.
    """
    try:
        with on_behalf_of(node.where):
            if wanted is not None and isinstance(node.op, Control):
                made: Any = node.op.gradients(node, given, wanted)
            else:
                made = node.op.L_op(list(node.inputs), list(node.outputs), list(given))
    except NotImplementedError as error:
        raise NotImplementedError(f"{made_at(node)}: {error}") from error
    if not isinstance(made, (list, tuple)):
        raise TypeError(
            f"{made_at(node)} must answer a list of gradients, one for each input; got {made!r}"
        )
    if len(made) != len(node.inputs):
        raise ValueError(
            f"{made_at(node)} has {len(node.inputs)} inputs but answered {len(made)} gradients"
        )
    return list(made)


def checked(node: Apply, position: int, g: Any) -> Variable:
    """``g``, the answer for the input at ``position``, with the dtype a gradient of it has.

    Raises
    ------
    TypeError
        If it is no variable, or an integer one.
    ValueError
        If its number of dimensions or a known size is another than the input's.
    """
    x = node.inputs[position]
    if is_null(g) or is_disconnected(g):
        return g
    wrong = _defect(x, g)
    if wrong is not None:
        error, words = wrong
        raise error(
            f"The gradient that {made_at(node)} answered for its input {position} ({x!r}) {words}"
        )
    return with_dtype_of(x, g) if isinstance(x.type, TensorType) else g


def _defect(x: Variable, g: Any) -> tuple[type[Exception], str] | None:
    """What is wrong with ``g`` as a gradient of ``x``, if anything."""
    if not isinstance(g, Variable):
        return TypeError, (
            f"must be a variable; got {g!r}. Where there is none return disconnected_type() or "
            "grad_undefined(op, position, x)."
        )
    if not isinstance(x.type, TensorType):
        return None
    if not isinstance(g.type, TensorType):
        return TypeError, f"must be a tensor; its type is {g.type}"
    if is_discrete(g.type.dtype):
        return TypeError, f"must be floating; its dtype is {g.type.dtype}"
    if g.type.ndim != x.type.ndim:
        return ValueError, (
            f"must have {x.type.ndim} dimensions as the input has; it has {g.type.ndim}"
        )
    pairs = zip(g.type.shape, x.type.shape, strict=True)
    if any(a is not None and b is not None and a != b for a, b in pairs):
        return ValueError, f"must have the input's shape {x.type.shape}; it has {g.type.shape}"
    return None


def with_dtype_of(x: Any, g: Any) -> Any:
    """``g`` in the dtype that a derivative of ``x`` has: its own, or floatX for integers."""
    dtype = x.type.dtype if is_continuous(x.type.dtype) else config.floatX
    if is_complex(g.type.dtype) and not is_complex(dtype):
        g = OPS["real"](g)
    return g if g.type.dtype == dtype else OPS["cast"](g, dtype)


def zeros_for(x: Any) -> Variable:
    """Zeros of the shape of ``x`` in the dtype of its gradient."""
    dtype = x.type.dtype if is_continuous(x.type.dtype) else config.floatX
    return OPS["zeros_like"](x, dtype=dtype)


# -- the sweep -------------------------------------------------------------------------------


class Sweep:
    """One walk from the end of a graph to its beginning.

    Parameters
    ----------
    seeds : sequence of (Variable, Variable)
        Expressions and the gradients that the walk starts with.
    wrt : collection of Variable or None
        What gradients are wanted for; ``None`` for all that is met.
    stop : collection of Variable
        Variables taken as constant. They receive a gradient, nothing goes on from there.
    blockers : collection of Variable
        Variables whose makers are left out of the walk.

    Attributes
    ----------
    total : dict
        The gradient of every variable met, summed. Disconnected ones are absent.
    silent : set of (Apply, int)
        Inputs that an Op answered are disconnected.
    """

    def __init__(
        self,
        seeds: Seeds,
        wrt: Collection[Variable] | None,
        stop: Collection[Variable] = (),
        blockers: Collection[Variable] = (),
    ):
        self.stop = set(stop)
        self.total: dict[Variable, Variable] = {}
        self.silent: set[tuple[Apply, int]] = set()
        self.order = toposort([v for v, _ in seeds], {*self.stop, *blockers})
        self.wrt = wrt
        self.patterns = {node: pattern_of(node) for node in self.order}
        part_of = parts(self.order, self.patterns, [v for v, _ in seeds]).of
        self.lenient = wrt is None
        self.active = (
            None if wrt is None else active_variables(self.order, self.patterns, wrt, self.stop)
        )
        for variable, g in seeds:
            self.add(variable, g)
        passed: set[Part] = set()
        for node in reversed(self.order):
            part = part_of.get(node)
            if part is None:
                self.visit(node)
            elif part not in passed:
                passed.add(part)
                self.through(part)

    def add(self, variable: Variable, g: Variable) -> None:
        """Add to the gradient of a variable; a NullType stays one whatever is added."""
        old = self.total.get(variable)
        if is_disconnected(g) or is_null(old):
            return
        if old is None or is_null(g):
            self.total[variable] = g
        else:
            self.total[variable] = OPS["add"](old, g)

    def visit(self, node: Apply) -> None:
        """Pass the gradients of a node's outputs on to its inputs."""
        given = [self.arriving(out) for out in node.outputs]
        pattern = self.patterns[node]
        wanted, undefined = [], []
        for k, x in enumerate(node.inputs):
            if self.active is not None and x not in self.active:
                continue
            connected = [g for o, g in enumerate(given) if g is not None and pattern[k][o]]
            if not connected:
                continue
            null = next((g for g in connected if is_null(g)), None)
            if null is not None:
                undefined.append((x, null))
            elif moves_in_steps(x) and not self.lenient:
                # Nothing flows through integers: their gradient is zero and no Op is asked.
                self.total.setdefault(x, zeros_for(x))
            else:
                wanted.append(k)
        with on_behalf_of(node.where):
            for x, null in undefined:
                self.add(x, null)
            if wanted:
                self.collect(node, given, wanted)

    def through(self, part: Part) -> None:
        """Walk through both sides of a branch, each by itself, and choose between what they give.

        Where a side is not taken nothing of its walk is computed: what it would give is zero.
        """
        given = [self.arriving(out) for out in part.outputs]
        walks = []
        for results, nodes, taken in zip(part.results, part.nodes, part.given, strict=True):
            pairs = zip(results, given, strict=True)
            seeds = [(v, g) for v, g in pairs if v is not None and g is not None]
            walks.append(Sweep(seeds, self.wanted_in(nodes, taken), self.stop, taken))
        self.silent |= walks[0].silent | walks[1].silent
        found = list(dict.fromkeys([*walks[0].total, *walks[1].total]))
        one, other = ([walk.total.get(v) for v in found] for walk in walks)
        for v in part.outputs if part.shared else ():
            self.total.pop(v, None)  # the walk has begun with it
        with on_behalf_of(part.where):
            for v, g in zip(found, chosen(part.condition, one, other, found), strict=True):
                self.add(v, g)

    def wanted_in(
        self, nodes: Collection[Apply], given: Collection[Variable]
    ) -> Collection[Variable] | None:
        """The variables of a part of the graph that gradients are wanted for."""
        if self.wrt is None or self.active is None:
            return None
        inside = [v for v in self.wrt if v.owner in nodes]
        return [*(v for v in given if v in self.active), *inside]

    def arriving(self, out: Variable) -> Variable | None:
        """The gradient that an output passes on, if any."""
        if out in self.stop or moves_in_steps(out):
            return None
        return self.total.get(out)

    def collect(self, node: Apply, given: Sequence[Variable | None], wanted: list[int]) -> None:
        """Ask the Op and add what it answers."""
        passed = [disconnected_type() if g is None or is_null(g) else g for g in given]
        answers = ask(node, passed, None if self.lenient else wanted)
        for k in wanted:
            if self.lenient and answers[k] is None:
                self.silent.add((node, k))
                continue
            g = answers[k] if self.lenient else checked(node, k, answers[k])
            if not isinstance(g, Variable):
                raise TypeError(
                    f"{made_at(node)} must answer a variable or None for its input {k}; got {g!r}"
                )
            if is_disconnected(g):
                self.silent.add((node, k))
            self.add(node.inputs[k], g)
