"""Stages run with several threads: portions of rows, and the sum of what they give.

Threads are Python's own and compiled code runs without the interpreter's lock, so nothing here can
end the process: a fork gets threads of its own, and calls within calls or from several threads at
once wait for nobody. Where portions begin depends on the sizes alone and parts are added in their
order: the same numbers for any number of threads.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from ..codegen.portions import Shared, Stage

__all__ = ["Staged", "thread_count"]

#: How many portions the rows of a loop come in, and from how many operations on.
PORTIONS = 16
LEAST_WORK = 200_000.0
#: Arguments of fewer elements than this are computed with as a whole, without stages.
SMALL = 2_000

_pool: tuple[int, ThreadPoolExecutor] | None = None
_pool_lock = threading.Lock()


def _after_fork() -> None:
    """Threads do not survive a fork, and the lock may be held by one of them."""
    global _pool, _pool_lock
    _pool, _pool_lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def thread_count() -> int:
    """How many threads a function may use: ``NUMBA_NUM_THREADS``, or one a processor."""
    given = os.environ.get("NUMBA_NUM_THREADS", "")
    if given.isdigit() and int(given):
        return int(given)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _helpers(count: int) -> ThreadPoolExecutor:
    """This process's own helping threads."""
    global _pool
    with _pool_lock:
        if _pool is None or _pool[0] < count:
            _pool = count, ThreadPoolExecutor(count, thread_name_prefix="numbagrad")
        return _pool[1]


class Staged:
    """A function in stages, called like the compiled core.

    Parameters
    ----------
    stages : sequence of (Stage, callable)
        Each with what it was compiled to.
    names : sequence of str
        What the arguments are called in the stages.
    core : callable
        The function as a whole, for arguments so small that stages would only cost.
    own : bool
        Whether these return arrays only: several in a list, 0-d ones for numbers.
    """

    def __init__(
        self,
        stages: Sequence[tuple[Stage, Callable[..., Any]]],
        names: Sequence[str],
        core: Callable[..., Any],
        own: bool,
    ):
        self.own = own
        self.names = tuple(names)
        self.core = core
        self.rows = [
            (
                function,
                [name for name, _, _ in stage.program.parameters],
                [(name, dtype) for name, dtype, _ in stage.program.results],
                stage.shared,
            )
            for stage, function in stages
        ]

    def __call__(self, *values: Any) -> Any:
        if all(getattr(v, "size", 1) < SMALL for v in values):
            return self.core(*values)
        known = dict(zip(self.names, values, strict=True))
        made: Any = None
        for function, takes, gives, shared in self.rows:
            if shared is not None:
                self._share(function, takes, gives, shared, known)
                continue
            made = function(*[known[n] for n in takes])
            results = made if len(gives) > 1 else (made,) if gives else ()
            known.update(zip((n for n, _ in gives), results, strict=True))
        return made

    def _share(
        self,
        function: Callable[..., Any],
        takes: Sequence[str],
        gives: Sequence[tuple[str, str]],
        shared: Shared,
        known: dict[str, Any],
    ) -> None:
        """Run a loop in portions and add its parts to what they belong to."""
        rows = int(known[shared.rows])
        count = min(PORTIONS, rows) if known[shared.work] >= LEAST_WORK else 1
        rest = [known[shared.whole.get(n, n)] for n in takes[2:]]
        bounds = [rows * k // count for k in range(count + 1)] if count else [0, 0]

        def portion(k: int) -> Any:
            return function(bounds[k], bounds[k + 1], *rest)

        parts = _in_threads(portion, max(count, 1))
        # Compiled code says nothing of overflow or of inf - inf, nor does this.
        with np.errstate(all="ignore"):
            for part in parts:
                values = part if len(gives) > 1 else (part,)
                for (name, dtype), value in zip(gives, values, strict=False):
                    if isinstance(known[name], np.ndarray):
                        known[name] += value
                    else:
                        kind = np.dtype(dtype).type
                        known[name] = kind(known[name]) + kind(value)


def _in_threads(portion: Callable[[int], Any], count: int) -> list[Any]:
    """``[portion(0), ..., portion(count - 1)]``, by this thread and as many others as there are."""
    results: list[Any] = [None] * count
    others = min(thread_count(), count) - 1
    if others < 1:
        return [portion(k) for k in range(count)]
    waiting = iter(range(count))
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                k = next(waiting, None)
            if k is None:
                return
            results[k] = portion(k)

    helpers = _helpers(others)
    started: list[Future[None]] = [helpers.submit(work) for _ in range(others)]
    try:
        work()
    finally:
        # One that has not begun yet will find nothing left to do: nobody waits for it.
        waited = [future for future in started if not future.cancel()]
        errors = [future.exception() for future in waited]
    for error in errors:
        if error is not None:
            raise error
    return results
