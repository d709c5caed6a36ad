"""Calling: what goes straight to machine code and what is converted, threads, signatures."""

import inspect
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.errors import InputError


class Kin(np.ndarray):
    """A subclass of ndarray."""


@pytest.fixture(scope="module")
def doubled():
    x = T.dvector("x")
    return ng.function([x], x * 2.0)


class TestArguments:
    def test_arrays_of_every_kind(self, doubled):
        plain = np.array([1.0, 2.0, 3.0])
        fixed = plain.copy()
        fixed.setflags(write=False)
        unaligned = np.frombuffer(b"?" + plain.tobytes(), dtype="u1")[1:].view("f8")
        for value in (
            plain, fixed, unaligned, plain.astype(">f8"), np.repeat(plain, 2)[::2],
            plain.view(Kin), plain[::-1][::-1], pickle.loads(pickle.dumps(plain)), [1, 2, 3],
            plain.astype("f4"), np.array([1, 2, 3], "i1"),
        ):  # fmt: skip
            assert type(doubled(value)) is np.ndarray
            assert doubled(value).tolist() == [2.0, 4.0, 6.0]

    @pytest.mark.parametrize(
        ("dtype", "values"),
        [
            (
                "float64",
                [1.5, np.float64(1.5), np.array(1.5), np.float32(1.5), np.array(1.5, "f4")],
            ),
            ("int64", [-1, np.int64(-1), np.array(-1), np.int8(-1), np.longlong(-1)]),
            ("bool", [True, np.True_, np.array(True)]),
            ("float32", [np.float32(1.5), np.array(1.5, "f4")]),
            ("uint8", [np.uint8(200), np.array(200, "u1"), 200]),
        ],
    )
    def test_numbers_of_every_kind(self, dtype, values):
        x = T.scalar("x", dtype=dtype)
        f = ng.function([x], [x, T.invert(x) if dtype == "bool" else x * x])
        for value in values:
            same, _ = f(value)
            assert same.dtype == dtype and same.shape == () and same == np.asarray(value)

    def test_long_long(self):
        k = T.lvector("k")
        assert ng.function([k], k + 1)(np.array([1, 2], np.longlong)).tolist() == [2, 3]

    def test_fixed_sizes(self):
        x = T.tensor("x", dtype="float64", shape=(2, None))
        f = ng.function([x], x.sum())
        assert f(np.ones((2, 3))) == 6.0
        with pytest.raises(InputError, match="input 0"):
            f(np.ones((3, 2)))

    def test_nothing_is_written_and_nothing_shared(self, doubled):
        value = np.ones(1000)
        first, second = doubled(value), doubled(value)
        first[:] = 7.0
        assert (second == 2.0).all() and (value == 1.0).all()
        x = T.dvector("x")
        same = ng.function([x], x)
        made = same(value)
        made[0] = 5.0
        assert value[0] == 1.0

    def test_shared_values(self):
        w, s = ng.shared(np.ones(3), name="w"), ng.shared(2.0, name="s")
        f = ng.function([], (w * s).sum(), updates={w: w + 1, s: s * 2})
        assert [float(f()) for _ in range(3)] == [6.0, 24.0, 72.0]
        w.set_value(np.zeros(5))
        assert f() == 0.0 and w.get_value().shape == (5,)


class TestSignature:
    def test_names(self):
        x, y = T.dvector("x"), T.dscalar("y")
        f = ng.function([x, y], x * y)
        assert str(inspect.signature(f)) == "(x, y, *, out=None)"
        assert inspect.signature(f).bind(1, y=2).arguments == {"x": 1, "y": 2}

    def test_names_that_are_none(self):
        a, b, c = T.dscalar("not a name"), T.dscalar("class"), T.dscalar("c")
        f = ng.function([a, b, c], a * b * c)
        assert str(inspect.signature(f)) == "(a0, a1, /, c, *, out=None)"


class TestThreads:
    def test_many_threads_at_once(self):
        X, w = T.dmatrix("X"), T.dvector("w")
        cost = T.tanh(X @ w).sum()
        f = ng.function([X, w], [cost, ng.grad(cost, w)])
        random = np.random.default_rng(0)
        cases = [(random.normal(size=(50, 8)), random.normal(size=8)) for _ in range(16)]
        wanted = [f(*case) for case in cases]
        start = threading.Barrier(8)

        def work(seed):
            start.wait()
            for k in np.random.default_rng(seed).integers(0, 16, 200):
                for mine, other in zip(f(*cases[k]), wanted[k], strict=True):
                    np.testing.assert_array_equal(mine, other)
            with pytest.raises(ng.errors.ShapeError):
                f(cases[0][0], np.ones(3))
            return True

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(work, range(8)))

    def test_threads_compile_at_once(self):
        def work(k):
            x = T.dvector("x")
            return float(ng.function([x], (x * float(k) + x**2).sum())(np.ones(2)))

        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(work, range(8))) == [2.0 * k + 2.0 for k in range(8)]
