"""A graph over a batch: the same steps for many values at once, along a new first dimension.

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
from ..graph.op import Op
from ..graph.registry import OPS
from ..graph.tensor import TensorType
from ..graph.traverse import toposort
from ..graph.type import DisconnectedType, NullType, disconnected_type
from ..graph.where import on_behalf_of
from .diagonals import Diagonal, SetDiagonal
from .index_patterns import ARRAY, FULL, At, Part, Span, layout, resolved
from .joining import Join
from .kinds import Block, Elementwise, Reduction
from .products import Dot, DotNT, DotTN, MatVec
from .selection import Second
from .shape import MakeVector, Reshape, ShapeI, SpecifyShape
from .sizes import as_scalar, is_one, product, shape_tuple, size_at
from .solving import _System
from .spots import Frame, Spots, sparse_step
from .statistics import BinCount
from .structure import BroadcastTo, DimShuffle
from .subtensor import AdvancedIncSubtensor, AdvancedSubtensor, IncSubtensor, Subtensor

__all__ = ["Repeated", "Stacked", "batched", "full"]


class Stacked:
    """A batch as an array whose first dimension counts the members."""

    def __init__(self, variable: Any):
        self.variable = variable

    def whole(self) -> Any:
        """The array."""
        return self.variable

    def core_shape(self) -> tuple[Any, ...]:
        """The shape of a member."""
        return shape_tuple(self.variable)[1:]


#: What stands for a variable of the old graph: a variable if it is the same for all members.
Standing = Any


def has_batch(x: Standing) -> bool:
    """Whether there is a value for each member."""
    return isinstance(x, (Stacked, Spots))


def plain(x: Standing) -> Any:
    """The variable, with the members along its first dimension if it has a batch."""
    return x.whole() if has_batch(x) else x


def full(x: Standing, frame: Frame) -> Any:
    """The variable with the members along its first dimension, repeated where it has no batch."""
    made = plain(x) if has_batch(x) else OPS["dimshuffle"](x, ["x", *range(x.type.ndim)])
    if made.type.shape[0] != 1 or is_one(frame.size):
        return made
    return OPS["broadcast_to"](made, (frame.size, *shape_tuple(made)[1:]))


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
            if any(has_batch(x) for x in inputs):
                made = _step(node, inputs, frame)
            else:
                made = node.clone_with_new_inputs(inputs).outputs
        for old, new in zip(node.outputs, made, strict=True):
            memo.setdefault(old, new)
    return [memo.get(v, v) for v in outputs]


def _step(node: Apply, inputs: list[Standing], frame: Frame) -> list[Standing]:
    op = node.op
    sparse = sparse_step(node, inputs, frame)
    if sparse is not None:
        return [sparse if isinstance(sparse, Spots) else Stacked(sparse)]
    for cls in type(op).__mro__:
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
    return Stacked(node.op(*[plain(x) for x in inputs]))


def _reduction(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    op: Any = node.op
    params = dict(zip(op.__props__, op.parameters(), strict=True))
    if "batch" in params:
        return _contraction(node, inputs, params)
    if "axes" not in params or len(inputs) != 1:
        return None
    params["axes"] = tuple(a + 1 for a in op.axes)
    return Stacked(type(op)(**params)(plain(inputs[0])))


def _contraction(node: Apply, inputs: list[Standing], params: dict[str, Any]) -> Standing:
    op: Any = node.op
    if not op.batch and sum(map(has_batch, inputs)) == 1:
        vector = next((k for k, n in enumerate(op.core) if n == 1 and has_batch(inputs[k])), None)
        if max(op.core) == 2 and vector is not None:
            # One matrix for all vectors: a product of matrices.
            vectors, matrix = plain(inputs[vector]), inputs[1 - vector]
            return Stacked((DotNT() if isinstance(op, MatVec) else Dot())(vectors, matrix))
    params["batch"] = op.batch + 1
    return Stacked(type(op)(**params)(*[plain(x) for x in inputs]))


def _block(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    op: Any = node.op
    if not _keeps_sizes(op):
        return None
    lone = [k for k, x in enumerate(inputs) if has_batch(x)]
    if len(lone) == 1 and len(inputs) == 2 and op.batch_ndim(*node.inputs) == 0:
        if isinstance(op, (Dot, DotTN, DotNT)):
            return Stacked(_wide_dot(op, inputs, lone[0]))
        if isinstance(op, _System) and lone == [1]:
            return Stacked(_many_sides(op, inputs))
    made = op(*[plain(x) for x in inputs], return_list=True)
    return [Stacked(v) for v in made]


def _keeps_sizes(op: Any) -> bool:
    """Whether the sizes of the results follow from those of the arguments."""
    ins, outs = op.core()
    return {n for core in outs for n in core} <= {n for core in ins for n in core}


def _wide_dot(op: Any, inputs: list[Standing], at: int) -> Any:
    """A product with one matrix for all members: the members' rows in one tall matrix."""
    summed = [core.index("k") for core in op.core()[0]]
    x, other = plain(inputs[at]), inputs[1 - at]
    if summed[at] == 0:
        x = OPS["dimshuffle"](x, 0, 2, 1)
    members, rows, length = shape_tuple(x)
    tall = OPS["reshape"](x, (product([members, rows]), length))
    flat = (DotNT() if summed[1 - at] == 1 else Dot())(tall, other)
    made = OPS["reshape"](flat, (members, rows, size_at(flat, 1)))
    return OPS["dimshuffle"](made, 0, 2, 1) if at else made


def _many_sides(op: Any, inputs: list[Standing]) -> Any:
    """A system with the right sides of all members, factorised once."""
    sides = OPS["dimshuffle"](plain(inputs[1]), 1, 2, 0)
    rows, columns, members = shape_tuple(sides)
    flat = op(inputs[0], OPS["reshape"](sides, (rows, product([columns, members]))))
    made = OPS["reshape"](flat, (rows, columns, members))
    return OPS["dimshuffle"](made, 2, 0, 1)


# -- views -----------------------------------------------------------------------------------


def _size(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    return as_scalar(inputs[0].core_shape()[node.op.axis])  # type: ignore[attr-defined]


def _dimshuffle(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    order = node.op.new_order  # type: ignore[attr-defined]
    moved = tuple(k if k == "x" else k + 1 for k in order)
    return Stacked(DimShuffle(new_order=(0, *moved))(plain(inputs[0])))


def _broadcast_to(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    x, *sizes = inputs
    if any(map(has_batch, sizes)):
        return None
    x = plain(x)
    lead = len(sizes) - (x.ndim - 1)
    spread = OPS["dimshuffle"](x, [0, *"x" * lead, *range(1, x.ndim)])
    return Stacked(BroadcastTo()(spread, as_scalar(size_at(x, 0)), *sizes))


def _reshape(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    x, *sizes = inputs
    if any(map(has_batch, sizes)):
        return None
    x = plain(x)
    return Stacked(Reshape()(x, as_scalar(size_at(x, 0)), *sizes))


def _specify_shape(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    x, *sizes = inputs
    if any(map(has_batch, sizes)):
        return None
    dims = tuple(d + 1 for d in node.op.dims)  # type: ignore[attr-defined]
    return Stacked(SpecifyShape(dims=dims)(plain(x), *sizes))


def _make_vector(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    columns = [OPS["dimshuffle"](full(x, frame), [0, "x"]) for x in inputs]
    return Stacked(Join(axis=1, count=len(columns))(*columns))


def _join(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    op: Any = node.op
    arrays = [full(x, frame) for x in inputs]
    return Stacked(Join(axis=op.axis + 1, count=op.count)(*arrays))


def _diagonal(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    return Stacked(node.op(plain(inputs[0])))


# -- indexing --------------------------------------------------------------------------------


class _Index:
    """An index over a batch: its pattern, its inputs, and where the members are in the result.

    A batch of indices becomes index arrays, next to one that numbers the members if the indexed
    array has a batch as well.
    """

    def __init__(self, op: Any, rest: Sequence[Standing], old: Sequence[Variable], frame: Frame):
        self.ok = True
        entries = list(resolved(op.pattern, 0, lambda k: ("input", k)))
        self.ndims = [old[e.position].type.ndim for e in entries if isinstance(e, At)]
        rank = max(self.ndims, default=0)
        self.many = any(map(has_batch, rest))
        self.pattern: list[Any] = [FULL]
        self.inputs: list[Any] = []
        if self.many:
            number = OPS["arange"](frame.size)
            self.pattern = [ARRAY]
            self.inputs = [OPS["dimshuffle"](number, [0, *"x" * rank])]
        for entry, given in zip(entries, op.pattern, strict=True):
            self._entry(entry, given, rest, rank)
        self._order(op)

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
        index = plain(rest[numbers[0]])
        new = ["x"] * (rank - (index.ndim - 1))
        self.pattern.append(ARRAY)
        self.inputs.append(OPS["dimshuffle"](index, [0, *new, *range(1, index.ndim)]))

    def _order(self, op: Any) -> None:
        """Where each dimension of the old result is in the new one, behind the members' one."""
        old, rank = layout(op.pattern, self.ndims)
        count = sum(isinstance(e, str) and e == ARRAY for e in self.pattern)
        if not count:
            self.moved = list(range(len(old) + 1))
            return
        new, _ = layout(self.pattern, [rank + self.many] * count)
        members = -1 if self.many else 0
        wanted = [members]
        for k in old:
            wanted.append(k + 1 if k >= 0 else k - self.many)
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
    made = op(full(x, frame), *index.inputs)
    return Stacked(made if index.straight else OPS["dimshuffle"](made, index.moved))


def _write(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    x, y, *rest = inputs
    index = _Index(node.op, rest, node.inputs[2:], frame)
    if not index.ok:
        return None
    replace = node.op.set  # type: ignore[attr-defined]
    make = index.op_class(IncSubtensor, AdvancedIncSubtensor)
    y = plain(y) if has_batch(y) else OPS["dimshuffle"](y, ["x", *range(y.type.ndim)])
    if not index.straight:
        y = OPS["dimshuffle"](y, [int(k) for k in np.argsort(index.moved)])
    op = make(pattern=tuple(index.pattern), set=replace)
    return Stacked(op(full(x, frame), y, *index.inputs))


def _set_diagonal(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    x, d = inputs
    if not has_batch(d):
        d = OPS["dimshuffle"](d, ["x", *range(d.type.ndim)])
    return Stacked(node.op(full(x, frame), plain(d)))


def _bincount(node: Apply, inputs: list[Standing], frame: Frame) -> Standing:
    base, weights, places = inputs
    if has_batch(places):
        return None
    whole = full(base, frame)
    # What is negative must stay an error and not count from the end.
    there = OPS["switch"](OPS["lt"](places, 0), size_at(whole, 1), places)
    weights = plain(weights) if has_batch(weights) else OPS["dimshuffle"](weights, "x", 0)
    op = AdvancedIncSubtensor(pattern=(FULL, ARRAY), set=False)
    return Stacked(op(whole, weights, there))


# -- an Op without a rule --------------------------------------------------------------------


class Repeated(Op):
    """Another Op, applied to each member of a batch in turn.

    ``many`` says which inputs have the members along their first dimension.
    """

    __props__ = ("op", "many")

    def __init__(self, op: Op, many: tuple[bool, ...]):
        self.op = op
        self.many = many

    def __repr__(self) -> str:
        return f"Repeated{{{self.op!r}}}"

    def member(self, inputs: Sequence[Any]) -> Apply:
        """A node of the Op itself for one member."""
        return self.op.make_node(
            *[
                TensorType(x.type.dtype, x.type.shape[1:]).make_variable() if m else x
                for x, m in zip(inputs, self.many, strict=True)
            ]
        )

    def make_node(self, *inputs: Any) -> Apply:
        node = self.member(inputs)
        size = next(x.type.shape[0] for x, m in zip(inputs, self.many, strict=True) if m)
        types: list[Any] = [v.type for v in node.outputs]
        outputs = [TensorType(t.dtype, (size, *t.shape)).make_variable() for t in types]
        return Apply(self, list(inputs), outputs)

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[Any]) -> None:
        one = self.member(node.inputs)
        count = next(len(x) for x, m in zip(inputs, self.many, strict=True) if m)
        results: list[list[Any]] = [[] for _ in node.outputs]
        for b in range(count):
            cells: list[list[Any]] = [[None] for _ in node.outputs]
            given = [
                np.asarray(x[b]) if m else x for x, m in zip(inputs, self.many, strict=True)
            ]
            self.op.perform(one, given, cells)
            for made, cell in zip(results, cells, strict=True):
                made.append(np.array(cell[0]))
        for storage, made, out in zip(output_storage, results, one.outputs, strict=True):
            shapes = {v.shape for v in made}
            if len(shapes) > 1:
                raise ShapeError(
                    f"{self.op} gives members of a batch different shapes: {sorted(shapes)}"
                )
            empty = (0, *(s or 0 for s in out.type.shape))  # type: ignore[attr-defined]
            dtype = out.type.dtype  # type: ignore[attr-defined]
            storage[0] = np.stack(made).astype(dtype) if made else np.empty(empty, dtype)

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return self.op.connection_pattern(self.member(node.inputs))

    def L_op(self, inputs: Any, outputs: Any, output_grads: Any) -> Any:
        """The reverse rule of one member over the batch, summed where an input serves all."""
        one = self.member(inputs)
        given: dict[Variable, Standing] = {}
        for core, x, m in zip(one.inputs, inputs, self.many, strict=True):
            given[core] = Stacked(x) if m else x
        for core, y in zip(one.outputs, outputs, strict=True):
            given[core] = Stacked(y)
        seeds: list[Any] = []
        for core, g in zip(one.outputs, output_grads, strict=True):
            if isinstance(g.type, (DisconnectedType, NullType)):
                seeds.append(g)
            else:
                seeds.append(core.type.make_variable())
                given[seeds[-1]] = Stacked(g)
        answers = self.op.L_op(list(one.inputs), list(one.outputs), seeds)
        frame = Frame([size_at(next(g for g in given.values() if has_batch(g)).variable, 0)])
        results = []
        for g, m in zip(answers, self.many, strict=True):
            if g is None or isinstance(g.type, (DisconnectedType, NullType)):
                results.append(disconnected_type() if g is None else g)
                continue
            whole = full(batched([g], given, frame)[0], frame)
            results.append(whole if m else OPS["sum"](whole, axis=0))
        return results


def _repeated(node: Apply, inputs: list[Standing], frame: Frame) -> list[Standing]:
    for v in (*node.inputs, *node.outputs):
        if not isinstance(v.type, TensorType):
            raise NotImplementedError(
                f"{node.op} (made at {node.where}) can not be repeated over a batch: its "
                f"{v!r} is of type {v.type}, which is no tensor"
            )
    op = Repeated(node.op, tuple(map(has_batch, inputs)))
    made = op(*[plain(x) for x in inputs], return_list=True)
    return [Stacked(v) for v in made]


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
}
