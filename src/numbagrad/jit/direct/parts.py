"""How a printed function takes what another one of the same source gives it.

A part is written for its calls: sizes that are the same are one parameter, an array that comes
under two names is one, and memory that overlaps nothing else is said to be so, without which LLVM
would compare addresses before a loop, or give up. Calls that are alike in all this call one
function.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Container, Sequence
from functools import lru_cache
from typing import Any

from ...records import record
from .values import Array, Number, llvm_type

__all__ = ["Taking", "in_new_memory", "passed"]


@record(frozen=True)
class Taking:
    """The parameters of a function.

    Attributes
    ----------
    values : tuple of Number or Array
        What the function's own names stand for, in terms of the parameters.
    declared : tuple of str
        The parameters in LLVM IR.
    apart : frozenset of str
        The owners, among the parameters, of memory that no other parameter overlaps.
    """

    values: tuple[Any, ...]
    declared: tuple[str, ...]
    apart: frozenset[str] = frozenset()


def passed(
    function: ast.FunctionDef,
    arguments: Sequence[Any],
    apart: Container[str],
    own: Container[str],
) -> tuple[Taking, list[str]]:
    """The parameters for a call, and what is given for them.

    Parameters
    ----------
    function : ast.FunctionDef
        What is called.
    arguments : sequence of Number or Array
    apart : container of str
        The owners of memory that overlaps nothing else that the caller knows.
    own : container of str
        The owners that the caller was given.
    """
    changed = _changed(function)
    names = [a.arg for a in function.args.args]
    arrays = [a for a in arguments if isinstance(a, Array)]
    known = all(a.owner in apart or a.owner in own for a in arrays)
    alone = {
        a.owner
        for a, name in zip(arguments, names, strict=True)
        if isinstance(a, Array)
        and name in changed
        and known
        and a.owner in apart
        and all(other == a for other in arrays if other.owner == a.owner)
    }
    write = _Parameters()
    values: list[Any] = []
    for argument in arguments:
        if isinstance(argument, Number):
            text = write.taken(llvm_type(argument.dtype), argument.text)
            values.append(Number(argument.dtype, text, argument.natural))
        else:
            values.append(write.array(argument, argument.owner in alone))
    kept = frozenset(write.names["ptr", owner] for owner in alone)
    return Taking(tuple(values), tuple(write.declared), kept), write.given


def in_new_memory(results: Sequence[Any], made: Container[str]) -> frozenset[int]:
    """Which results are arrays in memory that the function made, each in its own."""
    owners = Counter(value.owner for value in results if isinstance(value, Array))
    return frozenset(
        k
        for k, value in enumerate(results)
        if isinstance(value, Array) and value.owner in made and owners[value.owner] == 1
    )


class _Parameters:
    """Hands out a parameter for each operand, once."""

    def __init__(self) -> None:
        self.names: dict[tuple[str, str], str] = {}
        self.declared: list[str] = []
        self.given: list[str] = []

    def taken(self, type_: str, operand: str, note: str = "") -> str:
        """The name under which the function finds an operand."""
        if (type_, operand) not in self.names:
            name = self.names[type_, operand] = f"%a{len(self.given)}"
            self.declared.append(f"{type_}{note} {name}")
            self.given.append(f"{type_} {operand}")
        return self.names[type_, operand]

    def array(self, array: Array, alone: bool) -> Array:
        """An array, whose sizes the function knows if they are printed numbers."""
        data = self.taken("ptr", array.data, " noalias" if alone else "")
        owner = self.taken("ptr", array.owner)
        shape = tuple(n if n.isdigit() else self.taken("i64", n) for n in array.shape)
        return Array(array.dtype, data, shape, owner)


@lru_cache(maxsize=256)
def _changed(function: ast.FunctionDef) -> frozenset[str]:
    """The names of what a function may write to: all but arrays whose elements are only read."""
    nodes = list(ast.walk(function))
    read = {id(n.value) for n in nodes if isinstance(n, ast.Attribute)}
    read |= {
        id(n.value) for n in nodes if isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Load)
    }
    return frozenset(n.id for n in nodes if isinstance(n, ast.Name) and id(n) not in read)
