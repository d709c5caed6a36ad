"""Sorting and searching, against NumPy."""

import numpy as np
import pytest

from numbagrad import function, grad
from numbagrad import tensor as T
from numbagrad.gradient import Rop

RNG = np.random.default_rng(7)
TABLE = RNG.normal(size=(3, 6))


def run(build, *arrays, mode):
    variables = [
        T.tensor(f"x{k}", dtype=a.dtype.name, shape=(None,) * a.ndim) for k, a in enumerate(arrays)
    ]
    return function(variables, build(*variables), mode=mode)(*arrays)


@pytest.mark.parametrize("mode", ["reference", None])
@pytest.mark.parametrize("name", ["sort", "argsort"])
def test_axes(name, mode):
    axes = [None, 0, -1]
    for x in (np.round(TABLE), np.round(TABLE).astype("int8"), TABLE > 0):
        made = run(lambda x: [getattr(T, name)(x, axis=axis) for axis in axes], x, mode=mode)
        for one, axis in zip(made, axes, strict=True):
            expected = getattr(np, name)(x, axis=axis, kind="stable")
            np.testing.assert_array_equal(one, expected)
            assert one.dtype == expected.dtype


@pytest.mark.parametrize("name", ["sort", "argsort"])
def test_nan_stands_last(name):
    x = np.array([np.nan, 2.0, -np.inf, np.nan, np.inf])
    expected = getattr(np, name)(x, kind="stable")
    np.testing.assert_array_equal(run(getattr(T, name), x, mode="reference"), expected)


def test_complex_numbers():
    x = np.array([1 + 2j, 1 + 1j, 0 + 5j])
    np.testing.assert_array_equal(run(T.sort, x, mode="reference"), np.sort(x))


def test_words():
    x = T.dvector()
    for kind in ("quicksort", "mergesort", "heapsort", "stable"):
        T.sort(x, kind=kind)
    with pytest.raises(ValueError, match="kind must be"):
        T.sort(x, kind="bogo")
    with pytest.raises(ValueError, match="argsort: order"):
        T.argsort(x, order="f")
    with pytest.raises(ValueError, match="axis"):
        T.sort(T.dscalar())


@pytest.mark.parametrize("x", [TABLE, np.round(TABLE)])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_forward_and_reverse_are_adjoint_at_ties(x, axis):
    v, t, u = (
        T.dmatrix(),
        T.dmatrix(),
        T.tensor("u", dtype="float64", shape=(None,) * (1 if axis is None else 2)),
    )
    y = T.sort(v, axis=axis)
    weights = RNG.normal(size=np.sort(x, axis=axis).shape)
    direction = RNG.normal(size=x.shape)
    f = function([v, t, u], [Rop(y, v, t), grad(T.sum(y * u), v)], mode="reference")
    made, back = f(x, direction, weights)
    order = np.argsort(x, axis=axis, kind="stable")
    flat = direction.ravel() if axis is None else direction
    np.testing.assert_array_equal(
        made, np.take_along_axis(flat, order, -1 if axis is None else axis)
    )
    assert np.sum(made * weights) == pytest.approx(np.sum(back * direction), rel=1e-12)


@pytest.mark.parametrize("mode", ["reference", None])
def test_searchsorted(mode):
    x = np.array([0.0, 1.0, 1.0, 2.0, np.nan])
    sides = ["left", "right"]
    for v in (np.array(1.0), np.array([[1.0, -1.0, np.nan], [2.0, 5.0, np.inf]]), np.zeros(0)):
        made = run(
            lambda x, v: [T.searchsorted(x, v, side=side) for side in sides], x, v, mode=mode
        )
        for one, side in zip(made, sides, strict=True):
            np.testing.assert_array_equal(one, np.searchsorted(x, v, side=side))
            assert one.dtype == np.int64


def test_searchsorted_of_mixed_dtypes():
    x, v = np.array([1, 3, 5]), np.array([0.5, 3.0, 9.0])
    made = run(T.searchsorted, x, v, mode="reference")
    np.testing.assert_array_equal(made, np.searchsorted(x, v))


def test_searchsorted_with_sorter():
    x, v = np.array([3.0, 1.0, 2.0]), np.array([1.5, 2.5])
    order = np.argsort(x)
    made = run(lambda x, v, s: T.searchsorted(x, v, sorter=s), x, v, order, mode="reference")
    np.testing.assert_array_equal(made, np.searchsorted(x, v, sorter=order))


def test_searchsorted_refuses():
    x = T.dvector()
    with pytest.raises(ValueError, match="x must be a vector"):
        T.searchsorted(T.dmatrix(), x)
    with pytest.raises(ValueError, match="side"):
        T.searchsorted(x, x, side="middle")
    with pytest.raises(TypeError, match="complex"):
        T.searchsorted(T.zvector(), x)
