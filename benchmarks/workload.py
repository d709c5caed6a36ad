"""What a workload is: one computation, written once for each family of libraries.

No timing here and no library but NumPy: a workload can be built without any peer installed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

Arrays = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Language:
    """The names a symbolic workload is written in; numbagrad and PyTensor both speak it."""

    T: Any  # the tensor namespace
    grad: Callable[..., Any]  # grad(cost, wrt)
    hvp: Callable[..., Any]  # hessian_vector_product(cost, wrt, p)
    jacobian: Callable[..., Any]  # jacobian(expression, wrt, forward): a wish for the mode
    hessian: Callable[..., Any]  # hessian(cost, wrt)
    sparse_hessian: Callable[..., Any] | None = None  # its entries row by row, if it finds them
    scan: Callable[..., Any] | None = None  # scan(step, sequences, outputs_info, others): traces
    ifelse: Callable[..., Any] | None = None  # ifelse(condition, then, otherwise)
    normal: Callable[..., Any] | None = None  # normal(size): standard normal draws


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
    numba
        ``numba(numba_module)`` gives what a person would write and decorate with ``njit``.
    torch
        ``torch(torch_module)`` gives a function of tensors.
    rtol
        How far results may lie apart, relative to the largest entry of each output.
    more
        Further sizes of the real run.
    group
        What ``--group`` takes on the command line.
    sized
        The sizes are handed by keyword to all the functions, see `at`; every size is compiled anew.
    """

    name: str
    title: str
    full: Mapping[str, int]
    quick: Mapping[str, int]
    data: Callable[..., Arrays]
    symbolic: Callable[..., tuple[list[Any], list[Any]]]
    plain: Callable[..., Sequence[Any]]
    jax: Callable[[Any], Callable[..., Any]]
    rtol: float = 1e-10
    more: Sequence[Mapping[str, int]] = ()
    group: str = "models"
    sized: bool = False
    numba: Callable[[Any], Callable[..., Any]] | None = None
    torch: Callable[[Any], Callable[..., Any]] | None = None

    def inputs(self, sizes: Mapping[str, int]) -> Arrays:
        """The inputs at these sizes, the same ones every time."""
        return self.data(np.random.default_rng(20), **sizes)

    def at(self, sizes: Mapping[str, int]) -> "Workload":
        """The workload whose functions need no sizes any more."""
        if not self.sized:
            return self
        names = ("symbolic", "plain", "jax", "numba", "torch")
        written = {name: getattr(self, name) for name in names}
        filled = {name: partial(f, **sizes) for name, f in written.items() if f is not None}
        return replace(self, sized=False, **filled)

    def label(self, sizes: Mapping[str, int]) -> str:
        """The name, with the sizes where there are several."""
        if not self.more:
            return self.name
        return " ".join([self.name, *(f"{name}={value}" for name, value in sizes.items())])
