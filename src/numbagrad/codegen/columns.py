"""Loops over rows of few numbers, so that vector instructions compute many rows at once.

Softmax and its like go through each row several times: for its largest element, for the sum of its
exponentials, for what is divided by that. Where a row has ten elements, no loop along it is worth a
vector instruction. So a block of rows is turned, and the loops run along its columns: each
statement for all rows of the block before the next one. A row of many elements stays as it is;
which way is taken is decided when the sizes are known.

Rows meet in sums alone and each keeps the order of its statements, so every row is computed with as
before. What is not surely so is left as it is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ..kernels.inlined import EXTREMES
from ..records import field, record, replace
from .names import Names
from .outline import size_of
from .program import (
    Allocate,
    Assign,
    Call,
    Comment,
    For,
    If,
    Program,
    Store,
    names_in,
    reads_of,
    taken_names,
    walk,
    writes_of,
    zero,
)
from .rows import BLOCK, BlockedLoop, RowLoop, assigned, elementary_in, right_sides, stores_by_row

__all__ = ["in_columns"]

#: Rows of more elements are computed with as they are, and so are fewer rows than this.
COLUMNS, ROWS = 24, 64
#: How long a body may be that is printed twice.
_LONG = 300


def in_columns(program: Program) -> Program:
    """The Program with loops along columns for rows of few elements, where that pays."""
    if not any(_eligible(s, program.namespace) for s in walk(program.body)):
        return program
    return _Columns(program).program()


def _eligible(loop: Any, namespace: Mapping[str, Any]) -> bool:
    """Whether it is a loop over rows with loops along them, of the simplest statements only.

    An elementary function is computed along the rows, and a number of each row is made of all its
    elements: without these there is little to gain.
    """
    if not isinstance(loop, For) or loop.step != 1:
        return False
    inner = [s for s in loop.body if isinstance(s, For)]
    if not inner or not all(isinstance(s, (For, Assign, Store, Comment)) for s in loop.body):
        return False
    for along in inner:
        if along.begin or along.extent != inner[0].extent or along.variable != inner[0].variable:
            return False
        if not all(isinstance(s, (Assign, Store)) for s in along.body):
            return False
    extent = inner[0].extent
    if not extent.isidentifier() and not extent.isdigit():
        return False
    if extent in (loop.variable, *assigned(loop.body)):
        return False
    if extent.isdigit() and int(extent) > COLUMNS:
        return False
    of_row = {s.name for s in loop.body if isinstance(s, Assign)}
    if not of_row & {n for along in inner for n in assigned(along.body)}:
        return False
    texts = [text for along in inner for s in along.body for text in right_sides(s)]
    dear = bool(elementary_in(texts, namespace) - set(EXTREMES))
    return dear and size_of(loop.body) <= _LONG


@record()
class _Segment:
    """Statements that are done for all rows of a block: a loop along rows, or what is between."""

    body: list[Any]
    along: For | None = None
    needs: set[str] = field(default_factory=set)


@record()
class _Turned:
    """An array of which each column of a block lies in one piece."""

    array: str
    name: str
    row: str
    loaded: bool
    stored: bool


@record()
class _Sums:
    """What a segment adds to sums over rows.

    Attributes
    ----------
    before, behind : list
        Where a column has a sum of its own: what it starts from, and where it goes.
    apart : list
        What is added by a loop of its own, which knows how many rows there are.
    """

    before: list[Any] = field(default_factory=list)
    behind: list[Any] = field(default_factory=list)
    apart: list[Any] = field(default_factory=list)


class _Columns:
    def __init__(self, source: Program):
        self.source = source
        self.names = Names(taken_names(source))
        self.dtypes = dict(source.registers)
        self.arrays = {name: (dtype, ndim) for name, dtype, ndim in source.parameters if ndim}
        self.arrays |= source.arrays
        self.mentions: Counter[str] = Counter()
        self.unset: set[str] = set()
        for statement in walk(source.body):
            self.mentions.update(_mentioned(statement))
            if isinstance(statement, Assign) and statement.dtype:
                self.dtypes.setdefault(statement.name, statement.dtype)
            if isinstance(statement, Allocate):
                self.arrays[statement.name] = statement.dtype, len(statement.shape)
                if statement.fill is None:
                    self.unset.add(statement.name)
        self.kept = {name for name, _, _ in source.results}
        self.rooms: list[Any] = []
        self.sums: dict[str, str] = {}

    def program(self) -> Program:
        """The whole of it."""
        body: list[Any] = []
        for statement in self.source.body:
            made = self._within(statement)
            body += [*self.rooms, *made]
            self.rooms = []
        registers = {**self.source.registers, **self.sums}
        program = replace(self.source, body=body, registers=registers)
        program.verify()
        return program

    def _within(self, statement: Any) -> list[Any]:
        """What stands for a statement: loops over rows may be within a loop over blocks."""
        if not isinstance(statement, For):
            return [statement]
        if isinstance(statement.step, str):
            inner = [s for item in statement.body for s in self._within(item)]
            return [replace(statement, body=inner)]
        made = self._turned(statement) if self._eligible(statement) else None
        return [statement] if made is None else made

    def _eligible(self, loop: For) -> bool:
        return _eligible(loop, self.source.namespace)

    # -- one loop --------------------------------------------------------------------------

    def _turned(self, loop: For) -> list[Any] | None:
        """The loop in two versions, or None if it stays as it is."""
        inside: Counter[str] = Counter()
        for statement in walk(loop.body):
            inside.update(_mentioned(statement))
        stored = {s.array for s in walk(loop.body) if isinstance(s, Store)}
        only = {n for n in stored & self.unset if self.mentions[n] == inside[n] + 1}
        scratch = {n for n in only - self.kept if not stores_by_row(loop, n)}
        rows = RowLoop(loop, scratch)
        own = set(assigned(loop.body)) - set(rows.carried)
        if not rows.independent or rows.names & self.source.generators or own & self.kept:
            return None
        segments = _segments(loop, own)
        kept = sorted({n for s in segments for n in s.needs})
        if any(n not in self.dtypes for n in kept):
            return None
        turned = self._arrays_of(loop, scratch)
        if not scratch <= {t.array for t in turned}:
            return None
        short = _Short(self, loop, rows, segments, kept, turned).statements()
        extent = next(s.extent for s in loop.body if isinstance(s, For))
        count = f"{loop.extent} - {loop.begin}" if loop.begin else loop.extent
        several = f"{count} >= {ROWS}"
        few = several if extent.isdigit() else f"{extent} <= {COLUMNS} and {several}"
        return [If(few, short, [loop])]

    def _arrays_of(self, loop: For, scratch: set[str]) -> list[_Turned]:
        """The arrays of which all that is read and written lies in the place of the loops."""
        found: list[_Turned] = []
        stores = [s for s in walk(loop.body) if isinstance(s, Store)]
        column = next(s.variable for s in loop.body if isinstance(s, For))
        along = [s for part in loop.body if isinstance(part, For) for s in part.body]
        between = [s for s in loop.body if not isinstance(s, For)]
        names = dict.fromkeys(n for s in walk(loop.body) for n in _mentioned(s) if n in self.arrays)
        for name in names:
            if any(name in _mentioned(s) for s in between):
                continue
            places = {p for s in along for t in right_sides(s) for p in _places(name, t)}
            mine = [s for s in stores if s.array == name]
            places |= {", ".join(s.index) for s in mine}
            row = "" if name in scratch else self._row_of(places, loop.variable, column)
            good = places == {column} if name in scratch else bool(row)
            if good and not any(s.update for s in mine) and self.arrays[name][0] in _KINDS:
                first = next(s for s in along if name in _mentioned(s))
                read = any(name in names_in(t) for t in right_sides(first))
                new = self.names.new(f"{name}_turned")
                found.append(_Turned(name, new, row, read and bool(row), bool(mine and row)))
        return found

    def _row_of(self, places: set[str], row: str, column: str) -> str:
        """How the row is counted, if all places are one element of this row."""
        if len(places) != 1:
            return ""
        first, comma, second = next(iter(places)).partition(", ")
        whole = comma and second == column and names_in(first)[:1] == (row,)
        return first if whole and re.fullmatch(rf"{row}( - \w+)?", first) else ""


#: The dtypes of arrays that are turned.
_KINDS = ("float32", "float64", "int64", "int32", "bool")


class _Short:
    """The version for rows of few elements."""

    def __init__(
        self,
        around: _Columns,
        loop: For,
        rows: RowLoop,
        segments: Sequence[_Segment],
        kept: Sequence[str],
        turned: Sequence[_Turned],
    ):
        self.loop = loop
        self.row = loop.variable
        self.rows = rows
        self.segments = segments
        self.turned = turned
        self.around = around
        first = next(s for s in loop.body if isinstance(s, For))
        self.column, self.extent = first.variable, first.extent
        names = around.names
        self.blocked = BlockedLoop(loop, names, {n: around.dtypes[n] for n in kept})
        self.lane = names.new("k")
        size = self.extent if self.extent.isdigit() else f"min({self.extent}, {COLUMNS})"
        around.rooms += self.blocked.rooms
        for t in turned:
            dtype = around.arrays[t.array][0]
            around.rooms.append(Allocate(t.name, (size, str(BLOCK)), dtype))

    def statements(self) -> list[Any]:
        """A loop over blocks of rows."""
        body: list[Any] = []
        for t in self.turned:
            if t.loaded:
                body.append(Call((), f"blas.turn_into({t.name}, {self._rows_of(t)})"))
        for segment in self.segments:
            body += self._segment(segment)
        for t in self.turned:
            if t.stored:
                body.append(Call((), f"blas.turn_back_into({self._rows_of(t)}, {t.name})"))
        return [self.blocked.around(body)]

    def _rows_of(self, turned: _Turned) -> str:
        """The rows of the block."""
        begin = turned.row.partition(" - ")[2]
        bounds = [
            f"{end} - {begin}" if begin else end for end in (self.blocked.first, self.blocked.last)
        ]
        return f"{turned.array}[{':'.join(bounds)}]"

    def _segment(self, segment: _Segment) -> list[Any]:
        whole = self._whole(segment)
        blocked = self.blocked
        place = self.lane if whole else blocked.place
        sets = set(assigned(segment.body))
        loads = blocked.loads((n for n in blocked.arrays if n in segment.needs), place)
        saves = blocked.saves((n for n in blocked.arrays if n in sets), place)
        work: list[Any] = []
        sums = _Sums()
        for statement in segment.body:
            statement = self._moved(statement, place)
            if self._is_sum(statement):
                work.append(self._summed(statement, sums, place, segment.along is not None, whole))
            else:
                work.append(statement)
        inner = [*loads, *work, *saves]
        made = [For(self.lane, str(BLOCK), inner) if whole else self.blocked.down(inner)]
        made += [self.blocked.down([s]) for s in sums.apart]
        if segment.along is None:
            return made
        return [For(self.column, self.extent, [*sums.before, *made, *sums.behind])]

    def _is_sum(self, statement: Any) -> bool:
        if isinstance(statement, Assign):
            return statement.name in self.rows.carried
        return statement.array in self.rows.summed

    def _summed(self, statement: Any, sums: _Sums, place: str, along: bool, apart: bool) -> Any:
        """What is added to a sum over rows: at once, or kept for a loop of its own."""
        around = self.around
        if isinstance(statement, Assign):
            name, dtype = statement.name, around.dtypes[statement.name]
        else:
            name, dtype = statement.array, around.arrays[statement.array][0]
        adds = statement
        if along and isinstance(statement, Store):
            total = around.names.new(f"{name}_sum")
            around.sums[total] = dtype
            sums.before.append(Assign(total, zero(dtype)))
            sums.behind.append(Store(name, statement.index, total, "+"))
            adds = Assign(total, statement.text, "+")
        if not apart:
            return adds
        block = around.names.new(f"{name}_block")
        around.rooms.append(Allocate(block, (str(BLOCK),), dtype))
        sums.apart.append(replace(adds, text=f"{block}[{self.blocked.place}]"))
        return Store(block, (place,), statement.text)

    def _whole(self, segment: _Segment) -> bool:
        """Whether nothing but the block's own arrays is touched, whose last rows may be any.

        Loops of one length that is known take less to compile, and less to enter.
        """
        moved = [self._moved(s, self.lane) for s in segment.body]
        if any(self.row in names_in(t) for s in moved for t in right_sides(s)):
            return False
        own = {t.name for t in self.turned} | set(self.rows.summed)
        if any(isinstance(s, Store) and s.array not in own for s in moved):
            return False
        carried = [n for n in self.rows.carried if n not in self.around.dtypes]
        dtypes = [self.around.arrays[t.array][0] for t in self.turned]
        dtypes += [self.around.dtypes[n] for n in self.blocked.arrays]
        return not carried and all(dtype in ("float64", "float32", "bool") for dtype in dtypes)

    def _moved(self, statement: Any, place: str) -> Any:
        """A statement with the elements of turned arrays in their new places."""
        for t in self.turned:
            old = f"{t.row}, {self.column}" if t.row else self.column
            new = f"{self.column}, {place}"
            element = re.compile(rf"(?<![\w.]){re.escape(f'{t.array}[{old}]')}")
            text = element.sub(f"{t.name}[{new}]", statement.text)
            statement = replace(statement, text=text)
            if isinstance(statement, Store):
                index = tuple(element.sub(f"{t.name}[{new}]", i) for i in statement.index)
                statement = replace(statement, index=index)
                if statement.array == t.array:
                    statement = replace(statement, array=t.name, index=(self.column, place))
        return statement


def _segments(loop: For, own: set[str]) -> list[_Segment]:
    """The body in pieces, each with the numbers of the row that it is given by another one."""
    made: list[_Segment] = []
    for statement in loop.body:
        if isinstance(statement, For):
            made.append(_Segment(list(statement.body), statement))
        elif not isinstance(statement, Comment):
            if not made or made[-1].along is not None:
                made.append(_Segment([]))
            made[-1].body.append(statement)
    for segment in made:
        known: set[str] = set()
        for statement in segment.body:
            read = {n for text in right_sides(statement) for n in names_in(text)}
            if isinstance(statement, Assign) and statement.update:
                read.add(statement.name)
            segment.needs |= (read & own) - known
            if isinstance(statement, Assign):
                known.add(statement.name)
    return made


def _mentioned(statement: Any) -> list[str]:
    """The names in a statement, not in those within it."""
    return [*writes_of(statement), *(n for t in reads_of(statement) for n in names_in(t))]


def _places(array: str, text: str) -> list[str]:
    """The indices at which a text reads an array; what is no plain index gives one that is not."""
    name = re.escape(array)
    found = re.findall(rf"(?<![\w.]){name}\[([^\[\]()]*)\]", text)
    mentions = len(re.findall(rf"(?<![\w.]){name}(?!\w)", text))
    return found if len(found) == mentions else [*found, "?"]
