"""An integer of which something is required, such as a number of steps.

What is required is checked when the function runs, before anything that needs the integer is
computed; what is known when the graph is built is checked at once and leaves no node.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..graph.basic import Variable
from ..graph.tensor import as_tensor
from ..testing.samples import sample
from .casting import cast
from .checks import Check
from .dtypes import first
from .kinds import Elementwise, no_partials
from .sizes import as_scalar

__all__ = ["Required", "required"]

_RELATIONS = {">=": operator.ge, "<=": operator.le, "==": operator.eq}


class Required(Elementwise):
    """The integer ``n``, which has to stand in a relation to ``other``.

    >>> from numbagrad import tensor
    >>> n = tensor.lscalar("n")
    >>> required(n, ">=", 1, "There is nothing to count").eval({n: 3})
    array(3)
    """

    __props__ = ("relation", "message")
    shown = "check"
    dtype, accepts, cost = first, "i", 1
    partials = no_partials("an integer has no derivative", connected=False)
    samples = [
        sample(np.int64(3), np.int64(2), relation=">=", message="too few"),
        sample(np.int64(3), np.int64(4), relation="<=", message="too many"),
        sample(np.int64(3), np.int64(3), relation="==", message="not the same"),
    ]

    def reference(n, other):
        return n

    def template(n, other):
        return n

    def parameters(self):
        return ()

    def pretty(self, node):
        """How `pp` prints it: the number alone, which it is."""
        return [node.inputs[0]]

    def perform(self, node, inputs, output_storage):
        if not _RELATIONS[self.relation](*inputs):
            raise ShapeError(self.message)
        super().perform(node, inputs, output_storage)

    def prepare(self, *inputs):
        # Sizes are followed through casts between integers, and come back in any of their dtypes.
        given = [as_tensor(x) for x in inputs]
        whole = [cast(v, "int64") if v.type.numpy_dtype.kind in "iu" else v for v in given]
        variables = super().prepare(*whole)
        if any(v.ndim for v in variables):
            raise TypeError(f"{self} compares two scalars; got {variables}")
        return variables

    def checks(self, n, other):
        holds = _RELATIONS[self.relation]
        return [
            Check(
                None,
                lambda index, read, sizes: holds(read(0, ()), read(1, ())),
                ShapeError,
                self.message,
            )
        ]


def required(n: Any, relation: str, other: Any, message: str) -> Any:
    """``n``, checked to be ``>=``, ``<=`` or ``==`` another integer.

    Parameters
    ----------
    n, other : int or int64 scalar
    relation : {">=", "<=", "=="}
    message : str
        What is wrong otherwise, and what to do.

    Returns
    -------
    int or int64 scalar
        ``n``; one that knows of the check where something is not known yet.

    Raises
    ------
    ShapeError
        If it does not hold: at once where both are known, else when the function runs.

    Examples
    --------
    >>> required(2, ">=", 3, "Too few")
    Traceback (most recent call last):
    ...
    numbagrad.errors.ShapeError: Too few
    """
    if not isinstance(n, Variable) and not isinstance(other, Variable):
        if not _RELATIONS[relation](n, other):
            raise ShapeError(message)
        return n
    return Required(relation=relation, message=message)(as_scalar(n), as_scalar(other))
