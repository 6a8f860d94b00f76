"""Sessions of dropped connections: given once, to one line, until their time is over."""

from collections.abc import AsyncIterator

import pytest
from msgspec import structs

from server.core.ids import ConnectionId, NumericUserId, RoomId, UserId
from server.core.kinds import Kind
from server.core.opaque import Opaque
from server.core.ports import RecoveryStore, Session, Standing
from server.stores.memory.recoveries import MemoryRecoveries
from server.stores.redis.connect import connect
from server.stores.redis.recoveries import RedisRecoveries
from tests.clocks import ManualClock
from tests.redis_servers import shared_redis

NAME, OTHER_NAME = b"\x00\xffname", b"other name"
KEPT_MS = 120_000

STANDINGS = (
    Standing(
        room_id=RoomId("tea-room"),
        user_id=NumericUserId("7"),
        kind=Kind.SESSION,
        place=1_800_000_000_123,
        has_asked=True,
        key_hash=b"\x00\x80key hash",
        token_hash=b"\xfftoken hash",
        name="Sieben 7️⃣",
        public_key=Opaque({"raw": b"\x00\x01", "n": [1, 2.5, None]}),
    ),
    Standing(
        room_id=RoomId("group"),
        user_id=UserId("seven"),
        kind=Kind.RANDOM,
        place=5,
        has_asked=False,
    ),
)

SESSION = Session(
    connection_id=ConnectionId("connection-1"),
    line="line-1",
    user_id=UserId("seven"),
    rooms=STANDINGS,
)


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[RecoveryStore]:
    if request.param == "memory":
        yield MemoryRecoveries(1_000)
        return
    server = shared_redis()
    with server.client() as client:
        client.flushall()
    link = await connect(server.url)
    yield RedisRecoveries(link)
    await link.close()


async def test_a_session_is_given_back_as_it_was_kept(
    store: RecoveryStore, clock: ManualClock
) -> None:
    assert await store.keep(NAME, SESSION, KEPT_MS, clock.now_ms())

    taken = await store.take(NAME, "line-2", clock.now_ms())

    assert taken == SESSION
    assert isinstance(taken.rooms[0].user_id, NumericUserId)
    assert not isinstance(taken.rooms[1].user_id, NumericUserId)


async def test_nothing_is_given_under_another_name(
    store: RecoveryStore, clock: ManualClock
) -> None:
    await store.keep(NAME, SESSION, KEPT_MS, clock.now_ms())

    assert await store.take(OTHER_NAME, "line-2", clock.now_ms()) is None


async def test_the_second_taker_gets_nothing(store: RecoveryStore, clock: ManualClock) -> None:
    await store.keep(NAME, SESSION, KEPT_MS, clock.now_ms())
    await store.take(NAME, "line-2", clock.now_ms())

    assert await store.take(NAME, "line-3", clock.now_ms()) is None


async def test_the_line_that_took_it_keeps_it_for_a_next_time(
    store: RecoveryStore, clock: ManualClock
) -> None:
    await store.keep(NAME, SESSION, KEPT_MS, clock.now_ms())
    await store.take(NAME, "line-2", clock.now_ms())
    ours = Session(connection_id=SESSION.connection_id, line="line-2", user_id=None, rooms=())

    assert await store.keep(NAME, ours, KEPT_MS, clock.now_ms())
    assert await store.take(NAME, "line-3", clock.now_ms()) == ours


async def test_a_line_that_has_lost_its_session_to_another_cannot_keep_it(
    store: RecoveryStore, clock: ManualClock
) -> None:
    await store.keep(NAME, SESSION, KEPT_MS, clock.now_ms())
    await store.take(NAME, "line-2", clock.now_ms())

    assert not await store.keep(NAME, SESSION, KEPT_MS, clock.now_ms())
    assert await store.hold({NAME: "line-1"}, KEPT_MS, clock.now_ms()) == {NAME}
    assert await store.take(NAME, "line-3", clock.now_ms()) is None


async def test_a_newer_state_of_a_session_takes_the_place_of_the_former(
    store: RecoveryStore, clock: ManualClock
) -> None:
    await store.keep(NAME, SESSION, KEPT_MS, clock.now_ms())
    newer = Session(
        connection_id=SESSION.connection_id, line="line-1", user_id=None, rooms=STANDINGS[1:]
    )

    assert await store.keep(NAME, newer, KEPT_MS, clock.now_ms())
    assert await store.take(NAME, "line-2", clock.now_ms()) == newer


async def test_a_session_is_given_until_its_time_is_over(
    store: RecoveryStore, clock: ManualClock
) -> None:
    for name in (NAME, OTHER_NAME):
        await store.keep(name, SESSION, KEPT_MS, clock.now_ms())

    clock.advance(ms=KEPT_MS - 1)
    assert await store.take(NAME, "line-2", clock.now_ms())
    clock.advance(ms=1)
    assert await store.take(OTHER_NAME, "line-2", clock.now_ms()) is None


async def test_a_session_that_is_held_is_given_for_longer(
    store: RecoveryStore, clock: ManualClock
) -> None:
    for name in (NAME, OTHER_NAME):
        await store.keep(name, SESSION, KEPT_MS, clock.now_ms())
    clock.advance(ms=KEPT_MS - 1)

    assert await store.hold({NAME: "line-1"}, KEPT_MS, clock.now_ms()) == frozenset()
    clock.advance(ms=KEPT_MS - 1)
    await store.expire(clock.now_ms())

    assert await store.take(NAME, "line-2", clock.now_ms())
    assert await store.take(OTHER_NAME, "line-2", clock.now_ms()) is None


async def test_holding_what_is_not_there_keeps_nothing(
    store: RecoveryStore, clock: ManualClock
) -> None:
    assert await store.hold({NAME: "line-1"}, KEPT_MS, clock.now_ms()) == frozenset()
    assert await store.take(NAME, "line-2", clock.now_ms()) is None


async def test_a_session_that_is_forgotten_is_given_to_nobody(
    store: RecoveryStore, clock: ManualClock
) -> None:
    await store.keep(NAME, SESSION, KEPT_MS, clock.now_ms())

    assert await store.forget(NAME, "line-1")
    assert await store.forget(NAME, "line-1")

    assert await store.take(NAME, "line-2", clock.now_ms()) is None


async def test_who_has_lost_a_session_to_another_line_cannot_forget_it(
    store: RecoveryStore, clock: ManualClock
) -> None:
    await store.keep(NAME, SESSION, KEPT_MS, clock.now_ms())
    await store.take(NAME, "line-2", clock.now_ms())
    moved = structs.replace(SESSION, line="line-2")
    await store.keep(NAME, moved, KEPT_MS, clock.now_ms())

    assert not await store.forget(NAME, "line-1")

    assert await store.take(NAME, "line-3", clock.now_ms()) == moved


async def test_in_redis_a_session_expires_by_itself(clock: ManualClock) -> None:
    server = shared_redis()
    link = await connect(server.url)
    await RedisRecoveries(link).keep(NAME, SESSION, KEPT_MS, clock.now_ms())
    await link.close()

    with server.client() as client:
        lives_ms = [client.pttl(key) for key in client.keys("{hw:n}p:*")]
    assert lives_ms
    assert all(0 < life_ms <= KEPT_MS for life_ms in lives_ms)


async def test_in_memory_what_is_over_is_forgotten(clock: ManualClock) -> None:
    store = MemoryRecoveries(1_000)
    for number in range(100):
        await store.keep(bytes([number]), SESSION, KEPT_MS, clock.now_ms())
    await store.take(bytes([1]), "line-2", clock.now_ms())

    clock.advance(ms=KEPT_MS)
    await store.expire(clock.now_ms())

    assert len(store) == 0


async def test_in_memory_there_are_no_more_than_the_bound_and_the_first_to_end_go_first(
    clock: ManualClock,
) -> None:
    store = MemoryRecoveries(10)
    await store.keep(NAME, SESSION, 2 * KEPT_MS, clock.now_ms())
    for number in range(100):
        await store.keep(bytes([number]), SESSION, KEPT_MS + number, clock.now_ms())

    assert len(store) == 10
    assert await store.take(NAME, "line-2", clock.now_ms())
    assert await store.take(bytes([99]), "line-2", clock.now_ms())
    assert await store.take(bytes([50]), "line-2", clock.now_ms()) is None
