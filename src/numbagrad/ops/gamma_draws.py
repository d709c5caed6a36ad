"""Gamma draws and what is made of them: inverse gamma, generalized gamma, chi-square, beta.

Gamma draws are made by rejection, so they are no smooth functions of their shape. They are
differentiated as if made by inverting the distribution function, which gives the same expectations
of derivatives (Figurnov, Mohamed and Mnih, "Implicit Reparameterization Gradients", 2018).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..graph.registry import OPS
from ..graph.tensor import as_tensor
from ..kernels import random, slopes
from ..testing.samples import pairs, sample
from .declared import undefined
from .distributions import at_least_zero, distribution, each, enter, positive
from .draws import Draw
from .dtypes import float_of
from .kinds import Elementwise

__all__ = ["beta", "chisquare", "gamma", "gengamma", "invgamma"]


class GammaSlope(Elementwise):
    """What a gamma draw of scale 1 changes by as its shape does, its probability fixed.

    >>> GammaSlope()(1.0, 2.0).eval()
    array(1.63169146)
    """

    dtype = float_of
    accepts = "biuf"
    cost = 60
    samples = [
        pairs(0.2, 5.0),
        pairs(20.0, 40.0),
        sample(np.array([1.0, 0.0, np.nan]), np.ones(3), smooth=False),
    ]

    def template(a, x):
        return slopes.gamma_slope(a, x)

    def reference(a, x):  # the kernel itself, which is tested against mpmath
        dtype = np.result_type(a, x)
        return np.vectorize(slopes.gamma_slope, otypes=[dtype])(a, x)

    # y = -P_a / f with f = P_x, so dy/dx = -f_a / f - y f_x / f, and log f has known derivatives.
    def partials(y, a, x):
        first = OPS["sub"](OPS["psi"](a), OPS["log"](x))
        second = OPS["sub"](OPS["true_div"](OPS["sub"](a, 1.0), x), 1.0)
        why = "the second derivative of a gamma draw in its shape is not implemented"
        return [undefined(why), OPS["sub"](first, OPS["mul"](y, second))]


gamma_slope = GammaSlope()


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

    # y = scale g
    def partials(y, shape, scale):
        g = OPS["true_div"](y, scale)
        return [OPS["mul"](scale, gamma_slope(shape, g)), g]


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

    # y = scale / g
    def partials(y, shape, scale):
        factor = OPS["true_div"](y, scale)
        slope = gamma_slope(shape, OPS["true_div"](scale, y))
        return [OPS["neg"](OPS["mul"](OPS["mul"](y, factor), slope)), factor]


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

    # log(y / lambd) = log(g) / p for a gamma draw g of shape alpha / p
    def partials(y, alpha, p, lambd):
        ratio = OPS["true_div"](y, lambd)
        g, shape = OPS["pow"](ratio, p), OPS["true_div"](alpha, p)
        slope = OPS["true_div"](gamma_slope(shape, g), OPS["mul"](g, OPS["sqr"](p)))
        by_shape = OPS["mul"](y, slope)
        bent = OPS["true_div"](OPS["mul"](y, OPS["log"](ratio)), p)
        return [by_shape, OPS["neg"](OPS["add"](bent, OPS["mul"](shape, by_shape))), ratio]


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
