"""Loops for the tests: random steps, the loop as a Scan, and the same loop written out as a graph.

A step is a recipe: a list of operations on numbered values, so that one drawn step can be applied
to the variables of a Scan's body and to those of a graph that has every step.
"""

import numpy as np

from numbagrad import tensor as T
from numbagrad.graph.frozen import FrozenGraph
from numbagrad.graph.tensor import TensorType
from numbagrad.ops.scanning import Scan

SIZE = 3

#: Kinds of values: s a number, v a vector of three, m a matrix of three by three, i an index.
NDIM = {"s": 0, "v": 1, "m": 2, "i": 0}

OPERATIONS = {
    "sum": ("vs", lambda v: v.sum()),
    "dot": ("vvs", lambda v, w: T.dot(v, w) * 0.5),
    "tanh": ("ss", T.tanh),
    "times": ("sss", lambda a, b: a * b),
    "bell": ("ss", lambda a: T.exp(-(a**2))),
    "plus": ("sss", lambda a, b: 0.5 * a + T.sin(b)),
    "ratio": ("sss", lambda a, b: a / (1.0 + b**2)),
    "at": ("vis", lambda v, i: v[i]),
    "choose": ("sss", lambda a, b: T.switch(a > 0.1, a * b, b - 0.25)),
    "matvec": ("mvv", lambda m, v: T.tanh(m @ v)),
    "mix": ("vvv", lambda v, w: v * T.cos(w)),
    "add": ("vvv", lambda v, w: 0.5 * (v + w[::-1])),
    "scaled": ("vsv", lambda v, a: v * T.tanh(a)),
    "put": ("visv", lambda v, i, a: v[i].set(a)),
    "inc": ("visv", lambda v, i, a: T.tanh(v)[i].inc(a)),
    "stack": ("sssv", lambda a, b, c: T.stack([a, b, c])),
    "outer": ("vvm", lambda v, w: T.tanh(T.outer(v, w))),
    "turn": ("mm", lambda m: T.sin(m.T)),
    "next": ("ii", lambda i: (i + 1) % SIZE),
}


def variable(kind, name, lead=0):
    """An input of a kind, with more dimensions in front."""
    dtype = "int64" if kind == "i" else "float64"
    return TensorType(dtype, (None,) * (lead + NDIM[kind]))(name)


def value(rng, kind, lead=()):
    """A value for it."""
    shape = (*lead, *(SIZE,) * NDIM[kind])
    return rng.integers(0, SIZE, shape) if kind == "i" else rng.uniform(-1, 1, shape)


class Step:
    """A random step.

    Parameters
    ----------
    random : random.Random
    sequences, states, others : str
        A kind for each, such as ``"sv"``.
    """

    def __init__(self, random, sequences="s", states="s", others="s", size=8, traces=2):
        self.sequences, self.states, self.others = sequences, states, others
        kinds = list(sequences + states + others)
        self.recipe = []
        for _ in range(size):
            name = random.choice(list(OPERATIONS))
            *takes, gives = OPERATIONS[name][0]
            fit = [[k for k, kind in enumerate(kinds) if kind == t] for t in takes]
            if all(fit):
                self.recipe.append((name, [random.choice(f) for f in fit]))
                kinds.append(gives)
        self.next = []
        for kind in states:
            fit = [k for k, other in enumerate(kinds) if other == kind]
            self.next.append(random.choice([*fit, *fit[-3:]]))
        smooth = [k for k, kind in enumerate(kinds) if kind != "i"]
        self.traced = [random.choice(smooth) for _ in range(traces)]
        self.kinds = kinds

    def __repr__(self):
        return (
            f"{self.sequences}|{self.states}|{self.others} {self.recipe} {self.next} {self.traced}"
        )

    def __call__(self, values):
        """Next states and traced values."""
        pool = list(values)
        for name, places in self.recipe:
            pool.append(OPERATIONS[name][1](*(pool[k] for k in places)))
        return [pool[k] for k in self.next], [pool[k] for k in self.traced]

    def inputs(self):
        """Variables for sequences, initial states and others."""
        return (
            [variable(k, f"x{n}", 1) for n, k in enumerate(self.sequences)],
            [variable(k, f"h{n}") for n, k in enumerate(self.states)],
            [variable(k, f"w{n}") for n, k in enumerate(self.others)],
        )

    def values(self, rng, length):
        """Values for these variables, in that order."""
        made = [value(rng, k, (length,)) for k in self.sequences]
        return made + [value(rng, k) for k in self.states + self.others]


def scanned(step, steps, sequences, states, others, condition=None, **options):
    """Last states, traces and, with a condition, the number of steps: as a Scan.

    ``step`` takes the list of elements, states and others and gives next states and traced values.
    """
    elements = [TensorType(x.type.dtype, x.type.shape[1:])(x.name) for x in sequences]
    before = [x.type(x.name) for x in states]
    same = [x.type(x.name) for x in others]
    after, traced = step([*elements, *before, *same])
    ends = [] if condition is None else [condition(after)]
    body = FrozenGraph([*elements, *before, *same], [*after, *traced, *ends])
    op = Scan(
        body=body,
        n_sequences=len(elements),
        n_states=len(before),
        until=condition is not None,
        **options,
    )
    made = op(steps, *sequences, *states, *others, return_list=True)
    n = len(before)
    return made[:n], made[n : n + len(traced)], made[n + len(traced) :]


def unrolled(step, length, sequences, states, others):
    """Last states and the values of each trace, in a list: every step in the graph."""
    before, traces = list(states), []
    for t in range(length):
        before, traced = step([*(x[t] for x in sequences), *before, *others])
        traces.append(traced)
    return before, [list(trace) for trace in zip(*traces, strict=True)]


def weights(like, t=0):
    """Numbers in the shape of one value, another one for each step."""
    return np.cos(np.arange(1.0, 1 + SIZE**like.ndim) + t).reshape((SIZE,) * like.ndim)


def cost_of_scan(length, last, traces):
    """A scalar that depends on all last states and on all traced values."""
    total = T.constant(0.0)
    for v in last:
        if v.dtype == "float64":
            total = total + (v**2 * weights(v)).sum()
    for trace in traces:
        shape = (length, *(SIZE,) * (trace.ndim - 1))
        numbers = np.array([weights(_Like(trace.ndim - 1), t) for t in range(length)])
        total = total + (trace**2 * numbers.reshape(shape)).sum()
    return total


def cost_of_unrolled(last, traces):
    """The same of the loop written out."""
    total = T.constant(0.0)
    for v in last:
        if v.dtype == "float64":
            total = total + (v**2 * weights(v)).sum()
    for trace in traces:
        for t, v in enumerate(trace):
            total = total + (v**2 * weights(v, t)).sum()
    return total


class _Like:
    def __init__(self, ndim):
        self.ndim = ndim
