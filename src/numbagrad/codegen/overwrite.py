"""Whether the next value of a state may be written over the value before."""

from __future__ import annotations

from collections.abc import Sequence

from .expression import Buffer, Expression
from .fuse import Loop, accumulates_in_place
from .inner import Repeated
from .task import Task

__all__ = ["may_overwrite"]


def may_overwrite(writer: Task, state: Buffer, repeated: Repeated) -> bool:
    """Whether a next state may be written over the state it follows.

    Whoever reads the old value must be done with an element when it is written: it comes before as
    a whole, or reads in the same iteration of all loops the very element, and before.
    """
    if writer.kind != "store" or accumulates_in_place(writer):
        return False
    places = _places(repeated.tree)
    mine = places[writer.number]
    for task in repeated.tasks.tasks:
        if any(buffer is state for buffer in task.whole()):
            if places[task.number][0] >= mine[0]:
                return False
            continue
        loads = [e for source in task.expressions() for e in source.loads() if e.payload is state]
        loads += [
            e for a in task.arguments if isinstance(a, Expression) for e in a.loads()
            if e.payload is state
        ]  # fmt: skip
        other = places[task.number]
        if not loads or other[0] < mine[0]:
            continue
        together = other[:-1] == mine[:-1] and other[-1] <= mine[-1] and task.kind == "store"
        if not together or not all(_same_place(e, task, writer) for e in loads):
            return False
    return True


def _same_place(load: Expression, reader: Task, writer: Task) -> bool:
    """Whether an element is read in the iteration that writes it."""
    if load.is_flat() or len(load.arguments) != len(writer.index):
        return False
    for mine, other in zip(writer.index, load.arguments, strict=True):
        if mine.is_axis() and mine.payload in writer.axes:
            depth = writer.axes.index(mine.payload)
            if not other.is_axis() or other.payload != reader.axes[depth]:
                return False
        elif mine is not other:
            return False
    return True


def _places(tree: Sequence[Loop | Task]) -> dict[int, tuple[int, ...]]:
    """The way to each task through the tree: which item at each level."""
    found: dict[int, tuple[int, ...]] = {}
    stack: list[tuple[tuple[int, ...], Sequence[Loop | Task]]] = [((), tree)]
    while stack:
        above, items = stack.pop()
        for place, item in enumerate(items):
            if isinstance(item, Loop):
                stack.append(((*above, place), item.body))
            else:
                found[item.number] = (*above, place)
    return found
