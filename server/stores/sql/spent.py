"""Which ids were spent, as a few ranges: a set that takes no more room the more there are."""

from bisect import bisect_right
from collections.abc import Iterable

Range = tuple[int, int]
"""From the first to the last, both of them in it."""

MAX_RANGES = 1_000
"""Of one device. Clients count upwards, which makes one."""


def is_spent(ranges: list[Range], key_id: int) -> bool:
    """Whether an id is in one of these ranges, which are in order."""
    at = bisect_right(ranges, key_id, key=lambda one: one[0])
    return at > 0 and key_id <= ranges[at - 1][1]


def merged(ranges: Iterable[Range], key_ids: Iterable[int], most: int = MAX_RANGES) -> list[Range]:
    """These ranges and ids, in order, in at most so many ranges.

    If there are more, the closest become one: what is between them is spent too.
    """
    whole: list[Range] = []
    for first, last in sorted([*ranges, *((one, one) for one in key_ids)]):
        if whole and first <= whole[-1][1] + 1:
            whole[-1] = (whole[-1][0], max(last, whole[-1][1]))
        else:
            whole.append((first, last))
    return _closed(whole, len(whole) - most) if len(whole) > most else whole


def _closed(ranges: list[Range], gaps: int) -> list[Range]:
    """The same with so many of the smallest gaps closed."""
    by_width = sorted(range(1, len(ranges)), key=lambda at: ranges[at][0] - ranges[at - 1][1])
    closing = set(by_width[:gaps])
    whole = [ranges[0]]
    for at, (first, last) in enumerate(ranges[1:], 1):
        if at in closing:
            whole[-1] = (whole[-1][0], last)
        else:
            whole.append((first, last))
    return whole
