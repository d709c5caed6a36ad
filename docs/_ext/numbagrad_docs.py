"""Directives that list what the package has, so that no list is kept by hand.

``tensor-functions`` documents the names of ``numbagrad.tensor`` that come from given modules of
``ops``; ``op-list`` makes a table of every Op with its kind and its derivative rules;
``function-accuracy`` one of the elementary functions and the bounds of their errors. They only
read the package: nothing is described here in words of its own.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.application import Sphinx

import numbagrad.gradient  # noqa: F401  (its identities are Ops, too)
from numbagrad import tensor
from numbagrad.graph.registry import OP_CLASSES
from numbagrad.graph.type import DisconnectedType
from numbagrad.kernels.inlined import FUNCTIONS
from numbagrad.ops.dtypes import is_continuous
from numbagrad.ops.kinds import BILINEAR, LINEAR, Declared, Elementwise, no_partials

#: Modules whose names are documented in words of the page.
ELSEWHERE = ("variables",)
KINDS = ("Elementwise", "View", "Reduction", "Scatter", "Block", "Size")


class _Generated(Directive):
    """A directive whose content is reStructuredText that it writes itself."""

    def lines(self) -> Iterable[str]:
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        holder = nodes.container()
        holder.document = self.state.document
        self.state.nested_parse(StringList(list(self.lines()), "generated"), 0, holder)
        return holder.children


# -- the functions of numbagrad.tensor -----------------------------------------------------------


class TensorFunctions(_Generated):
    """``.. tensor-functions:: module ...``; ``rest`` stands for all modules named on no page."""

    required_arguments = 1
    final_argument_whitespace = True
    mentioned: ClassVar[set[str]] = set()

    def lines(self) -> Iterator[str]:
        modules = self.arguments[0].split()
        if modules == ["rest"]:
            wanted = set(_by_module()) - self.mentioned - set(ELSEWHERE)
        else:
            wanted = set(modules)
            self.mentioned.update(wanted)
        first: dict[int, str] = {}
        for module in [m for m in _by_module() if m in wanted]:
            for name, made in _by_module()[module]:
                yield from _entry(name, made, first)


def _by_module() -> dict[str, list[tuple[str, Any]]]:
    """The public functions and Ops of ``tensor``, by the module of ``ops`` that defines them."""
    found: dict[str, list[tuple[str, Any]]] = {}
    for name in sorted(tensor.__all__, key=str.lower):
        made = getattr(tensor, name)
        module = getattr(made, "__module__", "") or ""
        if module.startswith("numbagrad.ops."):
            found.setdefault(module.rpartition(".")[2], []).append((name, made))
    return dict(sorted(found.items()))


def _entry(name: str, made: Any, first: dict[int, str]) -> Iterator[str]:
    if id(made) in first:
        yield f".. py:function:: numbagrad.tensor.{name}"
        yield ""
        yield f"   Another name of :func:`~numbagrad.tensor.{first[id(made)]}`."
    elif inspect.isfunction(made):
        yield f".. autofunction:: numbagrad.tensor.{name}"
    else:
        yield f".. py:function:: numbagrad.tensor.{name}{_arguments(made)}"
        yield ""
        for line in inspect.cleandoc(type(made).__doc__ or "").splitlines():
            yield f"   {line}"
    yield ""
    first.setdefault(id(made), name)


def _arguments(made: Any) -> str:
    """``(x, y)`` for an Op, read from its template."""
    code = getattr(getattr(made, "template", None), "__code__", None)
    if code is None:
        return ""
    count = code.co_argcount - len(made.parameters())
    return f"({', '.join(code.co_varnames[:count])})"


# -- every Op ------------------------------------------------------------------------------------


class OpList(_Generated):
    """``.. op-list::``: a table for each kind, from the registry of Op classes."""

    def lines(self) -> Iterator[str]:
        ours = [c for c in OP_CLASSES if c.__module__.startswith("numbagrad.")]
        kinds = [*KINDS, *sorted({c.kind for c in ours} - set(KINDS))]
        for kind in kinds:
            rows = sorted((c for c in ours if c.kind == kind), key=lambda c: c.__name__)
            if rows:
                yield from _table(kind, rows)


def _table(kind: str, rows: list[type[Declared]]) -> Iterator[str]:
    yield f"**{kind}** ({len(rows)})"
    yield ""
    yield ".. list-table::"
    yield "   :header-rows: 1"
    yield "   :widths: 20 44 18 18"
    yield ""
    yield from _row("Op", "What it computes", "Reverse rule", "Forward rule")
    for row in rows:
        params = ", ".join(row.__props__)
        name = f"``{row.__name__}({params})``" if params else f"``{row.__name__}``"
        yield from _row(name, _summary(row), reverse_rule(row), forward_rule(row))
    yield ""


def _row(*cells: str) -> Iterator[str]:
    for k, cell in enumerate(cells):
        yield f"   {'*' if k == 0 else ' '} - {cell}"


def _summary(op_class: type[Declared]) -> str:
    """The first sentence of the docstring, on one line."""
    paragraph = inspect.cleandoc(op_class.__doc__ or "").split("\n\n")[0]
    return " ".join(paragraph.split())


def reverse_rule(op_class: type[Declared]) -> str:
    """How gradients pass back through the Op."""
    own = op_class.pullback not in (Declared.pullback, Elementwise.pullback)
    partials = getattr(op_class, "partials", None)
    if op_class.no_derivative:
        return f"none: {op_class.no_derivative}"
    if isinstance(partials, no_partials) and not own:
        return f"zero: {partials.why}"
    if not _is_connected(op_class):
        return "none: it passes no derivative on"
    return "pullback" if own else "partials"


def forward_rule(op_class: type[Declared]) -> str:
    """How tangents pass forward through it."""
    reverse = reverse_rule(op_class)
    if reverse.startswith(("zero", "none")):
        return reverse.split(":")[0]
    rule = op_class.pushforward
    if rule is LINEAR or rule is BILINEAR:
        return repr(rule).lower()
    if rule is None:
        return "two reverse steps"
    return "partials" if rule is Elementwise.pushforward else "pushforward"


def _is_connected(op_class: type[Declared]) -> bool:
    """Whether an output of its first sample depends differentiably on any input."""
    sample = op_class.samples[0]
    inputs = [tensor.as_tensor(a) for a in sample.arrays]
    node = op_class(**sample.params).make_node(*inputs)
    floats = [is_continuous(v.type.dtype) for v in node.outputs]
    pattern = op_class.connection_pattern(node.op, node)
    gradients = node.op.L_op(node.inputs, node.outputs, [v.type() for v in node.outputs])
    reached = [not isinstance(g.type, DisconnectedType) for g in gradients]
    return any(r and any(row) for r, row in zip(reached, pattern, strict=True)) and any(floats)


# -- the accuracy of elementary functions --------------------------------------------------------


class FunctionAccuracy(_Generated):
    """``.. function-accuracy::``, the bounds that the tests hold."""

    def lines(self) -> Iterator[str]:
        yield ".. list-table::"
        yield "   :header-rows: 1"
        yield ""
        yield "   * - functions"
        yield "     - float64, ulp"
        yield "     - float32, ulp"
        bounds = sorted({(f.ulps("float64"), f.ulps("float32")) for f in FUNCTIONS.values()})
        for double, single in bounds:
            both = double, single
            names = [
                n for n, f in FUNCTIONS.items() if (f.ulps("float64"), f.ulps("float32")) == both
            ]
            yield f"   * - {', '.join(names)}"
            yield f"     - {double:g}"
            yield f"     - {single:g}"
        yield ""


def setup(app: Sphinx) -> dict[str, Any]:
    """Sphinx calls this."""
    app.add_directive("tensor-functions", TensorFunctions)
    app.add_directive("op-list", OpList)
    app.add_directive("function-accuracy", FunctionAccuracy)
    return {"version": "1", "parallel_read_safe": False}
