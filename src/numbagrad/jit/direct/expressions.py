"""Python expressions to LLVM IR: one method for each kind of node in a printed expression.

Numba's semantics: error_model ``"numpy"``, integers in 64 bits, indices that wrap.
"""

from __future__ import annotations

import ast
import builtins
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import integers
from .function import Writer
from .values import (
    BYTES,
    FLOATS,
    Array,
    Module,
    Number,
    Unknown,
    common,
    is_integer,
    is_signed,
    llvm_type,
    number,
)

__all__ = ["Expressions", "unified", "whole"]

_ARITHMETIC = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul"}
_BITS = {ast.BitAnd: "and", ast.BitOr: "or", ast.BitXor: "xor"}
_ORDERED = {ast.Eq: "oeq", ast.NotEq: "une", ast.Lt: "olt", ast.LtE: "ole", ast.Gt: "ogt",
            ast.GtE: "oge"}  # fmt: skip
_SIGNED = {ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "slt", ast.LtE: "sle", ast.Gt: "sgt",
           ast.GtE: "sge"}  # fmt: skip

#: Functions of one float that LLVM knows, and those of the C library.
_INTRINSIC = {math.exp: "exp", math.log: "log", math.log10: "log10", math.sqrt: "sqrt",
              math.sin: "sin", math.cos: "cos", math.fabs: "fabs", math.log2: "log2",
              np.floor: "floor", np.ceil: "ceil", np.trunc: "trunc", np.rint: "rint",
              np.log2: "log2", np.sqrt: "sqrt", np.exp: "exp", np.log: "log"}  # fmt: skip
_LIBRARY: dict[Any, str] = {
    f: f.__name__
    for f in (
        math.tan, math.asin, math.acos, math.atan, math.sinh, math.cosh, math.tanh, math.asinh,
        math.acosh, math.atanh, math.expm1, math.log1p,
    )
}  # fmt: skip
_LIBRARY |= {np.cbrt: "cbrt", math.gamma: "tgamma"}
_LIBRARY_OF_TWO = {math.atan2: "atan2", math.hypot: "hypot"}
_INTRINSIC_OF_TWO = {math.copysign: "copysign", math.pow: "pow"}
_TESTS = {f: f.__name__ for f in (
    math.isnan, math.isinf, math.isfinite, np.isnan, np.isinf, np.isfinite)}  # fmt: skip
_SCALARS = {np.dtype(d).type: d for d in (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32",
    "float64")}  # fmt: skip
_SCALARS |= {float: "float64", int: "int64", bool: "bool"}


class Expressions:
    """Evaluates expressions into a `Writer`.

    Parameters
    ----------
    writer : Writer
    namespace : mapping
        What global names stand for.
    declared : dict
        The C and LLVM functions that are called, with their declarations.

    Attributes
    ----------
    variables : dict
        What the names that are set stand for.
    least : dict
        For the register of a loop's variable the operand with which the loop begins.
    """

    def __init__(
        self,
        writer: Writer,
        namespace: Mapping[str, Any],
        declared: dict[str, str],
    ):
        self.writer = writer
        self.namespace = namespace
        self.declared = declared
        self.variables: dict[str, Any] = {}
        self.least: dict[str, str] = {}

    def value(self, node: ast.expr) -> Any:
        """A Number, an Array, a Module or a tuple of these."""
        method = getattr(self, f"_{type(node).__name__}", None)
        if method is None:
            raise Unknown(type(node).__name__)
        return method(node)

    def number(self, node: ast.expr) -> Number:
        """The value of an expression that is a number."""
        made = self.value(node)
        if not isinstance(made, Number):
            raise Unknown(f"{ast.unparse(node)} is no number")
        return made

    def condition(self, node: ast.expr) -> str:
        """The ``i1`` of an expression."""
        return self.writer.cast(self.number(node), "bool").text

    # -- names and constants ---------------------------------------------------------------

    def _Name(self, node: ast.Name) -> Any:
        if node.id in self.variables:
            return self.read(node.id)
        if node.id in self.namespace:
            target = self.namespace[node.id]
            if isinstance(target, np.integer):
                return number(int(target), target.dtype.name)
            return number(target) if isinstance(target, (int, float)) else Module(target)
        if node.id in ("abs", "min", "max", "len", "int", "float", "bool", "range"):
            return Module(getattr(builtins, node.id))
        raise Unknown(f"name {node.id}")

    def read(self, name: str) -> Any:
        """The present value of a variable."""
        raise NotImplementedError

    def _Constant(self, node: ast.Constant) -> Any:
        return Module(node.value) if isinstance(node.value, str) else number(node.value)

    def _Tuple(self, node: ast.Tuple) -> tuple[Any, ...]:
        return tuple(self.value(item) for item in node.elts)

    def _Attribute(self, node: ast.Attribute) -> Any:
        owner = self.value(node.value)
        if isinstance(owner, Array):
            if node.attr == "shape":
                return tuple(Number("int64", extent, True) for extent in owner.shape)
            if node.attr == "size":
                return Number("int64", self.writer.size_of(owner.shape), True)
            if node.attr == "dtype":
                return Module(np.dtype(owner.dtype))
        elif isinstance(owner, Number):
            if node.attr == "real":
                return owner
        elif isinstance(owner, Module) and hasattr(owner.target, node.attr):
            target = getattr(owner.target, node.attr)
            return number(target) if isinstance(target, float) else Module(target)
        raise Unknown(f"attribute {node.attr}")

    # -- operators -------------------------------------------------------------------------

    def _BinOp(self, node: ast.BinOp) -> Number:
        left = self.number(node.left)
        if isinstance(node.op, ast.Pow):
            return self._power(left, node.right)
        return self.combine(node.op, left, self.number(node.right))

    def combine(self, operator: ast.operator, left: Number, right: Number) -> Number:
        """The result of a binary operator."""
        write, kind = self.writer, type(operator)
        if kind in _BITS and left.dtype == right.dtype == "bool":
            return Number("bool", write.make(f"{_BITS[kind]} i1 {left.text}, {right.text}"))
        if left.dtype == right.dtype == "bool":
            left, right = write.cast(left, "int64"), write.cast(right, "int64")
        if kind is ast.Div and is_integer(left.dtype) and is_integer(right.dtype):
            left, right = write.cast(left, "float64"), write.cast(right, "float64")
        left, right = self._counted(left, right), self._counted(right, left)
        dtype = common(left.dtype, right.dtype)
        left, right = write.cast(left, dtype), write.cast(right, dtype)
        a, b = left.text, right.text
        type_ = llvm_type(dtype)
        if dtype in FLOATS:
            verb = "div" if kind is ast.Div else _ARITHMETIC.get(kind)
            if verb is None:
                raise Unknown(f"{kind.__name__} of floats")
            return Number(dtype, write.make(f"f{verb} {write.flags}{type_} {a}, {b}"))
        if kind in (ast.FloorDiv, ast.Mod):
            return integers.divided(write, operator, left, right)
        if kind in (ast.LShift, ast.RShift):
            return integers.shifted(write, operator, left, right)
        natural = left.natural and right.natural
        verb = _ARITHMETIC.get(kind) or _BITS.get(kind)
        if verb is None:
            raise Unknown(f"{kind.__name__} of integers")
        natural = natural and kind in (ast.Add, ast.Mult)
        natural |= kind is ast.Sub and self.least.get(left.text) == right.text
        made = write.make(f"{verb} {type_} {a}, {b}")
        return Number(dtype, self.total(a, b, made) if kind is ast.Add else made, natural)

    def total(self, first: str, second: str, made: str) -> str:
        """A sum of two integers as the rest of the function is to see it."""
        return made

    def _counted(self, value: Number, other: Number) -> Number:
        """A truth value beside a number as the integer 0 or 1."""
        if value.dtype != "bool" or not (is_signed(other.dtype) or other.dtype == "float64"):
            return value
        return self.writer.cast(value, "int64")

    def _power(self, base: Number, exponent_node: ast.expr) -> Number:
        write = self.writer
        exponent = whole(exponent_node)
        if exponent is None or abs(exponent) > 64:
            exponent_value = self.number(exponent_node)
            if base.dtype not in FLOATS or exponent_value.dtype not in FLOATS:
                raise Unknown("an integer power")
            dtype = common(base.dtype, exponent_value.dtype)
            arguments = [write.cast(base, dtype), write.cast(exponent_value, dtype)]
            return self._intrinsic("pow", dtype, arguments)
        if base.dtype not in FLOATS and (base.dtype != "int64" or exponent < 0):
            raise Unknown("an integer power")
        one = number(1, base.dtype) if base.dtype == "int64" else number(1.0, base.dtype)
        result: Number | None = None
        square, left = base, abs(exponent)
        while left:
            if left & 1:
                result = square if result is None else self.combine(ast.Mult(), result, square)
            left >>= 1
            if left:
                square = self.combine(ast.Mult(), square, square)
        result = result or one
        return self.combine(ast.Div(), one, result) if exponent < 0 else result

    def _UnaryOp(self, node: ast.UnaryOp) -> Number:
        write = self.writer
        if isinstance(node.op, ast.Not):
            return Number("bool", write.make(f"xor i1 {self.condition(node.operand)}, true"))
        match node:
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as literal)):
                return number(-literal)
        operand = self.number(node.operand)
        type_ = llvm_type(operand.dtype)
        if isinstance(node.op, ast.Invert) and operand.dtype == "bool":
            return Number("bool", write.make(f"xor i1 {operand.text}, true"))
        if isinstance(node.op, ast.UAdd) and operand.dtype != "bool":
            return operand
        if isinstance(node.op, ast.USub) and operand.dtype in FLOATS:
            return Number(operand.dtype, write.make(f"fneg {write.flags}{type_} {operand.text}"))
        if is_integer(operand.dtype):
            # In the operand's own width, and only then in 64 bits.
            verb = f"sub {type_} 0," if isinstance(node.op, ast.USub) else f"xor {type_} -1,"
            made = Number(operand.dtype, write.make(f"{verb} {operand.text}"))
            return write.cast(made, "int64" if is_signed(operand.dtype) else "uint64")
        raise Unknown(f"{type(node.op).__name__} of {operand.dtype}")

    def _Compare(self, node: ast.Compare) -> Number:
        left, parts = self.number(node.left), []
        for operator, right_node in zip(node.ops, node.comparators, strict=True):
            right = self.number(right_node)
            parts.append(self._comparison(operator, left, right))
            left = right
        text = parts[0]
        for other in parts[1:]:
            text = self.writer.make(f"and i1 {text}, {other}")
        return Number("bool", text)

    def _comparison(self, operator: ast.cmpop, left: Number, right: Number) -> str:
        write, kind = self.writer, type(operator)
        if kind not in _ORDERED:
            raise Unknown(kind.__name__)
        if "bool" in (left.dtype, right.dtype):
            # A truth value compares as the integer 0 or 1.
            left, right = (write.cast(v, "int64") if v.dtype == "bool" else v
                           for v in (left, right))  # fmt: skip
        if left.dtype == right.dtype:
            dtype = left.dtype
        elif (
            is_integer(left.dtype)
            and is_signed(left.dtype) != is_signed(right.dtype)
            and (is_integer(right.dtype))
        ):
            left, right = (write.cast(v, "int64" if is_signed(v.dtype) else "uint64")
                           for v in (left, right))  # fmt: skip
            return integers.compared(write, _SIGNED[kind], left, right)
        else:
            dtype = common(left.dtype, right.dtype)
        a, b = write.cast(left, dtype).text, write.cast(right, dtype).text
        if dtype in FLOATS:
            return write.make(f"fcmp {write.flags}{_ORDERED[kind]} {llvm_type(dtype)} {a}, {b}")
        verb = _SIGNED[kind] if is_signed(dtype) else _SIGNED[kind].replace("s", "u", 1)
        verb = {"uet": "eq"}.get(verb, verb)
        return write.make(f"icmp {verb} {llvm_type(dtype)} {a}, {b}")

    def _BoolOp(self, node: ast.BoolOp) -> Number:
        write = self.writer
        both = isinstance(node.op, ast.And)
        text = self._truth(node.values[0])
        for part in node.values[1:]:
            if _harmless(part):
                other = self._truth(part)
                yes, no = (other, "false") if both else ("true", other)
                text = write.make(f"select i1 {text}, i1 {yes}, i1 {no}")
                continue
            more, done, before = write.label("more"), write.label("done"), write.block
            write.branch(text, *((more, done) if both else (done, more)))
            write.start(more)
            other, after = self._truth(part), write.block
            write.start(done)
            known = "false" if both else "true"
            text = write.make(f"phi i1 [ {known}, %{before} ], [ {other}, %{after} ]")
        return Number("bool", text)

    def _truth(self, node: ast.expr) -> str:
        made = self.number(node)
        if made.dtype != "bool":
            raise Unknown(f"{ast.unparse(node)} is no truth value")
        return made.text

    def _IfExp(self, node: ast.IfExp) -> Number:
        write = self.writer
        test = self.condition(node.test)
        if _harmless(node.body) and _harmless(node.orelse):
            yes, no = self.number(node.body), self.number(node.orelse)
            yes, no, dtype = self._alike(yes, no)
            type_ = llvm_type(dtype)
            text = write.make(f"select i1 {test}, {type_} {yes.text}, {type_} {no.text}")
            return Number(dtype, text, yes.natural and no.natural)
        then, other, done = write.label("then"), write.label("else"), write.label("both")
        write.branch(test, then, other)
        write.start(then)
        yes, yes_block, middle = self.number(node.body), write.block, len(write.lines)
        write.closed = True
        write.start(other)
        no, no_block = self.number(node.orelse), write.block
        dtype = unified(yes.dtype, no.dtype)
        no = write.cast(no, dtype)
        write.end(f"br label %{done}")
        # Only now is it known what the first branch's value has to become.
        behind = write.lines[middle:]
        del write.lines[middle:]
        write.closed = False
        yes = write.cast(yes, dtype)
        write.end(f"br label %{done}")
        write.lines += behind
        write.start(done)
        incoming = f"[ {yes.text}, %{yes_block} ], [ {no.text}, %{no_block} ]"
        return Number(dtype, write.make(f"phi {llvm_type(dtype)} {incoming}"))

    def _alike(self, yes: Number, no: Number) -> tuple[Number, Number, str]:
        dtype = unified(yes.dtype, no.dtype)
        return self.writer.cast(yes, dtype), self.writer.cast(no, dtype), dtype

    # -- elements --------------------------------------------------------------------------

    def _Subscript(self, node: ast.Subscript) -> Any:
        owner = self.value(node.value)
        if isinstance(owner, tuple):
            position = whole(node.slice)
            if position is None or not -len(owner) <= position < len(owner):
                raise Unknown(ast.unparse(node))
            return owner[position]
        if not isinstance(owner, Array):
            raise Unknown(ast.unparse(node))
        match node.slice:
            case ast.Slice(lower=begin, upper=end, step=None) if begin or end:
                return self._rows(owner, begin, end)
        index = self.index(node.slice)
        if len(index) > len(owner.shape):
            raise Unknown(ast.unparse(node))
        pointer = self.writer.element(owner, index)
        if len(index) == len(owner.shape):
            return self.writer.load(pointer, owner.dtype)
        return Array(owner.dtype, pointer, owner.shape[len(index) :], owner.owner)

    def _rows(self, array: Array, begin: ast.expr | None, end: ast.expr | None) -> Array:
        """The rows, or the elements of a vector, from one place to another."""
        write, size = self.writer, array.shape[0]
        first = number(0) if begin is None else self._place(self.number(begin), size)
        last = Number("int64", size, True) if end is None else self._place(self.number(end), size)
        pointer = write.element(array, [first])
        count = write.make(f"sub i64 {last.text}, {first.text}")
        if begin is not None and end is not None:
            some = write.make(f"icmp sgt i64 {count}, 0")
            count = write.make(f"select i1 {some}, i64 {count}, i64 0")
        return Array(array.dtype, pointer, (count, *array.shape[1:]), array.owner)

    def _place(self, place: Number, size: str) -> Number:
        """Where a slice begins or ends, as Python reads its bounds."""
        if place.dtype != "int64":
            raise Unknown("slice")
        write, text = self.writer, place.text
        if not place.natural:
            wrapped = write.make(f"add i64 {text}, {size}")
            least = write.make(f"icmp sgt i64 {wrapped}, 0")
            below = write.make(f"icmp slt i64 {text}, 0")
            wrapped = write.make(f"select i1 {least}, i64 {wrapped}, i64 0")
            text = write.make(f"select i1 {below}, i64 {wrapped}, i64 {text}")
        inside = write.make(f"icmp slt i64 {text}, {size}")
        return Number("int64", write.make(f"select i1 {inside}, i64 {text}, i64 {size}"), True)

    def index(self, node: ast.expr) -> list[Number]:
        """The numbers of an index; full slices behind them are left out."""
        items = list(node.elts) if isinstance(node, ast.Tuple) else [node]
        while items and isinstance(items[-1], ast.Slice):
            if ast.unparse(items.pop()) != ":":
                raise Unknown("slice")
        return [self.number(item) for item in items]

    # -- calls -----------------------------------------------------------------------------

    def _Call(self, node: ast.Call) -> Any:
        if node.keywords:
            raise Unknown("keywords")
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("reshape", "ravel"):
            owner = self.value(node.func.value)
            if isinstance(owner, Array):
                sizes = [self.value(a) for a in node.args] or [number(-1)]
                return self.reshaped(owner, sizes)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "conjugate":
            return self.number(node.func.value)  # no complex numbers here
        target = self.value(node.func)
        if not isinstance(target, Module):
            raise Unknown(ast.unparse(node.func))
        arguments = [self.value(a) for a in node.args]
        if all(isinstance(a, Number) for a in arguments):
            made = self._numeric(target.target, arguments)
            if made is not None:
                return made
        return self.called(target.target, arguments)

    def reshaped(self, array: Array, sizes: Sequence[Any]) -> Array:
        """The same memory in another shape."""
        raise NotImplementedError

    def called(self, target: Any, arguments: Sequence[Any]) -> Any:
        """What a function returns that is not known here."""
        raise NotImplementedError

    def _numeric(self, target: Any, arguments: Sequence[Number]) -> Number | None:
        """The result of a function of numbers that is known here."""
        write = self.writer
        try:
            known = target in _SCALARS
        except TypeError:
            return None
        if known and len(arguments) == 1:
            value, dtype = arguments[0], _SCALARS[target]
            if value.text.startswith("0x") and dtype in FLOATS:
                return _narrowed(value, dtype)
            return write.cast(value, dtype)
        if target in (min, max) and len(arguments) == 2:
            test = ast.Gt() if target is max else ast.Lt()
            first, second, dtype = self._alike(*arguments)
            better = self._comparison(test, second, first)
            type_ = llvm_type(dtype)
            text = f"select i1 {better}, {type_} {second.text}, {type_} {first.text}"
            either = any if target is max else all
            natural = dtype == "int64" and either(n.natural for n in (first, second))
            return Number(dtype, write.make(text), natural)
        if target is abs and len(arguments) == 1:
            return self._absolute(arguments[0])
        if target in _TESTS and len(arguments) == 1:
            return self._classified(target, arguments[0])
        floats = [
            v if v.dtype in FLOATS else write.cast(v, "float64")
            for v in arguments
            if v.dtype != "bool"
        ]
        if len(floats) != len(arguments) or not floats:
            return None
        return self._mathematical(target, floats)

    def _mathematical(self, target: Any, floats: Sequence[Number]) -> Number | None:
        if len(floats) == 1 and target in _INTRINSIC:
            return self._intrinsic(_INTRINSIC[target], floats[0].dtype, floats)
        if len(floats) == 1 and target in _LIBRARY:
            return self._library(_LIBRARY[target], floats[0].dtype, floats)
        if len(floats) == 2 and (target in _LIBRARY_OF_TWO or target in _INTRINSIC_OF_TWO):
            dtype = common(floats[0].dtype, floats[1].dtype)
            floats = [self.writer.cast(v, dtype) for v in floats]
            if target in _INTRINSIC_OF_TWO:
                return self._intrinsic(_INTRINSIC_OF_TWO[target], dtype, floats)
            return self._library(_LIBRARY_OF_TWO[target], dtype, floats)
        return None

    def _absolute(self, value: Number) -> Number | None:
        write = self.writer
        if value.dtype in FLOATS:
            return self._intrinsic("fabs", value.dtype, [value])
        if not is_signed(value.dtype):
            return write.cast(value, "int8") if value.dtype == "bool" else value
        type_ = llvm_type(value.dtype)
        name = f"llvm.abs.{type_}"
        self.declared[name] = f"declare {type_} @{name}({type_}, i1)"
        text = f"call {type_} @{name}({type_} {value.text}, i1 false)"
        return Number(value.dtype, write.make(text))

    def _classified(self, target: Any, value: Number) -> Number | None:
        test = _TESTS[target]
        if value.dtype not in FLOATS:
            return number(test == "isfinite")
        write, type_ = self.writer, llvm_type(value.dtype)
        if test == "isnan":
            return Number("bool", write.make(f"fcmp uno {type_} {value.text}, {value.text}"))
        size = self._intrinsic("fabs", value.dtype, [value])
        infinite = number(math.inf, value.dtype).text
        how = "oeq" if test == "isinf" else "olt"
        return Number("bool", write.make(f"fcmp {how} {type_} {size.text}, {infinite}"))

    def _intrinsic(self, name: str, dtype: str, arguments: Sequence[Number]) -> Number:
        return self._outside(f"llvm.{name}.f{64 if dtype == 'float64' else 32}", dtype, arguments)

    def _library(self, name: str, dtype: str, arguments: Sequence[Number]) -> Number:
        return self._outside(name if dtype == "float64" else f"{name}f", dtype, arguments)

    def _outside(self, name: str, dtype: str, arguments: Sequence[Number]) -> Number:
        type_ = llvm_type(dtype)
        self.declared[name] = f"declare {type_} @{name}({', '.join([type_] * len(arguments))}) #1"
        given = ", ".join(f"{type_} {a.text}" for a in arguments)
        return Number(dtype, self.writer.make(f"call {self.writer.flags}{type_} @{name}({given})"))


def _narrowed(value: Number, dtype: str) -> Number:
    """A float constant in another float dtype."""
    bits = int(value.text, 16).to_bytes(8, "little")
    return number(float(np.frombuffer(bits, "<f8")[0]), dtype)


def unified(first: str, second: str) -> str:
    """The dtype of a name or a choice that is one or the other, as Numba unifies them."""
    if first == second:
        return first
    if is_integer(first) and is_integer(second) and is_signed(first) == is_signed(second):
        return max(first, second, key=BYTES.__getitem__)
    return common(first, second)


def whole(node: ast.expr) -> int | None:
    """The integer that is written there."""
    sign = 1
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        sign, node = -1, node.operand
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return sign * node.value
    return None


def _harmless(node: ast.expr) -> bool:
    """Whether it may be computed in vain: it touches no memory and is cheap."""
    return not any(isinstance(n, (ast.Subscript, ast.Call, ast.Pow)) for n in ast.walk(node))
