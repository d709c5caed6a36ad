"""The kinds of Ops: what each has to state, and what each gets for it.

Elementwise  a scalar expression of the inputs' elements at one place
View         an element of the output is an element of an input at another place
Reduction    elements are combined over some dimensions
Scatter      a copy of one array with the elements of another written or added at given places
Block        a function of whole C-contiguous arrays

What they share is in ``declared``. Code generation switches on the kind and never on the class. No
single Op is defined here. An Op class that lacks a part is refused when the class is made.

Static parameters are keyword-only and listed in ``__props__``; templates receive them behind the
arrays, in that order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, ClassVar

import numpy as np

from ..config import config
from ..graph.basic import Apply, Variable
from ..graph.registry import OPS
from ..graph.tensor import TensorConstant, TensorType, as_tensor
from .declared import BILINEAR, LINEAR, UNKNOWN, Declared, is_null, size_of, undefined
from .dtypes import convert_together, is_complex, is_continuous, is_discrete, upcast

__all__ = [
    "BILINEAR",
    "LINEAR",
    "UNKNOWN",
    "Block",
    "Declared",
    "Elementwise",
    "Reduction",
    "Scatter",
    "View",
    "size_of",
    "undefined",
]


class Elementwise(Declared, abstract=True):
    """A scalar function applied in every place.

    Inputs broadcast by type as in PyTensor: a dimension broadcasts if it is known to be 1.

    Attributes
    ----------
    template : callable
        The scalar function, plain code that Numba compiles as it stands.
    partials : callable
        ``partials(y, *inputs)`` (or ``partials(self, y, *inputs)``, where static parameters are
        needed): the partial derivatives, ``None`` for an input that the output does not depend on
        differentiably. Integer inputs of a function with float results arrive as floats.
    inputs_as : {"result", "common", "given"}
        The dtype in which the template gets its arguments: the output's, the common one of the
        inputs, or each its own.
    cost : int
        About how many multiplications one evaluation takes.
    """

    kind = "Elementwise"
    needs: ClassVar[dict[str, str]] = {
        "dtype": "the rule for its result's dtype, such as float_of",
        "template": "the scalar function that Numba compiles",
        "partials": "the derivatives, or no_partials('why')",
        "reference": "the same in NumPy",
        "samples": "what the tests feed it",
    }
    template: ClassVar[Any] = None
    #: Whether all it does is change the dtype, which code generation does itself.
    is_cast: ClassVar[bool] = False
    #: A simpler template for integers, which have no NaN; sizes are computed with it.
    whole_template: ClassVar[Any] = None
    partials: ClassVar[Any] = None
    inputs_as: ClassVar[str] = "result"
    #: NumPy's letters of the kinds of dtype that the inputs' common dtype may be of.
    accepts: ClassVar[str] = "biufc"
    cost: ClassVar[int] = 1
    #: Facts that generic rewrites read.
    commutative: ClassVar[bool] = False
    associative: ClassVar[bool] = False
    #: Whether ``f(x, x) = x``.
    idempotent: ClassVar[bool] = False
    odd: ClassVar[bool] = False
    even: ClassVar[bool] = False
    unit: ClassVar[Any] = None
    zero: ClassVar[Any] = None
    #: How `pp` prints it between its arguments.
    infix: ClassVar[str | None] = None

    def prepare(self, *inputs: Any) -> list[Any]:
        variables = convert_together(inputs, comparing=type(self).inputs_as == "common")
        return self.align(self.admit(variables))

    def admit(self, variables: list[Any]) -> list[Any]:
        """The variables themselves if their number and dtypes are right."""
        expected = type(self).template.__code__.co_argcount - len(self.parameters())
        if len(variables) != expected:
            words = f"{expected} argument{'s' * (expected != 1)}"
            raise TypeError(f"{self} takes {words}; got {len(variables)}")
        if _kind_of_all(tuple([v.type.dtype for v in variables])) not in self.accepts:
            words = ", ".join(_KINDS[k] for k in self.accepts)
            raise TypeError(
                f"{self} is defined for {words}; it got "
                f"{' and '.join(v.type.dtype for v in variables)}. Cast with x.astype(...)"
            )
        return variables

    def make_node(self, *inputs: Any) -> Apply:
        variables = self.prepare(*inputs)
        key = (self, config.floatX, *[v.type for v in variables])
        known = _MADE.get(key)
        if known is not None:
            return Apply(self, variables, [known.make_variable()])
        node = super().make_node(*variables)
        cls = type(self)
        if cls.sizes is Elementwise.sizes and cls.output_dtypes is Declared.output_dtypes:
            if len(_MADE) >= _MOST_MADE:
                _MADE.clear()
            _MADE[key] = node.outputs[0].type
        return node

    def align(self, variables: list[Any]) -> list[Any]:
        """All with the same number of dimensions, new ones of size 1 in front."""
        ndim = max((v.ndim for v in variables), default=0)
        return [v if v.ndim == ndim else _lift(v, ndim) for v in variables]

    def argument_dtypes(self, inputs: Sequence[Variable], output: str) -> list[str]:
        """The dtype in which the template gets each argument."""
        given = [v.type.dtype for v in inputs]
        if self.inputs_as == "given":
            return given
        return [output if self.inputs_as == "result" else upcast(*given)] * len(given)

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[Any]) -> None:
        """Apply the reference to the inputs in the dtypes in which the template gets them."""
        wanted = self.argument_dtypes(node.inputs, node.outputs[0].type.dtype)
        given = [np.asarray(x).astype(d, copy=False) for x, d in zip(inputs, wanted, strict=True)]
        super().perform(node, given, output_storage)

    def sizes(self, shapes: Sequence[tuple[Any, ...]], *inputs: Variable) -> Any:
        return tuple(_broadcast(sizes) for sizes in zip(*shapes, strict=True))

    def same_sizes(
        self, shapes: Sequence[tuple[Any, ...]], *inputs: Variable
    ) -> list[tuple[Any, Any]]:
        pairs = []
        for sizes in zip(*shapes, strict=True):
            # A size that is the int 1 broadcasts; all others have to agree.
            wide = [s for s in sizes if not (isinstance(s, int) and s == 1)]
            pairs += [(wide[0], s) for s in wide[1:]]
        return pairs

    def pullback(self, gy: Any, y: Any, *inputs: Variable) -> Any:  # type: ignore[override]
        """Each input's gradient is the conjugate partial times ``gy``, summed where it spread."""
        gradients: list[Any] = []
        for x, partial in zip(inputs, self._partials(y, inputs), strict=True):
            if partial is None or (isinstance(partial, Variable) and is_null(partial)):
                gradients.append(partial)
                continue
            if isinstance(partial, Variable) and is_complex(partial.type.dtype):
                partial = OPS["conj"](partial)
            gradients.append(OPS["unbroadcast"](OPS["scale"](gy, partial), x))
        return gradients

    def pushforward(self, tangents: Sequence[Any], y: Any, *inputs: Variable) -> Any:
        """The sum of each partial times that input's tangent, spread to the output's shape."""
        total = None
        for x, t, partial in zip(inputs, tangents, self._partials(y, inputs), strict=True):
            if t is None or partial is None or not is_continuous(x.type.dtype):
                continue
            if isinstance(partial, Variable) and is_null(partial):
                return partial
            term = OPS["scale"](t, partial)
            total = term if total is None else OPS["add"](total, term)
        if total is None or (total.type.dtype == y.type.dtype and total.type.shape == y.type.shape):
            return total
        if is_discrete(y.type.dtype):
            return None
        return OPS["cast"](OPS["second"](y, total), y.type.dtype)

    def _partials(self, y: Any, inputs: Sequence[Variable]) -> Sequence[Any]:
        """The partials of the function that the template is: of inputs as it gets them."""
        if self.inputs_as == "result" and is_continuous(y.type.dtype):
            inputs = [
                OPS["cast"](x, y.type.dtype) if is_discrete(x.type.dtype) else x for x in inputs
            ]
        return self.partials(y, *inputs)

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        parts = type(self).partials
        if isinstance(parts, no_partials):
            return [[parts.connected] for _ in node.inputs]
        return super().connection_pattern(node)


#: The types of elementwise results by Op and types of inputs: asked for again and again, of them
#: alone, and dear to find out.
_MADE: dict[Any, Any] = {}
_MOST_MADE = 10_000


@cache
def _kind_of_all(dtypes: tuple[str, ...]) -> str:
    """NumPy's letter of the kind of the common dtype."""
    return np.dtype(upcast(*dtypes)).kind


class no_partials:
    """``partials = no_partials("why")`` for an Op whose output is locally constant.

    The derivative is zero where it exists; ``connected=False`` says that the output does not
    depend on the inputs' values at all.
    """

    def __init__(self, why: str, connected: bool = True):
        self.why = why
        self.connected = connected

    def __call__(self, y: Any, *inputs: Any) -> list[Any]:
        if not self.connected:
            return [None for _ in inputs]
        return [OPS["zeros_like"](x, dtype=_float_dtype(x)) for x in inputs]


def _float_dtype(x: Variable) -> str:
    return x.type.dtype if is_continuous(x.type.dtype) else config.floatX


def _broadcast(sizes: Sequence[Any]) -> Any:
    """The size of a dimension that all of ``sizes`` spread to; known numbers are preferred."""
    wide = [s for s in sizes if not (isinstance(s, int) and s == 1)]
    if not wide:
        return 1
    return next((s for s in wide if isinstance(s, int)), wide[0])


_KINDS = {
    "b": "bool",
    "i": "signed integers",
    "u": "unsigned integers",
    "f": "floats",
    "c": "complex numbers",
}


def _lift(v: Any, ndim: int) -> Any:
    """``v`` with dimensions of size 1 in front; a constant stays one, for printing and folding."""
    new = ndim - v.ndim
    if isinstance(v, TensorConstant):
        data = v.data.reshape((1,) * new + v.data.shape)
        return TensorConstant(TensorType(v.dtype, data.shape), data, v.name, v.literal)
    return OPS["dimshuffle"](v, ["x"] * new + list(range(v.ndim)))


class View(Declared, abstract=True):
    """An element of the output is one of an input at an index computed from the output's.

    Attributes
    ----------
    element : callable
        ``element(self, index, read, sizes)``: the output's element at ``index`` (a tuple of index
        expressions), where ``read(k, index)`` is an element of input ``k`` and ``sizes(k)`` its
        shape. Index expressions know ``+ - * // %`` and comparisons; ``read.choose(c, a, b)``
        chooses.
    """

    kind = "View"
    needs: ClassVar[dict[str, str]] = {
        "dtype": "the rule for its result's dtype, such as first",
        "sizes": "the rule for its result's shape",
        "element": "which element of an input stands at an index of the output",
        "pullback": "its adjoint, or a reason in no_derivative and Declared.pullback",
        "reference": "the same in NumPy",
        "samples": "what the tests feed it",
    }
    element: ClassVar[Any] = None
    pushforward = LINEAR
    #: Inputs that must lie in memory as one C-contiguous array, because they are read flat.
    flat_inputs: ClassVar[tuple[int, ...]] = ()
    #: Whether the output is input 0 in another shape, elements and their order the same.
    same_elements: ClassVar[bool] = False

    @property
    def takes_rows(self) -> bool:
        """Whether each ``output[i]`` is a row of input 0 as it lies there."""
        return False

    @property
    def turns_rows(self) -> bool:
        """Whether the output is input 0 with its rows from the last one to the first."""
        return False

    @property
    def takes_beginning(self) -> bool:
        """Whether the output's elements are the first ones of input 0 in C order."""
        return False


class Reduction(Declared, abstract=True):
    """Elements of an iteration space combined over some of its dimensions.

    Attributes
    ----------
    axes : tuple of int
        Which dimensions of the space are combined; the output has the others, in order.
    identity : callable
        ``identity(dtype)``: what a combination starts from.
    combine : callable
        ``combine(accumulated, element)``, a scalar template.
    element : callable
        ``element(self, index, read, sizes)`` as for a View, over the whole space; by default the
        element of the only input.
    better : callable or None
        For a position (argmax): ``better(element, best)`` says that the element replaces the best.
    nonempty : str or None
        The words of the error where there is nothing to combine and no identity.
    """

    kind = "Reduction"
    needs: ClassVar[dict[str, str]] = {
        "dtype": "the rule for its result's dtype, such as first",
        "identity": "what a combination starts from",
        "combine": "how two values are combined",
        "pullback": "its adjoint",
        "reference": "the same in NumPy",
        "samples": "what the tests feed it",
    }
    axes: tuple[int, ...] = ()
    identity: ClassVar[Any] = None
    combine: ClassVar[Any] = None
    better: ClassVar[Any] = None
    nonempty: ClassVar[str | None] = None

    def space(self, shapes: Sequence[tuple[Any, ...]], *inputs: Variable) -> tuple[Any, ...]:
        """The sizes of the whole iteration space."""
        return shapes[0]

    def element(self, index: tuple[Any, ...], read: Callable[..., Any], sizes: Any) -> Any:
        return read(0, index)

    def sizes(self, shapes: Sequence[tuple[Any, ...]], *inputs: Variable) -> Any:
        space = self.space(shapes, *inputs)
        return tuple(s for k, s in enumerate(space) if k not in self.axes)


class Scatter(Declared, abstract=True):
    """A copy of input 0 in which elements of input 1 are written or added at given places.

    Attributes
    ----------
    accumulate : bool
        Whether they are added; else the last one written to a place stays.
    region : callable
        ``region(self, shapes, *inputs)``: the shape of the part that is written, to which input 1
        spreads where its size is known to be 1.
    target : callable
        ``target(self, index, read, sizes)``: the place in the output for an index of the region.
    """

    kind = "Scatter"
    needs: ClassVar[dict[str, str]] = {
        "region": "the shape of the part that is written",
        "target": "where an element goes",
        "pullback": "its adjoint",
        "reference": "the same in NumPy",
        "samples": "what the tests feed it",
    }
    dtype: ClassVar[Any] = staticmethod(lambda *dtypes: dtypes[0])
    region: ClassVar[Any] = None
    target: ClassVar[Any] = None
    pushforward = LINEAR

    @property
    def accumulates(self) -> bool:
        """Whether elements are added."""
        raise NotImplementedError

    def sizes(self, shapes: Sequence[tuple[Any, ...]], *inputs: Variable) -> Any:
        return shapes[0]

    def same_sizes(
        self, shapes: Sequence[tuple[Any, ...]], *inputs: Variable
    ) -> list[tuple[Any, Any]]:
        region = self.region(shapes, *inputs)
        return [
            (r, s)
            for r, s in zip(region, shapes[1], strict=True)
            if not (isinstance(s, int) and s == 1)
        ]


class Block(Declared, abstract=True):
    """A function of whole C-contiguous arrays, repeated over leading dimensions.

    Attributes
    ----------
    signature : str
        The core dimensions in NumPy's gufunc notation, such as ``"(m,k),(k,n)->(m,n)"``. Inputs
        may have further dimensions in front, the same for all (`prepare` sees to it).
    template : callable
        ``template(*arrays, *static parameters)``: fresh arrays (or numbers for ``()``), from
        arrays that have exactly the core dimensions.
    into : callable, optional
        ``into(out, *arrays, *static parameters)``: the same, written to an array.
    over : int, optional
        Which array may be that one: each of its elements is read before any is written that
        depends on it. Its shape is that of the result.
    """

    kind = "Block"
    needs: ClassVar[dict[str, str]] = {
        "dtype": "the rule for its result's dtype, such as float_of",
        "signature": "the core dimensions, such as '(m,m)->(m,m)'",
        "template": "the function that Numba compiles",
        "pullback": "its adjoint, or a reason in no_derivative and Declared.pullback",
        "reference": "the same in NumPy",
        "samples": "what the tests feed it",
    }
    signature: ClassVar[str] = ""
    template: ClassVar[Any] = None
    into: ClassVar[Any] = None
    over: ClassVar[int | None] = None

    @classmethod
    def core(cls) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
        """The names of the core dimensions of inputs and outputs."""
        left, right = cls.signature.replace(" ", "").split("->")

        def side(text: str) -> list[tuple[str, ...]]:
            return [tuple(n for n in part.split(",") if n) for part in text[1:-1].split("),(")]

        return side(left), side(right)

    def argument_dtypes(self, inputs: Sequence[Variable], output: str) -> list[str]:
        """The dtype in which the template gets each array: the output's by default."""
        return [output] * len(inputs)

    def batch_ndim(self, *inputs: Variable) -> int:
        """How many leading dimensions the function is repeated over."""
        return inputs[0].type.ndim - len(self.core()[0][0])

    def prepare(self, *inputs: Any) -> list[Any]:
        variables = [as_tensor(x) for x in inputs]
        names = self.core()[0]
        if len(variables) != len(names):
            words = f"{len(names)} array{'s' * (len(names) != 1)}"
            raise TypeError(f"{self} takes {words}; got {len(variables)}")
        batch = 0
        for position, (v, core) in enumerate(zip(variables, names, strict=True)):
            if v.ndim < len(core):
                raise ValueError(
                    f"{self}: argument {position} must have at least {len(core)} dimensions; "
                    f"got {v.ndim}"
                )
            batch = max(batch, v.ndim - len(core))
        return OPS["broadcast_batches"](variables, [len(c) for c in names], batch)

    def sizes(self, shapes: Sequence[tuple[Any, ...]], *inputs: Variable) -> Any:
        ins, outs = self.core()
        batch = len(shapes[0]) - len(ins[0])
        found: dict[str, Any] = {}
        for shape, core in zip(shapes, ins, strict=True):
            for name, size in zip(core, shape[batch:], strict=True):
                if not isinstance(found.get(name), int):
                    found[name] = size if isinstance(size, int) else found.get(name, size)
        lead = tuple(_broadcast(s) for s in zip(*(s[:batch] for s in shapes), strict=True))
        made = [lead + tuple(found[name] for name in core) for core in outs]
        return made[0] if self.nout == 1 else made

    def same_sizes(
        self, shapes: Sequence[tuple[Any, ...]], *inputs: Variable
    ) -> list[tuple[Any, Any]]:
        ins, _ = self.core()
        batch = len(shapes[0]) - len(ins[0])
        pairs = [
            (sizes[0], s)
            for sizes in zip(*(s[:batch] for s in shapes), strict=True)
            for s in sizes[1:]
        ]
        found: dict[str, Any] = {}
        for shape, core in zip(shapes, ins, strict=True):
            for name, size in zip(core, shape[batch:], strict=True):
                if name in found:
                    pairs.append((found[name], size))
                found.setdefault(name, size)
        return pairs

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[Any]) -> None:
        """Apply the reference to each matrix (or vector) of a stack."""
        batch = self.batch_ndim(*node.inputs)
        if batch == 0:
            super().perform(node, inputs, output_storage)
            return
        lead = inputs[0].shape[:batch]
        results: list[Any] = [None] * self.nout
        for place in np.ndindex(*lead):
            with np.errstate(all="ignore"):
                made = type(self).reference(*(x[place] for x in inputs), *self.parameters())
            for k, value in enumerate([made] if self.nout == 1 else made):
                value = np.asarray(value, dtype=node.outputs[k].type.dtype)
                if results[k] is None:
                    results[k] = np.empty(lead + value.shape, value.dtype)
                results[k][place] = value
        for k, storage in enumerate(output_storage):
            if results[k] is None:  # nothing to repeat over: the core sizes come from the rule
                made = self.sizes([x.shape for x in inputs], *node.inputs)
                shape = made if self.nout == 1 else made[k]
                results[k] = np.empty(shape, node.outputs[k].type.dtype)
            storage[0] = results[k]
