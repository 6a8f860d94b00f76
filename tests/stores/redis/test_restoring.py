"""RedisRooms: when Redis came back empty, or as it was before, processes bring what they know."""

import itertools
import random
from contextlib import AsyncExitStack

import pytest
from msgspec import structs

from server.core.errors import Code
from server.core.events import ConnectionDetached, EventsLost, MembersChanged, RoomLocked
from server.core.ids import ConnectionId, RoomId
from server.core.limits import Bounds
from server.core.ports import RoomTotals
from server.stores.redis.holdings import RECALLED_BYTES
from server.stores.redis.leases import Leases
from server.stores.redis.logs import Gone, Unknown
from server.stores.redis.rooms import RedisRooms
from tests.redis_servers import shared_redis
from tests.stores.guests import POLICY, TEA_ROOM, House, refusal, texts, user_ids
from tests.stores.redis.processes import process

KEY = b"k" * 32


@pytest.fixture
def server():
    with shared_redis().client() as client:
        client.flushall()
    return shared_redis()


@pytest.fixture
async def processes(server):
    async with AsyncExitStack() as opened:
        yield [
            await opened.enter_async_context(process(server, node)) for node in ("node-a", "node-b")
        ]


@pytest.fixture
def houses(processes, clock):
    here, there = processes
    house = House(here.rooms, POLICY, clock)
    return house, house.next_door(there.rooms)


@pytest.fixture
async def alice(houses):
    """The creator, by the first process."""
    one = houses[0].guest("alice")
    await one.join(as_creator=True, key_hash=KEY, public_key={"alice's": "key"}, name="Alice")
    return one


@pytest.fixture
async def bob(houses, alice):
    """A member by the other process."""
    one = houses[1].guest("bob")
    await one.join(key_hash=KEY, public_key="bob's key")
    return one


@pytest.fixture
def hear(processes, clock):
    """Has the processes hear all that happened, as the broker would."""
    heard = [clock.now_ms()]

    async def hear_all():
        for place, event in await processes[0].missed(heard[-1]):
            heard.append(place)
            for one in processes:
                one.rooms.holdings.hear(event, place)

    return hear_all


class Backup:
    """All keys of a server as they were."""

    def __init__(self, server):
        self._server = server
        with server.client() as client:
            self._keys = {key: client.dump(key) for key in client.scan_iter()}

    def put_back(self):
        with self._server.client() as client:
            client.flushall()
            for key, held in self._keys.items():
                client.restore(key, 0, held)


def lose_all(server):
    with server.client() as client:
        client.flushall()


async def restore(clock, *processes):
    """Have these processes bring what they know; answers whom they could not bring."""
    gone: list[ConnectionId] = []
    for one in processes:
        for room_id in one.rooms.holdings.rooms():
            seed = one.rooms.holdings.seed(room_id)
            gone += await one.rooms.restore(seed, clock.now_ms())
    return gone


async def look(houses, *guests):
    """All that guests and operators can see, but for the log."""
    found = [(await one.members(), await one.join(key_hash=KEY)) for one in guests]
    rooms = houses[0].rooms
    return found, await rooms.summaries(None, 10), await rooms.totals()


# --- empty ---


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 1, 0, 1), (1, 1, 0)])
async def test_an_empty_redis_is_filled_by_all_processes_in_any_order_and_again(
    houses, processes, alice, bob, clock, server, hear, order
):
    await alice.say("hello", message_id="m-1")
    await bob.say({"iv": b"\x00\xff"}, to="alice", is_broadcast=False, message_id="m-2")
    await alice.lock()
    await bob.save_key("bob's new key", "Robert")
    for one in processes:
        one.rooms.holdings.seed(TEA_ROOM).locked = True  # which the core tells
    before = await look(houses, alice, bob)
    await hear()
    lose_all(server)

    assert await restore(clock, *(processes[number] for number in order)) == []

    assert await look(houses, alice, bob) == before
    assert (await bob.elsewhere().join(key_hash=KEY, token=bob.token)).has_proved
    assert (await alice.elsewhere().join(key_hash=KEY, token=alice.token)).is_creator
    assert await refusal(bob.elsewhere("carol").join(key_hash=KEY)) is Code.ROOM_LOCKED
    assert await refusal(bob.elsewhere("carol").join(key_hash=b"o" * 32)) is Code.INVALID_KEY


async def test_the_sequence_and_the_places_go_on_where_they_were(
    houses, processes, alice, bob, clock, server, hear
):
    sent = [(await alice.say(number)).event for number in range(3)]
    await hear()
    place = processes[1].rooms.holdings.seed(TEA_ROOM).place
    lose_all(server)

    await restore(clock, *processes)

    assert (await bob.say()).event.seq == sent[-1].seq + 1
    newest = (await processes[0].missed(place + 2))[-1]
    assert newest[0] > place
    assert isinstance(await processes[0].missed(place - 1), Unknown)


async def test_a_retry_of_what_was_sent_before_is_a_repeat_for_its_sender_alone(
    houses, processes, alice, bob, clock, server, hear
):
    await alice.say("hello", message_id="m-1")
    await bob.say("hello", message_id="m-2")
    await hear()
    lose_all(server)
    # The other process knows who sent its own, and of the first only what everybody heard.
    await restore(clock, processes[1])
    await restore(clock, processes[0])

    assert (await alice.say("hello", message_id="m-1")).is_repeat
    assert (await bob.say("hello", message_id="m-2")).is_repeat
    assert await refusal(alice.say("hello", message_id="m-2")) is Code.ID_CONFLICT
    assert await refusal(bob.say("hello", message_id="m-1")) is Code.ID_CONFLICT
    await alice.leave()
    alicia = alice.elsewhere("alicia")
    await alicia.join(key_hash=KEY, token=alice.token)
    assert (await alicia.say("hello", message_id="m-1")).is_repeat


async def test_a_message_of_whose_sender_only_the_user_id_is_known_is_a_repeat_for_that_user(
    houses, processes, alice, bob, clock, server, hear
):
    await alice.say("hello", message_id="m-1")
    await hear()
    lose_all(server)
    await restore(clock, processes[1])  # and the first process is gone

    back = houses[1].guest("alice")
    await back.join(key_hash=KEY)
    assert await refusal(bob.say("hello", message_id="m-1")) is Code.ID_CONFLICT
    assert (await back.say("hello", message_id="m-1")).is_repeat


async def test_who_was_connected_nowhere_is_not_restored(
    houses, processes, alice, bob, clock, server
):
    await bob.lose()
    lose_all(server)

    await restore(clock, *processes)

    assert user_ids(await alice.members()) == ["alice"]


async def test_who_comes_before_the_others_are_restored_is_told_of_them(
    houses, processes, alice, bob, clock, server
):
    lose_all(server)
    await restore(clock, processes[0])
    carol = houses[0].guest("carol")
    joined = await carol.join(key_hash=KEY)
    place = processes[0].attachments.take(carol.connection_id, TEA_ROOM)
    assert user_ids(joined.members) == ["alice", "carol"]

    await restore(clock, processes[1])

    ((_, told),) = await processes[0].missed(place)
    assert isinstance(told, MembersChanged)
    assert sorted(user_ids(told.members)) == ["alice", "bob", "carol"]


async def test_whose_user_id_somebody_else_has_by_now_is_not_restored_and_is_named(
    houses, processes, alice, bob, clock, server
):
    lose_all(server)
    await restore(clock, processes[0])
    impostor = houses[0].guest("bob")
    await impostor.join(key_hash=KEY)

    assert await restore(clock, processes[1]) == [bob.connection_id]

    assert await refusal(bob.say()) is Code.NOT_A_MEMBER
    assert await bob.rooms() == set()
    assert processes[1].rooms.holdings.rooms() == ()


async def test_into_another_room_of_that_id_nobody_is_restored(
    houses, processes, alice, bob, clock, server
):
    await alice.say("hello")
    lose_all(server)
    await houses[0].reserve(TEA_ROOM, b"o" * 32)

    gone = await restore(clock, *processes)

    assert sorted(gone) == sorted([alice.connection_id, bob.connection_id])
    (summary,) = await houses[0].rooms.summaries(None, 1)
    assert (summary.members, summary.messages) == (0, 0)


async def test_the_books_are_true_after_a_restoration(
    houses, processes, alice, bob, clock, server, hear
):
    for number in range(POLICY.history_messages + 5):
        await alice.say("x" * number)
        await hear()
    lose_all(server)

    await restore(clock, *processes)

    (summary,) = await houses[0].rooms.summaries(None, 2)
    totals = await houses[0].rooms.totals()
    assert totals == RoomTotals(rooms=1, members=2, held_bytes=summary.held_bytes)
    assert summary.messages == POLICY.history_messages
    clock.advance(minutes=30)
    await houses[0].expire_idle()
    assert await houses[0].rooms.totals() == RoomTotals(0, 0, 0)
    assert await processes[0].missed(0) == Gone()


async def test_who_has_seen_what_nobody_brings_is_told_that_something_is_missing(
    houses, processes, alice, clock, server, hear
):
    too_heavy = "x" * RECALLED_BYTES  # to be held by who comes later
    for number in range(5):  # 2 to 6
        await alice.say([number, too_heavy])
    bob = houses[1].guest("bob")
    await bob.join(key_hash=KEY)  # 7
    await alice.say("late")
    await hear()
    lose_all(server)

    await restore(clock, processes[1])
    first = {since: (await bob.join(key_hash=KEY, since_seq=since)) for since in (3, 7)}
    await restore(clock, processes[0])
    second = {since: (await bob.join(key_hash=KEY, since_seq=since)) for since in (1, 3)}

    assert {since: joined.truncated for since, joined in first.items()} == {3: True, 7: False}
    assert texts(first[7]) == ["late"]
    assert {since: joined.truncated for since, joined in second.items()} == {1: False, 3: False}
    assert texts(second[1]) == [*([number, too_heavy] for number in range(5)), "late"]


# --- as it was before ---


@pytest.mark.parametrize("order", list(itertools.permutations((0, 1))))
async def test_what_happened_since_is_added_to_what_an_older_redis_knows(
    houses, processes, alice, bob, clock, server, hear, order
):
    await alice.say("old", message_id="m-1")
    backup = Backup(server)
    await bob.say("new", message_id="m-2")
    await alice.save_key("alice's new key")
    carol = houses[1].guest("carol")
    await carol.join(key_hash=KEY)
    before = await look(houses, alice, bob, carol)
    await hear()
    backup.put_back()

    assert await restore(clock, *(processes[number] for number in order)) == []

    assert await look(houses, alice, bob, carol) == before
    assert texts(await carol.elsewhere().join(key_hash=KEY, token=carol.token)) == ["old", "new"]


async def test_who_was_removed_since_is_out_again_and_its_token_is_void(
    houses, processes, alice, bob, clock, server, hear
):
    carol = houses[1].guest("carol")
    await carol.join(key_hash=KEY)
    backup = Backup(server)
    await alice.remove("bob")
    await hear()
    backup.put_back()

    await restore(clock, *processes)

    assert user_ids(await carol.members()) == ["alice", "carol"]
    assert await refusal(bob.say()) is Code.NOT_A_MEMBER
    assert await refusal(bob.elsewhere().join(key_hash=KEY, token=bob.token)) is Code.ROOM_LOCKED


async def test_the_token_of_who_was_removed_since_is_void_although_it_was_out_before(
    houses, processes, alice, bob, clock, server, hear
):
    carol = houses[1].guest("carol")
    await carol.join(key_hash=KEY)
    await bob.leave()
    backup = Backup(server)
    back = bob.elsewhere()
    await back.join(key_hash=KEY, token=bob.token)
    await alice.remove("bob")
    await hear()
    backup.put_back()

    await restore(clock, *processes)

    assert await refusal(bob.elsewhere().join(key_hash=KEY, token=bob.token)) is Code.ROOM_LOCKED


async def test_who_left_since_is_not_there_again(
    houses, processes, alice, bob, clock, server, hear
):
    carol = houses[1].guest("carol")
    await carol.join(key_hash=KEY)
    backup = Backup(server)
    await bob.leave()
    backup.put_back()
    assert "bob" in user_ids(await alice.members())

    await restore(clock, *processes)

    assert user_ids(await alice.members()) == ["alice", "carol"]
    assert not (await bob.elsewhere().join(key_hash=KEY, token=bob.token)).is_new


async def test_who_left_a_room_in_which_nobody_else_is_here_is_lost_when_its_process_compares(
    houses, processes, alice, bob, clock, server
):
    backup = Backup(server)
    await bob.leave()
    backup.put_back()

    lost = [await one.rooms.reconcile_all(clock.now_ms()) for one in processes]

    assert lost == [0, 1]
    clock.advance(ms=POLICY.grace_ms)
    await houses[1].expire_lost()
    assert user_ids(await alice.members()) == ["alice"]


async def test_what_was_told_after_an_older_log_ended_is_not_known_there(
    houses, processes, alice, bob, clock, server, hear
):
    backup = Backup(server)
    await alice.say("one")
    await hear()
    place = processes[0].rooms.holdings.seed(TEA_ROOM).place
    backup.put_back()

    await restore(clock, *processes)

    assert isinstance(await processes[0].missed(place - 1), Unknown)
    # Whoever came before it was brought back has to ask anew.
    ((_, told),) = await processes[0].missed(place)
    assert told == EventsLost(room_id=TEA_ROOM)


# --- all rooms ---


async def test_all_rooms_are_brought_back_at_once_and_who_cannot_be_is_named(
    houses, processes, clock, server
):
    (here, there) = processes
    for number in range(150):
        await houses[0].with_members("alice", room_id=f"room-{number}")
    (zoe,) = await houses[1].with_members("zoe", room_id="taken")
    lose_all(server)
    await houses[0].with_members("zoe", room_id="taken")

    assert await here.rooms.restore_all(clock.now_ms()) == ()
    gone = await there.rooms.restore_all(clock.now_ms())

    assert gone == (ConnectionDetached(room_id=zoe.room_id, connection_id=zoe.connection_id),)
    totals = await houses[0].rooms.totals()
    assert (totals.rooms, totals.members) == (151, 151)


async def test_a_room_for_which_there_is_no_space_any_more_is_given_up(
    houses, processes, alice, clock, server
):
    (here, there) = processes
    await alice.save_key("k" * 5_000)
    lose_all(server)
    narrow = RedisRooms(
        there.link, there.attachments, there.node, Bounds(), Leases(there.link, Bounds(rooms=1))
    )
    await narrow.reserve(RoomId("coffee-room"), None, POLICY, clock.now_ms())
    here.rooms._leases = Leases(here.link, Bounds(rooms=1))

    (gone,) = await here.rooms.restore_all(clock.now_ms())

    assert gone.connection_id == alice.connection_id
    assert await alice.rooms() == set()


# --- joins that run late ---


async def test_a_join_that_runs_after_its_connection_was_lost_does_not_stay(
    houses, processes, alice, clock, server
):
    (here, _) = processes
    here.link.is_up = False
    bob = houses[0].guest("bob")
    assert await refusal(bob.join(key_hash=KEY)) is Code.UNAVAILABLE
    here.link.is_up = True
    await bob.lose()
    late = RedisRooms(here.link, here.attachments, here.node, here.bounds, here.leases)
    await houses[0].next_door(late).guest("bob").join(key_hash=KEY)
    assert user_ids(await alice.members()) == ["alice", "bob"]

    clock.advance(seconds=10)
    await houses[0].expire_lost()
    clock.advance(ms=POLICY.grace_ms)
    await houses[0].expire_lost()

    assert user_ids(await alice.members()) == ["alice"]


# --- in random order ---


class Bustle:
    """People who come, talk and go by two processes, by the dice."""

    def __init__(self, houses, logs, hear, seed):
        self._logs = logs
        self._houses = houses
        self._hear = hear
        self._dice = random.Random(seed)
        self._numbers = itertools.count()
        self.inside = []

    async def begin(self):
        """Two people, one by each process, so that all hear all."""
        for house in self._houses:
            await self._come(house)

    async def act(self):
        guest = self._dice.choice(self.inside)
        match self._dice.randrange(8):
            case 0 | 1:
                if len(self.inside) < POLICY.capacity:
                    await self._come(self._dice.choice(self._houses))
            case 2:
                if guest not in self.inside[:2]:
                    self.inside.remove(guest)
                    await guest.leave()
            case 3:
                if guest not in self.inside[:2]:
                    self.inside.remove(guest)
                    await self.inside[0].remove(guest.user_id)
                    await self._unlock(self.inside[0])
            case 4:
                await guest.save_key(f"key {next(self._numbers)}", self._dice.choice([None, "x"]))
            case _:
                to = self._dice.choice([None, *(one.user_id for one in self.inside)])
                await guest.say(next(self._numbers), to=to, is_broadcast=to is None)
        await self._hear()

    async def _unlock(self, guest):
        await guest.lock(False)
        unlocked = RoomLocked(room_id=guest.room_id, locked=False, locked_ms=1)
        await self._logs.publish(unlocked, is_noted=True)  # as the core does

    async def _come(self, house):
        guest = house.guest(f"guest-{next(self._numbers)}")
        await guest.join(as_creator=not self.inside, key_hash=KEY)
        self.inside.append(guest)
        await self._hear()


@pytest.mark.parametrize("seed", range(25))
async def test_whatever_happened_since_all_is_as_it_was_once_all_have_brought_what_they_know(
    houses, processes, clock, server, hear, seed
):
    bustle = Bustle(houses, processes[0].logs, hear, seed)
    await bustle.begin()
    for _ in range(seed):
        await bustle.act()
    backup = Backup(server)
    for _ in range(20):
        await bustle.act()
    before = await look(houses, *bustle.inside)
    if seed % 5:
        backup.put_back()
    else:
        lose_all(server)

    for one in processes[:: -1 if seed % 2 else 1]:
        assert await one.rooms.restore_all(clock.now_ms()) == ()
    clock.advance(ms=POLICY.grace_ms)
    await houses[0].expire_lost()
    clock.advance(ms=-POLICY.grace_ms)

    after = await look(houses, *bustle.inside)
    assert settled(after) == settled(before)


def settled(seen):
    """What is seen, without how far the sequence is: who left since leaves once more."""
    people, (summary,), totals = seen
    found = [(members, structs.replace(joined, seq=0)) for members, joined in people]
    return found, structs.replace(summary, active_ms=0), totals


# --- what was said before anybody here came in ---


async def test_a_message_said_again_is_none_more_though_redis_was_lost_and_all_came_back_twice(
    houses, processes, alice, bob, clock, server
):
    said = await alice.say("is this heard?", message_id="m-1")
    lose_all(server)
    await restore(clock, *processes)
    for guest in (alice, bob):
        await guest.lose()
    tab = alice.elsewhere(house=houses[1])
    await tab.join(token=alice.token, key_hash=KEY)
    lose_all(server)
    await restore(clock, *processes)

    again = await tab.say("is this heard?", message_id="m-1")

    assert again.is_repeat
    assert again.event.seq == said.event.seq
