"""Products summed over chosen axes (tensordot, batched forms, einsum), composed of ``products``.

Operands are transposed and flattened into vectors, matrices or stacks of them; no Op is defined
here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..graph.basic import Constant
from ..graph.registry import OPS, register
from ..graph.tensor import as_tensor
from .axes import count, normalize_axis
from .products import MatVec, VecMat, VecVec, contract, dot
from .sizes import size_at

__all__ = ["batched_dot", "batched_tensordot", "einsum", "tensordot"]


def _check_sizes(name: str, a: Any, b: Any, pairs: Sequence[tuple[int, int]]) -> Any:
    """``b``, made sure to have the sizes of ``a`` along the axes that are paired."""
    wanted: list[Any] = [None] * b.ndim
    for i, j in pairs:
        known = a.type.shape[i], b.type.shape[j]
        if None not in known:
            if known[0] != known[1]:
                raise ShapeError(
                    f"{name}: axis {i} of the first operand has size {known[0]} and axis {j} of "
                    f"the second {known[1]}; they are summed together and have to be equal "
                    f"(the shapes are {a.type.shape} and {b.type.shape})"
                )
        elif len(pairs) > 1:  # a single pair is checked by the product itself
            wanted[j] = size_at(a, i)
    return b if all(w is None for w in wanted) else OPS["specify_shape"](b, wanted)


def _grouped(x: Any, groups: Sequence[Sequence[int]]) -> Any:
    """``x`` transposed to the order of ``groups``, each group of axes flattened into one."""
    order = [axis for group in groups for axis in group]
    sizes = [count(x, group) for group in groups]
    if order != list(range(x.ndim)):
        x = OPS["dimshuffle"](x, order)
    return x if len(groups) == x.ndim else OPS["reshape"](x, sizes, ndim=len(sizes))


def _contracted(
    name: str,
    a: Any,
    b: Any,
    batch: Sequence[tuple[int, int]],
    summed: Sequence[tuple[int, int]],
) -> Any:
    """Sum products over the paired axes ``summed``, for each place along the paired ``batch``.

    The result has the batch dimensions, then the remaining ones of ``a``, then those of ``b``.
    """
    b = _check_sizes(name, a, b, summed)
    free_a = [k for k in range(a.ndim) if k not in [i for i, _ in [*batch, *summed]]]
    free_b = [k for k in range(b.ndim) if k not in [j for _, j in [*batch, *summed]]]
    if not summed:
        return _all_products(a, b, batch, free_a, free_b)
    sum_a, sum_b = [i for i, _ in summed], [j for _, j in summed]
    left = [[i] for i, _ in batch] + ([free_a] if free_a else []) + [sum_a]
    right = [[j] for _, j in batch] + [sum_b] + ([free_b] if free_b else [])
    x, y = _grouped(a, left), _grouped(b, right)
    if free_a and free_b:
        made = dot(x, y)
    else:
        made = contract(MatVec if free_a else VecMat if free_b else VecVec, x, y)
    sizes = [size_at(a, i) for i, _ in batch]
    sizes += [size_at(a, k) for k in free_a] + [size_at(b, k) for k in free_b]
    return made if len(sizes) == made.ndim else OPS["reshape"](made, sizes, ndim=len(sizes))


def _all_products(
    a: Any, b: Any, batch: Sequence[tuple[int, int]], free_a: list[int], free_b: list[int]
) -> Any:
    x = OPS["dimshuffle"](a, [i for i, _ in batch] + free_a + ["x"] * len(free_b))
    y = OPS["dimshuffle"](b, [j for _, j in batch] + ["x"] * len(free_a) + free_b)
    return OPS["mul"](x, y)


def _pairs(name: str, a: Any, b: Any, axes: Any, first: int) -> list[tuple[int, int]]:
    """The pairs of axes that ``axes`` of tensordot stands for, ``first`` dimensions being batch."""
    if isinstance(axes, Constant):
        axes = axes.data.tolist()
    if isinstance(axes, (int, np.integer)):
        if not 0 <= axes <= min(a.ndim, b.ndim) - first:
            raise ValueError(
                f"{name}: axes={axes} is out of range for operands of {a.ndim} and {b.ndim} "
                "dimensions"
            )
        return [(a.ndim - axes + k, first + k) for k in range(axes)]
    try:
        left, right = ([s] if np.ndim(s) == 0 else list(s) for s in axes)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name}: axes must be an integer or two lists of axes; got {axes!r}"
        ) from None
    if len(left) != len(right):
        raise ValueError(
            f"{name}: as many axes of the first operand as of the second are needed; got {axes!r}"
        )
    pairs = [
        (normalize_axis(i, a.ndim, name), normalize_axis(j, b.ndim, name))
        for i, j in zip(left, right, strict=True)
    ]
    for side in zip(*pairs, strict=True):
        if len(set(side)) < len(side) or min(side) < first:
            raise ValueError(
                f"{name}: each axis may be summed over once"
                f"{', and axis 0 is the batch' if first else ''}; got {axes!r}"
            )
    return pairs


@register
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """The sum of products over several axes, as `numpy.tensordot`.

    Parameters
    ----------
    a, b : array_like or TensorVariable
    axes : int or two lists of int
        An integer ``n`` pairs the last ``n`` axes of ``a`` with the first ``n`` of ``b``; two
        lists name the axes of ``a`` and those of ``b`` that they are paired with.

    Returns
    -------
    TensorVariable
        With the remaining axes of ``a``, then those of ``b``.

    Raises
    ------
    ValueError
        If ``axes`` does not fit, or (`ShapeError`) paired axes differ in size.

    Examples
    --------
    >>> tensordot([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [0.0, 1.0]], axes=2).eval()
    array(5.)
    """
    a, b = as_tensor(a), as_tensor(b)
    return _contracted("tensordot", a, b, [], _pairs("tensordot", a, b, axes, 0))


@register
def batched_tensordot(x: Any, y: Any, axes: Any = 2) -> Any:
    """`tensordot` for each place along the first axis of both operands.

    ``axes`` counts the first axis as 0 and must not name it.

    >>> batched_tensordot([[1.0, 2.0], [3.0, 4.0]], [[1.0, 1.0], [2.0, 0.0]], axes=1).eval()
    array([3., 6.])
    """
    a, b = _with_batch("batched_tensordot", x, y)
    pairs = _pairs("batched_tensordot", a, b, axes, 1)
    return _contracted("batched_tensordot", a, b, [(0, 0)], pairs)


@register
def batched_dot(a: Any, b: Any) -> Any:
    """`dot` for each place along the first axis of both operands.

    >>> batched_dot([[1.0, 2.0], [3.0, 4.0]], [[1.0, 1.0], [2.0, 0.0]]).eval()
    array([3., 6.])
    """
    a, b = _with_batch("batched_dot", a, b)
    if a.ndim == 1:
        return OPS["mul"](OPS["dimshuffle"](a, [0] + ["x"] * (b.ndim - 1)), b)
    if b.ndim == 1:
        return OPS["mul"](a, OPS["dimshuffle"](b, [0] + ["x"] * (a.ndim - 1)))
    pair = (a.ndim - 1, max(1, b.ndim - 2))
    return _contracted("batched_dot", a, b, [(0, 0)], [pair])


def _with_batch(name: str, a: Any, b: Any) -> tuple[Any, Any]:
    a, b = as_tensor(a), as_tensor(b)
    if a.ndim == 0 or b.ndim == 0:
        raise TypeError(f"{name}: both operands must have a first axis, the batch; one is a scalar")
    return a, b


# -- einsum -------------------------------------------------------------------------------------


@register
def einsum(subscripts: str, *operands: Any, optimize: Any = None) -> Any:
    """Sums of products in Einstein's notation, as `numpy.einsum` with a string.

    Parameters
    ----------
    subscripts : str
        Such as ``"ij,jk->ik"``; without ``->`` the labels that occur once are kept, in
        alphabetical order. ``...`` stands for dimensions that broadcast.
    *operands : array_like or TensorVariable
    optimize : optional
        Accepted as in NumPy; operands are combined from left to right.

    Raises
    ------
    ValueError
        If the subscripts do not fit the operands.

    Examples
    --------
    >>> einsum("ij,j->i", [[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0]).eval()
    array([3., 7.])
    """
    tensors = [as_tensor(x) for x in operands]
    terms, output = _parsed(subscripts, tensors)
    sizes: dict[str, int] = {}
    for x, term in zip(tensors, terms, strict=True):
        for label, size in zip(term, x.type.shape, strict=True):
            sizes[label] = max(sizes.get(label, 1), 1 if size == 1 else 2)
    simple = [_tidy(x, term, sizes) for x, term in zip(tensors, terms, strict=True)]
    made, labels = simple[0]
    for k, (x, more) in enumerate(simple[1:], start=1):
        needed = set(output).union(*(term for _, term in simple[k + 1 :]))
        made, labels = _combined(made, labels, x, more, needed)
    return _arranged(made, labels, output)


def _parsed(subscripts: str, tensors: Sequence[Any]) -> tuple[list[list[str]], list[str]]:
    """The labels of each operand and of the result; those of ``...`` are numbers from the back."""
    if not isinstance(subscripts, str):
        raise ValueError(f"einsum: the subscripts must be a string; got {subscripts!r}")
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    texts = left.split(",")
    if len(texts) != len(tensors):
        raise ValueError(
            f"einsum: {subscripts!r} has {len(texts)} terms for {len(tensors)} operands"
        )
    terms = [_labels(t, x.ndim, subscripts) for t, x in zip(texts, tensors, strict=True)]
    used = [label for term in terms for label in term]
    spread = sorted({label for label in used if not label.isalpha()}, key=int)
    if arrow:
        letters = len(right.replace("...", ""))
        output = _labels(right, letters + (len(spread) if "..." in right else 0), subscripts)
    else:
        output = spread + sorted(s for s, n in Counter(used).items() if n == 1 and s.isalpha())
    for label, times in Counter(output).items():
        if times > 1 or label not in used:
            raise ValueError(
                f"einsum: the result's label {label!r} in {subscripts!r} must occur once there "
                "and in some operand"
            )
    if set(spread) - set(output):
        raise ValueError(f"einsum: the result in {subscripts!r} must keep the '...' of operands")
    return terms, output


def _labels(text: str, ndim: int, subscripts: str) -> list[str]:
    before, dots, behind = text.partition("...")
    if not all(c.isascii() and c.isalpha() for c in before + behind):
        raise ValueError(f"einsum: {text!r} in {subscripts!r} may hold letters and one '...' only")
    free = ndim - len(before) - len(behind)
    if free < 0 or (free > 0 and not dots):
        raise ValueError(
            f"einsum: {text!r} in {subscripts!r} does not fit an operand of {ndim} dimensions"
        )
    return [*before, *(str(k) for k in range(-free, 0)), *behind]


def _tidy(x: Any, term: list[str], sizes: dict[str, int]) -> tuple[Any, list[str]]:
    """``x`` without repeated labels (diagonals), and without size 1 where others may be longer.

    ``sizes`` says 1 for a label that is of size 1 wherever it stands.
    """
    for label in sorted({s for s in term if term.count(s) > 1}):
        while term.count(label) > 1:
            i = term.index(label)
            j = term.index(label, i + 1)
            x = OPS["diagonal"](x, 0, i, j)
            term = [s for k, s in enumerate(term) if k not in (i, j)] + [label]
    spare = [k for k, s in enumerate(term) if x.type.shape[k] == 1 and sizes[s] > 1]
    if spare:
        kept = [k for k in range(x.ndim) if k not in spare]
        x, term = OPS["dimshuffle"](x, kept), [term[k] for k in kept]
    return x, term


def _combined(
    a: Any, left: list[str], b: Any, right: list[str], needed: set[str]
) -> tuple[Any, list[str]]:
    """The product of two operands, summed over labels that nothing further needs."""
    a, left = _dropped(a, left, needed | set(right))
    b, right = _dropped(b, right, needed | set(left))
    shared = [s for s in left if s in right]
    batch = [(left.index(s), right.index(s)) for s in shared if s in needed]
    summed = [(left.index(s), right.index(s)) for s in shared if s not in needed]
    made = _contracted("einsum", a, b, batch, summed)
    labels = [left[i] for i, _ in batch]
    labels += [s for s in left if s not in shared] + [s for s in right if s not in shared]
    return made, labels


def _dropped(x: Any, labels: list[str], needed: set[str]) -> tuple[Any, list[str]]:
    """``x`` summed over the labels that are in it alone."""
    axes = tuple(k for k, s in enumerate(labels) if s not in needed)
    if not axes:
        return x, labels
    return OPS["sum"](x, axis=axes, dtype=x.type.dtype), [s for s in labels if s in needed]


def _arranged(x: Any, labels: list[str], output: list[str]) -> Any:
    x, labels = _dropped(x, labels, set(output))
    order = [labels.index(s) for s in output]
    return x if order == list(range(x.ndim)) else OPS["dimshuffle"](x, order)
