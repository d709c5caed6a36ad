"""`ifelse`: only the branch that is taken is computed, in values and in derivatives."""

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.ops.branching import IfElse, ifelse
from numbagrad.rewrite import rewrite
from numbagrad.rewrite.branches import enclosed


def test_the_branch_that_holds_is_handed_on():
    c, x = T.dscalar("c"), T.dvector("x")
    y = ifelse(c, T.exp(x), x * 2)
    assert ng.pp(y) == "ifelse((c != 0), exp(x), (x * 2))"
    assert y.eval({c: 2.0, x: [0.0, 1.0]}).tolist() == [1.0, np.e]
    assert y.eval({c: 0.0, x: [0.0, 1.0]}).tolist() == [0.0, 2.0]


def test_several_results_and_names():
    c, x = T.dscalar("c"), T.dvector("x")
    made = ifelse(c > 0, [x, x.sum()], [x * 2, 0.0], name="y")
    assert isinstance(made, list)
    assert [v.name for v in made] == ["y0", "y1"]
    assert made[0].owner is made[1].owner
    assert isinstance(ifelse(c > 0, (x,), (x,)), list)


def test_dtypes_are_made_equal_where_nothing_is_lost():
    c, x, k = T.dscalar("c"), T.dscalar("x"), T.iscalar("k")
    assert ifelse(c, x, k).dtype == ifelse(c, k, x).dtype == "float64"
    assert ifelse(c, k, 1).dtype == "int32"
    assert ifelse(c, T.fscalar("f"), 0).dtype == "float32"
    assert ifelse(c, k, 1.5).eval({c: 0.0, k: 3}) == 1.5
    assert ifelse(c, T.row("r"), T.matrix("m")).type.shape == (None, None)


def test_what_does_not_fit_is_refused():
    c, x = T.dscalar("c"), T.dvector("x")
    with pytest.raises(TypeError, match="condition of ifelse must be a scalar"):
        ifelse(x > 0, x, x)
    with pytest.raises(TypeError, match=r"x has 1 dimensions, .* has 0"):
        ifelse(c, x, 0)
    with pytest.raises(TypeError, match=r"float32.*int64.*without loss"):
        ifelse(c, T.fscalar("f"), T.lscalar("k"))
    with pytest.raises(ValueError, match="same number of results; they give 2 and 1"):
        ifelse(c, [x, x], [x])
    with pytest.raises(ValueError, match="no results"):
        ifelse(c, [], [])


def test_equal_branches_are_equal_ops_and_can_be_pickled():
    c, x = T.dscalar("c"), T.dvector("x")
    one, two = ifelse(c, x, x * 2).owner.op, ifelse(c, x + 1, x).owner.op
    assert isinstance(one, IfElse)
    assert one == two
    assert hash(one) == hash(two)
    assert pickle.loads(pickle.dumps(one)) == one


# -- only the branch that is taken is computed -----------------------------------------------------


@pytest.fixture(params=["reference", "default"], autouse=True)
def mode(request, monkeypatch):
    monkeypatch.setitem(MODE, "mode", request.param)
    return request.param


MODE = {"mode": "reference"}


def function(inputs, outputs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ng.errors.ObjectModeWarning)
        return ng.function(inputs, outputs, on_unused_input="ignore", **MODE)


def branches_in(f):
    return [n for n in f.maker.fgraph.toposort() if isinstance(n.op, IfElse)]


def test_an_error_in_the_other_branch_is_not_raised():
    c, a = T.lscalar("c"), T.dmatrix("a")
    y = ifelse(c, T.log(T.diagonal(T.linalg.cholesky(a))).sum(), T.sqr(a).sum())
    f = function([c, a], [y, ng.grad(y, a)])
    value, gradient = f(0, -np.eye(2))
    assert value == 2.0
    assert gradient.tolist() == [[-2.0, 0.0], [0.0, -2.0]]
    value, gradient = f(1, 4 * np.eye(2))
    assert value == pytest.approx(np.log(4.0))
    np.testing.assert_allclose(gradient, np.eye(2) / 8, atol=1e-15)
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        f(1, -np.eye(2))


def test_an_index_of_the_other_branch_may_be_out_of_range():
    i, x = T.lscalar("i"), T.dvector("x")
    y = ifelse(i < x.shape[0], x[i] ** 2, -1.0)
    f = function([i, x], [y, ng.grad(y, x)])
    assert [v.tolist() for v in f(1, [3.0, 4.0])] == [16.0, [0.0, 8.0]]
    assert [v.tolist() for v in f(7, [3.0, 4.0])] == [-1.0, [0.0, 0.0]]


def test_sizes_of_the_other_branch_need_not_agree():
    c, x, y = T.lscalar("c"), T.dvector("x"), T.dvector("y")
    z = ifelse(c, x + y, y)
    f = function([c, x, y], [z, z.shape[0]])
    assert [v.tolist() for v in f(0, [1.0], [2.0, 3.0])] == [[2.0, 3.0], 2]
    assert [v.tolist() for v in f(1, [1.0, 1.0], [2.0, 3.0])] == [[3.0, 4.0], 2]
    with pytest.raises(ng.errors.ShapeError):
        f(1, [1.0], [2.0, 3.0])


def test_no_derivative_of_the_other_branch_appears():
    x, t = T.dscalar("x"), T.dscalar("t")
    y = ifelse(x > 0, T.sqrt(x), x)
    first = ng.grad(y, x)
    f = function([x, t], [y, first, ng.grad(first, x), ng.Rop(y, x, t), ng.Rop(first, x, t)])
    assert [float(v) for v in f(0.0, 3.0)] == [0.0, 1.0, 0.0, 3.0, 0.0]
    assert [float(v) for v in f(-2.0, 3.0)] == [-2.0, 1.0, 0.0, 3.0, 0.0]
    assert [float(v) for v in f(4.0, 3.0)] == [2.0, 0.25, -1 / 32, 0.75, -3 / 32]


class Counting(ng.Op):
    """The square, which tells how often it was computed."""

    __props__ = ("label",)

    def __init__(self, label="square"):
        self.label = label

    calls = []

    def make_node(self, x):
        x = ng.as_tensor(x)
        return ng.Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        self.calls.append(self.label)
        output_storage[0][0] = inputs[0] ** 2

    def grad(self, inputs, output_grads):
        return [output_grads[0] * 2 * Counting("derivative")(inputs[0]) / inputs[0]]


@pytest.fixture
def calls():
    Counting.calls.clear()
    yield Counting.calls
    Counting.calls.clear()


def test_what_is_computed_in_each_case(calls):
    c, d, x = T.lscalar("c"), T.lscalar("d"), T.dscalar("x")
    one, two, three = (Counting(name)(x) for name in ("one", "two", "three"))
    y = ifelse(c, one + two, three)
    z = ifelse(d, two * 2, ifelse(c, three, x))
    f = function([c, d, x], [y, z])

    def called(c, d):
        calls.clear()
        f(c, d, 3.0)
        return sorted(calls)

    assert called(1, 1) == ["one", "two"]
    assert called(1, 0) == ["one", "three", "two"]
    assert called(0, 1) == ["three", "two"]
    assert called(0, 0) == ["three"]


def test_what_is_needed_in_any_case_is_computed_once(calls):
    c, x = T.lscalar("c"), T.dscalar("x")
    shared = Counting()(x)
    f = function([c, x], ifelse(c, shared + 1, shared - 1))
    assert [f(c, 3.0) for c in (0, 1)] == [8.0, 10.0]
    assert calls == ["square", "square"]
    (branch,) = branches_in(f)
    assert [len(g.nodes) for g in branch.op.graphs] == [1, 1]


def test_the_other_branch_has_no_backward_work(calls):
    c, x = T.lscalar("c"), T.dscalar("x")
    y = ifelse(c, Counting("then")(x), x * 2)
    f = function([c, x], [y, ng.grad(y, x)])
    assert [float(v) for v in f(0, 3.0)] == [6.0, 2.0]
    assert calls == []
    assert [float(v) for v in f(1, 3.0)] == [9.0, 6.0]
    assert sorted(calls) == ["derivative", "then"]


def test_a_value_is_kept_for_the_derivative_and_not_computed_again(calls):
    c, x = T.lscalar("c"), T.dvector("x")
    kept = T.exp(Counting("then")(x))
    y = ifelse(c, kept * kept, x)
    f = function([c, x], [y, ng.grad((y**2).sum(), x)])
    f(1, [1.0, 2.0])
    assert calls.count("then") == 1
    calls.clear()
    assert f(0, [1.0, 2.0])[1].tolist() == [2.0, 4.0]
    assert calls == []


def test_branches_on_one_condition_become_one():
    c, x = T.lscalar("c"), T.dvector("x")
    y, z = ifelse(c > 0, T.exp(x), x), ifelse(c > 0, x.sum(), 1.0)
    (branch,) = branches_in(function([c, x], [y, z]))
    assert len(branch.outputs) == 2


def test_branches_nest():
    c, d, x = T.lscalar("c"), T.lscalar("d"), T.dscalar("x")
    y = ifelse(c, ifelse(d, T.exp(x), T.log(x)), ifelse(d, T.sin(x), T.cos(x)))
    f = function([c, d, x], [y, ng.grad(y, x)])
    (outer,) = [b for b in branches_in(f) if b.outputs[0] in f.maker.fgraph.outputs[:1]]
    assert all(any(isinstance(n.op, IfElse) for n in g.nodes) for g in outer.op.graphs)
    values = {(1, 1): np.exp, (1, 0): np.log, (0, 1): np.sin, (0, 0): np.cos}
    slopes = {
        (1, 1): np.exp,
        (1, 0): lambda v: 1 / v,
        (0, 1): np.cos,
        (0, 0): lambda v: -np.sin(v),
    }
    for case, value in values.items():
        np.testing.assert_allclose(f(*case, 0.7), [value(0.7), slopes[case](0.7)])


def test_a_condition_that_needs_a_shared_value():
    c, x = T.lscalar("c"), T.dscalar("x")
    shared = T.exp(Counting()(x))
    y = ifelse(c, shared, x)
    z = ifelse(y > 2, shared * 2, y)
    f = function([c, x], z)
    assert f(0, 1.0) == 1.0
    assert f(1, 1.0) == pytest.approx(2 * np.e)
    assert f(0, 3.0) == pytest.approx(2 * np.exp(9.0))
    g = function([c, x], ng.grad(z, x))
    assert g(0, 1.0) == 1.0
    assert g(0, 3.0) == pytest.approx(12 * np.exp(9.0))


def test_gradients_for_what_is_inside_a_branch():
    c, x = T.lscalar("c"), T.dscalar("x")
    inside = T.sqr(x)
    y = ifelse(c, T.exp(inside), x)
    f = function([c, x], ng.grad(y, [inside, x]))
    assert [float(v) for v in f(0, 2.0)] == [0.0, 1.0]
    np.testing.assert_allclose(f(1, 1.0), [np.e, 2 * np.e])


def test_nothing_differentiates_through_the_condition():
    x = T.dscalar("x")
    with pytest.raises(ng.DisconnectedInputError):
        ng.grad(ifelse(x, 1.0, 2.0), x)


def test_undefined_derivatives_are_told():
    c, x = T.lscalar("c"), T.dscalar("x")
    y = ifelse(c, ng.gradient.undefined_grad(x), x)
    with pytest.raises(ng.NullTypeGradError):
        ng.grad(y, x)


def test_a_known_gradient_inside_a_branch():
    c, x = T.lscalar("c"), T.dscalar("x")
    inside = T.sqr(x)
    y = ifelse(c, T.exp(inside), x)
    g = ng.grad(y, x, known_grads={inside: T.constant(1.0)})
    f = function([c, x], g)
    assert f(0, 3.0) == 1.0 + 6.0
    assert f(1, 1.0) == pytest.approx(2 * np.e + 2.0)


# -- batches -------------------------------------------------------------------------------------


def test_one_condition_for_a_batch():
    c, x, xs = T.lscalar("c"), T.dvector("x"), T.dmatrix("xs")
    y = ifelse(c, T.sqr(x).sum(), x[0])
    f = function([c, xs], ng.vectorize_graph(y, {x: xs}))
    assert f(1, [[1.0, 2.0], [3.0, 4.0]]).tolist() == [5.0, 25.0]
    assert f(0, [[1.0, 2.0], [3.0, 4.0]]).tolist() == [1.0, 3.0]


def test_a_condition_for_each_member_of_a_batch():
    x, xs, w = T.dscalar("x"), T.dvector("xs"), T.dvector("w")
    y = ifelse(x > 0, T.sqrt(x) * w, w)
    f = function([xs, w], ng.vectorize_graph([y, ng.grad(y.sum(), x)], {x: xs}))
    values, slopes = f([4.0, -1.0], [1.0, 2.0])
    assert values.tolist() == [[2.0, 4.0], [1.0, 2.0]]
    assert slopes.tolist() == [0.75, 0.0]


def test_jacobian_and_hessian_of_a_branch():
    c, x = T.lscalar("c"), T.dvector("x")
    y = ifelse(c, T.exp(x), x * x[::-1])
    f = function([c, x], [ng.jacobian(y, x), ng.hessian(y.sum(), x)])
    jacobian, hessian = f(1, [1.0, 2.0])
    np.testing.assert_allclose(jacobian, np.diag(np.exp([1.0, 2.0])))
    np.testing.assert_allclose(hessian, np.diag(np.exp([1.0, 2.0])))
    jacobian, hessian = f(0, [1.0, 2.0])
    np.testing.assert_allclose(jacobian, [[2.0, 1.0], [2.0, 1.0]])
    np.testing.assert_allclose(hessian, [[0.0, 2.0], [2.0, 0.0]])


# -- random graphs -------------------------------------------------------------------------------

STEPS = [
    lambda choose, c, x, y: x + y,
    lambda choose, c, x, y: x * y,
    lambda choose, c, x, y: T.sin(x),
    lambda choose, c, x, y: T.cumsum(x),
    lambda choose, c, x, y: T.exp(-T.sqr(x)),
    lambda choose, c, x, y: choose(c, x, y),
    lambda choose, c, x, y: choose(x[0] > 0, y, x),
]


def random_graph(steps, choose):
    """The same graph with `ifelse` or with `switch` for choices."""
    conditions = T.lscalars("c", "d", "e")
    values = [T.dvector("x"), T.dvector("y")]
    for step, condition, a, b in steps:
        x, y = values[a % len(values)], values[b % len(values)]
        values.append(STEPS[step](choose, conditions[condition] > 0, x, y))
    return [*conditions, *values[:2]], values[-3:]


@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(STEPS) - 1),
            st.integers(0, 2),
            st.integers(0, 30),
            st.integers(0, 30),
        ),
        min_size=3,
        max_size=8,
    ),
    st.tuples(*[st.integers(0, 1)] * 3),
)
def test_random_graphs_agree_with_switch(steps, cases):
    if MODE["mode"] == "default":
        steps = steps[:4]  # compiling takes its time
    point = [*cases, np.array([0.3, -0.7]), np.array([-0.2, 1.1])]
    found = []
    for choose in (ifelse, T.switch):
        inputs, outputs = random_graph(steps, choose)
        cost = sum(T.sqr(v).sum() for v in outputs)
        wrt = inputs[3:]
        first = ng.grad(cost, wrt, disconnected_inputs="ignore")
        second = ng.grad(sum(T.sin(g).sum() for g in first), wrt, disconnected_inputs="ignore")
        ahead = ng.Rop(outputs, wrt, [T.cos(v) for v in wrt], disconnected_outputs="ignore")
        found.append(function(inputs, [*outputs, *first, *second, *ahead])(*point))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


# -- rewriting -------------------------------------------------------------------------------------


def test_a_condition_that_is_known_leaves_no_branch():
    x = T.dvector("x")
    for condition, wanted in ((True, "exp(x)"), (0, "(2.0 * x)")):
        (made,) = rewrite(enclosed([ifelse(condition, T.exp(x), x * 2)]))
        assert ng.pp(made) == wanted


def test_branches_are_given_what_they_need():
    c, x, y = T.lscalar("c"), T.dvector("x"), T.dvector("y")
    two = T.constant(2.0)
    (made,) = rewrite(enclosed([ifelse(c, T.exp(x * two) + (y - y)[0] * 0 + x, x + two)]))
    assert made.owner.inputs[1:].count(x) == 1
    assert two not in made.owner.inputs
