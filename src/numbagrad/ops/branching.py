"""IfElse: of two graphs only the one that is taken is computed.

Where a user calls `ifelse` both results are there already, as variables: the graphs inside only
hand on one or the other. What nobody but one of them needs moves into that graph when a function is
compiled (``rewrite.branches``); before, it is an ordinary part of the graph around, so that
derivatives and rewrites see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

from ..graph.basic import Apply, Variable
from ..graph.frozen import FrozenGraph
from ..graph.registry import OPS, register
from ..graph.tensor import TensorType, as_tensor, is_scalar_number
from .control import Control, connections, evaluate
from .declared import UNKNOWN
from .dtypes import convert_together, upcast

__all__ = ["IfElse", "any_of", "ifelse", "select", "truth"]


class IfElse(Control, abstract=True):
    """The outputs of ``then`` where the condition holds, those of ``orelse`` where it does not.

    The inputs of its node are ``condition, *captured``, the condition a scalar of dtype bool; both
    graphs take all of ``captured``, and output ``k`` of the node is output ``k`` of one of them.

    Parameters
    ----------
    then, orelse : FrozenGraph
        With inputs of the same types and outputs of the same dtypes and numbers of dimensions.
    """

    form = "branch"
    __props__ = ("then", "orelse")
    shown = "ifelse"

    @property
    def graphs(self) -> tuple[FrozenGraph, ...]:
        return (self.then, self.orelse)

    def with_graphs(self, graphs: Sequence[FrozenGraph]) -> IfElse:
        made: IfElse = self.changed(then=graphs[0], orelse=graphs[1])
        return made

    # -- nodes -----------------------------------------------------------------------------

    def make_node(self, *inputs: Any) -> Apply:
        """Check the inputs and make the node.

        Raises
        ------
        TypeError
            If the number or a type of the inputs is not that of the graphs' inputs.
        """
        if len(inputs) != 1 + len(self.then.inputs):
            words = f"a condition and {len(self.then.inputs)} inputs"
            raise TypeError(f"A branch over {self.then} takes {words}; got {len(inputs)}")
        variables = [v if isinstance(v, Variable) else as_tensor(v) for v in inputs[1:]]
        for x, inside in zip(variables, self.then.inputs, strict=True):
            if not inside.type.is_super(x.type):
                raise TypeError(f"{x!r} of type {x.type} must be of type {inside.type} in a branch")
        pairs = zip(self.then.outputs, self.orelse.outputs, strict=True)
        outputs = [common_type(a.type, b.type).make_variable() for a, b in pairs]
        return Apply(self, [truth(inputs[0]), *variables], outputs)

    def taken(self, node: Apply) -> tuple[list[Variable], list[Variable]]:
        """The outputs of both graphs as variables of the graph around the node."""
        return self.then.over(node.inputs[1:]), self.orelse.over(node.inputs[1:])

    def pretty(self, node: Apply) -> list[Any]:
        """How `pp` prints it."""
        made: list[Any] = ["ifelse(", node.inputs[0]]
        for branch in self.taken(node):
            made += [", ", *_listed(branch)]
        return [*made, ")"]

    def infer_shape(self, fgraph: Any, node: Apply, input_shapes: Sequence[Any]) -> Any:
        """Sizes that are the same in both branches; ``fgraph`` is a `ShapeEnv` or nothing."""
        inside = getattr(fgraph, "inside", None)
        if inside is None:
            raise NotImplementedError
        pairs = zip(*(inside(g, node.inputs[1:]) for g in self.graphs), strict=True)
        return [
            tuple(a if fgraph.same_or_unknown(a, b) else UNKNOWN for a, b in zip(p, q, strict=True))
            for p, q in pairs
        ]

    # -- computing in NumPy ----------------------------------------------------------------

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[Any]) -> None:
        made = evaluate(self.then if inputs[0] else self.orelse, inputs[1:])
        for storage, value in zip(output_storage, made, strict=True):
            storage[0] = value

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        made = [connections(graph) for graph in self.graphs]
        rows = [
            [a or b for a, b in zip(p, q, strict=True)]
            for p, q in zip(made[0], made[1], strict=True)
        ]
        return [[False] * len(node.outputs), *rows]


def _listed(variables: Sequence[Variable]) -> list[Any]:
    if len(variables) == 1:
        return [variables[0]]
    made: list[Any] = ["["]
    for v in variables:
        made += [", ", v] if len(made) > 1 else [v]
    return [*made, "]"]


def common_type(a: Any, b: Any) -> Any:
    """The type of a value that is of the one or of the other.

    Raises
    ------
    TypeError
        If there is none without a conversion.
    """
    if not (isinstance(a, TensorType) and isinstance(b, TensorType)):
        if a != b:
            raise TypeError(f"The branches have the types {a} and {b}, which must be the same")
        return a
    if a.dtype != b.dtype or a.ndim != b.ndim:
        raise TypeError(f"The branches have the types {a} and {b}: dtype and ndim must be the same")
    pairs = zip(a.shape, b.shape, strict=True)
    return TensorType(a.dtype, [s if s == t else None for s, t in pairs])


def truth(condition: Any) -> Any:
    """A condition as a scalar of dtype bool; what is not zero holds.

    Raises
    ------
    TypeError
        If it is no scalar.
    """
    made = as_tensor(condition)
    if made.ndim:
        raise TypeError(
            f"The condition of ifelse must be a scalar; {made!r} has {made.ndim} dimensions. Use "
            "switch(condition, a, b) to choose element by element, or .all() or .any()."
        )
    if made.type.dtype == "bool":
        return made
    return OPS["neq"](made, 0)


def select(condition: Any, then: Sequence[Any], orelse: Sequence[Any]) -> list[Variable]:
    """One node that hands on the variables of ``then`` or those of ``orelse``."""
    given = [*then, *orelse]
    captured = list(dict.fromkeys(given))
    inside = {v: v.type.make_variable(v.name) for v in captured}
    inputs = list(inside.values())
    op = IfElse(
        then=FrozenGraph(inputs, [inside[v] for v in then]),
        orelse=FrozenGraph(inputs, [inside[v] for v in orelse]),
    )
    made: list[Variable] = op(condition, *captured, return_list=True)
    return made


def any_of(choices: Sequence[tuple[Variable, int]]) -> tuple[Variable, int]:
    """A condition, and the side of it that is taken where any of some sides of conditions is.

    Side 0 of a condition is taken where it holds, side 1 where it does not.
    """
    different = list(dict.fromkeys(choices))
    if len(different) == 1:
        return different[0]
    terms = [OPS["invert"](c) if side else c for c, side in different]
    return reduce(OPS["or"], terms), 0


@register
def ifelse(condition: Any, then_branch: Any, else_branch: Any, name: str | None = None) -> Any:
    """``then_branch`` where a condition holds, else ``else_branch``; only that one is computed.

    Parameters
    ----------
    condition : scalar
        What is not zero holds.
    then_branch, else_branch : array_like, or lists or tuples of the same length of these
        Of the same number of dimensions; sizes may differ. Dtypes may if the one can be cast to the
        other without loss.
    name : str, optional
        Of the result; of several ones their numbers are added.

    Returns
    -------
    Variable, or list of Variable
        A list if one of the branches is a list or tuple.

    Raises
    ------
    TypeError
        If the condition is no scalar, or the branches do not fit each other.
    ValueError
        If they are not of the same length.

    Notes
    -----
    Lazy is what only one branch needs: an error in the other one is not raised, and its time not
    spent. What is needed elsewhere as well is computed in any case. The same holds of derivatives,
    where the branch that is not taken adds a zero, whatever its own derivative is. Nothing
    differentiates through the condition.

    Examples
    --------
    >>> from numbagrad import function, tensor
    >>> x = tensor.dscalar("x")
    >>> f = function([x], ifelse(x > 0, tensor.log(x), 0.0))
    >>> f(1.0), f(-1.0)
    (array(0.), array(0.))
    """
    several = isinstance(then_branch, (list, tuple)) or isinstance(else_branch, (list, tuple))
    sides = [
        side if isinstance(side, (list, tuple)) else [side] for side in (then_branch, else_branch)
    ]
    if len(sides[0]) != len(sides[1]):
        raise ValueError(
            f"The branches of ifelse must give the same number of results; they give "
            f"{len(sides[0])} and {len(sides[1])}"
        )
    if not sides[0]:
        raise ValueError("The branches of ifelse give no results")
    condition = truth(condition)
    pairs = [_alike(k, a, b) for k, (a, b) in enumerate(zip(*sides, strict=True))]
    made = select(condition, [a for a, _ in pairs], [b for _, b in pairs])
    if name is not None:
        for k, variable in enumerate(made):
            variable.name = f"{name}{k}" if several else name
    return made if several else made[0]


def _alike(position: int, a: Any, b: Any) -> tuple[Any, Any]:
    """Both with the same dtype, if that loses nothing."""
    if is_scalar_number(a) or is_scalar_number(b):
        a, b = convert_together((a, b))
    a, b = (v if isinstance(v, Variable) else as_tensor(v) for v in (a, b))
    words = f"The branches of ifelse do not fit each other in result {position}"
    if not (isinstance(a.type, TensorType) and isinstance(b.type, TensorType)):
        if a.type != b.type:
            raise TypeError(f"{words}: {a!r} is of type {a.type}, {b!r} of {b.type}")
        return a, b
    if a.ndim != b.ndim:
        raise TypeError(f"{words}: {a!r} has {a.ndim} dimensions, {b!r} has {b.ndim}")
    if a.type.dtype == b.type.dtype:
        return a, b
    dtype = upcast(a.type.dtype, b.type.dtype)
    if dtype not in (a.type.dtype, b.type.dtype):
        raise TypeError(
            f"{words}: {a!r} is of dtype {a.type.dtype}, {b!r} of {b.type.dtype}, and neither can "
            "be cast to the other without loss. Cast one with its astype method."
        )
    return OPS["cast"](a, dtype), OPS["cast"](b, dtype)
