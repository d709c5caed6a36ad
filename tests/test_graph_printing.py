"""`pp` and `debugprint`, on Ops that say how they are written."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given

from numbagrad.graph.basic import Apply, Constant
from numbagrad.graph.fgraph import FunctionGraph
from numbagrad.graph.printing import debugprint, dprint, pp
from numbagrad.graph.registry import OPS
from numbagrad.graph.tensor import TensorType, as_tensor, constant

from .graph_ops import VECTOR, Inc, Neg, add, both, chain, graphs, inc

MATRIX = TensorType("float64", (None, None))


class LogSumExp2(Inc):
    """A name of several words and digits."""

    __props__ = ()


class Sum(Inc):
    """Static parameters that users write as axis."""

    __props__ = ("axes",)

    def __init__(self, axes):
        self.axes = axes


class Fill(Inc):
    """Shown by another name."""

    __props__ = ()
    shown = "filled"


class Slice(Inc):
    """Writes itself."""

    __props__ = ()

    def pretty(self, node):
        return [node.inputs[0], "[0:3]"]


def test_mathematics():
    x, y = VECTOR("x"), VECTOR("y")
    assert pp(x) == "x"
    assert pp(add(x, y)) == "(x + y)"
    assert pp(add(add(x, y), x, y)) == "((x + y) + x + y)"
    assert pp(Neg()(add(x, y))) == "(-(x + y))"
    assert pp(add(x)) == "add(x)"
    assert pp(inc(x)) == "inc(x, by=1)"
    assert pp(both(x)[1]) == "both(x).1"
    assert pp(LogSumExp2()(x)) == "log_sum_exp2(x)"
    assert pp(Fill()(x)) == "filled(x)"
    assert pp(Slice()(add(x, y))) == "(x + y)[0:3]"
    assert pp(VECTOR()) == "<TensorType(float64, shape=(None,))>"


def test_axes():
    m = MATRIX("m")
    assert pp(Sum((0,))(m)) == "sum(m, axis=(0,))"
    assert pp(Sum((0, 1))(m)) == "sum(m)"


def test_a_named_result_is_written_out():
    x = VECTOR("x")
    y = add(x, x)
    y.name = "y"
    assert pp(y) == "(x + x)"


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (constant(2), "2"),
        (constant(2, dtype="float64"), "2"),
        (constant(np.float64(2)), "2.0"),
        (constant(np.float32(0.1)), "0.1"),
        (constant(1e-3), "0.001"),
        (constant(np.True_), "True"),
        (constant(np.array([[2.5]])), "2.5"),
        (constant(np.complex128(1 + 2j)), "(1+2j)"),
        (constant([1.0, 2.0]), "[1.0, 2.0]"),
        (constant([]), "[]"),
        (constant(np.zeros((10, 3))), "<float64 array of shape (10, 3)>"),
        (constant([1, 2], name="c"), "c"),
    ],
)
def test_constants(made, expected):
    assert pp(made) == expected


def test_constants_that_are_no_arrays():
    class Anything(type(VECTOR)):
        def filter(self, data, strict=False, allow_downcast=None):
            return data

    kind = Anything("float64", ())
    assert pp(Constant(kind, "ab")) == "'ab'"
    assert len(pp(Constant(kind, "a" * 100))) == 60


def test_what_is_no_variable():
    with pytest.raises(TypeError, match=r"pp\(f.maker.fgraph.outputs\[0\]\)"):
        pp(lambda: 0)


def test_long_and_exponential_expressions():
    x, y = chain(50_000)
    text = pp(y)
    assert text.startswith("inc(inc(") and text.endswith(", by=1)") and "..." in text
    assert 100_000 < len(text) < 300_000
    for _ in range(200):
        x = add(x, x)
    assert len(pp(x, limit=1000)) < 5000
    assert pp(add(add(x, x), VECTOR("y")), limit=1) == "(... + y)"


def test_a_tree():
    v, m = VECTOR("v"), MATRIX("m")
    a = add(v, Sum((0,))(m))
    a.name = "a"
    y = add(a, a, constant(2))
    assert dprint(y, file="str").split("\n") == [
        "Add [id A]",
        " ├─ Add [id B] 'a'",
        " │  ├─ v [id C]",
        " │  └─ Sum{axes=(0,)} [id D]",
        " │     └─ m [id E]",
        " ├─ Add [id B] 'a'",
        " │  └─ ···",
        " └─ 2 [id F]",
    ]
    assert dprint(y, file="str", depth=2, ids="", print_type=True).split("\n") == [
        "Add <TensorType(float64, shape=(None,))>",
        " ├─ Add <TensorType(float64, shape=(None,))> 'a'",
        " ├─ Add <TensorType(float64, shape=(None,))> 'a'",
        " └─ 2 <TensorType(int64, shape=())>",
    ]
    assert dprint(y, file="str", stop_on_name=True, id_type="int").split("\n") == [
        "Add [id 0]",
        " ├─ Add [id 1] 'a'",
        " ├─ Add [id 1] 'a'",
        " └─ 2 [id 2]",
    ]
    assert f"[id {id(v)}]" in dprint(v, file="str", ids="auto")


def test_trees_of_several_things(capsys):
    x = VECTOR("x")
    a, b = both(x)
    fgraph = FunctionGraph([x], [add(b, a), inc(x)])
    expected = [
        "Add [id A] 1",
        " ├─ Both.1 [id B] 0",
        " │  └─ x [id C]",
        " └─ Both.0 [id B] 0",
        "    └─ ···",
        "Inc{by=1} [id D] 2",
        " └─ x [id C]",
    ]
    assert debugprint(fgraph, file="str").split("\n") == expected
    compiled = SimpleNamespace(maker=SimpleNamespace(fgraph=fgraph))
    assert debugprint([compiled], file="str").split("\n") == expected
    assert debugprint([a.owner, x], file="str").split("\n") == [
        "Both.0 [id A]",
        " └─ x [id B]",
        "Both.1 [id A]",
        " └─ ···",
        "x [id B]",
    ]
    debugprint(x)
    assert capsys.readouterr().out == "x [id A]\n"
    out = io.StringIO()
    assert debugprint(x, file=out) is out and out.getvalue() == "x [id A]\n"
    assert x.dprint(file="str") == "x [id A]"
    assert OPS["debugprint"] is OPS["dprint"] is debugprint


def test_letters_go_on_after_z():
    x = add(*[VECTOR() for _ in range(27)])
    text = debugprint(x, file="str")
    assert "[id Z]" in text and text.endswith("[id AB]")


def test_bad_arguments():
    x = VECTOR("x")
    for call in (lambda: debugprint(x, ids="words"), lambda: debugprint(x, file="name.txt")):
        with pytest.raises(ValueError, match="must be"):
            call()
    with pytest.raises(TypeError, match=r"debugprint prints variables.*got int"):
        debugprint([x, 3])


def test_deep_trees_end():
    _, y = chain(50_000)
    lines = debugprint(y, file="str").split("\n")
    assert len(lines) == 501 and lines[-1].endswith("···")
    assert len(debugprint(y, file="str", depth=600).split("\n")) == 600


@given(graphs())
def test_any_graph_is_printed(made):
    _, outputs = made
    assert all(pp(v) for v in outputs)
    lines = debugprint(outputs, file="str").split("\n")
    nodes = {v.owner for v in outputs if isinstance(v.owner, Apply)}
    assert len(lines) >= len(outputs) and all(any(str(n.op) in s for s in lines) for n in nodes)


def test_numbers_beside_arrays_keep_their_text():
    x = VECTOR("x")
    assert pp(add(x, as_tensor(1))) == "(x + 1)"
