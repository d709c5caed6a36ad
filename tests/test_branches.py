"""`ifelse`: only the branch that is taken is computed, in values and in derivatives."""

import pickle

import numpy as np
import pytest

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.ops.branching import IfElse, ifelse


def test_the_branch_that_holds_is_handed_on():
    c, x = T.dscalar("c"), T.dvector("x")
    y = ifelse(c, T.exp(x), x * 2)
    assert ng.pp(y) == "ifelse((c != 0), exp(x), (x * 2))"
    assert y.eval({c: 2.0, x: [0.0, 1.0]}).tolist() == [1.0, np.e]
    assert y.eval({c: 0.0, x: [0.0, 1.0]}).tolist() == [0.0, 2.0]


def test_several_results_and_names():
    c, x = T.dscalar("c"), T.dvector("x")
    made = ifelse(c > 0, [x, x.sum()], [x * 2, 0.0], name="y")
    assert isinstance(made, list)
    assert [v.name for v in made] == ["y0", "y1"]
    assert made[0].owner is made[1].owner
    assert isinstance(ifelse(c > 0, (x,), (x,)), list)


def test_dtypes_are_made_equal_where_nothing_is_lost():
    c, x, k = T.dscalar("c"), T.dscalar("x"), T.iscalar("k")
    assert ifelse(c, x, k).dtype == ifelse(c, k, x).dtype == "float64"
    assert ifelse(c, k, 1).dtype == "int32"
    assert ifelse(c, T.fscalar("f"), 0).dtype == "float32"
    assert ifelse(c, k, 1.5).eval({c: 0.0, k: 3}) == 1.5
    assert ifelse(c, T.row("r"), T.matrix("m")).type.shape == (None, None)


def test_what_does_not_fit_is_refused():
    c, x = T.dscalar("c"), T.dvector("x")
    with pytest.raises(TypeError, match="condition of ifelse must be a scalar"):
        ifelse(x > 0, x, x)
    with pytest.raises(TypeError, match=r"x has 1 dimensions, .* has 0"):
        ifelse(c, x, 0)
    with pytest.raises(TypeError, match=r"float32.*int64.*without loss"):
        ifelse(c, T.fscalar("f"), T.lscalar("k"))
    with pytest.raises(ValueError, match="same number of results; they give 2 and 1"):
        ifelse(c, [x, x], [x])
    with pytest.raises(ValueError, match="no results"):
        ifelse(c, [], [])


def test_equal_branches_are_equal_ops_and_can_be_pickled():
    c, x = T.dscalar("c"), T.dvector("x")
    one, two = ifelse(c, x, x * 2).owner.op, ifelse(c, x + 1, x).owner.op
    assert isinstance(one, IfElse)
    assert one == two
    assert hash(one) == hash(two)
    assert pickle.loads(pickle.dumps(one)) == one
