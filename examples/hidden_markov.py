"""A hidden Markov model: the forward algorithm in a loop, and its gradient.

A coin is exchanged now and then for another one, unseen. The forward algorithm sums over all
histories of the exchanges; scaled in each step, it stays within floats for any length. Parameters
are free numbers of which softmax makes probabilities. The algorithm: L. R. Rabiner, A tutorial on
hidden Markov models, Proceedings of the IEEE 77, 1989.
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import softmax

import numbagrad as ng
from numbagrad import tensor as T

#: The hidden states' first probabilities, exchanges, and what is seen in each.
FIRST = np.array([0.5, 0.5])
EXCHANGE = np.array([[0.95, 0.05], [0.10, 0.90]])
SEEN = np.array([[0.5, 0.5], [0.85, 0.15]])


def simulate(n, seed=0):
    """What is seen in n steps."""
    rng = np.random.default_rng(seed)
    state, seen = rng.choice(2, p=FIRST), []
    for _ in range(n):
        seen.append(rng.choice(2, p=SEEN[state]))
        state = rng.choice(2, p=EXCHANGE[state])
    return np.array(seen)


def log_likelihood(seen, first, exchange, emission):
    """The logarithm of the probability of all that is seen."""

    def step(symbol, before):
        joint = T.dot(before, exchange) * emission[:, symbol]
        total = joint.sum()
        return joint / total, T.log(total)

    joint = first * emission[:, seen[0]]
    start = joint / joint.sum()
    (_, logs), _ = ng.scan(step, sequences=seen[1:], outputs_info=[start, None])
    return T.log(joint.sum()) + T.sum(logs)


def unpack(theta):
    """Free numbers as probabilities: of the first state, of exchanges, of what is seen."""
    rows = T.softmax(theta.reshape((5, 2)), axis=1)
    return rows[0], rows[1:3], rows[3:5]


def pack(first, exchange, emission):
    """Numbers of which `unpack` makes these probabilities."""
    return np.log(np.concatenate([[first], exchange, emission])).ravel()


def compile_model():
    """A function of the parameters and of what is seen: negative log-likelihood and gradient."""
    theta, seen = T.dvector("theta"), T.lvector("seen")
    loss = -log_likelihood(seen, *unpack(theta))
    return ng.function([theta, seen], [loss, ng.grad(loss, theta)], name="hmm")


def fit(model, seen, start):
    """The nearest maximum of the likelihood."""
    return minimize(model, start, args=(seen,), jac=True, method="L-BFGS-B")


def main():
    """Simulate, fit, and print both."""
    seen = simulate(2000)
    model = compile_model()
    truth = pack(FIRST, EXCHANGE, SEEN)
    found = fit(model, seen, truth + 0.3 * np.random.default_rng(1).normal(size=10))
    print(f"log-likelihood of the truth {-float(model(truth, seen)[0]):.3f}")
    print(f"and at the maximum          {-found.fun:.3f}")
    rows = softmax(found.x.reshape(5, 2), axis=1)
    print(f"exchanges {rows[1, 1]:.3f} and {rows[2, 0]:.3f}, simulated with 0.050 and 0.100")


if __name__ == "__main__":
    main()
