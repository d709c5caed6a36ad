"""What became of a graph, kept on disk under what the graph is: a cached process rewrites nothing.

One text holds the printed source, where the machine code is, what each array behind the user's
arguments is, and how generators are passed: what a call needs. All else, such as the rewritten
graph, is made when somebody asks for it.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph.basic import Constant
from ..jit import cache, content
from ..records import record
from .identity import Identity

__all__ = ["Kept", "look_up", "remember"]

#: Arrays that rewriting made of constants are kept up to this many bytes, all together.
_MOST_MADE = 2**16


@record()
class Kept:
    """What a call of a function needs, and what it can be asked.

    Attributes
    ----------
    code : str
        The key of the machine code.
    source, name, helpers : str, str, list of str
        See `numbagrad.codegen.emit.Emitted`.
    nodes : int
        How many nodes the rewritten graph has.
    sources : list of int
        For each generator that is copied the argument it is a copy of.
    ends : list
        For each result the argument that it is the generator of, after its draws; None for others.
    constants : list of ndarray
        What compiled code takes behind everything else.
    """

    code: str
    source: str
    name: str
    helpers: list[str]
    nodes: int
    sources: list[int]
    ends: list[int | None]
    constants: list[Any]


def look_up(identity: Identity) -> Kept | None:
    """What is kept of a graph; None if there is nothing, or nothing of this graph.

    Warns
    -----
    CacheWarning
        If a file is damaged, or the directory is not the user's alone.
    """
    key = content.key_of_graph(identity.text)
    text = cache.load_text(key) if key is not None else None
    if text is None:
        return None
    try:
        row = json.loads(text)
        if row.pop("graph") != key:
            return None
        row["constants"] = [_array(c, identity.constants) for c in row["constants"]]
        return Kept(**row)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return None  # another program wrote it


def remember(identity: Identity, kept: Kept) -> None:
    """Keep what became of a graph, unless constants that were folded take much room."""
    key = content.key_of_graph(identity.text)
    if key is None:
        return
    constants, room = [], _MOST_MADE
    for array in kept.constants:
        described, took = _described(np.asarray(array), identity.constants)
        room -= took
        constants.append(described)
    if room < 0:
        return
    row = {name: getattr(kept, name) for name in Kept.__match_args__}
    cache.store_text(key, json.dumps(row | {"constants": constants, "graph": key}))


def _described(array: np.ndarray, given: Sequence[Constant]) -> tuple[Any, int]:
    """Which of the graph's constants an array is, or all of it; and how many bytes that takes."""
    for k, constant in enumerate(given):
        if constant.data is array:
            return k, 0
    if array.nbytes > _MOST_MADE:
        return None, array.nbytes
    row = [array.dtype.str, list(array.shape), b64encode(array.tobytes()).decode()]
    return row, array.nbytes


def _array(described: Any, given: Sequence[Constant]) -> np.ndarray:
    if isinstance(described, int):
        data: np.ndarray = given[described].data
        return data
    dtype, shape, bits = described
    return np.frombuffer(b64decode(bits), np.dtype(dtype)).reshape(shape)
