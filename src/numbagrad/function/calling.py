"""Calls of a function: arguments by position and name, results, updates, ``out``.

The common case is machine code itself, or a printed Python function around it; `Calling` does what
is left over: keywords, defaults, conversions, and results that are written into given arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, ShapeError
from ..graph.tensor import TensorType
from ..jit.runtime import FAILED_GIVEN
from .generators import is_generator
from .io import In
from .wrapper import (
    array_like_compiled,
    failure,
    fitting,
    make_converter,
    print_call,
    print_wrapper,
    refuse,
)

if TYPE_CHECKING:
    from .function import Maker

__all__ = ["Calling", "label_of"]


class OtherShapeError(Exception):
    """An array for a result has another shape than the result; nothing outside sees it."""


class Calling:
    """How a function is called.

    Parameters
    ----------
    maker : Maker
    explain : callable
        ``explain(error, arguments)`` gives the exception to raise instead.
    title : str
        How errors name the function.

    Attributes
    ----------
    quick : callable
        The function as the user calls it.
    defaults : list
        The present default value of each input, None for one without.
    constants : list of ndarray
        What compiled code takes behind everything else.
    """

    def __init__(self, maker: Maker, explain: Callable[..., Exception], title: str):
        compiled = maker.compiled
        built = compiled.built
        enter = built.enter if built is not None else None
        self.maker = maker
        self.explain = explain
        self.title = title
        self.positions: dict[str | None, list[int]] = {}
        for k, spec in enumerate(maker.inputs):
            self.positions.setdefault(spec.name, []).append(k)
        #: No keyword stands for two inputs.
        self.names: list[Any] = [
            s.name if len(self.positions[s.name]) == 1 else None for s in maker.inputs
        ]
        self.takes_out = "out" not in self.positions
        self.converters = [
            make_converter(
                s.variable.type, label_of(k, s), s.strict, s.allow_downcast, enter is not None
            )
            for k, s in enumerate(maker.inputs)
        ]
        self.constants = [_frozen(c) for c in compiled.constants]
        self.defaults = [s.value for s in maker.inputs]
        #: What compiled code takes behind the arguments: lists whose only item is an array, arrays.
        self.hidden: list[Any] = [*(v.container for v in maker.shared), *self.constants]
        self.exact: Any = None
        plan = maker.plan_generators()
        if enter is not None and plan is None:
            self.exact = enter(refuse, self._failed)
            self.core = enter(self._converted, self._failed)
        else:
            self.core = self._wrapped(plan)
        self.quick, self.deliver = self._make(enter)

    def _make(self, enter: Any) -> tuple[Any, Any]:
        maker = self.maker
        lend, borrowed = None, sorted(maker.borrowed) if self.exact is not None else []
        if borrowed:
            lend = enter(self._lent, self._failed)
        quick, deliver = print_call(
            len(maker.inputs),
            self.hidden if self.exact is not None else [],
            self.core,
            self.otherwise,
            maker,
            self.defaults,
            (lend, borrowed, OtherShapeError),
        )
        further = maker.extra or maker.sparse or isinstance(maker.result, list)
        defaults = any(d is not None for d in self.defaults)
        if self.exact is not None and not (self.hidden or borrowed or further or defaults):
            quick = enter(self.otherwise, self._failed)
        return quick, deliver

    def _wrapped(self, plan: Any) -> Any:
        """What calls code that has no entry of ours, or more than one piece."""
        maker, compiled = self.maker, self.maker.compiled
        results = [
            ("generator" if is_generator(v) else v.type.dtype, v.type.ndim)
            for v in maker.unoptimized
        ]
        core, finished = compiled.called
        hidden = [
            *(_reader(v) for v in maker.shared),
            *(None for _ in compiled.copies),
            *self.constants,
        ]
        return print_wrapper(
            [s.variable.type for s in maker.inputs],
            self.converters,
            [s.strict for s in maker.inputs],
            results,
            core,
            hidden,
            self.explain,
            "single" if maker.plain else "list",
            plan,
            finished,
        )

    def _failed(self, status: int, pickled: bytes | None, *args: Any) -> Any:
        """Called by machine code that ended with a status other than 0."""
        if status == FAILED_GIVEN:
            raise OtherShapeError
        error = failure(status, pickled)
        raise self.explain(error, args[: len(self.converters)]) from None

    # -- arguments -------------------------------------------------------------------------

    def otherwise(self, *args: Any, **keywords: Any) -> Any:
        """A call that is not the common case."""
        if not keywords and len(args) == len(self.names):
            return self._converted(*args)
        out = keywords.pop("out", None) if self.takes_out else None
        try:
            bound = [*args, *[keywords[name] for name in self.names[len(args) :]]]
        except KeyError:
            bound = []
        if len(bound) != len(args) + len(keywords) or len(bound) != len(self.names):
            bound = self.bind(args, keywords)
        return self.quick(*bound) if out is None else self._into(bound, out)

    def bind(self, args: Sequence[Any], keywords: Mapping[str, Any]) -> list[Any]:
        """The arguments in order, from positions, keywords and defaults."""
        specs = self.maker.inputs
        if len(args) > len(specs):
            words = f"{len(specs)} argument{'s' * (len(specs) != 1)}"
            raise InputError(f"{self.title} takes {words} ({self._names()}); got {len(args)}")
        bound: list[Any] = [*args, *self.defaults[len(args) :]]
        for key, value in keywords.items():
            positions = self.positions.get(key, ())
            if len(positions) != 1:
                what = "no" if not positions else "more than one"
                takes = self._names()
                raise InputError(f"{self.title} has {what} input named {key!r}; it takes {takes}")
            if positions[0] < len(args):
                raise InputError(f"{self.title} got two values for its input {key!r}")
            bound[positions[0]] = value
        for k in range(len(args), len(specs)):
            if bound[k] is self.defaults[k] and hasattr(bound[k], "get_value"):
                bound[k] = bound[k].get_value()
        missing = [
            label_of(k, s)
            for k, s in enumerate(specs)
            if k >= len(args) and s.name not in keywords and self.defaults[k] is None
        ]
        if missing:
            names = ", ".join(missing)
            raise InputError(f"{self.title} lacks a value for {names}; it takes {self._names()}")
        return bound

    def _names(self) -> str:
        return ", ".join(s.name or "an unnamed one" for s in self.maker.inputs) or "no inputs"

    def _converted(self, *values: Any) -> Any:
        """Call compiled code with arguments, hidden ones and places that it would not take."""
        given = self._fitting(values)
        places = values[len(given) :]
        if not places:
            return self.exact(*given)
        views, apart = self._checked(places, given)
        if not apart:
            return self._copied(self.exact(*given), places)
        made = self.exact(*given, *views)
        if self.maker.plain:
            return places[0]
        return [m if p is None else p for m, p in zip(made, places, strict=True)]

    def _fitting(self, values: Sequence[Any]) -> list[Any]:
        count = len(self.converters)
        given = [convert(v) for convert, v in zip(self.converters, values, strict=False)]
        return given + [fitting(v) for v in values[count : count + len(self.hidden)]]

    # -- results in given arrays -----------------------------------------------------------

    def _into(self, args: Sequence[Any], out: Any) -> Any:
        """A call that leaves results in the arrays of ``out``."""
        places = [out] if self.maker.plain else self._places(out)
        if self.exact is None:
            self._checked(places, [])
            return self.deliver(self._copied(self.core(*args), places))
        given = args
        if self.hidden:
            given = [*args, *(h[0] if isinstance(h, list) else h for h in self.hidden)]
        try:
            made = self.core(*given, *places)
        except OtherShapeError:
            # Which one does not fit is told by the results themselves.
            made = self._copied(self.core(*given), places)
        return self.deliver(made)

    def _places(self, out: Any) -> list[Any]:
        """For each result of compiled code the array that ``out`` names, or None."""
        maker = self.maker
        count = len(maker.unoptimized) - maker.extra
        if maker.result == "single":
            places = [out]
        elif isinstance(maker.result, list):
            if not isinstance(out, Mapping):
                raise InputError(f"{self.title} returns a dict; out must be one, got {out!r}")
            unknown = [key for key in out if key not in maker.result]
            if unknown:
                raise InputError(f"out has {unknown[0]!r}, which is no output of {self.title}")
            places = [out.get(key) for key in maker.result]
        else:
            if not isinstance(out, (list, tuple)) or len(out) != count:
                raise InputError(
                    f"{self.title} returns a list of {count}; out must be a list of as many arrays "
                    f"(or None, for a new one), got {out!r}"
                )
            places = list(out)
        return [*places, *[None] * maker.extra]

    def _checked(
        self, places: Sequence[Any], given: Sequence[Any]
    ) -> tuple[list[np.ndarray | None], bool]:
        """The places as plain arrays, and whether none overlaps an argument.

        Raises
        ------
        InputError
            If one is no array that the result can be written into.
        """
        views: list[np.ndarray | None] = []
        for k, place in enumerate(places):
            views.append(None if place is None else self._view(k, place))
        rows = [(k, view) for k, view in enumerate(views) if view is not None]
        for k, view in rows:
            for j, other in rows:
                if j < k and np.may_share_memory(view, other):
                    raise InputError(
                        f"The arrays given as out for {self._output(j)} and {self._output(k)} "
                        "overlap; each result needs memory of its own"
                    )
            for variable in self.maker.shared:
                value = variable.container[0]
                if isinstance(value, np.ndarray) and np.may_share_memory(view, value):
                    raise InputError(
                        f"The array given as out for {self._output(k)} is the value of the shared "
                        f"variable {variable!r}; to change that, make the expression an update"
                    )
        arguments = [a for a in given[: len(self.converters)] if isinstance(a, np.ndarray)]
        apart = not any(np.may_share_memory(view, a) for _, view in rows for a in arguments)
        return views, apart

    def _view(self, k: int, place: Any) -> np.ndarray:
        """What compiled code writes into."""
        type_ = self.maker.unoptimized[k].type
        wrong = ""
        if not isinstance(type_, TensorType) or k in self.maker.sparse:
            wrong = "must be None: its result is no array"
        elif not isinstance(place, np.ndarray):
            wrong = f"must be an ndarray or None; got {type(place).__name__}"
        elif place.dtype != np.dtype(type_.dtype):
            wrong = f"has dtype {place.dtype}; the result has dtype {type_.dtype}"
        elif place.ndim != type_.ndim:
            wrong = f"has {place.ndim} dimensions; the result has {type_.ndim}"
        elif not place.flags.carray:
            lacks = "read-only" if not place.flags.writeable else "not C-contiguous and aligned"
            wrong = f"is {lacks}; pass an array as numpy.empty makes it"
        if wrong:
            raise InputError(f"The array given as out for {self._output(k)} {wrong}")
        view: np.ndarray = place.view(np.ndarray)
        own = np.dtype(type_.dtype)
        return view if view.dtype.num == own.num else view.view(own)

    def _copied(self, made: Any, places: Sequence[Any]) -> Any:
        """Results that were made apart, copied to their places."""
        results = [made] if self.maker.plain else list(made)
        for k, (result, place) in enumerate(zip(results, places, strict=True)):
            if place is not None and place.shape != result.shape:
                raise ShapeError(
                    f"The array given as out for {self._output(k)} has shape {place.shape}; the "
                    f"result has shape {result.shape}. Pass an array of that shape, or None."
                )
        for k, place in enumerate(places):
            if place is not None:
                place[...] = results[k]
                results[k] = place
        return results[0] if self.maker.plain else results

    def _output(self, k: int) -> str:
        result = self.maker.result
        if isinstance(result, list):
            return f"output {result[k]!r}"
        name = self.maker.unoptimized[k].name
        return f"output {k} ({name})" if name else f"output {k}"

    def _lent(self, *values: Any) -> Any:
        """Call compiled code with places of results before, where they can serve again."""
        given = self._fitting(values)
        arrays = [a for a in given if isinstance(a, np.ndarray)]
        places = [
            p
            if p is not None
            and p.flags.carray
            and not any(np.may_share_memory(p, array) for array in arrays)
            else None
            for p in values[len(given) :]
        ]
        return self.exact(*given, *places)


def label_of(position: int, spec: In) -> str:
    """How errors name an input."""
    return f"input {position} ({spec.name})" if spec.name else f"input {position}"


def _frozen(array: np.ndarray) -> np.ndarray:
    """A constant as compiled code takes it: contiguous and read-only."""
    made = np.array(array, order="C")
    made.setflags(write=False)
    return made


def _reader(variable: Any) -> Any:
    """What fetches a shared value at each call."""
    container = variable.container
    if variable.type.ndim == 0 and not is_generator(variable):
        return lambda: array_like_compiled(container[0])
    return lambda: container[0]
