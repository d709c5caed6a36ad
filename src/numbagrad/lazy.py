"""Modules that are executed when the first of their names is looked up.

``import numbagrad`` must not import Numba: what needs it at its top is made lazy by its package.
"""

import importlib.util
import sys
import time
from types import ModuleType

__all__ = ["SINCE", "lazy_module", "module_name"]

#: When this process imported the package, in nanoseconds: files that are younger are not what runs.
SINCE = time.time_ns()


def lazy_module(full: str) -> ModuleType:
    """The module of that full name, not yet executed.

    It is an ordinary module object, so Numba takes it for one when compiled code mentions it.

    Raises
    ------
    ModuleNotFoundError
        If there is none.
    """
    if full in sys.modules:
        return sys.modules[full]
    spec = importlib.util.find_spec(full)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"numbagrad is not installed whole: {full} is missing", name=full)
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[full] = module
    spec.loader.exec_module(module)
    return module


def module_name(module: ModuleType) -> str:
    """The full name of a module; asking a lazy one for ``__name__`` would execute it.

    >>> module_name(lazy_module("numbagrad.kernels.lapack"))
    'numbagrad.kernels.lapack'
    """
    name: str = ModuleType.__getattribute__(module, "__dict__")["__name__"]
    return name
