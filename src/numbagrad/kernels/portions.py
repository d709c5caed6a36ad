"""In how many parts the rows of a loop are shared out among threads, and where each begins.

Printed code calls these functions; compiled code has them translated. They depend on sizes alone,
so that sums that are added up part by part are the same for any number of threads.
"""

__all__ = ["first_row", "parts_of"]

#: A part has at least so many operations: some microseconds, which is what waking a thread takes.
LEAST = 100_000.0
#: No more parts than this: threads that begin late still find some, and few are left at the end.
MOST = 64.0
#: Parts that sum into arrays have at least so many operations for each element of them.
SUMS = 64.0
#: Parts of many rows begin at multiples of this, where lines of the cache do if the array does.
EVEN = 16.0


def parts_of(rows, work, sums):
    """How many parts there are, one or more.

    Parameters
    ----------
    rows : int
    work : float
        About how many operations all rows take.
    sums : float
        How many elements the arrays have that each part sums into.

    Examples
    --------
    >>> parts_of(1000, 0.0, 0.0), parts_of(1000, 1e9, 0.0), parts_of(3, 1e9, 0.0)
    (1, 64, 3)
    """
    wanted = min(work / LEAST, work / (SUMS * max(sums, 1.0)))
    return int(max(min(min(wanted, MOST), float(rows)), 1.0))


def first_row(part, parts, rows):
    """Where a part begins; that of ``parts`` is the end.

    Examples
    --------
    >>> [first_row(k, 4, 10) for k in range(5)]
    [0, 2, 5, 7, 10]
    >>> [first_row(k, 3, 1000) for k in range(4)]
    [0, 320, 656, 1000]
    """
    if part >= parts:
        return rows
    place = float(rows) * float(part) / float(parts)
    if float(rows) >= 8.0 * EVEN * float(parts):
        return int(place / EVEN) * int(EVEN)
    return int(place)
