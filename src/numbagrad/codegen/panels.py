"""Products of tall matrices in blocks of rows, with the work between them.

Where a matrix is multiplied, something is computed with the rows of the product, and the transposed
matrix is multiplied by what comes out (a model with several outputs, its gradient, its curvature),
each of these statements would go through all rows before the next one begins. Here all of them go
through a few rows at a time: a library multiplies as fast, the matrix is read from memory once, and
what only these rows need is an array of a few rows. How many rows go together is decided when the
sizes are known; where large products are better left whole, all of them do.

Every row is computed with as before; sums over rows are added up block by block.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from ..records import field, record, replace
from .names import Names
from .program import (
    Allocate,
    Assign,
    Call,
    Check,
    Comment,
    For,
    Program,
    Sizes,
    Store,
    names_in,
    names_read,
    reads_of,
    taken_names,
    walk,
    writes_of,
    zero,
)
from .reuse import in_one_breath
from .rows import RowLoop, assigned, stores_by_row

__all__ = ["in_panels"]

_PRODUCT = re.compile(r"blas\.(gemm|gemm_tn|gemm_nt)_into\((\w+), (\w+), (\w+)\)")
_FLOATS = ("float32", "float64")


@record()
class _Item:
    """A statement of the function's body, with the words above it.

    Attributes
    ----------
    reads, writes : set of str
        The names of numbers and arrays.
    rows : str
        The number of rows that it goes through one by one; empty if it does not.
    own : set of str
        Arrays of which a row is read or written where this row is computed with.
    made : set of str
        Those of them that it writes.
    sums : set of str
        Numbers and arrays that all rows add to.
    """

    statement: Any
    comments: list[Comment]
    reads: set[str] = field(default_factory=set)
    writes: set[str] = field(default_factory=set)
    rows: str = ""
    own: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)
    sums: set[str] = field(default_factory=set)

    @property
    def product(self) -> tuple[str, ...]:
        """Which product it is, its result and its operands; empty if it is none."""
        text = self.statement.text if isinstance(self.statement, Call) else ""
        found = _PRODUCT.fullmatch(text)
        return found.groups() if found and not self.statement.targets else ()

    @property
    def whole(self) -> set[str]:
        """The names that it needs as they are before the first row or after the last one."""
        return self.reads - self.own

    @property
    def touched(self) -> set[str]:
        """Every name in it."""
        return self.reads | self.writes


class _Several:
    """Statements that go together, with what another one is compared with, all at once."""

    def __init__(self) -> None:
        self.items: list[_Item] = []
        self._touched: set[str] = set()
        self._written: set[str] = set()
        #: Names of which one of them touches, or writes, more than the row that it computes with.
        self._touched_whole: set[str] = set()
        self._written_whole: set[str] = set()

    def add(self, item: _Item) -> None:
        """One more."""
        self.items.append(item)
        self._touched |= item.touched
        self._written |= item.writes
        self._touched_whole |= item.touched - item.own
        self._written_whole |= item.writes - item.own

    def clash(self, item: _Item) -> bool:
        """Whether one of them and a later one have to stay in their order."""
        return not (item.writes.isdisjoint(self._touched) and item.reads.isdisjoint(self._written))

    def meet(self, item: _Item) -> bool:
        """Whether a later one needs of each row only what they did to this row."""
        changed = [n for n in item.touched if n in self._written]
        changed += [n for n in item.writes if n in self._touched]
        if not item.own.issuperset(changed):
            return False
        return item.writes.isdisjoint(self._touched_whole) and item.touched.isdisjoint(
            self._written_whole
        )


def in_panels(program: Program) -> Program:
    """The Program with products and loops over the same rows in blocks, where they share data."""
    if not any(isinstance(s, Call) and _PRODUCT.fullmatch(s.text) for s in program.body):
        return program
    body = _Panels(program).body()
    if body is None:
        return program
    made = replace(program, body=body)
    made.verify()
    return made


class _Panels:
    def __init__(self, program: Program):
        self.program = program
        self.equal = _Equal(program.body)
        self.shapes = _shapes(program)
        #: Several arrays of one size may have been packed into one, which is no value of its own.
        self.dtypes = {s.name: s.dtype for s in program.body if isinstance(s, Allocate)}
        self.results = {name for name, _, _ in program.results}
        self.aliases = {
            s.name: s.text for s in program.body
            if isinstance(s, Assign) and not s.update and _is_array(program, s)
        }  # fmt: skip
        self._memory = dict(self.aliases)
        #: How many statements of the function's body read each name, within them as well.
        self.readers = Counter(n for s in program.body for n in set(names_read([s])))
        self.unset = {s.name for s in program.body if isinstance(s, Allocate) and s.fill is None}
        self.items = self._items()

    def body(self) -> list[Any] | None:
        """The statements in their new order, or None if nothing can be shared."""
        for start, item in enumerate(self.items):
            if item.product and item.rows:
                parts = self._parted(start)
                if _shares(parts[1]):
                    return self._joined(start, *parts)
        return None

    # -- what statements do ----------------------------------------------------------------

    def _items(self) -> list[_Item]:
        made: list[_Item] = []
        comments: list[Comment] = []
        for statement in self.program.body:
            if isinstance(statement, Comment):
                comments.append(statement)
                continue
            if isinstance(statement, Assign) and statement.name in self.aliases:
                # Rows are written at other times than before: the memory is not shared any more.
                old = self._root(statement.name)
                dtype, shape = self.program.arrays[statement.name][0], self.shapes[old]
                statement = Allocate(statement.name, shape, dtype)
            told = isinstance(statement, (For, Call))  # other statements stand for themselves
            made.append(self._noted(_Item(statement, comments if told else [])))
            comments = [] if told else comments
        return made

    def _root(self, name: str) -> str:
        """The first of the names that its memory has had; what is found is remembered."""
        way = []
        while name in self._memory:
            way.append(name)
            name = self._memory[name]
        self._memory.update(dict.fromkeys(way, name))
        return name

    def _noted(self, item: _Item) -> _Item:
        """What is read and written, and what of it row by row."""
        statement = item.statement
        loops = {s.variable for s in walk([statement]) if isinstance(s, For)}
        for inner in walk([statement]):
            item.reads.update(n for text in reads_of(inner) for n in names_in(text))
            item.writes.update(writes_of(inner))
            if isinstance(inner, Store):
                item.writes.add(inner.array)
            if isinstance(inner, Call) and not inner.targets:
                item.writes.update(names_in(inner.text))
        item.writes |= item.reads & self.program.generators
        item.reads -= {*self.program.namespace, *loops}
        item.writes -= {*self.program.namespace, *loops}
        if item.product:
            self._note_product(item)
        elif isinstance(statement, For) and not statement.begin and statement.step == 1:
            self._note_loop(item, statement)
        return item

    def _note_product(self, item: _Item) -> None:
        kind, out, a, b = item.product
        item.writes = {out}
        dtype, ndim = self.program.arrays.get(out, ("", 0))
        known = [n for n in (out, a, b) if n in self.shapes]
        if dtype not in _FLOATS or ndim != 2 or out not in known or len({out, a, b}) < 3:
            return
        item.reads = {a, b}
        if kind == "gemm_tn":
            item.own, item.sums = {a, b}, {out}
            rows = [self.shapes[n][0] for n in (a, b) if n in self.shapes]
            item.rows = self.equal.of(rows[0]) if rows and rows[0] else ""
        else:
            item.own, item.made = {a, out}, {out}
            item.rows = self.equal.of(self.shapes[out][0])

    def _note_loop(self, item: _Item, loop: For) -> None:
        rows = RowLoop(loop, self._scratch(loop))
        if not rows.independent or item.reads & self.program.generators:
            return
        arrays = {n for n in item.touched if n in self.shapes or n in self.program.arrays}
        item.own = {n for n in arrays if rows.own_place(n) == loop.variable}
        stores = {s.array for s in rows.statements if isinstance(s, Store)}
        item.made = stores & item.own
        item.sums = {*rows.carried, *rows.summed}
        item.reads -= set(assigned(loop.body)) - item.sums
        item.rows = self.equal.of(loop.extent)

    def _scratch(self, loop: For) -> set[str]:
        """Arrays that only this loop uses, and each of its rows anew."""
        inside = {s.array for s in walk(loop.body) if isinstance(s, Store)}
        mine = set(names_read([loop]))
        alone = {n for n in inside & self.unset if self.readers[n] == (n in mine)}
        return {n for n in alone - self.results if not stores_by_row(loop, n)}

    # -- which of them go together ---------------------------------------------------------

    def _parted(self, start: int) -> tuple[list[_Item], list[_Item], list[_Item]]:
        """What comes before the loop over blocks, what is in it, and what comes behind it."""
        rows = self.items[start].rows
        before: list[_Item] = []
        group, behind = _Several(), _Several()
        for item in self.items[start:]:
            late = behind.clash(item)
            if item.rows == rows and not late and group.meet(item):
                group.add(item)
            elif late or group.clash(item):
                behind.add(item)
            else:
                before.append(item)
        return self._with_late_rooms(before, group.items, behind.items)

    def _with_late_rooms(
        self, before: list[_Item], group: list[_Item], behind: list[_Item]
    ) -> tuple[list[_Item], list[_Item], list[_Item]]:
        """The same, but what only comes behind the loop has its memory from there on."""
        early = {n for i in (*before, *group) if not _makes_room(i) for n in i.touched}
        late = [i for i in before if _makes_room(i) and i.statement.name not in early]
        place = {id(item): k for k, item in enumerate(self.items)}
        moved = {id(item) for item in late}
        first = [i for i in before if id(i) not in moved]
        return first, group, sorted([*late, *behind], key=lambda item: place[id(item)])

    # -- printing --------------------------------------------------------------------------

    def _joined(
        self, start: int, before: list[_Item], group: list[_Item], behind: list[_Item]
    ) -> list[Any]:
        ahead = [*self.items[:start], *before]
        others = {n for i in (*ahead, *behind) if not _makes_room(i) for n in i.touched}
        made = [n for item in group for n in sorted(item.made)]
        # What is filled once keeps what no row writes: a block would keep that of other rows.
        room = [i.statement for i in self.items if _makes_room(i) and i.statement.fill is None]
        unset = {s.name for s in room} - others - self.results
        few = dict.fromkeys(n for n in made if n in unset)
        sums = [n for item in group if item.product for n in item.sums]
        names = Names(taken_names(self.program))
        rows = names.new("rows")
        anew = {*few, *sums}
        front = [i for i in ahead if not (_makes_room(i) and i.statement.name in anew)]
        extent = self._extent(group)
        widths, columns = self._sizes(group)
        together = f"blas.rows_at_once({extent}, {_largest(widths)}, {_largest(columns)})"
        self._write_over(group, few)
        arrays: list[Any] = [self._room(n, rows, few) for n in few]
        for n in sums:
            arrays.append(Allocate(n, self.shapes[n], self._dtype(n), zero(self._dtype(n))))
        first, last = names.new("i0"), names.new("i1")
        inner: list[Any] = [Assign(last, f"min({first} + {rows}, {extent})")]
        for item in group:
            inner += [*item.comments, self._within(item, few, first, last)]
        each = f"{_largest(widths)} * {_largest(columns)}"
        loop = For(first, extent, inner, step=f"max(1, {rows})", each=each)
        at_once = Assign(rows, together, dtype="int64")
        ordered = [*self.items[:start], *behind]
        ahead, after = (self._in_old_memory(part, ordered, few) for part in (front, behind))
        return [*ahead, at_once, *arrays, loop, *after]

    def _in_old_memory(
        self, items: Sequence[_Item], ordered: Sequence[_Item], few: Collection[str]
    ) -> list[Any]:
        """Statements; arrays of those that kept their order in the memory that they had before."""
        kept = {id(item) for item in ordered}
        made: list[Any] = []
        for item in items:
            old = self.aliases.get(item.statement.name, "") if _makes_room(item) else ""
            if old and old not in few and id(item) in kept:
                made.append(Assign(item.statement.name, old))
            else:
                made += _plain([item])
        return made

    def _write_over(self, group: Sequence[_Item], few: Collection[str]) -> None:
        """Let loops write over what they read for the last time, as ``reuse`` does elsewhere."""
        # Where the memory that each name stands for is used for the last time.
        last = {self._root(n): k for k, item in enumerate(group) for n in item.touched}
        before: set[str] = set()
        for place, item in enumerate(group):
            ours = {n for n in item.touched if n in few and n in self.program.arrays}
            known = sorted(ours & before)
            before |= ours
            if not isinstance(item.statement, For):
                continue
            for new in sorted(n for n in item.made & ours - {*known} if n not in self.aliases):
                for old in known:
                    memory = self._root(old)
                    alike = self._kind(old) == self._kind(new) and last[memory] <= place
                    if alike and in_one_breath(item.statement, old, new):
                        self.aliases[new] = self._memory[new] = old
                        # Of another one it is no more.
                        last[memory] = max(last[new], place + 1)
                        break

    def _kind(self, name: str) -> tuple[str, tuple[str, ...]]:
        return self._dtype(name), self.shapes[name]

    def _room(self, name: str, rows: str, few: Collection[str]) -> Any:
        """An array of some rows; it may lie where another one did whose use was over."""
        old = self.aliases.get(name, "")
        if old in few:
            return Assign(name, old)
        return Allocate(name, (rows, *self.shapes[name][1:]), self._dtype(name))

    def _extent(self, group: Sequence[_Item]) -> str:
        loops = [item.statement.extent for item in group if isinstance(item.statement, For)]
        return loops[0] if loops else group[0].rows

    def _dtype(self, array: str) -> str:
        known = self.program.arrays.get(array)
        return known[0] if known else self.dtypes[array]

    def _sizes(self, group: Sequence[_Item]) -> tuple[list[str], list[str]]:
        """How wide the matrices are whose rows are multiplied, and their products."""
        widths: dict[str, None] = {}
        columns: dict[str, None] = {}
        for item in group:
            if item.product:
                _, out, a, _ = item.product
                shape = self.shapes.get(a, ("", ""))
                widths[shape[1] or f"{a}.shape[1]"] = None
                columns[self.shapes[out][1]] = None
        return list(widths), list(columns)

    def _within(self, item: _Item, few: Collection[str], first: str, last: str) -> Any:
        """A statement for the rows from ``first`` to ``last``."""
        if not item.product:
            loop = item.statement
            ours = {n for n in item.touched if n in few}
            inner = [_shifted(s, ours, loop.variable, first) for s in loop.body]
            return For(loop.variable, last, inner, first)
        kind, out, *operands = item.product
        written = "gemm_tn_add" if kind == "gemm_tn" else f"{kind}_into"
        given = [
            n if n not in item.own else f"{n}[:{last} - {first}]" if n in few
            else f"{n}[{first}:{last}]" for n in (out, *operands)
        ]  # fmt: skip
        return Call((), f"blas.{written}({', '.join(given)})")


def _shares(group: Sequence[_Item]) -> bool:
    """Whether rows are used again while they are in the cache.

    Either a matrix is read by several products, by one that sums over rows among them, or something
    is computed with the rows of a product.
    """
    products = [item.product for item in group if item.product]
    summed = {n for kind, _, *operands in products if kind == "gemm_tn" for n in operands}
    made = {out for kind, out, *_ in products if kind != "gemm_tn"}
    again = any(a in summed for kind, _, a, _ in products if kind != "gemm_tn")
    return again or any(not item.product and item.reads & made for item in group)


def _makes_room(item: _Item) -> bool:
    return isinstance(item.statement, Allocate)


def _plain(items: Iterable[_Item]) -> list[Any]:
    return [s for item in items for s in (*item.comments, item.statement)]


def _is_array(program: Program, statement: Assign) -> bool:
    return statement.name in program.arrays and statement.text in program.arrays


def _largest(texts: Sequence[str]) -> str:
    text = texts[0]
    for other in texts[1:]:
        text = f"max({text}, {other})"
    return text


def _shapes(program: Program) -> dict[str, tuple[str, ...]]:
    """The sizes of arrays as texts, empty where they have no name."""
    shapes = dict(program.shapes)
    for statement in program.body:
        if isinstance(statement, Sizes):
            shapes[statement.array] = statement.names
        elif isinstance(statement, Allocate):
            shapes[statement.name] = statement.shape
        elif isinstance(statement, Assign) and statement.text in shapes:
            shapes[statement.name] = shapes[statement.text]
    return shapes


class _Equal:
    """Which sizes are known to be equal: they are checked before anything is computed."""

    def __init__(self, body: Sequence[Any]):
        self._same: dict[str, str] = {}
        for statement in body:
            sides = statement.condition.split(" == ") if isinstance(statement, Check) else []
            if len(sides) == 2 and all(s.isidentifier() for s in sides):
                first, second = self.of(sides[0]), self.of(sides[1])
                if first != second:
                    self._same[second] = first

    def of(self, size: str) -> str:
        """The name that stands for all that are equal."""
        while size in self._same:
            size = self._same[size]
        return size


def _shifted(statement: Any, arrays: Collection[str], row: str, first: str) -> Any:
    """A statement that counts the rows of some arrays from ``first``."""
    if not arrays:
        return statement
    several = "|".join(re.escape(n) for n in sorted(arrays))
    place = re.compile(rf"(?<![\w.])({several})\[{row}(?=[,\]])")

    def moved(text: Any) -> Any:
        return place.sub(rf"\1[{row} - {first}", text) if isinstance(text, str) else text

    changes: dict[str, Any] = {}
    for name, value in vars(statement).items():
        if isinstance(value, str):
            changes[name] = moved(value)
        elif isinstance(value, tuple):
            changes[name] = tuple(moved(v) for v in value)
        elif isinstance(value, list):
            changes[name] = [_shifted(s, arrays, row, first) for s in value]
    if isinstance(statement, Store) and statement.array in arrays:
        changes["index"] = (f"{row} - {first}", *changes["index"][1:])
    return replace(statement, **changes)
