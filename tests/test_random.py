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
