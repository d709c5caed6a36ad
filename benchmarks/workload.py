"""What a workload is: one computation, written once for each family of libraries.

No timing here and no library but NumPy: a workload can be built without any peer installed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Arrays = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Language:
    """The names a symbolic workload is written in; numbagrad and PyTensor both speak it."""

    T: Any  # the tensor namespace
    grad: Callable[..., Any]  # grad(cost, wrt)
    hvp: Callable[..., Any]  # hessian_vector_product(cost, wrt, p)


@dataclass(frozen=True)
class Workload:
    """One computation and its inputs.

    Attributes
    ----------
    name, title
        A short name for tables and the command line, and a line for people.
    full, quick
        Sizes of the real run and of the smoke test, handed to `data` by keyword.
    data
        ``data(rng, **sizes)`` makes the inputs, in the order of all the functions below.
    symbolic
        ``symbolic(language)`` gives the symbolic inputs and the list of outputs.
    plain
        The same by hand in NumPy, derivatives included; returns the outputs in the same order.
    jax
        ``jax(jax_module)`` gives a function for ``jax.jit``.
    rtol
        How far results may lie apart, relative to the largest entry of each output.
    """

    name: str
    title: str
    full: Mapping[str, int]
    quick: Mapping[str, int]
    data: Callable[..., Arrays]
    symbolic: Callable[[Language], tuple[list[Any], list[Any]]]
    plain: Callable[..., Sequence[Any]]
    jax: Callable[[Any], Callable[..., Any]]
    rtol: float = 1e-10

    def inputs(self, sizes: Mapping[str, int]) -> Arrays:
        """The inputs at these sizes, the same ones every time."""
        return self.data(np.random.default_rng(20), **sizes)
