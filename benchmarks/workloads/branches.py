"""One of two costs, chosen by the data, and its gradient: only the one that is chosen costs time.

The mean of ``x`` is positive, so that the value is ``sum(tanh(x)²)``; the other is
``sum(log(cosh(x)) exp(-x²))``.
"""

import numpy as np

from benchmarks.workload import Workload


def data(rng, n):
    return (0.5 + rng.standard_normal(n),)


def symbolic(lang):
    T = lang.T
    x = T.dvector("x")
    then, otherwise = T.sum(T.tanh(x) ** 2), T.sum(T.log(T.cosh(x)) * T.exp(-(x**2)))
    value = lang.ifelse(T.mean(x) > 0.0, then, otherwise)
    return [x], [value, lang.grad(value, x)]


def plain(x):
    t = np.tanh(x)
    if np.mean(x) > 0.0:
        return [np.sum(t**2), 2.0 * t * (1.0 - t**2)]
    log, e = np.log(np.cosh(x)), np.exp(-(x**2))
    return [np.sum(log * e), e * (t - 2.0 * x * log)]


def jax(jax):
    jnp = jax.numpy

    def value(x):
        return jax.lax.cond(
            jnp.mean(x) > 0.0,
            lambda x: jnp.sum(jnp.tanh(x) ** 2),
            lambda x: jnp.sum(jnp.log(jnp.cosh(x)) * jnp.exp(-(x**2))),
            x,
        )

    return jax.value_and_grad(value)


def numba(numba):
    @numba.njit(fastmath={"contract", "reassoc"}, error_model="numpy")
    def run(x):
        n, value, gradient = len(x), 0.0, np.empty_like(x)
        if np.mean(x) > 0.0:
            for i in range(n):
                t = np.tanh(x[i])
                value += t * t
                gradient[i] = 2.0 * t * (1.0 - t * t)
        else:
            for i in range(n):
                a, e = x[i], np.exp(-x[i] * x[i])
                log = np.log(np.cosh(a))
                value += log * e
                gradient[i] = e * (np.tanh(a) - 2.0 * a * log)
        return np.array(value), gradient

    return run


def torch(torch):
    def run(x):
        x = x.requires_grad_()
        if torch.mean(x) > 0.0:
            value = torch.sum(torch.tanh(x) ** 2)
        else:
            value = torch.sum(torch.log(torch.cosh(x)) * torch.exp(-(x**2)))
        return [value.detach(), *torch.autograd.grad(value, [x])]

    return run


BRANCHES = Workload(
    "branches",
    "one of two costs by ifelse: value and gradient",
    {"n": 100_000},
    {"n": 1_000},
    data,
    symbolic,
    plain,
    jax,
    numba=numba,
    torch=torch,
)
