"""What a function takes, for its entry and for the name under which it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..records import record

if TYPE_CHECKING:
    from .direct.layout import Kind

__all__ = ["ENTRY", "Argument"]

#: The symbol of the function that Python calls.
ENTRY = "numbagrad_entry"


@record(frozen=True)
class Argument:
    """What the entry expects.

    Attributes
    ----------
    kind : Kind
    shape : tuple of int or None
        The sizes that are fixed.
    strict : bool
        Whether only an ndarray will do for a number.
    """

    kind: Kind
    shape: tuple[int | None, ...] = ()
    strict: bool = False
