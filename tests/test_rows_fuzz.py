"""Random models of rows: products with matrices, work on their rows, sums over them.

What goes through rows in blocks, by columns, in stages and in portions is printed and run as plain
Python, with blocks of a few rows, and compared with the reference interpreter.
"""

import random

import numpy as np
import pytest

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.codegen import rows
from numbagrad.codegen.emit import emit
from numbagrad.codegen.plan import plan
from numbagrad.codegen.portions import in_portions
from numbagrad.function.wrapper import array_like_compiled
from numbagrad.ops.interpret import interpret
from numbagrad.rewrite import rewrite

from .effort import MORE
from .plain_python import run, share_everything

SEEDS = range(8 + 50 * MORE)


def drawn(source, rng):
    """Arguments with their values, and outputs."""
    n, d, k = source.choice((1, 5, 9)), source.choice((1, 3, 4)), source.choice((2, 3))
    X, Z, w, b = T.dmatrix("X"), T.dmatrix("Z"), T.dvector("w"), T.dvector("b")
    y, u, groups = T.dvector("y"), T.dvector("u"), T.dvector("groups")
    which, chosen = T.lvector("which"), T.tensor(dtype="bool", shape=(None,), name="chosen")
    given = {
        X: rng.normal(size=(n, d)), Z: rng.normal(size=(n, k)),
        w: rng.normal(size=d), b: rng.normal(size=k),
        y: rng.normal(size=n), u: rng.normal(size=n), groups: rng.normal(size=3),
        which: rng.integers(0, 3, n), chosen: rng.random(n) < 0.5,
    }  # fmt: skip
    of_rows = [
        lambda a, e: T.dot(X, w) * source.choice((1.0, 0.5)),
        lambda a, e: T.dot(Z, b) + a,
        lambda a, e: source.choice((T.tanh, T.sigmoid, T.softplus, T.sin))(a),
        lambda a, e: a * e + source.choice((0.0, 1.0)),
        lambda a, e: T.switch(chosen, a, e),
        lambda a, e: T.maximum(a, 0.0),
        lambda a, e: (X * w).max(axis=1) + a,
    ]
    over_rows = [
        lambda a: T.sum(T.switch(chosen, a, 0.0)),
        lambda a: T.dot(a, X),
        lambda a: T.dot(X.T * a, Z),
    ]
    made, outputs = [y, u, groups[which]], []
    for _ in range(source.randint(4, 12)):
        if source.random() < 0.75:
            made.append(source.choice(of_rows)(source.choice(made), source.choice(made)))
        else:
            outputs.append(source.choice(over_rows)(source.choice(made)))
    cost = T.sum(source.choice(made) * made[-1])
    outputs += [cost, source.choice(made) + 0.0]
    if source.random() < 0.6:
        outputs += ng.grad(cost, [w, groups], disconnected_inputs="ignore")
    return given, outputs


@pytest.mark.newest("the code is run as plain Python")
@pytest.mark.parametrize("seed", SEEDS)
def test_models_of_rows_compute_what_the_reference_does(monkeypatch, seed):
    source = random.Random(seed)
    given, outputs = drawn(source, np.random.default_rng(seed))
    expected = interpret(outputs, given)
    share_everything(monkeypatch)
    monkeypatch.setattr(rows, "BLOCK", source.choice((2, 4, 128)))
    monkeypatch.setattr(rows, "CACHED", source.choice((0, 16, 32768)))
    values = [array_like_compiled(np.array(v)) for v in given.values()]
    for optimize in ("default", "none"):
        for cap, threads in ((8, False), (400, False), (400, True)):
            program = plan(list(given), rewrite(outputs, list(given), optimize), "f", cap)
            program = in_portions(program) if threads else program
            for mine, value in zip(run(program, emit(program, cap), values), expected, strict=True):
                np.testing.assert_allclose(mine, value, rtol=1e-9, atol=1e-9)
