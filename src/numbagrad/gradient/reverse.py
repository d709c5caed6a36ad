"""Reverse mode as users call it: grad, Lop, subgraph_grad and grad_sources_inputs.

What they are given is checked here; the walk itself is in ``sweep``.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import DisconnectedInputError, NullTypeGradError
from ..graph.basic import Variable
from ..graph.registry import OPS
from ..graph.tensor import TensorType, as_tensor
from ..graph.type import disconnected_type
from ..graph.where import on_behalf_of
from ..ops.dtypes import is_complex, is_discrete
from ..rewrite import stabilized
from .controls import as_list_or_tuple
from .paths import is_disconnected, is_null, shown, why_disconnected, why_null
from .sweep import Seeds, Sweep, with_dtype_of, zeros_for

__all__ = ["Lop", "grad", "grad_sources_inputs", "pullback", "subgraph_grad"]

_log = logging.getLogger("numbagrad.gradient")


# -- what users pass -------------------------------------------------------------------------


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Refuse an option that is none of ``choices``."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}; got {value!r}")


def as_variables(what: str, given: Any) -> list[Variable]:
    """A variable, or a list or tuple of them, as a list.

    Raises
    ------
    TypeError
        If something in it is no variable.
    """
    items = list(given) if isinstance(given, (list, tuple)) else [given]
    for position, item in enumerate(items):
        if not isinstance(item, Variable):
            where = f"element {position} of {what}" if len(items) > 1 else what
            raise TypeError(f"{where} must be a symbolic variable; got {item!r}")
    return items


def as_points(variables: Sequence[Variable], given: Any) -> list[Any]:
    """Directions as a list; a list of numbers is one direction for a single variable."""
    if not isinstance(given, (list, tuple)):
        return [given]
    symbolic = any(item is None or isinstance(item, Variable) for item in given)
    if len(variables) == 1 and not symbolic:
        ndim = getattr(variables[0].type, "ndim", None)
        if as_tensor(given).ndim == ndim:
            return [given]
    return list(given)


def as_direction(what: str, variable: Any, given: Any) -> Variable:
    """A cotangent or tangent of ``variable``, checked and in the dtype of its gradient.

    Raises
    ------
    TypeError
        If its dtype is complex and that of ``variable`` is not.
    ValueError
        If its number of dimensions or a known size is another.
    """
    if is_null(given) or is_disconnected(given):
        return given
    if isinstance(given, Variable) and not isinstance(variable.type, TensorType):
        return given
    direction = as_tensor(given)
    if direction.ndim != variable.type.ndim:
        raise ValueError(
            f"{what} must have {variable.type.ndim} dimensions as {variable!r} has; "
            f"got {direction!r} with {direction.ndim}"
        )
    pairs = zip(direction.type.shape, variable.type.shape, strict=True)
    if any(a is not None and b is not None and a != b for a, b in pairs):
        raise ValueError(
            f"{what} must have the shape {variable.type.shape} of {variable!r}; "
            f"got {direction!r} of shape {direction.type.shape}"
        )
    if is_complex(direction.type.dtype) and not is_complex(variable.type.dtype):
        raise TypeError(f"{what} is complex, but {variable!r} is {variable.type.dtype}")
    return with_dtype_of(variable, direction)


# -- from seeds to results -------------------------------------------------------------------


def _initial(cost: Any) -> Variable:
    """One, in the shape of the cost: ``fill(cost, 1.0)``."""
    with on_behalf_of(None if cost.owner is None else cost.owner.where):
        return with_dtype_of(cost, OPS["second"](cost, 1.0))


def _gradients(
    seeds: Seeds,
    wrt: list[Variable],
    stop: Sequence[Variable],
    disconnected_inputs: str,
    return_disconnected: str,
    null_gradients: str = "raise",
    source: str = "The expression",
) -> list[Any]:
    """One gradient for each of ``wrt``, with disconnected and undefined ones treated as asked.

    The caller has stabilised the expressions.
    """
    sweep = Sweep(seeds, wrt, stop)
    results: list[Any] = []
    for x in wrt:
        g = sweep.total.get(x)
        if g is None:
            if disconnected_inputs != "ignore":
                why = why_disconnected(x, [v for v, _ in seeds], sweep.stop, sweep.silent)
                words = f"{source} does not depend differentiably on {x!r} ({x.type}): {why}"
                report(disconnected_inputs, words)
            results.append(stand_in(x, return_disconnected))
            continue
        if is_null(g) and null_gradients == "raise":
            raise NullTypeGradError(
                f"The gradient with respect to {x!r} can not be computed: {why_null(g)}"
            )
        results.append(g)
    return results


def report(mode: str, words: str, option: str = "disconnected_inputs") -> None:
    """Raise or warn about a path that does not exist; ``option`` is what allows it."""
    message = f'{words}. Its derivative is zero; pass {option}="ignore" to get that.'
    if mode == "raise":
        raise DisconnectedInputError(message)
    warnings.warn(message, stacklevel=4)


def stand_in(x: Variable, return_disconnected: str) -> Variable | None:
    """What is returned for a derivative of ``x`` to which no path leads."""
    if return_disconnected == "none":
        return None
    return disconnected_type() if return_disconnected == "disconnected" else zeros_for(x)


def _called(cost: Variable) -> str:
    return "The cost" if cost.name == "cost" else f"The cost {shown(cost)}"


def _check_cost(cost: Any) -> None:
    if not isinstance(cost, Variable):
        raise TypeError(f"cost must be a symbolic variable; got {cost!r}")
    if is_null(cost):
        raise NullTypeGradError(
            f"The cost has no value, so it can not be differentiated: {why_null(cost)}"
        )
    if is_disconnected(cost):
        raise DisconnectedInputError(
            "The cost is a disconnected gradient: it depends on nothing. Pass "
            "return_disconnected='zero' where it was made."
        )
    if not isinstance(cost.type, TensorType):
        raise TypeError(f"cost must be a tensor; its type is {cost.type}")
    if cost.type.ndim != 0:
        raise TypeError(
            f"cost must be a scalar (ndim 0); {cost!r} has ndim {cost.type.ndim}. "
            "Reduce it, for example with .sum(), or use jacobian or Lop."
        )
    if is_complex(cost.type.dtype):
        raise TypeError(
            f"cost must be real; {cost!r} is {cost.type.dtype}. Take .real of it or abs() first."
        )


def _known(known_grads: Mapping[Variable, Any] | None) -> list[tuple[Variable, Variable]]:
    """The pairs of ``known_grads``, checked."""
    pairs = []
    items = known_grads.items() if isinstance(known_grads, Mapping) else known_grads or ()
    for variable, g in items:
        if not isinstance(variable, Variable):
            raise TypeError(f"A key of known_grads must be a variable; got {variable!r}")
        if not (is_null(g) or is_disconnected(g)):
            g = g if isinstance(g, Variable) else as_tensor(g)
            dtype = getattr(g.type, "dtype", None)
            if dtype is not None and is_discrete(dtype):
                raise TypeError(
                    f"The known gradient of {variable!r} must be floating; {g!r} has dtype {dtype}"
                )
        pairs.append((variable, as_direction("The known gradient", variable, g)))
    return pairs


def _seeds(
    cost: Variable | None, known: list[tuple[Variable, Variable]], keep: set[Variable]
) -> Seeds:
    """What the walk starts from: the stabilised cost with 1, and known gradients.

    What the user named (``keep`` and the keys of ``known``) is left as it is, since gradients are
    wanted or given exactly there.
    """
    keys = [v for v, _ in known]
    if cost is None and not known:
        raise ValueError("Without a cost, known_grads has to say where gradients start")
    if cost is None or any(v is cost for v in keys):
        return known
    safe, *_ = stabilized([cost, *keys], {*keep, *keys})
    return [(safe, _initial(safe)), *known]


def _named(cost: Variable | None, wrt: list[Variable], gradients: list[Any]) -> list[Any]:
    """Gradients called ``(d<cost>/d<wrt>)`` where both have names."""
    if cost is None or not cost.name:
        return gradients
    results = []
    for x, g in zip(wrt, gradients, strict=True):
        if g is not None and x.name:
            name = f"(d{cost.name}/d{x.name})"
            if g.name not in (None, name) and isinstance(g.type, TensorType):
                g = OPS["identity"](g)  # one variable can not carry two names
            g.name = name
        results.append(g)
    return results


def grad(
    cost: Variable | None,
    wrt: Any,
    consider_constant: Sequence[Variable] | None = None,
    disconnected_inputs: str = "raise",
    add_names: bool = True,
    known_grads: Mapping[Variable, Variable] | None = None,
    return_disconnected: str = "zero",
    null_gradients: str = "raise",
) -> Any:
    """The gradient of a scalar expression, as an expression.

    Parameters
    ----------
    cost : Variable or None
        What is differentiated, with no dimensions. None if ``known_grads`` is given.
    wrt : Variable, or list or tuple of Variable
        With respect to what.
    consider_constant : sequence of Variable, optional
        Expressions behind which nothing is differentiated. In ``wrt`` they have a gradient.
    disconnected_inputs : {"raise", "warn", "ignore"}
        What to do about a variable of ``wrt`` on which the cost does not depend.
    add_names : bool
        Call the results ``(d<cost>/d<wrt>)`` where both have names.
    known_grads : mapping, optional
        Gradients of some variables. They are added to what reaches those variables from the cost;
        one for the cost itself replaces the 1 that the walk starts from.
    return_disconnected : {"zero", "none", "disconnected"}
        What stands in for such a gradient: zeros, None, or a variable of DisconnectedType.
    null_gradients : {"raise", "return"}
        Whether a gradient that is undefined is an error or a variable of NullType.

    Returns
    -------
    Variable, or list or tuple of Variable
        One gradient for each of ``wrt``, with its shape and, if it is floating, its dtype; the
        gradient of integers is zeros of dtype floatX.

    Raises
    ------
    TypeError
        If the cost is no real scalar, something in ``wrt`` is no variable or a known gradient is
        not floating.
    DisconnectedInputError
        If the cost does not depend on a variable of ``wrt``. The message says where the path ends.
    NullTypeGradError
        If a gradient is undefined or not implemented.

    Examples
    --------
    >>> from numbagrad import tensor
    >>> x = tensor.dvector("x")
    >>> grad((x**2).sum(), x).eval({x: [1.0, 2.0]})
    array([2., 4.])
    """
    check_choice("disconnected_inputs", disconnected_inputs, ("raise", "warn", "ignore"))
    check_choice("return_disconnected", return_disconnected, ("zero", "none", "disconnected"))
    check_choice("null_gradients", null_gradients, ("raise", "return"))
    targets = as_variables("wrt", wrt)
    constants = as_variables("consider_constant", list(consider_constant or ()))
    known = _known(known_grads)
    if cost is not None:
        _check_cost(cost)
    results = _gradients(
        _seeds(cost, known, {*targets, *constants}),
        targets,
        constants,
        disconnected_inputs,
        return_disconnected,
        null_gradients,
        "The expression" if cost is None else _called(cost),
    )
    if add_names:
        results = _named(cost, targets, results)
    return as_list_or_tuple(isinstance(wrt, list), isinstance(wrt, tuple), results)


def Lop(
    f: Any,
    wrt: Any,
    eval_points: Any,
    consider_constant: Sequence[Variable] | None = None,
    disconnected_inputs: str = "raise",
    return_disconnected: str = "zero",
) -> Any:
    """A vector times the Jacobian of ``f``: ``sum_i eval_points[i] (d f[i] / d wrt[j])``.

    Parameters
    ----------
    f : Variable, or list or tuple of Variable
    wrt : Variable, or list or tuple of Variable
    eval_points : array_like, or list or tuple of these
        One cotangent for each of ``f``, of its shape.
    consider_constant, disconnected_inputs, return_disconnected
        As in `grad`.

    Returns
    -------
    Variable, or list or tuple of Variable
        One for each of ``wrt``, with its shape.

    Raises
    ------
    TypeError
        If ``f`` or ``wrt`` holds something that is no variable.
    ValueError
        If there are more or fewer cotangents than expressions, or one has another ndim.
    DisconnectedInputError, NullTypeGradError
        As in `grad`.

    Examples
    --------
    >>> from numbagrad import tensor
    >>> x, u = tensor.dvectors("x", "u")
    >>> Lop(x**2, x, u).eval({x: [1.0, 2.0], u: [10.0, 1.0]})
    array([20.,  4.])
    """
    check_choice("disconnected_inputs", disconnected_inputs, ("raise", "warn", "ignore"))
    check_choice("return_disconnected", return_disconnected, ("zero", "none", "disconnected"))
    outputs = as_variables("f", f)
    targets = as_variables("wrt", wrt)
    constants = as_variables("consider_constant", list(consider_constant or ()))
    given = as_points(outputs, eval_points)
    if len(given) != len(outputs):
        raise ValueError(f"f has {len(outputs)} expressions but eval_points has {len(given)}")
    seeds = [
        (v, as_direction(f"eval_points[{k}]", v, g))
        for k, (v, g) in enumerate(zip(outputs, given, strict=True))
    ]
    safe = stabilized(outputs, {*targets, *constants})
    seeds = list(zip(safe, (g for _, g in seeds), strict=True))
    results = _gradients(seeds, targets, constants, disconnected_inputs, return_disconnected)
    return as_list_or_tuple(isinstance(wrt, list), isinstance(wrt, tuple), results)


def pullback(
    f: Any,
    wrt: Any,
    cotangents: Any,
    consider_constant: Sequence[Variable] | None = None,
    disconnected_inputs: str = "raise",
    return_disconnected: str = "zero",
) -> Any:
    """The newer name of `Lop`.

    >>> from numbagrad import tensor
    >>> x = tensor.dscalar("x")
    >>> pullback(x**3, x, 1.0).eval({x: 2.0})
    array(12.)
    """
    return Lop(f, wrt, cotangents, consider_constant, disconnected_inputs, return_disconnected)


def grad_sources_inputs(
    sources: Sequence[tuple[Variable, Variable]],
    graph_inputs: Sequence[Variable] | None,
    warn_type: bool = True,
) -> dict[Variable, Variable]:
    """Walk back from given gradients and return the total gradient of every variable met.

    Parameters
    ----------
    sources : sequence of (Variable, Variable)
        Expressions and their gradients. A source that receives a gradient from another source has
        the sum of both.
    graph_inputs : sequence of Variable
        Where to stop.
    warn_type : bool
        Log a warning for a gradient whose type is not that of its expression.

    Returns
    -------
    dict
        From each variable met to its gradient. Where an Op answered ``None`` there is none.

    Examples
    --------
    >>> from numbagrad import tensor
    >>> x = tensor.dscalar("x")
    >>> y = x**2
    >>> grad_sources_inputs([(y, tensor.as_tensor(3.0))], [x])[x].eval({x: 2.0})
    array(12.)
    """
    seeds = []
    for pair in sources:
        variable, g = pair
        if not isinstance(variable, Variable) or not isinstance(g, Variable):
            raise TypeError(f"A source must be a pair of variables; got {pair!r}")
        seeds.append((variable, g))
    total = Sweep(seeds, None, graph_inputs or ()).total
    if warn_type:
        for variable, g in total.items():
            if g.type != variable.type:
                _log.warning(
                    "The gradient of %r has type %s, the expression itself %s",
                    variable,
                    g.type,
                    variable.type,
                )
    return total


def subgraph_grad(
    wrt: Sequence[Variable],
    end: Sequence[Variable],
    start: Mapping[Variable, Variable] | None = None,
    cost: Variable | None = None,
    details: bool = False,
) -> Any:
    """Gradients through one part of a graph, up to the variables in ``end``.

    Parameters
    ----------
    wrt : list of Variable
    end : list of Variable
        Where to stop: nothing behind these is differentiated.
    start : mapping, optional
        Known gradients to start from.
    cost : Variable, optional
        A scalar to start from, in addition.
    details : bool
        Also return the parts that come from ``start`` and from ``cost``.

    Returns
    -------
    tuple
        The gradients with respect to ``wrt`` and those with respect to ``end``; with ``details``
        also those with respect to ``wrt`` from ``start`` alone and from ``cost`` alone (None
        where that was not given). Disconnected ones are zeros.

    Raises
    ------
    ValueError
        If neither ``start`` nor ``cost`` is given.

    Notes
    -----
    What flows from the cost through variables of ``start`` is added to the gradient given there.

    Examples
    --------
    >>> from numbagrad import tensor
    >>> x, w = tensor.dscalars("x", "w")
    >>> hidden = x * w
    >>> (dh,), _ = subgraph_grad([hidden], [hidden], cost=hidden**2)
    >>> (dw,), _ = subgraph_grad([w], [x], start={hidden: dh})
    >>> dw.eval({x: 3.0, w: 2.0})
    array(36.)
    """
    if not start and cost is None:
        raise ValueError("subgraph_grad needs a cost, known gradients in start, or both")
    targets, ends = as_variables("wrt", list(wrt)), as_variables("end", list(end))
    options: dict[str, Any] = {
        "consider_constant": ends,
        "disconnected_inputs": "ignore",
        "add_names": False,
    }
    both = targets + ends
    from_start = grad(None, both, known_grads=start, **options) if start else None
    from_cost = grad(cost, both, **options) if cost is not None else None
    parts = [p for p in (from_start, from_cost) if p is not None]
    total = parts[0] if len(parts) == 1 else [OPS["add"](a, b) for a, b in zip(*parts)]
    n = len(targets)
    if not details:
        return total[:n], total[n:]
    return (
        total[:n],
        total[n:],
        None if from_start is None else from_start[:n],
        None if from_cost is None else from_cost[:n],
    )
