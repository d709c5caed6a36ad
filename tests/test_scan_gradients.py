"""Derivatives of loops, held against the same loop written out step by step.

The loop written out is differentiated by rules that have their own tests, so it is the reference
for values, gradients, tangents and second derivatives; finite differences are a second one.
"""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import numbagrad as ng
from numbagrad import tensor as T
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


def compute(inputs, outputs, at, mode):
    outputs = rewrite(outputs) if mode == "rewritten" else outputs
    return ng.function(inputs, outputs, mode="reference", on_unused_input="ignore")(*at)


def close(found, wanted):
    for a, b in zip(found, wanted, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


class Both:
    """A loop and the same written out, each as a scalar cost over the same inputs."""

    def __init__(self, step, length, **options):
        sequences, states, others = step.inputs()
        self.inputs = [*sequences, *states, *others]
        last, traces, _ = scanned(step, length, sequences, states, others, **options)
        self.scan = cost_of_scan(length, last, traces)
        self.unrolled = cost_of_unrolled(*unrolled(step, length, sequences, states, others))
        self.smooth = [x for x in self.inputs if x.dtype == "float64"]
        rng = np.random.default_rng(length)
        self.at = step.values(rng, length)
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


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=25, deadline=None)
@given(step=steps, length=lengths)
def test_gradients(mode, step, length):
    Both(step, length).check(gradient, mode)


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=25, deadline=None)
@given(step=steps, length=lengths)
def test_tangents(mode, step, length):
    Both(step, length).check(tangent, mode)


@pytest.mark.parametrize("derivative", [product, reverse_twice])
@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=12, deadline=None)
@given(step=steps, length=lengths)
def test_second_derivatives(mode, derivative, step, length):
    Both(step, length).check(derivative, mode)
