"""The memory broker's logs: of rooms that nobody hears they are kept for a while."""

import pytest

from server.core.events import MemberJoined, RoomLocked
from server.core.ids import RoomId, UserId
from server.stores.memory.broker import KEPT_MS, LocalBroker
from tests.clocks import ManualClock

TEA, COFFEE = RoomId("tea-room"), RoomId("coffee-room")


@pytest.fixture
def broker(clock: ManualClock) -> LocalBroker:
    return LocalBroker(clock)


async def lock(broker: LocalBroker, room_id: RoomId) -> None:
    await broker.publish(RoomLocked(room_id=room_id, locked=True, locked_ms=1))


async def place_of(broker: LocalBroker, room_id: RoomId) -> int:
    """Of the newest event."""
    places: list[int] = []
    broker.subscribe(lambda event, place: places.append(place))
    joined = MemberJoined(room_id=room_id, seq=1, user_id=UserId("a"), name="A", joined_ms=1)
    await broker.publish(joined)
    return places[-1]


async def test_a_room_that_many_come_to_and_leave_is_noted_once(
    broker: LocalBroker, clock: ManualClock
) -> None:
    for _ in range(1_000):
        broker.unheard(TEA)
        clock.advance(ms=1)

    assert len(broker._unheard) == 1


async def test_what_was_told_is_known_for_its_time_after_the_last_has_gone(
    broker: LocalBroker, clock: ManualClock
) -> None:
    place = await place_of(broker, TEA)
    broker.unheard(TEA)
    clock.advance(ms=KEPT_MS - 1)
    broker.unheard(TEA)  # somebody was there in between
    clock.advance(ms=KEPT_MS - 1)
    await lock(broker, COFFEE)
    assert await broker.missed(TEA, place)

    clock.advance(ms=1)
    await lock(broker, RoomId("another"))
    assert await broker.missed(TEA, place) is None
