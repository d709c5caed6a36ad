"""Source to machine code through ``numba.njit``, with an explicit signature.

The only module that calls Numba's compiler. Numba is imported when this module is, which is when
something is first compiled.
"""

from __future__ import annotations

import hashlib
import linecache
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from types import FunctionType
from typing import Any

import numba
import numpy as np
from numba.core import event
from numba.core.errors import NumbaError

from ..codegen.emit import Emitted
from ..codegen.program import Program
from ..errors import CompilationError
from ..kernels.inlined import Inlined

__all__ = ["Built", "bind_constants", "build"]


@dataclass(frozen=True)
class Built:
    """A compiled function.

    Attributes
    ----------
    function : numba Dispatcher
    seconds : dict
        What ``printing`` left: ``typing`` and ``llvm``.
    """

    function: Any
    seconds: dict[str, float]


def signature(program: Program) -> tuple[Any, ...]:
    """Numba's types of the arguments: numbers and C-contiguous arrays, constants read-only."""
    types = []
    given = len(program.parameters) - len(program.constants)
    for position, (_, dtype, ndim) in enumerate(program.parameters):
        scalar = numba.from_dtype(np.dtype(dtype))
        array = numba.types.Array(scalar, ndim, "C", readonly=position >= given)
        types.append(array if ndim else scalar)
    return tuple(types)


def bind_constants(program: Program, core: Any, constants: Sequence[Any], fastmath: bool) -> Any:
    """The compiled function without its last arguments, which are frozen into it."""
    names = [name for name, _, _ in program.parameters]
    given = names[: len(names) - len(constants)]
    source = f"def bound({', '.join(given)}):\n    return core({', '.join(names)})\n"
    namespace = {"core": core, **dict(zip(names[len(given) :], constants, strict=True))}
    exec(compile(source, _remember(source), "exec"), namespace)
    return numba.njit(**_options(fastmath))(namespace["bound"])


@lru_cache(maxsize=1024)
def _helper(function: Callable[..., Any]) -> Any:
    """A template that is called rather than spliced, jitted once in a process."""
    return numba.njit(nogil=True, error_model="numpy")(function)


def _is_template(value: Any) -> bool:
    """Whether it is a plain function of ours; NumPy's own (np.full is one) Numba knows by name."""
    return isinstance(value, FunctionType) and not (value.__module__ or "").startswith("numpy")


def _compilable(value: Any) -> Any:
    """What Numba is given for a global of printed code."""
    if isinstance(value, Inlined):
        return value.compiled
    return _helper(value) if _is_template(value) else value


def _options(fastmath: bool, nogil: bool = True) -> dict[str, Any]:
    return {
        "nogil": nogil,
        "error_model": "numpy",
        # Sums may be reassociated and products contracted; NaN and infinity keep their meaning.
        "fastmath": {"contract", "reassoc"} if fastmath else False,
    }


def build(program: Program, emitted: Emitted, fastmath: bool) -> Built:
    """Compile printed code.

    Raises
    ------
    CompilationError
        If Numba refuses it, which is a defect of numbagrad.
    """
    namespace = {name: _compilable(value) for name, value in program.namespace.items()}
    namespace["objmode"] = numba.objmode
    file = _remember(emitted.source)
    exec(compile(emitted.source, file, "exec"), namespace)
    calls_back = "objmode" in emitted.source
    # Code that calls back into the interpreter holds its lock anyway.
    options = _options(fastmath, nogil=not calls_back)
    for helper in emitted.helpers:
        namespace[helper] = numba.njit(**options)(namespace[helper])
    main = numba.njit(**options)(namespace[emitted.name])
    begin = time.perf_counter()
    with event.install_recorder("numba:llvm_lock") as recorder, _quiet(calls_back):
        try:
            main.compile(signature(program))
        except NumbaError as error:
            raise CompilationError(
                "numbagrad printed code that Numba refuses. This is a defect of numbagrad, please "
                f"report it with this text.\n\n{emitted.source}\n{error}"
            ) from error
    main.disable_compile()
    total = time.perf_counter() - begin
    llvm = min(total, _recorded(recorder))
    return Built(main, {"typing": total - llvm, "llvm": llvm})


@contextmanager
def _quiet(calls_back: bool) -> Iterator[None]:
    """Numba pickles what is called back, which touches every module there is, deprecated or not."""
    if not calls_back:
        yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def _recorded(recorder: Any) -> float:
    """Seconds between the starts and ends of recorded events."""
    opened: list[float] = []
    total = 0.0
    for stamp, happened in recorder.buffer:
        if happened.is_start:
            opened.append(stamp)
        elif opened:
            start = opened.pop()
            if not opened:
                total += stamp - start
    return total


def _remember(source: str) -> str:
    """Give the source a file name under which tracebacks and debuggers find it."""
    digest = hashlib.sha256(source.encode()).hexdigest()[:16]
    file = f"<numbagrad {digest}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    return file
