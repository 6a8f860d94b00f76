"""Who comes and goes in a room raises its key epoch, and the queues of its members say so."""

import asyncio
from typing import Any

import msgspec
import pytest

from server.core.durable import Role
from server.core.errors import AppError
from server.core.ids import RoomId, UserId
from server.core.limits import Bounds
from server.stores.sql.conversations import SqlConversations, leave_rooms
from server.stores.sql.conversations.epochs import have_rotated
from server.stores.sql.identities import SqlIdentities
from tests.stores.sql.households import NOW_MS, phone
from tests.stores.sql.queues_at_home import Post

ALICE, BOB, CAROL = (UserId(one) for one in ("alice", "bob", "carol"))


@pytest.fixture
async def post(home) -> Post:
    """All have queues already."""
    bounds = Bounds(queue_events=6, queue_events_of_sender=6, queue_rotations=2)
    home.rooms = SqlConversations(home.database, bounds)
    made = Post(home, bounds)
    await made.store.see([phone(one) for one in (ALICE, BOB, CAROL)], NOW_MS)
    return made


async def told(post: Post, user: UserId) -> list[tuple[str, dict[str, Any]]]:
    """What the server has said to somebody."""
    return [
        (one.type, msgspec.json.decode(one.metadata or b"{}"))
        for one in await post.read(phone(user))
    ]


async def change_key(post: Post, user: UserId) -> None:
    """Note another key of somebody, and have that told."""
    await post.home.database.write(lambda: have_rotated(user))
    rotated = await SqlIdentities(post.home.database, Bounds()).rotate_due(user, 10, NOW_MS)
    assert user in rotated.told


def rotation(room: RoomId, epoch: int, reason: str, *members: str) -> tuple[str, dict[str, Any]]:
    metadata = {"group_id": room, "epoch": epoch, "members": list(members), "reason": reason}
    return ("KEY_ROTATION", metadata)


async def test_members_of_a_new_group_are_told_its_first_epoch(post):
    room = await post.home.room_of("alice", "bob")
    first = rotation(room, 1, "created", ALICE, BOB)
    assert await told(post, ALICE) == await told(post, BOB) == [first]
    assert (await post.home.rooms.get(ALICE, room)).epoch == 1


async def test_who_joins_raises_the_epoch_and_all_are_told_who_is_there(post):
    room = await post.home.room_of("alice", "bob")
    await post.home.rooms.add_member(ALICE, room, CAROL, None, NOW_MS)
    second = rotation(room, 2, "member_added", ALICE, BOB, CAROL)
    assert (await told(post, BOB))[-1] == second
    assert await told(post, CAROL) == [second]


async def test_who_is_removed_is_told_and_the_others_get_another_epoch(post):
    room = await post.home.room_of("alice", "bob", "carol")
    await post.home.rooms.remove_member(ALICE, room, BOB, NOW_MS)
    removed = ("MEMBER_REMOVED", {"group_id": room, "reason": "member_removed"})
    assert (await told(post, BOB))[-1] == removed
    assert (await told(post, CAROL))[-1] == rotation(room, 2, "member_removed", ALICE, CAROL)


async def test_who_leaves_has_it_told_to_all_own_devices(post):
    room = await post.home.room_of("alice", "bob")
    await post.home.rooms.remove_member(BOB, room, BOB, NOW_MS)
    left = ("MEMBER_REMOVED", {"group_id": room, "reason": "member_left"})
    assert (await told(post, BOB))[-1] == left
    assert (await told(post, ALICE))[-1] == rotation(room, 2, "member_left", ALICE)


async def test_a_role_is_no_change_of_keys(post):
    room = await post.home.room_of("alice", "bob")
    await post.home.rooms.add_member(ALICE, room, BOB, Role.ADMIN, NOW_MS)
    assert (await post.home.rooms.get(ALICE, room)).epoch == 1
    assert len(await told(post, BOB)) == 1


async def test_all_are_told_when_a_group_ends(post):
    room = await post.home.room_of("alice", "bob")
    await post.home.rooms.delete(ALICE, room, NOW_MS)
    ended = ("MEMBER_REMOVED", {"group_id": room, "reason": "group_deleted"})
    assert (await told(post, ALICE))[-1] == (await told(post, BOB))[-1] == ended


async def test_an_account_that_is_deleted_raises_the_epoch_of_all_its_groups(post):
    rooms = [await post.home.room_of("alice", "bob") for _ in range(2)]
    await post.home.database.write(lambda: leave_rooms(BOB, None, NOW_MS))
    epochs = [(await post.home.rooms.get(ALICE, room)).epoch for room in rooms]
    assert epochs == [2, 2]
    last = [metadata["epoch"] for _, metadata in (await told(post, ALICE))[-2:]]
    assert last == [2, 2]


async def test_a_rotation_finds_room_in_a_queue_that_is_full_of_events(post):
    for count in range(6):
        await post.send("carol", "bob", f"e{count}")
    room = await post.home.room_of("alice", "bob")
    assert (await told(post, BOB))[-1] == rotation(room, 1, "created", ALICE, BOB)


async def test_a_queue_with_no_place_left_says_that_something_was_lost(post):
    for _ in range(6):
        await post.send("carol", "bob")
    for _ in range(4):
        await post.home.room_of("alice", "bob")
    *_, last = await post.read(phone(BOB))
    assert (last.first_seq, last.seq) == (9, 10)


async def test_who_has_no_queue_gets_none_for_what_the_server_says(home):
    post = Post(home, Bounds())
    await home.room_of("alice", "bob")
    assert await home.count("queues") == await home.count("events") == 0
    assert await post.read(phone(BOB)) == []


# --- one word on each group ---


async def places(post: Post, user: UserId) -> list[tuple[int, int, str]]:
    """From where to where, and what."""
    return [
        (one.first_seq, one.seq, one.lost_as.value if one.lost_as else one.type)
        for one in await post.read(phone(user))
    ]


async def come_and_go(post: Post, room: RoomId, times: int) -> None:
    for _ in range(times):
        await post.home.rooms.remove_member(ALICE, room, BOB, NOW_MS)
        await post.home.rooms.add_member(ALICE, room, BOB, None, NOW_MS)


async def test_the_newest_word_on_a_group_takes_the_place_of_all_before(post):
    room = await post.home.room_of("alice", "bob")
    await come_and_go(post, room, 20)
    assert await places(post, BOB) == [(1, 40, "superseded"), (41, 41, "KEY_ROTATION")]
    assert await places(post, ALICE) == [(1, 40, "superseded"), (41, 41, "KEY_ROTATION")]
    assert (await told(post, BOB))[-1] == rotation(room, 41, "member_added", ALICE, BOB)


async def test_who_has_just_been_told_a_word_still_lets_it_go(post):
    room = await post.home.room_of("alice", "bob")
    (first,) = await post.read(phone(BOB))
    await post.home.rooms.add_member(ALICE, room, CAROL, None, NOW_MS)
    assert await post.acknowledge(phone(BOB), first.event_id) == [1]
    assert await places(post, BOB) == [(2, 2, "KEY_ROTATION")]


async def test_words_that_were_superseded_beside_each_other_have_one_place(post):
    one, other = [await post.home.room_of("alice", "bob") for _ in range(2)]
    await post.send("carol", "bob", "between")
    await post.home.rooms.add_member(ALICE, other, CAROL, None, NOW_MS)
    await post.home.rooms.add_member(ALICE, one, CAROL, None, NOW_MS)
    expected = ["superseded", "MESSAGE", "KEY_ROTATION", "KEY_ROTATION"]
    found = await places(post, BOB)
    assert [what for *_, what in found] == expected
    assert found[0] == (1, 2, "superseded")


async def test_a_warning_of_another_key_stays_until_the_next_one(post):
    room = await post.home.room_of("alice", "bob")
    for _ in range(2):
        await change_key(post, ALICE)
        await come_and_go(post, room, 2)
    reasons = [said.get("reason") for _, said in await told(post, ALICE)]
    assert reasons == [None, "key_changed", None, "member_added"]


async def test_who_makes_and_ends_groups_has_no_more_places_than_a_sender(home):
    bounds = Bounds(queue_events=50, queue_events_of_sender=6, queue_rotations=40)
    home.rooms = SqlConversations(home.database, bounds)
    post = Post(home, bounds)
    await post.store.see([phone(BOB)], NOW_MS)
    for _ in range(10):
        room = await home.room_of("alice", "bob")
        await home.rooms.delete(ALICE, room, NOW_MS)
    found = [what for *_, what in await places(post, BOB)]
    assert found.count("MEMBER_REMOVED") == 6
    assert found[-1] == "queue_full"
    with pytest.raises(AppError):
        await post.send("alice", "bob")
    assert (await post.send("carol", "bob")).users == (BOB,)


async def test_rotations_take_no_place_from_events(post):
    for _ in range(2):
        await post.home.room_of("alice", "bob")
    for _ in range(6):
        assert (await post.send("carol", "bob")).users == (BOB,)


# --- another public key ---


async def test_what_is_due_is_done_once_and_goes_on_where_it_was_interrupted(post):
    rooms = [await post.home.room_of("alice", "bob") for _ in range(3)]
    await post.home.database.write(lambda: have_rotated(BOB))
    await post.home.rooms.delete(ALICE, rooms[0], NOW_MS)
    identities = SqlIdentities(post.home.database, Bounds())
    assert (await identities.rotate_due(BOB, 2, NOW_MS)).told == (ALICE, BOB)
    await asyncio.gather(*(identities.rotate_due(None, 2, NOW_MS) for _ in range(2)))
    assert (await identities.rotate_due(None, 2, NOW_MS)).rooms == 0
    epochs = [(await post.home.rooms.get(ALICE, room)).epoch for room in rooms[1:]]
    assert epochs == [2, 2]
