"""The libraries that are compared, each behind the same three methods.

A library is imported only when it is opened, by name, because every peer is optional. Each is used
the way its own documentation recommends, at its defaults, in double precision.
"""

import importlib
import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.workload import Arrays, Language, Workload

Call = Callable[..., Sequence[Any]]


class UnavailableError(Exception):
    """A library cannot take part; the message says why."""


def import_peer(module: str, package: str) -> Any:
    """The imported module, or `UnavailableError` saying what to install."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise UnavailableError(
            f"{package} is not usable here ({error}); install the extra: pip install '.[bench]'"
        ) from error


class Engine(ABC):
    """One library in one of its modes."""

    name: str
    packages: tuple[str, ...]
    compiles = True
    recompiles = False  # for new sizes

    @abstractmethod
    def open(self, scratch: Path) -> None:
        """Import the library with its disk cache, if it has one, in the empty folder `scratch`."""

    @abstractmethod
    def build(self, workload: Workload) -> Call:
        """The workload as a function of the arrays that `load` returns."""

    def build_parallel(self, workload: Workload, call: Call) -> Call:
        """What to time on all cores, where that is another function than `build` made."""
        return call

    def takes(self, workload: Workload) -> bool:
        """Whether the workload is written for this library."""
        return True

    def load(self, arrays: Arrays) -> Sequence[Any]:
        """The arrays as this library likes to have them; not timed."""
        return arrays

    def report(self) -> dict[str, float]:
        """Seconds in each stage of the last build, where the library tells."""
        return {}


class NumPy(Engine):
    """Derivatives by hand; there is nothing to compile."""

    name = "NumPy"
    packages = ("numpy",)
    compiles = False

    def open(self, scratch: Path) -> None:
        """NumPy is always there."""

    def build(self, workload: Workload) -> Call:
        return workload.plain


class NumbaByHand(Engine):
    """What a person would write for ``numba.njit``, derivatives worked out on paper."""

    name = "Numba by hand"
    packages = ("numba",)

    def open(self, scratch: Path) -> None:
        self.numba = import_peer("numba", "numba")

    def takes(self, workload: Workload) -> bool:
        return workload.numba is not None

    def build(self, workload: Workload) -> Call:
        assert workload.numba is not None
        return workload.numba(self.numba)


class PyTorch(Engine):
    """Eager PyTorch on the CPU with 64-bit numbers."""

    name = "PyTorch"
    packages = ("torch",)
    compiles = False

    def open(self, scratch: Path) -> None:
        self.torch = import_peer("torch", "PyTorch")

    def takes(self, workload: Workload) -> bool:
        return workload.torch is not None

    def load(self, arrays: Arrays) -> Sequence[Any]:
        return [self.torch.from_numpy(np.array(array)) for array in arrays]  # its own memory

    def build(self, workload: Workload) -> Call:
        assert workload.torch is not None
        return workload.torch(self.torch)


def numbagrad_language(ng: Any, T: Any) -> Language:
    """How numbagrad says what workloads ask for."""
    return Language(
        T,
        ng.grad,
        ng.hessian_vector_product,
        lambda y, x, forward: ng.jacobian(y, x, mode="forward" if forward else "reverse"),
        ng.hessian,
        lambda cost, x: ng.hessian(cost, x, sparsity="detect", result="sparse").data,
        lambda *given, **more: ng.scan(*given, return_updates=False, **more),
        ng.ifelse,
        lambda size: T.random.RandomStream(1).normal(size=size),
    )


class NumbaGrad(Engine):
    """numbagrad with its default mode."""

    name = "numbagrad"
    packages = ("numbagrad", "numba", "llvmlite")

    def open(self, scratch: Path) -> None:
        # An empty cache, so that compiling is really timed.
        os.environ["NUMBAGRAD_CACHE_DIR"] = str(scratch)
        self.ng = import_peer("numbagrad", "numbagrad")
        T = importlib.import_module("numbagrad.tensor")
        self.language = numbagrad_language(self.ng, T)

    def build(self, workload: Workload) -> Call:
        inputs, outputs = workload.symbolic(self.language)
        self.function = self.ng.function(inputs, outputs)
        return self.function

    def build_parallel(self, workload: Workload, call: Call) -> Call:
        inputs, outputs = workload.symbolic(self.language)
        return self.ng.function(inputs, outputs, parallel=True)

    def report(self) -> dict[str, float]:
        return dict(self.function.compile_report().seconds)


class JAX(Engine):
    """``jax.jit`` on the CPU with 64-bit numbers; a call returns when its results are there."""

    name = "JAX"
    packages = ("jax", "jaxlib")
    recompiles = True

    def open(self, scratch: Path) -> None:
        os.environ["JAX_PLATFORMS"] = "cpu"
        self.jax = import_peer("jax", "JAX")
        self.jax.config.update("jax_enable_x64", True)

    def load(self, arrays: Arrays) -> Sequence[Any]:
        return [self.jax.device_put(array) for array in arrays]

    def build(self, workload: Workload) -> Call:
        compiled = self.jax.jit(workload.jax(self.jax))

        def call(*arrays: Any) -> Sequence[Any]:
            results = compiled(*arrays)
            results[0].block_until_ready()  # all results of one computation come together
            return results

        return call


class PyTensor(Engine):
    """PyTensor in one of its modes."""

    packages = ("pytensor",)

    def __init__(self, name: str, mode: str) -> None:
        self.name, self.mode = name, mode

    def open(self, scratch: Path) -> None:
        # An empty folder for compiled code, so that compiling is really timed. Both modes share
        # the first one, and pieces that an earlier workload compiled are found there again.
        flags = os.environ.get("PYTENSOR_FLAGS", "")
        os.environ["PYTENSOR_FLAGS"] = f"{flags},base_compiledir={scratch}".lstrip(",")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # at import it warns of a missing BLAS to link C with
            self.pytensor = import_peer("pytensor", "PyTensor")
            T = importlib.import_module("pytensor.tensor")
            ifelse = importlib.import_module("pytensor.ifelse").ifelse
        gradient = self.pytensor.gradient
        self.language = Language(
            T,
            self.pytensor.grad,
            gradient.hessian_vector_product,
            lambda y, x, forward: gradient.jacobian(y, x),
            gradient.hessian,
            scan=lambda *given: self.pytensor.scan(*given, return_updates=False),
            ifelse=ifelse,
            normal=lambda size: T.random.RandomStream(1).normal(size=size),
        )
        if self.mode == "CVM" and not self.pytensor.config.cxx:
            raise UnavailableError("PyTensor finds no C++ compiler")

    def build(self, workload: Workload) -> Call:
        inputs, outputs = workload.symbolic(self.language)
        mode = self.pytensor.compile.mode
        if self.mode == "CVM":
            chosen = mode.Mode(linker="cvm", optimizer="fast_run")
        else:
            chosen = mode.get_mode(self.mode or None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.pytensor.function(inputs, outputs, mode=chosen)


def all_engines() -> list[Engine]:
    """Every engine, the one that the others are compared with first.

    PyTensor's default has been its Numba mode since 3.0 and its C mode before; naming both keeps
    the table the same under either.
    """
    return [
        NumbaGrad(),
        NumPy(),
        NumbaByHand(),
        JAX(),
        PyTensor("PyTensor Numba", "NUMBA"),
        PyTensor("PyTensor C", "CVM"),
        PyTorch(),
    ]


def same_results(got: Sequence[Any], expected: Sequence[Any], rtol: float) -> str | None:
    """None if all outputs agree, else a line that says which does not.

    An entry may differ by `rtol` times the largest entry of its output: entries near zero are
    differences of large ones, and no library owes them more.
    """
    if len(got) != len(expected):
        return f"{len(got)} outputs instead of {len(expected)}"
    for i, (one, other) in enumerate(zip(got, expected, strict=True)):
        one, other = np.asarray(one), np.asarray(other)
        if one.shape != other.shape:
            return f"output {i} has shape {one.shape} instead of {other.shape}"
        if one.dtype != np.float64:
            return f"output {i} is {one.dtype}, not float64"
        scale = max(1.0, float(np.max(np.abs(other), initial=0.0)))
        error = float(np.max(np.abs(one - other), initial=0.0)) / scale
        if not error <= rtol:
            return f"output {i} is off by {error:.1e} of its scale, more than {rtol:.0e}"
    return None
