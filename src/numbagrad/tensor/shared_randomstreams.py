"""``RandomStreams`` with Theano's methods, whose first argument is the size."""

from __future__ import annotations

from typing import Any

from ..graph.registry import OPS
from ..graph.tensor import as_tensor
from ..ops.array_draws import choice, multinomial, permutation
from ..ops.continuous_draws import normal, uniform
from ..ops.discrete_draws import binomial, integers, poisson
from .random.utils import RandomStream

__all__ = ["RandomStreams"]


class RandomStreams(RandomStream):
    """A `RandomStream` whose methods take their arguments in Theano's order.

    The numbers are those of NumPy's Generators, not those that Theano drew.

    >>> from numbagrad import function
    >>> srng = RandomStreams(seed=234)
    >>> f = function([], srng.uniform((2,), low=-1.0, high=1.0))
    >>> f(), f()
    (array([-0.41915305,  0.72663129]), array([-0.92404379,  0.43104419]))
    """

    def uniform(
        self, size: Any = None, low: Any = 0.0, high: Any = 1.0, ndim: Any = None, dtype: Any = None
    ) -> Any:
        """Uniform draws from ``low`` to ``high``."""
        return self.gen(uniform, low, high, size=size, dtype=dtype)

    def normal(
        self, size: Any = None, avg: Any = 0.0, std: Any = 1.0, ndim: Any = None, dtype: Any = None
    ) -> Any:
        """Normal draws of mean ``avg`` and standard deviation ``std``."""
        return self.gen(normal, avg, std, size=size, dtype=dtype)

    def binomial(
        self, size: Any = None, n: Any = 1, p: Any = 0.5, ndim: Any = None, dtype: Any = "int64",
        prob: Any = None,
    ) -> Any:  # fmt: skip
        """Successes in ``n`` trials, in any dtype: masks are often wanted as floats."""
        draw = self.gen(binomial, n, p if prob is None else prob, size=size)
        return OPS["cast"](draw, dtype)

    def random_integers(
        self, size: Any = None, low: Any = 0, high: Any = 1, ndim: Any = None, dtype: Any = "int64"
    ) -> Any:
        """Whole numbers from ``low`` to ``high``, both among them."""
        return self.gen(integers, low, OPS["add"](as_tensor(high), 1), size=size, dtype=dtype)

    def poisson(
        self, size: Any = None, lam: Any = 1.0, ndim: Any = None, dtype: Any = "int64"
    ) -> Any:
        """Poisson numbers of mean ``lam``."""
        return OPS["cast"](self.gen(poisson, lam, size=size), dtype)

    def choice(
        self, size: Any = None, a: Any = 2, replace: bool = True, p: Any = None, ndim: Any = None,
        dtype: Any = "int64",
    ) -> Any:  # fmt: skip
        """Elements of ``a``, or numbers below it."""
        return OPS["cast"](self.gen(choice, a, size=size, replace=replace, p=p), dtype)

    def permutation(
        self, size: Any = None, n: Any = 1, ndim: Any = None, dtype: Any = "int64"
    ) -> Any:
        """The numbers below ``n`` in another order; only without a size.

        Raises
        ------
        ValueError
            If ``size`` is given.
        """
        if size is not None:
            raise ValueError("permutation: one permutation at a time; size must be None")
        return OPS["cast"](self.gen(permutation, n), dtype)

    def multinomial(
        self, size: Any = None, n: Any = 1, pvals: Any = (0.5, 0.5), ndim: Any = None,
        dtype: Any = "int64",
    ) -> Any:  # fmt: skip
        """How often each outcome happens in ``n`` trials."""
        return OPS["cast"](self.gen(multinomial, n, pvals, size=size), dtype)

    def shuffle_row_elements(self, input: Any) -> Any:
        """``input`` with its rows in another order."""
        return self.gen(permutation, input)
