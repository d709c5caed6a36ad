"""Expressions as text.

What is used twice gets a name, what the innermost loop does not change is computed outside it,
everything else is printed where it is used.

Statements and loops are ``lower``'s; this file knows only the bodies that are open.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import Failed
from ..graph.tensor import DTYPES
from ..kernels import blas
from ..records import field, record
from .expression import Buffer, Expression, Table
from .names import Names
from .program import Assign, Statement
from .splice import (
    ATOM,
    COMPARE,
    POWER,
    PRODUCT,
    SUM,
    TERNARY,
    UNARY,
    Form,
    Text,
    read_template,
    splice,
)

__all__ = ["GLOBALS", "NARROW", "Performer", "Scope", "Texts", "plain"]

#: What every generated function may use.
GLOBALS: dict[str, Any] = {
    "empty": np.empty,
    "zeros": np.zeros,
    "full": np.full,
    "inf": float("inf"),
    "nan": float("nan"),
    "Failed": Failed,
    "blas": blas,
    **{("bool_" if d == "bool" else d): np.dtype(d).type for d in DTYPES},
}
_LONGEST = 84
NARROW = frozenset(("int8", "int16", "int32", "uint8", "uint16", "uint32"))
_OPERATORS = {
    "+": SUM, "-": SUM, "*": PRODUCT, "//": PRODUCT, "%": PRODUCT,
    "<": COMPARE, "<=": COMPARE, ">": COMPARE, ">=": COMPARE, "==": COMPARE, "!=": COMPARE,
}  # fmt: skip


@record()
class Scope:
    """The body of a loop, or of the function.

    Attributes
    ----------
    axes : frozenset of str
        The loops around it.
    statements : list of Statement
    memo : dict
        The names of expressions that were computed in it.
    flat : dict
        The names of arrays' elements as one dimension, where one was given in it.
    branch : bool
        Whether it is only done sometimes: what is used in it is computed in it.
    """

    axes: frozenset[str]
    statements: list[Statement] = field(default_factory=list)
    memo: dict[int, Text] = field(default_factory=dict)
    flat: dict[int, str] = field(default_factory=dict)
    branch: bool = False


class Texts:
    """Prints expressions into the open bodies.

    Parameters
    ----------
    table : Table
    names : Names
    renamed : dict
        The loop variable that each task's own one has become.

    Attributes
    ----------
    scopes : list of Scope
        The open bodies, the function's first.
    loop_names, size_names : dict
        What loop variables and sizes are called.
    globals : dict
        The objects behind global names that were used.
    """

    def __init__(self, table: Table, names: Names, renamed: dict[str, Expression]):
        self.table = table
        self.names = names
        self.renamed = renamed
        self.scopes = [Scope(frozenset())]
        self.loop_names: dict[str, str] = {}
        self.size_names: dict[tuple[int, int], str] = {}
        self.globals: dict[str, Any] = {}
        self._substituted: dict[int, Expression] = {}
        self._uses: dict[int, int] = {}
        self._counted: set[int] = set()
        self._guarded = 0
        self._forms: dict[Any, Form] = {}
        self._known: dict[Any, str] = {}
        for name, value in GLOBALS.items():
            self._known.setdefault(id(value), name)

    def put(self, statement: Statement, level: int = -1) -> None:
        """Append a statement to an open body, the innermost unless told."""
        self.scopes[level].statements.append(statement)

    def count(self, expressions: Sequence[Expression]) -> None:
        """Note the places in which expressions are used."""
        for root in expressions:
            root = self.canonical(root)
            self._uses[root.number] = self._uses.get(root.number, 0) + 1
            for part in root.walk(self._counted):
                for argument in part.arguments:
                    self._uses[argument.number] = self._uses.get(argument.number, 0) + 1

    def canonical(self, expression: Expression) -> Expression:
        """The expression in the variables of the loops as they are printed."""
        return self.table.substitute(expression, self.renamed, self._substituted)

    def __call__(self, expression: Expression) -> Text:
        """The text of an expression in a task's own loop variables."""
        return self._text(self.canonical(expression))

    def check(self, expression: Expression) -> Text:
        """The text of a condition; one on sizes alone reads best where it is asked for."""
        if any(part.head in ("load", "apply") for part in expression.walk()):
            return self(expression)
        self._guarded += 1
        made = self(expression)
        self._guarded -= 1
        return made

    def index(self, buffer: Buffer, index: Sequence[Expression]) -> tuple[str, ...]:
        """Where an element lies in the array that the buffer is in."""
        kept = tuple(self(e).text for d, e in enumerate(index) if d not in buffer.dropped)
        if buffer.row is not None:
            array, place = buffer.row
            kept = (*self.index(array, (place,)), *kept)
        return (*kept, str(buffer.pack[1])) if buffer.pack else kept

    def room(self, extents: Sequence[Expression]) -> int:
        """The open body in which an array is best made: before a loop of steps, if possible."""
        found = [self.canonical(e) for e in extents]
        inside = max((self._level(e) for e in found), default=self._level(self.table.of(0)))
        if any(p.head in ("load", "apply") for e in found for p in e.walk()):
            return inside
        axes: frozenset[str] = frozenset().union(*(e.axes for e in found))
        outside = next(k for k, scope in enumerate(self.scopes) if axes <= scope.axes)
        in_loop = any(not scope.branch for scope in self.scopes[outside + 1 : inside + 1])
        return outside if in_loop else inside

    def _text(self, e: Expression) -> Text:
        """Print an expression, naming what is used again or does not depend on this loop."""
        for scope in reversed(self.scopes):
            if e.number in scope.memo:
                return scope.memo[e.number]
        if e.head == "literal":
            return self.literal(e)
        if e.head == "axis":
            return Text(self.loop_names[e.payload])
        if e.head == "size":
            return Text(self.size_names[e.payload.number, e.arguments[0].value])
        text = self._fresh(e)
        if e.head == "draw":  # once, where it is stored, and nowhere else
            return text
        if self._guarded or text.text.isidentifier():
            return text
        level = self._level(e)
        outside = level < len(self.scopes) - 1
        again = self._uses.get(e.number, 0) > 1
        if not (outside or again or len(text.text) > _LONGEST):
            return text
        scope = self.scopes[level]
        named = self.name(text.text, self._wish(e), scope, e.dtype)
        scope.memo[e.number] = named
        return named

    def read_again(self, expression: Expression) -> bool:
        """Whether an expression in a task's own loop variables is used anywhere."""
        return self._uses.get(self.canonical(expression).number, 0) > 0

    def keep(self, stored: Expression, text: Text) -> Text:
        """Name a value that is about to be stored: whoever loads it here takes the name."""
        if not text.text.isidentifier():
            scope = self.scopes[-1]
            text = self.name(text.text, self._wish(self.canonical(stored)), scope, stored.dtype)
        self.remember(stored, text)
        return text

    def remember(self, stored: Expression, text: Text) -> None:
        """In the innermost open body an element of an array is also known as ``text``."""
        self.scopes[-1].memo[self.canonical(stored).number] = text

    def name(self, text: str, wish: str, scope: Scope, dtype: str) -> Text:
        name = self.names.new(wish) if wish else self.names.numbered("v")
        scope.statements.append(Assign(name, text, dtype=dtype))
        return Text(name)

    def _wish(self, e: Expression) -> str:
        if e.head != "load":
            return ""
        index = "".join(self.loop_names[a.payload] if a.is_axis() else "" for a in e.arguments)
        return f"{e.payload.name}_{index}" if index else f"{e.payload.name}_at"

    def level_of(self, buffer: Buffer) -> int:
        """The outermost scope in which a buffer has a value."""
        return next(k for k, scope in enumerate(self.scopes) if buffer.within <= scope.axes)

    def _level(self, e: Expression) -> int:
        """The outermost scope in which the expression has a value."""
        closed = max((k for k, scope in enumerate(self.scopes) if scope.branch), default=0)
        for level in range(closed, len(self.scopes)):
            if e.axes <= self.scopes[level].axes:
                return level
        return len(self.scopes) - 1

    def _fresh(self, e: Expression) -> Text:
        if e.head == "load":
            return self._load(e)
        if e.head == "choose":
            condition = self._text(e.arguments[0]).inside(TERNARY + 1)
            # Only the branch taken may be evaluated: nothing in it is computed beforehand.
            self._guarded += 1
            yes = self._text(e.arguments[1]).inside(TERNARY + 1)
            no = self._text(e.arguments[2]).inside(TERNARY)
            self._guarded -= 1
            return Text(f"{yes} if {condition} else {no}", TERNARY)
        if e.head == "draw":
            return self._draw(e)
        arguments = [self._text(a) for a in e.arguments]
        if e.head == "cast":
            return self._cast(arguments[0], e.arguments[0].dtype, e.dtype)
        if e.head == "apply":
            return self._apply(e, arguments)
        if e.head in ("&", "|"):
            word = "and" if e.head == "&" else "or"
            return Text(f" {word} ".join(a.inside(COMPARE) for a in arguments), 1)
        if e.head == "-" and e.arguments[0].value == 0:
            return Text(f"-{arguments[1].inside(POWER)}", UNARY)
        binds = _OPERATORS[e.head]
        left, right = arguments[0].inside(binds), arguments[1].inside(binds + 1)
        if binds == COMPARE:
            left = arguments[0].inside(binds + 1)
        return Text(f"{left} {e.head} {right}", binds)

    def _load(self, e: Expression) -> Text:
        buffer = e.payload
        if e.is_flat():
            return Text(f"{self._flat(buffer)}[{self._text(e.arguments[0]).text}]")
        index = self.index(buffer, e.arguments)
        return Text(f"{buffer.array}[{', '.join(index)}]" if index else buffer.name)

    def _flat(self, buffer: Buffer) -> str:
        """The name of the array's elements as one dimension."""
        for scope in self.scopes:
            if buffer.number in scope.flat:
                return scope.flat[buffer.number]
        level = self.level_of(buffer)
        name = self.scopes[level].flat[buffer.number] = self.names.new(f"{buffer.name}_flat")
        self.put(Assign(name, f"{buffer.name}.reshape(-1)"), level)
        return name

    def _apply(self, e: Expression, arguments: list[Text]) -> Text:
        op = e.payload
        form = self._form(op, tuple(a.dtype for a in e.arguments), e.dtype)
        for k, repeated in enumerate(form.repeats[: len(arguments)]):
            if repeated:
                arguments[k] = self._once(arguments[k], e.arguments[k])
        arguments += [Text(repr(p)) for p in op.parameters()]
        made = form(arguments)
        return Text(self.converted(made.text, e.dtype)) if e.dtype in NARROW else made

    def _form(self, op: Any, dtypes: tuple[str, ...], dtype: str) -> Form:
        """The template of an Op for arguments of these dtypes, printed once."""
        key = (type(op), dtypes, dtype)
        found = self._forms.get(key)
        if found is None:
            working = dtype if dtype != "bool" or not dtypes else dtypes[0]
            if any(d.startswith("complex") for d in dtypes):
                working = "complex128"
            template = read_template(plain(op, _template_for(op, dtypes)))
            found = self._forms[key] = Form(template, working, self.resolve)
        return found

    def _draw(self, e: Expression) -> Text:
        op, count = e.payload.op, e.payload.count
        arguments = [self._text(a) for a in e.arguments[:count]]
        made = splice(read_template(plain(op, "template")), arguments, op.natural, self.resolve)
        return self._cast(made, op.natural, e.dtype) if e.dtype != op.natural else made

    def once(self, text: Text, expression: Expression) -> Text:
        """A name for the text of an expression in a task's own loop variables."""
        return self._once(text, self.canonical(expression))

    def _once(self, text: Text, e: Expression) -> Text:
        """A name for what a template mentions several times, so that it is computed once."""
        if self._guarded or not re.search(r"[(\[ ]", text.text) or e.head == "literal":
            return text
        scope = self.scopes[self._level(e)]
        scope.memo[e.number] = self.name(text.text, self._wish(e), scope, e.dtype)
        return scope.memo[e.number]

    def converted(self, text: str, dtype: str) -> str:
        """Arithmetic on narrow integers wraps around, where Numba would widen it."""
        return f"{dtype}({text})" if dtype in NARROW and not text.isidentifier() else text

    def _cast(self, inner: Text, old: str, new: str) -> Text:
        if old.startswith("complex") and not new.startswith("complex"):
            inner = Text(f"{inner.inside(ATOM)}.real")
        if new == "bool":
            return Text(f"{inner.inside(COMPARE + 1)} != 0", COMPARE)
        return Text(f"{new}({inner.text})")

    def literal(self, e: Expression) -> Text:
        value, dtype = e.payload, e.dtype
        if dtype == "bool":
            return Text(repr(bool(value)))
        if isinstance(value, complex):
            made = f"complex({_number(value.real)}, {_number(value.imag)})"
            return Text(made if dtype == "complex128" else f"{dtype}({made})")
        number = _number(value)
        if dtype not in ("float64", "int64"):
            return Text(f"{dtype}({number})")
        return Text(number, UNARY if number.startswith("-") else POWER + 1)

    def resolve(self, name: str, target: Any) -> str:
        """The global name under which an object is found."""
        # By type: isinstance would ask a lazy module for its class, and so execute it.
        key = target if type(target) is Performer else id(target)
        found = self._known.get(key)
        if found is None:
            taken = name not in ("np", "math") or name in self.globals
            found = self._known[key] = self.names.new(name) if taken else name
            self.globals[found] = target
        return found


def _template_for(op: Any, dtypes: Sequence[str]) -> str:
    """The name of the template that suits the dtypes of the arguments."""
    whole = getattr(op, "whole_template", None) is not None
    return "whole_template" if whole and all("int" in d for d in dtypes) else "template"


def plain(op: Any, attribute: str) -> Any:
    """The function behind a class attribute, without binding it to the Op."""
    found = type(op).__dict__.get(attribute)
    for base in type(op).__mro__:
        if attribute in base.__dict__:
            found = base.__dict__[attribute]
            break
    return found.__func__ if isinstance(found, (staticmethod, classmethod)) else found


def _number(value: Any) -> str:
    if isinstance(value, float) and value != value:
        return "nan"
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return "inf" if value > 0 else "-inf"
    return repr(value)


class Performer:
    """Calls a node's ``perform`` on values."""

    def __init__(self, node: Any):
        self.node = node

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Performer) and other.node is self.node

    def __hash__(self) -> int:
        return hash(self.node)

    def __call__(self, *values: Any) -> Any:
        node = self.node
        inputs = [
            np.asarray(value, dtype=variable.type.dtype)
            for value, variable in zip(values, node.inputs, strict=True)
        ]
        storage: list[list[Any]] = [[None] for _ in node.outputs]
        node.op.perform(node, inputs, storage)
        made = []
        for cell, variable in zip(storage, node.outputs, strict=True):
            value = np.array(cell[0], dtype=variable.type.dtype, order="C")
            if value.ndim != variable.type.ndim:
                raise TypeError(
                    f"{node.op}.perform returned {value.ndim} dimensions for an output of "
                    f"{variable.type}"
                )
            made.append(value if value.ndim else value.item())
        return made[0] if len(made) == 1 else tuple(made)
