"""A whole source to LLVM IR: its functions, the kernels they call, what LLVM is told beside.

A kernel that takes arrays is never inlined, and the same for every function: it is made into
machine code of its own, once, where the caller allows it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from ...kernels import _small
from ...records import field, record
from ..runtime import COMMON, new_array
from .arrays import FIRST_GROUP, Borrowed, Common, Unit, Written
from .kernels import definition
from .layout import Kind, parameters
from .parts import Taking
from .places import Places
from .statements import MAIN, Again, Body, elementary_calls
from .values import Unknown

__all__ = ["Translated", "common_kernel", "translate"]

#: Where the kernels are that may have machine code of their own.
_KERNELS = "numbagrad.kernels"

#: A source with more calls of elementary functions calls them; with fewer they are inlined.
INLINED = 6


@record()
class Translated:
    """LLVM IR of a printed function and its parts.

    Attributes
    ----------
    text : str
    symbol : str
    results : tuple of Kind
    borrowed : dict
        The functions of Numba's that it calls, by symbol.
    common : dict
        The kernels in machine code of their own that it calls, by symbol.
    """

    text: str
    symbol: str
    results: tuple[Kind, ...]
    borrowed: dict[str, Borrowed] = field(default_factory=dict)
    common: dict[str, Common] = field(default_factory=dict)


#: Gives a kernel that has machine code of its own.
Sharing = Callable[[Any, Sequence[Kind], str], Common | None]


def translate(
    source: str,
    name: str,
    takes: Sequence[Kind],
    namespace: Mapping[str, Any],
    fastmath: bool,
    borrow: Callable[[Any, Sequence[Kind]], Borrowed],
    results: Sequence[Kind] | None = None,
    lanes: int = 0,
    lines: bool = False,
    share: Sharing | None = None,
) -> Translated:
    """Translate printed source.

    Parameters
    ----------
    source : str
    name : str
        The function to translate; others of the same source are its parts.
    takes : sequence of Kind
        Its parameters.
    namespace : mapping
        What global names stand for.
    fastmath : bool
        Whether sums may be reassociated and products contracted.
    borrow : callable
        ``borrow(function, kinds)`` has Numba compile a function for such arguments.
    results : sequence of Kind, optional
        What the function is expected to return, if that is known. When it is called, the field of
        ``out`` with an array's data holds where the caller wants it, with its sizes behind, or
        null.
    lanes : int
        How many doubles the machine computes at once; 0 where nothing but the text itself is at
        hand, and every elementary function is inlined.
    lines : bool
        Whether instructions bear the lines of the source.
    share : callable, optional
        ``share(function, kinds, flags)`` gives a kernel that has machine code of its own, or
        ``None``; without it all kernels are part of the text.

    Raises
    ------
    Unknown
        If the source has something that is not known here, or returns something else.
    """
    parsed = ast.parse(source)
    functions = {f.name: f for f in parsed.body if isinstance(f, ast.FunctionDef)}
    unit = Source(functions, namespace, "reassoc contract" if fastmath else "", borrow, share)
    if elementary_calls(parsed, namespace) > INLINED:
        unit.lanes = lanes
    unit.machine_lanes = lanes
    unit.places = Places() if lines else None
    made = unit.main(name, takes, results or ())
    if results is not None and list(made) != list(results):
        raise Unknown("results of other types")
    text = unit.whole()
    if unit.places is not None:
        text += unit.places.text()
    return Translated(text, MAIN, made, unit.borrowed, unit.common)


def common_kernel(
    function: Any,
    kinds: Sequence[Kind],
    flags: str,
    level: int,
    borrow: Callable[[Any, Sequence[Kind]], Borrowed],
) -> Common | None:
    """A kernel of this package as machine code of its own; ``None`` for what numbers go into.

    Parameters
    ----------
    function : callable
    kinds : sequence of Kind
        Its parameters.
    flags : str
        What its floating-point instructions may do.
    level : int
        Of optimisation.
    borrow : callable
        As in `translate`.

    Raises
    ------
    Unknown
        If its source has something that is not known here.
    """
    module, _, here = function.__module__.rpartition(".")
    if module != _KERNELS or "." in function.__qualname__:
        return None
    if all(ndim is None for _, ndim in kinds):
        return None
    types = [f"{dtype}_{'n' if ndim is None else ndim}" for dtype, ndim in kinds]
    told = [here, function.__name__, *types, *flags.split(), str(level)]
    unit = Source({}, {}, flags, borrow, lambda *_: None)
    made = unit.alone(function, kinds, COMMON + "_".join(told))
    given = ", ".join(
        ["ptr", "ptr", *(t.split(" ", 1)[0] for t in parameters(kinds, True).declared)]
    )
    borrowed = tuple(other.text for other in unit.borrowed.values())
    declared = f"declare i32 @{made.symbol}({given})"
    return Common(made, (made.symbol,), unit.whole(), declared, borrowed, unit.common)


@lru_cache
def _small_products(dtype: str) -> Common:
    """Products of small matrices."""
    known = _small.symbol(dtype)
    symbol = known.replace("numbagrad_", COMMON, 1)
    symbols = (symbol, f"{symbol}_transposed")
    text = _small.definitions(dtype).replace(known, symbol)
    given = "ptr, ptr, i64, i64, ptr, i64, i64, i64"
    declared = "\n".join(f"declare void @{name}({given})" for name in symbols)
    return Common(Written(symbol, ()), symbols, text, declared)


def _versions(unit: Unit) -> list[str]:
    """What tells LLVM of the versions for vectors, and keeps their declarations until then."""
    if not unit.elementary:
        return []
    names = [f"ptr @{name}" for versions, _ in unit.elementary.values() for name in versions]
    kept = f"@llvm.compiler.used = appending global [{len(names)} x ptr] [{', '.join(names)}]"
    groups = [
        f"attributes #{FIRST_GROUP + k} = {{ nounwind willreturn memory(none) {attribute} }}"
        for k, (_, attribute) in enumerate(unit.elementary.values())
    ]
    return [f'{kept}, section "llvm.metadata"', *groups, ""]


class Source(Unit):
    """All functions of one source."""

    def __init__(
        self,
        functions: Mapping[str, ast.FunctionDef],
        namespace: Mapping[str, Any],
        flags: str,
        borrow: Callable[..., Borrowed],
        share: Sharing | None = None,
    ):
        super().__init__({**namespace, **functions}, flags, borrow)
        self.share = share
        self.functions = functions
        self.texts: list[str] = []
        self.made: dict[Any, Written] = {}
        self.count = 0

    def part(self, name: str, taking: Taking) -> Written:
        """A part for such arguments."""
        key = (name, taking)
        if key not in self.made:
            self.count += 1
            symbol = f"numbagrad_part{self.count}"
            self.made[key] = self._written(self.functions[name], self.namespace, taking, symbol)
        return self.made[key]

    def kernel(self, function: Any, kinds: Sequence[Kind], flags: str) -> Written:
        """A function with a source of its own for such arguments."""
        key = (function, tuple(kinds), flags)
        if key not in self.made and self.share is not None:
            common = self.share(function, kinds, flags)
            if common is not None:
                self.made[key] = self._outside(common)
        if key not in self.made:
            self.count += 1
            symbol = f"numbagrad_{function.__name__.strip('_')}{self.count}"
            node, scope = definition(function)
            own, self.flags = self.flags, flags
            try:
                self.made[key] = self._written(node, scope, parameters(kinds, True), symbol)
            finally:
                self.flags = own
        return self.made[key]

    def _outside(self, common: Common) -> Written:
        self.common[common.made.symbol] = common
        self.declared[common.made.symbol] = common.declared
        return common.made

    def small_product(self, dtype: str) -> str:
        if self.share is None:
            self.declared[f"small {dtype}"] = _small.definitions(dtype)
            return _small.symbol(dtype)
        return self._outside(_small_products(dtype)).symbol

    def alone(self, function: Any, kinds: Sequence[Kind], symbol: str) -> Written:
        """Write a kernel that others call; what it returns."""
        return self._written(*definition(function), parameters(kinds, True), symbol)

    def whole(self) -> str:
        """The text of all functions."""
        allocating = [new_array(ndim, sum(self.allocations.values())) for ndim in self.allocations]
        declarations = [*self.declared.values(), *self.foreign.values(), *allocating]
        return "\n".join([*declarations, *self.texts, *_versions(self), *self.loop_notes, ""])

    def main(self, name: str, kinds: Sequence[Kind], wanted: Sequence[Kind]) -> tuple[Kind, ...]:
        """Write the function that is called from outside; what it returns."""
        taking = parameters(kinds, False)
        return self._written(self.functions[name], self.namespace, taking, MAIN, wanted).results

    def _written(
        self,
        node: ast.FunctionDef,
        scope: Mapping[str, Any],
        taking: Taking,
        symbol: str,
        wanted: Sequence[Kind] = (),
    ) -> Written:
        slotted: dict[str, str] = {}
        for _ in range(100):
            body = Body(self, node, scope, taking, slotted, wanted)
            allocations = self.allocations.copy()
            try:
                text = body.text(symbol)
            except Again:
                self.allocations = allocations
                continue
            self.texts.append(text)
            return Written(symbol, tuple(body.results or ()), body.made_here or frozenset())
        raise Unknown("names whose dtypes do not settle")
