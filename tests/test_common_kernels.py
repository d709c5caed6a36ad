"""Kernels that have machine code of their own, and what LLVM is told of loops."""

import ast
import subprocess
import sys

import numpy as np
import pytest

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.jit import borrowed, cache, commons
from numbagrad.jit.direct import translate
from numbagrad.jit.direct.mentions import in_vectors
from numbagrad.jit.direct.source import common_kernel
from numbagrad.jit.machine import MissingSymbolError, supported
from numbagrad.kernels import blas
from numbagrad.kernels.inlined import inlined

pytestmark = pytest.mark.skipif(
    not supported(), reason="below llvmlite 0.45 Numba compiles everything"
)

MATRICES = [("float64", 2)] * 3


def text_of(body, lanes=8):
    """LLVM IR of a function of ``x``, ``y`` and ``n`` with such statements."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    source = f"def f(x, y, n):\n{lines}    return n\n"
    takes = [("float64", 1), ("float64", 1), ("int64", None)]
    namespace = {"exp": inlined("exp"), "log": inlined("log")}
    return translate(source, "f", takes, namespace, True, borrowed.borrow, lanes=lanes).text


def test_a_kernel_of_arrays_is_no_part_of_the_functions_that_call_it():
    x, y = T.dmatrix("x"), T.dmatrix("y")
    a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    first = ng.function([x, y], T.dot(x, y))
    known = set(commons._known)
    second = ng.function([x, y], T.tanh(T.dot(x, y)))
    assert any("gemm" in name for name in known)
    assert set(commons._known) == known
    np.testing.assert_allclose(first(a, b), a @ b, rtol=1e-15)
    np.testing.assert_allclose(second(a, b), np.tanh(a @ b), rtol=1e-14)


def test_kernels_differ_by_types_flags_and_level():
    function = blas.gemm_into.function

    def symbol(kinds, flags, level):
        return common_kernel(function, kinds, flags, level, borrowed.borrow).made.symbol

    singles = [("float32", 2)] * 3
    rows = [(MATRICES, "", 3), (MATRICES, "contract", 3), (MATRICES, "", 1), (singles, "", 3)]
    assert len({symbol(*row) for row in rows}) == 4
    assert common_kernel(function, [("float64", None)], "", 3, borrowed.borrow) is None


def test_functions_of_others_are_never_shared():
    def gemm_into(c, a, b):
        c[0, 0] = a[0, 0] + b[0, 0]

    assert common_kernel(gemm_into, MATRICES, "", 3, borrowed.borrow) is None


def test_a_kernel_that_is_nowhere_any_more_is_told_of(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBAGRAD_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(commons, "_known", set())
    common = common_kernel(blas.turn_into.function, MATRICES[:2], "", 3, borrowed.borrow)
    symbol = common.made.symbol
    with pytest.raises(MissingSymbolError):
        commons.provide([symbol], {}, 3)
    with ng.using(cache=True):
        commons.provide([symbol], {symbol: common}, 3)
        commons._known.clear()
        commons.provide([symbol], {}, 3)  # from disk
        cache.clear()
        commons._known.clear()
        with pytest.raises(MissingSymbolError):
            commons.provide([symbol], {}, 3)


def test_products_do_not_import_all_of_scipys_linear_algebra():
    code = """
import sys
import numpy as np
import numbagrad as ng
from numbagrad import tensor as T
x = T.dmatrix("x")
with ng.using(cache=False):
    f = ng.function([x], T.dot(x, x))
a = np.arange(1600.0).reshape(40, 40)
assert np.allclose(f(a), a @ a)
assert "scipy.linalg" not in sys.modules
import scipy.linalg
import scipy.linalg.cython_blas
from scipy.linalg import cython_lapack
assert "dgemm" in scipy.linalg.cython_blas.__pyx_capi__
assert scipy.linalg.cython_blas is sys.modules["scipy.linalg.cython_blas"]
assert np.allclose(f(a), a @ a) and scipy.linalg.det(np.eye(3)) == 1.0
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("a = x[i]\ny[i] = exp(a)", True),
        ("y[i - i0] = exp(x[i, j] - b)", True),
        ("s += exp(x[i])", True),
        ("y[i] += exp(x[i])", True),
        ("h = b + log(h)", False),
        ("y[i] = exp(y[i - 1])", False),
        ("y[i + 1] = exp(x[i])", False),
        ("y[0] = exp(x[i])", False),
        ("y[k[i]] = exp(x[i])", False),
        ("y[n - i] = exp(x[i])", False),
        ("if x[i] > 0:\n    y[i] = exp(x[i])", False),
    ],
)
def test_which_steps_do_not_wait_for_each_other(body, expected):
    assert in_vectors("i", ast.parse(body).body) is expected


def test_a_loop_of_one_elementary_function_calls_it():
    one = text_of("for i in range(n):\n    y[i] = exp(x[i])")
    assert "numbagrad_called_exp" in one
    assert "numbagrad_inlined_exp" not in one
    waiting = text_of("h = 1.0\nfor i in range(n):\n    h = exp(h)\n    y[i] = h")
    two = text_of("for i in range(n):\n    y[i] = exp(x[i]) + log(x[i])")
    for text in (waiting, two):
        assert "numbagrad_called" not in text
        assert "numbagrad_inlined_exp" in text


def test_loops_of_many_known_steps_are_not_unrolled():
    assert "!llvm.loop" in text_of("for k in range(128):\n    y[k] = x[k]")
    assert "!llvm.loop" not in text_of("for k in range(4):\n    y[k] = x[k]")
    assert "!llvm.loop" not in text_of("for k in range(n):\n    y[k] = x[k]")
