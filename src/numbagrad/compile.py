"""``numbagrad.compile``: PyTensor's and Theano's names for making functions. Re-exports only."""

from .function import (
    Function,
    In,
    Mode,
    Out,
    SharedVariable,
    function,
    get_mode,
    shared,
)
from .ops.callbacks import FromFunctionOp, as_op, wrap_py
from .ops.from_graph import OpFromGraph

__all__ = [
    "FromFunctionOp",
    "Function",
    "In",
    "Mode",
    "OpFromGraph",
    "Out",
    "SharedVariable",
    "as_op",
    "function",
    "get_mode",
    "shared",
    "wrap_py",
]
