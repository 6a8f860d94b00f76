"""From rows to what the core knows."""

import msgspec
from msgspec import Struct

from server.core.durable import Conversation, Participant, Role, Status, StoredMessage
from server.core.errors import AppError, Code
from server.core.ids import DeviceId, MessageId, RoomId, UserId, WorkspaceId
from server.core.kinds import Kind
from server.stores.sql.scopes import SHARED
from server.stores.sql.steps import Row, Steps, row, rows

ROOM = (
    "r.room_id, r.kind, r.name, r.description, r.created_by, r.created_ms, r.updated_ms, "
    "r.ttl_ms, r.seq, r.epoch, r.workspace_id, r.is_sealed, r.key_version, r.icon, r.document_id"
)
"""What `conversation` takes."""

ROOM_COLUMNS = ROOM.count(",") + 1

MESSAGE = (
    "m.room_id, m.seq, m.message_id, m.sender_id, m.sender_device_id, m.type, m.ciphertext, "
    "m.metadata, m.created_ms, m.expires_ms, m.deleted_ms"
)
"""What `message` takes."""


def readable(user: str, now: str) -> str:
    """The condition under which a message `m` can be read by a member `me`; for two parameters."""
    return (
        f"m.seq > me.joined_seq AND (NOT m.withheld OR m.sender_id = {user}) "
        f"AND (m.expires_ms IS NULL OR m.expires_ms > {now})"
    )


def no_such_room() -> AppError:
    return AppError(Code.NOT_FOUND, "there is no such conversation for you")


def pair_key(one: UserId, other: UserId, workspace_id: WorkspaceId | None = None) -> str:
    """By which the direct room of two is found, that of a workspace or that of none."""
    scope = None if workspace_id is None else str(workspace_id)
    return msgspec.json.encode([scope, *sorted((str(one), str(other)))]).decode()


def peer_in(key: str | None, user_id: str) -> UserId | None:
    """The other one of a direct room, whatever workspace it is of."""
    if key is None:
        return None
    _, one, other = msgspec.json.decode(key)
    return UserId(one if other == user_id else other)


def conversation(
    found: Row, role: Role | None = None, participants: tuple[Participant, ...] = ()
) -> Conversation:
    room_id, kind, name, description, creator, created_ms, updated_ms, ttl_ms = found[:8]
    seq, epoch, workspace_id, is_sealed, key_version, icon, document_id = found[8:ROOM_COLUMNS]
    return Conversation(
        room_id=RoomId(room_id),
        kind=Kind(kind),
        name=name.decode(),
        description=description.decode(),
        created_by=UserId(creator),
        created_ms=created_ms,
        updated_ms=updated_ms,
        ttl_ms=ttl_ms,
        seq=seq,
        epoch=epoch,
        workspace_id=None if workspace_id is None else WorkspaceId(workspace_id),
        is_sealed=bool(is_sealed),
        key_version=key_version,
        icon=(icon or b"").decode(),
        document_id=document_id,
        role=role,
        participants=participants,
    )


class Origin(Struct, frozen=True):
    """Of the room of a message, as far as the message shows it."""

    kind: Kind
    pair_key: str | None
    workspace_id: str | None


def origin(found: Row) -> Origin:
    """Of its kind, pair and workspace, as they stand in `rooms`."""
    kind, key, workspace_id = found
    return Origin(Kind(kind), key, workspace_id)


def message(
    found: Row,
    of: Origin,
    status: Status = Status.SENT,
    counts: tuple[int, int] = (0, 0),
) -> StoredMessage:
    """A message of a room.

    Args:
        of: Of its room.
        counts: Of those with whom it was delivered, and who have read it.
    """
    (room_id, seq, message_id, sender, device, word, ciphertext, metadata) = found[:8]
    sent_ms, expires_ms, deleted_ms = found[8:11]
    return StoredMessage(
        room_id=RoomId(room_id),
        kind=of.kind,
        workspace_id=None if of.workspace_id is None else WorkspaceId(of.workspace_id),
        seq=seq,
        message_id=MessageId(message_id),
        sender=UserId(sender),
        sender_device=None if device is None else DeviceId(device),
        # In a workspace it is the room that is answered: the two may have another one.
        recipient=peer_in(of.pair_key, sender) if of.workspace_id is None else None,
        type=word,
        ciphertext=None if ciphertext is None else ciphertext.decode(),
        metadata=metadata,
        sent_ms=sent_ms,
        expires_ms=expires_ms,
        deleted_ms=deleted_ms,
        status=status,
        delivered=counts[0],
        read=counts[1],
    )


def participants_of(room_ids: list[str]) -> Steps[dict[str, list[Participant]]]:
    """Members by room, in order of joining."""
    found = yield from rows(
        "SELECT me.room_id, me.user_id, me.role, me.joined_ms, a.username, a.display_name, "
        "f.name FROM room_members me LEFT JOIN accounts a "
        "ON a.user_id = me.user_id AND a.deleted_ms IS NULL "
        "LEFT JOIN foreign_users f ON f.user_id = me.user_id "
        "WHERE me.room_id = ANY($1::text[]) ORDER BY me.joined_ms, me.user_id",
        room_ids,
    )
    by_room: dict[str, list[Participant]] = {room_id: [] for room_id in room_ids}
    for room_id, *who in found:
        by_room[room_id].append(participant(tuple(who)))
    return by_room


def participant(found: Row) -> Participant:
    user_id, role, joined_ms, username, display_name, foreign_name = found
    return Participant(
        user_id=UserId(user_id),
        role=Role(role),
        joined_ms=joined_ms,
        username=username or "",
        display_name=display_name or (foreign_name or b"").decode(),
    )


def whole_room(
    room_id: str, user_id: str | None = None, among: str = SHARED
) -> Steps[Conversation]:
    """A room with its members; with the role of one of them, if one is named.

    Args:
        among: `SHARED`, `OF_WORKSPACES` or `ANY`.

    Raises:
        AppError: NOT_FOUND if there is none, or that one is not in it.
    """
    found = yield from row(
        f"SELECT {ROOM} FROM rooms r WHERE r.room_id = $1 AND r.deleted_ms IS NULL AND {among}",
        room_id,
    )
    if not found:
        raise no_such_room()
    members = (yield from participants_of([room_id]))[room_id]
    if user_id is None:
        return conversation(found, None, tuple(members))
    roles = {one.user_id: one.role for one in members}
    if user_id not in roles:
        raise no_such_room()
    return conversation(found, roles[UserId(user_id)], tuple(members))
