"""RoomStore: what of the history a joiner may read, and how it is bounded."""

import pytest
from msgspec import structs

from tests.stores.guests import POLICY, texts

# --- who may read ---


async def test_a_newcomer_reads_what_was_said_to_everybody_oldest_first(alice, bob, carol):
    await alice.say("one")
    await bob.say("two", to="alice", is_broadcast=False)
    await bob.say("three")

    joined = await carol.join()

    assert texts(joined) == ["one", "three"]
    assert [message.seq for message in joined.messages] == [3, 5]
    assert joined.seq == 6


async def test_a_message_is_read_later_exactly_as_it_was_sent(alice, bob, carol):
    sent = await alice.say([1, None, {"key": b"\x00"}], message_id="m-1", content_type="file")
    assert (await carol.join()).messages == (sent.event,)


async def test_a_private_message_is_read_by_its_two_and_nobody_else(alice, bob, carol):
    await carol.join()
    await alice.say("psst", to="bob", is_broadcast=False)

    found = [
        texts(await guest.elsewhere().join(token=guest.token)) for guest in (alice, bob, carol)
    ]

    assert found == [["psst"], ["psst"], []]


async def test_who_joined_by_key_alone_reads_no_private_message(alice, bob):
    await alice.say("psst", to="bob", is_broadcast=False)
    await bob.say("to myself", to="bob", is_broadcast=False)
    await bob.say("hello")

    assert texts(await bob.elsewhere().join(public_key="bob's key")) == ["hello"]


async def test_a_repeat_by_who_joined_by_key_alone_shows_nothing_private(alice, bob):
    await alice.say("psst", to="bob", is_broadcast=False, message_id="m-1")
    double = alice.elsewhere()
    await double.join(public_key="alice's key")

    repeat = (await double.say("a guess", message_id="m-1")).event
    assert (repeat.ciphertext.value, repeat.recipient, repeat.addressed_as) == (
        "a guess",
        None,
        None,
    )


@pytest.mark.parametrize("way_out", ["leave", "lose"])
async def test_who_starts_anew_under_an_id_reads_nothing_private_of_the_former(alice, bob, way_out):
    await alice.say("psst", to="bob", is_broadcast=False)
    await getattr(bob, way_out)()
    newcomer = bob.elsewhere()

    assert texts(await newcomer.join()) == []
    assert texts(await newcomer.join()) == []


async def test_the_proved_recipient_reads_beside_somebody_else_who_has_its_old_id(alice, bob):
    await alice.say("psst", to="bob", is_broadcast=False)
    await bob.leave()
    await bob.elsewhere().join()

    assert texts(await bob.elsewhere("robert").join(token=bob.token)) == ["psst"]


async def test_a_connection_that_joins_again_reads_its_private_messages(alice, bob):
    await alice.say("psst", to="bob", is_broadcast=False)
    assert texts(await bob.join()) == ["psst"]


# --- since ---


async def test_who_says_what_it_has_seen_gets_what_came_after(alice, bob):
    for text in ("one", "two", "three"):
        await alice.say(text)
    seen = {since: texts(await bob.join(since_seq=since)) for since in (0, 2, 3, 4, 5)}

    assert seen == {
        0: ["one", "two", "three"],
        2: ["one", "two", "three"],
        3: ["two", "three"],
        4: ["three"],
        5: [],
    }


async def test_who_has_seen_what_was_trimmed_is_not_told_of_a_gap(open_house):
    house = await open_house(structs.replace(POLICY, history_messages=2))
    (alice,) = await house.with_members("alice")
    for text in ("one", "two", "three", "four"):  # 2, 3, 4, 5
        await alice.say(text)

    joins = {since: await alice.join(since_seq=since) for since in (0, 2, 3, 4)}

    assert {since: joined.truncated for since, joined in joins.items()} == {
        0: True,
        2: True,
        3: False,
        4: False,
    }
    assert texts(joins[0]) == texts(joins[3]) == ["three", "four"]
    assert texts(joins[4]) == ["four"]


async def test_a_history_that_holds_everything_is_not_truncated(open_house):
    house = await open_house(structs.replace(POLICY, history_messages=2))
    (alice,) = await house.with_members("alice")
    await alice.say("one")
    await alice.say("two")

    joined = await alice.join()

    assert not joined.truncated
    assert texts(joined) == ["one", "two"]


@pytest.mark.parametrize("since_seq", [3, 4, 50])
async def test_who_has_seen_more_than_there_is_has_seen_another_room_and_gets_everything(
    alice, carol, since_seq
):
    await alice.say("one")  # the room is at 2

    joined = await carol.join(since_seq=since_seq)

    assert joined.truncated
    assert texts(joined) == ["one"]


async def test_who_has_seen_all_there_is_has_seen_this_room(alice, carol):
    await alice.say("one")

    joined = await carol.join(since_seq=2)

    assert not joined.truncated
    assert texts(joined) == []


async def test_who_holds_a_token_of_another_room_of_that_id_gets_everything(alice, carol):
    await alice.say("one")
    await alice.say("two")

    joined = await carol.join(since_seq=2, token=b"t" * 32)

    assert joined.truncated
    assert texts(joined) == ["one", "two"]


# --- bounds ---


async def test_the_oldest_messages_go_when_there_are_too_many(open_house, clock):
    house = await open_house(structs.replace(POLICY, history_messages=3))
    (alice,) = await house.with_members("alice")
    for number in range(10):
        await alice.say(number)

    assert texts(await alice.join()) == [7, 8, 9]
    (summary,) = await house.rooms.summaries(None, 10)
    assert summary.messages == 3


async def bytes_of_a_message(house, ciphertext):
    """How much a room grows by this message."""
    alice = house.guest("alice", "a room to weigh in")
    await alice.join(as_creator=True)
    before = await house.held_bytes()
    await alice.say(ciphertext)
    grown = await house.held_bytes() - before
    assert grown >= len(ciphertext)
    return grown


async def test_the_oldest_messages_go_when_they_weigh_too_much(open_house):
    weight = await bytes_of_a_message(await open_house(), "x" * 1_000)
    house = await open_house(structs.replace(POLICY, history_bytes=3 * weight))
    (alice,) = await house.with_members("alice")
    empty = await house.held_bytes()
    for number in range(5):
        await alice.say(str(number) * 1_000)

    assert [text[0] for text in texts(await alice.join())] == ["2", "3", "4"]
    assert await house.held_bytes() == empty + 3 * weight
    await alice.say("y" * 1_001)
    assert [text[0] for text in texts(await alice.join())] == ["4", "y"]


async def test_a_heavy_message_pushes_out_as_many_light_ones_as_it_must(open_house):
    weight = await bytes_of_a_message(await open_house(), "x" * 1_000)
    house = await open_house(structs.replace(POLICY, history_bytes=4 * weight))
    (alice,) = await house.with_members("alice")
    for number in range(4):
        await alice.say(str(number) * 1_000)

    await alice.say("heavy".ljust(1_000 + 2 * weight))

    assert [text[:1] for text in texts(await alice.join())] == ["3", "h"]


async def test_what_was_trimmed_no_longer_weighs(open_house):
    house = await open_house(structs.replace(POLICY, history_messages=1))
    (alice,) = await house.with_members("alice")
    await alice.say("x" * 10)
    light = await house.held_bytes()
    await alice.say("x" * 10_000)
    heavy = await house.held_bytes()
    await alice.say("x" * 10)

    assert heavy - light == 9_990
    assert await house.held_bytes() == light


async def test_one_message_heavier_than_the_whole_history_is_still_kept(open_house):
    house = await open_house(structs.replace(POLICY, history_bytes=100))
    (alice,) = await house.with_members("alice")
    await alice.say("light")

    await alice.say("x" * 200)

    assert texts(await alice.join()) == ["x" * 200]
