"""Rewrites: a graph becomes a smaller, safer one that computes the same."""

from .passes import rewrite, simplified, stabilized
from .shapes import ShapeEnv

__all__ = ["ShapeEnv", "rewrite", "simplified", "stabilized"]
