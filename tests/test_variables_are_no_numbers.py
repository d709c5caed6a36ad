"""What Python asks of numbers and arrays and a symbolic variable can not answer."""

import operator

import numpy as np
import pytest

from numbagrad import tensor as T

x = T.dvector("x")
i = T.lscalar("i")


@pytest.mark.parametrize(
    "convert", [int, float, complex, operator.index, range, [1, 2].__getitem__]
)
def test_no_number(convert):
    with pytest.raises(TypeError, match=r"variable i is no number yet: x\.eval\(\)"):
        convert(i)


def test_no_length_and_no_truth_value():
    with pytest.raises(TypeError, match=r"x\.shape\[0\]"):
        len(x)
    with pytest.raises(TypeError, match="no truth value"):
        bool(x > 0)


def test_no_array():
    with pytest.raises(TypeError, match=r"numbagrad\.tensor instead of NumPy's"):
        np.array(x)


def test_not_changed_in_place():
    with pytest.raises(TypeError, match=r"y = x\[index\]\.set\(value\)"):
        x[0] = 1.0
    before, changed = x, x
    changed += 1.0  # makes another variable, as it does of a number
    assert before is x and changed is not x
