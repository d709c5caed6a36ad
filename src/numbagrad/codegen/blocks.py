"""Loops over rows in blocks, so that the work between two products uses vector instructions.

A loop that multiplies each row of a matrix by vectors, computes with the results and adds multiples
of the row to vectors is made by ``lower`` as one loop over rows with inner loops. No compiler uses
vector instructions for what stands between the inner loops. So it is done in blocks of rows: first
the products of all rows of the block, then the work on the results in a loop of its own, then the
multiples, while the block is still in the cache: the matrix is read once from memory.

Nothing is computed that was not before, and every sum keeps its order. What is not surely the same
is left as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from ..records import record, replace
from .names import Names
from .program import (
    Assign,
    Comment,
    For,
    Program,
    Store,
    names_in,
    reads_of,
    taken_names,
    walk,
)
from .rows import CALL, BlockedLoop, RowLoop, assigned, elementary_in, right_sides

__all__ = ["in_blocks"]


@record()
class _Unit:
    """A statement of the loop's body, or an inner loop with what its registers start from.

    Attributes
    ----------
    statements : list of Statement
    reads, writes : set of str
        The names of numbers and arrays.
    stage : int
        Odd for inner loops, even for what stands before, between and behind them.
    """

    statements: list[Any]
    reads: set[str]
    writes: set[str]
    stage: int = 0

    @property
    def heavy(self) -> bool:
        """Whether it is an inner loop."""
        return isinstance(self.statements[-1], For)


def in_blocks(program: Program) -> Program:
    """The Program with loops over rows in blocks, where that pays and is surely the same."""
    names = Names(taken_names(program))
    body: list[Any] = []
    for statement in program.body:
        made = None
        if isinstance(statement, For) and _eligible(statement):
            made = _Rows(program, statement, names).made()
        body += [statement] if made is None else made
    blocked = replace(program, body=body)
    blocked.verify()
    return blocked


def _eligible(statement: For) -> bool:
    """Whether it is a loop over rows that combines along them, of the simplest statements only."""
    if statement.step != 1:
        return False
    inner = [s for s in statement.body if isinstance(s, For)]
    plain = all(isinstance(s, (For, Assign, Store, Comment)) for s in statement.body)
    if not inner or not plain:
        return False
    for loop in inner:
        if loop.begin:
            return False
        if not all(isinstance(s, (Assign, Store)) for s in loop.body):
            return False
        if any(CALL.search(text) for s in loop.body for text in reads_of(s)):
            return False
        if statement.variable in names_in(loop.extent):
            return False
    return any(_combines(s, statement.variable) for loop in inner for s in loop.body)


def _combines(statement: Any, row: str) -> bool:
    """Whether it adds to a register, or to places that are the same for all rows."""
    if isinstance(statement, Assign):
        return statement.update == "+"
    return statement.update == "+" and all(row not in names_in(i) for i in statement.index)


class _Rows:
    """One loop over rows."""

    def __init__(self, program: Program, loop: For, names: Names):
        self.loop = loop
        self.row = loop.variable
        self.names = names
        self.dtypes = dict(program.registers)
        for statement in walk(loop.body):
            if isinstance(statement, Assign) and statement.dtype:
                self.dtypes.setdefault(statement.name, statement.dtype)
        self.namespace = program.namespace
        self.results = {name for name, _, _ in program.results}
        self.units = _units(loop)
        self.rows = RowLoop(loop)
        self.carried = set(self.rows.carried)
        self.draws = bool(self.rows.names & program.generators)
        self.own = {n for u in self.units for n in assigned(u.statements)} - self.carried

    def made(self) -> list[Any] | None:
        """The statements that stand for the loop, or None if it stays as it is."""
        if self.draws or not self.rows.independent or self.own & self.results:
            return None
        if not self._stages():
            return None
        between = [s for u in self.units if u.stage % 2 == 0 for s in u.statements]
        dear = any(CALL.search(text) for s in between for text in reads_of(s))
        return self._in_segments() if dear else None

    # -- stages ----------------------------------------------------------------------------

    def _stages(self) -> bool:
        """Give each unit its stage; whether that could be done."""
        for k, unit in enumerate(self.units):
            stage = max((self.units[u].stage for u in self._before(k)), default=0)
            if unit.heavy:
                unit.stage = stage + 1 if stage % 2 == 0 else stage
            else:
                unit.stage = stage + 1 if stage % 2 == 1 else stage
        free = [k for k, unit in enumerate(self.units) if unit.stage == 0]
        for k in reversed(free):
            unit = self.units[k]
            users = [u.stage for u in self.units[k + 1 :] if unit.writes & u.reads]
            if not self._dear(unit) and 0 not in users:
                # It waits for no loop: it goes where it is needed first.
                unit.stage = max(1, min(users, default=2))
        for k in free:
            if any(self.units[u].stage == 0 for u in self._before(k)):
                self._first(k)  # else what it reads would have to be kept for it
        return all(len({u.stage for u in self.units if n in u.writes}) <= 1 for n in self.carried)

    def _first(self, place: int) -> None:
        """Have a unit and all that it waits for come before the inner loops."""
        self.units[place].stage = 0
        for other in self._before(place):
            if self.units[other].stage:
                self._first(other)

    def _before(self, place: int) -> list[int]:
        """The units that one waits for."""
        unit = self.units[place]
        mine, sets = (unit.reads | unit.writes) & self._meet, unit.writes & self._meet
        earlier = enumerate(self.units[:place])
        return [k for k, u in earlier if u.writes & mine or u.reads & sets]

    def _dear(self, unit: _Unit) -> bool:
        """Whether it calls an elementary function for a row, which vectors should compute."""
        texts = [text for s in unit.statements for text in reads_of(s)]
        return not unit.heavy and bool(elementary_in(texts, self.namespace))

    @cached_property
    def _meet(self) -> set[str]:
        """Names through which one unit of a row waits for another one."""
        arrays = {s.array for s in walk(self.loop.body) if isinstance(s, Store)}
        return self.own | arrays

    # -- printing --------------------------------------------------------------------------

    def _in_segments(self) -> list[Any] | None:
        """A loop over blocks, with a loop over the block's rows for each stage."""
        stages = sorted({u.stage for u in self.units})
        parts = [[u for u in self.units if u.stage == stage] for stage in stages]
        kept = self._kept(parts)
        if any(n not in self.dtypes for n in kept):
            return None
        loops = [s for s in self.loop.body if isinstance(s, For)]
        known = [s.extent for s in loops if not self.own.intersection(names_in(s.extent))]
        dtypes = {n: self.dtypes[n] for n in kept}
        blocked = BlockedLoop(self.loop, self.names, dtypes, tuple(dict.fromkeys(known)))
        body: list[Any] = []
        for part in parts:
            work = [s for u in part for s in u.statements]
            reads = {n for u in part for n in u.reads}
            sets = set(assigned(work))
            loads = blocked.loads(n for n in kept if n in reads and n not in sets)
            saves = blocked.saves(n for n in kept if n in sets)
            body.append(blocked.down(_merged([*loads, *work, *saves])))
        return [*blocked.rooms, blocked.around(body)]

    def _kept(self, parts: Sequence[Sequence[_Unit]]) -> list[str]:
        """The numbers that one stage computes and a later one reads."""
        found: dict[str, None] = {}
        for k, part in enumerate(parts):
            made = [n for u in part for n in assigned(u.statements) if n in self.own]
            later = {n for other in parts[k + 1 :] for u in other for n in u.reads}
            found.update(dict.fromkeys(n for n in made if n in later))
        return list(found)


# -- statements ------------------------------------------------------------------------------------


def _unit(statements: list[Any]) -> _Unit:
    whole = list(walk(statements))
    loops = {s.variable for s in whole if isinstance(s, For)}
    reads = {n for s in whole for t in right_sides(s) for n in names_in(t)}
    begun = {s.name for s in statements if isinstance(s, Assign) and not s.update}
    reads |= {s.name for s in whole if isinstance(s, Assign) and s.update} - begun
    writes = {s.name for s in whole if isinstance(s, Assign)}
    writes |= {s.array for s in whole if isinstance(s, Store)}
    return _Unit(statements, reads - loops, writes)


def _units(loop: For) -> list[_Unit]:
    """The body in units: what a register starts from goes with the loop that adds to it."""
    body = loop.body
    changing = {loop.variable, *assigned(body)}
    updated = [set(assigned(s.body)) if isinstance(s, For) else set() for s in body]
    start_of: dict[int, list[Any]] = {}
    taken: set[int] = set()
    for k, statement in enumerate(body):
        if not isinstance(statement, Assign) or statement.update:
            continue
        if changing & set(names_in(statement.text)):
            continue
        at = next((j for j in range(k + 1, len(body)) if statement.name in updated[j]), None)
        if at is not None:
            start_of.setdefault(at, []).append(statement)
            taken.add(k)
    return [
        _unit([*start_of.get(k, []), s])
        for k, s in enumerate(body)
        if k not in taken and not isinstance(s, Comment)
    ]


def _merged(body: Sequence[Any]) -> list[Any]:
    """The body with loops of one extent made one, where nothing stands between that matters."""
    made: list[Any] = []
    at = -1
    for statement in body:
        if not isinstance(statement, For):
            made.append(statement)
            continue
        other = made[at] if at >= 0 else None
        if other is not None and _mergeable(other, statement, made[at + 1 :]):
            both = [*other.body, *(s for s in statement.body if s not in other.body)]
            made[at:] = [*made[at + 1 :], replace(other, body=both)]
            at = len(made) - 1
        else:
            made.append(statement)
            at = len(made) - 1
    return made


def _mergeable(first: For, second: For, between: Sequence[Any]) -> bool:
    """Whether ``second`` may run together with ``first``, and ``between`` before both."""
    if (first.variable, first.extent) != (second.variable, second.extent):
        return False
    a, b, c = _unit([first]), _unit([second]), _unit(list(between))
    same = {s.name for s in second.body if isinstance(s, Assign) and s in first.body}
    apart = not (a.writes - same) & (b.reads | b.writes) and not (b.writes - same) & a.reads
    return apart and not c.reads & a.writes and not c.writes & (a.reads | a.writes)
