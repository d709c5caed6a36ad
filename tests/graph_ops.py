"""Tiny Ops and random graphs for the tests of the graph floor, which knows no Op of its own."""

from hypothesis import strategies as st

from numbagrad.graph.basic import Apply
from numbagrad.graph.op import Op
from numbagrad.graph.tensor import TensorType, as_tensor

VECTOR = TensorType("float64", shape=(None,))


class Add(Op):
    """Of any number of arguments, printed between them."""

    __props__ = ()
    infix = "+"

    def make_node(self, *inputs):
        variables = [as_tensor(x) for x in inputs]
        return Apply(self, variables, [variables[0].type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = sum(inputs)


class Inc(Op):
    """One argument and a static parameter."""

    __props__ = ("by",)

    def __init__(self, by=1):
        self.by = by

    def make_node(self, x):
        x = as_tensor(x)
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0] + self.by


class Both(Op):
    """Two outputs."""

    __props__ = ()

    def make_node(self, x):
        x = as_tensor(x)
        return Apply(self, [x], [x.type(), x.type()])


class Neg(Inc):
    """Printed in front of its argument."""


class ByIdentity(Inc):
    """Compared by identity."""

    __props__ = None


add, inc, both = Add(), Inc(), Both()


def chain(length, start=None):
    """An input, and Inc applied to it many times."""
    x = VECTOR("x") if start is None else start
    y = x
    for _ in range(length):
        y = inc(y)
    return x, y


@st.composite
def graphs(draw, max_nodes=12):
    """Inputs and outputs of a random graph with sharing, several outputs and constants."""
    inputs = [VECTOR(name) for name in "xyz"[: draw(st.integers(1, 3))]]
    variables = [*inputs, VECTOR.constant([1.0, 2.0])]
    for _ in range(draw(st.integers(0, max_nodes))):
        pick = st.sampled_from(range(len(variables)))
        a, b, kind = draw(pick), draw(pick), draw(st.integers(0, 2))
        if kind == 0:
            variables.append(add(variables[a], variables[b]))
        elif kind == 1:
            variables.append(Inc(draw(st.integers(1, 3)))(variables[a]))
        else:
            variables += both(variables[a])
    chosen = draw(st.lists(st.sampled_from(range(len(variables))), min_size=1, max_size=4))
    return inputs, [variables[k] for k in chosen]
