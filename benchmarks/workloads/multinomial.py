"""Multinomial logistic regression: loss, gradient and Hessian times a direction of the weights.

With ``Z = X W``, one-hot ``Y`` and ``S`` the softmax of the rows of ``Z``, the loss is
``mean(log(sum(exp(Z))) - sum(Y Z)) + |W|²/20``, the gradient ``Xᵀ(S - Y)/n + W/10``, and its
derivative along ``P`` is ``Xᵀ(S (Q - sum(S Q)))/n + P/10`` with ``Q = X P``. One of the sizes is
that of the 1797 handwritten digits of 8 × 8 pixels that many examples use.
"""

import numpy as np

from benchmarks.workload import Workload


def data(rng, n, d, classes):
    X = rng.standard_normal((n, d))
    W = rng.standard_normal((d, classes)) / np.sqrt(d)
    Z = X @ W + rng.gumbel(size=(n, classes))
    return X, np.eye(classes)[Z.argmax(axis=1)], W, rng.standard_normal((d, classes))


def symbolic(lang):
    T = lang.T
    X, Y, W, P = T.dmatrix("X"), T.dmatrix("Y"), T.dmatrix("W"), T.dmatrix("P")
    Z = T.dot(X, W)
    loss = T.mean(T.logsumexp(Z, axis=1) - T.sum(Y * Z, axis=1)) + 0.05 * T.sum(W**2)
    return [X, Y, W, P], [loss, lang.grad(loss, W), lang.hvp(loss, W, P)]


def plain(X, Y, W, P):
    n = len(X)
    Z = X @ W
    top = Z.max(axis=1, keepdims=True)
    e = np.exp(Z - top)
    total = e.sum(axis=1, keepdims=True)
    loss = np.mean(np.log(total[:, 0]) + top[:, 0] - np.sum(Y * Z, axis=1))
    S, Q = e / total, X @ P
    curved = S * (Q - np.sum(S * Q, axis=1, keepdims=True))
    loss += 0.05 * np.sum(W**2)
    return [loss, X.T @ (S - Y) / n + 0.1 * W, X.T @ curved / n + 0.1 * P]


def jax(jax):
    jnp = jax.numpy

    def run(X, Y, W, P):
        def loss(W):
            Z = X @ W
            return jnp.mean(jax.nn.logsumexp(Z, axis=1) - jnp.sum(Y * Z, axis=1)) + 0.05 * jnp.sum(
                W**2
            )

        (value, gradient), (_, product) = jax.jvp(jax.value_and_grad(loss), (W,), (P,))
        return value, gradient, product

    return run


def numba(numba):
    @numba.njit(fastmath={"contract", "reassoc"}, error_model="numpy")
    def run(X, Y, W, P):
        n, classes = Y.shape
        Z, Q, loss = X @ W, X @ P, 0.0
        for i in range(n):
            top = -np.inf
            for j in range(classes):
                loss -= Y[i, j] * Z[i, j]
                top = max(top, Z[i, j])
            total, mean = 0.0, 0.0
            for j in range(classes):
                Z[i, j] = np.exp(Z[i, j] - top)
                total += Z[i, j]
                mean += Z[i, j] * Q[i, j]
            loss += np.log(total) + top
            mean /= total
            for j in range(classes):
                s = Z[i, j] / total
                Q[i, j] = s * (Q[i, j] - mean) / n
                Z[i, j] = (s - Y[i, j]) / n
        value = np.array(loss / n + 0.05 * np.sum(W * W))
        return value, X.T @ Z + 0.1 * W, X.T @ Q + 0.1 * P

    return run


def torch(torch):
    def run(X, Y, W, P):
        W = W.requires_grad_()
        Z = X @ W
        loss = torch.mean(torch.logsumexp(Z, dim=1) - torch.sum(Y * Z, dim=1))
        loss = loss + 0.05 * torch.sum(W**2)
        (gradient,) = torch.autograd.grad(loss, W, create_graph=True)
        (product,) = torch.autograd.grad(torch.sum(gradient * P), W)
        return [loss.detach(), gradient.detach(), product]

    return run


MULTINOMIAL = Workload(
    "multinomial",
    "multinomial logistic regression: loss, gradient, Hessian-vector product",
    {"n": 100_000, "d": 20, "classes": 5},
    {"n": 200, "d": 6, "classes": 3},
    data,
    symbolic,
    plain,
    jax,
    numba=numba,
    torch=torch,
    more=({"n": 1797, "d": 64, "classes": 10}, {"n": 20_000, "d": 200, "classes": 10}),
)
