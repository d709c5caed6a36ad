"""Long bodies in parts: a function that is too long for a compiler becomes several.

Compilers take more than linear time for one function, and far more for one that hands over many
values. So a run of statements moves into a function of its own, and the numbers that later parts
need travel through one small array for each dtype; arrays and loop variables are arguments, and
only what a part goes on adding to is returned.

LLVM takes little more than linear time for statements that are no loops and no branches, and
computes a loop over such a body in vectors only while it is whole: there may be more of these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ..records import field, record, replace
from .names import Names
from .program import (
    Allocate,
    Assign,
    Break,
    Call,
    Comment,
    For,
    If,
    Program,
    Store,
    Together,
    names_in,
    reads_of,
    walk,
    within,
    writes_of,
)

__all__ = [
    "STRAIGHT",
    "Part",
    "PartCall",
    "count_reads",
    "fits",
    "outline",
    "read_first",
    "sets_all",
    "size_of",
]

#: A run shorter than this stays where it is.
_SHORT = 8
#: How many times as many statements there may be that are no loops and no branches.
STRAIGHT = 20


@record()
class Part:
    """A function that a run of statements moved into; ``saves`` is what it leaves in arrays."""

    name: str
    takes: tuple[str, ...]
    body: list[Any]
    gives: tuple[str, ...]
    saves: frozenset[str] = frozenset()


@record()
class PartCall:
    """The statement in its place."""

    part: Part


@record()
class _Spill:
    """Where numbers lie between parts."""

    array: str
    dtype: str
    slots: dict[str, int] = field(default_factory=dict)


def outline(program: Program, cap: int, straight: int) -> tuple[list[Part], list[Any]]:
    """Shorten every body to about ``cap`` statements.

    Parameters
    ----------
    program : Program
    cap : int
    straight : int
        How many times as many there may be of those that are no loops and no branches.

    Returns
    -------
    parts : list of Part
    body : list of Statement or PartCall
        What is left of the function.
    """
    return _Outliner(program, cap, straight).run()


class _Outliner:
    def __init__(self, program: Program, cap: int, straight: int):
        self.program = program
        self.cap = cap
        self.straight = straight
        self.parts: list[Part] = []
        self.spills: dict[str, _Spill] = {}
        self.spilled: dict[str, _Spill] = {}
        parameters = [name for name, _, _ in program.parameters]
        self.locals = {*sets_all(program.body), *parameters}
        self.names = Names(frozenset(self.locals | set(program.namespace)))
        # A number that is set in several places, or added to, has no one value to fetch later.
        set_by = [s for s in walk(program.body) if isinstance(s, Assign)]
        times = Counter(s.name for s in set_by)
        self.dtypes = {s.name: s.dtype for s in set_by if s.dtype and times[s.name] == 1}

    def run(self) -> tuple[list[Part], list[Any]]:
        """The parts and what is left."""
        root = For("", "", list(self.program.body))
        for level in reversed(_levels(root)):
            long = [loop for loop in level if not fits(loop.body, self.cap, self.straight)]
            if not long:
                continue
            # Who reads a name elsewhere can only be told when the inner bodies are done.
            reads = count_reads(root.body)
            reads.update(name for name, _, _ in self.program.results)
            for loop in long:
                loop.body = self._shortened(loop.body, reads)
        if not self.parts:
            return [], root.body
        body = self._with_loads(root.body, set())
        wanted = [name for name, _, _ in self.program.results if name in self.spilled]
        body += [self._load(name) for name in wanted]
        arrays: list[Any] = [
            Allocate(s.array, (str(max(len(s.slots), 1)),), s.dtype) for s in self.spills.values()
        ]
        return self.parts, arrays + body

    def _shortened(self, body: list[Any], reads: Counter[str]) -> list[Any]:
        made: list[Any] = []
        runs = _runs(body, self.cap, self.straight)
        if self._is_one_loop(runs):
            return body
        for run in runs:
            made += [self._moved(run, reads)] if _worth_moving(run) else run
        return made

    def _is_one_loop(self, runs: list[list[Any]]) -> bool:
        """Whether all that is long is one loop, which can as well stay where it is."""
        long = [run for run in runs if _worth_moving(run)]
        if len(long) != 1:
            return False
        loops = [s for s in long[0] if isinstance(s, For) and size_of([s]) > self.cap]
        rest = sum(map(size_of, runs)) - size_of(loops)
        return len(loops) == 1 and _is_straight(loops[0].body) and rest <= self.cap

    def _moved(self, run: list[Any], reads: Counter[str]) -> PartCall:
        inside, written = count_reads(run), sets_all(run)
        loops = {s.variable for s in walk(run) if isinstance(s, For)}  # nobody else's
        wanted = [n for n in written if reads[n] > inside[n] and n not in loops]
        needs = [n for n in read_first(run) if n in self.locals]
        set_here, needed = set(written), set(needs)
        carried = [n for n in needs if n in set_here]
        fresh = [n for n in wanted if n not in needed]
        spilled = [n for n in fresh if self._spill(n)]
        gives = [*carried, *(n for n in fresh if n not in self.spilled)]
        calls = [s.part for s in walk(run) if isinstance(s, PartCall)]
        # What a part within this one saves is fetched behind its call, the rest beforehand.
        late = {n for part in calls for n in part.saves}
        first = [n for n in needs if n in self.spilled and n not in late]
        inner = self._with_loads(run, {*first, *written})
        saves = [self._save(n) for n in spilled]
        body = [*(self._load(n) for n in first), *inner, *saves]
        arrays = {self.spilled[n].array for n in (*spilled, *needs) if n in self.spilled}
        kept = {spill.array for spill in self.spills.values()}
        arrays |= {n for part in calls for n in part.takes if n in kept}
        takes = [*sorted(arrays), *(n for n in needs if n not in self.spilled)]
        name = self.names.new(f"{self.program.name}_part{len(self.parts) + 1}")
        left = frozenset([*late, *spilled])
        self.parts.append(Part(name, tuple(takes), body, tuple(gives), left))
        return PartCall(self.parts[-1])

    def _spill(self, name: str) -> bool:
        """Give a number of known dtype a slot; whether it has one."""
        dtype = self.dtypes.get(name)
        if dtype is None:
            return False
        spill = self.spills.get(dtype)
        if spill is None:
            spill = self.spills[dtype] = _Spill(self.names.new(f"kept_{dtype}"), dtype)
        spill.slots.setdefault(name, len(spill.slots))
        self.spilled[name] = spill
        return True

    def _load(self, name: str) -> Assign:
        spill = self.spilled[name]
        return Assign(name, f"{spill.array}[{spill.slots[name]}]", dtype=spill.dtype)

    def _save(self, name: str) -> Store:
        spill = self.spilled[name]
        return Store(spill.array, (str(spill.slots[name]),), name)

    def _with_loads(self, body: list[Any], known: set[str]) -> list[Any]:
        """The same body, with what it reads from the parts fetched before it is read."""
        made: list[Any] = []
        known = set(known)
        for statement in body:
            # A part takes what had no place in an array yet when it was made.
            simple = isinstance(statement, If) and statement.orelse is None
            inside = statement.then if simple else []
            texts = [t for part in (statement, *inside) for t in _texts_of(part)]
            needed = [n for text in texts for n in names_in(text) if n in self.spilled]
            fetched = [n for n in dict.fromkeys(needed) if n not in known]
            made += [self._load(n) for n in fetched]
            known.update(fetched)
            known.update(n for n in _sets(statement) if n in self.spilled)
            if isinstance(statement, For):
                statement = replace(statement, body=self._with_loads(statement.body, known))
            elif isinstance(statement, If) and statement.orelse is not None:
                then = self._with_loads(statement.then, known)
                statement = replace(
                    statement, then=then, orelse=self._with_loads(statement.orelse, known)
                )
            made.append(statement)
        return made


def fits(body: Sequence[Any], cap: int, straight: int) -> bool:
    """Whether a body is short enough: loops and branches count ``straight`` times."""
    return sum(_weight(statement, straight) for statement in body) <= cap * straight


def _weight(statement: Any, straight: int) -> int:
    return _size(statement) if _is_straight([statement]) else _size(statement) * straight


def _is_straight(body: Sequence[Any]) -> bool:
    """Whether every statement of a body is executed once, one after the other."""
    return not any(isinstance(s, (For, If, Break, PartCall)) for s in body)


class _Side:
    """The body of one of two branches."""

    def __init__(self, statement: If, name: str):
        self._statement = statement
        self._name = name

    @property
    def body(self) -> list[Any]:
        found: list[Any] = getattr(self._statement, self._name)
        return found

    @body.setter
    def body(self, statements: list[Any]) -> None:
        setattr(self._statement, self._name, statements)


def _bodies(statement: Any) -> list[For | _Side]:
    """What has a body of its own in a statement."""
    if isinstance(statement, If) and statement.orelse is not None:
        return [_Side(statement, "then"), _Side(statement, "orelse")]
    return [statement] if isinstance(statement, For) else []


def _levels(root: For) -> list[list[For | _Side]]:
    """The loops and branches, by how deep they are nested."""
    levels: list[list[For | _Side]] = [[root]]
    while True:
        below = [b for loop in levels[-1] for s in loop.body for b in _bodies(s)]
        if not below:
            return levels
        levels.append(below)


def _runs(body: list[Any], cap: int, straight: int) -> list[list[Any]]:
    """A body in runs that fit; a comment stays with what it is about."""
    runs: list[list[Any]] = [[]]
    # LLVM takes more than linear time for what parts read and write. A loop over such a body is
    # computed in vectors only while it is whole, so nothing is lost with short ones.
    room = cap if _is_straight(body) else cap * straight
    weight = 0
    for statement in body:
        mine = _weight(statement, straight)
        # What ends a loop or a step of it stays where the loop is.
        stays = isinstance(statement, (Break, Together))
        if weight and (weight + mine > room or stays):
            comments = []
            while runs[-1] and isinstance(runs[-1][-1], Comment):
                comments.append(runs[-1].pop())
            runs.append(comments[::-1])
            weight = 0
        runs[-1].append(statement)
        weight = room if stays else weight + mine
    return [run for run in runs if run]


def _worth_moving(run: list[Any]) -> bool:
    """Whether it is more than a few statements, and leaves compiled code nowhere."""
    leaves = any(isinstance(s, Call) and s.objects is not None for s in walk(run))
    leaves = leaves or any(isinstance(s, Break) for s in run)
    return size_of(run) > _SHORT and not leaves


def _size(statement: Any) -> int:
    """How much a compiler has to do for it: about one for each operation in its texts."""
    if isinstance(statement, Comment):
        return 0
    own = 1 + sum(len(text) for text in _texts_of(statement)) // 12
    return own + sum(_size(inner) for inner in within(statement))


def size_of(body: Sequence[Any]) -> int:
    """How much a compiler has to do for a body: about one for each operation."""
    return sum(_size(statement) for statement in body)


def _texts_of(statement: Any) -> Sequence[str]:
    return statement.part.takes if isinstance(statement, PartCall) else reads_of(statement)


def _sets(statement: Any) -> Sequence[str]:
    return statement.part.gives if isinstance(statement, PartCall) else writes_of(statement)


def sets_all(body: Sequence[Any]) -> list[str]:
    """The names that a body sets, in order."""
    return list(dict.fromkeys(name for s in walk(body) for name in _sets(s)))


def count_reads(body: Sequence[Any]) -> Counter[str]:
    """How often a body reads each name."""
    found: Counter[str] = Counter()
    for statement in walk(body):
        for text in _texts_of(statement):
            found.update(names_in(text))
    return found


def read_first(body: Sequence[Any]) -> list[str]:
    """The names that are read before the body itself sets them, in order."""
    found: dict[str, None] = {}
    _note_reads(body, set(), found)
    return list(found)


def _note_reads(body: Sequence[Any], known: set[str], found: dict[str, None]) -> None:
    for statement in body:
        for text in _texts_of(statement):
            found.update(dict.fromkeys(n for n in names_in(text) if n not in known))
        if isinstance(statement, If) and statement.orelse is not None:
            sides = set(known), set(known)
            _note_reads(statement.then, sides[0], found)
            _note_reads(statement.orelse, sides[1], found)
            known |= sides[0] & sides[1]
            continue
        if isinstance(statement, If):  # what may be set keeps its value otherwise
            found.update(dict.fromkeys(n for n in sets_all(statement.then) if n not in known))
        known.update(_sets(statement))
        _note_reads(within(statement), known, found)
