"""Derivatives: from a graph to a larger graph."""

from __future__ import annotations

from ..errors import (
    DisconnectedInputError,
    GradientError,
    GradUndefinedError,
    NullTypeGradError,
)
from ..graph.type import DisconnectedType, NullType, disconnected_type
from .reverse import Lop, grad, grad_sources_inputs, pullback, subgraph_grad

__all__ = [
    "DisconnectedInputError",
    "DisconnectedType",
    "GradUndefinedError",
    "GradientError",
    "Lop",
    "NullType",
    "NullTypeGradError",
    "disconnected_type",
    "grad",
    "grad_sources_inputs",
    "pullback",
    "subgraph_grad",
]
