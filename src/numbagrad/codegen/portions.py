"""A Program in stages, for several threads: loops whose rows are shared out, and what is between.

Each stage is a Program of its own. One that holds a loop takes the rows from ``begin`` to ``end``
and gives what these rows add to the loop's sums; whoever calls it adds the parts up. Every portion
starts its sums from nothing and the parts are added in their order, so that the result depends on
where portions begin and not on who computes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..records import record, replace
from .names import Names
from .outline import size_of
from .program import (
    Allocate,
    Assign,
    For,
    Program,
    Sizes,
    Store,
    names_in,
    reads_of,
    walk,
    writes_of,
)
from .rows import RowLoop

__all__ = ["Shared", "Stage", "in_stages"]

#: A loop without loops and calls inside whose body has fewer operations is not worth handing out:
#: memory is as fast for one thread.
_LEAST = 6


@record(frozen=True)
class Shared:
    """How the rows of a stage are shared out.

    Attributes
    ----------
    rows, work : str
        Names of the number of rows and of about how many operations all rows take; earlier stages
        give both.
    sums : tuple of str
        The numbers and arrays that the stage gives parts of, to be added to what they were.
    whole : dict
        Arguments that stand for another name: arrays as they were, for their shapes.
    """

    rows: str
    work: str
    sums: tuple[str, ...]
    whole: dict[str, str]


@record(frozen=True)
class Stage:
    """One function of the sequence; ``shared`` is None where it runs as a whole."""

    program: Program
    shared: Shared | None = None


def in_stages(program: Program) -> list[Stage] | None:
    """The Program as a sequence of stages, or None if nothing in it can be shared out."""
    return _Splitter(program).stages()


class _Splitter:
    def __init__(self, program: Program):
        self.program = program
        self.types = _types(program)
        self.names = Names(frozenset({*self.types, *program.namespace, *_names(program.body)}))
        self.made: list[Stage] = []
        self.given = {name for name, _, _ in program.parameters}
        self.constants = [name for name, _, _ in program.parameters][
            len(program.parameters) - len(program.constants) :
        ]

    def stages(self) -> list[Stage] | None:
        """The stages, or None."""
        pending: list[Any] = []
        wanted = [name for name, _, _ in self.program.results]
        body = self.program.body
        for k, statement in enumerate(body):
            loop = self._shareable(statement) if isinstance(statement, For) else None
            if loop is None or not isinstance(statement, For):
                pending.append(statement)
                continue
            rows, work = self.names.new("rows"), self.names.new("work")
            self.types |= {rows: ("int64", 0), work: ("float64", 0)}
            pending.append(Assign(rows, statement.extent, dtype="int64"))
            pending.append(Assign(work, f"float({_work(statement)})", dtype="float64"))
            ahead = [*self._scratch(statement), statement, *body[k + 1 :]]
            later = _reads(ahead) | {*wanted, rows, work, *loop.carried}
            own = self._scratch(statement)
            pending = [s for s in pending if s not in own]
            if not self._serial(pending, later) or not self._loop(statement, loop, rows, work):
                return None
            pending = []
        if not self.made or not self._serial(pending, set(wanted), last=True):
            return None
        return self.made

    def _shareable(self, statement: For) -> RowLoop | None:
        if statement.begin:
            return None
        loop = RowLoop(statement, {a.name for a in self._scratch(statement)})
        nested = any(isinstance(s, For) for s in statement.body)
        dear = any("(" in text for text in loop.texts)
        worth = nested or dear or size_of(statement.body) >= _LEAST
        if loop.names & self.program.generators:
            return None
        known = all(n in self.types for n in (*loop.summed, *loop.carried))
        return loop if worth and known and loop.independent else None

    def _scratch(self, loop: For) -> list[Any]:
        """Arrays of one row's temporaries, or of a block's: each portion has its own."""
        elsewhere = [s for s in self.program.body if s is not loop]
        results = {name for name, _, _ in self.program.results}
        blocks = isinstance(loop.step, str)
        unset = {s.name for s in elsewhere if isinstance(s, Allocate) and s.fill is None}
        used = _reads(elsewhere) | results
        again = [
            s
            for s in elsewhere
            if blocks and isinstance(s, Assign) and s.text in unset and s.name not in used
        ]
        used = _reads([s for s in elsewhere if s not in again]) | results
        return [
            s
            for s in elsewhere
            if (isinstance(s, Allocate) and s.fill is None and s.name not in used
                and (blocks or not _by_row(loop, s.name))) or s in again
        ]  # fmt: skip

    def _serial(self, body: list[Any], later: set[str], last: bool = False) -> bool:
        takes = [n for n in dict.fromkeys(_needed(body)) if n in self.given]
        sets = [n for n in dict.fromkeys(n for s in walk(body) for n in writes_of(s))]
        gives = [n for n in sets if n in later and n not in takes]
        changed = [n for n in sets if n in later and n in takes]
        if last:
            gives, changed = [name for name, _, _ in self.program.results], []
            takes += [n for n in gives if n in self.given and n not in takes]
        results = [*gives, *changed]
        if any(n not in self.types for n in (*takes, *results)):
            return False
        self.given |= set(results)
        self._add(takes, body, results, None)
        return True

    def _loop(self, statement: For, loop: RowLoop, rows: str, work: str) -> bool:
        sums = (*loop.carried, *loop.summed)
        begin, end = self.names.new("begin"), self.names.new("end")
        self.types |= {begin: ("int64", 0), end: ("int64", 0)}
        scratch = self._scratch(statement)
        mine = {s.name for s in scratch}
        texts = _needed([*scratch, statement])
        needed = [n for n in dict.fromkeys(texts) if n in self.given and n not in mine]
        whole = {n: self.names.new(f"{n}_whole") for n in loop.summed}
        starts: list[Any] = [
            Assign(n, _zero(self.types[n][0]), dtype=self.types[n][0]) for n in loop.carried
        ]
        for n in loop.summed:
            dtype, ndim = self.types[n]
            self.types[whole[n]] = dtype, ndim
            shape = tuple(f"{whole[n]}.shape[{k}]" for k in range(ndim))
            starts.append(Allocate(n, shape, dtype, _zero(dtype)))
        takes = [begin, end, *(n for n in needed if n not in sums), *whole.values()]
        if any(n not in self.types for n in takes):
            return False
        # No row is below 0, which a compiler can not know of an argument.
        portion = replace(statement, begin=f"max({begin}, 0)", extent=end)
        if isinstance(statement.step, str):
            portion, scratch = _of_portion(portion, scratch, f"{end} - {begin}")
        body = [*starts, *scratch, portion]
        named = {alias: n for n, alias in whole.items()}
        self._add(takes, body, list(sums), Shared(rows, work, sums, named))
        return True

    def _add(
        self,
        takes: Sequence[str],
        body: list[Any],
        gives: Sequence[str],
        shared: Shared | None,
    ) -> None:
        """One more stage; constants are its last arguments, as everywhere."""
        ordered = [n for n in takes if n not in self.constants]
        constants = [n for n in takes if n in self.constants]
        data = dict(zip(self.constants, self.program.constants, strict=True))
        made = replace(
            self.program,
            name=self.names.new(f"{self.program.name}_stage{len(self.made) + 1}"),
            parameters=[(n, *self.types[n]) for n in (*ordered, *constants)],
            body=body,
            results=[(n, *self.types[n]) for n in gives],
            doc=f"{', '.join(gives) or 'checks'} from {', '.join(takes) or 'nothing'}",
            constants=[data[n] for n in constants],
        )
        made.verify()
        self.made.append(Stage(made, shared))


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


def _names(body: Sequence[Any]) -> set[str]:
    return {n for s in walk(body) for n in (*writes_of(s), *_reads([s]))}


def _by_row(loop: For, array: str) -> bool:
    """Whether each row of the loop writes a place of its own."""
    stores = [s for s in walk(loop.body) if isinstance(s, Store) and s.array == array]
    return any(loop.variable in names_in(i) for s in stores for i in s.index)


def _reads(body: Sequence[Any]) -> set[str]:
    return set(_needed(body))


def _needed(body: Sequence[Any]) -> list[str]:
    """The names that are read, arrays that are only written among them."""
    return [n for s in walk(body) for text in reads_of(s) for n in names_in(text)]


def _work(loop: For) -> str:
    """About how many operations all rows take, as text."""
    if loop.each:
        return f"({loop.extent}) * ({loop.each})"
    inner = [s for s in loop.body if isinstance(s, For)]
    own = size_of([s for s in loop.body if not isinstance(s, For)])
    each = [str(own), *(f"({_length(s, loop)}) * {size_of(s.body)}" for s in inner)]
    return f"({loop.extent}) * ({' + '.join(each)})"


def _length(inner: For, loop: For) -> str:
    """How long a loop in a row is, as text; if only the row knows: half the rows, as in a triangle.

    Too many is the better guess: threads that were not needed cost microseconds.
    """
    within = {loop.variable, *(n for s in walk(loop.body) for n in writes_of(s))}
    return f"({loop.extent}) // 2" if within & set(names_in(inner.extent)) else inner.extent


def _zero(dtype: str) -> str:
    return "0.0" if dtype == "float64" else f"{'bool_' if dtype == 'bool' else dtype}(0)"
