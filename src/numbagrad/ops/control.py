"""The kind of Ops that hold graphs: loops, branches, functions of the user.

A Control Op states how its inner graphs' inputs and outputs belong to those of its node. Rewriting
goes into the graphs by `graphs` and `with_graphs`; code generation prints them in place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from ..graph.basic import Variable
from ..graph.frozen import FrozenGraph
from .declared import Declared
from .interpret import interpret

__all__ = ["Control", "evaluate"]


class Control(Declared, abstract=True):
    """An Op whose work is done by graphs inside it.

    Subclasses keep their graphs in ``__props__``, so that equal ones are the same Op.
    """

    kind: ClassVar[str] = "Control"

    @property
    def graphs(self) -> tuple[FrozenGraph, ...]:
        """The graphs inside."""
        raise NotImplementedError

    def with_graphs(self, graphs: Sequence[FrozenGraph]) -> Control:
        """The same Op around other graphs with the same inputs and outputs."""
        raise NotImplementedError

    def changed(self, **params: Any) -> Any:
        """The same Op with some of its static parameters changed."""
        names = self.__props__ or ()
        return type(self)(**{n: params.get(n, getattr(self, n)) for n in names})


def evaluate(graph: FrozenGraph, given: Sequence[Any]) -> list[Any]:
    """The values of a graph's outputs, node by node in NumPy."""
    values: Mapping[Variable, Any] = graph.values(given)
    return [_own(v) for v in interpret(list(graph.outputs), values)]


def _own(value: Any) -> Any:
    """A value that later steps can not change."""
    return np.array(value) if isinstance(value, (np.ndarray, np.generic)) else value
