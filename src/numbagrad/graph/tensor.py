"""Tensors: their type and its rules for values, their variables, their constants.

Operators and methods of the variables are in ``methods.py``, Ops in ``ops/``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..config import config
from .basic import Constant, Variable
from .methods import TensorMethods
from .registry import OPS
from .type import Type

__all__ = [
    "DTYPES",
    "TensorConstant",
    "TensorType",
    "TensorVariable",
    "as_tensor",
    "as_tensor_variable",
    "constant",
]

#: The dtypes of tensors, NumPy's names.
DTYPES = (
    "bool",
    *("int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64"),
    *("float32", "float64"),
    *("complex64", "complex128"),
)

#: A dtype puts its name together anew each time it is asked.
_NAMES = {np.dtype(name): name for name in DTYPES}


class TensorType(Type):
    """Arrays of one dtype and number of dimensions; each size is known or not.

    Parameters
    ----------
    dtype : str or dtype
        NumPy's name, or ``"floatX"``.
    shape : sequence of int or None
        One entry a dimension, ``None`` for a size that is not known. Booleans are accepted as in
        Theano: ``True`` is a dimension of size 1 that broadcasts.
    name : str, optional
        For people only.
    broadcastable : sequence of bool, optional
        Theano's spelling of ``shape``.

    Examples
    --------
    >>> TensorType("float64", shape=(None, 3))
    TensorType(float64, shape=(None, 3))
    """

    __slots__ = ("_hash", "dtype", "name", "numpy_dtype", "shape")

    def __init__(
        self,
        dtype: Any,
        shape: Sequence[int | None] | None = None,
        name: str | None = None,
        broadcastable: Sequence[bool] | None = None,
    ):
        if shape is None:
            shape = broadcastable
        if shape is None:
            raise TypeError("TensorType needs a shape: one entry for each dimension")
        dtype = config.floatX if isinstance(dtype, str) and dtype == "floatX" else dtype
        try:
            self.numpy_dtype = np.dtype(dtype)
        except TypeError:
            raise TypeError(f"{dtype!r} is no dtype") from None
        self.dtype = _NAMES.get(self.numpy_dtype) or self.numpy_dtype.name
        if self.dtype not in DTYPES:
            raise TypeError(
                f"dtype {self.dtype!r} is not supported; choose one of {', '.join(DTYPES)}"
            )
        self.shape = tuple(self._size(s) for s in shape)
        self.name = name
        self._hash = hash((self.dtype, self.shape))

    @staticmethod
    def _size(size: Any) -> int | None:
        if size is None or size is False:
            return None
        if size is True:
            return 1
        if isinstance(size, (int, np.integer)) and size >= 0:
            return int(size)
        raise ValueError(f"A static size must be None or an integer >= 0; got {size!r}")

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def broadcastable(self) -> tuple[bool, ...]:
        """Which dimensions are known to be of size 1."""
        return tuple(s == 1 for s in self.shape)

    def clone(
        self, dtype: Any = None, shape: Sequence[int | None] | None = None, **_: Any
    ) -> TensorType:
        """This type with another dtype or shape."""
        return TensorType(
            self.dtype if dtype is None else dtype, self.shape if shape is None else shape
        )

    def filter(self, data: Any, strict: bool = False, allow_downcast: bool | None = None) -> Any:
        if isinstance(data, Variable):
            raise TypeError(
                f"Expected an array of dtype {self.dtype} and {self.ndim} dimensions; "
                f"got the symbolic variable {data!r}. A value is needed here."
            )
        if not (type(data) is np.ndarray and data.dtype == self.numpy_dtype):
            if strict:
                raise TypeError(f"Expected exactly an ndarray of dtype {self.dtype}; got {data!r}")
            data = self._convert(data, allow_downcast)
        if data.ndim != self.ndim:
            raise TypeError(
                f"Wrong number of dimensions: expected {self.ndim}, "
                f"got {data.ndim} with shape {data.shape}"
            )
        for axis, (size, known) in enumerate(zip(data.shape, self.shape, strict=True)):
            if known is not None and size != known:
                raise TypeError(
                    f"Wrong size of dimension {axis}: expected {known}, got shape {data.shape}"
                )
        return data

    def _convert(self, data: Any, allow_downcast: bool | None) -> np.ndarray:
        _refuse_mask(data)
        try:
            array = np.asarray(data)
        except (ValueError, TypeError) as error:
            raise TypeError(f"{data!r} can not be made an array: {error}") from None
        if array.dtype.kind not in "biufc":
            shown = "None" if data is None else f"{type(data).__name__} (dtype {array.dtype})"
            raise TypeError(f"Numbers wanted; got {shown}")
        target = self.numpy_dtype
        if array.dtype == target:
            return array
        if np.can_cast(array.dtype, target, "safe"):
            return array.astype(target)
        if allow_downcast:
            if array.dtype.kind == "c" and target.kind != "c":
                raise TypeError(f"A complex value is not cast to {self.dtype}: take .real first")
            return array.astype(target)
        if not isinstance(data, (np.ndarray, np.generic)):
            # Lists and Python numbers have no dtype of their own: what fits exactly may pass.
            with np.errstate(all="ignore"):
                cast = array.astype(target) if not _loses_part(array, target) else None
            if cast is not None and np.array_equal(cast, array, equal_nan=array.dtype.kind in "fc"):
                return cast
            python_float = isinstance(data, float) and self.ndim == 0
            if allow_downcast is None and python_float and self.dtype == config.floatX:
                return array.astype(target)
        raise TypeError(
            f"dtype {array.dtype} can not become {self.dtype} without losing precision. "
            f"Cast it yourself (value.astype({self.dtype!r})) or pass allow_input_downcast=True."
        )

    def is_super(self, other: Type) -> bool:
        return (
            isinstance(other, TensorType)
            and self.dtype == other.dtype
            and self.ndim == other.ndim
            and all(m is None or m == o for m, o in zip(self.shape, other.shape, strict=True))
        )

    def convert_variable(self, variable: Variable) -> Variable | None:
        """A variable of this type, cast if that loses nothing; sizes are checked when it runs."""
        given = variable.type
        if not isinstance(given, TensorType) or given.ndim != self.ndim:
            return None
        if not np.can_cast(given.numpy_dtype, self.numpy_dtype, "safe"):
            return None
        if any(None not in (a, b) and a != b for a, b in zip(given.shape, self.shape, strict=True)):
            return None
        if given.dtype != self.dtype:
            variable = OPS["cast"](variable, self.dtype)
        if self.is_super(variable.type):
            return variable
        return OPS["specify_shape"](variable, self.shape)

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, TensorType)
            and self.dtype == other.dtype
            and self.shape == other.shape
        )

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"TensorType({self.dtype}, shape={self.shape})"

    def __reduce__(self) -> Any:
        return TensorType, (self.dtype, self.shape, self.name)


def _refuse_mask(data: Any) -> None:
    # NumPy imports its masked arrays when they are first asked for: until then there are none.
    masked = sys.modules.get("numpy.ma")
    if masked is not None and isinstance(data, masked.MaskedArray):
        raise TypeError(
            "A masked array would lose its mask: fill it (data.filled(value)) or take what is "
            "not masked (data.compressed()) first"
        )


def _loses_part(array: np.ndarray, target: np.dtype) -> bool:
    """Whether a cast would drop an imaginary part or turn numbers into truth values."""
    return (array.dtype.kind == "c" and target.kind != "c") or target.kind == "b"


class TensorVariable(TensorMethods):
    """A tensor that is not known yet, with NumPy's operators and methods."""

    __slots__ = ()

    type: TensorType


TensorType.variable_class = TensorVariable


class TensorConstant(Constant, TensorVariable):
    """A tensor whose value is known; the value is a private read-only array."""

    __slots__ = ()

    def __init__(
        self,
        type: TensorType,
        data: Any,
        name: str | None = None,
        literal: str | None = None,
    ):
        super().__init__(type, data, name, literal)
        flags = self.data.flags
        if not (flags.owndata and flags.c_contiguous and not flags.writeable):
            self.data = np.array(self.data, order="C")
            self.data.setflags(write=False)

    def signature(self) -> Any:
        """Equal exactly for constants of one type and the same bits."""
        data = self.data
        bits = data.tobytes() if data.size <= 64 else id(data)
        return (self.type, bits)


TensorType.constant_class = TensorConstant


def as_tensor(x: Any, name: str | None = None, ndim: int | None = None, dtype: Any = None) -> Any:
    """``x`` as a tensor variable.

    Parameters
    ----------
    x : array_like, Variable, or list of these
        A list that contains variables is stacked.
    name : str, optional
    ndim : int, optional
        Add dimensions of size 1 in front up to this number.
    dtype : str, optional
        A Python number without one becomes int64, float64 (``config.floatX``) or complex128.

    Raises
    ------
    TypeError
        If ``x`` holds no numbers.

    Examples
    --------
    >>> as_tensor([1.0, 2.0]).type
    TensorType(float64, shape=(2,))
    """
    if isinstance(x, Variable):
        variable: Any = x
        if not isinstance(x.type, TensorType):
            raise TypeError(f"{x!r} is of type {x.type}, which is no tensor")
        if dtype is not None and x.type.dtype != np.dtype(dtype).name:
            variable = OPS["cast"](x, dtype)
    elif isinstance(x, (list, tuple)) and _contains_variable(x):
        variable = OPS["stack_lists"](x)
        if dtype is not None:
            variable = OPS["cast"](variable, dtype)
    else:
        variable = constant(x, name=name, dtype=dtype)
    if ndim is not None:
        if variable.ndim > ndim:
            raise ValueError(f"{x!r} has {variable.ndim} dimensions, more than ndim={ndim}")
        if variable.ndim < ndim:
            pattern = ["x"] * (ndim - variable.ndim) + list(range(variable.ndim))
            variable = OPS["dimshuffle"](variable, pattern)
    return variable


as_tensor_variable = as_tensor


def _contains_variable(items: Any) -> bool:
    stack = list(items)
    while stack:
        item = stack.pop()
        if isinstance(item, Variable):
            return True
        if isinstance(item, (list, tuple)):
            stack.extend(item)
    return False


def constant(
    x: Any, name: str | None = None, ndim: int | None = None, dtype: Any = None
) -> TensorConstant:
    """A constant tensor with a copy of ``x``.

    Raises
    ------
    TypeError
        If ``x`` holds no numbers.
    OverflowError
        If a Python integer does not fit its dtype.

    Examples
    --------
    >>> constant(2.5)
    TensorConstant(array(2.5))
    """
    _refuse_mask(x)
    literal = None
    if type(x) in (bool, int, float, complex):
        literal = repr(x)
        if dtype is None and type(x) is float:
            dtype = config.floatX
    if dtype is not None and type(x) is int and np.dtype(dtype).kind in "iu":
        np.array(x, dtype)  # raises OverflowError, where astype would wrap
    array = np.array(x, dtype=dtype, order="C")
    if array.dtype.kind not in "biufc" or array.dtype.name not in DTYPES:
        raise TypeError(f"{x!r} can not be made a tensor: its dtype would be {array.dtype}")
    if ndim is not None:
        if array.ndim > ndim:
            raise ValueError(f"{x!r} has {array.ndim} dimensions, more than ndim={ndim}")
        array = array.reshape((1,) * (ndim - array.ndim) + array.shape)
    array.setflags(write=False)
    return TensorConstant(TensorType(array.dtype, array.shape), array, name, literal)


def is_scalar_number(x: Any) -> bool:
    """Whether ``x`` is a Python number, which takes the dtype of what it meets."""
    return type(x) in (bool, int, float, complex)
