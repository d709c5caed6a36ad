"""Derivatives held against finite differences.

Functions are compiled by what the registry knows as ``function``, which lives on a higher floor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import GradientError
from ..graph.basic import Variable
from ..graph.registry import OPS
from ..graph.tensor import TensorType
from .reverse import grad

__all__ = ["numeric_grad", "verify_grad"]

#: Steps of central differences: near the cube root of the rounding error, where the error of
#: truncation (step²) and that of rounding (1/step) are about the same.
_STEPS = {"float64": 1e-6, "float32": 4e-3, "complex128": 1e-6, "complex64": 4e-3}
#: Tolerances for both the absolute and the relative error, by the coarsest dtype involved.
_TOLERANCES = {"float64": 1e-4, "float32": 1e-2, "complex128": 1e-4, "complex64": 1e-2}


class numeric_grad:
    """The gradient of a scalar function of arrays by central differences.

    Parameters
    ----------
    f : callable
        ``f(*pt)`` gives a number (or array of one element).
    pt : ndarray, or list or tuple of ndarray
        Where; of floating or complex dtype.
    eps : float, optional
        The step; by default one that suits the coarsest dtype of ``pt``.
    out_type : str, optional
        The dtype of what ``f`` computes, where that is complex or coarser than ``pt``: it counts
        among the dtypes that choose the step. A complex result counts by its real part.

    Attributes
    ----------
    gf : ndarray or list of ndarray
        The gradient, in the form of ``pt``. That of a complex array is the derivative with respect
        to the real parts plus i times that with respect to the imaginary ones.

    Raises
    ------
    TypeError
        If an array is neither floating nor complex.

    Examples
    --------
    >>> import numpy as np
    >>> numeric_grad(lambda x: (x**2).sum(), np.array([1.0, 2.0])).gf.round(6)
    array([2., 4.])
    """

    type_eps = _STEPS

    def __init__(
        self,
        f: Callable[..., Any],
        pt: Any,
        eps: float | None = None,
        out_type: str | None = None,
    ):
        single = not isinstance(pt, (list, tuple))
        points = [np.array(p) for p in ([pt] if single else pt)]
        for k, p in enumerate(points):
            if p.dtype.name not in _STEPS:
                raise TypeError(
                    f"Finite differences need floating arrays; pt[{k}] has dtype {p.dtype}"
                )
        dtypes = [p.dtype.name for p in points]
        dtypes += [out_type] if out_type in _STEPS else []
        step = max((_STEPS[d] for d in dtypes), default=_STEPS["float64"]) if eps is None else eps
        self.eps = step
        gradients = [self._of(f, points, k, step) for k in range(len(points))]
        self.gf: Any = gradients[0] if single else gradients

    @staticmethod
    def _of(f: Callable[..., Any], points: list[np.ndarray], k: int, step: float) -> np.ndarray:
        """The gradient with respect to array ``k``."""
        made = np.empty_like(points[k])
        directions = [step, 1j * step] if made.dtype.kind == "c" else [step]

        def value(place: tuple[int, ...], move: Any) -> tuple[Any, float]:
            moved = [p.copy() for p in points]
            moved[k][place] += move
            away = moved[k][place] - points[k][place]
            result = float(np.real(np.asarray(f(*moved)).reshape(())))
            return result, float(np.imag(away) if np.iscomplexobj(move) else np.real(away))

        for place in np.ndindex(*made.shape):
            slopes = []
            for move in directions:
                (high, up), (low, down) = value(place, move), value(place, -move)
                slopes.append((high - low) / (up - down))  # the steps as they were rounded
            made[place] = slopes[0] if len(slopes) == 1 else complex(*slopes)
        return made

    @staticmethod
    def abs_rel_err(a: Any, b: Any) -> tuple[Any, Any]:
        """The absolute error, and that relative to ``|a| + |b|``, clipped at 1e-8 below.

        >>> numeric_grad.abs_rel_err(1.0, 3.0)
        (np.float64(2.0), np.float64(0.5))
        """
        abs_err = np.abs(np.subtract(a, b))
        return abs_err, abs_err / np.maximum(np.abs(a) + np.abs(b), 1e-8)

    def abs_rel_errors(self, g_pt: Sequence[Any]) -> list[tuple[Any, Any]]:
        """Both errors of each array of ``g_pt``, an estimate of the gradient.

        Raises
        ------
        ValueError
            If ``g_pt`` has another length than the gradient, or an array another shape.
        """
        mine = self.gf if isinstance(self.gf, list) else [self.gf]
        theirs = list(g_pt) if isinstance(g_pt, (list, tuple)) else [g_pt]
        if len(theirs) != len(mine):
            raise ValueError(f"g_pt must have {len(mine)} arrays; got {len(theirs)}")
        for k, (a, b) in enumerate(zip(theirs, mine, strict=True)):
            if np.shape(a) != b.shape:
                raise ValueError(f"g_pt[{k}] must have the shape {b.shape}; got {np.shape(a)}")
        return [self.abs_rel_err(a, b) for a, b in zip(theirs, mine, strict=True)]

    def max_err(
        self, g_pt: Sequence[Any], abs_tol: float, rel_tol: float
    ) -> tuple[int, int, float, float]:
        """Where ``g_pt`` is furthest off, measured by the tolerances.

        Returns
        -------
        tuple
            The number of the array and the flat position in it where
            ``min(abs_err / abs_tol, rel_err / rel_tol)`` is largest (above 1 both tolerances are
            exceeded), and both errors there. NaN in one gradient alone counts as infinite.

        Raises
        ------
        ValueError
            As `abs_rel_errors`; also if there is nothing to compare.
        """
        worst: tuple[float, int, int, float, float] | None = None
        for k, (abs_errs, rel_errs) in enumerate(self.abs_rel_errors(g_pt)):
            abs_flat = np.nan_to_num(np.ravel(abs_errs), nan=np.inf, posinf=np.inf)
            rel_flat = np.nan_to_num(np.ravel(rel_errs), nan=np.inf, posinf=np.inf)
            if not abs_flat.size:
                continue
            violation = np.minimum(abs_flat / abs_tol, rel_flat / rel_tol)
            place = int(np.argmax(violation))
            row = (violation[place], k, place, float(abs_flat[place]), float(rel_flat[place]))
            worst = row if worst is None or row[0] > worst[0] else worst
        if worst is None:
            raise ValueError("g_pt has no elements")
        return worst[1:]


def verify_grad(
    fun: Callable[..., Any],
    pt: Sequence[Any],
    n_tests: int = 2,
    rng: Any = None,
    eps: float | None = None,
    out_type: str | None = None,
    abs_tol: float | None = None,
    rel_tol: float | None = None,
    mode: Any = None,
    cast_to_output_type: bool = False,
    no_debug_ref: bool = True,
) -> None:
    """Hold the gradient of ``fun`` against finite differences.

    The output is projected to a scalar, ``sum(u * fun(*pt))`` with random ``u``, and that is
    differentiated both ways.

    Parameters
    ----------
    fun : callable
        From variables to one variable, such as an Op.
    pt : sequence of array_like
        Where; floating (or complex) arrays.
    n_tests : int
        How many random projections to try.
    rng : numpy.random.Generator or RandomState, optional
        Where they come from; by default the same ones in every call.
    eps : float, optional
        The step of the finite differences.
    out_type : str, optional
        The dtype of the output, where it is complex: then ``u`` is complex, too, and the real part
        of the product with its conjugate is summed.
    abs_tol, rel_tol : float, optional
        Both have to be exceeded for a failure; by default 1e-4, or 1e-2 where anything is single
        precision.
    mode : optional
        Passed on to ``function``.
    cast_to_output_type : bool
        Draw ``u`` in the output's dtype instead of double precision.
    no_debug_ref : bool
        Has no effect; peers have it.

    Raises
    ------
    TypeError
        If a point is neither floating nor complex, or ``fun`` gives no variable.
    NotImplementedError
        If ``fun`` gives several outputs.
    GradientError
        If the gradients differ; the message has the position, both values and both errors.

    Examples
    --------
    >>> from numbagrad import tensor
    >>> verify_grad(tensor.tanh, [[[2.0, 3.0, 4.0], [-1.0, 3.3, 9.9]]])
    """
    points = [np.array(p) for p in pt]
    for k, p in enumerate(points):
        if p.dtype.name not in _STEPS:
            raise TypeError(f"verify_grad needs floating arrays; pt[{k}] has dtype {p.dtype}")
    inputs = [
        TensorType(p.dtype, [1 if s == 1 else None for s in p.shape])(f"input_{k}")
        for k, p in enumerate(points)
    ]
    output: Any = fun(*inputs)
    if isinstance(output, (list, tuple)):
        raise NotImplementedError(
            f"verify_grad checks one output at a time; fun gives {len(output)}. "
            "Pass a function that picks one."
        )
    if not (isinstance(output, Variable) and isinstance(output.type, TensorType)):
        raise TypeError(f"fun must give a symbolic variable; got {output!r}")
    out_dtype = out_type or output.type.dtype
    coarse = max([*(p.dtype.name for p in points), out_dtype], key=lambda d: _TOLERANCES.get(d, 0))
    tolerance = _TOLERANCES.get(coarse, 1e-4)
    abs_tol = tolerance if abs_tol is None else abs_tol
    rel_tol = tolerance if rel_tol is None else rel_tol
    rng = np.random.default_rng(20) if rng is None else rng

    draw_dtype = np.dtype(output.type.dtype if cast_to_output_type else np.float64)
    if np.dtype(out_dtype).kind == "c":
        draw_dtype = np.result_type(draw_dtype, np.complex64)
    projection = TensorType(draw_dtype, output.type.shape)("projection")
    compile_options = {"mode": mode, "allow_input_downcast": True, "on_unused_input": "ignore"}
    cost = _projected(output, projection)
    value = OPS["function"]([*inputs, projection], cost, **compile_options)
    gradient = OPS["function"](
        [*inputs, projection],
        grad(cost, inputs, disconnected_inputs="ignore"),
        **compile_options,
    )
    shape = np.shape(OPS["function"](inputs, output, **compile_options)(*points))
    for test in range(n_tests):
        u = _draw(rng, shape, draw_dtype)
        numeric = numeric_grad(lambda *at, u=u: value(*at, u), points, eps, out_dtype)
        _compare(numeric, gradient(*points, u), abs_tol, rel_tol, test)


def _projected(output: Any, projection: Any) -> Any:
    """The real scalar ``sum(projection * output)``, the inner product where complex."""
    if projection.type.dtype.startswith("complex"):
        return OPS["sum"](OPS["real"](OPS["mul"](OPS["conj"](projection), output)))
    return OPS["sum"](OPS["mul"](projection, output))


def _draw(rng: Any, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Numbers of absolute value between 0.5 and 1.5, so that none of them hides an error."""
    drawn = np.asarray(rng.random(shape)) + 0.5
    if dtype.kind == "c":
        drawn = drawn * np.exp(2j * np.pi * np.asarray(rng.random(shape)))
    return drawn.astype(dtype)


def _compare(
    numeric: numeric_grad, symbolic: Sequence[Any], abs_tol: float, rel_tol: float, test: int
) -> None:
    """Raise where both tolerances are exceeded."""
    if not any(np.size(g) for g in symbolic):
        return
    k, place, abs_err, rel_err = numeric.max_err(list(symbolic), abs_tol, rel_tol)
    if not (abs_err > abs_tol and rel_err > rel_tol):
        return
    shape = np.shape(symbolic[k])
    val1, val2 = np.ravel(symbolic[k])[place], np.ravel(numeric.gf[k])[place]
    index = tuple(int(i) for i in np.unravel_index(place, shape))
    raise GradientError(
        f"The gradient with respect to input {k} (shape {shape}) is wrong at {index}, in random "
        f"projection {test}: symbolic {val1}, finite differences {val2}; absolute error "
        f"{abs_err:.3g} (tolerance {abs_tol:.3g}), relative error {rel_err:.3g} "
        f"(tolerance {rel_tol:.3g})",
        arg=k,
        err_pos=place,
        shape=shape,
        val1=val1,
        val2=val2,
        abs_err=abs_err,
        rel_err=rel_err,
        abs_tol=abs_tol,
        rel_tol=rel_tol,
    )
