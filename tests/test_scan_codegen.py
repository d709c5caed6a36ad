"""Loops as printed code: against the reference interpreter and against plain Python loops."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.graph.frozen import FrozenGraph
from numbagrad.ops.scanning import Scan


def loop(step, steps, sequences=(), states=(), others=(), until=False):
    """The outputs of a Scan whose step is a function of variables.

    ``step`` takes elements, states, others and gives next states, traced values and, with
    ``until``, a condition, as one flat list.
    """
    sequences, states, others = ([T.as_tensor_variable(x) for x in g] for g in
                                 (sequences, states, others))  # fmt: skip
    elements = [T.TensorType(x.dtype, x.type.shape[1:])(f"e{k}") for k, x in enumerate(sequences)]
    inside = [v.type(v.name) for v in states]
    rest = [v.type(v.name) for v in others]
    made = [T.as_tensor_variable(v) for v in step(*elements, *inside, *rest)]
    body = FrozenGraph([*elements, *inside, *rest], made)
    op = Scan(body=body, n_sequences=len(elements), n_states=len(inside), until=until,
              checkpoint=None)  # fmt: skip
    outputs = op(steps, *sequences, *states, *others)
    return outputs if isinstance(outputs, list) else [outputs]


def same(inputs, outputs, *values, plain=None, rtol=1e-12):
    """Compiled, reference and (given) plain results are equal; no argument changes or is given."""
    values = [np.asarray(v, x.dtype) for v, x in zip(values, inputs, strict=True)]
    copies = [v.copy() for v in values]
    key = (*inputs, *outputs)
    if key not in COMPILED:
        COMPILED[key] = [
            ng.function(inputs, outputs, mode=mode, on_unused_input="ignore")
            for mode in (None, "reference")
        ]
    f, interpreted = COMPILED[key]
    made, wanted = f(*values), interpreted(*values)
    for k, (a, b) in enumerate(zip(made, wanted, strict=True)):
        assert a.dtype == b.dtype, (k, f.source)
        if b.ndim == 0 or len(b):  # of no steps the interpreter knows no sizes
            assert a.shape == b.shape, (k, f.source)
        else:
            assert a.shape[0] == 0 and a.ndim == b.ndim
            continue
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-14, err_msg=f"{k}\n{f.source}")
        assert a.flags.c_contiguous and a.flags.writeable
        assert not any(np.may_share_memory(a, v) for v in values)
    for k, a in enumerate(made):
        assert not any(np.may_share_memory(a, b) for b in made[k + 1 :])
    for v, c in zip(values, copies, strict=True):
        np.testing.assert_array_equal(v, c)
    if plain is not None:
        for a, b in zip(made, plain(*values), strict=True):
            np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-14)
    return f


def allocations_inside(source):
    """Lines inside a loop that make an array."""
    inside = [line for line in source.splitlines() if line.startswith(" " * 8)]
    return [line for line in inside if re.search(r" = (empty|zeros|full)\(|\.copy\(", line)]


#: What is printed depends on what is simplified.
PRINTED = pytest.mark.holds_at("it looks at what is printed", optimize="default")
x, y, z = T.dvectors("x", "y", "z")
A, B = T.dmatrices("A", "B")
a, b, c = T.dscalars("a", "b", "c")
n = T.lscalar("n")
k = T.lvector("k")
SIZES = [0, 1, 2, 7]
#: Functions that were compiled for one size are used for the others.
COMPILED = {}
rng = np.random.default_rng(0)


# -- numbers ---------------------------------------------------------------------------------------


@PRINTED
def test_a_recurrence_of_numbers():
    outputs = loop(
        lambda e, h, w: [w * e**2 + 0.9 * h, T.log(1 + h) + e], x.shape[0], [x], [a], [b]
    )

    def plain(xs, h, w):
        trace = []
        for e in xs:
            trace.append(np.log(1 + h) + e)
            h = w * e**2 + 0.9 * h
        return h, np.array(trace)

    for size in SIZES:
        f = same([x, a, b], outputs, rng.normal(size=size), 1.0, 0.3, plain=plain)
    assert not allocations_inside(f.source)


def test_states_that_depend_on_each_other():
    outputs = loop(lambda p, q, r: [q, p + q, r * p, p, q + r], n, [], [a, b, c])

    def plain(steps, p, q, r):
        first, second = [], []
        for _ in range(steps):
            first.append(p)
            second.append(q + r)
            p, q, r = q, p + q, r * p
        return p, q, r, np.array(first), np.array(second)

    for size in SIZES:
        same([n, a, b, c], outputs, size, 1.0, 2.0, 0.5, plain=plain)


def test_states_that_change_places():
    same([n, a, b], loop(lambda p, q: [q, p], n, [], [a, b]), 5, 1.0, 2.0)
    same([n, a, b, c], loop(lambda p, q, r: [q, r, p], n, [], [a, b, c]), 5, 1.0, 2.0, 3.0)


def test_several_steps_back():
    outputs = loop(lambda e, p, q, r: [p - 0.5 * q + r * e, p, q, r], x.shape[0], [x], [a, b, c])
    for size in SIZES:
        same([x, a, b, c], outputs, rng.normal(size=size), 1.0, 2.0, 3.0)


def test_a_map_has_no_state():
    outputs = loop(lambda e: [T.sin(e) + 1, e * e], x.shape[0], [x])
    for size in SIZES:
        same([x], outputs, rng.normal(size=size), plain=lambda v: (np.sin(v) + 1, v * v))


@pytest.mark.parametrize("dtype", ["float32", "int64", "int32", "int8", "uint8", "bool"])
def test_states_of_other_dtypes(dtype):
    s, v = T.scalar("s", dtype), T.vector("v", dtype)
    if dtype == "bool":
        outputs = loop(lambda e, h: [T.xor(e, h), T.and_(e, h)], v.shape[0], [v], [s])
        same([v, s], outputs, [True, False, True, True], True)
        return
    outputs = loop(lambda e, h: [T.cast(e * h + e, dtype), h], v.shape[0], [v], [s])
    same([v, s], outputs, np.array([3, 7, 11, 100, 5]).astype(dtype), 7, rtol=1e-6)


def test_a_number_in_another_place_as_well():
    outputs = loop(lambda h: [h * 2], n, [], [a])
    same([n, a], [outputs[0] + a, outputs[0] * 2, a], 3, 1.5)


# -- what is not needed ----------------------------------------------------------------------------


@PRINTED
def test_only_what_is_needed_is_computed():
    outputs = loop(lambda e, p, q: [p + e, q * T.exp(q), T.sin(q), p * e], x.shape[0], [x], [a, b])
    f = same([x, a, b], [outputs[0]], [1.0, 2.0, 3.0], 1.0, 2.0)
    assert "exp" not in f.source and "sin" not in f.source and "empty" not in f.source
    f = same([x, a, b], [outputs[3]], [1.0, 2.0, 3.0], 1.0, 2.0)
    assert "exp" not in f.source and f.source.count("empty") == 1
    f = same([x, a, b], [outputs[2]], [1.0, 2.0, 3.0], 1.0, 2.0)
    assert "x[t]" not in f.source


def test_a_state_that_no_step_changes():
    outputs = loop(lambda e, p, q: [p + q * e, q], x.shape[0], [x], [a, b])
    same([x, a, b], outputs, [1.0, 2.0, 3.0], 1.0, 2.0)
    outputs = loop(lambda e, p, q: [p + q * e, q], x.shape[0], [x], [y, z])
    same([x, y, z], outputs, [1.0, 2.0, 3.0], [1.0, 2.0], [3.0, 4.0])


# -- arrays ----------------------------------------------------------------------------------------


@PRINTED
def test_a_vector_that_is_updated_in_its_place():
    outputs = loop(lambda e, h: [h * 0.5 + e], x.shape[0], [x], [y])

    def plain(xs, h):
        for e in xs:
            h = h * 0.5 + e
        return (h,)

    for size in SIZES:
        f = same([x, y], outputs, rng.normal(size=size), [1.0, 2.0, 3.0], plain=plain)
    assert f.source.count("empty") == 1


@PRINTED
def test_a_vector_that_is_collected():
    outputs = loop(lambda e, h: [T.tanh(h * 0.5 + e)] * 2, x.shape[0], [x], [y])
    for size in SIZES:
        f = same([x, y], outputs, rng.normal(size=size), [1.0, 2.0, 3.0])
    assert not allocations_inside(f.source)
    outputs = loop(lambda e, h: [T.tanh(h * 0.5 + e), h], x.shape[0], [x], [y])
    for size in SIZES:
        same([x, y], outputs, rng.normal(size=size), [1.0, 2.0, 3.0])


@PRINTED
def test_a_vector_through_a_matrix():
    outputs = loop(lambda e, h, W: [T.tanh(T.dot(W, h) + e), h.sum()], x.shape[0], [x], [y], [A])
    for size in SIZES:
        f = same(
            [x, y, A], outputs, rng.normal(size=size), rng.normal(size=3), rng.normal(size=(3, 3))
        )
    assert not allocations_inside(f.source)


@PRINTED
def test_vectors_that_need_each_other():
    def step(e, p, q):
        return [q[::-1] * e, p + q, p * q]

    outputs = loop(step, x.shape[0], [x], [y, z])
    for size in SIZES:
        f = same([x, y, z], outputs, rng.normal(size=size), [1.0, 2.0, 3.0], [0.5, 0.25, -1.0])
    assert not allocations_inside(f.source)


def test_vectors_handed_on():
    outputs = loop(lambda e, p, q, r: [p + r * e, p, q, q.sum()], x.shape[0], [x], [y, z, y])
    same([x, y, z], outputs, rng.normal(size=5), [1.0, 2.0, 3.0], [0.5, 0.25, -1.0])
    outputs = loop(lambda p, q: [q, p], n, [], [y, z])
    same([n, y, z], outputs, 3, [1.0, 2.0, 3.0], [0.5, 0.25, -1.0])


def test_a_matrix_and_its_products():
    outputs = loop(lambda F, P: [T.dot(T.dot(F, P), F.T) + 0.1, T.diag(P)], n, [], [B], [A])
    outputs = loop(lambda P, F: [T.dot(T.dot(F, P), F.T) + 0.1, T.diag(P)], n, [], [B], [A])
    M = rng.normal(size=(3, 3))
    for size in SIZES:
        same([n, A, B], outputs, size, M / 4, M @ M.T)


def test_rows_of_a_matrix():
    outputs = loop(lambda e, h, W: [h + T.dot(W, e), e * 2, e], A.shape[0], [A], [y], [B])
    same([A, y, B], outputs, rng.normal(size=(4, 3)), rng.normal(size=2), rng.normal(size=(2, 3)))


def test_whole_elements_and_states():
    def step(e, P):
        S = T.dot(e, e.T) + 5 * T.eye(3) + P
        L = T.linalg.cholesky(S)
        return [T.dot(P, L) * 0.1, T.linalg.solve(S, e[:, 0]), L]

    stack = T.dtensor3("stack")
    outputs = loop(step, stack.shape[0], [stack], [A])
    same([stack, A], outputs, rng.normal(size=(4, 3, 3)), np.eye(3), rtol=1e-9)


def test_a_kernel_makes_the_next_state():
    outputs = loop(lambda P, F: [T.dot(F, P)], n, [], [A], [B])
    same([n, A, B], outputs, 4, rng.normal(size=(3, 3)), rng.normal(size=(3, 3)) / 3)
    outputs = loop(lambda P, F: [T.dot(F, P)] * 2, n, [], [A], [B])
    same([n, A, B], outputs, 4, rng.normal(size=(3, 3)), rng.normal(size=(3, 3)) / 3)


def test_a_stack_of_matrices_is_a_state():
    stack = T.dtensor3("stack")
    outputs = loop(lambda P, F: [T.matmul(F, P), P], n, [], [stack], [stack])
    same([n, stack], outputs, 3, rng.normal(size=(2, 3, 3)) / 3)


@PRINTED
def test_what_a_step_adds_to_an_array():
    def step(e, j, g, h):
        return [T.inc_subtensor(g[j], e * h), h * 0.9]

    outputs = loop(step, x.shape[0], [x, k], [y, a])
    f = same([x, k, y, a], outputs, rng.normal(size=4), [0, 2, -1, 0], np.zeros(3), 1.0)
    assert f.source.count("empty") == 1 and not allocations_inside(f.source)
    outputs = loop(lambda e, g, w: [g + T.outer(w, w) * e], x.shape[0], [x], [A], [y])
    f = same([x, A, y], outputs, rng.normal(size=4), np.zeros((3, 3)), rng.normal(size=3))
    assert f.source.count("empty") == 2 and not allocations_inside(f.source)


def test_what_a_step_sets_in_a_new_array():
    outputs = loop(
        lambda e, j, h, w: [T.set_subtensor(w[j], e).sum() + h, T.inc_subtensor((h * w)[:2], e)],
        x.shape[0], [x, k], [a], [y],
    )  # fmt: skip
    same([x, k, a, y], outputs, rng.normal(size=4), [0, 2, -1, 0], 1.0, rng.normal(size=3))


def test_a_sum_into_a_row():
    outputs = loop(lambda e, M: [T.dot(e, M), T.exp(M * e[0]).sum(axis=0)], A.shape[0], [A], [],
                   [B])  # fmt: skip
    same([A, B], outputs, rng.normal(size=(4, 3)), rng.normal(size=(3, 2)))


def test_the_same_value_twice():
    outputs = loop(lambda e, p, q: [p + e, p + e, p * e, p * e], x.shape[0], [x], [y, z])
    same([x, y, z], outputs, [1.0, 2.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0])

    def step(e, p, q):
        new = p * e + q
        return [new, new, new, new]

    outputs = loop(step, x.shape[0], [x], [y, z])
    same([x, y, z], outputs, [1.0, 2.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0])


def test_what_does_not_change_is_traced():
    outputs = loop(lambda e, p, w: [p * e, w, T.exp(w).sum(), p, np.ones(2)], x.shape[0], [x], [y],
                   [z])  # fmt: skip
    same([x, y, z], outputs, [1.0, 2.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0])


# -- sequences -------------------------------------------------------------------------------------


@PRINTED
def test_sequences_are_read_in_place():
    def step(e, f, g, h):
        return [h + e * f - g, h]

    outputs = loop(step, x.shape[0] - 1, [x[1:], x[:-1], x[::-1][1:] * 2.0], [a])
    for size in SIZES:
        f = same([x, a], outputs, rng.normal(size=size + 1), 1.0)
    assert f.source.count("empty") == 1
    outputs = loop(step, x.shape[0], [T.exp(x), T.exp(x) * x, A[:, 0]], [a])
    for size in SIZES:
        same([x, A, a], outputs, rng.normal(size=size), rng.normal(size=(size, 2)), 1.0)


def test_rows_of_views():
    outputs = loop(lambda e, f, h: [h + e * f, T.dot(e, f)], A.shape[0], [A[::-1], A * 2], [y])
    same([A, y], outputs, rng.normal(size=(4, 3)), rng.normal(size=3))


@PRINTED
def test_what_no_step_changes_is_computed_once():
    outputs = loop(lambda e, h, w: [h * T.exp(w) + e], x.shape[0], [x], [a], [b])
    f = same([x, a, b], outputs, [1.0, 2.0], 1.0, 0.5)
    assert f.source.index("exp") < f.source.index("for t")
    outputs = loop(lambda e, h, w: [h * T.exp(w) + e], x.shape[0], [x], [y], [z])
    f = same([x, y, z], outputs, [1.0, 2.0], [1.0, 0.5], [0.5, 2.0])
    assert f.source.index("exp") < f.source.index("for t")
    outputs = loop(lambda e, h, w: [h * w + e], x.shape[0], [x], [y], [T.exp(z)])
    f = same([x, y, z], outputs, [1.0, 2.0], [1.0, 0.5], [0.5, 2.0])
    assert f.source.index("exp") < f.source.index("for t")


# -- until -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 2, 50])
def test_until(size):
    outputs = loop(
        lambda h: [0.5 * (h + 2.0 / h), h, T.stack([h, -h]), abs(h * h - 2.0) < 1e-9],
        n, [], [a], until=True,
    )  # fmt: skip
    same([n, a], outputs, size, 3.0)
    same([n, a], [outputs[0]], size, 3.0)
    same([n, a], [outputs[1].sum(), outputs[2] * 2], size, 3.0)
    same([n, a], [outputs[3]], size, 3.0)


def test_until_a_state_says_so():
    flag = T.scalar("flag", "bool")
    outputs = loop(lambda e, p: [T.gt(e, 2.0), e, p], x.shape[0], [x], [flag], until=True)
    same([x, flag], outputs, [1.0, 3.0, 4.0, 1.0, 0.0], False)
    outputs = loop(lambda e, h: [h + e, h[0] > 2.0], x.shape[0], [x], [y], until=True)
    same([x, y], outputs, [1.0, 3.0, 4.0, 1.0, 0.0], [0.0, 1.0])


# -- loops in loops --------------------------------------------------------------------------------


@PRINTED
def test_loops_in_loops():
    def step(e, h):
        inner = loop(lambda f, g, m: [g + f * m, g * f], e.shape[0], [e], [h], [h])
        return [inner[0] * 0.1, inner[0], inner[1]]

    outputs = loop(step, A.shape[0], [A], [a])
    for size in SIZES:
        f = same([A, a], outputs, rng.normal(size=(size, 3)), 1.0)
    assert not allocations_inside(f.source)


@PRINTED
def test_arrays_in_loops_in_loops():
    def outer(e, h, W):
        inner = loop(lambda g, m, v: [T.dot(m, g) * 0.5 + v.sum()], 2, [], [h], [W, e])
        second = loop(lambda f, g: [g * f] * 2, e.shape[0], [e], [inner[0]])
        return [second[0], inner[0], second[1]]

    outputs = loop(outer, A.shape[0], [A], [y], [B])
    for size in SIZES:
        f = same([A, y, B], outputs, rng.normal(size=(size, 3)), rng.normal(size=2),
                 rng.normal(size=(2, 2)))  # fmt: skip
    assert not allocations_inside(f.source)


def test_a_loop_inside_that_may_end():
    def step(e, h):
        inner = loop(lambda g, m: [g * 0.5 + m, g, abs(g) < m], 20, [], [h], [e], until=True)
        return [inner[0] + 1, inner[0], inner[1].sum(), inner[2]]

    same([x, a], loop(step, x.shape[0], [x], [a]), [0.5, 0.25, 1.0], 9.0)


def test_a_loop_after_another():
    first = loop(lambda e, h: [h * 0.9 + e] * 2, x.shape[0], [x], [a])
    second = loop(lambda e, h: [h - e, h], x.shape[0], [T.exp(first[1][::-1])], [first[0]])
    same([x, a], [*first, *second], rng.normal(size=5), 1.0)


# -- branches --------------------------------------------------------------------------------------


def both(inputs, outputs, *values):
    """The results are right whichever branch is taken."""
    for condition in (1, 0):
        f = same(inputs, outputs, condition, *values)
    return f.source


def test_only_the_branch_that_is_taken_runs():
    source = both([n, a, b], [ng.ifelse(n > 0, T.exp(a) * b, T.log(b) + a)], 2.0, 3.0)
    assert (
        source.index("if n > 0") < source.index("exp") < source.index("else") < source.index("log")
    )
    # An index that is out of range in the branch that is not taken is no error.
    f = ng.function([n, x, k], ng.ifelse(n > 0, x[k].sum(), 0.0))
    assert f(0, [1.0, 2.0], [7]) == 0 and f(1, [1.0, 2.0], [1, 1]) == 4
    with pytest.raises(IndexError, match="7"):
        f(1, [1.0, 2.0], [7])


def test_branches_with_arrays():
    source = both([n, x, b], [ng.ifelse(n > 0, T.exp(x) * b, x[::-1] - b)], [1.0, 2.0], 3.0)
    assert source.count("empty") == 1
    both([n, x, y], [ng.ifelse(n > 0, x, y)], [1.0, 2.0], [3.0, 4.0, 5.0])
    chosen = ng.ifelse(n > 0, T.exp(x), y * 2)
    both([n, x, y], [chosen.sum(), chosen * 2, chosen.shape[0]], [1.0, 2.0], [3.0, 4.0, 5.0])
    products = [ng.ifelse(n > 0, T.dot(A, A), A * 2), ng.ifelse(n > 0, x.sum(), T.dot(A, x)[0])]
    both([n, A, x], products, rng.normal(size=(2, 2)), [1.0, 2.0])


def test_branches_of_constants_and_zeros():
    y = ng.ifelse(n < x.shape[0], x[n] ** 2, -1.0)
    f = ng.function([n, x], [y, ng.grad(y, x)])
    assert [v.tolist() for v in f(1, [3.0, 4.0])] == [16.0, [0.0, 8.0]]
    assert [v.tolist() for v in f(7, [3.0, 4.0])] == [-1.0, [0.0, 0.0]]
    outputs = [ng.ifelse(n > 0, T.zeros_like(x), x), ng.ifelse(n > 0, np.ones(0), x)]
    both([n, x], outputs, [1.0, 2.0])
    sums = ng.ifelse(n > 0, T.dot(x, A), A.sum(axis=0) + 1)
    both([n, x, A], [sums], [1.0, 2.0], rng.normal(size=(2, 3)))


def test_branches_in_branches_and_loops_in_branches():
    outputs = [ng.ifelse(n > 0, ng.ifelse(n > 1, x * 2, T.sort(x)), x + 1)]
    for condition in (0, 1, 2):
        same([n, x], outputs, condition, [3.0, 1.0, 2.0])
    last, trace = loop(lambda e, h: [h * e, h + e], x.shape[0], [x], [a])
    both([n, x, a], [ng.ifelse(n > 0, last, a), ng.ifelse(n > 0, trace, x)], [1.0, 2.0], 3.0)


@PRINTED
def test_branches_in_loops():
    outputs = loop(lambda e, h: [ng.ifelse(e > 0, h * T.exp(e), h - 1), h], x.shape[0], [x], [a])
    for size in SIZES:
        same([x, a], outputs, rng.normal(size=size), 1.0)

    def step(e, h, M):
        new = ng.ifelse(e > 0, h * T.exp(e), T.dot(M, h))
        return [new, new, ng.ifelse(e > 0, T.dot(M, M), M).sum()]

    outputs = loop(step, x.shape[0], [x], [y], [A])
    for size in SIZES:
        f = same([x, y, A], outputs, rng.normal(size=size), [1.0, 2.0], np.ones((2, 2)))
    assert "empty" in f.source


# -- long steps ------------------------------------------------------------------------------------


@pytest.mark.parametrize("cap", [12, 40])
@PRINTED
def test_a_long_step_is_cut_into_functions(cap):
    def step(e, h, g):
        u = h
        for i in range(12):
            u = T.tanh(u * 0.9 + e * (i + 1) * 0.1)
            if i % 4 == 3:
                u = ng.ifelse(e > 0.1 * i, u * 1.1, u - 0.2)
        return [u, u * g + h, u + g, abs(u) > 5.0]

    outputs = loop(step, x.shape[0], [x], [a, b], until=True)
    with ng.using(statement_cap=cap):
        f = same([x, a, b], outputs, rng.normal(size=5), 0.3, 0.5, rtol=1e-9)
    assert f.source.count("def ") > 2


# -- the printed source ----------------------------------------------------------------------------


@PRINTED
def test_the_printed_source_of_a_garch_loop(golden):
    e, h, omega, alpha, beta = (T.dscalar(name) for name in ("e", "h", "omega", "alpha", "beta"))
    new = omega + alpha * e**2 + beta * h
    new.name = "h_next"
    body = FrozenGraph([e, h, omega, alpha, beta], [new, T.log(new) + e**2 / new])
    op = Scan(body=body, n_sequences=1, n_states=1, until=False, checkpoint=None)
    returns, p = T.dvector("returns"), T.dvector("p")
    last, terms = op(returns.shape[0], returns, T.mean(returns**2), p[0], p[1], p[2])
    f = ng.function([returns, p], [0.5 * terms.sum(), last], name="garch")
    golden("garch_loop.py", f.source)


# -- errors ----------------------------------------------------------------------------------------


def raised(inputs, outputs, values, error):
    texts = []
    for mode in (None, "reference"):
        f = ng.function(inputs, outputs, mode=mode, on_unused_input="ignore")
        with pytest.raises(error) as found:
            f(*values)
        texts.append(str(found.value))
    return texts


def test_a_negative_number_of_steps():
    outputs = loop(lambda h: [h * 2], n, [], [a])
    compiled, _ = raised([n, a], outputs, [-1, 1.0], ValueError)
    assert "number of steps" in compiled and "test_scan_codegen.py" in compiled


def test_sequences_of_other_lengths():
    outputs = loop(lambda e, f: [e * f], x.shape[0], [x, y])
    compiled, _ = raised([x, y], outputs, [[1.0, 2.0], [1.0]], ng.errors.ShapeError)
    assert "test_scan_codegen.py" in compiled
    outputs = loop(lambda e: [e * 2], n, [x])
    raised([n, x], outputs, [5, [1.0, 2.0]], ng.errors.ShapeError)


def test_an_index_inside_is_out_of_range():
    outputs = loop(lambda j, h, w: [h + w[j]], k.shape[0], [k], [a], [x])
    compiled, reference = raised([k, a, x], outputs, [[0, 5], 1.0, [1.0, 2.0]], IndexError)
    for text in (compiled, reference):
        assert "5" in text and "test_scan_codegen.py" in text and "in step 1" in text


def test_sizes_inside_disagree():
    outputs = loop(lambda e, h, w: [h + (w + e).sum()], A.shape[0], [A], [a], [x])
    compiled, _ = raised([A, a, x], outputs, [np.ones((2, 3)), 1.0, [1.0, 2.0]],
                         ng.errors.ShapeError)  # fmt: skip
    assert "test_scan_codegen.py" in compiled


def test_a_state_changes_its_size():
    outputs = loop(lambda h: [h[1:]], n, [], [x])
    compiled, _ = raised([n, x], outputs, [2, [1.0, 2.0, 3.0]], ng.errors.ShapeError)
    assert "test_scan_codegen.py" in compiled
    assert ng.function([n, x], outputs)(0, [1.0, 2.0])[0].tolist() == [1.0, 2.0]


# -- whatever is drawn -----------------------------------------------------------------------------

NUMBERS = [
    lambda p, q: p + q, lambda p, q: p * 0.5 - q, lambda p, q: T.tanh(p) * q,
    lambda p, q: T.maximum(p, q), lambda p, q: T.switch(p > q, p, 0.3 * q),
]  # fmt: skip
VECTORS = [
    *NUMBERS, lambda p, q: p[::-1] + q, lambda p, q: p - q.mean(), lambda p, q: T.cumsum(p) * 0.1,
    lambda p, q: T.inc_subtensor(p[1], q[0]), lambda p, q: T.set_subtensor(p[:2], q[1:]),
    lambda p, q: T.sort(p) * 0.5, lambda p, q: T.dot(T.outer(p, q), p) * 0.1,
    lambda p, q: T.concatenate([p[:1], q[1:]]),
]  # fmt: skip


def drawn_step(plan, table, n_states, n_traced):
    def step(*leaves):
        values = list(leaves)
        for op, p, q in plan:
            values.append(table[op % len(table)](values[p % len(values)], values[q % len(values)]))
        count = len(values)
        picks = [p for _, p, _ in plan] + [0] * 9
        nexts = [T.tanh(values[-1 - j % count]) if j % 2 else values[(-1 - picks[j]) % count]
                 for j in range(n_states)]  # fmt: skip
        return [*nexts, *(values[(picks[j + 2] * 7 + j) % count] for j in range(n_traced))]

    return step


PLANS = st.lists(st.tuples(*[st.integers(0, 30)] * 3), min_size=1, max_size=6)


@settings(max_examples=12, deadline=None)
@given(plan=PLANS, states=st.integers(0, 3), traced=st.integers(1, 3), size=st.sampled_from(SIZES),
       vectors=st.booleans())  # fmt: skip
def test_whatever_step_is_drawn(plan, states, traced, size, vectors):
    noise = np.random.default_rng(size)
    if vectors:
        starts = [T.dvector(f"s{j}") for j in range(states)]
        outputs = loop(drawn_step(plan, VECTORS, states, traced), A.shape[0], [A], starts, [y])
        values = [noise.normal(size=(size, 3)), noise.normal(size=3)]
        inputs = [A, y]
    else:
        starts = [T.dscalar(f"s{j}") for j in range(states)]
        outputs = loop(drawn_step(plan, NUMBERS, states, traced), x.shape[0], [x], starts, [b])
        values = [noise.normal(size=size), 0.7]
        inputs = [x, b]
    values += [noise.normal(size=3 if vectors else ()) for _ in starts]
    same([*inputs, *starts], outputs, *values, rtol=1e-9)


def test_an_element_that_is_handed_on_in_a_loop_inside_a_loop_is_read_where_it_lies():
    rows = T.reshape((x * y)[:4], (2, 2), ndim=2)

    def step(row, total):
        last, _ = loop(lambda e, s, t: [e, t + s], 2, [row], [total, 0.0])
        return [last + 1.0]

    same([x, y, a], loop(step, 2, [rows], [a]), [1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0], 0.5)
