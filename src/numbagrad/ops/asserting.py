"""A value that comes with conditions: they are checked before it is used."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..graph.basic import Variable
from ..graph.registry import OPS
from ..graph.tensor import as_tensor
from ..testing.samples import data, sample
from .checks import Check
from .dtypes import first
from .kinds import View

__all__ = ["Assert", "CheckAndRaise", "assert_", "assert_op"]


class CheckAndRaise(View):
    """``CheckAndRaise(exc_type, msg)(value, *conds)`` is ``value``, if all conditions hold.

    The conditions are checked by each call that needs the value, before anything is computed with
    it. Derivatives pass through.

    Parameters
    ----------
    exc_type : type
        Of the exception that is raised, which is made from one string.
    msg : str
        What it says. The shapes and the line that applied the Op are added.

    Raises
    ------
    TypeError
        If ``exc_type`` is no class of exceptions.

    Examples
    --------
    >>> from numbagrad import function, tensor
    >>> x = tensor.dvector("x")
    >>> checked = CheckAndRaise(ValueError, "x must be positive")(x, x > 0)
    >>> f = function([x], tensor.log(checked).sum(), mode="reference")
    >>> f([1.0, 1.0])
    array(0.)
    >>> f([1.0, -1.0])
    Traceback (most recent call last):
    ...
    ValueError: x must be positive
    ...
    """

    __props__: ClassVar[tuple[str, ...]] = ("exc_type", "msg")
    dtype = first
    shown = "check_and_raise"
    samples = [
        sample(data(4), np.bool_(True), exc_type=ValueError, msg="never"),
        sample(data(2, 3), np.ones((2, 1), bool), np.bool_(True), exc_type=ValueError, msg="never"),
    ]

    def __init__(self, exc_type: Any, msg: str = ""):
        if not (isinstance(exc_type, type) and issubclass(exc_type, Exception)):
            raise TypeError(f"exc_type must be a class of exceptions; got {exc_type!r}")
        super().__init__(exc_type=exc_type, msg=str(msg))

    def __repr__(self):
        return f"{type(self).__name__}{{{self.exc_type.__name__}: {self.msg}}}"

    def prepare(self, *inputs):
        if not inputs:
            raise TypeError(f"{self} takes a value and conditions; got nothing")
        value, *conditions = map(as_tensor, inputs)
        made = [c if c.type.dtype == "bool" else OPS["neq"](c, 0) for c in conditions]
        return [value, *made]

    def pretty(self, node):
        made = [f"{self.shown}("]
        for k, v in enumerate(node.inputs):
            made += [", ", v] if k else [v]
        return [*made, ")"]

    def reference(value, *rest):
        *conditions, exc_type, msg = rest
        if not all(np.all(c) for c in conditions):
            raise exc_type(msg)
        return value

    def sizes(self, shapes, value, *conditions):
        return shapes[0]

    def element(self, index, read, sizes):
        return read(0, index)

    def checks(self, value, *conditions):
        def row(k):
            return Check(k, lambda index, read, sizes: read(k, index), self.exc_type, self.msg)

        return [row(k) for k in range(1, 1 + len(conditions))]

    def connection_pattern(self, node):
        return [[True]] + [[False] for _ in node.inputs[1:]]

    def pullback(self, gy, y, value, *conditions):
        return [gy, *(None for _ in conditions)]

    def pushforward(self, tangents, y, value, *conditions):
        return tangents[0]


class Assert(CheckAndRaise):
    """``Assert(msg)(value, *conds)`` is ``value``, if all conditions hold.

    An `AssertionError` is raised otherwise, as `CheckAndRaise` raises other ones.

    >>> from numbagrad import function, tensor
    >>> x = tensor.dscalar("x")
    >>> f = function([x], Assert("x is negative")(x, x >= 0), mode="reference")
    >>> f(-1.0)
    Traceback (most recent call last):
    ...
    AssertionError: x is negative
    ...
    """

    __props__ = ("msg",)
    shown = "assert"
    exc_type = AssertionError
    samples = [sample(data(4), np.bool_(True), msg="never")]

    def __init__(self, msg: str = "An assertion about a graph does not hold"):
        super(CheckAndRaise, self).__init__(msg=str(msg))

    def reference(value, *rest):
        *conditions, msg = rest
        return CheckAndRaise.reference(value, *conditions, AssertionError, msg)


def assert_(value: Any, *conditions: Any, msg: str | None = None) -> Variable:
    """``value``, if all conditions hold; see `Assert`.

    >>> assert_(2.0, True).eval()
    array(2.)
    """
    op = assert_op if msg is None else Assert(msg)
    made: Variable = op(value, *conditions)
    return made


assert_op = Assert()
