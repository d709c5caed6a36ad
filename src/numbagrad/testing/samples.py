"""What tests feed an Op, stated in the Op's class: data only, nothing is run here.

NumPy is the only import, so that definitions can use it at no cost.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ..records import field, record

__all__ = ["Sample", "data", "grid", "pairs", "points", "sample", "specials"]


@record(frozen=True)
class Sample:
    """One set of arguments.

    Attributes
    ----------
    arrays : tuple of ndarray
        The inputs, in order.
    params : dict
        Static parameters: the Op under test is ``OpClass(**params)``.
    smooth : bool
        Whether finite differences make sense there (no ties, edges, NaN or infinities).
    """

    arrays: tuple[np.ndarray, ...]
    params: dict[str, Any] = field(default_factory=dict)
    smooth: bool = True


def sample(*arrays: Any, smooth: bool = True, **params: Any) -> Sample:
    """A sample from anything NumPy makes arrays of."""
    return Sample(tuple(np.asarray(a) for a in arrays), params, smooth)


def grid(low: float, high: float, n: int = 7) -> Sample:
    """One argument: ``n`` points from ``low`` to ``high``, irregular enough to miss symmetries."""
    steps = np.linspace(0.0, 1.0, n)
    return sample(low + (high - low) * (0.013 + 0.97 * steps**1.1))


def points(*values: float, smooth: bool = False) -> Sample:
    """One argument: exactly these values, such as the edges of a domain."""
    return sample(np.array(values), smooth=smooth)


def pairs(low: float, high: float, low2: float | None = None, high2: float | None = None) -> Sample:
    """Two arguments of shape (6,), drawn once and for all from two ranges."""
    rng = np.random.default_rng(17)
    second = (low if low2 is None else low2, high if high2 is None else high2)
    return sample(rng.uniform(low, high, 6), rng.uniform(*second, 6))


@lru_cache(maxsize=512)
def data(*shape: int, seed: int = 3, low: float = -2.0, high: float = 2.0) -> np.ndarray:
    """A float64 array of that shape, the same in every run: one array, not to be written to."""
    return np.random.default_rng(seed).uniform(low, high, shape)


#: One argument: signed zeros, infinities, NaN and numbers at the ends of the range.
specials = sample(
    np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e300, -1e300, 1e-300, 5e-324]),
    smooth=False,
)
