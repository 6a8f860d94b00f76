"""RoomStore: public keys and names of members."""

import pytest

from server.core.errors import Code
from tests.stores.guests import refusal


async def keys_and_names(guest):
    return [
        (member.public_key.value if member.public_key else None, member.name)
        for member in await guest.members()
    ]


@pytest.mark.parametrize("key", ["text", {"kty": "EC", "x": "…"}, b"\x00\xff", [1, 2.5, None]])
async def test_a_saved_key_is_seen_by_everybody_as_it_was(alice, bob, key):
    members = await bob.save_key(key)

    assert members[1].public_key.value == key
    assert await alice.members() == members


async def test_saving_a_key_changes_nobody_else(alice, bob):
    await bob.save_key("new key", "Robert")
    assert await keys_and_names(alice) == [("alice's key", "alice"), ("new key", "Robert")]


async def test_a_key_saved_without_a_name_leaves_the_name(alice, bob):
    await bob.save_key("new key", "Robert")
    await bob.save_key("newer key")
    assert (await keys_and_names(alice))[1] == ("newer key", "Robert")


async def test_a_changed_key_has_a_place_in_the_sequence_and_an_unchanged_one_has_none(alice, bob):
    await bob.save_key("new key")
    after_change = (await alice.join()).seq
    await bob.save_key("new key")

    assert after_change == 3
    assert (await alice.join()).seq == 3
    assert (await alice.say()).event.seq == 4


async def test_a_key_that_is_only_like_the_old_one_replaces_it(alice, bob):
    await bob.save_key([1])
    members = await bob.save_key([True])
    assert members[1].public_key.value[0] is True


async def test_a_connection_that_joined_by_key_may_not_change_the_key(alice, bob):
    double = bob.elsewhere()
    await double.join(public_key="bob's key")

    assert await refusal(double.save_key("another key")) is Code.FORBIDDEN
    assert (await keys_and_names(alice))[1] == ("bob's key", "bob")


async def test_a_connection_that_joined_by_key_may_repeat_the_key_and_changes_nothing(alice, bob):
    double = bob.elsewhere()
    await double.join(public_key="bob's key")
    before = await alice.members()

    assert await double.save_key("bob's key", "Not Bob") == before
    assert await alice.members() == before
    assert (await alice.join()).seq == 2


async def test_the_bytes_of_a_key_are_counted_once_and_freed_when_it_shrinks(house, alice):
    before = await house.held_bytes()
    await alice.save_key("k" * 1_000)
    grown = await house.held_bytes()
    await alice.save_key("k" * 10)

    assert grown - before == 1_000 - len("alice's key")
    assert await house.held_bytes() == before - len("alice's key") + 10


async def test_a_key_for_which_there_is_no_space_is_refused_and_the_old_one_stays(open_house):
    house = await open_house(total_bytes=5_000)
    (alice,) = await house.with_members("alice")
    await alice.save_key("k" * 500)

    assert await refusal(alice.save_key("k" * 5_001)) is Code.SERVER_FULL
    assert (await keys_and_names(alice))[0] == ("k" * 500, "alice")


async def test_a_key_may_be_replaced_by_one_of_its_size_although_there_is_no_space(open_house):
    house = await open_house(total_bytes=5_000)
    (alice,) = await house.with_members("alice")
    size = 5_000 - await house.held_bytes()
    await alice.save_key("k" * size)

    assert await refusal(alice.save_key("n" * size)) is None
    assert (await keys_and_names(alice))[0] == ("n" * size, "alice")
