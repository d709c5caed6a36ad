"""What ``x[...]`` selects: patterns of an index, and their arithmetic exactly as in NumPy.

A pattern has an entry for each item of an index: an integer, a `Span` (slice), a `Part`, `NEW`,
`IN` (a scalar that is an input) or `ARRAY` (an index array that is an input). One arithmetic
serves sizes (numbers and scalar variables) and places (index expressions). No Op is defined here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..graph.basic import Variable
from ..graph.registry import OPS
from .kinds import UNKNOWN
from .sizes import is_one, largest, smallest

__all__ = [
    "ARRAY",
    "FULL",
    "IN",
    "NEW",
    "Part",
    "Span",
    "array_pairs",
    "layout",
    "length_of",
    "numpy_index",
    "resolved",
    "selected_sizes",
    "show",
    "source_index",
    "written",
]

#: A scalar that is an input of the node: an integer of an index, or a bound of a slice.
IN = "?"
#: An index array that is an input of the node.
ARRAY = "array"
#: A new dimension of size 1.
NEW = "new"


class Span(NamedTuple):
    """A slice; each part is None, an integer or `IN`."""

    start: Any = None
    stop: Any = None
    step: Any = None


class Part(NamedTuple):
    """``length`` elements from ``start`` on, known to exist; each is an integer or `IN`."""

    start: Any
    length: Any


FULL = Span()


def show(pattern: Sequence[Any]) -> str:
    """A pattern as one would write the index.

    >>> show((Span(None, -1), 0, NEW, IN))
    '[:-1, 0, None, ?]'
    """
    words = []
    for entry in pattern:
        if isinstance(entry, Span):
            start, stop, step = ("" if p is None else str(p) for p in entry)
            words.append(f"{start}:{stop}:{step}" if step else f"{start}:{stop}")
        elif isinstance(entry, Part):
            words.append(f"{entry.start}:+{entry.length}")
        else:
            words.append("None" if entry == NEW else str(entry))
    return f"[{', '.join(words)}]"


def written(pattern: Sequence[Any], inputs: Sequence[Variable], first: int) -> list[Any]:
    """An index as strings and the variables between them, for `pp`."""
    made: list[Any] = []
    pattern = list(pattern)
    while len(pattern) > 1 and pattern[-1] == FULL:
        pattern.pop()
    for entry in resolved(pattern, first, lambda k: inputs[k]):
        made.append(", " if made else "[")
        if isinstance(entry, Part):
            made += [entry.start, ":", entry.start, " + ", entry.length]
        elif isinstance(entry, Span):
            parts = entry if entry.step is not None else entry[:2]
            for k, part in enumerate(parts):
                made += [":"] * (k > 0) + ["" if part is None else part]
        elif isinstance(entry, At):
            made.append(inputs[entry.position])
        else:
            made.append("None" if _is_new(entry) else entry)
    made.append("]" if made else "[()]")
    return [piece if isinstance(piece, Variable) else str(piece) for piece in made]


class At(NamedTuple):
    """An index array, as the position of the input that it is."""

    position: int


def resolved(pattern: Sequence[Any], first: int, value: Callable[[int], Any]) -> Iterator[Any]:
    """The entries, with ``value(k)`` for each scalar that is input ``k``, from ``first`` on."""
    k = first

    def part(p: Any) -> Any:
        nonlocal k
        if not (isinstance(p, str) and p == IN):
            return p
        k += 1
        return value(k - 1)

    for entry in pattern:
        if isinstance(entry, (Span, Part)):
            yield type(entry)(*[part(p) for p in entry])
        elif isinstance(entry, str) and entry == ARRAY:
            k += 1
            yield At(k - 1)
        else:
            yield part(entry)


def _is_new(entry: Any) -> bool:
    return isinstance(entry, str) and entry == NEW


def layout(pattern: Sequence[Any], array_ndims: Sequence[int]) -> tuple[list[int], int]:
    """Where each dimension of the result comes from.

    Returns
    -------
    order : list of int
        For each dimension the entry it comes from, or ``-1 - d`` for dimension ``d`` of the index
        arrays together.
    rank : int
        How many dimensions the index arrays have together.

    Notes
    -----
    NumPy's rule: where index arrays stand next to each other (integers count as such as soon as
    there is one array), their dimensions take their place; otherwise they come first.
    """
    kept = [k for k, e in enumerate(pattern) if isinstance(e, (Span, Part)) or _is_new(e)]
    if not array_ndims:
        return kept, 0
    rank = max(array_ndims)
    advanced = [k for k in range(len(pattern)) if k not in kept]
    together: list[int] = [-1 - d for d in range(rank)]
    adjacent = advanced[-1] - advanced[0] == len(advanced) - 1
    before = sum(k < advanced[0] for k in kept) if adjacent else 0
    return kept[:before] + together + kept[before:], rank


# -- arithmetic ------------------------------------------------------------------------------------


class Numbers:
    """Arithmetic of sizes: numbers and scalar variables."""

    minimum = staticmethod(smallest)
    maximum = staticmethod(largest)

    @staticmethod
    def choose(condition: Any, a: Any, b: Any) -> Any:
        """``a`` where the condition holds, else ``b``."""
        if isinstance(condition, (bool, np.bool)):
            return a if condition else b
        return OPS["switch"](condition, a, b)


class Places:
    """Arithmetic of index expressions."""

    def __init__(self, read: Any):
        self.choose = read.choose

    def minimum(self, a: Any, b: Any) -> Any:
        """The smaller."""
        return self.choose(a < b, a, b)

    def maximum(self, a: Any, b: Any) -> Any:
        """The larger."""
        return self.choose(a > b, a, b)


def _known(value: Any) -> Any:
    """An int for a number or the literal of an expression; else the value itself."""
    if isinstance(value, (int, np.integer)):
        return int(value)
    literal = getattr(value, "value", None)
    return int(literal) if isinstance(literal, (int, np.integer)) else value


def _wrapped(i: Any, n: Any, m: Any) -> Any:
    """An integer index counted from the front."""
    i = _known(i)
    if isinstance(i, int):
        return i if i >= 0 else n + i
    return m.choose(i < 0, i + n, i)


def _start(span: Span, n: Any, m: Any) -> Any:
    """The first place that a slice selects, if it selects any."""
    start, stop, step = (None if p is None else _known(p) for p in span)
    step, n = 1 if step is None else step, _known(n)
    if all(p is None or isinstance(p, int) for p in (start, stop, step, n)):
        return slice(start, stop, step).indices(n)[0]
    if not isinstance(step, int):
        up, down = (_start(Span(start, stop, s), n, m) for s in (1, -1))
        return m.choose(step > 0, up, down)
    if step > 0:
        if start is None:
            return 0
        if isinstance(start, int):
            return start if start >= 0 else m.maximum(n + start, 0)
        return m.choose(start < 0, m.maximum(start + n, 0), start)
    if start is None:
        return n - 1
    if isinstance(start, int):
        return m.minimum(n - 1, start) if start >= 0 else n + start
    return m.choose(start < 0, start + n, m.minimum(n - 1, start))


def length_of(span: Span, n: Any) -> Any:
    """How many places a slice selects of ``n``: an int, a scalar variable or UNKNOWN.

    >>> length_of(Span(None, None, -2), 5)
    3
    """
    start, stop, step = span
    step = 1 if step is None else step
    numbers = all(p is None or isinstance(p, int) for p in (start, stop, step))
    if numbers and isinstance(n, int):
        return len(range(*slice(start, stop, step).indices(n)))
    if any(p is UNKNOWN for p in (start, stop, step, n)):
        return UNKNOWN
    if not isinstance(step, int):
        up = (_ahead(start, stop, n) + (step - 1)) // step
        down = (_back(start, stop, n) + (-step - 1)) // (-step)
        return Numbers.choose(step > 0, up, down)
    distance = _ahead(start, stop, n) if step > 0 else _back(start, stop, n)
    stride = abs(step)
    return distance if stride == 1 else (distance + (stride - 1)) // stride


def _ahead(start: Any, stop: Any, n: Any) -> Any:
    """The distance from start to stop in ascending order, at least 0."""
    start = 0 if start is None else start
    if isinstance(start, int) and start < 0:
        if stop is None:
            return smallest(n, -start)
        if isinstance(stop, int) and stop < 0:
            if stop <= start:
                return 0
            return largest(n + stop, 0) - largest(n + start, 0)
    first = _start(Span(start, stop, 1), n, Numbers)
    if stop is None:
        last = n
    elif isinstance(stop, int):
        if isinstance(start, int) and 0 <= stop <= start:
            return 0
        last = smallest(n, stop) if stop >= 0 else n + stop
        if stop >= 0 and isinstance(first, int) and first == 0:
            return last
    else:
        last = Numbers.choose(stop < 0, stop + n, smallest(n, stop))
    if isinstance(first, int) and first == 0:
        return last if stop is None else largest(last, 0)
    return largest(last - first, 0)


def _back(start: Any, stop: Any, n: Any) -> Any:
    """The distance from start to stop in descending order, at least 0."""
    if start is None and stop is None:
        return n
    first = _start(Span(start, stop, -1), n, Numbers)
    if stop is None:
        return largest(first + 1, 0)
    if isinstance(stop, int):
        last = stop if stop >= 0 else largest(n + stop, -1)
    else:
        last = Numbers.choose(stop < 0, largest(stop + n, -1), stop)
    return largest(first - last, 0)


# -- the whole index -------------------------------------------------------------------------------


def _common(sizes: Sequence[Any]) -> Any:
    wide = [s for s in sizes if not is_one(s)]
    return next((s for s in wide if isinstance(s, int)), wide[0]) if wide else 1


def _aligned(shapes: Sequence[Sequence[Any]]) -> Iterator[tuple[Any, ...]]:
    rank = max((len(s) for s in shapes), default=0)
    return zip(*((1,) * (rank - len(s)) + tuple(s) for s in shapes), strict=True)


def _array_shapes(pattern: Sequence[Any], shapes: Sequence[Any], first: int) -> list[Any]:
    entries = resolved(pattern, first, lambda k: 0)
    return [shapes[e.position] for e in entries if isinstance(e, At)]


def array_pairs(pattern: Sequence[Any], shapes: Sequence[Any], first: int) -> list[tuple[Any, Any]]:
    """Sizes of the index arrays that have to be equal."""
    pairs = []
    for sizes in _aligned(_array_shapes(pattern, shapes, first)):
        wide = [s for s in sizes if not is_one(s)]
        pairs += [(wide[0], s) for s in wide[1:]]
    return pairs


def selected_sizes(
    pattern: Sequence[Any], shapes: Sequence[Any], first: int, value: Callable[[int], Any]
) -> tuple[Any, ...]:
    """The shape of what a pattern selects of the array of shape ``shapes[0]``."""
    arrays = _array_shapes(pattern, shapes, first)
    together = [_common(sizes) for sizes in _aligned(arrays)]
    order, _ = layout(pattern, [len(s) for s in arrays])
    axis, made = 0, {}
    for k, entry in enumerate(resolved(pattern, first, value)):
        if _is_new(entry):
            made[k] = 1
            continue
        if isinstance(entry, Part):
            made[k] = entry.length
        elif isinstance(entry, Span):
            made[k] = length_of(entry, shapes[0][axis])
        axis += 1
    return tuple(made[k] if k >= 0 else together[-1 - k] for k in order)


def source_index(
    pattern: Sequence[Any], first: int, index: Sequence[Any], read: Any, sizes: Any
) -> tuple[Any, ...]:
    """The place in the array for a place in what a pattern selects of it."""
    have, m = sizes(0), Places(read)
    entries = list(resolved(pattern, first, lambda k: read(k, ())))
    arrays = [sizes(e.position) for e in entries if isinstance(e, At)]
    order, rank = layout(pattern, [len(s) for s in arrays])
    here = dict(zip(order, index, strict=True))
    together = [here[-1 - d] for d in range(rank)]
    place: list[Any] = []
    for k, entry in enumerate(entries):
        if _is_new(entry):
            continue
        n = have[len(place)]
        if isinstance(entry, Part):
            place.append(here[k] + entry.start)
        elif isinstance(entry, Span):
            step = 1 if entry.step is None else entry.step
            place.append(here[k] * step + _start(entry, n, m))
        elif isinstance(entry, At):
            shape = sizes(entry.position)
            at = together[rank - len(shape) :]
            at = [0 if is_one(s) else i for s, i in zip(shape, at, strict=True)]
            place.append(_wrapped(read(entry.position, tuple(at)), n, m))
        else:
            place.append(_wrapped(entry, n, m))
    return tuple(place)


def numpy_index(pattern: Sequence[Any], first: int, values: Sequence[Any]) -> tuple[Any, ...]:
    """The index that NumPy takes."""
    made: list[Any] = []
    for entry in resolved(pattern, first, lambda k: int(values[k])):
        if _is_new(entry):
            made.append(None)
        elif isinstance(entry, Part):
            made.append(slice(entry.start, entry.start + entry.length))
        elif isinstance(entry, Span):
            made.append(slice(*entry))
        elif isinstance(entry, At):
            made.append(values[entry.position])
        else:
            made.append(entry)
    return tuple(made)
