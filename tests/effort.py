"""How many examples are drawn: few in each run, and with NUMBAGRAD_FUZZ=n, n times as many more."""

import os

from hypothesis import settings

MORE = int(os.environ.get("NUMBAGRAD_FUZZ", "0"))


def examples(count):
    """Settings for a test that draws so many examples."""
    return settings(max_examples=count * (1 + MORE), deadline=None)
