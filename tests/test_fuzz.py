"""Random graphs: the printed code against the reference interpreter.

Many random expressions are outputs of one function, so that fusion is stressed and compiling is
paid once. Most graphs are only printed and run as plain Python, which is cheap; some are compiled.
A graph that failed once stands, reduced, in `test_codegen_regressions.py`.

``NUMBAGRAD_FUZZ=50 pytest tests/test_fuzz.py`` runs that many times as many seeds.
"""

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import numbagrad as ng
from numbagrad.codegen.emit import emit
from numbagrad.codegen.plan import plan
from numbagrad.codegen.portions import in_portions
from numbagrad.errors import Failed, ShapeError
from numbagrad.function.wrapper import array_like_compiled
from numbagrad.ops.interpret import interpret
from numbagrad.rewrite import rewrite

from .effort import MORE
from .plain_python import run, share_everything
from .random_graphs import Graph

DTYPES = (
    ("float64",),
    ("float64", "int64", "bool"),
    ("float64", "float32", "int32", "bool"),
    ("complex128", "float64"),
    ("float32",),
    ("int8", "int32", "uint8", "int64"),
)
TWO_WILL_DO = pytest.mark.newest("two graphs will do")
CAPS = (400, 400, 60, 30, 16, 8)
QUICK = settings(
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def drawn(source, steps=30):
    return Graph(source, source.choice(DTYPES)).grow(steps)


def printed(inputs, outputs, cap, optimize="default", threads=False):
    program = plan(inputs, rewrite(outputs, inputs, optimize), "f", cap)
    program = in_portions(program) if threads else program
    program.verify()
    return program, emit(program, cap)


def layouts(source, array):
    """The same values in another layout."""
    if not array.ndim:
        return array
    kind = source.choice(("C", "F", "steps", "reversed", "readonly"))
    if kind == "F":
        return np.asfortranarray(array)
    if kind == "steps":
        wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
        wide[..., ::2] = array
        return wide[..., ::2]
    if kind == "reversed":
        return np.ascontiguousarray(array[::-1])[::-1]
    array = array.copy()
    array.flags.writeable = kind != "readonly"
    return array


def assert_equal(graph, outputs, got, expected):
    assert len(got) == len(outputs)
    scale = 1.0 + max(
        (float(np.max(np.abs(v))) for v in graph.values.values() if v.size and v.dtype.kind != "b"),
        default=0.0,
    )
    narrow = any(v.dtype in ("float32", "complex64") for v in graph.values.values())
    for variable, mine, value in zip(outputs, got, expected, strict=True):
        mine = np.asarray(mine, variable.dtype) if not variable.ndim else mine
        assert mine.dtype == variable.dtype and mine.shape == value.shape
        if mine.dtype.kind in "biu":
            np.testing.assert_array_equal(mine, value)
            continue
        tolerance = 2e-4 if narrow else 1e-10
        np.testing.assert_allclose(mine, value, rtol=tolerance, atol=tolerance * scale)


def check_plainly(graph, outputs, cap, optimize="default", again=False, threads=False):
    arguments = [*graph.inputs, *graph.shared]
    program, emitted = printed(arguments, outputs, cap, optimize, threads)
    if again:
        assert printed(arguments, outputs, cap, optimize)[1].source == emitted.source
    values = [array_like_compiled(graph.values[v].copy()) for v in arguments]
    got = run(program, emitted, values)
    assert_equal(graph, outputs, got, [graph.values[v] for v in outputs])
    for variable, value in zip(arguments, values, strict=True):
        np.testing.assert_array_equal(value, graph.values[variable])
    separate([v for v in got if np.ndim(v)], [v for v in values if np.ndim(v)])


def separate(results, arguments):
    """No result shares memory with an argument or another result."""
    for k, result in enumerate(results):
        for other in (*arguments, *results[:k]):
            assert not np.may_share_memory(result, other)


def check_compiled(graph, outputs, source):
    updates = {}
    for variable in graph.shared:
        fit = [v for v in graph.pool if v.type == variable.type and v is not variable]
        if fit:
            updates[variable] = source.choice(fit)
    f = ng.function(graph.inputs, outputs, updates=updates, on_unused_input="ignore")
    values = [layouts(source, graph.values[v].copy()) for v in graph.inputs]
    before = [np.array(v) for v in values]
    got = f(*values)
    assert_equal(graph, outputs, got, [graph.values[v] for v in outputs])
    for value, kept in zip(values, before, strict=True):
        np.testing.assert_array_equal(value, kept)
    fresh = list(updates)
    held = [s.get_value(borrow=True) for s in graph.shared]
    assert_equal(
        graph, fresh, [s.get_value() for s in fresh], [graph.values[updates[s]] for s in fresh]
    )
    separate([v for v in got if v.ndim], [v for v in (*values, *held) if v.ndim])


def resized(source, graph):
    """Values of which one has another size, or an index that is out of range."""
    values = {v: graph.values[v] for v in [*graph.inputs, *graph.shared]}
    free = [(v, k) for v in graph.inputs for k, s in enumerate(v.type.shape) if s is None]
    whole = [v for v in graph.inputs if v.dtype == "int64" and values[v].size]
    if whole and (not free or source.random() < 0.3):
        variable = source.choice(whole)
        value = values[variable].copy()
        value.reshape(-1)[source.randrange(value.size)] = source.choice((-9, 9, 0, 1))
        values[variable] = value
    elif free:
        variable, axis = source.choice(free)
        size = source.choice((0, 1, 2, values[variable].shape[axis] + 1))
        values[variable] = np.resize(
            values[variable],
            tuple(size if k == axis else s for k, s in enumerate(values[variable].shape)),
        )
    return values


def outcome(compute):
    """The results, or the class of the exception."""
    try:
        with np.errstate(all="ignore"):
            return [np.asarray(v) for v in compute()]
    except (ShapeError, IndexError, ValueError) as error:
        return type(error)
    except Failed as failed:
        return failed


def check_other_sizes(source, graph, outputs):
    """Values that the graph was not drawn with: the same error, or the same results."""
    arguments = [*graph.inputs, *graph.shared]
    program, emitted = printed(arguments, outputs, 400)
    rewritten = rewrite(outputs, arguments)  # a node that is not needed checks nothing
    for _ in range(4):
        values = resized(source, graph)
        expected = outcome(lambda values=values: interpret(rewritten, values))
        given = [array_like_compiled(values[v].copy()) for v in arguments]
        got = outcome(lambda given=given: run(program, emitted, given))
        if isinstance(got, Failed):
            got = program.failures[got.args[0] - 1].error
        if got is ShapeError and 1 in [s for v in graph.inputs for s in values[v].shape]:
            continue  # NumPy would spread it, and tells the reference of no type
        if isinstance(expected, type) or isinstance(got, type):
            assert isinstance(got, type) and isinstance(expected, type), (got, expected)
            continue
        for mine, value in zip(got, expected, strict=True):
            assert mine.shape == value.shape


@pytest.mark.newest("printed code is run as plain Python")
@settings(QUICK, max_examples=25 * (1 + MORE))
@given(st.randoms(use_true_random=False))
def test_printed_code_computes_the_graph(source):
    graph = drawn(source)
    outputs = graph.outputs(12)
    if outputs:
        check_plainly(graph, outputs, source.choice(CAPS))


@pytest.mark.newest("printed code is run as plain Python")
@settings(QUICK, max_examples=10 * (1 + MORE))
@given(st.randoms(use_true_random=False))
def test_printed_code_of_a_graph_as_it_was_built(source):
    graph = drawn(source)
    outputs = graph.outputs(12)
    if outputs:
        check_plainly(graph, outputs, source.choice(CAPS), "none")


@pytest.mark.newest("printed code is run as plain Python")
def test_loops_that_are_shared_out_compute_the_graph(monkeypatch):
    share_everything(monkeypatch)
    for seed in range(len(CAPS) + 10 * MORE):
        graph = drawn(random.Random(seed))
        outputs = graph.outputs(12)
        if outputs:
            check_plainly(graph, outputs, CAPS[seed % len(CAPS)], threads=True)


@pytest.mark.newest("printed code is run as plain Python")
@pytest.mark.parametrize("seed", [34, 58, 208, 215])
@pytest.mark.parametrize("optimize", ["none", "default"])
def test_parts_hand_numbers_over_that_some_of_them_fetch(seed, optimize):
    graph = drawn(random.Random(seed))
    outputs = graph.outputs(12)
    for cap in (8, 16):
        check_plainly(graph, outputs, cap, optimize)


@pytest.mark.newest("printed code is run as plain Python")
@settings(QUICK, max_examples=10 * (1 + MORE))
@given(st.randoms(use_true_random=False))
def test_values_that_do_not_fit_are_refused_as_the_reference_does(source):
    graph = drawn(source, 15)
    outputs = graph.outputs(4)
    if outputs:
        check_other_sizes(source, graph, outputs)


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(k, marks=TWO_WILL_DO) for k in range(2, 4 + MORE))]
)
def test_compiled_code_computes_the_graph(seed):
    source = random.Random(seed)
    graph = drawn(source)
    check_compiled(graph, graph.outputs(16), source)


@pytest.mark.newest("printed code is run as plain Python")
@pytest.mark.parametrize("seed", range(1 + MORE))
def test_printed_code_computes_more_graphs(seed):
    for k in range(10 * seed, 10 * seed + 10):
        source = random.Random(k)
        graph = drawn(source)
        outputs = graph.outputs(12)
        if outputs:
            optimize = source.choice(("default", "none"))
            check_plainly(graph, outputs, source.choice(CAPS), optimize, again=True)
            check_other_sizes(source, graph, outputs)
