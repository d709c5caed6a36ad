"""Types: what values a variable may take. Tensors have their own file."""

from __future__ import annotations

from typing import Any

from .basic import Constant, Variable

__all__ = ["DisconnectedType", "NullType", "Type", "disconnected_type"]


class Type:
    """A set of values, and how to convert data into it.

    Subclasses implement `filter` and equality (with a hash to match).

    Attributes
    ----------
    variable_class, constant_class : type
        What variables and constants of this type are instances of.

    Examples
    --------
    >>> class Word(Type):
    ...     def filter(self, data, strict=False, allow_downcast=None):
    ...         if not isinstance(data, str):
    ...             raise TypeError(f"{data!r} is no word")
    ...         return data
    >>> Word()("w").name, Word().constant("hello").data, Word().is_valid_value(3)
    ('w', 'hello', False)
    """

    variable_class: type[Variable] = Variable
    constant_class: type[Constant] = Constant

    def filter(self, data: Any, strict: bool = False, allow_downcast: bool | None = None) -> Any:
        """Convert ``data`` into a value of this type.

        Parameters
        ----------
        data : object
            What the user passed.
        strict : bool
            Return ``data`` itself or raise.
        allow_downcast : bool, optional
            Whether precision may be lost. ``None`` allows it for a Python float that becomes a
            scalar of dtype floatX, and for nothing else.

        Raises
        ------
        TypeError
            If ``data`` can not become such a value.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how to filter values")

    def is_valid_value(self, data: Any) -> bool:
        """Whether ``data`` is already a value of this type."""
        try:
            self.filter(data, strict=True)
        except (TypeError, ValueError):
            return False
        return True

    def is_super(self, other: Type) -> bool:
        """Whether every value of ``other`` is a value of this type."""
        return self == other

    def make_variable(self, name: str | None = None) -> Variable:
        """A new variable of this type without an owner."""
        return self.variable_class(self, name=name)

    def __call__(self, name: str | None = None) -> Variable:
        return self.make_variable(name)

    def constant(self, data: Any, name: str | None = None) -> Constant:
        """A constant of this type.

        Raises
        ------
        TypeError
            If ``data`` can not become a value of this type.
        """
        return self.constant_class(self, data, name=name)

    make_constant = constant

    def convert_variable(self, variable: Variable) -> Variable | None:
        """A variable of this type and the same value, or ``None`` where there is none."""
        return variable if self.is_super(variable.type) else None

    def filter_variable(self, other: Any, allow_convert: bool = True) -> Variable:
        """``other``, a variable or data, as a variable of this type.

        Raises
        ------
        TypeError
            If that can not be done without loss.
        """
        if not isinstance(other, Variable):
            return self.constant(other)
        found = other if self.is_super(other.type) else None
        if found is None and allow_convert:
            found = self.convert_variable(other)
        if found is None:
            raise TypeError(
                f"A variable of type {self} is needed here; {other!r} is of type {other.type}. "
                "Convert it, for example with its astype method."
            )
        return found


class NullType(Type):
    """The type of a value that can not be computed, and the reason why.

    >>> NullType("not differentiable").filter(1.0)
    Traceback (most recent call last):
    ...
    TypeError: No value can be given to a variable of NullType: not differentiable
    """

    def __init__(self, why_null: str = "(no reason given)"):
        self.why_null = why_null

    def filter(self, data: Any, strict: bool = False, allow_downcast: bool | None = None) -> Any:
        raise TypeError(f"No value can be given to a variable of NullType: {self.why_null}")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return "NullType"


class DisconnectedType(Type):
    """The type of a gradient through which no path leads: a zero that knows why it is one."""

    def filter(self, data: Any, strict: bool = False, allow_downcast: bool | None = None) -> Any:
        raise TypeError("No value can be given to a variable of DisconnectedType")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return "DisconnectedType"


disconnected_type = DisconnectedType()
