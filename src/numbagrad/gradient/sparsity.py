"""Where a derivative is zero for certain, and how to get the rest of it in a few sweeps.

`detect` follows from Op to Op which elements depend on which; no derivative and no value is
computed, so the pattern holds whatever the values are. `colour_columns` and `colour_symmetric` put
columns together that one sweep can tell apart. This module needs SciPy and is loaded when it is
first used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from ..errors import ShapeError
from ..graph.basic import Apply, Constant, Variable
from ..graph.tensor import TensorType, as_tensor, constant
from ..graph.traverse import graph_inputs, rebuild_graph, toposort
from ..graph.where import on_behalf_of
from ..ops.arithmetic import Mul
from ..ops.control import Control
from ..ops.interpret import interpret
from ..ops.kinds import BILINEAR, LINEAR, Block, Declared, Elementwise, Reduction, Scatter, View
from ..ops.scanning import Scan
from ..rewrite import rewrite
from .paths import made_at, moves_in_steps, pattern_of

__all__ = [
    "colour_columns",
    "colour_symmetric",
    "csr",
    "detect",
    "from_colours",
    "pattern",
]

#: A pattern with more entries than this saves nothing.
MANY = 50_000_000
#: A loop is followed step by step over this many operations; in a longer one everything depends on
#: everything that it is connected with.
FOLLOWED = 20_000


def csr(data: np.ndarray, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> Any:
    """A SciPy sparse array from entries given row by row."""
    starts = np.searchsorted(rows, np.arange(shape[0] + 1))
    return sparse.csr_array((data, columns, starts), shape=shape)


def pattern(given: Any, shape: tuple[int | None, int | None]) -> Any:
    """A sparsity pattern that a user gave, as boolean CSR, of the given shape where that is known.

    Raises
    ------
    TypeError
        If it is no matrix.
    ValueError
        If it has another shape.
    """
    if sparse.issparse(given):
        made = sparse.csr_array(given)
        made = sparse.csr_array((np.ones(made.nnz, bool), made.indices, made.indptr), made.shape)
    else:
        array = np.asarray(given)
        if array.dtype.kind not in "biuf":
            raise TypeError(
                "sparsity must be None, 'detect', a SciPy sparse matrix or a boolean array; "
                f"got {given!r}"
            )
        if array.ndim != 2:
            raise ValueError(f"A sparsity pattern must have 2 dimensions; got {array.ndim}")
        made = sparse.csr_array(array != 0)
    for k, (have, wanted) in enumerate(zip(made.shape, shape, strict=True)):
        if wanted is not None and have != wanted:
            raise ValueError(
                f"The sparsity pattern has the shape {made.shape}, but there are {wanted} "
                f"{('elements of the expression', 'variables')[k]}"
            )
    made.sum_duplicates()
    return made


# -- which element depends on which ----------------------------------------------------------


def detect(expression: Variable, x: Variable, at: Mapping[Variable, Any]) -> Any:
    """The pattern of the derivative of ``expression`` with respect to ``x``.

    Parameters
    ----------
    expression, x : Variable
    at : mapping
        Values of inputs: only shapes are read of floating ones, and the values of integer ones
        (indices) are taken as fixed.

    Returns
    -------
    scipy.sparse.csr_array
        Boolean, of the shape (size of the expression, size of ``x``). An entry that is not there
        is zero whatever the values of floating inputs are.

    Raises
    ------
    ValueError
        If a size is not known, or if almost everything depends on everything.
    """
    walk = _Walk(x, at)
    order = toposort([expression, x])
    for v in dict.fromkeys([expression, x, *(v for node in order for v in node.inputs)]):
        if v.owner is None:
            walk.leaf(v)
    for node in order:
        walk.visit(node)
    found = walk.found.get(expression)
    if found is None:
        found = sparse.csr_array((walk.length(expression), walk.length(x)), dtype=bool)
    found.sum_duplicates()
    return found


class _Read:
    """What `Declared.element` and ``target`` read when they are applied to all places at once."""

    def __init__(self, arrays: Sequence[Any]):
        self.arrays = arrays
        self.seen: list[tuple[int, tuple[Any, ...]]] = []

    def __call__(self, k: int, index: tuple[Any, ...]) -> Any:
        self.seen.append((k, index))
        return self.arrays[k][index] if index else self.arrays[k]

    @staticmethod
    def choose(condition: Any, a: Any, b: Any) -> Any:
        """``a`` where the condition holds, else ``b``."""
        return np.where(condition, a, b)


class _Walk:
    """Shapes, integer values and dependence, from the beginning of a graph to its end.

    Attributes
    ----------
    shapes, values : dict
        Of the variables; values only of those that do not depend on ``x`` and are given.
    found : dict
        For each variable that depends on ``x`` a boolean matrix, a row for each of its elements.
    """

    def __init__(self, x: Variable, at: Mapping[Variable, Any]):
        self.x = x
        self.given = {v: np.asarray(a) for v, a in at.items()}
        self.shapes: dict[Variable, tuple[int, ...]] = {}
        self.values: dict[Variable, Any] = {}
        self.found: dict[Variable, Any] = {}
        self.loops: dict[Apply, list[Any]] = {}

    def length(self, v: Variable) -> int:
        """How many elements a variable has."""
        return int(np.prod(self.shapes[v], dtype=np.int64))

    def leaf(self, v: Any) -> None:
        """An input, a constant or a shared variable."""
        if not isinstance(v.type, TensorType):
            return
        if isinstance(v, Constant):
            self.values[v] = v.data
        elif v in self.given:
            self.values[v] = self.given[v]
        elif hasattr(v, "get_value"):
            self.values[v] = np.asarray(v.get_value())
        if v in self.values:
            self.shapes[v] = np.shape(self.values[v])
        elif any(n is None for n in v.type.shape):
            raise ValueError(
                f"To detect sparsity the sizes must be known, but {v!r} is of {v.type}: give its "
                "static shape, or a value of that size in at={...}"
            )
        else:
            self.shapes[v] = tuple(n or 0 for n in v.type.shape)
        self._start(v)

    def _start(self, v: Variable) -> None:
        if v is self.x:
            self.values.pop(v, None)
            self.found[v] = sparse.eye_array(self.length(v), dtype=bool, format="csr")

    def visit(self, node: Apply) -> None:
        """One node: shapes, then values if they are known, then dependence."""
        for out, shape in zip(node.outputs, self._shapes(node), strict=True):
            self.shapes[out] = shape
        sized = getattr(node.op, "kind", "") == "Size"
        if any(x in self.found for x in node.inputs) and not sized:
            connected = pattern_of(node)
            for o, out in enumerate(node.outputs):
                row = [c[o] and x in self.found for c, x in zip(connected, node.inputs)]
                if any(row) and not moves_in_steps(out):
                    self.found[out] = self._bounded(node, self._dependence(node, o, row))
        else:
            self._compute(node)
        for out in node.outputs:
            self._start(out)

    def _bounded(self, node: Apply, made: Any) -> Any:
        made = sparse.csr_array(made, dtype=bool)
        _refuse_many(node, made.nnz)
        return made

    # -- shapes and values -----------------------------------------------------------------

    def _shapes(self, node: Apply) -> list[tuple[int, ...]]:
        types: list[Any] = [v.type for v in node.outputs]
        if all(None not in t.shape for t in types):
            return [t.shape for t in types]
        have = [self.shapes[x] for x in node.inputs]
        inputs = [self._constant(x) for x in node.inputs]
        op: Any = node.op
        try:
            if isinstance(op, Control):
                made = self._inferred(node, have)
            elif isinstance(op, Declared):
                sizes = op.sizes(have, *inputs)
                made = [sizes] if op.nout == 1 else list(sizes)
            else:
                made = op.infer_shape(None, node, have)
            return [tuple(_number(s) for s in shape) for shape in made]
        except (NotImplementedError, TypeError) as error:
            raise ValueError(
                f"To detect sparsity the sizes must be known, but that of the result of "
                f"{made_at(node)} is not"
            ) from error

    def _inferred(self, node: Apply, have: Sequence[Any]) -> list[tuple[int, ...]]:
        """The shapes that an Op infers as graphs over its inputs, of which only sizes matter."""
        made = node.op.infer_shape(None, node, have)
        simple = rewrite([as_tensor(s) for shape in made for s in shape], node.inputs)
        known: dict[Variable, Variable] = {}
        for n in toposort(simple, node.inputs):
            if getattr(n.op, "kind", "") == "Size" and n.inputs[0] in self.shapes:
                size = self.shapes[n.inputs[0]][n.op.axis]  # type: ignore[attr-defined]
                known[n.outputs[0]] = constant(size, dtype="int64")
        simple = rebuild_graph(simple, known)
        leaves = [v for v in graph_inputs(simple, node.inputs) if not isinstance(v, Constant)]
        if any(v not in self.values for v in leaves) or any(v in simple for v in node.outputs):
            raise NotImplementedError("a size depends on values")
        numbers = iter(interpret(simple, {v: self.values[v] for v in leaves}))
        return [tuple(int(next(numbers)) for _ in shape) for shape in made]

    def _constant(self, x: Any) -> Variable:
        """A variable whose value is known as a constant of it, so that sizes are numbers."""
        small = x in self.values and np.size(self.values[x]) <= 64
        return x.type.constant(self.values[x]) if small else x

    def _compute(self, node: Apply) -> None:
        if getattr(node.op, "kind", "") == "Size":
            axis = node.op.axis  # type: ignore[attr-defined]
            self.values[node.outputs[0]] = np.asarray(self.shapes[node.inputs[0]][axis])
        elif all(x in self.values for x in node.inputs):
            cells: list[list[Any]] = [[None] for _ in node.outputs]
            node.op.perform(node, [self.values[x] for x in node.inputs], cells)
            for out, cell in zip(node.outputs, cells, strict=True):
                self.values[out] = cell[0]

    # -- dependence, by kind ---------------------------------------------------------------

    def _dependence(self, node: Apply, o: int, row: list[bool]) -> Any:
        op: Any = node.op
        chosen = [x for x, moves in zip(node.inputs, row, strict=True) if not moves]
        with on_behalf_of(node.where):
            if isinstance(op, Elementwise):
                return self._elementwise(node, row)
            if isinstance(op, Block):
                return self._block(node, o, row)
            if isinstance(op, Scan) and self._can_follow(node):
                return self._over_steps(node)[o]
            if isinstance(op, (View, Scatter)) and all(self._fixed(x) for x in chosen):
                return self._scatter(node) if isinstance(op, Scatter) else self._view(node, row)
            if isinstance(op, Reduction) and op.better is None:
                return self._reduction(node, row)
            return self._all(node, o, row)

    def _fixed(self, x: Any) -> bool:
        """Whether an index does not change with floating inputs; other arrays do not matter."""
        return x in self.values or not moves_in_steps(x)

    def _rows(self, x: Variable, ids: np.ndarray) -> Any:
        return self.found[x][ids.reshape(-1)]

    def _ids(self, x: Variable, start: int = 0) -> np.ndarray:
        return np.arange(start, start + self.length(x)).reshape(self.shapes[x])

    def _elementwise(self, node: Apply, row: list[bool]) -> Any:
        total, shape = None, self.shapes[node.outputs[0]]
        for x, moves in zip(node.inputs, row, strict=True):
            if not moves:
                continue
            made = self._rows(x, np.broadcast_to(self._ids(x), shape))
            for other in node.inputs if isinstance(node.op, Mul) else ():
                if isinstance(other, Constant) and (other.data == 0).any():
                    kept = np.broadcast_to(other.data != 0, shape).reshape(-1)
                    made = sparse.diags_array(kept, dtype=bool, format="csr") @ made
            total = made if total is None else total + made
        return total

    def _numbered(self, inputs: Sequence[Variable]) -> tuple[list[np.ndarray], Any]:
        """A number for each element of the inputs, and the dependence of all in that order."""
        ids, blocks, start = [], [], 0
        for x in inputs:
            ids.append(self._ids(x, start))
            empty = sparse.csr_array((self.length(x), self.length(self.x)), dtype=bool)
            blocks.append(self.found.get(x, empty))
            start += self.length(x)
        return ids, sparse.vstack(blocks, format="csr")

    def _view(self, node: Apply, row: list[bool]) -> Any:
        """Each element is one of the inputs': the reference is applied to their numbers."""
        op: Any = node.op
        connected = [c[0] for c in pattern_of(node)]
        data = [x for x, c in zip(node.inputs, connected, strict=True) if c]
        ids, stacked = self._numbered(data)
        numbers = iter(ids)
        arrays = [
            next(numbers) if c else self.values[x]
            for x, c in zip(node.inputs, connected, strict=True)
        ]
        made = np.asarray(type(op).reference(*arrays, *op.parameters()))
        return stacked[made.reshape(-1)]

    def _scatter(self, node: Apply) -> Any:
        op: Any = node.op
        (base, value), stacked = self._numbered(node.inputs[:2])
        others = [self.values[x] for x in node.inputs[2:]]
        if not op.accumulates:
            made = np.asarray(type(op).reference(base, value, *others, *op.parameters()))
            return stacked[made.reshape(-1)]
        shapes = [self.shapes[x] for x in node.inputs]
        region = op.region(shapes, *[self._constant(x) for x in node.inputs])
        index = np.indices([_number(s) for s in region])
        read = _Read([base, value, *others])
        place = op.target(tuple(index), read, lambda k: shapes[k])
        if base.size == 0:
            return stacked[base.reshape(-1)]
        flat = np.ravel_multi_index(np.broadcast_arrays(*place), base.shape) if place else 0
        to = np.broadcast_to(flat, index.shape[1:]).reshape(-1)
        come = np.broadcast_to(value, index.shape[1:]).reshape(-1)
        rows = np.concatenate([np.arange(base.size), to])
        columns = np.concatenate([base.reshape(-1), come])
        return _matrix(rows, columns, (base.size, stacked.shape[0])) @ stacked

    def _reduction(self, node: Apply, row: list[bool]) -> Any:
        """Every element of the space that goes into a result brings what it depends on."""
        op: Any = node.op
        shapes = [self.shapes[x] for x in node.inputs]
        space = tuple(_number(s) for s in op.space(shapes, *node.inputs))
        index = tuple(np.indices(space))
        there = [
            (x.data != 0).astype(float) if isinstance(x, Constant) else np.ones(self.shapes[x])
            for x in node.inputs
        ]
        read = _Read(there)
        element = np.broadcast_to(op.element(index, read, lambda k: shapes[k]), space)
        linear = type(op).pushforward in (LINEAR, BILINEAR)
        kept = (element != 0).reshape(-1) if linear else np.ones(element.size, bool)
        out = self._ids(node.outputs[0])
        left = tuple(i for k, i in enumerate(index) if k not in op.axes)
        rows = np.broadcast_to(out[left] if left else out, space).reshape(-1)[kept]
        total = None
        for k, place in read.seen:
            if row[k]:
                ids = np.broadcast_to(self._ids(node.inputs[k])[place], space).reshape(-1)[kept]
                made = _matrix(rows, ids, (out.size, self.length(node.inputs[k])))
                made = made @ self.found[node.inputs[k]]
                total = made if total is None else total + made
        return total

    def _block(self, node: Apply, o: int, row: list[bool]) -> Any:
        """Within one member everything depends on everything; products only row by column."""
        op: Any = node.op
        ins, outs = op.core()
        batch, out = op.batch_ndim(*node.inputs), node.outputs[o]
        names = [*range(batch), *outs[o]]
        total = None
        for k, (x, core) in enumerate(zip(node.inputs, ins, strict=True)):
            if not row[k]:
                continue
            own = [*range(batch), *core]
            rowwise = type(op).pushforward is BILINEAR
            shared = [n for n in own if n in names and (rowwise or isinstance(n, int))]
            sizes = [self.shapes[x][own.index(n)] for n in shared]
            to = self._groups(x, [own.index(n) for n in shared], sizes)
            come = self._groups(out, [names.index(n) for n in shared], sizes)
            count = int(np.prod(sizes, dtype=np.int64))
            gathered = _matrix(to, np.arange(to.size), (count, to.size)) @ self.found[x]
            made = gathered[come]
            total = made if total is None else total + made
        return total

    def _groups(self, v: Variable, axes: list[int], sizes: list[int]) -> np.ndarray:
        """The number of the group of each element: its index along ``axes``."""
        shape = self.shapes[v]
        group = np.zeros(shape, np.int64)
        for axis, size in zip(axes, sizes, strict=True):
            lifted = [-1 if k == axis else 1 for k in range(len(shape))]
            group = group * size + np.arange(shape[axis]).reshape(lifted)
        return group.reshape(-1)

    def _can_follow(self, node: Apply) -> bool:
        """Whether the steps of a loop are few enough to be followed one by one."""
        op: Any = node.op
        steps = self.values.get(node.inputs[0])
        return steps is not None and int(steps) * (1 + len(op.body.nodes)) <= FOLLOWED

    def _over_steps(self, node: Apply) -> list[Any]:
        """What the outputs of a loop depend on, step by step."""
        if node not in self.loops:
            self.loops[node] = self._followed(node)
        return self.loops[node]

    def _followed(self, node: Apply) -> list[Any]:
        op: Any = node.op
        n = op.n_states
        states = list(node.inputs[op.outer.states])
        last = [self._found_or_none(x) for x in states]
        values = [self.values.get(x) for x in states]
        traces: list[list[Any]] = [[] for _ in range(op.n_traced)]
        for t in range(int(self.values[node.inputs[0]])):
            walk = self._at_step(node, t, last, values)
            ends = [walk._found_or_none(v) for v in op.body.outputs[: n + op.n_traced]]
            # A loop that may end at any step has the state after any of them.
            last = [a + b if op.until and t else b for a, b in zip(last, ends, strict=False)]
            values = [walk.values.get(v) for v in op.next_states]
            for trace, made in zip(traces, ends[n:], strict=True):
                trace.append(made)
        empty = sparse.csr_array((0, self.length(self.x)), dtype=bool)
        return [*last, *(sparse.vstack([empty, *t], format="csr") for t in traces)]

    def _at_step(self, node: Apply, t: int, found: list[Any], values: list[Any]) -> _Walk:
        """A walk over the body of a loop, at step ``t``."""
        op: Any = node.op
        walk = _Walk(self.x, {})
        walk.shapes[self.x] = self.shapes[self.x]
        states = iter(zip(found, values, strict=True))
        for i, (x, v) in enumerate(zip(node.inputs[1:], op.body.inputs, strict=True)):
            shape, value, depends = self.shapes[x], self.values.get(x), self.found.get(x)
            if i < op.n_sequences:
                size = int(np.prod(shape[1:], dtype=np.int64))
                shape, value = shape[1:], None if value is None else np.asarray(value[t])
                depends = None if depends is None else depends[t * size : (t + 1) * size]
            elif i < op.inner.others.start:
                depends, value = next(states)
            walk.shapes[v] = shape
            if value is not None:
                walk.values[v] = value
            elif depends is not None and not moves_in_steps(v):
                walk.found[v] = depends
        for inner in op.body.nodes:
            for v in inner.inputs:
                if isinstance(v, Constant):
                    walk.leaf(v)
            walk.visit(inner)
        return walk

    def _found_or_none(self, v: Variable) -> Any:
        """What a variable depends on, also if that is nothing."""
        empty = sparse.csr_array((self.length(v), self.length(self.x)), dtype=bool)
        return self.found.get(v, empty)

    def _all(self, node: Apply, o: int, row: list[bool]) -> Any:
        total: Any = None
        for x, moves in zip(node.inputs, row, strict=True):
            if moves:
                every = np.zeros(self.length(x), np.int64)
                made = _matrix(every, np.arange(every.size), (1, every.size)) @ self.found[x]
                total = made if total is None else total + made
        _refuse_many(node, total.nnz * self.length(node.outputs[o]))
        return total[np.zeros(self.length(node.outputs[o]), np.int64)]


def _refuse_many(node: Apply, entries: int) -> None:
    if entries > MANY:
        raise ValueError(
            f"Too many elements depend on too many others (at {made_at(node)}) for sparsity to "
            "save anything: leave it out"
        )


def _number(size: Any) -> int:
    if isinstance(size, Constant):
        size = size.data
    if isinstance(size, Variable):
        raise TypeError(f"{size!r} is no number")
    return int(size)


def _matrix(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> Any:
    ones = np.ones(rows.size, bool)
    return sparse.csr_array(sparse.coo_array((ones, (rows, columns)), shape=shape))


# -- colours ---------------------------------------------------------------------------------


def colour_columns(given: Any) -> np.ndarray:
    """A colour for each column, so that columns of one colour share no row.

    One sweep with the sum of all columns of a colour then shows each of them. Greedy, in order,
    which is optimal for bands (Curtis, Powell, Reid, On the estimation of sparse Jacobian
    matrices, 1974).

    >>> colour_columns(sparse.csr_array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]])).tolist()
    [0, 1, 0, 1]
    """
    matrix = sparse.csc_array(given)
    if np.diff(sparse.csr_array(given).indptr).max(initial=0) == matrix.shape[1]:
        return np.arange(matrix.shape[1])
    used: list[set[int]] = [set() for _ in range(matrix.shape[0])]
    colours = np.zeros(matrix.shape[1], np.int64)
    starts, rows = matrix.indptr.tolist(), matrix.indices.tolist()
    for column in range(len(colours)):
        mine = rows[starts[column] : starts[column + 1]]
        taken = set().union(*(used[r] for r in mine))
        colour = _least(taken)
        colours[column] = colour
        for r in mine:
            used[r].add(colour)
    return colours


def _least(taken: set[int]) -> int:
    colour = 0
    while colour in taken:
        colour += 1
    return colour


def colour_symmetric(given: Any) -> np.ndarray:
    """A colour for each column of a symmetric pattern: each entry is seen in it or its mirror.

    A star colouring (Gebremedhin, Manne, Pothen, What color is your Jacobian?, 2005, section 4):
    neighbours differ, and every path over four variables has three colours. In order or by falling
    degree, whichever needs fewer colours.

    >>> arrow = np.eye(5, dtype=bool)
    >>> arrow[0] = arrow[:, 0] = True
    >>> colour_symmetric(sparse.csr_array(arrow)).tolist()
    [0, 1, 1, 1, 1]
    """
    matrix = sparse.csr_array(given)
    starts, columns = matrix.indptr.tolist(), matrix.indices.tolist()
    near = [
        [j for j in columns[starts[i] : starts[i + 1]] if j != i] for i in range(len(starts) - 1)
    ]
    degree = np.array([len(n) for n in near])
    orders = [list(range(len(near))), np.argsort(-degree, kind="stable").tolist()]
    found = [_star(near, order) for order in orders[: 1 if len(set(degree)) < 2 else 2]]
    return min(found, key=lambda c: int(c.max(initial=-1)))


class _Stars:
    """What a star colouring has to remember.

    Attributes
    ----------
    count : list of dict
        For each variable how many of its neighbours have each colour.
    barred : list of set
        For each coloured variable w the colours of neighbours x of w that have another neighbour
        of the colour of w: a neighbour of w with such a colour would close a path of two colours.
    """

    def __init__(self, near: list[list[int]]):
        self.near = near
        self.colour = [-1] * len(near)
        self.count: list[dict[int, int]] = [{} for _ in near]
        self.barred: list[set[int]] = [set() for _ in near]

    def forbidden(self, v: int) -> set[int]:
        """The colours that ``v`` can not have."""
        taken: set[int] = set()
        for w in self.near[v]:
            if self.colour[w] < 0:
                taken.update(self.count[w])
            else:
                taken.add(self.colour[w])
                taken |= self.barred[w]
        return taken

    def put(self, v: int, colour: int) -> None:
        """Colour ``v``."""
        self.colour[v] = colour
        for y in self.near[v]:
            if self.colour[y] >= 0 and self.count[v].get(self.colour[y], 0) > 1:
                self.barred[y].add(colour)
        for x in self.near[v]:
            number = self.count[x].get(colour, 0) + 1
            self.count[x][colour] = number
            if self.colour[x] < 0 or number < 2:
                continue
            if number > 2:
                self.barred[v].add(self.colour[x])
                continue
            for y in self.near[x]:
                if self.colour[y] == colour:
                    self.barred[y].add(self.colour[x])


def _star(near: list[list[int]], order: Sequence[int]) -> np.ndarray:
    stars = _Stars(near)
    for v in order:
        stars.put(v, _least(stars.forbidden(v)))
    return np.array(stars.colour, np.int64)


def from_colours(
    given: Any, colours: np.ndarray, symmetric: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Where each entry of a pattern, row by row, is found among the columns put together.

    Returns
    -------
    colour, row : ndarray of int
        Entry ``k`` is element ``row[k]`` of the sum of all columns of colour ``colour[k]``.

    Raises
    ------
    ShapeError
        If the colours do not tell the entries apart.
    """
    matrix = sparse.coo_array(sparse.csr_array(given))
    rows, columns = (c.astype(np.int64) for c in matrix.coords)
    number = int(colours.max(initial=0)) + 1
    key = rows * number + colours[columns]
    unique, inverse, counts = np.unique(key, return_inverse=True, return_counts=True)
    alone = counts[inverse] == 1
    if symmetric:
        mirror = columns * number + colours[rows]
        at = np.minimum(np.searchsorted(unique, mirror), max(unique.size - 1, 0))
        turned = ~alone & (unique[at] == mirror) & (counts[at] == 1) if unique.size else ~alone
        key = np.where(turned, mirror, key)
        alone |= turned
    if not alone.all():
        raise ShapeError("The colours do not tell all entries of the pattern apart")
    return key % number, key // number
