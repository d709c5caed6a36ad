"""Results that are written where the caller wants them.

The caller leaves the pointer and the sizes of such an array in the fields of ``out`` where its
result would be. An array that the function itself allocates is then put there; any other is copied.
Sizes are compared as soon as the function knows those of the result, before anything is computed
where they follow from the arguments.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from ..runtime import FAILED_GIVEN
from .arrays import Arrays, Unit
from .layout import Kind, fields_of
from .values import Array

__all__ = ["Given"]


class Given(Arrays):
    """A function some of whose results may have a place already.

    Parameters
    ----------
    unit : Unit
    function : ast.FunctionDef
    wanted : sequence of Kind
        What it returns; nothing if it is called by compiled code only.
    """

    def __init__(self, unit: Unit, function: ast.FunctionDef, wanted: Sequence[Kind]):
        super().__init__(unit)
        self.wanted = list(wanted)
        fields = [fields_of(kind) for kind in wanted]
        self._struct = unit.struct([type_ for own in fields for type_ in own])
        self._first_field = [0, *accumulate(map(len, fields))]
        #: The pointer that the caller gave for each result that is an array.
        self.given: dict[int, str] = {}
        #: The result that a statement of the function makes, and where its sizes are known.
        self._makers: dict[int, int] = {}
        self._known: dict[int, list[tuple[int, ast.expr]]] = {}
        if any(ndim is not None for _, ndim in self.wanted):
            self._look(function)

    def _look(self, function: ast.FunctionDef) -> None:
        """Find where results are allocated and from where on their sizes are known."""
        body = function.body
        sets = _positions_of_sets(body)
        parameters = {a.arg for a in function.args.args}
        for k, name in enumerate(_returned(body[-1])):
            if self.wanted[k : k + 1] == [] or self.wanted[k][1] is None or len(sets[name]) != 1:
                continue
            ((place, top),) = sets[name]
            shape = _allocated(body[place]) if top else None
            if shape is None or not self._is_allocation(body[place]):
                continue
            rows = [sets.get(n.id, []) for n in ast.walk(shape) if isinstance(n, ast.Name)]
            inner = {n.id for n in ast.walk(shape) if isinstance(n, ast.Name)} & parameters
            if any(len(row) > 1 or not all(top for _, top in row) for row in rows):
                continue
            if any(sets.get(n) for n in inner):
                continue
            self._makers[id(body[place])] = k
            known = max((place for row in rows for place, _ in row), default=-1)
            self._known.setdefault(min(known, place - 1), []).append((k, shape))

    def _is_allocation(self, statement: ast.stmt) -> bool:
        assert isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call)
        assert isinstance(statement.value.func, ast.Name)
        made = self.unit.namespace.get(statement.value.func.id)
        return any(made is known for known in (np.empty, np.zeros, np.full))

    # -- what the caller left --------------------------------------------------------------

    def _field(self, k: int, inner: int) -> str:
        write = self.writer
        place = f"{self._struct}, ptr %out, i32 0, i32 {self._first_field[k] + inner}"
        return write.make(f"getelementptr inbounds {place}")

    def fetch_given(self) -> None:
        """Read where results are wanted, when the function begins."""
        write = self.writer
        for k, (_, ndim) in enumerate(self.wanted):
            if ndim is not None:
                self.given[k] = write.make(f"load ptr, ptr {self._field(k, 1)}")
        self.check_given(-1)

    def check_given(self, position: int) -> None:
        """Compare the sizes that are known once a statement is done."""
        for k, shape in self._known.get(position, ()):
            sizes = self.value(shape)
            sizes = sizes if isinstance(sizes, tuple) else (sizes,)
            self._compare(k, [self.writer.cast(size, "int64").text for size in sizes])

    def _compare(self, k: int, extents: Sequence[str]) -> None:
        """Stop if a place is given and is of other sizes."""
        write = self.writer
        compare, on = write.label("compare"), write.label("fits")
        some = write.make(f"icmp ne ptr {self.given[k]}, null")
        write.branch(some, compare, on, rare=True)
        write.start(compare)
        for axis, extent in enumerate(extents):
            have = write.make(f"load i64, ptr {self._field(k, 2 + axis)}")
            self._stop_unless(write.make(f"icmp eq i64 {have}, {extent}"), FAILED_GIVEN)
        write.start(on)

    # -- results ---------------------------------------------------------------------------

    def take_aim(self, statement: ast.stmt) -> None:
        """The next array that is allocated is one of the results, if the statement makes one."""
        k = self._makers.get(id(statement))
        self.aim = self.given[k] if k is not None else ""

    def deliver_given(self, values: Sequence[Any]) -> list[Any]:
        """The results; those that were made elsewhere are copied to where they are wanted."""
        made = list(values)
        in_place = set(self._makers.values())
        others = [
            (k, v)
            for k, v in enumerate(made)
            if k in self.given and k not in in_place and isinstance(v, Array)
        ]
        for k, value in others:
            self._compare(k, value.shape)
        write = self.writer
        for k, value in others:
            copy, on = write.label("copy"), write.label("done")
            some = write.make(f"icmp ne ptr {self.given[k]}, null")
            write.branch(some, copy, on, rare=True)
            write.start(copy)
            self._copy(Array(value.dtype, self.given[k], value.shape), value)
            write.start(on)
        return made


def _returned(statement: ast.stmt) -> list[str]:
    """The names that a function returns at its end, empty for what is none."""
    value = statement.value if isinstance(statement, ast.Return) else None
    items = value.elts if isinstance(value, ast.Tuple) else [value]
    return [item.id if isinstance(item, ast.Name) else "" for item in items]


def _allocated(statement: ast.stmt) -> ast.expr | None:
    """The shape in ``name = empty(shape, ...)``."""
    match statement:
        case ast.Assign(targets=[ast.Name()], value=ast.Call(func=ast.Name(), args=[shape, *_])):
            return shape
    return None


class _Sets(dict[str, list[tuple[int, bool]]]):
    """The top statements in which each name is set, and whether by themselves."""

    def __missing__(self, name: str) -> list[tuple[int, bool]]:
        return []


def _positions_of_sets(body: Sequence[ast.stmt]) -> _Sets:
    found = _Sets()
    for position, statement in enumerate(body):
        simple = isinstance(statement, ast.Assign)
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.setdefault(node.id, []).append((position, simple))
    return found
