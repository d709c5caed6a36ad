"""A graph over a batch: the same steps for many values at once, along new dimensions in front.

One rule a kind. A variable has a batch (`Stacked`, or `Spots` where it is almost all zeros) or is
the same for all members; what depends on no batch is left as it is and computed once. An Op that
fits no rule is repeated for each member (`Repeated`).

No derivative is taken here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..graph.basic import Apply, Variable
from ..graph.frozen import FrozenGraph
from ..graph.op import Op
from ..graph.registry import OPS
from ..graph.tensor import TensorType
from ..graph.traverse import toposort
from ..graph.type import DisconnectedType, NullType, disconnected_type
from ..graph.where import on_behalf_of
from .array_draws import ArrayDraw
from .asserting import CheckAndRaise
from .branching import IfElse, select
from .diagonals import Diagonal, SetDiagonal
from .draws import Draw
from .from_graph import OpFromGraph
from .index_patterns import ARRAY, FULL, At, Part, Span, layout, resolved
from .joining import Join
from .kinds import Block, Elementwise, Reduction
from .products import Dot, DotNT, DotTN, MatVec
from .scanning import Scan, conforming
from .selection import Second
from .shape import MakeVector, Reshape, ShapeI, SpecifyShape
from .sizes import as_scalar, is_one, product, shape_tuple, size_at
from .solving import _System as System
from .spot_steps import sparse_step
from .spots import Frame, Stacked, has_batch, lifted
from .statistics import BinCount
from .stepped import AfterSteps
from .structure import BroadcastTo, DimShuffle
from .subtensor import AdvancedIncSubtensor, AdvancedSubtensor, IncSubtensor, Subtensor

__all__ = ["Repeated", "batched", "full", "plain"]


#: What stands for a variable of the old graph: a variable if it is the same for all members, a
#: `Stacked` or a `Spots`.
Standing = Any


def plain(x: Standing) -> Any:
    """The variable, with the batch's dimensions in front if it has a batch."""
    return x.whole() if has_batch(x) else x


def level(arrays: Sequence[Standing], frame: Frame, entire: bool = False) -> list[Any]:
    """All with the same dimensions in front: of size 1 where no member differs in any of them.

    With ``entire`` all have the sizes of the batch.
    """
    made = [lifted(x, frame) for x in arrays]
    lead = [
        size if entire or any(v.type.shape[k] != 1 for v in made) else 1
        for k, size in enumerate(frame.sizes)
    ]
    results = []
    for v in made:
        pairs = zip(v.type.shape, lead, strict=False)
        narrow = any(s == 1 and not is_one(size) for s, size in pairs)
        sizes = (*lead, *shape_tuple(v)[frame.ndim :])
        results.append(OPS["broadcast_to"](v, sizes) if narrow else v)
    return results


def full(x: Standing, frame: Frame) -> Any:
    """The variable with the batch's dimensions in front, repeated where it has no batch."""
    return level([x], frame, entire=True)[0]


def batched(
    outputs: Sequence[Variable], given: Mapping[Variable, Standing], frame: Frame
) -> list[Standing]:
    """``outputs`` over the batches in ``given``.

    Parameters
    ----------
    outputs : sequence of Variable
    given : mapping
        What stands for some variables, all with as many members as ``frame`` has.
    frame : Frame

    Returns
    -------
    list
        For each output what stands for it: a `Stacked`, a `Spots`, or a variable where all members
        are the same.
    """
    memo: dict[Variable, Standing] = dict(given)
    for node in toposort(outputs, memo):
        inputs = [memo.get(v, v) for v in node.inputs]
        if all(a is b for a, b in zip(inputs, node.inputs, strict=True)):
            continue
        with on_behalf_of(node.where):
            made = _step(node, inputs, frame)
        for old, new in zip(node.outputs, made, strict=True):
            memo.setdefault(old, new)
    return [memo.get(v, v) for v in outputs]


def _step(node: Apply, inputs: list[Standing], frame: Frame) -> list[Standing]:
    sparse = sparse_step(node, inputs, frame, lambda n, given: _dense(n, given, frame)[0])
    return _dense(node, inputs, frame) if sparse is None else [sparse]


def _dense(node: Apply, inputs: list[Standing], frame: Frame) -> list[Standing]:
    """A node over what stands for its inputs, where it may be anything."""
    if not any(map(has_batch, inputs)):
        return list(node.clone_with_new_inputs(inputs).outputs)
    for cls in type(node.op).__mro__:
        if cls in _RULES:
            made = _RULES[cls](node, inputs, frame)
            if made is not None:
                return made if isinstance(made, list) else [made]
            break
    return _repeated(node, inputs, frame)


# -- kinds -----------------------------------------------------------------------------------


def _elementwise(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    if isinstance(node.op, Second) and not has_batch(inputs[1]):
        # Only a shape is asked for, and that is the same for all members.
        ndim = node.outputs[0].type.ndim
        both = [inputs[0].core_shape(), shape_tuple(inputs[1])]
        sizes = OPS["broadcast_shape"](*both, arrays_are_shapes=True)
        return OPS["broadcast_to"](inputs[1], sizes) if ndim else inputs[1]
    return Stacked(node.op(*[plain(x) for x in inputs]), frame)


def _reduction(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    op: Any = node.op
    params = dict(zip(op.__props__, op.parameters(), strict=True))
    if "batch" in params:
        return Stacked(_contraction(node, inputs, params, frame), frame)
    if "axes" not in params or len(inputs) != 1:
        return None
    params["axes"] = tuple(a + frame.ndim for a in op.axes)
    return Stacked(type(op)(**params)(plain(inputs[0])), frame)


def _contraction(node: Apply, inputs: list[Standing], params: dict[str, Any], frame: Frame) -> Any:
    op: Any = node.op
    if not op.batch and sum(map(has_batch, inputs)) == 1:
        vector = next((k for k, n in enumerate(op.core) if n == 1 and has_batch(inputs[k])), None)
        if max(op.core) == 2 and vector is not None:
            # One matrix for all vectors: a product of matrices.
            rows, lead = _rows(plain(inputs[vector]), frame)
            matrix = inputs[1 - vector]
            return _unrows((DotNT() if isinstance(op, MatVec) else Dot())(rows, matrix), lead)
    params["batch"] = op.batch + frame.ndim
    return type(op)(**params)(*[plain(x) for x in inputs])


def _rows(x: Any, frame: Frame) -> tuple[Any, list[Any]]:
    """All vectors along the last dimension as rows of one matrix, and the sizes they came in."""
    *lead, length = shape_tuple(x)
    return (x if len(lead) == 1 else OPS["reshape"](x, (product(lead), length))), lead


def _unrows(x: Any, lead: list[Any]) -> Any:
    return x if len(lead) == 1 else OPS["reshape"](x, (*lead, size_at(x, 1)))


def _block(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    op: Any = node.op
    if not _keeps_sizes(op):
        return None
    lone = [k for k, x in enumerate(inputs) if has_batch(x)]
    if len(lone) == 1 and len(inputs) == 2 and op.batch_ndim(*node.inputs) == 0:
        if isinstance(op, (Dot, DotTN, DotNT)):
            return Stacked(_wide_dot(op, inputs, lone[0], frame), frame)
        if isinstance(op, System) and lone == [1]:
            return Stacked(_many_sides(op, inputs, frame), frame)
    made = op(*[plain(x) for x in inputs], return_list=True)
    return [Stacked(v, frame) for v in made]


def _keeps_sizes(op: Any) -> bool:
    """Whether the sizes of the results follow from those of the arguments."""
    ins, outs = op.core()
    return {n for core in outs for n in core} <= {n for core in ins for n in core}


def _turned(x: Any) -> Any:
    return OPS["dimshuffle"](x, [*range(x.ndim - 2), x.ndim - 1, x.ndim - 2])


def _wide_dot(op: Any, inputs: list[Standing], at: int, frame: Frame) -> Any:
    """A product with one matrix for all members: the members' rows in one tall matrix."""
    summed = [core.index("k") for core in op.core()[0]]
    x, other = plain(inputs[at]), inputs[1 - at]
    rows, lead = _rows(_turned(x) if summed[at] == 0 else x, frame)
    made = _unrows((DotNT() if summed[1 - at] == 1 else Dot())(rows, other), lead)
    return _turned(made) if at else made


def _many_sides(op: Any, inputs: list[Standing], frame: Frame) -> Any:
    """A system with the right sides of all members, factorised once."""
    x, r = plain(inputs[1]), frame.ndim
    sides = OPS["dimshuffle"](x, [r, r + 1, *range(r)])
    length, *others = shape_tuple(sides)
    flat = op(inputs[0], OPS["reshape"](sides, (length, product(others))))
    made = OPS["reshape"](flat, (length, *others))
    return OPS["dimshuffle"](made, [*range(2, r + 2), 0, 1])


# -- views -----------------------------------------------------------------------------------


def _size(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    return as_scalar(inputs[0].core_shape()[node.op.axis])  # type: ignore[attr-defined]


def _dimshuffle(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    order = node.op.new_order  # type: ignore[attr-defined]
    moved = tuple(k if k == "x" else k + frame.ndim for k in order)
    op = DimShuffle(new_order=(*range(frame.ndim), *moved))
    return Stacked(op(plain(inputs[0])), frame)


def _members(x: Any, frame: Frame) -> list[Any]:
    """The sizes of the batch's dimensions of an array, as scalars."""
    return [as_scalar(s) for s in shape_tuple(x)[: frame.ndim]]


def _broadcast_to(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    x, *sizes = inputs
    if any(map(has_batch, sizes)):
        return None
    x, r = plain(x), frame.ndim
    new = len(sizes) - (x.ndim - r)
    spread = OPS["dimshuffle"](x, [*range(r), *"x" * new, *range(r, x.ndim)])
    return Stacked(BroadcastTo()(spread, *_members(x, frame), *sizes), frame)


def _reshape(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    x, *sizes = inputs
    if any(map(has_batch, sizes)):
        return None
    x = plain(x)
    return Stacked(Reshape()(x, *_members(x, frame), *sizes), frame)


def _specify_shape(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    x, *sizes = inputs
    if any(map(has_batch, sizes)):
        return None
    dims = tuple(d + frame.ndim for d in node.op.dims)  # type: ignore[attr-defined]
    return Stacked(SpecifyShape(dims=dims)(plain(x), *sizes), frame)


def _checked(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    """The value of all members, if the conditions of all hold."""
    made = node.op(*map(plain, inputs))
    return [Stacked(made, frame) if has_batch(inputs[0]) else made]


def _after_steps(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    x, n = inputs
    if has_batch(n):
        return None
    return Stacked(node.op(plain(x), n), frame)


def _make_vector(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    r = frame.ndim
    columns = [OPS["dimshuffle"](x, [*range(r), "x"]) for x in level(inputs, frame)]
    return Stacked(Join(axis=r, count=len(columns))(*columns), frame)


def _join(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    op: Any = node.op
    joined = Join(axis=op.axis + frame.ndim, count=op.count)(*level(inputs, frame))
    return Stacked(joined, frame)


def _diagonal(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    return Stacked(node.op(plain(inputs[0])), frame)


# -- indexing --------------------------------------------------------------------------------


class _Index:
    """An index over a batch: its pattern, its inputs, and where the members are in the result.

    A batch of indices becomes index arrays, next to those that number the members.

    Attributes
    ----------
    ok : bool
        Whether there is such an index; parts of different sizes have none.
    many : bool
        Whether the index itself has a batch.
    moved : list of int
        For each dimension of the result with the members in front, which one it is.
    """

    def __init__(self, op: Any, rest: Sequence[Standing], old: Sequence[Variable], frame: Frame):
        self.ok = True
        entries = list(resolved(op.pattern, 0, lambda k: ("input", k)))
        ndims = [old[e.position].type.ndim for e in entries if isinstance(e, At)]
        rank, self.lead = max(ndims, default=0), frame.ndim
        self.many = any(map(has_batch, rest))
        self.pattern: list[Any] = [FULL] * self.lead
        self.inputs: list[Any] = []
        if self.many:
            self.pattern = [ARRAY] * self.lead
            for k, size in enumerate(frame.sizes):
                order: list[Any] = ["x"] * (self.lead + rank)
                order[k] = 0
                self.inputs.append(OPS["dimshuffle"](OPS["arange"](size), order))
        for entry, given in zip(entries, op.pattern, strict=True):
            self._entry(entry, given, rest, rank)
        self._order(op, ndims, rank)

    def _entry(self, entry: Any, given: Any, rest: Sequence[Standing], rank: int) -> None:
        used = entry if isinstance(entry, (Span, Part)) else (entry,)
        numbers = [
            e.position if isinstance(e, At) else e[1]
            for e in used
            if isinstance(e, At) or (isinstance(e, tuple) and e and e[0] == "input")
        ]
        if not any(has_batch(rest[k]) for k in numbers):
            self.pattern.append(given)
            self.inputs += [rest[k] for k in numbers]
            return
        if isinstance(entry, (Span, Part)):
            self.ok = False  # members of different sizes, or parts that start at different places
            return
        index, r = plain(rest[numbers[0]]), self.lead
        new = ["x"] * (rank - (index.ndim - r))
        self.pattern.append(ARRAY)
        self.inputs.append(OPS["dimshuffle"](index, [*range(r), *new, *range(r, index.ndim)]))

    def _order(self, op: Any, ndims: list[int], rank: int) -> None:
        old, _ = layout(op.pattern, ndims)
        count = sum(isinstance(e, str) and e == ARRAY for e in self.pattern)
        shift = self.lead if self.many else 0
        new, _ = layout(self.pattern, [rank + shift] * count)
        members = [-1 - k if self.many else k for k in range(self.lead)]
        wanted = members + [k + self.lead if k >= 0 else k - shift for k in old]
        self.moved = [new.index(w) for w in wanted]

    @property
    def straight(self) -> bool:
        """Whether the members come first without further ado."""
        return self.moved == list(range(len(self.moved)))

    def op_class(self, plain_class: Any, advanced: Any) -> Any:
        """Which of the two Ops takes the pattern."""
        return advanced if ARRAY in self.pattern else plain_class


def _read(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    x, *rest = inputs
    index = _Index(node.op, rest, node.inputs[1:], frame)
    if not index.ok:
        return None
    op = index.op_class(Subtensor, AdvancedSubtensor)(pattern=tuple(index.pattern))
    made = op(full(x, frame) if index.many else lifted(x, frame), *index.inputs)
    return Stacked(made if index.straight else OPS["dimshuffle"](made, index.moved), frame)


def _write(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    x, y, *rest = inputs
    index = _Index(node.op, rest, node.inputs[2:], frame)
    if not index.ok:
        return None
    replace = node.op.set  # type: ignore[attr-defined]
    make = index.op_class(IncSubtensor, AdvancedIncSubtensor)
    x, y = level([x, y], frame, entire=index.many)
    if not index.straight:
        y = OPS["dimshuffle"](y, [int(k) for k in np.argsort(index.moved)])
    op = make(pattern=tuple(index.pattern), set=replace)
    return Stacked(op(x, y, *index.inputs), frame)


def _set_diagonal(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    return Stacked(node.op(*level(inputs, frame)), frame)


def _bincount(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    base, weights, places = inputs
    if has_batch(places):
        return None
    base, weights = level([base, weights], frame)
    # What is negative must stay an error and not count from the end.
    there = OPS["switch"](OPS["lt"](places, 0), size_at(base, frame.ndim), places)
    op = AdvancedIncSubtensor(pattern=(*[FULL] * frame.ndim, ARRAY), set=False)
    return Stacked(op(base, weights, there), frame)


# -- draws -----------------------------------------------------------------------------------


def _draw(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    """Each member has draws of its own, one member after the other."""
    op: Any = node.op
    first = 1 + max(op.sized, 0)
    if any(map(has_batch, inputs[:first])):
        return None
    rng, *sizes = inputs[:first]
    if op.sized >= 0:
        sizes = [*map(as_scalar, frame.sizes), *sizes]
        op = type(op)(result=op.result, sized=len(sizes))
    params = level(inputs[first:], frame, entire=True)
    next_rng, draws = op(rng, *sizes, *params, return_list=True)
    return [next_rng, Stacked(draws, frame)]


def _array_draw(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    rng, count, *params = inputs
    if has_batch(rng) or has_batch(count):
        return None
    params = level(params, frame, entire=True)
    next_rng, draws = node.op(rng, count, *params, return_list=True)
    return [next_rng, Stacked(draws, frame)]


# -- loops -----------------------------------------------------------------------------------


def _scan(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    """One loop for all members, in which each state is a batch that needs to be one.

    Time stays the first dimension of sequences and traces, the members are behind it.
    """
    op: Any = node.op
    steps, given = inputs[0], inputs[1:]
    sizes = {s: s.type.make_variable() for s in frame.sizes if isinstance(s, Variable)}
    inner = Frame([sizes.get(s, s) for s in frame.sizes])
    lead = tuple(s if isinstance(s, int) else None for s in frame.sizes)
    many = {k for k, x in enumerate(given) if has_batch(x)}
    inside: list[Any] = list(op.body.inputs)
    while True:
        for k in many:
            x: Any = op.body.inputs[k]
            if inside[k] is x:
                inside[k] = TensorType(x.type.dtype, (*lead, *x.type.shape)).make_variable(x.name)
        stands = {op.body.inputs[k]: Stacked(inside[k], inner) for k in many}
        made = batched(op.body.outputs, stands, inner)
        more = {op.n_sequences + k for k in range(op.n_states) if has_batch(made[k])} - many
        if not more:
            break
        many |= more
    if has_batch(steps) or (op.until and has_batch(made[-1])):
        return None  # each member makes its own number of steps
    for k in range(op.n_states):
        if op.n_sequences + k in many:
            made[k] = conforming(full(made[k], inner), inside[op.n_sequences + k])
    body = FrozenGraph([*inside, *sizes.values()], [plain(v) for v in made])
    outside = [
        _time_first(full(x, frame), frame.ndim, k < op.n_sequences) if k in many else x
        for k, x in enumerate(given)
    ]
    results = op.changed(body=body)(steps, *outside, *sizes, return_list=True)
    for k, v in enumerate(made):
        if op.n_states <= k < op.n_states + op.n_traced and has_batch(v):
            axes = range(1, results[k].type.ndim)
            order = [*axes[: frame.ndim], 0, *axes[frame.ndim :]]
            results[k] = Stacked(OPS["dimshuffle"](results[k], order), frame)
        elif op.n_sequences + k in many and k < op.n_states:
            results[k] = Stacked(results[k], frame)
    return results


def _time_first(x: Any, lead: int, sequence: bool) -> Any:
    """A batch of sequences with time in front of the members; anything else as it is."""
    if not sequence:
        return x
    return OPS["dimshuffle"](x, [lead, *range(lead), *range(lead + 1, x.type.ndim)])


# -- branches and users' graphs --------------------------------------------------------------


def _from_graph(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    """The graph itself."""
    graph = node.op.graph  # type: ignore[attr-defined]
    return batched(graph.outputs, dict(zip(graph.inputs, inputs, strict=True)), frame)


def _branch(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    """One condition for all chooses between batches; a batch of them, member by member."""
    condition, *given = inputs
    op: Any = node.op
    sides = [batched(g.outputs, dict(zip(g.inputs, given, strict=True)), frame) for g in op.graphs]
    pairs = [level([a, b], frame) for a, b in zip(*sides, strict=True)]
    if not has_batch(condition):
        made = select(condition, [a for a, _ in pairs], [b for _, b in pairs])
        return [Stacked(v, frame) for v in made]
    made = []
    for a, b in pairs:
        new = ["x"] * (a.ndim - frame.ndim)
        choice = OPS["dimshuffle"](plain(condition), [*range(frame.ndim), *new])
        made.append(OPS["switch"](choice, a, b))
    return [Stacked(v, frame) for v in made]


# -- an Op without a rule --------------------------------------------------------------------


class Repeated(Op):
    """Another Op, applied to each member of a batch in turn.

    ``many`` says which inputs have the members along their first ``lead`` dimensions.
    """

    __props__ = ("op", "many", "lead")

    def __init__(self, op: Op, many: tuple[bool, ...], lead: int):
        self.op = op
        self.many = many
        self.lead = lead

    def __repr__(self) -> str:
        return f"Repeated{{{self.op!r}}}"

    def member(self, inputs: Sequence[Any]) -> Apply:
        """A node of the Op itself for one member."""
        return self.op.make_node(
            *[
                TensorType(x.type.dtype, x.type.shape[self.lead :]).make_variable() if m else x
                for x, m in zip(inputs, self.many, strict=True)
            ]
        )

    def make_node(self, *inputs: Any) -> Apply:
        node = self.member(inputs)
        lead = next(x.type.shape for x, m in zip(inputs, self.many, strict=True) if m)
        lead = lead[: self.lead]
        types: list[Any] = [v.type for v in node.outputs]
        outputs = [TensorType(t.dtype, (*lead, *t.shape)).make_variable() for t in types]
        return Apply(self, list(inputs), outputs)

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[Any]) -> None:
        one = self.member(node.inputs)
        lead = next(x.shape for x, m in zip(inputs, self.many, strict=True) if m)[: self.lead]
        results: list[list[Any]] = [[] for _ in node.outputs]
        for b in np.ndindex(*lead):
            cells: list[list[Any]] = [[None] for _ in node.outputs]
            given = [np.asarray(x[b]) if m else x for x, m in zip(inputs, self.many, strict=True)]
            self.op.perform(one, given, cells)
            for made, cell in zip(results, cells, strict=True):
                made.append(np.array(cell[0]))
        for storage, made, out in zip(output_storage, results, one.outputs, strict=True):
            shapes = {v.shape for v in made}
            if len(shapes) > 1:
                raise ShapeError(
                    f"{self.op} gives members of a batch different shapes: {sorted(shapes)}"
                )
            kind: Any = out.type
            shape = shapes.pop() if shapes else tuple(s or 0 for s in kind.shape)
            storage[0] = np.array(made, kind.dtype).reshape(*lead, *shape)

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return self.op.connection_pattern(self.member(node.inputs))

    def L_op(self, inputs: Any, outputs: Any, output_grads: Any) -> Any:
        """The reverse rule of one member over the batch, summed where an input serves all."""
        one = self.member(inputs)
        source = next(x for x, m in zip(inputs, self.many, strict=True) if m)
        frame = Frame(shape_tuple(source)[: self.lead])
        given: dict[Variable, Standing] = {}
        for core, x, m in zip(one.inputs, inputs, self.many, strict=True):
            given[core] = Stacked(x, frame) if m else x
        for core, y in zip(one.outputs, outputs, strict=True):
            given[core] = Stacked(y, frame)
        seeds: list[Any] = []
        for core, g in zip(one.outputs, output_grads, strict=True):
            if isinstance(g.type, (DisconnectedType, NullType)):
                seeds.append(g)
            else:
                seeds.append(core.type.make_variable())
                given[seeds[-1]] = Stacked(g, frame)
        answers = self.op.L_op(list(one.inputs), list(one.outputs), seeds)
        results = []
        for g, m in zip(answers, self.many, strict=True):
            if g is None or isinstance(g.type, (DisconnectedType, NullType)):
                results.append(disconnected_type() if g is None else g)
                continue
            whole = full(batched([g], given, frame)[0], frame)
            results.append(whole if m else OPS["sum"](whole, axis=tuple(range(self.lead))))
        return results


def _repeated(node: Apply, inputs: list[Standing], frame: Frame) -> list[Standing]:
    for v in (*node.inputs, *node.outputs):
        if not isinstance(v.type, TensorType):
            raise NotImplementedError(
                f"{node.op} (made at {node.where}) can not be repeated over a batch: its "
                f"{v!r} is of type {v.type}, which is no tensor"
            )
    many = tuple(map(has_batch, inputs))
    op = Repeated(node.op, many, frame.ndim)
    made = op(*[full(x, frame) if m else x for x, m in zip(inputs, many)], return_list=True)
    return [Stacked(v, frame) for v in made]


_RULES: dict[type, Any] = {
    Elementwise: _elementwise,
    Reduction: _reduction,
    Block: _block,
    ShapeI: _size,
    DimShuffle: _dimshuffle,
    BroadcastTo: _broadcast_to,
    Reshape: _reshape,
    SpecifyShape: _specify_shape,
    MakeVector: _make_vector,
    Join: _join,
    Diagonal: _diagonal,
    SetDiagonal: _set_diagonal,
    Subtensor: _read,
    AdvancedSubtensor: _read,
    IncSubtensor: _write,
    AdvancedIncSubtensor: _write,
    BinCount: _bincount,
    Draw: _draw,
    ArrayDraw: _array_draw,
    Scan: _scan,
    AfterSteps: _after_steps,
    CheckAndRaise: _checked,
    IfElse: _branch,
    OpFromGraph: _from_graph,
}
