"""Steps that read messages, one by its id or a stretch of a room, and that delete them."""

from collections.abc import Sequence
from typing import Any

import msgspec

from server.core.durable import Role, Status, StoredMessage
from server.core.errors import AppError, Code
from server.core.ids import RoomId, UserId
from server.core.ports.conversations import Deleted, MessagePage, MessageRef
from server.stores.sql.attached import drop_files
from server.stores.sql.audit import Action, note_in_room
from server.stores.sql.conversations.paging import MAX_PAGE_BYTES, fitting, is_cut
from server.stores.sql.conversations.rooms import direct_room
from server.stores.sql.conversations.shapes import (
    MESSAGE,
    Origin,
    message,
    no_such_room,
    origin,
    readable,
)
from server.stores.sql.conversations.threads import forget_extras
from server.stores.sql.scopes import SHARED
from server.stores.sql.steps import Row, Steps, row, rows, run
from server.stores.sql.usage import SAID_BYTES, WORDS_BYTES, give_back

NO_END = 2**62
"""A sequence that no room comes to."""

_STRETCH = (
    f"SELECT m.seq, {SAID_BYTES} AS size FROM messages m CROSS JOIN room_members me "
    "WHERE m.room_id = $1 AND me.room_id = $1 AND me.user_id = $2 "
    f"AND {readable('$2', '$3')} AND m.seq < $4 AND m.seq > $5 ORDER BY m.seq {{order}} LIMIT $6"
)

_FORWARD, _BACKWARD = (
    fitting(_STRETCH.format(order=order), order, "$1", "$7") for order in ("ASC", "DESC")
)


def history(
    user_id: UserId,
    room_id: RoomId,
    limit: int,
    now_ms: int,
    before: int | None,
    after: int | None,
    among: str = SHARED,
) -> Steps[MessagePage]:
    room = yield from row(
        "SELECT r.kind, r.pair_key, r.workspace_id FROM room_members me "
        "JOIN rooms r ON r.room_id = me.room_id "
        f"WHERE me.room_id = $1 AND me.user_id = $2 AND {among}",
        room_id,
        user_id,
    )
    if not room:
        raise no_such_room()
    page, has_more = yield from stretch(user_id, room_id, limit, now_ms, before, after)
    shown = yield from with_status(user_id, room_id, origin(room), page)
    return MessagePage(tuple(shown), has_more=has_more)


def stretch(
    user_id: UserId,
    room_id: RoomId,
    limit: int,
    now_ms: int,
    before: int | None,
    after: int | None,
    forward: str = _FORWARD,
    backward: str = _BACKWARD,
    *more: Any,
) -> Steps[tuple[Sequence[Row], bool]]:
    """Messages of a room that was found, oldest first, as many as fit.

    Args:
        forward, backward: Which of them, in order of age or the other way round.
        more: Parameters of these.

    Returns:
        Rows of `MESSAGE`, and whether there are more in the direction that was asked for.
    """
    is_forward = after is not None and before is None
    found = yield from rows(
        forward if is_forward else backward,
        room_id,
        user_id,
        now_ms,
        NO_END if before is None else before,
        after or 0,
        limit + 1,
        MAX_PAGE_BYTES,
        *more,
    )
    page = found[:limit] if is_forward else found[:limit][::-1]
    return page, is_cut(found, limit)


def direct_history(
    user_id: UserId, other: UserId, limit: int, now_ms: int, before: int | None, after: int | None
) -> Steps[MessagePage]:
    room_id = yield from direct_room(user_id, other)
    if room_id is None:
        return MessagePage((), has_more=False)
    return (yield from history(user_id, room_id, limit, now_ms, before, after))


def with_status(
    user_id: UserId, room_id: str, of: Origin, found: Sequence[Row]
) -> Steps[list[StoredMessage]]:
    """Messages of one room, with how far they have come, as `user_id` may know it."""
    if not found:
        return []
    seqs = [one[1] for one in found]
    members = yield from rows(
        "SELECT user_id, joined_seq, read_seq FROM room_members WHERE room_id = $1", room_id
    )
    # Of those alone who do not stand behind it: they have read it, receipt or none.
    receipts = yield from rows(
        "SELECT c.seq, COUNT(CASE WHEN me.read_seq < c.seq THEN c.delivered_ms END), "
        "COUNT(CASE WHEN me.read_seq < c.seq THEN c.read_ms END), "
        "MAX(CASE WHEN c.user_id = $2 THEN c.delivered_ms END), "
        "MAX(CASE WHEN c.user_id = $2 THEN c.read_ms END) "
        # CROSS: else SQLite asks for a receipt of each member, where there may be none.
        "FROM receipts c CROSS JOIN room_members me "
        "WHERE me.room_id = $1 AND me.user_id = c.user_id AND me.joined_seq < c.seq "
        "AND c.room_id = $1 AND c.seq = ANY($3::bigint[]) GROUP BY c.seq",
        room_id,
        user_id,
        seqs,
    )
    by_seq = {one[0]: one[1:] for one in receipts}
    own_seq = next((read_seq for member, _, read_seq in members if member == user_id), 0)
    shown = []
    for one in found:
        delivered, read, own_delivered_ms, own_read_ms = by_seq.get(one[1], (0, 0, None, None))
        if one[3] == user_id:
            others = [at for who, since, at in members if since < one[1] and who != user_id]
            behind = sum(at >= one[1] for at in others) if one[10] is None else 0
            status, counts = _sent_status(delivered + behind, read + behind, len(others))
            shown.append(message(one, of, status, counts))
        else:
            has_read = own_read_ms is not None or (one[10] is None and own_seq >= one[1])
            status = _status(own_delivered_ms is not None or has_read, has_read)
            shown.append(message(one, of, status))
    return shown


def _sent_status(delivered: int, read: int, others: int) -> tuple[Status, tuple[int, int]]:
    """Of a message of one's own, with how many of the others."""
    return _status(delivered >= others > 0, read >= others > 0), (delivered, read)


def _status(is_delivered: bool, is_read: bool) -> Status:
    if is_read:
        return Status.READ
    return Status.DELIVERED if is_delivered else Status.SENT


class Named(msgspec.Struct, frozen=True):
    """A message that was named by its id, but not what it says; and of its room what reads it."""

    room_id: str
    seq: int
    message_id: str
    sender: str
    deleted_ms: int | None
    role: Role
    of: Origin

    @property
    def is_deleted(self) -> bool:
        return self.deleted_ms is not None

    def is_meant(self, ref: MessageRef) -> bool:
        return (
            ref.message_id == self.message_id
            and ref.room_id in (None, self.room_id)
            and ref.sender in (None, self.sender)
        )


# The ids first, which PostgreSQL takes from MATERIALIZED and SQLite from CROSS: else either may
# begin with the user's rooms, and read all that was ever said there.
_NAMED = (
    "WITH m AS MATERIALIZED (SELECT room_id, seq, message_id, sender_id, deleted_ms, expires_ms, "
    "withheld FROM messages WHERE message_id = ANY($2::text[])) "
    "SELECT m.room_id, m.seq, m.message_id, m.sender_id, m.deleted_ms, me.role, "
    "r.kind, r.pair_key, r.workspace_id "
    "FROM m CROSS JOIN room_members me CROSS JOIN rooms r WHERE me.room_id = m.room_id "
    f"AND me.user_id = $1 AND r.room_id = m.room_id AND {readable('$1', '$3')} AND {{among}}"
)


def named(user_id: UserId, message_ids: list[str], now_ms: int) -> Steps[list[Named]]:
    """All messages of these ids that the user may read."""
    wanted = _NAMED.format(among=SHARED)
    found = yield from rows(f"{wanted} ORDER BY m.room_id, m.seq", user_id, message_ids, now_ms)
    return [_to_named(one) for one in found]


def the_one(user_id: UserId, ref: MessageRef, now_ms: int, among: str = SHARED) -> Steps[Named]:
    """The message that is meant.

    Raises:
        AppError: NOT_FOUND, ID_CONFLICT.
    """
    meant = yield from rows(
        f"{_NAMED.format(among=among)} AND ($4::text IS NULL OR m.room_id = $4::text) "
        "AND ($5::text IS NULL OR m.sender_id = $5::text) LIMIT 2",
        user_id,
        [ref.message_id],
        now_ms,
        ref.room_id,
        ref.sender,
    )
    if not meant:
        raise AppError(Code.NOT_FOUND, "there is no such message for you")
    if len(meant) > 1:
        raise AppError(Code.ID_CONFLICT, "several have that id; say the conversation or sender too")
    return _to_named(meant[0])


def _to_named(found: Row) -> Named:
    room_id, seq, message_id, sender, deleted_ms, role = found[:6]
    return Named(room_id, seq, message_id, sender, deleted_ms, Role(role), origin(found[6:]))


def get(user_id: UserId, ref: MessageRef, now_ms: int) -> Steps[StoredMessage]:
    one = yield from the_one(user_id, ref, now_ms)
    found = yield from rows(
        f"SELECT {MESSAGE} FROM messages m WHERE m.room_id = $1 AND m.seq = $2",
        one.room_id,
        one.seq,
    )
    shown = yield from with_status(user_id, one.room_id, one.of, found)
    return shown[0]


def delete(user_id: UserId, ref: MessageRef, now_ms: int, among: str = SHARED) -> Steps[Deleted]:
    one = yield from the_one(user_id, ref, now_ms, among)
    if one.sender != user_id and one.role is Role.MEMBER:
        raise AppError(Code.FORBIDDEN, "that is not your message")
    said = yield from rows(
        f"SELECT m.sender_id, {SAID_BYTES} + {WORDS_BYTES} FROM messages m "
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
    if one.of.workspace_id is not None and changed:
        yield from forget_extras(one.room_id, one.seq)
        yield from note_in_room(
            Action.MESSAGE_DELETED, one.room_id, user_id, [one.sender], now_ms, one.of.workspace_id
        )
        yield from drop_files(one.room_id, one.of.workspace_id, one.seq, user_id, now_ms)
    members = yield from rows(
        "SELECT user_id FROM room_members WHERE room_id = $1 AND joined_seq < $2",
        one.room_id,
        one.seq,
    )
    readers = tuple(UserId(member) for (member,) in members)
    yield from give_back(said)
    return Deleted(
        message=message(found[0], one.of),
        is_repeat=not changed,
        readers=(user_id,) if found[0][-1] else readers,
    )
