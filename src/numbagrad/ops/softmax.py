"""softmax, log_softmax and logsumexp, which neither overflow nor lose what is small.

The largest element is subtracted first. The results do not depend on what is subtracted, so its
derivative is exactly zero and is not computed.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..graph.registry import OPS, register
from ..graph.tensor import as_tensor
from ..testing.samples import data, sample
from .axes import keep_dims, normalize_axes
from .dtypes import float_of, is_complex, is_continuous
from .reductions import Max, sum_

__all__ = ["Peak", "log_softmax", "logsumexp", "softmax"]


class Peak(Max):
    """Largest element over ``axes``, and ``-inf`` of none, so that empty sums of exponentials work.

    >>> Peak(axes=(0,))(np.zeros(0)).eval()
    array(-inf)
    """

    nonempty: ClassVar[str | None] = None
    samples = [
        sample(data(3, 4), axes=(0,)),
        sample(data(3, 4), axes=(0, 1)),
        sample(np.zeros((0, 3)), axes=(0,), smooth=False),
        sample(np.array([np.nan, 1.0]), axes=(0,), smooth=False),
    ]

    def prepare(self, x: Any) -> list[Any]:
        (x,) = super().prepare(x)
        if not is_continuous(x.type.dtype):
            raise TypeError(f"{self}: integers have no -inf; got dtype {x.type.dtype}")
        return [x]

    def identity(dtype):
        return -np.inf

    def reference(x, axes):
        return np.max(x, axis=axes, initial=-np.inf)


def _peak(x: Any, axes: tuple[int, ...]) -> Any:
    """The largest elements, dimensions kept, as something without a derivative."""
    return OPS["disconnected_grad"](keep_dims(Peak(axes=axes)(x), x.ndim, axes) if axes else x)


def _as_float(x: Any, name: str) -> Any:
    x = as_tensor(x)
    if is_complex(x.type.dtype):
        raise TypeError(f"{name}: complex numbers have no largest one; got {x.type.dtype}")
    dtype = float_of(x.type.dtype)
    return x if x.type.dtype == dtype else OPS["cast"](x, dtype)


def _largest(x: Any, axes: tuple[int, ...]) -> Any:
    """The largest elements as something without a derivative; 0 where they are not finite."""
    top = _peak(x, axes)
    return OPS["switch"](OPS["isfinite"](top), top, 0.0)


@register
def softmax(c: Any, axis: Any = None) -> Any:
    """``exp(c)`` divided by its sum over ``axis``, as `scipy.special.softmax`.

    Parameters
    ----------
    c : array_like or TensorVariable
        Real, of any shape.
    axis : int, tuple of int, or None
        Everything by default.

    Raises
    ------
    TypeError
        If ``c`` is complex.

    Examples
    --------
    >>> softmax([0.0, 1000.0]).eval()
    array([0., 1.])
    """
    c = _as_float(c, "softmax")
    axes = normalize_axes(axis, c.ndim, "softmax")
    top = _peak(c, axes)
    e = OPS["exp"](OPS["sub"](c, top))
    return OPS["true_div"](e, sum_(e, axes, keepdims=True))


@register
def log_softmax(c: Any, axis: Any = None) -> Any:
    """The logarithm of `softmax`, as `scipy.special.log_softmax`.

    >>> log_softmax([0.0, 1000.0]).eval()
    array([-1000.,     0.])
    """
    c = _as_float(c, "log_softmax")
    axes = normalize_axes(axis, c.ndim, "log_softmax")
    shifted = OPS["sub"](c, _largest(c, axes))
    total = sum_(OPS["exp"](shifted), axes, keepdims=True)
    return OPS["sub"](shifted, OPS["log"](total))


@register
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """``log(sum(exp(x)))`` over ``axis``, as `scipy.special.logsumexp`; ``-inf`` if all are.

    Parameters
    ----------
    x : array_like or TensorVariable
        Real, of any shape.
    axis : int, tuple of int, or None
        Everything by default.
    keepdims : bool
        Keep the reduced dimensions with size 1.

    Raises
    ------
    TypeError
        If ``x`` is complex.

    Examples
    --------
    >>> logsumexp([1000.0, 1000.0]).eval()
    array(1000.69314718)
    """
    x = _as_float(x, "logsumexp")
    axes = normalize_axes(axis, x.ndim, "logsumexp")
    if not axes:
        return x
    top = _largest(x, axes)
    total = sum_(OPS["exp"](OPS["sub"](x, top)), axes, keepdims=True)
    made = OPS["add"](OPS["log"](total), top)
    if keepdims:
        return made
    return OPS["dimshuffle"](made, [k for k in range(x.ndim) if k not in axes])
