"""Rop in all its modes, Hessian-vector products, and that both modes are adjoint."""

import numpy as np
import pytest

from numbagrad.errors import DisconnectedInputError, NullTypeGradError
from numbagrad.gradient import (
    DisconnectedType,
    Lop,
    Rop,
    disconnected_type,
    grad,
    grad_undefined,
    hessian_vector_product,
    pushforward,
)
from numbagrad.graph.registry import OPS
from numbagrad.graph.tensor import constant
from tests.gradient_values import UserOp, slope, tensor, value

exp, sin, sqrt, switch, cast = (OPS[name] for name in ("exp", "sin", "sqrt", "switch", "cast"))
total = OPS["sum"]
MODES = [False, True, "double_reverse"]


@pytest.fixture
def v():
    return tensor("v", None)


@pytest.fixture
def t():
    return tensor("t", None)


def square(name="Square", **rules):
    """A user's Op without a forward rule, unless one is given."""
    op = UserOp(lambda a: a**2, lambda i, g: [g[0] * 2.0 * i[0]], ndim=1, name=name)
    if rules:
        op.__class__ = type(name, (UserOp,), rules)
    return op


@pytest.mark.parametrize("mode", MODES)
def test_the_directional_derivative(v, t, mode):
    w = tensor("w", None)
    f = [sin(v) * w + exp(v * w), total(v * v * w), v / (1.0 + w**2)]
    at = {v: np.array([0.2, -0.7]), w: np.array([0.5, 1.5])}
    move = {v: np.array([1.0, -2.0]), w: np.array([0.3, 0.1])}
    moved = Rop(f, [v, w], [constant(move[v]), constant(move[w])], use_op_rop_implementation=mode)
    for k, expression in enumerate(f):

        def along(s, expression=expression):
            return value(expression, {x: at[x] + s * move[x] for x in (v, w)})

        np.testing.assert_allclose(value(moved[k], at), slope(along, 0.0, 1.0), rtol=1e-8)


def test_the_result_has_the_form_of_f(v, t):
    assert isinstance(Rop([v * 2.0], v, t), list)
    assert isinstance(Rop((v * 2.0,), [v], [t]), tuple)
    at = {v: np.ones(2), t: np.array([3.0, 4.0])}
    np.testing.assert_array_equal(value(pushforward(v * 2.0, v, tangents=t), at), [6.0, 8.0])
    np.testing.assert_array_equal(value(Rop(v * 2.0, v, [3.0, 4.0]), at), [6.0, 8.0])
    np.testing.assert_array_equal(value(Rop(v, v, t), at), [3.0, 4.0])


def test_a_missing_rule_is_done_by_two_reverse_steps(v, t):
    f = sin(square()(exp(v)))
    at = {v: np.array([0.1, 0.4]), t: np.array([1.0, -2.0])}
    expected = np.cos(np.exp(2 * at[v])) * 2 * np.exp(2 * at[v]) * at[t]
    np.testing.assert_allclose(value(Rop(f, v, t), at), expected, rtol=1e-13)
    with pytest.raises(NotImplementedError, match=r"Square .*made at .*test_gradient_forward.py"):
        Rop(f, v, t, use_op_rop_implementation=True)


def test_no_rule_is_asked_when_double_reverse_is_forced(v, t):
    def never(self, inputs, eval_points):
        raise AssertionError("asked")

    op = square(R_op=never)
    at = {v: np.array([3.0]), t: np.array([1.0])}
    moved = Rop(op(v), v, t, use_op_rop_implementation="double_reverse")
    assert value(moved, at) == [6.0]


@pytest.mark.parametrize(
    "rules",
    [
        {"R_op": lambda self, i, points: [points[0] * 2.0 * i[0]]},
        {"pushforward": lambda self, i, outputs, tangents: [tangents[0] * 2.0 * i[0]]},
    ],
)
def test_both_spellings_of_a_users_forward_rule(v, t, rules):
    moved = Rop(square(**rules)(v), v, t, use_op_rop_implementation=True)
    assert value(moved, {v: np.array([3.0]), t: np.array([2.0])}) == [12.0]


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (lambda self, i, points: points[0], ValueError, "list of 1 tangents"),
        (lambda self, i, points: [1.0], TypeError, "output 0 must be a variable"),
        (lambda self, i, points: [constant([1])], TypeError, "output 0 must be a floating"),
        (lambda self, i, points: [constant(1.0)], ValueError, "output 0 must have 1 dimensions"),
    ],
)
def test_wrong_answers_name_the_op_and_the_position(v, t, answer, error, words):
    with pytest.raises(error, match=f"Square.*{words}"):
        Rop(square(R_op=answer)(v), v, t)


def test_several_outputs_some_of_which_move(v):
    x, t = tensor("x"), tensor("t")

    def rule(inputs, gradients):
        first = gradients[0]
        return [
            disconnected_type() if isinstance(first.type, DisconnectedType) else first * 2.0,
            gradients[1] * 3.0
            if not isinstance(gradients[1].type, DisconnectedType)
            else disconnected_type(),
        ]

    op = UserOp(
        lambda a, b: (2 * a, 3 * b),
        rule,
        [[True, False], [False, True]],
        ("float64", "float64"),
        name="Two",
    )
    first, second = op(x, x**2)
    assert value(Rop([first, second], x, t), {x: 5.0, t: 1.0}) == [2.0, 30.0]


@pytest.mark.parametrize("mode", MODES)
def test_repeated_and_intermediate_variables_are_summed(v, t, mode):
    y = v**2
    at = {v: np.array([3.0]), t: np.array([1.0])}
    assert value(Rop(y, [v, v], [t, t], use_op_rop_implementation=mode), at) == [12.0]
    moved = Rop(sin(y), [v, y], [t, 10.0 * t], use_op_rop_implementation=mode)
    np.testing.assert_allclose(value(moved, at), np.cos(9.0) * (6.0 + 10.0))


def test_a_variable_that_does_not_move(v, t):
    w = tensor("w", None)
    at = {v: np.array([3.0]), w: np.array([5.0]), t: np.array([1.0])}
    assert value(Rop(v * w, [v, w], [t, None]), at) == [5.0]


@pytest.mark.parametrize("mode", MODES)
def test_what_does_not_depend(v, t, mode):
    w = tensor("w", None)
    options = {"use_op_rop_implementation": mode}
    with pytest.raises(DisconnectedInputError, match="not in that graph"):
        Rop(w * 2.0, v, t, **options)
    with pytest.raises(DisconnectedInputError, match="integers or truth values"):
        Rop(cast(v, "int64"), v, t, **options)
    with pytest.raises(DisconnectedInputError, match="integers or truth values"):
        Rop(cast(v, "int64") * 2.0, v, t, **options)
    with pytest.warns(UserWarning, match="not in that graph"):
        Rop(w * 2.0, v, t, disconnected_outputs="warn", **options)
    options["disconnected_outputs"] = "ignore"
    zeros = value(Rop(w * 2.0, v, t, **options), {w: np.ones(3)})
    np.testing.assert_array_equal(zeros, np.zeros(3))
    assert Rop(w * 2.0, v, t, return_disconnected="none", **options) is None
    nothing = Rop(w * 2.0, v, t, return_disconnected="disconnected", **options)
    assert isinstance(nothing.type, DisconnectedType)


@pytest.mark.parametrize("mode", [False, "double_reverse"])
def test_an_undefined_derivative(v, t, mode):
    op = UserOp(lambda a: a, lambda i, g: [grad_undefined(op, 0, i[0], "why")], ndim=1, name="Hard")
    with pytest.raises(NullTypeGradError, match=r"Hard.*why"):
        Rop(sin(op(v)), v, t, use_op_rop_implementation=mode)


def test_arguments_are_checked(v, t):
    f = v * 2.0
    with pytest.raises(ValueError, match="1 variables but eval_points has 2"):
        Rop(f, v, [t, t])
    with pytest.raises(ValueError, match=r"eval_points\[0\] must have 1 dimensions"):
        Rop(f, v, constant(1.0))
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        three = tensor("three", 3)
        Rop(three * 2.0, three, constant([1.0, 2.0]))
    with pytest.raises(TypeError, match="f must be a symbolic variable"):
        Rop(1.0, v, t)
    for option in ("disconnected_outputs", "return_disconnected", "use_op_rop_implementation"):
        with pytest.raises(ValueError, match=option):
            Rop(f, v, t, **{option: "sometimes"})


def test_dtypes_follow_the_expression():
    a, t = tensor("a", None, dtype="float32"), tensor("t", None)
    assert Rop(a * a, a, t).type.dtype == "float32"
    assert Rop(cast(a, "float64") * 2.0, a, t).type.dtype == "float64"


@pytest.mark.parametrize("mode", MODES)
def test_masked_branches_stay_finite(mode):
    x, t = tensor("x"), tensor("t")
    f = switch(x < 1.0, x, sqrt(x))
    moved = Rop(f, x, t, use_op_rop_implementation=mode)
    assert value(moved, {x: 0.0, t: 1.0}) == 1.0
    assert value(moved, {x: 4.0, t: 1.0}) == 0.25


def test_a_chain_of_any_length():
    x, t = tensor("x"), tensor("t")
    y = x
    for _ in range(10_000):
        y = OPS["neg"](y)
    assert value(Rop(y, x, t), {x: 1.0, t: 3.0}) == 3.0


@pytest.mark.parametrize("mode", MODES)
def test_forward_and_reverse_are_adjoint(v, t, mode):
    u = tensor("u", None)
    squared = sin(v) ** 2 if mode is True else square()(sin(v))
    f = squared * exp(v) / (1.0 + v**2)
    rng = np.random.default_rng(0)
    at = {name: rng.normal(size=4) for name in (v, t, u)}
    forward = value(Rop(f, v, t, use_op_rop_implementation=mode), at) @ at[u]
    reverse = value(Lop(f, v, u), at) @ at[t]
    assert forward == pytest.approx(reverse, rel=1e-12)


# -- Hessian-vector products -------------------------------------------------------------------


def cost_of(v, w):
    return total(sin(v) * exp(w) * v) + total(v**3) * total(w**2)


def test_hvp_is_the_derivative_of_the_gradient(v):
    w, p, q = tensor("w", None), tensor("p", None), tensor("q", None)
    cost = cost_of(v, w)
    rng = np.random.default_rng(1)
    at = {name: rng.normal(size=3) for name in (v, w, p, q)}
    made = hessian_vector_product(cost, [v, w], [p, q])
    gradients = grad(cost, [v, w])
    for g, h in zip(gradients, made, strict=True):

        def along(s, g=g):
            return value(g, {v: at[v] + s * at[p], w: at[w] + s * at[q]})

        np.testing.assert_allclose(value(h, at), slope(along, 0.0, 1.0), rtol=1e-7)


def test_hvp_has_the_form_and_shape_of_wrt():
    m, p = tensor("m", None, None), tensor("p", None, None)
    cost = total(m**3)
    at = {m: np.arange(6.0).reshape(2, 3), p: np.ones((2, 3))}
    np.testing.assert_allclose(value(hessian_vector_product(cost, m, p), at), 6 * at[m])
    assert isinstance(hessian_vector_product(cost, (m,), (p,)), tuple)
    assert isinstance(hessian_vector_product(cost, [m], [p]), list)


def test_hvp_of_a_linear_cost_is_zero(v):
    w, p = tensor("w", None), tensor("p", None)
    at = {v: np.ones(2), w: np.ones(2), p: np.ones(2)}
    np.testing.assert_array_equal(value(hessian_vector_product(total(v), v, p), at), [0.0, 0.0])
    both = hessian_vector_product(total(v) + total(w**2), [v, w], [p, p])
    np.testing.assert_array_equal(value(both, at), [[0.0, 0.0], [2.0, 2.0]])


def test_hvp_without_forward_rules(v):
    p = tensor("p", None)
    at = {v: np.array([1.0, 2.0]), p: np.array([1.0, 10.0])}
    cost = total(square()(v) * v)
    np.testing.assert_allclose(value(hessian_vector_product(cost, v, p), at), 6 * at[v] * at[p])


def test_hvp_masked_branches_stay_finite():
    x, p = tensor("x"), tensor("p")
    cost = switch(x < 1.0, x**2, sqrt(x))
    made = hessian_vector_product(cost, x, p)
    assert value(made, {x: 0.0, p: 1.0}) == 2.0
    assert value(made, {x: 4.0, p: 1.0}) == pytest.approx(-0.25 * 4.0**-1.5)


def test_hvp_passes_options_on(v, t):
    w, p = tensor("w", None), tensor("p", None)
    with pytest.raises(DisconnectedInputError):
        hessian_vector_product(total(v**2), w, p)
    ignoring = {"disconnected_inputs": "ignore"}
    at = {w: np.ones(2), p: np.ones(2)}
    zeros = value(hessian_vector_product(total(v**2), w, p, **ignoring), at)
    np.testing.assert_array_equal(zeros, [0.0, 0.0])
    assert hessian_vector_product(total(v**2), w, p, return_disconnected="none", **ignoring) is None
    constant_part = v**2
    made = hessian_vector_product(total(constant_part * v), v, t, consider_constant=[constant_part])
    np.testing.assert_allclose(value(made, {v: np.array([3.0]), t: np.array([1.0])}), [6.0])


def test_hvp_checks_directions(v):
    with pytest.raises(ValueError, match="1 variables but p has 2"):
        hessian_vector_product(total(v**2), v, [v, v])
    with pytest.raises(ValueError, match=r"p\[0\] must have 1 dimensions"):
        hessian_vector_product(total(v**2), v, constant(1.0))
