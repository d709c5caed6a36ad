"""Rosenbrock's function in parts: the gradient alone, and its Hessian, which has three diagonals.

``hessian-banded`` is the whole matrix. ``hessian-sparse`` is only the entries that are there, row
by row: numbagrad finds out which they are. The others are told: three Hessian-vector products, each
with ones at every third element, hold all entries.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from benchmarks.workload import Workload
from benchmarks.workloads.rosenbrock import ROSENBROCK

SIZES = {"n": 100}, {"n": 1_000}, {"n": 100_000}
BANDED = {"n": 50}, {"n": 200}, {"n": 1_000}
SPARSE = {"n": 100}, {"n": 1_000}, {"n": 10_000}


def data(rng, n):
    return (rng.uniform(-1.5, 1.5, n),)


def entries(n):
    """Rows and columns of the three diagonals, row by row."""
    rows = np.repeat(np.arange(n), 3)
    columns = rows + np.tile([-1, 0, 1], n)
    inside = (columns >= 0) & (columns < n)
    return rows[inside], columns[inside]


def cost(T, x):
    return T.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def symbolic_gradient(lang):
    x = lang.T.dvector("x")
    return [x], [lang.grad(cost(lang.T, x), x)]


def symbolic_banded(lang):
    x = lang.T.dvector("x")
    return [x], [lang.hessian(cost(lang.T, x), x)]


def symbolic_sparse(lang, n):
    x = lang.T.tensor("x", dtype="float64", shape=(n,))
    value = cost(lang.T, x)
    if lang.sparse_hessian is not None:
        return [x], [lang.sparse_hessian(value, x)]
    rows, columns = entries(n)
    seeds = (np.arange(n) % 3 == np.arange(3)[:, None]).astype(float)
    products = [lang.hvp(value, x, lang.T.as_tensor(seed)) for seed in seeds]
    return [x], [lang.T.stack(products)[columns % 3, rows]]


def plain_gradient(x):
    gap = x[1:] - x[:-1] ** 2
    gradient = np.zeros_like(x)
    gradient[1:] = 200.0 * gap
    gradient[:-1] += -400.0 * x[:-1] * gap - 2.0 * (1.0 - x[:-1])
    return [gradient]


def plain_banded(x):
    a, b = x[:-1], x[1:]
    diagonal = np.zeros_like(x)
    diagonal[1:] = 200.0
    diagonal[:-1] += 1200.0 * a**2 - 400.0 * b + 2.0
    return [np.diag(diagonal) + np.diag(-400.0 * a, 1) + np.diag(-400.0 * a, -1)]


def plain_sparse(x, n):
    a, b = x[:-1], x[1:]
    made = np.zeros((n, 3))
    made[1:, 0] = made[:-1, 2] = -400.0 * a
    made[1:, 1] = 200.0
    made[:-1, 1] += 1200.0 * a**2 - 400.0 * b + 2.0
    return [made.reshape(-1)[1:-1]]


def jax_gradient(jax):
    gradient = jax.grad(partial(cost, jax.numpy))
    return lambda x: (gradient(x),)


def jax_banded(jax):
    hessian = jax.hessian(partial(cost, jax.numpy))
    return lambda x: (hessian(x),)


def jax_sparse(jax, n):
    gradient = jax.grad(partial(cost, jax.numpy))

    def run(x):
        rows, columns = entries(n)
        seeds = (np.arange(n) % 3 == np.arange(3)[:, None]).astype(float)
        products = jax.vmap(lambda p: jax.jvp(gradient, (x,), (p,))[1])(seeds)
        return (products[columns % 3, rows],)

    return run


def numba_gradient(numba):
    @numba.njit(fastmath={"contract", "reassoc"}, error_model="numpy")
    def run(x):
        gradient = np.zeros(len(x))
        for i in range(len(x) - 1):
            gap = x[i + 1] - x[i] * x[i]
            gradient[i] += -400.0 * x[i] * gap - 2.0 * (1.0 - x[i])
            gradient[i + 1] += 200.0 * gap
        return (gradient,)

    return run


def numba_banded(numba):
    @numba.njit(fastmath={"contract", "reassoc"}, error_model="numpy")
    def run(x):
        n = len(x)
        made = np.zeros((n, n))
        for i in range(n - 1):
            made[i, i] += 1200.0 * x[i] * x[i] - 400.0 * x[i + 1] + 2.0
            made[i + 1, i + 1] = 200.0
            made[i, i + 1] = made[i + 1, i] = -400.0 * x[i]
        return (made,)

    return run


def numba_sparse(numba, n):
    @numba.njit(fastmath={"contract", "reassoc"}, error_model="numpy")
    def run(x):
        made = np.zeros(3 * n - 2)
        for i in range(n - 1):
            made[3 * i] += 1200.0 * x[i] * x[i] - 400.0 * x[i + 1] + 2.0
            made[3 * i + 1] = made[3 * i + 2] = -400.0 * x[i]
            made[3 * i + 3] = 200.0
        return (made,)

    return run


def torch_gradient(torch):
    def run(x):
        x = x.requires_grad_()
        return torch.autograd.grad(cost(torch, x), [x])

    return run


def torch_banded(torch):
    hessian = torch.func.hessian(partial(cost, torch))
    return lambda x: (hessian(x),)


def torch_sparse(torch, n):
    gradient = torch.func.grad(partial(cost, torch))
    rows, columns = (torch.from_numpy(places) for places in entries(n))
    seeds = (torch.arange(n) % 3 == torch.arange(3)[:, None]).double()

    def run(x):
        products = torch.func.vmap(lambda p: torch.func.jvp(gradient, (x,), (p,))[1])(seeds)
        return (products[columns % 3, rows],)

    return run


ROSENBROCK_ALL = replace(
    ROSENBROCK, name="rosenbrock-hvp", full=SIZES[0], more=SIZES[1:], group="derivatives"
)
ROSENBROCK_GRADIENT = Workload(
    "rosenbrock-gradient",
    "Rosenbrock: gradient",
    SPARSE[0],
    {"n": 50},
    data,
    symbolic_gradient,
    plain_gradient,
    jax_gradient,
    numba=numba_gradient,
    torch=torch_gradient,
    more=SPARSE[1:],
    group="derivatives",
)
ROSENBROCK_BANDED = Workload(
    "hessian-banded",
    "Rosenbrock: the whole Hessian",
    BANDED[0],
    {"n": 30},
    data,
    symbolic_banded,
    plain_banded,
    jax_banded,
    numba=numba_banded,
    torch=torch_banded,
    more=BANDED[1:],
    group="derivatives",
)
ROSENBROCK_SPARSE = Workload(
    "hessian-sparse",
    "Rosenbrock: entries of the Hessian that are not zero",
    SPARSE[0],
    {"n": 50},
    data,
    symbolic_sparse,
    plain_sparse,
    jax_sparse,
    numba=numba_sparse,
    torch=torch_sparse,
    more=SPARSE[1:],
    group="derivatives",
    sized=True,
)
