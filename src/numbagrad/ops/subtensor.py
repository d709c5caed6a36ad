"""The Ops of indexing: reading a part of an array, and writing or adding to one.

Reading and adding are each other's adjoint, which is why they stand together. What users call is
in ``indexing``; the arithmetic of an index in ``index_patterns``.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..graph.basic import Constant
from ..graph.registry import OPS
from ..graph.tensor import as_tensor
from ..testing.samples import data, sample
from .checks import Check
from .dtypes import first
from .index_patterns import (
    ARRAY,
    FULL,
    IN,
    NEW,
    At,
    Part,
    Span,
    array_pairs,
    numpy_index,
    resolved,
    selected_sizes,
    show,
    source_index,
    written,
)
from .kinds import LINEAR, Scatter, View, size_of

__all__ = ["AdvancedIncSubtensor", "AdvancedSubtensor", "IncSubtensor", "Subtensor"]


def _count(pattern: Any) -> int:
    """How many dimensions a pattern takes."""
    return sum(not (isinstance(e, str) and e == NEW) for e in pattern)


def _check_index(op: Any, x: Any, rest: list[Any], first_input: int) -> list[Any]:
    """The inputs of an index as int64; static mistakes are found here."""
    if _count(op.pattern) != x.ndim:
        raise IndexError(f"{op} takes an array of {_count(op.pattern)} dimensions; got {x.type}")
    made = []
    for v in map(as_tensor, rest):
        if v.dtype.startswith(("float", "complex", "bool")):
            raise TypeError(f"{op}: an index must be an integer; got {v!r} of dtype {v.dtype}")
        made.append(v if v.dtype == "int64" else OPS["cast"](v, "int64"))
    taken = list(resolved(op.pattern, first_input, lambda k: IN))
    wanted = sum(
        isinstance(e, At) or (isinstance(e, str) and e == IN)
        or (isinstance(e, (Span, Part)) and sum(isinstance(p, str) for p in e))
        for e in taken
    )  # fmt: skip
    if len(made) != wanted:
        words = f"{wanted} input{'s' * (wanted != 1)}"
        raise TypeError(f"{op} takes {words} for its index; got {len(made)}")
    axis = 0
    for entry in taken:
        if isinstance(entry, str) and entry == NEW:
            continue
        n = x.type.shape[axis]
        if isinstance(entry, int):
            _refuse_outside(np.array(entry), n, axis, x)
        elif isinstance(entry, At) and isinstance(made[entry.position - first_input], Constant):
            _refuse_outside(made[entry.position - first_input].data, n, axis, x)
        axis += 1
    return made


def _refuse_outside(i: np.ndarray, n: int | None, axis: int, x: Any) -> None:
    if n is None:
        return
    outside = i[(i < -n) | (i >= n)]
    if outside.size:
        raise IndexError(
            f"Index {outside.flat[0]} is out of bounds for axis {axis} of "
            f"{x.name or 'an array'} with shape {x.type.shape}"
        )


def _index_checks(op: Any, inputs: Any, first_input: int) -> list[Check]:
    """The conditions under which every index lies inside."""
    x, axis, rows = inputs[0], 0, []
    for entry in resolved(op.pattern, first_input, At):
        if isinstance(entry, str) and entry == NEW:
            continue
        if isinstance(entry, (int, At)) and not isinstance(entry, bool):
            row = _inside(entry, axis, x, inputs)
            rows += [] if row is None else [row]
        elif isinstance(entry, Span) and isinstance(entry.step, At):
            step = entry.step.position
            rows.append(
                Check(
                    None,
                    lambda index, read, sizes, step=step: read(step, ()) != 0,
                    ValueError,
                    f"The step of a slice along axis {axis} of {x.name or 'an array'} is zero",
                )
            )
        axis += 1
    return rows


def _inside(entry: Any, axis: int, x: Any, inputs: Any) -> Check | None:
    n = x.type.shape[axis]
    source = x.name or f"an array of shape {x.type.shape}".replace("None", "?")
    if isinstance(entry, int):
        if n is not None:
            return None
        least = entry + 1 if entry >= 0 else -entry

        def large(index, read, sizes):
            return sizes(0)[axis] >= least

        message = f"Index {entry} is out of bounds for axis {axis} of {source}"
        return Check(None, large, IndexError, message)
    i = inputs[entry.position]
    if isinstance(i, Constant) and n is not None:
        return None  # seen when the node was made

    def inside(index, read, sizes):
        place = read(entry.position, tuple(index))
        size = sizes(0)[axis]
        return (place >= -size) & (place < size)

    name = i.name or ("an index" if i.ndim == 0 else "an index array")
    message = f"A value of {name} is out of bounds for axis {axis} of {source}"
    return Check(entry.position if i.ndim else None, inside, IndexError, message)


class _Read(View, abstract=True):
    """What both Ops that read share; inputs are the array, then what the pattern takes."""

    __props__ = ("pattern",)
    dtype = first
    pushforward = LINEAR

    def reference(x, *rest):
        *values, pattern = rest
        with _strict():
            return x[numpy_index(pattern, 1, [x, *values])]

    def prepare(self, x, *rest):
        x = as_tensor(x)
        return [x, *_check_index(self, x, list(rest), 1)]

    def sizes(self, shapes, *inputs):
        return selected_sizes(self.pattern, shapes, 1, lambda k: size_of(inputs[k]))

    def same_sizes(self, shapes, *inputs):
        return array_pairs(self.pattern, shapes, 1)

    def checks(self, *inputs):
        return _index_checks(self, inputs, 1)

    def element(self, index, read, sizes):
        return read(0, source_index(self.pattern, 1, index, read, sizes))

    def connection_pattern(self, node):
        return [[True]] + [[False] for _ in node.inputs[1:]]

    def pullback(self, gy, y, x, *rest):
        zeros = OPS["zeros_like"](x, dtype=gy.type.dtype)
        return [self._adjoint()(zeros, gy, *rest), *(None for _ in rest)]

    def _adjoint(self):
        raise NotImplementedError

    def __repr__(self):
        return f"{type(self).__name__}{show(self.pattern)}"

    def pretty(self, node):
        """As it is indexed."""
        return [node.inputs[0], *written(self.pattern, node.inputs, 1)]


@contextmanager
def _strict() -> Iterator[None]:
    """Older NumPy only warns of an index out of range where nothing is selected in the end."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        try:
            yield
        except DeprecationWarning as warning:
            raise IndexError(str(warning)) from None


class Subtensor(_Read):
    """The part of an array that integers, slices and new dimensions select."""

    samples = [
        sample(data(4, 5), pattern=(Span(1, None), Span(None, None, -2))),
        sample(data(4), np.int64(-2), pattern=(IN,)),
        sample(data(4, 2), pattern=(-1, FULL)),
        sample(data(6), np.int64(-5), np.int64(9), pattern=(Span(IN, IN),)),
        sample(data(6), np.int64(4), np.int64(0), np.int64(-2), pattern=(Span(IN, IN, IN),)),
        sample(data(3), pattern=(NEW, Span(None, -1), NEW)),
        sample(data(0, 1), pattern=(FULL, Span(0, 1))),
        sample(data(6), np.int64(2), np.int64(3), pattern=(Part(IN, IN),)),
        sample(data(), pattern=()),
    ]

    @property
    def takes_rows(self):
        """Whether it is ``x[a:b:c]``."""
        head, *others = self.pattern or (NEW,)
        return isinstance(head, (Span, Part)) and all(entry == FULL for entry in others)

    @property
    def turns_rows(self):
        """Whether it is ``x[::-1]``."""
        return self.takes_rows and self.pattern[0] == Span(None, None, -1)

    @property
    def takes_beginning(self):
        """Whether it is ``x[:b]``."""
        head = self.pattern[0] if self.takes_rows else None
        from_start = head is not None and type(head.start) in (int, type(None)) and not head.start
        return from_start and (isinstance(head, Part) or head.step in (None, 1))

    def _adjoint(self):
        return IncSubtensor(pattern=self.pattern, set=False)


class AdvancedSubtensor(_Read):
    """The part of an array that index arrays select, with NumPy's layout of the result."""

    samples = [
        sample(data(4), np.array([0, -1, 0, 2]), pattern=(ARRAY,)),
        sample(data(4, 3), np.array([[0, 1], [3, -2]]), pattern=(ARRAY, Span(None, None, -1))),
        sample(data(4, 3), np.array([0, 1]), np.array([[2], [-1]]), pattern=(ARRAY, ARRAY)),
        sample(data(2, 3, 4), np.array([1, 3, 0]), pattern=(1, FULL, ARRAY)),
        sample(data(2, 3, 4), np.int64(1), np.array([1]), pattern=(FULL, IN, ARRAY)),
        sample(data(3, 2), np.zeros((0,), "int64"), pattern=(ARRAY, FULL)),
        sample(data(1, 2), np.array([0, 0]), pattern=(ARRAY, NEW, FULL)),
    ]

    def _adjoint(self):
        return AdvancedIncSubtensor(pattern=self.pattern, set=False)


class _Write(Scatter, abstract=True):
    """What both Ops that write share; inputs are the array, the new values, then the index."""

    __props__ = ("pattern", "set")

    @property
    def accumulates(self):
        """Whether the values are added, rather than put in the place of the old ones."""
        return not self.set

    def prepare(self, x, y, *rest):
        x, y = as_tensor(x), as_tensor(y)
        index = _check_index(self, x, list(rest), 2)
        inputs = [x, y, *index]
        ndim = len(self.region([v.type.shape for v in inputs], *inputs, static=True))
        if y.ndim > ndim:
            if any(s != 1 for s in y.type.shape[: y.ndim - ndim]):
                raise ShapeError(
                    f"{self}: a value of shape {y.type.shape} does not fit a part of {ndim} "
                    f"dimensions of an array of shape {x.type.shape}"
                )
            inputs[1] = OPS["dimshuffle"](y, list(range(y.ndim - ndim, y.ndim)))
        elif y.ndim < ndim:
            inputs[1] = OPS["dimshuffle"](y, ["x"] * (ndim - y.ndim) + list(range(y.ndim)))
        if y.dtype != x.dtype:
            if not np.can_cast(y.dtype, x.dtype, "same_kind"):
                raise TypeError(
                    f"{self}: a value of dtype {y.dtype} can not be written into an array of "
                    f"dtype {x.dtype}; cast one of them"
                )
            inputs[1] = OPS["cast"](inputs[1], x.dtype)
        return inputs

    def region(self, shapes, *inputs, static=False):
        def value(k):
            return 1 if static else size_of(inputs[k])

        if static:  # only the number of dimensions is asked for
            shapes = [tuple(0 for _ in s) for s in shapes]
        return selected_sizes(self.pattern, shapes, 2, value)

    def same_sizes(self, shapes, *inputs):
        return super().same_sizes(shapes, *inputs) + array_pairs(self.pattern, shapes, 2)

    def checks(self, *inputs):
        return _index_checks(self, inputs, 2)

    def target(self, index, read, sizes):
        return source_index(self.pattern, 2, index, read, sizes)

    def connection_pattern(self, node):
        return [[True], [True]] + [[False] for _ in node.inputs[2:]]

    def _part(self):
        raise NotImplementedError

    def pullback(self, gz, z, x, y, *rest):
        # z = x + scatter(y), or x with the part overwritten by y.
        part = self._part()(gz, *rest)
        if not self.set:
            return [gz, OPS["unbroadcast"](part, y), *(None for _ in rest)]
        zero = OPS["zeros_like"](y, dtype=gz.type.dtype)
        gx = type(self)(pattern=self.pattern, set=True)(gz, zero, *rest)
        gy = OPS["unbroadcast"](self._won(part, z, rest), y)
        return [gx, gy, *(None for _ in rest)]

    def _won(self, part, z, rest):
        return part

    def __repr__(self):
        return f"{type(self).__name__}{show(self.pattern)}{{{'set' if self.set else 'inc'}}}"

    def pretty(self, node):
        """As the call of `set_subtensor` or `inc_subtensor`."""
        x, y, *_ = node.inputs
        name = "set_subtensor" if self.set else "inc_subtensor"
        return [f"{name}(", x, *written(self.pattern, node.inputs, 2), ", ", y, ")"]


class IncSubtensor(_Write):
    """An array with values written or added to the part that integers and slices select."""

    def reference(x, y, *rest):
        *values, pattern, set_ = rest
        made = np.array(x)
        index = numpy_index(pattern, 2, [x, y, *values])
        if set_:
            made[index] = y
        else:
            made[index] += y
        return made

    samples = [
        sample(data(4, 5), data(3, 3), pattern=(Span(1, None), Span(None, None, -2)), set=True),
        sample(data(4, 5), data(5, seed=1), pattern=(Span(None, -1), FULL), set=False),
        sample(data(4), data(), np.int64(-2), pattern=(IN,), set=False),
        sample(data(4), data(1), np.int64(-9), np.int64(9), pattern=(Span(IN, IN),), set=True),
        sample(data(3), data(1, 2, 1), pattern=(NEW, Span(None, -1), NEW), set=False),
        sample(data(0, 1), data(0, 1), pattern=(FULL, Span(0, 1)), set=True),
        sample(data(), data(seed=4), pattern=(), set=True),
    ]

    def _part(self):
        return Subtensor(pattern=self.pattern)


class AdvancedIncSubtensor(_Write):
    """An array with values written or added at places that index arrays select.

    At a place that is selected more than once the last value stays, or all are added.
    """

    def reference(x, y, *rest):
        *values, pattern, set_ = rest
        made = np.array(x)
        index = numpy_index(pattern, 2, [x, y, *values])
        with _strict():
            if set_:
                made[index] = y
            else:
                np.add.at(made, index, y)
        return made

    samples = [
        sample(data(4), data(4, seed=1), np.array([0, -1, 0, 2]), pattern=(ARRAY,), set=False),
        sample(data(4), data(4, seed=1), np.array([0, -1, 0, 2]), pattern=(ARRAY,), set=True),
        sample(data(4, 3), data(3), np.array([1, 1]), pattern=(ARRAY, FULL), set=True),
        sample(data(2, 3, 4), data(3, 3), np.array([1, 3, 0]), pattern=(1, FULL, ARRAY), set=False),
        sample(data(3), data(0), np.zeros(0, "int64"), pattern=(ARRAY,), set=True),
    ]

    def _part(self):
        return AdvancedSubtensor(pattern=self.pattern)

    def _won(self, part, z, rest):
        # Where a place is selected twice only the last value stays: write the number of each
        # value in its place in the same way, and see whose number is there afterwards.
        if self._all_different(rest):
            return part
        numbers = OPS["arange"](OPS["size"](part))
        numbers = OPS["reshape"](numbers, OPS["shape_tuple"](part), ndim=part.ndim)
        empty = OPS["zeros_like"](z, dtype="int64")
        last = type(self)(pattern=self.pattern, set=True)(empty, numbers, *rest)
        stayed = OPS["eq"](self._part()(last, *rest), numbers)
        return OPS["masked"](stayed, part)

    def _all_different(self, rest):
        arrays = [v for v in rest if v.ndim]
        if len(arrays) != 1 or not isinstance(arrays[0], Constant):
            return False
        i = arrays[0].data
        return bool((i >= 0).all() or (i < 0).all()) and len(np.unique(i)) == i.size
