"""What is measured in a process of its own: compiling a large graph, the memory of a call.

``python -m benchmarks.child KIND ENGINE NUMBER`` prints one line of JSON. A process of its own
means that the peak of its memory is that of one thing. The folder for what the engine caches is
the working directory.
"""

import json
import re
import resource
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.engines import Engine, all_engines
from benchmarks.workload import Workload
from benchmarks.workloads import WARM_UP
from benchmarks.workloads.checkpoints import CHECKPOINTS
from benchmarks.workloads.elementwise import ELEMENTWISE
from benchmarks.workloads.garch import GARCH
from benchmarks.workloads.gaussian_process import GAUSSIAN_PROCESS
from benchmarks.workloads.random_graph import random_graph

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def opened(name: str) -> Engine:
    """The engine of this name, imported, after its first build."""
    (engine,) = (one for one in all_engines() if one.name == name)
    engine.open(Path.cwd())
    if engine.takes(WARM_UP):
        engine.build(WARM_UP)(*engine.load(WARM_UP.inputs({})))
    return engine


def growth(name: str, nodes: int) -> dict[str, float]:
    """Seconds from a graph of some nodes to the first value and gradient, and the peak memory."""
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 50 * nodes + 10_000))
    engine = opened(name)
    workload = random_graph(nodes)
    arguments = engine.load(workload.inputs({}))
    begin = time.perf_counter()
    value = engine.build(workload)(*arguments)[0]
    return {"seconds": time.perf_counter() - begin, "value": float(value), "peak": peak()}


def memory(name: str, n: int, workload: Workload = ELEMENTWISE) -> dict[str, float]:
    """Bytes that one call of a value and gradient adds to the peak."""
    engine = opened(name)
    call = engine.build(workload)
    call(*engine.load(workload.inputs({"n": 100})))
    if engine.recompiles:  # a copy of the inputs, gone before the peak is reset
        call(*engine.load(workload.inputs({"n": n})))
    arguments = engine.load(workload.inputs({"n": n}))
    before = reset_peak()
    results = call(*arguments)
    return {"bytes": peak() - before, "value": float(np.asarray(results[0]))}


def reset_peak() -> float:
    """Forget the peak so far where Linux allows it; the peak from now on."""
    with suppress(OSError):  # without, the peak of the past may hide what the call adds
        RESET.write_text("5", encoding="ascii")
    return peak()


def peak() -> float:
    """The most memory that this process has held, in bytes."""
    if STATUS.exists():  # on Linux ru_maxrss begins with the parent's
        found = re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text(encoding="ascii"))
        if found:
            return 1024.0 * int(found[1])
    most = float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return most if sys.platform == "darwin" else 1024.0 * most


KINDS = {
    "growth": growth,
    "memory": memory,
    "memory-garch": partial(memory, workload=GARCH),
    "memory-checkpoints": partial(memory, workload=CHECKPOINTS),
    "memory-gaussian-process": partial(memory, workload=GAUSSIAN_PROCESS),
}

if __name__ == "__main__":
    kind, library, number = sys.argv[1:]
    print(json.dumps(KINDS[kind](library, int(number))))
