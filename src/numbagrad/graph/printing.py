"""Graphs for people: `pp` writes one line of mathematics, `debugprint` a tree.

Neither recurses, and both stay of a size one can read. How an Op is written is asked of the Op, by
attributes: ``infix`` (between the arguments), ``shown`` (instead of the class's name), or
``pretty(node)``, a list of strings and variables in the order in which they are written. No Op is
known here.
"""

from __future__ import annotations

import re
import sys
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from .basic import Apply, Constant, Variable
from .fgraph import FunctionGraph
from .registry import OPS, register

__all__ = ["debugprint", "dprint", "pp"]

#: Operators with one argument, and the names that Theano's users know, by class.
_PREFIX = {"Neg": "-", "Invert": "~"}
_NAMES = {"Second": "fill"}

#: `debugprint` goes no deeper unless it is told to: each level indents the next.
_DEEPEST = 500

Pieces = list[str | Variable]


# -- mathematics ---------------------------------------------------------------------------


def pp(variable: Variable, limit: int = 100_000) -> str:
    """The expression of a variable in one line.

    Parameters
    ----------
    variable : Variable
    limit : int
        About how many characters to write at most. What is left out, innermost first, is ``...``;
        an expression may be exponentially longer than the graph, which says each thing once.

    Raises
    ------
    TypeError
        If ``variable`` is something else, such as a compiled function.

    Examples
    --------
    >>> from numbagrad.graph.tensor import TensorType
    >>> pp(TensorType("float64", shape=())("x"))
    'x'
    """
    if not isinstance(variable, Variable):
        raise TypeError(
            f"pp prints a variable; got {type(variable).__name__}. For a compiled function f "
            "use pp(f.maker.fgraph.outputs[0]), or debugprint(f)."
        )
    # Every occurrence of an operation is a row: its strings, and the numbers of its arguments'
    # rows. Rows are made level by level, so that the outer levels get what room there is.
    rows: list[list[str | int]] = []
    waiting: deque[Variable] = deque([variable])
    asked, used = 1, 0
    while waiting:
        current = waiting.popleft()
        parts = pieces(current) if used < limit or current.owner is None else ["..."]
        row: list[str | int] = []
        for piece in parts:
            if isinstance(piece, Variable):
                row.append(asked)
                asked += 1
                waiting.append(piece)
            else:
                row.append(piece)
                used += len(piece)
        rows.append(row)
    return _joined(rows)


def _joined(rows: list[list[str | int]]) -> str:
    made: list[str] = []
    stack: list[str | int] = [0]
    while stack:
        item = stack.pop()
        if isinstance(item, int):
            stack.extend(reversed(rows[item]))
        else:
            made.append(item)
    return "".join(made)


def pieces(variable: Variable) -> Pieces:
    """How a variable is written: strings, and variables to be written in their places."""
    node = variable.owner
    if node is None:
        return [leaf_text(variable)]
    op: Any = node.op
    if hasattr(op, "pretty"):
        made: Pieces = list(op.pretty(node))
    elif getattr(op, "infix", None) and node.nin > 1:
        made = ["(", *_separated(node.inputs, f" {op.infix} "), ")"]
    elif type(op).__name__ in _PREFIX and node.nin == 1:
        made = [f"({_PREFIX[type(op).__name__]}", node.inputs[0], ")"]
    else:
        params = [f"{name}={value!r}" for name, value in _params(node)]
        made = [f"{op_name(op)}(", *_separated([*node.inputs, *params], ", "), ")"]
    alone = node.nout == 1 or variable.index == op.default_output
    return made if alone else [*made, f".{variable.index}"]


def _separated(items: Any, separator: str) -> Pieces:
    made: Pieces = []
    for item in items:
        made += [item] if not made else [separator, item]
    return made


def op_name(op: Any) -> str:
    """What people call an Op: its own word for itself, else its class in snake case."""
    known = getattr(op, "shown", None) or _NAMES.get(type(op).__name__)
    if known:
        return str(known)
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", type(op).__name__)
    return words.strip("_").lower()


def _params(node: Apply) -> Iterator[tuple[str, Any]]:
    """The Op's static parameters as a user writes them; all axes go without saying."""
    for name in node.op.__props__ or ():
        value = getattr(node.op, name)
        if name != "axes":
            yield name, value
        elif value != tuple(range(getattr(node.inputs[0].type, "ndim", 0))):
            yield "axis", value


def leaf_text(variable: Variable) -> str:
    """A variable without an owner: its name, its value or its type."""
    if variable.name:
        return variable.name
    return _constant(variable) if isinstance(variable, Constant) else f"<{variable.type}>"


def _constant(constant: Constant) -> str:
    data = constant.data
    if constant.literal is not None:
        return constant.literal
    if not isinstance(data, np.ndarray):
        shown = repr(data)
        return shown if len(shown) <= 60 else f"{shown[:57]}..."
    if data.size == 1:
        return str(data.reshape(())[()])
    if data.ndim == 1 and data.size <= 6:
        return "[" + ", ".join(str(x) for x in data) + "]"
    return f"<{data.dtype} array of shape {data.shape}>"


# -- trees ---------------------------------------------------------------------------------


@register
def debugprint(
    graph: Any,
    depth: int = -1,
    print_type: bool = False,
    ids: str = "CHAR",
    file: Any = None,
    stop_on_name: bool = False,
    id_type: str | None = None,
) -> Any:
    """Print the graph of one or more variables as a tree.

    Parameters
    ----------
    graph : Variable, Apply, FunctionGraph, compiled function, or a list of these
        For the last two every node has its place in the order of computation behind it.
    depth : int
        How many levels; -1 for all (500 at most).
    print_type : bool
        Whether to print types.
    ids : {"CHAR", "int", "id", "auto", ""}
        What to call nodes by, so that one met twice is recognised: letters, numbers, ``id()``,
        or nothing. ``id_type`` is another name of it.
    file : "str" or file, optional
        Where to write: ``"str"`` to get a string, standard output by default.
    stop_on_name : bool
        Whether what makes a named variable is left out.

    Returns
    -------
    str or file
        The string for ``file="str"``, else the file.

    Examples
    --------
    >>> from numbagrad.graph.tensor import TensorType
    >>> x = TensorType("float64", shape=())("x")
    >>> _ = debugprint(x, print_type=True)
    x [id A] <TensorType(float64, shape=())>
    """
    tree = _Tree(depth, print_type, ids if id_type is None else id_type, stop_on_name)
    for outputs, order in _graphs(graph):
        for variable in outputs:
            tree.write(variable, order)
    tree.write_inner_graphs()
    text = "\n".join(tree.lines)
    if isinstance(file, str):
        if file != "str":
            raise ValueError(f'file must be "str" or a file; got {file!r}')
        return text
    file = sys.stdout if file is None else file
    print(text, file=file)
    return file


dprint = debugprint
OPS["dprint"] = debugprint


def _graphs(graph: Any) -> Iterator[tuple[list[Variable], dict[Apply, int]]]:
    """The variables to print, and the order of computation where there is one."""
    for item in graph if isinstance(graph, (list, tuple)) else [graph]:
        fgraph = getattr(getattr(item, "maker", None), "fgraph", item)
        if isinstance(item, Variable):
            yield [item], {}
        elif isinstance(item, Apply):
            yield item.outputs, {}
        elif isinstance(fgraph, FunctionGraph):
            yield fgraph.outputs, {node: k for k, node in enumerate(fgraph.toposort())}
        else:
            raise TypeError(
                "debugprint prints variables, nodes, FunctionGraphs and compiled functions; "
                f"got {type(item).__name__}"
            )


class _Tree:
    """The lines of one call of `debugprint`."""

    def __init__(self, depth: int, print_type: bool, ids: str, stop_on_name: bool):
        if ids not in ("CHAR", "int", "id", "auto", ""):
            raise ValueError(f'ids must be "CHAR", "int", "id", "auto" or ""; got {ids!r}')
        self.depth = _DEEPEST if depth < 0 else depth
        self.print_type = print_type
        self.ids = ids
        self.stop_on_name = stop_on_name
        self.lines: list[str] = []
        self.numbers: dict[Any, int] = {}
        self.expanded: set[Apply] = set()
        #: Nodes whose Op holds graphs, and what stands for the inputs of these outside.
        self.holders: dict[Apply, None] = {}
        self.outside: dict[Variable, Variable] = {}

    def write_inner_graphs(self) -> None:
        """The graphs inside Ops, such as the step of a loop, below the graph they are in."""
        done = 0
        while done < len(self.holders):
            if not done:
                self.lines += ["", "Inner graphs:"]
            node = list(self.holders)[done]
            op: Any = node.op
            self.lines += ["", self._line(node.outputs[0], {}, whole=True)]
            words = getattr(op, "output_words", None)
            for graph in op.graphs:
                # The inputs of a graph inside are the last ones of its node.
                self.outside |= dict(
                    zip(graph.inputs, node.inputs[-len(graph.inputs) :], strict=False)
                )
                if len(op.graphs) > 1:
                    self.lines.append(f" {_prop_of(op, graph)}:")
                for k, output in enumerate(graph.outputs):
                    start = " " if words is None else f" {words()[k]}: "
                    self.write(output, {}, start)
            done += 1

    def write(self, root: Variable, order: dict[Apply, int], start: str = "") -> None:
        # A row: the variable (None for what is left out), its depth, what stands before it on its
        # line, and what stands before the lines of its inputs.
        stack: list[tuple[Variable | None, int, str, str]] = [
            (root, 1, start, " " + " " * bool(start))
        ]
        while stack:
            variable, depth, before, below = stack.pop()
            if variable is None:
                self.lines.append(f"{before}···")
                continue
            self.lines.append(before + self._line(variable, order))
            inputs = self._inputs_shown(variable, depth)
            for position in reversed(range(len(inputs))):
                last = position == len(inputs) - 1
                branch, further = ("└─ ", "   ") if last else ("├─ ", "│  ")
                stack.append((inputs[position], depth + 1, below + branch, below + further))

    def _inputs_shown(self, variable: Variable, depth: int) -> list[Variable | None]:
        node = variable.owner
        if node is None or not node.inputs or (self.stop_on_name and variable.name):
            return []
        if depth >= self.depth and self.depth != _DEEPEST:
            return []
        if node in self.expanded or depth >= self.depth:
            return [None]
        self.expanded.add(node)
        return list(node.inputs)

    def _line(self, variable: Variable, order: dict[Apply, int], whole: bool = False) -> str:
        node = variable.owner
        if node is None:
            words = [leaf_text(variable)]
        else:
            if getattr(node.op, "graphs", ()):
                self.holders.setdefault(node)
            one = whole or node.nout == 1
            words = [f"{node.op}" if one else f"{node.op}.{variable.index}"]
        if self.ids:
            words.append(f"[id {self._id(_source(variable))}]")
        if self.print_type:
            words.append(f"<{variable.type}>")
        if self.ids and variable in self.outside:
            words.append(f"-> [id {self._id(_source(self.outside[variable]))}]")
        if node is not None and variable.name and not whole:
            words.append(repr(variable.name))
        if node in order:
            words.append(str(order[node]))
        return " ".join(words)

    def _id(self, item: Variable | Apply) -> str:
        number = self.numbers.setdefault(item, len(self.numbers))
        if self.ids == "CHAR":
            return _letters(number)
        return str(number) if self.ids == "int" else str(id(item))


def _source(variable: Variable) -> Variable | Apply:
    """What makes a variable, or itself."""
    return variable if variable.owner is None else variable.owner


def _prop_of(op: Any, graph: Any) -> str:
    """What an Op calls a graph that it holds."""
    return next((n for n in op.__props__ or () if getattr(op, n) is graph), "graph")


def _letters(number: int) -> str:
    """A, B, ..., Z, AA, AB, ... as columns of a spreadsheet are named."""
    made = ""
    number += 1
    while number:
        number, digit = divmod(number - 1, 26)
        made = chr(ord("A") + digit) + made
    return made
