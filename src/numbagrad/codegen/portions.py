"""Long loops for several threads: their rows in parts, each a call of a function of its own.

A loop whose rows meet in sums alone becomes a portion, a function that takes the rows of one part
and leaves what these add to the sums in arrays with a place for each part; behind it the parts are
added up in their order. Every part starts its sums from nothing, and where it begins depends on
sizes alone: so the result does not depend on who computes which part, or when.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from ..kernels.portions import first_row, parts_of
from ..records import replace
from .names import Names
from .outline import size_of
from .program import (
    BUILT_IN,
    Allocate,
    Assign,
    Call,
    For,
    Program,
    Share,
    Sizes,
    Store,
    Together,
    names_in,
    names_read,
    names_set,
    reads_of,
    taken_names,
    walk,
    zero,
)
from .rows import RowLoop, stores_by_row

__all__ = ["in_portions"]

#: A loop without loops and calls inside whose body has fewer operations is not worth handing out:
#: memory is as fast for one thread.
_LEAST = 6
#: What a call of an elementary function counts for, beside the operations in the text.
_DEAR = 8


def in_portions(program: Program) -> Program:
    """The Program with its long loops in portions; itself if there is none that can be."""
    return _Splitter(program).made()


class _Splitter:
    def __init__(self, program: Program):
        self.program = program
        self.types = _types(program)
        self.names = Names(taken_names(program).union(self.types))
        self.same = _shared_memory(program.body, self.types)
        #: How many statements read a name, those within loops not counted by themselves.
        self.readers = Counter(n for s in program.body for n in set(names_read([s])))
        self.results = {name for name, _, _ in program.results}
        self.rooms = [s for s in program.body if isinstance(s, Allocate) and s.fill is None]
        self.again = _same_memory(program.body, {s.name for s in self.rooms})
        #: What printed code calls the functions that it needs, and what is local to portions.
        self.called: dict[str, str] = {}
        self.local: dict[str, str] = {}
        self.dropped: list[Any] = []

    def made(self) -> Program:
        """The Program in portions."""
        body: list[Any] = []
        for statement in self.program.body:
            loop = self._shareable(statement) if isinstance(statement, For) else None
            if loop is None or not isinstance(statement, For):
                body.append(statement)
            else:
                body += self._shared(statement, loop)
        if not self.called:
            return self.program
        body = [s for s in body if not any(s is other for other in self.dropped)]
        functions = {"parts_of": parts_of, "first_row": first_row, "shared_out": range}
        scope = {self.called[name]: function for name, function in functions.items()}
        namespace = self.program.namespace | scope
        for statement in body:
            if isinstance(statement, Share):
                statement.portion.namespace |= namespace
                statement.portion.verify()
        made = replace(self.program, body=body, namespace=namespace)
        made.verify()
        return made

    # -- which loops -----------------------------------------------------------------------

    def _shareable(self, statement: For) -> RowLoop | None:
        if statement.begin or (statement.step != 1 and not isinstance(statement.step, str)):
            return None
        loop = RowLoop(statement, {a.name for a in self._scratch(statement)})
        nested = any(isinstance(s, For) for s in statement.body)
        dear = any("(" in text for text in loop.texts)
        worth = nested or dear or size_of(statement.body) >= _LEAST
        if loop.names & self.program.generators or not worth or not loop.independent:
            return None
        known = all(n in self.types for n in (*loop.summed, *loop.carried))
        return loop if known and self._apart(loop) else None

    def _scratch(self, loop: For) -> list[Any]:
        """Arrays of one row's temporaries, or of a block's: each portion has its own."""
        mine = set(names_read([loop]))
        blocks = isinstance(loop.step, str)
        again = self.again if blocks else []
        while True:
            naming = Counter(s.text for s in again)
            candidates = {n for n in mine.union(naming) if n not in self.results}
            free = {n for n in candidates if self.readers[n] == naming[n] + (n in mine)}
            others = [s for s in again if s.name in free]
            if len(others) == len(again):
                break
            again = others
        room = [s for s in self.rooms if s.name in free]
        return [*(s for s in room if blocks or not stores_by_row(loop, s.name)), *again]

    def _apart(self, loop: RowLoop) -> bool:
        """Whether what the loop writes is no other array's memory under a second name."""
        written = {s.array for s in loop.statements if isinstance(s, Store)} - set(loop.scratch)
        mentioned = written | loop.names
        return not any(self.same.get(n, set()) & (mentioned - {n}) for n in written)

    # -- printing --------------------------------------------------------------------------

    def _name(self, stem: str) -> str:
        if stem not in self.called:
            self.called[stem] = self.names.new(stem)
        return self.called[stem]

    def _own(self, stem: str) -> str:
        """A name that means the same kind of thing wherever it stands."""
        if stem not in self.local:
            self.local[stem] = self.names.new(stem)
        return self.local[stem]

    def _axes(self, ndim: int) -> tuple[str, ...]:
        return tuple(self._own(f"k{d}" if d else "k") for d in range(ndim))

    def _shared(self, statement: For, loop: RowLoop) -> list[Any]:
        """What stands for a loop: its parts, and the sum of what they give."""
        part, parts = self._own("part"), self.names.new("parts")
        given: dict[str, str] = {}
        allocated: list[Any] = []
        adding: list[Any] = []
        for name in (*loop.carried, *loop.summed):
            dtype, ndim = self.types[name]
            given[name] = self.names.new(f"{name}_parts")
            shape = tuple(f"{name}.shape[{k}]" for k in range(ndim))
            allocated.append(Allocate(given[name], (parts, *shape), dtype))
            adding.append(self._added(name, given[name], part))
        sizes = " + ".join(f"{n}.size" for n in loop.summed)
        sums = f"float({sizes})" if sizes else "0.0"
        count = f"{self._name('parts_of')}({statement.extent}, {_work(statement)}, {sums})"
        portion, takes = self._portion(statement, loop, part, parts, given)
        return [
            Assign(parts, count, dtype="int64"),
            *allocated,
            Share(self._name("shared_out"), part, parts, portion, takes),
            *([For(part, parts, adding)] if adding else []),
        ]

    def _added(self, name: str, parts: str, part: str) -> Any:
        """``name += parts[part]``."""
        dtype, ndim = self.types[name]
        axes = self._axes(ndim)
        text = f"{parts}[{', '.join((part, *axes))}]"
        if not ndim:
            return Assign(name, text, "+", dtype)
        made: Any = Store(name, axes, text, "+")
        for d in reversed(range(ndim)):
            made = For(axes[d], f"{name}.shape[{d}]", [made])
        return made

    def _portion(
        self, statement: For, loop: RowLoop, part: str, parts: str, given: dict[str, str]
    ) -> tuple[Program, tuple[str, ...]]:
        """The function that computes one part, and what it takes besides ``part, parts``."""
        first = self._name("first_row")
        begin, end = self._own("begin"), self._own("end")
        scratch = self._scratch(statement)
        self.dropped += scratch
        starts: list[Any] = [
            Assign(n, zero(self.types[n][0]), dtype=self.types[n][0]) for n in loop.carried
        ]
        saves: list[Any] = [Store(given[n], (part,), n) for n in loop.carried]
        for n in loop.summed:
            dtype, ndim = self.types[n]
            shape = tuple(f"{given[n]}.shape[{k + 1}]" for k in range(ndim))
            starts.append(Allocate(n, shape, dtype, zero(dtype)))
            axes = self._axes(ndim)
            save: Any = Store(given[n], (part, *axes), f"{n}[{', '.join(axes)}]")
            for d in reversed(range(ndim)):
                save = For(axes[d], shape[d], [save])
            saves.append(save)
        rows = statement.extent
        bounds = [
            # No row is below 0, which a compiler can not know of what a function returns.
            Assign(begin, f"max({first}({part}, {parts}, {rows}), 0)", dtype="int64"),
            Assign(end, f"{first}({part} + 1, {parts}, {rows})", dtype="int64"),
        ]
        portion_loop = replace(statement, begin=begin, extent=end)
        if isinstance(statement.step, str):
            portion_loop, scratch = _of_portion(portion_loop, scratch, f"{end} - {begin}")
        body = [*bounds, *starts, *scratch, portion_loop, *saves]
        sets = {*names_set(body), part, parts, first} | set(self.program.namespace)
        takes = tuple(n for n in dict.fromkeys(names_read(body)) if self._is_taken(n, sets))
        sums = [*loop.carried, *loop.summed]
        known = self.types | {given[n]: (d, k + 1) for n in sums for d, k in [self.types[n]]}
        kinds = [(n, *known.get(n, ("float64", 0))) for n in takes]
        stored = {s.array for s in loop.statements if isinstance(s, Store)} - set(loop.summed)
        gives = ", ".join([*(n for n in takes if n in stored), *(f"a part of {n}" for n in sums)])
        portion = replace(
            self.program,
            name=self.names.new(f"{self.program.name}_rows"),
            parameters=[(part, "int64", 0), (parts, "int64", 0), *kinds],
            body=body,
            results=[],
            doc=f"{gives or 'nothing'} in the rows of one part",
            constants=[],
            namespace=dict(self.program.namespace),
        )
        return portion, takes

    def _is_taken(self, name: str, sets: set[str]) -> bool:
        return name not in sets and name not in BUILT_IN


def _same_memory(body: Sequence[Any], arrays: set[str]) -> list[Any]:
    """The statements that give arrays another name, or such a name one more."""
    found: list[Any] = []
    for statement in body:
        if isinstance(statement, Assign) and statement.text in arrays:
            found.append(statement)
            arrays = arrays | {statement.name}
    return found


def _of_portion(loop: For, scratch: list[Any], count: str) -> tuple[For, list[Any]]:
    """A loop over blocks that ends where its portion does, with arrays of no more rows."""
    first, *others = loop.body
    rows = first.text.partition(" + ")[2].partition(",")[0]
    last = replace(first, text=f"min({loop.variable} + {rows}, {loop.extent})")
    made = [
        replace(s, shape=(f"min({rows}, {count})", *s.shape[1:]))
        if isinstance(s, Allocate) and s.shape[0] == rows
        else s
        for s in scratch
    ]
    return replace(loop, body=[last, *others]), made


def _types(program: Program) -> dict[str, tuple[str, int]]:
    """What is known of the dtype and number of dimensions of names; 0 for numbers."""
    found = {name: (dtype, ndim) for name, dtype, ndim in program.parameters}
    found |= {name: (dtype, 0) for name, dtype in program.registers.items()}
    found |= program.arrays
    for statement in walk(program.body):
        if isinstance(statement, Allocate):
            found[statement.name] = statement.dtype, len(statement.shape)
        elif isinstance(statement, Assign) and statement.dtype:
            found[statement.name] = statement.dtype, 0
        elif isinstance(statement, Sizes):
            found |= {n: ("int64", 0) for n in statement.names if n}
    return found


def _work(loop: For) -> str:
    """About how many operations all rows take, as text."""
    if loop.each:
        return f"float({loop.extent}) * float({loop.each})"
    inner = [s for s in loop.body if isinstance(s, For)]
    own = size_of([s for s in loop.body if not isinstance(s, For)])
    own += _DEAR * sum(text.count("(") for s in walk(loop.body) for text in reads_of(s))
    each = [f"{own}.0", *(f"{_length(s, loop)} * {size_of(s.body)}.0" for s in inner)]
    total = f"({' + '.join(each)})" if inner else each[0]
    return f"float({loop.extent}) * {total}"


def _length(inner: For, loop: For) -> str:
    """How long a loop in a row is, as text; if only the row knows: half the rows, as in a triangle.

    Too many is the better guess: threads that were not needed cost microseconds.
    """
    within = {loop.variable, *names_set(loop.body)}
    known = not within & set(names_in(inner.extent))
    return f"float({inner.extent})" if known else f"0.5 * float({loop.extent})"


def _shared_memory(body: Sequence[Any], types: dict[str, tuple[str, int]]) -> dict[str, set[str]]:
    """For each name of an array those that may be the same memory, itself among them."""
    found: dict[str, set[str]] = {}
    ranks = {name: ndim for name, (_, ndim) in types.items() if ndim}
    pairs: list[tuple[tuple[str, ...], str]]
    for statement in walk(body):
        match statement:
            case Assign(name, text, _, dtype) if not dtype:
                pairs = [((name,), text)]
            case Together(names, texts):
                pairs = [((n,), t) for n, t in zip(names, texts, strict=True)]
            case Call(names, text, _) if not text.startswith("blas."):  # whose results are new
                pairs = [(names, text)]
            case _:
                continue
        for targets, text in pairs:
            others = _whole_arrays(text, ranks)
            if others:
                everyone = {*targets, *others}
                joined = everyone.union(*(found.get(n, set()) for n in everyone))
                found |= dict.fromkeys(joined, joined)
                ranks = dict.fromkeys(targets, _ANY) | ranks
    return found


#: More dimensions than an array has: any part of one may be an array.
_ANY = 99


def _whole_arrays(text: str, ranks: dict[str, int]) -> list[str]:
    """The arrays in a text of which it mentions more than sizes and single elements."""
    found = []
    for name in set(names_in(text)) & set(ranks):
        for mention in re.finditer(rf"(?<![\w.]){re.escape(name)}(?!\w)", text):
            behind = text[mention.end() :]
            sizes = re.match(r"\.(shape|size)\b", behind)
            if not sizes and _indices(behind) != ranks[name]:
                found.append(name)
    return found


def _indices(text: str) -> int:
    """How many indices stand in the brackets with which a text begins; 0 for slices and others."""
    depth, commas = 0, 0
    for place, character in enumerate(text):
        depth += (character in "[(") - (character in "])")
        commas += character == "," and depth == 1
        if depth == 0:
            return commas + 1 if text[0] == "[" and ":" not in text[:place] else 0
    return 0
