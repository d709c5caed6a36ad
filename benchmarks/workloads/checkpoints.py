"""A recurrence whose gradient by its sequence keeps few states: what checkpoints leave of memory.

``h[t] = tanh(x[t] + sin(h[t-1]) / 2)`` from 0 on, and the value is the last ``h``. Steps are cut
into as many segments as each has steps; those of one segment at a time are computed again. Whoever
has no word for that is no part of it: this is measured for memory only.
"""

import numpy as np

from benchmarks.workload import Workload


def data(rng, n):
    return (rng.normal(size=n),)


def symbolic(lang):
    T = lang.T
    x = T.dvector("x")
    h = lang.scan(
        lambda x, h: T.tanh(x + 0.5 * T.sin(h)), [x], [T.constant(0.0)], checkpoint="sqrt"
    )
    return [x], [h[-1], lang.grad(h[-1], x)]


def plain(x):
    h = np.zeros(len(x) + 1)
    for t in range(len(x)):
        h[t + 1] = np.tanh(x[t] + 0.5 * np.sin(h[t]))
    gradient, back = np.empty(len(x)), 1.0
    for t in range(len(x) - 1, -1, -1):
        gradient[t] = back * (1.0 - h[t + 1] ** 2)
        back = gradient[t] * 0.5 * np.cos(h[t])
    return [h[-1], gradient]


def jax(jax):
    jnp = jax.numpy

    def step(h, x):
        return jnp.tanh(x + 0.5 * jnp.sin(h)), None

    @jax.checkpoint
    def segment(h, xs):
        return jax.lax.scan(step, h, xs)[0], None

    def value(x):
        length = max(1, int(len(x) ** 0.5))
        count = len(x) // length
        begin = count * length
        h, _ = jax.lax.scan(segment, 0.0, x[:begin].reshape(count, length))
        return segment(h, x[begin:])[0]

    return jax.value_and_grad(value)


CHECKPOINTS = Workload(
    "checkpoints",
    "a recurrence with checkpoints and its gradient by the sequence",
    {"n": 1_000_000},
    {"n": 1_000},
    data,
    symbolic,
    plain,
    jax,
    group="memory",
)
