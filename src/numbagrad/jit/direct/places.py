"""The lines of the source on LLVM's instructions, as debuggers read them."""

from __future__ import annotations

__all__ = ["Places"]

#: The number of the first node of metadata of this module's own.
_FIRST = 1000


class Places:
    """What is written behind functions and instructions, and the metadata that it refers to."""

    def __init__(self) -> None:
        self._scopes: dict[str, int] = {}
        self._known: dict[tuple[str, int], int] = {}
        self._count = _FIRST + 4

    def _new(self) -> int:
        self._count += 1
        return self._count

    def of_function(self, symbol: str) -> str:
        """What stands at the head of a function."""
        self._scopes[symbol] = self._new()
        return f" !dbg !{self._scopes[symbol]}"

    def of(self, symbol: str, line: int) -> str:
        """What stands behind an instruction for that line, in that function."""
        if (symbol, line) not in self._known:
            self._known[symbol, line] = self._new()
        return f", !dbg !{self._known[symbol, line]}"

    def text(self) -> str:
        """The metadata."""
        unit, file, kind, flag = range(_FIRST, _FIRST + 4)
        rows = [
            f"!llvm.dbg.cu = !{{!{unit}}}",
            f"!llvm.module.flags = !{{!{flag}}}",
            f'!{flag} = !{{i32 2, !"Debug Info Version", i32 3}}',
            f"!{unit} = distinct !DICompileUnit(language: DW_LANG_C, file: !{file}, "
            "isOptimized: true, emissionKind: LineTablesOnly)",
            f'!{file} = !DIFile(filename: "source", directory: "")',
            f"!{kind} = !DISubroutineType(types: !{{}})",
        ]
        rows += [
            f'!{number} = distinct !DISubprogram(name: "{symbol}", file: !{file}, line: 1, '
            f"type: !{kind}, unit: !{unit}, spFlags: DISPFlagDefinition)"
            for symbol, number in self._scopes.items()
        ]
        rows += [
            f"!{number} = !DILocation(line: {line}, column: 1, scope: !{self._scopes[symbol]})"
            for (symbol, line), number in self._known.items()
        ]
        return "\n".join([*rows, ""])
