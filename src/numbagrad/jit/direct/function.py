"""The text of one function in LLVM IR while it is being written: blocks, slots, temporaries."""

from __future__ import annotations

from collections.abc import Sequence

from .values import BYTES, FLOATS, Array, Number, Unknown, is_signed, llvm_type, memory_type, number

__all__ = ["Writer"]


class Writer:
    """Appends instructions.

    Parameters
    ----------
    flags : str
        What every floating-point instruction may do, such as ``"reassoc contract"``.

    Attributes
    ----------
    lines : list of str
        The body.
    slots : dict of str
        The stack slots, to be printed at the function's entry.
    at : str
        What is put behind each instruction: where in the source it belongs.
    """

    def __init__(self, flags: str):
        self.flags = f"{flags} " if flags else ""
        self.lines: list[str] = []
        self.slots: dict[str, None] = {}
        self.at = ""
        self.block = "entry"
        self.closed = False
        self._count = 0

    # -- text ------------------------------------------------------------------------------

    def new(self) -> str:
        """A fresh register."""
        self._count += 1
        return f"%t{self._count}"

    def label(self, stem: str) -> str:
        """A fresh label."""
        self._count += 1
        return f"{stem}{self._count}"

    def put(self, line: str) -> None:
        """An instruction without a result."""
        if not self.closed:
            self.lines.append(f"  {line}{self.at}")

    def make(self, expression: str) -> str:
        """An instruction's result."""
        name = self.new()
        self.put(f"{name} = {expression}")
        return name

    def start(self, label: str) -> None:
        """Begin a block; the one before falls through into it."""
        self.put(f"br label %{label}")
        self.lines.append(f"{label}:")
        self.block = label
        self.closed = False

    def end(self, line: str) -> None:
        """Leave the block."""
        self.put(line)
        self.closed = True

    def branch(self, condition: str, yes: str, no: str, rare: bool = False) -> None:
        """Go one way or the other; ``rare`` says that it is hardly ever the first."""
        weights = ", !prof !0" if rare else ""
        self.end(f"br i1 {condition}, label %{yes}, label %{no}{weights}")

    # -- numbers ---------------------------------------------------------------------------

    def slot(self, name: str, type_: str) -> str:
        """A place on the stack, the same for the same name."""
        place = f"%{name}"
        self.slots[f"{place} = alloca {type_}"] = None
        return place

    def cast(self, value: Number, dtype: str) -> Number:
        """A number in another dtype, as C converts it."""
        old, new = value.dtype, dtype
        if old == new:
            return value
        source, target = llvm_type(old), llvm_type(new)
        if new == "bool":
            how = "fcmp une" if old in FLOATS else "icmp ne"
            zero = number(0.0, old).text if old in FLOATS else "0"
            return Number(new, self.make(f"{how} {source} {value.text}, {zero}"))
        if old in FLOATS and new in FLOATS:
            verb = "fpext" if new == "float64" else "fptrunc"
        elif old in FLOATS:
            verb = "fptosi" if is_signed(new) else "fptoui"
        elif new in FLOATS:
            if value.text.lstrip("-").isdigit():
                return number(float(value.text), new)
            verb = "sitofp" if is_signed(old) else "uitofp"
        elif BYTES[old] > BYTES[new]:
            verb = "trunc"
        elif (old != "bool" and BYTES[old] == BYTES[new]) or value.text.lstrip("-").isdigit():
            return Number(new, value.text, value.natural)
        else:
            verb = "sext" if is_signed(old) else "zext"
        natural = verb == "zext" or (verb == "sext" and value.natural)
        return Number(new, self.make(f"{verb} {source} {value.text} to {target}"), natural)

    def load(self, pointer: str, dtype: str) -> Number:
        """The number in memory."""
        text = self.make(f"load {memory_type(dtype)}, ptr {pointer}, align {BYTES[dtype]}")
        if dtype == "bool":
            text = self.make(f"icmp ne i8 {text}, 0")
        return Number(dtype, text)

    def store(self, pointer: str, value: Number) -> None:
        """Write a number to memory."""
        text, dtype = value.text, value.dtype
        if dtype == "bool":
            text = self.make(f"zext i1 {text} to i8")
        self.put(f"store {memory_type(dtype)} {text}, ptr {pointer}, align {BYTES[dtype]}")

    # -- arrays ----------------------------------------------------------------------------

    def size_of(self, shape: Sequence[str]) -> str:
        """The number of elements, which fits since the array exists."""
        total = shape[0] if shape else "1"
        for extent in shape[1:]:
            total = self.make(f"mul nsw i64 {total}, {extent}")
        return total

    def element(self, array: Array, index: Sequence[Number]) -> str:
        """The pointer to an element, or to where a sub-array begins; negative indices wrap.

        The last index is added to the pointer to the row by an instruction of its own: in the sum
        of two integers that have no bit in common LLVM forgets that it is one.
        """
        pointer, offset = array.data, ""
        type_ = memory_type(array.dtype)
        for position, extent in enumerate(array.shape):
            if offset:
                offset = self.make(f"mul nsw i64 {offset}, {extent}")
            if position >= len(index):
                continue
            place = self._wrapped(index[position], extent)
            if offset and position == len(array.shape) - 1:
                pointer = self.make(f"getelementptr inbounds {type_}, ptr {pointer}, i64 {offset}")
                offset = ""
            offset = self.make(f"add nsw i64 {offset}, {place}") if offset else place
        return self.make(f"getelementptr inbounds {type_}, ptr {pointer}, i64 {offset or '0'}")

    def _wrapped(self, index: Number, extent: str) -> str:
        if "int" not in index.dtype:
            raise Unknown(f"index of dtype {index.dtype}")
        place = self.cast(index, "int64").text
        if index.natural or not is_signed(index.dtype):
            return place
        below = self.make(f"icmp slt i64 {place}, 0")
        wrapped = self.make(f"add nsw i64 {place}, {extent}")
        return self.make(f"select i1 {below}, i64 {wrapped}, i64 {place}")
