"""Every rule of ``grad``, and Lop, subgraph_grad and grad_sources_inputs."""

import logging

import numpy as np
import pytest

from numbagrad.config import using
from numbagrad.errors import DisconnectedInputError, NullTypeGradError
from numbagrad.gradient import (
    DisconnectedType,
    Lop,
    NullType,
    consider_constant,
    disconnected_grad,
    disconnected_type,
    grad,
    grad_not_implemented,
    grad_scale,
    grad_sources_inputs,
    grad_undefined,
    pullback,
    subgraph_grad,
)
from numbagrad.graph.registry import OPS
from numbagrad.graph.tensor import constant
from numbagrad.graph.traverse import ancestors
from numbagrad.printing import pp
from tests.gradient_values import UserOp, tensor, value

exp, log, sqrt, sin = (OPS[name] for name in ("exp", "log", "sqrt", "sin"))
switch, cast = OPS["switch"], OPS["cast"]


@pytest.fixture
def x():
    return tensor("x")


# -- rule 1: the cost --------------------------------------------------------------------------


def test_a_cost_with_dimensions_is_refused_with_its_ndim():
    v = tensor("v", None)
    with pytest.raises(TypeError, match="ndim 1"):
        grad(v * 2.0, v)


def test_a_cost_must_be_a_variable(x):
    with pytest.raises(TypeError, match="must be a symbolic variable"):
        grad(3.0, x)


def test_a_complex_cost_is_refused():
    z = tensor("z", dtype="complex128")
    with pytest.raises(TypeError, match="real"):
        grad(z * z, z)


def test_a_null_cost_says_why(x):
    with pytest.raises(NullTypeGradError, match="nobody knows"):
        grad(grad_undefined("Gadget", 0, x, "nobody knows"), x)


def test_a_disconnected_cost_says_why(x):
    with pytest.raises(DisconnectedInputError, match="depends on nothing"):
        grad(disconnected_type(), x)


# -- rule 2: the form of wrt -------------------------------------------------------------------


def test_the_result_has_the_form_of_wrt(x):
    y = tensor("y")
    cost = x * y
    single, listed, pair = grad(cost, x), grad(cost, [y, x]), grad(cost, (x, y))
    assert isinstance(listed, list) and isinstance(pair, tuple)
    at = {x: 2.0, y: 5.0}
    assert value(single, at) == 5.0
    assert value(listed, at) == [2.0, 5.0]
    assert value(list(pair), at) == [5.0, 2.0]
    assert grad(cost, []) == []


def test_wrt_must_hold_variables(x):
    with pytest.raises(TypeError, match="element 1 of wrt"):
        grad(x * 2.0, [x, 3.0])
    with pytest.raises(TypeError, match="wrt must be"):
        grad(x * 2.0, "x")


def test_the_same_variable_may_be_asked_for_twice(x):
    assert value(grad(x * x, [x, x]), {x: 3.0}) == [6.0, 6.0]


# -- rule 3: known gradients -------------------------------------------------------------------


def test_known_gradients_alone(x):
    y = sin(x)
    g = grad(None, x, known_grads={y: constant(2.0)})
    assert value(g, {x: 0.3}) == pytest.approx(2 * np.cos(0.3))


def test_known_gradients_add_to_what_flows(x):
    y = x**2
    g = grad(3.0 * y, [y, x], known_grads={y: constant(10.0)})
    assert value(g, {x: 1.0}) == [13.0, 26.0]


def test_a_known_gradient_of_the_cost_replaces_one(x):
    cost = 3.0 * x
    assert value(grad(cost, x, known_grads={cost: constant(5.0)}), {x: 1.0}) == 15.0
    with pytest.raises(DisconnectedInputError, match="itself disconnected"):
        grad(cost, x, known_grads={cost: disconnected_type()})
    with pytest.raises(NullTypeGradError, match="unknown"):
        grad(cost, x, known_grads={cost: NullType("unknown")()})


def test_a_known_gradient_of_an_integer(x):
    i = tensor("i", dtype="int32")
    g = grad(None, i, known_grads={i: x})
    assert value(g, {x: 0.6}) == 0.6


def test_known_gradients_are_checked(x):
    with pytest.raises(ValueError, match="known_grads"):
        grad(None, x)
    with pytest.raises(TypeError, match="floating"):
        grad(None, x, known_grads={x: constant(1)})
    with pytest.raises(ValueError, match="dimensions"):
        grad(None, x, known_grads={x: constant([1.0])})
    with pytest.raises(TypeError, match="key"):
        grad(None, x, known_grads={"x": constant(1.0)})


# -- rule 4: dtypes ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool"])
def test_the_gradient_of_an_integer_is_a_floating_zero(x, dtype):
    v = tensor("v", None, dtype=dtype)
    cost = OPS["sum"](cast(v, "float64") * x) if dtype == "bool" else OPS["sum"](v * x)
    with using(floatX="float32"):
        g = grad(cost, v)
    assert g.type.dtype == "float32"
    np.testing.assert_array_equal(value(g, {v: np.ones(3, dtype), x: 2.0}), np.zeros(3))


def test_nothing_flows_through_an_integer(x):
    i = cast(x, "int64")
    with pytest.raises(DisconnectedInputError, match="integers or truth values"):
        grad(i * 2.0, x)
    assert value(grad(x * i, x), {x: 3.0}) == 3.0


def test_a_disconnected_cost_is_named(x):
    cost = OPS["neg"](tensor("y"))
    advice = 'Its derivative is zero; pass disconnected_inputs="ignore" to get that.'
    for name, words in [(None, "The cost (-y)"), ("cost", "The cost"), ("loss", "The cost loss")]:
        cost.name = name
        with pytest.raises(DisconnectedInputError) as caught:
            grad(cost, x)
        assert str(caught.value).startswith(f"{words} does not depend differentiably on x")
        assert str(caught.value).endswith(advice)
    cost.name = None
    with pytest.raises(DisconnectedInputError) as caught:
        grad(sum([cost] * 200), x)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("other", ["float32", "float64"])
def test_the_gradient_has_the_dtype_of_its_variable(other):
    a, b = tensor("a", dtype="float32"), tensor("b", dtype=other)
    for g, v in zip(grad(a * a * b, [a, b]), [a, b], strict=True):
        assert g.type.dtype == v.type.dtype
    assert value(grad(a * a * b, a), {a: np.float32(3), b: np.ones((), other)}) == 6


def test_an_integer_expression_is_zero_with_respect_to_itself():
    i = tensor("i", dtype="int64")
    g = grad(i, i)
    assert g.type.dtype == "float64"


# -- rule 5: shapes ----------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (1,), (3,), (1, 3), (2, 1), (1, 1), (2, 3)])
def test_broadcast_dimensions_are_summed_away(shape):
    m = tensor("m", None, None)
    v = tensor("v", *(1 if s == 1 else None for s in shape))
    g = grad(OPS["sum"](m * exp(v)), v)
    at = {m: np.arange(6.0).reshape(2, 3), v: np.zeros(shape)}
    expected = at[m]
    while expected.ndim > len(shape):
        expected = expected.sum(0)
    for axis, size in enumerate(shape):
        if size == 1:
            expected = expected.sum(axis, keepdims=True)
    np.testing.assert_allclose(value(g, at), expected)


@pytest.mark.parametrize("n", [0, 1])
def test_small_sizes(n):
    v = tensor("v", None)
    g = grad(OPS["sum"](sin(v) ** 2), v)
    assert value(g, {v: np.zeros(n)}).shape == (n,)


# -- rule 6: connection patterns ---------------------------------------------------------------


def two_outputs(calls, pattern):
    def rule(inputs, gradients):
        calls.append(gradients)
        first, second = (None if isinstance(g.type, DisconnectedType) else g for g in gradients)
        return [
            disconnected_type() if first is None else first * 2.0,
            disconnected_type() if second is None else second * 3.0,
        ]

    return UserOp(lambda a, b: (2 * a, 3 * b), rule, pattern, ("float64", "float64"), name="Two")


def test_connection_pattern_decides_input_by_output(x):
    y, calls = tensor("y"), []
    first, second = two_outputs(calls, [[True, False], [False, True]])(x, y)
    assert value(grad(first, x), {x: 1.0, y: 1.0}) == 2.0
    assert isinstance(calls[0][1].type, DisconnectedType)
    with pytest.raises(DisconnectedInputError, match=r"Two.*its input 1"):
        grad(first, y)
    with pytest.raises(DisconnectedInputError, match="Two"):
        grad(second, x)


def test_an_op_behind_unconnected_outputs_is_not_asked(x):
    def never(inputs, gradients):
        raise AssertionError("asked")

    op = UserOp(lambda a: a, never, [[False]], name="Opaque")
    assert value(grad(x * op(x), x), {x: 3.0}) == 3.0


def test_only_what_lies_between_is_asked(x):
    def never(inputs, gradients):
        raise AssertionError("asked")

    y = tensor("y")
    op = UserOp(lambda a: a, never, name="Elsewhere")
    assert value(grad(x * op(y), x), {x: 3.0, y: 4.0}) == 4.0


def test_a_pattern_of_the_wrong_size_is_named(x):
    op = UserOp(lambda a: a, None, [[True], [True]], name="Misfit")
    with pytest.raises(ValueError, match="connection_pattern of Misfit"):
        grad(op(x), x)


# -- rule 7: what Ops answer -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (lambda i, g: [g[0], g[0]], ValueError, "1 inputs but answered 2"),
        (lambda i, g: g[0], TypeError, "must answer a list"),
        (lambda i, g: [1.0], TypeError, "input 0 .* must be a variable"),
        (lambda i, g: [None], TypeError, "input 0 .* must be a variable"),
        (lambda i, g: [constant(1)], TypeError, "input 0 .* must be floating"),
        (lambda i, g: [constant([1.0])], ValueError, "input 0 .* must have 0 dimensions"),
    ],
)
def test_wrong_answers_name_the_op_and_the_position(x, answer, error, words):
    with pytest.raises(error, match=f"Gadget.*made at .*{words}"):
        grad(UserOp(lambda a: a, answer, name="Gadget")(x), x)


def test_an_answer_of_another_known_size_is_refused():
    v = tensor("v", 3)
    op = UserOp(lambda a: a.sum(), lambda i, g: [constant([1.0, 2.0])], name="Gadget")
    with pytest.raises(ValueError, match=r"Gadget.*shape \(3,\)"):
        grad(op(v), v)


def test_an_op_without_a_rule_is_named_with_the_line(x):
    class Bare(UserOp):
        def grad(self, inputs, output_grads):
            return super(UserOp, self).grad(inputs, output_grads)

    with pytest.raises(NotImplementedError, match=r"Bare.*made at .*test_gradient_reverse.py"):
        grad(Bare(lambda a: a, None, name="Bare")(x), x)


@pytest.mark.parametrize("spelling", ["grad", "L_op", "pullback"])
def test_a_users_op_may_use_any_spelling(x, spelling):
    rules = {
        "grad": lambda self, inputs, gradients: [gradients[0] * 2.0 * inputs[0]],
        "L_op": lambda self, inputs, outputs, gradients: [gradients[0] * 2.0 * inputs[0]],
        "pullback": lambda self, inputs, outputs, gradients: [gradients[0] * 2.0 * inputs[0]],
    }
    base = UserOp.__mro__[1]
    body = {
        "__init__": lambda self: None,
        "make_node": UserOp(None, None).make_node.__func__,
        "dtypes": ("float64",),
        "ndim": 0,
        "perform": lambda self, node, i, o: o[0].__setitem__(0, i[0] ** 2),
        spelling: rules[spelling],
    }
    op = type("Square", (base,), body)()
    assert value(grad(op(x), x), {x: 3.0}) == 6.0


# -- rule 8: what is disconnected or undefined -------------------------------------------------


def test_a_variable_that_is_not_in_the_graph(x):
    y = tensor("y")
    with pytest.raises(DisconnectedInputError, match=r"y .*not in that graph"):
        grad(x**2, y)


def test_a_path_through_disconnected_grad_names_the_users_line(x):
    with pytest.raises(
        DisconnectedInputError, match=r"DisconnectedGrad \(made at .*test_gradient_reverse.py:\d+"
    ):
        grad(2.0 * disconnected_grad(x), x)


def test_a_path_through_consider_constant(x):
    y = x**2
    with pytest.raises(DisconnectedInputError, match="consider_constant holds"):
        grad(y * 3.0, x, consider_constant=[y])
    assert value(grad(y * 3.0, y, consider_constant=[y]), {x: 1.0}) == 3.0
    assert value(grad(y * x, x, consider_constant=[y]), {x: 2.0}) == 4.0


def test_an_op_that_answers_disconnected(x):
    op = UserOp(lambda a: a, lambda i, g: [disconnected_type()], name="Shy")
    with pytest.raises(DisconnectedInputError, match=r"Shy.*answered"):
        grad(op(x), x)


def test_disconnected_may_warn_or_be_ignored(x):
    y = tensor("y", None)
    with pytest.warns(UserWarning, match="not in that graph") as caught:
        zeros = grad(x**2, y, disconnected_inputs="warn")
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(value(zeros, {y: np.ones(3)}), np.zeros(3))
    ignoring = {"disconnected_inputs": "ignore"}
    np.testing.assert_array_equal(value(grad(x**2, y, **ignoring), {y: np.ones(2)}), [0.0, 0.0])
    assert grad(x**2, y, return_disconnected="none", **ignoring) is None
    g = grad(x**2, y, return_disconnected="disconnected", **ignoring)
    assert isinstance(g.type, DisconnectedType)


@pytest.mark.parametrize("make", [grad_undefined, grad_not_implemented])
def test_null_gradients(x, make):
    y = tensor("y")
    op = UserOp(
        lambda a, b: a, lambda i, g: [make(op, 0, i[0], "too hard"), g[0] * 3.0], name="Hard"
    )
    cost = op(x**2, y) * 2.0
    with pytest.raises(NullTypeGradError, match=r"respect to x .*Hard .*input 0.*too hard"):
        grad(cost, x)
    assert value(grad(cost, y), {y: 1.0, x: 1.0}) == 6.0
    kept = grad(cost, [x, y], null_gradients="return")
    assert isinstance(kept[0].type, NullType) and not isinstance(kept[1].type, NullType)


@pytest.mark.parametrize("option", ["disconnected_inputs", "return_disconnected", "null_gradients"])
def test_options_are_checked(x, option):
    with pytest.raises(ValueError, match=f"{option} must be one of .*'sometimes'"):
        grad(x**2, x, **{option: "sometimes"})


# -- rules 9 and 10 ----------------------------------------------------------------------------


def test_names(x):
    y = tensor("y")
    cost = x + y
    cost.name = "cost"
    assert [g.name for g in grad(cost, [x, y])] == ["(dcost/dx)", "(dcost/dy)"]
    assert grad(cost, x, add_names=False).name is None
    assert grad(x + y, x).name is None
    seed = tensor("seed")
    grad(cost, x, known_grads={cost: seed})
    assert seed.name == "seed"


def test_the_gradient_of_itself_is_one(x):
    assert value(grad(x, x), {x: 5.0}) == 1.0


def test_an_op_that_takes_a_variable_twice_adds_both(x):
    assert value(grad(OPS["mul"](x, x), x), {x: 3.0}) == 6.0
    assert value(grad(x**x, x), {x: 2.0}) == pytest.approx(4 * (1 + np.log(2)))


# -- rule 11 and beyond ------------------------------------------------------------------------


def test_third_and_mixed_derivatives(x):
    y = tensor("y")
    g = grad(grad(grad(sin(x) * exp(2.0 * y) * x**3, x), y), x)
    a, b = 0.7, 0.2
    expected = 2 * np.exp(2 * b) * (6 * a * np.sin(a) + 6 * a**2 * np.cos(a) - a**3 * np.sin(a))
    assert value(g, {x: a, y: b}) == pytest.approx(expected, rel=1e-12)


def test_masked_branches_stay_finite(x):
    g = grad(switch(x < 1.0, x, sqrt(x)), x)
    assert value(g, {x: 0.0}) == 1.0
    assert value(g, {x: 4.0}) == 0.25
    assert value(grad(g, x), {x: 0.0}) == 0.0


def test_intermediate_variables(x):
    y = x**2
    cost = sin(y)
    assert value(grad(cost, [x, y]), {x: 0.5}) == pytest.approx(
        [2 * 0.5 * np.cos(0.25), np.cos(0.25)]
    )


def test_the_forward_graph_is_shared(x):
    y = exp(x)
    assert y in set(ancestors([grad(y * y, x)]))


def test_gradient_nodes_belong_to_the_line_they_derive(x):
    cost = sin(x) * 2.0  # this line
    made = [v.owner for v in ancestors([grad(cost, x)]) if v.owner is not None]
    assert {node.where.number for node in made} == {cost.owner.where.number}


def test_a_chain_of_any_length(x):
    y = x
    for _ in range(10_000):
        y = OPS["neg"](y)
    g = grad(y, x)
    assert value(g, {x: 2.0}) == 1.0


def test_tutorial_string():
    t = tensor("x")
    assert pp(grad(t**2, t)) == "((fill((x ** 2), 1.0) * 2) * (x ** (2 - 1)))"


# -- Lop ---------------------------------------------------------------------------------------


def test_lop_with_several_expressions():
    v, u, w = tensor("v", None), tensor("u", None), tensor("w")
    g = Lop([v**2, OPS["sum"](v)], v, [u, w])
    at = {v: np.array([1.0, 2.0]), u: np.array([10.0, 1.0]), w: 5.0}
    np.testing.assert_allclose(value(g, at), [25.0, 9.0])
    assert isinstance(Lop(v**2, [v], u), list)
    np.testing.assert_allclose(value(pullback(v**2, v, cotangents=[1.0, 2.0]), at), [2.0, 8.0])


def test_lop_checks_what_it_is_given():
    v, u = tensor("v", None), tensor("u", None)
    with pytest.raises(ValueError, match="1 expressions but eval_points has 2"):
        Lop(v**2, v, [u, u])
    with pytest.raises(ValueError, match=r"eval_points\[0\] must have 1 dimensions"):
        Lop(v**2, v, constant(1.0))
    with pytest.raises(TypeError, match="complex"):
        Lop(v**2, v, constant([1j, 2j]))
    with pytest.raises(DisconnectedInputError, match="not in that graph"):
        Lop(v**2, u, v)
    assert Lop(v**2, u, v, disconnected_inputs="ignore", return_disconnected="none") is None


# -- the others --------------------------------------------------------------------------------


def test_subgraph_grad_layer_by_layer(x):
    w1, w2 = tensor("w1"), tensor("w2")
    hidden = OPS["tanh"](x * w1)
    cost = (hidden * w2) ** 2
    (g2,), (gh,) = subgraph_grad([w2], [hidden], cost=cost)
    (g1,), (gx,) = subgraph_grad([w1], [x], start={hidden: gh})
    at = {x: 0.3, w1: 0.5, w2: -0.7}
    np.testing.assert_allclose(
        value([g1, g2, gx], at), value(grad(cost, [w1, w2, x]), at), rtol=1e-14
    )


def test_subgraph_grad_details(x):
    y = x**2
    parts = subgraph_grad([x], [y], start={y: constant(7.0)}, cost=x + y, details=True)
    total, end, from_start, from_cost = parts
    at = {x: 3.0}
    assert value(total, at) == [1.0] and value(end, at) == [8.0]
    assert value(from_start, at) == [0.0] and value(from_cost, at) == [1.0]
    with pytest.raises(ValueError, match="cost"):
        subgraph_grad([x], [y])


def test_grad_sources_inputs(x, caplog):
    y = x**2
    z = 3.0 * y
    g = grad_sources_inputs([(z, constant(1.0)), (y, constant(10.0))], [x])
    assert value([g[x], g[y], g[z]], {x: 2.0}) == [52.0, 13.0, 1.0]
    stopped = grad_sources_inputs([(z, constant(1.0))], [y])
    assert x not in stopped and value(stopped[y], {x: 2.0}) == 3.0

    answer = tensor("answer", None, None)
    op = UserOp(lambda a, b: a, lambda i, gradients: [answer, None], name="Loose")
    out = op(x, y)
    with caplog.at_level(logging.WARNING, "numbagrad.gradient"):
        g = grad_sources_inputs([(out, constant(1.0))], None)
        assert g[x] is answer and y not in g
        assert "has type" in caplog.text
        caplog.clear()
        grad_sources_inputs([(out, constant(1.0))], None, warn_type=False)
        assert not caplog.text


def test_controls_pass_what_they_promise(x):
    assert value(grad(x * consider_constant(x), x), {x: 3.0}) == 3.0
    assert value(grad(consider_constant(x), x), {x: 3.0}) == 0.0
    assert value(grad(grad_scale(x, -2) ** 2, x), {x: 3.0}) == -12.0


# -- stabilised before it is differentiated ----------------------------------------------------

NAIVE = {
    "log(1 + exp(x))": (lambda x: log(1.0 + exp(x)), 1 / (1 + np.exp(-0.3))),
    "log(sigmoid(x))": (lambda x: log(OPS["sigmoid"](x)), 1 - 1 / (1 + np.exp(-0.3))),
    "1 / (1 + exp(-x))": (lambda x: 1.0 / (1.0 + exp(-x)), 1 / (2 + 2 * np.cosh(0.3))),
}


@pytest.mark.parametrize("naive", NAIVE)
def test_naive_expressions_have_finite_gradients(x, naive):
    build, at_point = NAIVE[naive]
    cost = build(x)
    for g in (grad(cost, x), Lop(cost, x, constant(1.0)), grad(cost * 2.0, x) / 2.0):
        assert value(g, {x: 0.3}) == pytest.approx(at_point, rel=1e-12)
        for far in (-1000.0, 1000.0):
            assert np.isfinite(value(g, {x: far}))
            assert np.isfinite(value(grad(g, x), {x: far}))


def test_what_is_asked_for_is_a_barrier(x):
    e = exp(x)
    cost = log(1.0 + e)
    assert value(grad(cost, [e, x]), {x: 0.0}) == pytest.approx([0.5, 0.5])
    assert value(grad(cost, e, consider_constant=[e]), {x: 0.0}) == pytest.approx(0.5)
    with pytest.raises(DisconnectedInputError, match="consider_constant"):
        grad(cost, x, consider_constant=[e])
    assert value(grad(cost, x, known_grads={e: constant(10.0)}), {x: 0.0}) == pytest.approx(10.5)
