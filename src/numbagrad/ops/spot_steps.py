"""What becomes of a batch that is almost all zeros, from Op to Op: where its places go.

What becomes of the values, the rules for everything else and the walk over a graph are in
``batching``; what such a batch is stands in ``spots``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..graph.basic import Apply, Constant, Variable
from ..graph.registry import OPS
from .arithmetic import Add, Mul, Neg, Sub, TrueDiv
from .casting import Cast, Identity
from .complexes import Conj, Imag, Real
from .dtypes import is_discrete
from .index_patterns import ARRAY, FULL, Part, Span, resolved
from .kinds import Elementwise
from .products import Dot, DotNT, DotTN, MatVec, VecMat, VecVec
from .reductions import Sum
from .selection import Masked, Second
from .shape import Reshape, SpecifyShape
from .spots import (
    Frame,
    Place,
    Places,
    Spots,
    Stacked,
    Term,
    core_size,
    core_types,
    first_of,
    has_batch,
    lifted,
    numbers_from,
)
from .structure import BroadcastTo, DimShuffle
from .subtensor import AdvancedSubtensor, IncSubtensor, Subtensor

__all__ = ["sparse_step"]

#: With more terms than this the whole array is written down.
MANY = 8

#: From the places in an input to those in the output; None where there is no rule.
Move = Callable[[Place], Place]
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

#: Applies a node to what stands for its inputs, without regard to places.
Step = Callable[[Apply, list[Any]], Any]


def sparse_step(node: Apply, inputs: Sequence[Any], frame: Frame, step: Step) -> Any:
    """The output of a node some of whose inputs are `Spots`, as Spots.

    Parameters
    ----------
    node : Apply
    inputs : sequence of Variable, Stacked or Spots
        What stands for each of its inputs.
    frame : Frame
    step : callable
        Gives the values of a term.

    Returns
    -------
    Spots or None
        None if the whole array is needed.
    """
    at = [k for k, x in enumerate(inputs) if isinstance(x, Spots)]
    op: Any = node.op
    made: Any = None
    if not at:
        return None
    if isinstance(op, (Add, Sub)):
        made = _sum(op, node, inputs, frame)
    elif len(at) == 1:
        if isinstance(op, Elementwise):
            linear = at[0] in _LINEAR.get(type(op), ()) or getattr(op, "gone_when_compiled", False)
            if linear and not is_discrete(node.outputs[0].type.dtype):
                made = _each(node, inputs, at[0], frame, step, lambda p: p)
        elif type(op) in _PRODUCTS:
            made = _product(node, inputs, at[0], frame, step)
        elif isinstance(op, Sum):
            made = _summed(node, inputs, frame, step)
        elif type(op) in _MOVES:
            move = _MOVES[type(op)](op, inputs, at[0], frame)
            made = move and _each(node, inputs, at[0], frame, step, move)
    return None if made is not None and len(made.terms) > MANY else made


def _sum(op: Any, node: Apply, inputs: Sequence[Any], frame: Frame) -> Any:
    """Terms side by side; something without places is a term without conditions."""
    out: Any = node.outputs[0].type
    terms: list[Term] = []
    for k, x in enumerate(inputs):
        free = (None,) * frame.ndim
        for term in x.terms if isinstance(x, Spots) else [Term(x, free)]:
            spreads = zip(core_types(term.values), out.shape, strict=True)
            if any(s == 1 and o != 1 for s, o in spreads):
                return None
            values = term.values
            if k and isinstance(op, Sub):
                values = _on(values, OPS["neg"], frame)
            if _dtype(values) != out.dtype:
                values = _on(values, lambda v: OPS["cast"](v, out.dtype), frame)
            terms.append(Term(values, term.places))
    return Spots(frame, terms)


def _dtype(values: Any) -> str:
    array = values.variable if isinstance(values, Stacked) else values
    return str(array.type.dtype)


def _on(values: Any, function: Any, frame: Frame) -> Any:
    if isinstance(values, Stacked):
        return Stacked(function(values.variable), frame)
    return function(values)


def _each(
    node: Apply, inputs: Sequence[Any], at: int, frame: Frame, step: Step, move: Move
) -> Spots:
    """The node applied to the values of every term, with the places where they have moved."""
    terms = []
    for term in inputs[at].terms:
        values = step(node, [term.values if k == at else x for k, x in enumerate(inputs)])
        terms.append(Term(values, tuple(None if p is None else move(p) for p in term.places)))
    return Spots(frame, terms)


# -- where places go: from the Op, what stands for its inputs, and which of them has places -----


def _dimshuffle(op: Any, inputs: Sequence[Any], at: int, frame: Frame) -> Move:
    def move(place: Place) -> Place:
        if place.axis is None:
            return place
        if place.axis in op.new_order:
            return place.moved(op.new_order.index(place.axis))
        return first_of(place)

    return move


def _broadcast_to(op: Any, inputs: Sequence[Any], at: int, frame: Frame) -> Any:
    lead = len(inputs) - 1 - inputs[0].ndim if at == 0 else 0
    if at or any(map(has_batch, inputs[1:])):
        return None
    return lambda p: p.moved(None if p.axis is None else p.axis + lead)


def _specify_shape(op: Any, inputs: Sequence[Any], at: int, frame: Frame) -> Any:
    return None if at or any(map(has_batch, inputs[1:])) else lambda p: p


def _reshape(op: Any, inputs: Sequence[Any], at: int, frame: Frame) -> Any:
    """The one dimension that is not of size 1 may be another one afterwards."""
    x, *sizes = inputs
    if at or any(map(has_batch, sizes)):
        return None
    before = [k for k, s in enumerate(core_types(x.terms[0].values)) if s != 1]
    after = [k for k, s in enumerate(sizes) if not (isinstance(s, Constant) and s.data == 1)]
    if len(before) != 1 or len(after) != 1:
        return None
    return lambda p: p.moved(None if p.axis is None else after[0])


# -- indexing --------------------------------------------------------------------------------


def _entries(op: Any, first: int, inputs: Sequence[Any]) -> list[Any]:
    return list(resolved(op.pattern, first, lambda k: inputs[k]))


def _subtensor(op: Any, inputs: Sequence[Any], at: int, frame: Frame) -> Any:
    if at or any(map(has_batch, inputs[1:])):
        return None
    target: dict[int, int | None] = {}
    entry_of: dict[int, Any] = {}
    axis = out = 0
    for entry in _entries(op, 1, inputs):
        if isinstance(entry, str):  # a new dimension
            out += 1
            continue
        kept = isinstance(entry, (Span, Part))
        target[axis], entry_of[axis] = (out if kept else None), entry
        axis, out = axis + 1, out + kept
    values = inputs[0].terms[0].values

    def move(place: Place) -> Place:
        if place.axis is None:
            return place
        size = core_size(values, place.axis)
        label = _part(frame, place.label, size, entry_of[place.axis])
        return Place(target[place.axis], label)

    return move


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
        label = frame.once(("from", size, offset), lambda: numbers_from(size, offset))
    if isinstance(entry, Span):
        parts = tuple(int(p.data) if isinstance(p, Constant) else p for p in entry)
        item: Any = slice(*parts)
    elif isinstance(entry, Part):
        item = slice(entry.start, OPS["add"](entry.start, entry.length))
    else:
        item = entry
    parts = (item.start, item.stop, item.step) if isinstance(item, slice) else (item,)
    return frame.once(("part", label, *parts), lambda: OPS["subtensor"](label, item))


def _gather(op: Any, inputs: Sequence[Any], at: int, frame: Frame) -> Any:
    """One index vector along one dimension, everything else whole."""
    others = [e for e in op.pattern if not (isinstance(e, str) and e == ARRAY)]
    if at or len(others) != len(op.pattern) - 1 or any(e != FULL for e in others):
        return None
    x, index = inputs
    if has_batch(index) or index.type.ndim != 1:
        return None
    axis, values = op.pattern.index(ARRAY), x.terms[0].values

    def move(place: Place) -> Place:
        if place.axis != axis:
            return place
        return Place(axis, frame.once(("taken", index, place.label), lambda: taken(place)))

    def taken(place: Place) -> Any:
        label: Any = place.label
        size = core_size(values, axis)
        i = OPS["switch"](OPS["lt"](index, 0), OPS["add"](index, size), index)
        if isinstance(label, Variable):
            return OPS["subtensor"](label, i)
        return OPS["add"](i, label) if label else i

    return move


def _written_part(op: Any, inputs: Sequence[Any], at: int, frame: Frame) -> Any:
    """Terms written or added to a part of an array of zeros.

    Elsewhere the values are zero, so it does not matter what the labels are there.
    """
    x, y, *rest = inputs
    if at != 1 or any(map(has_batch, (x, *rest))) or not is_zero(x):
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
    moves: dict[Place, Place] = {}
    for place in {p for term in y.terms for p in term.places if p is not None}:
        moved = place if place.axis is None else _back(place, back)
        if moved is None:
            return None
        moves[place] = moved
    return lambda p: moves[p]


def _back(place: Any, back: dict[int, tuple[int, Any]]) -> Place | None:
    """The place of a part in the whole."""
    if place.axis not in back:
        return None
    to, entry = back[place.axis]
    if entry == FULL:
        return Place(to, place.label)
    start = 0 if entry.start is None else entry.start
    step = entry.step if isinstance(entry, Span) else None
    offsets = place.label is None or isinstance(place.label, int)
    ahead = isinstance(start, int) and start >= 0
    if not (offsets and ahead and (step is None or (isinstance(step, int) and step == 1))):
        return None
    return Place(to, (place.label or 0) - start)


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


def _summed(node: Apply, inputs: Sequence[Any], frame: Frame, step: Step) -> Any:
    axes = node.op.axes  # type: ignore[attr-defined]
    terms = []
    for term in inputs[0].terms:
        absorbed, gone = _absorbed(term, axes, frame)
        if absorbed is None:
            return None
        rest = tuple(a for a in axes if a not in gone)
        values = absorbed.values
        if rest:
            # The dimensions that are gone have size 1 and go with the others.
            values = step(node, [values])
        elif gone:
            left = [k for k in range(len(core_types(values))) if k not in gone]
            values = _on(values, lambda v, left=left: _dropped(v, left, frame), frame)
        terms.append(Term(values, _without(absorbed.places, axes)))
    return Spots(frame, terms)


def _dropped(v: Any, left: list[int], frame: Frame) -> Any:
    return OPS["dimshuffle"](v, [*range(frame.ndim), *(frame.ndim + k for k in left)])


def _without(places: Places, axes: tuple[int, ...]) -> Places:
    """The places where the dimensions ``axes`` are taken out."""

    def moved(p: Place) -> Place:
        return p if p.axis is None else p.moved(p.axis - sum(a < p.axis for a in axes))

    return tuple(None if p is None else moved(p) for p in places)


def _absorbed(term: Term, axes: tuple[int, ...], frame: Frame) -> tuple[Term | None, list[int]]:
    """The term summed over those of ``axes`` at which a coordinate is found, dimensions kept.

    ``sum_i [b = i] v[i, j] = v[b, j]``: the dimension becomes that of the coordinate.
    """
    values, places, gone = term.values, list(term.places), []
    lead = frame.ndim
    for k, place in enumerate(term.places):
        if place is None or place.axis is None or place.axis not in axes:
            continue
        alone = sum(p is not None and p.axis == place.axis for p in term.places) == 1
        if place.label is not None or not alone:
            return None, []
        array = lifted(values, frame)
        if array.type.shape[k] != 1:
            return None, []  # the values depend on the coordinate as well
        order: list[Any] = list(range(array.ndim))
        order[k], order[lead + place.axis] = lead + place.axis, "x"
        values = Stacked(OPS["dimshuffle"](array, order), frame)
        places[k] = None
        gone.append(place.axis)
    return Term(values, tuple(places)), gone


#: The dimensions of both factors and of the result, by letters; ``k`` is summed over.
_PRODUCTS: dict[type, tuple[str, str, str]] = {
    MatVec: ("mk", "k", "m"),
    VecMat: ("k", "kn", "n"),
    VecVec: ("k", "k", ""),
    Dot: ("mk", "kn", "mn"),
    DotTN: ("km", "kn", "mn"),
    DotNT: ("mk", "nk", "mn"),
}


def _product(node: Apply, inputs: Sequence[Any], at: int, frame: Frame, step: Step) -> Any:
    """A product of which a factor has places.

    Where a coordinate stands along the dimension that is summed over, each member picks one of its
    elements, and the products are elementwise; other places stay in their row or column.
    """
    names = _PRODUCTS[type(node.op)]
    x, own, other, result = inputs[at], names[at], names[1 - at], names[2]
    if x.ndim != len(own) or node.inputs[1 - at].type.ndim != len(other):
        return None
    summed = own.index("k")
    terms = []
    for term in x.terms:
        along = [p for p in term.places if p is not None and p.axis == summed]
        if along:
            made = _picked(term, inputs[1 - at], own, other, frame)
            if made is None:
                return None
        else:
            made = step(node, [term.values if k == at else v for k, v in enumerate(inputs)])
        places = tuple(
            None
            if p is None or p.axis == summed
            else p.moved(None if p.axis is None else result.index(own[p.axis]))
            for p in term.places
        )
        terms.append(Term(made, places))
    return Spots(frame, terms)


def _picked(term: Term, factor: Any, own: str, other: str, frame: Frame) -> Any:
    """The values of a product where a coordinate picks an element of the summed dimension."""
    space = "mkn"
    lead = frame.ndim

    def spread(v: Any, names: str) -> Any:
        order: list[Any] = [lead + names.index(n) if n in names else "x" for n in space]
        return OPS["dimshuffle"](lifted(v, frame), [*range(lead), *order])

    moved = tuple(
        p if p is None or p.axis is None else p.moved(space.index(own[p.axis])) for p in term.places
    )
    both = OPS["mul"](spread(term.values, own), spread(factor, other))
    absorbed, _ = _absorbed(Term(Stacked(both, frame), moved), (1,), frame)
    if absorbed is None:
        return None
    left = [space.index(n) for n in "mn" if n in own + other]
    return Stacked(_dropped(absorbed.values.variable, left, frame), frame)


_MOVES: dict[type, Any] = {
    DimShuffle: _dimshuffle,
    BroadcastTo: _broadcast_to,
    SpecifyShape: _specify_shape,
    Reshape: _reshape,
    Subtensor: _subtensor,
    AdvancedSubtensor: _gather,
    IncSubtensor: _written_part,
}
