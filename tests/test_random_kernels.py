"""Kernels that draw whole vectors: NumPy's numbers to the last bit, and its state afterwards."""

import mpmath
import numba
import numpy as np
import pytest

from numbagrad.kernels import random, random_arrays, slopes, symbols


class Twins:
    """The address of a generator, and another generator in the same state."""

    def __init__(self, seed):
        self.rng, self.judge = np.random.default_rng(seed), np.random.default_rng(seed)
        self.address = self.rng.bit_generator.ctypes.bit_generator.value

    def agree(self, made, want):
        np.testing.assert_array_equal(made, want)
        assert self.rng.bit_generator.state == self.judge.bit_generator.state


@pytest.mark.parametrize("n", [0, 1, 2, 5, 100, 1000])
def test_permutation(n):
    for seed in range(5):
        twins = Twins(seed)
        twins.agree(random_arrays.permutation(twins.address, n), twins.judge.permutation(n))


@pytest.mark.parametrize(
    ("n", "count"),
    [
        (1, 1), (5, 0), (5, 5), (5, 3), (100, 10), (3000, 3000), (10001, 200), (10001, 201),
        (20000, 10), (20000, 401), (20000, 20000),
    ],
)  # fmt: skip
def test_subsets_by_either_algorithm(n, count):
    for seed in range(5):
        twins = Twins(seed)
        made = random_arrays.subset(twins.address, count, n)
        twins.agree(made, twins.judge.choice(n, count, replace=False))


@pytest.mark.parametrize("k", [1, 2, 5, 50])
def test_positions_with_given_probabilities(k):
    for seed in range(5):
        p = np.random.default_rng(100 + seed).dirichlet(np.ones(k))
        twins = Twins(seed)
        twins.agree(random_arrays.choice(twins.address, 20, p), twins.judge.choice(k, 20, p=p))
        made = random_arrays.categorical(twins.address, 20, p)
        twins.agree(made, np.searchsorted(p.cumsum(), twins.judge.uniform(size=20)))
        for count in (0, 1, k // 2, k):
            made = random_arrays.weighted_subset(twins.address, count, p)
            twins.agree(made, twins.judge.choice(k, count, replace=False, p=p))


def test_a_position_is_never_behind_the_last_one():
    p = np.full(10, 0.1 - 1e-10)  # sums to less than 1, within what is allowed
    twins = Twins(0)
    assert random_arrays.categorical(twins.address, 10**6, p).max() == 9


@pytest.mark.parametrize("k", [1, 2, 5, 50])
def test_vectors_of_numbers(k):
    for seed in range(5):
        chance = np.random.default_rng(100 + seed)
        p, n = chance.dirichlet(np.ones(k)), int(chance.integers(1000))
        twins = Twins(seed)
        made = random_arrays.multinomial(twins.address, 7, n, p)
        twins.agree(made, twins.judge.multinomial(n, p, 7))
        for alpha in (chance.uniform(0.0, 3.0, k), chance.uniform(0.0, 0.09, k)):
            for last in (alpha[-1], 0.0):
                alpha[-1] = last
                made = random_arrays.dirichlet(twins.address, 7, alpha)
                twins.agree(made, twins.judge.dirichlet(alpha, 7))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("dirichlet", (1, np.array([1.0, -1.0]))),
        ("multinomial", (1, -1, np.array([0.5, 0.5]))),
        ("multinomial", (1, 3, np.array([0.5, np.nan]))),
        ("multinomial", (1, 3, np.array([0.9, 0.9, 0.1]))),
        ("choice", (1, np.array([0.5, 0.2]))),
        ("categorical", (1, np.array([1.5, -0.5]))),
        ("subset", (4, 3)),
        ("weighted_subset", (3, np.array([0.5, 0.5]))),
        ("weighted_subset", (2, np.array([1.0, 0.0]))),
    ],
)
def test_wrong_parameters_draw_nothing(name, arguments):
    twins = Twins(0)
    with pytest.raises(ValueError, match=r"dirichlet|multinomial|choice"):
        getattr(random_arrays, name)(twins.address, *arguments)
    twins.agree(0, 0)


def test_what_calls_a_draw_contracts_nothing_in_it():
    @numba.njit(fastmath=True, error_model="numpy")
    def many(rng, count):
        made = np.empty((3, count))
        for i in range(count):
            made[0, i] = random.halfnormal(rng, 0.1, 1.7)
            made[1, i] = random.cauchy(rng, 0.1, 1.7)
            made[2, i] = random.uniform(rng, 0.1 * i, 1.7 * i)
        return made

    twins = Twins(1)
    want = np.empty((3, 1000))
    for i in range(1000):
        want[0, i] = abs(twins.judge.standard_normal()) * 1.7 + 0.1
        want[1, i] = twins.judge.standard_cauchy() * 1.7 + 0.1
        want[2, i] = twins.judge.uniform(0.1 * i, 1.7 * i)
    twins.agree(many(twins.address, 1000), want)


@pytest.mark.parametrize("kind", ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"])
def test_every_bit_generator_of_numpy(kind):
    make = getattr(np.random, kind)
    twins = Twins(0)
    twins.rng, twins.judge = (np.random.Generator(make(3)) for _ in range(2))
    address = twins.rng.bit_generator.ctypes.bit_generator.value
    made = random_arrays.dirichlet(address, 50, np.array([0.5, 2.0]))
    want = twins.judge.dirichlet([0.5, 2.0], 50)
    np.testing.assert_array_equal(made, want)
    assert twins.rng.random() == twins.judge.random()


def test_every_routine_is_exported():
    for name in symbols.RANDOM:
        symbols.register([symbols.PREFIX + name])


def test_a_routine_that_numpy_lacks_is_named(monkeypatch):
    monkeypatch.setitem(symbols.RANDOM, "random_nonsense", "d")
    with pytest.raises(ImportError, match="does not export random_nonsense"):
        symbols.register([symbols.PREFIX + "random_nonsense"])


def _slope(a, x):
    """The derivative of the quantile, from mpmath's incomplete gamma functions."""
    with mpmath.workdps(50):
        a, x = mpmath.mpf(a), mpmath.mpf(x)
        low, high, sign = (0, x, -1) if x < a + 1 else (x, mpmath.inf, 1)
        by_shape = mpmath.diff(lambda s: mpmath.gammainc(s, low, high, regularized=True), a)
        return float(sign * by_shape / (x ** (a - 1) * mpmath.exp(-x) / mpmath.gamma(a)))


@pytest.mark.parametrize("a", [0.01, 0.5, 1.0, 1.7, 30.0, 1000.0])
@pytest.mark.parametrize("q", [-3, -0.2, 0.2, 1, 3, 6])
def test_slopes_of_gamma_draws(a, q):
    x = a + q * a**0.5 if a > 1 else a * np.exp(q)
    x = x if x > 0 else 0.01 * a
    np.testing.assert_allclose(slopes.gamma_slope(a, x), _slope(a, x), rtol=1e-12)


def test_slopes_at_the_edges():
    assert slopes.gamma_slope(2.0, 0.0) == 0.0
    assert np.isnan(
        [slopes.gamma_slope(*at) for at in ((0.0, 1.0), (1.0, -1.0), (np.nan, 1.0))]
    ).all()
