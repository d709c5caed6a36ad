"""The walk: merging, folding, barriers, large graphs; and `rewrite` and `stabilized` as a whole."""

import numpy as np
import pytest

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.errors import RewriteError
from numbagrad.graph.basic import Constant
from numbagrad.graph.registry import OPS
from numbagrad.graph.traverse import toposort
from numbagrad.ops.interpret import interpret
from numbagrad.printing import pp
from numbagrad.rewrite import rewrite, stabilized
from numbagrad.rewrite.merge import Rewriter
from numbagrad.rewrite.pattern import on

pytestmark = pytest.mark.newest("graphs are rewritten, and computed node by node")

x, y, z = (T.dscalar(n) for n in "xyz")
u, v, w = (T.dvector(n) for n in "uvw")
X = T.dmatrix("X")


def simple(expression, level="default"):
    return pp(rewrite([expression], level=level)[0])


# -- merging ---------------------------------------------------------------------------------------


def test_equal_nodes_become_one():
    made = rewrite([T.exp(v + w) * T.sin(v + w), T.exp(v + w)])
    assert len(toposort(made)) == 4


def test_commuted_arguments_are_equal():
    a, b = rewrite([T.exp(v + w), T.exp(w + v)])
    assert a is b


def test_sub_does_not_commute():
    a, b = rewrite([v - w, w - v])
    assert a is not b


def test_equal_constants_become_one_and_other_bits_do_not():
    a, b, c = rewrite([v + 2.0, v + np.float64(2.0), v + np.nextafter(2.0, 3.0)])
    assert a is b
    assert a is not c


def test_of_equal_nodes_none_is_replaced_by_one_whose_sizes_are_less_known():
    n = T.lscalar("n")
    zero, three = T.constant(0.0), T.constant(3, dtype="int64")
    loose = T.broadcast_to(zero, (n,)).owner.clone_with_new_inputs([zero, three]).outputs[0]
    tight = T.broadcast_to(zero, (3,))
    assert loose.type.shape == (None,) and loose.owner.op == tight.owner.op
    for v in rewrite([loose, tight, T.exp(tight)])[1:]:
        assert v.type.shape == (3,)


def test_zeros_of_either_sign_stay_apart():
    a, b = rewrite([v / 0.0, v / -0.0])
    old = interpret([a, b], {v: np.array([1.0])})
    assert old[0][0] == np.inf
    assert old[1][0] == -np.inf


# -- folding ---------------------------------------------------------------------------------------


def test_constants_are_computed():
    (made,) = rewrite([T.exp(T.constant([1.0, 2.0])).sum()])
    assert isinstance(made, Constant)
    np.testing.assert_allclose(made.data, np.exp([1.0, 2.0]).sum())


def test_a_number_is_not_spread_over_a_constant_array():
    (made,) = rewrite([T.ones_like(T.constant(np.zeros((100, 100))))])
    assert not isinstance(made, Constant)


def test_what_can_not_be_computed_is_left_to_the_call():
    bad = T.constant(2) ** T.constant(np.array(-1))
    (made,) = rewrite([bad])
    assert not isinstance(made, Constant)


def test_folding_keeps_nan_and_dtype():
    (made,) = rewrite([T.log(T.constant(np.float32(-1.0)))])
    assert made.data.dtype == np.float32
    assert np.isnan(made.data)


# -- the whole -------------------------------------------------------------------------------------


def test_tutorial_gradient_is_one_node():
    gradient = ng.grad(x**2, x)
    assert pp(gradient) == "((fill((x ** 2), 1.0) * 2) * (x ** (2 - 1)))"
    assert simple(gradient) == "(2.0 * x)"


def test_nothing_given_is_changed():
    s = T.exp(v + 0) * 2
    before = pp(s)
    nodes = [(n, list(n.inputs), list(n.outputs)) for n in toposort([s])]
    rewrite([s])
    assert pp(s) == before
    assert all(n.inputs == i and n.outputs == o for n, i, o in nodes)


def test_names_are_handed_on():
    s = T.log(1 + T.exp(v))
    s.name = "loss"
    (made,) = rewrite([s])
    assert made.name == "loss"
    assert made.owner.op == OPS["softplus"]


def test_nodes_belong_to_the_line_they_replace():
    s = T.log(1 + T.exp(v))
    (made,) = rewrite([s])
    assert made.owner.where == s.owner.where


def test_inputs_and_constants_may_be_outputs():
    c = T.constant(2.0)
    assert rewrite([v, c, v + 0]) == [v, rewrite([c])[0], v]


@pytest.mark.parametrize(
    ("expression", "printed"),
    [
        (lambda: v - v, "(v - v)"),
        (lambda: v * 0.0, "(0.0 * v)"),
        (lambda: T.zeros_like(v) * w, "(0.0 * w)"),
        (lambda: v / v, "(v / v)"),
        (lambda: (v * w) / w, "((v * w) / w)"),
        (lambda: T.exp(T.log(v)), "exp(log(v))"),
        (lambda: T.sqr(T.sqrt(v)), "sqr(sqrt(v))"),
        (lambda: (v + 1e16) - 1e16, "((1e+16 + v) - 1e+16)"),
        (lambda: 1e200 * (1e200 * v), "(1e+200 * (1e+200 * v))"),
        (lambda: 1e-200 * (1e-200 * v), "(1e-200 * (1e-200 * v))"),
        (lambda: v**-0.5, "(v ** -0.5)"),
    ],
)
def test_what_would_be_wrong_is_not_done(expression, printed):
    assert simple(expression()) == printed


def test_small_integers_are_not_taken_out_of_their_dtype():
    i, j = T.bvector("i"), T.lvector("j")
    values = {i: np.array([-128, 5], "int8"), j: np.array([1, 2])}
    for s in (j + (-i), j - (-i), (-i) * j, 0 - i.astype("int64"), np.int64(0) - i):
        (made,) = rewrite([s])
        old, new = interpret([s, made], values)
        np.testing.assert_array_equal(new, old)
        assert new.dtype == old.dtype


def test_single_precision_stays_single_between_two_operations():
    f = T.fvector("f")
    s = np.float64(3.0) * (f * np.float32(1.1))
    (made,) = rewrite([s])
    values = {f: np.linspace(0, 1, 7, dtype="float32")}
    np.testing.assert_array_equal(*interpret([s, made], values))


def test_reassociation_can_be_switched_off():
    with ng.using(fastmath=False):
        assert simple(3.0 * (v * 2.0)) == "(3.0 * (2.0 * v))"
    assert simple(3.0 * (v * 2.0)) == "(6.0 * v)"


def test_levels():
    s = ng.consider_constant(v) * 1.0 + T.zeros_like(w)
    assert "consider_constant" not in simple(s, "none")
    assert simple(s, "fast_compile") == "(0.0 + (1.0 * v))"
    assert simple(s) == "v"
    with pytest.raises(ValueError, match="level must be one of"):
        rewrite([s], level="fast")


# -- stabilisation ---------------------------------------------------------------------------------

EXTREME = np.array([-1000.0, -40.0, -1e-20, 0.0, 1e-20, 40.0, 1000.0])


@pytest.mark.parametrize(
    ("naive", "exact"),
    [
        (lambda v: T.log(1 + T.exp(v)), lambda a: np.logaddexp(0, a)),
        (lambda v: T.log(T.exp(v) + 1), lambda a: np.logaddexp(0, a)),
        (lambda v: T.log(1 / (1 + T.exp(-v))), lambda a: -np.logaddexp(0, -a)),
        (lambda v: T.log(1 - T.sigmoid(v)), lambda a: -np.logaddexp(0, a)),
        (lambda v: 1 - T.sigmoid(v), lambda a: np.exp(-np.logaddexp(0, a))),
        (lambda v: T.exp(v) / (1 + T.exp(v)), lambda a: np.exp(-np.logaddexp(0, -a))),
        (lambda v: T.log(T.exp(v)), lambda a: a),
        (lambda v: T.sqrt(v**2), np.abs),
        (lambda v: T.log(T.sum(T.exp(v))), np.logaddexp.reduce),
        (lambda v: T.log(T.exp(v).sum(keepdims=True)), lambda a: np.logaddexp.reduce(a)[None]),
        (
            lambda v: T.log(T.exp(v) / T.sum(T.exp(v))),
            lambda a: a - np.logaddexp.reduce(a),
        ),
        (lambda v: T.log(T.softmax(v)), lambda a: a - np.logaddexp.reduce(a)),
        (lambda v: T.log(T.exp(v) + T.exp(2 * v)), lambda a: np.logaddexp(a, 2 * a)),
        (lambda v: T.log(T.softmax(v)[2]), lambda a: (a - np.logaddexp.reduce(a))[2]),
    ],
)
def test_naive_expressions_have_the_right_values(naive, exact):
    for made in (rewrite([naive(v)]), rewrite(stabilized([naive(v)]))):
        (value,) = interpret(made, {v: EXTREME})
        np.testing.assert_allclose(value, exact(EXTREME), rtol=1e-14, atol=1e-300)


def test_sums_of_exponentials_over_nothing_and_of_single_precision():
    f = T.fmatrix("f")
    s = T.log(T.sum(T.exp(f), axis=0))
    (made,) = rewrite([s])
    assert made.type == s.type
    for shape in ((0, 3), (3, 0), (1, 1), (1, 4)):
        value = np.linspace(-1, 1, int(np.prod(shape)), dtype="float32").reshape(shape)
        np.testing.assert_allclose(*interpret([made, s], {f: value}), rtol=1e-6)


def test_logarithm_of_a_large_determinant():
    (made,) = rewrite([T.log(abs(OPS["det"](X)))])
    (value,) = interpret([made], {X: 1e10 * np.eye(200)})
    np.testing.assert_allclose(value, 200 * np.log(1e10))


@pytest.mark.parametrize("axis", [0, 1, (0, 1), None])
def test_softmax_is_recognised_whatever_the_axis(axis):
    e = T.exp(X)
    s = e / e.sum(axis=axis, keepdims=True)
    values = {X: np.array([[1000.0, 0.0, -1000.0], [1.0, 2.0, 3.0]])}
    made, exact = interpret([rewrite([s])[0], T.softmax(X, axis=axis)], values)
    np.testing.assert_allclose(made, exact)
    for shape in ((0, 3), (3, 0), (1, 1)):
        small = {X: np.linspace(-1, 1, int(np.prod(shape))).reshape(shape)}
        np.testing.assert_allclose(*interpret([rewrite([s])[0], s], small), rtol=1e-14)


def test_a_quotient_by_the_sum_over_another_axis_is_no_softmax():
    e = T.exp(X)
    s = e / e.sum(axis=0)[:, None]  # fits square matrices only
    values = {X: np.array([[1.0, 2.0], [3.0, 5.0]])}
    np.testing.assert_allclose(*interpret([rewrite([s])[0], s], values))


def test_sigmoid_that_is_used_elsewhere_costs_no_second_exponential():
    s = T.sigmoid(v)
    assert simple(s * (1 - s)) == "(sigmoid(v) * (1.0 - sigmoid(v)))"
    assert simple(1 - s) == "sigmoid((-v))"


def test_stabilized_returns_the_same_objects_where_nothing_applies():
    s, t = T.exp(v) * 2 + 0, T.log(v)
    assert all(a is b for a, b in zip(stabilized([s, t, v]), [s, t, v], strict=True))


def test_stabilized_does_not_touch_what_is_kept():
    e = T.exp(v)
    s = T.log(1 + e)
    assert pp(stabilized([s])[0]) == "softplus(v)"
    (made,) = stabilized([s], keep=[e])
    assert e in made.owner.inputs
    assert made.owner.op == OPS["log1p"]
    inner = T.log(1 + T.exp(w))
    (made,) = stabilized([inner * 2], keep=[inner])
    assert inner in made.owner.inputs


# -- the machinery ---------------------------------------------------------------------------------


def test_a_rule_of_another_dtype_is_a_defect():
    @on("Exp")
    def wrong(node, scope):
        """exp(x) = int(x)"""
        return OPS["cast"](node.inputs[0], "complex128")

    with pytest.raises(RewriteError, match="complex128"):
        Rewriter([wrong]).run([T.exp(v)])


def test_a_rule_that_would_drop_a_spread_dimension_is_refused():
    row = T.drow("r")
    s = T.switch(True, row, X)
    (made,) = rewrite([s])
    assert made.type.broadcastable == (False, False)
    values = {row: np.ones((1, 3)), X: np.zeros((2, 3))}
    np.testing.assert_array_equal(*interpret([s, made], values))


def test_a_rule_that_never_ends_is_stopped():
    @on("Exp")
    def forever(node, scope):
        """exp(x) = exp(x + 1)"""
        return OPS["exp"](node.inputs[0] + 1.0)

    assert Rewriter([forever]).run([T.exp(v)])


@pytest.mark.parametrize("level", ["none", "fast_compile", "default"])
def test_large_graphs(level):
    s = v
    for _ in range(4_000):
        s = T.sin(s) * T.cos(s) + v
    assert len(toposort(rewrite([s], level=level))) == 16_000
