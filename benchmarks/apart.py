"""What is measured in processes of their own: growing graphs, starting, memory."""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.report import seconds, times
from benchmarks.start import SCRIPTS, script

ROOT = Path(__file__).parents[1]
COMPILERS = ("numbagrad", "JAX", "PyTensor Numba", "PyTensor C")
EVERYONE = ("numbagrad", "NumPy", "Numba by hand", *COMPILERS[1:], "PyTorch")
SIZES = (10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000)
QUICK_SIZES = (10, 100)
#: A library that took longer than this for one size, but for the first, is not asked for the next.
PATIENCE, QUICK_PATIENCE = 60.0, 2.0
#: What one process may take at most; a library that does not finish is not asked again.
LIMIT = 200.0
NOT_READY = f"not ready after {LIMIT:.0f} s"
#: Deep graphs recurse deeply, in some libraries in C++.
STACK = 2**30


def process(command: Sequence[str], scratch: Path, more: Mapping[str, str]) -> dict[str, Any]:
    """What a process printed as JSON, or ``{"error": ...}``; its caches are in ``scratch``."""
    scratch.mkdir(parents=True, exist_ok=True)
    path = [str(ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(Path(part).resolve()) for part in path),
        "JAX_PLATFORMS": "cpu",
        "JAX_COMPILATION_CACHE_DIR": str(scratch),
        "NUMBAGRAD_CACHE_DIR": str(scratch),
        "NUMBA_CACHE_DIR": str(scratch),
        "PYTENSOR_FLAGS": f"base_compiledir={scratch}",
        **more,
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    begin = time.time()
    try:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", *command],
            capture_output=True,
            text=True,
            timeout=LIMIT,
            env=environment,
            cwd=scratch,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"error": NOT_READY}
    if done.returncode:
        return {"error": why(done.returncode, done.stderr)}
    return {"asked": begin, **json.loads(done.stdout.strip().rpartition("\n")[2])}


def why(code: int, said: str) -> str:
    """One line about a process that failed: its error, or the signal that ended it."""
    if code < 0:
        return f"crashed (signal {-code})"
    lines = [line for line in said.splitlines() if line[:1].isalpha() and "Error" in line]
    return (lines[-1] if lines else f"failed (exit code {code})")[:100]


@contextmanager
def deep_stack() -> Iterator[None]:
    """Processes that start meanwhile have a stack of `STACK` bytes, where that is allowed."""
    soft, hard = before = resource.getrlimit(resource.RLIMIT_STACK)
    wanted = STACK if hard == resource.RLIM_INFINITY else min(STACK, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_STACK, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_STACK, before)


def growth(scratch: Path, quick: bool, libraries: Sequence[str]) -> dict[str, Any]:
    """Compile time and memory of random elementwise graphs with their gradients."""
    print("\ncompile time of a random elementwise graph with its gradient, in a fresh process")
    result: dict[str, Any] = {library: {} for library in libraries}
    tired: set[str] = set()
    for nodes in QUICK_SIZES if quick else SIZES:
        for library in libraries:
            if library in tired:
                continue
            command = ["-m", "benchmarks.child", "growth", library, str(nodes)]
            fresh = scratch / f"{library}-{nodes}".replace(" ", "-")
            with deep_stack():
                found = process(command, fresh, {"JAX_ENABLE_COMPILATION_CACHE": "false"})
            result[library][str(nodes)] = found
            line = f"  {nodes:>6} nodes  {library:<15}"
            if "error" in found:
                print(line, found["error"], flush=True)
                tired.add(library)
                continue
            ours = result[libraries[0]].get(str(nodes), {}).get("seconds")
            ratio = found["seconds"] / ours if ours else None
            print(
                f"{line} {seconds(found['seconds']):>9} {times(ratio):>8}  "
                f"peak {found['peak'] / 2**20:>6.0f} MiB",
                flush=True,
            )
            patience = QUICK_PATIENCE if quick else PATIENCE
            if library != libraries[0] and found["seconds"] > patience:
                tired.add(library)
    return result


def start(scratch: Path, quick: bool, libraries: Sequence[str]) -> dict[str, Any]:
    """From the start of a process to the first gradient, nothing cached and then again."""
    print("\na fresh process: from its start, and from its first import, to the first gradient")
    result: dict[str, Any] = {}
    for library in libraries:
        folder = scratch / f"start-{library}".replace(" ", "-").replace(",", "")
        command, more = ["-c", script(library)], SCRIPTS[library][1]
        if not quick:
            process(command, folder, more)  # writes bytecode
        cold = []
        for _ in range(1 if quick else 3):
            shutil.rmtree(folder, ignore_errors=True)
            cold.append(process(command, folder, more))
        again = [process(command, folder, more) for _ in range(1 if quick else 9)]
        failed = [run["error"] for run in cold + again if "error" in run]
        if failed:
            result[library] = {"error": failed[0]}
            print(f"  {library:<15} {failed[0]}")
            continue
        row = result[library] = {"cold": steps(cold), "cached": steps(again)}
        first, then = ({key: seconds(s) for key, s in row[when].items()} for when in row)
        print(
            f"  {library:<15} first {first['process_s']:>7} and {first['import_s']:>7}, "
            f"of it compiling {first['compile_s']:>7};  "
            f"again {then['process_s']:>7} and {then['import_s']:>7}",
            flush=True,
        )
    return result


def steps(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Median seconds to the first result: of the process, from the first import, after the last."""
    return {
        "process_s": statistics.median(run["done"] - run["asked"] for run in runs),
        "import_s": statistics.median(run["done"] - run["begin"] for run in runs),
        "compile_s": statistics.median(run["done"] - run["imported"] for run in runs),
    }


def memory(scratch: Path, quick: bool, libraries: Sequence[str]) -> dict[str, Any]:
    """What a call adds to the peak of memory: elementwise value and gradient, and models."""
    n = 200_000 if quick else 5_000_000
    print(f"\npeak memory of one call, elementwise value and gradient (n = {n})")
    result: dict[str, Any] = {}
    for library in libraries:
        command = ["-m", "benchmarks.child", "memory", library, str(n)]
        found = process(command, scratch / f"memory-{library}".replace(" ", "-"), {})
        if "error" in found:
            result[library] = found
            print(f"  {library:<15} {found['error']}", flush=True)
            continue
        result[library] = {"bytes": found["bytes"], "outputs": found["bytes"] / (2 * 8 * n)}
        print(f"  {library:<15} {result[library]['outputs']:.2f} times its two output arrays")
    for workload, steps, words, array in MODELS:
        for library in (one for one in libraries if one in COMPARED):
            n = steps // 40 if quick else steps
            name = f"{library}, {words}"
            command = ["-m", "benchmarks.child", f"memory-{workload}", library, str(n)]
            found = process(command, scratch / f"{workload}-{library}".replace(" ", "-"), {})
            if "error" in found:
                result[name] = found
                print(f"  {name:<47} {found['error']}", flush=True)
                continue
            result[name] = {"bytes": found["bytes"], "arrays": found["bytes"] / (8 * n**array)}
            print(f"  {name:<47} {result[name]['arrays']:.2f} arrays of its size", flush=True)
    return result


#: Models whose memory is measured: a workload, how long it is, what tables call it, and how many
#: dimensions the arrays have that it keeps.
MODELS = (
    ("garch", 2_000_000, "GARCH", 1),
    ("checkpoints", 2_000_000, "gradient of a sequence, checkpoints", 1),
    ("gaussian-process", 2_000, "Gaussian process", 2),
)
COMPARED = ("numbagrad", "JAX")

#: What measures a group, and the libraries that can take part.
APART = {
    "growth": (growth, COMPILERS),
    "start": (start, tuple(SCRIPTS)),
    "memory": (memory, EVERYONE),
}
