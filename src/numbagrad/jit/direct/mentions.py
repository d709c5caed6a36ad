"""Where a function sets and mentions its names."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["Sets", "count_calls", "count_sets", "in_vectors", "last_mentions"]


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


def in_vectors(variable: str, body: Sequence[ast.stmt]) -> bool:
    """Whether a loop's steps surely do not wait for each other, but for sums.

    Steps are of plain statements then, no number is read before it is set but by adding to it, and
    all elements that change with the step are those of the step itself.
    """
    later = {name for statement in body for name in _names_set(statement)}
    seen: set[str] = set()
    for statement in body:
        if not isinstance(statement, (ast.Assign, ast.AugAssign)):
            return False
        adds = isinstance(statement, ast.AugAssign)
        target = statement.target if isinstance(statement, ast.AugAssign) else statement.targets[0]
        for node in _nodes(statement.value):
            if isinstance(node, ast.Name) and node.id in later and node.id not in seen:
                return False
            if isinstance(node, ast.Subscript) and not _own(variable, node):
                return False
        if isinstance(target, ast.Subscript):
            if not _own(variable, target) or variable not in _names(target.slice):
                return False
        elif not isinstance(target, ast.Name):
            return False
        elif not adds:
            seen.add(target.id)
    return True


def _names_set(node: ast.AST) -> set[str]:
    return {n.id for n in _nodes(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _names(node: ast.AST) -> set[str]:
    return {n.id for n in _nodes(node) if isinstance(n, ast.Name)}


def _own(variable: str, element: ast.Subscript) -> bool:
    """Whether an index is the step's own, apart from what is the same for all steps."""
    place = element.slice
    for part in place.elts if isinstance(place, ast.Tuple) else [place]:
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Sub):
            if variable in _names(part.right) or not isinstance(part.right, ast.Name):
                return False
            part = part.left
        if variable in _names(part) and not isinstance(part, ast.Name):
            return False
    return True


def count_calls(loop: ast.For, scope: Mapping[str, Any]) -> int:
    """How many functions a loop calls, those of the same source among them; 0 if it does more.

    Where a block of rows ends may be computed.
    """
    calls = 0
    for statement in loop.body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            calls += 1
        elif isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
            called = statement.value.func
            name = called.id if isinstance(called, ast.Name) else ""
            if name != "min" and not isinstance(scope.get(name), ast.FunctionDef):
                return 0
            calls += name != "min"
        else:
            return 0
    return calls
