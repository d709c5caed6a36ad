"""The phases of differentiating a loop one by one, how loops merge, and what loops may hold."""

import numpy as np
import pytest

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.errors import DisconnectedInputError, NullTypeGradError
from numbagrad.gradient.loops.checkpoints import segment_length
from numbagrad.gradient.loops.cut import choose
from numbagrad.gradient.loops.linearise import linearised
from numbagrad.gradient.loops.maker import added
from numbagrad.gradient.loops.tape import saving_loop, taped
from numbagrad.graph.traverse import toposort
from numbagrad.ops.scanning import Scan
from numbagrad.printing import pp
from numbagrad.rewrite import rewrite
from tests.gradient_values import UserOp
from tests.scan_steps import scanned

pytestmark = pytest.mark.newest("loops are differentiated, and computed node by node")

x, h, w, b = T.dvector("x"), T.dscalar("h"), T.dscalar("w"), T.dscalar("b")
AT = {x: np.array([0.1, 0.5, -0.4]), h: 0.3, w: 0.7, b: -0.2}


def scan(*args, **kwargs):
    return ng.scan(*args, return_updates=False, **kwargs)


def scans(outputs):
    return [n for n in toposort(rewrite(outputs)) if isinstance(n.op, Scan)]


def node_of(step, sequences=(x,), states=(h,), others=(w,), n=3, **options):
    last, traces, _ = scanned(step, n, sequences, states, others, **options)
    return [*last, *traces][0].owner


def value(outputs, at=AT, mode="reference"):
    return ng.function(list(at), outputs, mode=mode, on_unused_input="ignore")(*at.values())


def slope(cost, v, step=1e-6):
    up, down = ({**AT, v: AT[v] + s * step} for s in (1, -1))
    return (value(cost, up) - value(cost, down)) / (2 * step)


# -- linearise -------------------------------------------------------------------------------


def test_only_states_on_a_path_take_part():
    def step(v):
        e, s, unused, count, w = v
        return [T.tanh(w * s + e), unused * e, count + 1], [s + unused]

    op = node_of(step, states=[h, b, T.constant(0, dtype="int64")]).op
    made = linearised(op, wanted=[0, 4], last=[0], traced=[])
    assert list(made.states) == [0] and sorted(made.gradients) == [0, 1, 4]
    made = linearised(op, wanted=[2], last=[0], traced=[0])
    assert list(made.states) == [1] and sorted(made.gradients) == [2]
    made = linearised(op, wanted=[2], last=[0], traced=[])
    assert not made.states and not made.gradients


def test_states_take_part_through_other_states():
    def step(v):
        e, a, c, d, w = v
        return [c, d, w * a + e], []

    op = node_of(step, states=[h, h, h]).op
    assert sorted(linearised(op, wanted=[4], last=[0], traced=[]).states) == [0, 1, 2]


def test_connections_are_found_to_a_fixed_point():
    def step(v):
        e, a, c, n, w = v
        return [c, c + w, n + T.cast(e > 0, "int64")], [a]

    node = node_of(step, states=[h, b, T.constant(0, dtype="int64")])
    pattern = node.op.connection_pattern(node)
    steps, elements, first, second, count, other = pattern
    assert steps == elements == [*count[:3], False] == [False] * 4
    assert first == [True, False, False, True]
    assert second == [True, True, False, True]
    assert other == [True, True, False, True]


# -- choose what to save -----------------------------------------------------------------------


def chosen(graph, cotangent, states, fixed=(), ready=()):
    return [pp(v) for v in choose([graph], [cotangent], states, fixed, ready)]


def test_what_is_needed_is_saved_and_nothing_else():
    g, s, e = T.dscalars("g", "s", "e")
    assert chosen(g * w, g, [s], [w]) == []
    assert chosen(g * e * w, g, [s], [w]) == []
    assert chosen(g * s, g, [s]) == ["s"]
    assert chosen(g * (s + 1.0) * (2.0 * s), g, [s]) == ["s"]


def test_dear_values_are_saved_and_cheap_ones_computed_again():
    g, s, e = T.dscalars("g", "s", "e")
    assert chosen(g * T.exp(s), g, [s]) == ["exp(s)"]
    dear = T.exp(s)
    assert chosen(g * dear * (1.0 + dear), g, [s]) == ["exp(s)"]
    assert chosen(g * s * e / (s + e), g, [s]) == ["s"]
    assert chosen(g * T.exp(w), g, [s], [w]) == []


def test_one_value_is_saved_instead_of_two():
    g, s, r = T.dscalars("g", "s", "r")
    assert chosen(g * (s + r), g, [s, r]) == ["(s + r)"]


def test_what_is_there_needs_no_tape():
    g, s = T.dscalars("g", "s")
    y = T.tanh(s)
    assert chosen(g * (1.0 - T.sqr(y)), g, [s], ready=[y]) == []


def test_large_arrays_are_computed_again_from_small_ones():
    g, m, s = T.dmatrix("g"), T.dmatrix("m"), T.dvector("s")
    assert chosen(g * T.outer(s, s), g, [s]) == ["s"]
    assert chosen((m @ s)[:, None] * g, g, [s], [m]) == ["(m @ s)"]


def test_a_value_that_can_not_be_saved():
    g, s = T.dscalar("g"), T.random.shared_rng(seed=1).type()
    _, draw = T.random.normal(rng=s, return_next_rng=True)
    assert choose([g * draw], [g], [s], []) == [draw]


def network(v):
    e, s, weights = v
    return [T.tanh(weights @ s + e)], []


def test_the_state_after_a_step_needs_no_tape():
    numbers = node_of(lambda v: ([T.tanh(v[2] * v[1] + v[0])], []))
    vectors = node_of(network, [T.dmatrix("e")], [T.dvector("h")], [T.dmatrix("w")])
    for node in (numbers, vectors):
        made = taped(node, linearised(node.op, [0, 1, 2], [0], []))
        assert [v.name for v in made.tape] == ["h"] and list(made.after.values()) == [0]


@pytest.mark.parametrize(
    "step, count",
    [
        (lambda v: ([v[1] + v[0] * v[2]], []), 0),
        (lambda v: ([v[1] * v[2] + v[0]], []), 1),
        (lambda v: ([T.tanh(v[2] * v[1] + v[0])], []), 1),
        (lambda v: ([v[2] * v[1] + v[0]], [v[1]]), 1),
    ],
)
def test_size_of_the_tape(step, count):
    node = node_of(step)
    made = taped(node, linearised(node.op, [0, 1, 2], [0], []))
    assert len(made.tape) == count


def test_what_is_traced_already_is_traced_once():
    node = node_of(lambda v: ([v[2] * v[1] + v[0]], [v[1]]))
    made, (trace,) = saving_loop(node, [node.op.body.inputs[1]])
    assert made is node and trace is node.outputs[1]


# -- sums -----------------------------------------------------------------------------------------


def test_sums_grow_in_place():
    total, v, i = T.dvector("total"), T.dscalar("v"), T.lscalar("i")
    zeros = T.zeros_like(total)
    assert pp(added(total, zeros[i].inc(v))) == pp(total[i].inc(v))
    both = added(total, zeros[i].inc(v) + x)
    at = {total: np.ones(3), v: 2.0, i: 1, x: np.arange(3.0)}
    np.testing.assert_allclose(value(both, at), [1.0, 4.0, 3.0])
    assert not [n for n in toposort([both]) if n.op.kind in ("View", "Block")]


# -- how loops merge ---------------------------------------------------------------------------


def garch(theta, r):
    mu, omega, alpha, beta = (theta[k] for k in range(4))
    e = r - mu
    _, terms = scan(
        lambda e, v, omega, alpha, beta: (
            omega + alpha * e**2 + beta * v,
            0.5 * (np.log(2 * np.pi) + T.log(v) + e**2 / v),
        ),
        e,
        [(e**2).mean(), None],
        [omega, alpha, beta],
    )
    return terms.sum()


def test_there_and_back_are_two_loops():
    theta, r, p = T.dvector("theta"), T.dvector("r"), T.dvector("p")
    cost = garch(theta, r)
    gradient = ng.grad(cost, theta)
    product = ng.hessian_vector_product(cost, theta, p)
    assert len(scans([cost])) == 1
    assert len(scans([cost, gradient])) == 2
    assert len(scans([cost, gradient, product])) == 2
    assert len(scans([cost, gradient, ng.hessian(cost, theta)])) == 2
    assert len(scans([cost, ng.Rop(cost, theta, p)])) == 1
    forward, _ = scans([cost, gradient])
    # The sum of terms became a state; one value in each step is the whole tape.
    assert (forward.op.n_states, forward.op.n_traced) == (2, 1)


def test_hessian_of_garch():
    """Values computed by JAX 0.7 (``jax.hessian`` of the same formula by ``lax.scan``)."""
    theta, r = T.dvector("theta"), T.dvector("r")
    cost = garch(theta, r)
    outputs = rewrite([cost, ng.grad(cost, theta), ng.hessian(cost, theta)])
    t = np.arange(1.0, 301.0)
    at = {
        theta: np.array([0.05, 0.1, 0.15, 0.7]),
        r: 1.3 * np.sin(t**2) * (1 + 0.5 * np.cos(t / 20)),
    }
    made, gradient, hessian = ng.function(list(at), outputs)(*at.values())
    np.testing.assert_allclose(made, 404.55085466228644, rtol=1e-12)
    np.testing.assert_allclose(
        gradient,
        [25.92597070394332, 5.265450688427261, -105.73682415244207, -64.69124983934802],
        rtol=1e-10,
    )
    wanted = [
        [436.7308934688932, -51.85187223245926, -61.04556086584622, -43.316204056586024],
        [-51.851872232459435, 2926.8483987185464, 2587.0320594730356, 2518.322100443705],
        [-61.0455608658462, 2587.0320594730356, 3146.789138514082, 2132.3239397492753],
        [-43.31620405658598, 2518.3221004437046, 2132.3239397492744, 1934.618306742608],
    ]
    np.testing.assert_allclose(hessian, wanted, rtol=1e-9)


def test_checkpoints_keep_few_values():
    """What is as long as the loop is only what was given."""
    cost = scan(lambda s, w: T.sin(s) * w, None, h, w, n_steps=10_000, checkpoint="sqrt")[-1]
    sizes = [
        v.type.shape
        for n in toposort(rewrite([cost, *ng.grad(cost, [h, w])]))
        for v in n.outputs
        if v.type.ndim
    ]
    assert sizes and max(shape[0] for shape in sizes) < 110


def test_lengths_of_segments():
    n = T.lscalar("n")
    for steps in range(30):
        known = segment_length("sqrt", steps)
        assert known == max(1, int(np.ceil(np.sqrt(steps))))
        assert segment_length("sqrt", n).eval({n: steps}, mode="reference") == known


# -- what loops may hold -------------------------------------------------------------------------


def holds_inner_loop(e, s, w):
    inner = scan(lambda k, q, w: T.tanh(q * w + k), T.arange(3) * e, s, w)
    return inner[-1]


def holds_branch(e, s, w):
    return ng.ifelse(s > 0.2, T.sin(s * w) + e, T.cos(w * s) - e)


def holds_graph(e, s, w):
    p, q = T.dscalars("p", "q")
    return ng.OpFromGraph([p, q], [T.sin(p) * q])(s, w) + e


def holds_users_op(e, s, w):
    double = UserOp(lambda v: 2.0 * v, lambda inputs, grads: [2.0 * grads[0]], name="Double")
    return T.tanh(double(s) * w) + e


@pytest.mark.parametrize(
    "step", [holds_inner_loop, holds_branch, holds_graph, holds_users_op], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("options", [{}, {"checkpoint": 2}], ids=str)
def test_steps_that_hold_more(step, options):
    cost = (scan(step, x, h, w, **options) ** 2).sum()
    gradients = ng.grad(cost, [h, w])
    tangent = ng.Rop(cost, [h, w], [1.0, 2.0])
    along = ng.hessian_vector_product(cost, [h, w], [1.0, 2.0])
    compiled = step in (holds_inner_loop, holds_graph)
    for mode in ("reference", None) if compiled else ("reference",):
        dh, dw, moved, hh, hw = value([*gradients, tangent, *along], mode=mode)
        np.testing.assert_allclose([dh, dw], [slope(cost, h), slope(cost, w)], rtol=1e-7)
        np.testing.assert_allclose(moved, dh + 2.0 * dw, rtol=1e-12)
        seconds = [slope(g, h) + 2.0 * slope(g, w) for g in gradients]
        np.testing.assert_allclose([hh, hw], seconds, rtol=1e-6)


def test_draws_are_recorded_not_differentiated():
    rng = T.random.shared_rng(seed=3)

    def step(e, s, rng, w):
        after, draw = T.random.normal(rng=rng, return_next_rng=True)
        return T.tanh(w * s + e * draw), after

    trace, _ = scan(step, x, [h, rng], w)
    cost = (trace**2).sum()
    gradients = ng.grad(cost, [x, h, w])
    draws = np.random.default_rng(3).normal(size=3)
    state, total = h, 0.0
    for t in range(3):
        state = T.tanh(w * state + x[t] * draws[t])
        total = total + state**2
    wanted = value([total, *ng.grad(total, [x, h, w])])
    for found, right in zip(value([cost, *gradients]), wanted, strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-12)


def test_against_finite_differences():
    def f(x, h, w):
        return scan(lambda e, s, w: T.tanh(w @ s + e), x, h, w)

    rng = np.random.default_rng(1)
    points = [rng.normal(size=shape) for shape in ((4, 2), (2,), (2, 2))]
    ng.gradient.verify_grad(f, points, mode="reference")


def test_the_adjoint_of_a_loop():
    xs, hs, ws = T.dmatrix("xs"), T.dvector("hs"), T.dmatrix("ws")
    out = scan(lambda e, s, w: T.tanh(w @ s + e), xs, hs, ws)
    rng = np.random.default_rng(2)
    points = [rng.normal(size=shape) for shape in ((4, 2), (2,), (2, 2))]
    tangents = [rng.normal(size=p.shape) for p in points]
    cotangent = rng.normal(size=(4, 2))
    forward = ng.Rop(out, [xs, hs, ws], [T.constant(t) for t in tangents])
    back = ng.Lop(out, [xs, hs, ws], T.constant(cotangent))
    made, *gradients = value([forward, *back], dict(zip([xs, hs, ws], points, strict=True)))
    right = sum((g * t).sum() for g, t in zip(gradients, tangents, strict=True))
    np.testing.assert_allclose((made * cotangent).sum(), right, rtol=1e-12)


def test_single_precision_stays_single():
    e, s = T.fvector("e"), T.fscalar("s")
    last = scan(lambda e, s: T.tanh(s + e), e, s)[-1]
    outputs = [*ng.grad(last, [e, s]), ng.Rop(last, s, T.constant(1.0, dtype="float32"))]
    assert [g.dtype for g in outputs] == ["float32"] * 3
    assert [g.dtype for g in rewrite(outputs)] == ["float32"] * 3


def test_dimensions_of_size_one():
    m = T.tensor("m", shape=(1, None), dtype="float64")
    last = scan(lambda e, s: T.tanh(s * e), x, m)[-1]
    at = {x: AT[x], m: np.array([[0.5, -0.25]])}
    dx, dm = value(ng.grad(last.sum(), [x, m]), at)
    step = 1e-6
    up, down = ({**at, m: at[m] + s * step * np.array([[1.0, 0.0]])} for s in (1, -1))
    assert dx.shape == (3,) and dm.shape == (1, 2)
    difference = (value(last.sum(), up) - value(last.sum(), down)) / (2 * step)
    np.testing.assert_allclose(dm[0, 0], difference, rtol=1e-6)


# -- errors ---------------------------------------------------------------------------------------


def test_a_path_that_is_cut_inside_is_explained():
    out = scan(lambda e, s, w: s + e * T.floor(w) + T.cast(T.cast(w, "int64"), "float64"), x, h, w)
    np.testing.assert_allclose(value(ng.grad(out.sum(), w)), 0.0)
    out = scan(lambda e, s, w: s + e * ng.gradient.disconnected_grad(w), x, h, w)
    with pytest.raises(DisconnectedInputError, match="disconnected_grad"):
        ng.grad(out.sum(), w)


def test_the_number_of_steps_has_no_gradient():
    n = T.lscalar("n")
    out = scan(lambda s: 2.0 * s, None, h, n_steps=n)
    with pytest.raises(DisconnectedInputError, match=r"input 0.*connection_pattern|integers"):
        ng.grad(out.sum(), n)


def test_an_undefined_derivative_inside_names_its_node():
    out = scan(lambda e, s, w: ng.gradient.undefined_grad(s) * e + w, x, h, w)
    for v in (x, h, w):
        with pytest.raises(NullTypeGradError, match=r"in a step of .*UndefinedGrad"):
            ng.grad(out.sum(), v)
    with pytest.raises(NullTypeGradError, match=r"in a step of .*UndefinedGrad"):
        ng.Rop(out, h, 1.0)


def test_what_does_not_meet_an_undefined_derivative_has_one():
    first, second = scan(
        lambda e, s, r, w: (ng.gradient.undefined_grad(s) * e, w * r + e), x, [h, b], w
    )
    np.testing.assert_allclose(value(ng.grad(second.sum(), w)), slope(second.sum(), w), rtol=1e-7)
    np.testing.assert_allclose(value(ng.Rop(second, w, 1.0)), slope(second, w), rtol=1e-7)
    with pytest.raises(NullTypeGradError):
        ng.grad((first + second).sum(), x)


def test_an_op_without_a_rule_names_itself_and_the_line():
    def no_rule(inputs, grads):
        raise NotImplementedError("nobody wrote it")

    gadget = UserOp(lambda v: 2.0 * v, no_rule, name="Gadget")
    out = scan(lambda e, s: gadget(s) * e, x, h)
    with pytest.raises(NotImplementedError, match=r"Gadget \(made at .*test_scan_derivative_parts"):
        ng.grad(out.sum(), h)
