"""Loops as users write them: every rule and every error, against plain Python loops."""

import copy
import importlib
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.errors import MissingInputError, ShapeError
from numbagrad.graph.basic import Variable
from numbagrad.graph.type import Type
from numbagrad.ops.scanning import Scan
from numbagrad.scan import foldl, foldr, reduce, scan, scan_checkpoints, until
from tests.effort import examples

MODES = ["reference", None]


@pytest.fixture(params=MODES)
def mode(request):
    return request.param


def values(outputs, given=None, mode=None, **kwargs):
    """The values of outputs for values of inputs."""
    given = given or {}
    f = ng.function(list(given), outputs, mode=mode, on_unused_input="ignore", **kwargs)
    return f(*given.values())


def node_of(trace):
    assert isinstance(trace.owner.op, Scan)
    return trace.owner


# -- what it is called -----------------------------------------------------------------------------


class TestNames:
    def test_module_and_function_have_one_name(self):
        module = importlib.import_module("numbagrad.scan")
        assert module.scan is scan and module.until is until
        for callable_ in (ng.scan, module, scan):
            made = callable_(lambda x: 2 * x, outputs_info=1, n_steps=3, return_updates=False)
            assert made.eval(mode="reference").tolist() == [2, 4, 8]

    def test_what_else_is_in_it_is_found_on_either(self):
        module = importlib.import_module("numbagrad.scan")
        for name in ("until", "map", "reduce", "foldl", "foldr", "scan_checkpoints"):
            assert getattr(ng.scan, name) is getattr(module, name) is getattr(ng, name)
        assert importlib.import_module("numbagrad.scan.utils").until is until


# -- sequences -------------------------------------------------------------------------------------


class TestSequences:
    def test_no_state(self, mode):
        x = T.dvector("x")
        made, updates = scan(lambda e: e**2, x)
        assert updates == {}
        np.testing.assert_array_equal(values(made, {x: [1.0, 2.0, 3.0]}, mode), [1, 4, 9])

    def test_several_with_taps_in_the_order_of_arguments(self, mode):
        x, y = T.dvectors("x", "y")
        seen = []

        def step(*args):
            seen.extend(a.name for a in args)
            return T.stack(args)

        made = scan(
            step,
            [dict(input=x, taps=[-3, 2, -1]), y, dict(input=y, taps=3)],
            n_steps=2,
            return_updates=False,
        )
        assert seen == ["x[t-3]", "x[t+2]", "x[t-1]", "y[t]", "y[t+3]"]
        rows = values(made, {x: np.arange(10.0), y: np.arange(20.0, 30.0)}, mode)
        np.testing.assert_array_equal(rows, [[0, 5, 2, 20, 23], [1, 6, 3, 21, 24]])

    def test_rows_of_a_matrix(self, mode):
        X = T.dmatrix("X")
        made = scan(lambda row: row.sum(), X, return_updates=False)
        data = np.arange(6.0).reshape(2, 3)
        np.testing.assert_array_equal(values(made, {X: data}, mode), data.sum(1))

    def test_arrays_and_lists_of_numbers(self, mode):
        made = scan(lambda a, b: a * b, [np.arange(3.0), dict(input=[1, 2, 3])])[0]
        np.testing.assert_array_equal(values(made, {}, mode), [0, 2, 6])

    def test_whole_sequences_are_not_sliced(self):
        x, y = T.dvectors("x", "y")
        made = scan(lambda a, b: a * b, [x, y], return_updates=False)
        assert node_of(made).inputs[1:3] == [x, y]
        made = scan(lambda a, b: a * b, [x, y], n_steps=x.shape[0], return_updates=False)
        assert node_of(made).inputs[1] is x

    def test_backwards(self, mode):
        x, n = T.dvector("x"), T.lscalar("n")
        data = np.arange(5.0)
        whole = scan(lambda e: e, x, go_backwards=True, return_updates=False)
        part = scan(lambda e: e, x, n_steps=n, go_backwards=True, return_updates=False)
        np.testing.assert_array_equal(values(whole, {x: data}, mode), data[::-1])
        np.testing.assert_array_equal(values(part, {x: data, n: 2}, mode), [4, 3])

    @pytest.mark.parametrize(
        ("given", "error", "words"),
        [
            (T.dscalar("c"), TypeError, r"sequences\[0\] \(c\) must be an array"),
            ([None], TypeError, r"sequences\[0\] is None"),
            (dict(taps=[0]), ValueError, r"sequences\[0\] is a dict without 'input'"),
            (dict(input=[1.0], tap=[0]), ValueError, r"the unknown key 'tap'; it may have"),
            (dict(input=[1.0], taps=[0.5]), TypeError, r"taps of sequences\[0\] must be integers"),
            (dict(input=[1.0], taps=[1, 1]), ValueError, "must all be different"),
            (["text"], TypeError, r"sequences\[0\] can not be made a tensor"),
            (
                [[1.0, 2.0], [1.0]],
                ShapeError,
                r"\[0\] has .* 2 steps, sequences\[1\] .* 1",
            ),
            (dict(input=[1.0], taps=[-1, 1]), ShapeError, r"sequences\[0\] need 2 elements"),
        ],
    )
    def test_mistakes(self, given, error, words):
        with pytest.raises(error, match=words) as caught:
            scan(lambda *args: args[0], given)
        assert "test_scan.py" in str(caught.value)


def elements(data, taps, t, backwards):
    """What a step gets of a sequence, by Theano's definition."""
    back, ahead = -min(*taps, 0), max(*taps, 0)
    first = len(data) - 1 - ahead - t if backwards else back + t
    return [data[first + k] for k in taps]


sequence_taps = given(
    taps=st.lists(st.integers(-3, 3), min_size=1, max_size=3, unique=True),
    steps=st.sampled_from([0, 1, 2, 9]),
    spare=st.integers(0, 2),
    backwards=st.booleans(),
    known=st.booleans(),
)
state_taps = given(
    taps=st.lists(st.integers(-4, -1), min_size=1, max_size=3, unique=True),
    steps=st.sampled_from([0, 1, 2, 7]),
    spare=st.integers(0, 1),
    known=st.booleans(),
)


def check_taps_of_sequences(mode, taps, steps, spare, backwards, known):
    length = steps + max(*taps, 0) - min(*taps, 0) + spare
    data = np.arange(10.0, 10.0 + length)
    x = T.tensor("x", "float64", (length if known else None,))
    n = T.lscalar("n")
    # Without spare elements the number of steps may be left out, too.
    counts = [steps if known else n] + ([None] if not spare else [])
    want = [elements(data, taps, t, backwards) for t in range(steps)]
    for count in counts:
        made = scan(
            lambda *args: list(args),
            dict(input=x, taps=taps),
            n_steps=count,
            go_backwards=backwards,
            return_list=True,
            return_updates=False,
        )
        got = values(made, {x: data, n: steps}, mode)
        for k, column in enumerate(got):
            np.testing.assert_array_equal(column, [row[k] for row in want])


@sequence_taps
@examples(40)
def test_any_taps_lengths_and_directions(**drawn):
    check_taps_of_sequences("reference", **drawn)


@pytest.mark.newest("test_compiled_taps_of_any_length will do")
@sequence_taps
@examples(8)
def test_any_taps_lengths_and_directions_compiled(**drawn):
    check_taps_of_sequences(None, **drawn)


def check_taps_of_states(mode, taps, steps, spare, known):
    depth = -min(taps)
    rows = depth if taps == [-1] else depth + spare
    data = np.linspace(0.3, 1.1, rows)
    first = T.tensor("s", "float64", (rows if known else None,))
    n = T.lscalar("n")
    made = scan(
        lambda e, *earlier: e + sum((k + 1) * v for k, v in enumerate(earlier)) / 3,
        T.arange(n) / 2,
        dict(initial=first[0] if taps == [-1] else first, taps=taps),
        return_updates=False,
    )
    past = list(data[:depth])
    for t in range(steps):
        earlier = [past[len(past) + k] for k in taps]
        past.append(t / 2 + sum((k + 1) * v for k, v in enumerate(earlier)) / 3)
    got = values(made, {first: data, n: steps}, mode)
    np.testing.assert_allclose(got, past[depth:], rtol=1e-12)


@state_taps
@examples(60)
def test_any_taps_of_states(**drawn):
    check_taps_of_states("reference", **drawn)


@pytest.mark.newest("test_compiled_taps_of_any_length will do")
@state_taps
@examples(10)
def test_any_taps_of_states_compiled(**drawn):
    check_taps_of_states(None, **drawn)


@pytest.mark.parametrize("taps", [[0], [2, -1], [-3]])
@pytest.mark.parametrize("backwards", [False, True])
def test_compiled_taps_of_any_length(taps, backwards):
    x, n = T.dvector("x"), T.lscalar("n")
    made = scan(
        lambda *args: T.stack(args), dict(input=x, taps=taps), n_steps=n, go_backwards=backwards
    )[0]
    f = ng.function([x, n], made)
    reach = max(*taps, 0) - min(*taps, 0)
    for steps in (0, 1, 2, 20):
        for spare in (0, 1):
            data = np.arange(10.0, 10.0 + steps + reach + spare)
            want = [elements(data, taps, t, backwards) for t in range(steps)]
            np.testing.assert_array_equal(f(data, steps), np.reshape(want, (steps, len(taps))))


# -- states ----------------------------------------------------------------------------------------


class TestStates:
    def test_order_of_arguments(self):
        seen = []

        def step(*args):
            seen.extend(a.name for a in args)
            return args[2] + args[4], None or args[0], args[5]

        x, w = T.dvector("x"), T.dscalar("w")
        first, third = T.dvector("first"), T.dscalar("third")
        infos = [dict(initial=first, taps=[-3, -5]), dict(), third]
        scan(step, dict(input=x, taps=[-1, 1]), infos, w)
        assert seen == ["x[t-1]", "x[t+1]", "first[t-3]", "first[t-5]", "third[t-1]", "w"]

    def test_several_states_and_one_that_is_not_fed_back(self, mode):
        x = T.dvector("x")
        made = scan(
            lambda e, a, b: (a + e, a * b, a - b), x, [0.0, 2.0, None], return_updates=False
        )
        a, b, want = 0.0, 2.0, []
        for e in (1.0, 2.0, 3.0):
            a, b, c = a + e, a * b, a - b
            want.append((a, b, c))
        got = values(made, {x: [1.0, 2.0, 3.0]}, mode)
        np.testing.assert_allclose(np.column_stack(got), want)

    def test_one_step_keeps_the_dimension_of_time(self, mode):
        for n in (1, T.constant(1), np.int64(1)):
            made = scan(lambda s: s + 1, outputs_info=T.zeros((2,)), n_steps=n)[0]
            assert made.type.shape == (1, 2)
            assert values(made, {}, mode).shape == (1, 2)

    def test_no_step(self, mode):
        n = T.lscalar("n")
        made = scan(lambda s: s + 1, outputs_info=T.zeros((2,)), n_steps=n)[0]
        assert values(made, {n: 0}, mode).shape == (0, 2)

    def test_a_vector_state(self, mode):
        A, x = T.dmatrix("A"), T.dvector("x")
        made = scan(lambda v, M: T.dot(M, v), outputs_info=x, non_sequences=A, n_steps=3)[0]
        data, start = np.array([[0.9, 0.2], [-0.1, 0.8]]), np.array([1.0, -2.0])
        want = [np.linalg.matrix_power(data, k) @ start for k in (1, 2, 3)]
        np.testing.assert_allclose(values(made, {A: data, x: start}, mode), want, rtol=1e-12)

    def test_the_initial_value_is_not_written(self, mode):
        start = np.zeros(2)
        x = T.dvector("x")
        made = scan(lambda v: v + 1, outputs_info=x, n_steps=3)[0]
        values(made, {x: start}, mode)
        assert start.tolist() == [0, 0]

    def test_more_rows_than_looked_at(self, mode):
        x = T.dvector("x")
        made = scan(lambda a, b: a + b, outputs_info=dict(initial=x, taps=[-1, -2]), n_steps=2)[0]
        np.testing.assert_array_equal(values(made, {x: [1.0, 2.0, 50.0]}, mode), [3, 5])

    @pytest.mark.parametrize("known", [False, True])
    def test_too_few_rows(self, known, mode):
        x = T.tensor("x", dtype="float64", shape=(2 if known else None,))
        with pytest.raises(ShapeError, match=r"\(x\) needs 3 rows.* for the taps \[-3\]"):
            made = scan(lambda a: a, outputs_info=dict(initial=x, taps=[-3]), n_steps=2)[0]
            values(made, {x: [1.0, 2.0]}, mode)

    @pytest.mark.parametrize(
        ("info", "error", "words"),
        [
            (dict(initial=1.0, taps=[1]), ValueError, "must be negative.*got 1"),
            (dict(initial=1.0, taps=[0]), ValueError, "must be negative.*got 0"),
            (dict(initial=1.0, taps=[]), ValueError, "no taps that would use it"),
            (dict(initial=1.0, taps=[-2]), ValueError, "must have 2 rows"),
            (dict(initial=[1.0, 2.0], taps=[-2, -2]), ValueError, "must all be different"),
            (dict(taps=[-1]), ValueError, "needs 'initial'"),
            (dict(initial=1.0, tap=[-1]), ValueError, "unknown key 'tap'"),
            (dict(initial="text"), TypeError, "can not be made a tensor"),
        ],
    )
    def test_mistakes(self, info, error, words):
        with pytest.raises(error, match=rf"(?s)outputs_info\[0\].*{words}") as caught:
            scan(lambda *args: args[0], np.zeros(3), info)
        assert "test_scan.py" in str(caught.value)


class TestTypesOfStates:
    def test_an_integer_beginning_becomes_the_float_it_is(self, mode):
        x = T.fvector("x")
        made = scan(lambda e, s: e + s, x, 0, return_updates=False)
        assert made.type.dtype == "float32"
        np.testing.assert_array_equal(values(made, {x: [1.0, 2.0]}, mode), [1, 3])

    def test_a_lossless_cast_of_a_variable(self, mode):
        k = T.iscalar("k")
        made = scan(lambda s: s * 0.5, outputs_info=k, n_steps=2)[0]
        assert made.type.dtype == "float64"
        np.testing.assert_array_equal(values(made, {k: 4}, mode), [2, 1])

    def test_widening_one_state_may_widen_another(self, mode):
        a, b = T.bscalar("a"), T.bscalar("b")
        made = scan(lambda a, b: (b, a * 0.5), outputs_info=[a, b], n_steps=3)[0]
        assert [v.type.dtype for v in made] == ["float64", "float64"]
        got = values(made, {a: 4, b: 2}, mode)
        np.testing.assert_array_equal(got, [[2, 2, 1], [2, 1, 1]])

    def test_a_narrower_result_is_cast(self, mode):
        x = T.fvector("x")
        made = scan(lambda e, s: e, x, T.constant(0.0), return_updates=False)
        assert made.type.dtype == "float64"
        np.testing.assert_array_equal(values(made, {x: [1.0]}, mode), [1])

    def test_states_of_several_steps_widen_together(self, mode):
        made = scan(
            lambda a, b: a + 0.5 * b, outputs_info=dict(initial=[1, 2], taps=[-1, -2]), n_steps=2
        )[0]
        np.testing.assert_array_equal(values(made, {}, mode), [2.5, 3.5])

    def test_neither_fits(self):
        k, x = T.lscalar("k"), T.fvector("x")
        with pytest.raises(TypeError, match=r"float32 for outputs_info\[0\] \(k\), .* int64"):
            scan(lambda e, s: T.cast(e + s, "float32"), x, k)
        with pytest.raises(TypeError, match="neither fits the other"):
            scan(lambda e, s: e, x, T.constant(2**24 + 1))  # no float32

    def test_number_of_dimensions(self):
        x = T.dmatrix("x")
        with pytest.raises(TypeError, match=r"gives 1 dimensions for outputs_info\[0\] \(s\)"):
            scan(lambda e, s: e, x, T.dscalar("s"))

    def test_sizes(self):
        x = T.dmatrix("x")
        with pytest.raises(ShapeError, match=r"the shape \(\?,\) for outputs_info\[0\].* \(1,\)"):
            scan(lambda e, s: e + s, x, T.zeros((1,)))
        with pytest.raises(ShapeError, match=r"the shape \(3,\) .*begins with \(2,\)"):
            scan(lambda s: T.ones((3,)), outputs_info=T.zeros((2,)), n_steps=2)

    def test_a_size_of_one_is_checked(self, mode):
        s = T.dvector("s")
        made = scan(lambda s: s.sum(keepdims=True), outputs_info=s, n_steps=2)[0]
        np.testing.assert_array_equal(values(made, {s: [3.0]}, mode), [[3], [3]])
        with pytest.raises(ShapeError):
            values(made, {s: [3.0, 4.0]}, mode)

    def test_a_shape_that_changes_in_the_loop(self, mode):
        s = T.dvector("s")
        made = scan(lambda s: T.concatenate([s, s]), outputs_info=s, n_steps=2)[0]
        with pytest.raises(ShapeError, match="state"):
            values(made, {s: [3.0, 4.0]}, mode)


# -- number of steps -------------------------------------------------------------------------------


class TestSteps:
    def test_fewer_than_elements(self, mode):
        x = T.dvector("x")
        made = scan(lambda e: e, x, n_steps=2)[0]
        np.testing.assert_array_equal(values(made, {x: [1.0, 2.0, 3.0]}, mode), [1, 2])

    @pytest.mark.parametrize(
        ("n_steps", "error", "words"),
        [
            (-1, ValueError, "n_steps must not be negative; got -1"),
            (1.5, TypeError, "must be an integer"),
            (T.dscalar("n"), TypeError, "must be an integer"),
            (T.lvector("n"), TypeError, "must be an integer scalar"),
            (None, ValueError, "give n_steps or a sequence"),
        ],
    )
    def test_mistakes(self, n_steps, error, words):
        with pytest.raises(error, match=words) as caught:
            scan(lambda s: s, outputs_info=1.0, n_steps=n_steps)
        assert "test_scan.py" in str(caught.value)

    def test_more_than_known_elements(self):
        with pytest.raises(
            ShapeError, match=r"n_steps is more than .* sequences\[0\] .*4 .* for 3"
        ):
            scan(lambda e: e, T.arange(3), n_steps=4)

    @pytest.mark.parametrize("dtype", ["int8", "int32", "uint8"])
    def test_of_another_integer_dtype(self, dtype, mode):
        n, x = T.scalar("n", dtype=dtype), T.dvector("x")
        made = scan(lambda e, s: s + e, dict(input=x, taps=[1]), 0.0, n_steps=n)[0]
        assert values(made, {n: 2, x: np.arange(9.0)}, mode).tolist() == [1, 3]
        assert values(made[-1], {n: 2, x: np.arange(9.0)}, mode) == 3

    @pytest.mark.parametrize("taps", [[0], [-1, 1]])
    def test_more_than_elements(self, taps, mode):
        x, n = T.dvector("x"), T.lscalar("n")
        made = scan(lambda *e: e[0], dict(input=x, taps=taps), n_steps=n)[0]
        most = 5 - (len(taps) > 1) * 2
        assert len(values(made, {x: np.zeros(5), n: most}, mode)) == most
        with pytest.raises(
            ShapeError, match=r"n_steps is more than .* sequences\[0\] \(x\)"
        ) as caught:
            values(made, {x: np.zeros(5), n: most + 1}, mode)
        assert "test_scan.py" in str(caught.value)
        with pytest.raises(ShapeError, match="n_steps must not be negative"):
            values(made, {x: np.zeros(5), n: -1}, mode)

    def test_the_line_is_that_of_the_loop(self, mode):
        x, n = T.dvector("x"), T.lscalar("n")

        def build():
            return scan(lambda e: e, x, n_steps=n)[0]

        made = build()
        with pytest.raises(ShapeError, match=r"n: 4, x.shape\[0\]: 3(.|\n)*in build"):
            values(made, {x: np.zeros(3), n: 4}, mode)

    def test_less_than_none(self, mode):
        n = T.lscalar("n")
        made = scan(lambda s: 2 * s, outputs_info=1.0, n_steps=n)[0]
        with pytest.raises(ValueError, match="steps must not be negative") as caught:
            values(made, {n: -1}, mode)
        assert "test_scan.py" in str(caught.value)

    def test_taps_before_the_start(self, mode):
        x = T.dvector("x")
        made = scan(lambda a, b: a + b, dict(input=x, taps=[-2, 0]))[0]
        assert values(made, {x: np.zeros(2)}, mode).shape == (0,)
        with pytest.raises(ShapeError, match=r"taps \[-2, 0\] of sequences\[0\] \(x\) need 2"):
            values(made, {x: np.zeros(1)}, mode)

    @pytest.mark.parametrize("second", [lambda y: y, lambda y: dict(input=y, taps=[-1, 0])])
    def test_different_lengths(self, second, mode):
        x, y = T.dvectors("x", "y")
        made = scan(lambda *e: e[0] + e[1], [x, second(y)])[0]
        with pytest.raises(ShapeError, match=r"equal|different numbers of steps") as caught:
            values(made, {x: np.zeros(3), y: np.zeros(5)}, mode)
        assert "test_scan.py" in str(caught.value)

    def test_no_last_value_of_no_steps(self, mode):
        x = T.dvector("x")
        last = scan(lambda e, s: e + s, x, 0.0)[0][-1]
        assert values(last, {x: [1.0, 2.0]}, mode) == 3
        with pytest.raises(IndexError) as caught:
            values(last, {x: []}, mode)
        assert "test_scan.py" in str(caught.value)


# -- until -----------------------------------------------------------------------------------------


class TestUntil:
    def test_ends_after_the_step_in_which_it_holds(self, mode):
        n = T.lscalar("n")
        made = scan(lambda s: (2 * s, until(2 * s > 20)), outputs_info=1, n_steps=n)[0]
        assert values(made, {n: 100}, mode).tolist() == [2, 4, 8, 16, 32]
        assert values(made, {n: 3}, mode).tolist() == [2, 4, 8]
        assert values(made[-1], {n: 100}, mode) == 32

    def test_ends_a_loop_over_a_sequence(self, mode):
        x = T.dvector("x")
        made = scan(lambda e: (e, until(e < 0)), x)[0]
        assert values(made, {x: [1.0, -1.0, 2.0]}, mode).tolist() == [1, -1]
        assert values(made, {x: [1.0, 1.0, 2.0]}, mode).tolist() == [1, 1, 2]

    def test_a_number_is_a_condition(self, mode):
        made = scan(lambda s: (s - 1, until(T.eq(s, 1) * 3)), outputs_info=5, n_steps=10)[0]
        assert values(made, {}, mode).tolist() == [4, 3, 2, 1, 0]

    def test_an_upper_bound_is_asked_for(self):
        with pytest.raises(ValueError, match=r"upper bound.*give n_steps"):
            scan(lambda s: (2 * s, until(s > 20)), outputs_info=1)

    def test_one_truth_value(self):
        with pytest.raises(TypeError, match=r"one truth value.*all\(\) or any\(\)"):
            until(T.dvector() > 0)

    def test_is_the_last(self):
        with pytest.raises(ValueError, match="last"):
            scan(lambda s: (until(s > 20), s), outputs_info=1, n_steps=2)


# -- what the step function returns ----------------------------------------------------------------


class TestReturned:
    def test_orders(self, mode):
        c = ng.shared(0, name="c")
        new = {c: c + 1}
        for returned in (
            lambda s: [s + 1],
            lambda s: (s + 1,),
            lambda s: (s + 1, new),
            lambda s: ([s + 1], list(new.items())),
            lambda s: (new, s + 1),
            lambda s: (s + 1, new, until(s > 100)),
            lambda s: ([s + 1], until(s > 100)),
        ):
            made, updates = scan(returned, outputs_info=0, n_steps=3)
            assert values(made, {}, mode).tolist() == [1, 2, 3]
            assert set(updates) <= {c}

    def test_numbers(self, mode):
        made = scan(lambda e: (e, 1.5), T.arange(2))[0]
        assert values(made, {}, mode)[1].tolist() == [1.5, 1.5]

    def test_lists_of_outputs(self):
        one = scan(lambda e: e, T.arange(2), return_list=True, return_updates=False)
        assert isinstance(one, list) and len(one) == 1
        two = scan(lambda e: [e, e], T.arange(2), return_updates=False)
        assert isinstance(two, list) and len(two) == 2

    @pytest.mark.parametrize(
        ("returned", "error", "words"),
        [
            (lambda s: None, TypeError, "returns None"),
            (lambda s: (s, None), TypeError, "returns None as output 1"),
            (lambda s: "text", TypeError, "'text' as output 0"),
            (lambda s: (s, s), ValueError, "returns 2 outputs, and outputs_info has 1"),
            (lambda s: {}, ValueError, "returns 0 outputs, and outputs_info has 1"),
            (lambda s: (s, {s: s}), TypeError, "which is no shared variable"),
            (lambda s: (s, {}, {}), ValueError, "updates twice"),
            (lambda s: (s, [s, s]), TypeError, "a list among its outputs"),
            (lambda s: ([s, [s]],), TypeError, "a list as output 1"),
        ],
    )
    def test_mistakes(self, returned, error, words):
        with pytest.raises(error, match=words) as caught:
            scan(returned, outputs_info=[1.0], n_steps=2)
        assert "test_scan.py" in str(caught.value)

    def test_another_number_of_arguments(self):
        with pytest.raises(TypeError, match=r"takes \(a\); it gets 1 .* 1 earlier .* 1 non_seq"):
            scan(lambda a: a, np.zeros(2), 0.0, 1.0)
        scan(lambda *a: a[0], np.zeros(2), 0.0, 1.0)
        scan(T.add, np.zeros(2), 0.0)

    def test_the_step_function_is_a_function(self):
        with pytest.raises(TypeError, match="takes a step function first"):
            scan(T.dvector("x"), n_steps=2)


# -- updates ---------------------------------------------------------------------------------------


class TestUpdates:
    def test_are_states(self, mode):
        count, x = ng.shared(10, name="count"), T.lvector("x")
        made, updates = scan(lambda e: (e * count, {count: count + 1}), x)
        f = ng.function([x], made, updates=updates, mode=mode)
        assert f([1, 1, 2]).tolist() == [10, 11, 24]
        assert count.get_value() == 13
        assert f([1]).tolist() == [13]
        assert count.get_value() == 14

    def test_without_outputs(self, mode):
        total, x = ng.shared(0.0, name="total"), T.dvector("x")
        made, updates = scan(lambda e: {total: total + e}, x)
        assert made is None
        ng.function([x], [], updates=updates, mode=mode)([1.0, 2.0])
        assert total.get_value() == 3

    def test_without_updates_they_have_nowhere_to_go(self):
        total = ng.shared(0.0, name="total")
        with pytest.raises(ValueError, match="updates total, but return_updates=False"):
            scan(lambda e: {total: total + e}, np.zeros(2), return_updates=False)

    def test_dtype_of_the_shared_variable(self):
        count = ng.shared(0, name="count")
        with pytest.raises(TypeError, match=r"float64 for the shared variable count.* int64"):
            scan(lambda e: {count: count + e}, np.zeros(2))

    def test_what_the_step_makes_with_a_default_update(self, mode):
        made_inside = []

        def step(e):
            seed = ng.shared(1, name="seed")
            seed.default_update = 3 * seed
            made_inside.append(seed)
            return e * seed

        x = T.lvector("x")
        made = scan(step, x, return_updates=False)
        f = ng.function([x], made, mode=mode)
        assert f([1, 1, 1]).tolist() == [1, 3, 9]
        assert made_inside[0].get_value() == 27
        assert f([1, 2]).tolist() == [27, 162]

    def test_a_default_update_from_outside_happens_once_a_call(self, mode):
        seed, x = ng.shared(1, name="seed"), T.lvector("x")
        seed.default_update = 3 * seed
        made, updates = scan(lambda e: e * seed, x)
        assert updates == {}
        f = ng.function([x], made, mode=mode)
        assert f([1, 1]).tolist() == [1, 1]
        assert f([1, 1]).tolist() == [3, 3]


class TestDraws:
    def test_of_a_stream(self, mode):
        stream, x = T.random.RandomStream(seed=3), T.dvector("x")
        made = scan(lambda e, s: s + e * stream.normal(), x, 0.0, return_updates=False)
        f = ng.function([x], made, mode=mode)
        (first,) = np.random.SeedSequence(3).spawn(1)
        draws = np.random.default_rng(first).normal(size=6)
        np.testing.assert_array_equal(f(np.ones(3)), np.cumsum(draws[:3]))
        np.testing.assert_array_equal(f(np.ones(3)), np.cumsum(draws[3:]))

    def test_updates_of_a_stream_may_be_passed_on(self, mode):
        stream, x = T.random.RandomStream(seed=3), T.dvector("x")
        made, updates = scan(lambda e: e * stream.normal(), x)
        f = ng.function([x], made, updates=updates, mode=mode)
        (first,) = np.random.SeedSequence(3).spawn(1)
        draws = np.random.default_rng(first).normal(size=5)
        np.testing.assert_array_equal([*f(np.ones(3)), *f(np.ones(2))], draws)

    def test_updates_that_the_stream_knows(self, mode):
        stream, x = T.random.RandomStream(seed=3), T.dvector("x")
        made = scan(lambda e: e * stream.normal(), x, return_updates=False)
        f = ng.function([x], made, updates=stream.updates(), mode=mode)
        (first,) = np.random.SeedSequence(3).spawn(1)
        draws = np.random.default_rng(first).normal(size=5)
        np.testing.assert_array_equal([*f(np.ones(3)), *f(np.ones(2))], draws)

    def test_a_draw_from_outside_is_one_draw(self, mode):
        stream, x = T.random.RandomStream(seed=3), T.dvector("x")
        draw = stream.normal()
        made = scan(lambda e: e * draw, x, return_updates=False)
        got = values(made, {x: np.ones(3)}, mode)
        assert got[0] == got[1] == got[2] != 0

    def test_a_generator_as_a_state(self, mode):
        x, rng = T.dvector("x"), T.random.shared_rng(seed=1)

        def step(e, rng):
            after, draw = T.random.normal(rng=rng, return_next_rng=True)
            return e * draw, after

        (made, after), _ = scan(step, x, [None, rng])
        f = ng.function([x], made, updates={rng: after}, mode=mode)
        draws = np.random.default_rng(1).normal(size=5)
        np.testing.assert_array_equal([*f(np.ones(3)), *f(np.ones(2))], draws)

    def test_a_generator_that_the_step_updates(self, mode):
        x, rng = T.dvector("x"), T.random.shared_rng(seed=1)

        def step(e):
            after, draw = T.random.normal(rng=rng, return_next_rng=True)
            return e * draw, {rng: after}

        made, updates = scan(step, x)
        f = ng.function([x], made, updates=updates, mode=mode)
        draws = np.random.default_rng(1).normal(size=5)
        np.testing.assert_array_equal([*f(np.ones(3)), *f(np.ones(2))], draws)


class Token(Type):
    """A type that is no tensor: a Python string."""

    __slots__ = ()

    def filter(self, data, strict=False, allow_downcast=None):
        assert isinstance(data, str)
        return data

    def __eq__(self, other):
        return isinstance(other, Token)

    def __hash__(self):
        return hash(Token)


class TestOtherTypes:
    def test_a_state_is_its_last_value(self):
        token = Variable(Token(), name="token")
        made = scan(lambda e, s: (e, s), np.zeros(2), [None, token], return_updates=False)
        assert made[1].type == Token()

    def test_no_array_can_be_made_of_it(self):
        token = Variable(Token(), name="token")
        with pytest.raises(TypeError, match=r"Output 0 .* of which no array can be made"):
            scan(lambda e: token, np.zeros(2))

    def test_it_stays_what_it_is(self):
        token = Variable(Token(), name="token")
        with pytest.raises(TypeError, match="which begins as"):
            scan(lambda e, s: e, np.zeros(2), token)


# -- what is used without being passed -------------------------------------------------------------


class TestClosures:
    def test_are_found(self, mode):
        x, w, c = T.dvector("x"), T.dscalar("w"), ng.shared(2.0, name="c")
        made = scan(lambda e, s: s * w + e * c, x, 0.0, return_updates=False)
        assert w in node_of(made).inputs and c in node_of(made).inputs
        np.testing.assert_allclose(values(made, {x: [1.0, 2.0], w: 3.0}, mode), [2, 10])

    def test_what_does_not_change_is_computed_before_the_loop(self):
        x, A = T.dvector("x"), T.dmatrix("A")
        made = scan(lambda e, s: s + e * T.dot(A, A).sum(), x, 0.0, return_updates=False)
        others = node_of(made).op.outer.others
        assert [v.type.ndim for v in node_of(made).inputs[others]] == [0]
        assert len(node_of(made).op.body.nodes) == 2

    def test_non_sequences_come_first(self):
        x, a, b = T.dvector("x"), T.dscalar("a"), T.dscalar("b")
        made = scan(lambda e, p: b * e + p, x, non_sequences=a, return_updates=False)
        assert node_of(made).inputs[-2:] == [a, b]

    def test_a_sequence_may_be_used_whole(self, mode):
        x = T.dvector("x")
        made = scan(lambda e: e / x.sum(), x)[0]
        np.testing.assert_allclose(values(made, {x: [1.0, 3.0]}, mode), [0.25, 0.75])

    def test_a_result_may_not_depend_on_the_step(self, mode):
        x, w = T.dvector("x"), T.dscalar("w")
        made = scan(lambda e: (w, w * 2, 3.0), x)[0]
        got = values(made, {x: [1.0, 3.0], w: 5.0}, mode)
        np.testing.assert_array_equal(got, [[5, 5], [10, 10], [3, 3]])

    def test_strict(self):
        x, w, c = T.dvector("x"), T.dscalar("w"), ng.shared(2.0, name="c")
        scan(lambda e, w, c: e * w * c + T.exp(w), x, non_sequences=[w, c], strict=True)
        for name, fn in {"w": lambda e: e * T.exp(w), "c": lambda e: e * c}.items():
            with pytest.raises(MissingInputError, match=f"strict=True.* uses {name}, .*passed"):
                scan(fn, x, strict=True)

    def test_strict_lets_shared_variables_be_updated(self):
        c = ng.shared(2.0, name="c")
        assert c in scan(lambda e: {c: c * e}, np.ones(2), strict=True)[1]


# -- arguments that steer --------------------------------------------------------------------------


class TestOptions:
    def test_checkpoint_and_truncate(self):
        x = T.dvector("x")
        made = scan(lambda e, s: e + s, x, 0.0, checkpoint="sqrt", truncate_gradient=3)[0]
        assert (node_of(made).op.checkpoint, node_of(made).op.truncate) == ("sqrt", 3)
        made = scan(lambda e, s: e + s, x, 0.0, checkpoint=7)[0]
        assert (node_of(made).op.checkpoint, node_of(made).op.truncate) == (7, None)

    @pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "cbrt"])
    def test_wrong_checkpoint(self, wrong):
        with pytest.raises(ValueError, match="checkpoint must be"):
            scan(lambda e: e, np.zeros(2), checkpoint=wrong)

    @pytest.mark.parametrize("wrong", [0, -2, 1.5, True, "all"])
    def test_wrong_truncate_gradient(self, wrong):
        with pytest.raises(ValueError, match="truncate_gradient must be"):
            scan(lambda e: e, np.zeros(2), truncate_gradient=wrong)

    def test_names_of_traces(self):
        x, h0 = T.dvector("x"), T.dscalar("h0")

        def step(e, s, r):
            total = e + s
            total.name = "total"
            return total, e * r, e + 1

        made = scan(step, x, [h0, T.dscalar("r0"), None])[0]
        assert [v.name for v in made] == ["total", "r0", None]
        inside = node_of(made[0]).op.body.inputs
        assert [v.name for v in inside] == ["x[t]", "total[t-1]", "r0[t-1]"]
        made = scan(lambda each, *rest: each + rest[0], x * 2, [0.0])[0]
        assert [v.name for v in node_of(made).op.body.inputs] == ["each", None]


# -- simpler forms ---------------------------------------------------------------------------------


class TestViews:
    def test_map(self, mode):
        x, w = T.dvector("x"), T.dscalar("w")
        made, updates = ng.map(lambda e, w: (e * w, e), x, non_sequences=[w], go_backwards=True)
        assert updates == {}
        got = values(made, {x: [1.0, 2.0], w: 3.0}, mode)
        np.testing.assert_array_equal(got, [[6, 3], [2, 1]])

    def test_reduce(self, mode):
        x = T.dvector("x")
        (total, most), _ = reduce(
            lambda e, s, m: (s + e, T.maximum(m, e)), x, outputs_info=[0.0, -np.inf]
        )
        assert values([total, most], {x: [1.0, 5.0, 2.0]}, mode) == [8, 5]
        assert values(reduce(lambda e, s: s - e, x, 0.0, return_updates=False), {x: [1.0]}) == -1

    def test_folds(self, mode):
        x = T.dvector("x")
        left = foldl(lambda e, s: e - s, x, 0.0)[0]
        right = foldr(lambda e, s: e - s, x, 0.0)[0]
        assert values([left, right], {x: [1.0, 2.0, 4.0]}, mode) == [4 - (2 - 1), 1 - (2 - 4)]

    def test_nothing_to_fold(self, mode):
        x = T.dvector("x")
        with pytest.raises(IndexError):
            values(foldl(lambda e, s: e - s, x, 0.0)[0], {x: []}, mode)

    @pytest.mark.parametrize("n", [1, 4, 7, 8, 9])
    def test_scan_checkpoints(self, n, mode):
        x, m = T.dvector("x"), T.lscalar("m")
        made, _ = scan_checkpoints(
            lambda e, s: e + s, sequences=[x], outputs_info=[0.0], n_steps=m, save_every_N=4
        )
        data = np.arange(1.0, 12.0)
        sums = np.cumsum(data)[:n]
        want = [*sums[3::4], *([sums[-1]] if n % 4 else [])]
        np.testing.assert_array_equal(values(made, {x: data, m: n}, mode), want)

    @pytest.mark.parametrize("n", [3, 8, 11])
    def test_scan_checkpoints_of_known_length(self, n, mode):
        w = T.dscalar("w")
        given = dict(
            fn=lambda e, s: (T.sin(s * w + e), s - e),
            sequences=T.arange(1.0, n + 1.0) / 4,
            outputs_info=[w, None],
            return_updates=False,
        )
        made = scan_checkpoints(save_every_N=4, **given)
        whole = scan(**given)
        ends = [*range(3, n, 4), *([n - 1] if n % 4 else [])]
        costs = [sum(v.sum() for v in made), sum(v[ends].sum() for v in whole)]
        gradients = [ng.grad(c, w) for c in costs]
        one, two, three, four = values([*costs, *gradients], {w: 0.4}, mode)
        np.testing.assert_allclose([one, three], [two, four], rtol=1e-12)

    def test_scan_checkpoints_with_updates(self, mode):
        total, x, m = ng.shared(0.0, name="total"), T.dvector("x"), T.lscalar("m")
        made, updates = scan_checkpoints(
            lambda e: ([e + total], {total: total + e}), x, n_steps=m, save_every_N=3
        )
        f = ng.function([x, m], made, updates=updates, mode=mode)
        for n in (2, 3, 5, 6):
            total.set_value(0.0)
            sums = np.cumsum(np.arange(1.0, n + 1))
            ends = [*range(2, n, 3), *([n - 1] if n % 3 else [])]
            np.testing.assert_array_equal(f(np.arange(1.0, 10.0), n), sums[ends])
            assert total.get_value() == sums[-1]

    def test_scan_checkpoints_looks_back_one_step(self):
        with pytest.raises(ValueError, match=r"looks back one step"):
            scan_checkpoints(lambda a: a, outputs_info=dict(initial=[1, 2], taps=[-2]), n_steps=3)
        with pytest.raises(ValueError, match="positive"):
            scan_checkpoints(lambda a: a, outputs_info=1, n_steps=3, save_every_N=0)


# -- the graph around ------------------------------------------------------------------------------


def running_sum(x, w):
    return scan(lambda e, s: s + e * w, x, 0.0, return_updates=False)


class TestAround:
    def test_a_loop_in_a_loop(self, mode):
        X = T.dmatrix("X")

        def outer(row, s):
            inner = scan(lambda e, p: p * 0.5 + e * s, row, 0.0, return_updates=False)
            return inner[-1] + s

        made = scan(outer, X, 1.0, return_updates=False)
        data = np.arange(6.0).reshape(2, 3)
        s, want = 1.0, []
        for row in data:
            p = 0.0
            for e in row:
                p = p * 0.5 + e * s
            s = p + s
            want.append(s)
        np.testing.assert_allclose(values(made, {X: data}, mode), want, rtol=1e-13)

    def test_a_gradient_in_a_loop(self, mode):
        w0, data = T.dvector("w0"), T.dmatrix("data")

        def step(row, w):
            loss = T.sum((w - row) ** 2)
            return w - 0.25 * ng.grad(loss, w), loss

        made = scan(step, data, [w0, None], return_updates=False)
        rows, w = np.arange(6.0).reshape(3, 2), np.array([1.0, -1.0])
        got = values(made, {data: rows, w0: w}, mode)
        for row, ours, loss in zip(rows, *got, strict=True):
            np.testing.assert_allclose(loss, np.sum((w - row) ** 2))
            w = w - 0.5 * (w - row)
            np.testing.assert_allclose(ours, w)

    def test_a_jacobian_row_by_row(self, mode):
        x = T.dvector("x")
        y = x**2 * x[::-1]
        J = scan(lambda i, y, x: ng.grad(y[i], x), T.arange(y.shape[0]), non_sequences=[y, x])[0]
        at = np.array([1.0, 2.0, 4.0])
        want = np.diag(2 * at * at[::-1]) + np.diag(at**2)[:, ::-1]
        np.testing.assert_allclose(values(J, {x: at}, mode), want)

    def test_parts_whose_size_is_an_element(self, mode):
        x = T.dvector("x")
        sums = scan(lambda k: T.sum(x[:k] ** 2), T.arange(1, 5), return_updates=False)
        data = np.arange(1.0, 7.0)
        got, gradient = values([sums, ng.grad(sums.sum(), x)], {x: data}, mode)
        np.testing.assert_allclose(got, np.cumsum(data**2)[:4])
        np.testing.assert_allclose(gradient, 2 * data * [4, 3, 2, 1, 0, 0])

    def test_an_integer_beginning_in_a_loop_in_a_loop(self, mode):
        X = T.fmatrix("X")
        calls = []

        def outer(row, s):
            calls.append(s.type.dtype)
            return s + scan(lambda e, p: p * 0.5 + e * s, row, 0.0, return_updates=False)[-1]

        made = scan(outer, X, 1, return_updates=False)
        assert calls == ["int64", "float64"]
        got = values(made, {X: np.ones((2, 2), "float32")}, mode)
        np.testing.assert_allclose(got, [2.5, 6.25])

    def test_a_default_update_in_a_loop_in_a_loop(self, mode):
        def inner(e):
            seed = ng.shared(1, name="seed")
            seed.default_update = 2 * seed
            return e * seed

        X = T.lmatrix("X")
        made = scan(lambda row: scan(inner, row)[0], X)[0]
        f = ng.function([X], made, mode=mode)
        assert f([[1, 1], [1, 1]]).tolist() == [[1, 2], [4, 8]]
        assert f([[1, 1]]).tolist() == [[16, 32]]

    def test_givens(self, mode):
        x, w, z = T.dvector("x"), T.dscalar("w"), T.dscalar("z")
        f = ng.function([x, z], running_sum(x, w), givens={w: z + 1}, mode=mode)
        np.testing.assert_array_equal(f([1.0, 2.0], 2.0), [3, 9])

    def test_clone_replace(self, mode):
        x, w, y = T.dvector("x"), T.dscalar("w"), T.dvector("y")
        made = ng.clone_replace(running_sum(x, w), {x: y * 2, w: T.constant(3.0)})
        np.testing.assert_array_equal(values(made, {y: [1.0, 2.0]}, mode), [6, 18])

    def test_shape_needs_no_step(self, mode):
        x, w = T.dvector("x"), T.dscalar("w")
        assert values(running_sum(x, w).shape[0], {x: [1.0, 2.0], w: 1.0}, mode) == 2

    def test_pickling(self, mode):
        x, c = T.dvector("x"), ng.shared(2.0, name="c")
        made, updates = scan(lambda e, s: (s + e * c, {c: c + 1}), x, 0.0)
        f = ng.function([x], made, updates=updates, mode=mode)
        g = pickle.loads(pickle.dumps(f))
        for h in (f, g):
            assert h([1.0, 1.0]).tolist() == [2, 5]
            assert h([1.0, 1.0]).tolist() == [4, 9]

    def test_copies(self, mode):
        x, c, d = T.dvector("x"), ng.shared(2.0, name="c"), ng.shared(10.0, name="d")
        made, updates = scan(lambda e, s: (s + e * c, {c: c + 1}), x, 0.0)
        f = ng.function([x], made, updates=updates, mode=mode)
        g = f.copy(swap={c: d})
        assert g([1.0, 1.0]).tolist() == [10, 21]
        assert (c.get_value(), d.get_value()) == (2, 12)

    def test_deepcopy_of_a_graph(self, mode):
        x, w = T.dvector("x"), T.dscalar("w")
        u, v, made = copy.deepcopy((x, w, running_sum(x, w)))
        np.testing.assert_array_equal(values(made, {u: [1.0, 2.0], v: 3.0}, mode), [3, 9])

    def test_equal_loops_are_equal_ops(self):
        x, w, y, u = T.dvector("x"), T.dscalar("w"), T.dvector("y"), T.dscalar("u")
        assert node_of(running_sum(x, w)).op == node_of(running_sum(y, u)).op


# -- printing --------------------------------------------------------------------------------------


class TestPrinting:
    def test_the_step_is_below(self):
        x, w = T.dvector("x"), T.dscalar("w")
        made = running_sum(x, w)
        assert ng.dprint(made, file="str").splitlines() == [
            "Scan{1 sequence, 1 state, 1 trace}.1 [id A]",
            " ├─ ShapeI{axis=0} [id B]",
            " │  └─ x [id C]",
            " ├─ x [id C]",
            " ├─ 0.0 [id D]",
            " └─ w [id E]",
            "",
            "Inner graphs:",
            "",
            "Scan{1 sequence, 1 state, 1 trace} [id A]",
            " next s: Add [id F]",
            "  ├─ s [id G] -> [id D]",
            "  └─ Mul [id H]",
            "     ├─ x[t] [id I] -> [id C]",
            "     └─ w [id J] -> [id E]",
            " trace 0: Add [id F]",
            "  └─ ···",
        ]

    def test_one_line(self):
        x, w = T.dvector("x"), T.dscalar("w")
        assert ng.pp(running_sum(x, w)) == "scan(x.shape[0], x, 0.0, w).1"

    def test_the_words_of_the_op(self):
        made = scan(lambda s: (s + 1, until(s > 3)), outputs_info=1, n_steps=9, checkpoint=2)[0]
        assert repr(node_of(made).op) == "Scan{1 state, 1 trace, until, checkpoint=2}"

    def test_a_loop_in_a_loop_is_shown_once_each(self):
        X = T.dmatrix("X")
        made = scan(lambda row: scan(lambda e: e * 2, row)[0].sum(), X)[0]
        text = ng.dprint(made, file="str")
        assert text.count("Inner graphs:") == 1
        assert text.count("\nScan{") == 2
        assert ng.dprint(X.sum(), file="str").count("Inner") == 0


@pytest.mark.parametrize("dtype", ["int8", "int32", "uint8", "uint64"])
def test_a_number_of_steps_is_of_any_integer_dtype(dtype):
    x, n = T.dvector("x"), T.scalar("n", dtype=dtype)
    f = ng.function([x, n], scan(lambda a: 2 * a, [x], n_steps=n, return_updates=False))
    np.testing.assert_array_equal(f([1.0, 2.0], 1), [2.0])
    with pytest.raises(ShapeError, match="n_steps is more than"):
        f([1.0, 2.0], 3)


@pytest.mark.parametrize("n", [2.5, T.dscalar("n")])
def test_a_number_of_steps_is_an_integer(n):
    with pytest.raises(TypeError, match=r"^n_steps: a size must be an integer.*\n.*built at"):
        scan(lambda a: 2 * a, [T.dvector("x")], n_steps=n)
