"""The examples run as scripts and reach the known answers.

Every answer below was computed by an independent package on the same file.
"""

import importlib.util
import itertools
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import gammaln, softmax

import numbagrad
from numbagrad import demo

pytestmark = pytest.mark.newest("models of these kinds are in test_gradient_models")

SIMPLIFIED = pytest.mark.holds_at("it is about what is simplified", optimize="default")

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

#: What each script has to print.
SCRIPTS = {
    "asian_option": ["price 5.8808 ± 0.0571   delta 0.5918   vega 22.094", "0.26 0.59 0.84"],
    "garch": ["5030 returns, log-likelihood -6936.7185", "beta      0.885206"],
    "hidden_markov": ["log-likelihood of the truth -1324.123"],
    "kalman_filter": ["irregular 15099, level 1469"],
    "lotka_volterra": ["simulated with 0.8000"],
    "mlp_digits": ["] epoch 15   loss 0.0", "of 449 images that it has not seen are read"],
    "newton": ["E - e sin E = 0.300000000000", "dE/dM = 1.5352099195"],
    "logistic_regression": ["objective 37.75894596, accuracy 0.98770"],
    "poisson_regression": ["log-likelihood -62419.58856", "hlthp         0.206115    0.026279"],
    "theano_tutorial": ["((fill((x ** 2), 1.0) * 2) * (x ** (2 - 1)))", "(2.0 * x)", "188.4"],
}


def load(name):
    """The example as a module; examples/ is no package and is not installed."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(*arguments):
    """What a fresh interpreter prints, in which every warning is an error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "utf8", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_is_run_here():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(SCRIPTS)


@pytest.mark.parametrize(
    "name", [pytest.param(s, marks=SIMPLIFIED if s == "theano_tutorial" else ()) for s in SCRIPTS]
)
def test_script(name):
    printed = run(str(EXAMPLES / f"{name}.py"))
    for text in SCRIPTS[name]:
        assert text in printed


class TestMainJob:
    def test_prints_answer_source_and_seconds(self, capsys):
        demo.main()
        printed = capsys.readouterr().out
        assert "objective    37.75894596   independent answer 37.75894596" in printed
        assert "accuracy     0.98770" in printed
        assert "def logistic(theta, p, X, y):" in printed
        assert "return loss, gradient, curvature" in printed
        for word in ("from the formula to the compiled function", "typing", "NumPy", "numbagrad"):
            assert word in printed

    def test_a_wrong_objective_is_no_success(self, monkeypatch, capsys):
        monkeypatch.setattr(demo, "ANSWER", demo.ANSWER + 1.0)
        monkeypatch.setattr(demo, "_print_seconds", lambda *_: None)
        with pytest.raises(SystemExit, match="differs from the answer"):
            demo.main()
        assert "objective" in capsys.readouterr().out

    def test_module_runs(self):
        assert "37.75894596" in run("-m", "numbagrad")


@pytest.fixture(scope="module")
def logistic():
    X, y = demo.load()
    compiled = demo.compile_model(X, y)
    return X, y, compiled, demo.fit(X, y, compiled)


class TestLogisticRegression:
    def test_answers(self, logistic):
        found = logistic[3]
        assert round(found.objective, 8) == 37.75894596
        assert round(found.accuracy, 5) == 0.98770
        # The independent fit stopped some 2e-7 before the minimum, where the objective already
        # had all its digits; test_minimum shows that ours is the nearer one.
        np.testing.assert_allclose(found.intercept, 0.21450295, atol=5e-7)
        np.testing.assert_allclose(
            found.weights[:3], [-0.36309271, -0.38767528, -0.35106230], atol=5e-7
        )

    def test_minimum(self, logistic):
        X, y, _, found = logistic
        theta = found.theta
        _, gradient, _ = demo.in_numpy(X, y, theta, theta)
        assert np.abs(gradient).max() < 1e-7
        assert found.slope < 1e-7
        columns = [demo.in_numpy(X, y, theta, e)[2] for e in np.eye(theta.size)]
        assert np.abs(np.linalg.solve(np.column_stack(columns), gradient)).max() < 1e-8

    def test_same_as_by_hand(self, logistic):
        X, y, compiled, _ = logistic
        rng = np.random.default_rng(0)
        theta, p = rng.normal(size=(2, 31))
        for ours, numpys in zip(compiled(theta, p), demo.in_numpy(X, y, theta, p), strict=True):
            np.testing.assert_allclose(ours, numpys, rtol=1e-12, atol=1e-12)

    @SIMPLIFIED
    @pytest.mark.holds_at("rows for several threads are functions", parallel=False)
    def test_one_function_one_sweep(self, logistic):
        X, y, *_ = logistic
        source = demo.compile_model(X, y).source
        assert source.count("def ") == 1
        rows = re.search(r"(\w+), \w+ = X\.shape", source)[1]
        assert len(re.findall(rf"for \w+ in range\((0, )?{rows}(, \w+)?\):", source)) == 1

    @SIMPLIFIED
    def test_far_from_the_minimum_all_is_finite(self, logistic):
        X, y, *_ = logistic
        theta = np.full(31, 1e3)
        assert all(np.isfinite(part).all() for part in demo.compile_model(X, y)(theta, theta))

    def test_standard_errors(self, logistic):
        X, y, compiled, found = logistic
        errors = load("logistic_regression").standard_errors(compiled, found)
        s = 1 / (1 + np.exp(-(X @ found.weights + found.intercept)))
        A = np.column_stack([np.ones(len(y)), X])
        hessian = A.T @ (A * (s * (1 - s))[:, None]) + np.diag([0.0] + [1.0] * 30)
        np.testing.assert_allclose(errors, np.sqrt(np.diag(np.linalg.inv(hessian))), rtol=1e-10)

    def test_held_out_leaves_the_data_as_they_were(self, logistic):
        X, y, compiled, found = logistic
        accuracy = load("logistic_regression").held_out_accuracy(compiled, X, y)
        assert 0.93 < accuracy < 0.98
        assert round(float(compiled(found.theta, found.theta)[0]), 8) == 37.75894596

    def test_verdict(self, logistic):
        X, _, _, found = logistic
        verdict = load("logistic_regression").compile_verdict(found)
        probability, slope = verdict(X[541])
        s = 1 / (1 + np.exp(-(X[541] @ found.weights + found.intercept)))
        np.testing.assert_allclose(probability, s, rtol=1e-12)
        np.testing.assert_allclose(slope, s * (1 - s) * found.weights, rtol=1e-12)


@pytest.fixture(scope="module")
def poisson():
    return load("poisson_regression")


@pytest.fixture(scope="module")
def model(poisson):
    _, X, y = poisson.load()
    return poisson.compile_model(X, y)


class TestPoissonRegression:
    COEFFICIENTS = [
        *[0.700353, -0.052535, -0.247087, 0.035290, -0.034578],
        *[0.271714, 0.033941, -0.012635, 0.054056, 0.206115],
    ]
    STANDARD_ERRORS = [
        *[0.011163, 0.002884, 0.010617, 0.001828, 0.001613],
        *[0.012239, 0.000565, 0.009251, 0.015310, 0.026279],
    ]

    def test_data(self, poisson):
        names, X, y = poisson.load()
        assert X.shape == (20190, 10) and y.shape == (20190,)
        assert names[:3] == ["constant", "lncoins", "idp"] and names[-1] == "hlthp"

    def test_answers(self, poisson, model):
        names, _, y = poisson.load()
        found = poisson.fit(model, poisson.start_of(y, len(names)))
        assert round(found.log_likelihood, 5) == -62419.58856
        assert found.coefficients.round(6).tolist() == self.COEFFICIENTS
        assert found.standard_errors.round(6).tolist() == self.STANDARD_ERRORS

    def test_derivatives_by_hand(self, poisson, model):
        _, X, y = poisson.load()
        beta = np.array(self.COEFFICIENTS)
        value, gradient, hessian = model(beta)
        mu = np.exp(X @ beta)
        by_hand = np.sum(y * (X @ beta) - mu - gammaln(y + 1))
        np.testing.assert_allclose(value, by_hand, rtol=1e-12)
        np.testing.assert_allclose(gradient, X.T @ (y - mu), atol=1e-6)
        np.testing.assert_allclose(hessian, -(X.T * mu) @ X, rtol=1e-10)

    def test_too_few_steps_are_an_error(self, poisson, model):
        _, _, y = poisson.load()
        with pytest.raises(RuntimeError, match="No maximum after 2 Newton steps"):
            poisson.fit(model, poisson.start_of(y, 10), most_steps=2)


def finite_differences(f, x, h=1e-6):
    """Central differences of a scalar or of an array, along each element of x."""
    columns = []
    for e in np.eye(len(x)) * h:
        columns.append((f(x + e) - f(x - e)) / (2 * h))
    return np.array(columns).T


@pytest.fixture(scope="module")
def garch():
    module = load("garch")
    returns = module.load()
    value_and_gradient, hessian = module.compile_model(returns)
    found = module.fit(value_and_gradient, hessian, module.start_of(returns))
    return module, returns, value_and_gradient, hessian, found


class TestGarch:
    def test_answers(self, garch):
        _, returns, *_, found = garch
        assert len(returns) == 5030
        assert round(found.log_likelihood, 4) == -6936.7185
        assert found.parameters.round(6).tolist() == [0.056353, 0.017507, 0.102150, 0.885206]

    def test_likelihood_as_a_plain_loop(self, garch):
        module, returns, value_and_gradient, *_ = garch
        before = module.backcast(returns)

        def loss(theta):
            mu, omega, alpha, beta = theta
            square, variance, total = before, before, 0.0
            for r in returns:
                variance = omega + alpha * square + beta * variance
                square = (r - mu) ** 2
                total += 0.5 * (np.log(2 * np.pi * variance) + square / variance)
            return total

        theta = np.array([0.05, 0.02, 0.1, 0.87])
        value, gradient = value_and_gradient(theta)
        np.testing.assert_allclose(value, loss(theta), rtol=1e-11)
        np.testing.assert_allclose(gradient, finite_differences(loss, theta), rtol=1e-5)

    def test_hessian_and_standard_errors(self, garch):
        _, _, value_and_gradient, hessian, found = garch
        theta = found.parameters
        np.testing.assert_allclose(value_and_gradient(theta)[1], 0, atol=1e-6)
        H = hessian(theta)
        numeric = finite_differences(lambda t: value_and_gradient(t)[1], theta)
        np.testing.assert_allclose(H, numeric, rtol=1e-5, atol=1e-6 * np.abs(H).max())
        errors = np.sqrt(np.diag(np.linalg.inv(numeric)))
        np.testing.assert_allclose(found.standard_errors, errors, rtol=1e-5)


class TestKalmanFilter:
    def test_answers(self):
        module = load("kalman_filter")
        years, flows = module.load()
        assert (years[0], years[-1], len(flows)) == (1871, 1970, 100)
        found = module.fit(*module.compile_model(flows))
        np.testing.assert_allclose([found.irregular, found.level], [15099, 1469.1], rtol=2e-4)

    def test_filter_by_the_joint_density(self):
        # Observations given the first are jointly normal: the same likelihood without a filter.
        module = load("kalman_filter")
        _, flows = module.load()
        value_and_gradient, level = module.compile_model(flows)
        irregular, walk = 2e4, 900.0
        steps = np.arange(1, len(flows))
        covariance = irregular * (np.eye(len(steps)) + 1) + walk * np.minimum.outer(steps, steps)
        apart = flows[1:] - flows[0]
        quadratic = apart @ np.linalg.solve(covariance, apart)
        _, determinant = np.linalg.slogdet(2 * np.pi * covariance)
        logs = np.log([irregular, walk])
        value, gradient = value_and_gradient(logs)
        np.testing.assert_allclose(value, 0.5 * (quadratic + determinant), rtol=1e-10)
        numeric = finite_differences(lambda t: value_and_gradient(t)[0], logs)
        np.testing.assert_allclose(gradient, numeric, rtol=1e-5)
        assert level(logs).shape == (99,)


class TestHiddenMarkov:
    def test_all_histories_summed(self):
        module = load("hidden_markov")
        model = module.compile_model()
        theta = np.random.default_rng(0).normal(size=10)
        rows = softmax(theta.reshape(5, 2), axis=1)
        first, exchange, emission = rows[0], rows[1:3], rows[3:5]
        seen = module.simulate(8)
        total = 0.0
        for states in itertools.product(range(2), repeat=len(seen)):
            p = first[states[0]] * emission[states[0], seen[0]]
            for a, b, symbol in zip(states, states[1:], seen[1:], strict=False):
                p *= exchange[a, b] * emission[b, symbol]
            total += p
        value, gradient = model(theta, seen)
        np.testing.assert_allclose(value, -np.log(total), rtol=1e-12)
        numeric = finite_differences(lambda t: model(t, seen)[0], theta)
        np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-8)

    def test_parameters_there_and_back(self):
        module = load("hidden_markov")
        theta = module.pack(module.FIRST, module.EXCHANGE, module.SEEN)
        parts = [v.eval() for v in module.unpack(numbagrad.constant(theta))]
        for ours, truth in zip(parts, [module.FIRST, module.EXCHANGE, module.SEEN], strict=True):
            np.testing.assert_allclose(ours, truth)


class TestLotkaVolterra:
    def test_solution(self):
        module = load("lotka_volterra")
        births, catches, growth, deaths = module.RATES

        def slope(_, state):
            hares, lynxes = state
            return [(births - catches * lynxes) * hares, (growth * hares - deaths) * lynxes]

        states = module.compile_solver()(module.RATES, module.START, 1000)
        times = module.STEP * np.arange(1, 1001)
        want = solve_ivp(slope, (0, times[-1]), module.START, t_eval=times, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(states, want.y.T, rtol=1e-6)

    def test_rates(self):
        module = load("lotka_volterra")
        observed = module.simulate(module.compile_solver())
        misfit = module.compile_misfit(observed)
        logs = np.log(module.RATES * [1.05, 0.95, 1.05, 0.95])
        numeric = finite_differences(lambda t: misfit(t)[0], logs)
        np.testing.assert_allclose(misfit(logs)[1], numeric, rtol=1e-5)
        rates, _ = module.fit(misfit, module.RATES * [1.1, 0.9, 1.1, 0.9])
        np.testing.assert_allclose(rates, module.RATES, rtol=0.03)


class TestNewton:
    @pytest.mark.parametrize(("mean", "eccentricity"), [(0.3, 0.967), (2.5, 0.2), (0.01, 0.99)])
    def test_solution_and_derivative(self, mean, eccentricity):
        E, derivative, approximations = load("newton").compile_solver()(mean, eccentricity)
        np.testing.assert_allclose(E - eccentricity * np.sin(E), mean, atol=1e-13)
        np.testing.assert_allclose(derivative, 1 / (1 - eccentricity * np.cos(E)), rtol=1e-9)
        assert 2 < len(approximations) < 30 and approximations[-1] == E


class TestTheanoTutorial:
    @SIMPLIFIED
    def test_square(self):
        derived, compiled, at_4, at_94 = load("theano_tutorial").square()
        assert derived == "((fill((x ** 2), 1.0) * 2) * (x ** (2 - 1)))"
        assert compiled == "(2.0 * x)"
        assert (at_4, at_94) == (8.0, 188.4)

    def test_logistic(self):
        np.testing.assert_allclose(
            load("theano_tutorial").logistic(),
            [[0.25, 0.19661193], [0.19661193, 0.10499359]],
            atol=5e-9,
        )


def test_asian_option_on_the_same_paths():
    """NumPy with the same seed: price and derivatives of S = S0 exp((r - v²/2) t + v W) by hand."""
    example = load("asian_option")
    made = example.compile_price(seed=7)(100.0, 95.0, 0.03, 0.3, 2.0)
    (sequence,) = np.random.SeedSequence(7).spawn(1)
    z = np.random.default_rng(sequence).standard_normal((example.STEPS, example.PATHS))
    dt = 2.0 / example.STEPS
    t, w = dt * np.arange(1, example.STEPS + 1)[:, None], np.sqrt(dt) * z.cumsum(axis=0)
    paths = 100.0 * np.exp((0.03 - 0.3**2 / 2) * t + 0.3 * w)
    average, discount = paths.mean(axis=0), np.exp(-0.03 * 2.0)
    paid = average > 95.0
    price = discount * np.maximum(average - 95.0, 0.0)
    vega = discount * paid * (paths * (w - 0.3 * t)).mean(axis=0)
    want = [price.mean(), (discount * paid * average / 100.0).mean(), vega.mean()]
    np.testing.assert_allclose(made[:3], want, rtol=1e-10)
    np.testing.assert_allclose(made[3], price.std() / np.sqrt(example.PATHS), rtol=1e-10)


def test_a_network_learns_to_read_digits():
    example = load("mlp_digits")
    X, y = example.load()
    held_out = np.arange(len(y)) % 4 == 3
    seen = []
    network = example.fit(
        X[~held_out], y[~held_out], epochs=8, report=lambda *state: seen.append(state)
    )
    assert (network.predict(X[held_out]) == y[held_out]).mean() > 0.95
    assert [state[:2] for state in seen] == [(k, 8) for k in range(1, 9)]
    assert float(seen[-1][2].split()[-1]) < 0.1
