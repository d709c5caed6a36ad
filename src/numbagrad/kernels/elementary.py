"""Elementary functions of real numbers that LLVM vectorises: what printed code calls ``exp``.

Each is a Numba intrinsic of one or two numbers: ``float32`` in, ``float32`` out; anything else is
computed in ``float64``. Its code has no branches, is inlined wherever it is called, and is text
made once in a process, so that compiling a call costs no type inference. Results depend on nothing
but the arguments, except that a machine with fused multiplication may round the last bit otherwise.

Where a function has arguments that branch-free code cannot serve (a sine of more than 2**30), the
code ends in a call of a small function that looks for them and asks the C library. LLVM is told the
names of its versions for 2, 4, 8 and 16 numbers, so the loop around it is vectorised all the same,
and the common case costs one comparison.

How exact they are says `ACCURACY`; special values are C99's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

from . import _angles, _errors, _exponentials, _logarithms, _powers
from ._ir import Body, Value, function_text, narrowed, widened

_PREFIX = "numbagrad_inlined_"
_LANES = (2, 4, 8, 16)
_ATTRIBUTES = """
attributes #0 = { alwaysinline nounwind willreturn readnone }
attributes #1 = { noinline nounwind willreturn readnone }
attributes #2 = { nounwind willreturn readnone }
"""


@dataclass(frozen=True)
class Kernel:
    """A function as code.

    Attributes
    ----------
    name : str
    write : callable
        ``write(*values, single)``: the value of the result.
    arity : int
    rare : callable or None
        ``rare(x)``: which arguments are left to the C library's function ``name``.
    """

    name: str
    write: Callable[..., Value]
    arity: int = 1
    rare: Callable[[Value], Value] | None = None


def _rest_text(kernel: Kernel, lanes: int, declared: dict[str, str]) -> str:
    """The function that takes ``x`` and the fast result and gives the right one."""
    body = Body(lanes, ["x", "y"])
    assert kernel.rare is not None
    rare = kernel.rare(body.parameters[0])
    declared.update(body.declared)
    number, flags = body.type("f"), body.type("b")
    name = f"{_PREFIX}{kernel.name}_rest"
    start = "\n".join(body.lines)
    if lanes == 1:
        return f"""define linkonce_odr hidden double @{name}(double %x, double %y) #1 {{
{start}
  br i1 {rare.name}, label %far, label %near
near:
  ret double %y
far:
  %r = call double @{kernel.name}(double %x) #2
  ret double %r
}}"""
    return f"""define linkonce_odr hidden {number} @{name}_{lanes}({number} %x, {number} %y) #1 {{
begin:
{start}
  %any = call i1 @llvm.vector.reduce.or.v{lanes}i1({flags} {rare.name})
  br i1 %any, label %each, label %near
near:
  ret {number} %y
each:
  %i = phi i32 [ 0, %begin ], [ %next, %each ]
  %so_far = phi {number} [ %y, %begin ], [ %more, %each ]
  %xi = extractelement {number} %x, i32 %i
  %yi = extractelement {number} %y, i32 %i
  %ri = call double @{name}(double %xi, double %yi) #2
  %more = insertelement {number} %so_far, double %ri, i32 %i
  %next = add i32 %i, 1
  %last = icmp eq i32 %next, {lanes}
  br i1 %last, label %done, label %each
done:
  ret {number} %more
}}
declare i1 @llvm.vector.reduce.or.v{lanes}i1({flags})"""


def _rest(kernel: Kernel, declared: dict[str, str]) -> list[str]:
    """The texts of all versions of the function for rare arguments, kept alive for LLVM to find."""
    name = f"{_PREFIX}{kernel.name}_rest"
    kinds = [f"<{n} x double> (<{n} x double>, <{n} x double>)*" for n in _LANES]
    erased = ", ".join(
        f"i8* bitcast ({kind} @{name}_{n} to i8*)" for n, kind in zip(_LANES, kinds, strict=True)
    )
    variants = ",".join(f"_ZGV_LLVM_N{n}vv_{name}({name}_{n})" for n in _LANES)
    return [
        f"declare double @{kernel.name}(double) #2",
        *(_rest_text(kernel, n, declared) for n in (1, *_LANES)),
        f"@llvm.compiler.used = appending global [{len(_LANES)} x i8*] [{erased}], "
        'section "llvm.metadata"',
        'attributes #3 = { nounwind willreturn readnone "vector-function-abi-variant"='
        f'"{variants}" }}',
    ]


def kernel_text(kernel: Kernel, single: bool) -> str:
    """The LLVM module of a function."""
    names = ["x", "y"][: kernel.arity]
    body = Body(1, names, "s" if single else "f")
    values = [widened(p) for p in body.parameters] if single else body.parameters
    made = kernel.write(*values, single)
    rest: list[str] = []
    if kernel.rare is not None:
        called = f"call double @{_PREFIX}{kernel.name}_rest"
        made = body.emit(f"{called}(double {values[0].name}, double {made.name}) #3", "f")
        rest = _rest(kernel, body.declared)
    made = narrowed(made) if single else made
    text = function_text(_symbol(kernel, single), body, made)
    return "\n".join([*rest, *body.declared.values(), text, _ATTRIBUTES])


def _symbol(kernel: Kernel, single: bool) -> str:
    return f"{_PREFIX}{kernel.name}_{'f32' if single else 'f64'}"


class _Library:
    """What Numba links into a module that calls the function; it is parsed once."""

    _reload_init = frozenset[Any]()

    def __init__(self, text: str):
        self._text = text
        self._module: Any = None

    def _ensure_finalized(self) -> None:
        """There is nothing to do before it is linked."""

    def _get_module_for_linking(self) -> Any:
        if self._module is None:
            self._module = llvm.parse_assembly(self._text)
            self._module.verify()
        return self._module


@cache
def _library(kernel: Kernel, single: bool) -> _Library:
    return _Library(kernel_text(kernel, single))


def _lower(kernel: Kernel, single: bool, context: Any, builder: Any, numbers: list[Any]) -> Any:
    context.active_code_library.add_linking_library(_library(kernel, single))
    number = ir.FloatType() if single else ir.DoubleType()
    kind = ir.FunctionType(number, [number] * kernel.arity)
    function = cgutils.get_or_insert_function(builder.module, kind, _symbol(kernel, single))
    return builder.call(function, numbers)


def _typed(kernel: Kernel, arguments: tuple[Any, ...]) -> Any:
    """Signature and code generator for arguments of these types."""
    for given in arguments:
        if not isinstance(given, (types.Float, types.Integer, types.Boolean)):
            raise TypingError(f"{kernel.name} takes real numbers, not {given}")
    single = all(given == types.float32 for given in arguments)
    number = types.float32 if single else types.float64

    def codegen(context, builder, signature, values):
        pairs = zip(values, signature.args, strict=True)
        numbers = [context.cast(builder, v, t, number) for v, t in pairs]
        return _lower(kernel, single, context, builder, numbers)

    return number(*(types.unliteral(given) for given in arguments)), codegen


def _intrinsic(kernel: Kernel) -> Any:
    def one(typingctx, x):
        return _typed(kernel, (x,))

    def two(typingctx, x, y):
        return _typed(kernel, (x, y))

    made = one if kernel.arity == 1 else two
    made.__name__ = made.__qualname__ = kernel.name
    made.__doc__ = kernel.write.__doc__
    return intrinsic(made)


def _extreme(kernel_name: str, order: str, x: Any, y: Any) -> Any:
    """Signature and code generator of the larger or smaller of two numbers of one dtype."""
    if x != y or not isinstance(x, (types.Float, types.Integer, types.Boolean)):
        raise TypingError(f"{kernel_name} takes two real numbers of one dtype, not {x} and {y}")

    def codegen(context, builder, signature, values):
        a, b = values
        if not isinstance(x, types.Float):
            unsigned = not isinstance(x, types.Integer) or not x.signed
            compare = builder.icmp_unsigned if unsigned else builder.icmp_signed
            return builder.select(compare(order, b, a), b, a)
        if llvm.llvm_version_info[0] < 17:  # which can not make code of llvm.maximum everywhere
            other = builder.fcmp_ordered(order, b, a)
            nan = builder.fcmp_unordered("uno", b, b)
            return builder.select(builder.or_(other, nan), b, a)
        kind = ir.FunctionType(a.type, [a.type, a.type])
        name = f"llvm.{kernel_name}.f{x.bitwidth}"
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), values)

    return x(x, y), codegen


@intrinsic
def maximum(typingctx, x, y):
    """The larger of two numbers of one dtype; NaN if one is."""
    return _extreme("maximum", ">", types.unliteral(x), types.unliteral(y))


@intrinsic
def minimum(typingctx, x, y):
    """The smaller of two numbers of one dtype; NaN if one is."""
    return _extreme("minimum", "<", types.unliteral(x), types.unliteral(y))


KERNELS = {
    kernel.name: kernel
    for kernel in (
        Kernel("exp", _exponentials.exp),
        Kernel("exp2", _exponentials.exp2),
        Kernel("expm1", _exponentials.expm1),
        Kernel("sinh", _exponentials.sinh),
        Kernel("cosh", _exponentials.cosh),
        Kernel("tanh", _exponentials.tanh),
        Kernel("sigmoid", _exponentials.sigmoid),
        Kernel("softplus", _exponentials.softplus),
        Kernel("log1mexp", _exponentials.log1mexp),
        Kernel("logaddexp", _exponentials.logaddexp, 2),
        Kernel("log", _logarithms.log),
        Kernel("log2", _logarithms.log2),
        Kernel("log10", _logarithms.log10),
        Kernel("log1p", _logarithms.log1p),
        Kernel("arcsinh", _logarithms.arcsinh),
        Kernel("arccosh", _logarithms.arccosh),
        Kernel("arctanh", _logarithms.arctanh),
        Kernel("sin", _angles.sin, rare=_angles.is_far),
        Kernel("cos", _angles.cos, rare=_angles.is_far),
        Kernel("tan", _angles.tan, rare=_angles.is_far),
        Kernel("arcsin", _angles.arcsin),
        Kernel("arccos", _angles.arccos),
        Kernel("arctan", _angles.arctan),
        Kernel("arctan2", _angles.arctan2, 2),
        Kernel("power", _powers.power, 2),
        Kernel("erf", _errors.erf),
        Kernel("erfc", _errors.erfc),
    )
}
globals().update({name: _intrinsic(kernel) for name, kernel in KERNELS.items()})
