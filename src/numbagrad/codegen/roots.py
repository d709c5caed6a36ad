"""Which nodes are needed at all, and which variables get a buffer of their own.

Everything else is put into the expressions that use it. A variable gets a buffer if something
needs it whole (a Block, a flat read), if it is combined from many elements, if it is an output, or
if it is dear and would be computed again for each of several uses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..graph.basic import Apply, Constant, Variable
from ..ops.draws import Draw
from ..ops.kinds import Block, Elementwise, Reduction, Scatter, View
from ..rewrite.shapes import ShapeEnv

__all__ = ["Demand", "kind_of"]

#: From about this many multiplications on, computing twice is worse than storing.
DEAR = 10
#: No expression is nested deeper: printed lines stay short and nothing recurses far.
DEPTH = 40


def kind_of(node: Apply) -> str:
    """The kind of a node's Op; a user's Op in PyTensor's protocol is a ``Callback``."""
    return getattr(node.op, "kind", "Callback")


class Demand:
    """What has to be computed, in order, and what is stored.

    Attributes
    ----------
    nodes : list of Apply
        In topological order. A node of which only the shape is needed is not there.
    stored : set of Variable
        Variables with a buffer.
    uses : dict
        How many inputs of needed nodes each variable is.
    """

    def __init__(self, outputs: Sequence[Variable], env: ShapeEnv):
        self.env = env
        self.outputs = list(outputs)
        self.stored: set[Variable] = set()
        self.nodes: list[Apply] = []
        self.sizes: dict[Variable, None] = {}
        self.uses: dict[Variable, int] = {}
        self._collect()
        self._decide()

    # -- needed nodes ----------------------------------------------------------------------

    def size_source(self, node: Apply) -> Any:
        """What a Size node stands for: an int, or the variable that holds it.

        The Size of an array that has to exist (an input, or one whose size depends on values)
        stands for itself.
        """
        return self.env.shape(node.inputs[0])[node.op.axis]  # type: ignore[attr-defined]

    def parents(self, node: Apply) -> list[Variable]:
        """The variables whose values the node needs."""
        if kind_of(node) != "Size":
            return node.inputs
        source = self.size_source(node)
        if isinstance(source, int):
            return []
        if source.owner is node:
            return node.inputs if node.inputs[0].owner is not None else []
        owner = source.owner
        if owner is not None and kind_of(owner) == "Size" and owner.inputs[0].owner is None:
            return []
        return [source]

    def _collect(self) -> None:
        self.obligations = self._obligations()
        checked = [s for a, b, _ in self.obligations for s in (a, b) if isinstance(s, Variable)]
        done: set[Apply] = set()
        todo = [*self.outputs, *checked]
        while todo:
            fresh = self._sort(todo, done)
            todo = []
            for node in fresh:
                for variable in (*node.inputs, *node.outputs):
                    if kind_of(node) == "Size" and variable in node.inputs:
                        continue
                    for size in self.env.shape(variable):
                        if isinstance(size, Variable) and size not in self.sizes:
                            self.sizes[size] = None
                            if size.owner is not None and size.owner not in done:
                                todo.append(size)
        # Sizes first: whoever needs one finds it computed and named.
        self.nodes = self._sort([*self.sizes, *checked, *self.outputs], set())

    def _obligations(self) -> list[tuple[Any, Any, Apply]]:
        """The sizes to be checked: of needed nodes, and of others if the inputs tell them."""
        needed = self._sort(self.outputs, set())
        for node in needed:
            for variable in node.outputs:
                self.env.shape(variable)
        kept = set(needed)
        return [
            (a, b, node)
            for a, b, node in self.env.obligations
            if node in kept or (_known_at_entry(a) and _known_at_entry(b))
        ]

    def _sort(self, outputs: Sequence[Variable], done: set[Apply]) -> list[Apply]:
        order: list[Apply] = []
        stack: list[tuple[Apply, bool]] = []
        for output in outputs:
            if output.owner is not None:
                stack.append((output.owner, False))
            while stack:
                node, ready = stack.pop()
                if ready:
                    order.append(node)
                elif node not in done:
                    done.add(node)
                    stack.append((node, True))
                    stack.extend(
                        (v.owner, False)
                        for v in reversed(self.parents(node))
                        if v.owner is not None and v.owner not in done
                    )
        return order

    # -- stored variables ------------------------------------------------------------------

    def _decide(self) -> None:
        uses = self.uses
        spread: set[Variable] = set()
        for node in self.nodes:
            for variable in self.parents(node):
                uses[variable] = uses.get(variable, 0) + 1
            self._note_whole(node)
            spread |= self._spread(node)
        self.stored.update(v for v in self.outputs if v.owner is not None)
        self.stored.update(
            s for s in self.sizes if s.owner is not None and kind_of(s.owner) != "Size"
        )
        cost: dict[Variable, int] = {}
        depth: dict[Variable, int] = {}
        for node in self.nodes:
            total, deep = self._cost_of(node, cost, depth)
            for variable in node.outputs:
                dear = total >= DEAR and (uses.get(variable, 0) > 1 or variable in spread)
                if dear or deep >= DEPTH:
                    self.stored.add(variable)
                kept = variable in self.stored
                cost[variable] = 1 if kept else total
                depth[variable] = 0 if kept else deep

    def _note_whole(self, node: Apply) -> None:
        """What is stored because of the node's kind."""
        op = node.op
        if isinstance(op, (Block, Draw, Reduction, Scatter)) or kind_of(node) == "Callback":
            self.stored.update(node.outputs)
        if isinstance(op, Block) or kind_of(node) == "Callback":
            self.stored.update(v for v in node.inputs if not isinstance(v, Constant))
        if isinstance(op, View):
            self.stored.update(node.inputs[k] for k in op.flat_inputs)
            if hasattr(op, "parts"):
                self.stored.update(node.outputs)
        if kind_of(node) == "Size" and self.parents(node) == node.inputs:
            self.stored.update(node.inputs)

    def _spread(self, node: Apply) -> set[Variable]:
        """Inputs whose elements are read more often than once."""
        if isinstance(node.op, Elementwise):
            out = node.outputs[0].type.shape
            return {
                v
                for v in node.inputs
                if any(s == 1 and o != 1 for s, o in zip(v.type.shape, out, strict=True))
            }
        if isinstance(node.op, View):
            # A pure permutation reads each element once; a broadcast or a gather may not.
            if type(node.op).__name__ == "DimShuffle":
                return set()
            return set(node.inputs)
        if isinstance(node.op, Reduction) and len(node.inputs) > 1:
            return set(node.inputs)
        if isinstance(node.op, Draw):
            out = node.outputs[1].type.shape
            return {v for v in node.op.parameters_of(node) if v.type.shape != out}
        return set()

    def _cost_of(
        self, node: Apply, cost: dict[Variable, int], depth: dict[Variable, int]
    ) -> tuple[int, int]:
        inputs = [v for v in self.parents(node) if v.owner is not None]
        total = sum(cost.get(v, 1) for v in inputs) + getattr(node.op, "cost", 1)
        deep = 1 + max((depth.get(v, 0) for v in inputs), default=0)
        return total, deep


def _known_at_entry(size: Any) -> bool:
    """Whether a size follows from the sizes of inputs alone."""
    if not isinstance(size, Variable) or isinstance(size, Constant):
        return True
    stack = [size]
    while stack:
        owner = stack.pop().owner
        if owner is None:
            return False
        if kind_of(owner) == "Size":
            if owner.inputs[0].owner is not None:
                return False
        else:
            stack += [v for v in owner.inputs if not isinstance(v, Constant)]
    return True
