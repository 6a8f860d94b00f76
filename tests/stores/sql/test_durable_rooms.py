"""Durable rooms with roles: who may do what, and who is there."""

import asyncio

import pytest

from server.core.durable import Role
from server.core.errors import AppError, Code
from server.core.ids import RoomId, UserId
from server.core.ports.conversations import RoomChange
from server.stores.sql.accounts import SqlAccounts
from server.stores.sql.conversations import leave_rooms
from tests.stores.sql.households import NOW_MS, phone

ALICE, BOB, CAROL = UserId("alice"), UserId("bob"), UserId("carol")


async def code_of(awaitable) -> Code:
    with pytest.raises(AppError) as caught:
        await awaitable
    return caught.value.code


async def roles(home, room, asker=ALICE):
    shown = await home.rooms.get(asker, room)
    return {str(one.user_id): one.role.value for one in shown.participants}


async def test_a_room_has_its_maker_as_owner_and_the_others_as_members(home):
    room = await home.room_of("alice", "bob", "bob", "alice")
    shown = await home.rooms.get(BOB, room)

    assert (shown.name, shown.created_by, shown.role) == ("Tea", "alice", Role.MEMBER)
    assert await roles(home, room) == {"alice": "owner", "bob": "member"}
    assert shown.participants[0].display_name == "Alice"


async def test_a_room_is_not_made_with_strangers_or_those_who_block_its_maker(home):
    assert await code_of(home.room_of("alice", "nemo")) is Code.RECIPIENT_NOT_FOUND
    await home.block("bob", "alice")
    assert await code_of(home.room_of("alice", "bob")) is Code.RECIPIENT_NOT_FOUND
    assert await home.count("rooms") == 0


async def test_rooms_and_members_are_bounded(home):
    await home.settle("d", "e", "f")
    everybody = ("bob", "carol", "d", "e", "f")
    assert await code_of(home.room_of("alice", *everybody)) is Code.LIMIT_REACHED
    room = await home.room_of("alice", *everybody[:4])
    assert await code_of(home.rooms.add_member(ALICE, room, UserId("f"), None, 1)) is Code.ROOM_FULL
    for _ in range(3):
        await home.room_of("alice")
    assert await code_of(home.room_of("alice")) is Code.TOO_MANY_ROOMS
    assert await code_of(home.room_of("f", "alice")) is Code.LIMIT_REACHED


async def test_the_last_place_goes_to_one_of_two_at_once(home):
    await home.settle("d", "e", "f")
    room = await home.room_of("alice", "bob", "carol", "d")
    results = await asyncio.gather(
        *(home.rooms.add_member(ALICE, room, UserId(one), None, NOW_MS) for one in ("e", "f")),
        return_exceptions=True,
    )
    refused = [one for one in results if isinstance(one, AppError)]
    assert [one.code for one in refused] == [Code.ROOM_FULL]
    assert len(await roles(home, room)) == 5


async def test_for_who_is_not_in_it_there_is_no_room(home):
    room = await home.room_of("alice")
    for room_id in (room, RoomId("nowhere")):
        for wish in (
            home.rooms.get(BOB, room_id),
            home.rooms.update(BOB, room_id, RoomChange(name="x"), NOW_MS),
            home.rooms.delete(BOB, room_id, NOW_MS),
            home.rooms.add_member(BOB, room_id, BOB, None, NOW_MS),
            home.rooms.remove_member(BOB, room_id, ALICE, NOW_MS),
            home.rooms.members_of(BOB, room_id),
        ):
            assert await code_of(wish) is Code.NOT_FOUND


async def test_what_each_role_may_do(home):
    await home.settle("d")
    room = await home.room_of("alice", "bob", "carol")
    change = RoomChange(name="Coffee", description="dark", ttl_ms=60_000)
    for wish in (
        home.rooms.update(BOB, room, change, NOW_MS),
        home.rooms.delete(BOB, room, NOW_MS),
        home.rooms.add_member(BOB, room, UserId("d"), None, NOW_MS),
        home.rooms.add_member(BOB, room, BOB, Role.ADMIN, NOW_MS),
        home.rooms.remove_member(BOB, room, CAROL, NOW_MS),
    ):
        assert await code_of(wish) is Code.FORBIDDEN

    await home.rooms.add_member(ALICE, room, BOB, Role.ADMIN, NOW_MS)
    changed = await home.rooms.update(BOB, room, change, NOW_MS + 1)
    assert changed.is_changed
    assert (changed.conversation.name, changed.conversation.ttl_ms) == ("Coffee", 60_000)
    assert not (await home.rooms.update(BOB, room, change, NOW_MS + 2)).is_changed
    await home.rooms.add_member(BOB, room, UserId("d"), None, NOW_MS)
    await home.rooms.remove_member(BOB, room, CAROL, NOW_MS)
    for wish in (
        home.rooms.delete(BOB, room, NOW_MS),
        home.rooms.add_member(BOB, room, UserId("d"), Role.ADMIN, NOW_MS),
        home.rooms.add_member(BOB, room, CAROL, Role.ADMIN, NOW_MS),
        home.rooms.remove_member(BOB, room, ALICE, NOW_MS),
    ):
        assert await code_of(wish) is Code.FORBIDDEN
    assert await roles(home, room) == {"alice": "owner", "bob": "admin", "d": "member"}
    assert set((await home.rooms.delete(ALICE, room, NOW_MS)).users) == {"alice", "bob", "d"}
    assert await code_of(home.rooms.get(ALICE, room)) is Code.NOT_FOUND


async def test_a_room_has_one_owner_however_often_it_is_given_on(home):
    room = await home.room_of("alice", "bob", "carol")
    assert (
        await code_of(home.rooms.add_member(ALICE, room, ALICE, Role.MEMBER, NOW_MS))
    ) is Code.FORBIDDEN
    await asyncio.gather(
        *(home.rooms.add_member(ALICE, room, one, Role.OWNER, NOW_MS) for one in (BOB, CAROL)),
        return_exceptions=True,
    )
    assert sorted((await roles(home, room)).values()) == ["admin", "member", "owner"]


async def test_an_owner_who_leaves_is_followed_by_an_admin_then_by_who_is_longest_there(home):
    await home.settle("d")
    room = await home.room_of("alice", "bob", "carol")
    await home.rooms.add_member(ALICE, room, UserId("d"), None, NOW_MS + 1)
    await home.rooms.add_member(ALICE, room, CAROL, Role.ADMIN, NOW_MS)

    await home.rooms.remove_member(ALICE, room, ALICE, NOW_MS)
    assert await roles(home, room, CAROL) == {"bob": "member", "carol": "owner", "d": "member"}
    await home.rooms.remove_member(CAROL, room, CAROL, NOW_MS)
    assert await roles(home, room, BOB) == {"bob": "owner", "d": "member"}
    await home.rooms.remove_member(BOB, room, UserId("d"), NOW_MS)
    left = await home.rooms.remove_member(BOB, room, BOB, NOW_MS)
    assert left.conversation is None
    assert await code_of(home.rooms.get(BOB, room)) is Code.NOT_FOUND


async def test_who_was_removed_neither_reads_nor_writes_and_comes_back_anew(home):
    room = await home.room_of("alice", "bob")
    await home.send("alice", room, "m1")
    await home.rooms.remove_member(ALICE, room, BOB, NOW_MS)

    assert await home.waiting(phone("bob")) == []
    assert await code_of(home.send("bob", room)) is Code.NOT_FOUND
    await home.rooms.add_member(ALICE, room, BOB, None, NOW_MS)
    assert await home.read_by("bob", room) == []
    assert (
        await code_of(home.rooms.remove_member(ALICE, room, CAROL, NOW_MS))
        is Code.RECIPIENT_NOT_FOUND
    )


async def test_who_is_removed_at_the_same_time_either_sends_before_or_not_at_all(home):
    room = await home.room_of("alice", "bob")
    _, *results = await asyncio.gather(
        home.rooms.remove_member(ALICE, room, BOB, NOW_MS),
        *(home.send("bob", room) for _ in range(20)),
        return_exceptions=True,
    )
    stored = [one for one in results if not isinstance(one, AppError)]
    assert {one.code for one in results if isinstance(one, AppError)} <= {Code.NOT_FOUND}
    assert len(await home.read_by("alice", room)) == len(stored)


async def test_a_direct_room_stays_what_it_is(home):
    room = (await home.send("alice", "bob")).message.room_id
    for wish in (
        home.rooms.update(ALICE, room, RoomChange(name="x"), NOW_MS),
        home.rooms.delete(ALICE, room, NOW_MS),
        home.rooms.add_member(ALICE, room, CAROL, None, NOW_MS),
        home.rooms.remove_member(ALICE, room, ALICE, NOW_MS),
    ):
        assert await code_of(wish) is Code.FORBIDDEN
    assert set(await home.rooms.members_of(ALICE, room)) == {"alice", "bob"}


async def test_two_who_block_each_other_have_no_direct_room_to_be_heard_in(home):
    assert await home.rooms.peer(ALICE, BOB) is None
    room = (await home.send("alice", "bob")).message.room_id
    assert await home.rooms.peer(BOB, ALICE) == room
    await home.block("bob", "alice")
    assert await home.rooms.peer(ALICE, BOB) is None
    assert await home.rooms.peer(BOB, ALICE) is None


async def test_a_deleted_account_leaves_its_rooms_to_the_others(home):
    room, own = await home.room_of("alice", "bob"), await home.room_of("alice")
    direct = (await home.send("alice", "bob")).message.room_id
    await home.database.write(lambda: leave_rooms(ALICE, None, NOW_MS))

    assert await roles(home, room, BOB) == {"bob": "owner"}
    assert await code_of(home.rooms.get(ALICE, own)) is Code.NOT_FOUND
    assert await home.count("rooms") == 3
    assert len(await home.read_by("bob", direct)) == 1


async def test_a_revoked_device_leaves_no_trace_of_what_it_had(home):
    await home.send("alice", "bob", "m1")
    await home.send("alice", "bob", "m2")
    await home.acknowledge(phone("bob"), "m2")
    await home.database.write(lambda: leave_rooms(BOB, phone("bob").device_id, NOW_MS))

    assert await home.count("device_cursors") == await home.count("device_acks") == 0


@pytest.mark.parametrize("at_once", [False, True])
async def test_what_two_have_said_is_forgotten_once_both_accounts_are_deleted(home, at_once):
    accounts = SqlAccounts(home.database, [leave_rooms])
    await home.send("alice", "bob", "m1")
    await home.send("alice", "carol", "m2")
    deleting = [accounts.delete(UserId(name), NOW_MS) for name in ("alice", "bob")]
    if at_once:
        assert await asyncio.gather(*deleting) == [True, True]
    else:
        assert await deleting[0]
        await home.messages.expire(NOW_MS, 100)
        assert await home.read_by("bob", (await home.rooms.rooms_of(UserId("bob"), 9))[0]) == ["m1"]
        assert await deleting[1]
    await home.messages.expire(NOW_MS, 100)
    assert (await home.count("messages"), await home.count("rooms")) == (1, 1)
    carols = await home.rooms.rooms_of(UserId("carol"), 9)
    assert await home.read_by("carol", carols[0]) == ["m2"]
