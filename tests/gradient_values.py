"""Values of expressions for the gradient tests, node by node in NumPy, and Ops to differentiate."""

import numpy as np

from numbagrad.function import function
from numbagrad.graph.basic import Apply
from numbagrad.graph.op import Op
from numbagrad.graph.tensor import TensorType, as_tensor


def value(expression, at, mode="reference"):
    """The value of an expression (or a list of them) where inputs have the values in ``at``."""
    f = function(list(at), expression, mode=mode, on_unused_input="ignore")
    made = f(*at.values())
    several = isinstance(expression, (list, tuple))
    pairs = zip(expression, made, strict=True) if several else [(expression, made)]
    for variable, result in pairs:
        assert result.dtype == variable.type.dtype
        assert result.ndim == variable.type.ndim
    return made


def tensor(name, *shape, dtype="float64"):
    """An input; ``shape`` has one entry (a size or None) for each dimension."""
    return TensorType(dtype, shape)(name)


def slope(f, at, towards, step=1e-5):
    """The central difference of ``f`` at a point in a direction."""
    return (f(at + step * towards) - f(at - step * towards)) / (2 * step)


class UserOp(Op):
    """An Op in PyTensor's protocol from plain functions, with floating scalar outputs.

    ``rule(inputs, output_grads)`` is its ``grad``; ``pattern`` its connection pattern.
    """

    def __init__(self, compute, rule, pattern=None, dtypes=("float64",), ndim=0, name="UserOp"):
        self.compute, self.rule, self.pattern = compute, rule, pattern
        self.dtypes, self.ndim, self.name = dtypes, ndim, name

    def make_node(self, *inputs):
        types = [TensorType(d, (None,) * self.ndim) for d in self.dtypes]
        return Apply(self, [as_tensor(x) for x in inputs], [t.make_variable() for t in types])

    def perform(self, node, inputs, output_storage):
        made = self.compute(*inputs)
        for cell, x, dtype in zip(
            output_storage, made if len(self.dtypes) > 1 else [made], self.dtypes, strict=True
        ):
            cell[0] = np.asarray(x, dtype)

    def grad(self, inputs, output_grads):
        return self.rule(inputs, output_grads)

    def connection_pattern(self, node):
        return self.pattern or super().connection_pattern(node)

    def __repr__(self):
        return self.name
