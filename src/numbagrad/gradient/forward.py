"""Forward mode: Rop, the walk that carries tangents from the beginning of a graph to its end.

An Op without a forward rule is done by two reverse steps of that one Op: its reverse rule is
linear in the cotangent ``u``, so differentiating ``<rule(u), t>`` with respect to ``u`` gives the
Jacobian times ``t``. No path is explained and no reverse sweep is written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import NullTypeGradError
from ..graph.basic import Apply, Variable
from ..graph.op import Op
from ..graph.registry import OPS
from ..graph.tensor import TensorType
from ..graph.traverse import rebuild_graph, toposort
from ..graph.type import disconnected_type
from ..graph.where import on_behalf_of
from ..ops.dtypes import is_discrete
from ..ops.kinds import Declared
from ..rewrite import stabilized
from .controls import as_list_or_tuple
from .paths import (
    active_variables,
    is_disconnected,
    is_null,
    made_at,
    moves_in_steps,
    pattern_of,
    shown,
    why_disconnected,
    why_null,
)
from .reverse import as_direction, as_points, as_variables, check_choice, report, stand_in
from .sweep import Sweep, ask, checked, with_dtype_of, zeros_for

__all__ = ["Rop", "pushforward"]

Tangents = dict[Variable, Variable]


# -- one Op ----------------------------------------------------------------------------------


def by_rule(node: Apply, given: Sequence[Variable | None]) -> list[Any]:
    """The tangents of a node's outputs by the Op's own rule; None where nothing moves."""
    op = node.op
    if isinstance(op, Declared):
        made = op.forward(list(given), list(node.outputs), list(node.inputs))
    elif type(op).R_op is not Op.R_op:
        made = op.R_op(list(node.inputs), list(given))
    else:
        tangents = [disconnected_type() if t is None else t for t in given]
        made = op.pushforward(  # type: ignore[attr-defined]
            list(node.inputs), list(node.outputs), tangents
        )
    if not isinstance(made, (list, tuple)) or len(made) != len(node.outputs):
        raise ValueError(
            f"{made_at(node)} must answer a list of {len(node.outputs)} tangents, one for each "
            f"output; got {made!r}"
        )
    return [None if is_disconnected(t) else t for t in made]


def by_double_reverse(node: Apply, given: Sequence[Variable | None]) -> list[Any]:
    """The tangents of a node's outputs by differentiating its reverse rule."""
    moved = [k for k, t in enumerate(given) if t is not None]
    outputs = [out for out in node.outputs if not moves_in_steps(out)]
    dummies = {out: out.type.make_variable() for out in outputs}
    answers = ask(node, [dummies.get(out, disconnected_type()) for out in node.outputs])
    seeds: list[tuple[Variable, Variable]] = []
    for k in moved:
        g, t = checked(node, k, answers[k]), given[k]
        if is_null(g):
            return [None if moves_in_steps(out) else g for out in node.outputs]
        if not is_disconnected(g) and t is not None:
            seeds.append((g, t))
    around = [*node.inputs, *node.outputs, *(t for t in given if t is not None)]
    sweep = Sweep(seeds, list(dummies.values()), blockers=around)
    found = [sweep.total.get(dummies[out]) if out in dummies else None for out in node.outputs]
    # What is left of a dummy is only its shape: the rule is linear in it.
    memo: dict[Variable, Variable] = {v: v for v in around}
    memo |= {dummy: zeros_for(out) for out, dummy in dummies.items()}
    present = [t for t in found if t is not None]
    rebuilt = dict(zip(present, rebuild_graph(present, memo), strict=True))
    return [None if t is None else rebuilt[t] for t in found]


def as_tangent(node: Apply, position: int, t: Any) -> Variable | None:
    """``t``, the answer for the output at ``position``, checked and in the output's dtype.

    Raises
    ------
    TypeError
        If it is no variable or an integer one.
    ValueError
        If its number of dimensions is another than the output's.
    """
    out = node.outputs[position]
    if t is None or is_null(t) or moves_in_steps(out):
        return None if t is None or moves_in_steps(out) else t
    what = f"The tangent that {made_at(node)} answered for its output {position}"
    if not isinstance(t, Variable):
        raise TypeError(f"{what} must be a variable or None; got {t!r}")
    if not isinstance(out.type, TensorType):
        return t
    if not isinstance(t.type, TensorType) or is_discrete(t.type.dtype):
        raise TypeError(f"{what} must be a floating tensor; its type is {t.type}")
    if t.type.ndim != out.type.ndim:
        raise ValueError(
            f"{what} must have {out.type.ndim} dimensions as the output has; it has {t.type.ndim}"
        )
    return with_dtype_of(out, t)


# -- the walk --------------------------------------------------------------------------------


def carry(
    outputs: Sequence[Variable],
    tangents: Tangents,
    only_rules: bool = False,
) -> Tangents:
    """The tangents of all that moves on the way to ``outputs``.

    Parameters
    ----------
    outputs : sequence of Variable
    tangents : dict
        The tangents that the walk starts with. One for a variable that is computed from others is
        added to what reaches it.
    only_rules : bool
        Refuse an Op without a forward rule.

    Raises
    ------
    NotImplementedError
        With ``only_rules``, naming the Op that has no rule.
    """
    order = toposort(outputs)
    patterns = {node: pattern_of(node) for node in order}
    active = active_variables(order, patterns, tangents)
    found = {v: t for v, t in tangents.items() if not moves_in_steps(v)}
    for node in order:
        given = [found.get(x) if x in active else None for x in node.inputs]
        if all(t is None for t in given):
            continue
        for out, t in _step(node, patterns[node], given, only_rules):
            start = found.get(out)
            if start is None or is_null(t):
                found[out] = t
            elif not is_null(start):
                with on_behalf_of(node.where):
                    found[out] = OPS["add"](start, t)
    return found


def _step(
    node: Apply, pattern: list[list[bool]], given: list[Variable | None], only_rules: bool
) -> list[tuple[Variable, Variable]]:
    """The outputs of one node that move, with their tangents."""
    made: list[tuple[Variable, Variable]] = []
    reached = []
    for o, out in enumerate(node.outputs):
        arriving = [t for k, t in enumerate(given) if t is not None and pattern[k][o]]
        null = next((t for t in arriving if is_null(t)), None)
        if not arriving or moves_in_steps(out):
            continue
        if null is not None:
            made.append((out, null))
        else:
            reached.append(o)
    if not reached:
        return made
    still = [
        t if t is not None and not is_null(t) and any(pattern[k][o] for o in reached) else None
        for k, t in enumerate(given)
    ]
    with on_behalf_of(node.where):
        if node.op.has_forward_rule():
            answers = by_rule(node, still)
        elif only_rules:
            raise NotImplementedError(
                f"{made_at(node)} has no forward rule (pushforward or R_op). Leave "
                "use_op_rop_implementation at its default to have it done by two reverse steps."
            )
        else:
            answers = by_double_reverse(node, still)
        checked_answers = [(o, as_tangent(node, o, answers[o])) for o in reached]
    made += [(node.outputs[o], t) for o, t in checked_answers if t is not None]
    return made


def _by_two_sweeps(outputs: Sequence[Variable], tangents: Tangents) -> Tangents:
    """The same as `carry`, by two sweeps over the whole graph."""
    moving = [v for v in dict.fromkeys(outputs) if not moves_in_steps(v)]
    dummies = {v: v.type.make_variable() for v in moving}
    back = Sweep(list(dummies.items()), list(tangents)).total
    seeds = []
    for x, t in tangents.items():
        g = back.get(x)
        if g is None or moves_in_steps(x):
            continue
        if is_null(g):
            return {v: g for v in moving}
        seeds.append((g, t))
    total = Sweep(seeds, list(dummies.values())).total
    present = [v for v in moving if dummies[v] in total]
    memo: dict[Variable, Variable] = {dummy: zeros_for(v) for v, dummy in dummies.items()}
    rebuilt = rebuild_graph([total[dummies[v]] for v in present], memo)
    return dict(zip(present, rebuilt, strict=True))


# -- what users call -------------------------------------------------------------------------

_MODES = (True, False, None, "auto", "forward", "double_reverse")


def Rop(
    f: Any,
    wrt: Any,
    eval_points: Any,
    disconnected_outputs: str = "raise",
    return_disconnected: str = "zero",
    use_op_rop_implementation: Any = False,
) -> Any:
    """The Jacobian of ``f`` times a vector: ``sum_j (d f[i] / d wrt[j]) eval_points[j]``.

    Parameters
    ----------
    f : Variable, or list or tuple of Variable
    wrt : Variable, or list or tuple of Variable
    eval_points : array_like, or list or tuple of these
        One tangent for each of ``wrt``, of its shape; None for one that does not move.
    disconnected_outputs : {"raise", "warn", "ignore"}
        What to do about an expression that does not depend on any of ``wrt``.
    return_disconnected : {"zero", "none", "disconnected"}
        What stands in for its tangent.
    use_op_rop_implementation : {False, True, "double_reverse"}
        By default forward rules are used, and two reverse steps for each Op that has none.
        ``True`` (or ``"forward"``) makes such an Op an error. ``"double_reverse"`` uses no forward
        rule at all. None and ``"auto"`` are the default, too.

    Returns
    -------
    Variable, or list or tuple of Variable
        One for each of ``f``, with its shape and dtype.

    Raises
    ------
    TypeError
        If ``f`` or ``wrt`` holds something that is no variable.
    ValueError
        If there are more or fewer tangents than variables, or one has another ndim or size.
    DisconnectedInputError
        If an expression depends on none of ``wrt``.
    NullTypeGradError
        If a derivative on the way is undefined.
    NotImplementedError
        If an Op lacks a rule that was insisted on.

    Examples
    --------
    >>> from numbagrad import tensor
    >>> x, v = tensor.dvectors("x", "v")
    >>> Rop((x**2).sum(), x, v).eval({x: [1.0, 2.0], v: [1.0, 0.5]})
    array(4.)
    """
    check_choice("disconnected_outputs", disconnected_outputs, ("raise", "warn", "ignore"))
    check_choice("return_disconnected", return_disconnected, ("zero", "none", "disconnected"))
    if not any(use_op_rop_implementation is m or use_op_rop_implementation == m for m in _MODES):
        raise ValueError(
            "use_op_rop_implementation must be False, True or 'double_reverse'; "
            f"got {use_op_rop_implementation!r}"
        )
    outputs = as_variables("f", f)
    targets = as_variables("wrt", wrt)
    tangents = directions("eval_points", targets, eval_points)
    safe = stabilized(outputs, targets)
    if use_op_rop_implementation == "double_reverse":
        found = _by_two_sweeps(safe, tangents)
    else:
        found = carry(safe, tangents, use_op_rop_implementation in (True, "forward"))
    results = []
    for v, walked in zip(outputs, safe, strict=True):
        t = found.get(walked)
        if t is None:
            if disconnected_outputs != "ignore":
                words = f"{shown(v)} does not depend differentiably on any of wrt: "
                report(disconnected_outputs, words + _why_still(v, targets), "disconnected_outputs")
            t = stand_in(v, return_disconnected)
        elif is_null(t):
            raise NullTypeGradError(f"The tangent of {v!r} can not be computed: {why_null(t)}")
        results.append(t)
    return as_list_or_tuple(isinstance(f, list), isinstance(f, tuple), results)


def pushforward(
    f: Any,
    wrt: Any,
    tangents: Any,
    disconnected_outputs: str = "raise",
    return_disconnected: str = "zero",
    use_op_pushforward: Any = False,
) -> Any:
    """The newer name of `Rop`.

    >>> from numbagrad import tensor
    >>> x = tensor.dscalar("x")
    >>> pushforward(x**3, x, 1.0).eval({x: 2.0})
    array(12.)
    """
    return Rop(f, wrt, tangents, disconnected_outputs, return_disconnected, use_op_pushforward)


def directions(what: str, targets: Sequence[Variable], given: Any) -> Tangents:
    """The tangents that users pass, one for each of ``targets``, checked."""
    points = as_points(targets, given)
    if len(points) != len(targets):
        raise ValueError(f"wrt has {len(targets)} variables but {what} has {len(points)}")
    found: Tangents = {}
    for k, (x, t) in enumerate(zip(targets, points, strict=True)):
        if t is None or is_disconnected(t):
            continue
        t = as_direction(f"{what}[{k}]", x, t)
        found[x] = OPS["add"](found[x], t) if x in found else t
    return found


def _why_still(output: Any, targets: Sequence[Variable]) -> str:
    """Why nothing that moves reaches ``output``."""
    if moves_in_steps(output):
        return f"its values are integers or truth values (dtype {output.type.dtype})"
    reasons = [(x, why_disconnected(x, [output])) for x in targets]
    return "; ".join(f"{x!r}: {words}" for x, words in reasons[:3])
