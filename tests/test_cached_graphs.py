"""What the disk cache knows of graphs: which are one, what can be asked of a hit, what misses."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.errors import CacheWarning
from numbagrad.function.identity import identify
from numbagrad.function.modes import Mode
from numbagrad.graph import registry
from numbagrad.graph.basic import Apply
from numbagrad.graph.op import Op
from numbagrad.jit import cache, content
from numbagrad.jit.machine import supported

pytestmark = [
    pytest.mark.skipif(not supported(), reason="below llvmlite 0.45 nothing is kept"),
    pytest.mark.holds_at(
        "it is about what is found again, which Numba's code is not",
        compiler="direct",
        cache=True,
    ),
]

SOURCE = str(Path(ng.__file__).parents[1])


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty cache of one's own."""
    monkeypatch.setenv("NUMBAGRAD_CACHE_DIR", str(tmp_path / "kept"))
    return tmp_path / "kept"


def text_of(inputs, outputs, name=None, mode=None, strict=None, as_list=True):
    found = identify(
        inputs, outputs, name, mode or Mode(), strict or [False] * len(inputs), as_list
    )
    return found and found.text


def was_found(f):
    """Whether nothing was rewritten for a function."""
    report = f.compile_report()
    return report.cache == "hit" and report["rewriting"] == report["printing"] == 0.0


# -- which graphs are one --------------------------------------------------------------------------

UNARY = ("exp", "sin", "neg", "sqr")
BINARY = ("add", "mul", "sub", "maximum")


@st.composite
def recipes(draw):
    """How a graph is built; all steps are outputs, so that another recipe is another graph."""
    numbers = draw(st.lists(st.sampled_from([0.0, -0.0, 1.0, 2.0, 1.0 + 2.0**-52]), max_size=2))
    steps, places = [], 2 + len(numbers)
    for k in range(draw(st.integers(1, 5))):
        place = st.integers(0, places + k - 1)
        if draw(st.booleans()):
            steps.append((draw(st.sampled_from(UNARY)), draw(place)))
        else:
            steps.append((draw(st.sampled_from(BINARY)), draw(place), draw(place)))
    return {
        "dtypes": [draw(st.sampled_from(["float64", "float32"])), "float64"],
        "shapes": [draw(st.sampled_from([(None,), (1,), (3,), (None, 3)])), (3,)],
        "names": [draw(st.sampled_from(["x", "a", None])), "y"],
        "numbers": numbers,
        "steps": steps,
        "named": draw(st.sampled_from([None, "total"])),
        "keepdims": draw(st.booleans()),
        "rest": draw(
            st.sampled_from(
                [
                    {},
                    {"name": "f"},
                    {"as_list": False},
                    {"strict": [True, False]},
                    {"mode": Mode(fastmath=False)},
                    {"mode": Mode(optimize="fast_compile")},
                ]
            )
        ),
    }


def built(recipe):
    inputs = [
        T.tensor(name, dtype=dtype, shape=shape)
        for name, dtype, shape in zip(
            recipe["names"], recipe["dtypes"], recipe["shapes"], strict=True
        )
    ]
    values = [*inputs, *(T.constant(np.float64(n)) for n in recipe["numbers"])]
    given_ = len(values)
    for op, *places in recipe["steps"]:
        values.append(getattr(T, op)(*(values[p] for p in places)))
    values.append(T.sum(values[-1], keepdims=recipe["keepdims"]))
    values[-1].name = recipe["named"]
    outputs = values[given_:] + values[2:given_]
    return text_of(inputs, outputs, **recipe["rest"])


class TestTexts:
    @given(recipes())
    @settings(max_examples=60, deadline=None)
    def test_a_graph_that_is_built_again_is_the_same(self, recipe):
        assert built(recipe) == built(recipe) is not None

    @given(recipes(), recipes(), st.data())
    @settings(max_examples=150, deadline=None)
    def test_others_are_others(self, one, other, data):
        # Often they differ in one thing only.
        kept = data.draw(st.sets(st.sampled_from(sorted(one))))
        if len(one["numbers"]) == len(other["numbers"]):
            other = {key: (one if key in kept else other)[key] for key in one}
        assert (built(one) == built(other)) == (repr(one) == repr(other))

    def test_edges_names_types_and_data(self):
        x, y = T.dvectors("x", "y")
        z = T.exp(x)
        large = np.arange(100.0)
        other = large.copy()
        other[50] = np.nextafter(50.0, 51.0)
        shared = T.constant(large)
        texts = [
            text_of([x, y], [x - y]),
            text_of([x, y], [y - x]),
            text_of([y, x], [x - y]),
            text_of([x, y], [x - y, x - y]),
            text_of([x, y], [z * z]),
            text_of([x, y], [T.exp(x) * T.exp(x)]),
            text_of([x, y], [z, z]),
            text_of([x, y, z], [z, z]),
            text_of([x, y], [x * 2]),
            text_of([x, y], [x * 2.0]),
            text_of([x, y], [x * np.float32(2)]),
            text_of([x, y], [x * shared + y * shared]),
            text_of([x, y], [x * T.constant(large) + y * T.constant(large)]),
            text_of([x, y], [x * T.constant(other) + y * T.constant(other)]),
            text_of([x, y], [x[1:]]),
            text_of([x, y], [x[:1]]),
            text_of([x, y], [ng.ifelse(x[0] > 0, x, y)]),
            text_of([x, y], [ng.ifelse(x[0] > 0, y, x)]),
            text_of([x, y], [ng.scan(lambda a: a + 1, sequences=[x])[0]]),
            text_of([x, y], [ng.scan(lambda a: a + 2, sequences=[x])[0]]),
            text_of([x, y], [ng.scan(lambda b: b + 1, sequences=[x])[0]]),
        ]
        assert None not in texts and len(set(texts)) >= len(texts) - 1
        assert len(set(texts[:-1])) == len(texts) - 1

    @pytest.mark.parametrize("change", [{"statement_cap": 30}, {"floatX": "float32"}])
    def test_settings(self, change):
        x = T.dvector("x")
        outputs = [T.exp(x)]
        before = text_of([x], outputs)
        with ng.using(**change):
            assert text_of([x], outputs) != before
        with ng.using(cache_limit=1, kept_memory=1, on_unused_input="ignore"):
            assert text_of([x], outputs) == before

    def test_what_can_not_be_told_has_none(self):
        class Mine(Op):
            __props__ = ()

        x = T.dvector("x")
        made = Apply(Mine(), [x], [x.type()]).outputs[0]
        assert text_of([x], [made]) is None
        assert text_of([x], [ng.scan(lambda a: a + made[0], sequences=[x])[0]]) is None
        halved = ng.OpFromGraph([x], [x * 2], lop_overrides=lambda i, o, g: [g[0]], inline=False)
        assert text_of([x], [halved(x)]) is None
        registry.REPLACED.add("add")
        try:
            assert text_of([x], [x + 1]) is None
        finally:
            registry.REPLACED.clear()

    def test_who_replaces_an_op_is_noted(self, monkeypatch):
        monkeypatch.setattr(registry, "OPS", dict(registry.OPS))
        monkeypatch.setattr(registry, "REPLACED", set())

        def add(x, y):
            return x

        def quite_new(x):
            return x

        registry.register(quite_new)
        registry.register(quite_new)
        assert not registry.REPLACED
        registry.register(add)
        assert list(registry.REPLACED) == ["add"]


MANY = """
import numbagrad as ng, numpy as np
from numbagrad import tensor as T
from numbagrad.function.identity import identify
from numbagrad.function.modes import Mode
from numbagrad.jit import content
x, A, rng = T.dvector("x"), T.dmatrix("A"), T.random.rng("rng")
state, _ = ng.scan(lambda a, h: T.tanh(h * a), sequences=[x], outputs_info=[T.constant(1.0)])
cost = state.sum() + T.linalg.slogdet(A)[1] + T.einsum("ij,j->", A, x) + A[1:, ::2].sum()
graphs = [
    ([x, A], [cost, *ng.grad(cost, [x, A])]),
    ([x, A], [ng.ifelse(x[0] > 0, A, A.T), T.sort(x), x * np.arange(90.0)]),
    ([rng, x], [rng.normal(x)[1]]),
]
texts = [identify(i, o, "f", Mode(), [False] * len(i), True).text for i, o in graphs]
print(*(content.key_of_graph(text) for text in texts))
"""


def test_in_other_processes():
    said = []
    for seed in "0", "1", "123":
        env = {**os.environ, "PYTHONPATH": SOURCE, "PYTHONHASHSEED": seed}
        made = subprocess.run(
            [sys.executable, "-c", MANY], env=env, capture_output=True, text=True, check=False
        )
        assert made.returncode == 0, made.stderr
        said.append(made.stdout.split())
    assert said[0] == said[1] == said[2] and len(set(said[0])) == 3


# -- what a hit can be asked -----------------------------------------------------------------------


def loop(size=None):
    """A gradient with a loop, a constant that is data, one that is folded, and a check."""
    x, k = T.tensor("x", dtype="float64", shape=(size,)), T.lscalar("k")
    h, _ = ng.scan(lambda a, h: T.tanh(h + a), sequences=[x], outputs_info=[T.constant(0.5)])
    weights = T.constant(np.linspace(0.0, 1.0, 100))
    folded = T.exp(T.constant(np.linspace(0.0, 1.0, 70)))
    cost = (h * x[k]).sum() + (weights * x[0]).sum() + (folded * x[0]).sum()
    return ng.function([x, k], [cost, ng.grad(cost, x)], name="loop")


class TestHits:
    def test_all_that_can_be_asked(self, place):
        f, g = loop(), loop()
        assert not was_found(f) and was_found(g)
        value = np.linspace(0.1, 0.9, 5), 3
        for mine, other in zip(g(*value), f(*value), strict=True):
            np.testing.assert_array_equal(mine, other)
        assert g.maker.compiled.later.made is None  # so far nobody has asked
        assert g.source == f.source
        rows = [(r.nodes, r.functions, r.lines) for r in (f.compile_report(), g.compile_report())]
        assert rows[0] == rows[1]
        messages = []
        for one in f, g:
            with pytest.raises(IndexError) as caught:
                one(value[0], 7)
            messages.append(str(caught.value))
        assert messages[0] == messages[1] and "built at" in messages[0]
        assert g.maker.compiled.emitted.source == f.source
        assert g.explain(1) == f.explain(1)
        assert ng.dprint(g, file="str") == ng.dprint(f, file="str")
        again = pickle.loads(pickle.dumps(g))
        np.testing.assert_array_equal(again(*value)[1], f(*value)[1])
        np.testing.assert_array_equal(g.copy(name="other")(*value)[1], f(*value)[1])

    def test_compiled_by_numba_when_it_is_asked_for(self, place):
        x = T.dvector("x")
        _, g = (ng.function([x], T.exp(x).sum()) for _ in range(2))
        assert was_found(g) and g.jitted(np.zeros(3)) == 3.0
        assert "at a time" in str(g.simd_report())

    def test_what_is_asked_later_is_as_it_was_to_be(self, place):
        x = T.dvector("x")
        with ng.using(statement_cap=5):
            f, g = (ng.function([x], [T.exp(x * k).sum() for k in range(9)]) for _ in range(2))
        assert was_found(g) and g.maker.compiled.emitted.source == f.source

    def test_generators(self, place):
        def make():
            rng = T.random.shared_rng(seed=3)
            after, draw = rng.normal(size=4)
            _, first = rng.uniform(size=2)  # from a copy: the same state again
            return ng.function([], [draw, first], updates={rng: after})

        f, g = make(), make()
        assert was_found(g)
        for _ in range(2):
            for mine, other in zip(g(), f(), strict=True):
                np.testing.assert_array_equal(mine, other)

    def test_shared_values_and_updates_are_those_of_the_new_graph(self, place):
        def make(start):
            total = ng.shared(np.float64(start), name="total")
            x = T.dscalar("x")
            return ng.function([x], total * 1.0, updates={total: total + x}), total

        (f, a), (g, b) = make(1.0), make(5.0)
        assert was_found(g)
        assert (f(2.0), g(3.0)) == (1.0, 5.0)
        assert (a.get_value(), b.get_value()) == (3.0, 8.0)


# -- what is a miss --------------------------------------------------------------------------------


class TestMisses:
    def test_other_data(self, place):
        def make(data):
            x = T.dvector("x")
            return ng.function([x], (x * T.constant(data)).sum())

        data = np.linspace(0.0, 1.0, 200)
        make(data)
        g = make(2 * data)
        assert not was_found(g) and g.compile_report().cache == "hit"
        np.testing.assert_allclose(g(np.ones(200)), 2 * data.sum())
        assert was_found(make(data.copy()))

    def test_large_folded_constants_are_not_kept(self, place):
        def make():
            x = T.dvector("x")
            return ng.function([x], (x * T.sqrt(T.constant(np.arange(20_000.0)))).sum())

        make()
        g = make()
        if not any(p.suffix == ".graph" for p in place.iterdir()):
            assert not was_found(g)
        np.testing.assert_allclose(g(np.ones(20_000)), np.sqrt(np.arange(20_000.0)).sum())
        assert all(p.stat().st_size < 2**18 for p in place.glob("*.graph"))

    def test_damaged_and_foreign_files(self, place):
        def make():
            x = T.dvector("x")
            return ng.function([x], T.sin(x).sum())

        f = make()
        (path,) = place.glob("*.graph")
        whole, key = path.read_bytes(), path.stem
        for damaged in (b"", whole[:-1], whole[:60] + b"?" + whole[61:]):
            path.write_bytes(damaged)
            with pytest.warns(CacheWarning, match="damaged"):
                g = make()
            assert not was_found(g) and g([0.0]) == 0.0
            assert path.read_bytes() == whole  # written anew
        row = json.loads(cache.load_text(key))
        for foreign in (
            "",
            "[]",
            "{}",
            json.dumps({"graph": key}),
            json.dumps(row | {"graph": "other"}),
            json.dumps(row | {"constants": [5]}),
            json.dumps(row | {"constants": ["text"]}),
            json.dumps(row | {"more": 1}),
            json.dumps(row | {"code": "0" * 40}),
        ):
            cache.store_text(key, foreign)
            g = make()
            assert not was_found(g) and g.source == f.source and g([0.0]) == 0.0
        assert was_found(make())

    def test_machine_code_that_is_gone(self, place):
        x = T.dvector("x")
        ng.function([x], T.cos(x))
        for path in place.glob("*.code"):
            path.unlink()
        g = ng.function([x], T.cos(x))
        assert g.compile_report().cache == "miss" and g([0.0]) == 1.0

    def test_other_files_of_the_package_and_other_versions(self, place, monkeypatch):
        key = content.key_of_graph("text")
        for name in ("_files", "_versions"):
            monkeypatch.setattr(content, name, lambda: "others")
            assert content.key_of_graph("text") != key
            monkeypatch.undo()
        # Files that changed after they were imported say nothing about what runs.
        monkeypatch.setattr(content, "SINCE", 0)
        content._files.cache_clear()
        assert content.key_of_graph("text") is None
        x = T.dvector("x")
        for _ in range(2):
            f = ng.function([x], T.cos(x))
            assert not was_found(f) and f([0.0]) == 1.0
        assert not list(place.glob("*.graph"))
        monkeypatch.undo()
        content._files.cache_clear()
        assert content.key_of_graph("text") == key
