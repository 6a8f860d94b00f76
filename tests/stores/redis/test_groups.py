"""RedisGroups: what holds between processes, and when Redis or a process is away."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

import pytest
from msgspec import structs

from server.core.errors import Code
from server.core.events import (
    ConnectionAttached,
    GroupEntered,
    LeaveReason,
    MemberJoined,
    MemberLeft,
    MembersChanged,
    MessageSent,
    RoomEvent,
)
from server.core.ids import ConnectionId
from server.core.kinds import Policy
from server.stores.redis import codec, keys
from server.stores.redis.logs import Gone, Unknown
from tests.clocks import ManualClock
from tests.redis_servers import running_redis, shared_old_redis, shared_redis
from tests.servers import until
from tests.stores.guests import of_kind, refusal
from tests.stores.redis.processes import Process, listening, process
from tests.stores.strangers import POLICY, Plaza, Stranger, ids_of, said

LARGE = structs.replace(POLICY, capacity=50, history_messages=1_000)


class Way(Plaza):
    """The way to the groups by one process."""

    def __init__(self, process: Process, policy: Policy, clock: ManualClock) -> None:
        super().__init__(process.groups, policy, clock)
        self.process = process


@pytest.fixture(params=[shared_redis, shared_old_redis], ids=["redis", "redis-6.2"])
def redis_server(request):
    server = request.param()
    with server.client() as client:
        client.flushall()
    return server


@pytest.fixture
async def open_plazas(redis_server, clock):
    """Opens two processes, and the ways by each of them to the same groups."""
    async with AsyncExitStack() as opened:

        async def open_two(policy=POLICY, **bounds):
            opening = [
                process(redis_server, node, policy=policy, **bounds)
                for node in ("node-a", "node-b")
            ]
            processes = [await opened.enter_async_context(one) for one in opening]
            plazas = [Way(one, policy, clock) for one in processes]
            plazas[1].numbers = plazas[0].numbers
            return plazas

        yield open_two


@pytest.fixture
async def plazas(open_plazas):
    return await open_plazas()


def there(stranger: Stranger, plaza: Plaza) -> Stranger:
    """The same user in another tab, by another process."""
    return plaza.stranger(stranger.user_id)


async def logged_since(plaza, stranger):
    """What the group's log has after the place from which on a connection hears."""
    room_id = await stranger.group_id()
    place = plaza.process.attachments.take(stranger.connection_id, room_id)
    return [event for _, event in await plaza.process.missed(place, room_id)]


# --- two processes at once ---


async def test_of_a_thousand_who_join_at_once_by_two_processes_each_comes_into_one_group(plazas):
    crowd = [plazas[number % 2].stranger(f"user-{number}") for number in range(1_000)]

    # More at once would miss their turn on a slow machine, and be told to come again.
    few = asyncio.Semaphore(250)

    async def join(one):
        async with few:
            return await one.join()

    matches = await asyncio.gather(*map(join, crowd))

    groups = {m.group.room_id: m.group for m in matches}
    places = Counter(m.group.room_id for m in matches)
    assert max(places.values()) <= POLICY.capacity
    assert len(places) == 1_000 / POLICY.capacity
    found = {room_id: await ids_of(next(o for o in crowd if o.user_id == g.members[0].user_id))
             for room_id, g in groups.items()}  # fmt: skip
    everybody = [user_id for ids in found.values() for user_id in ids]
    assert sorted(everybody) == sorted(one.user_id for one in crowd)
    for room_id in groups:
        epochs = sorted(m.group.epoch for m in matches if m.group.room_id == room_id)
        assert epochs == list(range(1, POLICY.capacity + 1))
    totals = await plazas[0].totals()
    assert (totals.groups, totals.members, totals.users) == (200, 1_000, 1_000)


async def test_nobody_is_in_two_groups_however_often_they_move_at_once_in_two_tabs(plazas):
    crowd = [plazas[0].stranger(f"user-{number}") for number in range(40)]
    tabs = [there(one, plazas[1]) for one in crowd]
    await asyncio.gather(*(one.join() for one in (*crowd, *tabs)))

    for _ in range(5):
        await asyncio.gather(*(one.move_on() for one in (*crowd, *tabs)))

    found = [await one.group() for one in crowd]
    groups = {group.room_id: group for group in found}
    members = [member.user_id for group in groups.values() for member in group.members]
    assert sorted(members) == sorted(one.user_id for one in crowd)
    totals = await plazas[1].totals()
    assert (totals.groups, totals.members) == (len(groups), 40)


async def test_the_log_has_the_order_of_the_sequence_and_of_the_epochs_whoever_acts(open_plazas):
    here, beyond = await open_plazas(LARGE)
    (alice,) = await here.arrive("alice")
    crowd = [(here, beyond)[number % 2].stranger(f"user-{number}") for number in range(40)]

    async def visit(one):
        await one.join()
        await one.say()
        await one.join("another key")
        await one.leave()

    await asyncio.gather(*map(visit, crowd), *(alice.say() for _ in range(20)))

    events = await logged_since(here, alice)
    numbered = [e.seq for e in events if isinstance(e, MemberJoined | MessageSent | MemberLeft)]
    changes = [e for e in events if isinstance(e, MembersChanged)]
    group = await alice.group()
    assert numbered == sorted(numbered)
    assert group.seq - 1 == len(numbered) + len(crowd), "a new key takes a place, too"
    assert [e.epoch for e in changes] == list(range(2, group.epoch + 1))
    assert changes[-1].members == group.members
    assert max(len(e.members) for e in changes) > 2


async def test_what_is_published_is_what_the_log_has(plazas, redis_server):
    (alice,) = await plazas[0].arrive("alice")
    room_id = await alice.group_id()
    place = plazas[0].process.attachments.take(alice.connection_id, room_id)
    told: list[tuple[int, RoomEvent]] = []
    async with listening(plazas[0].process.link, room_id, told):
        (bob,) = await plazas[1].arrive("bob")
        await alice.say({"ct": b"\x00"}, to="bob")
        await bob.join("new key")
        await bob.leave()
        logged = await plazas[1].process.missed(place, room_id)
        await until(lambda: told and told[-1][0] == logged[-1][0])

    assert told == logged
    assert [at for at, _ in logged] == list(range(place + 1, place + len(logged) + 1))


async def test_who_has_missed_a_message_that_has_left_the_history_is_told_so(plazas):
    (alice,) = await plazas[0].arrive("alice")
    room_id = await alice.group_id()
    place = plazas[0].process.attachments.take(alice.connection_id, room_id)
    for _ in range(POLICY.history_messages + 1):
        await alice.say()

    assert isinstance(await plazas[1].process.missed(place, room_id), Unknown)
    assert len(await plazas[1].process.missed(place + 1, room_id)) == POLICY.history_messages
    await alice.leave()
    assert isinstance(await plazas[1].process.missed(place, room_id), Gone)


async def test_there_are_never_more_users_or_groups_than_there_may_be(open_plazas):
    plazas = await open_plazas(users=30, groups=4)
    crowd = [plazas[number % 2].stranger(f"user-{number}") for number in range(200)]

    refusals = await asyncio.gather(*(refusal(one.join()) for one in crowd))

    assert refusals.count(None) == 4 * POLICY.capacity
    assert set(refusals) == {None, Code.SERVER_FULL}
    assert (await plazas[0].totals()).users <= 30


async def test_two_processes_hold_no_more_bytes_than_there_may_be(open_plazas):
    plazas = await open_plazas(LARGE, total_bytes=60_000)
    (alice,), (bob,) = [
        await one.arrive(user) for one, user in zip(plazas, ["a", "b"], strict=True)
    ]

    for size in (3_000, 300, 3):
        sending = (one.say("x" * size) for one in (alice, bob) * 20)
        assert Code.SERVER_FULL in await asyncio.gather(*map(refusal, sending))

    assert 57_000 < await plazas[1].held_bytes() <= 60_000


async def test_an_id_that_two_tabs_of_a_member_send_at_once_stands_once(plazas):
    (alice,) = await plazas[0].arrive("alice")
    tab = there(alice, plazas[1])

    sent = await asyncio.gather(*(one.say("hi", message_id="m-1") for one in (alice, tab) * 10))

    assert sorted(appended.is_repeat for appended in sent) == [False] + [True] * 19
    assert said(await tab.read()) == ["hi"]


async def test_who_is_due_is_taken_away_by_one_of_two_processes(plazas, clock):
    crowd = await plazas[0].arrive(*(f"user-{number}" for number in range(100)))
    lost = [one for one in crowd if (await ids_of(one))[0] != one.user_id]
    for one in lost:
        await one.lose()
    clock.advance(ms=POLICY.grace_ms)

    left = await asyncio.gather(*(one.expire_lost() for one in plazas))
    clock.advance(ms=POLICY.idle_limit_ms)
    ended = await asyncio.gather(*(one.expire_idle() for one in plazas))

    gone = [event.user_id for event in of_kind(MemberLeft, (*left[0], *left[1]))]
    assert sorted(gone) == sorted(one.user_id for one in lost)
    assert len({event.room_id for event in (*ended[0], *ended[1])}) == 20
    assert len(ended[0]) + len(ended[1]) == 20
    totals = await plazas[0].totals()
    assert (totals.groups, totals.members) == (0, 0)


async def test_nothing_is_left_in_redis_when_all_has_been_forgotten_but_the_books(
    plazas, clock, redis_server
):
    alice, bob, _ = await plazas[0].arrive("alice", "bob", "carol")
    tab = there(alice, plazas[1])
    await tab.connect()
    await alice.say("psst", to="bob")
    for _ in range(POLICY.history_messages + 1):
        await bob.say()
    await bob.report("carol")
    await bob.block("erin")
    await bob.leave()
    await alice.report("bob")
    await alice.move_on()
    for node in ("node-a", "node-b"):
        await plazas[0].groups.lose_node(node, clock.now_ms(), clock.now_ms(), 10)
    await plazas[0].expire_lost()
    clock.advance(ms=40 * 24 * 60 * 60_000)
    await plazas[0].expire_idle()

    assert await plazas[0].held_bytes() == 0
    with redis_server.client() as client:
        left = {key.decode().partition("}")[2] for key in client.scan_iter()}
    assert left == {"books", "leases"}


# --- connections of several processes ---


async def node_messages(link, node, act):
    """What a process is told of its own connections while something is done."""
    async with link.client.pubsub() as ear:
        await ear.subscribe(keys.node_channel(node))
        await act()
        await link.client.publish(keys.node_channel(node), codec.pack("the end"))
        found = []
        async for message in ear.listen():
            if message["type"] == "message":
                found.append(codec.unpack(message["data"]))
            if found and found[-1] == "the end":
                break
        return found[:-1]


async def test_a_tab_by_another_process_is_told_there_into_which_group_it_came(plazas):
    here, beyond = plazas
    alice = here.stranger("alice")
    tab = there(alice, beyond)
    await alice.connect()
    await tab.connect()
    matched = []

    async def join():
        matched.append(await alice.join())

    ((room_id, place, event),) = await node_messages(here.process.link, "node-b", join)

    assert of_kind(ConnectionAttached, matched[0].events)[-1].connection_id == alice.connection_id
    assert len(of_kind(ConnectionAttached, matched[0].events)) == 1
    entered = codec.event_of(room_id, event)
    assert isinstance(entered, GroupEntered)
    assert (entered.connection_id, entered.group) == (tab.connection_id, matched[0].group)
    assert here.process.attachments.take(alice.connection_id, room_id) == place
    assert await beyond.process.missed(place, room_id) == []


async def test_one_leaves_with_the_tabs_of_all_processes(plazas):
    (alice,) = await plazas[0].arrive("alice")
    tab = there(alice, plazas[1])
    (entered,) = await tab.connect()
    assert isinstance(entered, GroupEntered)
    place = plazas[1].process.attachments.take(tab.connection_id, entered.room_id)
    assert await plazas[0].process.missed(place, entered.room_id) == []

    events = await tab.leave()

    detached = [event.connection_id for event in events if hasattr(event, "connection_id")]
    assert detached == [alice.connection_id, tab.connection_id]
    assert await alice.group_id() is None


async def test_who_has_a_tab_by_another_process_is_not_lost_with_its_own(plazas, clock):
    alice, bob = await plazas[0].arrive("alice", "bob")
    tab = there(bob, plazas[1])
    await tab.connect()
    await bob.lose()
    clock.advance(minutes=5)

    assert await plazas[0].expire_lost() == ()
    await tab.lose()
    clock.advance(ms=POLICY.grace_ms)
    assert len(await plazas[0].expire_lost()) == 2
    assert await ids_of(alice) == ["alice"]


async def test_the_connections_of_a_process_that_is_gone_are_lost_some_at_a_time(plazas, clock):
    crowd = await plazas[1].arrive(*(f"user-{number}" for number in range(9)))
    (alice,) = await plazas[0].arrive("alice")
    kept = there(crowd[0], plazas[0])
    await kept.connect()
    now_ms, groups = clock.now_ms(), plazas[0].groups

    counts = [
        await groups.lose_node("node-b", now_ms, now_ms + POLICY.grace_ms, 4) for _ in range(4)
    ]

    assert counts == [4, 4, 1, 0]
    assert await plazas[0].expire_lost() == ()
    clock.advance(ms=POLICY.grace_ms)
    left = of_kind(MemberLeft, await plazas[0].expire_lost())
    assert sorted(event.user_id for event in left) == [one.user_id for one in crowd[1:]]
    assert {event.reason for event in left} == {LeaveReason.LOST}
    assert await ids_of(alice) == ["alice"]
    assert await ids_of(kept) == [kept.user_id]


async def test_a_connection_that_another_process_has_taken_over_is_not_lost_by_the_former(
    plazas, clock
):
    alice, _ = await plazas[0].arrive("alice", "bob")
    taken = there(alice, plazas[1])
    taken.connection_id = alice.connection_id
    (entered,) = await taken.connect()

    assert not await alice.lose()
    await plazas[1].groups.lose_node("node-a", clock.now_ms(), clock.now_ms(), 10)
    clock.advance(ms=POLICY.grace_ms)

    assert isinstance(entered, GroupEntered)
    left = of_kind(MemberLeft, await plazas[1].expire_lost())
    assert [event.user_id for event in left] == ["bob"]
    assert await taken.lose()
    assert await taken.lose()  # again
    clock.advance(ms=POLICY.grace_ms)
    assert len(await plazas[0].expire_lost()) == 2


ACTS = {
    "append": lambda stranger: stranger.say(message_id="m-1"),
    "match": lambda stranger: stranger.join("a new key"),
    "move": Stranger.move_on,
    "leave": Stranger.leave,
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
async def test_of_a_connection_that_has_come_back_to_another_process_the_former_does_nothing(
    plazas, act
):
    alice, _ = await plazas[0].arrive("alice", "bob")
    taken = there(alice, plazas[1])
    taken.connection_id = alice.connection_id
    await taken.connect()
    before = await taken.group()

    assert await refusal(act(alice)) is Code.NOT_FOUND

    assert await taken.group() == before
    assert await refusal(act(taken)) is None


async def test_what_a_user_sends_without_a_connection_is_refused_for_none(plazas):
    alice, bob = await plazas[0].arrive("alice", "bob")
    taken = there(alice, plazas[1])
    taken.connection_id = alice.connection_id
    await taken.connect()

    assert (await alice.join("a new key", over_http=True)).is_new is False
    assert (await bob.say()).event.sender == "bob"


async def test_a_process_that_brings_back_its_connections_leaves_those_that_others_have_now(
    plazas, clock
):
    alice, _ = await plazas[0].arrive("alice", "bob")
    taken = there(alice, plazas[1])
    taken.connection_id = alice.connection_id
    await taken.connect()

    assert await plazas[0].groups.restore(clock.now_ms(), clock.now_ms()) == ()

    assert await refusal(alice.say()) is Code.NOT_FOUND
    assert await refusal(taken.say()) is None


async def test_a_connection_that_speaks_for_another_user_now_is_no_longer_the_formers(
    plazas, clock
):
    (alice,) = await plazas[0].arrive("alice")
    bob = plazas[1].stranger("bob")
    bob.connection_id = ConnectionId(alice.connection_id)
    await bob.connect()

    await plazas[0].expire_lost()

    assert await alice.group_id() is None
    await bob.lose()
    assert (await plazas[0].totals()).users == 1, "Alice, for her key"


# --- Redis has lost what it had ---


async def test_who_was_connected_before_redis_forgot_everything_hears_of_the_next_group(
    plazas, clock, redis_server
):
    alice, _ = await plazas[0].arrive("alice", "bob")
    gone = alice.elsewhere()
    await gone.connect()
    await gone.lose()
    with redis_server.client() as client:
        client.flushall()

    assert await plazas[0].groups.restore(clock.now_ms(), clock.now_ms()) == ()

    attached = of_kind(ConnectionAttached, (await alice.join()).events)
    assert [one.connection_id for one in attached] == [alice.connection_id]
    clock.advance(minutes=5)
    assert await plazas[0].expire_lost() == ()
    assert await ids_of(alice) == ["alice"]
    assert (await plazas[0].totals()).users == 2, "Bob is there, too"


async def test_what_an_older_redis_knows_of_connections_is_set_right(plazas, clock, redis_server):
    alice, bob = await plazas[0].arrive("alice", "bob")
    process, tab = plazas[0].process, alice.elsewhere()
    with redis_server.client() as client:
        before = {key: client.dump(key) for key in client.scan_iter()}
        await tab.connect()
        await bob.lose()
        client.flushall()
        for key, value in before.items():
            client.restore(key, 0, value)

    (entered,) = await process.groups.restore(clock.now_ms(), clock.now_ms())
    left, _ = await plazas[0].expire_lost()

    assert (entered.connection_id, left.user_id) == (tab.connection_id, "bob")
    assert process.attachments.take(tab.connection_id, entered.room_id)
    assert await ids_of(alice) == ["alice"]


async def test_where_there_is_no_place_for_all_again_the_others_are_noted(
    open_plazas, clock, redis_server
):
    here, beyond = await open_plazas(users=3)
    await here.arrive("alice", "bob", "carol")
    with redis_server.client() as client:
        client.flushall()
    await beyond.stranger("dave").connect()

    await here.groups.restore(clock.now_ms(), clock.now_ms())

    assert (await here.totals()).users == 3
    assert await here.groups.lose_node("node-a", clock.now_ms(), clock.now_ms(), 10) == 2


# --- Redis is away ---


async def test_a_match_asked_for_again_since_no_answer_came_answers_as_the_first(clock):
    with running_redis() as server:
        async with process(server, timeout_s=0.2) as one:
            plaza = Plaza(one.groups, POLICY, clock)
            await plaza.arrive("bob")
            alice = plaza.stranger("alice")
            tab = alice.elsewhere()
            for each in (alice, tab):
                await each.connect()
            server.pause()
            assert await refusal(alice.join()) is Code.UNAVAILABLE
            server.go_on()
            one.link.is_up = True  # as the heartbeat would find out
            assert await ids_of(alice) == ["bob", "alice"], "it has run after all"

            again = await alice.join()

            assert again.is_new
            (entered,) = of_kind(GroupEntered, again.events)
            assert of_kind(ConnectionAttached, again.events)[0].connection_id == alice.connection_id
            assert entered.group == again.group == await alice.group()
            assert one.attachments.take(tab.connection_id, again.group.room_id)
            assert (await alice.join()).events == ()


async def test_a_message_sent_again_since_no_answer_came_stands_once(clock):
    with running_redis() as server:
        async with process(server, timeout_s=0.2) as one:
            (alice,) = await Plaza(one.groups, POLICY, clock).arrive("alice")
            await alice.say("one")  # which makes the script known to Redis
            room_id = await alice.group_id()
            server.pause()
            sending = alice.say("hello", message_id="m-1", room_id=room_id)
            assert await refusal(sending) is Code.UNAVAILABLE
            server.go_on()
            one.link.is_up = True  # as the heartbeat would find out

            again = await alice.say("hello", message_id="m-1")

            assert again.is_repeat
            assert again.event.seq == 3
            assert said(await alice.read()) == ["one", "hello"]


async def test_who_is_lost_while_it_is_noted_does_not_stay(plazas):
    alice, bob = plazas[0].stranger("alice"), plazas[0].stranger("bob")
    await alice.connect()
    # Noting takes two ways from now on, and losing one: the script of the one is not known.
    await plazas[0].process.link.client.script_flush()
    await asyncio.gather(*(plazas[0].stranger("nobody").lose() for _ in range(2)))

    await asyncio.gather(bob.connect(), bob.lose())

    assert (await plazas[0].totals()).users == 1


async def test_who_was_noted_without_an_answer_does_not_stay_when_it_is_gone(clock):
    with running_redis() as server:
        async with process(server, timeout_s=0.2) as one:
            plaza = Plaza(one.groups, POLICY, clock)
            await plaza.arrive("alice")
            bob = plaza.stranger("bob")
            server.pause()
            assert await refusal(bob.connect()) is Code.UNAVAILABLE
            assert await refusal(bob.lose()) is Code.UNAVAILABLE
            server.go_on()
            one.link.is_up = True  # as the heartbeat would find out
            assert (await plaza.totals()).users == 2, "it has run after all"

            await bob.lose()

            assert (await plaza.totals()).users == 1
