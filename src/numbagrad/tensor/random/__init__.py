"""``numbagrad.tensor.random``: random numbers, in PyTensor's words. Re-exports, and inputs.

>>> from numbagrad import function
>>> from numbagrad.tensor import random
>>> stream = random.RandomStream(seed=234)
>>> f = function([], stream.normal(size=2))
>>> f(), f()
(array([-0.53217654, -0.5990523 ]), array([0.43177898, 1.61876205]))
"""

from __future__ import annotations

from typing import Any

from ...function.shared import RandomGeneratorSharedVariable, shared_rng
from ...graph.generators import (
    RandomGeneratorType,
    RandomGeneratorVariable,
    random_generator_type,
)
from ...ops.array_draws import (
    categorical,
    choice,
    dirichlet,
    multinomial,
    multivariate_normal,
    permutation,
)
from ...ops.continuous_draws import (
    cauchy,
    exponential,
    gumbel,
    halfcauchy,
    halfnormal,
    laplace,
    logistic,
    lognormal,
    normal,
    pareto,
    rayleigh,
    t,
    triangular,
    truncexpon,
    uniform,
    vonmises,
    wald,
    weibull,
)
from ...ops.discrete_draws import (
    bernoulli,
    betabinom,
    binomial,
    geometric,
    hypergeometric,
    integers,
    negative_binomial,
    poisson,
)
from ...ops.gamma_draws import beta, chisquare, gamma, gengamma, invgamma
from .utils import RandomStream

__all__ = [
    "RandomGeneratorSharedVariable",
    "RandomGeneratorType",
    "RandomGeneratorVariable",
    "RandomStream",
    "bernoulli",
    "beta",
    "betabinom",
    "binomial",
    "categorical",
    "cauchy",
    "chisquare",
    "choice",
    "default_rng",
    "dirichlet",
    "exponential",
    "gamma",
    "gengamma",
    "geometric",
    "gumbel",
    "halfcauchy",
    "halfnormal",
    "hypergeometric",
    "integers",
    "invgamma",
    "laplace",
    "logistic",
    "lognormal",
    "multinomial",
    "multivariate_normal",
    "nbinom",
    "negative_binomial",
    "normal",
    "pareto",
    "permutation",
    "poisson",
    "random_generator_type",
    "rayleigh",
    "rng",
    "shared_rng",
    "standard_normal",
    "t",
    "triangular",
    "truncexpon",
    "uniform",
    "vonmises",
    "wald",
    "weibull",
]

nbinom = negative_binomial


def rng(name: str | None = None) -> Any:
    """An input that takes a NumPy Generator.

    A call does not change the Generator it is given, unless it is passed as
    ``In(rng, mutable=True)``.

    >>> import numpy as np
    >>> from numbagrad import function
    >>> r = rng("r")
    >>> next_r, x = r.normal()
    >>> f = function([r], [next_r, x])
    >>> g = np.random.default_rng(153)
    >>> g, draw = f(g)
    >>> draw
    array(1.45769255)
    >>> f(g)[1]
    array(0.44383835)
    """
    return random_generator_type(name)


def default_rng(seed: Any = None) -> Any:
    """A shared generator, seeded as `numpy.random.default_rng` does.

    >>> next_rng, x = default_rng(153).normal()
    >>> x.eval()
    array(1.45769255)
    """
    return shared_rng(seed=seed)


def standard_normal(*, size: Any = None, **kwargs: Any) -> Any:
    """Normal draws of mean 0 and standard deviation 1.

    >>> standard_normal(size=2, rng=shared_rng(seed=3)).eval()
    array([ 2.04091912, -2.55566503])
    """
    return normal(0.0, 1.0, size=size, **kwargs)
