"""Machine code on disk, from one process to the next.

One file holds one function, named by what the code was made from (see ``content``); another kind of
file holds what became of a graph, named by the graph (see ``function.identity``). A file is written
under another name and then renamed, so that any number of processes may do so at once, and begins
with a checksum of the rest. Loading code is running it: a directory that another user owns or can
write to is not used. What was used least recently goes when the directory grows too large.

No Numba and no LLVM here.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from ..config import config
from ..errors import CacheWarning
from ..records import record

__all__ = [
    "FORMAT",
    "Stored",
    "clear",
    "directory",
    "entries",
    "load",
    "load_text",
    "store",
    "store_text",
]

#: What a file begins with; another one for each way of writing the rest.
FORMAT = b"numbagrad2"
_SUFFIX = ".code"
_TEXT = ".graph"
_refused: set[str] = set()


@record(frozen=True)
class Stored:
    """What a file holds.

    Attributes
    ----------
    code : bytes
        An object file.
    outside : tuple of str
        The symbols that it needs; none holds the end of a line.
    """

    code: bytes
    outside: tuple[str, ...]


def directory() -> Path:
    """Where machine code is kept: ``NUMBAGRAD_CACHE_DIR``, or the user's place for caches."""
    chosen = os.environ.get("NUMBAGRAD_CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "numbagrad"


def load(key: str) -> Stored | None:
    """What is kept under a key; ``None`` if there is nothing, or nothing that may be used.

    Warns
    -----
    CacheWarning
        If a file is damaged, or the directory is not the user's alone.
    """
    body = _read(f"{key}{_SUFFIX}")
    return None if body is None else _unpacked(body)


def store(key: str, stored: Stored) -> None:
    """Keep machine code, if the directory can be written to."""
    _write(f"{key}{_SUFFIX}", _packed(stored))


def load_text(key: str) -> str | None:
    """A text that is kept under a key; as `load` otherwise."""
    body = _read(f"{key}{_TEXT}")
    return None if body is None else body.decode()


def store_text(key: str, text: str) -> None:
    """Keep a text, if the directory can be written to."""
    _write(f"{key}{_TEXT}", text.encode())


def _read(name: str) -> bytes | None:
    """The body of a file that is whole."""
    place = directory()
    if not _trusted(place):
        return None
    path = place / name
    try:
        data = path.read_bytes()
    except OSError:
        return None
    begin = len(FORMAT) + 32
    body = data[begin:]
    if data[:begin] != FORMAT + hashlib.sha256(body).digest():
        warnings.warn(
            f"{path} is damaged; the function is compiled anew", CacheWarning, stacklevel=3
        )
        _remove(path)
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # it was used just now
    return body


def _write(name: str, body: bytes) -> None:
    place = directory()
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return
    if not _trusted(place):
        return
    with contextlib.suppress(OSError):
        handle, fresh = tempfile.mkstemp(dir=place, prefix=f"{name}.", suffix=".new")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(FORMAT + hashlib.sha256(body).digest() + body)
            os.replace(fresh, place / name)
        except OSError:
            _remove(Path(fresh))
            raise
        _evict(place)


def entries() -> list[tuple[Path, int, float]]:
    """Path, bytes and time of last use of each file, the latest used first.

    Machine code is in files ``.code``, one for each function.
    """
    rows = list(_rows(directory()))
    return sorted(rows, key=lambda row: -row[2])


def clear() -> int:
    """Remove all files; how many of them held machine code."""
    rows = entries()
    for path, _, _ in rows:
        _remove(path)
    return sum(path.suffix == _SUFFIX for path, _, _ in rows)


def _rows(place: Path) -> Iterator[tuple[Path, int, float]]:
    try:
        found = list(os.scandir(place))
    except OSError:
        return
    for item in found:
        if item.name.endswith((_SUFFIX, _TEXT, ".new")):
            # Another process may remove it at any moment.
            with contextlib.suppress(OSError):
                known = item.stat()
                yield Path(item.path), known.st_size, known.st_mtime


def _evict(place: Path) -> None:
    rows = sorted(_rows(place), key=lambda row: row[2])
    total = sum(size for _, size, _ in rows)
    if total <= config.cache_limit:
        return
    for path, size, _ in rows[:-1]:
        _remove(path)
        total -= size
        if total <= 0.8 * config.cache_limit:
            return


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _packed(stored: Stored) -> bytes:
    head = "\n".join(stored.outside).encode()
    return struct.pack("<I", len(head)) + head + stored.code


def _unpacked(body: bytes) -> Stored:
    (size,) = struct.unpack("<I", body[:4])
    head = body[4 : 4 + size].decode()
    return Stored(body[4 + size :], tuple(head.split("\n")) if head else ())


def _trusted(place: Path) -> bool:
    """Whether nobody else can have written there; where there is no directory nothing can be."""
    try:
        known = place.stat()
    except OSError:
        return False
    if not hasattr(os, "getuid"):
        return True
    if known.st_uid == os.getuid() and not known.st_mode & 0o022:
        return True
    if str(place) not in _refused:
        _refused.add(str(place))
        warnings.warn(
            f"{place} is not used as a cache of compiled functions: it belongs to another user or "
            "others can write to it, and loading code from it is running it. Set "
            "NUMBAGRAD_CACHE_DIR to a directory of your own, or remove the rights (chmod go-w).",
            CacheWarning,
            stacklevel=2,
        )
    return False
