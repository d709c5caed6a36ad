"""Continuous distributions: how one draw is made, and what it changes by as parameters move.

A draw is bit for bit that of NumPy's Generator where NumPy has the distribution, and composed of
such draws as SciPy does where it has not.

Derivatives are pathwise: of the draw as a function of its parameters, the randomness behind it
fixed. Those of locations and scales are evident; the others follow from the inverse F⁻¹(u) by which
the draw is made, whose derivative is -(∂F/∂θ) / f at the draw (Figurnov, Mohamed and Mnih,
"Implicit Reparameterization Gradients", 2018). All are written in terms of the draw itself.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..graph.registry import OPS
from ..kernels import random
from .declared import undefined
from .distributions import at_least_zero, distribution, each, positive
from .draws import Constraint, Draw

__all__ = [
    "cauchy",
    "exponential",
    "gumbel",
    "halfcauchy",
    "halfnormal",
    "laplace",
    "logistic",
    "lognormal",
    "normal",
    "pareto",
    "rayleigh",
    "t",
    "triangular",
    "truncexpon",
    "uniform",
    "vonmises",
    "wald",
    "weibull",
]

_TWO = {"loc": "float64", "scale": "float64"}


def _standardized(y: Any, loc: Any, scale: Any) -> Any:
    return OPS["true_div"](OPS["sub"](y, loc), scale)


def _location_scale(y: Any, loc: Any, scale: Any) -> list[Any]:
    """Of y = loc + scale z with z fixed."""
    return [OPS["ones_like"](y), _standardized(y, loc, scale)]


class UniformRV(Draw):
    """Uniform draws from ``low`` to ``high``, as `numpy.random.Generator.uniform`.

    >>> from numbagrad.tensor.random import shared_rng
    >>> uniform(1.0, 2.0, size=2, rng=shared_rng(seed=3)).eval()
    array([1.08564917, 1.23681051])
    """

    arguments = {"low": "float64", "high": "float64"}
    constraints = (
        Constraint(("low", "high"), lambda a, b: (b >= a) | (a != a) | (b != b), "low > high"),
        Constraint(
            ("low", "high"), lambda a, b: (b - a < np.inf) | (a != a) | (b != b),
            "the range high - low is not finite",
        ),
    )  # fmt: skip

    def template(rng, low, high):
        return random.uniform(rng, low, high)

    def reference(rng, low, high, size):
        return rng.uniform(low, high, size)

    # y = low + u (high - low)
    def partials(y, low, high):
        u = OPS["true_div"](OPS["sub"](y, low), OPS["sub"](high, low))
        return [OPS["sub"](1.0, u), u]


class NormalRV(Draw):
    """Normal draws of mean ``loc`` and standard deviation ``scale``.

    As `numpy.random.Generator.normal`.

    Parameters
    ----------
    loc, scale : array_like or TensorVariable
        They broadcast against each other; ``scale`` must not be negative.
    size : int, tuple of int and integer scalars, or integer vector, optional
        The shape of the result; by default that of the parameters together.
    rng : variable of RandomGeneratorType, optional
        By default a new shared one, seeded by chance.
    name : str, optional
    dtype : str, optional
        ``config.floatX`` by default. Draws are made in double precision and then rounded.
    return_next_rng : bool
        Return a pair: the next generator, and the draws.

    Raises
    ------
    ValueError
        If ``scale`` or a size is negative, when the function is called.

    Examples
    --------
    >>> from numbagrad.tensor.random import shared_rng
    >>> normal([0.0, 100.0], 1.0, rng=shared_rng(seed=3)).eval()
    array([ 2.04091912, 97.44433497])
    """

    arguments = _TWO
    constraints = (at_least_zero("scale"),)

    def template(rng, loc, scale):
        return random.normal(rng, loc, scale)

    def reference(rng, loc, scale, size):
        return rng.normal(loc, scale, size)

    partials = _location_scale


class HalfNormalRV(Draw):
    """``loc + scale * abs(z)`` for standard normal ``z``, drawn as `scipy.stats.halfnorm` does.

    >>> from numbagrad.tensor.random import shared_rng
    >>> halfnormal(0.0, 2.0, size=2, rng=shared_rng(seed=3)).eval()
    array([4.08183824, 5.11133006])
    """

    arguments = _TWO
    constraints = (at_least_zero("scale"),)

    def template(rng, loc, scale):
        return random.halfnormal(rng, loc, scale)

    def reference(rng, loc, scale, size):
        return np.abs(rng.standard_normal(size)) * scale + loc

    partials = _location_scale


class LogNormalRV(Draw):
    """``exp(mean + sigma * z)`` for standard normal ``z``, as `numpy.random.Generator.lognormal`.

    >>> from numbagrad.tensor.random import shared_rng
    >>> lognormal(0.0, 0.5, size=2, rng=shared_rng(seed=3)).eval()
    array([2.77446951, 0.2786406 ])
    """

    arguments = {"mean": "float64", "sigma": "float64"}
    constraints = (at_least_zero("sigma"),)

    def template(rng, mean, sigma):
        return random.lognormal(rng, mean, sigma)

    def reference(rng, mean, sigma, size):
        return rng.lognormal(mean, sigma, size)

    def partials(y, mean, sigma):
        return [y, OPS["mul"](y, _standardized(OPS["log"](y), mean, sigma))]


class ExponentialRV(Draw):
    """Exponential draws of mean ``scale``, as `numpy.random.Generator.exponential`.

    >>> from numbagrad.tensor.random import shared_rng
    >>> exponential(2.0, size=2, rng=shared_rng(seed=3)).eval()
    array([0.22002963, 0.77931375])
    """

    arguments = {"scale": "float64"}
    constraints = (at_least_zero("scale"),)

    def template(rng, scale):
        return random.exponential(rng, scale)

    def reference(rng, scale, size):
        return rng.exponential(scale, size)

    def partials(y, scale):
        return [OPS["true_div"](y, scale)]


class CauchyRV(Draw):
    """``loc + scale * z``, with ``z`` of `numpy.random.Generator.standard_cauchy`.

    >>> from numbagrad.tensor.random import shared_rng
    >>> cauchy(0.0, 2.0, size=2, rng=shared_rng(seed=3)).eval()
    array([-1.59717263, -1.47277643])
    """

    arguments = _TWO
    constraints = (at_least_zero("scale"),)

    def template(rng, loc, scale):
        return random.cauchy(rng, loc, scale)

    def reference(rng, loc, scale, size):
        return rng.standard_cauchy(size) * scale + loc

    partials = _location_scale


class HalfCauchyRV(Draw):
    """Half-Cauchy draws by inversion, as `scipy.stats.halfcauchy` makes them.

    >>> from numbagrad.tensor.random import shared_rng
    >>> halfcauchy(0.0, 2.0, size=2, rng=shared_rng(seed=3)).eval()
    array([0.27071008, 0.78028804])
    """

    arguments = _TWO
    constraints = (at_least_zero("scale"),)

    def template(rng, loc, scale):
        return random.halfcauchy(rng, loc, scale)

    def reference(rng, loc, scale, size):
        return each(math.tan, np.pi / 2 * rng.uniform(size=size)) * scale + loc

    partials = _location_scale


class StudentTRV(Draw):
    """``loc + scale * z``, with ``z`` of `numpy.random.Generator.standard_t`.

    >>> from numbagrad.tensor.random import shared_rng
    >>> t(4.0, size=2, rng=shared_rng(seed=3)).eval()
    array([ 2.8358649, -0.7136577])
    """

    arguments = {"df": "float64", "loc": "float64", "scale": "float64"}
    constraints = (positive("df"), at_least_zero("scale"))

    def template(rng, df, loc, scale):
        return random.t(rng, df, loc, scale)

    def reference(rng, df, loc, scale, size):
        return rng.standard_t(df, size) * scale + loc

    def partials(y, df, loc, scale):
        why = "a draw of t is made by rejection, so it is no smooth function of df"
        return [undefined(why), *_location_scale(y, loc, scale)]


class LaplaceRV(Draw):
    """Laplace draws, as `numpy.random.Generator.laplace`.

    >>> from numbagrad.tensor.random import shared_rng
    >>> laplace(0.0, 2.0, size=2, rng=shared_rng(seed=3)).eval()
    array([-3.5286972 , -1.49469565])
    """

    arguments = _TWO
    constraints = (at_least_zero("scale"),)

    def template(rng, loc, scale):
        return random.laplace(rng, loc, scale)

    def reference(rng, loc, scale, size):
        return rng.laplace(loc, scale, size)

    partials = _location_scale


class LogisticRV(Draw):
    """Logistic draws, as `numpy.random.Generator.logistic`.

    >>> from numbagrad.tensor.random import shared_rng
    >>> logistic(0.0, 2.0, size=2, rng=shared_rng(seed=3)).eval()
    array([-4.73590968, -2.34049216])
    """

    arguments = _TWO
    constraints = (at_least_zero("scale"),)

    def template(rng, loc, scale):
        return random.logistic(rng, loc, scale)

    def reference(rng, loc, scale, size):
        return rng.logistic(loc, scale, size)

    partials = _location_scale


class GumbelRV(Draw):
    """Gumbel draws (of maxima), as `numpy.random.Generator.gumbel`.

    >>> from numbagrad.tensor.random import shared_rng
    >>> gumbel(0.0, 2.0, size=2, rng=shared_rng(seed=3)).eval()
    array([4.82611871, 2.6168236 ])
    """

    arguments = _TWO
    constraints = (at_least_zero("scale"),)

    def template(rng, loc, scale):
        return random.gumbel(rng, loc, scale)

    def reference(rng, loc, scale, size):
        return rng.gumbel(loc, scale, size)

    partials = _location_scale


class ParetoRV(Draw):
    """Pareto draws of exponent ``b``, at least ``scale``, by inversion as in `scipy.stats.pareto`.

    `numpy.random.Generator.pareto` draws from another distribution, the Lomax.

    >>> from numbagrad.tensor.random import shared_rng
    >>> pareto(3.0, 2.0, size=2, rng=shared_rng(seed=3)).eval()
    array([2.06059373, 2.18853015])
    """

    arguments = {"b": "float64", "scale": "float64"}
    constraints = (positive("b"), at_least_zero("scale"))

    def template(rng, b, scale):
        return random.pareto(rng, b, scale)

    def reference(rng, b, scale, size):
        return each(math.pow, 1 - rng.uniform(size=size), -1.0 / b) * scale

    # log(y / scale) = -log(u) / b
    def partials(y, b, scale):
        ratio = OPS["true_div"](y, scale)
        slope = OPS["true_div"](OPS["mul"](y, OPS["log"](ratio)), b)
        return [OPS["neg"](slope), ratio]


class WeibullRV(Draw):
    """Weibull draws of scale 1, as `numpy.random.Generator.weibull`.

    >>> from numbagrad.tensor.random import shared_rng
    >>> weibull(2.0, size=2, rng=shared_rng(seed=3)).eval()
    array([0.33168481, 0.62422502])
    """

    arguments = {"shape": "float64"}
    constraints = (at_least_zero("shape"),)

    def template(rng, shape):
        return random.weibull(rng, shape)

    def reference(rng, shape, size):
        return rng.weibull(shape, size)

    # log y = log(e) / shape for an exponential draw e
    def partials(y, shape):
        return [OPS["neg"](OPS["true_div"](OPS["mul"](y, OPS["log"](y)), shape))]


class RayleighRV(Draw):
    """Rayleigh draws, as `numpy.random.Generator.rayleigh`.

    >>> from numbagrad.tensor.random import shared_rng
    >>> rayleigh(2.0, size=2, rng=shared_rng(seed=3)).eval()
    array([0.93814631, 1.76557497])
    """

    arguments = {"scale": "float64"}
    constraints = (at_least_zero("scale"),)

    def template(rng, scale):
        return random.rayleigh(rng, scale)

    def reference(rng, scale, size):
        return rng.rayleigh(scale, size)

    def partials(y, scale):
        return [OPS["true_div"](y, scale)]


class VonMisesRV(Draw):
    """Angles around ``mu`` of concentration ``kappa``, as `numpy.random.Generator.vonmises`.

    >>> from numbagrad.tensor.random import shared_rng
    >>> vonmises(0.5, 4.0, size=2, rng=shared_rng(seed=3)).eval()
    array([ 0.56752057, -0.12654303])
    """

    arguments = {"mu": "float64", "kappa": "float64"}
    constraints = (at_least_zero("kappa"),)

    def template(rng, mu, kappa):
        return random.vonmises(rng, mu, kappa)

    def reference(rng, mu, kappa, size):
        return rng.vonmises(mu, kappa, size)

    def partials(y, mu, kappa):
        why = "a draw of vonmises is made by rejection, so it is no smooth function of kappa"
        return [OPS["ones_like"](y), undefined(why)]


class WaldRV(Draw):
    """Inverse Gaussian draws, as `numpy.random.Generator.wald`.

    >>> from numbagrad.tensor.random import shared_rng
    >>> wald(1.0, 2.0, size=2, rng=shared_rng(seed=3)).eval()
    array([0.26171425, 1.34255473])
    """

    arguments = {"mean": "float64", "scale": "float64"}
    constraints = (positive("mean"), positive("scale"))

    def template(rng, mean, scale):
        return random.wald(rng, mean, scale)

    def reference(rng, mean, scale, size):
        return rng.wald(mean, scale, size)

    def partials(y, mean, scale):
        why = "a draw of wald takes one of two roots by chance, which jumps as its parameters move"
        return [undefined(why), undefined(why)]


class TriangularRV(Draw):
    """Triangular draws, as `numpy.random.Generator.triangular`.

    >>> from numbagrad.tensor.random import shared_rng
    >>> triangular(0.0, 1.0, 3.0, size=2, rng=shared_rng(seed=3)).eval()
    array([0.50689989, 0.842871  ])
    """

    arguments = {"left": "float64", "mode": "float64", "right": "float64"}
    constraints = (
        Constraint(("left", "mode"), lambda a, b: (a <= b) | (a != a) | (b != b), "left > mode"),
        Constraint(("mode", "right"), lambda a, b: (a <= b) | (a != a) | (b != b), "mode > right"),
        Constraint(("left", "right"), lambda a, b: a != b, "left == right"),
    )

    def template(rng, left, mode, right):
        return random.triangular(rng, left, mode, right)

    def reference(rng, left, mode, right, size):
        return rng.triangular(left, mode, right, size)

    # Below the mode u = (y-l)² / ((r-l) (m-l)), above it 1-u = (r-y)² / ((r-l) (r-m)): with d the
    # distance to the near end, e that end's to the mode and w = r-l, d² is u w e. So d moves by
    # d/2 (1/w + 1/e) with its own end, d/(2e) with the mode and d/(2w) with the far end.
    def partials(y, left, mode, right):
        below = OPS["le"](y, mode)
        distance = OPS["switch"](below, OPS["sub"](y, left), OPS["sub"](right, y))
        to_mode = OPS["switch"](below, OPS["sub"](mode, left), OPS["sub"](right, mode))
        width = OPS["sub"](right, left)
        half = OPS["mul"](0.5, distance)
        by_mode, far = OPS["true_div"](half, to_mode), OPS["true_div"](half, width)
        near = OPS["sub"](1.0, OPS["add"](by_mode, far))
        switch = OPS["switch"]
        return [switch(below, near, far), by_mode, switch(below, far, near)]


class TruncExponRV(Draw):
    """Exponential draws below ``b``, scaled and shifted, by inversion as `scipy.stats.truncexpon`.

    >>> from numbagrad.tensor.random import shared_rng
    >>> truncexpon(2.0, size=2, rng=shared_rng(seed=3)).eval()
    array([0.07694348, 0.22911345])
    """

    arguments = {"b": "float64", "loc": "float64", "scale": "float64"}
    constraints = (positive("b"), at_least_zero("scale"))

    def template(rng, b, loc, scale):
        return random.truncexpon(rng, b, loc, scale)

    def reference(rng, b, loc, scale, size):
        return -each(math.log1p, rng.uniform(size=size) * each(math.expm1, -b)) * scale + loc

    # With w = (y - loc) / scale, u = (1 - exp(-w)) / (1 - exp(-b)) gives dw/db as below.
    def partials(y, b, loc, scale):
        w = _standardized(y, loc, scale)
        slope = OPS["true_div"](OPS["expm1"](w), OPS["expm1"](b))
        return [OPS["mul"](scale, slope), OPS["ones_like"](y), w]


uniform = distribution(UniformRV, "uniform", 0.0, 1.0)
normal = distribution(NormalRV, "normal", 0.0, 1.0)
halfnormal = distribution(HalfNormalRV, "halfnormal", 0.0, 1.0)
lognormal = distribution(LogNormalRV, "lognormal", 0.0, 1.0)
exponential = distribution(ExponentialRV, "exponential", 1.0)
cauchy = distribution(CauchyRV, "cauchy", 0.0, 1.0)
halfcauchy = distribution(HalfCauchyRV, "halfcauchy", 0.0, 1.0)
t = distribution(StudentTRV, "t", 0.0, 1.0)
laplace = distribution(LaplaceRV, "laplace", 0.0, 1.0)
logistic = distribution(LogisticRV, "logistic", 0.0, 1.0)
gumbel = distribution(GumbelRV, "gumbel", 0.0, 1.0)
pareto = distribution(ParetoRV, "pareto", 1.0)
weibull = distribution(WeibullRV, "weibull")
rayleigh = distribution(RayleighRV, "rayleigh", 1.0)
vonmises = distribution(VonMisesRV, "vonmises")
wald = distribution(WaldRV, "wald", 1.0, 1.0)
triangular = distribution(TriangularRV, "triangular")
truncexpon = distribution(TruncExponRV, "truncexpon", 0.0, 1.0)
