"""Words for printed code and for errors: which expression of the user's a loop serves."""

from __future__ import annotations

from ..graph.basic import Variable
from ..graph.printing import leaf_text, pieces
from .names import clean
from .task import Failure, Task
from .tasks import TaskList

__all__ = ["describe", "reason"]

_LONGEST = 78
_DEEPEST = 5


def describe(task: Task, tasks: TaskList) -> str:
    """``z = X @ w`` and the like, one line, cut where it gets long."""
    if task.kind == "loop":
        return _steps(task)
    variable = task.variable
    names = ", ".join(t.name for t in task.targets)
    if variable is None or variable.owner is None:
        return f"{names}: a copy"
    words = _bare(_words(variable, tasks, 0))
    line = f"{names} = {words}"
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 4]} ..."


def _steps(task: Task) -> str:
    """Which states a loop carries and what it collects."""
    body = task.inner.tasks.body
    parts = []
    states = ", ".join(c.state.name for c in task.inner.carries)
    if states:
        parts.append(f"carries {states}")
    traces = ", ".join(
        t.name for t in task.targets if t.variable in [body.node.outputs[k] for k in body.traced]
    )
    if traces:
        parts.append(f"collects {traces}")
    line = f"each step {' and '.join(parts) or 'changes nothing'}"
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 4]} ..."


def reason(failure: Failure) -> str:
    """What a check is for, in clean names."""
    words = failure.message
    for variable in failure.node.inputs if failure.node is not None else ():
        if variable.name:
            words = words.replace(variable.name, clean(variable.name))
    return words.encode("ascii", "replace").decode()


def _words(variable: Variable, tasks: TaskList, depth: int) -> str:
    if variable in tasks.buffers and (depth or variable.owner is None):
        return tasks.buffers[variable].name
    if variable.owner is None:
        return clean(variable.name) if variable.name else leaf_text(variable)
    if depth > _DEEPEST:
        return "..."
    parts = pieces(variable)
    return "".join(p if isinstance(p, str) else _words(p, tasks, depth + 1) for p in parts)


def _bare(words: str) -> str:
    """Without a pair of parentheses around all of it."""
    if not (words.startswith("(") and words.endswith(")")):
        return words
    depth = 0
    for place, character in enumerate(words):
        depth += (character == "(") - (character == ")")
        if depth == 0 and place < len(words) - 1:
            return words
    return words[1:-1]
