"""Where compiled code finds BLAS, LAPACK, special functions and random draws, as LLVM symbols.

The first three are SciPy's routines; draws are NumPy's, whose module exports the functions of its C
header ``numpy/random/distributions.h`` (see "Extending" in NumPy's manual).

Machine code made here names its outside routines (``numbagrad_dgemm``) and holds no address, so it
can be stored and loaded in another process. Whoever loads stored code calls `register` with the
names that the code uses *before* loading it; LLVM ends the process at a name it cannot find.
This file needs no Numba.
"""

import ctypes
import importlib
import re
from collections.abc import Iterable

import llvmlite.binding as llvm

from . import threads
from ._scipy import extension

PREFIX = "numbagrad_"

# Every outside routine that a kernel may call, without its type letter (s, d, c, z).
BLAS = frozenset({"gemm", "trsm"})
LAPACK = frozenset({"getrf", "getri", "potrf", "sysv"})
SPECIAL = frozenset({"erfcinv", "erfinv", "gamma", "gammaln", "psi"})
# The result and the arguments behind the generator: d is a double, i a 64-bit integer, b a truth
# value, s scratch of the routine's own.
RANDOM = {
    "random_beta": "ddd", "random_binomial": "idis", "random_bounded_uint64": "iiiib",
    "random_chisquare": "dd", "random_exponential": "dd", "random_gamma": "ddd",
    "random_geometric": "id", "random_gumbel": "ddd", "random_hypergeometric": "iiii",
    "random_interval": "ii", "random_laplace": "ddd", "random_logistic": "ddd",
    "random_lognormal": "ddd",
    "random_logseries": "id", "random_negative_binomial": "idd", "random_normal": "ddd",
    "random_poisson": "id", "random_rayleigh": "dd", "random_standard_cauchy": "d",
    "random_standard_exponential": "d", "random_standard_gamma": "dd",
    "random_standard_normal": "d", "random_standard_t": "dd", "random_standard_uniform": "d",
    "random_triangular": "dddd", "random_uniform": "ddd", "random_vonmises": "ddd",
    "random_wald": "ddd", "random_weibull": "dd", "random_zipf": "id",
}  # fmt: skip

_registered: set[str] = set()

# Our own prototypes: setting argument types on ctypes.pythonapi itself would change them for all.
_capsule_name = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(
    ("PyCapsule_GetName", ctypes.pythonapi)
)
_capsule_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)


def register(names: Iterable[str]) -> None:
    """Make the symbols ``names`` known to LLVM in this process; known ones are left alone.

    Parameters
    ----------
    names
        Symbol names such as ``"numbagrad_dgemm"`` or ``"numbagrad_erfcinv"``.

    Raises
    ------
    ValueError
        A name is none of ours.
    ImportError
        The installed SciPy does not offer the routine.

    Examples
    --------
    >>> register(["numbagrad_dgemm", "numbagrad_erfcinv"])
    >>> register(["numbagrad_dgemma"])
    Traceback (most recent call last):
        ...
    ValueError: 'numbagrad_dgemma' is no routine that numbagrad's kernels call
    """
    for name in names:
        if name not in _registered:
            # Two threads may both do this; they write the same address.
            llvm.add_symbol(name, _address(name))
            _registered.add(name)


def _address(name: str) -> int:
    if name in (threads.ENTER, threads.LEAVE):
        return threads.addresses()[name]
    routine = name.removeprefix(PREFIX)
    if name.startswith(PREFIX):
        if routine in SPECIAL:
            return _special_address(routine)
        if routine in RANDOM:
            return _random_address(routine)
        if routine[:1] in tuple("sdcz") and routine[1:] in BLAS:
            return _linalg_address("scipy.linalg.cython_blas", routine)
        if routine[:1] in tuple("sdcz") and routine[1:] in LAPACK:
            return _linalg_address("scipy.linalg.cython_lapack", routine)
    raise ValueError(f"{name!r} is no routine that numbagrad's kernels call")


def _linalg_address(module: str, routine: str) -> int:
    capsule = _exported(module).get(routine)
    if capsule is None:
        raise ImportError(_missing(module, routine))
    # A SciPy whose integers are 64 bits wide would read past the end of our 32-bit ones.
    if "int *" not in _signature(capsule):
        raise ImportError(
            f"{module}.{routine} of this SciPy takes no 32-bit integers ({_signature(capsule)}); "
            "install a SciPy built with the usual (LP64) BLAS interface"
        )
    return _capsule_pointer(capsule, _capsule_name(capsule))


def _special_address(routine: str) -> int:
    """Address of the routine's double version.

    A routine that exists for several types is exported once for each, under a name such as
    ``__pyx_fuse_1psi`` whose number is Cython's; the C signature tells which is which.
    """
    module = "scipy.special.cython_special"
    spelling = re.compile(rf"(__pyx_fuse_(\d+_?)*)?{routine}")
    for name, capsule in _exported(module).items():
        if spelling.fullmatch(name) and _signature(capsule).startswith("double (double, int"):
            return _capsule_pointer(capsule, _capsule_name(capsule))
    raise ImportError(_missing(module, routine))


def _random_address(routine: str) -> int:
    module = importlib.import_module("numpy.random._generator")
    try:
        function = getattr(ctypes.CDLL(str(module.__file__)), routine)
    except (AttributeError, OSError):
        version = importlib.import_module("numpy").__version__
        raise ImportError(
            f"NumPy {version} does not export {routine} from {module.__file__}, which numbagrad's "
            "compiled draws call; use mode='reference', or another build of NumPy"
        ) from None
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def _exported(module: str) -> dict[str, object]:
    # Named by a string: SciPy is loaded only when compiled code needs one of its routines.
    return extension(module).__pyx_capi__


def _signature(capsule: object) -> str:
    return _capsule_name(capsule).decode()


def _missing(module: str, routine: str) -> str:
    version = importlib.import_module("scipy").__version__
    return (
        f"SciPy {version} exports no double-precision {module}.{routine}, which numbagrad's "
        "compiled code calls; install another version of SciPy and report this"
    )
