"""Steps that look for messages by what a server may know.

Rooms are gone through side by side, always in that which has the newest message that was not
looked at yet, and in each some messages at a time, however few of them are meant. So what is found
comes in its order, and where a page has looked at enough it ends: the next one goes on there.
"""

from bisect import insort
from collections.abc import Sequence
from itertools import accumulate

from msgspec import Struct

from server.core.durable import StoredMessage
from server.core.ids import RoomId, UserId
from server.core.ports.conversations import FoundPage, FoundPlace, Search
from server.stores.sql.conversations.history import NO_END, with_status
from server.stores.sql.conversations.paging import MAX_PAGE_BYTES
from server.stores.sql.conversations.shapes import MESSAGE, Origin, origin, readable
from server.stores.sql.scopes import SHARED
from server.stores.sql.steps import Row, Steps, row, rows
from server.stores.sql.usage import SAID_BYTES

MAX_LOOKED_AT = 10_000
"""Messages of one page."""

STRIDE = 500
"""Messages of a room that are looked at at once."""

STATEMENT_COST = 20
"""Messages as which a look into a room counts in which there are only few."""

# The newest message of each room that is not newer than the page begins.
_ROOMS = (
    "SELECT r.room_id, me.joined_seq, m.created_ms, m.seq, r.kind, r.pair_key, r.workspace_id "
    "FROM room_members me JOIN rooms r ON r.room_id = me.room_id "
    "JOIN messages m ON m.room_id = r.room_id AND m.seq = ("
    "SELECT x.seq FROM messages x WHERE x.room_id = r.room_id "
    "AND x.created_ms >= $4 AND x.created_ms <= $5 "
    "AND (x.created_ms < $6 OR r.room_id < $7 OR (r.room_id = $7 AND x.seq < $8)) "
    "ORDER BY x.created_ms DESC, x.seq DESC LIMIT 1) "
    f"WHERE me.user_id = $1 AND m.seq > me.joined_seq AND {SHARED} "
    "AND ($2::text IS NULL OR r.room_id = $2::text) "
    "AND ($3::text IS NULL OR EXISTS (SELECT 1 FROM room_members p "
    "WHERE p.room_id = r.room_id AND p.user_id = $3::text)) "
    "AND r.active_ms >= $4"
)

_FROM_HERE = (
    "FROM messages x WHERE x.room_id = $1 AND x.created_ms >= $2 AND x.created_ms <= $3 "
    "AND x.seq <= $4 ORDER BY x.created_ms DESC, x.seq DESC"
)

_REST = f"SELECT x.created_ms, x.seq {_FROM_HERE} LIMIT 1 OFFSET $5"

# CROSS: what SQLite reads first is what is looked at, and not all of the room.
_MATCHING = (
    f"SELECT m.room_id, m.seq, m.created_ms, {SAID_BYTES} "
    f"FROM (SELECT x.seq {_FROM_HERE} LIMIT $5) AS looked_at "
    "CROSS JOIN messages m CROSS JOIN room_members me "
    "WHERE m.room_id = $1 AND m.seq = looked_at.seq AND me.room_id = $1 AND me.user_id = $6 "
    f"AND {readable('$6', '$7')} "
    "AND ($8::text IS NULL OR m.sender_id = $8::text) "
    "AND ($9::text IS NULL OR m.type = $9::text) "
    "ORDER BY m.seq DESC LIMIT $10"
)

_EVERYTHING = FoundPlace(NO_END, RoomId(""), 0)


class _Room(Struct, frozen=True):
    joined_seq: int
    of: Origin


def search(
    user_id: UserId, wish: Search, before: FoundPlace | None, limit: int, now_ms: int
) -> Steps[FoundPage]:
    rooms, tops = yield from _begin(user_id, wish, before or _EVERYTHING)
    found: list[Row] = []
    looked_at = 0
    while tops and looked_at < MAX_LOOKED_AT:
        if len(found) > limit and _place(found[limit]) > tops[-1]:
            break
        top = tops.pop()
        found += yield from _matching(top, user_id, wish, limit + 1, now_ms)
        found = sorted(found, key=_place, reverse=True)[: limit + 1]
        rest = yield from _rest(top, wish, rooms[top.room_id].joined_seq)
        if rest:
            insort(tops, rest)
        looked_at += STRIDE if rest else STATEMENT_COST
    sure = [one for one in found if not tops or _place(one) > tops[-1]]
    held = _fitting(sure[:limit])
    shown = yield from _shown(user_id, sure[:held], rooms)
    return FoundPage(tuple(shown), _next(sure, held, tops))


def _fitting(found: Sequence[Row]) -> int:
    """How many of these a page holds."""
    taken = accumulate(one[3] for one in found)
    return next((at for at, size in enumerate(taken, 1) if size >= MAX_PAGE_BYTES), len(found))


def _begin(
    user_id: UserId, wish: Search, before: FoundPlace
) -> Steps[tuple[dict[str, _Room], list[FoundPlace]]]:
    """Rooms to look into, and the newest message of each that was not looked at; that last."""
    until_ms = NO_END if wish.until_ms is None else wish.until_ms - 1
    found = yield from rows(
        _ROOMS,
        user_id,
        wish.room_id,
        wish.participant,
        wish.from_ms or 0,
        min(until_ms, before.sent_ms),
        before.sent_ms,
        before.room_id,
        before.seq,
    )
    rooms = {one[0]: _Room(one[1], origin(one[4:])) for one in found}
    return rooms, sorted(FoundPlace(one[2], RoomId(one[0]), one[3]) for one in found)


def _matching(
    top: FoundPlace, user_id: UserId, wish: Search, limit: int, now_ms: int
) -> Steps[list[Row]]:
    """What is meant of the next messages of a room."""
    return rows(
        _MATCHING,
        top.room_id,
        wish.from_ms or 0,
        top.sent_ms,
        top.seq,
        STRIDE,
        user_id,
        now_ms,
        wish.sender,
        wish.type,
        limit,
    )


def _rest(top: FoundPlace, wish: Search, joined_seq: int) -> Steps[FoundPlace | None]:
    """The message of the room that comes after these."""
    found = yield from row(_REST, top.room_id, wish.from_ms or 0, top.sent_ms, top.seq, STRIDE)
    if not found or found[1] <= joined_seq:
        return None
    return FoundPlace(found[0], top.room_id, found[1])


def _next(sure: Sequence[Row], held: int, tops: Sequence[FoundPlace]) -> FoundPlace | None:
    if len(sure) > held:
        return _place(sure[held - 1])
    if not tops:
        return None
    return FoundPlace(tops[-1].sent_ms, tops[-1].room_id, tops[-1].seq + 1)


def _whole(room_id: str, seqs: list[int]) -> Steps[list[Row]]:
    return rows(
        f"SELECT {MESSAGE} FROM messages m WHERE m.room_id = $1 AND m.seq = ANY($2::bigint[])",
        room_id,
        seqs,
    )


def _shown(
    user_id: UserId, found: Sequence[Row], rooms: dict[str, _Room]
) -> Steps[list[StoredMessage]]:
    """Messages with how far they have come."""
    shown = {}
    for room_id in {one[0] for one in found}:
        some = yield from _whole(room_id, [one[1] for one in found if one[0] == room_id])
        told = yield from with_status(user_id, room_id, rooms[room_id].of, some)
        shown.update({(one.room_id, one.seq): one for one in told})
    return [shown[one[0], one[1]] for one in found]


def _place(found: Row) -> FoundPlace:
    return FoundPlace(found[2], RoomId(found[0]), found[1])
