"""Batches that are zero except at known places, such as the rows of an identity matrix.

A Jacobian is the derivative in many directions at once, and those are almost all zeros. Here a
batch of directions is a sum of terms ``[the member's coordinates fit their places] * values``. What
is linear acts on the values, which have few or no batch dimensions; the whole array is written down
at the end (`Spots.whole`), or as soon as something is no such step. This saves work and keeps the
zeros exact: no infinite derivative is multiplied by one of them.

Here stands what such a batch is; what becomes of it from Op to Op is in ``spot_steps``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..graph.basic import Variable
from ..graph.registry import OPS
from ..graph.tensor import constant
from ..records import record
from .diagonals import SetDiagonal
from .indexing import part
from .sizes import shape_tuple, size_at

__all__ = [
    "Frame",
    "Place",
    "Places",
    "Spots",
    "Stacked",
    "Term",
    "core_size",
    "core_types",
    "first_of",
    "has_batch",
    "lifted",
    "numbers_from",
    "unit_spots",
]


class Frame:
    """The members of a batch, numbered by coordinates.

    Attributes
    ----------
    sizes : tuple
        How many values each coordinate has; ints or scalar variables.
    """

    def __init__(self, sizes: Sequence[Any]):
        self.sizes = tuple(sizes)
        self._places: dict[Any, Any] = {}

    @property
    def ndim(self) -> int:
        """How many coordinates there are, and so dimensions in front of an array for all."""
        return len(self.sizes)

    def once(self, key: Any, make: Any) -> Any:
        """What ``make`` makes, the same object for equal keys, so that equal places are seen."""
        if key not in self._places:
            self._places[key] = make()
        return self._places[key]


class Stacked:
    """A batch as an array with a dimension for each coordinate in front.

    One of size 1 says that the members are the same along that coordinate.
    """

    def __init__(self, variable: Any, frame: Frame):
        self.variable = variable
        self.frame = frame

    def whole(self) -> Any:
        """The array."""
        return self.variable

    def core_shape(self) -> tuple[Any, ...]:
        """The shape of a member."""
        return shape_tuple(self.variable)[self.frame.ndim :]


def has_batch(x: Any) -> bool:
    """Whether there is a value for each member."""
    return isinstance(x, (Stacked, Spots))


def lifted(x: Any, frame: Frame) -> Any:
    """An array with the batch's dimensions in front, of size 1 where all members are the same."""
    if has_batch(x):
        return x.whole()
    return OPS["dimshuffle"](x, [*"x" * frame.ndim, *range(x.type.ndim)])


@record(frozen=True, eq=False)
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

    def same(self, other: Place | None) -> bool:
        """Whether both are certainly at the same places."""
        if other is None:
            return False
        a, b = (0 if p.label is None else p.label for p in (self, other))
        equal = a is b or (isinstance(a, int) and isinstance(b, int) and a == b)
        return self.axis == other.axis and equal

    def moved(self, axis: int | None) -> Place:
        """The same along another dimension."""
        return Place(axis, self.label)


#: For each coordinate its place, or None for one that is no condition.
Places = tuple[Place | None, ...]


@record(frozen=True, eq=False)
class Term:
    """``values`` where each coordinate of the member's number fits its place, else zero.

    The values are a variable where they are the same for all members, or a `Stacked`.
    """

    values: Any
    places: Places

    def same_places(self, other: Term) -> bool:
        """Whether values can be added."""
        pairs = zip(self.places, other.places, strict=True)
        return all(q is None if p is None else p.same(q) for p, q in pairs)


def _array(values: Any) -> Any:
    return values.variable if isinstance(values, Stacked) else values


def core_types(values: Any) -> tuple[int | None, ...]:
    """The known shape of a member."""
    lead = values.frame.ndim if isinstance(values, Stacked) else 0
    return tuple(_array(values).type.shape[lead:])


def core_size(values: Any, axis: int) -> Any:
    """The size of a dimension of a member."""
    lead = values.frame.ndim if isinstance(values, Stacked) else 0
    return size_at(_array(values), lead + axis)


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
        shape = core_types(term.values)
        places = tuple(
            first_of(p) if p is not None and p.axis is not None and shape[p.axis] == 1 else p
            for p in term.places
        )
        term = Term(term.values, places)
        for k, old in enumerate(self.terms):
            if old.same_places(term):
                both = zip(old.places, term.places, strict=True)
                merged = tuple(p if p is None or p.label is None else q for p, q in both)
                self.terms[k] = Term(_plus(old.values, term.values, self.frame), merged)
                return
        self.terms.append(term)

    @property
    def ndim(self) -> int:
        """The number of dimensions of a member."""
        return len(core_types(self.terms[0].values))

    def core_shape(self) -> tuple[Any, ...]:
        """The shape of a member."""
        values = self.terms[0].values
        return values.core_shape() if isinstance(values, Stacked) else shape_tuple(values)

    def whole(self) -> Any:
        """The batch as an array with a dimension for each coordinate in front."""
        if self._whole is None:
            parts = [self._written(term) for term in self.terms]
            self._whole = parts[0] if len(parts) == 1 else OPS["add"](*parts)
        return self._whole

    def scattered(self) -> Any:
        """The same as `whole`, by writing what is not zero into zeros; None where that is not easy.

        It takes an array of its own, so it is for what is stored anyway.
        """
        axes = list(range(self.ndim))
        for term in self.terms:
            if any(p is None or isinstance(p.label, Variable) for p in term.places):
                return None
            if [p and p.axis for p in term.places] != axes or isinstance(term.values, Stacked):
                return None
        pure = all(p is not None and p.label is None for t in self.terms for p in t.places)
        if not axes or not (pure or self.ndim == 1):
            return None
        dtype = self.terms[0].values.type.dtype
        shape = (*self.frame.sizes, *self.core_shape())
        made = OPS["alloc"](constant(0.0, dtype=dtype), *shape)
        for term in self.terms:
            made = self._into(made, term, shape, pure)
        return made

    def _into(self, made: Any, term: Term, shape: tuple[Any, ...], pure: bool) -> Any:
        values = term.values
        if self.ndim > 1:
            grid = []
            for k, size in enumerate(self.frame.sizes):
                order: list[Any] = ["x"] * self.ndim
                order[k] = 0
                grid.append(OPS["dimshuffle"](OPS["arange"](size), order))
            return OPS["inc_subtensor"](OPS["subtensor"](made, (*grid, *grid)), values)
        label = 0 if pure or term.places[0] is None else term.places[0].label or 0
        diagonal = SetDiagonal(offset=-label, set=False)
        if not pure:
            count = diagonal.region([shape], made, made)
            values = part(values, 0, max(-label, 0), count[0])
        return diagonal(made, values)

    def _written(self, term: Term) -> Any:
        values = lifted(term.values, self.frame)
        conditions = [
            self._fits(k, place, term) for k, place in enumerate(term.places) if place is not None
        ]
        if not conditions:
            return values
        both = conditions[0]
        for more in conditions[1:]:
            both = OPS["and"](both, more)
        return OPS["masked"](both, values)

    def _fits(self, k: int, place: Place, term: Term) -> Any:
        """Whether coordinate ``k`` of each member stands at ``place``, with all dimensions."""
        ndim = self.frame.ndim + self.ndim
        order: list[Any] = ["x"] * ndim
        order[k] = 0
        own = self.frame.once(("from", k), lambda: OPS["arange"](self.frame.sizes[k]))
        number, label = OPS["dimshuffle"](own, order), place.label
        if place.axis is None:
            return OPS["eq"](number, label)
        if label is None or isinstance(label, int):
            size, offset = core_size(term.values, place.axis), label or 0
            label = self.frame.once(("from", size, offset), lambda: numbers_from(size, offset))
        order = ["x"] * ndim
        order[self.frame.ndim + place.axis] = 0
        return OPS["eq"](number, OPS["dimshuffle"](label, order))


def _plus(a: Any, b: Any, frame: Frame) -> Any:
    if not (has_batch(a) or has_batch(b)):
        return OPS["add"](a, b)
    return Stacked(OPS["add"](lifted(a, frame), lifted(b, frame)), frame)


def numbers_from(size: Any, offset: int) -> Any:
    """The integers from ``offset`` on, as many as ``size``."""
    numbers = OPS["arange"](size)
    return OPS["add"](numbers, offset) if offset else numbers


def first_of(place: Place) -> Place:
    """The place in an array of which only the first index along the axis is left."""
    label = 0 if place.label is None else place.label
    return Place(None, label[0] if isinstance(label, Variable) and label.type.ndim else label)  # type: ignore[index]


def unit_spots(x: Any, values: Any) -> tuple[Any, Frame]:
    """For each element of ``x`` an array of its shape with ``values`` there and zero elsewhere.

    There is a coordinate for each dimension that is not known to be of size 1; without one there is
    no batch and the values are returned as they are.
    """
    axes = [k for k, size in enumerate(x.type.shape) if size != 1]
    frame = Frame([size_at(x, k) for k in axes])
    if not axes:
        return values, frame
    return Spots(frame, [Term(values, tuple(Place(k, None) for k in axes))]), frame
