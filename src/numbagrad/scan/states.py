"""The states of a loop: variables that stand for them in the step, and their types.

What a step hands on has the type of what it got. Where the two differ and nothing is lost, one of
them is changed; otherwise the error names the state and both types.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..graph.basic import Constant, Variable
from ..graph.registry import OPS
from ..graph.tensor import TensorType
from ..graph.traverse import rebuild_graph
from ..ops.indexing import subtensor
from ..ops.requirements import required
from ..ops.sizes import size_at
from ..records import record
from .arguments import Output, complaint

__all__ = ["CallAgain", "State", "agree", "fixed_state", "states_of"]


class CallAgain(Exception):
    """A step can not be made of the states' new types by replacing variables in it."""


@record()
class State:
    """A value that each step gives to the next, with the steps before that are looked at.

    Attributes
    ----------
    label : str
        What errors call it.
    initial : list of Variable
        Its values before the first step: one step back, two steps back, ...
    inside : list of Variable
        What stands for these in the step.
    widens : bool
        Whether its dtype may become a wider one.
    """

    label: str
    initial: list[Any]
    inside: list[Any]
    widens: bool = True
    #: A better dtype for a Python integer, which has none of its own.
    guess: str | None = None

    @property
    def dtype(self) -> str:
        """The dtype in the loop."""
        made: str = self.inside[0].type.dtype
        return made

    def call_it(self, name: str) -> None:
        """Name the variables in the step by what the step calls its output."""
        for back, variable in enumerate(self.inside, 1):
            variable.name = f"{name}[t-{back}]"


def states_of(output: Output) -> State:
    """The state that an output of the step function feeds.

    Raises
    ------
    ShapeError
        If the initial value has fewer rows than steps are looked back; when the loop runs, if that
        is not known before.
    """
    if not output.rows:
        initial = output.initial
        return State(output.label, [initial], [_inside(initial, output.name_of(-1))])
    have = size_at(output.initial, 0)
    words = (
        f"The initial value of {output.label} needs {output.depth} rows, the earliest first, for "
        f"the taps {output.taps}"
    )
    known = isinstance(have, int)
    if known:
        words = complaint(f"{words}; it has {have}")
    # The check is part of the first index, which is computed before anything is read.
    depth = required(output.depth, "<=", have, words)
    made = State(output.label, [], [])
    for back in range(1, output.depth + 1):
        place = output.depth - back if known else OPS["sub"](depth, back)
        row = subtensor(output.initial, place)
        made.initial.append(row)
        made.inside.append(_inside(row, output.name_of(-back)))
    return made


def fixed_state(variable: Any) -> State:
    """The hidden state of a shared variable that the step updates: its type is what it is."""
    label = f"the shared variable {variable!r}"
    return State(label, [variable], [_inside(variable, variable.name)], widens=False)


def _inside(value: Variable, name: str | None) -> Any:
    return value.type.make_variable(name)


# -- types -----------------------------------------------------------------------------------------


def agree(
    states: Sequence[State], outputs: Sequence[Variable], held: Sequence[Variable]
) -> tuple[list[Any], list[Any]]:
    """Make what comes out of a step of the type of what went in.

    Parameters
    ----------
    states : sequence of State
        Changed where the initial values have to become of a wider dtype.
    outputs : sequence of Variable
        What the step gives for each state.
    held : sequence of Variable
        What the step gives besides.

    Returns
    -------
    outputs, held : list of Variable
        Over ``states``' variables as they are now.

    Raises
    ------
    TypeError
        If dtypes or numbers of dimensions differ and no lossless cast helps.
    ShapeError
        If sizes are known to differ.
    CallAgain
        If the step function has to be called with ``states`` as they are now, since what it made
        does not take other types: a loop within the step, for example.
    """
    made, rest = list(outputs), list(held)
    _guess_floats(states, made)
    while True:
        memo: dict[Variable, Variable] = {}
        for state, out in zip(states, made, strict=True):
            memo |= _changes(state, out)
        if not memo:
            break
        # Widening one state may widen what another gets: again, until nothing changes. It ends
        # since there is no dtype above the widest and no size known better than known.
        try:
            built = rebuild_graph([*made, *rest], memo)
        except (TypeError, ValueError) as error:
            raise CallAgain from error
        made, rest = built[: len(made)], built[len(made) :]
    return [_cast_to(s, v) for s, v in zip(states, made, strict=True)], rest


def _guess_floats(states: Sequence[State], outputs: Sequence[Variable]) -> None:
    """Let a Python integer become the float that it meets: a float32 stays one beside it."""
    weak = [s for s in states if all(_is_python_integer(v) for v in s.initial)]
    memo: dict[Variable, Variable] = {
        v: TensorType("int8", v.type.shape).make_variable() for s in weak for v in s.inside
    }
    try:
        tried = rebuild_graph(outputs, memo)
    except (TypeError, ValueError):
        return
    for state, out in zip(states, tried, strict=True):
        if state in weak and out.type.numpy_dtype.kind in "fc":
            state.guess = out.type.dtype


def _is_python_integer(initial: Any) -> bool:
    literal = getattr(initial, "literal", None)
    return literal is not None and initial.type.dtype == "int64"


def _changes(state: State, out: Any) -> dict[Variable, Variable]:
    """New variables for the state in the step where the old ones have not the right type."""
    old: Any = state.inside[0].type
    if not isinstance(old, TensorType) or not isinstance(out.type, TensorType):
        if old != out.type:
            words = f"The step gives {out.type} for {state.label}, which begins as {old}"
            raise TypeError(complaint(words))
        return {}
    if out.type.ndim != old.ndim:
        words = (
            f"The step gives {out.type.ndim} dimensions for {state.label}, which begins with "
            f"{old.ndim}: a state keeps its shape"
        )
        raise TypeError(complaint(words))
    dtype = _common_dtype(state, out)
    shape = [_common_size(state, out, k) for k in range(old.ndim)]
    if dtype == old.dtype and tuple(shape) == old.shape:
        return {}
    memo = {}
    for k, (initial, inside) in enumerate(zip(state.initial, state.inside, strict=True)):
        state.initial[k] = OPS["specify_shape"](OPS["cast"](initial, dtype), shape)
        state.inside[k] = memo[inside] = TensorType(dtype, shape).make_variable(inside.name)
    return memo


def _common_dtype(state: State, out: Any) -> str:
    """The dtype of the state in the loop."""
    have: str = state.dtype
    gets: str = out.type.dtype
    if state.guess is not None:
        gets, state.guess = state.guess, None
    if have == gets or np.can_cast(gets, have, "safe"):
        return have
    if state.widens and all(_is_lossless(v, gets) for v in state.initial):
        return gets
    words = (
        f"The step gives {gets} for {state.label}, which begins as {have}; neither fits the other "
        f"without loss. Cast the initial value or what the step returns, with .astype(...)"
    )
    raise TypeError(complaint(words))


def _is_lossless(initial: Variable, dtype: str) -> bool:
    if np.can_cast(initial.type.dtype, dtype, "safe"):
        return True
    if not isinstance(initial, Constant) or np.dtype(dtype).kind not in "fc":
        return False
    with np.errstate(all="ignore"):
        there = initial.data.astype(dtype)
        return bool(np.array_equal(there.astype(initial.type.dtype), initial.data, equal_nan=True))


def _common_size(state: State, out: Any, axis: int) -> int | None:
    """What is known of a size of the state in the loop."""
    have, gets = state.inside[0].type.shape[axis], out.type.shape[axis]
    if have is None:
        # A 1 broadcasts, so that the type has to say it; other sizes are compared by the loop.
        return 1 if gets == 1 else None
    if gets == have or (gets is None and have != 1):
        return int(have)
    words = (
        f"The step gives the shape {out.type.shape} for {state.label}, which begins with "
        f"{state.inside[0].type.shape}: a state keeps its shape. Give an initial value of the "
        "whole size (broadcast_to, zeros)"
    )
    if gets is None:
        words += f", or say that the result has size 1 there: specify_broadcastable(..., {axis})"
    raise ShapeError(complaint(words.replace("None", "?")))


def _cast_to(state: State, out: Any) -> Any:
    if not isinstance(out.type, TensorType) or out.type.dtype == state.dtype:
        return out
    return OPS["cast"](out, state.dtype)
