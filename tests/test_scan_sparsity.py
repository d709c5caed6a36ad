"""Patterns of sparsity through loops."""

import random

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.gradient.sparsity import detect
from tests.effort import examples
from tests.scan_steps import Step, scanned

pytestmark = pytest.mark.newest("loops are differentiated, and computed node by node")

N = 4


def vector(name, n=N):
    return T.tensor(name, shape=(n,), dtype="float64")


def cells(pattern):
    return pattern.toarray().astype(int).tolist()


def test_states_depend_on_what_came_before():
    x, h = vector("x"), T.dscalar("h")
    (last,), (trace,), _ = scanned(
        lambda v: ([T.tanh(v[1] + v[0])], [T.tanh(v[1] + v[0])]), N, [x], [h], []
    )
    assert cells(detect(trace, x, {})) == np.tri(N, dtype=int).tolist()
    assert cells(detect(last, x, {})) == [[1] * N]
    assert cells(detect(trace, h, {})) == [[1]] * N


def test_steps_apart_stay_apart():
    x, w = vector("x"), T.dscalar("w")
    _, (trace,), _ = scanned(lambda v: ([], [v[0] ** 2 * v[1]]), N, [x], [], [w])
    assert cells(detect(trace, x, {})) == np.eye(N, dtype=int).tolist()
    jacobian = ng.jacobian(trace, x, sparsity="detect", result="sparse")
    assert jacobian.sweeps == 1
    made = jacobian.to_scipy(
        ng.function([x, w], jacobian.data, mode="reference")(np.arange(4.0), 3.0)
    )
    np.testing.assert_allclose(made.toarray(), np.diag(6.0 * np.arange(4.0)))


def test_a_state_looks_one_step_back():
    x = vector("x")
    _, (trace,), _ = scanned(lambda v: ([v[0]], [v[0] - v[1]]), N, [x], [T.constant(0.0)], [])
    assert cells(detect(trace, x, {})) == (np.eye(N) + np.eye(N, k=-1)).astype(int).tolist()


def test_a_loop_that_may_end_early():
    x, h = vector("x"), T.dscalar("h")
    (last, other), _, _ = scanned(
        lambda v: ([v[0], v[2] + 1.0], []), N, [x], [h, h], [], lambda after: after[0] > 1.0
    )
    assert cells(detect(last, x, {})) == [[1] * N]
    assert cells(detect(other, h, {})) == [[1]]


def test_a_long_loop_is_not_followed():
    n, zero = 30_000, T.constant(0.0)
    x = vector("x", n)
    (last,), _, _ = scanned(lambda v: ([v[0] + v[1]], []), n, [x], [zero], [])
    assert detect(last, x, {}).nnz == n
    _, (trace,), _ = scanned(lambda v: ([v[0] + v[1]], [v[0]]), n, [x], [zero], [])
    with pytest.raises(ValueError, match="Too many elements"):
        detect(trace, x, {})


def test_the_number_of_steps_has_to_be_known():
    x, n = T.dvector("x"), T.lscalar("n")
    _, (trace,), _ = scanned(lambda v: ([v[0] + v[1]], [v[0]]), n, [x], [T.constant(0.0)], [])
    assert detect(trace, x, {x: np.zeros(3), n: 3}).shape == (3, 3)
    with pytest.raises(ValueError, match="sizes must be known"):
        detect(trace, x, {x: np.zeros(3)})


@examples(10)
@given(seed=st.integers(0, 10**9), kinds=st.sampled_from(["v|vs|m", "iv|iv|vs", "s|ss|s"]))
def test_no_entry_is_left_out(seed, kinds):
    step = Step(random.Random(seed), *kinds.split("|"))
    sequences, states, others = step.inputs()
    inputs = [*sequences, *states, *others]
    last, traces, _ = scanned(step, 3, sequences, states, others)
    at = step.values(np.random.default_rng(seed), 3)
    values = dict(zip(inputs, at, strict=True))
    smooth = [v for v in [*last, *traces] if v.dtype == "float64"]
    assume(smooth)
    for out in smooth:
        for x in (x for x in inputs if x.dtype == "float64"):
            jacobian = ng.jacobian(out, x, disconnected_inputs="ignore", mode="forward")
            f = ng.function(inputs, jacobian, mode="reference", on_unused_input="ignore")
            dense = f(*at).reshape(-1, np.size(values[x]))
            pattern = detect(out, x, values)
            assert pattern.shape == dense.shape
            assert not np.any(dense[~pattern.toarray()])
