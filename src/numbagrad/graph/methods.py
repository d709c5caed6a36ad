"""What a tensor variable can be asked and told: operators, attributes, methods.

They know the names of Ops, never the Ops: each looks its name up in the registry when it is
called. Nothing is computed or checked here; that is done by the definitions in ``ops/``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .basic import Variable
from .registry import OPS

__all__ = ["TensorMethods"]


class TensorMethods(Variable):
    """NumPy's operators and methods, for variables whose type has a dtype and a shape."""

    __slots__ = ()
    __array_priority__ = 1000
    __array_ufunc__ = None  # ndarray + variable asks the variable

    type: Any

    # -- what is known -----------------------------------------------------------------------

    @property
    def dtype(self) -> str:
        """NumPy's name of the dtype."""
        return self.type.dtype

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self.type.ndim

    @property
    def broadcastable(self) -> tuple[bool, ...]:
        """Which dimensions are known to be of size 1."""
        return self.type.broadcastable

    @property
    def shape(self) -> Any:
        """The sizes, an int64 vector."""
        return OPS["shape"](self)

    @property
    def size(self) -> Any:
        """The number of elements."""
        return OPS["size"](self)

    # -- Python's protocols ------------------------------------------------------------------

    def __bool__(self) -> bool:
        raise TypeError(
            "A symbolic variable has no truth value. Use switch to choose by a value, "
            "and eq, and_, or_ to compare and combine elementwise."
        )

    def __len__(self) -> int:
        known = self.type.shape[0] if self.ndim else None
        if known is None:
            raise TypeError("The length of a symbolic variable is not known: use x.shape[0]")
        return known

    def __iter__(self) -> Iterator[Any]:
        for position in range(len(self)):
            yield self[position]

    def _no_number(self) -> Any:
        raise TypeError(
            f"The symbolic variable {self!r} is no number yet: x.eval() or a compiled function "
            "gives its value"
        )

    __index__ = __int__ = __float__ = __complex__ = _no_number

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "A symbolic variable can not be changed in place: y = x[index].set(value) gives a "
            "changed copy, x[index].inc(value) one with the value added"
        )

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise TypeError(
            "A symbolic variable is no array: use the functions of numbagrad.tensor instead of "
            "NumPy's, or x.eval() for its value"
        )

    def __getitem__(self, index: Any) -> Any:
        return OPS["subtensor"](self, index)

    # -- operators ---------------------------------------------------------------------------

    def __neg__(self) -> Any:
        return OPS["neg"](self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return OPS["abs"](self)

    def __invert__(self) -> Any:
        return OPS["invert"](self)

    def __add__(self, other: Any) -> Any:
        return OPS["add"](self, other)

    def __radd__(self, other: Any) -> Any:
        return OPS["add"](other, self)

    def __sub__(self, other: Any) -> Any:
        return OPS["sub"](self, other)

    def __rsub__(self, other: Any) -> Any:
        return OPS["sub"](other, self)

    def __mul__(self, other: Any) -> Any:
        return OPS["mul"](self, other)

    def __rmul__(self, other: Any) -> Any:
        return OPS["mul"](other, self)

    def __truediv__(self, other: Any) -> Any:
        return OPS["true_div"](self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return OPS["true_div"](other, self)

    def __floordiv__(self, other: Any) -> Any:
        return OPS["floor_div"](self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return OPS["floor_div"](other, self)

    def __mod__(self, other: Any) -> Any:
        return OPS["mod"](self, other)

    def __rmod__(self, other: Any) -> Any:
        return OPS["mod"](other, self)

    def __divmod__(self, other: Any) -> Any:
        return OPS["divmod"](self, other)

    def __rdivmod__(self, other: Any) -> Any:
        return OPS["divmod"](other, self)

    def __pow__(self, other: Any) -> Any:
        return OPS["pow"](self, other)

    def __rpow__(self, other: Any) -> Any:
        return OPS["pow"](other, self)

    def __matmul__(self, other: Any) -> Any:
        return OPS["matmul"](self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return OPS["matmul"](other, self)

    def __and__(self, other: Any) -> Any:
        return OPS["and"](self, other)

    def __rand__(self, other: Any) -> Any:
        return OPS["and"](other, self)

    def __or__(self, other: Any) -> Any:
        return OPS["or"](self, other)

    def __ror__(self, other: Any) -> Any:
        return OPS["or"](other, self)

    def __xor__(self, other: Any) -> Any:
        return OPS["xor"](self, other)

    def __rxor__(self, other: Any) -> Any:
        return OPS["xor"](other, self)

    def __lt__(self, other: Any) -> Any:
        return OPS["lt"](self, other)

    def __le__(self, other: Any) -> Any:
        return OPS["le"](self, other)

    def __gt__(self, other: Any) -> Any:
        return OPS["gt"](self, other)

    def __ge__(self, other: Any) -> Any:
        return OPS["ge"](self, other)

    def __ceil__(self) -> Any:
        return OPS["ceil"](self)

    def __floor__(self) -> Any:
        return OPS["floor"](self)

    def __trunc__(self) -> Any:
        return OPS["trunc"](self)

    # -- elementwise methods -----------------------------------------------------------------

    def astype(self, dtype: Any) -> Any:
        """The values as another dtype."""
        return OPS["cast"](self, dtype)

    def clip(self, a_min: Any, a_max: Any) -> Any:
        """The values limited to ``[a_min, a_max]``."""
        return OPS["clip"](self, a_min, a_max)

    def round(self, mode: str | None = None) -> Any:
        """The nearest integers."""
        return OPS["round"](self, mode)

    def conj(self) -> Any:
        """The complex conjugate."""
        return OPS["conj"](self)

    conjugate = conj

    @property
    def real(self) -> Any:
        """The real part."""
        return OPS["real"](self)

    @property
    def imag(self) -> Any:
        """The imaginary part."""
        return OPS["imag"](self)

    def zeros_like(self, dtype: Any = None) -> Any:
        """Zeros of this shape."""
        return OPS["zeros_like"](self, dtype=dtype)

    def ones_like(self, dtype: Any = None) -> Any:
        """Ones of this shape."""
        return OPS["ones_like"](self, dtype=dtype)

    def fill(self, value: Any) -> Any:
        """``value`` in every place of this shape."""
        return OPS["second"](self, value)

    def copy(self, name: str | None = None) -> Any:
        """The same value as a new variable."""
        return OPS["identity"](self, name=name)

    # -- reductions --------------------------------------------------------------------------

    def sum(
        self, axis: Any = None, dtype: Any = None, keepdims: bool = False, acc_dtype: Any = None
    ) -> Any:
        """The sum over ``axis``."""
        return OPS["sum"](self, axis=axis, dtype=dtype, keepdims=keepdims, acc_dtype=acc_dtype)

    def prod(
        self, axis: Any = None, dtype: Any = None, keepdims: bool = False, acc_dtype: Any = None
    ) -> Any:
        """The product over ``axis``."""
        return OPS["prod"](self, axis=axis, dtype=dtype, keepdims=keepdims, acc_dtype=acc_dtype)

    def mean(
        self, axis: Any = None, dtype: Any = None, keepdims: bool = False, acc_dtype: Any = None
    ) -> Any:
        """The mean over ``axis``."""
        return OPS["mean"](self, axis=axis, dtype=dtype, keepdims=keepdims, acc_dtype=acc_dtype)

    def var(self, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
        """The variance over ``axis``."""
        return OPS["var"](self, axis=axis, ddof=ddof, keepdims=keepdims)

    def std(self, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
        """The standard deviation over ``axis``."""
        return OPS["std"](self, axis=axis, ddof=ddof, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The largest value over ``axis``."""
        return OPS["max"](self, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The smallest value over ``axis``."""
        return OPS["min"](self, axis=axis, keepdims=keepdims)

    def argmax(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The position of the largest value over ``axis``."""
        return OPS["argmax"](self, axis=axis, keepdims=keepdims)

    def argmin(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The position of the smallest value over ``axis``."""
        return OPS["argmin"](self, axis=axis, keepdims=keepdims)

    def all(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Whether all values over ``axis`` are true."""
        return OPS["all"](self, axis=axis, keepdims=keepdims)

    def any(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Whether any value over ``axis`` is true."""
        return OPS["any"](self, axis=axis, keepdims=keepdims)

    def ptp(self, axis: Any = None) -> Any:
        """The range, largest minus smallest, over ``axis``."""
        return OPS["ptp"](self, axis=axis)

    def norm(self, L: Any = 2, axis: Any = None, keepdims: bool = False) -> Any:
        """The vector norm of order ``L`` over ``axis``."""
        return OPS["norm"](self, L, axis=axis, keepdims=keepdims)

    def cumsum(self, axis: Any = None) -> Any:
        """The sums up to each place."""
        return OPS["cumsum"](self, axis=axis)

    def cumprod(self, axis: Any = None) -> Any:
        """The products up to each place."""
        return OPS["cumprod"](self, axis=axis)

    # -- shape -------------------------------------------------------------------------------

    @property
    def T(self) -> Any:
        """The dimensions in reverse order."""
        return OPS["transpose"](self)

    @property
    def mT(self) -> Any:
        """The last two dimensions swapped."""
        return OPS["matrix_transpose"](self)

    def transpose(self, *axes: Any) -> Any:
        """The dimensions in another order."""
        if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (list, tuple))):
            (axes,) = axes
        return OPS["transpose"](self, axes or None)

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        """Two dimensions swapped."""
        return OPS["swapaxes"](self, axis1, axis2)

    def dimshuffle(self, *pattern: Any) -> Any:
        """Dimensions permuted, dropped, and (``"x"``) added with size 1."""
        if len(pattern) == 1 and isinstance(pattern[0], (list, tuple)):
            (pattern,) = pattern
        return OPS["dimshuffle"](self, pattern)

    def reshape(self, *shape: Any, ndim: int | None = None) -> Any:
        """The same elements, in C order, in another shape; one size may be -1."""
        if len(shape) == 1 and (
            isinstance(shape[0], (list, tuple, np.ndarray))
            or (isinstance(shape[0], Variable) and getattr(shape[0], "ndim", 0) == 1)
        ):
            (shape,) = shape
        return OPS["reshape"](self, shape, ndim=ndim)

    def flatten(self, ndim: int = 1) -> Any:
        """The elements in C order; the first ``ndim - 1`` dimensions are kept."""
        return OPS["flatten"](self, ndim)

    def ravel(self) -> Any:
        """The elements in C order."""
        return OPS["flatten"](self, 1)

    def squeeze(self, axis: Any = None) -> Any:
        """Without the dimensions of size 1."""
        return OPS["squeeze"](self, axis=axis)

    def repeat(self, repeats: Any, axis: Any = None) -> Any:
        """Each element several times."""
        return OPS["repeat"](self, repeats, axis=axis)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
        """The diagonal of each matrix."""
        return OPS["diagonal"](self, offset, axis1, axis2)

    def trace(self) -> Any:
        """The sum of the diagonal."""
        return OPS["trace"](self)

    # -- indexing ----------------------------------------------------------------------------

    def set(self, value: Any) -> Any:
        """``x[i].set(v)``: the whole of ``x`` with the part selected replaced by ``v``."""
        return OPS["set_subtensor"](self, value)

    def inc(self, value: Any) -> Any:
        """``x[i].inc(v)``: the whole of ``x`` with ``v`` added to the part selected."""
        return OPS["inc_subtensor"](self, value)

    def take(self, indices: Any, axis: Any = None, mode: str = "raise") -> Any:
        """Elements along ``axis`` by their positions."""
        return OPS["take"](self, indices, axis=axis, mode=mode)

    def nonzero(self, return_matrix: bool = False) -> Any:
        """The positions of the elements that are not zero."""
        return OPS["nonzero"](self, return_matrix=return_matrix)

    def compress(self, condition: Any, axis: Any = None) -> Any:
        """The slices along ``axis`` where ``condition`` holds."""
        return OPS["compress"](condition, self, axis=axis)

    def choose(self, choices: Any, mode: str = "raise") -> Any:
        """For each element ``k`` of this the corresponding element of ``choices[k]``."""
        return OPS["choose"](self, choices, mode=mode)

    def sort(self, axis: Any = -1, kind: str = "quicksort", order: Any = None) -> Any:
        """The elements in ascending order along ``axis``."""
        return OPS["sort"](self, axis, kind, order)

    def argsort(self, axis: Any = -1, kind: str = "quicksort", order: Any = None) -> Any:
        """The positions that would sort along ``axis``."""
        return OPS["argsort"](self, axis, kind, order)

    # -- products ----------------------------------------------------------------------------

    def dot(self, other: Any) -> Any:
        """The matrix product."""
        return OPS["dot"](self, other)

    # -- people ------------------------------------------------------------------------------

    def dprint(self, **kwargs: Any) -> Any:
        """Print the graph that makes this variable."""
        return OPS["debugprint"](self, **kwargs)
