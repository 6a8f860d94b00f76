"""Steps that find sealed messages by their words, which stores know as keyed tokens only.

Rooms are gone through side by side, always in that which may have the newest message that was not
looked at yet, and in each some that have the first word at a time, newest first: a word that is in
every message is never sorted whole. Where a page has looked at enough it ends, and the next one
goes on there. In a room times rise with sequences, so the order is the same by both.
"""

# ruff: noqa: S608  # nothing but names of this package is put into statements

from bisect import insort
from collections.abc import Sequence
from itertools import accumulate

from msgspec import Struct

from server.core.ids import RoomId, WorkspaceId
from server.core.ports.conversations import FoundPlace
from server.core.ports.posts import FoundPosts, Searched, WordSearch
from server.core.ports.workspaces import Entrant
from server.core.workspaces.values import Post
from server.stores.sql.conversations.history import NO_END
from server.stores.sql.conversations.paging import MAX_PAGE_BYTES
from server.stores.sql.conversations.shapes import Origin, no_such_room, origin, readable
from server.stores.sql.steps import Row, Steps, listed, rows
from server.stores.sql.usage import SAID_BYTES
from server.stores.sql.workspaces.shapes import claimed, is_in, role_in, wrapped_key
from server.stores.sql.workspaces.showing import posts_at

MAX_LOOKED_AT = 2_000
"""Messages of one page that have the first word."""

STRIDE = 200
"""Of these in one room that are looked at at once."""

STATEMENT_COST = 20
"""Messages as which a look into a room counts in which there are only few."""

_ROOMS = (
    "room_members me JOIN rooms r ON r.room_id = me.room_id JOIN workspace_members w "
    "ON w.workspace_id = r.workspace_id AND w.user_id = me.user_id "
    f"WHERE me.user_id = $1 AND {is_in('w', '$2')} "
    "AND ($3::text IS NULL OR r.workspace_id = $3::text) "
    "AND ($4::text IS NULL OR r.room_id = $4::text)"
)
"""Where somebody searches."""

_SEARCHED = f"SELECT r.workspace_id, r.is_sealed, COUNT(*) FROM {_ROOMS} GROUP BY 1, 2"

_KEYS = (
    "SELECT k.workspace_id, k.version, k.wrapped, k.wrapped_by FROM workspace_keys k "
    "WHERE k.workspace_id = ANY($1::text[]) ORDER BY k.workspace_id, k.version"
)

# Where in each room the page before has ended: before the first message that is not older.
_TOPS = (
    "SELECT r.room_id, r.workspace_id, r.kind, r.pair_key, "
    "CASE WHEN r.room_id = $6 THEN $7::bigint ELSE (SELECT x.seq FROM messages x "
    "WHERE x.room_id = r.room_id "
    "AND x.created_ms >= $5::bigint + CASE WHEN r.room_id < $6 THEN 1 ELSE 0 END "
    "ORDER BY x.created_ms, x.seq LIMIT 1) END AS before_seq "
    f"FROM {_ROOMS} AND r.is_sealed AND r.active_ms >= $8"
)

# The newest message of each room that has the first word, under each key.
_NEWEST = (
    "SELECT asked.value ->> 0, m.created_ms, m.seq FROM json_array_elements($1::json) AS asked "
    "JOIN messages m ON m.room_id = (asked.value ->> 0) AND m.seq = ("
    "SELECT t.seq FROM word_tokens t WHERE t.token = (asked.value ->> 1) "
    "AND t.room_id = (asked.value ->> 0) AND t.seq < CAST(asked.value ->> 2 AS BIGINT) "
    "ORDER BY t.seq DESC LIMIT 1)"
)

_HAS_ALL = (
    "NOT EXISTS (SELECT 1 FROM json_array_elements($8::json) AS asked "
    "WHERE NOT EXISTS (SELECT 1 FROM word_tokens o WHERE o.token = (asked.value ->> 0) "
    "AND o.room_id = m.room_id AND o.seq = m.seq))"
)

# CROSS: what SQLite reads first is what is looked at, and not all of the room.
_STRIDE = (
    "SELECT m.seq, m.created_ms, CASE WHEN m.deleted_ms IS NULL "
    f"AND {readable('$5', '$6')} AND m.created_ms >= $7 AND {_HAS_ALL} "
    f"AND ($9::text IS NULL OR m.sender_id = $9::text) THEN {SAID_BYTES} END "
    "FROM (SELECT t.seq FROM word_tokens t WHERE t.token = $1 AND t.room_id = $2 "
    "AND t.seq < $3 ORDER BY t.seq DESC LIMIT $4) AS looked_at "
    "CROSS JOIN messages m CROSS JOIN room_members me "
    "WHERE m.room_id = $2 AND m.seq = looked_at.seq AND me.room_id = $2 AND me.user_id = $5"
)


class _Found(Struct, frozen=True):
    place: FoundPlace
    size_bytes: int


def searched(
    who: Entrant, workspace_id: WorkspaceId | None, room_id: RoomId | None
) -> Steps[Searched]:
    if workspace_id is not None:
        yield from role_in(who, workspace_id)
    found = yield from rows(_SEARCHED, who.user_id, claimed(who), workspace_id, room_id)
    if room_id is not None and not found:
        raise no_such_room()
    keys = yield from rows(_KEYS, sorted(of for of, is_sealed, _ in found if is_sealed))
    return Searched(
        keys=tuple(map(wrapped_key, keys)),
        has_opaque=any(not is_sealed for _, is_sealed, _ in found),
    )


def find(
    who: Entrant, wish: WordSearch, before: FoundPlace | None, limit: int, now_ms: int
) -> Steps[FoundPosts | None]:
    known = yield from searched(who, wish.workspace_id, wish.room_id)
    if any((key.workspace_id, key.version) not in wish.tokens for key in known.keys):
        return None
    rooms, tops = yield from _begin(who, wish, before)
    found: list[_Found] = []
    looked_at = 0
    while tops and looked_at < MAX_LOOKED_AT:
        if len(found) > limit and found[limit].place >= tops[-1]:
            break
        top = tops.pop()
        count, some, rest = yield from _look(who, wish, top, rooms[top.room_id], now_ms)
        found = sorted([*found, *some], key=lambda one: one.place, reverse=True)[: limit + 1]
        if rest:
            insort(tops, rest)
        looked_at += max(count, STATEMENT_COST)
    sure = [one for one in found if not tops or one.place >= tops[-1]]
    held = _fitting(sure[:limit])
    posts = yield from _shown(sure[:held], rooms)
    return FoundPosts(posts=posts, next=_next(sure, held, tops))


def _begin(
    who: Entrant, wish: WordSearch, before: FoundPlace | None
) -> Steps[tuple[dict[RoomId, Origin], list[FoundPlace]]]:
    """Rooms to look into, and a place in each from which on; the newest of these last."""
    end_ms = NO_END - 1 if wish.until_ms is None else wish.until_ms
    found = yield from rows(
        _TOPS,
        who.user_id,
        claimed(who),
        wish.workspace_id,
        wish.room_id,
        end_ms if before is None else min(end_ms, before.sent_ms),
        None if before is None else before.room_id,
        0 if before is None else before.seq,
        wish.from_ms or 0,
    )
    there = {RoomId(one[0]): origin((one[2], one[3], one[1])) for one in found}
    starts = {RoomId(one[0]): NO_END if one[4] is None else one[4] for one in found}
    asked = [
        (room_id, tokens[0], starts[room_id])
        for room_id, of in there.items()
        for tokens in _of(wish, of).values()
    ]
    newest = yield from rows(_NEWEST, listed(asked))
    by_room: dict[str, FoundPlace] = {}
    for one, sent_ms, seq in newest:
        place = FoundPlace(sent_ms, RoomId(one), seq + 1)
        by_room[one] = max(place, by_room.get(one, place))
    return there, sorted(by_room.values())


def _of(wish: WordSearch, of: Origin) -> dict[int, tuple[str, ...]]:
    """The tokens of what is looked for in a room, by versions of its key, in their order."""
    keys = (one for one in sorted(wish.tokens) if one[0] == of.workspace_id)
    return {key[1]: wish.tokens[key] for key in keys}


def _look(
    who: Entrant, wish: WordSearch, top: FoundPlace, of: Origin, now_ms: int
) -> Steps[tuple[int, list[_Found], FoundPlace | None]]:
    """Look at the next messages of a room.

    Returns:
        How many, what is meant of them, and the place after them, if there are more.
    """
    some: dict[int, Row] = {}
    floor = 0
    for first, *others in _of(wish, of).values():
        got = yield from _stride(who, wish, top, first, others, now_ms)
        some |= {one[0]: one for one in got}
        if len(got) == STRIDE:
            floor = max(floor, min(one[0] for one in got))
    found = [
        _Found(FoundPlace(sent_ms, top.room_id, seq), size_bytes)
        for seq, sent_ms, size_bytes in some.values()
        if seq >= floor and size_bytes is not None
    ]
    rest = FoundPlace(some[floor][1], top.room_id, floor) if floor else None
    is_over = rest is None or rest.sent_ms < (wish.from_ms or 0)
    return len(some), found, None if is_over else rest


def _stride(
    who: Entrant,
    wish: WordSearch,
    top: FoundPlace,
    first: str,
    others: Sequence[str],
    now_ms: int,
) -> Steps[list[Row]]:
    """The next messages that have the first word: sequence, time, and size of what is meant."""
    return rows(
        _STRIDE,
        first,
        top.room_id,
        top.seq,
        STRIDE,
        who.user_id,
        now_ms,
        wish.from_ms or 0,
        listed([(one,) for one in others]),
        wish.sender,
    )


def _fitting(found: Sequence[_Found]) -> int:
    """How many of these a page holds."""
    taken = accumulate(one.size_bytes for one in found)
    return next((at for at, size in enumerate(taken, 1) if size >= MAX_PAGE_BYTES), len(found))


def _next(sure: Sequence[_Found], held: int, tops: Sequence[FoundPlace]) -> FoundPlace | None:
    if len(sure) > held:
        return sure[held - 1].place
    return tops[-1] if tops else None


def _shown(found: Sequence[_Found], rooms: dict[RoomId, Origin]) -> Steps[tuple[Post, ...]]:
    places = [one.place for one in found]
    shown = {}
    for room_id in {one.room_id for one in places}:
        seqs = [one.seq for one in places if one.room_id == room_id]
        posts = yield from posts_at(room_id, rooms[room_id], seqs)
        shown.update({(room_id, one.message.seq): one for one in posts})
    return tuple(shown[one.room_id, one.seq] for one in places)
