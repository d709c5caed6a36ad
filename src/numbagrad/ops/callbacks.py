"""Python functions in graphs: `wrap_py` for those that compute, `Print` for looking at values.

Both are called back through the interpreter. What a function may do to its arguments, and what it
has to give back, is checked here at each call.
"""

from __future__ import annotations

import copy
import inspect
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..graph.basic import Apply, Variable
from ..graph.op import Op, as_type
from ..graph.tensor import as_tensor

__all__ = ["FromFunctionOp", "Print", "as_op", "wrap_py"]


class FromFunctionOp(Op):
    """A Python function as an Op; `wrap_py` makes it.

    >>> from numbagrad import tensor
    >>> double = FromFunctionOp(lambda x: 2 * x, [tensor.dscalar], [tensor.dscalar])
    >>> double(3.0).eval()
    array(6.)
    """

    __props__ = ("fn", "itypes", "otypes", "shape_rule")

    def __init__(
        self,
        fn: Callable[..., Any],
        itypes: Sequence[Any],
        otypes: Sequence[Any],
        infer_shape: Callable[..., Any] | None = None,
    ):
        self.fn = fn
        self.itypes = tuple(map(as_type, itypes))
        self.otypes = tuple(map(as_type, otypes))
        self.shape_rule = infer_shape

    @property
    def shown(self) -> str:
        """What `pp` calls it."""
        return str(getattr(self.fn, "__name__", type(self.fn).__name__))

    def __repr__(self) -> str:
        return f"FromFunctionOp{{{self.shown}}}"

    def pretty(self, node: Apply) -> list[Any]:
        """How `pp` prints it."""
        return _call(self.shown, node.inputs)

    def infer_shape(self, fgraph: Any, node: Apply, input_shapes: Sequence[Any]) -> Any:
        if self.shape_rule is None:
            raise NotImplementedError
        few = len(inspect.signature(self.shape_rule).parameters) == 2  # Theano's form
        given = (node, input_shapes) if few else (fgraph, node, input_shapes)
        return self.shape_rule(*given)

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[Any]) -> None:
        made = self.fn(*map(_protected, inputs))
        several = len(output_storage) != 1
        if several and not (isinstance(made, (list, tuple)) and len(made) == len(output_storage)):
            count = f"{len(made)} results" if isinstance(made, (list, tuple)) else repr(made)
            raise TypeError(
                f"{self.shown} must return a list or tuple of {len(output_storage)} results; it "
                f"returned {count}"
            )
        for k, value in enumerate(made if several else [made]):
            output_storage[k][0] = self._checked(k, value, several)

    def _checked(self, k: int, value: Any, several: bool) -> Any:
        expected = (self.otypes or ())[k]
        try:
            filtered = expected.filter(value)
        except (TypeError, ValueError) as error:
            shown = f"{value.dtype} of shape {value.shape}" if _is_array(value) else repr(value)
            which = f" as its result {k}" if several else ""
            raise TypeError(
                f"{self.shown} returned {shown}{which}, which is no value of {expected}: {error}"
            ) from None
        return np.array(filtered) if isinstance(filtered, np.ndarray) else filtered


def _call(name: str, inputs: Sequence[Variable]) -> list[Any]:
    made: list[Any] = [f"{name}("]
    for k, v in enumerate(inputs):
        made += [", ", v] if k else [v]
    return [*made, ")"]


def _is_array(value: Any) -> bool:
    return isinstance(value, (np.ndarray, np.generic))


def _protected(value: Any) -> Any:
    """The same array, into which nobody can write: it may be an argument of the user's."""
    if not isinstance(value, np.ndarray):
        return value
    view = value.view()
    view.flags.writeable = False
    return view


def wrap_py(
    itypes: Any, otypes: Any, infer_shape: Callable[..., Any] | None = None
) -> Callable[[Callable[..., Any]], FromFunctionOp]:
    """Decorator: a Python function as an Op, which compiled functions call back.

    Parameters
    ----------
    itypes, otypes : Type, or list of Type
        Of the arguments and of the results; ``tensor.dmatrix`` and its like serve as well. The
        function gets arrays (0-d ones for scalars, none of which can be written to) and returns
        what is a value of ``otypes``, several as a list or tuple.
    infer_shape : callable, optional
        ``infer_shape(fgraph, node, input_shapes)``: the shapes of the results, each a tuple. Where
        only a shape is needed the function is not called then.

    Returns
    -------
    callable
        Makes an Op of the function. It has no derivative.

    Raises
    ------
    TypeError
        If the types are none. When the function runs: if it returns something else than it should.

    Examples
    --------
    >>> import numpy as np
    >>> from numbagrad import tensor
    >>> @wrap_py(itypes=[tensor.dvector], otypes=[tensor.dscalar])
    ... def spread(x):
    ...     return np.ptp(x)
    >>> spread([1.0, 4.0, 2.0]).eval()
    array(3.)
    """
    several = [t if isinstance(t, (list, tuple)) else [t] for t in (itypes, otypes)]
    for what, types in zip(("itypes", "otypes"), several, strict=True):
        for t in types:
            try:
                as_type(t)
            except TypeError as error:
                raise TypeError(f"{what} must be types of variables: {error}") from None
    if infer_shape is not None and not callable(infer_shape):
        raise TypeError(f"infer_shape must be a function; got {infer_shape!r}")

    def make(function: Callable[..., Any]) -> FromFunctionOp:
        if not callable(function):
            raise TypeError(f"wrap_py takes a function; got {function!r}")
        return FromFunctionOp(function, several[0], several[1], infer_shape)

    return make


as_op = wrap_py


def _print(op: Print, value: Any) -> None:
    """``message attribute = value`` for each attribute."""
    for name in op.attrs:
        found = getattr(value, name)
        print(f"{op.message} {name} = {found() if callable(found) else found}")


class Print(Op):
    """``Print(message)(x)`` is ``x``, and is printed whenever it is computed.

    Each place where it is applied prints once a call, as long as its value is needed. Derivatives
    pass through.

    Parameters
    ----------
    message : str
        What is printed in front.
    attrs : sequence of str
        The attributes (or methods without arguments) of the array that are printed.
    global_fn : callable, optional
        ``global_fn(op, value)`` does the printing instead.

    Raises
    ------
    TypeError
        If ``global_fn`` can not be called.

    Examples
    --------
    >>> from numbagrad import function, tensor
    >>> x = tensor.dvector("x")
    >>> f = function([x], Print("x is", attrs=["shape"])(x).sum(), mode="reference")
    >>> f([1.0, 2.0])
    x is shape = (2,)
    array(3.)
    """

    __props__ = ("message", "attrs", "global_fn", "place")
    #: Called back on purpose, which needs no warning.
    kind = "Callback"

    def __init__(
        self,
        message: str = "",
        attrs: Sequence[str] = ("__str__",),
        global_fn: Callable[[Any, Any], Any] | None = None,
    ):
        if global_fn is not None and not callable(global_fn):
            raise TypeError(
                f"global_fn must be a function of the Op and a value; got {global_fn!r}"
            )
        self.message = message
        self.attrs = (attrs,) if isinstance(attrs, str) else tuple(attrs)
        self.global_fn = global_fn
        #: Tells places apart: two that print the same are not made one.
        self.place = ""

    def __repr__(self) -> str:
        return f"Print{{{self.message}}}"

    def make_node(self, x: Any) -> Apply:
        x = x if isinstance(x, Variable) else as_tensor(x)
        own = copy.copy(self)
        own.place = uuid.uuid4().hex
        return Apply(own, [x], [x.type.make_variable()])

    def pretty(self, node: Apply) -> list[Any]:
        """How `pp` prints it."""
        return _call("print", node.inputs)

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[Any]) -> None:
        (value,) = inputs
        (self.global_fn or _print)(self, _protected(value))
        output_storage[0][0] = value.copy() if isinstance(value, np.ndarray) else value

    def infer_shape(self, fgraph: Any, node: Apply, input_shapes: Sequence[Any]) -> Any:
        return list(input_shapes)

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> Any:
        return list(output_grads)

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> Any:
        return list(eval_points)
