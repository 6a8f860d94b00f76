"""What the server says on groups, in the queues of a household."""

from typing import Any

import msgspec

from server.core.ids import RoomId, UserId
from server.core.limits import Bounds
from server.core.ports.conversations import Device
from server.stores.sql.conversations import SqlConversations, leave_rooms
from server.stores.sql.conversations.epochs import have_rotated
from server.stores.sql.identities import SqlIdentities
from tests.stores.sql.households import NOW_MS, Household, phone
from tests.stores.sql.queues_at_home import Post

ALICE, BOB, CAROL = (UserId(one) for one in ("alice", "bob", "carol"))


async def words_at(home: Household, bounds: Bounds) -> Post:
    """Rooms and queues of these bounds; all have queues already."""
    home.rooms = SqlConversations(home.database, bounds)
    post = Post(home, bounds)
    await post.store.see([phone(one) for one in (ALICE, BOB, CAROL)], NOW_MS)
    return post


async def told(post: Post, user: UserId) -> list[tuple[str, dict[str, Any]]]:
    """What the server has said to somebody."""
    return [
        (one.type, msgspec.json.decode(one.metadata or b"{}"))
        for one in await post.read(phone(user))
    ]


async def stretches(post: Post, device: Device) -> list[tuple[int, int, str]]:
    """From where to where, and what."""
    return [
        (one.first_seq, one.seq, one.lost_as.value if one.lost_as else one.type)
        for one in await post.read(device)
    ]


def rotation(room: RoomId, epoch: int, reason: str, *members: str) -> tuple[str, dict[str, Any]]:
    metadata = {"group_id": room, "epoch": epoch, "members": list(members), "reason": reason}
    return ("KEY_ROTATION", metadata)


async def come_and_go(post: Post, room: RoomId, times: int) -> None:
    """Have Alice remove and add Bob."""
    for _ in range(times):
        await post.home.rooms.remove_member(ALICE, room, BOB, NOW_MS)
        await post.home.rooms.add_member(ALICE, room, BOB, None, NOW_MS)


async def change_key(post: Post, user: UserId) -> None:
    """Note another key of somebody, and have that told."""
    await post.home.database.write(lambda: have_rotated(user))
    rotated = await SqlIdentities(post.home.database, post.bounds).rotate_due(user, 10, NOW_MS)
    assert user in rotated.told


async def end_account(post: Post, user: UserId) -> None:
    """Take somebody out of all groups, in one transaction."""
    await post.home.database.write(lambda: leave_rooms(user, None, NOW_MS, post.bounds))
