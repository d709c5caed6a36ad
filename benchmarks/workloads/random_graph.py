"""Random elementwise graphs of any size, with their gradient: what compiling costs as they grow.

Half of the steps take two values, one of them recent, so that the graph is deep and wide; all
values stay between -2 and 2.
"""

from functools import partial

import numpy as np

from benchmarks.workload import Workload

UNARY = ("sin", "tanh", "cos")


def random_steps(nodes, seed=7):
    """The steps of an expression: ``(name, positions of the arguments)``."""
    rng = np.random.default_rng(seed)
    steps = []
    for k in range(1, nodes + 1):
        recent, any_ = int(rng.integers(max(0, k - 8), k)), int(rng.integers(0, k))
        if rng.random() < 0.5:
            steps.append((UNARY[int(rng.integers(len(UNARY)))], (recent,)))
        else:
            steps.append((("mean", "times")[int(rng.integers(2))], (recent, any_)))
    return steps


def follow(steps, x, namespace):
    """The value of the last step and of each that nobody else uses, summed."""
    functions = {name: getattr(namespace, name) for name in UNARY}
    functions["mean"] = lambda a, b: 0.5 * (a + b)
    functions["times"] = lambda a, b: a * namespace.cos(b)
    values, used = [x], set()
    for name, places in steps:
        values.append(functions[name](*(values[p] for p in places)))
        used.update(places)
    ends = [v for k, v in enumerate(values) if k and k not in used]
    total = ends[0]
    for v in ends[1:]:
        total = total + v
    return total


def data(rng):
    return (np.linspace(-1.0, 1.0, 50),)


def symbolic(lang, steps):
    z = lang.T.dvector("z")
    cost = lang.T.sum(follow(steps, z, lang.T))
    return [z], [cost, lang.grad(cost, z)]


def plain(x, steps):
    return [np.sum(follow(steps, x, np))]


def in_jax(jax, steps):
    return jax.value_and_grad(lambda x: jax.numpy.sum(follow(steps, x, jax.numpy)))


def random_graph(nodes):
    """The workload of so many steps; NumPy has no gradient of it."""
    steps = random_steps(nodes)
    return Workload(
        f"random-{nodes}",
        "random elementwise graph with its gradient",
        {},
        {},
        data,
        partial(symbolic, steps=steps),
        partial(plain, steps=steps),
        partial(in_jax, steps=steps),
    )
