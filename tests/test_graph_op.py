"""The Op protocol, as a user of PyTensor writes an Op."""

import pickle

import numpy as np
import pytest

from numbagrad.graph.basic import Apply
from numbagrad.graph.op import Op
from numbagrad.graph.tensor import TensorType, as_tensor

from .graph_ops import VECTOR, Add, Both, ByIdentity, Inc


class AxPlusB(Op):
    """PyTensor's tutorial example: two static parameters, make_node and perform, grad."""

    __props__ = ("a", "b")

    def __init__(self, a, b):
        self.a, self.b = a, b

    def make_node(self, x, scale=1.0):
        x = as_tensor(x)
        self.scale_seen = scale
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = self.a * inputs[0] + self.b

    def grad(self, inputs, output_grads):
        return [("grad", output_grads[0])]


class Doubled(Op):
    """The short form."""

    __props__ = ()
    itypes = [VECTOR]
    otypes = [VECTOR]

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = 2 * inputs[0]


class NewWords(Doubled):
    """The newer names of the derivative rules."""

    def pullback(self, inputs, outputs, cotangents):
        return ["pullback", *cotangents]

    def pushforward(self, inputs, outputs, tangents):
        return ["pushforward", *tangents]


def test_ops_are_values():
    assert AxPlusB(1, 2) == AxPlusB(1, 2) and hash(AxPlusB(1, 2)) == hash(AxPlusB(1, 2))
    assert AxPlusB(1, 2) != AxPlusB(1, 3) and AxPlusB(1, 2) != Inc(1)
    assert ByIdentity() != ByIdentity() and len({ByIdentity(), ByIdentity()}) == 2
    assert repr(AxPlusB(1, 2)) == "AxPlusB{a=1, b=2}" and repr(Add()) == "Add"
    assert pickle.loads(pickle.dumps(AxPlusB(1, 2))) == AxPlusB(1, 2)


def test_calling():
    op = AxPlusB(2, 1)
    y = op([1.0, 2.0], name="y", scale=3.0)
    assert y.name == "y" and op.scale_seen == 3.0
    assert op(y, return_list=True)[0].owner.inputs == [y]
    assert len(Both()(y)) == 2
    first = Both()
    first.default_output = 1
    assert first(y).index == 1 and first(y).owner.out.index == 1
    assert len(first(y, return_list=True)) == 2


@pytest.mark.parametrize(("op", "expected"), [(AxPlusB(2, 1), [3.0, 5.0]), (Doubled(), [2.0, 4.0])])
def test_performing(op, expected):
    x = VECTOR("x")
    storage = [[None]]
    op.perform(op(x).owner, [np.array([1.0, 2.0])], storage)
    assert storage[0][0].tolist() == expected


def test_the_short_form_checks_and_converts():
    made = Doubled()([1, 2])
    assert made.type == VECTOR and made.owner.inputs[0].data.tolist() == [1.0, 2.0]
    assert Doubled()(TensorType("float64", (3,))()).type == VECTOR
    with pytest.raises(TypeError, match="Input 0 of Doubled must be"):
        Doubled()(TensorType("int64", (None,))())
    with pytest.raises(ValueError, match="takes 1 input; got 0"):
        Doubled()()


def test_derivative_rules_by_any_of_their_names():
    x = VECTOR("x")
    old, new = AxPlusB(1, 1), NewWords()
    assert old.L_op([x], [x], ["g"]) == old.pullback([x], [x], ["g"]) == [("grad", "g")]
    assert new.L_op([x], [x], ["g"]) == ["pullback", "g"]
    assert new.has_forward_rule() and not old.has_forward_rule()
    assert old.connection_pattern(Both()(x)[0].owner) == [[True, True]]


def test_what_an_op_does_not_define_is_said():
    class Nothing(Op):
        pass

    x = VECTOR("x")
    node = Doubled()(x).owner
    for call, words in (
        (lambda: Nothing()(x), "neither make_node nor itypes"),
        (lambda: Nothing().perform(node, [], []), "Nothing does not define perform"),
        (lambda: Nothing().L_op([x], [x], [x]), "no derivative rule"),
        (lambda: Nothing().pullback([x], [x], [x]), "no derivative rule"),
        (lambda: Nothing().R_op([x], [x]), "no forward rule"),
        (lambda: Nothing().infer_shape(None, node, []), None),
    ):
        with pytest.raises(NotImplementedError, match=words):
            call()
