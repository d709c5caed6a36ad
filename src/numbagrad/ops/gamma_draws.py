"""Gamma draws and what is made of them: inverse gamma, generalized gamma, chi-square, beta."""

from __future__ import annotations

import math
from typing import Any

from ..graph.registry import OPS
from ..graph.tensor import as_tensor
from ..kernels import random
from .declared import undefined
from .distributions import at_least_zero, distribution, each, enter, positive
from .draws import Draw

__all__ = ["beta", "chisquare", "gamma", "gengamma", "invgamma"]

_SHAPE = "a draw of {0} is made by rejection, so it is no smooth function of {1}"


class GammaRV(Draw):
    """Gamma draws, as `numpy.random.Generator.gamma`.

    >>> from numbagrad.tensor.random import shared_rng
    >>> gamma(2.0, 0.5, size=2, rng=shared_rng(seed=3)).eval()
    array([11.86763909,  4.5335912 ])
    """

    arguments = {"shape": "float64", "scale": "float64"}
    constraints = (at_least_zero("shape"), at_least_zero("scale"))

    def template(rng, shape, scale):
        return random.gamma(rng, shape, scale)

    def reference(rng, shape, scale, size):
        return rng.gamma(shape, scale, size)

    def partials(y, shape, scale):
        return [undefined(_SHAPE.format("gamma", "shape")), OPS["true_div"](y, scale)]


class InvGammaRV(Draw):
    """``1 / Generator.gamma(shape, 1 / scale)``.

    >>> from numbagrad.tensor.random import shared_rng
    >>> invgamma(2.0, 0.5, size=2, rng=shared_rng(seed=3)).eval()
    array([0.08426276, 0.22057569])
    """

    arguments = {"shape": "float64", "scale": "float64"}
    constraints = (positive("shape"), positive("scale"))

    def template(rng, shape, scale):
        return random.invgamma(rng, shape, scale)

    def reference(rng, shape, scale, size):
        return 1 / rng.gamma(shape, 1 / scale, size)

    def partials(y, shape, scale):
        return [undefined(_SHAPE.format("invgamma", "shape")), OPS["true_div"](y, scale)]


class GenGammaRV(Draw):
    """``lambd * g**(1/p)`` for gamma draws ``g`` of shape ``alpha / p``, as `scipy.stats.gengamma`.

    >>> from numbagrad.tensor.random import shared_rng
    >>> gengamma(2.0, 1.5, 0.5, size=2, rng=shared_rng(seed=3)).eval()
    array([1.41171475, 0.64907776])
    """

    arguments = {"alpha": "float64", "p": "float64", "lambd": "float64"}
    constraints = (positive("alpha"), positive("p"), positive("lambd"))

    def template(rng, alpha, p, lambd):
        return random.gengamma(rng, alpha, p, lambd)

    def reference(rng, alpha, p, lambd, size):
        return each(math.pow, rng.standard_gamma(alpha / p, size), 1.0 / p) * lambd

    def partials(y, alpha, p, lambd):
        why = _SHAPE.format("gengamma", "alpha and p")
        return [undefined(why), undefined(why), OPS["true_div"](y, lambd)]


class BetaRV(Draw):
    """Beta draws, as `numpy.random.Generator.beta`.

    >>> from numbagrad.tensor.random import shared_rng
    >>> beta(2.0, 3.0, size=2, rng=shared_rng(seed=3)).eval()
    array([0.63509735, 0.67959133])
    """

    arguments = {"alpha": "float64", "beta": "float64"}
    constraints = (positive("alpha"), positive("beta"))

    def template(rng, alpha, beta):
        return random.beta(rng, alpha, beta)

    def reference(rng, alpha, beta, size):
        return rng.beta(alpha, beta, size)

    def partials(y, alpha, beta):
        why = (
            "a draw of beta is made by rejection; with gamma draws x and y of shapes alpha and "
            "beta, x / (x + y) is a beta draw whose derivatives exist"
        )
        return [undefined(why), undefined(why)]


_gamma = distribution(GammaRV, "gamma", 1.0)
invgamma = distribution(InvGammaRV, "invgamma", 1.0)
gengamma = distribution(GenGammaRV, "gengamma", 1.0, 1.0, 1.0)
beta = distribution(BetaRV, "beta")


@enter
def gamma(shape: Any, rate: Any = None, scale: Any = None, size: Any = None, **kwargs: Any) -> Any:
    """Gamma draws, as `numpy.random.Generator.gamma`; exactly one of ``rate`` and ``scale``.

    Raises
    ------
    ValueError
        If both or neither is given; when it is called, if a parameter is negative.

    Examples
    --------
    >>> from numbagrad.tensor.random import shared_rng
    >>> gamma(2.0, scale=0.5, size=2, rng=shared_rng(seed=3)).eval()
    array([2.96690977, 1.1333978 ])
    """
    if (rate is None) == (scale is None):
        raise ValueError("gamma: give exactly one of rate and scale")
    if scale is None:
        scale = OPS["true_div"](1.0, as_tensor(rate))
    return _gamma(shape, scale, size=size, **kwargs)


@enter
def chisquare(df: Any, size: Any = None, **kwargs: Any) -> Any:
    """Chi-square draws, as `numpy.random.Generator.chisquare`: gamma draws of shape ``df / 2``.

    >>> from numbagrad.tensor.random import shared_rng
    >>> chisquare(3.0, size=2, rng=shared_rng(seed=3)).eval()
    array([10.10212535,  3.35808005])
    """
    return _gamma(OPS["true_div"](as_tensor(df), 2.0), 2.0, size=size, **kwargs)
