"""Cholesky factors, linear systems and functions of matrices, against NumPy and SciPy."""

import numpy as np
import pytest
import scipy.linalg

from numbagrad import function, grad
from numbagrad import tensor as T
from numbagrad.gradient import Rop
from numbagrad.tensor import linalg

N = 4


def matrix(seed=0, batch=(), dtype="float64"):
    made = np.random.default_rng(seed).normal(size=(*batch, N, N)) + 3 * np.eye(N)
    if dtype == "complex128":
        made = made + 1j * np.random.default_rng(seed + 9).normal(size=made.shape)
    return made


def definite(seed=0, batch=(), dtype="float64"):
    a = matrix(seed, batch, dtype)
    return a @ np.swapaxes(a, -1, -2).conj()


def run(build, *arrays, mode):
    variables = [
        T.tensor(f"x{k}", dtype=a.dtype.name, shape=(None,) * a.ndim) for k, a in enumerate(arrays)
    ]
    return function(variables, build(*variables), mode=mode)(*arrays)


def check(build, expected, *arrays):
    made = run(build, *arrays, mode="reference")
    np.testing.assert_allclose(made, expected, rtol=1e-9, atol=1e-11)
    assert made.dtype == np.asarray(expected).dtype


def check_derivatives(build, *arrays):
    """Gradient and forward mode against central differences along a random direction."""
    rng = np.random.default_rng(3)
    variables = [
        T.tensor(f"x{k}", dtype="float64", shape=(None,) * a.ndim) for k, a in enumerate(arrays)
    ]
    tangents = [v.clone(f"t{k}") for k, v in enumerate(variables)]
    y = build(*variables)
    directions = [rng.normal(size=a.shape) for a in arrays]
    u = rng.normal(size=run(build, *arrays, mode="reference").shape)
    gradients = grad(T.sum(y * u), variables)
    forward = Rop(y, variables, tangents)
    f = function(variables + tangents, [*gradients, forward], mode="reference")
    *gs, moved = f(*arrays, *directions)
    h = 1e-6
    ahead = [a + h * d for a, d in zip(arrays, directions, strict=True)]
    behind = [a - h * d for a, d in zip(arrays, directions, strict=True)]
    at = function(variables, y, mode="reference")
    difference = (at(*ahead) - at(*behind)) / (2 * h)
    np.testing.assert_allclose(moved, difference, rtol=1e-6, atol=1e-7)
    reverse = sum(np.sum(g * d) for g, d in zip(gs, directions, strict=True))
    assert reverse == pytest.approx(np.sum(moved * u), rel=1e-10)
    return gs


# -- Cholesky -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("lower", [True, False])
def test_cholesky_reads_one_triangle(lower, dtype):
    s = definite(dtype=dtype)
    expected = scipy.linalg.cholesky(s, lower=lower)
    half = np.tril(s) if lower else np.triu(s)
    check(lambda x: linalg.cholesky(x, lower=lower), expected, half)


def test_cholesky_of_stacks():
    s = definite(batch=(2, 3))
    check(linalg.cholesky, np.linalg.cholesky(s), s)


@pytest.mark.parametrize("mode", ["reference", None])
def test_cholesky_of_an_indefinite_matrix(mode):
    with pytest.raises(np.linalg.LinAlgError, match="definite"):
        run(linalg.cholesky, -np.eye(2), mode=mode)
    made = run(lambda x: linalg.cholesky(x, on_error="nan"), -np.eye(2), mode=mode)
    assert np.isnan(made).all()


def test_cholesky_refuses():
    with pytest.raises(ValueError, match="on_error"):
        linalg.cholesky(T.dmatrix(), on_error="ignore")
    with pytest.raises(TypeError, match="'check'"):
        linalg.cholesky(T.dmatrix(), check=True)
    with pytest.raises(ValueError, match="2 dimensions"):
        linalg.cholesky(T.dvector())
    with pytest.raises(ValueError, match="sizes 2 and 3"):
        linalg.cholesky(T.tensor("x", dtype="float64", shape=(2, 3)))


@pytest.mark.parametrize("lower", [True, False])
def test_only_the_named_triangle_has_a_gradient(lower):
    (g,) = check_derivatives(lambda x: linalg.cholesky(x, lower=lower), definite())
    other = np.triu(g, 1) if lower else np.tril(g, -1)
    assert not other.any()


# -- systems ------------------------------------------------------------------------------------


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("assume_a", ["gen", "sym", "pos"])
@pytest.mark.parametrize("lower", [True, False])
def test_solve(assume_a, lower, transposed):
    a = matrix() if assume_a == "gen" else definite() - (0 if assume_a == "pos" else 5 * np.eye(N))
    b = matrix(1)[:, :2]
    expected = np.linalg.solve(a.T if transposed else a, b)
    if assume_a != "gen":
        a = np.tril(a) if lower else np.triu(a)

    def build(a, b):
        return linalg.solve(a, b, assume_a=assume_a, lower=lower, transposed=transposed)

    check(build, expected, a, b)
    check(build, expected[:, 0], a, b[:, 0])
    check_derivatives(build, a, b)


@pytest.mark.parametrize("assume_a", ["gen", "sym", "her", "pos"])
@pytest.mark.parametrize("lower", [True, False])
def test_solve_complex(assume_a, lower):
    a = matrix(dtype="complex128") if assume_a in ("gen", "sym") else definite(dtype="complex128")
    a = a + a.T if assume_a == "sym" else a
    b = matrix(1, dtype="complex128")
    expected = np.linalg.solve(a, b)
    if assume_a != "gen":
        a = np.tril(a) if lower else np.triu(a)
    check(lambda a, b: linalg.solve(a, b, assume_a=assume_a, lower=lower), expected, a, b)


def test_solve_of_stacks():
    a, b = matrix(batch=(3,)), matrix(1)
    check(linalg.solve, np.linalg.solve(a, np.broadcast_to(b, a.shape)), a, b)
    v = matrix(1)[:3]
    expected = np.linalg.solve(a, v[..., None])[..., 0]
    check(lambda a, v: linalg.solve(a, v, b_ndim=1), expected, a, v)


@pytest.mark.parametrize("mode", ["reference", None])
def test_singular_systems(mode):
    with pytest.raises(np.linalg.LinAlgError, match=r"[Ss]ingular"):
        run(linalg.solve, np.zeros((2, 2)), np.ones(2), mode=mode)


def test_systems_that_are_not_as_assumed():
    with pytest.raises(np.linalg.LinAlgError, match=r"[Ss]ingular"):
        run(linalg.solve_triangular, np.zeros((2, 2)), np.ones(2), mode="reference")
    with pytest.raises(np.linalg.LinAlgError, match="definite"):
        run(
            lambda a, b: linalg.solve(a, b, assume_a="pos"),
            -np.eye(2),
            np.ones(2),
            mode="reference",
        )


def test_solve_refuses():
    a, b = T.dmatrix(), T.dvector()
    with pytest.raises(ValueError, match="assume_a"):
        linalg.solve(a, b, assume_a="magic")
    with pytest.raises(ValueError, match="b_ndim"):
        linalg.solve(a, b, b_ndim=3)
    with pytest.raises(ValueError, match="b has 1 dimensions"):
        linalg.solve(a, b, b_ndim=2)
    with pytest.raises(ValueError, match="trans"):
        linalg.solve_triangular(a, b, trans="X")


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("unit_diagonal", [False, True])
@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("trans", ["N", "T", "C", 0, 1, 2])
def test_solve_triangular(trans, lower, unit_diagonal, dtype):
    a, b = matrix(dtype=dtype), matrix(1, dtype=dtype)
    options = {"trans": trans, "lower": lower, "unit_diagonal": unit_diagonal}
    expected = scipy.linalg.solve_triangular(a, b, **options)
    check(lambda a, b: linalg.solve_triangular(a, b, **options), expected, a, b)
    if dtype == "float64":
        g, _ = check_derivatives(lambda a, b: linalg.solve_triangular(a, b, **options), a, b)
        k = 1 if unit_diagonal else 0
        kept = np.tril(g, -k) if lower else np.triu(g, k)
        np.testing.assert_array_equal(g, kept)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("lower", [True, False])
def test_cho_solve(lower, dtype):
    s, b = definite(dtype=dtype), matrix(1, dtype=dtype)[:, 0]
    c = scipy.linalg.cholesky(s, lower=lower)
    check(lambda c, b: linalg.cho_solve((c, lower), b), np.linalg.solve(s, b), c, b)


# -- inverse, determinant -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_inverse_and_determinant(dtype):
    for a in (matrix(dtype=dtype), matrix(batch=(2,), dtype=dtype)):
        check(linalg.inv, np.linalg.inv(a), a)
        check(linalg.det, np.linalg.det(a), a)


def test_integers_are_solved_in_float64():
    a = np.array([[2, 0], [1, 4]], "int8")
    check(linalg.inv, np.linalg.inv(a), a)
    check(linalg.det, np.linalg.det(a), a)
    check(linalg.cholesky, np.linalg.cholesky(np.diag([4, 9])), np.diag([4, 9]))


def test_derivatives_of_inverse_and_determinant():
    check_derivatives(linalg.inv, matrix())
    check_derivatives(linalg.det, matrix())
    check_derivatives(lambda a: linalg.slogdet(a)[1], matrix())
    check_derivatives(linalg.inv, matrix(batch=(2,)))
    check_derivatives(lambda a: linalg.slogdet(a)[1], matrix(batch=(2,)))


def test_derivative_of_a_complex_determinant():
    """Along a real path into the complex plane, where finite differences are easy."""
    a, d = matrix(dtype="complex128"), matrix(2, dtype="complex128")
    t = T.dscalar()
    y = T.real(linalg.det(T.constant(a) + t * T.constant(d)))
    made = function([t], grad(y, t), mode="reference")(0.0)
    h = 1e-6
    expected = (np.linalg.det(a + h * d) - np.linalg.det(a - h * d)).real / (2 * h)
    assert made == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("mode", ["reference", None])
def test_slogdet(mode):
    for a in (matrix(), -matrix(batch=(2,)), np.zeros((2, 2)), 1e-200 * np.eye(3)):
        sign, logarithm = run(lambda a: list(linalg.slogdet(a)), a, mode=mode)
        np.testing.assert_allclose(sign, np.linalg.slogdet(a)[0])
        np.testing.assert_allclose(logarithm, np.linalg.slogdet(a)[1])


def test_sign_of_the_determinant_has_no_derivative():
    a = T.dmatrix()
    made = function(
        [a],
        grad(T.sum(linalg.slogdet(a)[0]), a, disconnected_inputs="ignore"),
        on_unused_input="ignore",
        mode="reference",
    )(matrix())
    assert not made.any()
    with pytest.raises(TypeError, match="real"):
        linalg.slogdet(T.zmatrix())


def test_singular_inverse():
    with pytest.raises(np.linalg.LinAlgError, match=r"[Ss]ingular"):
        run(linalg.inv, np.zeros((2, 2)), mode="reference")
    assert run(linalg.det, np.zeros((2, 2)), mode=None) == 0


# -- composites ---------------------------------------------------------------------------------


def test_trace():
    a = matrix(batch=(2,))
    check(linalg.trace, np.linalg.trace(a), a)
    check(linalg.trace, np.trace(a[0, :3]), a[0, :3])
    with pytest.raises(ValueError, match="trace"):
        linalg.trace(T.dvector())


@pytest.mark.parametrize("n", [0, 1, 2, 5, -1, -3])
def test_matrix_power(n):
    a = matrix() / 2
    check(lambda a: linalg.matrix_power(a, n), np.linalg.matrix_power(a, n), a)


def test_matrix_power_refuses():
    with pytest.raises(TypeError, match="integer"):
        linalg.matrix_power(T.dmatrix(), 0.5)
    with pytest.raises(ValueError, match="square"):
        linalg.matrix_power(T.tensor("x", dtype="float64", shape=(2, 3)), 2)


def test_matrix_dot():
    a, b, c = matrix(), matrix(1), matrix(2)[:, 0]
    check(linalg.matrix_dot, a @ b @ c, a, b, c)


@pytest.mark.parametrize("shapes", [((2, 3), (4, 2)), ((3,), (2,)), ((2,), (3, 2)), ((), (2, 2))])
def test_kron(shapes):
    a, b = (np.random.default_rng(k).normal(size=s) for k, s in enumerate(shapes))
    check(linalg.kron, np.kron(a, b), a, b)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("order", [None, 0, 1, 2, 3, np.inf, -np.inf, -1])
def test_norms_of_vectors(order, keepdims):
    a = matrix()
    a[0, 1] = 0
    for axis in (0, 1):
        expected = np.linalg.norm(a + (order == -1), order, axis, keepdims)
        check(
            lambda a, axis=axis: linalg.norm(a, order, axis, keepdims), expected, a + (order == -1)
        )
    if order is not None:
        check(lambda v: linalg.norm(v, order), np.linalg.norm(a[1], order), a[1])


@pytest.mark.parametrize("order", [None, "fro", 1, -1, np.inf, -np.inf])
def test_norms_of_matrices(order):
    a = matrix(batch=(2,))
    check(lambda a: linalg.norm(a, order), np.linalg.norm(a[0], order), a[0])
    for axes in ((1, 2), (2, 1), (-1, 0)):
        check(lambda a, axes=axes: linalg.norm(a, order, axes), np.linalg.norm(a, order, axes), a)


def test_norms_of_complex_and_whole_numbers():
    a = matrix(dtype="complex128")
    for order in (None, 1, 3):
        check(lambda v, order=order: linalg.norm(v, order), np.linalg.norm(a[0], order), a[0])
    check(linalg.norm, np.linalg.norm([3, 4]), np.array([3, 4]))


def test_norms_that_are_not_defined():
    for order in (2, "nuc", 5):
        with pytest.raises(ValueError, match="norm"):
            linalg.norm(T.dmatrix(), order)
    with pytest.raises(ValueError, match="1 or 2 dimensions"):
        linalg.norm(T.dtensor3(), 1)
    with pytest.raises(ValueError, match="order of a vector norm"):
        linalg.norm(T.dvector(), "fro")


def test_norm_method_takes_all_elements_as_one_vector():
    a = matrix()
    check(lambda a: a.norm(2), np.linalg.norm(a), a)
    check(lambda a: a.norm(3, axis=1), np.linalg.norm(a, 3, 1), a)


# -- compiled -----------------------------------------------------------------------------------


@pytest.mark.newest("each of these Ops is compiled in test_ops_derived")
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_compiled_code_agrees_with_numpy(dtype):
    s, a, b = definite(dtype=dtype), matrix(dtype=dtype), matrix(1, dtype=dtype)
    x, y, z = (T.tensor(n, dtype=dtype, shape=(None, None)) for n in "xyz")
    outputs = [
        linalg.cholesky(x),
        linalg.cholesky(x, lower=False),
        linalg.solve(y, z),
        linalg.solve(y, z[0], transposed=True),
        linalg.solve(x, z, assume_a="pos"),
        linalg.solve(x, z, assume_a="her", lower=True),
        linalg.solve_triangular(y, z, "C"),
        linalg.solve_triangular(y, z, lower=True, unit_diagonal=True),
        linalg.cho_solve((linalg.cholesky(x), True), z[:, 0]),
        linalg.inv(y),
        linalg.det(y),
        linalg.matrix_power(y, -3),
        linalg.kron(y, z),
        linalg.trace(y),
        linalg.norm(y),
        linalg.norm(y, 1),
    ]
    if dtype == "complex128":  # one output for each kernel that conjugates
        outputs = [outputs[k] for k in (0, 3, 5, 6, 9, 10, 14)]
    expected = function([x, y, z], outputs, mode="reference")(s, a, b)
    made = function([x, y, z], outputs)(s, a, b)
    for one, other, variable in zip(made, expected, outputs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9, err_msg=str(variable.owner))
        assert one.dtype == other.dtype
