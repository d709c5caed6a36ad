"""Logistic regression: loss, gradient and Hessian-vector product of the weights.

Loss ``mean(softplus(z) - y z) + |w|²/20`` with ``z = X w``. With ``s = sigmoid(z)`` the gradient is
``Xᵀ(s - y)/n + w/10`` and the product with ``p`` is ``Xᵀ(s (1 - s) X p)/n + p/10``.
"""

import numpy as np

from benchmarks.workload import Workload


def data(rng, n, d):
    X = rng.standard_normal((n, d))
    w, p = rng.standard_normal(d) / np.sqrt(d), rng.standard_normal(d)
    y = (X @ w + rng.logistic(size=n) > 0.0).astype(np.float64)
    return X, y, w, p


def symbolic(lang):
    T = lang.T
    X, y, w, p = T.dmatrix("X"), T.dvector("y"), T.dvector("w"), T.dvector("p")
    z = T.dot(X, w)
    loss = T.mean(T.softplus(z) - y * z) + 0.05 * T.sum(w**2)
    return [X, y, w, p], [loss, lang.grad(loss, w), lang.hvp(loss, w, p)]


def plain(X, y, w, p):
    n = len(y)
    z = X @ w
    loss = np.mean(np.logaddexp(0.0, z) - y * z) + 0.05 * np.sum(w**2)
    s = 1.0 / (1.0 + np.exp(-z))
    gradient = X.T @ (s - y) / n + 0.1 * w
    product = X.T @ (s * (1.0 - s) * (X @ p)) / n + 0.1 * p
    return [loss, gradient, product]


def jax(jax):
    jnp = jax.numpy

    def run(X, y, w, p):
        def loss(w):
            z = X @ w
            return jnp.mean(jax.nn.softplus(z) - y * z) + 0.05 * jnp.sum(w**2)

        (value, gradient), (_, product) = jax.jvp(jax.value_and_grad(loss), (w,), (p,))
        return value, gradient, product

    return run


def numba(numba):
    @numba.njit(fastmath={"contract", "reassoc"}, error_model="numpy")
    def run(X, y, w, p):
        n, d = X.shape
        loss, gradient, product = 0.0, np.zeros(d), np.zeros(d)
        for i in range(n):
            z, q = 0.0, 0.0
            for j in range(d):
                z += X[i, j] * w[j]
                q += X[i, j] * p[j]
            e = np.exp(-abs(z))
            loss += max(z, 0.0) + np.log1p(e) - y[i] * z
            s = 1.0 / (1.0 + e) if z >= 0.0 else e / (1.0 + e)
            r, q = s - y[i], q * s * (1.0 - s)
            for j in range(d):
                gradient[j] += r * X[i, j]
                product[j] += q * X[i, j]
        square = 0.0
        for j in range(d):
            gradient[j] = gradient[j] / n + 0.1 * w[j]
            product[j] = product[j] / n + 0.1 * p[j]
            square += w[j] * w[j]
        return np.array(loss / n + 0.05 * square), gradient, product

    return run


def torch(torch):
    softplus = torch.nn.functional.softplus

    def run(X, y, w, p):
        w = w.requires_grad_()
        z = X @ w
        loss = torch.mean(softplus(z) - y * z) + 0.05 * torch.sum(w**2)
        (gradient,) = torch.autograd.grad(loss, w, create_graph=True)
        (product,) = torch.autograd.grad(gradient @ p, w)
        return [loss.detach(), gradient.detach(), product]

    return run


LOGISTIC = Workload(
    "logistic",
    "logistic regression: loss, gradient, HVP",
    {"n": 10_000, "d": 50},
    {"n": 500, "d": 8},
    data,
    symbolic,
    plain,
    jax,
    more=[{"n": 1_000_000, "d": 20}, {"n": 500, "d": 10_000}],
    numba=numba,
    torch=torch,
)
