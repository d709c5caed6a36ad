"""The Program: what plan makes and emit prints, a short tree of plain records.

Expressions in it are text in the names of the Program; structure (loops, stores, accumulations,
allocations, calls, checks) is data, so that another printer can make other loops of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from ..records import field, record, replace

__all__ = [
    "Allocate",
    "Assign",
    "Break",
    "Call",
    "Check",
    "Comment",
    "For",
    "Program",
    "Share",
    "Sizes",
    "Statement",
    "Store",
    "Together",
    "mentions",
    "names_in",
    "names_read",
    "names_set",
    "reads_of",
    "renamed",
    "taken_names",
    "walk",
    "within",
    "writes_of",
    "zero",
]


@record()
class Comment:
    """Words for the reader."""

    text: str


@record()
class Sizes:
    """``names = array.shape`` (an empty name is a dimension nobody asks for)."""

    names: tuple[str, ...]
    array: str


@record()
class Assign:
    """``name = text``; with ``update`` the operator of an update such as ``+``."""

    name: str
    text: str
    update: str = ""
    dtype: str = ""


@record()
class Together:
    """``names = texts``, all at once."""

    names: tuple[str, ...]
    texts: tuple[str, ...]


@record()
class Store:
    """``array[index] = text``, or an update."""

    array: str
    index: tuple[str, ...]
    text: str
    update: str = ""


@record()
class Allocate:
    """A new C-contiguous array, filled with ``fill`` if that is given."""

    name: str
    shape: tuple[str, ...]
    dtype: str
    fill: str | None = None


@record()
class For:
    """A loop from ``begin`` (0 if that is empty) to ``extent`` in steps of ``step``.

    A step that is a text is of rows that are computed together (see ``panels``); ``each`` is then
    about how many operations one of these rows takes.
    """

    variable: str
    extent: str
    body: list[Any] = field(default_factory=list)
    begin: str = ""
    step: int | str = 1
    each: str = ""


@record()
class Check:
    """Stop with failure ``code`` unless ``condition`` holds."""

    condition: str
    code: int
    comment: str


@record()
class Break:
    """End the loop if the condition holds."""

    condition: str


@record()
class If:
    """``then`` where the condition holds; ``orelse``, if it is there, where it does not.

    With both, what the rest of the function reads is set in both.
    """

    condition: str
    then: list[Any] = field(default_factory=list)
    orelse: list[Any] | None = None


@record()
class Call:
    """``targets = text``: a kernel or a user's Op on whole arrays.

    Without targets the kernel writes to one of its arguments.

    ``objects`` names the types of the targets when the call has to leave compiled code.
    """

    targets: tuple[str, ...]
    text: str
    objects: tuple[str, ...] | None = None


@record()
class Share:
    """``portion(part, parts, *takes)`` for each ``part`` of ``parts``, in any order or at once.

    Attributes
    ----------
    loop : str
        What printed code calls instead of ``range``, so that it is known which loop this is.
    part, parts : str
        The loop's variable and the number of parts.
    portion : Program
        It returns nothing: each part writes places of its own in the arrays that it takes.
    takes : tuple of str
    """

    loop: str
    part: str
    parts: str
    portion: Any
    takes: tuple[str, ...]


Statement = (
    Comment | Sizes | Assign | Together | Store | Allocate | For | Break | Check | If | Call | Share
)


@record()
class Program:
    """One function.

    Attributes
    ----------
    name : str
    parameters : list of tuple
        ``(name, dtype, ndim)`` of each argument.
    body : list of Statement
    results : list of tuple
        ``(name, dtype, ndim)`` of each result.
    doc : str
    namespace : dict
        What the global names in its texts stand for.
    constants : list of ndarray
        The arguments behind the user's, in order.
    failures : list
        What code ``k`` means stands at ``k - 1``.
    registers : dict
        The dtype of numbers that reductions combine in.
    arrays : dict
        The dtype and number of dimensions of the arrays that it makes.
    generators : frozenset of str
        The random generators among its parameters: what is drawn from one keeps its order.
    shapes : dict
        The sizes of arrays that calls return, where they have names.
    """

    name: str
    parameters: list[tuple[str, str, int]]
    body: list[Statement]
    results: list[tuple[str, str, int]]
    doc: str
    namespace: dict[str, Any]
    constants: list[Any]
    failures: list[Any]
    registers: dict[str, str] = field(default_factory=dict)
    arrays: dict[str, tuple[str, int]] = field(default_factory=dict)
    generators: frozenset[str] = frozenset()
    shapes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def verify(self) -> None:
        """Check the Program against its spec: every name is set before it is used.

        Raises
        ------
        AssertionError
            If it does not hold, which is a defect of code generation.
        """
        known = {name for name, _, _ in self.parameters} | set(self.namespace) | BUILT_IN
        _verify_block(self.body, known)
        for name, _, _ in self.results:
            assert name in known, f"the result {name} is never set"


#: Names that printed code may use without their being in the namespace.
BUILT_IN = frozenset(("range", "True", "False", "if", "else", "and", "or", "not", "abs", "len",
                      "min", "max", "int", "float", "complex", "bool", "shape", "real", "imag",
                      "reshape", "ravel", "size"))  # fmt: skip


_NAME = re.compile(r"(?<![\w.])[^\W\d]\w*")


@lru_cache(maxsize=16384)
def names_in(text: str) -> tuple[str, ...]:
    """The identifiers in a text, those behind a dot left out."""
    return tuple(_NAME.findall(text))


def reads_of(statement: Statement) -> list[str]:
    """The texts that a statement evaluates itself."""
    match statement:
        case Assign(name, text, update, _):
            return [text, name] if update else [text]
        case Together(_, texts):
            return list(texts)
        case Store(array, index, text, _):
            return [array, *index, text]
        case Allocate(_, shape, _, fill):
            return [*shape, fill or ""]
        case For(_, extent, _, begin, step):
            return [text for text in (begin, extent, step) if isinstance(text, str) and text]
        case Check(condition, _, _) | If(condition) | Break(condition):
            return [condition]
        case Call(_, text, _):
            return [text]
        case Sizes(_, array):
            return [array]
        case Share(loop, _, parts, _, takes):
            return [loop, parts, *takes]
    return []


def writes_of(statement: Statement) -> list[str]:
    """The names that a statement sets itself."""
    match statement:
        case Assign(name, _, _, _) | Allocate(name, _, _, _):
            return [name]
        case Call(targets, _, _):
            return list(targets)
        case Together(names, _):
            return list(names)
        case Sizes(names, _):
            return [n for n in names if n]
        case For(variable) | Share(_, variable):
            return [variable]
    return []


def within(statement: Any) -> list[Any]:
    """The statements within a statement."""
    if isinstance(statement, If):
        return [*statement.then, *(statement.orelse or [])]
    return statement.body if isinstance(statement, For) else []


def walk(body: Sequence[Any]) -> Iterator[Any]:
    """All statements, those within others too, in the order of the text."""
    stack: list[Any] = list(reversed(body))
    while stack:
        statement = stack.pop()
        yield statement
        stack.extend(reversed(within(statement)))


def names_read(body: Sequence[Any]) -> list[str]:
    """The names that a body reads, as often as it does; arrays that are only written among them."""
    return [name for s in walk(body) for text in reads_of(s) for name in names_in(text)]


def names_set(body: Sequence[Any]) -> list[str]:
    """The names that a body sets."""
    return [name for s in walk(body) for name in writes_of(s)]


def taken_names(program: Program) -> frozenset[str]:
    """The names that stand for something in a Program: no new name may be one of them."""
    given = {name for name, _, _ in program.parameters} | set(program.namespace)
    return frozenset(given.union(names_set(program.body)))


def zero(dtype: str) -> str:
    """The text of a zero."""
    return "0.0" if dtype == "float64" else f"{'bool_' if dtype == 'bool' else dtype}(0)"


def mentions(statement: Statement, name: str) -> bool:
    """Whether a statement, or one inside it, reads or sets a name."""
    return (
        name in writes_of(statement)
        or any(name in names_in(text) for text in reads_of(statement))
        or any(mentions(s, name) for s in within(statement))
    )


def renamed(statement: Any, old: str, new: str) -> Any:
    """A statement with another name for a variable, words for the reader included."""
    whole = re.compile(rf"(?<![\w.]){old}(?!\w)")

    def changed(value: Any) -> Any:
        if isinstance(value, str):
            return whole.sub(new, value)
        if isinstance(value, tuple):
            return tuple(changed(v) for v in value)
        if isinstance(value, list):
            return [renamed(s, old, new) for s in value]
        return value

    return replace(statement, **{name: changed(v) for name, v in vars(statement).items()})


def _verify_block(body: list[Statement], known: set[str]) -> None:
    for statement in body:
        for text in reads_of(statement):
            for name in names_in(text):
                assert name in known, f"{name} is used before it is set, in {statement}"
        known.update(writes_of(statement))
        _verify_block(within(statement), known)
