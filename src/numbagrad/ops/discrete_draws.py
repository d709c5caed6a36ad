"""Discrete distributions: whole numbers, of which nothing has a derivative.

A draw is bit for bit that of NumPy's Generator.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph.registry import OPS
from ..graph.tensor import as_tensor
from ..kernels import random
from .distributions import at_least_zero, distribution, enter, probability
from .draws import Constraint, Draw
from .gamma_draws import beta

__all__ = [
    "bernoulli",
    "betabinom",
    "binomial",
    "geometric",
    "hypergeometric",
    "integers",
    "negative_binomial",
    "poisson",
]

#: NumPy's own bounds, beyond which the numbers of its algorithms are not exact.
_POISSON_MAX = float(np.iinfo(np.int64).max - np.sqrt(np.iinfo(np.int64).max) * 10)
_HYPERGEOMETRIC_MAX = 10**9


def _poisson_can(n: Any, p: Any) -> Any:
    """Whether (1-p)/p (n + 10 √n), about the largest mean of a Poisson draw, is allowed."""
    rest = _POISSON_MAX * p - (1 - p) * n
    return (rest >= 0) & (rest * rest >= 100 * (1 - p) * (1 - p) * n)


class IntegersRV(Draw):
    """Whole numbers from ``low`` to ``high - 1``, as `numpy.random.Generator.integers`.

    >>> from numbagrad.tensor.random import shared_rng
    >>> integers(10, 20, size=3, rng=shared_rng(seed=3)).eval()
    array([18, 10, 11])
    """

    arguments = {"low": "int64", "high": "int64"}
    constraints = (Constraint(("low", "high"), lambda a, b: a < b, "low >= high"),)
    natural = "int64"

    def template(rng, low, high):
        return random.integers(rng, low, high)

    def reference(rng, low, high, size):
        return rng.integers(low, high, size)


class BernoulliRV(Draw):
    """1 with probability ``p``, else 0, drawn as a binomial number of one trial.

    >>> from numbagrad.tensor.random import shared_rng
    >>> bernoulli(0.4, size=3, rng=shared_rng(seed=3)).eval()
    array([0, 0, 1])
    """

    arguments = {"p": "float64"}
    constraints = (probability("p"),)
    natural = "int64"

    def template(rng, p):
        return random.bernoulli(rng, p)

    def reference(rng, p, size):
        return rng.binomial(1, p, size)


class BinomialRV(Draw):
    """Successes in ``n`` trials, as `numpy.random.Generator.binomial`.

    >>> from numbagrad.tensor.random import shared_rng
    >>> binomial(10, 0.4, size=3, rng=shared_rng(seed=3)).eval()
    array([2, 3, 5])
    """

    arguments = {"n": "int64", "p": "float64"}
    constraints = (at_least_zero("n"), probability("p"))
    natural = "int64"

    def template(rng, n, p):
        return random.binomial(rng, n, p)

    def reference(rng, n, p, size):
        return rng.binomial(n, p, size)


class NegativeBinomialRV(Draw):
    """Failures before ``n`` successes, as `numpy.random.Generator.negative_binomial`.

    >>> from numbagrad.tensor.random import shared_rng
    >>> negative_binomial(3.5, 0.4, size=3, rng=shared_rng(seed=3)).eval()
    array([16,  3,  8])
    """

    arguments = {"n": "float64", "p": "float64"}
    constraints = (
        Constraint(("n",), lambda n: n > 0, "n <= 0 or n is NaN"),
        probability("p", above_zero=True),
        Constraint(("n", "p"), _poisson_can, "n is too large or p too small"),
    )
    natural = "int64"

    def template(rng, n, p):
        return random.negative_binomial(rng, n, p)

    def reference(rng, n, p, size):
        return rng.negative_binomial(n, p, size)


class PoissonRV(Draw):
    """Poisson numbers of mean ``lam``, as `numpy.random.Generator.poisson`.

    >>> from numbagrad.tensor.random import shared_rng
    >>> poisson(3.5, size=3, rng=shared_rng(seed=3)).eval()
    array([1, 3, 3])
    """

    arguments = {"lam": "float64"}
    constraints = (
        Constraint(("lam",), lambda x: x >= 0, "lam < 0 or lam is NaN"),
        Constraint(("lam",), lambda x: x <= _POISSON_MAX, "lam is too large"),
    )
    natural = "int64"

    def template(rng, lam):
        return random.poisson(rng, lam)

    def reference(rng, lam, size):
        return rng.poisson(lam, size)


class GeometricRV(Draw):
    """Trials until the first success, as `numpy.random.Generator.geometric`.

    >>> from numbagrad.tensor.random import shared_rng
    >>> geometric(0.4, size=3, rng=shared_rng(seed=3)).eval()
    array([1, 1, 4])
    """

    arguments = {"p": "float64"}
    constraints = (probability("p", above_zero=True),)
    natural = "int64"

    def template(rng, p):
        return random.geometric(rng, p)

    def reference(rng, p, size):
        return rng.geometric(p, size)


class HypergeometricRV(Draw):
    """Good ones in a sample without replacement, as `numpy.random.Generator.hypergeometric`.

    >>> from numbagrad.tensor.random import shared_rng
    >>> hypergeometric(10, 5, 6, size=3, rng=shared_rng(seed=3)).eval()
    array([4, 5, 3])
    """

    arguments = {"ngood": "int64", "nbad": "int64", "nsample": "int64"}
    constraints = (
        at_least_zero("ngood"),
        at_least_zero("nbad"),
        at_least_zero("nsample"),
        Constraint(("ngood",), lambda x: x < _HYPERGEOMETRIC_MAX, "ngood is not below 10**9"),
        Constraint(("nbad",), lambda x: x < _HYPERGEOMETRIC_MAX, "nbad is not below 10**9"),
        Constraint(
            ("ngood", "nbad", "nsample"), lambda a, b, c: a + b >= c, "ngood + nbad < nsample"
        ),
    )
    natural = "int64"

    def template(rng, ngood, nbad, nsample):
        return random.hypergeometric(rng, ngood, nbad, nsample)

    def reference(rng, ngood, nbad, nsample, size):
        return rng.hypergeometric(ngood, nbad, nsample, size)


_integers = distribution(IntegersRV, "integers")
bernoulli = distribution(BernoulliRV, "bernoulli")
binomial = distribution(BinomialRV, "binomial")
negative_binomial = distribution(NegativeBinomialRV, "negative_binomial")
poisson = distribution(PoissonRV, "poisson", 1.0)
geometric = distribution(GeometricRV, "geometric")
hypergeometric = distribution(HypergeometricRV, "hypergeometric")
OPS["random.nbinom"] = negative_binomial


@enter
def integers(low: Any, high: Any = None, size: Any = None, **kwargs: Any) -> Any:
    """Whole numbers from ``low`` to ``high - 1``, or from 0 to ``low - 1`` without ``high``.

    As `numpy.random.Generator.integers`, always drawn as int64.

    >>> from numbagrad.tensor.random import shared_rng
    >>> integers(10, size=3, rng=shared_rng(seed=3)).eval()
    array([8, 0, 1])
    """
    low, high = (0, low) if high is None else (low, high)
    return _integers(low, high, size=size, **kwargs)


@enter
def betabinom(n: Any, a: Any, b: Any, size: Any = None, **kwargs: Any) -> Any:
    """Successes in ``n`` trials of a probability that is itself a beta draw.

    First all probabilities are drawn, then all numbers, as `scipy.stats.betabinom` does.

    >>> from numbagrad.tensor.random import shared_rng
    >>> betabinom(10, 2.0, 3.0, size=3, rng=shared_rng(seed=3)).eval()
    array([7, 7, 3])
    """
    if size is None:  # a probability for each number
        a = OPS["second"](as_tensor(n), as_tensor(a))
    next_rng, p = beta(a, b, size=size, rng=kwargs.pop("rng", None), return_next_rng=True)
    return binomial(n, p, size=size, rng=next_rng, **kwargs)
