"""GARCH(1,1) by maximum likelihood, with standard errors from the Hessian through the loop.

Daily returns of a share index: the variance of a day follows from the squared residual and the
variance of the day before. The recursion is a scan; one compiled function returns the negative
log-likelihood with its gradient, another its Hessian. The data and where they come from:
examples/data/README.md.
"""

import gzip
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

import numbagrad as ng
from numbagrad import tensor as T

DATA = Path(__file__).parent / "data" / "sp500.csv.gz"

NAMES = ["mu", "omega", "alpha", "beta"]


class Fit(NamedTuple):
    """Where the likelihood is largest, and how sharp it is there."""

    log_likelihood: float
    parameters: np.ndarray
    standard_errors: np.ndarray


def load():
    """Daily returns of the adjusted closing price, in percent."""
    with gzip.open(DATA, "rt", encoding="utf-8") as file:
        prices = np.loadtxt(file, delimiter=",", skiprows=1, usecols=5)
    return 100 * (prices[1:] / prices[:-1] - 1)


def backcast(returns, days=75, decay=0.94):
    """A variance for the day before the first: early squares, the earliest with most weight."""
    weights = decay ** np.arange(days)
    squares = (returns[:days] - returns.mean()) ** 2
    return float(weights @ squares / weights.sum())


def negative_log_likelihood(theta, returns, before):
    """The loop: residuals in, the variance of each day out."""
    mu, omega, alpha, beta = (theta[k] for k in range(4))
    residual = returns - mu
    residual.name = "residual"

    def step(residual, square, variance):
        variance = omega + alpha * square + beta * variance
        variance.name = "variance"
        return residual**2, variance

    (_, variance), _ = ng.scan(step, sequences=residual, outputs_info=[before, before])
    return 0.5 * T.sum(np.log(2 * np.pi) + T.log(variance) + residual**2 / variance)


def compile_model(returns):
    """Functions of the parameters: value and gradient, and the Hessian."""
    theta = T.dvector("theta")
    r = ng.shared(returns, name="returns")
    loss = negative_log_likelihood(theta, r, backcast(returns))
    value_and_gradient = ng.function([theta], [loss, ng.grad(loss, theta)], name="garch")
    hessian = ng.function([theta], ng.hessian(loss, theta), name="garch_hessian")
    return value_and_gradient, hessian


def fit(value_and_gradient, hessian, start):
    """L-BFGS within the bounds of a variance, then Newton steps for the last digits."""
    found = minimize(
        value_and_gradient,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(None, None), (1e-6, None), (0, 1), (0, 1)],
    )
    theta = found.x
    for _ in range(3):
        theta = theta - np.linalg.solve(hessian(theta), value_and_gradient(theta)[1])
    errors = np.sqrt(np.diag(np.linalg.inv(hessian(theta))))
    return Fit(-float(value_and_gradient(theta)[0]), theta, errors)


def start_of(returns):
    """The mean, and a variance that remembers much."""
    return np.array([returns.mean(), 0.05 * returns.var(), 0.1, 0.85])


def main():
    """Fit the model and print its table."""
    returns = load()
    found = fit(*compile_model(returns), start_of(returns))
    print(f"{len(returns)} returns, log-likelihood {found.log_likelihood:.4f}\n")
    print(f"{'':8}{'estimate':>10}{'std. error':>12}")
    for name, value, error in zip(NAMES, found.parameters, found.standard_errors, strict=True):
        print(f"{name:8}{value:10.6f}{error:12.6f}")


if __name__ == "__main__":
    main()
