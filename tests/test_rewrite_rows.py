"""Every row of the rewrite tables, on random arguments, against the graph it replaces.

The arguments come from the rows: each wildcard is an input, of every dtype for which the row is
said to hold, with sizes 0 and 1 among the shapes. A new row needs no new test.
"""

import numpy as np
import pytest

from numbagrad.graph.tensor import TensorType, constant
from numbagrad.ops.interpret import interpret
from numbagrad.rewrite.algebra import ALGEBRA
from numbagrad.rewrite.merge import Rewriter
from numbagrad.rewrite.pattern import Argument, Some, Wild, build
from numbagrad.rewrite.stabilize import ROWS

pytestmark = pytest.mark.newest("graphs are rewritten, and computed node by node")

TABLE = [*ALGEBRA, *ROWS]
DTYPES = {
    "b": ["bool"],
    "i": ["int64", "int8"],
    "u": ["uint8"],
    "f": ["float64", "float32"],
    "c": ["complex128"],
}
#: Static and actual shape of the first, third, ... wildcard, and of the second, fourth, ...
SHAPES = [
    ((None,), (5,), (None,), (5,)),
    ((None,), (0,), (None,), (0,)),
    ((None,), (1,), (None,), (1,)),
    ((), (), (), ()),
    ((1, None), (1, 4), (None, 1), (3, 1)),
    ((None, 1), (3, 1), (None, None), (3, 4)),
    ((None, None), (3, 4), (1, None), (1, 4)),
    ((1, None), (1, 0), (None, 1), (2, 1)),
    ((2, 1), (2, 1), (1, 3), (1, 3)),
]


def wildcards(pattern):
    """The wildcards of a pattern by name, in the order in which they stand there."""
    found = {pattern.name: pattern} if isinstance(pattern, (Wild, Some)) else {}
    for part in getattr(pattern, "args", ()):
        found.update(wildcards(part))
    return found


def truth_values(pattern):
    """The wildcards that stand where an Op takes truth values."""
    found = set()
    for part in getattr(pattern, "args", ()):
        found |= truth_values(part)
    if getattr(pattern, "name", None) in {"switch", "masked"}:
        found |= set(wildcards(pattern.args[0]))
    return found


def random_values(rng, dtype, shape, domain):
    low, high = domain
    kind = np.dtype(dtype).kind
    if kind == "b":
        return rng.random(shape) < 0.5
    if kind in "iu":
        return rng.integers(0 if kind == "u" else int(low), int(high) + 1, shape).astype(dtype)
    made = np.asarray(rng.uniform(low, high, shape))
    if kind == "c":
        made = made + 1j * rng.uniform(low, high, shape)
    return made.astype(dtype)


def example(row, dtype, shapes=SHAPES[0]):
    """The left side of a row over inputs, and values for them; None if there is no such graph."""
    rng = np.random.default_rng(5)
    bound, values = {}, {}
    truths = truth_values(row.pattern)
    for position, (name, wild) in enumerate(wildcards(row.pattern).items()):
        static, actual = shapes[2:] if position % 2 else shapes[:2]
        if isinstance(wild, Some):
            bound[name] = Argument(constant(np.asarray({"c": 3, "d": 2}[name], dtype)), dtype)
            continue
        own = "bool" if name in truths else dtype
        variable = TensorType(own, static).make_variable(name)
        bound[name] = Argument(variable, own)
        values[variable] = random_values(rng, own, actual, row.domain)
    try:
        made = build(row.pattern, bound)
    except TypeError:  # the Op has no such dtype
        return None
    return (made, values) if made.type.numpy_dtype.kind in row.kinds else None


def cases():
    for row in TABLE:
        for dtype in (d for kind in row.kinds for d in DTYPES[kind]):
            if example(row, dtype) is not None:
                yield pytest.param(row, dtype, id=f"{row}-{dtype}")


def close(new, old):
    """Equal to some roundings, with the same NaNs and infinities, shape and dtype."""
    assert new.dtype == old.dtype
    assert new.shape == old.shape
    exact = new.dtype.kind in "biu"
    limit = 0 if exact else 64 * np.finfo(new.dtype).eps
    np.testing.assert_allclose(new, old, rtol=limit, atol=limit)


@pytest.mark.parametrize(("row", "dtype"), list(cases()))
def test_right_side_equals_left_side(row, dtype):
    for shapes in SHAPES:
        left, values = example(row, dtype, shapes)
        (right,) = Rewriter([row]).run([left])
        assert left.type.is_super(right.type)
        old, new = interpret([left, right], values)
        close(new, old)


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_it_fires_where_all_shapes_are_equal(row):
    fired = False
    for dtype in (d for kind in row.kinds for d in DTYPES[kind]):
        made = example(row, dtype)
        if made is not None:
            (right,) = Rewriter([row]).run([made[0]])
            fired |= right is not made[0]
    assert fired


SPECIAL = np.array([0.0, 1.0, -1.0, 2.5, np.inf, -np.inf, np.nan, 1e300, -1e300, 1e-300])


@pytest.mark.parametrize("row", [r for r in ALGEBRA if example(r, "float64")], ids=str)
def test_algebra_keeps_nan_and_infinity(row):
    names = [n for n, w in wildcards(row.pattern).items() if isinstance(w, Wild)]
    truths = truth_values(row.pattern)
    bound = {
        name: Argument(constant(np.asarray({"c": 3.0, "d": 2.0}[name])), "float64")
        for name in set(wildcards(row.pattern)) - set(names)
    }
    grid = np.meshgrid(*[SPECIAL for _ in names])
    values = {}
    for name, given in zip(names, grid, strict=True):
        given = given.ravel() > 0.5 if name in truths else given.ravel()
        variable = TensorType(given.dtype, (None,)).make_variable(name)
        bound[name], values[variable] = Argument(variable, given.dtype.name), given
    left = build(row.pattern, bound)
    (right,) = Rewriter([row]).run([left])
    old, new = interpret([left, right], values)
    gathers = any(isinstance(w, Some) for w in wildcards(row.pattern).values())
    finite = np.isfinite(old) if gathers else slice(None)  # an overflow may only disappear
    if str(row) == "x ** 0.5 = sqrt(x)":
        finite = grid[0].ravel() > -np.inf  # NumPy's ** takes the square root as well
    np.testing.assert_allclose(new[finite], old[finite], rtol=1e-14)


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_a_row_says_what_it_is(row):
    assert str(row) == f"{row.pattern} = {row.result}"
    unknown = set(wildcards(row.result)) - set(wildcards(row.pattern))
    assert not unknown
