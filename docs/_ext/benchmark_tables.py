"""A directive that prints what ``python -m benchmarks`` measured, so that no figure is typed.

``.. benchmark-tables:: path`` makes one table for each workload of a results file; ratios are how
many times as long the other library took.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.application import Sphinx


class BenchmarkTables(Directive):
    """``.. benchmark-tables:: path`` relative to the root of the project."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        path = Path(__file__).parents[2] / self.arguments[0]
        self.state.document.settings.env.note_dependency(str(path))
        results = json.loads(path.read_text())
        holder = nodes.container()
        holder.document = self.state.document
        self.state.nested_parse(StringList(list(_lines(results)), str(path)), 0, holder)
        return holder.children


def _lines(results: dict[str, Any]) -> Iterator[str]:
    machine, versions = results["machine"], results["versions"]
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    yield f"{machine['processor']}, {machine['cores']} cores, {machine['date'][:10]}; {packages}."
    yield ""
    for workload in results["workloads"].values():
        yield from _table(workload)


def _table(workload: dict[str, Any]) -> Iterator[str]:
    sizes = ", ".join(f"{k} = {v}" for k, v in workload["sizes"].items())
    title = workload["title"] + (f" ({sizes})" if sizes else "")
    yield f".. list-table:: {title}"
    yield "   :header-rows: 1"
    yield ""
    for head in ("library", "compile", "ratio", "best call", "ratio", "median call", "ratio"):
        yield f"   {'* -' if head == 'library' else '  -'} {head}"
    for name, row in workload["libraries"].items():
        yield f"   * - {name}"
        for key in ("compile", "best", "median"):
            seconds, ratio = row.get(f"{key}_s"), row.get(f"{key}_ratio")
            yield f"     - {_time(seconds) if seconds is not None else '–'}"
            yield f"     - {f'{ratio:.2f}' if ratio is not None else '–'}"
    yield ""


def _time(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx about the directive."""
    app.add_directive("benchmark-tables", BenchmarkTables)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
