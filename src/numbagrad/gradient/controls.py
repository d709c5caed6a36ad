"""Words with which a user steers derivatives, and small helpers of the whole package.

Ops here are identities whose derivative is another one; a rewrite removes them when a function is
compiled (``gone_when_compiled``). No graph is walked here.
"""

from __future__ import annotations

from typing import Any

__all__ = ["as_list_or_tuple", "format_as"]


def as_list_or_tuple(use_list: bool, use_tuple: bool, outputs: Any) -> Any:
    """``outputs`` as a list, as a tuple, or as the single item it holds.

    Raises
    ------
    ValueError
        If both flags are set, or neither is and there is not exactly one item.

    Examples
    --------
    >>> as_list_or_tuple(False, True, ["a"]), as_list_or_tuple(False, False, ["a"])
    (('a',), 'a')
    """
    if use_list and use_tuple:
        raise ValueError("use_list and use_tuple exclude each other")
    several = isinstance(outputs, (list, tuple))
    if use_list:
        return list(outputs) if several else [outputs]
    if use_tuple:
        return tuple(outputs) if several else (outputs,)
    if not several:
        return outputs
    if len(outputs) != 1:
        raise ValueError(f"A single item was to be returned, but there are {len(outputs)}")
    return outputs[0]


format_as = as_list_or_tuple
