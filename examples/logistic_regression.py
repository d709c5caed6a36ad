"""Penalised logistic regression, and what can be asked of the fitted model.

The data, the model and the optimiser are those of ``python -m numbagrad`` (numbagrad/demo.py).
Here the compiled function is used further: for standard errors, for a test on samples that the
model has not seen, and for what would change the verdict on one sample.
"""

import numpy as np

import numbagrad as ng
from numbagrad import demo
from numbagrad import tensor as T


def standard_errors(compiled, found):
    """From the inverse of the Hessian, whose columns are its products with unit vectors."""
    hessian = np.column_stack([compiled(found.theta, e)[2] for e in np.eye(found.theta.size)])
    return np.sqrt(np.diag(np.linalg.inv(hessian)))


def held_out_accuracy(compiled, X, y):
    """Fit to every other sample and judge the rest.

    The compiled function takes the smaller data as they are: its sizes are symbols.
    """
    held = {variable.name: variable for variable in compiled.get_shared()}
    try:
        held["X"].set_value(X[::2])
        held["y"].set_value(y[::2])
        found = demo.fit(X[::2], y[::2], compiled)
    finally:
        held["X"].set_value(X)
        held["y"].set_value(y)
    verdict = X[1::2] @ found.weights + found.intercept > 0
    return float((verdict == (y[1::2] > 0.5)).mean())


def compile_verdict(found):
    """A function of one sample: the probability that it is benign, and its gradient."""
    x = T.dvector("x")
    probability = T.sigmoid(T.dot(x, found.weights) + found.intercept)
    return ng.function([x], [probability, ng.grad(probability, x)], name="verdict")


def main():
    """Fit the model and print what it says."""
    X, y = demo.load()
    compiled = demo.compile_model(X, y)
    found = demo.fit(X, y, compiled)
    print(f"objective {found.objective:.8f}, accuracy {found.accuracy:.5f}")
    print(f"accuracy on unseen samples {held_out_accuracy(compiled, X, y):.5f}\n")

    errors = standard_errors(compiled, found)[1:]
    print("features that matter most: weight ± standard error")
    for k in np.argsort(-np.abs(found.weights))[:5]:
        print(f"  {k:2d}   {found.weights[k]:7.4f} ± {errors[k]:.4f}")

    verdict = compile_verdict(found)
    doubtful = int(np.argmin(np.abs(X @ found.weights + found.intercept)))
    probability, slope = verdict(X[doubtful])
    k = int(np.argmax(np.abs(slope)))
    print(
        f"\nthe most doubtful sample is number {doubtful}: benign with probability "
        f"{probability:.3f};"
    )
    print(f"one standard deviation more of feature {k} changes that by about {slope[k]:.3f}")


if __name__ == "__main__":
    main()
