"""Gradient of ``x**2`` at one number: what a call costs when there is nothing to compute."""

import numpy as np

from benchmarks.workload import Workload


def data(rng):
    return (np.array(rng.uniform(1.0, 4.0)),)  # a 0-d array: what every library takes fastest


def symbolic(lang):
    x = lang.T.dscalar("x")
    return [x], [lang.grad(x**2, x)]


def plain(x):
    return [2.0 * x]


def jax(jax):
    gradient = jax.grad(lambda x: x**2)
    return lambda x: (gradient(x),)


def numba(numba):
    @numba.njit
    def run(x):
        result = np.empty(())
        result[()] = 2.0 * x[()]
        return (result,)

    return run


def torch(torch):
    def run(x):
        x = x.requires_grad_()
        return torch.autograd.grad(x**2, [x])

    return run


SQUARE = Workload(
    "square",
    "gradient of x**2, one number",
    {},
    {},
    data,
    symbolic,
    plain,
    jax,
    numba=numba,
    torch=torch,
    group="calls",
)
