"""Loop nests that are equal but for their names become one function.

A deep network repeats its layers, and a compiler takes as long for the hundredth as for the first.
Nests whose statements differ in names alone are printed once, as a function in the names of the
first, and called in each place. Nothing is asked of dtypes: a printed function is compiled for the
arguments of each call, once for those that are alike.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from ..records import record, replace
from .names import Names
from .outline import Part, count_reads, fits, read_first, sets_all, size_of
from .program import Break, Call, Check, Comment, For, If, Program, walk

__all__ = ["shared"]

#: As many equal nests at least, and as many operations fewer, are worth a function.
_TIMES = 3
_SAVED = 60
#: What the loops of a nest cost by themselves.
_LOOPS = 6
#: Where so many times as many are shared, all others become functions as well.
_MOST = 4

_NAME = re.compile(r"(?<![\w.])[^\W\d]\w*")


@record()
class _Place:
    """A nest: the body it stands in, where, and its names in the order of its text.

    A choice between two ways to compute the same nest is one as well.
    """

    body: list[Any]
    position: int
    names: list[str]
    reads: Counter[str]

    @property
    def nest(self) -> For | If:
        """The loop itself."""
        found: For | If = self.body[self.position]
        return found


def shared(program: Program, cap: int, straight: int) -> tuple[list[Part], list[Any]]:
    """Print equal nests once.

    Parameters
    ----------
    program : Program
    cap, straight : int
        As `outline` takes them: a body that it would cut is not shared, and nests within loops are
        only where it would.

    Returns
    -------
    parts : list of Part
        The functions.
    body : list of Statement
        The body with calls of them.
    """
    return _Sharer(program, cap, straight).run()


class _Sharer:
    def __init__(self, program: Program, cap: int, straight: int):
        self.program = program
        self.cap = cap
        self.straight = straight
        parameters = [name for name, _, _ in program.parameters]
        self.locals = {*sets_all(program.body), *parameters}
        self.names = Names(frozenset(self.locals | set(program.namespace)))
        self.parts: list[Part] = []

    def run(self) -> tuple[list[Part], list[Any]]:
        """The functions and what is left."""
        body = _copied(self.program.body)
        groups = self._groups(body)
        shares = [places for places in groups.values() if _pays(places)]
        alone = [place for places in groups.values() if not _pays(places) for place in places]
        reads = count_reads(body)
        reads.update(name for name, _, _ in self.program.results)
        for places in shares:
            self._share(places, reads)
        # What is left of a long function that repeats itself only calls, and needs no optimisation.
        if self.straight > 1 and self.parts and size_of(self.program.body) > self.cap:
            few = _MOST * len(alone) < sum(map(len, shares))
            for place in alone if few else ():
                self._share([place], reads)
        return self.parts, body

    # -- finding -----------------------------------------------------------------------------

    def _groups(self, body: list[Any]) -> dict[Any, list[_Place]]:
        """The nests of a body by what they say; those of a choice where it is not repeated."""
        found: dict[Any, list[_Place]] = {}
        bodies = [body]
        while bodies:
            for one in bodies:
                self._gather(one, found)
            bodies = []
            for key, places in list(found.items()):
                if isinstance(places[0].nest, If) and not _pays(places):
                    del found[key]
                    bodies += [side for p in places for side in _sides(p.nest)]
        return found

    def _gather(self, body: list[Any], groups: dict[Any, list[_Place]]) -> None:
        """Note the nests of a body by what they say, and those in bodies that would be cut."""
        for position, statement in enumerate(body):
            if (isinstance(statement, For) or _chooses(statement)) and self._movable(statement):
                key, names = self._content(statement)
                groups.setdefault(key, []).append(
                    _Place(body, position, names, count_reads([statement]))
                )
                continue
            if isinstance(statement, For) and not fits(statement.body, self.cap, self.straight):
                self._gather(statement.body, groups)
            elif isinstance(statement, If):
                for inner in _sides(statement):
                    self._gather(inner, groups)

    def _movable(self, nest: For | If) -> bool:
        """Whether it may be a function: not too long, and it neither fails nor leaves the code."""
        sides = _sides(nest) if isinstance(nest, If) else []
        if not all(fits(side, self.cap, self.straight) for side in sides):
            return False
        for statement in walk([nest]):
            if isinstance(statement, Check) or (sides and isinstance(statement, Break)):
                return False
            if isinstance(statement, Call) and statement.objects is not None:
                return False
            if isinstance(statement, For) and not fits(statement.body, self.cap, self.straight):
                return False
        return True

    def _content(self, nest: For | If) -> tuple[Any, list[str]]:
        """What a nest says with numbers for its names, and the names."""
        numbers: dict[str, int] = {}

        def numbered(match: re.Match[str]) -> str:
            name = match.group()
            if name not in self.locals:
                return name
            return f"${numbers.setdefault(name, len(numbers))}"

        def content(value: Any) -> Any:
            if isinstance(value, str):
                return _NAME.sub(numbered, value)
            if isinstance(value, (list, tuple)):
                return tuple(content(v) for v in value if not isinstance(v, Comment))
            if hasattr(value, "__dict__"):
                return (type(value).__name__, *(content(v) for v in vars(value).values()))
            return value

        return content(nest), list(numbers)

    # -- sharing -----------------------------------------------------------------------------

    def _share(self, places: Sequence[_Place], reads: Counter[str]) -> None:
        """Make one function of equal nests, but for those that leave more than it can give."""
        first = places[0]
        needs, changed = set(read_first([first.nest])), _sets(first.nest)
        takes = [k for k, name in enumerate(first.names) if name in needs]
        sets = [k for k, name in enumerate(first.names) if name in changed - needs]
        carried = [k for k, name in enumerate(first.names) if name in changed & needs]
        kept = [
            place for place in places if not any(_is_read_outside(place, k, reads) for k in sets)
        ]
        if not kept or (len(places) > 1 and not _pays(kept)):
            return
        gives = [k for k in carried if any(_is_read_outside(place, k, reads) for place in kept)]
        name = self.names.new(f"{self.program.name}_nest{len(self.parts) + 1}")
        given = kept[0].names
        part = Part(
            name,
            tuple(given[k] for k in takes),
            [kept[0].nest],
            tuple(given[k] for k in gives),
        )
        self.parts.append(part)
        for place in kept:
            arguments = ", ".join(place.names[k] for k in takes)
            targets = tuple(place.names[k] for k in gives)
            place.body[place.position] = Call(targets, f"{name}({arguments})")


def _copied(body: Sequence[Any]) -> list[Any]:
    """The same statements in lists of their own."""
    made: list[Any] = []
    for statement in body:
        if isinstance(statement, For):
            statement = replace(statement, body=_copied(statement.body))
        elif isinstance(statement, If):
            orelse = None if statement.orelse is None else _copied(statement.orelse)
            statement = replace(statement, then=_copied(statement.then), orelse=orelse)
        made.append(statement)
    return made


def _sides(choice: Any) -> list[list[Any]]:
    """The bodies of a choice."""
    return [choice.then, choice.orelse or []]


def _chooses(statement: Any) -> bool:
    """Whether it is a choice between two nests."""
    return isinstance(statement, If) and all(
        any(isinstance(s, For) for s in side) for side in _sides(statement)
    )


def _pays(places: Sequence[_Place]) -> bool:
    """Whether so many nests are worth a function."""
    saved = (len(places) - 1) * (_LOOPS + size_of([places[0].nest]))
    return len(places) >= _TIMES and saved >= _SAVED


def _sets(nest: For | If) -> set[str]:
    """What a nest sets, but for the variables of its loops, which nobody else reads."""
    loops = {s.variable for s in walk([nest]) if isinstance(s, For)}
    return set(sets_all([nest])) - loops


def _is_read_outside(place: _Place, number: int, reads: Counter[str]) -> bool:
    name = place.names[number]
    return reads[name] > place.reads[name]
