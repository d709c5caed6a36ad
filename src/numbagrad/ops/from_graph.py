"""OpFromGraph: a user's graph as an Op, with derivatives of the user's own where they are given.

It exists for the sake of those derivatives and of names: when a function is compiled the graph is
put in the Op's place, so that it costs nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import MissingInputError
from ..graph.basic import Apply, Constant, Variable
from ..graph.frozen import FrozenGraph
from ..graph.op import Op
from ..graph.traverse import graph_inputs, rebuild_graph
from ..graph.type import DisconnectedType, NullType
from .control import Control, connections, evaluate

__all__ = ["OpFromGraph"]


class OpFromGraph(Control, abstract=True):
    """An Op that computes ``outputs`` from ``inputs``.

    Parameters
    ----------
    inputs, outputs : list of Variable
        The graph. Shared variables that it needs are captured, they are no inputs.
    inline : bool
        Accepted for Theano's and PyTensor's sake. The graph is put in the Op's place when a
        function is compiled, whatever is said here: a call in compiled code would only keep loops
        from being fused.
    lop_overrides, pullback : callable, OpFromGraph, Variable or list of these, optional
        Another reverse rule, by the one name or the other. A callable gets ``inputs, outputs,
        output_grads``, three lists, and gives a list with a gradient for each input; an
        OpFromGraph takes the same one after the other. A variable of `NullType` says that there is
        no derivative, one of `DisconnectedType` that there is no connection. A list has an entry
        for each input, which gives that one gradient; ``"default"`` or None leaves it as it is.
    grad_overrides : optional
        The same with ``inputs, output_grads``: Theano's older form.
    rop_overrides, pushforward : optional
        Another forward rule. It gets ``inputs, eval_points`` and gives a tangent for each output.
        Without one a reverse rule that is overridden is used twice.
    connection_pattern : list of list of bool, optional
        ``connection_pattern[i][o]``: whether output ``o`` depends differentiably on input ``i``.
    strict : bool
        Refuse shared variables that are not passed as inputs.
    name : str, optional
        What it is printed as.
    on_unused_input : {"raise", "warn", "ignore"}
        Accepted; an input may be unused.

    Raises
    ------
    TypeError
        If inputs and outputs are no lists of variables, or an override is none of the above.
    ValueError
        If an input stands twice, two overrides of the same rule are given, or a list of overrides
        has another length.
    MissingInputError
        If the graph needs a variable that is no input, or with ``strict`` a shared one.

    Examples
    --------
    >>> from numbagrad import function, grad, tensor
    >>> x = tensor.dscalar("x")
    >>> halved = OpFromGraph([x], [x**2], lop_overrides=lambda inputs, outputs, gs: [gs[0] / 2])
    >>> f = function([x], [halved(x), grad(halved(x), x)], mode="reference")
    >>> f(3.0)
    [array(9.), array(0.5)]
    """

    __props__ = ("graph", "reverse_rule", "forward_rule", "pattern", "label")

    def __init__(
        self,
        inputs: Sequence[Variable],
        outputs: Sequence[Variable],
        inline: bool = True,
        lop_overrides: Any = None,
        grad_overrides: Any = None,
        rop_overrides: Any = None,
        connection_pattern: Sequence[Sequence[bool]] | None = None,
        strict: bool = False,
        name: str | None = None,
        *,
        pullback: Any = None,
        pushforward: Any = None,
        on_unused_input: str = "ignore",
        destroy_map: Any = None,
    ):
        _check_variables(inputs, outputs)
        self.is_inline = inline
        self.label = name
        self.shared_inputs = _shared(inputs, outputs, strict)
        outer = [*inputs, *self.shared_inputs]
        inner = [v.type.make_variable(v.name) for v in outer]
        memo = dict(zip(outer, inner, strict=True))
        self.graph = FrozenGraph(inner, rebuild_graph(outputs, memo))
        self.n_given = len(inputs)
        names = {"lop_overrides": lop_overrides, "pullback": pullback}
        names["grad_overrides"] = grad_overrides
        name_of, rule = _only(names)
        self.reverse_rule = _Rule.of(rule, name_of, len(inputs), name_of != "grad_overrides")
        name_of, rule = _only({"rop_overrides": rop_overrides, "pushforward": pushforward})
        self.forward_rule = _Rule.of(rule, name_of, len(outputs), False)
        self.pattern = _pattern(connection_pattern, len(inputs), len(outputs))

    def __repr__(self) -> str:
        return f"OpFromGraph{{{self.label or repr(self.graph)}}}"

    @property
    def shown(self) -> str:
        """What `pp` calls it."""
        return self.label or "op_from_graph"

    @property
    def graphs(self) -> tuple[FrozenGraph, ...]:
        return (self.graph,)

    def with_graphs(self, graphs: Sequence[FrozenGraph]) -> OpFromGraph:
        made = copy.copy(self)
        (made.graph,) = graphs
        return made

    # -- nodes -----------------------------------------------------------------------------

    def make_node(self, *inputs: Any) -> Apply:
        """Check the inputs and make the node.

        Raises
        ------
        TypeError
            If the number of inputs is wrong, or the type of one does not fit.
        """
        if len(inputs) == self.n_given:
            inputs = (*inputs, *self.shared_inputs)
        if len(inputs) != len(self.graph.inputs):
            raise TypeError(f"{self} takes {self.n_given} inputs; got {len(inputs)}")
        given = [
            inside.type.filter_variable(x)
            for x, inside in zip(inputs, self.graph.inputs, strict=True)
        ]
        return Apply(self, given, [v.type.make_variable() for v in self.graph.outputs])

    def infer_shape(self, fgraph: Any, node: Apply, input_shapes: Sequence[Any]) -> Any:
        if not hasattr(fgraph, "inside"):
            raise NotImplementedError
        return fgraph.inside(self.graph, node.inputs)

    def pretty(self, node: Apply) -> list[Any]:
        """How `pp` prints it: by its name, else as the graph that it is."""
        if self.label is None and len(node.outputs) == 1:
            return [self.graph.over(node.inputs)[0]]
        made: list[Any] = [f"{self.shown}("]
        for k, v in enumerate(node.inputs[: self.n_given]):
            made += [", ", v] if k else [v]
        return [*made, ")"]

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[Any]) -> None:
        for storage, value in zip(output_storage, evaluate(self.graph, inputs), strict=True):
            storage[0] = value

    # -- differentiating -------------------------------------------------------------------

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        made = connections(self.graph)
        if self.pattern is not None:
            return [list(row) for row in self.pattern] + made[self.n_given :]
        rule = self.reverse_rule
        for k in range(self.n_given):
            entry = None if rule is None else rule.entry(k)
            if not _is_default(entry):
                cut = isinstance(entry, Variable) and isinstance(entry.type, DisconnectedType)
                made[k] = [not cut] * len(node.outputs)
        return made

    def has_forward_rule(self) -> bool:
        """Whether tangents are carried by a rule; one in reverse alone has to serve for both."""
        return self.forward_rule is not None or self.reverse_rule is None


def _check_variables(inputs: Any, outputs: Any) -> None:
    for what, given in (("inputs", inputs), ("outputs", outputs)):
        if not isinstance(given, (list, tuple)):
            raise TypeError(f"The {what} of OpFromGraph must be a list of variables; got {given!r}")
        for v in given:
            if not isinstance(v, Variable):
                raise TypeError(f"The {what} of OpFromGraph must be variables; got {v!r}")
    twice = [v for k, v in enumerate(inputs) if v in inputs[:k]]
    if twice:
        raise ValueError(f"The input {twice[0]!r} of OpFromGraph is given twice")
    constant = next((v for v in inputs if isinstance(v, Constant)), None)
    if constant is not None:
        raise TypeError(f"The constant {constant!r} can be no input of OpFromGraph")
    if not outputs:
        raise ValueError("OpFromGraph needs an output")


def _shared(inputs: Sequence[Variable], outputs: Sequence[Variable], strict: bool) -> list[Any]:
    """The shared variables that the graph needs."""
    found: dict[Variable, None] = {}
    for v in graph_inputs(outputs, inputs):
        if v in inputs or isinstance(v, Constant):
            continue
        if not hasattr(v, "get_value"):
            raise MissingInputError(
                f"The graph of OpFromGraph needs {v!r}, which is no input of it"
            )
        if strict:
            raise MissingInputError(
                f"The graph of OpFromGraph needs the shared variable {v!r}, which strict=True "
                "requires to be one of its inputs"
            )
        found[v] = None
    return list(found)


def _only(given: dict[str, Any]) -> tuple[str, Any]:
    """The one of several names for the same argument that is used."""
    used = [name for name, rule in given.items() if not _is_default(rule)]
    if len(used) > 1:
        raise ValueError(f"{' and '.join(used)} of OpFromGraph exclude each other")
    name = used[0] if used else next(iter(given))
    return name, given[name]


def _is_default(rule: Any) -> bool:
    return rule is None or (isinstance(rule, str) and rule == "default")


def _pattern(given: Any, rows: int, columns: int) -> tuple[tuple[bool, ...], ...] | None:
    if given is None:
        return None
    made = tuple(tuple(bool(v) for v in row) for row in given)
    if len(made) != rows or any(len(row) != columns for row in made):
        raise ValueError(
            f"The connection_pattern of OpFromGraph must be {rows} lists (one for each input) of "
            f"{columns} truth values (one for each output); got {given!r}"
        )
    return made


class _Rule:
    """A user's derivative rule, or one for each of what it answers for.

    Attributes
    ----------
    entries : tuple
        One rule for all, or one each.
    single : bool
    name : str
        The argument by which it was given.
    with_outputs : bool
        Whether it gets the outputs as well.
    """

    def __init__(self, entries: tuple[Any, ...], single: bool, name: str, with_outputs: bool):
        self.entries, self.single = entries, single
        self.name, self.with_outputs = name, with_outputs

    @classmethod
    def of(cls, given: Any, name: str, count: int, with_outputs: bool) -> _Rule | None:
        """The rule as it was given, checked; None if nothing is overridden."""
        if _is_default(given):
            return None
        single = not isinstance(given, (list, tuple))
        entries = (given,) if single else tuple(given)
        if not single and len(entries) != count:
            raise ValueError(f"{name} of OpFromGraph must have {count} entries; got {len(entries)}")
        for entry in entries:
            special = isinstance(entry, Variable) and isinstance(
                entry.type, (NullType, DisconnectedType)
            )
            if not (_is_default(entry) or special or isinstance(entry, Op) or callable(entry)):
                raise TypeError(
                    f"{name} of OpFromGraph must be a function, an OpFromGraph, a variable of "
                    f'NullType or DisconnectedType, "default", or a list of these; got {entry!r}'
                )
        return None if all(map(_is_default, entries)) else cls(entries, single, name, with_outputs)

    def _key(self) -> Any:
        return self.entries, self.single, self.with_outputs

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Rule) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def entry(self, k: int) -> Any:
        """What answers for number ``k``."""
        return self.entries[0] if self.single else self.entries[k]

    def answers(self, count: int, lists: Sequence[Sequence[Variable]]) -> list[Any]:
        """What the user's rules give, ``"default"`` where they leave it.

        Raises
        ------
        TypeError
            If a rule gives no variable.
        ValueError
            If it gives another number of them.
        """
        if self.single:
            entry = self.entries[0]
            if isinstance(entry, Variable):
                return [entry] * count
            made = self._asked(entry, lists)
            made = list(made) if isinstance(made, (list, tuple)) else [made]
            if len(made) != count:
                raise ValueError(f"{self.name} must give {count} variables; it gave {len(made)}")
            return [self._checked(v) for v in made]
        results: list[Any] = []
        for entry in self.entries:
            if _is_default(entry) or isinstance(entry, Variable):
                results.append("default" if _is_default(entry) else entry)
                continue
            made = self._asked(entry, lists)
            if isinstance(made, (list, tuple)) and len(made) == 1:
                (made,) = made
            results.append(self._checked(made))
        return results

    def _asked(self, entry: Callable[..., Any], lists: Sequence[Sequence[Variable]]) -> Any:
        if isinstance(entry, Op):
            return entry(*(v for items in lists for v in items))
        return entry(*map(list, lists))

    def _checked(self, value: Any) -> Any:
        if value is None or isinstance(value, Variable):
            return value
        raise TypeError(f"{self.name} must give variables; it gave {value!r}")
