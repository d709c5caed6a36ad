"""Printed functions to LLVM IR: names, statements, loops.

A function becomes ``i32 @name(ptr out, ptr excinfo, arguments)``. It returns the status; the
results are in the struct ``out``. Whatever way it ends, it passes its exit block, where the arrays
that it made are released.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...kernels.inlined import EXTREMES, Inlined
from ..apart import MARK
from .arrays import Unit
from .expressions import unified
from .given import Given
from .kernels import Kernels
from .layout import Kind, fields_of, kind_of
from .mentions import count_calls, count_sets, in_vectors, last_mentions
from .parts import Taking, in_new_memory
from .shared import Shared
from .values import Array, Module, Number, Unknown, llvm_type, memory_type, number

__all__ = ["MAIN", "Again", "Body", "elementary_calls"]

#: The function that is called from outside, with data and sizes of arrays that others own.
MAIN = "numbagrad_main"

#: A function that holds more references counts them by calls.
_FEW_OWNERS = 4
#: One that holds so many, and has no loops, is not optimised.
_MANY_OWNERS = 32
#: Nor is one whose loops, over blocks of rows, do nothing but call so many functions.
_MANY_CALLS = 64
_COUNTING = re.compile(r"call void @numbagrad_(retain|release)\(")


def elementary_calls(parsed: ast.AST, namespace: Mapping[str, Any]) -> int:
    """How many calls of elementary functions the source has."""
    return sum(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and isinstance(namespace.get(node.func.id), Inlined)
        and node.func.id not in EXTREMES
        for node in ast.walk(parsed)
    )


class Again(Exception):
    """A name turned out to need a slot, or a wider dtype: write the function anew."""


class Body(Kernels, Given, Shared):
    """One function.

    Parameters
    ----------
    scope : mapping
        What the names stand for that the function does not set.
    slotted : dict
        The names that live in stack slots, with the dtype that is known to be needed (empty:
        that of the first value).
    """

    def __init__(
        self,
        unit: Unit,
        function: ast.FunctionDef,
        scope: Mapping[str, Any],
        taking: Taking,
        slotted: dict[str, str],
        wanted: Sequence[Kind],
    ):
        super().__init__(unit, function, wanted)
        self.namespace = scope
        self.node = function
        self.taking = taking
        self.apart |= taking.apart
        self.elsewhere |= {v.owner for v in taking.values if isinstance(v, Array)}
        #: The results that are certainly arrays in memory that the function made.
        self.made_here: frozenset[int] | None = None
        self.slotted = slotted
        self.sets = count_sets(function)
        self.places: dict[str, Any] = {}
        #: The slots of references by the name that took them.
        self.holders: dict[str, str] = {}
        self._last: dict[int, list[str]] = {}
        self.scopes: list[list[str]] = [[]]
        self.results: list[Kind] | None = None
        self.symbol = ""

    def text(self, symbol: str) -> str:
        """The whole function."""
        write = self.writer
        self.symbol = symbol
        arguments = ["ptr %out", "ptr %excinfo", *self.taking.declared]
        names = [a.arg for a in self.node.args.args]
        for name, made in zip(names, self.taking.values, strict=True):
            if self.sets[name]:
                self._assign(name, made)
            else:
                self.variables[name] = made
        self._last = last_mentions(self.node.body)
        self.fetch_given()
        self._body(self.node.body, top=True)
        if not write.closed and self.results is None:
            self._return(())
        write.end("unreachable")
        write.at = ""
        for status, label in self.stops.items():
            write.lines += [f"{label}:", f"  store i32 {status}, ptr %status", "  br label %exit"]
        write.lines.append("exit:")
        write.block, write.closed = "exit", False
        slots = self._release_all()
        write.end(f"ret i32 {write.make('load i32, ptr %status')}")
        entry = ["entry:", "  %status = alloca i32", *(f"  {line}" for line in slots)]
        entry += [f"  store ptr null, ptr {owner}" for owner in self.owners]
        linkage = "define" if symbol == MAIN else "define internal"
        # A kernel of numbers is called in loops, which are vectorised if it is inlined.
        kernel = self.namespace is not self.unit.namespace
        places = None if kernel else self.unit.places
        numbers = all(isinstance(value, Number) for value in self.taking.values)
        how = "nounwind" if kernel and numbers else MARK if self._only_calls() else "#0"
        head = f"{linkage} i32 @{symbol}({', '.join(arguments)}) {how}"
        head += f"{places.of_function(symbol) if places else ''} {{"
        return "\n".join([head, *entry, *write.lines, "}\n"])

    def _only_calls(self) -> bool:
        """Whether it is long, and what it does is handing arrays from one function to another."""
        loops = [s for s in self.node.body if isinstance(s, ast.For)]
        calls = [count_calls(loop, self.namespace) for loop in loops]
        if sum(calls) > _MANY_CALLS:
            return all(calls) and len(self.node.body) < 8 * sum(calls)
        many = len(self.owners) > _MANY_OWNERS
        inside = any(line.startswith("head") for line in self.writer.lines)
        return many and not inside and len(self.node.body) < 8 * len(self.owners)

    def _release_all(self) -> list[str]:
        """Release what the function holds at its end; gives the slots to make at its entry."""
        write, owners = self.writer, list(self.owners)
        if len(owners) <= _FEW_OWNERS:
            for owner in owners:
                held = write.make(f"load ptr, ptr {owner}")
                write.put(f"call void @numbagrad_release(ptr {held})")
            return list(write.slots)
        # Inlined, each release is a branch, and LLVM weighs each way to the end against each
        # reference: time grows with the square. As memory behind calls they cost it nothing.
        write.lines = [_COUNTING.sub(r"call void @numbagrad_\1_called(", t) for t in write.lines]
        write.put(f"call void @numbagrad_release_all(ptr %owners, i64 {len(owners)})")
        own = {f"{owner} = alloca ptr": (owner, k) for k, owner in enumerate(owners)}
        made = [f"%owners = alloca [{len(owners)} x ptr]"]
        made += [f"{o} = getelementptr inbounds ptr, ptr %owners, i64 {k}" for o, k in own.values()]
        return [*made, *(slot for slot in write.slots if slot not in own)]

    # -- names -----------------------------------------------------------------------------

    def read(self, name: str) -> Any:
        """The present value of a variable."""
        if name not in self.places:
            return self.variables[name]
        kind = self.places[name]
        write = self.writer
        if isinstance(kind, str):
            text = write.make(f"load {llvm_type(kind)}, ptr %v.{name}")
            return Number(kind, text)
        dtype, ndim = kind
        data = write.make(f"load ptr, ptr %v.{name}.data")
        shape = tuple(write.make(f"load i64, ptr %v.{name}.n{d}") for d in range(ndim))
        return Array(dtype, data, shape, write.make(f"load ptr, ptr %v.{name}.own"))

    @property
    def _loop_only(self) -> set[str]:
        return self.sets.loops

    def _Name(self, node: ast.Name) -> Any:
        name = node.id
        if name not in self.variables and self.sets[name] and name not in self.namespace:
            # Set in a block that is closed, or only further down: a loop comes back here.
            if name in self.slotted:
                raise Unknown(f"{name} before it is set")
            self.slotted[name] = ""
            raise Again
        return super()._Name(node)

    def _assign(self, name: str, value: Any) -> None:
        if isinstance(value, (Module, tuple)):
            raise Unknown(f"{name} is no number and no array")
        if self.sets[name] == 1 and name not in self.slotted:
            if isinstance(value, Array):
                value = self._kept(name, value)
            self.variables[name] = value
            self.scopes[-1].append(name)
            return
        self.variables.setdefault(name, None)
        if isinstance(value, Number):
            self._assign_number(name, value)
        else:
            self._assign_array(name, value)

    def _assign_number(self, name: str, value: Number) -> None:
        known = self.places.get(name) or self.slotted.get(name) or value.dtype
        if not isinstance(known, str):
            raise Unknown(f"{name} is a number and an array")
        if known != value.dtype:
            wider = unified(known, value.dtype)
            if wider != known:
                self.slotted[name] = wider
                raise Again
        self.places[name] = known
        place = self.writer.slot(f"v.{name}", llvm_type(known))
        text = self.writer.cast(value, known).text
        self.writer.put(f"store {llvm_type(known)} {text}, ptr {place}")

    def _assign_array(self, name: str, value: Array) -> None:
        write = self.writer
        kind = (value.dtype, len(value.shape))
        if self.places.setdefault(name, kind) != kind:
            raise Unknown(f"{name} is of more than one type")
        data = write.slot(f"v.{name}.data", "ptr")
        own = self._owner_slot(f"v.{name}.own")
        write.put(f"call void @numbagrad_retain(ptr {value.owner})")
        write.put(f"call void @numbagrad_release(ptr {write.make(f'load ptr, ptr {own}')})")
        write.put(f"store ptr {value.owner}, ptr {own}")
        write.put(f"store ptr {value.data}, ptr {data}")
        for axis, extent in enumerate(value.shape):
            write.put(f"store i64 {extent}, ptr {write.slot(f'v.{name}.n{axis}', 'i64')}")

    def _kept(self, name: str, value: Array) -> Array:
        """The same array, held by a slot that belongs to the name."""
        if value.owner == "null":
            return value
        if value.owner not in self.fresh:
            self.writer.put(f"call void @numbagrad_retain(ptr {value.owner})")
            self._hold(value.owner)
        self.holders[name] = self.fresh.pop(value.owner)
        return value

    # -- statements ------------------------------------------------------------------------

    def _body(self, statements: Sequence[ast.stmt], top: bool = False) -> None:
        for position, statement in enumerate(statements):
            method = getattr(self, f"_do_{type(statement).__name__}", None)
            if method is None:
                raise Unknown(type(statement).__name__)
            self._mark(statement)
            if top:
                self.take_aim(statement)
            method(statement)
            if self.writer.closed:
                return
            for name in self._last.get(position, ()) if top else ():
                self._let_go(name)
            if top:
                self.check_given(position)

    def _mark(self, statement: ast.stmt) -> None:
        """Instructions from here on belong to a statement."""
        places = self.unit.places
        if places is not None and self.namespace is self.unit.namespace:
            self.writer.at = places.of(self.symbol, statement.lineno)

    def _let_go(self, name: str) -> None:
        """Release what a name holds: it is not mentioned any more."""
        slot = self.holders.get(name)
        if slot is not None:
            write = self.writer
            write.put(f"call void @numbagrad_release(ptr {write.make(f'load ptr, ptr {slot}')})")
            write.put(f"store ptr null, ptr {slot}")

    def _scope(self, statements: Sequence[ast.stmt]) -> None:
        self.scopes.append([])
        self._body(statements)
        for name in self.scopes.pop():
            del self.variables[name]

    def _do_Pass(self, _: ast.stmt) -> None:
        """Nothing."""

    def _do_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.value(node.value)

    def _do_Assign(self, node: ast.Assign) -> None:
        if len(node.targets) != 1:
            raise Unknown("several targets")
        value = self.value(node.value)
        moved = [v for v in value if isinstance(v, Array)] if isinstance(value, tuple) else []
        # All at once: what one name lets go another one may be about to take.
        for array in moved:
            self.writer.put(f"call void @numbagrad_retain(ptr {array.owner})")
        self._set(node.targets[0], value)
        for array in moved:
            self.writer.put(f"call void @numbagrad_release(ptr {array.owner})")

    def _set(self, target: ast.expr, value: Any) -> None:
        if isinstance(target, ast.Name):
            self._assign(target.id, value)
        elif isinstance(target, ast.Tuple) and isinstance(value, tuple):
            if len(target.elts) != len(value):
                raise Unknown("unpacking")
            for inner, item in zip(target.elts, value, strict=True):
                self._set(inner, item)
        elif isinstance(target, ast.Subscript):
            array = self.value(target.value)
            if not isinstance(array, Array):
                raise Unknown("a store")
            self.store(array, self.index(target.slice), value)
        else:
            raise Unknown(ast.unparse(target))

    def _do_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.op, ast.Pow):
            raise Unknown("**=")
        if isinstance(node.target, ast.Name):
            old = self.number(ast.Name(node.target.id, ast.Load()))
            made = self.combine(node.op, old, self.number(node.value))
            self._assign(node.target.id, made)
            return
        if not isinstance(node.target, ast.Subscript):
            raise Unknown(ast.unparse(node))
        array = self.value(node.target.value)
        index = self.index(node.target.slice)
        if not isinstance(array, Array) or len(index) != len(array.shape):
            raise Unknown(ast.unparse(node))
        value = self.number(node.value)
        pointer = self.writer.element(array, index)
        made = self.combine(node.op, self.writer.load(pointer, array.dtype), value)
        self.writer.store(pointer, self.writer.cast(made, array.dtype))

    def _do_For(self, node: ast.For) -> None:
        call = node.iter
        if not (isinstance(node.target, ast.Name) and isinstance(call, ast.Call)
                and isinstance(call.func, ast.Name) and not node.orelse):  # fmt: skip
            raise Unknown(ast.unparse(node))
        if self.namespace.get(call.func.id) is range:
            self.share(node.target.id, self.number(call.args[0]), node.body)
            return
        if call.func.id != "range":
            raise Unknown(ast.unparse(node))
        bounds = [self.writer.cast(self.number(a), "int64") for a in call.args]
        step = bounds[2] if len(bounds) == 3 else number(1)
        begin = bounds[0] if len(bounds) > 1 else number(0)
        end = bounds[1] if len(bounds) > 1 else bounds[0]
        self._loop(node.target.id, begin, end.text, step, node.body)

    def _goes_on(self, at: str, end: str, step: Number) -> str:
        """The condition under which a loop does another step."""
        write = self.writer
        if step.natural or step.text.lstrip("-").isdigit():
            return write.make(f"icmp {'sgt' if step.text[0] == '-' else 'slt'} i64 {at}, {end}")
        up = write.make(f"icmp sgt i64 {step.text}, 0")
        before, behind = (write.make(f"icmp {how} i64 {at}, {end}") for how in ("slt", "sgt"))
        return write.make(f"select i1 {up}, i1 {before}, i1 {behind}")

    def _check_step(self, step: Number) -> bool:
        """Stop at a loop that would not end; whether the loop goes up for sure."""
        if step.text == "0":
            raise Unknown("a loop with step 0")
        if step.text.lstrip("-").isdigit():
            return step.text[0] != "-"
        write = self.writer
        bad, good = write.label("bad"), write.label("good")
        write.branch(write.make(f"icmp eq i64 {step.text}, 0"), bad, good, rare=True)
        write.start(bad)
        self.raised(ValueError, "range() arg 3 must not be zero")
        write.start(good)
        return step.natural

    def _loop(
        self, name: str, begin: Number, end: str, by: Number, body: Sequence[ast.stmt]
    ) -> None:
        write = self.writer
        up = self._check_step(by)
        counter = write.slot(write.label("count."), "i64")
        head, inside, step, after = (write.label(s) for s in ("head", "body", "step", "after"))
        write.put(f"store i64 {begin.text}, ptr {counter}")
        write.start(head)
        at = write.make(f"load i64, ptr {counter}")
        write.branch(self._goes_on(at, end, by), inside, after)
        write.start(inside)
        self.loops.append((step, after))
        self.scopes.append([])
        place = Number("int64", at, begin.natural and up)
        if up:
            self.least[at] = begin.text
        if name in self._loop_only and name not in self.slotted:
            self.variables[name] = place
            self.scopes[-1].append(name)
        else:
            self._assign(name, place)
        dear = self._is_dear(body)
        around = self.calling
        self.calling = dear and self.unit.machine_lanes > 0 and in_vectors(name, body)
        self._body(body)
        self.calling = around
        for inner in dict.fromkeys(self.scopes.pop()):
            del self.variables[inner]
        self.loops.pop()
        write.start(step)
        never = "nuw nsw" if place.natural else "nsw"
        write.put(f"store i64 {write.make(f'add {never} i64 {at}, {by.text}')}, ptr {counter}")
        write.end(f"br label %{head}{self.unit.loop_note(end, dear)}")
        write.start(after)

    def _is_dear(self, body: Sequence[ast.stmt]) -> bool:
        """Whether each step computes an elementary function: of several LLVM knows best."""
        return sum(elementary_calls(s, self.namespace) for s in body) == 1

    def _do_While(self, node: ast.While) -> None:
        if node.orelse:
            raise Unknown("while with else")
        write = self.writer
        head, inside, after = write.label("head"), write.label("body"), write.label("after")
        write.start(head)
        self.loops.append((head, after))
        write.branch(self.condition(node.test), inside, after)
        write.start(inside)
        self._scope(node.body)
        self.loops.pop()
        write.end(f"br label %{head}")
        write.start(after)

    def _do_Break(self, _: ast.stmt) -> None:
        self.writer.end(f"br label %{self.loops[-1][1]}")

    def _do_Continue(self, _: ast.stmt) -> None:
        self.writer.end(f"br label %{self.loops[-1][0]}")

    def _do_If(self, node: ast.If) -> None:
        write = self.writer
        then, other, after = write.label("then"), write.label("else"), write.label("endif")
        fails = isinstance(node.body[0], ast.Raise)
        write.branch(self.condition(node.test), then, other, rare=fails)
        write.start(then)
        self._scope(node.body)
        write.end(f"br label %{after}")
        write.start(other)
        self._scope(node.orelse)
        write.start(after)

    def _do_Raise(self, node: ast.Raise) -> None:
        match node.exc:
            case ast.Call(func=ast.Name(id="Failed"), args=[ast.Constant(value=int(code))]):
                self._stop(str(code))
            case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str(message))]):
                self.raised(self.namespace.get(name, getattr(builtins, name, None)), message)
            case _:
                raise Unknown(ast.unparse(node))

    def _do_Return(self, node: ast.Return) -> None:
        made = self.value(node.value) if node.value is not None else ()
        self._return(made if isinstance(made, tuple) else (made,))

    def _widened(self, k: int, value: Any) -> Any:
        """The result at a place in the dtype that all results there need."""
        wider = self.slotted.get(f"result {k}")
        return self.writer.cast(value, wider) if wider else value

    def _widen(self, known: Sequence[Kind], others: Sequence[Kind]) -> None:
        """Begin again, with numbers that are returned in several dtypes in one."""
        if [ndim for _, ndim in known] != [ndim for _, ndim in others]:
            raise Unknown("results of different types")
        for k, ((one, ndim), (other, _)) in enumerate(zip(known, others, strict=True)):
            if one != other:
                if ndim is not None:
                    raise Unknown("results of different types")
                self.slotted[f"result {k}"] = unified(one, other)
        raise Again

    def _return(self, values: Sequence[Any]) -> None:
        write = self.writer
        values = [self._widened(k, value) for k, value in enumerate(values)]
        kinds = [kind_of(value) for value in values]
        if self.results is None:
            self.results = kinds
        elif self.results != kinds:
            self._widen(self.results, kinds)
        made = in_new_memory(values, self.apart - self.taking.apart)
        self.made_here = made if self.made_here is None else self.made_here & made
        values = self.deliver_given(values)
        struct = self.unit.struct([t for kind in kinds for t in fields_of(kind)])
        position = 0
        for value in values:
            if isinstance(value, Array):
                write.put(f"call void @numbagrad_retain(ptr {value.owner})")
                items = [("ptr", value.owner), ("ptr", value.data)]
                items += [("i64", extent) for extent in value.shape]
            else:
                text = value.text
                if value.dtype == "bool":
                    text = write.make(f"zext i1 {text} to i8")
                items = [(memory_type(value.dtype), text)]
            for type_, text in items:
                place = f"getelementptr inbounds {struct}, ptr %out, i32 0, i32 {position}"
                write.put(f"store {type_} {text}, ptr {write.make(place)}")
                position += 1
        self._stop("0")
