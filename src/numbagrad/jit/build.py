"""A Program made callable: which way it goes from source to machine code, and what that took.

The way is `direct` where it can be. Source that it does not know is compiled by Numba and called
through the same entry; source that leaves compiled code, complex numbers, and interpreters whose
objects look otherwise get Numba's own dispatcher. What was compiled before is only loaded: nothing
that translates or compiles is imported for that.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..config import config
from ..kernels._elementary import CALLED
from ..lazy import lazy_module
from ..records import record
from . import cache, commons, numbas, objects, vectors
from .content import key_of
from .machine import Loaded, MissingSymbolError, supported
from .signature import ENTRY, Argument

if TYPE_CHECKING:
    from ..codegen.emit import Emitted
    from ..codegen.program import Program
    from .direct.arrays import Common

__all__ = ["Built", "again", "bind_constants", "build"]

#: Printing: what was compiled before is printed again for Numba alone.
emit = lazy_module("numbagrad.codegen.emit")

_lock = threading.RLock()


@record()
class Built:
    """A compiled function.

    Attributes
    ----------
    seconds : dict
        What ``printing`` left: ``typing`` and ``llvm``.
    enter : callable or None
        ``enter(slow, failed)`` gives the function to be called from Python, see ``entry``; ``None``
        where only the dispatcher can be called.
    cache : {"hit", "miss", "off"}
        Whether the machine code came from the disk cache.
    key : str or None
        What the disk cache knows it by.
    """

    seconds: dict[str, float]
    enter: Callable[[Any, Any], Any] | None
    _make: Callable[[], Any]
    _dispatcher: Any = None
    cache: str = "off"
    key: str | None = None

    @property
    def dispatcher(self) -> Any:
        """Numba's dispatcher of the printed function, compiled when it is first asked for."""
        with _lock:
            if self._dispatcher is None:
                self._dispatcher = self._make()
        return self._dispatcher


def bind_constants(program: Program, core: Any, constants: Sequence[Any], fastmath: bool) -> Any:
    """The compiled function without its last arguments, which are frozen into it."""
    return numbas.bind_constants(program, core, constants, fastmath)


def build(
    program: Program,
    emitted: Emitted,
    fastmath: bool,
    shapes: Sequence[tuple[int | None, ...]],
    strict: Sequence[bool],
    as_list: bool,
    level: int = 3,
) -> Built:
    """Compile printed code.

    Parameters
    ----------
    program : Program
    emitted : Emitted
    fastmath : bool
    shapes : sequence of tuple
        The sizes of each argument that are fixed.
    strict : sequence of bool
        For each argument whether only an ndarray will do.
    as_list : bool
        Whether a call returns a list.
    level : int
        How much LLVM does, 0 to 3.

    Raises
    ------
    CompilationError
        If Numba refuses it, which is a defect of numbagrad.
    """

    def make() -> Any:
        return _for_numba(program, emitted, fastmath)

    begin = time.perf_counter()
    if config.compiler == "direct" and supported() and "objmode" not in emitted.source:
        arguments = [
            Argument((dtype, ndim or None), tuple(shape), only)
            for (_, dtype, ndim), shape, only in zip(
                program.parameters, shapes, strict, strict=True
            )
        ]
        kept: list[Any] = [None]
        with _lock:
            key = key_of(program, emitted, (arguments, as_list, fastmath, level))
            key = key if config.cache else None
            loaded = _from_cache(key)
            if loaded is not None:
                seconds = {"typing": 0.0, "llvm": time.perf_counter() - begin}
                return Built(seconds, _Enter(loaded), make, None, "hit", key)
            try:
                translated = objects.translated(program, emitted, fastmath, make, kept, level)
                typed = time.perf_counter()
                stored = objects.compiled(translated, arguments, as_list, level)
                loaded = _loaded(stored, translated.common, level)
            except (objects.Unknown, MissingSymbolError):
                pass
            else:
                seconds = {"typing": typed - begin, "llvm": time.perf_counter() - typed}
                if key is not None:
                    cache.store(key, stored)
                state = "off" if key is None else "miss"
                return Built(seconds, _Enter(loaded), make, kept[0], state, key)
    main = make()
    seconds = {"typing": time.perf_counter() - begin, "llvm": 0.0}
    return Built(seconds, None, make, main)


def again(key: str, printed: Callable[[], tuple[Program, Emitted, bool]]) -> Built | None:
    """What was built before, from its key alone; ``None`` where it is not to be had.

    Parameters
    ----------
    key : str
    printed : callable
        Gives the Program, how it is printed, and ``fastmath``, if Numba has to compile it.
    """
    begin = time.perf_counter()
    if config.compiler != "direct" or not supported():
        return None
    with _lock:
        loaded = _from_cache(key)
    if loaded is None:
        return None
    seconds = {"typing": 0.0, "llvm": time.perf_counter() - begin}
    return Built(seconds, _Enter(loaded), lambda: _for_numba(*printed()), None, "hit", key)


def _for_numba(program: Program, emitted: Emitted, fastmath: bool) -> Any:
    """Numba's dispatcher, which takes far longer for one long function than for several."""
    long = emitted.source.count("\n") > config.statement_cap
    whole = long and not emitted.cut and "objmode" not in emitted.source
    short = emit.emit(program, config.statement_cap, 1) if whole else emitted
    return numbas.dispatcher(program, short, fastmath)


def _from_cache(key: str | None) -> Loaded | None:
    stored = cache.load(key) if key is not None else None
    if stored is None:
        return None
    try:
        return _loaded(stored, {}, 0)
    except MissingSymbolError:
        return None


def _loaded(stored: cache.Stored, common: Mapping[str, Common], level: int) -> Loaded:
    commons.provide(stored.outside, common, level)
    if any(name.startswith(CALLED) for name in stored.outside):
        vectors.provide(stored.outside)
    return Loaded(stored.code, stored.outside)


class _Enter:
    """Makes builtin functions of loaded machine code."""

    def __init__(self, loaded: Loaded):
        self.loaded = loaded

    def __call__(self, slow: Any, failed: Any) -> Any:
        return self.loaded.function(ENTRY, (slow, failed))
