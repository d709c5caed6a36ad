"""The Program as Python source: readable, commented, deterministic.

A Program of more statements than the cap is printed as several functions that hand each other
numbers and C-contiguous arrays, because compilers take more than linear time for one function.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .names import Names
from .program import (
    Allocate,
    Assign,
    Call,
    Check,
    Comment,
    For,
    If,
    Program,
    Sizes,
    Statement,
    Store,
    names_in,
    reads_of,
    writes_of,
)

__all__ = ["Emitted", "emit"]

_ZEROS = frozenset(("0", "0.0", "False"))


@dataclass(frozen=True)
class Emitted:
    """Printed code.

    Attributes
    ----------
    source : str
        The text of the module.
    name : str
        The function to call.
    helpers : tuple of str
        The functions it was cut into, in order; empty for a small one.
    """

    source: str
    name: str
    helpers: tuple[str, ...]


def emit(program: Program, cap: int) -> Emitted:
    """Print a Program.

    Parameters
    ----------
    program : Program
    cap : int
        About how many statements one function may have.
    """
    parts = _cut(program, cap)
    if len(parts) <= 1:
        text = _function(program, program.body)
        return Emitted(text, program.name, ())
    return _in_parts(program, parts)


def _in_parts(program: Program, parts: list[list[Statement]]) -> Emitted:
    known = {name for name, _, _ in program.parameters}
    reads = [_reads(part) for part in parts]
    writes = [_writes(part) for part in parts]
    last: dict[str, int] = {name: len(parts) for name, _, _ in program.results}
    for number, used in enumerate(reads):
        for name in used:
            last[name] = max(last.get(name, -1), number)
    names = Names(frozenset(known | set(program.namespace) | set().union(*writes)))
    texts: list[str] = []
    helpers: list[str] = []
    calls: list[Any] = []
    for number, part in enumerate(parts):
        takes = [n for n in reads[number] if n in known]
        gives = [n for n in writes[number] if last.get(n, -1) > number]
        known.update(gives)
        helper = names.new(f"{program.name}_part{number + 1}")
        helpers.append(helper)
        lines = [f"def {helper}({', '.join(takes)}):", *_block(part, 1)]
        lines.append(f"    return {', '.join(gives) or 'None'}")
        texts.append("\n".join(lines))
        target = f"{', '.join(gives)} = " if gives else ""
        calls.append(Comment(f"part {number + 1} of {len(parts)}"))
        calls.append(_Line(f"{target}{helper}({', '.join(takes)})"))
    texts.append(_function(program, calls).rstrip("\n"))
    return Emitted("\n\n\n".join(texts) + "\n", program.name, tuple(helpers))


@dataclass
class _Line:
    """A statement that is text already."""

    text: str


def _cut(program: Program, cap: int) -> list[list[Statement]]:
    """The body in runs of top-level statements of about ``cap`` statements each."""
    parts: list[list[Statement]] = [[]]
    weight = 0
    for statement in program.body:
        mine = _size(statement)
        if weight and weight + mine > cap:
            comments = []
            while parts[-1] and isinstance(parts[-1][-1], Comment):
                comments.append(parts[-1].pop())
            parts.append(comments[::-1])
            weight = 0
        parts[-1].append(statement)
        weight += mine
    return [p for p in parts if p]


def _inner(statement: Any) -> list[Statement]:
    return getattr(statement, "body", None) or getattr(statement, "then", None) or []


def _size(statement: Any) -> int:
    """How much a compiler has to do for it: statements, long ones counted by their length."""
    if isinstance(statement, Comment):
        return 0
    own = 1 + sum(len(text) for text in reads_of(statement)) // 80
    return own + sum(_size(inner) for inner in _inner(statement))


def _reads(part: Sequence[Statement]) -> list[str]:
    found: dict[str, None] = {}
    stack: list[Any] = list(reversed(part))
    while stack:
        statement = stack.pop()
        for text in reads_of(statement):
            found.update(dict.fromkeys(names_in(text)))
        stack.extend(reversed(_inner(statement)))
    return list(found)


def _writes(part: Sequence[Statement]) -> list[str]:
    found: dict[str, None] = {}
    stack: list[Any] = list(reversed(part))
    while stack:
        statement = stack.pop()
        if not isinstance(statement, For):  # a loop's variable is nobody else's
            found.update(dict.fromkeys(writes_of(statement)))
        stack.extend(reversed(_inner(statement)))
    return list(found)


def _function(program: Program, body: Sequence[Any]) -> str:
    parameters = ", ".join(name for name, _, _ in program.parameters)
    lines = [f"def {program.name}({parameters}):"]
    lines += [f'    """{line}' if k == 0 else f"    {line}".rstrip()
              for k, line in enumerate(program.doc.splitlines())]  # fmt: skip
    lines[-1] += '"""' if len(lines) == 2 else ""
    if program.doc.count("\n"):
        lines.append('    """')
    lines += _block(body, 1)
    lines.append(f"    return {', '.join(name for name, _, _ in program.results)}".rstrip())
    return "\n".join(lines) + "\n"


def _block(body: Sequence[Any], depth: int) -> list[str]:
    indent = "    " * depth
    lines: list[str] = []
    for statement in body:
        match statement:
            case For(variable, extent, inner):
                lines.append(f"{indent}for {variable} in range({extent}):")
                lines += _block(inner, depth + 1) or [f"{indent}    pass"]
            case If(condition, inner):
                lines.append(f"{indent}if {condition}:")
                lines += _block(inner, depth + 1)
            case Check(condition, code, comment):
                lines.append(f"{indent}if {_negated(condition)}:")
                lines.append(f"{indent}    raise Failed({code})  # {_one_line(comment)}")
            case Call(targets, text, objects) if objects is not None:
                kinds = ", ".join(f"{t}={o!r}" for t, o in zip(targets, objects, strict=True))
                lines.append(f"{indent}with objmode({kinds}):")
                lines.append(f"{indent}    {', '.join(targets)} = {text}")
            case _:
                lines.append(indent + _simple(statement))
    return lines


def _simple(statement: Any) -> str:
    match statement:
        case Comment(text):
            return f"# {_one_line(text)}"
        case Sizes((name,), array):
            return f"{name} = {array}.shape[0]"
        case Sizes(names, array):
            wanted = [(d, n) for d, n in enumerate(names) if n]
            if len(wanted) == len(names):
                return f"{', '.join(names)} = {array}.shape"
            return "; ".join(f"{n} = {array}.shape[{d}]" for d, n in wanted)
        case Assign(name, text, update):
            return f"{name} {update}= {text}"
        case Store(array, index, text, update):
            return f"{array}[{', '.join(index)}] {update}= {text}"
        case Allocate(name, shape, dtype, fill):
            return f"{name} = {_allocation(shape, dtype, fill)}"
        case Call(targets, text, _):
            return f"{', '.join(targets)} = {text}"
        case _Line(text):
            return text
    raise TypeError(f"{statement!r} is no statement")


def _allocation(shape: tuple[str, ...], dtype: str, fill: str | None) -> str:
    size = shape[0] if len(shape) == 1 else f"({', '.join(shape)})"
    kind = "bool_" if dtype == "bool" else dtype
    suffix = "" if dtype == "float64" else f", {kind}"
    if fill is None:
        return f"empty({size}{suffix})"
    plain = re.fullmatch(r"[a-z0-9]+\((.*)\)", fill)
    if fill in _ZEROS or (plain and plain.group(1) in _ZEROS):
        return f"zeros({size}{suffix})"
    return f"full({size}, {fill}{suffix})"


def _negated(condition: str) -> str:
    if condition.count(" == ") == 1 and not re.search(r" (and|or|if) ", condition):
        return condition.replace(" == ", " != ")
    return f"not ({condition})"


def _one_line(text: str) -> str:
    return " ".join(str(text).split())
