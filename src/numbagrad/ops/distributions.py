"""How distributions become functions that users call.

Every one takes its parameters, by position or name, and ``size``, ``rng``, ``name``, ``dtype`` and
``return_next_rng``. No distribution is defined here.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..config import config
from ..graph.registry import OPS
from .draws import Constraint, Draw, as_generator, as_parameter, as_size

__all__ = [
    "at_least_zero",
    "deliver",
    "distribution",
    "each",
    "enter",
    "generator_for",
    "positive",
    "probability",
    "result_dtype",
]

_NONE = inspect.Parameter.empty


def at_least_zero(name: str) -> Constraint:
    """``name`` is not negative; NaN passes, as in NumPy."""
    return Constraint((name,), lambda x: (x >= 0) | (x != x), f"{name} < 0")


def positive(name: str) -> Constraint:
    """``name`` is positive; NaN passes, as in NumPy."""
    return Constraint((name,), lambda x: (x > 0) | (x != x), f"{name} <= 0")


def probability(name: str, above_zero: bool = False) -> Constraint:
    """``name`` is from 0 (or above it) to 1."""
    if above_zero:
        words = f"{name} <= 0, {name} > 1 or {name} is NaN"
        return Constraint((name,), lambda x: (x > 0) & (x <= 1), words)
    words = f"{name} < 0, {name} > 1 or {name} is NaN"
    return Constraint((name,), lambda x: (x >= 0) & (x <= 1), words)


def each(function: Callable[..., float], *arrays: Any) -> Any:
    """A function of ``math`` in every place.

    It is that of C's library, which compiled code calls as well; NumPy's own, made for vectors,
    may round otherwise.
    """

    def safe(*numbers: float) -> float:
        try:
            return function(*numbers)
        except OverflowError:
            return math.inf

    return np.vectorize(safe, otypes=[np.float64])(*arrays)


def generator_for(rng: Any, where: str) -> Any:
    """The generator variable to draw from: a new shared one, seeded by chance, without ``rng``."""
    return OPS["shared_rng"](seed=None) if rng is None else as_generator(rng, where)


def result_dtype(natural: str, dtype: Any, where: str) -> str:
    """The dtype of draws: as asked for, if that is of the natural kind.

    Raises
    ------
    ValueError
        If draws that are whole numbers are asked for as floats, or the other way round.
    """
    if dtype is None or dtype == "floatX":
        return config.floatX if natural == "float64" else natural
    name = np.dtype(dtype).name
    kinds = "f" if natural == "float64" else "iub"
    if np.dtype(dtype).kind not in kinds:
        raise ValueError(f"{where}: draws of {natural} can not be made {name}; cast them")
    return name


def deliver(next_rng: Any, draw: Any, name: str | None, return_next_rng: bool) -> Any:
    """The draw, or both."""
    if name is not None:
        draw.name = name
    return (next_rng, draw) if return_next_rng else draw


def enter(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: make a distribution a method of generators and of streams."""
    OPS[f"random.{function.__name__}"] = function
    return function


def distribution(op_class: type[Draw], name: str, *defaults: Any) -> Callable[..., Any]:
    """The function that draws from ``op_class``.

    Parameters
    ----------
    op_class : type of Draw
    name : str
        What it is called.
    defaults
        Default values of the last parameters.
    """
    names = list(op_class.arguments)
    missing = [_NONE] * (len(names) - len(defaults))

    def draw(*args: Any, **kwargs: Any) -> Any:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{name}: {error}") from None
        bound.apply_defaults()
        given = bound.arguments
        size = as_size(given["size"], name)
        params = [
            whole_numbers(given[n], name, n) if op_class.arguments[n] == "int64" else given[n]
            for n in names
        ]
        op = op_class(
            result=result_dtype(op_class.natural, given["dtype"], name),
            sized=-1 if size is None else len(size),
        )
        rng = generator_for(given["rng"], name)
        next_rng, made = op(rng, *(size or ()), *params, return_list=True)
        return deliver(next_rng, made, given["name"], given["return_next_rng"])

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    rows = [*zip(names, [*missing, *defaults], strict=True), ("size", None)]
    parameters = [inspect.Parameter(n, kind, default=d) for n, d in rows]
    options = [("rng", None), ("name", None), ("dtype", None), ("return_next_rng", False)]
    only = inspect.Parameter.KEYWORD_ONLY
    parameters += [inspect.Parameter(n, only, default=d) for n, d in options]
    signature = inspect.Signature(parameters)
    draw.__name__ = draw.__qualname__ = name
    draw.__module__, draw.__doc__ = op_class.__module__, op_class.__doc__
    draw.__signature__ = signature  # type: ignore[attr-defined]
    return enter(draw)


def whole_numbers(x: Any, where: str, name: str) -> Any:
    """A parameter that counts: integers, or constant floats without a fraction.

    Raises
    ------
    TypeError
        If it is symbolic and floating, or has a fraction.
    """
    variable = as_parameter(x, where, name)
    if variable.type.numpy_dtype.kind != "f":
        return variable
    data = getattr(variable, "data", None)
    if data is not None and np.all(np.mod(data, 1) == 0):
        return OPS["cast"](variable, "int64")
    raise TypeError(
        f"{where}: {name} must be whole numbers; got {variable!r} of dtype {variable.type.dtype}. "
        "Cast it with astype('int64')"
    )
