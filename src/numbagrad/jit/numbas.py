"""Printed source through ``numba.njit``, with an explicit signature.

What ``f.jitted`` is, and the way back for source that `direct` does not know.
"""

from __future__ import annotations

import hashlib
import linecache
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numba
from numba.core.compiler import Compiler
from numba.core.errors import NumbaDebugInfoWarning, NumbaError

from ..codegen.emit import Emitted
from ..codegen.program import Program
from ..errors import CompilationError
from .borrowed import compilable, numba_type

__all__ = ["bind_constants", "code_with_lines", "dispatcher", "options"]


def options(fastmath: bool, nogil: bool = True) -> dict[str, Any]:
    """What printed functions are jitted with."""
    return {
        "nogil": nogil,
        "error_model": "numpy",
        # Sums may be reassociated and products contracted; NaN and infinity keep their meaning.
        "fastmath": {"contract", "reassoc"} if fastmath else False,
    }


def signature(program: Program) -> tuple[Any, ...]:
    """Numba's types of the arguments: numbers and C-contiguous arrays, constants read-only."""
    types = []
    given = len(program.parameters) - len(program.constants)
    for position, (_, dtype, ndim) in enumerate(program.parameters):
        made = numba_type((dtype, ndim or None))
        types.append(made.copy(readonly=position >= given) if ndim else made)
    return tuple(types)


def bind_constants(program: Program, core: Any, constants: Sequence[Any], fastmath: bool) -> Any:
    """The compiled function without its last arguments, which are frozen into it."""
    names = [name for name, _, _ in program.parameters]
    given = names[: len(names) - len(constants)]
    source = f"def bound({', '.join(given)}):\n    return core({', '.join(names)})\n"
    namespace = {"core": core, **dict(zip(names[len(given) :], constants, strict=True))}
    exec(compile(source, _remember(source), "exec"), namespace)
    return numba.njit(**options(fastmath))(namespace["bound"])


def calls_back(emitted: Emitted) -> bool:
    """Whether the source leaves compiled code for the interpreter."""
    return "objmode" in emitted.source


def dispatcher(program: Program, emitted: Emitted, fastmath: bool, **others: Any) -> Any:
    """The printed function, compiled for the types of its arguments; ``others`` are njit's.

    Raises
    ------
    CompilationError
        If Numba refuses it, which is a defect of numbagrad.
    """
    namespace = {name: compilable(value) for name, value in program.namespace.items()}
    namespace["objmode"] = numba.objmode
    exec(compile(emitted.source, _remember(emitted.source), "exec"), namespace)
    leaves = calls_back(emitted)
    # Code that calls back into the interpreter holds its lock anyway.
    chosen = others | options(fastmath, nogil=not leaves)
    for helper in emitted.helpers:
        namespace[helper] = numba.njit(**chosen)(namespace[helper])
    main = numba.njit(**chosen)(namespace[emitted.name])
    with _quiet(leaves):
        try:
            main.compile(signature(program))
        except NumbaError as error:
            raise CompilationError(
                "numbagrad printed code that Numba refuses. This is a defect of numbagrad, please "
                f"report it with this text.\n\n{emitted.source}\n{error}"
            ) from error
    main.disable_compile()
    return main


class _WithLines(Compiler):
    """Numba's compiler, noting lines; nothing else that debuggers want, which would cost speed."""

    def __init__(self, typingctx, targetctx, library, args, return_type, flags, locals):
        flags = flags.copy()
        flags.debuginfo = flags.dbg_directives_only = True
        super().__init__(typingctx, targetctx, library, args, return_type, flags, locals)


def code_with_lines(program: Program, emitted: Emitted, fastmath: bool) -> str:
    """LLVM's optimised code with the lines of the source."""
    with warnings.catch_warnings():
        # Older versions look for the file of the source, which has none; lines are right without.
        warnings.simplefilter("ignore", NumbaDebugInfoWarning)
        made = dispatcher(program, emitted, fastmath, pipeline_class=_WithLines)
    (code,) = made.inspect_llvm().values()
    return code


@contextmanager
def _quiet(leaves: bool) -> Iterator[None]:
    """Numba pickles what is called back, which touches every module there is, deprecated or not."""
    if not leaves:
        yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def _remember(source: str) -> str:
    """Give the source a file name under which tracebacks and debuggers find it."""
    digest = hashlib.sha256(source.encode()).hexdigest()[:16]
    file = f"<numbagrad {digest}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    return file
