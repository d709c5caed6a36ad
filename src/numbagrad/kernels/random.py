"""Single draws from NumPy's Generators, to the last bit those of its methods.

A generator is the address of NumPy's C struct ``bitgen_t``, as an integer: what
``rng.bit_generator.ctypes.bit_generator.value`` gives. Distributions that NumPy has are drawn by
its own C functions; those it lacks are composed of these as SciPy does, in plain arithmetic that
nothing contracts or reorders. Parameters are not checked here. What is one call is an intrinsic,
which costs no compilation. Draws of whole arrays are in ``random_arrays``.

>>> import numba, numpy as np
>>> draw = numba.njit(lambda rng, loc, scale: normal(rng, loc, scale))
>>> rng, same = np.random.default_rng(5), np.random.default_rng(5)
>>> draw(rng.bit_generator.ctypes.bit_generator.value, 1.0, 2.0) == same.normal(1.0, 2.0)
True
"""

import math

from llvmlite import ir
from numba import njit

from ._pointers import random_intrinsic
from ._scalars import rounded

# Without a word about it, Numba compiles a function with the fast mathematics of its first caller.
_OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": False}
_WORD = ir.IntType(64)

# -- continuous, one call -------------------------------------------------------------------------

standard_uniform = random_intrinsic(
    "standard_uniform", "", "random_standard_uniform", words="``Generator.random()``."
)
normal = random_intrinsic(
    "normal", "dd", "random_normal", words="``Generator.normal(loc, scale)``."
)  # fmt: skip
standard_normal = random_intrinsic(
    "standard_normal", "", "random_standard_normal", words="``Generator.standard_normal()``."
)
lognormal = random_intrinsic(
    "lognormal", "dd", "random_lognormal", words="``Generator.lognormal(mean, sigma)``."
)
exponential = random_intrinsic(
    "exponential", "d", "random_exponential", words="``Generator.exponential(scale)``."
)
gamma = random_intrinsic(
    "gamma", "dd", "random_gamma", words="``Generator.gamma(shape, scale)``."
)  # fmt: skip
standard_cauchy = random_intrinsic(
    "standard_cauchy", "", "random_standard_cauchy", words="``Generator.standard_cauchy()``."
)
standard_t = random_intrinsic(
    "standard_t", "d", "random_standard_t", words="``Generator.standard_t(df)``."
)
uniform_range = random_intrinsic(
    "uniform_range", "dd", "random_uniform", words="``low + range * Generator.random()``."
)
standard_gamma = random_intrinsic(
    "standard_gamma", "d", "random_standard_gamma", words="``Generator.standard_gamma(shape)``."
)
beta = random_intrinsic("beta", "dd", "random_beta", words="``Generator.beta(a, b)``.")
laplace = random_intrinsic(
    "laplace", "dd", "random_laplace", words="``Generator.laplace(loc, scale)``."
)
logistic = random_intrinsic(
    "logistic", "dd", "random_logistic", words="``Generator.logistic(loc, scale)``."
)
gumbel = random_intrinsic(
    "gumbel", "dd", "random_gumbel", words="``Generator.gumbel(loc, scale)``."
)  # fmt: skip
weibull = random_intrinsic("weibull", "d", "random_weibull", words="``Generator.weibull(shape)``.")
rayleigh = random_intrinsic(
    "rayleigh", "d", "random_rayleigh", words="``Generator.rayleigh(scale)``."
)
vonmises = random_intrinsic(
    "vonmises", "dd", "random_vonmises", words="``Generator.vonmises(mu, kappa)``."
)
wald = random_intrinsic("wald", "dd", "random_wald", words="``Generator.wald(mean, scale)``.")
triangular = random_intrinsic(
    "triangular", "ddd", "random_triangular", words="``Generator.triangular(left, mode, right)``."
)

# -- continuous, composed -------------------------------------------------------------------------


@njit(**_OPTIONS)
def uniform(rng, low, high):
    """``Generator.uniform(low, high)``."""
    return uniform_range(rng, low, rounded(high) - rounded(low))


@njit(**_OPTIONS)
def halfnormal(rng, loc, scale):
    """``abs(z) * scale + loc`` for a standard normal draw, as SciPy does."""
    return rounded(abs(standard_normal(rng)) * scale) + loc


@njit(**_OPTIONS)
def invgamma(rng, shape, scale):
    """``1 / Generator.gamma(shape, 1 / scale)``."""
    return 1.0 / gamma(rng, shape, 1.0 / scale)


@njit(**_OPTIONS)
def gengamma(rng, alpha, p, lambd):
    """``Generator.standard_gamma(alpha / p)**(1 / p) * lambd``, as SciPy does."""
    return math.pow(standard_gamma(rng, alpha / p), 1.0 / p) * lambd


@njit(**_OPTIONS)
def cauchy(rng, loc, scale):
    """``Generator.standard_cauchy() * scale + loc``."""
    return rounded(standard_cauchy(rng) * scale) + loc


@njit(**_OPTIONS)
def halfcauchy(rng, loc, scale):
    """By the inverse of the distribution function, as SciPy does."""
    return rounded(math.tan(math.pi / 2.0 * standard_uniform(rng)) * scale) + loc


@njit(**_OPTIONS)
def t(rng, df, loc, scale):
    """``Generator.standard_t(df) * scale + loc``."""
    return rounded(standard_t(rng, df) * scale) + loc


@njit(**_OPTIONS)
def pareto(rng, b, scale):
    """By the inverse of the distribution function, as SciPy does."""
    return math.pow(1.0 - standard_uniform(rng), -1.0 / b) * scale


@njit(**_OPTIONS)
def truncexpon(rng, b, loc, scale):
    """By the inverse of the distribution function, as SciPy does."""
    return rounded(-math.log1p(standard_uniform(rng) * math.expm1(-b)) * scale) + loc


# -- discrete -------------------------------------------------------------------------------------

integers = random_intrinsic(
    "integers", "ii", "random_bounded_uint64",
    arrange=lambda b, low, high: (
        low, b.sub(b.sub(high, ir.Constant(_WORD, 1)), low),
        ir.Constant(_WORD, 0), ir.Constant(ir.IntType(1), 0),
    ),
    words="``Generator.integers(low, high)`` of dtype int64.",
)  # fmt: skip
bounded = random_intrinsic(
    "bounded", "i", "random_bounded_uint64",
    arrange=lambda b, last: (
        ir.Constant(_WORD, 0), last, ir.Constant(_WORD, 0), ir.Constant(ir.IntType(1), 0),
    ),
    words="``Generator.integers(last, endpoint=True)`` of dtype int64.",
)  # fmt: skip
interval = random_intrinsic(
    "interval", "i", "random_interval",
    words="From 0 to its argument, by rejection of masked bits, as ``Generator.permutation`` does.",
)  # fmt: skip
bernoulli = random_intrinsic(
    "bernoulli", "d", "random_binomial",
    arrange=lambda b, p: (p, ir.Constant(_WORD, 1)),
    words="``Generator.binomial(1, p)``, as SciPy does.",
)  # fmt: skip
binomial = random_intrinsic(
    "binomial", "id", "random_binomial",
    arrange=lambda b, n, p: (p, n),
    words="``Generator.binomial(n, p)``.",
)  # fmt: skip
negative_binomial = random_intrinsic(
    "negative_binomial", "dd", "random_negative_binomial",
    words="``Generator.negative_binomial(n, p)``.",
)  # fmt: skip
poisson = random_intrinsic("poisson", "d", "random_poisson", words="``Generator.poisson(lam)``.")
geometric = random_intrinsic(
    "geometric", "d", "random_geometric", words="``Generator.geometric(p)``."
)
hypergeometric = random_intrinsic(
    "hypergeometric", "iii", "random_hypergeometric",
    words="``Generator.hypergeometric(ngood, nbad, nsample)``.",
)  # fmt: skip
