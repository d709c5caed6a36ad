"""From the tree of loops to the Program: statements in the order of the tree, with names.

Expressions are printed by ``texts``.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from typing import Any

from ..graph.tensor import TensorType
from ..ops.kinds import Block, Reduction, Scatter
from .describe import describe, reason
from .expression import Buffer, Expression
from .fuse import Loop, accumulates_in_place, canonical_axes
from .inner import all_tasks
from .names import Names
from .program import (
    Allocate,
    Assign,
    Call,
    Check,
    Comment,
    For,
    If,
    Program,
    Sizes,
    Statement,
    Store,
)
from .splice import ATOM, Text, read_template, splice
from .task import Task
from .tasks import TaskList
from .texts import GLOBALS, Performer, Scope, Texts, plain

__all__ = ["Lowering", "reserved_names"]

_LOOP_LETTERS = ("i", "j", "k", "l")
_SIZE_LETTERS = ("n", "d", "m", "h", "r", "s", "t", "u")


def reserved_names() -> frozenset[str]:
    """Names that no variable may take."""
    return frozenset(GLOBALS) | {"np", "math"}


class Lowering:
    """Prints expressions and puts the statements in order.

    Parameters
    ----------
    tasks : TaskList
    tree : list of Loop or Task
    names : Names
    """

    def __init__(self, tasks: TaskList, tree: Sequence[Loop | Task], names: Names):
        self.tasks = tasks
        self.table = tasks.table
        self.tree = tree
        self.names = names
        self.text = Texts(self.table, names, canonical_axes(tree, self.table))
        self.every = list(all_tasks(tasks.tasks))
        self.loops = self._loop_names()
        self.registers: dict[int, list[str]] = {}
        self.register_dtypes: dict[str, str] = {}
        #: Arrays of which a scatter changes elements: what was stored is not what is read.
        self.changing = {t.target.array for t in self.every if t.kind == "scatter"}
        #: Rows of arrays that are needed as arrays themselves.
        self.shown = _rows_needed(self.every)
        self.wanted = self._sizes_wanted()
        self.ready: set[str] = set()
        self._begin_list()

    def _begin_list(self) -> None:
        """What belongs to this list of tasks alone."""
        self.place = 0
        self.last_use = _last_uses(self.tree)
        #: Arrays that may be written again: shape, the open body they are in, buffer.
        self.retiring = Retiring(self.last_use)

    def _loop_names(self) -> list[str]:
        """A name for the variable of a loop at each depth; the user's names go first."""
        deepest = max((len(t.axes) for t in self.every), default=0)
        batch = max((self._batch(t) for t in self.every), default=0)
        letters = [n for n in _LOOP_LETTERS if n not in self.names]
        letters += [f"i{k}" for k in range(64) if f"i{k}" not in self.names]
        chosen = letters[: max(deepest, batch, 2)]
        for letter in chosen:
            self.names.reserve(letter)
        return chosen

    # -- the whole -------------------------------------------------------------------------

    def program(self, name: str, doc: str) -> Program:
        """The Program of the whole tree, verified against its spec."""
        arguments = [*self.tasks.inputs, *(b for b, _ in self.tasks.constants)]
        for buffer in self.tasks.inputs:
            self._name_sizes(buffer)
        for task in self.every:
            self.text.count(task.expressions())
            if task.inner is not None:
                self.text.count(list(task.inner.expressions()))
        self._items()
        body = self.text.scopes[0].statements
        results = [(b.name, b.dtype, len(b.extents)) for b in self.tasks.outputs]
        used = {**GLOBALS, **self.text.globals}
        program = Program(
            name,
            [(b.name, b.dtype, len(b.extents)) for b in arguments],
            body,
            results,
            doc,
            used,
            [data for _, data in self.tasks.constants],
            self.tasks.failures,
            self.register_dtypes,
            self._arrays(),
            frozenset(b.name for b in self.tasks.inputs if not _is_tensor(b.variable)),
            self._shapes(),
        )
        program.verify()
        return program

    def _arrays(self) -> dict[str, tuple[str, int]]:
        """What is known of the arrays that tasks make."""
        targets = [t for task in self.every for t in task.targets if t.ndim]
        targets = [t for t in targets if t.pack is None and t.row is None]
        return {t.array: (t.dtype, t.ndim) for t in targets}

    def _shapes(self) -> dict[str, tuple[str, ...]]:
        """The sizes of arrays that calls return, where all of them have names."""
        found: dict[str, tuple[str, ...]] = {}
        for task in self.tasks.tasks:
            for target in task.targets if task.kind == "call" and not self._batch(task) else ():
                sizes = [self._size_text(e) for e in target.extents]
                if sizes and all(sizes) and target.row is None and target.pack is None:
                    found[target.array] = tuple(sizes)
        return found

    def _size_text(self, extent: Expression) -> str:
        if extent.head == "size":
            key = extent.payload.number, extent.arguments[0].value
            return self.text.size_names.get(key, "")
        return str(extent.value) if extent.value is not None else ""

    def _items(self) -> None:
        for place, item in enumerate(self.tree):
            self.place = place
            self._top(item)

    def _sizes_wanted(self) -> set[tuple[int, int]]:
        wanted: set[tuple[int, int]] = set()
        seen: set[int] = set()
        made = ("call", "branch")  # whose results have the sizes that they turn out to have
        for task in self.every:
            sources = [*task.expressions(), *task.extents.values()]
            if task.inner is not None:
                sources += task.inner.expressions()
            for target in task.targets:
                sources += target.extents if task.kind not in made or self._batch(task) else ()
            for argument in task.arguments:
                sources += argument.extents if isinstance(argument, Buffer) else [argument]
            for source in sources:
                wanted |= {
                    (e.payload.number, e.arguments[0].value)
                    for e in source.walk(seen)
                    if e.head == "size"
                }
        return wanted

    def _name_sizes(self, buffer: Buffer) -> None:
        """``n, d = X.shape``, with names for the dimensions that are asked for."""
        mine = [d for d in range(len(buffer.extents)) if (buffer.number, d) in self.wanted]
        if not mine:
            return
        for dimension in mine:
            self.text.size_names[buffer.number, dimension] = self._size_name(buffer, dimension)
        shown = tuple(
            self.text.size_names.get((buffer.number, d), "") for d in range(len(buffer.extents))
        )
        self.text.put(Sizes(shown, buffer.name))

    def _size_name(self, buffer: Buffer, dimension: int) -> str:
        for letter in _SIZE_LETTERS:
            if letter not in self.names:
                return self.names.new(letter)
        return self.names.new(f"{buffer.name}_n{dimension}")

    # -- statements ------------------------------------------------------------------------

    def _top(self, item: Loop | Task) -> None:
        members = item.members if isinstance(item, Loop) else [item]
        if isinstance(item, Loop):
            # The pieces of a join are tasks for one variable, which is told once.
            told = {
                (id(t if t.variable is None else t.variable), *(b.name for b in t.targets)): t
                for t in members
                if t.kind != "check"
            }
            for words in dict.fromkeys(describe(task, self.tasks) for task in told.values()):
                self.text.put(Comment(words))
        for task in members:
            for target in task.targets:
                self._allocate(task, target)
        self._item(item)
        for task in members:
            if task.kind in ("call", "branch"):
                for target in task.targets:
                    self._name_sizes(target)

    def _allocate(self, task: Task, target: Buffer) -> None:
        if target.row is not None:
            self._show_row(target)
            self._clear(task, target)
            return
        if target.ndim == 0:
            return
        if target.array in self.ready:
            self._clear(task, target)
            return
        if task.kind == "branch" and target.name in task.inner.own:
            return
        self.ready.add(target.array)
        if task.kind == "alias" or (task.kind == "call" and not self._batch(task)):
            return
        kept = [e for d, e in enumerate(target.extents) if d not in target.dropped]
        # In a loop of steps: one array for all steps, if its size is known before.
        level = len(self.text.scopes) - 1 if self._is_own(target) else self.text.room(kept)
        shape = tuple(self.text(e).text for e in kept)
        fill = self._start_of(task)
        if target.pack:
            shape = (*shape, str(target.pack[0].count))
        again = fill is not None and level < len(self.text.scopes) - 1
        if again and self._changes(task):
            self.text.put(Allocate(target.array, shape, target.dtype), level)
            self._clear(task, target)
        else:
            # A state takes it along into the next step, where the other one would write it again.
            kept_on = target.role == "state" and level < len(self.text.scopes) - 1
            free = None
            if fill is None and not kept_on:
                free = self._read_last(task, shape, level) or self._free(shape, level, target)
            if free is not None:
                self.text.put(Assign(target.array, free.array), level)
            else:
                self.text.put(Allocate(target.array, shape, target.dtype, fill), level)
        if target.role == "temporary" and target.pack is None:
            self.retiring.add((shape, level, target.dtype), target)

    def _is_own(self, target: Buffer) -> bool:
        """Whether one of two branches makes an array for itself."""
        return False

    def _start_of(self, task: Task) -> str | None:
        """What is in an array before anything else is done to it."""
        if task.kind == "fill":
            assert task.value is not None
            return self.text.literal(task.value).text
        if accumulates_in_place(task):
            return self.text.literal(self._identity(task)).text
        return None

    def _changes(self, task: Task) -> bool:
        """Whether an array does not keep what it was filled with."""
        target = task.target
        return task.kind != "fill" or target.role == "state" or target.array in self.changing

    def _clear(self, task: Task, target: Buffer) -> None:
        """Set all elements of an array that is there already."""
        fill = self._start_of(task)
        if fill is not None:
            every = (":",) * (len(target.extents) - len(target.dropped))
            index = self.text.index(target, ())
            slot = (str(target.pack[1]),) if target.pack else ()
            self.text.put(Store(target.array, (*index, *every, *slot), fill))

    def _show_row(self, target: Buffer) -> None:
        """A name for a row of an array that something needs as an array."""
        if target.number in self.shown and target.name not in self.ready:
            self.ready.add(target.name)
            index = ", ".join(self.text.index(target, ()))
            level = self.text.level_of(target)
            self.text.put(Assign(target.name, f"{target.array}[{index}]"), level)

    def _free(self, shape: tuple[str, ...], level: int, target: Buffer) -> Buffer | None:
        """An array of this shape and dtype whose life is over; it is given away once."""
        return self.retiring.take((shape, level, target.dtype), self.place)

    def _read_last(self, task: Task, shape: tuple[str, ...], level: int) -> Buffer | None:
        """The array that a kernel reads for the last time, if it may write the result over it."""
        over = task.node.op.over if task.kind == "into" else None  # type: ignore[union-attr]
        given = None if over is None else task.arguments[over]
        if not isinstance(given, Buffer) or sum(a is given for a in task.arguments) != 1:
            return None
        alike = shape, level, task.target.dtype
        return self.retiring.give(alike, given, self.place)

    def _item(self, item: Loop | Task) -> None:
        if isinstance(item, Loop):
            self._loop(item)
        else:
            self._leaf(item)

    def _loop(self, loop: Loop) -> None:
        registers = [
            t
            for t in loop.members
            if t.kind in ("reduce", "position")
            and not accumulates_in_place(t)
            and self._first_reduced(t) == t.axes[loop.depth]
        ]
        for task in registers:
            self._begin(task)
        extent = self.text(loop.extent).text
        variable = self.loops[loop.depth]
        self.text.loop_names[loop.axis] = variable
        outer = self.text.scopes[-1]
        self.text.scopes.append(Scope(outer.axes | {loop.axis}))
        for item in loop.body:
            self._item(item)
        inner = self.text.scopes.pop()
        self.text.put(For(variable, extent, inner.statements))
        for task in registers:
            self._finish(task)

    def _first_reduced(self, task: Task) -> str | None:
        return next((a for a in task.axes if a in task.reduced), None)

    def _identity(self, task: Task) -> Expression:
        op = task.node.op  # type: ignore[union-attr]
        assert isinstance(op, Reduction) and task.value is not None
        dtype = task.value.dtype if task.kind == "position" else task.target.dtype
        return self.table.literal(type(op).identity(dtype), dtype)

    def _begin(self, task: Task) -> None:
        """Set the registers of a reduction to what it starts from."""
        scalar = task.target.is_register
        name = task.target.name if scalar else self.names.numbered("acc")
        self._registers(task)[0] = name
        start = self.text.literal(self._identity(task)).text
        if task.kind == "position":
            best = self.names.numbered("best")
            self._registers(task)[1] = best
            self.text.put(Assign(best, start))
            self.text.put(Assign(name, "0"))
        else:
            self.register_dtypes[name] = task.target.dtype
            self.text.put(Assign(name, start))

    def _registers(self, task: Task) -> list[str]:
        """The names of what is combined and, for a position, of the best so far."""
        return self.registers.setdefault(task.number, ["", ""])

    def _finish(self, task: Task) -> None:
        if not task.target.is_register:
            index = self.text.index(task.target, task.index)
            register = self._registers(task)[0]
            self.text.put(Store(task.target.array, index, register))
            if task.target.array not in self.changing:
                self.text.remember(self.table.load(task.target, task.index), Text(register))

    def _leaf(self, task: Task) -> None:
        if task.inner is not None:
            self._enter(task)
            return
        for buffer in (*task.whole(), *(task.targets if task.kind == "into" else ())):
            if buffer.row is not None:
                self._show_row(buffer)
        getattr(self, f"_{task.kind}")(task)

    def _store(self, task: Task) -> None:
        assert task.value is not None
        text = self.text(task.value)
        if task.target.is_register:
            # A state goes through parts of the function as itself, not through an array.
            dtype = "" if task.target.role == "state" else task.target.dtype
            self.text.put(Assign(task.target.name, text.text, dtype=dtype))
            return
        stored = self.table.load(task.target, task.index)
        lasting = task.target.array not in self.changing and task.value.dtype == task.target.dtype
        if lasting and self.text.read_again(stored):
            text = self.text.keep(stored, text)
        index = self.text.index(task.target, task.index)
        self.text.put(Store(task.target.array, index, text.text))

    def _fill(self, task: Task) -> None:
        """Done by the allocation."""

    def _enter(self, task: Task) -> None:
        """A loop or branches with tasks of their own."""
        raise NotImplementedError

    def _alias(self, task: Task) -> None:
        sizes = [self.text(e).text for e in task.target.extents]
        shape = sizes[0] if len(sizes) == 1 else f"({', '.join(sizes)})"
        text = f"{task.arguments[0].array}.reshape({shape})"
        self.text.put(Assign(task.target.name, text))

    def _reduce(self, task: Task) -> None:
        assert task.value is not None and task.node is not None
        element = self.text(task.value)
        if self._first_reduced(task) is None and not accumulates_in_place(task):
            # Every combined dimension has size 1: there is one element.
            if task.target.is_register:
                self.text.put(Assign(task.target.name, element.text, dtype=task.target.dtype))
            else:
                index = self.text.index(task.target, task.index)
                self.text.put(Store(task.target.array, index, element.text))
            return
        in_place = accumulates_in_place(task)
        if in_place:
            index = self.text.index(task.target, task.index)
            so_far = Text(f"{task.target.array}[{', '.join(index)}]")
        else:
            so_far = Text(self._registers(task)[0])
        combine = read_template(plain(task.node.op, "combine"))
        if combine.uses(combine.parameters[1]) > 1:
            element = self.text.once(element, task.value)
        made = splice(combine, [so_far, element], task.target.dtype, self.text.resolve)
        text, update = made.text, ""
        for sign in ("+", "*"):
            if text.startswith(f"{so_far.text} {sign} ") and so_far.text not in element.text:
                text, update = text[len(so_far.text) + 3 :], sign
                if text.startswith("(") and text == f"({element.text})":
                    text = element.text
        if not update:
            text = self.text.converted(text, task.target.dtype)
        if in_place:
            self.text.put(Store(task.target.array, index, text, update))
        else:
            self.text.put(Assign(so_far.text, text, update))

    def _position(self, task: Task) -> None:
        assert task.value is not None and task.node is not None
        name, best = self._registers(task)
        element = self.text(task.value)
        if not name:  # nothing to search: every combined dimension has size 1
            if task.target.is_register:
                self.text.put(Assign(task.target.name, "0", dtype="int64"))
            else:
                index = self.text.index(task.target, task.index)
                self.text.put(Store(task.target.array, index, "0"))
            return
        if element.binds != ATOM:
            element = self.text.name(element.text, "x", self.text.scopes[-1], task.value.dtype)
        better = read_template(plain(task.node.op, "better"))
        condition = splice(better, [element, Text(best)], task.value.dtype, self.text.resolve).text
        position = self.text(task.arguments[0]).text
        then: list[Statement] = [Assign(best, element.text), Assign(name, position)]
        self.text.put(If(condition, then))

    def _scatter(self, task: Task) -> None:
        assert task.value is not None and task.node is not None
        assert isinstance(task.node.op, Scatter)
        text = self.text(task.value).text
        index = self.text.index(task.target, task.index)
        update = "+" if task.node.op.accumulates else ""
        if task.target.is_register:
            self.text.put(Assign(task.target.name, text, update))
            return
        self.text.put(Store(task.target.array, index, text, update))

    def _check(self, task: Task) -> None:
        assert task.value is not None and task.failure is not None
        failure = self.tasks.failures[task.failure - 1]
        condition = self.text.check(task.value).text
        self.text.put(Check(condition, task.failure, reason(failure)))

    # -- calls -----------------------------------------------------------------------------

    def _batch(self, task: Task) -> int:
        node = task.node
        if node is None or not isinstance(node.op, Block):
            return 0
        return node.op.batch_ndim(*node.inputs)

    def _call(self, task: Task) -> None:
        node = task.node
        assert node is not None
        self.text.put(Comment(describe(task, self.tasks)))
        if not isinstance(node.op, Block):
            self._callback(task)
            return
        batch = self._batch(task)
        arguments = [self._argument(a, batch) for a in task.arguments]
        arguments += [Text(repr(p)) for p in node.op.parameters()]
        template = read_template(plain(node.op, "template"))
        dtype = task.targets[0].dtype
        text = splice(template, arguments, dtype, self.text.resolve).text
        if not batch:
            self.text.put(Call(tuple(t.name for t in task.targets), text))
            return
        self._repeat(task, text, batch)

    def _into(self, task: Task) -> None:
        """A kernel that writes an array which is there already, or each matrix of a stack."""
        node = task.node
        assert node is not None and isinstance(node.op, Block)
        self.text.put(Comment(describe(task, self.tasks)))
        batch = self._batch(task)
        arguments = [self._argument(a, batch) for a in (task.target, *task.arguments)]
        arguments += [Text(repr(p)) for p in node.op.parameters()]
        template = read_template(plain(node.op, "into"))
        text = splice(template, arguments, task.target.dtype, self.text.resolve).text
        self._repeated(task, [Call((), text)], batch)

    def _argument(self, argument: Any, batch: int) -> Text:
        if isinstance(argument, Expression):
            return self.text(argument)
        if batch:
            return Text(f"{argument.name}[{', '.join(self.loops[:batch])}]")
        return Text(argument.name)

    def _repeat(self, task: Task, text: str, batch: int) -> None:
        """The call for each matrix of a stack."""
        body: list[Statement]
        slots = [f"{t.name}[{', '.join(self.loops[:batch])}]" for t in task.targets]
        if len(slots) == 1:
            target = task.targets[0]
            core = (":",) * (len(target.extents) - batch)
            body = [Store(target.name, (*self.loops[:batch], *core), text)]
        else:
            parts = tuple(self.names.numbered("part") for _ in task.targets)
            body = [Call(parts, text)]
            for target, part in zip(task.targets, parts, strict=True):
                core = (":",) * (len(target.extents) - batch)
                body.append(Store(target.name, (*self.loops[:batch], *core), part))
        self._repeated(task, body, batch)

    def _repeated(self, task: Task, body: list[Statement], batch: int) -> None:
        for depth in reversed(range(batch)):
            extent = self.text(task.targets[0].extents[depth]).text
            body = [For(self.loops[depth], extent, body)]
        for statement in body:
            self.text.put(statement)

    def _callback(self, task: Task) -> None:
        """A user's Op without a template is performed by the interpreter."""
        node = task.node
        assert node is not None
        called = self.text.resolve(f"perform_{type(node.op).__name__}", Performer(node))
        arguments = [self._argument(a, 0).text for a in task.arguments]
        types = tuple(_numba_type(t.dtype, len(t.extents)) for t in task.targets)
        targets = tuple(t.name for t in task.targets)
        self.text.put(Call(targets, f"{called}({', '.join(arguments)})", types))


class Retiring:
    """Arrays that may be written again once their last use is behind.

    Parameters
    ----------
    last_use : dict
        The last item of the tree in which each array is touched.
    """

    def __init__(self, last_use: dict[int, int]):
        self._last_use = last_use
        self._count = 0
        #: By what makes arrays alike: those in use, by their last use, and those that are not.
        self._alive: dict[Any, list[tuple[int, int, Buffer]]] = {}
        self._over: dict[Any, list[tuple[int, Buffer]]] = {}

    def add(self, alike: Any, buffer: Buffer) -> None:
        """Note an array; one whose last use is not known is in use for ever."""
        last = self._last_use.get(buffer.number)
        if last is not None:
            self._count += 1
            heappush(self._alive.setdefault(alike, []), (last, self._count, buffer))

    def give(self, alike: Any, buffer: Buffer, place: int) -> Buffer | None:
        """This array, if it is last used by an item of the tree and like what is wanted."""
        alive = self._alive.get(alike, [])
        mine = [row for row in alive if row[2] is buffer and row[0] == place]
        if not mine:
            return None
        alive.remove(mine[0])
        heapify(alive)
        return buffer

    def take(self, alike: Any, place: int) -> Buffer | None:
        """The first that was noted of those whose last use is before an item of the tree."""
        alive, over = self._alive.get(alike, []), self._over.setdefault(alike, [])
        while alive and alive[0][0] < place:
            _, number, buffer = heappop(alive)
            heappush(over, (number, buffer))
        return heappop(over)[1] if over else None


def _is_tensor(variable: Any) -> bool:
    return isinstance(variable.type, TensorType)


def _numba_type(dtype: str, ndim: int) -> str:
    if ndim == 0:
        return "boolean" if dtype == "bool" else dtype
    dims = ", ".join([":"] * (ndim - 1) + ["::1"])
    return f"{'boolean' if dtype == 'bool' else dtype}[{dims}]"


def _rows_needed(tasks: Sequence[Task]) -> set[int]:
    """The rows of arrays that something needs as arrays."""
    found: set[int] = set()
    for task in tasks:
        arrays = [*task.arguments, *(task.targets if task.kind == "into" else ())]
        found |= {b.number for b in arrays if isinstance(b, Buffer) and b.row is not None}
        for source in task.expressions():
            found |= {e.payload.number for e in source.loads() if e.is_flat()}
    return found


def _last_uses(tree: Sequence[Loop | Task]) -> dict[int, int]:
    """The last item of the tree in which each array is touched; for a shared one, never over."""
    last: dict[int, int] = {}
    for place, item in enumerate(tree):
        for task in item.members if isinstance(item, Loop) else [item]:
            touched = [*task.targets, *task.whole()]
            sources = [
                *task.expressions(),
                *(a for a in task.arguments if not isinstance(a, Buffer)),
            ]
            touched += [b.row[0] for b in touched if b.row is not None]
            touched += [e.payload for source in sources for e in source.loads()]
            for buffer in touched:
                last[buffer.number] = max(place, last.get(buffer.number, 0))
            if task.kind == "alias":
                last[task.arguments[0].number] = len(tree)
    return last
