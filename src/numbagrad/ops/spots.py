"""Batches that are zero except at known places, such as the rows of an identity matrix.

A Jacobian is the derivative in many directions at once, and those are almost all zeros. Here a
batch of directions is a sum of terms ``[the member's number fits the place] * values``. What is
linear acts on the values, which have no batch dimension; the whole array is written down at the
end (`Spots.whole`), or as soon as something is no such step. This saves work and keeps the zeros
exact: no infinite derivative is multiplied by one of them.

The rules for everything else, and the walk over a graph, are in ``batching``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..graph.basic import Apply, Constant, Variable
from ..graph.registry import OPS
from ..graph.tensor import constant
from .arithmetic import Add, Mul, Neg, Sub, TrueDiv
from .casting import Cast, Identity
from .complexes import Conj, Imag, Real
from .diagonals import SetDiagonal
from .dtypes import is_discrete
from .index_patterns import ARRAY, FULL, Part, Span, resolved
from .indexing import part
from .kinds import Elementwise
from .products import MatVec, VecMat, VecVec
from .reductions import Sum
from .selection import Masked, Second
from .shape import Reshape, SpecifyShape
from .sizes import product, shape_tuple, size_at
from .structure import BroadcastTo, DimShuffle
from .subtensor import AdvancedSubtensor, IncSubtensor, Subtensor

__all__ = ["Frame", "Spots", "sparse_step", "unit_spots"]

#: With more terms than this the whole array is written down.
MANY = 8


class Frame:
    """The members of a batch, numbered in C order by coordinates.

    Attributes
    ----------
    sizes : tuple
        How many values each coordinate has; ints or scalar variables.
    size : int or Variable
        How many members there are.
    """

    def __init__(self, sizes: Sequence[Any]):
        self.sizes = tuple(sizes)
        self.size = product(self.sizes)
        self._places: dict[Any, Any] = {}

    def coordinate(self, k: int) -> Any:
        """Coordinate ``k`` of each member, an integer vector."""
        return self.once(("coordinate", k), lambda: self._coordinate(k))

    def _coordinate(self, k: int) -> Any:
        number = OPS["arange"](self.size)
        behind = product(self.sizes[k + 1 :])
        if not (isinstance(behind, int) and behind == 1):
            number = OPS["floor_div"](number, behind)
        return OPS["mod"](number, self.sizes[k]) if k else number

    def once(self, key: Any, make: Any) -> Any:
        """What ``make`` makes, the same object for equal keys, so that equal places are seen."""
        if key not in self._places:
            self._places[key] = make()
        return self._places[key]


@dataclass(frozen=True, eq=False)
class Place:
    """Where a coordinate of the member's number stands in an array.

    Attributes
    ----------
    axis : int or None
        The dimension along which it is found; ``None`` if it is one number for all.
    label : None, int or Variable
        What it is compared with: the index along ``axis`` itself (``None``: all of them are
        there), the index plus an int, or the elements of a vector. Without an axis a scalar.
    """

    axis: int | None
    label: Any

    def same(self, other: Place) -> bool:
        """Whether both are certainly at the same places."""
        a, b = (0 if p.label is None else p.label for p in (self, other))
        equal = a is b or (isinstance(a, int) and isinstance(b, int) and a == b)
        return self.axis == other.axis and equal

    def moved(self, axis: int | None) -> Place:
        """The same along another dimension."""
        return Place(axis, self.label)


@dataclass(frozen=True, eq=False)
class Term:
    """``values`` where each coordinate of the member's number fits its place, else zero."""

    values: Any
    places: tuple[Place, ...]

    def same_places(self, other: Term) -> bool:
        """Whether values can be added."""
        return all(p.same(q) for p, q in zip(self.places, other.places, strict=True))


class Spots:
    """A batch as a sum of terms, all of one shape."""

    def __init__(self, frame: Frame, terms: Sequence[Term]):
        self.frame = frame
        self.terms: list[Term] = []
        for term in terms:
            self._add(term)
        self._whole: Any = None

    def _add(self, term: Term) -> None:
        # A dimension of size 1 may be spread later: what stands there is one number for all.
        shape = term.values.type.shape
        fixed = [p.axis is not None and shape[p.axis] == 1 for p in term.places]
        places = [_first(p) if f else p for p, f in zip(term.places, fixed, strict=True)]
        term = Term(term.values, tuple(places))
        for k, old in enumerate(self.terms):
            if old.same_places(term):
                both = zip(old.places, term.places, strict=True)
                merged = tuple(p if p.label is None else q for p, q in both)
                self.terms[k] = Term(OPS["add"](old.values, term.values), merged)
                return
        self.terms.append(term)

    @property
    def ndim(self) -> int:
        """The number of dimensions of a member."""
        return int(self.terms[0].values.ndim)

    def core_shape(self) -> tuple[Any, ...]:
        """The shape of a member."""
        return shape_tuple(self.terms[0].values)

    def whole(self) -> Any:
        """The batch as an array, the members along its first dimension."""
        if self._whole is None:
            parts = [self._written(term) for term in self.terms]
            self._whole = parts[0] if len(parts) == 1 else OPS["add"](*parts)
        return self._whole

    def scattered(self) -> Any:
        """The same as `whole`, by writing what is not zero into zeros; None where that is not easy.

        It takes an array of its own, so it is for what is stored anyway.
        """
        axes = list(range(self.ndim))
        if any([p.axis for p in term.places] != axes for term in self.terms):
            return None
        if any(isinstance(p.label, Variable) for term in self.terms for p in term.places):
            return None
        values = self.terms[0].values
        size, length = self.frame.size, product(shape_tuple(values))
        pure = all(p.label is None for term in self.terms for p in term.places)
        if not axes or not (pure or self.ndim == 1):
            return None
        made = OPS["alloc"](constant(0.0, dtype=values.type.dtype), size, length)
        for term in self.terms:
            label = term.places[0].label or 0
            values = OPS["flatten"](term.values) if self.ndim > 1 else term.values
            if not pure:
                count = SetDiagonal(offset=-label, set=False).region([(size, length)], made, made)
                values = part(values, 0, max(-label, 0), count[0])
            made = SetDiagonal(offset=-label, set=False)(made, values)
        if self.ndim > 1:
            made = OPS["reshape"](made, (size, *self.core_shape()))
        return made

    def _written(self, term: Term) -> Any:
        values = OPS["dimshuffle"](term.values, ["x", *range(self.ndim)])
        conditions = [self._fits(k, place) for k, place in enumerate(term.places)]
        if not conditions:
            return values
        both = conditions[0]
        for more in conditions[1:]:
            both = OPS["and"](both, more)
        return OPS["masked"](both, values)

    def _fits(self, k: int, place: Place) -> Any:
        """Whether coordinate ``k`` of each member stands at ``place``, with all dimensions."""
        number = OPS["dimshuffle"](self.frame.coordinate(k), [0, *"x" * self.ndim])
        label = place.label
        if place.axis is None:
            return OPS["eq"](number, label)
        if label is None or isinstance(label, int):
            offset = label or 0
            size = size_at(self.terms[0].values, place.axis)
            label = self.frame.once(("from", size, offset), lambda: _from(size, offset))
        order: list[Any] = ["x"] * (1 + self.ndim)
        order[1 + place.axis] = 0
        return OPS["eq"](number, OPS["dimshuffle"](label, order))


def _from(size: Any, offset: int) -> Any:
    numbers = OPS["arange"](size)
    return OPS["add"](numbers, offset) if offset else numbers


def unit_spots(x: Any, values: Any) -> Spots:
    """For each element of ``x`` an array of its shape with ``values`` there and zero elsewhere."""
    axes = [k for k, size in enumerate(x.type.shape) if size != 1]
    frame = Frame([size_at(x, k) for k in axes])
    return Spots(frame, [Term(values, tuple(Place(k, None) for k in axes))])


# -- the steps that keep terms ---------------------------------------------------------------

#: Which inputs an Op is linear in, each with the others fixed.
_LINEAR: dict[type, tuple[int, ...]] = {
    Mul: (0, 1),
    TrueDiv: (0,),
    Neg: (0,),
    Cast: (0,),
    Identity: (0,),
    Conj: (0,),
    Real: (0,),
    Imag: (0,),
    Masked: (1,),
    Second: (1,),
}


def sparse_step(node: Apply, inputs: Sequence[Any], frame: Frame) -> Any:
    """The output of a node some of whose inputs are `Spots` as Spots or, in some cases, whole.

    Parameters
    ----------
    node : Apply
    inputs : sequence of Variable or Spots or other
        What stands in for each of its inputs: a variable for one without a batch.
    frame : Frame

    Returns
    -------
    Spots, Variable or None
        A variable has the members along its first dimension; None if there is no such rule.
    """
    at = [k for k, x in enumerate(inputs) if isinstance(x, Spots)]
    if not at or any(not isinstance(x, (Spots, Variable)) for x in inputs):
        return None
    op: Any = node.op
    if isinstance(op, (Add, Sub)):
        made = _sum(op, node, inputs) if len(at) == len(inputs) else None
    elif len(at) != 1:
        return None
    elif isinstance(op, Elementwise):
        made = _scaled(op, node, inputs, at[0])
    elif type(op) in _RULES:
        made = _RULES[type(op)](op, inputs, at[0], frame)
    else:
        return None
    return None if isinstance(made, Spots) and len(made.terms) > MANY else made


def _sum(op: Any, node: Apply, inputs: Sequence[Any]) -> Any:
    out = node.outputs[0].type
    terms: list[Term] = []
    for k, x in enumerate(inputs):
        for term in x.terms:
            spreads = zip(term.values.type.shape, out.shape, strict=True)
            if any(s == 1 and o != 1 for s, o in spreads):
                return None
            values = term.values if not (k and isinstance(op, Sub)) else OPS["neg"](term.values)
            if values.type.dtype != out.dtype:
                values = OPS["cast"](values, out.dtype)
            terms.append(Term(values, term.places))
    return Spots(inputs[0].frame, terms)


def _scaled(op: Any, node: Apply, inputs: Sequence[Any], at: int) -> Any:
    linear = at in _LINEAR.get(type(op), ()) or getattr(op, "gone_when_compiled", False)
    if not linear or is_discrete(node.outputs[0].type.dtype):
        return None
    return _each(inputs[at], lambda v: op(*[v if k == at else x for k, x in enumerate(inputs)]))


def _each(spots: Spots, function: Any, place: Any = None) -> Spots:
    """Every term with a function of its values and one of its places."""
    move = place or (lambda p: p)
    return Spots(
        spots.frame,
        [Term(function(t.values), tuple(move(p) for p in t.places)) for t in spots.terms],
    )


def _dimshuffle(op: Any, inputs: Sequence[Any], at: int, frame: Frame) -> Any:
    def moved(place: Place) -> Place:
        if place.axis is None:
            return place
        if place.axis in op.new_order:
            return place.moved(op.new_order.index(place.axis))
        return _first(place)

    return _each(inputs[0], op, moved)


def _first(place: Place) -> Place:
    """The place in an array of which only the first index along the axis is left."""
    label = 0 if place.label is None else place.label
    return Place(None, label[0] if isinstance(label, Variable) and label.type.ndim else label)


def _broadcast_to(op: Any, inputs: Sequence[Any], at: int, frame: Frame) -> Any:
    x, *sizes = inputs
    lead = len(sizes) - x.ndim
    return _each(
        x,
        lambda v: op(v, *sizes),
        lambda p: p.moved(None if p.axis is None else p.axis + lead),
    )


def _specify_shape(op: Any, inputs: Sequence[Any], at: int, frame: Frame) -> Any:
    x, *sizes = inputs
    return _each(x, lambda v: op(v, *sizes))


def _reshape(op: Any, inputs: Sequence[Any], at: int, frame: Frame) -> Any:
    """One number for each element stays one number for each element."""
    x, *sizes = inputs
    axes = [k for k, s in enumerate(x.terms[0].values.type.shape) if s != 1]
    if len(x.terms) != 1 or [p.axis for p in x.terms[0].places] != axes:
        return None
    if any(p.label is not None for p in x.terms[0].places):
        return None
    made = op(x.terms[0].values, *sizes)
    kept = [k for k, s in enumerate(made.type.shape) if s != 1]
    if len(kept) != len(axes):
        return None  # other coordinates: the frame is shared with others
    same = zip([size_at(made, k) for k in kept], frame.sizes, strict=True)
    if len(kept) > 1 and not all(isinstance(a, int) and a == b for a, b in same):
        return None
    return Spots(frame, [Term(made, tuple(Place(k, None) for k in kept))])


# -- indexing --------------------------------------------------------------------------------


def _entries(op: Any, first: int, inputs: Sequence[Any]) -> list[Any]:
    return list(resolved(op.pattern, first, lambda k: inputs[k]))


def _subtensor(op: Any, inputs: Sequence[Any], at: int, frame: Frame) -> Any:
    if at != 0:
        return None
    x, *rest = inputs
    entries = _entries(op, 1, inputs)
    target: dict[int, int | None] = {}
    entry_of: dict[int, Any] = {}
    axis = out = 0
    for entry in entries:
        if isinstance(entry, str):  # a new dimension
            out += 1
            continue
        kept = isinstance(entry, (Span, Part))
        target[axis], entry_of[axis] = (out if kept else None), entry
        axis, out = axis + 1, out + kept

    def moved(place: Place) -> Place:
        if place.axis is None:
            return place
        size = size_at(x.terms[0].values, place.axis)
        label = _part(frame, place.label, size, entry_of[place.axis])
        return Place(target[place.axis], label)

    return _each(x, lambda v: op(v, *rest), moved)


def _part(frame: Frame, label: Any, size: Any, entry: Any) -> Any:
    """The labels that an entry of an index selects."""
    if entry == FULL:
        return label
    if label is None or isinstance(label, int):
        start = entry.start if isinstance(entry, (Span, Part)) else entry
        step = entry.step if isinstance(entry, Span) else 1
        single = step is None or (isinstance(step, int) and step == 1)
        if single and (start is None or (isinstance(start, int) and start >= 0)):
            return (label or 0) + (start or 0)
    if not isinstance(label, Variable):
        offset = label or 0
        label = frame.once(("from", size, offset), lambda: _from(size, offset))
    if isinstance(entry, Span):
        parts = tuple(int(p.data) if isinstance(p, Constant) else p for p in entry)
        item: Any = slice(*parts)
    elif isinstance(entry, Part):
        item = slice(entry.start, OPS["add"](entry.start, entry.length))
    else:
        item = entry
    parts = (item.start, item.stop, item.step) if isinstance(item, slice) else (item,)
    return frame.once(("part", label, *parts), lambda: label[item])


def _gather(op: Any, inputs: Sequence[Any], at: int, frame: Frame) -> Any:
    """One index vector along one dimension, everything else whole."""
    others = [e for e in op.pattern if not (isinstance(e, str) and e == ARRAY)]
    if at != 0 or len(others) != len(op.pattern) - 1 or any(e != FULL for e in others):
        return None
    x, index = inputs
    if index.type.ndim != 1:
        return None
    axis = op.pattern.index(ARRAY)

    def moved(place: Place) -> Place:
        if place.axis != axis:
            return place
        size = size_at(x.terms[0].values, axis)
        return Place(axis, frame.once(("taken", index, place.label), lambda: taken(place, size)))

    def taken(place: Place, size: Any) -> Any:
        label, i = place.label, OPS["switch"](OPS["lt"](index, 0), index + size, index)
        return label[i] if isinstance(label, Variable) else i + label if label else i

    return _each(x, lambda v: op(v, index), moved)


def _written_part(op: Any, inputs: Sequence[Any], at: int, frame: Frame) -> Any:
    """Terms written or added to a part of an array of zeros.

    Elsewhere the values are zero, so it does not matter what the labels are there.
    """
    x, y, *rest = inputs
    if at != 1 or not is_zero(x):
        return None
    back: dict[int, tuple[int, Any]] = {}
    axis = out = 0
    for entry in _entries(op, 2, inputs):
        if isinstance(entry, str):
            out += 1
        elif isinstance(entry, (Span, Part)):
            back[out] = axis, entry
            axis, out = axis + 1, out + 1
        else:
            axis += 1
    moves = {}
    for place in {p for term in y.terms for p in term.places if p.axis is not None}:
        if place.axis not in back:
            return None
        to, entry = back[place.axis]
        if entry == FULL:
            moves[place] = place.moved(to)
            continue
        start = 0 if entry.start is None else entry.start
        step = entry.step if isinstance(entry, Span) else None
        offsets = place.label is None or isinstance(place.label, int)
        ahead = isinstance(start, int) and start >= 0
        if not (offsets and ahead and (step is None or (isinstance(step, int) and step == 1))):
            return None
        moves[place] = Place(to, (place.label or 0) - start)
    return _each(y, lambda v: op(x, v, *rest), lambda p: moves.get(p, p))


def is_zero(x: Any) -> bool:
    """Whether a variable is made as zeros in every place."""
    for _ in range(4):
        if isinstance(x, Constant):
            return bool((x.data == 0).all())
        if x.owner is None:
            return False
        if isinstance(x.owner.op, Second):
            x = x.owner.inputs[1]
        elif isinstance(x.owner.op, (BroadcastTo, DimShuffle, Cast)):
            x = x.owner.inputs[0]
        else:
            return False
    return False


# -- sums ------------------------------------------------------------------------------------


def _summed(op: Any, inputs: Sequence[Any], at: int, frame: Frame) -> Any:
    return over(inputs[0], op.axes)


def _product(op: Any, inputs: Sequence[Any], at: int, frame: Frame) -> Any:
    """A product with a vector as elementwise products, then summed."""
    if op.batch:
        return None
    order = {MatVec: ([0, 1], ["x", 0]), VecMat: ([0, "x"], [0, 1]), VecVec: ([0], [0])}[type(op)]
    shuffles = [DimShuffle(new_order=tuple(o)) for o in order]
    spots = _dimshuffle(shuffles[at], [inputs[at]], 0, frame)
    other = shuffles[1 - at](inputs[1 - at])
    return over(_each(spots, lambda v: OPS["mul"](v, other)), op.axes)


def over(spots: Spots, axes: tuple[int, ...]) -> Any:
    """The sum of the members over ``axes``; None where that has to be computed in full."""
    made: list[Any] = [_over(spots, term, axes) for term in spots.terms]
    if any(m is None for m in made):
        return None
    if all(isinstance(m, Term) for m in made):
        return Spots(spots.frame, made)
    parts = [Spots(spots.frame, [m]).whole() if isinstance(m, Term) else m for m in made]
    return parts[0] if len(parts) == 1 else OPS["add"](*parts)


def _over(spots: Spots, term: Term, axes: tuple[int, ...]) -> Any:
    inside = [p for p in term.places if p.axis in axes]
    if not inside:
        kept = [k for k in range(spots.ndim) if k not in axes]
        places = tuple(
            p.moved(None if p.axis is None else kept.index(p.axis)) for p in term.places
        )
        return Term(Sum(axes=axes)(term.values), places)
    # Each member picks its own element along the axes with places, and what is left of them
    # stays a condition: sum_i [b = i] v[i, j] = v[b, j].
    if any(p.label is not None or p.axis is None for p in term.places):
        return None
    own = [p.axis for p in term.places]
    if len(set(own)) != len(own):
        return None
    rest = [k for k in range(spots.ndim) if k not in own]
    plain = tuple(k for k in axes if k not in own)
    values = OPS["sum"](term.values, axis=plain, keepdims=True) if plain else term.values
    front = OPS["dimshuffle"](values, [*own, *(k for k in rest if k not in plain)])
    if len(own) > 1:
        sizes = [spots.frame.size, *shape_tuple(front)[len(own) :]]
        front = OPS["reshape"](front, sizes, ndim=len(sizes))
    left = [k for k in range(spots.ndim) if k not in axes]
    order, column = [0], 1
    for k in left:
        if k in own:
            order.append("x")  # type: ignore[arg-type]
        else:
            order.append(column)
            column += 1
    made = OPS["dimshuffle"](front, order)
    for k, place in enumerate(term.places):
        if place.axis not in axes:
            made = OPS["masked"](_remaining(spots, k, place.axis, left), made)
    return made


def _remaining(spots: Spots, k: int, axis: Any, left: list[int]) -> Any:
    """Where coordinate ``k`` stands along what is left of the dimensions."""
    order: list[Any] = ["x"] * (1 + len(left))
    order[1 + left.index(axis)] = 0
    along = OPS["dimshuffle"](OPS["arange"](spots.frame.sizes[k]), order)
    number = OPS["dimshuffle"](spots.frame.coordinate(k), [0, *"x" * len(left)])
    return OPS["eq"](number, along)


_RULES: dict[type, Any] = {
    DimShuffle: _dimshuffle,
    BroadcastTo: _broadcast_to,
    SpecifyShape: _specify_shape,
    Reshape: _reshape,
    Subtensor: _subtensor,
    AdvancedSubtensor: _gather,
    IncSubtensor: _written_part,
    Sum: _summed,
    MatVec: _product,
    VecMat: _product,
    VecVec: _product,
}
