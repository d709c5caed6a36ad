"""Real models: value, gradient, product and Hessian from one compiled function, and fits with them.

The reference was computed by JAX from formulas of its own (``data/README.md`` says how). Answers of
fits were computed by independent packages on the same files.
"""

import functools
import re

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import weibull_min

import numbagrad as ng
from tests.models import HERE, MODELS, doctor_visits, remission

PARTS = ("value", "gradient", "product", "hessian")
REFERENCE = np.load(HERE / "data" / "models.npz")
SLOW = ("network", "gaussian process")  # to compile
#: Those that are fitted below, with SciPy; the others differ in their formulas alone.
FITTED = ("poisson", "negative binomial", "weibull", "logistic")
ALL = pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name,
            marks=[
                *([pytest.mark.slow] if name in SLOW else []),
                *([] if name in FITTED else [pytest.mark.newest("four of them will do")]),
            ],
        )
        for name in MODELS
    ],
)


@functools.cache
def compiled(name):
    """Value, gradient, product and Hessian as one function."""
    theta, p, cost = MODELS[name].variables()
    outputs = [
        cost,
        ng.grad(cost, theta),
        ng.hessian_vector_product(cost, theta, p),
        ng.hessian(cost, theta),
    ]
    return ng.function([theta, p], outputs, name=name.replace(" ", "_"))


def close(found, wanted):
    """Agreement to 1e-9 element by element, and to 1e-13 of the largest near zero."""
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-13 * np.max(np.abs(wanted)))


def reference(name):
    return [REFERENCE[f"{name} {part}"] for part in PARTS]


@ALL
def test_derivatives(name):
    model = MODELS[name]
    for found, wanted in zip(compiled(name)(model.at, model.direction), reference(name)):
        assert found.dtype == np.float64 and found.shape == wanted.shape
        close(found, wanted)


@ALL
def test_product_and_symmetry(name):
    model = MODELS[name]
    hessian = compiled(name)(model.at, model.direction)[3].reshape(model.at.size, model.at.size)
    scale = np.max(np.abs(hessian))
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-9, atol=1e-12 * scale)
    for k in {0, model.at.size // 2, model.at.size - 1}:
        unit = np.zeros(model.at.size)
        unit[k] = 1.0
        column = compiled(name)(model.at, unit.reshape(model.at.shape))[2]
        np.testing.assert_allclose(column.ravel(), hessian[:, k], rtol=1e-9, atol=1e-12 * scale)


@ALL
def test_one_compiled_function(name):
    f = compiled(name)
    definitions = [line for line in f.source.splitlines() if line.startswith("def ")]
    assert f.compile_report().functions == len(definitions)
    # Long bodies are cut into parts, and rows that threads share are functions of their own, which
    # the one function that is called calls.
    own = r"def \w+_(part\d+|rows(_\d+)?)\("
    assert len([line for line in definitions if not re.match(own, line)]) == 1


@pytest.mark.newest("graphs are computed node by node")
@pytest.mark.parametrize("name", MODELS)
def test_reverse_over_reverse(name):
    """Without the forward rules, node by node in NumPy."""
    model = MODELS[name]
    theta, p, cost = model.variables()
    gradient = ng.grad(cost, theta)
    outputs = [cost, gradient, ng.Lop(gradient, theta, p)]
    if model.at.size < 20:
        outputs.append(ng.jacobian(gradient, theta, mode="reverse"))
    f = ng.function([theta, p], outputs, mode="reference")
    for found, wanted in zip(f(model.at, model.direction), reference(name)):
        close(found, wanted)


def newton(name, start, **how):
    """The minimum of a cost by SciPy, value and derivatives from the compiled function."""
    f = compiled(name)
    still = np.zeros_like(start)

    def value_and_gradient(theta):
        value, gradient, *_ = f(theta, still)
        return float(value), gradient

    found = minimize(value_and_gradient, start, jac=True, **how)
    assert found.success, found.message
    # What is left is less than the rounding of a cost of tens of thousands shows: one full step.
    _, gradient, _, hessian = f(found.x, still)
    found.x = found.x - np.linalg.solve(hessian, gradient)
    found.fun, gradient, _, hessian = f(found.x, still)
    return found, np.sqrt(np.diag(np.linalg.inv(hessian)))


def whole(name):
    """The Hessian for SciPy."""
    return {"hess": lambda theta: compiled(name)(theta, np.zeros_like(theta))[3]}


def products(name):
    """Products with the Hessian for SciPy."""
    return {"hessp": lambda theta, p: compiled(name)(theta, p)[2]}


def only_constant(size):
    """Coefficients of the model of counts in which only the constant counts."""
    start = np.zeros(size)
    start[0] = np.log(doctor_visits()[1].mean())
    return start


def same_digits(found, wanted, decimals):
    np.testing.assert_allclose(found, wanted, rtol=0.0, atol=0.6 * 10.0**-decimals)


@pytest.mark.parametrize(("method", "second"), [("trust-exact", whole), ("trust-ncg", products)])
def test_poisson_fit(method, second):
    options = {"gtol": 1e-2}
    found, errors = newton(
        "poisson", only_constant(10), method=method, options=options, **second("poisson")
    )
    same_digits(-found.fun, -62419.58856, 5)
    coefficients = "0.700353 -0.052535 -0.247087 0.035290 -0.034578 0.271714 0.033941 -0.012635"
    same_digits(found.x, [float(b) for b in f"{coefficients} 0.054056 0.206115".split()], 6)
    wanted = "0.011163 0.002884 0.010617 0.001828 0.001613 0.012239 0.000565 0.009251"
    same_digits(errors, [float(e) for e in f"{wanted} 0.015310 0.026279".split()], 6)


def test_negative_binomial_fit():
    name = "negative binomial"
    found, errors = newton(
        name, only_constant(11), method="trust-exact", options={"gtol": 1e-2}, **whole(name)
    )
    same_digits(-found.fun, -43383.66208, 5)
    coefficients = "0.663556 -0.057947 -0.267788 0.041206 -0.038138 0.268916 0.038164 -0.044134"
    same_digits(found.x[:-1], [float(b) for b in f"{coefficients} 0.017252 0.177961".split()], 6)
    same_digits(np.exp(found.x[-1]), 1.292953, 6)
    # Counts that vary more than Poisson's tell less about the mean.
    poisson = newton("poisson", only_constant(10), method="trust-exact", **whole("poisson"))[1]
    assert np.all(errors[:-1] > 1.5 * poisson)


def test_weibull_fit():
    """The same minimum as SciPy's distribution finds without any derivative."""
    found, errors = newton(
        "weibull", np.array([2.0, 0.0, 0.0]), method="trust-exact", **whole("weibull")
    )
    weeks, ended, treated = remission()

    def minus_log_likelihood(theta):
        times = weibull_min(c=np.exp(-theta[2]), scale=np.exp(theta[0] + theta[1] * treated))
        return -np.sum(np.where(ended > 0, times.logpdf(weeks), times.logsf(weeks)))

    options = {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 4000}
    simplex = minimize(minus_log_likelihood, [2.0, 0.0, 0.0], method="Nelder-Mead", options=options)
    np.testing.assert_allclose(found.fun, simplex.fun, rtol=1e-11)
    np.testing.assert_allclose(found.x, simplex.x, atol=1e-5)
    assert np.all((errors > 0.1) & (errors < 0.5))


def test_logistic_fit():
    found, _ = newton("logistic", np.zeros(31), method="trust-ncg", **products("logistic"))
    same_digits(found.fun, 37.75894596, 7)
    np.testing.assert_allclose(
        found.x[:4], [0.21450295, -0.36309271, -0.38767528, -0.35106230], atol=5e-6
    )
