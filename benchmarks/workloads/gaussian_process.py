"""A Gaussian process: negative log-likelihood of ``n`` points and its gradient, by Cholesky.

``K = exp(2a - (x - x')² exp(-2l) / 2) + exp(2s) I`` with parameters ``a, l, s``; the value is
``yᵀK⁻¹y/2 + log det(K)/2``. With ``α = K⁻¹y`` the derivative by a parameter is
``sum((K⁻¹ - ααᵀ) dK) / 2``.
"""

import numpy as np

from benchmarks.workload import Workload


def data(rng, n):
    x = np.sort(rng.uniform(0.0, 10.0, n))
    return x, np.sin(x) + 0.3 * rng.standard_normal(n), np.array([0.1, -0.2, -1.0])


def symbolic(lang):
    T = lang.T
    x, y, p = T.dvector("x"), T.dvector("y"), T.dvector("p")
    square = (x[:, None] - x[None, :]) ** 2
    K = T.exp(2.0 * p[0] - 0.5 * square * T.exp(-2.0 * p[1]))
    L = T.linalg.cholesky(K + T.exp(2.0 * p[2]) * T.eye(x.shape[0]))
    half = T.linalg.solve_triangular(L, y, lower=True)
    value = 0.5 * T.sum(half**2) + T.sum(T.log(T.diagonal(L)))
    return [x, y, p], [value, lang.grad(value, p)]


def by_hand(x, y, p):
    n = len(x)
    scaled = (x.reshape(n, 1) - x.reshape(1, n)) ** 2 * np.exp(-2.0 * p[1])
    kernel = np.exp(2.0 * p[0] - 0.5 * scaled)
    noise = np.exp(2.0 * p[2])
    K = kernel + noise * np.eye(n)
    inverse = np.linalg.inv(K)
    alpha = inverse @ y
    log_det = 2.0 * np.sum(np.log(np.diag(np.linalg.cholesky(K))))
    M = inverse - np.outer(alpha, alpha)
    kernel *= M
    da, dl = np.sum(kernel), 0.5 * np.sum(kernel * scaled)
    gradient = np.array([da, dl, noise * np.sum(np.diag(M))])
    return np.array(0.5 * (y @ alpha + log_det)), gradient


def plain(x, y, p):
    return list(by_hand(x, y, p))


def numba(numba):
    return numba.njit(fastmath={"contract", "reassoc"}, error_model="numpy")(by_hand)


def value_in(namespace, solve):
    """JAX's and PyTorch's names are the same but for the triangular system."""

    def value(p, x, y):
        square = (x[:, None] - x[None, :]) ** 2
        K = namespace.exp(2.0 * p[0] - 0.5 * square * namespace.exp(-2.0 * p[1]))
        K = K + namespace.exp(2.0 * p[2]) * namespace.eye(len(x), dtype=K.dtype)
        L = namespace.linalg.cholesky(K)
        half = solve(L, y)
        return 0.5 * namespace.sum(half**2) + namespace.sum(namespace.log(namespace.diagonal(L)))

    return value


def jax(jax):
    solve = jax.scipy.linalg.solve_triangular
    both = jax.value_and_grad(value_in(jax.numpy, lambda L, y: solve(L, y, lower=True)))
    return lambda x, y, p: both(p, x, y)


def torch(torch):
    def solve(L, y):
        return torch.linalg.solve_triangular(L, y[:, None], upper=False)

    value = value_in(torch, solve)

    def run(x, y, p):
        p = p.requires_grad_()
        cost = value(p, x, y)
        return [cost.detach(), *torch.autograd.grad(cost, [p])]

    return run


GAUSSIAN_PROCESS = Workload(
    "gaussian-process",
    "Gaussian process: likelihood and gradient by Cholesky",
    {"n": 300},
    {"n": 30},
    data,
    symbolic,
    plain,
    jax,
    rtol=1e-8,
    numba=numba,
    torch=torch,
)
