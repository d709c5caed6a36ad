"""`vectorize_graph` as users call it: a graph over one or more new leading axes.

What is given is checked here; the rules for each kind of Op are in ``ops.batching``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..errors import ShapeError
from ..graph.basic import Variable
from ..graph.registry import register
from ..graph.tensor import TensorType, as_tensor
from ..ops.batching import batched, full
from ..ops.sizes import is_one, size_at
from ..ops.spots import Frame, Stacked, has_batch

__all__ = ["over_batch", "vectorize_graph"]


def over_batch(outputs: Sequence[Variable], arrays: Mapping[Variable, Any]) -> list[Any]:
    """``outputs`` with variables replaced by arrays that have one more dimension in front."""
    sizes = [size_at(v, 0) for v in arrays.values()]
    wide = [s for s in sizes if not is_one(s)]
    size = next((s for s in wide if isinstance(s, int)), wide[0] if wide else 1)
    frame = Frame([size])
    given = {x: Stacked(v, frame) for x, v in arrays.items()}
    found = batched(outputs, given, frame)
    return [full(v, frame) if has_batch(v) else v for v in found]


@register
def vectorize_graph(
    outputs: Any, replace: Mapping[Variable, Any] | Iterable[tuple[Variable, Any]]
) -> Any:
    """The same graph for many values at once, along new dimensions in front.

    Parameters
    ----------
    outputs : Variable, or list or tuple of Variable
    replace : mapping
        For some variables what takes their place: arrays of the same dtype with one or more
        dimensions in front. Those dimensions are aligned from the right; of size 1 they spread.

    Returns
    -------
    Variable, or list or tuple of Variable
        With the new dimensions in front of each output that depends on a variable replaced by an
        array that has them. What depends on none stays the same variable.

    Raises
    ------
    TypeError
        If something is no variable or has another dtype than what it replaces.
    ShapeError
        If a known size of a replacement does not fit.

    Notes
    -----
    Nothing loops over a compiled function: the new dimension is one more loop of the generated
    code, and what does not depend on it is computed once. A user's Op is called for each member.

    Examples
    --------
    >>> from numbagrad import tensor
    >>> x, xs = tensor.dvector("x"), tensor.dmatrix("xs")
    >>> vectorize_graph(x.sum(), {x: xs}).eval({xs: [[1.0, 2.0], [3.0, 4.0]]})
    array([3., 7.])
    """
    several = isinstance(outputs, (list, tuple))
    wanted = list(outputs) if several else [outputs]
    for v in wanted:
        if not isinstance(v, Variable):
            raise TypeError(f"outputs must be symbolic variables; got {v!r}")
    pairs = {x: _fitting(x, v) for x, v in dict(replace).items()}
    rounds = max((v.type.ndim - x.type.ndim for x, v in pairs.items()), default=0)
    # One new dimension at a time, the innermost first: x -> x1 -> x2 -> ..., where only the last
    # is the replacement itself.
    current: dict[Variable, Any] = {x: x for x in pairs}
    for k in range(1, rounds + 1):
        given = {}
        for x, v in pairs.items():
            extra = v.type.ndim - x.type.ndim
            if extra >= k:
                new = v if extra == k else TensorType(v.dtype, v.type.shape[extra - k :])()
                given[current[x]], current[x] = new, new
        wanted = over_batch(wanted, given)
    return type(outputs)(wanted) if several else wanted[0]


def _fitting(x: Any, v: Any) -> Any:
    """What takes the place of ``x``, as a tensor."""
    if not isinstance(x, Variable) or not isinstance(x.type, TensorType):
        raise TypeError(f"Only a tensor variable can be replaced; got {x!r}")
    new = as_tensor(v)
    if new.dtype != x.type.dtype:
        raise TypeError(
            f"What takes the place of {x!r} must have its dtype {x.type.dtype}; got {new.dtype}"
        )
    lead = new.ndim - x.type.ndim
    if lead < 1:
        raise ShapeError(
            f"What takes the place of {x!r} must have more than its {x.type.ndim} dimensions; "
            f"got {new.ndim}"
        )
    for known, size in zip(x.type.shape, new.type.shape[lead:], strict=True):
        if known is not None and size is not None and known != size:
            raise ShapeError(
                f"What takes the place of {x!r} of shape {x.type.shape} must have it in its last "
                f"dimensions; its shape is {new.type.shape}"
            )
    return new
