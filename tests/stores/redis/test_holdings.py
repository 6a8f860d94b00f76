"""Holdings: what a process remembers of its rooms, and no more."""

import pytest
from msgspec import structs

from server.core.events import MessageSent, RoomExpired
from server.core.ids import Identity, MessageId, Recipient, RoomId, UserId
from server.core.opaque import Opaque
from server.stores.redis import holdings
from server.stores.redis.holdings import Holdings
from tests.redis_servers import shared_redis
from tests.stores.guests import POLICY, TEA_ROOM, House
from tests.stores.redis.processes import process


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


def message(seq, size_bytes=10, room_id=TEA_ROOM):
    return MessageSent(
        room_id=room_id,
        seq=seq,
        message_id=MessageId(f"m-{seq}"),
        sender=UserId("alice"),
        recipient=None,
        addressed_as=Recipient("all"),
        ciphertext=Opaque("x" * size_bytes),
        content_type="text",
        sent_ms=1,
    )


def held(one, room_id=TEA_ROOM):
    """The sequence numbers of the messages held, and after which there is no gap."""
    seed = one.rooms.holdings.seed(room_id)
    return [one.event.seq for one in seed.messages.values()], seed.floor_seq


async def test_the_newest_hundred_messages_are_held(one, alice):
    for seq in range(2, 152):
        one.rooms.holdings.hear(message(seq), seq)

    assert held(one) == (list(range(52, 152)), 51)


async def test_half_a_megabyte_of_a_room_is_held(one, alice):
    for seq in range(2, 12):
        one.rooms.holdings.hear(message(seq, holdings.ROOM_BYTES // 4), seq)

    assert held(one) == ([8, 9, 10, 11], 7)


async def test_beyond_the_bound_for_all_the_longest_silent_rooms_keep_no_message(one, house, alice):
    one.rooms.holdings = Holdings(total_bytes=1_000)
    for name in ("silent", "loud"):
        await house.with_members("alice", room_id=name)
    one.rooms.holdings.hear(message(2, 400, RoomId("silent")), 2)
    one.rooms.holdings.hear(message(2, 400, RoomId("loud")), 2)

    one.rooms.holdings.hear(message(3, 400, RoomId("loud")), 3)

    assert held(one, RoomId("silent")) == ([], 2)
    assert held(one, RoomId("loud")) == ([2, 3], 0)


@pytest.mark.parametrize("is_heard_first", [False, True])
async def test_a_message_heard_before_or_after_it_was_taken_here_is_held_once(
    one, alice, is_heard_first
):
    said, sender = message(2), Identity("alice's")
    if is_heard_first:
        one.rooms.holdings.hear(said, 2)
    one.rooms.holdings.append(said, sender)
    one.rooms.holdings.append(said, None)  # a repeat
    one.rooms.holdings.hear(said, 2)

    (only,) = one.rooms.holdings.seed(TEA_ROOM).messages.values()
    assert (only.event, only.sender) == (said, sender)


async def test_who_sent_what_was_taken_here_is_known(one, alice):
    await alice.say()

    (only,) = one.rooms.holdings.seed(TEA_ROOM).messages.values()
    assert only.sender == "identity-1.1"


@pytest.mark.parametrize("way_out", ["leave", "lose", "expire"])
async def test_nothing_is_held_of_a_room_in_which_nobody_is_connected_here(
    one, house, alice, way_out
):
    await alice.say()
    if way_out == "expire":
        one.rooms.holdings.hear(RoomExpired(room_id=TEA_ROOM, idle_limit_ms=1), 9)
    else:
        await getattr(alice, way_out)()

    assert one.rooms.holdings.rooms() == ()
    assert one.rooms.holdings.seed(TEA_ROOM) is None


async def test_a_member_is_held_as_long_as_one_of_its_tabs_is_here(one, house, alice):
    tab = alice.elsewhere()
    await tab.join(token=alice.token)
    await alice.lose()

    (member,) = one.rooms.holdings.seed(TEA_ROOM).members.values()
    assert member.connections == {tab.connection_id: True}
    assert member.token_hash == alice.token


# --- what was said before anybody here came in ---


async def test_who_comes_in_first_has_the_newest_messages_held_and_those_that_come_meanwhile(
    one, clock
):
    house = House(one.rooms, structs.replace(POLICY, history_messages=50), clock)
    (alice,) = await house.with_members("alice")
    for _ in range(30):
        await alice.say()
    async with process(shared_redis(), "node-b") as other:
        await house.next_door(other.rooms).guest("bob").join()
        other.rooms.holdings.hear(message(33), 40)

        assert held(other) == ([*range(12, 32), 33], 11)
        seed = other.rooms.holdings.seed(TEA_ROOM)
        assert seed
        assert {held.sender for held in seed.messages.values()} == {"identity-1.1", None}


async def test_no_more_bytes_are_recalled_than_fit(one, house, alice):
    for _ in range(5):
        await alice.say("x" * (holdings.RECALLED_BYTES // 3))
    async with process(shared_redis(), "node-b") as other:
        await house.next_door(other.rooms).guest("bob").join()

        assert held(other) == ([5, 6], 4)


async def test_what_is_recalled_comes_before_what_was_heard_meanwhile_and_counts(one, alice):
    await alice.say("x" * 10)  # seq 2
    seed = one.rooms.holdings.seed(TEA_ROOM)
    seed.floor_seq = seed.seq
    seed.messages.clear()
    seed.held_bytes = one.rooms.holdings._held_bytes = 0
    one.rooms.holdings.hear(message(4), 9)

    older = [(message(seq), Identity("alice's")) for seq in (2, 3, 4)]
    one.rooms.holdings.recall(TEA_ROOM, 2, 1, older)

    assert held(one) == ([2, 3, 4], 1)
    assert seed.held_bytes == one.rooms.holdings._held_bytes == 30
    one.rooms.holdings.recall(TEA_ROOM, 2, 0, older)  # it is not what it was at that join any more
    assert held(one) == ([2, 3, 4], 1)
