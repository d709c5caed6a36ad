"""The settings of numbagrad: one frozen object, replaced as a whole, never mutated.

``config.floatX`` reads the setting in force; ``with using(floatX="float32")`` changes it for a
block (per thread and per task, as context variables are); ``config.floatX = "float32"`` changes
the default of the process, as in Theano and PyTensor. The environment variable ``NUMBAGRAD_FLAGS``
says what that default is at the start, as ``THEANO_FLAGS`` and ``PYTENSOR_FLAGS`` do there::

    NUMBAGRAD_FLAGS="floatX=float32,parallel=True" python model.py
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from typing import Any

__all__ = ["Settings", "config", "using"]


@dataclass(frozen=True)
class Settings:
    """What can be set.

    Attributes
    ----------
    floatX : {"float64", "float32"}
        The dtype of constructors that are not told one, and of gradients of integer variables.
    on_unused_input : {"raise", "warn", "ignore"}
        What ``function`` does with an input that no output needs.
    fastmath : bool
        Whether sums may be reassociated and products contracted (never at the cost of NaN or
        infinity). ``False`` is the exact order of NumPy's definition.
    optimize : {"default", "fast_compile", "none"}
        Which passes run before compilation; ``"fast_compile"`` also has LLVM do less.
    parallel : bool
        Whether functions share long loops out among threads.
    statement_cap : int
        About how many statements one generated function may have before it is cut; a body without
        loops and branches in it may have twenty times as many.
    compiler : {"direct", "numba"}
        Who compiles printed functions: ``"direct"`` translates them to LLVM as far as it can, which
        takes a fraction of the time; ``"numba"`` gives all of it to ``numba.njit``.
    cache : bool
        Whether compiled functions are kept on disk, in ``NUMBAGRAD_CACHE_DIR`` or the user's
        directory for caches.
    cache_limit : int
        How many bytes that may take; what was used least recently goes.
    kept_memory : int
        How many bytes of released arrays of 1 MiB and more are kept for the next results, as of the
        last function that was compiled or loaded. The process never holds more than it did when
        most was in use at once. 0 keeps none.

    Raises
    ------
    ValueError
        If a setting is none of its choices.

    Examples
    --------
    >>> Settings(floatX="float32").floatX
    'float32'
    >>> Settings(optimize="much")
    Traceback (most recent call last):
    ...
    ValueError: config.optimize must be one of 'default', 'fast_compile', 'none'; got 'much'
    """

    floatX: str = "float64"
    on_unused_input: str = "raise"
    fastmath: bool = True
    optimize: str = "default"
    parallel: bool = False
    statement_cap: int = 400
    compiler: str = "direct"
    cache: bool = True
    cache_limit: int = 2**29
    kept_memory: int = 2**29

    def __post_init__(self) -> None:
        choices = {
            "floatX": ("float64", "float32"),
            "on_unused_input": ("raise", "warn", "ignore"),
            "optimize": ("default", "fast_compile", "none"),
            "compiler": ("direct", "numba"),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"config.{name} must be one of {', '.join(map(repr, allowed))}; "
                    f"got {getattr(self, name)!r}"
                )
        for name in ("fastmath", "parallel", "cache"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(
                    f"config.{name} must be True or False; got {getattr(self, name)!r}"
                )
        for name in ("statement_cap", "cache_limit", "kept_memory"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool):
                raise ValueError(f"config.{name} must be a whole number; got {value!r}")
        if self.cache_limit < 0:
            raise ValueError(f"config.cache_limit can not be negative; got {self.cache_limit}")
        if not 0 <= self.kept_memory < 2**62:
            raise ValueError(
                f"config.kept_memory must be from 0 to 2**62 bytes; got {self.kept_memory}"
            )
        if self.statement_cap < 1:
            raise ValueError(f"config.statement_cap must be at least 1; got {self.statement_cap}")


_FLAGS = "NUMBAGRAD_FLAGS"
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


def _from_text(flags: str) -> Settings:
    """The settings that a text like ``"floatX=float32,parallel=True"`` describes.

    Spaces around names and values do not matter, nor do empty items; of a name given twice the
    last one holds.

    Raises
    ------
    ValueError
        If a part is no ``name=value``, names no setting, or its value is none of the choices.
    """
    defaults = {f.name: f.default for f in fields(Settings)}
    given: dict[str, Any] = {}
    for item in filter(None, (part.strip() for part in flags.split(","))):
        name, equals, text = (part.strip() for part in item.partition("="))
        if not equals:
            raise ValueError(
                f"{_FLAGS}: {item!r} is no name=value; write settings as in "
                f'{_FLAGS}="floatX=float32,parallel=True"'
            )
        if name not in defaults:
            raise ValueError(f"{_FLAGS}: {_unknown(name)}")
        given[name] = _value(name, type(defaults[name]), text)
        try:
            Settings(**given)
        except ValueError as error:
            raise ValueError(f"{_FLAGS}: {error}") from None
    return Settings(**given)


def _value(name: str, kind: type, text: str) -> Any:
    if kind is bool:
        if text.lower() not in _TRUTH:
            raise ValueError(f"{_FLAGS}: config.{name} must be True or False; got {text!r}")
        return _TRUTH[text.lower()]
    if kind is int:
        try:
            return int(text)
        except ValueError:
            raise ValueError(
                f"{_FLAGS}: config.{name} must be a whole number; got {text!r}"
            ) from None
    return text


_override: ContextVar[Settings | None] = ContextVar("numbagrad_settings", default=None)


def _unknown(name: str) -> AttributeError:
    known = ", ".join(f.name for f in fields(Settings))
    return AttributeError(f"numbagrad has no setting named {name!r}; there are {known}")


def _changed(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    known = {f.name for f in fields(Settings)}
    for name in changes:
        if name not in known:
            raise _unknown(name)
    return replace(settings, **changes)


class _Config:
    """Attribute access to the settings in force."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return getattr(_override.get() or _default, name)
        except AttributeError:
            raise _unknown(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        global _default
        _default = _changed(_default, {name: value})

    def __repr__(self) -> str:
        return repr(_override.get() or _default)


_default = _from_text(os.environ.get(_FLAGS, ""))
config = _Config()


@contextmanager
def using(**changes: Any) -> Iterator[None]:
    """Change settings within a ``with`` block.

    >>> with using(floatX="float32"):
    ...     config.floatX
    'float32'
    >>> config.floatX
    'float64'
    """
    token = _override.set(_changed(_override.get() or _default, changes))
    try:
        yield
    finally:
        _override.reset(token)
