"""Loops over rows in blocks, and in portions for several threads: the same numbers.

Most of it runs as plain Python, which needs no compiling.
"""

import multiprocessing
import os
import pickle
import random
import threading
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.codegen import emit, rows
from numbagrad.codegen.plan import plan
from numbagrad.codegen.portions import in_portions
from numbagrad.codegen.program import Allocate, Assign, For, Program, Store
from numbagrad.config import using
from numbagrad.errors import ShapeError
from numbagrad.function.wrapper import array_like_compiled
from numbagrad.jit import machine, pool
from numbagrad.kernels.portions import first_row
from numbagrad.ops.dtypes import float_of
from numbagrad.ops.kinds import Elementwise
from numbagrad.rewrite import rewrite
from numbagrad.tensor.random.utils import RandomStream
from numbagrad.testing.samples import grid

from .plain_python import run, share_everything
from .random_graphs import Graph
from .test_fuzz import assert_equal

RNG = np.random.default_rng(11)


def logistic():
    X, y, w, p = T.dmatrix("X"), T.dvector("y"), T.dvector("w"), T.dvector("p")
    z = T.dot(X, w)
    loss = T.mean(T.softplus(z) - y * z)
    outputs = [loss, ng.grad(loss, w), ng.hessian_vector_product(loss, w, p)]
    return [X, y, w, p], outputs


def logistic_data(n, d=3):
    return [RNG.normal(size=(n, d)), RNG.normal(size=n), RNG.normal(size=d), RNG.normal(size=d)]


def plainly(program, emitted, values):
    return run(program, emitted, [array_like_compiled(np.array(v)) for v in values])


# -- blocks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("cached", [0, 12, 10_000])
def test_blocks_of_rows_compute_the_same(monkeypatch, n, cached):
    inputs, outputs = logistic()
    program = plan(inputs, rewrite(outputs, inputs), "f", 400)
    whole = emit.emit(blocks_off(monkeypatch, program), 400)
    monkeypatch.undo()
    monkeypatch.setattr(rows, "BLOCK", 4)
    monkeypatch.setattr(rows, "CACHED", cached)
    printed = emit.emit(program, 400)
    assert "_block" in printed.source
    assert "_block" not in whole.source
    values = logistic_data(n)
    for one, other in zip(
        plainly(program, printed, values), plainly(program, whole, values), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.holds_at("loops in stages and by columns are for vectors", optimize="default")
def test_sums_of_another_dtype_start_where_they_are_added_to():
    X, w = T.fmatrix("X"), T.fvector("w")
    z = T.dot(X, w)
    outputs = [T.exp(z).sum(), T.dot(T.exp(z), X)]
    f = ng.function([X, w], outputs)
    assert "_block" in f.source
    X_, w_ = RNG.normal(size=(300, 3)).astype("float32"), np.float32([0.1, -0.2, 0.3])
    found = f(X_, w_)
    np.testing.assert_allclose(found[0], np.exp(X_ @ w_).sum(), rtol=1e-5)
    np.testing.assert_allclose(found[1], np.exp(X_ @ w_) @ X_, rtol=1e-4, atol=1e-3)


@pytest.mark.holds_at("what shares a loop depends on what is simplified", optimize="default")
def test_functions_of_rows_before_a_product_are_in_a_loop_of_their_own():
    X, v, w = T.dmatrix("X"), T.dvector("v"), T.dvector("w")
    e = T.exp(v * w)
    f = ng.function([X, v, w], [T.dot(e * w, X), T.sum(e), e + 1.0])
    work, multiples = f.source.split("for i in range(i0, i1):")[1:]
    assert "exp(" in work and "for j in" not in work and "1.0 + " in work
    assert "exp(" not in multiples and "for j in" in multiples
    X_, v_, w_ = RNG.normal(size=(300, 3)), RNG.normal(size=300), RNG.normal(size=300)
    e_ = np.exp(v_ * w_)
    for found, expected in zip(f(X_, v_, w_), [(e_ * w_) @ X_, e_.sum(), e_ + 1.0], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_what_a_function_of_a_row_meets_comes_before_the_product_with_it():
    X, b = T.dmatrix("X"), T.dvector("b")
    t, seen = T.dvector("t"), T.tensor(dtype="bool", shape=(None,), name="seen")
    given, z = T.log(t), T.dot(X, b)
    sums = [T.sum(T.switch(seen, v, 0.0)) for v in (-given, z)]
    arguments, outputs = [X, b, t, seen], [given, T.exp(-z), *sums]
    program = plan(arguments, rewrite(outputs, arguments), "f", 400)
    values = [RNG.normal(size=(9, 2)), RNG.normal(size=2), np.arange(1.0, 10.0), np.arange(9) > 4]
    found = plainly(program, emit.emit(program, 400), values)
    X_, b_, t_, seen_ = values
    expected = [np.log(t_), np.exp(-X_ @ b_), -np.log(t_)[seen_].sum(), (X_ @ b_)[seen_].sum()]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def blocks_off(monkeypatch, program):
    monkeypatch.setattr(emit, "in_blocks", lambda given: given)
    return program


@pytest.mark.holds_at("what shares a loop depends on what is simplified", optimize="default")
def test_the_matrix_is_read_in_one_loop_over_blocks():
    inputs, outputs = logistic()
    source = ng.function(inputs, outputs).source
    assert source.count("for i0 in range(") == 1
    products, work, multiples = source.split("for i in range(i0, i1):")[1:4]
    assert "+= X_ij * w[j]" in products
    assert "for j" not in work and "sigmoid" in work
    assert multiples.count("for j in range(") == 1


def test_rows_that_wait_for_each_other_stay_in_one_loop():
    x, h0 = T.dvector("x"), T.dscalar("h0")
    h, _ = ng.scan(lambda x, h: T.tanh(h + x), [x], [h0])
    program = plan([x, h0], rewrite([h], [x, h0]), "f", 400)
    assert "_block" not in emit.emit(program, 400).source
    assert in_portions(program) is program


def test_draws_keep_their_order():
    stream = RandomStream(1)
    X, w = T.dmatrix("X"), T.dvector("w")
    noise = stream.normal(0, 1, size=(X.shape[0],))
    r = T.exp(T.dot(X, w) + noise)
    f = ng.function([X, w], [r.sum(), T.dot(r, X)], parallel=True)
    assert "_block" not in f.source
    assert "shared_out" not in f.source
    X_, w_ = RNG.normal(size=(300, 3)), RNG.normal(size=3)
    drawn = np.random.default_rng(np.random.SeedSequence(1).spawn(1)[0]).normal(size=300)
    np.testing.assert_allclose(f(X_, w_)[0], np.exp(X_ @ w_ + drawn).sum(), rtol=1e-10)


# -- portions --------------------------------------------------------------------------------


def test_a_portion_is_in_blocks_as_the_whole_is():
    inputs, outputs = logistic()
    program = in_portions(plan(inputs, rewrite(outputs, inputs), "f", 400))
    source = emit.emit(program, 400).source
    assert "in range(begin, end, rows):" in source
    assert "for part in shared_out(parts):" in source


@pytest.mark.newest("printed code is run as plain Python")
@settings(
    derandomize=True, database=None, deadline=None, max_examples=40,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(st.integers(0, 10**6))
def test_portions_compute_random_graphs(seed):
    source = random.Random(seed)
    graph = Graph(source, source.choice((("float64",), ("float64", "int64", "bool")))).grow(30)
    outputs = graph.outputs(12)
    arguments = [*graph.inputs, *graph.shared]
    if not outputs:
        return
    program = in_portions(plan(arguments, rewrite(outputs, arguments), "f", 400))
    with pytest.MonkeyPatch.context() as patch:
        share_everything(patch)
        values = [graph.values[v].copy() for v in arguments]
        made = plainly(program, emit.emit(program, 400), values)
    assert_equal(graph, outputs, made, [graph.values[v] for v in outputs])


@given(st.integers(0, 10**6), st.integers(1, 64))
def test_every_row_is_in_one_part(rows, parts):
    bounds = [first_row(k, parts, rows) for k in range(parts + 1)]
    assert bounds[0] == 0 and bounds[-1] == rows
    assert bounds == sorted(bounds)


def test_arrays_that_are_one_memory_are_not_written_from_several_threads():
    def loop(array):
        double = Assign("v", f"{array}[i] * 2.0 + exp({array}[i])", dtype="float64")
        return For("i", "n", [double, Store("b", ("i",), "v")])

    def program(alias, body):
        return Program(
            "f", [("n", "int64", 0), ("a", "float64", 1)],
            [Allocate("b", ("n",), "float64"), Assign("c", alias), body],
            [("b", "float64", 1)], "", {"exp": np.exp, "empty": np.empty}, [], [],
        )  # fmt: skip

    for alias, array, apart in (
        ("a", "a", True), ("a", "c", True), ("b", "c", False), ("b[1:]", "c", False),
        ("b.shape[0]", "a", True), ("b[0]", "a", True), ("b.reshape(n)", "c", False),
    ):  # fmt: skip
        given = program(alias, loop(array))
        assert (in_portions(given) is not given) == apart, alias


@pytest.fixture
def eager(monkeypatch):
    """Everything is shared out, whatever its size."""
    share_everything(monkeypatch)
    monkeypatch.setenv("NUMBA_NUM_THREADS", "3")
    return monkeypatch


@pytest.fixture(scope="module")
def pair():
    """A function in portions, and the same without."""
    inputs, outputs = logistic()
    X = inputs[0]
    more = [T.softmax(X, axis=1), T.exp(X).sum(axis=0)]
    with pytest.MonkeyPatch.context() as patch:
        share_everything(patch)
        both = [ng.function(inputs, outputs + more, parallel=p) for p in (True, False)]
    assert "shared_out" in both[0].source
    assert "shared_out" not in both[1].source
    yield both
    with_threads(pool.thread_count())


def with_threads(count):
    """From now on so many threads share the rows of loops; below llvmlite 0.45 it is one."""
    if machine.supported():
        machine.use_threads(count)


@pytest.mark.parametrize("n", [0, 1, 5, 16, 1000])
def test_portions_give_what_the_whole_gives(pair, n):
    parallel, whole = pair
    with_threads(3)
    values = logistic_data(n)
    with np.errstate(all="ignore"):
        for one, other in zip(parallel(*values), whole(*values), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_the_number_of_threads_changes_nothing(pair):
    values = logistic_data(997)
    results = []
    for count in (1, 2, 3, 8, 300):
        with_threads(count)
        results.append(pair[0](*values))
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


def test_rows_that_say_themselves_how_long_they_are(eager):
    x, k = T.dvector("x"), T.lvector("k")
    sums = ng.scan(lambda end: T.sum(T.exp(x[:end])), k, return_updates=False)
    f = ng.function([x, k], [sums, ng.grad(sums.sum(), x)], parallel=True)
    assert "shared_out" in f.source
    value, ends = RNG.normal(size=9), np.array([3, 0, 9, 1, 7])
    got, slope = f(value, ends)
    np.testing.assert_allclose(got, [np.exp(value[:end]).sum() for end in ends])
    np.testing.assert_allclose(slope, [np.exp(v) * (ends > i).sum() for i, v in enumerate(value)])


def test_parts_of_sums_that_are_not_finite_add_up_without_a_warning(eager):
    x = T.dvector("x")
    f = ng.function([x], (x * T.exp(T.tanh(x))).sum(), parallel=True)
    assert "shared_out" in f.source
    assert np.isnan(f(np.r_[np.inf, np.zeros(50), -np.inf]))
    assert f(np.r_[1e308, np.zeros(50), 1e308]) == np.inf


@pytest.mark.holds_at("what shares a loop depends on what is simplified", optimize="default")
def test_parts_write_over_what_they_read_for_the_last_time(eager):
    r, a = T.dvector("r"), T.dscalar("a")
    h = ng.scan(lambda r, h: a * h + r**2, r, outputs_info=[1.0], return_updates=False)
    cost = (T.log(h) + r / h).sum()
    other = (T.log(h) + r / h[::-1]).sum()  # each row reads what another one would write over
    for value, once in ((cost, True), (other, False)):
        f = ng.function([r, a], [value, ng.grad(value, a)], parallel=True)
        assert "in shared_out(" in f.source
        assert f.source.count("    t3 = t1\n") == (2 if once else 0)  # for all rows, and for some
        plain = ng.function([r, a], [value, ng.grad(value, a)], mode="reference")
        for n in (0, 1, 6, 1000):
            data = RNG.normal(size=n), 0.5
            for _ in range(2):
                for one, two in zip(f(*data), plain(*data), strict=True):
                    np.testing.assert_allclose(one, two, rtol=1e-10)


def test_an_error_before_the_portions_is_that_of_the_whole(pair):
    X, y, w, p = logistic_data(50)
    for f in pair:
        with pytest.raises(ShapeError, match="have to be equal"):
            f(X, y[:-1], w, p)


def test_an_error_in_a_portion_is_raised(eager):
    class Checked(Elementwise):
        """The number itself, if it is below 7."""

        dtype, reference, samples = float_of, np.positive, [grid(-3, 3)]

        def template(x):
            if x >= 7.0:
                raise ValueError("seven")
            return x

        def partials(y, x):
            return [1.0]

    x = T.dvector("x")
    f = ng.function([x], T.exp(Checked()(x)), parallel=True)
    assert "shared_out" in f.source
    value = np.zeros(500)
    np.testing.assert_array_equal(f(value), 1.0)
    value[321] = 7.0
    for _ in range(3):
        with pytest.raises(ValueError, match="seven"):
            f(value)
    np.testing.assert_array_equal(f(np.zeros(500)), 1.0)


def test_calls_from_several_threads_at_once(pair):
    with_threads(3)
    values = logistic_data(300)
    expected = pair[0](*values)
    found = []

    def work():
        for _ in range(50):
            found.append(pair[0](*values))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 200
    for results in found:
        for one, other in zip(results, expected, strict=True):
            np.testing.assert_array_equal(one, other)


def test_many_short_calls_lose_no_wake_up(pair):
    with_threads(4)
    values = logistic_data(2)
    expected = pair[0](*values)
    for k in range(3000):
        results = pair[0](*values)
        if k % 300 == 0:  # the others sleep in the meantime
            time.sleep(0.002)
    for one, other in zip(results, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def _in_child(queue, f, values):
    for _ in range(20):
        made = f(*values)
    queue.put([np.asarray(v) for v in made])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_has_threads_of_its_own(pair):
    with_threads(2)
    values = logistic_data(300)
    expected = pair[0](*values)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    busy = threading.Event()

    def work():  # forks happen in the midst of it
        while not busy.is_set():
            pair[0](*values)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for _ in range(5):
            child = context.Process(target=_in_child, args=(queue, pair[0], values))
            child.start()
            found = queue.get(timeout=60)
            child.join(60)
            assert child.exitcode == 0
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_array_equal(one, other)
    finally:
        busy.set()
        worker.join()


def test_threads_are_those_that_were_asked_for(monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "3")
    assert pool.thread_count() == 3
    monkeypatch.setenv("NUMBA_NUM_THREADS", "")
    assert 1 <= pool.thread_count() <= (os.cpu_count() or 1)


@pytest.mark.holds_at("it is about the setting itself", parallel=False)
def test_parallel_comes_from_the_argument_the_mode_or_the_settings():
    x = T.dvector("x")
    cost = (T.tanh(x) * T.exp(x)).sum()
    with using(parallel=True):
        assert ng.function([x], cost).maker.mode.parallel
    assert not ng.function([x], cost).maker.mode.parallel
    f = ng.function([x], cost, parallel=True)
    again = pickle.loads(pickle.dumps(f))
    assert "shared_out" in again.source
    np.testing.assert_allclose(again(np.ones(5)), f(np.ones(5)))


def test_updates_of_shared_variables(eager):
    w, x = ng.shared(np.zeros(4), "w"), T.dmatrix("x")
    new = w + T.exp(x).sum(axis=0)
    f = ng.function([x], new.sum(), updates=[(w, new)], parallel=True)
    value = RNG.normal(size=(40, 4))
    f(value)
    f(value)
    np.testing.assert_allclose(w.get_value(), 2 * np.exp(value).sum(axis=0))


def test_jitted_computes_the_same_in_one_thread(eager):
    x = T.dvector("x")
    f = ng.function([x], T.exp(x).sum(), parallel=True)
    value = RNG.normal(size=97)
    np.testing.assert_allclose(f.jitted(value), f(value), rtol=1e-12)
