"""Kernels in LLVM IR: their source is translated like printed code, their primitives are here.

What a kernel may say is told in ``numbagrad.kernels._kernel``; Numba's implementation of the same
primitives is in ``_arrays``, ``_pointers`` and ``_scalars`` there.
"""

from __future__ import annotations

import ast
import inspect
import pickle
import textwrap
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import FunctionType
from typing import Any

from ...kernels import threads
from ...kernels._kernel import ByDtype, Draw, Kernel, Named, Primitive
from ...kernels.symbols import PREFIX, RANDOM
from ..runtime import FAILED_KERNEL
from .arrays import Arrays
from .layout import kind_of, plain_fields
from .values import FLOATS, Array, Module, Number, Unknown, llvm_type

__all__ = ["Kernels", "definition"]

_LETTER = {"float32": "s", "float64": "d"}
#: What NumPy's routines take and return, and how C passes that.
_OF_DRAWS = {"d": ("float64", "double"), "i": ("int64", "i64"), "b": ("bool", "i32")}
#: More than what NumPy's binomial draws keep of their parameters, in words.
_SCRATCH = 32


@lru_cache(maxsize=256)
def definition(function: FunctionType) -> tuple[ast.FunctionDef, Mapping[str, Any]]:
    """The source of a function, parsed, and what its names stand for.

    Raises
    ------
    Unknown
        If there is none, or if it is no plain function.
    """
    try:
        parsed = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        raise Unknown(f"the source of {function!r}") from None
    if not isinstance(parsed, ast.FunctionDef) or not _is_plain(parsed.args):
        raise Unknown(f"the source of {function!r}")
    return parsed, {**function.__globals__, **inspect.getclosurevars(function).nonlocals}


def _is_plain(takes: ast.arguments) -> bool:
    further = [takes.vararg, takes.kwarg, *takes.kwonlyargs, *takes.posonlyargs, *takes.defaults]
    return all(item is None for item in further)


class Kernels(Arrays):
    """Calls of kernels, and what kernels call."""

    def called(self, target: Any, arguments: Sequence[Any]) -> Any:
        """What a function returns that is called with these values."""
        if isinstance(target, FunctionType):
            return self._template(target, arguments)
        if not isinstance(target, Named):
            return super().called(target, arguments)
        if isinstance(target, Primitive):
            made = getattr(self, f"_{target.__name__}_made")(*arguments)
            return made
        if isinstance(target, Draw):
            return self._drawn(target.routine, *arguments)
        if isinstance(target, ByDtype):
            dtypes = {a.dtype for a in arguments if isinstance(a, Array)}
            if len(dtypes) != 1:
                raise Unknown(f"{target} of {sorted(dtypes)}")
            target = target.of(dtypes.pop())
        exact = isinstance(target, Kernel) and target.exact
        return self._kernel(target.function, arguments, "" if exact else self.unit.flags)

    def _kernel(self, function: FunctionType, arguments: Sequence[Any], flags: str) -> Any:
        kinds = [kind_of(a) for a in arguments]
        given = [f"{t} {x}" for a in arguments for t, x in plain_fields(self.writer, a)]
        return self.called_part(self.unit.kernel(function, kinds, flags), given)

    def _template(self, function: FunctionType, arguments: Sequence[Any]) -> Any:
        """A template that is called, in exact order; Numba has it where it is not known here."""
        if (function.__module__ or "").partition(".")[0] != "numpy":
            try:
                return self._kernel(function, arguments, "")
            except Unknown:
                pass
        return super().called(function, arguments)

    def raised(self, error: type[Exception], message: str) -> None:
        """End with an exception, told in the way of Numba's functions."""
        told = pickle.dumps((error, (message,), None))
        text = "".join(f"\\{byte:02X}" for byte in told)
        name = f"@numbagrad_why_{error.__name__}_{len(self.declared)}"
        row = self.declared.setdefault(
            f"why {error.__name__} {message}",
            f'{name}.text = internal constant [{len(told)} x i8] c"{text}"\n'
            f"{name} = internal constant {{ ptr, i32 }} {{ ptr {name}.text, i32 {len(told)} }}",
        )
        name = row.split(".text", 1)[0]
        self.writer.put(f"store ptr {name}, ptr %excinfo")
        self._stop(str(FAILED_KERNEL))

    # -- primitives ------------------------------------------------------------------------

    def _new_array_made(self, sample: Any, shape: Any) -> Array:
        return self._new(shape if isinstance(shape, tuple) else (shape,), sample.dtype)

    def _new_copy_made(self, array: Array) -> Array:
        made = self._new([Number("int64", extent, True) for extent in array.shape], array.dtype)
        self._copy(made, array)
        return made

    def _clear_made(self, array: Array) -> tuple[Any, ...]:
        self._zero(array)
        return ()

    def _cast_like_made(self, sample: Any, value: Number) -> Number:
        return self.writer.cast(value, sample.dtype)

    def _float_like_made(self, sample: Number, value: Number) -> Number:
        single = sample.dtype == "float32"
        return self.writer.cast(value, "float32" if single else "float64")

    def _floor_made(self, x: Number) -> Number:
        return self._intrinsic("floor", x.dtype, [x])

    def _round_from_zero_made(self, x: Number) -> Number:
        return self._intrinsic("round", x.dtype, [x])

    def _rounded_made(self, x: Number) -> Number:
        return self._intrinsic("arithmetic.fence", x.dtype, [x])

    def _fmod_made(self, x: Number, y: Number) -> Number:
        text = self.writer.make(f"frem {llvm_type(x.dtype)} {x.text}, {y.text}")
        return Number(x.dtype, text)

    def _stands_before_made(self, x: Number, y: Number) -> Number:
        write = self.writer
        less = self._comparison(ast.Lt(), x, y)
        if x.dtype not in FLOATS:
            return Number("bool", less)
        type_ = llvm_type(x.dtype)
        nan = write.make(f"fcmp uno {type_} {y.text}, {y.text}")
        good = write.make(f"fcmp ord {type_} {x.text}, {x.text}")
        last = write.make(f"and i1 {nan}, {good}")
        return Number("bool", write.make(f"or i1 {less}, {last}"))

    def _call_special_made(self, routine: Module, x: Number) -> Number:
        name, x = f"{PREFIX}{routine.target}", self.writer.cast(x, "float64")
        # The integer is Cython's "skip dispatch", which functions outside a class ignore.
        self.declared[name] = f"declare double @{name}(double, i32) #1"
        return Number("float64", self.writer.make(f"call double @{name}(double {x.text}, i32 0)"))

    def _drawn(self, routine: str, rng: Number, *numbers: Number) -> Number:
        """One draw by NumPy's routine."""
        write = self.writer
        returns, takes = RANDOM[routine][0], RANDOM[routine][1:]
        given, rest = [f"i64 {write.cast(rng, 'int64').text}"], list(numbers)
        for letter in takes:
            if letter == "s":  # cleared, so that what it keeps is set up anew
                scratch = write.slot(write.label("scratch."), f"[{_SCRATCH} x i64]")
                write.put(f"store [{_SCRATCH} x i64] zeroinitializer, ptr {scratch}")
                given.append(f"ptr {scratch}")
                continue
            dtype, type_ = _OF_DRAWS[letter]
            text = write.cast(rest.pop(0), dtype).text
            given.append(
                f"{type_} {write.make(f'zext i1 {text} to i32') if letter == 'b' else text}"
            )
        name, (dtype, type_) = f"{PREFIX}{routine}", _OF_DRAWS[returns]
        types = ", ".join(item.split(" ", 1)[0] for item in given)
        self.declared[name] = f"declare {type_} @{name}({types})"
        return Number(dtype, write.make(f"call {type_} @{name}({', '.join(given)})"))

    def _call_blas_made(self, routine: Module, *arguments: Any) -> tuple[Any, ...]:
        self._outside_routine(routine.target, arguments, [])
        return ()

    def _call_lapack_made(self, routine: Module, *arguments: Any) -> Number:
        info = self.writer.slot(self.writer.label("info."), "i32")
        self.writer.put(f"store i32 0, ptr {info}")
        self._outside_routine(routine.target, arguments, [info])
        return self.writer.load(info, "int32")

    def _small_product_made(
        self, c: Array, a: Array, a_turned: Number, b: Array, b_turned: Number, k: Number
    ) -> tuple[Any, ...]:
        write = self.writer
        name = self.unit.small_product(c.dtype)
        columns = a.shape[1]
        down = write.make(f"select i1 {a_turned.text}, i64 1, i64 {columns}")
        along = write.make(f"select i1 {a_turned.text}, i64 {columns}, i64 1")
        chosen = write.make(f"select i1 {b_turned.text}, ptr @{name}_transposed, ptr @{name}")
        size = ", ".join(f"i64 {x}" for x in (*c.shape, k.text))
        write.put(
            f"call void {chosen}(ptr {c.data}, ptr {a.data}, i64 {down}, i64 {along}, "
            f"ptr {b.data}, {size})"
        )
        return ()

    def _outside_routine(self, routine: str, arguments: Sequence[Any], last: list[str]) -> None:
        """Call a routine that takes everything by reference, in one thread if that is better."""
        write = self.writer
        dtype = next((a.dtype for a in arguments if isinstance(a, Array) and a.dtype in FLOATS), "")
        if not dtype:
            raise Unknown(f"{routine} without an array of floats")
        pointers = [*(self._reference(a, dtype) for a in arguments), *last]
        name = f"{PREFIX}{_LETTER[dtype]}{routine}"
        self.declared[name] = f"declare void @{name}({', '.join(['ptr'] * len(pointers))})"
        work = self._work(routine, arguments)
        for other in (threads.ENTER, threads.LEAVE):
            self.declared[other] = f"declare void @{other}(i64)"
        write.put(f"call void @{threads.ENTER}(i64 {work})")
        write.put(f"call void @{name}({', '.join(f'ptr {p}' for p in pointers)})")
        write.put(f"call void @{threads.LEAVE}(i64 {work})")

    def _reference(self, argument: Any, dtype: str) -> str:
        """A pointer to what the routine shall read: an array's data or a new stack slot."""
        if isinstance(argument, Array):
            return argument.data
        write = self.writer
        if isinstance(argument, Module):
            value = Number("uint8", str(ord(argument.target)))
        elif argument.dtype == "uint8":
            value = argument
        else:
            value = write.cast(argument, dtype if argument.dtype in FLOATS else "int32")
        place = write.slot(write.label("given."), llvm_type(value.dtype))
        write.put(f"store {llvm_type(value.dtype)} {value.text}, ptr {place}")
        return place

    def _work(self, routine: str, arguments: Sequence[Any]) -> str:
        """About how many multiplications: of the lengths, which stand before the arrays."""
        write = self.writer
        lengths: list[str] = []
        for argument in arguments:
            if isinstance(argument, Array):
                break
            if (
                isinstance(argument, Number)
                and "int" in argument.dtype
                and argument.dtype != "uint8"
            ):
                lengths.append(write.cast(argument, "int64").text)
        if routine == "gemm":
            first, second, third = lengths
        else:
            first, second, third = lengths[0], lengths[-1], lengths[-1]
        return write.make(f"mul i64 {write.make(f'mul i64 {first}, {second}')}, {third}")
