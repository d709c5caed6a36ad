"""``function``, ``shared``, ``In``, ``Out``: what goes in, what comes out, what is refused."""

import copy
import pickle
import threading
import warnings

import numpy as np
import pytest
from numba import njit

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.errors import (
    InputError,
    MissingInputError,
    NullTypeGradError,
    NumbagradError,
    ShapeError,
    UnusedInputError,
)
from numbagrad.graph.tensor import DTYPES

THIS = __file__


@pytest.fixture(scope="module")
def doubled():
    x = T.dvector("x")
    return ng.function([x], x * 2.0, name="doubled")


@pytest.fixture(scope="module")
def added():
    x, y = T.dvector("x"), T.dvector("y")
    return ng.function([x, y], x + y)


class TestResults:
    def test_single_list_and_dict(self):
        x = T.dscalar("x")
        assert isinstance(ng.function([x], x + 1, mode="reference")(1.0), np.ndarray)
        assert isinstance(ng.function([x], [x + 1], mode="reference")(1.0), list)
        made = ng.function([x], {"a": x + 1, "b": x * 2}, mode="reference")(3.0)
        assert made == {"a": 4.0, "b": 6.0}

    def test_scalars_are_0d_arrays(self):
        x, i, b = T.dscalar("x"), T.lscalar("i"), T.fscalar("f")
        made = ng.function([x, i, b], [x + 1, i + 1, b + 1, x > 0])(1.5, 2, 0.25)
        assert [m.dtype.name for m in made] == ["float64", "int64", "float32", "bool"]
        assert all(isinstance(m, np.ndarray) and m.shape == () for m in made)
        assert [m.item() for m in made] == [2.5, 3, 1.25, True]

    def test_no_outputs(self):
        assert ng.function([], None)() == []

    def test_output_that_is_an_input_is_a_copy(self):
        x = T.dvector("x")
        f = ng.function([x], [x, x])
        value = np.ones(3)
        first, second = f(value)
        assert not np.may_share_memory(first, value)
        assert not np.may_share_memory(first, second)

    def test_constant_output(self):
        f = ng.function([], [T.constant([1.0, 2.0]), T.constant(3)])
        first, second = f()
        first[0] = 99.0
        assert f()[0][0] == 1.0
        assert second == 3 and second.dtype == np.int64

    def test_out_and_numbers_as_outputs(self):
        x = T.dscalar("x")
        assert ng.function([x], [ng.Out(x * 2, borrow=True), 5], mode="reference")(1.0) == [2, 5]

    @pytest.mark.parametrize("mode", [None, "reference"])
    def test_sparse_matrices(self, mode):
        x = T.tensor("x", shape=(4,), dtype="float64")
        cost = T.sum((x[1:] - x[:-1]) ** 4)
        H = ng.hessian(cost, x, sparsity="detect", result="sparse")
        f = ng.function([x], [cost, H], mode=mode)
        value = np.array([0.0, 1.0, 3.0, 2.0])
        dense = ng.hessian(cost, x).eval({x: value})
        assert f(value)[0] == 18.0
        np.testing.assert_allclose(f(value)[1].toarray(), dense)
        single = pickle.loads(pickle.dumps(ng.function([x], H, mode=mode)))
        np.testing.assert_allclose(single(value).toarray(), dense)
        assert ng.function([x], {"H": H}, mode=mode)(value)["H"].nnz == 10


class TestArguments:
    def test_lists_and_numbers(self, doubled):
        np.testing.assert_array_equal(doubled([1, 2]), [2.0, 4.0])

    def test_keywords(self, added):
        np.testing.assert_array_equal(added(y=[1.0], x=[2.0]), [3.0])
        np.testing.assert_array_equal(added([2.0], y=[1.0]), [3.0])

    @pytest.mark.parametrize(
        "layout",
        [
            lambda a: a[::-1],
            lambda a: np.repeat(a, 2)[::2],
            lambda a: np.asfortranarray(np.stack([a, a]))[0],
            lambda a: a.astype(">f8"),
            lambda a: np.frombuffer(a.tobytes()),  # read-only
            lambda a: a.view(np.recarray) if False else np.array(a, copy=True).view(),
        ],
    )
    def test_any_layout(self, doubled, layout):
        value = layout(np.arange(6.0))
        kept = value.copy()
        np.testing.assert_array_equal(doubled(value), kept * 2)
        np.testing.assert_array_equal(value, kept)

    def test_unaligned(self, doubled):
        raw = np.zeros(8 * 4 + 1, np.uint8)
        value = raw[1:].view(np.float64)
        value[:] = [1.0, 2.0, 3.0, 4.0]
        np.testing.assert_array_equal(doubled(value), [2.0, 4.0, 6.0, 8.0])

    def test_fortran_matrix(self):
        X = T.dmatrix("X")
        f = ng.function([X], X.sum(axis=0))
        value = np.asfortranarray(np.arange(6.0).reshape(2, 3))
        np.testing.assert_array_equal(f(value), [3.0, 5.0, 7.0])
        np.testing.assert_array_equal(f(value[::-1, ::-1]), [7.0, 5.0, 3.0])

    def test_safe_casts_only(self, doubled):
        np.testing.assert_array_equal(doubled(np.array([1, 2], np.int32)), [2.0, 4.0])
        with pytest.raises(TypeError, match=r"input 0 \(x\).*complex128"):
            doubled(np.array([1j]))

    def test_downcast_is_asked_for(self):
        x = T.fvector("x")
        f = ng.function([x], x * 2, mode="reference")
        with pytest.raises(TypeError, match="float64 can not become float32"):
            f(np.array([0.1]))
        g = ng.function([x], x * 2, mode="reference", allow_input_downcast=True)
        assert g(np.array([0.1])).dtype == np.float32

    def test_default_values_and_updates_of_inputs(self):
        x, y = T.dscalar("x"), T.dscalar("y")
        f = ng.function([x, ng.In(y, value=2.0, name="by")], x * y, mode="reference")
        assert f(3.0) == 6.0
        assert f(3.0, by=5.0) == 15.0

    @pytest.mark.parametrize("mode", [None, "reference"])
    def test_an_update_is_the_next_default(self, mode):
        x, state = T.dscalar("x"), T.dscalar("state")
        f = ng.function([x, ng.In(state, value=0.0, update=state + x)], state * 10, mode=mode)
        assert [f(1.0).item(), f(2.0).item(), f(0.0).item()] == [0.0, 10.0, 30.0]
        assert f(1.0, state=100.0) == 1000.0
        assert pickle.loads(pickle.dumps(f))(0.0) == 1010.0
        with pytest.raises(ValueError, match="no value to begin with"):
            ng.function([x, ng.In(state, update=state + x)], state)

    def test_numpy_scalars(self):
        given = [T.scalar(dtype=dtype) for dtype in DTYPES]
        values = [np.dtype(dtype).type(1) for dtype in DTYPES]
        f = ng.function(given, [v + v for v in given])
        others = f(*map(np.array, values))
        for mine, other in zip(f(*values), others, strict=True):
            assert mine.dtype == other.dtype and mine.shape == other.shape == ()
            assert mine == other

    def test_strict_scalars(self):
        x = T.dscalar("x")
        f = ng.function([ng.In(x, strict=True)], x * 2, mode="reference")
        assert f(np.array(3.0)) == 6.0
        for value in (3.0, np.float64(3.0), np.float32(3.0), np.array(3)):
            with pytest.raises(InputError, match="exactly an ndarray"):
                f(value)

    @pytest.mark.parametrize("mode", [None, "reference"])
    def test_an_input_may_be_a_computed_variable(self, mode):
        x, k = T.dvector("x"), T.lscalar("k")
        y = x * 2
        f = ng.function([y, k], [y + 1, y[k]], mode=mode)
        assert f([1.0, 2.0], 1)[1] == 2.0
        with pytest.raises(IndexError, match="built at"):
            f([1.0, 2.0], 2)
        both = ng.function([x, y, k], [x + y, y[k]], mode=mode)
        assert both([1.0], [5.0], 0)[0] == 6.0

    @pytest.mark.parametrize("mode", [None, "reference"])
    def test_a_whole_number_that_is_too_big(self, mode):
        x, k = T.dvector("x"), T.lscalar("k")
        with pytest.raises(InputError, match=r"input 1 \(k\)"):
            ng.function([x, k], x[k], mode=mode)([1.0], 2**70)

    @pytest.mark.parametrize("name", ["math", "Failed", "empty", "special"])
    def test_the_functions_own_name_shadows_nothing(self, name):
        x = T.dvector("x")
        f = ng.function([x], T.softplus(T.exp(x)).max(), name=name)
        np.testing.assert_allclose(f([0.0]), np.log1p(np.exp(1.0)))

    def test_trust_input(self):
        x = T.dvector("x")
        f = ng.function([x], x * 2, trust_input=True)
        assert f.trust_input
        np.testing.assert_array_equal(f(np.ones(2)), [2.0, 2.0])


class TestBadArguments:
    def test_number_of_arguments(self, added):
        with pytest.raises(InputError, match=r"lacks a value for input 1 \(y\); it takes x, y$"):
            added([1.0])
        with pytest.raises(InputError, match="takes 2 arguments"):
            added([1.0], [1.0], [1.0])
        with pytest.raises(InputError, match="two values for its input 'x'"):
            added([1.0], x=[1.0])
        with pytest.raises(InputError, match=r"no input named 'z'; it takes x, y$"):
            added([1.0], z=[1.0])

    def test_ndim(self, doubled):
        with pytest.raises(InputError, match=r"input 0 \(x\).*expected 1, got 2"):
            doubled([[1.0]])

    @pytest.mark.parametrize("value", ["text", None, object(), [[1.0], [1.0, 2.0]]])
    def test_no_number(self, doubled, value):
        with pytest.raises(InputError, match=r"input 0 \(x\).*(Numbers wanted|made an array)"):
            doubled(value)

    def test_symbolic_argument(self, doubled):
        with pytest.raises(InputError, match="symbolic"):
            doubled(T.dvector("z"))

    def test_static_shape(self):
        x = T.tensor("x", dtype="float64", shape=(2,))
        f = ng.function([x], x * 2)
        with pytest.raises(InputError, match="dimension 0: expected 2"):
            f(np.ones(3))

    @pytest.mark.parametrize("mode", [None, "reference"])
    def test_sizes_that_do_not_fit(self, mode):
        x, y = T.dvector("x"), T.dvector("y")
        z = x * y  # the line that errors name
        f = ng.function([x, y], z + 1.0, mode=mode)
        with pytest.raises(ShapeError) as caught:
            f(np.ones(3), np.ones(4))
        for part in ("(3,)", "(4,)", "x", "y", THIS):
            assert part in str(caught.value)

    @pytest.mark.parametrize("mode", [None, "reference"])
    def test_a_size_of_1_does_not_broadcast_unless_declared(self, mode):
        x, y = T.dvector("x"), T.dvector("y")
        f = ng.function([x, y], x * y, mode=mode)
        with pytest.raises(ShapeError, match=r"shape=\(1, None\)"):
            f(np.ones(3), np.ones(1))

    def test_sizes_that_only_a_dropped_value_needs(self):
        v, w = T.dvector("v"), T.dvector("w")
        f = ng.function([v, w], ng.grad((v * w).sum(), v))  # v itself is not needed any more
        with pytest.raises(ShapeError, match="mul"):
            f(np.ones(3), np.ones(4))

    @pytest.mark.parametrize("mode", [None, "reference"])
    def test_index_out_of_range(self, mode):
        x, k = T.dvector("x"), T.lscalar("k")
        f = ng.function([x, k], x[k] * 2, mode=mode)
        assert f(np.arange(3.0), -1) == 4.0
        for bad in (3, -4):
            with pytest.raises(IndexError) as caught:
                f(np.arange(3.0), bad)
            assert THIS in str(caught.value) and str(bad) in str(caught.value)

    @pytest.mark.parametrize("mode", [None, "reference"])
    def test_a_matrix_that_is_not_square(self, mode):
        X = T.dmatrix("X")
        f = ng.function([X], T.linalg.cholesky(X), mode=mode)
        with pytest.raises(ShapeError, match=r"\(m,m\)"):
            f(np.ones((2, 3)))

    @pytest.mark.parametrize("mode", [None, "reference"])
    def test_array_index_out_of_range(self, mode):
        x, k = T.dvector("x"), T.lvector("k")
        f = ng.function([x, k], x[k] * 2, mode=mode)
        np.testing.assert_array_equal(f(np.arange(3.0), [0, -1]), [0.0, 4.0])
        with pytest.raises(IndexError):
            f(np.arange(3.0), [0, 3])

    @pytest.mark.parametrize("mode", [None, "reference"])
    def test_no_cholesky_factor(self, mode):
        X = T.dmatrix("X")
        f = ng.function([X], T.linalg.cholesky(X), mode=mode)
        with pytest.raises(np.linalg.LinAlgError):
            f(-np.eye(2))

    @pytest.mark.parametrize("mode", [None, "reference"])
    def test_nothing_to_maximise(self, mode):
        x = T.dvector("x")
        f = ng.function([x], x.max(), mode=mode)
        with pytest.raises(ValueError, match=r"empty|zero-size|identity"):
            f(np.zeros(0))


class TestRefusedGraphs:
    def test_inputs_must_be_a_list_of_variables(self):
        x = T.dscalar("x")
        with pytest.raises(TypeError, match="must be a list"):
            ng.function(x, x)
        with pytest.raises(TypeError, match="Input 0 of the function must be a variable"):
            ng.function([1.0], x)
        with pytest.raises(TypeError, match="constant"):
            ng.function([T.constant(1.0)], x)

    def test_duplicate_input(self):
        x = T.dscalar("x")
        with pytest.raises(ValueError, match="input 0 and again input 1"):
            ng.function([x, x], x)

    def test_missing_input(self):
        x, y = T.dscalar("x"), T.dscalar("why")
        with pytest.raises(MissingInputError) as caught:
            ng.function([x], x + y)
        assert "why" in str(caught.value) and THIS in str(caught.value)

    def test_unused_input(self):
        x, y = T.dscalar("x"), T.dscalar("y")
        with pytest.raises(UnusedInputError, match="Input 1 of the function, y"):
            ng.function([x, y], x)
        with pytest.warns(UserWarning, match="not needed"):
            ng.function([x, y], x, on_unused_input="warn", mode="reference")
        assert ng.function([x, y], x, on_unused_input="ignore", mode="reference")(1.0, 2.0) == 1
        with pytest.raises(ValueError, match="on_unused_input"):
            ng.function([x, y], x, on_unused_input="perhaps")

    def test_null_type(self):
        x = T.dvector("x")
        null = ng.gradient.grad_undefined(T.exp(x).owner.op, 0, x, "because")
        with pytest.raises(NullTypeGradError, match="because"):
            ng.function([x], null)

    def test_outputs_must_be_variables(self):
        x = T.dscalar("x")
        with pytest.raises(TypeError, match="Output 1 must be a variable"):
            ng.function([x], [x, "x"])
        with pytest.raises(TypeError, match="keys"):
            ng.function([x], {1: x})

    def test_unknown_mode(self):
        x = T.dscalar("x")
        with pytest.raises(ValueError, match="no mode 'fastest'"):
            ng.function([x], x, mode="fastest")
        with pytest.raises(ValueError, match="parallel must be True or False; got 'yes'"):
            ng.function([x], x, parallel="yes")


class TestShared:
    def test_values_are_copied_unless_borrowed(self):
        value = np.ones(3)
        w = ng.shared(value, name="w")
        value[0] = 5.0
        assert w.get_value()[0] == 1.0
        w.get_value()[0] = 7.0
        assert w.get_value()[0] == 1.0
        w.get_value(borrow=True)[0] = 7.0
        assert w.get_value()[0] == 7.0
        other = ng.shared(value, borrow=True)
        assert np.may_share_memory(other.get_value(borrow=True), value)

    def test_set_value_checks(self):
        w = ng.shared(np.ones(3))
        w.set_value([1, 2])
        assert w.get_value().tolist() == [1.0, 2.0]
        with pytest.raises(TypeError):
            w.set_value([[1.0]])
        with pytest.raises(TypeError, match="symbolic"):
            ng.shared(T.dscalar("x"))

    @pytest.mark.parametrize("mode", [None, "reference"])
    def test_updates(self, mode):
        w = ng.shared(np.zeros(2), name="w")
        n = ng.shared(0, name="n")
        x = T.dvector("x")
        f = ng.function([x], w.sum(), updates=[(w, w + x), (n, n + 1)], mode=mode)
        assert f([1.0, 2.0]) == 0.0  # the value before the update
        assert f([1.0, 2.0]) == 3.0
        assert w.get_value().tolist() == [2.0, 4.0]
        assert n.get_value() == 2 and n.get_value().dtype == np.int64

    def test_swapping_updates_do_not_alias(self):
        a, b = ng.shared(np.zeros(2)), ng.shared(np.ones(2))
        f = ng.function([], [], updates={a: b, b: a})
        f()
        assert a.get_value().tolist() == [1, 1] and b.get_value().tolist() == [0, 0]
        a.get_value(borrow=True)[0] = 9.0
        assert b.get_value()[0] == 0.0

    def test_bad_updates(self):
        w, x = ng.shared(np.zeros(2, np.float32)), T.dvector("x")
        with pytest.raises(TypeError, match=r"float64.*does not fit"):
            ng.function([x], [], updates=[(w, x)])
        with pytest.raises(TypeError, match="change shared variables"):
            ng.function([x], [], updates=[(x, x)])
        with pytest.raises(ValueError, match="twice"):
            ng.function([], [], updates=[(w, w), (w, w)])

    def test_givens(self):
        w, x = ng.shared(np.zeros(2)), T.dvector("x")
        f = ng.function([x], w * 2, givens={w: x}, mode="reference")
        assert f([1.0, 2.0]).tolist() == [2.0, 4.0]
        y = T.ivector("y")
        assert ng.function([y], w * 2, givens=[(w, y)], mode="reference")([1, 2])[1] == 4.0

    def test_a_shared_variable_is_no_input(self):
        w = ng.shared(1.0)
        with pytest.raises(TypeError, match="shared variable"):
            ng.function([w], w)

    def test_new_data_of_another_shape_do_not_recompile(self):
        w = ng.shared(np.zeros(2))
        f = ng.function([], w.sum())
        w.set_value(np.ones(5))
        assert f() == 5.0


class TestTheCompiledFunction:
    def test_source_and_tracebacks(self, doubled):
        assert doubled.source.startswith("def doubled(x):")
        with pytest.raises(NumbagradError, match="no source"):
            ng.function([], T.constant(1.0), mode="reference").source  # noqa: B018

    def test_jitted_inside_njit(self, doubled):
        inner = doubled.jitted

        @njit
        def twice(a):
            return inner(inner(a))

        np.testing.assert_array_equal(twice(np.ones(2)), [4.0, 4.0])

    def test_jitted_with_constants(self):
        x = T.dvector("x")
        table = np.arange(100.0)
        f = ng.function([x], x + table)
        inner = f.jitted

        @njit
        def once(a):
            return inner(a)

        np.testing.assert_array_equal(once(np.ones(100)), table + 1)

    def test_a_failed_check_of_jitted_can_be_explained(self):
        x, y = T.dvector("x"), T.dvector("y")
        f = ng.function([x, y], x * y)
        with pytest.raises(ng.errors.Failed) as caught:
            f.jitted(np.ones(2), np.ones(3))
        assert "ShapeError" in f.explain(caught.value.args[0])

    def test_compile_report(self, doubled):
        report = doubled.compile_report()
        stages = {"rewriting", "planning", "printing", "typing", "llvm"}
        assert set(report.seconds) == stages | {"lookup"}
        assert report["total"] == report.total > 0
        assert "typing" in str(report)

    @pytest.mark.holds_at("it counts nodes", optimize="default")
    def test_maker(self):
        x = T.dscalar("x")
        f = ng.function([x], ng.grad(x**2, x))
        assert ng.pp(f.maker.fgraph.outputs[0]) == "(2.0 * x)"
        assert f.maker.env.outputs == f.maker.fgraph.outputs
        assert len(f.maker.fgraph.apply_nodes) == 1

    def test_copy_and_swap(self):
        w, v = ng.shared(1.0, name="w"), ng.shared(10.0, name="v")
        f = ng.function([], w * 2, updates={w: w + 1})
        g = f.copy(swap={w: v})
        assert g() == 20.0 and v.get_value() == 11.0 and w.get_value() == 1.0
        still = f.copy(delete_updates=True)
        assert still() == 2.0 and w.get_value() == 1.0
        assert copy.copy(f)() == 2.0 and w.get_value() == 2.0
        with pytest.raises(TypeError, match="swap"):
            f.copy(swap={w: ng.shared(np.zeros(2))})
        with pytest.raises(ValueError, match="swap"):
            f.copy(swap={v: w})

    def test_a_copy_on_other_variables_can_be_pickled(self):
        w, v = ng.shared(1.0, name="w"), ng.shared(10.0, name="v")
        swapped = ng.function([], w * 2, updates={w: w + 1}).copy(swap={w: v})
        g, other = pickle.loads(pickle.dumps((swapped, v)))
        assert g() == 20.0 and other.get_value() == 11.0
        still = swapped.copy(delete_updates=True)
        assert still() == 20.0 and v.get_value() == 10.0

    def test_pickle(self):
        w, x = ng.shared(np.ones(2), name="w"), T.dvector("x")
        f = ng.function([x], [w * x], updates={w: w + x}, name="step")
        g, other = pickle.loads(pickle.dumps((f, w)))
        assert g([1.0, 2.0])[0].tolist() == [1.0, 2.0]
        assert w.get_value().tolist() == [1.0, 1.0]
        assert other.get_value().tolist() == [2.0, 3.0]  # still the variable that g updates

    def test_many_threads(self, doubled):
        value = np.arange(1000.0)
        wrong = []

        def work():
            wrong.extend(not np.array_equal(doubled(value), value * 2) for _ in range(50))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not any(wrong)

    @pytest.mark.parametrize(
        "name",
        [
            "x; import os",
            "class",
            "größe",
            "x",
            "print",
            "np",
            "i",
            "n",
            "",
            "1x",
            "x\ny",
            "Failed",
        ],
    )
    def test_names_cannot_break_the_source(self, name):
        first, second = T.dvector(name), T.dvector("x")
        f = ng.function([first, second], first * 2.0 + second, name=name)
        compile(f.source, "source", "exec")
        assert "import" not in f.source.replace("x_import_os", "").replace("import_os", "")
        assert f.source.isascii()
        np.testing.assert_array_equal(f(np.ones(2), np.ones(2)), [3.0, 3.0])

    def test_a_big_graph_is_cut(self):
        x = T.dvector("x")
        y = x
        for k in range(60):
            y = T.sin(y) * (1.0 + 1.0 / (k + 1)) + x
        with ng.using(statement_cap=10):
            f = ng.function([x], [y, ng.grad(y.sum(), x)])
        assert f.compile_report().functions > 1
        value = np.linspace(-1, 1, 7)
        wanted = ng.function([x], [y, ng.grad(y.sum(), x)], mode="reference")(value)
        np.testing.assert_allclose(f(value), wanted, rtol=1e-12)


class TestEval:
    def test_by_variable_and_by_name(self):
        x, y = T.dscalar("x"), T.dvector("y")
        assert (x * y).eval({x: 2.0, "y": [1.0, 2.0]}).tolist() == [2.0, 4.0]
        assert T.constant(2.0).eval() == 2.0
        assert (ng.shared(3.0) * 2).eval() == 6.0

    def test_bad_values(self):
        x = T.dscalar("x")
        with pytest.raises(MissingInputError, match="no input named 'z'"):
            (x * 2).eval({"z": 1.0})
        with pytest.raises(MissingInputError):
            (x * 2).eval()
        with pytest.raises(InputError):
            (x * 2).eval({x: [1.0]})

    def test_compiled(self):
        x = T.dscalar("x")
        assert (x * 2).eval({x: 2.0}, mode="default") == 4.0


def test_a_users_op_with_perform_is_called_back_with_a_warning():
    class Double(ng.Op):
        __props__ = ()

        def make_node(self, x):
            x = T.as_tensor(x)
            return ng.Apply(self, [x], [x.type()])

        def perform(self, node, inputs, output_storage):
            output_storage[0][0] = inputs[0] * 2

        def grad(self, inputs, output_grads):
            return [output_grads[0] * 2]

    x = T.dvector("x")
    y = T.exp(Double()(x)).sum()
    with pytest.warns(ng.errors.ObjectModeWarning, match="Double"):
        f = ng.function([x], [y, ng.grad(y, x)])
    value, gradient = f([0.0, 1.0])
    np.testing.assert_allclose(value, 1 + np.exp(2))
    np.testing.assert_allclose(gradient, 2 * np.exp([0.0, 2.0]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ng.function([x], y, mode="reference")([0.0]) == 1.0
