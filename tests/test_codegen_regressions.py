"""Graphs that were once printed wrongly, each reduced to what made it fail."""

import numpy as np
import pytest

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.codegen.emit import emit
from numbagrad.codegen.plan import plan
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


def test_functions_cut_apart_do_not_hand_over_loop_variables():
    x, y = T.dvector("x"), T.dvector("y")
    values = [np.array([]), np.arange(3.0)]
    same([x, y], [T.exp(x), T.sin(y), T.cos(y).sum()], values, cap=2)


def test_reshape_by_the_size_of_a_sorted_array():
    x = T.lmatrix("x")
    y = T.sort(x)
    same([x], [y.reshape((y.shape[0] // 3, 3))], [np.array([[6], [0], [5]])])
