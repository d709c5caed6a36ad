"""Compiling without the garbage collector, which would walk over the whole graph again and again.

A graph is many small objects that stay: each time their number has grown by a quarter Python looks
at all of them, and finds nothing. That is a third of the time of compiling a large graph.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["uncollected"]

_lock = threading.Lock()
_within = 0
_was_enabled = False


@contextmanager
def uncollected() -> Iterator[None]:
    """The collector does not run by itself in the block; several threads may be in one.

    >>> import gc
    >>> with uncollected():
    ...     gc.isenabled()
    False
    >>> gc.isenabled()
    True
    """
    global _within, _was_enabled
    with _lock:
        if not _within:
            _was_enabled = gc.isenabled()
            gc.disable()
        _within += 1
    try:
        yield
    finally:
        with _lock:
            _within -= 1
            if not _within and _was_enabled:
                gc.enable()
