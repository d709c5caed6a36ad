"""The benchmarks' workloads compute the same in numbagrad and by hand; nothing is timed here."""

import numpy as np
import pytest

import numbagrad as ng
from benchmarks.engines import numbagrad_language, same_results
from benchmarks.measure import Timing
from benchmarks.report import seconds, summary
from benchmarks.targets import TARGETS, Own, Peer, reached
from benchmarks.workloads import WARM_UP, WORKLOADS
from numbagrad import tensor as T

LANGUAGE = numbagrad_language(ng, T)


@pytest.mark.parametrize("workload", [*WORKLOADS, WARM_UP], ids=lambda workload: workload.name)
def test_a_workload_agrees_with_its_formula_in_numpy(workload):
    arrays = workload.inputs(workload.quick)
    f = ng.function(*workload.expressions(LANGUAGE, workload.quick))
    assert same_results(f(*arrays), workload.plain(*arrays), workload.rtol) is None


def test_disagreement_is_found_and_named():
    truth = [np.array(1.0), np.array([1.0, 2.0])]
    assert same_results(truth, truth, 1e-12) is None
    assert "1 outputs instead of 2" in same_results(truth[:1], truth, 1e-12)
    assert "shape (1,)" in same_results([truth[0], np.ones(1)], truth, 1e-12)
    assert "float32" in same_results([np.float32(1.0), truth[1]], truth, 1e-12)
    assert "output 1 is off" in same_results([truth[0], truth[1] + 1e-6], truth, 1e-12)
    assert "output 1 is off" in same_results([truth[0], truth[1] * np.nan], truth, 1e-12)


def test_ratios_are_taken_to_the_base():
    timings = {
        "base": Timing(compile=2.0, calls=[2.0, 4.0, 3.0]),
        "peer": Timing(compile=1.0, calls=[6.0, 7.0, 9.0]),
        "wrong": Timing(error="output 0 is off"),
    }
    rows = summary(timings, "base")
    assert rows["peer"]["best_ratio"] == 3.0
    assert rows["peer"]["median_ratio"] == pytest.approx(7.0 / 3.0)
    assert rows["peer"]["compile_ratio"] == 0.5
    assert rows["wrong"] == {"error": "output 0 is off"}


def test_seconds_are_printed_in_a_fitting_unit():
    given = [None, 2.0, 3.5e-3, 4e-6, 5e-9]
    assert [seconds(value) for value in given] == ["-", "2 s", "3.5 ms", "4 µs", "5 ns"]


def test_sizes_that_targets_read_are_measured():
    for target in TARGETS:
        assert target.workload in WORKLOADS
        assert target.sizes in [target.workload.full, *target.workload.more]
        if isinstance(target, Own):
            assert target.sizes in [target.unit.full, *target.unit.more]


def test_targets_are_read_off_the_fastest_engine_of_a_peer():
    target = next(target for target in TARGETS if isinstance(target, Peer))
    rows = {
        "numbagrad": {"best_s": 1.0},
        f"{target.peer} slow": {"best_s": 100.0},
        f"{target.peer} fast": {"best_s": 0.5 * target.least},
        f"{target.peer} wrong": {"error": "output 0 is off"},
    }
    result = {"workloads": {target.workload.label(target.sizes): {"libraries": rows}}}
    (row,) = reached(result, None, None, set())
    assert not row["ok"] and f"{0.5 * target.least:.2f} times" in row["words"]
    rows[f"{target.peer} fast"]["best_s"] = 2.0 * target.least
    assert reached(result, None, None, set())[0]["ok"]
    assert reached({"workloads": {}}, None, None, set()) == []


def test_names_of_workloads_differ():
    names = [workload.label(s) for workload in WORKLOADS for s in (workload.full, *workload.more)]
    assert len(set(names)) == len(names)
