"""Random graphs over the real Ops, with values for their inputs; what the fuzz tests draw.

A `Graph` grows by random steps. Each step applies one operation to variables that fit, and keeps
the result only if its values, computed node by node, are tame: a comparison to a tight tolerance
would otherwise only measure rounding. Nothing is compiled or compared here.
"""

from __future__ import annotations

import numpy as np

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.errors import DisconnectedInputError, NullTypeGradError
from numbagrad.ops.interpret import interpret
from numbagrad.ops.subtensor import AdvancedSubtensor, Subtensor

__all__ = ["Graph", "Misfit"]

FLOATS = ("float64", "float32")
LARGEST = 1e3


class Misfit(Exception):
    """The operation can not be applied to what was drawn."""


class Graph:
    """Variables with values.

    Parameters
    ----------
    random : random.Random
        The only source of chance, so that a graph can be drawn again.
    dtypes : sequence of str
        Of the inputs.

    Attributes
    ----------
    inputs : list of Variable
    values : dict
        Of every variable.
    pool : list of Variable
        What the next step may use, and outputs are taken from.
    exact : set of Variable
        Variables whose values carry no rounding: only they are compared, searched and rounded.
    """

    def __init__(self, random, dtypes=("float64",)):
        self.random = random
        self.dtypes = dtypes
        self.inputs = []
        self.shared = []
        self.values = {}
        self.pool = []
        self.exact = set()
        self.costs = 0
        self.sizes = [1, *random.sample((0, 2, 3, 4, 5, 6), 2)]
        if random.random() < 0.8:
            self.sizes = [s or 3 for s in self.sizes]
        for _ in range(random.randint(2, 4)):
            self.input()

    # -- inputs ----------------------------------------------------------------------------

    def input(self, dtype=None, shape=None, values=None, name=None):
        """A new input, or now and then a shared variable or a constant."""
        r = self.random
        dtype = dtype or r.choice(self.dtypes)
        if values is None:
            if shape is None:
                shape = tuple(r.choice(self.sizes) for _ in range(r.choice((0, 1, 1, 2, 2, 2, 3))))
            values = self.numbers(dtype, shape)
        values = np.asarray(values, dtype)
        name = name or f"x{len(self.inputs)}"
        kind = r.random()
        if kind < 0.08:
            variable = T.constant(values)
        elif kind < 0.16:
            variable = ng.shared(values, name=f"s{len(self.shared)}")
            self.shared.append(variable)
        else:
            static = tuple(
                s if (s == 1 and r.random() < 0.7) or r.random() < 0.15 else None
                for s in values.shape
            )
            variable = T.tensor(name, dtype=dtype, shape=static)
            self.inputs.append(variable)
        self.values[variable] = values
        self.pool.append(variable)
        self.exact.add(variable)
        return variable

    def numbers(self, dtype, shape):
        """Multiples of 1/4, with ties, so that sums and products of few are exact."""
        r, count = self.random, int(np.prod(shape))
        drawn = np.array([r.randint(-9, 9) for _ in range(count)], "float64").reshape(shape)
        if dtype == "bool":
            return drawn > 0
        if dtype.startswith("uint"):
            return abs(drawn).astype(dtype)
        if dtype.startswith("int"):
            return drawn.astype(dtype)
        if dtype.startswith("complex"):
            other = np.array([r.randint(-9, 9) for _ in range(count)], "float64").reshape(shape)
            return ((drawn + 1j * other) / 4).astype(dtype)
        return (drawn / 4).astype(dtype)

    # -- choosing --------------------------------------------------------------------------

    def one(self, test=lambda v: True):
        """A variable of the pool; recent ones are likelier."""
        fit = [v for v in self.pool if test(v)]
        if not fit:
            raise Misfit
        if self.random.random() < 0.5:
            fit = fit[-6:]
        return self.random.choice(fit)

    def kind(self, letters, least=0, exact=False):
        """A variable of a kind of dtype, with some dimensions."""
        return self.one(
            lambda v: (
                np.dtype(v.dtype).kind in letters
                and v.ndim >= least
                and (not exact or v in self.exact)
            )
        )

    def shape(self, v):
        return self.values[v].shape

    def fits(self, a, b):
        """Whether the two broadcast by what their types say."""
        for k in range(1, min(a.ndim, b.ndim) + 1):
            one, other = a.type.shape[-k], b.type.shape[-k]
            if self.shape(a)[-k] != self.shape(b)[-k] and one != 1 and other != 1:
                return False
        return True

    def partner(self, a, letters, exact=False):
        return self.one(
            lambda v: (
                np.dtype(v.dtype).kind in letters
                and self.fits(a, v)
                and (not exact or v in self.exact)
            )
        )

    # -- growing ---------------------------------------------------------------------------

    def grow(self, steps, families=None):
        """Apply some operations."""
        chosen = [f for f in FAMILIES if families is None or f.__name__ in families]
        for _ in range(steps):
            try:
                made, exact = self.random.choice(chosen)(self)
            except Misfit:
                continue
            for variable in made if isinstance(made, (list, tuple)) else [made]:
                self.keep(variable, exact)
        return self

    def keep(self, variable, exact=False):
        """Compute it, and put it into the pool if it is tame."""
        with np.errstate(all="ignore"):
            given = {v: x for v, x in self.values.items() if v.owner is None or v in self.pool}
            value = np.asarray(interpret([variable], given)[0])
        tame = value.dtype.kind == "b" or bool(np.all(abs(value) <= LARGEST))
        if not tame or value.size > 400 or variable in self.values:
            return False
        self.values[variable] = value
        self.pool.append(variable)
        number = value.astype(complex) * 1024
        if exact and np.all(number == np.round(number)):
            self.exact.add(variable)
        return True

    def outputs(self, count):
        """Some of what was made: inputs, constants and the same one twice among them."""
        r = self.random
        made = [v for v in self.pool if v.owner is not None]
        wanted = r.sample(made, min(count, len(made)))
        if r.random() < 0.3:
            wanted.append(r.choice(self.pool))
        if wanted and r.random() < 0.2:
            wanted.append(r.choice(wanted))
        return wanted


# -- families of operations: each gives variables and whether exact arguments give exact results ---


def _exact(graph, *variables):
    return all(v in graph.exact or (v.owner is None and not v.type.ndim) for v in variables)


def unary(g):
    x = g.kind("f")
    made = g.random.choice(
        (
            T.exp, T.tanh, T.sin, T.cos, T.sigmoid, T.softplus, T.arctan, T.expm1, T.erf,
            lambda x: T.log1p(x * x), lambda x: T.sqrt(abs(x)), lambda x: 1 / (1 + x * x),
            lambda x: T.log(T.exp(x) + 1), lambda x: abs(x) ** 1.5, lambda x: T.log(abs(x) + 0.5),
        )
    )(x)  # fmt: skip
    return made, False


def exact_unary(g):
    x = g.kind("f", exact=True)
    made = g.random.choice(
        (
            T.neg, T.sqr, abs, T.floor, T.ceil, T.trunc, T.sign, T.identity,
            lambda x: x * 0.5, lambda x: x + 1.0, lambda x: 2 - x, lambda x: T.clip(x, -1.0, 1.5),
            lambda x: T.round(x), lambda x: x**3,
        )
    )(x)  # fmt: skip
    return made, True


def linear_unary(g):
    x = g.kind("fc")
    made = g.random.choice((T.neg, lambda x: x * 0.5, lambda x: x + 1.0, lambda x: 2 - x, T.sqr))
    return made(x), _exact(g, x)


def binary(g):
    a = g.kind("f")
    b = g.partner(a, "fi")
    if g.random.random() < 0.5:
        a, b = b, a
    made = g.random.choice(
        (
            T.add, T.sub, T.mul, T.add, T.mul, T.maximum, T.minimum,
            lambda a, b: a / (1 + b * b), T.arctan2, T.hypot, T.logaddexp, T.second,
        )
    )  # fmt: skip
    exact = made in (T.add, T.sub, T.mul, T.maximum, T.minimum, T.second) and _exact(g, a, b)
    return made(a, b), exact


def integer(g):
    a = g.kind("iu", exact=True)
    b = g.partner(a, "iu", exact=True)
    made = g.random.choice(
        (
            T.add, T.sub, T.mul, T.int_div, T.mod, T.maximum, T.minimum,
            lambda a, b: a * a - b, lambda a, b: abs(a) + b, T.and_, T.or_, T.xor,
            lambda a, b: -a + b, lambda a, b: a / (1 + b * b),
        )
    )(a, b)  # fmt: skip
    return made, True


def logic(g):
    a = g.kind("b")
    b = g.partner(a, "b")
    return g.random.choice((T.and_, T.or_, T.xor, lambda a, b: T.invert(a) & b))(a, b), True


def compare(g):
    a = g.kind("fiu", exact=True)
    b = g.partner(a, "fiu", exact=True)
    return g.random.choice((T.lt, T.le, T.gt, T.ge, T.eq, T.neq))(a, b), True


def choice(g):
    c = g.kind("b")
    a = g.partner(c, "f")
    b = g.partner(a, "fi")
    if not g.fits(c, b):
        raise Misfit
    return T.switch(c, a, b), _exact(g, a, b)


def complexes(g):
    a = g.kind("c")
    b = g.partner(a, "cf")
    made = g.random.choice(
        (
            lambda: T.real(a), lambda: T.imag(a), lambda: T.conj(a), lambda: abs(a), lambda: a * b,
            lambda: a + b, lambda: b - a, lambda: T.exp(a), lambda: a / (b * b + 20.0),
        )
    )  # fmt: skip
    return made(), False


def casting(g):
    x = g.kind("fiub", exact=True)
    dtype = g.random.choice(("float64", "float32", "int64", "int32", "int8", "bool"))
    return T.cast(x, dtype), True


def dimshuffle(g):
    x = g.one()
    order = list(range(x.ndim))
    g.random.shuffle(order)
    for _ in range(g.random.randint(0, 3 - min(3, x.ndim))):
        order.insert(g.random.randint(0, len(order)), "x")
    return x.dimshuffle(*order), _exact(g, x)


def bound(g, number):
    """A Python number, or an integer scalar input of that value."""
    if number is None or g.random.random() < 0.7:
        return number
    return g.input("int64", values=number)


def a_slice(g, size):
    r = g.random
    ends = (None, 0, 1, 2, -1, -2, size, size + 2, -size - 1)
    start, stop = r.choice(ends), r.choice(ends)
    return slice(bound(g, start), bound(g, stop), r.choice((None, None, None, 1, 2, -1, -2, 3)))


def an_index(g, shape, advanced=True):
    """A valid index: slices, integers, None, now and then vectors of integers."""
    r, items = g.random, []
    for size in shape[: r.randint(1, len(shape))]:
        what = r.random()
        if what < 0.15:
            items.append(None)
        if what < 0.5:
            items.append(a_slice(g, size))
        elif what < 0.7 and size:
            items.append(bound(g, r.randint(-size, size - 1)))
        elif what < 0.85 and advanced and size:
            items.append(positions(g, size, r.choice((1, 2, 4))))
        else:
            items.append(slice(None))
    vectors = [k for k in items if getattr(k, "ndim", 0)]
    if len({g.shape(k) for k in vectors}) > 1:
        raise Misfit
    return tuple(items)


def positions(g, size, count):
    """A vector of places in a dimension: repeated and negative ones among them."""
    return g.input("int64", values=[g.random.randint(-size, size - 1) for _ in range(count)])


def subtensor(g):
    x = g.one(lambda v: v.ndim)
    return x[an_index(g, g.shape(x))], _exact(g, x)


def masked(g):
    m = g.kind("b", 1)
    x = g.one(lambda v: v.ndim >= m.ndim and g.shape(v)[: m.ndim] == g.shape(m))
    return x[m], _exact(g, x)


def written(g):
    """A region of one variable set to, or increased by, another."""
    x = g.kind("fc", 1)
    region = x[an_index(g, g.shape(x))]
    sizes = np.shape(interpret([region], g.values)[0])
    if region.owner is None or not isinstance(region.owner.op, (Subtensor, AdvancedSubtensor)):
        raise Misfit  # an element of a vector of known numbers is that number
    y = g.kind("f")
    if g.shape(y) != sizes:
        shape = tuple(1 if g.random.random() < 0.2 else s for s in sizes)
        number = g.random.choice((0.5, -1.0)) * np.ones(shape)
        y = T.as_tensor(number) if g.random.random() < 0.5 else g.input("float64", shape=sizes)
    y = T.cast(y, x.dtype)
    setting = g.random.random() < 0.4
    if setting and any(getattr(v, "ndim", 0) for v in region.owner.inputs[1:]) and y.ndim:
        y = T.as_tensor(np.asarray(0.5, x.dtype))  # which of several wins is nobody's promise
    return (T.set_subtensor if setting else T.inc_subtensor)(region, y), False


def taking(g):
    x = g.one(lambda v: v.ndim and v.ndim < 3 and all(g.shape(v)))
    axis = g.random.randrange(x.ndim)
    k = positions(g, g.shape(x)[axis], g.random.choice((0, 1, 3, 5)))
    return T.take(x, k, axis=axis), _exact(g, x)


def reshape(g):
    x = g.one()
    size = g.values[x].size
    shapes = [(-1,), (-1, 1), (size,), (1, size)]
    shapes += [(d, size // d) for d in (2, 3, 4) if size and size % d == 0]
    shapes += [(-1, d) for d in (2, 3) if size and size % d == 0]
    shapes += [(x.shape[0], -1)] if g.shape(x)[:1] and size else []
    shape = g.random.choice(shapes)
    return x.reshape(shape, ndim=len(shape)), _exact(g, x)


def spreading(g):
    x = g.one(lambda v: v.ndim <= 2)
    n = g.random.choice(g.sizes)
    made = [lambda: T.alloc(x, n, *x.shape), lambda: T.zeros_like(x), lambda: T.ones_like(x)]
    if x.ndim:
        made += [lambda: x[::-1], lambda: T.flip(x, 0), lambda: T.roll(x, 2, axis=0)]
        made += [lambda: T.tile(x, 2), lambda: T.repeat(x, 2, axis=0), lambda: T.flatten(x)]
    if x.ndim == 2:
        made += [lambda: T.diagonal(x), lambda: T.tril(x), lambda: x.T]
    if x.ndim == 1:
        made += [lambda: T.diag(x)]
    return g.random.choice(made)(), _exact(g, x)


def joining(g):
    x = g.one(lambda v: v.ndim)
    axis = g.random.randrange(x.ndim)
    rest = g.shape(x)[:axis] + g.shape(x)[axis + 1 :]

    def alike(v):
        same = v.ndim == x.ndim and g.shape(v)[:axis] + g.shape(v)[axis + 1 :] == rest
        return same and all(
            (a == 1) == (b == 1)
            for k, (a, b) in enumerate(zip(v.type.shape, x.type.shape, strict=True))
            if k != axis
        )

    parts = [x, *(g.one(alike) for _ in range(g.random.randint(0, 2)))]
    g.random.shuffle(parts)
    return T.concatenate(parts, axis=axis), _exact(g, *parts)


def stacking(g):
    x = g.one(lambda v: v.ndim <= 2)
    parts = [x, g.one(lambda v: v.type.shape == x.type.shape and g.shape(v) == g.shape(x))]
    return T.stack(parts, axis=g.random.randint(0, x.ndim)), _exact(g, *parts)


def some_axes(g, x):
    axes = [k for k in range(x.ndim) if g.random.random() < 0.5]
    return tuple(axes) or g.random.choice((None, x.ndim - 1))


def reduction(g):
    x = g.kind("fiuc", 1)
    axis, keep = some_axes(g, x), g.random.random() < 0.3
    make = g.random.choice((T.sum, T.sum, T.sum, T.mean, T.prod, T.var))
    if np.dtype(x.dtype).kind != "f" and make in (T.var, T.mean):
        raise Misfit
    if make is not T.sum and not all(g.shape(x)):
        raise Misfit
    return make(x, axis=axis, keepdims=keep), make in (T.sum, T.prod) and _exact(g, x)


def extreme(g):
    x = g.kind("fiu", 1, exact=True)
    axis, keep = some_axes(g, x), g.random.random() < 0.3
    if not all(g.shape(x)):
        raise Misfit
    make = g.random.choice((T.max, T.min, T.argmax, T.argmin))
    return make(x, axis=axis, keepdims=keep), True


def truth(g):
    x = g.kind("b", 1)
    return g.random.choice((T.any, T.all))(x, axis=some_axes(g, x)), True


def running(g):
    x = g.kind("fi", 1)
    make = g.random.choice((T.cumsum, T.cumsum, T.cumprod))
    axis = g.random.randrange(x.ndim)
    return make(x, axis=axis), make is T.cumsum and _exact(g, x)


def normalised(g):
    x = g.kind("f", 1)
    if not all(g.shape(x)):
        raise Misfit
    make = g.random.choice((T.softmax, T.logsumexp, T.log_softmax))
    return make(x, axis=g.random.randrange(x.ndim)), False


def ordering(g):
    x = g.kind("fi", 1, exact=True)
    return g.random.choice((T.sort, T.argsort))(x, axis=-1), True


def product(g):
    r = g.random
    a = g.one(lambda v: v.dtype in FLOATS and v.ndim in (1, 2))
    if a.ndim == 2 and r.random() < 0.3:
        a = a.T
    shape = np.shape(interpret([a], g.values)[0])
    b = g.one(lambda v: v.dtype == a.dtype and v.ndim in (1, 2) and shape[-1] in g.shape(v))
    if g.shape(b)[0] != shape[-1]:
        b = b.T
    exact = _exact(g, b) and (a in g.exact or (a.owner and a.owner.inputs[0] in g.exact))
    return T.dot(a, b), exact


def outer(g):
    a, b = g.kind("f", 1), g.kind("f", 1)
    if a.ndim != 1 or b.ndim != 1:
        raise Misfit
    return T.outer(a, b), _exact(g, a, b)


def batched(g):
    a = g.one(lambda v: v.dtype in FLOATS and v.ndim == 3)
    b = g.one(lambda v: v.dtype in FLOATS and v.ndim in (2, 3) and g.shape(v)[-2] == g.shape(a)[-1])
    if b.ndim == 3 and g.shape(a)[0] != g.shape(b)[0] and 1 not in (
        a.type.shape[0], b.type.shape[0]
    ):  # fmt: skip
        raise Misfit
    return T.matmul(a, b), False


def gradient(g):
    """Derivatives of a scalar cost with respect to some inputs."""
    r = g.random
    g.costs += 1
    if g.costs > 4:
        raise Misfit
    x = g.one(lambda v: v.dtype in FLOATS and v.owner is not None)
    weights = r.choice((x * 0.5, T.sin(x), T.sqr(x), x))
    cost = T.sum(weights)
    wrt = g.one(
        lambda v: v.dtype in FLOATS and v.owner is None and not isinstance(v, T.TensorConstant)
    )
    try:
        if r.random() < 0.6:
            return ng.grad(cost, wrt), False
        p = g.one(lambda v: v.dtype == wrt.dtype and v.type.shape == wrt.type.shape
                  and g.shape(v) == g.shape(wrt))  # fmt: skip
        return T.hessian_vector_product(cost, wrt, p), False
    except (DisconnectedInputError, NullTypeGradError) as error:
        raise Misfit from error


FAMILIES = (
    unary, unary, exact_unary, exact_unary, linear_unary, binary, binary, binary, integer, logic,
    compare, choice, complexes, casting, dimshuffle, dimshuffle, subtensor, subtensor, subtensor,
    masked, written, written, taking, reshape, spreading, joining, stacking, reduction, reduction,
    reduction, extreme, truth, running, normalised, ordering, product, product, outer, batched,
    gradient, gradient,
)  # fmt: skip
