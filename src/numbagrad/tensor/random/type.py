"""PyTensor's name for the module of the type of generators. Re-exports only."""

from ...graph.generators import RandomGeneratorType, random_generator_type

__all__ = ["RandomGeneratorType", "random_generator_type"]
