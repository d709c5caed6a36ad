"""LLVM IR to machine code, and machine code into this process, by llvmlite alone.

What was compiled is an object file whose outside symbols are named; `Loaded` links one and keeps
it. LLVM ends the process at a symbol that it can not find, so all are looked up first.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import sys
from collections.abc import Container, Iterable, Sequence
from functools import lru_cache
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numpy as np

from ..config import config
from ..kernels import symbols
from . import cache
from .apart import joined, objects, parted
from .pairs import paired
from .pool import POOL, POOL_SYMBOLS, thread_count
from .process import PROCESS, PROCESS_SYMBOLS
from .runtime import RUNTIME, SHARED

__all__ = [
    "Loaded",
    "MissingSymbolError",
    "compile_functions",
    "compile_text",
    "isolated",
    "keep",
    "lanes",
    "optimised_text",
    "supported",
    "target_name",
    "use_threads",
]

_METH_FASTCALL_KEYWORDS = 0x82
_NEW_FROM_DESCR, _SET_BASE_OBJECT = 94, 282


class MissingSymbolError(Exception):
    """Machine code needs a routine that this process does not have."""


def supported() -> bool:
    """Whether this interpreter and this llvmlite are what the texts of IR are written for."""
    version = tuple(int(part) for part in re.findall(r"\d+", llvmlite.__version__)[:2])
    return (
        version >= (0, 45)
        and sys.implementation.name == "cpython"
        and sys.maxsize == 2**63 - 1
        and sys.byteorder == "little"
        and object.__basicsize__ == 16  # it is more where there is no global lock
    )


def _new_machine(level: int) -> Any:
    """A target machine that takes so much trouble with code, 0 to 3."""
    target = llvm.Target.from_triple(llvm.get_process_triple())
    return target.create_target_machine(
        opt=level,
        cpu=_cpu(),
        features=_features(),
        reloc="static",
        codemodel="jitdefault",
        jit=True,
    )


def _new_engine(text: str) -> Any:
    """An engine, which owns its target machine: it loads code and makes next to none itself."""
    module = llvm.parse_assembly(text)
    module.triple = llvm.get_process_triple()
    return llvm.create_mcjit_compiler(module, _new_machine(0))


def _engine_of(*codes: bytes) -> Any:
    """An engine with the code of object files."""
    engine = _new_engine("")
    for code in codes:
        for part in objects(code):
            engine.add_object_file(llvm.ObjectFileRef.from_data(part))
    engine.finalize_object()
    return engine


def _process_code() -> bytes:
    """What all functions share, compiled once and for all processes."""
    text = PROCESS + POOL
    row = repr((cache.FORMAT, text, llvmlite.__version__, target_name()))
    key = hashlib.sha256(row.encode()).hexdigest()[:40]
    stored = cache.load(key) if config.cache else None
    if stored is not None:
        return stored.code
    module = llvm.parse_assembly(text)
    machine = _new_machine(3)
    module.triple = llvm.get_process_triple()
    module.data_layout = str(machine.target_data)
    code: bytes = machine.emit_object(module)
    if config.cache:
        cache.store(key, cache.Stored(code, ()))
    return code


@lru_cache(maxsize=1)
def _set_up() -> Any:
    """What has to be done once; gives an engine that holds the code which is never let go."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    # The first engine makes the symbols of this process known to LLVM.
    first = _new_engine("")
    _register_process_symbols()
    engine = _engine_of(_process_code())
    # Helping threads stand in this code when the process ends.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(engine))
    for name in (*PROCESS_SYMBOLS, *POOL_SYMBOLS):
        llvm.add_symbol(name, engine.get_function_address(name))
    word = ctypes.c_int64.from_address
    lock, count, kept = (
        word(engine.get_global_value_address(f"numbagrad_{name}"))
        for name in ("lock", "count", "kept")
    )

    forget_helpers = ctypes.CFUNCTYPE(None)(engine.get_function_address("numbagrad_alone"))

    def after_fork() -> None:
        forget_helpers()
        # Whoever held the lock is not in this process: what is kept is in no known state.
        if lock.value:
            count.value = kept.value = lock.value = 0

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=after_fork)
    return first, engine


@lru_cache(maxsize=1)
def _machine() -> Any:
    """The target machine that code is compiled for."""
    _set_up()
    return _new_machine(3)


def _cpu() -> str:
    return str(llvm.get_host_cpu_name())


@lru_cache(maxsize=1)
def _features() -> str:
    features = llvm.get_host_cpu_features()
    # LLVM leaves half of a register of 512 bits empty, for the sake of code that is seldom in
    # vectors; loops that are, and elementary functions most, gain up to half by filling it.
    whole = ",-prefer-256-bit" if features.get("avx512f") else ""
    return str(features.flatten()) + whole


@lru_cache(maxsize=1)
def lanes() -> int:
    """How many doubles an instruction takes at once."""
    features = f",{_features()},"
    return 8 if ",+avx512f," in features else 4 if ",+avx," in features else 2


@lru_cache(maxsize=1)
def target_name() -> str:
    """The processor that code is made for, with its features."""
    return f"{llvm.get_process_triple()} {_cpu()} {_features()}"


def _register_process_symbols() -> None:
    """Tell LLVM where NumPy's functions, types and dtypes are."""
    core = getattr(np, "_core", None) or np.core
    capsule = core._multiarray_umath._ARRAY_API
    pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
        ("PyCapsule_GetPointer", ctypes.pythonapi)
    )(capsule, None)
    table = ctypes.cast(pointer, ctypes.POINTER(ctypes.c_void_p))
    llvm.add_symbol("numbagrad_new_array", table[_NEW_FROM_DESCR])
    llvm.add_symbol("numbagrad_set_base", table[_SET_BASE_OBJECT])
    llvm.add_symbol("numbagrad_ndarray", id(np.ndarray))
    for name in _DTYPES:
        llvm.add_symbol(f"numbagrad_dtype_{name}", id(_DTYPES[name]))
        llvm.add_symbol(f"numbagrad_scalar_{name}", id(_DTYPES[name].type))


#: The dtypes that entries compare with; held here, since code knows their addresses.
_DTYPES = {
    name: np.dtype(name)
    for name in (
        "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
        "float32", "float64",
    )
}  # fmt: skip


def use_threads(count: int) -> None:
    """How many threads share the rows of loops from now on, in all functions."""
    _, shared = _set_up()
    place = shared.get_global_value_address("numbagrad_threads")
    ctypes.c_int64.from_address(place).value = count


def _parsed(text: str) -> Any:
    module = llvm.parse_assembly(text)
    module.triple = llvm.get_process_triple()
    module.data_layout = str(_machine().target_data)
    return module


def isolated(text: str, symbol: str, name: str) -> str:
    """The IR of one function and of what it needs, under a name that means nothing else.

    Numba numbers the functions of a process, so that two processes use one symbol for two things.
    """
    module = _parsed(text)
    module.get_function(symbol).name = name
    for function in module.functions:
        if not function.is_declaration:
            function.linkage = "external" if function.name == name else "internal"
    manager = llvm.create_new_module_pass_manager()
    manager.add_global_dead_code_eliminate_pass()
    manager.run(module, llvm.create_pass_builder(_machine(), llvm.create_pipeline_tuning_options()))
    return str(module)


def compile_text(
    text: str, borrowed: Sequence[str], exported: Sequence[str], level: int
) -> tuple[bytes, list[str]]:
    """Compile and link IR.

    Parameters
    ----------
    text : str
        Everything but the runtime.
    borrowed : sequence of str
        IR of functions that Numba compiled.
    exported : sequence of str
        The functions to be found in the object; all others are private to it.
    level : int
        Of optimisation, 0 to 3.

    Returns
    -------
    code : bytes
        An object file, or two that are `joined`.
    outside : list of str
        The symbols that it needs.
    """
    text, calling = parted(text + RUNTIME)
    module = _linked(text, borrowed)
    if not calling:
        return _emitted(module, exported, level)
    other = _parsed(calling)
    here, there = (_defined(m) for m in (module, other))
    code, outside = _emitted(module, {*exported, *_needed(other)} & here, level)
    more, further = _emitted(other, {*exported, *_needed(module)} & there, 0)
    return joined(code, more), sorted({*outside, *further} - here - there)


def _defined(module: Any) -> set[str]:
    return {f.name for f in module.functions if not f.is_declaration}


def _needed(module: Any) -> set[str]:
    return {f.name for f in module.functions if f.is_declaration}


def optimised_text(text: str, borrowed: Sequence[str], exported: Sequence[str], level: int) -> str:
    """What LLVM makes of IR before it becomes machine code; as `compile_text`."""
    module = _linked(text + RUNTIME, borrowed)
    _optimised(module, exported, level)
    return str(module)


def _linked(text: str, borrowed: Sequence[str]) -> Any:
    """IR with everything that it calls."""
    module = _parsed(text)
    for other in borrowed:
        module.link_in(_parsed(other))
    missing = [f.name for f in module.functions if f.is_declaration and f.name in SHARED]
    if missing:
        head = "declare ptr @numbagrad_new(i64)\ndeclare void @numbagrad_free(ptr)\n"
        body = "\n".join(
            SHARED[name].replace("internal ", "").replace("#2", "") for name in missing
        )
        for function in module.functions:
            if function.name in ("numbagrad_new", "numbagrad_free"):
                function.linkage = "external"
        module.link_in(_parsed(head + body))
    return module


def compile_functions(text: str, exported: Sequence[str]) -> tuple[bytes, list[str]]:
    """Compile IR that needs no runtime; as `compile_text`."""
    return _emitted(_parsed(text), exported, 3)


def _emitted(module: Any, exported: Container[str], level: int) -> tuple[bytes, list[str]]:
    _optimised(module, exported, level)
    if any(f.is_declaration and f.name.startswith("numbagrad_called_") for f in module.functions):
        together = paired(str(module))
        module = module if together is None else _parsed(together)
    outside = [f.name for f in module.functions if f.is_declaration]
    outside += [g.name for g in module.global_variables if g.is_declaration]
    outside = sorted(n for n in outside if not n.startswith("llvm."))
    machine = _machine() if level else _new_machine(0)
    return machine.emit_object(module), outside


def _optimised(module: Any, exported: Container[str], level: int) -> None:
    """Have LLVM optimise a module in place."""
    for function in module.functions:
        if not function.is_declaration:
            function.linkage = "external" if function.name in exported else "internal"
    tuning = llvm.create_pipeline_tuning_options()
    tuning.speed_level = level
    tuning.loop_vectorization = level > 1
    tuning.slp_vectorization = level > 1
    tuning.loop_unrolling = level > 1
    builder = llvm.create_pass_builder(_machine(), tuning)
    manager = builder.getModulePassManager()
    manager.run(module, builder)


def keep(made: Sequence[cache.Stored], names: Sequence[str]) -> None:
    """Take machine code into this process for good, and make its functions known to all other.

    Raises
    ------
    MissingSymbolError
        If it needs a routine that is not to be found.
    """
    _set_up()
    _provide_all(name for stored in made for name in stored.outside if name not in names)
    engine = _engine_of(*(stored.code for stored in made))
    _kept.append(engine)
    for name in names:
        llvm.add_symbol(name, engine.get_function_address(name))


#: The engines whose code is never let go.
_kept: list[Any] = []


class Loaded:
    """An object file in this process.

    Parameters
    ----------
    code : bytes
    outside : iterable of str
        The symbols that it needs.

    Raises
    ------
    MissingSymbolError
        If one of them is not to be found.
    """

    def __init__(self, code: bytes, outside: Iterable[str]):
        _, shared = _set_up()
        limit = shared.get_global_value_address("numbagrad_limit")
        ctypes.c_int64.from_address(limit).value = config.kept_memory
        use_threads(thread_count())
        _provide_all(outside)
        self.engine = _engine_of(code)
        self.engine.run_static_constructors()

    def function(self, name: str, bound: tuple[Any, ...]) -> Any:
        """The builtin function of that symbol, whose ``self`` is the tuple ``bound``."""
        address = self.engine.get_function_address(name)
        definition = _MethodDef(b"numbagrad", address, _METH_FASTCALL_KEYWORDS, None)
        return _new_function(ctypes.addressof(definition), (*bound, self, definition), name)


class _MethodDef(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


_new_function = ctypes.PYFUNCTYPE(
    ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.py_object
)(("PyCFunction_NewEx", ctypes.pythonapi))


def _provide_all(outside: Iterable[str]) -> None:
    for name in outside:
        if llvm.address_of_symbol(name) is None:
            _provide(name)


def _provide(name: str) -> None:
    """Register a routine of SciPy's."""
    try:
        symbols.register([name])
    except (ValueError, ImportError) as error:
        raise MissingSymbolError(name) from error
