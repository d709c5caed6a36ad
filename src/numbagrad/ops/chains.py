"""Chains of generators: which one became which by draws, and that none is used twice in a step."""

from __future__ import annotations

from collections.abc import Sequence

from ..graph.basic import Variable
from ..graph.generators import RandomGeneratorType
from ..graph.traverse import toposort

__all__ = ["generator_before", "generator_root", "is_generator", "refuse_second_uses"]


def is_generator(variable: Variable) -> bool:
    """Whether a variable's values are generators."""
    return isinstance(variable.type, RandomGeneratorType)


def generator_before(variable: Variable) -> Variable:
    """The generator that became ``variable`` by what its node draws.

    Raises
    ------
    TypeError
        If its Op does not say.
    """
    node = variable.owner
    assert node is not None
    rule = getattr(node.op, "generator_of", None)
    if rule is None:
        raise TypeError(
            f"{node.op} returns a generator but does not say of which of its inputs (generator_of)"
        )
    found: Variable = rule(node, node.outputs.index(variable))
    return found


def generator_root(variable: Variable) -> Variable:
    """The generator at the beginning of the chain."""
    while variable.owner is not None:
        variable = generator_before(variable)
    return variable


def refuse_second_uses(outputs: Sequence[Variable]) -> None:
    """In a step or a branch each generator is drawn from once.

    Compiled code advances it where it stands, and has no copy for a second draw from the same.

    Raises
    ------
    ValueError
        If one is used twice.
    """
    seen: set[Variable] = set()
    nodes = toposort(outputs)
    for v in [*(v for node in nodes for v in node.inputs), *outputs]:
        if not is_generator(v):
            continue
        if v in seen:
            users = [node for node in nodes if v in node.inputs]
            lines = " and ".join(dict.fromkeys(str(node.where) for node in users))
            raise ValueError(
                f"The generator {v.name or v!r} is used more than once within a step of a loop or "
                f"a branch (at {lines}). Draw from the generator that the first draw returns, or "
                "give each draw a generator of its own."
            )
        seen.add(v)
    for node in nodes:
        for graph in getattr(node.op, "graphs", ()):
            refuse_second_uses(graph.outputs)
