"""`wrap_py` and `Print`: Python functions called back from compiled ones."""

import pickle
import warnings

import numpy as np
import pytest

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.codegen.emit import emit
from numbagrad.codegen.program import Call, If, Program
from numbagrad.compile import as_op, wrap_py
from numbagrad.errors import ObjectModeWarning
from numbagrad.printing import Print

MODES = ["default", "reference"]


def compiled(*args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ObjectModeWarning)
        return ng.function(*args, **kwargs)


# -- wrap_py -------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_a_function_is_called_back(mode):
    @wrap_py(itypes=[T.dmatrix, T.dmatrix], otypes=[T.dmatrix])
    def numpy_dot(a, b):
        return a.dot(b)

    a, b = T.dmatrices("a", "b")
    f = compiled([a, b], numpy_dot(a, b * 2) + 1, mode=mode)
    one, other = np.arange(6.0).reshape(2, 3), np.arange(3.0).reshape(3, 1)
    np.testing.assert_allclose(f(one, other), one @ (other * 2) + 1)


def test_compiling_warns_once_of_what_it_costs():
    @as_op(itypes=T.dscalar, otypes=T.dscalar)
    def half(x):
        return x / 2

    x = T.dscalar("x")
    with pytest.warns(ObjectModeWarning, match=r"FromFunctionOp{half}") as said:
        f = ng.function([x], half(x))
    assert [warning.filename for warning in said] == [__file__]
    assert f(3.0) == 1.5
    assert ng.pp(half(x)) == "half(x)"


@pytest.mark.parametrize("mode", MODES)
def test_several_results_of_several_dtypes(mode):
    @wrap_py([T.dvector], [T.dscalar, T.lvector, T.fvector])
    def parts(x):
        return x.sum(), np.argsort(x), x.astype("float32")

    x = T.dvector("x")
    f = compiled([x], parts(x), mode=mode)
    total, order, single = f([3.0, 1.0])
    assert (total.tolist(), order.tolist(), single.tolist()) == (4.0, [1, 0], [3.0, 1.0])
    assert (total.dtype, order.dtype, single.dtype) == ("float64", "int64", "float32")


def test_the_state_of_a_function_is_its_own():
    seen = []

    @wrap_py([T.dscalar], [T.dscalar])
    def note(x):
        seen.append(float(x))
        return x + 1

    x = T.dscalar("x")
    f = compiled([x], note(x))
    assert [f(1.0), f(2.0)] == [2.0, 3.0]
    assert seen == [1.0, 2.0]


@pytest.mark.parametrize("arguments", [2, 3])
def test_a_shape_rule_saves_the_call(arguments):
    calls = []

    def theano(node, shapes):
        return [(shapes[0][0], 2)]

    def newer(fgraph, node, shapes):
        return theano(node, shapes)

    @wrap_py([T.dvector], [T.dmatrix], infer_shape=theano if arguments == 2 else newer)
    def twice(x):
        calls.append(1)
        return np.stack([x, x], axis=1)

    x = T.dvector("x")
    f = compiled([x], twice(x).shape[0])
    assert f([1.0, 2.0, 3.0]) == 3
    assert not calls
    assert compiled([x], twice(x))([1.0]).tolist() == [[1.0, 1.0]]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("otypes", "result", "words"),
    [
        (T.fscalar, np.float64(1 / 3), r"bad returned float64 of shape \(\)"),
        (T.lvector, np.array([1.5]), r"bad returned float64 of shape \(1,\)"),
        (T.dvector, np.ones((2, 2)), r"bad returned float64 of shape \(2, 2\)"),
        (T.row, np.ones((2, 2)), r"bad returned float64 of shape \(2, 2\)"),
        (T.dscalar, None, "bad returned None"),
        (T.dscalar, "text", "bad returned 'text'"),
        ([T.dscalar, T.dscalar], 1.0, "must return a list or tuple of 2 results; it returned 1.0"),
        ([T.dscalar, T.dscalar], (1.0,), "2 results; it returned 1 results"),
        ([T.dscalar, T.lscalar], (1.0, 2.5), "bad returned 2.5 as its result 1"),
    ],
)
def test_wrong_results_are_refused(mode, otypes, result, words):
    @wrap_py([T.dscalar], otypes)
    def bad(x):
        return result

    x = T.dscalar("x")
    f = compiled([x], bad(x), mode=mode)
    with pytest.raises(TypeError, match=words):
        f(1.0)


@pytest.mark.parametrize("mode", MODES)
def test_arguments_can_not_be_written_to(mode):
    @wrap_py([T.dvector], [T.dvector])
    def greedy(x):
        x[0] = 5.0
        return x

    x = T.dvector("x")
    given = np.array([1.0, 2.0])
    with pytest.raises(ValueError, match="read-only"):
        compiled([x], greedy(x), mode=mode)(given)
    assert given.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("mode", MODES)
def test_a_result_that_is_an_argument_is_copied(mode):
    @wrap_py([T.dvector], [T.dvector])
    def same(x):
        return x

    x = T.dvector("x")
    given = np.array([1.0, 2.0])
    made = compiled([x], same(x), mode=mode)(given)
    made[0] = 7.0
    assert given.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("mode", MODES)
def test_errors_of_the_function_are_its_own(mode):
    @wrap_py([T.dscalar], [T.dscalar])
    def fails(x):
        raise RuntimeError("no such thing")

    x = T.dscalar("x")
    with pytest.raises(RuntimeError, match="no such thing"):
        compiled([x], fails(x), mode=mode)(1.0)


def test_there_is_no_derivative():
    x = T.dvector("x")
    with pytest.raises(NotImplementedError, match="no derivative rule"):
        ng.grad(module_level(x).sum(), x)


@wrap_py([T.dvector], [T.dvector])
def module_level(x):
    return x * 2


def test_bad_input():
    x = T.dscalar("x")
    with pytest.raises(TypeError, match="itypes must be types"):
        wrap_py(["float"], [T.dscalar])
    with pytest.raises(TypeError, match="otypes must be types"):
        wrap_py([T.dscalar], [3])
    with pytest.raises(TypeError, match="infer_shape must be a function"):
        wrap_py([T.dscalar], [T.dscalar], infer_shape=3)
    with pytest.raises(TypeError, match="takes a function"):
        wrap_py([T.dscalar], [T.dscalar])(3)
    with pytest.raises(ValueError, match="takes 1 input; got 2"):
        module_level(x, x)
    with pytest.raises(TypeError, match=r"Input 0 .* must be"):
        module_level(x)


def test_old_ops_name_their_types_by_the_functions_that_make_variables():
    class Double(ng.Op):
        itypes = (T.dvector,)
        otypes = (T.dvector,)

        def perform(self, node, inputs, output_storage):
            output_storage[0][0] = inputs[0] * 2

    assert Double()([1.0]).eval().tolist() == [2.0]


# -- Print ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_a_value_is_printed_and_handed_on(mode, capsys):
    x = T.dvector("x")
    with warnings.catch_warnings():
        warnings.simplefilter("error", ObjectModeWarning)
        f = ng.function([x], Print("x =", attrs=["__str__", "shape", "min"])(x) * 2, mode=mode)
    assert f([1.0, 2.0]).tolist() == [2.0, 4.0]
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["x = __str__ = [1. 2.]", "x = shape = (2,)", "x = min = 1.0"]


@pytest.mark.parametrize("mode", MODES)
def test_each_place_prints_once_a_call(mode, capsys):
    x = T.dscalar("x")
    same = Print("here")
    seen = same(x)
    f = ng.function([x], [seen + seen, same(x) * seen], mode=mode)
    assert [float(v) for v in f(3.0)] == [6.0, 9.0]
    assert capsys.readouterr().out == "here __str__ = 3.0\n" * 2
    f(4.0)
    assert capsys.readouterr().out == "here __str__ = 4.0\n" * 2


@pytest.mark.parametrize("mode", MODES)
def test_nothing_is_printed_that_is_not_needed(mode, capsys):
    c, x = T.lscalar("c"), T.dvector("x")
    f = ng.function([x], Print("size")(x).shape[0], mode="default")
    assert f([1.0]) == 1
    g = ng.function([c, x], ng.ifelse(c, Print("taken")(x), x), mode=mode)
    g(0, [1.0])
    assert capsys.readouterr().out == ""
    g(1, [1.0])
    assert capsys.readouterr().out == "taken __str__ = [1.]\n"


def test_a_printer_of_the_users_own():
    seen = []
    x = T.dvector("x")

    def keep(op, value):
        seen.append((op.message, value.tolist()))

    f = ng.function([x], Print("m", global_fn=keep)(x).sum())
    f([1.0, 2.0])
    assert seen == [("m", [1.0, 2.0])]
    with pytest.raises(TypeError, match="global_fn must be a function"):
        Print("m", global_fn=3)


def test_derivatives_pass_through(capsys):
    x, t = T.dvector("x"), T.dvector("t")
    y = T.exp(Print("x")(x))
    f = ng.function([x, t], [ng.grad(y.sum(), x), ng.Rop(y, x, t), ng.hessian(y.sum(), x)])
    gradient, tangent, hessian = f([0.0, 1.0], [1.0, 2.0])
    np.testing.assert_allclose(gradient, np.exp([0.0, 1.0]))
    np.testing.assert_allclose(tangent, np.exp([0.0, 1.0]) * [1.0, 2.0])
    np.testing.assert_allclose(hessian, np.diag(np.exp([0.0, 1.0])))
    assert capsys.readouterr().out == "x __str__ = [0. 1.]\n"


def test_a_function_that_prints_can_be_pickled(capsys):
    x = T.dscalar("x")
    f = pickle.loads(pickle.dumps(ng.function([x], Print("p")(x))))
    assert f(1.0) == 1.0
    assert capsys.readouterr().out == "p __str__ = 1.0\n"


def test_a_call_of_the_interpreter_in_a_branch_is_a_function_of_its_own():
    call = Call(("y",), "perform_f(x)", ("float64[::1]",))
    body = [If("x[0] > 0.0", [call])]
    parameters, results = [("x", "float64", 1), ("y", "float64", 1)], [("y", "float64", 1)]
    program = Program("main", parameters, body, results, "", {"perform_f": None}, [], [])
    for _ in range(2):  # printing changes nothing
        emitted = emit(program, 100)
        assert emitted.helpers == ("main_python1",)
        helper, main = emitted.source.split("def main(")
        assert "with objmode(y='float64[::1]'):\n        y = perform_f(x)\n    return y" in helper
        assert "    if x[0] > 0.0:\n        y = main_python1(x)\n" in main
