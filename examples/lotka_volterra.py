"""Hares and lynxes: the equations of Lotka and Volterra, fitted through their solution.

Four rates say how both numbers change. A loop of Runge-Kutta steps solves the equations, and the
gradient of the misfit goes back through all of them: no adjoint equation is written down. The
observations are simulated.
"""

import numpy as np
from scipy.optimize import minimize

import numbagrad as ng
from numbagrad import tensor as T

#: Births of hares, catches of hares, growth of lynxes by what they catch, deaths of lynxes.
NAMES = ["births", "catches", "growth", "deaths"]
RATES = np.array([0.8, 0.05, 0.02, 0.6])
START = np.array([30.0, 8.0])
STEP, EVERY, OBSERVED = 0.02, 25, 40


def slope(state, rates):
    """How fast hares and lynxes become more."""
    hares, lynxes = state[0], state[1]
    births, catches, growth, deaths = (rates[k] for k in range(4))
    return T.stack(
        [births * hares - catches * hares * lynxes, growth * hares * lynxes - deaths * lynxes]
    )


def runge_kutta(state, rates, h):
    """One step of the classical method of order four."""
    k1 = slope(state, rates)
    k2 = slope(state + h / 2 * k1, rates)
    k3 = slope(state + h / 2 * k2, rates)
    k4 = slope(state + h * k3, rates)
    return state + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def solve(rates, start, n_steps, h=STEP):
    """Both numbers after each step."""
    states, _ = ng.scan(
        lambda state: runge_kutta(state, rates, h), outputs_info=start, n_steps=n_steps
    )
    return states


def compile_solver():
    """A function of rates, start and number of steps."""
    rates, start, n = T.dvector("rates"), T.dvector("start"), T.lscalar("n")
    start_of_two = T.specify_shape(start, (2,))
    return ng.function([rates, start, n], solve(rates, start_of_two, n), name="hares")


def compile_misfit(observed):
    """A function of the logarithms of the rates: the misfit and its gradient."""
    logs = T.dvector("logs")
    states = solve(T.exp(logs), T.constant(START), EVERY * len(observed))
    misfit = T.sum((T.log(states[EVERY - 1 :: EVERY]) - np.log(observed)) ** 2)
    return ng.function([logs], [misfit, ng.grad(misfit, logs)], name="misfit")


def simulate(solver, noise=0.05, seed=0):
    """What is counted, with errors of some percent."""
    exact = solver(RATES, START, EVERY * OBSERVED)[EVERY - 1 :: EVERY]
    return exact * np.exp(noise * np.random.default_rng(seed).normal(size=exact.shape))


def fit(misfit, start):
    """The rates of the smallest misfit."""
    found = minimize(misfit, np.log(start), jac=True, method="BFGS")
    return np.exp(found.x), float(found.fun)


def main():
    """Simulate, fit, and print the rates."""
    observed = simulate(compile_solver())
    rates, left = fit(compile_misfit(observed), RATES * [1.1, 0.9, 1.1, 0.9])
    print(f"misfit {left:.4f}")
    for name, found, true in zip(NAMES, rates, RATES, strict=True):
        print(f"{name:8}{found:9.4f}   simulated with {true:.4f}")


if __name__ == "__main__":
    main()
