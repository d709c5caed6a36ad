"""The text of a module in two: functions that compute, and functions that only call others.

What a long function does between its loops (memory, sizes, calls) gains nothing from LLVM's passes,
which take more than linear time for it. So such functions are marked, and made into an object file
of their own without them. Only texts are known here.
"""

from __future__ import annotations

import re

__all__ = ["MARK", "joined", "objects", "parted"]

#: The group of attributes of functions that only call others.
MARK = "#4"

_FUNCTION = re.compile(r"^define .*?^}\n", re.MULTILINE | re.DOTALL)
_DEFINED = re.compile(r"^define (?:internal )?(.*@([\w.]+)\(.*\))[^)]*\{$", re.MULTILINE)
_OUTSIDE = re.compile(r"^(?:declare .*?|)@\"?([\w.$]+)\"?(?:\(| = external)")
_MENTIONED = re.compile(r"@\"?([\w.$]+)")
_TWO = b"numbagrad two objects"


def parted(text: str) -> tuple[str, str]:
    """What computes, and what only calls; the second is empty if nothing is marked.

    Parameters
    ----------
    text : str
        A whole module.
    """
    functions = _FUNCTION.findall(text)
    marked = [f for f in functions if f.split("\n", 1)[0].endswith(f"{MARK} {{")]
    if not marked:
        return text, ""
    around = _FUNCTION.sub("", text)
    computing = "".join(f for f in functions if f not in set(marked))
    calling = "".join(marked)
    return around + _declared(computing, calling) + computing, _kept(around, calling) + _declared(
        calling, computing
    ) + calling


def _declared(text: str, other: str) -> str:
    """Declarations of what one text calls and the other one defines."""
    called = set(_MENTIONED.findall(text))
    return "".join(f"declare {head}\n" for head, name in _DEFINED.findall(other) if name in called)


def _kept(around: str, text: str) -> str:
    """The lines that a text needs of those around all functions."""
    lines = [line for line in around.splitlines() if not line.startswith("@llvm.")]
    named = [(line, _OUTSIDE.match(line)) for line in lines]
    used = "\n".join([text, *(line for line, outside in named if outside is None)])
    called = set(_MENTIONED.findall(used))
    return "".join(f"{line}\n" for line, m in named if m is None or m.group(1) in called)


def joined(first: bytes, second: bytes) -> bytes:
    """Two object files as one piece."""
    return _TWO + len(first).to_bytes(8, "little") + first + second


def objects(code: bytes) -> list[bytes]:
    """The object files in what `joined` made, or in one file alone."""
    if not code.startswith(_TWO):
        return [code]
    begin = len(_TWO) + 8
    end = begin + int.from_bytes(code[len(_TWO) : begin], "little")
    return [code[begin:end], code[end:]]
