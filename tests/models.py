"""Models as users write them: parameters in, one number out. Nothing is differentiated here.

Each is a negative log-likelihood or another cost on real data. What its derivatives must be stands
in ``data/models.npz``, made by ``benchmarks.models_in_jax``, which has formulas of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import numbagrad as ng
from numbagrad import demo
from numbagrad import tensor as T

HERE = Path(__file__).resolve().parent
RANDHIE = HERE.parent / "examples" / "data" / "randhie.csv.gz"


@dataclass(frozen=True)
class Model:
    """One model.

    Attributes
    ----------
    data
        ``data()`` gives the arrays.
    cost
        ``cost(theta, *data)`` gives the cost as an expression, the data being shared variables.
    at
        Parameters at which derivatives are taken, no minimum.
    """

    name: str
    data: Callable[[], tuple[np.ndarray, ...]]
    cost: Callable[..., Any]
    at: np.ndarray

    @property
    def direction(self) -> np.ndarray:
        """The vector that the Hessian is multiplied with."""
        return np.cos(1.0 + np.arange(self.at.size)).reshape(self.at.shape)

    def variables(self) -> tuple[Any, Any, Any]:
        """The parameters, a direction, and the cost."""
        theta, p = (T.tensor(name, dtype="float64", shape=(None,) * self.at.ndim) for name in "xp")
        return theta, p, self.cost(theta, *(ng.shared(array) for array in self.data()))


def waves(*shape: int, size: float = 0.3) -> np.ndarray:
    """Numbers without a pattern, the same everywhere."""
    return size * np.sin(1.0 + 2.0 * np.arange(np.prod(shape))).reshape(shape)


# -- data ------------------------------------------------------------------------------------


def with_constant(X: np.ndarray) -> np.ndarray:
    """A column of ones in front."""
    return np.column_stack([np.ones(len(X)), X])


@cache
def breast_cancer() -> tuple[np.ndarray, np.ndarray]:
    """Standardised features with a constant in front, and the classes."""
    X, y = demo.load()
    return with_constant(X), y


@cache
def doctor_visits() -> tuple[np.ndarray, np.ndarray]:
    """Nine covariates with a constant in front, and the counts of visits."""
    table = np.loadtxt(RANDHIE, delimiter=",", skiprows=1)
    return with_constant(table[:, 1:]), table[:, 0].copy()


@cache
def digits(images: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of some digits, shrunk to 4 × 4 pixels between 0 and 1, and one-hot classes."""
    table = np.loadtxt(HERE / "data" / "digits.csv.gz", delimiter=",")
    table = table[table[:, -1] < classes][:images]
    pixels = table[:, :-1].reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)) / 16.0
    return pixels.reshape(-1, 16), np.eye(classes)[table[:, -1].astype(int)]


@cache
def nile() -> tuple[np.ndarray, np.ndarray]:
    """Years from -1 to 1, and the flow of the Nile, standardised."""
    year, flow = np.loadtxt(HERE / "data" / "nile.csv", delimiter=",", skiprows=1).T
    return (year - 1920.5) / 49.5, (flow - flow.mean()) / flow.std()


@cache
def remission() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weeks of remission of leukemia, whether it ended, and whether the patient was treated.

    Freireich et al., Blood 21 (1963) 699-716, as tabulated by Gehan, Biometrika 52 (1965) 203-223.
    In the order of time, and of patients with the same time ended ones first.
    """
    ended_treated = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    going_on = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    control = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
    weeks = np.array([*ended_treated, *going_on, *control], dtype=float)
    ended = np.repeat([1.0, 0.0, 1.0], [9, 12, 21])
    group = np.repeat([1.0, 0.0], [21, 21])
    order = np.lexsort((group, -ended, weeks))
    return weeks[order], ended[order], group[order]


# -- costs -----------------------------------------------------------------------------------


def logistic(w, X, y):
    """Classes 0 and 1, weights penalised, the first one not."""
    z = T.dot(X, w)
    return T.sum(T.log(1.0 + T.exp(z)) - y * z) + 0.5 * T.sum(w[1:] ** 2)


def softmax(W, X, Y):
    """Several classes; the weights are a matrix."""
    return -T.sum(Y * T.log(T.softmax(T.dot(X, W), axis=1))) + 0.05 * T.sum(W**2)


def poisson(beta, X, y):
    """Counts."""
    eta = T.dot(X, beta)
    return -T.sum(y * eta - T.exp(eta) - T.gammaln(y + 1.0))


def negative_binomial(theta, X, y):
    """Counts of variance μ + αμ²; log α comes last."""
    eta, size = T.dot(X, theta[:-1]), T.exp(-theta[-1])
    both = T.log(size + T.exp(eta))
    binomial = T.gammaln(y + size) - T.gammaln(size) - T.gammaln(y + 1.0)
    return -T.sum(binomial + size * (T.log(size) - both) + y * (eta - both))


def network(theta, X, Y):
    """One hidden layer of four; weights and biases are cut out of one vector."""
    W, b = theta[:64].reshape((16, 4)), theta[64:68]
    V, c = theta[68:80].reshape((4, 3)), theta[80:]
    z = T.dot(T.tanh(T.dot(X, W) + b), V) + c
    return T.mean(T.log(T.sum(T.exp(z), axis=1)) - T.sum(Y * z, axis=1))


def mixture(theta, years, flow):
    """Three normal densities: unnormalised log weights, means, log standard deviations."""
    weights, means, log_sd = T.log_softmax(theta[:3]), theta[3:6], theta[6:]
    z = (flow[:, None] - means) / T.exp(log_sd)
    return -T.sum(T.logsumexp(weights - log_sd - 0.5 * z**2, axis=1)) + T.mean(means**4)


def rosenbrock(x):
    """A narrow curved valley."""
    return T.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def student_t(theta, year, flow):
    """A line through outliers: intercept, slope, log scale, log degrees of freedom."""
    nu = T.exp(theta[3])
    z = (flow - theta[0] - theta[1] * year) / T.exp(theta[2])
    constant = T.gammaln((nu + 1.0) / 2.0) - T.gammaln(nu / 2.0) - 0.5 * T.log(nu * np.pi)
    return -T.sum(constant - theta[2] - 0.5 * (nu + 1.0) * T.log1p(z**2 / nu))


def gaussian_process(theta, year, flow):
    """The marginal likelihood of a smooth curve: logs of amplitude, length and noise."""
    apart = (year[:, None] - year[None, :]) / T.exp(theta[1])
    kernel = T.exp(2.0 * theta[0] - 0.5 * apart**2)
    L = T.linalg.cholesky(kernel + T.exp(2.0 * theta[2]) * T.eye(year.shape[0]))
    z = T.linalg.solve_triangular(L, flow, lower=True)
    return 0.5 * T.sum(z**2) + T.sum(T.log(T.diag(L)))


def weibull(theta, weeks, ended, treated):
    """Times until an end that may not have come: intercept, effect, log scale."""
    z = (T.log(weeks) - theta[0] - theta[1] * treated) / T.exp(theta[2])
    return -T.sum(ended * (z - theta[2] - T.log(weeks)) - T.exp(z))


def cox(beta, weeks, ended, treated, first):
    """Proportional hazards, ties by Breslow: effects of the treatment and, made up, of its half."""
    risk = beta[0] * treated + beta[1] * treated * T.log(weeks)
    at_risk = T.cumsum(T.exp(risk)[::-1])[::-1]
    return -T.sum(ended * (risk - T.log(at_risk[first]))) + 0.1 * T.sum(beta**2)


def tied() -> tuple[np.ndarray, ...]:
    """The times of remission, and for each patient the first one of the same time."""
    weeks, ended, treated = remission()
    return weeks, ended, treated, np.searchsorted(weeks, weeks)


def early_nile() -> tuple[np.ndarray, np.ndarray]:
    """Forty years of `nile`."""
    year, flow = nile()
    return year[:40], flow[:40]


MODELS = {
    model.name: model
    for model in (
        Model("logistic", breast_cancer, logistic, waves(31)),
        Model("softmax", lambda: digits(150, 4), softmax, waves(16, 4)),
        Model("poisson", doctor_visits, poisson, waves(10, size=0.1)),
        Model("negative binomial", doctor_visits, negative_binomial, waves(11, size=0.1)),
        Model("network", lambda: digits(100, 3), network, waves(83, size=0.8)),
        Model("mixture", nile, mixture, np.array([0.3, -0.2, 0.1, -1, 0, 1.2, -0.5, -0.3, -0.6])),
        Model("rosenbrock", tuple, rosenbrock, waves(12, size=1.2)),
        Model("student t", nile, student_t, np.array([0.1, -0.4, -0.3, 1.1])),
        Model("gaussian process", early_nile, gaussian_process, np.array([-0.1, -1.2, -0.4])),
        Model("weibull", remission, weibull, np.array([2.0, 1.0, -0.2])),
        Model("cox", tied, cox, np.array([-0.8, 0.2])),
    )
}
