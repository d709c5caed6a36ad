"""What compiled code needs at run time, in LLVM IR: memory for arrays, with reference counts.

A block begins with a header of 64 bytes laid out as Numba's ``MemInfo`` (reference count,
destructor, its argument, data, size), so that kernels that Numba compiled and printed code hand
each other arrays. Only the texts and the numbers of statuses live here.
"""

from .apart import MARK
from .process import LARGE, RELEASE

__all__ = [
    "COMMON",
    "FAILED_GIVEN",
    "FAILED_KERNEL",
    "FAILED_SHAPE",
    "NEVER_UNROLLED",
    "NO_MEMORY",
    "ONE_AT_A_TIME",
    "RUNTIME",
    "SHARED",
    "filling",
    "new_array",
]

#: What the symbols of kernels begin with that have machine code of their own.
COMMON = "numbagrad_kernel_"

#: Statuses that compiled code returns, besides 0 and the codes of failed checks.
NO_MEMORY = -1
FAILED_KERNEL = -2
FAILED_SHAPE = -3
#: An array that the caller wants a result to be written into has another shape.
FAILED_GIVEN = -4

#: Metadata of loops that are not unrolled, and of those that compute one vector at a time.
NEVER_UNROLLED, ONE_AT_A_TIME = "!2", "!3"

#: Part of every module. ``dtor_info``, the third word, holds what malloc gave; the seventh, which
#: Numba leaves alone, the size of a large block, which is kept when it is released.
RUNTIME = f"""{RELEASE}
declare noalias ptr @malloc(i64)
declare void @free(ptr)
declare noalias ptr @numbagrad_take(i64)
declare void @numbagrad_keep(ptr, i64)

define internal noalias ptr @numbagrad_new(i64 %size) #2 {{
  %negative = icmp slt i64 %size, 0
  br i1 %negative, label %fail, label %try
try:
  %whole = add i64 %size, 192
  %over = icmp slt i64 %whole, 0
  br i1 %over, label %fail, label %get
get:
  %large = icmp sge i64 %whole, {LARGE}
  br i1 %large, label %much, label %little
little:
  %own = call ptr @malloc(i64 %whole)
  %none = icmp eq ptr %own, null
  br i1 %none, label %fail, label %made
much:
  %kept = call ptr @numbagrad_take(i64 %whole)
  %no.more = icmp eq ptr %kept, null
  br i1 %no.more, label %fail, label %known
known:
  %real = load i64, ptr %kept
  br label %made
made:
  %raw = phi ptr [ %own, %little ], [ %kept, %known ]
  %capacity = phi i64 [ 0, %little ], [ %real, %known ]
  %address = ptrtoint ptr %raw to i64
  %up = add i64 %address, 63
  %even = and i64 %up, -64
  %block = inttoptr i64 %even to ptr
  store i64 1, ptr %block, align 64
  %dtor = getelementptr i8, ptr %block, i64 8
  store ptr null, ptr %dtor
  %info = getelementptr i8, ptr %block, i64 16
  store ptr %raw, ptr %info
  %data = getelementptr i8, ptr %block, i64 64
  %data.at = getelementptr i8, ptr %block, i64 24
  store ptr %data, ptr %data.at
  %size.at = getelementptr i8, ptr %block, i64 32
  store i64 %size, ptr %size.at
  %external = getelementptr i8, ptr %block, i64 40
  store ptr null, ptr %external
  %capacity.at = getelementptr i8, ptr %block, i64 48
  store i64 %capacity, ptr %capacity.at
  ret ptr %block
fail:
  ret ptr null
}}

; Memory for a result: what the caller gave, or the data of a new block.
define internal noalias ptr @numbagrad_result(ptr %given, i64 %size) #2 {{
  %none = icmp eq ptr %given, null
  br i1 %none, label %new, label %have
have:
  ret ptr %given
new:
  %block = call ptr @numbagrad_new(i64 %size)
  %failed = icmp eq ptr %block, null
  br i1 %failed, label %fail, label %made
made:
  %data = getelementptr i8, ptr %block, i64 64
  ret ptr %data
fail:
  ret ptr null
}}

define internal void @numbagrad_retain(ptr %block) #3 {{
  %none = icmp eq ptr %block, null
  br i1 %none, label %done, label %count
count:
  %old = load i64, ptr %block
  %new = add i64 %old, 1
  store i64 %new, ptr %block
  br label %done
done:
  ret void
}}

; The same for functions that hold many references.
define internal void @numbagrad_retain_called(ptr %block) #2 {{
  call void @numbagrad_retain(ptr %block)
  ret void
}}

define internal void @numbagrad_release_called(ptr %block) #2 {{
  call void @numbagrad_release(ptr %block)
  ret void
}}

define internal void @numbagrad_release_all(ptr %owners, i64 %count) #2 {{
entry:
  br label %next
next:
  %k = phi i64 [ 0, %entry ], [ %after, %next ]
  %owner = getelementptr inbounds ptr, ptr %owners, i64 %k
  %block = load ptr, ptr %owner
  call void @numbagrad_release(ptr %block)
  %after = add nuw i64 %k, 1
  %more = icmp ult i64 %after, %count
  br i1 %more, label %next, label %done, !llvm.loop !4
done:
  ret void
}}

attributes #0 = {{ nounwind noinline }}
attributes #1 = {{ nounwind willreturn memory(none) }}
attributes {MARK} = {{ nounwind noinline }}
!0 = !{{!"branch_weights", i32 1, i32 100000}}
!1 = !{{!"branch_weights", i32 100000, i32 1}}
{NEVER_UNROLLED} = !{{!"llvm.loop.unroll.disable"}}
!4 = distinct !{{!4, {NEVER_UNROLLED}}}
{ONE_AT_A_TIME} = !{{!"llvm.loop.interleave.count", i32 1}}
"""

#: A module that makes more arrays calls functions for it.
_FEW_ARRAYS = 8


def new_array(ndim: int, times: int) -> str:
    """Functions that make a new array and a result, from the bytes of a number and the sizes.

    Sizes are no negative ones. What is too much for 64 bits is too much for the memory. ``times``
    is how many arrays of all ranks a module makes: few are made in place.
    """
    attribute = "#2" if times > _FEW_ARRAYS else "#3"
    sizes = "".join(f", i64 %n{axis}" for axis in range(ndim))
    lines, total = [], "%bytes"
    for axis in range(ndim):
        size = f"i64 {total}, i64 %n{axis}"
        lines += [
            f"  %pair{axis} = call {{ i64, i1 }} @llvm.umul.with.overflow.i64({size})",
            f"  %over{axis} = extractvalue {{ i64, i1 }} %pair{axis}, 1",
            f"  br i1 %over{axis}, label %fail, label %on{axis}, !prof !0",
            f"on{axis}:",
            f"  %total{axis} = extractvalue {{ i64, i1 }} %pair{axis}, 0",
        ]
        total = f"%total{axis}"
    fail = ["fail:", "  ret ptr null"] if ndim else []
    texts: list[str] = []
    for name, given in (("array", ""), ("result", "ptr %given, ")):
        called = f"@numbagrad_{'result' if given else 'new'}({given}i64 {total})"
        texts += [
            f"define internal noalias ptr @numbagrad_{name}{ndim}({given}i64 %bytes{sizes}) "
            f"{attribute} {{",
            *lines,
            f"  %made = call noalias ptr {called}",
            "  ret ptr %made",
            *fail,
            "}",
        ]
    return "\n".join(texts) + "\n"


def filling(name: str, type_: str, size: int) -> str:
    """A function that sets numbers of so many bytes to one value."""
    return f"""define internal void @{name}(ptr %data, i64 %count, {type_} %value) #3 {{
entry:
  %some = icmp sgt i64 %count, 0
  br i1 %some, label %fill, label %done
fill:
  %k = phi i64 [ 0, %entry ], [ %next, %fill ]
  %place = getelementptr inbounds {type_}, ptr %data, i64 %k
  store {type_} %value, ptr %place, align {size}
  %next = add nuw nsw i64 %k, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %fill, label %done
done:
  ret void
}}
"""


#: What kernels compiled by Numba call; linked in where they do.
SHARED = {
    "NRT_MemInfo_alloc": """
define internal ptr @NRT_MemInfo_alloc(i64 %size) #2 {
  %block = call ptr @numbagrad_new(i64 %size)
  ret ptr %block
}""",
    "NRT_MemInfo_alloc_safe": """
define internal ptr @NRT_MemInfo_alloc_safe(i64 %size) #2 {
  %block = call ptr @numbagrad_new(i64 %size)
  ret ptr %block
}""",
    "NRT_MemInfo_alloc_aligned": """
define internal ptr @NRT_MemInfo_alloc_aligned(i64 %size, i32 %align) #2 {
  %block = call ptr @numbagrad_new(i64 %size)
  ret ptr %block
}""",
    "NRT_MemInfo_alloc_safe_aligned": """
define internal ptr @NRT_MemInfo_alloc_safe_aligned(i64 %size, i32 %align) #2 {
  %block = call ptr @numbagrad_new(i64 %size)
  ret ptr %block
}""",
    "NRT_MemInfo_call_dtor": """
define internal void @NRT_MemInfo_call_dtor(ptr %block) #2 {
  call void @numbagrad_free(ptr %block)
  ret void
}""",
}
