"""Which loops of printed code LLVM computes in vectors, read from the code that it made of them.

The function is translated once more, with the lines of its source on every instruction; what the
translation does not know is compiled by Numba. In the optimised code the loops are found again as
cycles of blocks, and a loop of the source counts as vectorised when a cycle with its lines works on
vectors; or when it has become a few steps in vectors without a cycle, since it is short.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..codegen.emit import Emitted
from ..codegen.program import Program
from . import numbas, objects
from .machine import lanes as machine_lanes

__all__ = ["LoopReport", "SimdReport", "simd_report"]


@dataclass(frozen=True)
class LoopReport:
    """What became of one innermost loop.

    Attributes
    ----------
    line : int
        Of the source, from 1 on.
    text : str
        The line.
    lanes : int
        How many numbers one instruction works on; 1 if the loop is not vectorised.
    """

    line: int
    text: str
    lanes: int

    def __str__(self) -> str:
        found = f"{self.lanes} at a time" if self.lanes > 1 else "one at a time"
        return f"line {self.line}: {self.text.strip()}  # {found}"


@dataclass(frozen=True)
class SimdReport:
    """The innermost loops of a function, in the order of the source.

    Attributes
    ----------
    loops : tuple of LoopReport
    """

    loops: tuple[LoopReport, ...]

    def __str__(self) -> str:
        return "\n".join(map(str, self.loops)) or "no loops"


def simd_report(program: Program, emitted: Emitted, fastmath: bool, level: int = 3) -> SimdReport:
    """Have LLVM optimise a Program again and look at its loops."""
    source = emitted.source
    code = objects.code_with_lines(program, emitted, fastmath, level)
    if code is None:
        code = numbas.code_with_lines(program, emitted, fastmath)
    found, moved, unrolled = _vectors(code)
    lines = source.splitlines()
    loops = []
    for first, last in _innermost(source):
        widths = [n for places, n in found if any(first < line <= last for line in places)]
        widths += [n for line, n in unrolled if first < line <= last]
        inside = any(all(first <= line <= last for line in places) for places, _ in found)
        alone = not inside or last == first + 1
        if alone and any(first < line <= last for line in moved):
            widths.append(machine_lanes())
        loops.append(LoopReport(first, lines[first - 1], max(widths, default=1)))
    return SimdReport(tuple(loops))


def _innermost(source: str) -> list[tuple[int, int]]:
    """First and last lines of the loops that contain no other and compute something."""
    loops = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.While)
        or (isinstance(node, ast.For) and not ast.unparse(node.iter).startswith("shared_out"))
    ]
    inner = [
        node
        for node in loops
        if not any(isinstance(n, (ast.For, ast.While)) for s in node.body for n in ast.walk(s))
    ]
    return sorted((node.lineno, node.end_lineno or node.lineno) for node in inner)


# -- reading LLVM's text -------------------------------------------------------------------------

_LOCATION = re.compile(r"^!(\d+) = (?:distinct )?!DILocation\(line: (\d+)", re.MULTILINE)
_LABEL = re.compile(r"^([\w.\-$]+|\"[^\"]+\"):")
_TARGET = re.compile(r"label %([\w.\-$]+|\"[^\"]+\")")
_NOTE = re.compile(r"!dbg !(\d+)")
_LOOP = re.compile(r"^!(\d+) = distinct (!\{.*\})$", re.MULTILINE)
_MARK = re.compile(r'^!(\d+) = !\{!"llvm.loop.isvectorized", i32 1\}', re.MULTILINE)
_END = re.compile(r"!llvm\.loop !(\d+)")
#: Calls of other functions, which may clear memory of their own before.
_CALLED = re.compile(r"call (?!void @llvm\.mem)[^\n]*@(?!llvm\.)[^\n]*!dbg !(\d+)")
_MOVED = re.compile(r"call void @llvm\.mem(?:cpy|move|set)\.[^\n]*!dbg !(\d+)")
#: Arithmetic, loads and stores of vectors; shuffles alone do not count.
_WORK = re.compile(
    r"\b(?:f\w+|load|store|add|sub|mul|and|or|call)\b.*?<(\d+) x (?:double|float|i\d+)>"
)


#: What LLVM calls the vectors that it loads where it made vectors of a loop, and only there.
_LOADED = re.compile(r"^ *%wide\.[\w.]+ = .*<(\d+) x [^\n]*!dbg !(\d+)", re.MULTILINE)


def _vectors(code: str) -> tuple[list[tuple[set[int], int]], set[int], set[tuple[int, int]]]:
    """For each cycle of blocks the lines of the source in it and the width of its vectors.

    Only what LLVM marks as a loop in vectors counts: neighbouring numbers of one step may be
    computed together, too. Beside that the lines of loops that became one copy, or one filling, of
    memory, and each line that loads vectors with their width.
    """
    lines = {number: int(line) for number, line in _LOCATION.findall(code)}
    marks = set(_MARK.findall(code))
    marked = {n for n, told in _LOOP.findall(code) if marks & set(re.findall(r"!(\d+)", told))}
    found: list[tuple[set[int], int]] = []
    moved: set[int] = set()
    called: set[int] = set()
    for function in re.findall(r"^define .*?^}", code, re.MULTILINE | re.DOTALL):
        blocks = _blocks(function)
        for cycle in _cycles({name: set(_TARGET.findall(t[-1])) for name, t in blocks.items()}):
            body = [text for name in cycle for text in blocks[name]]
            places = {lines[n] for text in body for n in _NOTE.findall(text) if n in lines} - {0}
            vectors = marked & {n for text in body for n in _END.findall(text)}
            widths = [int(m.group(1)) for m in map(_WORK.search, body) if m and vectors]
            if places:
                found.append((places, max(widths, default=1)))
        moved |= {lines.get(n, 0) for n in _MOVED.findall(function)}
        called |= {lines.get(n, 0) for n in _CALLED.findall(function)}
    loaded = {(lines.get(at, 0), int(width)) for width, at in _LOADED.findall(code)}
    return found, moved - called, loaded


def _blocks(function: str) -> dict[str, list[str]]:
    """The instructions of each block; the last one says where it goes."""
    blocks: dict[str, list[str]] = {}
    current: list[str] = []
    for line in function.splitlines()[1:-1]:
        label = _LABEL.match(line)
        if label:
            current = blocks[label.group(1)] = []
        elif line.strip():
            if not blocks:
                current = blocks[""] = []
            if current and line.startswith("    "):  # the cases of a switch
                current[-1] += line
            else:
                current.append(line)
    return {name: body for name, body in blocks.items() if body}


def _cycles(graph: dict[str, set[str]]) -> Iterator[set[str]]:
    """The innermost cycles: for each edge back to a block on the way, what lies between."""
    natural: dict[str, set[str]] = {}
    before: dict[str, set[str]] = {}
    for name, targets in graph.items():
        for target in targets:
            before.setdefault(target, set()).add(name)
    for tail, head in _back_edges(graph):
        body, stack = {head}, [tail]
        while stack:
            name = stack.pop()
            if name not in body:
                body.add(name)
                stack.extend(before.get(name, ()))
        natural[head] = natural.get(head, set()) | body
    for head, body in natural.items():
        if not any(other != head and other in body for other in natural):
            yield body


def _back_edges(graph: dict[str, set[str]]) -> Iterator[tuple[str, str]]:
    """Edges to a block that a walk from the entrance has entered and not left."""
    if not graph:
        return
    start = next(iter(graph))
    seen, path = {start}, {start}
    stack: list[tuple[str, list[str]]] = [(start, sorted(graph[start]))]
    while stack:
        name, rest = stack[-1]
        if not rest:
            stack.pop()
            path.discard(name)
            continue
        target = rest.pop()
        if target in path:
            yield name, target
        elif target not in seen and target in graph:
            seen.add(target)
            path.add(target)
            stack.append((target, sorted(graph[target])))
