"""Modes: how a graph is made callable."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..config import config

__all__ = ["Mode", "get_mode"]


@dataclass(frozen=True)
class Mode:
    """How a function is compiled.

    Attributes
    ----------
    linker : {"numba", "reference"}
        One compiled function, or node by node in NumPy, which is what tests compare with.
    optimize : {"default", "fast_compile", "none"}
        Which passes run before.
    fastmath : bool
        Whether sums may be reassociated; see ``config.fastmath``.
    parallel : bool
        Whether long loops are shared out among threads; see ``config.parallel``.

    Raises
    ------
    ValueError
        If ``linker`` or ``optimize`` is none of the choices, or another is neither True nor False.

    Examples
    --------
    >>> from numbagrad import function, tensor
    >>> x = tensor.dvector("x")
    >>> f = function([x], x.sum(), mode=Mode(linker="reference"))
    >>> f([1.0, 2.0])
    array(3.)
    """

    linker: str = "numba"
    optimize: str = "default"
    fastmath: bool = True
    parallel: bool = False

    def __post_init__(self) -> None:
        if self.linker not in ("numba", "reference"):
            raise ValueError(f"linker must be 'numba' or 'reference'; got {self.linker!r}")
        if self.optimize not in ("default", "fast_compile", "none"):
            raise ValueError(
                f"optimize must be 'default', 'fast_compile' or 'none'; got {self.optimize!r}"
            )
        for name in ("fastmath", "parallel"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} must be True or False; got {getattr(self, name)!r}")

    def excluding(self, *_: str) -> Mode:
        """This mode: numbagrad has one list of passes and no tags (kept for Theano code)."""
        return self

    including = excluding


_NAMED = {
    "default": Mode(),
    "numba": Mode(),
    "fast_run": Mode(),
    "jit": Mode(),
    "fast_compile": Mode(optimize="fast_compile"),
    "reference": Mode(linker="reference", optimize="none"),
    "debug_mode": Mode(linker="reference", optimize="none"),
    "debugmode": Mode(linker="reference", optimize="none"),
}


def get_mode(mode: Any = None, parallel: bool | None = None) -> Mode:
    """The mode of that name; ``None`` is the one that ``config`` describes.

    ``parallel`` replaces the mode's own choice if it is not None.

    Raises
    ------
    ValueError
        If there is no such mode.

    Examples
    --------
    >>> get_mode("FAST_COMPILE").optimize
    'fast_compile'
    """
    if isinstance(mode, Mode):
        found = mode
    elif mode is None:
        found = Mode(optimize=config.optimize, fastmath=config.fastmath, parallel=config.parallel)
    elif isinstance(mode, str) and mode.lower() in _NAMED:
        named = _NAMED[mode.lower()]
        found = replace(named, fastmath=config.fastmath, parallel=config.parallel)
    else:
        raise ValueError(
            f"There is no mode {mode!r}; choose one of {', '.join(map(repr, sorted(_NAMED)))} "
            "or pass a Mode"
        )
    return found if parallel is None else replace(found, parallel=parallel)
