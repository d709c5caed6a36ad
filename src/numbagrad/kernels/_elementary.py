"""Elementary functions as modules of LLVM IR: which there are, and their texts.

Each comes in two forms of the same instructions, so that both give the same bits: one that is
inlined where it is called, and one that is called, with versions for vectors, which LLVM puts in
the place of a loop's calls. Inlining makes short loops fast, calling makes long ones quick to
compile.

Where a function has arguments that branch-free code cannot serve (a sine of more than 2**30), the
code ends in a call of a small function that looks for them and asks the C library. LLVM is told the
names of its versions for 2, 4, 8 and 16 numbers, so the loop around it is vectorised all the same,
and the common case costs one comparison. Neither Numba nor llvmlite is needed here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ..records import record
from . import _angles, _errors, _exponentials, _gammas, _logarithms, _powers, _singles
from ._ir import Body, Value, function_text, narrowed, widened

__all__ = [
    "CALLED",
    "KERNELS",
    "PAIRS",
    "Kernel",
    "called_attribute",
    "called_declarations",
    "called_name",
    "called_symbol",
    "called_text",
    "kernel_text",
    "pair_type",
    "symbol",
    "widths",
]

_PREFIX = "numbagrad_inlined_"
CALLED = "numbagrad_called_"
_LANES = (2, 4, 8, 16)
_ATTRIBUTES = """
attributes #0 = { alwaysinline nounwind willreturn readnone }
attributes #1 = { noinline nounwind willreturn readnone }
attributes #2 = { nounwind willreturn readnone }
"""


@record(frozen=True)
class Kernel:
    """A function as code.

    Attributes
    ----------
    name : str
    write : callable
        ``write(*values, single)``: the value of the result, in double precision; good enough to be
        rounded to single precision, if no more is asked for.
    narrow : callable or None
        ``narrow(*values)``: the same in single precision throughout, which is used where there is
        one.
    arity : int
    rare : callable or None
        ``rare(x)``: which arguments are served out of line.
    far : callable or None
        ``far(x, y)``: the result of such an argument from it and from ``write``'s value; without
        it the C library's function ``name`` is asked.
    """

    name: str
    write: Callable[..., Value]
    arity: int = 1
    rare: Callable[[Value], Value] | None = None
    far: Callable[[Value, Value], Value] | None = None
    narrow: Callable[..., Value] | None = None


def _rest_text(kernel: Kernel, lanes: int, declared: dict[str, str]) -> str:
    """The function that takes ``x`` and the fast result and gives the right one."""
    body = Body(lanes, ["x", "y"])
    assert kernel.rare is not None
    rare = kernel.rare(body.parameters[0])
    number, flags = body.type("f"), body.type("b")
    name = f"{_PREFIX}{kernel.name}_rest"
    start = "\n".join(body.lines)
    if lanes > 1:
        any_ = f"@llvm.vector.reduce.or.v{lanes}i1"
        declared[any_] = f"declare i1 {any_}({flags})"
    if lanes == 1:
        found = f"  %r = call double @{kernel.name}(double %x) #2\n  ret double %r"
        if kernel.far is not None:
            near = len(body.lines)
            result = kernel.far(*body.parameters)
            found = "\n".join([*body.lines[near:], f"  ret double {result.name}"])
        declared.update(body.declared)
        return f"""define linkonce_odr hidden double @{name}(double %x, double %y) #1 {{
{start}
  br i1 {rare.name}, label %far, label %near
near:
  ret double %y
far:
{found}
}}"""
    declared.update(body.declared)
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
}}"""


def _rest(kernel: Kernel, declared: dict[str, str]) -> list[str]:
    """The texts of all versions of the function for rare arguments, kept alive for LLVM to find."""
    name = f"{_PREFIX}{kernel.name}_rest"
    kinds = [f"<{n} x double> (<{n} x double>, <{n} x double>)*" for n in _LANES]
    erased = ", ".join(
        f"i8* bitcast ({kind} @{name}_{n} to i8*)" for n, kind in zip(_LANES, kinds, strict=True)
    )
    variants = ",".join(f"_ZGV_LLVM_N{n}vv_{name}({name}_{n})" for n in _LANES)
    return [
        *([] if kernel.far else [f"declare double @{kernel.name}(double) #2"]),
        *(_rest_text(kernel, n, declared) for n in (1, *_LANES)),
        f"@llvm.compiler.used = appending global [{len(_LANES)} x i8*] [{erased}], "
        'section "llvm.metadata"',
        'attributes #3 = { nounwind willreturn readnone "vector-function-abi-variant"='
        f'"{variants}" }}',
    ]


def _written(kernel: Kernel, single: bool, body: Body, attributes: str) -> Value:
    """Write a function; ``attributes`` are those of the call for rare arguments."""
    if single and kernel.narrow is not None:
        return kernel.narrow(*body.parameters)
    values = [widened(p) for p in body.parameters] if single else body.parameters
    made = kernel.write(*values, single)
    if kernel.rare is not None:
        width = f"_{body.lanes}" if body.lanes > 1 else ""
        number = body.type("f")
        given = f"{number} {values[0].name}, {number} {made.name}"
        name = f"{_PREFIX}{kernel.name}_rest{width}"
        made = body.emit(f"call {number} @{name}({given}) {attributes}", "f")
    return narrowed(made) if single else made


def _body(kernel: Kernel, single: bool, lanes: int = 1) -> Body:
    return Body(lanes, ["x", "y"][: kernel.arity], "s" if single else "f")


def kernel_text(kernel: Kernel, single: bool) -> str:
    """The LLVM module of a function that is inlined."""
    body = _body(kernel, single)
    made = _written(kernel, single, body, "#3")
    rest = _rest(kernel, body.declared) if kernel.rare is not None else []
    text = function_text(symbol(kernel, single), body, made)
    return "\n".join([*rest, *body.declared.values(), text, _ATTRIBUTES])


def symbol(kernel: Kernel, single: bool) -> str:
    """The name of a function in its module."""
    return f"{_PREFIX}{kernel.name}_{'f32' if single else 'f64'}"


# -- the form that is called ---------------------------------------------------------------------

#: Functions that share most of their work; one that gives the results of both takes their place.
PAIRS = (("sin", "cos"), ("sinh", "cosh"), ("sigmoid", "softplus"))


def widths(lanes: int, single: bool) -> tuple[int, ...]:
    """For how many numbers at once there are versions, on a machine that computes so many doubles.

    A loop whose numbers are all single takes twice as many at a time as one with a double.
    """
    return (lanes, 2 * lanes) if single else (lanes,)


def called_symbol(name: str, single: bool, lanes: int = 1) -> str:
    """The name of a function that is called, for so many numbers at once."""
    width = f"_{lanes}" if lanes > 1 else ""
    return f"{CALLED}{name}_{'f32' if single else 'f64'}{width}"


def called_name(symbol: str) -> tuple[str, bool] | None:
    """The function that a symbol stands for, and whether in single precision.

    >>> called_name("numbagrad_called_sin_cos_f64_8"), called_name("malloc")
    (('sin_cos', False), None)
    """
    found = re.fullmatch(CALLED + r"(\w+?)_f(32|64)(?:_\d+)?", symbol)
    return (found.group(1), found.group(2) == "32") if found else None


def called_text(name: str, single: bool, widths: Sequence[int]) -> str:
    """The LLVM module of a function that is called, or of a pair, with versions for vectors."""
    kernels = [KERNELS[part] for part in name.split("_")]
    texts: list[str] = []
    declared: dict[str, str] = {}
    for lanes in (1, *widths):
        body = _body(kernels[0], single, lanes)
        # Written into one body, they share what they have in common.
        made = [_written(kernel, single, body, "#2") for kernel in kernels]
        texts.append(_called_text(called_symbol(name, single, lanes), body, made))
        for kernel in kernels:
            if kernel.rare is not None:
                # There is one place where it is called from.
                rest = _rest_text(kernel, lanes, declared)
                texts.append(rest.replace(") #1 {", ") #0 {", 1))
        declared.update(body.declared)
    library = [k.name for k in kernels if k.rare is not None and k.far is None]
    outside = [f"declare double @{name}(double) #2" for name in library]
    return "\n".join([*texts, *outside, *declared.values(), _ATTRIBUTES])


def _called_text(symbol: str, body: Body, made: Sequence[Value]) -> str:
    number = body.type(made[0].kind)
    given = ", ".join(f"{number} {p.name}" for p in body.parameters)
    kind, ends = number, [f"  ret {number} {made[0].name}"]
    if len(made) == 2:
        kind = pair_type(number)
        ends = [
            f"  %first = insertvalue {kind} poison, {number} {made[0].name}, 0",
            f"  %both = insertvalue {kind} %first, {number} {made[1].name}, 1",
            f"  ret {kind} %both",
        ]
    return "\n".join([f"define {kind} @{symbol}({given}) #2 {{", *body.lines, *ends, "}"])


def pair_type(number: str) -> str:
    """The type of two results."""
    return f"{{ {number}, {number} }}"


def called_declarations(name: str, single: bool, widths: Sequence[int]) -> dict[int, str]:
    """What a module declares that calls the function, by the number of numbers."""
    made = {}
    for lanes in (1, *widths):
        body = _body(KERNELS[name], single, lanes)
        number = body.type("s" if single else "f")
        given = ", ".join([number] * len(body.parameters))
        made[lanes] = f"declare {number} @{called_symbol(name, single, lanes)}({given})"
    return made


def called_attribute(name: str, single: bool, widths: Sequence[int]) -> str:
    """What tells LLVM at a call which versions for vectors there are."""
    symbol = called_symbol(name, single)
    taken = "v" * KERNELS[name].arity
    variants = ",".join(
        f"_ZGV_LLVM_N{n}{taken}_{symbol}({called_symbol(name, single, n)})" for n in widths
    )
    return f'"vector-function-abi-variant"="{variants}"'


KERNELS = {
    kernel.name: kernel
    for kernel in (
        Kernel("exp", _exponentials.exp, narrow=_singles.exp),
        Kernel("exp2", _exponentials.exp2, narrow=_singles.exp2),
        Kernel("expm1", _exponentials.expm1),
        Kernel("sinh", _exponentials.sinh),
        Kernel("cosh", _exponentials.cosh),
        Kernel("tanh", _exponentials.tanh, narrow=_singles.tanh),
        Kernel("sigmoid", _exponentials.sigmoid, narrow=_singles.sigmoid),
        Kernel("softplus", _exponentials.softplus, narrow=_singles.softplus),
        Kernel("log1mexp", _exponentials.log1mexp),
        Kernel("logit", _logarithms.logit, narrow=_singles.logit),
        Kernel("logaddexp", _exponentials.logaddexp, 2, narrow=_singles.logaddexp),
        Kernel("log", _logarithms.log, narrow=_singles.log),
        Kernel("log2", _logarithms.log2, narrow=_singles.log2),
        Kernel("log10", _logarithms.log10, narrow=_singles.log10),
        Kernel("log1p", _logarithms.log1p, narrow=_singles.log1p),
        Kernel("arcsinh", _logarithms.arcsinh, narrow=_singles.arcsinh),
        Kernel("arccosh", _logarithms.arccosh, narrow=_singles.arccosh),
        Kernel("arctanh", _logarithms.arctanh),
        Kernel("sin", _angles.sin, rare=_angles.is_far),
        Kernel("cos", _angles.cos, rare=_angles.is_far),
        Kernel("tan", _angles.tan, rare=_angles.is_far),
        Kernel("arcsin", _angles.arcsin),
        Kernel("arccos", _angles.arccos),
        Kernel("arctan", _angles.arctan),
        Kernel("arctan2", _angles.arctan2, 2),
        Kernel("power", _powers.power, 2),
        Kernel("erf", _errors.erf, narrow=_singles.erf),
        Kernel("erfc", _errors.erfc, narrow=_singles.erfc),
        Kernel("erfcx", _errors.erfcx),
        Kernel("erfinv", _errors.erfinv, narrow=_singles.erfinv),
        Kernel("gammaln", _gammas.gammaln, rare=_gammas.is_negative, far=_gammas.gammaln_below),
        Kernel("digamma", _gammas.digamma, rare=_gammas.is_negative, far=_gammas.digamma_below),
        Kernel("trigamma", _gammas.trigamma, rare=_gammas.is_negative, far=_gammas.trigamma_below),
    )
}
