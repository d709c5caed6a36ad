"""The kind of Ops that hold graphs: loops, branches, functions of the user.

A Control Op states how its inner graphs' inputs and outputs belong to those of its node. Rewriting
goes into the graphs by `graphs` and `with_graphs`; code generation prints them in place. Their
derivatives are graphs built by walks that live a floor higher, which enter them in `DERIVATIVES`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np

from ..graph.basic import Apply, Variable
from ..graph.frozen import FrozenGraph
from ..graph.tensor import TensorType
from ..graph.type import disconnected_type
from ..records import record
from .chains import generator_root
from .declared import Declared
from .dtypes import is_discrete
from .interpret import interpret

__all__ = ["DERIVATIVES", "Control", "Derivatives", "carries", "connections", "evaluate"]


@record(frozen=True)
class Derivatives:
    """The derivative rules of a class of Control Ops.

    Attributes
    ----------
    reverse : callable
        ``reverse(node, cotangents, wanted)``: for each input of the node its gradient, or None
        where there is none. The cotangents, one for each output, may be disconnected; ``wanted``
        are the positions of the inputs that are asked for, all others may be answered by None.
    forward : callable
        ``forward(node, tangents)``: for each output its tangent or None; a tangent of an input is
        None where nothing moves.
    """

    reverse: Callable[[Apply, Sequence[Variable], Collection[int]], Sequence[Any]]
    forward: Callable[[Apply, Sequence[Any]], Sequence[Any]]


#: The rules of Control Ops by class; found for subclasses as well.
DERIVATIVES: dict[type, Derivatives] = {}


class Control(Declared, abstract=True):
    """An Op whose work is done by graphs inside it.

    Subclasses keep their graphs in ``__props__``, so that equal ones are the same Op.
    """

    kind: ClassVar[str] = "Control"
    #: How its graphs are computed: "loop" or "branch", or "inline" if they are put in its place.
    form: ClassVar[str] = "inline"

    @property
    def graphs(self) -> tuple[FrozenGraph, ...]:
        """The graphs inside."""
        raise NotImplementedError

    def with_graphs(self, graphs: Sequence[FrozenGraph]) -> Control:
        """The same Op around other graphs with the same inputs and outputs."""
        raise NotImplementedError

    def generator_of(self, node: Apply, k: int) -> Variable:
        """The input whose draws end in the generator that is output ``k``.

        Raises
        ------
        TypeError
            If that depends on the branch, or on the step.
        """
        places = {graph.inputs.index(generator_root(graph.outputs[k])) for graph in self.graphs}
        if len(places) != 1:
            raise TypeError(f"The branches of {self} return different generators in one place")
        return node.inputs[places.pop() + len(node.inputs) - len(self.graphs[0].inputs)]

    def changed(self, **params: Any) -> Any:
        """The same Op with some of its static parameters changed."""
        names = self.__props__ or ()
        return type(self)(**{n: params.get(n, getattr(self, n)) for n in names})

    # -- differentiating -------------------------------------------------------------------

    @classmethod
    def derivatives(cls) -> Derivatives:
        """The rules of this class.

        Raises
        ------
        NotImplementedError
            If nobody has entered any.
        """
        found = next((DERIVATIVES[c] for c in cls.__mro__ if c in DERIVATIVES), None)
        if found is None:
            raise NotImplementedError(f"{cls.__name__} has no derivative rules")
        return found

    def gradients(
        self, node: Apply, cotangents: Sequence[Variable], wanted: Collection[int]
    ) -> list[Any]:
        """The gradients of the inputs of ``node`` at the positions ``wanted``, for the others None.

        Fewer gradients mean a smaller graph, which is why a walk asks by this and not by `L_op`.
        """
        made = self.derivatives().reverse(node, cotangents, wanted)
        return [disconnected_type() if g is None else g for g in made]

    def L_op(self, inputs: Any, outputs: Any, output_grads: Any) -> Any:
        return self.gradients(outputs[0].owner, output_grads, range(len(inputs)))

    def forward(self, tangents: Sequence[Any], outputs: Any, inputs: Any) -> list[Any]:
        return list(self.derivatives().forward(outputs[0].owner, tangents))

    def has_forward_rule(self) -> bool:
        return any(c in DERIVATIVES for c in type(self).__mro__)


def connections(graph: FrozenGraph) -> list[list[bool]]:
    """``made[i][o]``: whether output ``o`` of a graph depends differentiably on input ``i``.

    Nothing flows through integers, truth values, and what is no tensor.
    """
    if graph not in _CONNECTIONS:
        _CONNECTIONS[graph] = _connections(graph)
    return _CONNECTIONS[graph]


#: Walks over a graph ask for the same ones again and again.
_CONNECTIONS: WeakKeyDictionary[FrozenGraph, list[list[bool]]] = WeakKeyDictionary()


def _connections(graph: FrozenGraph) -> list[list[bool]]:
    reached = {v: 1 << k for k, v in enumerate(graph.inputs)}
    for node in graph.nodes:
        moved = [(k, reached[x]) for k, x in enumerate(node.inputs) if x in reached]
        pattern = node.op.connection_pattern(node) if moved else []
        for o, out in enumerate(node.outputs):
            if carries(out):
                found = 0
                for k, bits in moved:
                    found |= bits if pattern[k][o] else 0
                if found:
                    reached[out] = found
    ends = [reached.get(v, 0) if carries(v) else 0 for v in graph.outputs]
    return [[bool(end >> k & 1) for end in ends] for k in range(len(graph.inputs))]


def carries(v: Variable) -> bool:
    """Whether a derivative can flow through a variable of this type."""
    return isinstance(v.type, TensorType) and not is_discrete(v.type.dtype)


def evaluate(graph: FrozenGraph, given: Sequence[Any]) -> list[Any]:
    """The values of a graph's outputs, node by node in NumPy."""
    values: Mapping[Variable, Any] = graph.values(given)
    return [_own(v) for v in interpret(list(graph.outputs), values)]


def _own(value: Any) -> Any:
    """A value that later steps can not change."""
    return np.array(value) if isinstance(value, (np.ndarray, np.generic)) else value
