"""From source to machine code: the translation equals Numba's, and Numba is the way back."""

import itertools
import math
import resource
import sys

import numpy as np
import pytest

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.codegen.emit import Emitted
from numbagrad.codegen.program import Program
from numbagrad.errors import Failed
from numbagrad.jit import borrowed, objects
from numbagrad.jit import build as jit_build
from numbagrad.jit.build import build
from numbagrad.jit.direct import Unknown, translate
from numbagrad.jit.machine import supported
from numbagrad.kernels.inlined import inlined

pytestmark = [
    pytest.mark.skipif(not supported(), reason="below llvmlite 0.45 Numba compiles everything"),
    pytest.mark.holds_at("it compares the translation with Numba's", compiler="direct"),
]

NAMESPACE = {
    "math": math, "np": np, "empty": np.empty, "zeros": np.zeros, "full": np.full,
    "Failed": Failed, "softplus": inlined("softplus"), "inf": math.inf,
    **{d: np.dtype(d).type for d in ("int8", "int32", "int64", "float32", "float64", "uint8")},
}  # fmt: skip


def kinds(source, name, parameters):
    """What the translation says that a function returns."""
    made = translate(source, name, parameters, NAMESPACE, True, borrowed.borrow)
    return made.results


def both(source, name, parameters, helpers=()):
    """The function by translation and by Numba."""
    results = [(f"r{k}", d, n or 0) for k, (d, n) in enumerate(kinds(source, name, parameters))]
    given = [(f"p{k}", dtype, ndim or 0) for k, (dtype, ndim) in enumerate(parameters)]
    program = Program(name, given, [], results, "", NAMESPACE, [], [])
    shapes = [(None,) * (ndim or 0) for _, ndim in parameters]
    emitted = Emitted(source, name, tuple(helpers))
    built = build(program, emitted, True, shapes, [False] * len(shapes), True)

    def refuse(*arguments):
        raise TypeError(arguments)

    def failed(status, pickled, *arguments):
        raise Failed(status)

    assert built.enter is not None
    return built.enter(refuse, failed), built.dispatcher


def equal(direct, jitted, *arguments):
    found, wanted = direct(*arguments), jitted(*arguments)
    for mine, other in zip(found, wanted if isinstance(wanted, tuple) else (wanted,), strict=True):
        other = np.asarray(other, dtype=mine.dtype if np.isscalar(other) else None)
        assert mine.dtype == other.dtype and mine.shape == other.shape
        np.testing.assert_allclose(mine, other, rtol=1e-14)


class TestArithmetic:
    PAIRS = (
        ("float64", "float64"), ("float32", "float32"), ("float64", "int64"), ("int32", "float32"),
        ("int64", "int64"), ("int8", "int32"), ("uint8", "uint8"), ("uint64", "uint64"),
        ("float32", "float64"), ("bool", "bool"), ("int64", "bool"),
    )  # fmt: skip
    OPERATORS = ("a + b", "a - b", "a * b", "a / b", "a < b", "a >= b", "a == b", "a != b",
                 "a & b", "a | b", "a ^ b", "a and b", "-a", "~a", "not a", "abs(a)", "max(a, b)",
                 "min(a, b)", "a ** 3", "a if a > b else b")  # fmt: skip

    @pytest.mark.parametrize(("first", "second"), PAIRS)
    def test_dtypes_and_values_are_numba_s(self, first, second):
        parameters = [(first, None), (second, None)]
        known = []
        for text in self.OPERATORS:
            try:
                kinds(f"def f(a, b):\n    return {text}\n", "f", parameters)
            except Unknown:
                continue
            known.append(text)
        assert len(known) >= 3
        direct, jitted = both(f"def f(a, b):\n    return {', '.join(known)}\n", "f", parameters)
        numbers = [0, 1, 3, -2] if not (first + second).count("u") else [0, 1, 3, 200]
        for a, b in itertools.product(numbers, numbers):
            if b or "a / b" not in known:
                a, b = np.array(a).astype(first), np.array(b).astype(second)
                found, wanted = direct(a, b), jitted(a[()], b[()])
                for text, mine, other in zip(known, found, wanted, strict=True):
                    np.testing.assert_allclose(mine, other, rtol=1e-6, err_msg=text)
        types = jitted.overloads[jitted.signatures[0]].signature.return_type
        inferred = ["bool" if str(t) == "bool" else str(t) for t in types]
        assert [str(m.dtype) for m in direct(np.array(1).astype(first), np.array(1).astype(second))
                ] == inferred  # fmt: skip

    def test_special_values(self):
        names = ("exp", "log", "tanh", "sqrt", "log1p", "expm1", "floor", "fabs", "isnan", "isinf",
                 "isfinite", "atan", "sin")  # fmt: skip
        calls = [f"{'np' if n == 'floor' else 'math'}.{n}(a)" for n in names]
        calls += ["max(a, b)", "min(a, b)", "a if a > b or a != a else b", "math.copysign(a, b)",
                  "math.atan2(a, b)", "a ** b", "(abs(a) + 1.0) ** -2"]  # fmt: skip
        direct, jitted = both(
            f"def f(a, b):\n    return {', '.join(calls)}\n", "f", [("float64", None)] * 2
        )
        values = [0.0, -0.0, 1.5, -2.0, math.inf, -math.inf, math.nan]
        for a, b in itertools.product(values, values):
            equal(direct, jitted, a, b)


class TestStatements:
    def test_loops_branches_and_names(self):
        source = (
            "def f(x, n):\n"
            "    total = 0\n"
            "    for i in range(n):\n"
            "        if x[i] > 1.0:\n            last = x[i]\n            total += last\n"
            "        elif x[i] < -1.0:\n            total -= 1\n"
            "        else:\n            continue\n"
            "        if total > 5.0:\n            break\n"
            "    k = 3\n"
            "    while k > 0:\n        k -= 1\n        total = total * 0.5 + k\n"
            "    for j in range(1, 4):\n        total += j\n"
            "    for j in range(-4, n, 3):\n        total += j * x[j]\n"
            "    for j in range(n - 1, -3, -2):\n        total -= j * x[j]\n"
            "    return total, k, x[-1]\n"
        )
        direct, jitted = both(source, "f", [("float64", 1), ("int64", None)])
        for values in ([2.0, -3.0, 0.5, 9.0, 4.0], [0.0, 0.0, 0.0, 0.0, -2.0]):
            equal(direct, jitted, np.array(values), 5)

    def test_arrays(self):
        source = (
            "def f(X, y):\n"
            "    n, d = X.shape\n"
            "    Z = zeros((n, d))\n"
            "    W = full((d, 2), 1.5, float32)\n"
            "    b = empty(d, int64)\n"
            "    for i in range(n):\n"
            "        Z[i, :] = y\n"
            "        for j in range(d):\n"
            "            Z[i, j] += X[i, j]\n"
            "            b[j] = i * d + j\n"
            "    flat = Z.reshape(-1)\n"
            "    again = flat.reshape((d, n))\n"
            "    flat[0] = -1.0\n"
            "    keep = y\n"
            "    for i in range(3):\n        keep = zeros(d)\n        keep[0] = i\n"
            "    return Z, W, b, again.shape[0], X.size, again, keep\n"
        )
        direct, jitted = both(source, "f", [("float64", 2), ("float64", 1)])
        for n in (2, 1000):  # small results are copied, large ones handed over
            equal(direct, jitted, np.arange(3.0 * n).reshape(n, 3), np.ones(3))

    def test_parts_hand_over_numbers_and_arrays(self):
        source = (
            "def inner(x, s):\n    t = empty(x.shape[0])\n"
            "    for i in range(x.shape[0]):\n        t[i] = x[i] * s\n    return t, s + 1.0\n\n\n"
            "def outer(x, s):\n    t, s = inner(x, s)\n    t, s = inner(t, s)\n"
            "    return t, s\n\n\n"
            "def f(x):\n    t, s = outer(x, 2.0)\n    return t, s, softplus(s)\n"
        )
        direct, jitted = both(source, "f", [("float64", 1)], ("inner", "outer"))
        equal(direct, jitted, np.arange(5.0))

    def test_a_part_returns_an_array_that_it_was_given(self):
        """The caller needs it longer than the name under which it gave it away."""
        source = """
def part(x, t):
    u = t
    for i in range(x.shape[0]):
        u[i] = 2.0 * x[i]
    return u


def f(x):
    n = x.shape[0]
    t = zeros(n)
    u = part(x, t)
    v = full(n, 7.0)
    w = empty(n)
    for i in range(n):
        w[i] = u[i] + v[i]
    return w, u
"""
        direct, jitted = both(source, "f", [("float64", 1)], ("part",))
        for n in (5, 1000, 100_000):
            equal(direct, jitted, np.arange(float(n)))

    def test_only_what_is_taken_is_evaluated(self):
        source = "def f(x, k):\n    return x[k] if k < 3 and x[k] > 0.0 else -1.0\n"
        direct, jitted = both(source, "f", [("float64", 1), ("int64", None)])
        for k in (0, 1, 2, 3, 10**15):
            equal(direct, jitted, np.array([1.0, -1.0, 2.0]), k)

    def test_stops(self):
        source = (
            "def f(n):\n    t = zeros(1000)\n    if not (n > 2):\n        raise Failed(7)  # why\n"
            "    return zeros(n)\n"
        )
        direct, _ = both(source, "f", [("int64", None)])
        assert direct(3)[0].tolist() == [0.0, 0.0, 0.0]
        with pytest.raises(Failed, match="7"):
            direct(1)
        with pytest.raises(Failed, match="-1"):  # no memory
            direct(2**61)

    @pytest.mark.parametrize("text", ["[x]", "x @ x", "x.T", "x[::2]", "other(x)", "x and 1"])
    def test_what_is_not_known_is_said(self, text):
        with pytest.raises(Unknown):
            kinds(f"def f(x):\n    return {text}\n", "f", [("float64", 1)])

    def test_a_number_goes_to_all_of_an_array_or_a_row(self):
        source = """
def f(n, x):
    a = empty((n, 3))
    a[:] = 0.0
    b = empty(n, int32)
    b[:] = n
    for i in range(1, n):
        a[i] = x
        a[i, 1] = i
    return a, b
"""
        direct, jitted = both(source, "f", [("int64", None), ("float64", None)])
        for n in (0, 1, 5):
            equal(direct, jitted, n, -0.5)


class TestWaysBack:
    """The same function with a translation that gives up, and without an entry."""

    def graph(self):
        X, y = T.dmatrix("X"), T.dvector("y")
        cost = (T.softplus(X @ y) + 1.0).sum()
        values = np.linspace(-1, 1, 12).reshape(4, 3), np.array([1.0, -2.0, 0.5])
        return [X, y], [cost, ng.grad(cost, y), X.T * 2.0], values

    @pytest.mark.parametrize("way", ["unknown", "unsupported"])
    def test_results_are_the_same(self, way, monkeypatch):
        inputs, outputs, values = self.graph()
        wanted = ng.function(inputs, outputs)(*values)

        def unknown(source, *rest):
            if "compiled(" in source:
                return translate(source, *rest)
            raise Unknown("forced")

        if way == "unknown":
            monkeypatch.setattr(objects, "translate", unknown)
        else:
            monkeypatch.setattr(jit_build, "supported", lambda: False)
        f = ng.function(inputs, outputs)
        assert (f.maker.compiled.built.enter is None) == (way == "unsupported")
        for mine, other in zip(f(*values), wanted, strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-14)
        with pytest.raises(ng.errors.ShapeError):
            f(values[0], np.ones(4))

    def test_jitted_is_the_same_function(self):
        inputs, outputs, values = self.graph()
        f = ng.function(inputs, outputs)
        for mine, other in zip(f(*values), f.jitted(*values), strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-14)
        assert f.jitted is f.jitted

    def test_complex_numbers_go_through_numba(self):
        z = T.zvector("z")
        f = ng.function([z], z * z)
        assert f([1j]).tolist() == [-1.0]


class TestMemory:
    def peak(self):
        size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return size * (1 if sys.platform == "darwin" else 1024)

    def test_failing_calls_release_what_they_made(self):
        x, k = T.dvector("x"), T.lvector("k")
        t = T.cumsum(x)[T.argsort(-x)]
        f = ng.function([x, k], t[k])
        value = np.ones(200_000)
        f(value, [0, 1])
        with pytest.raises(IndexError):
            f(value, [0, 10**9])
        before = self.peak()
        for _ in range(100):
            with pytest.raises(IndexError):
                f(value, [0, 10**9])
        assert self.peak() - before < 50 * value.nbytes

    def test_many_arrays_are_released_however_the_function_ends(self):
        made = [f"    a{k} = zeros(n)\n    a{k}[0] = {k}.0\n" for k in range(40)]
        read = " + ".join(f"a{k}[0]" for k in range(40))
        source = f"def f(n, bad):\n{''.join(made)}    t = a3\n    a3 = a4\n"
        source += f"    if bad:\n        raise Failed(7)\n    return {read}, t, a39\n"
        direct, jitted = both(source, "f", [("int64", None), ("bool", None)])
        equal(direct, jitted, 5, False)
        n = 20_000
        before = self.peak()
        for _ in range(30):
            direct(n, False)
            with pytest.raises(Failed):
                direct(n, True)
        assert self.peak() - before < 10 * 40 * 8 * n

    def test_results_outlive_the_function(self):
        x = T.dvector("x")
        f = ng.function([x], x + 1.0)
        kept = [f(np.full(1000, float(k))) for k in range(50)]
        del f
        assert [a[7] for a in kept] == [k + 1.0 for k in range(50)]
        assert all(a.flags.carray for a in kept)


def test_arrays_change_places_while_only_one_name_holds_each():
    source = """
def f(n):
    first = empty(n)
    for i in range(n):
        first[i] = i
    state = first
    after = empty(n)
    for i in range(n):
        after[i] = -i
    for t in range(3):
        state, after = after, state
    total = 0.0
    for i in range(n):
        total += state[i] - 2.0 * after[i]
    return total
"""
    direct, jitted = both(source, "f", [("int64", None)])
    for _ in range(200):
        equal(direct, jitted, 5)
