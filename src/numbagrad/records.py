"""Classes of a few named fields: dataclasses whose definition costs next to nothing.

`dataclasses.dataclass` writes and compiles up to six methods for each class when it is defined,
which was a quarter of the time of ``import numbagrad``. Here all methods but ``__init__`` are
shared, and that one is compiled when the first instance is made. Classes that users make
themselves, `Mode` among them, stay dataclasses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform

__all__ = ["field", "record", "replace"]

T = TypeVar("T")


class _Fresh:
    """Stands for a default that is made anew for each instance."""

    def __init__(self, make: Callable[[], Any]):
        self.make = make


def field(*, default_factory: Callable[[], T]) -> T:
    """A field whose default is made for each instance, such as an empty list."""
    made: Any = _Fresh(default_factory)
    return made


@dataclass_transform(field_specifiers=(field,))
def record(*, frozen: bool = False, eq: bool = True) -> Callable[[type[T]], type[T]]:
    """Give a class what a dataclass has: its annotations are its fields.

    A record inherits no fields. Fields that begin with ``_`` are not printed.

    Parameters
    ----------
    frozen : bool
        Whether fields can not be set once they are made.
    eq : bool
        Whether records with equal fields are equal; frozen ones have a hash then.

    Examples
    --------
    >>> @record(frozen=True)
    ... class Point:
    ...     x: float
    ...     y: float = 0.0
    >>> Point(1.0)
    Point(x=1.0, y=0.0)
    >>> Point(1.0) == replace(Point(1.0, y=2.0), y=0.0)
    True
    """

    def decorate(cls: type[T]) -> type[T]:
        given = vars(cls)
        methods: dict[str, Any] = {"__repr__": _repr}
        if eq:
            methods |= {"__eq__": _eq, "__hash__": _hash if frozen else None}
        if frozen:
            methods |= {"__setattr__": _refuse, "__delattr__": _refuse}
        methods["__match_args__"] = tuple(given.get("__annotations__") or cls.__annotations__)
        for name, method in methods.items():
            if name not in given:
                setattr(cls, name, method)
        setattr(cls, "__init__", _init_later(cls, frozen))  # noqa: B010, mypy refuses the other way
        return cls

    return decorate


def replace(instance: T, **changes: Any) -> T:
    """The same record with other values in some fields."""
    return type(instance)(**{name: getattr(instance, name) for name in _names(instance)} | changes)


def _init_later(cls: Any, frozen: bool) -> Callable[..., None]:
    """An ``__init__`` that puts the real one in its place when it is first called."""

    def __init__(self: Any, *values: Any, **named: Any) -> None:
        cls.__init__ = _init(cls, frozen)
        cls.__init__(self, *values, **named)

    return __init__


def _init(cls: Any, frozen: bool) -> Any:
    """The ``__init__`` that a person would write, with defaults in a namespace of its own."""
    scope: dict[str, Any] = {"put": object.__setattr__}
    parameters, lines = ["self"], []
    for name in cls.__match_args__:
        default = vars(cls).get(name, scope)
        parameters.append(name if default is scope else f"{name}=default_{name}")
        scope[f"default_{name}"] = default
        if isinstance(default, _Fresh):
            scope[f"make_{name}"] = default.make
            lines.append(f"if {name} is default_{name}: {name} = make_{name}()")
        lines.append(f"put(self, {name!r}, {name})" if frozen else f"self.{name} = {name}")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    exec(f"def __init__({', '.join(parameters)}):\n " + "\n ".join(lines), scope)
    made = scope["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made


def _names(instance: Any) -> tuple[str, ...]:
    names: tuple[str, ...] = type(instance).__match_args__
    return names


def _values(instance: Any) -> list[Any]:
    return [getattr(instance, name) for name in _names(instance)]


def _repr(self: Any) -> str:
    shown = (f"{n}={getattr(self, n)!r}" for n in _names(self) if not n.startswith("_"))
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _eq(self: Any, other: object) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    return _values(self) == _values(other)


def _hash(self: Any) -> int:
    return hash(tuple(_values(self)))


def _refuse(self: Any, name: str, *value: Any) -> None:
    raise AttributeError(f"{type(self).__qualname__}.{name} can not be changed: it is frozen")
