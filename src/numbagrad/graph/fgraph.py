"""FunctionGraph: a graph with declared inputs and outputs that knows who uses what.

It is what a function is compiled from. Replacing a variable changes the nodes in place, which is
why a FunctionGraph works on a copy unless told otherwise. What to replace is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, KeysView, Mapping, Sequence
from typing import Any

from ..errors import MissingInputError, RewriteError
from .basic import Apply, Constant, Variable, flatten, rebuild, toposort
from .traverse import graph_inputs, rebuild_graph

__all__ = ["FunctionGraph"]

#: One use of a variable: a node and the position among its inputs, or "output" and the position
#: among the outputs of the graph.
Client = tuple[Any, int]


class FunctionGraph:
    """The graph between some inputs and outputs.

    Parameters
    ----------
    inputs : sequence of Variable, optional
        What is given. By default all that the outputs depend on, except for constants.
    outputs : sequence of Variable
        What is computed.
    clone : bool
        Whether to work on a copy of the graph. Without one, replacing changes the user's nodes.

    Attributes
    ----------
    inputs, outputs : list of Variable
    apply_nodes : set-like
        The nodes needed, in the order in which they came in.
    variables : set-like
        Inputs, outputs and all variables of the nodes.
    clients : mapping
        For each variable the list of its uses, as ``(node, position)`` or ``("output", position)``.

    Raises
    ------
    MissingInputError
        If a variable is needed that has no value and is not among the inputs. Shared variables
        have one.
    ValueError
        If an input is given twice.

    Examples
    --------
    >>> from numbagrad import tensor
    >>> x = tensor.dscalar("x")
    >>> graph = FunctionGraph([x], [tensor.exp(x) + tensor.exp(x)])
    >>> [node.op for node in graph.toposort()]
    [Exp, Exp, Add]
    """

    def __init__(
        self,
        inputs: Sequence[Variable] | None = None,
        outputs: Sequence[Variable] | None = None,
        clone: bool = True,
    ):
        if outputs is None:
            raise ValueError("A FunctionGraph needs outputs: FunctionGraph(inputs, outputs)")
        outputs = list(outputs)
        if inputs is None:
            inputs = [v for v in graph_inputs(outputs) if not isinstance(v, Constant)]
        inputs = list(inputs)
        _check_variables(inputs, outputs)
        if clone:
            _check_nothing_missing(set(inputs), toposort(outputs, inputs), outputs)
            memo = _copy(inputs, outputs)
            inputs = [memo[v] for v in inputs]
            outputs = [memo.get(v, v) for v in outputs]
        self.inputs: list[Variable] = []
        self.outputs: list[Variable] = []
        self._given: set[Variable] = set()
        self._uses: dict[Variable, dict[Client, None]] = {}
        self._nodes: dict[Apply, None] = {}
        self._order: list[Apply] | None = None
        for variable in inputs:
            self.add_input(variable)
        for variable in outputs:
            self.add_output(variable)

    # -- what is in it ---------------------------------------------------------------------

    @property
    def apply_nodes(self) -> KeysView[Apply]:
        """The nodes, in the order in which they came in; `toposort` gives one to compute in."""
        return self._nodes.keys()

    @property
    def variables(self) -> KeysView[Variable]:
        """The variables, inputs first."""
        return self._uses.keys()

    @property
    def clients(self) -> Mapping[Variable, list[Client]]:
        """The uses of each variable."""
        return _Clients(self._uses)

    def get_clients(self, variable: Variable) -> list[Client]:
        """The uses of one variable."""
        return list(self._uses[variable])

    def toposort(self) -> list[Apply]:
        """The nodes, each after those it needs; the order depends on the graph alone.

        Raises
        ------
        RewriteError
            If replacements made a circle.
        """
        if self._order is None:
            order = toposort(self.outputs, self._given)
            self._check_order(order)
            self._order = order
        return list(self._order)

    def _check_order(self, order: list[Apply]) -> None:
        computed: set[Apply] = set()
        for node in order:
            for variable in node.inputs:
                if (
                    variable.owner is not None
                    and variable not in self._given
                    and variable.owner not in computed
                ):
                    raise RewriteError(
                        f"The graph has a circle: {node} needs {variable!r}, which needs it. "
                        "A variable was replaced by one that depends on it."
                    )
            computed.add(node)

    def __contains__(self, item: Any) -> bool:
        return item in self._nodes or item in self._uses

    def __repr__(self) -> str:
        return f"FunctionGraph({self.inputs} -> {self.outputs}, {len(self._nodes)} nodes)"

    # -- changing it -----------------------------------------------------------------------

    def add_input(self, variable: Variable) -> None:
        """One more input, at the end."""
        if variable in self._given:
            raise ValueError(_twice(variable))
        self._uses.setdefault(variable, {})
        self._given.add(variable)
        self.inputs.append(variable)
        self._drop_unused(variable)
        self._order = None

    def add_output(self, variable: Variable) -> None:
        """One more output, at the end, with all that it needs."""
        self._take_in(variable)
        self._uses[variable]["output", len(self.outputs)] = None
        self.outputs.append(variable)
        self._order = None

    def remove_output(self, position: int) -> None:
        """Drop an output and what only it needed."""
        variable = self.outputs[position]
        for later in range(position, len(self.outputs)):
            del self._uses[self.outputs[later]]["output", later]
        del self.outputs[position]
        for later in range(position, len(self.outputs)):
            self._uses[self.outputs[later]]["output", later] = None
        self._drop_unused(variable)
        self._order = None

    def replace(self, old: Variable, new: Any, reason: str | None = None) -> None:
        """Let all that use ``old`` use ``new``.

        Nothing happens if ``old`` is not in the graph (any more). What ``new`` is made of may use
        ``old``.

        Parameters
        ----------
        old : Variable
        new : Variable or data
        reason : str, optional
            Who replaces, for the error.

        Raises
        ------
        RewriteError
            If ``new`` can take values that ``old`` can not.
        MissingInputError
            If ``new`` needs an input that the graph does not have.
        """
        if old is new or old not in self._uses:
            return
        if not isinstance(new, Variable):
            new = old.type.constant(new)
        new = self._of_the_same_type(old, new, reason)
        uses = list(self._uses[old])
        if not uses:
            return
        self._take_in(new)
        for node, position in uses:
            self._point(node, position, new)
        self._drop_unused(old)

    def replace_all(self, pairs: Iterable[tuple[Variable, Any]], reason: str | None = None) -> None:
        """`replace` for each pair in turn."""
        for old, new in list(pairs):
            self.replace(old, new, reason=reason)

    def change_node_input(
        self, node: Any, position: int, new: Variable, reason: str | None = None
    ) -> None:
        """Change one input of one node, or one output of the graph for ``node="output"``."""
        old = self.outputs[position] if node == "output" else node.inputs[position]
        if old is new:
            return
        new = self._of_the_same_type(old, new, reason)
        self._take_in(new)
        self._point(node, position, new)
        self._drop_unused(old)

    def _of_the_same_type(self, old: Variable, new: Variable, reason: str | None) -> Variable:
        if old.type.is_super(new.type):
            return new
        converted = old.type.convert_variable(new) if new.type.is_super(old.type) else None
        if converted is None:
            made_at = "" if old.owner is None else f", made at {old.owner.where}"
            raise RewriteError(
                f"{reason or 'A rewrite'} replaces {old!r} of type {old.type}{made_at} by {new!r} "
                f"of type {new.type}; the type must stay or become more specific"
            )
        return converted

    def _point(self, node: Any, position: int, new: Variable) -> None:
        place = self.outputs if node == "output" else node.inputs
        del self._uses[place[position]][node, position]
        place[position] = new
        self._uses[new][node, position] = None
        self._order = None

    def _take_in(self, variable: Variable) -> None:
        """Enter a variable and what it needs, as far as that is new."""
        if variable in self._uses:
            return
        new = toposort([variable], self._uses)
        _check_nothing_missing(self._uses, new, [variable])
        for node in new:
            self._nodes[node] = None
            for position, needed in enumerate(node.inputs):
                self._uses.setdefault(needed, {})[node, position] = None
            for output in node.outputs:
                self._uses.setdefault(output, {})
        self._uses.setdefault(variable, {})

    def _drop_unused(self, variable: Variable) -> None:
        """Forget a variable that nobody uses, and then those that only it needed."""
        stack = [variable]
        while stack:
            candidate = stack.pop()
            node = candidate.owner
            if node is None or node not in self._nodes:
                if not self._uses.get(candidate, True) and candidate not in self._given:
                    del self._uses[candidate]
                continue
            others = [v for v in node.outputs if v not in self._given]
            if any(self._uses[v] for v in others):
                continue
            del self._nodes[node]
            for output in others:
                del self._uses[output]
            for position, needed in enumerate(node.inputs):
                del self._uses[needed][node, position]
                stack.append(needed)

    # -- copies ----------------------------------------------------------------------------

    def clone(self) -> FunctionGraph:
        """A copy that shares no node with this."""
        return self.clone_get_equiv()[0]

    def clone_get_equiv(self) -> tuple[FunctionGraph, dict[Any, Any]]:
        """A copy, and a dict from this graph's variables and nodes to the copy's."""
        memo: dict[Any, Any] = dict(_copy(self.inputs, self.outputs))
        made = FunctionGraph(
            [memo[v] for v in self.inputs], [memo.get(v, v) for v in self.outputs], clone=False
        )
        for variable in self._uses:
            memo.setdefault(variable, variable)
        for node in self._nodes:
            copied = next(memo[v] for v in node.outputs if memo[v].owner is not None)
            memo[node] = copied.owner
        return made, memo

    def copy(self) -> FunctionGraph:
        """Another name of `clone`."""
        return self.clone()

    def __reduce__(self) -> Any:
        nodes, wanted = flatten([*self.inputs, *self.outputs])
        return _from_table, (nodes, wanted, len(self.inputs))

    # -- trust -----------------------------------------------------------------------------

    def check_integrity(self) -> None:
        """Compare what the graph says of itself with what it is.

        Raises
        ------
        RewriteError
            If a node or a use is missing or left over, or if there is a circle.
        """
        order = toposort(self.outputs, self._given)
        self._check_order(order)
        if set(order) != set(self._nodes):
            raise RewriteError("The graph lists other nodes than its outputs need")
        uses: dict[Variable, set[Client]] = {v: set() for v in self.inputs}
        for node in order:
            for position, variable in enumerate(node.inputs):
                uses.setdefault(variable, set()).add((node, position))
            for position, variable in enumerate(node.outputs):
                uses.setdefault(variable, set())
                if variable.owner is not node or variable.index != position:
                    raise RewriteError(f"Output {position} of {node} does not know its owner")
        for position, variable in enumerate(self.outputs):
            uses.setdefault(variable, set()).add(("output", position))
        for variable in uses.keys() | self._uses.keys():
            listed = self._uses.get(variable)
            if listed is None or uses.get(variable) != listed.keys():
                raise RewriteError(f"The graph lists wrong uses of {variable!r}")


class _Clients(Mapping[Variable, list[Client]]):
    """The uses as PyTensor shows them, as lists; changing these changes nothing."""

    def __init__(self, uses: dict[Variable, dict[Client, None]]):
        self._uses = uses

    def __getitem__(self, variable: Variable) -> list[Client]:
        return list(self._uses[variable])

    def __iter__(self) -> Iterator[Variable]:
        return iter(self._uses)

    def __len__(self) -> int:
        return len(self._uses)


def _copy(inputs: Sequence[Variable], outputs: Sequence[Variable]) -> dict[Variable, Variable]:
    memo: dict[Variable, Variable] = {v: v.clone() for v in inputs}
    rebuild_graph(outputs, memo, lambda node, new: node.clone_with_new_inputs(new).outputs)
    return memo


def _from_table(nodes: list[Any], wanted: list[Any], number: int) -> FunctionGraph:
    variables = rebuild(nodes, wanted)
    return FunctionGraph(variables[:number], variables[number:], clone=False)


def _twice(variable: Variable) -> str:
    return f"{variable!r} is given twice as an input; name each input once"


def _check_variables(inputs: list[Any], outputs: list[Any]) -> None:
    for words, variables in (("input", inputs), ("output", outputs)):
        for position, variable in enumerate(variables):
            if not isinstance(variable, Variable):
                raise TypeError(f"The {words} {position} must be a Variable; got {variable!r}")
    seen: set[Variable] = set()
    for variable in inputs:
        if variable in seen:
            raise ValueError(_twice(variable))
        seen.add(variable)


def _has_value(variable: Variable) -> bool:
    return isinstance(variable, Constant) or hasattr(variable, "get_value")


def _check_nothing_missing(
    known: Collection[Variable], nodes: Iterable[Apply], outputs: Iterable[Variable]
) -> None:
    for node in nodes:
        for position, variable in enumerate(node.inputs):
            if variable.owner is None and variable not in known and not _has_value(variable):
                raise MissingInputError(
                    f"{_described(variable)} is needed but has no value: it is input {position} "
                    f"of {node.op}, made at {node.where}. Add it to the inputs, or give it a "
                    "value by givens or a shared variable."
                )
    for variable in outputs:
        if variable.owner is None and variable not in known and not _has_value(variable):
            raise MissingInputError(
                f"{_described(variable)} is asked for as an output but has no value. Add it to "
                "the inputs, or give it a value by givens or a shared variable."
            )


def _described(variable: Variable) -> str:
    words = f"of type {variable.type}"
    return f"The variable {variable.name!r} {words}" if variable.name else f"A variable {words}"
