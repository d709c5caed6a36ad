"""Second derivatives of scalar expressions.

Built from ``reverse`` and ``forward``; no rule of an Op and no walk is written here.
"""

from __future__ import annotations

from typing import Any

from ..graph.basic import Variable
from .controls import as_list_or_tuple
from .forward import Rop, directions
from .paths import is_disconnected, is_null
from .reverse import as_variables, grad
from .sweep import zeros_for

__all__ = ["hessian_vector_product"]


def hessian_vector_product(cost: Variable, wrt: Any, p: Any, **grad_kwargs: Any) -> Any:
    """The Hessian of ``cost`` times a vector, without the Hessian.

    The gradient is taken in reverse mode and its derivative in the direction ``p`` in forward mode
    (Pearlmutter, Fast exact multiplication by the Hessian, 1994), which shares all forward values
    with the gradient. An Op without a forward rule is done by two reverse steps.

    Parameters
    ----------
    cost : Variable
        Scalar.
    wrt : Variable, or list or tuple of Variable
        Of any number of dimensions.
    p : array_like, or list or tuple of these
        One direction for each of ``wrt``, of its shape.
    **grad_kwargs
        Passed on to `grad`.

    Returns
    -------
    Variable, or list or tuple of Variable
        For each ``wrt[i]`` the sum over ``j`` of ``tensordot(H[i, j], p[j], wrt[j].ndim)``, with
        the shape of ``wrt[i]``; zeros where the gradient no longer depends on ``wrt``.

    Raises
    ------
    TypeError
        If the cost is no scalar or something in ``wrt`` is no variable.
    ValueError
        If there are more or fewer directions than variables, or one has another ndim or size.
    DisconnectedInputError, NullTypeGradError
        As in `grad`.

    Examples
    --------
    >>> from numbagrad import tensor
    >>> x, p = tensor.dvectors("x", "p")
    >>> hvp = hessian_vector_product((x**3).sum(), x, p)
    >>> hvp.eval({x: [1.0, 2.0], p: [1.0, 10.0]})
    array([  6., 120.])
    """
    targets = as_variables("wrt", wrt)
    moving = directions("p", targets, p)
    gradients = grad(cost, targets, **grad_kwargs)
    smooth = [g for g in gradients if g is not None and not is_disconnected(g) and not is_null(g)]
    along = iter(
        Rop(
            smooth,
            list(moving),
            list(moving.values()),
            disconnected_outputs="ignore",
            return_disconnected="none",
        )
        if smooth and moving
        else [None] * len(smooth)
    )
    results = []
    for x, g in zip(targets, gradients, strict=True):
        if not any(g is s for s in smooth):
            results.append(g)  # None, disconnected or undefined, as grad was asked to say it
            continue
        moved = next(along)
        results.append(zeros_for(x) if moved is None else moved)
    return as_list_or_tuple(isinstance(wrt, list), isinstance(wrt, tuple), results)
