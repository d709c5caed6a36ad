"""Functions of floats as LLVM IR text, written with Python's operators on `Value`.

What is written so has no branches, so that LLVM can vectorise any loop it is inlined into, and its
instructions carry no fast-math flags, so that no caller's permission to reassociate reaches it:
``(x - big) + big`` stays what it says. Multiplications are fused with additions only where that is
written (`muladd` where the machine can, `fma` always).

The text is legal for LLVM 15 and later. This file knows neither Numba nor mathematics.

>>> body = Body(1, ["x"])
>>> x = body.parameters[0]
>>> print(function_text("twice", body, 2.0 * x))
define linkonce_odr hidden double @twice(double %x) #0 {
  %v1 = fmul double 0x4000000000000000, %x
  ret double %v1
}
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

__all__ = [
    "Body",
    "Value",
    "bits",
    "copysign",
    "floats",
    "fma",
    "function_text",
    "like",
    "muladd",
    "narrowed",
    "polynomial",
    "rint",
    "select",
    "sqrt",
    "whole",
    "widened",
]

_SCALARS = {"f": "double", "s": "float", "i": "i64", "h": "i32", "b": "i1"}
_INTRINSIC_SUFFIX = {"f": "f64", "s": "f32", "i": "i64", "h": "i32"}


class Body:
    """The instructions of one function, each written once.

    Parameters
    ----------
    lanes : int
        1 for a function of numbers, more for one of vectors.
    parameters : sequence of str
        Names of the parameters.
    kind : {"f", "s"}
        ``double`` or ``float`` parameters.
    """

    def __init__(self, lanes: int, parameters: Sequence[str], kind: str = "f"):
        self.lanes = lanes
        self.lines: list[str] = []
        self.declared: dict[str, str] = {}
        self._known: dict[str, Value] = {}
        self.parameters = [Value(self, f"%{name}", kind) for name in parameters]

    def type(self, kind: str) -> str:
        """LLVM's name of a type."""
        scalar = _SCALARS[kind]
        return scalar if self.lanes == 1 else f"<{self.lanes} x {scalar}>"

    def emit(self, text: str, kind: str) -> Value:
        """The value of an instruction, which is new unless it was written before."""
        if text not in self._known:
            name = f"%v{len(self.lines) + 1}"
            self.lines.append(f"  {name} = {text}")
            self._known[text] = Value(self, name, kind)
        return self._known[text]

    def intrinsic(self, name: str, *arguments: Value) -> Value:
        """A call of an LLVM intrinsic whose result has the type of its arguments."""
        kind = arguments[0].kind
        vector = "" if self.lanes == 1 else f"v{self.lanes}"
        full = f"@llvm.{name}.{vector}{_INTRINSIC_SUFFIX[kind]}"
        made = self.type(kind)
        self.declared[full] = f"declare {made} {full}({', '.join([made] * len(arguments))})"
        given = ", ".join(f"{made} {a.name}" for a in arguments)
        return self.emit(f"call {made} {full}({given})", kind)

    def constant(self, value: float, kind: str) -> Value:
        """A number as a value."""
        if kind in "fs":
            # LLVM writes a float by the bits of the double that it is equal to.
            if kind == "s":
                value = struct.unpack("<f", struct.pack("<f", value))[0]
            text = f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
        elif kind == "b":
            text = "true" if value else "false"
        else:
            text = str(int(value))
        if self.lanes > 1:
            text = "<" + ", ".join([f"{_SCALARS[kind]} {text}"] * self.lanes) + ">"
        return Value(self, text, kind)


class Value:
    """A number in code, by its kind.

    ``f`` is a double, ``s`` a float, ``i`` and ``h`` integers of their sizes, ``b`` a bit.
    """

    __slots__ = ("body", "kind", "name")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, body: Body, name: str, kind: str):
        self.body, self.name, self.kind = body, name, kind

    def _with(self, other: Value | float) -> Value:
        return other if isinstance(other, Value) else self.body.constant(other, self.kind)

    def _binary(self, operator: str, other: Value | float, swapped: bool = False) -> Value:
        left, right = self, self._with(other)
        if swapped:
            left, right = right, left
        prefix = "f" if self.kind in "fs" and operator in ("add", "sub", "mul", "div") else ""
        text = f"{prefix}{operator} {self.body.type(self.kind)} {left.name}, {right.name}"
        return self.body.emit(text, self.kind)

    def _compared(self, operator: str, other: Value | float) -> Value:
        right = self._with(other)
        word = f"fcmp {operator}" if self.kind in "fs" else f"icmp {operator.replace('o', 's')}"
        made = f"{word} {self.body.type(self.kind)} {self.name}, {right.name}"
        return self.body.emit(made, "b")

    def __add__(self, other: Value | float) -> Value:
        return self._binary("add", other)

    def __radd__(self, other: Value | float) -> Value:
        return self._binary("add", other, swapped=True)

    def __sub__(self, other: Value | float) -> Value:
        return self._binary("sub", other)

    def __rsub__(self, other: Value | float) -> Value:
        return self._binary("sub", other, swapped=True)

    def __mul__(self, other: Value | float) -> Value:
        return self._binary("mul", other)

    def __rmul__(self, other: Value | float) -> Value:
        return self._binary("mul", other, swapped=True)

    def __truediv__(self, other: Value | float) -> Value:
        return self._binary("div", other)

    def __rtruediv__(self, other: Value | float) -> Value:
        return self._binary("div", other, swapped=True)

    def __neg__(self) -> Value:
        if self.kind in "ih":
            return 0 - self
        return self.body.emit(f"fneg {self.body.type(self.kind)} {self.name}", self.kind)

    def __abs__(self) -> Value:
        return self.body.intrinsic("fabs", self)

    def __and__(self, other: Value | float) -> Value:
        return self._binary("and", other)

    def __or__(self, other: Value | float) -> Value:
        return self._binary("or", other)

    def __xor__(self, other: Value | float) -> Value:
        return self._binary("xor", other)

    def __invert__(self) -> Value:
        return self._binary("xor", True if self.kind == "b" else -1)

    def __lshift__(self, places: int) -> Value:
        return self._binary("shl", places)

    def __rshift__(self, places: int) -> Value:
        """Zeros come in from the left: not every machine has the other shift for vectors."""
        return self._binary("lshr", places)

    def __lt__(self, other: Value | float) -> Value:
        return self._compared("olt", other)

    def __le__(self, other: Value | float) -> Value:
        return self._compared("ole", other)

    def __gt__(self, other: Value | float) -> Value:
        return self._compared("ogt", other)

    def __ge__(self, other: Value | float) -> Value:
        return self._compared("oge", other)

    def equals(self, other: Value | float) -> Value:
        """Whether both are the same number; integers by their bits."""
        right = self._with(other)
        word = "fcmp oeq" if self.kind in "fs" else "icmp eq"
        return self.body.emit(f"{word} {self.body.type(self.kind)} {self.name}, {right.name}", "b")

    def is_nan(self) -> Value:
        """Whether it is NaN."""
        return self.body.emit(f"fcmp uno {self.body.type(self.kind)} {self.name}, {self.name}", "b")


def _cast(word: str, x: Value, kind: str) -> Value:
    source, target = x.body.type(x.kind), x.body.type(kind)
    return x.body.emit(f"{word} {source} {x.name} to {target}", kind)


def bits(x: Value) -> Value:
    """The bits of a float as an integer of its size."""
    return _cast("bitcast", x, {"f": "i", "s": "h"}[x.kind])


def floats(x: Value) -> Value:
    """The float that has these bits."""
    return _cast("bitcast", x, {"i": "f", "h": "s"}[x.kind])


def whole(x: Value) -> Value:
    """A 32-bit integer as a ``float``."""
    return _cast("sitofp", x, "s")


def like(x: Value, number: float) -> Value:
    """A number of the kind of ``x``."""
    return x.body.constant(number, x.kind)


def widened(x: Value) -> Value:
    """``float`` to ``double``."""
    return _cast("fpext", x, "f")


def narrowed(x: Value) -> Value:
    """``double`` to ``float``."""
    return _cast("fptrunc", x, "s")


def select(condition: Value, yes: Value | float, no: Value | float) -> Value:
    """``yes`` where the condition holds, else ``no``; both are computed."""
    kind = yes.kind if isinstance(yes, Value) else no.kind if isinstance(no, Value) else "f"
    body = condition.body
    a, b = (v if isinstance(v, Value) else body.constant(v, kind) for v in (yes, no))
    made = body.type(kind)
    flag = body.type("b")
    return body.emit(f"select {flag} {condition.name}, {made} {a.name}, {made} {b.name}", kind)


def fma(a: Value, b: Value | float, c: Value | float) -> Value:
    """``a*b + c``, rounded once; slow where the machine lacks it, but never inexact."""
    return a.body.intrinsic("fma", a, a._with(b), a._with(c))


def muladd(a: Value, b: Value | float, c: Value | float) -> Value:
    """``a*b + c``, rounded once where that is faster and else twice."""
    return a.body.intrinsic("fmuladd", a, a._with(b), a._with(c))


def sqrt(x: Value) -> Value:
    """The square root."""
    return x.body.intrinsic("sqrt", x)


def rint(x: Value) -> Value:
    """The nearest whole number, halves to the even one."""
    return x.body.intrinsic("rint", x)


def copysign(x: Value, sign: Value) -> Value:
    """``x`` with the sign of ``sign``."""
    return x.body.intrinsic("copysign", x, sign)


def polynomial(x: Value, coefficients: Sequence[float]) -> Value:
    """``c[0] + c[1] x + ...``: Horner's rule in x², for even and odd places, if it is long.

    Two chains of half the length cost one multiplication more and half the time.
    """
    if len(coefficients) < 6:
        return _horner(x, coefficients)
    square = x * x
    even, odd = _horner(square, coefficients[::2]), _horner(square, coefficients[1::2])
    return muladd(odd, x, even)


def _horner(x: Value, coefficients: Sequence[float]) -> Value:
    made: Value | float = coefficients[-1]
    for c in reversed(coefficients[:-1]):
        made = muladd(x, made, c)
    return made if isinstance(made, Value) else x.body.constant(made, x.kind)


def function_text(name: str, body: Body, result: Value, attributes: str = "#0") -> str:
    """The definition of a function."""
    given = ", ".join(f"{body.type(p.kind)} {p.name}" for p in body.parameters)
    made = body.type(result.kind)
    head = f"define linkonce_odr hidden {made} @{name}({given}) {attributes} {{"
    return "\n".join([head, *body.lines, f"  ret {made} {result.name}", "}"])


Scalar = Callable[..., Value]
