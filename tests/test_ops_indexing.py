"""Indexing against NumPy: reading, writing, adding, masks, positions; and its derivatives."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import numbagrad  # noqa: F401 - makes all Ops known
from numbagrad.errors import ShapeError
from numbagrad.function.function import function
from numbagrad.gradient import grad, verify_grad
from numbagrad.graph.basic import Constant
from numbagrad.graph.registry import OPS
from numbagrad.graph.tensor import TensorType, as_tensor
from numbagrad.ops import gathering as g
from numbagrad.ops.indexing import inc_subtensor, set_subtensor

from .against_numpy import compare

A = np.arange(24.0).reshape(2, 3, 4)
B = np.arange(12.0).reshape(3, 4)
V = np.array([3.0, 1.0, 4.0, 1.5, 9.0, 2.0])
LONG = TensorType("int64", (None,))
BOTH = ["reference", None]

bounds = st.one_of(st.none(), st.integers(-7, 7))
steps = st.one_of(st.none(), st.integers(-3, 3).filter(bool))
slices = st.builds(slice, bounds, bounds, steps)


# -- slices ----------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 6), slices)
def test_slices_by_constants(n, s):
    x = np.arange(float(n))
    compare(lambda v: v[s], lambda v: v[s], x, modes=["reference"])
    static = TensorType("float64", (n,))()[s]
    assert static.type.shape == x[s].shape
    length = TensorType("float64", (None,))("x")
    f = function([length], length[s].shape[0], mode="reference", on_unused_input="ignore")
    assert f(x) == len(x[s])


@pytest.mark.parametrize(
    "s",
    [
        slice(1, None), slice(None, -1), slice(None, None, 2), slice(None, None, -1), slice(2, 5),
        slice(-3, -1), slice(-3, None), slice(4, 1, -1), slice(None, 2, -2), slice(3, 1),
        slice(None, -3), slice(-2, 4), slice(1, -1, 3), slice(None, 9), slice(9, None),
    ],
)  # fmt: skip
def test_slices_compiled(s):
    x = TensorType("float64", (None,))("x")
    f = function([x], x[s])
    for n in range(7):
        np.testing.assert_array_equal(f(V[:n]), V[:n][s])


def test_slices_by_symbolic_bounds_and_steps():
    x = TensorType("float64", (None,))("x")
    i, j, k = (TensorType("int64", ())(n) for n in "ijk")
    f = function([x, i, j, k], [x[i:j:k], x[i:j:k].shape[0]])
    up = function([x, i, j], [x[i:j], x[i:], x[:j], x[i:j:2], x[j:i:-1]])
    for a, b in itertools.product(range(-7, 8), range(-7, 8, 2)):
        wanted = [V[a:b], V[a:], V[:b], V[a:b:2], V[b:a:-1]]
        for got, want in zip(up(V, a, b), wanted, strict=True):
            np.testing.assert_array_equal(got, want)
        for c in (-3, -1, 1, 2):
            got, length = f(V, a, b, c)
            np.testing.assert_array_equal(got, V[a:b:c])
            assert length == len(got)
    with pytest.raises(ValueError, match="step of a slice along axis 0 of x is zero"):
        f(V, 0, 3, 0)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_basic_indices(data):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4))
    x = np.arange(float(np.prod(shape))).reshape(shape)
    index = data.draw(hnp.basic_indices(shape, allow_newaxis=True, max_dims=6))
    compare(lambda v: v[index], lambda v: v[index], x, modes=["reference"])
    value = np.asarray(x[index])[..., :1] if np.ndim(x[index]) else np.asarray(7.0)

    def written(v, w):
        made = v.copy()
        made[index] = w
        return made

    compare(lambda v, w: v[index].set(w), written, x, -value, modes=["reference"])


# -- index arrays ----------------------------------------------------------------------------------

P, Q, R = np.array([0, -1, 1, 1]), np.array([[1], [-2]]), np.array([2, 0, -1, 1])
INDICES = {
    "first": (lambda i, j, k: (i,)),
    "middle": (lambda i, j, k: (slice(None), i)),
    "last": (lambda i, j, k: (Ellipsis, i)),
    "two": (lambda i, j, k: (slice(None), i, k)),
    "spread": (lambda i, j, k: (i, j)),
    "three": (lambda i, j, k: (i, i, k)),
    "apart": (lambda i, j, k: (i, slice(1, None), k)),
    "integer-apart": (lambda i, j, k: (1, slice(None), k)),
    "integer-beside": (lambda i, j, k: (slice(None), -1, k)),
    "new": (lambda i, j, k: (i, None, k)),
    "new-beside": (lambda i, j, k: (None, i, k)),
    "matrix-step": (lambda i, j, k: (j, slice(None, None, -2))),
    "list": (lambda i, j, k: ([0, 1, 0],)),
    "empty": (lambda i, j, k: (slice(None), [])),
}


@pytest.mark.parametrize("name", INDICES)
def test_index_arrays(name):
    index = INDICES[name]
    compare(lambda x, i, j, k: x[index(i, j, k)], lambda x, i, j, k: x[index(i, j, k)], A, P, Q, R)


@pytest.mark.newest("the Ops are compiled in test_ops_derived")
@pytest.mark.parametrize("name", INDICES)
def test_writing_and_adding_by_index_arrays(name):
    index = INDICES[name]
    values = -np.arange(1.0, 1.0 + A[index(P, Q, R)].size).reshape(A[index(P, Q, R)].shape)

    def written(x, y, i, j, k):
        made = x.copy()
        made[index(i, j, k)] = y
        return made

    def added(x, y, i, j, k):
        made = x.copy()
        np.add.at(made, index(i, j, k), y)
        return made

    for y, modes in ((values, BOTH), (np.array(0.5), ["reference"])):
        compare(lambda x, y, i, j, k: x[index(i, j, k)].set(y), written, A, y, P, Q, R, modes=modes)
        compare(lambda x, y, i, j, k: x[index(i, j, k)].inc(y), added, A, y, P, Q, R, modes=modes)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_any_mixed_index(data):
    shape = data.draw(hnp.array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=4))
    x = np.arange(float(np.prod(shape))).reshape(shape)
    size = data.draw(st.sampled_from([(3,), (2, 2), (0,)]))
    items = []
    for n in shape:
        positions = hnp.arrays("int64", size, elements=st.integers(-n, n - 1))
        items.append(data.draw(st.one_of(positions, st.integers(-n, n - 1), slices)))
        if data.draw(st.booleans()):
            items.append(None)
    index = tuple(items)
    compare(lambda v: v[index], lambda v: v[index], x, modes=["reference"])


def test_indices_of_any_integer_dtype():
    for dtype in ("int8", "uint8", "int32", "uint64"):
        compare(lambda x, i: x[i], lambda x, i: x[i], V, np.array([5, 0, 3], dtype))


def test_writing_follows_a_transpose_and_new_dimensions():
    compare(lambda x: x[1:].T.set(np.arange(3.0)[:1]), lambda x: np.r_[x[:1], np.zeros((2, 4))], B)
    value = np.arange(4.0)[:, None]

    def written(x):
        made = x.copy()
        made[1:].T[...] = value
        return made

    compare(lambda x: set_subtensor(x[1:].T, value), written, B)
    compare(lambda x: x[None, 1:].set(5.0), lambda x: np.r_[x[:1], np.full((2, 4), 5.0)], B)


def test_adding_without_duplicates():
    def once(x, i):
        made = x.copy()
        made[i] += 5.0
        return made

    compare(lambda x, i: inc_subtensor(x[i], 5.0, ignore_duplicates=True), once, V, P)


# -- masks and positions -----------------------------------------------------------------------

MASKS = {
    "vector": (V, V > 2.0, lambda x, m: x[m]),
    "matrix": (B, B % 3 == 1, lambda x, m: x[m]),
    "leading": (A, A[..., 0] > 4, lambda x, m: x[m]),
    "second": (A, np.array([True, False, True]), lambda x, m: x[:, m, ::2]),
    "none": (V, V > 99, lambda x, m: x[m]),
}


@pytest.mark.parametrize("name", MASKS)
def test_masks(name):
    x, mask, read = MASKS[name]
    compare(read, read, x, mask)
    compare(lambda v: read(v, mask), lambda v: read(v, mask), x)

    def written(v, m):
        made = v.copy()
        if name == "second":
            made[:, m, ::2] = -1.0
        else:
            made[m] = -1.0
        return made

    compare(lambda v, m: read(v, m).set(-1.0), written, x, mask)


def test_a_mask_computed_from_the_array_itself():
    compare(lambda x: (x[x > 2.0] * 2).sum(), lambda x: (x[x > 2.0] * 2).sum(), V)
    compare(lambda x: x[x > 2.0].shape[0], lambda x: np.int64((x > 2.0).sum()), V)
    x = TensorType("float64", (None,))("x")
    f = function([x], grad((x[x > 2.0] ** 2).sum(), x))
    np.testing.assert_array_equal(f(V), np.where(V > 2, 2 * V, 0))


POSITIONS = {
    "take": (lambda x, i: g.take(x, i, axis=1), lambda x, i: np.take(x, i, axis=1), A, P),
    "take-matrix": (lambda x, i: g.take(x, i, axis=1), lambda x, i: np.take(x, i, axis=1), A, Q),
    "take-flat": (g.take, np.take, A, P),
    "take-scalar": (lambda x, i: g.take(x, i, 0), lambda x, i: x[i], A, np.array(-1)),
    "take-wrap": (
        lambda x, i: g.take(x, i, mode="wrap"),
        lambda x, i: np.take(x, i, mode="wrap"),
        V,
        np.array([-8, 7, 100]),
    ),
    "take-clip": (
        lambda x, i: g.take(x, i, mode="clip"),
        lambda x, i: np.take(x, i, mode="clip"),
        V,
        np.array([-8, 7, 3]),
    ),
    "take_along_axis": (
        lambda x, i: g.take_along_axis(x, i, 1),
        lambda x, i: np.take_along_axis(x, i, 1),
        B,
        np.array([[1, 0], [3, -1], [2, 2]]),
    ),
    "take_along_axis-spread": (
        lambda x, i: g.take_along_axis(x, i, 0),
        lambda x, i: np.take_along_axis(x, i, 0),
        B,
        np.array([[2], [-1]]),
    ),
    "choose": (
        lambda a, x, y: g.choose(a, [x, y]),
        lambda a, x, y: np.choose(a, [x, y]),
        np.array([0, 1, 1, 0]),
        B,
        V[:4],
    ),
    "choose-clip": (
        lambda a, x: g.choose(a, x, mode="clip"),
        lambda a, x: np.choose(a, x, mode="clip"),
        np.array([-3, 9, 1, 0]),
        B,
    ),
    "compress": (
        lambda c, x: g.compress(c, x, 1),
        lambda c, x: np.compress(c, x, 1),
        np.array([True, False, True]),
        B,
    ),
    "nonzero": (g.nonzero, np.nonzero, B % 3),
    "nonzero-matrix": (
        lambda x: g.nonzero(x, return_matrix=True),
        lambda x: np.stack(np.nonzero(x)),
        B % 3,
    ),
    "flatnonzero": (g.flatnonzero, np.flatnonzero, B % 2),
    "nonzero_values": (g.nonzero_values, lambda x: x[x != 0], B % 3),
    "ravel_multi_index": (
        lambda i, j: g.ravel_multi_index((i, j), (3, 4)),
        lambda i, j: np.ravel_multi_index((i, j), (3, 4)),
        np.array([0, 2]),
        np.array([3, 1]),
    ),
    "ravel_multi_index-F": (
        lambda i, j: g.ravel_multi_index((i, j), (3, 4), mode="wrap", order="F"),
        lambda i, j: np.ravel_multi_index((i, j), (3, 4), mode="wrap", order="F"),
        np.array([0, 5]),
        np.array([-1, 1]),
    ),
    "unravel_index": (
        lambda i: g.unravel_index(i, (2, 3, 4)),
        lambda i: np.unravel_index(i, (2, 3, 4)),
        np.array([[5, 23], [0, 11]]),
    ),
    "unravel_index-F": (
        lambda i: g.unravel_index(i, (2, 3, 4), order="F"),
        lambda i: np.unravel_index(i, (2, 3, 4), order="F"),
        np.array([5, 23]),
    ),
    "permute_row_elements": (
        g.permute_row_elements,
        lambda x, p: np.take_along_axis(x, p, -1),
        B,
        np.array([[3, 1, 0, 2], [0, 1, 2, 3], [1, 0, 3, 2]]),
    ),
    "permute_row_elements-inverse": (
        lambda x, p: g.permute_row_elements(x, p, inverse=True),
        lambda x, p: x[:, np.argsort(p)],
        B,
        np.array([3, 1, 0, 2]),
    ),
    "inverse_permutation": (g.inverse_permutation, np.argsort, np.array([3, 1, 0, 2])),
    "inverse_permutation-rows": (
        g.inverse_permutation,
        np.argsort,
        np.array([[3, 1, 0, 2], [1, 0, 3, 2]]),
    ),
}


@pytest.mark.parametrize("name", POSITIONS)
def test_positions(name):
    compare(*POSITIONS[name])


# -- mistakes --------------------------------------------------------------------------------------

X, Y = TensorType("float64", (None, 3))("X"), TensorType("float64", (2, 4))("Y")
N = TensorType("int64", (None,))("n")


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: X[0, 1, 2], IndexError, "Too many indices: 3 for X of 2 dimensions"),
        (lambda: X[..., 0, ...], IndexError, "only one ellipsis"),
        (lambda: Y[2], IndexError, r"Index 2 is out of bounds for axis 0 of Y with shape \(2, 4\)"),
        (lambda: Y[:, -5], IndexError, "Index -5 is out of bounds for axis 1"),
        (lambda: Y[[0, 2]], IndexError, "Index 2 is out of bounds for axis 0"),
        (lambda: X[1.0], TypeError, "must be an integer"),
        (lambda: X[as_tensor(1.0)], TypeError, "must be an integer"),
        (lambda: X[1.5:], TypeError, "must be an integer"),
        (lambda: X[True], TypeError, "True is no index"),
        (lambda: X["a"], TypeError, "'a'"),
        (lambda: X[::0], ValueError, "can not be zero"),
        (lambda: Y[np.array([True, False, True])], IndexError, "boolean index of shape"),
        (lambda: Y[0].set(np.zeros(3)), ShapeError, r"set_subtensor.*\(3,\).*\(4,\)"),
        (lambda: Y[0].set(np.zeros((2, 4))), ShapeError, r"\(2, 4\)"),
        (lambda: N[0].set(1.5), TypeError, "dtype float64 can not be written .* int64"),
        (lambda: set_subtensor(Y, 1.0), TypeError, "takes an indexed variable"),
        (lambda: g.take(X, [0.5]), TypeError, "must be integers"),
        (lambda: g.take(X, [0], mode="far"), ValueError, "mode must be"),
        (lambda: g.nonzero(as_tensor(1.0)), ValueError, "at least 1 dimension"),
    ],
)
def test_mistakes_known_when_the_graph_is_built(build, error, words):
    with pytest.raises(error, match=words):
        build()


@pytest.mark.parametrize("mode", BOTH)
def test_an_index_outside_is_an_index_error(mode):
    x, i, n = TensorType("float64", (None, None))("x"), TensorType("int64", ())("i"), LONG("n")
    cases = [
        (function([x, i], x[i], mode=mode), (3, -4)),
        (function([x, i], x[:, i].set(1.0), mode=mode), (4, -5)),
        (function([x, n], x[n], mode=mode), ([0, 3], [-4])),
        (function([x, n], x[1:, n].inc(1.0), mode=mode), ([0, 4], [-5, 1])),
        (function([x, n], g.ravel_multi_index([n, n], (3, 4)).sum() + x.sum(), mode=mode), ([3],)),
    ]
    for f, outside in cases:
        for bad in outside:
            with pytest.raises(IndexError, match="out of bounds"):
                f(B, bad)
    f = function([x], x[3], mode=mode)
    with pytest.raises(IndexError, match=r"ndex 3 is out of bounds for axis 0"):
        f(B)


# -- derivatives -----------------------------------------------------------------------------------


def test_the_gradient_of_a_repeated_write_goes_to_the_value_that_stayed():
    x, y, i = TensorType("float64", (None,))("x"), TensorType("float64", (None,))("y"), LONG("i")
    w = np.array([1.0, 10.0, 100.0, 1000.0])
    gx, gy = grad((x[i].set(y) * w).sum(), [x, y])
    for mode in BOTH:
        made = function([x, y, i], [gx, gy], mode=mode, on_unused_input="ignore")
        got = made(np.zeros(4), np.ones(5), [2, 0, -2, 0, 1])
        np.testing.assert_array_equal(got[0], [0.0, 0.0, 0.0, 1000.0])
        np.testing.assert_array_equal(got[1], [0.0, 0.0, 100.0, 1.0, 10.0])


@pytest.mark.parametrize("name", INDICES)
def test_gradients_agree_with_finite_differences(name):
    index = INDICES[name](P, Q, R)
    values = np.cos(np.arange(A[index].size, dtype=float)).reshape(A[index].shape)
    x = np.sin(A)
    verify_grad(lambda v: v[index] ** 2, [x], mode="reference")
    verify_grad(lambda v, w: v[index].inc(w) ** 2, [x, values], mode="reference")
    verify_grad(lambda v, w: v[index].set(w) ** 2, [x, values], mode="reference")


def test_parts_of_a_shape_are_known_without_a_node_for_the_whole():
    x = TensorType("float64", (None, 3, None))("x")
    assert isinstance(x.shape[1], Constant)
    assert x.shape[1].data == 3
    assert x.shape[1:].type.shape == (2,)
    assert x.shape[0].owner.op == OPS["shape_i"](x, 0).owner.op
