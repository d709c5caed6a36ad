"""An Asian call option by Monte Carlo: its price, and its derivatives along the same paths.

The option pays what the average price of a share over a year is above the strike. The share follows
a geometric Brownian motion. Each step of the loop draws a normal number for each path; the random
numbers are held fixed when the price is differentiated, so that one compiled function gives the
price, delta (by the share's price today) and vega (by its volatility).
"""

import numpy as np

import numbagrad as ng
from numbagrad import scan
from numbagrad import tensor as T

PATHS, STEPS = 20_000, 50
SPOT, STRIKE, RATE, VOLATILITY, YEARS = 100.0, 100.0, 0.05, 0.2, 1.0


def compile_price(seed):
    """A function of spot, strike, rate, volatility and years: the price, delta, vega, its error."""
    spot, strike, rate, volatility, years = T.dscalars(
        "spot", "strike", "rate", "volatility", "years"
    )
    stream = T.random.RandomStream(seed)
    dt = years / STEPS
    drift = (rate - volatility**2 / 2) * dt

    def step(log_price, total):
        move = stream.normal(drift, volatility * T.sqrt(dt), size=PATHS)
        log_price = log_price + move
        return log_price, total + T.exp(log_price)

    start = [T.zeros(PATHS) + T.log(spot), T.zeros(PATHS)]
    (_, totals), updates = scan(step, outputs_info=start, n_steps=STEPS)
    average = totals[-1] / STEPS
    payoff = T.exp(-rate * years) * T.maximum(average - strike, 0.0)
    price, error = payoff.mean(), payoff.std() / T.sqrt(PATHS)
    delta, vega = ng.grad(price, [spot, volatility])
    return ng.function(
        [spot, strike, rate, volatility, years],
        [price, delta, vega, error],
        updates=updates,
        name="asian_option",
    )


def main():
    """Price the option twice: the second call draws new paths."""
    price_of = compile_price(seed=2024)
    for _ in range(2):
        price, delta, vega, error = price_of(SPOT, STRIKE, RATE, VOLATILITY, YEARS)
        print(f"price {price:.4f} ± {error:.4f}   delta {delta:.4f}   vega {vega:.3f}")
    rows = [price_of(spot, STRIKE, RATE, VOLATILITY, YEARS) for spot in (90.0, 100.0, 110.0)]
    print("delta grows with the price of the share:", *np.round([row[1] for row in rows], 2))


if __name__ == "__main__":
    main()
