"""Generators between the user and compiled code: updates, copies, streams, errors, memory."""

import importlib
import pickle
import re
import threading
import tracemalloc

import numpy as np
import pytest
import scipy.stats as st
from hypothesis import given, settings
from hypothesis import strategies as some

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.errors import InputError, ShapeError
from numbagrad.graph.generators import copy_generator
from numbagrad.sandbox.rng_mrg import MRG_RandomStreams
from numbagrad.scan import scan
from numbagrad.tensor import random as R
from numbagrad.tensor.random.utils import RandomStream
from numbagrad.tensor.shared_randomstreams import RandomStreams

MODES = pytest.mark.parametrize("mode", [None, "reference"])


def state(rng):
    return rng.bit_generator.state["state"]["state"]


# -- state -----------------------------------------------------------------------------------------


@MODES
def test_without_an_update_each_call_draws_the_same(mode):
    rng = R.shared_rng(seed=3)
    before = state(rng.get_value())
    f = ng.function([], rng.normal(size=3)[1], mode=mode)
    np.testing.assert_array_equal(f(), f())
    assert state(rng.get_value()) == before


@MODES
def test_a_generator_used_twice_gives_both_the_same_stream(mode):
    rng = R.shared_rng(seed=3)
    second, x = rng.normal(size=3)
    third, y = second.uniform(size=2)
    _, again = rng.uniform(size=2)
    _, other = second.normal(size=2)
    f = ng.function([], [x, y, again, other, rng], updates={rng: third}, mode=mode)
    judge = np.random.default_rng(3)
    for _ in range(2):
        start = copy_generator(judge)
        want = judge.normal(size=3)
        middle = copy_generator(judge)
        made = f()
        np.testing.assert_array_equal(made[0], want)
        np.testing.assert_array_equal(made[1], judge.uniform(size=2))
        np.testing.assert_array_equal(made[2], copy_generator(start).uniform(size=2))
        np.testing.assert_array_equal(made[3], middle.normal(size=2))
        assert state(made[4]) == state(start)
        assert state(rng.get_value()) == state(judge)


@MODES
def test_a_generator_can_be_passed_and_returned(mode):
    g = R.rng("g")
    after, x = g.normal(size=2)
    f = ng.function([g], [after, x, after], mode=mode)
    mine = np.random.default_rng(7)
    later, made, copied = f(mine)
    assert state(mine) == state(np.random.default_rng(7))
    assert later is not mine and later is not copied and state(later) == state(copied)
    np.testing.assert_array_equal(made, np.random.default_rng(7).normal(size=2))
    np.testing.assert_array_equal(f(later)[1], np.random.default_rng(7).normal(size=4)[2:])
    unchanged = ng.function([g], g, mode=mode)(mine)
    assert unchanged is not mine and state(unchanged) == state(mine)


def test_a_mutable_input_is_advanced_where_it_is():
    g = R.rng("g")
    after, x = g.normal(size=2)
    f = ng.function([ng.In(g, mutable=True)], [after, x])
    mine = np.random.default_rng(7)
    assert f(mine)[0] is mine
    assert state(mine) != state(np.random.default_rng(7))


def test_shared_generators_are_advanced_where_they_are():
    mine = np.random.default_rng(5)
    borrowed, copied = ng.shared(mine), R.shared_rng(mine, borrow=True)
    assert borrowed.get_value(borrow=True) is not mine
    assert copied.get_value(borrow=True) is mine and copied.get_value() is not mine
    after, x = copied.normal()
    ng.function([], x, updates={copied: after})()
    assert state(mine) != state(np.random.default_rng(5))
    copied.set_value(seed=5)
    assert state(copied.get_value()) == state(np.random.default_rng(5))


@MODES
def test_an_update_by_the_draws_of_another_generator(mode):
    a, b = R.shared_rng(seed=1), R.shared_rng(seed=2)
    after, x = b.normal()
    f = ng.function([], x, updates={a: after}, mode=mode)
    f()
    judge = np.random.default_rng(2)
    assert state(b.get_value()) == state(judge)
    judge.normal()
    assert state(a.get_value()) == state(judge)
    assert a.get_value(borrow=True) is not b.get_value(borrow=True)


def test_an_update_has_to_be_a_generator():
    rng = R.shared_rng(seed=1)
    with pytest.raises(TypeError, match="must be a generator"):
        ng.function([], [], updates={rng: T.constant(1.0)})


def test_threads_share_a_generator():
    stream = RandomStream(seed=1)
    f = ng.function([], stream.uniform(size=1000))
    made = []
    threads = [threading.Thread(target=lambda: made.extend(f())) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    (first,) = np.random.SeedSequence(1).spawn(1)
    assert sorted(made) == sorted(np.random.default_rng(first).uniform(size=8000))


def test_two_shared_variables_of_one_generator_do_not_hang():
    mine = np.random.default_rng(5)
    a, b = R.shared_rng(mine, borrow=True), R.shared_rng(mine, borrow=True)
    (after_a, x), (after_b, y) = a.normal(), b.normal()
    f = ng.function([], [x, y], updates={a: after_a, b: after_b})
    assert sorted(f()) == sorted(np.random.default_rng(5).normal(size=2))


def test_functions_with_generators_are_pickled_and_copied():
    x = RandomStream(seed=3).uniform(size=2)
    f = ng.function([], x)
    g = pickle.loads(pickle.dumps(f))
    for _ in range(2):
        np.testing.assert_array_equal(f(), g())
    swapped = f.copy(swap={f.get_shared()[0]: R.shared_rng(seed=1)})
    judge = np.random.default_rng(1)
    for _ in range(2):
        np.testing.assert_array_equal(swapped(), judge.uniform(size=2))
    still = f.copy(delete_updates=True)
    np.testing.assert_array_equal(still(), still())


def test_a_generator_replaced_by_givens():
    x = RandomStream(seed=3).uniform(size=2)
    g = R.rng("g")
    f = ng.function([g], x, givens={x.owner.inputs[0]: g}, no_default_updates=True)
    np.testing.assert_array_equal(
        f(np.random.default_rng(9)), np.random.default_rng(9).uniform(size=2)
    )


def test_unneeded_draws_still_advance_the_generator():
    rng = R.shared_rng(seed=1)
    middle, _ = rng.normal(size=5)
    after, x = middle.uniform()
    f = ng.function([], x, updates={rng: after})
    judge = np.random.default_rng(1)
    judge.normal(size=5)
    assert f() == judge.uniform()
    only = ng.function([], [], updates={rng: after})
    only()
    judge.normal(size=5), judge.uniform()
    assert state(rng.get_value()) == state(judge)


# -- streams ---------------------------------------------------------------------------------------


@MODES
def test_a_stream_spawns_a_generator_for_each_variable(mode):
    stream = RandomStream(seed=[1, 2])
    x, y = stream.normal(size=2), stream.integers(10, size=3)
    assert stream.updates() == stream.state_updates and len(stream.updates()) == 2
    f = ng.function([], [x, y], mode=mode)
    sequence = np.random.SeedSequence([1, 2])
    first, second = (np.random.default_rng(s) for k in range(2) for s in sequence.spawn(1))
    for _ in range(2):
        a, b = f()
        np.testing.assert_array_equal(a, first.normal(size=2))
        np.testing.assert_array_equal(b, second.integers(10, size=3))
    stream.seed(8)
    first, second = map(np.random.default_rng, np.random.SeedSequence(8).spawn(2))
    np.testing.assert_array_equal(f()[1], second.integers(10, size=3))
    stream.seed()
    (first,) = np.random.SeedSequence([1, 2]).spawn(1)
    np.testing.assert_array_equal(f()[0], np.random.default_rng(first).normal(size=2))


def test_streams_of_other_generators_and_names():
    stream = RandomStream(
        1, namespace=R, rng_ctor=lambda s: np.random.Generator(np.random.SFC64(s))
    )
    (first,) = np.random.SeedSequence(1).spawn(1)
    want = np.random.Generator(np.random.SFC64(first)).standard_normal(4)
    np.testing.assert_array_equal(stream.standard_normal(size=4).eval(), want)
    with pytest.raises(AttributeError, match="no distribution 'nonsense'"):
        stream.nonsense()
    with pytest.raises(ValueError, match="generators of its own"):
        stream.normal(rng=R.rng())


def test_theanos_streams_take_the_size_first():
    assert MRG_RandomStreams is RandomStreams
    srng = RandomStreams(seed=234)
    draws = [
        srng.uniform((2, 2)), srng.normal((2, 2), avg=1.0, std=2.0),
        srng.binomial((5,), n=1, p=0.5, dtype="float64"), srng.random_integers((9,), 1, 3),
        srng.poisson((3,), lam=2.0), srng.choice((3,), a=5), srng.permutation(n=5),
        srng.multinomial(n=3, pvals=[0.5, 0.5]), srng.shuffle_row_elements(np.eye(3)),
    ]  # fmt: skip
    made = ng.function([], draws, mode="reference")()
    judges = [np.random.default_rng(s) for s in np.random.SeedSequence(234).spawn(len(draws))]
    want = [
        judges[0].uniform(size=(2, 2)), judges[1].normal(1.0, 2.0, (2, 2)),
        judges[2].binomial(1, 0.5, 5).astype(float), judges[3].integers(1, 4, 9),
        judges[4].poisson(2.0, 3), judges[5].choice(5, 3), judges[6].permutation(5),
        judges[7].multinomial(3, [0.5, 0.5]), judges[8].permutation(np.eye(3)),
    ]  # fmt: skip
    for x, y in zip(made, want, strict=True):
        np.testing.assert_array_equal(x, y)


def test_names_stand_where_pytensor_has_them():
    basic, type_, variable = (
        importlib.import_module(f"numbagrad.tensor.random.{name}")
        for name in ("basic", "type", "variable")
    )
    assert basic.normal is R.normal and set(basic.__all__) <= set(R.__all__)
    assert type_.random_generator_type is R.random_generator_type
    assert variable.shared_rng is R.shared_rng and variable.rng is R.rng


def test_draws_in_a_function_cut_into_parts():
    rng = after = R.shared_rng(seed=1)
    draws = []
    with ng.using(statement_cap=20):
        for k in range(12):
            after, x = after.normal(k, 1.0, size=3)
            draws.append(T.exp(-(x**2)).sum() * x)
        f = ng.function([], draws, updates={rng: after})
    assert f.compile_report().functions > 2
    judge = np.random.default_rng(1)
    for k, made in enumerate(f()):
        x = judge.normal(k, 1.0, 3)
        np.testing.assert_allclose(made, np.exp(-(x**2)).sum() * x, rtol=1e-12)
    assert state(rng.get_value()) == state(judge)


# -- code ------------------------------------------------------------------------------------------


@pytest.mark.holds_at("loops in stages and by columns are for vectors", optimize="default")
def test_a_mean_of_many_draws_keeps_none_of_them():
    n = T.lscalar("n")
    z = RandomStream(seed=1).normal(size=n)
    f = ng.function([n], T.exp(z).mean())
    kept = re.findall(r"empty\((.*)\)", f.source)
    assert kept == ["128"] and f.source.count("random.normal") == 1
    f(10)
    tracemalloc.start()
    f(10**6)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10**5
    (first,) = np.random.SeedSequence(1).spawn(1)
    draws = np.random.default_rng(first).normal(size=10 + 10**6 + 20)[-20:]
    np.testing.assert_allclose(f(20), np.exp(draws).mean(), rtol=1e-13)


@pytest.mark.holds_at("it looks at what is printed", optimize="default")
@pytest.mark.parametrize("size", [0, 1, 127, 128, 129, 300])
def test_costly_work_on_draws_is_apart_from_them(size):
    x = T.dmatrix("x")
    outputs = {}
    for mode in ("numba", "reference"):
        stream = RandomStream(seed=2)
        z, k = stream.normal(x, T.exp(x)), stream.poisson(3.0, size=x.shape)
        made = [z, T.exp(T.sin(z) * k).sum(axis=1), T.log(1.0 + k * T.abs(z)).sum(axis=0)]
        f = ng.function([x], made, mode=mode)
        value = np.random.default_rng(1).normal(size=(3, size))
        outputs[mode] = [*f(value), *f(-value)]
        if mode == "numba":
            drawing = f.source[: f.source.index("= exp(sin(")]
            assert f.source.count("random.normal(") == drawing.count("random.normal(") == 1
            assert "_block[j - j0] = " in drawing
    for ours, theirs in zip(outputs["numba"], outputs["reference"], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-13)


def test_work_that_later_draws_wait_for_stays_between_them():
    stream = RandomStream(seed=2)
    first = ng.function([], T.exp(stream.normal(T.exp(stream.normal(size=400)), 1.0)))
    stream = RandomStream(seed=2)
    second = T.exp(stream.normal(T.exp(stream.normal(size=400)), 1.0))
    same = ng.function([], second, mode="reference")
    np.testing.assert_allclose(first(), same(), rtol=1e-13)
    y, _ = ng.scan(lambda p: T.exp(-p) + stream.normal(0, 1), outputs_info=0.1, n_steps=200)
    walk = ng.function([], y)
    assert walk.source.count("for ") == 1 and "_block" not in walk.source


def test_draws_of_one_generator_keep_their_order():
    rng = R.shared_rng(seed=1)
    one, x = rng.normal(size=(3, 4))
    two, y = one.normal(x, 1.0)  # the second draws depend on the first, element by element
    three, z = two.uniform(size=(4, 3))
    f = ng.function([], [x + y, z.T * x, (y * z.T).sum()], updates={rng: three})
    judge = np.random.default_rng(1)
    a = judge.normal(size=(3, 4))
    b = judge.normal(a, 1.0)
    c = judge.uniform(size=(4, 3))
    for made, want in zip(f(), [a + b, c.T * a, (b * c.T).sum()], strict=True):
        np.testing.assert_allclose(made, want, rtol=1e-13)


def test_a_draw_read_more_than_once_is_made_once():
    x = R.normal(size=(3, 1), rng=R.shared_rng(seed=2))
    y = T.dmatrix("y")
    f = ng.function([y], [T.switch(y > 0, x, -x), x.sum(), T.exp(x) * T.exp(x)])
    draws = np.random.default_rng(2).normal(size=(3, 1))
    at = np.array([[1.0, -1.0]] * 3)
    made = f(at)
    np.testing.assert_array_equal(made[0], np.where(at > 0, draws, -draws))
    np.testing.assert_allclose(made[1], draws.sum(), rtol=1e-13)
    np.testing.assert_allclose(made[2], np.exp(draws) ** 2, rtol=1e-13)


# -- errors ----------------------------------------------------------------------------------------


@MODES
@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda s: R.normal(0.0, s, size=3), "normal: scale < 0"),
        (lambda s: R.uniform(0.0, s), "uniform: low > high"),
        (lambda s: R.beta(1.0, s), "beta: beta <= 0"),
        (lambda s: R.binomial(3, s), "binomial: p < 0, p > 1 or p is NaN"),
        (lambda s: R.negative_binomial(1e10, T.exp(30 * s)), "n is too large or p too small"),
        (lambda s: R.poisson(s * [[1.0], [-1.0]] + [1.0, 1.5]), "poisson: lam < 0"),
        (lambda s: R.triangular([0.0, 0.0], 1.0, T.stack([2.0, s])), "mode > right"),
        (lambda s: R.normal(size=(2, T.cast(s, "int64"))), "a size must not be negative"),
        (lambda s: R.integers(0, T.cast(s, "int64")), "integers: low >= high"),
    ],
)
def test_wrong_parameters_name_distribution_parameter_and_line(draw, words, mode):
    s = T.dscalar("s")
    f = ng.function([s], draw(s), mode=mode)
    with pytest.raises(ValueError, match=rf"(?s){words}.*test_random_functions.py"):
        f(-2.0)


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: R.normal(size=-1), ValueError, "must not be negative"),
        (lambda: R.normal([[1.0]], size=3), ValueError, "size has 1 entries, but loc has 2"),
        (lambda: R.normal([1.0, 2.0], [1.0, 2.0, 3.0]), ShapeError, "2 and 3 have to be equal"),
        (lambda: R.normal(rng=np.random.default_rng(1)), TypeError, "rng must be symbolic"),
        (lambda: R.normal(rng=T.dscalar()), TypeError, "RandomGeneratorType"),
        (lambda: R.normal(1.0 + 2.0j), TypeError, "loc must be real"),
        (lambda: R.normal(dtype="int64"), ValueError, "can not be made int64"),
        (lambda: R.normal(avg=1.0), TypeError, "normal: got an unexpected keyword"),
        (lambda: R.binomial(2.5, 0.5), TypeError, "n must be whole numbers"),
        (lambda: R.gamma(1.0), ValueError, "exactly one of rate and scale"),
        (lambda: R.shared_rng(), ValueError, "a Generator or a seed"),
        (lambda: R.shared_rng(5), TypeError, r"numpy\.random\.Generator is needed"),
        (lambda: ng.shared(np.random.RandomState(1)), TypeError, "use numpy.random.default_rng"),
        (lambda: R.multivariate_normal([0.0], [1.0]), ValueError, "at least 2 dimensions"),
        (lambda: R.multivariate_normal([0.0], [[1.0]], method="svd"), ValueError, "'cholesky'"),
        (lambda: R.choice(3, p=[[1.0]]), ValueError, "p must have 1 dimension"),
        (lambda: R.rng().nonsense(), AttributeError, "nonsense"),
        (lambda: R.random_generator_type.constant(np.random.default_rng(1)), TypeError, "constant"),
    ],
)
def test_what_is_wrong_from_the_start(build, error, words):
    with pytest.raises(error, match=words):
        build()


def test_arguments_that_are_no_generators():
    g = R.rng("g")
    f = ng.function([g], g.normal()[1])
    with pytest.raises(InputError, match=r"input 0 \(g\): A numpy.random.Generator is needed"):
        f(5)


# -- any parameters --------------------------------------------------------------------------------

number = some.floats(-50, 50, allow_subnormal=False)
above_zero = some.floats(1e-3, 1e3)
LOC_SCALE = {}


def _loc_scale():
    """One compiled function for all that have a location and a scale."""
    if not LOC_SCALE:
        loc, scale, n, g = T.dscalar("loc"), T.dscalar("scale"), T.lscalar("n"), R.rng("g")
        draws = []
        for name in ("normal", "laplace", "logistic", "gumbel", "cauchy", "halfnormal"):
            g, x = getattr(R, name)(loc, scale, size=n, rng=g, return_next_rng=True)
            draws.append(x)
        first = draws[0].owner.inputs[0]
        LOC_SCALE["f"] = ng.function([first, loc, scale, n], draws)
    return LOC_SCALE["f"]


@settings(max_examples=40, deadline=None)
@given(
    some.integers(0, 2**32), number, some.one_of(some.just(0.0), above_zero), some.integers(0, 9)
)
def test_any_location_and_scale(seed, loc, scale, n):
    judge = np.random.default_rng(seed)
    made = _loc_scale()(np.random.default_rng(seed), loc, scale, n)
    want = [
        judge.normal(loc, scale, n), judge.laplace(loc, scale, n), judge.logistic(loc, scale, n),
        judge.gumbel(loc, scale, n), judge.standard_cauchy(n) * scale + loc,
        abs(judge.standard_normal(n)) * scale + loc,
    ]  # fmt: skip
    for x, y in zip(made, want, strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize(
    ("draw", "judge"),
    [
        (lambda n: R.halfnormal(1.0, 2.0, size=n), st.halfnorm(1.0, 2.0)),
        (lambda n: R.halfcauchy(1.0, 2.0, size=n), st.halfcauchy(1.0, 2.0)),
        (lambda n: R.cauchy(1.0, 2.0, size=n), st.cauchy(1.0, 2.0)),
        (lambda n: R.pareto(3.0, 2.0, size=n), st.pareto(3.0, scale=2.0)),
        (lambda n: R.truncexpon(2.0, 1.0, 3.0, size=n), st.truncexpon(2.0, 1.0, 3.0)),
        (lambda n: R.invgamma(3.0, 2.0, size=n), st.invgamma(3.0, scale=2.0)),
        (lambda n: R.gengamma(3.0, 1.5, 2.0, size=n), st.gengamma(2.0, 1.5, scale=2.0)),
        (lambda n: R.t(4.0, 1.0, 2.0, size=n), st.t(4.0, 1.0, 2.0)),
    ],
)
def test_what_numpy_lacks_has_the_right_distribution(draw, judge):
    x = ng.function([], draw(20000), mode="reference")()
    assert st.kstest(x, judge.cdf).pvalue > 1e-4


# -- loops -----------------------------------------------------------------------------------------


def _walk(mu, sigma, n, judge):
    x, path = 0.0, []
    for _ in range(n):
        z = judge.normal(mu, sigma, 2)
        u = judge.uniform()
        x = 0.5 * x + z.sum() * u
        path.append(x)
    return np.array(path)


def _walk_graph():
    mu, sigma, n = T.dscalar("mu"), T.dscalar("sigma"), T.lscalar("n")
    rng = R.shared_rng(seed=3)

    def step(x, g, mu, sigma):
        g, z = g.normal(mu, sigma, size=2)
        g, u = g.uniform()
        return 0.5 * x + z.sum() * u, g

    start = [T.constant(0.0), rng]
    (path, last), _ = scan(step, outputs_info=start, non_sequences=[mu, sigma], n_steps=n)
    return (mu, sigma, n), rng, path, last


@MODES
def test_a_loop_draws_in_the_order_of_its_steps(mode):
    inputs, rng, path, last = _walk_graph()
    f = ng.function(list(inputs), path, updates={rng: last}, mode=mode)
    judge = np.random.default_rng(3)
    for n in (1, 4, 3):
        np.testing.assert_allclose(f(0.3, 0.7, n), _walk(0.3, 0.7, n, judge), rtol=1e-12)
        assert state(rng.get_value()) == state(judge)
    still = ng.function(list(inputs), path, mode=mode)
    np.testing.assert_array_equal(still(0.3, 0.7, 3), still(0.3, 0.7, 3))
    assert state(rng.get_value()) == state(judge)


@MODES
def test_gradients_of_a_loop_hold_its_draws_fixed(mode):
    (mu, sigma, n), rng, path, last = _walk_graph()
    cost = (path**2).sum()
    f = ng.function([mu, sigma, n], ng.grad(cost, [mu, sigma]), updates={rng: last}, mode=mode)

    def judge(m, s):
        return (_walk(m, s, 5, np.random.default_rng(3)) ** 2).sum()

    h = 1e-6
    want = [(judge(0.3 + h, 0.7) - judge(0.3 - h, 0.7)) / (2 * h)]
    want.append((judge(0.3, 0.7 + h) - judge(0.3, 0.7 - h)) / (2 * h))
    np.testing.assert_allclose(f(0.3, 0.7, 5), want, rtol=1e-6)


@MODES
def test_a_step_function_may_draw_from_a_stream(mode):
    stream = RandomStream(seed=3)
    path, updates = scan(
        lambda x: 0.5 * x + stream.normal(size=2), outputs_info=[T.zeros(2)], n_steps=4
    )
    f = ng.function([], path, updates=updates, mode=mode)
    (first,) = np.random.SeedSequence(3).spawn(1)
    judge = np.random.default_rng(first)
    for _ in range(2):
        x, want = np.zeros(2), []
        for _ in range(4):
            x = 0.5 * x + judge.normal(size=2)
            want.append(x)
        np.testing.assert_allclose(f(), want, rtol=1e-13)


def test_a_generator_used_twice_within_a_step_is_refused():
    def step(x, g):
        after, z = g.normal()
        return x + z + g.uniform()[1], after

    (path, _), _ = scan(step, outputs_info=[T.constant(0.0), R.shared_rng(seed=1)], n_steps=3)
    with pytest.raises(ValueError, match=r"(?s)more than once within a step.*in step"):
        ng.function([], path)


def test_generators_that_change_places_in_a_loop_are_refused():
    def step(x, g, h):
        after, z = g.normal()
        return x + z, h, after

    start = [T.constant(0.0), R.shared_rng(seed=1), R.shared_rng(seed=2)]
    (path, last, _), _ = scan(step, outputs_info=start, n_steps=3)
    with pytest.raises(TypeError, match="change places"):
        ng.function([], [path, last])


@MODES
def test_a_draw_that_an_update_wants_is_made_whichever_branch_is_taken(mode):
    c, rng = T.bscalar("c"), R.shared_rng(seed=1)
    after, x = rng.normal()
    chosen = ng.ifelse(c > 0, x, T.constant(0.0))
    f = ng.function([c], chosen, updates={rng: after}, mode=mode)
    draws = np.random.default_rng(1).normal(size=3)
    assert [f(1), f(0), f(1)] == [draws[0], 0.0, draws[2]]


# -- batches ---------------------------------------------------------------------------------------


@MODES
def test_members_of_a_batch_have_draws_of_their_own(mode):
    mu, many = T.dvector("mu"), T.dmatrix("many")
    values = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    sized = R.normal(mu, 1.0, size=(4, mu.shape[0]), rng=R.shared_rng(seed=1))
    plain = R.normal(mu, 1.0, rng=R.shared_rng(seed=1))
    vectors = R.dirichlet(mu, rng=R.shared_rng(seed=1))
    made = ng.vectorize_graph([sized, plain, vectors], {mu: many})
    made = ng.function([many], made, mode=mode)(values)
    judges = [np.random.default_rng(1) for _ in range(3)]
    np.testing.assert_array_equal(made[0], judges[0].normal(values[:, None], 1.0, (2, 4, 3)))
    np.testing.assert_array_equal(made[1], judges[1].normal(values, 1.0))
    np.testing.assert_array_equal(made[2], [judges[2].dirichlet(v) for v in values])


def test_jacobians_and_hessians_hold_draws_fixed():
    mu = T.dvector("mu")
    x = R.normal(mu, 1.0, rng=R.shared_rng(seed=1))
    f = ng.function([mu], [x, ng.jacobian(x**2, mu), ng.hessian((x**3).sum(), mu)])
    draws, jacobian, hessian = f([1.0, 2.0])
    np.testing.assert_array_equal(draws, np.random.default_rng(1).normal([1.0, 2.0], 1.0))
    np.testing.assert_allclose(jacobian, np.diag(2 * draws), rtol=1e-12)
    np.testing.assert_allclose(hessian, np.diag(6 * draws), rtol=1e-12)
