"""Poisson regression with standard errors, by Newton's method.

Counts of visits to a doctor, explained by nine covariates and a constant: the log-likelihood is
written down once; one compiled function returns it with its gradient and its Hessian. The data and
where they come from: examples/data/README.md.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

import numbagrad as ng
from numbagrad import tensor as T

DATA = Path(__file__).parent / "data" / "randhie.csv.gz"


class Fit(NamedTuple):
    """Where the log-likelihood is largest, and how sharp it is there."""

    log_likelihood: float
    coefficients: np.ndarray
    standard_errors: np.ndarray
    steps: int


def load():
    """The names of the regressors, the regressors (constant first) and the counts."""
    table = np.loadtxt(DATA, delimiter=",", skiprows=1)
    names = np.loadtxt(DATA, delimiter=",", max_rows=1, dtype=str)
    X = np.column_stack([np.ones(len(table)), table[:, 1:]])
    return ["constant", *names[1:].tolist()], X, table[:, 0].copy()


def compile_model(regressors, counts):
    """A function of the coefficients: the log-likelihood, its gradient and its Hessian."""
    X, y = ng.shared(regressors, name="X"), ng.shared(counts, name="y")
    beta = T.dvector("beta")
    eta = T.dot(X, beta)
    log_likelihood = T.sum(y * eta - T.exp(eta) - T.gammaln(y + 1))
    gradient = ng.grad(log_likelihood, beta)
    hessian = ng.hessian(log_likelihood, beta)
    return ng.function([beta], [log_likelihood, gradient, hessian], name="poisson")


def fit(model, start, tolerance=1e-10, most_steps=50):
    """Newton's method: the log-likelihood is concave, so that the full step leads to its top."""
    beta = np.array(start, dtype=float)
    for steps in range(most_steps):
        value, gradient, hessian = model(beta)
        step = np.linalg.solve(hessian, gradient)
        if gradient @ -step < tolerance:  # twice what is left to be gained
            errors = np.sqrt(np.diag(np.linalg.inv(-hessian)))
            return Fit(float(value), beta, errors, steps)
        beta = beta - step
    raise RuntimeError(f"No maximum after {most_steps} Newton steps")


def start_of(counts, size):
    """Coefficients of the model in which only the constant counts."""
    return np.concatenate([[np.log(counts.mean())], np.zeros(size - 1)])


def main():
    """Fit the model and print its table."""
    names, X, y = load()
    model = compile_model(X, y)
    found = fit(model, start_of(y, len(names)))
    print(f"{len(y)} people, log-likelihood {found.log_likelihood:.5f}, {found.steps} steps\n")
    print(f"{'':10}{'coefficient':>12}{'std. error':>12}{'z':>9}")
    for name, b, error in zip(names, found.coefficients, found.standard_errors, strict=True):
        print(f"{name:10}{b:12.6f}{error:12.6f}{b / error:9.2f}")


if __name__ == "__main__":
    main()
