"""Walks, clone and replace."""

import pytest
from hypothesis import given

import numbagrad
from numbagrad import tensor
from numbagrad.graph import traverse
from numbagrad.graph.basic import toposort
from numbagrad.graph.registry import OPS
from numbagrad.graph.tensor import TensorType, as_tensor
from numbagrad.graph.traverse import (
    clone,
    clone_replace,
    equal_computations,
    explicit_graph_inputs,
    graph_inputs,
    graph_replace,
)

from .graph_ops import VECTOR, Inc, add, both, chain, graphs, inc


def test_order_and_blockers():
    x, y = VECTOR("x"), VECTOR("y")
    a = inc(x)
    b = add(a, y)
    c = add(a, b)
    assert toposort([c, b]) == [a.owner, b.owner, c.owner]
    assert toposort([c], [a]) == [b.owner, c.owner]
    assert toposort([c], [c]) == toposort([x]) == []
    assert traverse.io_toposort([a], [c]) == [b.owner, c.owner]


def test_ancestors_and_inputs():
    x, y = VECTOR("x"), VECTOR("y")
    a = add(x, as_tensor([1.0]))
    b = add(a, y)
    assert list(traverse.ancestors([b])) == [b, a, x, a.owner.inputs[1], y]
    assert list(traverse.ancestors([b], [a])) == [b, a, y]
    assert list(traverse.graph_inputs([b], [a])) == [a, y]
    assert list(traverse.explicit_graph_inputs(b)) == [x, y]
    assert list(traverse.explicit_graph_inputs([b])) == [x, y]
    assert list(traverse.apply_ancestors([b])) == [a.owner, b.owner]
    assert set(traverse.vars_between([a], [b])) == {b, a, y}
    assert traverse.depends_on([b], [x]) and not traverse.depends_on([a], [y])


def test_clone():
    x = VECTOR("x")
    y = inc(x)
    (copied,), (made,) = clone([x], [y])
    assert copied is not x and made.owner.inputs == [copied]
    (same,), (made,) = clone([x], [y], copy_inputs=False)
    assert same is x and made is not y and made.owner.inputs == [x]


def test_clone_replace(monkeypatch):
    x, y = VECTOR("x"), VECTOR("y")
    a = inc(x)
    b = add(a, y)
    assert equal_computations([clone_replace(b, {a: y})], [add(y, y)])
    assert clone_replace(b, {VECTOR("other"): y}) is b
    assert clone_replace([b, a], [(y, x)])[1] is a
    assert list(clone_replace({"b": b}, {x: y})) == ["b"]
    assert isinstance(clone_replace((b, b), {x: y}), tuple)
    assert clone_replace(b, {y: [1.0, 2.0]}).owner.inputs[1].data.tolist() == [1.0, 2.0]
    # The node is asked again when a type changes.
    assert clone_replace(a, {x: TensorType("float64", (3,))()}).type.shape == (3,)
    monkeypatch.setitem(OPS, "cast", lambda v, dtype: v.type.clone(dtype=dtype)("cast"))
    f = TensorType("float32", (None,))("f")
    assert clone_replace(b, {y: f}).owner.inputs[1].name == "cast"
    with pytest.raises(TypeError, match="can not be replaced by one of"):
        clone_replace(b, {y: TensorType("complex64", (None,))()})
    with pytest.raises(TypeError, match="Only a variable can be replaced; got 'y'"):
        clone_replace(b, {"y": x})


def test_equal_computations():
    x, y = VECTOR("x"), VECTOR("y")
    assert equal_computations([add(x, inc(y))], [add(x, inc(y))])
    assert not equal_computations([add(x, y)], [add(y, x)])
    assert not equal_computations([inc(x)], [Inc(2)(x)])
    assert not equal_computations([inc(x)], [inc(x), inc(x)])
    assert not equal_computations([both(x)[0]], [both(x)[1]])
    assert equal_computations([inc(as_tensor([1.0]))], [inc(as_tensor([1.0]))])
    assert not equal_computations([inc(as_tensor([1.0]))], [inc(as_tensor([-1.0]))])
    assert equal_computations([add(x, y)], [add(y, x)], [x, y], [y, x])
    assert not equal_computations([inc(x)], [inc(y)])
    f = TensorType("float32", (None,))()
    assert not equal_computations([inc(x)], [inc(f)], [x], [f])
    a, b = inc(x), Inc(2)(x)
    assert equal_computations([inc(a)], [inc(b)], [a], [b])


@given(graphs())
def test_a_clone_computes_the_same(made):
    inputs, outputs = made
    copied = clone(inputs, outputs)
    assert equal_computations(outputs, copied[1], inputs, copied[0])
    order = toposort(copied[1])
    assert not set(order) & set(toposort(outputs))
    assert [n.op for n in order] == [n.op for n in toposort(outputs)]


def test_long_chains():
    x, y = chain(10_000)
    z = clone_replace(y, {x: VECTOR("z")})
    assert len(toposort([z])) == 10_000 and sum(1 for _ in traverse.ancestors([z])) == 10_001
    assert not equal_computations([y], [z])


def test_clone_replace_over_inputs_of_its_own():
    x, y = tensor.dvectors("x", "y")
    w = numbagrad.shared([1.0], name="w")
    made = clone_replace(x + y * w, share_inputs=False)
    inputs = list(explicit_graph_inputs([made]))
    assert [v.name for v in inputs] == ["x", "y"]
    assert not {x, y} & set(inputs)
    assert w in graph_inputs([made])
    for spelling in ({"copy_inputs": True}, {"copy_inputs_over": False}):
        (only,) = explicit_graph_inputs([clone_replace(x * 2, {y: x}, **spelling)])
        assert only is not x
    with pytest.raises(TypeError, match="does not know the arguments copy"):
        clone_replace(x, copy=True)


def test_clone_replace_by_another_type():
    x, m = tensor.dvector("x"), tensor.dmatrix("m")
    for spelling in ("rebuild_strict", "strict"):
        made = clone_replace(x * 2, {x: m}, **{spelling: False})
        assert made.type.ndim == 2
        with pytest.raises(TypeError, match="can not be replaced"):
            clone_replace(x * 2, {x: m}, **{spelling: True})


def test_graph_replace_wants_what_it_replaces():
    x, y, z = tensor.dvectors("x", "y", "z")
    assert equal_computations([graph_replace(x + y, {x: z})], [z + y])
    assert graph_replace([x + y], {z: x}, strict=False)[0].owner.inputs == [x, y]
    with pytest.raises(ValueError, match="z is to be replaced but is not in the graph"):
        graph_replace([x + y], {z: x})


def test_variables_that_loops_and_branches_need_are_replaced():
    x, y, c = tensor.dvector("x"), tensor.dvector("y"), tensor.lscalar("c")
    looped, _ = numbagrad.scan(lambda s: s * x, outputs_info=[x], n_steps=2)
    made = clone_replace(numbagrad.ifelse(c, looped[-1], x), {x: y})
    assert x not in graph_inputs([made])
    for case, wanted in ((1, 27.0), (0, 3.0)):
        assert made.eval({y: [3.0], c: case}, mode="reference").tolist() == [wanted]
