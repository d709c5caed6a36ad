"""Products of small matrices as LLVM IR: no call of BLAS is as short.

Four rows by eight columns of the result are computed at once and kept in registers; rows over the
edge are computed again and columns over it masked, so that one loop serves all sizes. What is
multiplied by a transposed matrix copies it to the stack first.
"""

from functools import cache

__all__ = ["ROOM", "definitions", "symbol"]

#: How many elements of a transposed matrix there is room for.
ROOM = 1024
_ROWS = 4
_TYPES = {"float32": ("float", "f32", "4"), "float64": ("double", "f64", "8")}

#: In all texts ELEMENT is the type of a number, BITS how LLVM calls it, SIZE its bytes, and ROW the
#: number of one of the rows that are computed together.
_DECLARED = """
declare <8 x ELEMENT> @llvm.fmuladd.v8BITS(<8 x ELEMENT>, <8 x ELEMENT>, <8 x ELEMENT>)
declare <8 x ELEMENT> @llvm.masked.load.v8BITS.p0(ptr, i32 immarg, <8 x i1>, <8 x ELEMENT>)
declare void @llvm.masked.store.v8BITS.p0(<8 x ELEMENT>, ptr, i32 immarg, <8 x i1>)
"""
_START = """  %rROW.next = add i64 %i, ROW
  %rROW.over = icmp sgt i64 %rROW.next, %last
  %rROW = select i1 %rROW.over, i64 %last, i64 %rROW.next
  %rROW.step = mul i64 %rROW, %down
  %aROW = getelementptr ELEMENT, ptr %a, i64 %rROW.step
"""
_SUM = """  %sROW = phi <8 x ELEMENT> [ zeroinitializer, %columns ], [ %sROW.more, %add ]
"""
_ADD = """  %xROW.at = getelementptr ELEMENT, ptr %aROW, i64 %ap
  %xROW = load ELEMENT, ptr %xROW.at, align SIZE
  %xROW.one = insertelement <8 x ELEMENT> poison, ELEMENT %xROW, i64 0
  %xROW.all = shufflevector <8 x ELEMENT> %xROW.one, <8 x ELEMENT> poison, <8 x i32> zeroinitializer
  %sROW.more = call <8 x ELEMENT> @llvm.fmuladd.v8BITS(<8 x ELEMENT> %xROW.all,
    <8 x ELEMENT> %y, <8 x ELEMENT> %sROW)
"""
_WRITE = """  %cROW.row = mul i64 %rROW, %n
  %cROW.from = add i64 %cROW.row, %j
  %cROW.at = getelementptr ELEMENT, ptr %c, i64 %cROW.from
  call void @llvm.masked.store.v8BITS.p0(<8 x ELEMENT> %sROW, ptr %cROW.at, i32 SIZE,
    <8 x i1> %mask)
"""
_PRODUCT = """
define internal void @NAME(ptr %c, ptr %a, i64 %down, i64 %along, ptr %b, i64 %m, i64 %n, i64 %k) #2
{
entry:
  %last = add i64 %m, -1
  br label %rows
rows:
  %i = phi i64 [ 0, %entry ], [ %i.more, %rows.end ]
  %i.inside = icmp slt i64 %i, %m
  br i1 %i.inside, label %row, label %done
row:
<START>  br label %columns.next
columns.next:
  %j = phi i64 [ 0, %row ], [ %j.more, %write ]
  %j.inside = icmp slt i64 %j, %n
  br i1 %j.inside, label %columns, label %rows.end
columns:
  %left = sub i64 %n, %j
  %left.one = insertelement <8 x i64> poison, i64 %left, i64 0
  %left.all = shufflevector <8 x i64> %left.one, <8 x i64> poison, <8 x i32> zeroinitializer
  %mask = icmp slt <8 x i64>
    <i64 0, i64 1, i64 2, i64 3, i64 4, i64 5, i64 6, i64 7>, %left.all
  br label %sum
sum:
  %p = phi i64 [ 0, %columns ], [ %p.more, %add ]
  %ap = phi i64 [ 0, %columns ], [ %ap.more, %add ]
  %bp = phi i64 [ %j, %columns ], [ %bp.more, %add ]
<SUM>  %p.inside = icmp slt i64 %p, %k
  br i1 %p.inside, label %add, label %write
add:
  %y.at = getelementptr ELEMENT, ptr %b, i64 %bp
  %y = call <8 x ELEMENT> @llvm.masked.load.v8BITS.p0(ptr %y.at, i32 SIZE, <8 x i1> %mask,
    <8 x ELEMENT> zeroinitializer)
<ADD>  %p.more = add i64 %p, 1
  %ap.more = add i64 %ap, %along
  %bp.more = add i64 %bp, %n
  br label %sum
write:
<WRITE>  %j.more = add i64 %j, 8
  br label %columns.next
rows.end:
  %i.more = add i64 %i, 4
  br label %rows
done:
  ret void
}
"""
_TRANSPOSED = """
define internal void @NAME_transposed(
  ptr %c, ptr %a, i64 %down, i64 %along, ptr %b, i64 %m, i64 %n, i64 %k) #2 {
entry:
  %room = alloca [1024 x ELEMENT], align 64
  br label %rows
rows:
  %j = phi i64 [ 0, %entry ], [ %j.more, %row.end ]
  %j.inside = icmp slt i64 %j, %n
  br i1 %j.inside, label %row, label %multiply
row:
  %from = mul i64 %j, %k
  br label %elements
elements:
  %p = phi i64 [ 0, %row ], [ %p.more, %copy ]
  %to = phi i64 [ %j, %row ], [ %to.more, %copy ]
  %p.inside = icmp slt i64 %p, %k
  br i1 %p.inside, label %copy, label %row.end
copy:
  %place = add i64 %from, %p
  %x.at = getelementptr ELEMENT, ptr %b, i64 %place
  %x = load ELEMENT, ptr %x.at, align SIZE
  %y.at = getelementptr ELEMENT, ptr %room, i64 %to
  store ELEMENT %x, ptr %y.at, align SIZE
  %p.more = add i64 %p, 1
  %to.more = add i64 %to, %n
  br label %elements
row.end:
  %j.more = add i64 %j, 1
  br label %rows
multiply:
  call void @NAME(ptr %c, ptr %a, i64 %down, i64 %along, ptr %room, i64 %m, i64 %n, i64 %k)
  ret void
}
"""


def symbol(dtype: str) -> str:
    """The name of the function; ``..._transposed`` is the one for a transposed ``b``.

    >>> symbol("float32")
    'numbagrad_small_product_f32'
    """
    return f"numbagrad_small_product_{_TYPES[dtype][1]}"


@cache
def definitions(dtype: str) -> str:
    """The functions for a dtype.

    Both take the pointers to ``c`` and ``a``, how far the next row of ``a`` is and the next element
    of a row, the pointer to ``b`` and the sizes ``m``, ``n`` and ``k``. ``b`` has ``k`` rows of
    ``n`` numbers; where it is transposed, ``n`` of ``k``.
    """
    text = _DECLARED + _PRODUCT + _TRANSPOSED
    for word, each in (("START", _START), ("SUM", _SUM), ("ADD", _ADD), ("WRITE", _WRITE)):
        rows = "".join(each.replace("ROW", str(row)) for row in range(_ROWS))
        text = text.replace(f"<{word}>", rows)
    element, bits, size = _TYPES[dtype]
    words = {"ELEMENT": element, "BITS": bits, "SIZE": size, "NAME": symbol(dtype)}
    for word, meaning in words.items():
        text = text.replace(word, meaning)
    return text
