"""``function``: from symbolic inputs and outputs to a Python callable.

Here the user's arguments are checked and put in order; compiling is in ``build``, calling in
``wrapper``.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..config import config
from ..errors import (
    Failed,
    InputError,
    MissingInputError,
    NullTypeGradError,
    NumbagradError,
    ShapeError,
    UnusedInputError,
)
from ..graph.basic import Constant, Variable
from ..graph.fgraph import FunctionGraph
from ..graph.registry import OPS, register
from ..graph.tensor import TensorType, as_tensor
from ..graph.traverse import ancestors, clone_replace, explicit_graph_inputs, toposort
from ..graph.type import DisconnectedType, NullType
from .build import Compiled, CompileReport, bind_constants, compile_graph
from .io import In, Out
from .modes import Mode, get_mode
from .reference import broadcast_hint, context_of, interpret
from .shared import SharedVariable
from .wrapper import array_like_compiled, make_converter, print_wrapper

__all__ = ["Function", "evaluate", "function"]


@register
def function(
    inputs: Sequence[Any] = (),
    outputs: Any = None,
    mode: Any = None,
    updates: Any = None,
    givens: Any = None,
    no_default_updates: Any = False,
    accept_inplace: bool = False,
    name: str | None = None,
    rebuild_strict: bool = True,
    allow_input_downcast: bool | None = None,
    profile: Any = None,
    on_unused_input: str | None = None,
    trust_input: bool = False,
) -> Function:
    """Compile a graph into a Python callable.

    Parameters
    ----------
    inputs : sequence of Variable or In
        The arguments, in order. Their names are keywords.
    outputs : Variable, Out, list, tuple or dict of these, optional
        What a call returns: one array, a list, or a dict. ``None`` returns an empty list.
    mode : str or Mode, optional
        ``"reference"`` runs node by node in NumPy; see `Mode`.
    updates : mapping or list of pairs, optional
        New values of shared variables, computed by each call and stored after it.
    givens : mapping or list of pairs, optional
        Variables to be replaced, and by what.
    no_default_updates : bool or list
        Leave out the ``default_update`` of (these) shared variables.
    name : str, optional
        The name of the printed function.
    allow_input_downcast : bool, optional
        Whether arguments may lose precision. ``None`` allows it for a Python float that is passed
        for a scalar of dtype floatX.
    on_unused_input : {"raise", "warn", "ignore"}, optional
        What to do with an input that nothing needs; ``config.on_unused_input`` by default.
    trust_input : bool
        Skip the conversion of arguments: each must be a C-contiguous ndarray of the right dtype
        (for a scalar also a number).
    accept_inplace, rebuild_strict, profile
        Accepted for Theano's and PyTensor's sake; they change nothing.

    Returns
    -------
    Function

    Raises
    ------
    TypeError
        If an input, output, update or given is no variable or of the wrong type.
    ValueError
        If an input is given twice.
    MissingInputError
        If an output needs a variable that is no input.
    UnusedInputError
        If an input is not needed.
    NullTypeGradError
        If an output needs a gradient that is undefined.

    Examples
    --------
    >>> from numbagrad import function, tensor
    >>> x = tensor.dvector("x")
    >>> f = function([x], x * 2)
    >>> f([1.0, 2.0])
    array([2., 4.])
    """
    if isinstance(inputs, (Variable, In)) or not isinstance(inputs, Iterable):
        raise TypeError(f"The inputs of a function must be a list; got {inputs!r}")
    specs = [_as_in(item, k, allow_input_downcast) for k, item in enumerate(inputs)]
    _refuse_duplicates(specs)
    results, shape_of_result = _flatten(outputs)
    new_values = _collect_updates(specs, updates, results, no_default_updates)
    next_defaults = _next_defaults(specs)
    replaced = _pairs(givens, "givens")
    wanted = [*results, *new_values.values(), *next_defaults.values()]
    if replaced:
        wanted = _with_givens(wanted, replaced)
    _refuse_null(wanted)
    shared_ones = _shared_in(wanted, specs, new_values)
    _check_inputs(specs, wanted, on_unused_input or config.on_unused_input, replaced)
    chosen = get_mode(mode)
    arguments = [s.variable for s in specs] + list(shared_ones)
    compiled = compile_graph(arguments, wanted, name, chosen)
    maker = Maker(specs, shared_ones, list(new_values), shape_of_result, compiled, name, chosen)
    maker.unoptimized = wanted
    maker.next_defaults = list(next_defaults)
    return Function(maker, trust_input)


# -- the user's arguments ------------------------------------------------------------------


def _as_in(item: Any, position: int, allow_downcast: bool | None) -> In:
    spec = item if isinstance(item, In) else None
    if spec is None:
        if isinstance(item, (list, tuple)):
            raise TypeError(
                f"Input {position} of the function is {item!r}; use In(variable, value=...) for "
                "an input with a default value"
            )
        if not isinstance(item, Variable):
            raise TypeError(f"Input {position} of the function must be a variable; got {item!r}")
        spec = In(item)
    if spec.allow_downcast is None:
        spec = copy.copy(spec)
        spec.allow_downcast = allow_downcast
    variable = spec.variable
    if isinstance(variable, Constant):
        raise TypeError(f"Input {position} of the function is the constant {variable!r}")
    if isinstance(variable, SharedVariable):
        raise TypeError(
            f"Input {position} of the function is the shared variable {variable!r}; it is read "
            "without being passed. Use givens to replace it by an input."
        )
    if not isinstance(variable.type, TensorType):
        raise TypeError(f"Input {position} of the function is of type {variable.type}")
    return spec


def _refuse_duplicates(specs: Sequence[In]) -> None:
    seen: dict[Variable, int] = {}
    for position, spec in enumerate(specs):
        if spec.variable in seen:
            raise ValueError(
                f"The variable {spec.variable!r} is input {seen[spec.variable]} and again input "
                f"{position} of the function"
            )
        seen[spec.variable] = position


def _flatten(outputs: Any) -> tuple[list[Any], Any]:
    """The outputs as a list of variables, and what a call makes of the results."""
    if outputs is None:
        return [], "list"
    if isinstance(outputs, Mapping):
        for key in outputs:
            if not isinstance(key, str):
                raise TypeError(f"The keys of a dict of outputs must be strings; got {key!r}")
        return [_output(v, repr(k)) for k, v in outputs.items()], list(outputs)
    if isinstance(outputs, (list, tuple)):
        return [_output(v, str(k)) for k, v in enumerate(outputs)], "list"
    return [_output(outputs, "of the function")], "single"


def _output(item: Any, label: str) -> Variable:
    if isinstance(item, Out):
        item = item.variable
    if isinstance(item, Variable):
        return item
    if isinstance(item, (int, float, complex, np.ndarray, np.generic)):
        return as_tensor(item)
    raise TypeError(f"Output {label} must be a variable; got {item!r}")


def _pairs(given: Any, label: str) -> dict[Variable, Any]:
    if given is None:
        return {}
    items = given.items() if isinstance(given, Mapping) else given
    made: dict[Variable, Any] = {}
    for pair in items:
        if not (isinstance(pair, (tuple, list)) and len(pair) == 2):
            raise TypeError(f"{label} takes pairs (variable, value); got {pair!r}")
        old, new = pair
        if not isinstance(old, Variable):
            raise TypeError(f"{label} replaces variables; got {old!r}")
        if old in made:
            raise ValueError(f"{label} names the variable {old!r} twice")
        made[old] = new
    return made


def _collect_updates(
    specs: Sequence[In], updates: Any, results: Sequence[Variable], no_defaults: Any
) -> dict[SharedVariable, Variable]:
    collected: dict[SharedVariable, Variable] = {}
    for old, new in _pairs(updates, "updates").items():
        if not isinstance(old, SharedVariable):
            raise TypeError(f"updates change shared variables; got {old!r} of type {old.type}")
        collected[old] = _update_value(old, new)
    if no_defaults is not True:
        kept_out = set(no_defaults or ())
        for variable in ancestors([*results, *collected.values()]):
            default = getattr(variable, "default_update", None)
            if default is not None and variable not in collected and variable not in kept_out:
                collected[variable] = _update_value(variable, default)  # type: ignore[index]
    return collected


def _next_defaults(specs: Sequence[In]) -> dict[int, Variable]:
    """The inputs whose default value each call computes anew, by position."""
    found: dict[int, Variable] = {}
    for position, spec in enumerate(specs):
        if spec.update is None:
            continue
        if spec.value is None:
            raise ValueError(f"{spec!r} has an update but no value to begin with")
        found[position] = _update_value(spec.variable, spec.update)
    return found


def _update_value(old: Any, new: Any) -> Variable:
    made = as_tensor(new)
    if made.type.dtype != old.type.dtype:
        if not np.can_cast(made.type.dtype, old.type.dtype, "safe"):
            raise TypeError(
                f"The update of {old!r} has dtype {made.type.dtype}, which "
                f"does not fit its own, {old.type.dtype}; cast it"
            )
        made = OPS["cast"](made, old.type.dtype)
    if made.type.ndim != old.type.ndim:
        raise TypeError(
            f"The update of {old!r} has {made.type.ndim} dimensions; it has {old.type.ndim}"
        )
    return made


def _with_givens(wanted: list[Variable], replaced: dict[Variable, Any]) -> list[Variable]:
    for old, new in replaced.items():
        if not isinstance(new, Variable):
            new = as_tensor(new)
        if isinstance(old.type, TensorType) and new.type.dtype != old.type.dtype:
            if not np.can_cast(new.type.dtype, old.type.dtype, "safe"):
                raise TypeError(
                    f"givens replaces {old!r} of dtype {old.type.dtype} by {new!r} of dtype "
                    f"{new.type.dtype}, which may lose precision; cast it"
                )
            new = OPS["cast"](new, old.type.dtype)
        replaced[old] = new
    return list(clone_replace(wanted, replaced))


def _refuse_null(wanted: Sequence[Variable]) -> None:
    for variable in ancestors(wanted):
        if isinstance(variable.type, NullType):
            raise NullTypeGradError(
                f"An output of the function needs a value that does not exist: "
                f"{variable.type.why_null}"
            )
        if isinstance(variable.type, DisconnectedType):
            raise TypeError(
                "An output of the function is a disconnected gradient, which has no value; ask "
                "grad for return_disconnected='zero'"
            )


def _shared_in(
    wanted: Sequence[Variable], specs: Sequence[In], updates: Mapping[SharedVariable, Variable]
) -> list[SharedVariable]:
    found: dict[Any, None] = {}
    blockers = [s.variable for s in specs]
    for variable in ancestors(wanted, blockers):
        if isinstance(variable, SharedVariable):
            found[variable] = None
    return list(found)


def _check_inputs(
    specs: Sequence[In], wanted: Sequence[Variable], unused: str, givens: Mapping[Variable, Any]
) -> None:
    if unused not in ("raise", "warn", "ignore"):
        raise ValueError(f"on_unused_input must be 'raise', 'warn' or 'ignore'; got {unused!r}")
    inputs = {s.variable for s in specs}
    needed = set(ancestors(wanted, inputs))
    for variable in needed:
        leaf = variable.owner is None and not isinstance(variable, (Constant, SharedVariable))
        if leaf and variable not in inputs:
            _missing(variable, wanted, inputs)
    for position, spec in enumerate(specs):
        if spec.variable in needed:
            continue
        why = " (givens replaces it)" if spec.variable in givens else ""
        message = (
            f"Input {position} of the function, {spec.variable!r}, is not needed for any output"
            f"{why}. Leave it out, or pass on_unused_input='ignore'."
        )
        if unused == "raise":
            raise UnusedInputError(message)
        if unused == "warn":
            warnings.warn(message, UserWarning, stacklevel=4)


def _missing(variable: Variable, wanted: Sequence[Variable], inputs: set[Variable]) -> None:
    user = next((n for n in toposort(wanted, inputs) if variable in n.inputs), None)
    used = f" It is used by {user.op}, built at {user.where}." if user is not None else ""
    raise MissingInputError(
        f"The variable {variable!r} of {variable.type} is needed but has no value and is not "
        f"among the inputs of the function.{used}"
    )


# -- the callable --------------------------------------------------------------------------


class Maker:
    """What a function was made from.

    Attributes
    ----------
    fgraph : FunctionGraph
        The rewritten graph; ``env`` is Theano's old name for it.
    inputs : list of In
    shared : list of SharedVariable
        In the order in which compiled code takes their values.
    mode : Mode
    """

    def __init__(
        self,
        specs: Sequence[In],
        shared_ones: Sequence[SharedVariable],
        updated: Sequence[SharedVariable],
        result: Any,
        compiled: Compiled,
        name: str | None,
        mode: Mode,
    ):
        self.inputs = list(specs)
        self.shared = list(shared_ones)
        self.updated = list(updated)
        self.result = result
        self.compiled = compiled
        self.name = name
        self.mode = mode
        self.unoptimized: list[Variable] = []
        self.next_defaults: list[int] = []

    @property
    def fgraph(self) -> FunctionGraph:
        """The rewritten graph."""
        return self.compiled.fgraph

    env = fgraph


class Function:
    """A compiled graph; call it with arrays, positionally or by the inputs' names.

    Attributes
    ----------
    maker : Maker
    name : str or None
    trust_input : bool
        Skip the conversion of arguments.
    source : str
        The printed Python source.
    jitted : numba Dispatcher
        The compiled function, callable inside the user's own ``@njit`` code. It takes the inputs
        and then the values of the shared variables in ``maker.shared``; arrays must be
        C-contiguous, 0-d ones are numbers; it returns a tuple for several results.
    """

    def __init__(self, maker: Maker, trust_input: bool = False):
        self.maker = maker
        self.name = maker.name
        self.trust_input = trust_input
        self._converters = [
            make_converter(s.variable.type, _label(k, s), s.strict, s.allow_downcast)
            for k, s in enumerate(maker.inputs)
        ]
        self._constants = [_frozen(c) for c in maker.compiled.constants]
        self._defaults = [s.value for s in maker.inputs]
        self._call = self._make_call()
        self._extra = len(maker.updated) + len(maker.next_defaults)
        self._plain = maker.result == "single" and not self._extra
        self._needs_binding = any(d is not None for d in self._defaults)

    def _make_call(self) -> Any:
        maker = self.maker
        results = [(v.type.dtype, v.type.ndim) for v in maker.fgraph.outputs]
        hidden: list[Any] = [_reader(v) for v in maker.shared]
        alone = maker.result == "single" and not maker.updated and not maker.next_defaults
        unwrap = "single" if alone else "list"
        return print_wrapper(
            [s.variable.type for s in maker.inputs],
            self._converters,
            results,
            maker.compiled.core,
            [*hidden, *self._constants],
            self._explain_failure,
            unwrap,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs or self._needs_binding or len(args) != len(self._converters):
            args = self._bind(args, kwargs)
        made = self._call(*args)
        return made if self._plain else self._deliver(made)

    def _bind(self, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """The arguments in order, from positions, keywords and defaults."""
        specs = self.maker.inputs
        if len(args) > len(specs):
            raise InputError(
                f"{self!r} takes {len(specs)} arguments ({self._names()}); got {len(args)}"
            )
        bound: dict[int, Any] = dict(enumerate(args))
        for key, value in kwargs.items():
            positions = [k for k, s in enumerate(specs) if s.name == key]
            if len(positions) != 1:
                what = "no" if not positions else "more than one"
                raise InputError(f"{self!r} has {what} input named {key!r} ({self._names()})")
            if positions[0] in bound:
                raise InputError(f"{self!r} got two values for its input {key!r}")
            bound[positions[0]] = value
        for k, default in enumerate(self._defaults):
            if k not in bound and default is not None:
                bound[k] = default.get_value() if hasattr(default, "get_value") else default
        missing = [_label(k, s) for k, s in enumerate(specs) if k not in bound]
        if missing:
            raise InputError(f"{self!r} lacks a value for {', '.join(missing)} ({self._names()})")
        return tuple(bound[k] for k in range(len(specs)))

    def _names(self) -> str:
        return ", ".join(s.name or "an unnamed one" for s in self.maker.inputs) or "no inputs"

    def _deliver(self, made: Any) -> Any:
        """Store the updates and put the results into the shape that was asked for."""
        if self._extra:
            count = len(made) - self._extra
            values = iter(made[count:])
            for variable in self.maker.updated:
                variable.container[0] = next(values)
            for position in self.maker.next_defaults:
                self._defaults[position] = next(values)
            made = made[:count]
        if self.maker.result == "single":
            return made[0]
        if isinstance(self.maker.result, list):
            return dict(zip(self.maker.result, made, strict=True))
        return made

    def _explain_failure(self, error: Exception, args: Sequence[Any]) -> Exception:
        """The error in the user's terms, found by running node by node."""
        if not isinstance(error, (Failed, np.linalg.LinAlgError, ValueError, MemoryError)):
            return error
        given = self._given(args)
        if isinstance(error, Failed):
            failure = self.maker.compiled.failures[error.args[0] - 1]
            message = failure.message
            if failure.node is not None:
                values = interpret([], given, last=failure.node)
                message = f"{message} {context_of(failure.node, values)}"
                if failure.error is ShapeError:
                    sizes = [s for v in values if v is not None for s in v.shape]
                    message += broadcast_hint(sizes)
            return failure.error(message)
        if self.maker.mode.linker == "reference":
            return error
        try:
            interpret(self.maker.fgraph.outputs, given)
        except Exception as found:
            return found
        return error

    def _given(self, args: Sequence[Any]) -> dict[Variable, Any]:
        given: dict[Variable, Any] = {}
        for spec, value in zip(self.maker.inputs, args, strict=True):
            given[spec.variable] = np.asarray(value, dtype=spec.variable.type.dtype)
        for variable in self.maker.shared:
            given[variable] = variable.container[0]
        return given

    # -- what can be asked of it -----------------------------------------------------------

    @property
    def source(self) -> str:
        """The Python source of the compiled function."""
        emitted = self.maker.compiled.emitted
        if emitted is None:
            raise NumbagradError("A function in reference mode has no source: nothing is printed")
        return emitted.source

    @property
    def jitted(self) -> Any:
        """The compiled function for use inside ``@njit`` code."""
        compiled = self.maker.compiled
        if compiled.program is None:
            raise NumbagradError("A function in reference mode is not compiled")
        if not compiled.constants:
            return compiled.core
        return bind_constants(compiled, self._constants, self.maker.mode)

    def explain(self, code: int) -> str:
        """What ``Failed(code)``, raised by `jitted`, means."""
        failure = self.maker.compiled.failures[code - 1]
        return f"{failure.error.__name__}: {failure.message} (built at {failure.where})"

    def compile_report(self) -> CompileReport:
        """Seconds that compiling took, stage by stage."""
        return self.maker.compiled.report

    def get_shared(self) -> list[SharedVariable]:
        """The shared variables that are read or updated."""
        return list(dict.fromkeys([*self.maker.shared, *self.maker.updated]))

    @property
    def input_storage(self) -> Any:
        """Theano's view of the inputs: their variables and default values."""
        return [
            SimpleNamespace(variable=s.variable, name=s.name, data=s.value)
            for s in self.maker.inputs
        ]

    def copy(
        self,
        share_memory: bool = False,
        swap: Mapping[SharedVariable, SharedVariable] | None = None,
        delete_updates: bool = False,
        name: str | None = None,
    ) -> Function:
        """Another function on the same compiled code.

        Parameters
        ----------
        share_memory : bool
            Accepted for Theano's sake: intermediate memory is never kept between calls.
        swap : mapping, optional
            Shared variables to use instead of others; the types must be the same.
        delete_updates : bool
            Whether the copy leaves shared variables unchanged.
        name : str, optional

        Raises
        ------
        TypeError
            If a swapped variable is of another type.
        ValueError
            If a variable to be swapped is not used.
        """
        swap = dict(swap or {})
        used = set(self.get_shared())
        for old, new in swap.items():
            if old not in used:
                raise ValueError(f"swap: {old!r} is no shared variable of {self!r}")
            if not isinstance(new, SharedVariable) or old.type != new.type:
                raise TypeError(f"swap: {old!r} of {old.type} can not become {new!r}")
        maker = copy.copy(self.maker)
        maker.name = name or self.maker.name
        made = Function.__new__(Function)
        maker.shared = [swap.get(v, v) for v in self.maker.shared]
        maker.updated = [swap.get(v, v) for v in self.maker.updated]
        if delete_updates and maker.updated:
            every = self.maker.unoptimized
            keep = len(every) - len(maker.updated) - len(maker.next_defaults)
            wanted = every[:keep] + every[keep + len(maker.updated) :]
            arguments = [s.variable for s in maker.inputs] + self.maker.shared
            maker.compiled = compile_graph(arguments, wanted, maker.name, maker.mode)
            maker.unoptimized = wanted
            maker.updated = []
        made.__init__(maker, self.trust_input)  # type: ignore[misc]
        return made

    def __copy__(self) -> Function:
        return self.copy()

    def __reduce__(self) -> Any:
        maker = self.maker
        specs = [
            (s.variable, s.name, value, s.update, s.strict, s.allow_downcast)
            for s, value in zip(maker.inputs, self._defaults, strict=True)
        ]
        state = (specs, maker.shared, maker.updated, maker.unoptimized, maker.result)
        return _unpickle, (state, maker.name, maker.mode, self.trust_input)

    def __repr__(self) -> str:
        return f"Function({self.name!r})" if self.name else "Function"


def _unpickle(state: Any, name: str | None, mode: Mode, trust_input: bool) -> Function:
    rows, shared_ones, updated, wanted, result = state
    specs = [
        In(v, name=n, value=value, update=update, strict=strict, allow_downcast=downcast)
        for v, n, value, update, strict, downcast in rows
    ]
    arguments = [s.variable for s in specs] + shared_ones
    compiled = compile_graph(arguments, wanted, name, mode)
    maker = Maker(specs, shared_ones, updated, result, compiled, name, mode)
    maker.unoptimized = wanted
    maker.next_defaults = [k for k, s in enumerate(specs) if s.update is not None]
    return Function(maker, trust_input)


def _label(position: int, spec: In) -> str:
    return f"input {position} ({spec.name})" if spec.name else f"input {position}"


def _frozen(array: np.ndarray) -> np.ndarray:
    """A constant as compiled code takes it: contiguous and read-only."""
    made = np.array(array, order="C")
    made.setflags(write=False)
    return made


def _reader(variable: SharedVariable) -> Any:
    """What fetches a shared value at each call."""
    container = variable.container
    if variable.type.ndim == 0:
        return lambda: array_like_compiled(container[0])
    return lambda: container[0]


# -- eval ----------------------------------------------------------------------------------


def evaluate(variable: Variable, values: Mapping[Any, Any] | None = None, **kwargs: Any) -> Any:
    """The value of a variable, for given values of the inputs it depends on.

    By default nothing is compiled, since one evaluation does not repay it: the graph is run by the
    reference interpreter. Pass ``mode`` to compile.
    """
    given = dict(values or {})
    inputs = {v: None for v in explicit_graph_inputs([variable])}
    by_name: dict[str, list[Variable]] = {}
    for item in inputs:
        if item.name:
            by_name.setdefault(item.name, []).append(item)
    bound: dict[Variable, Any] = {}
    for key, value in given.items():
        if isinstance(key, str):
            found = by_name.get(key, [])
            if len(found) != 1:
                what = "no input" if not found else "more than one input"
                raise MissingInputError(f"eval: {variable!r} depends on {what} named {key!r}")
            key = found[0]
        elif not isinstance(key, Variable):
            raise TypeError(f"eval takes values by variable or by name; got {key!r}")
        bound[key] = value
    kwargs.setdefault("on_unused_input", "raise")
    kwargs.setdefault("mode", "reference")
    compiled = function(list(bound), variable, **kwargs)
    return compiled(*bound.values())


OPS["eval"] = evaluate
