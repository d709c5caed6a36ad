"""numbagrad: Theano's symbolic gradients, compiled with Numba into one readable function.

>>> import numbagrad as ng
>>> from numbagrad import tensor as T
>>> x = T.dscalar("x")
>>> f = ng.function([x], ng.grad(x**2, x))
>>> f(4)
array(8.)
"""

from . import compile, errors, gradient, printing, tensor
from .config import config, using
from .function import Function, In, Mode, Out, SharedVariable, function, get_mode, shared
from .gradient import (
    DisconnectedInputError,
    DisconnectedType,
    GradientError,
    GradUndefinedError,
    Lop,
    NullType,
    NullTypeGradError,
    Rop,
    consider_constant,
    disconnected_grad,
    grad,
    hessian,
    hessian_vector_product,
    jacobian,
    pullback,
    pushforward,
    subgraph_grad,
    vectorize_graph,
    verify_grad,
)
from .graph.basic import Apply, Constant, Variable
from .graph.fgraph import FunctionGraph
from .graph.op import Op
from .graph.tensor import as_tensor, as_tensor_variable, constant
from .graph.traverse import clone_replace, graph_replace
from .graph.type import Type
from .ops.branching import ifelse
from .ops.callbacks import as_op, wrap_py
from .ops.from_graph import OpFromGraph
from .printing import debugprint, dprint, pp
from .scan import foldl, foldr, map, reduce, scan, scan_checkpoints, until

__version__ = "0.1.0"

__all__ = [
    "Apply",
    "Constant",
    "DisconnectedInputError",
    "DisconnectedType",
    "Function",
    "FunctionGraph",
    "GradUndefinedError",
    "GradientError",
    "In",
    "Lop",
    "Mode",
    "NullType",
    "NullTypeGradError",
    "Op",
    "OpFromGraph",
    "Out",
    "Rop",
    "SharedVariable",
    "Type",
    "Variable",
    "__version__",
    "as_op",
    "as_tensor",
    "as_tensor_variable",
    "clone_replace",
    "compile",
    "config",
    "consider_constant",
    "constant",
    "debugprint",
    "disconnected_grad",
    "dprint",
    "errors",
    "foldl",
    "foldr",
    "function",
    "get_mode",
    "grad",
    "gradient",
    "graph_replace",
    "hessian",
    "hessian_vector_product",
    "ifelse",
    "jacobian",
    "map",
    "pp",
    "printing",
    "pullback",
    "pushforward",
    "reduce",
    "scan",
    "scan_checkpoints",
    "shared",
    "subgraph_grad",
    "tensor",
    "until",
    "using",
    "vectorize_graph",
    "verify_grad",
    "wrap_py",
]
