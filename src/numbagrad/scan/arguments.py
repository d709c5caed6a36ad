"""What the user says of a loop, read and checked: sequences, outputs_info, non_sequences.

No step is made here and nothing of the step function is known.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from ..graph.basic import Variable
from ..graph.tensor import TensorType, as_tensor
from ..graph.where import here
from ..records import record

__all__ = ["Output", "Source", "as_list", "read_non_sequences", "read_outputs", "read_sequences"]


@record()
class Source:
    """A sequence: an array of which each step gets the elements at some places around its own.

    Attributes
    ----------
    label : str
        What errors call it.
    array : Variable
    taps : list of int
        0 is the element of the step itself, -1 the one before it.
    """

    label: str
    array: Any
    taps: list[int]

    @property
    def back(self) -> int:
        """How many elements before its own the first step looks back."""
        return -min(*self.taps, 0)

    @property
    def reach(self) -> int:
        """How many elements more than steps there have to be."""
        return self.back + max(*self.taps, 0)

    def name_of(self, tap: int) -> str | None:
        """What the element at a tap is called."""
        return _at(self.array.name, tap)


@record()
class Output:
    """An output of the step function, and what is fed back of it.

    Attributes
    ----------
    label : str
        What errors call it.
    initial : Variable or None
        ``None`` if nothing is fed back.
    taps : list of int
        How many steps back, as negative numbers.
    """

    label: str
    initial: Any
    taps: list[int]

    @property
    def rows(self) -> bool:
        """Whether the initial value holds several steps, in the order of time."""
        return bool(self.taps) and self.taps != [-1]

    @property
    def depth(self) -> int:
        """How many steps back it is looked at."""
        return -min(self.taps, default=0)

    def name_of(self, tap: int) -> str | None:
        """What the value at a tap is called."""
        return _at(self.initial.name, tap)


def _at(name: str | None, tap: int) -> str | None:
    return None if name is None else f"{name}[t{tap:+d}]" if tap else f"{name}[t]"


def complaint(words: str) -> str:
    """The words of an error about a loop, with the user's line."""
    return f"{words}\nThe loop is built at {here()}"


def as_list(given: Any) -> list[Any]:
    """What the user gives for one or several things, as a list."""
    if given is None:
        return []
    return list(given) if isinstance(given, (list, tuple)) else [given]


def _checked_keys(given: dict[Any, Any], known: Sequence[str], label: str) -> None:
    unknown = [k for k in given if k not in known]
    if unknown:
        names = ", ".join(map(repr, known))
        raise ValueError(
            complaint(f"{label} has the unknown key {unknown[0]!r}; it may have {names}")
        )


def _taps(given: Any, label: str) -> list[int]:
    try:
        taps = [operator.index(t) for t in as_list(given)]
    except TypeError:
        words = f"The taps of {label} must be integers; got {given!r}"
        raise TypeError(complaint(words)) from None
    if len(set(taps)) != len(taps):
        raise ValueError(complaint(f"The taps of {label} must all be different; got {taps}"))
    return taps


def _variable(given: Any, label: str) -> Any:
    """A variable of what the user gives; other types than tensors stay what they are."""
    if isinstance(given, Variable):
        return given
    try:
        return as_tensor(given)
    except (TypeError, ValueError) as error:
        raise type(error)(complaint(f"{label} can not be made a tensor: {error}")) from None


def read_sequences(sequences: Any) -> list[Source]:
    """The sequences.

    Raises
    ------
    TypeError
        If one is no array, or taps are no integers.
    ValueError
        If a dict has no ``input`` or an unknown key.
    """
    made = []
    for k, given in enumerate(as_list(sequences)):
        label = f"sequences[{k}]"
        taps: Any = None
        if isinstance(given, dict):
            _checked_keys(given, ("input", "taps"), label)
            if given.get("input") is None:
                raise ValueError(complaint(f"{label} is a dict without 'input', the array itself"))
            taps, given = given.get("taps"), given["input"]
        if given is None:
            raise TypeError(complaint(f"{label} is None; leave it out or give an array"))
        array = _variable(given, label)
        label += f" ({array.name})" if array.name else ""
        if not isinstance(array.type, TensorType) or array.type.ndim == 0:
            words = f"{label} must be an array, whose elements the steps take; got {array.type}"
            raise TypeError(complaint(words))
        made.append(Source(label, array, [0] if taps is None else _taps(taps, label)))
    return made


def read_outputs(outputs_info: Any) -> list[Output]:
    """What is said of the outputs.

    Raises
    ------
    TypeError
        If an initial value is no tensor, or taps are no integers.
    ValueError
        If taps are not negative or have no initial value, or a dict has an unknown key.
    """
    return [_read_output(k, given) for k, given in enumerate(as_list(outputs_info))]


def _read_output(k: int, given: Any) -> Output:
    label = f"outputs_info[{k}]"
    taps: Any = None
    if isinstance(given, dict):
        # PyTensor's "inplace" is a hint about memory, which is reused here without being told.
        _checked_keys(given, ("initial", "taps", "inplace"), label)
        taps, given = given.get("taps"), given.get("initial")
        if given is None and taps is not None:
            words = f"{label} has taps, so it needs 'initial', the values before the first step"
            raise ValueError(complaint(words))
    if given is None:
        return Output(label, None, [])
    initial = _variable(given, label)
    label += f" ({initial.name})" if initial.name else ""
    read = [-1] if taps is None else _taps(taps, label)
    wrong = [t for t in read if t >= 0]
    if wrong:
        words = (
            f"The taps of {label} must be negative: a step sees what earlier steps gave; "
            f"got {wrong[0]}"
        )
        raise ValueError(complaint(words))
    if not read:
        raise ValueError(complaint(f"{label} has an initial value but no taps that would use it"))
    made = Output(label, initial, read)
    if made.rows and getattr(initial.type, "ndim", 0) == 0:
        words = (
            f"{label} is looked at {made.depth} steps back, so its initial value must have "
            f"{made.depth} rows, the earliest first; it is of type {initial.type}"
        )
        raise ValueError(complaint(words))
    return made


def read_non_sequences(non_sequences: Any) -> list[Any]:
    """The arguments that are the same in each step."""
    return [
        _variable(given, f"non_sequences[{k}]") for k, given in enumerate(as_list(non_sequences))
    ]
