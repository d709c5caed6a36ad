"""The reference interpreter: a graph node by node in NumPy, by what each Op says of itself.

Slow and simple. It is what compiled functions are compared with, and what finds the node behind an
error of compiled code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..graph.basic import Apply, Constant, Variable
from ..graph.generators import RandomGeneratorType
from ..graph.printing import op_name, pp
from ..graph.traverse import toposort
from .kinds import Block, Declared, Elementwise

__all__ = ["check_sizes", "context_of", "interpret"]


def interpret(
    outputs: Sequence[Variable], given: Mapping[Variable, Any], last: Apply | None = None
) -> list[Any]:
    """The values of ``outputs``.

    Parameters
    ----------
    outputs : sequence of Variable
    given : mapping
        Values of the inputs.
    last : Apply, optional
        Only its inputs are computed, as far as possible; what is missing is ``None``.

    Raises
    ------
    ShapeError, IndexError, ValueError, ...
        What an Op raises, with the operation, the shapes and the user's line.
    """
    values: dict[Variable, Any] = dict(given)
    wanted = outputs if last is None else last.inputs
    for node in toposort(wanted, list(values)):
        try:
            _compute(node, values)
        except Exception:
            if last is None:
                raise
    return [_value(v, values, strict=last is None) for v in wanted]


def _compute(node: Apply, values: dict[Variable, Any]) -> None:
    inputs = [_value(v, values) for v in node.inputs]
    check_sizes(node, inputs)
    storage: list[list[Any]] = [[None] for _ in node.outputs]
    try:
        node.op.perform(node, inputs, storage)
    except Exception as error:
        raise _explained(error, node, inputs) from error
    for cell, variable in zip(storage, node.outputs, strict=True):
        values[variable] = cell[0]


def _value(variable: Variable, values: Mapping[Variable, Any], strict: bool = True) -> Any:
    if isinstance(variable, Constant):
        return variable.data
    if not strict:
        return values.get(variable)
    return values[variable]


def check_sizes(node: Apply, inputs: Sequence[Any]) -> None:
    """Sizes that are not known to be 1 do not broadcast, whatever their value is now."""
    if not isinstance(node.op, Declared):
        return
    shapes = [
        tuple(
            np.int64(size) if known is None else int(size)
            for size, known in zip(getattr(x, "shape", ()), v.type.shape, strict=True)
        )
        for x, v in zip(inputs, node.inputs, strict=True)
    ]
    given = dict(zip(node.inputs, inputs, strict=True)) if node.op.kind == "Control" else {}
    for a, b in node.op.same_sizes(shapes, *node.inputs):
        a, b = (int(given[s]) if isinstance(s, Variable) and s in given else s for s in (a, b))
        numbers = isinstance(a, (int, np.integer)) and isinstance(b, (int, np.integer))
        if numbers and a != b:
            raise ShapeError(
                f"Sizes {a} and {b} have to be equal{_pattern_of(node)} "
                f"{context_of(node, inputs)}{_broadcast_hint(node, a, b)}"
            )


def _pattern_of(node: Apply) -> str:
    """The sizes that a function of whole arrays takes."""
    if node.op.kind == "Control":  # type: ignore[attr-defined]
        return f" ({words})" if (words := getattr(node.op, "sizes_mean", "")) else ""
    if not isinstance(node.op, Block):
        return ""
    return f" (the arguments are {node.op.signature.split('->')[0]})"


def _broadcast_hint(node: Apply, a: Any, b: Any) -> str:
    if 1 not in (a, b) or not isinstance(node.op, Elementwise):
        return ""
    return (
        "\nA dimension broadcasts only if its type says that its size is 1: declare it so "
        "(shape=(1, None)) or use broadcast_to."
    )


def context_of(node: Apply, inputs: Sequence[Any]) -> str:
    """``in add(x: (3,), y: (4,)), built at file:line``."""
    shown = []
    for variable, value in zip(node.inputs, inputs, strict=True):
        if isinstance(variable.type, RandomGeneratorType):
            continue
        name = variable.name or pp(variable, limit=60)
        shown.append(f"{name}: {_shown(value)}" if value is not None else name)
    line = f"\nIt was built at {node.where}" if node.where is not None else ""
    return f"in {op_name(node.op)}({', '.join(shown)}){line}"


def _shown(value: np.ndarray) -> str:
    """The shape, and a few whole numbers themselves: they may be an index."""
    if value.dtype.kind in "iu" and value.size <= 8:
        return f"{value.tolist()}" if value.ndim == 0 else f"{value.tolist()}, shape {value.shape}"
    return f"shape {value.shape}"


def _explained(error: Exception, node: Apply, inputs: Sequence[Any]) -> Exception:
    if not isinstance(error, (ValueError, IndexError, TypeError, ArithmeticError, AssertionError)):
        return error
    try:
        return type(error)(f"{error}\n{context_of(node, inputs)}")
    except TypeError:
        return error
