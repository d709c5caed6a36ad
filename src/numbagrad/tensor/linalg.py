"""``tensor.linalg``: linear algebra. Re-exports only."""

from ..ops.linalg import (
    det,
    inv,
    kron,
    matrix_dot,
    matrix_inverse,
    matrix_power,
    slogdet,
    trace,
)
from ..ops.linalg import linalg_norm as norm
from ..ops.solving import cho_solve, cholesky, solve, solve_triangular

__all__ = [
    "cho_solve",
    "cholesky",
    "det",
    "inv",
    "kron",
    "matrix_dot",
    "matrix_inverse",
    "matrix_power",
    "norm",
    "slogdet",
    "solve",
    "solve_triangular",
    "trace",
]
