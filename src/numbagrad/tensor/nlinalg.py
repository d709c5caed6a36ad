"""``tensor.nlinalg``: Theano's name of `numbagrad.tensor.linalg`. Re-exports only."""

from .linalg import (
    cho_solve,
    cholesky,
    det,
    inv,
    kron,
    matrix_dot,
    matrix_inverse,
    matrix_power,
    norm,
    slogdet,
    solve,
    solve_triangular,
    trace,
)

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
