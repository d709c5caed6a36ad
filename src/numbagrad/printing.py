"""``numbagrad.printing``: graphs for people to read. Re-exports only."""

from .graph.printing import debugprint, dprint, pp
from .ops.callbacks import Print

__all__ = ["Print", "debugprint", "dprint", "pp"]
