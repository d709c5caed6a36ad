"""Tables for the documentation, written by the run and included there: no figure is typed."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import WORDS, seconds


def write_tables(path: Path, lines: Iterator[str]) -> Path:
    """Lines of reStructuredText beside the JSON file `path`."""
    text = "\n".join(line.rstrip() for line in lines)
    path.with_suffix(".rst").write_text(text + "\n", encoding="utf-8")
    return path.with_suffix(".rst")


def table(title: str, rows: Sequence[Sequence[str]], widths: str = "auto") -> Iterator[str]:
    """A ``list-table``; the first row is the head."""
    yield f".. list-table:: {title}"
    yield "   :header-rows: 1"
    yield f"   :widths: {widths}"
    yield ""
    for row in rows:
        for i, cell in enumerate(row):
            yield f"   {'*' if i == 0 else ' '} - {cell}"
    yield ""


def where(result: Mapping[str, Any]) -> Iterator[str]:
    """Machine, versions, date."""
    here, packages = result["machine"], result.get("versions", {})
    listed = ", ".join(f"{name} {version}" for name, version in packages.items())
    yield f"{here['processor']}, {here['cores']} cores, Python {here['python']}, " + (
        f"{here['date'][:10]}; {listed}." if listed else f"{here['date'][:10]}."
    )
    yield ""


def budget_lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What was wanted and what was reached."""
    cells = [["what", "wanted", "reached", ""]]
    for row in rows:
        mark = "yes" if row["ok"] else "**no**"
        cells.append([row["what"], row["wanted"], row["reached"], mark])
    yield from table("The budget", cells, "60 16 14 10")


def lines_of(group: str, result: Mapping[str, Any]) -> Iterator[str]:
    """The tables of a group."""
    yield from where(result)
    if "workloads" in result:
        yield from workload_lines(result["workloads"])
    if "call_overhead_s" in result:
        cells = [[name, seconds(value)] for name, value in result["call_overhead_s"].items()]
        yield from table("A call of the gradient of x**2, best", [["", "seconds"], *cells])
    if group in LINES:
        yield from LINES[group](result[group])


def workload_lines(workloads: Mapping[str, Any]) -> Iterator[str]:
    """Compiling, one thread, all cores: numbagrad's time and the others' multiples of it."""
    libraries = list(dict.fromkeys(name for w in workloads.values() for name in w["libraries"]))
    settings = [s for s in WORDS if any(_has(w, s) for w in workloads.values())]
    for setting in settings:
        title = f"Median call, {WORDS[setting]} (in brackets the best)"
        yield from table(title, list(_calls(workloads, libraries, setting)))
    cells = [["", *libraries]]
    for workload in workloads.values():
        rows = [workload["libraries"].get(name, {}) for name in libraries]
        if any("compile_s" in row for row in rows):
            cells.append([_title(workload), *(_cell(row, "compile") for row in rows)])
    yield from table("Compiling, from the graph to the first result", cells)


def _calls(
    workloads: Mapping[str, Any], libraries: Sequence[str], setting: str
) -> Iterator[list[str]]:
    yield ["", *libraries]
    for workload in workloads.values():
        rows = [workload["libraries"].get(name, {}) for name in libraries]
        cells = []
        for row in rows:
            calls = row.get(setting, {})
            cell = _cell(calls, "median")
            best = calls.get("best_ratio")
            cells.append(cell if best in (None, 1.0) else f"{cell} ({best:.2f})")
        yield [_title(workload), *cells]


def _has(workload: Mapping[str, Any], setting: str) -> bool:
    return any(setting in row for row in workload["libraries"].values())


def _title(workload: Mapping[str, Any]) -> str:
    sizes = ", ".join(f"{k} = {v}" for k, v in workload["sizes"].items())
    return workload["title"] + (f" ({sizes})" if sizes else "")


def _cell(row: Mapping[str, Any], key: str) -> str:
    """Seconds where the ratio is 1, else the ratio."""
    ratio, value = row.get(f"{key}_ratio"), row.get(f"{key}_s")
    if value is None:
        return "–"
    return seconds(value) if ratio in (None, 1.0) else f"{ratio:.2f}"


def growth_lines(result: Mapping[str, Any]) -> Iterator[str]:
    """Seconds and MiB by the number of nodes."""
    nodes = list(dict.fromkeys(n for rows in result.values() for n in rows))
    for key, words, show in (
        ("seconds", "Seconds to compile", seconds),
        ("peak", "Peak memory of the process, MiB", lambda value: f"{value / 2**20:.0f}"),
    ):
        cells = [["nodes", *result]]
        for n in nodes:
            found = [rows.get(n, {}) for rows in result.values()]
            cells.append([n, *(_shown(row, key, show) for row in found)])
        yield from table(words, cells)


def _shown(row: Mapping[str, Any], key: str, show: Any) -> str:
    return show(row[key]) if key in row else row.get("error", "–")


def start_lines(result: Mapping[str, Any]) -> Iterator[str]:
    """Seconds of a fresh process."""
    cells = [["", "cold", "of it compiling", "cached", "cached, from the process's start"]]
    for name, row in result.items():
        if "error" in row:
            cells.append([name, row["error"], "", "", ""])
            continue
        cold, cached = row["cold"], row["cached"]
        found = cold["import_s"], cold["compile_s"], cached["import_s"], cached["process_s"]
        cells.append([name, *(seconds(value) for value in found)])
    yield from table("A fresh process: from the first import to the first gradient", cells)


def memory_lines(result: Mapping[str, Any]) -> Iterator[str]:
    """What a call adds to the peak."""
    cells = [["", "MiB", "times the outputs", "arrays of its size"]]
    for name, row in result.items():
        if "error" in row:
            cells.append([name, row["error"], "", ""])
            continue
        counts = (f"{row[key]:.2f}" if key in row else "" for key in ("outputs", "arrays"))
        cells.append([name, f"{row['bytes'] / 2**20:.0f}", *counts])
    yield from table("What one call adds to the peak of memory", cells)


LINES = {"growth": growth_lines, "start": start_lines, "memory": memory_lines}
