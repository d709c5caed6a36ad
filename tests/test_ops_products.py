"""Products of vectors, matrices and stacks of them, against NumPy."""

import numpy as np
import pytest

from numbagrad import function, grad
from numbagrad import tensor as T
from numbagrad.errors import ShapeError
from numbagrad.gradient import Rop

RNG = np.random.default_rng(11)


def make(shape, dtype="float64", seed=0):
    made = np.random.default_rng(seed).normal(size=shape) * 3
    if dtype.startswith("complex"):
        made = made + 1j * np.random.default_rng(seed + 50).normal(size=shape)
    return made.astype(dtype)


def variables_of(arrays):
    return [
        T.tensor(f"x{k}", dtype=a.dtype.name, shape=tuple(1 if s == 1 else None for s in a.shape))
        for k, a in enumerate(arrays)
    ]


def run(build, *arrays, mode="reference"):
    variables = variables_of(arrays)
    return function(variables, build(*variables), mode=mode)(*arrays)


def check(build, expected, *arrays, mode="reference", rtol=1e-12):
    made = run(build, *arrays, mode=mode)
    np.testing.assert_allclose(made, expected, rtol=rtol, atol=rtol)
    assert made.dtype == np.asarray(expected).dtype
    assert made.shape == np.shape(expected)


MATMUL = [
    ((4,), (4,)),
    ((3, 4), (4,)),
    ((4,), (4, 2)),
    ((3, 4), (4, 2)),
    ((5, 3, 4), (4,)),
    ((4,), (5, 4, 2)),
    ((5, 3, 4), (5, 4, 2)),
    ((3, 4), (5, 4, 2)),
    ((5, 3, 4), (4, 2)),
    ((2, 1, 3, 4), (5, 4, 2)),
    ((3, 0), (0, 2)),
    ((0, 3), (3, 2)),
    ((3, 1), (1, 2)),
    ((0,), (0,)),
]


@pytest.mark.parametrize(("left", "right"), MATMUL)
def test_matmul(left, right):
    a, b = make(left), make(right, seed=1)
    check(lambda a, b: a @ b, a @ b, a, b)
    check(
        lambda a, b: T.matmul(a, b, dtype="complex64"),
        np.matmul(a, b, dtype="complex64", casting="unsafe"),
        a,
        b,
        rtol=1e-5,
    )


@pytest.mark.parametrize(("left", "right"), MATMUL)
def test_derivatives_of_matmul(left, right):
    a, b = make(left), make(right, seed=1)
    u = make(np.matmul(a, b).shape, seed=2)
    arrays = [a, b, make(left, seed=3), make(right, seed=4), u]
    va, vb, ta, tb, vu = variables_of(arrays)
    y = va @ vb
    outputs = [*grad(T.sum(y * vu), [va, vb]), Rop(y, [va, vb], [ta, tb])]
    f = function([va, vb, ta, tb, vu], outputs, mode="reference", on_unused_input="ignore")
    ga, gb, forward = f(*arrays)
    np.testing.assert_allclose(forward, arrays[2] @ b + a @ arrays[3], atol=1e-12)
    for g, t, other in ((ga, arrays[2], arrays[2] @ b), (gb, arrays[3], a @ arrays[3])):
        assert g.shape == t.shape
        assert np.sum(g * t) == pytest.approx(np.sum(u * other), abs=1e-11)


@pytest.mark.parametrize("dtypes", [
    ("int8", "int8"), ("bool", "bool"), ("int64", "float32"), ("float32", "float32"),
    ("float32", "complex64"), ("uint8", "int16"), ("bool", "float64"),
])  # fmt: skip
def test_dtypes(dtypes):
    pairs = [(make(left, dtypes[0]), make(right, dtypes[1], 1)) for left, right in MATMUL[:4]]
    arrays = [a for pair in pairs for a in pair]
    variables = variables_of(arrays)
    outputs = [
        op(*variables[k : k + 2]) for op in (T.matmul, T.dot) for k in range(0, len(arrays), 2)
    ]
    expected = [op(*pair) for op in (np.matmul, np.dot) for pair in pairs]
    for mode in ("reference", None):
        made = function(variables, outputs, mode=mode)(*arrays)
        for one, other in zip(made, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5)
            assert one.dtype == other.dtype


@pytest.mark.parametrize(("left", "right"), [
    ((), ()), ((), (3,)), ((2, 3), ()), ((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 2)),
    ((3, 4), (4, 2)), ((2, 3, 4), (4,)), ((2, 3, 4), (5, 4, 2)), ((4,), (5, 4, 2)),
])  # fmt: skip
def test_dot(left, right):
    a, b = make(left), make(right, seed=1)
    check(T.dot, np.dot(a, b), a, b)


@pytest.mark.parametrize("mode", ["reference", None])
def test_sizes_that_do_not_fit(mode):
    for left, right in [((3, 4), (3,)), ((3,), (4, 2)), ((3,), (4,)), ((3, 4), (3, 2))]:
        with pytest.raises(ShapeError):
            run(T.dot, make(left), make(right), mode=mode)


def test_sizes_known_not_to_fit():
    a, b = T.tensor("a", dtype="float64", shape=(2, 3)), T.tensor("b", dtype="float64", shape=(4,))
    with pytest.raises(ShapeError, match=r"dot: .*\(3\).*\(4\)"):
        T.dot(a, b)
    with pytest.raises(ShapeError, match="sizes 3 and 4"):
        a @ b
    with pytest.raises(ShapeError, match=r"axis 1 .* size 3 .* axis 0 .* 4"):
        T.tensordot(a, b, 1)


def test_matmul_refuses_scalars():
    with pytest.raises(ValueError, match="use \\* for scalars"):
        T.matmul(T.dscalar(), T.dvector())


def test_outer():
    a, b = make((2, 3)), make((4,), seed=1)
    check(T.outer, np.outer(a, b), a, b)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_vecdot_matvec_vecmat(dtype):
    a, u, v = make((5, 3, 4), dtype), make((5, 3), dtype, 1), make((5, 4), dtype, 2)
    check(T.vecdot, np.vecdot(v, v), v, v)
    check(T.vecdot, np.vecdot(a, v[0]), a, v[0])
    check(T.matvec, np.einsum("...ij,...j->...i", a, v), a, v)
    check(T.matvec, np.einsum("...ij,j->...i", a, v[0]), a, v[0])
    check(T.matvec, np.einsum("ij,...j->...i", a[0], v), a[0], v)
    check(T.vecmat, np.einsum("...i,...ij->...j", u.conj(), a), u, a)
    check(T.vecmat, np.einsum("i,...ij->...j", u[0].conj(), a), u[0], a)
    check(T.vecmat, np.einsum("...i,ij->...j", u.conj(), a[0]), u, a[0])
    with pytest.raises(ValueError, match="matvec: argument 0"):
        T.matvec(T.dvector(), T.dvector())


@pytest.mark.parametrize(("left", "right", "axes"), [
    ((2, 3), (2, 3), 2),
    ((2, 3), (3, 4), 1),
    ((2, 3), (4, 5), 0),
    ((2, 3, 4), (4, 3, 5), [[1, 2], [1, 0]]),
    ((2, 3, 4), (3, 5), [1, 0]),
    ((2, 3, 4), (2, 3, 4), [[0, 1, 2], [0, 1, 2]]),
    ((2, 3, 4), (5, 4), [[-1], [-1]]),
    ((3,), (3, 4), 1),
    ((), (3,), 0),
])  # fmt: skip
def test_tensordot(left, right, axes):
    a, b = make(left), make(right, seed=1)
    check(lambda a, b: T.tensordot(a, b, axes), np.tensordot(a, b, axes), a, b)


def test_tensordot_checks_each_pair_of_sizes():
    with pytest.raises(ValueError, match="dimension 0"):  # 2 times 3 is 3 times 2
        run(T.tensordot, make((2, 3)), make((3, 2)))


@pytest.mark.parametrize("axes", [3, -1, [[0], [0, 1]], [[0, 0], [0, 1]], "x", [[5], [0]]])
def test_tensordot_refuses(axes):
    with pytest.raises(ValueError, match="tensordot"):
        T.tensordot(T.dmatrix(), T.dmatrix(), axes)


@pytest.mark.parametrize(("left", "right", "form"), [
    ((5, 3, 4), (5, 4, 2), "bij,bjk->bik"),
    ((5, 3, 4), (5, 4), "bij,bj->bi"),
    ((5, 4), (5, 4, 2), "bj,bjk->bk"),
    ((5, 4), (5, 4), "bj,bj->b"),
    ((5,), (5, 4), "b,bj->bj"),
    ((5, 2, 3, 4), (5, 4, 2), "bhij,bjk->bhik"),
])  # fmt: skip
def test_batched_dot(left, right, form):
    a, b = make(left), make(right, seed=1)
    check(T.batched_dot, np.einsum(form, a, b), a, b)


def test_batched_tensordot():
    a, b = make((5, 2, 3, 4)), make((5, 4, 3, 2), seed=1)
    expected = np.einsum("bhij,bjik->bhk", a, b)
    check(lambda a, b: T.batched_tensordot(a, b, [[2, 3], [2, 1]]), expected, a, b)
    expected = np.einsum("bhij,bjkl->bhikl", a, b)
    check(lambda a, b: T.batched_tensordot(a, b, 1), expected, a, b)
    with pytest.raises(ValueError, match="axis 0 is the batch"):
        T.batched_tensordot(T.dtensor3(), T.dtensor3(), [[0], [0]])


EINSUM = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("ij,jk->ki", (2, 3), (3, 4)),
    ("ii", (3, 3)),
    ("ii->i", (3, 3)),
    ("ij->ji", (2, 3)),
    ("ij->", (2, 3)),
    ("i,i", (3,), (3,)),
    ("i,j->ij", (3,), (2,)),
    ("bij,bjk->bik", (5, 2, 3), (5, 3, 4)),
    ("b...j,...jk->...bk", (5, 2, 3), (2, 3, 4)),
    ("...ij,...jk->...ik", (5, 2, 3), (3, 4)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)),
    ("ij,ij->ij", (2, 3), (2, 3)),
    ("ij,j,i->", (2, 3), (3,), (2,)),
    ("iij,jk->ik", (3, 3, 2), (2, 4)),
    ("ij,kj->ik", (1, 3), (2, 3)),
    ("ij,jk->ik", (2, 1), (3, 4)),
    ("i,->i", (3,), ()),
    (" i j , j -> i ", (2, 3), (3,)),
]


@pytest.mark.parametrize("row", EINSUM, ids=[f"{r[0]}:{r[1]}" for r in EINSUM])
def test_einsum(row):
    arrays = [make(shape, seed=k) for k, shape in enumerate(row[1:])]
    check(lambda *xs: T.einsum(row[0], *xs), np.einsum(row[0], *arrays), *arrays)


@pytest.mark.parametrize(("text", "count"), [
    ("ij,jk->ik", 1), ("ijk->i", 1), ("ij->ii", 1), ("ij->k", 1), ("i.j->i", 1), ("i1->i", 1),
    ("...j->j", 1), (3, 1),
])  # fmt: skip
def test_einsum_refuses(text, count):
    with pytest.raises(ValueError, match="einsum"):
        T.einsum(text, *[T.dmatrix() for _ in range(count)])


def test_einsum_derivative():
    a, b = make((2, 3)), make((3, 4), seed=1)
    va, vb = variables_of([a, b])
    made = function([va, vb], grad(T.einsum("ij,jk->", va, vb), va))(a, b)
    np.testing.assert_allclose(made, np.broadcast_to(b.sum(1), (2, 3)))


def test_gradient_of_a_linear_model():
    x, w, y = T.dmatrix("X"), T.dvector("w"), T.dvector("y")
    r = x @ w - y
    f = function([x, w, y], grad(T.sum(r**2), w))
    data, at, target = make((30, 4)), make((4,), seed=1), make((30,), seed=2)
    np.testing.assert_allclose(f(data, at, target), 2 * data.T @ (data @ at - target))
