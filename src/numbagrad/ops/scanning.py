"""Scan: a loop whose step is a graph.

One normal form for every loop that users write. The step is a function

    elements, states, others  ->  next states, traced, until

and the loop runs it for t = 0, 1, ... with the t-th element of each sequence. Taps, directions and
initial values of several steps are made from these by whoever builds the loop: a sequence is sliced
or reversed outside, a state that is looked at k steps back is k states, each of which hands its
value on.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..graph.basic import Apply, Variable
from ..graph.frozen import FrozenGraph
from ..graph.registry import OPS
from ..graph.tensor import TensorType, as_tensor, constant
from ..records import record
from .checks import Check
from .control import Control, carries, connections, evaluate
from .declared import size_of
from .interpret import interpret

__all__ = ["Roles", "Scan", "conforming"]


@record(frozen=True)
class Roles:
    """Which inputs (or outputs) of a Scan are what, each as a slice of the list."""

    steps: slice
    sequences: slice
    states: slice
    others: slice


class Scan(Control, abstract=True):
    """A loop of ``n_steps`` steps.

    The inputs of its node are ``n_steps, *sequences, *initial states, *others``; those of ``body``
    ``*elements, *states, *others``. Body outputs are ``*next states, *traced`` and, with ``until``,
    a truth value that ends the loop after the step in which it holds.

    The outputs of the node are the states after the last step, then for each traced value all its
    values along a new first dimension, then, with ``until``, how many steps were made. With no
    step at all the states are the initial ones.

    Parameters
    ----------
    body : FrozenGraph
        The step.
    n_sequences, n_states : int
        How many of the body's first inputs are elements of sequences, and how many next are states.
    until : bool
        Whether the last output of the body ends the loop.
    checkpoint : int, "sqrt" or None
        How derivatives save memory: states are kept every so many steps only, and what lies between
        is computed again.
    truncate : int or None
        Through how many of the last steps derivatives pass in reverse mode; None for all.

    Notes
    -----
    A sequence has ``n_steps`` elements (at least the steps made, with ``until`` as well). A state
    keeps its type: dtype, number of dimensions, and sizes, which are those of the initial value. A
    state may be of a type that is no tensor; it can not be traced then.
    """

    form = "loop"
    __props__ = ("body", "n_sequences", "n_states", "until", "checkpoint", "truncate")
    #: What errors about sizes say behind them.
    sizes_mean = "a loop takes an element of each sequence in each step"

    def __init__(
        self,
        *,
        body: FrozenGraph,
        n_sequences: int,
        n_states: int,
        until: bool = False,
        checkpoint: int | str | None = None,
        truncate: int | None = None,
    ):
        if not (checkpoint in (None, "sqrt") or _is_count(checkpoint)):
            raise ValueError(
                f'checkpoint must be None, "sqrt" or a positive integer; got {checkpoint!r}'
            )
        if not (truncate is None or _is_count(truncate)):
            raise ValueError(f"truncate must be None or a positive integer; got {truncate!r}")
        super().__init__(
            body=body,
            n_sequences=n_sequences,
            n_states=n_states,
            until=until,
            checkpoint=checkpoint,
            truncate=truncate,
        )

    # -- printing --------------------------------------------------------------------------

    def __repr__(self) -> str:
        words = [f"{n} {what}{'s' * (n != 1)}" for n, what in self._counts() if n]
        words += ["until"] * self.until
        more = [f"{n}={getattr(self, n)!r}" for n in ("checkpoint", "truncate") if getattr(self, n)]
        return f"Scan{{{', '.join([*words, *more])}}}"

    def _counts(self) -> list[tuple[int, str]]:
        return [
            (self.n_sequences, "sequence"),
            (self.n_states, "state"),
            (self.n_traced, "trace"),
        ]

    def pretty(self, node: Apply) -> list[Any]:
        """How `pp` prints it: what is inside is shown by `debugprint`."""
        made: list[Any] = ["scan("]
        for k, x in enumerate(node.inputs):
            made += [", ", x] if k else [x]
        return [*made, ")"]

    def output_words(self) -> list[str]:
        """What the outputs of the body are, for `debugprint`."""
        states = self.body.inputs[self.inner.states]
        made = [f"next {v.name or f'state {k}'}" for k, v in enumerate(states)]
        made += [f"trace {k}" for k in range(self.n_traced)]
        return made + ["until"] * self.until

    # -- structure -------------------------------------------------------------------------

    @property
    def graphs(self) -> tuple[FrozenGraph, ...]:
        return (self.body,)

    def with_graphs(self, graphs: Sequence[FrozenGraph]) -> Scan:
        made: Scan = self.changed(body=graphs[0])
        return made

    @property
    def n_others(self) -> int:
        """How many inputs are the same in each step."""
        return len(self.body.inputs) - self.n_sequences - self.n_states

    @property
    def n_traced(self) -> int:
        """How many values of each step are collected."""
        return len(self.body.outputs) - self.n_states - int(self.until)

    @property
    def inner(self) -> Roles:
        """What the inputs of the body are."""
        a, b = self.n_sequences, self.n_sequences + self.n_states
        return Roles(slice(0, 0), slice(0, a), slice(a, b), slice(b, b + self.n_others))

    @property
    def outer(self) -> Roles:
        """What the inputs of the node are."""
        a, b = 1 + self.n_sequences, 1 + self.n_sequences + self.n_states
        return Roles(slice(0, 1), slice(1, a), slice(a, b), slice(b, b + self.n_others))

    @property
    def next_states(self) -> tuple[Variable, ...]:
        """The body's outputs that are the states of the next step."""
        return self.body.outputs[: self.n_states]

    @property
    def traced(self) -> tuple[Variable, ...]:
        """The body's outputs of which all values are collected."""
        return self.body.outputs[self.n_states : self.n_states + self.n_traced]

    @property
    def condition(self) -> Variable | None:
        """The body's output that ends the loop."""
        return self.body.outputs[-1] if self.until else None

    def generator_of(self, node: Apply, k: int) -> Variable:
        found = super().generator_of(node, k)
        if found is not node.inputs[1 + self.n_sequences + k]:
            raise TypeError(f"The generators of {self} change places: give each its own next one")
        return found

    # -- nodes -----------------------------------------------------------------------------

    def make_node(self, *inputs: Any) -> Apply:
        """Check the inputs and make the node.

        Raises
        ------
        TypeError
            If a sequence's element or an initial state has not the type of the body's input.
        """
        given = list(inputs)
        if len(given) != 1 + len(self.body.inputs):
            words = f"{1 + len(self.body.inputs)} inputs"
            raise TypeError(f"A loop over {self.body} takes {words}; got {len(given)}")
        steps = as_tensor(given[0])
        if steps.ndim or steps.type.dtype != "int64":
            steps = OPS["cast"](steps, "int64") if not steps.ndim else steps
        if steps.ndim or steps.type.numpy_dtype.kind != "i":
            raise TypeError(f"The number of steps must be an integer; got {steps!r}")
        variables = [v if isinstance(v, Variable) else as_tensor(v) for v in given[1:]]
        for k, (x, inside) in enumerate(zip(variables, self.body.inputs, strict=True)):
            self._check(k, x, inside)
        for inside, after in zip(
            self.body.inputs[self.inner.states], self.next_states, strict=True
        ):
            _same_kind("A state", inside, after)
        return Apply(self, [steps, *variables], self._outputs(steps, variables))

    def _check(self, k: int, x: Any, inside: Variable) -> None:
        """Whether ``x`` fits the body's input ``k``."""
        if k < self.n_sequences:
            if not isinstance(x.type, TensorType) or x.type.ndim == 0:
                raise TypeError(f"A sequence must be an array of one dimension or more; got {x!r}")
            element = TensorType(x.type.dtype, x.type.shape[1:])()
            _same_kind(f"An element of {x!r}", inside, element)
        else:
            _same_kind(f"{x!r}", inside, x)

    def _outputs(self, steps: Any, variables: Sequence[Any]) -> list[Variable]:
        first = self.n_sequences
        made: list[Variable] = []
        for x, inside in zip(variables[first:], self.next_states, strict=False):
            made.append(_wider(x.type, inside.type).make_variable())
        known = size_of(steps)
        length = known if isinstance(known, int) and not self.until else None
        for v in self.traced:
            if not isinstance(v.type, TensorType):
                raise TypeError(f"Only tensors can be traced; {v!r} is of type {v.type}")
            made.append(TensorType(v.type.dtype, (length, *v.type.shape))())
        if self.until:
            made.append(TensorType("int64", ())())
        return made

    def infer_shape(self, fgraph: Any, node: Apply, input_shapes: Sequence[Any]) -> Any:
        states = list(input_shapes[self.outer.states])
        length = node.outputs[-1] if self.until else size_of(node.inputs[0])
        # Only sizes are asked of these: no step is made and no element read.
        inside = self.body.over(self.stand_ins(node))[self.n_states :][: self.n_traced]
        # A state keeps its sizes, whatever computes it.
        kept = dict(zip(self.next_states, states, strict=True))
        traces = [
            (length, *(kept[inner] if inner in kept else OPS["shape_tuple"](v)))
            for inner, v in zip(self.traced, inside, strict=True)
        ]
        return states + traces + [()] * int(self.until)

    def stand_ins(self, node: Apply) -> list[Variable]:
        """For each input of the body a variable around the node that has its shape."""
        first = [_element_of(x) for x in node.inputs[self.outer.sequences]]
        return [*first, *node.inputs[1 + self.n_sequences :]]

    def same_sizes(
        self, shapes: Sequence[tuple[Any, ...]], *inputs: Variable
    ) -> list[tuple[Any, Any]]:
        steps = size_of(inputs[0])
        return [(steps, shape[0]) for shape in shapes[self.outer.sequences]]

    # -- differentiating -------------------------------------------------------------------

    @cached_property
    def flows(self) -> list[list[bool]]:
        """``flows[i][k]``: whether state ``k`` after any number of steps depends on input ``i``.

        Inputs are those of the body. The dependence is differentiable and counts paths through
        other states; no step at all is a number of steps as well.
        """
        step = connections(self.body)
        first, count = self.n_sequences, self.n_states
        reach = [list(row[:count]) for row in step]
        for k, v in enumerate(self.body.inputs[self.inner.states]):
            reach[first + k][k] = reach[first + k][k] or carries(v)
        changed = True
        while changed:
            changed = False
            for row in reach:
                for m in [m for m in range(count) if row[m]]:
                    for k in range(count):
                        if step[first + m][k] and not row[k]:
                            row[k] = changed = True
        return reach

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        step, first = connections(self.body), self.n_sequences
        rows = []
        for own, through in zip(step, self.flows, strict=True):
            traced = [
                own[o] or any(through[m] and step[first + m][o] for m in range(self.n_states))
                for o in range(self.n_states, self.n_states + self.n_traced)
            ]
            rows.append([*through, *traced, *[False] * self.until])
        return [[False] * len(node.outputs), *rows]

    def checks(self, *inputs: Variable) -> list[Any]:
        message = "The number of steps must not be negative"
        return [Check(None, lambda index, read, sizes: read(0, ()) >= 0, ValueError, message)]

    # -- computing in NumPy ----------------------------------------------------------------

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[Any]) -> None:
        n = int(inputs[0])
        if n < 0:
            raise ValueError(f"The number of steps must not be negative; got {n}")
        sequences = inputs[self.outer.sequences]
        for k, x in enumerate(sequences):
            if len(x) != n:
                raise ShapeError(f"Sequence {k} has {len(x)} elements; there are {n} steps")
        states = [_copied(x) for x in inputs[self.outer.states]]
        others = inputs[self.outer.others]
        traces: list[list[Any]] = [[] for _ in range(self.n_traced)]
        done = 0
        for t in range(n):
            try:
                made = evaluate(self.body, [*(x[t] for x in sequences), *states, *others])
                self._check_states(states, made)
            except Exception as error:
                raise _in_step(error, t) from error
            states = made[: self.n_states]
            for trace, value in zip(traces, made[self.n_states :], strict=False):
                trace.append(value)
            done += 1
            if self.until and made[-1]:
                break
        results = [*states, *(self._stacked(node, k, t, inputs) for k, t in enumerate(traces))]
        results += [np.array(done)] * int(self.until)
        for storage, value in zip(output_storage, results, strict=True):
            storage[0] = value

    def _check_states(self, before: Sequence[Any], after: Sequence[Any]) -> None:
        for k, (old, new) in enumerate(zip(before, after, strict=False)):
            if isinstance(old, np.ndarray) and old.shape != new.shape:
                name = self.body.inputs[self.n_sequences + k].name or f"number {k}"
                raise ShapeError(
                    f"The shape of state {name} changes in the loop from {old.shape} to {new.shape}"
                )

    def _stacked(self, node: Apply, k: int, values: list[Any], inputs: Sequence[Any]) -> np.ndarray:
        """All values of a traced variable; with no step at all an empty array of its sizes."""
        out: Any = node.outputs[self.n_states + k]
        if values:
            return np.stack(values).astype(out.type.dtype, copy=False)
        sizes = out.type.shape[1:]
        if None in sizes:
            sizes = self._sizes_without_steps(k, inputs)
        return np.empty((0, *sizes), out.type.dtype)

    def _sizes_without_steps(self, k: int, inputs: Sequence[Any]) -> tuple[int, ...]:
        """The shape of a traced value, from a step over elements that are all zero."""
        elements = [np.zeros(x.shape[1:], x.dtype) for x in inputs[self.outer.sequences]]
        given = self.body.values([*elements, *map(_copied, inputs[1 + self.n_sequences :])])
        return np.shape(interpret([self.traced[k]], given)[0])


def _in_step(error: Exception, t: int) -> Exception:
    """The error with the step in which it happened."""
    try:
        return type(error)(f"{error}\nin step {t} of the loop (the first is 0)")
    except TypeError:
        return error


def _same_kind(what: str, inside: Variable, given: Variable) -> None:
    """Refuse what can not stand for the body's input ``inside``."""
    a, b = inside.type, given.type
    if not isinstance(a, TensorType) or not isinstance(b, TensorType):
        if a != b:
            raise TypeError(f"{what} must be of type {a}; it is of type {b}")
        return
    if a.dtype != b.dtype:
        raise TypeError(f"{what} must have the dtype {a.dtype} as in the loop; it has {b.dtype}")
    if a.ndim != b.ndim:
        raise TypeError(f"{what} must have {a.ndim} dimensions as in the loop; it has {b.ndim}")
    for known, size in zip(a.shape, b.shape, strict=True):
        if (known == 1) != (size == 1) or (None not in (known, size) and known != size):
            raise TypeError(f"{what} must have the shape {a.shape} as in the loop; it is {b.shape}")


def conforming(g: Any, like: Any) -> Any:
    """``g`` with the dimensions known to be 1 that ``like`` has; both are of one shape."""
    if not isinstance(like.type, TensorType):
        return g
    ones = [n == 1 for n in like.type.shape]
    if any(one and n != 1 for one, n in zip(ones, g.type.shape, strict=True)):
        g = OPS["specify_shape"](g, tuple(1 if one else None for one in ones))
    if any(n == 1 and not one for one, n in zip(ones, g.type.shape, strict=True)):
        g = OPS["broadcast_to"](g, OPS["shape_tuple"](like))
    return g


def _wider(a: Any, b: Any) -> Any:
    """The type of which both are, with what both know of the shape."""
    if not isinstance(a, TensorType):
        return a
    pairs = zip(a.shape, b.shape, strict=True)
    return TensorType(a.dtype, [x if x == y else None for x, y in pairs])


def _element_of(x: Any) -> Any:
    """A variable in the shape of an element of a sequence, which may have none."""
    if x.type.shape[0] == 0:
        return OPS["alloc"](constant(0, dtype=x.type.dtype), *OPS["shape_tuple"](x)[1:])
    return OPS["subtensor"](x, 0)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _copied(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else value
