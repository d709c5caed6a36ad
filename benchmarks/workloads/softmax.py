"""Cross-entropy of softmax by rows: value and the gradient of all logits.

``mean(log(sum(exp(z))) - sum(Y z))`` with one-hot ``Y``; the gradient is ``(softmax(z) - Y) / n``.
"""

import numpy as np

from benchmarks.workload import Workload


def data(rng, n, classes):
    return 3.0 * rng.standard_normal((n, classes)), np.eye(classes)[rng.integers(classes, size=n)]


def symbolic(lang):
    T = lang.T
    Z, Y = T.dmatrix("Z"), T.dmatrix("Y")
    loss = T.mean(T.logsumexp(Z, axis=1) - T.sum(Y * Z, axis=1))
    return [Z, Y], [loss, lang.grad(loss, Z)]


def plain(Z, Y):
    top = Z.max(axis=1, keepdims=True)
    e = np.exp(Z - top)
    total = e.sum(axis=1, keepdims=True)
    loss = np.mean(np.log(total[:, 0]) + top[:, 0] - np.sum(Y * Z, axis=1))
    return [loss, (e / total - Y) / len(Z)]


def jax(jax):
    jnp = jax.numpy

    def loss(Z, Y):
        return jnp.mean(jax.nn.logsumexp(Z, axis=1) - jnp.sum(Y * Z, axis=1))

    return jax.value_and_grad(loss)


def numba(numba):
    @numba.njit(fastmath={"contract", "reassoc"}, error_model="numpy")
    def run(Z, Y):
        n, classes = Z.shape
        loss, gradient = 0.0, np.empty_like(Z)
        for i in range(n):
            top = Z[i, 0]
            for j in range(1, classes):
                top = max(top, Z[i, j])
            total = 0.0
            for j in range(classes):
                gradient[i, j] = np.exp(Z[i, j] - top)
                total += gradient[i, j]
            loss += np.log(total) + top
            for j in range(classes):
                loss -= Y[i, j] * Z[i, j]
                gradient[i, j] = (gradient[i, j] / total - Y[i, j]) / n
        return np.array(loss / n), gradient

    return run


def torch(torch):
    def run(Z, Y):
        Z = Z.requires_grad_()
        loss = torch.mean(torch.logsumexp(Z, dim=1) - torch.sum(Y * Z, dim=1))
        return [loss.detach(), *torch.autograd.grad(loss, [Z])]

    return run


SOFTMAX = Workload(
    "softmax",
    "cross-entropy of softmax by rows: value and gradient",
    {"n": 50_000, "classes": 10},
    {"n": 500, "classes": 4},
    data,
    symbolic,
    plain,
    jax,
    numba=numba,
    torch=torch,
)
