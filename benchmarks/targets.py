"""The budget: what numbagrad wants to reach, read off the results of all groups.

Each row says what is measured, how to find it in the results, and the bound. Peers' times are
multiples of numbagrad's, medians, from the same run.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.apart import LIMIT, NOT_READY
from benchmarks.report import WORDS, seconds
from benchmarks.workload import Workload
from benchmarks.workloads.elementwise import ELEMENTWISE
from benchmarks.workloads.garch import GARCH
from benchmarks.workloads.kalman import KALMAN
from benchmarks.workloads.logistic import LOGISTIC
from benchmarks.workloads.logistic_parts import LOGISTIC_GRADIENT, LOGISTIC_PRODUCT
from benchmarks.workloads.rosenbrock_parts import (
    ROSENBROCK_ALL,
    ROSENBROCK_BANDED,
    ROSENBROCK_GRADIENT,
    ROSENBROCK_SPARSE,
)
from benchmarks.workloads.square import SQUARE

Results = Mapping[str, Any]  # the results of each group, by its name


@dataclass(frozen=True)
class Target:
    """``find(results)`` is to be at least `least` or at most `most`; None was not measured."""

    what: str
    find: Callable[[Results], float | None]
    least: float | None = None
    most: float | None = None
    show: Callable[[float], str] = "{:.3g}".format

    def row(self, results: Results) -> dict[str, Any] | None:
        """What was wanted and reached; None where it was not measured."""
        value = self.find(results)
        if value is None:
            return None
        if self.least is not None:
            wanted, ok = f"at least {self.show(self.least)}", value >= self.least
        else:
            assert self.most is not None
            wanted, ok = f"at most {self.show(self.most)}", value <= self.most
        return {"what": self.what, "wanted": wanted, "reached": self.show(value), "ok": ok}


def _median(
    results: Results, workload: Workload, sizes: Mapping[str, int], setting: str, library: str
) -> float | None:
    """Seconds of a call of the fastest engine whose name begins so."""
    entries = results.get(workload.group, {}).get("workloads", {})
    rows = entries.get(workload.label(sizes), {"libraries": {}})["libraries"]
    found = [
        row[setting]["median_s"]
        for name, row in rows.items()
        if name.startswith(library) and setting in row
    ]
    return min(found, default=None)


def _ratio(over: float | None, under: float | None) -> float | None:
    return None if over is None or under is None else over / under


def _times(
    results: Results, workload: Workload, sizes: Mapping[str, int], setting: str, peer: str
) -> float | None:
    """How many times as long a peer needs."""
    time = partial(_median, results, workload, sizes, setting)
    return _ratio(time(peer), time("numbagrad"))


def _slower(
    results: Results, workload: Workload, sizes: Mapping[str, int], setting: str, peer: str
) -> float | None:
    """How many times as long as a peer numbagrad needs."""
    return _ratio(1.0, _times(results, workload, sizes, setting, peer))


def peer(
    workload: Workload, sizes: Mapping[str, int], peer: str, least: float, settings: str = "one all"
) -> list[Target]:
    """A peer needs at least so many times as long, with one thread and on all cores."""
    return [
        Target(
            f"{_name(workload, sizes)}, {WORDS[setting]}: {peer} / numbagrad",
            partial(_times, workload=workload, sizes=sizes, setting=setting, peer=peer),
            least=least,
        )
        for setting in settings.split()
    ]


def _name(workload: Workload, sizes: Mapping[str, int]) -> str:
    size = ", ".join(f"{name} = {value:,}".replace(",", " ") for name, value in sizes.items())
    return f"{workload.title} ({size})" if size else workload.title


def own(workload: Workload, unit: Workload, sizes: Mapping[str, int], most: float) -> Target:
    """One workload costs at most so many times another; both in numbagrad, one thread."""

    def find(results: Results) -> float | None:
        one, other = (
            _median(results, each, sizes, "one", "numbagrad") for each in (workload, unit)
        )
        return _ratio(one, other)

    return Target(f"{_name(workload, sizes)} / {unit.title}", find, most=most)


def _apart(results: Results, group: str, library: str) -> Mapping[str, Any]:
    """What was found of one library in a group of processes."""
    found: Mapping[str, Any] = results.get(group, {}).get(group, {}).get(library, {})
    return found


def _grown(results: Results, library: str, nodes: int, key: str) -> float | None:
    found: float | None = _apart(results, "growth", library).get(str(nodes), {}).get(key)
    return found


def compiling(nodes: int) -> Target:
    """JAX compiles the same random graph no faster, in a process that has compiled before.

    Where JAX was not ready in time, that time counts.
    """

    def find(results: Results) -> float | None:
        peer, own = (_grown(results, one, nodes, "seconds") for one in ("JAX", "numbagrad"))
        late = _apart(results, "growth", "JAX").get(str(nodes), {}).get("error") == NOT_READY
        return _ratio(LIMIT if late else peer, own)

    return Target(f"compile a graph of {nodes:>5} nodes: JAX / numbagrad", find, least=1.0)


def linear(key: str, words: str) -> Target:
    """What a node costs in a large graph and in one a tenth as large."""

    def find(results: Results) -> float | None:
        few, many = (_grown(results, "numbagrad", n, key) for n in (3_000, 30_000))
        ratio = _ratio(many, few)
        return None if ratio is None else ratio / 10.0

    return Target(f"compile: {words} a node, 30 000 nodes / 3 000 nodes", find, most=1.5)


def _started(results: Results, library: str, *keys: str) -> float | None:
    found: Any = _apart(results, "start", library)
    for key in keys:
        found = found.get(key, {})
    return found or None


def starting(library: str, least: float, *keys: str) -> Target:
    """Another library needs so many times as long in a fresh process."""
    words = "first compile in a process" if "cold" in keys else "fresh process, cached"

    def find(results: Results) -> float | None:
        return _ratio(*(_started(results, one, *keys) for one in (library, "numbagrad")))

    return Target(f"{words}: {library} / numbagrad", find, least=least)


def _memory(results: Results) -> float | None:
    found: float | None = _apart(results, "memory", "numbagrad").get("outputs")
    return found


CACHED = "cached", "import_s"
GARCH_SIZE = {"n": 10_000}
TARGETS: tuple[Target, ...] = (
    *peer(ELEMENTWISE, {"n": 1_000_000}, "JAX", 3.0),
    *peer(LOGISTIC, {"n": 10_000, "d": 50}, "JAX", 2.0),
    *peer(LOGISTIC, {"n": 1_000_000, "d": 20}, "JAX", 2.0),
    *peer(GARCH, GARCH_SIZE, "JAX", 2.0, "one"),
    *peer(GARCH, GARCH_SIZE, "PyTensor", 50.0, "one"),
    Target(
        "GARCH(1,1) (n = 10 000), one thread: numbagrad / Numba by hand",
        partial(_slower, workload=GARCH, sizes=GARCH_SIZE, setting="one", peer="Numba by hand"),
        most=1.2,
    ),
    Target(
        "call of a tiny function",
        partial(_median, workload=SQUARE, sizes={}, setting="one", library="numbagrad"),
        most=0.6e-6,
        show=seconds,
    ),
    *peer(SQUARE, {}, "PyTensor C", 1.0, "one"),
    *peer(SQUARE, {}, "PyTensor Numba", 1.6 / 0.6, "one"),
    *peer(SQUARE, {}, "JAX", 10.0, "one"),
    *(compiling(nodes) for nodes in (10, 100, 1_000, 3_000)),
    starting("PyTensor Numba", 3.0, "cold", "compile_s"),
    Target(
        "fresh process, cached: first import to first result",
        lambda results: _started(results, "numbagrad", *CACHED),
        most=0.3,
        show=seconds,
    ),
    starting("PyTensor Numba", 0.7 / 0.3, *CACHED),
    starting("JAX", 6.0, *CACHED),
    linear("seconds", "seconds"),
    linear("peak", "peak memory"),
    Target("memory of a fused gradient: added to the peak / its outputs", _memory, most=1.1),
    # Beyond the budget.
    *peer(ROSENBROCK_ALL, {"n": 1_000}, "PyTensor", 2.0, "one"),
    *peer(ROSENBROCK_ALL, {"n": 1_000}, "JAX", 3.0, "one"),
    *peer(ROSENBROCK_BANDED, {"n": 200}, "JAX", 2.0, "one"),
    *peer(KALMAN, {"n": 1_000, "d": 8}, "JAX", 3.0, "one"),
    own(ROSENBROCK_SPARSE, ROSENBROCK_GRADIENT, {"n": 10_000}, 100.0),
    own(LOGISTIC_PRODUCT, LOGISTIC_GRADIENT, {"n": 10_000, "d": 50}, 2.2),
)


def budget(results: Results) -> list[dict[str, Any]]:
    """What was wanted and what was reached, as far as it was measured."""
    rows: Sequence[dict[str, Any] | None] = [target.row(results) for target in TARGETS]
    return [row for row in rows if row is not None]
