"""The checks that follow from an Op's class, for every Op of numbagrad."""

import numpy as np
import pytest

import numbagrad
from numbagrad.gradient.controls import zero_grad
from numbagrad.graph.registry import OP_CLASSES
from numbagrad.ops.dtypes import always, float_of
from numbagrad.ops.kinds import Elementwise
from numbagrad.testing.checks import CHECKS
from numbagrad.testing.samples import grid

OURS = {c.__name__: c for c in OP_CLASSES if c.__module__.startswith("numbagrad.")}

#: Properties that an Op lacks on purpose.
EXCEPT = {("GradClip", "adjoint")}  # a derivative that is clipped is not linear in its cotangent


#: Checks in which the versions of Numba, NumPy and SciPy have no part, and that of a template by
#: itself: with the oldest ones Numba compiles the one that is printed, too.
NEWEST = {
    "documented",
    "pickling",
    "source",
    "gradient",
    "adjoint",
    "second_derivative",
    "template",
}


@pytest.mark.parametrize(
    ("name", "check"),
    [
        pytest.param(n, c, marks=pytest.mark.newest("see NEWEST") if c in NEWEST else ())
        for n in OURS
        for c in CHECKS
        if (n, c) not in EXCEPT
    ],
)
def test_op(name, check):
    CHECKS[check](OURS[name])


def test_names_of_op_classes_are_unique():
    names = [c.__name__ for c in OP_CLASSES if c.__module__.startswith("numbagrad.")]
    assert len(names) == len(set(names))


# -- the checks find what is wrong -----------------------------------------------------------------


def _sine(**wrong):
    """The class of a sine, with parts replaced."""

    def template(x):
        return np.sin(x)

    parts = {
        "__doc__": "Sine.\n\n    >>> 1\n    1\n",
        "dtype": float_of,
        "accepts": "biuf",
        "template": template,
        "partials": lambda y, x: [numbagrad.tensor.cos(x)],
        "reference": np.sin,
        "samples": [grid(-1, 2)],
    }
    return type("Sine", (Elementwise,), parts | wrong)


def _cosine_template(x):
    return np.cos(x)


def _not_the_adjoint(self, tangents, y, x):
    return tangents[0]


@pytest.mark.parametrize(
    ("check", "wrong"),
    [
        ("documented", {"__doc__": "Sine, without an example."}),
        ("dtypes", {"dtype": always("float32")}),
        ("dtypes", {"dtype": always("int64")}),
        ("template", {"template": _cosine_template}),
        ("compiled", {"template": _cosine_template}),
        ("gradient", {"partials": lambda y, x: [numbagrad.tensor.sin(x)]}),
        ("gradient", {"partials": lambda y, x: [2]}),
        ("adjoint", {"pushforward": _not_the_adjoint}),
        ("second_derivative", {"partials": lambda y, x: [zero_grad(numbagrad.tensor.cos(x))]}),
    ],
)
def test_a_wrong_definition_is_found(check, wrong):
    known = list(OP_CLASSES)
    try:
        with pytest.raises(AssertionError):
            CHECKS[check](_sine(**wrong))
    finally:
        OP_CLASSES[:] = known
