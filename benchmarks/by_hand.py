"""The gradient of ``sum(sin(z)**2)`` as a person writes it for Numba, kept in Numba's cache."""

import numba
import numpy as np


@numba.njit(cache=True)
def gradient(z):
    """``sin(2 z)``."""
    result = np.empty_like(z)
    for i in range(len(z)):
        result[i] = 2.0 * np.sin(z[i]) * np.cos(z[i])
    return result
