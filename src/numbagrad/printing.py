"""``numbagrad.printing``: graphs for people to read. Re-exports only."""

from .graph.printing import debugprint, dprint, pp

__all__ = ["debugprint", "dprint", "pp"]
