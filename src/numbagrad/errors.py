"""Every exception of numbagrad, each explained.

Only exception classes live here; code that decides when to raise them lives with that decision.
"""

__all__ = [
    "CacheWarning",
    "CompilationError",
    "DisconnectedInputError",
    "Failed",
    "GradUndefinedError",
    "GradientError",
    "IncompleteOpError",
    "InputError",
    "MissingInputError",
    "NullTypeGradError",
    "NumbagradError",
    "ObjectModeWarning",
    "RewriteError",
    "ShapeError",
    "UnusedInputError",
]


class NumbagradError(Exception):
    """Base of the errors that have no better standard base class.

    >>> issubclass(MissingInputError, NumbagradError), issubclass(MissingInputError, ValueError)
    (True, True)
    """


class IncompleteOpError(NumbagradError, TypeError):
    """An Op class lacks a part that its kind requires; raised when the class is made.

    >>> from numbagrad.ops.kinds import Elementwise
    >>> class Twice(Elementwise):
    ...     "Twice the argument."
    Traceback (most recent call last):
    ...
    numbagrad.errors.IncompleteOpError: The Elementwise Op Twice lacks: ...
    """


class InputError(NumbagradError, TypeError):
    """An argument of a compiled function has the wrong dtype, ndim, static shape or number.

    >>> from numbagrad import function, tensor
    >>> x = tensor.dvector("x")
    >>> function([x], x.sum(), mode="reference")(1.0)
    Traceback (most recent call last):
    ...
    numbagrad.errors.InputError: Bad value for input 0 (x): Wrong number of dimensions: ...
    """


class ShapeError(NumbagradError, ValueError):
    """Sizes of arrays that have to agree do not.

    The message names the operation, the shapes and the line that built the operation.

    >>> from numbagrad import function, tensor
    >>> x, y = tensor.dvectors("x", "y")
    >>> function([x, y], x + y, mode="reference")([1.0, 2.0], [1.0, 2.0, 3.0])
    Traceback (most recent call last):
    ...
    numbagrad.errors.ShapeError: ...
    """


class MissingInputError(NumbagradError, ValueError):
    """A graph needs a variable that has no value and is not among the inputs.

    >>> from numbagrad import function, tensor
    >>> x, y = tensor.dscalars("x", "y")
    >>> function([x], x + y)
    Traceback (most recent call last):
    ...
    numbagrad.errors.MissingInputError: ...
    """


class UnusedInputError(NumbagradError, ValueError):
    """An input of ``function`` is not needed for any output.

    >>> from numbagrad import function, tensor
    >>> x, y = tensor.dscalars("x", "y")
    >>> function([x, y], x)
    Traceback (most recent call last):
    ...
    numbagrad.errors.UnusedInputError: ...
    """


class DisconnectedInputError(ValueError):
    """``grad`` was asked for a derivative with respect to a variable the cost does not depend on.

    Pass ``disconnected_inputs="ignore"`` to get zeros instead.

    >>> from numbagrad import grad, tensor
    >>> x, y = tensor.dscalars("x", "y")
    >>> grad(x**2, y)
    Traceback (most recent call last):
    ...
    numbagrad.errors.DisconnectedInputError: The cost (x ** 2) does not depend ... on y ...
    """


class NullTypeGradError(TypeError):
    """A gradient is undefined or not implemented, and something needs its value.

    >>> from numbagrad import grad, tensor
    >>> from numbagrad.gradient import undefined_grad
    >>> x = tensor.dscalar("x")
    >>> grad(undefined_grad(x), x)
    Traceback (most recent call last):
    ...
    numbagrad.errors.NullTypeGradError: The gradient with respect to x can not be computed: ...
    """


class GradientError(NumbagradError):
    """A symbolic gradient disagrees with finite differences.

    Attributes
    ----------
    arg, err_pos, shape
        Which input, the flat position in it, and its shape.
    val1, val2
        The symbolic and the numeric derivative there.
    abs_err, rel_err, abs_tol, rel_tol : float
        Both errors and the tolerances they exceed.

    Examples
    --------
    >>> from numbagrad import tensor, verify_grad
    >>> from numbagrad.gradient import zero_grad
    >>> verify_grad(lambda x: (x * zero_grad(x)).sum(), [[1.0, 2.0]], mode="reference")
    Traceback (most recent call last):
    ...
    numbagrad.errors.GradientError: ...
    """

    def __init__(
        self,
        message: str,
        *,
        arg: int | None = None,
        err_pos: int | None = None,
        shape: tuple[int, ...] | None = None,
        val1: object = None,
        val2: object = None,
        abs_err: float | None = None,
        rel_err: float | None = None,
        abs_tol: float | None = None,
        rel_tol: float | None = None,
    ):
        super().__init__(message)
        self.arg, self.err_pos, self.shape = arg, err_pos, shape
        self.val1, self.val2 = val1, val2
        self.abs_err, self.rel_err = abs_err, rel_err
        self.abs_tol, self.rel_tol = abs_tol, rel_tol


class GradUndefinedError(NumbagradError):
    """The gradient asked for does not exist mathematically; for rules of users' Ops to raise.

    >>> raise GradUndefinedError("the sign of a permutation has no derivative")
    Traceback (most recent call last):
    ...
    numbagrad.errors.GradUndefinedError: the sign of a permutation has no derivative
    """


class RewriteError(NumbagradError):
    """A rewrite made a variable of another type; a defect of the rewrite.

    >>> from numbagrad import FunctionGraph, tensor
    >>> x, v = tensor.dscalar("x"), tensor.dvector("v")
    >>> FunctionGraph([x, v], [x + 1, v], clone=False).replace(x, v)
    Traceback (most recent call last):
    ...
    numbagrad.errors.RewriteError: ...
    """


class CompilationError(NumbagradError):
    """Numba refused the generated source: a defect of numbagrad, never of the user's input.

    The message carries the generated source and Numba's words.

    >>> issubclass(CompilationError, NumbagradError)
    True
    """


class Failed(Exception):
    """Raised by generated code with the number of the check that failed.

    ``numbagrad.function`` turns it into the error that the check stands for. Whoever calls
    ``f.jitted`` from their own jitted code sees it raw; ``f.explain(number)`` says what it means.

    >>> import numpy as np
    >>> from numbagrad import function, tensor
    >>> x, y = tensor.dvectors("x", "y")
    >>> f = function([x, y], x + y)
    >>> f.jitted(np.ones(2), np.ones(3))
    Traceback (most recent call last):
    ...
    numbagrad.errors.Failed: 1
    >>> f.explain(1)
    'ShapeError: ...'
    """


class CacheWarning(UserWarning):
    """The directory of compiled functions, or a file in it, is not used.

    A file that is damaged is removed, and the function is compiled anew. A directory that another
    user owns or can write to is never read: loading code is running it.

    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error")
    ...     warnings.warn("not used", CacheWarning)
    Traceback (most recent call last):
    ...
    numbagrad.errors.CacheWarning: not used
    """


class ObjectModeWarning(UserWarning):
    """An Op without a Numba template is called back through the interpreter, which is slow.

    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error")
    ...     warnings.warn("slow", ObjectModeWarning)
    Traceback (most recent call last):
    ...
    numbagrad.errors.ObjectModeWarning: slow
    """
