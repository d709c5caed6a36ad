"""The command line; ``python -m benchmarks --help`` says what it takes."""

import argparse
import atexit
import dataclasses
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import apart, report, targets
from benchmarks.engines import Call, Engine, NumbaGrad, all_engines
from benchmarks.measure import FULL, QUICK, Effort, Timing, measure, open_engines
from benchmarks.overhead import call_overhead
from benchmarks.workload import Workload
from benchmarks.workloads import WARM_UP, WORKLOADS

RESULTS = Path(__file__).parent / "results"
GROUPS = sorted({workload.group for workload in WORKLOADS})
#: What is measured in processes of its own.
APART = {"growth": apart.growth, "start": apart.start, "memory": apart.memory}
#: What libraries read when they start to know how many threads they may use.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def arguments() -> argparse.Namespace:
    """The parsed command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Compare numbagrad's compile and run time with NumPy, JAX and PyTensor.",
    )
    parser.add_argument(
        "--quick", action="store_true", help="small sizes and few rounds: does it all run?"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        choices=[workload.name for workload in WORKLOADS],
        help="only these workloads",
    )
    parser.add_argument(
        "--group",
        choices=["all", *GROUPS, *APART],
        default="all",
        help="which workloads, if --only does not say (default: %(default)s)",
    )
    parser.add_argument(
        "--threads", type=int, metavar="N", help="how many threads every library may use"
    )
    parser.add_argument(
        "--against", type=Path, metavar="FILE", help="compare with the results of an earlier run"
    )
    parser.add_argument(
        "--seconds", type=float, metavar="S", help="time for the calls of one workload at one size"
    )
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for JSON and plots")
    return parser.parse_args()


def base_of(timings: dict[str, Timing]) -> str:
    """The library that the others are compared with: the first that was timed."""
    return next(name for name, timing in timings.items() if timing.calls)


def overhead(opened: list[Engine], quick: bool) -> dict[str, float]:
    """Call overhead of numbagrad, if it is there."""
    for engine in opened:
        if isinstance(engine, NumbaGrad):
            return call_overhead(engine.ng, 3 if quick else 30)
    return {}


def chosen(options: argparse.Namespace, group: str) -> list[Workload]:
    """The workloads of a group that were asked for."""
    found = [workload for workload in WORKLOADS if workload.group == group]
    return [w for w in found if not options.only or w.name in options.only]


def groups(options: argparse.Namespace) -> list[str]:
    """The groups of which something was asked for."""
    if options.only:
        return [group for group in GROUPS if chosen(options, group)]
    return [*GROUPS, *APART] if options.group == "all" else [options.group]


def effort_of(options: argparse.Namespace) -> Effort:
    """How long to measure."""
    effort = QUICK if options.quick else FULL
    return (
        effort if options.seconds is None else dataclasses.replace(effort, seconds=options.seconds)
    )


def run_workload(
    opened: list[Engine], workload: Workload, options: argparse.Namespace
) -> dict[str, Any]:
    """The tables of one workload, one a size, by label."""
    built: dict[str, Call] = {}
    found = {}
    for sizes in [workload.quick] if options.quick else [workload.full, *workload.more]:
        if workload.sized:
            built.clear()
        timings = measure(opened, workload, sizes, effort_of(options), built)
        base = base_of(timings)
        rows = report.summary(timings, base)
        report.print_table(workload, sizes, rows, base)
        found[workload.label(sizes)] = {
            "title": workload.title,
            "sizes": dict(sizes),
            "base": base,
            "libraries": rows,
        }
    return found


def run_group(
    options: argparse.Namespace, group: str, opened: list[Engine], skipped: Mapping[str, str]
) -> dict[str, Any]:
    """Measure what was asked for of one group, printing tables on the way."""
    result: dict[str, Any] = {
        "machine": report.machine(),
        "versions": report.versions(opened),
        "skipped": skipped,
        "base": opened[0].name,
        "workloads": {},
    }
    workloads = chosen(options, group)
    for workload in workloads:
        result["workloads"] |= run_workload(opened, workload, options)
    ours = next((engine for engine in opened if isinstance(engine, NumbaGrad)), None)
    if ours is not None and not options.quick:  # small sizes reach nothing
        names = {workload.name for workload in workloads}
        result["targets"] = targets.reached(result, ours, effort_of(options), names)
        report.print_targets(result["targets"])
    if group == "models" and (best := overhead(opened, options.quick)):
        report.print_overhead(best)
        result["call_overhead_s"] = best
    return result


def file_name(options: argparse.Namespace, group: str) -> str:
    """The name of the file for the results of a group."""
    kind = "quick" if options.quick else "latest"
    threads = f"-{options.threads}-threads" if options.threads else ""
    return f"{kind}{threads}.json" if group == "models" else f"{kind}{threads}-{group}.json"


def with_threads(options: argparse.Namespace) -> None:
    """Start again with the number of threads that was asked for: it is read when Python starts."""
    wanted = str(options.threads)
    if options.threads and any(os.environ.get(name) != wanted for name in THREADS):
        flags = os.environ.get("XLA_FLAGS", "")
        if options.threads == 1:
            flags = f"{flags} --xla_cpu_multi_thread_eigen=false".strip()
        environment = {**os.environ, **dict.fromkeys(THREADS, wanted), "XLA_FLAGS": flags}
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks", *sys.argv[1:]], environment)


def wrong_in(result: Mapping[str, Any]) -> list[str]:
    """The libraries that disagreed with NumPy or failed, with what they said."""
    return [
        f"{workload}: {library}: {row['error']}"
        for workload, entry in result["workloads"].items()
        for library, row in entry["libraries"].items()
        if "error" in row
    ]


def main() -> int:
    """Run, write the files, and fail if a library disagreed with NumPy."""
    options = arguments()
    with_threads(options)
    scratch = tempfile.mkdtemp(prefix="benchmarks-")
    # Registered before any library is imported, so that it runs after their own clean-up at exit.
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    wanted = groups(options)
    opened: list[Engine] = []
    skipped: dict[str, str] = {}
    if any(group in GROUPS for group in wanted):
        opened, skipped = open_engines(all_engines(), WARM_UP, Path(scratch))
        for name, reason in skipped.items():
            print(f"without {name}: {reason}")
    wrong, written = [], []
    for group in wanted:
        path = options.out / file_name(options, group)
        if group in APART:
            found = {group: APART[group](Path(scratch) / group, options.quick)}
            result = {"machine": report.machine(), **found}
            report.write_json(path, result)
            plots = apart.write_growth_plot(path, result) if group == "growth" else []
        else:
            result = run_group(options, group, opened, skipped)
            wrong += wrong_in(result)
            report.write_json(path, result)
            plots = report.write_plot(path, result)
            if options.against:
                report.print_against(result, json.loads(options.against.read_text("utf-8")))
        written += [path, *plots]
    print("\nwritten:", *(str(file) for file in written))
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
