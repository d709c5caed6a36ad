"""Arrays made from numbers, diagonals, grids, and constructors of variables: against NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import numbagrad  # noqa: F401 - makes all Ops known
from numbagrad.config import using
from numbagrad.errors import ShapeError
from numbagrad.function.function import function
from numbagrad.gradient import grad
from numbagrad.graph.tensor import TensorType
from numbagrad.ops import constructors as c
from numbagrad.ops import diagonals as d
from numbagrad.ops.variables import CONSTRUCTORS, NAMES, PREFIXES, tensor

from .against_numpy import compare

B = np.arange(12.0).reshape(3, 4)
A = np.arange(24.0).reshape(2, 3, 4)
V = np.array([3.0, 1.0, 4.0])
N = np.array(4)

CASES = {
    "arange": (lambda n: c.arange(n), lambda n: np.arange(n), N),
    "arange-3": (
        lambda a, b: c.arange(a, b, -2),
        lambda a, b: np.arange(a, b, -2),
        N,
        np.array(-5),
    ),
    "arange-step": (lambda s: c.arange(10, 0, s), lambda s: np.arange(10, 0, s), np.array(-3)),
    "arange-none": (lambda n: c.arange(n, 0), lambda n: np.arange(n, 0), N),
    "arange-float": (lambda n: c.arange(0.5, n), lambda n: np.arange(0.5, n), N),
    "arange-dtype": (
        lambda n: c.arange(n, dtype="float32"),
        lambda n: np.arange(n, dtype="float32"),
        N,
    ),
    "full": (lambda n: c.full((n, 2), 7), lambda n: np.full((n, 2), 7), N),
    "zeros": (lambda n: c.zeros((n, 2)), lambda n: np.zeros((n, 2)), N),
    "zeros-vector": (lambda x: c.zeros(x.shape), lambda x: np.zeros(x.shape), B),
    "ones": (lambda n: c.ones(n, dtype="int8"), lambda n: np.ones(n, dtype="int8"), N),
    "eye": (lambda n: c.eye(n), lambda n: np.eye(n), N),
    "eye-k": (lambda n, k: c.eye(n, 3, k), lambda n, k: np.eye(n, 3, k), N, np.array(-2)),
    "identity_like": (c.identity_like, lambda x: np.eye(3, 4, dtype=x.dtype), B.astype("float32")),
    "tri": (lambda n: c.tri(n, 6, 1), lambda n: np.tri(n, 6, 1), N),
    "tril": (lambda x: c.tril(x, 1), lambda x: np.tril(x, 1), A),
    "triu": (lambda x: c.triu(x, -1), lambda x: np.triu(x, -1), B),
    "tril-vector": (c.tril, np.tril, V),
    "tril_indices": (lambda n: c.tril_indices(n, 1, 3), lambda n: np.tril_indices(n, 1, 3), N),
    "triu_indices": (lambda n: c.triu_indices(n), lambda n: np.triu_indices(n), N),
    "triu_indices_from": (
        lambda x: c.triu_indices_from(x, 1),
        lambda x: np.triu_indices(3, 1, 4),
        B,
    ),
    "linspace": (lambda n: c.linspace(-1, 2.5, n), lambda n: np.linspace(-1, 2.5, n), N),
    "linspace-open": (
        lambda n: c.linspace(0, 1, n, endpoint=False),
        lambda n: np.linspace(0, 1, n, endpoint=False),
        N,
    ),
    "linspace-arrays": (
        lambda x, y: c.linspace(x, y, 5, axis=1),
        lambda x, y: np.linspace(x, y, 5, axis=1),
        V,
        V[::-1].copy(),
    ),
    "linspace-step": (
        lambda x: c.linspace(x, 2.0, 4, retstep=True),
        lambda x: np.linspace(x, 2.0, 4, retstep=True),
        np.array(0.5),
    ),
    "linspace-integers": (
        lambda x: c.linspace(x, 10, 4, dtype="int64"),
        lambda x: np.linspace(x, 10, 4, dtype="int64"),
        np.array(-7.5),
    ),
    "logspace": (
        lambda x: c.logspace(x, 3, 5, base=2.0),
        lambda x: np.logspace(x, 3, 5, base=2.0),
        np.array(-1.0),
    ),
    "geomspace": (
        lambda x: c.geomspace(x, 100.0, 4),
        lambda x: np.geomspace(x, 100.0, 4),
        np.array(0.1),
    ),
    "geomspace-negative": (
        lambda x: c.geomspace(x, -8.0, 4),
        lambda x: np.geomspace(x, -8.0, 4),
        np.array(-1.0),
    ),
    "mgrid": (lambda n: c.mgrid[0:n, 1:3], lambda n: np.mgrid[0:n, 1:3], N),
    "mgrid-points": (lambda x: c.mgrid[x:1:5j], lambda x: np.mgrid[x:1:5j], np.array(0.0)),
    "ogrid": (lambda n: c.ogrid[0:n, 5:0:-2], lambda n: np.ogrid[0:n, 5:0:-2], N),
    "diag": (d.diag, np.diag, V),
    "diag-k": (lambda x: d.diag(x, -2), lambda x: np.diag(x, -2), V),
    "diag-matrix": (lambda x: d.diag(x, 1), lambda x: np.diag(x, 1), B),
    "diagonal": (lambda x: x.diagonal(), np.diagonal, B),
    "diagonal-axes": (
        lambda x: d.diagonal(x, -1, 2, 0),
        lambda x: np.diagonal(x, -1, 2, 0),
        A,
    ),
    "trace": (lambda x: d.trace(x, 1, 1, 2), lambda x: np.trace(x, 1, 1, 2), A),
}


@pytest.mark.newest("the Ops that they are made of are compiled in test_ops_derived")
@pytest.mark.parametrize("name", CASES)
def test_against_numpy(name):
    loose = name.startswith(("logspace", "geomspace"))
    compare(*CASES[name], rtol=1e-14 if loose else 0.0)


@pytest.mark.parametrize("num", [0, 1, 2, 3])
@pytest.mark.parametrize("endpoint", [True, False])
def test_few_points(num, endpoint):
    for symbolic, numpy in ((c.linspace, np.linspace), (c.geomspace, np.geomspace)):
        compare(
            lambda x: symbolic(x, 5.0, num, endpoint),  # noqa: B023
            lambda x: numpy(x, 5.0, num, endpoint),  # noqa: B023
            np.array(2.0),
            rtol=1e-15,
        )
    compare(
        lambda x, n: c.linspace(x, 5.0, n, endpoint),
        lambda x, n: np.linspace(x, 5.0, n, endpoint),
        np.array(2.0),
        np.array(num),
    )


@settings(max_examples=100, deadline=None)
@given(st.integers(-9, 9), st.integers(-9, 9), st.integers(-4, 4).filter(bool))
def test_lengths_of_ranges(start, stop, step):
    assert c.arange(start, stop, step).type.shape == np.arange(start, stop, step).shape
    compare(
        lambda *a: c.arange(*a),
        lambda *a: np.arange(*a),
        *map(np.array, (start, stop, step)),
        modes=["reference"],
    )
    if step > 0 or start > stop:
        compare(
            lambda a: c.arange(a, stop, step * 0.3),
            lambda a: np.arange(a, stop, step * 0.3),
            np.array(start * 1.0),
            modes=["reference"],
        )


def test_filling_diagonals():
    def filled(x, v):
        made = x.copy()
        np.fill_diagonal(made, v)
        return made

    compare(d.fill_diagonal, filled, B, np.array(7.0))
    compare(lambda x: d.fill_diagonal(x, 7), lambda x: filled(x, 7), B)
    compare(d.fill_diagonal, filled, np.arange(27.0).reshape(3, 3, 3), np.array(-1.0))

    def beside(x, v):
        made = x.copy()
        np.fill_diagonal(made[:, 1:], v)
        return made

    compare(lambda x, v: d.fill_diagonal_offset(x, v, 1), beside, B, np.array(7.0))


def test_gradients_of_grids_and_triangles():
    x = TensorType("float64", ())("x")
    f = function([x], grad((c.linspace(x, 3.0, 4) ** 2).sum(), x), mode="reference")
    points = np.linspace(1.5, 3.0, 4)
    np.testing.assert_allclose(f(1.5), (2 * points * [1, 2 / 3, 1 / 3, 0]).sum())
    m = TensorType("float64", (None, None))("m")
    f = function([m], grad((c.tril(m) ** 2).sum(), m))
    np.testing.assert_array_equal(f(B), 2 * np.tril(B))


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: c.arange(0, 3, 0), ValueError, "step can not be 0"),
        (lambda: c.arange([1, 2]), TypeError, "real scalars"),
        (lambda: c.zeros((2, -1)), ValueError, "at least 0"),
        (lambda: c.zeros(2.5), TypeError, "must be an integer"),
        (lambda: c.eye(-1), ValueError, "at least 0"),
        (lambda: c.mgrid[3], TypeError, "take slices"),
        (lambda: c.geomspace(0.0, 1.0), ValueError, "must not be 0"),
        (lambda: d.diag(A), ShapeError, "vector or a matrix"),
        (lambda: d.diagonal(V), ShapeError, "at least 2 dimensions"),
        (lambda: d.fill_diagonal([[1, 2], [3, 4]], 0.5), TypeError, "can not be written"),
    ],
)
def test_mistakes(build, error, words):
    with pytest.raises(error, match=words):
        build()


# -- variables -------------------------------------------------------------------------------------


@pytest.mark.parametrize("letter", PREFIXES)
def test_constructors_of_variables(letter):
    for (one, many), shape in NAMES.items():
        dtype = PREFIXES[letter] or "float64"
        x = CONSTRUCTORS[letter + one]("x")
        assert (x.name, x.type) == ("x", TensorType(dtype, shape))
        assert CONSTRUCTORS[letter + one]().name is None
        a, b = CONSTRUCTORS[letter + many]("a", "b")
        assert (a.name, b.name, a.type) == ("a", "b", x.type)
        assert [v.name for v in CONSTRUCTORS[letter + many](3)] == [None] * 3


def test_arguments_of_constructors():
    vector, matrix, row = (CONSTRUCTORS[n] for n in ("vector", "matrix", "row"))
    assert vector("x", dtype="int32").type == TensorType("int32", (None,))
    assert matrix("x", shape=(None, 3)).type.shape == (None, 3)
    with using(floatX="float32"):
        assert vector().dtype == "float32"
    with pytest.raises(TypeError, match="float64, not 'int8'"):
        CONSTRUCTORS["dvector"]("x", dtype="int8")
    with pytest.raises(ValueError, match="has 2 dimensions"):
        matrix("x", shape=(3,))
    with pytest.raises(ValueError, match="has the shape"):
        row("x", shape=(2, 3))


def test_tensor_in_both_orders_of_arguments():
    wanted = TensorType("float32", (None, 3))
    assert tensor("x", dtype="float32", shape=(None, 3)).type == wanted
    assert tensor("float32", (None, 3)).type == wanted
    assert tensor("float32", shape=(None, 3)).type == wanted
    assert tensor(dtype="float32", shape=(None, 3)).type == wanted
    assert tensor("float32", (False, True)).type == TensorType("float32", (None, 1))
    assert tensor("x", ndim=2).type == TensorType("float64", (None, None))
    assert tensor("x", dtype="float64", shape=(3,)).name == "x"
    with pytest.raises(TypeError, match="needs a shape"):
        tensor("x")
