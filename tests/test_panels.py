"""Products of tall matrices in blocks of rows, and rows of few elements computed by columns.

Sizes are chosen around the places where one way of computing gives way to another.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.codegen.columns import COLUMNS, ROWS
from numbagrad.codegen.emit import emit
from numbagrad.codegen.plan import plan
from numbagrad.codegen.portions import in_portions
from numbagrad.codegen.program import Share
from numbagrad.jit import machine, pool
from numbagrad.kernels import blas
from numbagrad.rewrite import rewrite

from .plain_python import run

RNG = np.random.default_rng(5)


def multinomial(dtype="float64"):
    """Loss, gradient and Hessian times a direction of multinomial logistic regression."""
    X, Y, W, P = (T.matrix(name, dtype=dtype) for name in "XYWP")
    z = T.dot(X, W)
    loss = T.mean(T.logsumexp(z, axis=1) - T.sum(Y * z, axis=1))
    return [X, Y, W, P], [loss, ng.grad(loss, W), ng.hessian_vector_product(loss, W, P)]


def multinomial_by_hand(X, Y, W, P):
    z = X @ W
    top = z.max(axis=1, keepdims=True)
    e = np.exp(z - top)
    total = e.sum(axis=1, keepdims=True)
    s, q = e / total, X @ P
    loss = np.mean(np.log(total)[:, 0] + top[:, 0] - np.sum(Y * z, axis=1))
    curved = s * (q - np.sum(s * q, axis=1, keepdims=True))
    return [loss, X.T @ (s - Y) / len(X), X.T @ curved / len(X)]


def data(n, d, s, dtype="float64"):
    made = [RNG.normal(size=(n, d)), np.eye(s)[RNG.integers(s, size=n)]]
    made += [RNG.normal(size=(d, s)), RNG.normal(size=(d, s))]
    return [a.astype(dtype) for a in made]


def agree(found, wanted, rtol=1e-9):
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol)


@pytest.fixture(scope="module")
def one_thread():
    return ng.function(*multinomial())


@pytest.fixture(scope="module")
def several_threads():
    return ng.function(*multinomial(), parallel=True)


SIZES = [
    (1, 3, 2), (2, 1, 1), (ROWS - 1, 4, 3), (ROWS, 4, 3), (127, 2, 5), (128, 2, 5), (129, 2, 5),
    (511, 7, COLUMNS), (512, 7, COLUMNS + 1), (513, 7, 3), (641, 5, 2), (1100, 40, 10),
    (70, 700, 2), (200, 1, 70), (600, 300, 240), (3000, 20, 5),
]  # fmt: skip


@pytest.mark.parametrize("n, d, s", SIZES)
def test_the_same_as_by_hand(one_thread, several_threads, n, d, s):
    given = data(n, d, s)
    wanted = multinomial_by_hand(*given)
    agree(one_thread(*given), wanted)
    agree(several_threads(*given), wanted)


@pytest.mark.parametrize("n, d, s", [(0, 3, 2), (5, 0, 3), (5, 3, 0), (600, 0, 3), (0, 0, 0)])
def test_nothing_to_multiply(one_thread, several_threads, n, d, s):
    given = [np.ones((n, d)), np.ones((n, s)), np.ones((d, s)), np.ones((d, s))]
    for f in (one_thread, several_threads):
        loss, gradient, product = f(*given)
        assert np.shape(loss) == () and gradient.shape == product.shape == (d, s)
        if n == 0:
            assert np.isnan(loss) and not gradient.any() and not product.any()


def test_what_a_loop_packed_into_one_array_comes_in_blocks_of_rows_as_well():
    x, ws = T.matrix("x"), [T.matrix(f"w{k}") for k in range(5)]
    h = T.tanh(x @ ws[0])
    for w in ws[1:]:
        h = T.tanh(h @ w) + T.tanh(h)
    inputs, outputs = [x, *ws], [T.sum(h**2), *ng.grad(T.sum(h**2), ws)]
    f = ng.function(inputs, outputs)
    assert "kept = empty((rows, " in f.source
    given = [RNG.normal(size=(1500, 4)), *RNG.normal(size=(5, 4, 4))]
    agree(f(*given), ng.function(inputs, outputs, mode="reference")(*given))


def test_arrays_of_any_layout(one_thread):
    X, Y, W, P = data(700, 9, 4)
    wanted = multinomial_by_hand(X, Y, W, P)
    wide = np.zeros((1400, 18))
    wide[::2, ::2] = X
    for layout in (np.asfortranarray(X), wide[::2, ::2], X[::-1][::-1]):
        agree(one_thread(layout, np.asfortranarray(Y), np.asfortranarray(W), P), wanted)


def test_numbers_that_are_none(one_thread):
    X, Y, W, P = data(300, 4, 3)
    X[130, 2], X[299, 0] = np.inf, np.nan
    with np.errstate(all="ignore"):
        found, wanted = one_thread(X, Y, W, P), multinomial_by_hand(X, Y, W, P)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(np.isnan(one), np.isnan(other))


def test_single_precision():
    f = ng.function(*multinomial("float32"))
    for n, d, s in [(1, 3, 2), (200, 6, 5), (700, 6, COLUMNS + 2)]:
        given = data(n, d, s, "float32")
        found = f(*given)
        assert [a.dtype for a in found] == ["float32"] * 3
        agree(found, multinomial_by_hand(*[a.astype("float64") for a in given]), 2e-5)


@pytest.mark.skipif(not machine.supported(), reason="below llvmlite 0.45 there is one thread")
def test_the_number_of_threads_changes_nothing(several_threads):
    given = data(5000, 20, 5)
    try:
        machine.use_threads(1)
        alone = several_threads(*given)
        machine.use_threads(3)
        for one, other in zip(several_threads(*given), alone, strict=True):
            np.testing.assert_array_equal(one, other)
    finally:
        machine.use_threads(pool.thread_count())


def test_a_call_gives_the_same_numbers_again(one_thread):
    given = data(1000, 20, 5)
    for one, other in zip(one_thread(*given), one_thread(*given), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.holds_at("what shares a loop depends on what is simplified", optimize="default")
def test_all_products_are_in_one_loop_over_blocks():
    inputs, outputs = multinomial()
    program = plan(inputs, rewrite(outputs, inputs), "f", 400)
    lines = emit(program, 400).source.splitlines()
    start = next(k for k, line in enumerate(lines) if "max(1, rows)" in line)
    products = [k for k, line in enumerate(lines) if "blas.gemm" in line]
    assert len(products) == 4 and min(products) > start
    assert all(lines[k].startswith("        blas") for k in products)
    assert emit(in_portions(program), 400).source.count("in shared_out(") == 1


def test_what_needs_all_rows_comes_behind_them():
    X, W = T.dmatrix("X"), T.dmatrix("W")
    z = T.tanh(T.dot(X, W))
    r = z / T.sum(z**2)  # no row is known before all have been seen
    f = ng.function([X, W], [T.dot(X.T, r), T.dot(X.T, T.dot(X, W))])
    for n in (3, 300, 1500):
        X_, W_ = RNG.normal(size=(n, 5)), RNG.normal(size=(5, 3))
        z_ = np.tanh(X_ @ W_)
        agree(f(X_, W_), [X_.T @ (z_ / np.sum(z_**2)), X_.T @ (X_ @ W_)])


def test_products_that_are_asked_for_are_whole():
    X, W = T.dmatrix("X"), T.dmatrix("W")
    z = T.dot(X, W)
    p = T.exp(z)
    f = ng.function([X, W], [z, p, T.dot(X.T, p), p.sum(axis=0)])
    for n in (1, 100, 1300):
        X_, W_ = RNG.normal(size=(n, 5)), 0.3 * RNG.normal(size=(5, 3))
        p_ = np.exp(X_ @ W_)
        agree(f(X_, W_), [X_ @ W_, p_, X_.T @ p_, p_.sum(axis=0)])


def test_a_network_of_two_layers(monkeypatch):
    X, Y, W, V = (T.dmatrix(name) for name in "XYWV")
    b = T.dvector("b")
    h = T.tanh(T.dot(X, W) + b)
    loss = T.mean((T.dot(h, V) - Y) ** 2)
    inputs = [X, Y, W, b, V]
    f = ng.function(inputs, [loss, *ng.grad(loss, [W, b, V])])
    shared = ng.function(inputs, [loss, *ng.grad(loss, [W, b, V])], parallel=True)
    slow = ng.function(inputs, [loss, *ng.grad(loss, [W, b, V])], mode="reference")
    assert "in shared_out(" in shared.source
    monkeypatch.setenv("NUMBA_NUM_THREADS", "4")
    for n, hidden in [(0, 4), (1, 4), (130, 8), (700, 8), (520, 300), (9000, 20), (9000, 30)]:
        given = [RNG.normal(size=size) for size in
                 [(n, 6), (n, 2), (6, hidden), (hidden,), (hidden, 2)]]  # fmt: skip
        with np.errstate(all="ignore"):
            wanted = slow(*given)
        agree(f(*given), wanted)
        agree(shared(*given), wanted)


def test_numba_takes_the_same_text():
    X, W = T.dmatrix("X"), T.dmatrix("W")
    f = ng.function([X, W], T.dot(X.T, T.dot(X, W) ** 2))
    assert "[i0:i1]" in f.source
    X_, W_ = RNG.normal(size=(700, 5)), RNG.normal(size=(5, 3))
    np.testing.assert_allclose(f.jitted(X_, W_), X_.T @ (X_ @ W_) ** 2, rtol=1e-12)
    np.testing.assert_allclose(f(X_, W_), X_.T @ (X_ @ W_) ** 2, rtol=1e-12)


def test_an_array_that_is_filled_before_its_rows_are_written():
    X, W = T.dmatrix("X"), T.dmatrix("W")
    z = T.dot(X, W)
    wide = T.set_subtensor(T.zeros((z.shape[0], 7))[:, :3], T.tanh(z))
    wide = T.inc_subtensor(wide[:, 2], z[:, 0])
    f = ng.function([X, W], [T.dot(X.T, wide), T.dot(wide, T.ones((7, 2)))])
    X_, W_ = RNG.normal(size=(1300, 5)), RNG.normal(size=(5, 3))
    wide_ = np.zeros((1300, 7))
    wide_[:, :3] = np.tanh(X_ @ W_)
    wide_[:, 2] += X_ @ W_[:, 0]
    agree(f(X_, W_), [X_.T @ wide_, wide_ @ np.ones((7, 2))])


def test_each_portion_has_arrays_of_its_own():
    X, W, V = (T.dmatrix(name) for name in "XWV")
    h = T.tanh(T.dot(X, W))
    loss = T.sum(T.dot(h, V) ** 2)
    outputs = ng.grad(loss, [W, V])
    inputs = [X, W, V]
    program = plan(inputs, rewrite(outputs, inputs), "f", 400)
    (portion,) = (s.portion for s in in_portions(program).body if isinstance(s, Share))
    arrays = {name for name, _, ndim in portion.parameters if ndim}
    assert {name for name in arrays if not name.endswith("_parts")} == {"X", "W", "V"}


# -- rows of few elements --------------------------------------------------------------------


def row_functions():
    """Rows and what is computed with them, each with its NumPy counterpart."""
    X, b = T.dmatrix("X"), T.dvector("b")
    e = T.exp(X + b - T.max(X, axis=1, keepdims=True))
    total = T.sum(e, axis=1)
    outputs = [e / total[:, None], T.log(total).sum(), T.sum(e, axis=0), T.tanh(X[:, ::-1]) * X]
    return [X, b], [*outputs, T.cumsum(T.exp(X), axis=1)]


def row_functions_by_hand(X, b):
    e = np.exp(X + b - X.max(axis=1, keepdims=True))
    total = e.sum(axis=1)
    outputs = [e / total[:, None], np.log(total).sum(), e.sum(axis=0), np.tanh(X[:, ::-1]) * X]
    return [*outputs, np.cumsum(np.exp(X), axis=1)]


@pytest.fixture(scope="module")
def rows():
    with ng.using(optimize="default"):
        f = ng.function(*row_functions())
    assert "_turned" in f.source
    return f


@pytest.mark.holds_at("loops in stages and by columns are for vectors", optimize="default")
@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(n=st.integers(1, 400), columns=st.integers(1, 2 * COLUMNS), seed=st.integers(0, 99))
def test_rows_of_few_elements(rows, n, columns, seed):
    rng = np.random.default_rng(seed)
    X, b = rng.normal(size=(n, columns)), rng.normal(size=columns)
    agree(rows(X, b), row_functions_by_hand(X, b))


@pytest.mark.holds_at("loops in stages and by columns are for vectors", optimize="default")
def test_columns_whose_number_is_known():
    X = T.tensor("X", dtype="float64", shape=(None, 3))
    s = T.softmax(X, axis=1)
    f = ng.function([X], [s, ng.grad(T.sum(s**2), X)])
    assert "_turned" in f.source
    for n in (0, 1, ROWS, 300):
        X_ = RNG.normal(size=(n, 3))
        e = np.exp(X_)
        s_ = e / e.sum(axis=1, keepdims=True)
        agree(f(X_), [s_, 2 * s_ * (s_ - np.sum(s_**2, axis=1, keepdims=True))])


def test_a_row_that_needs_its_neighbour_stays_as_it_is():
    X = T.dmatrix("X")
    y = T.exp(X[1:]) * X[:-1]
    f = ng.function([X], [y, T.sum(y, axis=1)])
    X_ = RNG.normal(size=(200, 4))
    y_ = np.exp(X_[1:]) * X_[:-1]
    agree(f(X_), [y_, y_.sum(axis=1)])


# -- kernels ---------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [0, 1, 31, 32, 100, 10**7])
def test_how_many_rows_at_once(rows):
    for width in (0, 1, 20, 1000, 10**6):
        for columns in (0, 1, 8, 1000):
            found = blas.rows_at_once(rows, width, columns)
            assert found <= rows and (found >= 1 or rows == 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_product_is_added(dtype):
    a, b = RNG.normal(size=(40, 3)).astype(dtype), RNG.normal(size=(40, 5)).astype(dtype)
    c = np.ones((3, 5), dtype)
    blas.gemm_tn_add(c, a, b)
    np.testing.assert_allclose(c, 1.0 + a.T @ b, rtol=1e-4 if dtype == "float32" else 1e-12)
    with pytest.raises(ValueError, match="inner lengths"):
        blas.gemm_tn_add(c, a[1:], b)


def test_one_loop_writes_over_an_array_once():
    X, Y, W, P = (T.dmatrix(name) for name in "XYWP")
    loss = -(Y * T.log(T.softmax(T.dot(X, W), axis=1))).sum()
    outputs = [ng.grad(loss, W), ng.hessian_vector_product(loss, W, P)]
    # As it was built: the second gradient reads two sums that the same loop made.
    program = plan([X, Y, W, P], rewrite(outputs, [X, Y, W, P], "none"), "f", 400)
    given = data(40, 4, 3)
    found = run(program, emit(program, 400), given)
    agree([made / 40 for made in found], multinomial_by_hand(*given)[1:])
