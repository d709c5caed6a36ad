"""Shared variables: values that functions read without being passed them, and update."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from ..config import config
from ..graph.basic import Variable
from ..graph.tensor import TensorType, TensorVariable

__all__ = ["SharedVariable", "TensorSharedVariable", "new_shared_variables", "shared"]

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
    value : array_like
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
