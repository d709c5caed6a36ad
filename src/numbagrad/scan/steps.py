"""How many steps a loop makes, and the parts of its sequences that they take.

Whatever is not known when the loop is built is checked when it runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..graph.basic import Variable
from ..graph.registry import OPS
from ..ops.indexing import part
from ..ops.requirements import required
from ..ops.sizes import as_length, size_at
from .arguments import Source, complaint

__all__ = ["Length", "elements_of", "number_of_steps", "takes_all"]

#: An int where it is known, else an int64 scalar variable.
Length = Any


def number_of_steps(n_steps: Any, sources: Sequence[Source], ends: bool) -> Length:
    """How many steps the loop makes, at most if it ``ends`` by a condition.

    Raises
    ------
    TypeError
        If ``n_steps`` is no integer scalar.
    ValueError
        If neither ``n_steps`` nor a sequence says it, or it is negative.
    ShapeError
        If sequences are known to be of different lengths, or too short.
    """
    if n_steps is None:
        return _from_sequences(sources, ends)
    try:
        n = as_length(n_steps, "n_steps")
    except TypeError as error:
        raise TypeError(complaint(str(error))) from None
    if isinstance(n, int) and n < 0:
        raise ValueError(complaint(f"n_steps must not be negative; got {n}"))
    if sources and not any(_same(n, steps_of(s)) for s in sources):
        # Before a sequence is cut to that length; a Scan checks it as well.
        n = required(n, ">=", 0, "n_steps must not be negative")
    for source in sources:
        n = _bounded(n, source)
    return n


def steps_of(source: Source) -> Length:
    """For how many steps there are elements; a negative number for too short a sequence."""
    size = size_at(source.array, 0)
    if not source.reach:
        return size
    return size - source.reach if isinstance(size, int) else OPS["sub"](size, source.reach)


def _from_sequences(sources: Sequence[Source], ends: bool) -> Length:
    if not sources:
        words = (
            "A loop that until(...) ends needs an upper bound of its steps: give n_steps, too"
            if ends
            else "Nothing says how many steps the loop makes: give n_steps or a sequence"
        )
        raise ValueError(complaint(words))
    # The length that is known best decides; the others have to be the same.
    known = [s for s in sources if isinstance(steps_of(s), int)]
    first = (known or [s for s in sources if not s.reach] or list(sources))[0]
    n = steps_of(first)
    if first.reach:
        words = f"The taps {first.taps} of {first.label} need {first.reach} elements at least"
        n = required(n, ">=", 0, words if isinstance(n, Variable) else complaint(words))
    for source in sources:
        other = steps_of(source)
        if source is first or (not source.reach and isinstance(other, Variable)):
            continue  # a Scan compares the sizes of whole sequences itself
        words = (
            f"{first.label} has elements for {_shown(n)} steps, {source.label} for {_shown(other)}"
            if not isinstance(other, Variable)
            else f"{first.label} and {source.label} (with taps {source.taps}) have elements for "
            "different numbers of steps"
        )
        words += "; a loop takes all of each, or the first n_steps"
        n = required(n, "==", other, words if isinstance(other, Variable) else complaint(words))
    return n


def _bounded(n: Length, source: Source) -> Length:
    have = steps_of(source)
    if _same(n, have):
        return n
    known = isinstance(n, int) and isinstance(have, int)
    numbers = f" ({n} steps, elements for {have})" if known else ""
    taps = f" with taps {source.taps}" if source.reach else ""
    words = f"n_steps is more than there are elements of {source.label}{taps}{numbers}"
    return required(n, "<=", have, complaint(words) if known else words)


def takes_all(n_steps: Any, source: Source) -> bool:
    """Whether the user's number of steps is that of the sequence's elements, or not given."""
    return n_steps is None or _same(as_length(n_steps, "n_steps"), steps_of(source))


def elements_of(source: Source, n: Length, backwards: bool, whole: bool) -> list[Any]:
    """For each tap the array whose element ``t`` the step ``t`` takes: a view of the sequence.

    ``whole`` says that the loop takes all there is, so that nothing has to be cut off.
    """
    have = steps_of(source)
    if whole and not source.reach:
        return [source.array[::-1] if backwards else source.array]
    skipped: Length = 0
    if backwards and not whole:
        known = isinstance(n, int) and isinstance(have, int)
        skipped = have - n if known else OPS["sub"](have, n)
    made = []
    for tap in source.taps:
        start = skipped + (tap + source.back) if isinstance(skipped, int) else skipped
        if isinstance(start, Variable) and tap + source.back:
            start = OPS["add"](start, tap + source.back)
        elements = part(source.array, 0, start, n)
        made.append(elements[::-1] if backwards else elements)
    return made


def _same(a: Length, b: Length) -> bool:
    """Whether two lengths are the same for certain."""
    if a is b:
        return True
    if isinstance(a, int) or isinstance(b, int):
        return isinstance(a, int) and isinstance(b, int) and a == b
    one, two = a.owner, b.owner
    return (
        one is not None
        and two is not None
        and one.op == two.op
        and getattr(one.op, "kind", None) == "Size"
        and one.inputs[0] is two.inputs[0]
    )


def _shown(n: Length) -> str:
    return str(n) if isinstance(n, int) else "another number of"
