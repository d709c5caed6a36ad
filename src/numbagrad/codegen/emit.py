"""The Program as Python source: readable, commented, deterministic.

A Program of more statements than the cap is printed as several functions that hand each other
numbers and C-contiguous arrays, because compilers take more than linear time for one function.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from ..records import record, replace
from .blocks import in_blocks
from .columns import in_columns
from .drawn import drawn_apart
from .outline import STRAIGHT, Part, PartCall, outline
from .program import (
    BUILT_IN,
    Allocate,
    Assign,
    Break,
    Call,
    Check,
    Comment,
    For,
    If,
    Program,
    Share,
    Sizes,
    Store,
    Together,
    names_in,
)
from .reuse import reused
from .sharing import shared

__all__ = ["Emitted", "emit"]

_ZEROS = frozenset(("0", "0.0", "False"))


@record(frozen=True)
class Emitted:
    """Printed code.

    Attributes
    ----------
    source : str
        The text of the module.
    name : str
        The function to call.
    helpers : tuple of str
        The functions it was cut into, and those for rows that threads share, in order.
    cut : bool
        Whether it was cut because it is long.
    """

    source: str
    name: str
    helpers: tuple[str, ...]
    cut: bool = False


def emit(program: Program, cap: int, straight: int = STRAIGHT, vectors: bool = True) -> Emitted:
    """Print a Program.

    Parameters
    ----------
    program : Program
    cap : int
        About how many statements one function may have.
    straight : int
        How many times as many it may have that are no loops and no branches.
    vectors : bool
        Whether LLVM makes vectors of loops: without them, loops in stages and by columns gain
        nothing and take their time to compile.
    """
    return _printed(_staged(program) if vectors else program, cap, straight, vectors)


def _staged(program: Program) -> Program:
    """The Program and its portions with loops in stages."""
    made = drawn_apart(in_blocks(program))
    body = [
        replace(s, portion=_staged(s.portion)) if isinstance(s, Share) else s for s in made.body
    ]
    return replace(made, body=body)


def _printed(program: Program, cap: int, straight: int, vectors: bool) -> Emitted:
    program = reused(program)
    program = in_columns(program) if vectors else program
    called: list[Part] = []
    body = program.body
    if any(isinstance(s, Call) and s.objects is not None for s in _all(body)):
        body = _called_back(body, program, called, False)
    portions = [_printed(s.portion, cap, straight, vectors) for s in body if isinstance(s, Share)]
    nests, body = shared(replace(program, body=body), cap, straight)
    parts, body = outline(replace(program, body=body), cap, straight)
    parts = [*called, *nests, *parts]
    texts = [*(p.source.rstrip("\n") + "\n" for p in portions), *(_part(part) for part in parts)]
    texts.append(_function(program, body))
    names = [name for p in portions for name in (*p.helpers, p.name)]
    cut = bool(parts) or any(p.cut for p in portions)
    helpers = (*names, *(part.name for part in parts))
    return Emitted("\n\n".join(texts), program.name, helpers, cut)


def _all(body: Sequence[Any]) -> Iterator[Any]:
    for statement in body:
        yield statement
        for field in ("then", "orelse", "body"):
            yield from _all(getattr(statement, field, None) or ())


def _called_back(
    body: Sequence[Any], program: Program, called: list[Part], inside: bool
) -> list[Any]:
    """Calls of the interpreter in branches become functions: Numba has no code for them there."""
    made: list[Any] = []
    for statement in body:
        if isinstance(statement, (If, For)):
            further = inside or isinstance(statement, If)
            sides: dict[str, Any] = {
                field: _called_back(getattr(statement, field), program, called, further)
                for field in ("then", "orelse", "body")
                if getattr(statement, field, None)
            }
            made.append(replace(statement, **sides))
        elif inside and isinstance(statement, Call) and statement.objects is not None:
            own = dict.fromkeys(names_in(statement.text))
            takes = tuple(n for n in own if n not in program.namespace and n not in BUILT_IN)
            name = f"{program.name}_python{len(called) + 1}"
            called.append(Part(name, takes, [statement], statement.targets))
            made.append(Call(statement.targets, f"{name}({', '.join(takes)})"))
        else:
            made.append(statement)
    return made


def _part(part: Part) -> str:
    lines = [f"def {part.name}({', '.join(part.takes)}):", *_block(part.body, 1)]
    if part.gives:
        lines.append(f"    return {', '.join(part.gives)}")
    return "\n".join(lines) + "\n"


def _function(program: Program, body: Sequence[Any]) -> str:
    parameters = ", ".join(name for name, _, _ in program.parameters)
    lines = [f"def {program.name}({parameters}):"]
    lines += [f'    """{line}' if k == 0 else f"    {line}".rstrip()
              for k, line in enumerate(program.doc.splitlines())]  # fmt: skip
    lines[-1] += '"""' if len(lines) == 2 else ""
    if program.doc.count("\n"):
        lines.append('    """')
    lines += _block(body, 1)
    if program.results:
        lines.append(f"    return {', '.join(name for name, _, _ in program.results)}")
    return "\n".join(lines) + "\n"


def _block(body: Sequence[Any], depth: int) -> list[str]:
    indent = "    " * depth
    lines: list[str] = []
    for statement in body:
        match statement:
            case For(variable, extent, inner, begin, step):
                bounds = f"{begin or 0}, {extent}" if begin or step != 1 else extent
                steps = f", {step}" if step != 1 else ""
                lines.append(f"{indent}for {variable} in range({bounds}{steps}):")
                lines += _block(inner, depth + 1) or [f"{indent}    pass"]
            case If(condition, inner, other):
                lines.append(f"{indent}if {condition}:")
                lines += _block(inner, depth + 1) or [f"{indent}    pass"]
                if other:
                    lines.append(f"{indent}else:")
                    lines += _block(other, depth + 1)
            case Break(condition):
                lines.append(f"{indent}if {condition}:")
                lines.append(f"{indent}    break")
            case Check(condition, code, comment):
                lines.append(f"{indent}if {_negated(condition)}:")
                lines.append(f"{indent}    raise Failed({code})  # {_one_line(comment)}")
            case Share(loop, part, parts, portion, takes):
                lines.append(f"{indent}for {part} in {loop}({parts}):")
                call = f"{portion.name}({', '.join((part, parts, *takes))})"
                lines.append(f"{indent}    {call}")
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
        case Assign(name, text, update, _):
            return f"{name} {update}= {text}"
        case Together(names, texts):
            return f"{', '.join(names)} = {', '.join(texts)}"
        case Store(array, index, text, update):
            return f"{array}[{', '.join(index)}] {update}= {text}"
        case Allocate(name, shape, dtype, fill):
            return f"{name} = {_allocation(shape, dtype, fill)}"
        case Call(targets, text, _):
            return f"{', '.join(targets)} = {text}" if targets else text
        case PartCall(part):
            call = f"{part.name}({', '.join(part.takes)})"
            return f"{', '.join(part.gives)} = {call}" if part.gives else call
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
