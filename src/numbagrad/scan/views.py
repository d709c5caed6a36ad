"""Loops of simpler forms: map, reduce, foldl, foldr."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..graph.tensor import TensorType
from .loop import scan

__all__ = ["foldl", "foldr", "map", "reduce"]


def map(
    fn: Callable[..., Any],
    sequences: Any,
    non_sequences: Any = None,
    truncate_gradient: int = -1,
    go_backwards: bool = False,
    mode: Any = None,
    name: str | None = None,
    return_updates: bool = True,
) -> Any:
    """``fn`` of each element of the sequences: a loop in which nothing is fed back.

    Parameters and results are those of `scan`.

    >>> import numbagrad as ng
    >>> from numbagrad import tensor as T
    >>> X = T.dmatrix("X")
    >>> norms, updates = ng.map(lambda row: T.sqrt(T.dot(row, row)), X)
    >>> norms.eval({X: [[3.0, 4.0], [6.0, 8.0]]})
    array([ 5., 10.])
    """
    return scan(
        fn,
        sequences=sequences,
        non_sequences=non_sequences,
        truncate_gradient=truncate_gradient,
        go_backwards=go_backwards,
        mode=mode,
        name=name,
        return_updates=return_updates,
    )


def reduce(
    fn: Callable[..., Any],
    sequences: Any,
    outputs_info: Any,
    non_sequences: Any = None,
    go_backwards: bool = False,
    mode: Any = None,
    name: str | None = None,
    return_updates: bool = True,
) -> Any:
    """What a loop over the sequences ends with: the last value of each output.

    Parameters are those of `scan`. For no elements at all there is no last value, which is an
    error.

    >>> import numbagrad as ng
    >>> from numbagrad import tensor as T
    >>> x = T.dvector("x")
    >>> total, updates = ng.reduce(lambda element, total: total + element, x, 0.0)
    >>> total.eval({x: [1.0, 2.0, 3.0]})
    array(6.)
    """
    made = scan(
        fn,
        sequences=sequences,
        outputs_info=outputs_info,
        non_sequences=non_sequences,
        go_backwards=go_backwards,
        mode=mode,
        name=name,
        return_updates=return_updates,
    )
    outputs, updates = made if return_updates else (made, None)
    ends = [_last(v) for v in outputs] if isinstance(outputs, list) else _last(outputs)
    return (ends, updates) if return_updates else ends


def _last(trace: Any) -> Any:
    """The value after the last step, under the name of all of them."""
    if trace is None or not isinstance(trace.type, TensorType):
        return trace
    last = trace[-1]
    last.name = trace.name
    return last


def foldl(
    fn: Callable[..., Any],
    sequences: Any,
    outputs_info: Any,
    non_sequences: Any = None,
    mode: Any = None,
    name: str | None = None,
    return_updates: bool = True,
) -> Any:
    """`reduce` from the first element to the last.

    >>> import numbagrad as ng
    >>> from numbagrad import tensor as T
    >>> digits = T.lvector("digits")
    >>> number, updates = ng.foldl(lambda digit, number: 10 * number + digit, digits, 0)
    >>> number.eval({digits: [1, 2, 3]})
    array(123)
    """
    return reduce(fn, sequences, outputs_info, non_sequences, False, mode, name, return_updates)


def foldr(
    fn: Callable[..., Any],
    sequences: Any,
    outputs_info: Any,
    non_sequences: Any = None,
    mode: Any = None,
    name: str | None = None,
    return_updates: bool = True,
) -> Any:
    """`reduce` from the last element to the first.

    >>> import numbagrad as ng
    >>> from numbagrad import tensor as T
    >>> digits = T.lvector("digits")
    >>> number, updates = ng.foldr(lambda digit, number: 10 * number + digit, digits, 0)
    >>> number.eval({digits: [1, 2, 3]})
    array(321)
    """
    return reduce(fn, sequences, outputs_info, non_sequences, True, mode, name, return_updates)
