"""``function``: from symbolic inputs and outputs to a Python callable.

The user's arguments are put in order in ``arguments``; compiling is in ``build``, calling in
``calling``.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterable, Mapping, Sequence
from keyword import iskeyword
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..config import config
from ..errors import (
    Failed,
    InputError,
    MissingInputError,
    NumbagradError,
    ShapeError,
)
from ..graph.basic import Variable
from ..graph.fgraph import FunctionGraph
from ..graph.registry import OPS, register
from ..graph.traverse import clone_replace, explicit_graph_inputs
from ..ops.interpret import check_sizes, context_of, interpret
from .arguments import (
    as_input,
    borrowed_outputs,
    check_inputs,
    collect_updates,
    flatten_outputs,
    next_defaults,
    pairs,
    refuse_duplicates,
    refuse_null,
    shared_in,
    sparse_outputs,
    with_givens,
)
from .build import Compiled, CompileReport, bind_constants, compile_graph, simd_report
from .calling import Calling, label_of
from .generators import Plan, is_generator, plan_of
from .io import In
from .modes import Mode, get_mode
from .shared import SharedVariable

__all__ = ["Function", "evaluate", "function"]

#: No more nodes than this are computed one by one to explain an error in a loop.
_MOST_WORK = 1_000_000


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
    parallel: bool | None = None,
) -> Function:
    """Compile a graph into a Python callable.

    Parameters
    ----------
    inputs : sequence of Variable or In
        The arguments, in order. Their names are keywords.
    outputs : Variable, Out, SparseMatrix, list, tuple or dict of these, optional
        What a call returns: one array, a list, or a dict. ``None`` returns an empty list. A
        `SparseMatrix` (of `jacobian` and `hessian`) is returned as a ``scipy.sparse.csr_array``.
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
    parallel : bool, optional
        Whether long loops are shared out among threads (``NUMBA_NUM_THREADS``, or one a processor);
        ``config.parallel`` by default. The result is the same for any number of threads.
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
    specs = [as_input(item, k, allow_input_downcast) for k, item in enumerate(inputs)]
    refuse_duplicates(specs)
    results, shape_of_result = flatten_outputs(outputs)
    new_values = collect_updates(specs, updates, results, no_default_updates)
    defaults = next_defaults(specs)
    replaced = pairs(givens, "givens")
    wanted = [*results, *new_values.values(), *defaults.values()]
    if replaced:
        wanted = with_givens(wanted, replaced)
    refuse_null(wanted)
    shared_ones = shared_in(wanted, specs, new_values)
    check_inputs(specs, wanted, on_unused_input or config.on_unused_input, replaced)
    sparse = sparse_outputs(outputs)
    updated = list(new_values)
    maker = Maker(
        specs, shared_ones, updated, wanted, shape_of_result, sparse, name,
        get_mode(mode, parallel), borrowed_outputs(outputs),
    )  # fmt: skip
    return Function(maker, trust_input)


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
        wanted: Sequence[Variable],
        result: Any,
        sparse: dict[int, Any],
        name: str | None,
        mode: Mode,
        borrowed: frozenset[int] = frozenset(),
    ):
        self.inputs = list(specs)
        self.shared = list(shared_ones)
        self.updated = list(updated)
        self.unoptimized = list(wanted)
        self.result = result
        self.sparse = sparse
        self.name = name
        self.mode = mode
        #: The results, by position, whose memory the next call may use.
        self.borrowed = borrowed
        #: The inputs whose default value each call computes anew, by position.
        self.next_defaults = [k for k, s in enumerate(specs) if s.update is not None]
        self.compiled = self.compile()

    def compile(self) -> Compiled:
        """Compile what is wanted now."""
        arguments = [s.variable for s in self.inputs] + self.shared
        strict = [s.strict for s in self.inputs]
        return compile_graph(
            arguments, self.unoptimized, self.name, self.mode, strict, not self.plain
        )

    def plan_generators(self) -> Plan | None:
        """What a call does with generators; None if there are none, or nothing is compiled."""
        if self.compiled.built is None:
            return None
        first = len(self.inputs)
        places = {v: first + k for k, v in enumerate(self.shared)}
        ends = self.compiled.ends
        targets: list[int | None] = [None] * len(ends)
        begin = len(ends) - len(self.updated) - len(self.next_defaults)
        for k, variable in enumerate(self.updated):
            targets[begin + k] = places.get(variable, -1)
        kept = [s.mutable for s in self.inputs] + [False] * len(self.shared)
        drawn = [is_generator(v) for v in (*(s.variable for s in self.inputs), *self.shared)]
        return plan_of(drawn, self.compiled.copies, ends, kept, targets)

    @property
    def extra(self) -> int:
        """How many results are not the user's: updates."""
        return len(self.updated) + len(self.next_defaults)

    @property
    def plain(self) -> bool:
        """Whether compiled code returns one array rather than a list."""
        return self.result == "single" and not (self.extra or self.sparse)

    @property
    def fgraph(self) -> FunctionGraph:
        """The rewritten graph."""
        return self.compiled.fgraph

    env = fgraph


class Function:
    """A compiled graph; call it with arrays, positionally or by the inputs' names.

    ``f(x, out=array)`` writes the result into an array and returns that; for several results
    ``out`` is a list, or a dict where they are one, with None where a new array is wanted. Each has
    the dtype and the shape of its result, is C-contiguous, aligned and writeable, and overlaps no
    other and no shared value. This is checked before anything is written, but for sizes of results
    that a library routine allocates or that depend on values. One that overlaps an argument gets a
    copy of a result that is computed elsewhere. (An input that is named ``out`` keeps its keyword,
    and there is no such argument.)

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

    Examples
    --------
    >>> from numbagrad import tensor
    >>> x = tensor.dscalar("x")
    >>> f = function([x], x * 2.0, name="double")
    >>> f
    Function('double')
    >>> f(x=1.5), f.jitted(1.5)
    (array(3.), 3.0)
    >>> import numpy as np
    >>> v = tensor.dvector("v")
    >>> place = np.empty(2)
    >>> function([v], v * 2.0)([1.0, 2.0], out=place) is place, place
    (True, array([2., 4.]))
    """

    __slots__ = ("__call__", "__dict__", "__weakref__")

    __call__: Any

    def __init__(self, maker: Maker, trust_input: bool = False):
        self.maker = maker
        self.name = maker.name
        self.trust_input = trust_input
        self._calling = Calling(maker, self._explain_failure, repr(self))
        #: A slot of the class: Python finds what is to be called there, and calls it at once.
        self.__call__ = self._calling.quick

    @property
    def __signature__(self) -> inspect.Signature:
        """The arguments by name; one whose name is none in Python is positional only."""
        names = [s.name or "" for s in self.maker.inputs]
        plain = [n.isidentifier() and not iskeyword(n) and names.count(n) == 1 for n in names]
        last = max((k for k, good in enumerate(plain) if not good), default=-1)
        return inspect.Signature(
            [
                inspect.Parameter(
                    name if plain[k] else f"a{k}",
                    inspect.Parameter.POSITIONAL_ONLY
                    if k <= last
                    else inspect.Parameter.POSITIONAL_OR_KEYWORD,
                )
                for k, name in enumerate(names)
            ]
            + [inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None)]
            * ("out" not in names)
        )

    def _explain_failure(self, error: Exception, args: Sequence[Any]) -> Exception:
        """The error in the user's terms, found by running node by node."""
        too_big = self._too_big(args)
        if too_big is not None:
            return too_big
        if not isinstance(error, (Failed, np.linalg.LinAlgError, ValueError, MemoryError)):
            return error
        given = self._given(args)
        if isinstance(error, Failed):
            failure = self.maker.compiled.failures[error.args[0] - 1]
            message = failure.message
            if failure.loop is not None:
                return self._explain_in_loop(failure, given)
            if failure.node is not None:
                values = interpret([], given, last=failure.node)
                message = f"{message} {context_of(failure.node, values)}"
                if failure.error is ShapeError and all(v is not None for v in values):
                    try:
                        check_sizes(failure.node, values)
                    except ShapeError as found:
                        return found
            return failure.error(message)
        if self.maker.mode.linker == "reference":
            return error
        try:
            interpret(self.maker.fgraph.outputs, given)
        except Exception as found:
            return found
        return error

    def _explain_in_loop(self, failure: Any, given: dict[Variable, Any]) -> Exception:
        """The error of a check in a loop: what the interpreter meets if it makes the steps too."""
        node = failure.loop
        steps = interpret([], given, last=node)[0]
        work = (int(steps) if steps is not None else 0) * len(node.op.graphs[0].nodes)
        if work <= _MOST_WORK:
            try:
                interpret(self.maker.fgraph.outputs, given)
            except Exception as found:
                return found
        line = f"\nIt was built at {failure.where}" if failure.where is not None else ""
        made: Exception = failure.error(f"{failure.message}{line}")
        return made

    def _too_big(self, args: Sequence[Any]) -> Exception | None:
        """A Python integer that does not fit its argument."""
        for position, (spec, value) in enumerate(zip(self.maker.inputs, args, strict=True)):
            if isinstance(value, int) and not -(2**63) <= value < 2**63:
                label = label_of(position, spec)
                return InputError(f"Bad value for {label}: {value} does not fit int64")
        return None

    def _given(self, args: Sequence[Any]) -> dict[Variable, Any]:
        values = [*args, *(variable.container[0] for variable in self.maker.shared)]
        values += [values[source] for source in self.maker.compiled.copies]
        return {
            variable: value
            if is_generator(variable)
            else np.asarray(value, dtype=variable.type.dtype)
            for variable, value in zip(self.maker.fgraph.inputs, values, strict=True)
        }

    # -- what can be asked of it -----------------------------------------------------------

    @property
    def source(self) -> str:
        """The Python source of the compiled function."""
        source = self.maker.compiled.source
        if source is None:
            raise NumbagradError("A function in reference mode has no source: nothing is printed")
        return source

    @property
    def jitted(self) -> Any:
        """The compiled function for use inside ``@njit`` code."""
        compiled = self.maker.compiled
        if compiled.built is None:
            raise NumbagradError("A function in reference mode is not compiled")
        if not compiled.constants:
            return compiled.built.dispatcher
        return bind_constants(compiled, self._calling.constants, self.maker.mode)

    def explain(self, code: int) -> str:
        """What ``Failed(code)``, raised by `jitted`, means."""
        failures = self.maker.compiled.failures
        if not 1 <= code <= len(failures):
            raise ValueError(f"{self!r} has checks 1 to {len(failures)}; there is no {code}")
        failure = failures[code - 1]
        return f"{failure.error.__name__}: {failure.message} (built at {failure.where})"

    def compile_report(self) -> CompileReport:
        """Seconds that compiling took, stage by stage."""
        return self.maker.compiled.report

    def simd_report(self) -> Any:
        """Which innermost loops of ``source`` are computed in vectors, and how wide.

        The function is translated once more, with the lines of its source noted, and LLVM's code
        is read: the same that a call runs, for this machine. What only Numba compiles, such as
        complex numbers, is compiled by it again, whose vectors may be half as wide.

        Raises
        ------
        ValueError
            If the mode is one that compiles nothing.

        Examples
        --------
        >>> from numbagrad import tensor
        >>> x = tensor.dvector("x")
        >>> f = function([x], tensor.exp(x), parallel=False)
        >>> print(f.simd_report())
        line 6: for i in range(n):  # ... at a time
        """
        return simd_report(self.maker.compiled, self.maker.mode)

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
        maker.shared = [swap.get(v, v) for v in self.maker.shared]
        maker.updated = [swap.get(v, v) for v in self.maker.updated]
        maker.unoptimized = list(clone_replace(self.maker.unoptimized, swap.items()))
        if delete_updates and maker.updated:
            keep = len(maker.unoptimized) - len(maker.updated) - len(maker.next_defaults)
            del maker.unoptimized[keep : keep + len(maker.updated)]
            maker.updated = []
            maker.compiled = maker.compile()
        return Function(maker, self.trust_input)

    def __copy__(self) -> Function:
        return self.copy()

    def __reduce__(self) -> Any:
        maker = self.maker
        specs = [
            (s.variable, s.name, value, s.update, s.mutable, s.strict, s.allow_downcast)
            for s, value in zip(maker.inputs, self._calling.defaults, strict=True)
        ]
        state = (
            maker.shared, maker.updated, maker.unoptimized, maker.result, maker.sparse, maker.name,
            maker.mode, maker.borrowed,
        )  # fmt: skip
        return _unpickle, (specs, state, self.trust_input)

    def __repr__(self) -> str:
        return f"Function({self.name!r})" if self.name else "Function"


def _unpickle(rows: Any, state: Any, trust_input: bool) -> Function:
    specs = [
        In(v, n, value, update, mutable, strict, downcast)
        for v, n, value, update, mutable, strict, downcast in rows
    ]
    return Function(Maker(specs, *state), trust_input)


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
