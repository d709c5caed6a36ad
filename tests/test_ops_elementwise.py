"""Elementwise Ops: what does not follow from one class alone.

Promotion, Python numbers, refusals, the rules of masked and scale, ties, special values.
"""

import math

import mpmath
import numpy as np
import pytest

from numbagrad import grad, tensor
from numbagrad.errors import IncompleteOpError
from numbagrad.function.function import function
from numbagrad.graph.printing import pp
from numbagrad.graph.registry import OP_CLASSES, OPS
from numbagrad.graph.tensor import TensorType, constant
from numbagrad.ops.arithmetic import IntFloorDiv, Mul, TrueDiv
from numbagrad.ops.dtypes import float_of
from numbagrad.ops.interpret import interpret
from numbagrad.ops.kinds import Elementwise
from numbagrad.ops.selection import Masked
from numbagrad.testing.samples import grid


def make(dtype, ndim=1, name=None):
    return TensorType(dtype, (None,) * ndim).make_variable(name)


def value(expression, **given):
    """The reference's value; ``given`` are values by the names of the inputs."""
    found = {v: np.asarray(given[v.name], v.type.dtype) for v in inputs_of(expression)}
    return interpret([expression], found)[0]


def inputs_of(expression):
    seen, stack = set(), [expression]
    while stack:
        v = stack.pop()
        if v.owner is not None:
            stack.extend(v.owner.inputs)
        elif v.name:
            seen.add(v)
    return seen


# -- promotion and Python numbers ----------------------------------------------------------------

_OPERATORS = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "true_div": np.true_divide,
    "floor_div": np.floor_divide,
    "mod": np.mod,
    "pow": np.power,
    "maximum": np.maximum,
    "lt": np.less,
    "and": np.bitwise_and,
}


@pytest.mark.parametrize("number", [True, 2, 2.5, 1j])
@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "int64", "float32", "complex64"])
@pytest.mark.parametrize("name", _OPERATORS)
def test_a_python_number_takes_the_dtype_of_the_array_as_in_numpy(name, dtype, number):
    array = np.ones(2, dtype)
    try:
        expected = _OPERATORS[name](array, number).dtype
    except TypeError:
        with pytest.raises(TypeError):
            OPS[name](make(dtype), number)
        return
    if name in ("lt", "maximum") and np.result_type(array, number).kind == "c":
        with pytest.raises(TypeError, match="is defined for"):
            OPS[name](make(dtype), number)  # NumPy orders complex numbers, numbagrad does not
        return
    assert OPS[name](make(dtype), number).dtype == expected


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64"])
def test_a_python_integer_that_does_not_fit_is_refused_except_in_comparisons(dtype):
    x = make(dtype, name="x")
    with pytest.raises(OverflowError, match="does not fit"):
        x + 10**19
    assert value(x < 10**18, x=[1, 2]).tolist() == [True, True]
    assert value(make("int8", name="x") < 300, x=[-128, 127]).tolist() == [True, True]


def test_several_numbers_meet_the_arrays_together():
    assert tensor.add(1, 2.5, make("float32")).dtype == "float32"
    assert tensor.add(make("int8"), 2.5, make("float32")).dtype == "float32"
    assert tensor.mul(make("int8"), 2, make("int16")).dtype == "int16"


def test_numbers_alone_are_numpys_defaults():
    assert tensor.add(1, 2).dtype == "int64"
    assert tensor.add(1, 2.0).dtype == "float64"


@pytest.mark.parametrize("name", ["add", "mul", "and", "or", "xor"])
def test_variadic_functions_take_one_argument_and_refuse_none(name):
    x = make("int64")
    assert OPS[name](x) is x
    with pytest.raises(TypeError, match="at least one argument"):
        OPS[name]()


def test_a_wrong_number_of_arguments_is_named():
    with pytest.raises(TypeError, match="Sin takes 1 argument; got 2"):
        tensor.sin(1.0, 2.0)


def test_int64_and_uint64_are_compared_exactly():
    x, y = make("int64", name="x"), make("uint64", name="y")
    big = 2**63
    assert value(tensor.eq(x, y), x=[-1, big - 1], y=[2**64 - 1, big]).tolist() == [False, False]
    assert value(x < y, x=[-1, big - 1], y=[0, big]).tolist() == [True, True]
    f = function([x, y], [tensor.eq(x, y), x < y])
    made = f(np.array([-1, big - 1]), np.array([0, big], "uint64"))
    assert [m.tolist() for m in made] == [[False, False], [True, True]]


def test_arithmetic_of_small_integers_wraps_as_in_numpy():
    x = make("int8", name="x")
    f = function([x], [x + x, x * x, -x, abs(x), tensor.sqr(x), x - 100])
    values = np.array([-128, -100, 0, 100, 127], "int8")
    with np.errstate(all="ignore"):
        expected = [values + values, values * values, -values, abs(values), values * values]
        expected.append(values - np.int8(100))
    for got, want in zip(f(values), expected, strict=True):
        assert got.dtype == np.int8
        assert got.tolist() == want.tolist()


def test_uint64_keeps_all_its_digits():
    x = make("uint64", name="x")
    top = 2**64 - 1
    f = function([x], [x + 1, x // 3, x % 10, x * 3, tensor.maximum(x, 5), abs(x), x ^ 1])
    values = np.array([top, top - 1, 7], "uint64")
    expected = [values + 1, values // 3, values % 10, values * 3, np.maximum(values, 5)]
    expected += [values, values ^ 1]
    for got, want in zip(f(values), expected, strict=True):
        assert got.tolist() == want.tolist()


def test_casts_wrap_and_truncate_as_in_numpy():
    x, y = make("int64", name="x"), make("float64", name="y")
    f = function([x, y], [x.astype("int8"), x.astype("uint8"), y.astype("int32"), y.astype("bool")])
    whole, parts = np.array([300, -1, 128, 5]), np.array([2.7, -2.7, 0.0, 1e-300])
    made = f(whole, parts)
    assert made[0].tolist() == whole.astype("int8").tolist()
    assert made[1].tolist() == whole.astype("uint8").tolist()
    assert made[2].tolist() == [2, -2, 0, 0]
    assert made[3].tolist() == [True, True, False, True]


def test_a_cast_to_the_same_dtype_is_nothing():
    x = make("float64")
    assert tensor.cast(x, "float64") is x
    assert tensor.cast(make("float32"), "floatX").dtype == "float64"


# -- printing --------------------------------------------------------------------------------------


def test_the_gradient_of_a_power_prints_as_theanos():
    x = TensorType("float64", ()).make_variable("x")
    y = x**2
    gy = y.owner.op.L_op(y.owner.inputs, [y], [tensor.second(y, 1.0)])[0]
    assert pp(gy) == "((fill((x ** 2), 1.0) * 2) * (x ** (2 - 1)))"


def test_numbers_print_as_the_user_wrote_them_next_to_arrays_too():
    x = make("float32", ndim=2, name="x")
    assert pp(2 * x + 1.5) == "((2 * x) + 1.5)"
    assert pp(x.astype("float64") ** 2).endswith("** 2)")


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "dtypes"),
    [
        ("sub", ["bool", "bool"]),
        ("neg", ["bool"]),
        ("sign", ["bool"]),
        ("floor_div", ["complex128", "float64"]),
        ("mod", ["complex64", "int64"]),
        ("and", ["float64", "int64"]),
        ("invert", ["float32"]),
        ("lt", ["complex128", "float64"]),
        ("maximum", ["complex128", "complex128"]),
        ("clip", ["complex128", "complex128"]),
        ("floor", ["complex128"]),
        ("round", ["complex128"]),
        ("arctan2", ["complex128", "float64"]),
        ("erf", ["complex128"]),
        ("sigmoid", ["complex128"]),
        ("complex", ["complex128", "float64"]),
        ("nan_to_num", ["complex128"]),
    ],
)
def test_dtypes_without_an_answer_are_refused(name, dtypes):
    with pytest.raises(TypeError, match=r"complex|bool|float|dtype"):
        OPS[name](*(make(d) for d in dtypes))


def test_a_cast_does_not_drop_an_imaginary_part():
    with pytest.raises(TypeError, match="imaginary part"):
        make("complex128").astype("float64")
    with pytest.raises(TypeError, match="imaginary part"):
        tensor.cast(constant(1j), "float64")


def test_a_cast_to_nonsense_is_refused():
    with pytest.raises(TypeError, match="is no dtype"):
        tensor.cast(1.0, "float65")
    with pytest.raises(TypeError, match="not supported"):
        tensor.cast(1.0, "datetime64[s]")


def test_negative_powers_of_integers_are_an_error():
    x, n = make("int64", name="x"), make("int64", name="n")
    f = function([x, n], x**n)
    assert f([2, 3], [3, 0]).tolist() == [8, 1]
    with pytest.raises(ValueError, match="negative integer powers"):
        f([2, 3], [3, -1])
    with pytest.raises(ValueError, match="negative integer powers"):
        value(x**n, x=[2], n=[-1])


def test_bad_parameters_are_named():
    with pytest.raises(ValueError, match="half_to_even"):
        tensor.round(1.5, "up")
    with pytest.raises(TypeError, match="both a and b or neither"):
        tensor.where([True], 1.0)
    with pytest.raises(TypeError, match="Python integer"):
        OPS["polygamma"](1.5, 1.0)
    with pytest.raises(ValueError, match="at least 0"):
        OPS["polygamma"](-1, 1.0)


def test_integers_divided_by_zero_and_the_smallest_by_minus_one_do_not_trap():
    x, y = make("int32", name="x"), make("int32", name="y")
    f = function([x, y], [x // y, x % y])
    smallest = -(2**31)
    quotient, rest = f(np.array([5, smallest, 0], "int32"), np.array([0, -1, 0], "int32"))
    assert quotient.tolist() == [0, smallest, 0]
    assert rest.tolist() == [0, 0, 0]


# -- definitions -----------------------------------------------------------------------------------


@pytest.fixture
def forget_classes():
    known = list(OP_CLASSES)
    yield
    OP_CLASSES[:] = known


COMPLETE = {
    "__doc__": "Twice.\n\n    >>> 1\n    1\n",
    "dtype": float_of,
    "template": lambda x: 2.0 * x,
    "partials": lambda y, x: [2],
    "reference": lambda x: 2.0 * x,
    "samples": [grid(-1, 1)],
}


@pytest.mark.parametrize("missing", COMPLETE)
def test_an_incomplete_definition_is_refused_with_the_reason(missing, forget_classes):
    parts = {k: v for k, v in COMPLETE.items() if k != missing}
    word = "docstring" if missing == "__doc__" else missing
    with pytest.raises(IncompleteOpError, match=rf"The Elementwise Op Twice lacks: {word}|a doc"):
        type("Twice", (Elementwise,), parts)


def test_a_complete_definition_of_a_users_op_works(forget_classes):
    twice = type("Twice", (Elementwise,), COMPLETE)()
    x = make("float64", name="x")
    assert value(twice(x), x=[1.0, 2.0]).tolist() == [2.0, 4.0]
    assert value(grad(tensor.sum(twice(x)), x), x=[1.0, 2.0]).tolist() == [2.0, 2.0]


def test_static_parameters_are_checked():
    with pytest.raises(TypeError, match="static parameters"):
        TrueDiv(axis=1)


# -- masked and scale ------------------------------------------------------------------------------

scale, masked = OPS["scale"], OPS["masked"]


def test_masked_keeps_nan_and_infinity_out():
    x = make("float64", name="x")
    made = value(masked(x > 0, 1 / x), x=[2.0, 0.0, math.nan])
    assert made.tolist() == [0.5, 0.0, 0.0]


def test_masked_integers_become_floats():
    assert masked(True, make("int8")).dtype == "float64"


def test_scale_carries_masks_outwards():
    g, p, c = make("float64", name="g"), make("float64", name="p"), make("bool", name="c")
    for made in (
        scale(g, masked(c, p)),
        scale(masked(c, g), p),
        scale(-masked(c, g), p),
        scale(masked(c, g) + masked(c, g), p),
    ):
        assert isinstance(made.owner.op, Masked)
    nested = scale(masked(c, masked(g > 0, g)), p)
    found = value(nested, g=[-2.0, 2.0, 2.0], p=[math.inf, math.inf, 3.0], c=[True, False, True])
    assert found.tolist() == [0.0, 0.0, 6.0]
    found = value(scale(masked(c, g), p), g=[2.0, 2.0], p=[3.0, math.inf], c=[True, False])
    assert found.tolist() == [6.0, 0.0]
    both = scale(masked(c, g) + masked(g > 5, g), p)
    assert value(both, g=[2.0, 2.0], p=[3.0, math.inf], c=[True, False]).tolist() == [6.0, 0.0]
    assert value(both, g=[2.0, 6.0], p=[3.0, 2.0], c=[True, False]).tolist() == [6.0, 12.0]


def test_scale_multiplies_products_from_the_left():
    g, a, b = (make("float64", name=n) for n in "gab")
    assert pp(scale(g, a * b)) == "((g * a) * b)"
    assert pp(scale(g, 1 / b)) == "(g / b)"
    assert pp(scale(g, -(1 / b))) == "(-(g / b))"
    assert pp(scale(g, a / b)) == "(g * (a / b))"


def test_scale_by_numbers():
    g = make("float32", name="g")
    assert scale(g, 1) is g
    assert pp(scale(g, -1)) == "(-g)"
    assert pp(scale(g, 3)) == "(g * 3)"
    assert value(scale(g, 0), g=[1.0, math.inf]).tolist() == [0.0, 0.0]
    assert scale(g, masked(make("bool"), 1)).dtype == "float32"


def test_the_branch_not_taken_contributes_nothing():
    x = make("float64", name="x")
    y = tensor.switch(x < 1, x, tensor.sqrt(x - 1))
    slope = grad(tensor.sum(y), x)
    assert value(slope, x=[0.0, 1.0 - 1e-9, 5.0]).tolist() == [1.0, 1.0, 0.25]
    twice = grad(tensor.sum(slope), x)
    assert value(twice, x=[0.0, 5.0]) == pytest.approx([0.0, -0.03125])


def test_a_derivative_in_float32_is_computed_in_float32():
    x, g = make("float32", name="x"), make("float32", name="g")
    for y in (tensor.maximum(x, 0.5), tensor.clip(x, -1, 1), tensor.switch(x > 0, x, 2 * x), x**3):
        # Of the numbers, too, there are gradients: sums, which are another matter.
        made = y.owner.op.L_op(y.owner.inputs, [y], [g])
        stack = [d for d in made if getattr(d.type, "shape", None) == (None,)]
        assert stack
        while stack:
            v = stack.pop()
            assert v.type.dtype != "float64"
            stack.extend(v.owner.inputs if v.owner else [])


# -- chosen derivatives ----------------------------------------------------------------------------


def slopes(f, *values):
    names = [make("float64", name=n) for n in "xyz"[: len(values)]]
    made = grad(tensor.sum(f(*names)), names, disconnected_inputs="ignore")
    given = {v: np.asarray(a, float) for v, a in zip(names, values, strict=True)}
    return [m.tolist() for m in interpret(made, given)]


def test_ties_share_the_gradient():
    assert slopes(tensor.maximum, [1.0, 2.0, 3.0], [1.0, 3.0, 2.0]) == [[0.5, 0, 1], [0.5, 1, 0]]
    assert slopes(tensor.minimum, [1.0, 2.0, 3.0], [1.0, 3.0, 2.0]) == [[0.5, 1, 0], [0.5, 0, 1]]
    assert slopes(abs, [-2.0, 0.0, 2.0]) == [[-1.0, 0.0, 1.0]]


def test_clip_has_slope_one_on_the_closed_interval():
    assert slopes(lambda x: tensor.clip(x, 0, 1), [-1.0, 0.0, 0.5, 1.0, 2.0]) == [[0, 1, 1, 1, 0]]
    by_limits = slopes(tensor.clip, [-1.0, 0.5, 2.0], [0.0] * 3, [1.0] * 3)
    assert by_limits == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]


def test_clip_takes_missing_limits():
    x = make("float64", name="x")
    assert value(tensor.clip(x, None, 1), x=[-5.0, 5.0]).tolist() == [-5.0, 1.0]
    assert value(tensor.clip(x, 0, None), x=[-5.0, 5.0]).tolist() == [0.0, 5.0]
    n = make("int8", name="x")
    assert value(tensor.clip(n, None, 3), x=[-128, 5]).tolist() == [-128, 3]
    assert tensor.clip(n, 0, None).dtype == "int8"


@pytest.mark.parametrize(("power", "slope"), [(0, 0.0), (1, 1.0), (2, 0.0), (3, 0.0)])
def test_powers_have_exact_slopes_at_zero(power, slope):
    assert slopes(lambda x: x**power, [0.0]) == [[slope]]
    assert slopes(lambda x, y: x**y, [0.0], [float(power)])[0] == [slope]


def test_the_slope_by_the_exponent_is_zero_where_the_power_is():
    assert slopes(lambda x, y: x**y, [0.0, 0.0], [2.0, 0.5])[1] == [0.0, 0.0]
    by_exponent = slopes(lambda x, y: x**y, [2.0], [3.0])[1]
    assert by_exponent == pytest.approx([8 * math.log(2)])


def test_mixed_second_derivatives_of_powers_survive_their_masks():
    x, y = make("float64", name="x"), make("float64", name="y")
    by_x = grad(tensor.sum(x**y), x)
    mixed = grad(tensor.sum(by_x), y)  # x**(y - 1) * (1 + y log x), which is 1/x at y = 0
    assert value(mixed, x=[2.0], y=[0.0]) == pytest.approx([0.5])
    by_y = grad(tensor.sum(tensor.xlogy(x, y)), y)
    mixed = grad(tensor.sum(by_y), x)
    assert value(mixed, x=[0.0], y=[4.0]) == pytest.approx([0.25])


def test_integer_inputs_do_not_overflow_inside_a_derivative():
    n = make("int8", name="n")
    y = tensor.arctan(n)
    (slope,) = y.owner.op.L_op([n], [y], [tensor.second(y, 1.0)])
    assert slope.dtype == "float64"
    assert value(slope, n=[100]) == pytest.approx([1 / 10001], rel=1e-6)


# -- complex numbers -------------------------------------------------------------------------------


def test_functions_of_parts_leave_real_tensors_alone():
    x = make("float64", name="x")
    assert tensor.real(x) is x and tensor.conj(x) is x
    assert value(tensor.imag(x), x=[1.0]).tolist() == [0.0]
    assert value(tensor.angle(x), x=[1.0, -1.0]) == pytest.approx([0.0, math.pi])


def test_the_gradient_of_a_real_cost_is_that_by_both_parts():
    z = make("complex128", name="z")
    at = np.array([3.0 + 4.0j, 1.0 - 1.0j])
    assert value(grad(tensor.sum(abs(z) ** 2), z), z=at) == pytest.approx(2 * at)
    assert value(grad(tensor.sum(tensor.imag(z)), z), z=at) == pytest.approx([1j, 1j])
    expected = 1j * at / abs(at) ** 2
    assert value(grad(tensor.sum(tensor.angle(z)), z), z=at) == pytest.approx(expected)


def test_polar_form():
    r, t = make("float64", name="r"), make("float64", name="t")
    made = value(tensor.complex_from_polar(r, t), r=[2.0], t=[0.5])
    assert made == pytest.approx([2 * np.exp(0.5j)])
    z = make("complex128", name="z")
    assert value(tensor.sign(z), z=[3 + 4j, 0]) == pytest.approx([0.6 + 0.8j, 0])


# -- composites ------------------------------------------------------------------------------------


@pytest.mark.parametrize("equal_nan", [False, True])
def test_isclose_is_numpys(equal_nan):
    a = [1.0, 1.0, math.inf, math.inf, math.inf, math.nan, 0.0, 1e10]
    b = [1.0 + 1e-9, 1.1, math.inf, -math.inf, 1.0, math.nan, 1e-9, 1.00001e10]
    x, y = make("float64", name="x"), make("float64", name="y")
    made = value(tensor.isclose(x, y, equal_nan=equal_nan), x=a, y=b)
    assert made.tolist() == np.isclose(a, b, equal_nan=equal_nan).tolist()


def test_nan_to_num_is_numpys():
    values = np.array([1.0, math.nan, math.inf, -math.inf])
    x = make("float64", name="x")
    assert value(tensor.nan_to_num(x), x=values).tolist() == np.nan_to_num(values).tolist()
    made = value(tensor.nan_to_num(x, 7, 8, 9), x=values)
    assert made.tolist() == [1.0, 7.0, 8.0, 9.0]
    assert slopes(tensor.nan_to_num, [1.0, math.nan, math.inf]) == [[1.0, 0.0, 0.0]]


def test_rounding_leaves_integers_alone():
    n = make("int64")
    for name in ("ceil", "floor", "trunc", "round"):
        assert OPS[name](n) is n
    assert OPS["iround"](1.5).dtype == "int64"
    halves = value(OPS["round"](make("float64", name="x"), "half_away_from_zero"), x=[0.5, -2.5])
    assert halves.tolist() == [1.0, -3.0]


def test_divmod_fits_together():
    x, y = make("float64", name="x"), make("float64", name="y")
    quotient, rest = divmod(x, y)
    a, b = np.array([7.5, -7.5, 7.5, -7.5]), np.array([2.0, 2.0, -2.0, -2.0])
    assert (value(quotient, x=a, y=b) * b + value(rest, x=a, y=b)).tolist() == a.tolist()


def test_where_with_numbers_and_switch_with_integers():
    x = make("int64", name="x")
    assert value(tensor.where(x > 0, 1, 0), x=[-1, 1]).tolist() == [0, 1]
    assert value(tensor.switch(x, 1.5, 2.5), x=[0, 2]).tolist() == [2.5, 1.5]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sgn", "sign"),
        ("inv", "reciprocal"),
        ("expit", "sigmoid"),
        ("int_div", "floor_div"),
        ("digamma", "psi"),
        ("log1pexp", "softplus"),
        ("fill", "second"),
    ],
)
def test_both_spellings_are_one_function(one, other):
    assert OPS[one] is OPS[other]


def test_floor_division_of_integers_is_exact():
    out = tensor.floor_div(make("int64"), make("int64"))
    assert isinstance(out.owner.op, IntFloorDiv)
    assert isinstance(tensor.mul(make("int64"), 2).owner.op, Mul)


# -- accuracy of compiled code ---------------------------------------------------------------------

_FAR = [-700.0, -50.0, -2.5, -0.3, -1e-8, 1e-300, 1e-8, 0.3, 0.5, 2.5, 50.0, 700.0]
_TRUTH = {
    "exp": mpmath.exp,
    "expm1": mpmath.expm1,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tanh": mpmath.tanh,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "arcsinh": mpmath.asinh,
    "erf": mpmath.erf,
    "arctan": mpmath.atan,
}
_POSITIVE = [1e-300, 1e-8, 0.3, 0.5, 1.7, 2.5, 50.0, 140.5]
_TRUTH_POSITIVE = {
    "log": mpmath.log,
    "log1p": mpmath.log1p,
    "log2": lambda x: mpmath.log(x, 2),
    "sqrt": mpmath.sqrt,
    "cbrt": mpmath.cbrt,
    "gamma": mpmath.gamma,
    "gammaln": mpmath.loggamma,
    "psi": mpmath.digamma,
    "tri_gamma": lambda x: mpmath.polygamma(1, x),
    "erfc": lambda x: mpmath.erfc(x) if x < 26 else mpmath.mpf(0),
}
_UNIT = [1e-200, 1e-9, 0.1, 0.26, 0.49, 0.5000001, 0.74, 0.9, 1 - 1e-9]
_TRUTH_UNIT = {
    "logit": lambda x: mpmath.log(x / (1 - x)),
    "arcsin": mpmath.asin,
    "arctanh": mpmath.atanh,
    "erfinv": mpmath.erfinv,
}


def _rounded(f, points):
    with mpmath.workdps(400):
        return np.array([float(f(mpmath.mpf(p))) for p in points])


@pytest.mark.parametrize(
    ("table", "points"),
    [(_TRUTH, _FAR), (_TRUTH_POSITIVE, _POSITIVE), (_TRUTH_UNIT, _UNIT)],
    ids=["everywhere", "positive", "unit interval"],
)
def test_compiled_functions_are_accurate(table, points):
    x = make("float64", name="x")
    found = function([x], [OPS[name](x) for name in table])(np.array(points))
    for name, got in zip(table, found, strict=True):
        want = _rounded(table[name], points)
        np.testing.assert_allclose(got, want, rtol=4e-15, atol=1e-300, err_msg=name)


def test_log1mexp_is_accurate_at_both_ends():
    points = [-1e-300, -1e-17, -1e-5, -0.69, -0.7, -5.0, -40.0, -700.0]
    x = make("float64", name="x")
    got = function([x], tensor.log1mexp(x))(np.array(points))
    want = _rounded(lambda v: mpmath.log(-mpmath.expm1(v)), points)
    np.testing.assert_allclose(got, want, rtol=4e-15)


def test_polygamma_is_accurate_on_both_sides():
    points = [-7.3, -1.5, -0.1, 0.01, 0.3, 1.0, 2.5, 17.0, 300.0]
    x = make("float64", name="x")
    orders = [2, 3, 7]
    found = function([x], [OPS["polygamma"](n, x) for n in orders])(np.array(points))
    for n, got in zip(orders, found, strict=True):
        want = _rounded(lambda v, n=n: mpmath.polygamma(n, v), points)
        np.testing.assert_allclose(got, want, rtol=2e-13)


def test_slopes_of_stable_functions_are_finite_far_out():
    far = [-1000.0, -50.0, 50.0, 1000.0]
    for f in (tensor.sigmoid, tensor.softplus, tensor.tanh, tensor.erf, tensor.arctan):
        assert np.isfinite(slopes(f, far)).all()
    assert slopes(tensor.softplus, [-1000.0, 0.0, 1000.0]) == [[0.0, 0.5, 1.0]]
    assert slopes(tensor.logaddexp, [1000.0, -1000.0], [-1000.0, -1000.0])[0] == [1.0, 0.5]
    assert slopes(tensor.log1mexp, [-1000.0, -1e-10])[0] == pytest.approx([0.0, -1e10])
