"""Equal loop nests are one function, and long functions that only call others are compiled apart.

What is shared is looked at in the printed source; that it computes the same is tested with the
source as plain Python, with machine code, and through Numba.
"""

import ast
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import numbagrad as ng
import numbagrad.tensor as T
from numbagrad.codegen import emit as emitting
from numbagrad.codegen.emit import emit
from numbagrad.codegen.plan import plan
from numbagrad.codegen.program import Call, For, If, Store
from numbagrad.codegen.sharing import shared
from numbagrad.errors import ShapeError
from numbagrad.jit import apart, machine
from numbagrad.jit.direct import translate
from numbagrad.ops.interpret import interpret
from numbagrad.records import replace
from numbagrad.rewrite import rewrite

from .plain_python import run
from .test_compile import NAMESPACE, both, equal
from .test_fuzz import QUICK

translated = pytest.mark.skipif(
    not machine.supported(), reason="below llvmlite 0.45 Numba compiles everything"
)

direct = pytest.mark.holds_at(
    "it is about machine code that is not Numba's, which takes minutes here", compiler="direct"
)

LAYERS = {
    "tanh": T.tanh,
    "centred": lambda h: h - h.mean(axis=1, keepdims=True),
    "softmax": lambda h: T.exp(h - h.max(axis=1, keepdims=True)),
    "scaled": lambda h: h * (1.5 + h.sum(axis=0)),
    "squares": lambda h: h * h + 0.5 * h.sum(),
}


def network(words, dtype="float64"):
    """Inputs, value and gradients of a product of matrices and a layer for each word."""
    x = T.matrix("x", dtype=dtype)
    ws = [T.matrix(f"w{k}", dtype=dtype) for k in range(len(words))]
    h = x
    for word, w in zip(words, ws, strict=True):
        for layer in word:
            h = LAYERS[layer](h @ w)
    value = (h * h).mean()
    return [x, *ws], [value, *ng.grad(value, ws)]


def values(inputs, seed=0, n=3, d=4):
    random = np.random.default_rng(seed)
    shapes = [(n, d), *[(d, d)] * (len(inputs) - 1)]
    return [
        (random.normal(size=s) / 2).astype(v.dtype) for v, s in zip(inputs, shapes, strict=True)
    ]


def planned(inputs, outputs):
    return plan(inputs, rewrite(outputs, inputs), "f", 400)


def functions(source):
    return {f.name: f for f in ast.parse(source).body}


def close(found, wanted, tolerance=1e-11):
    for mine, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, other, rtol=tolerance, atol=tolerance)


class TestSource:
    def test_equal_nests_are_one_function_that_is_called_in_each_place(self):
        inputs, outputs = network([("tanh", "centred")] * 8)
        emitted = emit(planned(inputs, outputs), 100)
        nests = functions(emitted.source)
        calls = [
            node.func.id
            for node in ast.walk(ast.parse(emitted.source))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        ]
        shares = [name for name in nests if calls.count(name) >= 7]
        assert len(shares) >= 4 and emitted.helpers[0] in shares
        # One that may serve every layer takes all it reads and writes from its caller.
        first = nests[emitted.helpers[0]]
        read = {n.id for n in ast.walk(first) if isinstance(n, ast.Name)}
        assert {a.arg for a in first.args.args} <= read

    def test_what_is_short_or_differs_stays_where_it_is(self):
        inputs, outputs = network([("tanh",)] * 2)
        assert emit(planned(inputs, outputs), 400).helpers == ()
        xs = [T.dmatrix(f"x{k}") for k in range(5)]
        outputs = [T.tanh(x * (k + 0.5)).sum(axis=1) for k, x in enumerate(xs)]
        assert emit(planned(xs, outputs), 400).helpers == ()

    def test_a_choice_between_two_nests_is_one_function(self):
        xs = [T.dmatrix(f"x{k}") for k in range(8)]
        program = planned(xs, [(T.exp(x) * T.sin(x)).sum(axis=1) for x in xs])
        emitted = emit(program, 400)
        (name,) = emitted.helpers
        choice, *_ = functions(emitted.source)[name].body
        assert isinstance(choice, ast.If) and choice.body and choice.orelse
        for n in (2, 150):
            given = [np.full((n, 3), 0.1 * k) for k in range(8)]
            wanted = [(np.exp(v) * np.sin(v)).sum(axis=1) for v in given]
            close(run(program, emitted, given), wanted)

    def test_of_choices_that_differ_the_nests_are(self):
        xs = [T.dvector(f"x{k}") for k in range(4)]
        text = "exp({0}[i]) * sin({0}[i]) + cos({0}[i]) * " + "3.0 * " * 20 + "2.0"
        nests = [For("i", "9", [Store(f"x{k}", ("i",), text.format(f"x{k}"))]) for k in range(4)]
        others = [For("i", "9", [Store(f"x{k}", ("i",), f"{k}.0")]) for k in range(4)]
        choices = [If(f"n > {k}", [nests[k]], [others[k]]) for k in range(4)]
        parts, body = shared(replace(planned(xs, xs), body=choices), 400, 20)
        assert [part.body for part in parts] == [[nests[0]]]
        calls = [If(f"n > {k}", [Call((), f"f_nest1(x{k})")], [others[k]]) for k in range(4)]
        assert body == calls

    def test_a_reduction_hands_its_number_over(self):
        xs = [T.dmatrix(f"x{k}") for k in range(40)]
        program = planned(xs, [(T.exp(x) * T.sin(x)).sum() for x in xs])
        emitted = emit(program, 400)
        assert len(emitted.helpers) == 1 and "return" in emitted.source.split("def f(")[0]
        given = [np.full((2, 3), 0.1 * k) for k in range(40)]
        close(run(program, emitted, given), [(np.exp(v) * np.sin(v)).sum() for v in given])


@st.composite
def repeated(draw):
    """Words of layers, most of which come several times."""
    few = draw(st.lists(st.lists(st.sampled_from(sorted(LAYERS)), min_size=1, max_size=2),
                        min_size=1, max_size=2))  # fmt: skip
    return [tuple(draw(st.sampled_from(few))) for _ in range(draw(st.integers(3, 6)))]


class TestValues:
    @settings(QUICK, max_examples=12)
    @given(
        repeated(), st.sampled_from([400, 60, 16]), st.sampled_from([1, 20]),
        st.sampled_from([3, 70]),
    )  # fmt: skip
    def test_printed_code_computes_what_the_graph_says(self, words, cap, straight, n):
        inputs, outputs = network(words)
        given = values(inputs, n=n)
        program = planned(inputs, outputs)
        wanted = interpret(outputs, dict(zip(inputs, given, strict=True)))
        close(run(program, emit(program, cap, straight), given), wanted)

    @direct
    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    def test_machine_code(self, monkeypatch, dtype):
        inputs, outputs = network([("tanh", "centred")] * 8, dtype)
        given = values(inputs)
        f = ng.function(inputs, outputs)
        assert f.compile_report().functions > 1
        monkeypatch.setattr(emitting, "shared", lambda program, *_: ([], program.body))
        with ng.using(cache=False):
            whole = ng.function(inputs, outputs)
        assert "nest" not in whole.source
        close(f(*given), whole(*given), 1e-11 if dtype == "float64" else 1e-4)

    @pytest.mark.holds_at("rows for several threads are functions as they are", parallel=False)
    def test_numba_compiles_it_as_well(self):
        xs = [T.dmatrix(f"x{k}") for k in range(5)]
        f = ng.function(xs, [T.softmax(x * (T.exp(x) + 1.5), axis=1) for x in xs])
        assert "def fused_nest1(" in f.source
        given = [np.full((2, 3), 0.1 * k) for k in range(5)]
        close(f.jitted(*given), f(*given))


@translated
@direct
class TestParts:
    """What a function of the source is told of its arguments."""

    SOURCE = """
def part(a, b, c):
    for i in range(a.shape[0] - 1):
        c[i + 1] = a[i] + 2.0 * b[i] + c[i]


def f(x, y):
    n = x.shape[0]
    t = zeros(n)
    u = full(n, 1.0)
    v = u
    part(x, y, t)
    part(x, x, u)
    part(t, u, v)
    part(u, u, u)
    w = t
    for k in range(3):
        part(t, w, u)
        w = u
        part(w, y, u)
    return t, u, w
"""

    def test_arrays_under_several_names_are_seen_to_overlap(self):
        direct, jitted = both(self.SOURCE, "f", [("float64", 1)] * 2, ("part",))
        for n in (1, 2, 9, 40):
            x = np.arange(float(n)) / n
            equal(direct, jitted, x, np.cos(x))
            equal(direct, jitted, x, x)

    def test_only_memory_of_its_own_is_said_to_overlap_nothing(self):
        kinds = [("float64", 1)] * 2
        text = translate(self.SOURCE, "f", kinds, NAMESPACE, True, None).text
        heads = re.findall(r"@numbagrad_part\d+\((.*?)\) #", text)
        # New memory beside arguments; beside other new memory; one array in three places; an array
        # of which it depends on the step which it is, two times.
        assert [head.count("noalias") for head in heads] == [1, 1, 1, 1, 0, 0]
        # Sizes that are known to be the same are one argument.
        assert [head.count("i64") for head in heads] == [2, 1, 1, 1, 2, 3]


@pytest.fixture(scope="module")
def deep():
    inputs, outputs = network([("tanh", "centred")] * 10)
    with ng.using(compiler="direct"):
        f = ng.function(inputs, outputs)
    return f, values(inputs), (inputs, outputs)


@direct
class TestApart:
    """Functions that only call others are compiled in an object of their own."""

    @translated
    def test_there_are_two_objects(self, monkeypatch):
        made = []

        def joined(*codes):
            made.append(codes)
            return apart.joined(*codes)

        monkeypatch.setattr(machine, "joined", joined)
        inputs, outputs = network([("squares",)] * 16)
        with ng.using(cache=False):
            f = ng.function(inputs, outputs)
        given = values(inputs)
        close(f(*given), interpret(outputs, dict(zip(inputs, given, strict=True))))
        assert [apart.objects(apart.joined(*codes)) for codes in made] == [list(made[0])]

    @translated
    def test_loops_over_blocks_of_rows_that_only_call_are_not_optimised(self, monkeypatch):
        texts, emitted = [], machine._emitted

        def noted(module, exported, level):
            texts.append((str(module), level))
            return emitted(module, exported, level)

        monkeypatch.setattr(machine, "_emitted", noted)
        inputs, outputs = network([("tanh",)] * 36)
        with ng.using(cache=False, compiler="direct"):
            f = ng.function(inputs, outputs)
        products = [(len(re.findall(r"call .*gemm_nt", t)), level) for t, level in texts]
        ((count, level),) = [found for found in products if found[0] > 20]
        assert level == 0 and count < 50
        given = values(inputs)
        close(f(*given), interpret(outputs, dict(zip(inputs, given, strict=True))))

    def test_values(self, deep):
        f, given, (inputs, outputs) = deep
        close(f(*given), interpret(outputs, dict(zip(inputs, given, strict=True))))

    def test_results_are_written_where_they_are_wanted(self, deep):
        f, given, _ = deep
        wanted = f(*given)
        places = [None, *(np.full_like(v, np.nan) for v in given[1:])]
        found = f(*given, out=places)
        assert all(a is b for a, b in zip(found[1:], places[1:], strict=True))
        close(found, wanted)
        with pytest.raises(ShapeError):
            f(*given, out=[None, np.zeros((4, 5)), *[None] * (len(given) - 2)])

    def test_failures_name_the_place(self, deep):
        f, given, _ = deep
        with pytest.raises(ShapeError, match=r"dot\("):
            f(*given[:-1], np.zeros((5, 4)))
        close(f(*given), f(*given))
