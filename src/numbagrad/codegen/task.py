"""A task: one buffer's worth of work.

It is a store, a reduction, a scatter, a check, the call of a Block or of a user's Op, or a loop of
steps with tasks of its own inside.
"""

from __future__ import annotations

from typing import Any

from ..graph.basic import Apply, Variable
from ..graph.where import Line
from ..records import field, record
from .expression import Buffer, Expression

__all__ = ["Failure", "Task"]


@record(frozen=True)
class Failure:
    """What a failed check means, in the user's terms; ``loop`` is the node it lies in, if any."""

    error: type[Exception]
    message: str
    where: Line | None
    node: Apply | None
    loop: Apply | None = None


@record()
class Task:
    """One buffer's worth of work.

    Attributes
    ----------
    number : int
        Its place in the list.
    kind : {"store", "fill", "alias", "reduce", "position", "scatter", "check", "call", "into", ...}
        Also "loop" and "branch". A "call" makes its arrays, "into" is given the one it writes.
    axes : list of str
        The loop variables, outermost first.
    extents : dict
        The extent of each loop variable.
    targets : list of Buffer
        What it writes.
    index : tuple of Expression
        Where in the target.
    value : Expression or None
        The element; for a check the condition.
    reduced : frozenset of str
        The loop variables that are combined over.
    after : set of int
        Tasks that have to be finished, as a whole, before this one begins.
    arguments : list of Buffer or Expression
        What a call is given.
    inner : object
        For a loop what it repeats, with its ``tasks``.
    ordered : bool
        Whether its places have to be visited in the order of its axes.
    """

    number: int
    kind: str
    node: Apply | None
    targets: list[Buffer]
    axes: list[str] = field(default_factory=list)
    extents: dict[str, Expression] = field(default_factory=dict)
    index: tuple[Expression, ...] = ()
    value: Expression | None = None
    reduced: frozenset[str] = frozenset()
    after: set[int] = field(default_factory=set)
    arguments: list[Any] = field(default_factory=list)
    failure: int | None = None
    variable: Variable | None = None
    inner: Any = None
    ordered: bool = False

    @property
    def target(self) -> Buffer:
        """The only buffer that it writes."""
        return self.targets[0]

    def expressions(self) -> list[Expression]:
        """What it evaluates in its innermost loop."""
        return [e for e in (self.value, *self.index) if e is not None]

    def whole(self) -> list[Buffer]:
        """The arrays that it needs as a whole, or in an order of its own."""
        if self.inner is not None:
            found: list[Buffer] = self.inner.touched()
            return found
        return [a for a in self.arguments if isinstance(a, Buffer)]
