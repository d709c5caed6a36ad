"""Logistic regression in parts: the gradient, the Hessian-vector product, the Hessian, each alone.

The loss is that of `logistic`. With ``s = sigmoid(X w)`` the Hessian is
``Xᵀ diag(s (1 - s)) X / n`` plus a tenth of the identity: a dense matrix.
"""

import numpy as np

from benchmarks.workload import Workload
from benchmarks.workloads import logistic

SIZES = {"n": 1_000, "d": 10}, {"n": 10_000, "d": 50}, {"n": 100_000, "d": 20}
DENSE = {"n": 1_000, "d": 10}, {"n": 5_000, "d": 50}, {"n": 10_000, "d": 100}
QUICK = {"n": 500, "d": 8}


def data(rng, n, d):
    return logistic.data(rng, n, d)[:3]


def loss(lang, with_direction=False):
    T = lang.T
    X, y, w, p = T.dmatrix("X"), T.dvector("y"), T.dvector("w"), T.dvector("p")
    z = T.dot(X, w)
    value = T.mean(T.softplus(z) - y * z) + 0.05 * T.sum(w**2)
    return [X, y, w, *([p] if with_direction else [])], value, w, p


def symbolic_gradient(lang):
    inputs, value, w, _ = loss(lang)
    return inputs, [lang.grad(value, w)]


def symbolic_product(lang):
    inputs, value, w, p = loss(lang, with_direction=True)
    return inputs, [lang.hvp(value, w, p)]


def symbolic_hessian(lang):
    inputs, value, w, _ = loss(lang)
    return inputs, [lang.hessian(value, w)]


def plain_gradient(X, y, w):
    return [X.T @ (1.0 / (1.0 + np.exp(-(X @ w))) - y) / len(y) + 0.1 * w]


def plain_product(X, y, w, p):
    s = 1.0 / (1.0 + np.exp(-(X @ w)))
    return [X.T @ (s * (1.0 - s) * (X @ p)) / len(y) + 0.1 * p]


def plain_hessian(X, y, w):
    s = 1.0 / (1.0 + np.exp(-(X @ w)))
    return [(X.T * (s * (1.0 - s) / len(y))) @ X + 0.1 * np.eye(len(w))]


def jax_loss(jax):
    jnp = jax.numpy

    def value(w, X, y):
        z = X @ w
        return jnp.mean(jax.nn.softplus(z) - y * z) + 0.05 * jnp.sum(w**2)

    return value


def jax_gradient(jax):
    gradient = jax.grad(jax_loss(jax))
    return lambda X, y, w: (gradient(w, X, y),)


def jax_product(jax):
    gradient = jax.grad(jax_loss(jax))
    return lambda X, y, w, p: (jax.jvp(lambda w: gradient(w, X, y), (w,), (p,))[1],)


def jax_hessian(jax):
    hessian = jax.hessian(jax_loss(jax))
    return lambda X, y, w: (hessian(w, X, y),)


def numba_gradient(numba):
    @numba.njit(fastmath={"contract", "reassoc"}, error_model="numpy")
    def run(X, y, w):
        n, d = X.shape
        gradient = 0.1 * w
        for i in range(n):
            z = 0.0
            for j in range(d):
                z += X[i, j] * w[j]
            r = (1.0 / (1.0 + np.exp(-z)) - y[i]) / n
            for j in range(d):
                gradient[j] += r * X[i, j]
        return (gradient,)

    return run


def numba_product(numba):
    @numba.njit(fastmath={"contract", "reassoc"}, error_model="numpy")
    def run(X, y, w, p):
        n, d = X.shape
        product = 0.1 * p
        for i in range(n):
            z, q = 0.0, 0.0
            for j in range(d):
                z += X[i, j] * w[j]
                q += X[i, j] * p[j]
            s = 1.0 / (1.0 + np.exp(-z))
            q *= s * (1.0 - s) / n
            for j in range(d):
                product[j] += q * X[i, j]
        return (product,)

    return run


def numba_hessian(numba):
    @numba.njit(fastmath={"contract", "reassoc"}, error_model="numpy")
    def run(X, y, w):
        n, d = X.shape
        s = 1.0 / (1.0 + np.exp(-(X @ w)))
        scaled = np.empty((n, d))
        for i in range(n):
            for j in range(d):
                scaled[i, j] = X[i, j] * (s[i] * (1.0 - s[i]) / n)
        return (X.T @ scaled + 0.1 * np.eye(d),)

    return run


def torch_loss(torch):
    softplus = torch.nn.functional.softplus

    def value(w, X, y):
        z = X @ w
        return torch.mean(softplus(z) - y * z) + 0.05 * torch.sum(w**2)

    return value


def torch_gradient(torch):
    loss = torch_loss(torch)

    def run(X, y, w):
        w = w.requires_grad_()
        return torch.autograd.grad(loss(w, X, y), [w])

    return run


def torch_product(torch):
    loss = torch_loss(torch)

    def run(X, y, w, p):
        w = w.requires_grad_()
        (gradient,) = torch.autograd.grad(loss(w, X, y), w, create_graph=True)
        return torch.autograd.grad(gradient @ p, [w])

    return run


def torch_hessian(torch):
    hessian = torch.func.hessian(torch_loss(torch))
    return lambda X, y, w: (hessian(w, X, y),)


LOGISTIC_GRADIENT = Workload(
    "gradient",
    "logistic regression: gradient",
    SIZES[0],
    QUICK,
    data,
    symbolic_gradient,
    plain_gradient,
    jax_gradient,
    numba=numba_gradient,
    torch=torch_gradient,
    more=SIZES[1:],
    group="derivatives",
)
LOGISTIC_PRODUCT = Workload(
    "hvp",
    "logistic regression: Hessian-vector product",
    SIZES[0],
    QUICK,
    logistic.data,
    symbolic_product,
    plain_product,
    jax_product,
    numba=numba_product,
    torch=torch_product,
    more=SIZES[1:],
    group="derivatives",
)
LOGISTIC_HESSIAN = Workload(
    "hessian-dense",
    "logistic regression: Hessian",
    DENSE[0],
    QUICK,
    data,
    symbolic_hessian,
    plain_hessian,
    jax_hessian,
    numba=numba_hessian,
    torch=torch_hessian,
    more=DENSE[1:],
    group="derivatives",
)
