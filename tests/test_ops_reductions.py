"""Reductions, statistics, running sums and the softmax family, against NumPy and SciPy."""

import numpy as np
import pytest
import scipy.special

from numbagrad import config, function, grad
from numbagrad import tensor as T
from numbagrad.gradient import Rop

RNG = np.random.default_rng(5)
CUBE = RNG.normal(size=(2, 3, 4))


def tensor_like(value, name="x"):
    value = np.asarray(value)
    return T.tensor(name, dtype=value.dtype.name, shape=(None,) * value.ndim)


def values(build, *arrays):
    """What ``build`` of variables gives for arrays, in NumPy node by node."""
    variables = [tensor_like(a, f"x{k}") for k, a in enumerate(arrays)]
    return function(variables, build(*variables), mode="reference")(*arrays)


def check(build, expected, *arrays, rtol=1e-12):
    made = values(build, *arrays)
    np.testing.assert_allclose(made, expected, rtol=rtol)
    assert made.dtype == np.asarray(expected).dtype


def compiled(build, *arrays):
    variables = [tensor_like(a, f"x{k}") for k, a in enumerate(arrays)]
    return function(variables, build(*variables))(*arrays)


SEVERAL = ["sum", "prod", "max", "min", "mean", "var", "std", "ptp"]
AXES = [None, 0, 1, -1, (0, 2), (2, 0), (-1, 1), (0, 1, 2)]


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("name", SEVERAL)
def test_axes_as_numpy(name, axis):
    check(lambda x: getattr(T, name)(x, axis=axis), getattr(np, name)(CUBE, axis=axis), CUBE)


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "mean", "var", "std"])
def test_keepdims(name, axis):
    expected = getattr(np, name)(CUBE, axis=axis, keepdims=True)
    check(lambda x: getattr(T, name)(x, axis=axis, keepdims=True), expected, CUBE)


@pytest.mark.parametrize("name", ["sum", "max", "argmax", "all", "mean", "var", "cumsum", "sort"])
def test_unknown_axis(name):
    with pytest.raises(ValueError, match=rf"{name}.*axis 3 .*3 dimensions"):
        getattr(T, name)(T.dtensor3(), axis=3)


def test_axis_named_twice():
    with pytest.raises(ValueError, match=r"sum: axis 1 is named twice.*3 dimensions"):
        T.sum(T.dtensor3(), axis=(1, -2))


@pytest.mark.parametrize("axis", [T.iscalar("a"), 1.5, "x", (0, None)])
def test_axis_that_is_no_integer(axis):
    with pytest.raises(TypeError, match="sum"):
        T.sum(T.dmatrix(), axis=axis)


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int64", "float32", "complex64"])
@pytest.mark.parametrize("name", ["sum", "prod", "cumsum", "cumprod", "mean"])
def test_dtypes_as_numpy(name, dtype):
    x = np.array([[1, 0, 2], [3, 1, 1]]).astype(dtype)
    check(lambda x: getattr(T, name)(x, axis=1), getattr(np, name)(x, axis=1), x, rtol=1e-6)


def test_float32_is_summed_in_float64():
    x = np.array([1e8, 1.0, -1e8], np.float32)
    assert values(T.sum, x) == 1.0
    assert values(lambda x: T.sum(x, acc_dtype="float32"), x).dtype == np.float32
    assert compiled(T.sum, np.full(2**20, 0.1, np.float32)) == np.float32(2**20 * np.float32(0.1))


def test_dtype_of_the_result():
    check(lambda x: T.sum(x, dtype="float32"), np.float32(6), np.array([1, 2, 3]))
    check(lambda x: T.sum(x, dtype="int8"), np.int8(6), np.array([1, 2, 3]))
    with pytest.raises(TypeError, match="sum: float64 can not be summed up as dtype='int64'"):
        T.sum(T.dvector(), dtype="int64")
    with pytest.raises(TypeError, match="mean: dtype"):
        T.mean(T.dvector(), dtype="int64")


def test_no_axes_at_all():
    x = np.array(2.5)
    for name in ("sum", "prod", "max", "min", "mean"):
        check(getattr(T, name), x, x)
        check(lambda x, name=name: getattr(T, name)(x, axis=()), CUBE, CUBE)
    check(T.argmax, np.int64(0), x)
    check(T.all, np.bool_(True), x)
    check(T.var, np.float64(0), x)


@pytest.mark.parametrize("run", [values, compiled])
def test_empty(run):
    empty = np.zeros((0, 3))
    np.testing.assert_array_equal(run(lambda x: T.sum(x, 0), empty), np.zeros(3))
    assert run(T.prod, empty) == 1
    assert run(T.all, empty)
    assert not run(T.any, empty)
    assert np.isnan(run(T.mean, empty))
    assert run(lambda x: T.max(x, 1), empty).shape == (0,)
    assert run(T.logsumexp, empty) == -np.inf
    for build in (T.max, T.min, T.argmax, T.argmin):
        with pytest.raises(ValueError, match=r"empty|zero-size"):
            run(build, empty)


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@pytest.mark.parametrize("axis", [None, 0, -1])
def test_positions(name, axis):
    for x in (CUBE, np.round(CUBE), np.where(CUBE > 0.5, np.nan, CUBE)):
        expected = getattr(np, name)(x, axis=axis)
        check(lambda x: getattr(T, name)(x, axis=axis), expected, x)
        np.testing.assert_array_equal(
            compiled(lambda x: getattr(T, name)(x, axis=axis), x), expected
        )


def test_position_over_several_axes_counts_in_c_order():
    expected = np.argmax(CUBE.transpose(1, 0, 2).reshape(3, 8), axis=1)
    for run in (values, compiled):
        np.testing.assert_array_equal(run(lambda x: T.argmax(x, axis=(2, 0)), CUBE), expected)
    kept = values(lambda x: T.argmax(x, axis=(0, 2), keepdims=True), CUBE)
    np.testing.assert_array_equal(kept, expected[None, :, None])


@pytest.mark.parametrize("name", ["max", "min"])
def test_nan_is_the_extreme(name):
    for place in range(3):
        x = np.array([1.0, 2.0, 3.0])
        x[place] = np.nan
        assert np.isnan(values(getattr(T, name), x))
        assert np.isnan(compiled(getattr(T, name), x))


def test_max_and_argmax():
    largest, where = values(lambda x: list(T.max_and_argmax(x, axis=1)), CUBE)
    np.testing.assert_array_equal(largest, CUBE.max(1))
    np.testing.assert_array_equal(where, CUBE.argmax(1))


def test_complex_numbers_have_no_order():
    for name in ("max", "min", "argmax", "argmin", "logsumexp", "softmax"):
        with pytest.raises(TypeError, match="complex"):
            getattr(T, name)(T.zvector())


@pytest.mark.parametrize("dtype", ["bool", "int8", "float64", "complex128"])
def test_truth_of_every_dtype(dtype):
    x = np.array([[1, 0], [2, 3], [0, 0]]).astype(dtype)
    check(lambda x: T.all(x, axis=1), np.all(x, axis=1), x)
    check(lambda x: T.any(x, axis=1), np.any(x, axis=1), x)
    check(lambda x: T.any(x, axis=0, keepdims=True), np.any(x, axis=0, keepdims=True), x)


# -- derivatives --------------------------------------------------------------------------------


def gradient_and_forward(build, x, direction):
    v, t = tensor_like(x), tensor_like(x, "t")
    cost = build(v)
    return function([v, t], [grad(cost, v), Rop(cost, v, t)], mode="reference")(x, direction)


@pytest.mark.parametrize("name", ["max", "min"])
def test_tied_elements_share_the_derivative(name):
    x = np.array([3.0, 1.0, 3.0, 1.0, 3.0, 1.0])
    t = np.arange(6.0)
    g, r = gradient_and_forward(getattr(T, name), x, t)
    tied = x == getattr(np, name)(x)
    np.testing.assert_allclose(g, tied / 3)
    np.testing.assert_allclose(r, g @ t)


def test_derivative_of_max_with_nan_has_none_elsewhere():
    g, _ = gradient_and_forward(T.max, np.array([1.0, np.nan, 2.0]), np.ones(3))
    np.testing.assert_array_equal(g, [0, 1, 0])


@pytest.mark.parametrize("zeros", [(), (1,), (1, 3), (0, 1, 2, 3)])
def test_product_with_zeros_to_second_order(zeros):
    x = np.array([2.0, -3.0, 0.5, 4.0])
    x[list(zeros)] = 0
    v, t = T.dvector(), T.dvector()
    g = grad(T.prod(v), v)
    hv = grad(T.sum(g * t), v)
    direction = np.array([1.0, 2.0, -1.0, 0.5])
    made, second = function([v, t], [g, hv])(x, direction)
    others = [np.prod(np.delete(x, k)) for k in range(4)]
    hessian = [[0 if i == k else np.prod(np.delete(x, [i, k])) for i in range(4)] for k in range(4)]
    np.testing.assert_allclose(made, others)
    np.testing.assert_allclose(second, np.array(hessian) @ direction)


@pytest.mark.parametrize("axis", [None, 0, (0, 2), (1, 2)])
def test_gradient_of_product_over_axes(axis):
    v = T.dtensor3()
    made = function([v], grad(T.sum(T.prod(v, axis=axis)), v), mode="reference")(CUBE)
    expected = np.prod(CUBE, axis=axis, keepdims=True) / CUBE
    np.testing.assert_allclose(made, expected)


def test_gradient_of_cumprod_with_zeros():
    x = np.array([2.0, 0.0, 3.0, 0.0])
    v = T.dvector()
    made = function([v], grad(T.sum(T.cumprod(v)), v))(x)
    np.testing.assert_allclose(made, [1.0, 8.0, 0.0, 0.0])


@pytest.mark.parametrize("name", ["mean", "var", "std", "median", "logsumexp"])
def test_gradients_of_composites(name):
    v, t = T.dvector(), T.dvector()
    build = getattr(T, name)
    x, d = RNG.normal(size=5), RNG.normal(size=5)
    g = grad(build(v), v)
    hv = grad(T.sum(g * t), v, disconnected_inputs="ignore")
    f = function([v, t], [g, hv], mode="reference", on_unused_input="ignore")
    made, second = f(x, d)
    value, first = function([v], build(v), mode="reference"), function([v], g, mode="reference")
    h = 1e-6
    steps = h * np.eye(5)
    np.testing.assert_allclose(
        made, [(value(x + s) - value(x - s)) / (2 * h) for s in steps], atol=1e-7
    )
    np.testing.assert_allclose(
        second, [(first(x + s) - first(x - s)) @ d / (2 * h) for s in steps], atol=1e-6
    )


# -- statistics ---------------------------------------------------------------------------------


def test_variance_is_exact_far_from_zero():
    x = 1e8 + np.array([0.0, 1.0, 2.0])
    check(T.var, np.float64(2 / 3), x)
    check(lambda x: T.var(x, ddof=1, corrected=True), np.float64(1.0), x)


@pytest.mark.parametrize("ddof", [0, 1, 2])
def test_ddof(ddof):
    check(lambda x: T.var(x, axis=1, ddof=ddof), np.var(CUBE, axis=1, ddof=ddof), CUBE)
    check(lambda x: T.std(x, axis=0, ddof=ddof), _quiet(np.std, CUBE, axis=0, ddof=ddof), CUBE)


def _quiet(f, *args, **kwargs):
    import warnings  # noqa: PLC0415 - only here is a warning expected

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return f(*args, **kwargs)


def test_variance_of_complex_numbers_is_real():
    z = CUBE[0] + 1j * CUBE[1]
    check(T.var, np.var(z), z)
    check(lambda z: T.std(z, axis=0), np.std(z, axis=0), z)


@pytest.mark.parametrize("axis", [None, 0, 2, (0, 2)])
def test_median(axis):
    check(lambda x: T.median(x, axis=axis), np.median(CUBE, axis=axis), CUBE)


def test_median_of_nan():
    assert np.isnan(values(T.median, np.array([1.0, np.nan, 2.0])))


@pytest.mark.parametrize("options", [{}, {"rowvar": False}, {"bias": True}, {"ddof": 2}])
def test_cov(options):
    x = CUBE[0]
    check(lambda x: T.cov(x, **options), np.cov(x, **options), x)
    check(lambda x, y: T.cov(x, y, **options), np.cov(x, CUBE[1], **options), x, CUBE[1])


@pytest.mark.parametrize("ddof", [None, 0])
def test_cov_with_weights(ddof):
    f, a = np.array([1, 2, 1, 3]), np.array([0.5, 1.0, 2.0, 0.25])
    x = CUBE[0]
    for w in ({"fweights": f}, {"aweights": a}, {"fweights": f, "aweights": a}):
        check(lambda x, w=w: T.cov(x, ddof=ddof, **w), np.cov(x, ddof=ddof, **w), x)


def test_cov_of_one_variable():
    x = CUBE[0, 0]
    check(T.cov, np.cov(x), x)


@pytest.mark.parametrize("run", [values, compiled])
def test_bincount(run):
    x, w = np.array([1, 4, 1, 0]), np.array([0.5, 1.0, 2.0, 3.0])
    np.testing.assert_array_equal(run(T.bincount, x), np.bincount(x))
    np.testing.assert_array_equal(run(T.bincount, x, w), np.bincount(x, w))
    made = run(lambda x: T.bincount(x, minlength=7), x)
    np.testing.assert_array_equal(made, np.bincount(x, minlength=7))
    assert run(T.bincount, x[:0]).shape == (0,)
    with pytest.raises(ValueError, match="must not be negative"):
        run(T.bincount, np.array([1, -1]))


def test_bincount_of_floats():
    with pytest.raises(TypeError, match="bincount"):
        T.bincount(T.dvector())


# -- running sums -------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
def test_cumulative(name, axis):
    expected = getattr(np, name)(CUBE, axis=axis)
    check(lambda x: getattr(T, name)(x, axis=axis), expected, CUBE)


@pytest.mark.parametrize("n", [0, 1, 2, 5])
@pytest.mark.parametrize("axis", [0, -1])
def test_diff(n, axis):
    check(lambda x: T.diff(x, n=n, axis=axis), np.diff(CUBE, n=n, axis=axis), CUBE)


def test_diff_of_truth_values():
    x = np.array([True, True, False])
    check(T.diff, np.diff(x), x)
    with pytest.raises(ValueError, match="diff: n"):
        T.diff(T.dvector(), n=-1)


# -- softmax ------------------------------------------------------------------------------------

ROWS = np.array([[0.0, 1000.0, -1000.0], [-1.0, 0.5, 0.25], [1000.0, 1000.0, 999.0]])


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
def test_softmax_family(name, axis):
    expected = getattr(scipy.special, name)(ROWS, axis=axis)
    check(lambda x: getattr(T, name)(x, axis=axis), expected, ROWS)


def test_logsumexp_of_infinities():
    x = np.array([[-np.inf, -np.inf], [np.inf, 0.0], [-np.inf, 1.0]])
    expected = scipy.special.logsumexp(x, axis=1)
    for run in (values, compiled):
        np.testing.assert_array_equal(run(lambda x: T.logsumexp(x, axis=1), x), expected)
    kept = values(lambda x: T.logsumexp(x, axis=1, keepdims=True), x)
    assert kept.shape == (3, 1)


def test_derivatives_of_softmax_are_exact_far_out():
    v, t = T.dmatrix(), T.dmatrix()
    weights = np.arange(9.0).reshape(3, 3)
    p = scipy.special.softmax(ROWS, axis=1)
    s, lse = T.softmax(v, axis=1), T.logsumexp(v, axis=1)
    outputs = [grad(T.sum(lse), v), grad(T.sum(s * t), v), Rop(lse, v, t), Rop(s, v, t)]
    first, second, third, fourth = function([v, t], outputs)(ROWS, weights)
    inner = (p * weights).sum(1, keepdims=True)
    np.testing.assert_allclose(first, p, atol=1e-15)
    np.testing.assert_allclose(second, p * (weights - inner), atol=1e-13)
    np.testing.assert_allclose(third, inner[:, 0], atol=1e-13)
    np.testing.assert_allclose(fourth, p * (weights - inner), atol=1e-13)


def test_derivative_of_logsumexp_with_one_minus_infinity():
    v = T.dvector()
    made = function([v], grad(T.logsumexp(v), v))(np.array([-np.inf, 0.0, 0.0]))
    np.testing.assert_allclose(made, [0.0, 0.5, 0.5])


def test_integers_become_floats():
    check(T.logsumexp, scipy.special.logsumexp([1, 2, 3]), np.array([1, 2, 3]))
    assert T.softmax(T.bvector()).dtype == "float32"
    assert T.mean(T.bvector()).dtype == "float64"
    assert config.floatX == "float64"
