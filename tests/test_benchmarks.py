"""The benchmarks' workloads compute the same in numbagrad and by hand; nothing is timed here."""

import json

import numba
import numpy as np
import pytest

import numbagrad as ng
from benchmarks import child
from benchmarks.__main__ import main
from benchmarks.apart import LIMIT, NOT_READY, process, why
from benchmarks.engines import numbagrad_language, same_results
from benchmarks.measure import LONG, Effort, Timing, in_turns
from benchmarks.report import print_against, seconds, summary
from benchmarks.start import SCRIPTS, script
from benchmarks.tables import lines_of
from benchmarks.targets import TARGETS, budget
from benchmarks.workloads import WARM_UP, WORKLOADS
from benchmarks.workloads.checkpoints import CHECKPOINTS
from benchmarks.workloads.draws import DRAWS
from benchmarks.workloads.elementwise import ELEMENTWISE
from benchmarks.workloads.random_graph import follow, random_graph, random_steps
from numbagrad import tensor as T

LANGUAGE = numbagrad_language(ng, T)


@pytest.mark.parametrize(
    "workload", [*WORKLOADS, WARM_UP, CHECKPOINTS], ids=lambda workload: workload.name
)
def test_a_workload_agrees_with_its_formula_in_numpy(workload):
    arrays = workload.inputs(workload.quick)
    workload = workload.at(workload.quick)
    f = ng.function(*workload.symbolic(LANGUAGE))
    assert same_results(f(*arrays), workload.plain(*arrays), workload.rtol) is None


def test_disagreement_is_found_and_named():
    truth = [np.array(1.0), np.array([1.0, 2.0])]
    assert same_results(truth, truth, 1e-12) is None
    assert "1 outputs instead of 2" in same_results(truth[:1], truth, 1e-12)
    assert "shape (1,)" in same_results([truth[0], np.ones(1)], truth, 1e-12)
    assert "float32" in same_results([np.float32(1.0), truth[1]], truth, 1e-12)
    assert "output 1 is off" in same_results([truth[0], truth[1] + 1e-6], truth, 1e-12)
    assert "output 1 is off" in same_results([truth[0], truth[1] * np.nan], truth, 1e-12)


def test_ratios_are_taken_to_the_base_of_each_setting():
    timings = {
        "base": Timing(compile=2.0, calls=[2.0, 4.0, 3.0]),
        "peer": Timing(compile=1.0, calls=[6.0, 7.0, 9.0]),
        "wrong": Timing(error="output 0 is off"),
    }
    one = {"base": Timing(calls=[5.0]), "peer": Timing(calls=[5.0]), "wrong": timings["wrong"]}
    rows = summary({"all": timings, "one": one})
    assert rows["peer"]["all"]["best_ratio"] == 3.0
    assert rows["peer"]["all"]["median_ratio"] == pytest.approx(7.0 / 3.0)
    assert rows["peer"]["one"]["best_ratio"] == 1.0
    assert rows["peer"]["compile_ratio"] == 0.5
    assert rows["wrong"] == {"error": "output 0 is off"}
    assert summary({"one": {"wrong": timings["wrong"]}}) == {"wrong": rows["wrong"]}


def test_seconds_are_printed_in_a_fitting_unit():
    given = [None, 2.0, 3.5e-3, 4e-6, 5e-9]
    assert [seconds(value) for value in given] == ["-", "2 s", "3.5 ms", "4 µs", "5 ns"]


def test_the_budget_is_read_off_the_results_of_all_groups():
    assert budget({}) == []
    assert len({target.what for target in TARGETS}) == len(TARGETS)
    sizes = [(w.group, w.label(s)) for w in WORKLOADS for s in (w.full, *w.more)]
    row = {"one": {"median_s": 2.0}, "all": {"median_s": 2.0}}
    names = "numbagrad", "JAX", "PyTensor C", "PyTensor Numba", "Numba by hand"
    results = {group: {"workloads": {}} for group, _ in sizes}
    for group, label in sizes:
        results[group]["workloads"][label] = {"libraries": dict.fromkeys(names, row)}
    nodes = {str(n): {"seconds": n, "peak": n} for n in (10, 100, 1_000, 3_000, 30_000)}
    results["growth"] = {"growth": dict.fromkeys(names, nodes)}
    fresh = {"cold": {"compile_s": 1.0}, "cached": {"import_s": 1.0}}
    results["start"] = {"start": dict.fromkeys(names, fresh)}
    results["memory"] = {"memory": {"numbagrad": {"outputs": 1.0}}}
    rows = {row["what"]: row for row in budget(results)}
    assert list(rows) == [target.what for target in TARGETS]  # each finds its numbers
    assert rows["compile a graph of  3000 nodes: JAX / numbagrad"]["ok"]
    late = {**nodes, "3000": {"error": NOT_READY}}
    results["growth"]["growth"] = {"numbagrad": nodes, "JAX": late}
    rows |= {row["what"]: row for row in budget(results)}
    assert (
        rows["compile a graph of  3000 nodes: JAX / numbagrad"]["reached"] == f"{LIMIT / 3000:.3g}"
    )
    assert rows["compile: seconds a node, 30 000 nodes / 3 000 nodes"]["reached"] == "1"
    assert rows["call of a tiny function"] == {
        "what": "call of a tiny function",
        "wanted": "at most 600 ns",
        "reached": "2 s",
        "ok": False,
    }


def test_the_fastest_engine_of_a_peer_counts():
    (target,) = (t for t in TARGETS if t.what.startswith("GARCH") and "PyTensor /" in t.what)
    rows = {
        "numbagrad": {"one": {"median_s": 1.0}},
        "PyTensor slow": {"one": {"median_s": 100.0}},
        "PyTensor fast": {"one": {"median_s": 49.0}},
        "PyTensor wrong": {"error": "output 0 is off"},
    }
    results = {"loops": {"workloads": {"garch n=10000": {"libraries": rows}}}}
    assert target.row(results) == {
        "what": target.what,
        "wanted": "at least 50",
        "reached": "49",
        "ok": False,
    }


def test_names_of_workloads_differ():
    names = [workload.label(s) for workload in WORKLOADS for s in (workload.full, *workload.more)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "workload", [w for w in WORKLOADS if w.numba is not None], ids=lambda workload: workload.name
)
def test_what_is_written_by_hand_for_numba_agrees(workload):
    arrays = workload.inputs(workload.quick)
    workload = workload.at(workload.quick)
    made = workload.numba(numba)(*arrays)
    assert same_results(made, workload.plain(*arrays), workload.rtol) is None


def test_growing_graphs_are_the_same_in_numpy():
    x = np.linspace(-1.0, 1.0, 5)
    steps = random_steps(40)
    assert steps == random_steps(40)
    z = T.dvector("z")
    value = T.sum(follow(steps, z, T)).eval({z: x})
    np.testing.assert_allclose(value, follow(steps, x, np).sum())
    graph = random_graph(40)
    np.testing.assert_allclose(graph.plain(x)[0], value)


def test_a_long_call_is_timed_once(monkeypatch):
    clock = iter(np.arange(0.0, 1e4, 2.0 * LONG))
    monkeypatch.setattr("benchmarks.measure.time.perf_counter", lambda: next(clock))
    calls = []
    found = in_turns({"slow": (calls.append, ["called"])}, Effort(rounds=5, seconds=1.0))
    assert found == {"slow": [2.0 * LONG]} and calls == ["called"]


def test_sizes_are_handed_to_all_functions_of_a_sized_workload():
    there = DRAWS.at({"n": 1_000})
    assert not there.sized and len(there.plain(*DRAWS.inputs({"n": 1_000}))) == 3
    assert ELEMENTWISE.at({"n": 3}) is ELEMENTWISE


def test_peak_memory_is_that_of_this_process():
    before = child.reset_peak()
    block = np.ones(8_000_000)  # 64 MB
    assert 0.9 * block.nbytes < child.peak() - before < 3.0 * block.nbytes


def test_a_failed_process_is_one_line(tmp_path):
    found = process(["-c", "print(1 / 0)"], tmp_path / "a", {})
    assert found == {"error": "ZeroDivisionError: division by zero"}
    found = process(["-c", "import os; os.abort()"], tmp_path / "b", {})
    assert found == {"error": "crashed (signal 6)"}
    assert why(3, "****\n****") == "failed (exit code 3)"


def test_scripts_that_start_are_python():
    for library in SCRIPTS:
        compile(script(library), library, "exec")


def test_a_run_writes_results_tables_and_plots(tmp_path, capsys):
    common = ["--quick", "--libraries", "numbagrad", "NumPy", "--out", str(tmp_path)]
    assert main(["--only", "square", "branches", *common]) == 0
    assert main(["--group", "growth", "start", "memory", *common]) == 0
    results = {
        group: json.loads((tmp_path / f"quick-{group}.json").read_text())
        for group in ("calls", "models", "growth", "start", "memory")
    }
    rows = results["models"]["workloads"]["branches"]["libraries"]
    assert rows["NumPy"]["one"]["median_ratio"] > 0 < rows["numbagrad"]["all"]["best_s"]
    assert rows["numbagrad"]["compile_s"] > 0 and "error" not in rows["NumPy"]
    assert results["calls"]["call_overhead_s"]["f(x)"] > 0
    assert set(results["growth"]["growth"]["numbagrad"]) == {"10", "100"}
    memory = results["memory"]["memory"]
    assert memory["numbagrad"]["outputs"] > 0.5
    assert sum("arrays" in row for row in memory.values()) == 3
    start = results["start"]["start"]["numbagrad"]
    assert 0 < start["cached"]["import_s"] < start["cached"]["process_s"]
    for group, result in results.items():
        assert result["machine"]["date"] and "numbagrad" in result["versions"]
        written = (tmp_path / f"quick-{group}.rst").read_text()
        assert ".. list-table::" in written and "numbagrad" in written
    assert "all cores" in capsys.readouterr().out
    assert main(["--only", "square", "--threads", "one", "--against", str(tmp_path), *common]) == 0
    assert "relative to NumPy" in capsys.readouterr().out
    assert main(["--report", "--quick", "--out", str(tmp_path)]) == 0


def test_failures_are_told_in_tables():
    entry = {"numbagrad": {"10": {"seconds": 1.0, "peak": 2.0**20}}, "JAX": {"10": {"error": "no"}}}
    machine = {"processor": "p", "cores": 2, "python": "3", "date": "2026-01-01T00"}
    lines = list(lines_of("growth", {"machine": machine, "versions": {}, "growth": entry}))
    assert "     - 1 s" in lines and "     - no" in lines


def test_an_earlier_run_is_compared_library_by_library(capsys):
    def run(ours, numpy):
        times = {"numbagrad": ours, "NumPy": numpy}
        rows = {name: {"one": {"median_s": time}} for name, time in times.items()}
        entry = {"libraries": {**rows, "JAX": {"error": "no"}}, "base": "numbagrad"}
        return {"machine": {"date": "2026-01-01"}, "workloads": {"one": entry}}

    print_against(run(4.0, 2.0), run(2.0, 2.0))
    assert "numbagrad 2.00x, relative to NumPy 2.00x" in capsys.readouterr().out
    print_against(run(4.0, 2.0), {"machine": {"date": "then"}, "workloads": {}})
    assert "numbagrad" not in capsys.readouterr().out
