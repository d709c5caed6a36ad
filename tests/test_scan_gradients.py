"""Derivatives of loops, held against the same loop written out step by step.

The loop written out is differentiated by rules that have their own tests, so it is the reference
for values, gradients, tangents and second derivatives; finite differences are a second one.
"""

import random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.gradient import disconnected_grad, vectorize_graph
from numbagrad.graph.tensor import TensorType
from numbagrad.rewrite import rewrite
from tests.scan_steps import (
    Step,
    cost_of_scan,
    cost_of_unrolled,
    scanned,
    unrolled,
)

#: As the graph is built, and after all rewrites; both node by node in NumPy.
MODES = ("as built", "rewritten")
KINDS = {
    "scalars": ("s", "s", "s"),
    "several": ("ss", "sss", "ss"),
    "vectors": ("v", "vs", "m"),
    "indices": ("iv", "iv", "vs"),
    "matrices": ("v", "mv", "m"),
    "no sequence": ("", "sv", "s"),
    "no state": ("sv", "", "vs"),
}
steps = st.builds(
    lambda seed, kinds: Step(random.Random(seed), *KINDS[kinds]),
    st.integers(0, 10**9),
    st.sampled_from(list(KINDS)),
)
lengths = st.sampled_from([0, 1, 2, 5])


def compute(inputs, outputs, at, mode="as built"):
    outputs = rewrite(outputs) if mode == "rewritten" else outputs
    mode = None if mode == "compiled" else "reference"
    return ng.function(inputs, outputs, mode=mode, on_unused_input="ignore")(*at)


def close(found, wanted):
    for a, b in zip(found, wanted, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


class Both:
    """A loop and the same written out, each as a scalar cost over the same inputs."""

    def __init__(self, step, length, symbolic=False, **options):
        sequences, states, others = step.inputs()
        self.inputs = [*sequences, *states, *others]
        count = T.lscalar("n") if symbolic else length
        last, traces, _ = scanned(step, count, sequences, states, others, **options)
        self.scan = cost_of_scan(length, last, traces)
        self.unrolled = cost_of_unrolled(*unrolled(step, length, sequences, states, others))
        self.smooth = [x for x in self.inputs if x.dtype == "float64"]
        rng = np.random.default_rng(length)
        self.at = step.values(rng, length)
        if symbolic:
            self.inputs.append(count)
            self.at.append(length)
        pairs = zip(self.inputs, self.at, strict=True)
        self.directions = [
            T.constant(rng.normal(size=a.shape)) for x, a in pairs if x in self.smooth
        ]

    def check(self, derivative, mode):
        """``derivative(cost, wrt, directions)`` is the same for both."""
        found, wanted = (
            compute(self.inputs, derivative(c, self.smooth, self.directions), self.at, mode)
            for c in (self.scan, self.unrolled)
        )
        close(found, wanted)


def gradient(cost, wrt, directions):
    return [cost, *ng.grad(cost, wrt, disconnected_inputs="ignore")]


def tangent(cost, wrt, directions):
    return [ng.Rop(cost, wrt, directions, disconnected_outputs="ignore")]


def product(cost, wrt, directions):
    return ng.hessian_vector_product(cost, wrt, directions, disconnected_inputs="ignore")


def reverse_twice(cost, wrt, directions):
    first = ng.grad(cost, wrt, disconnected_inputs="ignore")
    along = sum(((g * d).sum() for g, d in zip(first, directions, strict=True)), T.constant(0.0))
    return ng.grad(along, wrt, disconnected_inputs="ignore")


@pytest.mark.newest("graphs are computed node by node")
@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=12, deadline=None)
@given(step=steps, length=lengths)
def test_gradients(mode, step, length):
    Both(step, length).check(gradient, mode)


@pytest.mark.newest("graphs are computed node by node")
@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=8, deadline=None)
@given(step=steps, length=lengths)
def test_tangents(mode, step, length):
    Both(step, length).check(tangent, mode)


@pytest.mark.newest("graphs are computed node by node")
@pytest.mark.parametrize("derivative", [product, reverse_twice])
@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=5, deadline=None)
@given(step=steps, length=lengths)
def test_second_derivatives(mode, derivative, step, length):
    Both(step, length).check(derivative, mode)


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize("mode", [*MODES, "compiled"])
def test_sizes_of_states_are_known_without_steps(mode, symbolic):
    both = Both(Step(random.Random(569452), *KINDS["vectors"]), 0, symbolic=symbolic)
    both.check(reverse_twice, mode)


# -- loops that end by a condition ---------------------------------------------------------------


def ends(after):
    return T.abs(after[0]).sum() > 0.4


@pytest.mark.newest("graphs are computed node by node")
@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=6, deadline=None)
@given(
    step=steps,
    length=st.sampled_from([1, 2, 6]),
    checkpoint=st.sampled_from([None, None, 2, "sqrt"]),
)
def test_loops_that_end(mode, step, length, checkpoint):
    assume(step.states)
    sequences, states, others = step.inputs()
    inputs = [*sequences, *states, *others]
    at = step.values(np.random.default_rng(length), length)
    last, traces, (count,) = scanned(
        step, length, sequences, states, others, ends, checkpoint=checkpoint
    )
    made = int(compute(inputs, [count], at, "as built")[0])
    assert 1 <= made <= length
    smooth = [x for x in inputs if x.dtype == "float64"]
    tangents = [T.constant(np.sin(1.0 + np.arange(a.size)).reshape(a.shape)) for a in at]
    tangents = [t for t, x in zip(tangents, inputs, strict=True) if x in smooth]
    results = [
        [
            *gradient(cost, smooth, tangents),
            *tangent(cost, smooth, tangents),
            *product(cost, smooth, tangents),
        ]
        for cost in (
            cost_of_scan(made, last, traces),
            cost_of_unrolled(*unrolled(step, made, sequences, states, others)),
        )
    ]
    close(*(compute(inputs, outputs, at, mode) for outputs in results))


def test_the_way_back_has_as_many_steps_as_were_made():
    x, h = T.dvector("x"), T.dscalar("h")
    (last,), (trace,), (count,) = scanned(
        lambda v: ([v[0] * v[1]], [v[0] * v[1]]), 5, [x], [h], [], lambda after: after[0] > 20.0
    )
    outputs = [count, *ng.grad(last, [x, h]), *ng.grad(trace.sum(), [x, h])]
    for mode in MODES:
        count_, dx, dh, sx, sh = compute([x, h], outputs, [[2.0, 3.0, 4.0, 5.0, 6.0], 1.0], mode)
        assert count_ == 3
        np.testing.assert_allclose(dx, [12.0, 8.0, 6.0, 0.0, 0.0])
        np.testing.assert_allclose(sx, [1 + 3 + 12, 2 + 8, 6.0, 0.0, 0.0])
        np.testing.assert_allclose([dh, sh], [24.0, 2 + 6 + 24])


# -- the last steps only -------------------------------------------------------------------------


@pytest.mark.newest("graphs are computed node by node")
@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=6, deadline=None)
@given(step=steps, length=lengths, truncate=st.integers(1, 6))
def test_truncated_gradients(mode, step, length, truncate):
    """As if the values of all steps but the last ones were constants."""
    sequences, states, others = step.inputs()
    inputs = [*sequences, *states, *others]
    at = step.values(np.random.default_rng(length), length)
    last, traces, _ = scanned(step, length, sequences, states, others, truncate=truncate)

    def held(values):
        nonlocal done
        after, traced = step(values)
        done += 1
        if done > length - truncate:
            return after, traced
        return [disconnected_grad(v) for v in after], [disconnected_grad(v) for v in traced]

    done = 0
    smooth = [x for x in inputs if x.dtype == "float64"]
    costs = (
        cost_of_scan(length, last, traces),
        cost_of_unrolled(*unrolled(held, length, sequences, states, others)),
    )
    close(*(compute(inputs, gradient(c, smooth, ()), at, mode) for c in costs))


# -- checkpoints -----------------------------------------------------------------------------------

checkpoints = st.sampled_from([1, 2, 3, 9, "sqrt"])


@pytest.mark.newest("graphs are computed node by node")
@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=8, deadline=None)
@given(
    step=steps,
    length=st.sampled_from([0, 1, 2, 5, 6, 7]),
    checkpoint=checkpoints,
    symbolic=st.booleans(),
)
def test_checkpoints(mode, step, length, checkpoint, symbolic):
    Both(step, length, symbolic, checkpoint=checkpoint).check(gradient, mode)


@pytest.mark.newest("graphs are computed node by node")
@pytest.mark.parametrize("derivative", [product, reverse_twice])
@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=3, deadline=None)
@given(step=steps, length=st.sampled_from([0, 1, 5]), checkpoint=checkpoints)
def test_second_derivatives_with_checkpoints(mode, derivative, step, length, checkpoint):
    Both(step, length, checkpoint=checkpoint).check(derivative, mode)


# -- batches -------------------------------------------------------------------------------------


@pytest.mark.newest("graphs are computed node by node")
@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=6, deadline=None)
@given(step=steps, length=lengths, chosen=st.integers(1, 15), static=st.booleans())
def test_many_loops_at_once(mode, step, length, chosen, static):
    sequences, states, others = step.inputs()
    inputs = [*sequences, *states, *others]
    rng = np.random.default_rng(length)
    at = step.values(rng, length)
    last, traces, _ = scanned(step, length, sequences, states, others)
    chosen = [k for k in range(len(inputs)) if chosen >> k & 1]
    members = [step.values(rng, length) for _ in range(2)]
    replace, values = {}, list(at)
    for k in chosen:
        x = inputs[k]
        lead = 2 if static else None
        replace[x] = TensorType(x.dtype, (lead, *x.type.shape))()
        values[k] = np.stack([m[k] for m in members])
    outputs = vectorize_graph([*last, *traces], replace)
    found = compute([replace.get(x, x) for x in inputs], outputs, values, mode)
    single = []
    for m in members:
        point = [m[k] if k in chosen else at[k] for k in range(len(inputs))]
        single.append(compute(inputs, [*last, *traces], point, mode))
    for out, old, value, *each in zip(outputs, [*last, *traces], found, *single, strict=True):
        if out.ndim > old.ndim:
            np.testing.assert_allclose(value, np.stack(each), rtol=1e-12, atol=1e-14)
        else:
            for member in each:
                np.testing.assert_allclose(value, member, rtol=1e-12, atol=1e-14)


@pytest.mark.newest("graphs are computed node by node")
@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=5, deadline=None)
@given(step=steps, length=st.sampled_from([0, 1, 3]))
def test_jacobians_and_hessians(mode, step, length):
    both = Both(step, length)
    wrt = both.smooth[-1]

    def derivative(cost, smooth, directions):
        first = ng.grad(cost, wrt, disconnected_inputs="ignore")
        return [
            ng.hessian(cost, wrt, disconnected_inputs="ignore"),
            ng.jacobian(first, wrt, disconnected_inputs="ignore", mode="reverse"),
            ng.jacobian(first, wrt, disconnected_inputs="ignore", mode="forward"),
        ]

    both.check(derivative, mode)


# -- compiled ------------------------------------------------------------------------------------


def hessians(cost, wrt, directions):
    return [ng.hessian(cost, wrt[-1], disconnected_inputs="ignore")]


@pytest.mark.newest("test_scan_codegen will do")
@settings(max_examples=6, deadline=None)
@given(
    step=steps,
    length=lengths,
    derivative=st.sampled_from([gradient, tangent, product, reverse_twice, hessians]),
    checkpoint=st.sampled_from([None, None, 2, "sqrt"]),
    symbolic=st.booleans(),
)
def test_compiled_derivatives(step, length, derivative, checkpoint, symbolic):
    both = Both(step, length, symbolic, checkpoint=checkpoint)
    outputs = derivative(both.scan, both.smooth, both.directions)
    wanted = compute(both.inputs, derivative(both.unrolled, both.smooth, both.directions), both.at)
    close(compute(both.inputs, outputs, both.at, "compiled"), wanted)


def test_an_array_that_a_state_changes_places_with_is_nobody_elses():
    step = Step(random.Random(9005), *KINDS["vectors"])
    both = Both(step, 5, symbolic=True, checkpoint=1)
    outputs = gradient(both.scan, both.smooth, both.directions)
    close(*(compute(both.inputs, outputs, both.at, mode) for mode in ("compiled", "as built")))
