"""What the texts of LLVM IR stand for: numbers and arrays with their dtypes, and conversions.

The rules of arithmetic are Numba's: operations on integers are done in 64 bits, an integer and a
float make a float64.
"""

from __future__ import annotations

import struct
from typing import Any

from ...records import record

__all__ = ["Array", "Module", "Number", "Unknown", "common", "llvm_type", "memory_type", "number"]


class Unknown(Exception):
    """The source has something that only Numba can compile."""


_LLVM = {
    "bool": "i1", "int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64", "uint8": "i8",
    "uint16": "i16", "uint32": "i32", "uint64": "i64", "float32": "float", "float64": "double",
}  # fmt: skip
BYTES = {
    "bool": 1, "int8": 1, "int16": 2, "int32": 4, "int64": 8, "uint8": 1, "uint16": 2,
    "uint32": 4, "uint64": 8, "float32": 4, "float64": 8,
}  # fmt: skip
FLOATS = ("float32", "float64")


@record(frozen=True)
class Number:
    """A scalar: its dtype, the operand that holds it, whether it is certainly no negative one."""

    dtype: str
    text: str
    natural: bool = False


@record(frozen=True)
class Array:
    """A C-contiguous array.

    Attributes
    ----------
    dtype : str
    data : str
        The pointer to its first element.
    shape : tuple of str
        An ``i64`` operand for each dimension.
    owner : str
        The pointer to the block of memory that it keeps alive; ``null`` for somebody else's.
    """

    dtype: str
    data: str
    shape: tuple[str, ...]
    owner: str = "null"


@record(frozen=True)
class Module:
    """A Python object that the source names: a module, a function, a dtype."""

    target: Any


def llvm_type(dtype: str) -> str:
    """The type of a number in a register.

    Raises
    ------
    Unknown
        For complex numbers.
    """
    if dtype not in _LLVM:
        raise Unknown(f"dtype {dtype}")
    return _LLVM[dtype]


def memory_type(dtype: str) -> str:
    """The type of an element in memory, where a truth value takes a byte."""
    return "i8" if dtype == "bool" else llvm_type(dtype)


def number(value: Any, dtype: str | None = None) -> Number:
    """A constant."""
    if dtype is None:
        dtype = {bool: "bool", int: "int64", float: "float64"}.get(type(value))
        if dtype is None:
            raise Unknown(f"constant {value!r}")
    if dtype == "bool":
        return Number("bool", "true" if value else "false")
    if dtype in FLOATS:
        try:
            value = float(value)
            if dtype == "float32" and value == value and abs(value) != float("inf"):
                value = struct.unpack("<f", struct.pack("<f", value))[0]
        except OverflowError:
            raise Unknown(f"constant {value!r}") from None
        return Number(dtype, f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}")
    bits = 8 * BYTES[dtype]
    if not -(2 ** (bits - 1)) <= value < 2 ** (bits - dtype.startswith("int")):
        raise Unknown(f"constant {value!r}")
    return Number(dtype, str(value), value >= 0)


def is_signed(dtype: str) -> bool:
    """Whether it is a signed integer's."""
    return dtype.startswith("int")


def is_integer(dtype: str) -> bool:
    """Whether it is an integer's; truth values are none."""
    return "int" in dtype


def common(first: str, second: str) -> str:
    """The dtype in which Numba combines two numbers, and that of a name which is set to both.

    Raises
    ------
    Unknown
        Where Numba's answer depends on the operation.
    """
    if first == second and first in FLOATS:
        return first
    if first in FLOATS or second in FLOATS:
        other = second if first in FLOATS else first
        if other in ("int64", "int32", "uint64", "uint32") or other in FLOATS:
            return "float64"
    elif is_integer(first) and is_integer(second):
        if is_signed(first) and is_signed(second):
            return "int64"
        if first.startswith("uint") and second.startswith("uint"):
            return "uint64"
    raise Unknown(f"{first} with {second}")
