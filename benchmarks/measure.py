"""Timing: compile once, check that all agree, then time calls in interleaved rounds.

Rounds run A B C A B C ..., so that a slow moment of the machine meets every library. Before each
sample the loop waits until the thread pools of the previous library have gone to sleep (OpenBLAS's
workers stay busy for some 20 ms) and takes one sample untimed, so that each library is measured
with its own code and data in cache, as in the loop of an optimiser.
"""

import gc
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.engines import Call, Engine, UnavailableError, same_results
from benchmarks.workload import Workload

QUIET = 0.03  # seconds for another library's threads to go to sleep
SAMPLE = 0.005  # seconds that a sample of fast calls should take at least
LONG = 1.0  # a call that takes so many seconds is timed once


@dataclass(frozen=True)
class Effort:
    """How long to measure: at most so many rounds and seconds a workload, at least two rounds."""

    rounds: int
    seconds: float


FULL = Effort(rounds=40, seconds=6.0)
QUICK = Effort(rounds=2, seconds=0.2)


@dataclass
class Timing:
    """Seconds of one library on one workload; `error` instead, where it failed."""

    compile: float | None = None
    took: float = 0.0  # to the first result, compiling or not
    stages: dict[str, float] = field(default_factory=dict)
    calls: list[float] = field(default_factory=list)
    error: str | None = None

    @property
    def best(self) -> float:
        return min(self.calls)

    @property
    def median(self) -> float:
        return statistics.median(self.calls)


def open_engines(
    engines: Sequence[Engine], warm_up: Workload, scratch: Path
) -> tuple[list[Engine], dict[str, str]]:
    """The engines that can run, after one small build each, and why the others cannot.

    The build takes a library's imports and first-use work out of the times measured later. Disk
    caches go into folders under `scratch`.
    """
    opened, skipped = [], {}
    arrays = warm_up.inputs(warm_up.quick)
    for i, engine in enumerate(engines):
        cache = scratch / str(i)
        cache.mkdir(parents=True, exist_ok=True)
        try:
            engine.open(cache)
        except UnavailableError as reason:
            skipped[engine.name] = str(reason)
            continue
        if engine.takes(warm_up):
            engine.build(warm_up)(*engine.load(arrays))
        opened.append(engine)
    return opened, skipped


def sample(call: Call, arguments: Sequence[Any], repeat: int) -> float:
    """Seconds of one call, as the mean of `repeat` calls in a row."""
    start = time.perf_counter()
    for _ in range(repeat):
        call(*arguments)
    return (time.perf_counter() - start) / repeat


def calls_per_sample(call: Call, arguments: Sequence[Any]) -> tuple[int, float]:
    """How many calls in a row, a power of two, take at least `SAMPLE` seconds; seconds of one."""
    repeat = 1
    while repeat * (seconds := sample(call, arguments, repeat)) < SAMPLE:
        repeat *= 2
    return repeat, seconds


def compile_all(
    engines: Sequence[Engine],
    workload: Workload,
    sizes: Mapping[str, int],
    built: dict[str, Call],
    parallel: bool,
) -> tuple[dict[str, Timing], dict[str, tuple[Call, Sequence[Any]]]]:
    """Time from an empty graph to the first result of each engine, and check that result.

    What is in `built`, from another size, is called as it is; what is not is put there.
    """
    arrays = workload.inputs(sizes)
    workload = workload.at(sizes)
    expected = workload.plain(*arrays)
    timings: dict[str, Timing] = {}
    ready: dict[str, tuple[Call, Sequence[Any]]] = {}
    for engine in engines:
        if not engine.takes(workload):
            continue
        timing = timings[engine.name] = Timing()
        arguments = engine.load(arrays)
        gc.collect()
        anew = engine.name not in built
        start = time.perf_counter()
        try:
            call = engine.build(workload) if anew else built[engine.name]
            results = call(*arguments)
            timing.took = time.perf_counter() - start
            timing.error = same_results(results, expected, workload.rtol)
            timing.stages = engine.report() if anew else {}
            if parallel and anew and timing.error is None:
                call = engine.build_parallel(workload, call)
                timing.error = same_results(call(*arguments), expected, workload.rtol)
        except Exception as error:  # one library's failure must not lose the others' numbers
            timing.error = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        if timing.error is None:
            ready[engine.name] = call, arguments
            built[engine.name] = call
            if engine.compiles and (anew or engine.recompiles):
                timing.compile = timing.took
    return timings, ready


def in_turns(
    ready: Mapping[str, tuple[Call, Sequence[Any]]], effort: Effort
) -> dict[str, list[float]]:
    """Seconds of a call of each, round by round."""
    repeats, found = {}, {}
    for name, one in ready.items():
        repeats[name], seconds = calls_per_sample(*one)
        found[name] = [seconds] if seconds > LONG else []
    turns = [name for name in ready if not found[name]]
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        end = time.perf_counter() + effort.seconds
        for done in range(effort.rounds):
            if done >= 2 and time.perf_counter() > end:
                break
            for name in turns:
                call, arguments = ready[name]
                time.sleep(QUIET)
                sample(call, arguments, repeats[name])
                found[name].append(sample(call, arguments, repeats[name]))
    finally:
        if collecting:
            gc.enable()
    return found


def measure(
    engines: Sequence[Engine],
    workload: Workload,
    sizes: Mapping[str, int],
    effort: Effort,
    built: dict[str, Call],
    parallel: bool,
) -> dict[str, Timing]:
    """Compile and run `workload` in every engine; only engines that agree are timed."""
    timings, ready = compile_all(engines, workload, sizes, built, parallel)
    for name, calls in in_turns(ready, effort).items():
        timings[name].calls = calls
    return timings
