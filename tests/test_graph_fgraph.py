"""FunctionGraph: what it lists, how it changes, what it refuses."""

import inspect
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numbagrad.errors import MissingInputError, RewriteError
from numbagrad.graph.basic import Variable, toposort
from numbagrad.graph.fgraph import FunctionGraph
from numbagrad.graph.registry import OPS
from numbagrad.graph.tensor import TensorType, as_tensor
from numbagrad.graph.traverse import equal_computations

from .graph_ops import VECTOR, Inc, add, both, chain, graphs, inc


def uses(fgraph, variable):
    return [(node if node == "output" else node.op, k) for node, k in fgraph.clients[variable]]


def test_lists_nodes_variables_and_uses():
    x = VECTOR("x")
    y = add(x, x)
    z = inc(y)
    fgraph = FunctionGraph([x], [z, y], clone=False)
    assert list(fgraph.apply_nodes) == fgraph.toposort() == [y.owner, z.owner]
    assert list(fgraph.variables) == [x, y, z]
    assert uses(fgraph, x) == [(add, 0), (add, 1)]
    assert uses(fgraph, y) == [(inc, 0), ("output", 1)]
    assert fgraph.get_clients(z) == [("output", 0)]
    assert y.owner in fgraph and x in fgraph and VECTOR() not in fgraph
    assert len(fgraph.clients) == 3
    fgraph.check_integrity()


def test_clone_leaves_the_users_nodes_alone():
    x = VECTOR("x")
    y = inc(x)
    fgraph = FunctionGraph([x], [inc(y)])
    assert fgraph.inputs[0] is not x and fgraph.inputs[0].name == "x"
    fgraph.replace(fgraph.outputs[0].owner.inputs[0], fgraph.inputs[0])
    assert len(fgraph.apply_nodes) == 1
    assert y.owner.inputs == [x]


def test_inputs_default_to_all_that_is_needed():
    x, y = VECTOR("x"), VECTOR("y")
    fgraph = FunctionGraph(outputs=[add(add(x, y), as_tensor([1.0]))], clone=False)
    assert fgraph.inputs == [x, y]
    with pytest.raises(ValueError, match="needs outputs"):
        FunctionGraph([x])


def test_an_input_may_be_an_intermediate_result():
    x = VECTOR("x")
    y = inc(x)
    fgraph = FunctionGraph([y], [inc(y)])
    assert len(fgraph.apply_nodes) == 1
    fgraph.check_integrity()


def test_missing_input_is_named_with_the_line_that_needs_it():
    x, forgotten = VECTOR("x"), VECTOR("forgotten")
    line = inspect.currentframe().f_lineno + 1
    y = add(x, forgotten)
    with pytest.raises(MissingInputError, match=rf"'forgotten'.*input 1 of Add.*{line}") as info:
        FunctionGraph([x], [inc(y)])
    assert __file__ in str(info.value)
    with pytest.raises(MissingInputError, match=r"'forgotten'.*output"):
        FunctionGraph([x], [forgotten])
    with pytest.raises(MissingInputError, match="A variable of type TensorType"):
        FunctionGraph([x], [inc(VECTOR())])


def test_variables_with_a_value_need_not_be_inputs():
    class Shared(Variable):
        def get_value(self):
            return np.zeros(2)

    weights = Shared(VECTOR, name="w")
    fgraph = FunctionGraph([], [inc(weights)])
    assert weights in fgraph.variables


def test_bad_arguments():
    x = VECTOR("x")
    with pytest.raises(ValueError, match="x is given twice"):
        FunctionGraph([x, x], [inc(x)])
    with pytest.raises(TypeError, match="input 1 must be a Variable; got 3"):
        FunctionGraph([x, 3], [inc(x)])
    with pytest.raises(TypeError, match="output 0 must be a Variable; got None"):
        FunctionGraph([x], [None])


def test_replace_drops_what_nobody_needs():
    x = VECTOR("x")
    a, b = both(inc(x))
    y = add(a, b)
    fgraph = FunctionGraph([x], [y, inc(y)], clone=False)
    fgraph.replace(b, a)
    assert len(fgraph.apply_nodes) == 4  # the node stays for its other output
    fgraph.check_integrity()
    fgraph.replace(y, x, reason="a test")
    assert fgraph.outputs[0] is x and [n.op for n in fgraph.toposort()] == [inc]
    fgraph.check_integrity()
    fgraph.replace(y, a)  # no longer there: nothing happens
    fgraph.replace(x, x)
    fgraph.check_integrity()


def test_a_replacement_may_use_what_it_replaces():
    x = VECTOR("x")
    fgraph = FunctionGraph([x], [add(x, x)], clone=False)
    fgraph.replace(x, inc(x))
    assert [n.op for n in fgraph.toposort()] == [inc, add]
    fgraph.check_integrity()


def test_a_circle_is_found():
    x = VECTOR("x")
    y = inc(x)
    z = inc(y)
    fgraph = FunctionGraph([x], [inc(z)], clone=False)
    fgraph.replace(y, z)
    with pytest.raises(RewriteError, match="circle"):
        fgraph.toposort()
    with pytest.raises(RewriteError, match="circle"):
        fgraph.check_integrity()


def test_replace_keeps_types(monkeypatch):
    x = VECTOR("x")
    fgraph = FunctionGraph([x], [inc(inc(x))], clone=False)
    inner = fgraph.outputs[0].owner.inputs[0]
    with pytest.raises(RewriteError, match=r"my pass replaces .*float64.*float32"):
        fgraph.replace(inner, TensorType("float32", (None,))("f"), reason="my pass")
    with pytest.raises(MissingInputError):
        fgraph.replace(inner, VECTOR("new"))
    fgraph.check_integrity()
    fgraph.replace(inner, np.array([1.0, 2.0]))
    assert fgraph.toposort()[0].inputs[0].data.tolist() == [1.0, 2.0]

    # Less is known of the new variable: that is made good where there is an Op that does.
    three = TensorType("float64", (3,))("three")
    checked = []
    monkeypatch.setitem(OPS, "specify_shape", lambda v, shape: checked.append(shape) or three)
    fixed = FunctionGraph([three, x], [inc(inc(three))], clone=False)
    fixed.replace(fixed.toposort()[0].out, x)
    assert checked == [(3,)]


def test_replace_all_and_change_node_input():
    x, y = VECTOR("x"), VECTOR("y")
    a, b = inc(x), inc(y)
    fgraph = FunctionGraph([x, y], [add(a, b)], clone=False)
    fgraph.replace_all([(a, x), (b, y)])
    node = fgraph.outputs[0].owner
    assert node.inputs == [x, y]
    fgraph.change_node_input(node, 1, x)
    fgraph.change_node_input(node, 1, x)
    assert node.inputs == [x, x]
    fgraph.change_node_input("output", 0, y)
    assert fgraph.outputs == [y] and not fgraph.apply_nodes
    fgraph.check_integrity()


def test_inputs_and_outputs_come_and_go():
    x = VECTOR("x")
    y = inc(x)
    z = inc(y)
    fgraph = FunctionGraph([x], [y], clone=False)
    fgraph.add_output(z)
    fgraph.add_output(y)
    fgraph.remove_output(0)
    assert fgraph.outputs == [z, y] and uses(fgraph, y) == [(inc, 0), ("output", 1)]
    fgraph.check_integrity()
    fgraph.add_input(y)
    assert list(fgraph.apply_nodes) == [z.owner]
    fgraph.check_integrity()
    with pytest.raises(ValueError, match="given twice"):
        fgraph.add_input(y)


def test_integrity_is_really_checked():
    x = VECTOR("x")
    y = inc(inc(x))
    fgraph = FunctionGraph([x], [y], clone=False)
    y.owner.inputs[0] = x
    with pytest.raises(RewriteError, match="other nodes"):
        fgraph.check_integrity()
    fgraph = FunctionGraph([x], [add(y, x)], clone=False)
    fgraph.outputs[0].owner.inputs[1] = y
    with pytest.raises(RewriteError, match="wrong uses"):
        fgraph.check_integrity()


def test_long_chains():
    x, y = chain(10_000)
    fgraph = FunctionGraph([x], [add(y, x)])
    assert len(fgraph.toposort()) == 10_001
    fgraph.check_integrity()
    for node in fgraph.toposort()[:1000]:
        fgraph.replace(node.out, Inc(2)(node.inputs[0]))
    fgraph.replace(fgraph.outputs[0], fgraph.inputs[0])
    assert not fgraph.apply_nodes
    fgraph.check_integrity()


@given(graphs())
def test_order_uses_and_copies_of_any_graph(made):
    inputs, outputs = made
    fgraph = FunctionGraph(inputs, outputs, clone=False)
    fgraph.check_integrity()
    order = fgraph.toposort()
    assert order == toposort(outputs) == FunctionGraph(inputs, outputs, clone=False).toposort()
    place = {node: k for k, node in enumerate(order)}
    for node in order:
        assert all(v.owner is None or place[v.owner] < place[node] for v in node.inputs)

    copy, memo = fgraph.clone_get_equiv()
    copy.check_integrity()
    assert [n.op for n in copy.toposort()] == [n.op for n in order]
    assert [memo[n] for n in order] == copy.toposort()
    assert not set(copy.apply_nodes) & set(order)
    assert equal_computations(outputs, copy.outputs, inputs, copy.inputs)

    again = pickle.loads(pickle.dumps(fgraph))
    again.check_integrity()
    assert equal_computations(outputs, again.outputs, inputs, again.inputs)


@given(graphs(), st.data())
def test_integrity_survives_any_replacement(made, data):
    inputs, outputs = made
    fgraph = FunctionGraph(inputs, outputs)
    for _ in range(3):
        order = [None, *fgraph.toposort()]
        k = data.draw(st.integers(0, len(order) - 1))
        earlier = [*fgraph.inputs, *(v for n in order[1:k] for v in n.outputs)]
        old = fgraph.inputs[0] if k == 0 else order[k].outputs[0]
        new = data.draw(st.sampled_from(earlier))
        fgraph.replace(old, data.draw(st.sampled_from([new, inc(new), add(new, old)])))
        fgraph.check_integrity()
