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
    Share,
    Store,
    Together,
    names_in,
    names_read,
    names_set,
    walk,
    writes_of,
)
from .rows import right_sides

__all__ = ["in_one_breath", "reused"]

#: Kernels whose results are surely new, and which keep none of their arguments.
_FRESH = "blas."
#: A name, and what stands behind it: an index if only an element is read.
_MENTION = re.compile(r"(?<![\w.])([^\W\d]\w*)(.?)")


def reused(program: Program) -> Program:
    """The Program with arrays that loops read for the last time written again."""
    body = _made_in_place(program)
    kept = {name for name, _, _ in (*program.results, *program.parameters)}
    touched = [_mentioned(s) for s in body]
    last = {name: place for place, names in enumerate(touched) for name in names}
    shown = _first_shown(body)
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
        if not isinstance(body[loop], (For, Share)) or new in kept:
            continue
        for old in sorted(touched[loop] - kept - {new}):
            same = last[old] == loop and shapes.get(old) == shapes[new]
            same = same and shown.get(old, loop) >= loop
            reader = _rows(body[loop], {old, new}) if same else None
            if reader is not None and in_one_breath(reader, old, new):
                body[place] = Assign(new, old)
                body[loop] = _with_one(body[loop], old, new)
                last[old] = len(body)
                break
    made = replace(program, body=body)
    made.verify()
    return made


def _rows(statement: For | Share, arrays: set[str]) -> For | None:
    """The loop over the rows of some arrays, in one thread or in several; None if there are more.

    Where a part of the rows begins makes no difference: each row is in one part.
    """
    if isinstance(statement, For):
        return statement
    found = [s for s in statement.portion.body if arrays & _mentioned(s)]
    return replace(found[0], begin="") if len(found) == 1 and isinstance(found[0], For) else None


def _with_one(statement: Any, old: str, new: str) -> Any:
    """A loop for threads that takes one array for two."""
    if not isinstance(statement, Share):
        return statement
    portion = statement.portion
    parameters = [p for p in portion.parameters if p[0] != new]
    portion = replace(portion, parameters=parameters, body=[Assign(new, old), *portion.body])
    portion.verify()
    return replace(statement, portion=portion, takes=tuple(n for n in statement.takes if n != new))


def _made_in_place(program: Program) -> list[Any]:
    """The statements, with arrays that only become the beginning of others made right there.

    ``a = empty((k, m)); ...; b = empty(n); a_flat = a.reshape(-1)`` and then a loop that copies
    ``a_flat`` to the first elements of ``b`` is ``b = empty(n); a = b[:k*m].reshape((k, m)); ...``.
    """
    body = list(program.body)
    at = 0
    while at < len(body):
        loop = body[at]
        stores = loop.body if isinstance(loop, For) and not loop.begin and loop.step == 1 else []
        changed = next((c for s in stores if (c := _made_there(program, body, at, s))), None)
        if changed is None:
            at += 1
        else:
            body, at = changed, 0
    return body


def _made_there(program: Program, body: list[Any], at: int, store: Any) -> list[Any] | None:
    """The statements without a copy, in the loop at a place, of one flat array into another."""
    loop = body[at]
    if not isinstance(store, Store) or store.index != (loop.variable,) or store.update:
        return None
    target, source = store.array, store.text.removesuffix(f"[{loop.variable}]")
    if not source.isidentifier():  # more than a copy; most are
        return None
    views = [k for k in range(at) if isinstance(body[k], Assign) and body[k].name == source]
    text = body[views[0]].text if len(views) == 1 else ""
    old = text.removesuffix(".reshape(-1)")
    places = {s.name: k for k, s in enumerate(body[:at]) if isinstance(s, Allocate)}
    kept = {name for name, _, _ in (*program.results, *program.parameters)}
    if old == text or old in kept or not places.get(old, at) < places.get(target, -1):
        return None
    made, whole = body[places[old]], body[places[target]]
    rest = [s for s in loop.body if s is not store]
    given = {name for name, _, _ in program.parameters} | set(program.namespace) | BUILT_IN
    ready = given.union(*(writes_of(s) for s in body[: places[old]]))
    needed = {name for text in (*whole.shape, loop.extent) for name in names_in(text)}
    if (
        made.fill is not None
        or whole.fill is not None
        or made.dtype != whole.dtype
        or len(whole.shape) != 1
        or not needed <= ready
        or any({old, source} & _mentioned(s) for s in (*rest, *body[at + 1 :]))
        or any(source in _mentioned(s) for k, s in enumerate(body[:at]) if k != views[0])
        or old in _first_shown([s for k, s in enumerate(body[:at]) if k != views[0]])
    ):
        return None
    shape = ", ".join(made.shape)
    view = Assign(old, f"{target}[:{loop.extent}].reshape(({shape}))")
    left = [replace(loop, body=rest)] if any(not isinstance(s, Comment) for s in rest) else []
    tail = [s for k, s in enumerate(body[:at]) if places[old] < k != views[0] and s is not whole]
    return [*body[: places[old]], whole, view, *tail, *left, *body[at + 1 :]]


def _mentioned(statement: Any) -> set[str]:
    return {*names_set([statement]), *names_read([statement])}


def _first_shown(body: Sequence[Any]) -> dict[str, int]:
    """From which statement on another name may stand for an array or for a part of it."""
    found: dict[str, int] = {}
    for place, statement in enumerate(body):
        for inner in walk([statement]):
            for name in _shown(inner):
                found.setdefault(name, place)
    return found


def _shown(statement: Any) -> Sequence[str]:
    match statement:
        case Assign(_, text, _, _):
            whole = ":" in text
            return [n for n, behind in _MENTION.findall(text) if whole or behind != "["]
        case Call(_, text, _):
            return [] if text.startswith(_FRESH) else names_in(text)
        case Together(names, texts):
            return [*names, *(name for text in texts for name in names_in(text))]
    return []


def in_one_breath(loop: For, old: str, new: str) -> bool:
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
