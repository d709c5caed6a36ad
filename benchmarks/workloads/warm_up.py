"""A graph that no workload repeats: takes a library's first-use work out of the measured times."""

import numpy as np

from benchmarks.workload import Workload


def data(rng):
    return (rng.standard_normal(10),)


def symbolic(lang):
    x = lang.T.dvector("x")
    cost = lang.T.sum(lang.T.cos(3.0 * x))
    return [x], [cost, lang.grad(cost, x)]


def plain(x):
    return [np.sum(np.cos(3.0 * x)), -3.0 * np.sin(3.0 * x)]


def jax(jax):
    return jax.value_and_grad(lambda x: jax.numpy.sum(jax.numpy.cos(3.0 * x)))


WARM_UP = Workload("warm-up", "first use of a library", {}, {}, data, symbolic, plain, jax)
