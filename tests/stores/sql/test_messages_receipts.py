"""How far messages have come: what waits for a device, what was delivered, and what was read."""

import asyncio

import pytest

from server.core.durable import Status
from server.core.errors import AppError, Code
from server.core.ids import DeviceId, MessageId, UserId
from server.core.ports.conversations import Device, MessageRef, WaitingPlace
from tests.stores.sql.households import NOW_MS, phone

LAPTOP = Device(UserId("bob"), DeviceId("bob-laptop"))


async def send_many(home, sender, to, count, prefix="m"):
    for number in range(1, count + 1):
        await home.send(sender, to, f"{prefix}{number}")


async def test_each_device_has_to_acknowledge_for_itself(home):
    await home.add_device("bob", "bob-laptop")
    room = await home.room_of("alice", "bob")
    await home.change("UPDATE devices SET revoked_ms = 1 WHERE device_id = $1", "bob-laptop")
    await send_many(home, "alice", room, 3)

    assert await home.acknowledge(phone("bob"), "m1", "m2", "m3") == (["m1", "m2", "m3"], [])
    assert await home.waiting(phone("bob")) == []
    assert await home.waiting(LAPTOP) == ["m1", "m2", "m3"]


async def test_what_was_written_on_one_device_waits_for_the_others_of_its_user(home):
    await home.add_device("bob", "bob-laptop")
    await home.block("alice", "bob")
    await home.send("bob", "alice", "withheld")
    await home.send("bob", "alice", "m2")
    await home.send("bob", "alice", "m3", sender_device=LAPTOP.device_id)

    assert await home.waiting(phone("alice")) == []
    assert await home.waiting(LAPTOP) == ["withheld", "m2"]
    assert await home.acknowledge(LAPTOP, "m2") == ([], [])
    assert await home.waiting(LAPTOP) == ["withheld"]
    assert await home.acknowledge(LAPTOP, "withheld", status=Status.READ) == ([], [])
    assert await home.waiting(LAPTOP) == []
    assert await home.waiting(phone("bob")) == ["m3"]
    await home.send("bob", "alice", "m4")
    assert await home.waiting(LAPTOP) == ["m4"]


async def test_what_waits_says_how_far_it_has_come_on_another_device(home):
    await send_many(home, "alice", "bob", 3)
    await home.send("bob", "alice", "answer")
    await home.add_device("bob", "bob-laptop")
    await home.acknowledge(phone("bob"), "m1", status=Status.READ)
    await home.acknowledge(phone("bob"), "m2")
    await home.acknowledge(phone("alice"), "answer", status=Status.READ)

    page = await home.messages.waiting(LAPTOP, 10, NOW_MS)
    assert [(one.message_id, one.status, one.read) for one in page.messages] == [
        ("m1", Status.READ, 0),
        ("m2", Status.DELIVERED, 0),
        ("m3", Status.SENT, 0),
        ("answer", Status.READ, 1),
    ]


async def test_what_waits_comes_in_order_page_by_page_and_again_until_acknowledged(home):
    rooms = sorted([await home.room_of("alice", "bob"), await home.room_of("carol", "bob")])
    for number in range(6):
        await home.send("bob", rooms[number % 2])
        await home.send("carol" if number % 2 else "alice", rooms[number % 2], f"m{number}")
    wanted = ["m0", "m2", "m4", "m1", "m3", "m5"]

    seen = []
    after = None
    for _ in range(3):
        page = await home.messages.waiting(phone("bob"), 2, NOW_MS, after=after)
        seen += [one.message_id for one in page.messages]
        after = WaitingPlace(page.messages[-1].room_id, page.messages[-1].seq)
    assert (seen, page.has_more) == (wanted, False)
    assert await home.waiting(phone("bob")) == wanted


async def test_of_what_the_cursor_has_passed_nothing_else_is_kept(home):
    await send_many(home, "alice", "bob", 3)
    await home.acknowledge(phone("bob"), "m2")
    assert await home.count("device_acks") == 1
    await home.acknowledge(phone("bob"), "m1")
    assert await home.count("device_acks") == 0


async def test_what_is_acknowledged_out_of_order_leaves_the_rest(home):
    await send_many(home, "alice", "bob", 6)

    await home.acknowledge(phone("bob"), "m5", "m2")
    assert await home.waiting(phone("bob")) == ["m1", "m3", "m4", "m6"]
    await home.acknowledge(phone("bob"), "m1", "m4", "m3")
    assert await home.waiting(phone("bob")) == ["m6"]
    await home.acknowledge(phone("bob"), "m6")
    await home.send("alice", "bob", "m7")
    assert await home.waiting(phone("bob")) == ["m7"]


async def test_acknowledgements_at_the_same_time_all_count(home):
    await send_many(home, "alice", "bob", 20)
    done = await asyncio.gather(
        *(home.acknowledge(phone("bob"), f"m{number % 20 + 1}") for number in range(60))
    )
    assert sum(len(receipts) for receipts, _ in done) == 20
    assert await home.waiting(phone("bob")) == []


async def test_nothing_is_lost_that_is_sent_while_all_before_it_is_acknowledged(home):
    await home.send("alice", "bob", "first")

    async def chase(number):
        await home.send("alice", "bob", f"m{number}")
        await home.acknowledge(phone("bob"), "first", f"m{number - 1}")

    await asyncio.gather(*(chase(number) for number in range(1, 31)))
    waiting = set(await home.waiting(phone("bob")))
    await home.acknowledge(phone("bob"), *waiting)
    heard = set(await home.read_by("bob", await home.rooms.peer("alice", "bob")))
    assert heard == {"first", *(f"m{number}" for number in range(1, 31))}
    assert "m30" in waiting
    assert await home.waiting(phone("bob")) == []


async def test_a_new_device_begins_with_what_is_sent_from_then_on(home):
    await home.send("alice", "bob", "before", now_ms=NOW_MS + 10)
    await home.add_device("bob", "bob-laptop", NOW_MS + 20)
    await home.change("UPDATE devices SET revoked_ms = 1 WHERE device_id = $1", "bob-laptop")
    await home.send("alice", "bob", "after", now_ms=NOW_MS + 30)

    assert await home.waiting(LAPTOP) == ["after"]
    assert await home.waiting(phone("bob")) == ["before", "after"]
    await home.acknowledge(LAPTOP, "after")
    assert await home.waiting(LAPTOP) == []


async def test_own_messages_and_deleted_and_expired_ones_do_not_wait(home):
    await home.send("bob", "alice", "own")
    await home.send("alice", "bob", "deleted")
    await home.send("alice", "bob", "expired", ttl_ms=10)
    await home.send("alice", "bob", "good")
    await home.messages.delete(UserId("alice"), MessageRef(MessageId("deleted")), NOW_MS)

    assert await home.waiting(phone("bob"), now_ms=NOW_MS + 10) == ["good"]


async def test_a_receipt_is_new_once_and_read_follows_delivered(home):
    await home.send("alice", "bob", "m1")

    assert await home.acknowledge(phone("bob"), "m1") == (["m1"], [])
    assert await home.acknowledge(phone("bob"), "m1") == ([], [])
    assert await home.acknowledge(phone("bob"), "m1", status=Status.READ) == (["m1"], [])
    assert await home.acknowledge(phone("bob"), "m1", status=Status.READ) == ([], [])
    assert await home.acknowledge(phone("bob"), "m1") == ([], [])


async def statuses(home, user, room):
    page = await home.messages.history(UserId(user), room, 10, NOW_MS)
    return [(one.status, one.delivered, one.read) for one in page.messages]


async def test_the_sender_sees_how_far_a_message_has_come_with_all_others(home):
    room = await home.room_of("alice", "bob", "carol")
    await home.send("alice", room, "m1")

    assert await statuses(home, "alice", room) == [(Status.SENT, 0, 0)]
    await home.acknowledge(phone("bob"), "m1", status=Status.READ)
    assert await statuses(home, "alice", room) == [(Status.SENT, 1, 1)]
    await home.acknowledge(phone("carol"), "m1")
    assert await statuses(home, "alice", room) == [(Status.DELIVERED, 2, 1)]
    await home.acknowledge(phone("carol"), "m1", status=Status.READ)
    assert await statuses(home, "alice", room) == [(Status.READ, 2, 2)]
    assert await statuses(home, "bob", room) == [(Status.READ, 0, 0)]


async def test_whoever_has_left_or_came_after_a_message_does_not_count_for_it(home):
    room = await home.room_of("alice", "bob")
    await home.send("alice", room, "m1")
    await home.acknowledge(phone("bob"), "m1", status=Status.READ)
    await home.rooms.add_member(UserId("alice"), room, UserId("carol"), None, NOW_MS)
    assert await statuses(home, "alice", room) == [(Status.READ, 1, 1)]
    await home.rooms.remove_member(UserId("alice"), room, UserId("bob"), NOW_MS)
    await home.rooms.add_member(UserId("alice"), room, UserId("bob"), None, NOW_MS)
    assert await statuses(home, "alice", room) == [(Status.SENT, 0, 0)]


async def test_own_messages_and_those_of_strangers_get_no_receipts(home):
    await home.send("alice", "bob", "m1")

    assert await home.acknowledge(phone("alice"), "m1") == ([], [])
    assert await home.acknowledge(phone("carol"), "m1", "m9") == ([], ["m1", "m9"])


async def test_of_several_messages_of_one_id_the_room_or_sender_says_which(home):
    await home.send("alice", "bob", "m1")
    other = await home.send("carol", "bob", "m1")
    assert await home.acknowledge(phone("bob"), "m1") == ([], ["m1"])

    ref = MessageRef(MessageId("m1"), sender=UserId("alice"))
    done = await home.messages.acknowledge(phone("bob"), (ref,), Status.READ, NOW_MS)
    assert [one.sender for one in done.receipts] == ["alice"]
    ref = MessageRef(MessageId("m1"), room_id=other.message.room_id)
    done = await home.messages.acknowledge(phone("bob"), (ref,), Status.READ, NOW_MS)
    assert [one.sender for one in done.receipts] == ["carol"]


# --- lists ---


async def listed(home, user, *, managed=False, **other):
    page = await home.rooms.page(UserId(user), None, 10, NOW_MS, managed=managed, **other)
    return [(one.last and one.last.message_id, one.unread) for one in page.rooms]


async def test_conversations_come_the_most_active_first_with_what_is_unread(home):
    room = await home.room_of("carol", "bob")
    await home.send("alice", "bob", "m1", now_ms=NOW_MS + 1)
    await home.send("carol", room, "r1", now_ms=NOW_MS + 2)
    await home.send("alice", "bob", "m2", now_ms=NOW_MS + 3)

    assert await listed(home, "bob") == [("m2", 2), ("r1", 1)]
    assert await listed(home, "bob", managed=True) == [("r1", 1)]
    assert await listed(home, "alice") == [("m2", 0)]
    await home.acknowledge(phone("bob"), "m2", status=Status.READ)
    assert await listed(home, "bob") == [("m2", 1), ("r1", 1)]
    await home.acknowledge(phone("bob"), "m1", status=Status.READ)
    assert await listed(home, "bob") == [("m2", 0), ("r1", 1)]
    await home.send("alice", "bob", "m3", now_ms=NOW_MS + 4)
    assert await listed(home, "bob") == [("m3", 1), ("r1", 1)]


async def test_conversations_come_page_by_page(home):
    for number in range(4):
        room = await home.room_of("alice")
        await home.send("alice", room, f"m{number}", now_ms=NOW_MS + number // 2)
    seen, before = [], None
    for _ in range(2):
        page = await home.rooms.page(UserId("alice"), before, 2, NOW_MS, managed=False)
        seen += [one.last.message_id for one in page.rooms]
        before = page.rooms[-1].place
    assert not page.has_more
    assert sorted(seen) == ["m0", "m1", "m2", "m3"]
    assert set(seen[:2]) == {"m2", "m3"}


# --- history ---


async def test_history_is_read_in_both_directions(home):
    sent = [await home.send("alice", "bob", f"m{number}") for number in range(1, 8)]
    room = sent[0].message.room_id

    assert await home.read_by("bob", room, limit=3) == ["m5", "m6", "m7"]
    assert await home.read_by("bob", room, limit=3, before=5) == ["m2", "m3", "m4"]
    assert await home.read_by("bob", room, limit=3, after=1) == ["m2", "m3", "m4"]
    assert await home.read_by("bob", room, limit=9, after=2, before=5) == ["m3", "m4"]
    pages = [await home.messages.history(UserId("bob"), room, limit, NOW_MS) for limit in (6, 7)]
    assert [page.has_more for page in pages] == [True, False]


async def test_there_is_no_history_for_who_is_not_there(home):
    room = await home.room_of("alice")
    with pytest.raises(AppError) as caught:
        await home.read_by("bob", room)
    assert caught.value.code is Code.NOT_FOUND
    page = await home.messages.direct_history(UserId("bob"), UserId("nemo"), 9, NOW_MS)
    assert page.messages == ()


async def test_who_joins_later_reads_what_is_sent_from_then_on(home):
    room = await home.room_of("alice")
    await home.send("alice", room, "before")
    await home.rooms.add_member(UserId("alice"), room, UserId("bob"), None, NOW_MS)
    await home.send("alice", room, "after")

    assert await home.read_by("bob", room) == ["after"]
    assert await home.waiting(phone("bob")) == ["after"]
    assert await home.acknowledge(phone("bob"), "before") == ([], ["before"])
    assert await listed(home, "bob") == [("after", 1)]


# --- deleting and expiring ---


async def test_a_deleted_message_leaves_that_it_was_there(home):
    sent = await home.send("alice", "bob", "m1")
    ref = MessageRef(MessageId("m1"))
    with pytest.raises(AppError) as caught:
        await home.messages.delete(UserId("bob"), ref, NOW_MS)
    assert caught.value.code is Code.FORBIDDEN

    done = await home.messages.delete(UserId("alice"), ref, NOW_MS + 5)
    again = await home.messages.delete(UserId("alice"), ref, NOW_MS + 9)
    assert [done.is_repeat, again.is_repeat] == [False, True]
    (left,) = (await home.messages.history(UserId("bob"), sent.message.room_id, 9, NOW_MS)).messages
    assert (left.ciphertext, left.metadata, left.deleted_ms) == (None, None, NOW_MS + 5)
    assert set(done.readers) == {"alice", "bob"}


async def test_who_moderates_a_room_deletes_others_messages(home):
    room = await home.room_of("alice", "bob", "carol")
    await home.send("bob", room, "m1")
    ref = MessageRef(MessageId("m1"))
    with pytest.raises(AppError) as caught:
        await home.messages.delete(UserId("carol"), ref, NOW_MS)
    assert caught.value.code is Code.FORBIDDEN
    assert (await home.messages.delete(UserId("alice"), ref, NOW_MS)).message.deleted_ms == NOW_MS


async def test_what_expires_is_forgotten_in_portions(home):
    for number in range(5):
        await home.send("alice", "bob", f"m{number}", ttl_ms=10 + number)
    await home.acknowledge(phone("bob"), "m1", status=Status.READ)
    kept = await home.send("alice", "bob", "kept")

    assert await home.messages.expire(NOW_MS + 12, 2) == 2
    assert await home.messages.expire(NOW_MS + 12, 2) == 1
    assert await home.messages.expire(NOW_MS + 12, 2) == 0
    room = kept.message.room_id
    assert await home.read_by("bob", room, now_ms=NOW_MS + 12) == ["m3", "m4", "kept"]
    assert (await home.send("alice", "bob")).message.seq == 7


async def test_an_ended_room_goes_with_the_last_of_its_messages(home):
    rooms = [await home.room_of("alice", "bob") for _ in range(3)]
    for room in rooms:
        await send_many(home, "alice", room, 3)
        await home.acknowledge(phone("bob"), "m1")
    for room in rooms[:2]:
        await home.rooms.delete(UserId("alice"), room, NOW_MS)

    forgotten = [await home.messages.expire(NOW_MS, 4) for _ in range(4)]
    assert sum(forgotten) == 8
    assert await home.count("rooms") == 1
    assert await home.count("messages") == 3
