"""Single draws from NumPy's Generators, to the last bit those of its methods.

A generator is the address of NumPy's C struct ``bitgen_t``, as an integer: what
``rng.bit_generator.ctypes.bit_generator.value`` gives. Distributions that NumPy has are drawn by
its own C functions; those it lacks are composed of these as SciPy does, in plain arithmetic that
nothing contracts or reorders. Parameters are not checked here. Draws of whole arrays
are in ``random_arrays``.

>>> import numba, numpy as np
>>> draw = numba.njit(lambda rng, loc, scale: normal(rng, loc, scale))
>>> rng, same = np.random.default_rng(5), np.random.default_rng(5)
>>> draw(rng.bit_generator.ctypes.bit_generator.value, 1.0, 2.0) == same.normal(1.0, 2.0)
True
"""

import math

from ._kernel import draw, exact_kernel, rounded

# -- continuous, one call -------------------------------------------------------------------------


@draw("random_standard_uniform")
def standard_uniform(rng):
    """``Generator.random()``."""


@draw("random_normal")
def normal(rng, loc, scale):
    """``Generator.normal(loc, scale)``."""


@draw("random_standard_normal")
def standard_normal(rng):
    """``Generator.standard_normal()``."""


@draw("random_lognormal")
def lognormal(rng, mean, sigma):
    """``Generator.lognormal(mean, sigma)``."""


@draw("random_exponential")
def exponential(rng, scale):
    """``Generator.exponential(scale)``."""


@draw("random_gamma")
def gamma(rng, shape, scale):
    """``Generator.gamma(shape, scale)``."""


@draw("random_standard_cauchy")
def standard_cauchy(rng):
    """``Generator.standard_cauchy()``."""


@draw("random_standard_t")
def standard_t(rng, df):
    """``Generator.standard_t(df)``."""


@draw("random_uniform")
def uniform_range(rng, low, width):
    """``low + width * Generator.random()``."""


@draw("random_standard_gamma")
def standard_gamma(rng, shape):
    """``Generator.standard_gamma(shape)``."""


@draw("random_beta")
def beta(rng, a, b):
    """``Generator.beta(a, b)``."""


@draw("random_laplace")
def laplace(rng, loc, scale):
    """``Generator.laplace(loc, scale)``."""


@draw("random_logistic")
def logistic(rng, loc, scale):
    """``Generator.logistic(loc, scale)``."""


@draw("random_gumbel")
def gumbel(rng, loc, scale):
    """``Generator.gumbel(loc, scale)``."""


@draw("random_weibull")
def weibull(rng, shape):
    """``Generator.weibull(shape)``."""


@draw("random_rayleigh")
def rayleigh(rng, scale):
    """``Generator.rayleigh(scale)``."""


@draw("random_vonmises")
def vonmises(rng, mu, kappa):
    """``Generator.vonmises(mu, kappa)``."""


@draw("random_wald")
def wald(rng, mean, scale):
    """``Generator.wald(mean, scale)``."""


@draw("random_triangular")
def triangular(rng, left, mode, right):
    """``Generator.triangular(left, mode, right)``."""


# -- continuous, composed -------------------------------------------------------------------------


@exact_kernel
def uniform(rng, low, high):
    """``Generator.uniform(low, high)``."""
    return uniform_range(rng, low, rounded(high) - rounded(low))


@exact_kernel
def halfnormal(rng, loc, scale):
    """``abs(z) * scale + loc`` for a standard normal draw, as SciPy does."""
    return rounded(abs(standard_normal(rng)) * scale) + loc


@exact_kernel
def invgamma(rng, shape, scale):
    """``1 / Generator.gamma(shape, 1 / scale)``."""
    return 1.0 / gamma(rng, shape, 1.0 / scale)


@exact_kernel
def gengamma(rng, alpha, p, lambd):
    """``Generator.standard_gamma(alpha / p)**(1 / p) * lambd``, as SciPy does."""
    return math.pow(standard_gamma(rng, alpha / p), 1.0 / p) * lambd


@exact_kernel
def cauchy(rng, loc, scale):
    """``Generator.standard_cauchy() * scale + loc``."""
    return rounded(standard_cauchy(rng) * scale) + loc


@exact_kernel
def halfcauchy(rng, loc, scale):
    """By the inverse of the distribution function, as SciPy does."""
    return rounded(math.tan(math.pi / 2.0 * standard_uniform(rng)) * scale) + loc


@exact_kernel
def t(rng, df, loc, scale):
    """``Generator.standard_t(df) * scale + loc``."""
    return rounded(standard_t(rng, df) * scale) + loc


@exact_kernel
def pareto(rng, b, scale):
    """By the inverse of the distribution function, as SciPy does."""
    return math.pow(1.0 - standard_uniform(rng), -1.0 / b) * scale


@exact_kernel
def truncexpon(rng, b, loc, scale):
    """By the inverse of the distribution function, as SciPy does."""
    return rounded(-math.log1p(standard_uniform(rng) * math.expm1(-b)) * scale) + loc


# -- discrete -------------------------------------------------------------------------------------


@draw("random_bounded_uint64")
def _bounded_uint64(rng, low, width, mask, masked):
    """``low`` plus a number up to ``width``, by Lemire's method unless ``masked``."""


@draw("random_interval")
def interval(rng, last):
    """From 0 to ``last``, by rejection of masked bits, as ``Generator.permutation`` does."""


@draw("random_binomial")
def _binomial(rng, p, n):
    """The order of arguments is that of C."""


@draw("random_negative_binomial")
def negative_binomial(rng, n, p):
    """``Generator.negative_binomial(n, p)``."""


@draw("random_poisson")
def poisson(rng, lam):
    """``Generator.poisson(lam)``."""


@draw("random_geometric")
def geometric(rng, p):
    """``Generator.geometric(p)``."""


@draw("random_hypergeometric")
def hypergeometric(rng, ngood, nbad, nsample):
    """``Generator.hypergeometric(ngood, nbad, nsample)``."""


@exact_kernel
def integers(rng, low, high):
    """``Generator.integers(low, high)`` of dtype int64."""
    return _bounded_uint64(rng, low, high - 1 - low, 0, False)


@exact_kernel
def bounded(rng, last):
    """``Generator.integers(last, endpoint=True)`` of dtype int64."""
    return _bounded_uint64(rng, 0, last, 0, False)


@exact_kernel
def bernoulli(rng, p):
    """``Generator.binomial(1, p)``, as SciPy does."""
    return _binomial(rng, p, 1)


@exact_kernel
def binomial(rng, n, p):
    """``Generator.binomial(n, p)``."""
    return _binomial(rng, p, n)
