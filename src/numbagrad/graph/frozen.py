"""FrozenGraph: a graph inside an Op, such as the step of a loop or a branch.

It owns nothing of the graph around it: whatever it needs is one of its inputs. It never changes, so
it can be compared, hashed and pickled as a value, and equal loops merge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from ..errors import MissingInputError
from .basic import Apply, Constant, Variable, toposort
from .traverse import graph_inputs, rebuild_graph

__all__ = ["FrozenGraph"]


class FrozenGraph:
    """The function from ``inputs`` to ``outputs``, as a value.

    Parameters
    ----------
    inputs : sequence of Variable
        Variables without an owner; no two are the same.
    outputs : sequence of Variable
        Graphs over these inputs and constants.

    Raises
    ------
    MissingInputError
        If an output depends on a variable that is no input.
    ValueError
        If an input is given twice or is computed.

    Examples
    --------
    >>> from numbagrad import tensor
    >>> x, y = tensor.dscalars("x", "y")
    >>> a, b = tensor.dscalars("a", "b")
    >>> FrozenGraph([x, y], [x + 2 * y]) == FrozenGraph([a, b], [a + 2 * b])
    True
    >>> FrozenGraph([x, y], [x + 2 * y]) == FrozenGraph([y, x], [x + 2 * y])
    False
    """

    def __init__(self, inputs: Sequence[Variable], outputs: Sequence[Variable]):
        self.inputs: tuple[Variable, ...] = tuple(inputs)
        self.outputs: tuple[Variable, ...] = tuple(outputs)
        if len(set(self.inputs)) != len(self.inputs):
            raise ValueError(f"An input is given twice: {list(self.inputs)}")
        computed = [v for v in self.inputs if v.owner is not None or isinstance(v, Constant)]
        if computed:
            raise ValueError(f"{computed[0]!r} is computed or constant, so it can be no input")
        given = set(self.inputs)
        for leaf in graph_inputs(self.outputs, self.inputs):
            if leaf not in given and not isinstance(leaf, Constant):
                raise MissingInputError(f"{leaf!r} is needed but is none of the inputs {inputs}")

    @cached_property
    def nodes(self) -> tuple[Apply, ...]:
        """The nodes, each after those that it needs."""
        return tuple(toposort(self.outputs, self.inputs))

    @cached_property
    def _key(self) -> Any:
        """Equal exactly for graphs that compute the same by the same Ops."""
        place: dict[Variable, Any] = {v: ("input", k) for k, v in enumerate(self.inputs)}

        def of(v: Variable) -> Any:
            return ("constant", v.signature()) if isinstance(v, Constant) else place[v]

        steps = []
        for number, node in enumerate(self.nodes):
            steps.append((node.op, tuple(of(v) for v in node.inputs)))
            place |= {v: (number, k) for k, v in enumerate(node.outputs) if v not in place}
        types = tuple(v.type for v in self.inputs)
        return types, tuple(steps), tuple(of(v) for v in self.outputs)

    @cached_property
    def _hash(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, FrozenGraph) or self._hash != other._hash:
            return False
        equal: bool = self._key == other._key
        return equal

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"<{len(self.inputs)} -> {len(self.outputs)}, {len(self.nodes)} nodes>"

    def __reduce__(self) -> Any:
        return FrozenGraph, (self.inputs, self.outputs)

    def over(self, inputs: Sequence[Variable]) -> list[Variable]:
        """The outputs with other variables in the place of the inputs: the graph itself, inlined.

        Every node is made anew, so that nothing of the result is shared with this graph.
        """
        memo = dict(zip(self.inputs, inputs, strict=True))
        return rebuild_graph(
            self.outputs, memo, lambda node, new: node.clone_with_new_inputs(new).outputs
        )

    def fresh(self) -> tuple[list[Variable], list[Variable]]:
        """Copies of inputs and outputs, to build another graph from."""
        inputs = [v.clone() for v in self.inputs]
        return inputs, self.over(inputs)

    def needs(self, outputs: Sequence[int]) -> set[int]:
        """Which inputs some of the outputs depend on."""
        wanted = [self.outputs[k] for k in outputs]
        leaves = set(graph_inputs(wanted, self.inputs))
        return {k for k, v in enumerate(self.inputs) if v in leaves}

    def values(self, given: Sequence[Any]) -> Mapping[Variable, Any]:
        """Its inputs with the values they are given."""
        return dict(zip(self.inputs, given, strict=True))
