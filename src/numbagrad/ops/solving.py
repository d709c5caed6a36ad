"""Cholesky factors and linear systems, through LAPACK, for stacks of matrices.

A function that reads one triangle of a matrix has derivatives with respect to that triangle only.
Ops take the lower triangle; the functions transpose where the upper one is meant.

What a symmetric (for complex numbers Hermitian) matrix S is when only the lower triangle of A is
read, with Φ(X) the lower triangle of X with half its diagonal:

    S = Φ(A) + Φ(A)ᴴ,     and backwards, from the gradient G of S:   Ā = Φ(G + Gᴴ).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph.registry import OPS, register
from ..graph.tensor import as_tensor
from ..kernels import lapack
from ..testing.samples import data, sample
from .dtypes import is_complex, quotient_of
from .kinds import Block
from .products import conjugate, dot, dot_nt, dot_tn

__all__ = [
    "Cholesky",
    "Solve",
    "SolveSymmetric",
    "SolveTriangular",
    "cho_solve",
    "cholesky",
    "solve",
    "solve_triangular",
]


def transposed(x: Any) -> Any:
    """The last two dimensions swapped."""
    return OPS["matrix_transpose"](x)


def adjoint(x: Any) -> Any:
    """The conjugate transpose."""
    return conjugate(transposed(x))


def lower_half(x: Any) -> Any:
    """Φ: the lower triangle with half of the diagonal."""
    return OPS["mul"](0.5, OPS["add"](OPS["tril"](x), OPS["tril"](x, -1)))


def from_lower(a: Any) -> Any:
    """The symmetric (Hermitian) matrix whose lower triangle is that of ``a``."""
    half = lower_half(a)
    return OPS["add"](half, adjoint(half))


def to_lower(g: Any) -> Any:
    """The adjoint of `from_lower`."""
    return lower_half(OPS["add"](g, adjoint(g)))


def spd(n: int, seed: int = 3, batch: tuple[int, ...] = ()) -> np.ndarray:
    """Positive definite matrices for samples."""
    a = data(*batch, n, n, seed=seed)
    return a @ np.swapaxes(a, -1, -2) + n * np.eye(n)


def regular(n: int, seed: int = 3, batch: tuple[int, ...] = ()) -> np.ndarray:
    """Well-conditioned matrices without symmetry for samples."""
    return data(*batch, n, n, seed=seed) + 3.0 * np.eye(n)


def _symmetric(a: np.ndarray) -> np.ndarray:
    below = np.tril(a, -1)
    return below + below.conj().T + np.diag(np.diag(a).real)


class Cholesky(Block):
    """Lower triangular ``L`` with ``L Lᴴ = S``, where only the lower triangle of ``S`` is read.

    >>> Cholesky(nan_on_error=False)([[4.0, 0.0], [2.0, 5.0]]).eval()
    array([[2., 0.],
           [1., 2.]])
    """

    __props__ = ("nan_on_error",)
    dtype = quotient_of
    signature = "(m,m)->(m,m)"
    over = 0
    samples = [
        sample(spd(3), nan_on_error=False),
        sample(spd(1), nan_on_error=False),
        sample(np.zeros((0, 0)), nan_on_error=False),
        sample(spd(3, batch=(2,)), nan_on_error=True),
        sample(-spd(2), nan_on_error=True, smooth=False),
    ]

    def template(a, nan_on_error):
        if nan_on_error:
            return lapack.cholesky_or_nan(a, True)
        return lapack.cholesky(a, True)

    def into(out, a, nan_on_error):
        return lapack.cholesky_into(out, a, True, nan_on_error)

    def reference(a, nan_on_error):
        try:
            return np.linalg.cholesky(_symmetric(a))
        except np.linalg.LinAlgError:
            if not nan_on_error:
                raise
            return np.full(a.shape, np.nan)

    # I. Murray, "Differentiation of the Cholesky decomposition" (2016), section 3. From
    # dS = dL Lᴴ + L dLᴴ follows L⁻¹ dS L⁻ᴴ = L⁻¹dL + (L⁻¹dL)ᴴ, a lower triangular matrix plus its
    # adjoint, hence dL = L Φ(L⁻¹ dS L⁻ᴴ). Φ is its own adjoint, so that S̄ = L⁻ᴴ Φ(Lᴴ L̄) L⁻¹.
    def pullback(self, gy, y, a):
        middle = lower_half(dot_tn(conjugate(y), gy))
        left = _adjoint_solve(y, middle)
        return [to_lower(adjoint(_adjoint_solve(y, adjoint(left))))]

    def pushforward(self, tangents, y, a):
        if tangents[0] is None:
            return None
        solve_lower = SolveTriangular(lower=True, trans=0, unit_diagonal=False)
        left = solve_lower(y, from_lower(tangents[0]))
        return dot(y, lower_half(adjoint(solve_lower(y, adjoint(left)))))


def _adjoint_solve(factor: Any, b: Any) -> Any:
    """``factor⁻ᴴ b`` for a lower triangular factor."""
    return SolveTriangular(lower=True, trans=2, unit_diagonal=False)(factor, b)


def _systems(matrix: Any, **params: Any) -> list[Any]:
    return [
        sample(matrix(3), data(3, 2, seed=5), **params),
        sample(matrix(1), data(1, 1, seed=5), **params),
        sample(matrix(3), data(3, 0, seed=5), **params),
        sample(np.zeros((0, 0)), np.zeros((0, 2)), **params),
        sample(matrix(2, batch=(2,)), data(2, 2, 3, seed=5), **params),
    ]


class _System(Block, abstract=True):
    """``x`` with ``op(A) x = b`` for a matrix ``b``.

    M. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
    differentiation" (2008), 2.3.1. From op(A) x = b follows op(A) dx = db - d op(A) x, and
    backwards b̄ = op(A)⁻ᴴ x̄, with -b̄ xᴴ the gradient of op(A).
    """

    dtype = quotient_of
    signature = "(m,m),(m,n)->(m,n)"

    def back(self, a, g):
        """Solve with the adjoint of ``op(A)``."""
        raise NotImplementedError

    def gradient_of_matrix(self, b_bar, x):
        """From the gradient of the right side to that of ``A``, without the sign."""
        return dot_nt(b_bar, conjugate(x))

    def applied(self, a):
        """``op(A)`` for a change of ``A``."""
        return a

    def pullback(self, gy, y, a, b):
        b_bar = self.back(a, gy)
        return [OPS["neg"](self.gradient_of_matrix(b_bar, y)), b_bar]

    def pushforward(self, tangents, y, a, b):
        da, db = tangents
        if da is not None:
            change = dot(self.applied(da), y)
            db = OPS["neg"](change) if db is None else OPS["sub"](db, change)
        return None if db is None else self(a, db)


class Solve(_System):
    """``x`` with ``A x = b`` for any regular ``A``.

    >>> Solve()([[2.0, 0.0], [0.0, 4.0]], [[2.0], [2.0]]).eval()
    array([[1. ],
           [0.5]])
    """

    samples = _systems(regular)
    over = 1

    def template(a, b):
        return lapack.solve(a, b)

    def into(out, a, b):
        return lapack.solve_into(out, a, b)

    def reference(a, b):
        return np.linalg.solve(a, b)

    def back(self, a, g):
        return self(adjoint(a), g)


class SolveSymmetric(_System):
    """``x`` with ``S x = b``, ``S`` symmetric (Hermitian), of which the lower triangle is read.

    ``definite`` says that ``S`` is positive definite, which is checked and saves work.

    >>> SolveSymmetric(definite=True)([[2.0, 0.0], [1.0, 2.0]], [[3.0], [3.0]]).eval()
    array([[1.],
           [1.]])
    """

    __props__ = ("definite",)
    samples = _systems(spd, definite=True) + _systems(spd, definite=False)

    def prepare(self, a: Any, b: Any) -> list[Any]:
        variables = super().prepare(a, b)
        if not self.definite and is_complex(variables[0].type.dtype):
            # LAPACK's sysv takes a complex matrix as symmetric, not as Hermitian.
            raise TypeError(f"{self} is for real matrices; solve with the whole matrix")
        return variables

    def template(a, b, definite):
        if definite:
            return lapack.solve_posdef(a, b, True)
        return lapack.solve_sym(a, b, True)

    def reference(a, b, definite):
        whole = _symmetric(a)
        if definite:
            np.linalg.cholesky(whole)  # raises if it is not
        return np.linalg.solve(whole, b)

    def back(self, a, g):
        return self(a, g)

    def gradient_of_matrix(self, b_bar, x):
        return to_lower(dot_nt(b_bar, conjugate(x)))

    def applied(self, a):
        return from_lower(a)


class SolveTriangular(_System):
    """``x`` with ``op(A) x = b``, ``A`` triangular; the other triangle is not read.

    ``trans`` 0, 1, 2: ``op(A)`` is ``A``, ``Aᵀ``, ``Aᴴ``. With ``unit_diagonal`` the diagonal is
    not read either and counts as ones.

    >>> SolveTriangular(lower=True, trans=0, unit_diagonal=False)(
    ...     [[2.0, 0.0], [1.0, 4.0]], [[2.0], [5.0]]
    ... ).eval()
    array([[1.],
           [1.]])
    """

    __props__ = ("lower", "trans", "unit_diagonal")
    over = 1
    samples = [
        *_systems(regular, lower=True, trans=0, unit_diagonal=False),
        sample(regular(3), data(3, 2, seed=5), lower=False, trans=0, unit_diagonal=False),
        sample(regular(3), data(3, 2, seed=5), lower=True, trans=1, unit_diagonal=False),
        sample(regular(3), data(3, 2, seed=5), lower=False, trans=2, unit_diagonal=True),
        sample(regular(3), data(3, 2, seed=5), lower=True, trans=1, unit_diagonal=True),
    ]

    def template(a, b, lower, trans, unit_diagonal):
        return lapack.solve_triangular(a, b, lower, trans, unit_diagonal)

    def into(out, a, b, lower, trans, unit_diagonal):
        return lapack.solve_triangular_into(out, a, b, lower, trans, unit_diagonal)

    def reference(a, b, lower, trans, unit_diagonal):
        a = np.tril(a) if lower else np.triu(a)
        if unit_diagonal:
            a = a - np.diag(np.diag(a)) + np.eye(len(a), dtype=a.dtype)
        return np.linalg.solve((a, a.T, a.conj().T)[trans], b)

    def back(self, a, g):
        # The adjoints of A, Aᵀ and Aᴴ are Aᴴ, conj(A) and A.
        if self.trans == 1:
            a = conjugate(a)
        back = SolveTriangular(
            lower=self.lower,
            trans=2 if self.trans == 0 else 0,
            unit_diagonal=self.unit_diagonal,
        )
        return back(a, g)

    def triangle(self, g):
        """The part of the matrix that is read."""
        if self.lower:
            return OPS["tril"](g, -1 if self.unit_diagonal else 0)
        return OPS["triu"](g, 1 if self.unit_diagonal else 0)

    def gradient_of_matrix(self, b_bar, x):
        # d op(A) has the gradient b̄ xᴴ: for Aᵀ its transpose, for Aᴴ its adjoint x b̄ᴴ.
        made = dot_nt(b_bar, conjugate(x)) if self.trans == 0 else dot_nt(x, conjugate(b_bar))
        return self.triangle(conjugate(made) if self.trans == 1 else made)

    def applied(self, a):
        part = self.triangle(a)
        return (part, transposed(part), adjoint(part))[self.trans] if self.trans else part


# -- the functions ------------------------------------------------------------------------------


@register
def cholesky(x: Any, lower: bool = True, *, on_error: str = "raise", **options: Any) -> Any:
    """The Cholesky factor of a positive definite matrix.

    Parameters
    ----------
    x : array_like or TensorVariable
        Of shape (..., m, m); one triangle is read, and only that has a derivative.
    lower : bool
        Read the lower triangle and return ``L`` with ``L Lᴴ = x``; else read the upper one and
        return ``U`` with ``Uᴴ U = x``.
    on_error : {"raise", "nan"}
        What happens when a matrix is not positive definite: numpy.linalg.LinAlgError, or a factor
        of NaNs.
    **options
        ``check_finite`` and ``overwrite_a`` are accepted as in SciPy, and not needed.

    Raises
    ------
    ValueError
        If ``x`` is no matrix, is not square, or ``on_error`` is another word.

    Examples
    --------
    >>> cholesky([[4.0, 2.0], [2.0, 5.0]]).eval()
    array([[2., 0.],
           [1., 2.]])
    """
    _only("cholesky", options, ("check_finite", "overwrite_a"))
    if on_error not in ("raise", "nan"):
        raise ValueError(f"cholesky: on_error must be 'raise' or 'nan'; got {on_error!r}")
    op = Cholesky(nan_on_error=on_error == "nan")
    return op(x) if lower else adjoint(op(adjoint(as_tensor(x))))


def _only(name: str, options: dict[str, Any], known: tuple[str, ...]) -> None:
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise TypeError(f"{name} has no parameter named {', '.join(map(repr, unknown))}")


def _apply(name: str, op: Any, a: Any, b: Any, b_ndim: int | None) -> Any:
    """Solve for a right side whose core has ``b_ndim`` dimensions: a vector is one column."""
    if b_ndim is None:
        b_ndim = min(b.ndim, 2)
    if b_ndim not in (1, 2):
        raise ValueError(f"{name}: b_ndim must be 1 (vectors) or 2 (matrices); got {b_ndim!r}")
    if b.ndim < b_ndim:
        raise ValueError(f"{name}: b has {b.ndim} dimensions and must have at least {b_ndim}")
    if b_ndim == 2:
        return op(a, b)
    made = op(a, OPS["dimshuffle"](b, [*range(b.ndim), "x"]))
    return OPS["dimshuffle"](made, list(range(made.ndim - 1)))


def _whole(a: Any, lower: bool, hermitian: bool) -> Any:
    """The symmetric or Hermitian matrix of which ``a`` holds one triangle."""
    if hermitian:
        return from_lower(a if lower else adjoint(a))
    below = a if lower else transposed(a)
    return OPS["add"](OPS["tril"](below), transposed(OPS["tril"](below, -1)))


_IGNORED = ("check_finite", "overwrite_a", "overwrite_b")


@register
def solve(
    a: Any,
    b: Any,
    assume_a: str = "gen",
    lower: bool = False,
    b_ndim: int | None = None,
    transposed: bool = False,
    **options: Any,
) -> Any:
    """The solution ``x`` of ``a x = b``, as `scipy.linalg.solve`.

    Parameters
    ----------
    a : array_like or TensorVariable
        Of shape (..., m, m).
    b : array_like or TensorVariable
        Of shape (m,) or (..., m, n); leading dimensions broadcast.
    assume_a : {"gen", "sym", "her", "pos"}
        What is known of ``a``: nothing, symmetric, Hermitian, positive definite. In the last three
        cases only one triangle is read, and only that has a derivative.
    lower : bool
        Which one.
    b_ndim : {1, 2}, optional
        Whether ``b`` holds vectors or matrices; by default vectors only if it has one dimension.
    transposed : bool
        Solve ``aᵀ x = b``.
    **options
        ``check_finite``, ``overwrite_a`` and ``overwrite_b`` are accepted as in SciPy, and not
        needed.

    Raises
    ------
    ValueError
        If shapes do not fit or ``assume_a`` is another word; when computing,
        numpy.linalg.LinAlgError if ``a`` is singular, or not positive definite as assumed.

    Examples
    --------
    >>> solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 2.0]).eval()
    array([1. , 0.5])
    """
    _only("solve", options, _IGNORED)
    words = {"general": "gen", "symmetric": "sym", "hermitian": "her", "positive definite": "pos"}
    assumed = words.get(assume_a, assume_a)
    if assumed not in ("gen", "sym", "her", "pos"):
        raise ValueError(f"solve: assume_a must be 'gen', 'sym', 'her' or 'pos'; got {assume_a!r}")
    a, b = as_tensor(a), as_tensor(b)
    swapped = OPS["matrix_transpose"]
    if assumed == "gen":
        return _apply("solve", Solve(), swapped(a) if transposed else a, b, b_ndim)
    if is_complex(a.type.dtype) and assumed != "pos":
        whole = _whole(a, lower, hermitian=assumed == "her")
        return _apply("solve", Solve(), swapped(whole) if transposed else whole, b, b_ndim)
    below = a if lower else adjoint(a)
    if transposed:
        below = conjugate(below)  # the transpose of a Hermitian matrix is its conjugate
    return _apply("solve", SolveSymmetric(definite=assumed == "pos"), below, b, b_ndim)


@register
def solve_triangular(
    a: Any,
    b: Any,
    trans: Any = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    b_ndim: int | None = None,
    **options: Any,
) -> Any:
    """The solution ``x`` of ``op(a) x = b`` for triangular ``a``, as `scipy.linalg`'s.

    Parameters
    ----------
    a : array_like or TensorVariable
        Of shape (..., m, m); only one triangle is read, and only that has a derivative.
    b : array_like or TensorVariable
        Of shape (m,) or (..., m, n); leading dimensions broadcast.
    trans : {0, 1, 2, "N", "T", "C"}
        ``op(a)`` is ``a``, its transpose or its conjugate transpose.
    lower : bool
        Which triangle is read.
    unit_diagonal : bool
        Take the diagonal as ones.
    b_ndim : {1, 2}, optional
        Whether ``b`` holds vectors or matrices; by default vectors only if it has one dimension.

    Raises
    ------
    ValueError
        If shapes do not fit or ``trans`` is another word; when computing,
        numpy.linalg.LinAlgError if a diagonal element is zero.

    Examples
    --------
    >>> solve_triangular([[2.0, 0.0], [1.0, 4.0]], [2.0, 5.0], lower=True).eval()
    array([1., 1.])
    """
    _only("solve_triangular", options, _IGNORED)
    codes = {0: 0, 1: 1, 2: 2, "N": 0, "T": 1, "C": 2}
    if trans not in codes:
        raise ValueError(f"solve_triangular: trans must be 'N', 'T' or 'C'; got {trans!r}")
    op = SolveTriangular(lower=bool(lower), trans=codes[trans], unit_diagonal=bool(unit_diagonal))
    return _apply("solve_triangular", op, as_tensor(a), as_tensor(b), b_ndim)


@register
def cho_solve(c_and_lower: Any, b: Any, *, b_ndim: int | None = None, **options: Any) -> Any:
    """The solution ``x`` of ``A x = b`` from the Cholesky factor of ``A``.

    Parameters
    ----------
    c_and_lower : tuple
        The factor ``c`` and whether it is the lower one.
    b : array_like or TensorVariable
        Of shape (m,) or (..., m, n).

    Examples
    --------
    >>> c = [[2.0, 0.0], [1.0, 2.0]]
    >>> cho_solve((c, True), [4.0, 2.0]).eval()
    array([1., 0.])
    """
    _only("cho_solve", options, ("check_finite", "overwrite_b"))
    c, lower = c_and_lower
    first, second = ("N", "C") if lower else ("C", "N")
    half = solve_triangular(c, b, first, lower, b_ndim=b_ndim)
    return solve_triangular(c, half, second, lower, b_ndim=b_ndim)
