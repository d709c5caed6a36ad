"""Variable, Constant and Apply: the three things a graph is made of.

A graph is bipartite: a Variable knows the Apply that makes it (its owner), an Apply knows its Op,
its input variables and its output variables. Nothing here knows a single Op or a tensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from .registry import OPS
from .where import Line, here

if TYPE_CHECKING:
    from .op import Op
    from .type import Type

__all__ = ["Apply", "Constant", "Variable", "flatten", "rebuild"]


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
    """

    __slots__ = ("__weakref__", "_tag", "index", "name", "owner", "type")

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
        return unflatten, flatten([self])


class Constant(Variable):
    """A variable whose value is known.

    ``literal`` is what the user wrote when that was a Python number, kept for printing.
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
    """

    __slots__ = ("__weakref__", "inputs", "op", "outputs", "where")

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
        for position, variable in enumerate(self.inputs):
            if not isinstance(variable, Variable):
                raise TypeError(
                    f"Input {position} of {op} must be a Variable; got {variable!r}. "
                    "Convert it in make_node, for example with as_tensor."
                )
        for position, variable in enumerate(self.outputs):
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

    default_output = out

    def clone_with_new_inputs(self, inputs: Sequence[Variable]) -> Apply:
        """The same Op on other inputs.

        When every input keeps its type so does every output; otherwise the Op is asked again.
        """
        if all(new.type == old.type for new, old in zip(inputs, self.inputs, strict=True)):
            outputs = [v.type.make_variable(v.name) for v in self.outputs]
            return Apply(self.op, inputs, outputs, self.where)
        node = self.op.make_node(*inputs)
        node.where = self.where
        for new, old in zip(node.outputs, self.outputs, strict=True):
            new.name = old.name
        return node

    def __reduce__(self) -> Any:
        return _node_of, (self.outputs[0],)

    def __repr__(self) -> str:
        return f"{self.op}({', '.join(v.name or str(v.type) for v in self.inputs)})"


def _make_input(type_: Type, name: str | None) -> Variable:
    return type_.make_variable(name)


def _node_of(output: Variable) -> Apply:
    assert output.owner is not None
    return output.owner


class Leaf(NamedTuple):
    """How a variable without an owner travels."""

    make: Any
    arguments: tuple[Any, ...]


def flatten(outputs: Sequence[Variable]) -> tuple[list[Any], list[tuple[Any, ...]]]:
    """A graph as a flat table, so that pickling a long chain does not recurse.

    Returns
    -------
    rows : list
        A `Leaf`, or ``(op, input positions, [(type, name), ...], where)`` for a node.
    wanted : list of tuple
        ``(row, output index)`` of each of ``outputs``.
    """
    rows: list[Any] = []
    position: dict[Variable | Apply, int] = {}

    def place(variable: Variable) -> tuple[int, int]:
        source = variable if variable.owner is None else variable.owner
        return position[source], variable.index or 0

    stack: list[tuple[Variable, bool]] = [(v, False) for v in reversed(outputs)]
    while stack:
        variable, ready = stack.pop()
        node = variable.owner
        if (variable if node is None else node) in position:
            continue
        if node is None:
            position[variable] = len(rows)
            rows.append(Leaf(*variable.leaf_state()))
        elif ready:
            position[node] = len(rows)
            made = [(v.type, v.name) for v in node.outputs]
            rows.append((node.op, [place(v) for v in node.inputs], made, node.where))
        else:
            stack.append((variable, True))
            stack.extend((v, False) for v in reversed(node.inputs))
    return rows, [place(v) for v in outputs]


def rebuild(rows: list[Any], wanted: list[tuple[int, int]]) -> list[Variable]:
    """The inverse of `flatten`."""
    made: list[list[Variable]] = []
    for row in rows:
        if isinstance(row, Leaf):
            made.append([row.make(*row.arguments)])
            continue
        op, inputs, outputs, where = row
        node = Apply(
            op,
            [made[r][i] for r, i in inputs],
            [type_.make_variable(name) for type_, name in outputs],
            where,
        )
        made.append(node.outputs)
    return [made[r][i] for r, i in wanted]


def unflatten(rows: list[Any], wanted: list[tuple[int, int]]) -> Variable:
    """The inverse of `flatten` for one variable."""
    return rebuild(rows, wanted)[0]
