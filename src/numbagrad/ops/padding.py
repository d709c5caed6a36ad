"""``pad``: arrays with a border, in NumPy's modes. No Op is defined here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph.basic import Variable
from ..graph.registry import OPS, register
from ..graph.tensor import as_tensor
from .index_patterns import IN, Part
from .sizes import as_length, shape_tuple, size_at
from .structure import broadcast_to
from .subtensor import IncSubtensor

__all__ = ["pad"]

_STATISTICS = ("maximum", "mean", "minimum")
_MODES = ("constant", "edge", "linear_ramp", *_STATISTICS, "reflect", "symmetric", "wrap")


@register
def pad(x: Any, pad_width: Any, mode: str = "constant", **kwargs: Any) -> Any:
    """``x`` with a border, as in NumPy.

    Parameters
    ----------
    x : tensor
    pad_width : int, pair, or a pair for each dimension
        How many elements before and behind; they may be integer scalars.
    mode : str
        ``constant`` (with ``constant_values``), ``edge``, ``linear_ramp`` (with ``end_values``),
        ``maximum``, ``mean``, ``minimum`` (of the whole dimension), ``reflect``, ``symmetric`` or
        ``wrap``.

    Raises
    ------
    ValueError
        If the mode is not one of these, or ``pad_width`` does not fit the dimensions.

    Examples
    --------
    >>> pad([1, 2], (1, 2)).eval()
    array([0, 1, 2, 0, 0])
    """
    x = as_tensor(x)
    if mode not in _MODES:
        raise ValueError(f"pad: mode must be one of {', '.join(_MODES)}; got {mode!r}")
    word = {"constant": "constant_values", "linear_ramp": "end_values"}.get(mode)
    values = kwargs.pop(word, 0) if word else 0
    if mode in _STATISTICS and kwargs.get("stat_length", 0) is None:
        kwargs.pop("stat_length")
    if mode in ("reflect", "symmetric") and kwargs.get("reflect_type") == "even":
        kwargs.pop("reflect_type")
    if kwargs:
        raise ValueError(f"pad: mode {mode!r} does not take {', '.join(map(repr, kwargs))}")
    widths = [
        (as_length(b, "pad"), as_length(a, "pad"))
        for b, a in _pairs(pad_width, x.ndim, "pad_width")
    ]
    if any(isinstance(w, int) and w < 0 for pair in widths for w in pair):
        raise ValueError(f"pad: widths must be at least 0; got {widths}")
    if mode == "constant":
        borders = _pairs(values, x.ndim, "constant_values")
        if all(
            border is borders[0][0] or _equal(border, borders[0][0])
            for p in borders
            for border in p
        ):
            return _within(x, widths, borders[0][0] if borders else 0)
    for axis, (before, behind) in enumerate(widths):
        if (before, behind) == (0, 0) and isinstance(before, int) and isinstance(behind, int):
            continue
        if mode in ("edge", "reflect", "symmetric", "wrap"):
            x = _gathered(x, axis, before, behind, mode)
            continue
        if mode in _STATISTICS:
            ends = _statistic(x, axis, mode)
        else:
            ends = _pairs(values, x.ndim, word or "")[axis]
        x = _bordered(x, axis, (before, behind), ends, mode)
    return x


def _equal(a: Any, b: Any) -> bool:
    return not isinstance(a, Variable) and not isinstance(b, Variable) and bool(a == b)


def _pairs(given: Any, ndim: int, where: str) -> list[tuple[Any, Any]]:
    """A pair for each dimension, from one number, one pair or all pairs."""
    if isinstance(given, np.ndarray):
        given = given.tolist()
    if isinstance(given, Variable) and given.type.ndim:
        given = [given[k] for k in range(len(given))]  # type: ignore[index, arg-type]
        given = [[g[0], g[1]] if g.ndim else g for g in given]
    if not isinstance(given, (list, tuple)):
        return [(given, given)] * ndim
    if not any(isinstance(g, (list, tuple)) for g in given):
        given = [given]
    pairs = [tuple(g) * (2 if len(g) == 1 else 1) for g in given]
    if len(pairs) == 1:
        pairs *= ndim
    if len(pairs) != ndim or any(len(p) != 2 for p in pairs):
        raise ValueError(
            f"pad: {where} must be a number, a pair, or a pair for each of the {ndim} dimensions; "
            f"got {given}"
        )
    return pairs


def _within(x: Any, widths: Sequence[tuple[Any, Any]], value: Any) -> Any:
    """``x`` written into an array of ``value``."""
    value = OPS["cast"](as_tensor(value), x.dtype)
    sizes = shape_tuple(x)
    total = [before + n + behind for n, (before, behind) in zip(sizes, widths, strict=True)]
    whole = OPS["alloc"](value, *total) if total else value
    pattern, given = [], []
    for n, (before, _) in zip(sizes, widths, strict=True):
        pattern.append(Part(*(IN if isinstance(p, Variable) else p for p in (before, n))))
        given += [p for p in (before, n) if isinstance(p, Variable)]
    return IncSubtensor(pattern=tuple(pattern), set=True)(whole, x, *given)


def _gathered(x: Any, axis: int, before: Any, behind: Any, mode: str) -> Any:
    """The border is made of elements of ``x`` at places computed from the place in the result."""
    n = size_at(x, axis)
    i = OPS["sub"](OPS["arange"](before + n + behind), before)
    if mode == "edge":
        place = OPS["clip"](i, 0, n - 1)
    elif mode == "wrap":
        place = OPS["mod"](i, n)
    elif mode == "symmetric":  # 0 1 2 | 2 1 0 | 0 1 2
        around = OPS["mod"](i, 2 * n)
        place = OPS["minimum"](around, 2 * n - 1 - around)
    else:  # 0 1 2 | 1 | 0 1 2
        period = max(2 * n - 2, 1) if isinstance(n, int) else OPS["maximum"](2 * n - 2, 1)
        around = OPS["mod"](i, period)
        place = OPS["minimum"](around, period - around)
        if not (isinstance(n, int) and n > 1):
            place = OPS["minimum"](place, n - 1)
    return OPS["take"](x, place, axis=axis)


def _statistic(x: Any, axis: int, mode: str) -> tuple[Any, Any]:
    name = {"maximum": "max", "minimum": "min", "mean": "mean"}[mode]
    made = OPS[name](x, axis=axis, keepdims=True)
    if made.dtype != x.dtype:
        if not x.dtype.startswith(("float", "complex")):
            made = OPS["round"](made, "half_to_even")
        made = OPS["cast"](made, x.dtype)
    return made, made


def _bordered(x: Any, axis: int, widths: tuple[Any, Any], ends: tuple[Any, Any], mode: str) -> Any:
    """A constant, statistic or ramp joined to both ends."""
    sizes = list(shape_tuple(x))
    pieces = [x]
    for side, (width, end) in enumerate(zip(widths, ends, strict=True)):
        if isinstance(width, int) and width == 0:
            continue
        end = OPS["cast"](as_tensor(end), x.dtype)
        if mode == "linear_ramp":
            edge = OPS["take"](x, [0 if side == 0 else -1], axis=axis)
            border = _ramp(edge, end, width, axis, descending=side == 1)
        else:
            border = broadcast_to(end, [width if k == axis else s for k, s in enumerate(sizes)])
        pieces = [border, *pieces] if side == 0 else [*pieces, border]
    return OPS["join"](axis, *pieces)


def _ramp(edge: Any, end: Any, width: Any, axis: int, descending: bool) -> Any:
    """From ``end`` up to, but without, ``edge`` in ``width`` steps; or the other way round."""
    t = OPS["cast"](OPS["arange"](width), "float64")
    if descending:
        t = t[::-1]
    t = OPS["true_div"](t, width)
    t = OPS["dimshuffle"](t, [0 if k == axis else "x" for k in range(edge.ndim)])
    made = OPS["add"](end, OPS["mul"](t, OPS["sub"](edge, end)))
    if not edge.dtype.startswith(("float", "complex")):
        made = OPS["floor"](made)
    return OPS["cast"](made, edge.dtype)
