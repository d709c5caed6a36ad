"""Two elementary functions of one argument as one call, in LLVM's optimised code.

A gradient has the cosine beside each sine. Inlined, LLVM finds what they share by itself; calls it
does not look into, so that two of them become one of a function that gives both results. Only the
text of a module is known here.
"""

from __future__ import annotations

import re

from ..kernels._elementary import PAIRS, pair_type

__all__ = ["paired"]

_CALL = re.compile(
    r"^  (%[\w.]+) = ((?:tail )?call) (double|float|<\d+ x (?:double|float)>) "
    r"@(numbagrad_called_(\w+?)(_f(?:32|64)(?:_\d+)?))\((.*?)\)( #\d+)?$"
)
_PLACE = {name: (pair, k) for pair in PAIRS for k, name in enumerate(pair)}


def paired(text: str) -> str | None:
    """The module with pairs of calls made one; ``None`` if there are none."""
    lines = text.splitlines()
    first: dict[tuple[str, ...], tuple[int, re.Match[str], int]] = {}
    declared: dict[str, str] = {}
    for position, line in enumerate(lines):
        if not line.startswith(" "):  # another block, or another function
            first.clear()
            continue
        found = _CALL.match(line)
        if found is None or found.group(5) not in _PLACE:
            continue
        pair, mine = _PLACE[found.group(5)]
        key = (*pair, found.group(6), found.group(7))
        if key not in first:
            first[key] = position, found, mine
            continue
        at, other, its = first.pop(key)
        if its == mine:
            continue
        register, how, number, _, _, width, given, group = other.groups()
        symbol = f"numbagrad_called_{'_'.join(pair)}{width}"
        kind = pair_type(number)
        declared[symbol] = f"declare {kind} @{symbol}({re.sub(r' %[^,]*', '', given)})"
        both = f"%pair.{at}"
        lines[at] = (
            f"  {both} = {how} {kind} @{symbol}({given}){group or ''}\n"
            f"  {register} = extractvalue {kind} {both}, {its}"
        )
        lines[position] = f"  {found.group(1)} = extractvalue {kind} {both}, {mine}"
    return "\n".join([*lines, *declared.values(), ""]) if declared else None
