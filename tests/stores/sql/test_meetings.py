"""What is done at the same time as something that forbids it: one is first, and both hold.

PostgreSQL alone runs transactions beside each other; SQLite runs one after the other.
"""

import asyncio

import pytest

from server.core.durable import Status
from server.core.errors import AppError, Code
from server.core.ids import DeviceId, MessageId, UserId
from server.core.limits import Bounds
from server.core.ports.conversations import MessageRef
from server.stores.sql.accounts import SqlAccounts
from server.stores.sql.conversations import leave_rooms
from server.stores.sql.steps import value
from tests.stores.sql.channels import atelier_of
from tests.stores.sql.households import NOW_MS, outcomes, phone, pid_that_waits
from tests.stores.sql.queues_at_home import Post
from tests.stores.sql.teams import code_of

pytestmark = pytest.mark.parametrize("database", ["postgres"], indirect=True)

ALICE, BOB, CAROL = UserId("alice"), UserId("bob"), UserId("carol")

FORBIDDING = {
    "deletes its account": "UPDATE accounts SET deleted_ms = 1, username_key = NULL "
    "WHERE user_id = 'carol'",
    "blocks who asks": "INSERT INTO account_blocks (user_id, blocked_id, created_ms) "
    "VALUES ('carol', 'alice', 1)",
}


async def with_carol(home, way):
    """Have Alice put Carol into a room."""
    if way == "new room":
        return await home.room_of("alice", "bob", "carol")
    room = (await home.rooms.page(ALICE, None, 1, NOW_MS, managed=True)).rooms[0].conversation
    return await home.rooms.add_member(ALICE, room.room_id, CAROL, None, NOW_MS)


@pytest.mark.parametrize("way", ["new room", "old room"])
@pytest.mark.parametrize("what", FORBIDDING)
async def test_nobody_is_put_into_a_room_who_just_then(home, blocker, what, way):
    await home.room_of("alice")
    # As every change of an account begins.
    await blocker.execute("SELECT 1 FROM accounts WHERE user_id = 'carol' FOR UPDATE")
    await blocker.execute(FORBIDDING[what])
    putting = asyncio.create_task(with_carol(home, way))
    await pid_that_waits(blocker)
    await blocker.execute("COMMIT")

    with pytest.raises(AppError) as caught:
        await putting
    assert caught.value.code is Code.RECIPIENT_NOT_FOUND


async def test_whoever_is_deleted_while_rooms_are_made_is_in_none_of_them(home):
    accounts = SqlAccounts(home.database, [leave_rooms])
    await outcomes(
        *(home.room_of(name, "carol") for name in ("alice", "bob") for _ in range(3)),
        accounts.delete(CAROL, NOW_MS),
    )
    rooms = await home.rooms.page(CAROL, None, 10, NOW_MS, managed=True)
    assert rooms.rooms == ()


async def test_those_who_add_somebody_at_once_do_not_go_beyond_its_bound(home):
    everybody = ("alice", "bob", "d", "e", "f", "g")
    await home.settle(*everybody[2:])
    for name in everybody[:3]:
        await home.room_of(name, "carol")
    await asyncio.gather(*(home.count("rooms") for _ in everybody))  # so that all have a connection
    told = await outcomes(*(home.room_of(name, "carol") for name in everybody))
    assert [getattr(one, "code", None) for one in told].count(Code.LIMIT_REACHED) == 5


async def test_conversations_that_are_begun_at_once_are_counted_one_by_one(home):
    others = ["bob", "carol", "d", "e", "f", "g"]
    await home.settle("d", "e", "f", "g")
    told = await outcomes(*(home.send("alice", one) for one in others))
    assert [getattr(one, "code", None) for one in told].count(Code.TOO_MANY_ROOMS) == 2


@pytest.mark.parametrize("status", [Status.DELIVERED, Status.READ])
@pytest.mark.parametrize(
    "gone",
    [
        "DELETE FROM messages WHERE message_id = 'm2'",
        "UPDATE messages SET ciphertext = NULL, deleted_ms = 1 WHERE message_id = 'm2'",
    ],
)
async def test_a_receipt_for_what_is_deleted_just_then_is_none(home, blocker, gone, status):
    for number in (1, 2, 3):
        await home.send("alice", "bob", f"m{number}")
    await blocker.execute(gone)
    refs = tuple(MessageRef(MessageId(f"m{number}")) for number in (1, 2, 3))
    noting = asyncio.create_task(home.messages.acknowledge(phone("bob"), refs, status, NOW_MS))
    await pid_that_waits(blocker)
    await blocker.execute("COMMIT")

    assert [one.message_id for one in (await noting).receipts] == ["m1", "m3"]
    assert await home.count("receipts") == 2
    assert await home.waiting(phone("bob")) == []


async def test_receipts_do_not_wait_for_whoever_takes_their_reader_out_of_the_room(home, blocker):
    room = await home.room_of("alice", "bob")
    await home.send("alice", room, "m1")
    # As a receipt begins, and goes on where a device has had none before.
    await blocker.execute("SELECT 1 FROM room_members WHERE user_id = 'bob' FOR UPDATE")
    removing = asyncio.create_task(home.rooms.remove_member(ALICE, room, BOB, NOW_MS))
    await pid_that_waits(blocker)
    await blocker.execute("SELECT 1 FROM rooms FOR KEY SHARE NOWAIT")
    await blocker.execute("INSERT INTO device_cursors VALUES ('bob', 'bob-phone', $1, 1)", room)
    await blocker.execute("COMMIT")
    await removing
    assert await home.count("device_cursors") == 0


@pytest.mark.parametrize("way", ["revoked", "deleted"])
async def test_renewing_tokens_does_not_wait_for_whoever_ends_the_device(home, blocker, way):
    accounts = SqlAccounts(home.database, [leave_rooms])
    await home.change("INSERT INTO token_families VALUES ('f', 'carol', 'carol-phone', 1, NULL)")
    # As a renewal begins, and ends.
    await blocker.execute("SELECT 1 FROM token_families FOR UPDATE")
    ends = {
        "revoked": accounts.revoke_device(CAROL, DeviceId("carol-phone"), NOW_MS),
        "deleted": accounts.delete(CAROL, NOW_MS),
    }
    ending = asyncio.create_task(ends.pop(way))
    for unused in ends.values():
        unused.close()
    await pid_that_waits(blocker)
    await blocker.execute("SELECT 1 FROM devices WHERE user_id = 'carol' FOR NO KEY UPDATE NOWAIT")
    await blocker.execute("COMMIT")
    assert await ending


async def test_what_is_deleted_while_its_room_is_forgotten_is_given_back_once(home, blocker):
    room = await home.room_of("alice", "bob")
    await home.send("alice", room, "m1")
    await home.rooms.delete(ALICE, room, NOW_MS)
    # As a deletion has it that began before the room ended.
    await blocker.execute("UPDATE messages SET ciphertext = NULL, metadata = NULL, deleted_ms = 1")
    forgetting = asyncio.create_task(home.messages.expire(NOW_MS, 100))
    await pid_that_waits(blocker)
    await blocker.execute("UPDATE stored_bytes SET bytes = bytes - 8 - 13")
    await blocker.execute("COMMIT")
    await forgetting
    assert await home.database.read(lambda: value("SELECT bytes FROM stored_bytes")) == 0


ENDING = {
    "its device is revoked": "UPDATE devices SET revoked_ms = 1 WHERE user_id = 'carol'",
    "its account is deleted": "UPDATE accounts SET deleted_ms = 1, username_key = NULL "
    "WHERE user_id = 'carol'",
}


@pytest.mark.parametrize("way", ["is seen", "is written to"])
@pytest.mark.parametrize("what", ENDING)
async def test_a_device_has_no_queue_that_is_there_while(home, blocker, what, way):
    # As every change of an account begins.
    await blocker.execute("SELECT 1 FROM accounts WHERE user_id = 'carol' FOR NO KEY UPDATE")
    post = Post(home, Bounds())
    doing = {
        "is seen": lambda: post.store.see([phone("carol")], NOW_MS),
        "is written to": lambda: post.send("alice", "carol"),
    }
    waiting = asyncio.create_task(outcomes(doing[way]()))
    await pid_that_waits(blocker)
    await blocker.execute(ENDING[what])
    await blocker.execute("COMMIT")
    await waiting
    sql = "SELECT COUNT(*) FROM queues WHERE user_id = 'carol' AND device_id = 'carol-phone'"
    assert await home.database.read(lambda: value(sql)) == 0


async def test_the_first_event_waits_for_an_account_before_it_locks_the_group(home, blocker):
    room = await home.room_of("alice", "carol")
    await blocker.execute("SELECT 1 FROM accounts WHERE user_id = 'carol' FOR UPDATE")
    sending = asyncio.create_task(Post(home, Bounds()).send("alice", room))
    await pid_that_waits(blocker)
    await blocker.execute("SELECT 1 FROM rooms FOR UPDATE NOWAIT")
    await blocker.execute("COMMIT")
    assert (await sending).users == ("carol",)


async def test_what_is_forgotten_just_then_cannot_be_answered(home, blocker):
    atelier = await atelier_of(home, is_sealed=False)
    room = await atelier.room("alice", "bob")
    await atelier.say("alice", room, "m1")
    await blocker.execute("DELETE FROM messages WHERE message_id = 'm1'")
    answering = asyncio.create_task(atelier.say("bob", room, "m2", "m1"))
    await pid_that_waits(blocker)
    await blocker.execute("COMMIT")
    assert await code_of(answering) is Code.NOT_FOUND
