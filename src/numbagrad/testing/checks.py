"""What every Op has to fulfil, derived from its class: one function for each property.

Each takes an Op class whose ``samples`` say what to feed it, and raises `AssertionError` with the
Op, the arguments and both values where the property does not hold. They serve users' own declared
Ops as well as those of numbagrad; `check_op` runs them all. This module needs Numba.

>>> from numbagrad.ops.mathematics import Sin
>>> check_gradient(Sin)
"""

from __future__ import annotations

import pickle
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numba
import numpy as np

from ..codegen.emit import emit
from ..codegen.plan import plan
from ..function.function import function
from ..gradient.forward import Rop
from ..gradient.reverse import grad
from ..graph.basic import Apply, Variable
from ..graph.registry import OPS
from ..graph.tensor import DTYPES, TensorType
from ..graph.type import DisconnectedType, NullType, disconnected_type
from ..ops.dtypes import is_continuous
from ..ops.interpret import interpret
from ..ops.kinds import Declared, Elementwise, Scatter, View, no_partials
from .samples import Sample

__all__ = [
    "CHECKS",
    "check_adjoint",
    "check_compiled",
    "check_documented",
    "check_dtypes",
    "check_gradient",
    "check_op",
    "check_pickling",
    "check_second_derivative",
    "check_source",
    "check_template",
]

_CAP = 400


# -- samples and their variants ------------------------------------------------------------------


def _with_dtype(sample: Sample, dtype: str) -> Sample:
    """The sample with its numbers in another dtype, as far as that holds them."""
    target = np.dtype(dtype)

    def convert(array: np.ndarray) -> np.ndarray:
        mixed = any(a.dtype.kind != "b" for a in sample.arrays)
        if array.dtype.kind == "b" and mixed:
            return array  # a condition
        if target.kind == "c" and array.dtype.kind == "f":
            made = np.empty(array.shape, target)
            made.real, made.imag = array, 0.25 * (array[..., ::-1] if array.ndim else array)
            return made
        if target.kind != "c" and array.dtype.kind == "c":
            array = array.real
        if target.kind in "iub" and array.dtype.kind == "f":
            array = np.clip(np.nan_to_num(array), -100, 100)
        if target.kind == "u":
            array = np.abs(array)
        return array.astype(target)

    with np.errstate(all="ignore"):
        return Sample(tuple(convert(a) for a in sample.arrays), sample.params, sample.smooth)


def _variants(op_class: type[Declared]) -> Iterator[Sample]:
    """The samples, and the first one in other dtypes and without dimensions."""
    yield from op_class.samples
    first = op_class.samples[0]
    floats = all(a.dtype.kind == "f" for a in first.arrays)
    others = ["float32", "complex128", "int64"] if floats else []
    if issubclass(op_class, Elementwise):
        others = ["float32", "int8", "uint64", "bool"] + (["complex128"] if floats else [])
        if any(a.ndim for a in first.arrays):
            scalars = tuple(a.reshape(-1)[:1].reshape(()) for a in first.arrays)
            yield Sample(scalars, first.params, first.smooth)
    for dtype in others:
        yield _with_dtype(first, dtype)


def _types(op: Any, arrays: Sequence[np.ndarray], exact: bool) -> list[TensorType]:
    """Types of inputs for these arrays: all sizes known, or only those that broadcast."""
    ndim = max((a.ndim for a in arrays), default=0)
    made = []
    for array in arrays:
        shape: list[int | None] = list(array.shape) if exact else [None] * array.ndim
        if not isinstance(op, Elementwise):
            if array.ndim > 1 or isinstance(op, (View, Scatter)):
                shape = [1 if n == 1 else s for n, s in zip(array.shape, shape, strict=True)]
        else:
            for k in range(1, array.ndim + 1):
                sizes = {a.shape[-k] for a in arrays if a.ndim >= k}
                spreads = array.shape[-k] == 1 and (len(sizes) > 1 or array.ndim < ndim)
                shape[-k] = 1 if spreads else shape[-k]
        made.append(TensorType(array.dtype, shape))
    return made


def _node(op: Any, arrays: Sequence[np.ndarray]) -> tuple[list[Variable], list[Variable]]:
    """Inputs for the arrays and the outputs of the Op; sizes are left open where it allows."""
    for exact in (False, True):
        inputs = [t.make_variable() for t in _types(op, arrays, exact)]
        try:
            made = op(*inputs, return_list=True)
        except (TypeError, ValueError):
            if exact:
                raise
            continue
        return inputs, made
    raise AssertionError("unreachable")


def _owner(outputs: Sequence[Variable]) -> Apply:
    node = outputs[0].owner
    assert node is not None, f"{outputs[0]!r} was not made by an Op"
    return node


def _admitted(
    op_class: type[Declared],
) -> Iterator[tuple[Any, Sample, list[Variable], list[Variable]]]:
    """Every variant that the Op takes; the samples themselves have to be taken."""
    originals = {id(s) for s in op_class.samples}
    for sample in _variants(op_class):
        op = op_class(**sample.params)
        try:
            inputs, outputs = _node(op, sample.arrays)
        except (TypeError, ValueError):
            if id(sample) in originals:
                raise
            continue
        yield op, sample, inputs, outputs


def _awkward(array: np.ndarray) -> np.ndarray:
    """The same values, read-only, backwards in memory and with gaps, or in Fortran's order."""
    if array.ndim == 0:
        return array
    if array.ndim == 1:
        store = np.empty(2 * array.size, array.dtype)
        made = store[::-2]
        made[...] = array
    else:
        made = np.asfortranarray(array)
    made.setflags(write=False)
    return made


# -- comparing -----------------------------------------------------------------------------------


def _same(op: Any, got: Any, want: Any, variable: Variable, arrays: Any) -> None:
    """``got`` has the dtype and shape it must have, and the values up to rounding."""
    what = f"{op} of {', '.join(f'{a.dtype} {a.tolist()}' for a in arrays)}"
    assert type(got) is np.ndarray, f"{what}: a call gave {type(got).__name__}, not an ndarray"
    assert got.dtype == variable.type.dtype, f"{what}: dtype {got.dtype}, not {variable.type}"
    assert got.shape == want.shape, f"{what}: shape {got.shape}, reference {want.shape}"
    if got.dtype.kind in "iub":
        close = np.array_equal(got, want)
    else:
        single = got.dtype.name in ("float32", "complex64")
        low = any(a.dtype.name in ("float32", "complex64", "int8", "uint8", "bool") for a in arrays)
        rtol, atol = (3e-5, 1e-6) if single or low else (1e-11, 1e-15)
        if not isinstance(op, Elementwise):
            finite = np.abs(want[np.isfinite(want)])
            rtol, atol = 100 * rtol, 100 * rtol * float(finite.max(initial=1e-300))
        close = np.allclose(got, want, rtol=rtol, atol=atol, equal_nan=True)
    assert close, f"{what}:\ncompiled  {got.tolist()}\nreference {want.tolist()}"


def _reference(outputs: Sequence[Variable], inputs: Sequence[Variable], arrays: Any) -> list[Any]:
    return interpret(outputs, dict(zip(inputs, arrays, strict=True)))


# -- the properties ------------------------------------------------------------------------------


def check_documented(op_class: type[Declared]) -> None:
    """It has a docstring, and samples; an Elementwise one, or its function, shows an example."""
    name = op_class.__name__
    assert op_class.__doc__, f"{name} has no docstring"
    assert op_class.samples, f"{name} has no samples"
    if issubclass(op_class, Elementwise):
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
        function = getattr(sys.modules[op_class.__module__], words, op_class)
        shown = op_class.__doc__ + str(function.__doc__)
        assert ">>>" in shown, f"neither {name} nor {words} shows an example in its docstring"


def check_dtypes(op_class: type[Declared]) -> None:
    """The declared dtype is the one that NumPy has, for all dtypes that the Op admits."""
    for op, sample, _inputs, outputs in _admitted(op_class):
        with np.errstate(all="ignore"):
            try:
                made = op_class.reference(*sample.arrays, *op.parameters())
            except (TypeError, ValueError, np.linalg.LinAlgError):
                continue
        for value, variable in zip([made] if op.nout == 1 else made, outputs, strict=True):
            found, declared = np.asarray(value).dtype, np.dtype(variable.type.dtype)
            assert np.can_cast(found, declared, "same_kind"), (
                f"{op} of {[a.dtype.name for a in sample.arrays]} declares {declared}, "
                f"but its reference gives {found}"
            )
    if isinstance(op_class.__dict__.get("reference"), np.ufunc):
        _check_every_dtype(op_class)


def _check_every_dtype(op_class: type[Declared]) -> None:
    """Of all pairs of dtypes: the result's is NumPy's, where the Op and NumPy take them."""
    op, ufunc = op_class(), op_class.reference
    for one in DTYPES:
        for two in DTYPES if ufunc.nin == 2 else [None]:
            dtypes = [one] if two is None else [one, two]
            try:
                out = op(*(TensorType(d, ()).make_variable() for d in dtypes))
            except TypeError:
                continue
            with np.errstate(all="ignore"):
                found = ufunc(*(np.ones((), d) for d in dtypes)).dtype.name
            found = "float32" if found == "float16" else found
            assert out.type.dtype == found, (
                f"{op} of {dtypes} declares {out.type.dtype}; NumPy's {ufunc.__name__} "
                f"gives {found}"
            )


def check_template(op_class: type[Declared]) -> None:
    """The template of an Elementwise Op compiles by itself and agrees with the reference."""
    if not issubclass(op_class, Elementwise):
        return
    sample = op_class.samples[0]
    op = op_class(**sample.params)
    inputs, outputs = _node(op, sample.arrays)
    node = _owner(outputs)
    dtypes = op.argument_dtypes(node.inputs, outputs[0].type.dtype)
    (want,) = _reference(outputs, inputs, sample.arrays)
    columns = np.broadcast_arrays(*sample.arrays)
    scalar = numba.njit(error_model="numpy")(op_class.template)
    got = np.empty(want.shape, want.dtype)
    for place in np.ndindex(*want.shape):
        row = [np.dtype(d).type(c[place]) for c, d in zip(columns, dtypes, strict=True)]
        got[place] = scalar(*row, *op.parameters())
    _same(op, got, want, outputs[0], sample.arrays)


def check_compiled(op_class: type[Declared], compile: Callable[..., Any] = function) -> None:
    """Compiled code agrees with the reference.

    It does so in all dtypes, for scalars, sizes 0 and 1, broadcasting, NaN and infinities as far
    as the samples have them, and for any layout in memory; it writes no input and returns fresh
    arrays. All variants are outputs of one function, since compiling is what takes the time, but
    those with complex numbers of another: Numba compiles that as a whole, and it would keep the
    others from being translated without it.
    """
    groups: dict[Any, tuple[Any, list[Variable], list[Variable], list[Any]]] = {}
    for op, sample, inputs, outputs in _admitted(op_class):
        values = [sample.arrays, *_resized(op, sample.arrays)]
        required = any(sample is s for s in op_class.samples)
        values = [v for v in values if _computes(inputs, outputs, v, required)]
        if values:
            key = (op, *(v.type for v in inputs))
            groups.setdefault(key, (op, inputs, outputs, []))[3].extend(values)
    assert groups, f"no sample of {op_class.__name__} can be computed"
    for complex_ones in (False, True):
        some = [g for g in groups.values() if _any_complex(g[1] + g[2]) == complex_ones]
        if some:
            _check_together(some, compile)


def _any_complex(variables: Sequence[Variable]) -> bool:
    return any(np.dtype(v.type.dtype).kind == "c" for v in variables)


def _check_together(groups: Sequence[Any], compile: Callable[..., Any]) -> None:
    """Compile applications as one function and compare it on all values that there are."""
    inputs = [v for group in groups for v in group[1]]
    outputs = [v for group in groups for v in group[2]]
    compiled = compile(inputs, outputs, on_unused_input="ignore")
    for k in range(max(len(group[3]) for group in groups)):
        chosen = [group[3][k % len(group[3])] for group in groups]
        _compare_round(compiled, groups, chosen)
        if k == 0:
            _compare_round(compiled, groups, [[_awkward(a) for a in v] for v in chosen])


def _resized(op: Any, arrays: Sequence[np.ndarray]) -> list[Any]:
    """Elementwise arguments of sizes 0 and 1, where all are vectors."""
    if not isinstance(op, Elementwise) or any(a.ndim != 1 for a in arrays):
        return []
    return [tuple(a[:n] for a in arrays) for n in (0, 1)]


def _computes(inputs: Any, outputs: Any, arrays: Any, required: bool) -> bool:
    """Whether the reference has an answer; in another dtype a sample may make no sense."""
    try:
        _reference(outputs, inputs, arrays)
    except (TypeError, ValueError, ArithmeticError, np.linalg.LinAlgError):
        if required:
            raise
        return False
    return True


def _compare_round(compiled: Any, groups: Any, chosen: Sequence[Any]) -> None:
    arguments = [a for arrays in chosen for a in arrays]
    before = [a.copy() for a in arguments]
    results = iter(compiled(*arguments))
    for (op, inputs, outputs, _), arrays in zip(groups, chosen, strict=True):
        for variable, want in zip(outputs, _reference(outputs, inputs, arrays), strict=True):
            got = next(results)
            _same(op, got, want, variable, arrays)
            assert not any(np.shares_memory(got, a) for a in arrays), f"{op} returns its input"
    for array, copy in zip(arguments, before, strict=True):
        same = np.array_equal(array, copy, equal_nan=array.dtype.kind in "fc")
        assert same, "a compiled function wrote into an argument"


# -- derivatives ---------------------------------------------------------------------------------


class _Derivative:
    """One application of an Op with its reverse rule applied to cotangents.

    ``moving`` are the inputs that have a derivative, ``gradients`` theirs; ``seeds`` are the
    cotangents of the continuous outputs.
    """

    def __init__(self, op: Any, arrays: Sequence[np.ndarray]):
        self.op, self.arrays = op, arrays
        self.inputs, self.outputs = _node(op, arrays)
        self.rng = np.random.default_rng(11)
        node = _owner(self.outputs)
        self.values = _reference(self.outputs, self.inputs, arrays)
        self.seeds = [
            v.type.make_variable() if is_continuous(v.type.dtype) else None for v in self.outputs
        ]
        # The Op may have changed the inputs (aligned, cast): the rule is about the node's.
        self.moving: list[int] = []
        self.gradients: list[Variable] = []
        if any(s is not None for s in self.seeds):
            self._reverse(node)
        self.drawn = [None if s is None else self.draw(y) for s, y in self.paired()]

    def _reverse(self, node: Apply) -> None:
        given = [disconnected_type() if s is None else s for s in self.seeds]
        pattern = node.op.connection_pattern(node)
        made = node.op.L_op(node.inputs, node.outputs, given)
        assert len(made) == len(node.inputs), f"{self.op}: {len(made)} gradients"
        # Only inputs that reach the node as they are can be moved here.
        for k, variable in enumerate(self.inputs):
            if not is_continuous(variable.type.dtype) or variable not in node.inputs:
                continue
            position = node.inputs.index(variable)
            gradient = made[position]
            if isinstance(gradient.type, NullType):
                assert gradient.type.why_null, f"{self.op}: no derivative, and no reason"
                continue
            connected = any(
                c and s is not None for c, s in zip(pattern[position], self.seeds, strict=True)
            )
            if isinstance(gradient.type, DisconnectedType) or not connected:
                continue
            assert gradient.type.dtype == variable.type.dtype, (
                f"{self.op}: the gradient of {variable.type} is {gradient.type}"
            )
            self.moving.append(k)
            self.gradients.append(gradient)

    def paired(self) -> Any:
        """Each output's seed and value."""
        return zip(self.seeds, self.values, strict=True)

    def coarse(self) -> bool:
        """Whether rounding of the outputs would drown finite differences."""
        return any(y.dtype.name in ("float32", "complex64") for y in self.values)

    def draw(self, like: Any) -> np.ndarray:
        """Random numbers of the shape and dtype of an array."""
        made = self.rng.normal(size=like.shape)
        if like.dtype.kind == "c":
            made = made + 1j * self.rng.normal(size=like.shape)
        return made.astype(like.dtype)

    def evaluate(self, wanted: Sequence[Variable], arrays: Any, more: Any = ()) -> list[Any]:
        """Values of expressions of inputs, seeds and whatever ``more`` gives."""
        given = dict(zip(self.inputs, arrays, strict=True))
        given.update((s, u) for s, u in zip(self.seeds, self.drawn, strict=True) if s is not None)
        given.update(more)
        return interpret(wanted, given)

    def cost(self, arrays: Any) -> float:
        """The inner product of outputs and cotangents."""
        made = _reference(self.outputs, self.inputs, arrays)
        return sum(_dot(u, y) for u, y in zip(self.drawn, made, strict=True) if u is not None)

    def slope(self, f: Callable[[Any], float], k: int, direction: np.ndarray) -> float:
        """The derivative of ``f`` along a direction of input ``k``, by central differences."""
        step = 1e-6 * max(1.0, float(np.max(np.abs(self.arrays[k]), initial=0.0)))
        ends = []
        for sign in (1, -1):
            moved = list(self.arrays)
            moved[k] = self.arrays[k] + sign * step * direction
            ends.append(f(moved))
        return (ends[0] - ends[1]) / (2 * step)


def _dot(a: Any, b: Any) -> float:
    """The real inner product, of complex numbers that of their two parts."""
    return float(np.sum(np.real(np.conj(a) * b)))


def _derivatives(op_class: type[Declared], smooth: bool) -> Iterator[_Derivative]:
    """The samples in double precision, and the first one with floats in complex numbers."""
    done = False
    for sample in op_class.samples:
        if not all(a.dtype.name not in ("float32", "complex64") for a in sample.arrays):
            continue
        if sample.smooth or not smooth:
            yield _Derivative(op_class(**sample.params), sample.arrays)
        if not done and sample.smooth and all(a.dtype.kind == "f" for a in sample.arrays):
            done = True
            varied = _with_dtype(sample, "complex128")
            op = op_class(**sample.params)
            try:
                _node(op, varied.arrays)
            except (TypeError, ValueError):
                continue
            yield _Derivative(op, varied.arrays)


def check_gradient(op_class: type[Declared]) -> None:
    """The reverse rule agrees with central differences, for each input by itself."""
    for it in _derivatives(op_class, smooth=True):
        if it.coarse():
            continue
        found = it.evaluate(it.gradients, it.arrays)
        for k, gradient in zip(it.moving, found, strict=True):
            x = it.arrays[k]
            assert gradient.shape == x.shape, (
                f"{it.op}: the gradient of input {k}, of shape {x.shape}, has {gradient.shape}"
            )
            direction = it.draw(x)
            mine, theirs = _dot(gradient, direction), it.slope(it.cost, k, direction)
            _close(it, f"derivative by input {k}", mine, theirs)


def check_second_derivative(op_class: type[Declared]) -> None:
    """The derivative of the reverse rule agrees with central differences of the reverse rule."""
    for it in _derivatives(op_class, smooth=True):
        real = [k for k in it.moving if it.arrays[k].dtype.kind == "f"]
        if len(real) < len(it.moving) or not real or it.coarse():
            continue
        if isinstance(op_class.__dict__.get("partials"), no_partials):
            continue
        weights = [it.draw(it.arrays[k]) for k in real]
        total: Any = 0.0
        for gradient, weight in zip(it.gradients, weights, strict=True):
            total = OPS["add"](total, OPS["sum"](OPS["mul"](gradient, weight)))
        wrt = [it.inputs[k] for k in real]
        made = grad(total, wrt, disconnected_inputs="ignore")

        def inner(arrays: Any, it: Any = it, weights: Any = weights) -> float:
            found = it.evaluate(it.gradients, arrays)
            return sum(_dot(g, w) for g, w in zip(found, weights, strict=True))

        for k, second in zip(real, it.evaluate(made, it.arrays), strict=True):
            direction = it.draw(it.arrays[k])
            mine, theirs = _dot(second, direction), it.slope(inner, k, direction)
            _close(it, f"second derivative by input {k}", mine, theirs)


def _close(it: _Derivative, what: str, mine: float, theirs: float) -> None:
    scale = 1.0 + abs(mine) + abs(theirs)
    assert abs(mine - theirs) <= 3e-6 * scale, (
        f"{it.op}: the {what} is {mine}; differences give {theirs}; at "
        f"{[a.tolist() for a in it.arrays]}"
    )


def check_adjoint(op_class: type[Declared]) -> None:
    """Forward and reverse rule are adjoint: <forward(t), u> = <t, reverse(u)> to rounding."""
    for it in _derivatives(op_class, smooth=False):
        if not it.moving:
            continue
        tangents = [it.inputs[k].type.make_variable() for k in it.moving]
        drawn = [it.draw(it.arrays[k]) for k in it.moving]
        moved = [(y, u) for y, u in zip(it.outputs, it.drawn, strict=True) if u is not None]
        wrt = [it.inputs[k] for k in it.moving]
        forward = Rop([y for y, _ in moved], wrt, tangents, disconnected_outputs="ignore")
        more = dict(zip(tangents, drawn, strict=True))
        found = it.evaluate([*forward, *it.gradients], it.arrays, more)
        ahead = [np.conj(u) * d for (_, u), d in zip(moved, found, strict=False)]
        back = [np.conj(g) * t for g, t in zip(found[len(forward) :], drawn, strict=True)]
        _check_equal_sums(it, ahead, back)


def _check_equal_sums(it: _Derivative, ahead: list[Any], back: list[Any]) -> None:
    """The sums of products agree; elementwise, places without a finite derivative do not count."""
    finite = all(np.isfinite(p).all() for p in (*ahead, *back))
    if not finite:
        if len({p.shape for p in (*ahead, *back)}) > 1:
            return
        keep = np.logical_and.reduce([np.isfinite(p) for p in (*ahead, *back)])
        ahead, back = [p[keep] for p in ahead], [p[keep] for p in back]
    left, right = (float(sum(np.sum(np.real(p)) for p in side)) for side in (ahead, back))
    size = sum(float(np.sum(np.abs(p))) for p in (*ahead, *back))
    rounding = 1e-6 if it.coarse() else 1e-12
    assert abs(left - right) <= rounding * max(size, 1e-290), (
        f"{it.op}: <forward(t), u> = {left} but <t, reverse(u)> = {right} at "
        f"{[a.tolist() for a in it.arrays]}"
    )


# -- identity ------------------------------------------------------------------------------------


def check_pickling(op_class: type[Declared]) -> None:
    """An Op is equal to its copy through pickle, and so is what a graph with it computes."""
    sample = op_class.samples[0]
    op = op_class(**sample.params)
    copy = pickle.loads(pickle.dumps(op))
    assert copy == op and hash(copy) == hash(op), f"{op} changes through pickle"
    inputs, outputs = _node(op, sample.arrays)
    inputs2, outputs2 = pickle.loads(pickle.dumps((inputs, outputs)))
    mine = _reference(outputs, inputs, sample.arrays)
    theirs = _reference(outputs2, inputs2, sample.arrays)
    for a, b in zip(mine, theirs, strict=True):
        same = np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
        assert same, f"a graph with {op} changes through pickle"


def check_source(op_class: type[Declared]) -> None:
    """The code printed for it is the same every time."""
    sample = op_class.samples[0]
    op = op_class(**sample.params)

    def source() -> str:
        inputs, outputs = _node(op, sample.arrays)
        return emit(plan(inputs, outputs, "f", _CAP), _CAP).source

    first, second = source(), source()
    assert first == second, f"{op} is printed in two ways:\n{first}\n{second}"


#: The checks by name, cheap ones first.
CHECKS: dict[str, Callable[[type[Declared]], None]] = {
    "documented": check_documented,
    "dtypes": check_dtypes,
    "pickling": check_pickling,
    "source": check_source,
    "gradient": check_gradient,
    "adjoint": check_adjoint,
    "second_derivative": check_second_derivative,
    "template": check_template,
    "compiled": check_compiled,
}


def check_op(op_class: type[Declared]) -> None:
    """Run every check on an Op class.

    Parameters
    ----------
    op_class : type
        A declared Op: a subclass of Elementwise, View, Reduction, Scatter or Block.

    Raises
    ------
    AssertionError
        With the Op, the arguments and both values, at the first property that does not hold.

    Examples
    --------
    >>> from numbagrad.ops.mathematics import Cos
    >>> check_op(Cos)
    """
    for check in CHECKS.values():
        check(op_class)
