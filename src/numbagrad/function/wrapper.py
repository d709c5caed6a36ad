"""The Python functions between the user and the compiled one, printed for each signature.

Machine code that has an entry of its own takes the common case, an ndarray of the right dtype and
memory layout, as it is, and hands everything else to ``calling``. What is converted is said by
``TensorType.filter``.
"""

from __future__ import annotations

import linecache
import pickle
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import Failed, InputError
from ..graph.generators import RandomGeneratorType, address_of, copy_generator
from ..graph.tensor import TensorType
from ..jit.runtime import NO_MEMORY
from .generators import Plan, locked

if TYPE_CHECKING:
    from .function import Maker

__all__ = [
    "array_like_compiled",
    "fail",
    "failure",
    "make_converter",
    "print_call",
    "print_wrapper",
    "refuse",
]

#: 0-d values of these dtypes travel as Python numbers, which Numba takes as exactly these.
_PYTHON = {"float64": float, "int64": int, "bool": bool, "complex128": complex}


def make_converter(
    type_: TensorType,
    label: str,
    strict: bool,
    allow_downcast: bool | None,
    as_array: bool = False,
) -> Callable[[Any], Any]:
    """What an argument goes through that is not in the common case.

    Parameters
    ----------
    type_ : TensorType
    label : str
        How errors name the argument.
    strict, allow_downcast
        As in ``TensorType.filter``.
    as_array : bool
        Whether numbers become 0-d arrays.

    Raises
    ------
    InputError
        By the converter: if the value does not fit.
    """

    def convert(value: Any) -> Any:
        try:
            array = type_.filter(value, strict=strict, allow_downcast=allow_downcast)
        except OverflowError:
            raise InputError(f"Bad value for {label}: {value} does not fit {type_.dtype}") from None
        except (TypeError, ValueError) as error:
            raise InputError(f"Bad value for {label}: {error}") from None
        return fitting(array) if as_array else array_like_compiled(array)

    return convert


def array_like_compiled(array: np.ndarray) -> Any:
    """The same value as Numba's dispatchers take it: a number, or a fitting array."""
    if array.ndim == 0:
        return array.item() if array.dtype.name in _PYTHON else array[()]
    return fitting(array)


def fitting(array: np.ndarray) -> np.ndarray:
    """The same array, C-contiguous and writeable, of a dtype that compiled code knows."""
    # Two types of one size, long and long long, have one name; compiled code knows one of them.
    own = np.dtype(array.dtype.name)
    if array.flags.carray and array.dtype.num == own.num:
        return array
    made = np.empty(array.shape, own)
    made[...] = array
    return made


def print_wrapper(
    types: Sequence[Any],
    converters: Sequence[Callable[[Any], Any]],
    strict: Sequence[bool],
    results: Sequence[tuple[str, int]],
    core: Callable[..., Any],
    hidden: Sequence[Callable[[], Any] | np.ndarray | None],
    failed: Callable[..., Any],
    unwrap: str,
    generators: Plan | None = None,
    finished: bool = False,
) -> Callable[..., Any]:
    """Make the wrapper.

    Parameters
    ----------
    types : sequence of TensorType or RandomGeneratorType
        Of the arguments.
    converters : sequence of callable
    strict : sequence of bool
        For each argument whether only an ndarray will do.
    results : sequence of tuple
        ``(dtype, ndim)`` of each result.
    core : callable
        The compiled function.
    hidden : sequence
        Further arguments: arrays, or what fetches a shared value; None for a copied generator.
    failed : callable
        ``failed(error, arguments)`` gives the exception to raise instead.
    unwrap : {"single", "list", "none"}
        What the results become.
    generators : Plan, optional
        What a call does with the generators among the arguments of compiled code.
    finished : bool
        Whether ``core`` returns arrays, in a list if a call returns one, and no numbers.
    """
    scope: dict[str, Any] = {"ndarray": np.ndarray, "array": np.array, "core": core}
    scope["failed"] = failed
    names = [f"a{k}" for k in range(len(types))]
    lines = [f"def call({', '.join(names)}):"]
    for k, (name, type_) in enumerate(zip(names, types, strict=True)):
        if isinstance(type_, RandomGeneratorType):
            scope |= {"Generator": np.random.Generator, f"convert{k}": converters[k]}
            lines += [f"    if type({name}) is not Generator:",
                      f"        {name} = convert{k}({name})"]  # fmt: skip
            continue
        scope[f"dtype{k}"] = np.dtype(type_.dtype)
        scope[f"convert{k}"] = converters[k]
        lines += _conversion(name, k, type_, strict[k], scope)
    extra = []
    for k, value in enumerate(hidden):
        scope[f"h{k}"] = value
        extra.append(f"h{k}()" if callable(value) else f"h{k}")
    passed = [*names, *extra]
    inside = ""
    if generators is not None:
        inside = _generators(generators, passed, lines, scope)
    arguments = ", ".join(passed)
    given = f"({', '.join(names)}{',' if len(names) == 1 else ''})"
    if inside:
        lines += ["    try:", f"        with {inside}:", f"            r = core({arguments})"]
    else:
        lines += ["    try:", f"        r = core({arguments})"]
    lines += [
        "    except Exception as error:",
        f"        raise failed(error, {given}) from None",
        f"    return {_results(results, scope, unwrap, generators, finished)}",
    ]
    return _made(lines, scope)


def print_call(
    count: int,
    hidden: Sequence[Any],
    core: Callable[..., Any],
    otherwise: Callable[..., Any],
    maker: Maker,
    defaults: list[Any],
    lending: tuple[Any, Sequence[int], type[Exception]],
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Make the function that the user calls, and the one that delivers what compiled code made.

    Parameters
    ----------
    count : int
        How many arguments a call has; ``otherwise`` gets those with others, or with keywords.
    hidden : sequence
        What compiled code takes behind them: arrays, and lists whose only item is an array.
    core : callable
    otherwise : callable
    maker : Maker
        Says what is updated and returned.
    defaults : list
        Where next default values are stored.
    lending : tuple
        What takes a place for each result as well, which results are lent to the next call, and the
        exception that says that they have other sizes.
    """
    scope: dict[str, Any] = {f"h{k}": value for k, value in enumerate(hidden)}
    scope |= {"core": core, "otherwise": otherwise, "defaults": defaults}
    given = ["*args", *(f"h{k}[0]" if isinstance(v, list) else f"h{k}"
                        for k, v in enumerate(hidden))]  # fmt: skip
    arguments = ", ".join(given)
    lend, borrowed, other_shape = lending
    lines = [
        "def call(*args, **keywords):",
        f"    if keywords or len(args) != {count}:",
        "        return otherwise(*args, **keywords)",
    ]
    if lend is None:
        lines.append(f"    r = core({arguments})")
    else:
        total = len(maker.unoptimized)
        scope |= {"lend": lend, "OtherShapeError": other_shape, "kept": [], "Empty": IndexError}
        item = {k: "r" if maker.plain else f"r[{k}]" for k in borrowed}
        places = ", ".join(item.get(k, "None") for k in range(total))
        # Whoever calls at the same time finds nothing kept.
        lines += [
            "    try:",
            f"        r = lend({arguments}, *kept.pop())",
            "    except (Empty, OtherShapeError):",
            f"        r = core({arguments})",
            f"    kept[:] = [({places},)]",
        ]
    tail = _delivery(maker, scope)
    _made([*lines, *tail, "", "def deliver(r):", *tail], scope)
    return scope["call"], scope["deliver"]


def _delivery(maker: Maker, scope: dict[str, Any]) -> list[str]:
    """The lines that store updates and return the results in the shape that was asked for."""
    lines = []
    total = len(maker.unoptimized)
    count = total - maker.extra
    for k, variable in enumerate(maker.updated):
        scope[f"u{k}"] = variable.container
        lines.append(f"    u{k}[0] = r[{count + k}]")
    for k, position in enumerate(maker.next_defaults):
        lines.append(f"    defaults[{position}] = r[{total - len(maker.next_defaults) + k}]")
    for k, matrix in maker.sparse.items():
        scope[f"sparse{k}"] = matrix.to_scipy
        lines.append(f"    r[{k}] = sparse{k}(r[{k}])")
    if isinstance(maker.result, list):
        items = ", ".join(f"{key!r}: r[{k}]" for k, key in enumerate(maker.result))
        lines.append(f"    return {{{items}}}")
    elif maker.result == "single":
        lines.append("    return r" if maker.plain else "    return r[0]")
    else:
        lines += [f"    del r[{count}:]"] if maker.extra else []
        lines.append("    return r")
    return lines


def failure(status: int, pickled: bytes | None) -> Exception:
    """The exception that a status of compiled code stands for.

    Parameters
    ----------
    status : int
        The code of a failed check if it is positive; otherwise see ``jit.runtime``.
    pickled : bytes or None
        An exception that a kernel compiled by Numba raised: class, arguments and place.
    """
    if status > 0:
        return Failed(status)
    if pickled is not None:
        class_, arguments, _ = pickle.loads(pickled)
        made: Exception = class_(*(arguments or ()))
        return made
    if status == NO_MEMORY:
        return MemoryError("There is not enough memory for an array of the compiled function")
    return ValueError("Arrays of the compiled function do not fit each other")


def fail(status: int, pickled: bytes | None, *arguments: Any) -> Any:
    """What machine code calls when it ended with a status other than 0."""
    raise failure(status, pickled)


def refuse(*arguments: Any) -> Any:
    """What machine code calls with arguments that should fit and do not."""
    raise TypeError(f"numbagrad: converted arguments do not fit compiled code: {arguments!r}")


def _made(lines: Sequence[str], scope: dict[str, Any]) -> Callable[..., Any]:
    """The function ``call`` of a printed source."""
    source = "\n".join(lines) + "\n"
    file = f"<numbagrad call {id(scope):x}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    exec(compile(source, file, "exec"), scope)
    made: Callable[..., Any] = scope["call"]
    return made


def _generators(plan: Plan, passed: list[str], lines: list[str], scope: dict[str, Any]) -> str:
    """Put addresses in the place of generators; the context in which the call is made."""
    scope |= {"copied": copy_generator, "address": address_of, "locked": locked}
    held = {k: f"s{k}" for k, (source, _) in plan.arguments.items() if source == k}
    lines += [f"    {name} = {passed[k]}" for k, name in held.items()]
    for k, (source, in_place) in plan.arguments.items():
        lines.append(f"    g{k} = {held[source] if in_place else f'copied({held[source]})'}")
        passed[k] = f"address(g{k})"
    shared = ", ".join(f"g{k}" for k, (_, in_place) in plan.arguments.items() if in_place)
    return f"locked({shared})" if shared else ""


def _conversion(
    name: str, k: int, type_: TensorType, strict: bool, scope: dict[str, Any]
) -> list[str]:
    """The lines that leave the common case alone and convert everything else."""
    odd = f"type({name}) is not ndarray or {name}.dtype is not dtype{k} or {name}.ndim != "
    if type_.ndim == 0:
        python = _PYTHON.get(type_.dtype)
        number = f"{name}.item()" if python else f"{name}[()]"
        convert = f"{name} = convert{k}({name}) if {odd}0 else {number}"
        if strict:
            return [f"    {convert}"]
        scope[f"python{k}"] = python
        # A NumPy scalar of the dtype is what arithmetic with elements of arrays gives.
        scope[f"scalar{k}"] = np.dtype(type_.dtype).type
        return [
            f"    if type({name}) is scalar{k}:",
            f"        {name} = {f'{name}.item()' if python else name}",
            f"    elif type({name}) is not python{k}:",
            f"        {convert}",
        ]
    tests = [f"{odd}{type_.ndim}", f"not {name}.flags.carray"]
    tests += [
        f"{name}.shape[{axis}] != {size}"
        for axis, size in enumerate(type_.shape)
        if size is not None
    ]
    return [f"    if {' or '.join(tests)}:", f"        {name} = convert{k}({name})"]


def _results(
    results: Sequence[tuple[str, int]],
    scope: dict[str, Any],
    unwrap: str,
    generators: Plan | None = None,
    finished: bool = False,
) -> str:
    """Numbers become 0-d arrays; a single result stands alone."""
    made: list[str] = []
    rows = generators.results if generators is not None else [None] * len(results)
    computed = rows.count(None)
    for (dtype, ndim), row in zip(results, rows, strict=True):
        if row is not None:
            made.append(f"copied(g{row[0]})" if row[1] else f"g{row[0]}")
            continue
        k = sum(other is None for other in rows[: len(made)])
        item = "r" if computed == 1 and (not finished or unwrap == "single") else f"r[{k}]"
        if finished or ndim or dtype == "generator":
            made.append(item)
        elif dtype in _PYTHON:
            made.append(f"array({item})")
        else:
            scope[f"result{k}"] = np.dtype(dtype)
            made.append(f"array({item}, result{k})")
    if unwrap == "single":
        return made[0]
    return f"[{', '.join(made)}]"
