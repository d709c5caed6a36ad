"""The language of rewrite rules: patterns are expressions, and so are results.

``rule(log(1 + exp(x)), softplus(x))`` is a row of a table and its own documentation: it prints as
``log(1 + exp(x)) = softplus(x)``. Nothing here knows a single identity, nor walks a graph.

What matching takes care of, so that no row has to:

* an Op that its class calls commutative is matched in both orders;
* a number matches a constant of that value, wherever it was spread or cast;
* a variable that stands twice in a pattern has to be the same variable twice;
* no cast may stand between two matched Ops, since ``x + (-y)`` is not ``x - y`` when ``-y`` wraps
  around in a smaller dtype; a variable is taken in the dtype in which the Op computes with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..graph.basic import Variable
from ..graph.registry import OP_CLASSES, OPS
from ..graph.tensor import TensorConstant, constant
from ..records import record

__all__ = [
    "Argument",
    "Call",
    "Glance",
    "Local",
    "Node",
    "Number",
    "Pattern",
    "Rule",
    "Scope",
    "Some",
    "Wild",
    "build",
    "constants",
    "effective_arguments",
    "glance",
    "made_by",
    "made_of",
    "match",
    "on",
    "op_classes",
    "operations",
    "rule",
    "variables",
]


class Scope(Protocol):
    """What a rule may ask while it looks at a node."""

    def owner(self, variable: Variable) -> Any:
        """The node that makes ``variable``, or None where a rule must not look further."""

    def value(self, variable: Variable) -> Any:
        """The number that stands in every place of ``variable``, or None."""

    def uses(self, variable: Variable) -> int:
        """How many nodes of the graph that is rewritten need ``variable``."""

    def graph(self, graph: Any) -> Any:
        """What becomes of a graph inside an Op; itself if nothing does."""

    @property
    def env(self) -> Any:
        """The sizes of variables, a `ShapeEnv`."""


#: A node as rules see it: they know which Op it has, and read what that Op states.
Node = Any


# -- patterns --------------------------------------------------------------------------------------


class Pattern:
    """An expression over wildcards; the operators are Python's."""

    def __add__(self, other: Any) -> Call:
        return Call("add", (self, _lift(other)))

    def __radd__(self, other: Any) -> Call:
        return Call("add", (_lift(other), self))

    def __sub__(self, other: Any) -> Call:
        return Call("sub", (self, _lift(other)))

    def __rsub__(self, other: Any) -> Call:
        return Call("sub", (_lift(other), self))

    def __mul__(self, other: Any) -> Call:
        return Call("mul", (self, _lift(other)))

    def __rmul__(self, other: Any) -> Call:
        return Call("mul", (_lift(other), self))

    def __truediv__(self, other: Any) -> Call:
        return Call("true_div", (self, _lift(other)))

    def __rtruediv__(self, other: Any) -> Call:
        return Call("true_div", (_lift(other), self))

    def __pow__(self, other: Any) -> Call:
        return Call("pow", (self, _lift(other)))

    def __rpow__(self, other: Any) -> Call:
        return Call("pow", (_lift(other), self))

    def __neg__(self) -> Call:
        return Call("neg", (self,))

    def __abs__(self) -> Call:
        return Call("abs", (self,))


@record(frozen=True)
class Wild(Pattern):
    """Any variable."""

    name: str

    def __str__(self) -> str:
        return self.name


@record(frozen=True)
class Some(Pattern):
    """Any constant with one value in every place."""

    name: str

    def __str__(self) -> str:
        return self.name


@record(frozen=True)
class Number(Pattern):
    """A constant of this value."""

    value: Any

    def __post_init__(self) -> None:
        _ASKED_FOR.add(self.value)

    def __str__(self) -> str:
        return repr(self.value)


_INFIX = {"add": "+", "sub": "-", "mul": "*", "true_div": "/", "pow": "**"}


@record(frozen=True)
class Call(Pattern):
    """An Op, by the name under which it is registered, applied to patterns."""

    name: str
    args: tuple[Pattern, ...]

    def __str__(self) -> str:
        if self.name in _INFIX:
            return f" {_INFIX[self.name]} ".join(_within(a) for a in self.args)
        if self.name == "neg":
            return f"-{_within(self.args[0])}"
        return f"{self.name}({', '.join(map(str, self.args))})"


def _within(pattern: Pattern) -> str:
    """A pattern as an operand."""
    if isinstance(pattern, Call) and pattern.name in {*_INFIX, "neg"}:
        return f"({pattern})"
    return str(pattern)


def _lift(value: Any) -> Pattern:
    return value if isinstance(value, Pattern) else Number(value)


def variables(names: str) -> list[Wild]:
    """Wildcards by their names.

    >>> x, y = variables("x y")
    >>> print(-(x + 1) * y)
    (-(x + 1)) * y
    """
    return [Wild(name) for name in names.split()]


def constants(names: str) -> list[Some]:
    """Wildcards for constants, by their names."""
    return [Some(name) for name in names.split()]


def operations(names: str) -> list[Callable[..., Call]]:
    """Ops for use in patterns, by the names under which they are registered."""

    def operation(name: str) -> Callable[..., Call]:
        return lambda *args: Call(name, tuple(map(_lift, args)))

    return [operation(name) for name in names.split()]


@cache
def op_classes(name: str) -> frozenset[type]:
    """The classes of the Ops behind the function registered under ``name``.

    A function that chooses by dtype stands for several: ``pow`` for ``Pow`` and ``IntPow``.
    """
    cls = type(OPS.get(name))
    if hasattr(cls, "make_node"):
        return frozenset([cls])
    wanted = {name.replace("_", ""), "int" + name.replace("_", "")}
    return frozenset(c for c in OP_CLASSES if c.__name__.rstrip("_").lower() in wanted)


# -- matching --------------------------------------------------------------------------------------


class Argument(NamedTuple):
    """A variable, and the dtype in which an Op computes with it."""

    variable: Any
    dtype: str


def effective_arguments(node: Node) -> list[Argument]:
    """The inputs of an elementwise node, as its template gets them."""
    made_as = node.outputs[0].type
    if all(v.type.dtype == made_as.dtype for v in node.inputs):
        return [Argument(v, made_as.dtype) for v in node.inputs]
    rule_of = getattr(node.op, "argument_dtypes", None)
    if rule_of is None:
        return [Argument(v, v.type.dtype) for v in node.inputs]
    dtypes = rule_of(node.inputs, made_as.dtype)
    return [Argument(v, d) for v, d in zip(node.inputs, dtypes, strict=True)]


Bound = dict[str, Argument]


def match(
    pattern: Pattern, argument: Argument, scope: Scope, bound: Bound, widening: bool = False
) -> Iterator[Bound]:
    """Every way in which ``pattern`` fits, as what its wildcards stand for."""
    if isinstance(pattern, Wild):
        before = bound.get(pattern.name)
        if before is None:
            yield {**bound, pattern.name: argument}
        elif before == argument:
            yield bound
    elif isinstance(pattern, Number):
        if _is_number(scope.value(argument.variable), pattern.value):
            yield bound
    elif isinstance(pattern, Some):
        value = scope.value(argument.variable)
        if value is not None and pattern.name not in bound:
            made = constant(np.asarray(value).astype(argument.dtype))
            yield {**bound, pattern.name: Argument(made, argument.dtype)}
    elif isinstance(pattern, Call):
        node = scope.owner(argument.variable)
        if node is None or type(node.op) not in op_classes(pattern.name):
            return
        made_as = argument.variable.type.dtype
        if made_as == argument.dtype or (widening and _widens(made_as, argument.dtype)):
            yield from _match_call(pattern, node, scope, bound, widening)


def _match_call(
    pattern: Call, node: Node, scope: Scope, bound: Bound, widening: bool
) -> Iterator[Bound]:
    given = effective_arguments(node)
    if len(given) != len(pattern.args):
        return
    orders = [given]
    if getattr(node.op, "commutative", False) and len(given) == 2:
        orders.append(given[::-1])
    for order in orders:
        found: list[Bound] = [bound]
        for part, argument in zip(pattern.args, order, strict=True):
            found = [m for b in found for m in match(part, argument, scope, b, widening)]
            if not found:
                break
        yield from found


class Glance(NamedTuple):
    """What is seen of a variable at first sight: enough to rule most patterns out."""

    op: type | None
    constant: bool
    truth: bool
    number: Any


#: Constants that patterns ask for by value; others look alike at first sight.
_ASKED_FOR: set[Any] = set()
_OTHER = "another number"


def glance(variable: Variable, scope: Scope) -> Glance:
    """The first sight of ``variable``."""
    node, value = scope.owner(variable), scope.value(variable)
    if value is not None and value not in _ASKED_FOR:
        value = _OTHER
    op = None if node is None else type(node.op)
    return Glance(op, isinstance(variable, TensorConstant), isinstance(value, bool), value)


def _may_fit(pattern: Pattern, seen: Glance) -> bool:
    if isinstance(pattern, Call):
        return seen.op in op_classes(pattern.name)
    if isinstance(pattern, Number):
        return _is_number(seen.number, pattern.value)
    return isinstance(pattern, Wild) or seen.number is not None


def _is_number(value: Any, wanted: Any) -> bool:
    """Whether a constant's value is the number of a pattern; True is no 1."""
    if value is None or isinstance(value, bool) != isinstance(wanted, bool):
        return False
    return bool(value == wanted)


def _widens(small: str, large: str) -> bool:
    return (small, large) in {("float32", "float64"), ("complex64", "complex128")}


def build(expression: Pattern, bound: Bound) -> Any:
    """The graph of ``expression`` over what the wildcards stand for."""
    if isinstance(expression, Number):
        return expression.value
    if isinstance(expression, (Wild, Some)):
        variable, dtype = bound[expression.name]
        return variable if variable.type.dtype == dtype else OPS["cast"](variable, dtype)
    assert isinstance(expression, Call)
    return OPS[expression.name](*(build(a, bound) for a in expression.args))


# -- rules -----------------------------------------------------------------------------------------


@record(frozen=True)
class Rule:
    """One identity.

    Attributes
    ----------
    pattern : Call
        The left side.
    result : Pattern
        The right side.
    kinds : str
        NumPy's letters of the dtypes for which it holds: of the left side's result.
    where : callable or None
        A further condition; it names the wildcards it wants, and gets their variables (numbers for
        constants), ``node`` and ``scope``.
    widening : bool
        Whether a cast from single to double precision may stand inside the left side.
    domain : tuple of float
        Where the wildcards lie in tests, if not everywhere.
    """

    pattern: Call
    result: Pattern
    kinds: str = "biufc"
    where: Callable[..., bool] | None = None
    widening: bool = False
    domain: tuple[float, float] = (-3.0, 3.0)

    @property
    def identity(self) -> str:
        """What it says."""
        return f"{self.pattern} = {self.result}"

    def applies_to(self, cls: type) -> bool:
        """Whether nodes of this Op class are worth a look."""
        return cls in op_classes(self.pattern.name)

    def may_fit(self, op: Any, seen: Sequence[Glance]) -> bool:
        """Whether a node of this Op over inputs that look like this is worth trying."""
        if len(seen) != len(self.pattern.args):
            return False
        orders = [seen, seen[::-1]] if getattr(op, "commutative", False) else [seen]
        return any(all(map(_may_fit, self.pattern.args, order)) for order in orders)

    def __call__(self, node: Node, scope: Scope) -> Any:
        output = node.outputs[0]
        if np.dtype(output.type.dtype).kind not in self.kinds:
            return None
        for bound in _match_call(self.pattern, node, scope, {}, self.widening):
            if self._holds(bound, node, scope):
                return build(self.result, bound)
        return None

    def _holds(self, bound: Bound, node: Node, scope: Scope) -> bool:
        if self.where is None:
            return True
        code = self.where.__code__
        wanted = code.co_varnames[: code.co_argcount]
        known: dict[str, Any] = {"node": node, "scope": scope}
        for name, argument in bound.items():
            value = scope.value(argument.variable)
            known[name] = argument.variable if value is None else value
        return bool(self.where(**{name: known[name] for name in wanted}))

    def __str__(self) -> str:
        return self.identity


def rule(pattern: Any, result: Any, **options: Any) -> Rule:
    """A row of a table: ``pattern`` is replaced by ``result``."""
    return Rule(pattern, _lift(result), **options)


@record(frozen=True)
class Local:
    """A rule in Python, for what no pattern can say.

    Attributes
    ----------
    heads : tuple of str
        Which Op classes are worth a look: their names, their kinds, or facts that they state.
    function : callable
        ``function(node, scope)``: a variable, a list with one entry an output (None to keep it), or
        None.
    seeing : callable or None
        ``seeing(glances)``: whether it can say anything about inputs that look like this. It is
        asked once for all nodes that look alike, and not at all for those with many inputs.
    """

    heads: tuple[str, ...]
    function: Callable[[Node, Any], Any]
    seeing: Callable[[Sequence[Glance]], bool] | None = None

    @property
    def identity(self) -> str:
        """What it says: the first line of its docstring."""
        return (self.function.__doc__ or self.function.__name__).strip().splitlines()[0]

    def applies_to(self, cls: type) -> bool:
        """Whether nodes of this Op class are worth a look."""
        return any(
            head in (cls.__name__, getattr(cls, "kind", None)) or getattr(cls, head, None) is True
            for head in self.heads
        )

    def may_fit(self, op: Any, seen: Sequence[Glance]) -> bool:
        """Whether a node of this Op over inputs that look like this is worth trying."""
        return self.seeing is None or self.seeing(seen)

    def __call__(self, node: Node, scope: Any) -> Any:
        return self.function(node, scope)

    def __str__(self) -> str:
        return self.identity


def on(
    *heads: str, seeing: Callable[[Sequence[Glance]], bool] | None = None
) -> Callable[[Callable[[Node, Any], Any]], Local]:
    """Decorator: a function is a rule for Ops of these classes, kinds or facts."""
    return lambda function: Local(heads, function, seeing)


def made_of(*names: str) -> Callable[[Sequence[Glance]], bool]:
    """For ``seeing``: whether an Op of one of these classes makes one of the inputs."""
    return lambda seen: any(g.op is not None and g.op.__name__ in names for g in seen)


def made_by(variable: Any, name: str, scope: Scope) -> Node:
    """The node that makes ``variable`` if its Op is of the class ``name``, else None."""
    node = scope.owner(variable)
    return node if node is not None and type(node.op).__name__ == name else None
