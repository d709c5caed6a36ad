"""Newton's method as a loop that ends itself, and derivatives through it.

Kepler's equation ``M = E - e sin E`` tells where a planet is on its ellipse at a time: it has no
solution in closed form. The loop ends when a step is small; the derivative of what it finds goes
through the steps that were made, and is that of the implicit function.
"""

import numpy as np

import numbagrad as ng
from numbagrad import tensor as T


def eccentric_anomaly(mean, eccentricity, tolerance=1e-12, most_steps=50):
    """The solution E, and all the approximations on the way."""

    def step(E):
        change = (E - eccentricity * T.sin(E) - mean) / (1 - eccentricity * T.cos(E))
        return E - change, ng.until(abs(change) < tolerance)

    # From pi the method converges for every eccentricity below 1.
    approximations, _ = ng.scan(step, outputs_info=np.pi, n_steps=most_steps)
    return approximations[-1], approximations


def compile_solver():
    """A function of M and e: the solution, its derivative by M, and the approximations."""
    mean, eccentricity = T.dscalars("M", "e")
    E, approximations = eccentric_anomaly(mean, eccentricity)
    return ng.function([mean, eccentricity], [E, ng.grad(E, mean), approximations], name="kepler")


def main():
    """Solve it for a comet."""
    mean, eccentricity = 0.3, 0.967
    E, derivative, approximations = compile_solver()(mean, eccentricity)
    for k, value in enumerate(approximations, 1):
        print(f"step {k}: {value:.15f}")
    print(f"E - e sin E = {E - eccentricity * np.sin(E):.12f}")
    implicit = 1 / (1 - eccentricity * np.cos(E))
    print(f"dE/dM = {derivative:.10f}, by the implicit function {implicit:.10f}")


if __name__ == "__main__":
    main()
