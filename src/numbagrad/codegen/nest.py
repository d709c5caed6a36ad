"""Loops of the user's: the tasks of a step are a list of their own inside one task.

A state that is a number is a register; one that is an array lives in an array of its own, and the
next value is written beside it (and the two change places), into it where nothing reads the old
value any more, or into the array that collects it anyway. Elements of sequences are read in place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..graph.basic import Apply, Constant, Variable
from ..graph.tensor import TensorType
from ..ops.kinds import Block
from .bodies import LoopBody, State
from .expression import Buffer, Expression
from .fuse import Loop, accumulates_in_place, contract, fuse
from .names import Names
from .roots import Demand
from .task import Task
from .tasks import TaskList

__all__ = ["Carry", "Graph", "Repeated", "Step", "all_tasks"]


@dataclass
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


@dataclass
class Repeated:
    """What a loop repeats.

    Attributes
    ----------
    axis : str
        The loop variable that counts the steps.
    steps : Expression
    tasks : Step
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
    tasks: Step
    tree: list[Loop | Task] = field(default_factory=list)
    carries: list[Carry] = field(default_factory=list)
    condition: Expression | None = None
    count: Buffer | None = None
    starts: list[Buffer] = field(default_factory=list)
    homes: list[tuple[Buffer, Buffer]] = field(default_factory=list)
    copies: list[tuple[Buffer, Buffer]] = field(default_factory=list)

    def touched(self) -> list[Buffer]:
        """All arrays and numbers that are read or written inside."""
        found: dict[int, Buffer] = {b.number: b for b in self.starts}
        sources = list(self.expressions())
        for task in all_tasks(self.tasks.tasks):
            sources += [*task.expressions(), *task.extents.values()]
            if task.inner is not None:
                sources += task.inner.expressions()
                found |= {b.number: b for b in task.inner.starts}
            for buffer in (*task.targets, *task.arguments):
                if isinstance(buffer, Expression):
                    sources.append(buffer)
                    continue
                found[buffer.number] = buffer
                sources += buffer.extents
                if buffer.row is not None:
                    found[buffer.row[0].number] = buffer.row[0]
        for source in sources:
            for part in source.walk():
                if part.head in ("load", "size"):
                    found[part.payload.number] = part.payload
                    if part.payload.row is not None:
                        found[part.payload.row[0].number] = part.payload.row[0]
        return list(found.values())

    def expressions(self) -> Iterator[Expression]:
        """What is evaluated besides the tasks."""
        yield self.steps
        if self.condition is not None:
            yield self.condition
        for carry in self.carries:
            if isinstance(carry.source, Expression):
                yield carry.source


def all_tasks(tasks: Sequence[Task]) -> Iterator[Task]:
    """The tasks and those inside them."""
    for task in tasks:
        yield task
        if task.inner is not None:
            yield from all_tasks(task.inner.tasks.tasks)


class Graph(TaskList):
    """A task list that knows the graphs inside nodes.

    ``cap`` is about how many operations one nest of loops may have.
    """

    def __init__(self, demand: Demand, inputs: Sequence[Variable], names: Names, cap: int):
        self.cap = cap
        super().__init__(demand, inputs, names)

    def _control(self, node: Apply) -> None:
        demand = self.demand.inner[node]
        body = demand.body
        assert body is not None
        for number, value in body.constant.items():
            self._keep(node.outputs[number], value)
        axis = self.table.new_axis("%")
        within = self.within | {axis}
        steps = self.size(body.steps)
        collected = {k: self._collection(node, k, body, steps) for k in body.traced}
        states: list[Buffer] = []
        starts: dict[int, Task] = {}
        for place, state in enumerate(body.states):
            if isinstance(state.leaf.type, TensorType):
                buffer, starts[place] = self._initial(state, within)
            else:  # such as a random generator, which keeps its own state
                buffer = self.buffers[state.initial]
            states.append(buffer)
        step = Step(self, demand, axis, states, collected)
        repeated = Repeated(axis, steps, step)
        step.finish(repeated)
        repeated.starts = [start.target for start in starts.values()]
        for place, start in starts.items():
            carry = repeated.carries[place]
            if carry.how == "row":  # the array that it starts in is not written by steps
                start.target.name = self.names.new(f"{carry.state.name}_start")
                repeated.homes.append((carry.state, start.target))
        self._nodes |= step.nodes_around
        targets = self._targets(node, body, repeated, collected)
        task = self._add(
            "loop", node, targets, [], {}, (), None,
            after={start.number for start in starts.values()},
        )  # fmt: skip
        task.inner = repeated
        for place, state in enumerate(body.states):
            if place not in starts:
                self.buffers[node.outputs[state.number]] = states[place]
                self._writers.setdefault(states[place].number, set()).add(task.number)
        if body.condition is not None:
            self._cut(node, collected)

    def _keep(self, output: Variable, value: Variable) -> None:
        """A state that no step changes: its last value is the first."""
        buffer = self._new_buffer(output)
        axes, ranges, index = self._loops(buffer.extents)
        self._fill_or_store(None, buffer, axes, ranges, index, self.element(value, index))
        self.buffers[output] = buffer

    def _collection(self, node: Apply, number: int, body: LoopBody, steps: Expression) -> Buffer:
        """The array that the values of all steps go to."""
        output = node.outputs[number]
        value = body.traced[number]
        if output.name is None and value.name is not None:
            self.wishes[output] = f"{value.name}_all"
        if body.condition is None:
            buffer = self.buffers[output] = self._new_buffer(output)
            return buffer
        # How many there will be is known only after the loop.
        extents = (steps, *(self.size(s) for s in self.env.shape(output)[1:]))
        wish = output.name or self.wishes.get(output, "values")
        name = self.names.new(f"{wish}_room")
        return self._buffer(output, extents, "state", name)

    def _initial(self, state: State, within: frozenset[str]) -> tuple[Buffer, Task]:
        """The register or array of a state, set to what it starts from."""
        leaf = state.leaf
        name = self._name_for(leaf) if leaf.name else self.names.new(_stem(state))
        extents = self.shape(state.initial)
        buffer = self.table.buffer(name, leaf.type.dtype, extents, "state", leaf, within)
        start = self.table.buffer(name, leaf.type.dtype, extents, "state", leaf, self.within)
        axes, ranges, index = self._loops(extents)
        value = self.element(state.initial, index)
        task = self._fill_or_store(None, start, axes, ranges, index, value)
        return buffer, task

    def _targets(
        self, node: Apply, body: LoopBody, repeated: Repeated, collected: dict[int, Buffer]
    ) -> list[Buffer]:
        """What is there after the loop: collected values, last states, how many steps."""
        targets = list(collected.values())
        for state, carry in zip(body.states, repeated.carries, strict=True):
            tensor = isinstance(state.leaf.type, TensorType)
            if state.number not in body.wanted or not tensor:
                continue
            output = node.outputs[state.number]
            name = carry.state.name
            if carry.how == "row":
                name = self.names.new(output.name or f"{name}_last")
            last = self._buffer(output, self.shape(output), self._role(output), name)
            if carry.how == "row":
                repeated.copies.append((last, carry.state))
            self.buffers[output] = last
            targets.append(last)
        if body.condition is not None:
            output = node.outputs[-1]
            name = self.names.new(output.name or "steps")
            count = self._buffer(output, (), self._role(output), name)
            repeated.count = self.buffers[output] = count
            targets.append(count)
        return targets

    def _cut(self, node: Apply, collected: dict[int, Buffer]) -> None:
        """What was collected in the steps that were made."""
        for number, room in collected.items():
            output = node.outputs[number]
            buffer = self._new_buffer(output)
            axes, ranges, index = self._loops(buffer.extents)
            value = self.table.load(room, index)
            self._add("store", None, [buffer], axes, ranges, index, value)
            self.buffers[output] = buffer


def _stem(state: State) -> str:
    return state.initial.name or state.following.name or "state"


class Step(Graph):
    """The tasks of one step.

    Parameters
    ----------
    around : Graph
        The tasks that the loop is among.
    demand : Demand
        Of the step.
    axis : str
        The loop variable.
    states : list of Buffer
        Where the states are, in order.
    collected : dict
        The arrays of the traced values, by output of the node.
    """

    around: Graph

    def __init__(
        self,
        around: Graph,
        demand: Demand,
        axis: str,
        states: Sequence[Buffer],
        collected: dict[int, Buffer],
    ):
        assert demand.body is not None
        self._start(demand, around.names, around)
        self.cap = around.cap
        self.body: LoopBody = demand.body
        self.step = self.table.axis(axis)
        self.within = around.within | {axis}
        self.loop = around.loop or self.body.node
        self.nodes_around: set[Apply] = set()
        self.states = list(states)
        #: Where a variable goes that is computed as an array anyway.
        self._places: dict[Variable, Buffer] = {}
        #: What still has to be copied into the array that collects it.
        self._left: list[tuple[Variable, Buffer]] = []
        for state, buffer in zip(self.body.states, states, strict=True):
            self.buffers[state.leaf] = buffer
        self._choose_places(collected)
        self._fill_list()
        for variable, row in [*self._places.items(), *self._left]:
            if self.buffers.get(variable) is not row:
                self._copy_into(variable, row)

    # -- reading what is around ------------------------------------------------------------

    def element(self, variable: Variable, index: tuple[Any, ...]) -> Expression:
        if variable not in self.buffers and not isinstance(variable, Constant):
            sequence = self.body.elements.get(variable)
            if sequence is not None:
                return self._outside(sequence, (self.step, *index))
            if not self.demand.is_inner(variable):
                return self._outside(variable, index)
        return super().element(variable, index)

    def _outside(self, variable: Variable, index: tuple[Any, ...]) -> Expression:
        made = self.around.element(variable, index)
        self.nodes_around |= self.around._nodes
        return made

    def whole(self, variable: Variable, dtype: str | None = None) -> Buffer:
        own = self.buffers.maps[0]
        if variable not in own and not isinstance(variable, Constant):
            sequence = self.body.elements.get(variable)
            if sequence is not None:
                array = self.around.whole(sequence)
                self.buffers[variable] = self._row(variable, array, self._name_for(variable))
            elif not self.demand.is_inner(variable):
                return self.around.whole(variable, dtype)
        return super().whole(variable, dtype)

    def _row(self, variable: Variable, array: Buffer, name: str) -> Buffer:
        """What lies at this step in an array with a place for each."""
        buffer = self._buffer(variable, self.shape(variable), "row", name)
        buffer.row = (array, self.step)
        return buffer

    # -- where results go ------------------------------------------------------------------

    def _choose_places(self, collected: dict[int, Buffer]) -> None:
        """Arrays are computed where they are collected; all else is copied there."""
        nexts = {s.following for s in self.body.states}
        for number, array in collected.items():
            variable = self.body.traced[number]
            alone = variable not in nexts and not self.demand.uses.get(variable)
            computed = variable.owner is not None and self.demand.is_inner(variable)
            row = self._row(variable, array, self.names.new(f"{array.name}_row"))
            if computed and variable not in self._places and (variable.type.ndim or alone):
                self._places[variable] = row
            elif variable in self.buffers or not computed:
                self._copy_into(variable, row)
            else:
                self._left.append((variable, row))

    def _copy_into(self, variable: Variable, target: Buffer) -> Task:
        axes, ranges, index = self._loops(target.extents)
        value = self.element(variable, index)
        return self._fill_or_store(None, target, axes, ranges, index, value)

    def _new_buffer(self, variable: Variable) -> Buffer:
        place = self._places.get(variable)
        return super()._new_buffer(variable) if place is None else place

    def _role(self, variable: Variable) -> str:
        kept = variable in self._wanted and variable.type.ndim
        return "state" if kept else "temporary"

    def _name_for(self, variable: Variable) -> str:
        if not variable.name and variable not in self.wishes:
            for state, buffer in zip(self.body.states, self.states, strict=False):
                if state.following is variable:
                    return self.names.new(f"{buffer.name}_next")
        return super()._name_for(variable)

    def _scatter_base(self, node: Apply) -> tuple[Buffer, set[int]]:
        base, out = node.inputs[0], node.outputs[0]
        own = self.buffers.maps[0].get(base)
        if (
            own is not None
            and own.role in ("temporary", "state")
            and self.demand.uses.get(base, 0) == 1
            and base not in self._wanted
            and out not in self._places
            and own.dtype == out.type.dtype
            and self._may_become(out, own)
        ):
            return own, set(self.writers(own))
        return self._scatter_copy(node)

    def _may_become(self, out: Variable, own: Buffer) -> bool:
        """Whether a result may lie in an array that a state had, or that was a temporary."""
        if out not in self._wanted:
            return True
        followed = [b for s, b in zip(self.body.states, self.states, strict=True)
                    if s.following is out]  # fmt: skip
        return all(b is own for b in followed) and own.role == "state"

    # -- from one step to the next ---------------------------------------------------------

    def finish(self, repeated: Repeated) -> None:
        """Decide how each state gets its next value, and order the work of a step."""
        taken: set[int] = set()
        sources = [self._source(s, b, taken) for s, b in self._pairs()]
        condition = self.body.condition
        if condition is not None:
            repeated.condition = self.element(condition, ())
        repeated.tree = fuse(self, self.cap)
        contract(repeated.tree, self)
        repeated.carries = [
            self._carry(buffer, source, repeated)
            for (_, buffer), source in zip(self._pairs(), sources, strict=True)
        ]

    def _pairs(self) -> list[tuple[State, Buffer]]:
        return list(zip(self.body.states, self.states, strict=True))

    def _source(self, state: State, buffer: Buffer, taken: set[int]) -> Any:
        """Where the next value of a state is; an array that is nobody else's."""
        if not isinstance(state.leaf.type, TensorType):
            return buffer
        if not state.leaf.type.ndim:
            return self.element(state.following, ())
        found = self.buffers.maps[0].get(state.following)
        usable = found is buffer or (
            found is not None
            and found not in self.states
            and (found.role == "state" or found.row is not None)
        )
        if not usable or found is None or found.number in taken:
            name = self.names.new(f"{buffer.name}_next")
            found = self._buffer(state.following, buffer.extents, "state", name)
            self._copy_into(state.following, found)
        taken.add(found.number)
        return found

    def _carry(self, state: Buffer, source: Any, repeated: Repeated) -> Carry:
        if isinstance(source, Expression):
            return Carry(state, source, "assign")
        if source is state:
            return Carry(state, source, "none")
        if source.row is not None:
            return Carry(state, source, "row")
        writers = [self.tasks[n] for n in self.writers(source)]
        if any(w.kind == "call" and not _is_batch(w) for w in writers):
            return Carry(state, source, "assign")
        if len(writers) == 1 and _may_overwrite(writers[0], state, repeated):
            source.name = state.name
            return Carry(state, source, "none")
        return Carry(state, source, "swap")


def _is_batch(task: Task) -> bool:
    node = task.node
    return node is not None and isinstance(node.op, Block) and node.op.batch_ndim(*node.inputs) > 0


def _may_overwrite(writer: Task, state: Buffer, repeated: Repeated) -> bool:
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
