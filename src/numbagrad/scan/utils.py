"""The place where PyTensor's users look for `until`. Re-exports only."""

from .returned import until

__all__ = ["until"]
