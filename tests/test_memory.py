"""How much memory a call takes: results, what the way back must keep, and no array more."""

import ctypes
import re

import numpy as np
import pytest

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.jit import machine

pytestmark = [
    pytest.mark.skipif(
        not machine.supported(), reason="below llvmlite 0.45 Numba allocates, and counts nothing"
    ),
    pytest.mark.holds_at(
        "it counts memory and looks at what is printed",
        compiler="direct",
        optimize="default",
    ),
]


def peak_of(f, *values):
    """The bytes of large blocks that a call adds at most, and those of its results."""
    engine = machine._set_up()[1]
    in_use, most = (
        ctypes.c_int64.from_address(engine.get_global_value_address(f"numbagrad_{name}"))
        for name in ("in_use", "most")
    )
    before, most.value = in_use.value, in_use.value
    results = f(*values)
    return most.value - before, sum(r.nbytes for r in results)


def elementwise(n):
    x, y = T.dvectors("x", "y")
    z = T.exp(-(x**2)) * T.sin(y)
    f = ng.function([x, y], [z, *ng.grad(z.sum(), [x, y])])
    return f, (np.linspace(0.0, 1.0, n), np.linspace(1.0, 2.0, n)), 0


def logistic(n):
    X, w, y = T.dmatrix("X"), T.dvector("w"), T.dvector("y")
    z = X @ w
    cost = (T.softplus(z) - y * z).mean()
    f = ng.function([X, w, y], [cost, ng.grad(cost, w)])
    return f, (np.ones((n, 3)), np.ones(3), np.ones(n)), 0


def network(n):
    X, W1, W2, b = T.dmatrix("X"), T.dmatrix("W1"), T.dmatrix("W2"), T.dvector("b")
    cost = ((T.tanh(X @ W1 + b) @ W2) ** 2).mean()
    f = ng.function([X, W1, b, W2], [cost, *ng.grad(cost, [W1, b, W2])])
    values = np.ones((n, 4)), np.full((4, 16), 0.1), np.zeros(16), np.full((16, 2), 0.1)
    # The layer, what comes back to it, and the last layer.
    return f, values, 8 * n * (16 + 16 + 2)


def volatility(n):
    r = T.dvector("r")
    a, b = T.dscalars("a", "b")
    h, _ = ng.scan(
        lambda r, h, a, b: 0.1 + a * r**2 + b * h,
        sequences=[r],
        outputs_info=[T.constant(1.0)],
        non_sequences=[a, b],
    )
    cost = (T.log(h) + r**2 / h).sum()
    f = ng.function([r, a, b], [cost, *ng.grad(cost, [a, b])])
    # The states after and before each step; what comes back goes over the former.
    return f, (np.ones(n), 0.1, 0.8), 2 * 8 * n


def filtered(n):
    y, q, s = T.dvector("y"), T.dscalar("q"), T.dscalar("s")

    def step(y, m, P, q, s):
        P = P + q
        K = P / (P + s)
        return m + K * (y - m), (1 - K) * P, T.log(P + s) + (y - m) ** 2 / (P + s)

    (_, _, terms), _ = ng.scan(
        step,
        sequences=[y],
        outputs_info=[T.constant(0.0), T.constant(1.0), None],
        non_sequences=[q, s],
    )
    cost = terms.sum()
    f = ng.function([y, q, s], [cost, *ng.grad(cost, [q, s])])
    return f, (np.ones(n), 0.1, 0.2), 2 * 8 * n


def recomputed(n):
    r, v = T.dvector("r"), T.dvector("v")
    a = T.dscalar("a")
    h, _ = ng.scan(
        lambda r, h, a: T.tanh(0.1 + a * r**2 + h * T.sin(h)),
        sequences=[r],
        outputs_info=[T.constant(1.0)],
        non_sequences=[a],
        checkpoint="sqrt",
    )
    by_r = ng.grad(h[-1], r)
    f = ng.function([r, a, v], [h[-1], by_r, ng.Rop(by_r, r, v)])
    # States before segments and all of one segment, with their tangents.
    return f, (np.ones(n), 0.1, np.ones(n)), 20 * 8 * int(n**0.5)


def by_a_sequence(n):
    r = T.dvector("r")
    h, _ = ng.scan(lambda r, h: T.tanh(r * h), sequences=[r], outputs_info=[T.constant(1.0)])
    f = ng.function([r], [h[-1], ng.grad(h[-1], r)])
    return f, (np.ones(n),), 8 * n  # the states


def determinant(n):
    S = T.dmatrix("S")
    cost = T.log(T.diag(T.linalg.cholesky(S))).sum()
    f = ng.function([S], [cost, ng.grad(cost, S)])
    m = int(n**0.5)
    # The factor, and one of two factors of a product; the other one is where the result comes.
    return f, (np.eye(m) + 0.1 / m,), 2 * 8 * m**2


def gaussian_process(n):
    X, y, scale, noise = T.dvector("X"), T.dvector("y"), T.dscalar("scale"), T.dscalar("noise")
    far = (X[:, None] - X[None, :]) ** 2 / scale
    L = T.linalg.cholesky(T.exp(-far) + noise * T.eye(X.shape[0]))
    z = T.linalg.solve_triangular(L, y, lower=True)
    cost = T.log(T.diag(L)).sum() + 0.5 * (z**2).sum()
    f = ng.function([X, y, scale, noise], [cost, *ng.grad(cost, [scale, noise])])
    m = int(n**0.5)
    # Two matrices that the kernel is made of, the factor, and the two factors of a product.
    return f, (np.linspace(0.0, 9.0, m), np.ones(m), 1.0, 0.1), 5 * 8 * m**2 + 8 * 10 * m


@pytest.mark.parametrize(
    "model",
    [
        elementwise,
        logistic,
        network,
        volatility,
        filtered,
        recomputed,
        by_a_sequence,
        determinant,
        gaussian_process,
    ],
)
def test_results_and_what_the_way_back_keeps(model):
    n = 300_000
    f, values, kept = model(n)
    peak, results = peak_of(f, *values)
    assert peak <= results + kept + 2**16


class TestSolvedInPlace:
    """A kernel that solves writes over the right sides, if nobody reads them any more."""

    def check(self, outputs):
        A, B = T.dmatrices("A", "B")
        made = outputs(A, B)
        f = ng.function([A, B], made)
        reference = ng.function([A, B], made, mode="reference")
        random = np.random.default_rng(1)
        a = random.normal(size=(20, 20))
        values = a @ a.T + np.eye(20), random.normal(size=(20, 20))
        kept = [v.copy() for v in values]
        for mine, other in zip(f(*values), reference(*values), strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-9)
        for value, before in zip(values, kept, strict=True):
            np.testing.assert_array_equal(value, before)
        return f.source

    def test_over_what_is_read_last(self):
        source = self.check(lambda A, B: [T.linalg.solve(A, T.linalg.cholesky(A + A.T) + B)])
        assert re.search(r"(t\d) = (t\d)\n.*\n *lapack.cholesky_into\(\1, \2,", source)
        source = self.check(lambda A, B: [T.sin(T.linalg.solve(A, A @ B)).sum()])
        assert re.search(r"(t\d) = (t\d)\n.*\n *lapack.solve_into\(\1, A, \2\)", source)

    @pytest.mark.parametrize(
        "outputs",
        [
            lambda A, B: [T.linalg.solve(A, B)],
            lambda A, B: [T.linalg.solve(A + B @ A, A + B @ A)],
            lambda A, B: [T.linalg.cholesky(A) @ A @ B],
            lambda A, B: [T.linalg.solve(A, A @ B) @ B, A @ B],
            lambda A, B: [T.linalg.solve_triangular(A, A @ B, lower=True) @ (A @ B)],
        ],
    )
    def test_not_over_what_is_still_read(self, outputs):
        source = self.check(outputs)
        assert not re.search(r"(t\d) = (t\d)\n.*\n *lapack.\w+_into\(\1, (\w+, )?\2\W", source)

    def test_in_a_loop(self):
        A, B = T.dmatrices("A", "B")
        X, _ = ng.scan(
            lambda X, A: T.linalg.solve_triangular(A, T.tanh(X) + 1.0, lower=True),
            outputs_info=[B],
            non_sequences=[A],
            n_steps=4,
        )
        cost = (X[-1] ** 2).sum()
        made = [X, cost, *ng.grad(cost, [A, B])]
        f, reference = (ng.function([A, B], made, mode=m) for m in (None, "reference"))
        random = np.random.default_rng(2)
        for n in (3, 20):
            values = random.normal(size=(n, n)) + 3 * np.eye(n), random.normal(size=(n, 2))
            for mine, other in zip(f(*values), reference(*values), strict=True):
                np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-9)


class TestCollectedInPlace:
    """What loops collect goes to where it is wanted: from the end, into a part of a result."""

    def check(self, outputs, *values, numba=False):
        x = T.tensor("x", dtype="float64", shape=(None,) * values[0].ndim)
        made = outputs(x)
        f = ng.function([x], made)
        reference = ng.function([x], made, mode="reference")
        for value in values:
            before = value.copy()
            wanted = reference(value)
            places = [np.full(other.shape, 7.0) for other in wanted]
            f(value, out=places)
            again = [f.jitted(value)] if numba else []
            for made_ in [f(value), places, *again]:
                for mine, other in zip(made_, wanted, strict=True):
                    np.testing.assert_allclose(mine, other, rtol=1e-12, atol=1e-12)
            np.testing.assert_array_equal(value, before)
        return f.source

    @staticmethod
    def states(x):
        return ng.scan(lambda a, h: T.tanh(a + h), sequences=[x], outputs_info=[x[0] * 0.5])[0]

    def test_from_the_end(self):
        for shape in (7,), (7, 2):
            source = self.check(lambda x: [self.states(x)[::-1]], np.ones(shape) * 0.3)
            assert source.count("empty(") == 1 + (shape == (7, 2)) and "t - 1" not in source

    @pytest.mark.parametrize(
        "outputs",
        [
            lambda h: [h[::-1], h],
            lambda h: [h[::-1], h.sum()],
            lambda h: [h[::-1], h[::-1] * 2.0],
            lambda h: [h[::-1].cumsum()],
            lambda h: [T.concatenate([h[::-1], h[::-1]])],
            lambda h: [h[::-1][::-1].cumsum()],
            lambda h: [ng.scan(lambda a, b: a * b, sequences=[h[::-1], h])[0], h[::-1]],
        ],
    )
    def test_what_else_is_asked_for(self, outputs):
        self.check(lambda x: outputs(self.states(x)), np.linspace(0.1, 0.9, 6), np.ones(1))

    @pytest.mark.parametrize("checkpoint", [1, 3, "sqrt"])
    def test_in_a_part_of_a_result(self, checkpoint):
        def gradients(x):
            h, _ = ng.scan(
                lambda a, h: T.tanh(a * h + 0.5),
                sequences=[x],
                outputs_info=[T.ones_like(x[0])],
                checkpoint=checkpoint,
            )
            g = ng.grad((h[-1] ** 2).sum(), x)
            return [g, ng.Rop(g, x, x)]

        lengths = [1, 2, 3, 4, 9, 10, 11]
        values = [np.linspace(0.1, 0.9, n) for n in lengths]
        source = self.check(gradients, *values, numba=checkpoint == 3)
        if checkpoint != 1:
            assert re.search(r"t\d+ = t\d+\[:\w+\]\.reshape\(\(", source)
        self.check(gradients, *(np.linspace(0.1, 0.9, 2 * n).reshape(n, 2) for n in lengths))

    def test_not_into_what_is_there_already(self):
        def outputs(x):
            h = self.states(x)
            folded = T.reshape(T.outer(h, h), (-1,))
            return [T.concatenate([folded, x]), T.concatenate([folded, x * 2.0]), folded.sum()]

        self.check(outputs, np.linspace(0.1, 0.9, 5))

    def test_the_beginning_of_an_array_in_another_shape(self):
        k = T.lscalar("k")
        x = T.dvector("x")
        folded = T.reshape(x[: 2 * k], (k, 2))
        f = ng.function([x, k], [(folded * folded[::-1]).sum(), folded @ T.ones((2, 2))])
        reference = ng.function([x, k], f.maker.unoptimized, mode="reference")
        for size, count in (8, 3), (6, 3), (5, 0):
            value = np.arange(float(size))
            for mine, other in zip(f(value, count), reference(value, count), strict=True):
                np.testing.assert_allclose(mine, other)
        with pytest.raises(ng.errors.ShapeError):
            f(np.arange(5.0), 3)


class TestOverTheOldOne:
    """An array that a loop reads for the last time serves as the one that the loop makes."""

    def source_of(self, make):
        X, W = T.dmatrices("X", "W")
        outputs = make(X @ W)
        f = ng.function([X, W], outputs)
        reference = ng.function([X, W], outputs, mode="reference")
        random = np.random.default_rng(0)
        values = random.normal(size=(3, 4)), random.normal(size=(4, 3))
        for mine, other in zip(f(*values), reference(*values), strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-12, atol=1e-12)
        assert "# t1 = X @ W" in f.source
        return f.source

    def test_at_the_same_place(self):
        source = self.source_of(lambda p: [T.tanh(p + 1.0) @ T.ones((3, 2))])
        assert re.search(r"t\d = t1$", source, re.MULTILINE)

    @pytest.mark.parametrize(
        "make",
        [
            lambda p: [T.tanh(p.T + p) @ T.ones((3, 2))],
            lambda p: [T.tanh(p - p[0]) @ T.ones((3, 2))],
            lambda p: [T.tanh(p[::-1]) @ T.ones((3, 2))],
            lambda p: [T.tanh(p) @ p],
            lambda p: [T.tanh(p) @ T.ones((3, 2)), p],
            lambda p: [T.cumsum(T.tanh(p), axis=0) @ T.ones((3, 2)), (p * p).sum(axis=1)],
        ],
    )
    def test_not_where_an_element_is_read_elsewhere(self, make):
        assert not re.search(r"t\d = t1$", self.source_of(make), re.MULTILINE)
