"""What is measured in processes of their own: compiling large graphs, starting, memory.

``python -m benchmarks.child KIND LIBRARY NUMBER`` prints one line of JSON. A process of its own
means that nothing is warm and that the peak of its memory is that of one thing.
"""

import json
import resource
import sys
import time
from importlib import import_module

STARTED = time.perf_counter()

UNARY = ("sin", "tanh", "cos")


def random_steps(nodes, seed=7):
    """The steps of a random expression of a vector: ``(name, positions of the arguments)``.

    Half of the steps take two values, one of them recent, so that the graph is deep and wide; all
    values stay between -2 and 2.
    """
    np = import_module("numpy")

    rng = np.random.default_rng(seed)
    steps = []
    for k in range(1, nodes + 1):
        recent, any_ = int(rng.integers(max(0, k - 8), k)), int(rng.integers(0, k))
        if rng.random() < 0.5:
            steps.append((UNARY[int(rng.integers(len(UNARY)))], (recent,)))
        else:
            steps.append((("mean", "times")[int(rng.integers(2))], (recent, any_)))
    return steps


def follow(steps, x, functions):
    """The value of the last step and of each that nobody else uses, summed."""
    values, used = [x], set()
    for name, places in steps:
        values.append(functions[name](*(values[p] for p in places)))
        used.update(places)
    ends = [v for k, v in enumerate(values) if k and k not in used]
    total = ends[0]
    for v in ends[1:]:
        total = total + v
    return total


def functions_of(namespace):
    """How a library says the steps."""
    return {
        **{name: getattr(namespace, name) for name in UNARY},
        "mean": lambda a, b: 0.5 * (a + b),
        "times": lambda a, b: a * namespace.cos(b),
    }


def grown(library, nodes):
    """Seconds from a graph of some nodes to the first value and gradient, and the peak memory."""
    np = import_module("numpy")

    steps = random_steps(nodes)
    x = np.linspace(-1.0, 1.0, 50)
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 20 * nodes + 10_000))
    if library == "JAX":
        jax = import_module("jax")
        jax.config.update("jax_enable_x64", True)
        functions = functions_of(jax.numpy)
        jax.jit(jax.value_and_grad(lambda x: jax.numpy.sum(jax.numpy.sin(x))))(x)
        begin = time.perf_counter()
        run = jax.jit(jax.value_and_grad(lambda x: jax.numpy.sum(follow(steps, x, functions))))
        value = run(x)[0].block_until_ready()
    else:
        ng, tensor, function = language_of(library)
        z = tensor.dvector("z")
        cost = tensor.sum(tensor.sin(z))
        function([z], [cost, ng.grad(cost, z)])(x)
        begin = time.perf_counter()
        cost = tensor.sum(follow(steps, z, functions_of(tensor)))
        value = function([z], [cost, ng.grad(cost, z)])(x)[0]
    return {"seconds": time.perf_counter() - begin, "value": float(value)}


def language_of(library):
    """The package, its tensor namespace and what makes functions."""
    package = import_module(library.lower())
    return package, import_module(f"{library.lower()}.tensor"), package.function


def started(library, _number):
    """Seconds from the import to the first gradient of a small function."""
    np = import_module("numpy")

    x = np.linspace(-1.0, 1.0, 50)
    begin = time.perf_counter()
    if library == "JAX":
        jax = import_module("jax")
        jax.config.update("jax_enable_x64", True)
        value = jax.jit(jax.grad(lambda x: jax.numpy.sum(jax.numpy.sin(x) ** 2)))(x)
        value.block_until_ready()
    else:
        ng, tensor, function = language_of(library)
        z = tensor.dvector("z")
        value = function([z], ng.grad(tensor.sum(tensor.sin(z) ** 2), z))(x)
    return {"seconds": time.perf_counter() - begin, "value": float(np.sum(np.asarray(value)))}


def held(library, n):
    """Bytes that one call of a long elementwise value and gradient adds to the peak."""
    np = import_module("numpy")

    ELEMENTWISE = import_module("benchmarks.workloads.elementwise").ELEMENTWISE
    x, y = ELEMENTWISE.inputs({"n": n})
    small = ELEMENTWISE.inputs({"n": 10})
    if library == "JAX":
        jax = import_module("jax")
        jax.config.update("jax_enable_x64", True)
        run = jax.jit(ELEMENTWISE.jax(jax))
        run(*small)[0].block_until_ready()
    elif library == "NumPy":
        run = ELEMENTWISE.plain
    else:
        package, tensor, function = language_of(library)
        language = import_module("benchmarks.workload").Language(
            tensor, package.grad, None, None, None
        )
        run = function(*ELEMENTWISE.symbolic(language))
        run(*small)
    before = peak()
    results = run(x, y)
    value = float(np.asarray(results[0]))
    return {"bytes": peak() - before, "value": value}


def peak():
    """The most memory that this process has held, in bytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


KINDS = {"growth": grown, "start": started, "memory": held}

if __name__ == "__main__":
    kind, library, number = sys.argv[1:]
    found = KINDS[kind](library, int(number))
    print(json.dumps({**found, "peak": peak()}))
