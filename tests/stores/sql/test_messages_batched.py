"""Messages that are stored at the same time: each is judged for itself."""

import asyncio

import pytest

from server.core.errors import AppError, Code
from server.core.ids import DeviceId, RoomId, UserId
from server.core.ports.conversations import Device
from server.stores.sql.postgres import Postgres
from server.stores.sql.steps import value
from tests.servers import until
from tests.stores.sql.households import NOW_MS, Household, outcomes, pid_that_waits

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
on_postgres = pytest.mark.parametrize("database", ["postgres"], indirect=True)


@pytest.fixture
async def other_node(home):
    other = Postgres(home.database._url)
    await other.start()
    yield Household(other)
    await other.close()


async def sequences(home: Household, room: RoomId) -> list[int]:
    page = await home.messages.history(UserId("alice"), room, 1_000, NOW_MS)
    return [one.seq for one in page.messages]


async def deadlocks_in(home: Household) -> int:
    """Since the server started; others may have used the database before."""
    found = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    await home.database.read(lambda: value("SELECT pg_stat_clear_snapshot()"))
    return await home.database.read(lambda: value(found))


async def test_of_many_at_once_each_is_refused_for_itself_and_leaves_no_gap(home):
    room = await home.room_of("alice", "bob")
    nowhere = RoomId("nowhere")
    await home.send("bob", room, "taken")
    good = [home.send("alice", room, f"m{number}") for number in range(6)]
    bad = [
        home.send("carol", room),
        home.send("alice", nowhere),
        home.send("alice", room, "taken"),
        home.send("alice", room, covered=frozenset({Device(UserId("bob"), DeviceId("old"))})),
        home.send("alice", "nemo"),
        home.send("alice", "alice"),
    ]
    mixed = [one for pair in zip(good, bad, strict=True) for one in pair]
    told = await outcomes(*mixed)

    assert [one.message.seq for one in told[::2]] == [2, 3, 4, 5, 6, 7]
    assert [one.code for one in told[1::2]] == [
        Code.NOT_FOUND,
        Code.NOT_FOUND,
        Code.ID_CONFLICT,
        Code.DEVICE_MISMATCH,
        Code.RECIPIENT_NOT_FOUND,
        Code.FORBIDDEN,
    ]
    assert await sequences(home, room) == [1, 2, 3, 4, 5, 6, 7]


async def test_an_id_that_two_take_at_once_is_one_of_theirs(home):
    room = await home.room_of("alice", "bob")
    await home.send("alice", room)
    told = await outcomes(*(home.send(name, room, "same") for name in ("alice", "bob", "alice")))
    assert [told[0].is_repeat, told[2].is_repeat] == [False, True]
    assert told[2].message == told[0].message
    assert told[1].code is Code.ID_CONFLICT


async def test_what_one_sends_at_once_is_stored_in_the_order_of_its_sending(home):
    sent = await asyncio.gather(*(home.send("alice", "bob", f"m{turn:02}") for turn in range(40)))
    assert [one.message.seq for one in sent] == list(range(1, 41))


async def test_a_refused_first_message_makes_no_room(home):
    await home.add_device("bob", "bob-laptop")
    with pytest.raises(AppError) as caught:
        await home.send("alice", "bob", covered=frozenset())
    assert caught.value.code is Code.DEVICE_MISMATCH
    assert await home.count("rooms") == 0


async def test_who_cannot_begin_a_conversation_keeps_no_other_from_it(home):
    await home.settle("d", "e")
    for name in ("bob", "carol", "d", "e"):
        await home.send("alice", name)
    await home.settle("f")
    first, second = await outcomes(home.send("alice", "f"), home.send("f", "alice"))
    assert first.code is Code.TOO_MANY_ROOMS
    assert second.message.seq == 1


async def test_what_a_database_cannot_hold_harms_no_other_message(home):
    room = await home.room_of("alice", "bob")
    other = await home.room_of("alice", "carol")
    told = await outcomes(
        home.send("alice", room, "m1"),
        home.send("alice", other, "m2", type="\ud800"),  # half of a character
        home.send("alice", other, "m3"),
    )
    assert (told[0].message.seq, told[2].message.seq) == (1, 1)
    assert isinstance(told[1], Exception)


# --- what does not come to be kept ---


@on_sqlite
async def test_a_full_disk_fails_just_what_is_in_the_commit(home):
    room = await home.room_of("alice", "bob")
    other = await home.room_of("alice", "carol")
    pages = await home.database.write(lambda: value("PRAGMA page_count"))
    await home.database.write(lambda: value(f"PRAGMA max_page_count = {pages + 10}"))
    big = "x" * 30_000
    told = await outcomes(
        *(home.send("alice", room, f"m{number}", ciphertext=big) for number in range(20)),
        *(home.send("alice", other, f"m{number}") for number in range(20)),
    )
    assert {one.code for one in told} == {Code.UNAVAILABLE}
    assert home.database.has_failed
    assert await sequences(home, room) == await sequences(home, other) == []

    small = await home.send("alice", other, "small")
    assert small.message.seq == 1
    await home.database.write(lambda: value(f"PRAGMA max_page_count = {pages + 10_000}"))
    again = await asyncio.gather(
        *(home.send("alice", room, f"m{number}", ciphertext=big) for number in range(20))
    )
    assert [one.is_repeat for one in again] == [False] * 20
    assert await sequences(home, room) == list(range(1, 21))


@on_postgres
async def test_a_connection_that_is_lost_in_the_middle_fails_just_what_it_carried(home, blocker):
    rooms = [await home.room_of("alice", "bob") for _ in range(3)]
    # Another one, not committed, has the id of the last message: the batch waits for it.
    await blocker.execute(
        "INSERT INTO messages (room_id, seq, message_id, sender_id, type, created_ms, withheld) "
        "VALUES ($1, 99, 'm2', 'alice', 'direct', 0, FALSE)",
        rooms[2],
    )
    carried = [
        asyncio.create_task(home.send("alice", room, f"m{number}"))
        for number, room in enumerate(rooms)
    ]
    pid = await pid_that_waits(blocker)
    elsewhere = await home.send("alice", "bob", "elsewhere")
    later = asyncio.create_task(home.send("alice", rooms[0], "later"))
    await blocker.execute("SELECT pg_terminate_backend($1)", pid)
    told = await outcomes(*carried)

    assert [one.code for one in told] == [Code.UNAVAILABLE] * 3
    assert elsewhere.message.seq == 1
    assert (await later).message.seq == 1
    await blocker.execute("ROLLBACK")
    again = await asyncio.gather(
        *(home.send("alice", room, f"m{number}") for number, room in enumerate(rooms))
    )
    assert [one.is_repeat for one in again] == [False] * 3
    assert [await sequences(home, room) for room in rooms] == [[1, 2], [1], [1]]


# --- several transactions ---


@on_postgres
async def test_a_locked_room_delays_only_its_own_messages(home, blocker):
    locked = await home.room_of("alice", "bob")
    free = await home.room_of("alice", "bob")
    await blocker.execute("SELECT 1 FROM rooms WHERE room_id = $1 FOR UPDATE", locked)
    waiting = [asyncio.create_task(home.send("alice", locked, f"m{one}")) for one in range(3)]
    together = await asyncio.wait_for(home.send("alice", free), 4)
    others = [await home.send("alice", free) for _ in range(5)]

    assert [one.message.seq for one in (together, *others)] == [1, 2, 3, 4, 5, 6]
    assert not any(one.done() for one in waiting)
    await blocker.execute("ROLLBACK")
    told = await asyncio.gather(*waiting)
    assert [one.message.seq for one in told] == [1, 2, 3]


@on_postgres
async def test_nodes_that_write_into_the_same_rooms_never_lock_each_other_out(home, other_node):
    before = await deadlocks_in(home)
    rooms = [await home.room_of("alice", "bob") for _ in range(4)]
    nodes = [home, other_node]
    sent = await asyncio.gather(
        *(
            nodes[turn % 2].send("alice", room, f"m{turn}")
            for turn in range(60)
            for room in (rooms if turn % 4 < 2 else rooms[::-1])
        )
    )
    assert [one.is_repeat for one in sent].count(True) == 0
    for room in rooms:
        assert await sequences(home, room) == list(range(1, 61))
    assert await deadlocks_in(home) == before


@on_postgres
async def test_a_room_that_ends_meanwhile_takes_no_message_more(home, blocker):
    room = await home.room_of("alice", "bob")
    await blocker.execute("UPDATE rooms SET deleted_ms = 1 WHERE room_id = $1", room)
    sending = asyncio.create_task(home.send("alice", room))
    await pid_that_waits(blocker)
    await blocker.execute("COMMIT")
    with pytest.raises(AppError) as caught:
        await sending
    assert caught.value.code is Code.NOT_FOUND


async def test_a_crowd_is_stored_in_fewer_commits_than_messages(home):
    rooms = [await home.room_of("alice", "bob") for _ in range(4)]
    writes = 0
    write = home.database.write

    async def counted(steps):
        nonlocal writes
        writes += 1
        return await write(steps)

    home.database.write = counted
    await asyncio.gather(*(home.send("alice", room) for room in rooms for _ in range(50)))
    assert writes <= 8
    await until(lambda: not home.messages._batches._queues)
