"""scan: from a step function and what it runs over to a Scan node."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..function.shared import new_shared_variables
from ..graph.basic import Variable
from ..graph.tensor import TensorType
from ..graph.traverse import ancestors
from ..ops.scanning import Scan
from ..ops.sizes import as_scalar
from ..records import field, record
from .arguments import (
    Output,
    Source,
    complaint,
    read_non_sequences,
    read_outputs,
    read_sequences,
)
from .body import close_over
from .returned import Returned, read_returned
from .states import CallAgain, State, agree, fixed_state, states_of
from .steps import Length, elements_of, number_of_steps, takes_all

__all__ = ["scan"]


def scan(
    fn: Callable[..., Any],
    sequences: Any = None,
    outputs_info: Any = None,
    non_sequences: Any = None,
    n_steps: Any = None,
    truncate_gradient: int = -1,
    go_backwards: bool = False,
    mode: Any = None,
    name: str | None = None,
    profile: Any = False,
    allow_gc: bool | None = None,
    strict: bool = False,
    return_list: bool = False,
    return_updates: bool = True,
    *,
    checkpoint: int | str | None = None,
) -> Any:
    """A loop: ``fn`` is the graph of one step, and each step sees what earlier ones gave.

    Parameters
    ----------
    fn : callable
        Called once, with variables for: the elements of the sequences, tap by tap; the earlier
        values of the outputs, tap by tap; the ``non_sequences``. It returns the outputs of a step
        (a variable or a list), or a tuple of outputs, updates (a dict from shared variables to
        their values after the step) and ``until(condition)``, each of which may be left out.
    sequences : array, dict or list of these, optional
        What the loop runs over, along the first dimension. A dict has ``input`` and ``taps``: a
        list of which elements around its own a step gets, by default ``[0]``. With taps the first
        step is the first one that has all its elements.
    outputs_info : initial value, dict, None or list of these, optional
        For each output of ``fn`` what it begins with. ``None`` is for an output that is not fed
        back. A dict has ``initial`` and ``taps``: a list of how many steps back, as negative
        numbers, by default ``[-1]``. With taps other than ``[-1]`` the initial value has rows,
        the earliest first, as many as the furthest tap looks back.
    non_sequences : array or list of these, optional
        Further arguments of ``fn``, the same in each step. What else ``fn`` uses is found by
        itself, unless ``strict``.
    n_steps : int or integer scalar, optional
        How many steps, of which the sequences have to have the elements; longer ones are not used
        up. By default as many as the sequences have, which then have to be of the same length.
    truncate_gradient : int
        Derivatives go through the last so many steps only; -1 for all.
    go_backwards : bool
        Whether the sequences are run through from their ends.
    mode, profile, allow_gc : optional
        Accepted for the sake of Theano and PyTensor. The loop is compiled with the function it is
        in, in that function's mode.
    name : str, optional
        What error messages call the loop.
    strict : bool
        Whether ``fn`` may use nothing but its arguments and constants.
    return_list : bool
        Whether a single output comes in a list, too.
    return_updates : bool
        Whether the updates are returned.
    checkpoint : int or "sqrt", optional
        How derivatives save memory: states are kept every so many steps only, and what lies
        between is computed again. ``"sqrt"`` takes the square root of the number of steps.

    Returns
    -------
    outputs : Variable, list of Variable, or None
        All values of each output, along a new first dimension, also for one step. The value after
        the last step is ``outputs[-1]``; no others are kept where only that is used. An output
        whose type is no tensor's, such as a generator, is its last value. ``None`` if ``fn`` only
        returns updates.
    updates : dict
        The shared variables that ``fn`` updates, and their values after the last step, to be given
        to ``function(updates=...)``. With ``return_updates=False`` only the outputs are returned.

    Raises
    ------
    TypeError, ValueError
        If an argument, or what ``fn`` returns, is not as described; the message names it.
    ShapeError
        If sequences have not the elements for the steps, or a state can not keep its shape: at
        once where it is known, else when the loop runs.
    MissingInputError
        If ``strict`` and ``fn`` uses something that is not passed.

    Notes
    -----
    Theano and PyTensor return the pair of outputs and updates by default, and so does this.
    PyTensor 3 warns of it and will return the outputs alone, as it does for
    ``return_updates=False``: write that for code that is to work with both. Updates of shared
    variables have nowhere to go then, which is an error; generators that ``fn`` makes itself are
    stepped by their default updates in either case.

    Examples
    --------
    >>> import numbagrad as ng
    >>> from numbagrad import tensor as T
    >>> x = T.dvector("x")
    >>> sums, updates = scan(lambda element, total: total + element, x, outputs_info=0.0)
    >>> sums.eval({x: [1.0, 2.0, 3.0]})
    array([1., 3., 6.])
    >>> fibonacci = scan(
    ...     lambda one, two: one + two,
    ...     outputs_info=dict(initial=[0, 1], taps=[-1, -2]),
    ...     n_steps=8,
    ...     return_updates=False,
    ... )
    >>> fibonacci.eval()
    array([ 1,  2,  3,  5,  8, 13, 21, 34])
    """
    if not callable(fn):
        raise TypeError(complaint(f"scan takes a step function first; got {fn!r}"))
    loop = _Loop(
        sources=read_sequences(sequences),
        infos=read_outputs(outputs_info),
        passed=read_non_sequences(non_sequences),
        backwards=bool(go_backwards),
    )
    loop.begin()
    loop.call(fn)
    loop.count(n_steps)
    while not loop.connect():
        loop.call(fn)
    node_outputs = loop.build(strict, _checkpoint(checkpoint), _truncate(truncate_gradient))
    outputs, updates = loop.results(node_outputs)
    made: Any = outputs
    if not outputs:
        made = [] if return_list else None
    elif len(outputs) == 1 and not return_list:
        made = outputs[0]
    if return_updates:
        return made, updates
    if loop.returned.updates:
        words = (
            f"The step function updates {next(iter(loop.returned.updates))!r}, but "
            "return_updates=False: take the updates, or make it a state with outputs_info"
        )
        raise ValueError(complaint(words))
    return made


def _checkpoint(given: Any) -> Any:
    if given is None or _is_count(given) or given == "sqrt":
        return given
    words = f'checkpoint must be a number of steps, "sqrt" or None; got {given!r}'
    raise ValueError(complaint(words))


def _truncate(given: Any) -> int | None:
    if given is None or (_is_count(given) or (given == -1 and not isinstance(given, bool))):
        return None if given in (None, -1) else int(given)
    words = f"truncate_gradient must be a number of steps, or -1 for all of them; got {given!r}"
    raise ValueError(complaint(words))


def _is_count(given: Any) -> bool:
    whole = isinstance(given, (int, np.integer)) and not isinstance(given, bool)
    return whole and given > 0


def _parameters(fn: Callable[..., Any], elements: int, earlier: int, passed: int) -> list[str]:
    """What the step function calls its arguments, which have to be as many as it gets."""
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):
        return []  # a function of C code says it when it is called
    try:
        signature.bind(*range(elements + earlier + passed))
    except TypeError:
        words = (
            f"The step function takes {signature}; it gets {elements} elements of sequences, "
            f"{earlier} earlier values of outputs and {passed} non_sequences, in this order"
        )
        raise TypeError(complaint(words)) from None
    single = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in signature.parameters.values() if p.kind in single]


@record()
class _Loop:
    """A loop while it is built."""

    sources: list[Source]
    infos: list[Output]
    passed: list[Any]
    backwards: bool
    elements: list[Variable] = field(default_factory=list)
    #: For each output the state that it feeds, if any.
    states: list[State | None] = field(default_factory=list)
    returned: Returned = field(default_factory=Returned)
    #: Shared variables that the steps change, and their new values.
    changed: dict[Any, Any] = field(default_factory=dict)
    hidden: list[State] = field(default_factory=list)
    local: set[Any] = field(default_factory=set)
    steps: Length = None
    sequences: list[Any] = field(default_factory=list)

    def begin(self) -> None:
        """Make the variables that stand for elements and states."""
        for source in self.sources:
            element = TensorType(source.array.type.dtype, source.array.type.shape[1:])
            self.elements += [element.make_variable(source.name_of(t)) for t in source.taps]
        self.states = [None if o.initial is None else states_of(o) for o in self.infos]

    def call(self, fn: Callable[..., Any]) -> None:
        """Make the graph of a step."""
        earlier = [
            state.inside[-tap - 1]
            for output, state in zip(self.infos, self.states, strict=True)
            if state is not None
            for tap in output.taps
        ]
        arguments = [*self.elements, *earlier, *self.passed]
        names = _parameters(fn, len(self.elements), len(earlier), len(self.passed))
        for variable, name in zip([*self.elements, *earlier], names, strict=False):
            variable.name = variable.name or name
        with new_shared_variables() as made:
            self.returned = read_returned(fn(*arguments))
        given = self.returned.outputs
        if not self.infos:
            self.infos = [Output(f"output {k}", None, []) for k in range(len(given))]
            self.states = [None for _ in given]
        if len(given) != len(self.infos):
            words = (
                f"The step function returns {len(given)} output{'s' * (len(given) != 1)}, and "
                f"outputs_info has {len(self.infos)}: it needs an entry for each output, None for "
                "one that is not fed back"
            )
            raise ValueError(complaint(words))
        for out, state in zip(given, self.states, strict=True):
            if state is not None and out.owner is not None and out.name:
                state.call_it(out.name)
        self._find_updates(made)

    def _find_updates(self, made: Sequence[Any]) -> None:
        """The updates that the step returns, and those of generators that it made."""
        self.changed = dict(self.returned.updates)
        self.local = {v for v in made if v.default_update is not None}
        roots = [*self.returned.outputs, *self.changed.values()]
        todo = [*roots, *([] if self.returned.condition is None else [self.returned.condition])]
        while todo:
            found: list[Any] = [
                v for v in ancestors(todo) if v in self.local and v not in self.changed
            ]
            self.changed |= {v: v.default_update for v in found}
            todo = [v.default_update for v in found]
        self.hidden = [fixed_state(v) for v in self.changed]

    def count(self, n_steps: Any) -> None:
        """Find the number of steps and what they take of the sequences."""
        self.steps = number_of_steps(n_steps, self.sources, self.returned.condition is not None)
        for source in self.sources:
            whole = takes_all(n_steps, source)
            self.sequences += elements_of(source, self.steps, self.backwards, whole)

    def connect(self) -> bool:
        """Make the results of a step of the types of what they are fed to.

        False says that the step has to be made anew, of the types that the states have now.
        """
        condition = self.returned.condition
        fed = [k for k, s in enumerate(self.states) if s is not None]
        free = [k for k, s in enumerate(self.states) if s is None]
        states = [s for s in self.states if s is not None] + self.hidden
        values = [self.returned.outputs[k] for k in fed] + list(self.changed.values())
        held = [self.returned.outputs[k] for k in free]
        held += [] if condition is None else [condition]
        try:
            values, held = agree(states, values, held)
        except CallAgain:
            return False
        for k, value in zip(fed, values, strict=False):
            self.returned.outputs[k] = value
        self.changed = dict(zip(self.changed, values[len(fed) :], strict=True))
        for k, value in zip(free, held, strict=False):
            self.returned.outputs[k] = value
        if condition is not None:
            self.returned.condition = held[-1]
        for k in free:
            if not isinstance(self.returned.outputs[k].type, TensorType):
                words = f"Output {k} is of type {self.returned.outputs[k].type}, of which no array"
                raise TypeError(complaint(f"{words} can be made: make it a state"))
        return True

    # -- the node --------------------------------------------------------------------------

    @property
    def all_states(self) -> list[State]:
        """The user's states, then the hidden ones."""
        return [s for s in self.states if s is not None] + self.hidden

    def build(self, strict: bool, checkpoint: Any, truncate: int | None) -> list[Any]:
        """The outputs of the node."""
        outputs = self.returned.outputs
        nexts: list[Any] = []
        for out, state in zip(outputs, self.states, strict=True):
            if state is not None:
                nexts += [out, *state.inside[:-1]]
        nexts += self.changed.values()
        traced = [v for v in outputs if isinstance(v.type, TensorType)]
        ends = [] if self.returned.condition is None else [self.returned.condition]
        inside = [*self.elements, *(v for s in self.all_states for v in s.inside)]
        shared = {v: s.inside[0] for v, s in zip(self.changed, self.hidden, strict=True)}
        body, others = close_over(inside, shared, [*nexts, *traced, *ends], self.passed, strict)
        initial = [v for s in self.all_states for v in s.initial]
        op = Scan(
            body=body,
            n_sequences=len(self.elements),
            n_states=len(initial),
            until=bool(ends),
            checkpoint=checkpoint,
            truncate=truncate,
        )
        return list(op(as_scalar(self.steps), *self.sequences, *initial, *others, return_list=True))

    def results(self, made: Sequence[Any]) -> tuple[list[Any], dict[Any, Any]]:
        """The outputs and updates in the user's order."""
        lasts: list[Any] = []
        position = 0
        for state in self.all_states:
            lasts.append(made[position])
            position += len(state.inside)
        traces = iter(made[position:])
        last = iter(lasts)
        outputs = []
        for out, fed, info in zip(self.returned.outputs, self.states, self.infos, strict=True):
            after = next(last) if fed is not None else None
            if not isinstance(out.type, TensorType):
                outputs.append(after)
                continue
            trace = next(traces)
            trace.name = _name_of(out, info)
            outputs.append(trace)
        updates = dict(zip(self.changed, last, strict=True))
        for variable, after in updates.items():
            if variable in self.local:
                variable.default_update = after
        return outputs, updates


def _name_of(out: Variable, info: Output) -> str | None:
    """A trace has the name that the step gives its output, else that of the state."""
    own = out.name if out.owner is not None else None
    return own or (info.initial.name if info.initial is not None else None)
