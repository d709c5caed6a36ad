"""A European call option by simulation: price and its derivatives, through the random draws.

The price is ``mean(max(s exp(-v²/2 + v e) - 100, 0))`` with standard normal ``e``. Derivatives by
spot ``s`` and volatility ``v`` are means over the draws that end above 100. Every library draws
its own numbers, so results agree as well as means of ``n`` draws do.
"""

import numpy as np

from benchmarks.workload import Workload


def data(rng, n):
    return np.array(105.0), np.array(0.2)


def symbolic(lang, n):
    T = lang.T
    s, v = T.dscalar("s"), T.dscalar("v")
    end = s * T.exp(-0.5 * v**2 + v * lang.normal((n,)))
    price = T.mean(T.maximum(end - 100.0, 0.0))
    return [s, v], [price, *lang.grad(price, [s, v])]


def plain(s, v, n):
    e = np.random.default_rng().standard_normal(n)
    end = s * np.exp(-0.5 * v**2 + v * e)
    above = end > 100.0
    price = np.sum((end - 100.0) * above) / n
    return [price, np.sum(end * above) / s / n, np.sum(end * (e - v) * above) / n]


def jax(jax, n):
    jnp = jax.numpy

    def price(s, v, key):
        end = s * jnp.exp(-0.5 * v**2 + v * jax.random.normal(key, (n,)))
        return jnp.mean(jnp.maximum(end - 100.0, 0.0))

    both = jax.value_and_grad(price, argnums=(0, 1))

    def run(s, v):
        # The same numbers in each call: their cost is that of others.
        value, (ds, dv) = both(s, v, jax.random.key(1))
        return value, ds, dv

    return run


def numba(numba, n):
    @numba.njit(fastmath={"contract", "reassoc"}, error_model="numpy")
    def draw(rng, s, v):
        price = ds = dv = 0.0
        for _ in range(n):
            e = rng.standard_normal()
            end = s * np.exp(-0.5 * v * v + v * e)
            if end > 100.0:
                price += end - 100.0
                ds += end / s
                dv += end * (e - v)
        return price / n, ds / n, dv / n

    rng = np.random.default_rng(1)
    return lambda s, v: draw(rng, float(s), float(v))


def torch(torch, n):
    def run(s, v):
        s, v = s.requires_grad_(), v.requires_grad_()
        end = s * torch.exp(-0.5 * v**2 + v * torch.randn(n, dtype=torch.float64))
        price = torch.mean(torch.clamp(end - 100.0, min=0.0))
        return [price.detach(), *torch.autograd.grad(price, [s, v])]

    return run


DRAWS = Workload(
    "draws",
    "option price by simulation: value and gradient",
    {"n": 10_000_000},
    {"n": 100_000},
    data,
    symbolic,
    plain,
    jax,
    rtol=0.05,
    numba=numba,
    torch=torch,
    sized=True,
)
