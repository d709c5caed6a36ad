"""The arguments of ``function``: inputs, outputs, updates and givens, checked and put in order."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import MissingInputError, NullTypeGradError, UnusedInputError
from ..gradient.jacobians import SparseMatrix
from ..graph.basic import Constant, Variable
from ..graph.generators import RandomGeneratorType
from ..graph.registry import OPS
from ..graph.tensor import TensorType, as_tensor
from ..graph.traverse import ancestors, clone_replace, toposort
from ..graph.type import DisconnectedType, NullType
from .io import In, Out
from .shared import SharedVariable

__all__ = [
    "as_input",
    "borrowed_outputs",
    "check_inputs",
    "collect_updates",
    "flatten_outputs",
    "next_defaults",
    "pairs",
    "refuse_duplicates",
    "refuse_null",
    "shared_in",
    "sparse_outputs",
    "with_givens",
]


def as_input(item: Any, position: int, allow_downcast: bool | None) -> In:
    """An input as an `In`, checked."""
    spec = item if isinstance(item, In) else None
    if spec is None:
        if isinstance(item, (list, tuple)):
            raise TypeError(
                f"Input {position} of the function is {item!r}; use In(variable, value=...) for "
                "an input with a default value"
            )
        if not isinstance(item, Variable):
            raise TypeError(f"Input {position} of the function must be a variable; got {item!r}")
        spec = In(item)
    if spec.allow_downcast is None:
        spec = copy.copy(spec)
        spec.allow_downcast = allow_downcast
    variable = spec.variable
    if isinstance(variable, Constant):
        raise TypeError(f"Input {position} of the function is the constant {variable!r}")
    if isinstance(variable, SharedVariable):
        raise TypeError(
            f"Input {position} of the function is the shared variable {variable!r}; it is read "
            "without being passed. Use givens to replace it by an input."
        )
    if not isinstance(variable.type, (TensorType, RandomGeneratorType)):
        raise TypeError(f"Input {position} of the function is of type {variable.type}")
    return spec


def refuse_duplicates(specs: Sequence[In]) -> None:
    """No variable may be two inputs."""
    seen: dict[Variable, int] = {}
    for position, spec in enumerate(specs):
        if spec.variable in seen:
            raise ValueError(
                f"The variable {spec.variable!r} is input {seen[spec.variable]} and again input "
                f"{position} of the function"
            )
        seen[spec.variable] = position


def flatten_outputs(outputs: Any) -> tuple[list[Any], Any]:
    """The outputs as a list of variables, and what a call makes of the results."""
    if outputs is None:
        return [], "list"
    if isinstance(outputs, Mapping):
        for key in outputs:
            if not isinstance(key, str):
                raise TypeError(f"The keys of a dict of outputs must be strings; got {key!r}")
        return [_output(v, repr(k)) for k, v in outputs.items()], list(outputs)
    if isinstance(outputs, (list, tuple)):
        return [_output(v, str(k)) for k, v in enumerate(outputs)], "list"
    return [_output(outputs, "of the function")], "single"


def sparse_outputs(outputs: Any) -> dict[int, SparseMatrix]:
    """The outputs that are delivered as sparse matrices, by position."""
    if isinstance(outputs, Mapping):
        outputs = list(outputs.values())
    items = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    return {k: item for k, item in enumerate(items) if isinstance(item, SparseMatrix)}


def borrowed_outputs(outputs: Any) -> frozenset[int]:
    """The outputs whose memory the next call may use, by position."""
    if isinstance(outputs, Mapping):
        outputs = list(outputs.values())
    items = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    return frozenset(
        k for k, item in enumerate(items)
        if isinstance(item, Out) and item.borrow and isinstance(item.variable.type, TensorType)
    )  # fmt: skip


def _output(item: Any, label: str) -> Variable:
    if isinstance(item, Out):
        item = item.variable
    if isinstance(item, SparseMatrix):
        item = item.data
    if isinstance(item, Variable):
        return item
    if isinstance(item, (int, float, complex, np.ndarray, np.generic)):
        return as_tensor(item)
    raise TypeError(f"Output {label} must be a variable; got {item!r}")


def pairs(given: Any, label: str) -> dict[Variable, Any]:
    """A mapping or a list of pairs as a dict, each variable once."""
    if given is None:
        return {}
    items = given.items() if isinstance(given, Mapping) else given
    made: dict[Variable, Any] = {}
    for pair in items:
        if not (isinstance(pair, (tuple, list)) and len(pair) == 2):
            raise TypeError(f"{label} takes pairs (variable, value); got {pair!r}")
        old, new = pair
        if not isinstance(old, Variable):
            raise TypeError(f"{label} replaces variables; got {old!r}")
        if old in made:
            raise ValueError(f"{label} names the variable {old!r} twice")
        made[old] = new
    return made


def collect_updates(
    specs: Sequence[In], updates: Any, results: Sequence[Variable], no_defaults: Any
) -> dict[SharedVariable, Variable]:
    """The new values of shared variables, default updates among them."""
    collected: dict[SharedVariable, Variable] = {}
    for old, new in pairs(updates, "updates").items():
        if not isinstance(old, SharedVariable):
            raise TypeError(f"updates change shared variables; got {old!r} of type {old.type}")
        collected[old] = _update_value(old, new)
    if no_defaults is not True:
        kept_out = set(no_defaults or ())
        for variable in ancestors([*results, *collected.values()]):
            default = getattr(variable, "default_update", None)
            if default is not None and variable not in collected and variable not in kept_out:
                collected[variable] = _update_value(variable, default)  # type: ignore[index]
    return collected


def next_defaults(specs: Sequence[In]) -> dict[int, Variable]:
    """The inputs whose default value each call computes anew, by position."""
    found: dict[int, Variable] = {}
    for position, spec in enumerate(specs):
        if spec.update is None:
            continue
        if spec.value is None:
            raise ValueError(f"{spec!r} has an update but no value to begin with")
        found[position] = _update_value(spec.variable, spec.update)
    return found


def _update_value(old: Any, new: Any) -> Variable:
    if isinstance(old.type, RandomGeneratorType):
        if not isinstance(new, Variable) or new.type != old.type:
            raise TypeError(f"The update of {old!r} must be a generator; got {new!r}")
        return new
    made = as_tensor(new)
    if made.type.dtype != old.type.dtype:
        if not np.can_cast(made.type.dtype, old.type.dtype, "safe"):
            raise TypeError(
                f"The update of {old!r} has dtype {made.type.dtype}, which "
                f"does not fit its own, {old.type.dtype}; cast it"
            )
        made = OPS["cast"](made, old.type.dtype)
    if made.type.ndim != old.type.ndim:
        raise TypeError(
            f"The update of {old!r} has {made.type.ndim} dimensions; it has {old.type.ndim}"
        )
    return made


def with_givens(wanted: list[Variable], replaced: dict[Variable, Any]) -> list[Variable]:
    """The graph with the replacements of ``givens``."""
    for old, new in replaced.items():
        if isinstance(old.type, RandomGeneratorType):
            replaced[old] = _update_value(old, new)
            continue
        if not isinstance(new, Variable):
            new = as_tensor(new)
        if isinstance(old.type, TensorType) and new.type.dtype != old.type.dtype:
            if not np.can_cast(new.type.dtype, old.type.dtype, "safe"):
                raise TypeError(
                    f"givens replaces {old!r} of dtype {old.type.dtype} by {new!r} of dtype "
                    f"{new.type.dtype}, which may lose precision; cast it"
                )
            new = OPS["cast"](new, old.type.dtype)
        replaced[old] = new
    return list(clone_replace(wanted, replaced))


def refuse_null(wanted: Sequence[Variable]) -> None:
    """No value may be asked of what has none."""
    for variable in ancestors(wanted):
        if isinstance(variable.type, NullType):
            raise NullTypeGradError(
                f"An output of the function needs a value that does not exist: "
                f"{variable.type.why_null}"
            )
        if isinstance(variable.type, DisconnectedType):
            raise TypeError(
                "An output of the function is a disconnected gradient, which has no value; ask "
                "grad for return_disconnected='zero'"
            )


def shared_in(
    wanted: Sequence[Variable], specs: Sequence[In], updates: Mapping[SharedVariable, Variable]
) -> list[SharedVariable]:
    """The shared variables whose values are needed."""
    found: dict[Any, None] = {}
    blockers = [s.variable for s in specs]
    for variable in ancestors(wanted, blockers):
        if isinstance(variable, SharedVariable):
            found[variable] = None
    return list(found)


def check_inputs(
    specs: Sequence[In], wanted: Sequence[Variable], unused: str, givens: Mapping[Variable, Any]
) -> None:
    """Every needed variable is an input, and every input is needed."""
    if unused not in ("raise", "warn", "ignore"):
        raise ValueError(f"on_unused_input must be 'raise', 'warn' or 'ignore'; got {unused!r}")
    inputs = {s.variable for s in specs}
    needed = set(ancestors(wanted, inputs))
    for variable in needed:
        leaf = variable.owner is None and not isinstance(variable, (Constant, SharedVariable))
        if leaf and variable not in inputs:
            _missing(variable, wanted, inputs)
    for position, spec in enumerate(specs):
        if spec.variable in needed:
            continue
        why = " (givens replaces it)" if spec.variable in givens else ""
        message = (
            f"Input {position} of the function, {spec.variable!r}, is not needed for any output"
            f"{why}. Leave it out, or pass on_unused_input='ignore'."
        )
        if unused == "raise":
            raise UnusedInputError(message)
        if unused == "warn":
            warnings.warn(message, UserWarning, stacklevel=4)


def _missing(variable: Variable, wanted: Sequence[Variable], inputs: set[Variable]) -> None:
    user = next((n for n in toposort(wanted, inputs) if variable in n.inputs), None)
    used = f" It is used by {user.op}, built at {user.where}." if user is not None else ""
    raise MissingInputError(
        f"The variable {variable!r} of {variable.type} is needed but has no value and is not "
        f"among the inputs of the function.{used}"
    )
