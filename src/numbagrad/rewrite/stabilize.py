"""Identities of real numbers whose right side stays finite and exact where the left one does not.

These run before a graph is differentiated, since a derivative of the left side overflows as well,
and again afterwards. They change NaN and infinities, to what exact arithmetic gives, and nothing
else; ``algebra`` holds those that change nothing.
"""

from __future__ import annotations

from typing import Any

from ..graph.registry import OPS
from .pattern import Local, Node, Rule, Scope, made_by, on, operations, rule, variables

__all__ = ["ROWS", "STABILIZE"]

x, y = variables("x y")
exp, expm1, log, log1p, log1mexp = operations("exp expm1 log log1p log1mexp")
softplus, sigmoid, logaddexp = operations("softplus sigmoid logaddexp")
sqr, sqrt, reciprocal, neg = operations("sqr sqrt reciprocal neg")


def _row(pattern: object, result: object, **options: object) -> Rule:
    return rule(pattern, result, kinds="f", widening=True, **options)


def only_here(node: Node, scope: Scope) -> bool:
    """Whether the sigmoid is used nowhere else: another one would cost a second exponential."""
    inner = next(v for v in node.inputs if scope.value(v) is None)
    return scope.uses(inner) <= 1


ROWS: list[Rule] = [
    # The logistic function and its logarithm.
    _row(log(1 + exp(x)), softplus(x)),
    _row(log1p(exp(x)), softplus(x)),
    _row(exp(x) / (1 + exp(x)), sigmoid(x)),
    _row(exp(x) / sqr(1 + exp(x)), sigmoid(x) * sigmoid(-x)),
    _row(exp(x) / (1 + exp(x)) ** 2, sigmoid(x) * sigmoid(-x)),
    _row(1 / (1 + exp(x)), sigmoid(-x)),
    _row(y / (1 + exp(x)), y * sigmoid(-x)),
    _row(reciprocal(1 + exp(x)), sigmoid(-x)),
    _row((1 + exp(x)) ** -1, sigmoid(-x)),
    _row(log(sigmoid(x)), -softplus(-x)),
    _row(log(1 - sigmoid(x)), -softplus(x)),
    _row(log1p(-sigmoid(x)), -softplus(x)),
    _row(1 - sigmoid(x), sigmoid(-x), where=only_here),
    _row(neg(neg(x)), x),
    # Near 0 and near 1.
    _row(log(1 - exp(x)), log1mexp(x), domain=(-3.0, -0.1)),
    _row(log1p(-exp(x)), log1mexp(x), domain=(-3.0, -0.1)),
    _row(log(-expm1(x)), log1mexp(x), domain=(-3.0, -0.1)),
    _row(log(1 + x), log1p(x), domain=(-0.9, 3.0)),
    _row(log(1 - x), log1p(-x), domain=(-3.0, 0.9)),
    _row(exp(x) - 1, expm1(x)),
    _row(1 - exp(x), -expm1(x)),
    # Overflow and underflow on the way.
    _row(log(exp(x) + exp(y)), logaddexp(x, y)),
    _row(log(exp(x)), x),
    _row(log(exp(x) / y), x - log(y), domain=(0.1, 3.0)),
    _row(sqrt(sqr(x)), abs(x)),
    _row(sqrt(x**2), abs(x)),
    _row(sqrt(x * x), abs(x)),
]


# -- sums of exponentials --------------------------------------------------------------------------


@on("TrueDiv")
def softmax_of(node: Node, scope: Scope) -> Any:
    """exp(x) / sum(exp(x), axis, keepdims=True) = softmax(x, axis)"""
    above = made_by(node.inputs[0], "Exp", scope)
    below = made_by(node.inputs[1], "DimShuffle", scope)
    if above is None or below is None:
        return None
    x = above.inputs[0]
    found = _sum_of_exponentials(below.inputs[0], scope)
    if found is None or found[0] is not x or _is_shifted(x, scope):
        return None
    axes = found[1]
    left = iter(range(x.type.ndim))
    kept = tuple("x" if k in axes else next(left) for k in range(x.type.ndim))
    return OPS["softmax"](x, axis=axes) if below.op.new_order == kept else None


@on("Log")
def logsumexp_of(node: Node, scope: Scope) -> Any:
    """log(sum(exp(x), axis)) = logsumexp(x, axis)"""
    inner, order = node.inputs[0], None
    shuffled = made_by(inner, "DimShuffle", scope)
    if shuffled is not None:
        inner, order = shuffled.inputs[0], shuffled.op.new_order
    found = _sum_of_exponentials(inner, scope)
    if found is None or _is_shifted(found[0], scope):
        return None
    made = OPS["logsumexp"](found[0], axis=found[1])
    return made if order is None else OPS["dimshuffle"](made, order)


@on("Log")
def log_of_part(node: Node, scope: Scope) -> Any:
    """log((exp(x) / y)[i]) = log(exp(x) / y)[i], and so for what else has a safe logarithm"""
    view = scope.owner(node.inputs[0])
    if view is None or getattr(view.op, "kind", None) != "View":
        return None
    source = view.inputs[0]
    parts = made_by(source, "TrueDiv", scope)
    safe = made_by(source, "Sigmoid", scope) or (parts and made_by(parts.inputs[0], "Exp", scope))
    many = any(v.type.ndim for v in view.inputs[1:] if v is not source)
    if not safe or (many and type(view.op).__name__ != "AdvancedSubtensor"):
        return None
    return view.op(OPS["log"](source), *view.inputs[1:])


@on("Log")
def log_of_determinant(node: Node, scope: Scope) -> Any:
    """log(abs(det(x))) = slogdet(x)[1]"""
    size = made_by(node.inputs[0], "Abs", scope)
    inner = size and made_by(size.inputs[0], "Det", scope)
    if not inner or node.outputs[0].type.dtype != inner.outputs[0].type.dtype:
        return None
    return OPS["slogdet"](inner.inputs[0])[1]


def _through_casts(variable: Any, scope: Scope) -> Any:
    """What float casts were applied to: sums of single precision are taken in double."""
    while (node := made_by(variable, "Cast", scope)) is not None:
        if not node.inputs[0].type.dtype.startswith("float"):
            break
        variable = node.inputs[0]
    return variable


def _sum_of_exponentials(variable: Any, scope: Scope) -> tuple[Any, tuple[int, ...]] | None:
    """``(x, axes)`` if ``variable`` is the sum of ``exp(x)`` over ``axes``."""
    total = made_by(_through_casts(variable, scope), "Sum", scope)
    inner = total and made_by(_through_casts(total.inputs[0], scope), "Exp", scope)
    return (inner.inputs[0], total.op.axes) if total and inner else None


def _is_shifted(x: Any, scope: Scope) -> bool:
    """Whether a largest element was subtracted already, as the safe forms themselves do."""
    node = made_by(x, "Sub", scope)
    if node is None:
        return False
    source, top = node.inputs
    for _ in range(8):
        made = scope.owner(top)
        if made is None:
            return False
        if type(made.op).__name__ in {"Max", "Peak"}:
            return made.inputs[0] is source
        # The choice between the largest and 0 asks whether the largest is finite first.
        top = made.inputs[1 if type(made.op).__name__ == "Switch" else 0]
    return False


STABILIZE: list[Rule | Local] = [
    softmax_of,
    logsumexp_of,
    log_of_determinant,
    *ROWS,
    log_of_part,
]
