"""Derivatives: from a graph to a larger graph.

Re-exports, and where Ops that hold graphs get their rules. Walks are in ``sweep`` (reverse) and
``forward``, connectedness in ``paths``.
"""

from __future__ import annotations

from ..errors import (
    DisconnectedInputError,
    GradientError,
    GradUndefinedError,
    NullTypeGradError,
)
from ..graph.type import DisconnectedType, NullType, disconnected_type
from ..ops.branching import IfElse
from ..ops.control import DERIVATIVES
from ..ops.from_graph import OpFromGraph
from ..ops.scanning import Scan
from .branching import BRANCHES
from .check import numeric_grad, verify_grad
from .controls import (
    as_list_or_tuple,
    consider_constant,
    disconnected_grad,
    format_as,
    grad_clip,
    grad_not_implemented,
    grad_scale,
    grad_undefined,
    undefined_grad,
    zero_grad,
)
from .curvature import hessian_vector_product
from .forward import Rop, pushforward
from .from_graph import FROM_GRAPH
from .jacobians import SparseMatrix, hessian, jacobian
from .loops import LOOPS
from .reverse import Lop, grad, grad_sources_inputs, pullback, subgraph_grad
from .vectorize import vectorize_graph

DERIVATIVES[Scan] = LOOPS
DERIVATIVES[IfElse] = BRANCHES
DERIVATIVES[OpFromGraph] = FROM_GRAPH

__all__ = [
    "DisconnectedInputError",
    "DisconnectedType",
    "GradUndefinedError",
    "GradientError",
    "Lop",
    "NullType",
    "NullTypeGradError",
    "Rop",
    "SparseMatrix",
    "as_list_or_tuple",
    "consider_constant",
    "disconnected_grad",
    "disconnected_type",
    "format_as",
    "grad",
    "grad_clip",
    "grad_not_implemented",
    "grad_scale",
    "grad_sources_inputs",
    "grad_undefined",
    "hessian",
    "hessian_vector_product",
    "jacobian",
    "numeric_grad",
    "pullback",
    "pushforward",
    "subgraph_grad",
    "undefined_grad",
    "vectorize_graph",
    "verify_grad",
    "zero_grad",
]
