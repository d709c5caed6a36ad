"""Work before machine code grows with the size of a graph, not with its square, at any depth.

What is counted is calls of Python functions, which is the same in every run.
"""

import copy
import pickle
import re
import sys

import numpy as np
import pytest

import numbagrad as ng
import numbagrad.tensor as T
from numbagrad.codegen.emit import emit
from numbagrad.codegen.outline import STRAIGHT, outline, size_of
from numbagrad.codegen.plan import plan
from numbagrad.graph.fgraph import FunctionGraph
from numbagrad.jit.direct import translate
from numbagrad.rewrite import rewrite

pytestmark = pytest.mark.newest("counts calls of numbagrad's own functions")

#: Few enough statements for a function that the smaller graphs are cut, too.
CAP = 60
#: Deeper than Python lets functions call each other.
DEEP = 1500


def chain(n):
    x = y = T.dvector("x")
    for _ in range(n):
        y = T.sin(y) + x
    return [x], [y.sum()]


def mixed(n):
    """Half of the steps take two values, one of them any that came before."""
    x = T.dvector("x")
    random, values = np.random.default_rng(7), [x]
    for k in range(n):
        a, b = (
            values[int(random.integers(max(0, k - 7), k + 1))],
            values[int(random.integers(k + 1))],
        )
        values.append(T.sin(a) if random.random() < 0.5 else 0.5 * (a + T.cos(b)))
    return [x], [values[-1].sum()]


def wide(n):
    x = T.dvector("x")
    return [x], [T.add(*(T.sin(x * (k + 1.5)) for k in range(n))).sum()]


def results(n):
    xs = [T.dvector(f"x{k}") for k in range(n)]
    return xs, [T.sin(x) * 2.0 for x in xs]


def steps_without_numba(*_):
    raise AssertionError("nothing here needs Numba")


def prepare(graph, n):
    """All that is done before LLVM."""
    inputs, outputs = graph(n)
    if len(outputs) == 1:
        outputs = [*outputs, *ng.grad(outputs[0], inputs)]
    optimized = rewrite(outputs, inputs)
    FunctionGraph(inputs, optimized, clone=False)
    program = plan(inputs, optimized, None, CAP, outputs)
    emitted = emit(program, CAP)
    kinds = [(dtype, ndim or None) for _, dtype, ndim in program.parameters]
    return translate(
        emitted.source, emitted.name, kinds, program.namespace, True, steps_without_numba
    )


def calls(graph, n):
    count = 0

    def note(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        text = prepare(graph, n).text
    finally:
        sys.setprofile(None)
    return count, len(text)


@pytest.mark.parametrize("graph", [chain, mixed, wide, results])
def test_four_times_the_nodes_are_four_times_the_work(graph):
    prepare(graph, 5)  # what is remembered for good is not counted
    (few, short), (many, long) = calls(graph, 50), calls(graph, 200)
    assert many < 4.4 * few
    assert long < 4.4 * short


def test_parts_of_what_is_no_loop_in_vectors_any_more_are_short():
    inputs, (value,) = mixed(1500)
    outputs = [value, *ng.grad(value, inputs)]
    program = plan(inputs, rewrite(outputs, inputs), None, CAP, outputs)
    parts, _ = outline(program, CAP, STRAIGHT)
    assert len(parts) > 20 and max(size_of(part.body) for part in parts) < 5 * CAP


def test_many_pieces_are_joined_where_they_belong():
    xs = [T.dvector(f"x{k}") for k in range(25)]
    f = ng.function(xs, [T.join(0, *xs), T.join(0, *(x[1:] for x in xs))])
    values = [np.arange(k % 4) + 10.0 * k for k in range(25)]
    whole, rest = f(*values)
    np.testing.assert_array_equal(whole, np.concatenate(values))
    np.testing.assert_array_equal(rest, np.concatenate([v[1:] for v in values]))


def test_what_is_joined_is_told_once_where_one_loop_does_it():
    x = T.dvector("x")
    f = ng.function([x], T.stack([T.sin(x * (k + 1.5)) for k in range(25)]))
    assert sum("= join(" in line for line in f.source.splitlines()) == 1


def test_sums_of_many_sizes_are_one_number_for_llvm():
    xs = [T.dvector(f"x{k}") for k in range(25)]
    program = plan(xs, [T.join(0, *xs)], None, 400)
    kinds = [(dtype, ndim or None) for _, dtype, ndim in program.parameters]
    made = translate(
        emit(program, 400).source, "fused", kinds, program.namespace, True, steps_without_numba
    )
    terms = {}  # how many sizes the sums are made of that LLVM sees
    for name, a, b in re.findall(r"(%t\d+) = add i64 (\S+), (\S+)", made.text):
        terms[name] = terms.get(a, 1) + terms.get(b, 1)
    assert made.text.count("asm") >= 3 and max(terms.values()) <= 10


@pytest.fixture(scope="module")
def deep():
    assert sys.getrecursionlimit() <= 1000 + DEEP // 2
    x = y = T.dscalar("x")
    for _ in range(DEEP):
        y = T.sin(y) + x
    return x, y


def test_depth_is_no_limit_before_machine_code(deep):
    x, y = deep
    inputs, outputs = [x], [y, ng.grad(y, x)]
    optimized = rewrite(outputs, inputs)
    program = plan(inputs, optimized, None, CAP, outputs)
    emitted = emit(program, CAP)
    assert len(emitted.helpers) > 4


def test_depth_is_no_limit_for_values_and_copies(deep):
    x, y = deep
    expected = start = 0.5
    for _ in range(DEEP):
        expected = np.sin(expected) + start
    for copied in (pickle.loads(pickle.dumps([x, y])), copy.deepcopy([x, y])):
        made = copied[1].eval({copied[0]: start}, mode="reference")
        np.testing.assert_allclose(made, expected, rtol=1e-12)
    other = FunctionGraph([x], [y]).clone()
    assert len(other.apply_nodes) == 2 * DEEP
    z = T.dscalar("z")
    assert len(FunctionGraph([z], [ng.clone_replace(y, {x: z})]).apply_nodes) == 2 * DEEP


def test_depth_is_no_limit_for_printing(deep):
    _, y = deep
    assert ng.printing.pp(y).count("sin") == DEEP
    assert ng.printing.debugprint(y, file="str").count("Sin") > 100
