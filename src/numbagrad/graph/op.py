"""Op: what an Apply applies. Here is the protocol; the declarative kinds are in ``ops.kinds``.

A user's own Op subclasses `Op` directly, in PyTensor's words: ``make_node`` and ``perform``, and as
far as wanted ``grad`` or ``L_op`` (``pullback``), ``R_op`` (``pushforward``), ``infer_shape`` and
``connection_pattern``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from .basic import Apply, Variable
from .type import Type

__all__ = ["Op", "as_type"]


def as_type(given: Any) -> Type:
    """A type, or that of the variables that a function such as ``tensor.dmatrix`` makes.

    Raises
    ------
    TypeError
        If it is neither.
    """
    if isinstance(given, Type):
        return given
    made = given() if callable(given) and not isinstance(given, type) else None
    if not isinstance(made, Variable):
        raise TypeError(f"{given!r} is no type of variables, and makes none")
    return made.type


class Op:
    """A function from variables to variables.

    Ops are values: two Ops of the same class whose ``__props__`` are equal are the same Op.
    Subclasses without ``__props__`` are compared by identity.

    Examples
    --------
    An Op computed by NumPy alone; functions call it back through the interpreter.

    >>> import numpy as np
    >>> from numbagrad.graph.tensor import TensorType
    >>> class Median(Op):
    ...     __props__ = ()
    ...     itypes = [TensorType("float64", shape=(None,))]
    ...     otypes = [TensorType("float64", shape=())]
    ...     def perform(self, node, inputs, output_storage):
    ...         output_storage[0][0] = np.asarray(np.median(inputs[0]))
    >>> Median()([3.0, 1.0, 2.0]).eval(mode="reference")
    array(2.)
    """

    __props__: ClassVar[tuple[str, ...] | None] = None
    default_output: int | None = None
    view_map: ClassVar[dict[int, list[int]]] = {}
    destroy_map: ClassVar[dict[int, list[int]]] = {}
    #: Classes of inputs and outputs, for Ops in Theano's short form without ``make_node``.
    itypes: Sequence[Any] | None = None
    otypes: Sequence[Any] | None = None

    # -- making nodes ----------------------------------------------------------------------

    def make_node(self, *inputs: Any) -> Apply:
        """Check and convert the inputs and make the node, outputs included."""
        if self.itypes is None or self.otypes is None:
            raise NotImplementedError(
                f"{type(self).__name__} defines neither make_node nor itypes and otypes"
            )
        if len(inputs) != len(self.itypes):
            words = f"{len(self.itypes)} input{'s' * (len(self.itypes) != 1)}"
            raise ValueError(f"{self} takes {words}; got {len(inputs)}")
        checked = []
        expectations = map(as_type, self.itypes)
        for position, (value, expected) in enumerate(zip(inputs, expectations, strict=True)):
            variable = value if isinstance(value, Variable) else expected.constant(value)
            if not expected.is_super(variable.type):
                raise TypeError(
                    f"Input {position} of {self} must be {expected}; got {variable.type}"
                )
            checked.append(variable)
        return Apply(self, checked, [as_type(t).make_variable() for t in self.otypes])

    def __call__(
        self, *inputs: Any, name: str | None = None, return_list: bool = False, **kwargs: Any
    ) -> Any:
        """Apply the Op; the output, or the list of outputs when there are several.

        ``kwargs`` are handed to ``make_node``.
        """
        node = self.make_node(*inputs, **kwargs)
        if name is not None:
            node.out.name = name
        if return_list:
            return list(node.outputs)
        if self.default_output is not None:
            return node.outputs[self.default_output]
        return node.outputs[0] if len(node.outputs) == 1 else list(node.outputs)

    # -- computing -------------------------------------------------------------------------

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[Any]) -> None:
        """Compute in NumPy: put output ``k`` into ``output_storage[k][0]``."""
        raise NotImplementedError(f"{type(self).__name__} does not define perform")

    def infer_shape(self, fgraph: Any, node: Apply, input_shapes: Sequence[Any]) -> Any:
        """One tuple of sizes for each output, from one tuple of sizes for each input.

        A size is an int or a scalar integer variable. Not defining it is allowed: then the node
        has to be computed where a shape is asked for.
        """
        raise NotImplementedError

    # -- differentiating -------------------------------------------------------------------

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """``pattern[i][o]``: whether output ``o`` depends differentiably on input ``i``."""
        return [[True] * len(node.outputs) for _ in node.inputs]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> Any:
        """Reverse rule in Theano's form; see `L_op`."""
        raise NotImplementedError(f"{self} has no derivative rule (grad, L_op or pullback)")

    def L_op(
        self,
        inputs: Sequence[Variable],
        outputs: Sequence[Variable],
        output_grads: Sequence[Variable],
    ) -> Any:
        """Reverse rule: one gradient for each input, from one for each output."""
        if type(self).pullback is not Op.pullback:
            return self.pullback(inputs, outputs, output_grads)
        return self.grad(inputs, output_grads)

    def pullback(
        self,
        inputs: Sequence[Variable],
        outputs: Sequence[Variable],
        cotangents: Sequence[Variable],
    ) -> Any:
        """The newer name of `L_op`."""
        return self.L_op(inputs, outputs, cotangents)

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> Any:
        """Forward rule: one tangent for each output, from one (or None) for each input."""
        raise NotImplementedError(f"{self} has no forward rule (R_op or pushforward)")

    def has_forward_rule(self) -> bool:
        """Whether `R_op` or ``pushforward`` is defined."""
        return type(self).R_op is not Op.R_op or hasattr(type(self), "pushforward")

    # -- identity --------------------------------------------------------------------------

    def _props(self) -> tuple[Any, ...] | None:
        if self.__props__ is None:
            return None
        return tuple(getattr(self, name) for name in self.__props__)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(self) is not type(other) or self.__props__ is None:
            return False
        return self._props() == other._props()

    def __hash__(self) -> int:
        if not self.__props__:
            return object.__hash__(self) if self.__props__ is None else hash(type(self))
        return hash((type(self), self._props()))

    def __repr__(self) -> str:
        props = self._props()
        if not props:
            return type(self).__name__
        shown = ", ".join(f"{n}={p!r}" for n, p in zip(self.__props__ or (), props, strict=True))
        return f"{type(self).__name__}{{{shown}}}"
