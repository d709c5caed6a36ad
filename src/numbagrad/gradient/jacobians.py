"""Jacobians and Hessians of any number of dimensions.

A Jacobian is the pullback over a batch of cotangents, or the pushforward over a batch of tangents,
whose members are the rows of an identity matrix; the graph over the batch comes from
``ops.batching``. No loop over a compiled function is made, and forward values are shared. Patterns
of sparsity and their colours come from ``sparsity``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..graph.basic import Variable
from ..graph.registry import OPS
from ..graph.tensor import TensorType, constant
from ..graph.traverse import clone_replace, graph_inputs
from ..lazy import lazy_module
from ..ops.batching import batched, full
from ..ops.dtypes import is_complex
from ..ops.sizes import product, shape_tuple
from ..ops.spots import Frame, Place, Spots, Stacked, Term, unit_spots
from .controls import as_list_or_tuple, disconnected_grad
from .forward import Rop
from .paths import is_disconnected, is_null, moves_in_steps, why_disconnected
from .reverse import Lop, as_variables, check_choice, grad, report

__all__ = ["SparseMatrix", "hessian", "jacobian"]

sparsity_of = lazy_module(f"{__package__}.sparsity")  # needs SciPy

#: From a batch of directions and its frame to the derivatives in them, members in front.
Sweep = Callable[[Any, Frame], Any]


# -- what users pass -------------------------------------------------------------------------


def _targets(wrt: Any, name: str) -> list[Any]:
    targets = as_variables("wrt", wrt)
    for x in targets:
        if moves_in_steps(x):
            raise TypeError(
                f"{name}: {x!r} is of {x.type}, and nothing has a derivative with respect to "
                "integers or truth values; cast it to a float where it comes in"
            )
        if not isinstance(x.type, TensorType):
            raise TypeError(f"{name}: wrt must be tensors; {x!r} is of type {x.type}")
    return targets


def _patterns(sparsity: Any, targets: Sequence[Variable]) -> list[Any]:
    """One pattern (or None or "detect") for each of ``targets``."""
    if isinstance(sparsity, str):
        check_choice("sparsity", sparsity, ("detect",))
    if isinstance(sparsity, (list, tuple)) and len(targets) > 1:
        if len(sparsity) != len(targets):
            raise ValueError(
                f"wrt has {len(targets)} variables but sparsity has {len(sparsity)} patterns"
            )
        return list(sparsity)
    return [sparsity] * len(targets)


def _values_of(at: Mapping[Any, Any] | None, outputs: Sequence[Variable]) -> dict[Variable, Any]:
    """The values in ``at`` by variable; a key may be a name."""
    named = {v.name: v for v in graph_inputs(outputs) if v.name}
    found = {}
    for key, value in (at or {}).items():
        v = named.get(key) if isinstance(key, str) else key
        if not isinstance(v, Variable):
            raise ValueError(f"at: {key!r} is no variable of the expression")
        found[v] = v.type.filter(value, allow_downcast=True)
    return found


# -- sweeps ----------------------------------------------------------------------------------


def _over(made: Any, direction: Variable) -> Sweep:
    """The sweep of which ``made`` is one member, for the variable ``direction``."""

    def sweep(seeds: Any, frame: Frame) -> Any:
        (found,) = batched([made], {direction: seeds}, frame)
        stored = found.scattered() if isinstance(found, Spots) else None
        return full(found, frame) if stored is None else stored

    return sweep


def _reverse(
    expression: Any, targets: list[Any], consider_constant: Any, disconnected_inputs: str
) -> list[Sweep | None]:
    """For each target the sweep from cotangents of the expression; None if disconnected.

    One walk serves all targets.
    """
    cotangent = expression.type.make_variable()
    found = Lop(expression, targets, cotangent, consider_constant, disconnected_inputs, "none")
    return [None if g is None else _over(g, cotangent) for g in found]


def _forward(
    expression: Any, x: Any, constants: Sequence[Variable], disconnected_inputs: str
) -> Sweep | None:
    """The sweep from tangents of ``x``; None if disconnected."""
    held = {c: disconnected_grad(c) for c in constants if c is not x}
    still = clone_replace(expression, held) if held else expression
    tangent = x.type.make_variable()
    moved = Rop(still, x, tangent, "ignore", "none")
    if moved is None:
        if disconnected_inputs != "ignore":
            why = why_disconnected(x, [expression], set(constants))
            words = f"The expression does not depend differentiably on {x!r} ({x.type}): {why}"
            report(disconnected_inputs, words)
        return None
    return _over(moved, tangent)


def _units(x: Any) -> tuple[Any, Frame]:
    """The rows of an identity matrix, each in the shape of ``x``."""
    return unit_spots(x, OPS["ones_like"](x))


def _known_size(x: Any) -> int | None:
    return None if None in x.type.shape else int(np.prod(x.type.shape, dtype=np.int64))


def _forward_is_cheaper(expression: Any, targets: Sequence[Any]) -> bool:
    """Whether there are fewer variables than results, as far as that is known."""
    if expression.type.ndim == 0:
        return False
    if all(x.type.ndim == 0 for x in targets):
        return True
    rows, columns = _known_size(expression), [_known_size(x) for x in targets]
    if rows is None or None in columns:
        return False
    return sum(c for c in columns if c is not None) < rows


def _zeros(expression: Any, x: Any) -> Any:
    dtype = np.result_type(expression.type.dtype, x.type.dtype).name
    dtype = dtype if np.dtype(dtype).kind in "fc" else x.type.dtype
    return OPS["alloc"](constant(0.0, dtype=dtype), *shape_tuple(expression), *shape_tuple(x))


def _shaped(made: Any, expression: Any, x: Any, forward: bool) -> Any:
    """From members in front to ``expression.shape + x.shape``."""
    seeded = x if forward else expression
    # A dimension known to be of size 1 has no coordinate.
    lead: list[Any] = []
    for size in seeded.type.shape:
        lead.append("x" if size == 1 else sum(k != "x" for k in lead))
    count = sum(k != "x" for k in lead)
    core = list(range(count, made.ndim))
    return OPS["dimshuffle"](made, [*core, *lead] if forward else [*lead, *core])


# -- a few sweeps for many columns -----------------------------------------------------------


class SparseMatrix:
    """A matrix of which only some entries are there: their values symbolic, their places known.

    Attributes
    ----------
    data : Variable
        The entries, row by row: a vector, which can be an output of ``function``.
    indices, indptr : ndarray of int
        Columns of the entries, and where each row begins, as in SciPy's CSR.
    shape : tuple of int
    sweeps : int
        How many directions were differentiated in.

    Examples
    --------
    >>> from numbagrad import hessian, tensor
    >>> x = tensor.tensor("x", shape=(3,), dtype="float64")
    >>> h = hessian((x**4).sum(), x, sparsity="detect", result="sparse")
    >>> h.shape, h.indices, h.sweeps
    ((3, 3), array([0, 1, 2]), 1)
    >>> h.eval({x: [1.0, 2.0, 3.0]}).toarray()
    array([[ 12.,   0.,   0.],
           [  0.,  48.,   0.],
           [  0.,   0., 108.]])
    """

    def __init__(self, data: Any, rows: np.ndarray, given: Any, sweeps: int):
        self.data = data
        self.rows = rows
        self.indices = given.indices.astype(np.int64)
        self.indptr = given.indptr.astype(np.int64)
        self.shape = tuple(int(n) for n in given.shape)
        self.sweeps = sweeps

    def __repr__(self) -> str:
        return f"SparseMatrix(shape={self.shape}, entries={self.indices.size})"

    def to_scipy(self, data: Any) -> Any:
        """A ``scipy.sparse.csr_array`` with these values of ``data``."""
        return sparsity_of.csr(np.asarray(data), self.rows, self.indices, self.shape)

    def dense(self) -> Any:
        """The whole matrix as a variable."""
        zeros = OPS["alloc"](constant(0.0, dtype=self.data.type.dtype), *self.shape)
        there = OPS["subtensor"](zeros, (constant(self.rows), constant(self.indices)))
        return OPS["set_subtensor"](there, self.data)

    def eval(self, inputs_to_values: Any = None, **kwargs: Any) -> Any:
        """Compile and compute at once, as ``Variable.eval``; a ``scipy.sparse.csr_array``."""
        return self.to_scipy(self.data.eval(inputs_to_values, **kwargs))


def _coloured(x: Any, colours: np.ndarray) -> tuple[Any, Frame]:
    """For each colour ones at the elements of ``x`` of that colour, zeros elsewhere."""
    number = int(colours.max(initial=0)) + 1
    frame, labels, dtype = Frame([number]), constant(colours), x.type.dtype
    if x.type.ndim == 1:
        ones = OPS["alloc"](constant(1.0, dtype=dtype), colours.size)
        return Spots(frame, [Term(ones, (Place(0, labels),))]), frame
    labels = OPS["reshape"](labels, shape_tuple(x), ndim=x.type.ndim)
    members = OPS["dimshuffle"](OPS["arange"](number), [0, *"x" * x.type.ndim])
    lifted = OPS["dimshuffle"](labels, ["x", *range(x.type.ndim)])
    return Stacked(OPS["cast"](OPS["eq"](members, lifted), dtype), frame), frame


def _entries(sweep: Sweep, x: Any, colours: np.ndarray, at: tuple[Any, Any]) -> Any:
    """The entries of a matrix from sweeps over the colours."""
    made = sweep(*_coloured(x, colours))
    if made.ndim != 2:
        members, *rest = shape_tuple(made)
        made = OPS["reshape"](made, (members, product(rest)))
    return OPS["subtensor"](made, tuple(constant(k) for k in at))


def _sparse(expression: Any, x: Any, given: Any, sweeps: tuple[Any, Any], mode: str) -> Any:
    """The Jacobian as a SparseMatrix, by columns or by rows, whichever needs fewer sweeps."""
    forward, reverse = sweeps
    by_column: Any = sparsity_of.colour_columns(given) if mode != "reverse" else None
    by_row: Any = sparsity_of.colour_columns(given.T) if mode != "forward" else None
    columns_win = by_row is None or (
        by_column is not None and by_column.max(initial=0) <= by_row.max(initial=0)
    )
    rows = np.repeat(np.arange(given.shape[0]), np.diff(given.indptr))
    sweep, seeded, colours = (
        (forward(), x, by_column) if columns_win else (reverse(), expression, by_row)
    )
    if sweep is None or rows.size == 0:
        data = OPS["alloc"](constant(0.0, dtype=x.type.dtype), rows.size)
        return SparseMatrix(data, rows, given, 0)
    if columns_win:
        at = sparsity_of.from_colours(given, colours)
    else:
        at = (colours[rows], given.indices.astype(np.int64))
    count = int(colours.max(initial=0)) + 1
    return SparseMatrix(_entries(sweep, seeded, colours, at), rows, given, count)


def _finished(made: SparseMatrix, expression: Any, x: Any, result: str) -> Any:
    if result == "sparse":
        return made
    dense = made.dense()
    if expression.type.ndim == x.type.ndim == 1:
        return dense
    shape = [*shape_tuple(expression), *shape_tuple(x)]
    return OPS["reshape"](dense, shape, ndim=len(shape))


def _pattern(given: Any, expression: Any, x: Any, at: Mapping[Any, Any] | None) -> Any:
    if isinstance(given, str):
        return sparsity_of.detect(expression, x, _values_of(at, [expression]))
    return sparsity_of.pattern(given, (_known_size(expression), _known_size(x)))


def _verify(made: SparseMatrix, expression: Any, x: Any, at: Mapping[Any, Any] | None) -> None:
    """Compare the matrix times a vector with a sweep in that direction.

    Raises
    ------
    ValueError
        If they differ: the derivative has entries where the pattern has none.
    """
    values = _values_of(at, [expression])
    missing = [v for v in graph_inputs([expression]) if _is_free(v) and v not in values]
    if missing:
        raise ValueError(f"check=True needs a value in at={{...}} for every input; not {missing}")
    shape = np.shape(values[x]) if x in values else tuple(shape_tuple(x))
    direction = np.random.default_rng(0).uniform(0.5, 1.5, shape).astype(x.type.dtype)
    wanted = Rop(expression, x, constant(direction), "ignore")
    truth, data = (np.asarray(_evaluated(v, values)).reshape(-1) for v in (wanted, made.data))
    matrix = made.to_scipy(data)
    found = matrix @ direction.reshape(-1)
    scale = abs(matrix) @ direction.reshape(-1) + np.abs(truth)
    wrong = np.flatnonzero(~(np.abs(found - truth) <= 1e-6 * scale + 1e-300))
    if wrong.size:
        raise ValueError(
            f"The function violates the sparsity pattern: its derivative has entries that the "
            f"pattern leaves out, in row {wrong[0]} (and {wrong.size - 1} other rows)"
        )


def _evaluated(v: Any, values: Mapping[Variable, Any]) -> Any:
    needed = set(graph_inputs([v]))
    return v.eval({x: a for x, a in values.items() if x in needed})


def _is_free(v: Any) -> bool:
    return v.owner is None and not hasattr(v, "data") and not hasattr(v, "get_value")


# -- what users call -------------------------------------------------------------------------


def jacobian(
    expression: Any,
    wrt: Any,
    consider_constant: Sequence[Variable] | None = None,
    disconnected_inputs: str = "raise",
    vectorize: bool = True,
    *,
    mode: str = "auto",
    sparsity: Any = None,
    at: Mapping[Any, Any] | None = None,
    result: str = "dense",
    check: bool = False,
) -> Any:
    """The derivative of each element of an expression with respect to each of a variable.

    Parameters
    ----------
    expression : Variable
        Of any number of dimensions.
    wrt : Variable, or list or tuple of Variable
        Floating, of any number of dimensions.
    consider_constant : sequence of Variable, optional
        Expressions behind which nothing is differentiated.
    disconnected_inputs : {"raise", "warn", "ignore"}
        What to do about a variable on which the expression does not depend.
    vectorize : bool
        Accepted for PyTensor's sake: there is never a scan.
    mode : {"auto", "forward", "reverse"}
        Whether a sweep takes a column or a row. By default what there is less of, where sizes are
        known (give static shapes), and otherwise rows.
    sparsity : None, "detect", or matrix
        Which entries can be other than zero, as a SciPy sparse matrix or boolean array of shape
        (size of the expression, size of the variable), or found out from the graph. Columns that
        share no row are differentiated together. A list of these for several ``wrt``.
    at : mapping, optional
        Values of inputs, by variable or name. ``"detect"`` reads sizes that are not static from
        them, and integers (the pattern holds for these indices). ``check`` needs all inputs.
    result : {"dense", "sparse"}
        With ``sparsity``: a variable, or a `SparseMatrix` whose entries are one.
    check : bool
        Verify the pattern at the values ``at``, in one more direction.

    Returns
    -------
    Variable or SparseMatrix, or list or tuple of these
        Of shape ``expression.shape + wrt.shape`` for each of ``wrt``.

    Raises
    ------
    TypeError
        If something is no variable, or ``wrt`` is not floating.
    ValueError
        For an unknown option, or a pattern of the wrong shape or that the function violates.
    DisconnectedInputError, NullTypeGradError
        As in `grad`.

    Examples
    --------
    >>> from numbagrad import tensor
    >>> x = tensor.dvector("x")
    >>> jacobian(x**2, x).eval({x: [1.0, 2.0]})
    array([[2., 0.],
           [0., 4.]])
    """
    _check_options(disconnected_inputs, mode, result, sparsity)
    if not isinstance(expression, Variable):
        raise TypeError(f"expression must be a symbolic variable; got {expression!r}")
    if is_null(expression) or is_disconnected(expression):
        raise TypeError(f"expression has no value: it is of type {expression.type}")
    targets = _targets(wrt, "jacobian")
    constants = as_variables("consider_constant", list(consider_constant or ()))
    patterns = _patterns(sparsity, targets)
    mode = _mode(expression, targets, mode)

    def forward(x: Any) -> Sweep | None:
        return _forward(expression, x, constants, disconnected_inputs)

    def reverse(wanted: list[Any]) -> list[Sweep | None]:
        return _reverse(expression, wanted, constants, disconnected_inputs)

    dense = [x for x, p in zip(targets, patterns, strict=True) if p is None]
    ahead = mode == "forward" or (mode == "auto" and _forward_is_cheaper(expression, dense))
    back = iter(() if ahead or not dense else reverse(dense))
    made: list[Any] = []
    for x, given in zip(targets, patterns, strict=True):
        if given is not None:
            given = _pattern(given, expression, x, at)
            sweeps = (lambda x=x: forward(x)), (lambda x=x: reverse([x])[0])
            entries = _sparse(expression, x, given, sweeps, mode)
            if check:
                _verify(entries, expression, x, at)
            made.append(_finished(entries, expression, x, result))
            continue
        sweep = forward(x) if ahead else next(back)
        if sweep is None:
            made.append(_zeros(expression, x))
        else:
            seeds = _units(x if ahead else expression)
            made.append(_shaped(sweep(*seeds), expression, x, ahead))
    return as_list_or_tuple(isinstance(wrt, list), isinstance(wrt, tuple), made)


def _check_options(disconnected_inputs: str, mode: str, result: str, sparsity: Any) -> None:
    check_choice("disconnected_inputs", disconnected_inputs, ("raise", "warn", "ignore"))
    check_choice("mode", mode, ("auto", "forward", "reverse"))
    check_choice("result", result, ("dense", "sparse"))
    if result == "sparse" and sparsity is None:
        raise ValueError("result='sparse' needs a pattern: pass sparsity='detect' or a matrix")


def _mode(expression: Any, targets: Sequence[Any], mode: str) -> str:
    """The mode for complex expressions, of which only a tangent is well defined."""
    if not is_complex(getattr(expression.type, "dtype", "float64")):
        return mode
    if any(is_complex(x.type.dtype) for x in targets) or mode == "reverse":
        raise TypeError(
            "The Jacobian of a complex expression is taken in forward mode with respect to real "
            "variables only; take real and imaginary parts"
        )
    return "forward"


def hessian(
    cost: Any,
    wrt: Any,
    consider_constant: Sequence[Variable] | None = None,
    disconnected_inputs: str = "raise",
    *,
    sparsity: Any = None,
    at: Mapping[Any, Any] | None = None,
    result: str = "dense",
    check: bool = False,
) -> Any:
    """The second derivatives of a scalar, in forward mode over reverse mode.

    Parameters
    ----------
    cost : Variable
        Scalar and real.
    wrt : Variable, or list or tuple of Variable
        Floating, of any number of dimensions. For several there is a Hessian for each.
    consider_constant, disconnected_inputs
        As in `grad`.
    sparsity, at, result, check
        As in `jacobian`, of the shape (size of ``wrt``, size of ``wrt``). A pattern is taken as
        symmetric: one triangle is enough. Symmetry is used: an entry may be found in its mirror.

    Returns
    -------
    Variable or SparseMatrix, or list or tuple of these
        Of shape ``wrt.shape + wrt.shape``; zeros where the gradient does not depend on ``wrt``.

    Raises
    ------
    ValueError
        If the cost is no scalar, for an unknown option, or a pattern of the wrong shape or that
        the function violates.
    TypeError
        If something is no variable, the cost is complex, or ``wrt`` is not real.
    DisconnectedInputError, NullTypeGradError
        As in `grad`.

    Examples
    --------
    >>> from numbagrad import tensor
    >>> x = tensor.dvector("x")
    >>> hessian((x[0] * x[1]) ** 2, x).eval({x: [1.0, 2.0]})
    array([[8., 8.],
           [8., 2.]])
    """
    _check_options(disconnected_inputs, "auto", result, sparsity)
    ndim = getattr(getattr(cost, "type", None), "ndim", 0)
    if ndim:
        raise ValueError(
            f"The cost of a Hessian must be a scalar (ndim 0); {cost!r} has ndim {ndim}. Reduce "
            "it, for example with .sum(), or take the jacobian of a gradient"
        )
    targets = _targets(wrt, "hessian")
    for x in targets:
        if is_complex(x.type.dtype):
            raise TypeError(f"hessian: {x!r} is {x.type.dtype}; take real and imaginary parts")
    constants = as_variables("consider_constant", list(consider_constant or ()))
    patterns = _patterns(sparsity, targets)
    gradients = grad(cost, targets, constants, disconnected_inputs, add_names=False)
    made = []
    for x, g, given in zip(targets, gradients, patterns, strict=True):
        sweep = _forward(g, x, constants, "ignore")
        if given is not None:
            entries = _symmetric(sweep, _pattern(given, g, x, at), x)
            if check:
                _verify(entries, g, x, at)
            made.append(_finished(entries, g, x, result))
        elif sweep is None:
            made.append(_zeros(g, x))
        else:
            made.append(_shaped(sweep(*_units(x)), x, x, False))
    return as_list_or_tuple(isinstance(wrt, list), isinstance(wrt, tuple), made)


def _symmetric(sweep: Sweep | None, given: Any, x: Any) -> SparseMatrix:
    """The Hessian as a SparseMatrix."""
    if given.shape[0] != given.shape[1]:
        raise ValueError(f"The sparsity pattern of a Hessian must be square; it is {given.shape}")
    given = (given + given.T).tocsr()
    given.sort_indices()
    rows = np.repeat(np.arange(given.shape[0]), np.diff(given.indptr))
    if sweep is None or rows.size == 0:
        data = OPS["alloc"](constant(0.0, dtype=x.type.dtype), rows.size)
        return SparseMatrix(data, rows, given, 0)
    colours = sparsity_of.colour_symmetric(given)
    at = sparsity_of.from_colours(given, colours, symmetric=True)
    count = int(colours.max(initial=0)) + 1
    return SparseMatrix(_entries(sweep, x, colours, at), rows, given, count)
