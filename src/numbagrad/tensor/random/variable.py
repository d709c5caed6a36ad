"""PyTensor's name for the module of variables that hold generators. Re-exports only."""

from ...function.shared import RandomGeneratorSharedVariable, shared_rng
from ...graph.generators import RandomGeneratorVariable
from . import rng

__all__ = ["RandomGeneratorSharedVariable", "RandomGeneratorVariable", "rng", "shared_rng"]
