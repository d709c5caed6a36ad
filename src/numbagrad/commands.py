"""The command line: ``python -m numbagrad`` demonstrates, ``cache`` shows the disk cache."""

from __future__ import annotations

import argparse
import datetime
import os
import sys
from collections.abc import Sequence

from .jit import cache
from .lazy import lazy_module

__all__ = ["main"]

#: It needs SciPy's optimisers, which take longer to import than all else.
demo = lazy_module("numbagrad.demo")

_WORDS = (
    "Without a command: fit a logistic regression to the data that come with the package, and "
    "compare with the same in NumPy."
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        What stands behind the program's name; that of the process by default.

    Examples
    --------
    >>> main(["cache", "--directory"])  # doctest: +ELLIPSIS
    /...
    """
    parser = argparse.ArgumentParser(prog="numbagrad", description=_WORDS)
    commands = parser.add_subparsers(dest="command")
    words = "show what the disk cache of compiled functions holds"
    kept = commands.add_parser("cache", help=words, description=words)
    kept.add_argument("--clear", action="store_true", help="remove everything in it")
    kept.add_argument("--directory", action="store_true", help="only say where it is")
    given = parser.parse_args(arguments)
    try:
        _run(given)
        sys.stdout.flush()
    except BrokenPipeError:  # who reads, such as head, has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(given: argparse.Namespace) -> None:
    if given.command is None:
        demo.main()
    elif given.directory:
        print(cache.directory())
    elif given.clear:
        print(f"{cache.clear()} functions removed from {cache.directory()}")
    else:
        _show()


def _show() -> None:
    rows = cache.entries()
    total = sum(size for _, size, _ in rows)
    rows = [row for row in rows if row[0].suffix == ".code"]
    print(f"{cache.directory()}: {len(rows)} functions, {total / 1024:.0f} KiB")
    for path, size, used in rows[:20]:
        last = datetime.datetime.fromtimestamp(used).isoformat(" ", "minutes")
        print(f"{path.stem[:16]}  {size / 1024:8.1f} KiB  last used {last}")
    if len(rows) > 20:
        print(f"and {len(rows) - 20} more")
