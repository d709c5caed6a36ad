"""Threads that help with loops whose rows are shared out, in LLVM IR.

``numbagrad_share(function, context, count)`` calls ``function(context, part)`` for each part below
``count``, by the thread that asks and as many others as there are, and returns when all are done.
Helpers are started when they are first needed, never run Python, and sleep between jobs. Nobody
needs them: who asks takes parts himself until none is left and waits for those that were taken, so
that a thread that could not be started, or that a fork left behind, costs time and nothing else.
There is one job at a time; who asks meanwhile, from another thread or from within a part, computes
all parts himself.

``claim`` says which job there is: its number in the upper half, then how many parts it has, then
how many are taken. A part is taken by adding one, if nothing of that changed; whoever has taken one
finds function and context in place, which stay until his part is done. Who goes to sleep says so
first and looks once more; who has news for him looks whether he said so. A word of the two is
changed from 1 to 0 by one of them only, and a lock is opened once for each time that somebody else
did it: so no wake-up is lost, and none is left over.
"""

from __future__ import annotations

import os
import platform

__all__ = ["POOL", "POOL_SYMBOLS", "thread_count"]

POOL_SYMBOLS = ("numbagrad_share",)

#: No more helpers than this.
_MOST = 255
#: How often one looks before going to sleep: some ten microseconds, about what being woken takes.
_LOOKS = 1500
#: What tells the processor that a thread is waiting.
_PAUSES = {
    "x86_64": "llvm.x86.sse2.pause()",
    "AMD64": "llvm.x86.sse2.pause()",
    "aarch64": "llvm.aarch64.hint(i32 1)",
    "arm64": "llvm.aarch64.hint(i32 1)",
}


def thread_count() -> int:
    """How many threads a function may use: ``NUMBA_NUM_THREADS``, or one a processor."""
    given = os.environ.get("NUMBA_NUM_THREADS", "")
    if given.isdigit() and int(given):
        return int(given)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _pause() -> tuple[str, str]:
    """The declaration and the call of the pause of this machine."""
    call = _PAUSES.get(platform.machine())
    if call is None:
        return "", ""
    return f"declare void @{call.replace('i32 1', 'i32')}", f"call void @{call}"


_DECLARED, _PAUSE = _pause()

POOL = f"""
%helper = type {{ ptr, i64, [6 x i64] }}
@helpers = internal global [{_MOST} x %helper] zeroinitializer, align 64
@started = internal global i64 0
@numbagrad_threads = global i64 1
@busy = internal global i64 0, align 64
@function = internal global ptr null
@context = internal global ptr null
@finished = internal global ptr null
@waiting = internal global i64 0, align 64
@claim = internal global i64 0, align 64
@done = internal global i64 0, align 64
declare ptr @PyThread_allocate_lock()
declare i32 @PyThread_acquire_lock(ptr, i32)
declare void @PyThread_release_lock(ptr)
declare i64 @PyThread_start_new_thread(ptr, ptr)
{_DECLARED}

; How many parts there are and how many are taken.
define internal {{ i64, i64 }} @parts(i64 %word) {{
  %shifted = lshr i64 %word, 16
  %count = and i64 %shifted, 65535
  %taken = and i64 %word, 65535
  %first = insertvalue {{ i64, i64 }} poison, i64 %count, 0
  %both = insertvalue {{ i64, i64 }} %first, i64 %taken, 1
  ret {{ i64, i64 }} %both
}}

define internal i1 @open() {{
  %word = load atomic i64, ptr @claim seq_cst, align 8
  %both = call {{ i64, i64 }} @parts(i64 %word)
  %count = extractvalue {{ i64, i64 }} %both, 0
  %taken = extractvalue {{ i64, i64 }} %both, 1
  %some = icmp ult i64 %taken, %count
  ret i1 %some
}}

; Open the lock behind which somebody sleeps, if he said so.
define internal void @wake(ptr %flag, ptr %lock.at) {{
  %was = atomicrmw xchg ptr %flag, i64 0 seq_cst
  %asleep = icmp eq i64 %was, 1
  br i1 %asleep, label %go, label %out
go:
  %lock = load ptr, ptr %lock.at
  call void @PyThread_release_lock(ptr %lock)
  br label %out
out:
  ret void
}}

; Take parts until none is left.
define internal void @work() {{
begin:
  br label %look
look:
  %word = load atomic i64, ptr @claim acquire, align 8
  %both = call {{ i64, i64 }} @parts(i64 %word)
  %count = extractvalue {{ i64, i64 }} %both, 0
  %part = extractvalue {{ i64, i64 }} %both, 1
  %some = icmp ult i64 %part, %count
  br i1 %some, label %try, label %out
try:
  %next = add i64 %word, 1
  %pair = cmpxchg ptr @claim, i64 %word, i64 %next acq_rel acquire
  %mine = extractvalue {{ i64, i1 }} %pair, 1
  br i1 %mine, label %run, label %look
run:
  %function = load ptr, ptr @function
  %context = load ptr, ptr @context
  call void %function(ptr %context, i64 %part)
  %before = atomicrmw add ptr @done, i64 1 seq_cst
  %now = add i64 %before, 1
  %last = icmp eq i64 %now, %count
  br i1 %last, label %tell, label %look
tell:
  call void @wake(ptr @waiting, ptr @finished)
  br label %look
out:
  ret void
}}

define internal void @help(ptr %mine) {{
begin:
  %flag = getelementptr i8, ptr %mine, i64 8
  %lock = load ptr, ptr %mine
  br label %work
work:
  call void @work()
  br label %look
look:
  %k = phi i64 [ 0, %work ], [ %k.next, %again ]
  %new = call i1 @open()
  br i1 %new, label %work, label %again
again:
  {_PAUSE}
  %k.next = add i64 %k, 1
  %more = icmp ult i64 %k.next, {_LOOKS}
  br i1 %more, label %look, label %tired
tired:
  %ignored = atomicrmw xchg ptr %flag, i64 1 seq_cst
  %late = call i1 @open()
  br i1 %late, label %stay, label %sleep
stay:
  %was = atomicrmw xchg ptr %flag, i64 0 seq_cst
  %unseen = icmp eq i64 %was, 1
  br i1 %unseen, label %work, label %sleep
sleep:
  %got = call i32 @PyThread_acquire_lock(ptr %lock, i32 1)
  br label %work
}}

; A lock that is closed, or null.
define internal ptr @closed() {{
  %lock = call ptr @PyThread_allocate_lock()
  %none = icmp eq ptr %lock, null
  br i1 %none, label %out, label %close
close:
  %got = call i32 @PyThread_acquire_lock(ptr %lock, i32 1)
  br label %out
out:
  ret ptr %lock
}}

; Start helpers until there are so many; how many there are.
define internal i64 @start(i64 %wanted) {{
begin:
  %known = load ptr, ptr @finished
  %unknown = icmp eq ptr %known, null
  br i1 %unknown, label %first, label %look
first:
  %made = call ptr @closed()
  store ptr %made, ptr @finished
  %failed = icmp eq ptr %made, null
  br i1 %failed, label %none, label %look
none:
  ret i64 0
look:
  %count = load i64, ptr @started
  %less = icmp slt i64 %count, %wanted
  %room = icmp slt i64 %count, {_MOST}
  %go = and i1 %less, %room
  br i1 %go, label %new, label %out
new:
  %helper = getelementptr %helper, ptr @helpers, i64 %count
  %old = load ptr, ptr %helper
  %fresh = icmp eq ptr %old, null
  br i1 %fresh, label %make, label %run
make:
  %lock = call ptr @closed()
  store ptr %lock, ptr %helper
  %no.lock = icmp eq ptr %lock, null
  br i1 %no.lock, label %out, label %run
run:
  %thread = call i64 @PyThread_start_new_thread(ptr @help, ptr %helper)
  %refused = icmp eq i64 %thread, -1
  br i1 %refused, label %out, label %started
started:
  %more = add i64 %count, 1
  store i64 %more, ptr @started
  br label %look
out:
  ret i64 %count
}}

; Wait until all parts are done.
define internal void @wait(i64 %count) {{
begin:
  br label %round
round:
  br label %look
look:
  %k = phi i64 [ 0, %round ], [ %k.next, %again ]
  %done = load atomic i64, ptr @done seq_cst, align 8
  %all = icmp eq i64 %done, %count
  br i1 %all, label %out, label %again
again:
  {_PAUSE}
  %k.next = add i64 %k, 1
  %more = icmp ult i64 %k.next, {_LOOKS}
  br i1 %more, label %look, label %tired
tired:
  %ignored = atomicrmw xchg ptr @waiting, i64 1 seq_cst
  %now = load atomic i64, ptr @done seq_cst, align 8
  %late = icmp eq i64 %now, %count
  br i1 %late, label %stay, label %sleep
stay:
  %was = atomicrmw xchg ptr @waiting, i64 0 seq_cst
  %unseen = icmp eq i64 %was, 1
  br i1 %unseen, label %out, label %sleep
sleep:
  %lock = load ptr, ptr @finished
  %got = call i32 @PyThread_acquire_lock(ptr %lock, i32 1)
  br label %round
out:
  ret void
}}

define void @numbagrad_share(ptr %function, ptr %context, i64 %count) {{
begin:
  %threads = load atomic i64, ptr @numbagrad_threads monotonic, align 8
  %fewer = icmp slt i64 %threads, %count
  %most = select i1 %fewer, i64 %threads, i64 %count
  %wanted = sub i64 %most, 1
  %several = icmp sge i64 %wanted, 1
  %fits = icmp sle i64 %count, 65535
  %worth = and i1 %several, %fits
  br i1 %worth, label %try, label %alone
try:
  %pair = cmpxchg ptr @busy, i64 0, i64 1 acq_rel monotonic
  %free = extractvalue {{ i64, i1 }} %pair, 1
  br i1 %free, label %together, label %alone
alone:
  %k = phi i64 [ 0, %begin ], [ 0, %try ], [ %k.next, %part ]
  %more = icmp slt i64 %k, %count
  br i1 %more, label %part, label %out
part:
  call void %function(ptr %context, i64 %k)
  %k.next = add i64 %k, 1
  br label %alone
together:
  %have = call i64 @start(i64 %wanted)
  store ptr %function, ptr @function
  store ptr %context, ptr @context
  store atomic i64 0, ptr @done seq_cst, align 8
  %old = load atomic i64, ptr @claim monotonic, align 8
  %number = lshr i64 %old, 32
  %other = add i64 %number, 1
  %upper = shl i64 %other, 32
  %middle = shl i64 %count, 16
  %word = or i64 %upper, %middle
  store atomic i64 %word, ptr @claim seq_cst, align 8
  %enough = icmp slt i64 %have, %wanted
  %helpers = select i1 %enough, i64 %have, i64 %wanted
  br label %each
each:
  %h = phi i64 [ 0, %together ], [ %h.next, %call ]
  %left = icmp slt i64 %h, %helpers
  br i1 %left, label %call, label %help
call:
  %helper = getelementptr %helper, ptr @helpers, i64 %h
  %flag = getelementptr i8, ptr %helper, i64 8
  call void @wake(ptr %flag, ptr %helper)
  %h.next = add i64 %h, 1
  br label %each
help:
  call void @work()
  call void @wait(i64 %count)
  store atomic i64 0, ptr @busy release, align 8
  br label %out
out:
  ret void
}}

; After a fork there are no helpers, and nobody is about to open a lock.
define void @numbagrad_alone() {{
  store i64 0, ptr @started
  store ptr null, ptr @finished
  store atomic i64 0, ptr @waiting seq_cst, align 8
  store atomic i64 0, ptr @claim seq_cst, align 8
  call void @llvm.memset.p0.i64(ptr align 64 @helpers, i8 0, i64 {64 * _MOST}, i1 false)
  store atomic i64 0, ptr @busy seq_cst, align 8
  ret void
}}
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1 immarg)
"""
