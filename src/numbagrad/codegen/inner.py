"""What a task with tasks inside it does: a loop of steps, or one of two branches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..records import field, record
from .expression import Buffer, Expression
from .fuse import Loop
from .task import Task

__all__ = ["Branched", "Carry", "Repeated", "Side", "all_tasks"]


@record()
class Carry:
    """How a state gets its next value at the end of a step.

    Attributes
    ----------
    state : Buffer
    source : Buffer or Expression
        Where the next value is.
    how : {"assign", "swap", "row", "none"}
        A number is assigned, and so is an array that is new in each step; an array that is written
        again in the next step changes places with the old value; a row is looked at where it is
        collected; nothing is to be done for what was written in place.
    """

    state: Buffer
    source: Any
    how: str


@record()
class Repeated:
    """What a loop repeats.

    Attributes
    ----------
    axis : str
        The loop variable that counts the steps.
    steps : Expression
    tasks : TaskList
    tree : list of Loop or Task
    carries : list of Carry
    condition : Expression or None
        What ends the loop after a step.
    count : Buffer or None
        How many steps were made.
    starts : list of Buffer
        Where the states are before the first step.
    homes : list of (Buffer, Buffer)
        States that are looked at elsewhere after the first step, and where they start.
    copies : list of (Buffer, Buffer)
        Last states that have to be copied out of the array that collects them.
    """

    axis: str
    steps: Expression
    tasks: Any
    tree: list[Loop | Task] = field(default_factory=list)
    carries: list[Carry] = field(default_factory=list)
    condition: Expression | None = None
    count: Buffer | None = None
    starts: list[Buffer] = field(default_factory=list)
    homes: list[tuple[Buffer, Buffer]] = field(default_factory=list)
    copies: list[tuple[Buffer, Buffer]] = field(default_factory=list)

    @property
    def lists(self) -> list[tuple[Any, list[Loop | Task]]]:
        """The tasks inside and the tree of their loops."""
        return [(self.tasks, self.tree)]

    def expressions(self) -> Iterator[Expression]:
        """What is evaluated besides the tasks."""
        yield self.steps
        if self.condition is not None:
            yield self.condition
        for carry in self.carries:
            if isinstance(carry.source, Expression):
                yield carry.source

    def touched(self) -> list[Buffer]:
        """All arrays and numbers that are read or written inside."""
        return _touched(self)


@record()
class Side:
    """One of two branches.

    Attributes
    ----------
    tasks : TaskList
    tree : list of Loop or Task
    exits : list of (Buffer, Buffer or Expression)
        Results that are set at the end, and to what.
    """

    tasks: Any
    tree: list[Loop | Task] = field(default_factory=list)
    exits: list[tuple[Buffer, Any]] = field(default_factory=list)


@record()
class Branched:
    """Two lists of tasks of which one is done.

    Attributes
    ----------
    axis : str
        What nothing around the branches depends on.
    condition : Expression
    sides : list of Side
    own : set of str
        The names of arrays that each side makes for itself.
    """

    axis: str
    condition: Expression
    sides: list[Side]
    own: set[str] = field(default_factory=set)
    #: What a loop begins with; branches begin with nothing.
    starts: tuple[Buffer, ...] = ()

    @property
    def lists(self) -> list[tuple[Any, list[Loop | Task]]]:
        """The tasks inside and the trees of their loops."""
        return [(side.tasks, side.tree) for side in self.sides]

    def expressions(self) -> Iterator[Expression]:
        """What is evaluated besides the tasks."""
        yield self.condition
        for side in self.sides:
            yield from (e for _, e in side.exits if isinstance(e, Expression))

    def touched(self) -> list[Buffer]:
        """All arrays and numbers that are read or written inside."""
        return _touched(self)


def all_tasks(tasks: Sequence[Task]) -> Iterator[Task]:
    """The tasks and those inside them."""
    for task in tasks:
        yield task
        if task.inner is not None:
            for inside, _ in task.inner.lists:
                yield from all_tasks(inside.tasks)


def _touched(inner: Repeated | Branched) -> list[Buffer]:
    found: dict[int, Buffer] = {b.number: b for b in inner.starts}
    sources = list(inner.expressions())
    for task in (t for inside, _ in inner.lists for t in all_tasks(inside.tasks)):
        sources += [*task.expressions(), *task.extents.values()]
        if task.inner is not None:
            sources += task.inner.expressions()
            found |= {b.number: b for b in task.inner.starts}
        for buffer in (*task.targets, *task.arguments):
            if isinstance(buffer, Expression):
                sources.append(buffer)
            else:
                found[buffer.number] = buffer
                sources += buffer.extents
    for source in sources:
        for part in source.walk():
            if part.head in ("load", "size"):
                found[part.payload.number] = part.payload
    for buffer in list(found.values()):
        while buffer.row is not None:
            buffer = buffer.row[0]
            found[buffer.number] = buffer
    return list(found.values())
