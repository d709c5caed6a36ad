"""`OpFromGraph`: a graph as an Op, with derivatives of its own."""

import pickle

import numpy as np
import pytest

import numbagrad as ng
from numbagrad import OpFromGraph
from numbagrad import tensor as T


def three_vectors():
    return T.dvectors("x", "y", "z")


def value(outputs, **values):
    inputs = [v for v in ng.graph.traverse.explicit_graph_inputs(outputs)]
    return ng.function(inputs, outputs)(*(values[v.name] for v in inputs))


def no_branch_or_loop(f):
    return all(node.op.kind != "Control" for node in f.maker.fgraph.toposort())


def test_the_graph_is_put_in_the_place_of_the_op():
    x, y, z = three_vectors()
    op = OpFromGraph([x, y, z], [x + y * z])
    f = ng.function([x, y, z], op(x, y, z) - op(z, y, x))
    np.testing.assert_allclose(f([1.0], [2.0], [3.0]), [(1 + 6) - (3 + 2)])
    assert no_branch_or_loop(f)
    for mode in ("reference", "fast_compile"):
        g = ng.function([x, y, z], op(x, y, z), mode=mode)
        assert g([1.0], [2.0], [3.0]).tolist() == [7.0]


def test_several_outputs_and_nested_graphs():
    x, y, z = three_vectors()
    inner = OpFromGraph([x, y], [x * y, x.sum()], name="inner")
    product, total = inner(x, y)
    outer = OpFromGraph([x, y], [product + total], name="outer")
    made = outer(z, inner(x, y)[0])
    assert value(made, x=[1.0, 2.0], y=[3.0, 4.0], z=[1.0, 1.0]).tolist() == [5.0, 10.0]
    gradient = ng.grad(made.sum(), [x, z])
    found = value(gradient, x=[1.0, 2.0], y=[3.0, 4.0], z=[1.0, 1.0])
    assert [g.tolist() for g in found] == [[3.0, 4.0], [5.0, 10.0]]


def test_arguments_are_converted():
    x = T.dvector("x")
    op = OpFromGraph([x], [x * 2])
    assert op([1.0, 2.0]).eval().tolist() == [2.0, 4.0]
    assert op(T.fvector("f")).dtype == "float64"
    with pytest.raises(TypeError, match="takes 1 inputs; got 2"):
        op(x, x)
    with pytest.raises(TypeError):
        op(T.dmatrix("m"))


def test_shared_variables_are_captured():
    x = T.dvector("x")
    w = ng.shared(np.array([1.0, 2.0]), name="w")
    op = OpFromGraph([x], [x * w])
    f = ng.function([x], [op(x), ng.grad(op(x).sum(), w)])
    assert [v.tolist() for v in f([3.0, 4.0])] == [[3.0, 8.0], [3.0, 4.0]]
    w.set_value([0.0, 1.0])
    assert f([3.0, 4.0])[0].tolist() == [0.0, 4.0]
    with pytest.raises(ng.errors.MissingInputError, match=r"shared variable w.*strict"):
        OpFromGraph([x], [x * w], strict=True)


@pytest.mark.parametrize("argument", ["lop_overrides", "pullback"])
def test_a_function_overrides_the_reverse_rule(argument):
    x, y, _ = three_vectors()

    def rule(inputs, outputs, output_grads):
        assert [len(v) for v in (inputs, outputs, output_grads)] == [2, 1, 1]
        return [output_grads[0] * outputs[0], inputs[1] * 0 + 7.0]

    op = OpFromGraph([x, y], [x + y], **{argument: rule})
    found = value(ng.grad(op(x, y * 2).sum(), [x, y]), x=[1.0], y=[2.0])
    assert [g.tolist() for g in found] == [[5.0], [14.0]]


def test_theanos_older_form_without_outputs():
    x, y, _ = three_vectors()
    op = OpFromGraph([x, y], [x * y], grad_overrides=lambda inputs, gs: [gs[0] * 3, inputs[0] * 5])
    found = value(ng.grad(op(x, y).sum(), [x, y]), x=[1.0], y=[2.0])
    assert [g.tolist() for g in found] == [[3.0], [5.0]]


def test_a_list_overrides_some():
    x, y, z = three_vectors()
    undefined = ng.NullType("not here")()
    cut = ng.DisconnectedType()()
    rules = ["default", None, lambda inputs, outputs, gs: gs[0] * 11]
    op = OpFromGraph([x, y, z], [x * y * z], lop_overrides=rules)
    found = value(ng.grad(op(x, y, z).sum(), [x, y, z]), x=[1.0], y=[2.0], z=[3.0])
    assert [g.tolist() for g in found] == [[6.0], [3.0], [11.0]]
    op = OpFromGraph([x, y, z], [x * y * z], lop_overrides=[None, undefined, cut])
    assert value(ng.grad(op(x, y, z).sum(), x), x=[1.0], y=[2.0], z=[3.0]).tolist() == [6.0]
    with pytest.raises(ng.NullTypeGradError, match="not here"):
        ng.grad(op(x, y, z).sum(), y)
    with pytest.raises(ng.DisconnectedInputError):
        ng.grad(op(x, y, z).sum(), z)


def test_another_graph_overrides_the_rule():
    x, y, _ = three_vectors()
    out, gz = T.dvectors("out", "gz")
    rule = OpFromGraph([x, y, out, gz], [gz * 2, gz * out], on_unused_input="ignore")
    op = OpFromGraph([x, y], [x * y], lop_overrides=rule)
    found = value(ng.grad(op(x, y).sum(), [x, y]), x=[3.0], y=[2.0])
    assert [g.tolist() for g in found] == [[2.0], [6.0]]


@pytest.mark.parametrize("argument", ["rop_overrides", "pushforward"])
def test_the_forward_rule_is_overridden(argument):
    x, y, t = three_vectors()
    rule = {argument: lambda inputs, tangents: [tangents[0] * 5 + tangents[1]]}
    op = OpFromGraph([x, y], [x * y], **rule)
    assert value(ng.Rop(op(x, y), x, t), x=[1.0], y=[2.0], z=[3.0]).tolist() == [15.0]
    assert value(ng.grad(op(x, y).sum(), x), x=[1.0], y=[2.0]).tolist() == [2.0]


def test_a_reverse_rule_alone_serves_forward_mode_too():
    x, _, t = three_vectors()
    op = OpFromGraph([x], [x * x], lop_overrides=lambda inputs, outputs, gs: [gs[0] * 10])
    assert value(ng.Rop(op(x), x, t), x=[1.0], z=[3.0]).tolist() == [30.0]


def test_overrides_are_honoured_in_higher_derivatives():
    x = T.dvector("x")
    op = OpFromGraph(
        [x], [x**2], lop_overrides=lambda inputs, outputs, gs: [gs[0] * inputs[0] ** 3]
    )
    f = ng.function([x], [ng.hessian(op(x).sum(), x), ng.jacobian(op(x), x)])
    hessian, jacobian = f([1.0, 2.0])
    np.testing.assert_allclose(hessian, np.diag([3.0, 12.0]))
    np.testing.assert_allclose(jacobian, np.diag([1.0, 8.0]))
    v = T.dvector("v")
    g = ng.function([x, v], ng.hessian_vector_product(op(x).sum(), x, v))
    np.testing.assert_allclose(g([1.0, 2.0], [1.0, 1.0]), [3.0, 12.0])


def test_derivatives_without_overrides_are_those_of_the_graph():
    x, y, _ = three_vectors()
    op = OpFromGraph([x, y], [T.exp(x) * y, x.sum()])
    u, v = op(x, y)
    plain = (T.exp(x) * y, x.sum())
    for a, b in (
        (ng.grad(u.sum() * v, [x, y]), ng.grad(plain[0].sum() * plain[1], [x, y])),
        (ng.Rop([u, v], x, y), ng.Rop(list(plain), x, y)),
        ([ng.hessian(u.sum() + v**2, x)], [ng.hessian(plain[0].sum() + plain[1] ** 2, x)]),
    ):
        one, other = (value(w, x=[0.5, -1.0], y=[2.0, 3.0]) for w in (a, b))
        for p, q in zip(one, other, strict=True):
            np.testing.assert_allclose(p, q)


def test_connection_pattern():
    x, y, _ = three_vectors()
    op = OpFromGraph([x, y], [x + 1, y * 2])
    node = op(x, y)[0].owner
    assert op.connection_pattern(node) == [[True, False], [False, True]]
    op = OpFromGraph([x, y], [x + y], connection_pattern=[[True], [False]])
    with pytest.raises(ng.DisconnectedInputError):
        ng.grad(op(x, y).sum(), y)
    with pytest.raises(ValueError, match=r"2 lists .* of 1 truth values"):
        OpFromGraph([x, y], [x + y], connection_pattern=[[True]])


def test_batches():
    x, y, _ = three_vectors()
    xs = T.dmatrix("xs")
    op = OpFromGraph([x, y], [(x * y).sum()])
    made = ng.vectorize_graph(op(x, y), {x: xs})
    assert value(made, xs=[[1.0, 2.0], [3.0, 4.0]], y=[1.0, 10.0]).tolist() == [21.0, 43.0]


def test_equal_graphs_are_equal_ops():
    x, y, z = three_vectors()
    one, two = OpFromGraph([x, y], [x + y * 2]), OpFromGraph([z, y], [z + y * 2])
    assert one == two
    assert hash(one) == hash(two)
    assert one != OpFromGraph([x, y], [x + y * 3])
    assert one != OpFromGraph([x, y], [x + y * 2], name="named")


def overridden(inputs, outputs, output_grads):
    return [output_grads[0] * 10]


def test_pickling():
    x = T.dvector("x")
    op = OpFromGraph([x], [x**2], lop_overrides=overridden, name="squared")
    made = pickle.loads(pickle.dumps(op))
    assert made == op
    f = pickle.loads(pickle.dumps(ng.function([x], ng.grad(op(x).sum(), x))))
    assert f([1.0]).tolist() == [10.0]


def test_printing():
    x, y, _ = three_vectors()
    named = OpFromGraph([x, y], [x + y], name="plus")
    assert ng.pp(named(x, y) * 2) == "(plus(x, y) * 2)"
    assert ng.pp(OpFromGraph([x, y], [x + y])(y, x)) == "(y + x)"
    text = ng.dprint(named(x, y), file="str")
    assert "OpFromGraph{plus}" in text
    assert "Inner graphs" in text
    assert "Add" in text


def test_bad_input():
    x, y, _ = three_vectors()
    with pytest.raises(TypeError, match="inputs of OpFromGraph must be a list"):
        OpFromGraph(x, [x])
    with pytest.raises(TypeError, match="outputs of OpFromGraph must be variables"):
        OpFromGraph([x], [1.0])
    with pytest.raises(ValueError, match="given twice"):
        OpFromGraph([x, x], [x])
    with pytest.raises(ValueError, match="needs an output"):
        OpFromGraph([x], [])
    with pytest.raises(ng.errors.MissingInputError, match="needs y"):
        OpFromGraph([x], [x + y])
    with pytest.raises(ValueError, match="exclude each other"):
        OpFromGraph([x], [x], lop_overrides=overridden, pullback=overridden)
    with pytest.raises(ValueError, match="must have 2 entries; got 1"):
        OpFromGraph([x, y], [x + y], lop_overrides=[overridden])
    with pytest.raises(TypeError, match="must be a function"):
        OpFromGraph([x], [x], lop_overrides=3)
    op = OpFromGraph([x, y], [x + y], lop_overrides=overridden)
    with pytest.raises(ValueError, match="lop_overrides must give 2 variables; it gave 1"):
        ng.grad(op(x, y).sum(), x)
    op = OpFromGraph([x], [x], lop_overrides=lambda inputs, outputs, gs: [3.0])
    with pytest.raises(TypeError, match=r"must give variables; it gave 3.0"):
        ng.grad(op(x).sum(), x)
