"""Walks over graphs, none of them recursive: a chain of any length is fine.

Also clone and replace, which are walks that build.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from .basic import Apply, Constant, Variable, toposort

__all__ = [
    "ancestors",
    "apply_ancestors",
    "clone",
    "clone_replace",
    "depends_on",
    "equal_computations",
    "explicit_graph_inputs",
    "graph_inputs",
    "graph_replace",
    "io_toposort",
    "rebuild_graph",
    "toposort",
    "vars_between",
]


def io_toposort(inputs: Collection[Variable], outputs: Iterable[Variable]) -> list[Apply]:
    """PyTensor's spelling of `toposort`."""
    return toposort(outputs, inputs)


def ancestors(
    outputs: Iterable[Variable], blockers: Collection[Variable] = ()
) -> Iterator[Variable]:
    """Every variable that ``outputs`` depend on, themselves included, once."""
    blocked = set(blockers)
    seen: set[Variable] = set()
    stack = list(outputs)[::-1]
    while stack:
        variable = stack.pop()
        if variable in seen:
            continue
        seen.add(variable)
        yield variable
        if variable.owner is not None and variable not in blocked:
            stack.extend(reversed(variable.owner.inputs))


def apply_ancestors(
    outputs: Iterable[Variable], blockers: Collection[Variable] = ()
) -> Iterator[Apply]:
    """Every node that ``outputs`` depend on, once."""
    yield from toposort(outputs, blockers)


def graph_inputs(
    outputs: Iterable[Variable], blockers: Collection[Variable] = ()
) -> Iterator[Variable]:
    """The variables without an owner, constants included, that ``outputs`` depend on."""
    blocked = set(blockers)
    for variable in ancestors(outputs, blocked):
        if variable.owner is None or variable in blocked:
            yield variable


def explicit_graph_inputs(outputs: Iterable[Variable]) -> Iterator[Variable]:
    """The variables without an owner or a value that ``outputs`` depend on."""
    if isinstance(outputs, Variable):
        outputs = [outputs]
    for variable in graph_inputs(outputs):
        if not isinstance(variable, Constant) and not hasattr(variable, "get_value"):
            yield variable


def vars_between(inputs: Collection[Variable], outputs: Iterable[Variable]) -> Iterator[Variable]:
    """Every variable from ``inputs`` to ``outputs``."""
    yield from ancestors(outputs, inputs)


def depends_on(outputs: Iterable[Variable], wanted: Collection[Variable]) -> bool:
    """Whether any of ``wanted`` is among the ancestors of ``outputs``."""
    sought = set(wanted)
    return any(v in sought for v in ancestors(outputs))


def rebuild_graph(
    outputs: Sequence[Variable],
    memo: dict[Variable, Variable],
    make: Callable[[Apply, list[Variable]], Sequence[Variable]] | None = None,
) -> list[Variable]:
    """Build ``outputs`` anew over the substitutions in ``memo``, which receives all that is met.

    A node none of whose inputs changed is kept as it is, unless ``make`` decides otherwise.
    """
    for node in toposort(outputs, memo):
        if all(v in memo for v in node.outputs):
            continue
        inputs = [memo.get(v, v) for v in node.inputs]
        if make is not None:
            made: Sequence[Variable] = make(node, inputs)
        elif all(a is b for a, b in zip(inputs, node.inputs, strict=True)):
            made = node.outputs
        else:
            made = node.clone_with_new_inputs(inputs).outputs
        for old, new in zip(node.outputs, made, strict=True):
            memo.setdefault(old, new)
    return [memo.get(v, v) for v in outputs]


def clone(
    inputs: Sequence[Variable], outputs: Sequence[Variable], copy_inputs: bool = True
) -> tuple[list[Variable], list[Variable]]:
    """A copy of the graph from ``inputs`` to ``outputs``."""
    memo = {v: (v.clone() if copy_inputs else v) for v in inputs}
    made = rebuild_graph(outputs, memo, lambda node, new: node.clone_with_new_inputs(new).outputs)
    return [memo[v] for v in inputs], made


def clone_replace(
    output: Any,
    replace: Mapping[Variable, Any] | Iterable[tuple[Variable, Any]] | None = None,
    rebuild_strict: bool = True,
    share_inputs: bool = True,
    copy_inputs: bool = False,
    **further: Any,
) -> Any:
    """``output`` with other variables in the place of some.

    Parameters
    ----------
    output : Variable, or list, tuple or dict of Variable
    replace : mapping or list of pairs
        What to replace, by what. A replacement is cast to the type it stands in for if that is
        possible without loss.
    rebuild_strict : bool
        Whether a replacement has to fit. Otherwise it may be of any type with which what uses it
        can be built again. Theano's ``strict`` is the same.
    share_inputs : bool
        Whether the result is a graph over the same inputs. If not, or with ``copy_inputs``, each
        input that has no value of its own is a new variable; PyTensor's ``copy_inputs_over`` is
        the same as ``share_inputs``.

    Raises
    ------
    TypeError
        If a replacement is of a type that does not fit, or an argument is none of these.

    Examples
    --------
    >>> from numbagrad import pp, tensor
    >>> x, y = tensor.dscalars("x", "y")
    >>> pp(clone_replace(x**2 + 1, {x: y * 3}))
    '(((y * 3) ** 2) + 1)'
    """
    rebuild_strict = further.pop("strict", rebuild_strict)
    share_inputs = further.pop("copy_inputs_over", share_inputs) and not copy_inputs
    if further:
        raise TypeError(f"clone_replace does not know the arguments {', '.join(further)}")
    outputs = _listed(output)
    memo: dict[Variable, Variable] = {}
    for old, new in dict(replace or {}).items():
        memo[old] = _fitting(old, new, rebuild_strict)
    if not share_inputs:
        for v in explicit_graph_inputs([*outputs, *memo.values()]):
            memo.setdefault(v, v.clone())
    made = rebuild_graph(outputs, memo)
    if isinstance(output, dict):
        return dict(zip(output, made, strict=True))
    return type(output)(made) if isinstance(output, (list, tuple)) else made[0]


def graph_replace(
    outputs: Any,
    replace: Mapping[Variable, Any] | Iterable[tuple[Variable, Any]] | None = None,
    *,
    strict: bool = True,
) -> Any:
    """``outputs`` with other variables in the place of some, all of which have to be there.

    The parameters and errors are those of `clone_replace`, and:

    Parameters
    ----------
    strict : bool
        Whether a variable to be replaced must be in the graph.

    Raises
    ------
    ValueError
        If, with ``strict``, one is not.

    Examples
    --------
    >>> from numbagrad import pp, tensor
    >>> x, y, z = tensor.dscalars("x", "y", "z")
    >>> pp(graph_replace(x + y, {x: z}))
    '(z + y)'
    """
    pairs = dict(replace or {})
    if strict:
        there = set(ancestors(_listed(outputs)))
        missing = [v for v in pairs if v not in there]
        if missing:
            raise ValueError(
                f"{missing[0]!r} is to be replaced but is not in the graph; strict=False allows it"
            )
    return clone_replace(outputs, pairs)


def _listed(outputs: Any) -> list[Variable]:
    if isinstance(outputs, dict):
        return list(outputs.values())
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def _fitting(old: Variable, new: Any, strict: bool = True) -> Variable:
    if not isinstance(old, Variable):
        raise TypeError(f"Only a variable can be replaced; got {old!r}")
    if not isinstance(new, Variable):
        return old.type.constant(new)
    if old.type.is_super(new.type) or new.type.is_super(old.type):
        return new
    converted: Variable | None = old.type.convert_variable(new)
    if converted is None:
        if not strict:
            return new
        raise TypeError(f"{old!r} of type {old.type} can not be replaced by one of {new.type}")
    return converted


def equal_computations(
    xs: Sequence[Variable],
    ys: Sequence[Variable],
    in_xs: Sequence[Variable] = (),
    in_ys: Sequence[Variable] = (),
) -> bool:
    """Whether two lists of graphs compute the same by the same Ops from the same inputs.

    Parameters
    ----------
    xs, ys : sequence of Variable
    in_xs, in_ys : sequence of Variable
        Inputs of the one and of the other that stand for each other.
    """
    numbers: dict[Any, int] = {}
    number_of: dict[Variable, int] = {}
    if any(a.type != b.type for a, b in zip(in_xs, in_ys, strict=True)):
        return False

    def intern(key: Any) -> int:
        return numbers.setdefault(key, len(numbers))

    def leaf(variable: Variable) -> int:
        if isinstance(variable, Constant):
            return intern(("constant", variable.signature()))
        return intern(("input", id(variable)))

    def number(variable: Variable) -> int:
        return number_of[variable] if variable in number_of else leaf(variable)

    def visit(roots: Sequence[Variable], given: Sequence[Variable]) -> list[int]:
        number_of.clear()
        number_of.update((v, intern(("given", k))) for k, v in enumerate(given))
        for node in toposort(roots, given):
            inputs = tuple(number(v) for v in node.inputs)
            for position, output in enumerate(node.outputs):
                number_of.setdefault(output, intern((node.op, inputs, position)))
        return [number(v) for v in roots]

    return len(xs) == len(ys) and visit(xs, in_xs) == visit(ys, in_ys)
