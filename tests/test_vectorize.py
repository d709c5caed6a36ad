"""Graphs over a batch: every Op against a loop over its members, and what users see."""

import warnings
from itertools import product

import numpy as np
import pytest

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.errors import ShapeError
from numbagrad.gradient import vectorize_graph
from numbagrad.graph.registry import OP_CLASSES
from numbagrad.graph.tensor import TensorType
from numbagrad.graph.traverse import apply_ancestors
from numbagrad.ops.batching import Repeated
from numbagrad.ops.kinds import Block
from tests.gradient_values import UserOp, value

#: Results whose size depends on values have no array for the whole batch.
RAGGED = {"FlatNonzero"}


def members(array, count=3):
    """The array and others like it, stacked: floats differ, integers stay what they are."""
    rng = np.random.default_rng(5)
    made = [array]
    for _ in range(count - 1):
        other = array
        if array.dtype.kind == "f" and array.ndim == 2 and array.shape[0] == array.shape[1]:
            other = array * rng.uniform(1.0, 1.5)  # stays positive definite
        elif array.dtype.kind == "f":
            other = np.where(np.abs(array) < 1.0, array * rng.uniform(0.5, 0.9), array)
        made.append(other.astype(array.dtype))
    return np.stack(made)


def cases():
    for cls in OP_CLASSES:
        if cls.__module__.startswith("numbagrad") and cls.__name__ not in RAGGED:
            yield pytest.param(cls, id=cls.__name__)


def looped(node_of, arrays, many, count):
    results = []
    for b in range(count):
        given = [a[b] if m else a for a, m in zip(arrays, many, strict=True)]
        results.append(node_of(given))
    return [np.stack(made) for made in zip(*results, strict=True)]


@pytest.mark.newest("graphs are computed node by node")
@pytest.mark.parametrize("cls", list(cases()))
def test_every_op_over_a_batch_is_a_loop_over_its_members(cls):
    for sample in cls.samples:
        op = cls(**sample.params)
        # Sizes are left open where the Op takes that; a size of 1 has to be known to spread.
        types = [TensorType(a.dtype, [1 if n == 1 else None for n in a.shape])
                 for a in sample.arrays]  # fmt: skip
        inputs = [t.make_variable() for t in types]
        try:
            outputs = op(*inputs, return_list=True)
        except (TypeError, ValueError):
            inputs = [TensorType(a.dtype, a.shape).make_variable() for a in sample.arrays]
            outputs = op(*inputs, return_list=True)
        floats = [a.dtype.kind in "fc" for a in sample.arrays]
        choices = [m for m in product([False, True], repeat=len(inputs)) if any(m)]
        choices = [m for m in choices if all(f for f, b in zip(floats, m, strict=True) if b)]
        choices += [tuple(not f for f in floats)] * (_indexes(cls) and not all(floats))
        for many in choices[:8]:
            _check(sample, inputs, outputs, many)


def _indexes(cls):
    return cls.__name__ in ("AdvancedSubtensor", "AdvancedIncSubtensor")


def _check(sample, inputs, outputs, many):
    arrays = [members(a) if m else a for a, m in zip(sample.arrays, many, strict=True)]
    new = [
        TensorType(a.dtype, (None, *x.type.shape)).make_variable() if m else x
        for a, x, m in zip(arrays, inputs, many, strict=True)
    ]
    replace = {x: v for x, v, m in zip(inputs, new, many, strict=True) if m}
    made = vectorize_graph(outputs, replace)
    for old, out in zip(outputs, made, strict=True):
        assert out is old or out.type.dtype == old.type.dtype

    def one(given):
        return [value(v, dict(zip(inputs, given, strict=True))) for v in outputs]

    expected = looped(one, arrays, many, 3)
    given = dict(zip(new, arrays, strict=True))
    for out, want in zip(made, expected, strict=True):
        got = value(out, {v: given[v] for v in _needed(out, given)})
        got = np.broadcast_to(got, want.shape) if got.ndim < want.ndim else got
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)


def _needed(out, given):
    needed = {x for node in apply_ancestors([out]) for x in node.inputs}
    return [v for v in given if v in needed or v is out]


def test_ops_of_the_package_need_no_repetition():
    for cls in OP_CLASSES:
        if not cls.__module__.startswith("numbagrad") or cls.__name__ in RAGGED:
            continue
        sample = cls.samples[0]
        inputs = [TensorType(a.dtype, a.shape).make_variable() for a in sample.arrays]
        floats = [x for x in inputs if x.type.dtype.startswith("float")]
        if not floats:
            continue
        x = floats[-1]
        outputs = cls(**sample.params)(*inputs, return_list=True)
        made = vectorize_graph(outputs, {x: TensorType(x.type.dtype, (3, *x.type.shape))("xs")})
        names = {type(node.op) for node in apply_ancestors(made)}
        assert Repeated not in names, cls


def test_what_does_not_depend_on_the_batch_is_shared():
    x, w, xs = T.dvector("x"), T.dvector("w"), T.dmatrix("xs")
    common = T.exp(w)
    y, z = vectorize_graph([x * common, common], {x: xs})
    assert z is common
    assert common in {v for node in apply_ancestors([y]) for v in node.inputs}
    f = ng.function([xs, w], y)
    assert f.source.count("exp(") == 2  # in the comment and in the loop over w
    xv, wv = np.arange(6.0).reshape(2, 3), np.array([0.0, 1.0, -1.0])
    np.testing.assert_allclose(f(xv, wv), xv * np.exp(wv))


def test_several_new_dimensions_are_aligned_from_the_right():
    x, y = T.dvector("x"), T.dscalar("y")
    xs, ys = T.dtensor4("xs"), T.dvector("ys")
    made = vectorize_graph((x * y).sum(), {x: xs, y: ys})
    assert made.ndim == 3
    xv, yv = np.random.default_rng(0).normal(size=(4, 2, 3, 5)), np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(made.eval({xs: xv, ys: yv}), (xv * yv[:, None]).sum(-1))


def test_a_dimension_of_size_one_spreads():
    x, y = T.dvector("x"), T.dvector("y")
    xs, ys = T.drow("xs"), T.dmatrix("ys")
    made = vectorize_graph([T.dot(x, y), T.concatenate([x, y])], {x: xs, y: ys})
    xv, yv = np.ones((1, 2)), np.arange(6.0).reshape(3, 2)
    got = ng.function([xs, ys], made)(xv, yv)
    np.testing.assert_allclose(got[0], yv.sum(1))
    np.testing.assert_allclose(got[1], np.concatenate([np.ones((3, 2)), yv], axis=1))


def test_the_form_of_the_outputs_is_kept():
    x, xs = T.dscalar("x"), T.dvector("xs")
    assert isinstance(vectorize_graph(x + 1, {x: xs}), type(xs))
    assert isinstance(vectorize_graph([x + 1], {x: xs}), list)
    assert isinstance(vectorize_graph((x + 1,), [(x, xs)]), tuple)


def test_an_intermediate_can_be_replaced():
    x = T.dvector("x")
    y = T.exp(x)
    ys = T.dmatrix("ys")
    made = vectorize_graph(y.sum() * 2.0, {y: ys})
    np.testing.assert_allclose(made.eval({ys: [[1.0, 2.0], [3.0, 4.0]]}), [6.0, 14.0])


@pytest.mark.newest("the Ops are compiled in test_ops_derived")
@pytest.mark.parametrize("batch", ["array", "index", "both"])
def test_batches_of_arrays_and_of_indices(batch):
    x, i, k = T.dtensor3("x"), T.lvector("i"), T.lscalar("k")
    rng = np.random.default_rng(1)
    xv, iv, kv = rng.normal(size=(3, 4, 5)), np.array([0, -1, 2]), np.array(1)
    given, at, many = {}, {x: xv, i: iv, k: kv}, []
    if batch != "index":
        given[x], many = T.dtensor4("xs"), [x]
        at[x] = rng.normal(size=(2, 3, 4, 5))
    if batch != "array":
        given |= {i: T.lmatrix("is"), k: T.lvector("ks")}
        at[i], at[k] = np.array([[0, -1, 2], [1, 1, 0]]), np.array([2, 0])
        many += [i, k]
    outputs = [
        x[k], x[:, k, 1:], x[i], x[:, i], x[k, :, i], x[:, k, i], x[i[:2, None], :, i],
        x[:, i].set(1.5), x[k].inc(2.0), x[k, :, i].inc(x[k, :, i] * 2.0), x[i[:1], 1:].set(0.5),
    ]  # fmt: skip
    made = vectorize_graph(outputs, given)
    names = [given.get(v, v) for v in at]
    got = ng.function(names, made)(*at.values())
    for b in range(2):
        one = {v: a[b] if v in many else a for v, a in at.items()}
        for out, values in zip(outputs, got, strict=True):
            needed = {v for v in at if v in _inputs_of(out)}
            want = value(out, {v: one[v] for v in needed})
            np.testing.assert_allclose(values[b], want, err_msg=str(out.owner))


def _inputs_of(out):
    return {v for node in apply_ancestors([out]) for v in node.inputs}


class TestUsersOps:
    def make(self):
        return UserOp(lambda a: a**3, lambda i, g: [g[0] * 3.0 * i[0] ** 2], ndim=1, name="Cube")

    def test_is_called_for_each_member(self):
        x, xs = T.dvector("x"), T.dmatrix("xs")
        made = vectorize_graph(self.make()(x), {x: xs})
        xv = np.arange(6.0).reshape(3, 2)
        np.testing.assert_allclose(value(made, {xs: xv}), xv**3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            np.testing.assert_allclose(ng.function([xs], made)(xv), xv**3)

    def test_has_a_derivative(self):
        x, xs = T.dvector("x"), T.dmatrix("xs")
        made = vectorize_graph(self.make()(x), {x: xs})
        xv = np.arange(6.0).reshape(3, 2)
        np.testing.assert_allclose(value(ng.grad(made.sum(), xs), {xs: xv}), 3 * xv**2)

    def test_members_of_different_sizes_are_an_error(self):
        x, xs = T.dvector("x"), T.dmatrix("xs")
        made = vectorize_graph(T.flatnonzero(x > 0), {x: xs})
        with pytest.raises(ShapeError, match="different shapes"):
            value(made, {xs: np.array([[1.0, 0.0], [1.0, 1.0]])})


class TestBadInput:
    def test_dtype(self):
        x = T.dvector("x")
        with pytest.raises(TypeError, match="dtype float64; got float32"):
            vectorize_graph(x * 2, {x: T.fmatrix("xs")})

    def test_no_new_dimension(self):
        x = T.dvector("x")
        with pytest.raises(ShapeError, match="more than its 1 dimensions"):
            vectorize_graph(x * 2, {x: T.dvector("y")})

    def test_another_shape(self):
        x = T.tensor("x", shape=(3,), dtype="float64")
        with pytest.raises(ShapeError, match=r"shape \(3,\)"):
            vectorize_graph(x * 2, {x: T.tensor("xs", shape=(5, 4), dtype="float64")})

    def test_no_variable(self):
        x = T.dvector("x")
        with pytest.raises(TypeError, match="outputs must be symbolic"):
            vectorize_graph(3.0, {x: T.dmatrix("xs")})
        with pytest.raises(TypeError, match="Only a tensor variable"):
            vectorize_graph(x * 2, {"x": T.dmatrix("xs")})


def test_one_factorisation_for_all_right_sides():
    a, b, bs = T.dmatrix("a"), T.dmatrix("b"), T.dtensor3("bs")
    made = vectorize_graph(T.linalg.solve(a, b), {b: bs})
    blocks = [n for n in apply_ancestors([made]) if isinstance(n.op, Block)]
    assert len(blocks) == 1 and blocks[0].inputs[0] is a
    rng = np.random.default_rng(0)
    av, bv = rng.normal(size=(3, 3)), rng.normal(size=(4, 3, 2))
    np.testing.assert_allclose(value(made, {a: av, bs: bv}), np.linalg.solve(av, bv))
