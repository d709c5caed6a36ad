"""Tasks that share loops: from a list of tasks to a tree of loops.

Two tasks share a loop when it has the same extent in both and whatever one reads of the other it
reads at the very iteration that wrote it. The rule is applied outermost loop first, then again to
the bodies, so that a matrix-vector product, the elementwise work on its rows and the transposed
product become one sweep over the matrix.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from ..records import field, record
from .expression import Buffer, Expression, Pack, Table
from .task import Task
from .tasks import TaskList

__all__ = ["Loop", "contract", "fuse", "order_axes"]


#: More temporaries of one shape than this lie side by side in one array.
MANY = 8


@record()
class Loop:
    """A loop and what it repeats.

    Attributes
    ----------
    axis : str
        The loop variable that stands for those of all tasks inside.
    extent : Expression
    body : list of Loop or Task
    members : list of Task
        Every task inside.
    depth : int
        How many loops are around it.
    """

    axis: str
    extent: Expression
    depth: int
    members: list[Task] = field(default_factory=list)
    body: list[Loop | Task] = field(default_factory=list)


def order_axes(task: Task) -> None:
    """Put the loops into the order in which memory is walked.

    Each array that is read or written votes that an earlier dimension be an outer loop; larger
    arrays vote first, in the order met. Without votes the order of the result stays.
    """
    if len(task.axes) < 2 or task.kind == "position" or task.ordered:
        return
    uses = [e for value in task.expressions() for e in value.loads()]
    indices = [u.arguments for u in uses]
    indices.append(task.index)
    indices.sort(key=len, reverse=True)
    before: dict[tuple[str, str], int] = {}
    for index in indices:
        axes = [i.payload for i in index if i.is_axis() and i.payload in task.extents]
        for a, outer in enumerate(axes):
            for inner in axes[a + 1 :]:
                before[outer, inner] = before.get((outer, inner), 0) + 1

    def wins(axis: str) -> int:
        return sum(
            before.get((axis, other), 0) > before.get((other, axis), 0) for other in task.axes
        )

    # A list is empty while it is sorted: count first.
    rank = {axis: (-wins(axis), place) for place, axis in enumerate(task.axes)}
    task.axes.sort(key=rank.__getitem__)


def accumulates_in_place(task: Task) -> bool:
    """Whether a reduction adds into its array, because a loop it keeps lies inside one it sums."""
    if task.kind != "reduce":
        return False
    seen_reduced = False
    for axis in task.axes:
        if axis in task.reduced:
            seen_reduced = True
        elif seen_reduced:
            return True
    return False


class _Needs:
    """What each task reads, and which tasks have to come before it."""

    def __init__(self, tasks: TaskList):
        self.list = tasks
        self.reads: dict[int, list[Expression]] = {}
        self.buffers: dict[int, set[int]] = {}
        self.before: dict[int, set[int]] = {}
        for task in tasks.tasks:
            self._note(task)

    def _note(self, task: Task) -> None:
        loads: list[Expression] = []
        touched: dict[int, Buffer] = {}
        sources = [*task.expressions(), *task.extents.values()]
        for target in task.targets:
            sources += [e for e in target.extents if task.kind != "call"]
        for buffer in task.whole():
            touched[buffer.number] = buffer
            sources += buffer.extents
        sources += [a for a in task.arguments if isinstance(a, Expression)]
        for source in sources:
            for part in source.walk():
                if part.head == "load":
                    loads.append(part)
                if part.head in ("load", "size"):
                    touched[part.payload.number] = part.payload
        self.reads[task.number] = loads
        self.buffers[task.number] = set(touched)
        before = set(task.after)
        for buffer in touched.values():
            before |= self.list.writers(buffer)
        before.discard(task.number)
        self.before[task.number] = {n for n in before if n < task.number}


def fuse(tasks: TaskList, cap: int) -> list[Loop | Task]:
    """The tree of loops for all tasks.

    Parameters
    ----------
    tasks : TaskList
    cap : int
        About how many operations one nest of loops may have.
    """
    for task in tasks.tasks:
        order_axes(task)
    needs = _Needs(tasks)
    # Checks of what is known at entry come first: they separate nothing, and nothing is written
    # before they pass.
    early: dict[int, Task] = {}
    for task in tasks.tasks:
        if task.kind == "check" and needs.before[task.number] <= early.keys():
            early[task.number] = task
    order = [*early.values(), *(t for t in tasks.tasks if t.number not in early)]
    return _Fusion(tasks, needs, cap).level(order, 0)


class _Group:
    """An item of the tree that is being filled.

    Attributes
    ----------
    place : int
        Which item it is.
    weight : int
        About how many operations it has by now.
    depths : set of int
        How many loops its members have.
    touched : set of int
        The arrays that they read or write.
    """

    __slots__ = ("depths", "item", "place", "touched", "weight")

    def __init__(self, place: int, item: Loop | Task):
        self.place = place
        self.item = item
        self.weight = 0
        self.depths: set[int] = set()
        self.touched: set[int] = set()


class _Fusion:
    def __init__(self, tasks: TaskList, needs: _Needs, cap: int):
        self.all = tasks.tasks
        self.list = tasks
        self.needs = needs
        self.cap = cap
        self.weight = {t.number: _weight(t) for t in self.all}

    def level(self, tasks: Sequence[Task], depth: int) -> list[Loop | Task]:
        """Group tasks by their loop at this depth, then the bodies of those loops."""
        items: list[Loop | Task] = []
        groups: dict[int, list[_Group]] = {}
        place: dict[int, int] = {}
        for task in tasks:
            group = self._place(task, depth, items, groups, place)
            if group is None:
                group = _Group(len(items), self._item(task, depth))
                items.append(group.item)
                if isinstance(group.item, Loop):
                    groups.setdefault(group.item.extent.number, []).append(group)
            if isinstance(group.item, Loop):
                group.item.members.append(task)
                group.weight += self.weight[task.number]
                group.depths.add(len(task.axes))
                group.touched |= self._touched(task)
            place[task.number] = group.place
        for item in items:
            if isinstance(item, Loop):
                item.body = self.level(item.members, depth + 1)
        return items

    def _item(self, task: Task, depth: int) -> Loop | Task:
        if len(task.axes) <= depth:
            return task
        return Loop(self.list.table.new_axis("$"), task.extents[task.axes[depth]], depth)

    def _touched(self, task: Task) -> set[int]:
        return self.needs.buffers[task.number] | {t.number for t in task.targets}

    def _place(
        self,
        task: Task,
        depth: int,
        items: Sequence[Loop | Task],
        groups: dict[int, list[_Group]],
        place: dict[int, int],
    ) -> _Group | None:
        """The loop that the task can join, if there is one."""
        if len(task.axes) <= depth:
            return None
        alike = groups.get(task.extents[task.axes[depth]].number, [])
        start = 0
        for number in self.needs.before[task.number] if alike else ():
            at = place.get(number, -1)
            if at >= start:
                follows = isinstance(items[at], Loop) and self._pointwise(
                    self.all[number], task, depth
                )
                start = at if follows else at + 1
        for group in alike[bisect_left(alike, start, key=lambda g: g.place) :]:
            light = group.weight + self.weight[task.number] <= self.cap
            if light and self._worthwhile(task, group):
                return group
        return None

    def _worthwhile(self, task: Task, group: _Group) -> bool:
        """Sharing a loop pays where data are shared, and costs nothing in loops of one depth."""
        return len(task.axes) in group.depths or not group.touched.isdisjoint(self._touched(task))

    def _pointwise(self, writer: Task, reader: Task, depth: int) -> bool:
        """Whether the reader's iteration needs of the writer only the same iteration."""
        if writer.number in reader.after or writer.kind not in ("store", "reduce", "position"):
            return False
        if len(writer.axes) <= depth:
            return False
        axis = writer.axes[depth]
        if axis in writer.reduced or len(self.list.writers(writer.target)) > 1:
            return False
        places = [p for p, i in enumerate(writer.index) if i.is_axis() and i.payload == axis]
        if len(places) != 1 or writer.target.number not in self.needs.buffers[reader.number]:
            return False
        mine = reader.axes[depth]
        loads = [e for e in self.needs.reads[reader.number] if e.payload is writer.target]
        return bool(loads) and all(
            not e.is_flat()
            and e.arguments[places[0]].is_axis()
            and e.arguments[places[0]].payload == mine
            for e in loads
        )


def _weight(task: Task) -> int:
    """About how many statements the task adds to its nest."""
    seen: set[int] = set()
    for expression in task.expressions():
        seen |= {e.number for e in expression.walk() if e.head in ("apply", "cast", "choose")}
    return 1 + len(seen)


def contract(tree: Sequence[Loop | Task], tasks: TaskList) -> None:
    """Make temporaries small: those of one iteration, and many of one shape.

    A temporary whose use is within one iteration of a loop loses the dimension of that loop.
    """
    path: dict[int, list[Loop]] = {}
    stack: list[tuple[Loop | Task, list[Loop]]] = [(item, []) for item in tree]
    while stack:
        item, above = stack.pop()
        if isinstance(item, Loop):
            stack.extend((inner, [*above, item]) for inner in item.body)
        else:
            path[item.number] = above
    readers: dict[int, list[tuple[Task, Expression]]] = {}
    whole: set[int] = set()
    for task in tasks.tasks:
        whole.update(buffer.number for buffer in task.whole())
        sources = [*task.expressions(), *(a for a in task.arguments if isinstance(a, Expression))]
        for source in sources:
            for part in source.walk():
                if part.head == "load":
                    readers.setdefault(part.payload.number, []).append((task, part))
                elif part.head == "size" and part.payload.role == "temporary":
                    whole.add(part.payload.number)
    loose: dict[Any, list[Buffer]] = {}
    for task in tasks.tasks:
        if task.kind not in ("store", "reduce", "position") or accumulates_in_place(task):
            continue
        buffer = task.target
        if buffer.role != "temporary" or buffer.number in whole:
            continue
        if len(tasks.writers(buffer)) == 1:
            uses = readers.get(buffer.number, [])
            buffer.dropped = _droppable(task, uses, path)
            if buffer.ndim and all(len(e.arguments) == len(buffer.extents) for _, e in uses):
                kept = [e.number for d, e in enumerate(buffer.extents) if d not in buffer.dropped]
                loose.setdefault((buffer.dtype, *kept), []).append(buffer)
    for buffers in loose.values():
        if len(buffers) > MANY:
            pack = Pack(tasks.names.new("kept"), len(buffers))
            for slot, buffer in enumerate(buffers):
                buffer.pack = (pack, slot)


def _droppable(
    writer: Task, readers: Sequence[tuple[Task, Expression]], path: dict[int, list[Loop]]
) -> tuple[int, ...]:
    dropped = [p for p, i in enumerate(writer.index) if not i.is_axis()]
    for depth, loop in enumerate(path[writer.number]):
        axis = writer.axes[depth]
        places = [p for p, i in enumerate(writer.index) if i.is_axis() and i.payload == axis]
        together = all(
            len(path[reader.number]) > depth and path[reader.number][depth] is loop
            for reader, _ in readers
        )
        if not together or len(places) != 1:
            break
        at = places[0]
        if not all(
            not load.is_flat()
            and load.arguments[at].is_axis()
            and load.arguments[at].payload == reader.axes[depth]
            for reader, load in readers
        ):
            break
        dropped.append(at)
    flat = any(load.is_flat() for _, load in readers)
    return () if flat else tuple(sorted(dropped))


def canonical_axes(tree: Sequence[Loop | Task], table: Table) -> dict[str, Expression]:
    """Which loop variable each task's own one has become."""
    renamed: dict[str, Expression] = {}
    stack = list(tree)
    while stack:
        item = stack.pop()
        if isinstance(item, Loop):
            for task in item.members:
                renamed[task.axes[item.depth]] = table.axis(item.axis)
            stack.extend(item.body)
        elif item.inner is not None:
            for _, inside in item.inner.lists:
                stack.extend(inside)
    return renamed
