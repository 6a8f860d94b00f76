"""A room's log in Redis: what whoever was away is told, and when it is told that it cannot be."""

import pytest
from msgspec import structs

from server.core.events import (
    MemberJoined,
    MemberLeft,
    MembersChanged,
    MessageSent,
    RoomEvent,
    RoomExpired,
    RoomLocked,
    TypingChanged,
)
from server.core.ids import RoomId, UserId
from server.stores.redis.logs import Gone, Unknown
from tests.redis_servers import shared_redis
from tests.servers import until
from tests.stores.guests import POLICY, TEA_ROOM, House, user_ids
from tests.stores.redis.processes import listening, process

LOCKED = RoomLocked(room_id=TEA_ROOM, locked=True, locked_ms=1)
TYPING = TypingChanged(room_id=TEA_ROOM, user_id=UserId("alice"), is_typing=True)


@pytest.fixture
async def one():
    with shared_redis().client() as client:
        client.flushall()
    async with process(shared_redis()) as opened:
        yield opened


@pytest.fixture
def house(one, clock):
    return House(one.rooms, POLICY, clock)


@pytest.fixture
async def alice(house):
    (first,) = await house.with_members("alice")
    return first


@pytest.fixture
def place(one, alice):
    """From which on Alice is told."""
    return one.attachments.take(alice.connection_id, TEA_ROOM)


def kinds(logged):
    return [type(event) for _, event in logged]


async def test_whoever_joins_is_told_from_after_its_own_join_on(one, house, alice, place):
    assert await one.missed(place) == []
    bob = house.guest("bob")
    await bob.join()
    assert await one.missed(one.attachments.take(bob.connection_id, TEA_ROOM)) == []
    assert kinds(await one.missed(place)) == [MemberJoined, MembersChanged]


async def test_what_came_after_a_place_is_told_in_order_with_its_places(one, house, alice, place):
    sent = [(await alice.say(number)).event for number in range(3)]
    await one.logs.publish(LOCKED, is_noted=True)

    assert await one.missed(place) == [
        (place + number, event) for number, event in enumerate((*sent, LOCKED), 1)
    ]
    assert await one.missed(place + 2) == [(place + 3, sent[2]), (place + 4, LOCKED)]
    assert await one.missed(place + 4) == []


async def test_a_place_that_is_not_of_this_log_is_not_known(one, alice, place):
    for other in (place + 1, 1, 0):
        assert await one.missed(other) == Unknown(place)


async def test_a_room_that_nobody_made_or_that_ended_is_gone(one, house, alice, place, clock):
    assert await one.missed(place, RoomId("coffee-room")) == Gone()
    clock.advance(minutes=30)
    told: list[tuple[int, RoomEvent]] = []
    async with listening(one.link, TEA_ROOM, told):
        await house.expire_idle()
        await until(lambda: told)

    assert told == [(place + 1, RoomExpired(room_id=TEA_ROOM, idle_limit_ms=POLICY.idle_limit_ms))]
    assert await one.missed(place) == Gone()


async def test_no_place_of_a_room_is_known_in_the_next_one_of_its_id(one, house, place, clock):
    clock.advance(minutes=30)
    await house.expire_idle()
    await house.guest("bob").join(as_creator=True)

    assert isinstance(await one.missed(place), Unknown)


async def test_a_message_that_has_left_the_history_makes_its_place_unknown(one, alice, place):
    for number in range(POLICY.history_messages):
        await alice.say(number)
    assert len(await one.missed(place)) == POLICY.history_messages

    await alice.say("one more")

    assert await one.missed(place) == Unknown(place + POLICY.history_messages + 1)
    assert len(await one.missed(place + 1)) == POLICY.history_messages


async def test_a_private_message_is_in_the_log_with_who_may_read_it(one, house, alice, place):
    await house.guest("bob").join()
    said = (await alice.say("psst", to="bob", is_broadcast=False)).event

    (_, found) = (await one.missed(place))[-1]

    assert found == said
    assert len(found.identities) == 2


async def test_of_several_lists_of_members_the_present_one_is_told_where_the_last_was(
    one, house, alice, place
):
    bob, carol = house.guest("bob"), house.guest("carol")
    await bob.join()
    await carol.join()
    await bob.leave()
    await alice.say()

    logged = await one.missed(place)

    assert kinds(logged)[-3:] == [MemberLeft, MembersChanged, MessageSent]
    (changed,) = [event for _, event in logged if isinstance(event, MembersChanged)]
    assert user_ids(changed.members) == ["alice", "carol"]
    assert changed.members == await alice.members()


async def test_the_only_list_is_for_all_but_who_caused_it_and_one_of_several_for_all(
    one, house, alice, place
):
    bob, carol = house.guest("bob"), house.guest("carol")

    await bob.join()
    (_, first) = (await one.missed(place))[-1]
    await carol.join()
    (_, second) = (await one.missed(place))[-1]

    assert first.skip == bob.connection_id
    assert second.skip is None


async def test_a_log_keeps_a_thousand_events(one, alice, place):
    for _ in range(1_001):
        await one.logs.publish(LOCKED, is_noted=True)

    assert await one.missed(place) == Unknown(place + 1_001)
    assert len(await one.missed(place + 1)) == 1_000


async def test_a_log_of_large_events_keeps_half_a_megabyte(one, alice, place):
    event = structs.replace(TYPING, name="x" * 10_000)
    for _ in range(100):
        await one.logs.publish(event, is_noted=True)

    assert await one.missed(place + 47) == Unknown(place + 100)
    assert len(await one.missed(place + 48)) == 52


async def test_what_is_of_the_moment_has_no_place_and_is_told_to_who_listens(one, alice, place):
    told: list[tuple[int, RoomEvent]] = []
    async with listening(one.link, TEA_ROOM, told):
        await one.logs.publish(TYPING, is_noted=False)
        await one.logs.publish(LOCKED, is_noted=True)
        await until(lambda: len(told) == 2)

    assert told == [(0, TYPING), (place + 1, LOCKED)]
    assert await one.missed(place) == [(place + 1, LOCKED)]


async def test_what_is_told_of_a_room_that_is_gone_makes_no_room(one, house):
    told: list[tuple[int, RoomEvent]] = []
    async with listening(one.link, TEA_ROOM, told):
        await one.logs.publish(LOCKED, is_noted=True)
        await until(lambda: told)

    assert told == [(0, LOCKED)]
    assert await one.missed(0) == Gone()
    assert (await house.reserve()).created


async def test_a_script_unknown_to_redis_is_run_all_the_same(one, alice, place):
    await one.link.client.script_flush()
    await one.logs.publish(LOCKED, is_noted=True)
    assert len(await one.missed(place)) == 1
