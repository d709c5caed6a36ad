"""The report of which loops are vectorised, on loops that must be and one that cannot be."""

import subprocess
import sys

import llvmlite.binding as llvm
import numpy as np
import pytest

from numbagrad import Mode, function, grad, scan, tensor, using
from numbagrad.jit.machine import supported

DEFAULT = pytest.mark.holds_at(
    "it is about loops as they are printed and compiled by default", optimize="default"
)

DIRECT = pytest.mark.holds_at("Numba compiles it in another way", compiler="direct")


def lanes(f):
    return [loop.lanes for loop in f.simd_report().loops]


@pytest.mark.holds_at("LLVM makes vectors by default", optimize="default")
def test_each_innermost_loop_is_named_with_its_line():
    X, w = tensor.dmatrix("X"), tensor.dvector("w")
    f = function([X, w], [tensor.exp(X).sum(axis=1), tensor.cumsum(w)])
    report = f.simd_report()
    lines = f.source.splitlines()
    for loop in report.loops:
        assert lines[loop.line - 1] == loop.text and "for" in loop.text
        assert str(loop) in str(report)
    assert report.loops and (report.loops[0].lanes > 1 or not supported())


@DEFAULT
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_elementwise_loops_reductions_and_gradients_are_vectorised(dtype):
    x, y = tensor.vector("x", dtype=dtype), tensor.vector("y", dtype=dtype)
    cost = tensor.sum(tensor.tanh(x) * tensor.exp(-tensor.sqr(y)) + tensor.sin(x * y))
    f = function([x, y], [cost, *grad(cost, [x, y])])
    assert min(lanes(f)) > 1
    g = function([x, y], [tensor.dot(x, y), tensor.var(x)])
    assert lanes(g) and min(lanes(g)) > 1
    if llvm.llvm_version_info[0] >= 17:  # before, LLVM knows no maximum that keeps NaN
        assert min(lanes(function([x, y], [tensor.max(x), tensor.min(y)]))) > 1


@pytest.mark.skipif(not supported(), reason="what Numba compiles has vectors of half a register")
@DEFAULT
@DIRECT
@pytest.mark.holds_at("parts for threads do not know the sizes of what they take", parallel=False)
def test_short_loops_over_windows_of_rows_of_a_known_length():
    x = tensor.tensor(dtype="float64", shape=(16, 64), name="x")
    cost = tensor.sum(tensor.exp(x[:, 32:]) * x[:, :32])
    f = function([x], [cost, grad(cost, x)])
    assert len(lanes(f)) == 3 and min(lanes(f)) > 1


def test_a_loop_whose_steps_depend_on_each_other_is_not():
    x = tensor.dvector("x")
    f = function([x], tensor.argmax(tensor.exp(x)))
    assert lanes(f) == [1]
    assert "one at a time" in str(f.simd_report())


@pytest.mark.skipif(not supported(), reason="below llvmlite 0.45 Numba compiles copies")
@DEFAULT
@DIRECT
def test_a_copy_is_as_wide_as_can_be():
    x = tensor.dvector("x")
    f = function([x], tensor.concatenate([x, x]))
    assert lanes(f) and min(lanes(f)) > 1


@pytest.mark.skipif(not supported(), reason="below llvmlite 0.45 Numba compiles everything")
@DIRECT
@pytest.mark.parametrize("parallel", [False, True])
def test_fast_compile_makes_no_vectors_of_loops_and_of_parts_for_threads(parallel):
    X, w = tensor.dmatrix("X"), tensor.dvector("w")
    cost = tensor.sum(tensor.exp(tensor.dot(X, w)))
    f = function(
        [X, w], [cost, grad(cost, w)], mode=Mode(optimize="fast_compile", parallel=parallel)
    )
    assert ("in shared_out(" in f.source) == parallel
    assert set(lanes(f)) == {1}


def test_draws_are_made_one_at_a_time():
    draws = tensor.random.RandomStream(3).binomial(5, 0.3, size=3)
    assert lanes(function([], draws)) == [1]


@DEFAULT
def test_neighbours_that_are_computed_together_make_no_vectors():
    e, a, b = tensor.dvector("e"), tensor.dscalar("a"), tensor.dscalar("b")
    (h, _) = scan(lambda e, h: a * h + b * e, e, outputs_info=[1.0])
    f = function([e, a, b], [tensor.sum(h), *grad(tensor.sum(h), [a, b])])
    assert set(lanes(f)) == {1}


@pytest.mark.skipif(not supported(), reason="below llvmlite 0.45 Numba compiles everything")
@DIRECT
def test_the_report_needs_no_numba():
    code = (
        "import sys, numbagrad as ng\n"
        "x = ng.tensor.dvector('x')\n"
        "print(ng.function([x], ng.tensor.exp(x)).simd_report().loops[0].lanes > 1)\n"
        "assert 'numba' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_only_numba_compiles_is_reported_too():
    z = tensor.zvector("z")
    assert len(function([z], 2.0 * z + 1.0).simd_report().loops) == 1
    x = tensor.dvector("x")
    with using(compiler="numba"):
        assert lanes(function([x], tensor.exp(x)))[0] > 1


def test_a_function_without_loops_says_so():
    x = tensor.dscalar("x")
    assert str(function([x], 2.0 * x).simd_report()) == "no loops"


def test_in_reference_mode_there_is_nothing_to_report():
    x = tensor.dvector("x")
    f = function([x], 2.0 * x, mode=Mode(linker="reference"))
    with pytest.raises(ValueError, match="has no compiled loops"):
        f.simd_report()


@pytest.mark.parametrize("op, truth", [(tensor.max, np.max), (tensor.min, np.min)])
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "uint8", "bool"])
def test_extremes_in_vectors_keep_nan_and_all_dtypes(op, truth, dtype):
    rng = np.random.default_rng(5)
    x = tensor.vector("x", dtype=dtype)
    f = function([x], op(x))
    for size in (1, 2, 7, 64, 1001):
        values = (rng.normal(size=size) * 50).astype(np.int64).astype(dtype)
        assert f(values) == truth(values)
        if dtype.startswith("float"):
            assert f(values / 7) == truth(values / np.asarray(7, dtype))
            values[rng.integers(size)] = np.nan
            assert np.isnan(f(values))
            values[...] = rng.choice([np.inf, -np.inf], size)
            assert f(values) == truth(values)


@DEFAULT
@pytest.mark.parametrize("dtype", ["float64", "float32", "int32"])
def test_positions_in_given_arrays_are_found_in_vectors(dtype):
    x = tensor.matrix("x", dtype=dtype)
    made = [tensor.argmax(x, axis=1), tensor.argmin(x, axis=0), tensor.argmax(x, axis=(0, 1))]
    whole = dtype == "int32"  # which one loop does as fast
    rng = np.random.default_rng(4)
    given = rng.integers(-4, 5, (37, 41)).astype(dtype)  # many are tied
    if not whole:
        given[rng.random(given.shape) < 0.01] = np.nan
        given[3], given[5, 7:9] = np.inf, [np.nan, -np.inf]
    for output, truth in zip(made, [given.argmax(1), given.argmin(0), given.argmax()], strict=True):
        f = function([x], output)
        np.testing.assert_array_equal(f(given), truth)
        if not whole and llvm.llvm_version_info[0] >= 17:
            assert min(lanes(f)) > 1
