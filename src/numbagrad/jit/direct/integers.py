"""Operations on integers that LLVM lacks or defines otherwise: division, mixed comparisons, shifts.

Results are those of Numba with ``error_model="numpy"``, except that dividing the smallest number by
-1, where the processor's division traps, wraps.
"""

from __future__ import annotations

import ast

from .function import Writer
from .values import Number, is_signed

__all__ = ["compared", "divided", "shifted"]


def divided(write: Writer, operator: ast.operator, left: Number, right: Number) -> Number:
    """``//`` or ``%`` of two integers of one dtype, int64 or uint64; 0 if one divides by 0.

    There is no branch, so that loops may be computed in vectors.
    """
    whole = isinstance(operator, ast.FloorDiv)
    a, b, make = left.text, right.text, write.make
    none = make(f"icmp eq i64 {b}, 0")
    if (left.natural and right.natural) or not is_signed(left.dtype):
        verb = "udiv" if whole else "urem"
        made = make(f"{verb} i64 {a}, {make(f'select i1 {none}, i64 1, i64 {b}')}")
        text = make(f"select i1 {none}, i64 0, i64 {made}")
        return Number(left.dtype, text, left.natural and right.natural)
    minus = make(f"icmp eq i64 {b}, -1")
    safe = make(f"select i1 {make(f'or i1 {none}, {minus}')}, i64 1, i64 {b}")
    quotient = make(f"sdiv i64 {a}, {safe}")
    rest = make(f"sub i64 {a}, {make(f'mul i64 {quotient}, {safe}')}")
    # C rounds to zero, Python down.
    apart = make(f"icmp slt i64 {make(f'xor i64 {rest}, {safe}')}, 0")
    inexact = make(f"icmp ne i64 {rest}, 0")
    down = make(f"select i1 {inexact}, i1 {apart}, i1 false")
    if not whole:
        more = make(f"select i1 {down}, i64 {safe}, i64 0")
        return Number(left.dtype, make(f"add i64 {rest}, {more}"))
    made = make(f"add i64 {quotient}, {make(f'sext i1 {down} to i64')}")
    negated = make(f"select i1 {minus}, i64 {make(f'sub i64 0, {a}')}, i64 {made}")
    return Number(left.dtype, make(f"select i1 {none}, i64 0, i64 {negated}"))


def compared(write: Writer, verb: str, left: Number, right: Number) -> str:
    """A comparison of a signed with an unsigned integer, of 64 bits each, by their values.

    ``verb`` is that of signed numbers.
    """
    make = write.make
    signed = left if is_signed(left.dtype) else right
    below = make(f"icmp slt i64 {signed.text}, 0")
    pair = f"{left.text}, {right.text}"
    plain = make(f"icmp {verb if verb in ('eq', 'ne') else f'u{verb[1:]}'} i64 {pair}")
    pair = f"{left.text}, 0" if signed is left else f"0, {right.text}"
    beyond = make(f"icmp {verb} i64 {pair}")
    return make(f"select i1 {below}, i1 {beyond}, i1 {plain}")


def shifted(write: Writer, operator: ast.operator, left: Number, right: Number) -> Number:
    """``<<`` or ``>>`` of two integers of one dtype, int64 or uint64."""
    verb = "shl"
    if isinstance(operator, ast.RShift):
        verb = "ashr" if is_signed(left.dtype) else "lshr"
    natural = left.natural and verb != "shl"
    return Number(left.dtype, write.make(f"{verb} i64 {left.text}, {right.text}"), natural)
