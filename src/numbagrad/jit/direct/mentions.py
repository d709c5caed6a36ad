"""Where a function sets and mentions its names."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence

__all__ = ["Sets", "count_sets", "last_mentions"]


def _nodes(root: ast.AST) -> list[ast.AST]:
    """What ``ast.walk`` goes through, in any order, in a third of the time."""
    found = [root]
    for node in found:
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                found.append(value)
            elif type(value) is list:
                found += value
    return found


class Sets(Counter[str]):
    """How often each name is set; ``loops`` are those that only loops set."""

    loops: set[str]


def count_sets(function: ast.FunctionDef) -> Sets:
    """How often a function sets each of its names."""
    found = Sets()
    loops: Counter[str] = Counter()
    for node in _nodes(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found[node.id] += 1
        if isinstance(node, ast.For) and isinstance(node.target, ast.Name):
            loops[node.target.id] += 1
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] += 1
    parameters = {a.arg for a in function.args.args}
    for name in parameters & set(found):
        found[name] += 1
    found.loops = {n for n, times in loops.items() if found[n] == times and n not in parameters}
    return found


def last_mentions(body: Sequence[ast.stmt]) -> dict[int, list[str]]:
    """The names that are mentioned for the last time in each statement of a function."""
    last: dict[str, int] = {}
    for position, statement in enumerate(body):
        for node in _nodes(statement):
            if isinstance(node, ast.Name):
                last[node.id] = position
    found: dict[int, list[str]] = {}
    for name, position in last.items():
        found.setdefault(position, []).append(name)
    return found
