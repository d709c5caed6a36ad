"""Names to Ops, so that the graph floor can reach definitions it must not import.

``OPS`` maps a public name to the callable a user would call (``OPS["add"]``); ``OP_CLASSES`` lists
every declared Op class, which is what tests and documentation enumerate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["OPS", "OP_CLASSES", "register"]

OPS: dict[str, Callable[..., Any]] = {}
OP_CLASSES: list[Any] = []

F = TypeVar("F", bound=Callable[..., Any])


def register(function: F) -> F:
    """Decorator: enter a public function under its own name (a final underscore is dropped)."""
    OPS[function.__name__.rstrip("_")] = function
    return function
