"""Shapes, dimensions shuffled and spread, arrays joined and taken apart: against NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import numbagrad  # noqa: F401 - makes all Ops known
from numbagrad.errors import ShapeError
from numbagrad.function.function import function
from numbagrad.gradient import grad
from numbagrad.graph.basic import Constant
from numbagrad.graph.tensor import TensorType, as_tensor
from numbagrad.ops import joining, padding, shape, structure
from numbagrad.ops.shape import ShapeI

from .against_numpy import compare

A = np.arange(24.0).reshape(2, 3, 4)
B = np.arange(6.0).reshape(2, 3)
V = np.array([3.0, 1.0, 4.0, 1.5])
ONE = np.arange(3.0).reshape(3, 1)
EMPTY = np.zeros((0, 3))

CASES = {
    "shape": (shape.shape, lambda x: np.array(x.shape, "int64"), A),
    "shape-0d": (shape.shape, lambda x: np.array(x.shape, "int64"), np.array(2.0)),
    "size": (shape.size, lambda x: np.int64(x.size), A),
    "size-axis": (lambda x: shape.size(x, 1), lambda x: np.int64(x.shape[1]), A),
    "reshape": (lambda x: x.reshape((4, 6)), lambda x: x.reshape(4, 6), A),
    "reshape-1": (lambda x: x.reshape((4, -1)), lambda x: x.reshape(4, -1), A),
    "reshape-vector-1": (lambda x: x.reshape((-1, 2)) * 2, lambda x: x.reshape(-1, 2) * 2, V),
    "reshape-sizes": (
        lambda x: x.reshape((x.shape[1], -1, x.shape[0])),
        lambda x: x.reshape(3, -1, 2),
        A,
    ),
    "reshape-vector": (lambda x: x.reshape(x.shape[::-1]), lambda x: x.reshape(x.shape[::-1]), A),
    "reshape-0d": (lambda x: x.reshape((1, 1)), lambda x: x.reshape(1, 1), np.array(2.0)),
    "reshape-to-0d": (lambda x: x.reshape(()), lambda x: x.reshape(()), np.array([2.0])),
    "reshape-empty": (lambda x: x.reshape((7, 0)), lambda x: x.reshape(7, 0), EMPTY),
    "reshape-transposed": (lambda x: x.T.reshape((-1,)), lambda x: x.T.reshape(-1), A),
    "flatten": (lambda x: x.flatten(), np.ravel, A),
    "flatten-2": (lambda x: x.flatten(2), lambda x: x.reshape(2, 12), A),
    "ravel": (lambda x: x.ravel(), np.ravel, V),
    "join_dims": (lambda x: shape.join_dims(x, 1), lambda x: x.reshape(2, 12), A),
    "join_dims-0": (lambda x: shape.join_dims(x, 1, 0), lambda x: x[:, None], A),
    "split_dims": (
        lambda x: shape.split_dims(x, (2, -1), axis=-1),
        lambda x: x.reshape(2, 3, 2, 2),
        A,
    ),
    "specify_shape": (lambda x: shape.specify_shape(x, (None, 3)), lambda x: x, B),
    "specify_broadcastable": (
        lambda x, y: shape.specify_broadcastable(x, 0) + y,
        lambda x, y: x + y,
        B[:1],
        B,
    ),
    "dimshuffle": (
        lambda x: x.dimshuffle(2, "x", 0, 1),
        lambda x: x.transpose(2, 0, 1)[:, None],
        A,
    ),
    "transpose": (lambda x: x.T, np.transpose, A),
    "transpose-axes": (lambda x: x.transpose(1, 2, 0), lambda x: x.transpose(1, 2, 0), A),
    "mT": (lambda x: x.mT, lambda x: x.swapaxes(-1, -2), A),
    "swapaxes": (lambda x: x.swapaxes(0, -1), lambda x: x.swapaxes(0, -1), A),
    "moveaxis": (lambda x: structure.moveaxis(x, 0, -1), lambda x: np.moveaxis(x, 0, -1), A),
    "moveaxis-2": (
        lambda x: structure.moveaxis(x, (0, 1), (-1, 0)),
        lambda x: np.moveaxis(x, (0, 1), (-1, 0)),
        A,
    ),
    "squeeze": (lambda x: x.squeeze(), np.squeeze, ONE),
    "squeeze-axis": (lambda x: structure.squeeze(x, axis=-1), lambda x: np.squeeze(x, -1), ONE),
    "expand_dims": (
        lambda x: structure.expand_dims(x, (0, -1)),
        lambda x: np.expand_dims(x, (0, -1)),
        B,
    ),
    "padleft": (lambda x: structure.shape_padleft(x, 2), lambda x: x[None, None], B),
    "padright": (structure.shape_padright, lambda x: x[..., None], B),
    "padaxis": (lambda x: structure.shape_padaxis(x, 1), lambda x: x[:, None], B),
    "atleast_1d": (structure.atleast_1d, np.atleast_1d, np.array(2.0)),
    "atleast_2d": (structure.atleast_2d, np.atleast_2d, V),
    "atleast_3d": (structure.atleast_3d, np.atleast_3d, B),
    "atleast_3d-1": (structure.atleast_3d, np.atleast_3d, V),
    "atleast_Nd": (
        lambda x: structure.atleast_Nd(x, n=3, left=False),
        lambda x: x[..., None],
        B,
    ),
    "broadcast_to": (
        lambda x, y: structure.broadcast_to(x, y.shape),
        lambda x, y: np.broadcast_to(x, y.shape),
        ONE,
        np.zeros((2, 3, 4)),
    ),
    "broadcast_arrays": (structure.broadcast_arrays, np.broadcast_arrays, ONE, V[:2], A[:, :1, :2]),
    "alloc": (
        lambda x, y: structure.alloc(x, 2, y.shape[0], 4),
        lambda x, y: np.tile(x, (2, 3, 1)),
        V,
        ONE,
    ),
    "full_like": (lambda x: structure.full_like(x, 7), lambda x: np.full_like(x, 7), B),
    "zeros_like": (
        lambda x: structure.zeros_like(x, dtype="int8"),
        lambda x: np.zeros_like(x, dtype="int8"),
        B,
    ),
    "ones_like": (lambda x: x.ones_like(), np.ones_like, B.astype("float32")),
    "join": (
        lambda x, y: joining.join(1, x, y),
        lambda x, y: np.concatenate([x, y], 1),
        B,
        B[:, :1],
    ),
    "join-dtype": (
        lambda x, y: joining.concatenate([x, y, x]),
        lambda x, y: np.concatenate([x, y, x]),
        B.astype("float32"),
        B.astype("int32"),
    ),
    "join-empty": (
        lambda x, y: joining.join(0, x, y, x),
        lambda x, y: np.concatenate([x, y, x]),
        EMPTY,
        B,
    ),
    "stack": (lambda x, y: joining.stack([x, y], -1), lambda x, y: np.stack([x, y], -1), B, B),
    "stack-scalars": (
        lambda x, y: joining.stack([x, y]),
        lambda x, y: np.stack([x, y]),
        np.array(1.0),
        np.array(2),
    ),
    "stacklists": (
        lambda x, y: joining.stacklists([[x, 1.0], [2.0, y]]),
        lambda x, y: np.array([[x, 1.0], [2.0, y]]),
        np.array(5.0),
        np.array(6.0),
    ),
    "horizontal_stack": (joining.horizontal_stack, lambda *a: np.hstack(a), B, B),
    "vertical_stack": (joining.vertical_stack, lambda *a: np.vstack(a), B, B),
    "hstack": (lambda *a: joining.hstack(a), lambda *a: np.hstack(a), V, V),
    "vstack": (lambda *a: joining.vstack(a), lambda *a: np.vstack(a), V, V),
    "split": (
        lambda x: joining.split(x, [1, 0, 2], axis=1),
        lambda x: np.split(x, [1, 1], axis=1),
        A,
    ),
    "split-symbolic": (
        lambda x, n: joining.split(x, n, n_splits=2),
        lambda x, n: np.split(x, [n[0]]),
        V,
        np.array([1, 3]),
    ),
    "tile": (lambda x: joining.tile(x, 3), lambda x: np.tile(x, 3), V),
    "tile-2": (lambda x: joining.tile(x, (2, 1, 2)), lambda x: np.tile(x, (2, 1, 2)), B),
    "tile-short": (lambda x: joining.tile(x, (2,)), lambda x: np.tile(x, (2,)), B),
    "tile-symbolic": (
        lambda x, n: joining.tile(x, (n, 1)),
        lambda x, n: np.tile(x, (n, 1)),
        B,
        np.array(2),
    ),
    "repeat": (lambda x: x.repeat(2, 0), lambda x: x.repeat(2, 0), B),
    "repeat-flat": (lambda x: x.repeat(3), lambda x: x.repeat(3), B),
    "repeat-symbolic": (
        lambda x, n: x.repeat(n, 1),
        lambda x, n: x.repeat(n, 1),
        B,
        np.array(2),
    ),
    "repeat-vector": (
        lambda x, n: joining.repeat(x, n, 1),
        lambda x, n: np.repeat(x, n, 1),
        B,
        np.array([2, 0, 1]),
    ),
    "repeat-constants": (
        lambda x: joining.repeat(x, [2, 0, 1], 1),
        lambda x: np.repeat(x, [2, 0, 1], 1),
        B,
    ),
    "roll": (lambda x: joining.roll(x, 1, 1), lambda x: np.roll(x, 1, 1), A),
    "roll-flat": (lambda x: joining.roll(x, -5), lambda x: np.roll(x, -5), A),
    "roll-two": (
        lambda x: joining.roll(x, (1, -1), (0, 2)),
        lambda x: np.roll(x, (1, -1), (0, 2)),
        A,
    ),
    "roll-symbolic": (
        lambda x, n: joining.roll(x, n),
        lambda x, n: np.roll(x, n),
        V,
        np.array(-7),
    ),
    "roll-empty": (lambda x: joining.roll(x, 2, 0), lambda x: np.roll(x, 2, 0), EMPTY),
    "flip": (joining.flip, np.flip, A),
    "flip-axis": (lambda x: joining.flip(x, (0, -1)), lambda x: np.flip(x, (0, -1)), A),
    "pack-unpack": (
        lambda x, y: [v * 2 for v in joining.unpack(*joining.pack(x, y))],
        lambda x, y: [x * 2, y * 2],
        B,
        A,
    ),
    "pack-keep": (
        lambda x, y: joining.pack(x, y, keep_axes=(0, -1))[0],
        lambda x, y: np.concatenate([x, y.reshape(2, 6, 4)], 1),
        A[:, :1],
        np.arange(48.0).reshape(2, 3, 2, 4),
    ),
}


@pytest.mark.newest("the Ops that they are made of are compiled in test_ops_derived")
@pytest.mark.parametrize("name", CASES)
def test_against_numpy(name):
    symbolic, numpy, *arrays = CASES[name]
    compare(symbolic, numpy, *arrays)


@pytest.mark.parametrize("name", CASES)
def test_known_sizes_are_computed_when_the_graph_is_built(name):
    symbolic, numpy, *arrays = CASES[name]
    values = any(np.asarray(a).dtype.kind == "i" and np.ndim(a) < 2 for a in arrays)
    if values and "stack" not in name:
        arrays = [as_tensor(a) if np.asarray(a).dtype.kind == "i" else a for a in arrays]
    inputs = [
        a if isinstance(a, Constant) else TensorType(np.asarray(a).dtype, np.shape(a))()
        for a in arrays
    ]
    made = symbolic(*inputs)
    values = numpy(*(a.data if isinstance(a, Constant) else a for a in arrays))
    pairs = zip(made, values, strict=True) if isinstance(made, (list, tuple)) else [(made, values)]
    for variable, value in pairs:
        assert variable.type.shape == np.shape(value)


MODES = ("constant", "edge", "linear_ramp", "maximum", "mean", "minimum")
MODES += ("reflect", "symmetric", "wrap")


@pytest.mark.parametrize("mode", MODES)
def test_pad(mode):
    for x in (B, V, np.arange(5), np.ones((1, 2))):
        for width in (2, (1, 3), [(0, 2)] * x.ndim):
            compare(
                lambda x: padding.pad(x, width, mode),  # noqa: B023
                lambda x: np.pad(x, width, mode),  # noqa: B023
                x,
                modes=("reference",),
                rtol=1e-15,
            )
    compare(lambda x: padding.pad(x, 2, mode), lambda x: np.pad(x, 2, mode), B, rtol=1e-15)


def test_pad_values():
    widths, values = [(1, 2), (0, 3)], [(1.0, 2.0), (3.0, 4.0)]
    compare(
        lambda x: padding.pad(x, widths, constant_values=values),
        lambda x: np.pad(x, widths, constant_values=values),
        B,
    )
    compare(
        lambda x, n, v: padding.pad(x, [(n, 0), (0, n)], constant_values=v),
        lambda x, n, v: np.pad(x, [(n, 0), (0, n)], constant_values=v),
        B,
        np.array(2),
        np.array(5.0),
    )
    compare(
        lambda x: padding.pad(x, 2, "linear_ramp", end_values=(1.0, 7.0)),
        lambda x: np.pad(x, 2, "linear_ramp", end_values=(1.0, 7.0)),
        V,
        rtol=1e-15,
    )
    with pytest.raises(ValueError, match="mode must be one of"):
        padding.pad(B, 1, "median")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_reshape_and_transpose_of_any_shape(data):
    sides = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
    x = np.arange(np.prod(dims := data.draw(sides), dtype=int)).reshape(dims)
    order = data.draw(st.permutations(range(x.ndim)))
    compare(lambda v: v.transpose(order), lambda v: v.transpose(order), x, modes=["reference"])
    target = data.draw(st.permutations(dims))
    compare(lambda v: v.reshape(target), lambda v: v.reshape(target), x, modes=["reference"])
    compare(lambda v: v.flatten(), np.ravel, x, modes=["reference"])


# -- mistakes --------------------------------------------------------------------------------------

X, Y = TensorType("float64", (None, 3))("X"), TensorType("float64", (2, 4))("Y")


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: Y.reshape((3, 3)), ShapeError, r"\(2, 4\).*\(3, 3\)"),
        (lambda: Y.reshape((3, -1)), ShapeError, "8 elements"),
        (lambda: Y.reshape((-1, -1)), ValueError, "only one size"),
        (lambda: Y.reshape((-2, 4)), ValueError, "at least 0"),
        (lambda: Y.reshape((2.0, 4)), TypeError, "must be an integer"),
        (lambda: Y.transpose(0, 0), ValueError, "no permutation"),
        (lambda: Y.transpose(0), ValueError, "no permutation"),
        (lambda: Y.dimshuffle(0), ShapeError, "is dropped"),
        (lambda: Y.dimshuffle(0, 1, 1), ValueError, "named twice"),
        (lambda: Y.dimshuffle(0, 2), ValueError, "axis 2 is out of range"),
        (lambda: Y.dimshuffle(0, "y", 1), ValueError, "expected an integer or 'x'"),
        (lambda: structure.squeeze(Y, 0), ShapeError, "not of size 1"),
        (lambda: structure.broadcast_to(Y, (3, 4)), ShapeError, r"\(2, 4\).*\(3, 4\)"),
        (lambda: structure.broadcast_to(Y, (4,)), ShapeError, "more dimensions"),
        (lambda: joining.join(0, X, Y), ShapeError, "sizes 3 and 4 have to be equal"),
        (lambda: joining.join(0, X, Y[0]), ShapeError, "same number of dimensions"),
        (lambda: joining.join(2, X, X), ValueError, "axis 2 is out of range"),
        (lambda: joining.stack([X, Y[0]]), ShapeError, "same shape"),
        (lambda: joining.split(Y, [1, 2]), ShapeError, "sum up to 3"),
        (lambda: joining.split(Y, [3, -1]), ValueError, "at least 0"),
        (lambda: shape.specify_shape(Y, (3, 4)), ShapeError, "known to be 2, not 3"),
        (lambda: shape.specify_shape(Y, (3,)), ShapeError, "1 sizes"),
        (lambda: shape.flatten(Y, 3), ValueError, "from 1 to 2"),
        (lambda: joining.tile(Y, -1), ValueError, "at least 0"),
        (lambda: joining.repeat(Y, [1, 2, 3], 0), ShapeError, "3 numbers of repetitions"),
    ],
)
def test_mistakes_known_when_the_graph_is_built(build, error, words):
    with pytest.raises(error, match=words):
        build()


@pytest.mark.parametrize("mode", ["reference", None])
@pytest.mark.parametrize(
    ("build", "value"),
    [
        (lambda x: x.reshape((2, 4)), np.zeros((2, 3))),
        (lambda x: x.reshape((4, -1)), np.zeros((2, 3))),
        (lambda x: shape.specify_shape(x, (2, 4)), np.zeros((2, 3))),
        (lambda x: structure.squeeze(x, 0), np.zeros((2, 3))),
        (lambda x: joining.join(0, x, x.T), np.zeros((2, 3))),
        (lambda x: structure.broadcast_to(x, (2, 4)), np.zeros((2, 3))),
        (lambda x: joining.split(x, [1, 2])[0], np.zeros((2, 3))),
    ],
)
def test_mistakes_found_when_the_function_runs(build, value, mode):
    x = TensorType("float64", (None, None))("x")
    f = function([x], build(x), mode=mode)
    with pytest.raises(ValueError, match=r".") as caught:
        f(value)
    assert "It was built at" in str(caught.value)


# -- derivatives and structure -----------------------------------------------------------------


def test_the_shape_of_a_result_is_no_reason_to_compute_it():
    x = TensorType("float64", (None, 3))("x")
    assert isinstance(shape.shape_i(x, 1), Constant)
    assert isinstance(x.shape[0].owner.op, ShapeI)
    assert x.T.shape[0].data == 3


NOT_LINEAR = ("shape", "shape-0d", "size", "size-axis", "full_like", "zeros_like", "ones_like")
IN_FLOAT32 = ("join-dtype",)


@pytest.mark.parametrize("name", [n for n in CASES if n not in NOT_LINEAR + IN_FLOAT32])
def test_gradient_of_a_weighted_sum(name):
    """All these are linear: the gradient in x of <w, f(x)> is the adjoint applied to w."""
    symbolic, numpy, *arrays = CASES[name]
    arrays = [np.asarray(a) for a in arrays]
    rng = np.random.default_rng(0)
    inputs = [TensorType(a.dtype, [1 if n == 1 else None for n in a.shape])() for a in arrays]
    made = symbolic(*inputs)
    outputs = list(made) if isinstance(made, (list, tuple)) else [made]
    floats = [v for v in inputs if v.dtype == "float64"]
    values = numpy(*arrays)
    values = list(values) if isinstance(made, (list, tuple)) else [values]
    weights = [rng.integers(1, 9, np.shape(v)).astype(float) for v in values]
    cost = sum((y * w).sum() for y, w in zip(outputs, weights, strict=True))
    gradients = function(
        inputs,
        grad(cost, floats, disconnected_inputs="ignore"),
        mode="reference",
        on_unused_input="ignore",
    )(*arrays)
    moved = [rng.integers(-4, 5, a.shape).astype(float) for a in arrays]
    step = [a + d if a.dtype == "float64" else a for a, d in zip(arrays, moved, strict=True)]
    ends = numpy(*step)
    ends = list(ends) if isinstance(made, (list, tuple)) else [ends]
    slope = sum(
        (w * (np.asarray(b) - np.asarray(a))).sum()
        for w, a, b in zip(weights, values, ends, strict=True)
    )
    directions = [d for d, a in zip(moved, arrays, strict=True) if a.dtype == "float64"]
    np.testing.assert_allclose(
        sum((g * d).sum() for g, d in zip(gradients, directions, strict=True)), slope, atol=1e-9
    )
