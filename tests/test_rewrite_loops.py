"""Rewrites of loops: in their bodies, of their inputs and results, and of several into one.

Each compares values, computed node by node, before and after, and looks at what became of the loop.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.errors import ShapeError
from numbagrad.graph.frozen import FrozenGraph
from numbagrad.graph.traverse import toposort
from numbagrad.ops.interpret import interpret
from numbagrad.ops.scanning import Scan
from numbagrad.printing import pp
from numbagrad.rewrite import rewrite, stabilized

pytestmark = pytest.mark.newest("graphs are rewritten, and computed node by node")

a, b = T.dscalar("a"), T.dscalar("b")
n = T.lscalar("n")
u, v, w = (T.dvector(name) for name in "uvw")
X, Y, W = (T.dmatrix(name) for name in "XYW")

VALUES = {
    a: np.array(0.3),
    b: np.array(-0.7),
    n: np.array(5),
    u: np.array([0.5, -0.2, 0.1]),
    v: np.linspace(-1.0, 1.5, 5),
    w: np.linspace(2.0, 0.3, 5) ** 2,
    X: np.linspace(-1.0, 1.0, 15).reshape(5, 3),
    Y: np.linspace(0.2, 1.7, 15).reshape(5, 3),
    W: np.linspace(-0.6, 0.7, 9).reshape(3, 3),
}


def inside(outer, sequence):
    """An input of a body for an input of its node."""
    shape = outer.type.shape[1:] if sequence else outer.type.shape
    return T.TensorType(outer.type.dtype, shape)(f"{outer.name or ''}_")


def loop(step, steps=n, sequences=(), states=(), others=(), until=False, **kwargs):
    """A Scan of a step function ``(*elements, *states, *others) -> (next states, traced)``."""
    outer = [T.as_tensor(x) for x in (*sequences, *states, *others)]
    inputs = [inside(x, k < len(sequences)) for k, x in enumerate(outer)]
    after, traced, *condition = step(*inputs)
    outputs = [T.as_tensor(x) for x in (*after, *traced, *condition)]
    body = FrozenGraph(inputs, outputs)
    op = Scan(
        body=body, n_sequences=len(sequences), n_states=len(states), until=until, checkpoint=None
    )
    return op(steps, *outer, return_list=True)


def scans(outputs):
    return [node for node in toposort(outputs) if isinstance(node.op, Scan)]


def the_scan(outputs):
    (node,) = scans(outputs)
    return node


def counts(node):
    """How many sequences, states, other inputs and traces a loop has."""
    op = node.op
    return op.n_sequences, op.n_states, op.n_others, op.n_traced


def rewritten(*outputs, **other_values):
    """The outputs rewritten; they have the same values."""
    made = rewrite(outputs)
    values = VALUES | {k: np.asarray(x) for k, x in other_values.items()}
    for old, new in zip(interpret(outputs, values), interpret(made, values), strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-13, atol=1e-15)
        assert new.dtype == old.dtype
        assert new.shape == old.shape
    return made


def body(node):
    return [pp(x) for x in node.op.body.outputs]


# -- inside bodies ---------------------------------------------------------------------------------


def test_bodies_are_simplified():
    made = rewritten(*loop(lambda s, c: ([(s + 0) ** 2 * c * 1.0], []), states=[a], others=[b]))
    assert body(the_scan(made)) == ["(b_ * sqr(a_))"] or body(the_scan(made)) == ["(sqr(a_) * b_)"]


def test_bodies_are_stabilised_before_derivatives():
    out = loop(lambda x, s: ([s + T.log(1 + T.exp(x))], []), sequences=[v], states=[a])
    (made, *_) = stabilized(out)
    assert body(made.owner) == ["(a_ + softplus(v_))"]
    again = stabilized([made])
    assert again[0] is made


def test_what_is_stable_stays_itself():
    (out,) = loop(lambda s: ([s * 2.0], []), states=[a])
    assert stabilized([out])[0] is out


def test_bodies_of_bodies_are_simplified():
    def outer(s):
        (inner,) = loop(lambda t: ([t * 1.0 + 0.0 + T.log(T.exp(t))], []), states=[s], steps=2)
        return [inner + 0], []

    node = the_scan(rewritten(*loop(outer, states=[a])))
    (within,) = scans(node.op.body.outputs)
    assert body(within) == ["(t + t)"] or len(toposort(within.op.body.outputs)) == 1


def test_equal_loops_are_one():
    first = loop(lambda x, s: ([s * x], [s]), sequences=[v], states=[a])
    second = loop(lambda x, s: ([s * x], [s]), sequences=[v], states=[a])
    made = rewritten(*first, *second)
    assert len(scans(made)) == 1
    assert made[0] is made[2]


def test_lower_levels_only_go_inside():
    out = loop(lambda s, c: ([ng.consider_constant(s) * 1.0], [s, s]), states=[a], others=[2.0 * b])
    (none, *_) = rewrite(out, level="none")
    assert "consider_constant" not in body(none.owner)[0]
    (fast, *_) = rewrite(out, level="fast_compile")
    assert counts(fast.owner) == counts(out[0].owner)
    assert interpret([none, fast], VALUES) == interpret([out[0]] * 2, VALUES)


# -- results ---------------------------------------------------------------------------------------


def test_unused_traces_states_and_inputs_are_dropped():
    def step(x, y, s, t, c, d):
        return [s * x + c, t * y + d], [s + x, t + y]

    outs = loop(step, sequences=[v, w], states=[a, b], others=[a, b])
    node = the_scan(rewritten(outs[0]))
    assert counts(node) == (1, 1, 1, 0)
    node = the_scan(rewritten(outs[3]))
    assert counts(node) == (1, 1, 1, 1)
    assert scans(rewritten(outs[3].shape[0])) == []


def test_states_that_only_need_each_other_are_dropped():
    out = loop(lambda s, t, r: ([s * 0.5, r, t + r], []), states=[a, a, b])
    assert counts(the_scan(rewritten(out[0]))) == (0, 1, 0, 0)
    assert counts(the_scan(rewritten(out[1]))) == (0, 2, 0, 0)


def test_dropping_goes_through_one_loop_to_another():
    first = loop(lambda x, s: ([s * x], [s, s + x]), sequences=[v], states=[a])
    second = loop(
        lambda x, y, s, t: ([s + x, t + y], []),
        sequences=[first[1][::-1], first[2]],
        states=[a, b],
    )
    made = rewritten(second[0])
    assert sorted(map(counts, scans(made))) == [(1, 1, 0, 0), (1, 1, 0, 1)]


def test_a_state_that_never_changes_is_no_state():
    out = loop(lambda x, s, c: ([s + c * x, c * 1.0], [s]), sequences=[v], states=[a, b])
    made = rewritten(*out)
    assert counts(the_scan(made)) == (1, 1, 1, 1)
    assert made[1] is b


def test_states_that_change_places_with_equal_ones_never_change():
    out = loop(lambda s, t: ([t, s], []), states=[a, a])
    assert rewritten(*out) == [a, a]


def test_equal_states_and_equal_traces_are_one():
    out = loop(lambda s, t: ([s * 0.5 + t, t * 0.5 + s], [s + 1, t + 1]), states=[a, a])
    made = rewritten(*out)
    assert counts(the_scan(made)) == (0, 1, 0, 1)
    assert made[0] is made[1]


def test_states_that_begin_alike_but_go_apart_stay_two():
    out = loop(lambda s, t, r: ([s + t, t + r, r * 2.0], []), states=[a, a, a])
    assert counts(the_scan(rewritten(*out))) == (0, 3, 0, 0)


def test_equal_inputs_are_one():
    out = loop(
        lambda x, y, s, c, d: ([s * x + y * c + d], []),
        sequences=[v, v],
        states=[a],
        others=[b, b],
    )
    assert counts(the_scan(rewritten(*out))) == (1, 1, 1, 0)


def test_numbers_go_into_the_body_and_arrays_do_not():
    def step(s, c, d):
        return [(d * s).sum() * c], []

    node = the_scan(rewritten(*loop(step, states=[a], others=[2.0, np.arange(100.0) / 1e4])))
    assert counts(node) == (0, 1, 1, 0)


def test_a_spread_sequence_is_no_sequence():
    ones = T.ones_like(v) * b
    out = loop(lambda x, y, s: ([s * x + y], []), v.shape[0], [v, ones], [a])
    node = the_scan(rewritten(*out))
    assert counts(node) == (1, 1, 1, 0)


def test_a_sequence_is_cut_before_it_gets_new_dimensions():
    def step(x, y, s):
        return [s + (x * y).sum()], []

    out = loop(step, 4, [X[:, :, None][1:], X.dimshuffle(0, "x", 1)[::-1][:4]], [a])
    node = the_scan(rewritten(*out))
    assert [x.type.ndim for x in node.op.body.inputs] == [1, 1, 0]


def test_a_trace_of_an_input_is_the_input():
    out = loop(lambda x, s, c: ([s + x], [x, c]), sequences=[v], states=[a], others=[b])
    made = rewritten(*out)
    assert made[1] is v
    assert counts(the_scan(made)) == (1, 1, 0, 0)


def test_a_trace_of_spread_values_is_spread_after_the_loop():
    def step(x, s):
        after = s * 0.9 + x
        return [after], [after[:, None], T.broadcast_to(after[0], (3, 4)), T.ones_like(after)]

    made = rewritten(*loop(step, sequences=[X], states=[u]))
    node = the_scan(made)
    assert counts(node) == (1, 1, 0, 2)
    assert [x.type.ndim for x in node.op.traced] == [1, 0]


def test_of_an_array_of_one_number_only_the_size_is_used():
    def step(s, c):
        return [s + (c * s).sum()], []

    node = the_scan(rewritten(*loop(step, states=[a], others=[T.ones_like(v)])))
    (other,) = node.op.body.inputs[node.op.inner.others]
    readers = [n for n in toposort(node.op.body.outputs) if other in n.inputs]
    assert {n.op.kind for n in readers} == {"Size"}


# -- the last of a trace ---------------------------------------------------------------------------


def test_the_last_of_a_trace_is_the_last_state():
    out = loop(lambda x, s: ([s * x], [s * x]), 5, sequences=[v], states=[a])
    made = rewritten(out[1][-1])
    assert counts(the_scan(made)) == (1, 1, 0, 0)
    assert made[0].owner.op == the_scan(made).op


def test_derivatives_see_the_last_state_of_a_trace():
    def step(x, s):
        after = s * x
        return [after], [after]

    out = loop(step, 5, sequences=[v], states=[a])
    (made,) = stabilized([out[1][-1]])
    assert isinstance(made.owner.op, Scan)
    (kept,) = stabilized([out[1][-1]], keep=[out[1]])
    assert kept.owner.inputs[0] is out[1]


@pytest.mark.parametrize("value", ["state", "computed", "held"])
def test_there_must_be_a_step_for_a_last_value(value):
    def step(x, s):
        after = s * x
        return [after], [{"state": after, "computed": after + x, "held": after * s}[value]]

    out = loop(step, v.shape[0], sequences=[v], states=[a])
    made = rewritten(out[1][-1])
    assert the_scan(made).op.n_traced == 0
    for graph in ([out[1][-1]], made):
        with pytest.raises(IndexError, match="out of bounds") as caught:
            interpret(graph, VALUES | {v: np.zeros(0)})
        assert "test_rewrite_loops.py" in str(caught.value)


def test_the_last_of_a_trace_of_arrays():
    def step(x, s):
        after = T.tanh(s @ x)
        return [after], [after, after * s]

    out = loop(step, 4, sequences=[T.stack([W] * 4)], states=[u])
    made = rewritten(out[1][-1, 1:], out[2][-1])
    assert counts(the_scan(made)) == (1, 2, 0, 0)


def test_a_trace_that_is_kept_is_no_reason_for_more_states():
    out = loop(lambda x, s: ([s * x], [s + x * s]), sequences=[v], states=[a])
    node = the_scan(rewritten(out[1][-1], out[1].sum(), out[1] * 2))
    assert counts(node) == (1, 1, 0, 1)


# -- few steps -------------------------------------------------------------------------------------


def test_no_step_and_one_step_are_no_loop():
    def step(x, s, c):
        return [s * x + c], [s, s + x]

    for steps, x in ((0, v[:0]), (1, v[:1])):
        made = rewritten(*loop(step, steps, [x], [a], [b]))
        assert scans(made) == []


def test_the_sequence_of_one_step_has_one_element():
    made = rewrite(loop(lambda x, s: ([s * x], []), 1, [v], [a]))
    assert scans(made) == []
    with pytest.raises(ShapeError):
        interpret(made, VALUES)


# -- several loops ---------------------------------------------------------------------------------


def test_more_traces_of_the_same_states_are_one_loop():
    def step(x, s):
        return [s * 0.9 + x**2], [s]

    def more(x, s):
        after = s * 0.9 + x**2
        return [after], [after, T.exp(s) * x]

    made = rewritten(*loop(step, sequences=[v], states=[a]), *loop(more, sequences=[v], states=[a]))
    assert counts(the_scan(made)) == (1, 1, 0, 3)
    assert made[0] is made[2]


def test_tangents_join_what_they_belong_to():
    def primal(x, s, c):
        return [s * c + x], [s]

    def dual(x, s, ds, c, dc):
        return [s * c + x, ds * c + s * dc], [ds]

    made = rewritten(
        *loop(primal, sequences=[v], states=[a], others=[b]),
        *loop(dual, sequences=[v], states=[a, 0.0], others=[b, 1.0]),
    )
    assert counts(the_scan(made)) == (1, 2, 1, 2)


def test_lengths_need_only_be_known_to_be_equal():
    def step(x, s):
        return [T.exp(x) * s], [s]

    first = loop(step, v.shape[0], [v], [a])
    second = loop(lambda x, s: ([T.exp(x) * s], [s * 2.0]), (v * w).shape[0], [v], [a])
    assert len(scans(rewritten(*first, *second, v * w))) == 1


def test_loops_are_compared_as_they_were_made():
    # Alone, 1 - sigmoid(x) would become sigmoid(-x); not where sigmoid(x) is needed, too.
    def step(x, s):
        return [s * (1 - T.sigmoid(x))], [s]

    def more(x, s):
        y = T.sigmoid(x)
        return [s * (1 - y)], [y]

    first, second = (loop(f, sequences=[v], states=[a]) for f in (step, more))
    assert counts(the_scan(rewritten(*first, *second))) == (1, 1, 0, 2)


def test_loops_with_nothing_in_common_stay_apart():
    first = loop(lambda x, s: ([s * x], [s]), sequences=[v], states=[a])
    second = loop(lambda x, s: ([s + x], [s]), sequences=[v], states=[a])
    third = loop(lambda x, s: ([s + x], [s]), sequences=[w], states=[b])
    assert len(scans(rewritten(*first, *second, *third))) == 3


def test_a_dear_value_is_computed_in_one_loop():
    first = loop(lambda x, s: ([s * T.exp(x)], []), sequences=[v], states=[a])
    second = loop(lambda x, s: ([s - T.exp(x)], []), sequences=[v], states=[b])
    node = the_scan(rewritten(*first, *second))
    assert counts(node) == (1, 2, 0, 0)
    assert sum(pp(m.out).startswith("exp") for m in toposort(node.op.body.outputs)) == 1


def test_a_loop_over_the_results_of_another_follows_it():
    def step(x, s):
        return [s * T.tanh(x)], [s]

    first = loop(step, v.shape[0], [v], [a])
    second = loop(lambda x, y, s: ([s * x + y], [s]), first[1].shape[0], [w, first[1]], [b])
    third = loop(lambda x, y, s: ([s + x * y], []), v.shape[0], [first[1], second[1]], [b])
    made = rewritten(third[0])
    assert counts(the_scan(made)) == (2, 3, 0, 0)
    made = rewritten(third[0], first[1], v + w)
    assert counts(the_scan(made)) == (2, 3, 0, 1)


def test_layers_and_their_derivatives_are_one_loop_each_way():
    def layer(x, m):
        return ng.scan(lambda x, h: T.tanh(x + h @ m), sequences=[x], outputs_info=[u])[0]

    m = T.dmatrix("m")
    cost = T.sum(layer(layer(X, W), m)[-1] ** 2)
    outputs = [cost, *ng.grad(cost, [W, m])]
    values = VALUES | {m: VALUES[W].T}
    made = rewrite(outputs)
    for old, new in zip(interpret(outputs, values), interpret(made, values), strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-12)
    assert len(scans(made)) == 2


@pytest.mark.parametrize(
    "needs",
    [
        lambda first: {"sequences": [v, first[1][::-1]], "states": [a]},
        lambda first: {"sequences": [v, w], "states": [first[0]]},
        lambda first: {"sequences": [v, w * T.sum(first[1])], "states": [a]},
        lambda first: {"sequences": [v, first[1]], "states": [first[0]]},
    ],
)
def test_a_loop_that_needs_another_to_be_over_is_not_one_with_it(needs):
    def step(x, s):
        return [s * T.exp(x)], [s]

    first = loop(step, sequences=[v], states=[a])
    second = loop(lambda x, y, s: ([s * T.exp(x) + y], []), **needs(first))
    assert len(scans(rewritten(*first, *second))) == 2


def test_no_circle_is_made():
    def exp(x, s):
        return [s * T.exp(x)], [s]

    def sin(x, s):
        return [s * T.sin(x)], [s]

    # Each pair could be one loop, but not both: the second of one needs the first of the other.
    one = loop(exp, sequences=[v], states=[a])
    two = loop(sin, sequences=[w], states=[a])
    after_one = loop(lambda x, s: ([s * T.sin(x)], [s + 1]), sequences=[w], states=[one[0]])
    after_two = loop(lambda x, s: ([s * T.exp(x)], [s + 1]), sequences=[v], states=[two[0]])
    made = rewritten(*one, *two, *after_one, *after_two)
    assert len(scans(made)) == 3


def test_three_loops_become_one_in_a_graph_between_them():
    def exp(x, s):
        return [s * T.exp(x)], [s]

    one = loop(exp, sequences=[v], states=[a])
    two = loop(lambda x, s: ([s + T.exp(x)], [s]), sequences=[v], states=[b])
    middle = T.exp(one[1]).sum() + two[0]
    three = loop(lambda x, s: ([s - T.exp(x)], [s]), sequences=[v], states=[a])
    made = rewritten(middle * three[1], two[1])
    assert len(scans(made)) == 1


# -- loops that end by themselves ------------------------------------------------------------------


def doubling(s, c):
    after = s * 2.0
    return [after], [s, after], after > c


def test_a_loop_that_ends_by_itself_keeps_what_ends_it():
    def step(s, t, c):
        after = s * 2.0
        return [after, t + 1.0], [s, t * 2], after > c

    out = loop(step, 50, states=[1.0, b], others=[100.0], until=True)
    made = rewritten(out[1], out[-1])
    assert counts(the_scan(made)) == (0, 2, 0, 0)
    made = rewritten(out[-1])
    assert counts(the_scan(made)) == (0, 1, 0, 0)
    made = rewritten(out[2][-1])
    assert the_scan(made).op.n_traced == 0


def test_loops_that_end_by_the_same_condition_are_one():
    first = loop(doubling, 50, states=[1.0], others=[100.0], until=True)
    second = loop(
        lambda s, c: ([s * 2.0], [s + 1.0], s * 2.0 > c),
        50,
        states=[1.0],
        others=[100.0],
        until=True,
    )
    third = loop(
        lambda s, c: ([s * 2.0], [s + 1.0], s * 2.0 > c),
        50,
        states=[1.0],
        others=[30.0],
        until=True,
    )
    assert len(scans(rewritten(*first, *second, *third))) == 2


# -- work before the loop --------------------------------------------------------------------------


def test_dear_work_that_is_the_same_in_each_step_is_done_before():
    def step(s, c, m):
        return [s * T.exp(c) + (m @ m).sum()], []

    node = the_scan(rewritten(*loop(step, states=[a], others=[b, W])))
    assert counts(node) == (0, 1, 2, 0)
    assert all(x.type.ndim == 0 for x in node.inputs)


def test_cheap_numbers_and_views_stay_in_the_loop():
    def step(x, s, c, m):
        return [s * (1 - c) + (m.T[1:] * x).sum()], []

    node = the_scan(rewritten(*loop(step, sequences=[v], states=[a], others=[b, W])))
    assert [x.owner for x in node.inputs] == [None] * 5


def test_what_may_fail_waits_for_a_step():
    def step(s, c):
        return [s + c[7]], []

    for steps in (0, 3):
        out = loop(step, n, states=[a], others=[u])
        (made,) = rewrite(out)
        if steps:
            with pytest.raises(IndexError):
                interpret([made], VALUES | {n: np.array(steps)})
        else:
            assert interpret([made], VALUES | {n: np.array(steps)}) == [VALUES[a]]


def test_an_array_of_one_number_is_not_stored_for_a_loop_in_the_loop():
    def outer(s, c):
        (inner,) = loop(lambda t, d: ([t * d], []), 2, states=[T.ones_like(c)], others=[s])
        return [s + inner.sum()], []

    (made,) = rewrite(loop(outer, states=[a], others=[u]))
    (again,) = rewrite([made])
    assert counts(made.owner) == counts(again.owner) == (0, 1, 1, 0)
    assert made.owner.inputs[-1] is u


def test_a_loop_that_keeps_few_states_keeps_no_more():
    hs, _ = ng.scan(
        lambda x, h: T.tanh(x @ W + h), sequences=[X], outputs_info=[u], checkpoint="sqrt"
    )
    cost = T.sum(hs[-1] ** 2)
    made = rewritten(cost, ng.grad(cost, W))
    forward, *_ = scans(made)
    assert forward.op.checkpoint == "sqrt"
    assert forward.op.n_traced == 0
    around = [n for n in scans(made) if scans(n.op.body.outputs)]
    assert [n.op.n_traced for n in around] == [0]


def test_an_array_that_a_kernel_needs_is_stored_once():
    def step(s, m):
        return [T.tanh(s @ (m * 2.0) @ (m + 1.0))], []

    node = the_scan(rewritten(*loop(step, states=[W], others=[W])))
    assert counts(node) == (0, 1, 2, 0)
    assert W not in node.inputs[2:]


def test_a_trace_of_what_never_changes_is_spread():
    out = loop(lambda s, c, m: ([s * c], [c + 1, m * 2]), states=[a], others=[b, W])
    made = rewritten(*out)
    assert counts(the_scan(made)) == (0, 1, 1, 0)


@pytest.mark.parametrize(
    ("sequence", "product"),
    [
        (X, lambda x, m: x @ m),
        (X, lambda x, m: m @ x),
        (T.stack([Y, X]), lambda x, m: (x @ m).sum(axis=0)),
        (T.stack([Y, X]), lambda x, m: (x @ m.T).sum(axis=0)),
    ],
)
def test_products_with_one_matrix_are_one_product(sequence, product):
    def step(x, s, m):
        return [T.tanh(product(x, m) + s)], []

    node = the_scan(rewritten(*loop(step, sequence.shape[0], [sequence], [u], [W])))
    assert counts(node) == (1, 1, 0, 0)
    assert "@" not in body(node)[0]


def test_a_sum_of_outer_products_is_one_product():
    def step(x, s, t, m):
        g = T.tanh(x + s @ m)
        return [g, t + x[:, None] * g], []

    zeros = T.zeros_like(W)
    out = loop(step, X.shape[0], [X], [u, zeros], [W])
    node = the_scan(rewritten(*out))
    assert counts(node) == (1, 1, 1, 1)
    small = T.TensorType("float64", (3, 3))("small")
    out = loop(step, X.shape[0], [X], [u, small], [W])
    assert counts(the_scan(rewrite(out))) == (1, 2, 1, 0)


def test_a_sum_of_products_is_one_product():
    def step(x, s, t):
        g = T.tanh(x + s)
        return [g, t - x.T @ g], [g]

    out = loop(step, 2, [T.stack([Y, X])], [T.zeros_like(X), T.ones_like(W)])
    node = the_scan(rewritten(*out))
    assert counts(node) == (1, 1, 0, 1)


def test_only_the_new_rows_are_turned_around():
    def step(x, y, s, t):
        g = T.tanh(x + y)
        return [s + x[:, None] * g, t + y[:, None] * g], []

    zeros = T.zeros_like(W)
    made = rewritten(*loop(step, X.shape[0], [X[::-1], Y[::-1]], [zeros, zeros]))
    assert [pp(x).split(".T")[0] for x in made] == ["(X", "(Y"]
    assert made[0].owner.inputs[1] is made[1].owner.inputs[1]


def test_sums_of_products_that_are_looked_at_stay():
    def step(x, s):
        after = s + x[:, None] * T.exp(x)
        return [after], [after[0]]

    out = loop(step, X.shape[0], [X], [W])
    assert counts(the_scan(rewritten(*out))) == (1, 1, 0, 1)


def test_products_with_a_state_stay():
    node = the_scan(rewritten(*loop(lambda s, m: ([T.tanh(s @ m)], []), states=[u], others=[W])))
    assert counts(node) == (0, 1, 1, 0)


# -- sums over all steps ---------------------------------------------------------------------------


def garch(e, h, c, d):
    after = c + d * e**2 + 0.5 * h
    return [after], [after]


def test_a_sum_over_a_trace_is_a_state():
    _, h = loop(garch, v.shape[0], [v], [a], [1.0, b * b])
    made = rewritten(T.sum(T.log(h) + v**2 / h))
    node = the_scan(made)
    assert counts(node) == (1, 2, 1, 0)
    assert toposort(made)[-1] is node


def test_means_sums_over_more_dimensions_and_products():
    def step(x, s, m):
        after = T.tanh(x + s @ m)
        return [after], [after, after[0] * x, s]

    _, h, g, k = loop(step, X.shape[0], [X], [u], [W])
    made = rewritten(
        T.mean(h * Y + u),
        T.sum(g, axis=0),
        T.prod(1 + k.sum(axis=1)),
        T.sum(h.dimshuffle(0, "x", 1), axis=0),
    )
    assert counts(the_scan(made))[3] == 0


def test_inner_products_with_a_trace():
    _, h = loop(garch, v.shape[0], [v], [a], [1.0, b * b])
    assert the_scan(rewritten(h @ w)).op.n_traced == 0


def test_single_precision_is_summed_as_before():
    f = T.fvector("f")
    out = loop(lambda x, s: ([s * x], [s + x]), f.shape[0], [f], [np.float32(0.5)])
    made = rewrite([out[1].sum()])
    assert the_scan(made).op.n_traced == 0
    values = {f: np.linspace(0.1, 1.4, 9, dtype="float32")}
    old, new = interpret([out[1].sum(), *made], values)
    assert old.dtype == new.dtype == np.float32
    np.testing.assert_allclose(new, old, rtol=1e-6)


def test_a_trace_that_something_else_needs_is_summed_behind_the_loop():
    _, h = loop(garch, v.shape[0], [v], [a], [1.0, b * b])
    assert counts(the_scan(rewritten(T.sum(T.log(h)), h[1:]))) == (1, 1, 1, 1)
    assert counts(the_scan(rewritten(T.sum(T.log(h)), h))) == (1, 1, 1, 1)


def test_a_sum_that_needs_the_whole_loop_stays_behind_it():
    last, h = loop(garch, v.shape[0], [v], [a], [1.0, b * b])
    assert counts(the_scan(rewritten(T.sum((h - last) ** 2)))) == (1, 1, 1, 1)
    made = rewritten(T.sum((h - T.mean(h)) ** 2))
    assert counts(the_scan(made)) == (1, 1, 1, 1)


def test_a_sum_over_a_loop_that_ends_by_itself():
    out = loop(doubling, 50, states=[1.0], others=[100.0], until=True)
    node = the_scan(rewritten(T.sum(T.log(out[1]) * b)))
    assert counts(node) == (0, 2, 1, 0)
    made = rewritten(T.sum(out[1] * T.arange(out[-1])))
    assert the_scan(made).op.n_traced == 1


def test_sums_over_two_loops():
    _, h = loop(garch, v.shape[0], [v], [a], [1.0, b * b])
    out = loop(lambda x, s: ([s * x], [s]), v.shape[0], [w], [b])
    made = rewritten(T.sum(h) + T.sum(out[1] * v), T.sum(h**2))
    assert sorted(map(counts, scans(made))) == [(1, 3, 1, 0), (2, 2, 0, 0)]


# -- random loops ----------------------------------------------------------------------------------

SCALARS = [
    lambda x, y: x + y,
    lambda x, y: x * y,
    lambda x, y: x - 0.5 * y,
    lambda x, y: T.tanh(x),
    lambda x, y: x,
    lambda x, y: T.sigmoid(x) * y,
    lambda x, y: T.switch(x > y, x, 1.0),
    lambda x, y: T.exp(-(y**2)),
]

choices = st.lists(st.integers(0, 10**6), min_size=12, max_size=12)


def random_step(numbers, n_states, n_traced, until):
    """A step function that draws its operations from a list of numbers."""

    def step(*inputs):
        values, drawn = list(inputs), iter(numbers)
        for code in drawn:
            operation = SCALARS[code % len(SCALARS)]
            x, y = values[code // 10 % len(values)], values[code // 1000 % len(values)]
            values.append(operation(x, y))
        ends = [values[numbers[0] % len(values)] > 0.8] if until else []
        states = [values[numbers[k + 1] % len(values)] for k in range(n_states)]
        traced = [values[numbers[-k - 1] % len(values)] for k in range(n_traced)]
        return [T.as_tensor(x) for x in states], traced, *ends

    return step


USES = [
    lambda t: t,
    lambda t: t[-1],
    lambda t: T.sum(t),
    lambda t: T.sum(T.log1p(t**2) * b),
    lambda t: T.sum(t * 2) / t.shape[0],
    lambda t: t.shape[0],
    lambda t: T.exp(-(t**2))[::-1],
]


@st.composite
def random_graphs(draw):
    """Results of some loops, some of them over the traces of others."""
    until = draw(st.booleans())
    pool = [draw(choices) for _ in range(2)]
    traces, results = [], []
    for _ in range(draw(st.integers(1, 3))):
        n_states, n_traced = draw(st.integers(1, 3)), draw(st.integers(1, 3))
        step = random_step(draw(st.sampled_from(pool)), n_states, n_traced, until)
        outs = loop(
            step,
            v.shape[0],
            [draw(st.sampled_from([v, w, v[::-1], *traces])) for _ in range(2)],
            [draw(st.sampled_from([a, b, 0.0])) for _ in range(n_states)],
            [draw(st.sampled_from([a, b, 1.5]))],
            until=until,
        )
        made = outs[n_states : n_states + n_traced]
        traces += [] if until else made
        results += [x for x in outs[:n_states] if draw(st.booleans())]
        results += [draw(st.sampled_from(USES))(t) for t in made if draw(st.booleans())]
    return results


@settings(max_examples=40, deadline=None)
@given(random_graphs(), st.sampled_from([0, 1, 2, 5]))
def test_random_loops_keep_their_values(outputs, length):
    values = VALUES | {v: VALUES[v][:length], w: VALUES[w][:length]}
    made = rewrite(outputs)
    for old, new in zip(outputs, made, strict=True):
        with np.errstate(all="ignore"):
            try:
                (before,) = interpret([old], values)
            except IndexError:
                with pytest.raises(IndexError):
                    interpret([new], values)
                continue
            (after,) = interpret([new], values)
        np.testing.assert_allclose(after, before, rtol=1e-9, atol=1e-12)
        assert after.dtype == before.dtype
        assert after.shape == before.shape
