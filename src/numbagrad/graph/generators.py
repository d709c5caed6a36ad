"""The type of random number generators: NumPy's Generators as values of variables."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

from numpy.random import Generator

from .basic import Variable
from .registry import OPS
from .type import Type

__all__ = [
    "RandomGeneratorType",
    "RandomGeneratorVariable",
    "address_of",
    "copy_generator",
    "random_generator_type",
]


class RandomGeneratorVariable(Variable):
    """A variable whose value is a NumPy Generator.

    Each distribution is a method that returns the next generator and the draw.

    >>> from numbagrad.tensor import random
    >>> next_rng, x = random.shared_rng(seed=3).normal(size=2)
    >>> x.eval()
    array([ 2.04091912, -2.55566503])
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        draw = OPS.get(f"random.{name}")
        if draw is None:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

        def method(*args: Any, **kwargs: Any) -> Any:
            return draw(*args, rng=self, return_next_rng=True, **kwargs)

        method.__name__, method.__doc__ = name, draw.__doc__
        return method


class RandomGeneratorType(Type):
    """The type of NumPy's Generators.

    Compiled code holds a generator as the address of its state, a 64-bit number; what it needs to
    know of the type is what a 0-d tensor tells.

    >>> import numpy as np
    >>> RandomGeneratorType().is_valid_value(np.random.default_rng(1))
    True
    """

    variable_class = RandomGeneratorVariable
    ndim: ClassVar[int] = 0
    shape: ClassVar[tuple[int, ...]] = ()
    dtype: ClassVar[str] = "uint64"

    def filter(
        self, data: Any, strict: bool = False, allow_downcast: bool | None = None
    ) -> Generator:
        """``data`` itself, if it is a Generator.

        Raises
        ------
        TypeError
            If it is anything else.
        """
        if isinstance(data, Generator):
            return data
        raise TypeError(
            f"A numpy.random.Generator is needed, such as numpy.random.default_rng(1); got {data!r}"
        )

    def constant(self, data: Any, name: str | None = None) -> Any:
        """Refused: a draw changes its generator, so none is constant."""
        raise TypeError(
            f"{data!r} can not be a constant: draws advance a generator. Pass it to shared_rng or "
            "shared, or make an input with rng()"
        )

    make_constant = constant

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return "RandomGeneratorType"


random_generator_type = RandomGeneratorType()


def copy_generator(rng: Generator) -> Generator:
    """A Generator of its own in the same state, for draws and for spawning.

    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> copy_generator(rng).random() == rng.random()
    True
    """
    old: Any = rng.bit_generator
    try:
        new = type(old)(copy.copy(old.seed_seq))
        new.state = old.state
    except (AttributeError, TypeError):  # a bit generator that is not one of NumPy's
        return copy.deepcopy(rng)
    return Generator(new)


def address_of(rng: Generator) -> int:
    """The address of NumPy's ``bitgen_t`` behind a Generator, as compiled code takes it."""
    address: int = rng.bit_generator.ctypes.bit_generator.value
    return address
