"""What a step function returns: outputs, updates of shared variables, a condition to end."""

from __future__ import annotations

from typing import Any

from ..function.shared import SharedVariable
from ..graph.basic import Variable
from ..graph.registry import OPS
from ..graph.tensor import as_tensor
from ..records import field, record
from .arguments import complaint

__all__ = ["Returned", "read_returned", "until"]


class until:
    """The condition that ends a loop after the step in which it holds.

    Parameters
    ----------
    condition : scalar
        A truth value, or a number that is not zero when it holds.

    Raises
    ------
    TypeError
        If it is no scalar.

    Examples
    --------
    >>> import numbagrad as ng
    >>> powers, _ = ng.scan(lambda x: (2 * x, until(2 * x > 50)), outputs_info=1, n_steps=100)
    >>> powers.eval()
    array([ 2,  4,  8, 16, 32, 64])
    """

    def __init__(self, condition: Any):
        made = as_tensor(condition)
        if made.ndim:
            words = f"until takes one truth value; got {made.ndim} dimensions of {made.type.dtype}"
            raise TypeError(complaint(f"{words}. Reduce it with all() or any()."))
        self.condition = made if made.type.dtype == "bool" else OPS["neq"](made, 0)


@record()
class Returned:
    """The parts of what a step function returns."""

    outputs: list[Any] = field(default_factory=list)
    updates: dict[Any, Any] = field(default_factory=dict)
    condition: Any = None


def read_returned(given: Any) -> Returned:
    """Take apart what the step function returns.

    That is a variable or a list of variables (the outputs), a dict or a list of pairs (updates),
    an `until`, or a tuple of these.

    Raises
    ------
    TypeError
        If something in it is no variable or number, or an update's key is no shared variable.
    ValueError
        If there are two dicts or two conditions, or a condition is not the last.
    """
    if given is None:
        words = "The step function returns None: is a return statement missing?"
        raise TypeError(complaint(words))
    whole = isinstance(given, (list, tuple)) and not _is_updates(given)
    parts = list(given) if whole else [given]
    made = Returned()
    nested = any(isinstance(p, (dict, until, list, tuple)) for p in parts)
    seen_updates = False
    for k, part in enumerate(parts):
        if isinstance(part, until):
            if k != len(parts) - 1:
                words = "The step function must return until(...) last, behind outputs and updates"
                raise ValueError(complaint(words))
            made.condition = part.condition
        elif isinstance(part, dict) or (nested and _is_updates(part)):
            if seen_updates:
                raise ValueError(complaint("The step function returns updates twice"))
            seen_updates = True
            made.updates = _read_updates(part)
        elif isinstance(part, (list, tuple)):
            if made.outputs:
                words = f"The step function returns a list among its outputs: {part!r}"
                raise TypeError(complaint(f"{words}. Stack it into one variable."))
            made.outputs = [_as_variable(v, f"output {j}") for j, v in enumerate(part)]
        else:
            made.outputs.append(_as_variable(part, f"output {len(made.outputs)}"))
    return made


def _is_updates(part: Any) -> bool:
    """Whether it is a list of pairs of a shared variable and its new value."""
    return (
        isinstance(part, (list, tuple))
        and bool(part)
        and all(isinstance(p, (list, tuple)) and len(p) == 2 for p in part)
        and all(isinstance(p[0], SharedVariable) for p in part)
    )


def _read_updates(part: Any) -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    for old, new in part.items() if isinstance(part, dict) else part:
        if not isinstance(old, SharedVariable):
            words = f"The step function returns an update of {old!r}, which is no shared variable"
            raise TypeError(complaint(words))
        if old in made:
            raise ValueError(complaint(f"The step function updates {old!r} twice"))
        made[old] = _as_variable(new, f"the update of {old!r}")
    return made


def _as_variable(given: Any, what: str) -> Any:
    if isinstance(given, Variable):
        return given
    if isinstance(given, (list, tuple)):
        words = f"The step function returns a list as {what}: {given!r}; stack it into one variable"
        raise TypeError(complaint(words))
    try:
        return as_tensor(given)
    except (TypeError, ValueError):
        words = f"The step function returns {given!r} as {what}, which is no variable or number"
        raise TypeError(complaint(words)) from None
