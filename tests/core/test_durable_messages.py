"""What the core adds to the stores of durable rooms: whom it tells, and what it refuses."""

import pytest

from server.core.durable import (
    ConversationChanged,
    ConversationEnded,
    MessageDeleted,
    MessageStored,
    Status,
    StatusAdvanced,
)
from server.core.durable_messages import EXPIRY_INTERVAL_MS, REMINDERS, Post
from server.core.errors import Code
from server.core.ids import ConnectionId, MessageId, RoomId, UserId
from server.core.limits import Bounds, Rate, Rates
from server.core.ports.conversations import MessageRef, RoomChange
from tests.core.visitors import account, refused
from tests.stores.sql.households import Household

LINE = ConnectionId("line")


ALICE, BOB = account("alice"), account("bob")


def post(to: str, message_id: str | None = None, **other) -> Post:
    wish = {
        "room_id": None,
        "recipient": UserId(to),
        "message_id": None if message_id is None else MessageId(message_id),
        "type": "direct",
        "ciphertext": "secret",
        "metadata": None,
        "covered": None,
    }
    return Post(**{**wish, **other})


@pytest.fixture
async def core(open_household):
    return await open_household()


def told(core) -> list[tuple[str, set[str]]]:
    """What users were told since this was asked last, and who."""
    events = [(type(event).__name__, set(event.users)) for event in core.told]
    core.told.clear()
    return events


async def test_whoever_may_read_a_message_is_told_once(core):
    first = await core.chat.mail.send(ALICE, post("bob", "m1"), LINE)
    (event,) = core.told
    assert isinstance(event, MessageStored)
    assert (event.stream, event.seq, event.skip) == (first.message.room_id, 1, LINE)
    assert (set(event.users), event.message) == ({"alice", "bob"}, first.message)


async def test_of_a_message_that_is_sent_again_readers_are_told_to_look_now_and_then(core):
    for _ in range(30):
        await core.chat.mail.send(ALICE, post("bob", "m1"), LINE)
    first, *again = told(core)
    assert first == ("MessageStored", {"alice", "bob"})
    assert again == [("MailWaits", {"alice", "bob"})] * REMINDERS.burst


async def test_who_has_blocked_the_sender_is_told_nothing(core):
    await Household(core.database).block("bob", "alice")
    await core.chat.mail.send(ALICE, post("bob", "m1"))
    assert told(core) == [("MessageStored", {"alice"})]


async def test_the_sender_is_told_how_far_a_message_has_come_and_the_readers_own_devices(core):
    await core.chat.mail.send(ALICE, post("bob", "m1"))
    core.told.clear()
    ref = MessageRef(MessageId("m1"))
    await core.chat.mail.acknowledge_one(BOB, ref, Status.READ, LINE)
    (event,) = core.told
    assert isinstance(event, StatusAdvanced)
    assert (event.users, event.skip, event.status) == (("alice", "bob"), LINE, Status.READ)

    core.told.clear()
    await core.chat.mail.acknowledge_one(BOB, ref, Status.READ)
    assert told(core) == []


async def test_a_status_of_several_messages_of_one_id_is_not_guessed(core):
    await core.chat.mail.send(ALICE, post("bob", "m1"))
    await core.chat.mail.send(account("carol"), post("bob", "m1"))
    wish = core.chat.mail.acknowledge_one(BOB, MessageRef(MessageId("m1")), Status.READ)
    assert (await refused(wish)).code is Code.ID_CONFLICT
    wish = core.chat.mail.acknowledge_one(BOB, MessageRef(MessageId("m9")), Status.READ)
    assert (await refused(wish)).code is Code.NOT_FOUND


async def test_a_deleted_message_is_told_once(core):
    await core.chat.mail.send(ALICE, post("bob", "m1"))
    core.told.clear()
    for _ in range(2):
        await core.chat.mail.delete(ALICE, MessageRef(MessageId("m1")))
    (event,) = core.told
    assert isinstance(event, MessageDeleted)
    assert (set(event.users), event.user_id) == ({"alice", "bob"}, "alice")


async def test_a_message_has_bounds(open_household):
    core = await open_household(bounds=Bounds(ciphertext_bytes=8, metadata_bytes=8))
    assert await core.chat.mail.send(ALICE, post("bob", ciphertext="x" * 8, metadata=b"x" * 8))
    for wish in ({"ciphertext": "ü" * 5}, {"metadata": b"x" * 9}):
        refusal = await refused(core.chat.mail.send(ALICE, post("bob", **wish)))
        assert refusal.code is Code.PAYLOAD_TOO_LARGE


async def test_sending_searching_and_making_rooms_have_their_rates(open_household):
    once = Rate(1, burst=1)
    core = await open_household(rates=Rates(send=once, search=once, converse=once))
    chat = core.chat
    await chat.mail.send(ALICE, post("bob"))
    await chat.conversations.create(ALICE, "Tea", "", (), None)
    for wish in (
        chat.mail.send(ALICE, post("bob")),
        chat.conversations.create(ALICE, "Tea", "", (), None),
    ):
        assert (await refused(wish)).code is Code.RATE_LIMITED


async def test_changes_of_a_room_are_told_to_who_is_in_it_and_who_no_longer_is(core):
    rooms = core.chat.conversations
    made = await rooms.create(ALICE, "Tea", "", (BOB.user_id,), None)
    assert told(core) == [("ConversationChanged", {"alice", "bob"})]
    await rooms.add_member(ALICE, made.room_id, UserId("carol"), None)
    assert told(core) == [("ConversationChanged", {"alice", "bob", "carol"})]
    await rooms.add_member(ALICE, made.room_id, UserId("carol"), None)
    await rooms.update(ALICE, made.room_id, RoomChange(name="Tea"))
    assert told(core) == []
    await rooms.remove_member(ALICE, made.room_id, UserId("carol"))
    assert told(core) == [
        ("ConversationEnded", {"carol"}),
        ("ConversationChanged", {"alice", "bob"}),
    ]
    await rooms.delete(ALICE, made.room_id)
    assert told(core) == [("ConversationEnded", {"alice", "bob"})]


async def test_what_is_told_of_a_room_is_nobodys_view_of_it(core):
    await core.chat.conversations.create(ALICE, "Tea", "", (BOB.user_id,), None)
    (event,) = core.told
    assert isinstance(event, ConversationChanged)
    assert event.conversation.role is None
    assert not isinstance(event, ConversationEnded)


async def test_a_connection_finds_what_its_device_was_not_told(core):
    for number in range(1, 6):
        await core.chat.mail.send(ALICE, post("bob", f"m{number}"))
    room = (await core.chat.mail.waiting(BOB, None, 1)).messages[0].room_id

    page = await core.chat.mail.after(BOB.user_id, BOB.device_id, {room: 2}, 2)
    assert [(one.stream, one.seq, one.users) for one in page.mail] == [
        (room, 3, ("bob",)),
        (room, 4, ("bob",)),
    ]
    assert not page.is_all
    page = await core.chat.mail.after(BOB.user_id, BOB.device_id, {room: 4}, 2)
    assert ([one.seq for one in page.mail], page.is_all) == ([5], True)


async def test_what_is_heard_and_not_stored_goes_to_the_others_who_may_hear_it(core):
    rooms = core.chat.conversations
    assert (await rooms.heard_by(ALICE, None, BOB.user_id))[1] == ()
    await core.chat.mail.send(ALICE, post("bob"))
    assert (await rooms.heard_by(ALICE, None, BOB.user_id))[1] == ("bob",)
    made = await rooms.create(ALICE, "Tea", "", (BOB.user_id, UserId("carol")), None)
    assert set((await rooms.heard_by(ALICE, made.room_id, None))[1]) == {"bob", "carol"}
    wish = rooms.heard_by(account("dave"), made.room_id, None)
    assert (await refused(wish)).code is Code.NOT_FOUND
    await Household(core.database).block("bob", "alice")
    assert (await rooms.heard_by(ALICE, None, BOB.user_id))[1] == ()


async def test_expired_messages_are_forgotten_now_and_then(core):
    made = await core.chat.conversations.create(ALICE, "Tea", "", (), 1_000)
    into = {"recipient": None, "room_id": RoomId(made.room_id)}
    home = Household(core.database)
    await core.chat.mail.expire()
    for _ in range(3):
        await core.chat.mail.send(ALICE, post("", **into))
    core.clock.advance(ms=1_000)
    await core.chat.mail.expire()
    assert await home.count("messages") == 3
    core.clock.advance(ms=EXPIRY_INTERVAL_MS)
    await core.chat.mail.expire()
    assert await home.count("messages") == 0
