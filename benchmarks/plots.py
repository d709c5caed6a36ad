"""Plots of each group, as SVG and PNG beside its JSON file; none where matplotlib is missing."""

import importlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.report import WORDS

#: One colour and one mark a library, in every plot.
STYLES = {
    "numbagrad": ("black", "D"),
    "NumPy": ("C0", "s"),
    "Numba by hand": ("C2", "^"),
    "JAX": ("C1", "o"),
    "JAX, no cache": ("C8", "o"),
    "PyTensor Numba": ("C3", "v"),
    "PyTensor C": ("C4", "<"),
    "PyTorch": ("C5", "P"),
}


def write_plot(path: Path, group: str, result: Mapping[str, Any]) -> list[Path]:
    """The files that were written."""
    try:
        matplotlib = importlib.import_module("matplotlib")
    except ModuleNotFoundError:
        return []
    matplotlib.use("Agg")
    # The same data give the same file; text stays text, which keeps it small.
    settings = {"svg.hashsalt": "benchmarks", "svg.fonttype": "none", "font.size": 9}
    with matplotlib.rc_context(settings):
        pyplot = importlib.import_module("matplotlib.pyplot")
        figure = PLOTS.get(group, workloads)(pyplot, result)
        here = result["machine"]
        figure.suptitle(f"{here['processor']}, {here['cores']} cores", fontsize=8)
        written = [path.with_suffix(".svg"), path.with_suffix(".png")]
        for file in written:
            date = {"Date": None} if file.suffix == ".svg" else None
            figure.savefig(file, dpi=110, metadata=date)
        shrink(written[0])
        pyplot.close(figure)
    return written


def shrink(svg: Path) -> None:
    """Take out what nobody sees: indentation, and digits beyond a tenth of a point."""
    text = re.sub(r"\n\s+", "\n", svg.read_text(encoding="utf-8"))
    svg.write_text(re.sub(r"(\d\.\d)\d+", r"\1", text), encoding="utf-8")


def workloads(pyplot: Any, result: Mapping[str, Any]) -> Any:
    """A row for each workload and a mark for each library, at its multiple of numbagrad's time."""
    found = result["workloads"]
    libraries = dict.fromkeys(name for entry in found.values() for name in entry["libraries"])
    panels = {WORDS[s]: (s, "median_ratio") for s in WORDS if _measured(found, s)}
    panels["compiling"] = (None, "compile_ratio")
    height = 1.6 + 0.27 * len(found)
    figure, axes = pyplot.subplots(
        1, len(panels), figsize=(12, height), sharey=True, squeeze=False, layout="constrained"
    )
    for axis, (title, (setting, key)) in zip(axes[0], panels.items(), strict=True):
        axis.set_xscale("log")
        axis.axvline(1.0, color="black", linewidth=1.0)
        for name in libraries:
            places, ratios = [], []
            for i, entry in enumerate(found.values()):
                row = entry["libraries"].get(name, {})
                ratio = (row.get(setting, {}) if setting else row).get(key)
                if ratio is not None and name != entry["base"]:
                    places.append(i)
                    ratios.append(ratio)
            if ratios:
                colour, mark = STYLES[name]
                axis.plot(ratios, places, mark, color=colour, label=name, linestyle="")
        axis.set_title(title)
        axis.set_xlabel("times numbagrad's; right of the line is slower")
        axis.grid(axis="y", linewidth=0.4)
    axes[0][0].set_yticks(range(len(found)), list(found))
    axes[0][0].set_ylim(len(found) - 0.5, -0.5)
    _legend(figure, axes[0])
    return figure


def _measured(found: Mapping[str, Any], setting: str) -> bool:
    return any(setting in row for entry in found.values() for row in entry["libraries"].values())


def _legend(figure: Any, axes: Any) -> None:
    """One legend for all panels, below them."""
    marks = {}
    for axis in axes:
        marks |= dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
    if marks:
        figure.legend(list(marks.values()), list(marks), loc="outside lower center", ncols=7)


def growth(pyplot: Any, result: Mapping[str, Any]) -> Any:
    """Seconds and memory against the number of nodes."""
    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for name, rows in result["growth"].items():
        good = {int(n): row for n, row in rows.items() if "seconds" in row}
        colour, mark = STYLES[name]
        for axis, heights in (
            (axes[0], [row["seconds"] for row in good.values()]),
            (axes[1], [row["peak"] / 2**20 for row in good.values()]),
        ):
            axis.plot(list(good), heights, marker=mark, color=colour, label=name)
    for axis, title in zip(axes, ("compile time, seconds", "peak memory, MiB"), strict=True):
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xlabel("nodes of the graph, without its gradient")
        axis.set_title(title)
        axis.grid(linewidth=0.4)
    axes[0].legend()
    return figure


def start(pyplot: Any, result: Mapping[str, Any]) -> Any:
    """Bars of a fresh process, cold and cached."""
    good = {name: row for name, row in result["start"].items() if "error" not in row}
    figure, axes = pyplot.subplots(
        1, 2, figsize=(10, 1.2 + 0.3 * len(good)), sharey=True, layout="constrained"
    )
    for axis, key in zip(axes, ("cold", "cached"), strict=True):
        names = list(good)
        whole = [good[name][key]["import_s"] for name in names]
        axis.barh(names, whole, color=[STYLES[name][0] for name in names])
        axis.set_xlabel("seconds from the first import to the first gradient")
        axis.set_title(f"fresh process, {key}")
    axes[0].invert_yaxis()
    return figure


def memory(pyplot: Any, result: Mapping[str, Any]) -> Any:
    """Bars of what a call adds to the peak of memory."""
    good = {name: row for name, row in result["memory"].items() if "outputs" in row}
    figure, axis = pyplot.subplots(figsize=(7, 1.2 + 0.3 * len(good)), layout="constrained")
    heights = [row["outputs"] for row in good.values()]
    axis.barh(list(good), heights, color=[STYLES[name][0] for name in good])
    axis.invert_yaxis()
    axis.set_xlabel("peak memory of a call, times its outputs")
    return figure


PLOTS = {"growth": growth, "start": start, "memory": memory}
