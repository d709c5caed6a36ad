"""The identities that steer derivatives, and variables of NullType."""

import numpy as np
import pytest

from numbagrad.errors import DisconnectedInputError, NullTypeGradError
from numbagrad.gradient import (
    NullType,
    Rop,
    as_list_or_tuple,
    consider_constant,
    disconnected_grad,
    format_as,
    grad,
    grad_clip,
    grad_not_implemented,
    grad_scale,
    grad_undefined,
    hessian_vector_product,
    undefined_grad,
    zero_grad,
)
from numbagrad.graph.tensor import constant
from numbagrad.rewrite import rewrite
from tests.gradient_values import tensor, value

CONTROLS = {
    "consider_constant": consider_constant,
    "disconnected_grad": disconnected_grad,
    "zero_grad": zero_grad,
    "undefined_grad": undefined_grad,
    "grad_clip": lambda x: grad_clip(x, -1, 1),
    "grad_scale": lambda x: grad_scale(x, 2.0),
}


@pytest.mark.parametrize("name", CONTROLS)
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "bool", "complex128"])
def test_they_are_identities(name, dtype):
    v = tensor("v", None, dtype=dtype)
    made = CONTROLS[name](v)
    assert made.type == v.type
    at = np.array([0, 1, 1], dtype)
    np.testing.assert_array_equal(value(made, {v: at}), at)


@pytest.mark.parametrize("name", CONTROLS)
@pytest.mark.parametrize("level", ["none", "fast_compile", "default"])
def test_they_are_gone_when_compiled(name, level):
    v = tensor("v", None)
    assert rewrite([CONTROLS[name](v)], level=level) == [v]


@pytest.mark.parametrize("control", [consider_constant, zero_grad])
def test_a_zero_passes(control):
    x, t = tensor("x"), tensor("t")
    f = x * control(x**2)
    at = {x: 3.0, t: 2.0}
    assert value(grad(f, x), at) == 9.0
    assert value(Rop(f, x, t), at) == 18.0
    assert value(grad(control(x), x), at) == 0.0
    assert value(Rop(control(x), x, t, use_op_rop_implementation=True), at) == 0.0
    at = {x: np.nan, t: 1.0}
    assert value(grad(control(x), x), at) == 0.0


def test_disconnected_grad_cuts():
    x, t = tensor("x"), tensor("t")
    f = x * disconnected_grad(x**2)
    at = {x: 3.0, t: 2.0}
    assert value(grad(f, x), at) == 9.0
    assert value(Rop(f, x, t), at) == 18.0
    with pytest.raises(DisconnectedInputError, match="disconnected_grad"):
        grad(disconnected_grad(x), x)
    with pytest.raises(DisconnectedInputError, match="disconnected_grad"):
        Rop(disconnected_grad(x), x, t)


def test_undefined_grad_is_an_error_both_ways():
    x, y, t = tensor("x"), tensor("y"), tensor("t")
    f = y * undefined_grad(x**2)
    with pytest.raises(NullTypeGradError, match=r"UndefinedGrad.*undefined_grad was applied"):
        grad(f, x)
    with pytest.raises(NullTypeGradError, match="undefined_grad was applied"):
        Rop(f, x, t)
    assert value(grad(f, y), {x: 3.0, y: 1.0}) == 9.0
    assert isinstance(grad(f, x, null_gradients="return").type, NullType)


def test_grad_clip_and_grad_scale():
    x, t = tensor("x"), tensor("t")
    at = {x: 3.0, t: 10.0}
    assert value(grad(grad_clip(x, -1, 2) * 5.0, x), at) == 2.0
    assert value(grad(grad_clip(x, -1, 2) * -5.0, x), at) == -1.0
    assert value(Rop(grad_clip(x, -1, 2), x, t), at) == 2.0
    assert value(grad(grad_scale(x, -0.5) ** 2, x), at) == -3.0
    assert value(Rop(grad_scale(x, -0.5) ** 2, x, t), at) == -30.0
    assert value(hessian_vector_product(grad_scale(x, 2.0) ** 2, x, t), at) == 80.0
    single = tensor("single", dtype="float32")
    assert grad(grad_scale(single, 0.5) * 2.0, single).type.dtype == "float32"


def test_bounds_are_checked():
    x = tensor("x")
    with pytest.raises(ValueError, match="exceed"):
        grad_clip(x, 1, -1)
    with pytest.raises(ValueError, match="exceed"):
        grad_clip(x, float("nan"), 1)
    with pytest.raises(TypeError, match="upper_bound must be a number"):
        grad_clip(x, 0, x)
    with pytest.raises(TypeError, match="multiplier must be a number"):
        grad_scale(x, "2")


@pytest.mark.parametrize(
    ("make", "words"),
    [(grad_undefined, "undefined"), (grad_not_implemented, "not implemented")],
)
def test_null_variables_say_everything(make, words):
    x = tensor("x")
    made = make("Gadget", 2, x, "Ask again.")
    assert isinstance(made.type, NullType)
    for part in ("Gadget", "input 2", "(x)", words, "Ask again."):
        assert part in made.type.why_null
    with pytest.raises(TypeError, match="Gadget"):
        made.type.filter(1.0)
    assert make("Gadget", 2, x).type.why_null.endswith(words)


def test_forms():
    assert as_list_or_tuple(True, False, (1, 2)) == [1, 2]
    assert as_list_or_tuple(False, True, [1]) == (1,)
    assert as_list_or_tuple(False, False, [1]) == 1
    assert as_list_or_tuple(True, False, 1) == [1]
    assert as_list_or_tuple(False, True, 1) == (1,)
    assert as_list_or_tuple(False, False, 1) == 1
    assert format_as is as_list_or_tuple
    with pytest.raises(ValueError, match="exclude"):
        as_list_or_tuple(True, True, [1])
    with pytest.raises(ValueError, match="2"):
        as_list_or_tuple(False, False, [1, 2])
    assert value(constant(1.0) + 0.0, {}) == 1.0
