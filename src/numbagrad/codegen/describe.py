"""Comments for printed code: which expression of the user's a loop serves."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ..graph.basic import Constant, Variable
from .tasks import Task, TaskList

__all__ = ["describe"]

_LONGEST = 78


def describe(task: Task, tasks: TaskList) -> str:
    """``z = X @ w`` and the like, one line, cut where it gets long."""
    variable = task.variable
    names = ", ".join(t.name for t in task.targets)
    if variable is None or variable.owner is None:
        return f"{names}: a copy"
    words = _expression(variable, tasks, 4, top=True)
    line = f"{names} = {words}"
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 4]} ..."


def _expression(variable: Variable, tasks: TaskList, depth: int, top: bool = False) -> str:
    if isinstance(variable, Constant):
        return variable.name or _short(variable.data)
    if variable in tasks.buffers and not top:
        return tasks.buffers[variable].name
    node = variable.owner
    if node is None or depth == 0:
        return "..."
    inner = [_expression(v, tasks, depth - 1) for v in node.inputs]
    name = type(node.op).__name__
    if name in ("DimShuffle", "Cast", "Second", "BroadcastTo") and len(inner) >= 1:
        return inner[-1] if name == "Second" else inner[0]
    infix = getattr(node.op, "infix", None)
    if infix and len(inner) == 2:
        made = f"{inner[0]} {infix} {inner[1]}"
        return made if top else f"({made})"
    axes = getattr(node.op, "axes", None)
    if axes and len(inner) == 1:
        inner.append(f"axis={axes[0] if len(axes) == 1 else tuple(axes)}")
    return f"{_snake(name)}({', '.join(inner)})"


def _short(data: Any) -> str:
    value = np.asarray(data)
    return f"{value.item():g}" if value.size == 1 and value.dtype.kind in "fiub" else "..."


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
