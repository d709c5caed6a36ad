"""GARCH(1,1): log-likelihood and gradient, a recurrence of one number.

``h[0]`` is the mean of ``e²``, ``h[t] = w + a e[t-1]² + b h[t-1]``, and the value is
``sum(log(h) + e²/h) / 2``. By hand the derivatives of ``h`` are carried along:
``dh/dw = 1 + b dh'/dw`` and so on.
"""

import numpy as np

from benchmarks.workload import Workload


def data(rng, n):
    e, h = np.empty(n), 1.0
    for t in range(n):
        e[t] = np.sqrt(h) * rng.standard_normal()
        h = 0.1 + 0.1 * e[t] ** 2 + 0.8 * h
    return e, np.array([0.12, 0.08, 0.83])


def symbolic(lang):
    T = lang.T
    e, p = T.dvector("e"), T.dvector("p")
    first = T.mean(e**2)

    def step(before, h, w, a, b):
        return w + a * before**2 + b * h

    rest = lang.scan(step, [e[:-1]], [first], [p[0], p[1], p[2]])
    value = 0.5 * (T.sum(T.log(rest) + e[1:] ** 2 / rest) + T.log(first) + e[0] ** 2 / first)
    return [e, p], [value, lang.grad(value, p)]


def by_hand(e, p):
    w, a, b = p[0], p[1], p[2]
    h = 0.0
    for t in range(len(e)):
        h += e[t] * e[t]
    h /= len(e)
    value = np.log(h) + e[0] * e[0] / h
    dw = da = db = gw = ga = gb = 0.0
    for t in range(1, len(e)):
        before, square = e[t - 1] * e[t - 1], e[t] * e[t]
        dw, da, db = 1.0 + b * dw, before + b * da, h + b * db
        h = w + a * before + b * h
        value += np.log(h) + square / h
        slope = (1.0 - square / h) / h
        gw, ga, gb = gw + slope * dw, ga + slope * da, gb + slope * db
    return np.array(0.5 * value), 0.5 * np.array([gw, ga, gb])


def plain(e, p):
    return list(by_hand(e, p))


def numba(numba):
    return numba.njit(fastmath={"contract", "reassoc"}, error_model="numpy")(by_hand)


def jax(jax):
    jnp = jax.numpy

    def value(p, e):
        first = jnp.mean(e**2)

        def step(h, before):
            h = p[0] + p[1] * before**2 + p[2] * h
            return h, h

        _, rest = jax.lax.scan(step, first, e[:-1])
        h = jnp.concatenate([first[None], rest])
        return 0.5 * jnp.sum(jnp.log(h) + e**2 / h)

    both = jax.value_and_grad(value)
    return lambda e, p: both(p, e)


def torch(torch):
    def run(e, p):
        p = p.requires_grad_()
        square = e**2
        h = [torch.mean(square)]
        for before in square[:-1]:
            h.append(p[0] + p[1] * before + p[2] * h[-1])
        h = torch.stack(h)
        value = 0.5 * torch.sum(torch.log(h) + square / h)
        return [value.detach(), *torch.autograd.grad(value, [p])]

    return run


GARCH = Workload(
    "garch",
    "GARCH(1,1): likelihood and gradient by scan",
    {"n": 1_000},
    {"n": 200},
    data,
    symbolic,
    plain,
    jax,
    rtol=1e-9,
    more=[{"n": 10_000}, {"n": 100_000}],
    group="loops",
    numba=numba,
    torch=torch,
)
