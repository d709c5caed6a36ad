"""What a run says on the terminal and leaves in JSON files. Nothing is timed here."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.engines import Engine, all_engines
from benchmarks.measure import Timing
from benchmarks.workload import Workload

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "XLA_FLAGS")
WORDS = {"one": "one thread", "all": "all cores"}


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


def versions(engines: Sequence[Engine]) -> dict[str, str]:
    """Versions of everything that takes part."""
    return {package: version(package) for engine in engines for package in engine.packages}


def installed() -> dict[str, str]:
    """Versions of everything that could take part."""
    found = {}
    for engine in all_engines():
        with suppress(PackageNotFoundError):
            found |= versions([engine])
    return found


def base_of(timings: Mapping[str, Timing]) -> str | None:
    """The library that the others are compared with: the first that was timed."""
    return next((name for name, timing in timings.items() if timing.calls), None)


def summary(measured: Mapping[str, Mapping[str, Timing]]) -> dict[str, Any]:
    """Seconds of every library, and how many times those of the base they are.

    ``measured`` has the timings of each setting of threads. Calls are kept by setting; the time to
    compile is that of the first one, all cores where there are both.
    """
    first = next(iter(measured.values()))
    rows: dict[str, Any] = {name: {} for name in first}
    for setting, timings in measured.items():
        base = base_of(timings)
        for name, timing in timings.items():
            if timing.error or base is None:
                rows[name].setdefault("error", timing.error)
                continue
            best, median = timings[base].best, timings[base].median
            rows[name][setting] = {
                "best_s": timing.best,
                "median_s": timing.median,
                "best_ratio": timing.best / best,
                "median_ratio": timing.median / median,
                "rounds": len(timing.calls),
            }
    base = base_of(first)
    reference = first[base].compile if base is not None else None
    for name, timing in first.items():
        if timing.error is None and timing.compile is not None:
            rows[name]["compile_s"] = timing.compile
            rows[name]["compile_stages_s"] = timing.stages
            if reference is not None:
                rows[name]["compile_ratio"] = timing.compile / reference
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


def print_table(workload: Workload, sizes: Mapping[str, int], rows: Mapping[str, Any]) -> None:
    """One workload's table; a ratio above 1 means slower than the base, the first row."""
    size = ", ".join(f"{name} = {value}" for name, value in sizes.items())
    print(f"\n{workload.name}: {workload.title}" + (f" ({size})" if size else ""))
    settings = [s for s in WORDS if any(s in row for row in rows.values())]
    heads = "".join(f"{WORDS[s]:>15} {'':>8} {'best':>8}" for s in settings)
    print(f"  {'':<15} {'compile':>9} {'':>8}{heads}")
    for name, row in rows.items():
        line = f"  {name:<15} {seconds(row.get('compile_s')):>9} "
        line += f"{times(row.get('compile_ratio')):>8}"
        for setting in settings:
            calls = row.get(setting, {})
            line += f"{seconds(calls.get('median_s')):>15} {times(calls.get('median_ratio')):>8}"
            line += f" {times(calls.get('best_ratio')):>8}"
        if "error" in row:
            line = f"  {name:<15} not timed: {row['error'][:200]}"
        print(line, flush=True)


def print_overhead(best: Mapping[str, float]) -> None:
    """The table of call overhead; the first row is Numba's own dispatcher."""
    dispatcher = next(iter(best.values()))
    print("\ncall overhead: gradient of x**2 at one number, above Numba's own dispatcher")
    for label, value in best.items():
        print(f"  {label:<18} {seconds(value):>9}   {1e6 * (value - dispatcher):+.3f} µs")


def print_targets(rows: Sequence[Mapping[str, Any]]) -> None:
    """What was to be reached, and whether it was."""
    print("\nthe budget")
    for row in rows:
        mark = "reached" if row["ok"] else "NOT REACHED"
        print(f"  {row['what']:<76} {row['wanted']:>12} {row['reached']:>9}  {mark}")


def print_against(result: Mapping[str, Any], earlier: Mapping[str, Any]) -> None:
    """The base's times in this run against an earlier one's.

    The machine may have been faster then, so the change is also given relative to NumPy's.
    """
    print(f"\nagainst the run of {earlier['machine']['date']}: above 1 is slower now")
    for label, rows in result.get("workloads", {}).items():
        old = earlier.get("workloads", {}).get(label, {"libraries": {}})["libraries"]
        for setting, words in WORDS.items():
            changes = {
                name: row[setting]["median_s"] / old[name][setting]["median_s"]
                for name, row in rows["libraries"].items()
                if setting in row and setting in old.get(name, {})
            }
            base = changes.get("numbagrad")
            if base is None:
                continue
            line = f"  {label:<34} {words:<10} numbagrad {times(base)}"
            if "NumPy" in changes:
                line += f", relative to NumPy {times(base / changes['NumPy'])}"
            print(line)


def write_json(path: Path, result: Mapping[str, Any]) -> None:
    """Write the result, readable and with a stable order of keys."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(rounded(result), indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def rounded(result: Any) -> Any:
    """The same with numbers of four digits: more are noise."""
    if isinstance(result, float):
        return float(f"{result:.4g}")
    if isinstance(result, Mapping):
        return {str(key): rounded(value) for key, value in result.items()}
    return [rounded(value) for value in result] if isinstance(result, list) else result
