"""Draws of whole vectors from NumPy's Generators, to the last bit those of its methods.

As in ``random``, a generator is the address of its ``bitgen_t``. What is not right with parameters
is a ValueError, before anything is drawn.

>>> import numpy as np
>>> rng, same = np.random.default_rng(5), np.random.default_rng(5)
>>> permutation(rng.bit_generator.ctypes.bit_generator.value, 4)
array([3, 1, 2, 0])
>>> same.permutation(4)
array([3, 1, 2, 0])
"""

import math

from ._kernel import clear, exact_kernel, new_array, new_copy, rounded
from .random import beta, binomial, bounded, interval, standard_gamma, standard_uniform

# -- vectors of numbers ---------------------------------------------------------------------------


@exact_kernel
def dirichlet(rng, count, alpha):
    """``Generator.dirichlet(alpha, count)``: normalized gamma draws, or sticks if all are small."""
    k = alpha.size
    largest = -math.inf
    for j in range(k):
        if alpha[j] < 0:
            raise ValueError("dirichlet: alpha < 0")
        largest = max(largest, alpha[j])
    made = new_array(0.0, (count, k))
    if k > 0 and largest < 0.1:
        _sticks(rng, alpha, made)
        return made
    for i in range(count):
        total = 0.0
        for j in range(k):
            made[i, j] = standard_gamma(rng, alpha[j])
            total += made[i, j]
        factor = 1.0 / total
        for j in range(k):
            made[i, j] *= factor
    return made


@exact_kernel
def _sticks(rng, alpha, made):
    """Pieces broken off a stick one after the other: gamma draws of tiny shapes are all zero."""
    k = alpha.size
    rest = new_array(0.0, k)
    total = 0.0
    for j in range(k - 1, -1, -1):
        total += alpha[j]
        rest[j] = total
    for i in range(made.shape[0]):
        left = 1.0 if total != 0 else 0.0
        for j in range(k):
            made[i, j] = 0.0
        for j in range(k - 1):
            part = beta(rng, alpha[j], rest[j + 1])
            made[i, j] = left * part
            left *= rounded(1.0 - part)
            if rest[j + 1] == 0:
                break
        made[i, k - 1] = left


@exact_kernel
def multinomial(rng, count, n, p):
    """``Generator.multinomial(n, p, count)``: one binomial draw after the other."""
    k = p.size
    if n < 0:
        raise ValueError("multinomial: n < 0")
    for j in range(k):
        if not 0 <= p[j] <= 1:
            raise ValueError("multinomial: p < 0, p > 1 or p is NaN")
    if _total(p, k - 1) > 1.0 + 1e-12:
        raise ValueError("multinomial: sum(p[:-1]) > 1")
    made = new_array(count, (count, k))
    clear(made)
    for i in range(count):
        left, mass = n, 1.0
        for j in range(k - 1):
            made[i, j] = binomial(rng, left, p[j] / mass)
            left -= made[i, j]
            if left <= 0:
                break
            mass -= p[j]
        if left > 0 and k > 0:
            made[i, k - 1] = left
    return made


@exact_kernel
def _total(p, count):
    """The sum with the rounding errors carried along (Kahan)."""
    if count <= 0:
        return 0.0
    total, lost = p[0], 0.0
    for j in range(1, count):
        term = rounded(p[j] - lost)
        new = rounded(total + term)
        lost = rounded(rounded(new - total) - term)
        total = new
    return total


# -- positions ------------------------------------------------------------------------------------


@exact_kernel
def _check(p):
    """Probabilities as ``Generator.choice`` takes them."""
    for j in range(p.size):
        if not p[j] >= 0:
            raise ValueError("choice: p < 0 or p is NaN")
    if not abs(_total(p, p.size) - 1.0) <= 1.5e-8:
        raise ValueError("choice: the probabilities do not sum to 1")


@exact_kernel
def _cumulated(p):
    made = new_array(0.0, p.size)
    total = 0.0
    for j in range(p.size):
        total = p[j] if j == 0 else total + p[j]
        made[j] = total
    return made


@exact_kernel
def _position(edges, u, right):
    """Where ``u`` lies between ascending numbers, as ``searchsorted``."""
    low, high = 0, edges.size
    while low < high:
        middle = (low + high) // 2
        if edges[middle] < u or (right and edges[middle] == u):
            low = middle + 1
        else:
            high = middle
    return low


@exact_kernel
def categorical(rng, count, p):
    """Positions by the inverse of the distribution function; never behind the last one."""
    _check(p)
    edges = _cumulated(p)
    made = new_array(count, count)
    for i in range(count):
        made[i] = min(_position(edges, standard_uniform(rng), False), p.size - 1)
    return made


@exact_kernel
def choice(rng, count, p):
    """Positions as in ``Generator.choice(p.size, count, p=p)``."""
    _check(p)
    edges = _cumulated(p)
    total = edges[-1]
    for j in range(p.size):
        edges[j] /= total
    made = new_array(count, count)
    for i in range(count):
        made[i] = _position(edges, standard_uniform(rng), True)
    return made


@exact_kernel
def _counted(count):
    made = new_array(count, count)
    for i in range(count):
        made[i] = i
    return made


@exact_kernel
def _shuffle(rng, x, first):
    """Swap each element, from the last one down to ``first``, with one not behind it."""
    for i in range(x.size - 1, first - 1, -1):
        j = bounded(rng, i)
        x[i], x[j] = x[j], x[i]


@exact_kernel
def permutation(rng, count):
    """``Generator.permutation(count)``."""
    made = _counted(count)
    for i in range(count - 1, 0, -1):
        j = interval(rng, i)
        made[i], made[j] = made[j], made[i]
    return made


@exact_kernel
def subset(rng, count, n):
    """Different positions below ``n``, as ``Generator.choice(n, count, replace=False)``."""
    if count > n:
        raise ValueError("choice: without replacement no more can be drawn than there are")
    if n > 10000 and count > n // 50:
        whole = _counted(n)
        _shuffle(rng, whole, max(n - count, 1))
        made = new_array(count, count)
        for i in range(count):
            made[i] = whole[n - count + i]
        return made
    made = _floyd(rng, count, n)
    _shuffle(rng, made, 1)
    return made


@exact_kernel
def _floyd(rng, count, n):
    """Floyd's algorithm: a position met before gives way to the newest (Bentley, Comm. ACM 1987).

    Positions are remembered in a table of open addresses.
    """
    wanted, size = int(1.2 * count), 1
    while size <= wanted:
        size *= 2
    mask = size - 1
    table = new_array(size, size)
    for at in range(size):
        table[at] = -1
    made = new_array(count, count)
    for j in range(n - count, n):
        value = bounded(rng, j)
        at = value & mask
        while table[at] != -1 and table[at] != value:
            at = (at + 1) & mask
        if table[at] != -1:
            value = j
            at = j & mask
            while table[at] != -1:
                at = (at + 1) & mask
        table[at] = value
        made[j - n + count] = value
    return made


@exact_kernel
def weighted_subset(rng, count, p):
    """Different positions, as ``Generator.choice(p.size, count, replace=False, p=p)``."""
    _check(p)
    possible = 0
    for j in range(p.size):
        possible += p[j] > 0
    if count > p.size:
        raise ValueError("choice: without replacement no more can be drawn than there are")
    if possible < count:
        raise ValueError("choice: fewer probabilities are not zero than are to be drawn")
    left = new_copy(p)
    made = new_array(count, count)
    seen = new_array(False, p.size)
    clear(seen)
    done = 0
    while done < count:
        numbers = new_array(0.0, count - done)
        for i in range(numbers.size):
            numbers[i] = standard_uniform(rng)
        for i in range(done):
            left[made[i]] = 0.0
        edges = _cumulated(left)
        total = edges[-1]
        for j in range(edges.size):
            edges[j] /= total
        for i in range(numbers.size):
            found = _position(edges, numbers[i], True)
            if not seen[found]:
                seen[found] = True
                made[done] = found
                done += 1
    return made
