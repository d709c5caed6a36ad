"""Jacobians and Hessians: every ndim, both modes, sparsity, and what is refused."""

import re
import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.errors import DisconnectedInputError, NullTypeGradError, ShapeError
from numbagrad.gradient import SparseMatrix, disconnected_grad, sparsity, undefined_grad
from numbagrad.graph.registry import OP_CLASSES
from numbagrad.graph.tensor import TensorType
from tests.gradient_values import UserOp, value

RNG = np.random.default_rng(12)


def differences(f, x, step=1e-6):
    """The Jacobian of a function of an array by central differences."""
    x = np.asarray(x, float)
    columns = []
    for k in range(x.size):
        e = np.zeros(x.size)
        e[k] = step
        ahead, behind = (np.asarray(f(x + s * e.reshape(x.shape))) for s in (1, -1))
        columns.append((ahead - behind) / (2 * step))
    shape = np.shape(f(x))
    return np.stack(columns, -1).reshape(shape + x.shape) if columns else np.zeros(shape + x.shape)


def variable(name, shape, static=False):
    known = shape if static else [1 if n == 1 else None for n in shape]
    return T.tensor(name, shape=known, dtype="float64")


W = RNG.normal(size=(3, 4))
M = RNG.normal(size=(4, 4))

#: Name, shape of the variable, and the function, which NumPy and numbagrad both compute.
FUNCTIONS = [
    ("scalar of scalar", (), lambda m, x: m.sin(x) * x),
    ("vector of scalar", (), lambda m, x: m.exp(x) * np.arange(1.0, 4.0)),
    ("matrix of scalar", (), lambda m, x: m.sin(x) * W),
    ("scalar of vector", (4,), lambda m, x: m.exp(m.sin(x).sum())),
    ("elementwise", (4,), lambda m, x: m.exp(x) * m.sin(x) - x),
    ("linear map", (4,), lambda m, x: m.dot(W, x)),
    ("layer", (4,), lambda m, x: m.tanh(m.dot(W, x)) / (1.0 + (x**2).sum())),
    ("two layers", (4,), lambda m, x: m.dot(m.tanh(m.dot(M, m.tanh(m.dot(M, x)))), M)),
    ("slices", (4,), lambda m, x: (x[1:] - x[:-1] ** 2) * x[::-1][:3]),
    ("steps", (5,), lambda m, x: x[1::2] * x[3:0:-2]),
    ("gather", (4,), lambda m, x: x[np.array([0, 2, 2, -1])] * x),
    ("gathered twice", (4,), lambda m, x: m.sin(x[np.array([3, 1, 1])])[np.array([0, 2])]),
    ("joined", (3,), lambda m, x: m.concatenate([x**2, x[:1], m.exp(x)])),
    ("outer", (3,), lambda m, x: x[:, None] * m.sin(x)[None, :]),
    ("row sums", (3,), lambda m, x: (x[:, None] * x[None, :] ** 2).sum(1)),
    ("reshaped", (6,), lambda m, x: m.dot(x.reshape((2, 3)), np.arange(3.0)) * x[:2]),
    ("cumulated", (4,), lambda m, x: m.cumsum(x * x)),
    ("product", (4,), lambda m, x: m.prod(x, axis=0) * x),
    ("quotient", (3,), lambda m, x: x / (x.sum() + x[0] * 5.0)),
    ("matrix elementwise", (2, 3), lambda m, x: m.sin(x) * x),
    ("matrix times vector", (2, 3), lambda m, x: m.dot(x, np.arange(3.0) + 1) * 2.0),
    ("vector times matrix", (2, 3), lambda m, x: m.dot(np.arange(2.0) + 1, x) ** 2),
    ("matrix products", (3, 3), lambda m, x: m.dot(x, m.dot(x, W))),
    ("transposed", (2, 3), lambda m, x: x.T * W[:, :2]),
    ("column sums", (2, 3), lambda m, x: m.exp(x).sum(0)),
    ("trace", (3, 3), lambda m, x: m.trace(m.dot(x, x))),
    ("rows of a matrix", (3, 2), lambda m, x: x[1:] * x[0]),
    ("three dimensions", (2, 2, 3), lambda m, x: (x**2).sum(1)),
    ("to three dimensions", (2, 3), lambda m, x: x[None] * np.arange(2.0)[:, None, None]),
    ("one element", (1,), lambda m, x: x * np.arange(3.0)),
    ("one row", (1, 3), lambda m, x: m.exp(x) * W[:, :3]),
    ("nothing", (0,), lambda m, x: m.sin(x)),
]
CASES = pytest.mark.parametrize(
    ("shape", "f"), [(s, f) for _, s, f in FUNCTIONS], ids=[n for n, _, _ in FUNCTIONS]
)


class _Numbagrad:
    """NumPy's names."""

    def __getattr__(self, name):
        return getattr(T, name)


TENSOR = _Numbagrad()


@pytest.mark.newest("graphs are computed node by node")
@CASES
@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_against_finite_differences(shape, f, mode):
    at = RNG.uniform(0.2, 1.2, shape)
    for static in (False, True):
        x = variable("x", shape, static)
        y = f(TENSOR, x)
        made = ng.jacobian(y, x, mode=mode)
        assert made.ndim == y.ndim + x.ndim and made.dtype == "float64"
        got = value(made, {x: at})
        assert got.shape == np.shape(f(np, at)) + shape
        np.testing.assert_allclose(got, differences(lambda a: f(np, a), at), atol=1e-8, rtol=1e-7)


#: Those that are compiled: one for each way in which code is generated.
COMPILED = {"layer", "slices", "gather", "joined", "outer", "cumulated", "matrix times vector",
            "matrix products", "transposed", "three dimensions", "one row"}  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "f"),
    [
        pytest.param(
            s,
            f,
            id=n,
            marks=() if n in ("layer", "gather") else pytest.mark.newest("two of them will do"),
        )
        for n, s, f in FUNCTIONS
        if n in COMPILED
    ],
)
def test_compiled(shape, f):
    at = RNG.uniform(0.2, 1.2, shape)
    x = variable("x", shape)
    y = f(TENSOR, x)
    cost = (T.sin(y) + y**2).sum()
    gradient = ng.function([x], ng.grad(cost, x), mode="reference")
    made = [ng.jacobian(y, x, mode=m) for m in ("forward", "reverse")]
    *jacobians, hessian = ng.function([x], [*made, ng.hessian(cost, x)])(at)
    for got in jacobians:
        np.testing.assert_allclose(got, differences(lambda a: f(np, a), at), atol=1e-8, rtol=1e-7)
    np.testing.assert_allclose(hessian, differences(gradient, at), atol=1e-7, rtol=1e-6)


@pytest.mark.newest("graphs are computed node by node")
@CASES
def test_detected_sparsity(shape, f):
    at = RNG.uniform(0.2, 1.2, shape)
    x = variable("x", shape)
    y = f(TENSOR, x)
    want = differences(lambda a: f(np, a), at)
    for mode in ("auto", "forward", "reverse"):
        made = ng.jacobian(y, x, sparsity="detect", at={"x": at}, mode=mode, result="sparse")
        assert isinstance(made, SparseMatrix)
        got = made.to_scipy(value(made.data, {x: at})).toarray()
        np.testing.assert_allclose(
            got.reshape(want.shape), want, atol=1e-8, rtol=1e-7, err_msg=mode
        )
    dense = ng.jacobian(y, x, sparsity="detect", at={x: at})
    np.testing.assert_allclose(value(dense, {x: at}), want, atol=1e-8, rtol=1e-7)


@pytest.mark.newest("graphs are computed node by node")
@CASES
def test_hessians(shape, f):
    at = RNG.uniform(0.2, 1.2, shape)
    x = variable("x", shape)
    y = f(TENSOR, x)
    cost = (T.sin(y) + y**2).sum() if y.ndim else T.sin(y)
    gradient = ng.function([x], ng.grad(cost, x), mode="reference")
    want = differences(gradient, at)
    made = [ng.hessian(cost, x), ng.hessian(cost, x, sparsity="detect", at={x: at})]
    for got in (value(h, {x: at}) for h in made):
        assert got.shape == shape + shape
        np.testing.assert_allclose(got, want, atol=1e-7, rtol=1e-6)


# -- every Op ------------------------------------------------------------------------------------


def _differentiable():
    return [c for c in OP_CLASSES if c.__module__.startswith("numbagrad") and not c.no_derivative]


@pytest.mark.newest("graphs are computed node by node")
@pytest.mark.parametrize("cls", _differentiable(), ids=lambda c: c.__name__)
def test_both_modes_agree_and_lie_in_the_detected_pattern_for_every_op(cls):
    for sample in [s for s in cls.samples if s.smooth][:6]:
        inputs = [TensorType(a.dtype, a.shape).make_variable() for a in sample.arrays]
        outputs = cls(**sample.params)(*inputs, return_list=True)
        at = dict(zip(inputs, sample.arrays, strict=True))
        for x in inputs:
            if x.dtype != "float64":
                continue
            for y in (v for v in outputs if v.dtype == "float64"):
                try:
                    modes = [ng.jacobian(y, x, mode=m) for m in ("forward", "reverse")]
                    modes.append(ng.jacobian(y, x, sparsity="detect", at=_others(at, x)))
                except (DisconnectedInputError, NullTypeGradError):
                    continue
                forward, reverse, few = (value(v, _used(v, at)) for v in modes)
                assert forward.shape == value(y, _used(y, at)).shape + x.type.shape
                np.testing.assert_allclose(forward, reverse, rtol=1e-9, atol=1e-10)
                np.testing.assert_allclose(few, reverse, rtol=1e-9, atol=1e-10)


def _others(at, x):
    return {v: a for v, a in at.items() if v is not x}


def _used(made, at):
    return {v: a for v, a in at.items() if v in set(ng.graph.traverse.ancestors([made]))}


# -- forms ---------------------------------------------------------------------------------------


def test_the_form_of_wrt_is_kept():
    x, y = T.dvector("x"), T.dmatrix("y")
    f = T.dot(y, x)
    assert ng.jacobian(f, x).ndim == 2
    made = ng.jacobian(f, [x, y])
    assert isinstance(made, list) and [m.ndim for m in made] == [2, 3]
    assert isinstance(ng.jacobian(f, (x,)), tuple)
    assert isinstance(ng.hessian((f**2).sum(), (x, y)), tuple)
    assert isinstance(ng.hessian((f**2).sum(), [x]), list)


@pytest.mark.newest("two of test_compiled will do")
def test_several_variables_in_both_modes():
    x, y = T.dvector("x"), T.dmatrix("y")
    f = T.tanh(T.dot(y, x))
    at = {x: RNG.normal(size=3), y: RNG.normal(size=(2, 3))}
    for mode in ("forward", "reverse"):
        by_x, by_y = ng.function([x, y], ng.jacobian(f, [x, y], mode=mode))(*at.values())
        slope = 1 - np.tanh(at[y] @ at[x]) ** 2
        np.testing.assert_allclose(by_x, slope[:, None] * at[y])
        want = np.einsum("i,ij,k->ijk", slope, np.eye(2), at[x])
        np.testing.assert_allclose(by_y, want, atol=1e-12)


def test_hessians_of_several_variables_are_those_of_each():
    x, y = T.dvector("x"), T.dscalar("y")
    by_x, by_y = ng.hessian((x**2).sum() * y**3, [x, y])
    at = {x: np.array([1.0, 2.0]), y: np.array(2.0)}
    np.testing.assert_allclose(value(by_x, {y: 2.0, x: at[x]}), 16.0 * np.eye(2))
    np.testing.assert_allclose(value(by_y, at), 6 * 2.0 * 5.0)


def test_pytensors_arguments_by_position():
    x = T.dvector("x")
    for made in (ng.jacobian(x**2, x, None, "raise", True), T.jacobian(x**2, x, vectorize=False)):
        np.testing.assert_allclose(made.eval({x: [1.0, 2.0]}), [[2.0, 0.0], [0.0, 4.0]])
    made = T.hessian((x**3).sum(), x, None, "raise")
    np.testing.assert_allclose(made.eval({x: [1.0, 2.0]}), [[6.0, 0.0], [0.0, 12.0]])


def test_float32_stays_float32():
    x = T.fvector("x")
    made = [ng.jacobian(T.exp(x), x), ng.hessian(T.exp(x).sum(), x)]
    made += [ng.hessian(T.exp(x).sum(), x, sparsity=np.eye(2, dtype=bool))]
    assert all(m.dtype == "float32" for m in made)
    for got in ng.function([x], made)(np.zeros(2, np.float32)):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, np.eye(2))


def test_a_complex_expression_of_a_real_variable():
    x = T.dvector("x")
    made = ng.jacobian(T.exp(1j * x), x)
    np.testing.assert_allclose(value(made, {x: np.zeros(2)}), 1j * np.eye(2))


def test_a_user_s_op_without_a_forward_rule():
    x = T.dvector("x")
    cube = UserOp(lambda a: a**3, lambda i, g: [g[0] * 3.0 * i[0] ** 2], ndim=1, name="Cube")
    at = np.array([1.0, 2.0, -1.0])
    for mode in ("forward", "reverse"):
        got = value(ng.jacobian(cube(x * 2.0), x, mode=mode), {x: at})
        np.testing.assert_allclose(got, np.diag(24 * at**2))
    got = value(ng.hessian(cube(x).sum(), x), {x: at})
    np.testing.assert_allclose(got, np.diag(6 * at))


def test_an_intermediate_as_wrt():
    x = T.dvector("x")
    y = T.exp(x)
    got = value(ng.jacobian(y**2, y), {x: np.zeros(2)})
    np.testing.assert_allclose(got, 2 * np.eye(2))


def test_the_derivative_of_a_jacobian():
    x = T.dvector("x")
    at = np.array([0.3, 0.8])
    third = ng.jacobian(ng.hessian((x**4).sum() * x[0], x), x)
    hessian = ng.function([x], ng.hessian((x**4).sum() * x[0], x), mode="reference")
    np.testing.assert_allclose(value(third, {x: at}), differences(hessian, at), atol=1e-7)
    by_grad = ng.grad(ng.jacobian(T.sin(x) * x[0], x).sum(), x)
    jac = ng.function([x], ng.jacobian(T.sin(x) * x[0], x).sum(), mode="reference")
    np.testing.assert_allclose(value(by_grad, {x: at}), differences(jac, at), atol=1e-8)


# -- rules ---------------------------------------------------------------------------------------


class TestDisconnected:
    def test_jacobian(self):
        x, y = T.dvector("x"), T.dvector("y")
        for mode in ("forward", "reverse"):
            with pytest.raises(DisconnectedInputError, match=r"y.*not in that graph"):
                ng.jacobian(x**2, [x, y], mode=mode)
            with pytest.warns(UserWarning, match="not in that graph"):
                ng.jacobian(x**2, y, None, "warn", mode=mode)
            made = ng.jacobian(x**2, y, disconnected_inputs="ignore", mode=mode)
            got = value(made, {x: np.ones(2), y: np.ones(3)})
            np.testing.assert_array_equal(got, np.zeros((2, 3)))

    def test_the_cut_is_named(self):
        x = T.dvector("x")
        for mode in ("forward", "reverse"):
            with pytest.raises(DisconnectedInputError, match="disconnected_grad"):
                ng.jacobian(disconnected_grad(x) * 2.0, x, mode=mode)

    def test_consider_constant(self):
        x = T.dvector("x")
        y = x**2
        for mode in ("forward", "reverse"):
            made = ng.jacobian(x * y, x, consider_constant=[y], mode=mode)
            got = value(made, {x: np.array([2.0, 3.0])})
            np.testing.assert_allclose(got, np.diag([4.0, 9.0]))

    def test_a_linear_cost_has_a_hessian_of_zeros(self):
        x, y = T.dvector("x"), T.dmatrix("y")
        np.testing.assert_array_equal(value(ng.hessian(x.sum(), x), {x: np.ones(2)}), 0)
        got = value(ng.hessian(y.sum() * 3.0, y), {y: np.ones((2, 3))})
        np.testing.assert_array_equal(got, np.zeros((2, 3, 2, 3)))
        made = ng.hessian(x.sum(), x, sparsity="detect", at={x: np.ones(2)}, result="sparse")
        assert made.indices.size == 0

    def test_of_a_hessian(self):
        x, y = T.dvector("x"), T.dvector("y")
        with pytest.raises(DisconnectedInputError, match="not in that graph"):
            ng.hessian((x**2).sum(), y)
        made = ng.hessian((x**2).sum(), y, disconnected_inputs="ignore")
        assert value(made, {y: np.ones(2)}).tolist() == [[0, 0], [0, 0]]

    def test_undefined(self):
        x = T.dvector("x")
        for mode in ("forward", "reverse"):
            with pytest.raises(NullTypeGradError):
                ng.jacobian(undefined_grad(x) * 2.0, x, mode=mode)


@pytest.mark.newest("two of test_compiled will do")
class TestZerosAreExact:
    def test_branches_not_taken(self):
        x = T.dvector("x")
        y = T.switch(x < 1, x, T.sqrt(x - 1))
        at = np.array([0.0, 1.0 - 1e-9, 2.0])
        for mode in ("forward", "reverse"):
            got = ng.function([x], ng.jacobian(y, x, mode=mode))(at)
            np.testing.assert_allclose(got, np.diag([1.0, 1.0, 0.5]))
        got = ng.function([x], ng.hessian((y**2).sum(), x))(at)
        np.testing.assert_allclose(got, np.diag([2.0, 2.0, 0.0]), atol=1e-12)

    def test_an_infinite_derivative_stays_in_its_place(self):
        x = T.dvector("x")
        for mode in ("forward", "reverse"):
            got = ng.function([x], ng.jacobian(T.sqrt(x), x, mode=mode))(np.array([0.0, 1.0]))
            np.testing.assert_array_equal(got, [[np.inf, 0.0], [0.0, 0.5]])

    def test_ties_are_shared(self):
        x = T.dvector("x")
        at = np.array([1.0, 3.0, 3.0])
        for f, want in [
            (T.stack([x.max(), x.min()]), [[0, 0.5, 0.5], [1, 0, 0]]),
            (T.maximum(x, 3.0), np.diag([0.0, 0.5, 0.5])),
            (T.sort(x), np.eye(3)),
        ]:
            modes = [ng.jacobian(f, x, mode=m) for m in ("forward", "reverse")]
            for got in ng.function([x], modes)(at):
                np.testing.assert_allclose(got, want)

    def test_products_with_zeros(self):
        x = T.dvector("x")
        got = ng.function([x], ng.hessian(x.prod(), x))(np.array([2.0, 0.0, 5.0]))
        np.testing.assert_allclose(got, [[0, 5, 0], [5, 0, 2], [0, 2, 0]])

    def test_stabilised_first(self):
        x = T.dvector("x")
        at = np.array([-1000.0, 1000.0])
        got = ng.function([x], ng.jacobian(T.log(1 + T.exp(x)), x))(at)
        np.testing.assert_allclose(got, np.diag([0.0, 1.0]), atol=1e-12)


def test_a_softmax_model():
    """The Hessian of a matrix of weights is the sum of (diag(p) - p p') x (x x')."""
    weights, x, y = T.dmatrix("weights"), T.dmatrix("x"), T.dmatrix("y")
    cost = -(y * T.log_softmax(T.dot(x, weights), axis=1)).sum()
    data = RNG.normal(size=(7, 3)), np.eye(4)[RNG.integers(4, size=7)]
    at = RNG.normal(size=(3, 4))
    f = ng.function([weights, x, y], [ng.grad(cost, weights), ng.hessian(cost, weights)])
    gradient, hessian = f(at, *data)
    p = np.exp(data[0] @ at)
    p /= p.sum(1, keepdims=True)
    inner = np.einsum("ij,jl->ijl", p, np.eye(4)) - p[:, :, None] * p[:, None, :]
    want = np.einsum("ia,ib,ijl->ajbl", data[0], data[0], inner)
    np.testing.assert_allclose(gradient, data[0].T @ (p - data[1]), atol=1e-12)
    np.testing.assert_allclose(hessian, want, atol=1e-12)


@pytest.mark.holds_at("it looks for what is simplified", optimize="default")
def test_a_product_of_a_matrix_with_itself_takes_no_product():
    w = T.dmatrix("w")
    f = ng.function([w], ng.jacobian(T.dot(w.T, w), w))
    assert "gemm" not in f.source
    at = RNG.normal(size=(3, 2))
    want = differences(lambda a: a.T @ a, at)
    np.testing.assert_allclose(f(at), want, atol=1e-8)


# -- the generated function ----------------------------------------------------------------------


@pytest.mark.newest("two of test_compiled will do")
class TestGeneratedCode:
    @pytest.mark.holds_at("rows for several threads are functions", parallel=False)
    def test_forward_values_once_in_one_function(self):
        x, a = T.dvector("x"), T.dmatrix("a")
        y = T.tanh(T.dot(a, x))
        f = ng.function([x, a], [y, ng.jacobian(y, x)])
        assert f.source.count("def ") == 1
        code = [line for line in f.source.splitlines() if not line.strip().startswith("#")]
        assert "\n".join(code).count("tanh(") == 1
        assert "zeros((" not in f.source  # no array of seeds
        at = RNG.normal(size=3), RNG.normal(size=(4, 3))
        y_, j_ = f(*at)
        np.testing.assert_allclose(j_, (1 - y_**2)[:, None] * at[1])

    @pytest.mark.holds_at("rows for several threads are functions", parallel=False)
    def test_a_gradient_a_product_and_a_hessian_in_one_function(self):
        x, p = T.dvector("x"), T.dvector("p")
        cost = (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
        outputs = [cost, ng.grad(cost, x), ng.hessian_vector_product(cost, x, p)]
        f = ng.function([x, p], [*outputs, ng.hessian(cost, x), ng.jacobian(T.exp(x), x)])
        assert f.source.count("def ") == 1
        at, way = RNG.normal(size=6), RNG.normal(size=6)
        _, _, product, hessian, jacobian = f(at, way)
        np.testing.assert_allclose(hessian @ way, product)
        np.testing.assert_allclose(hessian, hessian.T)
        np.testing.assert_allclose(jacobian, np.diag(np.exp(at)))

    @pytest.mark.holds_at("it looks for what is simplified", optimize="default")
    def test_half_of_a_dense_hessian_is_computed(self):
        X, y, w = T.dmatrix("X"), T.dvector("y"), T.dvector("w")
        z = T.dot(X, w)
        cost = (T.softplus(z) - y * z).sum() + (w**4).sum()
        f = ng.function([X, y, w], ng.hessian(cost, w))
        assert re.search(r"blas\.gram_into\(\w+, X, ", f.source)
        assert "gemm" not in f.source
        X_, w_ = RNG.normal(size=(60, 55)), RNG.normal(size=55)
        p = 1 / (1 + np.exp(-X_ @ w_))
        expected = X_.T @ (X_ * (p * (1 - p))[:, None]) + np.diag(12 * w_**2)
        np.testing.assert_allclose(f(X_, np.zeros(60), w_), expected, rtol=1e-10, atol=1e-10)

    def test_a_band_is_written_into_zeros(self):
        x = T.dvector("x")
        f = ng.function([x], ng.hessian((x[1:] * x[:-1] ** 2).sum(), x))
        assert "for j in" not in f.source  # no loop over the square

    def test_wide_jacobians_go_backwards_and_tall_ones_forwards(self):
        for rows, columns in [(3, 50), (50, 3)]:
            x = variable("x", (columns,), static=True)
            weights = variable("w", (rows, columns), static=True)
            y = T.tanh(T.dot(weights, T.exp(x)))
            auto, forward, reverse = (
                ng.function([weights, x], ng.jacobian(y, x, mode=m)).source
                for m in ("auto", "forward", "reverse")
            )
            assert auto == (reverse if rows < columns else forward)
            assert auto != (forward if rows < columns else reverse)


# -- sparsity ------------------------------------------------------------------------------------


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


@pytest.mark.newest("graphs are computed node by node")
class TestSparsity:
    def test_a_band_of_ten_thousand_variables_takes_three_sweeps(self):
        x = variable("x", (10_000,), static=True)
        made = ng.hessian(rosenbrock(x), x, sparsity="detect", result="sparse")
        assert made.sweeps == 3 and made.indices.size == 3 * 10_000 - 2
        at = RNG.normal(size=10_000)
        got = made.eval({x: at})
        assert isinstance(got, sparse.csr_array)
        diagonal = np.zeros(10_000)
        diagonal[:-1] = 2 - 400 * at[1:] + 1200 * at[:-1] ** 2
        diagonal[1:] += 200
        np.testing.assert_allclose(got.diagonal(), diagonal)
        np.testing.assert_allclose(got.diagonal(1), -400 * at[:-1])
        np.testing.assert_allclose(got.diagonal(-1), -400 * at[:-1])

    def test_an_arrow_takes_two(self):
        x = variable("x", (30,), static=True)
        cost = (x[1:] ** 2 * x[0]).sum()
        made = ng.hessian(cost, x, sparsity="detect", result="sparse")
        assert made.sweeps == 2
        at = RNG.normal(size=30)
        want = value(ng.hessian(cost, x), {x: at})
        np.testing.assert_allclose(made.eval({x: at}).toarray(), want)

    def test_rows_or_columns_whichever_are_fewer(self):
        x = variable("x", (40,), static=True)
        by_rows = ng.jacobian(T.stack([x.sum(), (x**2).sum()]), x, sparsity="detect",
                              result="sparse")  # fmt: skip
        assert by_rows.sweeps == 2
        by_columns = ng.jacobian(x[:2].sum() * x, x[:2], sparsity="detect", result="sparse",
                                 disconnected_inputs="ignore")  # fmt: skip
        assert by_columns.sweeps <= 2

    def test_a_given_pattern(self):
        x = T.dvector("x")
        y = x[1:] * x[:-1]
        at = RNG.normal(size=5)
        pattern = np.eye(4, 5, dtype=bool) | np.eye(4, 5, 1, dtype=bool)
        for given in (pattern, sparse.csr_matrix(pattern), sparse.coo_array(pattern.astype(float))):
            made = ng.jacobian(y, x, sparsity=given, at={x: at}, check=True, result="sparse")
            assert made.sweeps == 2
            np.testing.assert_allclose(
                made.eval({x: at}).toarray(), value(ng.jacobian(y, x), {x: at})
            )

    def test_one_triangle_of_a_hessian_is_enough(self):
        x = T.dvector("x")
        at = RNG.normal(size=5)
        pattern = np.eye(5, dtype=bool) | np.eye(5, k=-1, dtype=bool)
        made = ng.hessian(rosenbrock(x), x, sparsity=pattern, at={"x": at}, check=True)
        want = value(ng.hessian(rosenbrock(x), x), {x: at})
        np.testing.assert_allclose(made.eval({x: at}), want)

    def test_a_list_of_patterns(self):
        x, y = T.dvector("x"), T.dvector("y")
        made = ng.jacobian(x * y, [x, y], sparsity=[np.eye(3, dtype=bool), None])
        at = {x: np.arange(3.0), y: np.ones(3)}
        for got, want in zip(made, [np.eye(3), np.diag(np.arange(3.0))], strict=True):
            np.testing.assert_allclose(value(got, at), want)

    def test_the_pattern_does_not_depend_on_values(self):
        x = T.dvector("x")
        y = T.switch(x > 0, x, x[::-1]) * 2.0 + T.maximum(x, T.exp(x))
        found = sparsity.detect(y, x, {x: np.zeros(4)}).toarray()
        np.testing.assert_array_equal(found, np.eye(4, dtype=bool) | np.eye(4, dtype=bool)[::-1])

    def test_indices_that_depend_on_values_are_taken_as_any(self):
        x = T.dvector("x")
        found = sparsity.detect(x[T.argsort(x)], x, {x: np.zeros(3)}).toarray()
        assert found.all()
        i = T.lvector("i")
        found = sparsity.detect(x[i], x, {x: np.zeros(3), i: [2, 0]}).toarray()
        np.testing.assert_array_equal(found, [[0, 0, 1], [1, 0, 0]])

    def test_zeros_of_a_constant_matrix_are_seen(self):
        x = variable("x", (4,), static=True)
        band = np.diag(np.ones(4)) + np.diag(np.ones(3), 1)
        found = sparsity.detect(T.dot(band, x) * np.array([1.0, 1, 1, 0]), x, {}).toarray()
        want = band.astype(bool)
        want[3] = False
        np.testing.assert_array_equal(found, want)

    def test_recovery_from_any_symmetric_pattern(self):
        for size in range(1, 12):
            pattern = RNG.random((size, size)) < 0.3
            pattern |= pattern.T
            matrix = RNG.normal(size=(size, size)) * pattern
            matrix += matrix.T
            colours = sparsity.colour_symmetric(sparse.csr_array(pattern))
            sums = np.stack([matrix[:, colours == c].sum(1) for c in range(colours.max() + 1)])
            at = sparsity.from_colours(pattern, colours, symmetric=True)
            np.testing.assert_allclose(sums[at], matrix[pattern])

    def test_colours_that_do_not_tell_entries_apart(self):
        with pytest.raises(ShapeError, match="do not tell"):
            sparsity.from_colours(np.ones((2, 2), bool), np.array([0, 0]))

    def test_scipy_is_imported_when_it_is_needed(self):
        code = (
            "import sys, numbagrad as ng; x = ng.tensor.dvector('x'); ng.jacobian(x**2, x); "
            "assert 'scipy' not in sys.modules"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


# -- what is refused -----------------------------------------------------------------------------


class TestBadInput:
    @pytest.fixture
    def x(self):
        return T.dvector("x")

    def test_a_hessian_of_no_scalar(self, x):
        with pytest.raises(ValueError, match=r"must be a scalar.*ndim 1"):
            ng.hessian(x**2, x)

    def test_no_variable(self, x):
        with pytest.raises(TypeError, match="symbolic variable; got 3"):
            ng.jacobian(x**2, 3)
        with pytest.raises(TypeError, match="element 1 of wrt"):
            ng.jacobian(x**2, [x, "y"])
        with pytest.raises(TypeError, match="expression must be"):
            ng.jacobian([x**2], x)
        with pytest.raises(TypeError, match="cost must be"):
            ng.hessian(2.0, x)

    def test_integers(self, x):
        i = T.lvector("i")
        for call in (lambda: ng.jacobian(x * i, i), lambda: ng.hessian((x * i).sum(), i)):
            with pytest.raises(TypeError, match=r"i is of .*int64.*cast it to a float"):
                call()
        with pytest.raises(DisconnectedInputError, match="integers"):
            ng.jacobian(T.cast(x, "int64"), x)

    def test_complex(self, x):
        z = T.zvector("z")
        with pytest.raises(TypeError, match="real variables only"):
            ng.jacobian(z * 2, z)
        with pytest.raises(TypeError, match="real and imaginary"):
            ng.hessian(abs(z).sum(), z)

    @pytest.mark.parametrize(
        "options",
        [
            {"mode": "sideways"},
            {"disconnected_inputs": "shrug"},
            {"result": "table"},
            {"sparsity": "guess"},
            {"result": "sparse"},
        ],
        ids=str,
    )
    def test_unknown_options(self, x, options):
        with pytest.raises(ValueError, match=r"must be one of|needs a pattern"):
            ng.jacobian(x**2, x, **options)

    def test_patterns_of_the_wrong_shape(self, x):
        s = variable("s", (3,), static=True)
        with pytest.raises(ValueError, match=r"shape \(2, 2\), but there are 3"):
            ng.jacobian(s**2, s, sparsity=np.eye(2, dtype=bool))
        with pytest.raises(ValueError, match="2 dimensions"):
            ng.jacobian(s**2, s, sparsity=np.ones(3, bool))
        with pytest.raises(ValueError, match="square"):
            ng.hessian((x**2).sum(), x, sparsity=np.ones((2, 3), bool))
        with pytest.raises(TypeError, match="boolean array"):
            ng.jacobian(s**2, s, sparsity=object())
        with pytest.raises(ValueError, match="2 variables but sparsity has 1"):
            ng.jacobian(x * s, [x, s], sparsity=[None])

    def test_a_pattern_of_another_size_than_the_array(self, x):
        f = ng.function([x], ng.hessian((x**2).sum(), x, sparsity=np.eye(2, dtype=bool)))
        with pytest.raises((ShapeError, IndexError)):
            f(np.ones(3))

    def test_patterns_that_the_function_violates(self, x):
        at = {x: np.array([1.0, 2.0, 3.0])}
        with pytest.raises(ValueError, match=r"violates the sparsity pattern.*row 0"):
            ng.jacobian(x * x.sum(), x, sparsity=np.eye(3, dtype=bool), at=at, check=True)
        with pytest.raises(ValueError, match="violates"):
            ng.hessian(x.sum() ** 2, x, sparsity=np.eye(3, dtype=bool), at=at, check=True)
        with pytest.raises(ValueError, match="needs a value"):
            ng.jacobian(x**2, x, sparsity=np.eye(3, dtype=bool), check=True)

    def test_sizes_that_are_not_known(self, x):
        with pytest.raises(ValueError, match=r"sizes must be known.*static shape"):
            ng.jacobian(x**2, x, sparsity="detect")
        y = T.flatnonzero(x > 0) * 1.0
        with pytest.raises(ValueError, match=r"sizes must be known.*not"):
            ng.jacobian(T.concatenate([y, x]), x, sparsity="detect", at={x: np.ones(2)})
        with pytest.raises(ValueError, match="no variable of the expression"):
            ng.jacobian(x**2, x, sparsity="detect", at={"z": np.ones(2)})
