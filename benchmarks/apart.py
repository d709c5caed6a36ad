"""Tables of what is measured in processes of their own, and the plot of growing graphs."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.report import seconds, times

#: Libraries by how `child` calls them, with the settings that make them start from nothing.
LIBRARIES = ("numbagrad", "JAX", "PyTensor")
SIZES = (10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000)
QUICK_SIZES = (10, 100)
#: A library that took longer than this for one size is not asked for the next one.
PATIENCE = 60.0
LIMIT = 900.0


def child(kind: str, library: str, number: int, scratch: Path) -> dict[str, Any]:
    """What a process of its own found, or ``{"error": ...}``."""
    environment = dict(os.environ, JAX_PLATFORMS="cpu", NUMBAGRAD_CACHE_DIR=str(scratch))
    environment["PYTENSOR_FLAGS"] = f"base_compiledir={scratch}"
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.child", kind, library, str(number)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=LIMIT, env=environment, check=False
        )
    except subprocess.TimeoutExpired:
        return {"error": f"took more than {LIMIT:.0f} s"}
    if done.returncode:
        return {"error": done.stderr.strip().rpartition("\n")[2] or f"exit {done.returncode}"}
    found: dict[str, Any] = json.loads(done.stdout.strip().rpartition("\n")[2])
    return found


def growth(scratch: Path, quick: bool) -> dict[str, Any]:
    """Compile time and memory of random elementwise graphs with their gradients."""
    print("\ncompile time of a random elementwise graph with its gradient, in a fresh process")
    result: dict[str, Any] = {library: {} for library in LIBRARIES}
    tired: set[str] = set()
    for nodes in QUICK_SIZES if quick else SIZES:
        for library in LIBRARIES:
            if library in tired:
                continue
            folder = scratch / f"{library}-{nodes}"
            folder.mkdir(parents=True)
            found = result[library][nodes] = child("growth", library, nodes, folder)
            if "error" in found:
                print(f"  {nodes:>6} nodes  {library:<10} {found['error']}", flush=True)
                tired.add(library)
                continue
            ours = result[LIBRARIES[0]].get(nodes, {}).get("seconds")
            ratio = found["seconds"] / ours if ours else None
            print(
                f"  {nodes:>6} nodes  {library:<10} {seconds(found['seconds']):>9} "
                f"{times(ratio):>8}  peak {found['peak'] / 2**20:>6.0f} MiB",
                flush=True,
            )
            if found["seconds"] > PATIENCE:
                tired.add(library)
    return result


def start(scratch: Path, quick: bool) -> dict[str, Any]:
    """From the import to the first gradient: nothing cached, then the second process."""
    print("\nfrom import to the first gradient, in a fresh process")
    result: dict[str, Any] = {}
    for library in LIBRARIES:
        folder = scratch / f"start-{library}"
        folder.mkdir(parents=True)
        cold = child("start", library, 0, folder)
        runs = [child("start", library, 0, folder) for _ in range(2 if quick else 5)]
        good = [run["seconds"] for run in runs if "seconds" in run]
        if "error" in cold or not good:
            result[library] = {"error": cold.get("error", "no run succeeded")}
            print(f"  {library:<10} {result[library]['error']}")
            continue
        row = result[library] = {"cold_s": cold["seconds"], "cached_s": min(good)}
        ours = result[LIBRARIES[0]]
        print(
            f"  {library:<10} first {seconds(row['cold_s']):>8} "
            f"{times(row['cold_s'] / ours['cold_s']):>8}   again {seconds(row['cached_s']):>8} "
            f"{times(row['cached_s'] / ours['cached_s']):>8}",
            flush=True,
        )
    return result


def memory(scratch: Path, quick: bool) -> dict[str, Any]:
    """What a call of the long elementwise value and gradient adds to the peak of memory."""
    n = 200_000 if quick else 5_000_000
    print(f"\npeak memory of one call, elementwise value and gradient (n = {n})")
    result: dict[str, Any] = {"n": n}
    for library in (*LIBRARIES, "NumPy"):
        folder = scratch / f"memory-{library}"
        folder.mkdir(parents=True)
        found = child("memory", library, n, folder)
        if "error" in found:
            result[library] = found
            print(f"  {library:<10} {found['error']}")
            continue
        result[library] = {"bytes": found["bytes"], "outputs": found["bytes"] / (2 * 8 * n)}
        print(f"  {library:<10} {result[library]['outputs']:.2f} times its two output arrays")
    return result


def write_growth_plot(path: Path, result: Mapping[str, Any]) -> list[Path]:
    """Seconds and memory against the number of nodes, as SVG and PNG beside ``path``."""
    try:
        matplotlib = importlib.import_module("matplotlib")
    except ModuleNotFoundError:
        return []
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "benchmarks"
    pyplot = importlib.import_module("matplotlib.pyplot")
    figure, panels = pyplot.subplots(1, 2, figsize=(10, 4), constrained_layout=True)
    for j, (library, rows) in enumerate(result["growth"].items()):
        good = {int(n): row for n, row in rows.items() if "seconds" in row}
        for panel, heights in (
            (panels[0], [row["seconds"] for row in good.values()]),
            (panels[1], [row["peak"] / 2**20 for row in good.values()]),
        ):
            panel.plot(list(good), heights, marker="o", color=f"C{j}", label=library)
    for panel, title in zip(panels, ("compile time, seconds", "peak memory, MiB"), strict=True):
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_xlabel("nodes of the graph, without its gradient")
        panel.set_title(title)
    panels[0].legend()
    written = [path.with_suffix(".svg"), path.with_suffix(".png")]
    for file in written:
        figure.savefig(file, dpi=120, metadata={"Date": None} if file.suffix == ".svg" else None)
    pyplot.close(figure)
    return written
