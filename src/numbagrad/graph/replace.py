"""Graphs with other variables in the place of some: PyTensor's names. Re-exports only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .basic import Variable
from .registry import OPS
from .traverse import clone_replace, graph_replace

__all__ = ["clone_replace", "graph_replace", "vectorize_graph"]


def vectorize_graph(
    outputs: Any, replace: Mapping[Variable, Any] | Iterable[tuple[Variable, Any]]
) -> Any:
    """`numbagrad.vectorize_graph`, under PyTensor's name for its module."""
    return OPS["vectorize_graph"](outputs, replace)
