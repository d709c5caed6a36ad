"""Variable, Constant and Apply: the three things a graph is made of, and how they travel.

A graph is bipartite: a Variable knows the Apply that makes it (its owner), an Apply knows its Op,
its input variables and its output variables. Nothing here knows a single Op or a tensor.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from .registry import OPS
from .where import Line, here

if TYPE_CHECKING:
    from .op import Op
    from .type import Type

__all__ = ["Apply", "Constant", "Variable", "flatten", "rebuild", "toposort"]


class Variable:
    """A value that is not known yet.

    Parameters
    ----------
    type : Type
        What values it may take.
    owner : Apply, optional
        The node that computes it; ``None`` for an input.
    index : int, optional
        Which of the owner's outputs it is.
    name : str, optional
        For people and for printed code.

    Examples
    --------
    >>> from numbagrad import tensor
    >>> x = tensor.dscalar("x")
    >>> y = x + 1.0
    >>> x.owner is None, y.owner.inputs[0] is x, y.index
    (True, True, 0)
    """

    __slots__ = ("__weakref__", "_tag", "index", "name", "owner", "type")

    #: A Type; those of tensors know dtype, shape and ndim besides.
    type: Any

    def __init__(
        self,
        type: Type,
        owner: Apply | None = None,
        index: int | None = None,
        name: str | None = None,
    ):
        if name is not None and not isinstance(name, str):
            raise TypeError(f"The name of a variable must be a string; got {name!r}")
        self.type = type
        self.owner = owner
        self.index = index
        self.name = name
        self._tag: SimpleNamespace | None = None

    @property
    def tag(self) -> SimpleNamespace:
        """A place for the user's own notes, as in Theano."""
        if self._tag is None:
            self._tag = SimpleNamespace()
        return self._tag

    def clone(self, name: str | None = None) -> Variable:
        """A new variable of the same type without an owner."""
        return self.type.make_variable(name or self.name)

    def eval(self, inputs_to_values: dict[Any, Any] | None = None, **kwargs: Any) -> Any:
        """Compile and compute this variable at once.

        Parameters
        ----------
        inputs_to_values : dict, optional
            Values for the inputs it depends on, keyed by variable or by name.
        **kwargs
            Passed on to ``function``.

        Raises
        ------
        MissingInputError
            If an input is given no value.
        """
        return OPS["eval"](self, inputs_to_values, **kwargs)

    def leaf_state(self) -> tuple[Any, tuple[Any, ...]]:
        """What makes this variable again when it has no owner: a callable and its arguments."""
        return _make_input, (self.type, self.name)

    def get_parents(self) -> list[Apply]:
        """The node that makes this variable, in a list, or an empty list."""
        return [] if self.owner is None else [self.owner]

    def __repr__(self) -> str:
        return self.name or (
            f"{self.owner.op}.{self.index}" if self.owner is not None else f"<{self.type}>"
        )

    def __reduce__(self) -> Any:
        if self.owner is None:
            return self.leaf_state()
        return _rebuild_one, flatten([self])

    def __copy__(self) -> Variable:
        """Another variable of the same value; `clone` makes one without a value."""
        if self.owner is None or self.index is None:
            return self.clone()
        return self.owner.clone_with_new_inputs(self.owner.inputs).outputs[self.index]


class Constant(Variable):
    """A variable whose value is known.

    ``literal`` is what the user wrote when that was a Python number, kept for printing.

    Raises
    ------
    TypeError
        If the data is no value of the type.

    Examples
    --------
    >>> from numbagrad import constant
    >>> c = constant([1.0, 2.0])
    >>> c.data, isinstance(c, Constant)
    (array([1., 2.]), True)
    """

    __slots__ = ("data", "literal")

    def __init__(self, type: Type, data: Any, name: str | None = None, literal: str | None = None):
        super().__init__(type, name=name)
        self.data = type.filter(data)
        self.literal = literal

    @property
    def value(self) -> Any:
        """The data."""
        return self.data

    def clone(self, name: str | None = None) -> Constant:
        """A new constant of the same data."""
        return type(self)(self.type, self.data, name or self.name, self.literal)

    def leaf_state(self) -> tuple[Any, tuple[Any, ...]]:
        return type(self), (self.type, self.data, self.name, self.literal)

    def signature(self) -> Any:
        """Hashable and equal exactly for constants that are interchangeable."""
        return (self.type, id(self.data))

    def __repr__(self) -> str:
        return self.name or f"{type(self).__name__}({self.data!r})"


class Apply:
    """One application of an Op.

    Attributes
    ----------
    op : Op
    inputs, outputs : list of Variable
    where : Line or None
        The user's line that made it.

    Raises
    ------
    TypeError
        If an input or output is no Variable.
    ValueError
        If an output belongs to another node.

    Examples
    --------
    >>> from numbagrad import tensor
    >>> x = tensor.dscalar("x")
    >>> node = tensor.exp(x).owner
    >>> node.op, node.inputs, node.nout
    (Exp, [x], 1)
    """

    __slots__ = ("__weakref__", "_packed", "inputs", "op", "outputs", "where")

    def __init__(
        self,
        op: Op,
        inputs: Sequence[Variable],
        outputs: Sequence[Variable],
        where: Line | None = None,
    ):
        self.op = op
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        self.where = where or here()
        self._packed: _Packed | None = None
        for position, variable in enumerate(self.inputs):
            if not isinstance(variable, Variable):
                raise TypeError(
                    f"Input {position} of {op} must be a Variable; got {variable!r}. "
                    "Convert it in make_node, for example with as_tensor."
                )
        for position, variable in enumerate(self.outputs):
            if not isinstance(variable, Variable):
                raise TypeError(f"Output {position} of {op} must be a Variable; got {variable!r}")
            if variable.owner is not None:
                raise ValueError(f"Output {position} of {op} already belongs to another node")
            variable.owner, variable.index = self, position

    @property
    def out(self) -> Variable:
        """The only output, or the one the Op calls its default."""
        if len(self.outputs) == 1:
            return self.outputs[0]
        if self.op.default_output is None:
            raise ValueError(f"{self.op} has {len(self.outputs)} outputs and no default one")
        return self.outputs[self.op.default_output]

    def default_output(self) -> Variable:
        """PyTensor's spelling of `out`."""
        return self.out

    @property
    def nin(self) -> int:
        """The number of inputs."""
        return len(self.inputs)

    @property
    def nout(self) -> int:
        """The number of outputs."""
        return len(self.outputs)

    def clone_with_new_inputs(self, inputs: Sequence[Variable]) -> Apply:
        """The same Op on other inputs.

        When every input keeps its type so does every output; otherwise the Op is asked again.
        """
        for new, old in zip(inputs, self.inputs, strict=True):
            if new.type is not old.type and new.type != old.type:
                break
        else:
            outputs = [v.type.make_variable(v.name) for v in self.outputs]
            return Apply(self.op, inputs, outputs, self.where)
        node = self.op.make_node(*inputs)
        node.where = self.where
        for new, old in zip(node.outputs, self.outputs, strict=True):
            new.name = old.name
        return node

    def get_parents(self) -> list[Variable]:
        """The inputs."""
        return list(self.inputs)

    def clone(self) -> Apply:
        """Another node of the same Op and inputs, with new outputs."""
        return self.clone_with_new_inputs(self.inputs)

    __copy__ = clone

    def __reduce__(self) -> Any:
        return _node_of, (self.outputs[0],)

    def __repr__(self) -> str:
        return f"{self.op}({', '.join(v.name or str(v.type) for v in self.inputs)})"


def _make_input(type_: Type, name: str | None) -> Variable:
    return type_.make_variable(name)


def _node_of(output: Variable) -> Apply:
    assert output.owner is not None
    return output.owner


class _Packed:
    """A node as pickle and deepcopy get to see it: made from nodes that are packed already.

    Each node has one at most. Therefore pickle, which knows objects by their identity, writes a
    node once however many of the variables pickled together depend on it.
    """

    __slots__ = ("node",)

    def __init__(self, node: Apply):
        self.node = node

    def __reduce__(self) -> Any:
        node = self.node
        made = [(v.type, v.name) for v in node.outputs]
        return _unpack, (node.op, [_place(v) for v in node.inputs], made, node.where)


#: A variable in a flattened graph: itself if nothing makes it, else a packed node and which output.
Place = tuple[Any, int | None]


def _pack(node: Apply) -> _Packed:
    if node._packed is None:
        node._packed = _Packed(node)
    return node._packed


def _unpack(
    op: Op, inputs: list[Place], made: list[tuple[Type, str | None]], where: Line | None
) -> _Packed:
    outputs = [type_.make_variable(name) for type_, name in made]
    return _pack(Apply(op, [_found(p) for p in inputs], outputs, where))


def _place(variable: Variable) -> Place:
    if variable.owner is None:
        return variable, None
    return _pack(variable.owner), variable.index


def _found(place: Place) -> Variable:
    source, index = place
    return source if index is None else source.node.outputs[index]


def flatten(outputs: Sequence[Variable]) -> tuple[list[Any], list[Place]]:
    """A graph as a flat table, so that pickling a long chain does not recurse.

    Pickle the table, or deep-copy it, and give the copy to `rebuild`.

    Returns
    -------
    nodes : list
        All nodes, packed, each after those it needs.
    wanted : list of tuple
        The places of ``outputs``.
    """
    return [_pack(node) for node in toposort(outputs)], [_place(v) for v in outputs]


def rebuild(nodes: list[Any], wanted: list[Place]) -> list[Variable]:
    """The variables that were given to `flatten`, of whatever copy of its result this is."""
    return [_found(place) for place in wanted]


def _rebuild_one(nodes: list[Any], wanted: list[Place]) -> Variable:
    return _found(wanted[0])


def toposort(outputs: Iterable[Variable], blockers: Collection[Variable] = ()) -> list[Apply]:
    """The nodes that ``outputs`` need, each after those it needs itself.

    Parameters
    ----------
    outputs : iterable of Variable
    blockers : collection of Variable
        Variables that are taken as given: what makes them is left out.

    Notes
    -----
    The order depends on the graph alone: depth first, inputs from left to right.
    """
    blocked = blockers if isinstance(blockers, (Set, Mapping)) else set(blockers)
    order: list[Apply] = []
    done: set[Apply] = set()
    stack: list[tuple[Apply, bool]] = []
    for output in outputs:
        if output.owner is not None and output not in blocked:
            stack.append((output.owner, False))
        while stack:
            node, ready = stack.pop()
            if ready:
                order.append(node)
                continue
            if node in done:
                continue
            done.add(node)
            stack.append((node, True))
            stack.extend(
                (v.owner, False)
                for v in reversed(node.inputs)
                if v.owner is not None and v not in blocked and v.owner not in done
            )
    return order
