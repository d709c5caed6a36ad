"""What machine code is made from, as one number: names, data and sizes are no part of it.

Python's own compiler makes names of variables positions, so that the byte code of printed functions
says what they do and not what anything is called. The objects behind their global names are
followed to what *they* do. Added to that are the types of arguments, the settings, this package's
own code generation, the versions of what compiles, and the processor.
"""

from __future__ import annotations

import dis
import hashlib
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodDescriptorType, ModuleType
from typing import TYPE_CHECKING, Any

import llvmlite
import numpy as np

from ..config import config
from ..kernels.inlined import Inlined
from ..lazy import SINCE, module_name
from . import cache
from .machine import target_name

if TYPE_CHECKING:
    from ..codegen.emit import Emitted
    from ..codegen.program import Program

__all__ = ["kept_or_made", "key_of", "key_of_function", "key_of_graph"]

_KNOWN = ("builtins", "math", "numpy", "numba", "numbagrad", "llvmlite", "operator")


class _UnknownContentError(Exception):
    """An object whose content can not be told from another's."""


def key_of(program: Program, emitted: Emitted, further: Sequence[Any]) -> str | None:
    """The name under which machine code is kept.

    Parameters
    ----------
    program : Program
    emitted : Emitted
    further : sequence
        What else the code depends on; its ``repr`` says all of it.

    Returns
    -------
    str or None
        ``None`` if the code depends on objects that can not be told apart.
    """
    scope: dict[str, Any] = {}
    exec(compile(emitted.source, "<numbagrad key>", "exec"), scope)
    parts = {name: f"part {k}" for k, name in enumerate([*emitted.helpers, emitted.name])}
    contents = _Contents()

    def name_of(name: str) -> str:
        if name in parts:
            return parts[name]
        if name in program.namespace:
            return contents.of(program.namespace[name])
        return name

    try:
        functions = [contents.code(scope[name], name_of) for name in parts]
    except _UnknownContentError:
        return None
    types = [(dtype, ndim) for _, dtype, ndim in program.parameters + program.results]
    row = (environment(), functions, types, len(program.parameters), list(further))
    return hashlib.sha256(repr(row).encode()).hexdigest()[:40]


def key_of_function(target: Any, further: Sequence[Any]) -> str | None:
    """The name under which one function is kept; ``None`` if it can not be told from others."""
    try:
        row = (environment(), _Contents().of(target), list(further))
    except _UnknownContentError:
        return None
    return hashlib.sha256(repr(row).encode()).hexdigest()[:40]


def _key_of_text(text: str) -> str:
    """The name under which something is kept that the environment and this text say all about."""
    return hashlib.sha256(repr((environment(), text)).encode()).hexdigest()[:40]


def kept_or_made(text: str, make: Callable[[], cache.Stored]) -> cache.Stored:
    """What is on disk under a text that says, with the environment, all about it; or made now."""
    if not config.cache:
        return make()
    key = _key_of_text(text)
    stored = cache.load(key)
    if stored is None:
        stored = make()
        cache.store(key, stored)
    return stored


def key_of_graph(text: str) -> str | None:
    """The name under which is kept what this package makes of a graph that a text describes.

    ``None`` if the files of the package can not be told from others.
    """
    files = _files()
    if files is None:
        return None
    row = (files, _versions(), _version("scipy", "version.py"), sys.flags.optimize, text)
    return hashlib.sha256(repr(row).encode()).hexdigest()[:40]


class _Contents:
    """Texts that say what objects do."""

    def __init__(self) -> None:
        self.open: list[Any] = []

    def of(self, value: Any) -> str:
        """What a global name stands for."""
        if issubclass(type(value), ModuleType):
            return f"module {module_name(value)}"
        if value is None or isinstance(value, (bool, int, float, complex, str)):
            return f"{type(value).__name__} {value!r}"
        if isinstance(value, (type, BuiltinFunctionType, MethodDescriptorType, np.ufunc)):
            return self._named(value)
        if isinstance(value, np.ndarray) and value.dtype != object:
            digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
            return f"array {value.dtype} {value.shape} {digest}"
        if isinstance(value, Inlined):
            return f"inlined {value.name}"
        if hasattr(value, "py_func"):
            return f"jitted {sorted(value.targetoptions.items())!r} {self.of(value.py_func)}"
        if hasattr(value, "_defn"):  # Numba's intrinsics
            return f"intrinsic {self.of(value._defn)}"
        if isinstance(value, FunctionType):
            if (value.__module__ or "").partition(".")[0] == "numpy":
                return self._named(value)
            return self._function(value)
        raise _UnknownContentError(repr(value))

    def _named(self, value: Any) -> str:
        module = getattr(value, "__module__", None) or "numpy"
        if module.partition(".")[0] not in _KNOWN:
            raise _UnknownContentError(repr(value))
        return f"{module}.{getattr(value, '__qualname__', value.__name__)}"

    def _function(self, function: FunctionType) -> str:
        if any(function is other for other in self.open):
            return "itself"
        self.open.append(function)
        modules: list[ModuleType] = []
        looked_up = {i.argval for i in dis.get_instructions(function) if i.opname == "LOAD_GLOBAL"}

        def name_of(name: str) -> str:
            if name in looked_up and name in function.__globals__:
                value = function.__globals__[name]
                foreign = issubclass(type(value), ModuleType) and _is_foreign(value)
                modules.extend([value] if foreign else [])
                return self.of(value)
            # It may be an attribute of a module of the user's.
            owners = [m for m in modules if hasattr(m, name)]
            return f"{name} {[self.of(getattr(m, name)) for m in owners]}"

        made = self.code(function, name_of)
        cells = [self.of(cell.cell_contents) for cell in function.__closure__ or ()]
        defaults = [self.of(value) for value in function.__defaults__ or ()]
        self.open.pop()
        return f"function {made} {cells} {defaults}"

    def code(self, function: FunctionType, name_of: Callable[[str], str]) -> str:
        """What a function's byte code says."""
        code = function.__code__
        constants = list(code.co_consts)
        if function.__doc__ in constants:
            constants[constants.index(function.__doc__)] = None
        return self._code(code, constants, name_of)

    def _code(self, code: CodeType, constants: Sequence[Any], name_of: Callable[[str], str]) -> str:
        texts = [
            self._code(c, c.co_consts, name_of)
            if isinstance(c, CodeType)
            else f"{type(c).__name__} {c!r}"
            for c in constants
        ]
        names = [name_of(name) for name in code.co_names]
        row = (code.co_code.hex(), code.co_argcount, code.co_kwonlyargcount, texts, names)
        return hashlib.sha256(repr(row).encode()).hexdigest()


def _is_foreign(module: ModuleType) -> bool:
    """Whether a module is not covered by the environment."""
    return module_name(module).partition(".")[0] not in _KNOWN


@lru_cache(maxsize=1)
def environment() -> tuple[str, ...]:
    """Everything outside a graph that machine code depends on."""
    root = Path(__file__).resolve().parent
    own = hashlib.sha256()
    for path in sorted([*root.rglob("*.py"), *(root.parent / "kernels").rglob("*.py")]):
        own.update(path.name.encode() + path.read_bytes())
    return (own.hexdigest(), *_versions())


@lru_cache(maxsize=1)
def _versions() -> tuple[str, ...]:
    """What compiles, and for which processor."""
    return (
        _version("numba", "_version.py"),
        llvmlite.__version__,
        np.__version__,
        sys.implementation.name + sys.version,
        target_name(),
    )


@lru_cache(maxsize=4)
def _version(package: str, file: str) -> str:
    """A package's version, which is read and not asked for: importing Numba takes long."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return "none"
    path = Path(spec.origin).with_name(file)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "unknown"


@lru_cache(maxsize=1)
def _files() -> str | None:
    """Which files this package is made of: what the file system knows of them says if one changed.

    Reading them takes as long as rewriting a small graph. The time of the last change of a file's
    entry is set by the system alone; where there is none (Windows) the files are read after all.
    ``None`` if a file is younger than what was imported, or there are no files.
    """
    known: list[Any] = []
    folders = [str(Path(__file__).resolve().parents[1])]
    try:
        while folders:
            with os.scandir(folders.pop()) as inside:
                for item in inside:
                    if item.name.endswith(".py"):
                        state = item.stat()
                        if max(state.st_mtime_ns, state.st_ctime_ns) > SINCE:
                            return None
                        known.append((item.path, *_told(item.path, state)))
                    elif item.is_dir():
                        folders.append(item.path)
    except OSError:
        return None
    return hashlib.sha256(repr(sorted(known)).encode()).hexdigest() if known else None


def _told(path: str, state: os.stat_result) -> tuple[Any, ...]:
    """What tells a file from what it was before, and from others."""
    if sys.platform == "win32":
        return (hashlib.sha256(Path(path).read_bytes()).hexdigest(),)
    return state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns
