"""Every exception of numbagrad, each explained.

Only exception classes live here; code that decides when to raise them lives with that decision.
"""

__all__ = [
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
    """Base of the errors that have no better standard base class."""


class IncompleteOpError(NumbagradError, TypeError):
    """An Op class lacks a part that its kind requires; raised when the class is made."""


class InputError(NumbagradError, TypeError):
    """An argument of a compiled function has the wrong dtype, ndim, static shape or number."""


class ShapeError(NumbagradError, ValueError):
    """Sizes of arrays that have to agree do not.

    The message names the operation, the shapes and the line that built the operation.
    """


class MissingInputError(NumbagradError, ValueError):
    """A graph needs a variable that has no value and is not among the inputs."""


class UnusedInputError(NumbagradError, ValueError):
    """An input of ``function`` is not needed for any output."""


class DisconnectedInputError(ValueError):
    """``grad`` was asked for a derivative with respect to a variable the cost does not depend on.

    Pass ``disconnected_inputs="ignore"`` to get zeros instead.
    """


class NullTypeGradError(TypeError):
    """A gradient is undefined or not implemented, and something needs its value."""


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
    """The gradient asked for does not exist mathematically."""


class RewriteError(NumbagradError):
    """A rewrite made a variable of another type; a defect of the rewrite."""


class CompilationError(NumbagradError):
    """Numba refused the generated source: a defect of numbagrad, never of the user's input.

    The message carries the generated source and Numba's words.
    """


class Failed(Exception):
    """Raised by generated code with the number of the check that failed.

    ``numbagrad.function`` turns it into the error that the check stands for. Whoever calls
    ``f.jitted`` from their own jitted code sees it raw; ``f.explain(number)`` says what it means.
    """


class ObjectModeWarning(UserWarning):
    """An Op without a Numba template is called back through the interpreter, which is slow."""
