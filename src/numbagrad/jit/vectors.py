"""Elementary functions as machine code that compiled functions call: each made once in a process.

Which they are, and their texts, is `kernels`' matter. Their code stays in the process, and on disk
beside the functions that call it, so that these find it without compiling.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from ..kernels._elementary import called_name, called_symbol, called_text, widths
from . import cache
from .content import kept_or_made
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
        make = partial(_made, function, single, wide, symbols)
        keep([kept_or_made(repr(symbols), make)], symbols)
        _known.update(symbols)


def _made(function: str, single: bool, wide: Sequence[int], symbols: Sequence[str]) -> cache.Stored:
    code, others = compile_functions(called_text(function, single, wide), symbols)
    return cache.Stored(code, tuple(others))
