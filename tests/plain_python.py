"""Printed code run as plain Python: a cheap way to test code generation without compiling.

Python and compiled code differ where a number does not fit or a divisor is zero; what is named
here behaves as in compiled code. Kernels are called as they are.
"""

import ast
import math
import os
from types import FunctionType

import numpy as np

from numbagrad.jit.direct import source
from numbagrad.kernels import portions

__all__ = ["run", "share_everything"]

_NUMPY_FOR_MATH = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2",
    "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh",
}  # fmt: skip
_OPERATORS = {
    ast.Div: "true_divide", ast.FloorDiv: "floor_divide", ast.Mod: "remainder", ast.Pow: "power"
}  # fmt: skip


def run(program, emitted, values):
    """Call the function of a Program on ``values``, given as compiled code takes them."""
    scope = {name: _stand_in(value) for name, value in program.namespace.items()}
    scope |= {f"_{name}": _on_numbers(getattr(np, name)) for name in _OPERATORS.values()}
    scope |= {"_bool": bool, "_invert": _on_numbers(np.invert)}
    tree = ast.fix_missing_locations(_Operators().visit(ast.parse(emitted.source)))
    exec(compile(tree, "<printed>", "exec"), scope)
    with np.errstate(all="ignore"):
        made = scope[emitted.name](*values, *program.constants)
    return list(made) if len(program.results) != 1 else [made]


def share_everything(monkeypatch):
    """For the time of a test, loops of a few rows are shared out, too."""
    monkeypatch.setattr(portions, "MOST", 7.0)
    monkeypatch.setattr(portions, "LEAST", 1e-9)
    monkeypatch.setattr(portions, "SUMS", 1e-9)
    # What was compiled or translated before holds the numbers that were there.
    kept = os.environ.get("NUMBAGRAD_CACHE_DIR")
    if kept:
        monkeypatch.setenv("NUMBAGRAD_CACHE_DIR", os.path.join(kept, "shared"))
    monkeypatch.setattr(source, "definition", source.definition.__wrapped__)


def _stand_in(value):
    if value is math:
        return _Math()
    if value in (np.empty, np.zeros, np.full):
        return _Maker(value)
    if isinstance(value, type) and issubclass(value, np.generic):
        return _Dtype(value)
    if isinstance(value, FunctionType) and value.__module__ != portions.__name__:
        return _on_numbers(value)
    return value


def _on_numbers(function):
    """The function on NumPy's numbers, which divide by zero without an exception."""

    def call(*arguments):
        return function(*(a if np.ndim(a) else np.asarray(a)[()] for a in arguments))

    return call


class _Dtype:
    """A dtype that converts as a C cast does."""

    def __init__(self, dtype):
        self.dtype = np.dtype(dtype)

    def __call__(self, value):
        return np.asarray(value).astype(self.dtype)[()]


class _Maker:
    """``empty`` and the like; what nobody writes shall not look right."""

    def __init__(self, make):
        self.make = make

    def __call__(self, *arguments):
        array = self.make(*(a.dtype if isinstance(a, _Dtype) else a for a in arguments))
        if self.make is np.empty:
            array.fill(77)
        return array


class _Math:
    """``math`` that gives NaN and infinity where compiled code does."""

    def __getattr__(self, name):
        function = getattr(np, _NUMPY_FOR_MATH.get(name, name), None)
        return _on_numbers(function) if function is not None else getattr(math, name)


class _Operators(ast.NodeTransformer):
    """Division and powers by NumPy's functions, comparisons as Python's bools."""

    def visit_BinOp(self, node):
        self.generic_visit(node)
        name = _OPERATORS.get(type(node.op))
        if name is None:
            return node
        return ast.Call(ast.Name(f"_{name}", ast.Load()), [node.left, node.right], [])

    def visit_UnaryOp(self, node):
        self.generic_visit(node)
        if not isinstance(node.op, ast.Invert):
            return node
        return ast.Call(ast.Name("_invert", ast.Load()), [node.operand], [])

    def visit_Compare(self, node):
        # Differences of Python's bools are integers, as in compiled code; NumPy has none.
        self.generic_visit(node)
        return ast.Call(ast.Name("_bool", ast.Load()), [node], [])
