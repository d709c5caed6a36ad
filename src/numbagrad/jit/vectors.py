"""Elementary functions as machine code that compiled functions call: each made once in a process.

Which they are, and their texts, is `kernels`' matter. Their code stays in the process, and on disk
beside the functions that call it, so that these find it without compiling.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..config import config
from ..kernels._elementary import called_name, called_symbol, called_text, widths
from . import cache
from .content import key_of_text
from .machine import compile_functions, keep, lanes

__all__ = ["provide"]

_known: set[str] = set()


def provide(outside: Iterable[str]) -> None:
    """Have the elementary functions ready that machine code asks for.

    Parameters
    ----------
    outside : iterable of str
        The symbols that it needs; those of other things are left alone.
    """
    for name in outside:
        if name in _known or (found := called_name(name)) is None:
            continue
        function, single = found
        wide = widths(lanes(), single)
        symbols = [called_symbol(function, single, n) for n in (1, *wide)]
        key = key_of_text(repr(symbols)) if config.cache else None
        stored = cache.load(key) if key is not None else None
        if stored is None:
            code, others = compile_functions(called_text(function, single, wide), symbols)
            stored = cache.Stored(code, tuple(others))
            if key is not None:
                cache.store(key, stored)
        keep([stored], symbols)
        _known.update(symbols)
