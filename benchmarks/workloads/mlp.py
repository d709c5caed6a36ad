"""A network of one hidden layer: loss and the gradients of its four parameters.

``h = tanh(X W + b)``, ``z = h V + c``, loss ``mean(log(sum(exp(z))) - sum(Y z))`` with one-hot
``Y``. Matrix products are most of the work.
"""

import numpy as np

from benchmarks.workload import Workload


def data(rng, batch, inputs, hidden, classes):
    X = rng.standard_normal((batch, inputs))
    Y = np.eye(classes)[rng.integers(classes, size=batch)]
    W = rng.standard_normal((inputs, hidden)) / np.sqrt(inputs)
    V = rng.standard_normal((hidden, classes)) / np.sqrt(hidden)
    return X, Y, W, rng.standard_normal(hidden), V, rng.standard_normal(classes)


def symbolic(lang):
    T = lang.T
    X, Y, W, b = T.dmatrix("X"), T.dmatrix("Y"), T.dmatrix("W"), T.dvector("b")
    V, c = T.dmatrix("V"), T.dvector("c")
    z = T.dot(T.tanh(T.dot(X, W) + b), V) + c
    loss = T.mean(T.log(T.sum(T.exp(z), axis=1)) - T.sum(Y * z, axis=1))
    return [X, Y, W, b, V, c], [loss, *lang.grad(loss, [W, b, V, c])]


def plain(X, Y, W, b, V, c):
    n = len(X)
    h = np.tanh(X @ W + b)
    z = h @ V + c
    top = z.max(axis=1, keepdims=True)
    e = np.exp(z - top)
    total = e.sum(axis=1, keepdims=True)
    loss = np.mean(np.log(total)[:, 0] + top[:, 0] - np.sum(Y * z, axis=1))
    dz = (e / total - Y) / n
    dh = dz @ V.T * (1.0 - h**2)
    return [loss, X.T @ dh, dh.sum(axis=0), h.T @ dz, dz.sum(axis=0)]


def jax(jax):
    jnp = jax.numpy

    def loss(parameters, X, Y):
        W, b, V, c = parameters
        z = jnp.tanh(X @ W + b) @ V + c
        return jnp.mean(jax.nn.logsumexp(z, axis=1) - jnp.sum(Y * z, axis=1))

    both = jax.value_and_grad(loss)

    def run(X, Y, W, b, V, c):
        value, gradients = both((W, b, V, c), X, Y)
        return value, *gradients

    return run


def numba(numba):
    @numba.njit(fastmath={"contract", "reassoc"}, error_model="numpy")
    def run(X, Y, W, b, V, c):
        n, classes = Y.shape
        h = np.tanh(X @ W + b)
        dz, loss = h @ V, 0.0
        for i in range(n):
            top = -np.inf
            for j in range(classes):
                dz[i, j] += c[j]
                loss -= Y[i, j] * dz[i, j]
                top = max(top, dz[i, j])
            total = 0.0
            for j in range(classes):
                dz[i, j] = np.exp(dz[i, j] - top)
                total += dz[i, j]
            loss += np.log(total) + top
            for j in range(classes):
                dz[i, j] = (dz[i, j] / total - Y[i, j]) / n
        dh = dz @ V.T
        for i in range(n):
            for j in range(len(b)):
                dh[i, j] *= 1.0 - h[i, j] ** 2
        return np.array(loss / n), X.T @ dh, dh.sum(axis=0), h.T @ dz, dz.sum(axis=0)

    return run


def torch(torch):
    def run(X, Y, W, b, V, c):
        parameters = [v.requires_grad_() for v in (W, b, V, c)]
        z = torch.tanh(X @ W + b) @ V + c
        loss = torch.mean(torch.logsumexp(z, dim=1) - torch.sum(Y * z, dim=1))
        return [loss.detach(), *torch.autograd.grad(loss, parameters)]

    return run


MLP = Workload(
    "mlp",
    "network of one hidden layer: loss and gradients",
    {"batch": 512, "inputs": 64, "hidden": 128, "classes": 10},
    {"batch": 32, "inputs": 8, "hidden": 16, "classes": 3},
    data,
    symbolic,
    plain,
    jax,
    numba=numba,
    torch=torch,
)
