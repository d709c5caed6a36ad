"""Loops and branches of the user's: the tasks of a step or of a branch are a list of their own.

A state that is a number is a register; one that is an array lives in an array of its own, and the
next value is written beside it (and the two change places), into it where nothing reads the old
value any more, or into the array that collects it anyway. Elements of sequences are read in place.
What a branch computes is in a body of its own, and nothing of it is done before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..graph.basic import Apply, Constant, Variable
from ..graph.tensor import TensorType
from ..ops.kinds import Block
from .bodies import BranchBody, LoopBody, State
from .expression import Buffer, Expression
from .fuse import contract, fuse
from .inner import Branched, Carry, Repeated, Side
from .names import Names
from .overwrite import may_overwrite
from .roots import Demand, kind_of, rows_of
from .task import Task
from .tasks import TaskList

__all__ = ["Graph"]


class Graph(TaskList):
    """A task list that knows the graphs inside nodes.

    ``cap`` is about how many operations one nest of loops may have.
    """

    def __init__(self, demand: Demand, inputs: Sequence[Variable], names: Names, cap: int):
        self.cap = cap
        super().__init__(demand, inputs, names)

    def _control(self, node: Apply) -> None:
        if node.op.form == "branch":  # type: ignore[attr-defined]
            self._choose(node)
        else:
            self._repeat(node)

    # -- loops -----------------------------------------------------------------------------

    def _repeat(self, node: Apply) -> None:
        (demand,) = self.demand.inner[node]
        body = demand.body
        assert isinstance(body, LoopBody)
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
        step = _Step(self, demand, axis, states, collected)
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
        if body.condition is None and output in self.demand.turned:
            output = self.demand.turned[output]
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

    # -- branches --------------------------------------------------------------------------

    def _choose(self, node: Apply) -> None:
        demands = self.demand.inner[node]
        condition = self.element(node.inputs[0], ())
        axis = self.table.new_axis("?")
        targets = self._results(node, demands[0])
        inner = Branched(axis, condition, [])
        for demand in demands:
            side = _Alternative(self, demand, axis, targets)
            inner.sides.append(side.finish())
            self._nodes |= side.nodes_around
        for number, target in targets.items():
            known = all(_is_known(s, node.outputs[number]) for s in self._sizes(node, number))
            set_late = any(t is target for side in inner.sides for t, _ in side.exits)
            if target.extents and (set_late or not known):
                inner.own.add(target.name)
        self._pass_on(node, targets, inner)
        shown = [t for t in targets.values() if isinstance(t.variable.type, TensorType)]
        task = self._add("branch", node, shown, [], {}, (), None)
        task.inner = inner
        for buffer in [*inner.touched(), *targets.values()]:
            if buffer.variable is not None and not isinstance(buffer.variable.type, TensorType):
                self._writers.setdefault(buffer.number, set()).add(task.number)

    def _pass_on(self, node: Apply, targets: dict[int, Buffer], inner: Branched) -> None:
        """What is no array, such as a generator that draws advance, keeps its name."""
        for number, target in list(targets.items()):
            if not isinstance(target.variable.type, TensorType):
                (same,) = {e for side in inner.sides for t, e in side.exits if t is target}
                self.buffers[node.outputs[number]] = same
                for side in inner.sides:
                    side.exits = [row for row in side.exits if row[0] is not target]
                del targets[number]

    def _sizes(self, node: Apply, number: int) -> tuple[Any, ...]:
        return self.env.shape(node.outputs[number])

    def _results(self, node: Apply, demand: Demand) -> dict[int, Buffer]:
        """What is there after the branches, whichever was taken."""
        assert isinstance(demand.body, BranchBody)
        made = {}
        for number in demand.body.results:
            output = node.outputs[number]
            made[number] = self.buffers[output] = self._buffer(output, (), self._role(output))
            if isinstance(output.type, TensorType):
                made[number].extents = self.shape(output)
        return made


def _is_known(size: Any, output: Variable) -> bool:
    """Whether a size follows from others than the result itself."""
    owner = getattr(size, "owner", None)
    return owner is None or kind_of(owner) != "Size" or owner.inputs[0] is not output


def _stem(state: State) -> str:
    return state.initial.name or state.following.name or "state"


class _Inside(Graph):
    """Tasks that are only done as part of one of the tasks around."""

    around: Graph

    def _open(self, around: Graph, demand: Demand, axis: str) -> None:
        self._start(demand, around.names, around)
        self.cap = around.cap
        self.within = around.within | {axis}
        assert demand.body is not None
        self.loop = around.loop or demand.body.node
        self.nodes_around: set[Apply] = set()
        #: Where a variable goes that is computed as an array anyway.
        self._places: dict[Variable, Buffer] = {}

    # -- reading what is around ------------------------------------------------------------

    def element(self, variable: Variable, index: tuple[Any, ...]) -> Expression:
        given = variable in self.buffers or isinstance(variable, Constant)
        if not given and not self.demand.is_inner(variable):
            return self._outside(variable, index)
        return super().element(variable, index)

    def _outside(self, variable: Variable, index: tuple[Any, ...]) -> Expression:
        made = self.around.element(variable, index)
        self.nodes_around |= self.around._nodes
        return made

    def whole(self, variable: Variable, dtype: str | None = None) -> Buffer:
        own = variable in self.buffers.maps[0] or isinstance(variable, Constant)
        if not own and not self.demand.is_inner(variable):
            return self.around.whole(variable, dtype)
        return super().whole(variable, dtype)

    # -- where results go ------------------------------------------------------------------

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
        raise NotImplementedError

    def _is_new(self, buffer: Buffer) -> bool:
        """Whether a call makes a new array for it."""
        writers = [self.tasks[n] for n in self.writers(buffer)]
        return any(w.kind == "call" and not _is_batch(w) for w in writers)


class _Step(_Inside):
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

    def __init__(
        self,
        around: Graph,
        demand: Demand,
        axis: str,
        states: Sequence[Buffer],
        collected: dict[int, Buffer],
    ):
        self._open(around, demand, axis)
        assert isinstance(demand.body, LoopBody)
        self.body = demand.body
        self.step = self.table.axis(axis)
        self.states = list(states)
        #: What still has to be copied into the array that collects it.
        self._left: list[tuple[Variable, Buffer]] = []
        outputs, turned = self.body.node.outputs, around.demand.turned
        #: The outputs of the node that are only asked for from the last step to the first.
        self._turned = {k for k in collected if outputs[k] in turned}
        for state, buffer in zip(self.body.states, states, strict=True):
            self.buffers[state.leaf] = buffer
        self._choose_places(collected)
        self._fill_list()
        for variable, row in [*self._places.items(), *self._left]:
            if self.buffers.get(variable) is not row:
                self._copy_into(variable, row)

    def element(self, variable: Variable, index: tuple[Any, ...]) -> Expression:
        sequence = self.body.elements.get(variable)
        if sequence is not None and variable not in self.buffers:
            return self._outside(sequence, (self.step, *index))
        return super().element(variable, index)

    def whole(self, variable: Variable, dtype: str | None = None) -> Buffer:
        sequence = self.body.elements.get(variable)
        if sequence is not None and variable not in self.buffers.maps[0]:
            array, place = self._place_of(sequence)
            self.buffers[variable] = self._row(variable, array, self._name_for(variable), place)
        return super().whole(variable, dtype)

    def _place_of(self, sequence: Variable) -> tuple[Buffer, Expression]:
        """The array in which the element of this step lies, and where."""
        if sequence in self.around.buffers or rows_of(sequence) is sequence:
            return self.around.whole(sequence), self.step
        first = (self.table.of(0),) * (sequence.type.ndim - 1)
        read = self._outside(sequence, (self.step, *first))
        return self.around.whole(rows_of(sequence)), read.arguments[0]

    def _row(
        self, variable: Variable, array: Buffer, name: str, place: Expression | None = None
    ) -> Buffer:
        """What lies at this step in an array with a place for each."""
        buffer = self._buffer(variable, self.shape(variable), "row", name)
        buffer.row = (array, self.step if place is None else place)
        return buffer

    # -- where results go ------------------------------------------------------------------

    def _choose_places(self, collected: dict[int, Buffer]) -> None:
        """Arrays are computed where they are collected; all else is copied there."""
        nexts = {s.following for s in self.body.states}
        for number, array in collected.items():
            variable = self.body.traced[number]
            alone = variable not in nexts and not self.demand.uses.get(variable)
            computed = variable.owner is not None and self.demand.is_inner(variable)
            place = self._from_the_end() if number in self._turned else None
            row = self._row(variable, array, self.names.new(f"{array.name}_row"), place)
            if computed and variable not in self._places and (variable.type.ndim or alone):
                self._places[variable] = row
            elif variable in self.buffers or not computed:
                self._copy_into(variable, row)
            else:
                self._left.append((variable, row))

    def _from_the_end(self) -> Expression:
        """The place of this step if the last one comes first."""
        last = self.table.arithmetic("-", self.around.size(self.body.steps), self.table.of(1))
        return self.table.arithmetic("-", last, self.step)

    def _name_for(self, variable: Variable) -> str:
        if not variable.name and variable not in self.wishes:
            for state, buffer in zip(self.body.states, self.states, strict=False):
                if state.following is variable:
                    return self.names.new(f"{buffer.name}_next")
        return super()._name_for(variable)

    def _may_become(self, out: Variable, own: Buffer) -> bool:
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
        if self._is_new(source):
            return Carry(state, source, "assign")
        writers = [self.tasks[n] for n in self.writers(source)]
        if len(writers) == 1 and may_overwrite(writers[0], state, repeated):
            source.name = state.name
            return Carry(state, source, "none")
        return Carry(state, source, "swap")


def _is_batch(task: Task) -> bool:
    node = task.node
    return node is not None and isinstance(node.op, Block) and node.op.batch_ndim(*node.inputs) > 0


class _Alternative(_Inside):
    """The tasks of one of two branches.

    Parameters
    ----------
    around : Graph
        The tasks that the branches are among.
    demand : Demand
        Of the branch.
    axis : str
        What nothing around the branches depends on.
    targets : dict
        What is set whichever branch is taken, by output of the node.
    """

    def __init__(self, around: Graph, demand: Demand, axis: str, targets: dict[int, Buffer]):
        self._open(around, demand, axis)
        assert isinstance(demand.body, BranchBody)
        self.results = demand.body.results
        self.targets = targets
        self._homes: dict[int, Buffer] = {}
        self._fill_list()

    def _new_buffer(self, variable: Variable) -> Buffer:
        for number, result in self.results.items():
            if result is variable and variable.type.ndim:
                return self._home(number, variable)
        return super()._new_buffer(variable)

    def _home(self, number: int, variable: Variable) -> Buffer:
        """Where a result is found after the branches."""
        if number not in self._homes:
            name = self.targets[number].name
            self._homes[number] = self._buffer(variable, self.shape(variable), "state", name)
        return self._homes[number]

    def _may_become(self, out: Variable, own: Buffer) -> bool:
        return out not in self._wanted

    def finish(self) -> Side:
        """The branch with its results where they are wanted, and the order of its work."""
        taken: set[int] = set()
        exits = []
        for number, variable in self.results.items():
            target = self.targets[number]
            source = self._exit(number, variable, taken)
            if source is not None and source is not target:
                exits.append((target, source))
        tree = fuse(self, self.cap)
        contract(tree, self)
        return Side(self, tree, exits)

    def _exit(self, number: int, variable: Variable, taken: set[int]) -> Any:
        """What a result is set to at the end, if anything."""
        if not isinstance(variable.type, TensorType):
            return self.buffers[variable]
        if not variable.type.ndim:
            return self.element(variable, ())
        found = self.buffers.maps[0].get(variable)
        if found is not None and found is self._homes.get(number):
            return None
        if found is not None and found.number not in taken and self._is_new(found):
            taken.add(found.number)
            return found
        self._copy_into(variable, self._home(number, variable))
        return None
