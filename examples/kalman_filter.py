"""The local level model of the Nile's annual flow, by a Kalman filter in a loop.

The level walks at random and is observed with noise. Both variances are where the likelihood is
largest, which the filter computes as it goes; the first observation starts it. The model and the
answers: J. Durbin and S. J. Koopman, Time Series Analysis by State Space Methods, 2001, chapter 2.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

import numbagrad as ng
from numbagrad import tensor as T

DATA = Path(__file__).parent / "data" / "nile.csv"


class Fit(NamedTuple):
    """The variances, and what the filter says of the level with them."""

    irregular: float
    level: float
    log_likelihood: float
    filtered: np.ndarray


def load():
    """Years and flows."""
    years, flows = np.loadtxt(DATA, delimiter=",", skiprows=1).T
    return years.astype(int), flows


def kalman_filter(y, irregular, level):
    """The log-likelihood of each observation but the first, and the level it leads to."""

    def step(observed, mean, variance):
        spread = variance + irregular
        surprise = observed - mean
        gain = variance / spread
        log_density = -0.5 * (np.log(2 * np.pi) + T.log(spread) + surprise**2 / spread)
        return mean + gain * surprise, variance * (1 - gain) + level, log_density

    start = [y[0], irregular + level, None]  # all that the first observation says
    (means, _, log_densities), _ = ng.scan(step, sequences=y[1:], outputs_info=start)
    return log_densities, means


def compile_model(flows):
    """A function of the logarithms of both variances, and one of the level."""
    y = ng.shared(flows, name="flow")
    logs = T.dvector("logs")
    log_densities, means = kalman_filter(y, T.exp(logs[0]), T.exp(logs[1]))
    loss = -T.sum(log_densities)
    value_and_gradient = ng.function([logs], [loss, ng.grad(loss, logs)], name="nile")
    return value_and_gradient, ng.function([logs], means, name="level")


def fit(value_and_gradient, level):
    """The maximum, from a start at the variance of the flows themselves."""
    start = np.log([1e4, 1e4])
    found = minimize(value_and_gradient, start, jac=True, method="BFGS", options={"gtol": 1e-9})
    irregular, walk = np.exp(found.x)
    return Fit(irregular, walk, -found.fun, level(found.x))


def main():
    """Fit the model and print what it says."""
    years, flows = load()
    found = fit(*compile_model(flows))
    print(f"irregular {found.irregular:.0f}, level {found.level:.1f}")
    print(f"log-likelihood {found.log_likelihood:.4f}")
    print(f"level in {years[-1]}: {found.filtered[-1]:.1f}")


if __name__ == "__main__":
    main()
