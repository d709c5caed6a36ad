"""Arrays in LLVM IR: making, filling, copying and reshaping them, and calls that give some."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

import numpy as np

from ...kernels._elementary import widths
from ...kernels.inlined import EXTREMES, Inlined
from ...records import field, record
from ..runtime import (
    FAILED_KERNEL,
    FAILED_SHAPE,
    NEVER_UNROLLED,
    NO_MEMORY,
    ONE_AT_A_TIME,
    filling,
)
from .expressions import Expressions
from .function import Writer
from .layout import Kind, kind_of, numba_fields, numba_result, part_result
from .parts import Taking, passed
from .places import Places
from .values import (
    BYTES,
    FLOATS,
    Array,
    Module,
    Number,
    Unknown,
    llvm_type,
    memory_type,
    number,
)

__all__ = ["FIRST_GROUP", "Arrays", "Borrowed", "Common", "Unit", "Written"]

#: How arrays like another are made, and what they are filled with.
_LIKE: dict[Any, tuple[Any, int | None]] = {
    np.empty_like: (np.empty, None),
    np.zeros_like: (np.zeros, None),
    np.ones_like: (np.full, 1),
    np.full_like: (np.full, None),
}
#: The number of the first group of attributes of this module's own.
FIRST_GROUP = 100
#: The number of the first node of metadata for loops.
_FIRST_LOOP = 1_000_000
#: A loop of so many steps or fewer may become straight code.
_SHORT = 32
#: Sums of more integers are one number for LLVM.
MANY_TERMS = 8
#: Structs of more fields have a name.
WRITTEN_OUT = 8


@record(frozen=True)
class Borrowed:
    """A function that Numba compiled, or one of ours that needs no compiler.

    Attributes
    ----------
    symbol : str
    results : tuple of Kind
    text : str
        LLVM IR of it and of what it calls.
    """

    symbol: str
    results: tuple[Kind, ...]
    text: str


@record(frozen=True)
class Written:
    """A function of ours.

    Attributes
    ----------
    symbol : str
    results : tuple of Kind
    fresh : frozenset of int
        The results that are arrays in new memory, each in its own.
    """

    symbol: str
    results: tuple[Kind, ...]
    fresh: frozenset[int] = frozenset()


@record(frozen=True)
class Common:
    """A kernel in machine code of its own, which all functions of a process call.

    Attributes
    ----------
    made : Written
    symbols : tuple of str
        The functions that it is.
    text : str
        LLVM IR of it and of what it calls.
    declared : str
        Its declaration.
    borrowed : tuple of str
        LLVM IR of what it calls of Numba's and of elementary functions.
    common : dict
        The kernels that it calls itself, by symbol.
    """

    made: Written
    symbols: tuple[str, ...]
    text: str
    declared: str
    borrowed: tuple[str, ...] = ()
    common: dict[str, Common] = field(default_factory=dict)


class Unit:
    """What the functions of one source share.

    Attributes
    ----------
    declared, foreign : dict
        The declarations of outside functions: of C and LLVM, of Numba's.
    borrowed : dict
        The functions that Numba compiled, by symbol.
    common : dict
        The kernels that are called in machine code of their own, by symbol.
    allocations : Counter
        How many arrays of each rank are made in the text.
    lanes : int
        How many doubles the machine computes at once, if elementary functions are called; 0 if
        they are inlined.
    machine_lanes : int
        The same for loops that compute but one of them: these call it anyway.
    elementary : dict
        The elementary functions that are called: the symbols of their versions for vectors, and
        the attribute of their calls.
    places : Places or None
        The lines of the source, if they are wanted.
    loop_notes : list of str
        What LLVM is told of each loop.
    """

    def __init__(self, namespace: Mapping[str, Any], flags: str, borrow: Callable[..., Borrowed]):
        self.namespace = namespace
        self.flags = flags
        self.borrow = borrow
        self.lanes = 0
        self.machine_lanes = 0
        self.places: Places | None = None
        self.elementary: dict[str, tuple[list[str], str]] = {}
        self.declared: dict[str, str] = {}
        self.foreign: dict[str, str] = {}
        self.borrowed: dict[str, Borrowed] = {}
        self.common: dict[str, Common] = {}
        self.allocations: Counter[int] = Counter()
        self.loop_notes: list[str] = []
        self._structs: dict[str, str] = {}

    def loop_note(self, end: str, dear: bool) -> str:
        """What stands behind the step of a loop, so that LLVM does not print its body many times.

        Of steps that it knows the number of it would print each one, and of dear ones several at
        once: that takes it long, and gains nothing where the processor overlaps steps by itself.
        """
        known = end.isdigit() and int(end) > _SHORT
        told = [NEVER_UNROLLED] * (known or dear) + [ONE_AT_A_TIME] * dear
        if not told:
            return ""
        here = _FIRST_LOOP + len(self.loop_notes)
        self.loop_notes.append(f"!{here} = distinct !{{!{here}, {', '.join(told)}}}")
        return f", !llvm.loop !{here}"

    def struct(self, fields: Sequence[str]) -> str:
        """The type of a struct: a long one by name, since it stands at each access to a field."""
        text = f"{{ {', '.join(fields)} }}"
        if len(fields) <= WRITTEN_OUT:
            return text
        name = self._structs.setdefault(text, f"%numbagrad_struct{len(self._structs) + 1}")
        self.declared[name] = f"{name} = type {text}"
        return name

    def part(self, name: str, taking: Taking) -> Written:
        """Another function of the source, for such arguments."""
        raise NotImplementedError

    def kernel(self, function: Any, kinds: Sequence[Kind], flags: str) -> Written:
        """A function that has a source of its own, for such arguments."""
        raise NotImplementedError

    def small_product(self, dtype: str) -> str:
        """The symbol of products of small matrices; what it begins with for transposed ones."""
        raise NotImplementedError


class Arrays(Expressions):
    """Expressions that are or make arrays.

    Attributes
    ----------
    owners : dict
        The stack slots that hold references to memory; released when the function ends.
    fresh : dict
        The slots of references, by the register of a new array.
    loops : list
        The labels to which the open loops continue and break.
    aim : str
        Where the caller wants the next new array: the pointer, null if it is left to us; empty
        where nobody could have asked for it.
    apart, elsewhere : set of str
        The owners of memory that overlaps nothing else: what the function makes, and what its
        caller says of arguments. And the owners of arguments.
    calling : bool
        Whether the open loop calls its elementary function in vectors.
    stops : dict
        For each status the label of the block that ends the function with it.
    """

    def __init__(self, unit: Unit):
        super().__init__(Writer(unit.flags), unit.namespace, unit.declared)
        self.unit = unit
        self.owners: dict[str, None] = {}
        self.fresh: dict[str, str] = {}
        self.loops: list[tuple[str, str]] = []
        self.aim = ""
        self.calling = False
        self._terms: dict[str, int] = {}
        self.apart: set[str] = set()
        self.elsewhere: set[str] = {"null"}
        self.stops: dict[str, str] = {}

    def total(self, first: str, second: str, made: str) -> str:
        """A sum of two integers; where it is of many, LLVM is not told of what.

        It knows places in memory as sums of all terms, and what it does with those in loops takes
        a time that grows with a high power of their number.
        """
        if self.loops:
            return made
        count = self._terms.get(first, 1) + self._terms.get(second, 1)
        if count > MANY_TERMS:
            made, count = self.writer.make(f'call i64 asm "", "=r,0"(i64 {made})'), 1
        self._terms[made] = count
        return made

    # -- memory ----------------------------------------------------------------------------

    def _owner_slot(self, name: str) -> str:
        place = self.writer.slot(name, "ptr")
        self.owners[place] = None
        return place

    def _hold(self, owner: str) -> None:
        """Take over a reference: it is released when this place is passed again, or at the end."""
        write = self.writer
        slot = self._owner_slot(f"own.{len(self.owners)}")
        if self.loops:
            write.put(f"call void @numbagrad_release(ptr {write.make(f'load ptr, ptr {slot}')})")
        write.put(f"store ptr {owner}, ptr {slot}")
        self.fresh[owner] = slot

    # -- ends ------------------------------------------------------------------------------

    def _stop(self, status: str) -> None:
        self.writer.put(f"store i32 {status}, ptr %status")
        self.writer.end("br label %exit")

    def _stop_unless(self, condition: str, status: int) -> None:
        write = self.writer
        good = write.label("good")
        bad = self.stops.setdefault(str(status), f"stop{len(self.stops)}")
        write.end(f"br i1 {condition}, label %{good}, label %{bad}, !prof !1")
        write.start(good)

    # -- arrays ----------------------------------------------------------------------------

    def reshaped(self, array: Array, sizes: Sequence[Any]) -> Array:
        """The same memory in another shape."""
        write = self.writer
        wanted = list(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], tuple) else list(sizes)
        total = write.size_of(array.shape)
        if len(wanted) == 1 and wanted[0].text == "-1":
            return Array(array.dtype, array.data, (total,), array.owner)
        if any(not isinstance(w, Number) or w.text.startswith("-") for w in wanted):
            raise Unknown("reshape")
        shape = tuple(write.cast(w, "int64").text for w in wanted)
        for extent in shape:
            self._stop_unless(write.make(f"icmp sge i64 {extent}, 0"), FAILED_SHAPE)
        same = write.make(f"icmp eq i64 {write.size_of(shape)}, {total}")
        self._stop_unless(same, FAILED_SHAPE)
        return Array(array.dtype, array.data, shape, array.owner)

    def _new(self, shape: Sequence[Number], dtype: str) -> Array:
        write = self.writer
        extents = []
        for size in shape:
            extent = write.cast(size, "int64").text
            if not size.natural:
                self._stop_unless(write.make(f"icmp sge i64 {extent}, 0"), FAILED_SHAPE)
            extents.append(extent)
        self.unit.allocations[len(extents)] += 1
        self.declared["umul"] = "declare { i64, i1 } @llvm.umul.with.overflow.i64(i64, i64)"
        sizes = "".join(f", i64 {extent}" for extent in extents)
        if self.aim:
            return self._new_result(extents, dtype, sizes)
        owner = write.make(
            f"call noalias ptr @numbagrad_array{len(extents)}(i64 {BYTES[dtype]}{sizes})"
        )
        self._stop_unless(write.make(f"icmp ne ptr {owner}, null"), NO_MEMORY)
        self._hold(owner)
        self.apart.add(owner)
        data = write.make(f"getelementptr inbounds i8, ptr {owner}, i64 64")
        return Array(dtype, data, tuple(extents), owner)

    def _new_result(self, extents: Sequence[str], dtype: str, sizes: str) -> Array:
        """An array where the caller wants it, or else a new one.

        What is given overlaps nothing that the function reads, so it is as good as new memory. The
        owner is told from the data for LLVM's sake, which then knows that both are one block.
        """
        write, given, self.aim = self.writer, self.aim, ""
        data = write.make(
            f"call noalias ptr @numbagrad_result{len(extents)}(ptr {given}, i64 {BYTES[dtype]}"
            f"{sizes})"
        )
        self._stop_unless(write.make(f"icmp ne ptr {data}, null"), NO_MEMORY)
        ours = write.make(f"icmp eq ptr {given}, null")
        block = write.make(f"getelementptr i8, ptr {data}, i64 -64")
        owner = write.make(f"select i1 {ours}, ptr {block}, ptr null")
        self._hold(owner)
        self.apart.add(owner)
        return Array(dtype, data, tuple(extents), owner)

    def _allocation(self, target: Any, arguments: Sequence[Any]) -> Array:
        shape = arguments[0] if isinstance(arguments[0], tuple) else (arguments[0],)
        values = list(arguments[1:])
        fill: Any = None
        if target is np.full:
            fill = values.pop(0)
        dtype = "float64"
        if values:
            dtype = np.dtype(values[0].target).name
        elif isinstance(fill, Number):
            dtype = fill.dtype
        llvm_type(dtype)
        align = BYTES[dtype] if self.aim else 64
        made = self._new(shape, dtype)
        write = self.writer
        if target is np.zeros:
            self._zero(made, align)
        elif fill is not None:
            self._fill(made, write.cast(fill, dtype))
        return made

    def _allocation_like(
        self, target: Any, fill: int | None, sample: Array, value: Number | None = None
    ) -> Array:
        """An array of the shape and the dtype of another."""
        shape = tuple(Number("int64", extent, True) for extent in sample.shape)
        dtype = Module(np.dtype(sample.dtype).type)
        value = value if fill is None else number(fill)
        return self._allocation(target, [shape, *([] if value is None else [value]), dtype])

    def _zero(self, array: Array, align: int | None = None) -> None:
        write = self.writer
        size = write.make(f"mul i64 {write.size_of(array.shape)}, {BYTES[array.dtype]}")
        self.declared["llvm.memset"] = "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1 immarg)"
        align = align or BYTES[array.dtype]
        write.put(
            f"call void @llvm.memset.p0.i64(ptr align {align} {array.data}, i8 0, i64 {size}, "
            "i1 false)"
        )

    def _fill(self, array: Array, value: Number) -> None:
        write = self.writer
        type_ = memory_type(value.dtype)
        name = f"numbagrad_fill_{value.dtype}"
        self.declared[name] = filling(name, type_, BYTES[value.dtype])
        text = write.make(f"zext i1 {value.text} to i8") if value.dtype == "bool" else value.text
        size = write.size_of(array.shape)
        write.put(f"call void @{name}(ptr {array.data}, i64 {size}, {type_} {text})")

    def store(self, array: Array, index: Sequence[Number], value: Any) -> None:
        """``array[index] = value``; a number goes to every element of a part."""
        pointer = self.writer.element(array, index)
        part = Array(array.dtype, pointer, array.shape[len(index) :])
        if isinstance(value, Number):
            value = self.writer.cast(value, array.dtype)
            if part.shape:
                self._fill(part, value)
            else:
                self.writer.store(pointer, value)
        elif isinstance(value, Array) and len(value.shape) == len(part.shape):
            self._copy(part, value)
        else:
            raise Unknown("a store of another rank")

    def _copy(self, target: Array, source: Array) -> None:
        """Copy elements; the shapes must be the same."""
        write = self.writer
        if target.dtype != source.dtype:
            raise Unknown("a copy between dtypes")
        for mine, other in zip(target.shape, source.shape, strict=True):
            self._stop_unless(write.make(f"icmp eq i64 {mine}, {other}"), FAILED_SHAPE)
        size = write.make(f"mul nsw i64 {write.size_of(source.shape)}, {BYTES[source.dtype]}")
        self.declared["llvm.memmove"] = (
            "declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1 immarg)"
        )
        write.put(
            f"call void @llvm.memmove.p0.p0.i64(ptr {target.data}, ptr {source.data}, "
            f"i64 {size}, i1 false)"
        )

    # -- calls -----------------------------------------------------------------------------

    def called(self, target: Any, arguments: Sequence[Any]) -> Any:
        if target in (np.empty, np.zeros, np.full):
            return self._allocation(target, arguments)
        if target in _LIKE and isinstance(arguments[0], Array):
            return self._allocation_like(*_LIKE[target], *arguments)
        if target is len and isinstance(arguments[0], Array):
            return Number("int64", arguments[0].shape[0], True)
        if any(not isinstance(a, (Number, Array)) for a in arguments):
            raise Unknown("an argument that is no number and no array")
        if isinstance(target, Inlined):
            if any(not isinstance(a, Number) for a in arguments):
                raise Unknown(f"{target.name} of an array")
            return self._inlined(target, arguments)
        if isinstance(target, ast.FunctionDef):
            taking, given = passed(target, arguments, self.apart, self.elsewhere)
            return self.called_part(self.unit.part(target.name, taking), given)
        kinds = [kind_of(a) for a in arguments]
        borrowed = self.unit.borrow(target, tuple(kinds))
        self.unit.borrowed[borrowed.symbol] = borrowed
        given = [f"{t} {x}" for a in arguments for t, x in numba_fields(self.writer, a)]
        types = ", ".join(["ptr", "ptr", *(item.split(" ", 1)[0] for item in given)])
        self.unit.foreign[borrowed.symbol] = f'declare i32 @"{borrowed.symbol}"({types})'
        failure = str(FAILED_KERNEL)
        return self._results(borrowed.symbol, borrowed.results, given, numba_result, failure)

    def _inlined(self, target: Inlined, arguments: Sequence[Number]) -> Any:
        """A function of ours whose code is LLVM's already."""
        if target.name in EXTREMES:
            if arguments[0].dtype in FLOATS and arguments[0].dtype == arguments[1].dtype:
                return self._intrinsic(target.name, arguments[0].dtype, arguments)
            return self._numeric(max if target.name == "maximum" else min, arguments)
        single = all(a.dtype == "float32" for a in arguments)
        dtype = "float32" if single else "float64"
        if self.unit.lanes or self.calling:
            return self._called_elementary(target, single, arguments)
        symbol, text = target.code(single)
        self.unit.borrowed[symbol] = Borrowed(symbol, ((dtype, None),), text)
        return self._outside(symbol, dtype, [self.writer.cast(a, dtype) for a in arguments])

    def _called_elementary(
        self, target: Inlined, single: bool, arguments: Sequence[Number]
    ) -> Number:
        """A function of ours outside of this module, with versions for vectors."""
        unit = self.unit
        symbol, declared, attribute = target.call(
            single, widths(unit.lanes or unit.machine_lanes, single)
        )
        if symbol not in unit.elementary:
            unit.declared |= {f"{symbol} {n}": f"{text} #1" for n, text in declared.items()}
            names = [f"{symbol}_{n}" for n in declared if n > 1]
            unit.elementary[symbol] = names, attribute
        group = FIRST_GROUP + list(unit.elementary).index(symbol)
        type_ = "float" if single else "double"
        dtype = "float32" if single else "float64"
        given = ", ".join(f"{type_} {self.writer.cast(a, dtype).text}" for a in arguments)
        return Number(dtype, self.writer.make(f"call {type_} @{symbol}({given}) #{group}"))

    def called_part(self, function: Written, given: Sequence[str]) -> Any:
        """Call a function of ours."""
        return self._results(
            function.symbol, function.results, given, part_result, "", function.fresh
        )

    def _results(
        self,
        symbol: str,
        kinds: Sequence[Kind],
        given: Sequence[str],
        layout: Callable[[Kind], str],
        failure: str,
        fresh: Container[int] = (),
    ) -> Any:
        """Call a function and fetch what it returns; ``fresh`` is what is in new memory."""
        write = self.writer
        struct = self.unit.struct([layout(kind) for kind in kinds])
        out = write.slot(write.label("out."), struct)
        status = write.make(
            f'call i32 @"{symbol}"({", ".join([f"ptr {out}", "ptr %excinfo", *given])})'
        )
        fine = write.make(f"icmp eq i32 {status}, 0")
        if failure:
            self._stop_unless(fine, int(failure))
        else:
            write.put(f"store i32 {status}, ptr %status")
            good = write.label("good")
            write.end(f"br i1 {fine}, label %{good}, label %exit, !prof !1")
            write.start(good)
        made = [self._fetched(out, struct, k, kind, layout) for k, kind in enumerate(kinds)]
        self.apart.update(a.owner for k, a in enumerate(made) if k in fresh)
        return made[0] if len(made) == 1 else tuple(made)

    def _fetched(
        self, out: str, struct: str, position: int, kind: Kind, layout: Callable[[Kind], str]
    ) -> Any:
        write = self.writer
        dtype, ndim = kind
        place = write.make(f"getelementptr inbounds {struct}, ptr {out}, i32 0, i32 {position}")
        if ndim is None:
            return write.load(place, dtype)
        type_ = layout(kind)
        numba = layout is numba_result

        def item(*path: int) -> str:
            where = "".join(f", i32 {step}" for step in path)
            return write.make(f"getelementptr inbounds {type_}, ptr {place}, i32 0{where}")

        owner = write.make(f"load ptr, ptr {item(0)}")
        data = write.make(f"load ptr, ptr {item(4 if numba else 1)}")
        shape = tuple(
            write.make(f"load i64, ptr {item(5, d) if numba else item(2, d)}") for d in range(ndim)
        )
        self._hold(owner)
        return Array(dtype, data, shape, owner)
