"""numeric_grad and verify_grad."""

import pickle

import numpy as np
import pytest

from numbagrad.gradient import GradientError, numeric_grad, verify_grad
from numbagrad.graph.registry import OPS
from tests.gradient_values import UserOp

POINT = np.array([[0.5, -1.0, 2.0], [1.5, 0.3, -0.2]])


def test_numeric_grad_has_the_form_of_the_points():
    single = numeric_grad(lambda x: (x**3).sum(), POINT)
    np.testing.assert_allclose(single.gf, 3 * POINT**2, rtol=1e-8)
    several = numeric_grad(lambda x, y: (x * y).sum(), [POINT, POINT.T.copy().T])
    assert isinstance(several.gf, list)
    np.testing.assert_allclose(several.gf[0], POINT, rtol=1e-8)
    scalar = numeric_grad(np.sin, np.array(0.3))
    np.testing.assert_allclose(scalar.gf, np.cos(0.3), rtol=1e-8)
    assert numeric_grad(lambda x: x.sum(), np.zeros(0)).gf.shape == (0,)


def test_numeric_grad_in_single_precision():
    made = numeric_grad(lambda x: (x**2).sum(), POINT.astype("float32"))
    assert made.gf.dtype == "float32"
    np.testing.assert_allclose(made.gf, 2 * POINT, atol=3e-3)
    assert numeric_grad(lambda x: x.sum(), POINT, eps=0.5).eps == 0.5
    assert numeric_grad(lambda x: x.sum(), POINT, out_type="float32").eps == 4e-3


def test_numeric_grad_of_complex_points():
    z = np.array([1.0 + 2.0j, -0.5j])
    made = numeric_grad(lambda z: (np.abs(z) ** 2).sum(), z)
    np.testing.assert_allclose(made.gf, 2 * z, atol=1e-8)


def test_numeric_grad_leaves_the_points_alone():
    point = POINT.copy()
    numeric_grad(lambda x: x.sum(), point)
    np.testing.assert_array_equal(point, POINT)


def test_numeric_grad_needs_floats():
    with pytest.raises(TypeError, match=r"pt\[0\] has dtype int64"):
        numeric_grad(lambda x: x.sum(), np.arange(3))


def test_errors_are_relative_to_a_clipped_denominator():
    absolute, relative = numeric_grad.abs_rel_err(np.array([1.0, 0.0]), np.array([3.0, 1e-12]))
    np.testing.assert_allclose(absolute, [2.0, 1e-12])
    np.testing.assert_allclose(relative, [0.5, 1e-4])


def test_errors_check_lengths_and_shapes():
    made = numeric_grad(lambda x: x.sum(), [POINT])
    with pytest.raises(ValueError, match="1 arrays; got 2"):
        made.abs_rel_errors([POINT, POINT])
    with pytest.raises(ValueError, match=r"g_pt\[0\] must have the shape \(2, 3\)"):
        made.abs_rel_errors([POINT.T])


def test_max_err_weighs_by_both_tolerances():
    made = numeric_grad(lambda x, y: 0.0, [np.zeros(2), np.zeros(3)])
    made.gf = [np.array([1.0, 1000.0]), np.array([1e-6, 1.0, 1.0])]
    guess = [np.array([1.0, 1001.0]), np.array([2e-6, 1.0, 1.1])]
    k, place, abs_err, rel_err = made.max_err(guess, 1e-4, 1e-4)
    assert (k, place) == (1, 2)
    assert abs_err == pytest.approx(0.1) and rel_err == pytest.approx(0.1 / 2.1)
    guess[0][0] = np.nan
    assert made.max_err(guess, 1e-4, 1e-4)[:2] == (0, 0)
    with pytest.raises(ValueError, match="no elements"):
        numeric_grad(lambda x: 0.0, [np.zeros(0)]).max_err([np.zeros(0)], 1.0, 1.0)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", [(), (1,), (0,), (3,), (1, 3), (2, 1)])
def test_verify_grad_accepts_a_right_gradient(dtype, shape):
    rng = np.random.default_rng(3)
    points = [rng.uniform(0.5, 1.5, shape).astype(dtype) for _ in range(2)]
    verify_grad(lambda x, y: OPS["sin"](x) * y + y**2, points, mode="reference")


@pytest.mark.parametrize("rng", [np.random.default_rng(1), np.random.RandomState(1), np.random])
def test_verify_grad_draws_from_any_generator(rng):
    verify_grad(OPS["tanh"], [POINT], rng=rng, n_tests=1, mode="reference")


def wrong_at(place):
    def rule(inputs, gradients):
        slip = np.zeros(4)
        slip[place] = 0.5
        return [gradients[0] * (2.0 * inputs[0] + slip)]

    return UserOp(lambda a: a**2, rule, ndim=1, name="Wrong")


def test_verify_grad_says_where_and_by_how_much():
    point = np.array([1.0, 2.0, 3.0, 4.0])
    with pytest.raises(GradientError, match=r"input 0 .*wrong at \(2,\)") as caught:
        verify_grad(wrong_at(2), [point], mode="reference")
    error = caught.value
    assert (error.arg, error.err_pos, error.shape) == (0, 2, (4,))
    assert error.val1 / error.val2 == pytest.approx(6.5 / 6.0, rel=1e-6)
    assert error.abs_err == pytest.approx(abs(error.val1 - error.val2))
    assert error.rel_err > error.rel_tol == 1e-4
    for word in ("symbolic", "finite differences", "absolute error", "relative error"):
        assert word in str(error)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.err_pos) == (str(error), 2)
    verify_grad(wrong_at(2), [point], abs_tol=1.0, mode="reference")
    verify_grad(wrong_at(2), [point], rel_tol=0.1, mode="reference")


def test_verify_grad_finds_nan():
    op = UserOp(lambda a: a, lambda i, g: [g[0] * np.nan], ndim=1, name="Lost")
    with pytest.raises(GradientError, match="symbolic nan"):
        verify_grad(op, [np.ones(2)], mode="reference")


def test_verify_grad_of_complex_functions():
    z = np.array([1.0 + 2.0j, -0.5 + 0.3j])
    verify_grad(lambda z: z * z + OPS["exp"](z), [z], out_type="complex128", mode="reference")
    verify_grad(
        lambda x: OPS["exp"](1j * x) * x, [POINT[0]], out_type="complex128", mode="reference"
    )
    verify_grad(lambda z: OPS["real"](z * OPS["conj"](z)), [z], mode="reference")


def test_verify_grad_checks_its_arguments():
    with pytest.raises(TypeError, match=r"pt\[0\] has dtype int64"):
        verify_grad(OPS["tanh"], [np.arange(3)])
    with pytest.raises(NotImplementedError, match="one output"):
        verify_grad(lambda x: [x, x], [POINT])
    with pytest.raises(TypeError, match="must give a symbolic variable"):
        verify_grad(lambda x: 1.0, [POINT])


@pytest.mark.parametrize("cast", [False, True])
def test_verify_grad_through_compiled_code(cast):
    verify_grad(
        lambda x: OPS["tanh"](x) * x, [POINT.astype("float32")], cast_to_output_type=cast, n_tests=1
    )
