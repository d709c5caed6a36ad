"""A hidden Markov model: log-likelihood and its gradient by the transition matrix.

The forward recursion with its sums taken out: ``u = (a A) b``, ``c = sum(u)``, ``a' = u / c``,
where the row ``b`` of ``B`` holds the densities of one observation; the value is ``sum(log(c))``.
By hand the adjoint ``g`` of ``a`` goes back: that of ``u`` is ``(g + 1 - g·a') / c``.
"""

import numpy as np

from benchmarks.workload import Workload


def data(rng, n, states):
    A = rng.uniform(0.1, 1.0, (states, states))
    return rng.uniform(0.1, 1.0, (n, states)), A / A.sum(axis=1, keepdims=True)


def symbolic(lang):
    T = lang.T
    B, A = T.dmatrix("B"), T.dmatrix("A")

    def step(b, a, A):
        u = T.dot(a, A) * b
        c = T.sum(u)
        return u / c, T.log(c)

    first = T.ones_like(A[0]) / A.shape[0]
    _, logs = lang.scan(step, [B], [first, None], [A])
    value = T.sum(logs)
    return [B, A], [value, lang.grad(value, A)]


def by_hand(B, A):
    n, states = B.shape
    kept, sums = np.empty((n + 1, states)), np.empty(n)
    kept[0], value = 1.0 / states, 0.0
    for t in range(n):
        u = (kept[t] @ A) * B[t]
        c = u.sum()
        kept[t + 1], sums[t] = u / c, c
        value += np.log(c)
    transposed = np.ascontiguousarray(A.T)
    gradient, g = np.zeros((states, states)), np.zeros(states)
    for t in range(n - 1, -1, -1):
        v = (g + 1.0 - g @ kept[t + 1]) / sums[t] * B[t]
        gradient += np.outer(kept[t], v)
        g = v @ transposed
    return np.array(value), gradient


def plain(B, A):
    return list(by_hand(B, A))


def numba(numba):
    @numba.njit(fastmath={"contract", "reassoc"}, error_model="numpy")
    def run(B, A):
        n, m = B.shape
        kept, sums = np.empty((n + 1, m)), np.empty(n)
        kept[0], value = 1.0 / m, 0.0
        for t in range(n):
            c = 0.0
            for j in range(m):
                u = 0.0
                for i in range(m):
                    u += kept[t, i] * A[i, j]
                kept[t + 1, j] = u * B[t, j]
                c += kept[t + 1, j]
            for j in range(m):
                kept[t + 1, j] /= c
            sums[t] = c
            value += np.log(c)
        gradient, g, v = np.zeros((m, m)), np.zeros(m), np.empty(m)
        for t in range(n - 1, -1, -1):
            inner = 0.0
            for j in range(m):
                inner += g[j] * kept[t + 1, j]
            for j in range(m):
                v[j] = (g[j] + 1.0 - inner) / sums[t] * B[t, j]
            for i in range(m):
                s = 0.0
                for j in range(m):
                    gradient[i, j] += kept[t, i] * v[j]
                    s += v[j] * A[i, j]
                g[i] = s
        return np.array(value), gradient

    return run


def jax(jax):
    jnp = jax.numpy

    def value(A, B):
        def step(a, b):
            u = a @ A * b
            c = jnp.sum(u)
            return u / c, jnp.log(c)

        return jnp.sum(jax.lax.scan(step, jnp.full(len(A), 1.0 / len(A)), B)[1])

    both = jax.value_and_grad(value)
    return lambda B, A: both(A, B)


def torch(torch):
    def run(B, A):
        A = A.requires_grad_()
        a, value = torch.full((len(A),), 1.0 / len(A), dtype=A.dtype), 0.0
        for b in B:
            u = a @ A * b
            c = torch.sum(u)
            a, value = u / c, value + torch.log(c)
        return [value.detach(), *torch.autograd.grad(value, [A])]

    return run


HMM = Workload(
    "hmm",
    "hidden Markov model by scan: likelihood and gradient",
    {"n": 2_000, "states": 8},
    {"n": 100, "states": 3},
    data,
    symbolic,
    plain,
    jax,
    rtol=1e-9,
    group="loops",
    numba=numba,
    torch=torch,
)
