"""Pathwise derivatives of draws: against differences of NumPy's draws from the same seed."""

import numpy as np
import pytest
import scipy.stats as st

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.errors import NullTypeGradError
from numbagrad.gradient import DisconnectedInputError
from numbagrad.tensor import random as R

#: Distributions whose draws are smooth in these parameters, and where that is tried.
SMOOTH = {
    "uniform": (-0.3, 1.7),
    "normal": (0.5, 1.7),
    "halfnormal": (0.5, 1.7),
    "lognormal": (0.2, 0.7),
    "exponential": (1.3,),
    "cauchy": (0.5, 1.7),
    "halfcauchy": (0.5, 1.7),
    "laplace": (0.5, 1.7),
    "logistic": (0.5, 1.7),
    "gumbel": (0.5, 1.7),
    "pareto": (2.5, 1.7),
    "weibull": (1.6,),
    "rayleigh": (1.6,),
    "triangular": (-1.0, 0.4, 2.0),
    "truncexpon": (1.5, 0.3, 1.7),
}
#: The same for some of their parameters, by position; the others have no derivative.
PARTLY = {
    "t": ((4.0, 0.5, 1.7), (1, 2)),
    "vonmises": ((0.3, 4.0), (0,)),
    "wald": ((1.0, 2.0), ()),
    "gamma": ((2.5, None, 1.7), (2,)),
    "invgamma": ((2.5, 1.7), (1,)),
    "gengamma": ((2.5, 1.5, 1.7), (2,)),
    "beta": ((2.5, 1.7), ()),
}
N = 40


def _draw(name, params):
    """The draws, and their parameters as vectors in which each draw has its own."""
    variables = [None if p is None else T.dvector(f"p{k}") for k, p in enumerate(params)]
    return getattr(R, name)(*variables, rng=R.shared_rng(seed=7)), variables


def _differences(draw, at, k):
    h = 1e-6
    up, down = ([a + h * s * (j == k) for j, a in enumerate(at)] for s in (1, -1))
    return (draw(*up) - draw(*down)) / (2 * h)


CASES = [(n, p, range(len(p))) for n, p in SMOOTH.items()]
CASES += [(n, p, smooth) for n, (p, smooth) in PARTLY.items() if smooth]


@pytest.mark.parametrize(("name", "params", "smooth"), CASES, ids=[c[0] for c in CASES])
def test_both_modes_are_the_derivative_of_the_draw(name, params, smooth):
    x, variables = _draw(name, params)
    given = [v for v in variables if v is not None]
    at = [np.full(N, p) for p in params if p is not None]
    draw = ng.function(given, x, mode="reference")
    targets = [variables[k] for k in smooth]
    reverse = ng.grad(x.sum(), targets)
    forward = [ng.Rop(x, v, T.ones_like(v)) for v in targets]
    # A second derivative, through the draw itself, is that of the first one.
    second = [ng.grad(g.sum(), v, disconnected_inputs="ignore") for g, v in zip(reverse, targets)]
    made = ng.function(given, [*reverse, *forward, *second], mode="reference",
                       on_unused_input="ignore")(*at)  # fmt: skip
    first = ng.function(given, reverse, mode="reference", on_unused_input="ignore")
    for j, v in enumerate(targets):
        place = given.index(v)
        want = _differences(draw, at, place)
        np.testing.assert_allclose(made[j], want, rtol=2e-7, atol=1e-7)
        np.testing.assert_allclose(made[len(targets) + j], want, rtol=2e-7, atol=1e-7)
        curve = _differences(lambda *a, j=j: first(*a)[j], at, place)
        np.testing.assert_allclose(made[2 * len(targets) + j], curve, rtol=1e-5, atol=1e-6)


@pytest.mark.holds_at("it looks at what is printed", optimize="default")
def test_a_compiled_gradient_makes_each_draw_once():
    mu, sigma = T.dscalars("mu", "sigma")
    rng = R.shared_rng(seed=3)
    next_rng, z = R.normal(mu, sigma, size=1000, rng=rng, return_next_rng=True)
    value = T.exp(z).mean()
    f = ng.function([mu, sigma], [value, *ng.grad(value, [mu, sigma])], updates={rng: next_rng})
    assert f.source.count("random.normal") == 1 and "empty(1000" not in f.source
    judge = np.random.default_rng(3)
    for _ in range(2):
        noise = judge.standard_normal(1000)
        draws = np.exp(0.1 + 0.5 * noise)
        want = [draws.mean(), draws.mean(), (draws * noise).mean()]
        np.testing.assert_allclose(f(0.1, 0.5), want, rtol=1e-12)


def test_parameters_that_broadcast_get_the_sum():
    mu, sigma = T.dvector("mu"), T.dscalar("sigma")
    x = R.normal(mu, sigma, size=(4, mu.shape[0]), rng=R.shared_rng(seed=3))
    dmu, dsigma = ng.grad((x**2).sum(), [mu, sigma])
    noise = np.random.default_rng(3).standard_normal((4, 2))
    at = {mu: [1.0, -2.0], sigma: 0.7}
    draws = np.array([1.0, -2.0]) + 0.7 * noise
    np.testing.assert_allclose(dmu.eval(at), 2 * draws.sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(dsigma.eval(at), (2 * draws * noise).sum(), rtol=1e-12)


def test_float32_parameters_have_float32_gradients():
    mu = T.fscalar("mu")
    x = R.normal(mu, 1.0, size=3, dtype="float32", rng=R.shared_rng(seed=3))
    assert x.dtype == "float32"
    assert ng.grad(x.sum(), mu).dtype == "float32"
    draws = np.random.default_rng(3).normal(2.0, 1.0, 3).astype("float32")
    np.testing.assert_array_equal(x.eval({mu: 2.0}), draws)


def test_normal_vectors_through_the_factor():
    mean, cov = T.dvector("mean"), T.dmatrix("cov")
    x = R.multivariate_normal(mean, cov, size=5, rng=R.shared_rng(seed=3))
    at = [np.array([1.0, 2.0]), np.array([[2.0, 0.5], [0.5, 1.0]])]
    dmean, dcov = ng.function([mean, cov], ng.grad((x**3).sum(), [mean, cov]), mode="reference",
                              on_unused_input="ignore")(*at)  # fmt: skip

    def loss(m, c):
        z = np.random.default_rng(3).standard_normal((5, 2))
        return ((m + z @ np.linalg.cholesky(c).T) ** 3).sum()

    h = 1e-6
    for k in range(2):
        e = h * np.eye(2)[k]
        want = (loss(at[0] + e, at[1]) - loss(at[0] - e, at[1])) / (2 * h)
        np.testing.assert_allclose(dmean[k], want, rtol=1e-6)
    direction = np.array([[1.0, 0.4], [0.4, -0.3]])  # symmetric, as a covariance is
    up, down = (loss(at[0], at[1] + s * h * direction) for s in (1, -1))
    np.testing.assert_allclose((dcov * direction).sum(), (up - down) / (2 * h), rtol=1e-6)


#: Draws by rejection whose derivatives are those of the inverse distribution function.
IMPLICIT = {
    "gamma": ((2.5, None, 1.7), lambda a, s: st.gamma(a, scale=s)),
    "invgamma": ((2.5, 1.7), lambda a, s: st.invgamma(a, scale=s)),
    "gengamma": ((2.5, 1.5, 1.7), lambda a, p, s: st.gengamma(a / p, p, scale=s)),
}


@pytest.mark.parametrize("name", IMPLICIT)
def test_shapes_move_draws_along_the_inverse_distribution_function(name):
    params, law = IMPLICIT[name]
    x, variables = _draw(name, params)
    targets = [v for v in variables if v is not None]
    at = [np.full(N, p) for p in params if p is not None]
    both = [ng.grad(x.sum(), targets), [ng.Rop(x, v, T.ones_like(v)) for v in targets]]
    made = ng.function(targets, [x, *both[0], *both[1]], mode="reference")(*at)
    level = law(*at).cdf(made[0])
    for k, (reverse, forward) in enumerate(zip(made[1:4], made[1 + len(targets) :], strict=False)):
        if k < len(targets):
            want = _differences(lambda *a: law(*a).ppf(level), at, k)
            np.testing.assert_allclose(reverse, want, rtol=1e-5, atol=1e-7)
            np.testing.assert_allclose(forward, reverse, rtol=1e-12)


def test_the_mean_of_shape_gradients_is_the_gradient_of_the_mean():
    a = T.dscalar("a")
    x = R.gamma(a, scale=1.0, size=200_000, rng=R.shared_rng(seed=1))
    f = ng.function([a], ng.grad((x**2).mean(), a))
    assert abs(f(1.5) / (2 * 1.5 + 1) - 1) < 0.02  # the second moment is a + a²


@pytest.mark.parametrize("name", [n for n in PARTLY if n not in IMPLICIT])
def test_what_has_no_derivative_says_why(name):
    params, smooth = PARTLY[name]
    x, variables = _draw(name, params)
    rough = [v for k, v in enumerate(variables) if v is not None and k not in smooth]
    with pytest.raises(NullTypeGradError, match=name):
        ng.grad(x.sum(), rough[0])


@pytest.mark.parametrize(
    "draw", [lambda p: R.bernoulli(p), lambda p: R.poisson(p), lambda p: R.geometric(p)]
)
def test_whole_numbers_are_disconnected(draw):
    p = T.dscalar("p")
    with pytest.raises(DisconnectedInputError):
        ng.grad(T.cast(draw(p), "float64"), p)


def test_dirichlet_points_to_gamma():
    alphas = T.dvector("alphas")
    with pytest.raises(NullTypeGradError, match="gamma draws divided by their sum"):
        ng.grad(R.dirichlet(alphas)[0], alphas)
