"""From the tree of loops to the Program: statements in the order of the tree, with names.

An expression that is used twice gets a name; one that does not depend on the innermost loop is
computed outside it; everything else is printed where it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import Failed
from ..graph.tensor import DTYPES
from ..ops.kinds import Block, Reduction, Scatter
from .describe import describe
from .expression import Buffer, Expression
from .fuse import Loop, accumulates_in_place, canonical_axes
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
)
from .splice import ATOM, COMPARE, POWER, PRODUCT, SUM, TERNARY, UNARY, Text, read_template, splice
from .tasks import Task, TaskList

__all__ = ["GLOBALS", "lower", "reserved_names"]

#: What every generated function may use.
GLOBALS: dict[str, Any] = {
    "empty": np.empty,
    "zeros": np.zeros,
    "full": np.full,
    "inf": float("inf"),
    "nan": float("nan"),
    "Failed": Failed,
    **{("bool_" if d == "bool" else d): np.dtype(d).type for d in DTYPES},
}
_LOOPS = ("i", "j", "k", "l", *(f"i{depth}" for depth in range(4, 32)))
_LONGEST = 84
_NARROW = frozenset(("int8", "int16", "int32", "uint8", "uint16", "uint32"))
_OPERATORS = {
    "+": SUM, "-": SUM, "*": PRODUCT, "//": PRODUCT, "%": PRODUCT,
    "<": COMPARE, "<=": COMPARE, ">": COMPARE, ">=": COMPARE, "==": COMPARE, "!=": COMPARE,
}  # fmt: skip
_SIZE_LETTERS = ("n", "d", "m", "h", "r", "s", "t", "u")


def reserved_names() -> frozenset[str]:
    """Names that no variable may take."""
    return frozenset(GLOBALS) | frozenset(_LOOPS) | {"np", "math"}


@dataclass
class _Scope:
    """The body of a loop, or of the function."""

    axes: frozenset[str]
    statements: list[Statement] = field(default_factory=list)
    memo: dict[int, Text] = field(default_factory=dict)


def lower(
    tasks: TaskList, tree: Sequence[Loop | Task], names: Names, name: str, doc: str
) -> Program:
    """Print expressions and put the statements in order.

    Returns
    -------
    Program
        Verified against its spec.
    """
    return _Lowering(tasks, tree, names).program(name, doc)


class _Lowering:
    def __init__(self, tasks: TaskList, tree: Sequence[Loop | Task], names: Names):
        self.tasks = tasks
        self.table = tasks.table
        self.tree = tree
        self.names = names
        self.renamed = canonical_axes(tree, self.table)
        self.substituted: dict[int, Expression] = {}
        self.scopes = [_Scope(frozenset())]
        self.loop_names: dict[str, str] = {}
        self.globals: dict[str, Any] = {}
        self.size_names: dict[tuple[int, int], str] = {}
        self.flat_names: dict[int, str] = {}
        self.uses: dict[int, int] = {}
        self.guarded = 0
        self.ready: set[int] = set()

    # -- the whole -------------------------------------------------------------------------

    def program(self, name: str, doc: str) -> Program:
        """The Program of the whole tree."""
        wanted = self._sizes_wanted()
        arguments = [*self.tasks.inputs, *(b for b, _ in self.tasks.constants)]
        for buffer in self.tasks.inputs:
            self._name_sizes(buffer, wanted)
        self._count_uses(self.tree)
        for item in self.tree:
            self._top(item, wanted)
        body = self._with_constants(self.scopes[0].statements)
        results = [(b.name, b.dtype, len(b.extents)) for b in self.tasks.outputs]
        used = {**GLOBALS, **self.globals}
        program = Program(
            name,
            [(b.name, b.dtype, len(b.extents)) for b in arguments],
            body,
            results,
            doc,
            used,
            [data for _, data in self.tasks.constants],
            self.tasks.failures,
        )
        program.verify()
        return program

    def _with_constants(self, statements: list[Statement]) -> list[Statement]:
        """Constants are met while printing; nothing else has to be said about them."""
        return statements

    def _sizes_wanted(self) -> set[tuple[int, int]]:
        wanted: set[tuple[int, int]] = set()
        for task in self.tasks.tasks:
            sources = [*task.expressions(), *task.extents.values()]
            for target in task.targets:
                sources += target.extents if task.kind != "call" or self._batch(task) else ()
            for argument in task.arguments:
                sources += argument.extents if isinstance(argument, Buffer) else [argument]
            for source in sources:
                wanted |= {
                    (e.payload.number, e.arguments[0].value)
                    for e in source.walk()
                    if e.head == "size"
                }
        return wanted

    def _name_sizes(self, buffer: Buffer, wanted: set[tuple[int, int]]) -> None:
        """``n, d = X.shape``, with names for the dimensions that are asked for."""
        mine = [d for d in range(len(buffer.extents)) if (buffer.number, d) in wanted]
        if not mine:
            return
        for dimension in mine:
            self.size_names[buffer.number, dimension] = self._size_name(buffer, dimension)
        shown = tuple(
            self.size_names.get((buffer.number, d), "") for d in range(len(buffer.extents))
        )
        self._put(Sizes(shown, buffer.name))

    def _size_name(self, buffer: Buffer, dimension: int) -> str:
        for letter in _SIZE_LETTERS:
            if letter not in self.names:
                return self.names.new(letter)
        return self.names.new(f"{buffer.name}_n{dimension}")

    def _count_uses(self, tree: Sequence[Loop | Task]) -> None:
        """How many places each expression is used in."""
        seen: set[int] = set()
        for task in self.tasks.tasks:
            for root in task.expressions():
                root = self._canonical(root)
                self.uses[root.number] = self.uses.get(root.number, 0) + 1
                for part in root.walk():
                    if part.number in seen:
                        continue
                    seen.add(part.number)
                    for argument in part.arguments:
                        self.uses[argument.number] = self.uses.get(argument.number, 0) + 1

    def _canonical(self, expression: Expression) -> Expression:
        return self.table.substitute(expression, self.renamed, self.substituted)

    # -- statements ------------------------------------------------------------------------

    def _put(self, statement: Statement) -> None:
        self.scopes[-1].statements.append(statement)

    def _top(self, item: Loop | Task, wanted: set[tuple[int, int]]) -> None:
        members = item.members if isinstance(item, Loop) else [item]
        if isinstance(item, Loop):
            for task in members:
                if task.kind != "check":
                    self._put(Comment(describe(task, self.tasks)))
        for task in members:
            for target in task.targets:
                self._allocate(task, target)
        self._item(item)
        for task in members:
            if task.kind == "call":
                for target in task.targets:
                    self._name_sizes(target, wanted)

    def _allocate(self, task: Task, target: Buffer) -> None:
        if target.ndim == 0 or target.number in self.ready:
            return
        self.ready.add(target.number)
        if task.kind == "call" and not self._batch(task):
            return
        kept = [e for d, e in enumerate(target.extents) if d not in target.dropped]
        shape = tuple(self._text(self._canonical(e)).text for e in kept)
        fill = None
        if task.kind == "fill":
            assert task.value is not None
            fill = self._literal(task.value).text
        elif accumulates_in_place(task):
            fill = self._literal(self._identity(task)).text
        self._put(Allocate(target.name, shape, target.dtype, fill))

    def _item(self, item: Loop | Task) -> None:
        if isinstance(item, Loop):
            self._loop(item)
        else:
            self._leaf(item)

    def _loop(self, loop: Loop) -> None:
        registers = [
            t
            for t in loop.members
            if t.kind in ("reduce", "position")
            and not accumulates_in_place(t)
            and self._first_reduced(t) == t.axes[loop.depth]
        ]
        for task in registers:
            self._begin(task)
        extent = self._text(self._canonical(loop.extent)).text
        variable = _LOOPS[loop.depth]
        self.loop_names[loop.axis] = variable
        outer = self.scopes[-1]
        self.scopes.append(_Scope(outer.axes | {loop.axis}))
        for item in loop.body:
            self._item(item)
        inner = self.scopes.pop()
        self._put(For(variable, extent, inner.statements))
        for task in registers:
            self._finish(task)

    def _first_reduced(self, task: Task) -> str | None:
        return next((a for a in task.axes if a in task.reduced), None)

    def _identity(self, task: Task) -> Expression:
        op = task.node.op  # type: ignore[union-attr]
        assert isinstance(op, Reduction) and task.value is not None
        dtype = task.value.dtype if task.kind == "position" else task.target.dtype
        return self.table.literal(type(op).identity(dtype), dtype)

    def _begin(self, task: Task) -> None:
        """Set the registers of a reduction to what it starts from."""
        scalar = task.target.ndim == 0
        name = task.target.name if scalar else self.names.numbered("acc")
        self._registers(task)[0] = name
        start = self._literal(self._identity(task)).text
        if task.kind == "position":
            best = self.names.numbered("best")
            self._registers(task)[1] = best
            self._put(Assign(best, start))
            self._put(Assign(name, "0"))
        else:
            self._put(Assign(name, start))

    def _registers(self, task: Task) -> list[str]:
        return self.__dict__.setdefault("_register_names", {}).setdefault(task.number, ["", ""])

    def _finish(self, task: Task) -> None:
        if task.target.ndim:
            index = self._index(task.target, task.index)
            self._put(Store(task.target.name, index, self._registers(task)[0]))

    def _leaf(self, task: Task) -> None:
        getattr(self, f"_{task.kind}")(task)

    def _store(self, task: Task) -> None:
        assert task.value is not None
        text = self._text(self._canonical(task.value)).text
        if task.target.ndim == 0:
            self._put(Assign(task.target.name, text))
        else:
            self._put(Store(task.target.name, self._index(task.target, task.index), text))

    def _fill(self, task: Task) -> None:
        """Done by the allocation."""

    def _reduce(self, task: Task) -> None:
        assert task.value is not None and task.node is not None
        element = self._text(self._canonical(task.value))
        if self._first_reduced(task) is None and not accumulates_in_place(task):
            # Every combined dimension has size 1: there is one element.
            if task.target.ndim == 0:
                self._put(Assign(task.target.name, element.text))
            else:
                index = self._index(task.target, task.index)
                self._put(Store(task.target.name, index, element.text))
            return
        in_place = accumulates_in_place(task)
        if in_place:
            index = self._index(task.target, task.index)
            so_far = Text(f"{task.target.name}[{', '.join(index)}]")
        else:
            so_far = Text(self._registers(task)[0])
        combine = read_template(_plain(task.node.op, "combine"))
        made = splice(combine, [so_far, element], task.target.dtype, self._resolve)
        text, update = made.text, ""
        for sign in ("+", "*"):
            if text.startswith(f"{so_far.text} {sign} ") and so_far.text not in element.text:
                text, update = text[len(so_far.text) + 3 :], sign
                if text.startswith("(") and text == f"({element.text})":
                    text = element.text
        if not update:
            text = self._converted(text, made, task.target.dtype)
        if in_place:
            self._put(Store(task.target.name, index, text, update))
        else:
            self._put(Assign(so_far.text, text, update))

    def _converted(self, text: str, made: Text, dtype: str) -> str:
        return f"{dtype}({text})" if dtype in _NARROW else text

    def _position(self, task: Task) -> None:
        assert task.value is not None and task.node is not None
        name, best = self._registers(task)
        element = self._text(self._canonical(task.value))
        if not name:  # nothing to search: every combined dimension has size 1
            if task.target.ndim == 0:
                self._put(Assign(task.target.name, "0"))
            else:
                index = self._index(task.target, task.index)
                self._put(Store(task.target.name, index, "0"))
            return
        if element.binds != ATOM:
            element = self._name(element.text, "x", self.scopes[-1])
        better = read_template(_plain(task.node.op, "better"))
        condition = splice(better, [element, Text(best)], task.value.dtype, self._resolve).text
        position = self._text(self._canonical(task.arguments[0])).text
        then: list[Statement] = [Assign(best, element.text), Assign(name, position)]
        self._put(If(condition, then))

    def _scatter(self, task: Task) -> None:
        assert task.value is not None and task.node is not None
        assert isinstance(task.node.op, Scatter)
        text = self._text(self._canonical(task.value)).text
        index = self._index(task.target, task.index)
        update = "+" if task.node.op.accumulates else ""
        if task.target.ndim == 0:
            self._put(Assign(task.target.name, text, update))
            return
        self._put(Store(task.target.name, index, text, update))

    def _check(self, task: Task) -> None:
        assert task.value is not None and task.failure is not None
        failure = self.tasks.failures[task.failure - 1]
        condition = self._text(self._canonical(task.value)).text
        self._put(Check(condition, task.failure, failure.message))

    # -- calls -----------------------------------------------------------------------------

    def _batch(self, task: Task) -> int:
        node = task.node
        if node is None or not isinstance(node.op, Block):
            return 0
        return node.op.batch_ndim(*node.inputs)

    def _call(self, task: Task) -> None:
        node = task.node
        assert node is not None
        self._put(Comment(describe(task, self.tasks)))
        if not isinstance(node.op, Block):
            self._callback(task)
            return
        batch = self._batch(task)
        arguments = [self._argument(a, batch) for a in task.arguments]
        arguments += [Text(repr(p)) for p in node.op.parameters()]
        template = read_template(_plain(node.op, "template"))
        dtype = task.targets[0].dtype
        text = splice(template, arguments, dtype, self._resolve).text
        if not batch:
            self._put(Call(tuple(t.name for t in task.targets), text))
            return
        self._repeat(task, text, batch)

    def _argument(self, argument: Any, batch: int) -> Text:
        if isinstance(argument, Expression):
            return self._text(self._canonical(argument))
        if batch:
            return Text(f"{argument.name}[{', '.join(_LOOPS[:batch])}]")
        return Text(argument.name)

    def _repeat(self, task: Task, text: str, batch: int) -> None:
        """The call for each matrix of a stack."""
        body: list[Statement]
        slots = [f"{t.name}[{', '.join(_LOOPS[:batch])}]" for t in task.targets]
        if len(slots) == 1:
            target = task.targets[0]
            core = (":",) * (len(target.extents) - batch)
            body = [Store(target.name, (*_LOOPS[:batch], *core), text)]
        else:
            parts = tuple(self.names.numbered("part") for _ in task.targets)
            body = [Call(parts, text)]
            for target, part in zip(task.targets, parts, strict=True):
                core = (":",) * (len(target.extents) - batch)
                body.append(Store(target.name, (*_LOOPS[:batch], *core), part))
        for depth in reversed(range(batch)):
            extent = self._text(self._canonical(task.targets[0].extents[depth])).text
            body = [For(_LOOPS[depth], extent, body)]
        self._put(body[0])

    def _callback(self, task: Task) -> None:
        """A user's Op without a template is performed by the interpreter."""
        node = task.node
        assert node is not None
        called = self._resolve(f"perform_{type(node.op).__name__}", Performer(node))
        arguments = [self._argument(a, 0).text for a in task.arguments]
        types = tuple(_numba_type(t.dtype, len(t.extents)) for t in task.targets)
        targets = tuple(t.name for t in task.targets)
        self._put(Call(targets, f"{called}({', '.join(arguments)})", types))

    # -- expressions -----------------------------------------------------------------------

    def _index(self, buffer: Buffer, index: Sequence[Expression]) -> tuple[str, ...]:
        return tuple(
            self._text(self._canonical(e)).text
            for d, e in enumerate(index)
            if d not in buffer.dropped
        )

    def _text(self, e: Expression) -> Text:
        """Print an expression, naming what is used again or does not depend on this loop."""
        for scope in reversed(self.scopes):
            if e.number in scope.memo:
                return scope.memo[e.number]
        if e.head == "literal":
            return self._literal(e)
        if e.head == "axis":
            return Text(self.loop_names[e.payload])
        if e.head == "size":
            return Text(self.size_names[e.payload.number, e.arguments[0].value])
        text = self._fresh(e)
        if self.guarded or self._is_name(e):
            return text
        level = self._level(e)
        outside = level < len(self.scopes) - 1
        again = self.uses.get(e.number, 0) > 1
        if not (outside or again or len(text.text) > _LONGEST):
            return text
        scope = self.scopes[level]
        named = self._name(text.text, self._wish(e), scope)
        scope.memo[e.number] = named
        return named

    def _name(self, text: str, wish: str, scope: _Scope) -> Text:
        name = self.names.new(wish) if wish else self.names.numbered("v")
        scope.statements.append(Assign(name, text))
        return Text(name)

    def _wish(self, e: Expression) -> str:
        if e.head != "load":
            return ""
        index = "".join(self.loop_names[a.payload] if a.is_axis() else "" for a in e.arguments)
        return f"{e.payload.name}_{index}" if index else f"{e.payload.name}_at"

    def _is_name(self, e: Expression) -> bool:
        return e.head == "load" and e.payload.ndim == 0

    def _level(self, e: Expression) -> int:
        """The outermost scope in which the expression has a value."""
        for level, scope in enumerate(self.scopes):
            if e.axes <= scope.axes:
                return level
        return len(self.scopes) - 1

    def _fresh(self, e: Expression) -> Text:
        if e.head == "load":
            return self._load(e)
        if e.head == "choose":
            condition = self._text(e.arguments[0]).inside(TERNARY + 1)
            # Only the branch taken may be evaluated: nothing in it is computed beforehand.
            self.guarded += 1
            yes = self._text(e.arguments[1]).inside(TERNARY + 1)
            no = self._text(e.arguments[2]).inside(TERNARY)
            self.guarded -= 1
            return Text(f"{yes} if {condition} else {no}", TERNARY)
        arguments = [self._text(a) for a in e.arguments]
        if e.head == "cast":
            return self._cast(arguments[0], e.arguments[0].dtype, e.dtype)
        if e.head == "apply":
            return self._apply(e, arguments)
        if e.head in ("&", "|"):
            word = "and" if e.head == "&" else "or"
            return Text(f" {word} ".join(a.inside(COMPARE) for a in arguments), 1)
        binds = _OPERATORS[e.head]
        left, right = arguments[0].inside(binds), arguments[1].inside(binds + 1)
        if binds == COMPARE:
            left = arguments[0].inside(binds + 1)
        return Text(f"{left} {e.head} {right}", binds)

    def _load(self, e: Expression) -> Text:
        buffer = e.payload
        if e.arguments and e.arguments[-1].head == "flat":
            return Text(f"{self._flat(buffer)}[{self._text(e.arguments[0]).text}]")
        index = self._index(buffer, e.arguments)
        return Text(f"{buffer.name}[{', '.join(index)}]" if index else buffer.name)

    def _flat(self, buffer: Buffer) -> str:
        """The name of the array's elements as one dimension."""
        if buffer.number not in self.flat_names:
            name = self.names.new(f"{buffer.name}_flat")
            self.flat_names[buffer.number] = name
            self.scopes[0].statements.append(Assign(name, f"{buffer.name}.reshape(-1)"))
        return self.flat_names[buffer.number]

    def _apply(self, e: Expression, arguments: list[Text]) -> Text:
        op = e.payload
        dtypes = [a.dtype for a in e.arguments]
        working = e.dtype if e.dtype != "bool" or not dtypes else dtypes[0]
        if any(d.startswith("complex") for d in dtypes):
            working = "complex128"
        arguments = [*arguments, *(Text(repr(p)) for p in op.parameters())]
        template = read_template(_plain(op, _template_for(op, dtypes)))
        made = splice(template, arguments, working, self._resolve)
        if e.dtype in _NARROW and not made.text.isidentifier():
            return Text(f"{e.dtype}({made.text})")
        return made

    def _cast(self, inner: Text, old: str, new: str) -> Text:
        if old.startswith("complex") and not new.startswith("complex"):
            inner = Text(f"{inner.inside(ATOM)}.real")
        if new == "bool":
            return Text(f"{inner.inside(COMPARE + 1)} != 0", COMPARE)
        return Text(f"{new}({inner.text})")

    def _literal(self, e: Expression) -> Text:
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

    def _resolve(self, name: str, target: Any) -> str:
        """The global name under which an object is found."""
        for known, value in {**GLOBALS, **self.globals}.items():
            if value is target or (isinstance(target, Performer) and value == target):
                return known
        if name in ("np", "math") and name not in self.globals:
            self.globals[name] = target
            return name
        fresh = self.names.new(name)
        self.globals[fresh] = target
        return fresh


def _template_for(op: Any, dtypes: Sequence[str]) -> str:
    """The name of the template that suits the dtypes of the arguments."""
    whole = getattr(op, "whole_template", None) is not None
    return "whole_template" if whole and all("int" in d for d in dtypes) else "template"


def _plain(op: Any, attribute: str) -> Any:
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


def _numba_type(dtype: str, ndim: int) -> str:
    if ndim == 0:
        return "boolean" if dtype == "bool" else dtype
    dims = ", ".join([":"] * (ndim - 1) + ["::1"])
    return f"{'boolean' if dtype == 'bool' else dtype}[{dims}]"


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
