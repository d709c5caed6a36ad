"""Result dtypes: the rules that Ops name, and how Python numbers meet arrays.

NumPy's promotion is the reference; float16, which numbagrad does not have, becomes float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from ..graph.tensor import TensorVariable, as_tensor, constant, is_scalar_number

__all__ = [
    "always",
    "bool_of",
    "convert_together",
    "first",
    "float_of",
    "is_complex",
    "is_continuous",
    "is_discrete",
    "number_of",
    "quotient_of",
    "real_of",
    "upcast",
]


@cache
def upcast(*dtypes: str) -> str:
    """The smallest dtype that holds all of ``dtypes``.

    >>> upcast("float32", "int64")
    'float64'
    """
    return np.result_type(*(np.dtype(d) for d in dtypes)).name


def float_of(*dtypes: str) -> str:
    """The dtype of a function that has no integer results, such as a sine.

    >>> float_of("int64"), float_of("float32"), float_of("int8"), float_of("int8", "uint16")
    ('float64', 'float32', 'float32', 'float32')
    """
    common = np.dtype(upcast(*dtypes))
    if common.kind in "fc" and not all(is_discrete(d) for d in dtypes):
        return common.name
    # Each integer becomes the float that holds it, and these the larger of them.
    return "float32" if all(np.dtype(d).itemsize <= 2 for d in dtypes) else "float64"


def number_of(*dtypes: str) -> str:
    """The common dtype, int8 instead of bool, for functions that NumPy has for numbers only.

    >>> number_of("bool", "bool"), number_of("bool", "float32")
    ('int8', 'float32')
    """
    common = upcast(*dtypes)
    return "int8" if common == "bool" else common


def quotient_of(*dtypes: str) -> str:
    """The dtype of a true division: float64 for all integers.

    >>> quotient_of("int8", "int8"), quotient_of("int8", "float32")
    ('float64', 'float32')
    """
    common = upcast(*dtypes)
    return common if is_continuous(common) else "float64"


def first(*dtypes: str) -> str:
    """The dtype of the first argument."""
    return dtypes[0]


def bool_of(*dtypes: str) -> str:
    """bool, whatever the arguments."""
    return "bool"


def real_of(*dtypes: str) -> str:
    """The dtype of real and imaginary parts and of absolute values."""
    return {"complex64": "float32", "complex128": "float64"}.get(upcast(*dtypes)) or upcast(*dtypes)


def always(dtype: str) -> Any:
    """A rule that gives ``dtype`` always."""

    def rule(*dtypes: str) -> str:
        return dtype

    return rule


def is_complex(dtype: str) -> bool:
    """Whether values have an imaginary part."""
    return dtype.startswith("complex")


def is_continuous(dtype: str) -> bool:
    """Whether derivatives with respect to values of this dtype make sense."""
    return dtype.startswith(("float", "complex"))


def is_discrete(dtype: str) -> bool:
    """Whether values are integers or truth values."""
    return not is_continuous(dtype)


def convert_together(values: Sequence[Any], comparing: bool = False) -> list[TensorVariable]:
    """Arguments of one elementwise Op as tensors.

    Python numbers have no dtype of their own: they take the one of the arrays they meet, as in
    NumPy 2, and remember how the user wrote them. ``comparing`` allows an integer that does not
    fit that dtype, since ``x < 300`` has an answer for any ``x``.

    Raises
    ------
    OverflowError
        If a Python integer does not fit the integer dtype it meets.
    """
    if not any(is_scalar_number(v) for v in values):
        return [as_tensor(v) for v in values]
    tensors = {k: as_tensor(v) for k, v in enumerate(values) if not is_scalar_number(v)}
    numbers = {k: v for k, v in enumerate(values) if is_scalar_number(v)}
    if not tensors:
        return [constant(v) for v in values]
    common = np.result_type(*(np.dtype(t.dtype) for t in tensors.values()), *numbers.values())
    for k, number in numbers.items():
        tensors[k] = _number(number, common, comparing)
    return [tensors[k] for k in range(len(values))]


def _number(number: Any, dtype: np.dtype, comparing: bool) -> TensorVariable:
    if type(number) is bool:
        dtype = np.dtype(bool)
    try:
        made = constant(number, dtype=dtype.name)
    except OverflowError:
        if not comparing:
            raise OverflowError(
                f"The Python integer {number} does not fit {dtype.name}, the dtype of the array "
                "it is combined with; cast one of them"
            ) from None
        made = constant(number)
    return made
