"""One thread for products of middle size: BLAS as fast at its median as at its best.

NumPy and SciPy bring a BLAS each, with a pool of threads each, and threads of the one that wait for
work keep the processor from those of the other: a product of two 128 x 128 matrices that takes
0.1 ms at best then takes 4 ms at the median. Where threads gain little or nothing anyway, kernels
ask SciPy's OpenBLAS for one thread and put its setting back afterwards. Small products never use
threads, large ones gain from them; both are left alone.

Compiled code calls two functions around each product, ``numbagrad_blas_enter(work)`` and
``numbagrad_blas_leave(work)``, that are made here once in a process. They may be called from
several threads at once: a lock guards a count of those inside, the first one in reads and changes
the setting and the last one out restores it. Where no such setting is found (another BLAS, Windows)
they do nothing. This file needs no Numba.
"""

import ctypes
import os
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

from ._scipy import extension

__all__ = ["ENTER", "LEAVE", "addresses", "settings"]

ENTER, LEAVE = "numbagrad_blas_enter", "numbagrad_blas_leave"
#: OpenBLAS uses one thread below this many multiplications whatever it may use.
LEAST = 1 << 18
#: Shared by the processors: from here on several threads gain more than they lose.
MOST = 1 << 28

#: How OpenBLAS calls its setting: in SciPy's wheels, elsewhere.
_PREFIXES = ("scipy_openblas_", "openblas_")
_INT = ir.IntType(32)
_WORD = ir.IntType(64)
#: The lock, how many are inside, and the setting to put back.
_state = (ctypes.c_int64 * 3)()
_made: list[Any] = []


def settings() -> tuple[int, int] | None:
    """The addresses of the functions that read and change OpenBLAS's number of threads."""
    library = ctypes.CDLL(extension("scipy.linalg.cython_blas").__file__)
    for prefix in _PREFIXES:
        try:
            found = [library[f"{prefix}{verb}_num_threads"] for verb in ("get", "set")]
        except AttributeError:
            continue
        get, put = (ctypes.cast(f, ctypes.c_void_p).value for f in found)
        return (get, put) if get and put else None
    return None


def addresses() -> dict[str, int]:
    """Where the two functions lie, by name."""
    if not _made:
        _made.append(_compile())
    engine = _made[0]
    return {name: engine.get_function_address(name) for name in (ENTER, LEAVE)}


def _forget_others() -> None:
    """After a fork, no other thread is inside: those that were are not in this process."""
    found = settings() if _state[1] else None
    if found is not None:
        ctypes.CFUNCTYPE(None, ctypes.c_int)(found[1])(_state[2])
    for k in range(2):
        _state[k] = 0


def _compile() -> Any:
    """The two functions as machine code."""
    module = ir.Module("numbagrad_blas_threads")
    found = settings()
    for name, body in ((ENTER, _enter), (LEAVE, _leave)):
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), [_WORD]), name)
        builder = ir.IRBuilder(function.append_basic_block())
        if found is not None:
            above = builder.sub(function.args[0], ir.Constant(_WORD, LEAST))
            span = MOST // (os.cpu_count() or 1) - LEAST
            middle = builder.icmp_unsigned("<=", above, ir.Constant(_WORD, span))
            with builder.if_then(middle):
                _locked(builder, body, *found)
        builder.ret_void()
    for start in (llvm.initialize_native_target, llvm.initialize_native_asmprinter):
        start()
    target = llvm.Target.from_default_triple().create_target_machine()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(str(module)), target)
    engine.finalize_object()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_forget_others)
    return engine


def _pointer(builder: Any, position: int) -> Any:
    address = ctypes.addressof(_state) + 8 * position
    return builder.inttoptr(ir.Constant(_WORD, address), _WORD.as_pointer())


def _locked(builder: Any, body: Callable[..., None], get: int, put: int) -> None:
    """``body`` while nobody else is in one."""
    lock = _pointer(builder, 0)
    trying = builder.append_basic_block("trying")
    inside = builder.append_basic_block("inside")
    builder.branch(trying)
    builder.position_at_end(trying)
    zero, one = ir.Constant(_WORD, 0), ir.Constant(_WORD, 1)
    made = builder.cmpxchg(lock, zero, one, "acquire", "monotonic")
    builder.cbranch(builder.extract_value(made, 1), inside, trying)
    builder.position_at_end(inside)
    reader = ir.FunctionType(_INT, []).as_pointer()
    writer = ir.FunctionType(ir.VoidType(), [_INT]).as_pointer()
    body(
        builder,
        builder.inttoptr(ir.Constant(_WORD, get), reader),
        builder.inttoptr(ir.Constant(_WORD, put), writer),
    )
    builder.store_atomic(zero, lock, "release", 8)


def _enter(builder: Any, get: Any, put: Any) -> None:
    count, saved = _pointer(builder, 1), _pointer(builder, 2)
    before = builder.load(count)
    with builder.if_then(builder.icmp_signed("==", before, ir.Constant(_WORD, 0))):
        builder.store(builder.zext(builder.call(get, []), _WORD), saved)
        builder.call(put, [ir.Constant(_INT, 1)])
    builder.store(builder.add(before, ir.Constant(_WORD, 1)), count)


def _leave(builder: Any, get: Any, put: Any) -> None:
    count, saved = _pointer(builder, 1), _pointer(builder, 2)
    left = builder.sub(builder.load(count), ir.Constant(_WORD, 1))
    builder.store(left, count)
    with builder.if_then(builder.icmp_signed("==", left, ir.Constant(_WORD, 0))):
        builder.call(put, [builder.trunc(builder.load(saved), _INT)])
