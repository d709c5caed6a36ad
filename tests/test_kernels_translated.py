"""Kernels as `jit.direct` translates them, against NumPy and SciPy.

``test_kernels`` holds what Numba makes of the same kernels against the same references.
"""

import subprocess
import sys

import numpy as np
import pytest
import scipy.linalg
from numpy.linalg import LinAlgError

from numbagrad import function, tensor
from numbagrad.codegen.emit import emit
from numbagrad.codegen.plan import plan
from numbagrad.function.wrapper import failure
from numbagrad.graph.registry import OP_CLASSES
from numbagrad.jit.direct import translate
from numbagrad.jit.entry import Argument, entry_text
from numbagrad.jit.machine import Loaded, compile_text, supported
from numbagrad.kernels import blas, lapack, sorting
from numbagrad.kernels._kernel import new_copy
from numbagrad.testing.checks import _admitted

pytestmark = pytest.mark.skipif(
    not supported(), reason="below llvmlite 0.45 Numba compiles everything"
)

#: The dimensions of what a kernel returns, if it is no matrix.
RESULTS = {
    lapack.solve_vec: [1],
    lapack.solve_triangular_vec: [1],
    lapack.det: [None],
    lapack.slogdet: [None, None],
}
SIZES = [0, 1, 2, 3, 4, 7, 8, 9, 13, 33]


def kind(value):
    if isinstance(value, np.ndarray):
        return value.dtype.name, value.ndim
    return type(value).__name__.replace("int", "int64"), None


def compiled(kernel, *samples, wanted=None):
    """A kernel as machine code, without Numba; ``bool`` and ``int`` are written into the source."""
    arrays = [s for s in samples if isinstance(s, np.ndarray)]
    names = iter(f"a{k}" for k in range(len(arrays)))
    given = [next(names) if isinstance(s, np.ndarray) else repr(s) for s in samples]
    takes = ", ".join(f"a{k}" for k in range(len(arrays)))
    source = f"def main({takes}):\n    return kernel({', '.join(given)})\n"

    def borrow(target, kinds):
        raise AssertionError(f"{target} is not known")

    kinds = [kind(a) for a in arrays]
    wanted = wanted or [(kinds[0][0], ndim) for ndim in RESULTS.get(kernel, [2])]
    made = translate(source, "main", kinds, {"kernel": kernel}, True, borrow, wanted)
    arguments = [Argument(kind(a), (None,) * a.ndim, True) for a in arrays]
    several = len(made.results) != 1
    text = made.text + entry_text(arguments, made.results, made.symbol, several)
    loaded = Loaded(*compile_text(text, [], ["numbagrad_entry"], 3))

    def failed(status, why, *_):
        raise failure(status, why)

    return loaded.function("numbagrad_entry", (None, failed))


def test_every_op_is_translated():
    """First compiling takes ten times as long where Numba is asked, be it for one function."""

    def borrow(target, kinds):
        raise AssertionError(f"{target} is not known")

    #: What Numba makes of signed and unsigned integers together is left to it.
    left = {("Sign", "uint64")}
    for op_class in OP_CLASSES:
        if not op_class.__module__.startswith("numbagrad."):
            continue
        for op, sample, inputs, outputs in _admitted(op_class):
            dtypes = [v.type.dtype for v in [*inputs, *outputs]]
            known = (op_class.__name__, dtypes[0]) in left
            if known or any(d.startswith("complex") for d in dtypes):
                continue
            program = plan(inputs, outputs, "f", 400)
            made = emit(program, 400)
            takes = [(dtype, ndim or None) for _, dtype, ndim in program.parameters]
            try:
                translate(made.source, made.name, takes, program.namespace, True, borrow)
            except Exception as error:
                raise AssertionError(f"{op} of {sample.arrays}:\n{made.source}") from error


def close(found, expected, dtype, scale):
    tolerance = 200 * np.finfo(dtype).eps * max(scale, 1)
    assert np.asarray(found).dtype == np.asarray(expected).dtype
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("kernel", "product"),
    [
        (blas.gemm, lambda a, b: a @ b),
        (blas.gemm_tn, lambda a, b: a.T @ b),
        (blas.gemm_nt, lambda a, b: a @ b.T),
    ],
)
def test_products(kernel, product, dtype):
    rng = np.random.default_rng(1)
    run = compiled(kernel, np.ones((1, 1), dtype), np.ones((1, 1), dtype))
    for m in SIZES:
        for n in SIZES:
            k = SIZES[(m + n) % len(SIZES)]
            a = rng.normal(size=(k, m) if kernel is blas.gemm_tn else (m, k)).astype(dtype)
            b = rng.normal(size=(n, k) if kernel is blas.gemm_nt else (k, n)).astype(dtype)
            close(run(a, b), product(a, b), dtype, k)
    with pytest.raises(ValueError, match="inner lengths"):
        run(np.ones((2, 3), dtype), np.ones((4, 5), dtype))


def test_a_small_product_takes_in_what_is_not_finite():
    run = compiled(blas.gemm_nt, np.ones((1, 1)), np.ones((1, 1)))
    a = np.array([[np.inf, 1.0], [np.nan, 2.0]])
    expected = [[np.inf, np.inf], [np.nan, np.nan]]
    np.testing.assert_array_equal(run(a, np.eye(2) + 1.0), expected)


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint64, np.bool_])
def test_products_of_others(dtype):
    rng = np.random.default_rng(2)
    a = rng.integers(0, 2 if dtype is np.bool_ else 100, (5, 4)).astype(dtype)
    b = rng.integers(0, 2 if dtype is np.bool_ else 100, (3, 4)).astype(dtype)
    np.testing.assert_array_equal(compiled(blas.gemm_nt, a, b)(a, b), a @ b.T)


def test_symmetric_products():
    rng = np.random.default_rng(3)
    run = compiled(blas.gram, np.ones((1, 1)), np.ones(1))
    for n, d in [(0, 0), (0, 3), (3, 0), (5, 3), (700, 100), (20, 49)]:
        x, w = rng.normal(size=(n, d)), rng.normal(size=n)
        close(run(x, w), x.T @ (w[:, None] * x), float, 30 + n)


def matrices(rng, n, dtype):
    """A matrix that needs row exchanges, a positive definite one, a right-hand side."""
    a = rng.normal(size=(n, n)) + 3 * np.eye(n)[::-1]
    return [x.astype(dtype) for x in (a, a @ a.T + n * np.eye(n), rng.normal(size=(n, 3)))]


def triangle(a, b, lower, trans, unit):
    return scipy.linalg.solve_triangular(a, b, trans, lower, unit) if len(a) else b


def solution(a, b, *_):
    return np.linalg.solve(a, b)


#: Name, further arguments, which matrix it takes, whether there is a right-hand side, reference.
CALLS = [
    ("cholesky", (True,), 1, None, lambda a, _: np.linalg.cholesky(a)),
    ("cholesky", (False,), 1, None, lambda a, _: np.linalg.cholesky(a).T),
    ("cholesky_or_nan", (True,), 1, None, lambda a, _: np.linalg.cholesky(a)),
    ("solve", (), 0, "matrix", solution),
    ("solve_vec", (), 0, "vector", solution),
    ("solve_posdef", (True,), 1, "matrix", solution),
    ("solve_sym", (False,), 1, "matrix", solution),
    ("solve_triangular", (True, 0, False), 1, "matrix", triangle),
    ("solve_triangular", (False, 1, True), 1, "matrix", triangle),
    ("solve_triangular_vec", (False, 0, False), 1, "vector", triangle),
    ("solve_triangular_vec", (True, 2, False), 1, "vector", triangle),
    ("inv", (), 0, None, np.linalg.inv),
    ("det", (), 0, None, np.linalg.det),
    ("slogdet", (), 0, None, np.linalg.slogdet),
]


@pytest.mark.parametrize(("name", "further", "which", "right", "reference"), CALLS)
def test_solvers(name, further, which, right, reference):
    rng = np.random.default_rng(4)
    kernel = getattr(lapack, name)
    for dtype in [np.float64, np.float32][: 2 if name in ("cholesky", "solve", "det") else 1]:
        run = None
        for n in SIZES:
            *both, b = matrices(rng, n, dtype)
            if "triangular" in name:
                both[1] /= n or 1
            given = [both[which]]
            given += [b] if right == "matrix" else [b[:, 0].copy()] if right else []
            run = run or compiled(kernel, *given, *further)
            scale = n * np.linalg.cond(both[which].astype(float)) if n else 1
            found, expected = run(*given), reference(*given, *further)
            for x, y in zip(*((v if isinstance(v, (list, tuple)) else [v])
                              for v in (found, expected)), strict=True):  # fmt: skip
                y = np.asarray(y, dtype)
                size = np.abs(y).max(initial=1)
                close(np.asarray(x, dtype) / size, y / size, dtype, scale)


@pytest.mark.parametrize("n", [2, 40])
def test_errors_of_solvers(n):
    a, b = np.zeros((n, n)), np.ones((n, 2))
    a[0] = 1.0
    for name, args, words in [
        ("solve", (a, b), "singular"),
        ("inv", (a,), "singular"),
        ("solve_posdef", (a, b, True), "not positive definite"),
        ("cholesky", (-np.eye(n), True), "not positive definite"),
    ]:
        arrays = [x for x in args if isinstance(x, np.ndarray)]
        with pytest.raises(LinAlgError, match=words):
            compiled(getattr(lapack, name), *args)(*arrays)
    assert compiled(lapack.det, a)(a) == 0
    nan = np.full((n, n), np.nan)
    assert np.isnan(compiled(lapack.inv, nan)(nan)).all()
    assert np.isnan(compiled(lapack.cholesky_or_nan, a, True)(-np.eye(n))).all()


def test_a_network_needs_no_numba():
    code = (
        "import sys, numpy as np, numbagrad as ng\n"
        "from numbagrad import tensor as T\n"
        "ng.config.cache = False\n"
        "X, W, S = T.dmatrix('X'), T.dmatrix('W'), T.dmatrix('S')\n"
        "x = T.dvector('x')\n"
        "s = T.random.RandomStream(3)\n"
        "draws = [s.normal(size=3), s.choice(5, size=3, replace=False), s.t(3.0), s.poisson(3.0)]\n"
        "sums = T.sum(T.cumsum(x) ** 2) + T.sum(T.cumprod(T.sort(x)) * T.gamma(x))\n"
        "g = ng.function([x], [ng.grad(sums, x), T.argsort(x), T.median(x), *draws])\n"
        "assert g([2.0, 1.0])[1].tolist() == [1, 0]\n"
        "loss = T.sum(T.tanh(T.dot(X, W)) ** 2) + T.nlinalg.det(S) + T.sum(T.linalg.cholesky(S))\n"
        "f = ng.function([X, W, S], [loss, *ng.grad(loss, [W, S])])\n"
        "x = np.ones((3, 2))\n"
        "np.testing.assert_allclose(f(x, x.T, np.eye(2))[0], 9 * np.tanh(2.0) ** 2 + 3.0)\n"
        "assert 'numba' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- what kernels may say ----


def _steps(x, by):
    y = np.zeros_like(x)
    step = by + 0 * x.size
    begin = 0 if step > 0 else x.size - 1
    for i in range(begin, x.size if step > 0 else -1, step):
        y[(i - begin) // step] = x[i]
    return y


@pytest.mark.parametrize("by", [1, 3, -1, -2])
def test_a_step_that_is_computed(by):
    x = np.arange(7.0)
    run = compiled(_steps, x, by, wanted=[("float64", 1)])
    np.testing.assert_array_equal(run(x)[: len(x[::by])], x[::by])


def _rows(x, begin, end):
    first, last = begin + 0 * x.shape[0], end + 0 * x.shape[0]
    return new_copy(x[first:last])


def _rows_until(x, end):
    return new_copy(x[: end + 0 * x.shape[0]])


@pytest.mark.parametrize("begin, end", [(0, 3), (1, 9), (2, 2), (3, 1), (-2, 5), (-9, -1), (7, 9)])
def test_rows_from_one_place_to_another(begin, end):
    x = np.arange(15.0).reshape(5, 3)
    np.testing.assert_array_equal(compiled(_rows, x, begin, end)(x), x[begin:end])
    np.testing.assert_array_equal(compiled(_rows_until, x, end)(x), x[:end])


def test_a_step_of_nothing_is_an_error():
    x = np.arange(7.0)
    with pytest.raises(ValueError, match="must not be zero"):
        compiled(_steps, x, 0, wanted=[("float64", 1)])(x)


def _arithmetic(x, y):
    made = np.full_like(x, x.dtype.type(3))
    more = np.ones_like(x)
    one, seven = x.dtype.type(1), x.dtype.type(7)
    for i in range(x.size):
        made[i] = -x[i] // (y[i] | one) * seven + ~x[i] % seven + (x[i] << one) - (x[i] >> one)
        more[i] = (x[i] > 3) + (x[i] < -1) * 2 + (x[i] == -2)
        more[i] += abs(x[i]) % seven
    return made, more


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint64", "uint8"])
def test_integers_are_those_of_numba(dtype):
    numba = pytest.importorskip("numba")
    info = np.iinfo(dtype)
    rng = np.random.default_rng(6)
    edges = [0, 1, 2, 7, info.max, info.max - 1, info.min, info.min + 1, 100]
    edges = np.array([*edges, *(() if info.min == 0 else (-1, -2, -7))], dtype)
    more = rng.integers(info.min, info.max, (2, 200), dtype=dtype, endpoint=True)
    x, y = np.concatenate([[g.ravel() for g in np.meshgrid(edges, edges)], more], axis=1)
    if info.min:  # Numba's division of the smallest number by -1 ends the process
        x, y = x[(y | 1) != -1].copy(), y[(y | 1) != -1].copy()
    run = compiled(_arithmetic, x, y, wanted=[(dtype, 1), (dtype, 1)])
    for made, other in zip(run(x, y), numba.njit(error_model="numpy")(_arithmetic)(x, y)):
        np.testing.assert_array_equal(made, other)


def _either(x, single):
    if x[0] > 0:
        return single[0]
    return x[0]


def test_results_of_several_dtypes_are_widened():
    x, single = np.array([1.0]), np.array([0.1], np.float32)
    run = compiled(_either, x, single, wanted=[("float64", None)])
    assert run(x, single) == np.float64(np.float32(0.1)) and run(-x, single) == -1.0


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint8", "uint64"])
@np.errstate(all="ignore")
def test_division_of_integers(dtype):
    info = np.iinfo(dtype)
    edges = [0, 1, 2, 3, 7, 100, info.max - 1, info.max, info.min, info.min + 1]
    edges += [-1, -2, -3, -7] if info.min else []
    x, y = (v.ravel() for v in np.meshgrid(*[np.array(edges, dtype)] * 2))
    a, b = tensor.vector("a", dtype=dtype), tensor.vector("b", dtype=dtype)
    outputs = [a // b, a % b]
    for number in edges:
        outputs += [a // np.dtype(dtype).type(number), a % np.dtype(dtype).type(number)]
    whole, rest, *others = function([a, b], outputs)(x, y)
    np.testing.assert_array_equal(whole, x // y)
    np.testing.assert_array_equal(rest, x % y)
    for k, number in enumerate(edges):
        number = np.dtype(dtype).type(number)
        np.testing.assert_array_equal(others[2 * k], x // number, str(number))
        np.testing.assert_array_equal(others[2 * k + 1], x % number, str(number))


@pytest.mark.parametrize("dtype", ["float64", "float32", "int8", "uint64", "bool"])
def test_sorting(dtype):
    rng = np.random.default_rng(7)
    sort = compiled(sorting.sort, np.zeros(1, dtype), wanted=[(dtype, 1)])
    order = compiled(sorting.argsort, np.zeros(1, dtype), wanted=[("int64", 1)])
    for n in [0, 1, 2, 15, 16, 17, 33, 300]:
        x = rng.integers(0, 9, n).astype(dtype)
        if dtype.startswith("float"):
            x[rng.random(n) < 0.2] = np.nan
            x[rng.random(n) < 0.1] = -np.inf
        np.testing.assert_array_equal(order(x), np.argsort(x, kind="stable"))
        np.testing.assert_array_equal(sort(x), np.sort(x))
