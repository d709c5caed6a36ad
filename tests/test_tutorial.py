"""Theano's tutorial on derivatives, typed at a prompt: only its imports are changed.

What is printed must be what the tutorial prints, up to the way NumPy writes arrays: it wrote
``array(8.0)`` then and writes ``array(8.)`` now.
"""

import doctest
import re

import numpy as np
import pytest

import numbagrad as ng

TUTORIAL = """
>>> import numbagrad.tensor as T
>>> from numbagrad import function

>>> from numbagrad import pp
>>> x = T.dscalar('x')
>>> y = x**2
>>> gy = T.grad(y, x)
>>> pp(gy)  # print out the gradient prior to optimization
'((fill((x ** 2), 1.0) * 2) * (x ** (2 - 1)))'
>>> f = function([x], gy)
>>> f(4)
array(8.0)
>>> f(94.2)
array(188.40000000000001)

>>> pp(f.maker.env.outputs[0])
'(2.0 * x)'

>>> x = T.dmatrix('x')
>>> s = T.sum(1 / (1 + T.exp(-x)))
>>> gs = T.grad(s, x)
>>> dlogistic = function([x], gs)
>>> dlogistic([[0, 1], [-1, -2]])
array([[ 0.25      ,  0.19661193],
       [ 0.19661193,  0.10499359]])
"""


class ArraysByValue(doctest.OutputChecker):
    """Compares printed arrays by the numbers in them, everything else letter by letter."""

    def check_output(self, want, got, optionflags):
        if not (want.startswith("array(") and got.startswith("array(")):
            return super().check_output(want, got, optionflags)
        number = re.compile(r"-?\d+\.?\d*(?:e[+-]?\d+)?")
        same_form = re.sub(r"\s", "", number.sub("#", want)) == re.sub(
            r"\s", "", number.sub("#", got)
        )
        values = [[float(n) for n in number.findall(text)] for text in (want, got)]
        return same_form and values[0] == values[1]


def run(text):
    """The session's variables and what went wrong in it."""
    test = doctest.DocTestParser().get_doctest(text, {}, "tutorial", __file__, 0)
    report = []
    runner = doctest.DocTestRunner(checker=ArraysByValue(), verbose=False)
    runner.run(test, out=report.append, clear_globs=False)
    return test.globs, "".join(report)


@pytest.fixture(scope="module")
def session():
    with ng.using(optimize="default"):  # it prints what is simplified
        return run(TUTORIAL)


def test_every_line_prints_what_the_tutorial_says(session):
    assert session[1] == ""


def test_one_apply_is_left(session):
    names, _ = session
    f, gy = names["f"], names["gy"]
    assert len(f.maker.fgraph.apply_nodes) == 1
    assert f.maker.env is f.maker.fgraph
    assert gy.owner is not None and len(f.maker.fgraph.outputs) == 1


def test_results_are_exact(session):
    names, _ = session
    np.testing.assert_array_equal(names["f"](94.2), 188.4)
    value = np.array([[0.0, 1.0], [-1.0, -2.0]])
    s = 1 / (1 + np.exp(-value))
    np.testing.assert_allclose(names["dlogistic"](value), s * (1 - s), rtol=1e-15)


@pytest.mark.parametrize(
    "wrong",
    [
        ">>> import numpy\n>>> numpy.array(8.5)\narray(8.0)\n",
        ">>> import numpy\n>>> numpy.array([8.0])\narray(8.0)\n",
        ">>> 'a  b'\n'a b'\n",
    ],
)
def test_the_comparison_notices_what_is_wrong(wrong):
    assert run(wrong)[1] != ""


def test_list_gives_list_in_order():
    _, report = run(
        """
>>> import numbagrad.tensor as T
>>> from numbagrad import function, pp
>>> x, y = T.dscalars('x', 'y')
>>> gs = T.grad(x * y, [y, x])
>>> type(gs).__name__
'list'
>>> function([x, y], gs)(2.0, 3.0)
[array(2.), array(3.)]
"""
    )
    assert report == ""
