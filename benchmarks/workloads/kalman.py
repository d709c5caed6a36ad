"""A Kalman filter: the log-likelihood of a series with a hidden state of ``d`` numbers.

``x' = A x + noise of covariance Q``, ``y = c x + noise of variance r``. Each step multiplies
matrices: ``P = A P Aᵀ + Q``, ``f = c P cᵀ + r``, gain ``k = P cᵀ / f``, ``x += k v`` with the error
``v = y - c x``, ``P -= k kᵀ f``; the likelihood is ``-sum(log f + v²/f) / 2``.
"""

import numpy as np

from benchmarks.workload import Workload


def data(rng, n, d):
    A = 0.9 * np.linalg.qr(rng.standard_normal((d, d)))[0]
    c = rng.standard_normal(d)
    x, y = np.zeros(d), np.empty(n)
    for t in range(n):
        x = A @ x + 0.3 * rng.standard_normal(d)
        y[t] = c @ x + rng.standard_normal()
    return y, A, c, 0.09 * np.eye(d), np.array(1.0)


def symbolic(lang):
    T = lang.T
    y, A, c, Q, r = T.dvector("y"), T.dmatrix("A"), T.dvector("c"), T.dmatrix("Q"), T.dscalar("r")

    def step(y, x, P, A, c, Q, r):
        x = T.dot(A, x)
        P = T.dot(T.dot(A, P), A.T) + Q
        Pc = T.dot(P, c)
        f = T.dot(c, Pc) + r
        v = y - T.dot(c, x)
        k = Pc / f
        return x + k * v, P - T.outer(k, k) * f, T.log(f) + v**2 / f

    start = [T.zeros_like(c), T.eye(c.shape[0]), None]
    *_, terms = lang.scan(step, [y], start, [A, c, Q, r])
    return [y, A, c, Q, r], [-0.5 * T.sum(terms)]


def by_hand(y, A, c, Q, r):
    d = len(c)
    x, P, value = np.zeros(d), np.eye(d), 0.0
    for t in range(len(y)):
        x = A @ x
        P = A @ P @ A.T + Q
        Pc = P @ c
        f = c @ Pc + r
        v = y[t] - c @ x
        k = Pc / f
        x = x + k * v
        P = P - np.outer(k, k) * f
        value += np.log(f) + v**2 / f
    return np.array(-0.5 * value)


def plain(y, A, c, Q, r):
    return [by_hand(y, A, c, Q, r)]


def numba(numba):
    @numba.njit(fastmath={"contract", "reassoc"}, error_model="numpy")
    def run(y, A, c, Q, r):
        d = len(c)
        x, z, P, M = np.zeros(d), np.empty(d), np.eye(d), np.empty((d, d))
        Pc, value = np.empty(d), 0.0
        for t in range(len(y)):
            for i in range(d):
                z[i] = 0.0
                for j in range(d):
                    z[i] += A[i, j] * x[j]
                    M[i, j] = 0.0
                for k in range(d):
                    for j in range(d):
                        M[i, j] += A[i, k] * P[k, j]
            f, v = r[()], y[t]
            for i in range(d):
                for j in range(d):
                    s = Q[i, j]
                    for k in range(d):
                        s += M[i, k] * A[j, k]
                    P[i, j] = s
            for i in range(d):
                s = 0.0
                for j in range(d):
                    s += P[i, j] * c[j]
                Pc[i] = s
                f += c[i] * s
                v -= c[i] * z[i]
            for i in range(d):
                x[i] = z[i] + Pc[i] / f * v
                for j in range(d):
                    P[i, j] -= Pc[i] * Pc[j] / f
            value += np.log(f) + v * v / f
        return (np.array(-0.5 * value),)

    return run


def jax(jax):
    jnp = jax.numpy

    def run(y, A, c, Q, r):
        def step(state, y):
            x, P = state
            x = A @ x
            P = A @ P @ A.T + Q
            Pc = P @ c
            f = c @ Pc + r
            v = y - c @ x
            k = Pc / f
            return (x + k * v, P - jnp.outer(k, k) * f), jnp.log(f) + v**2 / f

        _, terms = jax.lax.scan(step, (jnp.zeros(len(c)), jnp.eye(len(c))), y)
        return (-0.5 * jnp.sum(terms),)

    return run


def torch(torch):
    def run(y, A, c, Q, r):
        x, P, value = torch.zeros_like(c), torch.eye(len(c), dtype=c.dtype), 0.0
        for one in y:
            x = A @ x
            P = A @ P @ A.T + Q
            Pc = P @ c
            f = c @ Pc + r
            v = one - c @ x
            k = Pc / f
            x = x + k * v
            P = P - torch.outer(k, k) * f
            value = value + torch.log(f) + v**2 / f
        return [-0.5 * value]

    return run


KALMAN = Workload(
    "kalman",
    "Kalman filter by scan: likelihood",
    {"n": 1_000, "d": 8},
    {"n": 100, "d": 3},
    data,
    symbolic,
    plain,
    jax,
    rtol=1e-9,
    group="loops",
    numba=numba,
    torch=torch,
)
