"""Names to Ops, so that the graph floor can reach definitions it must not import.

``OPS`` maps a public name to the callable a user would call (``OPS["add"]``); ``OP_CLASSES`` lists
every declared Op class, which is what tests and documentation enumerate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["OPS", "OP_CLASSES", "REPLACED", "register"]

OPS: dict[str, Callable[..., Any]] = {}
OP_CLASSES: list[Any] = []
#: Names of the package's own under which somebody else has entered something.
REPLACED: set[str] = set()

_OWN = f"{__name__.partition('.')[0]}."

F = TypeVar("F", bound=Callable[..., Any])


def register(function: F) -> F:
    """Decorator: enter a public function under its own name (a final underscore is dropped)."""
    name = function.__name__.rstrip("_")
    if name in OPS and _is_own(OPS[name]) and not _is_own(function):
        REPLACED.add(name)
    OPS[name] = function
    return function


def _is_own(function: Any) -> bool:
    return f"{function.__module__}.".startswith(_OWN)
