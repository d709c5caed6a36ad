"""Loops of steps and branches to statements: trees inside a ``for`` or an ``if``."""

from __future__ import annotations

from collections.abc import Sequence

from .describe import describe
from .expression import Buffer, Expression
from .fuse import Loop
from .inner import Branched, Carry, Repeated
from .lower import Lowering
from .names import Names
from .nest import Graph
from .program import (
    Assign,
    Break,
    Comment,
    For,
    If,
    Program,
    Statement,
    Store,
    Together,
    mentions,
    names_in,
    renamed,
)
from .task import Task
from .texts import NARROW, Scope

__all__ = ["lower"]

_STEP_LETTERS = ("t", "s", "u", "r")


def lower(tasks: Graph, tree: Sequence[Loop | Task], names: Names, name: str, doc: str) -> Program:
    """Print expressions and put the statements in order.

    Returns
    -------
    Program
        Verified against its spec.
    """
    return _Lowering(tasks, tree, names).program(name, doc)


class _Lowering(Lowering):
    def __init__(self, tasks: Graph, tree: Sequence[Loop | Task], names: Names):
        super().__init__(tasks, tree, names)
        self.steps = self._step_names(_depth(tasks.tasks))
        self.depth = 0
        self.own: set[str] = set()

    def _step_names(self, deepest: int) -> list[str]:
        """What counts the steps of loops, by how deep they are nested."""
        letters = [n for n in _STEP_LETTERS if n not in self.names]
        letters += [f"t{k}" for k in range(64) if f"t{k}" not in self.names]
        for letter in letters[:deepest]:
            self.names.reserve(letter)
        return letters[:deepest]

    def _enter(self, task: Task) -> None:
        if isinstance(task.inner, Branched):
            self._choose(task.inner)
        else:
            self._repeat_steps(task)

    def _repeat_steps(self, task: Task) -> None:
        inner: Repeated = task.inner
        text = self.text
        if inner.count is not None:
            text.put(Assign(inner.count.name, "0"))
        steps = text(inner.steps).text
        variable = text.loop_names[inner.axis] = self.steps[self.depth]
        text.scopes.append(Scope(text.scopes[-1].axes | {inner.axis}))
        self.depth += 1
        self._inside(inner.tasks, inner.tree)
        self.depth -= 1
        self._move_on(inner, variable)
        body = text.scopes.pop().statements
        text.put(Comment(describe(task, self.tasks)))
        for state, home in inner.homes:
            text.put(Assign(state.name, home.name))
        text.put(For(variable, steps, body))
        for last, state in inner.copies:
            text.put(Store(last.array, (":",) * len(last.extents), state.name))

    def _inside(self, tasks: Graph, tree: list[Loop | Task]) -> None:
        """The statements of a step or of a branch."""
        outside = self.tasks, self.tree, self.place, self.last_use, self.retiring
        self.tasks, self.tree = tasks, tree
        self._begin_list()
        self._items()
        self.tasks, self.tree, self.place, self.last_use, self.retiring = outside

    # -- branches --------------------------------------------------------------------------

    def _choose(self, inner: Branched) -> None:
        text = self.text
        condition = text(inner.condition).text
        own, self.own = self.own, self.own | inner.own
        bodies = []
        for side in inner.sides:
            text.scopes.append(Scope(text.scopes[-1].axes | {inner.axis}, branch=True))
            self.ready -= inner.own
            self._inside(side.tasks, side.tree)
            moves = [move for exit in side.exits for move in self._exit(*exit)]
            statements = text.scopes[-1].statements
            for statement in _in_order(_written_directly(statements, moves, None)):
                text.put(statement)
            bodies.append(text.scopes.pop().statements)
        self.ready |= inner.own
        self.own = own
        text.put(If(condition, *bodies))

    def _is_own(self, target: Buffer) -> bool:
        return target.name in self.own

    def _exit(self, target: Buffer, source: Buffer | Expression) -> list[tuple[str, str]]:
        """What a result is set to."""
        if isinstance(source, Buffer):
            return [(target.name, source.name)]
        return [(target.name, self._as(target.dtype, self.text(source).text))]

    def _as(self, dtype: str, text: str) -> str:
        """A number in its own type: what Numba computes in a wider one must not make it wider."""
        return f"{dtype}({text})" if dtype == "float32" or dtype in NARROW else text

    # -- from step to step -----------------------------------------------------------------

    def _move_on(self, inner: Repeated, variable: str) -> None:
        """The states take their next values, the steps are counted, the loop may end."""
        text = self.text
        ends = text(inner.condition).text if inner.condition is not None else None
        moves: list[tuple[str, str]] = []
        for carry in inner.carries:
            moves += self._moves(carry)
        if ends is not None and (not ends.isidentifier() or ends in dict(moves)):
            ends = text.name(ends, "done", text.scopes[-1], "bool").text
        moves = _written_directly(text.scopes[-1].statements, moves, ends)
        for statement in _in_order(moves):
            text.put(statement)
        if inner.count is not None:
            text.put(Assign(inner.count.name, f"{variable} + 1"))
        if ends is not None:
            text.put(Break(ends))

    def _moves(self, carry: Carry) -> list[tuple[str, str]]:
        """Names and what they are set to, as if all at once."""
        state, source = carry.state, carry.source
        if carry.how == "none":
            return []
        if carry.how == "swap":
            return [(state.name, source.name), (source.name, state.name)]
        if carry.how == "row":
            index = ", ".join(self.text.index(source, ()))
            return [(state.name, f"{source.array}[{index}]")]
        if isinstance(source, Buffer):
            return [(state.name, source.name)]
        assert isinstance(source, Expression)
        made = self.text(source).text
        if made == state.name:
            return []
        return [(state.name, self._as(state.dtype, made))]


def _depth(tasks: Sequence[Task]) -> int:
    """How deep loops of steps are nested."""
    return max(
        (
            (t.kind == "loop") + _depth(inside.tasks)
            for t in tasks
            if t.inner is not None
            for inside, _ in t.inner.lists
        ),
        default=0,
    )


def _written_directly(
    statements: list[Statement], moves: list[tuple[str, str]], kept: str | None
) -> list[tuple[str, str]]:
    """Moves less those of a number that can be computed in the state's own name.

    ``h_next = f(h); h = h_next`` is ``h = f(h)`` if nothing reads the old value any more. The name
    ``kept`` stays.
    """
    left = list(moves)
    for move in moves:
        state, source = move
        others = [m for m in left if m is not move]
        places = [
            k for k, s in enumerate(statements)
            if isinstance(s, Assign) and s.name == source and not s.update
        ]  # fmt: skip
        if len(places) != 1 or source == kept:
            continue
        later = statements[places[0] + 1 :]
        if any(mentions(s, state) for s in later) or any(
            state in names_in(text) for _, text in others
        ):
            continue
        if any(source in (name, *names_in(text)) for name, text in others):
            continue
        statements[places[0]] = Assign(state, statements[places[0]].text)  # type: ignore[union-attr]
        statements[places[0] + 1 :] = [renamed(s, source, state) for s in later]
        left = others
    return left


def _in_order(moves: Sequence[tuple[str, str]]) -> list[Statement]:
    """Assignments one after the other that do the same as all at once."""
    made: list[Statement] = []
    left = list(moves)
    while left:
        free = next(
            (m for m in left if not any(m[0] in names_in(o[1]) for o in left if o is not m)), None
        )
        if free is None:
            made.append(Together(tuple(n for n, _ in left), tuple(t for _, t in left)))
            return made
        left.remove(free)
        made.append(Assign(*free))
    return made
