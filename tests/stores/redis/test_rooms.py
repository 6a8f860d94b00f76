"""RedisRooms: what holds between processes, and when Redis or a process is away."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from msgspec import structs

from server.core.errors import Code
from server.core.events import (
    LeaveReason,
    MemberJoined,
    MemberLeft,
    MembersChanged,
    MessageSent,
    RoomEvent,
)
from server.core.ids import RoomId
from tests.redis_servers import running_redis, shared_old_redis, shared_redis
from tests.servers import until
from tests.stores.guests import (
    POLICY,
    TEA_ROOM,
    Guest,
    House,
    of_kind,
    refusal,
    texts,
    user_ids,
)
from tests.stores.redis.processes import listening, process

LARGE = structs.replace(POLICY, capacity=200, history_messages=1_000)


@pytest.fixture(params=[shared_redis, shared_old_redis], ids=["redis", "redis-6.2"])
def redis_server(request):
    server = request.param()
    with server.client() as client:
        client.flushall()
    return server


@pytest.fixture
async def open_processes(redis_server):
    """Opens two processes, with bounds of their own."""
    async with AsyncExitStack() as opened:

        async def open_two(**bounds):
            opening = [process(redis_server, node, **bounds) for node in ("node-a", "node-b")]
            return [await opened.enter_async_context(one) for one in opening]

        yield open_two


@pytest.fixture
async def processes(open_processes):
    return await open_processes()


@pytest.fixture
def houses(processes, clock):
    """The doors of the two processes to the same rooms."""
    here, there = processes
    house = House(here.rooms, LARGE, clock)
    return house, house.next_door(there.rooms)


@pytest.fixture
async def alice(houses):
    (one,) = await houses[0].with_members("alice")
    return one


@pytest.fixture
async def bob(houses, alice):
    """A member by the other process."""
    one = houses[1].guest("bob")
    await one.join()
    return one


async def come_back(guest, house):
    """The same connection on a new line, which is of another process."""
    taken = guest.elsewhere(house=house)
    taken.connection_id, taken.token = guest.connection_id, guest.token
    assert not (await taken.join(token=guest.token, is_return=True)).is_new
    return taken


# --- two processes at once ---


async def test_of_a_thousand_who_join_at_once_by_two_processes_as_many_come_in_as_there_are_places(
    houses,
):
    await houses[0].reserve()
    guests = [houses[number % 2].guest(f"guest-{number}") for number in range(1_000)]

    refusals = await asyncio.gather(*(refusal(guest.join()) for guest in guests))

    inside = [guest for guest, code in zip(guests, refusals, strict=True) if code is None]
    assert len(inside) == LARGE.capacity
    assert refusals.count(Code.ROOM_FULL) == 1_000 - LARGE.capacity
    assert len(await inside[0].members()) == LARGE.capacity
    assert (await houses[1].rooms.totals()).members == LARGE.capacity


async def test_one_connection_that_joins_many_rooms_at_once_is_in_no_more_than_it_may(
    open_processes, clock
):
    (here, _) = await open_processes(rooms_per_connection=4)
    house = House(here.rooms, POLICY, clock)
    tabs = [house.guest("alice", f"room-{number}") for number in range(20)]
    for tab in tabs:
        tab.connection_id = tabs[0].connection_id

    refusals = await asyncio.gather(*(refusal(tab.join(as_creator=True)) for tab in tabs))

    assert sorted(refusals, key=str) == [Code.TOO_MANY_ROOMS] * 16 + [None] * 4
    assert len(await tabs[0].rooms()) == 4


async def test_an_id_that_two_tabs_of_a_member_send_at_once_stands_once(houses, alice, processes):
    tab = alice.elsewhere(house=houses[1])
    await tab.join(token=alice.token)
    place = processes[0].attachments.take(alice.connection_id, TEA_ROOM)

    sent = await asyncio.gather(
        *(guest.say("hello", message_id="m-1") for guest in (alice, tab) * 10)
    )

    assert sorted(appended.is_repeat for appended in sent) == [False] + [True] * 19
    assert texts(await tab.join()) == ["hello"]
    assert len([event for _, event in await processes[1].missed(place)]) == 1


async def test_the_log_has_the_order_of_the_sequence_whoever_acts(houses, processes, alice, bob):
    place = processes[0].attachments.take(alice.connection_id, TEA_ROOM)
    crowd = [houses[number % 2].guest(f"guest-{number}") for number in range(40)]

    async def visit(guest):
        await guest.join()
        await guest.say()
        await guest.leave()

    await asyncio.gather(*map(visit, crowd), *(alice.say() for _ in range(20)))

    events = await processes[1].missed(place)
    counted = [e.seq for _, e in events if isinstance(e, MemberJoined | MessageSent | MemberLeft)]
    newest = (await alice.join()).seq
    assert counted == list(range(2, newest + 1))
    assert [at for at, _ in events] == sorted(at for at, _ in events)


async def test_what_is_published_has_the_places_and_the_order_of_the_log(
    houses, processes, alice, redis_server
):
    place = processes[0].attachments.take(alice.connection_id, TEA_ROOM)
    told: list[tuple[int, RoomEvent]] = []
    async with listening(processes[0].link, TEA_ROOM, told):
        bob = houses[1].guest("bob")
        await bob.join(public_key="bob's key")
        await alice.say("hello", to="bob")
        await bob.save_key("new key", "Robert")
        await alice.remove("bob")
        logged = await processes[1].missed(place)
        await until(lambda: told and told[-1][0] == logged[-1][0])

    # The log has the present list of members only, where the last one was told.
    changes = [at for at, event in told if isinstance(event, MembersChanged)]
    assert [one for one in told if one[0] not in changes[:-1]] == logged


# --- connections of several processes ---


async def test_members_by_two_processes_see_one_room(houses, alice, bob):
    assert user_ids(await alice.members()) == user_ids(await bob.members()) == ["alice", "bob"]
    await bob.say("hello")
    assert (await alice.say()).event.seq == 4
    await bob.leave()
    assert user_ids(await alice.members()) == ["alice"]


async def test_who_was_removed_by_another_process_is_in_no_room_and_may_join_others(
    open_processes, clock
):
    here, there = await open_processes(rooms_per_connection=1)
    house = House(here.rooms, POLICY, clock)
    (alice,) = await house.with_members("alice")
    bob = house.next_door(there.rooms).guest("bob")
    await bob.join()
    await alice.remove("bob")

    bob.room_id = RoomId("coffee-room")
    assert await refusal(bob.join(as_creator=True)) is None
    assert await bob.rooms() == {"coffee-room"}


async def test_the_connections_of_a_process_that_is_gone_are_lost_some_at_a_time(
    houses, processes, alice, clock
):
    crowd = [houses[1].guest(f"guest-{number}", f"room-{number % 4}") for number in range(10)]
    for guest in crowd:
        await guest.join(as_creator=True)
    lose_node = processes[0].rooms.lose_node

    counts = [await lose_node("node-b", clock.now_ms(), 4) for _ in range(4)]

    assert counts == [4, 4, 2, 0]
    clock.advance(ms=POLICY.grace_ms)
    left = of_kind(MemberLeft, await houses[0].expire_lost())
    assert sorted(event.user_id for event in left) == sorted(guest.user_id for guest in crowd)
    assert {event.reason for event in left} == {LeaveReason.LOST}
    assert user_ids(await alice.members()) == ["alice"]


async def test_a_connection_that_another_process_has_taken_over_is_not_lost_by_the_former(
    houses, processes, alice, bob, clock
):
    taken = await come_back(alice, houses[1])

    assert await processes[1].rooms.lose_node("node-a", clock.now_ms(), 10) == 0
    await alice.lose()
    clock.advance(ms=POLICY.grace_ms)

    assert await houses[1].expire_lost() == ()
    assert await taken.rooms() == {TEA_ROOM}
    assert await alice.rooms() == set()
    assert (await taken.say()).event.sender == "alice"


ACTS = {
    "append": lambda guest: guest.say(message_id="m-1"),
    "members": Guest.members,
    "save_key": lambda guest: guest.save_key("new key", "Alicia"),
    "recipient": lambda guest: guest.recipient("bob"),
    "touch": Guest.type,
    "lock": Guest.lock,
    "remove": lambda guest: guest.remove("bob"),
    "leave": Guest.leave,
    "join": lambda guest: guest.join(token=guest.token, name="Alicia"),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
async def test_of_a_connection_that_has_come_back_to_another_process_the_former_does_nothing(
    houses, alice, bob, act
):
    taken = await come_back(alice, houses[1])
    before = await taken.members()

    assert await refusal(act(alice)) is Code.NOT_A_MEMBER

    assert await taken.members() == before
    assert await taken.rooms() == {TEA_ROOM}
    assert await refusal(act(taken)) is None


async def test_a_connection_may_come_back_to_the_process_that_it_came_from(houses, alice, bob):
    taken = await come_back(alice, houses[1])

    again = await come_back(taken, houses[0])

    assert await refusal(taken.say()) is Code.NOT_A_MEMBER
    assert (await again.say()).event.sender == "alice"


async def test_what_one_process_has_made_due_the_others_find_when_it_is_gone(houses, bob, clock):
    await houses[0].expire_lost()
    await bob.lose()
    clock.advance(seconds=10)

    (left,) = of_kind(MemberLeft, await houses[0].expire_lost())

    assert left.user_id == "bob"
    clock.advance(minutes=30)
    assert len(await houses[0].expire_idle()) == 1


async def test_who_is_lost_while_its_shard_is_asked_leaves_when_its_grace_is_over(
    houses, bob, clock, processes
):
    await houses[1].expire_lost()  # from here on for ten seconds what is expected alone is asked
    link, asked = processes[1].link, asyncio.Event()
    run = link.run

    async def run_later(*arguments):
        await asked.wait()
        return await run(*arguments)

    link.run = run_later
    losing = asyncio.create_task(bob.lose())
    await asyncio.sleep(0)
    link.run = run
    await houses[1].expire_lost()
    asked.set()
    await losing
    clock.advance(seconds=3)

    (left,) = of_kind(MemberLeft, await houses[1].expire_lost())

    assert left.user_id == "bob"


async def test_whoever_asks_for_what_is_due_while_another_does_has_it_too(houses, bob, clock):
    await bob.lose()
    looking = asyncio.create_task(houses[0].expire_lost())
    await asyncio.sleep(0)
    clock.advance(seconds=3)

    (left,) = of_kind(MemberLeft, await houses[0].expire_lost())

    assert left.user_id == "bob"
    assert await looking == ()


async def test_what_is_due_is_taken_away_by_one_of_two_processes(houses, alice, clock):
    for number in range(30):
        await houses[number % 2].with_members("zoe", "adam", room_id=f"room-{number}")
    clock.advance(minutes=30)

    first, second = await asyncio.gather(*(house.expire_idle() for house in houses))

    ended = sorted(event.room_id for event in (*first, *second))
    assert ended == sorted([TEA_ROOM, *(f"room-{number}" for number in range(30))])
    assert (await houses[0].rooms.totals()).rooms == 0


async def test_nothing_is_left_in_redis_of_a_room_that_ended_but_the_books(
    houses, alice, bob, clock, redis_server
):
    await alice.say("psst", to="bob")
    await bob.lose()
    clock.advance(minutes=30)
    await houses[0].expire_lost()
    await houses[0].expire_idle()

    with redis_server.client() as client:
        left = {key.decode().partition("}")[2] for key in client.scan_iter()}
    assert left == {"books", "leases"}


# --- Redis is away ---


async def test_a_join_of_which_no_answer_came_is_lost_with_its_connection(clock):
    with running_redis() as server:
        async with process(server, timeout_s=0.2) as one:
            house = House(one.rooms, POLICY, clock)
            (alice,) = await house.with_members("alice")
            bob = house.guest("bob")
            server.pause()
            assert await refusal(bob.join()) is Code.UNAVAILABLE
            assert await refusal(bob.lose()) is Code.UNAVAILABLE
            server.go_on()
            one.link.is_up = True  # as the heartbeat would find out
            assert user_ids(await alice.members()) == ["alice", "bob"], "it has run after all"

            await bob.lose()
            clock.advance(ms=POLICY.grace_ms)

            (left,) = of_kind(MemberLeft, await house.expire_lost())
            assert left.user_id == "bob"


async def test_a_message_sent_again_since_no_answer_came_stands_once(clock):
    with running_redis() as server:
        async with process(server, timeout_s=0.2) as one:
            (alice,) = await House(one.rooms, POLICY, clock).with_members("alice")
            await alice.say("one")  # which makes the script known to Redis
            server.pause()
            assert await refusal(alice.say("hello", message_id="m-1")) is Code.UNAVAILABLE
            server.go_on()
            one.link.is_up = True  # as the heartbeat would find out

            again = await alice.say("hello", message_id="m-1")

            assert again.is_repeat
            assert again.event.seq == 3
            assert texts(await alice.join()) == ["one", "hello"]


async def test_who_is_lost_while_its_join_is_under_way_does_not_stay(clock):
    with running_redis() as server:
        async with process(server) as one:
            house = House(one.rooms, POLICY, clock)
            (alice,) = await house.with_members("alice")
            bob = house.guest("bob")
            server.pause()
            joining = asyncio.ensure_future(bob.join())
            await asyncio.sleep(0)
            losing = asyncio.ensure_future(bob.lose())
            server.go_on()
            await asyncio.gather(joining, losing)

            assert await bob.rooms() == set()
            clock.advance(ms=POLICY.grace_ms)
            await house.expire_lost()
            assert user_ids(await alice.members()) == ["alice"]
