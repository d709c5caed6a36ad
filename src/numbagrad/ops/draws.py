"""The kind of Ops that draw random numbers, one for each element of the result.

A Draw is a function ``rng, sizes, parameters -> next rng, draws``: it changes nothing, the next
generator is another value. Compiled code advances the generator where it stands and makes each draw
where it is used, in the order of the elements in C, once each. What distributions need of their
parameters is stated as `Constraint` rows and tested before anything is drawn. No single
distribution is defined here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from ..errors import IncompleteOpError, ShapeError
from ..graph.basic import Apply, Constant, Variable
from ..graph.generators import RandomGeneratorType, copy_generator
from ..graph.registry import OPS
from ..graph.tensor import TensorType, as_tensor
from ..graph.type import DisconnectedType
from ..records import record
from .checks import Check
from .declared import UNKNOWN, Declared, is_null, size_of
from .dtypes import is_complex, is_continuous, is_discrete
from .sizes import as_lengths, as_scalar

__all__ = ["DRAWS", "Constraint", "Draw", "as_generator", "as_parameter", "as_size"]

#: Every class of draws, which is what tests enumerate.
DRAWS: list[type[Draw]] = []


@record(frozen=True)
class Constraint:
    """What parameters have to fulfil.

    Attributes
    ----------
    names : tuple of str
        The parameters it is about.
    holds : callable
        The condition on one element of each, made of comparisons, ``&`` and ``|``.
    words : str
        What is wrong where it does not hold.
    """

    names: tuple[str, ...]
    holds: Callable[..., Any]
    words: str


def as_generator(rng: Any, where: str) -> Any:
    """``rng`` if it is a variable that holds a generator.

    Raises
    ------
    TypeError
        If it is not.
    """
    if isinstance(rng, np.random.Generator):
        raise TypeError(
            f"{where}: rng must be symbolic, since a draw advances it; make it shared with "
            "shared_rng(generator), or an input with rng()"
        )
    if not isinstance(rng, Variable) or not isinstance(rng.type, RandomGeneratorType):
        raise TypeError(f"{where}: rng must be a variable of RandomGeneratorType; got {rng!r}")
    return rng


def as_size(size: Any, where: str) -> list[Any] | None:
    """The sizes as ints and integer scalars, or None.

    Raises
    ------
    ValueError
        If one is known to be negative.
    """
    if size is None:
        return None
    sizes = as_lengths(size, where)
    for s in sizes:
        if isinstance(s, int) and s < 0:
            raise ValueError(f"{where}: a size must not be negative; got {tuple(sizes)}")
    return sizes


def as_parameter(x: Any, where: str, name: str) -> Any:
    """A real tensor.

    Raises
    ------
    TypeError
        If it is none.
    """
    variable = as_tensor(x)
    if is_complex(variable.type.dtype):
        raise TypeError(f"{where}: {name} must be real; got {variable!r} of {variable.type.dtype}")
    return variable


class Draw(Declared, abstract=True):
    """A draw for each element of the result.

    The inputs of its node are ``rng, *sizes, *arguments``; its outputs the next generator and the
    draws. Arguments are aligned to the number of dimensions of the result and broadcast by type.

    Parameters
    ----------
    result : str
        The dtype of the draws. They are made in double precision and then rounded.
    sized : int
        How many sizes are given; -1 if the shape follows from the arguments.

    Attributes
    ----------
    name : str
        What users call the distribution.
    arguments : dict
        Each parameter with the dtype in which the template gets it.
    natural : str
        The dtype of the template's result.
    template : callable
        ``template(rng, *arguments)``: one draw, with ``rng`` the address of a generator.
    reference : callable
        ``reference(rng, *arguments, size)``: all draws, with ``rng`` a Generator.
    partials : callable or None
        ``partials(y, *arguments)``: what each draw changes by as its arguments move and the
        randomness behind it stays. None for draws that are constant or jump.
    constraints : tuple of Constraint
    """

    kind = "Draw"
    __props__ = ("result", "sized")
    nout = 2
    default_output = 1
    needs: ClassVar[dict[str, str]] = {
        "arguments": "the parameters and their dtypes",
        "template": "the function that Numba compiles",
        "reference": "the same in NumPy",
        "constraints": "what parameters have to fulfil",
    }
    arguments: ClassVar[dict[str, str]] = {}
    constraints: ClassVar[Any] = None
    natural: ClassVar[str] = "float64"
    template: ClassVar[Any] = None
    partials: ClassVar[Any] = None
    #: Why draws have no derivative in some parameter, by its name.
    not_differentiable: ClassVar[dict[str, str]] = {}

    def __init_subclass__(cls, abstract: bool = False, **kwargs: Any):
        # Not among the classes whose tests feed arrays alone.
        super().__init_subclass__(abstract=True, **kwargs)
        missing = [n for n in cls.needs if getattr(cls, n, None) is None]
        if not cls.__doc__ or missing:
            lacking = ", ".join([*missing, *(["a docstring"] if not cls.__doc__ else [])])
            raise IncompleteOpError(f"The Draw Op {cls.__name__} lacks: {lacking}")
        DRAWS.append(cls)

    @property
    def name(self) -> str:
        """What users call the distribution."""
        return type(self).__name__.removesuffix("RV").lower()

    shown = name

    def pretty(self, node: Apply) -> list[Any]:
        """How `pp` writes it: the distribution, its parameters and the size."""
        parts: list[Any] = [f"{self.name}("]
        for v in self.parameters_of(node):
            parts += [v, ", "]
        if self.sized >= 0:
            parts.append("size=(")
            for v in node.inputs[1 : 1 + self.sized]:
                parts += [v, ", "]
            if self.sized:
                parts[-1] = ")" if self.sized > 1 else ",)"
            else:
                parts.append(")")
        else:
            parts.pop()
        return [*parts, ")"]

    # -- nodes -----------------------------------------------------------------------------

    def make_node(self, rng: Any, *inputs: Any) -> Apply:
        rng = as_generator(rng, self.name)
        count = max(self.sized, 0)
        sizes = [as_scalar(s) for s in inputs[:count]]
        given = [
            as_parameter(x, self.name, n)
            for n, x in zip(self.arguments, inputs[count:], strict=True)
        ]
        ndim = self._ndim(given)
        params = [v if v.ndim == ndim else _lifted(v, ndim) for v in given]
        variables = [rng, *sizes, *params]
        known = [
            (), *(() for _ in sizes),
            *(tuple(_open(s) for s in v.type.shape) for v in params),
        ]  # fmt: skip
        for a, b in self.same_sizes(known, *variables):
            if isinstance(a, int) and isinstance(b, int) and a != b:
                shapes = ", ".join(f"{n}: {v.type.shape}" for n, v in zip(self.arguments, params))
                raise ShapeError(f"{self.name}: sizes {a} and {b} have to be equal ({shapes})")
        shape = [s if isinstance(s, int) else None for s in self._shape(known, variables)]
        return Apply(self, variables, [rng.type(), TensorType(self.result, shape)()])

    def _ndim(self, params: Sequence[Any]) -> int:
        widest = max((v.ndim for v in params), default=0)
        if self.sized < 0:
            return widest
        for name, v in zip(self.arguments, params, strict=True):
            if v.ndim > self.sized:
                raise ValueError(
                    f"{self.name}: size has {self.sized} entries, but {name} has {v.ndim} "
                    "dimensions; give the whole shape of the draws"
                )
        return self.sized

    def _shape(self, shapes: Sequence[Any], inputs: Sequence[Any]) -> tuple[Any, ...]:
        count = max(self.sized, 0)
        if self.sized >= 0:
            return tuple(size_of(s) for s in inputs[1 : 1 + count])
        return tuple(_widest(sizes) for sizes in zip(*shapes[1:], strict=True))

    def sizes(self, shapes: Sequence[tuple[Any, ...]], *inputs: Variable) -> Any:
        return [(), self._shape(shapes, inputs)]

    def same_sizes(
        self, shapes: Sequence[tuple[Any, ...]], *inputs: Variable
    ) -> list[tuple[Any, Any]]:
        count = max(self.sized, 0)
        wanted = self._shape(shapes, inputs)
        pairs = []
        for shape in shapes[1 + count :]:
            pairs += [
                (w, s)
                for w, s in zip(wanted, shape, strict=True)
                if not (isinstance(s, int) and s == 1) and s is not w
            ]
        return pairs

    def generator_of(self, node: Apply, k: int) -> Variable:
        """The input whose draws end in the generator that is output ``k``."""
        return node.inputs[0]

    def parameters_of(self, node: Apply) -> list[Any]:
        """The parameters among the inputs of a node."""
        return list(node.inputs[1 + max(self.sized, 0) :])

    # -- checks ----------------------------------------------------------------------------

    def checks(self, *inputs: Variable) -> list[Any]:
        count = max(self.sized, 0)
        rows = []
        for k in range(1, 1 + count):
            if not isinstance(inputs[k], Constant):
                rows.append(Check(None, _not_negative(k), ValueError, self._size_words()))
        places = {n: 1 + count + k for k, n in enumerate(self.arguments)}
        for c in self.constraints:
            mine = [places[n] for n in c.names]
            over = _covering([inputs[p] for p in mine])
            where = None if over is None else mine[over] if over >= 0 else -1
            ndim = inputs[mine[0]].type.ndim
            rows.append(Check(where, _reads(mine, c.holds, ndim), ValueError, self._words(c)))
        return rows

    def _words(self, constraint: Constraint) -> str:
        return f"{self.name}: {constraint.words}"

    def _size_words(self) -> str:
        return f"{self.name}: a size must not be negative"

    # -- drawing in NumPy ------------------------------------------------------------------

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[Any]) -> None:
        count = max(self.sized, 0)
        size = tuple(int(s) for s in inputs[1 : 1 + count]) if self.sized >= 0 else None
        if size is not None and min(size, default=0) < 0:
            raise ValueError(f"{self._size_words()}; got {size}")
        # Adding zero keeps every value and makes -0.0, which NumPy takes for negative, 0.0.
        params = [
            np.asarray(x).astype(d) + np.zeros((), d)
            for x, d in zip(inputs[1 + count :], self.arguments.values(), strict=True)
        ]
        given = dict(zip(self.arguments, params, strict=True))
        with np.errstate(all="ignore"):
            for c in self.constraints:
                if not np.all(c.holds(*(given[n] for n in c.names))):
                    raise ValueError(self._words(c))
            shape = np.broadcast_shapes(*(p.shape for p in params)) if size is None else size
            rng = copy_generator(inputs[0])
            made = type(self).reference(rng, *params, shape)
            output_storage[1][0] = np.array(made, dtype=self.result).reshape(shape)
        output_storage[0][0] = rng

    # -- differentiating -------------------------------------------------------------------

    def _connected(self) -> list[bool]:
        """Which parameters move the draws without jumps."""
        if type(self).partials is None or is_discrete(self.result):
            return [False for _ in self.arguments]
        return [d.startswith("float") for d in self.arguments.values()]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        fixed = 1 + max(self.sized, 0)
        return [[False, False]] * fixed + [[False, c] for c in self._connected()]

    def _partials(self, y: Any, params: Sequence[Any]) -> list[Any]:
        floats = [OPS["cast"](x, self.result) if is_discrete(x.type.dtype) else x for x in params]
        made = list(type(self).partials(y, *floats))
        return [g if c else None for g, c in zip(made, self._connected(), strict=True)]

    def pullback(self, gy: Any, y: Any, *inputs: Variable) -> Any:  # type: ignore[override]
        fixed = 1 + max(self.sized, 0)
        gradients: list[Any] = [None] * fixed
        params = inputs[fixed:]
        if isinstance(gy[1].type, DisconnectedType) or not any(self._connected()):
            return gradients + [None for _ in params]
        for x, partial in zip(params, self._partials(y[1], params), strict=True):
            if partial is None or (isinstance(partial, Variable) and is_null(partial)):
                gradients.append(partial)
            else:
                term = OPS["mul"](gy[1], partial)
                gradients.append(OPS["unbroadcast"](term, x))
        return gradients

    def pushforward(self, tangents: Sequence[Any], y: Any, *inputs: Variable) -> Any:
        fixed = 1 + max(self.sized, 0)
        total = None
        if any(self._connected()):
            params = inputs[fixed:]
            parts = self._partials(y[1], params)
            for x, t, partial in zip(params, tangents[fixed:], parts, strict=True):
                if t is None or partial is None or not is_continuous(x.type.dtype):
                    continue
                if isinstance(partial, Variable) and is_null(partial):
                    return [None, partial]
                term = OPS["mul"](t, partial)
                total = term if total is None else OPS["add"](total, term)
        if total is not None:
            total = OPS["cast"](OPS["second"](y[1], total), self.result)
        return [None, total]


def _open(size: int | None) -> Any:
    """A size as `same_sizes` takes it when a node is made."""
    return UNKNOWN if size is None else size


def _widest(sizes: Sequence[Any]) -> Any:
    """What sizes spread to; known numbers are preferred."""
    wide = [s for s in sizes if not (isinstance(s, int) and s == 1)]
    return next((s for s in wide if isinstance(s, int)), wide[0] if wide else 1)


def _lifted(v: Any, ndim: int) -> Any:
    return OPS["dimshuffle"](v, ["x"] * (ndim - v.ndim) + list(range(v.ndim)))


def _covering(variables: Sequence[Any]) -> int | None:
    """Which of the variables has every dimension that one of them has.

    None if none has any, -1 if no single one has all.
    """
    spread = [
        frozenset(k for k, s in enumerate(v.type.shape) if s != 1) for v in variables
    ]  # fmt: skip
    union = frozenset().union(*spread)
    if not union:
        return None
    return spread.index(union) if union in spread else -1


def _not_negative(k: int) -> Callable[..., Any]:
    return lambda index, read, sizes: read(k, ()) >= 0


def _reads(places: Sequence[int], holds: Callable[..., Any], ndim: int) -> Callable[..., Any]:
    def condition(index: Any, read: Any, sizes: Any) -> Any:
        at = tuple(index) or (0,) * ndim
        return holds(*(read(p, at) for p in places))

    return condition
