"""The list of all workloads. One file each; a new one is added to the tuple below.

`WARM_UP` is no row of the tables.
"""

from benchmarks.workload import Workload
from benchmarks.workloads.elementwise import ELEMENTWISE
from benchmarks.workloads.logistic import LOGISTIC
from benchmarks.workloads.mlp import MLP
from benchmarks.workloads.rosenbrock import ROSENBROCK
from benchmarks.workloads.square import SQUARE
from benchmarks.workloads.warm_up import WARM_UP

__all__ = ["WARM_UP", "WORKLOADS"]

WORKLOADS: tuple[Workload, ...] = (SQUARE, ELEMENTWISE, LOGISTIC, MLP, ROSENBROCK)
