"""What machine code of all functions shares in a process, in LLVM IR: large blocks, results.

A fresh block of many megabytes costs more than filling it: the operating system hands over each
page when it is first touched. So blocks from `LARGE` bytes on are kept when they are released and
serve the next function that needs about as much. What is kept never makes the process larger than
it was when most was in use at once, and is bounded by ``config.kept_memory``. Whoever does not get
the lock at once goes to ``malloc``: nobody waits, and a fork in a bad moment costs a block at most.
"""

from __future__ import annotations

import sys

import numpy as np

__all__ = ["LARGE", "MOST", "PROCESS", "PROCESS_SYMBOLS", "RELEASE"]

#: A result of so many bytes is copied to memory of NumPy's; larger ones are handed over.
COPIED = 1024

#: A block of so many bytes is kept, and from so many on the system is asked for large pages.
LARGE = 1 << 20
_HUGE = 4 << 20
#: No more blocks than this are kept.
MOST = 64

#: The functions that code of other modules calls.
PROCESS_SYMBOLS = (
    "numbagrad_take",
    "numbagrad_keep",
    "numbagrad_given",
    "numbagrad_made_array",
    "numbagrad_made_number",
)

#: Letting go of a reference to a block, here and in every module. The third word of a block holds
#: what malloc gave; the seventh the size of a large one, which is kept when it is released.
RELEASE = """
define internal void @numbagrad_free(ptr %block) #2 {
  %info = getelementptr i8, ptr %block, i64 16
  %raw = load ptr, ptr %info
  %capacity.at = getelementptr i8, ptr %block, i64 48
  %capacity = load i64, ptr %capacity.at
  %large = icmp ne i64 %capacity, 0
  br i1 %large, label %much, label %little
much:
  call void @numbagrad_keep(ptr %raw, i64 %capacity)
  ret void
little:
  call void @free(ptr %raw)
  ret void
}

define internal void @numbagrad_release(ptr %block) #3 {
  %none = icmp eq ptr %block, null
  br i1 %none, label %done, label %count
count:
  %old = load i64, ptr %block
  %new = add i64 %old, -1
  store i64 %new, ptr %block
  %last = icmp eq i64 %new, 0
  br i1 %last, label %free, label %done
free:
  call void @numbagrad_free(ptr %block)
  br label %done
done:
  ret void
}

attributes #2 = { nounwind noinline }
attributes #3 = { nounwind alwaysinline }
"""

_PAGES = f"""
declare i32 @madvise(ptr, i64, i32)
define internal void @advise(ptr %raw, i64 %whole) {{
  %much = icmp uge i64 %whole, {_HUGE}
  br i1 %much, label %ask, label %done
ask:
  %address = ptrtoint ptr %raw to i64
  %up = add i64 %address, 4095
  %begin = and i64 %up, -4096
  %end = add i64 %address, %whole
  %length = sub i64 %end, %begin
  %pages = and i64 %length, -4096
  %place = inttoptr i64 %begin to ptr
  %ignored = call i32 @madvise(ptr %place, i64 %pages, i32 14)
  br label %done
done:
  ret void
}}
"""
_NO_PAGES = "define internal void @advise(ptr %raw, i64 %whole) { ret void }\n"

#: The blocks that are kept: in ``table``, the oldest first. ``in_use`` counts the bytes of large
#: blocks that are not, ``most`` is the largest that this has been.
_BLOCKS = f"""
%block = type {{ ptr, i64 }}
@table = internal global [{MOST} x %block] zeroinitializer
@numbagrad_lock = global i64 0
@numbagrad_count = global i64 0
@numbagrad_kept = global i64 0
@numbagrad_limit = global i64 0
@numbagrad_in_use = global i64 0
@numbagrad_most = global i64 0
declare ptr @malloc(i64)
declare void @free(ptr)
declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1 immarg)

define internal i1 @locked() {{
begin:
  br label %try
try:
  %n = phi i64 [ 0, %begin ], [ %next, %again ]
  %pair = cmpxchg ptr @numbagrad_lock, i64 0, i64 1 acquire monotonic
  %got = extractvalue {{ i64, i1 }} %pair, 1
  br i1 %got, label %done, label %again
again:
  %next = add i64 %n, 1
  %more = icmp ult i64 %next, 1000
  br i1 %more, label %try, label %done
done:
  ret i1 %got
}}

define internal void @unlock() {{
  store atomic i64 0, ptr @numbagrad_lock release, align 8
  ret void
}}

define internal ptr @removed(i64 %k) {{
  %place = getelementptr %block, ptr @table, i64 %k
  %raw = load ptr, ptr %place
  %size.at = getelementptr i8, ptr %place, i64 8
  %size = load i64, ptr %size.at
  %kept = load i64, ptr @numbagrad_kept
  %less = sub i64 %kept, %size
  store i64 %less, ptr @numbagrad_kept
  %count = load i64, ptr @numbagrad_count
  %fewer = add i64 %count, -1
  store i64 %fewer, ptr @numbagrad_count
  %behind = sub i64 %fewer, %k
  %bytes = mul i64 %behind, 16
  %rest = getelementptr i8, ptr %place, i64 16
  call void @llvm.memmove.p0.p0.i64(ptr %place, ptr %rest, i64 %bytes, i1 false)
  ret ptr %raw
}}

; Let the oldest go until no more than so many bytes and blocks are kept.
define internal void @shrink(i64 %bytes, i64 %blocks) {{
  br label %look
look:
  %kept = load i64, ptr @numbagrad_kept
  %count = load i64, ptr @numbagrad_count
  %some = icmp ugt i64 %count, 0
  %heavy = icmp sgt i64 %kept, %bytes
  %many = icmp ugt i64 %count, %blocks
  %either = or i1 %heavy, %many
  %go = and i1 %some, %either
  br i1 %go, label %free, label %done
free:
  %raw = call ptr @removed(i64 0)
  call void @free(ptr %raw)
  br label %look
done:
  ret void
}}

; The first word of what it gives is how large that is.
define ptr @numbagrad_take(i64 %whole) {{
  %got = call i1 @locked()
  br i1 %got, label %search, label %fresh
search:
  %count = load i64, ptr @numbagrad_count
  %eighth = lshr i64 %whole, 3
  %largest = add i64 %whole, %eighth
  br label %each
each:
  %k = phi i64 [ 0, %search ], [ %k.next, %after ]
  %best = phi i64 [ -1, %search ], [ %best.next, %after ]
  %size = phi i64 [ %largest, %search ], [ %size.next, %after ]
  %end = icmp uge i64 %k, %count
  br i1 %end, label %chosen, label %look
look:
  %place = getelementptr %block, ptr @table, i64 %k
  %mine.at = getelementptr i8, ptr %place, i64 8
  %mine = load i64, ptr %mine.at
  %enough = icmp uge i64 %mine, %whole
  %better = icmp ule i64 %mine, %size
  %use = and i1 %enough, %better
  br label %after
after:
  %best.next = select i1 %use, i64 %k, i64 %best
  %size.next = select i1 %use, i64 %mine, i64 %size
  %k.next = add i64 %k, 1
  br label %each
chosen:
  %found = icmp sge i64 %best, 0
  br i1 %found, label %old, label %make.room
old:
  %kept.one = call ptr @removed(i64 %best)
  call void @unlock()
  br label %have
make.room:
  %now = load atomic i64, ptr @numbagrad_in_use monotonic, align 8
  %peak = load atomic i64, ptr @numbagrad_most monotonic, align 8
  %then = add i64 %now, %whole
  %room = sub i64 %peak, %then
  %none = icmp slt i64 %room, 0
  %allowed = select i1 %none, i64 0, i64 %room
  call void @shrink(i64 %allowed, i64 {MOST})
  call void @unlock()
  br label %fresh
fresh:
  %raw = call ptr @malloc(i64 %whole)
  %failed = icmp eq ptr %raw, null
  br i1 %failed, label %short, label %new
short:
  %again = call i1 @locked()
  br i1 %again, label %empty, label %fail
empty:
  call void @shrink(i64 -1, i64 0)
  call void @unlock()
  %second = call ptr @malloc(i64 %whole)
  %failed.again = icmp eq ptr %second, null
  br i1 %failed.again, label %fail, label %new
fail:
  ret ptr null
new:
  %made = phi ptr [ %raw, %fresh ], [ %second, %empty ]
  call void @advise(ptr %made, i64 %whole)
  br label %have
have:
  %block = phi ptr [ %kept.one, %old ], [ %made, %new ]
  %bytes = phi i64 [ %size, %old ], [ %whole, %new ]
  %before = atomicrmw add ptr @numbagrad_in_use, i64 %bytes monotonic
  %in.use = add i64 %before, %bytes
  %high = atomicrmw max ptr @numbagrad_most, i64 %in.use monotonic
  store i64 %bytes, ptr %block
  ret ptr %block
}}

define void @numbagrad_keep(ptr %raw, i64 %size) {{
  %before = atomicrmw sub ptr @numbagrad_in_use, i64 %size monotonic
  %limit = load i64, ptr @numbagrad_limit
  %small = icmp sle i64 %size, %limit
  br i1 %small, label %try, label %free
try:
  %got = call i1 @locked()
  br i1 %got, label %store, label %free
store:
  %left = sub i64 %limit, %size
  call void @shrink(i64 %left, i64 {MOST - 1})
  %count = load i64, ptr @numbagrad_count
  %place = getelementptr %block, ptr @table, i64 %count
  store ptr %raw, ptr %place
  %size.at = getelementptr i8, ptr %place, i64 8
  store i64 %size, ptr %size.at
  %more = add i64 %count, 1
  store i64 %more, ptr @numbagrad_count
  %kept = load i64, ptr @numbagrad_kept
  %sum = add i64 %kept, %size
  store i64 %sum, ptr @numbagrad_kept
  call void @unlock()
  ret void
free:
  call void @free(ptr %raw)
  ret void
}}
"""

#: Results as arrays of Python's: the one that was given, a copy of a small one, or one that holds
#: the memory of compiled code.
_RESULTS = f"""
declare void @Py_IncRef(ptr)
declare ptr @PyCapsule_New(ptr, ptr, ptr)
declare ptr @PyCapsule_GetPointer(ptr, ptr)
declare ptr @numbagrad_new_array(ptr, ptr, i32, ptr, ptr, ptr, i32, ptr)
declare i32 @numbagrad_set_base(ptr, ptr)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1 immarg)

define internal void @drop(ptr %capsule) {{
  %block = call ptr @PyCapsule_GetPointer(ptr %capsule, ptr null)
  call void @numbagrad_release(ptr %block)
  ret void
}}

define internal ptr @new(ptr %dtype, i32 %rank, ptr %dims, ptr %data, i32 %flags) {{
  call void @Py_IncRef(ptr %dtype)
  %array = call ptr @numbagrad_new_array(
    ptr @numbagrad_ndarray, ptr %dtype, i32 %rank, ptr %dims, ptr null, ptr %data, i32 %flags,
    ptr null)
  ret ptr %array
}}

define ptr @numbagrad_made_number(ptr %dtype, ptr %taken) {{
  %none = icmp eq ptr %taken, null
  br i1 %none, label %fresh, label %given
given:
  call void @Py_IncRef(ptr %taken)
  ret ptr %taken
fresh:
  %array = call ptr @new(ptr %dtype, i32 0, ptr null, ptr null, i32 0)
  ret ptr %array
}}

define ptr @numbagrad_made_array(ptr %dtype, i32 %rank, i64 %size, ptr %field, ptr %taken) {{
begin:
  %owner = load ptr, ptr %field
  %none = icmp eq ptr %taken, null
  br i1 %none, label %fresh, label %given
given:
  ; What compiled code made elsewhere it has copied.
  call void @numbagrad_release(ptr %owner)
  call void @Py_IncRef(ptr %taken)
  ret ptr %taken
fresh:
  %data.at = getelementptr i8, ptr %field, i64 8
  %data = load ptr, ptr %data.at
  %dims = getelementptr i8, ptr %field, i64 16
  %total = call i64 @bytes_of(i32 %rank, ptr %dims, i64 %size)
  %small = icmp ule i64 %total, {COPIED}
  %foreign = icmp eq ptr %owner, null
  %either = or i1 %small, %foreign
  br i1 %either, label %copy, label %hand
copy:
  %copied = call ptr @new(ptr %dtype, i32 %rank, ptr %dims, ptr null, i32 0)
  %no.copy = icmp eq ptr %copied, null
  br i1 %no.copy, label %failed, label %fill
fill:
  %target.at = getelementptr i8, ptr %copied, i64 16
  %target = load ptr, ptr %target.at
  call void @llvm.memcpy.p0.p0.i64(ptr %target, ptr %data, i64 %total, i1 false)
  call void @numbagrad_release(ptr %owner)
  ret ptr %copied
hand:
  %handed = call ptr @new(ptr %dtype, i32 %rank, ptr %dims, ptr %data, i32 1281)
  %no.array = icmp eq ptr %handed, null
  br i1 %no.array, label %failed, label %own
own:
  %capsule = call ptr @PyCapsule_New(ptr %owner, ptr null, ptr @drop)
  %ignored = call i32 @numbagrad_set_base(ptr %handed, ptr %capsule)
  ret ptr %handed
failed:
  call void @numbagrad_release(ptr %owner)
  ret ptr null
}}
"""

_CODES = "?bBhHiIlLqQfd"
_BYTES = ", ".join(f"i64 {np.dtype(code).itemsize}" for code in _CODES)

#: Arrays of Python's are known by the places of their fields, as in ``entry``.
_GIVEN = f"""
@numbagrad_ndarray = external global i8
@_Py_NoneStruct = external global i8
@bytes = internal constant [{len(_CODES)} x i64] [{_BYTES}]
%wanted = type {{ i32, i32, i64 }}

; How many bytes elements of a size take in an array of such sizes.
define internal i64 @bytes_of(i32 %rank, ptr %dims, i64 %size) {{
begin:
  br label %each
each:
  %d = phi i32 [ 0, %begin ], [ %d.next, %more ]
  %total = phi i64 [ %size, %begin ], [ %total.next, %more ]
  %done = icmp sge i32 %d, %rank
  br i1 %done, label %out, label %more
more:
  %extent.at = getelementptr i64, ptr %dims, i32 %d
  %extent = load i64, ptr %extent.at
  %total.next = mul i64 %total, %extent
  %d.next = add i32 %d, 1
  br label %each
out:
  ret i64 %total
}}

; Where the memory of an array ends.
define internal ptr @end(ptr %array, ptr %data) {{
  %rank.at = getelementptr i8, ptr %array, i64 24
  %rank = load i32, ptr %rank.at
  %dims.at = getelementptr i8, ptr %array, i64 32
  %dims = load ptr, ptr %dims.at
  %dtype.at = getelementptr i8, ptr %array, i64 56
  %dtype = load ptr, ptr %dtype.at
  %number.at = getelementptr i8, ptr %dtype, i64 28
  %number = load i32, ptr %number.at
  %size.at = getelementptr i64, ptr @bytes, i32 %number
  %size = load i64, ptr %size.at
  %total = call i64 @bytes_of(i32 %rank, ptr %dims, i64 %size)
  %last = getelementptr i8, ptr %data, i64 %total
  ret ptr %last
}}

; Whether an array shares no memory with any other of the arguments.
define internal i1 @apart(ptr %args, i64 %count, i64 %own) {{
  %mine.at = getelementptr ptr, ptr %args, i64 %own
  %mine = load ptr, ptr %mine.at
  %begin.at = getelementptr i8, ptr %mine, i64 16
  %begin = load ptr, ptr %begin.at
  %end = call ptr @end(ptr %mine, ptr %begin)
  br label %each
each:
  %k = phi i64 [ 0, %0 ], [ %k.next, %next ]
  %done = icmp sge i64 %k, %count
  br i1 %done, label %good, label %look
look:
  %same = icmp eq i64 %k, %own
  br i1 %same, label %next, label %other
other:
  %item.at = getelementptr ptr, ptr %args, i64 %k
  %item = load ptr, ptr %item.at
  %kind.at = getelementptr i8, ptr %item, i64 8
  %kind = load ptr, ptr %kind.at
  %array = icmp eq ptr %kind, @numbagrad_ndarray
  br i1 %array, label %compare, label %next
compare:
  %its.at = getelementptr i8, ptr %item, i64 16
  %its = load ptr, ptr %its.at
  %its.end = call ptr @end(ptr %item, ptr %its)
  %before = icmp ult ptr %its, %end
  %behind = icmp ult ptr %begin, %its.end
  %shared = and i1 %before, %behind
  br i1 %shared, label %bad, label %next
next:
  %k.next = add i64 %k, 1
  br label %each
good:
  ret i1 true
bad:
  ret i1 false
}}

; Look at the arrays behind the arguments and leave them where compiled code looks for its results.
define i1 @numbagrad_given(
  ptr %args, i64 %inputs, i64 %results, ptr %wanted, ptr %out, ptr %taken) {{
  %count = add i64 %inputs, %results
  br label %each
each:
  %k = phi i64 [ 0, %0 ], [ %k.next, %next ]
  %done = icmp sge i64 %k, %results
  br i1 %done, label %good, label %look
look:
  %own = add i64 %inputs, %k
  %item.at = getelementptr ptr, ptr %args, i64 %own
  %item = load ptr, ptr %item.at
  %nothing = icmp eq ptr %item, @_Py_NoneStruct
  br i1 %nothing, label %next, label %some
some:
  %kind.at = getelementptr i8, ptr %item, i64 8
  %kind = load ptr, ptr %kind.at
  %array = icmp eq ptr %kind, @numbagrad_ndarray
  br i1 %array, label %check, label %bad
check:
  %row = getelementptr %wanted, ptr %wanted, i64 %k
  %want.number = load i32, ptr %row
  %want.rank.at = getelementptr i8, ptr %row, i64 4
  %want.rank = load i32, ptr %want.rank.at
  %dtype.at = getelementptr i8, ptr %item, i64 56
  %dtype = load ptr, ptr %dtype.at
  %number.at = getelementptr i8, ptr %dtype, i64 28
  %number = load i32, ptr %number.at
  %order.at = getelementptr i8, ptr %dtype, i64 26
  %order = load i8, ptr %order.at
  %rank.at = getelementptr i8, ptr %item, i64 24
  %rank = load i32, ptr %rank.at
  %flags.at = getelementptr i8, ptr %item, i64 64
  %flags = load i32, ptr %flags.at
  %fit1 = icmp eq i32 %number, %want.number
  %fit2 = icmp ne i8 %order, {ord(">")}
  %fit3 = icmp eq i32 %rank, %want.rank
  %plain = and i32 %flags, 1281
  %fit4 = icmp eq i32 %plain, 1281
  %fit12 = and i1 %fit1, %fit2
  %fit34 = and i1 %fit3, %fit4
  %fits = and i1 %fit12, %fit34
  br i1 %fits, label %where, label %bad
where:
  %alone = call i1 @apart(ptr %args, i64 %count, i64 %own)
  br i1 %alone, label %take, label %bad
take:
  %taken.at = getelementptr ptr, ptr %taken, i64 %k
  store ptr %item, ptr %taken.at
  %number.only = icmp eq i32 %rank, 0
  br i1 %number.only, label %next, label %leave
leave:
  %offset.at = getelementptr i8, ptr %row, i64 8
  %offset = load i64, ptr %offset.at
  %field = getelementptr i8, ptr %out, i64 %offset
  %data.at = getelementptr i8, ptr %item, i64 16
  %data = load ptr, ptr %data.at
  %dims.at = getelementptr i8, ptr %item, i64 32
  %dims = load ptr, ptr %dims.at
  store ptr %data, ptr %field
  %sizes = getelementptr i8, ptr %field, i64 8
  %wide = sext i32 %rank to i64
  %bytes = mul i64 %wide, 8
  call void @llvm.memmove.p0.p0.i64(ptr %sizes, ptr %dims, i64 %bytes, i1 false)
  br label %next
next:
  %k.next = add i64 %k, 1
  br label %each
good:
  ret i1 true
bad:
  ret i1 false
}}
"""

PROCESS = (_PAGES if sys.platform == "linux" else _NO_PAGES) + _BLOCKS + RELEASE + _GIVEN + _RESULTS
