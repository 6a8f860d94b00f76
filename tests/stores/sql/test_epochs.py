"""Who comes and goes in a room raises its key epoch, and the queues of its members say so."""

import asyncio
import functools
from collections.abc import AsyncIterator

import pytest

from server.core.durable import Role
from server.core.limits import Bounds
from server.stores.sql.conversations.epochs import have_rotated
from server.stores.sql.identities import SqlIdentities, leave_identities
from tests.stores.sql.households import NOW_MS, phone
from tests.stores.sql.queues_at_home import Post
from tests.stores.sql.words import ALICE, BOB, CAROL, end_account, rotation, told, words_at


@pytest.fixture
async def post(home) -> AsyncIterator[Post]:
    bounds = Bounds(queue_events=6, queue_events_of_sender=6, queue_rotations=2)
    made = await words_at(home, bounds)
    yield made
    await made.check_counts()


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
    await end_account(post, BOB)
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


async def test_each_is_asked_for_its_own_groups_alone(post):
    for one in (ALICE, BOB):
        await post.home.room_of("alice", "bob")
        await post.home.database.write(functools.partial(have_rotated, one))
    identities = SqlIdentities(post.home.database, Bounds())
    assert (await identities.rotate_due(ALICE, 10, NOW_MS)).rooms == 1
    assert (await identities.rotate_due(None, 10, NOW_MS)).rooms == 2


async def test_direct_rooms_have_no_keys_to_rotate(post):
    await post.home.send("alice", "bob")
    await post.home.database.write(lambda: have_rotated(BOB))
    assert await post.home.count("rotations_due") == 0


async def test_nothing_is_due_for_an_account_that_is_deleted(post):
    await post.home.room_of("alice", "bob")
    await post.home.database.write(lambda: have_rotated(BOB))
    await post.home.database.write(lambda: leave_identities(BOB, None, NOW_MS))
    assert await post.home.count("rotations_due") == 0
