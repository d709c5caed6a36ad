"""AfterSteps: a value that is there only if a loop made a step.

It takes the place of the last element of a trace where the trace itself is not kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph.registry import register
from ..testing.samples import data, sample
from .checks import Check
from .dtypes import first
from .kinds import View

__all__ = ["AfterSteps", "after_steps"]

_MESSAGE = (
    "Index -1 is out of bounds: the loop makes no step, so that there is no last value of what "
    "it computes"
)


class AfterSteps(View):
    """``x``, which is there only if ``n``, the number of steps, is not 0.

    >>> AfterSteps()(2.0, 3).eval()
    array(2.)
    """

    dtype = first
    samples = [sample(data(3), np.int64(2)), sample(data(2, 1), np.int64(1))]

    def reference(x, n):
        if n < 1:
            raise IndexError(_MESSAGE)
        return x

    def sizes(self, shapes, x, n):
        return shapes[0]

    def checks(self, x, n):
        return [Check(None, lambda index, read, sizes: read(1, ()) >= 1, IndexError, _MESSAGE)]

    def element(self, index, read, sizes):
        return read(0, index)

    def connection_pattern(self, node):
        return [[True], [False]]

    def pullback(self, gy, y, x, n):
        return [gy, None]


_after_steps = AfterSteps()


@register
def after_steps(x: Any, n: Any) -> Any:
    """``x``, which is there only if ``n`` steps were made, and ``n`` is not 0.

    Parameters
    ----------
    x : tensor
    n : int or integer scalar

    Raises
    ------
    IndexError
        If ``n`` is 0 when the function runs.

    Examples
    --------
    >>> after_steps([1.0, 2.0], 3).eval()
    array([1., 2.])
    """
    return _after_steps(x, n)
