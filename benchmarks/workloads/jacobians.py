"""Jacobians of two layers, ``tanh(B tanh(A x))``: tall, wide and square.

A tall one has more results than variables and is taken in forward mode, the others in reverse mode;
libraries that leave no choice do it their way. With ``h = tanh(A x)`` and ``y = tanh(B h)`` it is
``diag(1 - y²) B diag(1 - h²) A``.
"""

from functools import partial

import numpy as np

from benchmarks.workload import Workload

TALL = tuple(
    {"variables": n, "hidden": h, "results": m}
    for n, h, m in ((4, 16, 200), (8, 32, 800), (16, 64, 2_000))
)
WIDE = tuple(
    {"variables": n, "hidden": h, "results": m}
    for n, h, m in ((200, 16, 4), (800, 32, 8), (2_000, 64, 16))
)
SQUARE = tuple({"variables": n, "hidden": n, "results": n} for n in (20, 100, 300))


def data(rng, variables, hidden, results):
    A = rng.standard_normal((hidden, variables)) / np.sqrt(variables)
    B = rng.standard_normal((results, hidden)) / np.sqrt(hidden)
    return A, B, rng.standard_normal(variables)


def symbolic(lang, forward):
    T = lang.T
    A, B, x = T.dmatrix("A"), T.dmatrix("B"), T.dvector("x")
    y = T.tanh(T.dot(B, T.tanh(T.dot(A, x))))
    return [A, B, x], [lang.jacobian(y, x, forward)]


def plain(A, B, x):
    h = np.tanh(A @ x)
    y = np.tanh(B @ h)
    if len(y) > len(x):
        return [(1.0 - y**2)[:, None] * (B @ ((1.0 - h**2)[:, None] * A))]
    return [((1.0 - y**2)[:, None] * B * (1.0 - h**2)) @ A]


def in_jax(jax, forward):
    jnp = jax.numpy
    jacobian = (jax.jacfwd if forward else jax.jacrev)(
        lambda x, A, B: jnp.tanh(B @ jnp.tanh(A @ x))
    )
    return lambda A, B, x: (jacobian(x, A, B),)


def in_numba(numba, forward):
    @numba.njit(fastmath={"contract", "reassoc"}, error_model="numpy")
    def run(A, B, x):
        h = np.tanh(A @ x)
        y = np.tanh(B @ h)
        left, right = (1.0 - y**2).reshape(-1, 1), (1.0 - h**2).reshape(-1, 1)
        if forward:
            return (left * (B @ (right * A)),)
        return ((left * B * (1.0 - h**2)) @ A,)

    return run


def in_torch(torch, forward):
    jacobian = (torch.func.jacfwd if forward else torch.func.jacrev)(
        lambda x, A, B: torch.tanh(B @ torch.tanh(A @ x))
    )
    return lambda A, B, x: (jacobian(x, A, B),)


def made(name, sizes, quick, forward=False):
    return Workload(
        f"jacobian-{name}",
        f"two layers: a {name} Jacobian",
        sizes[0],
        dict(zip(sizes[0], quick, strict=True)),
        data,
        partial(symbolic, forward=forward),
        plain,
        partial(in_jax, forward=forward),
        numba=partial(in_numba, forward=forward),
        torch=partial(in_torch, forward=forward),
        more=sizes[1:],
        group="derivatives",
    )


JACOBIAN_TALL = made("tall", TALL, (3, 5, 30), forward=True)
JACOBIAN_WIDE = made("wide", WIDE, (30, 5, 3))
JACOBIAN_SQUARE = made("square", SQUARE, (10, 10, 10))
