"""Steps that note how far members have read conversations of workspaces, many at a time."""

# ruff: noqa: S608  # nothing but names of this package is put into statements

from collections.abc import Sequence

from msgspec import Struct

from server.core.errors import AppError, Code
from server.core.ids import MessageId, RoomId, UserId, WorkspaceId
from server.core.ports.channels import Position
from server.stores.sql.conversations.lists import UNREAD
from server.stores.sql.conversations.shapes import no_such_room, readable
from server.stores.sql.scopes import OF_WORKSPACES
from server.stores.sql.steps import Row, Steps, listed, rows, run_many


class Mark(Struct, frozen=True):
    """Up to which message a member has read a conversation; all of it if none is said."""

    user_id: UserId
    room_id: RoomId
    message_id: MessageId | None
    now_ms: int

    @property
    def key(self) -> str:
        return f"{len(self.room_id)}:{self.room_id}{self.user_id}"


Outcome = Position | AppError | None


class _Standing(Struct, frozen=True):
    """Where a member stands, locked."""

    workspace_id: str
    is_sealed: bool
    room_seq: int
    read_seq: int
    read_ms: int | None


_LOCK = (
    "SELECT me.room_id, me.user_id, r.workspace_id, r.is_sealed, r.seq, me.read_seq, me.read_ms "
    "FROM json_array_elements($1::json) AS asked JOIN room_members me "
    "ON me.room_id = (asked.value ->> 0) AND me.user_id = (asked.value ->> 1) "
    f"JOIN rooms r ON r.room_id = me.room_id AND {OF_WORKSPACES} "
    "ORDER BY me.room_id, me.user_id FOR UPDATE OF me"
)

_NAMED = (
    "SELECT me.room_id, me.user_id, m.message_id, m.seq "
    "FROM json_array_elements($1::json) AS asked JOIN room_members me "
    "ON me.room_id = (asked.value ->> 0) AND me.user_id = (asked.value ->> 1) "
    "JOIN messages m ON m.message_id = (asked.value ->> 2) AND m.room_id = me.room_id "
    f"WHERE {readable('me.user_id', '$2')}"
)

_NEWEST = (
    "SELECT m.message_id, m.seq, m.sender_id FROM messages m WHERE m.room_id = $1 "
    "AND m.seq > $2 AND m.seq <= $3 AND m.sender_id <> $4 AND NOT m.withheld "
    "AND m.deleted_ms IS NULL ORDER BY m.seq DESC LIMIT 1"
)

_LEFT = (
    f"SELECT ({UNREAD}) FROM room_members me JOIN rooms r ON r.room_id = me.room_id "
    "WHERE me.user_id = $1 AND me.room_id = $3"
)


def mark_all(marks: Sequence[Mark], *, waits: bool) -> Steps[list[Outcome]]:
    """Note how far members have read; of one member and room only the furthest is written.

    Args:
        waits: For places that other transactions have locked. Else what is for these is left.
    """
    places = sorted({(str(one.room_id), str(one.user_id)) for one in marks})
    found = yield from rows(_LOCK if waits else f"{_LOCK} SKIP LOCKED", listed(places))
    held = {(one[0], one[1]): _Standing(one[2], bool(one[3]), *one[4:]) for one in found}
    named = yield from _named(marks)
    wanted = {one: _wanted(one, held, named) for one in marks}
    moved = _furthest(wanted, held)
    yield from run_many(
        "UPDATE room_members SET read_seq = $3, read_ms = $4 WHERE room_id = $1 AND user_id = $2",
        [(*place, seq, now_ms) for place, (seq, now_ms) in sorted(moved.items())],
    )
    outcomes: dict[Mark, Outcome] = {}
    for one in marks:
        outcomes[one] = yield from _outcome(one, wanted[one], held, moved, waits=waits)
    return [outcomes[one] for one in marks]


_Places = dict[tuple[str, str], _Standing]
_Moved = dict[tuple[str, str], tuple[int, int]]


def _place(one: Mark) -> tuple[str, str]:
    return str(one.room_id), str(one.user_id)


def _named(marks: Sequence[Mark]) -> Steps[dict[tuple[str, str, str], int]]:
    """Where the messages stand that were named."""
    asked = sorted({(*_place(one), str(one.message_id)) for one in marks if one.message_id})
    if not asked:
        return {}
    found = yield from rows(_NAMED, listed(asked), max(one.now_ms for one in marks))
    return {(one[0], one[1], one[2]): one[3] for one in found}


def _wanted(one: Mark, held: _Places, named: dict[tuple[str, str, str], int]) -> int | None:
    """Up to where that is; None if there is no such message, or no such place."""
    place = _place(one)
    if place not in held:
        return None
    if one.message_id is None:
        return held[place].room_seq
    return named.get((*place, str(one.message_id)))


def _furthest(wanted: dict[Mark, int | None], held: _Places) -> _Moved:
    moved: _Moved = {}
    for one, seq in wanted.items():
        place = _place(one)
        if seq is not None and seq > max(held[place].read_seq, moved.get(place, (0, 0))[0]):
            moved[place] = (seq, one.now_ms)
    return moved


def _outcome(
    one: Mark, wanted: int | None, held: _Places, moved: _Moved, *, waits: bool
) -> Steps[Outcome]:
    place = _place(one)
    before = held.get(place)
    if before is None:
        return no_such_room() if waits else None
    if wanted is None:
        return AppError(Code.NOT_FOUND, "there is no such message for you")
    seq, read_ms = moved.get(place, (before.read_seq, before.read_ms))
    return Position(
        room_id=one.room_id,
        workspace_id=WorkspaceId(before.workspace_id),
        seq=seq,
        read_ms=read_ms,
        unread=(yield from unread_in(one.user_id, one.room_id, one.now_ms)),
        has_moved=place in moved,
        newest=(yield from _newest(one, before, seq)),
    )


def unread_in(user_id: UserId, room_id: RoomId, now_ms: int) -> Steps[int]:
    """How much a member has not read of a conversation; none if it is not in it."""
    found = yield from rows(_LEFT, user_id, now_ms, room_id)
    return found[0][0] if found else 0


def _newest(one: Mark, before: _Standing, seq: int) -> Steps[tuple[MessageId, int, UserId] | None]:
    """The newest message of another that was read just now, where others may hear of that."""
    if before.is_sealed or seq <= before.read_seq:
        return None
    found: list[Row] = yield from rows(_NEWEST, one.room_id, before.read_seq, seq, one.user_id)
    return (MessageId(found[0][0]), found[0][1], UserId(found[0][2])) if found else None
