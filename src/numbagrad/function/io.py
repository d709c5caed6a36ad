"""In and Out: inputs and outputs of ``function`` with more said about them."""

from __future__ import annotations

from typing import Any

from ..graph.basic import Variable

__all__ = ["In", "Out"]


class In:
    """An input with a name, a default value or a rule for conversion.

    Parameters
    ----------
    variable : Variable
    name : str, optional
        The keyword; the variable's name by default.
    value : array_like or shared variable, optional
        The value used when the caller passes none.
    update : Variable, optional
        The next default value, computed by each call.
    mutable : bool
        Accepted for Theano's sake; inputs are never written.
    strict : bool
        Whether to take only an ndarray of exactly the right dtype.
    allow_downcast : bool, optional
        Whether precision may be lost; see ``TensorType.filter``.

    Raises
    ------
    TypeError
        If ``variable`` or ``update`` is no variable.

    Examples
    --------
    >>> from numbagrad import function, tensor
    >>> x, total = tensor.dscalars("x", "total")
    >>> f = function([x, In(total, value=0.0, update=total + x)], total, mode="reference")
    >>> f(1.0), f(2.0), f(3.0)
    (array(0.), array(1.), array(3.))
    """

    def __init__(
        self,
        variable: Variable,
        name: str | None = None,
        value: Any = None,
        update: Variable | None = None,
        mutable: bool = False,
        strict: bool = False,
        allow_downcast: bool | None = None,
        borrow: bool | None = None,
        implicit: bool | None = None,
    ):
        if not isinstance(variable, Variable):
            raise TypeError(f"In takes a symbolic variable; got {variable!r}")
        if update is not None and not isinstance(update, Variable):
            raise TypeError(f"The update of an In must be a symbolic variable; got {update!r}")
        self.variable = variable
        self.name = variable.name if name is None else name
        self.value = value
        self.update = update
        self.mutable = mutable
        self.strict = strict
        self.allow_downcast = allow_downcast
        self.borrow = borrow
        self.implicit = implicit

    def __repr__(self) -> str:
        return f"In({self.variable!r}, name={self.name!r})"


class Out:
    """An output; with ``borrow`` its array belongs to the function, which uses it again.

    Parameters
    ----------
    variable : Variable
    borrow : bool
        Whether the next call of the function may write its result into the array that this call
        returns: a loop with large results then allocates nothing. Whoever still needs a result
        after the next call copies it. The array is never used again while its sizes differ, while
        it overlaps an argument, or by two threads at once; code that Numba compiles never does. By
        default each result is new.

    Examples
    --------
    >>> from numbagrad import function, tensor
    >>> x = tensor.dvector("x")
    >>> f = function([x], Out(x + 1, borrow=True))
    >>> kept = f([1.0, 2.0]).copy()
    >>> f([5.0, 6.0]) - kept
    array([4., 4.])
    """

    def __init__(self, variable: Variable, borrow: bool = False):
        self.variable = variable
        self.borrow = borrow

    def __repr__(self) -> str:
        return f"Out({self.variable!r})"
