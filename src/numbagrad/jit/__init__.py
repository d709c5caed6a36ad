"""From source to machine code.

``direct`` translates printed functions to LLVM IR and ``machine`` makes them machine code, by
llvmlite alone. Numba compiles what printed code calls (``borrowed``), the function as the user's
own jitted code calls it, and whatever is not known to ``direct`` (``numbas``).

``build`` loads what was compiled before, ``objects`` compiles. These two and those that import
Numba are lazy: they are executed when they are first needed.
"""

from ..lazy import lazy_module

__all__ = ["borrowed", "build", "numbas", "objects", "simd", "vectors"]

borrowed = lazy_module(f"{__name__}.borrowed")
numbas = lazy_module(f"{__name__}.numbas")
objects = lazy_module(f"{__name__}.objects")
build = lazy_module(f"{__name__}.build")
simd = lazy_module(f"{__name__}.simd")
vectors = lazy_module(f"{__name__}.vectors")
