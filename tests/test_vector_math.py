"""The elementary functions that compiled loops are vectorised with: how exact, and C99's values.

mpmath is the judge for doubles, NumPy's doubles for single precision. Errors are counted in units
of the last place of the right result.
"""

import functools
import math
import re
import struct
import subprocess
import sys

import mpmath
import numpy as np
import pytest
from numba import njit

from numbagrad import config, function, grad, tensor, using
from numbagrad.codegen.emit import Emitted
from numbagrad.codegen.program import Program
from numbagrad.jit import build, machine, objects, pairs
from numbagrad.kernels import _coefficients, elementary
from numbagrad.kernels.inlined import FUNCTIONS, inlined
from tests.effort import MORE
from tests.fit_polynomials import text

INF, NAN = math.inf, math.nan
DTYPES = [np.float64, np.float32]


@functools.cache
def compiled(name, fastmath=True):
    """A loop over arrays, compiled as printed code is."""
    kernel = getattr(elementary, name)
    options = {"error_model": "numpy", "fastmath": {"contract", "reassoc"} if fastmath else False}
    if elementary.KERNELS[name].arity == 1:

        @njit(**options)
        def loop(x):
            out = np.empty_like(x)
            for i in range(x.shape[0]):
                out[i] = kernel(x[i])
            return out

    else:

        @njit(**options)
        def loop(x, y):
            out = np.empty_like(x)
            for i in range(x.shape[0]):
                out[i] = kernel(x[i], y[i])
            return out

    return loop


# -- how exact they are --------------------------------------------------------------------------


def erfcx(x):
    if abs(x) > 1e30:  # where the first term of its series is all of it
        return 1 / (x * mpmath.sqrt(mpmath.pi))
    with mpmath.extraprec(4 * max(0, mpmath.mag(x)) + 20):
        return mpmath.exp(x * x) * mpmath.erfc(x)


TRUTH = {
    "exp": mpmath.exp,
    "exp2": lambda x: mpmath.mpf(2) ** x,
    "expm1": mpmath.expm1,
    "log": mpmath.log,
    "log2": lambda x: mpmath.log(x) / mpmath.log(2),
    "log10": mpmath.log10,
    "log1p": mpmath.log1p,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tan": mpmath.tan,
    "arcsin": mpmath.asin,
    "arccos": mpmath.acos,
    "arctan": mpmath.atan,
    "arctan2": mpmath.atan2,
    "sinh": mpmath.sinh,
    "cosh": mpmath.cosh,
    "tanh": mpmath.tanh,
    "arcsinh": mpmath.asinh,
    "arccosh": mpmath.acosh,
    "arctanh": mpmath.atanh,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "log1mexp": lambda x: mpmath.log(-mpmath.expm1(x)) if x > -1 else mpmath.log1p(-mpmath.exp(x)),
    "logit": lambda x: mpmath.log(x / (1 - x)),
    "logaddexp": lambda x, y: max(x, y) + mpmath.log1p(mpmath.exp(-abs(x - y))),
    "power": mpmath.power,
    "erf": mpmath.erf,
    "erfc": mpmath.erfc,
    "erfcx": erfcx,
    "erfinv": mpmath.erfinv,
    "gammaln": mpmath.loggamma,
    "digamma": mpmath.digamma,
    "trigamma": lambda x: mpmath.psi(1, x),
}
TINY, HUGE = 5e-324, 1.7e308
#: Ranges of arguments: ``(low, high)`` evenly, ``"size"`` by size with both signs, ``"above"`` with
#: positive ones.
RANGES = {
    "exp": [(-746, 710), (-1, 1), "size"],
    "exp2": [(-1076, 1025), (-1, 1), "size"],
    "expm1": [(-50, 710), (-1.5, 1.5), "size"],
    "log": [(0.3, 3), "size"],
    "log2": [(0.3, 3), "size"],
    "log10": [(0.3, 3), "size"],
    "log1p": [(-1, 2), (-1e-4, 1e-4), "size"],
    "sin": [(-7, 7), (-1e5, 1e5), "size"],
    "cos": [(-7, 7), (-1e5, 1e5), "size"],
    "tan": [(-7, 7), (-1e5, 1e5), "size"],
    "arcsin": [(-1, 1), "size"],
    "arccos": [(-1, 1), "size"],
    "arctan": [(-3, 3), "size"],
    "sinh": [(-710.4, 710.4), (-2, 2), "size"],
    "cosh": [(-710.4, 710.4), (-2, 2), "size"],
    "tanh": [(-22, 22), (-1.5, 1.5), "size"],
    "arcsinh": [(-2, 2), "size"],
    "arccosh": [(1, 3), "size"],
    "arctanh": [(-1, 1), "size"],
    "sigmoid": [(-746, 40), (-3, 3), "size"],
    "softplus": [(-746, 40), (-3, 3), "size"],
    "log1mexp": [(-746, 0), (-2, 0), "size"],
    "logit": [(0, 1), (0.4, 0.6), "above"],
    "erf": [(-6, 6), (-1.2, 1.2), "size"],
    "erfc": [(-6, 27.2), (-1, 1), "size"],
    "erfcx": [(-26.6, 1), (-1, 13), (10, 60), "above"],
    "erfinv": [(-1, 1), (-0.1, 0.1), (1 - 1e-12, 1), "size"],
    "gammaln": [(0, 1), (0.5, 3.1), (2, 60), "above"],
    "digamma": [(0, 1), (0.5, 3.1), (2, 60), "above"],
    "trigamma": [(0, 1), (0.5, 3.1), (2, 60), "above"],
}


def by_size(rng, count):
    """Numbers of all sizes, subnormal ones among them, and both signs."""
    sizes = np.exp(rng.uniform(math.log(TINY), math.log(HUGE), count))
    return sizes * rng.choice([-1.0, 1.0], count)


def arguments(name, count):
    """Arrays of arguments for each range."""
    rng = np.random.default_rng(len(name))
    if name == "power":
        return [
            (np.abs(by_size(rng, count)), rng.uniform(-1, 1, count)),
            (rng.uniform(0.5, 2, count), rng.uniform(-900, 900, count)),
            (1 + by_size(rng, count).clip(-1e-3, 1e-3), rng.uniform(-1e5, 1e5, count)),
            (-rng.uniform(0, 10, count), rng.integers(-300, 300, count).astype(float)),
        ]
    if name == "arctan2":
        return [
            (by_size(rng, count), by_size(rng, count)),
            (rng.uniform(-1, 1, count), rng.uniform(-1, 1, count)),
        ]
    if name == "logaddexp":
        return [(rng.uniform(0, 700, count), rng.uniform(-700, 700, count))]
    return [
        ({"size": by_size, "above": lambda *a: np.abs(by_size(*a))}[bounds](rng, count),)
        if isinstance(bounds, str)
        else (rng.uniform(*bounds, count),)
        for bounds in RANGES[name]
    ]


def ulps(got, truth, dtype):
    """How many units in the last place of the truth ``got`` is away from it."""
    largest = float(np.finfo(dtype).max)
    if not math.isfinite(got):
        return 0.0 if abs(truth) >= largest and got * truth > 0 else INF
    if abs(truth) > largest:
        return 0.0 if abs(got) == largest else INF
    unit = float(np.spacing(dtype(abs(float(truth)))))
    return float(abs(mpmath.mpf(float(got)) - truth) / mpmath.mpf(unit))


def worst(name, dtype, count):
    """The largest error, and where."""
    found = (0.0, None)
    for columns in arguments(name, count):
        with np.errstate(all="ignore"):
            columns = [c.astype(dtype) for c in columns]
        made = compiled(name)(*columns)
        for got, *row in zip(made.tolist(), *(c.tolist() for c in columns), strict=True):
            truth = right(name, row)
            if truth is None:
                continue
            error = ulps(got, truth, dtype)
            found = max(found, (error, row), key=lambda pair: pair[0])
    return found


def right(name, row):
    """The right result, or None where there is none that is finite."""
    if not all(map(math.isfinite, row)):
        return None
    if name == "arctan2" and 0.0 in row:
        return None  # mpmath has no zeros with signs
    with mpmath.workdps(60):
        try:
            truth = TRUTH[name](*map(mpmath.mpf, row))
        except (ValueError, ZeroDivisionError, OverflowError):
            return None
    return truth if mpmath.isfinite(truth) and not isinstance(truth, mpmath.mpc) else None


@pytest.mark.parametrize(
    ("name", "dtype"),
    # In single precision those of one argument are held to their doubles below, at more places.
    [(n, d) for n in TRUTH for d in DTYPES if d is np.float64 or elementary.KERNELS[n].arity == 2],
)
def test_as_exact_as_stated(name, dtype):
    error, where = worst(name, dtype, 100 if dtype is np.float64 else 30)
    assert error <= FUNCTIONS[name].ulps(dtype), f"{name}{where}: {error} ulp"


@pytest.mark.slow
@pytest.mark.parametrize("name", TRUTH)
def test_as_exact_as_stated_at_many_places(name):
    # mpmath takes long for these.
    slow = name in ("gammaln", "digamma", "trigamma", "erfinv", "softplus", "log1mexp")
    places = (400 if slow else 2000) * (1 + MORE)
    error, where = worst(name, np.float64, places)
    assert error <= FUNCTIONS[name].ulps(np.float64), f"{name}{where}: {error} ulp"


def test_every_function_has_a_truth_and_a_bound():
    assert set(TRUTH) == set(FUNCTIONS) == set(elementary.KERNELS)


@pytest.mark.parametrize("name", [n for n, k in elementary.KERNELS.items() if k.arity == 1])
def test_single_precision_over_all_patterns_of_bits(name):
    patterns = np.arange(0, 2**32, 2**32 // 60_000 | 1, dtype=np.uint64).astype(np.uint32)
    x = patterns.view(np.float32)
    with np.errstate(all="ignore"):
        wide = FUNCTIONS[name](x.astype(np.float64))
        expected = wide.astype(np.float32)
        got = compiled(name)(x)
        assert np.array_equal(np.isnan(got), np.isnan(expected))
        finite = np.isfinite(expected)
        assert np.array_equal(got[~finite], expected[~finite], equal_nan=True)
        error = np.abs(got[finite].astype(np.float64) - wide[finite])
    unit = np.spacing(np.abs(expected[finite])).astype(np.float64)
    assert (error / unit).max() <= FUNCTIONS[name].ulps(np.float32)


# -- special values ------------------------------------------------------------------------------

#: C99, annex F.9 (and what follows from it for functions that C lacks): argument, result.
ODD = [(0.0, 0.0), (-0.0, -0.0)]
SPECIAL = {
    "exp": [(0.0, 1.0), (-0.0, 1.0), (-INF, 0.0), (INF, INF), (710.0, INF), (-746.0, 0.0)],
    "exp2": [(0.0, 1.0), (-0.0, 1.0), (-INF, 0.0), (INF, INF), (3.0, 8.0), (-1074.0, TINY)],
    "expm1": [*ODD, (-INF, -1.0), (INF, INF), (-TINY, -TINY)],
    "log": [(0.0, -INF), (-0.0, -INF), (1.0, 0.0), (-1.0, NAN), (-INF, NAN), (INF, INF)],
    "log2": [(0.0, -INF), (-0.0, -INF), (1.0, 0.0), (-1.0, NAN), (INF, INF), (TINY, -1074.0)],
    "log10": [(0.0, -INF), (-0.0, -INF), (1.0, 0.0), (-1.0, NAN), (INF, INF), (1000.0, 3.0)],
    "log1p": [*ODD, (-1.0, -INF), (-2.0, NAN), (-INF, NAN), (INF, INF), (TINY, TINY)],
    "sin": [*ODD, (INF, NAN), (-INF, NAN), (TINY, TINY)],
    "cos": [(0.0, 1.0), (-0.0, 1.0), (INF, NAN), (-INF, NAN)],
    "tan": [*ODD, (INF, NAN), (-INF, NAN), (-TINY, -TINY)],
    "arcsin": [*ODD, (1.0, math.pi / 2), (-1.0, -math.pi / 2), (1.5, NAN), (-INF, NAN)],
    "arccos": [(1.0, 0.0), (-1.0, math.pi), (0.0, math.pi / 2), (1.5, NAN), (-INF, NAN)],
    "arctan": [*ODD, (INF, math.pi / 2), (-INF, -math.pi / 2), (TINY, TINY)],
    "sinh": [*ODD, (INF, INF), (-INF, -INF), (-711.0, -INF)],
    "cosh": [(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, INF), (711.0, INF)],
    "tanh": [*ODD, (INF, 1.0), (-INF, -1.0), (-TINY, -TINY)],
    "arcsinh": [*ODD, (INF, INF), (-INF, -INF), (TINY, TINY)],
    "arccosh": [(1.0, 0.0), (0.5, NAN), (-INF, NAN), (INF, INF)],
    "arctanh": [*ODD, (1.0, INF), (-1.0, -INF), (1.5, NAN), (-INF, NAN), (TINY, TINY)],
    "sigmoid": [(0.0, 0.5), (-0.0, 0.5), (INF, 1.0), (-INF, 0.0)],
    "softplus": [(INF, INF), (-INF, 0.0), (1e300, 1e300)],
    "log1mexp": [(0.0, -INF), (-0.0, -INF), (1.0, NAN), (INF, NAN), (-INF, -0.0)],
    "logit": [(0.0, -INF), (-0.0, -INF), (1.0, INF), (0.5, 0.0), (2.0, NAN), (-INF, NAN)],
    "erf": [*ODD, (INF, 1.0), (-INF, -1.0)],
    "erfc": [(0.0, 1.0), (INF, 0.0), (-INF, 2.0)],
    "erfcx": [(0.0, 1.0), (-0.0, 1.0), (INF, 0.0), (-INF, INF), (-26.7, INF), (-1e300, INF)],
    "erfinv": [*ODD, (1.0, INF), (-1.0, -INF), (1.5, NAN), (INF, NAN), (-TINY, -TINY)],
    # As in SciPy, which C99 agrees with but for minus infinity.
    "gammaln": [
        (0.0, INF),
        (-0.0, INF),
        (1.0, 0.0),
        (2.0, 0.0),
        (-1.0, INF),
        (-(2.0**60), INF),
        (INF, INF),
        (-INF, -INF),
        (1e306, INF),
        (TINY, 744.4400719213812),
        (-TINY, 744.4400719213812),
    ],
    "digamma": [
        (0.0, -INF),
        (-0.0, INF),
        (-1.0, NAN),
        (-(2.0**60), NAN),
        (INF, INF),
        (-INF, NAN),
        (TINY, -INF),
        (-TINY, INF),
        (1e306, 704.591038456178),
    ],
    "trigamma": [
        (0.0, INF),
        (-0.0, INF),
        (-1.0, INF),
        (-(2.0**60), INF),
        (INF, 0.0),
        (-INF, NAN),
        (TINY, INF),
        (-TINY, INF),
        (1e306, 1e-306),
    ],
}


def same(got, want):
    """Equal numbers with equal signs, or both NaN; 2 ulp for what is no special number."""
    if math.isnan(want):
        return math.isnan(got)
    if math.copysign(1.0, got) != math.copysign(1.0, want):
        return False
    return got == want or (math.isfinite(got) and abs(got - want) <= 2 * math.ulp(want))


@pytest.mark.parametrize("name", SPECIAL)
def test_special_values_are_those_of_c99(name):
    rows = [*SPECIAL[name], (NAN, NAN)]
    # Each alone among ordinary numbers, and each in its own lane.
    for x, want in rows:
        for lane in (0, 5):
            column = np.full(19, 0.75)
            column[lane] = x
            got = compiled(name)(column)[lane]
            assert same(float(got), want), f"{name}({x}) = {got}, not {want}"


def test_special_values_in_single_precision_are_those_of_doubles():
    values = np.array([0.0, -0.0, 1.0, -1.0, INF, -INF, NAN, 2.0**-149, -(2.0**-126)], np.float32)
    for name in SPECIAL:
        double = compiled(name)(values.astype(np.float64))
        with np.errstate(all="ignore"):
            expected = double.astype(np.float32)
        got = compiled(name)(values)
        ordinary = np.isfinite(expected) & (expected != 0)
        assert np.array_equal(got[~ordinary], expected[~ordinary], equal_nan=True), name
        unit = np.spacing(np.abs(expected[ordinary]))
        most = (FUNCTIONS[name].ulps(np.float32) + 0.5) * unit
        assert (np.abs(got[ordinary] - expected[ordinary]) <= most).all(), name
        numbers = ~np.isnan(expected)
        assert np.array_equal(np.signbit(got)[numbers], np.signbit(expected)[numbers]), name


_EDGES = [
    0.0, -0.0, 1.0, -1.0, INF, -INF, NAN, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 2.5, -2.5, TINY, -TINY,
    1e300, -1e300, 1e-300, 2.0**53, 2.0**53 - 1, -(2.0**53) + 1, 1e22,
]  # fmt: skip


@pytest.mark.parametrize(("name", "truth"), [("power", math.pow), ("arctan2", math.atan2)])
def test_special_values_of_two_arguments_are_those_of_the_c_library(name, truth):
    def by_c(x, y):
        try:
            return truth(x, y)
        except OverflowError:
            return math.copysign(INF, x) if y % 2 == 1 else INF
        except ValueError:  # a domain error in Python, a value in C
            if x == 0:
                return math.copysign(INF, x) if y % 2 == 1 else INF
            return NAN

    rows = [(x, y) for x in _EDGES for y in _EDGES]
    got = compiled(name)(*(np.array(column) for column in zip(*rows, strict=True)))
    for value, row in zip(got.tolist(), rows, strict=True):
        assert same(value, by_c(*row)), f"{name}{row} = {value}, not {by_c(*row)}"


# -- angles of any size --------------------------------------------------------------------------


def test_angles_of_any_size_are_reduced_exactly():
    # The second is the double nearest to a multiple of pi/2; the others surround the boundary
    # from which on the C library is asked, in the same vector as ordinary numbers.
    hard = struct.unpack("<d", struct.pack("<Q", 0x7506AC5B262CA1FF))[0]
    x = np.array([0.5, hard, 2.0**30, np.nextafter(2.0**30, 0), 2.0**30 + 1, 1e22, -1.0, 1.7e308])
    x = np.concatenate([x, np.arange(1, 9) * math.pi / 2, [2.0**30 * 3, INF, 1.0]])
    for name in ("sin", "cos", "tan"):
        for got, value in zip(compiled(name)(x).tolist(), x.tolist(), strict=True):
            if math.isinf(value):
                assert math.isnan(got)
                continue
            with mpmath.workdps(400):
                error = ulps(got, TRUTH[name](mpmath.mpf(value)), np.float64)
            # Next to a multiple of pi/2 the C library itself keeps a few digits less.
            bound = FUNCTIONS[name].ulps(np.float64) if value != hard else 16.0
            assert error <= bound, f"{name}({value}): {error} ulp"


# -- reflected ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gammaln", "digamma", "trigamma"])
def test_gammas_of_negative_numbers_are_exact_but_next_to_their_zeros(name):
    rng = np.random.default_rng(7)
    sizes = 10 ** rng.uniform(-300, 3, 60)
    x = -np.concatenate([rng.uniform(0, 1, 60), rng.uniform(0, 170, 60), sizes])
    x[1::2] *= -1  # in the same vectors as positive numbers
    for got, value in zip(compiled(name)(x).tolist(), x.tolist(), strict=True):
        with mpmath.workdps(60):
            number = mpmath.mpf(value)
            truth = mpmath.re(TRUTH[name](number))
            # Where pi cot(pi x) or a logarithm cancels, the error is one of its summands.
            unit = math.ulp(max(abs(float(truth)), 1.0 if name == "gammaln" else math.pi))
            assert abs(got - truth) <= 8 * unit, f"{name}({value}) = {got}, not {float(truth)}"


# -- in compiled functions -----------------------------------------------------------------------


@pytest.mark.parametrize("name", list(elementary.KERNELS))
def test_loops_are_vectorised_and_the_callers_flags_change_nothing(name):
    rng = np.random.default_rng(3)
    columns = [rng.uniform(0.1, 0.9, 37) for _ in range(elementary.KERNELS[name].arity)]
    loose, exact = compiled(name), compiled(name, fastmath=False)
    assert np.array_equal(loose(*columns), exact(*columns), equal_nan=True)
    (ir,) = [loose.inspect_llvm(s) for s in loose.signatures if "float64" in str(s)]
    assert "x double>" in ir, "no vectors"
    assert not [s for s in ir.splitlines() if f"call double @{name}(" in s and "vector.body" in s]


def test_a_sum_around_an_exponential_leaves_its_reduction_alone():
    x = tensor.dvector("x")
    f = function([x], tensor.sum(tensor.exp(x) - tensor.sin(x)))
    values = np.linspace(-20.0, 20.0, 1001)
    assert f(values) == pytest.approx(math.fsum(np.exp(values) - np.sin(values)), rel=1e-14)
    gradient = function([x], grad(tensor.sum(tensor.exp(x) - tensor.sin(x)), x))
    np.testing.assert_allclose(gradient(values), np.exp(values) - np.cos(values), rtol=1e-13)


def test_printed_code_says_the_names():
    x = tensor.dvector("x")
    y = tensor.fvector("y")
    f = function([x, y], [tensor.arctan2(tensor.exp(x), 2.0), x**1.7, tensor.exp2(y)])
    assert "arctan2(exp(x[i]), 2.0)" in f.source or "arctan2(exp(x_i), 2.0)" in f.source
    assert "power(x_i, 1.7)" in f.source and "exp2(y[i])" in f.source
    a, b = np.linspace(0.1, 3.0, 9), np.linspace(-2, 2, 5, dtype=np.float32)
    for got, want in zip(f(a, b), [np.arctan2(np.exp(a), 2), a**1.7, np.exp2(b)], strict=True):
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got, want, rtol=1e-6)


def test_names_of_numpy_and_of_math_are_one():
    assert inlined("asin") is inlined("arcsin") is FUNCTIONS["arcsin"]
    assert inlined("gamma") is None
    assert math.isnan(FUNCTIONS["log"](-1.0))


def test_integers_are_doubles_and_complex_numbers_are_refused():
    assert compiled("exp")(np.array([0, 1])).dtype == np.int64  # the array, not the function

    @njit
    def one(x):
        return elementary.exp(x)

    assert one(2) == pytest.approx(math.exp(2))
    with pytest.raises(Exception, match="exp takes real numbers, not complex128"):
        one(1j)


@pytest.mark.newest("mpmath alone computes them")
def test_the_coefficients_are_those_that_the_fit_gives():
    with open(_coefficients.__file__, encoding="utf-8") as file:
        assert file.read() == text()


# -- inlined and called --------------------------------------------------------------------------


def each_in_a_loop(names, dtype, lanes, monkeypatch):
    """A compiled function that gives the arrays of all functions; with no lanes all are inlined."""
    arrays = [f"{name}_" for name in names]
    kind = "" if dtype == "float64" else ", float32"
    lines = ["def f(x, y):", "    n = x.shape[0]"]
    lines += [f"    {array} = empty(n{kind})" for array in arrays]
    lines.append("    for i in range(n):")
    for name, array in zip(names, arrays, strict=True):
        given = "x[i], y[i]" if elementary.KERNELS[name].arity == 2 else "x[i]"
        lines.append(f"        {array}[i] = {name}({given})")
    source = "\n".join([*lines, f"    return {', '.join(arrays)}", ""])
    space = {**FUNCTIONS, "empty": np.empty, "float32": np.float32}
    results = [(array, dtype, 1) for array in arrays]
    program = Program("f", [("x", dtype, 1), ("y", dtype, 1)], [], results, "", space, [], [])
    with monkeypatch.context() as patch:
        patch.setattr(objects, "lanes", lambda: lanes)
        level = 3 if lanes else 1
        shapes, strict = [(None,)] * 2, [True] * 2
        built = build.build(program, Emitted(source, "f", ()), True, shapes, strict, True, level)
    assert built.enter is not None
    return built.enter(None, None)


@pytest.mark.skipif(not machine.supported(), reason="below llvmlite 0.45 all are inlined")
@pytest.mark.holds_at("Numba inlines all", compiler="direct")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_called_functions_give_the_bits_of_inlined_ones(dtype, monkeypatch):
    rng = np.random.default_rng(3)
    edges = [0.0, -0.0, 1.0, -1.0, INF, -INF, NAN, 1e-310, 1e-40, 1e9, 1e22, -1e30, 710.0, 0.5]
    x = np.concatenate([np.repeat(edges, len(edges)), by_size(rng, 400), rng.normal(size=407)])
    y = np.concatenate([np.tile(edges, len(edges)), rng.normal(size=400), rng.normal(size=407)])
    with np.errstate(all="ignore"):
        x, y = x.astype(dtype), y.astype(dtype)
    # Sine and cosine are neighbours: one call gives both. The length is no multiple of a vector's.
    names = list(FUNCTIONS)
    called = each_in_a_loop(names, dtype, machine.lanes(), monkeypatch)(x, y)
    inlined_ = each_in_a_loop(names, dtype, 0, monkeypatch)(x, y)
    for name, mine, other in zip(names, called, inlined_, strict=True):
        # NaN has many bit patterns, and all mean the same.
        assert mine[~np.isnan(mine)].tobytes() == other[~np.isnan(other)].tobytes(), name
        np.testing.assert_array_equal(np.isnan(mine), np.isnan(other), name)


def test_two_calls_of_one_argument_become_one():
    call = "  %{} = tail call <4 x double> @numbagrad_called_{}_f64_4(<4 x double> %1) #3"
    text = "\n".join(
        ["define void @f() {", "a:", call.format(2, "sin"), call.format(3, "sin"), "b:",
         call.format(4, "cos"), call.format(5, "exp"), call.format(6, "sin"), "}"]
    )  # fmt: skip
    made = pairs.paired(text)
    assert made.count("@numbagrad_called_sin_cos_f64_4(<4 x double> %1)") == 1
    assert "%6 = extractvalue { <4 x double>, <4 x double> } %pair.5, 0" in made
    assert "%2 = tail call" in made and "%3 = tail call" in made and "%5 = tail call" in made
    assert pairs.paired(text.replace("cos", "exp")) is None


@pytest.mark.skipif(not machine.supported(), reason="below llvmlite 0.45 all are inlined")
@pytest.mark.holds_at("it is about one loop", optimize="default", compiler="direct")
def test_a_long_body_is_one_loop_with_calls_for_vectors(monkeypatch):
    seen = []
    monkeypatch.setattr(machine, "paired", lambda text: seen.append(text) or pairs.paired(text))
    x = tensor.dvector("x")
    y = x
    for k in range(60):
        y = tensor.sin(y) * (1.0 + 1.0 / (k + 1)) + x
    with using(cache=False):
        f = function([x], [y, grad(y.sum(), x)])
        assert f.compile_report().functions == 1 + config.parallel  # its rows, for threads
    lanes = machine.lanes()
    calls = re.findall(rf"<{lanes} x double> @numbagrad_called_(\w+)_f64_{lanes}\(<", seen[0])
    assert calls.count("sin") >= 60 and calls.count("cos") >= 60
    value = np.linspace(-1.0, 1.0, 2 * lanes + 1)
    wanted = function([x], [y, grad(y.sum(), x)], mode="reference")(value)
    for mine, other in zip(f(value), wanted, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-9)


def test_a_template_compiles_in_a_process_that_has_compiled_nothing():
    code = (
        "import numba; from numbagrad.ops.special import Erf; print(numba.njit(Erf.template)(0.5))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(math.erf(0.5), rel=1e-15)
