"""Processes in which workloads are measured, one for each number of threads.

How many threads a library may use is read when it starts, so "one thread" and "all cores" are two
processes. Both are open during the whole run and take turns, workload by workload.
"""

import multiprocessing
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.engines import Call, Engine, NumbaGrad, all_engines
from benchmarks.measure import Effort, Timing, measure, open_engines
from benchmarks.overhead import call_overhead
from benchmarks.report import versions
from benchmarks.workloads import WARM_UP, WORKLOADS

#: What libraries read when they start to know how many threads they may use.
ONE_THREAD = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    **dict.fromkeys(("NUMBA_NUM_THREADS", "NPROC"), "1"),
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
}
SETTINGS = ("one", "all")
SAT_OUT = "sat out: it has compiled for long enough in this quick run"


class Bench:
    """All engines opened in this process; `Worker` talks to the one of its process."""

    def __init__(
        self, setting: str, scratch: Path, names: Sequence[str], patience: float | None
    ) -> None:
        if setting == "one" and hasattr(os, "sched_setaffinity"):
            # Some libraries count cores and read no variable.
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        chosen = [engine for engine in all_engines() if not names or engine.name in names]
        self.opened, self.skipped = open_engines(chosen, WARM_UP, scratch)
        self.parallel = setting == "all"
        self.patience = patience
        self.compiling = dict.fromkeys((engine.name for engine in self.opened), 0.0)
        self.built: dict[str, Call] = {}

    def measure(self, name: str, sizes: Mapping[str, int], effort: Effort) -> dict[str, Timing]:
        """The times of one workload at one size, by library."""
        (workload,) = (one for one in WORKLOADS if one.name == name)
        if workload.sized or sizes in (workload.full, workload.quick):
            self.built.clear()  # another size of an unsized workload calls what is there
        taking_part = [engine for engine in self.opened if not self._tired(engine)]
        found = measure(taking_part, workload, sizes, effort, self.built, self.parallel)
        for library, timing in found.items():
            self.compiling[library] += timing.took
        tired = [engine.name for engine in self.opened if engine not in taking_part]
        return found | {name: Timing(error=SAT_OUT) for name in tired}

    def _tired(self, engine: Engine) -> bool:
        if self.patience is None or engine is self.opened[0]:
            return False
        return self.compiling[engine.name] > self.patience

    def overhead(self, rounds: int) -> dict[str, float]:
        """Seconds of a call of a tiny function, where numbagrad takes part."""
        ours = [engine for engine in self.opened if isinstance(engine, NumbaGrad)]
        return call_overhead(ours[0].ng, rounds) if ours else {}


_here: list[Bench] = []  # the bench of a worker's process


def _open(*given: Any) -> dict[str, Any]:
    warnings.simplefilter("ignore")  # libraries' own, about their own code
    _here.append(Bench(*given))
    bench = _here[0]
    return {"versions": versions(bench.opened), "skipped": bench.skipped}


def _measure(*given: Any) -> dict[str, Any]:
    return {library: asdict(timing) for library, timing in _here[0].measure(*given).items()}


def _overhead(rounds: int) -> dict[str, float]:
    return _here[0].overhead(rounds)


class Worker:
    """A process with its own number of threads; methods wait for the answer.

    ``names`` are the engines, all if there are none. One that has compiled for more than
    ``patience`` seconds sits out, but for the first. Disk caches are in ``scratch``, the same for
    all workers: only the first to come really compiles.
    """

    def __init__(
        self,
        setting: str,
        scratch: Path,
        names: Sequence[str],
        patience: float | None,
    ) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.pool = ProcessPoolExecutor(1, mp_context=spawn)
        with environment(ONE_THREAD if setting == "one" else {}):
            opened = self.pool.submit(_open, setting, scratch, names, patience).result()
        self.versions, self.skipped = opened["versions"], opened["skipped"]

    def measure(self, name: str, sizes: Mapping[str, int], effort: Effort) -> dict[str, Timing]:
        """The times of one workload at one size, by library."""
        found = self.pool.submit(_measure, name, sizes, effort).result()
        return {library: Timing(**fields) for library, fields in found.items()}

    def overhead(self, rounds: int) -> dict[str, float]:
        """Seconds of a call of a tiny function."""
        return self.pool.submit(_overhead, rounds).result()

    def close(self) -> None:
        """End the process."""
        self.pool.shutdown()


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """These variables are set for processes that start meanwhile."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
