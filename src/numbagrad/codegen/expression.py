"""Scalar expressions of one element: the narrow waist between the graph and printed code.

Every Elementwise and View node is an expression of its output's index, so fusing two nodes is
putting one expression into another. Expressions are interned in a `Table`: the same expression is
the same object, which makes common subexpressions free. Nothing here knows loops or text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..graph.op import Op
from ..records import record

__all__ = ["Buffer", "Expression", "Made", "Pack", "Table"]

INTEGER = "int64"


class Buffer:
    """Where the value of a variable lives: an array, or a local variable if it has no dimensions.

    Attributes
    ----------
    name : str
        A clean identifier, unique in the function.
    dtype : str
    extents : tuple of Expression
        The size of each dimension.
    role : {"input", "constant", "output", "temporary", "alias", "state"}
        A state is carried from one step of a loop to the next.
    dropped : tuple of int
        Dimensions that it does not really have, because all use is within one iteration of the
        loop over them.
    pack : (Pack, int) or None
        The array it is a slice of, and which.
    row : (Buffer, Expression) or None
        The array of which it is an element along the first dimension, and which.
    within : frozenset of str
        The variables of the loops in whose bodies it has a value.
    """

    __slots__ = (
        "dropped", "dtype", "extents", "name", "number", "pack", "role", "row", "variable",
        "within",
    )  # fmt: skip

    def __init__(
        self,
        number: int,
        name: str,
        dtype: str,
        extents: Sequence[Expression],
        role: str,
        variable: Any = None,
        within: frozenset[str] = frozenset(),
    ):
        self.number = number
        self.name = name
        self.dtype = dtype
        self.extents = tuple(extents)
        self.role = role
        self.variable = variable
        self.within = within
        self.dropped: tuple[int, ...] = ()
        self.pack: tuple[Pack, int] | None = None
        self.row: tuple[Buffer, Expression] | None = None

    @property
    def ndim(self) -> int:
        """How many dimensions it has in memory."""
        return len(self.extents) - len(self.dropped)

    @property
    def array(self) -> str:
        """The name of the array that it is in."""
        if self.row is not None:
            return self.row[0].array
        return self.pack[0].name if self.pack else self.name

    @property
    def is_register(self) -> bool:
        """Whether it is a local variable rather than (an element of) an array."""
        return self.ndim == 0 and self.row is None

    def __repr__(self) -> str:
        return f"<{self.role} {self.name}: {self.dtype}, {len(self.extents)}-d>"


@record()
class Pack:
    """Temporaries of one shape and dtype, side by side in one array: the last index says which.

    Compilers take very long over loops that mention dozens of arrays.
    """

    name: str
    count: int


class Made:
    """The draws of one node: no two are the same, whatever they are drawn from."""

    def __init__(self, op: Op, count: int):
        self.op = op
        self.count = count


class Expression:
    """One interned scalar expression.

    Attributes
    ----------
    head : str
        What it is: ``literal``, ``axis``, ``size``, ``load``, ``apply``, ``cast``, ``choose``,
        ``draw`` or an operator of index arithmetic.
    payload : object
        What belongs to the head: a value, a name, a buffer, an Op.
    arguments : tuple of Expression
    dtype : str
    axes : frozenset of str
        The loop variables it depends on.
    """

    __slots__ = ("arguments", "axes", "dtype", "head", "number", "payload", "table")

    def __init__(
        self,
        table: Table,
        number: int,
        head: str,
        payload: Any,
        arguments: tuple[Expression, ...],
        dtype: str,
    ):
        self.table = table
        self.number = number
        self.head = head
        self.payload = payload
        self.arguments = arguments
        self.dtype = dtype
        own: frozenset[str] = frozenset((payload,)) if head == "axis" else frozenset()
        if head in ("load", "size"):
            own = payload.within
        self.axes: frozenset[str] = own.union(*(a.axes for a in arguments))

    # -- index arithmetic; used by Views and Scatters, which know no class of this floor --------

    def _with(self, operator: str, other: Any, reverse: bool = False) -> Expression:
        other = self.table.of(other)
        left, right = (other, self) if reverse else (self, other)
        return self.table.arithmetic(operator, left, right)

    def __add__(self, other: Any) -> Expression:
        return self._with("+", other)

    def __radd__(self, other: Any) -> Expression:
        return self._with("+", other, True)

    def __sub__(self, other: Any) -> Expression:
        return self._with("-", other)

    def __rsub__(self, other: Any) -> Expression:
        return self._with("-", other, True)

    def __mul__(self, other: Any) -> Expression:
        return self._with("*", other)

    def __rmul__(self, other: Any) -> Expression:
        return self._with("*", other, True)

    def __floordiv__(self, other: Any) -> Expression:
        return self._with("//", other)

    def __rfloordiv__(self, other: Any) -> Expression:
        return self._with("//", other, True)

    def __mod__(self, other: Any) -> Expression:
        return self._with("%", other)

    def __rmod__(self, other: Any) -> Expression:
        return self._with("%", other, True)

    def __neg__(self) -> Expression:
        return self.table.of(0)._with("-", self)

    def __lt__(self, other: Any) -> Expression:
        return self._with("<", other)

    def __le__(self, other: Any) -> Expression:
        return self._with("<=", other)

    def __gt__(self, other: Any) -> Expression:
        return self._with(">", other)

    def __ge__(self, other: Any) -> Expression:
        return self._with(">=", other)

    def __eq__(self, other: Any) -> Any:
        return self._with("==", other)

    def __ne__(self, other: Any) -> Any:
        return self._with("!=", other)

    def __and__(self, other: Any) -> Expression:
        return self._with("&", other)

    def __or__(self, other: Any) -> Expression:
        return self._with("|", other)

    __hash__ = None  # type: ignore[assignment]  # == makes an expression: use .number as a key

    def __bool__(self) -> bool:
        raise TypeError("An index expression has no truth value: use read.choose")

    @property
    def value(self) -> Any:
        """The value of a literal, or None."""
        return self.payload if self.head == "literal" else None

    def is_axis(self) -> bool:
        """Whether it is a bare loop variable."""
        return self.head == "axis"

    def is_flat(self) -> bool:
        """Whether it is a load whose only index counts the elements in C order."""
        return self.head == "load" and bool(self.arguments) and self.arguments[-1].head == "flat"

    def loads(self) -> Iterator[Expression]:
        """Every load in it, once."""
        for part in self.walk():
            if part.head == "load":
                yield part

    def walk(self, seen: set[int] | None = None) -> list[Expression]:
        """It and every part of it, once, parts last; what was ``seen`` is left out."""
        seen = set() if seen is None else seen
        found = []
        stack = [self]
        while stack:
            part = stack.pop()
            if part.number not in seen:
                seen.add(part.number)
                found.append(part)
                if part.arguments:
                    stack.extend(part.arguments[::-1])
        return found

    def __repr__(self) -> str:
        if self.head in ("literal", "axis"):
            return str(self.payload)
        inner = ", ".join(map(repr, self.arguments))
        name = getattr(self.payload, "name", None) or self.payload or self.head
        return f"{name}({inner})" if self.head != "load" else f"{name}[{inner}]"


_FOLD: dict[str, Callable[[int, int], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // b if b else 0,
    "%": lambda a, b: a % b if b else 0,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "&": lambda a, b: a and b,
    "|": lambda a, b: a or b,
}
_COMPARISONS = frozenset(("<", "<=", ">", ">=", "==", "!=", "&", "|"))


class Table:
    """Makes expressions; the same parts give the same object."""

    def __init__(self) -> None:
        self._interned: dict[Any, Expression] = {}
        self._buffers = 0
        self._axes = 0

    def _make(
        self, head: str, payload: Any, arguments: tuple[Expression, ...], dtype: str
    ) -> Expression:
        identity = payload.number if isinstance(payload, Buffer) else payload
        key = (head, identity, dtype, tuple(a.number for a in arguments))
        found = self._interned.get(key)
        if found is None:
            found = Expression(self, len(self._interned), head, payload, arguments, dtype)
            self._interned[key] = found
        return found

    def buffer(
        self,
        name: str,
        dtype: str,
        extents: Sequence[Expression],
        role: str,
        variable: Any = None,
        within: frozenset[str] = frozenset(),
    ) -> Buffer:
        """A new buffer."""
        self._buffers += 1
        return Buffer(self._buffers, name, dtype, extents, role, variable, within)

    def of(self, value: Any) -> Expression:
        """``value`` itself, or the literal."""
        if isinstance(value, Expression):
            return value
        if isinstance(value, (int, np.integer)):
            return self.literal(int(value), INTEGER)
        if isinstance(value, float):  # in a condition on elements
            return self.literal(value, "float64")
        raise TypeError(f"An index must be an expression or a number; got {value!r}")

    def literal(self, value: Any, dtype: str) -> Expression:
        """A number."""
        value = np.dtype(dtype).type(value).item()
        # repr separates 0.0 from -0.0 and keeps NaN equal to itself as a key
        key = ("literal", repr(value), dtype)
        found = self._interned.get(key)
        if found is None:
            found = Expression(self, len(self._interned), "literal", value, (), dtype)
            self._interned[key] = found
        return found

    def new_axis(self, sign: str) -> str:
        """A name that no loop variable has yet."""
        self._axes += 1
        return f"{sign}{self._axes}"

    def axis(self, name: str) -> Expression:
        """A loop variable."""
        return self._make("axis", name, (), INTEGER)

    def size(self, buffer: Buffer, dimension: int) -> Expression:
        """The size of a dimension of an array that exists."""
        at = self.literal(dimension, INTEGER)
        return self._make("size", buffer, (at,), INTEGER)

    def load(self, buffer: Buffer, index: Sequence[Any], flat: bool = False) -> Expression:
        """An element; with ``flat`` the only index counts the elements in C order."""
        arguments = tuple(self.of(i) for i in index)
        if flat and len(buffer.extents) == 1:
            flat = False
        head = "load"
        expression = self._make(head, buffer, arguments, buffer.dtype)
        if flat:
            # A flat load is an index of another form: mark it by one more, empty, literal.
            mark = self._make("flat", None, (), INTEGER)
            expression = self._make(head, buffer, (*arguments, mark), buffer.dtype)
        return expression

    def apply(self, op: Op, arguments: Sequence[Expression], dtype: str) -> Expression:
        """An elementwise Op on arguments that already have the right dtypes."""
        return self._make("apply", op, tuple(arguments), dtype)

    def draw(
        self, op: Op, arguments: Sequence[Expression], index: Sequence[Expression], dtype: str
    ) -> Expression:
        """A random draw: made anew wherever it is printed, and in each place of ``index``."""
        return self._make("draw", Made(op, len(arguments)), (*arguments, *index), dtype)

    def cast(self, expression: Expression, dtype: str) -> Expression:
        """The same value as another dtype."""
        if expression.dtype == dtype:
            return expression
        if expression.head == "literal" and not _loses(expression.payload, dtype):
            return self.literal(expression.payload, dtype)
        return self._make("cast", None, (expression,), dtype)

    def choose(self, condition: Any, a: Any, b: Any) -> Expression:
        """``a`` where the condition holds, else ``b``; only that one is evaluated."""
        if isinstance(condition, bool):
            return self.of(a if condition else b)
        if condition.head == "literal":
            return self.of(a if condition.payload else b)
        a, b = self.of(a), self.of(b)
        if a is b:
            return a
        return self._make("choose", None, (condition, a, b), a.dtype)

    def arithmetic(self, operator: str, left: Expression, right: Expression) -> Expression:
        """Integer index arithmetic, folded where it is known."""
        a, b = left.value, right.value
        comparing = operator in _COMPARISONS
        dtype = "bool" if comparing else np.result_type(left.dtype, right.dtype).name
        if a is not None and b is not None:
            return self.literal(_FOLD[operator](a, b), dtype)
        if operator in "&|":
            known, other = (a, right) if a is not None else (b, left)
            if known is not None:  # x & True is x, x | True is True
                return other if bool(known) == (operator == "&") else self.literal(known, dtype)
        if operator == ">=" and b == 0 and b is not None and left.head == "size":
            return self.literal(True, dtype)
        if dtype != INTEGER:  # elements of arrays: no identity holds for NaN and signed zeros
            return self._make(operator, None, (left, right), dtype)
        if operator in "+-" and b == 0 and b is not None:
            return left
        if operator == "+" and a == 0 and a is not None:
            return right
        if operator == "+" and left.head == "*" and left.arguments[1].value == -1:
            return self.arithmetic("-", right, left.arguments[0])
        if operator == "*" and (a == 0 or b == 0) and (a is not None or b is not None):
            return self.literal(0, INTEGER)
        if operator in ("*", "//") and b == 1:
            return left
        if operator == "*" and a == 1:
            return right
        if operator == "-" and left is right:
            return self.literal(0, INTEGER)
        return self._make(operator, None, (left, right), dtype)

    def substitute(
        self, expression: Expression, axes: dict[str, Expression], memo: dict[int, Expression]
    ) -> Expression:
        """The expression with other loop variables."""
        known = axes.keys()  # which looks up each axis of a part, not each key among them
        stack = [(expression, False)]
        while stack:
            part, ready = stack.pop()
            if part.number in memo:
                continue
            if known.isdisjoint(part.axes):
                memo[part.number] = part
            elif part.head == "axis":
                memo[part.number] = axes[part.payload]
            elif ready:
                arguments = tuple(memo[a.number] for a in part.arguments)
                memo[part.number] = self._make(part.head, part.payload, arguments, part.dtype)
            else:
                stack.append((part, True))
                stack.extend((a, False) for a in part.arguments)
        return memo[expression.number]


def _loses(value: Any, dtype: str) -> bool:
    """Whether casting this number is more than a change of representation."""
    if isinstance(value, complex):
        return not dtype.startswith("complex")
    kind = np.dtype(dtype).kind
    if isinstance(value, float) and kind in "iu":
        return not value.is_integer() or abs(value) >= 2**31
    if isinstance(value, (bool, int)) and kind in "iu":
        info = np.iinfo(dtype)
        return not info.min <= int(value) <= info.max
    return kind == "b"
