"""`CheckAndRaise` and `Assert`: conditions are checked before a value is used."""

import pickle

import numpy as np
import pytest

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.raise_op import Assert, CheckAndRaise, assert_, assert_op

MODES = ["default", "reference", "fast_compile"]


class Trouble(ValueError):
    """An exception of the user's."""


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("error", [ValueError, Trouble, AssertionError, RuntimeError])
def test_a_condition_that_does_not_hold_raises(mode, error):
    x, c = T.dvector("x"), T.dscalar("c")
    y = CheckAndRaise(error, "c must be positive")(x, c > 0)
    f = ng.function([x, c], y * 2, mode=mode)
    assert f([1.0, 2.0], 1.0).tolist() == [2.0, 4.0]
    with pytest.raises(error, match="c must be positive"):
        f([1.0, 2.0], -1.0)


def test_the_message_has_the_users_line():
    x = T.dvector("x")
    y = Assert("x is negative")(x, x.min() >= 0)  # this line
    for mode in ("default", "reference"):
        f = ng.function([x], y * 2, mode=mode)
        with pytest.raises(AssertionError, match=r"x is negative(.|\n)*test_raise_op.py:\d+"):
            f([-1.0])


@pytest.mark.parametrize("mode", MODES)
def test_several_conditions_and_arrays_of_them(mode):
    x, c = T.dvector("x"), T.lscalar("c")
    y = Assert("all of them")(x, x > 0, c, x.sum() < 10)
    f = ng.function([x, c], y, mode=mode)
    assert f([1.0, 2.0], 3).tolist() == [1.0, 2.0]
    for bad in (([1.0, -2.0], 3), ([1.0, 2.0], 0), ([1.0, 20.0], 3)):
        with pytest.raises(AssertionError, match="all of them"):
            f(*bad)


@pytest.mark.parametrize("mode", MODES)
def test_the_check_comes_before_what_uses_the_value(mode):
    a = T.dmatrix("a")
    checked = Assert("not symmetric")(a, T.eq(a, a.T).all())
    f = ng.function([a], T.linalg.cholesky(checked), mode=mode)
    with pytest.raises(AssertionError, match="not symmetric"):
        f([[-1.0, 1.0], [0.0, 1.0]])


def test_nothing_is_checked_for_a_value_that_is_not_needed():
    x = T.dvector("x")
    y = Assert("never mind")(x, x.sum() > 0)
    f = ng.function([x], y.shape[0])
    assert f([-1.0, -2.0]) == 2


@pytest.mark.parametrize("mode", ["default", "reference"])
def test_a_condition_in_a_branch_that_is_not_taken(mode):
    x = T.dscalar("x")
    y = ng.ifelse(x > 0, Assert("large")(x, x > 10), x)
    f = ng.function([x], y, mode=mode)
    assert [f(-3.0), f(11.0)] == [-3.0, 11.0]
    with pytest.raises(AssertionError, match="large"):
        f(3.0)


def test_algebra_does_not_lose_the_condition():
    x = T.dscalar("x")
    y = Assert("x must be positive")(x, x > 0)
    for made in (y * 1 + 0, T.log(T.exp(y)), y.copy(), (y + y) - y):
        f = ng.function([x], made)
        assert f(2.0) == 2.0
        with pytest.raises(AssertionError):
            f(-2.0)


def test_derivatives_pass_through():
    x, t = T.dvector("x"), T.dvector("t")
    y = (CheckAndRaise(ValueError, "negative")(x, x > 0) ** 3).sum()
    f = ng.function([x, t], [ng.grad(y, x), ng.Rop(y, x, t), ng.hessian(y, x)])
    gradient, tangent, hessian = f([1.0, 2.0], [1.0, 1.0])
    np.testing.assert_allclose(gradient, [3.0, 12.0])
    np.testing.assert_allclose(tangent, 15.0)
    np.testing.assert_allclose(hessian, np.diag([6.0, 12.0]))
    with pytest.raises(ValueError, match="negative"):
        f([1.0, -2.0], [1.0, 1.0])


def test_batches():
    x, xs = T.dvector("x"), T.dmatrix("xs")
    y = Assert("negative")(x, x.sum() > 0) * 2
    f = ng.function([xs], ng.vectorize_graph(y, {x: xs}))
    assert f([[1.0], [2.0]]).tolist() == [[2.0], [4.0]]
    with pytest.raises(AssertionError, match="negative"):
        f([[1.0], [-2.0]])


def test_values_that_are_known():
    assert assert_(2.0, True, 1).eval() == 2.0
    with pytest.raises(AssertionError, match="mine"):
        assert_(2.0, False, msg="mine").eval()
    with pytest.raises(AssertionError, match="does not hold"):
        ng.function([], assert_op(T.constant(2.0), T.constant(0)))()


def test_equality_and_pickling():
    assert Assert("a") == Assert("a") != Assert("b")
    assert CheckAndRaise(ValueError, "a") == CheckAndRaise(ValueError, "a")
    assert CheckAndRaise(ValueError, "a") != CheckAndRaise(TypeError, "a")
    op = CheckAndRaise(Trouble, "a")
    assert pickle.loads(pickle.dumps(op)) == op
    x = T.dscalar("x")
    assert ng.pp(Assert("a")(x, x > 0)) == "assert(x, (x > 0))"


def test_bad_input():
    for wrong in (3, "ValueError", int, ValueError("no class")):
        with pytest.raises(TypeError, match="must be a class of exceptions"):
            CheckAndRaise(wrong, "m")
    with pytest.raises(TypeError, match="got nothing"):
        Assert("m")()
