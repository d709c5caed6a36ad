"""`ShapeEnv`: sizes in terms of the inputs, one object for equal ones, and what is not proved."""

import numpy as np
import pytest

from numbagrad import tensor as T
from numbagrad.graph.basic import Apply, Variable
from numbagrad.graph.op import Op
from numbagrad.ops.interpret import interpret
from numbagrad.printing import pp
from numbagrad.rewrite import ShapeEnv

pytestmark = pytest.mark.newest("graphs are rewritten, and computed node by node")

X, Y = T.dmatrix("X"), T.dmatrix("Y")
row = T.drow("row")
v, w = T.dvector("v"), T.dvector("w")
n, m = T.lscalar("n"), T.lscalar("m")


def shown(variable):
    return [s if isinstance(s, int) else pp(s) for s in ShapeEnv([variable]).shape(variable)]


@pytest.mark.parametrize(
    ("made_by", "sizes"),
    [
        (lambda: X, ["X.shape[0]", "X.shape[1]"]),
        (lambda: T.exp(X).T, ["X.shape[1]", "X.shape[0]"]),
        (lambda: T.dot(X, v), ["X.shape[0]"]),
        (lambda: X * row, ["X.shape[0]", "X.shape[1]"]),
        (lambda: X.sum(axis=1, keepdims=True), ["X.shape[0]", 1]),
        (lambda: X.sum(), []),
        (lambda: T.zeros((n, 3)), ["n", 3]),
        (lambda: T.zeros((n + 1 - 1, 2 * 3)), ["n", 6]),
        (lambda: T.zeros(T.exp(X).shape), ["X.shape[0]", "X.shape[1]"]),
        (lambda: X.shape, [2]),
        (lambda: X.dimshuffle(0, "x", 1), ["X.shape[0]", 1, "X.shape[1]"]),
    ],
)
def test_sizes_follow_from_the_inputs(made_by, sizes):
    assert shown(made_by()) == sizes


def test_equal_sizes_are_one_object():
    env = ShapeEnv()
    a, b = T.zeros((n * m + m,)), T.zeros((m * (n + 1),))
    assert env.shape(a)[0] is env.shape(b)[0]
    assert env.same(n + m, m + n)
    assert not env.same(n + m, n - m)
    assert not env.same(n, n + 1)
    assert env.same(T.exp(X).shape[0], X.shape[0])
    assert env.same(n // 2, n // 2)
    assert env.same(T.maximum(n - 1, 0), T.maximum(0, n - 1))
    assert not env.same(n // 2, 2 // n)
    assert not env.obligations


def test_sizes_that_meet_are_taken_as_equal_and_reported_once():
    z = (v + w) * w
    env = ShapeEnv([z])
    ((a, b, node),) = env.obligations
    assert {pp(a), pp(b)} == {"v.shape[0]", "w.shape[0]"}
    assert node is z.owner.inputs[0].owner
    assert env.shape(v)[0] is env.shape(w)[0] is env.shape(z)[0]


def test_what_follows_from_an_equality_is_known_too():
    join = T.zeros((v.shape[0] + 1,))
    other = T.zeros((w.shape[0] + 1,))
    env = ShapeEnv([v + w, join, other])
    assert len(env.obligations) == 1
    assert env.shape(join)[0] is env.shape(other)[0]


def test_known_numbers_win():
    fixed = T.TensorType("float64", (3,))("fixed")
    env = ShapeEnv([v + fixed])
    assert env.shape(v) == (3,)
    assert len(env.obligations) == 1
    assert ShapeEnv([fixed + fixed]).obligations == []


def test_a_contradiction_stays_an_obligation():
    env = ShapeEnv([T.zeros((n,)) + v, v + T.specify_shape(w, (3,)), T.zeros((n,)) + T.zeros((4,))])
    assert env.shape(v) == (3,)
    assert (3, 4) in [(a, b) for a, b, _ in env.obligations] or (4, 3) in [
        (a, b) for a, b, _ in env.obligations
    ]


def test_an_op_without_a_shape_rule_has_sizes_of_its_own():
    class Odd(Op):
        """A user's Op."""

        def make_node(self, x):
            return Apply(self, [x], [T.dvector()])

    y = Odd()(v)
    env = ShapeEnv([y * 2])
    (size,) = env.shape(y)
    assert isinstance(size, Variable)
    assert size.owner.inputs == [y]


def test_long_chains():
    s = v
    k = n
    for _ in range(5_000):
        s = T.sin(s)
        k = k + 1
    env = ShapeEnv([s])
    assert env.shape(s)[0] is env.shape(v)[0]
    assert env.same(k, n + 5_000)


@pytest.mark.parametrize("rows", [0, 1, 4])
@pytest.mark.parametrize("columns", [0, 1, 3])
def test_sizes_are_the_actual_sizes(rows, columns):
    values = {X: np.zeros((rows, columns)), Y: np.zeros((rows, columns)), n: np.array(3)}
    graphs = [
        X[1:],
        X[::-2],
        X[:n],
        X[-2:n],
        T.dot(X.T, Y),
        X.flatten(),
        X.reshape((X.shape[1], -1)) if columns else X,
        T.arange(n),
        T.concatenate([X, Y, X], axis=1),
        T.stack([X, Y]),
        X[0] if rows else X,
        T.zeros_like(X)[1:].inc(1.0),
        T.sort(X, axis=0),
        T.cumsum(X, axis=1),
    ]
    for graph in graphs:
        sizes = ShapeEnv([graph]).shape(graph)
        symbols = [s for s in sizes if isinstance(s, Variable)]
        known = dict(zip(symbols, interpret(symbols, values), strict=True))
        (value,) = interpret([graph], values)
        assert tuple(int(known.get(s, s)) for s in sizes) == value.shape
