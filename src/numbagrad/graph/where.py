"""The user's line: which statement outside numbagrad made a node.

Nothing here knows what a node is.
"""

from __future__ import annotations

import os
import sys
from contextvars import ContextVar
from functools import cache
from types import FrameType
from typing import NamedTuple

__all__ = ["Line", "here", "on_behalf_of"]


class Line(NamedTuple):
    """A place in the user's code."""

    file: str
    number: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.number} in {self.function}"


_owner: ContextVar[Line | None] = ContextVar("numbagrad_line", default=None)


def _inside() -> str:
    """What the file names of numbagrad's own code begin with, spelled as code objects spell it."""
    own = sys._getframe().f_code.co_filename
    return os.path.join(os.path.dirname(os.path.dirname(own)), "")


_PACKAGE = _inside()


def here() -> Line | None:
    """The innermost line outside numbagrad, or the one named by `on_behalf_of`."""
    line = _owner.get()
    if line is not None:
        return line
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and (_is_inside(frame) or _is_called_back(frame)):
        frame = frame.f_back
    if frame is None:
        return None
    return Line(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


@cache
def _is_ours(file: str) -> bool:
    return file.startswith(_PACKAGE)


def _is_inside(frame: FrameType) -> bool:
    return _is_ours(frame.f_code.co_filename)


def _is_called_back(frame: FrameType) -> bool:
    """Whether this is the ``make_node`` of a user's Op: the line meant is the one that calls it."""
    caller = frame.f_back
    return frame.f_code.co_name == "make_node" and caller is not None and _is_inside(caller)


class on_behalf_of:
    """Nodes made in the block remember ``line``: a derivative belongs to the line it derives."""

    __slots__ = ("_line", "_token")

    def __init__(self, line: Line | None):
        self._line = line

    def __enter__(self) -> None:
        self._token = _owner.set(self._line)

    def __exit__(self, *_: object) -> None:
        _owner.reset(self._token)
