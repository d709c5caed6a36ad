"""A long elementwise expression of two vectors: value and both gradients.

``u = tanh(x) exp(-x²/2) + log1p(y²) sin(x + y) / (1 + x²)``, cost ``sum(u)``. Dear functions, no
matrix product: what fusion and vector math are worth.
"""

import numpy as np

from benchmarks.workload import Workload


def data(rng, n):
    return rng.standard_normal(n), rng.standard_normal(n)


def symbolic(lang):
    T = lang.T
    x, y = T.dvector("x"), T.dvector("y")
    bell = T.tanh(x) * T.exp(-0.5 * x**2)
    wave = T.log1p(y**2) * T.sin(x + y) / (1.0 + x**2)
    cost = T.sum(bell + wave)
    dx, dy = lang.grad(cost, [x, y])
    return [x, y], [cost, dx, dy]


def plain(x, y):
    t, e = np.tanh(x), np.exp(-0.5 * x**2)
    log, s, c = np.log1p(y**2), np.sin(x + y), np.cos(x + y)
    r = 1.0 / (1.0 + x**2)
    cost = np.sum(t * e + log * s * r)
    dx = (1.0 - t**2) * e - t * x * e + log * c * r - 2.0 * x * log * s * r**2
    dy = 2.0 * y / (1.0 + y**2) * s * r + log * c * r
    return [cost, dx, dy]


def jax(jax):
    jnp = jax.numpy

    def cost(x, y):
        bell = jnp.tanh(x) * jnp.exp(-0.5 * x**2)
        wave = jnp.log1p(y**2) * jnp.sin(x + y) / (1.0 + x**2)
        return jnp.sum(bell + wave)

    both = jax.value_and_grad(cost, argnums=(0, 1))

    def run(x, y):
        value, (dx, dy) = both(x, y)
        return value, dx, dy

    return run


def numba(numba):
    @numba.njit(fastmath={"contract", "reassoc"}, error_model="numpy")
    def run(x, y):
        cost, dx, dy = 0.0, np.empty_like(x), np.empty_like(y)
        for i in range(len(x)):
            a, b = x[i], y[i]
            t, e = np.tanh(a), np.exp(-0.5 * a * a)
            log, s, c = np.log1p(b * b), np.sin(a + b), np.cos(a + b)
            r = 1.0 / (1.0 + a * a)
            cost += t * e + log * s * r
            dx[i] = (1.0 - t * t) * e - t * a * e + log * c * r - 2.0 * a * log * s * r * r
            dy[i] = 2.0 * b / (1.0 + b * b) * s * r + log * c * r
        return np.array(cost), dx, dy

    return run


def torch(torch):
    def run(x, y):
        x, y = x.requires_grad_(), y.requires_grad_()
        bell = torch.tanh(x) * torch.exp(-0.5 * x**2)
        wave = torch.log1p(y**2) * torch.sin(x + y) / (1.0 + x**2)
        cost = torch.sum(bell + wave)
        return [cost.detach(), *torch.autograd.grad(cost, [x, y])]

    return run


ELEMENTWISE = Workload(
    "elementwise",
    "elementwise value and gradient",
    {"n": 1_000_000},
    {"n": 20_000},
    data,
    symbolic,
    plain,
    jax,
    numba=numba,
    torch=torch,
)
