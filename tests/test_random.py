"""Draws: NumPy's to the last bit, compiled and in reference mode, and the generators afterwards."""

import numpy as np
import pytest
import scipy.stats as st

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.ops.draws import DRAWS
from numbagrad.tensor import random as R

A = np.array
C = A([[0.3], [1.7], [2.5]])
V = A([0.2, 1.0, 3.0, 7.5])

#: For each distribution its arguments, and the same draws by NumPy, or by SciPy.
BY_NUMPY = {
    "uniform": ((-C, V), lambda r, a, b, n: r.uniform(a, b, n)),
    "normal": ((C, V), lambda r, a, b, n: r.normal(a, b, n)),
    "lognormal": ((C, V), lambda r, a, b, n: r.lognormal(a, b, n)),
    "exponential": ((V,), lambda r, a, n: r.exponential(a, n)),
    "cauchy": ((C, V), lambda r, a, b, n: a + b * r.standard_cauchy(n)),
    "t": ((C, V, V + 1), lambda r, a, b, c, n: b + c * r.standard_t(a, n)),
    "laplace": ((C, V), lambda r, a, b, n: r.laplace(a, b, n)),
    "logistic": ((C, V), lambda r, a, b, n: r.logistic(a, b, n)),
    "gumbel": ((C, V), lambda r, a, b, n: r.gumbel(a, b, n)),
    "weibull": ((V,), lambda r, a, n: r.weibull(a, n)),
    "rayleigh": ((V,), lambda r, a, n: r.rayleigh(a, n)),
    "vonmises": ((C, V), lambda r, a, b, n: r.vonmises(a, b, n)),
    "wald": ((C, V), lambda r, a, b, n: r.wald(a, b, n)),
    "triangular": ((-C, V, V + C), lambda r, a, b, c, n: r.triangular(a, b, c, n)),
    "gamma": ((C, None, V), lambda r, a, b, n: r.gamma(a, b, n)),
    "beta": ((C, V), lambda r, a, b, n: r.beta(a, b, n)),
    "chisquare": ((V,), lambda r, a, n: r.chisquare(a, n)),
    "integers": (
        (A([[-5], [0], [100]]), A([101, 2**40, 2**33, 2**62])),
        lambda r, a, b, n: r.integers(a, b, n),
    ),
    "bernoulli": ((A([0.0, 0.2, 0.5, 0.9, 1.0]),), lambda r, a, n: r.binomial(1, a, n)),
    "binomial": (
        (A([[0], [3], [100], [5000]]), A([0.0, 0.1, 0.5, 0.93, 1.0])),
        lambda r, a, b, n: r.binomial(a, b, n),
    ),
    "negative_binomial": (
        (V, A([0.1, 0.5, 0.9, 1.0])), lambda r, a, b, n: r.negative_binomial(a, b, n),
    ),
    "poisson": ((A([0.0, 0.3, 5.0, 9.9, 10.0, 77.0, 1e6]),), lambda r, a, n: r.poisson(a, n)),
    "geometric": ((A([1e-3, 0.1, 0.3, 0.5, 0.9, 1.0]),), lambda r, a, n: r.geometric(a, n)),
    "hypergeometric": (
        (A([[0], [5], [50], [4000]]), A([7, 60, 2000]), A([[3], [5], [7], [7]])),
        lambda r, a, b, c, n: r.hypergeometric(a, b, c, n),
    ),
}  # fmt: skip
BY_SCIPY = {
    "halfnormal": ((C, V), lambda r, a, b, n: st.halfnorm.rvs(a, b, n, random_state=r)),
    "halfcauchy": ((C, V), lambda r, a, b, n: st.halfcauchy.rvs(a, b, n, random_state=r)),
    "pareto": ((C, V), lambda r, a, b, n: st.pareto.rvs(a, scale=b, size=n, random_state=r)),
    "truncexpon": ((C, -V, V), lambda r, a, b, c, n: st.truncexpon.rvs(a, b, c, n, random_state=r)),
    "invgamma": ((C, V), lambda r, a, b, n: 1 / r.gamma(a, 1 / b, n)),
    "gengamma": (
        (C, V, V + 1),
        lambda r, a, p, c, n: st.gengamma.rvs(a / p, p, scale=c, size=n, random_state=r),
    ),
    "betabinom": (
        (A([[3], [50], [60]]), V, V),
        lambda r, a, b, c, n: st.betabinom.rvs(a, b, c, 0, n, random_state=r),
    ),
}  # fmt: skip
ALL = BY_NUMPY | BY_SCIPY


def shape_of(arguments):
    return np.broadcast_shapes(*(np.shape(a) for a in arguments if a is not None))


def drawn(names, sized, mode):
    """A function that draws from each distribution, and the generators, seeded with 11."""
    count = T.lscalar("count")
    draws, updates = [], {}
    for name in names:
        arguments, _ = ALL[name]
        rng = R.shared_rng(seed=11)
        size = (count, *shape_of(arguments)) if sized else None
        next_rng, x = getattr(R, name)(*arguments, size=size, rng=rng, return_next_rng=True)
        draws.append(x)
        updates[rng] = next_rng
    f = ng.function([count] if sized else [], draws, updates=updates, mode=mode)
    return f, list(updates)


def agree(name, made, want):
    assert made.dtype == want.dtype and made.shape == want.shape, name
    if name in BY_NUMPY:
        np.testing.assert_array_equal(made, want, err_msg=name)
    else:  # SciPy's last bit depends on NumPy's vector code
        np.testing.assert_allclose(made, want, rtol=1e-11, err_msg=name)


def by_judge(name, rng, size):
    arguments, judge = ALL[name]
    return judge(rng, *(a for a in arguments if a is not None), (*size, *shape_of(arguments)))


GROUPS = [list(ALL)[k::3] for k in range(3)]


@pytest.mark.parametrize("names", GROUPS, ids=["first", "second", "third"])
def test_draws_are_those_of_numpy_and_leave_the_generator_as_it_does(names):
    compiled, shared = drawn(names, True, None)
    reference, same = drawn(names, True, "reference")
    judges = [np.random.default_rng(11) for _ in names]
    for count in (1, 40, 0, 3):
        rows = zip(names, compiled(count), reference(count), judges, shared, same, strict=True)
        for name, made, again, rng, one, other in rows:
            np.testing.assert_array_equal(made, again, err_msg=name)
            agree(name, made, by_judge(name, rng, (count,)))
            states = [r.get_value().bit_generator.state for r in (one, other)]
            assert states[0] == states[1] == rng.bit_generator.state, name


def test_without_a_size_parameters_broadcast():
    f, _ = drawn(["normal", "binomial", "triangular", "betabinom"], False, None)
    for name, made in zip(["normal", "binomial", "triangular", "betabinom"], f(), strict=True):
        agree(name, made, by_judge(name, np.random.default_rng(11), ()))


def test_every_distribution_is_tested():
    assert len(DRAWS) == len(set(ALL) - {"chisquare", "betabinom"})


# -- whole vectors ---------------------------------------------------------------------------------

P = np.random.default_rng(0).dirichlet(np.ones(4), size=3)
ALPHAS = A([[0.5, 1.0, 2.0], [3.0, 0.01, 0.02]])
MEAN, COV = A([1.0, 2.0, 3.0]), A([[2.0, 0.5, 0.0], [0.5, 1.0, 0.3], [0.0, 0.3, 1.5]])

ARRAYS = [
    ("dirichlet", (ALPHAS[0],), {"size": (2, 3)}, lambda r: r.dirichlet(ALPHAS[0], (2, 3))),
    ("dirichlet", (ALPHAS,), {}, lambda r: np.stack([r.dirichlet(a) for a in ALPHAS])),
    (
        "dirichlet", (ALPHAS,), {"size": (4, 2)},
        lambda r: np.stack([[r.dirichlet(a) for a in ALPHAS] for _ in range(4)]),
    ),
    ("multinomial", (7, P[0]), {}, lambda r: r.multinomial(7, P[0])),
    ("multinomial", ([3, 4, 50], P), {}, lambda r: r.multinomial([3, 4, 50], P)),
    ("multinomial", (7, P), {"size": (2, 3)}, lambda r: r.multinomial(7, P, (2, 3))),
    ("choice", (5,), {"size": (2, 3)}, lambda r: r.choice(5, (2, 3))),
    ("choice", (5,), {}, lambda r: r.choice(5)),
    ("choice", (P,), {"size": 2, "replace": False}, lambda r: r.choice(P, 2, replace=False)),
    (
        "choice", (A([2.0, 3, 4, 5]),), {"size": (2, 2), "replace": False, "p": P[0]},
        lambda r: r.choice(A([2.0, 3, 4, 5]), (2, 2), replace=False, p=P[0]),
    ),
    ("choice", (4,), {"size": 7, "p": P[0]}, lambda r: r.choice(4, 7, p=P[0])),
    ("permutation", (6,), {}, lambda r: r.permutation(6)),
    ("permutation", (P,), {}, lambda r: r.permutation(P)),
    (
        "categorical", (P[0],), {"size": 9},
        lambda r: np.searchsorted(P[0].cumsum(), r.uniform(size=9)),
    ),
    (
        "multivariate_normal", (MEAN, COV), {},
        lambda r: r.multivariate_normal(MEAN, COV, method="cholesky"),
    ),
    (
        "multivariate_normal", (MEAN, COV), {"size": (4, 2)},
        lambda r: r.multivariate_normal(MEAN, COV, (4, 2), method="cholesky"),
    ),
]  # fmt: skip


@pytest.mark.parametrize("mode", [None, "reference"])
def test_vectors_are_those_of_numpy(mode):
    draws, updates = [], {}
    # The kernels have tests of their own: what is compiled here is how they are called.
    rows = ARRAYS if mode else [ARRAYS[k] for k in (2, 5, 8, 10, 12, 15)]
    for name, arguments, options, _ in rows:
        rng = R.shared_rng(seed=5)
        next_rng, x = getattr(R, name)(*arguments, **options, rng=rng, return_next_rng=True)
        draws.append(x)
        updates[rng] = next_rng
    made = ng.function([], draws, updates=updates, mode=mode)()
    for (name, _, _, judge), x, rng in zip(rows, made, updates, strict=True):
        other = np.random.default_rng(5)
        want = np.asarray(judge(other))
        assert x.dtype == want.dtype
        if name == "multivariate_normal":  # products round as this package's do
            np.testing.assert_allclose(x, want, rtol=1e-13)
        else:
            np.testing.assert_array_equal(x, want, err_msg=name)
        assert rng.get_value().bit_generator.state == other.bit_generator.state


def test_batches_of_normal_vectors():
    rng = np.random.default_rng(1)
    covs = np.stack([COV, 2 * COV])
    x = R.multivariate_normal(MEAN, covs, rng=R.shared_rng(seed=1)).eval()
    z = rng.standard_normal((2, 3))
    want = MEAN + np.einsum("bij,bj->bi", np.linalg.cholesky(covs), z)
    np.testing.assert_allclose(x, want, rtol=1e-13)


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda: R.dirichlet([1.0, -1.0]), "alpha < 0"),
        (lambda: R.multinomial(3, [0.5, 0.9, 0.0]), "1"),
        (lambda: R.multinomial(-3, [0.5, 0.5]), "n < 0"),
        (lambda: R.categorical([0.5, 0.2]), "do not sum to 1"),
        (lambda: R.choice(3, size=4, replace=False), "larger sample|no more can be drawn"),
        (lambda: R.permutation(T.constant(2) - 5), "negative"),
        (lambda: R.choice(4, (T.constant(2) - 5, T.constant(2) - 3), p=P[0]), "negative"),
    ],
)
def test_wrong_parameters_of_vectors_name_the_line(draw, words):
    x = draw()
    with pytest.raises(ValueError, match=rf"(?s)({words}).*test_random.py"):
        x.eval()


def test_wrong_parameters_of_vectors_name_the_line_in_compiled_code():
    f = ng.function([], R.categorical([0.5, 0.2]))
    with pytest.raises(ValueError, match=r"(?s)do not sum to 1.*test_random.py"):
        f()
