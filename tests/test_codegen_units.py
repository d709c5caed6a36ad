"""The parts of code generation, each alone: names, splicing, expressions, fusion, the Program."""

import ast
import inspect
import itertools
import textwrap

import numpy as np
import pytest

from numbagrad import tensor as T
from numbagrad.codegen.emit import emit
from numbagrad.codegen.expression import Table
from numbagrad.codegen.fuse import Loop, contract, fuse
from numbagrad.codegen.lower import reserved_names
from numbagrad.codegen.names import Names, clean
from numbagrad.codegen.plan import plan
from numbagrad.codegen.program import (
    Allocate,
    Assign,
    Check,
    For,
    If,
    Program,
    Sizes,
    Store,
    names_in,
)
from numbagrad.codegen.roots import Demand
from numbagrad.codegen.splice import (
    ATOM,
    PRODUCT,
    SUM,
    TERNARY,
    Text,
    parsed,
    read_template,
    splice,
)
from numbagrad.codegen.tasks import TaskList
from numbagrad.function import function
from numbagrad.graph.registry import OP_CLASSES
from numbagrad.rewrite import rewrite
from numbagrad.rewrite.shapes import ShapeEnv

# -- names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wish", ["lambda", "x y", "9", "", None, "é", "数", "a" * 99, "__", "print"]
)
def test_every_name_becomes_an_identifier(wish):
    name = clean(wish)
    assert name.isidentifier() and name.isascii() and len(name) <= 44
    ast.parse(f"{name} = 0")


def test_a_name_is_handed_out_once():
    names = Names(frozenset({"x", "t2"}))
    made = [names.new("x"), names.new("x"), names.new("x_2"), names.new("x")]
    made += [names.numbered("t") for _ in range(3)]
    assert len(set(made)) == len(made)
    assert not {"x", "t2"} & set(made)


def test_a_user_may_not_take_the_names_of_printed_code():
    x = T.dvector("empty")
    y = T.dvector("math")
    source = printed([x, y], [T.exp(x) + y])
    assert "def f(empty_2, math_2)" in source
    assert {"empty", "math", "Failed"} <= reserved_names()


# -- splicing --------------------------------------------------------------------------------------


def sum_of(a, b):
    return a + b


def difference(a, b):
    return a - b


def quotient(a, b):
    return a / b


def power(a, b):
    return a**b


def negative(a):
    return -a


def larger(a, b):
    return a if a > b else b


def both(a, b):
    return a > 0.0 and b > 0.0


def inverted(a):
    return not a > 0.0


TEMPLATES = (sum_of, difference, quotient, power, negative, larger, both, inverted)


def spliced(function, *arguments, dtype="float64"):
    return splice(read_template(function), arguments, dtype, lambda name, _: name)


# fmt: off
def wide(
    x, y
):
    # a comment further in,
# and one further out
    return (x +
y)
# fmt: on


def test_templates_are_read_as_inspect_reads_them():
    templates = [getattr(cls, "template", None) for cls in OP_CLASSES]
    functions = [f for f in templates if inspect.isfunction(f)] + [wide]
    assert len(functions) > 50
    for read in functions:
        wanted = ast.parse(textwrap.dedent(inspect.getsource(read))).body[0]
        assert ast.dump(parsed(read)) == ast.dump(wanted), read
    assert parsed(eval("lambda x: x")) is None


@pytest.mark.parametrize("outer, inner", list(itertools.product(TEMPLATES, TEMPLATES)))
def test_splicing_keeps_the_meaning(outer, inner):
    names = iter("pqrs")
    count = len(read_template(outer).parameters)
    parts, calls = [], []
    for _ in range(count):
        letters = [next(names) for _ in read_template(inner).parameters]
        parts.append(spliced(inner, *map(Text, letters)))
        calls.append((letters, inner))
    text = spliced(outer, *parts).text
    values = {"p": 2.0, "q": 3.0, "r": 0.5, "s": 2.0}
    if outer is quotient and inner in (both, inverted):
        values["r"] = values["s"] = 1.0 if inner is both else -1.0  # truth divides, nothing else
        values["q"] = values["r"] if inner is inverted else 1.0
    expected = outer(*(f(*(values[x] for x in letters)) for letters, f in calls))
    assert eval(text, {"power": pow}, values) == expected


def test_parentheses_stand_only_where_they_are_needed():
    a, b, c = map(Text, "abc")
    assert spliced(difference, a, spliced(difference, b, c)).text == "a - (b - c)"
    assert spliced(difference, spliced(difference, a, b), c).text == "a - b - c"
    assert spliced(sum_of, a, spliced(quotient, b, c)).text == "a + b / c"
    whole = {"dtype": "int64"}
    assert spliced(power, spliced(negative, a), b, **whole).text == "(-a) ** b"
    assert spliced(negative, spliced(power, a, b, **whole)).text == "-a ** b"
    assert spliced(power, spliced(negative, a), b).text == "power(-a, b)"
    assert spliced(larger, a, b) == Text("a if a > b else b", TERNARY)


def test_adding_a_negative_number_is_printed_as_a_difference():
    assert spliced(sum_of, Text("a"), Text("-2.0")).text == "a - 2.0"


def test_float_literals_take_the_dtype_of_the_computation():
    assert spliced(both, Text("a"), Text("b"), dtype="float32").text.count("float32(0.0)") == 2


def test_text_in_a_place_that_binds_tighter_gets_parentheses():
    assert Text("a + b", SUM).inside(PRODUCT) == "(a + b)"
    assert Text("a * b", PRODUCT).inside(SUM) == "a * b"
    assert Text("a").inside(ATOM) == "a"


# -- expressions -----------------------------------------------------------------------------------


def test_equal_expressions_are_one_object():
    table = Table()
    i = table.axis("i")
    assert i + 1 is table.axis("i") + 1
    assert i + 1 is not i + 2


def test_index_arithmetic_folds_what_is_known():
    table = Table()
    i = table.axis("i")
    assert i + 0 is i and 0 + i is i and i * 1 is i and 1 * i is i and i // 1 is i and i - 0 is i
    assert (i * 0).value == 0 and (i - i).value == 0
    two, three = table.of(2), table.of(3)
    assert (two * three).value == 6 and (-two // three).value == -1 and (-two % three).value == 1
    assert (two < three).value is True and (two == three).value is False


def test_zero_is_not_taken_for_minus_zero_nor_nan_for_another():
    table = Table()
    assert table.literal(0.0, "float64") is not table.literal(-0.0, "float64")
    assert table.literal(float("nan"), "float64") is table.literal(float("nan"), "float64")
    assert table.literal(1, "int64") is not table.literal(1.0, "float64")


def test_arithmetic_on_elements_is_left_alone():
    table = Table()
    buffer = table.buffer("x", "float64", (table.of(3),), "input")
    x = table.load(buffer, (table.axis("i"),))
    assert (x - x).value is None and (x * table.literal(0.0, "float64")).value is None


def test_a_cast_folds_only_where_nothing_is_lost():
    table = Table()
    assert table.cast(table.literal(2, "int64"), "float32").value == 2.0
    assert table.cast(table.literal(2.0, "float64"), "int64").value == 2
    assert table.cast(table.literal(300, "int64"), "int8").value is None
    assert table.cast(table.literal(2.5, "float64"), "int64").value is None


def test_choose_with_a_known_condition_is_the_branch():
    table = Table()
    i, j = table.axis("i"), table.axis("j")
    assert table.choose(True, i, j) is i and table.choose(table.of(1) > 2, i, j) is j
    assert table.choose(i < j, i, i) is i
    with pytest.raises(TypeError, match="choose"):
        bool(i < j)


def test_substitution_renames_loop_variables():
    table = Table()
    i, k = table.axis("i"), table.axis("k")
    assert table.substitute(i * 2 + 1, {"i": k}, {}) is k * 2 + 1


# -- fusion ----------------------------------------------------------------------------------------


def printed(inputs, outputs, cap=400):
    return emit(plan(inputs, rewrite(outputs, inputs), "f", cap), cap).source


def tree_of(inputs, outputs, cap=400):
    outputs = rewrite(outputs, inputs)
    tasks = TaskList(Demand(outputs, ShapeEnv(outputs)), inputs, Names(reserved_names()))
    tree = fuse(tasks, cap)
    contract(tree, tasks)
    return tree, tasks


def loops(tree):
    return [item for item in tree if isinstance(item, Loop)]


def test_expressions_over_one_extent_share_a_loop():
    x = T.dvector("x")
    tree, _ = tree_of([x], [T.exp(x), T.sin(x), x.sum()])
    assert len(loops(tree)) == 1


def test_expressions_over_different_extents_do_not():
    x, y = T.dvector("x"), T.dvector("y")
    tree, _ = tree_of([x, y], [T.exp(x), T.exp(y)])
    assert len(loops(tree)) == 2


def test_what_needs_a_whole_sum_comes_after_it():
    x = T.dvector("x")
    tree, _ = tree_of([x], [x / T.exp(x).sum()])
    assert len(loops(tree)) == 2


def test_a_product_with_a_matrix_and_its_transpose_is_one_sweep():
    X, w = T.dmatrix("X"), T.dvector("w")
    tree, tasks = tree_of([X, w], [T.dot(X.T, T.tanh(T.dot(X, w)))])
    assert len(loops(tree)) == 1
    between = [t.target for t in tasks.tasks if t.targets and t.target.role == "temporary"]
    assert between and all(b.ndim == 0 for b in between)  # no vector between the two products


def test_a_shifted_reader_does_not_share_the_loop_that_writes():
    x = T.dvector("x")
    y = T.cumsum(x)
    z = T.exp(T.sin(x)) ** 1.5 * T.tanh(x)
    tree, _ = tree_of([x], [z, z[1:] + z[:-1], y])
    assert len(loops(tree)) >= 2


def test_a_cap_bounds_the_nest():
    x = T.dvector("x")
    outputs = [T.sin(x * float(k)) for k in range(12)]
    assert len(loops(tree_of([x], outputs)[0])) == 1
    assert len(loops(tree_of([x], outputs, cap=6)[0])) > 1


def test_rows_of_a_matrix_are_walked_in_memory_order():
    X = T.dmatrix("X")
    tree, _ = tree_of([X], [X.sum(axis=0), X.sum(axis=1)])
    (loop,) = loops(tree)
    assert loop.extent.payload.name == "X" and loop.extent.arguments[0].value == 0


# -- the Program -----------------------------------------------------------------------------------


def program_of(body, results=(("y", "float64", 1),), namespace=("empty",)):
    space = dict.fromkeys(namespace)
    return Program("f", [("x", "float64", 1)], body, list(results), "doc", space, [], [])


def test_names_of_attributes_are_no_names():
    assert names_in("math.exp(x.real) + 1.5e3 * y_2") == ("math", "x", "y_2")


def test_a_program_that_sets_before_it_uses_is_accepted():
    loop = For("i", "n", [Store("y", ("i",), "x[i]")])
    program_of([Sizes(("n",), "x"), Allocate("y", ("n",), "float64"), loop]).verify()


@pytest.mark.parametrize(
    "body",
    [
        [],
        [Assign("y", "z + 1")],
        [Assign("y", "1.0", "+")],
        [Store("y", ("0",), "1.0")],
        [Allocate("y", ("n",), "float64")],
        [Assign("y", "x"), Check("z > 0", 1, "")],
        [Assign("y", "x"), If("c", [])],
        [Assign("y", "x"), For("i", "n", [])],
        [For("i", "3", [Assign("q", "j")]), Assign("y", "x")],
    ],
)
def test_a_program_that_uses_what_is_not_set_is_refused(body):
    with pytest.raises(AssertionError, match="set"):
        program_of(body).verify()


# -- printing --------------------------------------------------------------------------------------


def test_a_small_program_is_one_function():
    x = T.dvector("x")
    made = emit(plan([x], rewrite([T.exp(x)], [x]), "f", 400), 400)
    assert made.helpers == () and made.source.count("def ") == 1


def test_a_large_program_is_cut_into_functions_of_bounded_size():
    ys = [T.dvector(f"y{k}") for k in range(40)]
    sums = [T.exp((k + 1.5) * y).sum() for k, y in enumerate(ys)]
    made = emit(plan(ys, rewrite(sums, ys), "f", 20), 20)
    functions = ast.parse(made.source).body
    assert [f.name for f in functions] == [*made.helpers, "f"] and len(made.helpers) > 3
    for part in functions[:-1]:
        assert sum(isinstance(n, ast.stmt) for n in ast.walk(part)) <= 60


def test_the_source_of_a_cut_program_is_deterministic():
    inputs = [T.dvector(f"y{k}") for k in range(8)]
    outputs = [T.exp(y).sum() for y in inputs]
    assert printed(inputs, outputs, 6) == printed(inputs, outputs, 6)


def test_comments_stay_on_their_line():
    x = T.dvector("x")
    x.name = "a\nimport os"
    source = printed([x], [T.exp(x)])
    ast.parse(source)
    assert not any(line.startswith("import") for line in source.splitlines())


def test_constants_of_size_one_are_printed_and_others_passed():
    x = T.dvector("x")
    program = plan([x], rewrite([x * 2.5 + np.arange(3.0)], [x]), "f", 400)
    assert "2.5" in emit(program, 400).source
    assert [c.shape for c in program.constants] == [(3,)]


def test_an_array_whose_life_is_over_is_written_again():
    x = T.dvector("x")
    outputs = [T.cumsum(T.exp(T.cumsum(T.exp(x)) / 8.0))]
    f = function([x], outputs)
    assert f.source.count("empty(") == 1
    value = np.linspace(-1.0, 0.5, 6)
    wanted = function([x], outputs, mode="reference")(value)
    np.testing.assert_allclose(f(value)[0], wanted[0], rtol=1e-13)
