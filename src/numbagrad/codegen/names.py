"""Clean identifiers: no name of the user's gets into generated code as anything else."""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata

__all__ = ["Names", "clean"]

#: Names that generated code uses itself, or would be surprising to see rebound.
RESERVED = frozenset(keyword.kwlist) | frozenset(keyword.softkwlist) | frozenset(dir(builtins))


def clean(name: str | None, default: str = "v", longest: int = 40) -> str:
    """An identifier of ASCII letters, digits and underscores that resembles ``name``.

    >>> clean("x; import os"), clean("(dloss/dw)"), clean("class"), clean("größe")
    ('x_import_os', 'dloss_dw', 'class_', 'grosse')
    """
    text = (name or "").replace("ß", "ss")
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    text = re.sub(r"[^0-9A-Za-z_]+", "_", text).strip("_")[:longest].rstrip("_")
    if not text:
        text = default
    if text[0].isdigit():
        text = f"{default}_{text}"
    return f"{text}_" if text in RESERVED else text


class Names:
    """Hands out identifiers, each once."""

    def __init__(self, taken: frozenset[str] = frozenset()):
        self._taken = set(taken)
        self._next: dict[str, int] = {}

    def new(self, wish: str | None, default: str = "v") -> str:
        """``wish`` cleaned, with a number behind it if it is taken."""
        stem = clean(wish, default)
        name = stem
        while name in self._taken:
            self._next[stem] = self._next.get(stem, 1) + 1
            name = f"{stem}_{self._next[stem]}"
        self._taken.add(name)
        return name

    def numbered(self, stem: str) -> str:
        """``stem1``, ``stem2``, ..."""
        while True:
            self._next[stem] = self._next.get(stem, 0) + 1
            name = f"{stem}{self._next[stem]}"
            if name not in self._taken:
                self._taken.add(name)
                return name

    def reserve(self, name: str) -> None:
        """Never hand this one out."""
        self._taken.add(name)

    def __contains__(self, name: str) -> bool:
        return name in self._taken
