"""A room's events in their order, each once, whatever was lost or came late on the way."""

import asyncio

import pytest

from server.core.errors import AppError, Code
from server.core.events import MemberJoined, MessageSent, RoomEvent, TypingChanged
from server.core.ids import MessageId, RoomId, UserId
from server.core.opaque import Opaque
from server.core.ports import Placed
from server.stores.redis import feeds as feeds_module
from server.stores.redis.feeds import Feed, Tail
from tests.servers import until

TEA = RoomId("tea-room")


def event(place: int) -> Placed:
    joined = MemberJoined(room_id=TEA, seq=place, user_id=UserId("a"), name="", joined_ms=place)
    return Placed(place, joined)


def typing() -> Placed:
    return Placed(0, TypingChanged(room_id=TEA, user_id=UserId("a"), is_typing=True))


class Room:
    """The log of a room, and a feed of it.

    Attributes:
        places: What was delivered; 0 for what is of the moment.
        reads: How often the log was read.
        is_away: The log does not answer.
    """

    def __init__(self) -> None:
        self.newest = 10
        self.places: list[int] = []
        self.reads = 0
        self.is_away = False
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.feed = Feed(TEA, self._read, self._deliver)

    def happen(self, count: int = 1) -> Placed:
        """So much happens; the last of it is told."""
        self.newest += count
        return event(self.newest)

    def hear(self, *places: int) -> None:
        for place in places:
            self.feed.take(event(place))

    async def heard_all(self) -> None:
        await until(lambda: self.places and max(self.places) == self.newest)

    async def _read(self, room_id: RoomId, place: int) -> Tail:
        self.reads += 1
        newest = self.newest
        await self.may_answer.wait()
        if self.is_away:
            raise AppError(Code.UNAVAILABLE, "away")
        return Tail(tuple(event(one) for one in range(place + 1, newest + 1)), newest)

    def _deliver(self, told: RoomEvent, place: int) -> None:
        self.places.append(place)


@pytest.fixture
async def room() -> Room:
    one = Room()
    one.feed.begin(10)
    return one


async def test_what_comes_in_order_is_delivered_at_once_and_the_log_is_not_read(room: Room) -> None:
    room.hear(11, 12, 13)

    assert room.places == [11, 12, 13]
    assert room.reads == 0


async def test_what_comes_twice_is_delivered_once(room: Room) -> None:
    room.hear(11, 11, 12, 11, 12)

    assert room.places == [11, 12]


async def test_what_was_lost_is_read_from_the_log_and_delivered_before_what_comes_after_it(
    room: Room,
) -> None:
    room.feed.take(room.happen(4))

    await room.heard_all()
    assert room.places == [11, 12, 13, 14]
    assert room.reads == 1


async def test_what_comes_while_the_log_is_read_waits_for_it(room: Room) -> None:
    room.may_answer.clear()
    room.feed.take(room.happen(3))
    await until(lambda: room.reads)
    room.feed.take(room.happen())
    room.feed.take(typing())
    room.feed.take(room.happen())
    assert room.places == []

    room.may_answer.set()

    await room.heard_all()
    assert room.places == [11, 12, 13, 14, 0, 15]


async def test_a_second_gap_within_what_waited_is_filled_as_well(room: Room) -> None:
    room.may_answer.clear()
    room.feed.take(room.happen(2))
    room.feed.take(room.happen(3))
    room.may_answer.set()

    await room.heard_all()
    assert room.places == [11, 12, 13, 14, 15]


async def test_while_the_log_does_not_answer_it_is_asked_again(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds_module, "ASK_AGAIN_S", 0.01)
    room.is_away = True
    room.feed.take(room.happen(2))
    await until(lambda: room.reads > 2)

    room.is_away = False

    await room.heard_all()
    assert room.places == [11, 12]


async def test_what_is_of_the_moment_is_delivered_where_it_comes(room: Room) -> None:
    room.hear(11)
    room.feed.take(typing())
    room.hear(12)

    assert room.places == [11, 0, 12]


async def test_what_comes_before_anybody_is_attached_is_delivered_from_where_they_are() -> None:
    room = Room()
    room.hear(11, 12, 13)
    assert room.places == []

    room.feed.begin(12)
    assert room.places == []  # who was attached is answered first

    await until(lambda: room.places == [13])


async def test_asked_to_look_it_delivers_what_nobody_told_it_of(room: Room) -> None:
    room.happen(3)

    room.feed.fill()

    await room.heard_all()
    assert room.places == [11, 12, 13]


async def test_asked_to_look_while_the_log_is_read_it_reads_it_once_more(room: Room) -> None:
    room.may_answer.clear()
    room.feed.fill()
    await until(lambda: room.reads)
    room.happen(3)

    room.feed.fill()
    room.feed.fill()
    room.may_answer.set()

    await room.heard_all()
    assert room.places == [11, 12, 13]
    assert room.reads == 2


async def test_asked_to_look_before_it_took_what_was_heard_it_does_so_after_that() -> None:
    room = Room()
    room.hear(11)
    room.feed.begin(10)
    room.newest = 12

    room.feed.fill()

    await room.heard_all()
    assert room.places == [11, 12]


async def test_after_an_end_it_is_forgotten_that_it_was_asked_to_look_once_more(
    room: Room,
) -> None:
    room.may_answer.clear()
    room.feed.fill()
    room.feed.fill()
    room.feed.end()
    room.may_answer.set()
    room.feed.begin(10)

    room.feed.take(room.happen(2))

    await room.heard_all()
    assert not room.feed._filling
    assert room.reads == 1


async def test_after_its_end_it_delivers_nothing_until_it_begins_again(room: Room) -> None:
    room.feed.end()
    room.hear(11, 12)
    assert room.places == []

    room.feed.begin(11)
    room.hear(13)

    await until(lambda: room.places == [12, 13])


async def test_an_end_in_the_middle_of_a_read_delivers_nothing(room: Room) -> None:
    room.may_answer.clear()
    room.feed.take(room.happen(3))
    await until(lambda: room.reads)
    room.feed.end()
    room.may_answer.set()
    room.feed.begin(room.newest)
    room.hear(room.newest + 1)

    assert room.places == [room.newest + 1]


async def test_no_more_waits_than_there_may(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.may_answer.clear()
    room.feed.take(room.happen(2))
    for _ in range(feeds_module.MAX_PENDING + 500):
        room.feed.take(room.happen())
    assert len(room.feed._pending) == feeds_module.MAX_PENDING
    room.may_answer.set()

    await room.heard_all()
    assert room.places == list(range(11, room.newest + 1))


# --- who waits until all was told ---


def message(place: int) -> Placed:
    """A message, whose place in the sequence is that in the log."""
    said = MessageSent(
        room_id=TEA,
        seq=place,
        message_id=MessageId(str(place)),
        sender=UserId("a"),
        recipient=None,
        addressed_as=None,
        ciphertext=Opaque.restored("x"),
        content_type="text",
        sent_ms=place,
    )
    return Placed(place, said)


async def test_who_was_answered_with_a_place_waits_until_all_up_to_it_was_delivered(
    room: Room,
) -> None:
    waiting = asyncio.create_task(room.feed.told(12))
    room.feed.take(message(11))
    await asyncio.sleep(0)
    assert not waiting.done()

    room.feed.take(message(12))

    await waiting
    assert room.reads == 0
    await room.feed.told(12)  # and later at once


async def test_what_does_not_come_for_who_waits_is_read_from_the_log(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds_module, "LATE_S", 0.01)
    room.newest = 12

    await room.feed.told(12)

    assert room.places == [11, 12]


async def test_what_does_not_come_for_who_began_to_wait_while_the_log_was_read_is_read_after_that(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds_module, "LATE_S", 0.01)
    room.may_answer.clear()
    room.feed.fill()
    await until(lambda: room.reads)
    room.newest = 12
    waiting = asyncio.create_task(room.feed.told(12))
    await until(lambda: room.feed._again)

    room.may_answer.set()

    await waiting
    assert room.places == [11, 12]


async def test_who_waits_for_what_was_delivered_before_the_feed_began_goes_on(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds_module, "LATE_S", 0.01)

    await room.feed.told(9)

    assert room.reads == 1


async def test_while_the_log_does_not_answer_who_waits_is_refused_in_time(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds_module, "TOLD_LIMIT_S", 0.05)
    room.is_away = True

    with pytest.raises(TimeoutError):
        await room.feed.told(11)


async def test_nobody_waits_for_a_feed_that_has_ended(room: Room) -> None:
    waiting = asyncio.create_task(room.feed.told(12))
    await asyncio.sleep(0)

    room.feed.end()

    await waiting
    await room.feed.told(12)
