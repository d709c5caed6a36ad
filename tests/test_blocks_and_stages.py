"""Loops over rows in blocks, and Programs in stages for several threads: the same numbers.

Most of it runs as plain Python, which needs no compiling.
"""

import multiprocessing
import os
import pickle
import random
import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.codegen import blocks, emit
from numbagrad.codegen.plan import plan
from numbagrad.codegen.portions import in_stages
from numbagrad.config import using
from numbagrad.errors import ShapeError
from numbagrad.function import build, threads
from numbagrad.function.threads import Staged
from numbagrad.function.wrapper import array_like_compiled
from numbagrad.rewrite import rewrite
from numbagrad.tensor.random.utils import RandomStream

from .plain_python import run
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
def test_blocks_of_rows_compute_the_same(monkeypatch, n):
    inputs, outputs = logistic()
    program = plan(inputs, rewrite(outputs, inputs), "f", 400)
    whole = emit.emit(blocks_off(monkeypatch, program), 400)
    monkeypatch.undo()
    monkeypatch.setattr(blocks, "BLOCK", 4)
    printed = emit.emit(program, 400)
    assert "_block" in printed.source
    assert "_block" not in whole.source
    values = logistic_data(n)
    for one, other in zip(
        plainly(program, printed, values), plainly(program, whole, values), strict=True
    ):
        np.testing.assert_array_equal(one, other)


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
    assert in_stages(program) is None


def test_draws_keep_their_order():
    stream = RandomStream(1)
    X, w = T.dmatrix("X"), T.dvector("w")
    noise = stream.normal(0, 1, size=(X.shape[0],))
    r = T.exp(T.dot(X, w) + noise)
    f = ng.function([X, w], [r.sum(), T.dot(r, X)], parallel=True)
    assert "_block" not in f.source
    assert f.maker.compiled.staged is None
    X_, w_ = RNG.normal(size=(300, 3)), RNG.normal(size=3)
    drawn = np.random.default_rng(np.random.SeedSequence(1).spawn(1)[0]).normal(size=300)
    np.testing.assert_allclose(f(X_, w_)[0], np.exp(X_ @ w_ + drawn).sum(), rtol=1e-10)


# -- stages ----------------------------------------------------------------------------------


def test_a_portion_is_in_blocks_as_the_whole_is():
    inputs, outputs = logistic()
    stages = in_stages(plan(inputs, rewrite(outputs, inputs), "f", 400))
    (shared,) = (stage for stage in stages if stage.shared is not None)
    source = emit.emit(shared.program, 400).source
    assert f"in range(max(begin, 0), end, {blocks.BLOCK}):" in source


def staged_plainly(program):
    """The stages, each run as plain Python."""

    def made(stage):
        printed = emit.emit(stage.program, 400)
        given = len(stage.program.parameters) - len(stage.program.constants)

        def call(*values):
            results = run(stage.program, printed, values[:given])
            return tuple(results) if len(results) != 1 else results[0]

        return call

    stages = in_stages(program)
    if stages is None:
        return None
    names = [name for name, _, _ in program.parameters]
    return Staged([(stage, made(stage)) for stage in stages], names, None)


@settings(
    derandomize=True, database=None, deadline=None, max_examples=40,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(st.integers(0, 10**6))
def test_stages_compute_random_graphs(seed):
    source = random.Random(seed)
    graph = Graph(source, source.choice((("float64",), ("float64", "int64", "bool")))).grow(30)
    outputs = graph.outputs(12)
    arguments = [*graph.inputs, *graph.shared]
    if not outputs:
        return
    program = plan(arguments, rewrite(outputs, arguments), "f", 400)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "LEAST_WORK", 0.0)
        patch.setattr(threads, "SMALL", 0)
        staged = staged_plainly(program)
        if staged is None:
            return
        values = [array_like_compiled(graph.values[v].copy()) for v in arguments]
        made = staged(*values, *program.constants)
    made = list(made) if len(outputs) != 1 else [made]
    assert_equal(graph, outputs, made, [graph.values[v] for v in outputs])


@pytest.fixture
def eager(monkeypatch):
    """Everything is shared out, whatever its size."""
    monkeypatch.setattr(threads, "LEAST_WORK", 0.0)
    monkeypatch.setattr(threads, "SMALL", 0)
    return monkeypatch


@pytest.fixture(scope="module")
def pair():
    """A function in stages, and the same without."""
    inputs, outputs = logistic()
    X = inputs[0]
    more = [T.softmax(X, axis=1), T.exp(X).sum(axis=0)]
    both = [ng.function(inputs, outputs + more, parallel=parallel) for parallel in (True, False)]
    assert both[0].maker.compiled.staged is not None
    assert both[1].maker.compiled.staged is None
    return both


@pytest.mark.parametrize("n", [0, 1, 5, 16, 1000])
def test_stages_give_what_the_whole_gives(eager, pair, n):
    parallel, whole = pair
    values = logistic_data(n)
    with np.errstate(all="ignore"):
        for one, other in zip(parallel(*values), whole(*values), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_the_number_of_threads_changes_nothing(eager, pair):
    values = logistic_data(997)
    results = []
    for count in (1, 2, 3, 8):
        eager.setattr(threads, "thread_count", lambda count=count: count)
        results.append(pair[0](*values))
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


def test_rows_that_say_themselves_how_long_they_are(eager):
    x, k = T.dvector("x"), T.lvector("k")
    sums = ng.scan(lambda end: T.sum(T.exp(x[:end])), k, return_updates=False)
    f = ng.function([x, k], [sums, ng.grad(sums.sum(), x)], parallel=True)
    assert any(stage.shared for stage in in_stages(f.maker.compiled.program))
    value, ends = RNG.normal(size=9), np.array([3, 0, 9, 1, 7])
    got, slope = f(value, ends)
    np.testing.assert_allclose(got, [np.exp(value[:end]).sum() for end in ends])
    np.testing.assert_allclose(slope, [np.exp(v) * (ends > i).sum() for i, v in enumerate(value)])


def test_stages_are_compiled_as_the_whole_is(monkeypatch):
    asked = []
    monkeypatch.setattr(
        build.jit, "build", lambda *args, kept=build.jit.build: asked.append(args) or kept(*args)
    )
    x = T.dvector("x")
    with using(optimize="fast_compile", fastmath=False):
        ng.function([x], (T.tanh(x) * T.exp(x)).sum(), parallel=True)
    assert len(asked) > 2
    assert {(args[2], *args[6:]) for args in asked} == {(False, 1)}


def test_parts_of_sums_that_are_not_finite_add_up_without_a_warning(eager):
    x = T.dvector("x")
    f = ng.function([x], (x * T.exp(T.tanh(x))).sum(), parallel=True)
    assert f.maker.compiled.staged is not None
    assert np.isnan(f(np.r_[np.inf, np.zeros(50), -np.inf]))
    assert f(np.r_[1e308, np.zeros(50), 1e308]) == np.inf


def test_an_error_in_a_stage_is_that_of_the_whole(eager, pair):
    X, y, w, p = logistic_data(50)
    for f in pair:
        with pytest.raises(ShapeError, match="have to be equal"):
            f(X, y[:-1], w, p)


def test_an_error_in_a_portion_is_raised(eager):
    def portion(k):
        if k == 3:
            raise ZeroDivisionError(k)
        return k

    for count in (1, 4):
        eager.setattr(threads, "thread_count", lambda count=count: count)
        with pytest.raises(ZeroDivisionError):
            threads._in_threads(portion, 8)
    assert threads._in_threads(lambda k: k * k, 5) == [0, 1, 4, 9, 16]


def test_calls_from_several_threads_and_from_within_portions(eager, pair):
    eager.setattr(threads, "thread_count", lambda: 3)
    values = logistic_data(300)
    expected = pair[0](*values)
    found = []

    def work():
        for _ in range(10):
            found.append(pair[0](*values))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    found += threads._in_threads(lambda k: pair[0](*values), 6)
    assert len(found) == 46
    for results in found:
        for one, other in zip(results, expected, strict=True):
            np.testing.assert_array_equal(one, other)


def _in_child(queue, f, values):
    queue.put([np.asarray(v) for v in f(*values)])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_has_threads_of_its_own(eager, pair):
    eager.setattr(threads, "thread_count", lambda: 2)
    values = logistic_data(300)
    expected = pair[0](*values)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_in_child, args=(queue, pair[0], values))
    child.start()
    found = queue.get(timeout=60)
    child.join(60)
    assert child.exitcode == 0
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_threads_are_those_that_were_asked_for(monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "3")
    assert threads.thread_count() == 3
    monkeypatch.setenv("NUMBA_NUM_THREADS", "")
    assert 1 <= threads.thread_count() <= (os.cpu_count() or 1)


@pytest.mark.holds_at("it is about the setting itself", parallel=False)
def test_parallel_comes_from_the_argument_the_mode_or_the_settings():
    x = T.dvector("x")
    cost = (T.tanh(x) * T.exp(x)).sum()
    with using(parallel=True):
        assert ng.function([x], cost).maker.mode.parallel
    assert not ng.function([x], cost).maker.mode.parallel
    f = ng.function([x], cost, parallel=True)
    again = pickle.loads(pickle.dumps(f))
    assert again.maker.compiled.staged is not None
    np.testing.assert_allclose(again(np.ones(5)), f(np.ones(5)))


def test_updates_of_shared_variables(eager):
    w, x = ng.shared(np.zeros(4), "w"), T.dmatrix("x")
    new = w + T.exp(x).sum(axis=0)
    f = ng.function([x], new.sum(), updates=[(w, new)], parallel=True)
    value = RNG.normal(size=(40, 4))
    f(value)
    f(value)
    np.testing.assert_allclose(w.get_value(), 2 * np.exp(value).sum(axis=0))
