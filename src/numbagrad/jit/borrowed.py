"""Functions that Numba compiles for printed code to call: kernels, and templates not spliced.

Each is compiled once in a process for the same types of arguments, and handed on as LLVM IR.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from types import FunctionType
from typing import Any

import numba
import numpy as np
from numba.core.dispatcher import Dispatcher
from numba.core.errors import NumbaError
from numba.extending import _Intrinsic as Intrinsic

from ..kernels.inlined import Inlined
from .direct import Unknown
from .direct.arrays import Borrowed
from .direct.layout import Kind
from .direct.values import BYTES
from .machine import isolated

__all__ = ["borrow", "compilable", "numba_type"]


def is_template(value: Any) -> bool:
    """Whether it is a plain function of ours; NumPy's own (np.full is one) Numba knows by name."""
    return isinstance(value, FunctionType) and not (value.__module__ or "").startswith("numpy")


def compilable(value: Any) -> Any:
    """What Numba is given for a global of printed code."""
    if isinstance(value, Inlined):
        return value.compiled
    return jitted(value) if is_template(value) else value


@lru_cache(maxsize=1024)
def jitted(function: Any) -> Any:
    """A template that is called rather than spliced, jitted once in a process."""
    return numba.njit(nogil=True, error_model="numpy")(function)


def numba_type(kind: Kind) -> Any:
    """Numba's type of a number or a C-contiguous array."""
    dtype, ndim = kind
    scalar = numba.from_dtype(np.dtype(dtype))
    return scalar if ndim is None else numba.types.Array(scalar, ndim, "C")


def borrow(target: Any, kinds: Sequence[Kind]) -> Borrowed:
    """Compile a function for arguments of these kinds.

    Raises
    ------
    Unknown
        If it is no function that Numba compiles, or if its results or its code are of no use.
    """
    target = compilable(target)
    if isinstance(target, Intrinsic):
        target = _called(target, len(kinds))
    if not isinstance(target, Dispatcher):
        raise Unknown(f"call of {target!r}")
    signature = tuple(numba_type(kind) for kind in kinds)
    try:
        # One whose types are settled has one overload; where it is read-only makes no difference.
        result = _settled(target) or _compiled(target, signature)
    except NumbaError as error:
        raise Unknown(str(error)) from error
    symbol = result.fndesc.llvm_func_name
    made = result.signature.return_type
    parts = list(made) if isinstance(made, numba.types.BaseTuple) else [made]
    results = tuple(_kind(part) for part in parts)
    text = result.library.get_llvm_str()
    if re.search(r"inttoptr \(i64 \d{5,}", text) or f"@{symbol}(" not in text.replace('"', ""):
        raise Unknown(f"the code of {target!r} holds addresses")
    name = f"numbagrad_{hashlib.sha256(text.encode()).hexdigest()[:20]}"
    return Borrowed(name, results, isolated(text, symbol, name))


@lru_cache(maxsize=256)
def _called(intrinsic: Any, count: int) -> Any:
    """A jitted function that calls an intrinsic: only functions have code."""
    names = ", ".join(f"a{k}" for k in range(count))
    scope = {"intrinsic": intrinsic}
    exec(f"def called({names}):\n    return intrinsic({names})\n", scope)
    return jitted(scope["called"])


def _settled(target: Any) -> Any:
    return None if target._can_compile else next(iter(target.overloads.values()))


def _compiled(target: Any, signature: tuple[Any, ...]) -> Any:
    target.compile(signature)
    return target.overloads[signature]


def _kind(made: Any) -> Kind:
    if isinstance(made, numba.types.Array) and made.layout == "C":
        return _dtype(made.dtype), made.ndim
    if isinstance(made, (numba.types.Number, numba.types.Boolean)):
        return _dtype(numba.types.unliteral(made)), None
    raise Unknown(f"a result of type {made}")


def _dtype(made: Any) -> str:
    name = "bool" if made == numba.types.boolean else str(made)
    if name not in BYTES:
        raise Unknown(f"dtype {made}")
    return name
