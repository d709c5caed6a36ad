"""What a run leaves behind: a table on the terminal, a JSON file, a plot. Nothing is timed here."""

import importlib
import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.engines import Engine
from benchmarks.measure import Timing
from benchmarks.workload import Workload

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "XLA_FLAGS")


def machine() -> dict[str, Any]:
    """What the numbers depend on: processor, cores, Python, thread settings of the user's."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": platform.system(),
        "architecture": platform.machine(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "threads": {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ},
    }


def _processor() -> str:
    """The processor's own name where Linux tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def summary(timings: Mapping[str, Timing], base: str) -> dict[str, Any]:
    """Seconds of every library, and how many times those of `base` they are."""
    rows: dict[str, Any] = {}
    reference = timings[base]
    for name, timing in timings.items():
        if timing.error:
            rows[name] = {"error": timing.error}
            continue
        row: dict[str, Any] = {
            "best_s": timing.best,
            "median_s": timing.median,
            "rounds": len(timing.calls),
            "best_ratio": timing.best / reference.best if reference.calls else None,
            "median_ratio": timing.median / reference.median if reference.calls else None,
        }
        if timing.compile is not None:
            row["compile_s"] = timing.compile
            if reference.compile is not None:
                row["compile_ratio"] = timing.compile / reference.compile
        if timing.stages:
            row["compile_stages_s"] = timing.stages
        rows[name] = row
    return rows


def seconds(value: float | None) -> str:
    """Seconds in the unit that suits them."""
    if value is None:
        return "-"
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def times(ratio: float | None) -> str:
    """A ratio for the table."""
    return "-" if ratio is None else f"{ratio:.2f}x"


def print_table(
    workload: Workload, sizes: Mapping[str, int], rows: Mapping[str, Any], base: str
) -> None:
    """One workload's table; a ratio above 1 means slower than `base`."""
    size = ", ".join(f"{name} = {value}" for name, value in sizes.items())
    print(f"\n{workload.name}: {workload.title}" + (f" ({size})" if size else ""))
    line = "  {:<15} {:>10} {:>8} {:>10} {:>8} {:>10} {:>8}"
    print(line.format(f"against {base}", "compile", "", "best call", "", "median", ""))
    for name, row in rows.items():
        if "error" in row:
            print(f"  {name:<15} not timed: {row['error']}")
            continue
        print(
            line.format(
                name,
                seconds(row.get("compile_s")),
                times(row.get("compile_ratio")),
                seconds(row["best_s"]),
                times(row["best_ratio"]),
                seconds(row["median_s"]),
                times(row["median_ratio"]),
            ),
            flush=True,
        )


def print_overhead(best: Mapping[str, float]) -> None:
    """The table of call overhead; the first row is Numba's own dispatcher."""
    dispatcher = next(iter(best.values()))
    print("\ncall overhead: gradient of x**2 at one number, above Numba's own dispatcher")
    for label, value in best.items():
        print(f"  {label:<18} {seconds(value):>9}   {1e6 * (value - dispatcher):+.3f} µs")


def print_targets(rows: Sequence[Mapping[str, Any]]) -> None:
    """What was to be reached, and whether it was."""
    if rows:
        print("\nto reach")
    for row in rows:
        mark = "reached" if row["ok"] else "NOT REACHED"
        print(f"  {row['words']} (wanted: {row['wanted']}): {mark}", flush=True)


def print_against(result: Mapping[str, Any], earlier: Mapping[str, Any]) -> None:
    """Each library's times in this run against an earlier one's; only ratios of ratios are fair.

    The machine may have been faster then, so numbagrad's change is also given relative to NumPy's.
    """
    print(f"\nagainst the run of {earlier['machine']['date']}: above 1 is slower now")
    for label, entry in result["workloads"].items():
        old = earlier["workloads"].get(label, {"libraries": {}})["libraries"]
        changes = {
            name: row["best_s"] / old[name]["best_s"]
            for name, row in entry["libraries"].items()
            if "best_s" in row and "best_s" in old.get(name, {})
        }
        base = changes.get(entry["base"])
        if base is None:
            continue
        words = f"  {label:<32} {entry['base']} {times(base)}"
        if "NumPy" in changes:
            words += f", relative to NumPy {times(base / changes['NumPy'])}"
        print(words)


def versions(engines: list[Engine]) -> dict[str, str]:
    """Versions of everything that took part."""
    return {name: v for engine in engines for name, v in engine.versions().items()}


def write_json(path: Path, result: Mapping[str, Any]) -> None:
    """Write the result, readable and with a stable order of keys."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_plot(path: Path, result: Mapping[str, Any]) -> list[Path]:
    """Bars of run time and compile time against the base, as SVG and PNG beside `path`.

    Returns no files where matplotlib is not installed.
    """
    try:
        matplotlib = importlib.import_module("matplotlib")
    except ModuleNotFoundError:
        return []
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "benchmarks"  # the same data give the same file
    pyplot = importlib.import_module("matplotlib.pyplot")
    figure, panels = pyplot.subplots(
        1,
        2,
        figsize=(11 + 0.5 * max(0, len(result["workloads"]) - 6), 4.2),
        constrained_layout=True,
    )
    base = result["base"]
    for panel, key, title in (
        (panels[0], "best_ratio", "run time, best call"),
        (panels[1], "compile_ratio", "compile time, graph to first result"),
    ):
        _bars(panel, _comparable(result), key, base)
        panel.set_title(title)
        panel.set_ylabel(f"times {base}'s (log scale)")
    here = result["machine"]
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    figure.suptitle(
        f"{here['processor']}, {here['cores']} cores; above the line is slower than {base}",
        fontsize=9,
    )
    written = [path.with_suffix(".svg"), path.with_suffix(".png")]
    for file in written:
        figure.savefig(file, dpi=120, metadata={"Date": None} if file.suffix == ".svg" else None)
    pyplot.close(figure)
    return written


def _comparable(result: Mapping[str, Any]) -> dict[str, Any]:
    """The workloads that were compared with the run's base: it may have failed on one."""
    return {
        name: entry
        for name, entry in result["workloads"].items()
        if entry["base"] == result["base"]
    }


def _bars(panel: Any, workloads: Mapping[str, Any], key: str, base: str) -> None:
    """One group of bars a workload, one colour a library; `base` itself is the line at 1."""
    found = dict.fromkeys(name for entry in workloads.values() for name in entry["libraries"])
    names = [name for name in found if name != base]
    width = 0.8 / max(1, len(names))
    for j, name in enumerate(names):
        places, heights = [], []
        for i, workload in enumerate(workloads.values()):
            ratio = workload["libraries"].get(name, {}).get(key)
            if ratio is not None:
                places.append(i + (j - (len(names) - 1) / 2) * width)
                heights.append(ratio)
        if heights:
            # Bars start at 1, so that faster ones hang below the line.
            panel.bar(
                places,
                [height - 1.0 for height in heights],
                width,
                bottom=1.0,
                label=name,
                color=f"C{j}",
            )
    panel.axhline(1.0, color="black", linewidth=0.8)
    panel.set_yscale("log")
    slanted = {"rotation": 40, "ha": "right", "fontsize": 7} if len(workloads) > 6 else {}
    panel.set_xticks(range(len(workloads)), list(workloads), **slanted)
