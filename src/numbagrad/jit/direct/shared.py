"""Loops that several threads share: ``for part in shared_out(parts): f(part, ...)``.

``f`` returns nothing and writes places of its own for each part. Its arguments are left in a struct
on the stack, and a function of one shape, ``void (ptr context, i64 part)``, fetches them there and
calls it; ``numbagrad_share`` calls that for each part, see ``pool``.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from ...records import replace
from .arrays import Arrays
from .layout import Kind, kind_of, parameters, plain_fields
from .parts import Taking
from .values import Array, Number, Unknown

__all__ = ["Shared"]


class Shared(Arrays):
    """A function that shares out a loop, or that is a part of one."""

    def share(self, part: str, count: Number, body: Sequence[ast.stmt]) -> None:
        """The whole loop."""
        match body:
            case [ast.Expr(value=ast.Call(func=ast.Name(id=name), args=[first, *others]))]:
                function = self.namespace.get(name)
            case _:
                raise Unknown("a shared loop with more than a call")
        if not isinstance(function, ast.FunctionDef) or ast.unparse(first) != part:
            raise Unknown(f"a shared loop that calls {name}")
        values = [Number("int64", "%part", True), *(self.value(a) for a in others)]
        kinds = [kind_of(value) for value in values]
        natural = [isinstance(v, Number) and v.natural for v in values]
        made = self.unit.part(name, _taking(function, kinds, natural))
        if made.results:
            raise Unknown("a part that returns something")
        # Nobody counts references in parts: the arrays live longer, and threads would disagree.
        plain = [replace(v, owner="null") if isinstance(v, Array) else v for v in values[1:]]
        given = [field for value in plain for field in plain_fields(self.writer, value)]
        self._call(made.symbol, given, self.writer.cast(count, "int64").text)

    def _call(self, symbol: str, given: Sequence[tuple[str, str]], count: str) -> None:
        """Leave the arguments, have the parts computed, and go on if all is well."""
        write = self.writer
        struct = self.unit.struct(["i32", "ptr", *(type_ for type_, _ in given)])
        context = write.slot(write.label("shared."), struct)
        for k, (type_, text) in enumerate([("i32", "0"), ("ptr", "%excinfo"), *given]):
            place = write.make(f"getelementptr inbounds {struct}, ptr {context}, i32 0, i32 {k}")
            write.put(f"store {type_} {text}, ptr {place}")
        self.declared["numbagrad_share"] = "declare void @numbagrad_share(ptr, ptr, i64)"
        self.declared[f"{symbol} of one"] = _of_one(symbol, struct, [t for t, _ in given])
        write.put(f"call void @numbagrad_share(ptr @{symbol}.one, ptr {context}, i64 {count})")
        status = write.make(f"load i32, ptr {context}")
        good, bad = write.label("good"), write.label("bad")
        fine = write.make(f"icmp eq i32 {status}, 0")
        write.end(f"br i1 {fine}, label %{good}, label %{bad}, !prof !1")
        write.start(bad)
        self._stop(status)
        write.start(good)


def _taking(function: ast.FunctionDef, kinds: Sequence[Kind], natural: Sequence[bool]) -> Taking:
    """The parameters of a part, with what the caller knows of them.

    An array that the part stores to is the only one with that memory: loops whose rows are shared
    out are chosen so.
    """
    stored = {
        node.value.id
        for node in ast.walk(function)
        if isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
    }
    plain = parameters(kinds, True)
    values: list[Any] = []
    alone: set[str] = set()
    for value, known, parameter in zip(plain.values, natural, function.args.args, strict=True):
        if isinstance(value, Number):
            value = replace(value, natural=known)
        elif parameter.arg in stored:
            alone |= {f"ptr {value.owner}", f"ptr {value.data}"}
        values.append(value)
    declared = [t.replace("ptr ", "ptr noalias ") if t in alone else t for t in plain.declared]
    return Taking(tuple(values), tuple(declared))


def _of_one(symbol: str, struct: str, types: Sequence[str]) -> str:
    """The function that fetches the arguments and computes one part."""
    lines = [
        f"define internal void @{symbol}.one(ptr %context, i64 %part) {{",
        f"  %why.at = getelementptr {struct}, ptr %context, i32 0, i32 1",
        "  %why = load ptr, ptr %why.at",
    ]
    for k, type_ in enumerate(types):
        place = f"getelementptr {struct}, ptr %context, i32 0, i32 {k + 2}"
        lines += [f"  %at{k} = {place}", f"  %x{k} = load {type_}, ptr %at{k}"]
    given = ", ".join(f"{type_} %x{k}" for k, type_ in enumerate(types))
    lines += [
        f"  %status = call i32 @{symbol}(ptr null, ptr %why, i64 %part, {given})",
        "  %fine = icmp eq i32 %status, 0",
        "  br i1 %fine, label %good, label %bad",
        "bad:",
        "  store atomic i32 %status, ptr %context monotonic, align 4",
        "  br label %good",
        "good:",
        "  ret void",
        "}",
    ]
    return "\n".join(lines)
