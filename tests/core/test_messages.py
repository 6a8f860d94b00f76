"""Messages and signals: bounded, limited, and told to whom they concern; messages once."""

import uuid

import pytest

from server.core.errors import Code
from server.core.events import FileDownloaded, MessageSent, SignalSent, TypingChanged
from server.core.ids import Recipient, UserId
from server.core.limits import Bounds, Rate, Rates
from server.core.opaque import Opaque
from tests.core.visitors import TEA_ROOM, refused


async def test_a_message_is_told_once_although_it_is_sent_twice(core, alice, bob):
    core.heard.clear()

    first = await alice.say("hello", message_id="m-1")
    again = await alice.say("hello", message_id="m-1")

    assert first == again
    assert core.heard == [first]
    assert (first.sender, first.skip, first.seq) == ("alice", alice.connection_id, 3)
    assert first.sent_ms == core.clock.now_ms()


async def test_a_message_without_an_id_gets_one_of_ours(alice):
    one, two = await alice.say(), await alice.say()

    assert uuid.UUID(one.message_id).version == 7
    assert one.message_id != two.message_id


async def test_a_message_keeps_the_id_that_its_sender_chose(alice):
    assert (await alice.say(message_id="m-1")).message_id == "m-1"


async def test_a_message_to_one_member_names_it(alice, bob):
    assert (await alice.say(to="bob")).recipient == "bob"


async def test_a_refused_message_is_told_to_nobody(core, alice, bob):
    await bob.say(message_id="m-1")
    core.heard.clear()

    assert (await refused(alice.say(to="nobody"))).code is Code.RECIPIENT_NOT_FOUND
    assert (await refused(alice.say(message_id="m-1"))).code is Code.ID_CONFLICT
    assert (await refused(core.visitor("carol").say())).code is Code.NOT_A_MEMBER
    assert core.heard == []


# --- bounds and rates ---


async def test_a_message_may_have_so_many_bytes_and_no_more(open_core):
    core = open_core(bounds=Bounds(ciphertext_bytes=10))
    alice = core.visitor("alice")
    await alice.join(as_creator=True)

    await alice.say("x" * 10)
    error = await refused(alice.say("ü" * 6))

    assert error.code is Code.PAYLOAD_TOO_LARGE
    assert "10 bytes" in error.message
    assert len(core.heard_of(MessageSent)) == 1


@pytest.fixture
async def hasty(open_core):
    """A member of a core in which one may send two messages at once, then one a second."""
    core = open_core(rates=Rates(send=Rate(per_minute=60, burst=2)))
    one = core.visitor("hasty")
    await one.join(as_creator=True)
    return one


async def test_who_sends_too_much_is_told_when_to_try_again(hasty, clock):
    await hasty.say()
    await hasty.say()

    error = await refused(hasty.say(message_id="m-1"))

    assert (error.code, error.retry_after_ms) == (Code.RATE_LIMITED, 1_000)
    clock.advance(ms=1_000)
    assert (await hasty.say(message_id="m-1")).seq == 4


async def test_the_tabs_of_a_member_share_its_rate(hasty):
    tab = hasty.elsewhere()
    await tab.join(member_token=hasty.member_token)
    await hasty.say()
    await tab.say()
    assert (await refused(tab.say())).code is Code.RATE_LIMITED


async def test_a_message_too_large_costs_nothing(open_core):
    core = open_core(
        bounds=Bounds(ciphertext_bytes=10), rates=Rates(send=Rate(per_minute=1, burst=1))
    )
    alice = core.visitor("alice")
    await alice.join(as_creator=True)

    for _ in range(5):
        assert (await refused(alice.say("x" * 11))).code is Code.PAYLOAD_TOO_LARGE
    await alice.say()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("tea", "alice"), ("tea", "bob")),
        (("tea", "alice"), ("coffee", "alice")),
        (("tea", "room:alice"), ("tea:room", "alice")),
        (("1:t", "a"), ("1", "t:a")),
    ],
    ids=["people", "rooms", "colons", "lengths"],
)
async def test_members_do_not_share_a_rate(open_core, one, other):
    core = open_core(rates=Rates(send=Rate(per_minute=1, burst=1)))
    for room_id, user_id in (one, other):
        member = core.visitor(user_id, room_id)
        await member.join(as_creator=True)
        await member.say()
        assert (await refused(member.say())).code is Code.RATE_LIMITED


# --- signals ---


@pytest.mark.parametrize("to", [None, "bob"])
async def test_a_signal_is_told_to_all_or_to_one_and_is_in_no_sequence(core, alice, bob, to):
    core.heard.clear()

    await alice.signal("now", to=to)

    assert core.heard == [
        SignalSent(
            room_id=TEA_ROOM,
            skip=alice.connection_id,
            sender=alice.actor.user_id,
            recipient=to,
            addressed_as=to,
            ciphertext=Opaque("now"),
            sent_ms=core.clock.now_ms(),
        )
    ]
    assert (await alice.say()).seq == 3


async def test_a_refused_signal_is_told_to_nobody(core, alice, bob):
    core.heard.clear()

    assert (await refused(alice.signal(to="nobody"))).code is Code.RECIPIENT_NOT_FOUND
    assert (await refused(core.visitor("carol").signal())).code is Code.NOT_A_MEMBER
    assert (await refused(core.visitor("carol").signal(to="bob"))).code is Code.NOT_A_MEMBER
    assert core.heard == []


async def test_a_signal_may_have_as_many_bytes_as_a_message(open_core):
    core = open_core(bounds=Bounds(ciphertext_bytes=10))
    alice = core.visitor("alice")
    await alice.join(as_creator=True)

    await alice.signal("x" * 10)
    error = await refused(alice.signal("ü" * 6))

    assert error.code is Code.PAYLOAD_TOO_LARGE
    assert len(core.heard_of(SignalSent)) == 1


async def test_signals_and_messages_share_one_rate(hasty):
    await hasty.say()
    await hasty.signal()

    error = await refused(hasty.signal())

    assert (error.code, error.retry_after_ms) == (Code.RATE_LIMITED, 1_000)
    assert (await refused(hasty.say())).code is Code.RATE_LIMITED


# --- typing ---


@pytest.mark.parametrize("is_typing", [True, False])
async def test_typing_is_told_to_the_others(core, alice, is_typing):
    core.heard.clear()

    await alice.type(is_typing)

    assert core.heard == [
        TypingChanged(
            room_id=TEA_ROOM,
            skip=alice.connection_id,
            user_id=alice.actor.user_id,
            is_typing=is_typing,
        )
    ]


async def test_nobody_types_in_a_room_of_others(core, alice):
    carol = core.visitor("carol")
    core.heard.clear()

    assert (await refused(carol.type())).code is Code.NOT_A_MEMBER
    assert core.heard == []


# --- downloads ---


@pytest.mark.parametrize("to", [None, "bob"])
async def test_a_download_is_told_to_all_or_to_one(core, alice, bob, to):
    core.heard.clear()
    recipient = None if to is None else UserId(to)

    await core.messages.file_downloaded(alice.actor, "tea.txt", to=recipient, is_broadcast=False)

    assert core.heard == [
        FileDownloaded(
            room_id=TEA_ROOM,
            skip=alice.connection_id,
            user_id=alice.actor.user_id,
            file_name="tea.txt",
            recipient=recipient,
            downloaded_ms=core.clock.now_ms(),
        )
    ]


@pytest.mark.parametrize("is_there", [False, True], ids=["nobody", "a member"])
async def test_a_download_told_to_all_is_for_the_member_who_is_called_so(core, alice, is_there):
    if is_there:
        await core.visitor("all").join()
    core.heard.clear()

    await core.messages.file_downloaded(
        alice.actor, "tea.txt", to=Recipient("all"), is_broadcast=True
    )

    assert [event.recipient for event in core.heard] == ["all" if is_there else None]


async def test_a_download_is_not_told_to_who_is_not_there(core, alice):
    core.heard.clear()
    telling = core.messages.file_downloaded(
        alice.actor, "tea.txt", to=UserId("nobody"), is_broadcast=False
    )

    assert (await refused(telling)).code is Code.RECIPIENT_NOT_FOUND
    assert core.heard == []


@pytest.mark.parametrize("to", [None, "alice"])
async def test_nobody_tells_of_downloads_in_a_room_of_others(core, alice, to):
    carol = core.visitor("carol")
    core.heard.clear()
    telling = core.messages.file_downloaded(
        carol.actor, "tea.txt", to=None if to is None else UserId(to), is_broadcast=False
    )

    assert (await refused(telling)).code is Code.NOT_A_MEMBER
    assert core.heard == []


async def test_downloads_and_messages_share_one_rate(hasty):
    core = hasty._core
    await hasty.say()
    await core.messages.file_downloaded(hasty.actor, "tea.txt", to=None, is_broadcast=True)

    telling = core.messages.file_downloaded(hasty.actor, "tea.txt", to=None, is_broadcast=True)

    assert (await refused(telling)).code is Code.RATE_LIMITED
