"""Random loops through the user's interface, against the same steps written out one by one.

Values are compared with a plain Python loop over NumPy, derivatives with those of the graph in
which every step is there by itself: no loop, and no rule of a loop's, is in it.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import numbagrad as ng
from numbagrad import tensor as T

#: Smooth functions, so that all derivatives exist, and bounded, so that no loop explodes.
ONE = {
    "sin": lambda lib, a: lib.sin(a),
    "tanh": lambda lib, a: lib.tanh(a),
    "bell": lambda lib, a: lib.exp(-(a**2)),
    "half": lambda lib, a: a * 0.5,
}
TWO = {
    "plus": lambda lib, a, b: (a + b) * 0.5,
    "minus": lambda lib, a, b: a - 0.5 * b,
    "times": lambda lib, a, b: lib.sin(a * b),
}


@st.composite
def expressions(draw, arguments, depth=2):
    """A tree: an argument's number, or the name of a function and its arguments."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(st.integers(0, arguments - 1))
    if draw(st.booleans()):
        return draw(st.sampled_from(sorted(ONE))), draw(expressions(arguments, depth - 1))
    name = draw(st.sampled_from(sorted(TWO)))
    parts = [draw(expressions(arguments, depth - 1)) for _ in range(2)]
    return name, *parts


def computed(lib, tree, arguments):
    if isinstance(tree, int):
        return arguments[tree]
    name, *parts = tree
    made = [computed(lib, p, arguments) for p in parts]
    return ONE[name](lib, *made) if name in ONE else TWO[name](lib, *made)


@dataclass
class Loop:
    """Which taps, how many steps, and the expressions of a step's outputs."""

    sequences: list
    states: list
    free: int
    trees: list
    steps: int
    given: bool  # whether n_steps is given
    backwards: bool
    wide: bool  # whether elements and states are vectors

    def data(self):
        """Values of sequences, initial values and one parameter."""
        rng = np.random.default_rng(0)
        inner = (2,) if self.wide else ()
        lengths = [self.steps + max(*t, 0) - min(*t, 0) + self.given for t in self.sequences]
        sequences = [rng.uniform(-1, 1, (n, *inner)) for n in lengths]
        rows = [() if t == [-1] else (-min(t),) for t in self.states]
        initial = [rng.uniform(-1, 1, (*r, *inner)) for r in rows]
        return [*sequences, *initial, np.float64(0.7)]

    def variables(self):
        return [T.tensor(f"v{k}", "float64", (None,) * x.ndim) for k, x in enumerate(self.data())]

    def split(self, given):
        n = len(self.sequences)
        return given[:n], given[n:-1], given[-1]

    def scanned(self, variables):
        """The outputs by `scan`."""
        sequences, initial, w = self.split(variables)
        return ng.scan(
            lambda *args: [computed(T, tree, args) for tree in self.trees],
            [dict(input=x, taps=t) for x, t in zip(sequences, self.sequences, strict=True)],
            [dict(initial=s, taps=t) for s, t in zip(initial, self.states, strict=True)]
            + [None] * self.free,
            w,
            n_steps=self.steps if self.given or not sequences else None,
            go_backwards=self.backwards,
            return_list=True,
            return_updates=False,
        )

    def written_out(self, lib, given):
        """The outputs step by step, each a list of its values."""
        sequences, initial, w = self.split(given)
        sizes = [len(x) for x in self.split(self.data())[0]]
        past = [
            [s] if t == [-1] else [s[k] for k in range(-min(t))]
            for s, t in zip(initial, self.states, strict=True)
        ]
        outputs = [[] for _ in self.trees]
        for step in range(self.steps):
            args = []
            for x, taps, size in zip(sequences, self.sequences, sizes, strict=True):
                at = size - 1 - max(*taps, 0) - step if self.backwards else step - min(*taps, 0)
                args += [x[at + k] for k in taps]
            for values, taps in zip(past, self.states, strict=True):
                args += [values[len(values) + k] for k in taps]
            made = [computed(lib, tree, [*args, w]) for tree in self.trees]
            for values, new in zip(past, made, strict=False):
                values.append(new)
            for values, new in zip(outputs, made, strict=True):
                values.append(new)
        return outputs


@st.composite
def loops(draw, lengths=(0, 1, 2, 5)):
    taps = st.lists(st.integers(-2, 2), min_size=1, max_size=2, unique=True)
    back = st.lists(st.integers(-3, -1), min_size=1, max_size=2, unique=True)
    sequences = draw(st.lists(taps, max_size=2))
    states = draw(st.lists(back, min_size=1, max_size=2))
    free = draw(st.integers(0, 1))
    arguments = sum(map(len, sequences + states)) + 1
    trees = []
    wide = draw(st.booleans())
    for _ in range(len(states) + free):
        tree = draw(expressions(arguments))
        # The first argument gives an output its shape, whatever the rest is.
        trees.append(("minus", ("half", 0), tree) if wide else tree)
    return Loop(
        sequences,
        states,
        free,
        trees,
        steps=draw(st.sampled_from(lengths)),
        given=draw(st.booleans()),
        backwards=draw(st.booleans()),
        wide=wide,
    )


def cost(outputs):
    """A number that depends on every element in its own way."""
    total = 0.0
    for k, values in enumerate(outputs):
        stacked = values if not isinstance(values, list) else T.stack(values)
        places = T.arange(stacked.shape[0]) + 1.0
        flat = stacked if stacked.ndim == 1 else stacked.sum(axis=1)
        total = total + T.sum(T.sin(flat + k) * places)
    return total


def check_values(mode, loop):
    variables = loop.variables()
    made = ng.function(variables, loop.scanned(variables), mode=mode, on_unused_input="ignore")
    want = loop.written_out(np, loop.data())
    for ours, values in zip(made(*loop.data()), want, strict=True):
        assert len(ours) == loop.steps
        if values:
            np.testing.assert_allclose(ours, np.stack(values), rtol=1e-12, atol=1e-14)


def check_derivatives(mode, loop):
    variables, data = loop.variables(), loop.data()
    directions = [np.full(x.shape, 0.5) + 0.1 * k for k, x in enumerate(data)]
    results = []
    for outputs in (loop.scanned(variables), loop.written_out(T, variables)):
        loss = cost(outputs)
        gradients = ng.grad(loss, variables, disconnected_inputs="ignore")
        along = [T.constant(d) for d in directions]
        moved = ng.pushforward(loss, variables, along)
        slope = sum(T.sum(g * d) for g, d in zip(gradients, along, strict=True))
        curved = ng.grad(slope, variables, disconnected_inputs="ignore")
        results.append([*gradients, moved, *curved])
    # The graph without a loop is computed node by node in either case: it is what is compared with.
    ours, written = (
        ng.function(variables, made, mode=how, on_unused_input="ignore")(*data)
        for made, how in zip(results, (mode, "reference"), strict=True)
    )
    for a, b in zip(ours, written, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.newest("graphs are computed node by node")
@given(loop=loops())
@settings(max_examples=40, deadline=None)
def test_values(loop):
    check_values("reference", loop)


@pytest.mark.newest("graphs are computed node by node")
@given(loop=loops(lengths=(1, 2, 4)))
@settings(max_examples=25, deadline=None)
def test_derivatives(loop):
    check_derivatives("reference", loop)


@given(loop=loops())
@settings(max_examples=6, deadline=None)
def test_compiled_values(loop):
    check_values(None, loop)


@pytest.mark.newest("test_compiled_values and test_scan_codegen will do")
@given(loop=loops(lengths=(1, 2, 4)))
@settings(max_examples=3, deadline=None)
def test_compiled_derivatives(loop):
    check_derivatives(None, loop)
