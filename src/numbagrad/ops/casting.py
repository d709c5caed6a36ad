"""Changes of dtype, and the identity."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..config import config
from ..graph.registry import OPS, register
from ..graph.tensor import DTYPES, TensorConstant, as_tensor
from ..testing.samples import grid, sample, specials
from .dtypes import first, is_complex, is_continuous
from .kinds import Elementwise

__all__ = ["Cast", "Identity", "cast", "identity"]


class Cast(Elementwise):
    """The values as another dtype, as ``astype`` does it in NumPy.

    Static parameter ``to``: the dtype's name.

    >>> cast([1.5, -2.5], "int32").eval()
    array([ 1, -2], dtype=int32)
    """

    __props__ = ("to",)
    dtype, inputs_as, is_cast = first, "given", True
    samples = [
        sample(np.array([0.0, 1.5, -2.5, 100.0]), to="float32"),
        sample(np.array([0.0, 1.5, -2.5, 100.0]), to="complex128"),
        sample(np.array([0.0, 1.5, -2.5, 100.0]), to="int8", smooth=False),
        sample(np.array([0.0, 0.5, np.nan]), to="bool", smooth=False),
        sample(np.array([3, -4]), to="uint8"),
    ]

    def output_dtypes(self, *inputs: Any) -> list[str]:
        return [self.to]

    def prepare(self, *inputs: Any) -> list[Any]:
        variables = super().prepare(*inputs)
        if is_complex(variables[0].type.dtype) and not is_complex(self.to):
            raise TypeError(
                f"A {variables[0].type.dtype} tensor is not cast to {self.to}, which would drop "
                "its imaginary part: take x.real, or abs(x)"
            )
        return variables

    def reference(x, to):
        return np.asarray(x).astype(to)

    def template(x, to):
        return x

    def partials(y, x):
        # The kind gives the gradient the dtype of x.
        return [1 if is_continuous(y.type.dtype) else 0]

    def pushforward(self, tangents, y, x):
        if tangents[0] is None or not is_continuous(self.to):
            return None
        return cast(tangents[0], self.to)


@register
def cast(x: Any, dtype: Any) -> Any:
    """``x`` as another dtype; ``x`` itself if it has that dtype.

    Parameters
    ----------
    x : array_like or TensorVariable
    dtype : str or dtype
        NumPy's name, or ``"floatX"``.

    Raises
    ------
    TypeError
        If it is no dtype of tensors, or would drop an imaginary part.

    Examples
    --------
    >>> cast([1.5, -2.5], "int32").eval()
    array([ 1, -2], dtype=int32)
    """
    x = as_tensor(x)
    try:
        name = config.floatX if dtype == "floatX" else np.dtype(dtype).name
    except TypeError:
        raise TypeError(f"{dtype!r} is no dtype") from None
    if name not in DTYPES:
        raise TypeError(f"dtype {name!r} is not supported; choose one of {', '.join(DTYPES)}")
    if x.type.dtype == name:
        return x
    op = Cast(to=name)
    if isinstance(x, TensorConstant):
        op.prepare(x)
        with np.errstate(all="ignore"):
            data = x.data.astype(name)
        return TensorConstant(x.type.clone(dtype=name), data, x.name, x.literal)
    return op(x)


class Identity(Elementwise):
    """``x`` itself, as a new variable.

    >>> identity([1.0, 2.0]).eval()
    array([1., 2.])
    """

    dtype, odd, cost = first, True, 0
    samples = [grid(-3, 3), specials]

    def reference(x):
        return x

    def template(x):
        return x

    def partials(y, x):
        return [1]


_identity = Identity()


@register
def identity(x: Any, name: str | None = None) -> Any:
    """A new variable with the value of ``x``.

    >>> identity([1.0, 2.0], name="y")
    y
    """
    return _identity(x, name=name)


OPS["tensor_copy"] = identity
