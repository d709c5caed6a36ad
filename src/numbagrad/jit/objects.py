"""Printed source to an object file, by `direct` alone where it can be.

What builds functions imports this only when something has to be compiled.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from ..codegen.emit import Emitted
from ..codegen.program import Program
from ..config import config
from . import borrowed, cache
from .content import key_of_function
from .direct import Unknown, translate
from .direct.arrays import Borrowed, Common
from .direct.layout import Kind
from .direct.source import Translated, common_kernel
from .entry import entry_text
from .machine import compile_text, lanes, optimised_text, supported
from .signature import ENTRY, Argument

__all__ = ["Unknown", "code_with_lines", "compiled", "translated"]


def translated(
    program: Program,
    emitted: Emitted,
    fastmath: bool,
    make: Callable[[], Any],
    kept: list[Any],
    level: int,
) -> Translated:
    """The source in LLVM IR; or a call of what Numba makes of it, which ``kept`` then keeps."""
    try:
        return _translated(program, emitted, fastmath, level)
    except (Unknown, RecursionError):
        pass
    kept[0] = make()
    kinds, wanted = _kinds(program)
    names = ", ".join(f"a{k}" for k in range(len(kinds)))
    source = f"def main({names}):\n    return compiled({names})\n"
    return translate(source, "main", kinds, {"compiled": kept[0]}, fastmath, _borrow, wanted)


def _translated(
    program: Program, emitted: Emitted, fastmath: bool, level: int, lines: bool = False
) -> Translated:
    """The source in LLVM IR; `Unknown` if it has something that is not known."""
    kinds, wanted = _kinds(program)
    return translate(
        emitted.source,
        emitted.name,
        kinds,
        program.namespace,
        fastmath,
        _borrow,
        wanted,
        lanes(),
        lines,
        lambda function, kinds, flags: _common(function, tuple(kinds), flags, level),
    )


@lru_cache(maxsize=4096)
def _common(function: Any, kinds: tuple[Kind, ...], flags: str, level: int) -> Common | None:
    """A kernel in machine code of its own, if it may have that."""
    return common_kernel(function, kinds, flags, level, _borrow)


def _kinds(program: Program) -> tuple[list[Kind], list[Kind]]:
    """What the function takes and returns."""
    kinds: list[Kind] = [(dtype, ndim or None) for _, dtype, ndim in program.parameters]
    return kinds, [(dtype, ndim or None) for _, dtype, ndim in program.results]


def code_with_lines(program: Program, emitted: Emitted, fastmath: bool, level: int) -> str | None:
    """LLVM's optimised code with the lines of the source; ``None`` where Numba has to make it."""
    if config.compiler != "direct" or not supported() or "objmode" in emitted.source:
        return None
    try:
        made = _translated(program, emitted, fastmath, level, lines=True)
    except (Unknown, RecursionError):
        return None
    others = [function.text for function in made.borrowed.values()]
    return optimised_text(made.text, others, [made.symbol], level)


@lru_cache(maxsize=4096)
def _borrow(target: Any, kinds: tuple[Kind, ...]) -> Borrowed:
    """A function of Numba's, from the disk if another process had it compiled."""
    key = key_of_function(target, kinds) if config.cache else None
    stored = cache.load(key) if key is not None else None
    if stored is not None:
        symbol, results = stored.outside[0], json.loads(stored.outside[1])
        text = zlib.decompress(stored.code).decode()
        return Borrowed(symbol, tuple((dtype, ndim) for dtype, ndim in results), text)
    made = borrowed.borrow(target, kinds)
    if key is not None:
        packed = zlib.compress(made.text.encode(), 1)
        cache.store(key, cache.Stored(packed, (made.symbol, json.dumps(made.results))))
    return made


def compiled(
    made: Translated, arguments: Sequence[Argument], as_list: bool, level: int
) -> cache.Stored:
    """The object file of translated code with its entry."""
    text = made.text + entry_text(arguments, made.results, made.symbol, as_list)
    others = [function.text for function in made.borrowed.values()]
    code, outside = compile_text(text, others, [ENTRY], level)
    return cache.Stored(code, tuple(outside))
