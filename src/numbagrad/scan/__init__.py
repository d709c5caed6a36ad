"""Loops in the language of Theano and PyTensor: scan, map, reduce, foldl, foldr, until.

``numbagrad.scan`` is the function `scan`; the other names here are its attributes as well, and the
module can be called as the function. So ``numbagrad.scan(...)``, ``numbagrad.scan.until`` and
``from numbagrad.scan import scan, until`` all work, whichever of the two a name is bound to.
"""

import sys
from types import ModuleType
from typing import Any

from .checkpoints import scan_checkpoints
from .loop import scan
from .returned import until
from .views import foldl, foldr, map, reduce

__all__ = ["foldl", "foldr", "map", "reduce", "scan", "scan_checkpoints", "until"]


class _CallableModule(ModuleType):
    """This module, called as the function of the same name."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return scan(*args, **kwargs)


sys.modules[__name__].__class__ = _CallableModule
for _other in (foldl, foldr, map, reduce, scan, scan_checkpoints, until):
    setattr(scan, _other.__name__, _other)
