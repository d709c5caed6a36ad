"""Variables, constants, nodes, the lines they remember, and how they are copied and pickled."""

import copy
import importlib.util
import inspect
import pickle

import numpy as np
import pytest
from hypothesis import given

from numbagrad.graph import where
from numbagrad.graph.basic import Apply, Constant, Variable, flatten, rebuild
from numbagrad.graph.tensor import TensorType, as_tensor, constant
from numbagrad.graph.traverse import equal_computations, graph_inputs

from .graph_ops import VECTOR, Inc, add, both, chain, graphs, inc


def test_variables_and_their_names():
    x = VECTOR("x")
    assert repr(x) == "x" and x.owner is None and x.get_parents() == []
    assert repr(VECTOR()) == "<TensorType(float64, shape=(None,))>"
    assert repr(both(x)[1]) == "Both.1"
    assert both(x)[1].owner.get_parents() == [x]
    with pytest.raises(TypeError, match="name of a variable must be a string; got 3"):
        VECTOR(3)
    x.tag.note = "mine"
    assert x.tag.note == "mine"


def test_clone_makes_a_variable_without_an_owner():
    y = inc(VECTOR("x"))
    y.name = "y"
    assert y.clone().name == "y" and y.clone("z").name == "z"
    assert y.clone().owner is None and y.clone().type == y.type
    two = constant(2)
    again = two.clone()
    assert type(again) is type(two) and again.literal == "2" and again is not two
    assert again.signature() == two.signature() and again.value == 2


def test_constants_are_private_and_read_only():
    data = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    made = constant(data)
    data[0, 0] = 100.0
    assert made.data[0, 0] == 0.0 and made.data.flags.c_contiguous
    with pytest.raises(ValueError, match="read-only"):
        made.data[0, 0] = 1.0
    assert constant(0.0).signature() != constant(-0.0).signature()
    assert constant([1, 2]).signature() == constant([1, 2]).signature()
    assert constant([1, 2]).signature() != constant([[1, 2]]).signature()
    with pytest.raises(TypeError, match="mask"):
        constant(np.ma.masked_array([1.0], [True]))


def test_nodes():
    x = VECTOR("x")
    node = add(x, x).owner
    assert (node.nin, node.nout) == (2, 1)
    assert node.out is node.default_output() is node.outputs[0]
    assert repr(node) == "Add(x, x)"
    two = both(x)[0].owner
    with pytest.raises(ValueError, match="2 outputs and no default one"):
        assert two.out
    with pytest.raises(TypeError, match="Input 0 of Add must be a Variable; got 1"):
        Apply(add, [1], [VECTOR()])
    with pytest.raises(TypeError, match="Output 0 of Add must be a Variable; got None"):
        Apply(add, [x], [None])
    with pytest.raises(ValueError, match="already belongs to another node"):
        Apply(add, [x], [node.out])


def test_a_node_with_new_inputs():
    x = VECTOR("x")
    y = inc(x)
    y.name = "y"
    same = y.owner.clone_with_new_inputs([VECTOR("z")])
    assert same.out.name == "y" and same.op is y.owner.op and same.where == y.owner.where
    other = y.owner.clone_with_new_inputs([TensorType("float32", (3,))("f")])
    assert other.out.type == TensorType("float32", (3,)) and other.where == y.owner.where
    assert y.owner.clone().inputs == [x] and copy.copy(y.owner) is not y.owner
    with pytest.raises(ValueError):
        y.owner.clone_with_new_inputs([x, x])


def test_copies():
    x = VECTOR("x")
    y = inc(x)
    other = copy.copy(y)
    assert other is not y and other.owner is not y.owner
    assert equal_computations([y], [other])
    assert copy.copy(x) is not x and copy.copy(x).name == "x"
    xs, ys = copy.deepcopy(([x], y))
    assert xs[0] is not x and ys.owner.inputs == xs


def test_what_is_pickled_together_stays_together():
    x = VECTOR("x")
    a, b = both(inc(x))
    y = add(a, b, as_tensor([1.0, 2.0]), x)
    y.name = "y"
    again = pickle.loads(pickle.dumps({"y": y, "inputs": [x], "a": a, "node": a.owner, "too": y}))
    assert again["too"] is again["y"] and again["y"].name == "y"
    assert again["y"].owner.inputs[0] is again["a"]
    assert again["y"].owner.inputs[3] is again["inputs"][0]
    assert again["node"] is again["a"].owner
    assert again["y"].owner.where == y.owner.where
    assert again["y"].owner.inputs[2].data.tolist() == [1.0, 2.0]
    assert not again["y"].owner.inputs[2].data.flags.writeable


@given(graphs())
def test_pickle_and_deepcopy_of_any_graph(made):
    inputs, outputs = made
    for copied in (pickle.loads(pickle.dumps(made)), copy.deepcopy(made)):
        assert equal_computations(outputs, copied[1], inputs, copied[0])
        assert equal_computations(copied[1], outputs, copied[0], inputs)
    assert rebuild(*flatten(outputs)) == outputs


def test_long_chains_travel():
    x, y = chain(12_000)
    xs, again = pickle.loads(pickle.dumps(([x], y)))
    assert equal_computations([y], [again], [x], xs)
    assert list(graph_inputs([copy.deepcopy(y)])) != [x]


def test_other_constants_travel():
    made = Constant(VECTOR, [1.0], name="c", literal="[1.0]")
    again = pickle.loads(pickle.dumps(made))
    assert (again.name, again.literal, again.data.tolist()) == ("c", "[1.0]", [1.0])


# -- lines ---------------------------------------------------------------------------------


def test_a_node_remembers_the_users_line():
    line = inspect.currentframe().f_lineno + 1
    node = inc(VECTOR("x")).owner
    assert node.where.file == __file__ and node.where.number == line
    assert node.where.function == "test_a_node_remembers_the_users_line"
    assert str(node.where) == f"{__file__}:{line} in test_a_node_remembers_the_users_line"


def test_nodes_made_on_behalf_of_another_line():
    line = where.Line("theirs.py", 7, "f")
    with where.on_behalf_of(line):
        assert inc(VECTOR()).owner.where == line
    assert inc(VECTOR()).owner.where.file == __file__


def test_a_package_of_a_similar_name_is_the_users(tmp_path):
    package = where._PACKAGE.rstrip("/\\")
    assert not (package + "_extension/ops.py").startswith(where._PACKAGE)
    file = tmp_path / "theirs.py"
    file.write_text("def make(op, x):\n    return op(x)\n")
    spec = importlib.util.spec_from_file_location("theirs", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    line = module.make(Inc(), VECTOR()).owner.where
    assert (line.file, line.number, line.function) == (str(file), 2, "make")


def test_a_variable_is_hashed_by_identity():
    x, y = VECTOR("x"), VECTOR("x")
    assert x != y and len({x, y, x}) == 2
    assert isinstance(x, Variable)
