"""Steps that read messages, one by its id or a stretch of a room, and that delete them."""

from collections.abc import Sequence

import msgspec

from server.core.durable import Role, Status, StoredMessage
from server.core.errors import AppError, Code
from server.core.ids import RoomId, UserId
from server.core.kinds import Kind
from server.core.ports.conversations import Deleted, MessagePage, MessageRef
from server.stores.sql.conversations.rooms import direct_room
from server.stores.sql.conversations.shapes import MESSAGE, message, no_such_room, readable
from server.stores.sql.steps import Row, Steps, row, rows, run
from server.stores.sql.usage import SAID_BYTES, give_back

NO_END = 2**62
"""A sequence that no room comes to."""


def history(
    user_id: UserId,
    room_id: RoomId,
    limit: int,
    now_ms: int,
    before: int | None,
    after: int | None,
) -> Steps[MessagePage]:
    room = yield from row(
        "SELECT r.kind, r.pair_key FROM room_members me JOIN rooms r ON r.room_id = me.room_id "
        "WHERE me.room_id = $1 AND me.user_id = $2",
        room_id,
        user_id,
    )
    if not room:
        raise no_such_room()
    forward = after is not None and before is None
    found = yield from rows(
        f"SELECT {MESSAGE} FROM messages m "
        "JOIN room_members me ON me.room_id = m.room_id AND me.user_id = $2 "
        f"WHERE m.room_id = $1 AND {readable('$2', '$3')} AND m.seq < $4 AND m.seq > $5 "
        f"ORDER BY m.seq {'ASC' if forward else 'DESC'} LIMIT $6",
        room_id,
        user_id,
        now_ms,
        NO_END if before is None else before,
        after or 0,
        limit + 1,
    )
    page = found[:limit] if forward else found[:limit][::-1]
    shown = yield from with_status(user_id, room_id, Kind(room[0]), room[1], page)
    return MessagePage(tuple(shown), has_more=len(found) > limit)


def direct_history(
    user_id: UserId, other: UserId, limit: int, now_ms: int, before: int | None, after: int | None
) -> Steps[MessagePage]:
    room_id = yield from direct_room(user_id, other)
    if room_id is None:
        return MessagePage((), has_more=False)
    return (yield from history(user_id, room_id, limit, now_ms, before, after))


def with_status(
    user_id: UserId, room_id: str, kind: Kind, key: str | None, found: Sequence[Row]
) -> Steps[list[StoredMessage]]:
    """Messages of one room, with how far they have come, as `user_id` may know it."""
    if not found:
        return []
    seqs = [one[1] for one in found]
    joined = yield from rows(
        "SELECT user_id, joined_seq FROM room_members WHERE room_id = $1", room_id
    )
    receipts = yield from rows(
        "SELECT c.seq, COUNT(c.delivered_ms), COUNT(c.read_ms), "
        "MAX(CASE WHEN c.user_id = $2 THEN c.delivered_ms END), "
        "MAX(CASE WHEN c.user_id = $2 THEN c.read_ms END) "
        "FROM receipts c JOIN room_members me "
        "ON me.room_id = c.room_id AND me.user_id = c.user_id AND me.joined_seq < c.seq "
        "WHERE c.room_id = $1 AND c.seq = ANY($3::bigint[]) GROUP BY c.seq",
        room_id,
        user_id,
        seqs,
    )
    by_seq = {one[0]: one[1:] for one in receipts}
    shown = []
    for one in found:
        delivered, read, own_delivered_ms, own_read_ms = by_seq.get(one[1], (0, 0, None, None))
        if one[3] == user_id:
            others = sum(since < one[1] and member != user_id for member, since in joined)
            status = _status(delivered >= others > 0, read >= others > 0)
            shown.append(message(one, kind, key, status, (delivered, read)))
        else:
            status = _status(own_delivered_ms is not None, own_read_ms is not None)
            shown.append(message(one, kind, key, status))
    return shown


def _status(is_delivered: bool, is_read: bool) -> Status:
    if is_read:
        return Status.READ
    return Status.DELIVERED if is_delivered else Status.SENT


class Named(msgspec.Struct, frozen=True):
    """A message that was named by its id: its row, and of its room what reads it."""

    row: Row
    kind: Kind
    pair_key: str | None
    role: Role

    @property
    def room_id(self) -> str:
        return str(self.row[0])

    @property
    def seq(self) -> int:
        return int(self.row[1])

    @property
    def message_id(self) -> str:
        return str(self.row[2])

    @property
    def sender(self) -> str:
        return str(self.row[3])

    @property
    def is_deleted(self) -> bool:
        return self.row[10] is not None

    def is_meant(self, ref: MessageRef) -> bool:
        return (
            ref.message_id == self.message_id
            and ref.room_id in (None, self.room_id)
            and ref.sender in (None, self.sender)
        )


def named(user_id: UserId, message_ids: list[str], now_ms: int) -> Steps[list[Named]]:
    """All messages of these ids that the user may read."""
    found = yield from rows(
        f"SELECT {MESSAGE}, r.kind, r.pair_key, me.role FROM messages m "
        "JOIN room_members me ON me.room_id = m.room_id AND me.user_id = $1 "
        "JOIN rooms r ON r.room_id = m.room_id "
        f"WHERE m.message_id = ANY($2::text[]) AND {readable('$1', '$3')} "
        "ORDER BY m.room_id, m.seq",
        user_id,
        message_ids,
        now_ms,
    )
    return [Named(one, Kind(one[11]), one[12], Role(one[13])) for one in found]


def the_one(user_id: UserId, ref: MessageRef, now_ms: int) -> Steps[Named]:
    """The message that is meant.

    Raises:
        AppError: NOT_FOUND, ID_CONFLICT.
    """
    found = yield from named(user_id, [ref.message_id], now_ms)
    meant = [one for one in found if one.is_meant(ref)]
    if not meant:
        raise AppError(Code.NOT_FOUND, "there is no such message for you")
    if len(meant) > 1:
        raise AppError(Code.ID_CONFLICT, "several have that id; say the room or the sender too")
    return meant[0]


def get(user_id: UserId, ref: MessageRef, now_ms: int) -> Steps[StoredMessage]:
    one = yield from the_one(user_id, ref, now_ms)
    shown = yield from with_status(user_id, one.room_id, one.kind, one.pair_key, [one.row])
    return shown[0]


def delete(user_id: UserId, ref: MessageRef, now_ms: int) -> Steps[Deleted]:
    one = yield from the_one(user_id, ref, now_ms)
    if one.sender != user_id and one.role is Role.MEMBER:
        raise AppError(Code.FORBIDDEN, "that is not your message")
    said = yield from rows(
        f"SELECT m.sender_id, {SAID_BYTES} FROM messages m "
        "WHERE m.room_id = $1 AND m.seq = $2 AND m.deleted_ms IS NULL FOR UPDATE",
        one.room_id,
        one.seq,
    )
    changed = yield from rows(
        "UPDATE messages SET ciphertext = NULL, metadata = NULL, deleted_ms = $3 "
        "WHERE room_id = $1 AND seq = $2 AND deleted_ms IS NULL RETURNING withheld",
        one.room_id,
        one.seq,
        now_ms,
    )
    found = yield from rows(
        f"SELECT {MESSAGE}, m.withheld FROM messages m WHERE m.room_id = $1 AND m.seq = $2",
        one.room_id,
        one.seq,
    )
    yield from run("DELETE FROM receipts WHERE room_id = $1 AND seq = $2", one.room_id, one.seq)
    members = yield from rows(
        "SELECT user_id FROM room_members WHERE room_id = $1 AND joined_seq < $2",
        one.room_id,
        one.seq,
    )
    readers = tuple(UserId(member) for (member,) in members)
    yield from give_back(said)
    return Deleted(
        message=message(found[0], one.kind, one.pair_key),
        is_repeat=not changed,
        readers=(user_id,) if found[0][-1] else readers,
    )
