"""The benchmarks' workloads compute the same in numbagrad and by hand; nothing is timed here."""

import numba
import numpy as np
import pytest

import numbagrad as ng
from benchmarks import child
from benchmarks.engines import numbagrad_language, same_results
from benchmarks.measure import Timing
from benchmarks.report import print_against, seconds, summary
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


@pytest.mark.parametrize(
    "workload", [w for w in WORKLOADS if w.numba is not None], ids=lambda workload: workload.name
)
def test_what_is_written_by_hand_for_numba_agrees(workload):
    arrays = workload.inputs(workload.quick)
    made = workload.numba(numba)(*arrays)
    assert same_results(made, workload.plain(*arrays), workload.rtol) is None


def test_growing_graphs_are_the_same_in_numpy():
    x = np.linspace(-1.0, 1.0, 5)
    steps = child.random_steps(40)
    assert steps == child.random_steps(40)
    z = T.dvector("z")
    value = T.sum(child.follow(steps, z, child.functions_of(T))).eval({z: x})
    np.testing.assert_allclose(value, child.follow(steps, x, child.functions_of(np)).sum())


def test_an_earlier_run_is_compared_library_by_library(capsys):
    def run(ours, numpy):
        rows = {"numbagrad": {"best_s": ours}, "NumPy": {"best_s": numpy}, "JAX": {"error": "no"}}
        entry = {"libraries": rows, "base": "numbagrad"}
        return {"machine": {"date": "2026-01-01"}, "workloads": {"one": entry}}

    print_against(run(4.0, 2.0), run(2.0, 2.0))
    assert "numbagrad 2.00x, relative to NumPy 2.00x" in capsys.readouterr().out
    print_against(run(4.0, 2.0), {"machine": {"date": "then"}, "workloads": {}})
    assert "numbagrad" not in capsys.readouterr().out
