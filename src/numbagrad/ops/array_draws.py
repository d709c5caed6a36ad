"""Draws of vectors: Dirichlet, multinomial, categorical, choices, permutations, normal vectors.

Each is bit for bit that of NumPy's Generator, except normal vectors, whose standard normal draws
are NumPy's but whose products with the factor of the covariance round as this package's do.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from ..config import config
from ..graph.basic import Apply, Constant, Variable
from ..graph.generators import copy_generator
from ..graph.registry import OPS
from ..graph.tensor import TensorType, as_tensor
from ..kernels import random_arrays
from .checks import Check
from .continuous_draws import normal
from .declared import size_of, undefined
from .discrete_draws import integers
from .distributions import deliver, enter, generator_for, result_dtype, whole_numbers
from .draws import as_generator, as_parameter, as_size
from .kinds import Block
from .sizes import as_scalar, product, shape_tuple, size_at

__all__ = [
    "categorical",
    "choice",
    "dirichlet",
    "multinomial",
    "multivariate_normal",
    "permutation",
]


class ArrayDraw(Block, abstract=True):
    """A Block whose first input is a generator, and whose first output is the next one.

    Its other inputs are how many vectors are drawn and the parameters, which may be stacks; the
    draws have the dimensions of the stack, then one for the number of vectors, then the vector's.

    Attributes
    ----------
    arguments : dict
        Each parameter with the dtype in which the template gets it.
    cores : tuple of int
        How many dimensions each has that is not a stack.
    vector : bool
        Whether a draw is as long as the last parameter; else it is a number.
    natural : str
        The dtype of the draws.
    """

    __props__ = ()
    nout = 2
    default_output = 1
    arguments: ClassVar[dict[str, str]] = {}
    cores: ClassVar[tuple[int, ...]] = ()
    vector: ClassVar[bool] = False
    natural: ClassVar[str] = "int64"

    def __init_subclass__(cls, abstract: bool = False, **kwargs: Any):
        # Not among the classes whose tests feed arrays alone.
        super().__init_subclass__(abstract=True, **kwargs)

    def batch_ndim(self, *inputs: Variable) -> int:
        pairs = zip(inputs[2:], self.cores, strict=True)
        return max((v.type.ndim - core for v, core in pairs), default=0)

    def argument_dtypes(self, inputs: Sequence[Variable], output: str) -> list[str]:
        return ["uint64", "int64", *self.arguments.values()]

    def make_node(self, rng: Any, count: Any, *params: Any) -> Apply:
        rng = as_generator(rng, str(self))
        count = as_scalar(count)
        variables = [as_parameter(x, str(self), n) for n, x in zip(self.arguments, params)]
        batch = max((v.ndim - c for v, c in zip(variables, self.cores)), default=0)
        if variables:
            variables = OPS["broadcast_batches"](variables, self.cores, batch)
        inputs = [rng, count, *variables]
        known = [(), (), *(v.type.shape for v in variables)]
        shape = [s if isinstance(s, int) else None for s in self.sizes(known, *inputs)[1]]
        return Apply(self, inputs, [rng.type(), TensorType(self.natural, shape)()])

    def sizes(self, shapes: Sequence[tuple[Any, ...]], *inputs: Variable) -> Any:
        batch = self.batch_ndim(*inputs)
        lead = shapes[2][:batch] if batch else ()
        tail = (shapes[-1][-1],) if self.vector else ()
        return [(), (*lead, size_of(inputs[1]), *tail)]

    def same_sizes(self, shapes: Any, *inputs: Variable) -> list[tuple[Any, Any]]:
        batch = self.batch_ndim(*inputs)
        stacks = [shape[:batch] for shape in shapes[2:]]
        return [(a, b) for sizes in zip(*stacks) for a, b in pairwise(sizes)]

    def checks(self, *inputs: Variable) -> list[Any]:
        if isinstance(inputs[1], Constant):
            return []
        words = f"{self.shown}: a size must not be negative"
        return [Check(None, lambda index, read, sizes: read(1, ()) >= 0, ValueError, words)]

    @property
    def shown(self) -> str:
        """What users call the distribution."""
        return type(self).__name__.removesuffix("RV").lower()

    def generator_of(self, node: Apply, k: int) -> Variable:
        """The input whose draws end in the generator that is output ``k``."""
        return node.inputs[0]

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[Any]) -> None:
        rng, count = copy_generator(inputs[0]), int(inputs[1])
        if count < 0:
            raise ValueError(f"{self.shown}: a size must not be negative; got {count}")
        params = [np.asarray(x).astype(d) for x, d in zip(inputs[2:], self.arguments.values())]
        batch = self.batch_ndim(*node.inputs)
        lead = params[0].shape[:batch] if batch else ()
        tail = params[-1].shape[-1:] if self.vector else ()
        made = np.empty((*lead, count, *tail), self.natural)
        for place in np.ndindex(*lead):
            made[place] = type(self).reference(rng, count, *(p[place] for p in params))
        output_storage[0][0], output_storage[1][0] = rng, made

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        connected = self.natural == "float64"
        return [[False, False], [False, False], *([False, connected] for _ in self.cores)]

    def pullback(self, gy: Any, y: Any, *inputs: Variable) -> Any:  # type: ignore[override]
        if self.natural != "float64":
            return [None for _ in inputs]
        return [None, None, *(undefined(f"{self}: {self.no_derivative}") for _ in self.cores)]


class DirichletRV(ArrayDraw):
    """Vectors of positive numbers with sum 1."""

    arguments = {"alphas": "float64"}
    cores, vector, natural = (1,), True, "float64"
    no_derivative = (
        "a draw is made by rejection; gamma draws divided by their sum are a Dirichlet draw whose "
        "derivatives exist"
    )

    def template(rng, count, alphas):
        return random_arrays.dirichlet(rng, count, alphas)

    def reference(rng, count, alphas):
        return rng.dirichlet(alphas, count)


class MultinomialRV(ArrayDraw):
    """How often each of several outcomes happens."""

    arguments = {"n": "int64", "p": "float64"}
    cores, vector = (0, 1), True

    def template(rng, count, n, p):
        return random_arrays.multinomial(rng, count, n, p)

    def reference(rng, count, n, p):
        return rng.multinomial(n, p, count)


class CategoricalRV(ArrayDraw):
    """Positions with given probabilities."""

    arguments = {"p": "float64"}
    cores = (1,)

    def template(rng, count, p):
        return random_arrays.categorical(rng, count, p)

    def reference(rng, count, p):
        if not np.all(p >= 0):
            raise ValueError("a probability is negative or NaN")
        if not abs(p.sum() - 1.0) <= 1.5e-8:
            raise ValueError("the probabilities do not sum to 1")
        return np.minimum(np.searchsorted(p.cumsum(), rng.uniform(size=count)), p.size - 1)


class ChoiceRV(ArrayDraw):
    """Positions with given probabilities, as `numpy.random.Generator.choice` finds them."""

    arguments = {"p": "float64"}
    cores = (1,)

    def template(rng, count, p):
        return random_arrays.choice(rng, count, p)

    def reference(rng, count, p):
        return rng.choice(p.size, count, p=p)


class SubsetRV(ArrayDraw):
    """Different positions."""

    arguments = {"n": "int64"}
    cores = (0,)

    def template(rng, count, n):
        return random_arrays.subset(rng, count, n)

    def reference(rng, count, n):
        return rng.choice(int(n), count, replace=False)


class WeightedSubsetRV(ArrayDraw):
    """Different positions, the likely ones more often."""

    arguments = {"p": "float64"}
    cores = (1,)

    def template(rng, count, p):
        return random_arrays.weighted_subset(rng, count, p)

    def reference(rng, count, p):
        return rng.choice(p.size, count, replace=False, p=p)


class PermutationRV(ArrayDraw):
    """The numbers below ``count`` in another order."""

    def template(rng, count):
        return random_arrays.permutation(rng, count)

    def reference(rng, count):
        return rng.permutation(count)


def _count(sizes: list[Any]) -> Any:
    """How many there are; -1 if a size turns out to be negative."""
    total = product(sizes)
    for s in sizes:
        if not isinstance(s, int):
            total = OPS["switch"](OPS["lt"](s, 0), -1, total)
    return total


def _draw(op: ArrayDraw, params: list[Any], size: Any, rng: Any, where: str) -> tuple[Any, Any]:
    """The next generator, and draws in the shape ``(*size, *vector)``."""
    sizes = as_size(size, where)
    batch = max((v.ndim - c for v, c in zip(params, op.cores, strict=True)), default=0)
    rng = generator_for(rng, where)
    if batch == 0:
        wanted = sizes or []
        next_rng, made = op(rng, _count(wanted), *params, return_list=True)
        tail = shape_tuple(made)[1:]
        return next_rng, OPS["reshape"](made, [*wanted, *tail])
    if sizes is not None:
        if len(sizes) < batch:
            raise ValueError(
                f"{where}: size has {len(sizes)} entries, but the parameters are stacks of "
                f"{batch} dimensions; give the whole shape of the draws"
            )
        params = [
            OPS["broadcast_to"](v, [*sizes, *shape_tuple(v)[v.ndim - core :]])
            for v, core in zip(params, op.cores, strict=True)
        ]
        batch = len(sizes)
    next_rng, made = op(rng, 1, *params, return_list=True)
    kept = [k for k in range(made.ndim) if k != batch]
    return next_rng, OPS["dimshuffle"](made, kept)


def _typed(draw: Any, natural: str, dtype: Any, where: str) -> Any:
    wanted = result_dtype(natural, dtype, where)
    return draw if wanted == natural else OPS["cast"](draw, wanted)


@enter
def dirichlet(
    alphas: Any, size: Any = None, *, rng: Any = None, name: str | None = None,
    dtype: Any = None, return_next_rng: bool = False,
) -> Any:  # fmt: skip
    """Vectors of positive numbers with sum 1, as `numpy.random.Generator.dirichlet`.

    Parameters
    ----------
    alphas : array_like or TensorVariable
        Of at least one dimension; further ones in front are a stack.
    size : int, tuple of int and integer scalars, or integer vector, optional
        The shape of the result without its last dimension.
    rng, name, dtype, return_next_rng
        As in `normal`.

    Examples
    --------
    >>> from numbagrad.tensor.random import shared_rng
    >>> dirichlet([1.0, 2.0, 3.0], rng=shared_rng(seed=3)).eval()
    array([0.031652  , 0.29803033, 0.67031767])
    """
    p = as_parameter(alphas, "dirichlet", "alphas")
    next_rng, draw = _draw(DirichletRV(), [_stacked(p, "dirichlet")], size, rng, "dirichlet")
    return deliver(next_rng, _typed(draw, "float64", dtype, "dirichlet"), name, return_next_rng)


def _stacked(p: Any, where: str) -> Any:
    if p.ndim == 0:
        raise ValueError(f"{where}: a vector is needed; got {p!r}")
    return p


@enter
def multinomial(
    n: Any, p: Any, size: Any = None, *, rng: Any = None, name: str | None = None,
    dtype: Any = None, return_next_rng: bool = False,
) -> Any:  # fmt: skip
    """How often each outcome happens in ``n`` trials, as `numpy.random.Generator.multinomial`.

    Parameters
    ----------
    n : integer array_like or TensorVariable
    p : array_like or TensorVariable
        Probabilities along the last dimension, with sum 1.
    size, rng, name, dtype, return_next_rng
        As in `dirichlet`.

    Examples
    --------
    >>> from numbagrad.tensor.random import shared_rng
    >>> multinomial(10, [0.2, 0.3, 0.5], size=2, rng=shared_rng(seed=3)).eval()
    array([[0, 3, 7],
           [3, 3, 4]])
    """
    params = [
        whole_numbers(n, "multinomial", "n"),
        _stacked(as_parameter(p, "multinomial", "p"), "multinomial"),
    ]
    next_rng, draw = _draw(MultinomialRV(), params, size, rng, "multinomial")
    return deliver(next_rng, _typed(draw, "int64", dtype, "multinomial"), name, return_next_rng)


@enter
def categorical(
    p: Any, size: Any = None, *, rng: Any = None, name: str | None = None,
    dtype: Any = None, return_next_rng: bool = False,
) -> Any:  # fmt: skip
    """Whole numbers ``k`` with probability ``p[..., k]``.

    Found as PyTensor does: the first place where the running sum of ``p`` is not below a uniform
    draw.

    Parameters
    ----------
    p : array_like or TensorVariable
        Probabilities along the last dimension, with sum 1.
    size, rng, name, dtype, return_next_rng
        As in `normal`.

    Examples
    --------
    >>> from numbagrad.tensor.random import shared_rng
    >>> categorical([0.2, 0.3, 0.5], size=5, rng=shared_rng(seed=3)).eval()
    array([0, 1, 2, 2, 0])
    """
    params = [_stacked(as_parameter(p, "categorical", "p"), "categorical")]
    next_rng, draw = _draw(CategoricalRV(), params, size, rng, "categorical")
    return deliver(next_rng, _typed(draw, "int64", dtype, "categorical"), name, return_next_rng)


@enter
def choice(
    a: Any, size: Any = None, replace: bool = True, p: Any = None, *, rng: Any = None,
    name: str | None = None, return_next_rng: bool = False,
) -> Any:  # fmt: skip
    """Elements of ``a``, or numbers below it, by chance, as `numpy.random.Generator.choice`.

    Parameters
    ----------
    a : array_like or TensorVariable
        Choices are made along its first dimension. A whole number stands for ``arange(a)``.
    size : int, tuple of int and integer scalars, or integer vector, optional
    replace : bool
        Whether an element may be chosen more than once.
    p : array_like or TensorVariable, optional
        The probability of each; by default all have the same.
    rng, name, return_next_rng
        As in `normal`.

    Examples
    --------
    >>> from numbagrad.tensor.random import shared_rng
    >>> choice(10, size=4, replace=False, rng=shared_rng(seed=3)).eval()
    array([2, 0, 1, 5])
    """
    a = as_tensor(a)
    count = whole_numbers(a, "choice", "a") if a.ndim == 0 else size_at(a, 0)
    if p is not None:
        weights = as_parameter(p, "choice", "p")
        if weights.ndim != 1:
            raise ValueError(f"choice: p must have 1 dimension; it has {weights.ndim}")
        weights = OPS["specify_shape"](weights, [count])
        op: ArrayDraw = ChoiceRV() if replace else WeightedSubsetRV()
        next_rng, places = _draw(op, [weights], size, rng, "choice")
    elif replace or size is None:
        next_rng, places = integers(0, count, size=size, rng=rng, return_next_rng=True)
    else:
        next_rng, places = _draw(SubsetRV(), [as_scalar(count)], size, rng, "choice")
    return deliver(next_rng, places if a.ndim == 0 else a[places], name, return_next_rng)


@enter
def permutation(
    x: Any, *, rng: Any = None, name: str | None = None, return_next_rng: bool = False
) -> Any:
    """``x`` in another order along its first dimension, as `numpy.random.Generator.permutation`.

    A whole number stands for ``arange(x)``.

    >>> from numbagrad.tensor.random import shared_rng
    >>> permutation(5, rng=shared_rng(seed=3)).eval()
    array([4, 2, 1, 3, 0])
    """
    x = as_tensor(x)
    count = whole_numbers(x, "permutation", "x") if x.ndim == 0 else size_at(x, 0)
    if isinstance(size_of(count), int):
        as_size(size_of(count), "permutation")
    rng = generator_for(rng, "permutation")
    next_rng, places = PermutationRV()(rng, count, return_list=True)
    return deliver(next_rng, places if x.ndim == 0 else x[places], name, return_next_rng)


@enter
def multivariate_normal(
    mean: Any, cov: Any, size: Any = None, method: str = "cholesky", *, rng: Any = None,
    name: str | None = None, dtype: Any = None, return_next_rng: bool = False,
) -> Any:  # fmt: skip
    """Normal vectors ``mean + L z``, with ``L`` the Cholesky factor of ``cov``.

    The standard normal numbers ``z`` are those that `numpy.random.Generator.multivariate_normal`
    with ``method="cholesky"`` draws; the product rounds otherwise, so the last bits may differ.
    Derivatives go through the factor.

    Parameters
    ----------
    mean : array_like or TensorVariable
        Of at least one dimension.
    cov : array_like or TensorVariable
        Positive definite; of at least two dimensions.
    size : int, tuple of int and integer scalars, or integer vector, optional
        The shape of the result without its last dimension.
    method : {"cholesky"}
        NumPy's other factors are not offered: they are not smooth in ``cov``.
    rng, name, dtype, return_next_rng
        As in `normal`.

    Raises
    ------
    numpy.linalg.LinAlgError
        If ``cov`` is not positive definite, when the function is called.

    Examples
    --------
    >>> from numbagrad.tensor.random import shared_rng
    >>> multivariate_normal([0.0, 9.0], [[1.0, 0.5], [0.5, 1.0]], rng=shared_rng(seed=3)).eval()
    array([2.04091912, 7.80718872])
    """
    where = "multivariate_normal"
    if method != "cholesky":
        raise ValueError(f"{where}: method must be 'cholesky'; got {method!r}")
    mean = _stacked(_floating(mean, where, "mean"), where)
    cov = _floating(cov, where, "cov")
    if cov.ndim < 2:
        raise ValueError(f"{where}: cov must have at least 2 dimensions; it has {cov.ndim}")
    sizes = as_size(size, where)
    batch = max(mean.ndim - 1, cov.ndim - 2) if sizes is None else len(sizes)
    if max(mean.ndim - 1, cov.ndim - 2) > batch:
        raise ValueError(f"{where}: size has {batch} entries, fewer than mean and cov are stacked")
    factor = OPS["cholesky"](cov)
    if sizes is None:
        first = OPS["add"](mean[..., 0], cov[..., 0, 0])
        sizes = list(shape_tuple(first))
    whole = [*sizes, size_at(mean, mean.ndim - 1)]
    next_rng, z = normal(0.0, 1.0, size=whole, rng=rng, return_next_rng=True)
    if factor.ndim == 2 and batch:
        moved = OPS["matmul"](z, OPS["dimshuffle"](factor, [1, 0]))
    else:
        moved = OPS["matvec"](factor, z)
    draw = OPS["add"](mean, moved)
    wanted = result_dtype("float64", dtype, where)
    return deliver(next_rng, OPS["cast"](draw, wanted), name, return_next_rng)


def _floating(x: Any, where: str, name: str) -> Any:
    v = as_parameter(x, where, name)
    return v if v.type.numpy_dtype.kind == "f" else OPS["cast"](v, config.floatX)
