"""What kernels are written in: plain Python that is compiled in either of two ways.

``jit.direct`` translates the source of a kernel as it translates printed code, and needs no Numba
for that. Numba compiles the very same function where a user's own jitted code calls it, and for the
dtypes that ``direct`` does not know. So a kernel says only what both understand: numbers, arrays,
loops, exceptions with a constant message, other kernels, and the primitives at the end of this file
that have an implementation in each.

Nothing here imports Numba: its side is in ``_numba_side``, executed when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from ..lazy import lazy_module

__all__ = [
    "ByDtype",
    "Draw",
    "Inner",
    "Kernel",
    "Named",
    "Primitive",
    "by_dtype",
    "call_blas",
    "call_lapack",
    "call_special",
    "cast_like",
    "clear",
    "draw",
    "exact_kernel",
    "float_like",
    "floor",
    "fmod",
    "inner",
    "kernel",
    "new_array",
    "new_copy",
    "round_from_zero",
    "rounded",
    "small_product",
    "stands_before",
]

_numba_side = lazy_module("numbagrad.kernels._numba_side")


class Named:
    """Something that a kernel's source may call by its name.

    Attributes
    ----------
    compiled : object
        What Numba calls instead, a dispatcher or an intrinsic.
    """

    def __init__(self, function: Callable[..., Any]):
        self.function = function
        self.__name__ = function.__name__
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__

    @cached_property
    def compiled(self) -> Any:
        """What Numba calls instead."""
        raise NotImplementedError

    @cached_property
    def _numba_type_(self) -> Any:
        # What Numba asks any object that its own code mentions.
        return _numba_side.type_of(self.compiled)

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lower()} {self.__module__}.{self.__name__}>"


class Kernel(Named):
    """A function that printed code calls; called from Python it is compiled by Numba.

    Attributes
    ----------
    exact : bool
        Whether nothing in it is reordered or contracted, whatever its caller allows.
    """

    def __init__(self, function: Callable[..., Any], exact: bool = False):
        super().__init__(function)
        self.exact = exact

    @cached_property
    def compiled(self) -> Any:
        """Numba's dispatcher."""
        return _numba_side.dispatcher(self.function, self.exact)

    def __call__(self, *arguments: Any) -> Any:
        return self.compiled(*arguments)


class Inner(Named):
    """A function that only kernels call.

    Attributes
    ----------
    returns : {"none", "boolean", "integer", "number and its size"}
        What it returns; a number has the dtype of the first argument.
    """

    def __init__(self, function: Callable[..., Any], returns: str):
        super().__init__(function)
        self.returns = returns

    @cached_property
    def compiled(self) -> Any:
        """An intrinsic that links the function into its caller."""
        return _numba_side.inner(self.function, self.returns)


class ByDtype(Named):
    """A choice between functions by the one dtype that all arrays among the arguments have.

    Attributes
    ----------
    inexact, boolean, integer : callable
        For floats and complex numbers, for truth values, for integers.
    """

    def __init__(
        self,
        inexact: Callable[..., Any],
        boolean: Callable[..., Any],
        integer: Callable[..., Any],
    ):
        super().__init__(inexact)
        self.inexact, self.boolean, self.integer = inexact, boolean, integer
        self.chosen = {f: Inner(f, "none") for f in (inexact, boolean, integer)}

    def of(self, dtype: str) -> Inner:
        """The function for a dtype."""
        if dtype == "bool":
            return self.chosen[self.boolean]
        return self.chosen[self.integer if "int" in dtype else self.inexact]

    @cached_property
    def compiled(self) -> Any:
        """An intrinsic that chooses when types are known."""
        return _numba_side.by_dtype(self.inexact, self.boolean, self.integer)


class Primitive(Named):
    """What is no Python function but has an implementation in each compiler."""

    @cached_property
    def compiled(self) -> Any:
        """Numba's intrinsic of the same name."""
        return getattr(_numba_side, self.__name__)


class Draw(Named):
    """One of NumPy's C functions that draw: called with a generator's address and numbers.

    Attributes
    ----------
    routine : str
        One of `symbols.RANDOM`, which says what it takes.
    """

    def __init__(self, function: Callable[..., Any], routine: str):
        super().__init__(function)
        self.routine = routine

    @cached_property
    def compiled(self) -> Any:
        """An intrinsic, which takes no time to compile."""
        return _numba_side.draw(self.__name__, self.routine, self.__doc__)


def kernel(function: Callable[..., Any]) -> Kernel:
    """Decorate a function that printed code calls."""
    return Kernel(function)


def exact_kernel(function: Callable[..., Any]) -> Kernel:
    """Decorate a function that is computed as it is written."""
    return Kernel(function, exact=True)


def draw(routine: str) -> Callable[[Callable[..., Any]], Draw]:
    """Decorate the name and the parameters under which ``routine`` is called."""
    return lambda function: Draw(function, routine)


def inner(returns: str) -> Callable[[Callable[..., Any]], Inner]:
    """Decorate a function that only kernels call; ``returns`` as for `Inner`."""
    return lambda function: Inner(function, returns)


def by_dtype(
    inexact: Callable[..., Any], boolean: Callable[..., Any], integer: Callable[..., Any]
) -> ByDtype:
    """One of three functions that return nothing, see `ByDtype`."""
    return ByDtype(inexact, boolean, integer)


@Primitive
def new_array(sample, shape):
    """An uninitialised array; ``sample`` is an array or number of the wanted dtype."""


@Primitive
def new_copy(array):
    """A writable copy of a C-contiguous array."""


@Primitive
def clear(array):
    """Set all elements of a C-contiguous array to zero."""


@Primitive
def cast_like(sample, value):
    """``value`` in the dtype of ``sample``, an array or a number."""


@Primitive
def call_blas(routine, *arguments):
    """Call the BLAS subroutine ``routine`` (no type letter) in the dtype of the arrays."""


@Primitive
def call_lapack(routine, *arguments):
    """Call the LAPACK subroutine ``routine``; its last argument, ``info``, is the result."""


@Primitive
def small_product(c, a, a_transposed, b, b_transposed, k):
    """Write the product of two small matrices to ``c``; a transposed ``b`` has a limit of size."""


@Primitive
def call_special(routine, x):
    """Call SciPy's special function ``routine``: a double from a double."""


@Primitive
def float_like(sample, value):
    """``value`` as ``float32`` if the number ``sample`` is one, else as ``float64``."""


@Primitive
def floor(x):
    """The largest whole number not above ``x``, as a float of the same dtype."""


@Primitive
def round_from_zero(x):
    """The nearest whole number, halves away from zero, as a float of the same dtype."""


@Primitive
def fmod(x, y):
    """C's ``fmod`` of two floats of one dtype: the exact remainder with the sign of ``x``."""


@Primitive
def rounded(x):
    """``x`` as it is, with nothing before or behind it contracted into one rounding."""


@Primitive
def stands_before(x, y):
    """Whether ``x`` is sorted before ``y``: a strict order in which NaN is the greatest."""
