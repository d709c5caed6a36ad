"""Draws apart from what is computed with them, so that the latter uses vector instructions.

A draw is a call that changes its generator: a loop in which one stands is executed one element
after the other. So such a loop is done in blocks: first the draws of a block, in the order that
they had, then the work on them in a loop of its own. No draw may wait for that work; what is not
surely so is left as it is. Sums keep their order, as everything else does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ..records import replace
from .names import Names
from .program import Assign, Comment, For, If, Program, Store, names_in, taken_names, walk
from .rows import CALL, BlockedLoop, RowLoop, right_sides

__all__ = ["drawn_apart"]


def drawn_apart(program: Program) -> Program:
    """The Program with loops that draw in blocks, where something costly is done with the draws."""
    if not program.generators:
        return program
    splitter = _Splitter(program)
    body = splitter.split(program.body)
    made = replace(program, body=[*splitter.scratch, *body])
    made.verify()
    return made


class _Splitter:
    def __init__(self, program: Program):
        self.names = Names(taken_names(program))
        self.generators = program.generators
        self.registers = program.registers
        self.scratch: list[Any] = []

    def split(self, body: Sequence[Any]) -> list[Any]:
        """A body with its loops split, those inside loops and branches too."""
        made: list[Any] = []
        for statement in body:
            if isinstance(statement, If):
                orelse = None if statement.orelse is None else self.split(statement.orelse)
                statement = replace(statement, then=self.split(statement.then), orelse=orelse)
            elif isinstance(statement, For):
                apart = self._apart(statement)
                inner = self.split(statement.body) if apart is None else statement.body
                statement = apart or replace(statement, body=inner)
            made.append(statement)
        return made

    def _apart(self, loop: For) -> For | None:
        """The loop in blocks, or None if it stays as it is."""
        if loop.step != 1 or any(isinstance(s, For) for s in walk(loop.body)):
            return None
        rows = RowLoop(loop)
        if not rows.names & self.generators or not rows.adds_only:
            return None
        draws = self._draws(loop)
        if draws is None:
            return None
        rest = [
            s for s in loop.body if not any(s is d for d in draws) and not isinstance(s, Comment)
        ]
        texts = [t for s in walk(rest) for t in right_sides(s)]
        reads = {n for t in texts for n in names_in(t)}
        if reads & self.generators or not any(CALL.search(t) for t in texts):
            return None
        dtypes = {d.name: d.dtype or self.registers.get(d.name, "") for d in draws}
        kept = [n for n in dtypes if n in reads]
        if not all(dtypes[n] for n in kept):
            return None
        return self._blocks(loop, draws, rest, {n: dtypes[n] for n in kept})

    def _draws(self, loop: For) -> list[Assign] | None:
        """The statements that draw and what they need of the others, or None."""
        assigns = [s for s in loop.body if isinstance(s, Assign)]
        changes = [s for s in walk(loop.body) if isinstance(s, (Assign, Store))]
        times = Counter(s.name for s in changes if isinstance(s, Assign))
        stored = {s.array for s in changes if isinstance(s, Store)}
        wanted: set[str] = set()
        found: list[Assign] = []
        for statement in reversed(assigns):
            reads = set(names_in(statement.text))
            if statement.name not in wanted and not reads & self.generators:
                continue
            if statement.update or times[statement.name] > 1 or reads & stored:
                return None
            wanted |= reads
            found.append(statement)
        set_by = {s.name for s in found}
        elsewhere = {n for n in times if n not in set_by}
        return None if wanted & elsewhere else found[::-1]

    def _blocks(self, loop: For, draws: list[Assign], rest: list[Any], kept: dict[str, str]) -> For:
        blocked = BlockedLoop(loop, self.names, kept)
        self.scratch += blocked.rooms
        drawing = blocked.down([*draws, *blocked.saves(kept)])
        return blocked.around([drawing, blocked.down([*blocked.loads(kept), *rest])])
