"""Kernels as machine code that compiled functions call: each made once in a process.

Their code stays in the process, and on disk beside the functions that call it, so that these find
it without translating or compiling anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from . import cache
from .content import kept_or_made
from .machine import MissingSymbolError, compile_text, keep
from .runtime import COMMON

if TYPE_CHECKING:
    from .direct.arrays import Common

__all__ = ["provide"]

#: Products of small matrices are two functions, of which this is the second.
_SECOND = "_transposed"

_known: set[str] = set()


def provide(outside: Iterable[str], made: Mapping[str, Common], level: int) -> None:
    """Have the kernels ready that machine code asks for.

    Parameters
    ----------
    outside : iterable of str
        The symbols that it needs; those of other things are left alone.
    made : mapping
        The kernels of which the text is at hand, by symbol.
    level : int
        Of optimisation, 0 to 3.

    Raises
    ------
    MissingSymbolError
        If the code of one is not on disk any more and its text is not at hand.
    """
    found: dict[str, cache.Stored] = {}
    open_ = [(outside, made)]
    while open_:
        symbols, texts = open_.pop()
        for symbol in symbols:
            name = symbol.removesuffix(_SECOND)
            if not name.startswith(COMMON) or name in _known or name in found:
                continue
            common = texts.get(name)
            found[name] = _code(name, common, level)
            open_.append((found[name].outside, common.common if common else {}))
    if found:
        second = [f"{name}{_SECOND}" for name in found if "small_product" in name]
        keep(list(found.values()), [*found, *second])
        _known.update(found)


def _code(name: str, common: Common | None, level: int) -> cache.Stored:
    """Machine code from disk, or made now."""

    def made() -> cache.Stored:
        if common is None:
            raise MissingSymbolError(name)
        code, outside = compile_text(common.text, common.borrowed, common.symbols, level)
        return cache.Stored(code, tuple(outside))

    return kept_or_made(name, made)
