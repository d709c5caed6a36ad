"""The list of all workloads; a new one is added to the tuple below.

`WARM_UP` is no row of the tables.
"""

from benchmarks.workload import Workload
from benchmarks.workloads.branches import BRANCHES
from benchmarks.workloads.draws import DRAWS
from benchmarks.workloads.elementwise import ELEMENTWISE
from benchmarks.workloads.garch import GARCH
from benchmarks.workloads.gaussian_process import GAUSSIAN_PROCESS
from benchmarks.workloads.hmm import HMM
from benchmarks.workloads.jacobians import JACOBIAN_SQUARE, JACOBIAN_TALL, JACOBIAN_WIDE
from benchmarks.workloads.kalman import KALMAN
from benchmarks.workloads.logistic import LOGISTIC
from benchmarks.workloads.logistic_parts import (
    LOGISTIC_GRADIENT,
    LOGISTIC_HESSIAN,
    LOGISTIC_PRODUCT,
)
from benchmarks.workloads.mlp import MLP
from benchmarks.workloads.multinomial import MULTINOMIAL
from benchmarks.workloads.rosenbrock import ROSENBROCK
from benchmarks.workloads.rosenbrock_parts import (
    ROSENBROCK_ALL,
    ROSENBROCK_BANDED,
    ROSENBROCK_GRADIENT,
    ROSENBROCK_SPARSE,
)
from benchmarks.workloads.softmax import SOFTMAX
from benchmarks.workloads.square import SQUARE
from benchmarks.workloads.warm_up import WARM_UP

__all__ = ["WARM_UP", "WORKLOADS"]

WORKLOADS: tuple[Workload, ...] = (
    SQUARE,
    ELEMENTWISE,
    LOGISTIC,
    MULTINOMIAL,
    MLP,
    ROSENBROCK,
    SOFTMAX,
    BRANCHES,
    GAUSSIAN_PROCESS,
    DRAWS,
    LOGISTIC_GRADIENT,
    LOGISTIC_PRODUCT,
    ROSENBROCK_GRADIENT,
    ROSENBROCK_ALL,
    JACOBIAN_TALL,
    JACOBIAN_WIDE,
    JACOBIAN_SQUARE,
    LOGISTIC_HESSIAN,
    ROSENBROCK_BANDED,
    ROSENBROCK_SPARSE,
    GARCH,
    KALMAN,
    HMM,
)
