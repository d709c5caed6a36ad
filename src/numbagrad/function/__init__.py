"""``function``, ``shared`` and what belongs to them: compiled graphs as Python callables."""

from .function import Function, function
from .io import In, Out
from .modes import Mode, get_mode
from .shared import SharedVariable, TensorSharedVariable, shared

__all__ = [
    "Function",
    "In",
    "Mode",
    "Out",
    "SharedVariable",
    "TensorSharedVariable",
    "function",
    "get_mode",
    "shared",
]
