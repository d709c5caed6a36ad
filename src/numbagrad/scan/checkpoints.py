"""scan_checkpoints: a loop over loops, of which only the ends are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..graph.registry import OPS
from ..graph.tensor import TensorType
from ..graph.traverse import clone_replace
from ..ops.indexing import part
from ..ops.joining import join
from ..ops.shape import reshape
from ..ops.sizes import as_length, shape_tuple
from .arguments import Output, complaint, read_non_sequences, read_outputs, read_sequences
from .loop import scan
from .steps import Length, elements_of, number_of_steps, takes_all

__all__ = ["scan_checkpoints"]


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
    """A loop of which every N-th value is given, and no other kept, for derivatives neither.

    ``scan(..., checkpoint=N)`` saves as much memory in derivatives, gives all values, and may look
    back further than one step.

    Parameters
    ----------
    fn, sequences, outputs_info, non_sequences, name, n_steps, return_updates
        As in `scan`; states look back one step. ``fn`` is called twice.
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
    >>> powers, updates = ng.scan_checkpoints(
    ...     lambda x: 2 * x, outputs_info=1, n_steps=10, save_every_N=4
    ... )
    >>> powers.eval()
    array([  16,  256, 1024])
    """
    every = as_length(save_every_N, complaint("save_every_N"))
    if not isinstance(every, int) or every < 1:
        raise ValueError(complaint(f"save_every_N must be a positive integer; got {every!r}"))
    infos, passed = read_outputs(outputs_info), read_non_sequences(non_sequences)
    further = [o for o in infos if o.rows]
    if further:
        words = f"scan_checkpoints looks back one step; {further[0].label} has {further[0].taps}"
        raise ValueError(complaint(f"{words}. Use scan(..., checkpoint={every})"))
    sources = read_sequences(sequences)
    n = number_of_steps(n_steps, sources, ends=False)
    arrays = [a for s in sources for a in elements_of(s, n, False, whole=takes_all(n_steps, s))]
    outputs, updates = _segments(fn, arrays, infos, passed, n, every)
    if not isinstance(n, int) or n % every:
        outputs, updates = _with_rest(fn, arrays, outputs, updates, infos, passed, n, every)
    made: Any = outputs[0] if len(outputs) == 1 else outputs or None
    return (made, updates) if return_updates else made


def _segments(
    fn: Callable[..., Any],
    arrays: Sequence[Any],
    infos: Sequence[Output],
    passed: Sequence[Any],
    n: Length,
    every: int,
) -> tuple[list[Any], dict[Any, Any]]:
    """A loop over the segments of ``every`` steps: the values at their ends."""
    count = n // every if isinstance(n, int) else OPS["floor_div"](n, every)
    fed = [o.initial is not None for o in infos]

    def segment(*arguments: Any) -> Any:
        parts, earlier = arguments[: len(arrays)], iter(arguments[len(arrays) :])
        begin = [next(earlier) if f else None for f in fed]
        inner, changed = scan(fn, parts, begin, passed, n_steps=every, return_list=True)
        return [_end(v) for v in inner], changed

    blocks = [
        reshape(part(a, 0, 0, count * every), (count, every, *shape_tuple(a)[1:])) for a in arrays
    ]
    starts = [o.initial for o in infos]
    # A segment's own steps are made again on the way back, where they are needed.
    made: tuple[list[Any], dict[Any, Any]] = scan(
        segment, blocks, starts, n_steps=count, return_list=True, checkpoint=1
    )
    return made


def _with_rest(
    fn: Callable[..., Any],
    arrays: Sequence[Any],
    ends: Sequence[Any],
    updates: dict[Any, Any],
    infos: Sequence[Output],
    passed: Sequence[Any],
    n: Length,
    every: int,
) -> tuple[list[Any], dict[Any, Any]]:
    """The ends of segments, and what the steps behind the last whole one lead to."""
    infos = list(infos) or [Output("", None, []) for _ in ends]
    left = n % every if isinstance(n, int) else OPS["mod"](n, every)
    done = n - left if isinstance(n, int) and isinstance(left, int) else OPS["sub"](n, left)
    begin = [
        None if o.initial is None else _last(o.initial, e) for o, e in zip(infos, ends, strict=True)
    ]
    rests = [part(a, 0, done, left) for a in arrays]
    outputs, changed = scan(fn, rests, begin, passed, n_steps=left, return_list=True)
    # What the segments made of the shared variables is what the rest begins with.
    both = clone_replace([*outputs, *changed.values()], updates)
    joined = [
        join(0, e, v[-1:]) if isinstance(v.type, TensorType) else v
        for e, v in zip(ends, both, strict=False)
    ]
    for made, end in zip(joined, ends, strict=True):
        made.name = end.name
    return joined, dict(zip(changed, both[len(outputs) :], strict=True))


def _end(trace: Any) -> Any:
    return trace[-1] if isinstance(trace.type, TensorType) else trace


def _last(initial: Any, ends: Any) -> Any:
    """The state behind all whole segments; the initial one if there is none."""
    if not isinstance(ends.type, TensorType):
        return ends
    first = OPS["dimshuffle"](OPS["cast"](initial, ends.dtype), ["x", *range(ends.ndim - 1)])
    return join(0, first, ends)[-1]
