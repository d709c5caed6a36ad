"""The printed source of some thirty graphs, which a refactoring must not change.

Each graph is also compiled, or run as plain Python where compiling would teach nothing, and
compared with the reference interpreter.
"""

import numpy as np
import pytest

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.codegen.emit import emit
from numbagrad.codegen.plan import plan
from numbagrad.rewrite import rewrite


def garch():
    """The model of the chapter on loops: a value and its gradient, through a loop."""
    e = T.dvector("e")
    omega, alpha, beta = T.dscalars("omega", "alpha", "beta")

    def step(e, square, variance):
        variance = omega + alpha * square + beta * variance
        return e**2, variance

    (_, variance), _ = ng.scan(step, sequences=e, outputs_info=[1.0, 1.0])
    loss = 0.5 * T.sum(T.log(variance) + e**2 / variance)
    loss.name = "loss"
    return [e, omega, alpha, beta], [loss, *ng.grad(loss, [omega, alpha, beta])]


def rows():
    """Name, inputs, outputs."""
    x, y, v = T.dscalar("x"), T.dvector("y"), T.dvector("v")
    X, w = T.dmatrix("X"), T.dvector("w")
    k = T.lvector("k")
    yield "square_gradient", [x], ng.grad(x**2, x)
    yield "elementwise_chain", [y], T.exp(-(y**2)) * T.sin(y) + 1.0
    yield "two_outputs_one_loop", [y, v], [y + v, y * v]
    yield "sum_of_squares_gradient", [y], [T.sum(y**2), ng.grad(T.sum(y**2), y)]
    yield "mean_and_variance", [y], [y.mean(), y.var()]
    yield "row_sums", [X], X.sum(axis=1)
    yield "column_sums", [X], X.sum(axis=0)
    yield "softmax_rows", [X], T.exp(X) / T.exp(X).sum(axis=1, keepdims=True)
    z = T.dot(X, w)
    loss = T.sum(T.log(1 + T.exp(z)) - v * z)
    loss.name = "loss"
    yield "logistic_gradient", [X, v, w], [loss, ng.grad(loss, w)]
    p = T.dvector("p")
    hvp = ng.gradient.hessian_vector_product(loss, w, p)
    hvp.name = "hvp"
    yield "logistic_gradient_hvp", [X, v, w, p], [loss, ng.grad(loss, w), hvp]
    yield "transposed", [X], X.T * 2.0
    yield "outer_product", [y, v], T.outer(y, v)
    yield "matrix_product", [X], T.dot(X, X.T)
    yield "argmax_rows", [X], [T.argmax(X, axis=1), X.max(axis=1)]
    yield "any_all", [X], [T.any(X > 1, axis=1), T.all(X > -9)]
    yield "switch", [y], T.switch(y < 0, -y, T.sqrt(y))
    yield "switch_gradient", [y], ng.grad(T.switch(y < 1, y, T.sqrt(y)).sum(), y)
    yield "slices", [y], y[1:] - y[:-1]
    yield "reversed_steps", [y], y[::-2]
    yield (
        "rosenbrock_gradient",
        [y],
        ng.grad(T.sum(100 * (y[1:] - y[:-1] ** 2) ** 2 + (1 - y[:-1]) ** 2), y),
    )
    yield "gather", [y, k], y[k] * 2.0
    yield "gather_scatter", [y, k], ng.grad(T.sum(y[k] ** 2), y)
    yield "set_element", [y, x], y[0].set(x)
    yield "join", [y, v], T.concatenate([y, v * 2.0])
    yield "stack", [y, v], T.stack([y, v])
    yield "garch_gradient", *garch()
    yield "reshape", [X], X.reshape((-1,)) + 1.0
    yield "broadcast_column", [X, y], X * T.exp(y)[:, None]
    yield "float32_chain", [T.fvector("f")], T.tanh(T.fvector("f") * 0.5)
    yield "integers", [k], [k // 3, k % 3, k.sum()]
    yield "scalars_only", [x], [T.exp(x) + 1.0, T.exp(x) * 2.0]
    yield "cholesky_solve", [X, y], T.linalg.solve_triangular(T.linalg.cholesky(X), y, lower=True)
    yield "identity", [y], y
    yield "constant_output", [y], T.zeros_like(y)


ROWS = {name: (inputs, outputs) for name, inputs, outputs in rows()}
# One graph is made of its own input variable.
_f = T.fvector("f")
ROWS["float32_chain"] = ([_f], T.tanh(_f * 0.5))


def printed(inputs, outputs, name=None, cap=400):
    outputs = outputs if isinstance(outputs, list) else [outputs]
    return emit(plan(inputs, rewrite(outputs, inputs), name, cap), cap).source


def draw(variable, rng):
    """A value: sizes that make a mistake in a loop's extent visible, matrices positive definite."""
    if variable.ndim == 0:
        return np.asarray(1.25, variable.dtype)
    if variable.dtype == "int64":
        return np.array([2, 0, 2, 1, -1])
    if variable.ndim == 1:
        return rng.normal(size=5).astype(variable.dtype)
    A = rng.normal(size=(5, 5))
    return A @ A.T + np.eye(5)


@pytest.mark.newest("nothing is compiled")
@pytest.mark.parametrize("name", ROWS)
def test_source_is_as_it_was(name, golden):
    golden(f"{name}.py", printed(*ROWS[name], name=name))


@pytest.mark.newest("nothing is compiled")
@pytest.mark.parametrize("name", ROWS)
def test_source_is_deterministic(name):
    first, second = (printed(*ROWS[name], name=name) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("name", ROWS)
def test_compiled_equals_reference(name):
    inputs, outputs = ROWS[name]
    rng = np.random.default_rng(5)
    values = [draw(v, rng) for v in inputs]
    copies = [v.copy() for v in values]
    compiled = ng.function(inputs, outputs, name=name)
    made = compiled(*values)
    wanted = ng.function(inputs, outputs, mode="reference")(*values)
    several = isinstance(outputs, list)
    for got, expected in zip(
        made if several else [made], wanted if several else [wanted], strict=True
    ):
        assert got.dtype == expected.dtype and got.shape == expected.shape
        np.testing.assert_allclose(got, expected, rtol=1e-6 if "float32" in name else 1e-11)
        assert not any(np.may_share_memory(got, v) for v in values)
    for value, kept in zip(values, copies, strict=True):
        np.testing.assert_array_equal(value, kept)
