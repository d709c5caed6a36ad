"""Sums and products of the elements up to each place, and the recurrence their derivatives need.

All work along the last dimension; the functions take any axis.

The products are exclusive (those before a place, those behind it), because the product of all
elements but one is what the derivative of a product is made of. With p[i] the product of the
elements before i,

    p[i] = x[i-1] p[i-1],   p[0] = 1,

and therefore dp[i] = x[i-1] dp[i-1] + p[i-1] dx[i-1], which is `Recurrence` with a = x, b = p dx.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from ..graph.registry import OPS, register
from ..graph.tensor import as_tensor
from ..testing.samples import data, sample
from .axes import from_last, normalize_axis, to_last
from .dtypes import float_of, is_complex
from .kinds import LINEAR, Block
from .reductions import summed
from .sizes import size_at

__all__ = [
    "CumSum",
    "ProductsBefore",
    "Recurrence",
    "cumprod",
    "cumsum",
    "diff",
    "products_before",
    "products_behind",
]


def _conjugate(x: Any) -> Any:
    return OPS["conj"](x) if is_complex(x.type.dtype) else x


def _vectors(**params: Any) -> list[Any]:
    return [
        sample(data(5), **params),
        sample(data(1), **params),
        sample(np.zeros(0), **params),
        sample(data(2, 4), **params),
        sample(np.array([1.0, np.nan, 2.0, np.inf]), smooth=False, **params),
    ]


class CumSum(Block):
    """Sums up to each place: ``y[i] = x[0] + ... + x[i]``; ``reverse`` sums from each place on.

    >>> CumSum(reverse=False)([1.0, 2.0, 3.0]).eval()
    array([1., 3., 6.])
    """

    __props__ = ("reverse",)
    dtype = summed
    signature = "(n)->(n)"
    pushforward = LINEAR
    samples = _vectors(reverse=False) + _vectors(reverse=True)

    def template(x, reverse):
        y = np.empty_like(x)
        total = x.dtype.type(0)
        for i in range(x.size):
            k = x.size - 1 - i if reverse else i
            total += x[k]
            y[k] = total
        return y

    def reference(x, reverse):
        return np.cumsum(x[::-1])[::-1] if reverse else np.cumsum(x)

    def pullback(self, gy, y, x):
        return [CumSum(reverse=not self.reverse)(gy)]


class Recurrence(Block):
    """The linear recurrence ``h[i+1] = a[i] h[i] + b[i]`` from ``h[0] = 0``.

    ``a[-1]`` and ``b[-1]`` are not used. With ``reverse`` it runs from the end:
    ``h[i-1] = a[i] h[i] + b[i]`` from ``h[-1] = 0``.

    >>> Recurrence(reverse=False)([2.0, 2.0, 2.0], [1.0, 1.0, 1.0]).eval()
    array([0., 1., 3.])
    """

    __props__ = ("reverse",)
    dtype = float_of
    signature = "(n),(n)->(n)"
    samples = [
        sample(data(n, seed=3), data(n, seed=4), reverse=reverse)
        for reverse in (False, True)
        for n in (5, 1, 0)
    ]

    def template(a, b, reverse):
        h = np.empty_like(a)
        state = a.dtype.type(0)
        for i in range(a.size):
            k = a.size - 1 - i if reverse else i
            h[k] = state
            state = a[k] * state + b[k]
        return h

    def reference(a, b, reverse):
        h = np.zeros(a.size, np.result_type(a, b, np.float32))
        order = np.arange(a.size)[:: -1 if reverse else 1]
        for k, following in pairwise(order):
            h[following] = a[k] * h[k] + b[k]
        return h

    # With m[i] = d cost / d h[i+1] in total (what comes from behind included),
    #     m[i] = g[i+1] + a[i+1] m[i+1],   m[-1] = 0,
    # which is the same recurrence from the other end, driven by g. Then h[i+1] = a[i] h[i] + b[i]
    # gives d cost / d b[i] = m[i] and d cost / d a[i] = h[i] m[i].
    def pullback(self, gy, y, a, b):
        back = Recurrence(reverse=not self.reverse)(_conjugate(a), gy)
        return [OPS["mul"](_conjugate(y), back), back]

    def pushforward(self, tangents, y, a, b):
        moved = [t if k else OPS["mul"](t, y) for k, t in enumerate(tangents) if t is not None]
        return self(a, moved[0] if len(moved) == 1 else OPS["add"](*moved)) if moved else None


class ProductsBefore(Block):
    """For each place the product of the elements before it (``reverse``: behind it).

    >>> ProductsBefore(reverse=False)([2.0, 3.0, 4.0]).eval()
    array([1., 2., 6.])
    """

    __props__ = ("reverse",)
    dtype = summed
    signature = "(n)->(n)"
    samples = [
        s
        for reverse in (False, True)
        for s in [
            *_vectors(reverse=reverse),
            sample(np.array([2.0, 0.0, 3.0, 0.0, 1.5]), reverse=reverse),
        ]
    ]

    def template(x, reverse):
        y = np.empty_like(x)
        product = x.dtype.type(1)
        for i in range(x.size):
            k = x.size - 1 - i if reverse else i
            y[k] = product
            product *= x[k]
        return y

    def reference(x, reverse):
        ordered = x[::-1] if reverse else x
        made = np.cumprod(np.concatenate([np.ones(1, x.dtype), ordered]))[:-1]
        return made[::-1] if reverse else made

    # The derivation is at the head of the file; the adjoint of h = Recurrence(x, y t) in t is
    # y times the recurrence from the other end, as for Recurrence itself.
    def pullback(self, gy, y, x):
        back = Recurrence(reverse=not self.reverse)(_conjugate(x), gy)
        return [OPS["mul"](_conjugate(y), back)]

    def pushforward(self, tangents, y, x):
        if tangents[0] is None:
            return None
        return Recurrence(reverse=self.reverse)(x, OPS["mul"](y, tangents[0]))


products_before = ProductsBefore(reverse=False)
products_behind = ProductsBefore(reverse=True)
OPS["products_before"] = products_before
OPS["products_behind"] = products_behind


# -- the functions ------------------------------------------------------------------------------


def _along(function: Any, name: str, x: Any, axis: Any) -> Any:
    """Apply a function of the last dimension along ``axis``; ``None`` flattens first."""
    x = as_tensor(x)
    if axis is None:
        return function(x if x.ndim == 1 else OPS["flatten"](x, 1))
    axes = (normalize_axis(axis, x.ndim, name),)
    return from_last(function(to_last(x, axes)), x, axes)


@register
def cumsum(x: Any, axis: Any = None) -> Any:
    """Sums of the elements up to each place along ``axis``, as `numpy.cumsum`.

    Parameters
    ----------
    x : array_like or TensorVariable
    axis : int, optional
        By default ``x`` is flattened.

    Returns
    -------
    TensorVariable
        Of the dtype of ``x``; int64 or uint64 for small integers.

    Examples
    --------
    >>> cumsum([[1.0, 2.0], [3.0, 4.0]], axis=1).eval()
    array([[1., 3.],
           [3., 7.]])
    """
    return _along(CumSum(reverse=False), "cumsum", x, axis)


def _inclusive_products(x: Any) -> Any:
    return OPS["mul"](products_before(x), x)


@register
def cumprod(x: Any, axis: Any = None) -> Any:
    """Products of the elements up to each place along ``axis``, as `numpy.cumprod`.

    Derivatives are exact with zeros in ``x``. See `cumsum` for the parameters.

    >>> cumprod([1.0, 2.0, 3.0]).eval()
    array([1., 2., 6.])
    """
    return _along(_inclusive_products, "cumprod", x, axis)


@register
def diff(x: Any, n: int = 1, axis: int = -1) -> Any:
    """Differences of neighbours along ``axis``, taken ``n`` times, as `numpy.diff`.

    For truth values a difference is whether they differ.

    >>> diff([1.0, 4.0, 9.0]).eval()
    array([3., 5.])
    """
    x = as_tensor(x)
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 0:
        raise ValueError(f"diff: n must be an integer of at least 0; got {n!r}")
    axis = normalize_axis(axis, x.ndim, "diff")
    lead = (slice(None),) * axis
    minus = OPS["neq"] if x.type.dtype == "bool" else OPS["sub"]
    for _ in range(n):
        if size_at(x, axis) == 0:
            break  # nothing stays nothing
        x = minus(x[(*lead, slice(1, None))], x[(*lead, slice(None, -1))])
    return x
