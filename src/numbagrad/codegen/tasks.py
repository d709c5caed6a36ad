"""From a graph to the list of its tasks: loops over places and the expression of one element.

The order of the list is an order in which they could run one after the other.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..graph.basic import Apply, Constant, Variable
from ..graph.printing import op_name
from ..graph.tensor import TensorType
from ..ops.draws import Draw
from ..ops.kinds import Block, Elementwise, Reduction, Scatter, View
from ..records import replace
from .expression import Buffer, Expression, Table
from .names import Names
from .roots import Demand, kind_of
from .task import Failure, Task

__all__ = ["TaskList"]


class Reader:
    """``read(k, index)`` and ``read.choose`` as Views and Scatters are promised."""

    def __init__(self, tasks: TaskList, node: Apply):
        self._tasks = tasks
        self._node = node

    def __call__(self, k: int, index: Sequence[Any]) -> Expression:
        node, tasks = self._node, self._tasks
        if isinstance(node.op, View) and k in node.op.flat_inputs:
            source = tasks.demand.beginning_of(node.inputs[k])
            return tasks.table.load(tasks.whole(source), tuple(index), flat=True)
        return tasks.element(node.inputs[k], tuple(index))

    def choose(self, condition: Any, a: Any, b: Any) -> Expression:
        return self._tasks.table.choose(condition, a, b)


class Layers(ChainMap[Variable, Buffer]):
    """Buffers by variable, those of the tasks around included."""

    def __contains__(self, variable: object) -> bool:
        first, *others = self.maps  # no question is asked more often
        return variable in first or any(variable in layer for layer in others)

    def __getitem__(self, variable: Variable) -> Buffer:
        for layer in self.maps:
            if variable in layer:
                return layer[variable]
        raise KeyError(variable)


class TaskList:
    """Builds the tasks of a graph.

    Parameters
    ----------
    demand : Demand
    inputs : sequence of Variable
        The arguments of the function, in order.
    names : Names
    """

    def __init__(self, demand: Demand, inputs: Sequence[Variable], names: Names):
        self._start(demand, names, None)
        self.inputs: list[Buffer] = [self._input(v) for v in inputs]
        self._fill_list()
        self.outputs: list[Buffer] = [
            self._output(v) for v in demand.outputs if isinstance(v.type, TensorType)
        ]

    def _start(self, demand: Demand, names: Names, around: TaskList | None) -> None:
        """Empty lists; what is one for the whole function is that of the tasks around."""
        self.demand = demand
        self.env = demand.env
        self.names = names
        self.around = around
        self.table: Table = around.table if around else Table()
        self.failures: list[Failure] = around.failures if around else []
        self.constants: list[tuple[Buffer, np.ndarray]] = around.constants if around else []
        self.buffers: Layers = around.buffers.new_child() if around else Layers()
        #: The loops in whose bodies the tasks are, and the outermost of their nodes.
        self.within: frozenset[str] = frozenset()
        self.loop: Apply | None = None
        self.tasks: list[Task] = []
        #: What variables without a name are called where there is something to say.
        self.wishes: dict[Variable, str] = {}
        self._memo: dict[Any, Expression] = {}
        self._nodes: set[Apply] = set()
        self._writers: dict[int, set[int]] = {}
        self._checks: dict[Apply, set[int]] = {}
        self._known_checks: dict[tuple[int, ...], int] = {}
        self._inlined: dict[Apply, set[Apply]] = {}
        self._given_away: set[int] = set()
        self._wanted = set(demand.outputs)
        self._casts: dict[tuple[Variable, str], Buffer] = {}
        self._unchecked = list(demand.obligations)
        self._barriers: set[int] = set()

    def _fill_list(self) -> None:
        self._sizes_agree()
        for node in self.demand.nodes:
            self._visit(node)
            self._sizes_agree()

    # -- buffers ---------------------------------------------------------------------------

    def _input(self, variable: Variable) -> Buffer:
        plain = "x" if isinstance(variable.type, TensorType) else "rng"
        name = self.names.new(variable.name, plain)
        buffer = self.table.buffer(name, variable.type.dtype, (), "input", variable)
        self.buffers[variable] = buffer
        buffer.extents = tuple(
            self.table.of(known) if known is not None else self.table.size(buffer, k)
            for k, known in enumerate(variable.type.shape)
        )
        return buffer

    def _new_buffer(self, variable: Variable) -> Buffer:
        return self._buffer(variable, self.shape(variable), self._role(variable))

    def _buffer(
        self,
        variable: Variable,
        extents: Sequence[Expression],
        role: str,
        name: str | None = None,
        dtype: str | None = None,
    ) -> Buffer:
        """A buffer that has a value wherever these tasks are done."""
        name = name or self._name_for(variable)
        dtype = dtype or variable.type.dtype
        return self.table.buffer(name, dtype, extents, role, variable, self.within)

    def _name_for(self, variable: Variable) -> str:
        wish = variable.name or self.wishes.get(variable)
        if wish:
            return self.names.new(wish)
        return self.names.numbered("n" if variable in self.demand.sizes else "t")

    def _role(self, variable: Variable) -> str:
        return "output" if variable in self._wanted else "temporary"

    def whole(self, variable: Variable, dtype: str | None = None) -> Buffer:
        """The array of a variable that something needs as a whole, in a given dtype."""
        if isinstance(variable, Constant):
            return self._constant(variable, dtype or variable.type.dtype)
        buffer = self.buffers[variable]
        if dtype is None or dtype == variable.type.dtype:
            return buffer
        key = (variable, dtype)
        if key not in self._casts:
            axes, extents, index = self._loops(buffer.extents)
            name = self.names.numbered("t")
            copy = self._buffer(variable, buffer.extents, "temporary", name, dtype)
            value = self.table.cast(self.table.load(buffer, index), dtype)
            self._add("store", None, [copy], axes, extents, index, value)
            self._casts[key] = copy
        return self._casts[key]

    def _constant(self, constant: Constant, dtype: str) -> Buffer:
        for buffer, data in self.constants:
            if data is constant.data and buffer.dtype == dtype:
                return buffer
        name = self.names.new(constant.name) if constant.name else self.names.numbered("data")
        extents = [self.table.of(s) for s in constant.data.shape]
        buffer = self.table.buffer(name, dtype, extents, "constant", constant)
        data = constant.data if dtype == constant.type.dtype else constant.data.astype(dtype)
        self.constants.append((buffer, data))
        return buffer

    # -- sizes -----------------------------------------------------------------------------

    def shape(self, variable: Variable) -> tuple[Expression, ...]:
        """The sizes of a variable as expressions."""
        return tuple(self.size(s) for s in self.env.shape(variable))

    def size(self, size: Any) -> Expression:
        """A size as an expression: equal sizes are one, a dimension of an array if there is one."""
        if isinstance(size, Constant):
            size = int(size.data)
        size = size if isinstance(size, (int, np.integer)) else self.env.canonical(size)
        if isinstance(size, (int, np.integer)):
            return self.table.of(int(size))
        owner = size.owner
        if owner is None or kind_of(owner) != "Size":
            return self.element(size, ())
        if isinstance(owner.inputs[0], Constant):
            return self.table.of(owner.inputs[0].data.shape[owner.op.axis])
        buffer = self.buffers[owner.inputs[0]]
        known = buffer.variable.type.shape[owner.op.axis]
        return self.table.of(known) if known is not None else self.table.size(buffer, owner.op.axis)

    def _sizes_agree(self) -> None:
        """The checks of sizes that could not be proved equal and can be checked by now.

        Everything counts on these equalities from the start, so that a check stands before
        whatever is computed after its sizes are known, not only before the node that asked.
        """
        for obligation in list(self._unchecked):
            a, b, node = obligation
            if self._available(a) and self._available(b):
                self._unchecked.remove(obligation)
                self._size_check(a, b, node)

    def _available(self, size: Any) -> bool:
        """Whether a size can be computed from what there is."""
        stack = [size]
        while stack:
            variable = stack.pop()
            known = not isinstance(variable, Variable) or isinstance(variable, Constant)
            if known or variable in self.buffers:
                continue
            node = variable.owner
            if node is None:
                continue  # an element of a loop's sequence, which is read where it lies
            if kind_of(node) == "Size":
                if isinstance(node.inputs[0], Constant):
                    continue
                if node.inputs[0] not in self.buffers:
                    return False
                source = self.demand.size_source(node)
                if isinstance(source, Variable) and source.owner is not node:
                    stack.append(source)
            elif isinstance(node.op, (Elementwise, View)) and variable.type.ndim == 0:
                stack.extend(node.inputs)
            else:
                return False
        return True

    def _size_check(self, a: Any, b: Any, node: Apply) -> None:
        left, right = self._own_size(a), self._own_size(b)
        if left is right:
            return
        names = ", ".join(v.name or "..." for v in node.inputs)
        words = f"the sizes of the inputs of {op_name(node.op)}({names}) disagree"
        failure = Failure(ShapeError, words, node.where, node)
        self._barriers.add(self._check(node, left == right, failure))

    def _check(
        self,
        node: Apply,
        condition: Expression,
        failure: Failure,
        axes: Sequence[str] = (),
        ranges: dict[str, Expression] | None = None,
    ) -> int:
        """A check that has to pass before anything of the node is computed."""
        places = {a: self.table.axis(f"@check{p}") for p, a in enumerate(axes)}
        general = self.table.substitute(condition, places, {})
        key = (general.number, *((ranges or {})[a].number for a in axes))
        number = self._known_checks.get(key)
        if number is None:
            task = self._add(
                "check", None, [], list(axes), ranges or {}, (), condition, failure=failure
            )
            task.node = node
            number = self._known_checks[key] = task.number
        self._nodes = set()
        self._checks.setdefault(node, set()).add(number)
        return number

    def _own_size(self, size: Any) -> Expression:
        """A size as it is, not as the one that it is checked to be equal to."""
        if not isinstance(size, Variable):
            return self.table.of(int(size))
        owner = size.owner
        if owner is not None and kind_of(owner) == "Size" and owner.inputs[0] in self.buffers:
            axis: int = owner.op.axis  # type: ignore[attr-defined]
            return self.table.size(self.buffers[owner.inputs[0]], axis)
        return self.element(size, ())

    # -- expressions -----------------------------------------------------------------------

    def element(self, variable: Variable, index: tuple[Any, ...]) -> Expression:
        """The element of a variable at an index."""
        # A dimension of size 1 has one place, whatever index the wider output counts with.
        index = tuple(
            self.table.of(0) if known == 1 else self.table.of(i)
            for known, i in zip(variable.type.shape, index, strict=True)
        )
        if isinstance(variable, Constant):
            return self._constant_element(variable, index)
        if variable in self.buffers:
            return self.table.load(self.buffers[variable], index)
        key = (variable, tuple(i.number for i in index))
        found = self._memo.get(key)
        if found is None:
            found = self._memo[key] = self._inline(variable, index)
        node = variable.owner
        assert node is not None
        self._nodes.add(node)
        self._nodes |= self._inlined_nodes(node)
        return found

    def _inlined_nodes(self, node: Apply) -> set[Apply]:
        """Nodes with checks that the expression of this node contains."""
        cache = self._inlined
        if node not in cache:
            found = {node} if node in self._checks else set()
            for v in node.inputs:
                if v.owner is not None and v not in self.buffers and v.owner in cache:
                    found |= cache[v.owner]
            cache[node] = found
        return cache[node]

    def _constant_element(self, constant: Constant, index: tuple[Expression, ...]) -> Expression:
        data = constant.data
        if data.size == 1:
            return self.table.literal(data.reshape(-1)[0], constant.type.dtype)
        if data.size and all(i.value is not None for i in index):
            return self.table.literal(data[tuple(i.value for i in index)], constant.type.dtype)
        return self.table.load(self._constant(constant, constant.type.dtype), index)

    def _inline(self, variable: Variable, index: tuple[Expression, ...]) -> Expression:
        node = variable.owner
        assert node is not None, f"{variable!r} has no value: it is no input of the function"
        op = node.op
        if kind_of(node) == "Size":
            return self.size(self.demand.size_source(node))
        if isinstance(op, Elementwise):
            dtypes = op.argument_dtypes(node.inputs, variable.type.dtype)
            arguments = [
                self.table.cast(self.element(v, index), d)
                for v, d in zip(node.inputs, dtypes, strict=True)
            ]
            return self._apply(op, arguments, variable.type.dtype)
        assert isinstance(op, View), f"{op} can not be put into an expression"
        return self.table.cast(
            op.element(index, Reader(self, node), self._sizes_of(node)), variable.type.dtype
        )

    def _apply(self, op: Any, arguments: list[Expression], dtype: str) -> Expression:
        if op.is_cast:
            return self.table.cast(arguments[0], dtype)
        if op.idempotent and all(a is arguments[0] for a in arguments):
            return arguments[0]
        if op.unit == 1 and len(arguments) == 2:  # 1 * x is x to the last bit
            for one, other in (arguments, arguments[::-1]):
                if one.head == "literal" and one.payload == 1 and other.dtype == dtype:
                    return other
        return self.table.apply(op, arguments, dtype)

    def _sizes_of(self, node: Apply) -> Callable[[int], tuple[Expression, ...]]:
        return lambda k: self.shape(node.inputs[k])

    # -- tasks -----------------------------------------------------------------------------

    def _add(
        self,
        kind: str,
        node: Apply | None,
        targets: list[Buffer],
        axes: list[str],
        extents: dict[str, Expression],
        index: tuple[Expression, ...],
        value: Expression | None,
        reduced: frozenset[str] = frozenset(),
        after: set[int] | None = None,
        arguments: list[Any] | None = None,
        failure: Failure | None = None,
    ) -> Task:
        task = Task(
            len(self.tasks), kind, node, targets, axes, extents, index, value, reduced,
            self._barriers | set(after or ()), arguments or [],
        )  # fmt: skip
        if failure is not None:
            task.failure = len(self.failures) + 1
            self.failures.append(replace(failure, loop=self.loop))
        if node is not None:
            task.after |= self._checks.get(node, set()) - {task.number}
            task.variable = targets[0].variable if targets else None
        for inner in self._nodes:
            task.after |= self._checks.get(inner, set())
        task.after.discard(task.number)
        self._nodes = set()
        self.tasks.append(task)
        for target in targets:
            self._writers.setdefault(target.number, set()).add(task.number)
        return task

    def writers(self, buffer: Buffer) -> set[int]:
        """The tasks that write a buffer."""
        return self._writers.get(buffer.number, set())

    def _loops(
        self, extents: Sequence[Expression]
    ) -> tuple[list[str], dict[str, Expression], tuple[Expression, ...]]:
        """A loop for each dimension that has more than one place, and the index they make."""
        axes, ranges, index = [], {}, []
        for extent in extents:
            if extent.value == 1:
                index.append(self.table.of(0))
                continue
            name = self.table.new_axis("@")
            axes.append(name)
            ranges[name] = extent
            index.append(self.table.axis(name))
        return axes, ranges, tuple(index)

    def _visit(self, node: Apply) -> None:
        self._value_checks(node)
        stored = [v for v in node.outputs if v in self.demand.stored]
        if not stored:
            return
        if isinstance(node.op, Reduction):
            self._reduction(node)
        elif isinstance(node.op, Scatter):
            self._scatter(node)
        elif isinstance(node.op, Draw):
            self._draw(node)
        elif isinstance(node.op, Block) or kind_of(node) == "Callback":
            self._call(node)
        elif kind_of(node) == "Control":
            self._control(node)
        elif hasattr(node.op, "parts"):
            self._join(node)
        else:
            self._store(node.outputs[0])

    def _control(self, node: Apply) -> None:
        """The tasks of a node with graphs inside."""
        raise NotImplementedError

    def _value_checks(self, node: Apply) -> None:
        rows = node.op.checks(*node.inputs) if hasattr(node.op, "checks") else []
        for row in rows:
            checked = [*node.inputs, node.outputs[-1]]  # the place -1 is the result
            extents = [] if row.over is None else list(self.shape(checked[row.over]))
            axes, ranges, index = self._loops(extents)
            condition = row.holds(index, Reader(self, node), self._sizes_of(node))
            if isinstance(condition, bool):
                condition = self.table.literal(condition, "bool")
            if condition.value is True or condition.value == 1:
                self._nodes = set()
                continue
            failure = Failure(row.error, row.message, node.where, node)
            self._check(node, condition, failure, axes, ranges)

    def _store(self, variable: Variable) -> None:
        node = variable.owner
        if node is not None and node.inputs and self.demand.turned.get(node.inputs[0]) is variable:
            return  # the loop that collects it has put it there
        if node is not None and getattr(node.op, "same_elements", False):
            there = self.demand.beginning_of(node.inputs[0]) is node.inputs[0]
            source = self.whole(node.inputs[0]) if there else None
            whole = source is not None and source.extents and variable.type.ndim
            if source is not None and whole and variable not in self._wanted:
                self._alias(node, source)
                return
        buffer = self._new_buffer(variable)
        axes, ranges, index = self._loops(buffer.extents)
        value = self.element(variable, index)
        self._fill_or_store(variable.owner, buffer, axes, ranges, index, value)
        self.buffers[variable] = buffer

    def _alias(self, node: Apply, source: Buffer) -> None:
        """The same memory in another shape; nobody writes into either."""
        buffer = self._new_buffer(node.outputs[0])
        buffer.role = "alias"
        self._add("alias", node, [buffer], [], {}, (), None, arguments=[source])
        self.buffers[node.outputs[0]] = buffer

    def _fill_or_store(
        self,
        node: Apply | None,
        buffer: Buffer,
        axes: list[str],
        ranges: dict[str, Expression],
        index: tuple[Expression, ...],
        value: Expression,
    ) -> Task:
        """A store in every place; one number everywhere needs no loop."""
        if buffer.extents and value.head == "literal":
            return self._add("fill", node, [buffer], [], {}, (), value)
        return self._add("store", node, [buffer], axes, ranges, index, value)

    def _join(self, node: Apply) -> None:
        buffer = self._new_buffer(node.outputs[0])
        for k, offset in node.op.parts(self._sizes_of(node)):  # type: ignore[attr-defined]
            part = node.inputs[k]
            if part.type.ndim == 0:
                value = self.element(part, ())
                index = tuple(self.table.of(o) for o in offset)
                axes, ranges, _ = self._loops(())
            else:
                axes, ranges, inner = self._loops(self.shape(part))
                value = self.element(part, inner)
                index = tuple(i + o for i, o in zip(inner, offset, strict=True))
            value = self.table.cast(value, buffer.dtype)
            self._add("store", node, [buffer], axes, ranges, index, value)
        self.buffers[node.outputs[0]] = buffer

    def _reduction(self, node: Apply) -> None:
        op, out = node.op, node.outputs[0]
        assert isinstance(op, Reduction)
        shapes = [self.env.shape(v) for v in node.inputs]
        space = [self.size(s) for s in op.space(shapes, *node.inputs)]
        reduced_extents = [space[k] for k in op.axes]
        if op.nonempty is not None:
            self._nonempty(node, [space[k] for k in range(len(space))], reduced_extents)
        axes, ranges, index = self._loops(space)
        value = op.element(index, Reader(self, node), self._sizes_of(node))
        buffer = self._new_buffer(out)
        outer = tuple(i for k, i in enumerate(index) if k not in op.axes)
        reduced = frozenset(index[k].payload for k in op.axes if index[k].is_axis())
        if op.better is None:
            value = self.table.cast(value, buffer.dtype)
            self._add("reduce", node, [buffer], axes, ranges, outer, value, reduced)
        else:
            position = self.table.of(0)
            for k in op.axes:
                position = position * space[k] + index[k]
            kept = [index[k].payload for k in range(len(space)) if k not in op.axes]
            order = [a for a in axes if a in kept] + [a for a in axes if a in reduced]
            task = self._add("position", node, [buffer], order, ranges, outer, value, reduced)
            task.arguments = [position]
        self.buffers[out] = buffer

    def _draw(self, node: Apply) -> None:
        """One draw in each place, in C order, after all that were drawn from the same generator."""
        op, (next_rng, draws) = node.op, node.outputs
        assert isinstance(op, Draw)
        rng = self.buffers[node.inputs[0]]
        buffer = self._new_buffer(draws)
        axes, ranges, index = self._loops(buffer.extents)
        arguments = [self.table.load(rng, ())]
        for v, dtype in zip(op.parameters_of(node), op.arguments.values(), strict=True):
            arguments.append(self.table.cast(self.element(v, index), dtype))
        value = self.table.draw(op, arguments, index, buffer.dtype)
        before = self.writers(rng)
        task = self._add("store", node, [buffer], axes, ranges, index, value, after=before)
        task.ordered = True
        task.variable = draws
        self._writers.setdefault(rng.number, set()).add(task.number)
        self.buffers[next_rng] = rng
        self.buffers[draws] = buffer

    def _nonempty(self, node: Apply, space: list[Expression], reduced: list[Expression]) -> None:
        unknown = [e for e in reduced if e.value is None or e.value == 0]
        kept = [e for k, e in enumerate(space) if k not in node.op.axes]  # type: ignore[attr-defined]
        for extent in unknown:
            condition = extent > 0
            for other in kept:  # nothing is asked of an empty result
                condition = condition | (other == 0)
            if condition.value:
                continue
            failure = Failure(ValueError, node.op.nonempty, node.where, node)  # type: ignore[attr-defined]
            self._check(node, condition, failure)

    def _scatter(self, node: Apply) -> None:
        op, out = node.op, node.outputs[0]
        assert isinstance(op, Scatter)
        buffer, before = self._scatter_base(node)
        shapes = [self.env.shape(v) for v in node.inputs]
        region = [self.size(s) for s in op.region(shapes, *node.inputs)]
        axes, ranges, index = self._loops(region)
        target = op.target(index, Reader(self, node), self._sizes_of(node))
        update = self.element(node.inputs[1], index)
        update = self.table.cast(update, buffer.dtype)
        self._add(
            "scatter", node, [buffer], axes, ranges,
            tuple(self.table.of(t) for t in target), update, after=before,
        )  # fmt: skip
        self.buffers[out] = buffer

    def _scatter_base(self, node: Apply) -> tuple[Buffer, set[int]]:
        """The array that is written into, and the tasks that make it.

        A temporary that nothing else reads becomes the result itself; otherwise it is copied.
        """
        base, out = node.inputs[0], node.outputs[0]
        own = self.buffers.maps[0].get(base)
        if (
            own is not None
            and own.role == "temporary"
            and self.demand.uses.get(base, 0) == 1
            and own.dtype == out.type.dtype
        ):
            if out in self._wanted:
                own.role = "output"
            if out.name:
                own.name = self.names.new(out.name)
            return own, set(self.writers(own))
        return self._scatter_copy(node)

    def _scatter_copy(self, node: Apply) -> tuple[Buffer, set[int]]:
        base, out = node.inputs[0], node.outputs[0]
        buffer = self._new_buffer(out)
        axes, ranges, index = self._loops(buffer.extents)
        value = self.element(base, index)
        copy = self._fill_or_store(node, buffer, axes, ranges, index, value)
        return buffer, {copy.number}

    def _call(self, node: Apply) -> None:
        op = node.op
        if isinstance(op, Block):
            dtypes = op.argument_dtypes(node.inputs, node.outputs[0].type.dtype)
        else:
            dtypes = [v.type.dtype for v in node.inputs]
        arguments: list[Any] = []
        for variable, dtype in zip(node.inputs, dtypes, strict=True):
            if variable.type.ndim == 0:
                arguments.append(self.table.cast(self.element(variable, ()), dtype))
            else:
                arguments.append(self.whole(variable, dtype))
        if isinstance(op, Block) and op.into is not None:
            buffer = self._new_buffer(node.outputs[0])
            self._add("into", node, [buffer], [], {}, (), None, arguments=arguments)
            self.buffers[node.outputs[0]] = buffer
            return
        targets, before = [], set()
        for variable in node.outputs:
            if not isinstance(variable.type, TensorType):  # the generator after the draws
                rng = self.buffers[variable] = self.buffers[node.inputs[0]]
                before = set(self.writers(rng))
                self._writers.setdefault(rng.number, set()).add(len(self.tasks))
                continue
            # A size that depends on values is a size of the result itself.
            buffer = self._buffer(variable, (), self._role(variable))
            self.buffers[variable] = buffer
            buffer.extents = self.shape(variable)
            targets.append(buffer)
        self._add("call", node, targets, [], {}, (), None, after=before, arguments=arguments)

    def _output(self, variable: Variable) -> Buffer:
        """The buffer returned for an output: always one that nothing else is."""
        given = isinstance(variable, Constant) or variable in self.buffers
        fresh = given and not isinstance(variable, Constant)
        buffer = self.buffers.get(variable)
        taken = self._given_away
        if fresh and buffer is not None and buffer.role == "output" and buffer.number not in taken:
            taken.add(buffer.number)
            return buffer
        extents = (
            [self.table.of(s) for s in variable.data.shape]
            if isinstance(variable, Constant)
            else self.shape(variable)
        )
        copy = self._buffer(variable, extents, "output")
        axes, ranges, index = self._loops(copy.extents)
        value = self.element(variable, index)
        self._fill_or_store(None, copy, axes, ranges, index, value)
        taken.add(copy.number)
        return copy
