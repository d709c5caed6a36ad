"""What a graph is, as the user gave it, in one text: equal only for graphs that become the same.

The text says all that can change what is printed or computed: Ops with their static parameters,
types, edges, names, the data of constants, the mode and the settings; with the package's files and
the versions it is the key of what became of the graph (see ``kept``). Positions stand for objects,
so a graph that is built again, in another process, has the same text. Whatever has no content that
can be told, such as an Op of the user's own, has none.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import cached_property
from types import FunctionType
from typing import Any

import numpy as np

from ..config import Settings, config
from ..graph.basic import Apply, Constant, Variable, toposort
from ..graph.frozen import FrozenGraph
from ..graph.generators import RandomGeneratorType
from ..graph.op import Op
from ..graph.registry import REPLACED
from ..graph.tensor import TensorConstant, TensorType
from .modes import Mode

__all__ = ["Identity", "identify"]

#: Arrays of more bytes than this all together are not read for a key.
_MOST_DATA = 2**28
#: Settings that change nothing about a function.
_NO_MATTER = frozenset(("on_unused_input", "cache", "cache_limit", "kept_memory"))


class _UntoldError(Exception):
    """An object whose content can not be told from another's."""


class Identity:
    """The text of a graph, and its constants in the order in which the text names them."""

    __slots__ = ("constants", "text")

    def __init__(self, text: str, constants: Sequence[Constant]):
        self.text = text
        self.constants = list(constants)


def identify(
    inputs: Sequence[Variable],
    outputs: Sequence[Variable],
    name: str | None,
    mode: Mode,
    strict: Sequence[bool],
    as_list: bool,
) -> Identity | None:
    """What `compile_graph` is given, as a text; None if something in it can not be told.

    Parameters
    ----------
    inputs, outputs, name, mode, strict, as_list
        As for `compile_graph`.

    Examples
    --------
    >>> from numbagrad import tensor
    >>> def text(power):
    ...     x = tensor.dvector("x")
    ...     return identify([x], [x**power], None, Mode(), [False], False).text
    >>> text(2) == text(2), text(2) == text(3)
    (True, False)
    """
    if REPLACED:  # rewriting looks Ops up by name
        return None
    settings = [
        (f.name, getattr(config, f.name)) for f in fields(Settings) if f.name not in _NO_MATTER
    ]
    level = (mode.linker, mode.optimize, mode.fastmath, mode.parallel)
    teller = _Teller()
    try:
        graph = teller.graph(inputs, outputs)
        row = (settings, level, name, [bool(s) for s in strict], bool(as_list), graph)
    except (_UntoldError, RecursionError):
        return None
    return Identity(repr((row, teller.told)), teller.constants)


class _Teller:
    """Gives objects of one kind and content one number, in the order in which they are met.

    ``told`` holds the contents; only numbers, texts and tuples of them come in, so that its
    ``repr`` says all of it.
    """

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.constants: list[Constant] = []
        self._number: dict[Any, int] = {}
        self._known: dict[int, int] = {}
        self._alive: list[Any] = []
        self._arrays: dict[int, int] = {}
        self._bytes = 0

    def _once(self, thing: Any, tell: Callable[[Any], Any]) -> int:
        """The number of a thing that may be met often."""
        number = self._known.get(id(thing))
        if number is None:
            content = tell(thing)
            number = self._number.get(content)
            if number is None:
                number = self._number[content] = len(self.told)
                self.told.append(content)
            self._known[id(thing)] = number
            self._alive.append(thing)
        return number

    # -- graphs ----------------------------------------------------------------------------

    def graph(self, inputs: Sequence[Variable], outputs: Sequence[Variable]) -> Any:
        """Leaves, then nodes each after those it needs, then which of them the outputs are."""
        place: dict[Variable, Any] = {}
        given = []
        for v in inputs:
            place[v] = len(place)
            given.append(self._variable(v))
        if len(place) != len(given):
            raise _UntoldError(inputs)
        steps = [self._step(node, place) for node in toposort(outputs, place)]
        return tuple(given), tuple(steps), tuple(self._place(v, place) for v in outputs)

    def _step(self, node: Apply, place: dict[Variable, Any]) -> Any:
        read = tuple([self._place(v, place) for v in node.inputs])
        made = []
        for v in node.outputs:
            if v not in place:  # it may be an input of the graph
                place[v] = len(place)
            made.append((place[v], *self._variable(v)))
        return self._once(node.op, self._op), read, tuple(made)

    def _place(self, v: Variable, place: dict[Variable, Any]) -> Any:
        found = place.get(v)
        if found is None:
            if not isinstance(v, Constant):
                raise _UntoldError(v)
            found = place[v] = ("constant", len(place), self._constant(v))
        return found

    def _variable(self, v: Variable) -> tuple[Any, ...]:
        if isinstance(v, Constant):
            raise _UntoldError(v)
        kind = v.__class__
        return self._once(kind, self._class), self._once(v.type, self._type), v.name

    def _constant(self, v: Constant) -> Any:
        if type(v) is not TensorConstant:
            raise _UntoldError(v)
        self.constants.append(v)
        # Constants that share an array are one to the rewriting, others of equal data need not be.
        first = self._arrays.setdefault(id(v.data), len(self._arrays))
        return self._once(v.type, self._type), v.name, v.literal, first, self._array(v.data)

    # -- what nodes are made of ------------------------------------------------------------

    def _type(self, kind: Any) -> Any:
        if type(kind) is TensorType:
            return "tensor", kind.dtype, kind.shape, kind.name
        if type(kind) is RandomGeneratorType:
            return ("generator",)
        raise _UntoldError(kind)

    def _class(self, kind: Any) -> Any:
        """A class of this package, of NumPy or of Python, by its name."""
        module, name = kind.__module__, kind.__qualname__
        if module.partition(".")[0] not in ("numbagrad", "numpy", "builtins"):
            raise _UntoldError(kind)
        if getattr(sys.modules.get(module), name, None) is not kind:
            raise _UntoldError(kind)
        return "class", module, name

    def _op(self, op: Op) -> Any:
        if op.__props__ is None or not type(op).__module__.startswith("numbagrad."):
            raise _UntoldError(op)
        names = dict.fromkeys([*op.__props__, *sorted(vars(op))])
        # What an Op remembers of its own work says nothing new.
        lasting = [n for n in names if not isinstance(getattr(type(op), n, None), cached_property)]
        props = tuple((name, self._value(getattr(op, name))) for name in lasting)
        return "op", self._class(type(op)), props

    def _value(self, value: Any) -> Any:
        kind = type(value)
        if value is None or kind in (bool, int, str, bytes):
            return kind.__name__, value
        if kind is float:
            return "float", value.hex()
        if kind is complex:
            return "complex", value.real.hex(), value.imag.hex()
        if kind in (tuple, list):
            return kind.__name__, tuple(self._value(item) for item in value)
        if kind in (set, frozenset):
            return kind.__name__, tuple(sorted(repr(self._value(item)) for item in value))
        if kind is dict:
            return "dict", tuple((self._value(k), self._value(v)) for k, v in value.items())
        if kind is slice:
            return "slice", self._value((value.start, value.stop, value.step))
        if kind is np.ndarray:
            return "array", self._array(value)
        if isinstance(value, np.generic):
            return "number", self._array(np.asarray(value))
        if isinstance(value, np.dtype):
            return "dtype", value.str
        return self._object(value)

    def _object(self, value: Any) -> Any:
        kind = type(value)
        if kind is FrozenGraph:
            return "graph", self._once(value, lambda g: self.graph(g.inputs, g.outputs))
        if isinstance(value, Op):
            return "op", self._once(value, self._op)
        if kind in (TensorType, RandomGeneratorType):
            return "type", self._once(value, self._type)
        if isinstance(value, type):
            return self._class(value)
        if kind is FunctionType and value.__closure__ is None:
            return self._function(value)
        if isinstance(value, tuple) and hasattr(kind, "_fields"):
            return self._class(kind), tuple(self._value(item) for item in value)
        raise _UntoldError(value)

    def _function(self, value: Any) -> Any:
        """One that this package defines, by its name."""
        module, name = value.__module__, value.__qualname__
        if not module.startswith("numbagrad."):
            raise _UntoldError(value)
        if getattr(sys.modules.get(module), name, None) is not value:
            raise _UntoldError(value)
        return "function", module, name

    def _array(self, data: np.ndarray) -> Any:
        if data.dtype.hasobject:
            raise _UntoldError(data)
        self._bytes += data.nbytes
        if self._bytes > _MOST_DATA:
            raise _UntoldError(data)
        whole = data.tobytes() if data.nbytes <= 64 else np.ascontiguousarray(data).data
        bits = whole.hex() if data.nbytes <= 64 else hashlib.sha256(whole).hexdigest()
        return data.dtype.str, data.shape, bits
