"""Loops of simpler forms: map, reduce, foldl, foldr; and scan_checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..graph.registry import OPS
from ..graph.tensor import TensorType
from ..ops.constructors import arange
from ..ops.sizes import as_length
from .arguments import complaint, read_outputs
from .loop import scan

__all__ = ["foldl", "foldr", "map", "reduce", "scan_checkpoints"]


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


def scan_checkpoints(
    fn: Callable[..., Any],
    sequences: Any = None,
    outputs_info: Any = None,
    non_sequences: Any = None,
    name: str | None = "checkpointscan_fn",
    n_steps: Any = None,
    save_every_N: int = 10,
    padding: bool = True,
    return_updates: bool = True,
) -> Any:
    """A loop that gives every N-th value only, and keeps no others for its derivatives.

    Parameters
    ----------
    fn, sequences, outputs_info, non_sequences, name, n_steps, return_updates
        As in `scan`; states look back one step.
    save_every_N : int
        How many steps lie between two values.
    padding : bool
        Accepted for Theano's sake: any number of steps is right here.

    Returns
    -------
    outputs, updates
        As of `scan`; of each output the values after steps N, 2 N, ... and after the last.

    Raises
    ------
    ValueError
        If ``save_every_N`` is not positive or a state looks further back than one step.

    Examples
    --------
    >>> import numbagrad as ng
    >>> from numbagrad.scan import scan_checkpoints
    >>> powers, updates = scan_checkpoints(
    ...     lambda x: 2 * x, outputs_info=1, n_steps=10, save_every_N=4
    ... )
    >>> powers.eval()
    array([  16,  256, 1024])
    """
    every = as_length(save_every_N, "save_every_N")
    if not isinstance(every, int) or every < 1:
        raise ValueError(complaint(f"save_every_N must be a positive integer; got {every!r}"))
    further = [o for o in read_outputs(outputs_info) if o.rows]
    if further:
        words = f"scan_checkpoints looks back one step; {further[0].label} has {further[0].taps}"
        raise ValueError(complaint(f"{words}. Use scan(..., checkpoint={every})"))
    outputs, updates = scan(
        fn,
        sequences=sequences,
        outputs_info=outputs_info,
        non_sequences=non_sequences,
        n_steps=n_steps,
        name=name,
        return_list=True,
        checkpoint=every,
    )
    kept: Any = [_every(trace, every) for trace in outputs]
    kept = kept[0] if len(kept) == 1 else kept or None
    return (kept, updates) if return_updates else kept


def _every(trace: Any, every: int) -> Any:
    """The values after each ``every`` steps and after the last."""
    if not isinstance(trace.type, TensorType):
        return trace
    n = trace.shape[0]
    ends = (arange(OPS["floor_div"](n + (every - 1), every)) + 1) * every
    made = trace[OPS["minimum"](ends, n) - 1]
    made.name = trace.name
    return made
