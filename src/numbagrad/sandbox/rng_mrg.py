"""``MRG_RandomStreams``: another of Theano's streams, here `RandomStreams`. Re-exports only."""

from ..tensor.shared_randomstreams import RandomStreams

__all__ = ["MRG_RandomStreams"]

MRG_RandomStreams = RandomStreams
