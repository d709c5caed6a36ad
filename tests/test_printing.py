"""How the Ops of numbagrad are written by `pp`."""

import pytest

import numbagrad
from numbagrad import pp, tensor

M, v, n = tensor.dmatrix("M"), tensor.dvector("v"), tensor.lscalar("n")


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (2 * v - 1.0, "((2 * v) - 1.0)"),
        (v**2 / n, "((v ** 2) / n)"),
        (-M, "(-M)"),
        (~(v > 0), "(~(v > 0))"),
        (tensor.exp(v), "exp(v)"),
        (tensor.switch(v > 0, v, 0.0), "switch((v > 0), v, 0.0)"),
        (M + v, "(M + v)"),
        (M.T, "M.T"),
        (M.dimshuffle(1, "x", 0), "M.T"),
        (M.dimshuffle("x", 0, 1), "M"),
        (tensor.dtensor3("t").dimshuffle(1, 0, 2), "t.dimshuffle(1, 0, 2)"),
        (M.sum(axis=0), "sum(M, axis=(0,))"),
        (M.sum(), "sum(M)"),
        (M.max(axis=-1, keepdims=True), "max(M, axis=(1,))"),
        (M @ v, "(M @ v)"),
        (v @ M, "(v @ M)"),
        (v @ v, "(v @ v)"),
        (M @ M, "(M @ M)"),
        (M.shape[0], "M.shape[0]"),
        (M.shape, "[M.shape[0], M.shape[1]]"),
        (M[0:3], "M[0:3]"),
        (M[:, ::2], "M[:, ::2]"),
        (M[n:, -1], "M[n:, -1]"),
        (v[None, n], "v[None, n]"),
        (M[tensor.lvector("i")], "M[i]"),
        (tensor.set_subtensor(v[1:], 2.0), "set_subtensor(v[1:], 2.0)"),
        (tensor.inc_subtensor(M[0], v), "inc_subtensor(M[0], v)"),
        (v.astype("float32"), "cast(v, to='float32')"),
    ],
)
def test_written(made, expected):
    assert pp(made) == expected


@pytest.mark.holds_at("it prints what is simplified", optimize="default")
def test_the_tutorials_strings():
    x = tensor.dscalar("x")
    gy = numbagrad.grad(x**2, x)
    assert pp(gy) == "((fill((x ** 2), 1.0) * 2) * (x ** (2 - 1)))"
    f = numbagrad.function([x], gy)
    assert pp(f.maker.fgraph.outputs[0]) == "(2.0 * x)"
    assert len(f.maker.fgraph.apply_nodes) == 1
