"""What a call of a numbagrad function costs above Numba's own dispatcher.

Measured on the gradient of ``x**2`` at one number, against ``f.jitted`` and against a function of
the same kind that a person would decorate with ``njit``.
"""

import importlib
import timeit
from collections.abc import Callable
from typing import Any

import numpy as np


def _number(x):
    return 2.0 * x


def _array(x):
    result = np.empty(())
    result[()] = 2.0 * x[()]
    return result


def _candidates(ng: Any) -> dict[str, tuple[Callable[..., Any], Any]]:
    """Label to function and argument, Numba's own dispatcher first."""
    numba = importlib.import_module("numba")  # only here: the other engines do without it
    T = importlib.import_module("numbagrad.tensor")
    x = T.dscalar("x")
    gradient = ng.grad(x**2, x)
    checked, trusting = ng.function([x], gradient), ng.function([x], gradient)
    trusting.trust_input = True
    value = np.array(3.0)
    checked(value)
    takes = checked.jitted.nopython_signatures[0].args[0]
    plain, argument = (
        (_array, value) if isinstance(takes, numba.types.Array) else (_number, float(value))
    )
    by_hand = numba.njit([(takes,)])(plain)
    return {
        "njit by hand": (by_hand, argument),
        "f.jitted(x)": (checked.jitted, argument),
        "f(x), trust_input": (trusting, value),
        "f(x)": (checked, value),
    }


def call_overhead(ng: Any, rounds: int) -> dict[str, float]:
    """Best seconds of one call of each, over interleaved rounds."""
    candidates = _candidates(ng)
    timers = {
        label: timeit.Timer("f(x)", globals={"f": function, "x": argument})
        for label, (function, argument) in candidates.items()
    }
    number = 20_000
    best = dict.fromkeys(timers, float("inf"))
    for _ in range(rounds):
        for label, timer in timers.items():
            best[label] = min(best[label], timer.timeit(number) / number)
    return best
