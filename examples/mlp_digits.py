"""A network with one hidden layer that learns to read digits.

Its weights are shared variables. One compiled function makes a step of stochastic gradient descent
with momentum: it takes a batch, gives the loss, and updates the weights where they live.
"""

import gzip
import sys
from pathlib import Path

import numpy as np

import numbagrad as ng
from numbagrad import tensor as T

DATA = Path(__file__).resolve().parent / "data" / "digits.csv.gz"
HIDDEN, BATCH = 64, 32


def load():
    """1797 images of 8 x 8 points as rows between 0 and 1, and the digits they show."""
    with gzip.open(DATA) as file:
        rows = np.loadtxt(file, delimiter=",")
    return rows[:, :-1] / 16.0, rows[:, -1].astype("int64")


class Network:
    """The weights, and the two functions that use them."""

    def __init__(self, n_inputs, n_classes, rng):
        scale = np.sqrt(2.0 / n_inputs)
        self.parameters = [
            ng.shared(rng.normal(0.0, scale, (n_inputs, HIDDEN)), name="W"),
            ng.shared(np.zeros(HIDDEN), name="b"),
            ng.shared(rng.normal(0.0, np.sqrt(2.0 / HIDDEN), (HIDDEN, n_classes)), name="V"),
            ng.shared(np.zeros(n_classes), name="c"),
        ]
        X, y = T.dmatrix("X"), T.lvector("y")
        W, b, V, c = self.parameters
        scores = T.maximum(X @ W + b, 0.0) @ V + c
        self.predict = ng.function([X], T.argmax(scores, axis=1), name="predict")
        loss = -T.log_softmax(scores, axis=1)[T.arange(y.shape[0]), y].mean()
        self.train = ng.function([X, y], loss, updates=self.updates(loss), name="train")

    def updates(self, loss, rate=0.1, momentum=0.9):
        """New values of the weights and of their velocities."""
        made = []
        for parameter, gradient in zip(
            self.parameters, ng.grad(loss, self.parameters), strict=True
        ):
            zeros = np.zeros_like(parameter.get_value())
            velocity = ng.shared(zeros, name=f"{parameter.name}_velocity")
            moved = momentum * velocity - rate * gradient
            made += [(velocity, moved), (parameter, parameter + moved)]
        return made


def progress(done, total, text, width=30):
    """One line that grows, for whoever watches; in a file only its last state."""
    watched = sys.stdout.isatty()
    if watched or done == total:
        bar = "#" * (width * done // total)
        print(f"\r[{bar:<{width}}] {text}", end="" if done < total else "\n", flush=True)


def fit(X, y, epochs=15, seed=0, report=progress):
    """Train on the images in random batches; the network."""
    rng = np.random.default_rng(seed)
    network = Network(X.shape[1], int(y.max()) + 1, rng)
    for epoch in range(epochs):
        order = rng.permutation(len(y))
        batches = [order[k : k + BATCH] for k in range(0, len(y), BATCH)]
        loss = np.mean([network.train(X[rows], y[rows]) for rows in batches])
        report(epoch + 1, epochs, f"epoch {epoch + 1:2d}   loss {loss:.4f}")
    return network


def main():
    """Learn from three quarters of the images and read the others."""
    X, y = load()
    held_out = np.arange(len(y)) % 4 == 3
    network = fit(X[~held_out], y[~held_out])
    right = network.predict(X[held_out]) == y[held_out]
    print(f"{right.mean():.1%} of {right.size} images that it has not seen are read correctly")


if __name__ == "__main__":
    main()
