"""The same numbers at every level, with threads, in parts, by Numba alone and from disk.

Graphs are real models, and random ones, of which several are computed by one function, so that
compiling is paid once. The rest of the suite is run at these settings by ``tox -e levels``.
"""

import random

import numpy as np
import pytest

import numbagrad as ng
from numbagrad.function.modes import Mode
from numbagrad.jit.machine import supported

from .models import MODELS
from .plain_python import share_everything
from .random_graphs import Graph
from .scan_steps import Step, cost_of_scan, scanned

pytestmark = pytest.mark.newest(
    "what differs by level is what numbagrad prints and LLVM makes of it"
)

#: How far results may lie from those of the default, as docs/how_it_works.rst states it: relative
#: to the largest number in the result, or in the graph where a result may be a difference.
DOUBLE, SINGLE = 1e-9, 2e-4

#: Ways to compile.
WAYS = {
    "fast_compile": Mode(optimize="fast_compile"),
    "none": Mode(optimize="none"),
    "exact order": Mode(fastmath=False),
    "threads": Mode(parallel=True),
    "numba": Mode(),
    "parts": Mode(),
    "reference": Mode(linker="reference", optimize="none"),
}
#: Settings that are no part of a Mode.
SETTINGS = {"numba": {"compiler": "numba"}, "parts": {"statement_cap": 30}}
NAMES = ("logistic", "softmax", "mixture", "rosenbrock")
DTYPES = {
    "doubles": ("float64", "int64", "bool"),
    "mixed": ("float64", "float32", "int32", "bool"),
    "singles": ("float32", "uint8"),
}
ALL = (*NAMES, *DTYPES, "loops")


@pytest.fixture(autouse=True)
def eager(monkeypatch):
    """Threads run, also on few elements and where there is one processor."""
    share_everything(monkeypatch)
    monkeypatch.setenv("NUMBA_NUM_THREADS", "4")


class Case:
    """A graph with arguments and the results of the default."""

    def __init__(self, inputs, outputs, at, largest=0.0):
        self.inputs, self.outputs, self.at = inputs, outputs, at
        self.largest = largest
        self.expected = self.computed(Mode())

    def computed(self, mode):
        self.function = ng.function(self.inputs, self.outputs, mode=mode, on_unused_input="ignore")
        return self.function(*self.at)

    def check(self, found):
        for one, other in zip(found, self.expected, strict=True):
            assert one.dtype == other.dtype and one.shape == other.shape
            if one.dtype.kind in "biu":
                np.testing.assert_array_equal(one, other)
                continue
            tolerance = SINGLE if self.narrow(one) else DOUBLE
            scale = max(self.largest, np.max(np.abs(other), initial=0.0))
            np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * scale)

    def narrow(self, result):
        return any(v.dtype == "float32" for v in [result, *self.inputs, *self.outputs])


def model(name):
    """Value, gradient and Hessian-vector product."""
    it = MODELS[name]
    theta, p, cost = it.variables()
    outputs = [cost, ng.grad(cost, theta), ng.hessian_vector_product(cost, theta, p)]
    return Case([theta, p], outputs, [it.at, it.direction])


def drawn(name):
    """A dozen random graphs in one."""
    graphs = [Graph(random.Random(f"{name} {k}"), DTYPES[name]).grow(7) for k in range(12)]
    inputs = [v for g in graphs for v in g.inputs]
    outputs = [v for g in graphs for v in g.outputs(2)]
    values = {v: x for g in graphs for v, x in g.values.items()}
    largest = max(np.max(np.abs(x.astype("float64")), initial=0.0) for x in values.values())
    return Case(inputs, outputs, [values[v] for v in inputs], largest)


def loops():
    """Two random loops with their gradients."""
    inputs, outputs, values = [], [], []
    for k, kinds in enumerate(("s s s", "vs v s")):
        step = Step(random.Random(k), *kinds.split())
        groups = step.inputs()
        some = [v for group in groups for v in group]
        length = 5
        last, traces, _ = scanned(step, length, *groups)
        cost = cost_of_scan(length, last, traces)
        smooth = [v for v in some if v.dtype == "float64"]
        inputs += some
        outputs += [*last, *traces, *ng.grad(cost, smooth, disconnected_inputs="ignore")]
        values += step.values(np.random.default_rng(k), length)
    return Case(inputs, outputs, values, 1.0)


@pytest.fixture(scope="module")
def cases():
    """Cases, made when first asked for."""
    made = {}

    def get(name):
        if name not in made:
            made[name] = (
                model(name) if name in NAMES else loops() if name == "loops" else drawn(name)
            )
        return made[name]

    return get


@pytest.mark.parametrize(
    ("way", "name"),
    [(w, n) for n in ALL for w in WAYS if w != "numba" or n not in DTYPES],  # which takes long
)
def test_every_way_to_compile_gives_the_same_numbers(cases, way, name):
    case = cases(name)
    with ng.using(**SETTINGS.get(way, {})):
        case.check(case.computed(WAYS[way]))


@pytest.mark.holds_at("nothing that Numba compiles is kept", compiler="direct")
@pytest.mark.parametrize("name", ("logistic", "doubles", "mixed"))
def test_code_from_disk_gives_the_same_bits(cases, name):
    case = cases(name)
    with ng.using(cache=False):
        fresh = case.computed(Mode())
    again = case.computed(Mode())
    if supported():
        assert case.function.compile_report().cache == "hit"
    for one, other in zip(again, fresh, strict=True):
        np.testing.assert_array_equal(one, other)
