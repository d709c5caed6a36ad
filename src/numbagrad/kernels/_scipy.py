"""Extension modules of SciPy's, for the pointers that they export."""

import importlib
import importlib.machinery
import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["extension"]


def extension(module: str) -> Any:
    """An extension module of SciPy's by its full name.

    Raises
    ------
    ImportError
        If SciPy has none of that name.

    Examples
    --------
    >>> "dgemm" in extension("scipy.linalg.cython_blas").__pyx_capi__
    True
    """
    return _alone(module) or importlib.import_module(module)


@cache
def _alone(module: str) -> ModuleType | None:
    """One extension module of SciPy's without the package around it, if that can be had.

    All of ``scipy.linalg`` takes a third of a second to import, these pointers a hundredth. Whoever
    imports the package later gets the same module in the usual way.
    """
    package = module.rpartition(".")[0]
    if package != "scipy.linalg" or package in sys.modules:
        return None
    folders = [str(Path(folder) / "linalg") for folder in importlib.import_module("scipy").__path__]
    spec = importlib.machinery.PathFinder.find_spec(module, folders)
    if spec is None or not isinstance(spec.loader, importlib.machinery.ExtensionFileLoader):
        return None
    try:
        made = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(made)
    except ImportError:
        return None
    finally:
        sys.modules.pop(module, None)
    return made if hasattr(made, "__pyx_capi__") else None
