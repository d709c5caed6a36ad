"""Templates to text: the return expression of a real function with its arguments put in.

Parentheses are set only where Python's precedence asks for them. A template whose body is more
than one return statement is emitted once as a helper function and called.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import math
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from itertools import takewhile
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..kernels.inlined import EXTREMES, FUNCTIONS, inlined
from ..lazy import module_name
from ..records import record

__all__ = ["ATOM", "Form", "Template", "Text", "parsed", "read_template", "splice"]

_ELEMENTARY = "numbagrad.kernels.elementary"
#: Precedence of texts: higher binds tighter.
TERNARY, OR, AND, NOT, COMPARE, BITOR, BITXOR, BITAND, SHIFT, SUM, PRODUCT, UNARY, POWER, ATOM = (
    range(14)
)

_BINARY: dict[type, tuple[str, int]] = {
    ast.Add: ("+", SUM),
    ast.Sub: ("-", SUM),
    ast.Mult: ("*", PRODUCT),
    ast.Div: ("/", PRODUCT),
    ast.FloorDiv: ("//", PRODUCT),
    ast.Mod: ("%", PRODUCT),
    ast.Pow: ("**", POWER),
    ast.BitAnd: ("&", BITAND),
    ast.BitOr: ("|", BITOR),
    ast.BitXor: ("^", BITXOR),
    ast.LShift: ("<<", SHIFT),
    ast.RShift: (">>", SHIFT),
}
_COMPARE: dict[type, str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
#: Functions of NumPy that math has too, with the same result on real floats in Numba; math's
#: compile several times faster there.
_MATH_FOR_NUMPY = frozenset(("sqrt", "isnan", "isinf", "isfinite", "copysign", "hypot"))


class Text(NamedTuple):
    """Printed code and how tightly it binds."""

    text: str
    binds: int = ATOM

    def inside(self, needs: int) -> str:
        """The text, in parentheses if it binds less tightly than its place needs."""
        return self.text if self.binds >= needs else f"({self.text})"


@record(frozen=True)
class Template:
    """A function that was read.

    Attributes
    ----------
    function : callable
    parameters : tuple of str
    result : ast.expr or None
        The return expression, if that is all there is.
    names : dict
        The global names that it uses and what they stand for.
    """

    function: Callable[..., Any]
    parameters: tuple[str, ...]
    result: Any
    names: dict[str, Any]

    def uses(self, parameter: str) -> int:
        """How often the return expression mentions a parameter."""
        return 1 if self.result is None else self._mentions[parameter]

    @cached_property
    def _mentions(self) -> Counter[str]:
        return Counter(n.id for n in ast.walk(self.result) if isinstance(n, ast.Name))


@lru_cache(maxsize=4096)
def read_template(function: Callable[..., Any]) -> Template:
    """Parse a template; one without source text is only ever called.

    Raises
    ------
    TypeError
        If it is no plain Python function.
    """
    code = getattr(function, "__code__", None)
    if code is None:
        raise TypeError(f"A template must be a plain function; got {function!r}")
    parameters = code.co_varnames[: code.co_argcount]
    names = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
    used = {n: names[n] for n in code.co_names if n in names}
    result = None
    definition = parsed(function)
    if isinstance(definition, ast.FunctionDef) and not code.co_freevars:
        body = definition.body
        if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            body = body[1:]
        if len(body) == 1 and isinstance(body[0], ast.Return) and _printable(body[0].value):
            result = body[0].value
    return Template(function, parameters, result, used)


def parsed(function: Any) -> Any:
    """The definition of a function, or None where its text is not to be had."""
    for source in (_block, inspect.getsource):
        try:
            return ast.parse(textwrap.dedent(source(function))).body[0]
        except (OSError, TypeError, SyntaxError, IndexError):
            continue
    return None


def _block(function: Any) -> str:
    """The text of a function from ``def`` on, without comments; none if it begins otherwise.

    It is what `inspect.getsource` finds by Python's tokenizer, which is slow to set up.
    """
    code = function.__code__
    linecache.checkcache(code.co_filename)
    lines = linecache.getlines(code.co_filename, function.__globals__)[code.co_firstlineno - 1 :]
    if not lines or not lines[0].lstrip().startswith("def "):
        return ""
    margin = len(lines[0]) - len(lines[0].lstrip())

    def inside(line: str) -> bool:
        words = line.lstrip()
        return not words or words[0] == ")" or len(line) - len(words) > margin

    code_lines = (line for line in lines[1:] if not line.lstrip().startswith("#"))
    return "".join([lines[0], *takewhile(inside, code_lines)])


def _printable(node: Any) -> bool:
    known = (
        ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.IfExp, ast.Call, ast.Name,
        ast.Attribute, ast.Constant, ast.Tuple, ast.expr_context, ast.operator, ast.unaryop,
        ast.cmpop, ast.boolop,
    )  # fmt: skip
    return node is not None and all(
        isinstance(n, known) and not (isinstance(n, ast.Call) and n.keywords)
        for n in ast.walk(node)
    )


def splice(
    template: Template,
    arguments: Sequence[Text],
    dtype: str,
    resolve: Callable[[str, Any], str],
) -> Text:
    """The template's result with ``arguments`` put in.

    Parameters
    ----------
    template : Template
    arguments : sequence of Text
    dtype : str
        The dtype of the computation; float literals take it.
    resolve : callable
        ``resolve(name, object)`` gives the name under which printed code finds a global.
    """
    if template.result is None:
        called = resolve(_title(template.function), template.function)
        return Text(f"{called}({', '.join(a.text for a in arguments)})")
    bound = dict(zip(template.parameters, arguments, strict=True))
    return _Printer(bound, template.names, dtype, resolve).text(template.result)


class _Hole(Text):
    """Where an argument goes: it says which, and how tightly it has to bind."""

    def inside(self, needs: int) -> str:
        return f"\0{self.text},{needs}\0"


class Form:
    """A template printed once, with holes where arguments go.

    What it says is the same as `splice` says; the parameters are those of `splice`.
    """

    def __init__(self, template: Template, dtype: str, resolve: Callable[[str, Any], str]):
        self.template = template
        self._dtype = dtype
        self._resolve = resolve
        #: For each parameter whether it is mentioned several times.
        self.repeats = tuple(template.uses(name) > 1 for name in template.parameters)
        self._pieces: list[Any] | None = None
        self._binds = ATOM

    def __call__(self, arguments: Sequence[Text]) -> Text:
        """The template's result with ``arguments`` put in."""
        # A sign may melt into an operator in front of it, and a bare name is nothing but itself.
        plain = isinstance(self.template.result, (type(None), ast.Name))
        if plain or any(a.text.startswith("-") for a in arguments):
            return splice(self.template, arguments, self._dtype, self._resolve)
        if self._pieces is None:
            self._read(len(arguments))
        assert self._pieces is not None
        parts = [
            piece if type(piece) is str else arguments[piece[0]].inside(piece[1])
            for piece in self._pieces
        ]
        return Text("".join(parts), self._binds)

    def _read(self, count: int) -> None:
        holes = [_Hole(str(k)) for k in range(count)]
        text, self._binds = splice(self.template, holes, self._dtype, self._resolve)
        pieces = text.split("\0")
        self._pieces = [
            tuple(map(int, piece.split(","))) if k % 2 else piece for k, piece in enumerate(pieces)
        ]


def _title(function: Callable[..., Any]) -> str:
    """``cholesky`` for ``Cholesky.template``, else the function's own name."""
    *_, owner, name = ["", *function.__qualname__.split(".")]
    if "template" not in name or not owner or owner == "<locals>":
        return name
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", owner).lower()


class _Printer:
    """Prints one template's expression."""

    def __init__(
        self,
        bound: dict[str, Text],
        names: dict[str, Any],
        dtype: str,
        resolve: Callable[[str, Any], str],
    ):
        self.bound = bound
        self.names = names
        self.dtype = dtype
        self.resolve = resolve

    def text(self, node: Any) -> Text:
        return getattr(self, type(node).__name__)(node)

    def Name(self, node: ast.Name) -> Text:
        if node.id in self.bound:
            return self.bound[node.id]
        if node.id in self.names:
            return Text(self.resolve(node.id, self.names[node.id]))
        return Text(node.id)

    def Constant(self, node: ast.Constant) -> Text:
        if isinstance(node.value, float) and self.dtype == "float32":
            return Text(f"float32({node.value!r})")
        if type(node.value) is int and self.dtype.startswith("uint"):
            return Text(f"{self.dtype}({node.value!r})")
        if isinstance(node.value, float) and not math.isfinite(node.value):
            return Text("inf")
        return Text(repr(node.value))

    def Attribute(self, node: ast.Attribute) -> Text:
        if isinstance(node.value, ast.Name) and node.value.id in self.names:
            module = self.names[node.value.id]
            if isinstance(module, ModuleType):
                return Text(self._member(module, node))
        return Text(f"{self.text(node.value).inside(ATOM)}.{node.attr}")

    def _member(self, module: ModuleType, node: ast.Attribute) -> str:
        assert isinstance(node.value, ast.Name)
        if self.dtype.startswith("float"):
            ours = inlined(node.attr) if module in (np, math) else None
            if ours is not None:
                return self.resolve(ours.name, ours)
            if module is np and node.attr in _MATH_FOR_NUMPY:
                return f"{self.resolve('math', math)}.{node.attr}"
        if module_name(module) == _ELEMENTARY:
            ours = {**FUNCTIONS, **EXTREMES}[node.attr]
            return self.resolve(ours.name, ours)
        return f"{self.resolve(node.value.id, module)}.{node.attr}"

    def Call(self, node: ast.Call) -> Text:
        inner = ", ".join(self.text(a).inside(0) for a in node.args)
        return Text(f"{self.text(node.func).inside(ATOM)}({inner})")

    def Tuple(self, node: ast.Tuple) -> Text:
        return Text(f"({', '.join(self.text(e).text for e in node.elts)},)")

    def _power(self, node: ast.BinOp) -> Text | None:
        """A power of floats as a call; whole powers stay products, which is Numba's doing."""
        left, right = node.left, node.right
        whole = isinstance(right, ast.Constant) and isinstance(right.value, int)
        if not self.dtype.startswith("float") or whole:
            return None
        if isinstance(left, ast.Constant) and left.value == 2.0:
            name, arguments = "exp2", [right]
        else:
            name, arguments = "power", [left, right]
        inner = ", ".join(self.text(a).inside(0) for a in arguments)
        return Text(f"{self.resolve(name, FUNCTIONS[name])}({inner})")

    def BinOp(self, node: ast.BinOp) -> Text:
        power = self._power(node) if isinstance(node.op, ast.Pow) else None
        if power is not None:
            return power
        sign, binds = _BINARY[type(node.op)]
        left_needs, right_needs = (binds, binds + 1) if sign != "**" else (ATOM, UNARY)
        left = self.text(node.left).inside(left_needs)
        right = self.text(node.right).inside(right_needs)
        if sign == "+" and re.fullmatch(r"-[0-9.e+]+", right):
            sign, right = "-", right[1:]
        return Text(f"{left} {sign} {right}", binds)

    def UnaryOp(self, node: ast.UnaryOp) -> Text:
        operand = self.text(node.operand)
        if isinstance(node.op, ast.Not):
            return Text(f"not {operand.inside(NOT)}", NOT)
        sign = {ast.USub: "-", ast.UAdd: "+", ast.Invert: "~"}[type(node.op)]
        return Text(f"{sign}{operand.inside(POWER)}", UNARY)

    def Compare(self, node: ast.Compare) -> Text:
        parts = [self.text(node.left).inside(COMPARE + 1)]
        for operator, right in zip(node.ops, node.comparators, strict=True):
            parts += [_COMPARE[type(operator)], self.text(right).inside(COMPARE + 1)]
        return Text(" ".join(parts), COMPARE)

    def BoolOp(self, node: ast.BoolOp) -> Text:
        word, binds = ("and", AND) if isinstance(node.op, ast.And) else ("or", OR)
        return Text(f" {word} ".join(self.text(v).inside(binds + 1) for v in node.values), binds)

    def IfExp(self, node: ast.IfExp) -> Text:
        yes, test = self.text(node.body).inside(TERNARY + 1), self.text(node.test).inside(OR)
        return Text(f"{yes} if {test} else {self.text(node.orelse).inside(TERNARY)}", TERNARY)
