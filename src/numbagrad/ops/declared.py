"""What all declared Ops share, and the words of their definitions.

`Declared` makes nodes, computes by the reference and carries derivative rules between the
protocol's form and the one in which classes state them. The kinds are in ``kinds``.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..config import config
from ..errors import IncompleteOpError, ShapeError
from ..graph.basic import Apply, Constant, Variable
from ..graph.op import Op
from ..graph.registry import OP_CLASSES, OPS
from ..graph.tensor import TensorType, as_tensor
from ..graph.type import DisconnectedType, NullType, disconnected_type
from .dtypes import is_complex, is_continuous

__all__ = [
    "BILINEAR",
    "LINEAR",
    "UNKNOWN",
    "Declared",
    "is_null",
    "size_of",
    "undefined",
]


class _Word:
    """A word of the vocabulary, such as LINEAR."""

    def __init__(self, word: str):
        self.word = word

    def __repr__(self) -> str:
        return self.word


#: ``pushforward = LINEAR``: the Op is linear in all its float inputs together.
LINEAR = _Word("LINEAR")
#: ``pushforward = BILINEAR``: the Op is linear in each float input when the others are fixed.
BILINEAR = _Word("BILINEAR")


class _Unknown:
    """A size that is not known when a node is made; computing with it gives it again."""

    def _same(self, *_: Any) -> _Unknown:
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _same
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __neg__ = _same

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Any = _Unknown()


def undefined(why: str) -> Variable:
    """A derivative that does not exist: a variable of `NullType` with the reason."""
    return NullType(why).make_variable()


def size_of(variable: Any) -> Any:
    """A size as an int where it is known, else as the scalar variable it is."""
    if isinstance(variable, Constant):
        return int(variable.data)
    return variable


#: What a class body may state as a plain function.
_RULES = ("template", "partials", "dtype", "reference", "identity", "combine", "better")


class Declared(Op):
    """Base of the kinds: an Op whose class states everything about it.

    Attributes
    ----------
    dtype : callable
        The rule from the inputs' dtypes to the output's, by name.
    reference : callable
        The same function in NumPy, of the inputs' values and the static parameters.
    samples : list
        What tests feed it; see ``numbagrad.testing``.
    pullback : callable
        ``pullback(gy, y, *inputs)``: a gradient for each input. ``None`` stands for disconnected,
        ``undefined("why")`` for one that does not exist.
    pushforward : callable or LINEAR or BILINEAR
        ``pushforward(tangents, y, *inputs)``; a tangent is ``None`` where nothing moves. Without
        one, forward mode is done by two reverse sweeps.
    """

    __props__: ClassVar[tuple[str, ...]] = ()
    #: What a class of this kind must define, with the words used when it does not.
    needs: ClassVar[dict[str, str]] = {}
    kind: ClassVar[str] = "declared"
    nout: ClassVar[int] = 1
    dtype: ClassVar[Any] = None
    reference: ClassVar[Any] = None
    samples: ClassVar[Any] = None
    pushforward: ClassVar[Any] = None
    #: Why there is no derivative at all, if there is none.
    no_derivative: ClassVar[str | None] = None

    def __init_subclass__(cls, abstract: bool = False, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        for name in _RULES:
            # Rules are written as plain functions of arrays; one that wants the Op says ``self``.
            rule = cls.__dict__.get(name)
            if isinstance(rule, FunctionType) and "self" not in rule.__code__.co_varnames[:1]:
                setattr(cls, name, staticmethod(rule))
        if abstract:
            return
        missing = [f"{name} ({words})" for name, words in cls.needs.items() if not _has(cls, name)]
        if cls.__doc__ is None:
            missing.append("a docstring (what it computes, with an example)")
        if missing:
            raise IncompleteOpError(f"The {cls.kind} Op {cls.__name__} lacks: {'; '.join(missing)}")
        OP_CLASSES.append(cls)

    if TYPE_CHECKING:  # static parameters are attributes, of the names in __props__

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, **params: Any):
        names = tuple(self.__props__ or ())
        if set(params) != set(names):
            raise TypeError(
                f"{type(self).__name__} takes the static parameters {names}; got {tuple(params)}"
            )
        for name in names:
            setattr(self, name, params[name])

    # -- making nodes ----------------------------------------------------------------------

    def prepare(self, *inputs: Any) -> list[Any]:
        """The inputs as variables, checked; a subclass adds its own checks."""
        return [as_tensor(x) for x in inputs]

    def sizes(self, shapes: Sequence[tuple[Any, ...]], *inputs: Variable) -> Any:
        """The shape of the output (a list of shapes for several) from the inputs' shapes.

        Sizes are ints, scalar variables or UNKNOWN: write it so that all three work.
        """
        raise NotImplementedError

    def same_sizes(
        self, shapes: Sequence[tuple[Any, ...]], *inputs: Variable
    ) -> list[tuple[Any, Any]]:
        """Pairs of sizes that have to be equal, checked at entry where that is not proved."""
        return []

    def checks(self, *inputs: Variable) -> list[Any]:
        """Conditions on values, as `ops.checks.Check` rows, tested before anything is written."""
        return []

    def output_dtypes(self, *inputs: Variable) -> list[str]:
        """The dtype of each output."""
        made: Any = type(self).dtype(*(v.type.dtype for v in inputs))
        return [made] if isinstance(made, str) else list(made)

    def make_node(self, *inputs: Any) -> Apply:
        variables = self.prepare(*inputs)
        known = [_static(v) for v in variables]
        for a, b in self.same_sizes(known, *variables):
            if isinstance(a, int) and isinstance(b, int) and a != b:
                known_shapes = ", ".join(str(v.type.shape) for v in variables)
                raise ShapeError(
                    f"{self}: sizes {a} and {b} have to be equal; "
                    f"the inputs' shapes are {known_shapes} (None is a size not known yet)"
                )
        shapes = self.sizes(known, *variables)
        if self.nout == 1:
            shapes = [shapes]
        types = [
            TensorType(d, [int(s) if isinstance(s, (int, np.integer)) else None for s in shape])
            for d, shape in zip(self.output_dtypes(*variables), shapes, strict=True)
        ]
        return Apply(self, variables, [t.make_variable() for t in types])

    def infer_shape(self, fgraph: Any, node: Apply, input_shapes: Sequence[Any]) -> Any:
        made = self.sizes(input_shapes, *node.inputs)
        return [made] if self.nout == 1 else list(made)

    # -- computing in NumPy ----------------------------------------------------------------

    def parameters(self) -> tuple[Any, ...]:
        """The static parameters in the order in which templates take them."""
        return tuple(getattr(self, name) for name in self.__props__ or ())

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[Any]) -> None:
        with np.errstate(all="ignore"):
            made = type(self).reference(*inputs, *self.parameters())
            for storage, value, variable in zip(
                output_storage, [made] if self.nout == 1 else made, node.outputs, strict=True
            ):
                storage[0] = np.array(value, dtype=variable.type.dtype)  # nothing aliases

    # -- differentiating -------------------------------------------------------------------

    def L_op(self, inputs: Any, outputs: Any, output_grads: Any) -> Any:
        single = self.nout == 1
        made = self.pullback(
            output_grads[0] if single else output_grads,
            outputs[0] if single else outputs,
            *inputs,
        )
        return [
            disconnected_type() if g is None else _as_gradient_of(x, g)
            for g, x in zip(made, inputs, strict=True)
        ]

    def pullback(self, gy: Any, y: Any, *inputs: Variable) -> Any:  # type: ignore[override]
        """Reverse rule; by default the reason why there is none."""
        why = self.no_derivative or f"{type(self).__name__} states no derivative"
        return [undefined(f"{self}: {why}") for _ in inputs]

    def forward(self, tangents: Sequence[Any], outputs: Any, inputs: Any) -> list[Any]:
        """A tangent (or None) for each output; a tangent of an input is None where it is still."""
        rule = type(self).pushforward
        if rule is LINEAR:
            made = self._linear(tangents, inputs)
        elif rule is BILINEAR:
            made = self._bilinear(tangents, inputs)
        else:
            made = self.pushforward(tangents, outputs[0] if self.nout == 1 else outputs, *inputs)
        return [made] if self.nout == 1 else list(made)

    def _linear(self, tangents: Sequence[Any], inputs: Any) -> Any:
        moved = [
            (OPS["zeros_like"](x) if t is None else t) if is_continuous(x.type.dtype) else x
            for t, x in zip(tangents, inputs, strict=True)
        ]
        return self(*moved)

    def _bilinear(self, tangents: Sequence[Any], inputs: Any) -> Any:
        total = None
        for k, tangent in enumerate(tangents):
            if tangent is None:
                continue
            term = self(*[tangent if j == k else x for j, x in enumerate(inputs)])
            total = term if total is None else OPS["add"](total, term)
        return total

    def has_forward_rule(self) -> bool:
        return type(self).pushforward is not None


def _has(cls: type, name: str) -> bool:
    found = getattr(cls, name, None)
    return found is not None and found is not getattr(Declared, name, None)


def _static(variable: Variable) -> tuple[Any, ...]:
    if not isinstance(variable.type, TensorType):
        raise TypeError(f"{variable!r} is of type {variable.type}, which is no tensor")
    return tuple(UNKNOWN if s is None else s for s in variable.type.shape)


def _as_gradient_of(x: Variable, g: Variable) -> Variable:
    """``g`` with the dtype that a gradient of ``x`` has."""
    if isinstance(g.type, (NullType, DisconnectedType)):
        return g
    dtype = x.type.dtype if is_continuous(x.type.dtype) else config.floatX
    if is_complex(g.type.dtype) and not is_complex(dtype):
        g = OPS["real"](g)
    return g if g.type.dtype == dtype else OPS["cast"](g, dtype)


def is_null(variable: Variable) -> bool:
    """Whether a variable stands for a derivative that does not exist."""
    return isinstance(variable.type, NullType)
