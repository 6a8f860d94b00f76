"""Steps that find the first members of conversations, and how many there are."""

from collections.abc import Sequence

from msgspec import Struct

from server.core.durable import Participant
from server.core.ids import UserId
from server.core.ports.channels import LISTED_MEMBERS
from server.stores.sql.conversations.shapes import participant
from server.stores.sql.steps import Steps, rows

_FIRST = (
    "SELECT me.room_id, me.user_id, me.role, me.joined_ms, a.username, a.display_name, f.name, "
    "me.read_seq, me.read_ms, me.members FROM ("
    "SELECT m.*, COUNT(*) OVER (PARTITION BY m.room_id) AS members, "
    "ROW_NUMBER() OVER (PARTITION BY m.room_id ORDER BY m.joined_ms, m.user_id) AS number "
    "FROM room_members m WHERE m.room_id = ANY($1::text[])) me "
    "LEFT JOIN accounts a ON a.user_id = me.user_id AND a.deleted_ms IS NULL "
    "LEFT JOIN foreign_users f ON f.user_id = me.user_id "
    "WHERE me.number <= $2 OR me.user_id = $3 ORDER BY me.number"
)


class Crowd(Struct):
    """Those of a room who are shown in a list, up to where they have read, and how many it has."""

    participants: list[Participant]
    positions: dict[UserId, tuple[int, int | None]]
    members: int


def crowds_of(room_ids: Sequence[str], user_id: UserId) -> Steps[dict[str, Crowd]]:
    """The first members by room, and this user, in order of joining."""
    found = yield from rows(_FIRST, list(room_ids), LISTED_MEMBERS, user_id)
    by_room = {room_id: Crowd([], {}, 0) for room_id in room_ids}
    for room_id, *who, read_seq, read_ms, members in found:
        crowd, one = by_room[room_id], participant(tuple(who))
        crowd.participants.append(one)
        crowd.positions[one.user_id] = (read_seq, read_ms)
        crowd.members = members
    return by_room
