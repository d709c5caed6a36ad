"""Arrays written over others: an element is read for the last time where the new one is stored.

``lower`` gives an array away when its life is over before a loop begins. Here it is the loop itself
that reads an array for the last time, each element just before the element of the new array is
stored at the same place: the new array takes the memory of the old one. So one array less is held
at the peak of a gradient, and less memory is touched. All of it is read off the statements of the
finished Program; what is not surely so is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..records import replace
from .program import (
    BUILT_IN,
    Allocate,
    Assign,
    Call,
    Comment,
    For,
    Program,
    Store,
    Together,
    names_in,
    reads_of,
    walk,
    writes_of,
)
from .rows import right_sides

__all__ = ["reused"]

#: Kernels whose results are surely new, and which keep none of their arguments.
_FRESH = "blas."


def reused(program: Program) -> Program:
    """The Program with arrays that loops read for the last time written again."""
    body = _made_in_place(program)
    kept = {name for name, _, _ in (*program.results, *program.parameters)}
    touched = [_mentioned(s) for s in body]
    last = {name: place for place, names in enumerate(touched) for name in names}
    shapes: dict[str, Any] = {}
    for place, statement in enumerate(body):
        if isinstance(statement, Call) and statement.text.startswith(_FRESH):
            known = {t: program.shapes.get(t) for t in statement.targets}
            shapes |= {t: (program.arrays[t][0], s) for t, s in known.items() if s}
        if isinstance(statement, Assign) and last.get(statement.text) == place:
            given = statement.text  # under a new name from here on
            if given in shapes and given not in kept:
                shapes[statement.name] = shapes[given]
        if not isinstance(statement, Allocate) or statement.fill is not None:
            continue
        new = statement.name
        shapes[new] = statement.dtype, statement.shape
        loop = next((k for k in range(place + 1, len(body)) if new in touched[k]), 0)
        reader = body[loop]
        if not isinstance(reader, For) or new in kept:
            continue
        for old in sorted(touched[loop] - kept - {new}):
            same = last[old] == loop and shapes.get(old) == shapes[new]
            if same and _stays_whole(body[:loop], old) and _in_one_breath(reader, old, new):
                body[place] = Assign(new, old)
                last[old] = len(body)
                break
    made = replace(program, body=body)
    made.verify()
    return made


def _made_in_place(program: Program) -> list[Any]:
    """The statements, with arrays that only become the beginning of others made right there.

    ``a = empty((k, m)); ...; b = empty(n); a_flat = a.reshape(-1)`` and then a loop that copies
    ``a_flat`` to the first elements of ``b`` is ``b = empty(n); a = b[:k*m].reshape((k, m)); ...``.
    """
    body = list(program.body)
    kept = {name for name, _, _ in (*program.results, *program.parameters)}
    places = {s.name: k for k, s in enumerate(body) if isinstance(s, Allocate)}
    for copy, loop in enumerate(body):
        flat = _copied_flat(loop)
        if flat is None:
            continue
        target, source, extent = flat
        view = next((k for k in range(copy) if _sets(body[k], source)), None)
        if view is None or not body[view].text.endswith(".reshape(-1)"):
            continue
        old = body[view].text.removesuffix(".reshape(-1)")
        first, new = places.get(old), places.get(target)
        if first is None or new is None or old in kept or not first < new < copy:
            continue
        made, whole = body[first], body[new]
        alike = made.fill is None and whole.fill is None and made.dtype == whole.dtype
        uses = [k for k, s in enumerate(body) if {old, source} & _mentioned(s)]
        ready = {n for s in body[:first] for n in writes_of(s)} | _given(program)
        needed = {n for text in (*whole.shape, extent) for n in names_in(text)}
        plain = [s for k, s in enumerate(body[:copy]) if k != view]
        if not (alike and len(whole.shape) == 1 and max(uses) == copy and needed <= ready):
            continue
        if not _stays_whole(plain, old):
            continue
        shape = ", ".join(made.shape)
        body[first : first + 1] = [whole, Assign(old, f"{target}[:{extent}].reshape(({shape}))")]
        for k in sorted((new, view, copy), reverse=True):
            del body[k + 1]
        return _made_in_place(replace(program, body=body))
    return body


def _copied_flat(statement: Any) -> tuple[str, str, str] | None:
    """Target, source and extent of a loop that copies one flat array to another's beginning."""
    if not isinstance(statement, For) or statement.begin or statement.step != 1:
        return None
    inner = [s for s in statement.body if not isinstance(s, Comment)]
    if len(inner) != 1 or not isinstance(inner[0], Store) or inner[0].update:
        return None
    target, source = inner[0], inner[0].text.removesuffix(f"[{statement.variable}]")
    if target.index != (statement.variable,) or not source.isidentifier():
        return None
    return target.array, source, statement.extent


def _sets(statement: Any, name: str) -> bool:
    return isinstance(statement, Assign) and statement.name == name


def _given(program: Program) -> set[str]:
    """Names that stand for something before the first statement."""
    return {name for name, _, _ in program.parameters} | set(program.namespace) | BUILT_IN


def _mentioned(statement: Any) -> set[str]:
    found: set[str] = set()
    for inner in walk([statement]):
        found.update(writes_of(inner))
        for text in reads_of(inner):
            found.update(names_in(text))
    return found


def _stays_whole(body: Sequence[Any], name: str) -> bool:
    """Whether no other name stands for the array or a part of it."""
    for statement in walk(body):
        match statement:
            case Assign(_, text, _, _):
                good = _elements_only(text, name)
            case Call(_, text, _):
                good = text.startswith(_FRESH) or name not in names_in(text)
            case Together(names, texts):
                good = name not in names and all(name not in names_in(t) for t in texts)
            case _:
                good = True
        if not good:
            return False
    return True


def _elements_only(text: str, name: str) -> bool:
    """Whether a text mentions an array by one element at a time."""
    mentions = re.findall(rf"(?<![\w.]){re.escape(name)}(?!\w)(.?)", text)
    return all(behind == "[" for behind in mentions) and ":" not in text


def _in_one_breath(loop: For, old: str, new: str) -> bool:
    """Whether each element of ``old`` is read only in the iteration that stores it in ``new``."""
    variables: list[str] = []
    body: Sequence[Any] = [loop]
    while True:
        inner = [s for s in body if {old, new} & _mentioned(s)]
        if len(inner) != 1 or not isinstance(inner[0], For):
            break
        variables.append(inner[0].variable)
        if inner[0].begin or inner[0].step != 1:
            return False
        body = inner[0].body
    mine = [s for s in body if {old, new} & _mentioned(s)]
    if not mine or not all(isinstance(s, (Assign, Store)) for s in mine):
        return False
    store = mine[-1]
    stored = [s for s in mine if isinstance(s, Store) and s.array in (old, new)]
    if stored != [store] or store.array != new or store.update:
        return False
    if sorted(store.index) != sorted(variables):
        return False
    read = re.escape(f"{old}[{', '.join(store.index)}]")
    element = re.compile(rf"(?<![\w.]){read}")
    texts = [text for s in mine for text in right_sides(s)]
    texts += [s.name for s in mine if isinstance(s, Assign)]
    return not any({old, new} & set(names_in(element.sub("", text))) for text in texts)
