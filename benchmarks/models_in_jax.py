"""The models' derivatives as JAX finds them, from formulas of its own; makes ``data/models.npz``.

Needs JAX, which the tests do without. Only the data come from ``models``.
"""

import argparse
import os
import sys
from typing import Any

import numpy as np

from tests.models import HERE, MODELS

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jax.scipy.special import gammaln, logsumexp
from jax.scipy.stats import norm

FILE = HERE / "data" / "models.npz"
PARTS = ("value", "gradient", "product", "hessian")


def logistic(w, X, y):
    """Through the margin of each sample."""
    signs = 2.0 * y - 1.0
    return jnp.sum(jnp.logaddexp(0.0, -signs * (X @ w))) + jnp.sum(w[1:] ** 2) / 2.0


def softmax(W, X, Y):
    """By the logarithm of softmax."""
    return -jnp.sum(Y * jax.nn.log_softmax(X @ W)) + jnp.vdot(W, W) / 20.0


def poisson(beta, X, y):
    """From the means."""
    mean = jnp.exp(X @ beta)
    return jnp.sum(mean - y * jnp.log(mean) + gammaln(y + 1.0))


def negative_binomial(theta, X, y):
    """From the probability of a failure."""
    alpha, mean = jnp.exp(theta[-1]), jnp.exp(X @ theta[:-1])
    r = 1.0 / alpha
    # With p = 1 / (1 + αμ): Γ(y + r) / (Γ(r) y!) pʳ (1 - p)ʸ.
    log_p = -jnp.log1p(alpha * mean)
    logs = gammaln(y + r) - gammaln(r) - gammaln(y + 1.0) + r * log_p
    return -jnp.sum(logs + y * (jnp.log(alpha * mean) + log_p))


def network(theta, X, Y):
    """Parameters split, and the logit of the right class picked."""
    W, b, V, c = jnp.split(theta, (64, 68, 80))
    hidden = jnp.tanh(jnp.einsum("ni,ih->nh", X, W.reshape(16, 4)) + b)
    logits = jax.nn.log_softmax(hidden @ V.reshape(4, 3) + c, axis=1)
    return -jnp.sum(logits[jnp.arange(len(X)), jnp.argmax(Y, axis=1)]) / len(X)


def mixture(theta, years, flow):
    """From densities, not from their logarithms."""
    weights, means, sd = jnp.exp(theta[:3]), theta[3:6], jnp.exp(theta[6:])
    densities = norm.pdf(flow[:, None], means, sd) * jnp.sqrt(2.0 * jnp.pi)
    return -jnp.sum(jnp.log(densities @ (weights / weights.sum()))) + jnp.sum(means**4) / 3.0


def rosenbrock(x):
    """As it is."""
    a, b = x[:-1], x[1:]
    return jnp.sum(100.0 * jnp.square(b - a * a) + jnp.square(1.0 - a))


def student_t(theta, year, flow):
    """By JAX's own density."""
    center, scale, nu = theta[0] + theta[1] * year, jnp.exp(theta[2]), jnp.exp(theta[3])
    return -jnp.sum(jax.scipy.stats.t.logpdf(flow, nu, center, scale))


def gaussian_process(theta, year, flow):
    """The Cholesky way, too: JAX has no shorter one."""
    amplitude, length, noise = jnp.exp(theta)
    squares = (year[:, None] - year) ** 2
    K = amplitude**2 * jnp.exp(-squares / (2.0 * length**2)) + noise**2 * jnp.eye(len(year))
    L = jnp.linalg.cholesky(K)
    half = solve_triangular(L, flow, lower=True)
    return half @ half / 2.0 + jnp.sum(jnp.log(jnp.diagonal(L)))


def weibull(theta, weeks, ended, treated):
    """From the hazard and its integral."""
    shape, scale = jnp.exp(-theta[2]), jnp.exp(theta[0] + theta[1] * treated)
    hazard = shape / scale * (weeks / scale) ** (shape - 1.0)
    return jnp.sum((weeks / scale) ** shape - ended * jnp.log(hazard))


def cox(beta, weeks, ended, treated, first):
    """Those at risk by comparing all pairs of times."""
    risk = treated * (beta[0] + beta[1] * jnp.log(weeks))
    members = weeks[None, :] >= weeks[:, None]
    at_risk = logsumexp(jnp.where(members, risk, -jnp.inf), axis=1)
    return jnp.sum(ended * (at_risk - risk)) + jnp.vdot(beta, beta) / 10.0


def derivatives(name: str) -> dict[str, np.ndarray]:
    """Value, gradient, product and Hessian of one model."""
    model = MODELS[name]
    cost: Any = globals()[name.replace(" ", "_")]
    data = [jnp.asarray(array) for array in model.data()]

    def of(theta: Any) -> Any:
        return cost(theta, *data)

    theta, p = jnp.asarray(model.at), jnp.asarray(model.direction)
    value, gradient = jax.value_and_grad(of)(theta)
    product = jax.jvp(jax.grad(of), (theta,), (p,))[1]
    found = value, gradient, product, jax.hessian(of)(theta)
    return {f"{name} {part}": np.asarray(a) for part, a in zip(PARTS, found, strict=True)}


def main() -> int:
    """Write the file, or compare with it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with the file instead")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    made = {key: array for name in MODELS for key, array in derivatives(name).items()}
    if not options.check:
        np.savez_compressed(FILE, **made)
        return 0
    stored = np.load(FILE)
    worst = 0.0
    for key, array in made.items():
        scale = np.max(np.abs(stored[key]))
        error = float(np.max(np.abs(array - stored[key])) / scale)
        print(f"{key:30} {error:.1e}")
        worst = max(worst, error)
    return 0 if worst < 1e-12 and set(made) == set(stored) else 1


if __name__ == "__main__":
    sys.exit(main())
