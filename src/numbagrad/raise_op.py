"""``numbagrad.raise_op``: values that come with conditions. Re-exports only."""

from .ops.asserting import Assert, CheckAndRaise, assert_, assert_op

__all__ = ["Assert", "CheckAndRaise", "assert_", "assert_op"]
