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
from .bodies import Body, LoopBody, open_graphs

__all__ = ["Demand", "kind_of", "rows_of"]

#: From about this many multiplications on, computing twice is worse than storing.
DEAR = 10
#: The same for what each step of a loop would compute again.
DEAR_IN_LOOP = 3
#: No expression is nested deeper: printed lines stay short and nothing recurses far.
DEPTH = 40


def kind_of(node: Apply) -> str:
    """The kind of a node's Op; a user's Op in PyTensor's protocol is a ``Callback``."""
    return getattr(node.op, "kind", "Callback")


def rows_of(variable: Variable) -> Variable:
    """The array in which the rows of another one lie as they are."""
    while variable.owner is not None and getattr(variable.owner.op, "takes_rows", False):
        variable = variable.owner.inputs[0]
    return variable


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
    turned : dict
        What loops collect that is asked for from the last step to the first alone, and that.
    body : Body or None
        The step or branch that this is of; ``None`` for the graph of the function itself.
    inner : dict
        What has to be computed inside each node that is a loop or a branch, for each graph.
    captured : dict
        The variables around that the step or branch needs.
    """

    def __init__(self, outputs: Sequence[Variable], env: ShapeEnv, body: Body | None = None):
        self.env = env
        self.body = body
        self.inner: dict[Apply, list[Demand]] = {}
        self.captured: dict[Variable, None] = {}
        self._is_inner: dict[Variable, bool] = {}
        if body is not None:
            self._is_inner |= dict.fromkeys(body.node.inputs, False)
            self._is_inner |= dict.fromkeys(body.own, True)
        self.outputs = list(outputs)
        self.stored: set[Variable] = set()
        self.nodes: list[Apply] = []
        self.sizes: dict[Variable, None] = {}
        self.uses: dict[Variable, int] = {}
        self.turned: dict[Variable, Variable] = {}
        self._collect()
        self._decide()
        self._note_turned()

    # -- needed nodes ----------------------------------------------------------------------

    def size_source(self, node: Apply) -> Any:
        """What a Size node stands for: an int, or the variable that holds it.

        The Size of an array that has to exist (an input, or one whose size depends on values)
        stands for itself.
        """
        return self.env.shape(node.inputs[0])[node.op.axis]  # type: ignore[attr-defined]

    def parents(self, node: Apply) -> list[Variable]:
        """The variables whose values the node needs."""
        if node in self.inner:
            found = [v for inner in self.inner[node] for v in inner.needs(self.env)]
            return list(dict.fromkeys(found))
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
        self._open(self.outputs)
        while True:
            self._collect_once()
            if not self._open([*self.sizes, *self._checked, *self.outputs], self.nodes):
                return

    def _collect_once(self) -> None:
        self.captured.clear()
        self.obligations = self._obligations()
        self._checked = [
            s for a, b, _ in self.obligations for s in (a, b) if isinstance(s, Variable)
        ]
        done: set[Apply] = set()
        noted: set[Variable] = set()
        todo = [*self.outputs, *self._checked]
        while todo:
            fresh = self._sort(todo, done)
            todo = []
            for node in fresh:
                for variable in (*node.inputs, *node.outputs):
                    if variable in noted or (kind_of(node) == "Size" and variable in node.inputs):
                        continue
                    noted.add(variable)
                    todo += self._note_sizes(variable, done)
        # Sizes first: whoever needs one finds it computed and named.
        self.nodes = self._sort([*self.sizes, *self._checked, *self.outputs], set())

    def _note_sizes(self, variable: Variable, done: set[Apply]) -> list[Variable]:
        """The sizes of a variable that were not met yet and have to be computed."""
        todo = []
        for size in self.env.shape(variable):
            if isinstance(size, Variable) and size not in self.sizes:
                if not self.is_inner(size):
                    self.captured[size] = None
                    continue
                self.sizes[size] = None
                if size.owner is not None and size.owner not in done:
                    todo.append(size)
        return todo

    # -- graphs inside ---------------------------------------------------------------------

    def is_inner(self, variable: Variable) -> bool:
        """Whether it depends on anything that this loop or branch makes itself."""
        if self.body is None:
            return True
        known = self._is_inner
        stack = [variable]
        while stack:
            v = stack[-1]
            if v in known:
                stack.pop()
                continue
            node = v.owner
            sources = node.inputs if node is not None else []
            missing = [p for p in sources if p not in known]
            if missing:
                stack.extend(missing)
                continue
            inner = any(known[p] for p in sources)
            known |= dict.fromkeys(node.outputs if node is not None else [v], inner)
        return known[variable]

    def needs(self, env: ShapeEnv) -> list[Variable]:
        """What the node that this is inside of needs of the variables around it."""
        body = self.body
        assert body is not None
        found = body.needs(env)
        found += [x for leaf, x in body.elements.items() if leaf in self.captured]
        found += [v for v in self.captured if v not in body.elements]
        return [v for v in found if isinstance(v, Variable)]

    @property
    def whole(self) -> list[Variable]:
        """The variables around the loop of which the step needs the array."""
        body = self.body
        assert body is not None
        found = [rows_of(body.elements[v]) if v in body.elements else v for v in self.stored]
        return [v for v in found if not isinstance(v, Constant) and not self.is_inner(v)]

    def _open(self, outputs: Sequence[Variable], order: list[Apply] | None = None) -> bool:
        """Find out what has to be computed inside the nodes; whether that is news.

        What a node needs depends on which of its outputs are needed, so the way is backwards.
        ``order`` is what `_sort` gives for the outputs, where that is known.
        """
        news = False
        while True:
            if order is None or news:
                order = self._sort(outputs, set())
            if not any(kind_of(node) == "Control" for node in order):
                return news
            fresh = self._open_once(order, outputs)
            if not fresh:
                return news
            news = True

    def _open_once(self, order: Sequence[Apply], outputs: Sequence[Variable]) -> bool:
        needed = set(outputs)
        fresh = False
        for node in reversed(order):
            wanted = {k for k, v in enumerate(node.outputs) if v in needed}
            if not wanted:
                continue
            if kind_of(node) == "Control":
                known = self.inner.get(node)
                have = known[0].body.wanted if known and known[0].body else frozenset()
                if not wanted <= have:
                    bodies = open_graphs(node, wanted | have, self.env)
                    self.inner[node] = [Demand(b.outputs, b.env, b) for b in bodies]
                    fresh = True
            needed.update(self.parents(node))
        return fresh

    def _obligations(self) -> list[tuple[Any, Any, Apply]]:
        """The sizes to be checked: of needed nodes, and of others if the inputs tell them."""
        needed = self._sort(self.outputs, set())
        for node in needed:
            for variable in node.outputs:
                self.env.shape(variable)
        kept = set(needed)
        if self.body is not None:
            # Nothing is asked of what a loop without steps would have computed.
            kept.add(self.body.node)
            return [row for row in self.env.obligations if row[2] in kept]
        return [
            (a, b, node)
            for a, b, node in self.env.obligations
            if node in kept or (_known_at_entry(a) and _known_at_entry(b))
        ]

    def _sort(self, outputs: Sequence[Variable], done: set[Apply]) -> list[Apply]:
        order: list[Apply] = []
        stack: list[tuple[Any, bool]] = []
        for output in self._computed(outputs):
            stack.append((output.owner, False))
            while stack:
                node, ready = stack.pop()
                if ready:
                    order.append(node)
                elif node not in done:
                    done.add(node)
                    stack.append((node, True))
                    before = reversed(self._computed(self.parents(node)))
                    stack.extend((v.owner, False) for v in before if v.owner not in done)
        return order

    def _computed(self, variables: Sequence[Variable]) -> list[Variable]:
        """Those of the variables that are computed here; what else a step needs is noted."""
        if self.body is None:
            return [v for v in variables if v.owner is not None]
        found = []
        for v in variables:
            if self.is_inner(v):
                if v.owner is not None:
                    found.append(v)
                elif v in self.body.elements:
                    self.captured[v] = None
            elif not isinstance(v, Constant):
                self.captured[v] = None
        return found

    # -- stored variables ------------------------------------------------------------------

    def beginning_of(self, variable: Variable) -> Variable:
        """The array of the function itself that has the same elements first, in C order."""
        owner = variable.owner
        if self.body is not None or owner is None or variable in self.outputs:
            return variable
        return owner.inputs[0] if getattr(owner.op, "takes_beginning", False) else variable

    def _note_turned(self) -> None:
        """Loops may collect from the end what would be stored in that order as well."""
        for node in self.nodes:
            if not getattr(node.op, "turns_rows", False):
                continue
            trace, made = node.inputs[0], node.outputs[0]
            loop = trace.owner
            if made not in self.stored or loop not in self.inner or trace in self.outputs:
                continue
            body = self.inner[loop][0].body
            collects = trace.index in getattr(body, "traced", ())
            if collects and body.condition is None and self.uses.get(trace) == 1:  # type: ignore[union-attr]
                self.turned[trace] = made

    def _decide(self) -> None:
        uses = self.uses
        spread: set[Variable] = set()
        looped: set[Variable] = set()
        for node in self.nodes:
            for variable in self.parents(node):
                uses[variable] = uses.get(variable, 0) + 1
            self._note_whole(node)
            spread |= self._spread(node)
            for inner in self.inner.get(node, []):
                looped |= inner.repeated()
                spread |= inner.rows()
        self.stored.update(v for v in self.outputs if v.owner is not None and self.is_inner(v))
        self.stored.update(
            s for s in self.sizes if s.owner is not None and kind_of(s.owner) != "Size"
        )
        cost: dict[Variable, int] = {}
        depth: dict[Variable, int] = {}
        for node in self.nodes:
            total, deep = self._cost_of(node, cost, depth)
            for variable in node.outputs:
                dear = total >= DEAR and (uses.get(variable, 0) > 1 or variable in spread)
                again = total >= DEAR_IN_LOOP and variable in looped
                if dear or again or deep >= DEPTH:
                    self.stored.add(variable)
                kept = variable in self.stored
                cost[variable] = 1 if kept else total
                depth[variable] = 0 if kept else deep

    def _note_whole(self, node: Apply) -> None:
        """What is stored because of the node's kind."""
        op = node.op
        if node in self.inner:
            self.stored.update(node.outputs)
            self.stored.update(v for inner in self.inner[node] for v in inner.whole)
        if isinstance(op, (Block, Draw, Reduction, Scatter)) or kind_of(node) == "Callback":
            self.stored.update(node.outputs)
        if isinstance(op, Block) or kind_of(node) == "Callback":
            self.stored.update(v for v in node.inputs if not isinstance(v, Constant))
        if isinstance(op, View):
            self.stored.update(self.beginning_of(node.inputs[k]) for k in op.flat_inputs)
            if hasattr(op, "parts"):
                self.stored.update(node.outputs)
        if kind_of(node) == "Size" and self.parents(node) == node.inputs:
            self.stored.update(node.inputs)

    def repeated(self) -> set[Variable]:
        """The arrays around the loop that are the same in each step."""
        if not isinstance(self.body, LoopBody):
            return set()
        elements = self.body.elements
        return {v for v in self.captured if v not in elements and getattr(v.type, "ndim", False)}

    def rows(self) -> set[Variable]:
        """The sequences of arrays; how often a step reads an element is not known."""
        elements = self.body.elements if self.body is not None else {}
        return {x for v, x in elements.items() if v in self.captured and v.type.ndim}

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
    """Whether a size follows from the sizes of inputs and from inputs that are numbers."""
    if not isinstance(size, Variable) or isinstance(size, Constant):
        return True
    stack = [size]
    while stack:
        owner = stack.pop().owner
        if owner is None:
            continue
        if kind_of(owner) == "Size":
            if owner.inputs[0].owner is not None:
                return False
        else:
            stack += [v for v in owner.inputs if not isinstance(v, Constant)]
    return True
