"""The ratios that numbagrad wants to reach, from the times of the same run.

Where numbagrad is compared with itself (a Hessian with so many gradients), the two are timed here,
in turns.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.engines import Engine
from benchmarks.measure import Effort, in_turns
from benchmarks.report import seconds
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


@dataclass(frozen=True)
class Peer:
    """A peer must need at least so many times as long as numbagrad."""

    workload: Workload
    sizes: Mapping[str, int]
    peer: str  # how the names of its engines begin
    least: float


@dataclass(frozen=True)
class Own:
    """One workload may cost at most so many times another; both in numbagrad."""

    workload: Workload
    unit: Workload
    sizes: Mapping[str, int]
    most: float


TARGETS: tuple[Peer | Own, ...] = (
    Peer(ROSENBROCK_ALL, {"n": 1_000}, "PyTensor", 2.0),
    Peer(ROSENBROCK_ALL, {"n": 1_000}, "JAX", 3.0),
    Peer(ROSENBROCK_BANDED, {"n": 200}, "JAX", 2.0),
    Peer(ELEMENTWISE, {"n": 1_000_000}, "JAX", 3.0),
    Peer(LOGISTIC, {"n": 10_000, "d": 50}, "JAX", 2.0),
    Peer(GARCH, {"n": 10_000}, "JAX", 2.0),
    Peer(GARCH, {"n": 10_000}, "PyTensor", 50.0),
    Peer(GARCH, {"n": 10_000}, "Numba by hand", 1 / 1.3),
    Peer(KALMAN, {"n": 1_000, "d": 8}, "JAX", 3.0),
    Own(ROSENBROCK_SPARSE, ROSENBROCK_GRADIENT, {"n": 10_000}, 100.0),
    Own(LOGISTIC_PRODUCT, LOGISTIC_GRADIENT, {"n": 10_000, "d": 50}, 2.2),
)


def _against_peer(target: Peer, result: Mapping[str, Any]) -> dict[str, Any] | None:
    """None where the run has no times of both."""
    entry = result["workloads"].get(target.workload.label(target.sizes), {"libraries": {}})
    rows = entry["libraries"]
    peers = [row["best_s"] for name, row in rows.items() if _timed(row, name, target.peer)]
    if not peers or not _timed(rows.get("numbagrad", {}), "numbagrad", "numbagrad"):
        return None
    reached = min(peers) / rows["numbagrad"]["best_s"]
    words = (
        f"{target.workload.label(target.sizes)}: {target.peer} needs {reached:.2f} times as long"
    )
    return {"words": words, "wanted": f"at least {target.least:g}", "ok": reached >= target.least}


def _timed(row: Mapping[str, Any], name: str, wanted: str) -> bool:
    return name.startswith(wanted) and "best_s" in row


def _against_itself(target: Own, engine: Engine, effort: Effort) -> dict[str, Any]:
    ready = {}
    for workload in (target.workload, target.unit):
        arguments = engine.load(workload.inputs(target.sizes))
        ready[workload.name] = engine.build(workload, target.sizes), arguments
    one, unit = (min(calls) for calls in in_turns(ready, effort).values())
    words = (
        f"{target.workload.label(target.sizes)}: {seconds(one)}, that is {one / unit:.2f} times "
        f"the {seconds(unit)} of {target.unit.name}"
    )
    return {"words": words, "wanted": f"at most {target.most:g}", "ok": one <= target.most * unit}


def reached(
    result: Mapping[str, Any], engine: Engine, effort: Effort, names: set[str]
) -> list[dict[str, Any]]:
    """What was reached of the targets whose workloads, by name, are in this run."""
    found = []
    for target in TARGETS:
        if isinstance(target, Peer):
            found.append(_against_peer(target, result))
        elif {target.workload.name, target.unit.name} <= names:
            found.append(_against_itself(target, engine, effort))
    return [row for row in found if row is not None]
