"""The checks that follow from an Op's class, for every Op of numbagrad."""

import pytest

import numbagrad  # noqa: F401 - makes all Ops known
from numbagrad.graph.registry import OP_CLASSES
from numbagrad.testing.checks import CHECKS

OURS = {c.__name__: c for c in OP_CLASSES if c.__module__.startswith("numbagrad.")}

#: Properties that an Op lacks on purpose.
EXCEPT = {("GradClip", "adjoint")}  # a derivative that is clipped is not linear in its cotangent


@pytest.mark.parametrize(
    ("name", "check"), [(n, c) for n in OURS for c in CHECKS if (n, c) not in EXCEPT]
)
def test_op(name, check):
    CHECKS[check](OURS[name])


def test_names_of_op_classes_are_unique():
    names = [c.__name__ for c in OP_CLASSES if c.__module__.startswith("numbagrad.")]
    assert len(names) == len(set(names))
