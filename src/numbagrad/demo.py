"""The main job: penalised logistic regression on real data, from the formula to the fit.

Run as ``python -m numbagrad``. Loss, gradient and Hessian-vector product are one compiled function;
the data are the Wisconsin diagnostic breast cancer measurements that the package ships.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from scipy.optimize import minimize

from . import tensor as T
from .function import Function, function, shared
from .gradient import grad, hessian_vector_product

__all__ = ["ANSWER", "Fit", "compile_model", "fit", "in_numpy", "load", "main"]

#: The smallest objective, computed on the same data by an independent package.
ANSWER = 37.75894596


@dataclass(frozen=True)
class Fit:
    """A fitted model.

    Attributes
    ----------
    objective : float
        The penalised negative log-likelihood.
    intercept : float
    weights : ndarray
        One for each standardised feature.
    accuracy : float
        The share of training samples that it classifies rightly.
    steps : int
        Iterations of the optimiser.
    slope : float
        The largest element of the gradient where the optimiser stopped: 0 at a minimum.
    """

    objective: float
    intercept: float
    weights: np.ndarray
    accuracy: float
    steps: int
    slope: float

    @property
    def theta(self) -> np.ndarray:
        """The parameters as the compiled function takes them."""
        return np.concatenate([[self.intercept], self.weights])


def load() -> tuple[np.ndarray, np.ndarray]:
    """The features, standardised by the population's standard deviation, and the classes.

    Returns
    -------
    X : ndarray of shape (569, 30)
    y : ndarray of shape (569,)
        1 for benign, 0 for malignant.
    """
    file = resources.files("numbagrad") / "data" / "breast_cancer.csv"
    with file.open() as lines:
        table = np.loadtxt(lines, delimiter=",", skiprows=1)
    X, y = np.ascontiguousarray(table[:, :-1]), table[:, -1].copy()
    return (X - X.mean(axis=0)) / X.std(axis=0), y


def compile_model(features: np.ndarray, classes: np.ndarray) -> Function:
    """One function of the parameters and a direction: loss, gradient, Hessian times direction.

    The loss is ``sum(log(1 + exp(z)) - y*z) + 0.5*sum(w**2)`` with ``z = X @ w + intercept``: minus
    the log-likelihood, and a penalty on the weights but not on the intercept.

    Parameters
    ----------
    features : ndarray of shape (n, d)
        Held by the shared variable ``X`` of the function, which can be given other data later.
    classes : ndarray of shape (n,)
        0 or 1 for each row of ``features``; held by the shared variable ``y``.

    Returns
    -------
    Function
        Of ``theta`` (intercept, then d weights) and ``p``, both of shape (d + 1,).
    """
    X, y = shared(features, name="X"), shared(classes, name="y")
    theta, p = T.dvector("theta"), T.dvector("p")
    weights = theta[1:]
    z = T.dot(X, weights) + theta[0]
    loss = T.sum(T.log(1 + T.exp(z)) - y * z) + 0.5 * T.sum(weights**2)
    loss.name = "loss"
    gradient = grad(loss, theta)
    curvature = hessian_vector_product(loss, theta, p)
    gradient.name, curvature.name = "gradient", "curvature"
    return function([theta, p], [loss, gradient, curvature], name="logistic")


def in_numpy(X: np.ndarray, y: np.ndarray, theta: np.ndarray, p: np.ndarray) -> list[Any]:
    """The three results of `compile_model`'s function, derived and written by hand in NumPy."""
    weights, z = theta[1:], X @ theta[1:] + theta[0]
    loss = np.sum(np.logaddexp(0.0, z) - y * z) + 0.5 * weights @ weights
    s = 1.0 / (1.0 + np.exp(-z))
    r = s - y
    gradient = np.concatenate([[r.sum()], X.T @ r + weights])
    h = s * (1.0 - s) * (X @ p[1:] + p[0])
    return [loss, gradient, np.concatenate([[h.sum()], X.T @ h + p[1:]])]


def fit(X: np.ndarray, y: np.ndarray, compiled: Function) -> Fit:
    """Minimise the loss with SciPy's Newton-CG.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    y : ndarray of shape (n,)
        The data that ``compiled`` holds.
    compiled : Function
        What `compile_model` made of them.

    Returns
    -------
    Fit
    """
    start = np.zeros(X.shape[1] + 1)
    still = np.zeros_like(start)
    found = minimize(
        lambda theta: float(compiled(theta, still)[0]),
        start,
        jac=lambda theta: compiled(theta, still)[1],
        hessp=lambda theta, p: compiled(theta, p)[2],
        method="Newton-CG",
        options={"xtol": 1e-10},
    )
    intercept, weights = float(found.x[0]), found.x[1:]
    right = (X @ weights + intercept > 0) == (y > 0.5)
    slope = float(np.abs(found.jac).max())
    return Fit(float(found.fun), intercept, weights, float(right.mean()), int(found.nit), slope)


def _best_seconds(call: Any, arguments: tuple[Any, ...]) -> float:
    """The shortest of many calls."""
    best = float("inf")
    for _ in range(300):
        begin = time.perf_counter()
        call(*arguments)
        best = min(best, time.perf_counter() - begin)
    return best


def _print_fit(found: Fit) -> None:
    print(f"objective    {found.objective:.8f}   independent answer {ANSWER:.8f}")
    print(f"intercept    {found.intercept:.8f}")
    print(f"w[:3]        {', '.join(f'{w:.8f}' for w in found.weights[:3])}")
    print(f"accuracy     {found.accuracy:.5f}")
    print(f"gradient     {found.slope:.1e} at most, after {found.steps} Newton steps\n")


def _print_seconds(compiled: Function, X: np.ndarray, y: np.ndarray, found: Fit) -> None:
    """A call beside the same three results in NumPy."""
    p = np.linspace(-1.0, 1.0, found.theta.size)
    ours = _best_seconds(compiled, (found.theta, p))
    numpys = _best_seconds(in_numpy, (X, y, found.theta, p))
    print("loss, gradient and Hessian-vector product, best of 300 calls:")
    print(f"  numbagrad  {ours * 1e6:8.1f} microseconds")
    print(f"  NumPy      {numpys * 1e6:8.1f} microseconds   ({numpys / ours:.1f} times as long)")


def main() -> None:
    """Fit the model and print what came of it.

    Raises
    ------
    SystemExit
        If the objective reached is not the independent answer: then this installation computes
        wrongly.
    """
    X, y = load()
    print(f"Breast cancer data: {X.shape[0]} samples, {X.shape[1]} standardised features\n")
    begin = time.perf_counter()
    compiled = compile_model(X, y)
    seconds = time.perf_counter() - begin
    print(compiled.source)
    found = fit(X, y, compiled)
    _print_fit(found)
    print(f"from the formula to the compiled function: {seconds:.2f} s, of this")
    print(compiled.compile_report(), end="\n\n")
    _print_seconds(compiled, X, y, found)
    if not abs(found.objective - ANSWER) < 1e-7:
        raise SystemExit(f"The objective differs from the answer by {found.objective - ANSWER:.1e}")
