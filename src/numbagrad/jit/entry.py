"""The function that Python calls, in LLVM IR: from objects to numbers and arrays and back.

It is a ``METH_FASTCALL | METH_KEYWORDS`` function of CPython's. Arguments in the common case (an
ndarray of the right dtype, contiguous; a number) go straight to compiled code, everything else,
keywords too, to a Python function. As many further arguments as there are results say where those
are to be written: an array that fits and overlaps nothing, or None. The entry's ``self`` is a
tuple: what to call with arguments that are out of the ordinary, and what to call with a status,
Numba's pickled exception and the arguments when compiled code failed.

Only offsets of objects that are part of the stable interfaces of CPython and NumPy are used.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .apart import MARK
from .direct.layout import Kind, fields_of
from .direct.values import BYTES, llvm_type, memory_type
from .runtime import FAILED_KERNEL
from .signature import ENTRY, Argument

__all__ = ["entry_text", "outside_symbols"]

_CONTIGUOUS_ALIGNED = 0x101
#: The entry of a function with more arguments and results is not optimised.
_MANY = 64

_DECLARATIONS = """
declare ptr @PyTuple_GetItem(ptr, i64)
declare ptr @PyList_New(i64)
declare i32 @PyList_SetItem(ptr, i64, ptr)
declare double @PyFloat_AsDouble(ptr)
declare i64 @PyLong_AsLongLong(ptr)
declare i64 @PyLong_AsUnsignedLongLong(ptr)
declare ptr @PyLong_FromLong(i64)
declare ptr @PyErr_Occurred()
declare void @PyErr_Clear()
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)
declare ptr @PyBytes_FromStringAndSize(ptr, i64)
declare ptr @numbagrad_made_array(ptr, i32, i64, ptr, ptr)
declare ptr @numbagrad_made_number(ptr, ptr)
declare i1 @numbagrad_given(ptr, i64, i64, ptr, ptr, ptr)
@PyFloat_Type = external global i8
@PyLong_Type = external global i8
@PyBool_Type = external global i8
@_Py_TrueStruct = external global i8
@_Py_NoneStruct = external global i8
@numbagrad_ndarray = external global i8
"""


class _Text:
    """Lines with fresh registers."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.count = 0

    def put(self, line: str) -> None:
        self.lines.append(f"  {line}")

    def make(self, expression: str) -> str:
        self.count += 1
        self.put(f"%r{self.count} = {expression}")
        return f"%r{self.count}"

    def start(self, label: str) -> None:
        self.lines.append(f"{label}:")

    def label(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def field(self, pointer: str, offset: int, type_: str) -> str:
        """What lies so many bytes behind a pointer."""
        place = self.make(f"getelementptr i8, ptr {pointer}, i64 {offset}")
        return self.make(f"load {type_}, ptr {place}")

    def need(self, condition: str, otherwise: str) -> None:
        """Go on if the condition holds."""
        on = self.label("on")
        self.put(f"br i1 {condition}, label %{on}, label %{otherwise}, !prof !1")
        self.start(on)


def outside_symbols(arguments: Sequence[Argument], results: Sequence[Kind]) -> list[str]:
    """The names of NumPy's dtypes and scalar types that an entry mentions."""
    dtypes = dict.fromkeys([*(a.kind[0] for a in arguments), *(d for d, _ in results)])
    return [f"numbagrad_{what}_{d}" for d in dtypes for what in ("dtype", "scalar")]


def entry_text(
    arguments: Sequence[Argument], results: Sequence[Kind], main: str, as_list: bool
) -> str:
    """The entry's IR, to be put behind that of ``main``.

    Parameters
    ----------
    arguments : sequence of Argument
    results : sequence of Kind
    main : str
        The symbol of the compiled function.
    as_list : bool
        Whether the call returns a list.
    """
    write = _Text()
    struct = "%numbagrad_results"
    fields = ", ".join(t for kind in results for t in fields_of(kind))
    write.need(write.make("icmp eq ptr %keywords, null"), "slow")
    _take_results(write, results, struct, len(arguments))
    passed: list[str] = []
    for position, argument in enumerate(arguments):
        item = _element(write, "%args", position)
        passed += _unpacked(write, item, argument, "slow")
    write.put("store ptr null, ptr %excinfo")
    thread = write.make("call ptr @PyEval_SaveThread()")
    status = write.make(f"call i32 @{main}({', '.join(['ptr %out', 'ptr %excinfo', *passed])})")
    write.put(f"call void @PyEval_RestoreThread(ptr {thread})")
    write.need(write.make(f"icmp eq i32 {status}, 0"), "failed")
    _deliver(write, results, struct, as_list)
    _slow_and_failed(write, status, len(arguments))
    group = MARK if len(arguments) + len(results) > _MANY else "#0"
    symbols = "\n".join(
        f"@{name} = external global i8" for name in outside_symbols(arguments, results)
    )
    head = [
        f"{struct} = type {{ {fields} }}",
        _wanted(results, struct),
        f"define ptr @{ENTRY}(ptr %self, ptr %args, i64 %nargs, ptr %keywords) {group} {{",
        "entry:",
        f"  %out = alloca {struct}",
        f"  %taken = alloca [{max(len(results), 1)} x ptr]",
        "  %excinfo = alloca ptr",
        f"  %failure = alloca [{len(arguments) + 2} x ptr]",
    ]
    return "\n".join([_DECLARATIONS, symbols, *head, *write.lines, "}\n"])


def _place(struct: str, position: int) -> str:
    """The place of a result's field."""
    return f"getelementptr inbounds {struct}, ptr %out, i32 0, i32 {position}"


def _wanted(results: Sequence[Kind], struct: str) -> str:
    """For each result the number of its dtype, its rank, and where its data is left in ``out``."""
    rows, position = [], 0
    for dtype, ndim in results:
        place = f"getelementptr({struct}, ptr null, i32 0, i32 {position + (ndim is not None)})"
        offset = f"ptrtoint(ptr {place} to i64)"
        rows.append(f"{_WANTED} {{ i32 {np.dtype(dtype).num}, i32 {ndim or 0}, i64 {offset} }}")
        position += len(fields_of((dtype, ndim)))
    return f"@wanted = internal constant [{len(rows)} x {_WANTED}] [{', '.join(rows)}]"


def _take_results(write: _Text, results: Sequence[Kind], struct: str, inputs: int) -> None:
    """Note which arrays are given for results, if any are."""
    position = 0
    for k, kind in enumerate(results):
        write.put(f"store ptr null, ptr {write.make(f'getelementptr ptr, ptr %taken, i64 {k}')}")
        if kind[1] is not None:
            write.put(f"store ptr null, ptr {write.make(_place(struct, position + 1))}")
        position += len(fields_of(kind))
    plain = write.make(f"icmp eq i64 %nargs, {inputs}")
    write.put(f"br i1 {plain}, label %usual, label %more, !prof !1")
    write.start("more")
    write.need(write.make(f"icmp eq i64 %nargs, {inputs + len(results)}"), "slow")
    fine = write.make(
        f"call i1 @numbagrad_given(ptr %args, i64 {inputs}, i64 {len(results)}, ptr @wanted, "
        "ptr %out, ptr %taken)"
    )
    write.need(fine, "slow")
    write.put("br label %usual")
    write.start("usual")


def _element(write: _Text, array: str, position: int) -> str:
    return write.field(array, 8 * position, "ptr")


def _unpacked(write: _Text, item: str, argument: Argument, slow: str) -> list[str]:
    """The arguments of compiled code that an object makes."""
    dtype, ndim = argument.kind
    if ndim is None:
        return [_unpacked_number(write, item, argument, slow)]
    _need_array(write, item, dtype, ndim, _CONTIGUOUS_ALIGNED, slow)
    data = write.field(item, 16, "ptr")
    dims = write.field(item, 32, "ptr")
    extents = [_dimension(write, dims, axis) for axis in range(ndim)]
    for extent, size in zip(extents, argument.shape, strict=True):
        if size is not None:
            write.need(write.make(f"icmp eq i64 {extent}, {size}"), slow)
    return [f"ptr {data}", *(f"i64 {extent}" for extent in extents)]


def _dimension(write: _Text, dims: str, axis: int) -> str:
    return write.field(dims, 8 * axis, "i64")


def _need_array(write: _Text, item: str, dtype: str, ndim: int, wanted: int, slow: str) -> None:
    kind = write.field(item, 8, "ptr")
    write.need(write.make(f"icmp eq ptr {kind}, @numbagrad_ndarray"), slow)
    _need_like(write, item, dtype, ndim, wanted, slow)


def _need_like(write: _Text, item: str, dtype: str, ndim: int, wanted: int, slow: str) -> None:
    # Several objects can describe one dtype (an unpickled array brings its own): what counts is the
    # number of the type, and that its bytes are not swapped.
    described = write.field(item, 56, "ptr")
    number = write.field(described, 28, "i32")
    same = write.make(f"icmp eq i32 {number}, {np.dtype(dtype).num}")
    native = write.make(f"icmp ne i8 {write.field(described, 26, 'i8')}, {ord('>')}")
    good = write.make(f"and i1 {same}, {native}")
    rank = write.make(f"icmp eq i32 {write.field(item, 24, 'i32')}, {ndim}")
    flags = write.make(f"and i32 {write.field(item, 64, 'i32')}, {wanted}")
    flat = write.make(f"icmp eq i32 {flags}, {wanted}")
    both = write.make(f"and i1 {rank}, {flat}")
    write.need(write.make(f"and i1 {good}, {both}"), slow)


_WANTED = "{ i32, i32, i64 }"

_PYTHON = {
    "float64": "PyFloat_Type",
    "int64": "PyLong_Type",
    "uint64": "PyLong_Type",
    "bool": "PyBool_Type",
}


def _unpacked_number(write: _Text, item: str, argument: Argument, slow: str) -> str:
    """A number from a Python number, a NumPy scalar or a 0-d array."""
    dtype = argument.kind[0]
    kind = write.field(item, 8, "ptr")
    incoming: list[tuple[str, str]] = []
    done = write.label("number")
    if not argument.strict:
        if dtype in _PYTHON:
            other = _choose(write, kind, _PYTHON[dtype])
            text = _from_python(write, item, dtype, slow)
            incoming.append(_arrive(write, text, done))
            write.start(other)
        other = _choose(write, kind, f"numbagrad_scalar_{dtype}")
        text = _in_register(write, write.field(item, 16, memory_type(dtype)), dtype)
        incoming.append(_arrive(write, text, done))
        write.start(other)
    write.need(write.make(f"icmp eq ptr {kind}, @numbagrad_ndarray"), slow)
    _need_like(write, item, dtype, 0, 0x100, slow)
    data = write.field(item, 16, "ptr")
    text = write.make(f"load {memory_type(dtype)}, ptr {data}")
    incoming.append(_arrive(write, _in_register(write, text, dtype), done))
    write.start(done)
    sources = ", ".join(f"[ {text}, %{block} ]" for text, block in incoming)
    return f"{llvm_type(dtype)} {write.make(f'phi {llvm_type(dtype)} {sources}')}"


def _choose(write: _Text, kind: str, symbol: str) -> str:
    """Go on if the type is that; the label of where to try the next."""
    yes, other = write.label("is"), write.label("other")
    test = write.make(f"icmp eq ptr {kind}, @{symbol}")
    write.put(f"br i1 {test}, label %{yes}, label %{other}")
    write.start(yes)
    return other


def _arrive(write: _Text, text: str, done: str) -> tuple[str, str]:
    block = write.label("with")
    write.put(f"br label %{block}")
    write.start(block)
    write.put(f"br label %{done}")
    return text, block


def _in_register(write: _Text, text: str, dtype: str) -> str:
    return write.make(f"icmp ne i8 {text}, 0") if dtype == "bool" else text


def _from_python(write: _Text, item: str, dtype: str, slow: str) -> str:
    if dtype == "bool":
        return write.make(f"icmp eq ptr {item}, @_Py_TrueStruct")
    if dtype == "float64":
        return write.make(f"call double @PyFloat_AsDouble(ptr {item})")
    getter = "PyLong_AsLongLong" if dtype == "int64" else "PyLong_AsUnsignedLongLong"
    value = write.make(f"call i64 @{getter}(ptr {item})")
    strange, fine, over = write.label("strange"), write.label("fine"), write.label("over")
    test = write.make(f"icmp eq i64 {value}, -1")
    write.put(f"br i1 {test}, label %{strange}, label %{fine}, !prof !0")
    write.start(strange)
    error = write.make("call ptr @PyErr_Occurred()")
    test = write.make(f"icmp eq ptr {error}, null")
    write.put(f"br i1 {test}, label %{fine}, label %{over}")
    write.start(over)
    write.put("call void @PyErr_Clear()")
    write.put(f"br label %{slow}")
    write.start(fine)
    return value


def _deliver(write: _Text, results: Sequence[Kind], struct: str, as_list: bool) -> None:
    """Make objects of the results."""
    made: list[str] = []
    position = 0
    for k, kind in enumerate(results):
        made.append(_result(write, k, kind, struct, position))
        position += len(fields_of(kind))
    if made and not as_list:
        write.put(f"ret ptr {made[0]}")
        return
    everything = write.make(f"call ptr @PyList_New(i64 {len(made)})")
    for position, item in enumerate(made):
        write.make(f"call i32 @PyList_SetItem(ptr {everything}, i64 {position}, ptr {item})")
    write.put(f"ret ptr {everything}")


def _result(write: _Text, k: int, kind: Kind, struct: str, position: int) -> str:
    """The array that was given for a result, or a new one."""
    dtype, ndim = kind
    field = write.make(_place(struct, position))
    taken = write.field("%taken", 8 * k, "ptr")
    known = f"ptr @numbagrad_dtype_{dtype}"
    if ndim is not None:
        shape = f"i32 {ndim}, i64 {BYTES[dtype]}"
        given = f"{known}, {shape}, ptr {field}, ptr {taken}"
        array = write.make(f"call ptr @numbagrad_made_array({given})")
        write.need(write.make(f"icmp ne ptr {array}, null"), "nothing")
        return array
    array = write.make(f"call ptr @numbagrad_made_number({known}, ptr {taken})")
    write.need(write.make(f"icmp ne ptr {array}, null"), "nothing")
    data = write.field(array, 16, "ptr")
    number = write.make(f"load {memory_type(dtype)}, ptr {field}")
    write.put(f"store {memory_type(dtype)} {number}, ptr {data}")
    return array


def _slow_and_failed(write: _Text, status: str, given: int) -> None:
    write.start("nothing")
    write.put("ret ptr null")
    write.start("slow")
    slow = write.make("call ptr @PyTuple_GetItem(ptr %self, i64 0)")
    made = write.make(
        f"call ptr @PyObject_Vectorcall(ptr {slow}, ptr %args, i64 %nargs, ptr %keywords)"
    )
    write.put(f"ret ptr {made}")
    write.start("failed")
    code = write.make(f"sext i32 {status} to i64")
    number = write.make(f"call ptr @PyLong_FromLong(i64 {code})")
    write.put(f"store ptr {number}, ptr %failure")
    info = write.make("load ptr, ptr %excinfo")
    raised = write.make(f"icmp eq i32 {status}, {FAILED_KERNEL}")
    known = write.make(f"icmp ne ptr {info}, null")
    both = write.make(f"and i1 {raised}, {known}")
    write.put(f"br i1 {both}, label %told, label %untold")
    write.start("told")
    text, size = write.field(info, 0, "ptr"), write.field(info, 8, "i32")
    length = write.make(f"sext i32 {size} to i64")
    told = write.make(f"call ptr @PyBytes_FromStringAndSize(ptr {text}, i64 {length})")
    write.put("br label %report")
    write.start("untold")
    write.put("call void @Py_IncRef(ptr @_Py_NoneStruct)")
    write.put("br label %report")
    write.start("report")
    why = write.make(f"phi ptr [ {told}, %told ], [ @_Py_NoneStruct, %untold ]")
    _store_item(write, 1, why)
    for position in range(given):
        _store_item(write, position + 2, _element(write, "%args", position))
    failed = write.make("call ptr @PyTuple_GetItem(ptr %self, i64 1)")
    made = write.make(
        f"call ptr @PyObject_Vectorcall(ptr {failed}, ptr %failure, i64 {given + 2}, ptr null)"
    )
    write.put(f"call void @Py_DecRef(ptr {number})")
    write.put(f"call void @Py_DecRef(ptr {why})")
    write.put(f"ret ptr {made}")


def _store_item(write: _Text, position: int, item: str) -> None:
    place = write.make(f"getelementptr ptr, ptr %failure, i64 {position}")
    write.put(f"store ptr {item}, ptr {place}")
