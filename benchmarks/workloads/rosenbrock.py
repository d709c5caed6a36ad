"""Rosenbrock's function of a vector: value, gradient and Hessian-vector product.

``sum(100 (b - a²)² + (1 - a)²)`` with ``a = x[:-1]`` and ``b = x[1:]``: overlapping slices, whose
gradients are added into one vector.
"""

import numpy as np

from benchmarks.workload import Workload


def data(rng, n):
    return rng.uniform(-1.5, 1.5, n), rng.standard_normal(n)


def symbolic(lang):
    T = lang.T
    x, p = T.dvector("x"), T.dvector("p")
    value = T.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)
    return [x, p], [value, lang.grad(value, x), lang.hvp(value, x, p)]


def plain(x, p):
    a, b = x[:-1], x[1:]
    pa, pb = p[:-1], p[1:]
    gap = b - a**2
    value = np.sum(100.0 * gap**2 + (1.0 - a) ** 2)
    gradient, product = np.zeros_like(x), np.zeros_like(x)
    gradient[1:] = 200.0 * gap
    gradient[:-1] += -400.0 * a * gap - 2.0 * (1.0 - a)
    product[1:] = 200.0 * pb - 400.0 * a * pa
    product[:-1] += (1200.0 * a**2 - 400.0 * b + 2.0) * pa - 400.0 * a * pb
    return [value, gradient, product]


def jax(jax):
    jnp = jax.numpy

    def rosenbrock(x):
        return jnp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    both = jax.value_and_grad(rosenbrock)

    def run(x, p):
        (value, gradient), (_, product) = jax.jvp(both, (x,), (p,))
        return value, gradient, product

    return run


def numba(numba):
    @numba.njit(fastmath={"contract", "reassoc"}, error_model="numpy")
    def run(x, p):
        n = len(x)
        value, gradient, product = 0.0, np.zeros(n), np.zeros(n)
        for i in range(n - 1):
            a, b, pa, pb = x[i], x[i + 1], p[i], p[i + 1]
            gap = b - a * a
            value += 100.0 * gap * gap + (1.0 - a) ** 2
            gradient[i] += -400.0 * a * gap - 2.0 * (1.0 - a)
            gradient[i + 1] += 200.0 * gap
            product[i] += (1200.0 * a * a - 400.0 * b + 2.0) * pa - 400.0 * a * pb
            product[i + 1] += 200.0 * pb - 400.0 * a * pa
        return np.array(value), gradient, product

    return run


def torch(torch):
    def run(x, p):
        x = x.requires_grad_()
        value = torch.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)
        (gradient,) = torch.autograd.grad(value, x, create_graph=True)
        (product,) = torch.autograd.grad(gradient @ p, x)
        return [value.detach(), gradient.detach(), product]

    return run


ROSENBROCK = Workload(
    "rosenbrock",
    "Rosenbrock: value, gradient, HVP",
    {"n": 1_000},
    {"n": 50},
    data,
    symbolic,
    plain,
    jax,
    numba=numba,
    torch=torch,
)
