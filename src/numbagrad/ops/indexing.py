"""What users write to index: ``x[i]``, ``x[i].set(v)``, ``x[i].inc(v)``.

The index is read here, with all mistakes that show without values; the Ops are in ``subtensor``.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..graph.basic import Constant, Variable
from ..graph.registry import OPS, register
from ..graph.tensor import TensorConstant, TensorType, as_tensor, constant
from .index_patterns import ARRAY, FULL, IN, NEW, Part, Span, show
from .shape import MakeVector, make_vector, specify_shape
from .sizes import as_length, size_at
from .structure import DimShuffle, dimshuffle
from .subtensor import AdvancedIncSubtensor, AdvancedSubtensor, IncSubtensor, Subtensor

__all__ = ["inc_subtensor", "set_subtensor", "subtensor"]


@register
def subtensor(x: Any, index: Any) -> Any:
    """``x[index]``, as in NumPy.

    Parameters
    ----------
    x : tensor
    index : int, slice, None, ``...``, integer scalar, integer or boolean array, or a tuple of these
        Bounds of slices may be symbolic.

    Raises
    ------
    IndexError
        If there are too many items, or one is known to be out of bounds; an index that turns out
        to be out of bounds is an IndexError when the function runs.
    TypeError
        If an item is no index, such as a float.

    Examples
    --------
    >>> subtensor([1, 2, 3], slice(None, None, -1)).eval()
    array([3, 2, 1])
    """
    x = as_tensor(x)
    pattern, inputs = _read_index(x, index if isinstance(index, tuple) else (index,))
    known = _of_known_elements(x, pattern)
    if known is not None:
        return known
    make = AdvancedSubtensor if ARRAY in pattern else Subtensor
    return make(pattern=tuple(pattern))(x, *inputs)


def _of_known_elements(x: Any, pattern: list[Any]) -> Any:
    """A part of a vector of whole numbers, such as a shape, without a node for the whole."""
    if x.ndim != 1 or len(pattern) != 1 or x.dtype != "int64":
        return None
    entry = pattern[0]
    vector = x.owner is not None and isinstance(x.owner.op, MakeVector)
    sizes = isinstance(x, TensorConstant) and x.data.size <= 32
    if not (vector or sizes):
        return None
    if isinstance(entry, int):
        length = x.type.shape[0]
        if not -length <= entry < length:
            raise IndexError(f"Index {entry} is out of bounds for a vector of {length} elements")
        return x.owner.inputs[entry] if vector else constant(x.data[entry])
    if isinstance(entry, Span) and IN not in entry:
        items = x.owner.inputs[slice(*entry)] if vector else x.data[slice(*entry)]
        return make_vector(*items)
    return None


def part(x: Any, axis: int, start: Any, length: Any) -> Any:
    """``length`` elements of ``x`` along ``axis`` from ``start`` on, which are known to exist."""
    pattern: list[Any] = [FULL] * x.ndim
    given = [p for p in (start, length) if isinstance(p, Variable)]
    pattern[axis] = Part(*(IN if isinstance(p, Variable) else p for p in (start, length)))
    return Subtensor(pattern=tuple(pattern))(x, *given)


# -- reading an index ------------------------------------------------------------------------------


def _read_index(x: Any, items: tuple[Any, ...]) -> tuple[list[Any], list[Any]]:
    """The pattern of an index, and the inputs it takes."""
    prepared = [_prepared(item, x) for item in items]
    takes = [_dimensions_taken(item) for item in prepared]
    if sum(item is Ellipsis for item in prepared) > 1:
        raise IndexError("An index can have only one ellipsis (...)")
    left = x.ndim - sum(takes)
    if left < 0:
        raise IndexError(
            f"Too many indices: {sum(takes)} for {x.name or 'an array'} of {x.ndim} dimensions "
            f"with shape {x.type.shape}"
        )
    if not any(item is Ellipsis for item in prepared):
        prepared.append(Ellipsis)
        takes.append(0)
    pattern: list[Any] = []
    inputs: list[Any] = []
    axis = 0
    for item, count in zip(prepared, takes, strict=True):
        if item is None:
            pattern.append(NEW)
        elif item is Ellipsis:
            pattern += [FULL] * left
            axis += left
        elif isinstance(item, slice):
            pattern.append(Span(*(_bound(p, inputs) for p in (item.start, item.stop, item.step))))
            if isinstance(pattern[-1].step, int) and pattern[-1].step == 0:
                raise ValueError("The step of a slice can not be zero")
        elif isinstance(item, int):
            _check_static(item, axis, x)
            pattern.append(item)
        elif item.dtype == "bool":
            arrays = _positions(item, x, axis)
            pattern += [ARRAY] * len(arrays)
            inputs += arrays
        else:
            pattern.append(ARRAY if item.ndim else IN)
            inputs.append(item)
        axis += count
    return pattern, inputs


def _dimensions_taken(item: Any) -> int:
    if item is None or item is Ellipsis:
        return 0
    if isinstance(item, Variable) and item.type.dtype == "bool":
        return item.type.ndim
    return 1


def _prepared(item: Any, x: Any) -> Any:
    """None, an ellipsis, a slice, an int or an integer or boolean tensor."""
    if item is None or item is Ellipsis or isinstance(item, slice):
        return item
    if isinstance(item, (list, tuple)) and not any(isinstance(i, Variable) for i in item):
        array = np.asarray(item)
        item = array.astype("int64") if array.size == 0 else array
    if isinstance(item, (list, tuple, np.ndarray)):
        item = as_tensor(item)
    if isinstance(item, Variable):
        if not isinstance(item.type, TensorType):
            raise TypeError(f"{item!r} of type {item.type} is no index")
        if item.type.dtype == "bool" and item.type.ndim == 0:
            raise TypeError(
                f"A boolean scalar is no index of {x!r}: use switch to choose by a condition"
            )
        if item.type.dtype.startswith(("float", "complex")):
            raise TypeError(f"An index must be an integer; got {item!r} of dtype {item.type.dtype}")
        if isinstance(item, Constant) and item.type.ndim == 0:
            return int(item.data)
        return item
    if isinstance(item, (bool, np.bool)):
        raise TypeError(f"{item} is no index: an index must be an integer, a slice or an array")
    try:
        return operator.index(item)
    except TypeError:
        raise TypeError(
            "An index must be an integer, a slice, None, '...', or an integer or boolean array; "
            f"got {item!r}"
        ) from None


def _bound(bound: Any, inputs: list[Any]) -> Any:
    if bound is None:
        return None
    if isinstance(bound, (bool, np.bool)):
        raise TypeError(f"A bound of a slice must be an integer; got {bound}")
    bound = as_length(bound, "A bound of a slice")
    if isinstance(bound, int):
        return bound
    inputs.append(bound)
    return IN


def _check_static(i: int, axis: int, x: Any) -> None:
    n = x.type.shape[axis]
    if n is not None and not -n <= i < n:
        raise IndexError(
            f"Index {i} is out of bounds for axis {axis} of {x.name or 'an array'} "
            f"with shape {x.type.shape}"
        )


def _positions(mask: Any, x: Any, axis: int) -> list[Any]:
    """The places where a mask holds, one array for each of its dimensions."""
    for k, (size, wanted) in enumerate(
        zip(mask.type.shape, x.type.shape[axis : axis + mask.ndim], strict=True)
    ):
        if size is not None and wanted is not None and size != wanted:
            raise IndexError(
                f"A boolean index of shape {mask.type.shape} does not fit dimension {axis + k} "
                f"of {x.name or 'an array'} with shape {x.type.shape}"
            )
    wanted = [size_at(x, axis + k) for k in range(mask.ndim)]
    if isinstance(mask, Constant) and all(isinstance(n, int) for n in wanted):
        return [constant(i) for i in np.nonzero(mask.data)]
    return list(OPS["nonzero"](specify_shape(mask, wanted)))


# -- writing ---------------------------------------------------------------------------------------


@register
def set_subtensor(
    x: Any, y: Any, inplace: bool = False, tolerate_inplace_aliasing: bool = False
) -> Any:
    """``set_subtensor(x[i], y)``: the whole of ``x`` with the part selected replaced by ``y``.

    Parameters
    ----------
    x : tensor
        An indexed variable, such as ``x[1:]`` (or a transpose or the like of one).
    y : tensor
        Spread to the shape of the part. Where an index array selects a place twice, the last
        value stays.
    inplace, tolerate_inplace_aliasing : bool
        Accepted for Theano's sake: compiled code works in place where nobody can tell.

    Raises
    ------
    TypeError
        If ``x`` was not made by indexing, or ``y`` can not be cast to its dtype.
    ShapeError
        If ``y`` does not fit the part.

    Examples
    --------
    >>> set_subtensor(as_tensor([1.0, 2.0, 3.0])[:2], 0).eval()
    array([0., 0., 3.])
    """
    return _written(x, y, True, "set_subtensor")


@register
def inc_subtensor(
    x: Any,
    y: Any,
    inplace: bool = False,
    set_instead_of_inc: bool = False,
    tolerate_inplace_aliasing: bool = False,
    ignore_duplicates: bool = False,
) -> Any:
    """``inc_subtensor(x[i], y)``: the whole of ``x`` with ``y`` added to the part selected.

    Parameters
    ----------
    x, y, inplace, tolerate_inplace_aliasing
        As in `set_subtensor`. Where an index array selects a place twice, both values are added.
    set_instead_of_inc : bool
        The same as `set_subtensor`.
    ignore_duplicates : bool
        Add only the last value to a place that is selected twice, as ``x[i] += y`` does in NumPy.

    Examples
    --------
    >>> inc_subtensor(as_tensor([1.0, 2.0])[[0, 0]], 5).eval()
    array([11.,  2.])
    """
    if ignore_duplicates and not set_instead_of_inc:
        return _written(x, OPS["add"](x, y), True, "inc_subtensor")
    return _written(x, y, set_instead_of_inc, "inc_subtensor")


def _written(selected: Any, y: Any, replace: bool, where: str) -> Any:
    node = getattr(selected, "owner", None)
    if not isinstance(y, Variable):
        y = _value(y, selected)
    y = as_tensor(y)
    while node is not None and isinstance(node.op, DimShuffle):
        y = _shuffled_back(y, node, where)
        selected, node = node.inputs[0], node.inputs[0].owner
    if node is None or not isinstance(node.op, (Subtensor, AdvancedSubtensor)):
        raise TypeError(
            f"{where} takes an indexed variable, such as {where}(x[1:], y) or x[1:].set(y); "
            f"got {selected!r}"
        )
    for size, wanted in zip(y.type.shape[::-1], selected.type.shape[::-1], strict=False):
        if None not in (size, wanted) and size not in (1, wanted):
            raise ShapeError(
                f"{where}: a value of shape {y.type.shape} does not fit the part "
                f"{show(node.op.pattern)} of shape {selected.type.shape}"
            )
    make = IncSubtensor if isinstance(node.op, Subtensor) else AdvancedIncSubtensor
    x, *index = node.inputs
    return make(pattern=node.op.pattern, set=replace)(x, y, *index)


def _value(y: Any, selected: Any) -> Any:
    """A Python number takes the dtype of the array it is written into."""
    if type(y) in (bool, int, float, complex):
        made, dtype = constant(y), selected.type.dtype
        # A kind that does not fit is refused by the Op, which names both dtypes.
        return constant(y, dtype=dtype) if np.can_cast(made.dtype, dtype, "same_kind") else made
    return as_tensor(y)


def _shuffled_back(y: Any, node: Any, where: str) -> Any:
    """``y``, which is for the output of a dimshuffle, as it is for its input."""
    order = node.op.new_order
    if y.ndim == 0:
        return y
    if y.ndim > len(order):
        raise ShapeError(
            f"{where}: a value of shape {y.type.shape} does not fit a part of shape "
            f"{node.outputs[0].type.shape}"
        )
    y = dimshuffle(y, ["x"] * (len(order) - y.ndim) + list(range(y.ndim)))
    back: list[Any] = ["x"] * node.inputs[0].type.ndim
    for place, k in enumerate(order):
        if k != "x":
            back[k] = place
    return dimshuffle(y, back)
