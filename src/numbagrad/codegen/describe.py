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
    words: list[str] = []
    whole = _words(variable, tasks, 0, words, _LONGEST)
    shown = _bare("".join(words)) if whole else _opened("".join(words), variable)
    line = f"{names} = {shown}"
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


def _words(variable: Variable, tasks: TaskList, depth: int, words: list[str], room: int) -> bool:
    """Append how a variable is written; whether that was all of it, or more than there is room."""
    if variable in tasks.buffers and (depth or variable.owner is None):
        words.append(tasks.buffers[variable].name)
    elif variable.owner is None:
        words.append(clean(variable.name) if variable.name else leaf_text(variable))
    elif depth > _DEEPEST:
        words.append("...")
    else:
        for piece in pieces(variable):
            if sum(map(len, words)) > room + len("()"):
                return False
            if isinstance(piece, str):
                words.append(piece)
            elif not _words(piece, tasks, depth + 1, words, room):
                return False
    return True


def _opened(words: str, variable: Variable) -> str:
    """The beginning of an expression without the parenthesis that ends with all of it."""
    made = pieces(variable)
    return words[1:] if str(made[0]).startswith("(") and made[-1] == ")" else words


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
