"""Sizes as numbers or scalar variables: reading them from a graph and computing with them.

Sizes that are known stay Python integers as long as possible. No Op is defined here.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..graph.basic import Constant, Variable
from ..graph.registry import OPS
from ..graph.tensor import TensorType, as_tensor, constant
from .kinds import UNKNOWN

__all__ = [
    "as_length",
    "as_lengths",
    "is_one",
    "largest",
    "product",
    "quotient",
    "shape_tuple",
    "size_at",
    "smallest",
    "unknown_in",
]


def unknown_in(*sizes: Any) -> bool:
    """Whether any size is not known at all."""
    return any(s is UNKNOWN for s in sizes)


def is_one(size: Any) -> bool:
    """Whether a size is known to be 1; also for the literals of index expressions."""
    if isinstance(size, (int, np.integer)):
        return bool(size == 1)
    value = getattr(size, "value", None)
    return isinstance(value, (int, np.integer)) and bool(value == 1)


def size_at(x: Any, axis: int) -> Any:
    """The size of a dimension: an int where it is known, else an int64 scalar variable."""
    known = x.type.shape[axis]
    return OPS["shape_i"](x, axis) if known is None else known


def shape_tuple(x: Any) -> tuple[Any, ...]:
    """The shape with an int for every size that is known and a scalar variable for the others.

    >>> shape_tuple([[1, 2, 3], [4, 5, 6]])
    (2, 3)
    """
    x = as_tensor(x)
    return tuple(size_at(x, axis) for axis in range(x.ndim))


OPS["shape_tuple"] = shape_tuple


def product(sizes: Iterable[Any]) -> Any:
    """The product of sizes, the known ones multiplied out."""
    number, rest = 1, None
    for size in sizes:
        if size is UNKNOWN:
            rest = UNKNOWN
        elif isinstance(size, (int, np.integer)):
            number *= int(size)
        elif rest is not UNKNOWN:
            rest = size if rest is None else OPS["mul"](rest, size)
    if number == 0 or rest is None:
        return number
    return rest if number == 1 or rest is UNKNOWN else OPS["mul"](rest, number)


def quotient(above: Sequence[Any], below: Sequence[Any]) -> Any:
    """The product of ``above`` divided by that of ``below``, equal factors cancelled."""
    above, rest = list(above), []
    for size in below:
        twin = next((k for k, a in enumerate(above) if _same(a, size)), None)
        if twin is None:
            rest.append(size)
        else:
            del above[twin]
    whole, part = product(above), product(rest)
    if isinstance(part, int) and part == 1:
        return whole
    if unknown_in(whole, part):
        return UNKNOWN
    if isinstance(whole, int) and isinstance(part, int):
        return whole // part if part else 0
    return OPS["floor_div"](whole, part)


def _same(a: Any, b: Any) -> bool:
    """Whether two sizes are equal for certain and not zero for the purpose of dividing."""
    if unknown_in(a, b):
        return False
    if isinstance(a, int) or isinstance(b, int):
        return isinstance(a, int) and isinstance(b, int) and a == b != 0
    if a is b:
        return True
    if a.owner is None or b.owner is None or a.owner.op != b.owner.op:
        return False
    inputs = zip(a.owner.inputs, b.owner.inputs, strict=True)
    return type(a.owner.op).kind == "Size" and all(x is y for x, y in inputs)


def smallest(a: Any, b: Any) -> Any:
    """The smaller of two sizes."""
    if isinstance(a, int) and isinstance(b, int):
        return min(a, b)
    return UNKNOWN if unknown_in(a, b) else OPS["minimum"](a, b)


def largest(a: Any, b: Any) -> Any:
    """The larger of two sizes; a size is never negative."""
    if isinstance(a, int) and isinstance(b, int):
        return max(a, b)
    if unknown_in(a, b):
        return UNKNOWN
    for one, other in ((a, b), (b, a)):
        if isinstance(one, int) and one <= 0 and _is_size(other):
            return other
    return OPS["maximum"](a, b)


def _is_size(x: Any) -> bool:
    node = getattr(x, "owner", None)
    return node is not None and getattr(node.op, "kind", None) == "Size"


def as_length(size: Any, where: str) -> Any:
    """One size that a user gave, as an int or as an int64 scalar variable.

    Raises
    ------
    TypeError
        If it is no integer scalar.
    """
    if isinstance(size, Constant) and getattr(size.type, "ndim", None) == 0:
        size = size.data[()]
    if isinstance(size, Variable):
        if not isinstance(size.type, TensorType) or size.type.ndim != 0:
            raise TypeError(f"{where}: a size must be an integer scalar; got {size.type}")
        if size.type.dtype.startswith(("float", "complex", "bool")):
            raise TypeError(
                f"{where}: a size must be an integer; got {size!r} of dtype {size.type.dtype}"
            )
        return size if size.type.dtype == "int64" else OPS["cast"](size, "int64")
    if isinstance(size, np.ndarray) and size.ndim == 0:
        size = size[()]
    try:
        return operator.index(size)
    except TypeError:
        raise TypeError(f"{where}: a size must be an integer; got {size!r}") from None


def as_lengths(shape: Any, where: str, ndim: int | None = None) -> list[Any]:
    """The sizes in ``shape``: one integer, a sequence of them, or an integer vector.

    Raises
    ------
    TypeError
        If a symbolic vector has no known length, or a size is no integer.
    ValueError
        If a known size is negative.
    """
    if isinstance(shape, Variable) and shape.type.ndim == 1:
        items = _items(shape, where, ndim)
    elif isinstance(shape, (list, tuple)) or (isinstance(shape, np.ndarray) and shape.ndim):
        items = list(shape)
    else:
        items = [shape]
    sizes = [as_length(s, where) for s in items]
    if ndim is not None and len(sizes) != ndim:
        raise ShapeError(f"{where}: {len(sizes)} sizes for ndim={ndim}")
    return sizes


def _items(vector: Any, where: str, ndim: int | None) -> list[Any]:
    if isinstance(vector, Constant):
        return list(vector.data)
    length = vector.type.shape[0]
    length = ndim if length is None else length
    if length is None:
        raise TypeError(
            f"{where}: the length of the shape {vector!r} is not known, so the number of "
            "dimensions is not either; give a tuple of scalars or the static shape of the vector"
        )
    return [vector[k] for k in range(length)]


def as_scalar(size: Any) -> Any:
    """A size as an int64 scalar variable."""
    return size if isinstance(size, Variable) else constant(int(size), dtype="int64")
