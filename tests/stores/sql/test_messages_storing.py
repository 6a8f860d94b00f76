"""Storing messages in durable rooms: in order, once, for the devices that there are."""

import asyncio

import pytest

from server.core.errors import AppError, Code
from server.core.ids import DeviceId, RoomId, UserId
from server.core.limits import Bounds
from server.core.ports.conversations import Device
from server.stores.sql.postgres import Postgres
from tests.stores.sql.households import NOW_MS, Household, phone


async def refused(awaitable) -> AppError:
    with pytest.raises(AppError) as caught:
        await awaitable
    return caught.value


async def test_the_first_message_makes_the_direct_room_of_two(home):
    first = await home.send("alice", "bob", "m1")
    answer = await home.send("bob", "alice", "m2")

    assert first.message.room_id == answer.message.room_id
    assert (first.message.seq, answer.message.seq) == (1, 2)
    assert (first.message.recipient, answer.message.recipient) == ("bob", "alice")
    assert set(first.readers) == {"alice", "bob"}


async def test_what_is_stored_comes_back_unchanged(home):
    sent = await home.send(
        "alice", "bob", "m1", ciphertext="gïf==", metadata=b'{"a":[1,{"b":null}]}', type="odd"
    )
    (read,) = (
        await home.messages.direct_history(UserId("bob"), UserId("alice"), 10, NOW_MS)
    ).messages

    assert read == sent.message
    assert (read.ciphertext, read.metadata, read.type) == ("gïf==", b'{"a":[1,{"b":null}]}', "odd")
    assert (read.sender, read.sender_device, read.sent_ms) == ("alice", "alice-phone", NOW_MS)


async def test_a_hundred_at_once_stand_in_one_room_without_gaps(home):
    room = await home.room_of("alice", "bob", "carol")
    names = ["alice", "bob", "carol", "alice"] * 25
    sent = await asyncio.gather(*(home.send(name, room) for name in names))

    assert sorted(one.message.seq for one in sent) == list(range(1, 101))
    read = await home.messages.history(UserId("bob"), room, 200, NOW_MS)
    assert [one.seq for one in read.messages] == list(range(1, 101))


async def test_first_messages_of_both_at_once_meet_in_one_room(home):
    sent = await asyncio.gather(
        *(home.send(*pair) for pair in [("alice", "bob"), ("bob", "alice")] * 10)
    )
    assert len({one.message.room_id for one in sent}) == 1
    assert sorted(one.message.seq for one in sent) == list(range(1, 21))


async def test_a_repeat_answers_as_the_first_did_and_takes_no_place(home):
    first, *repeats = await asyncio.gather(*(home.send("alice", "bob", "m1") for _ in range(10)))
    following = await home.send("alice", "bob", "m2")

    assert {one.message for one in repeats} == {first.message}
    assert [one.is_repeat for one in (first, *repeats)].count(False) == 1
    assert following.message.seq == 2


async def test_the_id_of_another_senders_message_is_refused(home):
    await home.send("alice", "bob", "m1")

    assert (await refused(home.send("bob", "alice", "m1"))).code is Code.ID_CONFLICT
    assert (await home.send("alice", "carol", "m1")).message.seq == 1


async def test_who_is_not_in_a_room_cannot_tell_it_from_none(home):
    room = await home.room_of("alice", "bob")
    outside = await refused(home.send("carol", room))
    nowhere = await refused(home.send("carol", RoomId("nowhere")))

    assert outside.code is Code.NOT_FOUND
    assert (outside.code, outside.message) == (nowhere.code, nowhere.message)


async def test_nobody_writes_to_no_account_or_to_oneself(home):
    assert (await refused(home.send("alice", "nemo"))).code is Code.RECIPIENT_NOT_FOUND
    assert (await refused(home.send("alice", "alice"))).code is Code.FORBIDDEN


async def test_one_begins_only_so_many_conversations(home):
    await home.settle("d", "e", "f")
    for name in ("bob", "carol", "d", "e"):
        await home.send("alice", name)

    assert (await refused(home.send("alice", "f"))).code is Code.TOO_MANY_ROOMS
    assert (await home.send("f", "alice")).message.seq == 1


async def test_a_blocked_sender_is_answered_as_ever_and_read_by_nobody_else(home):
    await home.block("bob", "alice")
    sent = await home.send("alice", "bob", "m1")
    await home.send("alice", "bob", "m2")
    room = sent.message.room_id

    assert (sent.message.seq, sent.is_repeat, sent.readers) == (1, False, ("alice",))
    assert await home.read_by("alice", room) == ["m1", "m2"]
    assert await home.read_by("bob", room) == []
    assert await home.waiting(phone("bob")) == []
    assert (await home.rooms.page(UserId("bob"), None, 10, NOW_MS, managed=False)).rooms == ()
    assert (await home.acknowledge(phone("bob"), "m1")) == ([], ["m1"])


async def test_who_blocks_somebody_does_not_write_to_it(home):
    await home.block("alice", "bob")
    assert (await refused(home.send("alice", "bob"))).code is Code.FORBIDDEN


async def test_a_message_expires_as_its_room_or_the_installation_has_it(home):
    room = await home.room_of("alice", ttl_ms=5_000)
    of_room = await home.send("alice", room, ttl_ms=60_000)
    direct = await home.send("alice", "bob", ttl_ms=60_000)
    forever = await home.send("alice", "bob")

    assert of_room.message.expires_ms == NOW_MS + 5_000
    assert direct.message.expires_ms == NOW_MS + 60_000
    assert forever.message.expires_ms is None


async def test_times_never_step_back_within_a_room(home):
    later = await home.send("alice", "bob", now_ms=NOW_MS + 50)
    earlier = await home.send("bob", "alice", now_ms=NOW_MS)
    assert later.message.sent_ms == earlier.message.sent_ms == NOW_MS + 50


# --- devices ---


def devices(*names: str) -> frozenset[Device]:
    return frozenset(Device(UserId(name.split("-")[0]), DeviceId(name)) for name in names)


def listed(*names: str) -> list[dict[str, str]]:
    return [{"userId": name.split("-")[0], "deviceId": name} for name in names]


async def test_a_message_must_be_for_just_the_devices_that_the_recipient_has_now(home):
    await home.add_device("bob", "bob-laptop")
    await home.add_device("bob", "bob-old")
    await home.revoke("bob", "bob-old")

    refusal = await refused(home.send("alice", "bob", covered=devices("bob-phone", "bob-old")))
    assert refusal.code is Code.DEVICE_MISMATCH
    assert refusal.details == {"missing": listed("bob-laptop"), "stale": listed("bob-old")}
    good = await home.send("alice", "bob", covered=devices("bob-phone", "bob-laptop"))
    assert good.message.seq == 1


async def test_a_room_message_must_be_for_the_devices_of_all_members(home):
    room = await home.room_of("alice", "bob", "carol")
    refusal = await refused(home.send("alice", room, covered=devices("bob-phone", "dave-x")))

    assert refusal.details == {"missing": listed("carol-phone"), "stale": listed("dave-x")}
    assert await home.send("alice", room, covered=devices("bob-phone", "carol-phone"))


async def test_the_senders_own_devices_are_neither_missing_nor_stale(home):
    await home.add_device("alice", "alice-laptop")
    for own in ("alice-phone", "alice-laptop", "alice-gone"):
        assert await home.send("alice", "bob", covered=devices("bob-phone", own))


async def test_without_its_devices_a_message_is_for_who_has_one(home):
    assert await home.send("alice", "bob", covered=None)
    await home.add_device("bob", "bob-laptop")

    refusal = await refused(home.send("alice", "bob", covered=None))
    assert refusal.details == {"missing": listed("bob-laptop", "bob-phone"), "stale": []}


async def test_a_repeat_is_answered_even_if_devices_have_changed(home):
    first = await home.send("alice", "bob", "m1", covered=devices("bob-phone"))
    await home.add_device("bob", "bob-laptop")
    again = await home.send("alice", "bob", "m1", covered=devices("bob-phone"))
    assert again.message == first.message


@pytest.mark.parametrize("silent", ["banned", "blocks the sender"])
async def test_nobody_can_silence_a_room_by_giving_out_no_keys(home, silent):
    room = await home.room_of("alice", "bob", "carol")
    await home.add_device("bob", "bob-laptop")
    if silent == "banned":
        await home.change("UPDATE accounts SET banned_ms = $2 WHERE user_id = $1", "bob", NOW_MS)
    else:
        await home.block("bob", "alice")

    for covered in (
        devices("carol-phone"),
        devices("carol-phone", "bob-phone"),
        devices("carol-phone", "bob-gone"),
        None,
    ):
        sent = await home.send("alice", room, covered=covered)
        assert set(sent.readers) == {"alice", "bob", "carol"}
    refusal = await refused(home.send("alice", room, covered=devices("dave-x")))
    assert refusal.details == {"missing": listed("carol-phone"), "stale": listed("dave-x")}
    if silent == "blocks the sender":
        refusal = await refused(home.send("carol", room, covered=devices("alice-phone")))
        assert refusal.details["missing"] == listed("bob-laptop", "bob-phone")


async def test_a_blocked_sender_need_not_have_keys_that_nobody_gives_it(home):
    await home.add_device("bob", "bob-laptop")
    await home.block("bob", "alice")
    for covered in (None, frozenset(), devices("bob-gone"), devices("dave-x")):
        assert (await home.send("alice", "bob", covered=covered)).readers == ("alice",)


# --- several nodes ---


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_two_nodes_store_into_one_room_without_gaps(home):
    other = Postgres(home.database._url)
    await other.start()
    nodes = [home, Household(other, Bounds())]
    sent = await asyncio.gather(
        *(
            nodes[turn % 2].send(*(("alice", "bob"), ("bob", "alice"))[turn // 2 % 2], f"m{turn}")
            for turn in range(100)
        ),
        *(nodes[turn % 2].send("alice", "bob", "same") for turn in range(20)),
    )
    await other.close()

    assert {one.message.seq for one in sent} == set(range(1, 102))
    assert [one.is_repeat for one in sent].count(False) == 101
    assert len({one.message.seq for one in sent[100:]}) == 1
