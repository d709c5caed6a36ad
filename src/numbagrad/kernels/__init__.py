"""Floor 0: functions that printed code calls, each an ordinary ``numba.njit`` function.

The submodules are lazy: ``from numbagrad.kernels import lapack`` costs nothing and imports no
Numba. A submodule is executed when the first of its names is looked up, which is what Numba does
when it compiles a function that mentions ``lapack.cholesky``. Only names of submodules live here.
"""

from ..lazy import lazy_module

__all__ = [
    "blas",
    "elementary",
    "integer",
    "lapack",
    "random",
    "random_arrays",
    "slopes",
    "sorting",
    "special",
    "symbols",
]

blas = lazy_module(f"{__name__}.blas")
elementary = lazy_module(f"{__name__}.elementary")
integer = lazy_module(f"{__name__}.integer")
lapack = lazy_module(f"{__name__}.lapack")
random = lazy_module(f"{__name__}.random")
random_arrays = lazy_module(f"{__name__}.random_arrays")
slopes = lazy_module(f"{__name__}.slopes")
sorting = lazy_module(f"{__name__}.sorting")
special = lazy_module(f"{__name__}.special")
symbols = lazy_module(f"{__name__}.symbols")
