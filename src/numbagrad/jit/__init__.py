"""From source to machine code. Numba is imported here and in ``kernels``, and nowhere else.

``build`` is lazy: Numba is imported when something is first compiled.
"""

from ..lazy import lazy_module

__all__ = ["build"]

build = lazy_module(f"{__name__}.build")
