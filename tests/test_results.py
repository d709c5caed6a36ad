"""Results: written into given arrays, lent to the next call, and the memory they come from."""

import copy
import ctypes
import gc
import multiprocessing
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.config import using
from numbagrad.errors import InputError, ShapeError
from numbagrad.jit import machine

needs_entry = pytest.mark.skipif(
    not machine.supported(), reason="below llvmlite 0.45 results are copied to where they go"
)
translated = pytest.mark.holds_at(
    "Numba's code allocates results itself",
    compiler="direct",
)


@pytest.fixture(scope="module")
def several():
    """Results of every kind: numbers, made by loops, by kernels, of sizes that depend on values."""
    X, v, k = T.dmatrix("X"), T.fvector("v"), T.lscalar("k")
    products = [X @ X.T, T.exp(X).T, X.sum(), v * v, T.arange(k) ** 2, v > 0, T.sort(X, axis=0)]
    return ng.function([X, v, k], products)


@pytest.fixture(scope="module")
def doubled():
    x = T.dvector("x")
    x.name = "x"
    y = x * 2.0
    y.name = "y"
    return ng.function([x], y)


def places_like(results, chosen=None):
    return [
        np.full(r.shape, 7, r.dtype) if chosen is None or chosen[k] else None
        for k, r in enumerate(results)
    ]


class TestOut:
    @settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        n=st.integers(0, 5), m=st.integers(0, 5), k=st.integers(0, 4),
        chosen=st.lists(st.booleans(), min_size=7, max_size=7), convert=st.booleans(),
    )  # fmt: skip
    def test_the_same_numbers_in_the_same_arrays(self, several, n, m, k, chosen, convert):
        random = np.random.default_rng(n + 10 * m)
        X, v = random.normal(size=(n, m)), random.normal(size=n).astype("f4")
        arguments = (X.tolist() if convert and n and m else X, v[::-1][::-1], k)
        wanted = several(*arguments)
        places = places_like(wanted, chosen)
        made = several(*arguments, out=places)
        for result, place, other in zip(made, places, wanted, strict=True):
            assert place is None or result is place
            assert result.dtype == other.dtype and type(result) is np.ndarray
            np.testing.assert_array_equal(result, other)

    @pytest.mark.parametrize("wrong", [0, 1, 3, 4, 5, 6])
    def test_nothing_is_written_where_one_shape_is_wrong(self, several, wrong):
        X, v = np.ones((3, 2)), np.ones(4, "f4")
        places = places_like(several(X, v, 3))
        places[wrong] = np.full((5,) * places[wrong].ndim, 7, places[wrong].dtype)
        with pytest.raises(ShapeError, match=rf"output {wrong} has shape .*Pass an array of"):
            several(X, v, 3, out=places)
        # What a kernel allocates has a size only when it is there.
        untouched = range(7) if wrong in (1, 3, 4, 5, 6) else (0, wrong)
        for k in untouched:
            np.testing.assert_array_equal(places[k], np.full_like(places[k], 7))

    def test_errors_of_the_arguments_come_first(self):
        x, y = T.dvectors("x", "y")
        f = ng.function([x, y], x + y)
        with pytest.raises(ShapeError, match="add"):
            f(np.ones(2), np.ones(3), out=np.ones(4))

    def test_what_does_not_fit(self, doubled):
        x = np.ones(3)
        fixed = np.ones(3)
        fixed.setflags(write=False)
        for place, words in [
            (np.ones(3, "f4"), r"output 0 \(y\) has dtype float32; the result has dtype float64"),
            (np.ones(3, ">f8"), "has dtype >f8"),
            (np.ones((3, 1)), "has 2 dimensions; the result has 1"),
            (np.ones(6)[::2], "not C-contiguous"),
            (np.ones(3)[::-1], "not C-contiguous"),
            (np.frombuffer(bytearray(25), "u1")[1:].view("f8"), "aligned"),
            (fixed, "read-only"),
            ([1.0, 2.0, 3.0], "must be an ndarray or None; got list"),
        ]:
            kept = np.array(place)
            with pytest.raises(InputError, match=words):
                doubled(x, out=place)
            np.testing.assert_array_equal(place, kept)

    def test_lists_and_dicts(self):
        x = T.dvector("x")
        f = ng.function([x], {"p": x + 1.0, "q": x.sum()})
        place, number = np.empty(2), np.empty(())
        made = f([1.0, 2.0], out={"q": number, "p": place})
        assert made["p"] is place and made["q"] is number and number == 3.0
        assert f(x=[1.0, 2.0], out={"q": number})["p"] is not place
        with pytest.raises(InputError, match="'r', which is no output"):
            f([1.0], out={"r": place})
        with pytest.raises(InputError, match="returns a dict"):
            f([1.0], out=[place, number])
        g = ng.function([x], [x + 1.0, x + 2.0])
        with pytest.raises(InputError, match="list of 2"):
            g([1.0, 2.0], out=[place])
        with pytest.raises(InputError, match="list of 2"):
            g([1.0, 2.0], out=place)

    def test_an_argument_gets_a_copy_of_the_result(self):
        x = T.dvector("x")
        f = ng.function([x], [x[::-1] + 1.0, x.sum()])
        value = np.arange(4.0)
        made = f(value, out=[value, None])
        assert made[0] is value and value.tolist() == [4.0, 3.0, 2.0, 1.0] and made[1] == 6.0
        whole = np.arange(6.0)
        f(whole[:4], out=[whole[1:5], None])
        assert whole.tolist() == [0.0, 4.0, 3.0, 2.0, 1.0, 5.0]
        with pytest.raises(ShapeError):
            f(whole[:4], out=[whole[1:], None])
        assert whole.tolist() == [0.0, 4.0, 3.0, 2.0, 1.0, 5.0]

    def test_results_do_not_overlap(self):
        x = T.dvector("x")
        f = ng.function([x], [x + 1.0, x + 2.0])
        place = np.zeros(5)
        with pytest.raises(InputError, match="output 0 and output 1 overlap"):
            f(np.ones(3), out=[place[:3], place[2:]])
        assert not place.any()
        made = f(np.ones(2), out=[place[:2], place[2:4]])
        assert place.tolist() == [2.0, 2.0, 3.0, 3.0, 0.0] and made[1].base is place

    def test_shared_values_and_updates(self):
        w = ng.shared(np.arange(3.0), name="w")
        f = ng.function([], w * 2.0, updates={w: w + 1.0})
        place = np.empty(3)
        assert f(out=place) is place and place.tolist() == [0.0, 2.0, 4.0]
        assert w.get_value().tolist() == [1.0, 2.0, 3.0]
        with pytest.raises(InputError, match="value of the shared variable w"):
            f(out=w.get_value(borrow=True))
        with pytest.raises(ShapeError):
            f(out=np.empty(4))
        assert w.get_value().tolist() == [1.0, 2.0, 3.0]

    def test_memory_maps(self, doubled, tmp_path):
        place = np.memmap(tmp_path / "result", dtype="f8", mode="w+", shape=(3,))
        assert doubled(np.ones(3), out=place) is place and place.tolist() == [2.0, 2.0, 2.0]

    def test_an_input_named_out(self):
        out = T.dvector("out")
        f = ng.function([out], out * 2.0)
        assert f(out=np.ones(2)).tolist() == [2.0, 2.0]

    @pytest.mark.parametrize("mode", ["reference", None])
    def test_other_ways_of_running(self, mode):
        z, x = T.zvector("z"), T.dvector("x")
        f = ng.function([z, x], [z * x, x.sum()], mode=mode)
        place, number = np.empty(2, "c16"), np.empty(())
        made = f([1j, 2.0], [1.0, 2.0], out=[place, number])
        assert made[0] is place and place.tolist() == [1j, 4.0] and number == 3.0
        with pytest.raises(ShapeError):
            f([1j, 2.0], [1.0, 2.0], out=[np.empty(3, "c16"), None])

    def test_threads_share_rows(self):
        X, w = T.dmatrix("X"), T.dvector("w")
        f = ng.function([X, w], [T.tanh(X).sum(), T.exp(X) * w], parallel=True)
        X_value, w_value = np.random.default_rng(0).normal(size=(3000, 8)), np.arange(8.0)
        wanted = f(X_value, w_value)
        place = np.empty((3000, 8))
        made = f(X_value, w_value, out=[None, place])
        assert made[1] is place
        for mine, other in zip(made, wanted, strict=True):
            np.testing.assert_array_equal(mine, other)

    def test_generators_and_sparse_matrices(self):
        rng = ng.shared(np.random.default_rng(3), name="rng")
        next_rng, draws = T.random.normal(size=(4,), rng=rng).owner.outputs
        f = ng.function([], draws, updates={rng: next_rng})
        place = np.empty(4)
        f(out=place)
        np.testing.assert_array_equal(place, np.random.default_rng(3).normal(size=4))

    @needs_entry
    @translated
    def test_nothing_is_allocated(self):
        x = T.dmatrix("x")
        f = ng.function([x], [T.sin(x), x.sum(axis=0), x * 3.0])
        value = np.ones((1500, 100))
        places = places_like(f(value))
        machine_words = _words()
        before = machine_words["in_use"]
        made = f(value, out=places)
        assert _words()["in_use"] == before == 0 and made[0] is places[0]
        kept = f(value)
        assert _words()["in_use"] >= 2 * value.nbytes and kept[0].base is not None

    def test_many_threads_at_once(self, several):
        random = np.random.default_rng(1)
        cases = [
            (random.normal(size=(n, 3)), np.ones(n, "f4"), n) for n in random.integers(1, 60, 12)
        ]
        wanted = [several(*case) for case in cases]

        def work(seed):
            for k in np.random.default_rng(seed).integers(0, 12, 100):
                places = places_like(wanted[k])
                several(*cases[k], out=places)
                for mine, other in zip(places, wanted[k], strict=True):
                    np.testing.assert_array_equal(mine, other)
            return True

        with ThreadPoolExecutor(6) as pool:
            assert all(pool.map(work, range(6)))


def _words():
    """The counters of large blocks."""
    engine = machine._set_up()[1]
    return {
        name: ctypes.c_int64.from_address(
            engine.get_global_value_address(f"numbagrad_{name}")
        ).value
        for name in ("in_use", "most", "kept", "count", "limit")
    }


@needs_entry
@translated
class TestBorrow:
    def test_the_array_serves_again(self):
        x = T.dvector("x")
        f = ng.function([x], [ng.Out(x + 1.0, borrow=True), ng.Out(x.sum(), borrow=True), x * 2.0])
        first = f(np.zeros(3))
        second = f(np.ones(3))
        assert second[0] is first[0] and second[1] is first[1] and second[2] is not first[2]
        assert first[0].tolist() == [2.0, 2.0, 2.0] and first[2].tolist() == [0.0, 0.0, 0.0]
        third = f(np.ones(4))
        assert third[0] is not first[0] and third[0].tolist() == [2.0] * 4
        assert first[0].tolist() == [2.0, 2.0, 2.0]
        place = np.empty(4)
        assert f([1, 2, 3, 4], out=[place, None, None])[0] is place
        assert place.tolist() == [2.0, 3.0, 4.0, 5.0]

    def test_not_while_it_is_an_argument(self):
        x = T.dvector("x")
        f = ng.function([x], ng.Out(x[::-1] + 1.0, borrow=True))
        y = np.arange(3.0)
        wanted = y.copy()
        for _ in range(5):
            y, wanted = f(y), wanted[::-1] + 1.0
            np.testing.assert_array_equal(y, wanted)
        y.setflags(write=False)
        assert f(np.zeros(3)) is not y and (y == wanted).all()

    def test_updates_and_dicts(self):
        w = ng.shared(np.zeros(2), name="w")
        f = ng.function([], {"w": ng.Out(w * 1.0, borrow=True)}, updates={w: w + 1.0})
        first = f()["w"]
        assert f()["w"] is first and first.tolist() == [1.0, 1.0]

    def test_copies_and_pickles_have_arrays_of_their_own(self):
        x = T.dvector("x")
        f = ng.function([x], ng.Out(x + 1.0, borrow=True))
        first = f([1.0])
        for other in (copy.copy(f), pickle.loads(pickle.dumps(f)), f.copy(name="other")):
            mine = other([5.0])
            assert first.tolist() == [2.0] and other([7.0]) is mine

    def test_threads_have_arrays_of_their_own(self):
        x = T.dvector("x")
        f = ng.function([x], ng.Out(T.exp(x).sum() + x * 0.0, borrow=True))

        def work(k):
            # What one call lends another one may take as soon as it is over.
            return all(np.isin(f(np.full(300, float(k))), values).all() for _ in range(50))

        values = [f(np.full(300, float(k)))[0] for k in range(4)]
        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(work, range(4)))


@needs_entry
@translated
class TestLargeBlocks:
    def test_memory_comes_back(self):
        x = T.dvector("x")
        f = ng.function([x], x + 1.0)
        value = np.zeros(400_000)
        first = f(value)
        place = first.ctypes.data
        view = first[10:]
        del first
        second = f(value)
        assert second.ctypes.data != place and (view == 1.0).all()
        del view
        third = f(value + 1.0)
        assert third.ctypes.data == place
        assert (third == 2.0).all() and (second == 1.0).all()

    def test_sums_begin_with_zeros(self):
        X = T.dmatrix("X")
        f = ng.function([X], [X.sum(axis=0), X + 1.0])
        value = np.ones((2, 200_000))
        for _ in range(3):
            made = f(value)
            assert (made[0] == 2.0).all() and (made[1] == 2.0).all()
            del made

    def test_never_more_than_was_in_use_at_once(self):
        x = T.dvector("x")
        f = ng.function([x], x + 1.0)
        gc.collect()
        for n in (200_000, 500_000, 300_000, 900_000, 150_000):
            made = f(np.zeros(n))
            words = _words()
            assert words["in_use"] + words["kept"] <= words["most"]
            assert words["in_use"] >= made.nbytes
            del made
        assert _words()["in_use"] == 0

    def test_a_limit(self):
        x = T.dvector("x")
        with using(kept_memory=0):
            f = ng.function([x], x + 3.0)
        f(np.zeros(400_000))
        count = _words()["count"]
        f(np.zeros(900_000))
        assert _words()["count"] <= count
        ng.function([x], x + 4.0)
        assert _words()["limit"] == 2**29
        with pytest.raises(ValueError, match="kept_memory"):
            ng.config.kept_memory = -1

    def test_many_threads_at_once(self):
        x, k = T.dvector("x"), T.dscalar("k")
        f = ng.function([x, k], [x + k, x * k])

        def work(seed):
            random = np.random.default_rng(seed)
            held = []
            for _ in range(60):
                n, k = int(random.integers(100_000, 300_000)), float(random.normal())
                held.append((k, *f(np.ones(n), k)))
                if len(held) > 3:
                    k, plus, times = held.pop(int(random.integers(4)))
                    assert (plus == 1.0 + k).all() and (times == k).all()
            return True

        with ThreadPoolExecutor(6) as pool:
            assert all(pool.map(work, range(6)))

    @pytest.mark.skipif(
        "fork" not in multiprocessing.get_all_start_methods(), reason="this system has no fork"
    )
    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
    def test_a_fork_while_the_lock_is_held(self):
        x = T.dvector("x")
        f = ng.function([x], x + 1.0)
        f(np.zeros(400_000))
        engine = machine._set_up()[1]
        lock = ctypes.c_int64.from_address(engine.get_global_value_address("numbagrad_lock"))
        context = multiprocessing.get_context("fork")
        queue = context.Queue()

        def child():
            made = f(np.zeros(400_000))
            queue.put((bool((made == 1.0).all()), lock.value, _words()["count"]))

        lock.value = 1
        process = context.Process(target=child)
        process.start()
        good = queue.get(timeout=60)
        process.join()
        # Meanwhile nobody waits here for a lock that is not given back.
        assert (f(np.ones(400_000)) == 2.0).all()
        lock.value = 0
        assert good == (True, 0, 0) and process.exitcode == 0
