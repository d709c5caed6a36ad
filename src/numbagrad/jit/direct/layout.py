"""How numbers and arrays are handed from function to function: arguments, fields of results.

Printed functions among themselves pass an array as a pointer and its sizes; Numba's functions take
the fields of its array struct.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .function import Writer
from .parts import Taking
from .values import BYTES, Array, Number, Unknown, llvm_type, memory_type

__all__ = [
    "Kind",
    "fields_of",
    "kind_of",
    "numba_fields",
    "numba_result",
    "parameters",
    "part_result",
    "plain_fields",
]

#: What a parameter or a result is: its dtype and number of dimensions; ``None`` dimensions for a
#: number.
Kind = tuple[str, int | None]


def kind_of(value: Any) -> Kind:
    """What a number or an array is as a parameter."""
    if isinstance(value, Array):
        return value.dtype, len(value.shape)
    if isinstance(value, Number):
        return value.dtype, None
    raise Unknown("a result that is no number and no array")


def fields_of(kind: Kind) -> list[str]:
    """The types of the fields of a result."""
    dtype, ndim = kind
    return [memory_type(dtype)] if ndim is None else ["ptr", "ptr", *["i64"] * ndim]


def parameters(kinds: Sequence[Kind], owned: bool) -> Taking:
    """The parameters for arguments of which nothing else is known.

    ``owned`` if an array's owner is given as well. A function that returns such an array, under
    whatever name, returns a reference to its memory.
    """
    values: list[Any] = []
    declared: list[str] = []
    for position, (dtype, ndim) in enumerate(kinds):
        type_ = llvm_type(dtype)
        if ndim is None:
            values.append(Number(dtype, f"%a{position}"))
            declared.append(f"{type_} %a{position}")
            continue
        shape = tuple(f"%a{position}.n{d}" for d in range(ndim))
        owner = f"%a{position}.own" if owned else "null"
        values.append(Array(dtype, f"%a{position}", shape, owner))
        declared += [f"ptr {owner}"] if owned else []
        declared += [f"ptr %a{position}", *(f"i64 {extent}" for extent in shape)]
    return Taking(tuple(values), tuple(declared))


def plain_fields(write: Writer, value: Any) -> list[tuple[str, str]]:
    """The arguments that one of our functions takes for a value."""
    if isinstance(value, Number):
        return [(llvm_type(value.dtype), value.text)]
    sizes = [("i64", extent) for extent in value.shape]
    return [("ptr", value.owner), ("ptr", value.data), *sizes]


def numba_fields(write: Writer, value: Any) -> list[tuple[str, str]]:
    """The arguments that Numba's calling convention makes of a value."""
    if isinstance(value, Number):
        if value.dtype == "bool":
            return [("i8", write.make(f"zext i1 {value.text} to i8"))]
        return [(llvm_type(value.dtype), value.text)]
    steps = [str(BYTES[value.dtype])]
    for extent in reversed(value.shape[1:]):
        steps.insert(0, write.make(f"mul i64 {steps[0]}, {extent}"))
    return [
        ("ptr", value.owner),
        ("ptr", "null"),
        ("i64", write.size_of(value.shape)),
        ("i64", str(BYTES[value.dtype])),
        ("ptr", value.data),
        *(("i64", extent) for extent in value.shape),
        *(("i64", step) for step in steps[: len(value.shape)]),
    ]


def numba_result(kind: Kind) -> str:
    """The type of a result in the struct that one of Numba\'s functions fills."""
    dtype, ndim = kind
    if ndim is None:
        return memory_type(dtype)
    return f"{{ ptr, ptr, i64, i64, ptr, [{ndim} x i64], [{ndim} x i64] }}"


def part_result(kind: Kind) -> str:
    """The type of a result in the struct that one of our functions fills."""
    dtype, ndim = kind
    return memory_type(dtype) if ndim is None else f"{{ ptr, ptr, [{ndim} x i64] }}"
