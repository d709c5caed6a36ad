"""The command line; ``python -m benchmarks --help`` says what it takes."""

import argparse
import atexit
import dataclasses
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import report, targets
from benchmarks.engines import Call, Engine, NumbaGrad, all_engines
from benchmarks.measure import FULL, QUICK, Effort, Timing, measure, open_engines
from benchmarks.overhead import call_overhead
from benchmarks.workload import Workload
from benchmarks.workloads import WARM_UP, WORKLOADS

RESULTS = Path(__file__).parent / "results"


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
        choices=sorted({workload.group for workload in WORKLOADS}),
        default="models",
        help="which workloads, if --only does not say (default: %(default)s)",
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


def chosen(options: argparse.Namespace) -> list[Workload]:
    """The workloads that were asked for."""
    if options.only:
        return [workload for workload in WORKLOADS if workload.name in options.only]
    return [workload for workload in WORKLOADS if workload.group == options.group]


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


def run(options: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Measure everything that was asked for, printing tables on the way."""
    opened, skipped = open_engines(all_engines(), WARM_UP, scratch)
    for name, reason in skipped.items():
        print(f"without {name}: {reason}")
    result: dict[str, Any] = {
        "machine": report.machine(),
        "versions": report.versions(opened),
        "skipped": skipped,
        "base": opened[0].name,
        "workloads": {},
    }
    workloads = chosen(options)
    for workload in workloads:
        result["workloads"] |= run_workload(opened, workload, options)
    ours = next((engine for engine in opened if isinstance(engine, NumbaGrad)), None)
    if ours is not None and not options.quick:  # small sizes reach nothing
        names = {workload.name for workload in workloads}
        result["targets"] = targets.reached(result, ours, effort_of(options), names)
        report.print_targets(result["targets"])
    if options.group == "models" and (best := overhead(opened, options.quick)):
        report.print_overhead(best)
        result["call_overhead_s"] = best
    return result


def file_name(options: argparse.Namespace) -> str:
    """The name of the file for the results."""
    kind = "quick" if options.quick else "latest"
    return f"{kind}.json" if options.group == "models" else f"{kind}-{options.group}.json"


def main() -> int:
    """Run, write the files, and fail if a library disagreed with NumPy."""
    options = arguments()
    scratch = tempfile.mkdtemp(prefix="benchmarks-")
    # Registered before any library is imported, so that it runs after their own clean-up at exit.
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    result = run(options, Path(scratch))
    path = options.out / file_name(options)
    report.write_json(path, result)
    plots = report.write_plot(path, result)
    print("\nwritten:", *(str(file) for file in [path, *plots]))
    wrong = [
        f"{workload}: {library}: {row['error']}"
        for workload, entry in result["workloads"].items()
        for library, row in entry["libraries"].items()
        if "error" in row
    ]
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
