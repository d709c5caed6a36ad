"""Real models at every level of optimisation, in exact order, with threads and by Numba alone."""

import numpy as np
import pytest

import numbagrad as ng
from numbagrad.function import threads
from numbagrad.function.modes import Mode

from .models import MODELS

#: Ways to compile, and how far results may lie from those of the default.
WAYS = {
    "fast_compile": (Mode(optimize="fast_compile"), 1e-9),
    "none": (Mode(optimize="none"), 1e-8),
    "exact order": (Mode(fastmath=False), 1e-9),
    "threads": (Mode(parallel=True), 1e-9),
    "numba": (Mode(), 1e-9),
    "reference": (Mode(linker="reference", optimize="none"), 1e-8),
}
NAMES = ("logistic", "softmax", "mixture", "rosenbrock")


@pytest.fixture(scope="module")
def graphs():
    """Value, gradient and Hessian-vector product of each model, with what the default gives."""
    made = {}
    for name in NAMES:
        model = MODELS[name]
        theta, p, cost = model.variables()
        outputs = [cost, ng.grad(cost, theta), ng.hessian_vector_product(cost, theta, p)]
        at = model.at, model.direction
        made[name] = [theta, p], outputs, at, ng.function([theta, p], outputs)(*at)
    return made


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_compile_gives_the_same_numbers(graphs, monkeypatch, way, name):
    monkeypatch.setattr(threads, "LEAST_WORK", 0.0)
    monkeypatch.setattr(threads, "SMALL", 0)
    inputs, outputs, at, expected = graphs[name]
    mode, tolerance = WAYS[way]
    with ng.using(compiler="numba" if way == "numba" else "direct"):
        found = ng.function(inputs, outputs, mode=mode)(*at)
    for one, other in zip(found, expected, strict=True):
        scale = 1.0 + np.max(np.abs(other))
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * scale)
