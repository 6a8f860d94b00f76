"""RoomStore: a message is appended once, for the right people, under the next number."""

import asyncio

import pytest
from msgspec import structs

from server.core.errors import Code
from server.core.events import MessageSent
from server.core.ids import NumericUserId
from tests.stores.guests import POLICY, TEA_ROOM, refusal, texts


async def history_of(guest):
    """What the guest's own person finds in the history."""
    return texts(await guest.elsewhere().join(token=guest.token))


async def test_a_message_to_everybody_is_returned_as_it_was_sent(alice, bob, clock):
    appended = await alice.say({"iv": b"\x00\xff", "data": "…"}, content_type="image")

    assert not appended.is_repeat
    event = appended.event
    assert isinstance(event, MessageSent)
    assert (event.room_id, event.skip) == (TEA_ROOM, alice.connection_id)
    assert (event.seq, event.sent_ms) == (3, clock.now_ms())
    assert (event.sender, event.recipient, event.addressed_as) == ("alice", None, None)
    assert event.ciphertext.value == {"iv": b"\x00\xff", "data": "…"}
    assert event.content_type == "image"


async def test_messages_of_all_members_share_one_sequence(alice, bob):
    sent = [await guest.say() for guest in (alice, bob, alice, bob)]
    assert [appended.event.seq for appended in sent] == [3, 4, 5, 6]


async def test_messages_sent_at_once_get_different_numbers_without_a_gap(alice, bob):
    sent = await asyncio.gather(*(guest.say() for guest in (alice, bob) * 5))
    assert sorted(appended.event.seq for appended in sent) == list(range(3, 13))


async def test_who_is_not_attached_to_the_room_may_do_nothing_there(house, alice, bob, carol):
    await bob.leave()
    nowhere = house.guest("alice", "no-such-room")

    for outsider in (bob, carol, nowhere):
        for attempt in (
            outsider.say(),
            outsider.members(),
            outsider.save_key("a key"),
            outsider.recipient("alice"),
            outsider.type(),
            outsider.lock(),
            outsider.remove("alice"),
            outsider.leave(),
        ):
            assert await refusal(attempt) is Code.NOT_A_MEMBER
    assert len(await alice.members()) == 1


async def test_a_lost_connection_may_do_nothing_although_its_member_is_still_there(alice, bob):
    await bob.lose()

    assert await refusal(bob.say()) is Code.NOT_A_MEMBER
    assert await refusal(bob.members()) is Code.NOT_A_MEMBER
    assert await bob.rooms() == set()
    assert len(await alice.members()) == 2


# --- repeats ---


async def test_a_repeat_answers_as_the_first_did_and_stands_once_in_the_history(alice, bob, clock):
    first = await alice.say("hello", message_id="m-1")
    clock.advance(seconds=5)

    again = await alice.say("hello", message_id="m-1")

    assert again.is_repeat
    assert again.event == first.event
    assert await history_of(bob) == ["hello"]
    assert (await alice.say()).event.seq == first.event.seq + 1


async def test_a_repeat_with_other_content_changes_nothing(alice, bob):
    first = await alice.say("hello", message_id="m-1")

    again = await alice.say("bye", message_id="m-1", to="bob", is_broadcast=False)

    assert again.is_repeat
    assert again.event == first.event
    assert await history_of(bob) == ["hello"]


async def test_repeats_sent_at_once_stand_once_in_the_history(alice, bob):
    sent = await asyncio.gather(*(alice.say("hello", message_id="m-1") for _ in range(5)))

    assert sorted(appended.is_repeat for appended in sent) == [False] + [True] * 4
    assert await history_of(bob) == ["hello"]


async def test_a_retry_after_a_lost_connection_is_a_repeat(alice, bob):
    first = await bob.say("hello", message_id="m-1")
    await bob.lose()
    tab = bob.elsewhere()
    await tab.join(token=bob.token)

    again = await tab.say("hello", message_id="m-1")

    assert again.is_repeat
    assert again.event == first.event


async def test_a_retry_after_the_recipient_left_is_still_a_repeat(alice, bob):
    first = await alice.say("psst", to="bob", is_broadcast=False, message_id="m-1")
    await bob.leave()

    again = await alice.say("psst", to="bob", is_broadcast=False, message_id="m-1")

    assert again.is_repeat
    assert again.event == first.event


async def test_an_id_that_another_sender_holds_is_a_conflict(alice, bob, clock):
    await alice.say("hello", message_id="m-1")

    assert await refusal(bob.say("hello", message_id="m-1")) is Code.ID_CONFLICT
    assert await history_of(bob) == ["hello"]
    assert (await bob.say(message_id="m-2")).event.seq == 4


async def test_who_starts_anew_under_a_senders_id_does_not_hold_its_message_ids(alice, bob):
    await bob.say("hello", message_id="m-1")
    await bob.leave()
    newcomer = bob.elsewhere()
    await newcomer.join()

    assert await refusal(newcomer.say("hello", message_id="m-1")) is Code.ID_CONFLICT


async def test_a_sender_restored_under_another_id_still_holds_its_message_ids(alice, bob):
    await bob.say("hello", message_id="m-1")
    await bob.leave()
    robert = bob.elsewhere("robert")
    await robert.join(token=bob.token)

    assert (await robert.say("hello", message_id="m-1")).is_repeat


async def test_the_same_id_in_two_rooms_means_two_messages(house, alice):
    await alice.say("tea", message_id="m-1")
    (coffee,) = await house.with_members("alice", room_id="coffee-room")

    assert not (await coffee.say("coffee", message_id="m-1")).is_repeat


async def test_a_repeat_after_its_message_was_trimmed_delivers_nothing_again(open_house):
    house = await open_house(structs.replace(POLICY, history_messages=3))
    alice, bob = await house.with_members("alice", "bob")
    first = await alice.say("one", message_id="m-1")
    for text in ("two", "three", "four"):
        await bob.say(text)

    again = await alice.say("one", message_id="m-1")

    assert again.is_repeat
    assert again.event == first.event
    assert await refusal(bob.say("one", message_id="m-1")) is Code.ID_CONFLICT
    assert await history_of(bob) == ["two", "three", "four"]
    assert (await alice.say()).event.seq == first.event.seq + 4


async def test_the_ids_of_as_many_trimmed_messages_as_the_history_holds_are_known(open_house):
    house = await open_house(structs.replace(POLICY, history_messages=3))
    (alice,) = await house.with_members("alice")
    for number in range(6):
        await alice.say(message_id=f"m-{number}")

    repeats = [await alice.say(message_id=f"m-{number}") for number in range(6)]

    assert [appended.is_repeat for appended in repeats] == [True] * 6
    assert [appended.event.seq for appended in repeats] == [2, 3, 4, 5, 6, 7]


# --- recipients ---


@pytest.mark.parametrize("word", ["", "all"])
async def test_a_word_for_everybody_means_everybody_and_is_given_back(alice, bob, word):
    event = (await alice.say("hello", to=word, is_broadcast=True)).event

    assert event.recipient is None
    assert event.addressed_as == word
    assert await history_of(bob) == ["hello"]


async def test_a_word_for_everybody_means_the_member_that_has_it_as_its_id(house, alice, bob):
    all_ = house.guest("all")
    await all_.join()

    event = (await alice.say("hello", to="all", is_broadcast=True)).event

    assert event.recipient == event.addressed_as == "all"
    assert await history_of(bob) == []
    assert await history_of(all_) == ["hello"]


async def test_a_word_for_everybody_means_everybody_again_when_the_member_of_that_id_left(
    house, alice, bob
):
    all_ = house.guest("all")
    await all_.join()
    await all_.leave()

    assert (await alice.say("hello", to="all", is_broadcast=True)).event.recipient is None
    assert await history_of(bob) == ["hello"]


async def test_a_message_without_recipient_reaches_everybody_even_beside_a_member_all(
    house, alice, bob
):
    await house.guest("all").join()

    assert (await alice.say("hello")).event.recipient is None
    assert await history_of(bob) == ["hello"]


@pytest.mark.parametrize("to", ["nobody", "all", ""])
async def test_a_message_to_nobody_in_the_room_is_refused_without_a_trace(alice, bob, to):
    assert await refusal(alice.say(to=to, is_broadcast=False)) is Code.RECIPIENT_NOT_FOUND
    assert (await alice.say("next")).event.seq == 3
    assert await history_of(bob) == ["next"]


async def test_a_member_who_left_is_no_recipient_and_one_in_its_grace_is(alice, bob, carol):
    await carol.join()
    await bob.lose()
    await carol.leave()

    assert (await alice.say(to="bob", is_broadcast=False)).event.recipient == "bob"
    assert await refusal(alice.say(to="carol", is_broadcast=False)) is Code.RECIPIENT_NOT_FOUND


async def test_a_private_message_is_between_two_identities(alice, bob):
    event = (await alice.say("psst", to="bob", is_broadcast=False)).event
    note = (await alice.say("to do", to="alice", is_broadcast=False)).event

    assert len(event.identities) == 2
    assert len(note.identities) == 1
    assert note.identities < event.identities
    assert (await alice.say("hello")).event.identities is None


async def test_a_recipient_is_named_as_that_member_wrote_itself(house, alice):
    await house.guest(NumericUserId("7")).join()

    event = (await alice.say(to="7", is_broadcast=False)).event

    assert isinstance(event.recipient, NumericUserId)
    assert not isinstance(event.addressed_as, NumericUserId)
    assert isinstance(await alice.recipient("7"), NumericUserId)
    assert not isinstance(event.sender, NumericUserId)


async def test_a_number_stays_one_in_the_history(house, alice):
    seven = house.guest(NumericUserId("7"))
    await seven.join()
    await seven.say("from 7", to="alice", is_broadcast=False)

    (message,) = (await alice.elsewhere().join(token=alice.token)).messages

    assert isinstance(message.sender, NumericUserId)
    assert not isinstance(message.recipient, NumericUserId)


async def test_only_the_id_of_a_member_is_found_as_a_recipient(alice, bob, carol):
    assert await alice.recipient("bob") == "bob"
    assert await refusal(alice.recipient("carol")) is Code.RECIPIENT_NOT_FOUND


async def test_whom_a_notice_is_for_is_found_as_for_a_message(house, alice, bob):
    assert await alice.recipient(None, is_broadcast=True) is None
    assert await alice.recipient("all", is_broadcast=True) is None
    assert await refusal(alice.recipient("all")) is Code.RECIPIENT_NOT_FOUND
    await house.guest("all").join()
    assert await alice.recipient("all", is_broadcast=True) == "all"
    assert await alice.recipient(None, is_broadcast=True) is None
