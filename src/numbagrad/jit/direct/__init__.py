"""Printed functions to LLVM IR without type inference: every dtype is known beforehand.

``translate`` reads the same source that ``njit`` would compile. It knows numbers, loops, arrays and
calls of kernels, which is what code generation prints; at anything else it raises `Unknown`, and
Numba compiles the function. Nothing here needs Numba.
"""

from .source import translate
from .values import Unknown

__all__ = ["Unknown", "translate"]
