"""Graphs that were once printed wrongly, each reduced to what made it fail."""

from itertools import pairwise

import numpy as np
import pytest

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.codegen.emit import emit
from numbagrad.codegen.plan import plan
from numbagrad.errors import Failed
from numbagrad.rewrite import rewrite

from .plain_python import run


def plainly(inputs, outputs, values, cap=400):
    """The results of the printed code, run as plain Python."""
    program = plan(inputs, rewrite(outputs, inputs), "f", cap)
    return run(program, emit(program, cap), values)


def same(inputs, outputs, values, cap=400):
    expected = ng.function(inputs, outputs, mode="reference", on_unused_input="ignore")(*values)
    for mine, value in zip(plainly(inputs, outputs, values, cap), expected, strict=True):
        np.testing.assert_allclose(mine, value, rtol=1e-12)
        assert np.shape(mine) == value.shape


@pytest.mark.parametrize("cap", [2, 6, 12, 40])
def test_functions_cut_apart_do_not_hand_over_loop_variables(cap):
    inputs = [T.dvector(f"x{k}") for k in range(12)]
    outputs = [T.exp(T.sort(x)[0:2] * 2.0) + T.sin(x).sum() for x in inputs]
    values = [np.arange(float(k % 3 + 2)) for k in range(12)]
    same(inputs, outputs, values, cap)
    same(inputs, [T.exp(x) * T.sin(x).sum() for x in inputs], [np.zeros(0)] * 12, cap)


def test_reshape_by_the_size_of_a_sorted_array():
    x = T.lmatrix("x")
    y = T.sort(x)
    same([x], [y.reshape((y.shape[0] // 3, 3))], [np.array([[6], [0], [5]])])


def test_an_array_read_flat_keeps_its_dimensions():
    x = T.tensor("x", dtype="float64", shape=(None, 1))
    same(
        [x], [T.broadcast_to(T.exp(x).sum(axis=1), (1, 2)).reshape((2,))], [np.array([[0.5], [1]])]
    )
    y = T.dmatrix("y")
    z = T.dot(y, y.T)
    same([y], [(T.sin(z) + z.T).reshape((-1,)), z.T], [np.arange(6.0).reshape(3, 2)])
    m = T.trunc(x)
    same([x], [m[m < x]], [np.array([[1.5], [1.0]])])


def test_the_square_of_a_complex_modulus_stays_real():
    x = T.zvector("x")
    values = [np.array([1 - 0.75j, 3j])]
    same([x], [abs(x) * abs(x), T.sqr(abs(x)), abs(-x)], values)


def test_an_element_of_a_stack_can_be_set():
    x, y = T.dscalar("x"), T.dscalar("y")
    values = [np.float64(2.0), np.float64(3.0)]
    same([x, y], [T.stack([x, y])[-1].set(7.0), T.stack([x, y])[0] * y], values)


def refused(inputs, outputs, values):
    """The failure that running the graph, as it was built, stops with."""
    program = plan(inputs, rewrite(outputs, inputs, "none"), "f", 400)
    with pytest.raises(Failed) as caught:
        run(program, emit(program, 400), values)
    return program.failures[caught.value.args[0] - 1]


@pytest.mark.parametrize("size", [0, 2, 4])
def test_a_part_is_written_only_with_values_of_its_size(size):
    x, y, k = T.dvector("x"), T.dvector("y"), T.lscalar("k")
    outputs = [T.set_subtensor(x[2:], y), T.inc_subtensor(x[k:], y)]
    for output in outputs:
        failure = refused([x, y, k], [output], [np.arange(5.0), np.ones(size), 2])
        assert failure.error is ng.errors.ShapeError
    same([x, y, k], outputs, [np.arange(5.0), np.ones(3), 2])


def test_no_loop_runs_over_a_size_before_it_is_checked():
    x, y = T.dvector("x"), T.dvector("y")
    outputs = [x[2:] * 3.0, T.zeros_like(x[2:] + y), T.exp(y)]
    refused([x, y], outputs, [np.arange(3.0), np.ones(50)])
    found = T.flatnonzero(x)
    refused([y, x], [T.minimum(y, found)], [np.ones(50), np.array([0.0, 2.0, 0.0])])
    outputs = [found * 2, found + y, T.exp(found)]
    refused([x, y], outputs, [np.array([0.0, 2.0, 0.0]), np.ones(50)])
    same([x, y], outputs, [np.array([0.0, 2.0, 0.0]), np.ones(1)])


def test_a_size_that_is_given_is_checked():
    x, k = T.dvector("x"), T.lscalar("k")
    outputs = [T.specify_shape(x, (k,)) * 2.0, T.ones((k,)) + x]
    for output in outputs:
        refused([x, k], [output], [np.ones(3), 4])
    same([x, k], outputs, [np.ones(3), 3])


@pytest.mark.parametrize("cap", [4, 10, 16, 24, 30, 40])
def test_a_part_within_a_part_hands_its_numbers_over_where_they_are_read(cap):
    x, y = T.dmatrix("x"), T.dvector("y")
    outputs = []
    for k in range(3):
        waves = [T.sin(x * (j + 1.5 + k) + y[k]) for j in range(10)]
        total = sum(a * b + a / (2.0 + b) for a, b in pairwise(waves))
        outputs += [T.argmax(total * waves[0], axis=1), T.cumsum(total * waves[3], axis=1)]
    same([x, y], outputs, [np.arange(6.0).reshape(2, 3), np.arange(3.0)], cap)


def test_a_transpose_that_drops_a_dimension_is_no_transpose():
    x = T.tensor("x", dtype="float64", shape=(2, None, 1))
    y = T.dmatrix("y")
    same([x, y], [T.dot(x.dimshuffle(1, 0), y)], [np.arange(6.0).reshape(2, 3, 1), np.eye(2)])


@pytest.mark.parametrize("size", [1, 3])
def test_an_element_that_is_changed_after_it_was_stored_is_read_again(size):
    x = T.tensor("x", dtype="float64", shape=(size,))
    y = x[:].inc(0.5)
    z = T.exp(x)[0:1].set(7.0) if size == 1 else T.exp(x)[1:].inc(x[1:])
    same([x], [T.concatenate([y, y]), y * 2.0, y, z, z + x], [np.arange(0.25, size)])


def test_a_view_that_another_loop_reads_before_is_not_left_out():
    x, y = T.dmatrix("x"), T.dvector("y")
    e = T.exp(x)
    outputs = [e.reshape((3, 1)), T.concatenate([e.ravel(), y])]
    same([x, y], outputs, [np.zeros((1, 3)), np.ones(2)])


@pytest.mark.parametrize("cap", [4, 8, 12, 20])
@pytest.mark.parametrize("rows", [2, 70])
def test_parts_of_loops_that_are_printed_twice_hand_sums_over(cap, rows):
    x = T.dmatrix("x")
    top = T.max(x, axis=1, keepdims=True)
    weights = T.exp(T.sin(x) * x - top) * T.cos(x + top) ** 2
    outputs = [T.log(T.sum(weights, axis=1)) + top[:, 0], T.sum(T.exp(x) * top)]
    same([x], outputs, [np.sin(np.arange(3.0 * rows)).reshape(rows, 3)], cap)
