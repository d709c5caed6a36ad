"""Streams of random numbers: distributions as methods, a generator for each variable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...function.shared import shared_rng
from ...graph.registry import OPS

__all__ = ["RandomStream"]


class RandomStream:
    """Draws that are new at each call, without the caller handing generators about.

    Each variable has a shared generator of its own, spawned from one seed, whose default update is
    the generator after the draws. Every distribution of ``tensor.random`` is a method.

    Parameters
    ----------
    seed : int or sequence of int, optional
        What ``numpy.random.SeedSequence`` is called with; without one, chance.
    namespace : module, optional
        Where distributions are looked up first, with the names in its ``__all__``.
    rng_ctor : callable
        What makes a Generator of a SeedSequence.

    Attributes
    ----------
    gen_seedgen : numpy.random.SeedSequence
        What the next generators are spawned from.
    state_updates : list of tuple
        Each shared generator and its update.

    Examples
    --------
    >>> import numpy as np
    >>> from numbagrad import function
    >>> stream = RandomStream(seed=234)
    >>> x = stream.uniform(size=2)
    >>> f = function([], x)
    >>> f(), f()
    (array([0.29042348, 0.86331565]), array([0.03797811, 0.7155221 ]))
    >>> (first,) = np.random.SeedSequence(234).spawn(1)
    >>> np.random.default_rng(first).uniform(size=2)
    array([0.29042348, 0.86331565])
    """

    def __init__(
        self,
        seed: Any = None,
        namespace: Any = None,
        rng_ctor: Callable[..., np.random.Generator] = np.random.default_rng,
    ):
        self.namespace = namespace
        self.default_instance_seed = seed
        self.state_updates: list[tuple[Any, Any]] = []
        self.gen_seedgen = np.random.SeedSequence(seed)
        self.rng_ctor = rng_ctor

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        draw = None
        if name in getattr(self.namespace, "__all__", ()):
            draw = getattr(self.namespace, name)
        draw = draw or OPS.get(f"random.{name}")
        if draw is None:
            raise AttributeError(f"{type(self).__name__} has no distribution {name!r}")

        def method(*args: Any, **kwargs: Any) -> Any:
            return self.gen(draw, *args, **kwargs)

        method.__name__, method.__doc__ = name, draw.__doc__
        return method

    def updates(self) -> list[tuple[Any, Any]]:
        """Each shared generator and its update, as ``function`` takes them."""
        # A loop that draws has made the generator after its last step the default update.
        pairs = self.state_updates
        return [(r, after if r.default_update is None else r.default_update) for r, after in pairs]

    def seed(self, seed: Any = None) -> None:
        """Seed all generators anew, those of variables made so far and those to come.

        Without ``seed`` it is the one that the stream was made with.
        """
        seed = self.default_instance_seed if seed is None else seed
        self.gen_seedgen = np.random.SeedSequence(seed)
        spawned = self.gen_seedgen.spawn(len(self.state_updates))
        for (rng, _), sequence in zip(self.state_updates, spawned, strict=True):
            rng.set_value(self.rng_ctor(sequence), borrow=True)

    def gen(self, op: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """A draw by ``op`` from a new generator.

        Raises
        ------
        ValueError
            If ``rng`` is given.
        """
        if kwargs.get("rng") is not None:
            raise ValueError("A stream has generators of its own: rng can not be given")
        (sequence,) = self.gen_seedgen.spawn(1)
        rng = shared_rng(self.rng_ctor(sequence), borrow=True)
        both = kwargs.pop("return_next_rng", False)
        next_rng, draw = op(*args, **kwargs, rng=rng, return_next_rng=True)
        self.state_updates.append((rng, next_rng))
        rng.default_update = next_rng
        return (next_rng, draw) if both else draw
