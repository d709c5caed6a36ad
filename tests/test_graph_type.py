"""Types: what values they take, how variables are converted, types without values, a user's own."""

import pickle

import numpy as np
import pytest

from numbagrad.config import using
from numbagrad.graph.basic import Apply, Constant
from numbagrad.graph.op import Op
from numbagrad.graph.registry import OPS
from numbagrad.graph.tensor import DTYPES, TensorConstant, TensorType, TensorVariable, constant
from numbagrad.graph.type import DisconnectedType, NullType, Type, disconnected_type

F64, F32 = TensorType("float64", ()), TensorType("float32", ())
VECTOR = TensorType("float64", (None,))


@pytest.mark.parametrize(
    ("target", "value", "expected"),
    [
        ("float64", 1, "float64"),
        ("float64", np.int64(1), "float64"),
        ("float64", np.float32(0.5), "float64"),
        ("float64", True, "float64"),
        ("float32", 0.5, "float32"),
        ("float32", np.int16(3), "float32"),
        ("int8", 100, "int8"),
        ("uint64", 2**63, "uint64"),
        ("complex128", 1.5, "complex128"),
        ("bool", True, "bool"),
    ],
)
def test_values_that_lose_nothing_are_converted(target, value, expected):
    made = TensorType(target, ()).filter(value)
    assert type(made) is np.ndarray and made.dtype == expected and made.shape == ()
    assert made == value


@pytest.mark.parametrize(
    ("target", "value"),
    [
        ("float32", np.float64(0.5)),
        ("float32", np.int64(1)),
        ("float32", 0.1),
        ("float32", 1e300),
        ("int8", 300),
        ("uint8", -1),
        ("uint64", -1),
        ("int64", 1.5),
        ("int64", np.nan),
        ("float64", 1j),
        ("bool", 1),
        ("float64", "1.0"),
        ("float64", None),
        ("float64", object()),
        ("float64", np.datetime64("2020-01-01")),
    ],
)
def test_values_that_would_lose_something_are_refused(target, value):
    with pytest.raises(TypeError):
        TensorType(target, ()).filter(value)


def test_python_floats_become_floatx_scalars():
    with using(floatX="float32"):
        assert F32.filter(0.1).dtype == "float32"
        with pytest.raises(TypeError, match="precision"):
            F32.filter(0.1, allow_downcast=False)
        with pytest.raises(TypeError, match="precision"):
            TensorType("float32", (None,)).filter([0.1])
        with pytest.raises(TypeError, match="precision"):
            F32.filter(np.float64(0.1).reshape(()))


def test_downcasting_when_it_is_allowed():
    assert F32.filter(np.float64(0.1), allow_downcast=True).dtype == "float32"
    assert TensorType("int32", ()).filter(1.5, allow_downcast=True) == 1
    with pytest.raises(TypeError, match=r"take \.real"):
        F64.filter(1j, allow_downcast=True)


def test_arrays_pass_as_they_are():
    data = np.arange(6.0)[::-2]
    assert VECTOR.filter(data) is data
    assert VECTOR.filter(data, strict=True) is data
    assert VECTOR.filter([1, 2.5]).tolist() == [1.0, 2.5]
    assert VECTOR.filter([]).shape == (0,)
    swapped = VECTOR.filter(data.astype(data.dtype.newbyteorder()))
    assert swapped.dtype.isnative and swapped.tolist() == data.tolist()


def test_strict_takes_only_exact_arrays():
    for value in ([1.0], np.arange(3), np.arange(3, dtype="float32"), 1.0):
        with pytest.raises(TypeError, match="exactly"):
            VECTOR.filter(value, strict=True)
    assert VECTOR.is_valid_value(np.zeros(2)) and not VECTOR.is_valid_value([0.0])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.zeros((2, 2)), r"dimensions: expected 1, got 2 with shape \(2, 2\)"),
        (np.zeros(4), r"dimension 0: expected 3, got shape \(4,\)"),
        ([[1.0], [1.0, 2.0]], "can not be made an array"),
        (np.ma.masked_array([1.0, 2.0, 3.0], [0, 1, 0]), "mask"),
        (constant(1.0), "symbolic variable"),
    ],
)
def test_what_is_wrong_is_said(value, words):
    with pytest.raises(TypeError, match=words):
        TensorType("float64", (3,)).filter(value)


def test_tensor_types_are_values():
    assert TensorType("floatX", [True, False]) == TensorType("float64", (1, None))
    assert len({TensorType(d, ()) for d in [*DTYPES, *DTYPES]}) == len(DTYPES)
    assert TensorType("float32", broadcastable=(True,)).broadcastable == (True,)
    row = TensorType("float64", (1, None), name="row")
    assert row.clone(dtype="int8").shape == (1, None) and row.clone(shape=(2,)).ndim == 1
    assert pickle.loads(pickle.dumps(row)) == row
    with using(floatX="float32"):
        assert TensorType("floatX", ()).dtype == "float32"
    for dtype, words in (("float16", "not supported"), ("number", "no dtype"), ("O", "supported")):
        with pytest.raises(TypeError, match=words):
            TensorType(dtype, ())
    with pytest.raises(ValueError, match="static size"):
        TensorType("float64", (-1,))
    with pytest.raises(TypeError, match="needs a shape"):
        TensorType("float64")


def test_more_and_less_specific_types():
    wide, narrow = TensorType("float64", (None, None)), TensorType("float64", (2, None))
    assert wide.is_super(narrow) and not narrow.is_super(wide)
    assert not wide.is_super(VECTOR) and not wide.is_super(wide.clone(dtype="float32"))
    assert not wide.is_super(disconnected_type)


def test_converting_variables(monkeypatch):
    monkeypatch.setitem(OPS, "cast", lambda v, dtype: v.type.clone(dtype=dtype)("cast"))
    monkeypatch.setitem(OPS, "specify_shape", lambda v, s: v.type.clone(shape=s)("specified"))
    x = VECTOR("x")
    assert VECTOR.filter_variable(x) is x
    made = VECTOR.filter_variable([1.0])
    assert isinstance(made, TensorConstant) and made.type == VECTOR
    assert VECTOR.filter_variable(TensorType("float32", (None,))("f")).name == "cast"
    assert TensorType("float64", (3,)).filter_variable(x).name == "specified"
    for other in (TensorType("complex64", (None,)), F64, DisconnectedType()):
        with pytest.raises(TypeError, match="is needed here"):
            VECTOR.filter_variable(other("v"))
    with pytest.raises(TypeError, match="is needed here"):
        TensorType("float64", (3,)).filter_variable(TensorType("float64", (2,))("v"))
    with pytest.raises(TypeError, match="is needed here"):
        VECTOR.filter_variable(TensorType("float32", (None,))("f"), allow_convert=False)


def test_types_without_values():
    for kind in (NullType("because"), DisconnectedType(), disconnected_type):
        with pytest.raises(TypeError):
            kind.filter(0.0)
        v = kind("v")
        assert v.type == kind and v.name == "v" and not kind.is_valid_value(0.0)
        assert pickle.loads(pickle.dumps(v)).type == kind
    assert DisconnectedType() == disconnected_type != NullType()
    assert NullType("a") == NullType("b") and "because" in NullType("because").why_null
    assert hash(NullType("a")) == hash(NullType("b"))
    assert pickle.loads(pickle.dumps(NullType("because").make_variable())).type.why_null


class Text(Type):
    """A user's Type: strings."""

    def filter(self, data, strict=False, allow_downcast=None):
        if not isinstance(data, str):
            raise TypeError(f"Expected a string; got {data!r}")
        return data

    def __eq__(self, other):
        return type(self) is type(other)

    def __hash__(self):
        return hash(Text)

    def __repr__(self):
        return "Text"


class Length(Op):
    """A user's Op in the short form, from a user's Type to a tensor."""

    __props__ = ()
    itypes = [Text()]
    otypes = [TensorType("int64", ())]

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = np.array(len(inputs[0]))


def test_a_users_type():
    t = Text()("t")
    n = Length()(t)
    assert isinstance(n, TensorVariable) and n.owner.inputs == [t]
    made = Length()("four")
    assert isinstance(made.owner.inputs[0], Constant) and made.owner.inputs[0].data == "four"
    assert isinstance(Text().make_constant("a", name="name"), Constant)
    with pytest.raises(TypeError, match="Expected a string"):
        Length()(3)
    with pytest.raises(TypeError, match=r"Input 0 of Length must be Text; got TensorType"):
        Length()(VECTOR())
    with pytest.raises(ValueError, match="takes 1 input; got 2"):
        Length()(t, t)
    assert Text().is_valid_value("a") and not Text().is_valid_value(1)
    assert isinstance(pickle.loads(pickle.dumps(n)).owner, Apply)
    with pytest.raises(NotImplementedError, match="Type does not say how to filter"):
        Type().filter(1)
