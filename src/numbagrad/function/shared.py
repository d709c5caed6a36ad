"""Shared variables: values that functions read without being passed them, and update."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy.random import Generator, RandomState

from ..config import config
from ..graph.basic import Variable
from ..graph.generators import RandomGeneratorVariable, copy_generator, random_generator_type
from ..graph.registry import OPS
from ..graph.tensor import TensorType, TensorVariable

__all__ = [
    "RandomGeneratorSharedVariable",
    "SharedVariable",
    "TensorSharedVariable",
    "new_shared_variables",
    "shared",
    "shared_rng",
]

_UNSET: Any = object()

#: Lists that receive each shared variable that is made.
_watchers: ContextVar[tuple[list[SharedVariable], ...]] = ContextVar("watchers", default=())


@contextmanager
def new_shared_variables() -> Iterator[list[SharedVariable]]:
    """The shared variables that are made within the block, such as the generators of draws.

    >>> with new_shared_variables() as made:
    ...     count = shared(0)
    >>> made == [count]
    True
    """
    made: list[SharedVariable] = []
    token = _watchers.set((*_watchers.get(), made))
    try:
        yield made
    finally:
        _watchers.reset(token)


class SharedVariable(Variable):
    """A variable whose value lives in a container that all functions share; `shared` makes one.

    Examples
    --------
    >>> from numbagrad import function
    >>> count = shared(0, name="count")
    >>> f = function([], count, updates={count: count + 1}, mode="reference")
    >>> f(), f()
    (array(0), array(1))
    >>> count.get_value()
    array(2)
    """

    __slots__ = ("container", "default_update")

    container: list[Any]
    default_update: Any

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.default_update = None
        for made in _watchers.get():
            made.append(self)

    def get_value(self, borrow: bool = False, return_internal_type: bool = False) -> Any:
        """The value: a copy, or with ``borrow`` the array itself."""
        value = self.container[0]
        return value if borrow else value.copy()

    def set_value(self, value: Any, borrow: bool = False) -> None:
        """Replace the value.

        Parameters
        ----------
        value : array_like
            A value of the variable's type; its sizes may differ from those before.
        borrow : bool
            Whether the array itself may be kept; whoever changes it later changes the value.

        Raises
        ------
        TypeError
            If the value is of another dtype or number of dimensions.
        """
        self.container[0] = _owned(self.type.filter(value, allow_downcast=None), value, borrow)

    def zero(self, borrow: bool = False) -> None:
        """Set every element to zero."""
        self.container[0] = np.zeros_like(self.container[0])

    def leaf_state(self) -> tuple[Any, tuple[Any, ...]]:
        return _restore, (type(self), self.type, self.container, self.name)

    def clone(self, name: str | None = None) -> SharedVariable:
        """A variable that shares the same container."""
        made = type(self)(self.type, name=name or self.name)
        made.container = self.container
        made.default_update = self.default_update
        return made


class TensorSharedVariable(SharedVariable, TensorVariable):
    """A shared tensor."""

    __slots__ = ()


class RandomGeneratorSharedVariable(SharedVariable, RandomGeneratorVariable):
    """A shared random number generator; `shared_rng` makes one.

    >>> import numpy as np
    >>> rng = shared_rng(seed=3)
    >>> rng.set_value(np.random.default_rng(5))
    >>> rng.set_value(seed=5)
    >>> rng.get_value().random() == np.random.default_rng(5).random()
    True
    """

    __slots__ = ()

    def get_value(self, borrow: bool = False, return_internal_type: bool = False) -> Generator:
        """The generator: a copy in its state, or with ``borrow`` the object that calls advance."""
        value: Generator = self.container[0]
        return value if borrow else copy_generator(value)

    def set_value(self, value: Any = None, borrow: bool = False, *, seed: Any = _UNSET) -> None:
        """Replace the generator.

        Parameters
        ----------
        value : numpy.random.Generator, optional
        borrow : bool
            Whether the object itself may be kept; calls advance it then.
        seed : optional
            Instead of ``value``: what ``numpy.random.default_rng`` is called with.

        Raises
        ------
        TypeError
            If ``value`` is no Generator.
        ValueError
            If both or neither is given.
        """
        self.container[0] = _generator(value, seed, borrow)

    def zero(self, borrow: bool = False) -> None:
        """Refused: a generator has no zero."""
        raise TypeError(f"{self!r} is a generator, which can not be set to zero")


def _generator(value: Any, seed: Any, borrow: bool) -> Generator:
    if (value is None) == (seed is _UNSET):
        raise ValueError("Give a Generator or a seed, one of the two")
    if value is None:
        return np.random.default_rng(seed)
    given = random_generator_type.filter(value)
    return given if borrow else copy_generator(given)


def shared_rng(
    value: Any = None, *, seed: Any = _UNSET, name: str | None = None, borrow: bool = False
) -> Any:
    """A shared variable that holds a random number generator.

    Parameters
    ----------
    value : numpy.random.Generator, optional
    seed : optional
        Instead of ``value``: what ``numpy.random.default_rng`` is called with; None takes chance
        from the operating system.
    name : str, optional
    borrow : bool
        Whether the Generator itself may be kept; calls advance it then.

    Raises
    ------
    TypeError
        If ``value`` is no Generator.
    ValueError
        If both or neither of ``value`` and ``seed`` are given.

    Examples
    --------
    >>> from numbagrad import function
    >>> rng = shared_rng(seed=153, name="rng")
    >>> next_rng, x = rng.normal()
    >>> f = function([], x, updates={rng: next_rng})
    >>> f(), f()
    (array(1.45769255), array(0.44383835))
    """
    made = RandomGeneratorSharedVariable(random_generator_type, name=name)
    made.default_update = None
    made.container = [_generator(value, seed, borrow)]
    return made


OPS["shared_rng"] = shared_rng


def _restore(
    class_: type[SharedVariable], type_: Any, container: list[Any], name: str | None
) -> SharedVariable:
    made = class_(type_, name=name)
    made.container = container
    made.default_update = None
    return made


def _owned(filtered: np.ndarray, given: Any, borrow: bool) -> np.ndarray:
    """An array that is contiguous, writeable and, unless borrowed, our own."""
    may_alias = isinstance(given, np.ndarray) and np.may_share_memory(filtered, given)
    if may_alias and not (borrow and filtered.flags.carray):
        return np.array(filtered, order="C")
    return filtered if filtered.flags.carray else np.array(filtered, order="C")


def shared(
    value: Any,
    name: str | None = None,
    strict: bool = False,
    allow_downcast: bool | None = None,
    borrow: bool = False,
    shape: tuple[int | None, ...] | None = None,
    **kwargs: Any,
) -> Any:
    """A shared variable with an initial value.

    Parameters
    ----------
    value : array_like or numpy.random.Generator
        Its dtype and number of dimensions are those of the variable.
    name : str, optional
    strict, allow_downcast
        As in ``TensorType.filter``.
    borrow : bool
        Whether the array itself may be kept.
    shape : tuple, optional
        Known sizes; by default none is, so that later values may be of any size.

    Raises
    ------
    TypeError
        If the value is symbolic or holds no numbers.

    Examples
    --------
    >>> w = shared([1.0, 2.0], name="w")
    >>> w.set_value(w.get_value() * 2)
    >>> w.get_value()
    array([2., 4.])
    """
    if isinstance(value, Variable):
        raise TypeError(
            f"The value of a shared variable can not be symbolic; got {value!r}. "
            "Use its .eval() or make the expression an update."
        )
    if isinstance(value, RandomState):
        raise TypeError("numpy.random.RandomState is not supported; use numpy.random.default_rng")
    if isinstance(value, Generator):
        made = shared_rng(value, name=name, borrow=borrow)
        made.default_update = kwargs.get("default_update")
        return made
    array = np.asarray(value)
    if type(value) is float:
        array = array.astype(config.floatX)
    type_ = TensorType(array.dtype, (None,) * array.ndim if shape is None else shape)
    made = TensorSharedVariable(type_, name=name)
    made.default_update = kwargs.pop("default_update", None)
    if (kwargs.pop("broadcastable", None) or kwargs) and kwargs:
        raise TypeError(f"shared does not know the arguments {', '.join(kwargs)}")
    filtered = type_.filter(array, strict=strict, allow_downcast=allow_downcast)
    made.container = [_owned(filtered, value, borrow)]
    return made
