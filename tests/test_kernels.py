"""Each kernel against NumPy or SciPy: dtypes, sizes 0 to 33, bad matrices, special values.

Nothing but ``numbagrad.kernels`` is tested here. That arguments are not written nor aliased is
checked in every comparison.
"""

import math
import subprocess
import sys

import mpmath
import numpy as np
import pytest
import scipy.special
from numba import njit, vectorize
from numpy.linalg import LinAlgError
from numpy.testing import assert_array_equal

from numbagrad.jit.machine import supported
from numbagrad.kernels import (
    blas,
    elementary,
    integer,
    lapack,
    sorting,
    special,
    symbols,
)

SIZES = [0, 1, 2, 5, 33]
FLOATS = [np.float32, np.float64]
#: Numba takes seconds for one kernel and dtype, and what differs by dtype is the letter of a LAPACK
#: routine: two with the newest versions, where single precision is translated without Numba
#: (test_kernels_translated), and the other two with the oldest. Checks of the Ops take three.
INEXACT = [np.float64, np.complex128] if supported() else [np.float32, np.complex64]
INTEGERS = [np.int8, np.int32, np.int64, np.uint8, np.uint64]


def draw(rng, shape, dtype):
    """Random array of a dtype: normal numbers, all integers, or booleans."""
    dtype = np.dtype(dtype)
    if dtype.kind == "c":
        return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)
    if dtype.kind == "f":
        return rng.normal(size=shape).astype(dtype)
    if dtype.kind == "b":
        return rng.random(shape) < 0.3
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, size=shape, dtype=dtype, endpoint=True)


def close(actual, expected, dtype, scale=1.0):
    """Same shape and dtype, and equal up to rounding of that dtype."""
    dtype = np.dtype(dtype)
    actual = np.asarray(actual)
    assert actual.dtype == dtype
    assert actual.shape == np.shape(expected)
    if dtype.kind in "fc":
        tolerance = 200 * np.finfo(dtype).eps * scale
        np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)
    else:
        assert_array_equal(actual, expected)


def untouched(kernel, *args):
    """Call with copies; the copies are as before and the result shares no memory with them."""
    copies = [np.array(arg, order="C") if isinstance(arg, np.ndarray) else arg for arg in args]
    result = kernel(*copies)
    for copy, arg in zip(copies, args):
        if isinstance(arg, np.ndarray):
            assert_array_equal(copy, arg)
            for part in result if isinstance(result, tuple) else (result,):
                assert not np.shares_memory(part, copy)
    return result


# ---- the package ----


def test_import_leaves_numba_out():
    code = (
        "import sys\n"
        "from numbagrad.kernels import blas, integer, lapack, sorting, special\n"
        "assert 'numba' not in sys.modules and 'scipy' not in sys.modules\n"
        "assert callable(lapack.cholesky) and 'numba' not in sys.modules\n"
        "assert lapack.cholesky.compiled and 'numba' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_compiled_code_reaches_into_a_module_that_is_not_yet_executed():
    code = (
        "import numba, numpy as np\n"
        "from numbagrad.kernels import lapack\n"
        "f = numba.njit(lambda a: lapack.cholesky(a, True)[1, 0])\n"
        "assert 'new_copy' not in object.__getattribute__(lapack, '__dict__')\n"
        "assert f(np.array([[4.0, 2.0], [2.0, 5.0]])) == 1\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_symbol_is_refused():
    for name in ["dgemm", "numbagrad_", "numbagrad_dfoo", "numbagrad_xgemm", "numbagrad_potrf"]:
        with pytest.raises(ValueError, match="no routine"):
            symbols.register([name])


def test_every_symbol_is_found():
    names = [f"{letter}{name}" for letter in "sdcz" for name in symbols.LAPACK]
    names += [f"{letter}{name}" for letter in "sdcz" for name in symbols.BLAS]
    names += symbols.SPECIAL
    symbols.register(symbols.PREFIX + name for name in names)


def test_missing_routine_is_named(monkeypatch):
    monkeypatch.setattr(symbols, "_exported", lambda module: {})
    monkeypatch.setattr(symbols, "_registered", set())
    with pytest.raises(ImportError, match=r"cython_special\.erfcinv"):
        symbols.register(["numbagrad_erfcinv"])
    with pytest.raises(ImportError, match=r"cython_blas\.dgemm"):
        symbols.register(["numbagrad_dgemm"])


# ---- blas ----


@pytest.mark.parametrize("dtype", [*INEXACT, np.int8, np.uint64, bool])
def test_products(dtype):
    rng = np.random.default_rng(1)
    shapes = [(0, 0, 0), (0, 3, 2), (3, 0, 2), (3, 2, 0), (1, 1, 1), (2, 1, 5), (5, 7, 3)]
    for m, k, n in [*shapes, (33, 34, 35)]:
        a, b = draw(rng, (m, k), dtype), draw(rng, (k, n), dtype)
        at, bt = np.ascontiguousarray(a.T), np.ascontiguousarray(b.T)
        close(untouched(blas.gemm, a, b), a @ b, dtype, k)
        close(untouched(blas.gemm_tn, at, b), a @ b, dtype, k)
        close(untouched(blas.gemm_nt, a, bt), a @ b, dtype, k)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_symmetric_products(dtype):
    rng = np.random.default_rng(2)
    # More rows than are scaled at a time, more columns than one panel, and neither.
    for n, d in [(0, 0), (0, 3), (3, 0), (1, 1), (5, 3), (3, 5), (700, 100), (20, 49), (40000, 2)]:
        x, w = draw(rng, (n, d), dtype), draw(rng, n, dtype)
        found = untouched(blas.gram, x, w)
        close(found, x.T @ (w[:, None] * x), dtype, 30 + n)
        assert_array_equal(found, found.T)


def test_shapes_of_products_are_checked():
    a, x = np.ones((2, 3)), np.ones(4)
    for kernel, args in [
        (blas.gemm, (a, a)),
        (blas.gemm_tn, (a, np.ones((3, 2)))),
        (blas.gemm_nt, (a, np.ones((3, 2)))),
        (blas.gram, (a, x)),
    ]:
        with pytest.raises(ValueError, match=r"length|rows|columns"):
            kernel(*args)


# ---- lapack ----


def matrix(rng, n, dtype):
    """A matrix that is not symmetric, needs row exchanges, and is well conditioned."""
    a = draw(rng, (n, n), dtype) + 3 * np.eye(n, dtype=dtype)[::-1]
    return a.astype(dtype)


def positive(rng, n, dtype):
    a = draw(rng, (n, n), dtype)
    return (a @ a.conj().T + n * np.eye(n)).astype(dtype)


def with_rubbish(a, lower):
    """``a`` with NaN in the triangle that must not be read."""
    keep = np.tri(len(a), dtype=bool)
    return np.where(keep if lower else keep.T, a, np.nan).astype(a.dtype)


@pytest.mark.parametrize("dtype", INEXACT)
def test_cholesky(dtype):
    rng = np.random.default_rng(2)
    for n in SIZES:
        a = positive(rng, n, dtype)
        expected = np.linalg.cholesky(a)
        for kernel in [lapack.cholesky, lapack.cholesky_or_nan]:
            close(untouched(kernel, with_rubbish(a, True), True), expected, dtype, n)
            upper = untouched(kernel, with_rubbish(a, False), False)
            close(upper, expected.conj().T, dtype, n)


@pytest.mark.parametrize("dtype", INEXACT)
@pytest.mark.parametrize("lower", [True, False])
def test_cholesky_of_bad_matrices(dtype, lower):
    for bad in [[[1, 2], [2, 1]], [[0, 0], [0, 0]], [[-1, 0], [0, 1]]]:
        a = np.array(bad, dtype)
        with pytest.raises(LinAlgError, match="not positive definite"):
            lapack.cholesky(a, lower)
        assert np.isnan(lapack.cholesky_or_nan(a, lower)).all()
    for place in [(0, 0), (1, 1), (1, 0)]:
        a = np.array([[4, 1, 0], [1, 4, 0], [0, 0, 4]], dtype)
        a[place] = a[place[::-1]] = np.nan
        factor = lapack.cholesky(a, lower)
        other = np.triu(factor, 1) if lower else np.tril(factor, -1)
        assert np.isnan(factor).any() and not other.any()


@pytest.mark.parametrize("dtype", INEXACT)
def test_solve(dtype):
    rng = np.random.default_rng(3)
    for n in SIZES:
        a = matrix(rng, n, dtype)
        scale = n * np.linalg.cond(a) if n else 1
        for k in [0, 1, 3]:
            b = draw(rng, (n, k), dtype)
            close(untouched(lapack.solve, a, b), np.linalg.solve(a, b), dtype, scale)
        b = draw(rng, n, dtype)
        close(untouched(lapack.solve_vec, a, b), np.linalg.solve(a, b), dtype, scale)


@pytest.mark.parametrize("dtype", INEXACT)
@pytest.mark.parametrize("lower", [True, False])
def test_solve_symmetric(dtype, lower):
    rng = np.random.default_rng(4)
    for n in SIZES:
        a = positive(rng, n, dtype)
        s = draw(rng, (n, n), dtype)
        s = s + s.T
        scale = n * np.linalg.cond(s) if n else 1
        for k in [0, 1, 3]:
            b = draw(rng, (n, k), dtype)
            x = untouched(lapack.solve_posdef, with_rubbish(a, lower), b, lower)
            close(x, np.linalg.solve(a, b), dtype, n)
            x = untouched(lapack.solve_sym, with_rubbish(s, lower), b, lower)
            close(x, np.linalg.solve(s, b), dtype, scale)


@pytest.mark.parametrize("dtype", INEXACT)
@pytest.mark.parametrize("lower", [True, False])
def test_solve_triangular(dtype, lower):
    rng = np.random.default_rng(5)
    for n in SIZES:
        a = (draw(rng, (n, n), dtype) / max(n, 1) + 2 * np.eye(n)).astype(dtype)
        for trans in [0, 1, 2]:
            for unit in [False, True]:
                full = np.tril(a) if lower else np.triu(a)
                dirty = with_rubbish(a, lower)
                if unit:
                    np.fill_diagonal(full, 1)
                    np.fill_diagonal(dirty, np.nan)
                full = [full, full.T, full.conj().T][trans]
                b = draw(rng, (n, 3), dtype)
                args = (lower, trans, unit)
                x = untouched(lapack.solve_triangular, dirty, b, *args)
                close(x, np.linalg.solve(full, b), dtype, n + 10)
                v = np.ascontiguousarray(b[:, 0])
                x = untouched(lapack.solve_triangular_vec, dirty, v, *args)
                close(x, np.linalg.solve(full, v), dtype, n + 10)


@pytest.mark.parametrize("dtype", INEXACT)
def test_inverse_and_determinant(dtype):
    rng = np.random.default_rng(6)
    real = np.zeros(0, dtype).real.dtype
    for n in SIZES:
        a = matrix(rng, n, dtype)
        scale = n * np.linalg.cond(a) if n else 1
        close(untouched(lapack.inv, a), np.linalg.inv(a), dtype, scale)
        det, sign, log = untouched(in_dtype_determinants, a)
        expected = np.linalg.det(a)
        close(det / np.abs(expected), expected / np.abs(expected), dtype, scale)
        close(sign, np.linalg.slogdet(a)[0], dtype, scale)
        close(log, np.linalg.slogdet(a)[1], real, scale)


@njit
def in_dtype_determinants(a):
    det = np.empty((), a.dtype)
    sign = np.empty((), a.dtype)
    log = np.empty((), a.real.dtype)
    det[()] = lapack.det(a)
    pair = lapack.slogdet(a)
    sign[()] = pair[0]
    log[()] = pair[1]
    return det, sign, log


@pytest.mark.parametrize("dtype", INEXACT)
def test_singular_matrices(dtype):
    for n in [1, 2, 5]:
        a, b = np.zeros((n, n), dtype), np.ones((n, 2), dtype)
        a[0] = np.arange(n)
        for kernel, *args in [
            (lapack.solve, a, b),
            (lapack.solve_vec, a, b[:, 0].copy()),
            (lapack.inv, a),
            (lapack.solve_sym, a * 0, b, True),
            (lapack.solve_triangular, a, b, False, 0, False),
            (lapack.solve_triangular_vec, a, b[:, 0].copy(), False, 1, False),
        ]:
            with pytest.raises(LinAlgError, match="singular"):
                kernel(*args)
        with pytest.raises(LinAlgError, match="not positive definite"):
            lapack.solve_posdef(a, b, True)
        assert lapack.det(a) == 0
        assert lapack.slogdet(a) == (0, -math.inf)


@pytest.mark.parametrize("dtype", INEXACT)
def test_nan_gives_nan(dtype):
    rng = np.random.default_rng(7)
    for n in [1, 2, 5, 33]:
        single = positive(rng, n, dtype)
        single[n - 1, n - 1] = np.nan
        for a in [np.full((n, n), np.nan, dtype), single]:
            b = np.ones((n, 2), dtype)
            for result in [
                lapack.cholesky(a, True),
                lapack.cholesky(a, False),
                lapack.solve(a, b),
                lapack.solve_vec(a, b[:, 0].copy()),
                lapack.solve_posdef(a, b, True),
                lapack.solve_sym(a, b, False),
                lapack.solve_triangular(a, b, True, 0, False),
                lapack.solve_triangular_vec(a, b[:, 0].copy(), True, 2, False),
                lapack.inv(a),
                lapack.det(a),
                lapack.slogdet(a)[1],
            ]:
                assert np.isnan(result).any()
            assert np.isnan(lapack.solve(positive(rng, n, dtype), b * np.nan)).any()
    # A NaN beside an exact zero pivot is no singular matrix.
    a = np.array([[np.nan, 0], [0, 0]], dtype)
    assert np.isnan(lapack.det(a)) and np.isnan(lapack.inv(a)).any()
    assert np.isnan(lapack.solve(a, np.ones((2, 1), dtype))).any()


def test_determinant_whose_parts_overflow():
    a = np.diag([1e200, 1e200, -1e-200, 1e-200])
    assert math.isclose(lapack.det(a), -1.0)
    assert lapack.det(a[:2, :2].copy()) == math.inf
    assert math.isclose(lapack.det(a[::-1].copy()), np.linalg.det(a[::-1]))


def test_shapes_of_systems_are_checked():
    wide, square, b = np.ones((2, 3)), np.eye(2), np.ones((3, 1))
    for call in [
        lambda: lapack.cholesky(wide, True),
        lambda: lapack.cholesky_or_nan(wide, True),
        lambda: lapack.inv(wide),
        lambda: lapack.det(wide),
        lambda: lapack.slogdet(wide),
        lambda: lapack.solve(square, b),
        lambda: lapack.solve_vec(square, b[:, 0].copy()),
        lambda: lapack.solve_posdef(square, b, True),
        lambda: lapack.solve_sym(square, b, True),
        lambda: lapack.solve_triangular(square, b, True, 0, False),
        lambda: lapack.solve_triangular_vec(square, b[:, 0].copy(), True, 0, False),
    ]:
        with pytest.raises(ValueError, match="square"):
            call()


# ---- sorting ----


@pytest.mark.parametrize("dtype", [*FLOATS, np.complex128, np.int8, np.uint64, bool])
def test_sorting(dtype):
    rng = np.random.default_rng(8)
    for n in [*SIZES, 15, 16, 17, 31, 32, 48, 1000]:
        few = draw(rng, n, dtype)
        if few.dtype.kind in "fc":
            # Few values, so that there are ties and both zeros; NaN and infinities among them.
            values = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan])
            few = rng.choice(values, n).astype(dtype)
            if few.dtype.kind == "c":
                few.imag = rng.choice(values, n)
        for x in [few, draw(rng, n, dtype), np.sort(draw(rng, n, dtype))[::-1]]:
            result, order = untouched(sorting.sort, x), untouched(sorting.argsort, x)
            assert result.dtype == x.dtype and order.dtype == np.int64
            assert_array_equal(order, np.argsort(x, kind="stable"))
            assert_array_equal(result, x[order])


# ---- numbers ----


def elementwise(kernel, *arrays):
    """Results of a kernel on numbers, in the dtype that it returns for just these dtypes."""
    body = (lambda x: kernel(x)) if len(arrays) == 1 else (lambda x, y: kernel(x, y))
    return vectorize(nopython=True)(body)(*arrays)


def specials(dtype):
    values = [0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 1.5, -1.5, 2.5, -2.5, 3.0, -7.0, 1e-3, -1e-3, 30.0]
    return np.array([*values, -30.0, 700.0, -700.0, 1e30, -1e30, np.inf, -np.inf, np.nan], dtype)


def pairs(values):
    x, y = np.meshgrid(values, values)
    return x.ravel(), y.ravel()


def same(actual, expected, ulps=4):
    """Same dtype, NaN and signs of zeros; equal up to some units in the last place."""
    assert actual.dtype == expected.dtype
    assert_array_equal(np.isnan(actual), np.isnan(expected))
    zero = (expected == 0) & (actual == 0)
    assert_array_equal(np.signbit(actual[zero]), np.signbit(expected[zero]))
    np.testing.assert_allclose(actual, expected, rtol=ulps * np.finfo(actual.dtype).eps, atol=0)


@pytest.mark.parametrize("dtype", FLOATS)
@np.errstate(all="ignore")
def test_division_of_floats(dtype):
    rng = np.random.default_rng(10)
    # Multiples of 0.1 are where the quotient's rounding shows.
    edges = pairs(np.concatenate([specials(dtype), 0.1 * np.arange(-9, 10)]).astype(dtype))
    for x, y in [edges, (draw(rng, 500, dtype) * dtype(100), draw(rng, 500, dtype))]:
        same(elementwise(special.floor_divide_float, x, y), np.floor_divide(x, y), 0)
        same(elementwise(special.remainder_float, x, y), np.mod(x, y), 0)


@pytest.mark.parametrize("dtype", FLOATS)
def test_round_half_away(dtype):
    x = np.array([0.5, -0.5, 1.5, 2.5, -2.5, 0.3, -0.3, 0.0, -0.0, 1e30, np.inf, np.nan], dtype)
    expected = np.array([1, -1, 2, 3, -3, 0, -0.0, 0, -0.0, 1e30, np.inf, np.nan], dtype)
    same(elementwise(special.round_half_away, x), expected, 0)
    below_half = np.nextafter(np.array([0.5], dtype), np.array([0.0], dtype))
    same(elementwise(special.round_half_away, below_half), np.zeros(1, dtype), 0)


@pytest.mark.parametrize("dtype", FLOATS)
@np.errstate(all="ignore")
def test_logarithms_and_exponentials(dtype):
    x, y = pairs(specials(dtype))
    actual = elementwise(elementary.logaddexp, x, y)
    expected = np.logaddexp(x.astype(np.float64), y.astype(np.float64)).astype(dtype)
    assert actual.dtype == dtype
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(actual[~finite], expected[~finite])
    # Where the result is nearer to zero than the larger argument, it is the latter's digits that
    # are left.
    size = np.maximum(np.abs(expected), np.abs(np.maximum(x, y)))[finite]
    error = np.abs(actual - expected)[finite]
    assert (error <= 4 * np.finfo(dtype).eps * size).all()
    x = specials(dtype)
    wide = x.astype(np.float64)
    same(elementwise(elementary.sigmoid, x), scipy.special.expit(wide).astype(dtype))
    same(elementwise(elementary.softplus, x), np.logaddexp(0, wide).astype(dtype))


@pytest.mark.parametrize("dtype", FLOATS)
@np.errstate(all="ignore")
def test_log1mexp(dtype):
    x = -np.array([1e-300, 1e-20, 1e-5, 0.1, 0.69, 0.7, 1, 5, 40, 700, 1000, np.inf])
    x = x.astype(dtype)
    with mpmath.workdps(400):
        truth = [
            float(mpmath.log(-mpmath.expm1(mpmath.mpf(float(v))))) if v else -np.inf for v in x
        ]
    # What rounds to zero is a negative number.
    expected = np.copysign(np.array(truth), -1).astype(dtype)
    same(elementwise(elementary.log1mexp, x), expected)
    x = np.array([0.0, 1.0, np.inf, np.nan], dtype)
    same(elementwise(elementary.log1mexp, x), np.array([-np.inf, np.nan, np.nan, np.nan], dtype))


@pytest.mark.parametrize("dtype", FLOATS)
@np.errstate(all="ignore")
@pytest.mark.parametrize(
    ("name", "truth"),
    [
        ("erfcinv", scipy.special.erfcinv),
        ("gamma", scipy.special.gamma),
    ],
)
def test_special_functions_are_scipys(name, truth, dtype):
    x = np.concatenate([specials(dtype), np.linspace(-5.1, 5.1, 41)]).astype(dtype)
    expected = truth(x.astype(np.float64)).astype(dtype)
    same(elementwise(getattr(special, name), x), expected, 8)


@pytest.mark.parametrize("dtype", FLOATS)
@np.errstate(all="ignore")
def test_trigamma(dtype):
    x = np.concatenate([np.linspace(-20.3, 20.3, 58), [1e-3, -1e-3, 1e-8, 11.9, 12, 1e3, 1e8]])
    x = x.astype(dtype)
    truth = [float(mpmath.psi(1, mpmath.mpf(float(v)))) for v in x]
    same(elementwise(elementary.trigamma, x), np.array(truth).astype(dtype), 16)
    x = np.array([0.0, -0.0, -1.0, -50.0, np.inf, np.nan], dtype)
    expected = np.array([np.inf, np.inf, np.inf, np.inf, 0.0, np.nan], dtype)
    same(elementwise(elementary.trigamma, x), expected)


def test_integers_and_mixed_floats_give_float64():
    assert elementwise(elementary.softplus, np.arange(3)).dtype == np.float64
    assert elementwise(elementary.gammaln, np.arange(1, 3, dtype=np.int8)).dtype == np.float64
    both = elementwise(elementary.logaddexp, np.ones(2, np.float32), np.ones(2))
    assert both.dtype == np.float64


@pytest.mark.parametrize("dtype", INTEGERS)
@np.errstate(all="ignore")
def test_division_of_integers(dtype):
    info = np.iinfo(dtype)
    edges = [0, 1, 2, 3, 7, 8, 100, info.max - 1, info.max, info.min, info.min + 1]
    if info.min < 0:
        edges += [-1, -2, -3, -7, -8, -100]
    x, y = pairs(np.array(edges, dtype))
    for kernel, truth in [
        (integer.floor_divide, np.floor_divide),
        (integer.remainder, np.remainder),
    ]:
        result = elementwise(kernel, x, y)
        assert result.dtype == dtype
        assert_array_equal(result, truth(x, y))


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integer_power(dtype):
    info = np.iinfo(dtype)
    x, n = np.meshgrid(
        np.array([0, 1, 2, 3, 7, 100, info.max, info.min], dtype),
        np.array([0, 1, 2, 3, 5, 31, 64, 100, info.max], dtype),
    )
    result = elementwise(integer.power, x, n)
    assert result.dtype == dtype
    assert_array_equal(result, np.power(x, n))
    if info.min < 0:
        with pytest.raises(ValueError, match="negative integer powers"):
            integer.power(x[0, 0], dtype(-1))
