"""Two Ops as a user of numbagrad might write them, for the page ``adding_an_op``."""

import numpy as np

from numbagrad import tensor as T
from numbagrad.ops.dtypes import float_of
from numbagrad.ops.kinds import Block, Elementwise
from numbagrad.testing.samples import data, grid, sample, specials


class Bell(Elementwise):
    """The bell curve ``exp(-x**2 / 2)``.

    >>> bell([0.0]).eval()
    array([1.])
    """

    dtype, even, cost = float_of, True, 20
    samples = [grid(-3, 3), specials]

    def template(x):
        return np.exp(-0.5 * x * x)

    def reference(x):
        return np.exp(-0.5 * np.square(x))

    def partials(y, x):
        return [-x * y]


bell = Bell()


class SuffixSums(Block):
    """The sum of each element and all behind it, over the last dimension.

    >>> suffix_sums([1.0, 2.0, 3.0]).eval()
    array([6., 5., 3.])
    """

    dtype, signature = float_of, "(n)->(n)"
    samples = [sample(data(4)), sample(data(1)), sample(data(0)), sample(data(2, 3))]

    def template(x):
        made = np.empty_like(x)
        total = x.dtype.type(0)
        for i in range(x.size - 1, -1, -1):
            total += x[i]
            made[i] = total
        return made

    def reference(x):
        return np.cumsum(x[::-1])[::-1]

    # y[i] is the sum of x[j] over j >= i, so x[j] gets the sum of gy[i] over i <= j.
    def pullback(self, gy, y, x):
        return [T.cumsum(gy, axis=-1)]

    def pushforward(self, tangents, y, x):
        return None if tangents[0] is None else self(tangents[0])


suffix_sums = SuffixSums()
