"""Sizes: what each variable's shape is in terms of the inputs' sizes, and which sizes are equal.

A size is a polynomial with integer coefficients in unknowns: a size of an input, or an integer that
the graph computes. Equal polynomials are one object, so ``(n + 1) - 1`` is ``n`` and ``n * m`` is
``m * n``. How sizes follow from each other is told by the Ops (`sizes`, `same_sizes`); no single
array Op is treated here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from ..graph.basic import Apply, Constant, Variable
from ..graph.registry import OPS
from ..graph.tensor import TensorType, constant
from ..graph.traverse import rebuild_graph
from ..graph.where import on_behalf_of
from ..ops.kinds import UNKNOWN
from .pattern import Local, Node, Scope, on

__all__ = ["SHAPES", "ShapeEnv"]

#: A product of unknowns, each by its number, in ascending order.
Monomial = tuple[int, ...]
#: Monomials with their coefficients, none of which is 0.
Polynomial = tuple[tuple[Monomial, int], ...]
Size = Any  # an int, or a scalar int64 variable


class ShapeEnv:
    """Shapes of variables as tuples of sizes.

    A size is an int, or a scalar int64 variable in terms of ``ShapeI`` of inputs and of integers
    that the graph computes. Equal sizes are identical objects.

    Parameters
    ----------
    outputs : iterable of Variable or Apply
        The graph. Shapes of other variables are found when they are asked for.

    Attributes
    ----------
    obligations : list of (size, size, Apply)
        Sizes that have to be equal and were not proved to be, and the node that needs it. Later
        ones take those before for granted.

    Examples
    --------
    >>> import numbagrad.tensor as T
    >>> x, y = T.vector("x"), T.vector("y")
    >>> z = T.exp(x + y) * x
    >>> env = ShapeEnv([z])
    >>> env.same(env.shape(z)[0], env.shape(y)[0])
    True
    >>> len(env.obligations)
    1
    """

    def __init__(self, outputs: Iterable[Variable | Apply] = ()):
        self.obligations: list[tuple[Size, Size, Apply]] = []
        self._shapes: dict[Variable, tuple[Size, ...]] = {}
        self._atoms: list[Variable] = []
        self._atom_of: dict[Any, int] = {}
        self._polynomial_of: dict[Variable, Polynomial] = {}
        self._size_of: dict[Polynomial, Size] = {}
        self._stands_for: dict[int, Polynomial] = {}
        #: Answers of `canonical`, as long as nothing new is known to be equal.
        self._canonical: dict[Variable, Size] = {}
        self._done: set[Apply] = set()
        self._find(v for o in outputs for v in (o.outputs if isinstance(o, Apply) else [o]))

    # -- graphs inside ---------------------------------------------------------------------

    def fork(self) -> ShapeEnv:
        """All that is known, to which a graph inside a node adds what holds only there."""
        made = ShapeEnv()
        made._shapes = dict(self._shapes)
        made._atoms = list(self._atoms)
        made._atom_of = dict(self._atom_of)
        made._polynomial_of = dict(self._polynomial_of)
        made._size_of = dict(self._size_of)
        made._stands_for = dict(self._stands_for)
        made._done = set(self._done)
        return made

    def declare(self, variable: Variable, shape: Sequence[Size]) -> None:
        """Tell the sizes of a variable that nothing computes."""
        self._shapes[variable] = self._refined(variable, shape)

    def equate(self, a: Size, b: Size, node: Apply) -> None:
        """Two sizes have to be equal because of ``node``."""
        self._equate(a, b, node)

    # -- questions -------------------------------------------------------------------------

    def shape(self, variable: Variable) -> tuple[Size, ...]:
        """The sizes of ``variable``, the same object for sizes known to be equal."""
        if variable not in self._shapes:
            self._find([variable])
        return tuple(self.canonical(s) for s in self._shapes[variable])

    def same(self, a: Size, b: Size) -> bool:
        """Whether two sizes are equal, by arithmetic or because a node needs them to be."""
        return self._resolved(self._polynomial(a)) == self._resolved(self._polynomial(b))

    def canonical(self, size: Size) -> Size:
        """The one object that stands for all sizes equal to ``size``."""
        if isinstance(size, int):
            return size
        found = self._canonical.get(size)
        if found is None:
            found = self._size(self._resolved(self._polynomial(size)))
            if isinstance(size, Variable):
                self._canonical[size] = found
        return found

    def same_or_unknown(self, a: Size, b: Size) -> bool:
        """`same` of sizes that may be UNKNOWN, which are equal to nothing."""
        return a is not UNKNOWN and b is not UNKNOWN and self.same(a, b)

    def inside(self, graph: Any, inputs: Sequence[Variable]) -> list[tuple[Size, ...]]:
        """The shapes of the outputs of a graph that is computed only sometimes.

        What its nodes need to be equal is no fact about the graph around it. A size is in terms of
        ``inputs``, what the graph gets for its own, or UNKNOWN if it depends on values inside.
        """
        own, memo = ShapeEnv(graph.outputs), dict(zip(graph.inputs, inputs, strict=True))
        made = []
        for variable in graph.outputs:
            shape = own.shape(variable)
            known = [isinstance(s, int) or _follows_from(s, memo) for s in shape]
            moved = iter(rebuild_graph([s for s in shape if not isinstance(s, int)], dict(memo)))
            sizes = [s if isinstance(s, int) else next(moved) for s in shape]
            made.append(tuple(s if k else UNKNOWN for s, k in zip(sizes, known, strict=True)))
        return made

    # -- shapes of nodes -------------------------------------------------------------------

    def _find(self, variables: Iterable[Variable]) -> None:
        """The shapes of all variables that these depend on, inputs first."""
        stack: list[tuple[Variable, bool]] = [(v, False) for v in variables][::-1]
        while stack:
            variable, ready = stack.pop()
            node = variable.owner
            if variable in self._shapes or (node is not None and node in self._done):
                continue
            if node is None:
                self._shapes[variable] = self._unknown_shape(variable)
            elif ready:
                self._done.add(node)
                self._infer(node)
            else:
                stack.append((variable, True))
                stack.extend((v, False) for v in reversed(node.inputs) if v not in self._shapes)

    def _infer(self, node: Node) -> None:
        known = [self._shapes[v] for v in node.inputs]
        try:
            made = node.op.infer_shape(self, node, known)
        except NotImplementedError:
            made = [None] * len(node.outputs)
        for variable, shape in zip(node.outputs, made, strict=True):
            self._shapes[variable] = self._refined(variable, shape)
        for a, b in getattr(node.op, "same_sizes", _nothing)(known, *node.inputs):
            self._equate(a, b, node)

    def _refined(self, variable: Variable, shape: Sequence[Any] | None) -> tuple[Size, ...]:
        """The shape that an Op tells, with what the type knows better."""
        if shape is None or not isinstance(variable.type, TensorType):
            return self._unknown_shape(variable)
        return tuple(
            int(known)
            if known is not None
            else self._own_size(variable, axis)
            if told is UNKNOWN
            else self.canonical(_plain(told))
            for axis, (told, known) in enumerate(zip(shape, variable.type.shape, strict=True))
        )

    def _unknown_shape(self, variable: Variable) -> tuple[Size, ...]:
        """Ints where the type knows them, else sizes of the variable itself."""
        if not isinstance(variable.type, TensorType):
            return ()
        return tuple(
            int(size) if size is not None else self._own_size(variable, axis)
            for axis, size in enumerate(variable.type.shape)
        )

    def _own_size(self, variable: Variable, axis: int) -> Size:
        key = ("size", variable, axis)
        if key not in self._atom_of:
            self._new_atom(key, OPS["shape_i"](variable, axis))
        return self._size((((self._atom_of[key],), 1),))

    def _equate(self, a: Size, b: Size, node: Node) -> None:
        if a is b or a is UNKNOWN or b is UNKNOWN:
            return
        a, b = self.canonical(_plain(a)), self.canonical(_plain(b))
        if a is b or (isinstance(a, int) and a == b):
            return
        self.obligations.append((a, b, node))
        # The unknown that is met last gives way to the other side. One that is computed from
        # others is met after them, so nothing is ever replaced by what is computed from itself.
        left, right = self._polynomial(a), self._polynomial(b)
        for lone, other in sorted([(left, right), (right, left)], key=_lone_atom, reverse=True):
            atom = _lone_atom((lone, other))
            if atom >= 0 and all(part < atom for monomial, _ in other for part in monomial):
                self._stands_for[atom] = other
                self._canonical.clear()
                return

    # -- arithmetic ------------------------------------------------------------------------

    def _new_atom(self, key: Any, variable: Variable) -> Polynomial:
        number = self._atom_of[key] = len(self._atoms)
        self._atoms.append(variable)
        made: Polynomial = (((number,), 1),)
        self._polynomial_of[variable] = made
        self._size_of[made] = variable
        return made

    def _polynomial(self, size: Size) -> Polynomial:
        """The polynomial of a size, found after those of what it is computed from."""
        if isinstance(size, (int, np.integer)):
            return _number(int(size))
        stack: list[Variable] = [size]
        while stack:
            variable = stack[-1]
            if variable in self._polynomial_of:
                stack.pop()
                continue
            parts = self._parts(variable)
            missing = [v for v in parts if v not in self._polynomial_of]
            if missing:
                stack.extend(missing)
                continue
            self._polynomial_of[variable] = self._combined(variable, parts)
            stack.pop()
        return self._polynomial_of[size]

    def _parts(self, variable: Variable) -> list[Variable]:
        """The scalar integers that a scalar integer is computed from."""
        node: Node = variable.owner
        if node is None:
            return []
        element = _element_read(node)
        if element is not None:
            return [element]
        if type(node.op).__name__ == "ShapeI":
            if node.inputs[0] not in self._shapes:
                self._find(node.inputs)
            size = self._shapes[node.inputs[0]][node.op.axis]
            return [] if isinstance(size, int) else [size]
        scalars = all(_is_integer_scalar(v) for v in node.inputs)
        return list(node.inputs) if scalars and len(node.outputs) == 1 else []

    def _combined(self, variable: Any, parts: list[Variable]) -> Polynomial:
        node = variable.owner
        if isinstance(variable, Constant):
            return _number(int(variable.data))
        if node is None:
            return self._new_atom(("value", variable), variable)
        name = type(node.op).__name__
        if name == "ShapeI" or _element_read(node) is not None:
            if not parts:
                return _number(self._shapes[node.inputs[0]][node.op.axis])
            return self._polynomial_of[parts[0]]
        known = [self._resolved(self._polynomial_of[v]) for v in parts]
        if name == "Cast" and known and variable.type.dtype == "int64":
            return known[0]
        if known and variable.type.dtype == "int64":
            made = _arithmetic(name, known)
            if made is not None:
                return made
        return self._opaque(variable, node, known)

    def _opaque(self, variable: Any, node: Node, known: list[Polynomial]) -> Polynomial:
        """An unknown for an integer that is no polynomial: by Op and operands, or by itself."""
        if not known:
            return self._new_atom(("value", variable), variable)
        if getattr(node.op, "commutative", False):
            known = sorted(known, key=lambda p: (_as_int(p) is not None, p))
        numbers = [_as_int(p) for p in known]
        key = (node.op, *known)
        if key in self._atom_of:
            return (((self._atom_of[key],), 1),)
        inputs = [
            self._size(p) if n is None else constant(n, dtype="int64")
            for p, n in zip(known, numbers, strict=True)
        ]
        with on_behalf_of(node.where):
            made = node.op.make_node(*map(_as_variable, inputs)).outputs[0]
        if all(n is not None for n in numbers):
            folded = _performed(made.owner)
            if folded is not None:
                return _number(folded)
        if made.type.dtype != variable.type.dtype:
            made = variable
        return self._new_atom(key, made)

    def _resolved(self, polynomial: Polynomial) -> Polynomial:
        """With what stands for unknowns that were found equal to something."""
        while True:
            found = next(
                (a for monomial, _ in polynomial for a in monomial if a in self._stands_for), None
            )
            if found is None:
                return polynomial
            polynomial = _substituted(polynomial, found, self._stands_for[found])

    def _size(self, polynomial: Polynomial) -> Size:
        """The one object for a polynomial."""
        found = self._size_of.get(polynomial)
        if found is not None:
            return found
        number = _as_int(polynomial)
        if number is not None:
            return number
        made: Any = None
        for monomial, coefficient in polynomial:
            term: Any = None
            for atom in monomial:
                factor = self._atoms[atom]
                term = factor if term is None else OPS["mul"](term, factor)
            if term is None:
                made = coefficient if made is None else OPS["add"](made, coefficient)
                continue
            minus = coefficient < 0 and made is not None
            if abs(coefficient) != 1 or (coefficient < 0 and not minus):
                term = OPS["mul"](abs(coefficient) if minus else coefficient, term)
            made = term if made is None else OPS["sub" if minus else "add"](made, term)
        if made.type.dtype != "int64":
            made = OPS["cast"](made, "int64")
        self._size_of[polynomial] = made
        self._polynomial_of[made] = polynomial
        return made


# -- polynomials -----------------------------------------------------------------------------------


def _number(value: int) -> Polynomial:
    return (((), value),) if value else ()


def _as_int(polynomial: Polynomial) -> int | None:
    if not polynomial:
        return 0
    if len(polynomial) == 1 and polynomial[0][0] == ():
        return polynomial[0][1]
    return None


def _collected(terms: Iterable[tuple[Monomial, int]]) -> Polynomial:
    total: dict[Monomial, int] = {}
    for monomial, coefficient in terms:
        total[monomial] = total.get(monomial, 0) + coefficient
    # The constant last, the rest in the order in which the unknowns were met.
    order = sorted(total.items(), key=lambda item: (item[0] == (), item[0]))
    return tuple((m, c) for m, c in order if c)


def _plus(a: Polynomial, b: Polynomial, sign: int = 1) -> Polynomial:
    return _collected([*a, *((m, sign * c) for m, c in b)])


def _times(a: Polynomial, b: Polynomial) -> Polynomial:
    return _collected((tuple(sorted(m + n)), c * d) for m, c in a for n, d in b)


def _arithmetic(name: str, known: list[Polynomial]) -> Polynomial | None:
    if name == "Add":
        return _plus(known[0], known[1])
    if name == "Sub":
        return _plus(known[0], known[1], -1)
    if name == "Neg":
        return _plus((), known[0], -1)
    if name == "Mul":
        return _times(known[0], known[1])
    return None


def _substituted(polynomial: Polynomial, atom: int, value: Polynomial) -> Polynomial:
    made: Polynomial = ()
    for monomial, coefficient in polynomial:
        term = _number(coefficient)
        for factor in monomial:
            term = _times(term, value if factor == atom else (((factor,), 1),))
        made = _plus(made, term)
    return made


def _lone_atom(sides: tuple[Polynomial, Polynomial]) -> int:
    """The number of the unknown that the left side is, or -1."""
    left = sides[0]
    return left[0][0][0] if len(left) == 1 and len(left[0][0]) == 1 and left[0][1] == 1 else -1


# -- variables -------------------------------------------------------------------------------------


def _nothing(*_: Any) -> list[Any]:
    return []


def _plain(size: Any) -> Size:
    if isinstance(size, Constant):
        return int(size.data)
    return int(size) if isinstance(size, np.integer) else size


def _as_variable(size: Size) -> Variable:
    return constant(size, dtype="int64") if isinstance(size, int) else size


def _follows_from(size: Variable, given: Collection[Variable]) -> bool:
    """Whether a size needs no more than the sizes and whole numbers of ``given``."""
    stack = [size]
    while stack:
        variable = stack.pop()
        if variable in given or isinstance(variable, Constant):
            continue
        node: Node = variable.owner
        if node is None or not _is_integer_scalar(variable):
            return False
        if type(node.op).__name__ == "ShapeI" and node.inputs[0] in given:
            continue
        stack.extend(node.inputs)
    return True


def _is_integer_scalar(variable: Variable) -> bool:
    type_ = variable.type
    return isinstance(type_, TensorType) and type_.ndim == 0 and type_.numpy_dtype.kind in "iu"


def _performed(node: Node) -> int | None:
    """The value of a node of constants, if it has one."""
    storage: list[list[Any]] = [[None]]
    try:
        node.op.perform(node, [v.data for v in node.inputs], storage)
    except Exception:  # the error belongs to the call, not to the analysis
        return None
    return int(storage[0][0])


def _element_read(node: Node) -> Variable | None:
    """For ``make_vector(a, b, ...)[k]`` with a known ``k``: the scalar that stands there."""
    if type(node.op).__name__ != "Subtensor" or node.outputs[0].type.ndim != 0:
        return None
    (entry,) = node.op.pattern if len(node.op.pattern) == 1 else (None,)
    if len(node.inputs) == 2 and isinstance(node.inputs[1], Constant):
        entry = int(node.inputs[1].data)
    vector = node.inputs[0].owner
    if vector is None or type(vector.op).__name__ != "MakeVector" or not isinstance(entry, int):
        return None
    count = len(vector.inputs)
    return vector.inputs[entry] if -count <= entry < count else None


@on("Subtensor")
def element_of_scalars(node: Node, scope: Scope) -> Any:
    """make_vector(a, b, ...)[1] = b"""
    return None if scope.owner(node.inputs[0]) is None else _element_read(node)


@on("Size")
def size_in_terms_of_inputs(node: Node, scope: Scope) -> Any:
    """shape(f(x))[i] = the size that follows from shape(x)"""
    size = scope.env.shape(node.inputs[0])[node.op.axis]
    return _as_variable(size)


SHAPES: list[Local] = [size_in_terms_of_inputs, element_of_scalars]
