"""Rewrites of spread values, views and reductions, against the graph they replace.

Each row is an expression of three matrices and a vector; it is computed for sizes 0, 1 and more.
"""

import numpy as np
import pytest

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.errors import ShapeError
from numbagrad.graph.traverse import toposort
from numbagrad.ops.interpret import interpret
from numbagrad.printing import pp
from numbagrad.rewrite import rewrite

pytestmark = pytest.mark.newest("graphs are rewritten, and computed node by node")

X, Y = T.dmatrix("X"), T.dmatrix("Y")
F = T.fmatrix("F")
row, col = T.drow("row"), T.dcol("col")
v, s = T.dvector("v"), T.dscalar("s")
i, n = T.lvector("i"), T.lscalar("n")
b = T.TensorType("bool", (None, None))("b")

#: Expressions, and what they become (None: anything that computes the same).
ROWS = [
    # Spread values.
    (lambda: X.fill(Y), "Y"),
    (lambda: X.fill(col), None),
    (lambda: T.zeros_like(T.exp(X)) + Y, "Y"),
    (lambda: T.ones_like(X + Y) * col, None),
    (lambda: X * T.ones_like(Y), "X"),
    (lambda: row + T.zeros_like(col), None),
    (lambda: X.fill(s) * Y, "(s * Y)"),
    (lambda: T.exp(X.fill(s)), None),
    (lambda: X.fill(s) + X.fill(2.0), None),
    (lambda: X.fill(s).T, None),
    (lambda: X.fill(s).sum(), None),
    (lambda: X.fill(2.0).sum(), None),
    (lambda: X.fill(2.0).sum(axis=1), None),
    (lambda: X.fill(col).sum(axis=1), None),
    (lambda: X.fill(row).sum(axis=(0, 1)), None),
    (lambda: X.fill(1.0).sum(axis=0, keepdims=True), None),
    (lambda: T.fill(i, 3).sum(), None),
    (lambda: T.fill(T.zeros((4, 3)), s).sum(), None),
    (lambda: F.fill(1.0).sum(), None),
    (lambda: T.broadcast_to(T.broadcast_to(s, (4,)), (2, 4)), None),
    (lambda: T.broadcast_to(X, X.shape), "X"),
    (lambda: T.broadcast_to(col, X.shape) + Y, None),
    (lambda: T.switch(b, X.fill(1.0), Y), None),
    (lambda: T.switch(b, X.fill(1.0), X.fill(2.0)), None),
    (lambda: T.eq(X.fill(1.0), 1.0), None),
    # Views of views.
    (lambda: X.T.T, "X"),
    (lambda: X.dimshuffle(1, 0, "x").dimshuffle(2, 1, 0), None),
    (lambda: X.dimshuffle(0, "x", 1).dimshuffle(0, 2), "X"),
    (lambda: row.dimshuffle(1).dimshuffle("x", 0), "row"),
    (lambda: X.reshape((-1,)).reshape(X.shape), "X"),
    (lambda: X.reshape((X.shape[1], X.shape[0])).flatten(), None),
    (lambda: X[:, :], "X"),
    (lambda: X[::-1][::-1], "X"),
    (lambda: X[::-1, ::-1][:, ::-1], "X[::-1]"),
    (lambda: X[::-1][1:], None),
    (lambda: T.specify_shape(X, X.shape), "X"),
    (lambda: X[1:].inc(Y[1:])[1:].inc(2.0 * Y[1:]), None),
    (lambda: X[1:].inc(Y[1:])[:-1].inc(Y[:-1]), None),
    (lambda: X[1:].inc(s)[1:].inc(Y[1:]), None),
    (lambda: X[1:].inc(Y[1:])[1:].set(Y[1:]), None),
    (lambda: T.zeros_like(v)[:, None].inc(v[:, None] * 2.0), None),
    (lambda: X[:, None].inc(s), None),
    (lambda: X[None].inc(row), None),
    (lambda: X[:, None].set(Y[:, None]), None),
    (lambda: T.broadcast_to(s, (n, 3))[1:, ::2], "broadcast_to(s, maximum(0, (-1 + n)), 2)"),
    (lambda: T.broadcast_to(s, (n, 3))[:, None, -1], None),
    (lambda: T.broadcast_to(row, (n, row.shape[1]))[1:], None),
    # Sums of parts.
    (lambda: T.sum(X[::-1, ::-1]), "sum(X)"),
    (lambda: T.sum(X[::-1, 1:]), None),
    (lambda: T.sum(X[::-1], axis=1), None),
    (lambda: T.sum(X[::-1], axis=0), "sum(X, axis=(0,))"),
    (lambda: T.sum(X[1:].inc(2.0 * X[:-1])), "(sum(X) + (2.0 * sum(X[:-1])))"),
    (lambda: T.sum(T.zeros_like(X)[1:].inc(X[:-1])), "sum(X[:-1])"),
    (lambda: T.sum(X[1:].inc(s)), None),
    (lambda: T.sum(X[1:].set(Y[1:])), None),
    (lambda: T.sum(X[1:].inc(Y[1:]), axis=0), None),
    # Products.
    (lambda: T.dot(X.T, Y), "(X.T @ Y)"),
    (lambda: T.dot(X, Y.T), "(X @ Y.T)"),
    (lambda: T.dot(X.T, Y.T), "(Y @ X).T"),
    (lambda: T.matmul(X.dimshuffle("x", 1, 0), Y.dimshuffle("x", 0, 1)), None),
    (lambda: T.dot(X.dimshuffle(1, 0).dimshuffle(1, 0), Y.T), "(X @ Y.T)"),
    # Symmetric products.
    (lambda: T.dot(X.T, col * X), "(X.T @ diag(col) @ X)"),
    (lambda: T.dot((X * col).T, X), "(X.T @ diag(col) @ X)"),
    (lambda: T.dot((2.0 * X * col).T, X), None),
    (lambda: T.dot(X.T, X), None),
    (lambda: T.dot(X.T, X * X), None),
    (lambda: T.dot((X * row).T, X), None),
    (lambda: T.dot((F * F.sum(axis=1, keepdims=True)).T, F), None),
    # Reductions.
    (lambda: X.sum(axis=0).sum(), "sum(X)"),
    (lambda: X.dimshuffle(0, "x", 1).sum(axis=2).sum(axis=0), None),
    (lambda: col.sum(axis=1), None),
    (lambda: col.sum(), None),
    (lambda: row.max(axis=0), None),
    (lambda: F.dimshuffle("x", 0, 1).sum(axis=0), None),
    (lambda: i.dimshuffle(0, "x").astype("int8").sum(axis=1), None),
    (lambda: b.dimshuffle(0, "x", 1).all(axis=1), "b"),
    (lambda: (-X).sum(axis=1), "(-sum(X, axis=(1,)))"),
    (lambda: (3.0 * X).sum(), "(3.0 * sum(X))"),
    (lambda: (0.5 * X).sum(), "sum((0.5 * X))"),
    (lambda: (2.0 * col).sum(axis=0), None),
    (lambda: (col * 2.0 * T.ones_like(X)).sum(axis=0), None),
    (lambda: (i * 3).sum(), None),
    # Shapes.
    (lambda: T.exp(X).shape[0] + Y.shape[1], None),
    (lambda: T.exp(X + Y).shape, None),
    (lambda: T.dot(X, Y.T).shape[1], "Y.shape[0]"),
    (lambda: X.fill(1.0).shape[0], "X.shape[0]"),
    (lambda: (X.shape[0] + 1) - 1, None),
    (lambda: X.size, None),
    (lambda: row.shape[0], "1"),
    (lambda: X.flatten().shape[0], None),
    (lambda: X.mean(), None),
    (lambda: X[1:].shape[0], None),
    (lambda: T.arange(n).shape[0], None),
    # Indexing.
    (lambda: v + T.zeros_like(v)[i].inc(s), None),
    (lambda: v[i] * 1.0, None),
    # Derivatives, which are full of these.
    (lambda: ng.grad((X * Y).sum(), X), "Y"),
    (lambda: ng.grad((X * col).sum(), col), None),
    (lambda: ng.grad(T.mean((X - row) ** 2), row), None),
    (lambda: ng.grad(T.sum(T.log(1 + T.exp(X.sum(axis=1)))), X), None),
    (lambda: ng.grad(T.dot(X, v).sum(), v), None),
    (lambda: ng.grad(X.max(axis=1).sum(), X), None),
    (lambda: ng.grad((v[i] ** 2).sum(), v), None),
]
SIZES = [(2, 3), (0, 3), (2, 0), (1, 1), (1, 4), (3, 1), (0, 0)]


def values_for(rows, columns):
    rng = np.random.default_rng(rows + 10 * columns)
    return {
        X: rng.normal(size=(rows, columns)),
        Y: rng.normal(size=(rows, columns)),
        F: rng.normal(size=(rows, columns)).astype("float32"),
        row: rng.normal(size=(1, columns)),
        col: rng.normal(size=(rows, 1)),
        v: rng.normal(size=columns),
        s: np.array(0.7),
        i: rng.integers(-columns, columns, 5 if columns else 0),
        n: np.array(rows),
        b: rng.random((rows, columns)) < 0.5,
    }


@pytest.mark.parametrize(("made_by", "printed"), ROWS, ids=range(len(ROWS)))
def test_same_values(made_by, printed):
    old = made_by()
    for level in ("default", "fast_compile"):
        (new,) = rewrite([old], level=level)
        assert old.type.is_super(new.type)
        for sizes in SIZES:
            values = values_for(*sizes)
            try:
                (a,) = interpret([old], values)
            except ValueError:
                continue  # a largest element of nothing
            (b,) = interpret([new], values)
            assert a.dtype == b.dtype
            assert a.shape == b.shape
            limit = 1e-5 if a.dtype == np.float32 else 1e-12
            np.testing.assert_allclose(b, a, rtol=limit, atol=limit)
    if printed is not None:
        assert pp(rewrite([old])[0]) == printed


def test_a_sum_of_parts_that_do_not_fit_stays_an_error():
    (made,) = rewrite([T.sum(X[1:].inc(Y))])
    with pytest.raises(ValueError, match="shape"):
        interpret([made], values_for(3, 2))


@pytest.mark.parametrize(
    "made_by",
    [
        lambda: T.zeros_like(T.exp(T.dot(X, Y))) + 1.0,
        lambda: T.exp(X).shape[0],
        lambda: T.ones_like(T.exp(X)).sum(),
        lambda: ng.grad(T.sum(T.exp(X) * 0 + Y), Y),
    ],
)
def test_what_only_lends_its_shape_is_not_computed(made_by):
    (new,) = rewrite([made_by()])
    assert not {"Exp", "Dot"} & {type(node.op).__name__ for node in toposort([new])}


def test_infinite_values_are_not_multiplied_by_a_size_that_may_be_zero():
    (new,) = rewrite([X.fill(s).sum()])
    values = {**values_for(0, 3), s: np.array(np.inf)}
    assert interpret([new], values)[0] == 0


def test_a_sum_of_multiples_does_not_overflow_anew():
    old = (1e-10 * v).sum()
    values = {v: np.full(20, 1e308)}
    np.testing.assert_allclose(*interpret([rewrite([old])[0], old], values))


def test_sizes_that_do_not_fit_are_found_where_types_show_them():
    with pytest.raises(ShapeError):
        rewrite([T.specify_shape(X, (2, None)) + T.specify_shape(Y, (3, None))])
