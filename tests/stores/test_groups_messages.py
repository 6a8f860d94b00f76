"""GroupStore: messages, repeats, private ones, and reading them page by page."""

from msgspec import structs

from server.core.errors import Code
from server.core.events import MessageSent
from server.core.ids import MessageId
from server.core.opaque import Opaque
from tests.stores.guests import refusal
from tests.stores.strangers import POLICY, said

# --- to everybody ---


async def test_a_message_has_the_next_place_in_the_sequence_and_its_senders_name(plaza, clock):
    alice, _ = await plaza.arrive("alice", "bob")

    appended = await alice.say({"iv": "…"}, message_id="m-1")

    assert not appended.is_repeat
    assert appended.event == MessageSent(
        room_id=await alice.group_id(),
        seq=3,
        message_id=MessageId("m-1"),
        sender=alice.user_id,
        recipient=None,
        addressed_as=None,
        ciphertext=Opaque({"iv": "…"}),
        content_type="text",
        sent_ms=clock.now_ms(),
        sender_name="Alice",
    )


async def test_joins_leaves_keys_and_messages_share_one_sequence_without_gaps(plaza):
    alice, bob = await plaza.arrive("alice", "bob")

    assert (await alice.say()).event.seq == 3
    assert (await alice.join("new key")).group.seq == 4
    assert (await bob.leave())[0].seq == 5
    (carol,) = await plaza.arrive("carol")
    assert (await carol.group()).seq == 6
    assert (await carol.say()).event.seq == 7
    assert (await alice.group()).seq == 7


async def test_messages_change_no_epoch(plaza):
    alice, _ = await plaza.arrive("alice", "bob")
    await alice.say()
    await alice.say(to="bob")
    assert (await alice.group()).epoch == 2


async def test_a_group_has_a_sequence_of_its_own(plaza):
    (alice,) = await plaza.together("alice", places=1)
    (bob,) = await plaza.together("bob", places=1)
    await alice.say()

    assert (await bob.say()).event.seq == 2


# --- repeats ---


async def test_a_repeat_answers_as_the_first_did_and_takes_no_place(plaza, clock):
    alice, _ = await plaza.arrive("alice", "bob")
    first = await alice.say("hello", message_id="m-1")
    clock.advance(seconds=1)

    again = await alice.say("hello again", message_id="m-1")

    assert again == structs.replace(first, is_repeat=True)
    assert (await alice.group()).seq == 3
    assert said(await alice.read()) == ["hello"]


async def test_a_repeat_is_known_after_the_message_has_left_the_history(plaza):
    (alice,) = await plaza.arrive("alice")
    first = await alice.say("hello", message_id="m-1")
    for _ in range(POLICY.history_messages):
        await alice.say()

    again = await alice.say("hello", message_id="m-1")

    assert again.is_repeat
    assert again.event == first.event


async def test_an_id_that_another_sender_holds_is_a_conflict(plaza):
    alice, bob = await plaza.arrive("alice", "bob")
    await alice.say("hers", message_id="m-1")

    assert await refusal(bob.say("his", message_id="m-1")) is Code.ID_CONFLICT
    assert said(await bob.read()) == ["hers"]


async def test_an_id_is_free_in_another_group(plaza):
    (alice,) = await plaza.arrive("alice")
    await alice.say("here", message_id="m-1")
    await alice.move_on()

    assert not (await alice.say("there", message_id="m-1")).is_repeat


# --- to one member ---


async def test_a_private_message_is_read_by_its_two_people_only(plaza):
    alice, bob, carol = await plaza.arrive("alice", "bob", "carol")

    event = (await alice.say("psst", to="bob")).event

    assert (event.recipient, event.addressed_as) == ("bob", "bob")
    assert said(await alice.read()) == said(await bob.read()) == ["psst"]
    assert said(await carol.read()) == []


async def test_nobody_there_takes_no_message_and_no_place(plaza):
    alice, bob = await plaza.arrive("alice", "bob")
    await bob.leave()

    assert await refusal(alice.say(to="bob")) is Code.RECIPIENT_NOT_FOUND
    assert await refusal(alice.say(to="nobody")) is Code.RECIPIENT_NOT_FOUND
    assert (await alice.group()).seq == 3


async def test_one_who_was_blocked_cannot_tell_it_from_nobody_being_there(plaza):
    alice, bob = await plaza.arrive("alice", "bob")
    await alice.block("bob")

    assert await refusal(bob.say(to="alice")) is Code.RECIPIENT_NOT_FOUND
    assert not (await alice.say(to="bob")).is_repeat
    await alice.unblock("bob")
    assert not (await bob.say(to="alice")).is_repeat


async def test_who_comes_back_reads_its_private_messages_again(plaza, clock):
    alice, bob, _ = await plaza.arrive("alice", "bob", "carol")
    await alice.say("psst", to="bob")
    await bob.leave()
    clock.advance(minutes=2)
    await bob.join()

    assert said(await bob.read()) == ["psst"]


# --- reading ---


async def test_pages_go_back_to_the_first_message_without_gap_or_double(plaza):
    (alice,) = await plaza.arrive("alice")
    for number in range(7):
        await alice.say(number)

    newest = await alice.read(limit=3)
    middle = await alice.read(newest.messages[0].message_id, limit=3)
    oldest = await alice.read(middle.messages[0].message_id, limit=3)

    assert (said(newest), newest.has_more) == ([4, 5, 6], True)
    assert (said(middle), middle.has_more) == ([1, 2, 3], True)
    assert (said(oldest), oldest.has_more) == ([0], False)


async def test_a_page_that_ends_with_the_first_message_has_no_more(plaza):
    (alice,) = await plaza.arrive("alice")
    for number in range(3):
        await alice.say(number)

    page = await alice.read(limit=3)

    assert (said(page), page.has_more) == ([0, 1, 2], False)


async def test_what_others_say_privately_is_neither_counted_nor_announced(plaza):
    alice, bob, carol = await plaza.arrive("alice", "bob", "carol")
    await alice.say("psst", to="bob")
    await alice.say("psst", to="bob")
    await alice.say("hello")

    page = await carol.read(limit=1)

    assert (said(page), page.has_more) == (["hello"], False)
    assert (await bob.read(limit=1)).has_more


async def test_the_oldest_messages_go_when_there_are_too_many(plaza):
    (alice,) = await plaza.arrive("alice")
    for number in range(POLICY.history_messages + 2):
        await alice.say(number)

    assert said(await alice.read(limit=200)) == list(range(2, POLICY.history_messages + 2))


async def test_there_is_nothing_before_a_message_that_has_left_the_history(plaza):
    (alice,) = await plaza.arrive("alice")
    for number in range(POLICY.history_messages + 2):
        await alice.say(message_id=f"m-{number}")

    page = await alice.read("m-1")

    assert (page.messages, page.has_more) == ((), False)


async def test_an_unknown_message_is_not_found_and_others_private_ones_look_the_same(plaza):
    alice, _, carol = await plaza.arrive("alice", "bob", "carol")
    await alice.say("psst", to="bob", message_id="m-1")

    assert await refusal(carol.read("never-sent")) is Code.NOT_FOUND
    assert await refusal(carol.read("m-1")) is Code.NOT_FOUND
    assert said(await alice.read("m-1")) == []


async def test_who_comes_later_reads_what_was_said_before(plaza):
    (alice,) = await plaza.arrive("alice")
    await alice.say("hello?")
    (bob,) = await plaza.arrive("bob")

    assert said(await bob.read()) == ["hello?"]


async def test_typing_answers_ones_name_there(plaza):
    (alice,) = await plaza.arrive("alice")
    assert await alice.type() == "Alice"
