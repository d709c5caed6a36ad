"""Identities of real numbers whose right side stays finite and exact where the left one does not.

These run before a graph is differentiated, since a derivative of the left side overflows as well,
and again afterwards. They change NaN and infinities, to what exact arithmetic gives, and nothing
else; ``algebra`` holds those that change nothing.
"""

from __future__ import annotations

from ..graph.basic import Apply
from .pattern import Rule, Scope, operations, rule, variables

__all__ = ["STABILIZE"]

x, y = variables("x y")
exp, expm1, log, log1p, log1mexp = operations("exp expm1 log log1p log1mexp")
softplus, sigmoid, logaddexp = operations("softplus sigmoid logaddexp")
sqr, sqrt, reciprocal = operations("sqr sqrt reciprocal")


def _row(pattern: object, result: object, **options: object) -> Rule:
    return rule(pattern, result, kinds="f", widening=True, **options)


def only_here(node: Apply, scope: Scope) -> bool:
    """Whether the sigmoid is used nowhere else: another one would cost a second exponential."""
    inner = next(v for v in node.inputs if scope.value(v) is None)
    return scope.uses(inner) <= 1


STABILIZE: list[Rule] = [
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
    _row(-(-x), x),
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
    _row(sqrt(sqr(x)), abs(x)),
    _row(sqrt(x**2), abs(x)),
    _row(sqrt(x * x), abs(x)),
]
