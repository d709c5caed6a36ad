"""What a loop of a Program does to its rows: whether they only meet in sums.

Loops whose rows are independent but for sums may be cut into parts and run in another order or at
the same time; a `BlockedLoop` is cut for one thread. All of it is read off the statements; what is
not surely so is denied.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ..kernels.inlined import Inlined
from .names import Names
from .program import Allocate, Assign, Call, Comment, For, If, Store, names_in, walk, within

__all__ = [
    "ADDING",
    "BLOCK",
    "CALL",
    "BlockedLoop",
    "RowLoop",
    "assigned",
    "elementary_in",
    "right_sides",
    "stores_by_row",
]

#: Rows in a block.
BLOCK = 128
#: Elements that one loop over a block reads before the next one reads them again: 256 KiB of
#: doubles, which a processor keeps for itself.
CACHED = 32768
#: A call in a text.
CALL = re.compile(r"[A-Za-z_][\w.]*\(")

#: How a call begins that adds a product to its first argument.
ADDING = "blas.gemm_tn_add("


def right_sides(statement: Any) -> list[str]:
    """The texts that a simple statement evaluates, but for what it adds to."""
    if isinstance(statement, Assign):
        return [statement.text]
    if isinstance(statement, Store):
        return [*statement.index, statement.text]
    if isinstance(statement, For):
        return [statement.extent, statement.begin, str(statement.step)]
    return [statement.condition] if isinstance(statement, If) else []


def assigned(body: Sequence[Any]) -> list[str]:
    """The numbers that are set, each once."""
    return list(dict.fromkeys(s.name for s in walk(body) if isinstance(s, Assign)))


def elementary_in(texts: Iterable[str], namespace: Mapping[str, Any]) -> set[str]:
    """The names under which texts call elementary functions."""
    called = {text[m.start() : m.end() - 1] for text in texts for m in CALL.finditer(text)}
    return {name for name in called if isinstance(namespace.get(name), Inlined)}


def stores_by_row(loop: For, array: str) -> bool:
    """Whether each row of the loop writes a place of its own."""
    stores = [s for s in walk(loop.body) if isinstance(s, Store) and s.array == array]
    return any(loop.variable in names_in(i) for s in stores for i in s.index)


class BlockedLoop:
    """A loop over blocks of another one's rows, with several loops over the rows of a block.

    Attributes
    ----------
    first, last : str
        The names of where a block begins and ends.
    place : str
        The text of a row's place within its block.
    arrays : dict
        The array in which each number of a row lies while the block is worked on.

    Parameters
    ----------
    loop : For
    names : Names
    dtypes : mapping
        Of the numbers that one of the inner loops hands over to another.
    along : sequence of str
        How many elements of arrays a row goes through, if several of the inner loops do so: blocks
        of long rows have fewer, so that the next loop finds them in the cache.
    """

    def __init__(
        self, loop: For, names: Names, dtypes: Mapping[str, str], along: Sequence[str] = ()
    ):
        self.loop = loop
        self.dtypes = dtypes
        self.along = along
        self.rows = names.new("rows") if along else str(BLOCK)
        row = loop.variable
        self.first, self.last = names.new(f"{row}0"), names.new(f"{row}1")
        self.place = f"{row} - {self.first}"
        self.arrays = {n: names.new(f"{n}_block") for n in dtypes}

    @property
    def rooms(self) -> list[Any]:
        """What stands before it: the size of a block, and the allocations of its arrays."""
        made: list[Any] = []
        if self.along:
            few = f"{CACHED} // ({' + '.join((*self.along, '1'))})"
            made.append(Assign(self.rows, f"max(1, min({BLOCK}, {few}))", dtype="int64"))
        return made + [Allocate(a, (str(BLOCK),), self.dtypes[n]) for n, a in self.arrays.items()]

    def loads(self, numbers: Iterable[str], place: str = "") -> list[Assign]:
        """Fetch numbers of a row, which is at ``place`` if that is given."""
        where = place or self.place
        return [Assign(n, f"{self.arrays[n]}[{where}]", dtype=self.dtypes[n]) for n in numbers]

    def saves(self, numbers: Iterable[str], place: str = "") -> list[Store]:
        """Keep numbers of a row."""
        return [Store(self.arrays[n], (place or self.place,), n) for n in numbers]

    def down(self, body: list[Any]) -> For:
        """A loop over the rows of a block."""
        return For(self.loop.variable, self.last, body, self.first)

    def around(self, body: Sequence[Any]) -> For:
        """The loop over blocks."""
        loop = self.loop
        end = Assign(self.last, f"min({self.first} + {self.rows}, {loop.extent})")
        step = self.rows if self.along else BLOCK
        return For(self.first, loop.extent, [end, *body], loop.begin or "0", step)


class RowLoop:
    """A loop and what goes on between its rows.

    Attributes
    ----------
    row : str
        The loop variable.
    statements : list of Statement
        Everything inside, in the order of the text.
    carried : list of str
        Numbers that go from row to row.
    summed : list of str
        Arrays that all rows add to.
    names : set of str
        What is read, what is called among it.
    adds_only : bool
        Whether numbers that go from row to row are only added to.
    independent : bool
        Whether rows meet in ``carried`` and ``summed`` alone, and only by adding.

    Parameters
    ----------
    loop : For
    scratch : collection of str
        Arrays that each row fills before it reads them, if nothing outside the loop uses them.
    """

    def __init__(self, loop: For, scratch: Collection[str] = ()):
        self.row = loop.variable
        self.scratch = scratch
        self.statements = list(walk(loop.body))
        self.texts = [t for s in self.statements for t in right_sides(s)]
        self.names = {n for text in self.texts for n in names_in(text)}
        if isinstance(loop.step, str):
            self._note_blocks(loop)
            return
        simple = all(isinstance(s, (Assign, Store, For, If, Comment)) for s in self.statements)
        self.carried = self._carried(loop) if simple else []
        self.summed: list[str] = []
        self.adds_only = simple and self._numbers_add()
        self.independent = self.adds_only and self._arrays_add()

    def _note_blocks(self, loop: For) -> None:
        """A loop over blocks of rows, of products and of loops over the block's rows."""
        inner = [RowLoop(s, self.scratch) for s in loop.body if isinstance(s, For)]
        calls = [s.text for s in loop.body if isinstance(s, Call)]
        self.carried = list(dict.fromkeys(n for rows in inner for n in rows.carried))
        added = [text[len(ADDING) :].partition(",")[0] for text in calls if text.startswith(ADDING)]
        self.summed = list(dict.fromkeys([*(n for rows in inner for n in rows.summed), *added]))
        self.independent = all(rows.independent for rows in inner)

    def _carried(self, loop: For) -> list[str]:
        """Numbers that are read, or added to, before this row has set them."""
        mine = set(assigned(loop.body))
        known: set[str] = set()
        found: dict[str, None] = {}
        stack = [(s, True) for s in reversed(loop.body)]
        while stack:
            statement, certain = stack.pop()
            texts = right_sides(statement)
            reads = [n for text in texts for n in names_in(text)]
            if isinstance(statement, Assign):
                reads += [statement.name] if statement.update or not certain else []
            found.update(dict.fromkeys(n for n in reads if n in mine and n not in known))
            if isinstance(statement, Assign) and certain:
                known.add(statement.name)
            surely = certain and not isinstance(statement, If)
            stack += [(s, surely) for s in reversed(within(statement))]
        return list(found)

    def _numbers_add(self) -> bool:
        """Whether numbers that go from row to row are only added to."""
        changes = [s for s in self.statements if isinstance(s, Assign) and s.name in self.carried]
        added = all(s.update == "+" for s in changes)
        return added and not self.names & set(self.carried)

    def _arrays_add(self) -> bool:
        """Whether arrays are written in the row's own place or added to, and not read elsewhere."""
        mine = {s.name for s in self.statements if isinstance(s, Assign)}
        written: dict[str, list[Store]] = {}
        for statement in self.statements:
            if isinstance(statement, Store) and statement.array not in self.scratch:
                written.setdefault(statement.array, []).append(statement)
        for array, stores in written.items():
            if self.own_place(array):
                continue
            read = [t for t in self.texts if array in names_in(t)]
            everywhere = all(self.row not in names_in(i) for s in stores for i in s.index)
            if read or not everywhere or not all(s.update == "+" for s in stores):
                return False
            if mine & {n for s in stores for i in s.index for n in names_in(i)}:
                return False
            self.summed.append(array)
        return True

    def own_place(self, array: str) -> str:
        """How the row is counted where an array is read and written, if it is this row alone.

        That is by the loop variable, or by how far it is from where something begins.
        """
        name = re.escape(array)
        places = {s.index[0] if s.index else "" for s in self.statements
                  if isinstance(s, Store) and s.array == array}  # fmt: skip
        for text in self.texts:
            found = re.findall(rf"(?<![\w.]){name}\[([^,\]]*)", text)
            if len(found) != len(re.findall(rf"(?<![\w.]){name}(?!\w)", text)):
                return ""
            places |= {place.strip() for place in found}
        place = places.pop() if len(places) == 1 else ""
        own = re.fullmatch(rf"{re.escape(self.row)}( - (\w+))?", place)
        return own[0] if own and own[2] not in assigned(self.statements) else ""
