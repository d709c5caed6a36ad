"""Single draws from NumPy's Generators, to the last bit those of its methods.

A generator is the address of NumPy's C struct ``bitgen_t``, as an integer: what
``rng.bit_generator.ctypes.bit_generator.value`` gives. Distributions that NumPy has are drawn by
its own C functions; those it lacks are composed of these as SciPy does, in plain arithmetic that
nothing contracts or reorders. Parameters are not checked here. Draws of whole arrays are in
``random_arrays``.

>>> import numpy as np
>>> rng, same = np.random.default_rng(5), np.random.default_rng(5)
>>> address = rng.bit_generator.ctypes.bit_generator.value
>>> normal(address, 1.0, 2.0) == same.normal(1.0, 2.0)
True
"""

import math

from numba import njit

from ._pointers import call_random

_OPTIONS = {"nogil": True, "error_model": "numpy"}


# -- continuous -----------------------------------------------------------------------------------


@njit(**_OPTIONS)
def uniform(rng, low, high):
    """``Generator.uniform``."""
    return call_random("random_uniform", rng, low, high - low)


@njit(**_OPTIONS)
def normal(rng, loc, scale):
    """``Generator.normal``."""
    return call_random("random_normal", rng, loc, scale)


@njit(**_OPTIONS)
def halfnormal(rng, loc, scale):
    """The absolute value of a standard normal draw, scaled and shifted, as SciPy does."""
    return abs(call_random("random_standard_normal", rng)) * scale + loc


@njit(**_OPTIONS)
def lognormal(rng, mean, sigma):
    """``Generator.lognormal``."""
    return call_random("random_lognormal", rng, mean, sigma)


@njit(**_OPTIONS)
def exponential(rng, scale):
    """``Generator.exponential``."""
    return call_random("random_exponential", rng, scale)


@njit(**_OPTIONS)
def gamma(rng, shape, scale):
    """``Generator.gamma``."""
    return call_random("random_gamma", rng, shape, scale)


@njit(**_OPTIONS)
def invgamma(rng, shape, scale):
    """The inverse of a gamma draw with the inverse scale."""
    return 1.0 / call_random("random_gamma", rng, shape, 1.0 / scale)


@njit(**_OPTIONS)
def gengamma(rng, alpha, p, lambd):
    """A power of a gamma draw, as SciPy does."""
    return math.pow(call_random("random_standard_gamma", rng, alpha / p), 1.0 / p) * lambd


@njit(**_OPTIONS)
def beta(rng, alpha, beta_):
    """``Generator.beta``."""
    return call_random("random_beta", rng, alpha, beta_)


@njit(**_OPTIONS)
def standard_cauchy(rng):
    """``Generator.standard_cauchy``."""
    return call_random("random_standard_cauchy", rng)


@njit(**_OPTIONS)
def cauchy(rng, loc, scale):
    """A standard Cauchy draw, scaled and shifted."""
    return call_random("random_standard_cauchy", rng) * scale + loc


@njit(**_OPTIONS)
def halfcauchy(rng, loc, scale):
    """By the inverse of the distribution function of a uniform draw, as SciPy does."""
    return math.tan(math.pi / 2.0 * call_random("random_standard_uniform", rng)) * scale + loc


@njit(**_OPTIONS)
def t(rng, df, loc, scale):
    """``Generator.standard_t``, scaled and shifted."""
    return call_random("random_standard_t", rng, df) * scale + loc


@njit(**_OPTIONS)
def laplace(rng, loc, scale):
    """``Generator.laplace``."""
    return call_random("random_laplace", rng, loc, scale)


@njit(**_OPTIONS)
def logistic(rng, loc, scale):
    """``Generator.logistic``."""
    return call_random("random_logistic", rng, loc, scale)


@njit(**_OPTIONS)
def gumbel(rng, loc, scale):
    """``Generator.gumbel``."""
    return call_random("random_gumbel", rng, loc, scale)


@njit(**_OPTIONS)
def pareto(rng, b, scale):
    """By the inverse of the distribution function of a uniform draw, as SciPy does."""
    return math.pow(1.0 - call_random("random_standard_uniform", rng), -1.0 / b) * scale


@njit(**_OPTIONS)
def weibull(rng, shape):
    """``Generator.weibull``."""
    return call_random("random_weibull", rng, shape)


@njit(**_OPTIONS)
def rayleigh(rng, scale):
    """``Generator.rayleigh``."""
    return call_random("random_rayleigh", rng, scale)


@njit(**_OPTIONS)
def vonmises(rng, mu, kappa):
    """``Generator.vonmises``."""
    return call_random("random_vonmises", rng, mu, kappa)


@njit(**_OPTIONS)
def wald(rng, mean, scale):
    """``Generator.wald``."""
    return call_random("random_wald", rng, mean, scale)


@njit(**_OPTIONS)
def triangular(rng, left, mode, right):
    """``Generator.triangular``."""
    return call_random("random_triangular", rng, left, mode, right)


@njit(**_OPTIONS)
def truncexpon(rng, b, loc, scale):
    """By the inverse of the distribution function of a uniform draw, as SciPy does."""
    u = call_random("random_standard_uniform", rng)
    return -math.log1p(u * math.expm1(-b)) * scale + loc


# -- discrete -------------------------------------------------------------------------------------


@njit(**_OPTIONS)
def integers(rng, low, high):
    """``Generator.integers`` of dtype int64, from ``low`` to ``high - 1``."""
    return call_random("random_bounded_uint64", rng, low, high - 1 - low, 0, False)


@njit(**_OPTIONS)
def bernoulli(rng, p):
    """``Generator.binomial`` with one trial, as SciPy does."""
    return call_random("random_binomial", rng, p, 1)


@njit(**_OPTIONS)
def binomial(rng, n, p):
    """``Generator.binomial``."""
    return call_random("random_binomial", rng, p, n)


@njit(**_OPTIONS)
def negative_binomial(rng, n, p):
    """``Generator.negative_binomial``."""
    return call_random("random_negative_binomial", rng, n, p)


@njit(**_OPTIONS)
def poisson(rng, lam):
    """``Generator.poisson``."""
    return call_random("random_poisson", rng, lam)


@njit(**_OPTIONS)
def geometric(rng, p):
    """``Generator.geometric``."""
    return call_random("random_geometric", rng, p)


@njit(**_OPTIONS)
def hypergeometric(rng, ngood, nbad, nsample):
    """``Generator.hypergeometric``."""
    return call_random("random_hypergeometric", rng, ngood, nbad, nsample)
