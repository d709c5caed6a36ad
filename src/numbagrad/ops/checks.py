"""Conditions on values that an Op needs, stated once for all kinds.

A check is tested by generated code before anything is written; what it says becomes the error in
the user's terms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..records import record

__all__ = ["Check"]


@record(frozen=True)
class Check:
    """One condition.

    Attributes
    ----------
    over : int or None
        The input over all of whose elements it is tested; ``None`` for a condition on sizes and
        scalar inputs alone.
    holds : callable
        ``holds(index, read, sizes)``: the condition as an expression, as in `View.element`
        (``index`` is empty when ``over`` is None).
    error : type
        The exception's class.
    message : str
        What went wrong, in the user's terms.
    """

    over: int | None
    holds: Callable[..., Any]
    error: type[Exception]
    message: str
