"""The command line; ``python -m benchmarks --help`` says what it takes."""

import argparse
import dataclasses
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import report, tables
from benchmarks.apart import APART
from benchmarks.engines import all_engines
from benchmarks.measure import FULL, QUICK, Effort
from benchmarks.plots import write_plot
from benchmarks.targets import budget
from benchmarks.workers import SAT_OUT, SETTINGS, Worker
from benchmarks.workload import Workload
from benchmarks.workloads import WORKLOADS

RESULTS = Path(__file__).parent / "results"
#: In the order of the documentation.
GROUPS = tuple(dict.fromkeys(workload.group for workload in WORKLOADS))
#: In a quick run a library sits out after so many seconds of compiling in one process.
QUICK_PATIENCE = 1.0


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """The parsed command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Compare numbagrad's compile and run time with NumPy, Numba by hand, JAX, "
        "PyTensor and PyTorch.",
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
        "--group", nargs="+", choices=[*GROUPS, *APART], help="only these groups (default: all)"
    )
    parser.add_argument(
        "--libraries",
        nargs="+",
        metavar="NAME",
        choices=[engine.name for engine in all_engines()],
        help="only these libraries",
    )
    parser.add_argument(
        "--threads",
        choices=[*SETTINGS, "both"],
        default="both",
        help="every library with one thread, on all cores, or both in turns (the default)",
    )
    parser.add_argument(
        "--against", type=Path, metavar="DIR", help="compare with an earlier run's folder"
    )
    parser.add_argument(
        "--seconds", type=float, metavar="S", help="time for the calls of one workload at one size"
    )
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the results")
    parser.add_argument(
        "--report", action="store_true", help="only write tables and plots of the results again"
    )
    return parser.parse_args(given)


def chosen(options: argparse.Namespace, group: str) -> list[Workload]:
    """The workloads of a group that were asked for."""
    found = [workload for workload in WORKLOADS if workload.group == group]
    return [w for w in found if not options.only or w.name in options.only]


def groups(options: argparse.Namespace) -> list[str]:
    """The groups of which something was asked for."""
    if options.only:
        return [group for group in GROUPS if chosen(options, group)]
    return list(options.group or [*GROUPS, *APART])


def effort_of(options: argparse.Namespace) -> Effort:
    """How long to measure."""
    effort = QUICK if options.quick else FULL
    given = {} if options.seconds is None else {"seconds": options.seconds}
    return dataclasses.replace(effort, **given)


def file_of(options: argparse.Namespace, group: str) -> Path:
    """The JSON file of a group; its table and plots stand beside it."""
    return Path(options.out) / f"{'quick' if options.quick else 'latest'}-{group}.json"


def stored(options: argparse.Namespace) -> dict[str, Any]:
    """The results of all groups that lie in the folder."""
    files = {group: file_of(options, group) for group in (*GROUPS, *APART)}
    return {g: json.loads(f.read_text("utf-8")) for g, f in files.items() if f.exists()}


def say_how_long(options: argparse.Namespace, wanted: list[str]) -> None:
    """What these groups took when they were last run."""
    took = {group: result.get("took_s", 0.0) for group, result in stored(options).items()}
    known = [took[group] for group in wanted if group in took]
    if len(known) == len(wanted) and not options.only:
        print(f"about {sum(known) / 60:.0f} minutes, as last time:", end=" ")
        print(", ".join(f"{group} {took[group]:.0f} s" for group in wanted))


def run_workloads(
    workers: Mapping[str, Worker], options: argparse.Namespace, group: str
) -> dict[str, Any]:
    """Measure what was asked for of one group, printing tables on the way."""
    first = next(iter(workers.values()))
    result: dict[str, Any] = {"versions": first.versions, "skipped": first.skipped}
    found = result["workloads"] = {}
    for workload in chosen(options, group):
        for sizes in [workload.quick] if options.quick else [workload.full, *workload.more]:
            timings = {
                setting: worker.measure(workload.name, sizes, effort_of(options))
                for setting, worker in workers.items()
            }
            rows = report.summary(timings)
            report.print_table(workload, sizes, rows)
            found[workload.label(sizes)] = {
                "title": workload.title,
                "sizes": dict(sizes),
                "base": report.base_of(timings[next(iter(workers))]),
                "libraries": rows,
            }
    if group == "calls":
        overhead = workers[min(workers)].overhead(3 if options.quick else 30)
        if overhead:
            report.print_overhead(overhead)
            result["call_overhead_s"] = overhead
    return result


def write(options: argparse.Namespace, group: str, result: Mapping[str, Any]) -> None:
    """The JSON file of a group, its table, its plots."""
    path = file_of(options, group)
    report.write_json(path, result)
    tables.write_tables(path, tables.lines_of(group, result))
    write_plot(path, group, result)
    print("written:", path, flush=True)


def write_budget(options: argparse.Namespace) -> None:
    """What was wanted and what was reached, from the results of all groups in the folder."""
    if options.quick:
        return  # small sizes reach nothing
    rows = budget(stored(options))
    report.print_targets(rows)
    tables.write_tables(file_of(options, "budget"), tables.budget_lines(rows))


def wrong_in(result: Mapping[str, Any]) -> list[str]:
    """The libraries that disagreed with NumPy or failed, with what they said."""
    return [
        f"{workload}: {library}: {row['error']}"
        for workload, entry in result.get("workloads", {}).items()
        for library, row in entry["libraries"].items()
        if "error" in row and row["error"] != SAT_OUT
    ]


def open_workers(options: argparse.Namespace, scratch: Path) -> dict[str, Worker]:
    """A process for each number of threads; all cores first: compiling is timed there."""
    patience = QUICK_PATIENCE if options.quick else None
    settings = ("all", "one") if options.threads == "both" else (options.threads,)
    workers = {
        setting: Worker(setting, scratch, options.libraries or (), patience) for setting in settings
    }
    for name, reason in next(iter(workers.values())).skipped.items():
        print(f"without {name}: {reason}")
    return workers


def run_all(options: argparse.Namespace, wanted: list[str], scratch: Path) -> list[str]:
    """Run the groups, write each one's files when it is done; what went wrong."""
    workers = open_workers(options, scratch) if set(wanted) & set(GROUPS) else {}
    wrong = []
    for group in wanted:
        begin = time.perf_counter()
        result: dict[str, Any] = {"machine": report.machine()}
        if group in APART:
            result["versions"] = report.installed()
            measure, libraries = APART[group]
            taking_part = [one for one in libraries if one in (options.libraries or libraries)]
            result[group] = measure(scratch / group, options.quick, taking_part)
        else:
            result |= run_workloads(workers, options, group)
        result["took_s"] = time.perf_counter() - begin
        wrong += wrong_in(result)
        earlier = options.against and options.against / file_of(options, group).name
        if earlier and earlier.exists():
            report.print_against(result, json.loads(earlier.read_text("utf-8")))
        write(options, group, result)
    for worker in workers.values():
        worker.close()
    return wrong


def main(given: list[str] | None = None) -> int:
    """Run what was asked for, and fail if a library disagreed with NumPy."""
    options = arguments(given)
    if options.report:
        for group, result in stored(options).items():
            write(options, group, result)
        write_budget(options)
        return 0
    wanted = groups(options)
    say_how_long(options, wanted)
    with tempfile.TemporaryDirectory(prefix="benchmarks-", ignore_cleanup_errors=True) as scratch:
        wrong = run_all(options, wanted, Path(scratch))
    write_budget(options)
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
